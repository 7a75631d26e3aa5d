/*
 * load.h: the configuration, for commands: from a file, or what serves without one.
 */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "api/config.h"
#include "base/macros.h"
#include "conf/conf.h"

/* Is there a file to load: `path`, or else `sluice.yaml`? */
bool load_has_file(const char *path);

/* Is there nothing at all to go by: no file, and no OPENAI_API_KEY that could do without? */
bool load_has_nothing(const char *path);

/* What is then to be done, as one sentence. */
#define LOAD_ADVICE                                                                                \
    "name a file with --config FILE, write a sluice.yaml (the README has one to begin with), or "  \
    "set OPENAI_API_KEY"

/* That there is nothing, where it was looked for, and the advice, on standard error. */
void load_nothing_tell(void);

/*
 * `path` NULL: `sluice.yaml` where there is one, else the configuration without a file. What is
 * wrong goes to standard error, and the exit code comes back (0: fine). *ret_doc is to be unref'd.
 */
MUSTCHECK int load_config(const char *path, struct conf_doc **ret_doc);

/* The same without a word: an enum err; what is wrong stands in *ret_doc. */
MUSTCHECK int load_quietly(const char *path, struct conf_doc **ret_doc);

/* Compiles all that `serve` would, the loop included, and opens nothing. What is wrong stands in
 * the document, E_CONFIG. */
MUSTCHECK int load_compile(struct conf_doc *doc);

/* All problems of the document on standard error, in colours where it is a terminal. */
void load_problems_show(const struct conf_doc *doc);

/* The same on standard output, as {"ok", "file", "problems"}. */
void load_problems_json(const struct conf_doc *doc, bool fine);

/* The database's URL, for who only looks into it: STR_NONE where there is none, or none yet, since
 * looking would make it. */
struct str load_database(const struct config *c);

#endif
