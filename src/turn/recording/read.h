/*
 * read.h: recordings read back, and taken away, for commands. Blocks on the disk; no
 * thread of a sluice that serves calls it.
 *
 * Both may run while other processes record into the folder: a file that is written anew is held
 * by a lock for that time, and whoever records goes on in another one (files.h).
 */
#ifndef TURN_RECORDING_READ_H
#define TURN_RECORDING_READ_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "llm/prices.h"
#include "llm/tokens.h"

/* A line, as recording_line wrote it. A text that is not there has n == 0. */
struct recorded_turn {
    struct str turn, time, tenant, key, task, session, tags, api, asked, model, provider;
    struct str state, error, counted; /* counted: who counted the tokens */
    struct str fingerprint;           /* of its prompt (llm/prompt.h), as it was before redaction */
    struct str request, body;
    yyjson_val *stream; /* a list of texts; NULL where the answer was not streamed */
    struct tokens tokens;
    int64_t cost_usd_nanos; /* COST_UNKNOWN where null */
    int64_t status, calls, redacted;
    int64_t total_us, first_us; /* first_us < 0: nothing came */
};

/* `line` may have its end or not; everything lives in the arena. E_BAD_JSON for what is none. */
MUSTCHECK int recording_line_read(struct arena *arena, struct str line,
                                  struct recorded_turn *ret_turn);

struct recordings_seen {
    uint64_t files, turns;
    uint64_t bytes;      /* of these turns' lines */
    uint64_t torn;       /* last lines without an end: a crash, or just being written */
    uint64_t unreadable; /* other lines that are no recording */
};

/*
 * All turns of the folder, file by file in the order of their names; those of one process are in
 * the order in which they ended. Files that were begun on a day (UTC, "2026-11-27") before
 * `since_day` (n == 0: none) are left out. `take` gets the line with its end; what it gets is gone
 * with the next. What it returns other than 0 ends it. E_NOT_FOUND: there is no such folder.
 */
typedef int (*recording_take)(void *arg, const struct recorded_turn *turn, struct str line);
MUSTCHECK int recordings_read(struct str folder, struct str since_day, recording_take take,
                              void *arg, struct recordings_seen *ret_seen, struct fault *f);

/*
 * Takes away the turns that `meant` says yes to, and torn lines, of which nobody can say whose they
 * are. A file without a turn left is removed. What was taken is in *ret_gone (`torn` with it;
 * `unreadable` are left), also after an error, which leaves the file that it struck as it was.
 * `only_look`: nothing is changed.
 */
typedef bool (*recording_meant)(void *arg, const struct recorded_turn *turn);
MUSTCHECK int recordings_delete(struct str folder, bool only_look, recording_meant meant, void *arg,
                                struct recordings_seen *ret_gone, struct fault *f);

#endif
