/*
 * One connection. Reading collects a request; plan_make decides; conn_run then makes the answer
 * piece by piece, as fast as the kernel and the plan's waits allow, and ends it in one of three
 * ways. Sockets are edge-triggered and registered once: a short read means "empty for now".
 */
#include "mock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_BYTES_MAX (256u << 20)
#define FILL_BYTES   65536

struct conn *conn_new(struct mock *m, int fd)
{
    struct conn *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->fd = fd;
    c->mock = m;
    c->heap_at = -1;
    m->stats.accepted++;
    m->stats.open++;
    return c;
}

/* Closed now, freed after the batch of events, since a later event may name this connection. */
static void conn_close(struct conn *c)
{
    if (c->closed)
        return;
    c->closed = true;
    timer_clear(c);
    close(c->fd);
    c->mock->stats.open--;
    c->next_free = c->mock->closed;
    c->mock->closed = c;
}

/* The peer is gone, or what it sent is not HTTP. */
void conn_drop(struct conn *c)
{
    if (c->closed)
        return;
    if (c->busy) {
        c->mock->stats.aborted++;
        stats_finish(c, "aborted");
        c->busy = false;
    }
    conn_close(c);
}

static void request_begin(struct conn *c, const struct request *request)
{
    plan_make(c, request);
    c->number = c->plan.api == API_MOCK ? 0 : ++c->mock->number;
    c->busy = true;
    c->ended = c->waited = c->head_made = c->fault_done = c->usage_counted = false;
    c->at = c->made = c->sent = c->usage_end = c->filler = c->wait_ms = 0;
    c->status = 0;
    c->continued = false;
}

/* Starts on a whole request at the front of `in`; false if there is none (or the peer is dropped).
 */
static bool request_take(struct conn *c, struct out *in)
{
    struct request request;

    if (in->n == 0)
        return false;
    if (c->mock->keep_last && memmem(in->p, in->n, "/mock/", 6) == NULL) {
        c->mock->last.n = 0;
        out_put(&c->mock->last, in->p, in->n);
    }
    long used = request_parse(in, &request);
    if (used < 0) {
        conn_drop(c);
        return false;
    }
    if (used == 0) {
        if (request.expect && !c->continued) {
            c->continued = true;
            if (send(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL) < 0)
                conn_drop(c);
        }
        return false;
    }
    request_begin(c, &request);
    memmove(in->p, in->p + used, in->n - (size_t)used);
    in->n -= (size_t)used;
    return true;
}

/* Hands bytes to the kernel; what it does not take waits in `left`. False if the peer is gone. */
static bool bytes_send(struct conn *c, const char *p, size_t n)
{
    while (n != 0) {
        ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent < 0)
            break;
        c->sent += (size_t)sent;
        p += sent;
        n -= (size_t)sent;
    }
    if (n != 0) {
        out_put(&c->left, p, n);
        c->left_at = 0;
    }
    return true;
}

/* 1: all is gone; 0: the kernel's buffer is full; -1: the peer is gone. */
static int left_send(struct conn *c)
{
    while (c->left_at < c->left.n) {
        ssize_t n = send(c->fd, c->left.p + c->left_at, c->left.n - c->left_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        c->sent += (size_t)n;
        c->left_at += (size_t)n;
    }
    free(c->left.p);
    c->left = (struct out){0};
    c->left_at = 0;
    return 1;
}

static void usage_count(struct conn *c)
{
    struct stats *s = &c->mock->stats;

    if (c->usage_counted || c->usage_end == 0 || c->sent < c->usage_end)
        return;
    c->usage_counted = true;
    s->usage_sent++;
    s->tokens.prompt += c->plan.usage.prompt;
    s->tokens.cached += c->plan.usage.cached;
    s->tokens.completion += c->plan.usage.completion;
    s->tokens.reasoning += c->plan.usage.reasoning;
}

static void answer_end(struct conn *c)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    c->busy = false;
    stats_finish(c, c->end == STEP_DONE ? "done" : c->end == STEP_CLOSE ? "closed" : "reset");
    if (c->end == STEP_RESET) {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        conn_close(c);
    } else if (c->end == STEP_CLOSE || !c->plan.keep_alive) {
        conn_close(c);
    }
}

/* Makes and sends the next pieces; false if the answer must wait or the peer is gone. */
static bool pieces_make(struct conn *c)
{
    struct out *o = &c->mock->out;
    enum step step = STEP_MORE;

    o->n = 0;
    while (step == STEP_MORE && o->n < FILL_BYTES)
        step = answer_next(c, o);
    c->made += o->n;
    if (step == STEP_WAIT) {
        timer_set(c, clock_ns() + c->wait_ms * 1000000u);
    } else if (step != STEP_MORE) {
        c->ended = true;
        c->end = step;
    }
    if (!bytes_send(c, o->p, o->n)) {
        conn_drop(c);
        return false;
    }
    usage_count(c);
    return step != STEP_WAIT;
}

/* Goes on with the answer until it has to wait; then an event or a timer calls again. */
static void answer_run(struct conn *c)
{
    while (c->busy && !c->closed) {
        int left = left_send(c);
        if (left < 0) {
            conn_drop(c);
            return;
        }
        usage_count(c);
        if (left == 0 || c->due_ns != 0)
            return;
        if (c->ended)
            answer_end(c);
        else if (!pieces_make(c))
            return;
    }
}

/* What the shared buffer still holds belongs to this connection alone. */
static void input_keep(struct conn *c, const struct out *in)
{
    if (in != &c->in && in->n != 0)
        out_put(&c->in, in->p, in->n);
    if (c->in.n == 0 && c->in.cap > 65536) {
        free(c->in.p);
        c->in = (struct out){0};
    }
}

static void input_use(struct conn *c, struct out *in)
{
    while (!c->closed && !c->busy && request_take(c, in))
        answer_run(c);
    if (!c->closed)
        input_keep(c, in);
}

void conn_run(struct conn *c)
{
    answer_run(c);
    if (!c->closed && !c->busy && c->in.n != 0)
        input_use(c, &c->in);
}

void conn_readable(struct conn *c)
{
    struct out *shared = &c->mock->in;
    bool more = true;

    while (more && !c->closed) {
        ssize_t n = recv(c->fd, shared->p, shared->cap, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            conn_drop(c);
            return;
        }
        if (n < 0)
            return;
        more = (size_t)n == shared->cap;
        shared->n = (size_t)n;
        if (c->busy || c->in.n != 0) {
            out_put(&c->in, shared->p, shared->n);
            if (c->in.n > IN_BYTES_MAX) {
                conn_drop(c);
                return;
            }
            if (!c->busy)
                input_use(c, &c->in);
        } else {
            input_use(c, shared);
        }
    }
}
