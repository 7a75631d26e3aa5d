/*
 * judge.h: a model asked to judge an answer.
 *
 * It is told what to look at, gets the task and the answer as data between marks that the answer
 * cannot contain, and has to reply with one JSON object, reasons before scores. What it replies
 * otherwise is asked for again, JUDGE_TRIES times in all; then there is no verdict, never a pass.
 * Replies are kept with the run's answers: the same question is not paid for twice.
 *
 * Known weaknesses of such judges, towards the first of two answers and towards the longer one
 * (Zheng et al., "Judging LLM-as-a-judge with MT-Bench and Chatbot Arena", 2023), are met by asking
 * for pairs in both orders, and measured by `sluice eval judge-check`.
 */
#ifndef EVAL_JUDGE_H
#define EVAL_JUDGE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "eval/grader.h"
#include "eval/run/ask.h"

#define JUDGE_TRIES        3
#define JUDGE_SCALE        5 /* scores are whole numbers from 1 to it */
#define JUDGE_CRITERIA_MAX 16

/* What it is asked about. */
struct judge_case {
    struct str prompt;    /* the task, as its last message has it */
    struct str reference; /* a good answer to compare with; n == 0: none */
    struct str answer;
    struct str key; /* of the answer, in the run */
};

/* Whom to ask, and for what. */
struct judge {
    struct eval_asker *asker;
    struct str model;
    struct str about;
    unsigned criteria_n;
    const struct criterion_settings *criteria; /* none: the answer as a whole */
    int64_t votes;
    int64_t *cost_nanos; /* what it costs is added (cost_add) */
};

struct judge_scores {
    unsigned votes;     /* that could be read; 0: there is no verdict */
    double score;       /* 0 to 1: the votes' mean, of the criteria by their weights */
    double spread;      /* between the lowest and the highest vote */
    struct str reasons; /* of the first vote, in the arena */
    struct str why_none;
};

/* 0, or what ends the run (ask.h). */
YIELDS MUSTCHECK int judge_score(const struct judge *j, const struct judge_case *c,
                                 struct arena *arena, struct judge_scores *ret_scores,
                                 struct fault *f);

/* Which of two answers is better, by one reply. */
enum judge_choice { CHOICE_NONE, CHOICE_FIRST, CHOICE_SECOND, CHOICE_TIE };
struct judge_reply {
    enum judge_choice choice; /* CHOICE_NONE: it could not be read */
    struct str reason;
};

/* The same pair asked in both orders, each `votes` times. */
struct judge_pair {
    unsigned asked;    /* pairs of replies that could be read */
    unsigned same;     /* of them: those in which both orders came to the same */
    unsigned by_first; /* the others, by which place won in both orders */
    unsigned by_second;
    double
        score; /* 1: the answer is better, 0: the other one; replies that the order decides, 0.5 */
    struct str reasons, why_none;
};
/* `other` stands in c->reference's place. */
YIELDS MUSTCHECK int judge_pair(const struct judge *j, const struct judge_case *c, struct str other,
                                struct arena *arena, struct judge_pair *ret_pair, struct fault *f);

#endif
