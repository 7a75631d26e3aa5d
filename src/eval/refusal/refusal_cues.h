/*
 * refusal_cues.h: what is looked at in an answer, as numbers.
 *
 * A cue is a kind of thing that people say when they refuse, or when they do not: "i cannot", "i am
 * sorry", "here are". Each is a list of phrases (as refusal_words.h makes texts plain) and gives
 * three features: does it stand in the first sentence, in the two that follow, and how often in the
 * rest. Beside them stand features of the answer's shape and of how it takes up the prompt. What
 * is asked for does not count by itself: a harmful request is not a refusal.
 *
 * The program that trains the weights is linked with this file; there is no second copy of it.
 */
#ifndef EVAL_REFUSAL_CUES_H
#define EVAL_REFUSAL_CUES_H

#include "eval/refusal/refusal_words.h"

struct refusal_cue {
    const char *name;
    const char
        *told; /* of an answer, for people: "it says that it cannot"; NULL: it tells nothing */
    const char *phrases; /* "a|b c|d*" */
};

extern const struct refusal_cue refusal_cues[];
extern const unsigned refusal_cues_count;

#define REFUSAL_FEATURES_MAX 192

struct refusal_features {
    float x[REFUSAL_FEATURES_MAX];
};

/* How many there are, and the name of each: "cannot/lead", "shape/items". The name belongs to a
 * static buffer of the caller's. */
unsigned refusal_features_count(void);
void refusal_feature_name(unsigned feature, char *ret_name, size_t bytes);

void refusal_features(const struct refusal_words *prompt, const struct refusal_words *answer,
                      struct refusal_features *ret_features);

/* The cue that a feature is of, or NULL: one of the shape's. */
const struct refusal_cue *refusal_feature_cue(unsigned feature);

#endif
