/*
 * suite_prompts.h: the fingerprints (llm/prompt.h) of the prompts that suites have: of each case's
 * request, and the one that a case names as `fingerprint`, which a case out of traffic had before
 * anything was taken out of it.
 *
 * Blocks on the disk; any thread.
 */
#ifndef EVAL_SUITE_PROMPTS_H
#define EVAL_SUITE_PROMPTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "eval/suite/suite.h"

struct suite_prompts {
    uint64_t *at; /* heap; in any order */
    size_t n, cap;
};
void suite_prompts_fini(struct suite_prompts *p);

/* Adds those of a loaded suite. E_MEMORY, or E_BAD_REQUEST with file and line. */
MUSTCHECK int suite_prompts_add(struct suite_prompts *p, const struct suite *suite,
                                struct fault *f);
/* The same of a file; as suite_load, but what is wrong with the YAML is told in one line. */
MUSTCHECK int suite_prompts_load(struct suite_prompts *p, const char *path, struct fault *f);

#endif
