/* Options and main. load.h says what the program is. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#define READ_BYTES (256u << 10)

uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t random_next(struct load *l)
{
    uint64_t z = l->random += 0x9e3779b97f4a7c15u; /* splitmix64 */

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double random_share(struct load *l)
{
    return (double)(random_next(l) >> 11) * 0x1p-53;
}

static const char help[] =
    "load: sends requests and says what came back, as one JSON object on standard output\n"
    "  --target HOST:PORT     where to (an IPv4 address)\n"
    "  --mode MODE            closed: as fast as answers come (default)\n"
    "                         rate: at --rate, latency from the intended time\n"
    "                         held: --connections streams opened over --ramp and held\n"
    "                         faults: a mix, logged, with clients that hang up\n"
    "                         cold: start the program behind --, time its first answer\n"
    "  --path PATH            (/v1/chat/completions)\n"
    "  --body FILE            the request's body; without it, GET. @ID@ in a body or header\n"
    "                         becomes the request's number, 12 digits\n"
    "  --stream-body FILE     the body of stream requests (with --stream or --stream-share)\n"
    "  --stream               all requests are streams\n"
    "  --check-bodies         look into each answer: is it JSON, is each event? (faults mode "
    "does)\n"
    "  --key KEY              Authorization: Bearer KEY\n"
    "  --header 'NAME: VALUE' may be repeated\n"
    "  --connections N        (64)\n"
    "  --rate N               requests a second, rate mode\n"
    "  --warmup S             (1) before measuring begins\n"
    "  --duration S           (5) of measuring; in faults mode, the longest\n"
    "  --count N              at most so many requests; cold mode: so many starts\n"
    "  --ramp S               (1) held mode\n"
    "  --timeout S            (10) a request\n"
    "  --expect-status N, --expect-bytes N, --expect-events N   else the request failed\n"
    "  --stream-share X, --hangup-share X   faults mode, 0 to 1\n"
    "  --seed N               (1)\n"
    "  --log FILE             a JSON line a request\n"
    "  --watch NAME=PID[,PID] CPU and memory of these processes over the measured time\n"
    "  --core N               cold mode: where the program runs\n"
    "  --announce             'begin' and 'end' of the measured time on standard error\n";

enum {
    OPT_TARGET = 256,
    OPT_MODE,
    OPT_PATH,
    OPT_BODY,
    OPT_STREAM_BODY,
    OPT_STREAM,
    OPT_KEY,
    OPT_HEADER,
    OPT_LOG,
    OPT_WATCH,
    OPT_CORE,
    OPT_ANNOUNCE,
    OPT_CHECK,
    OPT_NUMBER,
    OPT_SECONDS
};

static bool whole_number(const char *text, int64_t *ret_value)
{
    char *end;

    errno = 0;
    *ret_value = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *ret_value >= 0;
}

static bool target_read(struct options *o, const char *text)
{
    char host[64];
    int64_t port;
    const char *colon = strrchr(text, ':');

    if (colon == NULL || (size_t)(colon - text) >= sizeof(host) ||
        !whole_number(colon + 1, &port) || port > 65535)
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    o->target_text = text;
    o->target.sin_family = AF_INET;
    o->target.sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &o->target.sin_addr) == 1;
}

static bool mode_read(struct options *o, const char *text)
{
    static const char *const modes[] = {[MODE_CLOSED] = "closed",
                                        [MODE_RATE] = "rate",
                                        [MODE_HELD] = "held",
                                        [MODE_FAULTS] = "faults",
                                        [MODE_COLD] = "cold"};

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(text, modes[i]) == 0) {
            o->mode = (enum mode)i;
            return true;
        }
    }
    return false;
}

static bool whole_apply(struct options *o, const char *name, const char *text)
{
    int64_t value;

    if (!whole_number(text, &value))
        return false;
    if (strcmp(name, "connections") == 0)
        o->connections = (uint64_t)value;
    else if (strcmp(name, "count") == 0)
        o->count = (uint64_t)value;
    else if (strcmp(name, "seed") == 0)
        o->seed = (uint64_t)value;
    else if (strcmp(name, "expect-bytes") == 0)
        o->expect_bytes = value;
    else if (strcmp(name, "expect-events") == 0)
        o->expect_events = value;
    else
        o->expect_status = value;
    return true;
}

static bool decimal_apply(struct options *o, const char *name, const char *text)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || value < 0)
        return false;
    if (strcmp(name, "rate") == 0)
        o->rate = value;
    else if (strcmp(name, "warmup") == 0)
        o->warmup_s = value;
    else if (strcmp(name, "duration") == 0)
        o->duration_s = value;
    else if (strcmp(name, "ramp") == 0)
        o->ramp_s = value;
    else if (strcmp(name, "timeout") == 0)
        o->timeout_s = value;
    else if (strcmp(name, "stream-share") == 0)
        o->stream_share = value;
    else
        o->hangup_share = value;
    return true;
}

static bool text_apply(struct load *l, int which, char *value)
{
    struct options *o = &l->options;
    int64_t core;

    switch (which) {
    case OPT_TARGET:
        return target_read(o, value);
    case OPT_MODE:
        return mode_read(o, value);
    case OPT_PATH:
        o->path = value;
        return true;
    case OPT_BODY:
        o->body_file = value;
        return true;
    case OPT_STREAM_BODY:
        o->stream_body_file = value;
        return true;
    case OPT_STREAM:
        o->stream = true;
        return true;
    case OPT_KEY:
        o->key = value;
        return true;
    case OPT_LOG:
        o->log_file = value;
        return true;
    case OPT_CHECK:
        o->check_bodies = true;
        return true;
    case OPT_ANNOUNCE:
        o->announce = true;
        return true;
    case OPT_HEADER:
        if (o->header_n == 16)
            return false;
        o->headers[o->header_n++] = value;
        return true;
    case OPT_WATCH:
        return l->watch_n < WATCH_MAX && watch_parse(&l->watches[l->watch_n++], value);
    case OPT_CORE:
        if (!whole_number(value, &core) || core > 1023)
            return false;
        o->core = (int)core;
        return true;
    default:
        return false;
    }
}

static bool options_read(struct load *l, int argc, char **argv)
{
    static const struct option options[] = {
        {"target", 1, NULL, OPT_TARGET},
        {"mode", 1, NULL, OPT_MODE},
        {"path", 1, NULL, OPT_PATH},
        {"body", 1, NULL, OPT_BODY},
        {"stream-body", 1, NULL, OPT_STREAM_BODY},
        {"stream", 0, NULL, OPT_STREAM},
        {"key", 1, NULL, OPT_KEY},
        {"header", 1, NULL, OPT_HEADER},
        {"log", 1, NULL, OPT_LOG},
        {"watch", 1, NULL, OPT_WATCH},
        {"core", 1, NULL, OPT_CORE},
        {"announce", 0, NULL, OPT_ANNOUNCE},
        {"connections", 1, NULL, OPT_NUMBER},
        {"count", 1, NULL, OPT_NUMBER},
        {"seed", 1, NULL, OPT_NUMBER},
        {"expect-bytes", 1, NULL, OPT_NUMBER},
        {"expect-events", 1, NULL, OPT_NUMBER},
        {"expect-status", 1, NULL, OPT_NUMBER},
        {"rate", 1, NULL, OPT_SECONDS},
        {"warmup", 1, NULL, OPT_SECONDS},
        {"duration", 1, NULL, OPT_SECONDS},
        {"ramp", 1, NULL, OPT_SECONDS},
        {"timeout", 1, NULL, OPT_SECONDS},
        {"stream-share", 1, NULL, OPT_SECONDS},
        {"hangup-share", 1, NULL, OPT_SECONDS},
        {"check-bodies", 0, NULL, OPT_CHECK},
        {"help", 0, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int which, index = 0;

    while ((which = getopt_long(argc, argv, "h", options, &index)) != -1) {
        bool good = false;
        if (which == 'h') {
            fputs(help, stdout);
            exit(0);
        }
        if (which == OPT_NUMBER)
            good = whole_apply(&l->options, options[index].name, optarg);
        else if (which == OPT_SECONDS)
            good = decimal_apply(&l->options, options[index].name, optarg);
        else if (which != '?')
            good = text_apply(l, which, optarg);
        if (!good) {
            if (which != '?')
                fprintf(stderr, "load: bad value for --%s\n", options[index].name);
            return false;
        }
    }
    l->options.check_bodies |= l->options.mode == MODE_FAULTS;
    l->options.command = argv + optind;
    return (l->options.mode == MODE_COLD) == (optind < argc);
}

static bool options_check(const struct options *o)
{
    const char *wrong = NULL;

    if (o->target_text == NULL)
        wrong = "--target is missing";
    else if (o->mode == MODE_RATE && o->rate <= 0)
        wrong = "--mode rate needs --rate";
    else if (o->connections == 0 || o->connections > 200000)
        wrong = "--connections must be 1 to 200000";
    else if ((o->stream || o->stream_share > 0) && o->stream_body_file == NULL)
        wrong = "streams need --stream-body";
    else if (o->mode == MODE_HELD && !o->stream)
        wrong = "--mode held needs --stream";
    else if (o->duration_s > 86400 || o->warmup_s > 3600 || o->ramp_s > 3600 || o->timeout_s > 3600)
        wrong = "a time is too long";
    if (wrong != NULL)
        fprintf(stderr, "load: %s\n", wrong);
    return wrong == NULL;
}

static bool load_prepare(struct load *l)
{
    struct options *o = &l->options;
    struct rlimit limit = {.rlim_cur = 262144, .rlim_max = 262144};
    size_t longest;

    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (o->connections + 32 > limit.rlim_cur) {
        fprintf(stderr, "load: only %llu files may be open\n", (unsigned long long)limit.rlim_cur);
        return false;
    }
    if (!request_make(&l->plain, o, o->body_file, false) ||
        (o->stream_body_file != NULL && !request_make(&l->stream, o, o->stream_body_file, true))) {
        fprintf(stderr, "load: cannot make the request: %s\n", strerror(errno));
        return false;
    }
    longest = l->plain.n > l->stream.n ? l->plain.n : l->stream.n;
    l->scratch = malloc(longest);
    l->in = malloc(READ_BYTES);
    l->conns = calloc(o->connections, sizeof(*l->conns));
    l->idle = calloc(o->connections, sizeof(struct conn *));
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->log = o->log_file != NULL ? fopen(o->log_file, "we") : NULL;
    if (o->log_file != NULL && l->log == NULL) {
        fprintf(stderr, "load: cannot write %s: %s\n", o->log_file, strerror(errno));
        return false;
    }
    l->random = o->seed;
    return l->scratch != NULL && l->in != NULL && l->conns != NULL && l->idle != NULL &&
           l->epoll_fd >= 0;
}

int main(int argc, char **argv)
{
    static struct load l = {
        .options = {.path = "/v1/chat/completions",
                    .warmup_s = 1,
                    .duration_s = 5,
                    .ramp_s = 1,
                    .timeout_s = 10,
                    .connections = 64,
                    .seed = 1,
                    .expect_bytes = -1,
                    .expect_events = -1,
                    .expect_status = -1,
                    .core = -1},
    };

    if (!options_read(&l, argc, argv) || !options_check(&l.options)) {
        fputs("load: wrong use; see --help\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0); /* requests leave when they are due, not 50 µs later */
    if (!load_prepare(&l))
        return 3;
    int rc = l.options.mode == MODE_COLD ? cold_run(&l) : load_run(&l);
    if (l.log != NULL)
        fclose(l.log);
    if (rc == 0)
        report_print(&l, stdout);
    return rc;
}
