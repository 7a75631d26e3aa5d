#include "base_test.h"

#include "base/list.h"

struct item {
    int number;
    struct list node;
};

static void check(const struct list *l, const int *want, int count)
{
    int n = 0;
    LIST_EACH(l, it)
    {
        assert_true(n < count);
        assert_int_equal(LIST_ENTRY(it, struct item, node)->number, want[n]);
        n++;
    }
    assert_int_equal(n, count);
    for (const struct list *it = l->prev; it != l; it = it->prev)
        assert_int_equal(LIST_ENTRY(it, struct item, node)->number, want[--n]);
}

static void keeps_order(void **state)
{
    (void)state;
    struct list l;
    struct item item[4];
    list_init(&l);
    assert_true(list_empty(&l));
    assert_null(list_pop_front(&l));
    for (int i = 0; i < 4; i++) {
        item[i].number = i;
        list_init(&item[i].node);
    }
    list_push_back(&l, &item[1].node);
    list_push_back(&l, &item[2].node);
    list_push_front(&l, &item[0].node);
    list_push_back(&l, &item[3].node);
    check(&l, (const int[]){0, 1, 2, 3}, 4);
    list_remove(&item[2].node);
    list_remove(&item[2].node); /* harmless */
    check(&l, (const int[]){0, 1, 3}, 3);
    LIST_EACH_SAFE(&l, it)
    {
        if (LIST_ENTRY(it, struct item, node)->number == 1)
            list_remove(it);
    }
    check(&l, (const int[]){0, 3}, 2);
    assert_ptr_equal(list_pop_front(&l), &item[0].node);
    assert_true(list_empty(&item[0].node));
    list_remove(&item[3].node);
    assert_true(list_empty(&l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order),
    };
    return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
