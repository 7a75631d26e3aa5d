/*
 * recording.h: turns written down whole, for evals to come. Off unless the configuration asks.
 *
 * What a turn was asked and what it answered is copied while it runs, within a budget for all that
 * is held at once, and handed over at its end to a thread of its own, which takes out what must not
 * be kept (redact.h) and appends one line of JSON to a file (files.h). No turn waits for
 * it: past the budget, on a full disk, or where redaction gives up, the turn goes unrecorded, and
 * is counted. The line's form is in docs/manual.md; llm/provider/recorded.c plays it.
 *
 *     rec = recording_begin(recorder, rules, turn, headers)   NULL: not this one
 *     recording_request(rec, body)      before the body's memory goes
 *     recording_answer(rec, bytes)      each piece as the client got it
 *     recording_end(rec, turn)          behind turn_end; hands it over
 *
 * The loop's thread calls all of it but what writer.h has.
 */
#ifndef TURN_RECORDING_H
#define TURN_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "conf/conf.h"
#include "turn/turn.h"

/* ---- what the configuration says ---- */

struct redact_item_settings {
    struct str name, pattern;
};

struct recording_except_settings {
    struct conf_strs tenants, keys, apis;
};

struct recording_settings {
    struct str folder; /* n == 0: nothing is recorded */
    int64_t share;     /* of the turns, in millionths */
    struct conf_list redact;
    struct recording_except_settings except;
    int64_t keep_ms;   /* 0: for ever */
    int64_t bytes_max; /* 0: no limit */
    int64_t turn_bytes_max;
    int64_t memory_bytes_max;
};
extern const struct conf_table recording_table;

/* The same, compiled. Shared by the configuration and the turns that began under it, on both
 * threads. */
struct recording_rules;

/* NULL where nothing is recorded. What is wrong is complained of (E_CONFIG). */
MUSTCHECK int recording_rules_make(const struct recording_settings *s, struct conf_doc *doc,
                                   struct recording_rules **ret_rules);
struct recording_rules *recording_rules_ref(struct recording_rules *r);
void recording_rules_unref(struct recording_rules *r);

/* Is a turn, or a session, of this name among the share? Always the same for the same name. */
bool recording_in_share(struct str name, int64_t share);

/* ---- recording ---- */

/* What became of turns that were to be recorded. */
enum recording_fate {
    RECORDING_WRITTEN,
    RECORDING_OPTED_OUT, /* the client asked for it */
    RECORDING_NO_MEMORY, /* the budget was used up */
    RECORDING_TOO_LARGE,
    RECORDING_NOT_JSON,
    RECORDING_TOO_COSTLY, /* a pattern took too long */
    RECORDING_NO_DISK,
    RECORDING_FATES
};
extern const char *const recording_fate_names[RECORDING_FATES];

struct recording_stats {
    uint64_t fates[RECORDING_FATES];
    uint64_t bytes, redacted; /* written, and how much was taken out */
    int64_t held_bytes;       /* waiting, or of turns under way */
};

struct recorder;
struct recording;

MUSTCHECK int recorder_new(struct recorder **ret_recorder, struct fault *f);
/* Writes what waits (for RECORDER_CLOSE_MS at most), ends the thread. */
#define RECORDER_CLOSE_MS 5000
void recorder_close(struct recorder *r);
/* Whose retention holds from now on; NULL: nothing is recorded any more. */
void recorder_use(struct recorder *r, struct recording_rules *rules);
struct recording_stats recorder_stats(const struct recorder *r);

/* `headers` are the client's. Who asks is known in the turn. */
struct recording *recording_begin(struct recorder *r, struct recording_rules *rules,
                                  const struct turn *t, const struct http_headers *headers);
void recording_request(struct recording *rec, struct str body);
void recording_answer(struct recording *rec, struct str bytes);
void recording_end(struct recording *rec, const struct turn *t);

#endif
