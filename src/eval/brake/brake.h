/*
 * brake.h: holds back a configuration that has not shown that its answers are good enough.
 *
 * brake_look gathers what gate.h decides by: what of the configuration shapes answers, what was in
 * force before, the suites as they are now, and the records. It is asked wherever a configuration
 * comes into force: at the start, at SIGHUP, at /admin/config, by `sluice apply`; and by `sluice
 * check`, which only tells. Whoever puts it into force then says so with brake_keep.
 *
 * A look is reference counted, on the loop's thread, and does not change. brake_look and brake_keep
 * block on the disk: for commands, the start and the pool of threads.
 */
#ifndef EVAL_BRAKE_H
#define EVAL_BRAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "conf/conf.h"
#include "eval/brake/gate.h"
#include "eval/brake/last_good.h"
#include "eval/brake/settings.h"

struct brake {
    unsigned refs;
    struct arena arena;
    char answers[CONF_ANSWERS_HEX_BYTES];  /* conf_answers_hash */
    struct str lines;                      /* conf_answers */
    char unforced[CONF_ANSWERS_HEX_BYTES]; /* the last that was not forced; empty: none known */
    unsigned suites_n;
    struct str suites; /* a line each: its path from the root, a tab, suite_digest (or nothing) */
    struct gate_decision decision;
    struct str changes; /* lines of what changed of what shapes answers; n == 0: nothing */
    struct str told;    /* gate_tell; n == 0: all is well */
};

struct brake_ask {
    const struct conf_table *root;
    const struct conf_doc *doc;         /* without errors */
    const struct evals_settings *evals; /* of it */
    const char *file;                   /* of the configuration; NULL: none */
    bool sent;                          /* it is not what stands there, but came in its place */
    struct str ledger;                  /* the database; n == 0: none */
    const struct brake *running;        /* what is in force in this process; NULL: nothing is */
};

/* 0, also where the decision is GATE_HELD; E_STORE where it cannot be told what was in force and
 * that decides, E_INTERNAL, E_MEMORY. */
MUSTCHECK int brake_look(const struct brake_ask *ask, struct brake **ret_brake, struct fault *f);
struct brake *brake_ref(struct brake *b);
void brake_unref(struct brake *b); /* NULL is harmless */

static inline bool brake_holds(const struct brake *b)
{
    return b->decision.reason == GATE_HELD;
}

/* It is in force from now on, as what its file says or as a text that was sent. */
MUSTCHECK int brake_keep(const struct brake *b, struct str ledger, const char *file,
                         enum last_good_of of, struct fault *f);

/* How the configuration writes the path of the suite that is at `path` from the working directory;
 * STR_NONE where it does not name it, or memory is out. */
struct str brake_suite_named(struct arena *a, const struct brake_ask *ask, struct str path);

/*
 * Adds a record to the configuration's file of them, and lets old ones go. Where `r` lacks them,
 * answers and version are filled in. Its suite_file is the path from the working directory,
 * and is written down as the configuration has it. Errors as record_add.
 */
MUSTCHECK int brake_record_add(const struct brake_ask *ask, const struct record *r,
                               struct fault *f);

#endif
