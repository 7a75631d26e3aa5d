#include "llm/call.h"

#include "base/clock.h"
#include "rt/task.h"

#define EVENT_BYTES_MAX      (16u * 1024 * 1024)
#define ERROR_BODY_BYTES_MAX (256u * 1024)
#define SMALL_EDIT_BYTES     1024u
#define HELD_BACK_BYTES_MAX  (64u * 1024)
#define STALE_US             (1000 * 1000)

void llm_call_init(struct llm_call *c)
{
    c->retry_after_ms = -1;
    c->cost_usd_nanos = COST_UNKNOWN;
    c->given_cost_usd_nanos = COST_UNKNOWN;
}

void llm_call_fini(struct llm_call *c)
{
    buf_fini(&c->body);
    buf_fini(&c->edited);
}

static const struct transport *transport_of(const struct llm_call *c)
{
    return c->target->provider->kind->transport;
}

/* Names the provider in a fault: the client may have asked for an alias of it. */
static int provider_fault(struct llm_call *c, struct fault *f, int err, const char *what)
{
    return fault_set(f, err, "provider %.*s: %s", STR_ARGS(c->target->provider->name), what);
}

/* ---- time ---- */

/* Until when the provider may keep silent now. */
static int64_t silence_ends_ms(const struct llm_call *c)
{
    const struct timeouts *t = &c->target->timeouts;
    if (c->first_us == 0)
        return c->connected_us / 1000 + t->first_token_ms;
    return clock_cached_ms() + t->between_tokens_ms;
}

/* The deadline that ran out tells what the provider did wrong. */
static int timeout_name(struct llm_call *c, int err, struct fault *f)
{
    if (err != E_TIMEOUT)
        return err;
    if (clock_cached_ms() >= c->deadline_ms)
        return provider_fault(c, f, E_TIMEOUT, "its tries took longer than timeouts.total");
    return provider_fault(c, f, E_UPSTREAM_STALL,
                          c->first_us == 0 ? "no token within timeouts.first_token"
                                           : "a pause longer than timeouts.between_tokens");
}

static int read_piece(struct llm_call *c, struct str *ret_piece, struct fault *f)
{
    int64_t outer = task_deadline(silence_ends_ms(c));
    int err = transport_of(c)->read(c, ret_piece);
    task_deadline_restore(outer);
    if (err == E_TIMEOUT)
        return timeout_name(c, err, f);
    if (err == E_EOF || err == E_RESET || err == E_CLOSED || err == E_UPSTREAM_CUT)
        return provider_fault(c, f, E_UPSTREAM_CUT, "the connection ended within the answer");
    if (err == E_UPSTREAM_HTTP)
        return provider_fault(c, f, err, "its answer breaks HTTP/1.1");
    return err;
}

/* ---- an answer that is held ---- */

static int body_read(struct llm_call *c, size_t bytes_max, struct fault *f)
{
    int64_t known = c->body_bytes;
    buf_init(&c->body, bytes_max);
    if (known > (int64_t)bytes_max)
        return provider_fault(c, f, E_UPSTREAM_LARGE, "its answer is over answer_bytes");
    int err = known > 0 ? buf_reserve(&c->body, (size_t)known + 1) : 0;
    while (!err) {
        struct str piece;
        err = read_piece(c, &piece, f);
        if (err || piece.n == 0)
            break;
        if (buf_str(&c->body, piece) == E_TOO_LARGE)
            err = provider_fault(c, f, E_UPSTREAM_LARGE, "its answer is over answer_bytes");
        else
            err = c->body.failed;
    }
    return err;
}

static int retry_after_read(const struct http_headers *h, int64_t *ret_ms)
{
    uint64_t value = 0;
    if (str_to_u64(http_headers_get(h, STR("retry-after-ms")), 86400000, &value))
        *ret_ms = (int64_t)value;
    else if (str_to_u64(http_headers_get(h, STR("retry-after")), 86400, &value))
        *ret_ms = (int64_t)value * 1000;
    return 0;
}

/* What a status means, be it the answer's own or the one that an error inside a 200 names. */
static int error_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return E_UPSTREAM_AUTH;
    case 408:
        return E_UPSTREAM_BUSY;
    case 429:
        return E_UPSTREAM_LIMIT;
    default:
        return status >= 500 ? E_UPSTREAM_BUSY : E_UPSTREAM_STATUS;
    }
}

/* The likeliest mistake of a first day, so the words say whose key it was. */
static int key_fault(const struct llm_call *c, struct fault *f)
{
    struct str name = c->target->provider->name;
    if (c->target->provider->key_value.n)
        return fault_set(f, E_UPSTREAM_AUTH,
                         "provider %.*s refused the key that sluice is configured with "
                         "(providers.%.*s.key)",
                         STR_ARGS(name), STR_ARGS(name));
    return fault_set(f, E_UPSTREAM_AUTH,
                     c->pass_key.n ? "provider %.*s refused the client's key, which was passed on"
                                   : "provider %.*s asks for a key, and none is configured",
                     STR_ARGS(name));
}

/* An answer that is no 2xx. What it says is kept for the client where it may see it. */
static int status_error(struct llm_call *c, struct fault *f)
{
    (void)retry_after_read(&c->answer_headers, &c->retry_after_ms);
    if (body_read(c, ERROR_BODY_BYTES_MAX, NULL) != 0)
        buf_clear(&c->body);
    struct openai_facts facts;
    int err = error_of_status(c->status);
    if (c->target->provider->kind->answer_read(buf_view(&c->body), &facts) == 0 &&
        error_of_status(facts.error_status) == E_UPSTREAM_AUTH)
        err = E_UPSTREAM_AUTH; /* some say 400 to a wrong key */
    if (err != E_UPSTREAM_AUTH)
        return fault_set(f, err, "provider %.*s answered with status %d",
                         STR_ARGS(c->target->provider->name), c->status);
    buf_clear(&c->body); /* it may quote the key */
    return key_fault(c, f);
}

static void facts_take(struct llm_call *c, const struct openai_facts *facts)
{
    if (facts->speaks && c->first_us == 0)
        c->first_us = clock_mono_us();
    c->content_bytes += facts->content_bytes;
    c->finished |= facts->finished;
    c->done |= facts->done;
    if (facts->has_usage)
        c->tokens = facts->usage;
}

static int in_body_error(struct llm_call *c, const struct openai_facts *facts, struct fault *f)
{
    int err = facts->error_status ? error_of_status(facts->error_status) : E_UPSTREAM_BUSY;
    if (err == E_UPSTREAM_AUTH)
        return key_fault(c, f);
    struct str text = facts->error_text.n ? facts->error_text : STR("an error without words");
    return fault_set(f, err, "provider %.*s: %.*s", STR_ARGS(c->target->provider->name),
                     STR_ARGS(str_head(text, 160)));
}

static int whole_answer(struct llm_call *c, struct fault *f)
{
    int err = body_read(c, (size_t)c->target->provider->settings->answer_bytes_max, f);
    if (err)
        return err;
    struct openai_facts facts;
    err = c->target->provider->kind->answer_read(buf_view(&c->body), &facts);
    if (err)
        return provider_fault(c, f, err, "its answer is not the JSON object that was due");
    facts_take(c, &facts);
    return facts.has_error ? in_body_error(c, &facts, f) : 0;
}

/* ---- a stream ---- */

/* A run of bytes that goes to the client as it came, collected so that one piece is one write. */
struct run {
    struct str bytes;
};

static int stream_begin(struct llm_call *c)
{
    if (c->streamed)
        return 0;
    c->streamed = true;
    return c->sink->begin(c->sink, c->status, &c->answer_headers);
}

static int run_flush(struct llm_call *c, struct run *run)
{
    struct str bytes = run->bytes;
    run->bytes = STR_NONE;
    if (c->edited.n > 0) {
        int err = c->sink->events(c->sink, buf_view(&c->edited));
        /* A slow stream's single events are small and far between: nothing is kept for them. */
        if (c->edited.cap <= SMALL_EDIT_BYTES)
            buf_fini(&c->edited);
        else
            buf_clear(&c->edited);
        if (err)
            return err;
    }
    return bytes.n > 0 ? c->sink->events(c->sink, bytes) : 0;
}

/* Adds an event that came whole within `piece` to the run, else to the copy. */
static int run_add(struct llm_call *c, struct run *run, struct str raw, struct str piece)
{
    bool inside = raw.p >= piece.p && raw.p < piece.p + piece.n;
    if (inside && c->streamed && c->edited.n == 0) {
        if (run->bytes.n == 0)
            run->bytes = raw;
        else if (run->bytes.p + run->bytes.n == raw.p)
            run->bytes.n += raw.n;
        else
            return run_flush(c, run) ? E_CLIENT_GONE : run_add(c, run, raw, piece);
        return 0;
    }
    if (run->bytes.n > 0) { /* keep the order: what was collected first */
        int err = run_flush(c, run);
        if (err)
            return err;
    }
    return buf_str(&c->edited, raw);
}

/* One event: is it good, what does it say, and how does it go on to the client? */
static int event_take(struct llm_call *c, struct run *run, const struct sse_event *e,
                      struct str piece, struct fault *f)
{
    struct openai_facts facts = {.unread = e->is_comment};
    int err = 0;
    if (!e->is_comment)
        err = c->target->provider->kind->event_read(e->name, e->data, &facts);
    if (err)
        return provider_fault(c, f, err, "an event of its stream is not valid JSON");
    if (facts.unread) {
        if (!c->streamed && c->edited.n + e->raw.n > HELD_BACK_BYTES_MAX)
            return 0; /* keep-alives before the first event: enough of them are held back */
        return run_add(c, run, e->raw, piece);
    }
    facts_take(c, &facts);
    if (facts.has_error)
        return in_body_error(c, &facts, f);
    if (!c->streamed) {
        err = stream_begin(c);
        if (err)
            return err;
    }
    if (!c->cut_usage || facts.usage_cut.to == 0)
        return run_add(c, run, e->raw, piece);
    if (facts.only_usage)
        return 0;
    if (run->bytes.n > 0) {
        buf_str(&c->edited, run->bytes);
        run->bytes = STR_NONE;
    }
    return openai_event_without_usage(e->raw, e->data, &facts, &c->edited);
}

static int events_take(struct llm_call *c, struct str piece, struct fault *f)
{
    struct run run = {STR_NONE};
    sse_feed(&c->sse, piece);
    int err = 0;
    while (!err) {
        struct sse_event e;
        err = sse_next(&c->sse, &e);
        if (err)
            err = provider_fault(c, f, err, "an event of its stream is too large");
        else if (e.raw.n == 0)
            break;
        else
            err = event_take(c, &run, &e, piece, f);
    }
    /* What came before a fault is good and belongs to the client. */
    int flushed = c->streamed ? run_flush(c, &run) : 0;
    return err ? err : flushed;
}

static int stream_answer(struct llm_call *c, struct fault *f)
{
    sse_init(&c->sse, EVENT_BYTES_MAX);
    buf_init(&c->edited, EVENT_BYTES_MAX);
    int err = 0;
    while (!err && !c->done) { /* behind [DONE] comes nothing that the client could wait for */
        struct str piece;
        err = read_piece(c, &piece, f);
        if (err || piece.n == 0)
            break;
        err = events_take(c, piece, f);
    }
    bool whole = c->done || (c->finished && sse_rest(&c->sse).n == 0);
    if (!err && !whole)
        err = provider_fault(c, f, E_UPSTREAM_CUT, "its stream ended before the answer did");
    if (!err && sse_rest(&c->sse).n > 0)
        err = c->sink->events(c->sink, sse_rest(&c->sse));
    sse_fini(&c->sse);
    return err;
}

/* ---- the whole ---- */

/* Was the connection closed while it was idle? That shows within a round trip; where it ends later,
 * the provider had the request. */
static bool was_stale(const struct llm_call *c, int err)
{
    return c->reused && !c->got_byte && (err == E_CLOSED || err == E_RESET || err == E_EOF) &&
           clock_mono_us() - c->connected_us < STALE_US;
}

static int send_and_head(struct llm_call *c, struct fault *f)
{
    const struct transport *t = transport_of(c);
    for (bool fresh = false;; fresh = true) {
        int err = t->send(c, fresh, f);
        if (!err) {
            int64_t outer = task_deadline(silence_ends_ms(c));
            err = t->head(c);
            task_deadline_restore(outer);
        }
        if (!err || fresh || !was_stale(c, err))
            return err;
        t->end(c);
        fault_clear(f);
    }
}

static bool is_stream(const struct llm_call *c)
{
    struct str type = http_headers_value(&c->answer_headers, FIELD_CONTENT_TYPE);
    return c->request->stream && str_starts_nocase(type, STR("text/event-stream"));
}

static int answer_take(struct llm_call *c, struct fault *f)
{
    bool good = c->status >= 200 && c->status <= 299;
    bool stream = good && is_stream(c);
    if (!stream)
        c->first_us = clock_mono_us(); /* what is not streamed comes with its header */
    if (!good)
        return status_error(c, f);
    struct str coding = http_headers_value(&c->answer_headers, FIELD_CONTENT_ENCODING);
    if (coding.n > 0 && !str_eq_nocase(coding, STR("identity")))
        return provider_fault(c, f, E_UPSTREAM_ENCODED, "it compressed its answer unasked");
    return stream ? stream_answer(c, f) : whole_answer(c, f);
}

static int head_fault(struct llm_call *c, int err, struct fault *f)
{
    switch (err) {
    case E_TIMEOUT:
        return timeout_name(c, err, f);
    case E_EOF:
    case E_CLOSED:
    case E_RESET:
        return provider_fault(c, f, E_RESET, "the connection was reset before an answer");
    case E_UPSTREAM_HTTP:
        return provider_fault(c, f, err, "its answer is not HTTP/1.1");
    case E_UPSTREAM_CUT:
        return provider_fault(c, f, err, "its answer's header was cut off");
    default:
        return err;
    }
}

/*
 * What the provider did not count is estimated: of a request that it may have seen the prompt, and
 * of the answer what arrived. Errors are not billed.
 */
static void bill_make(struct llm_call *c)
{
    if (c->tokens.source != TOKENS_PROVIDER) {
        bool refused = !c->sent || c->status >= 300;
        c->tokens = (struct tokens){.source = TOKENS_ESTIMATE};
        if (!refused) {
            c->tokens.input = tokens_of_bytes((int64_t)c->request->body.n);
            c->tokens.output = tokens_of_bytes(c->content_bytes);
        }
    }
    c->cost_usd_nanos = c->given_cost_usd_nanos != COST_UNKNOWN ? c->given_cost_usd_nanos
                        : c->sent ? price_cost(c->target->price, &c->tokens)
                                  : 0; /* who was not reached costs nothing, known price or not */
}

/* Whose fault was it? A client that left or a request that was refused is not the endpoint's. */
static void endpoint_judge(struct llm_call *c, int err)
{
    if (!c->endpoint)
        return;
    if (c->status > 0)
        endpoint_answered(c->endpoint);
    else if (err != E_CLIENT_GONE && err != E_CANCELED && err != E_OVERLOADED && err != E_MEMORY)
        endpoint_failed(c->endpoint);
}

int llm_call_write(struct llm_call *c, struct llm_outgoing *ret_out)
{
    const struct provider_kind *kind = c->target->provider->kind;
    int err = kind->request_write(c->target, c->request, c->arena, ret_out);
    c->cut_usage = ret_out->cut_usage;
    return err;
}

int llm_call_run(struct llm_call *c, struct fault *f)
{
    c->began_us = clock_mono_us();
    c->began_wall_us = clock_wall_at(c->began_us);
    int64_t outer = task_deadline(c->deadline_ms);
    int err = send_and_head(c, f);
    err = err ? head_fault(c, err, f) : answer_take(c, f);
    transport_of(c)->end(c);
    task_deadline_restore(outer);
    c->ended_us = clock_mono_us();
    bill_make(c);
    endpoint_judge(c, err);
    return err;
}
