/*
 * send.c: the task that sends what waits to the collector.
 *
 * Spans and metrics are two signals, each with its own time and its own pauses after failures: a
 * collector may take one and not the other.
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "http/client.h"
#include "http/date.h"
#include "turn/telemetry/own.h"
#include "version.h"

#define RETRY_MS_FIRST   1000
#define RETRY_MS_MAX     60000
#define ARENA_BYTES_MAX  (256u * 1024)
#define ANSWER_BYTES_MAX (64u * 1024)
#define SPANS_AT_A_TIME  32 /* then others may run */
#define SERIES_AT_A_TIME 64

/* What became of a post. */
struct outcome {
    int err;          /* no answer; else 0 */
    int status;       /* 0: no answer */
    int64_t after_ms; /* as the collector said; -1: it did not */
    int64_t rejected; /* spans or points of a good post */
    struct fault fault;
};

static bool is_good(const struct outcome *o)
{
    return o->status >= 200 && o->status <= 299;
}

/* OTLP's list; and whoever does not answer may do so later. */
static bool may_help(const struct outcome *o)
{
    return o->status == 0 || o->status == 429 || o->status == 502 || o->status == 503 ||
           o->status == 504;
}

/* ---- one post ---- */

static int headers_make(const struct exporter *e, struct arena *arena, struct http_headers *h)
{
    const struct conf_map *more = &e->settings->headers;
    const struct telemetry_header *values = more->at;
    http_headers_init(h, arena);
    int err = http_headers_add(h, STR("Host"), e->host);
    if (!err)
        err = http_headers_add(h, STR("Content-Type"), STR("application/json"));
    if (!err)
        err = http_headers_add(h, STR("User-Agent"), STR("sluice/" SLUICE_VERSION));
    for (unsigned i = 0; !err && i < more->n; i++)
        err = http_headers_add(h, more->name[i], values[i].value);
    return err;
}

/* {"partialSuccess":{"rejectedSpans":"3"}}: as a number or a string, of spans or of points. */
static int64_t rejected_read(struct str body)
{
    static const char *const names[] = {"rejectedSpans", "rejectedDataPoints"};
    yyjson_val *partial = yyjson_obj_get(json_peek(body), "partialSuccess");
    uint64_t n = 0;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        yyjson_val *v = yyjson_obj_get(partial, names[i]);
        if (yyjson_is_uint(v))
            n = yyjson_get_uint(v);
        else if (!str_to_u64(json_str(v), INT64_MAX, &n))
            continue;
        return n < INT64_MAX ? (int64_t)n : INT64_MAX;
    }
    return 0;
}

static int answer_read(struct http_call *call, struct outcome *o)
{
    struct buf body;
    int err = http_call_head(call);
    if (err)
        return err;
    o->after_ms = http_retry_after_ms(&call->headers, clock_wall_us() / 1000000);
    buf_init(&body, ANSWER_BYTES_MAX);
    for (bool more = true; more && !err;) {
        struct str piece;
        err = http_call_read(call, &piece);
        more = !err && piece.n > 0 && buf_str(&body, piece) == 0; /* what is longer is not read */
    }
    if (!err) {
        o->status = call->status;
        o->rejected = is_good(o) ? rejected_read(buf_view(&body)) : 0;
    }
    buf_fini(&body);
    return err;
}

/* `ret_stale`: an idle connection that had ended meanwhile. */
static int ask(const struct exporter *e, struct str path, struct str body, bool fresh,
               struct outcome *o, bool *ret_stale)
{
    struct upool_conn *conn = NULL;
    struct arena arena;
    struct http_headers headers;
    struct http_call call;
    int err = upool_get(e->pool, fresh, &conn, &o->fault);
    if (err)
        return err;
    bool reused = conn->reused;
    struct iovec piece = {.iov_base = (void *)(uintptr_t)body.p, .iov_len = body.n};
    arena_init(&arena, ARENA_BYTES_MAX);
    http_call_begin(&call, conn, &arena, &http_limits_default);
    err = headers_make(e, &arena, &headers);
    if (!err)
        err = http_call_send(&call, STR("POST"), path, &headers, &piece, 1);
    if (!err)
        err = answer_read(&call, o);
    *ret_stale = err && reused && !call.got_byte && err != E_TIMEOUT && err != E_CANCELED;
    http_call_end(&call);
    arena_fini(&arena);
    return err;
}

static void post(const struct exporter *e, struct str path, struct str body, struct outcome *o)
{
    bool stale = false;
    *o = (struct outcome){.after_ms = -1};
    int64_t outer = task_deadline(clock_cached_ms() + e->settings->timeout_ms);
    o->err = ask(e, path, body, false, o, &stale);
    if (stale) {
        fault_clear(&o->fault);
        o->err = ask(e, path, body, true, o, &stale);
    }
    task_deadline_restore(outer);
}

int exporter_try(const struct exporter *e, int *ret_status, struct fault *f)
{
    struct outcome o;
    bool traces = e->settings->traces;
    post(e, traces ? e->traces_path : e->metrics_path,
         traces ? STR("{\"resourceSpans\":[]}") : STR("{\"resourceMetrics\":[]}"), &o);
    *ret_status = o.status;
    return o.err ? fault_set(f, o.err, "%s", why_text(&o.fault, o.err)) : 0;
}

/* ---- what became of it ---- */

static void say_down(struct telemetry *tm, const struct signal *s, const struct outcome *o)
{
    LOG(LOG_WARN, "telemetry cannot be sent", log_z("signal", s->name),
        log_s("endpoint", tm->exporter->settings->endpoint), log_i("status", o->status),
        log_z("error", o->err ? why_text(&o->fault, o->err) : "-"),
        log_z("then", may_help(o) ? "it is tried again" : "it is dropped"));
}

/* Doubling pauses, between half and all of each, so that many who failed together do not come
 * back together. */
static int64_t pause_ms(const struct signal *s, const struct outcome *o)
{
    if (o->after_ms > 0) /* 0 would be a loop without a pause */
        return o->after_ms;
    unsigned doublings = s->failures < 7 ? s->failures - 1 : 6;
    int64_t wait = (int64_t)RETRY_MS_FIRST << doublings;
    wait = wait < RETRY_MS_MAX ? wait : RETRY_MS_MAX;
    return wait / 2 + (int64_t)(random_u64() % (uint64_t)(wait / 2 + 1));
}

/* True: the collector is done with it, taken or refused; false: the same again, later. */
static bool judge(struct telemetry *tm, const struct exporter *e, struct signal *s,
                  const struct outcome *o)
{
    if (is_good(o)) {
        if (s->down)
            LOG(LOG_INFO, "telemetry is sent again", log_z("signal", s->name),
                log_i("dropped", (int64_t)tm->dropped));
        if (o->rejected > 0)
            LOG(LOG_WARN, "telemetry was rejected in part", log_z("signal", s->name),
                log_i("rejected", o->rejected));
        s->down = false;
        s->failures = 0;
        s->retry_ms = 0;
        return true;
    }
    tm->failures++;
    if (tm->exporter != e)
        return false; /* a reload was quicker: another is asked now */
    s->failures++;
    if (!s->down && o->err != E_CANCELED)
        say_down(tm, s, o);
    s->down = true;
    if (!may_help(o))
        return true;
    s->retry_ms = clock_cached_ms() + pause_ms(s, o);
    return false;
}

/* ---- the two signals ---- */

static struct otlp_resource resource_of(const struct telemetry *tm, const struct exporter *e)
{
    return (struct otlp_resource){.service_name = e->settings->service_name,
                                  .service_version = STR(SLUICE_VERSION),
                                  .instance_id = str_of(tm->instance.text, ID_CHARS),
                                  .more = &e->settings->resource};
}

/* Lets others run; a task that is told to end goes on, and its post says so. */
static void breathe(void)
{
    int err = task_sleep(0);
    (void)err;
}

/* The oldest spans, which stay where they are meanwhile: only this task takes out. */
static bool spans_send(struct telemetry *tm, const struct exporter *e)
{
    const struct span_queue *q = &tm->queue;
    unsigned n = q->n < e->settings->batch ? q->n : (unsigned)e->settings->batch;
    struct otlp_resource resource = resource_of(tm, e);
    struct outcome o;
    struct buf body;
    buf_init(&body, TELEMETRY_BODY_BYTES_MAX);
    otlp_spans_begin(&body, &resource);
    for (unsigned i = 0; i < n; i++) {
        otlp_span(&body, &q->at[(q->first + i) % q->size]);
        if (i % SPANS_AT_A_TIME == SPANS_AT_A_TIME - 1)
            breathe();
    }
    otlp_spans_end(&body);
    if (body.failed)
        o = (struct outcome){.err = body.failed, .after_ms = -1};
    else
        post(e, e->traces_path, buf_view(&body), &o);
    buf_fini(&body);
    if (!judge(tm, e, &tm->traces, &o))
        return false;
    span_queue_pop(tm, n);
    unsigned lost = !is_good(&o) ? n : o.rejected < n ? (unsigned)o.rejected : n;
    tm->dropped += lost;
    tm->sent += n - lost;
    return is_good(&o);
}

static void series_write(const struct metric_set *set, struct otlp_metrics *m)
{
    struct metric_cursor at = {.family = 0};
    struct metric_view view;
    while (metric_next(set, &at, &view)) {
        otlp_metric(m, &view);
        if (m->points % SERIES_AT_A_TIME == 0)
            breathe();
    }
}

/* All that was counted since the beginning: what a lost post had is in the next one. */
static bool metrics_send(struct telemetry *tm, const struct exporter *e)
{
    struct otlp_resource resource = resource_of(tm, e);
    struct outcome o;
    struct buf body;
    buf_init(&body, TELEMETRY_BODY_BYTES_MAX);
    if (tm->collect)
        tm->collect(tm->collect_arg);
    struct otlp_metrics m = {
        .out = &body, .began_wall_us = tm->began_wall_us, .now_wall_us = clock_wall_us()};
    otlp_metrics_begin(&m, &resource);
    series_write(tm->metrics, &m);
    series_write(tm->genai, &m);
    otlp_metrics_end(&m);
    if (body.failed)
        o = (struct outcome){.err = body.failed, .after_ms = -1};
    else
        post(e, e->metrics_path, buf_view(&body), &o);
    buf_fini(&body);
    return judge(tm, e, &tm->measures, &o) && is_good(&o);
}

/* ---- the task ---- */

static int64_t due_ms(const struct signal *s)
{
    return s->due_ms > s->retry_ms ? s->due_ms : s->retry_ms;
}

/* A full batch does not wait for its time. */
static void batch_look(struct telemetry *tm)
{
    if (tm->queue.n == 0)
        tm->traces.due_ms = INT64_MAX;
    else if (tm->queue.n >= tm->exporter->settings->batch)
        tm->traces.due_ms = 0;
}

/* Once, until there is room again. */
static void overflow_say(struct telemetry *tm)
{
    if (tm->overflowed != tm->overflow_seen && !tm->overflow_said) {
        LOG(LOG_WARN, "telemetry drops spans: its queue is full", log_i("waiting", tm->queue.n),
            log_i("dropped", (int64_t)tm->dropped));
        tm->overflow_said = true;
    }
    tm->overflow_seen = tm->overflowed;
    if (tm->queue.n <= tm->queue.size / 2)
        tm->overflow_said = false;
}

static void round_make(struct telemetry *tm, struct exporter *e)
{
    int64_t now = clock_cached_ms();
    e->refs++; /* a reload may put another in its place meanwhile, and says what is due then */
    if (tm->queue.n > 0 && due_ms(&tm->traces) <= now) {
        (void)spans_send(tm, e);
        /* What came meanwhile has waited for this post. */
        if (tm->exporter == e)
            tm->traces.due_ms = clock_cached_ms() + e->settings->delay_ms;
        if (tm->traces.retry_ms > clock_cached_ms())
            tm->traces.due_ms = 0; /* the pause decides */
    }
    if (tm->exporter == e && due_ms(&tm->measures) <= now) {
        bool done = metrics_send(tm, e);
        if (tm->exporter == e && (done || tm->measures.retry_ms <= clock_cached_ms()))
            tm->measures.due_ms = clock_cached_ms() + e->settings->interval_ms;
    }
    exporter_unref(e);
}

static void wait_due(struct telemetry *tm)
{
    int64_t at = tm->queue.n ? 0 : INT64_MAX; /* off: what waits is dropped now */
    if (tm->exporter) {
        int64_t traces = tm->queue.n ? due_ms(&tm->traces) : INT64_MAX;
        at = traces < due_ms(&tm->measures) ? traces : due_ms(&tm->measures);
    }
    if (at <= clock_cached_ms())
        return;
    int64_t outer = task_deadline(at);
    int err = waitq_wait(&tm->wake);
    task_deadline_restore(outer);
    (void)err; /* why it wakes, it sees */
}

/* Once more, whatever pause there was: nobody comes after this. */
static void last_send(struct telemetry *tm)
{
    struct exporter *e = tm->exporter;
    if (!e)
        return;
    e->refs++;
    (void)task_deadline(tm->stop_at_ms);
    while (tm->queue.n > 0 && spans_send(tm, e))
        ;
    if (e->settings->metrics)
        (void)metrics_send(tm, e);
    exporter_unref(e);
    if (tm->queue.n > 0)
        LOG(LOG_WARN, "telemetry is lost", log_i("spans", tm->queue.n));
    tm->dropped += tm->queue.n;
    span_queue_pop(tm, tm->queue.n);
}

void telemetry_run(void *arg)
{
    struct telemetry *tm = arg;
    while (!tm->stopping && !task_canceled(task_self())) {
        struct exporter *e = tm->exporter;
        if (!e && tm->queue.n > 0) {
            tm->dropped += tm->queue.n;
            span_queue_pop(tm, tm->queue.n);
        }
        if (e && tm->queue.size != e->settings->queue &&
            span_queue_resize(tm, (unsigned)e->settings->queue) != 0)
            LOG(LOG_WARN, "telemetry keeps its old queue: there is no memory");
        if (e) {
            batch_look(tm);
            round_make(tm, e);
            overflow_say(tm);
        }
        if (!tm->stopping)
            wait_due(tm);
    }
    last_send(tm);
    tm->task = NULL;
    waitq_wake_all(&tm->ended);
}

void telemetry_stop(struct telemetry *tm, int64_t ms)
{
    int err = 0;
    tm->stopping = true;
    tm->stop_at_ms = clock_cached_ms() + ms;
    waitq_wake_all(&tm->wake);
    int64_t outer = task_deadline(tm->stop_at_ms);
    while (tm->task && !err)
        err = waitq_wait(&tm->ended);
    task_deadline_restore(outer);
    if (tm->task)
        task_cancel(tm->task, E_CANCELED); /* it may be amid a post that began long before */
    while (tm->task && waitq_wait(&tm->ended) == 0)
        ;
}
