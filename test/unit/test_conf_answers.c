/* test_conf_answers.c: what counts as shaping answers, and what does not. */
#include <stdio.h>
#include <stdlib.h>

#include "api/config.h"
#include "base_test.h"
#include "conf/tables.h"

#define TEXT_BYTES_MAX (256u * 1024)

/* ---- every row of the configuration ---- */

/*
 * All rows, as "table.row". Who adds one decides here whether it shapes answers: does another value
 * of it let another model answer, or the same model otherwise? Keys, limits, replicas, time-outs,
 * listeners and prices do not.
 */
static const char shaping[] = "sluice.default_provider\n"
                              "provider.kind\n"
                              "provider.path\n"
                              "provider.api_version\n"
                              "provider.responses\n"
                              "provider.limit_name\n"
                              "provider.headers\n"
                              "provider.file\n"
                              "aws.region\n"
                              "model.is\n"
                              "model.fallback\n"
                              "model.params\n"
                              "model.prefix\n"
                              "lane.is\n"
                              "lane.reasoning_effort\n"
                              "lane.params\n"
                              "lane.prefix\n"
                              "prefix.role\n"
                              "prefix.content\n"
                              "fallback.on\n"
                              "fallback.holdout\n";
static const char others[] = "sluice.listen\n"
                             "sluice.admin_listen\n"
                             "sluice.hosts\n"
                             "sluice.tls\n"
                             "sluice.proxy_protocol\n"
                             "sluice.drain\n"
                             "sluice.takeover\n"
                             "sluice.state\n"
                             "sluice.log\n"
                             "sluice.telemetry\n"
                             "sluice.http\n"
                             "sluice.providers\n"
                             "sluice.models\n"
                             "sluice.lanes\n"
                             "sluice.prices\n"
                             "sluice.price_file\n"
                             "sluice.evals\n"
                             "sluice.keys\n"
                             "sluice.limits\n"
                             "sluice.fallback\n"
                             "sluice.retry\n"
                             "sluice.recording\n"
                             "client_tls.cert_file\n"
                             "client_tls.key_file\n"
                             "client_tls.client_ca_file\n"
                             "state.ledger\n"
                             "state.keep\n"
                             "state.keep_bytes\n"
                             "state.keep_responses\n"
                             "log.file\n"
                             "log.format\n"
                             "log.level\n"
                             "telemetry.endpoint\n"
                             "telemetry.headers\n"
                             "telemetry.service_name\n"
                             "telemetry.resource\n"
                             "telemetry.traces\n"
                             "telemetry.metrics\n"
                             "telemetry.sample\n"
                             "telemetry.delay\n"
                             "telemetry.interval\n"
                             "telemetry.timeout\n"
                             "telemetry.batch\n"
                             "telemetry.queue\n"
                             "telemetry.tls\n"
                             "telemetry_header.value\n"
                             "tls.ca_file\n"
                             "tls.cert_file\n"
                             "tls.key_file\n"
                             "tls.insecure\n"
                             "http.body_bytes\n"
                             "http.header_bytes\n"
                             "http.headers\n"
                             "http.header_timeout\n"
                             "http.idle_timeout\n"
                             "http.body_timeout\n"
                             "http.write_timeout\n"
                             "http.connections\n"
                             "http.streams\n"
                             "provider.base_url\n"
                             "provider.key\n"
                             "provider.api_keys\n"
                             "provider.tenant_keys\n"
                             "provider.key_header\n"
                             "provider.key_prefix\n"
                             "provider.aws\n"
                             "provider.stream_usage\n"
                             "provider.pass_key\n"
                             "provider.stateful\n"
                             "provider.prices\n"
                             "provider.http2\n"
                             "provider.connections\n"
                             "provider.answer_bytes\n"
                             "provider.timeouts\n"
                             "provider.tls\n"
                             "base_url.url\n"
                             "base_url.weight\n"
                             "api_key.secret\n"
                             "api_key.weight\n"
                             "tenant_key.secret\n"
                             "aws.access_key\n"
                             "aws.secret_key\n"
                             "aws.session_token\n"
                             "timeouts.connect\n"
                             "timeouts.first_token\n"
                             "timeouts.between_tokens\n"
                             "timeouts.total\n"
                             "timeouts.idle\n"
                             "model.timeouts\n"
                             "lane.timeouts\n"
                             "price.input\n"
                             "price.output\n"
                             "price.cached\n"
                             "price.cache_write\n"
                             "price.cache_write_1h\n"
                             "price.reasoning\n"
                             "evals.suites\n"
                             "evals.records\n"
                             "evals.old_after\n"
                             "evals.keep\n"
                             "keys.require\n"
                             "keys.declared\n"
                             "key.secret\n"
                             "key.tenant\n"
                             "key.models\n"
                             "key.admin\n"
                             "key.limits\n"
                             "limit.requests_per_minute\n"
                             "limit.tokens_per_minute\n"
                             "limit.concurrent\n"
                             "limit.usd_per_day\n"
                             "limit.usd_per_month\n"
                             "limit.max_tokens\n"
                             "limits.per_key\n"
                             "limits.per_tenant\n"
                             "limits.tenants\n"
                             "limits.reserve_tokens\n"
                             "limits.unpriced\n"
                             "retry.on\n"
                             "retry.holdout\n"
                             "retry.attempts\n"
                             "retry.budget\n"
                             "retry.wait_min\n"
                             "retry.wait_max\n"
                             "retry.retry_after_max\n"
                             "recording.folder\n"
                             "recording.share\n"
                             "recording.redact\n"
                             "recording.except\n"
                             "recording.keep\n"
                             "recording.max_bytes\n"
                             "recording.turn_bytes\n"
                             "recording.memory_bytes\n"
                             "redact_pattern.name\n"
                             "redact_pattern.pattern\n"
                             "recording_except.tenants\n"
                             "recording_except.keys\n"
                             "recording_except.apis\n";

static bool stands_in(const char *list, const char *name)
{
    struct str rest = str_from(list);
    while (rest.n > 0)
        if (str_eq(str_trim(str_cut(&rest, '\n')), str_from(name)))
            return true;
    return false;
}

static void every_row_is_one_or_the_other(void **state)
{
    (void)state;
    static struct tables all;
    unsigned rows = 0, lines = 0;
    assert_true(tables_collect(&config_table, &all));
    for (unsigned i = 0; i < all.n; i++)
        for (const struct conf_row *row = all.at[i].table->rows; row->name; row++, rows++) {
            char name[2 * TABLE_NAME_BYTES];
            snprintf(name, sizeof(name), "%s.%s", all.at[i].name, row->name);
            const char *list = row->flags & CONF_SHAPES_ANSWERS ? shaping : others;
            if (!stands_in(list, name))
                fail_msg("%s %s: is that right? Then it belongs in the list here", name,
                         list == shaping ? "shapes answers" : "does not shape answers");
        }
    for (const char *p = shaping; *p; p++)
        lines += *p == '\n';
    for (const char *p = others; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, rows);
}

/* ---- what makes a difference ---- */

#define BASE                                                                                       \
    "providers:\n"                                                                                 \
    "  p: {base_url: http://127.0.0.1:1/v1, key: abc, headers: {X-A: '1', X-B: '2'}}\n"            \
    "  q: {kind: anthropic, key: def}\n"                                                           \
    "default_provider: p\n"                                                                        \
    "models:\n"                                                                                    \
    "  fast: {is: p/a, fallback: [q/b, p/c], params: {temperature: 0, top_p: 0.5}}\n"              \
    "  slow: q/b\n"                                                                                \
    "lanes:\n"                                                                                     \
    "  cheap: [fast, q/b]\n"

static struct conf_doc *load(const char *text)
{
    struct conf_doc *doc = NULL;
    if (conf_load_text(&config_table, "test.yaml", str_from(text), &doc) != 0) {
        struct buf out;
        buf_init(&out, TEXT_BYTES_MAX);
        assert_int_equal(conf_problems_print(doc, &out, false), 0);
        fail_msg("%.*s", STR_ARGS(buf_view(&out)));
    }
    return doc;
}

static struct str lines_of(struct arena *a, const char *text)
{
    struct conf_doc *doc = load(text);
    struct str lines = STR_NONE;
    assert_int_equal(conf_answers(a, &config_table, doc, &lines), 0);
    conf_unref(doc);
    assert_non_null(lines.p);
    return lines;
}

/* The base with `from` replaced by `to`. */
static char *changed(const char *from, const char *to)
{
    const char *at = strstr(BASE, from);
    if (!at)
        fail_msg("'%s' is not in the base", from);
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    buf_add(&out, BASE, (size_t)(at - BASE));
    buf_printf(&out, "%s%s%c", to, at + strlen(from), 0);
    assert_int_equal(out.failed, 0);
    size_t n;
    return buf_steal(&out, &n);
}

static const struct {
    bool same;
    const char *from, *to;
} edits[] = {
    /* Another way to write the same. */
    {true, "providers:", "# a comment\nproviders:"},
    {true, "{is: p/a, fallback: [q/b, p/c], params: {temperature: 0, top_p: 0.5}}",
     "{params: {top_p: 0.5, temperature: 0}, fallback: [q/b, p/c], is: \"p/a\"}"},
    {true, "slow: q/b", "slow: {is: q/b}"},
    {true, "slow: q/b", "slow: {is: q/b, prefix: []}"},
    {true, "slow: q/b", "slow: {is: q/b, params: {}, fallback: []}"},
    {true, "{X-A: '1', X-B: '2'}", "{X-B: '2', X-A: '1'}"},
    {true, "q: {kind: anthropic, key: def}", "q: {kind: anthropic, key: def, responses: auto}"},
    {true, "default_provider: p\n", "default_provider: p\nfallback: {on: yes, holdout: 0%}\n"},
    {true, "cheap: [fast, q/b]", "cheap: [{is: fast}, {is: q/b}]"},
    {true, "p: {base_url", "p: {kind: openai, base_url"},
    /* Keys, replicas, limits, listeners, prices, time-outs. */
    {true, "key: abc", "key: other"},
    {true, "key: abc", "api_keys: [{secret: a, weight: 2}, b]"},
    {true, "http://127.0.0.1:1/v1", "[http://127.0.0.1:1/v1, http://127.0.0.1:2/v1]"},
    {true, "key: def", "key: def, timeouts: {total: 10m}, connections: 5, prices: none"},
    {true, "default_provider: p\n", "default_provider: p\nlisten: 127.0.0.1:9\nprice_file: x\n"},
    {true, "default_provider: p\n",
     "default_provider: p\nprices: {p/a: {input: 1, output: 2}}\nretry: {attempts: 1}\n"},
    {true, "default_provider: p\n",
     "default_provider: p\nkeys: {require: true, declared: {app: {secret: k}}}\n"
     "limits: {per_key: {max_tokens: 9}}\nevals: {suites: [a.yaml]}\nrecording: {folder: r}\n"},
    /* Answers. */
    {false, "is: p/a", "is: p/z"},
    {false, "[q/b, p/c]", "[p/c, q/b]"},
    {false, "[q/b, p/c]", "[q/b]"},
    {false, "temperature: 0", "temperature: 1"},
    {false, "temperature: 0, ", ""},
    {false, "slow: q/b", "slow: q/c"},
    {false, "slow: q/b", "slow: {is: q/b, prefix: Be brief.}"},
    {false, "cheap: [fast, q/b]", "cheap: [{is: fast, prefix: Be brief.}, q/b]"},
    {false, "  slow: q/b\n", ""},
    {false, "  slow: q/b\n", "  slow: q/b\n  more: q/b\n"},
    {false, "cheap: [fast, q/b]", "cheap: [q/b, fast]"},
    {false, "cheap: [fast, q/b]", "cheap: [{is: fast, reasoning_effort: high}, q/b]"},
    {false, "cheap: [fast, q/b]", "cheaper: [fast, q/b]"},
    {false, "default_provider: p", "default_provider: q"},
    {false, "kind: anthropic", "kind: gemini"},
    {false, "X-A: '1'", "X-A: '2'"},
    {false, "X-A: '1'", "x: '1'"},
    {false, "key: def", "key: def, path: /x"},
    {false, "key: def", "key: def, limit_name: max_tokens"},
    {false, "key: def", "key: def, aws: {region: eu-central-1}"},
    {false, "key: def}", "key: def}\n  third: {base_url: http://127.0.0.1:3/v1}"},
    {false, "default_provider: p\n", "default_provider: p\nfallback: {on: off}\n"},
};

static void only_what_shapes_answers_changes_the_hash(void **state)
{
    (void)state;
    struct arena a;
    char base[CONF_ANSWERS_HEX_BYTES], hash[CONF_ANSWERS_HEX_BYTES];
    arena_init_private(&a, 16u << 20);
    assert_int_equal(conf_answers_hash(lines_of(&a, BASE), base), 0);
    assert_int_equal(strlen(base), 64);
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        char *text = changed(edits[i].from, edits[i].to);
        assert_int_equal(conf_answers_hash(lines_of(&a, text), hash), 0);
        if ((strcmp(hash, base) == 0) != edits[i].same)
            fail_msg("%s -> %s %s the hash", edits[i].from, edits[i].to,
                     edits[i].same ? "changes" : "does not change");
        free(text);
    }
    arena_fini(&a);
}

/* Written down, so that a later version that reckons otherwise is noticed: records would be lost.
 */
static void the_lines_are_what_they_were(void **state)
{
    (void)state;
    struct arena a;
    arena_init_private(&a, 16u << 20);
    assert_str(lines_of(&a, BASE), STR("default_provider\tp\n"
                                       "lanes.cheap\n"
                                       "lanes.cheap[0]\n"
                                       "lanes.cheap[0].is\tfast\n"
                                       "lanes.cheap[1]\n"
                                       "lanes.cheap[1].is\tq/b\n"
                                       "models.fast\n"
                                       "models.fast.fallback\t[q/b, p/c]\n"
                                       "models.fast.is\tp/a\n"
                                       "models.fast.params\t{\"temperature\":0,\"top_p\":0.5}\n"
                                       "models.slow\n"
                                       "models.slow.is\tq/b\n"
                                       "providers.p\n"
                                       "providers.p.headers.X-A\t1\n"
                                       "providers.p.headers.X-B\t2\n"
                                       "providers.q\n"
                                       "providers.q.kind\tanthropic\n"));
    assert_str(lines_of(&a, "listen: 127.0.0.1:7\n"), STR(""));
    arena_fini(&a);
}

static void what_stands_in_the_environment_counts_by_its_value(void **state)
{
    (void)state;
    struct arena a;
    arena_init_private(&a, 16u << 20);
    setenv("BRAKE_MODEL", "p/a", 1);
    char *text = changed("is: p/a", "is: \"${BRAKE_MODEL}\"");
    struct str base = lines_of(&a, BASE);
    assert_str(lines_of(&a, text), base);
    setenv("BRAKE_MODEL", "p/b", 1);
    assert_false(str_eq(lines_of(&a, text), base));
    free(text);
    arena_fini(&a);
}

/* A name with a dot cannot be taken for a path. */
static void names_cannot_be_mistaken(void **state)
{
    (void)state;
    struct arena a;
    arena_init_private(&a, 16u << 20);
    struct str one = lines_of(&a, "providers: {p: {headers: {kind: gemini}}, p.headers: {}}\n");
    struct str two = lines_of(&a, "providers: {p: {}, p.headers: {kind: gemini}}\n");
    assert_false(str_eq(one, two));
    arena_fini(&a);
}

static void no_secret_is_in_it(void **state)
{
    (void)state;
    struct arena a;
    arena_init_private(&a, 16u << 20);
    struct str lines = lines_of(&a,
                                "providers: {p: {kind: bedrock, key: verysecret, aws: {region: x,"
                                " access_key: alsosecret, secret_key: mostsecret}}}\n");
    assert_true(str_find(lines, STR("region\tx")) > 0);
    assert_int_equal(str_find(lines, STR("secret")), -1);
    arena_fini(&a);
}

/* ---- the difference ---- */

static void diff_is(const char *before, const char *after, unsigned max, const char *want)
{
    struct arena a;
    struct buf out;
    arena_init_private(&a, 16u << 20);
    buf_init(&out, TEXT_BYTES_MAX);
    assert_int_equal(conf_answers_diff(lines_of(&a, before), lines_of(&a, after), max, &out), 0);
    assert_str(buf_view(&out), str_from(want));
    buf_fini(&out);
    arena_fini(&a);
}

static void the_difference_names_what_changed(void **state)
{
    (void)state;
    diff_is(BASE, BASE, 9, "");
    diff_is("models: {a: p/x, b: p/y, b-2: p/y}\n", "models: {a: p/z, c: {is: p/w}, b-2: p/y}\n", 9,
            "models.a.is: p/x -> p/z\n"
            "models.b: removed\n"
            "models.c: added\n"
            "models.c.is: p/w\n");
    diff_is("", "fallback: {on: off}\nlanes: {l: [p/x]}\n", 9,
            "fallback.on: (default) -> off\n"
            "lanes.l: added\n"
            "lanes.l[0]: added\n"
            "lanes.l[0].is: p/x\n");
    diff_is("fallback: {on: off}\nlanes: {l: [p/x, p/y]}\n", "lanes: {l: [p/x]}\n", 9,
            "fallback.on: off -> (default)\n"
            "lanes.l[1]: removed\n");
    /* A list that went is one line, whatever it held; what it holds is shown when it comes. */
    diff_is("models: {a: {is: p/x, prefix: [S, {role: user, content: q}]}}\n",
            "models: {a: {is: p/x}}\n", 1, "models.a.prefix: removed\n");
    diff_is("models: {a: {is: p/x, prefix: [S, T]}}\n", "models: {a: {is: p/x, prefix: [U]}}\n", 9,
            "models.a.prefix[0].content: S -> U\nmodels.a.prefix[1]: removed\n");
    diff_is("models: {a: {is: p/x}}\n",
            "models: {a: {is: p/x, prefix: [{role: user, content: q}]}}\n", 9,
            "models.a.prefix[0]: added\nmodels.a.prefix[0].content: q\n"
            "models.a.prefix[0].role: user\n");
    diff_is("models: {a: p/x, b: p/y, c: p/z}\n", "models: {a: p/1, b: p/2, c: p/3}\n", 1,
            "models.a.is: p/x -> p/1\n"
            "and 2 more\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_one_or_the_other),
        cmocka_unit_test(only_what_shapes_answers_changes_the_hash),
        cmocka_unit_test(the_lines_are_what_they_were),
        cmocka_unit_test(what_stands_in_the_environment_counts_by_its_value),
        cmocka_unit_test(names_cannot_be_mistaken),
        cmocka_unit_test(no_secret_is_in_it),
        cmocka_unit_test(the_difference_names_what_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
