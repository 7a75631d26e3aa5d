/* One connection and the request on it. Sockets are registered once, edge-triggered. */
#include "load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (256u << 10)

void conn_close(struct load *l, struct conn *c, bool reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    (void)l;
    if (c->state == CONN_CLOSED)
        return;
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(c->fd);
    c->fd = -1;
    c->state = CONN_CLOSED;
}

void conn_finish(struct load *l, struct conn *c, enum outcome outcome)
{
    bool alive = c->reply.state == REPLY_DONE && !c->reply.close && outcome != OUTCOME_HANGUP;

    if (alive)
        c->state = CONN_IDLE;
    else
        conn_close(l, c, false);
    c->requests++;
    load_finished(l, c, outcome, clock_ns());
}

/* Writes as much of the request as the kernel takes. */
static void request_send(struct load *l, struct conn *c)
{
    const struct request *r = c->request;
    const char *p = r->p;

    if (r->slot_n != 0) {
        memcpy(l->scratch, r->p, r->n);
        for (int i = 0; i < r->slot_n; i++) {
            uint64_t number = c->number;
            for (int digit = SLOT_DIGITS; digit-- > 0; number /= 10)
                l->scratch[r->slots[i] + (size_t)digit] = (char)('0' + number % 10);
        }
        p = l->scratch;
    }
    c->state = CONN_SENDING;
    while (c->sent < r->n) {
        ssize_t n = send(c->fd, p + c->sent, r->n - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            /* The answer may stand in the receive buffer: a refusal before the body is read. */
            break;
        }
        c->sent += (size_t)n;
    }
    c->state = CONN_WAITING;
}

static bool conn_open(struct load *l, struct conn *c)
{
    int on = 1;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    c->state = CONN_CONNECTING;
    c->requests = 0;
    l->connects++;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
        return false;
    return connect(c->fd, (struct sockaddr *)&l->options.target, sizeof(l->options.target)) == 0 ||
           errno == EINPROGRESS;
}

/* False if there is no connection to be had; the request has ended then. */
bool conn_start(struct load *l, struct conn *c, uint64_t intended_ns)
{
    const struct options *o = &l->options;

    c->request = &l->plain;
    if (o->stream || (o->stream_share > 0 && random_share(l) < o->stream_share))
        c->request = &l->stream;
    c->number = ++l->sent_n;
    c->intended_ns = intended_ns;
    c->hangup_ns = 0;
    if (o->hangup_share > 0 && random_share(l) < o->hangup_share) {
        double wait = random_share(l);
        c->hangup_ns = intended_ns + (uint64_t)(wait * wait * 100e6); /* most of them early */
    }
    c->sent = 0;
    c->counted_first = false;
    reply_reset(&c->reply);
    l->open_n++;
    if (c->state == CONN_IDLE) {
        request_send(l, c);
        return true;
    }
    if (!conn_open(l, c)) {
        conn_finish(l, c, OUTCOME_CONNECT);
        return false;
    }
    return true; /* EPOLLOUT says when it stands */
}

static bool contains(const struct reply *r, const char *text)
{
    return r->kept != NULL && memmem(r->kept, r->kept_n, text, strlen(text)) != NULL;
}

/* A body too long to be kept whole is believed. */
static bool kept_valid(const struct reply *r)
{
    return r->kept_n == KEPT_BYTES || (r->kept_n != 0 && json_valid(r->kept, r->kept_n));
}

/* Each event that was kept whole is JSON, but for [DONE]. */
static bool events_valid(const struct reply *r)
{
    const char *p = r->kept, *end = p + r->kept_n, *stop;

    for (; p < end && (stop = memchr(p, '\n', (size_t)(end - p))) != NULL; p = stop + 1) {
        size_t n = (size_t)(stop - p);
        if (n <= 6 || memcmp(p, "data: ", 6) != 0 || memcmp(p + 6, "[DONE]", 6) == 0)
            continue;
        if (!json_valid(p + 6, n - 6))
            return false;
    }
    return true;
}

/* The whole answer is there. */
static enum outcome judge(const struct load *l, const struct conn *c)
{
    const struct options *o = &l->options;
    const struct reply *r = &c->reply;

    if (o->expect_status >= 0 && r->status != o->expect_status)
        return OUTCOME_WRONG_STATUS;
    if (r->status >= 400)
        return kept_valid(r) && contains(r, "\"error\"") && contains(r, "\"message\"")
                   ? OUTCOME_ERROR
                   : OUTCOME_BAD_ERROR;
    if (r->status != 200)
        return OUTCOME_WRONG_STATUS;
    if (r->encoded) /* nobody asked for that */
        return OUTCOME_BAD_BODY;
    if (c->request->stream) {
        if (!r->event_stream)
            return OUTCOME_BAD_BODY;
        if (o->check_bodies && !events_valid(r))
            return OUTCOME_BAD_EVENT;
        if (r->error_event)
            return OUTCOME_ERROR_EVENT;
        if (!r->done_seen && (!o->check_bodies || !contains(r, "\"finish_reason\":\"stop\"")))
            return OUTCOME_NO_DONE; /* an answer that says it has stopped is whole without it */
        if (o->expect_events >= 0 && r->events != (uint64_t)o->expect_events)
            return OUTCOME_WRONG_EVENTS;
        return OUTCOME_OK;
    }
    if (o->expect_bytes >= 0 && r->body_bytes != (uint64_t)o->expect_bytes)
        return OUTCOME_WRONG_LENGTH;
    if (o->check_bodies && !kept_valid(r))
        return OUTCOME_BAD_BODY;
    return OUTCOME_OK;
}

/* The peer closed: an end for an answer that lasts until then, a fault for every other. */
static void peer_closed(struct load *l, struct conn *c)
{
    struct reply *r = &c->reply;

    if (c->state == CONN_IDLE) {
        conn_close(l, c, false);
        return;
    }
    if (r->state == REPLY_TO_CLOSE) {
        r->state = REPLY_DONE;
        conn_finish(l, c, judge(l, c));
    } else if (c->state == CONN_CONNECTING) {
        conn_finish(l, c, OUTCOME_CONNECT);
    } else if (r->status == 0) {
        conn_finish(l, c, OUTCOME_NO_ANSWER);
    } else if (r->error_event) {
        /* An error event followed by a cut: the client was told, which is what counts. */
        conn_finish(l, c, OUTCOME_ERROR_EVENT);
    } else {
        conn_finish(l, c, OUTCOME_CUT);
    }
}

static void bytes_take(struct load *l, struct conn *c, size_t n)
{
    struct reply *r = &c->reply;
    uint64_t now = clock_ns(), events = r->events, body = r->body_bytes;
    bool keep = l->options.check_bodies || r->status >= 400 || r->status == 0;

    if (c->state != CONN_WAITING && c->state != CONN_SENDING) {
        conn_close(l, c, true); /* bytes that nobody asked for */
        return;
    }
    keep = keep && !(r->status == 0 && !l->options.check_bodies && n > 12 &&
                     memcmp(l->in + 9, "200", 3) == 0);
    size_t used = reply_feed(r, l->in, n, keep, now);
    if (l->phase == PHASE_MEASURE) {
        l->events += r->events - events;
        l->bytes += r->body_bytes - body;
    }
    if (r->events != 0 && !c->counted_first) {
        c->counted_first = true;
        l->first_n++;
        if (l->options.mode == MODE_HELD || c->intended_ns >= l->begin_ns)
            hist_add(&l->first, now - c->intended_ns);
    }
    if (r->state == REPLY_BAD || used < n)
        conn_finish(l, c, OUTCOME_BAD_HTTP);
    else if (r->state == REPLY_DONE)
        conn_finish(l, c, judge(l, c));
}

static void readable(struct load *l, struct conn *c)
{
    ssize_t n;

    do {
        n = recv(c->fd, l->in, READ_BYTES, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            peer_closed(l, c);
            return;
        }
        bytes_take(l, c, (size_t)n);
    } while (n == READ_BYTES && c->state != CONN_CLOSED);
}

void conn_event(struct load *l, struct conn *c, uint32_t events)
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (c->state == CONN_CLOSED)
        return;
    if (c->state == CONN_CONNECTING) {
        if ((events & (EPOLLERR | EPOLLHUP)) != 0 &&
            (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)) {
            conn_finish(l, c, OUTCOME_CONNECT);
            return;
        }
        if ((events & EPOLLOUT) == 0)
            return;
        request_send(l, c);
    } else if (c->state == CONN_SENDING && (events & EPOLLOUT) != 0) {
        request_send(l, c);
    }
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        readable(l, c);
    /* A close that came with the answer's last bytes: nothing will tell of it again. */
    if (c->state != CONN_CLOSED && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        readable(l, c);
}
