#include "turn/ledger/writer.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "rt/pool.h"

#define STACK_BYTES      (512 * 1024)
#define SPARE_MAX        16
#define SPARE_KEPT       2 /* where no burst is under way */
#define SLABS_A_BATCH    16
#define TRIM_EVERY_MS    60000
#define BACKOFF_MS_LEAST 10
#define BACKOFF_MS_MAX   2000

/* Not clock.h's: this thread measures and waits in real time also where a test owns the clock. */
static int64_t now_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

static void news_tell(struct ledger_writer *w, bool anyway)
{
    uv_mutex_lock(&w->lock);
    bool tell = (w->tell || anyway) && !w->stop; /* at the end nobody waits */
    w->tell = false;
    uv_mutex_unlock(&w->lock);
    if (tell)
        w->news(w->news_arg);
}

/* ---- a batch ---- */

/* Some slabs of the queue, or NULL when none has come and something else is to be done. */
static struct ledger_slab *batch_take(struct ledger_writer *w, bool *ret_stop)
{
    uv_mutex_lock(&w->lock);
    while (!w->first && !w->stop) {
        int64_t ms = w->trim_at_ms - now_ms();
        if (ms <= 0)
            break;
        (void)uv_cond_timedwait(&w->more, &w->lock, (uint64_t)ms * 1000000);
    }
    struct ledger_slab *batch = w->first;
    struct ledger_slab **end = &w->first;
    for (unsigned n = 0; *end && n < SLABS_A_BATCH; n++)
        end = &(*end)->next;
    w->first = *end;
    if (batch)
        *end = NULL;
    if (!w->first)
        w->last = &w->first;
    *ret_stop = w->stop;
    uv_mutex_unlock(&w->lock);
    return batch;
}

static void slabs_free(struct ledger_slab *slabs)
{
    while (slabs) {
        struct ledger_slab *next = slabs->next;
        ledger_slab_free(slabs);
        slabs = next;
    }
}

static void batch_give_back(struct ledger_writer *w, struct ledger_slab *batch)
{
    struct ledger_slab *large = NULL;
    uv_mutex_lock(&w->lock);
    while (batch) {
        struct ledger_slab *s = batch;
        batch = s->next;
        bool usual = s->bytes_max == LEDGER_SLAB_BYTES - sizeof(*s);
        if (usual && w->spare_n < SPARE_MAX) {
            s->used = s->records = s->rows = 0;
            s->next = w->spare;
            w->spare = s;
            w->spare_n++;
        } else {
            s->next = large;
            large = s;
        }
    }
    uv_mutex_unlock(&w->lock);
    slabs_free(large);
}

static void batch_count(struct ledger_writer *w, const struct ledger_slab *batch, int64_t us)
{
    uint64_t rows = 0, bytes = 0;
    for (const struct ledger_slab *s = batch; s; s = s->next) {
        rows += s->rows;
        bytes += s->used;
    }
    atomic_fetch_add(&w->bytes, bytes);
    atomic_fetch_add(&w->batches, 1);
    atomic_store(&w->last_write_us, us);
    atomic_fetch_add(&w->rows, rows); /* last: who sees the rows written sees the rest */
}

/* Waits before the next try; true when the process is to end. */
static bool pause_before_retry(struct ledger_writer *w, int64_t ms)
{
    int64_t until = now_ms() + ms;
    uv_mutex_lock(&w->lock);
    while (!w->stop && (ms = until - now_ms()) > 0)
        (void)uv_cond_timedwait(&w->more, &w->lock, (uint64_t)ms * 1000000);
    bool stop = w->stop;
    uv_mutex_unlock(&w->lock);
    return stop;
}

static void failure_note(struct ledger_writer *w, const struct fault *f, int err)
{
    atomic_fetch_add(&w->errors, 1);
    if (!atomic_exchange(&w->failing, true)) /* once, however often it is tried */
        LOG(LOG_ERROR, "ledger_failing", log_z("error", why_text(f, err)));
    news_tell(w, false);
}

static void given_up(struct ledger_slab *batch)
{
    int64_t records = 0;
    for (const struct ledger_slab *s = batch; s; s = s->next)
        records += s->records;
    LOG(LOG_ERROR, "ledger_lost_rows", log_i("turns", records),
        log_z("why", "the database refused until the process had to end"));
}

/* Tries until it works. At the end of the process: for LEDGER_CLOSE_WAIT_MS, then false. */
static bool batch_write(struct ledger_writer *w, struct ledger_slab *batch)
{
    int64_t give_up_ms = 0;
    for (int64_t pause_ms = BACKOFF_MS_LEAST;;) {
        struct fault f = {0};
        uint64_t began = uv_hrtime();
        int err = ledger_tables_write(w->tables, batch, &f);
        if (!err) {
            batch_count(w, batch, (int64_t)(uv_hrtime() - began) / 1000);
            bool again = atomic_exchange(&w->failing, false);
            if (again)
                atomic_store(&w->recovered, true);
            news_tell(w, again);
            return true;
        }
        failure_note(w, &f, err);
        if (pause_before_retry(w, pause_ms)) {
            if (!give_up_ms) {
                give_up_ms = now_ms() + LEDGER_CLOSE_WAIT_MS;
                pause_ms = BACKOFF_MS_LEAST;
            }
            if (now_ms() >= give_up_ms)
                return false;
            uv_sleep((unsigned)pause_ms);
        }
        pause_ms = pause_ms * 2 < BACKOFF_MS_MAX ? pause_ms * 2 : BACKOFF_MS_MAX;
    }
}

/* ---- the thread ---- */

/* What a burst needed is given back. */
static void spares_trim(struct ledger_writer *w)
{
    struct ledger_slab *many = NULL;
    uv_mutex_lock(&w->lock);
    while (w->spare_n > SPARE_KEPT) {
        struct ledger_slab *s = w->spare;
        w->spare = s->next;
        w->spare_n--;
        s->next = many;
        many = s;
    }
    uv_mutex_unlock(&w->lock);
    slabs_free(many);
}

static void trim(struct ledger_writer *w)
{
    if (now_ms() < w->trim_at_ms)
        return;
    spares_trim(w);
    bool more = false;
    struct fault f = {0};
    int err = ledger_tables_trim(w->tables, w->keep_days, w->keep_bytes, &more, &f);
    if (!err && !more)
        err = ledger_tables_trim_stored(w->tables, w->keep_stored_ms, &more, &f);
    if (err)
        failure_note(w, &f, err);
    /* A step at a time, and rows first: nobody waits for the past to be cleared away. */
    w->trim_at_ms = more ? 0 : now_ms() + TRIM_EVERY_MS;
}

static void writer_run(void *arg)
{
    struct ledger_writer *w = arg;
    bool stop = false;
    (void)pthread_setname_np(pthread_self(), "ledger");
    thread_stand_back();
    for (;;) {
        struct ledger_slab *batch = batch_take(w, &stop);
        bool written = !batch || batch_write(w, batch);
        if (!written)
            given_up(batch);
        batch_give_back(w, batch);
        if (stop && !batch)
            return;
        if (!stop)
            trim(w);
    }
}

int ledger_writer_start(struct ledger_writer *w, struct fault *f)
{
    w->last = &w->first;
    if (uv_mutex_init(&w->lock) != 0)
        return E_MEMORY;
    if (uv_cond_init(&w->more) != 0) {
        uv_mutex_destroy(&w->lock);
        return E_MEMORY;
    }
    if (thread_start(&w->thread, STACK_BYTES, writer_run, w) != 0) {
        uv_cond_destroy(&w->more);
        uv_mutex_destroy(&w->lock);
        return fault_set(f, E_IO, "the ledger's thread could not be made");
    }
    return 0;
}

void ledger_writer_stop(struct ledger_writer *w)
{
    uv_mutex_lock(&w->lock);
    w->stop = true;
    uv_cond_signal(&w->more);
    uv_mutex_unlock(&w->lock);
    uv_thread_join(&w->thread);
    ledger_tables_close(w->tables);
    while (w->spare) {
        struct ledger_slab *next = w->spare->next;
        ledger_slab_free(w->spare);
        w->spare = next;
    }
    uv_cond_destroy(&w->more);
    uv_mutex_destroy(&w->lock);
}

void ledger_writer_give(struct ledger_writer *w, struct ledger_slab *first,
                        struct ledger_slab **last)
{
    uv_mutex_lock(&w->lock);
    *w->last = first;
    w->last = last;
    uv_cond_signal(&w->more);
    uv_mutex_unlock(&w->lock);
}

struct ledger_slab *ledger_writer_spare(struct ledger_writer *w)
{
    uv_mutex_lock(&w->lock);
    struct ledger_slab *s = w->spare;
    if (s) {
        w->spare = s->next;
        s->next = NULL;
        w->spare_n--;
    }
    uv_mutex_unlock(&w->lock);
    return s;
}

void ledger_writer_tell(struct ledger_writer *w)
{
    uv_mutex_lock(&w->lock);
    w->tell = true;
    uv_mutex_unlock(&w->lock);
}
