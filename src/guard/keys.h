/*
 * keys.h: who may ask, and for what.
 *
 * A key is made by sluice (`sk-sluice-PUBLIC-SECRET`, of which only a hash is kept, in the
 * database) or declared in the file with any text. It names its tenant and, where it is limited,
 * its models. All keys are in memory; checking one never waits. Keys that another process makes or
 * revokes in the same database are seen within KEYS_REFRESH_MS.
 *
 * The public part (or the name in the file) is what logs, ledger and reports show.
 */
#ifndef GUARD_KEYS_H
#define GUARD_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "conf/conf.h"
#include "guard/limits.h"

#define KEYS_REFRESH_MS 1000
#define KEYS_MAX        100000

struct declared_key_settings {
    struct str secret;
    struct str tenant;
    struct conf_strs models; /* names it may ask for; "gpt-*" ends with a star; none: all */
    bool admin;
    struct limit_settings limits; /* before those of all keys */
};

struct keys_settings {
    bool require;
    struct conf_map declared; /* struct declared_key_settings */
};
extern const struct conf_table keys_table;

/* One key, as a request carries it. Immutable; replaced whole on change. */
struct key {
    struct str public_part; /* shown */
    struct str name;        /* given by people; may be empty */
    struct str tenant;
    unsigned models_n;
    struct str *models; /* none: all */
    bool admin;
    bool declared;
    int64_t made_wall_us, revoked_wall_us; /* 0: not */
};

struct keys;

/* `where` is the database's URL ("" for none: then only declared keys exist). */
MUSTCHECK int keys_open(struct str where, struct keys **ret_keys, struct fault *f);
void keys_close(struct keys *k);

/* Takes the declared keys of a configuration in place of those of the one before. */
MUSTCHECK int keys_configure(struct keys *k, const struct keys_settings *settings,
                             struct conf_doc *doc);

/*
 * Complains of declared keys that nobody could use or tell apart. 0 or E_MEMORY; whether there was
 * anything to complain of, the document knows.
 */
MUSTCHECK int keys_settings_check(const struct keys_settings *s, struct conf_doc *doc);

/*
 * The key of an Authorization header's value ("Bearer ..."; also the bare text, as x-api-key has
 * it). E_NO_KEY, E_BAD_KEY, E_KEY_REVOKED. Comparing takes the same time wherever texts differ.
 * *ret_key is valid until the caller yields; key_copy makes it last.
 */
MUSTCHECK int keys_check(struct keys *k, struct str authorization, const struct key **ret_key,
                         struct fault *f);

/* May it ask for this model (the name as the client gave it)? 0 or E_FORBIDDEN. */
MUSTCHECK int key_allows(const struct key *key, struct str model, struct fault *f);
/* And for a request that names `model`, and with `more` lists others that may answer? */
MUSTCHECK int key_allows_request(const struct key *key, struct str model, bool more,
                                 struct fault *f);
MUSTCHECK int key_copy(struct arena *arena, const struct key *key, const struct key **ret_key);

/* What somebody wants a key to be. */
struct key_wish {
    struct str name;         /* may be empty */
    struct str tenant;       /* STR_NONE: "default" */
    struct conf_strs models; /* at == NULL: all; an empty list is refused, not taken for all */
    bool admin;
};
/* E_BAD_REQUEST for names that nobody could read. */
MUSTCHECK int key_wish_check(const struct key_wish *w, struct fault *f);

/*
 * Makes a key, of a wish that is checked: `ret_secret` (in the arena) is shown once and kept
 * nowhere. Writes to the database on the pool of threads when called from a task, else directly.
 */
YIELDS MUSTCHECK int keys_make(struct keys *k, struct arena *arena, const struct key_wish *w,
                               struct str *ret_secret, const struct key **ret_key, struct fault *f);
/* By public part or name; `ret_public` (in the arena) is the public part of the one that was meant.
 * E_NOT_FOUND with the nearest; E_BAD_REQUEST where several have it, or a declared one. */
YIELDS MUSTCHECK int keys_revoke(struct keys *k, struct arena *arena, struct str which,
                                 struct str *ret_public, struct fault *f);

unsigned keys_count(const struct keys *k);
const struct key *keys_at(const struct keys *k, unsigned i);

/* Looks for changes of other processes; call it every KEYS_REFRESH_MS from a task. */
YIELDS void keys_refresh(struct keys *k);

#endif
