/*
 * noted.h: what telemetry wants to know of an answer beyond its usage: which model answered and why
 * it stopped, in the provider's words.
 *
 * Read out of a whole answer, or out of the few events of a stream that say it, only where somebody
 * asks (llm_call.noted). Of any protocol: their members have names of their own. Only short words
 * of letters, digits and marks are taken, so that no text of an answer can get here.
 */
#ifndef LLM_NOTED_H
#define LLM_NOTED_H

#include <stdbool.h>

#include "base/str.h"

#define NOTED_MODEL_BYTES  80
#define NOTED_FINISH_BYTES 32
#define NOTED_FINISHES_MAX 4

struct llm_noted {
    unsigned model_n, finish_n[NOTED_FINISHES_MAX];
    unsigned finishes; /* one for each choice that ended */
    unsigned looks;    /* events that were looked into for a model */
    char model[NOTED_MODEL_BYTES];
    char finish[NOTED_FINISHES_MAX][NOTED_FINISH_BYTES];
};

/* An answer's or an event's JSON; what is none adds nothing. */
void llm_noted_read(struct llm_noted *noted, struct str json);
/* The same of a stream's event, if it is worth a look: among the first, or the last. */
void llm_noted_event(struct llm_noted *noted, struct str json, bool finished);

#endif
