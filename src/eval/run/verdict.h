/*
 * verdict.h: what a run's results come to, for the whole suite and for each tag.
 *
 * Figures come with 95 % intervals (stats/): the mean score with Wilson's where every score is yes
 * or no, by bootstrap over cases otherwise; cost per success; percentiles of live answers. Against
 * a baseline only the cases that both runs have, with the same content, are compared, in pairs.
 * Errors and what no grader could grade count as failures. Pure functions; memory is the arena's.
 */
#ifndef EVAL_VERDICT_H
#define EVAL_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "eval/run/results.h"
#include "eval/stats/cases.h"
#include "eval/stats/cost.h"
#include "eval/stats/estimate.h"
#include "eval/stats/paired.h"
#include "eval/suite/suite.h"

/* The run's minus the baseline's: above 0 is better. */
struct verdict_paired {
    unsigned common;                  /* cases */
    unsigned only_run, only_baseline; /* cases that the other one has not, or with other content */
    struct pairs pairs;               /* of verdicts */
    struct estimate
        difference;           /* of the mean score: Tango's where it is yes or no, else bootstrap */
    struct estimate newcombe; /* the same by Newcombe, where it is yes or no */
    double mcnemar_p;         /* is there a difference? */
    double holm_p;            /* the same, adjusted for the suites that were compared at once */
    struct noninferiority not_worse; /* by the suite's margin; `p` only where it is yes or no */
    bool yes_or_no;
};

/* All cases, or those of a tag. */
struct verdict_part {
    struct str tag;          /* n == 0: all */
    unsigned cases, answers; /* answers: results that are there, errors included */
    unsigned errors, ungraded, missing;
    struct estimate quality, passed;
    unsigned harmless, harmful; /* answers that a safety grader judged */
    struct estimate wrong_refusals, unsafe_answers;
    unsigned live; /* answers that the percentiles are of */
    struct estimate p50_us, p95_us;
    int64_t input_tokens, output_tokens;
    int64_t spent_usd_nanos; /* of what is known */
    unsigned unpriced;       /* cases whose cost is not known */
    int64_t judge_usd_nanos; /* COST_UNKNOWN where one of the judges has no price */
    struct success_cost success;
    struct flakiness flaky;
    bool has_baseline;
    struct verdict_paired paired;
};

enum bar_state { BAR_MET, BAR_MISSED, BAR_UNKNOWN };
extern const char *const bar_state_names[]; /* "met", "missed", "not known" */

/* One line of the bar. Values as the part has them: shares, microseconds, nano-dollars; of
 * `not_worse` the difference to the baseline, and the bound is the margin below 0. */
struct verdict_bar {
    const char *name; /* as in the suite's file */
    double bound;
    bool at_least;
    struct estimate seen;
    enum bar_state state;
    struct str why; /* for people, where it is not known or not certain */
};
#define VERDICT_BARS_MAX 6

struct verdict {
    unsigned parts_n;
    struct verdict_part *parts; /* all, then by tag */
    unsigned bars_n;
    struct verdict_bar bars[VERDICT_BARS_MAX];
    bool complete;        /* every case has a result */
    bool pass;            /* complete, something was answered, and every bar is met */
    struct str sentences; /* lines: what the sample can and cannot show */
    double margin;
    int64_t recommended_cases; /* for an equal candidate to be shown not worse; 0: not to be had */
};

struct verdict_settings {
    const struct bar_settings *bar; /* NULL: none */
    double margin;                  /* 0.02: two points */
    uint64_t seed;
    const struct results *baseline; /* NULL: none */
};

/* E_BAD_REQUEST where there is no result at all; E_MEMORY. */
MUSTCHECK int verdict_make(struct arena *arena, const struct results *run,
                           const struct verdict_settings *settings, struct verdict *ret_verdict,
                           struct fault *f);

/* Sets holm_p of several suites' verdicts that were compared at once. */
MUSTCHECK int verdict_adjust(struct arena *arena, struct verdict **verdicts, unsigned n,
                             struct fault *f);

/* The pairs of indices (run's, baseline's) of cases whose verdict changed; for who shows them. */
struct changed_case {
    unsigned run, baseline; /* of results.at: the first sample of each */
    bool gained;
};
MUSTCHECK int verdict_changed(struct arena *arena, const struct results *run,
                              const struct results *baseline, struct changed_case **ret_cases,
                              unsigned *ret_n);

#endif
