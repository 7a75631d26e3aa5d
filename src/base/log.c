#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/put.h"
#include "base/word.h"

/*
 * A value longer than this is cut. Escaped, a byte becomes at most six, so a line has room for
 * several of the worst ones; one that still does not fit is tried again with shorter values.
 */
#define VALUE_BYTES_MAX   512
#define VALUE_BYTES_SHORT 48
#define LINE_BYTES_MAX    16384

/*
 * Behind its end a line has this much room more, so that only values of others are asked whether
 * they fit: a word of ours, a number and their names always do.
 */
#define LINE_MARGIN    96
#define WORD_BYTES_MAX 32

#define LAST_WAIT_MS 1000 /* for a reader that is behind, at the end */

struct line {
    char *at, *end;
    bool full; /* something did not fit: the line is worth nothing */
};

/* The one mutable global that the house allows: where lines go. `lock` guards all but `least`. */
static struct {
    atomic_int least;
    pthread_mutex_t lock;
    int fd;
    bool is_file; /* which takes all at once */
    enum log_format format;
    uint64_t dropped;
    size_t n; /* bytes collected */
    char bytes[LOG_BUFFER_BYTES];
} sink = {.least = LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO};

static const struct str level_names[] = {{"debug", 5}, {"info", 4}, {"warn", 4}, {"error", 5}};

/*
 * How much may be written now: 0 where a reader who has stalled would make everybody wait. Standard
 * error is shared with others, so it is not ours to say that it shall not block: it is asked, and
 * where it has room a pipe takes so many bytes. They end with a line, so that lines of two
 * processes do not mix.
 */
static size_t bytes_now(const char *bytes, size_t n, int wait_ms)
{
    struct pollfd p = {.fd = sink.fd, .events = POLLOUT};
    if (sink.is_file)
        return n;
    if (poll(&p, 1, wait_ms) <= 0)
        return 0;
    if (n <= PIPE_BUF)
        return n;
    const char *end = memrchr(bytes, '\n', PIPE_BUF);
    return end ? (size_t)(end - bytes) + 1 : PIPE_BUF;
}

/* Writes what is collected; what a full pipe does not take in time stays for the next time. */
static void flush_locked(int wait_ms)
{
    size_t done = 0;
    while (done < sink.n) {
        size_t now = bytes_now(sink.bytes + done, sink.n - done, wait_ms);
        if (now == 0)
            break;
        ssize_t n = write(sink.fd, sink.bytes + done, now);
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
    struct stat st;
    if (path && *path && strcmp(path, "-") != 0) {
        /* A named pipe would else wait for its reader here, and all requests with it. */
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
        if (fd < 0)
            return E_IO;
    }
    pthread_mutex_lock(&sink.lock);
    flush_locked(0);
    if (sink.fd != STDERR_FILENO)
        close(sink.fd);
    sink.fd = fd;
    sink.is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
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
    flush_locked(0);
    pthread_mutex_unlock(&sink.lock);
}

void log_flush_last(void)
{
    pthread_mutex_lock(&sink.lock);
    flush_locked(LAST_WAIT_MS);
    pthread_mutex_unlock(&sink.lock);
}

uint64_t log_lines_dropped(void)
{
    pthread_mutex_lock(&sink.lock);
    uint64_t dropped = sink.dropped;
    pthread_mutex_unlock(&sink.lock);
    return dropped;
}

/* Beyond ASCII, quoting decides what is safe. A byte over 0x7e has its high bit, or gets it from
 * the addition. */
static ALWAYS_INLINE bool word_is_odd(uint64_t word)
{
    uint64_t high = (word + WORD_ONES) | word;
    return ((high & WORD_HIGHS) | word_below(word, ' ' + 1) | word_has(word, '"') |
            word_has(word, '=') | word_has(word, '\\')) != 0;
}

/* May the value stand in a text line without quotes, and between quotes without escapes? */
static bool is_bare(struct str s)
{
    return s.n > 0 && !word_any(s.p, s.n, word_is_odd);
}

static void plain_write(struct line *l, struct str s, bool json)
{
    if (json)
        *l->at++ = '"';
    l->at = put_str(l->at, s);
    if (json)
        *l->at++ = '"';
}

static NOINLINE void quoted_write(struct line *l, struct str s, size_t room)
{
    struct buf quoted = {.p = l->at, .cap = room, .bytes_max = room};
    l->full |= json_quote(&quoted, s) != 0;
    l->at += quoted.n;
}

static void str_write(struct line *l, struct str s, size_t bytes_max, bool json)
{
    if (s.n > bytes_max)
        s = str_head_utf8(s, bytes_max);
    size_t room = l->at < l->end ? (size_t)(l->end - l->at) : 0;
    if (s.p == NULL)
        l->at = put_str(l->at, json ? STR("null") : STR("-"));
    else if (s.n <= room && is_bare(s))
        plain_write(l, s, json);
    else
        quoted_write(l, s, room);
}

static struct str text_of(const struct log_field *f)
{
    return str_of(f->text, (size_t)f->n);
}

/* Once for each format, with what only the other one needs left out. */
static ALWAYS_INLINE void value_write(struct line *l, const struct log_field *f, size_t bytes_max,
                                      bool json)
{
    switch (f->kind) {
    case LOG_F_STR:
        str_write(l, text_of(f), bytes_max, json);
        break;
    case LOG_F_WORD:
        plain_write(l, str_head(text_of(f), WORD_BYTES_MAX), json);
        break;
    case LOG_F_INT:
        l->at = put_i64(l->at, f->n);
        break;
    case LOG_F_NANOS_USD:
        l->at = put_decimal(l->at, f->n, 9, 0);
        break;
    case LOG_F_US_AS_MS:
        l->at = put_decimal(l->at, f->n, 3, 3);
        break;
    case LOG_F_NULL:
    case LOG_F_END:
        str_write(l, STR_NONE, 0, json);
        break;
    }
    l->full |= l->at > l->end;
}

/* "2026-11-24T15:04:05" changes once a second; the date is most of what it costs. */
static char *time_put(char *at, int64_t wall_us)
{
    static int64_t second = -1;
    static char text[25];
    int64_t now = wall_us / 1000000;
    if (second != now) {
        second = now;
        clock_iso(now * 1000000, text);
    }
    at = put_str(at, str_of(text, 20)); /* up to and with the point */
    at = put_digits(at, (unsigned)(wall_us / 1000 % 1000), 3);
    return put_str(at, STR("Z"));
}

/* With the move of a fixed size that the margin allows. */
static inline char *name_put(char *at, const struct log_field *f)
{
    memcpy(at, f->name, LOG_NAME_MAX);
    return at + f->name_n;
}

static void text_line(struct line *l, enum log_level level, int64_t wall_us, struct str event,
                      const struct log_field *fields, size_t bytes_max)
{
    l->at = time_put(l->at, wall_us);
    *l->at++ = ' ';
    l->at = put_str(l->at, level_names[level]);
    *l->at++ = ' ';
    l->at = put_str(l->at, event);
    for (const struct log_field *f = fields; f->kind != LOG_F_END && !l->full; f++) {
        *l->at++ = ' ';
        l->at = name_put(l->at, f);
        *l->at++ = '=';
        value_write(l, f, bytes_max, false);
    }
    *l->at++ = '\n';
}

static void json_line(struct line *l, enum log_level level, int64_t wall_us, struct str event,
                      const struct log_field *fields, size_t bytes_max)
{
    l->at = time_put(put_str(l->at, STR("{\"time\":\"")), wall_us);
    l->at = put_str(put_str(l->at, STR("\",\"level\":\"")), level_names[level]);
    l->at = put_str(put_str(l->at, STR("\",\"event\":\"")), event);
    *l->at++ = '"';
    for (const struct log_field *f = fields; f->kind != LOG_F_END && !l->full; f++) {
        l->at = name_put(put_str(l->at, STR(",\"")), f);
        l->at = put_str(l->at, STR("\":"));
        value_write(l, f, bytes_max, true);
    }
    l->at = put_str(l->at, STR("}\n"));
}

/* Straight into the buffer, behind what is there; false when there is no room. */
static bool line_write(enum log_level level, int64_t wall_us, struct str event,
                       const struct log_field *fields, size_t bytes_max)
{
    size_t room = LOG_BUFFER_BYTES - sink.n;
    room = room < LINE_BYTES_MAX ? room : LINE_BYTES_MAX;
    if (room < 2 * LINE_MARGIN) /* the line's beginning needs less than the first of them */
        return false;
    char *begin = sink.bytes + sink.n;
    struct line line = {begin, begin + room - LINE_MARGIN, false};
    if (sink.format == LOG_JSON)
        json_line(&line, level, wall_us, event, fields, bytes_max);
    else
        text_line(&line, level, wall_us, event, fields, bytes_max);
    if (!line.full)
        sink.n += (size_t)(line.at - begin);
    return !line.full;
}

void log_event(enum log_level level, int64_t wall_us, const char *name,
               const struct log_field *fields)
{
    struct str event = str_head(str_from(name), WORD_BYTES_MAX);
    pthread_mutex_lock(&sink.lock);
    if (LOG_BUFFER_BYTES - sink.n < LINE_BYTES_MAX)
        flush_locked(0);
    if (!line_write(level, wall_us, event, fields, VALUE_BYTES_MAX) &&
        !line_write(level, wall_us, event, fields, VALUE_BYTES_SHORT))
        sink.dropped++;
    if (level >= LOG_WARN)
        flush_locked(0);
    pthread_mutex_unlock(&sink.lock);
}
