/*
 * command.h: a command of the program: one file, one row in commands.c.
 *
 * What a command takes stands in its tables, from which follow how its words are read, `--help`,
 * the man pages and what a shell completes. `run` gets the words behind the command's name (argv[0]
 * is the name). It returns the exit code: EXIT_DONE, EXIT_BAR (a bar or gate failed),
 * EXIT_WRONG_USE, EXIT_COULD_NOT.
 *
 * One whose first word chooses among things of their own (`sluice eval run`) has them as commands
 * of a list of its own, with its name in theirs ("eval run"), and options_sub as its run.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

#define EXIT_DONE      0
#define EXIT_BAR       1
#define EXIT_WRONG_USE 2
#define EXIT_COULD_NOT 3

/* What an option's value, or a word, is. */
enum command_value {
    VALUE_ANY,  /* where there are choices, one of them */
    VALUE_FILE, /* a file's name */
    VALUE_WORD, /* the choices are those that a shell offers; the command looks at it itself */
    VALUE_LIST, /* one or several of the choices, with commas between; options_list reads it */
};

/* An option, or (where the name has no dash) a word that stands by itself. */
struct command_option {
    const char *name;  /* "--config", "MODEL" */
    const char *value; /* "FILE", as people read it; NULL: it takes none */
    size_t offset;     /* in the command's wish: a const char *, or a bool where it takes none */
    const char *help;  /* a line, or some */
    enum command_value kind;
    const char *const *choices; /* what it may be; ends with NULL; NULL: anything */
};

struct command {
    const char *name;
    const char *summary;                  /* one line, for `sluice --help` */
    const char *usage;                    /* a line for each way to call it, without "sluice" */
    const char *about;                    /* paragraphs, ahead of the options */
    const struct command_option *options; /* ends with a row without a name; NULL: none */
    const char *notes;        /* paragraphs behind them: exit codes, examples; may be NULL */
    const char *const *verbs; /* what the first word may be; ends with NULL; NULL: anything */
    /* Of each verb the options that it takes, with spaces between, for who completes words; NULL:
     * every one takes all. */
    const char *const *verb_options;
    const struct command *const *subs; /* ends with NULL; NULL: it has none */
    int (*run)(int argc, char **argv);
};

extern const struct command *const commands[];      /* ends with NULL */
extern const char program_about[], program_notes[]; /* `sluice --help`, around the commands */

/* The command of that name, or NULL. */
const struct command *command_find(const char *name);

/* The i-th of all commands, the subs of one right behind it; NULL behind the last. */
const struct command *command_nth(unsigned i);

#endif
