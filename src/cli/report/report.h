/* report.h: what the files of `sluice report` share. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/command.h"
#include "cli/sheet.h"
#include "conf/conf.h"
#include "turn/ledger/read.h"

enum report_form { REPORT_TABLE, REPORT_CSV, REPORT_JSON };

struct report {
    struct ledger_reader *reader;
    struct str where;           /* for people */
    struct conf_strs providers; /* of the configuration, if one is read */
    enum report_form form;
    struct arena arena;
    struct fault fault;
};

extern const char *const report_by_words[]; /* of --by; ends with NULL */

/* What stands in --by, in its order. */
struct report_by {
    unsigned n;
    enum ledger_dim dim[DIMS];
    const char *word[DIMS];
};

/* "day,model"; false with the complaint made. */
MUSTCHECK bool report_by_read(const char *words, struct report_by *ret_by);

bool report_by_has(const struct report_by *by, enum ledger_dim dim);

/* Calls `fn` with each group that something with these dimensions stands in: of several tags, one
 * for each, else one. What it returns other than 0 ends this and is returned. */
typedef int report_group_fn(void *arg, const struct str dim[DIMS]);
MUSTCHECK int report_by_each(const struct report_by *by, const struct str dim[DIMS],
                             report_group_fn *fn, void *arg);
/* The group of these, made on first use with texts of its own; NULL without memory. */
MUSTCHECK struct ledger_group *report_group(struct report *r, struct ledger_groups *groups,
                                            const struct str dim[DIMS]);

/* A sheet whose last row is the total, as one JSON object on standard output. `more`: members
 * behind `by`, such as ,"success":0.5 */
MUSTCHECK int report_groups_json(const struct report_by *by, const struct sheet *s, struct str from,
                                 struct str to, struct str more);

/* Tasks that began on the days from .. to, and what a successful one cost. `success`: the least
 * score, in millionths, that is one. */
MUSTCHECK int report_tasks(struct report *r, const struct report_by *by, struct str from,
                           struct str to, int64_t success);

/* Sums of the days from .. to. All three return an enum err, described in r->fault. */
MUSTCHECK int report_sums(struct report *r, const struct report_by *by, struct str from,
                          struct str to);
/* The last `n` turns; one turn with its calls. */
MUSTCHECK int report_turns(struct report *r, unsigned n);
MUSTCHECK int report_turn(struct report *r, struct str id);

/* A provider's usage export (a file, or "-") beside the ledger. */
struct report_reconciled {
    const char *file, *provider; /* provider NULL: all of the ledger's */
    int64_t tolerance;           /* millionths */
};
/* *ret_within: no row's tokens are further apart than the tolerance. */
MUSTCHECK int report_reconcile(struct report *r, const struct report_reconciled *what,
                               bool *ret_within);

#endif
