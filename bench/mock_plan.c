/*
 * What to answer. The command line gives the defaults; words in the model's name come next, since
 * a gateway may drop headers; x-mock-... headers have the last word.
 *
 * Words: mock-events-100-interval-1000, mock-fault-503-times-2, mock-prompt-10-completion-5 ...
 * Anything up to the last slash of the name is somebody's prefix and is skipped.
 */
#include "mock.h"

#include <string.h>

uint64_t random_next(struct mock *m)
{
    uint64_t z = m->random += 0x9e3779b97f4a7c15u; /* splitmix64 */

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void text_keep(char *to, size_t cap, struct span from)
{
    size_t n = from.p == NULL ? 0 : from.n;

    if (n >= cap)
        n = cap - 1;
    if (n != 0)
        memcpy(to, from.p, n);
    to[n] = '\0';
}

/* Equal bodies, the usual case in a benchmark, are scanned once. */
static bool body_look(struct mock *m, struct span body, struct body_facts *ret_facts)
{
    if (m->memo.n == body.n && body.n != 0 && memcmp(m->memo.p, body.p, body.n) == 0) {
        *ret_facts = m->memo_facts;
        return true;
    }
    if (!body_scan(body.p, body.n, ret_facts))
        return false;
    if (body.n <= 65536) {
        m->memo.n = 0;
        out_put(&m->memo, body.p, body.n);
        m->memo_facts = *ret_facts;
    }
    return true;
}

static enum api api_of(const struct request *r)
{
    struct span path = r->path;
    const char *query = memchr(path.p, '?', path.n);

    if (query != NULL)
        path.n = (size_t)(query - path.p);
    if (path.n >= 6 && memcmp(path.p, "/mock/", 6) == 0)
        return API_MOCK;
    if (span_is(r->method, "GET"))
        return path.n >= 7 && memcmp(path.p + path.n - 7, "/models", 7) == 0 ? API_MODELS
                                                                             : API_OTHER;
    if (path.n >= 17 && memcmp(path.p + path.n - 17, "/chat/completions", 17) == 0)
        return API_CHAT;
    if (path.n >= 12 && memcmp(path.p + path.n - 12, "/completions", 12) == 0)
        return API_COMPLETIONS;
    if (path.n >= 11 && memcmp(path.p + path.n - 11, "/embeddings", 11) == 0)
        return API_EMBEDDINGS;
    return API_OTHER;
}

static void plan_defaults(struct plan *plan, const struct settings *s)
{
    *plan = (struct plan){
        .events = s->events,
        .interval_ms = s->interval_ms,
        .delay_ms = s->delay_ms,
        .stall_ms = s->stall_ms,
        .bytes = s->bytes,
        .dimensions = s->dimensions,
        .huge_bytes = s->huge_bytes,
        .retry_ms = s->retry_ms,
        .inputs = 1,
    };
}

static void usage_derive(struct plan *plan, const struct settings *s, uint64_t prompt_bytes)
{
    struct usage *u = &plan->usage;

    if (s->tokens.prompt != 0) {
        *u = s->tokens;
        return;
    }
    u->prompt = prompt_bytes / 4 + 1;
    u->cached = u->prompt / 256 * 128; /* in steps of 128, as some providers count */
    u->completion = plan->stream ? plan->events : 40 + prompt_bytes % 17;
    u->reasoning = u->completion / 4;
    if (plan->api == API_EMBEDDINGS)
        u->cached = u->completion = u->reasoning = 0;
}

static bool word_number(const char **at, const char *end, const char *word, uint64_t *value)
{
    size_t n = strlen(word);
    const char *p = *at;

    if ((size_t)(end - p) < n + 2 || memcmp(p, word, n) != 0 || p[n] != '-')
        return false;
    const char *digits = p += n + 1;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    if (!span_number((struct span){digits, (size_t)(p - digits)}, value))
        return false;
    *at = p;
    return true;
}

static void words_read(struct plan *plan, struct span name)
{
    const char *end = name.p + name.n, *slash = memrchr(name.p, '/', name.n);
    const char *p = slash != NULL ? slash + 1 : name.p;
    struct {
        const char *word;
        uint64_t *value;
    } const words[] = {
        {"events", &plan->events},
        {"interval", &plan->interval_ms},
        {"delay", &plan->delay_ms},
        {"bytes", &plan->bytes},
        {"stall", &plan->stall_ms},
        {"retry", &plan->retry_ms},
        {"dims", &plan->dimensions},
        {"huge", &plan->huge_bytes},
        {"times", &plan->times},
        {"prompt", &plan->usage.prompt},
        {"cached", &plan->usage.cached},
        {"completion", &plan->usage.completion},
        {"reasoning", &plan->usage.reasoning},
    };

    if (end - p < 5 || memcmp(p, "mock-", 5) != 0)
        return;
    for (p += 5; p < end;) {
        bool known = false;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !known; i++)
            known = word_number(&p, end, words[i].word, words[i].value);
        if (!known && end - p > 6 && memcmp(p, "fault-", 6) == 0) {
            size_t n = 0;
            enum fault f = fault_find(p + 6, (size_t)(end - p) - 6, &n);
            if (f != FAULT_COUNT) {
                plan->fault = f;
                p += 6 + n;
            }
        }
        while (p < end && *p != '-')
            p++;
        if (p < end)
            p++;
    }
}

/* x-mock-tokens: PROMPT,COMPLETION,CACHED */
static void tokens_read(struct usage *u, struct span text)
{
    uint64_t *const values[] = {&u->prompt, &u->completion, &u->cached};
    const char *p = text.p, *end = text.p + text.n;

    for (size_t i = 0; i < 3 && p < end; i++) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma != NULL ? comma : end;
        if (!span_number((struct span){p, (size_t)(stop - p)}, values[i]))
            return;
        p = stop + 1;
    }
}

static void headers_read(struct plan *plan, const struct request *r)
{
    struct {
        enum steer which;
        uint64_t *value;
    } const numbers[] = {
        {STEER_EVENTS, &plan->events},  {STEER_INTERVAL, &plan->interval_ms},
        {STEER_DELAY, &plan->delay_ms}, {STEER_BYTES, &plan->bytes},
        {STEER_STALL, &plan->stall_ms}, {STEER_RETRY, &plan->retry_ms},
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        span_number(r->mock[numbers[i].which], numbers[i].value);
    if (r->mock[STEER_TOKENS].p != NULL)
        tokens_read(&plan->usage, r->mock[STEER_TOKENS]);
    if (r->mock[STEER_FAULT].p != NULL) {
        size_t n = 0;
        enum fault f = fault_find(r->mock[STEER_FAULT].p, r->mock[STEER_FAULT].n, &n);
        plan->fault = f != FAULT_COUNT ? f : FAULT_NONE;
    }
}

/* times-N: whether this name (and caller's marker) has had its N faults already. */
static bool times_over(struct conn *c)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    const char *const texts[] = {c->model, c->marker};

    for (size_t i = 0; i < 2; i++)
        for (const char *p = texts[i]; *p != '\0'; p++)
            hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    struct times_slot *slot = &c->mock->times[hash % TIMES_SLOTS];
    if (slot->hash != hash)
        *slot = (struct times_slot){.hash = hash};
    return slot->count++ >= c->plan.times;
}

static void facts_apply(struct conn *c, const struct request *r, uint64_t *ret_prompt_bytes)
{
    struct body_facts facts;

    *ret_prompt_bytes = r->body.n;
    if (r->body.n == 0 || !body_look(c->mock, r->body, &facts))
        return;
    text_keep(c->model, sizeof(c->model), (struct span){r->body.p + facts.model_at, facts.model_n});
    text_keep(c->marker, sizeof(c->marker),
              (struct span){r->body.p + facts.marker_at, facts.marker_n});
    if (facts.model_n >= sizeof(c->model) || c->model[0] == '\0')
        text_keep(c->model, sizeof(c->model), SPAN("mock"));
    c->plan.stream = facts.stream && (c->plan.api == API_CHAT || c->plan.api == API_COMPLETIONS);
    c->plan.include_usage = facts.include_usage;
    c->plan.base64 = facts.base64;
    c->plan.inputs = facts.inputs;
    *ret_prompt_bytes = facts.prompt_bytes;
}

void plan_make(struct conn *c, const struct request *r)
{
    struct mock *m = c->mock;
    struct plan *plan = &c->plan;
    uint64_t prompt_bytes;

    plan_defaults(plan, &m->settings);
    plan->api = api_of(r);
    plan->keep_alive = r->keep_alive;
    plan->head_only = span_is(r->method, "HEAD");
    c->model[0] = c->marker[0] = '\0';
    text_keep(c->request_id, sizeof(c->request_id), r->request_id);
    if (plan->api == API_MOCK) {
        text_keep(c->model, sizeof(c->model), r->path); /* control_answer reads it */
        return;
    }
    facts_apply(c, r, &prompt_bytes);
    words_read(plan, (struct span){c->model, strlen(c->model)}); /* events, before usage */
    usage_derive(plan, &m->settings, prompt_bytes);
    words_read(plan, (struct span){c->model, strlen(c->model)}); /* what it says of usage */
    headers_read(plan, r);
    if (plan->interval_ms == 0 && plan->fault == FAULT_SLOW)
        plan->interval_ms = 20;
    if (plan->fault != FAULT_NONE && plan->times != 0 && times_over(c))
        plan->fault = FAULT_NONE;
    if (plan->fault == FAULT_NONE && plan->times == 0 && m->settings.fault_share > 0 &&
        (double)(random_next(m) >> 11) * 0x1p-53 < m->settings.fault_share)
        plan->fault = fault_draw(m, plan->stream);
}
