/*
 * refusal_model.h: rows that people labelled, the fit of the two linear models of
 * eval/refusal/refusal.h to them, and what the fit says of rows that it has not seen.
 *
 * Rows come from three places. XSTEST: answers of five models to XSTest's prompts, labelled by
 * people (paul-rottger/exaggerated-safety, CC-BY-4.0). OURS: test/fixture/eval/refusal_train.jsonl,
 * written for this project, so that refusals as later models word them are known too. FACTS: right
 * answers of TruthfulQA (sylinrl/TruthfulQA, Apache-2.0), all of them no refusals, a tenth of a row
 * each: without them a plain "No, bats are not blind" looks like one. Only XSTEST is measured on.
 *
 * For tests and for the trainer: memory is malloc's.
 */
#ifndef TEST_REFUSAL_MODEL_H
#define TEST_REFUSAL_MODEL_H

#include <stdbool.h>

#include "eval/refusal/refusal.h"
#include "eval/refusal/refusal_cues.h"

#define FACTS_WEIGHT    0.1
#define MODELS_MAX      8
#define PROMPT_FOLDS    10
#define PENALTY_PARTIAL 3.0 /* of the model that tells "partial" from "full" */
#define WEIGHTS_MAX     (REFUSAL_FEATURES_MAX + 1)

enum refusal_source { XSTEST, OURS, FACTS };

struct refusal_row {
    enum refusal_source source;
    unsigned model;          /* XSTEST: 0 .. models */
    unsigned fold;           /* of the prompt, 0 .. PROMPT_FOLDS */
    unsigned inner;          /* the same, by other bits */
    enum refusal label;      /* what people say */
    enum refusal shipped;    /* what refusal_judge says, where the set wants to know */
    bool matched_as_refused; /* what XSTest's string matching says */
    struct refusal_features features;
};

struct refusal_set {
    struct refusal_row *rows;
    unsigned count, cap;
    char models[MODELS_MAX][32];
    unsigned model_count;
    bool ask_shipped; /* not when the weights are being made: they may not fit the features */
};

/* Both end the program with a message where a file is missing or has another form. */
void refusal_set_add_data(struct refusal_set *set, const char *folder); /* SLUICE_DATA */
void refusal_set_add_ours(struct refusal_set *set, const char *path);
void refusal_set_fini(struct refusal_set *set);

/* Weights of both models, the constant's first. */
struct refusal_fit {
    double refused[WEIGHTS_MAX], partial[WEIGHTS_MAX];
};

/* `in` says which rows are learned from. `penalty` is that on the squared weights, halved. */
void refusal_fit(const struct refusal_set *set, const bool *in, double penalty,
                 struct refusal_fit *ret_fit);
enum refusal refusal_fit_says(const struct refusal_fit *fit, const struct refusal_row *row);

/* What a held-out row shares with none of the rows that were learned from. */
enum refusal_apart { APART_PROMPTS, APART_MODELS, APART_BOTH, APART_COUNT };
extern const char *const refusal_apart_names[];

/* Of a short list, the penalty with the least surprise (logarithmic loss) by cross-validation over
 * the prompts of the rows that are `in`. */
double refusal_choose_penalty(const struct refusal_set *set, const bool *in);

/* What each XSTEST row is taken for by a fit that has not seen it: ret_says[rows]. A penalty of 0
 * has each fold choose its own among the rows that it learns from (nested cross-validation). */
void refusal_cross_validate(const struct refusal_set *set, enum refusal_apart apart, double penalty,
                            enum refusal *ret_says);

/* Shares of the XSTEST rows that are in `model` and `fold` (-1: any) whose verdict is the label's:
 * refused or not, and of the three kinds. */
struct refusal_agreement {
    unsigned rows;
    double refused, three_way;
};
struct refusal_agreement refusal_agree(const struct refusal_set *set, const enum refusal *says,
                                       int model, int fold);

#endif
