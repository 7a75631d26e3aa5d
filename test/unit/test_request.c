/* test_request.c: reading requests, and editing them without touching any other byte. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base_test.h"
#include "llm/openai.h"

#define ARENA_BYTES (1u << 20)

struct reading {
    struct arena arena;
    struct llm_request r;
    struct fault f;
};

static int reading_setup(void **state)
{
    struct reading *x = calloc(1, sizeof(*x));
    if (!x)
        return -1;
    arena_init_private(&x->arena, ARENA_BYTES);
    *state = x;
    return 0;
}

static int reading_teardown(void **state)
{
    struct reading *x = *state;
    arena_fini(&x->arena);
    free(x);
    return 0;
}

static int read_as(struct reading *x, enum llm_op op, struct str body)
{
    fault_clear(&x->f);
    memset(&x->r, 0xAA, sizeof(x->r));
    return openai_request_read(op, body, &x->arena, &x->r, &x->f);
}

static void read_ok(struct reading *x, struct str body)
{
    if (read_as(x, OP_CHAT, body) != 0)
        fail_msg("%.*s: %s", STR_ARGS(body), x->f.text);
}

static struct str span(const struct llm_request *r, struct json_span at)
{
    assert_true(at.from <= at.to && at.to <= r->body.n);
    return str_of(r->body.p + at.from, at.to - at.from);
}

/* The edited body as one text of the arena. */
static struct str applied(struct reading *x, const struct llm_edits *edits)
{
    struct iovec pieces[2 * LLM_EDITS_MAX + 1];
    size_t bytes = 0, sum = 0;
    unsigned n = llm_edits_apply(edits, x->r.body, pieces, &bytes);
    assert_true(n <= 2 * edits->n + 1);
    char *text = arena_alloc(&x->arena, bytes + 1);
    assert_non_null(text);
    for (unsigned i = 0; i < n; i++) {
        assert_true(pieces[i].iov_len > 0);
        memcpy(text + sum, pieces[i].iov_base, pieces[i].iov_len);
        sum += pieces[i].iov_len;
    }
    assert_int_equal(sum, bytes);
    return str_of(text, bytes);
}

/* ---- reading ---- */

static void reads_what_the_house_needs(void **state)
{
    struct reading *x = *state;
    struct str body = STR(" { \"model\" : \"a\\u002fb\\\"\" , \"messages\":[], \"stream\":true,\n"
                          "\"stream_options\": {\"include_usage\": true },\"max_tokens\":7,"
                          "\"n\":3,\"odd\":{\"model\":1}}");
    read_ok(x, body);
    assert_str(x->r.model, STR("a/b\""));
    assert_str(span(&x->r, x->r.model_at), STR("\"a\\u002fb\\\"\""));
    assert_str(span(&x->r, x->r.stream_options_at), STR("{\"include_usage\": true }"));
    assert_true(x->r.stream && x->r.wants_usage);
    assert_int_equal(x->r.max_tokens, 7);
    assert_int_equal(x->r.choices, 3);
    assert_int_equal(x->r.members, 7);
    assert_int_equal(x->r.inside_at, 2);
    assert_ptr_equal(x->r.body.p, body.p);
    assert_int_equal(x->r.op, OP_CHAT);
}

static void absent_members_have_their_defaults(void **state)
{
    struct reading *x = *state;
    read_ok(x, STR("{\"model\":\"m\",\"messages\":[],\"stream\":null,\"n\":null,"
                   "\"max_tokens\":null}"));
    assert_false(x->r.stream || x->r.wants_usage);
    assert_int_equal(x->r.max_tokens, 0);
    assert_int_equal(x->r.choices, 1);
    assert_int_equal(x->r.stream_options_at.from, x->r.stream_options_at.to);
    read_ok(x, STR("{\"model\":\"m\",\"messages\":[],\"max_completion_tokens\":9,"
                   "\"stream_options\":null}"));
    assert_int_equal(x->r.max_tokens, 9);
    assert_str(span(&x->r, x->r.stream_options_at), STR("null"));
    assert_false(x->r.wants_usage);
}

static void each_operation_needs_its_own(void **state)
{
    struct reading *x = *state;
    assert_int_equal(read_as(x, OP_COMPLETION, STR("{\"model\":\"m\",\"prompt\":\"p\"}")), 0);
    assert_int_equal(read_as(x, OP_COMPLETION, STR("{\"model\":\"m\",\"messages\":[]}")),
                     E_BAD_REQUEST);
    assert_non_null(strstr(x->f.text, "'prompt'"));
    assert_int_equal(read_as(x, OP_EMBEDDING, STR("{\"model\":\"m\",\"input\":[\"a\"]}")), 0);
    assert_int_equal(read_as(x, OP_EMBEDDING, STR("{\"model\":\"m\"}")), E_BAD_REQUEST);
    assert_non_null(strstr(x->f.text, "'input'"));
    /* Embeddings have no stream, so nobody looks at what is called so. */
    assert_int_equal(
        read_as(x, OP_EMBEDDING, STR("{\"model\":\"m\",\"input\":\"\",\"stream\":true}")), 0);
    assert_false(x->r.stream);
}

static void refuses_with_the_members_name(void **state)
{
    struct reading *x = *state;
    static const struct {
        const char *body;
        int err;
        const char *says;
    } all[] = {
        {"", E_BAD_JSON, ""},
        {"[]", E_BAD_JSON, ""},
        {"{\"model\":\"m\",}", E_BAD_JSON, ""},
        {"{\"model\":\"m\",\"messages\":[]} x", E_BAD_JSON, ""},
        {"{\"messages\":[]}", E_BAD_REQUEST, "'model' is missing"},
        {"{\"model\":\"\",\"messages\":[]}", E_BAD_REQUEST, "'model'"},
        {"{\"model\":7,\"messages\":[]}", E_BAD_REQUEST, "'model'"},
        {"{\"model\":null,\"messages\":[]}", E_BAD_REQUEST, "'model'"},
        {"{\"model\":\"a\\nb\",\"messages\":[]}", E_BAD_REQUEST, "control character"},
        {"{\"model\":\"m\"}", E_BAD_REQUEST, "'messages' is missing"},
        {"{\"model\":\"m\",\"messages\":\"hi\"}", E_BAD_REQUEST, "'messages'"},
        {"{\"model\":\"m\",\"messages\":[],\"stream\":1}", E_BAD_REQUEST, "'stream'"},
        {"{\"model\":\"m\",\"messages\":[],\"stream\":\"true\"}", E_BAD_REQUEST, "'stream'"},
        {"{\"model\":\"m\",\"messages\":[],\"stream_options\":[]}", E_BAD_REQUEST,
         "'stream_options'"},
        {"{\"model\":\"m\",\"messages\":[],\"stream_options\":{\"include_usage\":1}}",
         E_BAD_REQUEST, "include_usage"},
        {"{\"model\":\"m\",\"messages\":[],\"stream_options\":"
         "{\"include_usage\":true,\"include_usage\":false}}",
         E_DUPLICATE_KEY, "include_usage"},
        {"{\"model\":\"m\",\"messages\":[],\"max_tokens\":-1}", E_BAD_REQUEST, "'max_tokens'"},
        {"{\"model\":\"m\",\"messages\":[],\"max_tokens\":1.5}", E_BAD_REQUEST, "'max_tokens'"},
        {"{\"model\":\"m\",\"messages\":[],\"max_tokens\":2147483648}", E_BAD_REQUEST,
         "'max_tokens'"},
        {"{\"model\":\"m\",\"messages\":[],\"max_completion_tokens\":\"5\"}", E_BAD_REQUEST,
         "'max_completion_tokens'"},
        {"{\"model\":\"m\",\"messages\":[],\"n\":\"2\"}", E_BAD_REQUEST, "'n'"},
        {"{\"model\":\"m\",\"messages\":[],\"n\":0}", E_BAD_REQUEST, "'n'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        int err = read_as(x, OP_CHAT, str_from(all[i].body));
        if (err != all[i].err || !strstr(x->f.text, all[i].says) || x->f.text[0] == '\0')
            fail_msg("%s: %s, \"%s\"", all[i].body, err_code(err), x->f.text);
        assert_int_equal(((unsigned char *)&x->r)[0], 0xAA); /* untouched */
    }
}

static void refuses_deciding_keys_twice(void **state)
{
    struct reading *x = *state;
    static const char *const keys[] = {
        "model",    "stream", "stream_options", "max_tokens", "max_completion_tokens", "n",
        "messages", "tools",  "prompt",         "input",      "service_tier"};
    char body[256];
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        snprintf(body, sizeof(body), "{\"model\":\"m\",\"messages\":[],\"%s\":null,\"%s\":null}",
                 keys[i], keys[i]);
        assert_int_equal(read_as(x, OP_CHAT, str_from(body)), E_DUPLICATE_KEY);
        snprintf(body, sizeof(body), "'%s' stands twice", keys[i]);
        assert_non_null(strstr(x->f.text, body));
    }
    /* An escape does not hide the second one; what decides nothing may stand twice. */
    assert_int_equal(
        read_as(x, OP_CHAT, STR("{\"model\":\"a\",\"mod\\u0065l\":\"b\",\"messages\":[]}")),
        E_DUPLICATE_KEY);
    read_ok(x, STR("{\"model\":\"a\",\"user\":1,\"user\":2,\"messages\":[]}"));
}

/* Servers in Go take "Model" for "model", and a long s or a Kelvin sign for an s or a k. */
static void refuses_other_spellings_beside_deciding_keys(void **state)
{
    struct reading *x = *state;
    static const char *const twice[] = {
        "{\"model\":\"a\",\"Model\":\"b\",\"messages\":[]}",
        "{\"MODEL\":\"a\",\"messages\":[],\"model\":\"b\"}",
        "{\"model\":\"a\",\"messages\":[],\"me\\u017f\\u017fages\":[]}",
        "{\"model\":\"a\",\"messages\":[],\"\\u017ftream\":true,\"stream\":false}",
        "{\"model\":\"a\",\"messages\":[],\"max_tokens\":1,\"max_to\\u212aens\":9}",
        "{\"model\":\"a\",\"messages\":[],\"max_tokens\":1,\"Max_to\xE2\x84\xAA\x65n\xC5\xBF\":9}",
        "{\"model\":\"a\",\"messages\":[],\"N\":1,\"n\":9}",
        "{\"model\":\"a\",\"messages\":[],\"Max_Tokens\":1,\"MAX_TOKENS\":9}",
        "{\"model\":\"a\",\"messages\":[],\"tools\":[],\"tool\\u017f\":[]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(twice); i++)
        if (read_as(x, OP_CHAT, str_from(twice[i])) != E_DUPLICATE_KEY)
            fail_msg("not refused: %s", twice[i]);
    assert_int_equal(read_as(x, OP_CHAT, str_from(twice[0])), E_DUPLICATE_KEY);
    assert_non_null(strstr(x->f.text, "'model' stands twice in the request (case does not count)"));
    assert_int_equal(read_as(x, OP_CHAT, STR("{\"model\":\"a\",\"Stream\":true,\"messages\":[]}")),
                     E_BAD_REQUEST); /* alone it would be acted on there, and not here */
    assert_non_null(strstr(x->f.text, "'stream' is written in another way"));
    static const char *const others[] = {
        "{\"model\":\"a\",\"models\":1,\"mode\":1,\"\":1,\"Modem\":1,\"messages\":[]}",
        "{\"model\":\"a\",\"m\\u00f6del\":1,\"tool\":1,\"tools\":[],\"messages\":[]}",
        "{\"model\":\"a\",\"n\":1,\"N \":1,\"User\":1,\"user\":1,\"messages\":[]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        read_ok(x, str_from(others[i]));
}

/* ---- edits ---- */

static void edits_stay_sorted_and_have_a_limit(void **state)
{
    struct reading *x = *state;
    x->r.body = STR("0123456789");
    struct llm_edits edits = {0};
    assert_str(applied(x, &edits), STR("0123456789"));
    assert_int_equal(llm_edit_add(&edits, (struct json_span){8, 9}, STR("")), 0);
    assert_int_equal(llm_edit_add(&edits, (struct json_span){0, 0}, STR("<")), 0);
    assert_int_equal(llm_edit_add(&edits, (struct json_span){3, 5}, STR("abc")), 0);
    assert_int_equal(llm_edit_add(&edits, (struct json_span){0, 0}, STR("=")), 0);
    assert_int_equal(llm_edit_add(&edits, (struct json_span){10, 10}, STR(">")), 0);
    assert_str(applied(x, &edits), STR("<=012abc5679>"));
    while (edits.n < LLM_EDITS_MAX)
        assert_int_equal(llm_edit_add(&edits, (struct json_span){5, 5}, STR("-")), 0);
    assert_int_equal(llm_edit_add(&edits, (struct json_span){5, 5}, STR("-")), E_INTERNAL);
    assert_str(applied(x, &edits), STR("<=012abc-----------5679>"));
}

static void asks_for_usage_in_every_form(void **state)
{
    struct reading *x = *state;
    static const struct {
        const char *before, *after; /* of what follows the messages */
    } all[] = {
        {",\"stream_options\":null", ",\"stream_options\":{\"include_usage\":true}"},
        {",\"stream_options\":{}", ",\"stream_options\":{\"include_usage\":true}"},
        {",\"stream_options\" : { } ,\"a\":1",
         ",\"stream_options\" : {\"include_usage\":true} ,\"a\":1"},
        {",\"stream_options\":{ \"x\" : [1] }",
         ",\"stream_options\":{\"include_usage\":true, \"x\" : [1] }"},
        {",\"stream_options\":{\"x\":1, \"include_usage\" : false,\"y\":2}",
         ",\"stream_options\":{\"x\":1, \"include_usage\" : true,\"y\":2}"},
        {",\"stream_options\":{\"include_usage\":null}",
         ",\"stream_options\":{\"include_usage\":true}"},
    };
    char body[256], want[256];
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        snprintf(body, sizeof(body), "{\"model\":\"m\",\"messages\":[]%s}", all[i].before);
        snprintf(want, sizeof(want), "{\"model\":\"m\",\"messages\":[]%s}", all[i].after);
        struct llm_edits edits = {0};
        read_ok(x, str_from(body));
        assert_int_equal(openai_edit_ask_usage(&x->r, &edits), 0);
        assert_str(applied(x, &edits), str_from(want));
    }
    struct llm_edits edits = {0};
    read_ok(x, STR(" {\n\"model\":\"m\",\"messages\":[]}"));
    assert_int_equal(openai_edit_ask_usage(&x->r, &edits), 0);
    assert_str(applied(x, &edits), STR(" {\"stream_options\":{\"include_usage\":true},"
                                       "\n\"model\":\"m\",\"messages\":[]}"));
}

static void adds_only_parameters_that_are_absent(void **state)
{
    struct reading *x = *state;
    struct llm_edits edits = {0};
    read_ok(x, STR("{ \"model\":\"m\",\"temperature\":null,\"messages\":[]}"));
    assert_int_equal(llm_edit_members(x->r.body, STR_NONE, false, &x->arena, &edits), 0);
    assert_int_equal(llm_edit_members(x->r.body, STR("{}"), false, &x->arena, &edits), 0);
    assert_int_equal(
        llm_edit_members(x->r.body, STR("{\"temperature\":1}"), false, &x->arena, &edits), 0);
    assert_int_equal(edits.n, 0);
    assert_int_equal(llm_edit_members(x->r.body,
                                      STR("{\"temperature\":1,\"top_p\":0.5,\"a\\\"b\":{\"c\":"
                                          "[true]},\"user\":\"\xC3\xA4\"}"),
                                      false, &x->arena, &edits),
                     0);
    assert_str(applied(x, &edits),
               STR("{\"top_p\":0.5,\"a\\\"b\":{\"c\":[true]},\"user\":\"\xC3\xA4\", "
                   "\"model\":\"m\",\"temperature\":null,\"messages\":[]}"));
    assert_int_equal(llm_edit_members(x->r.body, STR("{"), false, &x->arena, &edits), E_BAD_JSON);
}

static void adds_as_many_parameters_as_there_are(void **state)
{
    struct reading *x = *state;
    char params[2048] = "{", *end = params + 1;
    for (int i = 0; i < 60; i++)
        end += snprintf(end, 20, "\"p%d\":%d,", i, i);
    end[-1] = '}';
    struct llm_edits edits = {0};
    read_ok(x, STR("{\"model\":\"m\",\"messages\":[]}"));
    assert_int_equal(llm_edit_members(x->r.body, str_from(params), false, &x->arena, &edits), 0);
    yyjson_val *root = json_peek(applied(x, &edits));
    assert_int_equal(yyjson_obj_size(root), 62);
    assert_int_equal(json_get_i64(root, "p59", -1), 59);
}

/* ---- any request at all ---- */

static void space(struct chance *c, struct buf *out)
{
    static const char *const all[] = {"", "", "", " ", "\n", "\t ", "\r\n  "};
    buf_str(out, str_from(all[chance_below(c, ARRAY_LEN(all))]));
}

static void value(struct chance *c, struct buf *out)
{
    static const char *const all[] = {"null",
                                      "0",
                                      "-1.50e+3",
                                      "\"\"",
                                      "\"}\\\"{,:[\\u0041\"",
                                      "[ 1 ,[{}] ]",
                                      "{ \"model\":\"inner\", \"a\" : {} }",
                                      "18446744073709551615",
                                      "\"\xE2\x82\xAC\""};
    buf_str(out, str_from(all[chance_below(c, ARRAY_LEN(all))]));
}

static void member(struct chance *c, struct buf *out, const char *key, const char *text)
{
    if (out->p[out->n - 1] != '{')
        buf_char(out, ',');
    space(c, out);
    buf_printf(out, "\"%s\"", key);
    space(c, out);
    buf_char(out, ':');
    space(c, out);
    if (text)
        buf_str(out, str_from(text));
    else
        value(c, out);
    space(c, out);
}

static void request_write(struct chance *c, struct buf *out)
{
    static const char *const options[] = {"null",
                                          "{}",
                                          "{ }",
                                          "{\"include_usage\" :false }",
                                          "{ \"x\":1,\"include_usage\":null}",
                                          "{\"x\" : [ ] }"};
    static const char *const names[] = {"\"m\"", "\"a\\/b\"", "\"\\\"\\\\\"", "\"\xC3\xBC\""};
    static const char *const further[] = {"user", "seed", "logit_bias", "metadata", "a\\u0062"};
    unsigned order = chance_below(c, 3);
    buf_clear(out);
    space(c, out);
    buf_char(out, '{');
    for (unsigned part = 0; part < 6; part++) {
        switch ((part + order) % 6) {
        case 0:
            member(c, out, "model", names[chance_below(c, ARRAY_LEN(names))]);
            break;
        case 1:
            member(c, out, "messages", "[ {\"role\":\"user\",\"content\":\"hi\"} ]");
            break;
        case 2:
            if (chance_below(c, 2))
                member(c, out, "stream_options", options[chance_below(c, ARRAY_LEN(options))]);
            break;
        case 3:
            if (chance_below(c, 2))
                member(c, out, "temperature", NULL);
            break;
        default:
            member(c, out, further[chance_below(c, ARRAY_LEN(further))], NULL);
        }
    }
    buf_char(out, '}');
    space(c, out);
}

/* Every byte outside of the edits stands in the result, in its place. */
static void check_other_bytes(const struct llm_edits *edits, struct str before, struct str after)
{
    size_t from = 0, at = 0;
    for (unsigned i = 0; i <= edits->n; i++) {
        size_t to = i < edits->n ? edits->at[i].at.from : before.n;
        assert_true(to >= from);
        assert_str(str_head(str_tail(after, at), to - from),
                   str_head(str_tail(before, from), to - from));
        at += to - from;
        if (i < edits->n) {
            at += edits->at[i].with.n;
            from = edits->at[i].at.to;
        }
    }
    assert_int_equal(at, after.n);
}

/* The members that no edit is about have the same values, in the same order. */
static void check_members(struct arena *arena, struct str before, struct str after)
{
    yyjson_doc *a = NULL, *b = NULL;
    assert_int_equal(json_parse(arena, before, &a, NULL), 0);
    if (json_parse(arena, after, &b, NULL) != 0)
        fail_msg("no JSON any more: %.*s -> %.*s", STR_ARGS(before), STR_ARGS(after));
    yyjson_val *old = yyjson_doc_get_root(a), *new = yyjson_doc_get_root(b);
    assert_str(json_get_str(new, "model"), STR("other \"name\""));
    yyjson_val *options = yyjson_obj_get(new, "stream_options");
    assert_true(yyjson_is_true(yyjson_obj_get(options, "include_usage")));
    assert_true(yyjson_equals(yyjson_obj_get(options, "x"),
                              yyjson_obj_get(yyjson_obj_get(old, "stream_options"), "x")) ||
                !yyjson_obj_get(yyjson_obj_get(old, "stream_options"), "x"));
    yyjson_val *temperature = yyjson_obj_get(old, "temperature");
    if (temperature)
        assert_true(yyjson_equals(yyjson_obj_get(new, "temperature"), temperature));
    else
        assert_int_equal(json_get_i64(new, "temperature", -1), 5);
    assert_int_equal(json_get_i64(new, "top_k", -1), 6);
    size_t added = 1 + !temperature + !yyjson_obj_get(old, "stream_options");
    assert_int_equal(yyjson_obj_size(new), yyjson_obj_size(old) + added);
}

static void edited_requests_are_json_and_else_the_same(void **state)
{
    struct reading *x = *state;
    struct chance c = {20261124};
    struct buf body;
    buf_init(&body, 65536);
    for (int i = 0; i < 20000; i++) {
        request_write(&c, &body);
        assert_int_equal(body.failed, 0);
        read_ok(x, buf_view(&body));
        struct llm_edits edits = {0};
        assert_int_equal(llm_edit_members(x->r.body, STR("{\"temperature\":5,\"top_k\":6}"), false,
                                          &x->arena, &edits),
                         0);
        assert_int_equal(openai_edit_ask_usage(&x->r, &edits), 0);
        assert_int_equal(llm_edit_add(&edits, x->r.model_at, STR("\"other \\\"name\\\"\"")), 0);
        struct str after = applied(x, &edits);
        check_other_bytes(&edits, x->r.body, after);
        check_members(&x->arena, x->r.body, after);
        arena_fini(&x->arena);
        arena_init_private(&x->arena, ARENA_BYTES);
    }
    buf_fini(&body);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, reading_setup, reading_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_what_the_house_needs),
        TEST(absent_members_have_their_defaults),
        TEST(each_operation_needs_its_own),
        TEST(refuses_with_the_members_name),
        TEST(refuses_deciding_keys_twice),
        TEST(refuses_other_spellings_beside_deciding_keys),
        TEST(edits_stay_sorted_and_have_a_limit),
        TEST(asks_for_usage_in_every_form),
        TEST(adds_only_parameters_that_are_absent),
        TEST(adds_as_many_parameters_as_there_are),
        TEST(edited_requests_are_json_and_else_the_same),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
