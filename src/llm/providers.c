#include "llm/provider.h"

#include "base/buf.h"
#include "llm/kinds.h"
#include "llm/wire.h"

/* Every kind of provider, in the order in which the manual lists them. */
const struct provider_kind *const provider_kinds[] = {
    &provider_openai,
    &provider_anthropic,
    &provider_gemini,
    &provider_bedrock,
    &provider_azure,
    &provider_recorded,
    NULL,
};

const struct provider_kind *provider_kind_find(struct str name)
{
    for (unsigned i = 0; provider_kinds[i]; i++)
        if (str_eq(name, str_from(provider_kinds[i]->name)))
            return provider_kinds[i];
    return NULL;
}

static const struct http_header is_json = {
    {"Content-Type", 12}, {"application/json", 16}, FIELD_CONTENT_TYPE};
static const struct http_header no_coding = {
    {"Accept-Encoding", 15}, {"identity", 8}, FIELD_ACCEPT_ENCODING};

int provider_headers(const struct provider *p, const struct endpoint *e, struct str pass_key,
                     const struct http_headers *from, bool json, struct arena *arena,
                     struct http_headers *h)
{
    struct str passed = p->key_value.n || !pass_key.n ? STR_NONE : p->key_header;
    http_headers_init(h, arena);
    int err = http_headers_reserve(h, 4 + p->headers.n + (from ? from->n : 0));
    if (!err)
        err = http_headers_add_as(h, FIELD_HOST, STR("Host"), e->host_header);
    if (!err && json)
        err = http_headers_append(h, is_json);
    if (!err)
        err = http_headers_append(h, no_coding);
    if (!err && passed.n)
        err = http_headers_add(h, passed, pass_key);
    for (unsigned i = 0; !err && i < p->headers.n; i++)
        err = http_headers_append(h, p->headers.at[i]);
    for (unsigned i = 0; !err && from && i < from->n; i++) {
        const struct http_header *f = &from->at[i];
        if (!str_eq_nocase(f->name, p->key_header) && !http_headers_has(&p->headers, f))
            err = http_headers_append(h, *f);
    }
    const struct http_header *ours = &p->default_header;
    if (!err && ours->name.n && http_headers_count(h, ours->name) == 0)
        err = http_headers_append(h, *ours);
    return err;
}

void path_put(struct buf *out, struct str part, struct str also)
{
    for (size_t i = 0; i < part.n; i++) {
        unsigned char ch = (unsigned char)part.p[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                     (ch >= '0' && ch <= '9') || ch == '-' || ch == '.' || ch == '_' || ch == '~' ||
                     memchr(also.p, ch, also.n);
        if (plain)
            buf_char(out, (char)ch);
        else
            buf_printf(out, "%%%02X", ch);
    }
}

int provider_path_of(const struct provider *p, struct str model, struct str operation,
                     struct arena *arena, struct str *ret_path)
{
    if (LIKELY(p->path_is_plain)) {
        *ret_path = operation;
        return 0;
    }
    struct buf out;
    buf_init(&out, 4096);
    struct str rest = p->path;
    while (rest.n > 0) {
        if (str_starts(rest, STR("{operation}"))) {
            buf_str(&out, str_tail(operation, 1)); /* the setting has the slash */
            rest = str_tail(rest, 11);
        } else if (str_starts(rest, STR("{model}"))) {
            path_put(&out, model, STR(""));
            rest = str_tail(rest, 7);
        } else {
            buf_char(&out, rest.p[0]);
            rest = str_tail(rest, 1);
        }
    }
    if (p->api_version.n) {
        buf_str(&out, STR("?api-version="));
        path_put(&out, p->api_version, STR(""));
    }
    *ret_path = out.failed ? STR_NONE : arena_str(arena, buf_view(&out));
    buf_fini(&out);
    return ret_path->p ? 0 : E_MEMORY;
}

int provider_path(const struct target *t, const struct wire *wire, struct arena *arena,
                  struct str *ret_path)
{
    return provider_path_of(t->provider, t->model, wire->path, arena, ret_path);
}

/* Is `a` less busy than `b`, each for its weight? */
static bool less_busy(const struct replica *a, const struct replica *b)
{
    uint64_t left = (uint64_t)a->endpoint->under_way * b->weight;
    uint64_t right = (uint64_t)b->endpoint->under_way * a->weight;
    return left < right;
}

/*
 * Equally busy ones take turns by weight: each gains its weight, and the one that is furthest pays
 * what all gained (nginx's smooth weighted round-robin). No history is caught up with, so one that
 * is new or was down for long gets its share and no more.
 */
static struct replica *take_turns(const struct provider *p, uint64_t equal)
{
    struct replica *first = NULL;
    int64_t gained = 0;
    for (; equal; equal &= equal - 1) {
        struct replica *r = &p->replicas[__builtin_ctzll(equal)];
        r->turn += r->weight;
        gained += r->weight;
        if (!first || r->turn > first->turn)
            first = r;
    }
    first->turn -= gained;
    return first;
}

static struct replica *pick(const struct provider *p, uint64_t tried, bool only_up)
{
    const struct replica *best = NULL;
    uint64_t equal = 0; /* those as busy as `best` */
    for (unsigned i = 0; i < p->replicas_n; i++) {
        const struct replica *r = &p->replicas[i];
        if ((tried >> i & 1) || (only_up && !endpoint_is_up(r->endpoint)))
            continue;
        if (!best || less_busy(r, best)) {
            best = r;
            equal = 0;
        }
        if (!less_busy(best, r))
            equal |= 1ULL << i;
    }
    return best ? take_turns(p, equal) : NULL;
}

struct replica *provider_pick(const struct provider *p, uint64_t tried)
{
    struct replica *up = pick(p, tried, true);
    return up ? up : pick(p, tried, false);
}
