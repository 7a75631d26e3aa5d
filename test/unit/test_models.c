/* test_models.c: from a file's providers, aliases and lanes to who is asked. */
#include <stdlib.h>

#include "api/config.h"
#include "base_test.h"
#include "llm/models.h"

struct shop {
    struct conf_doc *doc;
    struct upstreams *upstreams;
    struct prices *prices;
    struct models *models;
    struct arena arena;
    struct fault f;
    struct route route;
};

static int shop_setup(void **state)
{
    struct shop *s = calloc(1, sizeof(*s));
    if (!s)
        return -1;
    arena_init_private(&s->arena, 8u << 20);
    *state = s;
    return upstreams_new(&s->upstreams);
}

static void shop_close(struct shop *s)
{
    models_close(s->models);
    conf_unref(s->doc);
    s->models = NULL;
    s->doc = NULL;
}

static int shop_teardown(void **state)
{
    struct shop *s = *state;
    shop_close(s);
    upstreams_free(s->upstreams);
    arena_fini(&s->arena);
    free(s);
    return 0;
}

#define PROVIDERS                                                                                  \
    "providers:\n"                                                                                 \
    "  openai: {key: k, timeouts: {total: 3m, first_token: 40s}}\n"                                \
    "  home: {base_url: [{url: 'http://127.0.0.1:9001/v1', weight: 2}, 'http://[::1]:9002/']}\n"

static void print_problems(const struct conf_doc *doc)
{
    struct buf out;
    buf_init(&out, 65536);
    if (conf_problems_print(doc, &out, false) == 0)
        print_error("%.*s", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
}

static int compile(struct shop *s, const char *text)
{
    shop_close(s);
    if (conf_load_text(&config_table, "test.yaml", str_from(text), &s->doc) != 0) {
        print_problems(s->doc);
        fail_msg("the file itself is wrong");
    }
    const struct config *c = conf_root(s->doc);
    assert_int_equal(prices_load(conf_arena(s->doc), &c->prices, c->price_file, &s->prices, &s->f),
                     0);
    return models_compile(&c->models, s->doc, s->upstreams, s->prices, &s->models);
}

static void compile_ok(struct shop *s, const char *text)
{
    if (compile(s, text) != 0) {
        print_problems(s->doc);
        fail_msg("not compiled");
    }
    assert_int_equal(conf_error_count(s->doc), 0);
}

/* Exactly one complaint, at this line, that says this. */
static void complains(struct shop *s, const char *text, unsigned line, const char *says)
{
    int err = compile(s, text);
    bool good = err == E_CONFIG && conf_error_count(s->doc) == 1 &&
                conf_problem(s->doc, 0)->line == line &&
                str_find(conf_problem(s->doc, 0)->text, str_from(says)) >= 0;
    if (!good) {
        print_problems(s->doc);
        fail_msg("%s; expected line %u: %s", err_code(err), line, says);
    }
}

static void resolve(struct shop *s, const char *name)
{
    fault_clear(&s->f);
    if (models_resolve(s->models, str_from(name), &s->arena, &s->route, &s->f) != 0)
        fail_msg("%s: %s", name, s->f.text);
    assert_true(s->route.n > 0);
}

static void refuses(struct shop *s, const char *name, int err, const char *says)
{
    fault_clear(&s->f);
    assert_int_equal(models_resolve(s->models, str_from(name), &s->arena, &s->route, &s->f), err);
    if (!strstr(s->f.text, says))
        fail_msg("%s: \"%s\" lacks \"%s\"", name, s->f.text, says);
}

static void assert_target(struct shop *s, unsigned i, const char *provider, const char *model)
{
    assert_true(i < s->route.n);
    assert_str(s->route.at[i].provider->name, str_from(provider));
    assert_str(s->route.at[i].model, str_from(model));
}

/* ---- names ---- */

static void aliases_and_their_fallbacks(void **state)
{
    struct shop *s = *state;
    compile_ok(s, PROVIDERS "models:\n"
                            "  fast: {is: openai/gpt-5-nano, fallback: [home/llama, smart]}\n"
                            "  smart: openai/gpt-5\n"
                            "  nested: fast\n"
                            "  deep: home/org/model:7b\n");
    resolve(s, "fast");
    assert_int_equal(s->route.n, 3);
    assert_target(s, 0, "openai", "gpt-5-nano");
    assert_target(s, 1, "home", "llama");
    assert_target(s, 2, "openai", "gpt-5");
    assert_null(s->route.lane.p);
    resolve(s, "nested");
    assert_int_equal(s->route.n, 3);
    resolve(s, "deep");
    assert_target(s, 0, "home", "org/model:7b");
    assert_int_equal(models_name_count(s->models), 4);
    assert_str(models_name_at(s->models, 0), STR("deep")); /* sorted */
    assert_str(models_name_at(s->models, 3), STR("smart"));
    /* Prices come with the target, where there are some. */
    resolve(s, "smart");
    assert_non_null(s->route.at[0].price);
    assert_str(s->route.at[0].price->name, STR("openai/gpt-5"));
    resolve(s, "home/nobody-prices-this");
    assert_null(s->route.at[0].price);
}

static const struct price *price_of(struct shop *s, const char *name)
{
    resolve(s, name);
    return s->route.at[0].price;
}

static void listed_prices_are_for_known_hosts(void **state)
{
    struct shop *s = *state;
    compile_ok(s, "providers:\n"
                  "  plain: {key: k}\n"
                  "  openai: {base_url: 'http://127.0.0.1:9001/v1'}\n"
                  "  mixed: {base_url: ['https://api.openai.com/v1', 'http://127.0.0.1:9001/v1']}\n"
                  "  mixed2: {base_url: ['http://127.0.0.1/v1', 'https://api.openai.com/v1']}\n"
                  "  said: {base_url: 'http://127.0.0.1:9001/v1', prices: openai}\n"
                  "  dear: {key: k, prices: none}\n"
                  "  router: {base_url: 'https://openrouter.ai/api/v1'}\n"
                  "prices: {said/gpt-5-mini: {input: 7, output: 8}}\n");
    assert_non_null(price_of(s, "plain/gpt-5"));
    assert_non_null(price_of(s, "said/gpt-5"));
    assert_str(price_of(s, "said/gpt-5-mini")->source, STR("the configuration"));
    assert_null(price_of(s, "openai/gpt-5"));
    assert_null(price_of(s, "mixed/gpt-5"));
    assert_null(price_of(s, "mixed2/gpt-5"));
    assert_null(price_of(s, "dear/gpt-5"));
    assert_null(price_of(s, "router/openai/gpt-5"));
}

static void lanes_are_lists(void **state)
{
    struct shop *s = *state;
    compile_ok(s, PROVIDERS "models:\n"
                            "  fast: {is: openai/nano, fallback: [home/llama]}\n"
                            "  usual: lane/cheap\n"
                            "lanes:\n"
                            "  cheap: [fast, openai/gpt-5]\n"
                            "  hard: [{is: openai/gpt-5, reasoning_effort: high}]\n");
    resolve(s, "lane/cheap");
    assert_str(s->route.lane, STR("cheap"));
    assert_int_equal(s->route.n, 3);
    assert_target(s, 0, "openai", "nano");
    assert_target(s, 1, "home", "llama");
    assert_target(s, 2, "openai", "gpt-5");
    resolve(s, "usual");
    assert_str(s->route.lane, STR("cheap"));
    assert_int_equal(s->route.n, 3);
    resolve(s, "lane/hard");
    assert_str(s->route.at[0].params, STR("{\"reasoning_effort\":\"high\"}"));
    refuses(s, "lane/chep", E_UNKNOWN_LANE, "did you mean 'lane/cheap'?");
    refuses(s, "lane/", E_UNKNOWN_LANE, "");
    refuses(s, "lane/openai/gpt-5", E_UNKNOWN_LANE, "");
}

static void outer_params_come_first(void **state)
{
    struct shop *s = *state;
    compile_ok(s, PROVIDERS
               "models:\n"
               "  inner: {is: openai/m, params: {temperature: 1, top_p: 0.5, stop: [a]}}\n"
               "  outer: {is: inner, params: {temperature: 0, user: 'a\"b'}}\n"
               "  plain: {is: inner}\n"
               "lanes:\n"
               "  l: [{is: outer, reasoning_effort: 'a\"b', params: {top_p: 1, seed: 1}}]\n");
    resolve(s, "plain");
    assert_str(s->route.at[0].params, STR("{\"temperature\":1,\"top_p\":0.5,\"stop\":[\"a\"]}"));
    resolve(s, "outer");
    assert_str(s->route.at[0].params,
               STR("{\"temperature\":0,\"user\":\"a\\\"b\",\"top_p\":0.5,\"stop\":[\"a\"]}"));
    resolve(s, "lane/l");
    assert_str(s->route.at[0].params,
               STR("{\"reasoning_effort\":\"a\\\"b\",\"top_p\":1,\"seed\":1,\"temperature\":0,"
                   "\"user\":\"a\\\"b\",\"stop\":[\"a\"]}"));
    resolve(s, "openai/m");
    assert_int_equal(s->route.at[0].params.n, 0);
}

static void timeouts_come_from_the_nearest_place(void **state)
{
    struct shop *s = *state;
    compile_ok(s, PROVIDERS "models:\n"
                            "  inner: {is: openai/m, timeouts: {total: 9m, first_token: 9s}}\n"
                            "  outer: {is: inner, timeouts: {total: 8m}}\n");
    resolve(s, "outer");
    const struct timeouts *t = &s->route.at[0].timeouts;
    assert_int_equal(t->total_ms, 8 * 60000);
    assert_int_equal(t->first_token_ms, 9000);
    assert_int_equal(t->connect_ms, timeouts_default.connect_ms);
    resolve(s, "openai/m");
    t = &s->route.at[0].timeouts;
    assert_int_equal(t->total_ms, 3 * 60000);
    assert_int_equal(t->first_token_ms, 40000);
    assert_int_equal(t->between_tokens_ms, timeouts_default.between_tokens_ms);
    assert_true(t->idle_ms > 0);
}

/* ---- what is wrong with a file ---- */

static void circles_are_complained_of(void **state)
{
    struct shop *s = *state;
    complains(s,
              PROVIDERS "models:\n"
                        "  good: openai/m\n"
                        "  self: self\n",
              6, "leads back to itself");
    complains(s,
              PROVIDERS "models:\n"
                        "  a: {is: openai/m, fallback: [openai/n, a]}\n",
              5, "'a' leads back to itself");
    complains(s,
              PROVIDERS "lanes:\n"
                        "  x: [openai/m]\n"
                        "  l: [lane/l]\n",
              6, "leads back to itself");
    assert_int_equal(compile(s, PROVIDERS "models:\n  a: b\n  b: lane/c\nlanes:\n  c: [a]\n"),
                     E_CONFIG);
    assert_int_equal(conf_error_count(s->doc), 3); /* each of the three names */
    complains(s,
              PROVIDERS "models: {a: b, b: c, c: d, d: e, e: f, f: g, g: h, h: i, i: j, j: k,"
                        " k: l, l: m, m: n, n: o, o: p, p: q, q: r, r: openai/m}\n",
              4, "more than 16 names away");
    /* Sixteen names in a row are no circle. */
    compile_ok(s, PROVIDERS "models: {a: b, b: c, c: d, d: e, e: f, f: g, g: h, h: i, i: j, j: k,"
                            " k: l, l: m, m: n, n: o, o: p, p: openai/m}\n");
    resolve(s, "a");
    assert_target(s, 0, "openai", "m");
}

static void unknown_names_are_complained_of(void **state)
{
    struct shop *s = *state;
    complains(s, PROVIDERS "models:\n  smart: openai/m\n  x: smrat\n", 6, "did you mean 'smart'?");
    complains(s, PROVIDERS "models:\n  x: opnai/m\n", 5, "did you mean 'openai/m'?");
    complains(
        s, PROVIDERS "models:\n  x:\n    is: openai/a\n    fallback: [openai/b,\n      opnai/m]\n",
        8, "did you mean 'openai/m'?");
    complains(s, PROVIDERS "models:\n  x: openai/\n", 5, "'openai/' is neither");
    complains(s, PROVIDERS "models:\n  x: {is: openai/m, fallback: [nobody]}\n", 5, "'nobody'");
    complains(s, PROVIDERS "models:\n  x: lane/chaep\nlanes: {cheap: [openai/m]}\n", 5,
              "no lane is called 'chaep'; did you mean 'cheap'?");
    complains(s, PROVIDERS "models:\n  x: auto\n", 5, "'auto'");
    complains(s, PROVIDERS "lanes:\n  l:\n    - openai/m\n    - whatever\n", 5, "'whatever'");
    complains(s, "providers:\n  a: {kind: opena}\n", 2, "did you mean 'openai'?");
    complains(s, PROVIDERS "default_provider: hone\n", 4, "did you mean 'home'?");
    complains(s, PROVIDERS "models:\n  x: {is: openai/m, params: [1]}\n", 5, "a map of parameters");
    complains(s, PROVIDERS "models:\n  x: {is: openai/m, params: {stream: true}}\n", 5, "'stream'");
    complains(s, PROVIDERS "lanes:\n  l: [{is: openai/m, params: {stream_options: {}}}]\n", 5,
              "'stream_options'");
}

static void bad_providers_are_complained_of(void **state)
{
    struct shop *s = *state;
    complains(s, "providers:\n  a/b: {key: k}\n", 2, "no '/'");
    complains(s, "providers:\n  lane: {key: k}\n", 2, "not 'lane'");
    complains(s, "providers:\n  a:\n    base_url: ftp://x\n", 3, "no URL");
    complains(s, "providers:\n  a:\n    base_url: [http://x, 'http://y:99999']\n", 3, "port");
    complains(s, "providers:\n  a:\n    base_url: http://u@x/\n", 3, "user name");
    complains(s, "providers:\n  a: {key: \"a\\nb\"}\n", 2, "header");
    complains(s, "providers:\n  a:\n    key: k\n    headers: {'X y': z}\n", 4, "no header");
    complains(s, "providers:\n  a:\n    key: k\n    headers: {authorization: z}\n", 4, "itself");
    complains(s, "providers:\n  a:\n    headers: {X-A: z, x-a: y}\n", 3, "twice");
    complains(s, "providers:\n  a:\n    headers: {Host: z}\n", 3, "itself");
    complains(s, "providers:\n  a: {kind: recorded}\n", 2, "'file'");
    complains(s, "providers:\n  a: {kind: recorded, file: /no/such}\n", 2, "/no/such");
    /* All that is wrong is said at once. */
    assert_int_equal(compile(s, "providers:\n  a: {kind: x1}\n  b: {base_url: y}\n"), E_CONFIG);
    assert_int_equal(conf_error_count(s->doc), 2);
}

static void too_many_targets_are_complained_of(void **state)
{
    struct shop *s = *state;
    /* Each name stands for two of the one before: 2, 4, 8, 16, 32 and then 64. */
    compile_ok(s, PROVIDERS "models: {a: {is: openai/m, fallback: [openai/n]},"
                            " b: {is: a, fallback: [a]}, c: {is: b, fallback: [b]},"
                            " d: {is: c, fallback: [c]}, e: {is: d, fallback: [d]}}\n");
    resolve(s, "e");
    assert_int_equal(s->route.n, 32);
    complains(s,
              PROVIDERS "models:\n"
                        "  a: {is: openai/m, fallback: [openai/n]}\n"
                        "  b: {is: a, fallback: [a]}\n  c: {is: b, fallback: [b]}\n"
                        "  d: {is: c, fallback: [c]}\n  e: {is: d, fallback: [d]}\n"
                        "  f: {is: e, fallback: [e]}\n",
              10, "more than 32");
}

/* ---- who gets the rest ---- */

static void the_only_provider_is_the_default(void **state)
{
    struct shop *s = *state;
    compile_ok(s, "providers: {one: {key: k}}\n");
    assert_ptr_equal(models_default_provider(s->models), models_provider(s->models, STR("one")));
    resolve(s, "gpt-5");
    assert_target(s, 0, "one", "gpt-5");
    resolve(s, "one/gpt-5");
    assert_target(s, 0, "one", "gpt-5");
    resolve(s, "else/gpt-5"); /* no provider of ours: a name of theirs */
    assert_target(s, 0, "one", "else/gpt-5");
    refuses(s, "lane/x", E_UNKNOWN_LANE, "lane/x");
    refuses(s, "auto", E_UNKNOWN_MODEL, "router");
    compile_ok(s, "providers: {one: {key: k}}\ndefault_provider: none\n");
    assert_null(models_default_provider(s->models));
    refuses(s, "gpt-5", E_UNKNOWN_MODEL, "'gpt-5'");
    resolve(s, "one/gpt-5");
}

static void of_several_providers_none_is_the_default(void **state)
{
    struct shop *s = *state;
    compile_ok(s, PROVIDERS "models: {gemma: home/g}\n");
    assert_null(models_default_provider(s->models));
    assert_int_equal(models_provider_count(s->models), 2);
    refuses(s, "gema", E_UNKNOWN_MODEL, "did you mean 'gemma'?");
    refuses(s, "nothing-like-it", E_UNKNOWN_MODEL, "GET /v1/models");
    resolve(s, "home/x");
    assert_target(s, 0, "home", "x");
    compile_ok(s, PROVIDERS "default_provider: home\n");
    resolve(s, "gpt-5");
    assert_target(s, 0, "home", "gpt-5");
    resolve(s, "openai/gpt-5");
    assert_target(s, 0, "openai", "gpt-5");
    compile_ok(s, "");
    refuses(s, "gpt-5", E_NO_PROVIDER, "no provider is configured");
}

/* ---- providers ---- */

static void providers_are_made_ready(void **state)
{
    struct shop *s = *state;
    compile_ok(s, PROVIDERS "  azure:\n"
                            "    base_url: https://x.example/openai\n"
                            "    key: secret\n"
                            "    key_header: api-key\n"
                            "    headers: {X-Team: a b}\n");
    const struct provider *p = models_provider(s->models, STR("openai"));
    assert_str(p->key_header, STR("Authorization"));
    assert_str(p->key_value, STR("Bearer k"));
    assert_int_equal(p->replicas_n, 1);
    assert_str(p->replicas[0].endpoint->host_header, STR("api.openai.com"));
    assert_str(p->replicas[0].path, STR("/v1"));
    assert_true(p->limit_is_new); /* OpenAI's own host */
    p = models_provider(s->models, STR("azure"));
    assert_str(p->key_header, STR("api-key"));
    assert_str(p->key_value, STR("secret"));
    assert_str(http_headers_get(&p->headers, STR("x-team")), STR("a b"));
    p = models_provider(s->models, STR("home"));
    assert_false(p->limit_is_new);
    assert_int_equal(p->key_value.n, 0);
    assert_int_equal(p->replicas_n, 2);
    assert_int_equal(p->replicas[0].weight, 2);
    assert_str(p->replicas[0].endpoint->host_header, STR("127.0.0.1:9001"));
    assert_str(p->replicas[1].endpoint->host_header, STR("[::1]:9002"));
    assert_str(p->replicas[1].path, STR(""));
    assert_null(models_provider(s->models, STR("nobody")));
}

/* Of `n` calls, each ended before the next: how many came to the first replica. */
static unsigned picks(const struct provider *p, unsigned n)
{
    unsigned first = 0;
    for (unsigned i = 0; i < n; i++)
        first += provider_pick(p, 0) == &p->replicas[0];
    return first;
}

static void replicas_share_the_calls(void **state)
{
    struct shop *s = *state;
    compile_ok(s, PROVIDERS);
    const struct provider *p = models_provider(s->models, STR("home"));
    struct endpoint *first = p->replicas[0].endpoint, *second = p->replicas[1].endpoint;
    assert_int_equal(picks(p, 300), 200); /* the heavier one gets two calls for each of the other */
    assert_int_equal(picks(p, 3), 2);     /* in turns, not in bursts */
    first->calls = 1000000; /* the other one is new: it has nothing to catch up with */
    assert_int_equal(picks(p, 30), 20);
    second->under_way = 1;
    assert_int_equal(picks(p, 10), 10);
    second->under_way = 0;
    assert_int_equal(picks(p, 30), 20); /* nor has one that others were asked in place of */

    assert_ptr_equal(provider_pick(p, 1), &p->replicas[1]);
    assert_null(provider_pick(p, 3));
    first->under_way = 9;
    assert_ptr_equal(provider_pick(p, 0), &p->replicas[1]);
    second->under_way = 4; /* 9 for a weight of 2 are more than 4 */
    assert_ptr_equal(provider_pick(p, 0), &p->replicas[1]);
    second->under_way = 5;
    assert_ptr_equal(provider_pick(p, 0), &p->replicas[0]);
    endpoint_failed(first);
    assert_ptr_equal(provider_pick(p, 0), &p->replicas[1]);
    assert_ptr_equal(provider_pick(p, 2), &p->replicas[0]); /* down, but the last one */
}

static const char *sent_once(const struct http_headers *h, const char *name)
{
    if (http_headers_count(h, str_from(name)) != 1)
        fail_msg("%s stands there %u times", name, http_headers_count(h, str_from(name)));
    return http_headers_get(h, str_from(name)).p;
}

static void ours_replace_the_clients_headers(void **state)
{
    struct shop *s = *state;
    compile_ok(s, "providers:\n"
                  "  keyed: {base_url: 'http://h/v1', key: k, key_header: X-Api-Token,"
                  " headers: {X-Team: ours}}\n"
                  "  passing: {base_url: 'http://h/v1', pass_key: on, key_header: X-Api-Token}\n"
                  "  open: {base_url: 'http://h/v1'}\n");
    struct http_headers from, h;
    http_headers_init(&from, &s->arena);
    assert_int_equal(http_headers_add(&from, STR("x-api-token"), STR("theirs")), 0);
    assert_int_equal(http_headers_add(&from, STR("x-team"), STR("theirs")), 0);
    assert_int_equal(http_headers_add(&from, STR("x-else"), STR("theirs")), 0);

    const struct provider *p = models_provider(s->models, STR("keyed"));
    const struct endpoint *e = p->replicas[0].endpoint;
    assert_int_equal(provider_headers(p, e, STR("own"), &from, true, &s->arena, &h), 0);
    assert_string_equal(sent_once(&h, "X-Api-Token"), "k");
    assert_string_equal(sent_once(&h, "X-Team"), "ours");
    assert_string_equal(sent_once(&h, "x-else"), "theirs");
    assert_string_equal(sent_once(&h, "Content-Type"), "application/json");
    assert_string_equal(sent_once(&h, "Host"), "h");

    p = models_provider(s->models, STR("passing"));
    assert_int_equal(provider_headers(p, e, STR("own"), &from, false, &s->arena, &h), 0);
    assert_string_equal(sent_once(&h, "X-Api-Token"), "own");
    assert_string_equal(sent_once(&h, "X-Team"), "theirs");
    assert_int_equal(http_headers_count(&h, STR("Content-Type")), 0);

    p = models_provider(s->models, STR("open")); /* nothing of ours: the client's own goes on */
    assert_int_equal(provider_headers(p, e, STR_NONE, &from, true, &s->arena, &h), 0);
    assert_string_equal(sent_once(&h, "X-Api-Token"), "theirs");
    assert_int_equal(provider_headers(p, e, STR_NONE, NULL, true, &s->arena, &h), 0);
    assert_int_equal(h.n, 3);
}

static void endpoints_outlast_a_reload(void **state)
{
    struct shop *s = *state;
    compile_ok(s, PROVIDERS);
    struct conf_doc *old_doc = s->doc;
    struct models *old = s->models;
    struct endpoint *e = models_provider(old, STR("home"))->replicas[0].endpoint;
    assert_int_equal(e->refs, 1);
    s->doc = NULL;
    s->models = NULL;
    compile_ok(s, PROVIDERS "models: {a: home/b}\n");
    assert_ptr_equal(models_provider(s->models, STR("home"))->replicas[0].endpoint, e);
    assert_int_equal(e->refs, 2);
    models_close(old);
    conf_unref(old_doc);
    assert_int_equal(e->refs, 1);
}

#define SHOP(fn) cmocka_unit_test_setup_teardown(fn, shop_setup, shop_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHOP(aliases_and_their_fallbacks),
        SHOP(listed_prices_are_for_known_hosts),
        SHOP(lanes_are_lists),
        SHOP(outer_params_come_first),
        SHOP(timeouts_come_from_the_nearest_place),
        SHOP(circles_are_complained_of),
        SHOP(unknown_names_are_complained_of),
        SHOP(bad_providers_are_complained_of),
        SHOP(too_many_targets_are_complained_of),
        SHOP(the_only_provider_is_the_default),
        SHOP(of_several_providers_none_is_the_default),
        SHOP(providers_are_made_ready),
        SHOP(replicas_share_the_calls),
        SHOP(ours_replace_the_clients_headers),
        SHOP(endpoints_outlast_a_reload),
    };
    return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
