/* recordings.h: what the files of `sluice recordings` share. */
#ifndef CLI_RECORDINGS_H
#define CLI_RECORDINGS_H

#include "cli/command.h"
#include "cli/sheet.h"
#include "turn/recording/read.h"

enum recordings_form { RECORDINGS_TABLE, RECORDINGS_CSV, RECORDINGS_JSON };

/* Which turns are meant; n == 0: it does not matter. */
struct recordings_filter {
    struct str tenant, key, session, api, state;
    struct str since, until, before; /* days; the first two belong to it, the third does not */
    int64_t share;                   /* millionths, as the configuration's */
};
bool recordings_meant(const struct recordings_filter *filter, const struct recorded_turn *turn);

struct recordings {
    struct str folder;
    enum recordings_form form;
    struct recordings_filter filter;
    struct recordings_seen seen;
    struct arena arena;
    struct fault fault;
};

/* Where they are: `folder`, else what the configuration says, else the usual one. An exit code
 * after the complaint of `command` ("recordings"). */
MUSTCHECK int recordings_folder(const char *command, const char *folder, const char *config,
                                struct arena *a, struct str *ret_folder);

/* Calls `take` with each turn that is meant. All below return an enum err, described in r->fault,
 * or E_USAGE with the complaint made. */
MUSTCHECK int recordings_each(struct recordings *r, recording_take take, void *arg);

/* The newest `wanted` (> 0). */
MUSTCHECK int recordings_list(struct recordings *r, unsigned wanted);

/* One turn, all of it: E_NOT_FOUND where it is not there. */
MUSTCHECK int recordings_show(struct recordings *r, struct str id);

extern const char *const recordings_by_words[]; /* of --by; ends with NULL */

/* Sums by what stands in `by`: "day,tenant,api". */
MUSTCHECK int recordings_sums(struct recordings *r, const char *by);

/* Prints a sheet whose last row may be a total; JSON as {"NAME":[rows],"total":row}. */
MUSTCHECK int recordings_print(const struct recordings *r, const struct sheet *s, const char *name);

#endif
