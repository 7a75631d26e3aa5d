/*
 * conf_world.h: a table that has a row of every kind, for the tests and the fuzz target of conf/.
 */
#ifndef TEST_CONF_WORLD_H
#define TEST_CONF_WORLD_H

#include <stddef.h>

#include "conf/conf.h"

struct world_limits {
    int64_t idle;
    int64_t most;
};

struct world_part {
    int64_t weight;
    struct str is;
    struct str key;
    struct world_limits limits;
    struct conf_list parts; /* struct world_part */
};

struct world {
    struct str text;
    struct str secret;
    bool flag;
    int64_t count;
    int64_t share;
    int64_t wait;
    int64_t pause;
    int64_t bytes;
    int64_t usd;
    int choice;
    struct str json;
    struct conf_strs words;
    struct conf_strs tags;
    struct conf_str_map headers;
    struct world_limits limits;
    struct conf_list items; /* struct world_part */
    struct conf_map parts;  /* struct world_part */
    struct conf_map lanes;  /* struct conf_list of struct world_part */
    struct str bare;
    int64_t bare_wait;
    int64_t maybe;
};

#define ROW(type_, field_) .type = (type_), .offset = offsetof(THIS, field_)

#define THIS struct world_limits
static const struct conf_row world_limits_rows[] = {
    {.name = "idle",
     ROW(CONF_DURATION, idle),
     .fallback = "30s",
     .max = 86400000,
     .help = "How long nothing may happen."},
    {.name = "most",
     ROW(CONF_INT, most),
     .fallback = "10",
     .min = 1,
     .max = 100,
     .help = "How many.",
     .flags = CONF_NEEDS_RESTART},
    {0},
};
#undef THIS
static const struct conf_table world_limits_table = {
    .name = "limits",
    .help = "Limits.",
    .size = sizeof(struct world_limits),
    .rows = world_limits_rows,
};

static const struct conf_table world_part_table;
#define THIS struct world_part
static const struct conf_row world_part_rows[] = {
    {.name = "weight",
     ROW(CONF_INT, weight),
     .fallback = "1",
     .min = 1,
     .max = 1000,
     .help = "Its share beside the others."},
    {.name = "is", ROW(CONF_STR, is), .flags = CONF_REQUIRED, .help = "What it is."},
    {.name = "key", ROW(CONF_SECRET, key), .help = "A key of its own."},
    {.name = "limits",
     ROW(CONF_TABLE, limits),
     .child = &world_limits_table,
     .help = "Of its own."},
    {.name = "parts", ROW(CONF_LIST, parts), .child = &world_part_table, .help = "Its parts."},
    {0},
};
#undef THIS
static const struct conf_table world_part_table = {
    .name = "part",
    .help = "A part of the world.",
    .size = sizeof(struct world_part),
    .rows = world_part_rows,
    .shorthand = "is",
    .example = "one: {is: a, weight: 2}\ntwo: b",
};

static const char *const world_choices[] = {"ask", "estimate", "off", NULL};

#define THIS struct world
static const struct conf_row world_rows[] = {
    {.name = "text",
     ROW(CONF_STR, text),
     .fallback = "hello",
     .help = "A text.",
     .flags = CONF_NEEDS_RESTART},
    {.name = "secret", ROW(CONF_SECRET, secret), .help = "Not to be shown."},
    {.name = "flag", ROW(CONF_BOOL, flag), .fallback = "on", .help = "A switch."},
    {.name = "count",
     ROW(CONF_INT, count),
     .fallback = "5",
     .min = -10,
     .max = 1000,
     .help = "A number."},
    {.name = "share",
     ROW(CONF_SHARE, share),
     .fallback = "25%",
     .max = 1000000,
     .help = "A part | of all."},
    {.name = "wait",
     ROW(CONF_DURATION, wait),
     .fallback = "1s",
     .max = 604800000,
     .help = "A time that may be off."},
    {.name = "pause",
     ROW(CONF_DURATION, pause),
     .fallback = "500ms",
     .min = 10,
     .max = 60000,
     .help = "A time that may not."},
    {.name = "bytes",
     ROW(CONF_BYTES, bytes),
     .fallback = "8MiB",
     .min = 16,
     .max = INT64_MAX,
     .help = "A size."},
    {.name = "usd", ROW(CONF_USD, usd), .fallback = "0.5", .help = "Money."},
    {.name = "choice",
     ROW(CONF_CHOICE, choice),
     .fallback = "estimate",
     .choices = world_choices,
     .help = "One of three."},
    {.name = "json", ROW(CONF_JSON, json), .fallback = "{a: [1, two]}", .help = "Anything."},
    {.name = "words", ROW(CONF_STRS, words), .fallback = "[a, b]", .help = "Some words."},
    {.name = "tags", ROW(CONF_STRS, tags), .help = "Words, none at first."},
    {.name = "headers", ROW(CONF_STR_MAP, headers), .help = "Names and texts."},
    {.name = "limits", ROW(CONF_TABLE, limits), .child = &world_limits_table, .help = "Limits."},
    {.name = "items",
     ROW(CONF_LIST, items),
     .child = &world_part_table,
     .flags = CONF_NEEDS_RESTART,
     .help = "A list."},
    {.name = "parts", ROW(CONF_MAP, parts), .child = &world_part_table, .help = "By name."},
    {.name = "lanes",
     ROW(CONF_LIST_MAP, lanes),
     .child = &world_part_table,
     .help = "Lists by name."},
    {.name = "bare", ROW(CONF_STR, bare), .help = "A text without a default."},
    {.name = "bare_wait",
     ROW(CONF_DURATION, bare_wait),
     .min = 5,
     .max = 1000,
     .help = "A time without a default."},
    {.name = "maybe", ROW(CONF_USD, maybe), .flags = CONF_OPTIONAL, .help = "Money, or none."},
    {0},
};
#undef THIS
static const struct conf_table world_table = {
    .name = "world",
    .help = "A row of every kind.",
    .size = sizeof(struct world),
    .rows = world_rows,
    .example = "count: 7\n",
};

#endif
