/* import.c: what both importers share. */
#include "eval/import/import.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "eval/import/draft.h"
#include "eval/suite/newfile.h"

#define ARENA_BYTES_MAX (1024ull * 1024 * 1024)
#define NOTES_BYTES_MAX (16u * 1024 * 1024)
#define TEXT_BYTES_MAX  (64u * 1024 * 1024)

void import_init(struct import_done *done)
{
    *done = (struct import_done){0};
    arena_init_private(&done->arena, ARENA_BYTES_MAX);
    buf_init(&done->notes, NOTES_BYTES_MAX);
}

void import_fini(struct import_done *done)
{
    buf_fini(&done->notes);
    arena_fini(&done->arena);
}

/* ---- what is told ---- */

static const char *const remarks[] = {
    "space at the ends of answers and of expected texts does not count here",
    "whether an answer refuses is said by sluice's own grader, not by a list of beginnings",
    "a rubric is judged on a scale of 5 and passes from 4 on; `pass` changes that",
    "JSON within a code fence counts as JSON here",
    "fuzzy matches take whole words here, not parts of words",
    "regular expressions are Perl's here, not JavaScript's; they differ in rare things",
};

void import_remark(struct import_done *done, enum import_remark which)
{
    if (done->remarks & which)
        return;
    done->remarks |= which;
    buf_printf(&done->notes, "note: %s\n", remarks[__builtin_ctz(which)]);
}

static void note_put(struct import_done *done, struct str where, const char *fmt, va_list args)
    PRINTF(3, 0);
static void note_put(struct import_done *done, struct str where, const char *fmt, va_list args)
{
    char text[600];
    vsnprintf(text, sizeof(text), fmt, args);
    buf_printf(&done->notes, "%.*s: %s\n", STR_ARGS(where), text);
}

void import_left_out(struct import_done *done, struct str where, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    note_put(done, where, fmt, args);
    va_end(args);
    done->left_out++;
}

void import_note(struct import_done *done, struct str where, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    note_put(done, where, fmt, args);
    va_end(args);
}

/* ---- files ---- */

struct str import_path(struct arena *a, struct str beside, struct str name)
{
    if (str_starts(name, STR("file://")))
        name = str_tail(name, 7);
    const char *slash = beside.n ? memrchr(beside.p, '/', beside.n) : NULL;
    if (str_starts(name, STR("/")) || !slash)
        return arena_str(a, name);
    return arena_printf(a, "%.*s/%.*s", (int)(slash - beside.p), beside.p, STR_ARGS(name));
}

int import_text(struct arena *a, struct str path, struct str *ret_text, struct fault *f)
{
    struct buf text;
    FILE *file = fopen(path.p, "rbe");
    if (!file)
        return fault_set(f, E_IO, "%.*s cannot be read: %s", STR_ARGS(path), strerror(errno));
    buf_init(&text, TEXT_BYTES_MAX);
    char piece[16384];
    size_t n;
    int err = 0;
    while (!err && (n = fread(piece, 1, sizeof(piece), file)) > 0)
        err = buf_add(&text, piece, n);
    if (ferror(file))
        err = fault_set(f, E_IO, "%.*s cannot be read", STR_ARGS(path));
    (void)fclose(file);
    if (err == E_TOO_LARGE)
        fault_set(f, err, "%.*s is larger than %u MiB", STR_ARGS(path), TEXT_BYTES_MAX >> 20);
    *ret_text = err ? STR_NONE : arena_str(a, buf_view(&text));
    buf_fini(&text);
    return err ? err : ret_text->p ? 0 : E_MEMORY;
}

struct str import_stem(struct str path)
{
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    struct str name = slash ? str_tail(path, (size_t)(slash + 1 - path.p)) : path;
    const char *dot = name.n ? memchr(name.p + 1, '.', name.n - 1) : NULL;
    return dot ? str_head(name, (size_t)(dot - name.p)) : name;
}

struct str import_name(struct arena *a, struct str name)
{
    struct str copy = arena_str(a, str_head_utf8(name, 80));
    for (size_t i = 0; copy.p && i < copy.n; i++) {
        char c = copy.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || (c == '.' && i > 0);
        if (!good)
            ((char *)(uintptr_t)copy.p)[i] = '-';
    }
    return copy;
}

/* ---- JSON ---- */

struct str import_quoted(struct arena *a, struct str text)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    int err = json_quote(&out, text);
    struct str quoted = err ? STR_NONE : arena_str(a, buf_view(&out));
    buf_fini(&out);
    return quoted;
}

struct str import_json(struct arena *a, yyjson_val *value)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    int err = json_value(&out, value);
    struct str json = err ? STR_NONE : arena_str(a, buf_view(&out));
    buf_fini(&out);
    return json;
}

/* ---- suites ---- */

/* Reads what was written, and asks of each case what would be sent. */
static int suite_try(struct str path, unsigned *ret_cases, struct fault *f)
{
    struct suite *suite = NULL;
    int err = suite_load(path.p, &suite, f);
    *ret_cases = err ? 0 : suite->cases_n;
    if (err == E_CONFIG && suite && suite->doc && conf_problem_count(suite->doc) > 0) {
        const struct conf_problem *p = conf_problem(suite->doc, 0);
        fault_set(f, err, "%.*s:%u: %.*s", STR_ARGS(path), p->line, STR_ARGS(p->text));
    }
    for (unsigned i = 0; !err && i < suite->cases_n; i++) {
        struct arena scratch;
        struct str body;
        arena_init_private(&scratch, ARENA_BYTES_MAX);
        err = suite_request(suite, &suite->cases[i], STR_NONE, &scratch, &body, f);
        arena_fini(&scratch);
    }
    suite_free(suite);
    return err;
}

int import_write(const struct import_wish *wish, struct import_done *done, const struct draft *d,
                 struct str name, struct draft_suite *suites, unsigned n, struct fault *f)
{
    struct arena *a = &done->arena;
    if (d->cases_n == 0)
        return fault_set(f, E_BAD_REQUEST,
                         "%.*s: none of its cases has anything that could be converted, so there "
                         "is no suite to write",
                         STR_ARGS(wish->file));
    struct str file = import_name(a, name);
    struct str cases = arena_printf(a, "%.*s.jsonl", STR_ARGS(file));
    struct str path = arena_printf(a, "%.*s/%.*s", STR_ARGS(wish->out), STR_ARGS(cases));
    int err = file.p && cases.p && path.p ? newfile_folders(wish->out, f) : E_MEMORY;
    if (!err)
        err = draft_write_cases(d, path, f);
    for (unsigned i = 0; i < n && !err; i++) {
        struct import_suite *s = &done->suites[done->suites_n];
        if (done->suites_n == IMPORT_SUITES_MAX)
            return fault_set(f, E_TOO_LARGE, "%.*s makes more than %d suites", STR_ARGS(wish->file),
                             IMPORT_SUITES_MAX);
        s->path = i ? arena_printf(a, "%.*s/%.*s-%u.yaml", STR_ARGS(wish->out), STR_ARGS(file),
                                   i + 1)
                    : arena_printf(a, "%.*s/%.*s.yaml", STR_ARGS(wish->out), STR_ARGS(file));
        suites[i].cases_file = cases;
        suites[i].model = wish->model;
        err = s->path.p ? draft_write_suite(d, &suites[i], s->path, f) : E_MEMORY;
        if (!err)
            err = suite_try(s->path, &s->cases, f);
        done->suites_n += !err;
    }
    return err;
}
