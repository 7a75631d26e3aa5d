/* The dishonest answers: every way of failing that an upstream is known to have. */
#include "mock.h"

#include <string.h>

enum where { P = 1, S = 2, B = 3 };

static const struct {
    const char *name;
    unsigned weight;
    enum where where;
} kinds[FAULT_COUNT] = {
#define X(id, name, weight, where) {name, weight, where},
    FAULTS(X)
#undef X
};

const char *fault_name(enum fault f)
{
    return kinds[f].name;
}

enum fault fault_find(const char *p, size_t n, size_t *ret_length)
{
    enum fault best = FAULT_COUNT;

    *ret_length = 0;
    for (int f = 0; f < FAULT_COUNT; f++) {
        size_t length = strlen(kinds[f].name);
        if (length <= n && length > *ret_length && memcmp(p, kinds[f].name, length) == 0 &&
            (length == n || p[length] == '-' || p[length] == ',')) {
            best = (enum fault)f;
            *ret_length = length;
        }
    }
    return best;
}

enum fault fault_draw(struct mock *m, bool stream)
{
    enum where where = stream ? S : P;
    uint64_t sum = 0;

    for (int f = 0; f < FAULT_COUNT; f++)
        if ((kinds[f].where & where) != 0 && m->settings.fault_allowed[f])
            sum += kinds[f].weight;
    if (sum == 0)
        return FAULT_NONE;
    uint64_t drawn = random_next(m) % sum;
    for (int f = 0; f < FAULT_COUNT; f++) {
        if ((kinds[f].where & where) == 0 || !m->settings.fault_allowed[f])
            continue;
        if (drawn < kinds[f].weight)
            return (enum fault)f;
        drawn -= kinds[f].weight;
    }
    return FAULT_NONE;
}

bool fault_replaces(const struct plan *plan)
{
    switch (plan->fault) {
    case FAULT_NONE:
    case FAULT_STALL:
    case FAULT_NO_USAGE:
        return false;
    case FAULT_CLOSE_MID:
    case FAULT_END_MID:
    case FAULT_NO_DONE:
    case FAULT_BROKEN_EVENT:
    case FAULT_ERROR_EVENT:
        return false; /* they make sense for a stream only, where the middle does them */
    case FAULT_RESET_MID:
    case FAULT_STALL_MID:
    case FAULT_HUGE:
    case FAULT_CHUNK_LIE:
    case FAULT_CHUNK_OPEN:
    case FAULT_SLOW:
        return !plan->stream;
    default:
        return true;
    }
}

static enum step error_answer(struct conn *c, struct out *o, int status, const char *type,
                              const char *code, const char *text)
{
    struct out *body = &c->mock->body;

    body->n = 0;
    out_printf(body,
               "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"param\":null,\"code\":\"%s\"}}",
               text, type, code);
    c->status = status;
    answer_head(c, o, "application/json", (int64_t)body->n);
    if (c->plan.fault == FAULT_E429)
        out_printf(o, "Retry-After: %llu\r\n",
                   (unsigned long long)((c->plan.retry_ms + 999) / 1000));
    if (c->plan.fault == FAULT_E429_MS)
        out_printf(o, "retry-after-ms: %llu\r\n", (unsigned long long)c->plan.retry_ms);
    OUT_LITERAL(o, "\r\n");
    out_put(o, body->p, body->n);
    return STEP_DONE;
}

static enum step text_answer(struct conn *c, struct out *o, const char *type, const char *text)
{
    c->status = 200;
    answer_head(c, o, type, (int64_t)strlen(text));
    OUT_LITERAL(o, "\r\n");
    out_text(o, text);
    return STEP_DONE;
}

static uint32_t crc32_of(const char *p, size_t n)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

static void little_endian(struct out *o, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        char ch = (char)(value >> (8 * i));
        out_put(o, &ch, 1);
    }
}

/* A valid gzip file that happens not to be smaller: one stored block (so 65,535 bytes at most). */
static enum step gzip_answer(struct conn *c, struct out *o)
{
    struct out *body = &c->mock->body, *zip = &c->mock->event;
    static const char stream[] =
        "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"choices\":"
        "[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n"
        "data: [DONE]\n\n";

    body->n = 0;
    if (c->plan.stream)
        OUT_LITERAL(body, stream);
    else
        answer_body(c, body);
    if (body->n > 65535)
        body->n = 65535;
    zip->n = 0;
    out_put(zip, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x01", 11);
    little_endian(zip, (uint32_t)body->n, 2);
    little_endian(zip, ~(uint32_t)body->n, 2);
    out_put(zip, body->p, body->n);
    little_endian(zip, crc32_of(body->p, body->n), 4);
    little_endian(zip, (uint32_t)body->n, 4);
    c->status = 200;
    answer_head(c, o, c->plan.stream ? "text/event-stream" : "application/json", (int64_t)zip->n);
    OUT_LITERAL(o, "Content-Encoding: gzip\r\n\r\n");
    out_put(o, zip->p, zip->n);
    return STEP_DONE;
}

static enum step long_head_answer(struct conn *c, struct out *o)
{
    c->status = 200;
    answer_head(c, o, "application/json", 2);
    OUT_LITERAL(o, "x-long: ");
    out_filler(o, 1u << 20);
    OUT_LITERAL(o, "\r\n\r\n{}");
    return STEP_DONE;
}

static void filler_piece(struct conn *c, struct out *o)
{
    size_t piece = c->filler < 65536 ? (size_t)c->filler : 65536;

    out_filler(o, piece);
    c->filler -= piece;
}

static enum step huge_answer(struct conn *c, struct out *o)
{
    static const char front[] = "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\","
                                "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                                "\"content\":\"";
    static const char back[] = "\"},\"finish_reason\":\"stop\"}]}";

    if (!c->head_made) {
        c->status = 200;
        c->filler = c->plan.huge_bytes;
        answer_head(c, o, "application/json",
                    (int64_t)(c->filler + sizeof(front) + sizeof(back) - 2));
        OUT_LITERAL(o, "\r\n");
        OUT_LITERAL(o, front);
    }
    filler_piece(c, o);
    if (c->filler != 0)
        return STEP_MORE;
    OUT_LITERAL(o, back);
    return STEP_DONE;
}

/* A chunk whose size is not its data's: too small for every second request, too large otherwise. */
static enum step chunk_lie(struct conn *c, struct out *o, const char *p, size_t n)
{
    out_printf(o, "%zx\r\n", (c->number & 1) != 0 ? n / 2 : n * 2);
    out_put(o, p, n);
    OUT_LITERAL(o, "\r\n0\r\n\r\n");
    return STEP_CLOSE;
}

/* The body is known; it leaves in the way that the fault wants. */
static enum step body_answer(struct conn *c, struct out *o)
{
    struct out *body = &c->mock->body;

    body->n = 0;
    answer_body(c, body);
    c->status = 200;
    switch (c->plan.fault) {
    case FAULT_CHUNK_LIE:
    case FAULT_CHUNK_OPEN:
        answer_head(c, o, "application/json", -1);
        OUT_LITERAL(o, "\r\n");
        if (c->plan.fault == FAULT_CHUNK_LIE)
            return chunk_lie(c, o, body->p, body->n);
        out_chunk(o, body->p, body->n);
        return STEP_CLOSE;
    case FAULT_BROKEN_JSON:
        answer_head(c, o, "application/json", (int64_t)body->n / 2);
        break;
    default:
        answer_head(c, o, "application/json", (int64_t)body->n);
        break;
    }
    OUT_LITERAL(o, "\r\n");
    if (c->plan.fault != FAULT_RESET_HEAD)
        out_put(o, body->p, body->n / 2);
    if (c->plan.fault == FAULT_RESET_HEAD || c->plan.fault == FAULT_RESET_MID)
        return STEP_RESET;
    return c->plan.fault == FAULT_TRUNCATED ? STEP_CLOSE : STEP_DONE;
}

/* The body arrives whole, but in pieces, with pauses. */
static enum step pieces_answer(struct conn *c, struct out *o)
{
    struct out *body = &c->mock->body;
    uint64_t pieces = c->plan.fault == FAULT_SLOW ? 10 : 2;

    body->n = 0;
    answer_body(c, body);
    if (!c->head_made) {
        c->status = 200;
        answer_head(c, o, "application/json", (int64_t)body->n);
        OUT_LITERAL(o, "\r\n");
    }
    size_t from = body->n * c->at / pieces, to = body->n * (c->at + 1) / pieces;
    out_put(o, body->p + from, to - from);
    c->wait_ms = c->plan.fault == FAULT_SLOW ? c->plan.interval_ms : c->plan.stall_ms;
    if (++c->at < pieces)
        return STEP_WAIT;
    if (c->plan.api <= API_EMBEDDINGS)
        c->usage_end = c->made + o->n;
    return STEP_DONE;
}

static enum step status_answer(struct conn *c, struct out *o)
{
    switch (c->plan.fault) {
    case FAULT_E429:
    case FAULT_E429_MS:
        return error_answer(c, o, 429, "requests", "rate_limit_exceeded",
                            "Rate limit reached. Please try again soon.");
    case FAULT_E400:
        return error_answer(c, o, 400, "invalid_request_error", "invalid_value",
                            "The request is not valid.");
    case FAULT_E401:
        return error_answer(c, o, 401, "invalid_request_error", "invalid_api_key",
                            "Incorrect API key provided: sk-upst****cret.");
    case FAULT_E500:
        return error_answer(c, o, 500, "server_error", "server_error",
                            "The server had an error while processing your request.");
    case FAULT_E502:
        return error_answer(c, o, 502, "server_error", "bad_gateway", "Bad gateway.");
    default:
        return error_answer(c, o, 503, "server_error", "overloaded",
                            "The engine is currently overloaded.");
    }
}

enum step fault_answer(struct conn *c, struct out *o)
{
    switch (c->plan.fault) {
    case FAULT_RESET:
        return STEP_RESET;
    case FAULT_CLOSE:
        return STEP_CLOSE;
    case FAULT_GARBAGE:
        OUT_LITERAL(o, "\x16\x03\x01\x02 this is not HTTP\r\n\r\n\r\n");
        return STEP_CLOSE;
    case FAULT_HTML:
        return text_answer(c, o, "text/html",
                           "<!doctype html><html><head><title>Sign in</title>"
                           "</head><body>Please sign in.</body></html>\n");
    case FAULT_EMPTY:
        return text_answer(c, o, c->plan.stream ? "text/event-stream" : "application/json", "");
    case FAULT_REDIRECT:
        c->status = 307;
        answer_head(c, o, "text/plain", 0);
        OUT_LITERAL(o, "Location: http://127.0.0.1:9/v1/elsewhere\r\n\r\n");
        return STEP_DONE;
    case FAULT_GZIP:
        return gzip_answer(c, o);
    case FAULT_LONG_HEAD:
        return long_head_answer(c, o);
    case FAULT_HUGE:
        return huge_answer(c, o);
    case FAULT_SLOW:
    case FAULT_STALL_MID:
        return pieces_answer(c, o);
    case FAULT_RESET_HEAD:
    case FAULT_RESET_MID:
    case FAULT_TRUNCATED:
    case FAULT_BROKEN_JSON:
    case FAULT_CHUNK_LIE:
    case FAULT_CHUNK_OPEN:
        return body_answer(c, o);
    default:
        return status_answer(c, o);
    }
}

#define HUGE_FRONT                                                                                 \
    "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"choices\":"            \
    "[{\"index\":0,\"delta\":{\"content\":\""
#define HUGE_BACK "\"},\"finish_reason\":null}]}\n\n"

/* One event, in one chunk, of any size. */
static enum step huge_event(struct conn *c, struct out *o)
{
    if (c->filler == 0) {
        c->filler = c->plan.huge_bytes;
        out_printf(o, "%llx\r\n",
                   (unsigned long long)(c->filler + sizeof(HUGE_FRONT) + sizeof(HUGE_BACK) - 2));
        OUT_LITERAL(o, HUGE_FRONT);
    }
    filler_piece(c, o);
    if (c->filler == 0) {
        OUT_LITERAL(o, HUGE_BACK "\r\n");
        c->fault_done = true;
    }
    return STEP_MORE;
}

bool fault_stream_middle(struct conn *c, struct out *o, enum step *ret_step)
{
    static const char broken[] =
        "data: {\"id\":\"chatcmpl-mock\",\"choices\":[{\"delta\":{\"con\n\n";
    static const char error[] = "data: {\"error\":{\"message\":\"The server had an error.\","
                                "\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n";

    c->fault_done = c->plan.fault != FAULT_HUGE;
    *ret_step = STEP_MORE;
    switch (c->plan.fault) {
    case FAULT_RESET_MID:
        *ret_step = STEP_RESET;
        return true;
    case FAULT_CLOSE_MID:
        *ret_step = STEP_CLOSE;
        return true;
    case FAULT_END_MID:
        OUT_LITERAL(o, "0\r\n\r\n");
        *ret_step = STEP_DONE;
        return true;
    case FAULT_STALL_MID:
        c->wait_ms = c->plan.stall_ms;
        *ret_step = STEP_WAIT;
        return true;
    case FAULT_BROKEN_EVENT:
        out_chunk(o, broken, sizeof(broken) - 1);
        return true;
    case FAULT_ERROR_EVENT:
        out_chunk(o, error, sizeof(error) - 1);
        OUT_LITERAL(o, "0\r\n\r\n");
        *ret_step = STEP_DONE;
        return true;
    case FAULT_CHUNK_LIE:
        *ret_step = chunk_lie(c, o, broken, sizeof(broken) - 1);
        return true;
    case FAULT_HUGE:
        *ret_step = huge_event(c, o);
        return true;
    default:
        return false;
    }
}
