/*
 * schema_internal.h: what reading a schema (schema.c) and its words (schema_words.c) share.
 *
 * A schema is a tree of parts, each an object or a boolean of the source; a part is a list of
 * rules, each a word of the table with its value. A rule has the parts below its value.
 */
#ifndef EVAL_SCHEMA_INTERNAL_H
#define EVAL_SCHEMA_INTERNAL_H

#include "eval/json/schema.h"
#include "eval/json/values.h"
#include "eval/text/pattern.h"

enum schema_type {
    TYPE_NULL = 1,
    TYPE_BOOLEAN = 2,
    TYPE_OBJECT = 4,
    TYPE_ARRAY = 8,
    TYPE_NUMBER = 16,
    TYPE_STRING = 32,
    TYPE_INTEGER = 64,
    TYPE_ANY = 127,
};
/* 0: there is no such type. */
unsigned schema_type_named(struct str name);
/* A value's; of a number TYPE_NUMBER. */
unsigned schema_type_of(yyjson_val *v);

/* What a word's value has to be. */
enum schema_form {
    FORM_ANY,
    FORM_PART,        /* a schema */
    FORM_PARTS,       /* a list of them, of one at least */
    FORM_PART_MAP,    /* an object of them */
    FORM_PATTERN_MAP, /* the same, the names are patterns */
    FORM_PATTERN,
    FORM_COUNT, /* a whole number >= 0 */
    FORM_NUMBER,
    FORM_POSITIVE, /* a number > 0 */
    FORM_BOOL,
    FORM_STRING,
    FORM_STRINGS,     /* a list of strings */
    FORM_STRINGS_MAP, /* an object of such lists */
    FORM_LIST,
    FORM_TYPES, /* a type's name, or a list of them */
    FORM_REF,
    FORM_DRAFT,     /* the draft that the schema is written for */
    FORM_ROOT_ONLY, /* a string, and only at the top */
    FORM_REFUSED,   /* not supported; `note` says what to do */
};

struct schema_run;
struct schema_rule;
struct spot;

struct schema_word {
    const char *name;
    enum schema_form form;
    unsigned types; /* the values that it says something about */
    bool in_place;  /* the parts below are asked about the same value */
    /* NULL: it checks nothing by itself. False: the value breaks the rule, and it was said. */
    bool (*check)(struct schema_run *run, const struct schema_rule *rule, yyjson_val *v,
                  const struct spot *spot);
    const char *note;
};
extern const struct schema_word schema_words[]; /* ends with a NULL name */

struct schema_part {
    struct schema_part *next; /* all of a schema's */
    yyjson_val *source;
    struct str at; /* "#/properties/a" */
    unsigned n;
    struct schema_rule *rules;
    enum { PART_NEW, PART_OPEN, PART_DONE } walked; /* while the schema is read */
};

struct schema_rule {
    const struct schema_word *word;
    const struct schema_part *of;
    yyjson_val *value;
    unsigned types; /* FORM_TYPES */
    unsigned n;     /* parts below, in the order of the source; and of patterns */
    struct schema_part **parts;
    struct pattern **patterns;
};

struct schema {
    struct schema_part *root, *all;
    unsigned part_count;
};

/* Where in the value a check is. */
struct spot {
    const struct spot *up;
    yyjson_val *name; /* a member's; NULL: an item's */
    size_t index;
};

/* One check of one value. */
struct schema_run {
    const struct schema *schema;
    struct arena *arena;
    struct values_steps steps;
    unsigned depth;
    unsigned silent;       /* > 0: what breaks is not said, since it may be as it should be */
    const char *unchecked; /* the reason to stop */
    struct str why;
    bool no_memory;
    int64_t match_us; /* that patterns took */
};

/* Does the value obey the part? */
bool schema_part_obeyed(struct schema_run *run, const struct schema_part *part, yyjson_val *v,
                        const struct spot *spot);
/* The rule of that name beside this one, or NULL. */
const struct schema_rule *schema_beside(const struct schema_rule *rule, const char *name);
bool schema_found(struct schema_run *run, const struct pattern *pattern, struct str text);
/* Stops the check; returns false. */
bool schema_give_up(struct schema_run *run, const char *reason);
/* Says what is broken, the first time; returns false. */
bool schema_say(struct schema_run *run, const struct spot *spot, const char *fmt, ...) PRINTF(3, 4);

#endif
