/* wire_anthropic_world.h: what the tests of Anthropic's wire share. */
#ifndef WIRE_ANTHROPIC_WORLD_H
#define WIRE_ANTHROPIC_WORLD_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base_test.h"
#include "llm/wire.h"

/* Tests run in the root of the repository. */
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

static inline yyjson_val *parsed(struct str text)
{
    yyjson_doc *doc = NULL;
    if (json_parse(&arena, text, &doc, &fault) != 0)
        fail_msg("no JSON: %s: %.*s", fault_text(&fault), STR_ARGS(text));
    return yyjson_doc_get_root(doc);
}

static inline void assert_json(struct str got, struct str want)
{
    if (!yyjson_equals(parsed(got), parsed(want)))
        fail_msg("got  %.*s\nwant %.*s", STR_ARGS(got), STR_ARGS(want));
}

static inline struct str file_read(const char *folder, const char *name)
{
    struct str path = arena_printf(&arena, "%s/%s/%s", FIXTURES, folder, name);
    FILE *file = fopen(path.p, "rb");
    if (!file)
        return STR_NONE;
    char *p = arena_alloc(&arena, 100000);
    assert_non_null(p);
    size_t n = fread(p, 1, 99999, file);
    fclose(file);
    p[n] = 0;
    return str_of(p, n);
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
        assert_true(file_read(entry->d_name, "about.txt").n > 20);
        sum += replay(entry->d_name);
    }
    closedir(dir);
    return sum;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
