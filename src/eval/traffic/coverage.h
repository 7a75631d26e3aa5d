/*
 * coverage.h: how much of the traffic the suites' cases stand for, and what they lack.
 *
 * A turn is covered if a case has the same prompt (its fingerprint, llm/prompt.h) and asks nearly
 * the same (near.h, by the threshold); it is `moved` if one asks nearly the same under another
 * prompt only. What is left is missing: it is put together by what is near each other, and the
 * largest of it told. Cases first, then turns, then the report.
 *
 * The share's interval is Wilson's (stats/share.h) of as many turns as the sample is worth: those
 * of one session are alike, so the variance between sessions says how many independent ones it has
 * (the design effect of L. Kish, "Survey Sampling", 1965; the variance of a ratio over clusters).
 *
 * Memory is bounded by what it is born with; past that, what is missing is counted but no more told
 * apart. Nothing yields.
 */
#ifndef EVAL_COVERAGE_H
#define EVAL_COVERAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "eval/stats/estimate.h"
#include "eval/traffic/near.h"

#define COVERAGE_DAYS_MAX    1024
#define COVERAGE_PROMPTS_MAX 4096
#define COVERAGE_TEXT_BYTES  160 /* of a text that is told */
#define COVERAGE_NAME_BYTES  64

struct coverage;

struct coverage_settings {
    double near; /* the least likeness of a near neighbour */
    bool by_week;
    size_t bytes_max;
};
MUSTCHECK int coverage_new(const struct coverage_settings *settings,
                           struct coverage **ret_coverage);
void coverage_free(struct coverage *c);

/* A case of a suite. */
MUSTCHECK int coverage_case(struct coverage *c, uint64_t prompt, const struct near_mark *mark);

/* A prompt's words, by which it is told which one of the suites' another is most like: needed once
 * for each, behind its first case or turn. */
bool coverage_lacks_words(struct coverage *c, uint64_t prompt);
void coverage_words(struct coverage *c, uint64_t prompt, const struct near_sketch *words);

struct coverage_turn {
    struct str id, day; /* "2026-11-27" */
    struct str session; /* or the turn's id, where it has none */
    struct str tenant, model;
    uint64_t prompt; /* 0: none */
    struct str text; /* what is told of it */
    const struct near_mark *mark;
};
MUSTCHECK int coverage_turn(struct coverage *c, const struct coverage_turn *turn);

/* Of some turns. */
struct coverage_count {
    uint64_t turns, covered, moved;
    uint64_t unseen; /* turns with a prompt that no suite has */
};
struct coverage_day {
    char day[11]; /* the day, or the Monday of the week */
    struct coverage_count count;
};
struct coverage_missing {
    uint64_t turns;
    uint64_t prompt;
    char id[32];                    /* of the first of them */
    char text[COVERAGE_TEXT_BYTES]; /* how it begins */
};
struct coverage_prompt {
    uint64_t prompt, turns;
    bool seen; /* by a suite */
    char first_day[11], last_day[11];
    char tenant[COVERAGE_NAME_BYTES], model[COVERAGE_NAME_BYTES]; /* of its first turn */
    char id[32];
    /* Of one that no suite has: which of theirs it is most like, and how much, 0 to 1. 0: none. */
    uint64_t like;
    double alike;
};

struct coverage_report {
    struct coverage_count all;
    uint64_t sessions, cases;
    double design_effect; /* turns for each independent one */
    unsigned days_n, missing_n, prompts_n;
    const struct coverage_day *days;        /* in order */
    const struct coverage_missing *missing; /* the largest first */
    const struct coverage_prompt *prompts;  /* those that no suite has first, the largest first */
    uint64_t missing_untold;                /* turns that are missing and not in `missing` */
    uint64_t prompts_untold;                /* turns whose prompt is not in `prompts` */
};
/* Once, when all turns are there. What it points to belongs to `c`. */
void coverage_report(struct coverage *c, struct coverage_report *ret_report);
/* The share of `part` of the turns, 0 to 1, with its interval by the report's design effect; no
 * value where there are no turns. */
struct estimate coverage_share(const struct coverage_report *r, uint64_t part, uint64_t turns);

#endif
