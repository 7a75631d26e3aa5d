/* refusal_weights.h: a row for each feature of refusal_cues.h, in that order, behind one for the
 * constant. The table is written by test/refusal/refusal_train. */
#ifndef EVAL_REFUSAL_WEIGHTS_H
#define EVAL_REFUSAL_WEIGHTS_H

struct refusal_weight {
    const char *feature; /* "constant", then the features' names: a test holds them together */
    float refused;       /* for a refusal, whole or in part */
    float partial;       /* for one in part, given a refusal */
};

extern const struct refusal_weight refusal_weights[];
extern const unsigned refusal_weights_count;

#endif
