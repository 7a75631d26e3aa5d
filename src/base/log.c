#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

/*
 * A value longer than this is cut. Escaped, a byte becomes at most six, so a line has room for
 * several of the worst ones; one that still does not fit is tried again with shorter values.
 */
#define VALUE_BYTES_MAX   512
#define VALUE_BYTES_SHORT 48
#define LINE_BYTES_MAX    16384

/* The one mutable global that the house allows: where lines go. `lock` guards all but `least`. */
static struct {
    atomic_int least;
    pthread_mutex_t lock;
    int fd;
    enum log_format format;
    uint64_t dropped;
    size_t n; /* bytes collected */
    char bytes[LOG_BUFFER_BYTES];
} sink = {.least = LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* Writes what is collected; what a full pipe does not take yet stays for the next time. */
static void flush_locked(void)
{
    size_t done = 0;
    while (done < sink.n) {
        ssize_t n = write(sink.fd, sink.bytes + done, sink.n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) { /* a full disk must not stop the service */
            for (; done < sink.n; done++)
                sink.dropped += sink.bytes[done] == '\n';
            break;
        }
        done += (size_t)n;
    }
    sink.n -= done;
    if (sink.n > 0 && done > 0)
        memmove(sink.bytes, sink.bytes + done, sink.n);
}

int log_open(const char *path, enum log_format format, enum log_level least)
{
    int fd = STDERR_FILENO;
    if (path && *path && strcmp(path, "-") != 0) {
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (fd < 0)
            return E_IO;
    }
    pthread_mutex_lock(&sink.lock);
    flush_locked();
    if (sink.fd != STDERR_FILENO)
        close(sink.fd);
    sink.fd = fd;
    sink.format = format;
    pthread_mutex_unlock(&sink.lock);
    atomic_store_explicit(&sink.least, (int)least, memory_order_relaxed);
    return 0;
}

bool log_wants(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&sink.least, memory_order_relaxed);
}

void log_flush(void)
{
    pthread_mutex_lock(&sink.lock);
    flush_locked();
    pthread_mutex_unlock(&sink.lock);
}

uint64_t log_lines_dropped(void)
{
    pthread_mutex_lock(&sink.lock);
    uint64_t dropped = sink.dropped;
    pthread_mutex_unlock(&sink.lock);
    return dropped;
}

/* May the value stand in a text line without quotes? Beyond ASCII, quoting decides what is safe. */
static bool is_bare(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return s.n > 0;
}

static void str_write(struct buf *line, struct str s, size_t bytes_max, bool json)
{
    s = str_head_utf8(s, bytes_max);
    if (s.p == NULL)
        buf_str(line, json ? STR("null") : STR("-"));
    else if (json || !is_bare(s))
        json_quote(line, s);
    else
        buf_str(line, s);
}

static void value_write(struct buf *line, const struct log_field *f, size_t bytes_max, bool json)
{
    switch (f->kind) {
    case LOG_F_STR:
        str_write(line, f->value.s, bytes_max, json);
        break;
    case LOG_F_INT:
        buf_i64(line, f->value.i);
        break;
    case LOG_F_NANOS_USD:
        json_usd(line, f->value.i);
        break;
    case LOG_F_US_AS_MS:
        buf_decimal(line, f->value.i, 3, 3);
        break;
    case LOG_F_NULL:
    case LOG_F_END:
        str_write(line, STR_NONE, 0, json);
        break;
    }
}

/* "2026-11-24T15:04:05" changes once a second; the date is most of what it costs. */
static void time_write(struct buf *line, int64_t wall_us)
{
    static int64_t second = -1;
    static char text[25];
    int64_t now = wall_us / 1000000;
    if (second != now) {
        second = now;
        clock_iso(now * 1000000, text);
    }
    int ms = (int)(wall_us / 1000 % 1000);
    char fraction[4] = {(char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10),
                        'Z'};
    buf_add(line, text, 20); /* up to and with the point */
    buf_add(line, fraction, sizeof(fraction));
}

static void text_line(struct buf *line, enum log_level level, const char *event,
                      const struct log_field *fields, size_t bytes_max)
{
    time_write(line, clock_wall_us());
    buf_char(line, ' ');
    buf_str(line, str_from(level_names[level]));
    buf_char(line, ' ');
    buf_str(line, str_from(event));
    for (const struct log_field *f = fields; f->kind != LOG_F_END; f++) {
        buf_char(line, ' ');
        buf_str(line, str_from(f->name));
        buf_char(line, '=');
        value_write(line, f, bytes_max, false);
    }
    buf_char(line, '\n');
}

static void json_line(struct buf *line, enum log_level level, const char *event,
                      const struct log_field *fields, size_t bytes_max)
{
    buf_str(line, STR("{\"time\":\""));
    time_write(line, clock_wall_us());
    buf_str(line, STR("\",\"level\":\""));
    buf_str(line, str_from(level_names[level]));
    buf_str(line, STR("\",\"event\":"));
    json_quote(line, str_from(event));
    for (const struct log_field *f = fields; f->kind != LOG_F_END; f++) {
        buf_char(line, ',');
        json_quote(line, str_from(f->name));
        buf_char(line, ':');
        value_write(line, f, bytes_max, true);
    }
    buf_str(line, STR("}\n"));
}

void log_event(enum log_level level, const char *event, const struct log_field *fields)
{
    static const size_t value_bytes[] = {VALUE_BYTES_MAX, VALUE_BYTES_SHORT};
    pthread_mutex_lock(&sink.lock);
    if (LOG_BUFFER_BYTES - sink.n < LINE_BYTES_MAX)
        flush_locked();
    size_t room = LOG_BUFFER_BYTES - sink.n;
    room = room < LINE_BYTES_MAX ? room : LINE_BYTES_MAX;
    struct buf line;
    for (size_t i = 0; i < ARRAY_LEN(value_bytes); i++) {
        /* Straight into the buffer: at its ceiling from birth, the buf never calls realloc. */
        line = (struct buf){.p = sink.bytes + sink.n, .cap = room, .bytes_max = room};
        if (sink.format == LOG_JSON)
            json_line(&line, level, event, fields, value_bytes[i]);
        else
            text_line(&line, level, event, fields, value_bytes[i]);
        if (!line.failed)
            break;
    }
    if (line.failed)
        sink.dropped++;
    else
        sink.n += line.n;
    if (level >= LOG_WARN)
        flush_locked();
    pthread_mutex_unlock(&sink.lock);
}
