/*
 * load: sends requests to a gateway and says what came back, and how fast.
 *
 * One thread, edge-triggered sockets, two system calls a plain request, so that the load is far
 * cheaper than what it measures. Always bounded: by count or by time, and by a last hour of its
 * own.
 *
 *   load.c         options, main
 *   load_request.c what is sent
 *   load_reply.c   what comes back: HTTP/1.1, server-sent events, a check of JSON
 *   load_conn.c    one connection and its request
 *   load_run.c     the modes and their phases
 *   load_hist.c    the histogram of times
 *   load_watch.c   the CPU and memory of the processes that are measured, out of /proc
 *   load_cold.c    the time from a program's start to its first answer
 *   load_report.c  the result as JSON, the log of requests
 */
#ifndef SLUICE_BENCH_LOAD_H
#define SLUICE_BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Times in nanoseconds, 1,024 steps to each doubling: a percentile is right to a part in a
 * thousand, the smallest and the largest are exact.
 */
#define HIST_SLOTS (36 * 1024)
struct hist {
    uint64_t count, sum, min, max;
    uint64_t slots[HIST_SLOTS];
};

void hist_add(struct hist *h, uint64_t ns);
void hist_clear(struct hist *h);
uint64_t hist_percentile(const struct hist *h, double share); /* 0 if empty */

enum mode { MODE_CLOSED, MODE_RATE, MODE_HELD, MODE_FAULTS, MODE_COLD };

/* How a request ended. All but the first four are somebody's mistake. */
#define OUTCOMES(X)                                                                                \
    X(OK, "ok")                                                                                    \
    X(ERROR, "error")             /* a status of 400 or more with an error object */               \
    X(ERROR_EVENT, "error-event") /* an error object inside a stream */                            \
    X(HANGUP, "hangup")           /* this program hung up, as it was told to */                    \
    X(CONNECT, "connect")         /* no connection */                                              \
    X(NO_ANSWER, "no-answer")     /* closed before an answer's head */                             \
    X(CUT, "cut")                 /* closed inside a body */                                       \
    X(TIMEOUT, "timeout")                                                                          \
    X(BAD_HTTP, "bad-http")                                                                        \
    X(BAD_BODY, "bad-body")         /* 200 without a JSON object */                                \
    X(BAD_ERROR, "bad-error")       /* 400 or more without an error object */                      \
    X(BAD_EVENT, "bad-event")       /* an event of a stream that is not JSON */                    \
    X(NO_DONE, "no-done")           /* a stream that ends with neither [DONE] nor an error */      \
    X(WRONG_STATUS, "wrong-status") /* not the status, length or events that were expected */      \
    X(WRONG_LENGTH, "wrong-length")                                                                \
    X(WRONG_EVENTS, "wrong-events")

enum outcome {
#define X(id, name) OUTCOME_##id,
    OUTCOMES(X)
#undef X
        OUTCOME_COUNT
};

const char *outcome_name(enum outcome o);

/* A request as it goes over the wire, with places where its number is written. */
#define SLOT_DIGITS 12
#define SLOTS_MAX   8
struct request {
    char *p;
    size_t n;
    size_t slots[SLOTS_MAX];
    int slot_n;
    bool stream;
};

struct options {
    enum mode mode;
    struct sockaddr_in target;
    const char *target_text, *path, *body_file, *stream_body_file, *key, *log_file;
    const char *headers[16];
    int header_n;
    bool stream;       /* the body asks for a stream */
    bool check_bodies; /* look into each answer: faults mode, or asked for */
    double rate;       /* requests a second, rate mode */
    double warmup_s, duration_s, ramp_s, timeout_s;
    double stream_share, hangup_share; /* faults mode */
    uint64_t count, connections, seed;
    int64_t expect_bytes, expect_events, expect_status; /* -1: any */
    int core;       /* of the program that cold mode starts; -1: any */
    bool announce;  /* say "begin" and "end" of the measured time on standard error */
    char **command; /* cold mode */
};

enum reply_state {
    REPLY_HEAD,
    REPLY_LENGTH,
    REPLY_CHUNK_HEAD,
    REPLY_CHUNK,
    REPLY_CHUNK_END,
    REPLY_TRAILER,
    REPLY_TO_CLOSE,
    REPLY_DONE,
    REPLY_BAD
};

#define KEPT_BYTES 16384
struct reply {
    enum reply_state state;
    int status;
    bool event_stream, encoded, close, done_seen, error_event;
    uint64_t left; /* of the body or the chunk */
    uint64_t body_bytes;
    uint64_t events; /* data events but [DONE] */
    uint64_t first_event_ns;
    uint32_t line_n; /* length of the line being read */
    uint32_t head_n;
    char line[40]; /* its start */
    char id[48];   /* x-sluice-id, or x-request-id */
    char *head;    /* an incomplete head or chunk's size line */
    char *kept;    /* the body's start, if it is to be looked at */
    uint32_t kept_n;
};

struct load;

enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_IDLE, CONN_SENDING, CONN_WAITING };

struct conn {
    int fd;
    enum conn_state state;
    const struct request *request;
    uint64_t number;      /* of the request, from 1 */
    uint64_t intended_ns; /* when it should have been sent */
    uint64_t hangup_ns;   /* 0: never */
    uint64_t sent;        /* bytes of it */
    uint64_t requests;    /* on this connection */
    bool counted_first;
    struct reply reply;
};

#define WATCH_MAX      8
#define WATCH_PIDS_MAX 8
struct watch_values {
    uint64_t cpu_ns;                   /* of all threads, from schedstat */
    uint64_t user_ticks, system_ticks; /* of the processes, from stat */
    uint64_t rss_kb, pss_kb, rss_peak_kb, threads;
    uint64_t switches; /* voluntary and not, of all threads */
};
struct watch {
    char name[32];
    int pids[WATCH_PIDS_MAX], pid_n;
    struct watch_values begin, end;
};

#define CORES_MAX 64
struct cores {
    int n;
    uint64_t busy[CORES_MAX], all[CORES_MAX], steal[CORES_MAX]; /* clock ticks */
};

bool watch_parse(struct watch *w, const char *text); /* NAME=PID[,PID...] */
void watch_read(const struct watch *w, struct watch_values *ret_values, bool with_pss);
void cores_read(struct cores *ret_cores);

enum phase { PHASE_RAMP, PHASE_WARM, PHASE_MEASURE, PHASE_DRAIN, PHASE_OVER };

struct load {
    struct options options;
    struct request plain, stream;
    int epoll_fd;
    struct conn *conns;
    struct conn **idle; /* a stack: the last one used is used next */
    uint64_t idle_n;
    enum phase phase;
    uint64_t begin_ns, end_ns, phase_end_ns, give_up_ns, next_tick_ns, start_ns;
    uint64_t sent_n;    /* requests begun, in all phases */
    uint64_t started_n; /* held mode: streams begun */
    uint64_t first_n;   /* held mode: streams that saw an event, or failed */
    uint64_t open_n;    /* requests under way */
    uint64_t finished_n, events, bytes;
    uint64_t outcomes[OUTCOME_COUNT];
    uint64_t statuses[600];
    uint64_t connects;
    uint64_t random;
    struct hist latency, first, late;
    struct watch watches[WATCH_MAX];
    int watch_n;
    struct cores cores_begin, cores_end;
    uint64_t self_begin_ns, self_end_ns;
    FILE *log;
    char *scratch, *in;
    bool steady; /* held mode: all streams ran when the measuring began */
};

/* load.c */
uint64_t clock_ns(void);
uint64_t random_next(struct load *l);
double random_share(struct load *l);

/* load_request.c */
bool request_make(struct request *r, const struct options *o, const char *body_file, bool stream);

/* load_reply.c */
void reply_reset(struct reply *r);
void reply_free(struct reply *r);
/* Takes bytes; keep: hold on to the body's start. Returns bytes used; see r->state. */
size_t reply_feed(struct reply *r, const char *p, size_t n, bool keep, uint64_t now_ns);
bool json_valid(const char *p, size_t n);

/* load_conn.c */
bool conn_start(struct load *l, struct conn *c, uint64_t intended_ns);
void conn_event(struct load *l, struct conn *c, uint32_t events);
void conn_finish(struct load *l, struct conn *c, enum outcome outcome);
void conn_close(struct load *l, struct conn *c, bool reset);

/* load_run.c */
int load_run(struct load *l);
void load_finished(struct load *l, struct conn *c, enum outcome outcome, uint64_t now_ns);

/* load_cold.c */
int cold_run(struct load *l);

/* load_report.c */
void report_print(const struct load *l, FILE *to);
void hist_print(FILE *to, const char *name, const struct hist *h);
void log_request(struct load *l, const struct conn *c, enum outcome outcome);

#endif
