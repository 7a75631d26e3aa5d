#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

/* The one mutable global that the house allows: where lines go. */
static struct {
    int fd;
    enum log_format format;
    enum log_level least;
    bool open;
    uint64_t dropped;
    pthread_mutex_t lock;
    size_t n;
    char bytes[LOG_BUFFER_BYTES];
} out = {.fd = STDERR_FILENO, .least = LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER};

#define LINE_BYTES_MAX 4096

static const char *const level_names[] = {"debug", "info", "warn", "error"};

int log_open(const char *path, enum log_format format, enum log_level least)
{
    int fd = STDERR_FILENO;
    if (path && *path && !(path[0] == '-' && path[1] == '\0')) {
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (fd < 0)
            return E_IO;
    }
    log_flush();
    pthread_mutex_lock(&out.lock);
    if (out.open && out.fd != STDERR_FILENO)
        close(out.fd);
    out.fd = fd;
    out.format = format;
    out.least = least;
    out.open = true;
    pthread_mutex_unlock(&out.lock);
    return 0;
}

bool log_wants(enum log_level level)
{
    return level >= out.least;
}

static void flush_locked(void)
{
    size_t done = 0;
    while (done < out.n) {
        ssize_t n = write(out.fd, out.bytes + done, out.n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) { /* a full disk must not stop the service */
            for (size_t i = done; i < out.n; i++)
                out.dropped += out.bytes[i] == '\n';
            break;
        }
        done += (size_t)n;
    }
    out.n = 0;
}

void log_flush(void)
{
    if (out.n == 0)
        return;
    pthread_mutex_lock(&out.lock);
    flush_locked();
    pthread_mutex_unlock(&out.lock);
}

uint64_t log_lines_dropped(void)
{
    return out.dropped;
}

static bool is_bare(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            return false;
    }
    return s.n > 0;
}

static void value_write(struct buf *line, const struct log_field *f, bool json)
{
    int64_t i = f->value.i;
    switch (f->kind) {
    case LOG_F_STR:
        if (json || !is_bare(f->value.s))
            json_quote(line, f->value.s);
        else
            buf_str(line, f->value.s);
        break;
    case LOG_F_INT:
        buf_i64(line, i);
        break;
    case LOG_F_NANOS_USD:
        json_usd(line, i);
        break;
    case LOG_F_US_AS_MS:
        if (i < 0) {
            buf_char(line, '-');
            i = -i;
        }
        buf_u64(line, (uint64_t)i / 1000);
        buf_char(line, '.');
        buf_char(line, (char)('0' + i / 100 % 10));
        buf_char(line, (char)('0' + i / 10 % 10));
        buf_char(line, (char)('0' + i % 10));
        break;
    case LOG_F_NULL:
    case LOG_F_END:
        buf_str(line, json ? STR("null") : STR("-"));
        break;
    }
}

/* "2026-11-24T15:04:05" changes once a second; formatting it is most of a line's price. */
static void time_write(struct buf *line, int64_t wall_us, bool json)
{
    static int64_t second = -1;
    static char text[25];
    if (second != wall_us / 1000000) {
        second = wall_us / 1000000;
        clock_iso(second * 1000000, text);
    }
    int ms = (int)(wall_us / 1000 % 1000);
    char fraction[5] = {(char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10),
                        'Z', '\0'};
    if (json)
        buf_str(line, STR("{\"time\":\""));
    buf_add(line, text, 20); /* up to and with the point */
    buf_add(line, fraction, 4);
    if (json)
        buf_char(line, '"');
}

static void line_write(struct buf *line, enum log_level level, const char *event,
                       const struct log_field *fields)
{
    bool json = out.format == LOG_JSON;
    time_write(line, clock_wall_us(), json);
    buf_str(line, json ? STR(",\"level\":\"") : STR(" "));
    buf_str(line, str_from(level_names[level]));
    buf_str(line, json ? STR("\",\"event\":") : STR(" "));
    if (json)
        json_quote(line, str_from(event));
    else
        buf_str(line, str_from(event));
    for (const struct log_field *f = fields; f->kind != LOG_F_END; f++) {
        buf_str(line, json ? STR(",\"") : STR(" "));
        buf_str(line, str_from(f->name));
        buf_str(line, json ? STR("\":") : STR("="));
        value_write(line, f, json);
    }
    if (json)
        buf_char(line, '}');
    buf_char(line, '\n');
}

void log_event(enum log_level level, const char *event, const struct log_field *fields)
{
    pthread_mutex_lock(&out.lock);
    if (out.n + LINE_BYTES_MAX > LOG_BUFFER_BYTES)
        flush_locked();
    /* The line is written straight into the buffer; a longer one than fits is not kept. */
    struct buf line = {
        .p = out.bytes + out.n, .cap = LINE_BYTES_MAX, .bytes_max = LINE_BYTES_MAX};
    line_write(&line, level, event, fields);
    if (line.failed)
        out.dropped++;
    else
        out.n += line.n;
    if (level >= LOG_WARN)
        flush_locked();
    pthread_mutex_unlock(&out.lock);
}
