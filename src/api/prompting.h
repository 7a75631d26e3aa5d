/*
 * prompting.h: prompts of applications (system prompt and tools) that no suite has, in a running
 * sluice: turn/prompts.h with the configuration's suites.
 */
#ifndef API_PROMPTING_H
#define API_PROMPTING_H

#include "api/gateway.h"
#include "eval/traffic/suite_prompts.h"

/* What the suites of a configuration have. */
struct prompting {
    bool has_suites;
    struct suite_prompts prompts;
    int err; /* they could not all be read; `fault` says why */
    struct fault fault;
};

/* Reads them; `file` is the configuration's, by which they are found. Blocks; any thread. */
void prompting_read(const struct conf_doc *doc, const char *file, struct prompting *ret_read);
void prompting_fini(struct prompting *read);

/* Is anybody to know the prompts of this configuration's turns? */
bool prompting_wanted(const struct snapshot *s);

/* The configuration is in force: from now on its suites are what prompts are looked for in, which
 * are taken over from `read`. E_MEMORY. */
MUSTCHECK int prompting_use(struct gateway *g, struct prompting *read);

/* A turn's request was read, and its body is still there: notes its prompt, and says it in the log
 * if no suite has it. */
void prompting_see(struct gateway *g, struct turn *t);

#endif
