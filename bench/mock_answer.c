/* The honest answers, in OpenAI's shapes. Each is made piece by piece: see enum step. */
#include "mock.h"

#include <string.h>

#define CREATED "1700000000" /* a fixed time, so that equal requests have equal answers */

static const char *status_text(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 307:
        return "Temporary Redirect";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 404:
        return "Not Found";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 502:
        return "Bad Gateway";
    default:
        return "Service Unavailable";
    }
}

/* length -1: chunked; -2: neither, the fault writes its own. The blank line is left to the caller
 * who wants further headers. */
void answer_head(struct conn *c, struct out *o, const char *type, int64_t length)
{
    OUT_LITERAL(o, "HTTP/1.1 ");
    out_number(o, (uint64_t)c->status);
    OUT_LITERAL(o, " ");
    out_text(o, status_text(c->status));
    OUT_LITERAL(o, "\r\nContent-Type: ");
    out_text(o, type);
    if (length >= 0) {
        OUT_LITERAL(o, "\r\nContent-Length: ");
        out_number(o, (uint64_t)length);
    } else if (length == -1) {
        OUT_LITERAL(o, "\r\nTransfer-Encoding: chunked\r\nCache-Control: no-cache");
    }
    if (!c->plan.keep_alive)
        OUT_LITERAL(o, "\r\nConnection: close");
    OUT_LITERAL(o, "\r\nx-request-id: req_mock_");
    out_number_wide(o, c->number, 10);
    OUT_LITERAL(o, "\r\nopenai-processing-ms: 7\r\nopenai-version: 2020-10-01"
                   "\r\nx-ratelimit-limit-requests: 10000"
                   "\r\nx-ratelimit-remaining-requests: 9999\r\n");
    c->head_made = true;
}

static void usage_put(const struct usage *u, struct out *o)
{
    OUT_LITERAL(o, "\"usage\":{\"prompt_tokens\":");
    out_number(o, u->prompt);
    OUT_LITERAL(o, ",\"completion_tokens\":");
    out_number(o, u->completion);
    OUT_LITERAL(o, ",\"total_tokens\":");
    out_number(o, u->prompt + u->completion);
    OUT_LITERAL(o, ",\"prompt_tokens_details\":{\"cached_tokens\":");
    out_number(o, u->cached);
    OUT_LITERAL(o, "},\"completion_tokens_details\":{\"reasoning_tokens\":");
    out_number(o, u->reasoning);
    OUT_LITERAL(o, "}}");
}

static void id_put(struct conn *c, struct out *o)
{
    if (c->plan.api == API_CHAT)
        OUT_LITERAL(o, "{\"id\":\"chatcmpl-mock-");
    else
        OUT_LITERAL(o, "{\"id\":\"cmpl-mock-");
    out_number_wide(o, c->number, 10);
}

static void filler_to(struct out *o, size_t from, size_t tail, uint64_t bytes)
{
    size_t have = o->n - from + tail;

    out_filler(o, have < bytes ? (size_t)bytes - have : 6);
}

static void completion_body(struct conn *c, struct out *o)
{
    bool chat = c->plan.api == API_CHAT;
    struct out *tail = &c->mock->event;
    size_t from = o->n;

    tail->n = 0;
    if (chat)
        OUT_LITERAL(tail, "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],");
    else
        OUT_LITERAL(tail, "\",\"logprobs\":null,\"finish_reason\":\"stop\"}],");
    if (c->plan.fault != FAULT_NO_USAGE) {
        usage_put(&c->plan.usage, tail);
        OUT_LITERAL(tail, ",");
    }
    OUT_LITERAL(tail, "\"system_fingerprint\":\"fp_mock\"}");

    id_put(c, o);
    if (chat)
        OUT_LITERAL(o, "\",\"object\":\"chat.completion\",\"created\":" CREATED ",\"model\":\"");
    else
        OUT_LITERAL(o, "\",\"object\":\"text_completion\",\"created\":" CREATED ",\"model\":\"");
    out_text(o, c->model);
    if (chat)
        OUT_LITERAL(o, "\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                       "\"content\":\"");
    else
        OUT_LITERAL(o, "\",\"choices\":[{\"index\":0,\"text\":\"");
    filler_to(o, from, tail->n, c->plan.bytes);
    out_put(o, tail->p, tail->n);
}

static void base64_put(struct out *o, const unsigned char *p, size_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        uint32_t three = (uint32_t)p[i] << 16;
        if (i + 1 < n)
            three |= (uint32_t)p[i + 1] << 8;
        if (i + 2 < n)
            three |= p[i + 2];
        char four[4] = {letters[three >> 18], letters[three >> 12 & 63],
                        i + 1 < n ? letters[three >> 6 & 63] : '=',
                        i + 2 < n ? letters[three & 63] : '='};
        out_put(o, four, 4);
    }
}

/* Value number i of vector v, the same in both encodings: halves are exact in every format. */
static float dimension(uint32_t v, uint64_t i)
{
    return (float)((v + i) % 5) * 0.5f - 1.0f;
}

static void embeddings_body(struct conn *c, struct out *o)
{
    OUT_LITERAL(o, "{\"object\":\"list\",\"data\":[");
    for (uint32_t v = 0; v < c->plan.inputs; v++) {
        out_printf(o, "%s{\"object\":\"embedding\",\"index\":%u,\"embedding\":", v ? "," : "", v);
        if (!c->plan.base64)
            OUT_LITERAL(o, "[");
        else
            OUT_LITERAL(o, "\"");
        float values[3]; /* three floats are twelve bytes: no padding until the end */
        for (uint64_t i = 0; i < c->plan.dimensions; i++) {
            values[i % 3] = dimension(v, i);
            if (!c->plan.base64)
                out_printf(o, "%s%.1f", i ? "," : "", (double)values[i % 3]);
            else if (i % 3 == 2 || i + 1 == c->plan.dimensions)
                base64_put(o, (const unsigned char *)values, (i % 3 + 1) * sizeof(float));
        }
        if (!c->plan.base64)
            OUT_LITERAL(o, "]}");
        else
            OUT_LITERAL(o, "\"}");
    }
    OUT_LITERAL(o, "],\"model\":\"");
    out_text(o, c->model);
    OUT_LITERAL(o, "\"");
    if (c->plan.fault != FAULT_NO_USAGE)
        out_printf(o, ",\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu}",
                   (unsigned long long)c->plan.usage.prompt,
                   (unsigned long long)c->plan.usage.prompt);
    OUT_LITERAL(o, "}");
}

/* The whole JSON body of a plain answer. */
void answer_body(struct conn *c, struct out *o)
{
    switch (c->plan.api) {
    case API_CHAT:
    case API_COMPLETIONS:
        completion_body(c, o);
        break;
    case API_EMBEDDINGS:
        embeddings_body(c, o);
        break;
    case API_MODELS:
        OUT_LITERAL(o, "{\"object\":\"list\",\"data\":["
                       "{\"id\":\"mock\",\"object\":\"model\",\"created\":" CREATED
                       ",\"owned_by\":\"mock\"},"
                       "{\"id\":\"mock-large\",\"object\":\"model\",\"created\":" CREATED
                       ",\"owned_by\":\"mock\"}]}");
        break;
    case API_OTHER:
    case API_MOCK:
        OUT_LITERAL(o, "{\"object\":\"mock\",\"ok\":true}");
        break;
    }
}

static bool reports_usage(const struct plan *plan)
{
    return plan->fault != FAULT_NO_USAGE &&
           (plan->api == API_CHAT || plan->api == API_COMPLETIONS || plan->api == API_EMBEDDINGS);
}

enum step answer_plain(struct conn *c, struct out *o)
{
    struct out *body = &c->mock->body;

    body->n = 0;
    answer_body(c, body);
    c->status = 200;
    answer_head(c, o, "application/json", (int64_t)body->n);
    OUT_LITERAL(o, "\r\n");
    if (c->plan.head_only)
        return STEP_DONE;
    out_put(o, body->p, body->n);
    if (reports_usage(&c->plan))
        c->usage_end = c->made + o->n;
    return STEP_DONE;
}

static void event_start(struct conn *c, struct out *e)
{
    e->n = 0;
    OUT_LITERAL(e, "data: ");
    id_put(c, e);
    if (c->plan.api == API_CHAT)
        OUT_LITERAL(e,
                    "\",\"object\":\"chat.completion.chunk\",\"created\":" CREATED ",\"model\":\"");
    else
        OUT_LITERAL(e, "\",\"object\":\"text_completion\",\"created\":" CREATED ",\"model\":\"");
    out_text(e, c->model);
    OUT_LITERAL(e, "\",\"system_fingerprint\":\"fp_mock\",\"choices\":[");
}

#define EVENT_BYTES 290 /* of an event without a usage field, framing of the stream included */

/* Event `index` of the answer, chunked. The first names the role, the last the reason to stop. */
void answer_event(struct conn *c, struct out *o, uint64_t index)
{
    struct out *e = &c->mock->event;
    bool last = index + 1 == c->plan.events;
    const char *tail = last ? "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}]"
                            : "\"},\"logprobs\":null,\"finish_reason\":null}]";

    event_start(c, e);
    if (c->plan.api != API_CHAT) {
        OUT_LITERAL(e, "{\"index\":0,\"text\":\"");
        tail = last ? "\",\"logprobs\":null,\"finish_reason\":\"stop\"}]"
                    : "\",\"logprobs\":null,\"finish_reason\":null}]";
    } else if (index == 0) {
        OUT_LITERAL(e, "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"");
    } else {
        OUT_LITERAL(e, "{\"index\":0,\"delta\":{\"content\":\"");
    }
    filler_to(e, 0, strlen(tail) + 3, EVENT_BYTES);
    out_text(e, tail);
    if (c->plan.include_usage && c->plan.fault != FAULT_NO_USAGE)
        OUT_LITERAL(e, ",\"usage\":null}\n\n");
    else
        OUT_LITERAL(e, "}\n\n");
    out_chunk(o, e->p, e->n);
    c->mock->stats.events++;
}

static void usage_event(struct conn *c, struct out *o)
{
    struct out *e = &c->mock->event;

    event_start(c, e);
    OUT_LITERAL(e, "],");
    usage_put(&c->plan.usage, e);
    OUT_LITERAL(e, "}\n\n");
    out_chunk(o, e->p, e->n);
}

enum step answer_stream(struct conn *c, struct out *o)
{
    struct plan *plan = &c->plan;

    if (!c->head_made) {
        c->status = 200;
        answer_head(c, o, "text/event-stream; charset=utf-8", -1);
        OUT_LITERAL(o, "\r\n");
    }
    if (plan->fault != FAULT_NONE && !c->fault_done && c->at >= plan->events / 2) {
        enum step step;
        if (fault_stream_middle(c, o, &step))
            return step;
    }
    if (c->at < plan->events) {
        answer_event(c, o, c->at++);
        c->wait_ms = plan->interval_ms;
        return c->at < plan->events && plan->interval_ms != 0 ? STEP_WAIT : STEP_MORE;
    }
    if (plan->include_usage && plan->fault != FAULT_NO_USAGE) {
        usage_event(c, o);
        c->usage_end = c->made + o->n;
    }
    if (plan->fault != FAULT_NO_DONE)
        out_chunk(o, "data: [DONE]\n\n", 14);
    if (plan->fault == FAULT_CHUNK_OPEN)
        return STEP_CLOSE;
    OUT_LITERAL(o, "0\r\n\r\n");
    return STEP_DONE;
}

enum step answer_next(struct conn *c, struct out *o)
{
    if (!c->waited) {
        c->waited = true;
        c->wait_ms = c->plan.delay_ms;
        if (c->plan.fault == FAULT_STALL)
            c->wait_ms += c->plan.stall_ms;
        if (c->wait_ms != 0)
            return STEP_WAIT;
    }
    if (c->plan.api == API_MOCK)
        return control_answer(c, o);
    if (fault_replaces(&c->plan))
        return fault_answer(c, o);
    return c->plan.stream ? answer_stream(c, o) : answer_plain(c, o);
}
