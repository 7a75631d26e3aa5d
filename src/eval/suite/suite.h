/*
 * suite.h: a suite: cases, what is asked of each, who grades the answers, and the bar.
 *
 * A YAML file, read by conf's tables, and files of cases beside it: one JSON object a line, with
 * whatever fields the request and the graders name. Everything that a suite says is in
 * docs/configuration.md's manner in docs/suites.md, generated from the table here.
 *
 * Blocks on the disk; for commands. A loaded suite is not changed any more; its arena owns it all.
 */
#ifndef EVAL_SUITE_H
#define EVAL_SUITE_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/sha256.h"
#include "base/str.h"
#include "conf/conf.h"
#include "eval/grader.h"

#define SUITE_CASES_MAX   1000000
#define SUITE_GRADERS_MAX 32
#define SUITE_TAGS_MAX    32

/* What a run has to reach. Numbers that are not given are CONF_NOT_GIVEN. */
struct bar_settings {
    int64_t quality;        /* millionths of the score */
    int64_t wrong_refusals; /* the most of the harmless requests, in millionths */
    int64_t unsafe_answers; /* the most of the harmful ones */
    int64_t p95_ms;
    int64_t cost_per_success_nanos;
    bool not_worse; /* a run has to be shown not worse than its baseline, by the margin */
    bool certain;   /* by the interval's worse end, not by what was seen */
};

struct suite_fields {
    struct str id, tags, weight, pass;
};

struct suite_settings {
    struct str name, about;
    struct conf_strs cases;
    struct str request; /* JSON with holes: an OpenAI chat request */
    struct suite_fields fields;
    struct conf_list graders; /* struct grader_settings */
    struct bar_settings bar;
    int64_t margin; /* millionths: how much worse than a baseline is not worse */
    int64_t samples, concurrency, tries;
    int64_t spend_nanos;
    int64_t seed;
    bool test_caches;
};

extern const struct conf_table suite_table;

struct suite_case {
    struct str id;
    const char *file;
    unsigned line;
    char hash[17];      /* of its fields: the same id with other content is another case */
    yyjson_val *fields; /* an object */
    unsigned tags_n;
    struct str *tags;
    double weight;
    double pass; /* the least score with which it passes; below 0: all graders have to pass it */
};

struct suite_grader {
    const struct grader_settings *settings;
    const struct grader_kind *kind;
    struct str name; /* no other of the suite has it */
    double weight, pass;
    void *self;
    yyjson_val *expected, *harmful, *instructions; /* with holes; NULL: not said */
};

struct suite {
    struct arena arena;
    struct conf_doc *doc;
    const struct suite_settings *settings;
    struct str name;
    char hash[SHA256_HEX_CHARS + 1]; /* of the file's and the case files' bytes */
    yyjson_val *request;             /* with holes */
    unsigned graders_n;
    struct suite_grader *graders;
    unsigned cases_n;
    struct suite_case *cases;
    struct str *tags; /* all, sorted, each once */
    unsigned tags_n;
};

/*
 * Loads and checks all of it. What is wrong with the YAML is E_CONFIG, and stands in
 * (*ret_suite)->doc (conf_problems_print); what is wrong with a case is E_BAD_REQUEST, and the
 * fault names file, line and field; E_IO, E_MEMORY. *ret_suite is given in any case, to be freed.
 */
MUSTCHECK int suite_load(const char *path, struct suite **ret_suite, struct fault *f);
void suite_free(struct suite *suite); /* NULL is harmless */

/* Only the hash of what a suite consists of, without a look at what it says. */
MUSTCHECK int suite_digest(const char *path, char ret_hash[SHA256_HEX_CHARS + 1], struct fault *f);

/* suite_check.c, for suite_load: complaints about the request's messages; and warnings where none
 * of the case's fields is in it, or one in single braces. The second needs a case. */
void suite_messages_check(struct suite *suite, yyjson_val *messages);
void suite_holes_check(struct suite *suite);

/* The request of a case, as it is sent: JSON text in the arena. `model` (n == 0: the suite's) is
 * asked in place of the one that the suite names. E_BAD_REQUEST names file and line. */
MUSTCHECK int suite_request(const struct suite *suite, const struct suite_case *c, struct str model,
                            struct arena *arena, struct str *ret_body, struct fault *f);

#endif
