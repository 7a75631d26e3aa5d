/* Options, the loop, the listener and the timers. mock.h says what the program is. */
#include "mock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 512
#define READ_BYTES (256u << 10)

static volatile sig_atomic_t stopping;

uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- timers: a binary heap of connections, the earliest first ---- */

static void heap_place(struct mock *m, int at, struct conn *c)
{
    m->heap[at] = c;
    c->heap_at = at;
}

static void heap_up(struct mock *m, int at, struct conn *c)
{
    while (at > 0 && m->heap[(at - 1) / 2]->due_ns > c->due_ns) {
        heap_place(m, at, m->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_place(m, at, c);
}

static void heap_down(struct mock *m, int at, struct conn *c)
{
    for (int child; (child = 2 * at + 1) < m->heap_n; at = child) {
        if (child + 1 < m->heap_n && m->heap[child + 1]->due_ns < m->heap[child]->due_ns)
            child++;
        if (m->heap[child]->due_ns >= c->due_ns)
            break;
        heap_place(m, at, m->heap[child]);
    }
    heap_place(m, at, c);
}

void timer_clear(struct conn *c)
{
    struct mock *m = c->mock;
    int at = c->heap_at;

    c->due_ns = 0;
    if (at < 0)
        return;
    c->heap_at = -1;
    struct conn *moved = m->heap[--m->heap_n];
    if (moved == c)
        return;
    if (at > 0 && m->heap[(at - 1) / 2]->due_ns > moved->due_ns)
        heap_up(m, at, moved);
    else
        heap_down(m, at, moved);
}

void timer_set(struct conn *c, uint64_t due_ns)
{
    struct mock *m = c->mock;

    timer_clear(c);
    if (m->heap_n == m->heap_cap) {
        m->heap_cap = m->heap_cap != 0 ? 2 * m->heap_cap : 1024;
        m->heap = realloc(m->heap, (size_t)m->heap_cap * sizeof(*m->heap));
        if (m->heap == NULL)
            abort();
    }
    c->due_ns = due_ns;
    heap_up(m, m->heap_n++, c);
}

static void timers_run(struct mock *m)
{
    uint64_t now = clock_ns();

    while (m->heap_n > 0 && m->heap[0]->due_ns <= now) {
        struct conn *c = m->heap[0];
        timer_clear(c);
        conn_run(c);
    }
}

/* ---- the listener ---- */

static int listener_open(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64];
    const char *colon = strrchr(text, ':');
    uint64_t port;
    int on = 1;

    if (colon == NULL || (size_t)(colon - text) >= sizeof(host) ||
        !span_number((struct span){colon + 1, strlen(colon + 1)}, &port) || port > 65535)
        return -1;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    address.sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return -1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* accepted sockets inherit it */
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 16384) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool listener_start(struct mock *m)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    m->listen_fd = listener_open(m->listen_text);
    return m->listen_fd >= 0 && epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, m->listen_fd, &event) == 0;
}

void mock_refuse(struct mock *m, uint64_t milliseconds)
{
    m->refuse_until_ns = clock_ns() + milliseconds * 1000000u;
    if (m->listen_fd >= 0)
        close(m->listen_fd);
    m->listen_fd = -1;
}

static void connections_accept(struct mock *m)
{
    for (;;) {
        int fd = accept4(m->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct conn *c = conn_new(m, fd);
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                    .data.ptr = c};
        if (c == NULL || epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
            fprintf(stderr, "mock: cannot take a connection: %s\n", strerror(errno));
            close(fd);
            free(c);
        }
    }
}

/* ---- the loop ---- */

static void closed_free(struct mock *m)
{
    while (m->closed != NULL) {
        struct conn *c = m->closed;
        m->closed = c->next_free;
        free(c->in.p);
        free(c->left.p);
        free(c);
    }
}

static void event_handle(struct mock *m, const struct epoll_event *event)
{
    struct conn *c = event->data.ptr;

    if (c == NULL) {
        connections_accept(m);
        return;
    }
    if (c->closed)
        return;
    if (event->events & (EPOLLHUP | EPOLLERR)) {
        conn_drop(c);
        return;
    }
    if ((event->events & EPOLLOUT) && c->left.n != 0)
        conn_run(c);
    if (!c->closed && (event->events & (EPOLLIN | EPOLLRDHUP)))
        conn_readable(c);
}

static int wait_for_events(struct mock *m, struct epoll_event *events)
{
    uint64_t due = m->heap_n > 0 ? m->heap[0]->due_ns : 0, now;

    if (m->listen_fd < 0 && (due == 0 || m->refuse_until_ns < due))
        due = m->refuse_until_ns;
    if (due == 0)
        return epoll_wait(m->epoll_fd, events, EVENTS_MAX, -1);
    now = clock_ns();
    uint64_t wait = due > now ? due - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u),
                               .tv_nsec = (long)(wait % 1000000000u)};
    return epoll_pwait2(m->epoll_fd, events, EVENTS_MAX, &timeout, NULL);
}

static void loop_run(struct mock *m)
{
    static struct epoll_event events[EVENTS_MAX];

    while (!stopping) {
        int n = wait_for_events(m, events);
        for (int i = 0; i < n; i++)
            event_handle(m, &events[i]);
        if (m->heap_n > 0)
            timers_run(m);
        if (m->listen_fd < 0 && clock_ns() >= m->refuse_until_ns && !listener_start(m))
            m->refuse_until_ns = clock_ns() + 10000000u;
        closed_free(m);
    }
}

/* ---- options ---- */

static const char help[] =
    "mock: a cheap upstream in OpenAI's shapes\n"
    "  --listen HOST:PORT    default 127.0.0.1:9900\n"
    "  --events N            events of a stream (100)\n"
    "  --interval-ms N       between events (0: all at once)\n"
    "  --delay-ms N          before the first byte (0)\n"
    "  --bytes N             of a plain chat answer's body (625)\n"
    "  --tokens P,C,K        prompt, completion, cached; else derived from the request\n"
    "  --dimensions N        of an embedding (8)\n"
    "  --faults SHARE        of requests that get a random fault, 0 to 1 (0)\n"
    "  --fault-kinds A,B,... only these at random; --fault-kinds list prints them all\n"
    "  --stall-ms N          of the stall faults (5000)\n"
    "  --retry-ms N          asked for by 429 (1000)\n"
    "  --huge-bytes N        of the huge fault (104857600)\n"
    "  --seed N              of the random numbers (1)\n"
    "  --log FILE            a JSON line a request\n"
    "  --keep-last           GET /mock/last returns the last request's bytes\n"
    "Each request may steer its answer by words in the model's name, such as\n"
    "mock-events-20-interval-50-delay-5, mock-bytes-4000, mock-fault-429-times-2,\n"
    "mock-prompt-10-completion-5-cached-3; or by headers x-mock-events, x-mock-interval-ms,\n"
    "x-mock-delay-ms, x-mock-bytes, x-mock-stall-ms, x-mock-retry-ms, x-mock-fault,\n"
    "x-mock-tokens. GET /mock/stats, POST /mock/reset, POST /mock/refuse?ms=N.\n";

static bool fault_kinds_read(struct settings *s, const char *text)
{
    memset(s->fault_allowed, 0, sizeof(s->fault_allowed));
    while (*text != '\0') {
        size_t n;
        enum fault f = fault_find(text, strlen(text), &n);
        if (f == FAULT_COUNT || (text[n] != ',' && text[n] != '\0'))
            return false;
        s->fault_allowed[f] = true;
        text += text[n] == ',' ? n + 1 : n;
    }
    return true;
}

static bool tokens_option(struct usage *u, const char *text)
{
    unsigned long long p, c, k = 0;

    if (sscanf(text, "%llu,%llu,%llu", &p, &c, &k) < 2 || p == 0)
        return false;
    *u = (struct usage){.prompt = p, .completion = c, .cached = k};
    return true;
}

enum { OPT_NUMBER = 256, OPT_TOKENS, OPT_FAULTS, OPT_KINDS, OPT_LOG, OPT_KEEP, OPT_LISTEN };

static bool option_apply(struct mock *m, int which, const char *value)
{
    switch (which) {
    case OPT_LISTEN:
        m->listen_text = value;
        return true;
    case OPT_TOKENS:
        return tokens_option(&m->settings.tokens, value);
    case OPT_FAULTS:
        m->settings.fault_share = strtod(value, NULL);
        return m->settings.fault_share >= 0 && m->settings.fault_share <= 1;
    case OPT_KINDS:
        return fault_kinds_read(&m->settings, value);
    case OPT_LOG:
        m->log = fopen(value, "we");
        return m->log != NULL;
    case OPT_KEEP:
        m->keep_last = true;
        return true;
    default:
        return false;
    }
}

static bool options_read(struct mock *m, int argc, char **argv)
{
    struct settings *s = &m->settings;
    static const struct option options[] = {
        {"events", 1, NULL, OPT_NUMBER},
        {"interval-ms", 1, NULL, OPT_NUMBER},
        {"delay-ms", 1, NULL, OPT_NUMBER},
        {"bytes", 1, NULL, OPT_NUMBER},
        {"dimensions", 1, NULL, OPT_NUMBER},
        {"stall-ms", 1, NULL, OPT_NUMBER},
        {"retry-ms", 1, NULL, OPT_NUMBER},
        {"huge-bytes", 1, NULL, OPT_NUMBER},
        {"seed", 1, NULL, OPT_NUMBER},
        {"listen", 1, NULL, OPT_LISTEN},
        {"tokens", 1, NULL, OPT_TOKENS},
        {"faults", 1, NULL, OPT_FAULTS},
        {"fault-kinds", 1, NULL, OPT_KINDS},
        {"log", 1, NULL, OPT_LOG},
        {"keep-last", 0, NULL, OPT_KEEP},
        {"help", 0, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    uint64_t *const numbers[] = {&s->events,   &s->interval_ms, &s->delay_ms,
                                 &s->bytes,    &s->dimensions,  &s->stall_ms,
                                 &s->retry_ms, &s->huge_bytes,  &m->random};
    int which, index = 0;

    while ((which = getopt_long(argc, argv, "h", options, &index)) != -1) {
        bool good;
        if (which == 'h') {
            fputs(help, stdout);
            exit(0);
        }
        if (which == OPT_KINDS && strcmp(optarg, "list") == 0) {
            for (int f = 1; f < FAULT_COUNT; f++)
                puts(fault_name((enum fault)f));
            exit(0);
        }
        if (which == OPT_NUMBER)
            good = span_number((struct span){optarg, strlen(optarg)}, numbers[index]);
        else
            good = option_apply(m, which, optarg);
        if (!good) {
            if (which != '?')
                fprintf(stderr, "mock: bad value for --%s: %s\n", options[index].name, optarg);
            return false;
        }
    }
    return optind == argc;
}

static void signal_stop(int number)
{
    (void)number;
    stopping = 1;
}

static void limits_raise(void)
{
    struct rlimit limit = {.rlim_cur = 262144, .rlim_max = 262144};

    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    static struct mock m = {
        .listen_text = "127.0.0.1:9900",
        .random = 1,
        .settings = {.events = 100,
                     .bytes = 625,
                     .dimensions = 8,
                     .stall_ms = 5000,
                     .retry_ms = 1000,
                     .huge_bytes = 100u << 20},
    };
    struct sigaction action = {.sa_handler = signal_stop};

    memset(m.settings.fault_allowed, 1, sizeof(m.settings.fault_allowed));
    if (!options_read(&m, argc, argv)) {
        fputs("mock: wrong use; see --help\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0); /* a pace kept to the microsecond, not to 50 */
    limits_raise();
    m.in.cap = READ_BYTES;
    m.in.p = malloc(READ_BYTES);
    m.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (m.in.p == NULL || m.epoll_fd < 0 || !listener_start(&m)) {
        fprintf(stderr, "mock: cannot listen on %s: %s\n", m.listen_text, strerror(errno));
        return 3;
    }
    loop_run(&m);
    if (m.log != NULL)
        fclose(m.log);
    return 0;
}
