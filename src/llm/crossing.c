#include "llm/crossing.h"

#include "base/clock.h"
#include "base/id.h"
#include "llm/provider.h"
#include "llm/wire.h"
#include "llm/wire/parts.h"

struct crossing {
    const struct wire *client, *provider;
    struct chat_request asked;
    struct str left_out;
    struct wire_state in, out;
    int64_t began_s;
    char id[ID_CHARS + 2]; /* string: of an answer that has none of its own */
    struct chat_events events;
};

/* What every answer has in the client's protocol, and some providers leave out. */
static struct str id_or_ours(struct crossing *c, struct str id)
{
    struct id made;
    if (id.n > 2)
        return id;
    if (!c->id[0]) {
        id_new(&made);
        c->id[0] = c->id[ID_CHARS + 1] = '"';
        memcpy(c->id + 1, made.text, ID_CHARS);
    }
    return str_of(c->id, sizeof(c->id));
}

/* ---- the request ---- */

/* The provider's name for the model, and what the configuration adds where the client is silent. */
static void target_take(struct crossing *c, const struct target *t)
{
    struct chat_request *r = &c->asked;
    bool silent = !chat_has(r, CHAT_EFFORT) && r->thinking == THINK_UNSAID;
    r->model = t->model;
    if (silent)
        chat_param(r, CHAT_EFFORT, t->effort);
    r->max_tokens_new = r->max_tokens_new || t->provider->limit_is_new;
    /* The house wants to know, whatever the client asked for. */
    r->wants_usage = t->provider->settings->stream_usage == STREAM_USAGE_ASK;
}

/* The host of a URL of the web as it stands there, small or large; STR_NONE: there is none. */
static struct str host_of(struct str url)
{
    size_t scheme = str_starts_nocase(url, STR("https://"))  ? 8
                    : str_starts_nocase(url, STR("http://")) ? 7
                                                             : 0;
    struct str host = str_tail(url, scheme);
    size_t n = 0, from = 0;
    while (n < host.n && !memchr("/?#\\", host.p[n], 4)) {
        from = host.p[n] == '@' ? n + 1 : from;
        n++;
    }
    host = str_of(host.p + from, n - from);
    host = str_cut(&host, ':');
    while (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    return scheme && memchr(host.p, '%', host.n) == NULL ? host : STR_NONE;
}

static bool ends_nocase(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq_nocase(str_tail(s, s.n - suffix.n), suffix);
}

/* Would a provider that fetches with rights of its own look into a store (s3://, gs://, Gemini's
 * files), and not into the web like everybody? */
static bool is_in_store(struct str url)
{
    struct str host = host_of(url);
    bool web = str_eq_nocase(host, STR("storage.googleapis.com")) ||
               ends_nocase(host, STR(".storage.googleapis.com"));
    return host.n == 0 || (ends_nocase(host, STR("googleapis.com")) && !web);
}

static int urls_check(const struct crossing *c, const struct chat_block *blocks,
                      const struct provider *p, struct fault *f)
{
    struct str url;
    int err = 0;
    for (const struct chat_block *b = blocks; b && !err; b = b->next) {
        if (b->result)
            err = urls_check(c, b->result, p, f);
        if (err || b->media.form != MEDIA_URL)
            continue;
        err = json_unquote(c->asked.arena, b->media.data, &url);
        if (err == E_BAD_JSON)
            return fault_set(f, E_BAD_REQUEST, "a URL has half a surrogate pair in it");
        if (!err && is_in_store(url))
            err = fault_set(f, E_STATEFUL_PATH,
                            "'%.*s' names what provider %.*s opens with rights that all users of "
                            "its key share; send its content instead, or give the tenant a key of "
                            "its own (providers.%.*s.tenant_keys)",
                            STR_ARGS(str_head_utf8(url, 80)), STR_ARGS(p->name), STR_ARGS(p->name));
    }
    return err;
}

/* Tenants never meet, not in what the provider's account may read either. */
static int stores_check(const struct crossing *c, const struct llm_request *r,
                        const struct provider *p, struct fault *f)
{
    const struct chat_request *asked = &c->asked;
    bool any = chat_has(asked, CHAT_IMAGE_URL) || chat_has(asked, CHAT_DOCUMENT_URL) ||
               chat_has(asked, CHAT_AUDIO);
    int err = 0;
    if (!any || !c->provider->fetches || provider_is_open(p, r->tenant, r->alone))
        return 0;
    for (const struct chat_message *m = c->asked.messages; m && !err; m = m->next)
        err = urls_check(c, m->blocks, p, f);
    return err;
}

int crossing_new(const struct llm_request *request, const struct target *t, const struct wire *to,
                 struct arena *arena, struct crossing **ret_crossing, struct fault *f)
{
    const struct wire *from = request->wire;
    if (!from->request_read)
        return fault_set(f, E_UNSUPPORTED, "provider %.*s has nothing for %s",
                         STR_ARGS(t->provider->name), from->name);
    struct crossing *c = ARENA_NEW(arena, struct crossing);
    if (!c)
        return E_MEMORY;
    c->client = from;
    c->provider = to;
    int err = from->request_read(request->body, arena, &c->asked, f);
    if (err)
        return err;
    struct str asked_as = c->asked.model;
    c->in = (struct wire_state){.arena = arena, .wants_usage = true};
    c->out = (struct wire_state){.arena = arena,
                                 .model = asked_as,
                                 .wants_usage = c->asked.wants_usage,
                                 .request = &c->asked};
    c->began_s = clock_wall_us() / 1000000;
    target_take(c, t);
    err = wire_check(to, &c->asked, &c->left_out, f);
    if (!err)
        err = stores_check(c, request, t->provider, f);
    if (!err)
        *ret_crossing = c;
    return err;
}

void crossing_limit(struct crossing *c, int64_t limit)
{
    if (c->asked.max_tokens == 0)
        c->asked.max_tokens = limit;
}

void crossing_fini(struct crossing *c)
{
    if (!c)
        return;
    if (c->client->state_fini && c->out.own)
        c->client->state_fini(&c->out);
}

struct str crossing_left_out(const struct crossing *c)
{
    return c->left_out;
}

int crossing_request(struct crossing *c, struct buf *out, struct fault *f)
{
    return c->provider->request_write(&c->asked, out, f);
}

/* ---- the answer ---- */

int crossing_answer(struct crossing *c, struct str body, struct buf *out)
{
    struct chat_answer answer = {0};
    int err = c->provider->answer_read(body, c->in.arena, &answer);
    if (err)
        return err;
    answer.request = &c->asked;
    answer.id = id_or_ours(c, answer.id);
    answer.created_s = answer.created_s ? answer.created_s : c->began_s;
    if (answer.model.n <= 2) /* Bedrock's answers have none */
        err = string_make(c->in.arena, c->out.model, &answer.model);
    return err ? err : c->client->answer_write(&answer, out);
}

static int events_write(struct crossing *c, struct buf *out)
{
    int err = 0;
    for (unsigned i = 0; i < c->events.n && !err; i++) {
        struct chat_event *e = &c->events.at[i];
        if (e->kind == EVENT_BEGIN) {
            e->id = id_or_ours(c, e->id);
            e->created_s = e->created_s ? e->created_s : c->began_s;
        }
        err = c->client->event_write(&c->out, e, out);
    }
    return err;
}

int crossing_event(struct crossing *c, struct str name, struct str data, struct buf *out)
{
    int err;
    do {
        c->events.n = 0;
        err = c->provider->event_read(&c->in, name, data, &c->events);
        if (!err)
            err = events_write(c, out);
    } while (!err && c->in.again);
    return err;
}
