/*
 * conf.h: one YAML file, read by tables.
 *
 * A module describes its part of the file as a `struct conf_table`: a row a setting, with its type,
 * default, bounds and help, and where in the module's struct the value goes. The same rows give the
 * parser, `sluice check`'s errors, the JSON Schema, the reference page and the difference between
 * two files, so these cannot drift apart. The root table stands in api/config.c.
 *
 * A loaded file is a `struct conf_doc`: it owns the arena that all values live in. It is reference
 * counted, never changed, and swapped whole on reload. Nothing here yields; loading reads one file
 * and is done at start and, on reload, on the pool of threads.
 *
 * `${NAME}` in any scalar is replaced by that environment variable, `$$` by a dollar sign; one that
 * is not set is an error at its line, unless `${NAME:-default}`. Names (a map's keys) are taken as
 * they are. `name:` without a value, and null, are as if the name were not there. What is required
 * within a table is so only where the file has that table.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

/* What a row's value is, in the file and in C. */
enum conf_type {
    CONF_STR,      /* struct str */
    CONF_SECRET,   /* struct str; never shown, but as the reference that it came from */
    CONF_BOOL,     /* bool; on/off, true/false, yes/no */
    CONF_INT,      /* int64_t; min .. max */
    CONF_SHARE,    /* int64_t in millionths; 0.25 or 25% */
    CONF_DURATION, /* int64_t milliseconds; 250ms, 30s, 10m, 1h, 7d; "off" is 0 where min is 0 */
    CONF_BYTES,    /* int64_t bytes; 4096, 64KiB, 8MiB, 1GiB, also KB MB GB */
    CONF_USD,      /* int64_t nano-dollars; exact decimals */
    CONF_CHOICE,   /* int: index into choices */
    CONF_JSON,     /* struct str: any YAML as compact JSON */
    CONF_STRS,     /* struct conf_strs; one scalar is a list of one */
    CONF_STR_MAP,  /* struct conf_str_map: name -> scalar */
    CONF_TABLE,    /* the child's struct, embedded */
    CONF_LIST,     /* struct conf_list of the child's struct; one item may stand for a list */
    CONF_MAP,      /* struct conf_map of the child's struct, in the order of the file */
    CONF_LIST_MAP, /* struct conf_map of struct conf_list of the child's struct: name -> list */
};

struct conf_strs {
    unsigned n;
    struct str *at;
};
struct conf_str_map {
    unsigned n;
    struct str *name;
    struct str *value;
};
struct conf_list {
    unsigned n;
    void *at; /* n structs of the child's size */
};
struct conf_map {
    unsigned n;
    struct str *name;
    void *at; /* n structs of the child's size (CONF_LIST_MAP: n struct conf_list) */
};

enum conf_flags {
    CONF_REQUIRED = 1,       /* must be given */
    CONF_SHAPES_ANSWERS = 2, /* part of the answer hash that the evals' brake looks at */
    CONF_NEEDS_RESTART = 4,  /* a reload that changes it is refused with these words */
    CONF_OPTIONAL = 8,       /* a number that is not in the file is CONF_NOT_GIVEN, not 0 */
};
#define CONF_NOT_GIVEN (-1)

struct conf_table;

struct conf_row {
    const char *name;
    enum conf_type type;
    size_t offset;        /* in the struct of its table */
    const char *fallback; /* the default as it would be written; NULL: zero, "" or none */
    const char *help;     /* one or two sentences, for the reference page */
    unsigned flags;
    int64_t min, max;           /* both 0: no bounds */
    const char *const *choices; /* CONF_CHOICE: ends with NULL */
    const struct conf_table *child;
};

struct conf_table {
    const char *name; /* for the reference page: "provider" */
    const char *help;
    size_t size;                 /* of the struct */
    const struct conf_row *rows; /* ends with a row whose name is NULL */
    const char *shorthand;       /* a scalar in the table's place is this row's; NULL: refused */
    const char *example;         /* a few lines of YAML for the reference page; may be NULL */
};

struct conf_doc;

/* One complaint. `line` and `column` count from 1; 0 where there is none. */
struct conf_problem {
    unsigned line, column;
    bool warning;
    struct str path; /* "providers.openai.base_url" */
    struct str text; /* what is wrong and what was expected, with the nearest right word */
};

/*
 * Reads `path` ("-": standard input) or `text` (then `path` is only the name shown). All problems
 * are collected, not only the first. *ret_doc is given in any case and is to be unref'd; on
 * E_CONFIG or E_IO its values are incomplete and only its problems may be used. The arena's
 * ceiling is 16 MiB, the file's 4 MiB.
 */
MUSTCHECK int conf_load(const struct conf_table *root, const char *path, struct conf_doc **ret_doc);
MUSTCHECK int conf_load_text(const struct conf_table *root, const char *path, struct str text,
                             struct conf_doc **ret_doc);
/*
 * The same, but CONF_HIDDEN in the place of a secret stands for the one that `in_force` has there:
 * so what conf_print gives can be read again. Elsewhere CONF_HIDDEN is a mistake.
 */
#define CONF_HIDDEN "(hidden)"
MUSTCHECK int conf_load_over(const struct conf_doc *in_force, const struct conf_table *root,
                             const char *path, struct str text, struct conf_doc **ret_doc);
struct conf_doc *conf_ref(struct conf_doc *doc);
void conf_unref(struct conf_doc *doc);

const void *conf_root(const struct conf_doc *doc);     /* the root table's struct */
struct arena *conf_arena(struct conf_doc *doc);        /* for what is compiled from it */
const char *conf_path(const struct conf_doc *doc);     /* to show */
const char *conf_file(const struct conf_doc *doc);     /* to read again; NULL: it was no file */
struct str conf_text(const struct conf_doc *doc);      /* as it was read */
struct str conf_text_hash(const struct conf_doc *doc); /* hex of the file's content */

bool conf_is_empty(const struct conf_doc *doc); /* does it give no setting at all? */

/* Calls `fn` for each reference to the environment in a value, in the order of the file; one that
 * stands twice comes twice. E_CONFIG where the text is no YAML. */
MUSTCHECK int conf_env_each(const struct conf_doc *doc,
                            void (*fn)(void *arg, struct str name, bool has_default), void *arg);

/* The same for references to files, ${file:PATH}; `path` as it is written. */
MUSTCHECK int conf_file_each(const struct conf_doc *doc, void (*fn)(void *arg, struct str path),
                             void *arg);

unsigned conf_problem_count(const struct conf_doc *doc);
const struct conf_problem *conf_problem(const struct conf_doc *doc, unsigned i);
unsigned conf_error_count(const struct conf_doc *doc); /* without warnings */

/*
 * For checks that look at more than one row, by the modules. `field` is the address of the value
 * inside the root's struct (of a list's or map's item or name too), by which line and path are
 * found; an address of a whole struct finds where that began. Where a struct and its first member
 * share an address, the member is meant if the file gives it. A field that is not in the file
 * leads to its path, and to the line where its table began.
 */
void conf_complain(struct conf_doc *doc, const void *field, const char *fmt, ...) PRINTF(3, 4);
void conf_warn(struct conf_doc *doc, const void *field, const char *fmt, ...) PRINTF(3, 4);

/* The line where it stands, as a complaint about it would say; 0: that is not known. */
unsigned conf_line(const struct conf_doc *doc, const void *field);

/* Does the file give the setting whose value is at `field`? */
bool conf_is_given(const struct conf_doc *doc, const void *field);

/* "file.yaml:12:5: error: providers.x.kind: ..." for each problem, with the line and a caret. */
MUSTCHECK int conf_problems_print(const struct conf_doc *doc, struct buf *out, bool colors);

/* What changed: a line a setting, "limits.idle: 30s -> 1m"; secrets only as "(changed)". */
MUSTCHECK int conf_diff(const struct conf_table *root, const struct conf_doc *before,
                        const struct conf_doc *after, struct buf *out, unsigned *ret_changes,
                        bool *ret_needs_restart);

/*
 * What shapes answers: the rows with CONF_SHAPES_ANSWERS and all below them, as lines in order of
 * their bytes. "models.fast.is<TAB>openai/gpt-5" is a setting that is not what it would be by
 * itself, "models.fast" is something that has a name or a place in a list. So neither comments nor
 * the order of names count, nor whether a default is written out, nor rows that a later version
 * brings; what stands in the environment counts by its value. No secret is in it.
 */
MUSTCHECK int conf_answers(struct arena *a, const struct conf_table *root,
                           const struct conf_doc *doc, struct str *ret_lines);
#define CONF_ANSWERS_HEX_BYTES 65 /* with the NUL */
/* Their SHA-256 in hexadecimal digits. */
MUSTCHECK int conf_answers_hash(struct str lines, char ret_hash[CONF_ANSWERS_HEX_BYTES]);
/* The difference between two of them for people, "models.fast.is: openai/a -> openai/b", at most
 * `lines_max` lines of it. */
MUSTCHECK int conf_answers_diff(struct str before, struct str after, unsigned lines_max,
                                struct buf *out);

/* The effective configuration, defaults included, as YAML; a secret as the reference `${NAME}` that
 * it came from, else as CONF_HIDDEN. */
MUSTCHECK int conf_print(const struct conf_table *root, const struct conf_doc *doc,
                         struct buf *out);
MUSTCHECK int conf_schema(const struct conf_table *root, struct buf *out);    /* JSON Schema */
MUSTCHECK int conf_reference(const struct conf_table *root, struct buf *out); /* Markdown */
/* The same of another file than the configuration, under a title and a text of its own. */
MUSTCHECK int conf_reference_of(const struct conf_table *root, const char *title, const char *intro,
                                struct buf *out);
MUSTCHECK int conf_manual(const struct conf_table *root, struct buf *out); /* a page's roff */

#endif
