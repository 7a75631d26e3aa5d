#include "llm/call.h"

#include "base/clock.h"
#include "http/client.h"
#include "http/date.h"
#include "llm/crossing.h"
#include "llm/openai.h"
#include "llm/wire.h"
#include "rt/task.h"

#define EVENT_BYTES_MAX      (16u * 1024 * 1024)
#define ERROR_BODY_BYTES_MAX (256u * 1024)
#define SMALL_EDIT_BYTES     1024u
#define HELD_BACK_BYTES_MAX  (64u * 1024)
#define SENT_AGAIN_MAX       2 /* what a provider has not begun with, without being a retry */
#define ERROR_WORDS_MAX      200

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

/* Names the provider in a fault: the client may have asked for an alias of it. What is too large is
 * the answer, and no body of the client's. */
static int provider_fault(struct llm_call *c, struct fault *f, int err, const char *what)
{
    err = err == E_TOO_LARGE ? E_UPSTREAM_LARGE : err;
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
        return provider_fault(c, f, err, "its answer breaks HTTP");
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

/* What a status means, be it the answer's own or the one that an error inside a 200 names. */
int llm_error_of_status(int status)
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
    if (provider_tenant_key(c->target->provider, c->tenant).n)
        return fault_set(
            f, E_UPSTREAM_AUTH,
            "provider %.*s refused the key of tenant %.*s (providers.%.*s.tenant_keys)",
            STR_ARGS(name), STR_ARGS(str_head_utf8(c->tenant, 60)), STR_ARGS(name));
    if (c->key)
        return fault_set(f, E_UPSTREAM_AUTH,
                         "provider %.*s refused a key that sluice is configured with (number %u of "
                         "providers.%.*s.api_keys)",
                         STR_ARGS(name), (unsigned)(c->key - c->target->provider->keys) + 1,
                         STR_ARGS(name));
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

/* Shorter ones are found by chance, and are none that a provider gives out. */
#define KEY_BYTES_MIN 8

static bool quotes(struct str text, struct str value)
{
    struct str key = value;
    while (str_find(key, STR(" ")) >= 0) /* without "Bearer " */
        (void)str_cut(&key, ' ');
    return key.n >= KEY_BYTES_MIN && str_find(text, key) >= 0;
}

/* Does it have the key in it that the call went out with? Some say so in the words of an error. */
static bool quotes_key(const struct llm_call *c, struct str text)
{
    const struct provider *p = c->target->provider;
    return quotes(text, p->key_value) || quotes(text, provider_tenant_key(p, c->tenant)) ||
           (c->key && quotes(text, c->key->value));
}

/* An answer that is no 2xx. What it says is kept for the client where it may see it. */
static int status_error(struct llm_call *c, struct fault *f)
{
    c->retry_after_ms = http_retry_after_ms(&c->answer_headers, clock_wall_us() / 1000000);
    if (body_read(c, ERROR_BODY_BYTES_MAX, NULL) != 0)
        buf_clear(&c->body);
    struct llm_facts facts;
    int err = llm_error_of_status(c->status);
    bool read = c->out->wire->answer_facts(buf_view(&c->body), &facts) == 0 && facts.has_error;
    if (read && llm_error_of_status(facts.error_status) == E_UPSTREAM_AUTH)
        err = E_UPSTREAM_AUTH; /* some say 400 to a wrong key */
    if (err == E_UPSTREAM_AUTH) {
        buf_clear(&c->body); /* it may quote the key */
        return key_fault(c, f);
    }
    if (quotes_key(c, buf_view(&c->body))) {
        buf_clear(&c->body);
        read = false;
    }
    if (!c->out->crossing)
        return fault_set(f, err, "provider %.*s answered with status %d",
                         STR_ARGS(c->target->provider->name), c->status);
    /* The body is in a protocol that the client does not speak; its words are for everybody. */
    fault_set(f, err, "provider %.*s answered with status %d%s%.*s",
              STR_ARGS(c->target->provider->name), c->status,
              read && facts.error_text.n ? ": " : "",
              STR_ARGS(read ? str_head_utf8(facts.error_text, ERROR_WORDS_MAX) : STR("")));
    buf_clear(&c->body);
    return err;
}

static void facts_take(struct llm_call *c, const struct llm_facts *facts)
{
    if (facts->speaks && c->first_us == 0)
        c->first_us = clock_mono_us();
    c->content_bytes += facts->content_bytes;
    c->finished |= facts->finished;
    c->done |= facts->done;
    if (facts->tier != TIER_UNSAID)
        c->tier = facts->tier;
    if (facts->next_number > 0)
        c->next_number = facts->next_number;
    if (!facts->has_usage)
        return;
    c->counted_bytes = c->content_bytes;
    if (c->out->wire->usage_merge)
        c->out->wire->usage_merge(&c->tokens, &facts->usage);
    else
        c->tokens = facts->usage;
}

static void kept_one(void *arg, struct str id)
{
    struct llm_sink *sink = arg;
    sink->kept(sink, id);
}

/* The ids in what goes to the client as it came: they are the provider's own. */
static void kept_tell(struct llm_call *c, const struct llm_facts *facts)
{
    c->not_kept |= facts->not_kept;
    if (facts->kept && c->out->wire->kept_each && !c->out->crossing && c->sink && c->sink->kept)
        c->out->wire->kept_each(facts->kept, !c->not_kept, kept_one, c->sink);
}

static int in_body_error(struct llm_call *c, const struct llm_facts *facts, struct fault *f)
{
    c->is_error = true;
    int err = facts->error_status ? llm_error_of_status(facts->error_status) : E_UPSTREAM_BUSY;
    if (err == E_UPSTREAM_AUTH)
        return key_fault(c, f);
    struct str text = facts->error_text.n ? facts->error_text : STR("an error without words");
    if (quotes_key(c, text))
        text = STR("an error whose words have a key in them");
    return fault_set(f, err, "provider %.*s: %.*s", STR_ARGS(c->target->provider->name),
                     STR_ARGS(str_head(text, 160)));
}

static int stream_begin(struct llm_call *c);

/* Puts the answer as the client's protocol has it in the place of the provider's. Who asked for a
 * stream gets one, also of a provider that answers whole. */
static int answer_cross(struct llm_call *c, struct fault *f)
{
    struct buf crossed;
    buf_init(&crossed, (size_t)c->target->provider->settings->answer_bytes_max * 2);
    int err = crossing_answer(c->out->crossing, buf_view(&c->body), c->request->stream, &crossed,
                              f);
    buf_fini(&c->body);
    c->body = crossed;
    c->left_out = crossing_left_out(c->out->crossing);
    if (err)
        return provider_fault(c, f, err,
                              "its answer cannot be carried over to the client's "
                              "protocol");
    if (c->request->stream)
        err = stream_begin(c);
    if (c->request->stream && !err)
        err = c->sink->events(c->sink, buf_view(&c->body));
    return err;
}

/* An event stream begins with the name of a field, or with a comment. */
static bool looks_streamed(struct str body)
{
    return str_starts(body, STR("data:")) || str_starts(body, STR("event:")) ||
           str_starts(body, STR(":"));
}

static int whole_answer(struct llm_call *c, struct fault *f)
{
    int err = body_read(c, (size_t)c->target->provider->settings->answer_bytes_max, f);
    if (err)
        return err;
    struct llm_facts facts;
    err = c->out->wire->answer_facts(buf_view(&c->body), &facts);
    if (err)
        return provider_fault(c, f, err,
                              !c->request->stream && looks_streamed(buf_view(&c->body))
                                  ? "it streams its answer, which was to be whole"
                                  : "its answer is not the JSON object that was due");
    facts_take(c, &facts);
    if (facts.has_error)
        return in_body_error(c, &facts, f);
    kept_tell(c, &facts);
    if (UNLIKELY(c->noted != NULL))
        llm_noted_read(c->noted, buf_view(&c->body));
    return c->out->crossing ? answer_cross(c, f) : 0;
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

static int event_cross(struct llm_call *c, const struct sse_event *e, struct fault *f)
{
    int err = crossing_event(c->out->crossing, e->name, e->data, &c->edited, f);
    c->next_number = crossing_next_number(c->out->crossing);
    return err ? provider_fault(c, f, err,
                                "an event of its stream cannot be carried over to the "
                                "client's protocol")
               : 0;
}

/* Some servers end an answer by closing the connection, and say no more behind why it ended. */
static int end_cross(struct llm_call *c, struct fault *f)
{
    int err = c->out->crossing ? crossing_end(c->out->crossing, &c->edited, f) : 0;
    if (c->out->crossing)
        c->next_number = crossing_next_number(c->out->crossing);
    return err ? provider_fault(c, f, err, "the end of its stream cannot be carried over")
               : run_flush(c, &(struct run){STR_NONE});
}

/* One event: is it good, what does it say, and how does it go on to the client? */
static int event_take(struct llm_call *c, struct run *run, const struct sse_event *e,
                      struct str piece, struct fault *f)
{
    struct llm_facts facts = {.unread = e->is_comment};
    int err = 0;
    if (!e->is_comment)
        err = c->out->wire->event_facts(e->name, e->data, &facts);
    if (err)
        return provider_fault(c, f, err, "an event of its stream is not valid JSON");
    if (facts.unread) {
        if (c->out->crossing && !e->is_comment)
            return 0; /* another protocol's */
        if (!c->streamed && c->edited.n + e->raw.n > HELD_BACK_BYTES_MAX)
            return 0; /* keep-alives before the first event: enough of them are held back */
        return run_add(c, run, e->raw, piece);
    }
    facts_take(c, &facts);
    if (facts.has_error)
        return in_body_error(c, &facts, f);
    kept_tell(c, &facts);
    if (UNLIKELY(c->noted != NULL))
        llm_noted_event(c->noted, e->data, facts.finished);
    if (!c->streamed) {
        err = stream_begin(c);
        if (err)
            return err;
    }
    if (c->out->crossing)
        return event_cross(c, e, f);
    if (!c->out->cut_usage || facts.usage_cut.to == 0)
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
    frames_feed(&c->frames, piece);
    int err = 0;
    while (!err) {
        struct sse_event e;
        err = frames_next(&c->frames, &e);
        if (err)
            err = provider_fault(c, f, err,
                                 err == E_UPSTREAM_LARGE ? "an event of its stream is too large"
                                                         : "a frame of its stream is damaged");
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
    frames_init(&c->frames, c->out->wire->cut, EVENT_BYTES_MAX);
    buf_init(&c->edited, EVENT_BYTES_MAX);
    int err = 0;
    while (!err && !c->done) { /* behind [DONE] comes nothing that the client could wait for */
        struct str piece;
        err = read_piece(c, &piece, f);
        if (err || piece.n == 0)
            break;
        err = events_take(c, piece, f);
    }
    bool whole = c->done || (c->finished && !frames_cut(&c->frames));
    struct str rest = c->out->crossing ? STR_NONE : frames_rest(&c->frames);
    if (!err && !whole)
        err = provider_fault(c, f, E_UPSTREAM_CUT, "its stream ended before the answer did");
    if (!err)
        err = end_cross(c, f);
    if (!err && rest.n > 0)
        err = c->sink->events(c->sink, rest);
    frames_fini(&c->frames);
    if (c->out->crossing)
        c->left_out = crossing_left_out(c->out->crossing);
    return err;
}

/* ---- the whole ---- */

static int send_and_head(struct llm_call *c, struct fault *f)
{
    const struct transport *t = transport_of(c);
    for (unsigned sent = 0;; sent++) {
        int err = t->send(c, sent > 0, f);
        if (!err) {
            int64_t outer = task_deadline(silence_ends_ms(c));
            err = t->head(c);
            task_deadline_restore(outer);
        }
        bool again = c->unprocessed
                         ? sent < SENT_AGAIN_MAX
                         : sent == 0 && http_is_stale(c->reused, c->got_byte, c->connected_us, err);
        if (!err || !again)
            return err;
        t->end(c);
        fault_clear(f);
    }
}

static bool is_stream(const struct llm_call *c)
{
    struct str type = http_headers_value(&c->answer_headers, FIELD_CONTENT_TYPE);
    return c->request->stream && frames_type(c->out->wire->cut, type);
}

/* A crossing's answer has the client's form, whatever form the provider's header tells of. */
static int type_cross(struct llm_call *c, bool stream)
{
    struct http_header type = {STR("Content-Type"),
                               stream ? STR("text/event-stream") : STR("application/json"),
                               FIELD_CONTENT_TYPE};
    for (unsigned i = 0; i < c->answer_headers.n; i++)
        if (c->answer_headers.at[i].field == FIELD_CONTENT_TYPE) {
            c->answer_headers.at[i] = type;
            return 0;
        }
    return http_headers_append(&c->answer_headers, type);
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
    int err = c->out->crossing ? type_cross(c, c->request->stream) : 0;
    if (err)
        return err;
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
        return provider_fault(c, f, err, "its answer is not HTTP");
    case E_UPSTREAM_CUT:
        return provider_fault(c, f, err, "its answer's header was cut off");
    default:
        return err;
    }
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

static int asked(struct llm_call *c, struct fault *f)
{
    int err = send_and_head(c, f);
    err = err ? head_fault(c, err, f) : answer_take(c, f);
    transport_of(c)->end(c);
    endpoint_judge(c, err);
    if (c->key)
        provider_key_judge(c->key, err, c->retry_after_ms);
    return err;
}

int llm_call_run(struct llm_call *c, struct fault *f)
{
    struct llm_outgoing out;
    int err = llm_outgoing_make(c->target, c->request, c->arena, &out, f);
    c->began_us = clock_mono_us(); /* what was before is ours, not the provider's */
    c->began_wall_us = clock_wall_at(c->began_us);
    int64_t outer = task_deadline(c->deadline_ms);
    c->out = &out;
    c->left_out = out.crossing ? crossing_left_out(out.crossing) : STR_NONE;
    c->body_needed = out.crossing != NULL;
    c->unasked = err != 0;
    if (!err)
        err = asked(c, f);
    task_deadline_restore(outer);
    llm_outgoing_fini(&out);
    c->out = NULL;
    c->ended_us = clock_mono_us();
    llm_call_bill(c);
    return err;
}
