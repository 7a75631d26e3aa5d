/* test_address.c: addresses as texts, and the networks that they are in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "net/address.h"

static void test_is_loopback(void **state)
{
    (void)state;
    const char *yes[] = {"127.0.0.1:80",   "127.9.9.9:1",           "[::1]:80",
                         "localhost:8080", "[::ffff:127.0.0.1]:80", "unix:/run/x.sock"};
    const char *no[] = {":8080",        "0.0.0.0:80",     "[::]:80", "10.0.0.1:80",
                        "[fe80::1]:80", "example.com:80", "",        "127.0.0.1"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(address_is_loopback(yes[i]));
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_false(address_is_loopback(no[i]));
}

static void test_clashes(void **state)
{
    (void)state;
    static const struct {
        const char *one, *other;
        bool clash;
    } rows[] = {
        {"127.0.0.1:80", "127.0.0.1:80", true},
        {"127.0.0.1:80", "localhost:80", true},
        {"127.0.0.1:80", "[::ffff:127.0.0.1]:80", true},
        {"127.0.0.1:80", "0.0.0.0:80", true},
        {"127.0.0.1:80", ":80", true},
        {"127.0.0.1:80", "[::]:80", true},
        {"[::1]:80", "[::]:80", true},
        {"[::1]:80", "[0:0::1]:80", true},
        {":80", "0.0.0.0:80", true},
        {"unix:/a", "unix:/a", true},
        {"127.0.0.1:80", "127.0.0.1:81", false},
        {"127.0.0.1:80", "127.0.0.2:80", false},
        {"127.0.0.1:80", "[::1]:80", false},
        {"0.0.0.0:80", "[::1]:80", false},
        {"127.0.0.1:0", "127.0.0.1:0", false},
        {"unix:/a", "unix:/b", false},
        {"unix:/a", "127.0.0.1:80", false},
        {"nonsense", "nonsense", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (address_clashes(rows[i].one, rows[i].other) != rows[i].clash ||
            address_clashes(rows[i].other, rows[i].one) != rows[i].clash)
            fail_msg("%s and %s", rows[i].one, rows[i].other);
}

static void same(const char *address, const char *other, bool are)
{
    if (address_is_same(address, other) != are || address_is_same(other, address) != are)
        fail_msg("%s and %s", address, other);
}

static void test_is_same(void **state)
{
    (void)state;
    same("127.0.0.1:80", "localhost:80", true);
    same(":80", "[::]:80", true);
    same("unix:/a", "unix:/a", true);
    same("127.0.0.1:80", "127.0.0.1:81", false);
    same(":80", "127.0.0.1:80", false); /* they clash, but it is another socket */
    same("127.0.0.1:0", "127.0.0.1:0", false);
    same("unix:/a", "unix:/b", false);
    same("nonsense", "nonsense", false);
}

/* ---- as text */

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *address, *text, *host;
    } rows[] = {{"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1"},
                {"localhost:1", "127.0.0.1:1", "127.0.0.1"},
                {"[2001:DB8:0::1]:65535", "[2001:db8::1]:65535", "2001:db8::1"},
                {"[::ffff:10.1.2.3]:80", "[::ffff:10.1.2.3]:80", "10.1.2.3"},
                {":80", "[::]:80", "::"},
                {"unix:/run/x", "unix:/run/x", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        union address a, copy;
        socklen_t len;
        char text[ADDRESS_BYTES], host[ADDRESS_HOST_BYTES];
        assert_int_equal(address_parse(rows[i].address, &a, &len, NULL), 0);
        assert_int_equal(address_format(&a, text), 0);
        assert_string_equal(text, rows[i].text);
        address_copy(&copy, &a.any);
        struct str name = address_host(&copy.any, host);
        if (rows[i].host)
            assert_string_equal(name.p, rows[i].host);
        else
            assert_null(name.p);
    }
}

/* ---- networks */

static void in_network(const char *network, const char *address, bool is)
{
    struct network n;
    union address a;
    socklen_t len;
    struct fault f = {0};
    if (network_parse(str_from(network), &n, &f) != 0)
        fail_msg("%s", f.text);
    assert_int_equal(address_parse(address, &a, &len, &f), 0);
    if (network_has(&n, &a.any) != is)
        fail_msg("%s and %s", network, address);
}

static void test_networks(void **state)
{
    (void)state;
    in_network("10.0.0.0/8", "10.255.3.4:1", true);
    in_network("10.0.0.0/8", "[::ffff:10.255.3.4]:1", true);
    in_network("10.0.0.0/8", "11.0.0.0:1", false);
    in_network("10.0.0.0/8", "[a00::]:1", false);
    in_network("192.0.2.7", "192.0.2.7:1", true);
    in_network("192.0.2.7", "192.0.2.6:1", false);
    in_network("192.0.2.4/31", "192.0.2.5:1", true);
    in_network("192.0.2.4/31", "192.0.2.6:1", false);
    in_network("192.0.2.4/12", "192.15.0.0:1", true); /* what stands behind the bits is not asked */
    in_network("192.0.2.4/12", "192.16.0.0:1", false);
    in_network("0.0.0.0/0", "203.0.113.9:1", true);
    in_network("0.0.0.0/0", "[2001:db8::1]:1", false);
    in_network("::/0", "203.0.113.9:1", true);
    in_network("fd00::/7", "[fc12::1]:1", true);
    in_network("fd00::/7", "[fe00::1]:1", false);
    in_network("::1", "[::1]:1", true);
    in_network("::1", "127.0.0.1:1", false);
    in_network("unix", "unix:/run/x", true);
    in_network("unix", "127.0.0.1:1", false);
    in_network("::/0", "unix:/run/x", false);
}

static void test_no_networks(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "10.0.0/8",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "::/129",
        "proxy.lan",
        "unix:/run/x",
        "[::1]",
        "10.0.0.1:80",
        "/8",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/1"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct network n;
        struct fault f = {0};
        if (network_parse(str_from(rows[i]), &n, &f) != E_CONFIG || !f.text[0])
            fail_msg("%s", rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_loopback), cmocka_unit_test(test_clashes),
        cmocka_unit_test(test_is_same),     cmocka_unit_test(test_text),
        cmocka_unit_test(test_networks),    cmocka_unit_test(test_no_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
