/* test_doors.c: who may call a sluice without keys, by Host and Origin. */
#include "base/err.h"
#include "base_test.h"
#include "guard/doors.h"

static int check(const char *host, const char *origin)
{
    static const struct str hosts[] = {{"gateway.lan", 11}, {"box", 3}};
    struct fault f = {0};
    int err = door_check_local(str_from(host), str_from(origin), hosts, ARRAY_LEN(hosts), &f);
    assert_int_equal(f.err, err);
    return err;
}

static void this_machine_may_be_called(void **state)
{
    (void)state;
    static const char *const good[] = {"localhost",
                                       "localhost:8080",
                                       "LocalHost:1",
                                       "127.0.0.1",
                                       "127.0.0.1:8080",
                                       "127.1.2.3:80",
                                       "127.255.255.255",
                                       "[::1]",
                                       "[::1]:80",
                                       "gateway.lan",
                                       "GATEWAY.lan:8080",
                                       "box",
                                       NULL};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (check(good[i], NULL) != 0)
            fail_msg("Host %s", good[i]);
}

static void others_may_not(void **state)
{
    (void)state;
    static const char *const bad[] = {"127.evil.com",
                                      "127.0.0.1.evil.com",
                                      "127.0.0.1.evil.com:80",
                                      "127.0.0.evil",
                                      "127.0.0.256",
                                      "127.0.0",
                                      "127.1",
                                      "127.0.0.0.1",
                                      "127.0.0.1.",
                                      "128.0.0.1",
                                      "0.0.0.0",
                                      "10.0.0.1:8080",
                                      "evil.com",
                                      "localhost.evil.com",
                                      "evil.com:127.0.0.1",
                                      "notlocalhost",
                                      "localhos",
                                      "[::2]:80",
                                      "[::ffff:127.0.0.1]",
                                      "[::1",
                                      "::1:80",
                                      "gateway.lan.evil.com",
                                      "boxx",
                                      "evil@localhost",
                                      " localhost",
                                      ":80"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (check(bad[i], NULL) != E_BAD_ORIGIN)
            fail_msg("Host %s", bad[i]);
}

static void pages_of_this_machine_may_call(void **state)
{
    (void)state;
    static const char *const good[] = {"http://localhost:8080",   "http://localhost",
                                       "https://127.0.0.1:3000",  "http://[::1]:80",
                                       "http://gateway.lan:8080", NULL};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (check("localhost:8080", good[i]) != 0)
            fail_msg("Origin %s", good[i]);
}

static void other_pages_may_not(void **state)
{
    (void)state;
    static const char *const bad[] = {"null",
                                      "",
                                      "localhost",
                                      "http://evil.com",
                                      "https://evil.com:443",
                                      "http://127.evil.com",
                                      "http://localhost.evil.com",
                                      "http://evil.com://localhost",
                                      "http://",
                                      "file://",
                                      "chrome-extension://abcdef",
                                      "http://10.0.0.1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (check("localhost:8080", bad[i]) != E_BAD_ORIGIN)
            fail_msg("Origin %s", bad[i]);
        if (check(NULL, bad[i]) != E_BAD_ORIGIN)
            fail_msg("Origin %s without a Host", bad[i]);
    }
    /* A good Origin does not make up for a foreign Host. */
    assert_int_equal(check("evil.com", "http://localhost"), E_BAD_ORIGIN);
}

static void says_what_was_refused(void **state)
{
    (void)state;
    struct fault f = {0};
    assert_int_equal(door_check_local(STR("evil.com"), STR_NONE, NULL, 0, &f), E_BAD_ORIGIN);
    assert_non_null(strstr(f.text, "'evil.com'"));
    assert_non_null(strstr(f.text, "'hosts'"));
    fault_clear(&f);
    assert_int_equal(door_check_local(STR("localhost"), STR("http://evil.com"), NULL, 0, &f),
                     E_BAD_ORIGIN);
    assert_non_null(strstr(f.text, "'http://evil.com'"));
    assert_int_equal(door_check_local(STR("gateway.lan"), STR_NONE, NULL, 0, NULL), E_BAD_ORIGIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_machine_may_be_called),     cmocka_unit_test(others_may_not),
        cmocka_unit_test(pages_of_this_machine_may_call), cmocka_unit_test(other_pages_may_not),
        cmocka_unit_test(says_what_was_refused),
    };
    return cmocka_run_group_tests_name("doors", tests, NULL, NULL);
}
