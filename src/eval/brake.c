#include "eval/brake.h"

#include <limits.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "eval/suite.h"
#include "version.h"

#define BRAKE_BYTES_MAX (64u * 1024 * 1024)
#define TOLD_BYTES_MAX  (256u * 1024)
#define CHANGES_MAX     20 /* lines */
#define NO_FILE         "(no file)"

/* By one name for one file, wherever it is called from. Of the arena. */
static struct str file_name(struct arena *a, const char *file)
{
    char *real = file ? realpath(file, NULL) : NULL;
    struct str name = arena_printf(a, "%s", real ? real : file ? file : NO_FILE);
    free(real);
    return name;
}

static int suites_look(struct arena *a, const struct brake_ask *ask, struct gate_ask *gate)
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
        suites[i] = (struct gate_suite){
            .file = named->at[i],
            .hash = err ? STR_NONE : arena_str(a, str_of(hash, SHA256_HEX_CHARS)),
            .why = err ? arena_printf(a, "%s", why_text(&why, err)) : STR_NONE};
        if (err ? !suites[i].why.p : !suites[i].hash.p)
            return E_MEMORY;
    }
    gate->suites = suites;
    gate->suites_n = named->n;
    return 0;
}

/* A file that cannot be used is what the gate has to know, no error. */
static int records_look(struct arena *a, const char *path, struct gate_ask *gate)
{
    struct fault why = {0};
    int err = gate->suites_n > 0 ? record_read(a, path, &gate->records, &why) : 0;
    if (!err || err == E_MEMORY)
        return err;
    gate->records_wrong = arena_printf(a, "%s", why_text(&why, err));
    return gate->records_wrong.p ? 0 : E_MEMORY;
}

/* What was in force: in this process, by this file, in its place. The changes are against the first
 * that is known. */
static int good_look(struct arena *a, const struct brake_ask *ask, struct gate_ask *gate,
                     struct str *ret_lines, struct fault *f)
{
    struct last_good kept[LAST_GOODS] = {{.at_wall_us = 0}};
    struct str *good = ARENA_ARRAY(a, struct str, LAST_GOODS + 1);
    struct str file = file_name(a, ask->file);
    int err = good && file.p ? 0 : E_MEMORY;
    if (!err && ask->ledger.n > 0)
        err = last_good_read(a, ask->ledger, file, kept, f);
    bool same = ask->running && str_eq(str_from(ask->running->answers), gate->answers);
    if (err == E_STORE && (gate->suites_n == 0 || same)) {
        fault_clear(f); /* it would decide nothing */
        err = 0;
    }
    if (err)
        return err;
    if (ask->running) {
        good[gate->good_n++] = str_from(ask->running->answers);
        *ret_lines = ask->running->lines;
    }
    for (unsigned of = LAST_GOODS; of-- > 0;) { /* what was sent was in force later */
        if (kept[of].answers.n == 0)
            continue;
        if (gate->good_n == 0)
            *ret_lines = kept[of].lines;
        good[gate->good_n++] = kept[of].answers;
    }
    gate->good = good;
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

static int tell(struct brake *b, const struct brake_ask *ask, const struct gate_ask *gate,
                const char *records, struct str before)
{
    struct buf out;
    buf_init(&out, TOLD_BYTES_MAX);
    int err = b->decision.changed ? conf_answers_diff(before, b->lines, CHANGES_MAX, &out) : 0;
    int kept = keep_text(&b->arena, &out, &b->changes);
    if (err || kept)
        return err ? err : kept;
    const struct gate_words words = {
        .file = ask->sent ? NULL : ask->file, .records = records, .changes = b->changes};
    buf_init(&out, TOLD_BYTES_MAX);
    err = gate_tell(gate, &b->decision, &words, &out);
    kept = keep_text(&b->arena, &out, &b->told);
    return err ? err : kept;
}

static int look(struct brake *b, const struct brake_ask *ask, struct fault *f)
{
    struct arena *a = &b->arena;
    struct str before = STR_NONE;
    struct gate_ask gate = {.now_wall_us = clock_wall_us(),
                            .old_after_ms = ask->evals->old_after_ms};
    struct str records = evals_records_path(a, ask->evals, ask->file);
    int err = records.p ? conf_answers(a, ask->root, ask->doc, &b->lines) : E_MEMORY;
    if (!err)
        err = conf_answers_hash(b->lines, b->answers);
    gate.answers = str_from(b->answers);
    if (!err)
        err = suites_look(a, ask, &gate);
    if (!err)
        err = records_look(a, records.p, &gate);
    if (!err)
        err = good_look(a, ask, &gate, &before, f);
    if (!err)
        err = gate_decide(a, &gate, &b->decision);
    b->suites_n = gate.suites_n;
    return err ? err : tell(b, ask, &gate, records.p, before);
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
    const struct last_good good = {
        .answers = str_from(b->answers), .lines = b->lines, .at_wall_us = clock_wall_us()};
    int err = name.p ? last_good_write(ledger, name, of, &good, f) : E_MEMORY;
    arena_fini(&a);
    return err;
}

struct str brake_suite_named(struct arena *a, const struct brake_ask *ask, struct str path)
{
    const struct conf_strs *named = &ask->evals->suites;
    struct str from_here = arena_printf(a, "%.*s", STR_ARGS(path));
    struct str wanted = from_here.p ? file_name(a, from_here.p) : STR_NONE;
    for (unsigned i = 0; i < named->n && wanted.p; i++) {
        struct str one = evals_path(a, ask->file, named->at[i]);
        struct str real = one.p ? file_name(a, one.p) : STR_NONE;
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
        if (whole.at_wall_us == 0)
            whole.at_wall_us = clock_wall_us();
        const struct record_keep keep = {.of_suite = ask->evals->keep,
                                         .in_force = kept[LAST_GOOD_FILE].answers};
        err = record_add(path.p, &whole, &keep, f);
    }
    arena_fini(&a);
    return err;
}
