/*
 * err.h: what can go wrong, in one table.
 *
 * A function that can fail returns `int`: 0, or a negative `enum err`. The row of an error holds
 * its name (the `code` that clients, logs and the manual show), the HTTP status and the OpenAI
 * error type that a client gets, and whether trying again elsewhere may help. Who finds a fault
 * describes it once, in a `struct fault`; the middle passes the number up; only api/ and cli/ turn
 * it into a reply, a log line or an exit code.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/macros.h"

/*
 * X(symbol, code, HTTP status, retry may help, text for people)
 * The order is free: numbers are not stored anywhere, names are.
 */
#define ERR_TABLE(X)                                                                               \
    /* the machine */                                                                              \
    X(E_MEMORY, "out_of_memory", 503, false, "not enough memory for this request")                 \
    X(E_INTERNAL, "internal_error", 500, false, "sluice made a mistake; please report it")         \
    X(E_IO, "io_error", 500, false, "the system refused an operation")                             \
    X(E_TIMEOUT, "timeout", 504, true, "the time allowed ran out")                                 \
    X(E_CANCELED, "canceled", 499, false, "the work was called off")                               \
    X(E_CLOSED, "closed", 502, true, "the other side closed the connection")                       \
    X(E_RESET, "connection_reset", 502, true, "the other side reset the connection")               \
    X(E_REFUSED, "connection_refused", 502, true, "nobody listens there")                          \
    X(E_DNS, "dns_failed", 502, true, "the name could not be resolved")                            \
    X(E_TLS, "tls_failed", 502, false, "the TLS connection could not be made or trusted")          \
    X(E_AGAIN, "would_block", 500, true, "not ready yet")                                          \
    X(E_EOF, "end_of_stream", 502, true, "the stream ended")                                       \
    /* what a client may do wrong */                                                               \
    X(E_BAD_HTTP, "bad_http", 400, false, "this is not valid HTTP")                                \
    X(E_BAD_JSON, "invalid_json", 400, false, "the body is not valid JSON")                        \
    X(E_BAD_REQUEST, "invalid_request", 400, false, "the request is not valid")                    \
    X(E_UNSUPPORTED, "unsupported_by_provider", 400, false,                                        \
      "the provider's protocol has nothing for a part of this request")                            \
    X(E_DUPLICATE_KEY, "duplicate_key", 400, false, "a key that decides something stands twice")   \
    X(E_TOO_LARGE, "body_too_large", 413, false, "the body is larger than allowed")                \
    X(E_HEADERS_TOO_LARGE, "headers_too_large", 431, false, "the headers are larger than allowed") \
    X(E_TOO_SLOW, "request_timeout", 408, false, "the request did not arrive in time")             \
    X(E_EXPECTATION, "expectation_failed", 417, false, "this expectation cannot be met")           \
    X(E_NO_KEY, "missing_api_key", 401, false, "an API key is needed")                             \
    X(E_BAD_KEY, "invalid_api_key", 401, false, "this API key is not known")                       \
    X(E_KEY_REVOKED, "revoked_api_key", 401, false, "this API key was revoked")                    \
    X(E_FORBIDDEN, "forbidden", 403, false, "this key may not do that")                            \
    X(E_BAD_ORIGIN, "origin_refused", 403, false, "this Host or Origin is not accepted")           \
    X(E_STATEFUL_PATH, "stateful_path", 403, false, "this path is not shared between tenants")     \
    X(E_UNKNOWN_RESPONSE, "response_not_found", 404, false, "no such stored response is known")    \
    X(E_UNKNOWN_TASK, "task_not_found", 404, false, "no such task is known")                       \
    X(E_OTHER_OUTCOME, "outcome_conflict", 409, false, "the task has another outcome already")     \
    X(E_NOT_FOUND, "not_found", 404, false, "there is nothing here")                               \
    X(E_BAD_METHOD, "method_not_allowed", 405, false, "this path takes another method")            \
    X(E_UNKNOWN_MODEL, "model_not_found", 404, false, "no such model")                             \
    X(E_UNKNOWN_LANE, "lane_not_found", 404, false, "no such lane")                                \
    X(E_NO_PROVIDER, "no_provider", 503, false, "no provider is configured")                       \
    X(E_OVERLOADED, "overloaded", 503, true, "sluice is at its limit")                             \
    X(E_RATE_LIMITED, "rate_limit_exceeded", 429, true, "too many requests")                       \
    X(E_BUDGET, "budget_exceeded", 429, false, "the budget is spent")                              \
    X(E_UNPRICED, "model_without_price", 403, false, "a budget holds, and the price is not known") \
    X(E_DRAINING, "shutting_down", 503, true, "sluice is shutting down")                           \
    X(E_CLIENT_GONE, "client_gone", 499, false, "the client hung up")                              \
    X(E_LEDGER_FULL, "ledger_full", 503, false, "the ledger cannot keep up with the disk")         \
    /* what an upstream may do wrong */                                                            \
    X(E_UPSTREAM_STATUS, "upstream_error", 502, false, "the provider answered with an error")      \
    X(E_UPSTREAM_BUSY, "upstream_unavailable", 502, true, "the provider cannot answer now")        \
    X(E_UPSTREAM_LIMIT, "upstream_rate_limit", 429, true, "the provider's rate limit is reached")  \
    X(E_UPSTREAM_AUTH, "upstream_auth", 502, false, "the provider refused sluice's key")           \
    X(E_UPSTREAM_HTTP, "upstream_bad_http", 502, true, "the provider sent invalid HTTP")           \
    X(E_UPSTREAM_BODY, "upstream_bad_body", 502, true, "the provider sent a broken answer")        \
    X(E_UPSTREAM_PARTS, "upstream_unsupported_answer", 502, false,                                 \
      "the client's protocol has nothing for what the provider answered")                          \
    X(E_UPSTREAM_LARGE, "upstream_too_large", 502, false, "the provider's answer is too large")    \
    X(E_UPSTREAM_CUT, "upstream_cut", 502, true, "the provider's answer ended too early")          \
    X(E_UPSTREAM_STALL, "upstream_stalled", 504, true, "the provider sent nothing for too long")   \
    X(E_UPSTREAM_ENCODED, "upstream_encoded", 502, true, "the provider compressed its answer")     \
    /* configuration and commands */                                                               \
    X(E_CONFIG, "bad_configuration", 400, false, "the configuration is not valid")                 \
    X(E_USAGE, "wrong_use", 400, false, "the command was called in a way it does not know")        \
    X(E_STORE, "store_failed", 500, false, "the database refused an operation")

enum err {
    E_OK = 0,
    E_FIRST__ = -1000,
#define ERR_ENUM(symbol, code, status, retry, text) symbol,
    ERR_TABLE(ERR_ENUM)
#undef ERR_ENUM
        E_LAST__
};

const char *err_code(int err); /* "upstream_auth"; "ok" for 0 */
const char *err_text(int err); /* the sentence for people */
int err_status(int err);       /* HTTP status; 200 for 0 */
bool err_retryable(int err);   /* may another try or another upstream help? */
int err_from_errno(int error); /* ECONNRESET and the like to an enum err; E_IO for the rest */

/*
 * A fault: the error and one sentence about this case, written where it was found. It belongs to
 * whoever passes it down; a caller that does not care passes NULL.
 */
#define FAULT_TEXT_BYTES  240
#define FAULT_PARAM_BYTES 64

struct fault {
    int err;
    char text[FAULT_TEXT_BYTES];   /* NUL-terminated, cut to fit */
    char param[FAULT_PARAM_BYTES]; /* the same: the request's member that it is about; or empty */
};

/* Keeps the first fault, so that the cause is not covered by its consequences. Returns `err`. */
int fault_set(struct fault *f, int err, const char *fmt, ...) PRINTF(3, 4);
void fault_clear(struct fault *f);

/* The fault's own text, or the table's where it has none. */
const char *fault_text(const struct fault *f);
/* What is said of a call that came back with `err`: not every one describes it. */
const char *why_text(const struct fault *f, int err);

#endif
