#include "base_test.h"

#include <errno.h>

#include "base/err.h"

static const struct {
    int err;
    const char *symbol;
} all[] = {
#define ROW(symbol, code, status, retry, text) {symbol, #symbol},
    ERR_TABLE(ROW)
#undef ROW
};

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_true(all[i].err < 0);
        int status = err_status(all[i].err);
        if (status < 400 || status > 599 || !*err_text(all[i].err))
            fail_msg("%s has status %d", all[i].symbol, status);
        for (const char *c = err_code(all[i].err); *c; c++)
            if (*c != '_' && (*c < 'a' || *c > 'z'))
                fail_msg("%s has the code %s", all[i].symbol, err_code(all[i].err));
        for (size_t k = 0; k < i; k++)
            if (strcmp(err_code(all[i].err), err_code(all[k].err)) == 0)
                fail_msg("%s and %s share a code", all[i].symbol, all[k].symbol);
    }
}

static void looks_up(void **state)
{
    (void)state;
    assert_string_equal(err_code(E_UPSTREAM_AUTH), "upstream_auth");
    assert_string_equal(err_code(E_MEMORY), "out_of_memory"); /* the first row */
    assert_string_equal(err_code(E_STORE), "store_failed");   /* the last row */
    assert_int_equal(err_status(E_TOO_LARGE), 413);
    assert_true(err_retryable(E_RESET));
    assert_false(err_retryable(E_BAD_KEY));
    assert_string_equal(err_code(0), "ok");
    assert_int_equal(err_status(0), 200);
    assert_false(err_retryable(0));
    /* What is no error of ours is a mistake of ours. */
    static const int foreign[] = {1, -1, E_FIRST__, E_LAST__, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        assert_string_equal(err_code(foreign[i]), "internal_error");
}

static void reads_errno(void **state)
{
    (void)state;
    assert_int_equal(err_from_errno(0), 0);
    assert_int_equal(err_from_errno(ECONNRESET), E_RESET);
    assert_int_equal(err_from_errno(ECONNREFUSED), E_REFUSED);
    assert_int_equal(err_from_errno(EPIPE), E_CLOSED);
    assert_int_equal(err_from_errno(ETIMEDOUT), E_TIMEOUT);
    assert_int_equal(err_from_errno(EWOULDBLOCK), E_AGAIN);
    assert_int_equal(err_from_errno(ENOMEM), E_MEMORY);
    assert_int_equal(err_from_errno(ECANCELED), E_CANCELED);
    assert_int_equal(err_from_errno(EMFILE), E_OVERLOADED);
    assert_int_equal(err_from_errno(EXDEV), E_IO);
}

static void the_first_fault_stays(void **state)
{
    (void)state;
    struct fault f = {0};
    assert_int_equal(fault_set(&f, E_DNS, "no address for %s", "example.org"), E_DNS);
    assert_int_equal(fault_set(&f, E_UPSTREAM_BUSY, "all replicas failed"), E_UPSTREAM_BUSY);
    assert_int_equal(f.err, E_DNS);
    assert_string_equal(fault_text(&f), "no address for example.org");
    fault_clear(&f);
    assert_int_equal(f.err, 0);
    assert_int_equal(fault_set(&f, E_TLS, "%500d", 1), E_TLS);
    assert_int_equal(strlen(f.text), FAULT_TEXT_BYTES - 1); /* cut to fit */
    assert_int_equal(fault_set(NULL, E_TLS, "nobody cares"), E_TLS);
    fault_clear(NULL);
    struct fault silent = {.err = E_RESET};
    assert_string_equal(fault_text(&silent), err_text(E_RESET));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(looks_up),
        cmocka_unit_test(reads_errno),
        cmocka_unit_test(the_first_fault_stays),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
