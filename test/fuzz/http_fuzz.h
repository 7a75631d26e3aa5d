/*
 * http_fuzz.h: what the HTTP targets share. An input's first byte says in pieces of how many bytes
 * the rest is sent; the target runs it whole and in those pieces and compares what came of it.
 */
#ifndef FUZZ_HTTP_FUZZ_H
#define FUZZ_HTTP_FUZZ_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "fuzz.h"
#include "http/message.h"
#include "net/stream.h"
#include "rt/loop.h"
#include "rt/task.h"

/* Each run begins at the same moment of a virtual clock, in which waits take no time. */
static inline void fuzz_world(void (*start)(void *arg), void *arg)
{
    clock_fake(1000000, 784111777000000);
    MUST(loop_init() == 0);
    loop_jump_time(true);
    start(arg);
    MUST(loop_run() == 0);
    loop_fini();
}

static inline void fuzz_send(struct stream *s, struct str bytes, size_t piece)
{
    while (bytes.n > 0) {
        struct str part = str_head(bytes, piece > 0 ? piece : bytes.n);
        if (stream_write(s, part) != 0)
            return;
        bytes = str_tail(bytes, part.n);
        for (int i = 0; i < 3 && bytes.n > 0; i++)
            MUST(task_sleep(0) == 0);
    }
}

static inline void fuzz_put(struct buf *out, struct str s)
{
    MUST(buf_printf(out, "%zu:", s.n) == 0 && buf_str(out, s) == 0);
}

static inline void fuzz_put_headers(struct buf *out, const struct http_headers *h)
{
    for (unsigned i = 0; i < h->n; i++) {
        fuzz_put(out, h->at[i].name);
        fuzz_put(out, h->at[i].value);
    }
}

static inline void fuzz_same(const struct buf *whole, const struct buf *cut)
{
    if (str_eq(buf_view(whole), buf_view(cut)))
        return;
    fprintf(stderr, "whole:\n%.*s\nin pieces:\n%.*s\n", STR_ARGS(buf_view(whole)),
            STR_ARGS(buf_view(cut)));
    abort();
}

#endif
