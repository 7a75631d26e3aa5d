/*
 * traffic_answer.h: a recorded answer, whole or streamed, of any of the clients' protocols, as
 * text and tool calls. Internal to traffic*.c.
 */
#ifndef EVAL_TRAFFIC_ANSWER_H
#define EVAL_TRAFFIC_ANSWER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "llm/wire.h"
#include "turn/recording/read.h"

/* JSON as it stands in OpenAI's chat form. */
struct traffic_answer {
    struct str text;  /* string; p == NULL: none */
    struct str calls; /* list; p == NULL: none */
};

/* E_UPSTREAM_BODY where it reads as no answer, E_MEMORY. */
MUSTCHECK int traffic_answer_read(const struct recorded_turn *turn, const struct wire *wire,
                                  struct arena *arena, struct traffic_answer *ret_answer);

#endif
