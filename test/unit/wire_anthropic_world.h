/* wire_anthropic_world.h: what the tests of Anthropic's wire share. */
#ifndef WIRE_ANTHROPIC_WORLD_H
#define WIRE_ANTHROPIC_WORLD_H

#include <dirent.h>

#include "wire_world.h"

#define FIXTURES "test/fixture/wire/anthropic"

static struct arena arena;
static struct fault fault;

static inline int setup(void **state)
{
    (void)state;
    arena_init(&arena, 64u << 20);
    fault_clear(&fault);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static inline struct str kept(struct buf *b, int err)
{
    if (err || b->failed)
        fail_msg("not written: %d, %s", err, fault_text(&fault));
    struct str s = arena_str(&arena, buf_view(b));
    buf_fini(b);
    assert_non_null(s.p);
    return s;
}

/* Calls `replay` for each folder of the fixtures, with memory of its own; the sum of what it says.
 */
static inline unsigned replay_all(void **state, unsigned (*replay)(const char *folder))
{
    DIR *dir = opendir(FIXTURES);
    assert_non_null(dir);
    unsigned sum = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        (void)teardown(state);
        (void)setup(state);
        assert_true(fixture_read(&arena, FIXTURES, entry->d_name, "about.txt").n > 20);
        sum += replay(entry->d_name);
    }
    closedir(dir);
    return sum;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
