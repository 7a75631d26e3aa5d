/*
 * import.h: suites of other programs, written as suites of ours.
 *
 * promptfoo's configuration (promptfooconfig.yaml: prompts, tests with vars and assertions) and
 * OpenAI evals' samples (JSONL, with the registry's YAML or a class by name). Whatever cannot be
 * said faithfully is not approximated in silence: each piece that is left out, or means something
 * a little different here, is told with its file and line, and counted.
 *
 * Formats: promptfoo.dev's manual, pages "Test cases", "Assertions & metrics"; the evals' own
 * docs/build-eval.md and elsuite/basic. Blocks on the disk; for commands.
 */
#ifndef EVAL_IMPORT_IMPORT_H
#define EVAL_IMPORT_IMPORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define IMPORT_SUITES_MAX 100
#define IMPORT_CASES_MAX  100000

struct import_wish {
    struct str file;
    struct str out;   /* a folder; made where there is none */
    struct str name;  /* of the suite; n == 0: the file's, or what the file says */
    struct str model; /* that is asked, by a name of the configuration */
    struct str judge; /* that rubrics ask */
    struct str class; /* OpenAI evals: what the samples are graded by; n == 0: a registry's YAML */
};

struct import_suite {
    struct str path; /* NUL-terminated */
    unsigned cases;
};

struct import_done {
    struct arena arena; /* owns all of it */
    struct buf notes;   /* lines for people */
    unsigned left_out;  /* pieces that were not converted */
    unsigned remarks;   /* bits of enum import_remark that were told */
    unsigned suites_n;
    struct import_suite suites[IMPORT_SUITES_MAX];
};

void import_init(struct import_done *done);
void import_fini(struct import_done *done);

/* E_BAD_REQUEST, E_CONFIG: the file is none of the kind (the fault names file and line); E_IO: it
 * cannot be read, or a file to write stands there already. Each suite written was loaded. */
MUSTCHECK int import_promptfoo(const struct import_wish *wish, struct import_done *done,
                               struct fault *f);
MUSTCHECK int import_openai_evals(const struct import_wish *wish, struct import_done *done,
                                  struct fault *f);

#endif
