/*
 * ledger.c: the loop's side: rows go into slabs, slabs to the writer.
 */
#include "turn/ledger/ledger.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "rt/loop.h"
#include "rt/task.h"
#include "rt/timer.h"
#include "turn/ledger/writer.h"

struct ledger {
    bool off;
    struct ledger_slab *first, **last; /* filled since the last hand-over; the last has room */
    struct ledger_slab *open;
    uint64_t pending_rows;
    uint64_t rows, bytes; /* appended since the start */
    struct timer flush;   /* runs while something is pending */
    struct waitq waiting; /* in ledger_admit and ledger_sync */
    uint64_t lost_found;
    struct ledger_news *news;
    struct ledger_writer writer;
};

/* A message of the writer's that may still be under way when the ledger is closed. */
struct ledger_news {
    struct ledger *ledger; /* NULL: closed */
    atomic_bool posted;
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

/* ---- news of the writer ---- */

static void news_arrived(void *arg)
{
    struct ledger_news *n = arg;
    if (!n->ledger) {
        free(n);
        return;
    }
    atomic_store(&n->posted, false);
    if (atomic_exchange(&n->ledger->writer.recovered, false))
        LOG(LOG_WARN, "ledger_writes_again",
            log_i("waiting_rows", (int64_t)ledger_stats(n->ledger).waiting_rows));
    waitq_wake_all(&n->ledger->waiting);
}

static void news_post(void *arg)
{
    struct ledger_news *n = arg;
    if (!atomic_exchange(&n->posted, true) && loop_post(news_arrived, n) != 0)
        atomic_store(&n->posted, false); /* who waits has a deadline */
}

/* ---- appending ---- */

static void hand_over(struct ledger *l)
{
    if (!l->first)
        return;
    ledger_writer_give(&l->writer, l->first, l->last);
    l->first = l->open = NULL;
    l->last = &l->first;
    l->pending_rows = 0;
}

static void flush_due(struct timer *timer)
{
    hand_over(CONTAINER_OF(timer, struct ledger, flush));
}

static bool room_make(struct ledger *l, size_t bytes)
{
    struct ledger_slab *s = ledger_writer_spare(&l->writer);
    if (s && ledger_slab_room(s) < bytes) {
        ledger_slab_free(s);
        s = NULL;
    }
    if (!s)
        s = ledger_slab_new(bytes);
    if (!s)
        return false;
    *l->last = s;
    l->last = &s->next;
    l->open = s;
    return true;
}

/* Is there room for the turn? The sizes of its texts are added up only where that may matter. */
static bool room_have(struct ledger *l, const struct ledger_turn *turn)
{
    size_t room = l->open ? ledger_slab_room(l->open) : 0;
    if (LIKELY(room >= LEDGER_RECORD_BYTES_MAX(turn->calls_n)))
        return true;
    size_t bytes = ledger_record_bytes(turn);
    return room >= bytes || room_make(l, bytes);
}

/* Rows were put into the open slab: they are written soon. */
static void appended(struct ledger *l, size_t used_before, unsigned rows)
{
    l->bytes += l->open->used - used_before;
    l->rows += rows;
    l->pending_rows += rows;
    if (l->pending_rows >= LEDGER_BATCH_ROWS)
        hand_over(l);
    else if (!timer_running(&l->flush) &&
             timer_start(&l->flush, clock_cached_ms() + LEDGER_FLUSH_MS) != 0)
        hand_over(l);
}

static void append(struct ledger *l, const struct ledger_turn *turn)
{
    if (l->off)
        return;
    if (!room_have(l, turn)) {
        LOG(LOG_ERROR, "ledger_lost_row", log_z("why", "out of memory"),
            log_s("turn", str_of(turn->id.text, ID_CHARS)));
        return;
    }
    size_t before = l->open->used;
    ledger_slab_put(l->open, turn);
    appended(l, before, 1 + turn->calls_n);
}

/* Is there room for something short? What has none is lost, and the log says so. */
static bool room_short(struct ledger *l, size_t bytes, const char *what, struct str id)
{
    size_t room = l->open ? ledger_slab_room(l->open) : 0;
    bool have = room >= bytes || room_make(l, bytes);
    if (!have)
        LOG(LOG_ERROR, "ledger_lost_row", log_z("why", "out of memory"), log_z("of", what),
            log_s("id", id));
    return have;
}

void ledger_stored(struct ledger *l, const struct ledger_stored *stored)
{
    if (l->off || !room_short(l, LEDGER_STORED_BYTES_MAX, "stored", stored->id))
        return;
    size_t before = l->open->used;
    ledger_slab_put_stored(l->open, stored);
    appended(l, before, 1);
}

void ledger_outcome(struct ledger *l, const struct ledger_outcome *outcome)
{
    if (l->off || !room_short(l, LEDGER_OUTCOME_BYTES_MAX, "outcome", outcome->task))
        return;
    size_t before = l->open->used;
    ledger_slab_put_outcome(l->open, outcome);
    appended(l, before, 1);
}

void ledger_turn_running(struct ledger *l, const struct ledger_turn *turn)
{
    append(l, turn);
}

void ledger_turn_ended(struct ledger *l, const struct ledger_turn *turn)
{
    append(l, turn);
}

/* ---- waiting ---- */

static uint64_t waiting_bytes(struct ledger *l)
{
    return l->bytes - atomic_load_explicit(&l->writer.bytes, memory_order_relaxed);
}

int ledger_admit(struct ledger *l)
{
    if (LIKELY(l->off || waiting_bytes(l) < LEDGER_BYTES_MAX))
        return 0;
    int64_t until = clock_cached_ms() + LEDGER_ADMIT_WAIT_MS;
    int64_t outer = task_deadline(until);
    int err = 0;
    while (!err) {
        ledger_writer_tell(&l->writer);
        if (waiting_bytes(l) < LEDGER_BYTES_MAX)
            break;
        err = waitq_wait(&l->waiting);
    }
    task_deadline_restore(outer);
    return err == E_TIMEOUT && outer > until ? E_LEDGER_FULL : err;
}

int ledger_sync(struct ledger *l)
{
    if (l->off)
        return 0;
    uint64_t goal = l->rows;
    hand_over(l);
    int err = 0;
    bool told = false;
    while (!err) {
        ledger_writer_tell(&l->writer);
        if (atomic_load(&l->writer.rows) >= goal)
            break;
        /* The failure that ends the wait is one that this wait has seen. */
        if (told && atomic_load(&l->writer.failing))
            return E_STORE;
        err = waitq_wait(&l->waiting);
        told = true;
    }
    return err;
}

struct ledger_stats ledger_stats(struct ledger *l)
{
    const struct ledger_writer *w = &l->writer;
    uint64_t rows = atomic_load(&w->rows);
    return (struct ledger_stats){.rows_written = rows,
                                 .batches = atomic_load(&w->batches),
                                 .errors = atomic_load(&w->errors),
                                 .lost_found = l->lost_found,
                                 .waiting_rows = l->rows - rows,
                                 .waiting_bytes = waiting_bytes(l),
                                 .last_write_us = atomic_load(&w->last_write_us)};
}

/* ---- opening and closing ---- */

static int start(struct ledger *l, const struct ledger_settings *settings, ledger_opener *opener,
                 struct fault *f)
{
    struct ledger_writer *w = &l->writer;
    l->news = calloc(1, sizeof(*l->news));
    if (!l->news)
        return E_MEMORY;
    l->news->ledger = l;
    w->keep_days = settings->keep_days;
    w->keep_bytes = settings->keep_bytes;
    w->keep_stored_ms = settings->keep_stored_ms;
    w->news = news_post;
    w->news_arg = l->news;
    int err = ledger_tables_open(settings->where, opener, &w->tables, &l->lost_found, f);
    if (err)
        return err;
    err = ledger_writer_start(w, f);
    if (err)
        ledger_tables_close(w->tables);
    return err;
}

int ledger_open_with(const struct ledger_settings *settings, ledger_opener *opener,
                     struct ledger **ret_ledger, struct fault *f)
{
    struct ledger *l = calloc(1, sizeof(*l));
    if (!l)
        return E_MEMORY;
    l->last = &l->first;
    l->off = settings->where.n == 0;
    waitq_init(&l->waiting);
    timer_init(&l->flush, flush_due);
    int err = l->off ? 0 : start(l, settings, opener, f);
    if (err) {
        free(l->news);
        free(l);
        return err;
    }
    *ret_ledger = l;
    return 0;
}

int ledger_open(const struct ledger_settings *settings, struct ledger **ret_ledger, struct fault *f)
{
    return ledger_open_with(settings, rows_open, ret_ledger, f);
}

void ledger_close(struct ledger *l)
{
    if (!l->off) {
        timer_stop(&l->flush);
        hand_over(l);
        ledger_writer_stop(&l->writer);
        if (atomic_load(&l->news->posted))
            l->news->ledger = NULL; /* the message frees it */
        else
            free(l->news);
    }
    free(l);
}
