/*
 * gate.h: may this configuration come into force? The brake's decision (design, rule 11), pure.
 *
 * Answers that were in force before may always come again. Others need, of each suite that the
 * configuration names, a record that it passed for them, or one that somebody forced them. Where
 * nothing was in force before, as on a machine that is new, the records decide alone, and a pass
 * under an older version of a suite is enough: such a configuration stands elsewhere. Where no
 * suite is named nothing is held. A configuration does not pick its own brake: one that lets a
 * suite go and answers otherwise in the same step is held, and may do the one after the other.
 */
#ifndef EVAL_GATE_H
#define EVAL_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/str.h"
#include "eval/brake/record.h"

/* A suite that the configuration names. */
struct gate_suite {
    struct str file; /* as the configuration writes it */
    struct str hash; /* suite_digest; n == 0: it never was read here */
    struct str why;  /* n > 0: it cannot be read here, for this reason */
};

struct gate_ask {
    struct str answers;     /* conf_answers_hash of what wants to come into force */
    const struct str *good; /* those that were in force before */
    unsigned good_n;
    const struct gate_suite *suites;
    unsigned suites_n;
    const struct str *dropped; /* suites that held the brake until now and are not named any more */
    unsigned dropped_n;
    struct records records;
    struct str records_wrong; /* n > 0: the file of records cannot be used, and why */
    int64_t now_wall_us;
    int64_t old_after_ms; /* 0: never */
};

enum gate_found {
    GATE_RUN_PASSED,
    GATE_RUN_NONE,   /* no run for these answers is recorded */
    GATE_RUN_FAILED, /* the last one failed */
    GATE_RUN_OTHER,  /* only runs of another version of the suite; the last of them passed */
    GATE_RUN_UNSEEN, /* a run passed, but what the suite is now cannot be told */
};

struct gate_finding {
    enum gate_found found;
    const struct record *record; /* the run; NULL: none */
};

enum gate_reason {
    GATE_PASSED,    /* every suite, for these answers */
    GATE_SAME,      /* they were in force before */
    GATE_FORCED,    /* by somebody, with a reason */
    GATE_ELSEWHERE, /* nothing was before; they passed, as far as can be told here */
    GATE_NO_SUITES, /* there is nothing to go by */
    GATE_HELD,      /* they may not come into force */
};

struct gate_decision {
    enum gate_reason reason;
    bool changed;                /* something was in force before, and answered otherwise */
    const struct record *forced; /* what these answers go by for want of a pass; NULL: nothing */
    int64_t passed_wall_us;      /* the date of the oldest pass that counts; 0: none */
    bool old;                    /* it is older than it should be */
    const struct gate_finding *suites; /* as many as were asked about */
};

/* The newest record counts. All that the decision points to is the arena's or the question's. 0 or
 * E_MEMORY. */
MUSTCHECK int gate_decide(struct arena *a, const struct gate_ask *ask,
                          struct gate_decision *ret_decision);

/* For what is said to people. */
struct gate_words {
    const char *file;    /* of the configuration; NULL: it is not known */
    const char *records; /* the file of records */
    struct str changes;  /* lines of what changed; may be none */
};

/*
 * What is to be said of it, as lines: "refused: ...", with what changed, which suites lack a pass
 * and the commands that would get it through; or "warning: ...". Nothing where all is well.
 */
MUSTCHECK int gate_tell(const struct gate_ask *ask, const struct gate_decision *decision,
                        const struct gate_words *words, struct buf *out);

#endif
