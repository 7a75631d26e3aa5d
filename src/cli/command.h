/*
 * command.h: a command of the program: one file, one row in commands.c.
 *
 * `run` gets the words behind the command's name (argv[0] is the name). It returns the exit code:
 * EXIT_DONE, EXIT_BAR (a bar or gate failed), EXIT_WRONG_USE, EXIT_COULD_NOT.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>

#include "base/macros.h"

#define EXIT_DONE      0
#define EXIT_BAR       1
#define EXIT_WRONG_USE 2
#define EXIT_COULD_NOT 3

struct command {
    const char *name;
    const char *summary; /* one line, for `sluice --help` */
    const char *help;    /* the whole text of `sluice NAME --help`, examples included */
    int (*run)(int argc, char **argv);
};

extern const struct command *const commands[]; /* ends with NULL */

#endif
