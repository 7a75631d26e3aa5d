/* commands.h: the commands that commands.c lists; one line a file. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command command_apply;
extern const struct command command_bench;
extern const struct command command_check;
extern const struct command command_completion;
extern const struct command command_doctor;
extern const struct command command_eval;
extern const struct command command_explain;
extern const struct command command_keys;
extern const struct command command_lab;
extern const struct command command_man;
extern const struct command command_protocols;
extern const struct command command_recordings;
extern const struct command command_report;
extern const struct command command_serve;

#endif
