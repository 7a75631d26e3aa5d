/* Instructions that can be verified: each of IFEval's kinds, followed and not, and slips of cases.
 */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "eval/grader.h"
#include "eval/grader/kinds.h"
#include "eval/instructions/kinds.h"

struct world {
    struct arena arena;
    struct fault fault;
    struct grade grade;
    bool loose;
};

static int setup(void **state)
{
    static struct world w;
    w = (struct world){.loose = false};
    arena_init_private(&w.arena, 16 << 20);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    arena_fini(&((struct world *)*state)->arena);
    return 0;
}

/* Grades `answer` by instructions in JSON. */
static int grade(struct world *w, const char *instructions, struct str answer)
{
    yyjson_doc *doc = NULL;
    w->fault = (struct fault){0};
    w->grade = (struct grade){.graded = false};
    if (json_parse(&w->arena, str_from(instructions), &doc, &w->fault))
        fail_msg("%s: %s", instructions, fault_text(&w->fault));
    struct grader_settings settings = {.loose = w->loose};
    struct grading g = {
        .arena = &w->arena, .instructions = yyjson_doc_get_root(doc), .text = answer};
    return grader_instructions.grade(&settings, &g, &w->grade, &w->fault);
}

static bool follows_bytes(struct world *w, const char *id, const char *kwargs, struct str answer)
{
    struct str json = arena_printf(&w->arena, "[{\"id\":\"%s\",\"kwargs\":%s}]", id, kwargs);
    int err = grade(w, json.p, answer);
    if (err)
        fail_msg("%s %s: %s", id, kwargs, fault_text(&w->fault));
    assert_true(w->grade.graded);
    assert_true(w->grade.score == 1 || w->grade.score == 0);
    assert_str(w->grade.verdict, w->grade.score == 1 ? STR("pass") : STR("fail"));
    assert_true((w->grade.why.n == 0) == (w->grade.score == 1));
    return w->grade.score == 1;
}

static bool follows(struct world *w, const char *id, const char *kwargs, const char *answer)
{
    return follows_bytes(w, id, kwargs, str_from(answer));
}

/* An answer of each kind that follows, and one that does not, and why not. */
static const struct {
    const char *id, *kwargs, *good, *bad, *why;
} pairs[] = {
    {"keywords:existence", "{\"keywords\":[\"rain\",\"Umbrella\"]}",
     "An UMBRELLA helps when it is raining.", "It is raining.",
     "the keyword \"Umbrella\" is missing"},
    {"keywords:frequency", "{\"keyword\":\"tea\",\"frequency\":3,\"relation\":\"at least\"}",
     "Tea, green tea and teapots.", "Tea and coffee, then tea.",
     "the keyword \"tea\" was to be there at least 3 times, it is 2 times"},
    {"keywords:forbidden_words", "{\"forbidden_words\":[\"cold\",\"ice\"]}",
     "Nice slices are scolded.", "We had Ice.", "the forbidden word \"ice\" is there"},
    {"keywords:letter_frequency",
     "{\"letter\":\"z\",\"let_frequency\":2,\"let_relation\":\"less than\"}", "A zoo.", "Zigzag.",
     "the letter \"z\" was to be there less than 2 times, it is 2 times"},
    {"language:response_language", "{\"language\":\"de\"}",
     "Das ist ein kurzer Satz und noch einer.", "This is a short sentence and another one.",
     "German was asked for, this is English"},
    {"length_constraints:number_sentences", "{\"num_sentences\":3,\"relation\":\"at least\"}",
     "One came. Did two? Three!", "Dr. Smith came at 5 p.m. to see us. We left.",
     "at least 3 sentences were asked for, there are 2"},
    {"length_constraints:number_paragraphs", "{\"num_paragraphs\":2}", "One.\n\n***\n\nTwo.",
     "One.\n\nTwo.", "2 paragraphs, with *** between them, were asked for, there is 1"},
    {"length_constraints:number_words", "{\"num_words\":5,\"relation\":\"at least\"}",
     "Five words, and not four.", "Just three words.",
     "at least 5 words were asked for, there are 3"},
    {"length_constraints:nth_paragraph_first_word",
     "{\"num_paragraphs\":2,\"nth_paragraph\":2,\"first_word\":\"Later\"}",
     "At first nothing.\n\n\"Later, a lot.\"", "At first nothing.\n\nThen a lot.",
     "paragraph 2 was to begin with \"Later\", it does with \"Then\""},
    {"detectable_content:number_placeholders", "{\"num_placeholders\":2}",
     "Dear [name], come to [place].", "Dear [name], come [to\nplace].",
     "at least 2 [placeholders] were asked for, there is 1"},
    {"detectable_content:postscript", "{\"postscript_marker\":\"P.S.\"}", "Bye.\n\nP.S. Call me.",
     "Bye.\n\nPS: call me.", "a postscript that begins with \"P.S.\" is missing"},
    {"detectable_format:number_bullet_lists", "{\"num_bullets\":2}", "Two:\n* one\n  - two",
     "Two:\n* one\n* two\n* three", "2 bullet points were asked for, there are 3"},
    {"detectable_format:constrained_response", "{}", "Well. My answer is maybe.",
     "my answer is yes.",
     "none of \"My answer is yes.\", \"My answer is no.\" and \"My answer is maybe.\" is there"},
    {"detectable_format:number_highlighted_sections", "{\"num_highlights\":2}",
     "This *part* and **that one**.", "This *part* and *that\none*.",
     "at least 2 *highlighted* parts were asked for, there is 1"},
    {"detectable_format:multiple_sections", "{\"section_spliter\":\"Day\",\"num_sections\":2}",
     "Day 1\nWalk.\nDay 2\nRest.", "Day 1\nWalk.\nDay two\nRest.",
     "at least 2 sections, \"Day 1\" and so on, were asked for, there is 1"},
    {"detectable_format:json_format", "{}", "```json\n{\"a\": [1, 2]}\n```",
     "Here it is: {\"a\": 1}", NULL},
    {"detectable_format:title", "{}", "<<Of rain>>\nIt rained.", "<< >>\nIt rained.",
     "a title in double angular brackets, <<title>>, is missing"},
    {"combination:two_responses", "{}", "Go left.\n******\nGo right.", "Go.******Go.",
     "both answers are the same"},
    {"combination:repeat_prompt", "{\"prompt_to_repeat\":\"Name a river.\"}",
     "Name a river.\n\nThe Elbe.", "The Elbe.",
     "it does not begin with the request, word for word"},
    {"startend:end_checker", "{\"end_phrase\":\"That is all.\"}", "I came. That is ALL.\n",
     "That is all. Bye.", "it was to end with \"That is all.\""},
    {"change_case:capital_word_frequency",
     "{\"capital_frequency\":2,\"capital_relation\":\"at least\"}", "NO, this is NOT it.",
     "NO, this is not it.", "at least 2 words in capital letters were asked for, there is 1"},
    {"change_case:english_capital", "{}", "THIS IS ALL THAT I HAVE TO SAY.",
     "THIS IS all THAT I HAVE TO SAY.", "there are small letters"},
    {"change_case:english_lowercase", "{}", "this is all that i have to say.",
     "dies ist alles, was ich zu sagen habe.", "English was asked for, this is German"},
    {"punctuation:no_comma", "{}", "First this; then that.", "First this, then that.",
     "no comma was to be there, there is 1"},
    {"startend:quotation", "{}", " \"All of it.\"\n", "\"All of it\".",
     "double quotation marks do not stand around all of it"},
};

static void each_kind(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (!follows(w, pairs[i].id, pairs[i].kwargs, pairs[i].good))
            fail_msg("%s: %.*s", pairs[i].id, STR_ARGS(w->grade.why));
        if (follows(w, pairs[i].id, pairs[i].kwargs, pairs[i].bad))
            fail_msg("%s follows: %s", pairs[i].id, pairs[i].bad);
        struct str why = arena_printf(&w->arena, "%s: %s", pairs[i].id, pairs[i].why);
        if (pairs[i].why)
            assert_str(w->grade.why, why);
    }
    /* All kinds have a row above. */
    for (const struct instruction_kind *k = instruction_kinds; k->id; k++) {
        size_t i = 0;
        while (i < ARRAY_LEN(pairs) && strcmp(pairs[i].id, k->id) != 0)
            i++;
        if (i == ARRAY_LEN(pairs))
            fail_msg("%s has no pair", k->id);
    }
    assert_int_equal(ARRAY_LEN(pairs), 25);
}

/* What is empty follows nothing, not even that there is no comma. */
static void empty_answers(void **state)
{
    struct world *w = *state;
    static const char *const empty[] = {"", "   ", "\r\n\t\n", "\xe3\x80\x80"};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        for (size_t j = 0; j < ARRAY_LEN(empty) * 2; j++) {
            w->loose = j & 1;
            assert_false(follows(w, pairs[i].id, pairs[i].kwargs, empty[j / 2]));
            assert_true(str_ends(w->grade.why, STR(": the answer is empty")));
        }
    assert_false(follows_bytes(w, "punctuation:no_comma", "{}", STR_NONE));
}

static void keywords(void **state)
{
    struct world *w = *state;
    /* Texts, not patterns. */
    assert_true(
        follows(w, "keywords:existence", "{\"keywords\":[\"C++ (\"]}", "I like c++ (a lot)."));
    assert_false(follows(w, "keywords:existence", "{\"keywords\":[\"a.c\"]}", "abc"));
    const char *forbidden = "{\"forbidden_words\":[\"C++\",\"\xc3\xa4rger\"]}";
    assert_false(follows(w, "keywords:forbidden_words", forbidden, "Written in C++."));
    assert_true(follows(w, "keywords:forbidden_words", forbidden, "Written in C."));
    assert_false(follows(w, "keywords:forbidden_words", forbidden, "Welch ein \xc3\x84RGER!"));
    /* Letters of all scripts and "_" make a longer word of it, a hyphen does not. */
    assert_true(
        follows(w, "keywords:forbidden_words", forbidden, "ver\xc3\xa4rgert \xc3\xa4rger_x"));
    assert_false(follows(w, "keywords:forbidden_words", forbidden, "\xc3\xa4rger-frei"));
    assert_true(follows(w, "keywords:frequency",
                        "{\"keyword\":\" aa \",\"frequency\":3,\"relation\":\"less than\"}",
                        "aAaAa")); /* without overlap: twice */
    const char *eights = "{\"letter\":\"%s\",\"let_frequency\":2,\"let_relation\":\"at least\"}";
    struct str umlaut = arena_printf(&w->arena, eights, "\xc3\x96");
    assert_true(follows(w, "keywords:letter_frequency", umlaut.p, "\xc3\x96l und l\xc3\xb6sen"));
    struct str mark = arena_printf(&w->arena, eights, "!");
    assert_true(follows(w, "keywords:letter_frequency", mark.p, "Oh! No!"));
    assert_false(follows(w, "keywords:letter_frequency", mark.p, "Oh! No."));
}

static size_t words(struct world *w, const char *text)
{
    for (unsigned n = 1; n < 100; n++) {
        struct str kwargs = arena_printf(&w->arena, "{\"num_words\":%u,\"relation\":\"less than\"}",
                                         n);
        if (follows(w, "length_constraints:number_words", kwargs.p, text))
            return n - 1;
    }
    return 100;
}

static void counts_words(void **state)
{
    struct world *w = *state;
    assert_int_equal(words(w, "--- !"), 0);
    assert_int_equal(words(w, "don't stop"), 3);
    assert_int_equal(words(w, "a_b 3.14 x-y"), 5);
    assert_int_equal(words(w, "\xc3\x89t\xc3\xa9 \xd0\xbc\xd0\xbe\xd1\x80\xd0\xb5"), 2);
    assert_int_equal(words(w, "one\r\ntwo\xc2\xa0three"), 3);
    assert_int_equal(words(w, "\xe7\x81\xab\xe8\xbd\xa6\xe3\x80\x82\xe6\xb2\xb3"), 2);
    /* A mark, as a vowel sign of Hindi, is no letter. */
    assert_int_equal(words(w, "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8"), 2);
    assert_int_equal(words(w, "ab\xff"
                              "cd"),
                     2); /* no UTF-8 */
}

static void paragraphs(void **state)
{
    struct world *w = *state;
    const char *id = "length_constraints:number_paragraphs";
    assert_true(follows(w, id, "{\"num_paragraphs\":2}", "***\nOne.\n***\nTwo.\n***"));
    assert_false(follows(w, id, "{\"num_paragraphs\":2}", "One.\n***\n \n***\nTwo."));
    assert_true(str_ends(w->grade.why, STR("paragraph 2, between two ***, is empty")));
    assert_true(follows(w, id, "{\"num_paragraphs\":1}", "One."));
    assert_true(follows(w, id, "{\"num_paragraphs\":2}", "One.\r\n***\r\nTwo."));
    id = "length_constraints:nth_paragraph_first_word";
    const char *second = "{\"num_paragraphs\":2,\"nth_paragraph\":2,\"first_word\":\"b\"}";
    assert_true(follows(w, id, second, "A a.\n\nB, b.\n\n  \n"));
    assert_false(follows(w, id, second, "A a.\n\n\n\nB b.")); /* the second one is empty */
    assert_false(follows(w, id, second, "A a.\n\nBb b."));
    assert_false(follows(w, id, second, "A a.\n\nB b.\n\nC c."));
    assert_false(follows(w, id, second, "B b."));
    const char *third = "{\"num_paragraphs\":2,\"nth_paragraph\":3,\"first_word\":\"b\"}";
    assert_false(follows(w, id, third, "A a.\n\nB b."));
}

static void forms(void **state)
{
    struct world *w = *state;
    const char *id = "detectable_format:number_bullet_lists";
    assert_true(follows(w, id, "{\"num_bullets\":2}", "* one\r\n\r\n\t* two\r\n"));
    assert_true(follows(w, id, "{\"num_bullets\":1}", "- one\n** bold\n***\n1. two"));
    assert_true(follows(w, id, "{\"num_bullets\":3}", "---\n*\n* no bullet of its own\n- three"));
    assert_true(follows(w, id, "{\"num_bullets\":0}", "None."));
    id = "detectable_format:number_highlighted_sections";
    assert_true(follows(w, id, "{\"num_highlights\":2}", "**One** and *two*."));
    assert_false(follows(w, id, "{\"num_highlights\":2}", "**One** and *two."));
    assert_false(follows(w, id, "{\"num_highlights\":1}", "** ** * * ****"));
    id = "detectable_format:multiple_sections";
    const char *kwargs = "{\"section_spliter\":\" SECTION \",\"num_sections\":2}";
    assert_true(follows(w, id, kwargs, "SECTION1 a SECTION\t2"));
    assert_true(follows(w, id, kwargs, "SECTION \xd9\xa1 a SECTION \xd9\xa2"));
    assert_false(follows(w, id, kwargs, "Section 1 a SECTION  2 SECTION"));
    id = "detectable_content:number_placeholders";
    assert_true(follows(w, id, "{\"num_placeholders\":2}", "[[a] b] [] [c"));
    assert_false(follows(w, id, "{\"num_placeholders\":1}", "] [a"));
    id = "detectable_format:title";
    assert_true(follows(w, id, "{}", "x <<<a>> >>"));
    assert_false(follows(w, id, "{}", "<<>> <<a\n>>"));
    assert_false(follows(w, id, "{}", "<a>"));
    id = "detectable_content:postscript";
    assert_true(follows(w, id, "{\"postscript_marker\":\"P.S.\"}", "bye p. s. more"));
    assert_true(follows(w, id, "{\"postscript_marker\":\"P.P.S\"}", "Bye.\nP.P.S: more"));
    assert_false(follows(w, id, "{\"postscript_marker\":\"P.P.S\"}", "Bye.\nP.S. more"));
    assert_true(follows(w, id, "{\"postscript_marker\":\"Note:\"}", "Bye.\nNOTE: more"));
}

static void json_answers(void **state)
{
    struct world *w = *state;
    const char *id = "detectable_format:json_format";
    static const char *const good[] = {"{}",
                                       "null",
                                       " [1] ",
                                       "```\n\"a\"\n```",
                                       "```JSON\r\n{}\r\n```",
                                       "```Json{\"a\":\"\xc3\xa4\"}",
                                       "3"};
    static const char *const bad[] = {
        "```python\n{}\n```", "{}\n```json\n{}", "{'a':1}", "{\"a\":1,}", "NaN", "```\n```", "```"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(follows(w, id, "{}", good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(follows(w, id, "{}", bad[i]));
}

static size_t capitals(struct world *w, const char *text)
{
    for (unsigned n = 1; n < 100; n++) {
        struct str kwargs = arena_printf(
            &w->arena, "{\"capital_frequency\":%u,\"capital_relation\":\"less than\"}", n);
        if (follows(w, "change_case:capital_word_frequency", kwargs.p, text))
            return n - 1;
    }
    return 100;
}

static void letters_case(void **state)
{
    struct world *w = *state;
    assert_int_equal(capitals(w, "I am, U.S.A. and A/B, B2 and A-B"), 5);
    assert_int_equal(capitals(w, "IT'S and DON'T and CANNOT"), 6);
    assert_int_equal(capitals(w, "I'm It's 100 \xc3\x84RGER \xc3\x84rger"), 2);
    assert_int_equal(capitals(w, "(YES)/[NO]--A\xe2\x80\x94"
                                 "B...C**D**\"E\",F:G"),
                     9);
    assert_int_equal(capitals(w, "1,000A"), 1);
    const char *up = "change_case:english_capital", *low = "change_case:english_lowercase";
    assert_false(follows(w, up, "{}", "123!"));
    assert_false(follows(w, low, "{}", "123!"));
    assert_false(follows(w, low, "{}", "this is \xc3\x84rger"));
    assert_false(follows(w, up, "{}", "DAS IST NICHT WAHR UND AUCH NICHT GUT."));
    assert_true(follows(w, up, "{}", "FISH SAUSAGES")); /* tells nothing, in plain letters */
    assert_false(follows(w, low, "{}",
                         "\xd0\xbc\xd1\x8b \xd0\xbd\xd0\xb5 \xd0\xb4\xd0\xbe\xd0\xbc\xd0\xb0"));
}

static void ends(void **state)
{
    struct world *w = *state;
    const char *end = "startend:end_checker", *phrase = "{\"end_phrase\":\" Any questions? \"}";
    assert_true(follows(w, end, phrase, "Done. \"ANY questions?\"\n"));
    assert_false(follows(w, end, phrase, "Any questions? No."));
    assert_true(follows(w, end, "{\"end_phrase\":\"\xc3\x84nde\"}", "Das \xc3\xa4NDE"));
    const char *repeat = "combination:repeat_prompt";
    const char *prompt = "{\"prompt_to_repeat\":\"Say (a+b).\\nNow.\"}";
    assert_true(follows(w, repeat, prompt, "\n SAY (a+b).\nNow. Fine."));
    assert_false(follows(w, repeat, prompt, "\"Say (a+b).\nNow.\" Fine."));
    const char *two = "combination:two_responses";
    assert_true(follows(w, two, "{}", "******\nA.\n******\nB.\n******"));
    assert_false(follows(w, two, "{}", "A.\n************\nB."));
    assert_false(follows(w, two, "{}", "A.\n******\nB.\n******\nC."));
    assert_false(follows(w, two, "{}", "A.\n***\nB."));
    assert_false(follows(w, "startend:quotation", "{}", "\""));
    assert_true(follows(w, "startend:quotation", "{}", "\"\""));
    assert_false(follows(w, "startend:quotation", "{}",
                         "\xe2\x80\x9c"
                         "a\xe2\x80\x9d"));
    assert_true(follows(w, "punctuation:no_comma", "{}",
                        "a\xef\xbc\x8c"
                        "b; c")); /* ASCII's only */
}

static void languages_asked_for(void **state)
{
    struct world *w = *state;
    const char *id = "language:response_language";
    assert_true(follows(w, id, "{\"language\":\"en\"}", "12 + 3 = 15")); /* no letters */
    assert_true(follows(w, id, "{\"language\":\"en\"}", "Fish sausages"));
    assert_false(follows(w, id, "{\"language\":\"de\"}", "Xyz"));
    assert_true(str_ends(w->grade.why, STR("German was asked for, this language cannot be told")));
    assert_true(follows(w, id, "{\"language\":\"zh-cn\"}", "\xe7\x81\xab\xe8\xbd\xa6"));
}

/* The lines and stars that a loose look leaves out. */
static void loose(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *id, *kwargs, *answer;
        bool loose;
    } rows[] = {
        {"startend:quotation", "{}", "Sure:\n\"All.\"", true},
        {"startend:quotation", "{}", "\"All.\"\nBye!", true},
        {"startend:quotation", "{}", "Sure:\n\"All.\"\nBye!", true},
        {"startend:quotation", "{}", "Sure:\n\n**\"All.\"**\n\nBye!", true},
        {"startend:quotation", "{}", "*\"All.\"*", true},
        {"startend:quotation", "{}", "Sure: \"All.\"", false},
        {"punctuation:no_comma", "{}", "Sure, here:\nAll, of it.\nBye, bye.", false},
        {"punctuation:no_comma", "{}", "Sure, yes.", false}, /* without that line nothing is left */
        {"punctuation:no_comma", "{}", "Sure, yes.\r\nNo.", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        w->loose = false;
        assert_false(follows(w, rows[i].id, rows[i].kwargs, rows[i].answer));
        w->loose = true;
        assert_int_equal(follows(w, rows[i].id, rows[i].kwargs, rows[i].answer), rows[i].loose);
    }
    /* The reason is about the answer as it is. */
    w->loose = true;
    assert_false(follows(w, "punctuation:no_comma", "{}", "a, b\nc, d\ne, f"));
    assert_true(str_ends(w->grade.why, STR("no comma was to be there, there are 3")));
}

static void several(void **state)
{
    struct world *w = *state;
    const char *both = "[{\"id\":\"punctuation:no_comma\"},"
                       "{\"id\":\"startend:quotation\",\"kwargs\":null},"
                       "{\"id\":\"length_constraints:number_words\","
                       "\"kwargs\":{\"num_words\":3.0,\"relation\":\"at least\",\"letter\":null}}]";
    assert_int_equal(grade(w, both, STR("\"one two three\"")), 0);
    assert_true(w->grade.score == 1);
    assert_str(w->grade.got, STR("3 of 3"));
    assert_int_equal(grade(w, both, STR("one two")), 0);
    assert_true(w->grade.score > 0.33 && w->grade.score < 0.34);
    assert_str(w->grade.got, STR("1 of 3"));
    assert_str(w->grade.verdict, STR("fail"));
    /* The first of those not followed. */
    assert_true(str_starts(w->grade.why, STR("startend:quotation: double quotation marks")));
    /* As IFEval's file has it. */
    const char *lists =
        "{\"instruction_id_list\":[\"punctuation:no_comma\",\"keywords:existence\"],"
        "\"kwargs\":[{},{\"keywords\":[\"x\"]}]}";
    assert_int_equal(grade(w, lists, STR("x")), 0);
    assert_str(w->grade.got, STR("2 of 2"));
}

static void slips(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *instructions, *says;
    } rows[] = {
        {"[{\"id\":\"length_constraints:number_word\"}]",
         "did you mean 'length_constraints:number_words'?"},
        {"[{\"id\":\"number_words\"}]", "did you mean 'length_constraints:number_words'?"},
        {"[{\"id\":\"punctuation:no_coma\"}]", "did you mean 'punctuation:no_comma'?"},
        {"[{\"id\":\"sing\"}]", "expected one of IFEval's 25, such as 'keywords:existence'"},
        {"[{\"id\":\"length_constraints:number_words\",\"kwargs\":{\"num_words\":3}}]",
         "the argument 'relation' is missing; expected \"at least\" or \"less than\""},
        {"[{\"id\":\"length_constraints:number_words\","
         "\"kwargs\":{\"num_words\":3,\"relation\":\"at most\"}}]",
         "the argument 'relation' is something else; expected \"at least\" or \"less than\""},
        {"[{\"id\":\"length_constraints:number_words\","
         "\"kwargs\":{\"num_words\":-3,\"relation\":\"at least\"}}]",
         "'num_words' is something else; expected a whole number from 0 on"},
        {"[{\"id\":\"length_constraints:number_words\","
         "\"kwargs\":{\"num_words\":2.5,\"relation\":\"at least\"}}]",
         "'num_words' is something else; expected a whole number from 0 on"},
        {"[{\"id\":\"length_constraints:number_words\","
         "\"kwargs\":{\"num_word\":3,\"relation\":\"at least\"}}]",
         "has no argument 'num_word'; did you mean 'num_words'?"},
        {"[{\"id\":\"punctuation:no_comma\",\"kwargs\":{\"language\":\"en\"}}]",
         "punctuation:no_comma has no argument 'language'"},
        {"[{\"id\":\"punctuation:no_comma\",\"kwargs\":[]}]", "kwargs has to be an object"},
        {"[{\"id\":\"keywords:existence\",\"kwargs\":{\"keywords\":[]}}]",
         "expected a list of texts, none of them empty"},
        {"[{\"id\":\"keywords:existence\",\"kwargs\":{\"keywords\":[\"a\",\" \"]}}]",
         "expected a list of texts, none of them empty"},
        {"[{\"id\":\"keywords:existence\",\"kwargs\":{\"keywords\":null}}]",
         "the argument 'keywords' is missing"},
        {"[{\"id\":\"keywords:letter_frequency\",\"kwargs\":{\"letter\":\"ab\","
         "\"let_frequency\":1,\"let_relation\":\"at least\"}}]",
         "expected a text of one letter"},
        {"[{\"id\":\"language:response_language\",\"kwargs\":{\"language\":\"xx\"}}]",
         "expected the two-letter code of a language that can be told"},
        {"[{\"id\":\"length_constraints:nth_paragraph_first_word\",\"kwargs\":"
         "{\"num_paragraphs\":2,\"nth_paragraph\":0,\"first_word\":\"a\"}}]",
         "'nth_paragraph' is something else; expected a whole number from 1 on"},
        {"[{\"id\":\"startend:end_checker\",\"kwargs\":{\"end_phrase\":\" \"}}]",
         "expected a text that is not empty"},
        {"[]", "0 instructions; expected 1 to 100"},
        {"\"punctuation:no_comma\"", "instructions expects a list of"},
        {"{\"id\":\"punctuation:no_comma\"}", "instructions expects a list of"},
        {"[\"punctuation:no_comma\"]", "instruction 1: expected an object with an id"},
        {"[{\"id\":\"punctuation:no_comma\"},{\"kwargs\":{}}]",
         "instruction 2: expected an object"},
        {"{\"instruction_id_list\":[\"punctuation:no_comma\"],\"kwargs\":[]}",
         "\"kwargs\" has to be a list as long as \"instruction_id_list\", 1"},
        {"{\"instruction_id_list\":[\"punctuation:no_comma\"]}",
         "\"kwargs\" has to be a list as long as \"instruction_id_list\", 1"},
        {"{\"instruction_id_list\":[3],\"kwargs\":[{}]}", "instruction 1: expected an id, a text"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(grade(w, rows[i].instructions, STR("An answer.")), E_BAD_REQUEST);
        if (!strstr(fault_text(&w->fault), rows[i].says))
            fail_msg("%s: %s", rows[i].instructions, fault_text(&w->fault));
        assert_false(w->grade.graded);
    }
    struct grader_settings settings = {.loose = false};
    struct grading g = {.arena = &w->arena, .text = STR("An answer.")};
    struct fault f = {0};
    assert_int_equal(grader_instructions.grade(&settings, &g, &w->grade, &f), E_BAD_REQUEST);
}

/* What the original's checks say of the same answers; see the fixtures' README. */
static void as_the_original(void **state)
{
    struct world *w = *state;
    FILE *file = fopen("test/fixture/instructions/original.jsonl", "re");
    assert_non_null(file);
    char *line = NULL;
    size_t room = 0, rows = 0;
    for (ssize_t n; (n = getline(&line, &room, file)) > 0; rows++) {
        yyjson_doc *doc = NULL;
        assert_int_equal(json_parse(&w->arena, str_of(line, (size_t)n), &doc, &w->fault), 0);
        yyjson_val *row = yyjson_doc_get_root(doc);
        struct buf kwargs;
        buf_init(&kwargs, 1 << 16);
        assert_int_equal(json_value(&kwargs, yyjson_obj_get(row, "kwargs")), 0);
        assert_int_equal(buf_char(&kwargs, 0), 0);
        w->loose = yyjson_get_bool(yyjson_obj_get(row, "loose"));
        bool followed = follows_bytes(w, yyjson_get_str(yyjson_obj_get(row, "id")), kwargs.p,
                                      json_get_str(row, "answer"));
        if (followed != yyjson_get_bool(yyjson_obj_get(row, "followed")))
            fail_msg("line %zu: %s", rows + 1, line);
        buf_fini(&kwargs);
    }
    free(line);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rows, 220);
}

/* What is written to take long takes no longer than its length. */
static void hostile_answers(void **state)
{
    struct world *w = *state;
    static const char *const pieces[] = {"\n",   "*",   "[",  "<<", "- ",         "x.",   "\"",
                                         " ***", "?! ", "P.", "{",  "aA\xc3\xa9", "\xff", "\xe2"};
    size_t n = 1 << 18;
    char *text = arena_alloc(&w->arena, n);
    for (size_t p = 0; p < ARRAY_LEN(pieces); p++) {
        for (size_t i = 0; i < n; i++)
            text[i] = pieces[p][i % strlen(pieces[p])];
        text[n - 1] = '.';
        for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
            (void)follows_bytes(w, pairs[i].id, pairs[i].kwargs, str_of(text, n));
        arena_widen(&w->arena, 1 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(keywords, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_words, setup, teardown),
        cmocka_unit_test_setup_teardown(paragraphs, setup, teardown),
        cmocka_unit_test_setup_teardown(forms, setup, teardown),
        cmocka_unit_test_setup_teardown(json_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(letters_case, setup, teardown),
        cmocka_unit_test_setup_teardown(ends, setup, teardown),
        cmocka_unit_test_setup_teardown(languages_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(loose, setup, teardown),
        cmocka_unit_test_setup_teardown(several, setup, teardown),
        cmocka_unit_test_setup_teardown(slips, setup, teardown),
        cmocka_unit_test_setup_teardown(as_the_original, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_answers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
