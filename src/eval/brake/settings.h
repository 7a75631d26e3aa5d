/*
 * settings.h: what the configuration says about evals: the suites that hold the brake, and where
 * their records are. The suites themselves are files of their own.
 */
#ifndef EVAL_SETTINGS_H
#define EVAL_SETTINGS_H

#include "base/arena.h"
#include "base/macros.h"
#include "base/str.h"
#include "conf/conf.h"

struct evals_settings {
    struct conf_strs suites; /* paths as they are written; none: nothing is held back */
    struct str records;      /* a path as it is written; STR_NONE: beside the configuration */
    int64_t old_after_ms;    /* 0: a record never gets old */
    int64_t keep;            /* passes of each suite, and failures */
};

extern const struct conf_table evals_table;

/*
 * Paths of this section are relative to the folder of the configuration's file, so that suites and
 * records travel with it. `file` is that file; NULL: there is none, and the working directory is
 * meant. NUL-terminated, of the arena; p == NULL where that is full.
 */
MUSTCHECK struct str evals_path(struct arena *a, const char *file, struct str path);

/* Where the records are: as the settings say, else FILE without its extension and `.evals.jsonl`.
 */
MUSTCHECK struct str evals_records_path(struct arena *a, const struct evals_settings *s,
                                        const char *file);

#endif
