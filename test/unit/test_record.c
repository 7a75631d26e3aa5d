/* test_record.c: the file of what suites found: whole, edited, torn, of another version. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base_test.h"
#include "eval/brake/record.h"

#define H1 "1111111111111111111111111111111111111111111111111111111111111111"
#define H2 "2222222222222222222222222222222222222222222222222222222222222222"
#define H3 "3333333333333333333333333333333333333333333333333333333333333333"
#define S1 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define DAY_US       (24 * 3600 * INT64_C(1000000))
#define SOME_TIME_US INT64_C(1790000000123000)

struct place {
    char folder[64], path[96];
    struct arena arena;
};

static int place_make(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    snprintf(p->folder, sizeof(p->folder), "/tmp/sluice-record-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof(p->path), "%s/sluice.evals.jsonl", p->folder);
    arena_init_private(&p->arena, 64u << 20);
    *state = p;
    return 0;
}

static int place_leave(void **state)
{
    struct place *p = *state;
    (void)unlink(p->path);
    (void)rmdir(p->folder);
    arena_fini(&p->arena);
    free(p);
    return 0;
}

static struct record run_of(const char *answers, const char *suite, int64_t day, bool passed)
{
    return (struct record){.answers = str_from(answers),
                           .at_wall_us = SOME_TIME_US + day * DAY_US,
                           .sluice = STR("0.5"),
                           .suite = str_from(suite),
                           .suite_hash = STR(S1),
                           .suite_file = STR("evals/a.yaml"),
                           .run = STR("r\"1\""),
                           .cases = 120,
                           .quality = 912345,
                           .quality_low = 850000,
                           .quality_high = 1000000,
                           .p95_us = 812345,
                           .cost_per_success_nanos = 1234567,
                           .bar = STR("quality >= 0.9"),
                           .passed = passed};
}

static struct record forced(const char *answers, int64_t day)
{
    return (struct record){.answers = str_from(answers),
                           .at_wall_us = SOME_TIME_US + day * DAY_US,
                           .sluice = STR("0.5"),
                           .forced = true,
                           .why = STR("the old model is switched off"),
                           .by = STR("ann")};
}

static const struct record_keep keep_20 = {.of_suite = 20};

static void add(struct place *p, struct record r, const struct record_keep *keep)
{
    struct fault f = {0};
    if (record_add(p->path, &r, keep, &f) != 0)
        fail_msg("%s", fault_text(&f));
}

static struct records all(struct place *p)
{
    struct fault f = {0};
    struct records got;
    if (record_read(&p->arena, p->path, &got, &f) != 0)
        fail_msg("%s", fault_text(&f));
    return got;
}

static char *file_text(const struct place *p, size_t *ret_n)
{
    struct buf out;
    char piece[4096];
    buf_init(&out, 4u << 20);
    FILE *file = fopen(p->path, "re");
    assert_non_null(file);
    for (size_t n; (n = fread(piece, 1, sizeof(piece), file)) > 0;)
        assert_int_equal(buf_add(&out, piece, n), 0);
    assert_int_equal(fclose(file), 0);
    return buf_steal(&out, ret_n);
}

static void file_write(const struct place *p, const char *text, size_t n)
{
    FILE *file = fopen(p->path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* Puts `to` into the place of `from`, at its first or last appearance. */
static void edit(const struct place *p, const char *from, const char *to, bool last)
{
    size_t n;
    char *text = file_text(p, &n);
    ptrdiff_t at = -1;
    for (size_t i = 0; i + strlen(from) <= n; i++)
        if (memcmp(text + i, from, strlen(from)) == 0 && (last || at < 0))
            at = (ptrdiff_t)i;
    assert_true(at >= 0);
    struct buf out;
    buf_init(&out, 4u << 20);
    buf_add(&out, text, (size_t)at);
    buf_str(&out, str_from(to));
    buf_add(&out, text + at + strlen(from), n - (size_t)at - strlen(from));
    file_write(p, out.p, out.n);
    buf_fini(&out);
    free(text);
}

static void refused(struct place *p, const char *words)
{
    struct fault f = {0};
    struct records got;
    assert_int_equal(record_read(&p->arena, p->path, &got, &f), E_CONFIG);
    if (!strstr(fault_text(&f), words))
        fail_msg("\"%s\" is not in \"%s\"", words, fault_text(&f));
    assert_non_null(strstr(fault_text(&f), p->path));
    assert_int_equal(got.n, 0);
    /* And nothing is written over it. */
    struct record r = forced(H1, 1);
    size_t before, after;
    free(file_text(p, &before));
    struct fault g = {0};
    assert_int_equal(record_add(p->path, &r, &keep_20, &g), E_CONFIG);
    free(file_text(p, &after));
    assert_int_equal(before, after);
}

/* ---- what is written can be read ---- */

static void what_is_added_is_read_again(void **state)
{
    struct place *p = *state;
    assert_int_equal(all(p).n, 0); /* no file, no records */
    add(p, run_of(H1, "a", 0, true), &keep_20);
    struct record cheap = run_of(H2, "b", 1, false);
    cheap.p95_us = cheap.cost_per_success_nanos = -1;
    add(p, cheap, &keep_20);
    add(p, forced(H3, 2), &keep_20);
    struct records got = all(p);
    assert_int_equal(got.n, 3);
    const struct record *r = &got.at[0];
    assert_str(r->answers, STR(H1));
    assert_int_equal(r->at_wall_us, SOME_TIME_US);
    assert_str(r->sluice, STR("0.5"));
    assert_str(r->suite, STR("a"));
    assert_str(r->suite_hash, STR(S1));
    assert_str(r->suite_file, STR("evals/a.yaml"));
    assert_str(r->run, STR("r\"1\""));
    assert_int_equal(r->cases, 120);
    assert_int_equal(r->quality, 912345);
    assert_int_equal(r->quality_low, 850000);
    assert_int_equal(r->quality_high, 1000000);
    assert_int_equal(r->p95_us, 812345);
    assert_int_equal(r->cost_per_success_nanos, 1234567);
    assert_str(r->bar, STR("quality >= 0.9"));
    assert_true(r->passed && !r->forced);
    assert_false(got.at[1].passed);
    assert_int_equal(got.at[1].p95_us, -1);
    assert_int_equal(got.at[1].cost_per_success_nanos, -1);
    assert_true(got.at[2].forced);
    assert_str(got.at[2].why, STR("the old model is switched off"));
    assert_str(got.at[2].by, STR("ann"));
    assert_int_equal(access(p->path, W_OK), 0);
}

static void records_are_in_order_of_age(void **state)
{
    struct place *p = *state;
    for (int day = 0; day < 6; day++)
        add(p, run_of(H1, "a", day * 5 % 6, true), &keep_20);
    struct records got = all(p);
    assert_int_equal(got.n, 6);
    for (unsigned i = 0; i < got.n; i++)
        assert_int_equal(got.at[i].at_wall_us, SOME_TIME_US + i * DAY_US);
}

static void a_link_stays_a_link_and_a_mode_a_mode(void **state)
{
    struct place *p = *state;
    char link[128];
    struct stat s;
    struct record r = forced(H2, 1);
    struct fault f = {0};
    add(p, run_of(H1, "a", 0, true), &keep_20);
    assert_int_equal(chmod(p->path, 0640), 0);
    snprintf(link, sizeof(link), "%s/link", p->folder);
    assert_int_equal(symlink(p->path, link), 0);
    assert_int_equal(record_add(link, &r, &keep_20, &f), 0);
    assert_int_equal(lstat(link, &s), 0);
    assert_true(S_ISLNK(s.st_mode));
    assert_int_equal(stat(p->path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0640);
    assert_int_equal(all(p).n, 2);
    assert_int_equal(unlink(link), 0);
}

/* Each process reads, adds and replaces; none overtakes another. */
static void writers_wait_for_each_other(void **state)
{
    struct place *p = *state;
    enum { WRITERS = 12 };
    pid_t children[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            struct record r = run_of(H1, "a", i, true);
            _exit(record_add(p->path, &r, &keep_20, NULL) == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = 1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(all(p).n, WRITERS);
}

static void the_last_that_was_added_is_the_newest_whatever_the_clock_says(void **state)
{
    struct place *p = *state;
    const struct record_keep keep = {.of_suite = 20};
    add(p, run_of(H1, "a", 100000, true), &keep); /* a clock in the future */
    struct record now = run_of(H1, "a", 0, false);
    now.at_wall_us = 0;
    add(p, now, &keep);
    add(p, now, &keep);
    struct record other = run_of(H2, "a", 0, true);
    other.at_wall_us = 0;
    add(p, other, &keep);
    struct records got = all(p);
    assert_int_equal(got.n, 4);
    assert_str(got.at[0].answers, STR(H2)); /* of others it is told as it is */
    assert_true(got.at[1].passed);
    assert_false(got.at[2].passed || got.at[3].passed);
    assert_true(got.at[3].at_wall_us > got.at[2].at_wall_us);
}

/* ---- which stay ---- */

static void failures_push_out_no_pass(void **state)
{
    struct place *p = *state;
    const struct record_keep keep = {.of_suite = 2};
    add(p, run_of(H1, "a", 0, true), &keep);
    for (int day = 1; day < 6; day++)
        add(p, run_of(H2, "a", day, false), &keep);
    struct records got = all(p);
    assert_int_equal(got.n, 3);
    assert_true(got.at[0].passed);
    assert_int_equal(got.at[1].at_wall_us, SOME_TIME_US + 4 * DAY_US);
}

static void the_newest_of_each_suite_stay_and_all_in_force(void **state)
{
    struct place *p = *state;
    const struct record_keep keep = {.of_suite = 2, .in_force = STR(H1)};
    add(p, run_of(H1, "a", 0, true), &keep); /* in force, however old */
    add(p, run_of(H2, "a", 1, true), &keep);
    add(p, run_of(H2, "b", 2, true), &keep); /* another suite */
    add(p, forced(H2, 3), &keep);
    add(p, run_of(H2, "a", 4, true), &keep);
    add(p, run_of(H3, "a", 5, true), &keep);
    struct records got = all(p);
    static const int days[] = {0, 2, 3, 4, 5};
    assert_int_equal(got.n, ARRAY_LEN(days));
    for (unsigned i = 0; i < got.n; i++)
        assert_int_equal(got.at[i].at_wall_us, SOME_TIME_US + days[i] * DAY_US);
    const struct record_keep one = {.of_suite = 1};
    add(p, run_of(H3, "a", 6, true), &one);
    got = all(p);
    assert_int_equal(got.n, 3); /* b's, the forced, the new one */
    assert_str(got.at[2].answers, STR(H3));
}

/* ---- what is refused ---- */

static void an_edited_record_is_found_with_its_line(void **state)
{
    struct place *p = *state;
    static const char *const edits[][2] = {
        {"\"verdict\":\"fail\"", "\"verdict\":\"pass\""},
        {"\"quality\":0.912345", "\"quality\":0.99"},
        {"\"answers\":\"2222", "\"answers\":\"1222"},
        {"\"suite_hash\":\"aaa", "\"suite_hash\":\"baa"},
        {"\"run\":", "\"note\":\"x\",\"run\":"},
        {"\"checksum\":\"", "\"checksum\":\"0"},
        {"\"date\":\"2026", "\"date\":\"2027"},
        {"\"date\":\"2026", "\"date\":\"yesterday"},
        {"\"cases\":120", "\"cases\":\"120\""},
        {",\"bar\":\"quality >= 0.9\"", ""},
    };
    for (unsigned i = 0; i < ARRAY_LEN(edits); i++) {
        (void)unlink(p->path);
        add(p, run_of(H1, "a", 0, false), &keep_20);
        add(p, run_of(H2, "a", 1, false), &keep_20);
        edit(p, edits[i][0], edits[i][1], true);
        refused(p, ":2: this record was edited");
    }
    (void)unlink(p->path);
    add(p, forced(H1, 0), &keep_20);
    edit(p, "switched off", "fine", false);
    refused(p, ":1: this record was edited");
}

/* Spaces and the order of members say nothing. */
static void another_way_to_write_it_is_no_edit(void **state)
{
    struct place *p = *state;
    add(p, run_of(H1, "a", 0, true), &keep_20);
    edit(p, ",\"cases\":120", "", false);
    edit(p, "{\"record\"", "{ \"cases\" : 120, \"record\"", false);
    edit(p, "0.912345", "9.12345e-1", false);
    assert_int_equal(all(p).n, 1);
}

static void other_versions_and_other_files_are_refused(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *text, *words;
    } files[] = {
        {"{\"record\":2}\n", ":1: a record of version 2; this sluice knows version 1"},
        {"\n{\"record\":0}\n", ":2: a record of version 0"},
        {"{\"id\":\"x\"}\n", ":1: this is no record of evals"},
        {"{\"record\":\"1\"}\n", ":1: this is no record of evals"},
        {"{\"record\":1}\n", ":1: this record was edited"},
        {"<<<<<<< HEAD\n", "expected a record of evals in each line"},
        {"[1]\n", "expected a record of evals in each line"},
        {"{\"record\":1,\n", "expected a record of evals in each line"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(files); i++) {
        file_write(p, files[i].text, strlen(files[i].text));
        refused(p, files[i].words);
    }
}

static void a_file_cut_anywhere_is_whole_or_refused(void **state)
{
    struct place *p = *state;
    size_t n;
    add(p, run_of(H1, "a", 0, true), &keep_20);
    add(p, forced(H2, 1), &keep_20);
    char *text = file_text(p, &n);
    size_t second = (size_t)((const char *)memchr(text, '\n', n) - text) + 1;
    for (size_t cut = 0; cut < n; cut++) {
        struct fault f = {0};
        struct records got;
        struct arena a;
        arena_init_private(&a, 16u << 20);
        file_write(p, text, cut);
        int err = record_read(&a, p->path, &got, &f);
        arena_fini(&a);
        bool whole = cut == 0 || cut + 1 == n || cut == second || cut + 1 == second;
        if (err != (whole ? 0 : E_CONFIG))
            fail_msg("cut at %zu of %zu: %d", cut, n, err);
    }
    free(text);
}

static void where_nothing_can_be_written_it_says_so(void **state)
{
    struct place *p = *state;
    struct record r = forced(H1, 0);
    struct fault f = {0}, g = {0};
    char path[160];
    snprintf(path, sizeof(path), "%s/none/x.jsonl", p->folder);
    assert_int_equal(record_add(path, &r, &keep_20, &f), E_IO);
    assert_non_null(strstr(fault_text(&f), "none/x.jsonl cannot be written"));
    assert_int_equal(mkdir(p->path, 0755), 0);
    assert_true(record_add(p->path, &r, &keep_20, &g) != 0);
    assert_non_null(strstr(fault_text(&g), p->path));
    assert_int_equal(rmdir(p->path), 0);
}

static void a_record_has_to_say_something(void **state)
{
    struct place *p = *state;
    static const char *const poor[] = {"", "x", "abc", "a b c", "   x   ", "two\nlines of it"};
    for (unsigned i = 0; i < ARRAY_LEN(poor); i++) {
        struct record r = forced(H1, 0);
        struct fault f = {0};
        r.why = str_from(poor[i]);
        assert_int_equal(record_add(p->path, &r, &keep_20, &f), E_BAD_REQUEST);
        assert_non_null(strstr(fault_text(&f), "expected a reason of 4 to 1000 characters"));
    }
    struct record r = run_of("12", "a", 0, true);
    struct fault f = {0};
    assert_int_equal(record_add(p->path, &r, &keep_20, &f), E_BAD_REQUEST);
    struct record two_lines = run_of(H1, "a\nb", 0, true);
    struct fault g = {0};
    assert_int_equal(record_add(p->path, &two_lines, &keep_20, &g), E_BAD_REQUEST);
    assert_non_null(strstr(fault_text(&g), "on one line"));
    assert_int_equal(access(p->path, F_OK), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_leave)
    const struct CMUnitTest tests[] = {
        TEST(what_is_added_is_read_again),
        TEST(records_are_in_order_of_age),
        TEST(a_link_stays_a_link_and_a_mode_a_mode),
        TEST(writers_wait_for_each_other),
        TEST(the_last_that_was_added_is_the_newest_whatever_the_clock_says),
        TEST(failures_push_out_no_pass),
        TEST(the_newest_of_each_suite_stay_and_all_in_force),
        TEST(an_edited_record_is_found_with_its_line),
        TEST(another_way_to_write_it_is_no_edit),
        TEST(other_versions_and_other_files_are_refused),
        TEST(a_file_cut_anywhere_is_whole_or_refused),
        TEST(where_nothing_can_be_written_it_says_so),
        TEST(a_record_has_to_say_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
