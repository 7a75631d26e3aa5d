/* test_redact.c: what is taken out of texts, of JSON and of streams, and what stays as it was. */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "turn/recording/redact.h"

#define RUN_BYTES_MAX (64u << 20)

static struct redactor *all_of_them(void)
{
    struct redact_rule rules[REDACT_RULES_MAX];
    struct redactor *r = NULL;
    struct fault f = {0};
    unsigned n = 0, bad;
    for (const struct redact_builtin *b = redact_builtins; b->name; b++)
        rules[n++] = (struct redact_rule){.name = str_from(b->name)};
    assert_int_equal(redactor_new(rules, n, &r, &bad, &f), 0);
    return r;
}

static struct redactor *one(const char *name, const char *pattern)
{
    struct redact_rule rule = {str_from(name), pattern ? str_from(pattern) : STR_NONE};
    struct redactor *r = NULL;
    struct fault f = {0};
    unsigned bad;
    assert_int_equal(redactor_new(&rule, 1, &r, &bad, &f), 0);
    return r;
}

struct stage {
    struct redactor *redactor;
    struct redact_run run;
};

static int stage_setup(void **state)
{
    struct stage *s = calloc(1, sizeof(*s));
    s->redactor = all_of_them();
    *state = s;
    return redact_run_init(&s->run, s->redactor, RUN_BYTES_MAX);
}

static int stage_teardown(void **state)
{
    struct stage *s = *state;
    redact_run_fini(&s->run);
    redactor_free(s->redactor);
    free(s);
    return 0;
}

/* In memory of its own, so that a sanitizer sees a read beyond it. */
static struct str text_of(struct redact_run *run, struct str text)
{
    struct str fresh;
    char *own = malloc(text.n ? text.n : 1);
    memcpy(own, text.p, text.n);
    assert_int_equal(redact_text(run, str_of(own, text.n), &fresh), 0);
    fresh = arena_str(&run->arena, fresh);
    free(own);
    return fresh;
}

/* ---- texts ---- */

static const char *const texts[][2] = {
    {"", ""},
    {"nothing in here", "nothing in here"},
    /* e-mail */
    {"to ann@example.com.", "to [email]."},
    {"<a.b+c@mail.example.co.uk>", "<[email]>"},
    {"jos\u00e9@ex\u00e4mple.de and \u674e@\u4f8b\u5b50.\u4e2d\u56fd!", "[email] and [email]!"},
    {"\"Ann B\"@example.org x", "[email] x"},
    {"bounce+ann=example.com@list.example", "[email]"},
    {"mailto:a@b.example?x", "mailto:[email]?x"},
    {"a@b", "a@b"},
    {"@decorator.name", "@decorator.name"},
    {"@@a@b.cc", "@@[email]"},
    /* telephone */
    {"call +49 (0)30 901820-0, or", "call [phone], or"},
    {"+1 415 555 2671", "[phone]"},
    {"(415) 555-2671 or 415-555-2671", "[phone] or [phone]"},
    {"0044 20 7946 0958", "[phone]"},
    {"030/1234567", "[phone]"},
    {"on 2026-11-27 at 01:45:00", "on 2026-11-27 at 01:45:00"},
    {"1764207600 and 1764207600123", "1764207600 and 1764207600123"},
    {"id 550e8400-e29b-41d4-a716-446655440000", "id 550e8400-e29b-41d4-a716-446655440000"},
    {"0.123456789 3.14159 1,234,567", "0.123456789 3.14159 1,234,567"},
    /* cards */
    {"4111111111111111", "[card]"},
    {"4111-1111 1111.1111!", "[card]!"},
    {"4111111111111112", "4111111111111112"},
    {"94.4111111111111111 -0.004111111111111111", "94.4111111111111111 -0.004111111111111111"},
    {"0.00493012345678", "0.00493012345678"},
    {"378282246310005, 3782 822463 10005", "[card], [card]"},
    {"no 1234 4111 1111 1111 1111", "no 1234 [card]"},
    {"5555\u00a05555\u00a05555\u00a04444", "[card]"},
    {"94111111111111111", "94111111111111111"},
    {"6011000990139424", "[card]"},
    /* accounts */
    {"IBAN DE89 3704 0044 0532 0130 00 is mine", "IBAN [iban] is mine"},
    {"gb29nwbk60161331926819", "[iban]"},
    {"DE88370400440532013000", "DE88370400440532013000"},
    /* addresses of machines */
    {"at 192.168.17.4:80", "at [ipv4]:80"},
    {"version 1.2.3.4.5 and 300.1.1.1", "version 1.2.3.4.5 and 300.1.1.1"},
    {"[2001:db8::8a2e:370:7334]", "[[ipv6]]"},
    {"from fe80::1. Then", "from [ipv6]. Then"},
    {"2001:0db8:0000:0000:0000:ff00:0042:8329", "[ipv6]"},
    {"std::vector a::b 12:30:45 ::", "std::vector a::b 12:30:45 ::"},
    /* keys */
    {"key sk-proj-AbCdEf0123456789 ok", "key [api_key] ok"},
    {"AKIAIOSFODNN7EXAMPLE", "[api_key]"},
    {"gsk_0123456789abcdefghijABCD", "[api_key]"},
    {"xai-0123456789abcdefghijABCD pplx-0123456789abcdefghij01", "[api_key] [api_key]"},
    {"nvapi-0123456789abcdefghijABCD", "[api_key]"},
    {"xai-models pplx-api risk_0123456789abc", "xai-models pplx-api risk_0123456789abc"},
    {"ghp_0123456789abcdefghijABCDEFGHIJ012345", "[api_key]"},
    {"task-force risk-adjusted-return", "task-force risk-adjusted-return"},
    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_1", "[api_key]"},
    {"Authorization: Bearer abc123DEF456==", "Authorization: [bearer]"},
    {"the bearer certificates", "the bearer certificates"},
    /* escapes within the text, as JSON in JSON has them */
    {"{\"to\":\"ann\\u0040example.com\"}", "{\"to\":\"[email]\"}"},
    {"{\\\"to\\\":\\\"ann\\\\u0040example.com\\\"}", "{\\\"to\\\":\\\"[email]\\\"}"},
    {"\\nann@b.example\\n", "\\n[email]\\n"},
    {"C:\\new\\users", "C:\\new\\users"},
    {"\\ud83d\\ude00 \\ud83d a\\u0040b.cc", "\\ud83d\\ude00 \\ud83d [email]"},
    {"see https://x.example/?to=ann%40example.com&x=1", "see https:[email]&x=1"},
    {"%61nn%2540example.com 100% sure %zz %4", "[email] 100% sure %zz %4"},
    {"\\", "\\"},
    {"\\u004", "\\u004"},
};

static void test_texts(void **state)
{
    struct stage *s = *state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_str(text_of(&s->run, str_from(texts[i][0])), str_from(texts[i][1]));
        /* Alike where other text stands around it. */
        char inside[300], want[300];
        int n = snprintf(inside, sizeof(inside), "( %s )", texts[i][0]);
        int m = snprintf(want, sizeof(want), "( %s )", texts[i][1]);
        assert_str(text_of(&s->run, str_of(inside, (size_t)n)), str_of(want, (size_t)m));
    }
}

/* Bytes that are no UTF-8 hide nothing, and stay. */
static void test_odd_bytes(void **state)
{
    struct stage *s = *state;
    assert_str(text_of(&s->run, STR("\xff\xc3 ann@example.com \xf0\x9f")),
               STR("\xff\xc3 [email] \xf0\x9f"));
    assert_str(text_of(&s->run, str_of("\0ann@example.com\0", 17)), str_of("\0[email]\0", 9));
}

static void test_own_patterns(void **state)
{
    (void)state;
    struct redactor *r = one("ticket", "(?i)ticket-\\d+");
    struct redact_run run;
    assert_int_equal(redact_run_init(&run, r, RUN_BYTES_MAX), 0);
    assert_str(text_of(&run, STR("see Ticket-12, TICKET-3x")), STR("see [ticket], [ticket]x"));
    assert_int_equal(run.hits, 2);
    redact_run_fini(&run);
    redactor_free(r);
    r = one("nothing", "x*"); /* finds nothing at all, everywhere */
    assert_int_equal(redact_run_init(&run, r, RUN_BYTES_MAX), 0);
    assert_str(text_of(&run, STR("abxxcx")), STR("ab[nothing]c[nothing]"));
    redact_run_fini(&run);
    redactor_free(r);
}

static void test_bad_rules(void **state)
{
    (void)state;
    const struct {
        const char *name, *pattern, *want;
    } bad[] = {
        {"a", "x(y", "at character 4: missing closing parenthesis"},
        {"a", "[z", "at character 3"},
        {"e-mail", NULL, "none of those built in"},
        {"Bad Name", "x", "is no name"},
        {"", "x", "is no name"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct redact_rule rules[2] = {
            {STR("email"), STR_NONE},
            {str_from(bad[i].name), bad[i].pattern ? str_from(bad[i].pattern) : STR_NONE}};
        struct redactor *r = NULL;
        struct fault f = {0};
        unsigned which = 9;
        assert_int_equal(redactor_new(rules, 2, &r, &which, &f), E_CONFIG);
        assert_int_equal(which, 1);
        assert_null(r);
        if (!strstr(fault_text(&f), bad[i].want))
            fail_msg("got \"%s\", want \"%s\"", fault_text(&f), bad[i].want);
    }
}

/* A pattern that would never come to an end does: the turn is not kept. */
static void test_costly_pattern(void **state)
{
    (void)state;
    struct redactor *r = one("slow", "(a+)+$");
    struct redact_run run;
    struct str fresh;
    char text[64];
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = 'c';
    assert_int_equal(redact_run_init(&run, r, RUN_BYTES_MAX), 0);
    assert_int_equal(redact_text(&run, str_of(text, sizeof(text)), &fresh), E_TIMEOUT);
    redact_run_fini(&run);
    redactor_free(r);
}

/* Runs of a megabyte, which a careless pattern goes through once for each byte. */
static void test_long_runs(void **state)
{
    struct stage *s = *state;
    const char *const fills[] = {"a",  "1 ", "1",    "a.",      "@",   "a@", ":",   "+1",
                                 "0 ", "DE", "AB12", "\\u0040", "sk-", "(",  "eyJa"};
    size_t n = 1u << 20;
    char *text = malloc(n + 16);
    for (size_t i = 0; i < ARRAY_LEN(fills); i++) {
        struct str fresh;
        size_t each = strlen(fills[i]);
        for (size_t at = 0; at < n; at++)
            text[at] = fills[i][at % each];
        memcpy(text + n, " ann@example.com", 16);
        assert_int_equal(redact_text(&s->run, str_of(text, n + 16), &fresh), 0);
        assert_true(str_ends(fresh, STR("[email]")));
        redact_run_again(&s->run);
    }
    free(text);
}

/* ---- JSON ---- */

static void json_becomes(struct stage *s, const char *from, const char *want)
{
    struct str fresh;
    struct str own = arena_str(&s->run.arena, str_from(from));
    assert_int_equal(redact_json(&s->run, own, &fresh), 0);
    assert_str(fresh, str_from(want));
    redact_run_again(&s->run);
}

static void test_json(void **state)
{
    struct stage *s = *state;
    json_becomes(s, "{ \"a\" : [1.50, \"x\\u00e9\\/\" ,null] }\n", /* its own bytes */
                 "{ \"a\" : [1.50, \"x\\u00e9\\/\" ,null] }\n");
    json_becomes(s, "{\"a\":\"ann\\u0040example.com\", \"b\":\"\\u00e9\"}",
                 "{\"a\":\"[email]\", \"b\":\"\\u00e9\"}");
    json_becomes(s, "{\"ann@example.com\":{\"k\":\"+49 30 901820\"}}",
                 "{\"[email]\":{\"k\":\"[phone]\"}}");
    json_becomes(s, "{\"card\":4111111111111111,\"time\":1764207600123,\"n\":-1.5e3}",
                 "{\"card\":\"[card]\",\"time\":1764207600123,\"n\":-1.5e3}");
    json_becomes(s, "{\"arguments\":\"{\\\"to\\\":\\\"ann\\\\u0040example.com\\\"}\"}",
                 "{\"arguments\":\"{\\\"to\\\":\\\"[email]\\\"}\"}");
    json_becomes(s, "\"\\u0061nn@example.com\"", "\"[email]\"");
    json_becomes(s, "4111111111111111", "\"[card]\"");
    /* Measures are not looked at: what reads them back wants numbers. */
    json_becomes(s, "[94.4111111111111111,-0.00493012345678,-4111111111111111]",
                 "[94.4111111111111111,-0.00493012345678,-4111111111111111]");
    /* What repeats a text token by token goes where something was found in it. */
    json_becomes(s, "{\"text\":\"a@b.cc\",\"logprobs\":{\"t\":[\"a\",\"@\",\"]\"]} ,\"x\":[1]}",
                 "{\"text\":\"[email]\",\"logprobs\":null,\"x\":[1]}");
    json_becomes(s, "{\"text\":\"a b\",\"logprobs\":{\"t\":[\"a\",\" \",\"b\"]}}",
                 "{\"text\":\"a b\",\"logprobs\":{\"t\":[\"a\",\" \",\"b\"]}}");
}

static void test_no_json(void **state)
{
    struct stage *s = *state;
    const char *const bad[] = {
        "", "{", "ann@example.com", "{\"a\":1} x", "[\"\\ud800\"]", "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct str fresh;
        assert_int_equal(redact_json(&s->run, str_from(bad[i]), &fresh), E_BAD_JSON);
    }
    char deep[400];
    memset(deep, '[', 200);
    memset(deep + 200, ']', 200);
    struct str fresh;
    assert_int_equal(redact_json(&s->run, str_of(deep, 400), &fresh), E_BAD_JSON);
}

/* ---- streams ---- */

/* How each protocol says a piece of a text; %s is the piece, quoted. */
static const char *const events[] = {
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n",
    "data: "
    "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":%s}}]},"
    "\"index\":0}]}\r\n\r\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":"
    "{\"type\":\"text_delta\",\"text\":%s}}\n\n",
    "event: content_block_delta\ndata: {\"index\":0,\"delta\":{\"partial_json\":%s}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","
    "\"output_index\":0,\"content_index\":0,\"item_id\":\"m\",\"delta\":%s}\n\n",
    "data: {\"choices\":[{\"text\":%s,\"index\":0}]}\n\n",
    ": keep\ndata: {\"choices\":[{\"index\":0,\"delta\":\ndata: {\"reasoning\":%s}}]}\n\n",
};

static void event_put(struct buf *out, unsigned form, struct str piece)
{
    struct buf quoted;
    buf_init(&quoted, 1u << 20);
    json_quote(&quoted, piece);
    buf_char(&quoted, '\0');
    buf_printf(out, events[form], quoted.p);
    buf_fini(&quoted);
}

/* The texts of a member's strings, wherever they stand, put together. */
static void strings_join(yyjson_val *v, bool in, struct buf *out)
{
    size_t i, n;
    yyjson_val *key, *inner;
    if (yyjson_is_str(v) && in)
        buf_str(out, json_str(v));
    yyjson_arr_foreach(v, i, n, inner) strings_join(inner, false, out);
    yyjson_obj_foreach(v, i, n, key, inner)
    {
        struct str k = json_str(key);
        bool text = str_eq(k, STR("content")) || str_eq(k, STR("arguments")) ||
                    str_eq(k, STR("text")) || str_eq(k, STR("partial_json")) ||
                    str_eq(k, STR("delta")) || str_eq(k, STR("reasoning"));
        strings_join(inner, text, out);
    }
}

/* What the events say together. */
static void said(const struct redact_events *e, struct buf *out)
{
    for (unsigned i = 0; i < e->n; i++) {
        struct buf data;
        buf_init(&data, 1u << 20);
        struct str rest = e->at[i];
        while (rest.p) {
            struct str line = str_cut(&rest, '\n');
            if (str_starts(line, STR("data: ")))
                buf_str(&data, str_tail(line, 6));
        }
        yyjson_doc *doc = yyjson_read(data.p, data.n, 0);
        assert_non_null(doc);
        strings_join(yyjson_doc_get_root(doc), false, out);
        yyjson_doc_free(doc);
        buf_fini(&data);
    }
}

static void stream_says(struct stage *s, struct str stream, struct str want)
{
    struct redact_events out;
    struct buf text;
    buf_init(&text, 1u << 20);
    assert_int_equal(redact_stream(&s->run, stream, &out), 0);
    said(&out, &text);
    assert_str(buf_view(&text), want);
    buf_fini(&text);
    redact_run_again(&s->run);
}

/* Cut at any two places. */
static void split_says(struct stage *s, struct str text, struct str want)
{
    for (unsigned form = 0; form < ARRAY_LEN(events); form++)
        for (size_t i = 0; i <= text.n; i++)
            for (size_t j = i; j <= text.n; j += 3) {
                struct buf stream;
                buf_init(&stream, 1u << 20);
                event_put(&stream, form, str_head(text, i));
                event_put(&stream, form, str_tail(str_head(text, j), i));
                event_put(&stream, form, str_tail(text, j));
                assert_int_equal(stream.failed, 0);
                stream_says(s, buf_view(&stream), want);
                buf_fini(&stream);
            }
}

static void test_split(void **state)
{
    split_says(*state, STR("to a.b@example.com\\u0040 +49 30 901820!"),
               STR("to [email]\\u0040 [phone]!"));
    /* The number begins with a letter in front of it, until the address is gone. */
    split_says(*state, STR("ann@b.example+49 30 901820."), STR("[email][phone]."));
}

/* Two texts that come in turns are two texts. */
static void test_interleaved(void **state)
{
    struct stage *s = *state;
    const char *const stream =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ann@\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"x@\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b.example\"}},"
        "{\"index\":1,\"delta\":{\"content\":\" no.example\"}}]}\n\n";
    stream_says(s, str_from(stream), STR("[email]x@ no.example"));
}

/* What has nothing in it stays to the byte, however odd. */
static void test_stream_bytes(void **state)
{
    struct stage *s = *state;
    const struct str parts[] = {
        STR(": hello\n\n"),
        STR("event: x\r\nid: 7\r\ndata:{\"a\" : \"\\u00e9\"}\r\n\r\n"),
        STR("data: {\"object\":\"4111\"}\n\n"),
        STR("data: {\"object\":\"1111 1111 1111\"}\n\n"),
        STR("data: one\ndata: two\n\n"),
        STR("data: [DONE]\n\n"),
    };
    struct redact_events out;
    struct buf stream;
    buf_init(&stream, 1u << 16);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        buf_str(&stream, parts[i]);
    buf_str(&stream, STR("data: {\"cut\":\"ann@exam")); /* is left out */
    assert_int_equal(redact_stream(&s->run, buf_view(&stream), &out), 0);
    assert_int_equal(out.n, ARRAY_LEN(parts));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        assert_str(out.at[i], parts[i]);
    buf_fini(&stream);
}

/* Beside the JSON, too: in comments, ids, names, and in data that is none. */
static void test_stream_fields(void **state)
{
    struct stage *s = *state;
    const struct str parts[][2] = {
        {STR(": ann@example.com\n\n"), STR(": [email]\n\n")},
        {STR("id: ann@example.com\ndata: {}\n\n"), STR("id: [email]\ndata: {}\n\n")},
        {STR("event: a@b.cc\ndata: {\"a\":\ndata: \"c@d.ee\"}\n\n"),
         STR("event: [email]\ndata: {\"a\":\ndata: \"[email]\"}\n\n")},
        {STR("data: {}\nid: ann@example.com\n\n"), STR("data: {}\nid: [email]\n\n")},
        {STR("data: mail ann@example.com\n\n"), STR("data: mail [email]\n\n")},
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct redact_events out;
        assert_int_equal(redact_stream(&s->run, parts[i][0], &out), 0);
        assert_int_equal(out.n, 1);
        assert_str(out.at[0], parts[i][1]);
    }
}

/* Whatever stands around a secret, and however text and stream are cut: it is gone, and the words
 * around it are not. */
static void test_chance(void **state)
{
    static const char *const secrets[] = {"ann.smith@mail.example.com", "4111 1111 1111 1111",
                                          "DE89370400440532013000",     "+49 30 901820-17",
                                          "sk-abcdEFGH12345678",        "2001:db8::8a2e:370:7334"};
    static const char *const words[] = {" the ", "\n",   " \"quoted\" ",       " \u00e9\u4f8b ",
                                        " {a} ", " \\ ", " \xf0\x9f\x98\x80 ", ", ",
                                        " 17 "};
    struct stage *s = *state;
    struct chance c = {7};
    for (unsigned round = 0; round < 3000; round++) {
        struct buf text, stream, all;
        struct redact_events out;
        const char *secret = secrets[chance_below(&c, ARRAY_LEN(secrets))];
        buf_init(&text, 1u << 20);
        buf_init(&stream, 1u << 20);
        buf_init(&all, 1u << 20);
        for (unsigned n = chance_below(&c, 4); n > 0; n--)
            buf_str(&text, str_from(words[chance_below(&c, ARRAY_LEN(words))]));
        buf_printf(&text, " %s; end", secret);
        unsigned form = chance_below(&c, ARRAY_LEN(events));
        struct str rest = buf_view(&text);
        while (rest.n > 0) { /* not within a character: no stream does that */
            size_t n = str_utf8_len(rest);
            while (n < rest.n && chance_below(&c, 4) > 0)
                n += str_utf8_len(str_tail(rest, n));
            event_put(&stream, form, str_head(rest, n));
            rest = str_tail(rest, n);
        }
        assert_int_equal(redact_stream(&s->run, buf_view(&stream), &out), 0);
        said(&out, &all);
        assert_true(str_find(buf_view(&all), str_from(secret)) < 0);
        assert_true(str_find(buf_view(&all), STR("]; end")) > 0);
        size_t before = (size_t)str_find(buf_view(&text), str_from(secret));
        assert_str(str_head(buf_view(&all), before), str_head(buf_view(&text), before));
        buf_fini(&text);
        buf_fini(&stream);
        buf_fini(&all);
        redact_run_again(&s->run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_texts, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_odd_bytes, stage_setup, stage_teardown),
        cmocka_unit_test(test_own_patterns),
        cmocka_unit_test(test_bad_rules),
        cmocka_unit_test(test_costly_pattern),
        cmocka_unit_test_setup_teardown(test_long_runs, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_json, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_no_json, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_split, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_interleaved, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_stream_bytes, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_stream_fields, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_chance, stage_setup, stage_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
