/*
 * fuzz_conf.c: any text is a configuration or a list of problems, never a crash, and what is
 * accepted can be printed and read again with the same values.
 */
#include "../unit/conf_world.h"
#include "fuzz.h"
#include <stdint.h>
#include <stdio.h>

#define OUT_BYTES_MAX (64u * 1024 * 1024)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void environment_set(void)
{
    static bool done;
    if (done)
        return;
    done = true;
    setenv("FULL", "a \"b\" $ {c}\n", 1);
    setenv("NUMBER", "7", 1);
    setenv("EMPTY", "", 1);
}

static void problems_check(struct conf_doc *doc, int err)
{
    struct buf out;
    buf_init(&out, OUT_BYTES_MAX);
    CHECK((err != 0) == (conf_error_count(doc) > 0));
    unsigned line = 0;
    for (unsigned i = 0; i < conf_problem_count(doc); i++) {
        const struct conf_problem *p = conf_problem(doc, i);
        CHECK(p->text.n > 0);
        CHECK(p->line >= line || p->line == 0);
        line = p->line;
    }
    int failed = conf_problems_print(doc, &out, false);
    CHECK(failed == 0 && (out.n > 0) == (conf_problem_count(doc) > 0));
    buf_fini(&out);
}

static void same_check(const struct conf_doc *one, const struct conf_doc *two)
{
    struct buf out;
    unsigned changes;
    bool restart;
    buf_init(&out, OUT_BYTES_MAX);
    int failed = conf_diff(&world_table, one, two, &out, &changes, &restart);
    CHECK(failed == 0);
    if (changes > 0)
        fprintf(stderr, "changed by printing: %.*s\n", STR_ARGS(buf_view(&out)));
    CHECK(changes == 0);
    buf_fini(&out);
}

static void round_check(const struct conf_doc *doc)
{
    struct buf text;
    struct conf_doc *again;
    buf_init(&text, OUT_BYTES_MAX);
    int failed = conf_print(&world_table, doc, &text);
    CHECK(failed == 0);
    int err = conf_load_over(doc, &world_table, "printed", buf_view(&text), &again);
    if (text.n <= 4u * 1024 * 1024 && err != 0) {
        struct buf out;
        buf_init(&out, OUT_BYTES_MAX);
        failed = conf_problems_print(again, &out, false);
        fprintf(stderr, "%.*s", STR_ARGS(buf_view(&out)));
        CHECK(err == 0 && failed == 0);
    }
    if (err == 0)
        same_check(doc, again);
    conf_unref(again);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_doc *doc;
    environment_set();
    int err = conf_load_text(&world_table, "fuzz", str_of((const char *)data, size), &doc);
    CHECK(doc != NULL);
    problems_check(doc, err);
    if (err == 0) {
        const struct world *w = conf_root(doc);
        CHECK(w->count >= -10 && w->count <= 1000 && w->pause >= 10 && w->choice <= 2);
        round_check(doc);
    }
    const struct world *w = conf_root(doc);
    conf_warn(doc, w->parts.n ? w->parts.at : (const void *)&w->limits.most, "here");
    problems_check(doc, err);
    conf_unref(doc);
    return 0;
}
