/*
 * writer.h: the thread that brings slabs of records to the disk. Internal to the ledger.
 *
 * Slabs are handed over whole, many rows at a time, and come back as spare ones. What could not be
 * written (the disk is full, another process holds the database) is tried again, from the same
 * memory, until it is written.
 */
#ifndef TURN_LEDGER_WRITER_H
#define TURN_LEDGER_WRITER_H

#include <stdatomic.h>
#include <uv.h>

#include "turn/ledger/tables.h"

/* How long the end of the process waits for a disk that refuses. */
#define LEDGER_CLOSE_WAIT_MS 5000

struct ledger_writer {
    uv_thread_t thread;
    uv_mutex_t lock; /* over the next six */
    uv_cond_t more;
    struct ledger_slab *first, **last; /* to be written */
    struct ledger_slab *spare;         /* empty ones of LEDGER_SLAB_BYTES */
    unsigned spare_n;
    bool stop;
    bool tell; /* somebody waits for the end of the batch under way, or of the next */

    /* written by the thread, read by all */
    atomic_uint_least64_t rows, bytes, batches, errors;
    atomic_int_least64_t last_write_us;
    atomic_bool failing;   /* the last try */
    atomic_bool recovered; /* it works again, and nobody has said so yet */

    /* the thread's own */
    struct ledger_tables *tables;
    int64_t keep_days, keep_bytes, keep_stored_ms, trim_at_ms;
    void (*news)(void *arg); /* on the thread: `tell` was set, or writing works again */
    void *news_arg;
};

/* Takes the tables over. The other fields that are the thread's own are set before. */
MUSTCHECK int ledger_writer_start(struct ledger_writer *w, struct fault *f);
/* Writes all that waits, ends the thread, closes the tables. */
void ledger_writer_stop(struct ledger_writer *w);

/* Hands a list of slabs over; `last` is the place of its last `next`. */
void ledger_writer_give(struct ledger_writer *w, struct ledger_slab *first,
                        struct ledger_slab **last);
/* An empty slab of the usual size, or NULL. */
struct ledger_slab *ledger_writer_spare(struct ledger_writer *w);
/* `news` is called when the present or next batch has been tried. */
void ledger_writer_tell(struct ledger_writer *w);

#endif
