/*
 * The modes and their phases: warm up, measure, let the late ones come in.
 *
 *   closed  every connection sends its next request as soon as the last is answered
 *   rate    requests are due at fixed times; latency counts from then, so a gateway that stalls
 *           is charged for all that had to wait
 *   held    streams are opened over ramp_s and held; measuring begins when all of them run
 *   faults  like closed, with a log, a mix of plain and stream, and clients that hang up
 */
#include "load.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 512

static uint64_t ns_of(double seconds)
{
    return (uint64_t)(seconds * 1e9);
}

static uint64_t self_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void announce(const struct load *l, const char *text)
{
    if (l->options.announce)
        fprintf(stderr, "%s\n", text);
}

static void measure_begin(struct load *l)
{
    hist_clear(&l->latency);
    hist_clear(&l->late);
    if (l->options.mode != MODE_HELD)
        hist_clear(&l->first);
    l->finished_n = l->events = l->bytes = 0;
    if (l->options.mode != MODE_HELD) { /* a stream that failed to start is part of the result */
        memset(l->outcomes, 0, sizeof(l->outcomes));
        memset(l->statuses, 0, sizeof(l->statuses));
    }
    for (int i = 0; i < l->watch_n; i++)
        watch_read(&l->watches[i], &l->watches[i].begin, false);
    cores_read(&l->cores_begin);
    l->self_begin_ns = self_cpu_ns();
    l->phase = PHASE_MEASURE;
    l->begin_ns = clock_ns();
    l->phase_end_ns = l->begin_ns + ns_of(l->options.duration_s);
    announce(l, "begin");
}

static void measure_end(struct load *l)
{
    l->end_ns = clock_ns();
    l->self_end_ns = self_cpu_ns();
    cores_read(&l->cores_end);
    for (int i = 0; i < l->watch_n; i++)
        watch_read(&l->watches[i], &l->watches[i].end, false);
    for (int i = 0; i < l->watch_n; i++)
        watch_read(&l->watches[i], &l->watches[i].end, true);
    l->phase = PHASE_DRAIN;
    l->phase_end_ns = l->end_ns + ns_of(l->options.timeout_s);
    announce(l, "end");
}

static bool count_reached(const struct load *l)
{
    return l->options.count != 0 && l->sent_n >= l->options.count;
}

static bool sending(const struct load *l)
{
    return (l->phase == PHASE_WARM || l->phase == PHASE_MEASURE) && !count_reached(l);
}

/* A request belongs to the result if it was due in the measured time (rate) or ended in it. */
static bool counts(const struct load *l, const struct conn *c)
{
    if (l->options.mode == MODE_RATE)
        return l->begin_ns != 0 && c->intended_ns >= l->begin_ns &&
               (l->phase == PHASE_MEASURE || c->intended_ns < l->end_ns);
    return l->phase == PHASE_MEASURE || l->options.mode == MODE_FAULTS ||
           l->options.mode == MODE_HELD;
}

void load_finished(struct load *l, struct conn *c, enum outcome outcome, uint64_t now_ns)
{
    bool again = l->options.mode == MODE_CLOSED || l->options.mode == MODE_FAULTS;

    l->open_n--;
    if (l->phase == PHASE_OVER)
        return;
    if (l->log != NULL)
        log_request(l, c, outcome);
    if (l->options.mode == MODE_HELD && !c->counted_first) {
        c->counted_first = true;
        l->first_n++;
    }
    if (counts(l, c)) {
        l->finished_n++;
        l->outcomes[outcome]++;
        l->statuses[c->reply.status >= 0 && c->reply.status < 600 ? c->reply.status : 0]++;
        if (outcome == OUTCOME_OK)
            hist_add(&l->latency, now_ns - c->intended_ns);
    }
    if (l->options.mode == MODE_RATE)
        l->idle[l->idle_n++] = c;
    /* After a failed connection the next tick tries again, not this very moment. */
    else if (again && outcome != OUTCOME_CONNECT && outcome != OUTCOME_NO_ANSWER && sending(l))
        conn_start(l, c, now_ns);
}

static bool under_way(const struct conn *c)
{
    return c->state != CONN_CLOSED && c->state != CONN_IDLE;
}

/* Clients that hang up, requests that took too long, connections to be tried again. */
static void tick(struct load *l, uint64_t now)
{
    const struct options *o = &l->options;
    uint64_t timeout = ns_of(o->timeout_s);

    for (uint64_t i = 0; i < o->connections; i++) {
        struct conn *c = &l->conns[i];
        bool running = c->reply.events != 0 && o->mode == MODE_HELD;
        if (under_way(c) && c->hangup_ns != 0 && now >= c->hangup_ns) {
            conn_close(l, c, (random_next(l) & 1) != 0);
            conn_finish(l, c, OUTCOME_HANGUP);
        } else if (under_way(c) && !running && now > c->intended_ns + timeout) {
            conn_close(l, c, true);
            c->reply.state = REPLY_BAD;
            conn_finish(l, c, OUTCOME_TIMEOUT);
        } else if (!under_way(c) && (o->mode == MODE_CLOSED || o->mode == MODE_FAULTS) &&
                   sending(l)) {
            conn_start(l, c, now);
        }
    }
    l->next_tick_ns = now + (o->hangup_share > 0 ? 2000000u : 50000000u);
}

/* When request number n is due in rate mode. */
static uint64_t due_ns(const struct load *l, uint64_t n)
{
    return l->start_ns + (uint64_t)((double)n * 1e9 / l->options.rate);
}

static void rate_send(struct load *l, uint64_t now)
{
    uint64_t due;

    while (sending(l) && l->idle_n != 0 && (due = due_ns(l, l->sent_n)) <= now) {
        struct conn *c = l->idle[--l->idle_n];
        if (l->phase == PHASE_MEASURE)
            hist_add(&l->late, now - due);
        conn_start(l, c, due);
        now = clock_ns();
    }
}

static void held_start(struct load *l, uint64_t now)
{
    const struct options *o = &l->options;

    while (l->started_n < o->connections) {
        double share = (double)l->started_n / (double)o->connections;
        if (now < l->start_ns + ns_of(share * o->ramp_s))
            return;
        conn_start(l, &l->conns[l->started_n++], now);
    }
}

static void phase_step(struct load *l, uint64_t now)
{
    const struct options *o = &l->options;

    switch (l->phase) {
    case PHASE_RAMP:
        held_start(l, now);
        if (l->first_n >= o->connections || now >= l->phase_end_ns) {
            l->steady = l->first_n >= o->connections;
            l->phase = PHASE_WARM;
            l->phase_end_ns = now + ns_of(o->warmup_s);
        }
        break;
    case PHASE_WARM:
        if (now >= l->phase_end_ns)
            measure_begin(l);
        break;
    case PHASE_MEASURE:
        if (now >= l->phase_end_ns || (count_reached(l) && l->open_n == 0))
            measure_end(l);
        break;
    case PHASE_DRAIN:
        if (l->open_n == 0 || now >= l->phase_end_ns || o->mode == MODE_CLOSED ||
            o->mode == MODE_HELD)
            l->phase = PHASE_OVER;
        break;
    case PHASE_OVER:
        break;
    }
    if (now >= l->give_up_ns) {
        if (l->phase == PHASE_MEASURE)
            measure_end(l);
        l->phase = PHASE_OVER;
    }
}

static uint64_t wake_ns(const struct load *l)
{
    uint64_t wake = l->next_tick_ns, next;

    if (l->phase_end_ns < wake)
        wake = l->phase_end_ns;
    if (l->options.mode == MODE_RATE && sending(l) && l->idle_n != 0) {
        next = due_ns(l, l->sent_n);
        wake = next < wake ? next : wake;
    }
    if (l->phase == PHASE_RAMP && l->started_n < l->options.connections) {
        double share = (double)l->started_n / (double)l->options.connections;
        next = l->start_ns + ns_of(share * l->options.ramp_s);
        wake = next < wake ? next : wake;
    }
    return wake;
}

static void loop_once(struct load *l)
{
    static struct epoll_event events[EVENTS_MAX];
    uint64_t now = clock_ns(), wake = wake_ns(l), wait = wake > now ? wake - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u),
                               .tv_nsec = (long)(wait % 1000000000u)};

    int n = epoll_pwait2(l->epoll_fd, events, EVENTS_MAX, &timeout, NULL);
    for (int i = 0; i < n; i++)
        conn_event(l, events[i].data.ptr, events[i].events);
    now = clock_ns();
    phase_step(l, now);
    if (l->options.mode == MODE_RATE)
        rate_send(l, now);
    if (now >= l->next_tick_ns)
        tick(l, now);
}

int load_run(struct load *l)
{
    const struct options *o = &l->options;
    double longest = o->ramp_s + o->warmup_s + o->duration_s + 2 * o->timeout_s + 5;

    l->start_ns = clock_ns();
    l->give_up_ns = l->start_ns + ns_of(longest);
    l->phase = o->mode == MODE_HELD ? PHASE_RAMP : PHASE_WARM;
    l->phase_end_ns = l->start_ns +
                      ns_of(o->mode == MODE_HELD ? o->ramp_s + o->timeout_s : o->warmup_s);
    if (o->mode == MODE_FAULTS)
        measure_begin(l);
    for (uint64_t i = 0; i < o->connections && o->mode == MODE_RATE; i++)
        l->idle[l->idle_n++] = &l->conns[i];
    while (l->phase != PHASE_OVER)
        loop_once(l);
    /* What is still under way in faults mode got no answer in time. */
    for (uint64_t i = 0; i < o->connections; i++) {
        struct conn *c = &l->conns[i];
        if (under_way(c) && (o->mode == MODE_FAULTS || o->mode == MODE_RATE)) {
            l->outcomes[OUTCOME_TIMEOUT]++;
            if (l->log != NULL)
                log_request(l, c, OUTCOME_TIMEOUT);
        }
        conn_close(l, c, true);
        reply_free(&c->reply);
    }
    return 0;
}
