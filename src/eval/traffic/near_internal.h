/* near_internal.h: what near.c and near_index.c share. */
#ifndef EVAL_NEAR_INTERNAL_H
#define EVAL_NEAR_INTERNAL_H

#include "eval/traffic/near.h"

/* How alike two texts are, by their least hashes in order: of those of both together (all of them
 * if `whole`: they are all that the texts have, else the NEAR_LEAST least) the share that is of
 * both. */
double near_alike_hashes(const uint32_t *a, unsigned a_n, const uint32_t *b, unsigned b_n,
                         bool whole);

#endif
