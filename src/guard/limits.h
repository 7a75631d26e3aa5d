/*
 * limits.h: how much a key and a tenant may use.
 *
 * A limit holds for every key (limits.per_key) and every tenant (limits.per_tenant), or for one by
 * name (keys.declared.NAME.limits, limits.tenants.NAME), setting by setting. Before a turn's calls
 * its tokens and price are reserved with the counters (counters.h), and what it really took is put
 * in their place when it leaves: turn_run and turn_end see to it that each one does.
 *
 *     tokens  the prompt's bytes / 4, and for each choice max_tokens, or where the request names
 *             none its ceiling, which it is then sent with, or limits.reserve_tokens
 *     money   their price at the dearest of the route's targets
 *
 * So a limit of tokens or money is passed by no more than what the turns under way at that moment
 * take beyond their reservations. What is counted outlives the configuration that limits it; after
 * a start, and where a reload brings the first limits, it comes from the ledger.
 */
#ifndef GUARD_LIMITS_H
#define GUARD_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "conf/conf.h"
#include "guard/counters.h"
#include "turn/turn.h"

/* METER_NO_LIMIT (as CONF_NOT_GIVEN) where the file does not say. */
struct limit_settings {
    int64_t meter[METERS];
    int64_t max_tokens;
};
extern const struct conf_table limit_table;
_Static_assert(METER_NO_LIMIT == CONF_NOT_GIVEN, "what is not given limits nothing");

enum limits_unpriced { UNPRICED_REFUSE, UNPRICED_ALLOW };

struct limits_settings {
    struct limit_settings per_key, per_tenant;
    struct conf_map tenants; /* struct limit_settings */
    int64_t reserve_tokens;
    int unpriced;
};
extern const struct conf_table limits_table;

/* ---- rules: what a configuration says, ready to be looked up ---- */

struct limit_rule {
    struct str name;
    struct limit_settings limit;
};

struct limits_rules {
    bool any; /* is there a limit at all? */
    bool unpriced_allowed;
    int64_t reserve_tokens;
    struct limit_settings others[ACCOUNTS]; /* of who has no rule of his own */
    unsigned n[ACCOUNTS];
    struct limit_rule *named[ACCOUNTS]; /* sorted */
};

struct keys_settings;
/* In `arena`; names are borrowed. 0 or E_MEMORY. */
MUSTCHECK int limits_rules_make(struct arena *arena, const struct limits_settings *settings,
                                const struct keys_settings *keys, struct limits_rules *ret_rules);
const struct limit_settings *limits_rules_find(const struct limits_rules *r, enum account_of of,
                                               struct str name);
/* Is there a limit at all? The same as `any` of the rules. */
bool limits_any(const struct limits_settings *settings, const struct keys_settings *keys);
/* Complains of tenants that nobody could be. */
void limits_settings_check(const struct limits_settings *s, struct conf_doc *doc);

/* "requests_per_minute" and so on, as in the file. */
const char *meter_name(enum meter m);

/* ---- the limits of a process ---- */

struct limits;

MUSTCHECK int limits_new(struct limits **ret_limits);
void limits_free(struct limits *l);

/* From now on these rules hold; they stay the caller's, and stay there until the next ones. The
 * gate that turns have to pass, or NULL where there is no limit. */
struct turn_gate *limits_use(struct limits *l, const struct limits_rules *rules);

const struct limits_rules *limits_rules_now(const struct limits *l);
struct counters *limits_counters(struct limits *l);

/* Refusals that no meter counts. */
struct limits_refused {
    uint64_t max_tokens, unpriced;
};
struct limits_refused limits_refused(const struct limits *l);

/* ---- what came before, from the ledger ---- */

struct limits_past;
/* Blocks on the disk. `where` is the ledger's. */
MUSTCHECK int limits_past_read(struct str where, struct limits_past **ret_past, struct fault *f);
void limits_past_free(struct limits_past *p);
/* In place of all that was counted. 0, E_MEMORY or E_OVERLOADED. */
MUSTCHECK int limits_past_take(struct limits *l, const struct limits_past *p);

/* ---- one turn ---- */

/* What a turn asked for and how its accounts stood then; for headers. */
struct turn_stay {
    struct hold hold;
    int64_t limit[ACCOUNTS][METERS];
    struct no_room why; /* where that was why it was not let in */
    bool no_room;
    bool priced; /* every target has a price */
};

/* What a turn with a route and a request may cost, as it would be reserved for it. COST_UNKNOWN
 * where *ret_unpriced, one of its targets, has no price. */
int64_t limits_cost_most(const struct limits_rules *rules, const struct turn *t,
                         const struct target **ret_unpriced);

/* Says in `f` which limit, its value, what is used and when that ends. */
int no_room_fault(const struct no_room *why, struct str name, int64_t now_wall_us, struct fault *f);

#endif
