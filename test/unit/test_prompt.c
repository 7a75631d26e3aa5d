/* test_prompt.c: which requests have the same fingerprint of system prompt and tools. */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "llm/prompt.h"
#include "llm/wire.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init_private(&arena, 64u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

/* Both ways, of which the second one is asked again, from memory. */
static uint64_t print_of(const struct wire *wire, const char *body)
{
    static struct prompt_memo memo;
    struct fault f = {0};
    struct llm_request r;
    yyjson_doc *doc = NULL;
    if (wire_ask(wire, str_from(body), &arena, &r, &f) != 0)
        fail_msg("%s: %s", body, fault_text(&f));
    uint64_t got = prompt_of_request(&r, &memo), again = prompt_of_request(&r, &memo);
    assert_int_equal(json_parse(&arena, str_from(body), &doc, &f), 0);
    uint64_t parsed = prompt_of(wire, yyjson_doc_get_root(doc));
    if (got != again || got != parsed)
        fail_msg("%s: %llx, again %llx, parsed %llx", body, (unsigned long long)got,
                 (unsigned long long)again, (unsigned long long)parsed);
    return got;
}

static uint64_t chat(const char *messages, const char *more)
{
    return print_of(
        &wire_openai_chat,
        arena_printf(&arena, "{\"model\":\"m\",\"messages\":[%s]%s}", messages, more).p);
}

#define USER "{\"role\":\"user\",\"content\":\"Hi\"}"

/* Of a system prompt that says `text` (as JSON has it). */
static uint64_t says(const char *text)
{
    return chat(arena_printf(&arena, "{\"role\":\"system\",\"content\":\"%s\"}," USER, text).p, "");
}

static void same(const char *a, const char *b)
{
    if (says(a) != says(b))
        fail_msg("'%s' and '%s' have fingerprints of their own", a, b);
}

static void other(const char *a, const char *b)
{
    if (says(a) == says(b))
        fail_msg("'%s' and '%s' have one fingerprint", a, b);
}

static void what_changes_by_itself_does_not_count(void **state)
{
    (void)state;
    same("Be brief.", " Be\\n  brief.\\t");
    same("Be brief.", "\\u0042e brief.");
    same("Today is 2026-11-27.", "Today is 2027-01-02.");
    same("Today is 27 November 2026.", "Today is 3 May 2026.");
    same("Today is November 27, 2026.", "Today is May 3rd, 2027.");
    same("Now: Fri Nov 27 09:12:01 UTC 2026", "Now: Mon Dec 1 23:59:59 UTC 2026");
    same("It is 9:30 am.", "It is 11:05 pm.");
    same("It is 9 am.", "It is 11 pm.");
    same("Session 550e8400-e29b-41d4-a716-446655440000 begins.",
         "Session 123e4567-e89b-12d3-a456-426614174000 begins.");
    same("Order A18273 of 27/11/26", "Order B99120 of 1/2/27");
    same("\\u4eca\\u5929\\u662f2026\\u5e7411\\u670827\\u65e5\\u3002",
         "\\u4eca\\u5929\\u662f2027\\u5e741\\u67082\\u65e5\\u3002");
}

static void what_an_application_says_counts(void **state)
{
    (void)state;
    other("Be brief.", "Be thorough.");
    other("Be brief.", "Be brief");
    other("Answer in at most 3 sentences.", "Answer in at most 5 sentences.");
    other("Scores go from 1 to 10.", "Scores go from 0 to 10.");
    other("You may refuse.", "You must refuse.");
    other("Version 1.5", "Version 1.6");
    other("a b", "ab");
    other("\\u4eca\\u5929\\u662f2026\\u5e74\\u3002\\u4f60\\u597d",
          "\\u4eca\\u5929\\u662f2026\\u5e74\\u3002\\u518d\\u89c1");
}

static void messages_in_front_are_the_prompt(void **state)
{
    (void)state;
    assert_int_equal(chat(USER, ""), 0);
    assert_int_equal(chat(USER, ",\"tools\":[]"), 0);
    assert_int_equal(chat("", ""), 0);
    assert_int_equal(chat("{\"role\":\"system\",\"content\":\"  \"}," USER, ""), 0);
    uint64_t brief = says("Be brief.");
    assert_int_not_equal(brief, 0);
    assert_int_equal(chat("{\"content\":\"Be brief.\",\"role\":\"developer\"}," USER "," USER, ""),
                     brief);
    assert_int_equal(chat("{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"Be "
                          "brief.\"}]}",
                          ""),
                     brief);
    assert_int_equal(chat("{\"role\":\"system\",\"content\":\"Be\"},{\"role\":\"developer\","
                          "\"content\":\"brief.\"}," USER,
                          ""),
                     brief);
    /* what stands later is of the conversation */
    assert_int_equal(chat("{\"role\":\"system\",\"content\":\"Be brief.\"}," USER
                          ",{\"role\":\"system\",\"content\":\"No.\"}",
                          ""),
                     brief);
    assert_int_equal(chat("{\"content\":\"Be brief.\",\"role\":\"user\"}", ""), 0);
    assert_int_equal(chat("{\"role\":7,\"content\":\"Be brief.\"}", ""), 0);
    assert_int_equal(chat("3", ""), 0);
    assert_int_equal(chat("{\"rol\\u0065\":\"\\u0073ystem\",\"content\":\"Be brief.\"}", ""),
                     brief);
    assert_int_equal(
        chat("{\"role\":\"system\",\"role\":\"user\",\"content\":\"Be brief.\",\"content\":"
             "\"No.\"}",
             ""),
        brief);
    /* another protocol's members say nothing here */
    assert_int_equal(chat(USER, ",\"system\":\"Be brief.\",\"instructions\":\"Be brief.\""), 0);
}

#define SCHEMA "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}"
#define TOOL(name, about)                                                                          \
    "{\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"description\":\"" about          \
    "\",\"parameters\":" SCHEMA "}}"

static uint64_t tools(const char *list)
{
    return chat(USER, arena_printf(&arena, ",\"tools\":[%s]", list).p);
}

static void tools_count_whatever_their_order(void **state)
{
    (void)state;
    uint64_t two = tools(TOOL("a", "A.") "," TOOL("b", "B."));
    assert_int_not_equal(two, 0);
    assert_int_equal(tools(TOOL("b", " B.") "," TOOL("a", "A.")), two);
    assert_int_not_equal(tools(TOOL("a", "A.")), two);
    assert_int_not_equal(tools(TOOL("a", "A.") "," TOOL("b", "C.")), two);
    assert_int_not_equal(tools(TOOL("a", "A.") "," TOOL("c", "B.")), two);
    uint64_t one = tools("{\"function\":{\"name\":\"a\",\"parameters\":{\"maximum\":1}}}");
    assert_int_equal(tools("{\"function\" : {\"name\":\"a\", \"parameters\":{ \"maximum\" : 1 }}}"),
                     one);
    assert_int_not_equal(tools("{\"function\":{\"name\":\"a\",\"parameters\":{\"maximum\":2}}}"),
                         one);
    assert_int_not_equal(tools("{\"type\":\"web_search\"}"), 0);
    assert_int_not_equal(tools("{\"type\":\"web_search\"}"), tools("{\"type\":\"file_search\"}"));
}

static void every_protocol_has_the_same(void **state)
{
    (void)state;
    uint64_t want = chat("{\"role\":\"system\",\"content\":\"Be brief.\"}," USER,
                         ",\"tools\":[" TOOL("a", "A.") "]");
    assert_int_equal(
        print_of(&wire_anthropic,
                 "{\"model\":\"m\",\"max_tokens\":9,\"system\":[{\"type\":\"text\",\"text\":\"Be "
                 "brief.\"}],\"messages\":[" USER "],\"tools\":[{\"name\":\"a\",\"description\":"
                 "\"A.\",\"input_schema\":" SCHEMA "}]}"),
        want);
    assert_int_equal(
        print_of(
            &wire_responses,
            "{\"model\":\"m\",\"instructions\":\"Be brief.\",\"input\":\"Hi\",\"tools\":[{"
            "\"type\":\"function\",\"name\":\"a\",\"description\":\"A.\",\"parameters\":" SCHEMA
            "}]}"),
        want);
    assert_int_equal(
        print_of(
            &wire_responses,
            "{\"model\":\"m\",\"input\":[{\"role\":\"developer\",\"content\":\"Be brief.\"}," USER
            "],\"tools\":[{\"type\":\"function\",\"name\":\"a\",\"description\":\"A.\","
            "\"parameters\":" SCHEMA "}]}"),
        want);
}

static void as_text_and_back(void **state)
{
    (void)state;
    char text[PROMPT_CHARS + 1];
    assert_string_equal(prompt_text(0, text), "-");
    assert_string_equal(prompt_text(0xabc, text), "0000000000000abc");
    assert_int_equal(prompt_from_text(str_from(text)), 0xabc);
    assert_int_equal(prompt_from_text(STR("-")), 0);
    assert_int_equal(prompt_from_text(STR("0000000000000abx")), 0);
    uint64_t f = says("Be brief.");
    assert_int_equal(prompt_from_text(str_from(prompt_text(f, text))), f);
}

/* The time of one request whose prompt was seen, and of one whose prompt is new each time. */
static void it_costs_next_to_nothing(void **state)
{
    (void)state;
    enum { TIMES = 20000 };
    static struct prompt_memo memo;
    struct fault f = {0};
    struct llm_request r;
    char *text = arena_alloc(&arena, 1001);
    for (unsigned i = 0; i < 1000; i++)
        text[i] = i % 6 == 5 ? ' ' : (char)('a' + i % 6);
    text[1000] = '\0';
    struct str body =
        arena_printf(&arena,
                     "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":"
                     "\"%s\"},{\"role\":\"user\",\"content\":\"%s\"}]}",
                     text, text);
    assert_int_equal(wire_ask(&wire_openai_chat, body, &arena, &r, &f), 0);
    uint64_t sum = 0;
    int64_t began = clock_mono_us();
    for (unsigned i = 0; i < TIMES; i++)
        sum += prompt_of_request(&r, &memo);
    double seen_us = (double)(clock_mono_us() - began) / TIMES;
    began = clock_mono_us();
    for (unsigned i = 0; i < TIMES; i++) {
        char *place = (char *)(uintptr_t)body.p + 60;
        place[0] = (char)('a' + i % 26);
        place[1] = (char)('a' + i / 26 % 26);
        place[2] = (char)('a' + i / 676 % 26);
        sum += prompt_of_request(&r, &memo);
    }
    double new_us = (double)(clock_mono_us() - began) / TIMES;
    printf("a chat of %zu bytes: %.2f us where its prompt was seen, %.2f us where it is new\n",
           body.n, seen_us, new_us);
    assert_int_not_equal(sum, 0);
    assert_true(seen_us < new_us);
}

/* A member that moves into another object, or out of it, is another schema. */
static void schemas_are_told_apart_by_what_stands_in_what(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "{\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]}",
        "{\"properties\":{\"a\":{\"type\":\"string\"},\"required\":[\"a\"]}}",
        "{\"properties\":{\"a\":{\"type\":\"string\",\"required\":[\"a\"]}}}", "{\"enum\":[[],1]}",
        "{\"enum\":[[1]]}"};
    uint64_t got[ARRAY_LEN(schemas)];
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        got[i] = chat(USER, arena_printf(&arena,
                                         ",\"tools\":[{\"type\":\"function\",\"function\":{"
                                         "\"name\":\"f\",\"parameters\":%s}}]",
                                         schemas[i])
                                .p);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(got[i], got[k]);
    }
}

/* Of processor, for a system prompt or tools of so many bytes. */
static double new_one_ms(size_t bytes, bool tools)
{
    static struct prompt_memo memo;
    struct fault f = {0};
    struct llm_request r;
    struct buf b;
    buf_init(&b, 64u << 20);
    buf_str(&b, tools ? STR("{\"model\":\"m\",\"messages\":[" USER "],\"tools\":[{\"x\":[1")
                      : STR("{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\""));
    while (b.n < bytes)
        buf_str(&b, tools ? STR(",1") : STR("a b "));
    buf_str(&b, tools ? STR("]}]}") : STR("\"}]}"));
    if (wire_ask(&wire_openai_chat, buf_view(&b), &arena, &r, &f) != 0)
        fail_msg("%s", fault_text(&f));
    clock_t began = clock();
    assert_true((prompt_of_request(&r, &memo) == 0) == (tools && bytes > PROMPT_TOOLS_BYTES));
    double took = (double)(clock() - began) * 1e3 / CLOCKS_PER_SEC;
    buf_fini(&b);
    return took;
}

/* The loop waits for it. Many a machine is slow, so it is held against a small one's time. */
static void a_huge_prompt_does_not_hold_up_the_loop(void **state)
{
    (void)state;
    double small = 1e9, huge = 1e9, tools = 1e9;
    for (size_t i = 0; i < 5; i++) { /* what was new is no more the next time: others each */
        double took[] = {new_one_ms(PROMPT_WORDS_BYTES + 64 * i, false),
                         new_one_ms((8u << 20) + 64 * i, false),
                         new_one_ms((8u << 20) + 64 * i, true)};
        small = took[0] < small ? took[0] : small;
        huge = took[1] < huge ? took[1] : huge;
        tools = took[2] < tools ? took[2] : tools;
    }
    printf("128 KiB take %.2f ms, 8 MiB %.2f, 8 MiB of tools %.2f\n", small, huge, tools);
    assert_true(huge < 20 * small); /* word by word it would be 64 */
    assert_true(tools < 20 * small);
}

/* What stands behind the part that is read by words counts, too. */
static void the_end_of_a_long_prompt_counts(void **state)
{
    (void)state;
    char *text = malloc(2 * PROMPT_WORDS_BYTES + 64);
    for (size_t i = 0; i < 2 * PROMPT_WORDS_BYTES; i++)
        text[i] = i % 5 == 4 ? ' ' : 'w';
    snprintf(text + 2 * PROMPT_WORDS_BYTES, 64, "%s", "Be kind.");
    uint64_t kind = says(text);
    snprintf(text + 2 * PROMPT_WORDS_BYTES, 64, "%s", "Be rude.");
    assert_int_not_equal(says(text), kind);
    snprintf(text + 2 * PROMPT_WORDS_BYTES, 64, "%s", "Be \\u006bind.");
    assert_int_equal(says(text), kind); /* whatever the JSON looks like */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changes_by_itself_does_not_count),
        cmocka_unit_test(what_an_application_says_counts),
        cmocka_unit_test(messages_in_front_are_the_prompt),
        cmocka_unit_test(tools_count_whatever_their_order),
        cmocka_unit_test(schemas_are_told_apart_by_what_stands_in_what),
        cmocka_unit_test(every_protocol_has_the_same),
        cmocka_unit_test(as_text_and_back),
        cmocka_unit_test(it_costs_next_to_nothing),
        cmocka_unit_test(a_huge_prompt_does_not_hold_up_the_loop),
        cmocka_unit_test(the_end_of_a_long_prompt_counts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
