/* test_brake.c: what the brake finds on the disk: suites, records, what was in force. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/config.h"
#include "base_test.h"
#include "eval/brake/brake.h"
#include "eval/suite/suite.h"

#define SUITE                                                                                      \
    "cases: cases.jsonl\n"                                                                         \
    "request: {messages: [{role: user, content: \"{{q}}\"}]}\n"                                    \
    "graders: [{kind: exact, expected: \"{{a}}\"}]\n"
#define CONFIG(model) "models: {fast: p/" model "}\nproviders: {p: {base_url: http://h/v1}}\n"
#define EVALS         "evals: {suites: [s.yaml]}\n"

struct place {
    char folder[64], file[96], ledger[128];
    struct brake *brake;
    struct conf_doc *doc;
    struct str told;
};

static void put(const struct place *p, const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", p->folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static int place_make(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    snprintf(p->folder, sizeof(p->folder), "/tmp/sluice-brake-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->file, sizeof(p->file), "%s/conf.yaml", p->folder);
    snprintf(p->ledger, sizeof(p->ledger), "sqlite:%s/ledger.db", p->folder);
    put(p, "s.yaml", SUITE);
    put(p, "cases.jsonl", "{\"q\":\"1\",\"a\":\"1\"}\n");
    *state = p;
    return 0;
}

static int place_leave(void **state)
{
    struct place *p = *state;
    static const char *const names[] = {"s.yaml",           "cases.jsonl",    "conf.yaml",
                                        "conf.evals.jsonl", "ledger.db",      "ledger.db-wal",
                                        "ledger.db-shm",    "ledger.db-live", "t.yaml",
                                        "one.yaml",         "two.yaml"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        char path[160];
        snprintf(path, sizeof(path), "%s/%s", p->folder, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(p->folder), 0);
    brake_unref(p->brake);
    conf_unref(p->doc);
    free(p);
    return 0;
}

static struct brake_ask ask_of(const struct place *p)
{
    const struct config *c = conf_root(p->doc);
    return (struct brake_ask){.root = &config_table,
                              .doc = p->doc,
                              .evals = &c->evals,
                              .file = p->file,
                              .ledger = str_from(p->ledger)};
}

/* Writes the file, loads it, and looks. */
static enum gate_reason look(struct place *p, const char *text)
{
    struct fault f = {0};
    brake_unref(p->brake);
    conf_unref(p->doc);
    p->brake = NULL;
    put(p, "conf.yaml", text);
    assert_int_equal(conf_load(&config_table, p->file, &p->doc), 0);
    const struct brake_ask ask = ask_of(p);
    if (brake_look(&ask, &p->brake, &f) != 0)
        fail_msg("%s", fault_text(&f));
    p->told = p->brake->told;
    return p->brake->decision.reason;
}

static void keep(struct place *p, enum last_good_of of)
{
    struct fault f = {0};
    if (brake_keep(p->brake, str_from(p->ledger), p->file, of, &f) != 0)
        fail_msg("%s", fault_text(&f));
}

static void record(struct place *p, bool passed)
{
    char path[160], hash[SHA256_HEX_CHARS + 1];
    struct fault f = {0};
    snprintf(path, sizeof(path), "%s/s.yaml", p->folder);
    if (suite_digest(path, hash, &f) != 0)
        fail_msg("%s", fault_text(&f));
    const struct record r = {.suite = STR("s"),
                             .suite_file = str_from(path), /* it is written as the file has it */
                             .suite_hash = str_from(hash),
                             .bar = STR("quality >= 90.0 %"),
                             .passed = passed,
                             .p95_us = -1,
                             .cost_per_success_nanos = -1};
    const struct brake_ask ask = ask_of(p);
    if (brake_record_add(&ask, &r, &f) != 0)
        fail_msg("%s", fault_text(&f));
}

static void force(struct place *p, const char *why)
{
    const struct record r = {.forced = true, .why = str_from(why), .by = STR("ann")};
    const struct brake_ask ask = ask_of(p);
    struct fault f = {0};
    assert_int_equal(brake_record_add(&ask, &r, &f), 0);
}

#define assert_told(p, words)                                                                      \
    do {                                                                                           \
        if (str_find((p)->told, STR(words)) < 0)                                                   \
            fail_msg("\"%s\" is not in \"%.*s\"", words, STR_ARGS((p)->told));                     \
    } while (0)

static void a_first_start_needs_a_record_and_a_second_none(void **state)
{
    struct place *p = *state;
    assert_int_equal(look(p, CONFIG("a") EVALS), GATE_HELD);
    assert_told(p, "no configuration was in force here before");
    assert_told(p, "sluice eval run --config ");
    record(p, true);
    assert_int_equal(look(p, CONFIG("a") EVALS), GATE_PASSED);
    assert_int_equal(p->told.n, 0);
    keep(p, LAST_GOOD_FILE);
    char path[160];
    snprintf(path, sizeof(path), "%s/conf.evals.jsonl", p->folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(look(p, CONFIG("a") EVALS), GATE_SAME);
    assert_told(p, "warning: s.yaml: no run of it is recorded");
}

static void a_change_needs_a_pass_of_the_suite_as_it_is(void **state)
{
    struct place *p = *state;
    assert_int_equal(look(p, CONFIG("a")), GATE_NO_SUITES);
    assert_int_equal(p->told.n, 0);
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_HELD);
    assert_told(p, "models.fast.is: p/a -> p/b");
    record(p, false);
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_HELD);
    assert_told(p, "s.yaml: its run of ");
    record(p, true);
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_PASSED);
    put(p, "cases.jsonl", "{\"q\":\"2\",\"a\":\"2\"}\n");
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_HELD);
    assert_told(p, "the suite has changed since");
}

static void without_suites_a_change_is_told(void **state)
{
    struct place *p = *state;
    look(p, CONFIG("a"));
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(look(p, CONFIG("b")), GATE_NO_SUITES);
    assert_told(p, "warning: what shapes answers has changed, and no suite");
    assert_told(p, "  models.fast.is: p/a -> p/b");
}

static void what_was_sent_was_in_force_until_the_file_is_again(void **state)
{
    struct place *p = *state;
    look(p, CONFIG("a"));
    keep(p, LAST_GOOD_FILE);
    look(p, CONFIG("b"));
    keep(p, LAST_GOOD_SENT);
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_SAME);
    assert_int_equal(look(p, CONFIG("a") EVALS), GATE_SAME);
    assert_int_equal(look(p, CONFIG("c") EVALS), GATE_HELD);
    assert_told(p, "models.fast.is: p/b -> p/c"); /* what was in force last */
    look(p, CONFIG("a"));
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_HELD);
}

static void configurations_that_share_a_ledger_do_not_meet(void **state)
{
    struct place *p = *state;
    struct last_good good[LAST_GOODS];
    struct fault f = {0};
    struct arena a;
    arena_init_private(&a, 1u << 20);
    look(p, CONFIG("a"));
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(last_good_read(&a, str_from(p->ledger), STR("/elsewhere.yaml"), good, &f), 0);
    assert_int_equal(good[LAST_GOOD_FILE].answers.n, 0);
    assert_int_equal(last_good_read(&a, str_from(p->ledger), str_from(p->file), good, &f), 0);
    assert_str(good[LAST_GOOD_FILE].answers, str_from(p->brake->answers));
    assert_str(good[LAST_GOOD_FILE].lines, p->brake->lines);
    assert_int_equal(good[LAST_GOOD_SENT].answers.n, 0);
    arena_fini(&a);
}

static void the_running_one_counts_without_a_ledger(void **state)
{
    struct place *p = *state;
    struct fault f = {0};
    struct brake *b = NULL;
    look(p, CONFIG("a") EVALS);
    struct brake_ask ask = ask_of(p);
    ask.ledger = STR_NONE;
    ask.running = p->brake;
    assert_int_equal(brake_look(&ask, &b, &f), 0);
    assert_int_equal(b->decision.reason, GATE_SAME);
    assert_false(b->decision.changed);
    brake_unref(b);
}

static void a_ledger_that_cannot_be_read_is_no_open_door(void **state)
{
    struct place *p = *state;
    struct fault f = {0};
    struct brake *b = NULL;
    put(p, "ledger.db", "this is no database");
    assert_int_equal(look(p, CONFIG("a")), GATE_NO_SUITES); /* where it would be a warning only */
    conf_unref(p->doc);
    put(p, "conf.yaml", CONFIG("a") EVALS);
    assert_int_equal(conf_load(&config_table, p->file, &p->doc), 0);
    const struct brake_ask ask = ask_of(p);
    assert_int_equal(brake_look(&ask, &b, &f), E_STORE);
    assert_non_null(strstr(fault_text(&f), "ledger.db"));
    assert_null(b);
    struct brake_ask again = ask; /* but what answers as the one that runs needs no ledger */
    again.running = p->brake;
    assert_int_equal(brake_look(&again, &b, &f), 0);
    assert_int_equal(b->decision.reason, GATE_SAME);
    brake_unref(b);
    force(p, "the ledger is broken");
}

static void a_forced_change_says_why_until_it_passes(void **state)
{
    struct place *p = *state;
    look(p, CONFIG("a"));
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_HELD);
    force(p, "the old model is gone");
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_FORCED);
    assert_told(p, "by ann: the old model is gone");
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_SAME);
    assert_told(p, "by ann: the old model is gone");
    record(p, true);
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_PASSED);
    assert_int_equal(p->told.n, 0);
}

/* Who was forced to a change has to be able to go back. */
static void what_was_in_force_before_a_forced_change_comes_back(void **state)
{
    struct place *p = *state;
    look(p, CONFIG("a") EVALS);
    keep(p, LAST_GOOD_FILE); /* in force without a record, as where suites came later */
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_HELD);
    force(p, "the old model is gone");
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_FORCED);
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(look(p, CONFIG("a") EVALS), GATE_SAME);
    assert_int_equal(look(p, CONFIG("c") EVALS), GATE_HELD);
    assert_told(p, "models.fast.is: p/b -> p/c"); /* what is in force is what was forced */
    look(p, CONFIG("b") EVALS);
    record(p, true);
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_PASSED);
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(look(p, CONFIG("a") EVALS), GATE_HELD);
}

static void the_running_one_knows_what_was_before_it_was_forced(void **state)
{
    struct place *p = *state;
    struct fault f = {0};
    struct brake *first = NULL, *forced = NULL, *back = NULL;
    p->ledger[0] = '\0';
    look(p, CONFIG("a") EVALS);
    first = brake_ref(p->brake);
    look(p, CONFIG("b") EVALS);
    force(p, "the old model is gone");
    struct brake_ask ask = ask_of(p);
    ask.running = first;
    assert_int_equal(brake_look(&ask, &forced, &f), 0);
    assert_int_equal(forced->decision.reason, GATE_FORCED);
    look(p, CONFIG("a") EVALS);
    ask = ask_of(p);
    ask.running = forced;
    assert_int_equal(brake_look(&ask, &back, &f), 0);
    assert_int_equal(back->decision.reason, GATE_SAME);
    brake_unref(first);
    brake_unref(forced);
    brake_unref(back);
}

static void a_change_does_not_pick_its_own_suites(void **state)
{
    struct place *p = *state;
    put(p, "t.yaml", SUITE "bar: {quality: 1%}\n");
    look(p, CONFIG("a") EVALS);
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(look(p, CONFIG("b")), GATE_HELD);
    assert_told(p, "/s.yaml: it held the brake until now and is not named any more");
    assert_told(p, "name what was let go again (evals.suites), and sluice eval run --config ");
    assert_int_equal(look(p, CONFIG("b") "evals: {suites: [t.yaml]}\n"), GATE_HELD);
    assert_int_equal(look(p, CONFIG("b") "evals: {suites: [./s.yaml]}\n"), GATE_HELD);
    assert_true(str_find(p->told, STR("held the brake until now")) < 0); /* it is the same file */
    put(p, "t.yaml", SUITE);
    look(p, CONFIG("b") EVALS);
    record(p, true);
    /* The same suite under another name. */
    assert_int_equal(look(p, CONFIG("b") "evals: {suites: [t.yaml]}\n"), GATE_PASSED);
    /* One step after the other. */
    assert_int_equal(look(p, CONFIG("a")), GATE_NO_SUITES);
    assert_told(p, "/s.yaml holds the brake no longer");
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(look(p, CONFIG("c")), GATE_NO_SUITES);
    assert_true(str_find(p->told, STR("the brake")) < 0);
}

static void a_suite_let_go_in_the_same_step_may_be_forced(void **state)
{
    struct place *p = *state;
    look(p, CONFIG("a") EVALS);
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(look(p, CONFIG("b")), GATE_HELD);
    force(p, "the suite was about another product");
    assert_int_equal(look(p, CONFIG("b")), GATE_FORCED);
    assert_told(p, "about another product");
}

/* A ConfigMap's file is a link to a link, and each update makes the latter lead elsewhere. */
static void a_file_that_is_a_link_keeps_its_name(void **state)
{
    struct place *p = *state;
    char text[160], link[160], new[160];
    snprintf(text, sizeof(text), "%s/one.yaml", p->folder);
    snprintf(new, sizeof(new), "%s/two.yaml", p->folder);
    snprintf(link, sizeof(link), "%s/conf.yaml", p->folder);
    put(p, "one.yaml", "");
    put(p, "two.yaml", "");
    assert_int_equal(symlink(text, link), 0);
    look(p, CONFIG("a") EVALS);
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink(new, link), 0);
    assert_int_equal(look(p, CONFIG("a") EVALS), GATE_SAME);
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_HELD);
    assert_told(p, "what shapes answers has changed");
}

static void a_file_has_one_name_from_wherever_it_is_called(void **state)
{
    struct place *p = *state;
    char *here = getcwd(NULL, 0);
    look(p, CONFIG("a") EVALS);
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(chdir(p->folder), 0);
    static const char *const names[] = {"conf.yaml", "./conf.yaml", ".//x/../conf.yaml"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        struct brake_ask ask = ask_of(p);
        struct brake *b = NULL;
        struct fault f = {0};
        ask.file = names[i];
        assert_int_equal(brake_look(&ask, &b, &f), 0);
        assert_int_equal(b->decision.reason, GATE_SAME);
        brake_unref(b);
    }
    assert_int_equal(chdir(here), 0);
    free(here);
}

/* They would be gone, or whoever runs sluice would be waited for. */
static void cases_from_standard_input_are_not_waited_for(void **state)
{
    struct place *p = *state;
    put(p, "s.yaml",
        "cases: \"-\"\nrequest: {messages: []}\n"
        "graders: [{kind: exact, expected: a}]\n");
    assert_int_equal(look(p, CONFIG("a") EVALS), GATE_HELD);
    assert_told(p, "/- cannot be read: No such file");
    /* Nor where the suite's path has no folder. */
    char hash[SHA256_HEX_CHARS + 1], *here = getcwd(NULL, 0);
    struct fault f = {0};
    assert_int_equal(chdir(p->folder), 0);
    assert_int_equal(suite_digest("s.yaml", hash, &f), E_IO);
    assert_int_equal(chdir(here), 0);
    free(here);
}

static void what_is_to_be_pasted_is_in_quotes(void **state)
{
    struct place *p = *state;
    struct brake_ask ask;
    struct brake *b = NULL;
    struct fault f = {0};
    look(p, CONFIG("a") EVALS);
    ask = ask_of(p);
    ask.file = "my conf's.yaml";
    assert_int_equal(brake_look(&ask, &b, &f), 0);
    p->told = b->told;
    assert_told(p, "sluice eval run --config 'my conf'\\''s.yaml'\n");
    assert_told(p, "sluice apply 'my conf'\\''s.yaml' --force \"why\"\n");
    brake_unref(b);
    /* Who reads the log of one that runs may be elsewhere. */
    struct brake *running = brake_ref(p->brake);
    look(p, CONFIG("b") EVALS);
    ask = ask_of(p);
    ask.running = running;
    ask.file = "conf.yaml";
    char *here = getcwd(NULL, 0);
    assert_int_equal(chdir(p->folder), 0);
    assert_int_equal(brake_look(&ask, &b, &f), 0);
    assert_int_equal(chdir(here), 0);
    free(here);
    p->told = b->told;
    assert_told(p, "sluice eval run --config /");
    assert_told(p, "records: /");
    brake_unref(b);
    brake_unref(running);
}

static void an_edited_record_holds_a_change_and_not_what_is_in_force(void **state)
{
    struct place *p = *state;
    look(p, CONFIG("a"));
    keep(p, LAST_GOOD_FILE);
    put(p, "conf.evals.jsonl", "{\"record\":1,\"verdict\":\"pass\"}\n");
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_HELD);
    assert_told(p, "conf.evals.jsonl:1: this record was edited");
    assert_int_equal(look(p, CONFIG("a") EVALS), GATE_SAME);
    assert_told(p, "warning: the records of evals cannot be used: ");
}

static void a_suite_that_is_not_here_counts_by_its_record(void **state)
{
    struct place *p = *state;
    char path[160];
    look(p, CONFIG("a") EVALS);
    record(p, true);
    snprintf(path, sizeof(path), "%s/s.yaml", p->folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(look(p, CONFIG("a") EVALS), GATE_ELSEWHERE);
    assert_told(p, "cannot be told here (");
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_HELD);
}

/* To remove a suite that was made stricter is no pass. */
static void a_suite_that_is_gone_is_what_it_was(void **state)
{
    struct place *p = *state;
    char path[160];
    look(p, CONFIG("b") EVALS);
    record(p, true);
    look(p, CONFIG("a") EVALS);
    record(p, true);
    put(p, "s.yaml", SUITE "bar: {quality: 99%}\n");
    look(p, CONFIG("a") EVALS);
    keep(p, LAST_GOOD_FILE);
    snprintf(path, sizeof(path), "%s/s.yaml", p->folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(look(p, CONFIG("a") EVALS), GATE_SAME);
    keep(p, LAST_GOOD_FILE);
    assert_int_equal(look(p, CONFIG("b") EVALS), GATE_HELD);
    assert_told(p, "but the suite has changed since (");
}

static void paths_are_relative_to_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *file, *path, *want;
    } paths[] = {
        {"/etc/sluice/sluice.yaml", "evals/a.yaml", "/etc/sluice/evals/a.yaml"},
        {"/etc/sluice/sluice.yaml", "/x/a.yaml", "/x/a.yaml"},
        {"sluice.yaml", "a.yaml", "a.yaml"},
        {"conf/sluice.yaml", "../a.yaml", "conf/../a.yaml"},
        {NULL, "a.yaml", "a.yaml"},
    };
    static const struct {
        const char *file, *records, *want;
    } records[] = {
        {"/etc/sluice/sluice.yaml", NULL, "/etc/sluice/sluice.evals.jsonl"},
        {"sluice", NULL, "sluice.evals.jsonl"},
        {"a.b/sluice", NULL, "a.b/sluice.evals.jsonl"},
        {"a.b/.sluice", NULL, "a.b/.sluice.evals.jsonl"},
        {"x.prod.yml", NULL, "x.prod.evals.jsonl"},
        {"conf/x.yml", "r.jsonl", "conf/r.jsonl"},
        {NULL, NULL, "sluice.evals.jsonl"},
    };
    struct arena a;
    arena_init_private(&a, 1u << 20);
    for (unsigned i = 0; i < ARRAY_LEN(paths); i++)
        assert_str(evals_path(&a, paths[i].file, str_from(paths[i].path)), str_from(paths[i].want));
    for (unsigned i = 0; i < ARRAY_LEN(records); i++) {
        const struct evals_settings s = {.records = str_from(records[i].records)};
        assert_str(evals_records_path(&a, &s, records[i].file), str_from(records[i].want));
    }
    arena_fini(&a);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_leave)
    const struct CMUnitTest tests[] = {
        TEST(a_first_start_needs_a_record_and_a_second_none),
        TEST(a_change_needs_a_pass_of_the_suite_as_it_is),
        TEST(without_suites_a_change_is_told),
        TEST(what_was_sent_was_in_force_until_the_file_is_again),
        TEST(configurations_that_share_a_ledger_do_not_meet),
        TEST(the_running_one_counts_without_a_ledger),
        TEST(a_ledger_that_cannot_be_read_is_no_open_door),
        TEST(a_forced_change_says_why_until_it_passes),
        TEST(what_was_in_force_before_a_forced_change_comes_back),
        TEST(the_running_one_knows_what_was_before_it_was_forced),
        TEST(a_change_does_not_pick_its_own_suites),
        TEST(a_suite_let_go_in_the_same_step_may_be_forced),
        TEST(a_file_that_is_a_link_keeps_its_name),
        TEST(a_file_has_one_name_from_wherever_it_is_called),
        TEST(cases_from_standard_input_are_not_waited_for),
        TEST(what_is_to_be_pasted_is_in_quotes),
        TEST(an_edited_record_holds_a_change_and_not_what_is_in_force),
        TEST(a_suite_that_is_not_here_counts_by_its_record),
        TEST(a_suite_that_is_gone_is_what_it_was),
        cmocka_unit_test(paths_are_relative_to_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
