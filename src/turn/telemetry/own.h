/*
 * own.h: what telemetry.c (queue and turns), send.c (the task) and
 * settings.c (the exporter) share. For nobody else.
 */
#ifndef TURN_TELEMETRY_OWN_H
#define TURN_TELEMETRY_OWN_H

#include <assert.h>

#include "net/upool.h"
#include "rt/task.h"
#include "turn/telemetry/otlp.h"
#include "turn/telemetry/telemetry.h"

#define TELEMETRY_BODY_BYTES_MAX (16u * 1024 * 1024) /* collectors take 20 MiB */
#define TELEMETRY_BATCH_MAX      2048                /* spans of a post */
static_assert(TELEMETRY_BATCH_MAX * OTLP_SPAN_BYTES_MAX < TELEMETRY_BODY_BYTES_MAX * 3 / 4,
              "a batch that did not fit would be tried for ever");

struct exporter {
    unsigned refs;
    struct conf_doc *doc; /* held: all texts are its */
    const struct telemetry_settings *settings;
    struct str host; /* for Host */
    struct str traces_path, metrics_path;
    struct tls_context *tls;
    struct upool *pool;
};

/* Oldest first: at[first], at[first + 1] ... around the end. Only the task takes out. */
struct span_queue {
    struct span *at;
    unsigned size, first, n;
};

/* Spans, or metrics. */
struct signal {
    const char *name;
    int64_t due_ms;    /* INT64_MAX: there is nothing to send */
    int64_t retry_ms;  /* not before */
    unsigned failures; /* in a row */
    bool down;         /* it was said in the log */
};

struct telemetry {
    struct exporter *exporter; /* NULL: off */
    struct metric_set *metrics, *genai;
    void (*collect)(void *arg);
    void *collect_arg;
    int64_t began_wall_us;
    struct id instance;
    struct span_queue queue;
    struct signal traces, measures;
    uint64_t sent, dropped, failures;
    uint64_t overflowed, overflow_seen; /* of those dropped: for want of room */
    bool overflow_said;                 /* in the log */
    struct task *task;                  /* NULL: none runs */
    struct waitq wake, ended;
    bool stopping;
    int64_t stop_at_ms;
};

/* The task; `arg` is the telemetry. */
void telemetry_run(void *arg);

MUSTCHECK int span_queue_resize(struct telemetry *tm, unsigned size);
void span_queue_pop(struct telemetry *tm, unsigned n);

#endif
