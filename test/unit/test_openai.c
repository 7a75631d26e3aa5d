/* test_openai.c: what answers and events of OpenAI's format say, and cutting usage out of them. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "llm/openai.h"
#include "wire_world.h"

/* Tests run in the root of the repository. */
#define FIXTURES "test/fixture/openai"

static struct llm_facts answer(const char *body)
{
    struct llm_facts facts;
    memset(&facts, 0xAA, sizeof(facts));
    if (openai_answer_read(str_from(body), &facts) != 0)
        fail_msg("refused: %s", body);
    return facts;
}

static struct llm_facts event(const char *data)
{
    struct llm_facts facts;
    memset(&facts, 0xAA, sizeof(facts));
    if (openai_event_read(str_from(data), &facts) != 0)
        fail_msg("refused: %s", data);
    return facts;
}

static void assert_tokens(const struct tokens *t, int64_t input, int64_t cached, int64_t output,
                          int64_t reasoning)
{
    assert_int_equal(t->input, input);
    assert_int_equal(t->cached, cached);
    assert_int_equal(t->cache_write, 0);
    assert_int_equal(t->output, output);
    assert_int_equal(t->reasoning, reasoning);
}

/* ---- usage ---- */

static void usage_is_in_classes_that_do_not_overlap(void **state)
{
    (void)state;
    struct llm_facts f = answer(
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":50,"
        "\"total_tokens\":150,\"prompt_tokens_details\":{\"cached_tokens\":64},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":20}}}");
    assert_true(f.has_usage && f.has_usage_member && f.only_usage);
    assert_int_equal(f.usage.source, TOKENS_PROVIDER);
    assert_tokens(&f.usage, 36, 64, 30, 20);
    assert_int_equal(tokens_prompt(&f.usage), 100);
    assert_int_equal(tokens_completion(&f.usage), 50);
}

/* As OpenRouter and others that resell Anthropic's models write it. */
static void what_was_written_to_a_cache_is_a_class_of_its_own(void **state)
{
    (void)state;
    struct llm_facts f = answer(
        "{\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":5,\"prompt_tokens_details\":"
        "{\"cache_write_tokens\":30,\"cached_tokens\":60}}}");
    assert_int_equal(f.usage.cache_write, 30);
    assert_int_equal(f.usage.input, 10);
    assert_int_equal(f.usage.cached, 60);
    f = answer("{\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":5,"
               "\"prompt_tokens_details\":{\"cached_tokens\":60,\"cache_write_tokens\":70}}}");
    assert_int_equal(f.usage.cache_write, 40);
    assert_int_equal(f.usage.input, 0);
}

static void usage_without_details(void **state)
{
    (void)state;
    static const char *const details[] = {
        "", ",\"prompt_tokens_details\":null,\"completion_tokens_details\":null",
        ",\"prompt_tokens_details\":{},\"completion_tokens_details\":{\"reasoning_tokens\":null}",
        ",\"prompt_tokens_details\":7,\"completion_tokens_details\":[]",
        ",\"prompt_tokens_details\":{\"cached_tokens\":-4}"};
    char body[400];
    for (size_t i = 0; i < ARRAY_LEN(details); i++) {
        snprintf(body, sizeof(body), "{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3%s}}",
                 details[i]);
        struct llm_facts f = answer(body);
        assert_true(f.has_usage);
        assert_tokens(&f.usage, 7, 0, 3, 0);
    }
    struct llm_facts f = answer("{\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}");
    assert_true(f.has_usage); /* embeddings have no completion */
    assert_tokens(&f.usage, 8, 0, 0, 0);
}

static void a_part_is_never_more_than_its_whole(void **state)
{
    (void)state;
    struct llm_facts f = answer("{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,"
                                "\"prompt_tokens_details\":{\"cached_tokens\":9},"
                                "\"completion_tokens_details\":{\"reasoning_tokens\":8}}}");
    assert_tokens(&f.usage, 0, 5, 0, 2);
}

/* xAI: the total is the sum of three. */
static void reasoning_beside_the_completion(void **state)
{
    (void)state;
    struct llm_facts f = answer("{\"usage\":{\"prompt_tokens\":32,\"completion_tokens\":9,"
                                "\"completion_tokens_details\":{\"reasoning_tokens\":94},"
                                "\"total_tokens\":135}}");
    assert_tokens(&f.usage, 32, 0, 9, 94);
    f = answer("{\"usage\":{\"total_tokens\":9223372036854775807,\"prompt_tokens\":1,"
               "\"completion_tokens\":1,\"completion_tokens_details\":"
               "{\"reasoning_tokens\":9223372036854775805}}}");
    assert_tokens(&f.usage, 1, 0, 0, 1);
}

static void bad_numbers_are_no_usage(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "null",
        "[]",
        "\"12\"",
        "{}",
        "{\"completion_tokens\":4}",
        "{\"prompt_tokens\":null}",
        "{\"prompt_tokens\":-1}",
        "{\"prompt_tokens\":1.5}",
        "{\"prompt_tokens\":\"5\"}",
        "{\"prompt_tokens\":1e3}",
        "{\"prompt_tokens\":9223372036854775807}",
        "{\"prompt_tokens\":18446744073709551615}",
        "{\"prompt_tokens\":1,\"completion_tokens\":9223372036854775807}",
        "{\"prompt_tokens\":1000000000001}"};
    char body[200];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(body, sizeof(body), "{\"choices\":[],\"usage\":%s}", bad[i]);
        struct llm_facts f = answer(body);
        if (f.has_usage || f.only_usage || !f.has_usage_member)
            fail_msg("%s", body);
        assert_int_equal(f.usage.source, TOKENS_NONE);
    }
    assert_true(answer("{\"usage\":{\"prompt_tokens\":1000000000000}}").has_usage);
    struct llm_facts f = answer("{\"data\":{\"usage\":{\"prompt_tokens\":1}}}");
    assert_false(f.has_usage || f.has_usage_member); /* only the top level counts */
}

/* ---- content ---- */

static void counts_the_bytes_of_what_was_said(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int64_t bytes;
    } all[] = {
        {"{\"choices\":[{\"message\":{\"content\":\"\xC3\xA4"
         "bc\"}}]}",
         4},
        {"{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"no\"}}]}", 2},
        {"{\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\",\"content\":\"a\"}}]}", 3},
        {"{\"choices\":[{\"text\":\"abc\"},{\"text\":\"d\\n\"}]}", 5},
        {"{\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"name\":\"f\","
         "\"arguments\":\"{}\"}},{\"function\":{\"arguments\":\"xyz\"}}]}}]}",
         6},
        {"{\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}", 0},
        {"{\"choices\":[{\"message\":{\"content\":\"ab\"},\"delta\":{\"content\":\"ab\"}}]}", 2},
        {"{\"choices\":[{\"delta\":{},\"message\":{\"content\":\"ab\"}}]}", 2},
        {"{\"choices\":{\"message\":{\"content\":\"abc\"}}}", 0},
        {"{\"choices\":[7,null,{\"delta\":[]}]}", 0},
        {"{}", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (answer(all[i].body).content_bytes != all[i].bytes)
            fail_msg("%s", all[i].body);
}

static void knows_content_from_a_role(void **state)
{
    (void)state;
    static const char *const speaks[] = {
        "{\"content\":\"a\"}",
        "{\"role\":\"assistant\",\"content\":\" \"}",
        "{\"reasoning_content\":\"a\"}",
        "{\"content\":\"\",\"reasoning\":\"a\"}",
        "{\"reasoning_details\":[{}]}",
        "{\"refusal\":\"a\"}",
        "{\"audio\":{\"data\":\"a\"}}",
        "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\"}}]}"};
    static const char *const silent[] = {
        "{}", "{\"role\":\"assistant\"}", "{\"role\":\"assistant\",\"content\":\"\"}", "null",
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[],\"refusal\":null}"};
    char text[200];
    for (size_t i = 0; i < ARRAY_LEN(speaks); i++) {
        snprintf(text, sizeof(text), "{\"choices\":[{\"delta\":{}},{\"delta\":%s}]}", speaks[i]);
        if (!event(text).speaks)
            fail_msg("%s", text);
    }
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        snprintf(text, sizeof(text), "{\"choices\":[{\"delta\":%s}],\"x\":\"y\"}", silent[i]);
        if (event(text).speaks)
            fail_msg("%s", text);
    }
    assert_true(event("{\"choices\":[{\"text\":\"a\"}]}").speaks);
    assert_false(event("{\"choices\":[{\"text\":\"\"}],\"usage\":{\"prompt_tokens\":1}}").speaks);
}

static void knows_the_end(void **state)
{
    (void)state;
    assert_true(event("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}").finished);
    assert_true(event("{\"choices\":[{\"delta\":{},\"finish_reason\":null},"
                      "{\"delta\":{},\"finish_reason\":\"length\"}]}")
                    .finished);
    assert_false(event("{\"choices\":[{\"delta\":{},\"finish_reason\":null}]}").finished);
    assert_false(event("{\"finish_reason\":\"stop\"}").finished);
    struct llm_facts f = event(" [DONE]\r");
    assert_true(f.done);
    assert_false(f.finished || f.has_error || f.has_usage || f.content_bytes);
    assert_false(event("{\"a\":\"[DONE]\"}").done);
}

static void an_event_is_there_for_its_usage_alone(void **state)
{
    (void)state;
    assert_true(event("{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}").only_usage);
    assert_true(event("{\"usage\":{\"prompt_tokens\":1}}").only_usage);
    assert_false(event("{\"choices\":[{}],\"usage\":{\"prompt_tokens\":1}}").only_usage);
    /* Some begin with an event that has no choices but says something else. */
    assert_false(event("{\"choices\":[],\"prompt_filter_results\":[]}").only_usage);
    assert_false(event("{\"choices\":[],\"usage\":null}").only_usage);
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           " ",    "null",  "[]",     "\"a\"",           "{",
        "{\"a\":1}}", "DONE", "[DONE", "<html>", "{\"a\":\"\xFF\"}"};
    struct llm_facts f;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(openai_answer_read(str_from(bad[i]), &f), E_UPSTREAM_BODY);
        assert_int_equal(openai_event_read(str_from(bad[i]), &f), E_UPSTREAM_BODY);
    }
    assert_int_equal(openai_answer_read(STR("[DONE]"), &f), E_UPSTREAM_BODY);
}

/* ---- errors ---- */

static void reads_errors_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *body, *text;
        int status;
    } all[] = {
        {"{\"error\":{\"message\":\"slow down\",\"type\":\"requests\",\"code\":429}}", "slow down",
         429},
        {"{\"error\":{\"message\":\"m\",\"code\":\"rate_limit_exceeded\"}}", "m", 429},
        {"{\"error\":{\"message\":\"m\",\"code\":\"invalid_api_key\"}}", "m", 401},
        {"{\"error\":{\"message\":\"m\",\"code\":\"401\"}}", "m", 401},
        {"{\"error\":{\"message\":\"m\",\"type\":\"authentication_error\"}}", "m", 401},
        {"{\"error\":{\"message\":\"m\",\"type\":\"permission_error\",\"code\":null}}", "m", 403},
        {"{\"error\":{\"message\":\"m\",\"code\":7,\"status\":\"PERMISSION_DENIED\"}}", "m", 403},
        {"{\"error\":{\"message\":\"m\",\"code\":400,\"type\":\"authentication_error\"}}", "m",
         401},
        {"{\"error\":{\"message\":\"m\",\"code\":403,\"status\":500}}", "m", 403},
        {"{\"error\":\"Unauthorized\"}", "Unauthorized", 401},
        {"{\"error\":{\"message\":\"m\",\"code\":\"4010\"}}", "m", 0},
        {"{\"error\":{\"code\":500,\"message\":\"context\",\"type\":\"server_error\"}}", "context",
         500},
        {"{\"error\":{\"message\":\"m\",\"code\":\"x\",\"status\":503}}", "m", 503},
        {"{\"error\":{\"message\":\"m\",\"code\":null,\"status\":\"UNAVAILABLE\"}}", "m", 0},
        {"{\"error\":{\"message\":\"m\",\"code\":200}}", "m", 0},
        {"{\"error\":{\"message\":\"m\",\"code\":4000000000}}", "m", 0},
        {"{\"error\":\"plain\"}", "plain", 0},
        {"{\"error\":{}}", "", 0},
        {"{\"error\":{\"message\":{\"a\":1}}}", "", 0},
        {"{\"error\":true}", "", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct llm_facts f = event(all[i].body);
        assert_true(f.has_error);
        assert_str(f.error_text, str_from(all[i].text));
        assert_int_equal(f.error_status, all[i].status);
        assert_true(answer(all[i].body).has_error);
    }
    assert_false(answer("{\"error\":null,\"choices\":[]}").has_error);
    assert_false(answer("{\"choices\":[{\"error\":{\"message\":\"m\"}}]}").has_error);
}

/* Name, data, and: is it passed on unread, is it an error? */
static void only_the_protocols_own_events_have_to_be_json(void **state)
{
    (void)state;
    static const struct {
        const char *name, *data;
        bool unread, error;
    } all[] = {
        {"ping", "what ever", true, false},
        {"ping", "{\"type\":\"ping\"}", true, false},
        {"ping", "{\"error\":\"of a ping\"}", true, false},
        {"ping", "7", true, false},
        {"", "", true, false},
        {"message", " ", true, false},
        {"chunk", "{\"choices\":[]}", false, false},
        {"chunk", "{\"usage\":null,\"error\":\"m\"}", false, true},
        {"chunk", "[DONE]", false, false},
        {"message", "{\"type\":\"ping\"}", false, false},
        {"message", "{\"error\":\"m\"}", false, true},
        {"", "{}", false, false},
        {"error", "", false, true},
        {"error", "it broke \xFF", false, true},
        {"error", "{\"error\":{\"message\":\"m\"}}", false, true},
        {"error", "{\"message\":\"m\",\"code\":429}", false, true},
    };
    struct llm_facts f;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        int err = openai_stream_event_read(str_from(all[i].name), str_from(all[i].data), &f);
        if (err || f.unread != all[i].unread || f.has_error != all[i].error)
            fail_msg("%s: %s", all[i].name, all[i].data);
    }
    assert_str(f.error_text, STR("m"));
    assert_int_equal(f.error_status, 429);
    assert_int_equal(openai_stream_event_read(STR(""), STR("ping"), &f), E_UPSTREAM_BODY);
    assert_int_equal(openai_stream_event_read(STR("message"), STR("7"), &f), E_UPSTREAM_BODY);
    assert_int_equal(openai_stream_event_read(STR("chunk"), STR("[DONE]"), &f), 0);
    assert_true(f.done);
}

static void writes_errors(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1024);
    assert_int_equal(openai_error_write(&out, 404, "model_not_found", STR("no \"x\"\n"), STR_NONE),
                     0);
    assert_str(buf_view(&out),
               STR("{\"error\":{\"message\":\"no \\\"x\\\"\\n\",\"type\":"
                   "\"invalid_request_error\",\"param\":null,\"code\":\"model_not_found\"}}"));
    buf_fini(&out);
    assert_string_equal(openai_error_type(401), "authentication_error");
    assert_string_equal(openai_error_type(403), "permission_error");
    assert_string_equal(openai_error_type(429), "rate_limit_error");
    assert_string_equal(openai_error_type(400), "invalid_request_error");
    assert_string_equal(openai_error_type(499), "invalid_request_error");
    assert_string_equal(openai_error_type(500), "server_error");
    assert_string_equal(openai_error_type(504), "server_error");
}

/* ---- cutting usage out ---- */

static int cut(struct buf *out, const char *data)
{
    char raw[512];
    snprintf(raw, sizeof(raw), "data: %s\n\n", data);
    buf_clear(out);
    struct str all = str_from(raw), inside = str_of(raw + 6, strlen(data));
    struct llm_facts facts;
    int err = openai_event_read(inside, &facts);
    if (err)
        return err;
    return facts.usage_cut.to > 0 ? openai_event_without_usage(all, inside, &facts, out)
                                  : buf_str(out, all);
}

static void cuts_usage_with_one_comma(void **state)
{
    (void)state;
    static const char *const all[][2] = {
        {"{\"usage\":null,\"id\":1,\"b\":2}", "{\"id\":1,\"b\":2}"},
        {"{\"id\":1,\"usage\":{\"a\":[1,{}]},\"b\":2}", "{\"id\":1,\"b\":2}"},
        {"{\"id\":1,\"usage\":null}", "{\"id\":1}"},
        {"{\"usage\":null}", "{}"},
        {" { \"usage\" : null } ", " {  } "},
        {"{ \"usage\" : { } , \"id\" : 1 }", "{ \"id\" : 1 }"},
        {"{ \"id\" : 1 ,\n \"usage\" : \"}\" }", "{ \"id\" : 1 }"},
        {"{\"a\":1 , \"usage\" : null , \"b\":2}", "{\"a\":1 , \"b\":2}"},
        {"{\"a\":1,\"us\\u0061ge\":5}", "{\"a\":1}"},
        {"{\"a\":1,\"usage\":1,\"usage\":2}", "{\"a\":1,\"usage\":1,\"usage\":2}"},
        {"{\"a\":{\"usage\":1},\"Usage\":2}", "{\"a\":{\"usage\":1},\"Usage\":2}"},
        {"{}", "{}"},
    };
    struct buf out;
    char want[512];
    buf_init(&out, 4096);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_int_equal(cut(&out, all[i][0]), 0);
        snprintf(want, sizeof(want), "data: %s\n\n", all[i][1]);
        assert_str(buf_view(&out), str_from(want));
    }
    assert_int_equal(cut(&out, "{\"usage\":"), E_UPSTREAM_BODY);
    assert_int_equal(cut(&out, "[]"), E_UPSTREAM_BODY);
    buf_fini(&out);
}

/* The lines of such an event were joined for the reader. */
static void cuts_usage_out_of_several_lines(void **state)
{
    (void)state;
    static const char *const all[][2] = {
        {"{\"id\":1,\n\"usage\":null,\n\"b\":2}", "data: {\"id\":1,\ndata: \"b\":2}\n\n"},
        {"{\"id\":1\n,\"usage\":null\n}", "data: {\"id\":1\ndata: }\n\n"},
        {"\n{\"usage\":{\n}}\n", "data: \ndata: {}\ndata: \n\n"},
    };
    struct buf out;
    struct llm_facts facts;
    buf_init(&out, 4096);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct str data = str_from(all[i][0]);
        buf_clear(&out);
        assert_int_equal(openai_event_read(data, &facts), 0);
        assert_int_equal(openai_event_without_usage(STR("data: x\n\n"), data, &facts, &out), 0);
        assert_str(buf_view(&out), str_from(all[i][1]));
    }
    buf_fini(&out);
}

static void cutting_tells_when_there_is_no_room(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 12);
    assert_int_equal(cut(&out, "{\"id\":\"0123456789\",\"usage\":null}"), E_TOO_LARGE);
    buf_fini(&out);
}

/* ---- recorded exchanges ---- */

static struct str fixture_text(struct arena *a, const char *name)
{
    struct str text = fixture_read(a, FIXTURES, ".", name);
    if (!text.p)
        fail_msg("%s cannot be read", name);
    return text;
}

static void facts_add(struct llm_facts *sum, const struct llm_facts *more)
{
    sum->content_bytes += more->content_bytes;
    sum->finished |= more->finished;
    sum->done |= more->done;
    sum->has_error |= more->has_error;
    if (more->has_error)
        sum->error_status = more->error_status;
    if (more->has_usage) {
        sum->has_usage = true;
        sum->usage = more->usage;
    }
}

static void fixture_stream(struct arena *a, yyjson_val *events, struct llm_facts *sum)
{
    size_t i, n;
    yyjson_val *e;
    yyjson_arr_foreach(events, i, n, e)
    {
        struct buf text;
        buf_init(&text, 65536);
        if (yyjson_is_str(e))
            buf_str(&text, json_str(e));
        else
            assert_int_equal(json_value(&text, e), 0);
        struct llm_facts facts;
        assert_int_equal(openai_event_read(buf_view(&text), &facts), 0);
        facts.error_text = STR_NONE;
        facts_add(sum, &facts);
        if (facts.usage_cut.to > 0) {
            struct buf out;
            yyjson_doc *doc = NULL;
            buf_init(&out, 65536);
            assert_int_equal(
                openai_event_without_usage(buf_view(&text), buf_view(&text), &facts, &out), 0);
            assert_int_equal(json_parse(a, buf_view(&out), &doc, NULL), 0);
            assert_null(yyjson_obj_get(yyjson_doc_get_root(doc), "usage"));
            assert_int_equal(yyjson_obj_size(yyjson_doc_get_root(doc)), yyjson_obj_size(e) - 1);
            buf_fini(&out);
        }
        buf_fini(&text);
    }
    assert_true(n > 0);
}

static void fixture_request(struct arena *a, yyjson_val *exchange, yyjson_val *expect)
{
    struct str name = json_get_str(exchange, "operation");
    struct buf body;
    struct llm_request r;
    struct fault f = {0};
    unsigned op = 0;
    while (op < OP_COUNT && !str_eq(str_from(llm_ops[op].name), name))
        op++;
    assert_true(op < OP_COUNT);
    buf_init(&body, 65536);
    assert_int_equal(json_value(&body, yyjson_obj_get(exchange, "request")), 0);
    if (openai_request_read((enum llm_op)op, buf_view(&body), a, &r, &f) != 0)
        fail_msg("%s", f.text);
    assert_str(r.model, json_get_str(expect, "model"));
    assert_int_equal(r.stream, yyjson_obj_get(exchange, "events") != NULL);
    buf_fini(&body);
}

static void check_fixture(const char *name)
{
    struct arena a;
    yyjson_doc *doc = NULL;
    struct fault fault = {0};
    struct llm_facts got = {0};
    arena_init_private(&a, 1u << 20);
    if (json_parse(&a, fixture_text(&a, name), &doc, &fault) != 0)
        fail_msg("%s: %s", name, fault.text);
    yyjson_val *exchange = yyjson_doc_get_root(doc), *expect = yyjson_obj_get(exchange, "expect");
    assert_true(json_get_str(exchange, "form").n > 0); /* where the form comes from */
    fixture_request(&a, exchange, expect);
    yyjson_val *events = yyjson_obj_get(exchange, "events");
    if (events) {
        fixture_stream(&a, events, &got);
    } else {
        struct buf body;
        buf_init(&body, 65536);
        assert_int_equal(json_value(&body, yyjson_obj_get(exchange, "answer")), 0);
        assert_int_equal(openai_answer_read(buf_view(&body), &got), 0);
        buf_fini(&body);
    }
    assert_tokens(&got.usage, json_get_i64(expect, "input", 0), json_get_i64(expect, "cached", 0),
                  json_get_i64(expect, "output", 0), json_get_i64(expect, "reasoning", 0));
    assert_int_equal(got.has_usage, yyjson_obj_get(expect, "input") != NULL);
    assert_int_equal(got.content_bytes, json_get_i64(expect, "content_bytes", 0));
    assert_int_equal(got.finished, yyjson_is_true(yyjson_obj_get(expect, "finished")));
    assert_int_equal(got.done, events && !got.has_error);
    assert_int_equal(got.has_error, yyjson_obj_get(expect, "error_status") != NULL);
    assert_int_equal(got.error_status, json_get_i64(expect, "error_status", 0));
    arena_fini(&a);
}

static void recorded_exchanges_say_what_is_expected(void **state)
{
    (void)state;
    DIR *folder = opendir(FIXTURES);
    unsigned n = 0;
    if (!folder)
        fail_msg("%s cannot be read", FIXTURES);
    for (struct dirent *e; (e = readdir(folder));) {
        if (!str_ends(str_from(e->d_name), STR(".json")))
            continue;
        print_message("%s\n", e->d_name);
        check_fixture(e->d_name);
        n++;
    }
    assert_int_equal(closedir(folder), 0);
    assert_true(n >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage_is_in_classes_that_do_not_overlap),
        cmocka_unit_test(what_was_written_to_a_cache_is_a_class_of_its_own),
        cmocka_unit_test(usage_without_details),
        cmocka_unit_test(a_part_is_never_more_than_its_whole),
        cmocka_unit_test(reasoning_beside_the_completion),
        cmocka_unit_test(bad_numbers_are_no_usage),
        cmocka_unit_test(counts_the_bytes_of_what_was_said),
        cmocka_unit_test(knows_content_from_a_role),
        cmocka_unit_test(knows_the_end),
        cmocka_unit_test(an_event_is_there_for_its_usage_alone),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(reads_errors_in_every_form),
        cmocka_unit_test(only_the_protocols_own_events_have_to_be_json),
        cmocka_unit_test(writes_errors),
        cmocka_unit_test(cuts_usage_with_one_comma),
        cmocka_unit_test(cuts_usage_out_of_several_lines),
        cmocka_unit_test(cutting_tells_when_there_is_no_room),
        cmocka_unit_test(recorded_exchanges_say_what_is_expected),
    };
    return cmocka_run_group_tests_name("openai", tests, NULL, NULL);
}
