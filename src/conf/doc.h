/*
 * doc.h: what conf's own files share: the loaded document, its problems, and where values stand.
 *
 * A `struct place` says that the bytes `at` .. `at + size` of the settings came from a line of the
 * file. Places form a tree by `up`, from which paths are made when somebody asks; nobody pays for
 * paths of settings that are right.
 */
#ifndef CONF_DOC_H
#define CONF_DOC_H

#include "conf/conf.h"
#include "conf/node.h"

#define DOC_FILE_BYTES_MAX    (4u * 1024 * 1024)
#define DOC_ARENA_BYTES_MAX   (16u * 1024 * 1024)
#define DOC_TREE_BYTES_MAX    (32u * 1024 * 1024)
#define DOC_PROBLEM_BYTES_MAX (1024u * 1024)
#define DOC_PROBLEMS_MAX      1000
#define DOC_MAP_MAX           10000

struct place {
    struct place *next; /* all of a document's, newest first */
    const struct place *up;
    const char *at;
    size_t size;
    const struct conf_table *table; /* of the struct that stands there; NULL: a value */
    struct str name;                /* the row or key; p == NULL: item `index` of a list */
    unsigned index, line, column;
};

/* A secret of the file. */
struct secret {
    struct secret *next;  /* in the order of the file */
    const struct str *at; /* its value in the settings */
    size_t from, to;      /* the file's bytes that are not shown */
    struct str reference; /* "${NAME}", where it was written so and nothing else */
};

struct conf_doc {
    unsigned refs;
    struct arena arena;         /* values, places, the file's text */
    struct arena problem_arena; /* kept apart, so that a full arena can still be told */
    const struct conf_table *table;
    void *root;
    struct str path; /* NUL-terminated */
    bool is_file;
    bool parsed; /* it is YAML: what is no secret is known */
    struct str text;
    struct str hash;
    struct place *places;
    struct secret *secrets, *last_secret;
    struct conf_problem *problems; /* sorted by line and column */
    unsigned problem_count, problem_room, error_count;
};

MUSTCHECK struct conf_doc *doc_new(const struct conf_table *table, const char *path);

/* Keeps the problem; `path` and the text are copied. */
void doc_problem(struct conf_doc *doc, bool warning, unsigned line, unsigned column,
                 struct str path, const char *fmt, ...) PRINTF(6, 7);
void doc_vproblem(struct conf_doc *doc, bool warning, unsigned line, unsigned column,
                  struct str path, const char *fmt, va_list args) PRINTF(6, 0);

/* "providers.openai.base_url[0]" */
struct str place_path(struct arena *a, const struct place *at);
void place_path_add(struct buf *out, const struct place *at);

/* Appends one step: ".name", without the dot where it is the first; odd names in quotes. */
void path_add(struct buf *out, bool first, struct str name);

const struct conf_row *table_row(const struct conf_table *table, struct str name);

/* A text as messages quote it: cut to a readable length, control characters escaped. */
struct quoted {
    char text[96];
};
struct quoted quoted(struct str s);
#define QUOTED(s) (quoted(s).text)

/* syntax.c: is it all UTF-8? */
bool text_is_utf8(struct str s);
/* Bytes of the UTF-8 character that begins `s`, and its code; 0: it is not valid. */
unsigned utf8_take(struct str s, unsigned *ret_code);
/* Line `line` of the file without its end; p == NULL behind the last. */
struct str text_line(struct str text, unsigned line);
/* Is it text in UTF-8? If not, a problem was recorded. */
MUSTCHECK bool syntax_check(struct conf_doc *doc, struct str text);
/* Records what libfyaml complained about, in words that help. */
void syntax_problem(struct conf_doc *doc, struct str text, unsigned line, unsigned column,
                    const char *message);

/* parse.c: fills doc->root from the tree. 0, E_CONFIG or E_MEMORY. */
MUSTCHECK int parse_root(struct conf_doc *doc, struct arena *scratch, const struct node *node);

/*
 * expand.c: `text` with ${NAME}, ${NAME:-default}, ${file:PATH} and $$ replaced. False: *ret_why
 * says what is wrong, or is empty when memory is out. Without a dollar sign the result is `text`
 * itself.
 */
MUSTCHECK bool env_expand(struct arena *a, struct str text, struct str *ret_text,
                          struct str *ret_why);

/* Is it a reference to the environment or to a file and nothing else? Then it shows nothing of the
 * value. */
bool env_is_reference(struct str text);

/*
 * secrets.c: puts the secrets of `in_force` (NULL: of none) in the place of each CONF_HIDDEN, and
 * complains where there is none. 0, E_CONFIG or E_MEMORY.
 */
MUSTCHECK int secrets_keep(struct conf_doc *doc, const struct conf_doc *in_force);

/*
 * What is shown for a secret: how it was written if that tells nothing of it, else CONF_HIDDEN.
 * *next, at first doc->secrets, is where to begin looking: secrets are shown in the file's order.
 */
struct str secret_shown(const struct secret **next, const struct conf_doc *doc,
                        const struct str *field);

/*
 * json.c: a node as compact JSON, by YAML's core schema. False: *ret_where and *ret_why say what
 * cannot be written; without a *ret_why memory is out.
 */
MUSTCHECK bool json_from_node(struct arena *a, const struct node *node, struct buf *out,
                              const struct node **ret_where, struct str *ret_why);
/* The same of a file that is not ours: nothing is replaced in it, and the line of each name and
 * value is added to `lines`, an unsigned each. */
MUSTCHECK bool json_from_foreign(const struct node *node, struct buf *out, struct buf *lines,
                                 const struct node **ret_where, struct str *ret_why);

/* load.c: all that a file ("-": standard input) has, up to one byte more than allowed. E_IO, and a
 * problem was recorded. */
MUSTCHECK int doc_file_read(struct conf_doc *doc, const char *path, struct buf *out);

#endif
