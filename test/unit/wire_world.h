/* wire_world.h: what the tests of all wires share: fixtures, JSON, and the words in which answers
 * and streams are told as lines of text. Tests run in the root of the repository. */
#ifndef WIRE_WORLD_H
#define WIRE_WORLD_H

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base_test.h"
#include "llm/wire.h"

/* FOLDER/NAME/FILE, with a zero behind it; STR_NONE where there is no such file. */
static inline struct str fixture_read(struct arena *a, const char *folder, const char *name,
                                      const char *file_name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s/%s", folder, name, file_name);
    FILE *file = fopen(path, "re");
    if (!file)
        return STR_NONE;
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t n = (size_t)ftell(file);
    rewind(file);
    char *text = arena_alloc(a, n + 1);
    assert_true(text && n > 0 && fread(text, 1, n, file) == n);
    assert_int_equal(fclose(file), 0);
    text[n] = 0;
    return str_of(text, n);
}

static inline yyjson_val *parsed(struct arena *a, struct str text)
{
    yyjson_doc *doc = NULL;
    struct fault f = {0};
    if (json_parse(a, text, &doc, &f) != 0)
        fail_msg("%s: %.*s", fault_text(&f), STR_ARGS(text));
    return yyjson_doc_get_root(doc);
}

/* The order of members does not count. */
static inline void assert_same_json(struct arena *a, struct str got, struct str want)
{
    if (!yyjson_equals(parsed(a, got), parsed(a, want)))
        fail_msg("got  %.*s\nwant %.*s", STR_ARGS(got), STR_ARGS(want));
}

static inline void line_str(struct buf *out, const char *name, struct str string)
{
    if (string.p)
        buf_printf(out, " %s%.*s", name, STR_ARGS(string));
}

static inline const char *block_name(enum chat_block_kind kind)
{
    static const char *const names[] = {"text",   "image",    "document", "audio",   "call",
                                        "result", "thinking", "hidden",   "refusal", "other"};
    return names[kind];
}

static inline const char *stop_name(enum chat_stop stop)
{
    static const char *const names[] = {"unsaid", "end",     "length", "sequence",
                                        "call",   "refused", "pause",  "context"};
    return names[stop];
}

static inline void line_usage(struct buf *out, const struct tokens *t)
{
    assert_int_equal(t->source, TOKENS_PROVIDER);
    buf_printf(out, "usage %lld+%lld+%lld %lld+%lld\n", (long long)t->input, (long long)t->cached,
               (long long)t->cache_write, (long long)t->output, (long long)t->reasoning);
}

#endif
