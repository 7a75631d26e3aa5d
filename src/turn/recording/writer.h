/*
 * writer.h: the thread that redacts and writes recordings. Internal to recording.c.
 */
#ifndef TURN_RECORDING_WRITER_H
#define TURN_RECORDING_WRITER_H

#include <stdatomic.h>
#include <uv.h>

#include "base/arena.h"
#include "turn/recording/files.h"
#include "turn/recording/recording.h"
#include "turn/recording/redact.h"

struct recording_rules {
    atomic_uint refs;
    struct str folder;
    int64_t share, keep_ms, bytes_max, turn_bytes_max, memory_bytes_max;
    struct redactor *redactor;
    struct str *tenants, *keys, *apis; /* that are not recorded */
    unsigned tenants_n, keys_n, apis_n;
    struct arena arena; /* of the texts */
};

/* Bytes as they came, in order. */
struct recording_piece {
    struct recording_piece *next;
    size_t n, cap;
    char bytes[];
};
struct recording_pieces {
    struct recording_piece *first, **last;
    size_t n;
};

/* A turn's; made by the loop, gone through and freed by the thread. */
struct recording {
    struct recording *next;
    struct recorder *recorder;
    struct recording_rules *rules;
    struct arena arena; /* of the texts below, and of this */
    struct recording_pieces request, answer;
    int64_t held_bytes;
    enum recording_fate failed; /* RECORDING_WRITTEN: not so far */

    struct id id;
    int64_t began_wall_us, first_us, total_us;
    struct str tenant, key, task, session, tags, asked, provider, model;
    const char *api, *state, *err, *counted;
    int status;
    unsigned calls_n;
    bool streamed;
    uint64_t prompt;
    struct tokens tokens;
    int64_t cost_usd_nanos;
};

struct recorder {
    uv_thread_t thread;
    uv_mutex_t lock; /* over the next five */
    uv_cond_t more;
    struct recording *first, **last;
    struct recording_rules *rules; /* whose retention holds; NULL: nobody's */
    bool fresh_rules;
    bool stop;

    atomic_uint_least64_t fates[RECORDING_FATES], bytes, redacted;
    atomic_int_least64_t held_bytes;
    bool memory_said; /* the loop's: once for each time that the budget was used up */

    /* the thread's own */
    struct recording_files files;
    bool disk_said;
    int64_t trim_at_ms, give_up_ms;
};

void recording_free(struct recording *rec);
MUSTCHECK int recording_writer_start(struct recorder *r, struct fault *f);
void recording_writer_stop(struct recorder *r);

/* One line, with its end. What it lacks (redacted, too large ...) is in *ret_fate. */
MUSTCHECK int recording_line(struct recording *rec, struct redact_run *run, struct buf *out,
                             enum recording_fate *ret_fate);

#endif
