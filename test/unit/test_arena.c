#include "base_test.h"

#include <stdlib.h>

#include "base/arena.h"

#define PIECES 400

static void pieces_hold_what_was_written(void **state)
{
    (void)state;
    struct chance c = {2};
    for (int round = 0; round < 20; round++) {
        struct arena a;
        arena_init(&a, SIZE_MAX);
        struct {
            unsigned char *p;
            size_t n;
        } piece[PIECES];
        for (unsigned i = 0; i < PIECES; i++) {
            piece[i].n = chance_below(&c, chance_below(&c, 20) == 0 ? 20000 : 300);
            piece[i].p = arena_alloc(&a, piece[i].n);
            assert_non_null(piece[i].p);
            assert_int_equal((uintptr_t)piece[i].p % _Alignof(max_align_t), 0);
            memset(piece[i].p, (int)(i % 251), piece[i].n);
        }
        for (unsigned i = 0; i < PIECES; i++)
            for (size_t k = 0; k < piece[i].n; k++)
                assert_int_equal(piece[i].p[k], i % 251);
        arena_fini(&a);
    }
}

static void takes_every_size(void **state)
{
    (void)state;
    for (size_t n = 1; n < 2 * ARENA_BLOCK; n++) {
        struct arena a;
        arena_init(&a, 1 << 20);
        char *before = arena_alloc(&a, 1);
        char *piece = arena_alloc(&a, n);
        char *behind = arena_alloc(&a, 1);
        *before = *behind = 'x';
        memset(piece, 0, n);
        assert_true(*before == 'x' && *behind == 'x');
        arena_fini(&a);
    }
}

static void holds_to_its_ceiling(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 3 * ARENA_BLOCK);
    size_t pieces = 0;
    while (arena_alloc(&a, 100))
        pieces++;
    assert_int_equal(a.held_bytes, 3 * ARENA_BLOCK);
    assert_in_range(pieces, 3 * ARENA_BLOCK / (112 + 16) - 3, 3 * ARENA_BLOCK / 100);
    assert_null(arena_alloc(&a, 5000));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 8));
    assert_null(ARENA_ARRAY(&a, uint64_t, SIZE_MAX / 8 + 2));
    assert_null(arena_str(&a, str_of("", 200)).p);
    arena_fini(&a);
    assert_int_equal(a.held_bytes, 0);
    /* A large piece counts like blocks do. */
    assert_non_null(arena_alloc(&a, 2 * ARENA_BLOCK - 64));
    assert_in_range(a.held_bytes, 2 * ARENA_BLOCK - 64, 2 * ARENA_BLOCK);
    assert_null(arena_alloc(&a, ARENA_BLOCK + 64));
    assert_non_null(arena_alloc(&a, 8)); /* a block still fits */
    arena_fini(&a);
    arena_fini(&a);
}

static void a_large_piece_leaves_the_block_in_use(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    char *before = arena_alloc(&a, 16);
    size_t held = a.held_bytes;
    assert_non_null(arena_alloc(&a, 10000));
    assert_true(a.held_bytes > held + 10000);
    held = a.held_bytes;
    char *behind = arena_alloc(&a, 16);
    assert_int_equal(a.held_bytes, held);
    assert_in_range(behind - before, 16, 64);
    arena_fini(&a);
}

static void empty_pieces_are_no_failure(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    void *first = arena_alloc(&a, 0);
    void *second = arena_alloc(&a, 0);
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    struct str s = arena_str(&a, STR_NONE);
    assert_non_null(s.p);
    assert_int_equal(s.p[0], '\0');
    assert_non_null(ARENA_ARRAY(&a, int, 0));
    arena_fini(&a);
}

static void clears_recycled_memory(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    memset(arena_alloc(&a, 900), 0xff, 900);
    arena_fini(&a);
    const unsigned char *p = arena_zalloc(&a, 900);
    for (int i = 0; i < 900; i++)
        assert_int_equal(p[i], 0);
    struct pair {
        int64_t x, y;
    } *pair = ARENA_NEW(&a, struct pair);
    assert_true(pair->x == 0 && pair->y == 0);
    arena_fini(&a);
}

static void texts(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct str s = arena_str(&a, str_of("abcd", 3));
    assert_str(s, STR("abc"));
    assert_int_equal(s.p[3], '\0');
    s = arena_printf(&a, "%s-%d", "x", 7);
    assert_str(s, STR("x-7"));
    assert_int_equal(s.p[s.n], '\0');
    for (int width = 250; width < 262; width++) { /* around the size of the quick way */
        s = arena_printf(&a, "%*d", width, 5);
        assert_int_equal(s.n, width);
        assert_int_equal(s.p[width - 1], '5');
        assert_int_equal(s.p[width], '\0');
    }
    assert_int_equal(arena_printf(&a, "%5000d", 1).n, 5000);
    arena_fini(&a);
}

static void recycles_blocks(void **state)
{
    (void)state;
    struct arena a, b, mine;
    arena_init(&a, 1 << 20);
    arena_init(&b, 1 << 20);
    arena_init_private(&mine, 1 << 20);
    arena_pool_trim(0);
    assert_int_equal(arena_pool_bytes(), 0);
    for (int i = 0; i < 10; i++)
        assert_non_null(arena_alloc(&a, 1000));
    size_t held = a.held_bytes;
    arena_fini(&a);
    assert_int_equal(arena_pool_bytes(), held);
    assert_non_null(arena_alloc(&mine, 100));
    assert_int_equal(arena_pool_bytes(), held); /* untouched */
    assert_non_null(arena_alloc(&b, 100));
    assert_int_equal(arena_pool_bytes(), held - ARENA_BLOCK);
    arena_fini(&mine);
    assert_int_equal(arena_pool_bytes(), held - ARENA_BLOCK);
    arena_fini(&b);
    assert_int_equal(arena_pool_bytes(), held);
    arena_pool_trim(ARENA_BLOCK);
    assert_int_equal(arena_pool_bytes(), ARENA_BLOCK);
    arena_pool_trim(0);
    assert_int_equal(arena_pool_bytes(), 0);
    assert_non_null(arena_alloc(&a, 50000)); /* a large piece goes back to malloc */
    arena_fini(&a);
    assert_int_equal(arena_pool_bytes(), 0);
}

static void the_pool_has_a_ceiling(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 64u << 20);
    while (a.held_bytes < 20u << 20)
        assert_non_null(arena_alloc(&a, 1000));
    arena_fini(&a);
    assert_int_equal(arena_pool_bytes(), 16u << 20);
    arena_pool_trim(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_hold_what_was_written),
        cmocka_unit_test(takes_every_size),
        cmocka_unit_test(holds_to_its_ceiling),
        cmocka_unit_test(a_large_piece_leaves_the_block_in_use),
        cmocka_unit_test(empty_pieces_are_no_failure),
        cmocka_unit_test(clears_recycled_memory),
        cmocka_unit_test(texts),
        cmocka_unit_test(recycles_blocks),
        cmocka_unit_test(the_pool_has_a_ceiling),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
