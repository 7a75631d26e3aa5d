/* test_config_check.c: what is wrong with a configuration beyond its single settings. */
#include <stdio.h>

#include "api/config.h"
#include "base_test.h"

/* Line 1 of every text; what it says is right. */
#define PROVIDER "providers: {p: {base_url: http://127.0.0.1:1/v1}}\n"

static struct conf_doc *checked(const char *text)
{
    struct conf_doc *doc = NULL;
    char all[1024];
    snprintf(all, sizeof(all), PROVIDER "%s", text);
    if (conf_load_text(&config_table, "test.yaml", str_from(all), &doc) != 0)
        fail_msg("%s: %.*s", text, STR_ARGS(conf_problem(doc, 0)->text));
    assert_int_equal(config_check(conf_root(doc), NULL, doc), 0);
    return doc;
}

static void right(const char *text)
{
    struct conf_doc *doc = checked(text);
    if (conf_problem_count(doc) > 0)
        fail_msg("%s: %.*s", text, STR_ARGS(conf_problem(doc, 0)->text));
    conf_unref(doc);
}

/* One mistake, in line 2, with this path and these words. */
static void wrong(const char *text, const char *path, const char *says)
{
    struct conf_doc *doc = checked(text);
    if (conf_error_count(doc) != 1)
        fail_msg("%u mistakes: %s", conf_error_count(doc), text);
    const struct conf_problem *p = conf_problem(doc, 0);
    if (p->line != 2 || !str_eq(p->path, str_from(path)) || str_find(p->text, str_from(says)) < 0)
        fail_msg("%s\nline %u, %.*s: %.*s", text, p->line, STR_ARGS(p->path), STR_ARGS(p->text));
    conf_unref(doc);
}

/* One warning, in line 2. */
static void doubtful(const char *text, const char *path, const char *says)
{
    struct conf_doc *doc = checked(text);
    if (conf_error_count(doc) != 0 || conf_problem_count(doc) != 1)
        fail_msg("%u problems: %s", conf_problem_count(doc), text);
    const struct conf_problem *p = conf_problem(doc, 0);
    if (!p->warning || p->line != 2 || !str_eq(p->path, str_from(path)) ||
        str_find(p->text, str_from(says)) < 0)
        fail_msg("%s\nline %u, %.*s: %.*s", text, p->line, STR_ARGS(p->path), STR_ARGS(p->text));
    conf_unref(doc);
}

static void who_is_not_recorded(void **state)
{
    (void)state;
    static const char with[] = "recording: {except: {keys: [%s], tenants: [%s]}}\n"
                               "keys: {declared: {billing: {secret: x, tenant: bank}}}";
    char text[300];
    snprintf(text, sizeof(text), with, "billing, made-later", "bank, elsewhere");
    right(text);
    snprintf(text, sizeof(text), with, "biling", "bank");
    doubtful(text, "recording.except.keys[0]", "did you mean 'billing'?");
    snprintf(text, sizeof(text), with, "billing", "other, bamk");
    doubtful(text, "recording.except.tenants[1]", "did you mean 'bank'?");
}

static void listeners(void **state)
{
    (void)state;
    right("listen: 127.0.0.1:0\nadmin_listen: 127.0.0.1:0");
    right("listen: unix:here.sock\nadmin_listen: '[::1]:8080'");
    right("listen: ':80'\nkeys: {require: on}");
    right("admin_listen: ':80'"); /* it asks for an admin key */
    wrong("listen: example.com:80", "listen", "is not an address to listen on");
    wrong("listen: localhots:80", "listen", "did you mean localhost:PORT?");
    wrong("listen: 127.0.0.1:65536", "listen", "is not an address to listen on");
    wrong("listen: ''", "listen", "is not an address to listen on");
    wrong("listen: unix:/nowhere/s", "listen", "there is no folder /nowhere");
    wrong("listen: unix:/etc/passwd", "listen", "is a file and no socket");
    wrong("listen: 0.0.0.0:80", "listen", "no keys are required");
    right("proxy_protocol: 10.0.0.0/8\nkeys: {require: on}");
    wrong("proxy_protocol: 10.0.0.0/8", "proxy_protocol[0]", "no keys are required");
    wrong("admin_listen: 10.0.0.1", "admin_listen", "is not an address to listen on");
    wrong("admin_listen: ''", "admin_listen", "is not an address to listen on");
    wrong("admin_listen: localhost:8080", "admin_listen", "is taken by clients");
    wrong("admin_listen: 127.0.0.1:80\nlisten: ':80'\nkeys: {require: on}", "admin_listen",
          "is taken by clients");
}

static void takeover(void **state)
{
    (void)state;
    char text[256];
    right("takeover: here.sock\nlisten: unix:there.sock");
    wrong("takeover: ''", "takeover", "a path has 1 to");
    wrong("takeover: /nowhere/s", "takeover", "there is no folder /nowhere");
    wrong("takeover: /etc/passwd", "takeover", "is a file and no socket");
    wrong("takeover: here.sock\nlisten: unix:here.sock", "takeover", "is where a listener is");
    wrong("takeover: a\nadmin_listen: unix:a", "takeover", "is where a listener is");
    snprintf(text, sizeof(text), "takeover: /tmp/%0100d", 0);
    wrong(text, "takeover", "a path has 1 to");
}

static void hosts(void **state)
{
    (void)state;
    right("hosts: [gateway.lan, box, 'fd00::1', 10.0.0.1]");
    wrong("hosts: gateway.lan:8080", "hosts[0]", "did you mean 'gateway.lan'?");
    wrong("hosts: [box, 'https://gateway.lan/v1']", "hosts[1]", "did you mean 'gateway.lan'?");
    wrong("hosts: ['[fd00::1]:80']", "hosts[0]", "did you mean 'fd00::1'?");
    wrong("hosts: ['*.lan']", "hosts[0]", "expected the name of a host");
    wrong("hosts: ['']", "hosts[0]", "expected the name of a host");
}

static void state_and_log(void **state)
{
    (void)state;
    right("state: {ledger: off}");
    right("state: {ledger: 'sqlite:not-there-yet.db', keep: off, keep_bytes: 0}");
    right("log: {file: /dev/null}");
    wrong("state: {ledger: none}", "state.ledger", "did you mean 'off'?");
    wrong("state: {ledger: ''}", "state.ledger", "did you mean 'off'?");
    wrong("state: {ledger: Off}", "state.ledger", "did you mean 'off'?");
    wrong("state: {ledger: 'sqlit:a.db'}", "state.ledger", "did you mean 'sqlite:a.db'?");
    wrong("state: {ledger: a.db}", "state.ledger", "did you mean 'sqlite:a.db'?");
    wrong("state: {ledger: 'postgres://a/b'}", "state.ledger", "expected sqlite:PATH");
    wrong("state: {ledger: 'sqlite:/nowhere/a.db'}", "state.ledger", "no folder /nowhere");
    wrong("state: {ledger: 'sqlite:/tmp'}", "state.ledger", "is a folder");
    wrong("state: {keep_bytes: 4KiB}", "state.keep_bytes", "expected 1MiB or more");
    wrong("log: {file: /nowhere/log}", "log.file", "there is no folder /nowhere");
    wrong("log: {file: /tmp}", "log.file", "is a folder");
    wrong("keys: {require: on}\nstate: {ledger: off}", "keys.require", "none is declared");
    wrong("keys: {declared: {a: ''}}", "keys.declared.a", "the secret is empty");
}

static void names(void **state)
{
    (void)state;
    right("models: {fast: p/a, 'llama3:8b': p/b, meta/llama: p/c, lane: p/d, p: p/e}\n"
          "lanes: {cheap: [fast], auto: fast}");
    wrong("models: {auto: p/a}", "models.auto", "reserved");
    wrong("models: {lane/cheap: p/a}", "models.lane/cheap", "or 'cheap' there");
    wrong("models: {p/a: p/b}", "models.p/a", "would hide a model of provider 'p'");
    wrong("models: {'a b': p/a}", "models.\"a b\"", "a space or a comma");
    wrong("models: {'a,b': p/a}", "models.a,b", "a space or a comma");
    wrong("models: {'a*': p/a}", "models.a*", "a star");
    wrong("models: {\"a\\e\": p/a}", "models.\"a?\"", "a control character");
    wrong("models: {a: \"p/a\\n\"}", "models.a", "a control character");
    wrong("models: {a: {is: p/a, fallback: [p/b, \"p/\\e\"]}}", "models.a.fallback[1]",
          "a control character");
    wrong("lanes: {a: [p/b, \"p/\\e\"]}", "lanes.a[1]", "a control character");
    wrong("lanes: {a/b: p/a}", "lanes.a/b", "a '/' in it");
    wrong("lanes: {'a b': p/a}", "lanes.\"a b\"", "a space or a comma");
    wrong("lanes: {a: []}", "lanes.a", "a lane without models");
    wrong("lanes: {a: }", "lanes.a", "a lane without models");
}

static void providers(void **state)
{
    (void)state;
    right("lanes: {a: p/b}");
    static const struct {
        const char *text, *says;
        unsigned errors;
    } rows[] = {{"providers: {none: {}}", "what default_provider says for nobody", 1},
                {"providers: {'a b': {}}", "a space or a comma", 1},
                {"providers: {a: {path: v1}}", "begins with '/'", 1},
                {"providers: {a: {path: '/a b'}}", "without spaces", 1},
                {"providers: {a: {path: \"/a\\r\\nX: y\"}}", "without spaces", 1},
                {"providers: {a: {path: '/{modle}/{operation}'}}", "did you mean '{model}'?", 1},
                {"providers: {a: {path: '/{model'}}", "'{model' is not known", 1},
                {"providers: {a: {headers: {x: y, host: z}}}", "sends this header itself", 1},
                {"providers: {a: {kind: recorded, file: /tmp}}", "/tmp is a folder", 1},
                {"providers: {a: {base_url: https://api.openai.com}}",
                 "did you mean 'https://api.openai.com/v1'?", 0},
                {"providers: {a: {headers: {X-Api-Key: z}}}", "give a key under 'key'", 0},
                {"", "there is no provider", 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf_doc *doc = NULL;
        assert_int_equal(conf_load_text(&config_table, "t", str_from(rows[i].text), &doc), 0);
        assert_int_equal(config_check(conf_root(doc), NULL, doc), 0);
        assert_int_equal(conf_problem_count(doc), 1);
        assert_int_equal(conf_error_count(doc), rows[i].errors);
        assert_true(str_find(conf_problem(doc, 0)->text, str_from(rows[i].says)) >= 0);
        conf_unref(doc);
    }
}

/* Mistakes can be seen in their line, and secrets beside them cannot. */
static void lines_shown(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"keys: {require: maybe}", "{require: maybe}"},
        {"providers: {p: {timeouts: {first_token: 20 minutes}}}", "20 minutes"},
        {"providers: {p: {kye: x, key_header: [Authorizatoin]}}", "[Authorizatoin]"},
        {"keys: {require: maybe, declared: {app: hunter2hunter2}}", "maybe, declared: {app: **"},
        {"keys: {declared: {app: {secret: hunter2hunter2, tenat: shop}}}", "tenat: shop"},
        {"keys: {declared: {app: hunter2hunter2]}", "***"},
        {"keys: hunter2hunter2", "keys: ***"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf_doc *doc = NULL;
        struct buf out;
        buf_init(&out, 1 << 20);
        assert_int_equal(conf_load_text(&config_table, "t", str_from(rows[i].text), &doc),
                         E_CONFIG);
        assert_int_equal(conf_problems_print(doc, &out, false), 0);
        struct str line = buf_view(&out);
        line = str_tail(line, (size_t)(str_find(line, STR(" | ")) + 1));
        if (str_find(line, str_from(rows[i].shown)) < 0 ||
            str_find(buf_view(&out), STR("hunter2hunter2")) >= 0)
            fail_msg("%.*s", STR_ARGS(buf_view(&out)));
        buf_fini(&out);
        conf_unref(doc);
    }
}

/* Who points sluice at itself, under whatever name, is told. */
static void base_urls(void **state)
{
    (void)state;
    static const struct {
        const char *listen, *url, *says;
        unsigned errors;
    } rows[] = {{"127.0.0.1:8080", "http://127.0.0.1:8080/v1", "listens itself", 1},
                {"127.0.0.1:8080", "http://localhost:8080", "listens itself", 1},
                {"127.0.0.1:8080", "http://LocalHost:8080", "listens itself", 1},
                {"127.0.0.1:8080", "http://[::1]:8080/v1", "listens itself", 1},
                {"127.0.0.1:8080", "http://0.0.0.0:8080/v1", "listens itself", 1},
                {"[::1]:8080", "http://localhost:8080/v1", "listens itself", 1},
                {"127.0.0.1:80", "http://127.0.0.1/v1", "listens itself", 1},
                {":8080", "http://10.0.0.1:8080/v1", "listens itself", 1},
                {"10.0.0.1:8080", "http://10.0.0.1:8080/v1", "listens itself", 1},
                {"127.0.0.1:8080", "http://127.0.0.1:7070/v1", "(127.0.0.1:7070)", 1},
                {"127.0.0.1:8080", "http://127.0.0.2:8080/v1", NULL, 0},
                {"10.0.0.1:8080", "http://127.0.0.1:8080/v1", NULL, 0},
                {"127.0.0.1:8080", "http://127.0.0.1:8081/v1", NULL, 0},
                {"unix:s", "http://127.0.0.1:8080/v1", NULL, 0},
                {"127.0.0.1:80", "http://h/v1/chat/completions", "did you mean 'http://h/v1'?", 0},
                {"127.0.0.1:80", "http://h/v1/embeddings/", "did you mean 'http://h/v1'?", 0},
                {"127.0.0.1:80", "http://h/completions-of-mine", NULL, 0},
                {"127.0.0.1:80", "http://h/completions', path: '/x", NULL, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf_doc *doc = NULL;
        char text[256];
        snprintf(text, sizeof(text),
                 "providers: {a: {base_url: '%s'}}\nadmin_listen: 127.0.0.1:7070", rows[i].url);
        assert_int_equal(conf_load_text(&config_table, "t", str_from(text), &doc), 0);
        assert_int_equal(config_check(conf_root(doc), rows[i].listen, doc), 0);
        if (conf_problem_count(doc) != (rows[i].says != NULL) ||
            conf_error_count(doc) != rows[i].errors)
            fail_msg("%s: %u problems", rows[i].url, conf_problem_count(doc));
        if (rows[i].says && str_find(conf_problem(doc, 0)->text, str_from(rows[i].says)) < 0)
            fail_msg("%s: %.*s", rows[i].url, STR_ARGS(conf_problem(doc, 0)->text));
        conf_unref(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_not_recorded),
        cmocka_unit_test(listeners),
        cmocka_unit_test(takeover),
        cmocka_unit_test(hosts),
        cmocka_unit_test(providers),
        cmocka_unit_test(state_and_log),
        cmocka_unit_test(names),
        cmocka_unit_test(base_urls),
        cmocka_unit_test(lines_shown),
    };
    return cmocka_run_group_tests_name("config_check", tests, NULL, NULL);
}
