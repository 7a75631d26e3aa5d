/*
 * mock: a cheap upstream that speaks OpenAI's shapes and, when asked, lies.
 *
 * It stands behind the gateways that are measured and tested here. It shares no code with the
 * gateway, so that it cannot share its mistakes: its own epoll loop, its own parsers, libc only.
 * One thread, edge-triggered sockets registered once, two system calls a plain request.
 *
 *   mock.c         options, the loop, the listener, the timers
 *   mock_conn.c    one connection: read, run the answer, end
 *   mock_http.c    a request's head and body
 *   mock_json.c    the few fields of a body that matter here
 *   mock_plan.c    what to answer: command line, then words in the model's name, then headers
 *   mock_answer.c  the honest answers
 *   mock_fault.c   the dishonest ones
 *   mock_stats.c   counters, the log of requests, /mock/...
 *   mock_out.c     a growing output buffer
 */
#ifndef SLUICE_BENCH_MOCK_H
#define SLUICE_BENCH_MOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PRINTF(a, b) __attribute__((format(printf, a, b), nonnull(a)))

/* Bytes inside somebody else's buffer; p is NULL if absent. */
struct span {
    const char *p;
    size_t n;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
bool span_is(struct span s, const char *text); /* equal, case counts */
bool span_is_nocase(struct span s, const char *text);
bool span_number(struct span s, uint64_t *ret_value); /* all of it is decimal digits */

/* A growing output buffer. */
struct out {
    char *p;
    size_t n, cap;
};

void out_put(struct out *o, const void *p, size_t n);
void out_text(struct out *o, const char *text);
void out_span(struct out *o, struct span s);
void out_number(struct out *o, uint64_t value);
void out_number_wide(struct out *o, uint64_t value, int digits); /* zeros in front */
void out_chunk(struct out *o, const void *p, size_t n);          /* with its chunked framing */
void out_filler(struct out *o, size_t n);                        /* n bytes of harmless words */
void out_printf(struct out *o, const char *format, ...) PRINTF(2, 3);
void out_json_string(struct out *o, const char *text);
#define OUT_LITERAL(o, literal) out_put((o), (literal), sizeof(literal) - 1)

/*
 * Faults: name, weight when drawn at random (0: only when asked for by name), and whether it makes
 * sense for a plain answer (P), a stream (S) or both (B).
 */
#define FAULTS(X)                                                                                  \
    X(NONE, "none", 0, B)                                                                          \
    X(RESET, "reset", 100, B)               /* reset before any byte */                            \
    X(CLOSE, "close", 100, B)               /* orderly close before any byte */                    \
    X(RESET_HEAD, "reset-head", 100, B)     /* reset between head and body */                      \
    X(RESET_MID, "reset-mid", 100, B)       /* reset half-way through the body */                  \
    X(CLOSE_MID, "close-mid", 100, S)       /* orderly close half-way, no last chunk */            \
    X(STALL, "stall", 10, B)                /* silent for stall_ms, then the answer */             \
    X(STALL_MID, "stall-mid", 10, B)        /* silent for stall_ms half-way */                     \
    X(END_MID, "end-mid", 100, S)           /* the stream just ends half-way, in good order */     \
    X(NO_DONE, "no-done", 100, S)           /* a stream that ends without [DONE] */                \
    X(BROKEN_EVENT, "broken-event", 100, S) /* an event that is not JSON, then more */             \
    X(ERROR_EVENT, "error-event", 100, S)   /* an error object inside a 200 stream, then end */    \
    X(E429, "429", 100, B)                  /* Retry-After in seconds */                           \
    X(E429_MS, "429-ms", 100, B)            /* retry-after-ms */                                   \
    X(E400, "400", 100, B)                                                                         \
    X(E401, "401", 100, B)                                                                         \
    X(E500, "500", 100, B)                                                                         \
    X(E502, "502", 100, B)                                                                         \
    X(E503, "503", 100, B)                                                                         \
    X(HUGE, "huge", 1, B)                 /* an answer, or one event, of huge_bytes */             \
    X(GZIP, "gzip", 100, B)               /* compressed against the request */                     \
    X(TRUNCATED, "truncated", 100, P)     /* Content-Length says more than is sent */              \
    X(CHUNK_LIE, "chunk-lie", 100, B)     /* a chunk's size is not its data's */                   \
    X(CHUNK_OPEN, "chunk-open", 100, B)   /* all data, then close without the last chunk */        \
    X(SLOW, "slow", 20, B)                /* everything arrives, in small late pieces */           \
    X(HTML, "html", 100, B)               /* 200 with a page of HTML */                            \
    X(BROKEN_JSON, "broken-json", 100, P) /* 200 with half a JSON object, length true */           \
    X(NO_USAGE, "no-usage", 100, B)       /* all right, but no usage */                            \
    X(EMPTY, "empty", 100, B)             /* 200 without a body */                                 \
    X(GARBAGE, "garbage", 100, B)         /* not HTTP at all */                                    \
    X(LONG_HEAD, "long-head", 10, B)      /* a header of a megabyte */                             \
    X(REDIRECT, "redirect", 0, B)         /* 307 to a port where nobody listens */

enum fault {
#define X(id, name, weight, where) FAULT_##id,
    FAULTS(X)
#undef X
        FAULT_COUNT
};

const char *fault_name(enum fault f);
/* The fault whose name starts at p; the longest name wins. FAULT_COUNT if none. */
enum fault fault_find(const char *p, size_t n, size_t *ret_length);

enum api { API_CHAT, API_COMPLETIONS, API_EMBEDDINGS, API_MODELS, API_OTHER, API_MOCK };

struct usage {
    uint64_t prompt, cached, completion, reasoning; /* cached and reasoning are parts */
};

/* The fields of a request body that matter; offsets, so that a result may be kept. */
struct body_facts {
    uint32_t model_at, model_n;   /* the raw JSON string, without its quotes */
    uint32_t marker_at, marker_n; /* "user": the caller's own name for the request */
    uint32_t prompt_bytes;        /* raw bytes of messages, input or prompt */
    uint32_t inputs;              /* elements of input, if it is a list; else 1 */
    bool stream, include_usage, base64;
};

bool body_scan(const char *p, size_t n, struct body_facts *ret_facts);

struct settings {
    uint64_t events, interval_ms, delay_ms, stall_ms, bytes, dimensions, huge_bytes, retry_ms;
    struct usage tokens; /* prompt 0: derived from the request */
    double fault_share;
    bool fault_allowed[FAULT_COUNT];
};

/* How one request will be answered. */
struct plan {
    enum api api;
    enum fault fault;
    bool stream, include_usage, base64, keep_alive, head_only;
    uint64_t events, interval_ms, delay_ms, stall_ms, bytes, dimensions, huge_bytes, retry_ms;
    uint64_t times; /* the fault only for the first so many requests of this model name */
    uint32_t inputs;
    struct usage usage;
};

#define NAME_MAX_BYTES 192

struct request {
    struct span method, path, body;
    struct span request_id;
    struct span mock[8]; /* values of x-mock-NAME, by enum steer */
    bool keep_alive, chunked, expect;
    uint64_t content_length;
};

enum steer {
    STEER_EVENTS,
    STEER_INTERVAL,
    STEER_DELAY,
    STEER_BYTES,
    STEER_STALL,
    STEER_RETRY,
    STEER_FAULT,
    STEER_TOKENS
};

/* How an answer's next piece goes on. */
enum step {
    STEP_MORE,  /* call again at once */
    STEP_WAIT,  /* call again after conn.wait_ms */
    STEP_DONE,  /* the answer is complete; the connection lives on if the plan says so */
    STEP_CLOSE, /* close in order once all is sent */
    STEP_RESET  /* reset once all is sent */
};

struct mock;

struct conn {
    int fd;
    struct mock *mock;
    struct conn *next_free; /* in the list of closed ones, freed after the batch of events */
    bool closed;
    bool busy;      /* a request is being answered */
    bool ended;     /* all pieces are made; `end` says what follows the last byte */
    bool continued; /* "100 Continue" was said for the incomplete request */
    enum step end;
    struct out in;   /* an incomplete request */
    struct out left; /* made but not yet accepted by the kernel */
    size_t left_at;
    uint64_t due_ns; /* when to go on; 0: no timer */
    int heap_at;     /* place in the heap of timers, -1 if none */
    uint64_t wait_ms;

    /* the request being answered */
    struct plan plan;
    uint64_t number;    /* of the request, from 1 */
    uint64_t at;        /* events or pieces made; its meaning is the answer's own */
    uint64_t filler;    /* bytes still to make of a huge answer */
    uint64_t made;      /* bytes made so far */
    uint64_t sent;      /* bytes accepted by the kernel */
    uint64_t usage_end; /* usage has gone out once `sent` reaches this; 0: none will */
    bool waited, head_made, fault_done, usage_counted;
    int status;
    char model[NAME_MAX_BYTES], marker[64], request_id[64];
};

struct stats {
    uint64_t requests, accepted, open, aborted, usage_sent, events;
    uint64_t by_status[600];
    uint64_t by_fault[FAULT_COUNT];
    struct usage tokens;
};

/* How often a model name with times-N was seen. */
#define TIMES_SLOTS 4096
struct times_slot {
    uint64_t hash, count;
};

struct mock {
    int epoll_fd, listen_fd;
    const char *listen_text;
    uint64_t refuse_until_ns; /* the listener is closed until then */
    struct settings settings;
    struct stats stats;
    uint64_t number, random, now_ns;
    FILE *log;
    bool keep_last;
    struct out last;                 /* the last request as it came, if keep_last */
    struct out in, out, event, body; /* scratch, shared by all connections */
    struct out memo; /* the last body that was scanned: benchmarks send the same one all the time */
    struct body_facts memo_facts;
    struct conn **heap;
    int heap_n, heap_cap;
    struct conn *closed; /* to free after this batch of events */
    struct times_slot times[TIMES_SLOTS];
};

/* mock.c */
uint64_t clock_ns(void);
void timer_set(struct conn *c, uint64_t due_ns);
void timer_clear(struct conn *c);
void mock_refuse(struct mock *m, uint64_t milliseconds);

/* mock_conn.c */
struct conn *conn_new(struct mock *m, int fd);
void conn_readable(struct conn *c);
void conn_run(struct conn *c);
void conn_drop(struct conn *c);

/* mock_http.c: bytes used by one whole request, 0 if more is needed, -1 if it is not HTTP. */
long request_parse(struct out *in, struct request *ret_request);

/* mock_plan.c */
void plan_make(struct conn *c, const struct request *request);
uint64_t random_next(struct mock *m);

/* mock_answer.c */
enum step answer_next(struct conn *c, struct out *o);
enum step answer_plain(struct conn *c, struct out *o);
enum step answer_stream(struct conn *c, struct out *o);
void answer_head(struct conn *c, struct out *o, const char *type, int64_t length);
void answer_body(struct conn *c, struct out *o);
void answer_event(struct conn *c, struct out *o, uint64_t index);

/* mock_fault.c */
enum step fault_answer(struct conn *c, struct out *o);
bool fault_stream_middle(struct conn *c, struct out *o, enum step *ret_step); /* did it act? */
bool fault_replaces(const struct plan *plan); /* does fault_answer make the whole answer? */
enum fault fault_draw(struct mock *m, bool stream);

/* mock_stats.c */
enum step control_answer(struct conn *c, struct out *o);
void stats_finish(struct conn *c, const char *end);

#endif
