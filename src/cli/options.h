/*
 * options.h: reading a command's words, the same way everywhere.
 *
 * What a command does not list is refused with the nearest right word. `--help` is handled here.
 * Values are `--name VALUE` or `--name=VALUE`.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/macros.h"
#include "cli/command.h"

/*
 * Reads argv[1] and on into `wish`, the struct that the rows' offsets are of. Words that are no
 * options are moved to the front of argv[1..]; *ret_words says how many. -1: go on. Else the exit
 * code: EXIT_DONE after --help, EXIT_WRONG_USE after a complaint on standard error.
 */
MUSTCHECK int options_read(const struct command *command, void *wish, int argc, char **argv,
                           int *ret_words);

/* "sluice NAME: ..." on standard error; returns EXIT_WRONG_USE. */
int options_wrong(const struct command *command, const char *fmt, ...) PRINTF(2, 3);

/* What `sluice NAME --help` shows. */
void options_help(const struct command *command, FILE *to);

#endif
