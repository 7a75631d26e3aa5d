#include "eval/brake/brake.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/put.h"
#include "eval/suite/suite.h"
#include "version.h"

#define BRAKE_BYTES_MAX  (64u * 1024 * 1024)
#define TOLD_BYTES_MAX   (256u * 1024)
#define CHANGES_MAX      20 /* lines */
#define SUITES_BYTES_MAX (1024u * 1024)
#define NO_FILE          "(no file)"

/*
 * A path from the root, without `.`, `..` and doubled slashes: one name for one file, wherever it
 * is called from. Links stay, because what they lead to changes with each update where a file is
 * deployed by one (a ConfigMap's ..data, a release's `current`). Of the arena, NUL-terminated.
 */
static struct str path_whole(struct arena *a, struct str path)
{
    char *here = str_starts(path, STR("/")) ? NULL : getcwd(NULL, 0);
    struct str rest = arena_printf(a, "%s/%.*s", here ? here : "", STR_ARGS(path));
    char *text = rest.p ? arena_alloc(a, rest.n + 2) : NULL, *end = text;
    free(here);
    if (!text)
        return STR_NONE;
    while (rest.n > 0) {
        struct str part = str_cut(&rest, '/');
        if (str_eq(part, STR(".."))) {
            while (end > text && *--end != '/')
                ;
        } else if (part.n > 0 && !str_eq(part, STR("."))) {
            *end++ = '/';
            end = put_str(end, part);
        }
    }
    *end = '\0';
    return str_of(text, (size_t)(end - text));
}

/* By which what was in force is found. */
static struct str file_name(struct arena *a, const char *file)
{
    return file ? path_whole(a, str_from(file)) : STR(NO_FILE);
}

/* What a file is called that may be reached in several ways. Of the arena. */
static struct str real_name(struct arena *a, const char *file)
{
    char *real = realpath(file, NULL);
    struct str name = arena_printf(a, "%s", real ? real : file);
    free(real);
    return name;
}

/* The hash that a suite had when it was last looked at; `known` are lines of struct brake. */
static struct str hash_known(struct str path, struct str known)
{
    while (known.n > 0) {
        struct str hash = str_cut(&known, '\n'), its_path = str_cut(&hash, '\t');
        if (str_eq(path, its_path))
            return hash;
    }
    return STR_NONE;
}

/* One that is gone is what it was, or to remove it would be as good as to pass it. */
static int suites_look(struct arena *a, const struct brake_ask *ask, struct str known,
                       struct gate_ask *gate)
{
    const struct conf_strs *named = &ask->evals->suites;
    struct gate_suite *suites = ARENA_ARRAY(a, struct gate_suite, named->n + 1);
    if (!suites)
        return E_MEMORY;
    for (unsigned i = 0; i < named->n; i++) {
        struct fault why = {0};
        char hash[SHA256_HEX_CHARS + 1] = "";
        struct str path = evals_path(a, ask->file, named->at[i]);
        int err = path.p ? suite_digest(path.p, hash, &why) : E_MEMORY;
        if (err == E_MEMORY)
            return err;
        suites[i] = (struct gate_suite){.file = named->at[i],
                                        .hash = err ? hash_known(path_whole(a, path), known)
                                                    : arena_str(a, str_of(hash, SHA256_HEX_CHARS)),
                                        .why = err ? arena_printf(a, "%s", why_text(&why, err))
                                                   : STR_NONE};
        if (err ? !suites[i].why.p : !suites[i].hash.p)
            return E_MEMORY;
    }
    gate->suites = suites;
    gate->suites_n = named->n;
    return 0;
}

static int keep_text(struct arena *a, struct buf *from, struct str *ret_text)
{
    int err = from->failed;
    if (!err && from->n > 0) {
        *ret_text = arena_str(a, buf_view(from));
        err = ret_text->p ? 0 : E_MEMORY;
    }
    buf_fini(from);
    return err;
}

/* As struct brake keeps them. */
static int suites_keep(struct brake *b, const struct brake_ask *ask, const struct gate_ask *gate)
{
    struct buf out;
    int err = 0;
    buf_init(&out, SUITES_BYTES_MAX);
    for (unsigned i = 0; i < gate->suites_n && !err; i++) {
        struct str path = evals_path(&b->arena, ask->file, gate->suites[i].file);
        if (path.p)
            path = path_whole(&b->arena, path);
        err = path.p ? 0 : E_MEMORY;
        buf_printf(&out, "%.*s\t%.*s\n", STR_ARGS(path), STR_ARGS(gate->suites[i].hash));
    }
    b->suites = STR("");
    int kept = keep_text(&b->arena, &out, &b->suites);
    return err ? err : kept;
}

/* Is it among them, by its path, or as the same suite under another name? */
static bool is_still_named(struct str path, struct str hash, struct str suites)
{
    while (suites.n > 0) {
        struct str other = str_cut(&suites, '\n'), other_path = str_cut(&other, '\t');
        if (str_eq(path, other_path) || (hash.n > 0 && str_eq(hash, other)))
            return true;
    }
    return false;
}

/* Those that held the brake until now, and that this configuration does not name. */
static int dropped_look(struct arena *a, struct str before, struct str now, struct gate_ask *gate)
{
    size_t lines = 1;
    for (size_t i = 0; i < before.n; i++)
        lines += before.p[i] == '\n';
    struct str *dropped = ARENA_ARRAY(a, struct str, lines);
    if (!dropped)
        return E_MEMORY;
    while (before.n > 0) {
        struct str hash = str_cut(&before, '\n'), path = str_cut(&hash, '\t');
        if (path.n > 0 && !is_still_named(path, hash, now))
            dropped[gate->dropped_n++] = path;
    }
    gate->dropped = dropped;
    return 0;
}

/* A file that cannot be used is what the gate has to know, no error. */
static int records_look(struct arena *a, const char *path, struct gate_ask *gate)
{
    struct fault why = {0};
    int err = gate->suites_n + gate->dropped_n > 0 ? record_read(a, path, &gate->records, &why) : 0;
    if (!err || err == E_MEMORY)
        return err;
    gate->records_wrong = arena_printf(a, "%s", why_text(&why, err));
    return gate->records_wrong.p ? 0 : E_MEMORY;
}

/* What was in force last. */
struct before {
    struct str lines, suites, unforced; /* as in struct brake */
};

/* What was in force: in this process, by this file, in its place. The changes are against the first
 * that is known. */
static int good_look(struct arena *a, const struct brake_ask *ask, struct gate_ask *gate,
                     struct before *ret_before, struct fault *f)
{
    struct last_good kept[LAST_GOODS] = {{.at_wall_us = 0}};
    struct str *good = ARENA_ARRAY(a, struct str, LAST_GOODS + 2);
    struct str file = file_name(a, ask->file);
    int err = good && file.p ? 0 : E_MEMORY;
    if (!err && ask->ledger.n > 0)
        err = last_good_read(a, ask->ledger, file, kept, f);
    bool same = ask->running && str_eq(str_from(ask->running->answers), gate->answers);
    if (err == E_STORE && (ask->evals->suites.n == 0 || same)) {
        fault_clear(f); /* it would decide nothing */
        err = 0;
    }
    if (err)
        return err;
    if (ask->running) {
        good[gate->good_n++] = str_from(ask->running->answers);
        good[gate->good_n++] = str_from(ask->running->unforced);
        *ret_before = (struct before){
            .lines = ask->running->lines, .suites = ask->running->suites, .unforced = good[1]};
    } else {
        ret_before->unforced = kept[LAST_GOOD_UNFORCED].answers;
    }
    for (unsigned of = LAST_GOODS; of-- > 0;) { /* what was sent was in force later */
        if (kept[of].answers.n == 0)
            continue;
        if (gate->good_n == 0) {
            ret_before->lines = kept[of].lines;
            ret_before->suites = kept[of].suites;
        }
        good[gate->good_n++] = kept[of].answers;
    }
    gate->good = good;
    return 0;
}

static int tell(struct brake *b, const struct brake_ask *ask, const struct gate_ask *gate,
                const struct gate_words *where, struct str before)
{
    struct buf out;
    buf_init(&out, TOLD_BYTES_MAX);
    int err = b->decision.changed ? conf_answers_diff(before, b->lines, CHANGES_MAX, &out) : 0;
    int kept = keep_text(&b->arena, &out, &b->changes);
    if (err || kept)
        return err ? err : kept;
    const struct gate_words words = {
        .file = ask->sent ? NULL : where->file, .records = where->records, .changes = b->changes};
    buf_init(&out, TOLD_BYTES_MAX);
    err = gate_tell(gate, &b->decision, &words, &out);
    kept = keep_text(&b->arena, &out, &b->told);
    return err ? err : kept;
}

static int look(struct brake *b, const struct brake_ask *ask, struct fault *f)
{
    struct arena *a = &b->arena;
    struct before before = {.lines = STR_NONE};
    struct gate_ask gate = {.now_wall_us = clock_wall_us(),
                            .old_after_ms = ask->evals->old_after_ms};
    /* Who reads what a running one says need not be in its folder. */
    const char *file = ask->running && ask->file ? file_name(a, ask->file).p : ask->file;
    struct str records = evals_records_path(a, ask->evals, file);
    int err = records.p && (file || !ask->file) ? conf_answers(a, ask->root, ask->doc, &b->lines)
                                                : E_MEMORY;
    if (!err)
        err = conf_answers_hash(b->lines, b->answers);
    gate.answers = str_from(b->answers);
    if (!err)
        err = good_look(a, ask, &gate, &before, f);
    if (!err)
        err = suites_look(a, ask, before.suites, &gate);
    if (!err)
        err = suites_keep(b, ask, &gate);
    if (!err)
        err = dropped_look(a, before.suites, b->suites, &gate);
    if (!err)
        err = records_look(a, records.p, &gate);
    if (!err)
        err = gate_decide(a, &gate, &b->decision);
    if (err)
        return err;
    b->suites_n = gate.suites_n;
    snprintf(b->unforced, sizeof(b->unforced), "%.*s",
             STR_ARGS(b->decision.forced ? before.unforced : gate.answers));
    const struct gate_words where = {.file = file, .records = records.p};
    return tell(b, ask, &gate, &where, before.lines);
}

int brake_look(const struct brake_ask *ask, struct brake **ret_brake, struct fault *f)
{
    struct brake *b = calloc(1, sizeof(*b));
    if (!b)
        return E_MEMORY;
    b->refs = 1;
    arena_init_private(&b->arena, BRAKE_BYTES_MAX);
    int err = look(b, ask, f);
    if (err)
        brake_unref(b);
    else
        *ret_brake = b;
    return err;
}

struct brake *brake_ref(struct brake *b)
{
    b->refs++;
    return b;
}

void brake_unref(struct brake *b)
{
    if (!b || --b->refs > 0)
        return;
    arena_fini(&b->arena);
    free(b);
}

int brake_keep(const struct brake *b, struct str ledger, const char *file, enum last_good_of of,
               struct fault *f)
{
    struct arena a;
    arena_init_private(&a, 64 * 1024);
    struct str name = file_name(&a, file);
    const struct last_good good = {.answers = str_from(b->answers),
                                   .lines = b->lines,
                                   .suites = b->suites,
                                   .at_wall_us = clock_wall_us()};
    bool forced = b->decision.forced != NULL;
    int err = name.p ? last_good_write(ledger, name, of, forced, &good, f) : E_MEMORY;
    arena_fini(&a);
    return err;
}

struct str brake_suite_named(struct arena *a, const struct brake_ask *ask, struct str path)
{
    const struct conf_strs *named = &ask->evals->suites;
    struct str from_here = arena_printf(a, "%.*s", STR_ARGS(path));
    struct str wanted = from_here.p ? real_name(a, from_here.p) : STR_NONE;
    for (unsigned i = 0; i < named->n && wanted.p; i++) {
        struct str one = evals_path(a, ask->file, named->at[i]);
        struct str real = one.p ? real_name(a, one.p) : STR_NONE;
        if (real.p && str_eq(real, wanted))
            return named->at[i];
    }
    return STR_NONE;
}

int brake_record_add(const struct brake_ask *ask, const struct record *r, struct fault *f)
{
    struct arena a;
    struct str lines = STR_NONE;
    char answers[CONF_ANSWERS_HEX_BYTES];
    struct last_good kept[LAST_GOODS] = {{.at_wall_us = 0}};
    struct record whole = *r;
    arena_init_private(&a, BRAKE_BYTES_MAX);
    struct str path = evals_records_path(&a, ask->evals, ask->file);
    struct str file = file_name(&a, ask->file);
    int err = path.p && file.p ? conf_answers(&a, ask->root, ask->doc, &lines) : E_MEMORY;
    if (!err)
        err = conf_answers_hash(lines, answers);
    /* Where that cannot be told, a few records more may go. */
    if (!err && ask->ledger.n > 0 && last_good_read(&a, ask->ledger, file, kept, NULL) != 0)
        kept[LAST_GOOD_FILE] = (struct last_good){.at_wall_us = 0};
    if (!err) {
        if (whole.answers.n == 0)
            whole.answers = str_from(answers);
        struct str named = brake_suite_named(&a, ask, whole.suite_file);
        if (named.p)
            whole.suite_file = named;
        if (whole.sluice.n == 0)
            whole.sluice = STR(SLUICE_VERSION);
        const struct record_keep keep = {.of_suite = ask->evals->keep,
                                         .in_force = kept[LAST_GOOD_FILE].answers};
        err = record_add(path.p, &whole, &keep, f);
    }
    arena_fini(&a);
    return err;
}
