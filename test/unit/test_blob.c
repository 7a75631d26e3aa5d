#include "base_test.h"

#include "base/blob.h"

static void copies_and_counts(void **state)
{
    (void)state;
    char text[] = "shared";
    struct blob *b = blob_new(str_from(text));
    assert_non_null(b);
    text[0] = 'X';
    assert_str(blob_view(b), STR("shared"));
    assert_int_equal(b->bytes[b->n], '\0');
    assert_ptr_equal(blob_ref(b), b);
    assert_int_equal(b->refs, 2);
    blob_unref(b);
    assert_int_equal(b->refs, 1);
    assert_str(blob_view(b), STR("shared")); /* the last owner's still */
    blob_unref(b);                           /* the leak checker counts this one */
    blob_unref(NULL);
}

static void an_empty_one(void **state)
{
    (void)state;
    struct blob *b = blob_new(STR_NONE);
    assert_non_null(b);
    assert_int_equal(blob_view(b).n, 0);
    assert_int_equal(b->bytes[0], '\0');
    blob_unref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_and_counts),
        cmocka_unit_test(an_empty_one),
    };
    return cmocka_run_group_tests_name("blob", tests, NULL, NULL);
}
