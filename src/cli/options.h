/*
 * options.h: reading a command's words, the same way everywhere.
 *
 * A command lists its options in a table; what it does not list is refused with the nearest right
 * word. `--help` is handled here. Values are `--name VALUE` or `--name=VALUE`.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>

#include "base/macros.h"
#include "cli/command.h"

struct option_row {
    const char *name; /* "--config" */
    bool takes_value;
    const char **value; /* takes_value: where it goes */
    bool *flag;         /* else: set to true */
};

/*
 * Reads argv[1] and on. Words that are no options are moved to the front of argv[1..]; *ret_words
 * says how many. -1: go on. Else the exit code: EXIT_DONE after --help, EXIT_WRONG_USE after a
 * complaint on standard error.
 */
MUSTCHECK int options_read(const struct command *command, const struct option_row *rows, int argc,
                           char **argv, int *ret_words);

/* "sluice NAME: ..." on standard error; returns EXIT_WRONG_USE. */
int options_wrong(const struct command *command, const char *fmt, ...) PRINTF(2, 3);

#endif
