/*
 * record.h: what runs of suites found, and which changes were forced, in a file that travels with
 * the configuration.
 *
 * A file of lines, one JSON object each, oldest first, so that two branches that both add one are
 * merged by keeping both lines. A record is of one suite and one way to answer (conf_answers_hash),
 * or says that somebody let such a change through without (`forced`). Each carries a SHA-256 over
 * what it says: an edited record, one half written or merged wrongly is found, and named by its
 * line. It is no signature: who means to cheat can reckon it anew, or force the change and say why.
 *
 * The file is replaced as a whole (a new one, fsync, rename), by one writer at a time, and bounded.
 * Blocks on the disk: for commands and the pool of threads.
 */
#ifndef EVAL_RECORD_H
#define EVAL_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define RECORD_VERSION       1
#define RECORDS_MAX          2000
#define RECORD_WHY_BYTES_MIN 4
#define RECORD_WHY_BYTES_MAX 1000

/* Texts that are not there have n == 0. */
struct record {
    struct str answers; /* conf_answers_hash of the configuration */
    int64_t at_wall_us; /* to the millisecond */
    struct str sluice;  /* the version that wrote it */
    bool forced;

    /* of a run */
    struct str suite;      /* its name */
    struct str suite_hash; /* suite_digest */
    struct str suite_file; /* its path, as the configuration writes it */
    struct str run;        /* the run's id */
    int64_t cases;
    int64_t quality, quality_low, quality_high; /* with its 95 % interval; millionths */
    int64_t p95_us;                             /* -1: not known */
    int64_t cost_per_success_nanos;             /* -1: not known */
    struct str bar;                             /* in words, "quality >= 0.9" */
    bool passed;

    /* forced */
    struct str why, by;
};

struct records {
    unsigned n;
    const struct record *at; /* oldest first */
};

/*
 * All records of the file; none where there is no file. E_CONFIG, with file and line, for one of
 * another version, edited, or no record at all; E_IO, E_MEMORY.
 */
MUSTCHECK int record_read(struct arena *a, const char *path, struct records *ret_records,
                          struct fault *f);

/* Which records stay when one is added: the newest passes of each suite, as many of its failures
 * and of the forced, and those of the answers in force, where these are known. */
struct record_keep {
    int64_t of_suite;
    struct str in_force; /* n == 0: not known */
};

/*
 * Adds one to the file, which is made where there is none; at_wall_us 0 is now. What record_read
 * refuses is not written
 * over (E_CONFIG); E_BAD_REQUEST for a record that lacks something; E_IO, E_MEMORY.
 */
MUSTCHECK int record_add(const char *path, const struct record *r, const struct record_keep *keep,
                         struct fault *f);

/* Is it a reason that says something? E_BAD_REQUEST with what was expected. */
MUSTCHECK int record_why_check(struct str why, struct fault *f);

#endif
