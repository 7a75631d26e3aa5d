/* test_gate.c: which configuration may come into force, and what is said of it. */
#include "base_test.h"
#include "eval/brake/gate.h"

#define DAY_US   (24 * 3600 * INT64_C(1000000))
#define NOW_US   (INT64_C(1790000000) * 1000000)
#define OLD_MS   (30 * 24 * 3600 * INT64_C(1000))
#define CASE_MAX 8

/* Answers and versions of suites by a letter. */
static struct str a_hash(char letter)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    return letter ? str_of(&letters[letter - 'a'], 1) : STR_NONE;
}

struct run {
    char answers;
    const char *file;
    char version;
    bool passed;
    int days_ago;
};

struct suite {
    const char *file;
    char version; /* 0: cannot be read */
};

/* What may be asked, answered for answers 'n' (new); 'g' is what was good. */
static const struct gate_case {
    const char *name, *good;
    struct suite suites[3];
    struct run runs[4];
    int forced_days_ago; /* 0: not at all */
    const char *records_wrong;
    enum gate_reason reason;
    enum gate_found found[3];
    bool changed, forced, old;
} cases[] = {
    {.name = "no suites, a new machine", .good = "", .reason = GATE_NO_SUITES},
    {.name = "no suites, the same", .good = "n", .reason = GATE_NO_SUITES},
    {.name = "no suites, changed", .good = "g", .reason = GATE_NO_SUITES, .changed = true},
    {.name = "the same, passed",
     .good = "n",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', true, 1}},
     .reason = GATE_PASSED},
    {.name = "the same, no record",
     .good = "n",
     .suites = {{"s", 'v'}},
     .reason = GATE_SAME,
     .found = {GATE_RUN_NONE}},
    {.name = "the same, failed since",
     .good = "n",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', false, 1}},
     .reason = GATE_SAME,
     .found = {GATE_RUN_FAILED}},
    {.name = "the same, the suite has changed",
     .good = "n",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'u', true, 1}},
     .reason = GATE_SAME,
     .found = {GATE_RUN_OTHER}},
    {.name = "the same, an old record",
     .good = "n",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', true, 31}},
     .reason = GATE_PASSED,
     .old = true},
    {.name = "the same, records edited",
     .good = "n",
     .suites = {{"s", 'v'}},
     .records_wrong = "x:1: edited",
     .reason = GATE_SAME,
     .found = {GATE_RUN_NONE}},
    {.name = "the same as what was sent",
     .good = "gn",
     .suites = {{"s", 'v'}},
     .reason = GATE_SAME,
     .found = {GATE_RUN_NONE}},
    {.name = "changed, passed",
     .good = "g",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', true, 1}},
     .reason = GATE_PASSED,
     .changed = true},
    {.name = "changed, an old pass",
     .good = "g",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', true, 40}},
     .reason = GATE_PASSED,
     .changed = true,
     .old = true},
    {.name = "changed, no record",
     .good = "g",
     .suites = {{"s", 'v'}},
     .reason = GATE_HELD,
     .found = {GATE_RUN_NONE},
     .changed = true},
    {.name = "changed, a record of others",
     .good = "g",
     .suites = {{"s", 'v'}},
     .runs = {{'g', "s", 'v', true, 1}},
     .reason = GATE_HELD,
     .found = {GATE_RUN_NONE},
     .changed = true},
    {.name = "changed, failed",
     .good = "g",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', false, 1}},
     .reason = GATE_HELD,
     .found = {GATE_RUN_FAILED},
     .changed = true},
    {.name = "changed, passed and then failed",
     .good = "g",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', true, 2}, {'n', "s", 'v', false, 1}},
     .reason = GATE_HELD,
     .found = {GATE_RUN_FAILED},
     .changed = true},
    {.name = "changed, failed and then passed",
     .good = "g",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', false, 2}, {'n', "s", 'v', true, 1}},
     .reason = GATE_PASSED,
     .changed = true},
    {.name = "changed, of another version of the suite",
     .good = "g",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'u', true, 1}},
     .reason = GATE_HELD,
     .found = {GATE_RUN_OTHER},
     .changed = true},
    {.name = "changed, an older version failed",
     .good = "g",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'u', false, 1}},
     .reason = GATE_HELD,
     .found = {GATE_RUN_FAILED},
     .changed = true},
    {.name = "changed, the suite has another name",
     .good = "g",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "t", 'v', true, 1}},
     .reason = GATE_PASSED,
     .changed = true},
    {.name = "changed, the path is written otherwise",
     .good = "g",
     .suites = {{"./s", 0}},
     .runs = {{'n', "s", 'v', true, 1}},
     .reason = GATE_ELSEWHERE,
     .found = {GATE_RUN_UNSEEN},
     .changed = true},
    {.name = "changed, one of two passed",
     .good = "g",
     .suites = {{"s", 'v'}, {"t", 'w'}},
     .runs = {{'n', "s", 'v', true, 1}},
     .reason = GATE_HELD,
     .found = {GATE_RUN_PASSED, GATE_RUN_NONE},
     .changed = true},
    {.name = "changed, both passed",
     .good = "g",
     .suites = {{"s", 'v'}, {"t", 'w'}},
     .runs = {{'n', "s", 'v', true, 1}, {'n', "t", 'w', true, 1}},
     .reason = GATE_PASSED,
     .changed = true},
    {.name = "changed, the older of two passes is old",
     .good = "g",
     .suites = {{"s", 'v'}, {"t", 'w'}},
     .runs = {{'n', "s", 'v', true, 50}, {'n', "t", 'w', true, 1}},
     .reason = GATE_PASSED,
     .changed = true,
     .old = true},
    {.name = "changed, records edited",
     .good = "g",
     .suites = {{"s", 'v'}},
     .records_wrong = "x:1: edited",
     .reason = GATE_HELD,
     .found = {GATE_RUN_NONE},
     .changed = true},
    {.name = "forced",
     .good = "g",
     .suites = {{"s", 'v'}},
     .forced_days_ago = 1,
     .reason = GATE_FORCED,
     .found = {GATE_RUN_NONE},
     .changed = true,
     .forced = true},
    {.name = "forced after a failure",
     .good = "g",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', false, 2}},
     .forced_days_ago = 1,
     .reason = GATE_FORCED,
     .found = {GATE_RUN_FAILED},
     .changed = true,
     .forced = true},
    {.name = "forced, and failed since",
     .good = "g",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', false, 1}},
     .forced_days_ago = 2,
     .reason = GATE_FORCED,
     .found = {GATE_RUN_FAILED},
     .changed = true,
     .forced = true},
    {.name = "forced, and passed since",
     .good = "g",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', true, 1}},
     .forced_days_ago = 2,
     .reason = GATE_PASSED,
     .changed = true},
    {.name = "forced before, still in force",
     .good = "n",
     .suites = {{"s", 'v'}},
     .forced_days_ago = 9,
     .reason = GATE_SAME,
     .found = {GATE_RUN_NONE},
     .forced = true},
    {.name = "forced on a new machine",
     .good = "",
     .suites = {{"s", 'v'}},
     .forced_days_ago = 9,
     .reason = GATE_FORCED,
     .found = {GATE_RUN_NONE},
     .forced = true},
    {.name = "a new machine, no record",
     .good = "",
     .suites = {{"s", 'v'}},
     .reason = GATE_HELD,
     .found = {GATE_RUN_NONE}},
    {.name = "a new machine, passed",
     .good = "",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', true, 1}},
     .reason = GATE_PASSED},
    {.name = "a new machine, failed",
     .good = "",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'v', false, 1}},
     .reason = GATE_HELD,
     .found = {GATE_RUN_FAILED}},
    {.name = "a new machine, an older version passed",
     .good = "",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'u', true, 1}},
     .reason = GATE_ELSEWHERE,
     .found = {GATE_RUN_OTHER}},
    {.name = "a new machine, an older version failed",
     .good = "",
     .suites = {{"s", 'v'}},
     .runs = {{'n', "s", 'u', false, 1}},
     .reason = GATE_HELD,
     .found = {GATE_RUN_FAILED}},
    {.name = "a new machine, no suite file, passed",
     .good = "",
     .suites = {{"s", 0}},
     .runs = {{'n', "s", 'u', true, 1}},
     .reason = GATE_ELSEWHERE,
     .found = {GATE_RUN_UNSEEN}},
    {.name = "a new machine, no suite file, no record",
     .good = "",
     .suites = {{"s", 0}},
     .reason = GATE_HELD,
     .found = {GATE_RUN_NONE}},
    {.name = "a new machine, one of two passed",
     .good = "",
     .suites = {{"s", 'v'}, {"t", 'w'}},
     .runs = {{'n', "s", 'u', true, 1}},
     .reason = GATE_HELD,
     .found = {GATE_RUN_OTHER, GATE_RUN_NONE}},
};

struct asked {
    struct gate_suite suites[CASE_MAX];
    struct record records[CASE_MAX];
    struct str good[CASE_MAX];
    struct gate_ask ask;
    unsigned n;
};

static void record_put(struct asked *q, struct record r)
{
    unsigned at = q->n++;
    for (; at > 0 && q->records[at - 1].at_wall_us > r.at_wall_us; at--)
        q->records[at] = q->records[at - 1];
    q->records[at] = r;
}

static void asked_of(struct asked *q, const struct gate_case *c)
{
    *q = (struct asked){.ask = {.answers = a_hash('n'),
                                .good = q->good,
                                .good_n = (unsigned)strlen(c->good),
                                .suites = q->suites,
                                .records_wrong = str_from(c->records_wrong),
                                .now_wall_us = NOW_US,
                                .old_after_ms = OLD_MS}};
    for (unsigned i = 0; i < q->ask.good_n; i++)
        q->good[i] = a_hash(c->good[i]);
    for (unsigned i = 0; i < ARRAY_LEN(c->suites) && c->suites[i].file; i++)
        q->suites[q->ask.suites_n++] =
            (struct gate_suite){str_from(c->suites[i].file), a_hash(c->suites[i].version),
                                c->suites[i].version ? STR_NONE : STR("s: no such file")};
    for (unsigned i = 0; i < ARRAY_LEN(c->runs) && c->runs[i].file; i++)
        record_put(q, (struct record){.answers = a_hash(c->runs[i].answers),
                                      .suite_file = str_from(c->runs[i].file),
                                      .suite_hash = a_hash(c->runs[i].version),
                                      .passed = c->runs[i].passed,
                                      .quality = 812000,
                                      .bar = STR("quality >= 0.9"),
                                      .at_wall_us = NOW_US - c->runs[i].days_ago * DAY_US});
    if (c->forced_days_ago)
        record_put(q, (struct record){.answers = a_hash('n'),
                                      .forced = true,
                                      .why = STR("we had to"),
                                      .by = STR("ann"),
                                      .at_wall_us = NOW_US - c->forced_days_ago * DAY_US});
    q->ask.records = (struct records){.n = q->n, .at = q->records};
}

static void each_case_is_decided_as_it_should_be(void **state)
{
    (void)state;
    struct arena a;
    struct asked q;
    arena_init_private(&a, 1u << 20);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        const struct gate_case *c = &cases[i];
        struct gate_decision d;
        asked_of(&q, c);
        assert_int_equal(gate_decide(&a, &q.ask, &d), 0);
        if (d.reason != c->reason || d.changed != c->changed || d.old != c->old ||
            (d.forced != NULL) != c->forced)
            fail_msg("%s: reason %d, changed %d, old %d, forced %d", c->name, d.reason, d.changed,
                     d.old, d.forced != NULL);
        for (unsigned k = 0; k < q.ask.suites_n; k++)
            if (d.suites[k].found != c->found[k])
                fail_msg("%s: suite %u is found %d", c->name, k, d.suites[k].found);
    }
    arena_fini(&a);
}

/* Whatever is held says so and how to get it through; what is not never says "refused". */
static void what_is_held_says_how_to_get_it_through(void **state)
{
    (void)state;
    struct arena a;
    struct asked q;
    struct buf out;
    arena_init_private(&a, 1u << 20);
    buf_init(&out, 65536);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct gate_decision d;
        const struct gate_words words = {"conf/s.yaml", "conf/s.evals.jsonl",
                                         STR("models.fast.is: a -> b\n")};
        asked_of(&q, &cases[i]);
        assert_int_equal(gate_decide(&a, &q.ask, &d), 0);
        buf_clear(&out);
        assert_int_equal(gate_tell(&q.ask, &d, &words, &out), 0);
        struct str said = buf_view(&out);
        bool held = d.reason == GATE_HELD;
        bool commands = str_find(said, STR("sluice eval run --config conf/s.yaml\n")) > 0 &&
                        str_find(said, STR("sluice apply conf/s.yaml --force \"why\"\n")) > 0;
        if (str_starts(said, STR("refused: ")) != held || commands != held)
            fail_msg("%s: %.*s", cases[i].name, STR_ARGS(said));
        bool well = d.reason == GATE_PASSED && !d.old;
        well = well || (d.reason == GATE_NO_SUITES && !d.changed);
        if ((said.n == 0) != well)
            fail_msg("%s: %.*s", cases[i].name, STR_ARGS(said));
    }
    buf_fini(&out);
    arena_fini(&a);
}

static void said_of(const char *name, const char *want)
{
    struct arena a;
    struct asked q;
    struct buf out;
    struct gate_decision d;
    const struct gate_words words = {"s.yaml", "s.evals.jsonl", STR("models.fast.is: a -> b\n")};
    const struct gate_case *c = NULL;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
        if (strcmp(cases[i].name, name) == 0)
            c = &cases[i];
    assert_non_null(c);
    arena_init_private(&a, 1u << 20);
    buf_init(&out, 65536);
    asked_of(&q, c);
    assert_int_equal(gate_decide(&a, &q.ask, &d), 0);
    assert_int_equal(gate_tell(&q.ask, &d, &words, &out), 0);
    assert_str(buf_view(&out), str_from(want));
    buf_fini(&out);
    arena_fini(&a);
}

#define COMMANDS COMMANDS_AFTER("")
#define COMMANDS_AFTER(to_do)                                                                      \
    "to get it through: " to_do "sluice eval run --config s.yaml\n"                                \
    "or without evidence, and for a reason that is kept: sluice apply s.yaml --force \"why\"\n"

static void the_words_are_these(void **state)
{
    (void)state;
    said_of(
        "changed, failed",
        "refused: what shapes answers has changed, and the suites have not passed for it\n"
        "  models.fast.is: a -> b\n"
        "  s: its run of 2026-09-20 failed: quality 81.2 %; the bar is quality >= 0.9\n"
        "  records: s.evals.jsonl\n" COMMANDS_AFTER("mend what failed, or lower its bar, and "));
    said_of("a new machine, no suite file, no record",
            "refused: no configuration was in force here before, and the suites have not passed "
            "for this one\n"
            "  models.fast.is: a -> b\n"
            "  s: no run of it is recorded for this configuration (s: no such file)\n"
            "  records: s.evals.jsonl\n" COMMANDS);
    said_of("changed, records edited",
            "refused: what shapes answers has changed, and the suites have not passed for it\n"
            "  models.fast.is: a -> b\n"
            "  s: no run of it is recorded for this configuration\n"
            "  the records cannot be used: x:1: edited\n" COMMANDS);
    said_of("forced", "warning: these answers have passed no evals; they were forced on "
                      "2026-09-20 by ann: we had to\n");
    said_of("the same, the suite has changed",
            "warning: s: it passed on 2026-09-20, but the suite has changed since\n");
    said_of("the same, an old record",
            "warning: the evals passed on 2026-08-21, 31 days ago (evals.old_after); models change "
            "behind their names\n");
    said_of("no suites, changed",
            "warning: what shapes answers has changed, and no suite says whether they stay good "
            "(evals: {suites: [...]}; `sluice eval init` writes a first one)\n"
            "  models.fast.is: a -> b\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_is_decided_as_it_should_be),
        cmocka_unit_test(what_is_held_says_how_to_get_it_through),
        cmocka_unit_test(the_words_are_these),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
