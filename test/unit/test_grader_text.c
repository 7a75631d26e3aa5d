/* test_grader_text.c: exact, f1, contains, regex, choice and command. */
#include <math.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "eval/text/words.h"
#include "grader_world.h"

/* ---- texts ---- */

static void exactly(void **state UNUSED)
{
    static const struct grader_case plain[] = {
        {"Paris", "\"Paris\"", true},
        {" Paris\n", "\"Paris\"", true},
        {"paris", "\"Paris\"", false},
        {"Paris.", "\"Paris\"", false},
        {"b", "[\"a\", \"b\"]", true},
        {"c", "[\"a\", \"b\"]", false},
        {"5", "5", true},
        {"true", "true", true},
        {"", "\"\"", true},
    };
    grader_cases("kind: exact", plain, ARRAY_LEN(plain));
    static const struct grader_case alike[] = {
        {"The Paris!", "\"paris\"", true},
        {"  a   b\tc ", "\"b c\"", true},
        {"an apple", "\"Apple\"", true},
        {"another", "\"other\"", false},
        {"co-operate", "\"cooperate\"", true},
        {"\u00c9t\u00e9", "\"\u00e9t\u00e9\"", true},
        {"\u041c\u041e\u0421\u041a\u0412\u0410", "\"\u043c\u043e\u0441\u043a\u0432\u0430\"", true},
        {"\u00abParis\u00bb\u2026", "\"Paris\"", true},
        {"Par\u00a0is", "\"par is\"", true},
        {"2 < 3", "\"2 3\"", true},
        {"Rome", "\"Paris\"", false},
    };
    grader_cases("kind: exact\nnormalise: on", alike, ARRAY_LEN(alike));
    grader_refuses("kind: exact", "{}", "expected is an object; expected a text");
    grader_refuses("kind: exact", "[\"a\", null]", "has in its list null");
}

static void less_strictly(void **state UNUSED)
{
    static const struct grader_case nocase[] = {
        {"PARIS", "\"Paris\"", true},   {"\u00c9COLE", "[\"x\", \"\u00e9cole\"]", true},
        {"paris.", "\"Paris\"", false}, {"the paris", "\"Paris\"", false},
        {"\xff\xfe A", "\"a\"", false},
    };
    grader_cases("kind: exact\nnocase: on", nocase, ARRAY_LEN(nocase));
    static const struct grader_case begins[] = {
        {"Paris, France", "\"Paris\"", true}, {"Paris", "[\"Rome\", \"Paris\"]", true},
        {"In Paris", "\"Paris\"", false},     {"paris", "\"Paris\"", false},
        {"Par", "\"Paris\"", false},          {"anything", "\"\"", false},
    };
    grader_cases("kind: exact\nbegins: on", begins, ARRAY_LEN(begins));
    static const struct grader_case contains[] = {
        {"in pARIS", "\"Paris\"", true},
        {"one TWO", "{\"all\": [\"ONE\", \"two\"]}", true},
        {"one TWO", "{\"none\": [\"two\"]}", false},
        {"in Rome", "\"Paris\"", false},
    };
    grader_cases("kind: contains\nnocase: on", contains, ARRAY_LEN(contains));
    static const struct grader_case either[] = {
        {"Eiffel", "\"the Eiffel Tower\"", true},
        {"It is the Eiffel tower!", "\"Eiffel Tower\"", true},
        {"iffel", "\"Eiffel Tower\"", false},
        {"", "\"Eiffel Tower\"", false},
    };
    grader_cases("kind: contains\nnormalise: on\neither: on", either, ARRAY_LEN(either));
}

static void patterns_of_cases(void **state UNUSED)
{
    static const struct grader_case cases[] = {
        {"12 km", "\"^\\\\d+ km$\"", true},
        {"12 KM", "\"^\\\\d+ km$\"", false},
        {"b", "[\"a\", \"b\"]", true},
        {"c", "[\"a\", \"b\"]", false},
    };
    grader_cases("kind: regex\nexpected: \"{{p}}\"", cases, ARRAY_LEN(cases));
    static const struct grader_case nocase[] = {{"12 KM", "\"km\"", true}, {"m", "\"km\"", false}};
    grader_cases("kind: regex\nexpected: \"{{p}}\"\nnocase: on", nocase, ARRAY_LEN(nocase));
    grader_refuses("kind: regex\nexpected: \"{{p}}\"", "\"(a\"",
                   "expected is no regular expression: at character 3");
    struct grader_world w;
    assert_false(grader_open(&w, "kind: regex"));
    grader_close(&w);
    assert_false(grader_open(&w, "kind: regex\npattern: a\nexpected: b"));
    grader_close(&w);
}

/* Any bytes, also those that are no UTF-8, and letters whose small form is longer. */
static void normalised_bytes(void **state UNUSED)
{
    struct normaliser *n = NULL;
    struct arena a;
    struct str out;
    struct chance chance = {11};
    arena_init_private(&a, 64u << 20);
    assert_int_equal(normaliser_new(&n, NULL), 0);
    assert_int_equal(words_normalise(n, &a, STR("\xff\xfe The B\xc3"), &out), 0);
    assert_str(out, STR("\xff\xfe b\xc3"));
    char longer[400];
    for (size_t i = 0; i < sizeof(longer); i += 2)
        memcpy(longer + i, "\u023a", 2); /* three bytes when small */
    assert_int_equal(words_normalise(n, &a, str_of(longer, sizeof(longer)), &out), 0);
    assert_int_equal(out.n, 600);
    for (unsigned round = 0; round < 2000; round++) {
        char text[64];
        size_t bytes = chance_below(&chance, sizeof(text));
        for (size_t i = 0; i < bytes; i++)
            text[i] = (char)chance_below(&chance, 256);
        assert_int_equal(words_normalise(n, &a, str_of(text, bytes), &out), 0);
        assert_true(out.n <= 2 * bytes);
    }
    normaliser_free(n);
    arena_fini(&a);
}

static void overlap(void **state UNUSED)
{
    static const struct {
        const char *answer, *expected;
        double score;
    } cases[] = {
        {"the cat sat", "\"The cat sat.\"", 1},
        {"cat", "\"cat sat\"", 2.0 / 3},
        {"a cat sat down", "\"cat ran\"", 2.0 / 5},
        {"cat cat", "\"cat\"", 2.0 / 3},
        {"dog", "\"cat\"", 0},
        {"", "\"cat\"", 0},
        {"", "\"\"", 1},
        {"the", "\"cat\"", 0},
        {"blue whale", "[\"cat\", \"whale\", \"blue whale song\"]", 0.8},
    };
    struct grader_world w;
    assert_true(grader_open(&w, "kind: f1"));
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct grade g = grader_try(&w, str_from(cases[i].answer), cases[i].expected);
        assert_true(g.graded);
        assert_true(fabs(g.score - cases[i].score) < 1e-12);
        assert_str(g.verdict, cases[i].score == 1 ? STR("pass") : STR("fail"));
    }
    grader_close(&w);
}

static void standing_in(void **state UNUSED)
{
    static const struct grader_case plain[] = {
        {"I like Paris.", "\"Paris\"", true},
        {"I like paris.", "\"Paris\"", false},
        {"a party", "\"art\"", true},
        {"red", "[\"red\", \"blue\"]", true},
        {"green", "[\"red\", \"blue\"]", false},
        {"red and blue", "{\"all\": [\"red\", \"blue\"]}", true},
        {"red", "{\"all\": [\"red\", \"blue\"]}", false},
        {"red", "{\"any\": [\"red\", \"blue\"]}", true},
        {"red", "{\"none\": [\"red\", \"blue\"]}", false},
        {"green", "{\"none\": \"red\"}", true},
        {"red pen", "{\"all\": \"pen\", \"any\": [\"red\", \"blue\"], \"none\": [\"green\"]}",
         true},
        {"red, green pen", "{\"all\": \"pen\", \"any\": [\"red\"], \"none\": [\"green\"]}", false},
    };
    grader_cases("kind: contains", plain, ARRAY_LEN(plain));
    static const struct grader_case alike[] = {
        {"I like PARIS, France.", "\"paris france\"", true},
        {"a party", "\"art\"", false},
        {"art, he said", "\"art\"", true},
        {"partly art", "\"art\"", true},
        {"partly art", "\"the\"", true}, /* nothing is left of it */
        {"", "\"the\"", true},
        {"", "\"art\"", false},
    };
    grader_cases("kind: contains\nnormalise: on", alike, ARRAY_LEN(alike));
    grader_refuses("kind: contains", "{\"every\": \"x\"}", "member 'every'");
    grader_refuses("kind: contains", "{}", "expected is empty");
    grader_refuses("kind: contains", "{\"all\": 5, \"any\": {}}", "any is an object");
}

/* ---- patterns ---- */

static void patterns(void **state UNUSED)
{
    static const struct grader_case cases[] = {
        {"order 4711 shipped", "null", true},
        {"order 47 shipped", "null", false},
        {"", "null", false},
    };
    grader_cases("kind: regex\npattern: '\\b\\d{4}\\b'", cases, ARRAY_LEN(cases));
    struct grader_world w;
    assert_true(grader_open(&w, "kind: regex\npattern: '(?i)ORDER \\d+'"));
    assert_str(grader_try(&w, STR("an order 5!"), "null").got, STR("order 5"));
    grader_close(&w);
    grader_complains("kind: regex\npattern: 'a(b'", 2, "at character 4: missing");
}

static void long_answers(void **state UNUSED)
{
    static char text[300000];
    memset(text, 'a', sizeof(text));
    memcpy(text + sizeof(text) - 9, "\u00e9nd 4711", 9);
    struct grader_world w;
    const char *const yaml[] = {"kind: regex\npattern: 'nd \\d+$'", "kind: regex\npattern: 'a.nd'",
                                "kind: regex\npattern: '(?<=a)\u00e9'",
                                "kind: regex\npattern: '^a.*4711'"};
    for (unsigned i = 0; i < ARRAY_LEN(yaml); i++) {
        assert_true(grader_open(&w, yaml[i]));
        struct grade g = grader_try(&w, str_of(text, sizeof(text)), "null");
        if (!g.graded || g.score != 1)
            fail_msg("%s: %.*s", yaml[i], STR_ARGS(g.why));
        grader_close(&w);
    }
}

/* A pattern with as many ways as one likes ends all the same, and passes nobody. */
static void hostile_pattern(void **state UNUSED)
{
    static const char *const yaml[] = {
        "kind: regex\npattern: '(a+)+[bc]'",
        "kind: regex\npattern: 'a*a*a*a*a*[bc]'",
        "kind: regex\npattern: '(a|aa)*(?=x)'",
    };
    static char text[50000];
    memset(text, 'a', sizeof(text));
    for (unsigned i = 0; i < ARRAY_LEN(yaml); i++) {
        struct grader_world w;
        assert_true(grader_open(&w, yaml[i]));
        clock_t began = clock();
        struct grade g = grader_try(&w, str_of(text, sizeof(text)), "null");
        double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
        assert_int_equal(w.err, 0);
        assert_false(g.graded);
        assert_int_equal(g.score, 0);
        assert_true(g.why.n > 0);
        if (seconds > 30) /* a second or two; and room for sanitizers */
            fail_msg("%s took %.1f s", yaml[i], seconds);
        grader_close(&w);
    }
}

/* ---- choices ---- */

/* What is named; NULL: nothing, or several. */
struct naming {
    const char *answer, *named;
};

static void namings(const char *yaml, const char *expected, const struct naming *cases, size_t n)
{
    struct grader_world w;
    assert_true(grader_open(&w, yaml));
    for (size_t i = 0; i < n; i++) {
        struct grade g = grader_try(&w, str_from(cases[i].answer), expected);
        assert_int_equal(w.err, 0);
        if (!str_eq(g.got, str_from(cases[i].named)))
            fail_msg("\"%s\" names %.*s: %.*s", cases[i].answer, STR_ARGS(g.got), STR_ARGS(g.why));
        assert_true(cases[i].named || (g.graded && g.score == 0 && g.why.n > 0));
    }
    grader_close(&w);
}

static void letters(void **state UNUSED)
{
    static const struct naming cases[] = {
        {"B", "B"},
        {"B.", "B"},
        {"b", "B"},
        {"b)", "B"},
        {"(A)", "A"},
        {"A", "A"},
        {"I", "I"},
        {"**B**", "B"},
        {"B) Paris", "B"},
        {"C: because it is so", "C"},
        {"B\n\nA is too far away.", "B"},
        {"A. It is so. I am sure.", "A"},
        {"The answer is (B)", "B"},
        {"The answer is b.", "B"},
        {"The answer is A because it fits.", "A"},
        {"The correct answer is **A) Paris**", "A"},
        {"The correct option is: C", "C"},
        {"Answer: B) Paris", "B"},
        {"**Answer:** C", "C"},
        {"Answer\n\nB", "B"},
        {"The answer is:\n\nE", "E"},
        {"The answer is $C$.", "C"},
        {"My answer: \\(D\\)", "D"},
        {"\\boxed{B}", "B"},
        {"$\\boxed{\\text{C}}$", "C"},
        {"\\boxed{{C}} since A and B are not", "C"},
        {"I would go with C.", "C"},
        {"I choose B", "B"},
        {"Option D is correct", "D"},
        {"So the best choice would be B", "B"},
        {"Let's look at each option:\n\nA. Rome: no.\nB. Paris: yes.\n\nB", "B"},
        {"A. Rome: no.\nB. Paris: yes.\n\n**B**\n", "B"},
        {"A is wrong, it is in Italy. C is wrong, too. So B.", "B"},
        {"It cannot be A or C, so it must be B.", "B"},
        {"Without A and B we're left with (C).", "C"},
        {"I think it's A", "A"},
        {"It is A", "A"},
        {"So I would say that nobody knows", NULL},
        {"A, B", NULL},
        {"Therefore, A is the correct answer.", "A"},
        {"A) Paris\nB) London\n\nThe answer is B", "B"},
        {"The answer is A. Wait, no. The answer is B.", "B"},
        {"A is wrong because x. The answer is C.", "C"},
        {"Correct answer: B. It is not C.", "B"},
        {"The answer is (B). I think C is too far.", "B"},
        /* articles and pronouns */
        {"I think a dog is a good answer.", NULL},
        {"The answer is a dog.", NULL},
        {"Answer: A dog", NULL},
        {"I am a cat. A cat sat.", NULL},
        {"The answer is I think unclear", NULL},
        {"Bananas", NULL},
        {"Answer: Bananas", NULL},
        {"None of these", NULL},
        {"The answer is not B.", NULL},
        {"", NULL},
        /* several */
        {"A) Paris\nB) London", NULL},
        {"Either (A) or (B).", NULL},
        {"The answer is A or B.", NULL},
        {"The answer is (A) and (B)", NULL},
        {"Answer: B, C", NULL},
        {"Both A and C", NULL},
    };
    namings("kind: choice", "\"(B)\"", cases, ARRAY_LEN(cases));
    static const struct grader_case right[] = {
        {"The answer is (B)", "\"B\"", true},
        {"The answer is (B)", "\"b\"", true},
        {"The answer is (B)", "[\"A\", \"B\"]", true},
        {"The answer is (B)", "\"A\"", false},
        {"A or B", "\"A\"", false},
    };
    grader_cases("kind: choice\nwords: [a, b, c]", right, ARRAY_LEN(right));
}

static void class_labels(void **state UNUSED)
{
    static const struct naming cases[] = {
        {"positive", "positive"},
        {"Positive.", "positive"},
        {"VERY POSITIVE!", "very positive"},
        {"This review is clearly negative, I think.", "negative"},
        {"The sentiment is **positive**, not negative.", "positive"},
        {"It has negative and positive sides. Label: negative", "negative"},
        {"It has positive and negative sides.", NULL},
        {"positively", NULL},
        {"non_positive", NULL},
        {"I cannot tell.", NULL},
        {"card_arrival, surely", "card_arrival"},
        {"C++ (what else)", "c++"},
        {"card_arrival or c++", NULL},
    };
    namings("kind: choice\nwords: [positive, negative, very positive, card_arrival, 'c++']",
            "\"positive\"", cases, ARRAY_LEN(cases));
    static const struct grader_case yes_no[] = {
        {"Yes, it does.", "\"yes\"", true}, {"No.", "\"yes\"", false}, {"Nothing", "\"no\"", false},
        {"Yes and no.", "\"yes\"", false},  {"True", "true", false},
    };
    grader_cases("kind: choice\nwords: ['yes', 'no']", yes_no, ARRAY_LEN(yes_no) - 1);
    grader_cases("kind: choice\nwords: ['true', 'false']",
                 &(struct grader_case){"True", "true", true}, 1);
}

static void wrong_choices(void **state UNUSED)
{
    grader_refuses("kind: choice", "\"Z\"", "'Z', which is none of the words");
    grader_refuses("kind: choice", "{}", "expected is an object");
    grader_complains("kind: choice\nwords: [one]", 2, "expected 2 to");
    grader_complains("kind: choice\nwords: [one, One]", 2, "'One' stands there twice");
    grader_complains("kind: choice\nwords: [one, '']", 2, "a word is empty");
}

/* ---- a program ---- */

struct program {
    struct grader_world w;
    char path[64];
};

static void program_open(struct program *p, const char *script, const char *settings)
{
    char yaml[400];
    snprintf(p->path, sizeof(p->path), "/tmp/sluice-grader-XXXXXX");
    int fd = mkstemp(p->path);
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "#!/bin/sh\n%s\n", script) > 0);
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
    snprintf(yaml, sizeof(yaml), "kind: command\ncommand: [%s, first, 'a b']\n%s", p->path,
             settings);
    assert_true(grader_open(&p->w, yaml));
}

static void program_close(struct program *p)
{
    unlink(p->path);
    grader_close(&p->w);
}

static void program_says(const char *script, bool graded, double score, const char *why)
{
    struct program p;
    program_open(&p, script, "timeout: 10s");
    struct grade g = grader_try(&p.w, STR("an \"answer\"\n"), "[1, 2]");
    assert_int_equal(p.w.err, 0);
    assert_true(g.graded == graded);
    assert_true(fabs(g.score - score) < 1e-9);
    if (str_find(g.why, str_from(why)) < 0)
        fail_msg("\"%.*s\" lacks \"%s\"", STR_ARGS(g.why), why);
    program_close(&p);
}

static void programs(void **state UNUSED)
{
    program_says("cat >/dev/null; echo '{\"score\": 0.25, \"why\": \"so so\"}'", true, 0.25,
                 "so so");
    program_says("echo '{\"pass\": true}'", true, 1, "");
    program_says("echo '{\"pass\": false, \"why\": \"no\"}'", true, 0, "no");
    /* what it is told */
    program_says("grep -q '\"answer\":\"an \\\\\"answer\\\\\"\\\\n\",\"calls\":null,"
                 "\"expected\":\\[1,2\\]}' && test \"$1-$2\" = 'first-a b' && "
                 "echo '{\"score\": 1}'",
                 true, 1, "");
    /* what is none */
    program_says("echo well >&2; echo no reason >&2; exit 3", false, 0,
                 "ended with exit code 3: no reason");
    program_says("echo '{\"score\": 1}'; exit 1", false, 0, "exit code 1");
    program_says("echo nonsense", false, 0, "wrote 'nonsense'; expected {\"score\"");
    program_says("true", false, 0, "wrote ''");
    program_says("echo '{\"score\": 7}'", false, 0, "expected {\"score\": 0 to 1");
    program_says("echo '{\"score\": \"1\", \"pass\": true}'", false, 0, "expected {\"score\"");
    program_says("echo '[1]'", false, 0, "expected {\"score\"");
    program_says("kill -9 $$", false, 0, "signal 9");
    program_says("head -c 3000000 /dev/zero", false, 0, "wrote more than");
}

static void programs_that_stay(void **state UNUSED)
{
    struct program p;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* what it leaves behind is ours */
    program_open(&p, "sleep 60 & echo $! > $0.pid; sleep 60", "timeout: 2s");
    struct grade g = grader_try(&p.w, STR("x"), "1");
    assert_false(g.graded);
    assert_true(str_find(g.why, STR("took longer than 2000 ms")) > 0);
    char name[80], text[32] = "";
    snprintf(name, sizeof(name), "%s.pid", p.path);
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    unlink(name);
    int status = 0;
    pid_t orphan = (pid_t)strtol(text, NULL, 10);
    assert_int_equal(waitpid(orphan, &status, 0), orphan);
    assert_true(WIFSIGNALED(status));
    program_close(&p);
}

static void no_program(void **state UNUSED)
{
    struct program p;
    program_open(&p, "exit 0", "");
    unlink(p.path); /* it goes after the suite was read */
    struct grade g = grader_try(&p.w, STR("x"), "1");
    assert_int_equal(p.w.err, 0);
    assert_false(g.graded);
    assert_true(str_find(g.why, STR("cannot be started: No such file")) > 0);
    program_close(&p);
    grader_complains("kind: command\ncommand: ['']", 2, "no program is named");
    grader_complains("kind: command\ncommand: /nowhere/at-all", 2, "no program '/nowhere/at-all'");
    grader_complains("kind: command\ncommand: [pyton33, x.py]", 2, "'pyton33' here or in PATH");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly),           cmocka_unit_test(normalised_bytes),
        cmocka_unit_test(overlap),           cmocka_unit_test(standing_in),
        cmocka_unit_test(patterns),          cmocka_unit_test(long_answers),
        cmocka_unit_test(hostile_pattern),   cmocka_unit_test(letters),
        cmocka_unit_test(class_labels),      cmocka_unit_test(wrong_choices),
        cmocka_unit_test(programs),          cmocka_unit_test(programs_that_stay),
        cmocka_unit_test(no_program),        cmocka_unit_test(less_strictly),
        cmocka_unit_test(patterns_of_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
