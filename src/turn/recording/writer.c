#include "turn/recording/writer.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "rt/pool.h"

#define STACK_BYTES   (1024 * 1024)
#define TRIM_EVERY_MS 60000
#define RUN_BYTES_MIN (8u * 1024 * 1024)
#define RUN_TIMES     64 /* of a turn's largest: the memory that its redaction may take */
#define LINE_TIMES    8  /* and its line: a control character is six in JSON, twice quoted */
#define LINE_KEPT     (256 * 1024)

/* Not clock.h's: this thread measures and waits in real time also where a test owns the clock. */
static int64_t now_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

/* ---- one recording ---- */

static void disk_note(struct recorder *r, int err, const struct fault *f)
{
    if (err && !r->disk_said)
        LOG(LOG_ERROR, "recording_failing", log_z("error", why_text(f, err)),
            log_z("hint", "turns go unrecorded; they are counted"));
    if (!err && r->disk_said)
        LOG(LOG_INFO, "recording_again");
    r->disk_said = err != 0;
}

static enum recording_fate redacted(struct recording *rec, struct buf *line, uint64_t *ret_hits)
{
    struct redact_run run;
    size_t bytes_max = RUN_BYTES_MIN + (size_t)rec->rules->turn_bytes_max * RUN_TIMES;
    enum recording_fate fate = RECORDING_NO_MEMORY;
    int err = redact_run_init(&run, rec->rules->redactor, bytes_max);
    if (!err)
        err = recording_line(rec, &run, line, &fate);
    *ret_hits = err ? 0 : run.hits;
    redact_run_fini(&run);
    return fate;
}

/* Writes it, frees it and counts it. */
static void recording_write(struct recorder *r, struct recording *rec, struct buf *line)
{
    uint64_t hits = 0;
    buf_clear(line);
    line->bytes_max = RUN_BYTES_MIN + (size_t)rec->rules->turn_bytes_max * LINE_TIMES;
    enum recording_fate fate = redacted(rec, line, &hits);
    if (fate == RECORDING_WRITTEN) {
        struct fault f = {0};
        int err = recording_files_append(&r->files, rec->rules->folder, buf_view(line),
                                         clock_wall_us(), &f);
        disk_note(r, err, &f);
        if (err)
            fate = RECORDING_NO_DISK;
    }
    if (fate == RECORDING_WRITTEN) {
        atomic_fetch_add(&r->bytes, line->n);
        atomic_fetch_add(&r->redacted, hits);
    }
    if (line->cap > LINE_KEPT) {
        buf_fini(line);
        buf_init(line, LINE_KEPT);
    }
    recording_free(rec);
    atomic_fetch_add(&r->fates[fate], 1); /* last: who sees it counted sees the rest */
}

/* ---- the thread ---- */

/* The next one, or NULL where something else is to be done. */
static struct recording *take(struct recorder *r, bool *ret_stop)
{
    uv_mutex_lock(&r->lock);
    while (!r->first && !r->stop && !r->fresh_rules) {
        int64_t ms = r->trim_at_ms - now_ms();
        if (!r->rules)
            uv_cond_wait(&r->more, &r->lock);
        else if (ms <= 0)
            break;
        else
            (void)uv_cond_timedwait(&r->more, &r->lock, (uint64_t)ms * 1000000);
    }
    if (r->fresh_rules)
        r->trim_at_ms = 0;
    r->fresh_rules = false;
    struct recording *rec = r->first;
    if (rec) {
        r->first = rec->next;
        if (!r->first)
            r->last = &r->first;
    }
    *ret_stop = r->stop;
    uv_mutex_unlock(&r->lock);
    return rec;
}

static void trim(struct recorder *r)
{
    if (now_ms() < r->trim_at_ms)
        return;
    uv_mutex_lock(&r->lock);
    struct recording_rules *rules = recording_rules_ref(r->rules);
    uv_mutex_unlock(&r->lock);
    struct fault f = {0};
    int err = rules ? recording_files_trim(&r->files, rules->folder, rules->keep_ms,
                                           rules->bytes_max, clock_wall_us(), &f)
                    : 0;
    if (err)
        disk_note(r, err, &f);
    recording_rules_unref(rules);
    r->trim_at_ms = now_ms() + TRIM_EVERY_MS;
}

static void rest_drop(struct recorder *r, struct recording *rec)
{
    int64_t n = 0;
    for (bool stop; rec; rec = take(r, &stop), n++) {
        recording_free(rec);
        atomic_fetch_add(&r->fates[RECORDING_NO_DISK], 1);
    }
    LOG(LOG_ERROR, "recording_lost", log_i("turns", n),
        log_z("why", "there was no time left to write them"));
}

static void writer_run(void *arg)
{
    struct recorder *r = arg;
    struct buf line;
    bool stop = false;
    (void)pthread_setname_np(pthread_self(), "recording");
    thread_stand_back();
    buf_init(&line, LINE_KEPT);
    for (;;) {
        struct recording *rec = take(r, &stop);
        if (stop && !r->give_up_ms)
            r->give_up_ms = now_ms() + RECORDER_CLOSE_MS;
        if (stop && rec && now_ms() >= r->give_up_ms) {
            rest_drop(r, rec);
            rec = NULL;
        }
        if (rec)
            recording_write(r, rec, &line);
        if (stop && !rec)
            break;
        if (!stop)
            trim(r);
    }
    buf_fini(&line);
}

int recording_writer_start(struct recorder *r, struct fault *f)
{
    r->last = &r->first;
    recording_files_init(&r->files);
    if (uv_mutex_init(&r->lock) != 0)
        return E_MEMORY;
    if (uv_cond_init(&r->more) != 0) {
        uv_mutex_destroy(&r->lock);
        return E_MEMORY;
    }
    if (thread_start(&r->thread, STACK_BYTES, writer_run, r) != 0) {
        uv_cond_destroy(&r->more);
        uv_mutex_destroy(&r->lock);
        return fault_set(f, E_IO, "the thread of recordings could not be made");
    }
    return 0;
}

void recording_writer_stop(struct recorder *r)
{
    uv_mutex_lock(&r->lock);
    r->stop = true;
    uv_cond_signal(&r->more);
    uv_mutex_unlock(&r->lock);
    uv_thread_join(&r->thread);
    recording_files_close(&r->files);
    uv_cond_destroy(&r->more);
    uv_mutex_destroy(&r->lock);
}
