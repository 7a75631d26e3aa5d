/* test_doctor.c: the checks of `sluice doctor` that need another system than this one. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_test.h"
#include "cli/doctor/doctor.h"
#include "rt/task.h"

static char folder[] = "/tmp/sluice-test-XXXXXX";
static struct doctor d;

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int setup(void **state)
{
    static const char *const folders[] = {"", "/sys", "/sys/vm", "/sys/net", "/sys/net/core"};
    (void)state;
    assert_non_null(mkdtemp(folder));
    for (unsigned i = 0; i < ARRAY_LEN(folders); i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s%s", folder, folders[i]);
        assert_true(i == 0 || mkdir(path, 0700) == 0);
    }
    put("conf.yaml", "listen: 127.0.0.1:0\nhttp: {connections: 10000}\nprovider"
                     "s: {p: {base_url: http://127.0.0.1:1/v1}}\nstate: {ledger: 'sqlite:/tmp/"
                     "sluice-test-not-there.db'}\n");
    static char path[256];
    snprintf(path, sizeof(path), "%s/conf.yaml", folder);
    d.path = path;
    doctor_init(&d);
    d.proc = folder;
    doctor_run(&d,
               (const struct doctor_check[]){{"configuration", false, false, doctor_configuration},
                                             {NULL, false, false, NULL}});
    assert_int_equal(d.err, 0);
    assert_non_null(d.snapshot);
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"/sys/vm/max_map_count",
                                        "/sys/net/core/somaxconn",
                                        "/conf.yaml",
                                        "/sys/net/core",
                                        "/sys/net",
                                        "/sys/vm",
                                        "/sys",
                                        ""};
    (void)state;
    doctor_fini(&d);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s%s", folder, names[i]);
        (void)remove(path);
    }
    return 0;
}

/* The check's only finding. */
static void finds(void (*check)(struct doctor *d), enum doctor_verdict verdict, const char *says,
                  const char *advice)
{
    d.n = 0;
    check(&d);
    assert_int_equal(d.n, 1);
    if (d.at[0].verdict != verdict || str_find(d.at[0].text, str_from(says)) < 0 ||
        str_find(d.at[0].advice, str_from(advice)) < 0)
        fail_msg("verdict %d, %.*s -> %.*s", (int)d.at[0].verdict, STR_ARGS(d.at[0].text),
                 STR_ARGS(d.at[0].advice));
}

static void mappings(void **state)
{
    (void)state;
    char need[64], less[16];
    unsigned each = task_mappings();
    assert_true(each == 1 || each == 2);
    finds(doctor_mappings, DOCTOR_SKIPPED, "cannot be read", "");
    snprintf(need, sizeof(need), "vm.max_map_count = %u", 20000 * each + 2000);
    snprintf(less, sizeof(less), "%u\n", 20000 * each + 1999);
    put("sys/vm/max_map_count", less);
    finds(doctor_mappings, DOCTOR_WARNING, "of 20000 clients and streams", need);
    put("sys/vm/max_map_count", "100\n");
    finds(doctor_mappings, DOCTOR_WARNING, "enough for 0 of", need);
    put("sys/vm/max_map_count", "1048576\n");
    finds(doctor_mappings, DOCTOR_OK, "is 1048576", "");
}

static void backlog(void **state)
{
    (void)state;
    finds(doctor_backlog, DOCTOR_SKIPPED, "cannot be read", "");
    put("sys/net/core/somaxconn", "128\n");
    finds(doctor_backlog, DOCTOR_WARNING, "is 128", "net.core.somaxconn = 4096");
    put("sys/net/core/somaxconn", "4096\n");
    finds(doctor_backlog, DOCTOR_OK, "is 4096", "");
}

static void room(void **state)
{
    (void)state;
    d.free_bytes_least = 0;
    finds(doctor_ledger, DOCTOR_OK, "MiB are free", "");
    d.free_bytes_least = INT64_MAX;
    finds(doctor_ledger, DOCTOR_WARNING, "only", "make room");
}

static void more_than_fits(void **state)
{
    (void)state;
    d.n = 0;
    for (unsigned i = 0; i < DOCTOR_FINDINGS_MAX + 5; i++)
        doctor_find(&d, DOCTOR_OK, STR_NONE, "finding %u", i);
    assert_int_equal(d.n, DOCTOR_FINDINGS_MAX);
    assert_true(str_eq(d.at[d.n - 1].text, STR("there is more to say than is shown")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mappings),
        cmocka_unit_test(backlog),
        cmocka_unit_test(room),
        cmocka_unit_test(more_than_fits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
