/* test_rows.c: the suite of test/store on every kind of database, and what is SQLite's own. */
#include "store/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/store/faulty.h"
#include "test/store/rows_suite.h"

#define WAL_BYTES_MAX (20 * 1024 * 1024)

static char folder[64];
static char path[128]; /* of the database made last */
static char url[160];

static struct str file_fresh(void)
{
    static unsigned n;
    snprintf(path, sizeof(path), "%s/%u.db", folder, n++);
    snprintf(url, sizeof(url), "sqlite:%s", path);
    return str_from(url);
}

static struct str memory_fresh(void)
{
    return STR("sqlite::memory:");
}

/* ---- opening ---- */

static void unknown_kinds_are_refused_with_what_is_known(void **state UNUSED)
{
    static const char *const wrong[] = {"", "sluice.db", "sqlite:", "mysql:host", "sqlite", ":"};
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        struct rows_store *s = NULL;
        struct fault f = {0};
        assert_int_equal(rows_open(str_from(wrong[i]), false, &s, &f), E_CONFIG);
        assert_non_null(strstr(fault_text(&f), i == 1 ? "'sqlite:sluice.db'" : "sqlite:PATH"));
        assert_null(s);
        fault_clear(&f);
        assert_int_equal(rows_check(str_from(wrong[i]), &f), E_CONFIG);
    }
    struct fault f = {0};
    assert_int_equal(rows_check(STR("Sqlit:a/b"), &f), E_CONFIG);
    assert_non_null(strstr(fault_text(&f), "did you mean 'sqlite:a/b'?"));
}

static void a_look_says_what_is_in_the_way_and_makes_nothing(void **state UNUSED)
{
    static const struct {
        const char *where, *says;
    } rows[] = {{"sqlite:/nowhere/at/all.db", "there is no folder /nowhere/at"},
                {"sqlite:/tmp", "/tmp is a folder"},
                {"sqlite:/nowhere/", "names a folder"},
                {"sqlite:/etc/passwd/x", "/etc/passwd is no folder"},
                {"sqlite::memory:", "in memory"}};
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault f = {0};
        assert_int_equal(rows_check(str_from(rows[i].where), &f), E_CONFIG);
        if (!strstr(fault_text(&f), rows[i].says))
            fail_msg("%s: %s", rows[i].where, fault_text(&f));
    }
    assert_int_equal(rows_check(STR("sqlite:of-no-folder.db"), NULL), 0);
    assert_int_equal(rows_check(file_fresh(), NULL), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    struct rows_store *s = NULL;
    assert_int_equal(rows_open(str_from(url), false, &s, NULL), 0);
    assert_int_equal(rows_check(str_from(url), NULL), 0);
    rows_close(s);
}

static void a_new_file_is_its_owners_alone(void **state UNUSED)
{
    static const char *const parts[] = {"", "-wal", "-shm", "-live"};
    struct rows_store *s = NULL;
    umask(0);
    assert_int_equal(rows_open(file_fresh(), false, &s, NULL), 0);
    assert_int_equal(rows_exec(s, "CREATE TABLE t (a BIGINT)", NULL), 0);
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
        char name[160];
        struct stat st;
        snprintf(name, sizeof(name), "%s%s", path, parts[i]);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    rows_close(s);
}

static void a_file_that_is_no_database_is_left_alone(void **state UNUSED)
{
    struct rows_store *s = NULL;
    struct fault f = {0};
    struct str where = file_fresh();
    FILE *file = fopen(path, "w");
    static const char poem[] = "This is a poem about an orange. It is long enough to be read as a "
                               "page of something, and it rhymes with nothing at all.\n";
    assert_non_null(file);
    assert_true(fputs(poem, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rows_open(where, false, &s, &f), E_STORE);
    assert_non_null(strstr(fault_text(&f), path));
    assert_null(s);
    char back[sizeof(poem)] = "";
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(back, sizeof(back), file));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(back, poem);
}

static void a_folder_that_is_not_there_is_named(void **state UNUSED)
{
    struct rows_store *s = NULL;
    struct fault f = {0};
    assert_int_equal(rows_open(STR("sqlite:/nowhere/at/all.db"), false, &s, &f), E_STORE);
    assert_non_null(strstr(fault_text(&f), "/nowhere/at/all.db"));
}

/* ---- other processes ---- */

/* What `test_rows touch URL` does, as another process: opens, reads, closes. */
static int touch(const char *where)
{
    struct rows_store *s = NULL;
    int err = rows_open(str_from(where), false, &s, NULL);
    if (!err)
        err = rows_exec(s, "SELECT count(*) FROM t", NULL);
    if (s)
        rows_close(s);
    return err ? 1 : 0;
}

static int another_process(const char *word)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "test_rows", word, url, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * The system drops a process's locks on a file when it closes any descriptor of it. Were they lost,
 * another process would think itself the last one and take the log away under our feet.
 */
static void opening_again_keeps_the_locks(void **state UNUSED)
{
    struct rows_store *first = NULL, *second = NULL;
    char wal[160];
    assert_int_equal(rows_open(file_fresh(), false, &first, NULL), 0);
    assert_int_equal(rows_exec(first, "CREATE TABLE t (a BIGINT)", NULL), 0);
    assert_int_equal(rows_open(str_from(url), false, &second, NULL), 0);
    rows_close(second);
    assert_int_equal(another_process("touch"), 0);
    snprintf(wal, sizeof(wal), "%s-wal", path);
    assert_int_equal(access(wal, F_OK), 0);
    rows_close(first);
    assert_int_not_equal(access(wal, F_OK), 0); /* the last one does take it away */
}

static int hold(const char *where)
{
    struct rows_store *s = NULL;
    if (rows_open(str_from(where), false, &s, NULL) != 0 || rows_hold(s, 3, NULL) != 0)
        return 1;
    raise(SIGKILL); /* and it is not closed */
    return 2;
}

static void a_killed_process_holds_nothing(void **state UNUSED)
{
    struct rows_store *s = NULL;
    bool held = true;
    assert_int_equal(rows_open(file_fresh(), false, &s, NULL), 0);
    assert_int_equal(another_process("hold"), -1);
    assert_int_equal(rows_held(s, 3, &held, NULL), 0);
    assert_false(held);
    rows_close(s);
}

/* ---- the log ---- */

static void the_log_stays_bounded(void **state UNUSED)
{
    static char text[4000];
    struct rows_store *s = NULL;
    struct rows_query *q = NULL;
    memset(text, 'x', sizeof(text));
    assert_int_equal(rows_open(file_fresh(), false, &s, NULL), 0);
    assert_int_equal(rows_exec(s, "CREATE TABLE t (a TEXT)", NULL), 0);
    assert_int_equal(rows_prepare(s, "INSERT INTO t VALUES ($1)", &q, NULL), 0);
    char wal[160];
    off_t most = 0;
    snprintf(wal, sizeof(wal), "%s-wal", path);
    for (int batch = 0; batch < 120; batch++) { /* 48 MB */
        assert_int_equal(rows_begin(s, NULL), 0);
        for (int i = 0; i < 100; i++) {
            const struct rows_value v[] = {rows_text(str_of(text, sizeof(text)))};
            assert_int_equal(rows_run(q, v, 1, NULL), 0);
        }
        assert_int_equal(rows_end(s, 0, NULL), 0);
        struct stat st;
        assert_int_equal(stat(wal, &st), 0);
        most = st.st_size > most ? st.st_size : most;
    }
    assert_true(most > 8 * 1024 * 1024); /* checkpoints are rare */
    assert_true(most <= WAL_BYTES_MAX);
    rows_free(q);
    rows_close(s);
}

static int folder_remove(const char *what)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", what, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return strcmp(argv[1], "touch") == 0 ? touch(argv[2]) : hold(argv[2]);
    snprintf(folder, sizeof(folder), "/tmp/test_rows.XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    const struct rows_subject file = {rows_open, file_fresh, true};
    const struct rows_subject memory = {rows_open, memory_fresh, false};
    const struct rows_subject wrapped = {faulty_open, file_fresh, true};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_kinds_are_refused_with_what_is_known),
        cmocka_unit_test(a_look_says_what_is_in_the_way_and_makes_nothing),
        cmocka_unit_test(a_new_file_is_its_owners_alone),
        cmocka_unit_test(a_file_that_is_no_database_is_left_alone),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
        cmocka_unit_test(opening_again_keeps_the_locks),
        cmocka_unit_test(a_killed_process_holds_nothing),
        cmocka_unit_test(the_log_stays_bounded),
    };
    int failures = rows_suite("sqlite file", &file);
    failures += rows_suite("sqlite memory", &memory);
    failures += rows_suite("around sqlite", &wrapped);
    failures += cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    return failures + folder_remove(folder);
}
