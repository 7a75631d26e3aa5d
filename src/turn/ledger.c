#include "turn/ledger.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "rt/loop.h"
#include "rt/task.h"
#include "turn/ledger_rows.h"

#define TRIM_EVERY_MS 60000
#define BACKOFF_MS_MAX 5000

struct ledger {
    /* the loop's own */
    struct waitq waiting; /* tasks in ledger_admit and ledger_sync */
    int64_t keep_days, keep_bytes;

    /* shared, under the lock */
    uv_mutex_t lock;
    uv_cond_t more;
    struct ledger_record *first, **last;
    uint64_t queued_rows, queued_bytes; /* in the queue and in the batch under way */
    uint64_t appended, written;         /* records */
    bool idle;    /* the writer sleeps until it is told */
    bool stop;
    bool wake_loop; /* tasks wait for the next batch */
    struct ledger_stats stats;

    /* the writer's own */
    uv_thread_t thread;
    struct ledger_tables *tables;
    int64_t trim_at_ms;
};

const char *turn_state_name(enum turn_state s)
{
    static const char *const names[] = {"running", "done", "failed", "partial", "lost"};
    return names[s];
}

const char *token_source_name(enum token_source s)
{
    static const char *const names[] = {"none", "provider", "estimate"};
    return names[s];
}

/* ---- the writer ---- */

static void waiters_wake(void *arg)
{
    struct ledger *l = arg;
    waitq_wake_all(&l->waiting);
}

/* Waits until there is something, and then a little for more to come. NULL: time to end. */
static struct ledger_record *batch_take(struct ledger *l)
{
    uv_mutex_lock(&l->lock);
    while (!l->first && !l->stop) {
        l->idle = true;
        if (uv_cond_timedwait(&l->more, &l->lock, TRIM_EVERY_MS * 1000000ull) == UV_ETIMEDOUT)
            break;
    }
    l->idle = false;
    if (l->first && !l->stop && l->queued_rows < LEDGER_BATCH_ROWS && !l->wake_loop)
        (void)uv_cond_timedwait(&l->more, &l->lock, LEDGER_FLUSH_MS * 1000000ull);
    struct ledger_record *batch = l->first;
    l->first = NULL;
    l->last = &l->first;
    uv_mutex_unlock(&l->lock);
    return batch;
}

static void batch_done(struct ledger *l, struct ledger_record *batch, uint64_t rows, int64_t us)
{
    uint64_t records = 0, bytes = 0;
    while (batch) {
        struct ledger_record *next = batch->next;
        records++;
        bytes += batch->bytes;
        free(batch);
        batch = next;
    }
    uv_mutex_lock(&l->lock);
    l->queued_rows -= records;
    l->queued_bytes -= bytes;
    l->written += records;
    l->stats.rows_written += rows;
    l->stats.batches++;
    l->stats.last_write_us = us;
    bool wake = l->wake_loop;
    l->wake_loop = false;
    uv_mutex_unlock(&l->lock);
    if (wake && loop_post(waiters_wake, l) != 0)
        LOG(LOG_ERROR, "ledger", log_z("error", "out of memory"));
}

/* The disk is full or locked: nothing is lost, it is tried until it works, or (when the process is
 * to end) a few more times. */
static void batch_write(struct ledger *l, struct ledger_record *batch)
{
    int64_t pause_ms = 50;
    for (unsigned tries_left = 20;;) {
        struct fault f = {0};
        uint64_t rows = 0;
        int64_t began = clock_mono_us();
        int err = ledger_tables_write(l->tables, batch, &rows, &f);
        if (!err) {
            batch_done(l, batch, rows, clock_mono_us() - began);
            return;
        }
        uv_mutex_lock(&l->lock);
        l->stats.errors++;
        bool stop = l->stop;
        uv_mutex_unlock(&l->lock);
        LOG(LOG_ERROR, "ledger", log_z("error", fault_text(&f)), log_i("again_in_ms", pause_ms));
        if (stop && --tries_left == 0) {
            LOG(LOG_ERROR, "ledger", log_z("error", "rows could not be written and are lost"));
            batch_done(l, batch, 0, 0);
            return;
        }
        struct timespec pause = {.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000};
        nanosleep(&pause, NULL);
        pause_ms = pause_ms * 2 < BACKOFF_MS_MAX ? pause_ms * 2 : BACKOFF_MS_MAX;
    }
}

static void trim(struct ledger *l)
{
    int64_t now_ms = clock_mono_us() / 1000;
    if (now_ms < l->trim_at_ms)
        return;
    bool more = false;
    struct fault f = {0};
    int err = ledger_tables_trim(l->tables, l->keep_days, l->keep_bytes, &more, &f);
    if (err)
        LOG(LOG_ERROR, "ledger", log_z("error", fault_text(&f)));
    /* While there is more to do, a step follows each batch, so that no lock is held for long. */
    l->trim_at_ms = more ? now_ms + LEDGER_FLUSH_MS : now_ms + TRIM_EVERY_MS;
}

static void writer(void *arg)
{
    struct ledger *l = arg;
    for (;;) {
        struct ledger_record *batch = batch_take(l);
        if (batch)
            batch_write(l, batch);
        uv_mutex_lock(&l->lock);
        bool end = l->stop && !l->first;
        uv_mutex_unlock(&l->lock);
        if (end)
            return;
        trim(l);
    }
}

/* ---- the loop's side ---- */

int ledger_open(const struct ledger_settings *settings, struct ledger **ret_ledger,
                struct fault *f)
{
    struct ledger *l = calloc(1, sizeof(*l));
    if (!l)
        return E_MEMORY;
    waitq_init(&l->waiting);
    l->keep_days = settings->keep_days;
    l->keep_bytes = settings->keep_bytes;
    l->last = &l->first;
    int err = 0;
    if (settings->where.n > 0)
        err = ledger_tables_open(settings->where, &l->tables, &l->stats.lost_found, f);
    if (err) {
        free(l);
        return err;
    }
    uv_mutex_init(&l->lock);
    uv_cond_init(&l->more);
    if (l->tables && uv_thread_create(&l->thread, writer, l) != 0) {
        ledger_tables_close(l->tables);
        free(l);
        return fault_set(f, E_IO, "the ledger's thread could not be made");
    }
    *ret_ledger = l;
    return 0;
}

void ledger_close(struct ledger *l)
{
    if (l->tables) {
        uv_mutex_lock(&l->lock);
        l->stop = true;
        uv_cond_signal(&l->more);
        uv_mutex_unlock(&l->lock);
        uv_thread_join(&l->thread);
        ledger_tables_close(l->tables);
    }
    uv_mutex_destroy(&l->lock);
    uv_cond_destroy(&l->more);
    free(l);
}

static void append(struct ledger *l, const struct ledger_turn *turn)
{
    if (!l->tables)
        return;
    struct ledger_record *r = ledger_record_new(turn);
    if (!r) { /* the row is money: without memory for it the process cannot keep its promise */
        LOG(LOG_ERROR, "ledger", log_z("error", "out of memory"),
            log_s("turn", str_of(turn->id.text, ID_CHARS)));
        return;
    }
    uv_mutex_lock(&l->lock);
    *l->last = r;
    l->last = &r->next;
    l->queued_rows++;
    l->queued_bytes += r->bytes;
    l->appended++;
    if (l->idle || l->queued_rows == LEDGER_BATCH_ROWS) {
        l->idle = false;
        uv_cond_signal(&l->more);
    }
    uv_mutex_unlock(&l->lock);
}

void ledger_turn_running(struct ledger *l, const struct ledger_turn *turn)
{
    append(l, turn);
}

void ledger_turn_ended(struct ledger *l, const struct ledger_turn *turn)
{
    append(l, turn);
}

static uint64_t waiting_bytes(struct ledger *l)
{
    uv_mutex_lock(&l->lock);
    uint64_t bytes = l->queued_bytes;
    uv_mutex_unlock(&l->lock);
    return bytes;
}

/* Asks the writer to hurry and to say when its batch is done. */
static int batch_wait(struct ledger *l)
{
    uv_mutex_lock(&l->lock);
    l->wake_loop = true;
    uv_cond_signal(&l->more);
    uv_mutex_unlock(&l->lock);
    return waitq_wait(&l->waiting);
}

int ledger_admit(struct ledger *l)
{
    if (LIKELY(!l->tables || waiting_bytes(l) < LEDGER_BYTES_MAX))
        return 0;
    int64_t outer = task_deadline(clock_cached_ms() + LEDGER_ADMIT_WAIT_MS);
    int err = 0;
    while (!err && waiting_bytes(l) >= LEDGER_BYTES_MAX)
        err = batch_wait(l);
    task_deadline_restore(outer);
    return err == E_TIMEOUT ? E_LEDGER_FULL : err;
}

int ledger_sync(struct ledger *l)
{
    uv_mutex_lock(&l->lock);
    uint64_t goal = l->appended;
    uv_mutex_unlock(&l->lock);
    int err = 0;
    while (l->tables && !err) {
        uv_mutex_lock(&l->lock);
        bool done = l->written >= goal;
        uv_mutex_unlock(&l->lock);
        if (done)
            break;
        err = batch_wait(l);
    }
    return err;
}

struct ledger_stats ledger_stats(struct ledger *l)
{
    uv_mutex_lock(&l->lock);
    struct ledger_stats s = l->stats;
    s.waiting_rows = l->queued_rows;
    s.waiting_bytes = l->queued_bytes;
    uv_mutex_unlock(&l->lock);
    return s;
}
