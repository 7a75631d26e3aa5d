/*
 * answers.h: the answers of a run, kept as they come, so that a run can be taken up after a crash
 * and graded again for nothing.
 *
 * A file of one JSON object a line, in the form of a recording (docs/manual.md) with some members
 * more, so that the provider `recorded` plays it. A line is written with one call as soon as its
 * answer is there: a process that is killed loses what was under way and nothing else. A last line
 * without an end is cut off when the file is opened for writing again.
 *
 * Blocks on the disk; for commands. An index of keys is in memory, answers are not.
 */
#ifndef EVAL_ANSWERS_H
#define EVAL_ANSWERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "llm/prices.h"
#include "llm/tokens.h"

struct answers;

/* What came of one question. Texts that are not there have n == 0. */
struct answer {
    struct str key;     /* no other question of the run has it */
    struct str purpose; /* "answer", "judge" */
    struct str turn;    /* the turn's id in the ledger */
    struct str time;    /* ISO */
    struct str asked, provider, model;
    bool done; /* it is an answer; else `error` and `why` say what there is */
    bool live; /* a provider answered just then: no recording, no cache */
    int64_t status;
    struct str error, why;
    struct tokens tokens;
    int64_t cost_usd_nanos; /* or COST_UNKNOWN; of all calls and tries */
    int64_t calls;
    int64_t total_us;   /* of the try that answered */
    struct str request; /* as it was asked, in OpenAI's chat form */
    struct str sent;    /* as it went upstream; the same where empty */
    struct str body;    /* the answer, in OpenAI's chat form */
};

/* Opens the file; `writing`: makes it where there is none, and E_IO where somebody else writes it.
 * The fault names file and line. */
MUSTCHECK int answers_open(const char *path, bool writing, struct answers **ret_answers,
                           struct fault *f);
MUSTCHECK int answers_close(struct answers *a); /* E_IO: what was written may not last; NULL is 0 */

/* The last one that is done of this key; everything lives in the arena. Its cost is that of all
 * lines of the key: what came to nothing before was paid for too. E_NOT_FOUND. */
MUSTCHECK int answers_find(struct answers *a, struct str key, struct arena *arena,
                           struct answer *ret_answer, struct fault *f);
/* The same, and where none is done the last that is not. */
MUSTCHECK int answers_last(struct answers *a, struct str key, struct arena *arena,
                           struct answer *ret_answer, struct fault *f);
/* Of all lines of the key; 0 where there is none. */
int64_t answers_cost(const struct answers *a, struct str key);

/* E_IO where the disk refuses it: it is not kept. */
MUSTCHECK int answers_add(struct answers *a, const struct answer *answer, struct fault *f);

struct answers_sums {
    uint64_t lines, done;
    int64_t cost_usd_nanos; /* of all lines whose cost is known */
    uint64_t unpriced;      /* the others */
};
struct answers_sums answers_sums(const struct answers *a);

#endif
