/*
 * log.h: lines for people and for machines, on standard error or in a file.
 *
 * Library code does not log: api/, cli/ and the tasks of their own (ledger writer, listener) do.
 * A line is one event with fields; it is written as text ("2026-11-24T15:04:05.678Z info turn
 * model=x ms=12.000") or as one JSON object. No prompt, no key and no body ever goes in. Whatever
 * a value holds, a line stays one line: values are cut at 512 bytes, and quoted and escaped as
 * JSON strings where they need it.
 *
 * Lines are collected in a buffer of LOG_BUFFER_BYTES and written at the end of the loop's round
 * (log_flush), so a line costs no system call of its own; warnings and errors are written at once.
 * Nobody waits for whoever reads them: of a pipe that is full, lines stay in the buffer, and when
 * that is full, too, further ones are dropped and counted.
 * Loop thread only, except log_event with LOG_ERROR, which any thread may call.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

#define LOG_BUFFER_BYTES 65536
#define LOG_NAME_MAX     16

/* Ends a list of fields. */
#define LOG_END ((struct log_field){.kind = LOG_F_END})

enum log_kind {
    LOG_F_END,
    LOG_F_STR,
    LOG_F_WORD,
    LOG_F_INT,
    LOG_F_NANOS_USD,
    LOG_F_US_AS_MS,
    LOG_F_NULL
};

struct log_field {
    const char *name; /* LOG_NAME_MAX bytes may be read, of which the first `name_n` count */
    unsigned name_n;
    enum log_kind kind;
    const char *text; /* of `n` bytes; NULL where `n` is the value */
    int64_t n;
};

/* A name is a literal that needs no escapes; with zeros behind it, it is written in one move. */
#define LOG_NAME(literal)                                                                          \
    "" literal "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                                                   \
        (sizeof(literal) <= LOG_NAME_MAX ? sizeof(literal) - 1 : LOG_NAME_MAX)

static inline struct log_field log_text(const char *name, size_t n, enum log_kind kind,
                                        struct str s)
{
    return (struct log_field){name, (unsigned)n, kind, s.p, (int64_t)s.n};
}
static inline struct log_field log_number(const char *name, size_t n, enum log_kind kind, int64_t i)
{
    return (struct log_field){name, (unsigned)n, kind, NULL, i};
}

#define log_s(name, str) log_text(LOG_NAME(name), LOG_F_STR, str)
#define log_z(name, z)   log_text(LOG_NAME(name), LOG_F_STR, str_from(z))
/* A word of ours, of at most 32 bytes that need no quotes: an id, an error's code. */
#define log_word(name, str) log_text(LOG_NAME(name), LOG_F_WORD, str)
#define log_i(name, i)      log_number(LOG_NAME(name), LOG_F_INT, i)
/* Nano-dollars, written as dollars: 1234567 -> 0.001234567 */
#define log_usd(name, nanos) log_number(LOG_NAME(name), LOG_F_NANOS_USD, nanos)
/* Microseconds, written as milliseconds with three decimals. */
#define log_ms(name, us) log_number(LOG_NAME(name), LOG_F_US_AS_MS, us)
#define log_null(name)   log_number(LOG_NAME(name), LOG_F_NULL, 0)

/* `path` NULL or "-" is standard error. 0 or E_IO. Called again, it reopens (log rotation). */
MUSTCHECK int log_open(const char *path, enum log_format format, enum log_level least);
bool log_wants(enum log_level level);
void log_event(enum log_level level, int64_t wall_us, const char *name,
               const struct log_field *fields);

/* LOG(LOG_INFO, "ready") or LOG(LOG_INFO, "turn", log_z("model", model), log_ms("ms", us)) */
#define LOG(level, event, ...) LOG_AT(level, clock_wall_us(), event __VA_OPT__(, ) __VA_ARGS__)

/* The same for what happened at a known time, so that no clock has to be read. */
#define LOG_AT(level, wall_us, event, ...)                                                         \
    do {                                                                                           \
        if (log_wants(level))                                                                      \
            log_event(level, wall_us, event,                                                       \
                      (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ) LOG_END});             \
    } while (0)

void log_flush(void);
void log_flush_last(void);        /* at the end: waits a little for whoever reads */
uint64_t log_lines_dropped(void); /* lines that could not be written */

#endif
