/* test_noted.c: the model and the reasons that answers name, of every protocol, and nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "base_test.h"
#include "llm/noted.h"

static void expect(const struct llm_noted *n, const char *model, const char *finishes)
{
    char text[NOTED_FINISHES_MAX * (NOTED_FINISH_BYTES + 1) + 1] = "";
    for (unsigned i = 0; i < n->finishes; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s", i ? "," : "",
                 (int)n->finish_n[i], n->finish[i]);
    assert_true(str_eq(str_of(n->model, n->model_n), str_from(model)));
    assert_string_equal(text, finishes);
}

static void whole_answers(void **state UNUSED)
{
    static const struct {
        const char *json, *model, *finishes;
    } rows[] = {
        {"{\"id\":\"a\",\"model\":\"gpt-5-nano-2025-08-07\",\"choices\":[{\"message\":{\"content\":"
         "\"x\",\"model\":\"y\"},\"finish_reason\":\"stop\"},{\"finish_reason\":\"length\"}]}",
         "gpt-5-nano-2025-08-07", "stop,length"},
        {"{\"type\":\"message\",\"model\":\"claude-sonnet-4-5\",\"content\":[{\"type\":\"text\","
         "\"text\":\"model\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null}",
         "claude-sonnet-4-5", "end_turn"},
        {"{\"object\":\"response\",\"status\":\"completed\",\"model\":\"gpt-5\",\"output\":[{"
         "\"status\":\"completed\"}]}",
         "gpt-5", "completed"},
        {"{\"candidates\":[{\"content\":{},\"finishReason\":\"MAX_TOKENS\"}],\"modelVersion\":"
         "\"gemini-3-pro\"}",
         "gemini-3-pro", "MAX_TOKENS"},
        {"{\"output\":{},\"stopReason\":\"tool_use\"}", "", "tool_use"},
        {"{\"data\":[{\"embedding\":[1]}],\"model\":\"text-embedding-3-small\"}",
         "text-embedding-3-small", ""},
        {"{\"choices\":[{\"finish_reason\":null}],\"status\":\"in_progress\"}", "", ""},
        {"{\"choices\":5,\"model\":7,\"message\":[]}", "", ""},
        {"{\"choices\":[],\"candidates\":{}}", "", ""},
        {"[1]", "", ""},
        {"", "", ""},
        {"{\"model\":\"cut", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct llm_noted n = {.model_n = 0};
        llm_noted_read(&n, str_from(rows[i].json));
        expect(&n, rows[i].model, rows[i].finishes);
    }
}

/* What a provider, or one who pretends to be one, could hide text in. */
static void only_words_are_taken(void **state UNUSED)
{
    static const char *const odd[] = {"two words", "\\u0041", "a\\nb", "<b>",
                                      "\xc3\xa9",  "a,b",     ""};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        char json[256];
        struct llm_noted n = {.model_n = 0};
        snprintf(json, sizeof(json), "{\"model\":\"%s\",\"stop_reason\":\"%s\"}", odd[i], odd[i]);
        llm_noted_read(&n, str_from(json));
        expect(&n, "", "");
    }
    char long_one[NOTED_MODEL_BYTES + 64];
    struct llm_noted n = {.model_n = 0};
    snprintf(long_one, sizeof(long_one), "{\"model\":\"%0*d\"}", NOTED_MODEL_BYTES, 0);
    llm_noted_read(&n, str_from(long_one));
    assert_int_equal(n.model_n, NOTED_MODEL_BYTES);
    n = (struct llm_noted){.model_n = 0};
    snprintf(long_one, sizeof(long_one), "{\"model\":\"%0*d\"}", NOTED_MODEL_BYTES + 1, 0);
    llm_noted_read(&n, str_from(long_one));
    assert_int_equal(n.model_n, 0);
}

static void streams(void **state UNUSED)
{
    static const struct {
        const char *json;
        bool finished;
    } events[] = {
        {"{\"type\":\"message_start\",\"message\":{\"model\":\"claude\",\"stop_reason\":null}}", 0},
        {"{\"type\":\"content_block_delta\",\"delta\":{\"text\":\"x\",\"stop_reason\":\"no\"}}", 0},
        {"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"model\":\"z\"}",
         1},
    };
    struct llm_noted n = {.model_n = 0};
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        llm_noted_event(&n, str_from(events[i].json), events[i].finished);
    expect(&n, "claude", "end_turn"); /* the one between was not looked into */

    n = (struct llm_noted){.model_n = 0};
    for (unsigned i = 0; i < 100; i++)
        llm_noted_event(&n, STR("{\"choices\":[{\"delta\":{}}]}"), false);
    llm_noted_event(&n, STR("{\"model\":\"late\"}"), false);
    expect(&n, "", ""); /* nobody looks for it for ever */
    for (unsigned i = 0; i < NOTED_FINISHES_MAX + 3; i++)
        llm_noted_event(&n, STR("{\"response\":{\"model\":\"m\",\"status\":\"incomplete\"}}"),
                        true);
    expect(&n, "m", "incomplete,incomplete,incomplete,incomplete");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_answers),
        cmocka_unit_test(only_words_are_taken),
        cmocka_unit_test(streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
