/*
 * redact.h: takes out of texts what must not be kept: addresses, numbers, keys.
 *
 * A redactor is a list of rules, compiled once and then shared by threads: built-in ones by name
 * (redact_builtins) and regular expressions of the configuration's (PCRE2, with limits on what one
 * match may cost). What a rule finds becomes "[NAME]".
 *
 * Texts are looked at as they are, and once more with the escapes of JSON and of URLs taken off, as
 * often as there are any (up to REDACT_LAYERS): a tool call's arguments are JSON within a string,
 * so an address in them may be written a\u0040b.example. In JSON, the decoded strings are looked
 * at, keys and long numbers too, and only what has something in it is written anew: all other bytes
 * stay as they came. In a stream the pieces of a text are put together over all events before they
 * are looked at, so nothing hides by being cut in two; what is found is taken out of each event.
 *
 * Blocks and burns the CPU; for threads. Errors: E_BAD_JSON for what is no JSON, E_TIMEOUT for an
 * expression that cost too much, E_TOO_LARGE or E_MEMORY. After an error nothing may be kept.
 */
#ifndef TURN_REDACT_H
#define TURN_REDACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define REDACT_LAYERS     4
#define REDACT_PASSES     4 /* what stood beside a find may be one itself without it */
#define REDACT_RULES_MAX  64
#define REDACT_NAME_BYTES 32

struct redact_builtin {
    const char *name;
    const char *what;    /* for the reference */
    const char *pattern; /* or */
    bool (*find)(struct str text, size_t at, size_t *ret_from, size_t *ret_to);
    char needs; /* where there is no such character, there is none of it; 0: not known */
};
extern const struct redact_builtin redact_builtins[]; /* ends with a NULL name */
const struct redact_builtin *redact_builtin_find(struct str name);

/* Numbers that check themselves: the next one at or behind byte `at`. */
bool redact_find_card(struct str text, size_t at, size_t *ret_from, size_t *ret_to);
bool redact_find_iban(struct str text, size_t at, size_t *ret_from, size_t *ret_to);
bool redact_find_ipv6(struct str text, size_t at, size_t *ret_from, size_t *ret_to);

/* `pattern` n == 0: the built-in rule of that name. */
struct redact_rule {
    struct str name, pattern;
};

struct redactor;

/* E_CONFIG with what is wrong, and where in the pattern; *ret_bad is the rule's number. */
MUSTCHECK int redactor_new(const struct redact_rule *rules, unsigned n,
                           struct redactor **ret_redactor, unsigned *ret_bad, struct fault *f);
void redactor_free(struct redactor *r);

/* ---- one turn's redaction, on one thread ---- */

struct redact_matcher;

struct redact_run {
    const struct redactor *redactor;
    struct redact_matcher *matcher;
    struct arena arena; /* what is made lies here */
    uint64_t hits;      /* found so far */
};

MUSTCHECK int redact_run_init(struct redact_run *run, const struct redactor *r, size_t bytes_max);
void redact_run_fini(struct redact_run *run);
/* For the next turn: gives back the memory, counts anew. */
void redact_run_again(struct redact_run *run);

/* What was found: parts of the text in order, that do not overlap. */
struct redact_edit {
    size_t from, to;
    unsigned rule;
};
struct redact_edits {
    unsigned n, cap;
    struct redact_edit *at;
};
MUSTCHECK int redact_find(struct redact_run *run, struct str text, struct redact_edits *ret_edits);
/* "[email]" */
struct str redact_mark(const struct redact_run *run, const struct redact_edit *edit);

/* Each gives the text itself where there was nothing to take out. */
MUSTCHECK int redact_text(struct redact_run *run, struct str text, struct str *ret_text);
MUSTCHECK int redact_json(struct redact_run *run, struct str text, struct str *ret_text);

/* A stream of server-sent events, each with its framing; an event that was cut off at the end is
 * left out. */
struct redact_events {
    unsigned n, cap;
    struct str *at;
};
MUSTCHECK int redact_stream(struct redact_run *run, struct str text,
                            struct redact_events *ret_events);

#endif
