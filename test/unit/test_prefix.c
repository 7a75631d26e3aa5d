/* test_prefix.c: messages that the configuration puts in front of a request's own: what goes
 * upstream, byte by byte, in each protocol. */
#include <stdio.h>
#include <stdlib.h>

#include "api/config.h"
#include "base_test.h"
#include "llm/models.h"
#include "llm/outgoing.h"
#include "llm/prefix.h"
#include "llm/wire.h"

#define TEXT_BYTES_MAX (1u << 20)

struct house {
    struct arena arena;
    struct upstreams *upstreams;
    struct conf_doc *doc;
    struct models *models;
    struct prices *prices;
    struct fault f;
    struct llm_outgoing out;
    struct buf sent;
};

static int house_setup(void **state)
{
    struct house *h = calloc(1, sizeof(*h));
    if (!h)
        return -1;
    arena_init_private(&h->arena, 8u << 20);
    buf_init(&h->sent, TEXT_BYTES_MAX);
    *state = h;
    return upstreams_new(&h->upstreams);
}

static void house_close(struct house *h)
{
    models_close(h->models);
    conf_unref(h->doc);
    h->models = NULL;
    h->doc = NULL;
}

static int house_teardown(void **state)
{
    struct house *h = *state;
    house_close(h);
    upstreams_free(h->upstreams);
    buf_fini(&h->sent);
    arena_fini(&h->arena);
    free(h);
    return 0;
}

static int compile(struct house *h, const char *text)
{
    house_close(h);
    int err = conf_load_text(&config_table, "test.yaml", str_from(text), &h->doc);
    if (err)
        return err;
    const struct config *c = conf_root(h->doc);
    assert_int_equal(prices_load(conf_arena(h->doc), &c->prices, c->price_file, &h->prices, &h->f),
                     0);
    return models_compile(&c->models, h->doc, h->upstreams, h->prices, &h->models);
}

/* Exactly one complaint, at this line, that says this. */
static void complains(struct house *h, const char *text, unsigned line, const char *says)
{
    assert_int_equal(compile(h, text), E_CONFIG);
    assert_int_equal(conf_error_count(h->doc), 1);
    const struct conf_problem *p = conf_problem(h->doc, 0);
    if (p->line != line || str_find(p->text, str_from(says)) < 0)
        fail_msg("line %u: %.*s; expected line %u: %s", p->line, STR_ARGS(p->text), line, says);
}

/* What the route's target `i` is sent for `body`, in h->sent. */
static int send(struct house *h, const struct wire *wire, const char *body, unsigned i)
{
    struct llm_request r;
    struct route route;
    struct iovec pieces[2 * LLM_EDITS_MAX + 1];
    size_t bytes;
    fault_clear(&h->f);
    buf_clear(&h->sent);
    int err = wire_ask(wire, str_from(body), &h->arena, &r, &h->f);
    if (err)
        return err;
    r.alone = true;
    assert_int_equal(models_resolve(h->models, r.model, &h->arena, &route, &h->f), 0);
    assert_true(i < route.n);
    err = llm_outgoing_make(&route.at[i], &r, &h->arena, &h->out, &h->f);
    if (!err) {
        unsigned n = llm_edits_apply(&h->out.edits, h->out.body, pieces, &bytes);
        for (unsigned k = 0; k < n; k++)
            assert_int_equal(buf_add(&h->sent, pieces[k].iov_base, pieces[k].iov_len), 0);
    }
    llm_outgoing_fini(&h->out);
    return err;
}

static void sends_to(struct house *h, const struct wire *wire, const char *body, unsigned i,
                     const char *expected)
{
    if (send(h, wire, body, i) != 0)
        fail_msg("%s: %s", body, h->f.text);
    if (!str_eq(buf_view(&h->sent), str_from(expected)))
        fail_msg("%s\nbecame   %.*s\nexpected %s", body, STR_ARGS(buf_view(&h->sent)), expected);
    assert_non_null(json_peek(buf_view(&h->sent)));
}

static void sends(struct house *h, const struct wire *wire, const char *body, const char *expected)
{
    sends_to(h, wire, body, 0, expected);
}

#define HOME  "home: {base_url: 'http://127.0.0.1:1/v1', responses: on}\n"
#define OTHER "claude: {kind: anthropic, key: k}\n"
#define HOUSE "providers:\n  " HOME "  " OTHER "  gemini: {kind: gemini, key: k}\nmodels:\n"
#define SHORT "[{role: user, content: 'q'}, {role: assistant, content: \"a\\n\\u00fc\"}]"
#define FULL                                                                                       \
    "[{content: S}, {role: system, content: 'T\"'}, {role: user, content: q}, "                    \
    "{role: assistant, content: \"a\\n\\u00fc\"}]"
#define SYS "{\"role\":\"system\",\"content\":\"S\\n\\nT\\\"\"}"
#define SHOTS                                                                                      \
    "{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\\n\xc3\xbc\"}"
#define NAMES                                                                                      \
    HOUSE "  all: {is: home/m, prefix: " FULL "}\n"                                                \
          "  shots: {is: home/m, prefix: " SHORT "}\n"                                             \
          "  sys: {is: home/m, prefix: Be brief.}\n"                                               \
          "  bare: home/m\n"                                                                       \
          "  cl: {is: claude/m, prefix: " FULL "}\n"                                               \
          "  cls: {is: claude/m, prefix: Be brief.}\n"                                             \
          "  gem: {is: gemini/m, prefix: " FULL "}\n"

/* ---- each protocol ---- */

static void openai_has_them_in_its_messages(void **state)
{
    struct house *h = *state;
    const struct wire *w = &wire_openai_chat;
    assert_int_equal(compile(h, NAMES), 0);
    sends(h, w,
          "{\"model\":\"all\", \"messages\" : [ {\"role\":\"user\",\"content\":\"\\u00e9\"} ] }",
          "{\"model\":\"m\", \"messages\" : [" SYS "," SHOTS
          ", {\"role\":\"user\",\"content\":\"\\u00e9\"} ] }");
    sends(h, w, "{\"messages\":[ ],\"model\":\"all\"}",
          "{\"messages\":[" SYS "," SHOTS " ],\"model\":\"m\"}");
    sends(h, w, "{\"messages\":[],\"model\":\"sys\"}",
          "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"}],\"model\":\"m\"}");
    sends(h, w, "{\"messages\":[{\"content\":\"x\"}],\"model\":\"shots\"}",
          "{\"messages\":[" SHOTS ",{\"content\":\"x\"}],\"model\":\"m\"}");
    /* Not touched: a name without a prefix, and what sluice does not understand. */
    sends(h, w, "{\"messages\":[],\"model\":\"bare\", \"messages_x\":[1]}",
          "{\"messages\":[],\"model\":\"m\", \"messages_x\":[1]}");
}

static void examples_stand_behind_the_clients_system_messages(void **state)
{
    struct house *h = *state;
    const struct wire *w = &wire_openai_chat;
    assert_int_equal(compile(h, NAMES), 0);
#define MINE "{\"role\":\"system\",\"content\":\"mine\"}"
#define DEV  "{\"content\":\"d\",\"role\":\"developer\"}"
#define HI   "{\"role\":\"user\",\"content\":\"hi\"}"
    sends(h, w, "{\"model\":\"all\",\"messages\":[" MINE " , " DEV ", " HI "," MINE "]}",
          "{\"model\":\"m\",\"messages\":[" SYS "," MINE " , " DEV "," SHOTS ", " HI "," MINE "]}");
    sends(h, w, "{\"model\":\"all\",\"messages\":[" MINE "]}",
          "{\"model\":\"m\",\"messages\":[" SYS "," MINE "," SHOTS "]}");
    sends(h, w, "{\"model\":\"shots\",\"messages\":[" MINE "\n]}",
          "{\"model\":\"m\",\"messages\":[" MINE "," SHOTS "\n]}");
    sends(h, w, "{\"model\":\"sys\",\"messages\":[" MINE "," HI "]}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"}," MINE
          "," HI "]}");
}

static void anthropic_has_the_system_text_beside_them(void **state)
{
    struct house *h = *state;
    const struct wire *w = &wire_anthropic;
    assert_int_equal(compile(h, NAMES), 0);
#define END  "\"max_tokens\":5,\"model\":\"cl\",\"messages\":[" HI "]}"
#define SENT "\"max_tokens\":5,\"model\":\"m\",\"messages\":[" SHOTS "," HI "]}"
    sends(h, w, "{" END, "{\"system\":\"S\\n\\nT\\\"\"," SENT);
    sends(h, w, "{\"system\":null," END, "{\"system\":\"S\\n\\nT\\\"\"," SENT);
    sends(h, w, "{\"system\":\"\"," END, "{\"system\":\"S\\n\\nT\\\"\"," SENT);
    sends(h, w, "{\"system\":\"mine\"," END, "{\"system\":\"S\\n\\nT\\\"\\n\\nmine\"," SENT);
    sends(h, w, "{\"system\":[ ]," END,
          "{\"system\":[{\"type\":\"text\",\"text\":\"S\\n\\nT\\\"\"} ]," SENT);
#define BLOCK "{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\"}}"
    sends(h, w, "{\"system\":[" BLOCK "]," END,
          "{\"system\":[{\"type\":\"text\",\"text\":\"S\\n\\nT\\\"\"}," BLOCK "]," SENT);
    sends(h, w, "{\"max_tokens\":5,\"model\":\"cls\",\"messages\":[" HI "]}",
          "{\"system\":\"Be brief.\",\"max_tokens\":5,\"model\":\"m\",\"messages\":[" HI "]}");
    assert_int_equal(send(h, w, "{\"system\":7," END, 0), E_BAD_REQUEST);
    assert_non_null(strstr(h->f.text, "'system' has to be a text"));
    /* Its count of tokens is of the same. */
    sends(h, &wire_anthropic_count, "{\"system\":\"mine\"," END,
          "{\"system\":\"S\\n\\nT\\\"\\n\\nmine\"," SENT);
}

static void responses_have_instructions_and_input(void **state)
{
    struct house *h = *state;
    const struct wire *w = &wire_responses;
    assert_int_equal(compile(h, NAMES), 0);
#define INSTR "\"instructions\":\"S\\n\\nT\\\"\","
    sends(h, w, "{\"model\":\"all\",\"input\": \"hi\"}",
          "{" INSTR "\"model\":\"m\",\"input\": [" SHOTS
          ",{\"role\":\"user\",\"content\":\"hi\"}]}");
    sends(h, w, "{\"model\":\"all\",\"instructions\":\"mine\",\"input\":[" DEV "," HI "]}",
          "{\"model\":\"m\",\"instructions\":\"S\\n\\nT\\\"\\n\\nmine\",\"input\":[" DEV "," SHOTS
          "," HI "]}");
    sends(h, w, "{\"model\":\"all\",\"input\":null}",
          "{" INSTR "\"model\":\"m\",\"input\":[" SHOTS "]}");
    sends(h, w, "{\"model\":\"all\",\"store\":false}",
          "{" INSTR "\"input\":[" SHOTS "],\"model\":\"m\",\"store\":false}");
    sends(h, w, "{\"model\":\"sys\",\"input\":\"hi\"}",
          "{\"instructions\":\"Be brief.\",\"model\":\"m\",\"input\":\"hi\"}");
    assert_int_equal(send(h, w, "{\"model\":\"all\",\"input\":7}", 0), E_BAD_REQUEST);
    assert_int_equal(send(h, w, "{\"model\":\"all\",\"instructions\":[],\"input\":\"x\"}", 0),
                     E_BAD_REQUEST);
}

static void what_goes_on_from_an_answer_has_the_examples(void **state)
{
    struct house *h = *state;
    const struct wire *w = &wire_responses;
    assert_int_equal(compile(h, NAMES), 0);
    sends(h, w, "{\"previous_response_id\":\"resp_1\",\"model\":\"all\",\"input\":\"hi\"}",
          "{" INSTR "\"previous_response_id\":\"resp_1\",\"model\":\"m\",\"input\":\"hi\"}");
    sends(h, w, "{\"previous_response_id\":null,\"model\":\"shots\",\"input\":[" HI "]}",
          "{\"previous_response_id\":null,\"model\":\"m\",\"input\":[" SHOTS "," HI "]}");
    assert_int_equal(
        send(h, w, "{\"conversation\":\"conv_1\",\"model\":\"shots\",\"input\":\"hi\"}", 0),
        E_UNSUPPORTED);
    assert_non_null(strstr(h->f.text, "models.shots"));
    sends(h, w, "{\"conversation\":\"conv_1\",\"model\":\"sys\",\"input\":\"hi\"}",
          "{\"instructions\":\"Be brief.\",\"conversation\":\"conv_1\",\"model\":\"m\","
          "\"input\":\"hi\"}");
}

/* ---- carried over ---- */

static void crossings_carry_it(void **state)
{
    struct house *h = *state;
    assert_int_equal(compile(h, NAMES), 0);
    sends(h, &wire_openai_chat, "{\"model\":\"cl\",\"messages\":[" MINE "," HI "]}",
          "{\"model\":\"m\",\"max_tokens\":4096,\"system\":[{\"type\":\"text\",\"text\":"
          "\"S\\n\\nT\\\"\"},{\"type\":\"text\",\"text\":\"mine\"}],\"messages\":[" SHOTS "," HI
          "]}");
    sends(h, &wire_anthropic, "{\"model\":\"all\",\"max_tokens\":5,\"messages\":[" HI "]}",
          "{\"model\":\"m\",\"messages\":[" SYS "," SHOTS "," HI "],\"max_tokens\":5}");
    sends(h, &wire_responses, "{\"model\":\"cl\",\"input\":\"hi\"}",
          "{\"model\":\"m\",\"max_tokens\":4096,\"system\":\"S\\n\\nT\\\"\",\"messages\":[" SHOTS
          "," HI "]}");
    assert_int_equal(send(h, &wire_openai_chat, "{\"model\":\"gem\",\"messages\":[" HI "]}", 0), 0);
    yyjson_val *sent = json_peek(buf_view(&h->sent));
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(sent, "contents")), 3);
    assert_non_null(yyjson_obj_get(sent, "systemInstruction"));
}

/* ---- with other edits, and other targets ---- */

static void other_edits_stand_beside_it(void **state)
{
    struct house *h = *state;
    assert_int_equal(compile(h, HOUSE "  x: {is: home/long-name, params: {temperature: 0}, "
                                      "prefix: " SHORT "}\n"),
                     0);
    sends(h, &wire_openai_chat, "{\"stream\":true,\"model\":\"x\",\"messages\":[" MINE "," HI "]}",
          "{\"temperature\":0,\"stream_options\":{\"include_usage\":true},\"stream\":true,"
          "\"model\":\"long-name\",\"messages\":[" MINE "," SHOTS "," HI "]}");
    assert_true(h->out.cut_usage);
    assert_int_equal(
        send(h, &wire_openai_chat, "{\"model\":\"x\",\"messages\":[],\"messages\":[" HI "]}", 0),
        E_DUPLICATE_KEY);
}

static void each_target_has_its_own(void **state)
{
    struct house *h = *state;
    assert_int_equal(compile(h, HOUSE "  in: {is: home/a, prefix: in}\n"
                                      "  mid: {is: home/b, fallback: [in]}\n"
                                      "  out: {is: in, prefix: out, fallback: [home/c]}\n"
                                      "lanes:\n"
                                      "  l: [{is: in, prefix: l}, in, home/d]\n"),
                     0);
#define SAYS(what, model)                                                                          \
    "{\"messages\":[{\"role\":\"system\",\"content\":\"" what "\"}],\"model\":\"" model "\"}"
    const struct wire *w = &wire_openai_chat;
    sends_to(h, w, "{\"messages\":[],\"model\":\"mid\"}", 0, "{\"messages\":[],\"model\":\"b\"}");
    sends_to(h, w, "{\"messages\":[],\"model\":\"mid\"}", 1, SAYS("in", "a"));
    sends_to(h, w, "{\"messages\":[],\"model\":\"out\"}", 0, SAYS("out", "a"));
    sends_to(h, w, "{\"messages\":[],\"model\":\"out\"}", 1, SAYS("out", "c"));
    sends_to(h, w, "{\"messages\":[],\"model\":\"lane/l\"}", 0, SAYS("l", "a"));
    sends_to(h, w, "{\"messages\":[],\"model\":\"lane/l\"}", 1, SAYS("in", "a"));
    sends_to(h, w, "{\"messages\":[],\"model\":\"lane/l\"}", 2,
             "{\"messages\":[],\"model\":\"d\"}");
}

static void what_is_no_chat_is_refused(void **state)
{
    struct house *h = *state;
    assert_int_equal(compile(h, NAMES), 0);
    assert_int_equal(send(h, &wire_openai_completion, "{\"model\":\"all\",\"prompt\":\"x\"}", 0),
                     E_UNSUPPORTED);
    assert_non_null(strstr(h->f.text, "models.all has a prefix"));
    assert_int_equal(send(h, &wire_openai_embedding, "{\"model\":\"all\",\"input\":\"x\"}", 0),
                     E_UNSUPPORTED);
    sends(h, &wire_openai_embedding, "{\"model\":\"bare\",\"input\":\"x\"}",
          "{\"model\":\"m\",\"input\":\"x\"}");
}

/* ---- what is complained of ---- */

static void mistakes_are_named_at_their_line(void **state)
{
    struct house *h = *state;
    complains(h,
              HOUSE "  a:\n    is: home/m\n    prefix:\n      - {role: user, content: x}\n"
                    "      - {role: tool, content: x}\n",
              10, "'tool' is not known; expected one of: system, user, assistant");
    complains(h,
              HOUSE "  a:\n    is: home/m\n    prefix:\n      - {role: user, content: x}\n"
                    "      - {role: user, content: \" \"}\n",
              10, "an empty message");
    complains(h,
              HOUSE "  a:\n    is: home/m\n    prefix:\n      - {role: user, content: x}\n"
                    "      - {role: system, content: x}\n",
              10, "in front of them");
    complains(h, HOUSE "  a:\n    is: home/m\n    prefix:\n      - {role: user}\n", 9,
              "is missing");
    complains(h, HOUSE "  a:\n    is: home/m\n    prefix: x\n    params: {system: y}\n", 7,
              "have 'system'");
}

static void too_long_a_prefix_is_complained_of(void **state)
{
    struct house *h = *state;
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    for (unsigned kib = 255; kib <= 256; kib++) {
        buf_clear(&text);
        buf_str(&text, STR(HOUSE "  a:\n    is: home/m\n    prefix:\n      - "));
        for (unsigned i = 0; i < kib * 1024; i++)
            buf_char(&text, 'x');
        buf_str(&text, STR("\n"));
        buf_char(&text, '\0');
        assert_int_equal(text.failed, 0);
        if (kib < 256)
            assert_int_equal(compile(h, text.p), 0);
        else
            complains(h, text.p, 8, "256 KiB");
    }
    buf_fini(&text);
}

#define HOUSE_TEST(fn) cmocka_unit_test_setup_teardown(fn, house_setup, house_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(openai_has_them_in_its_messages),
        HOUSE_TEST(examples_stand_behind_the_clients_system_messages),
        HOUSE_TEST(anthropic_has_the_system_text_beside_them),
        HOUSE_TEST(responses_have_instructions_and_input),
        HOUSE_TEST(what_goes_on_from_an_answer_has_the_examples),
        HOUSE_TEST(crossings_carry_it),
        HOUSE_TEST(other_edits_stand_beside_it),
        HOUSE_TEST(each_target_has_its_own),
        HOUSE_TEST(what_is_no_chat_is_refused),
        HOUSE_TEST(mistakes_are_named_at_their_line),
        HOUSE_TEST(too_long_a_prefix_is_complained_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
