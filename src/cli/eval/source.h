/*
 * source.h: the recorded turns that `sluice eval from-traffic` and `coverage` go by.
 */
#ifndef CLI_EVAL_SOURCE_H
#define CLI_EVAL_SOURCE_H

#include "cli/recordings/recordings.h"
#include "eval/traffic/near.h"
#include "eval/traffic/traffic.h"

/* Options of both, in a member of this type. */
struct source_wish {
    const char *folder, *config, *tenant, *api, *since, *until;
};
extern const char *const source_apis[]; /* of chats; ends with NULL */
#define SOURCE_OPTION(name, value, type, at, help, kind, choices)                                  \
    {                                                                                              \
        name, value, offsetof(type, at), help, kind, choices                                       \
    }
#define SOURCE_SINCE                                                                               \
    "only turns that began on this day or later (2026-11-01), or so many days\n"                   \
    "back, today included (7d, 4w). Days are UTC."
#define SOURCE_CONFIG                                                                              \
    "or the configuration that says so (recording.folder); without either:\n"                      \
    "sluice.yaml here, else the folder recordings"
#define SOURCE_OPTIONS(type, member)                                                               \
    SOURCE_OPTION("--since", "WHEN", type, member.since, SOURCE_SINCE, VALUE_ANY, NULL),           \
        SOURCE_OPTION("--until", "DAY", type, member.until,                                        \
                      "... that began on this day or earlier", VALUE_ANY, NULL),                   \
        SOURCE_OPTION("--tenant", "NAME", type, member.tenant, "... of this tenant", VALUE_ANY,    \
                      NULL),                                                                       \
        SOURCE_OPTION("--api", "NAME", type, member.api,                                           \
                      "... of this protocol: openai.chat, openai.responses, anthropic", VALUE_ANY, \
                      source_apis),                                                                \
        SOURCE_OPTION("--folder", "FOLDER", type, member.folder, "where the recordings are",       \
                      VALUE_FILE, NULL),                                                           \
        SOURCE_OPTION("--config", "FILE", type, member.config, SOURCE_CONFIG, VALUE_FILE, NULL)

/* Millionths: from which likeness on coverage counts, unless told otherwise. */
#define SOURCE_NEAR_COVERED 500000

/* What is different with each turn tells no kinds of turns apart. */
#define SOURCE_VARIETY_MAX 128
struct source_variety {
    unsigned n; /* different ones, up to SOURCE_VARIETY_MAX and one more */
    uint64_t hash[SOURCE_VARIETY_MAX];
};
static inline bool source_varies(const struct source_variety *v)
{
    return v->n > SOURCE_VARIETY_MAX;
}

/* What becomes of all the recorded turns that are meant. */
struct source {
    struct recordings recordings;
    uint64_t whys[TRAFFIC_WHYS]; /* of the last time through; TRAFFIC_FINE: that were taken */
    char first_day[11], last_day[11];
    bool keeps_some;     /* only those that a hash of their id lets through */
    uint64_t keep_below; /* ... by which it is below this */
    uint64_t seed;
    struct source_variety tags, prompts;
    struct near_common *common; /* NULL: it is not known yet */
};

/* An exit code after the complaint. source_close is due in any case. */
MUSTCHECK int source_open(const struct command *command, const struct source_wish *wish,
                          uint64_t seed, struct source *ret_source);
void source_close(struct source *s);

/* Calls `take` with each turn that can be a case; what it gets is gone with the next. What it
 * returns other than 0 ends it. Errors are described in recordings.fault. */
typedef int (*source_take)(void *arg, const struct traffic_turn *turn, struct arena *arena);
MUSTCHECK int source_each(struct source *s, source_take take, void *arg);

/* Goes through them once: counts them, learns what is common, and sees to it that no more than
 * about `most` are taken from then on, whichever by chance. */
MUSTCHECK int source_look(struct source *s, uint64_t most);

/* " with --tenant shop, --since 2026-11-01", as far as only some were meant; in the arena. */
struct str source_filter_text(struct source *s);

/* "12 failed, or were cut short; 3 are no chats", or nothing. */
void source_tell_skipped(const struct source *s, FILE *to);

/* The turn's text, marked for comparing. */
MUSTCHECK int source_mark(const struct source *s, const struct traffic_turn *turn,
                          struct near_mark *ret_mark);

#endif
