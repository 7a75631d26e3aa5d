/*
 * folder.h: where a run keeps what it has: a folder of its own below `runs/SUITE/`.
 *
 *     run.json       what was run on what (below), written at its beginning and its end
 *     answers.jsonl  answers.h
 *     results.jsonl  results.h
 *
 * Runs are named by the time at which they began. Blocks on the disk; for commands.
 */
#ifndef EVAL_FOLDER_H
#define EVAL_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define FOLDER_VERSION 1

/* Texts live in the arena that they were read into. */
struct run_facts {
    struct str id;           /* "20261128-024512-678Q", in order of time */
    struct str suite;        /* its name, */
    struct str suite_file;   /* its file, as it was given, */
    struct str suite_hash;   /* and what it consisted of */
    struct str config_file;  /* n == 0: none */
    struct str answers;      /* the hash of what shapes answers in the configuration */
    struct str model;        /* asked in place of the suite's; n == 0: as the suite says */
    struct str sluice;       /* the program's version and commit */
    struct str began, ended; /* ISO; `ended` n == 0: it did not come to its end */
    int64_t cases, samples;
    bool complete;      /* every case has a result */
    struct str verdict; /* as it was judged last: "pass", "fail"; n == 0: it was not */
    int64_t score;      /* millionths; -1: none */
};

struct run_folder {
    struct str path; /* in the arena */
    struct run_facts facts;
};

/* Files of it; in the arena, p == NULL without memory. */
MUSTCHECK struct str folder_file(struct arena *a, const struct run_folder *r, const char *name);

/* Makes a folder for `facts`, whose id and time of beginning it fills in. */
MUSTCHECK int folder_make(struct arena *a, struct str runs, const struct run_facts *facts,
                          struct run_folder *ret_folder, struct fault *f);

/*
 * The youngest run of the same suite, configuration, model and number of samples that did not come
 * to its end.
 * E_NOT_FOUND: there is none.
 */
MUSTCHECK int folder_unfinished(struct arena *a, struct str runs, const struct run_facts *facts,
                                struct run_folder *ret_folder, struct fault *f);

/* The run of a folder. E_NOT_FOUND: it is none. */
MUSTCHECK int folder_read(struct arena *a, struct str path, struct run_folder *ret_folder,
                          struct fault *f);

/* A run by its folder, its id, a head of that which no other run's begins with, or "last". */
MUSTCHECK int folder_find(struct arena *a, struct str runs, struct str what,
                          struct run_folder *ret_folder, struct fault *f);

/* Writes run.json anew. */
MUSTCHECK int folder_write(const struct run_folder *r, struct fault *f);

/* All runs of all suites, or of one (n > 0), the oldest first. */
struct run_list {
    unsigned n;
    struct run_folder *at;
    unsigned unreadable;    /* others, of another version or edited */
    struct fault first_why; /* of the first of them; names its file */
};
MUSTCHECK int folder_list(struct arena *a, struct str runs, struct str suite,
                          struct run_list *ret_list, struct fault *f);

#endif
