/* stream.c: what all kinds of streams share, and the pair in memory that tests use. */
#include "net/stream.h"

#include <stdlib.h>

#include "rt/loop.h"
#include "rt/task.h"

int stream_write(struct stream *s, struct str bytes)
{
    if (bytes.n == 0)
        return 0;
    struct iovec iov = {(void *)bytes.p, bytes.n};
    return stream_writev(s, &iov, 1);
}

void stream_close(struct stream *s)
{
    if (s != NULL)
        s->ops->close(s);
}

/*
 * One direction: a ring of bytes.
 *     start .. start + held (modulo bytes_max) -- written, not yet read
 */
struct lane {
    char *ring;
    size_t start, held;
    bool ended;       /* the writer closed or shut its side: the end follows the bytes */
    bool reset;       /* the writer was torn down: E_RESET follows them */
    bool reader_gone; /* writing makes no sense any more */
    struct waitq readers, writers;
};

struct end {
    struct stream stream;
    struct pair *pair;
    struct lane *in, *out;
    void (*hangup)(void *arg);
    void *hangup_arg;
    bool hangup_posted;
    bool open;
};

/* Both ends live in one piece of memory, which goes when both are closed and no post is under way.
 */
struct pair {
    struct end ends[2];
    struct lane lanes[2];
    size_t bytes_max;
    unsigned refs;
    char rings[]; /* 2 * bytes_max */
};

static void pair_unref(struct pair *p)
{
    if (--p->refs == 0)
        free(p);
}

static int memory_read_now(struct stream *s, void *bytes, size_t n, size_t *ret_n)
{
    struct end *e = CONTAINER_OF(s, struct end, stream);
    struct lane *in = e->in;
    size_t max = e->pair->bytes_max;

    if (in->held == 0)
        return in->reset ? E_RESET : in->ended ? E_EOF : E_AGAIN;
    if (n > in->held)
        n = in->held;
    size_t first = n < max - in->start ? n : max - in->start;
    memcpy(bytes, in->ring + in->start, first);
    memcpy((char *)bytes + first, in->ring, n - first);
    in->start = (in->start + n) % max;
    in->held -= n;
    waitq_wake_all(&in->writers);
    *ret_n = n;
    return 0;
}

static int memory_wait_readable(struct stream *s)
{
    struct lane *in = CONTAINER_OF(s, struct end, stream)->in;

    while (in->held == 0 && !in->ended && !in->reset) {
        int err = waitq_wait(&in->readers);
        if (err != 0)
            return err;
    }
    return 0;
}

static int memory_read(struct stream *s, void *bytes, size_t n, size_t *ret_n)
{
    int err;

    while ((err = memory_read_now(s, bytes, n, ret_n)) == E_AGAIN) {
        err = memory_wait_readable(s);
        if (err != 0)
            break;
    }
    return err;
}

/* As much as there is room for. */
static size_t lane_put(struct lane *out, size_t max, const char *bytes, size_t n)
{
    size_t at = (out->start + out->held) % max;

    if (n > max - out->held)
        n = max - out->held;
    size_t first = n < max - at ? n : max - at;
    memcpy(out->ring + at, bytes, first);
    memcpy(out->ring, bytes + first, n - first);
    out->held += n;
    return n;
}

static int memory_writev(struct stream *s, struct iovec *iov, int count)
{
    struct end *e = CONTAINER_OF(s, struct end, stream);
    struct lane *out = e->out;
    size_t max = e->pair->bytes_max;

    for (int i = 0; i < count; i++) {
        while (iov[i].iov_len > 0) {
            if (out->reader_gone || out->ended)
                return E_CLOSED;
            size_t n = lane_put(out, max, iov[i].iov_base, iov[i].iov_len);
            if (n > 0) {
                iov[i].iov_base = (char *)iov[i].iov_base + n;
                iov[i].iov_len -= n;
                waitq_wake_all(&out->readers);
                continue;
            }
            int err = waitq_wait(&out->writers);
            if (err != 0)
                return err;
        }
    }
    return 0;
}

static int memory_write_now(struct stream *s, const void *bytes, size_t n, size_t *ret_n)
{
    struct end *e = CONTAINER_OF(s, struct end, stream);

    if (e->out->reader_gone || e->out->ended)
        return E_CLOSED;
    n = lane_put(e->out, e->pair->bytes_max, bytes, n);
    if (n == 0)
        return E_AGAIN;
    waitq_wake_all(&e->out->readers);
    *ret_n = n;
    return 0;
}

static void hangup_call(void *arg)
{
    struct end *e = arg;
    void (*fn)(void *) = e->hangup;

    e->hangup_posted = false;
    e->hangup = NULL;
    if (e->open && fn != NULL)
        fn(e->hangup_arg);
    pair_unref(e->pair);
}

/* Posted, so that the watcher runs on the loop and not inside the other side's close. */
static void hangup_post(struct end *e)
{
    if (!e->open || e->hangup == NULL || e->hangup_posted || !(e->in->ended || e->in->reset))
        return;
    if (loop_post(hangup_call, e) == 0) {
        e->hangup_posted = true;
        e->pair->refs++;
    }
}

static void memory_watch_hangup(struct stream *s, void (*fn)(void *arg), void *arg)
{
    struct end *e = CONTAINER_OF(s, struct end, stream);

    e->hangup = fn;
    e->hangup_arg = arg;
    hangup_post(e);
}

static bool memory_is_quiet(struct stream *s)
{
    struct lane *in = CONTAINER_OF(s, struct end, stream)->in;
    return in->held == 0 && !in->ended && !in->reset;
}

static struct end *other_end(struct end *e)
{
    return e == &e->pair->ends[0] ? &e->pair->ends[1] : &e->pair->ends[0];
}

static void memory_shut_write(struct stream *s)
{
    struct end *e = CONTAINER_OF(s, struct end, stream);

    e->out->ended = true;
    waitq_wake_all(&e->out->readers);
    waitq_wake_all(&e->out->writers);
    hangup_post(other_end(e));
}

static void memory_close(struct stream *s)
{
    struct end *e = CONTAINER_OF(s, struct end, stream);

    /* As TCP does: closing over bytes that nobody read is a reset. */
    if (e->in->held > 0)
        e->out->reset = true;
    e->in->reader_gone = true;
    waitq_wake_all(&e->in->writers);
    memory_shut_write(s);
    e->open = false;
    pair_unref(e->pair);
}

static const struct stream_ops memory_ops = {
    .kind = "memory",
    .read = memory_read,
    .read_now = memory_read_now,
    .wait_readable = memory_wait_readable,
    .writev = memory_writev,
    .watch_hangup = memory_watch_hangup,
    .is_quiet = memory_is_quiet,
    .shut_write = memory_shut_write,
    .close = memory_close,
    .write_now = memory_write_now,
};

int stream_pair_new(size_t bytes_max, struct stream **ret_a, struct stream **ret_b)
{
    if (bytes_max == 0)
        bytes_max = 1;
    struct pair *p = calloc(1, sizeof(*p) + 2 * bytes_max);
    if (p == NULL)
        return E_MEMORY;
    p->bytes_max = bytes_max;
    p->refs = 2;
    for (int i = 0; i < 2; i++) {
        p->lanes[i].ring = p->rings + (size_t)i * bytes_max;
        waitq_init(&p->lanes[i].readers);
        waitq_init(&p->lanes[i].writers);
        p->ends[i].stream.ops = &memory_ops;
        p->ends[i].pair = p;
        p->ends[i].in = &p->lanes[i];
        p->ends[i].out = &p->lanes[1 - i];
        p->ends[i].open = true;
    }
    *ret_a = &p->ends[0].stream;
    *ret_b = &p->ends[1].stream;
    return 0;
}

void stream_pair_reset(struct stream *s)
{
    struct end *e = CONTAINER_OF(s, struct end, stream);

    e->out->reset = true;
    memory_close(s);
}
