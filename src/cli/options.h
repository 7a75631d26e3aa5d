/*
 * options.h: reading a command's words, the same way everywhere.
 *
 * What a command does not list is refused with the nearest right word. `--help` is handled here.
 * Values are `--name VALUE` or `--name=VALUE`.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/macros.h"
#include "base/str.h"
#include "cli/command.h"

/*
 * Reads argv[1] and on into `wish`, the struct that the rows' offsets are of. Words that are no
 * options are moved to the front of argv[1..]; *ret_words says how many. -1: go on. Else the exit
 * code: EXIT_DONE after --help, EXIT_WRONG_USE after a complaint on standard error.
 */
MUSTCHECK int options_read(const struct command *command, void *wish, int argc, char **argv,
                           int *ret_words);

/* Which of the command's verbs argv[1] is, `usual` where there are no words; -1 with the complaint
 * made. */
MUSTCHECK int options_verb(const struct command *command, int words, char **argv, int usual);

/*
 * The value of an option that is a VALUE_LIST, "day,tenant": the index in its choices of each word,
 * once each, in ret_at[], which has room for all of them. Their number, or -1 with the complaint
 * made.
 */
MUSTCHECK int options_list(const struct command *command, const char *option, const char *value,
                           unsigned *ret_at);

/* The value of an option that is a share from `least` to 1: "5%" or "0.05", in millionths. False
 * with the complaint made. */
MUSTCHECK bool options_share(const struct command *command, const char *option, const char *value,
                             double least, int64_t *ret_share);

/* The complaint about a word where only options are taken, with the one that may have been meant:
 * EXIT_WRONG_USE. */
int options_too_much(const struct command *command, const char *word);

/* "sluice NAME: ..." on standard error; returns EXIT_WRONG_USE. */
int options_wrong(const struct command *command, const char *fmt, ...) PRINTF(2, 3);

/* Runs the one of the command's subs that argv[1] names. The exit code. */
int options_sub(const struct command *command, int argc, char **argv);

/* What `sluice NAME --help` shows. */
void options_help(const struct command *command, FILE *to);

#endif
