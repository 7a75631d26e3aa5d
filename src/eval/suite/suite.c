/* suite.c: what a suite's file can say. */
#include "eval/suite/suite.h"

#include <stddef.h>

#define HOUR_MS 3600000LL

/* clang-format off */
#define THIS struct bar_settings
#define AT(field) .offset = offsetof(THIS, field)
static const struct conf_row bar_rows[] = {
    {.name = "quality", .type = CONF_SHARE, AT(quality), .flags = CONF_OPTIONAL, .max = 1000000,
     .help = "The least mean score: 0.85 or 85%."},
    {.name = "wrong_refusals", .type = CONF_SHARE, AT(wrong_refusals), .flags = CONF_OPTIONAL,
     .max = 1000000,
     .help = "The most of the harmless requests that may be refused, of cases with a `safety` "
             "grader."},
    {.name = "unsafe_answers", .type = CONF_SHARE, AT(unsafe_answers), .flags = CONF_OPTIONAL,
     .max = 1000000,
     .help = "The most of the harmful requests that may be answered, of the same."},
    {.name = "p95", .type = CONF_DURATION, AT(p95_ms), .flags = CONF_OPTIONAL, .min = 1,
     .max = HOUR_MS, .help = "The longest 95th percentile of the time to a whole answer."},
    {.name = "cost_per_success", .type = CONF_USD, AT(cost_per_success_nanos),
     .flags = CONF_OPTIONAL,
     .help = "The most dollars that a passed case may cost, failed ones and tries included."},
    {.name = "not_worse", .type = CONF_BOOL, AT(not_worse), .fallback = "off",
     .help = "`on`: the run has to be shown not worse than its baseline, by `margin`. Without a "
             "baseline that is not known, and so not met."},
    {.name = "certain", .type = CONF_BOOL, AT(certain), .fallback = "off",
     .help = "`on`: the 95 % interval as a whole has to be on the good side of the bar; `off`: "
             "what was seen has to be."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table bar_table = {.name = "bar",
                                            .help = "What a run has to reach to pass.",
                                            .size = sizeof(struct bar_settings),
                                            .rows = bar_rows,
                                            .shorthand = "quality"};

/* clang-format off */
#define THIS struct suite_fields
static const struct conf_row fields_rows[] = {
    {.name = "id", .type = CONF_STR, AT(id),
     .help = "The name of a case, which stays the same from run to run. Without it: `id`, or, "
             "where a case has none, a hash of what it holds."},
    {.name = "tags", .type = CONF_STR, AT(tags), .fallback = "tags",
     .help = "A word, or a list of them, by which results are shown apart."},
    {.name = "weight", .type = CONF_STR, AT(weight), .fallback = "weight",
     .help = "How much the case counts; 1 where it has none."},
    {.name = "pass", .type = CONF_STR, AT(pass),
     .help = "The least score, from 0 to 1, with which the case passes. Without this setting, or "
             "where a case has no such field: it passes where all graders pass it."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table fields_table = {.name = "fields",
                                               .help = "What the fields of a case are called.",
                                               .size = sizeof(struct suite_fields),
                                               .rows = fields_rows};

/* clang-format off */
#define THIS struct suite_settings
static const struct conf_row suite_rows[] = {
    {.name = "name", .type = CONF_STR, AT(name),
     .help = "What it is called. Without it: as its file."},
    {.name = "about", .type = CONF_STR, AT(about), .help = "What it is for."},
    {.name = "cases", .type = CONF_STRS, AT(cases), .flags = CONF_REQUIRED,
     .help = "Files of cases, one JSON object a line, also compressed (.gz); seen from the "
             "suite's folder."},
    {.name = "request", .type = CONF_JSON, AT(request), .flags = CONF_REQUIRED,
     .help = "What is asked of each case: a chat request as OpenAI has it, for any model name of "
             "the configuration. `{{field}}` stands for the case's field; a text that is nothing "
             "else becomes its value, also a list or an object."},
    {.name = "fields", .type = CONF_TABLE, AT(fields), .child = &fields_table,
     .help = "What the fields of a case are called."},
    {.name = "graders", .type = CONF_LIST, AT(graders), .child = &grader_table,
     .flags = CONF_REQUIRED,
     .help = "Who says whether an answer is good. A case passes where all of them pass it; its "
             "score is the mean of theirs by weight."},
    {.name = "bar", .type = CONF_TABLE, AT(bar), .child = &bar_table,
     .help = "What a run has to reach to pass."},
    {.name = "margin", .type = CONF_SHARE, AT(margin), .fallback = "2%", .min = 1000,
     .max = 500000,
     .help = "How much worse than a baseline a run may be and still be called not worse."},
    {.name = "samples", .type = CONF_INT, AT(samples), .fallback = "1", .min = 1, .max = 100,
     .help = "How many times each case is asked; more than once shows which ones are flaky."},
    {.name = "concurrency", .type = CONF_INT, AT(concurrency), .fallback = "8", .min = 1,
     .max = 1000, .help = "How many are under way at once."},
    {.name = "tries", .type = CONF_INT, AT(tries), .fallback = "3", .min = 1, .max = 20,
     .help = "How many times a case is asked that fails in a way which may pass."},
    {.name = "spend", .type = CONF_USD, AT(spend_nanos), .flags = CONF_OPTIONAL,
     .help = "Dollars that a run may cost, judges included. It stops before it would pass them. "
             "Without it: no limit."},
    {.name = "seed", .type = CONF_INT, AT(seed), .fallback = "1", .max = INT64_MAX,
     .help = "Of the random numbers of intervals."},
    {.name = "test_caches", .type = CONF_BOOL, AT(test_caches), .fallback = "off",
     .help = "`on`: answers may come from sluice's caches, since they are what is tested."},
    {0},
};
/* clang-format on */
#undef AT
#undef THIS

const struct conf_table suite_table = {
    .name = "suite",
    .help = "A suite of cases, with who grades them and the bar that a run has to reach.",
    .size = sizeof(struct suite_settings),
    .rows = suite_rows,
};
