#include "cli/commands.h"

/* In the order in which a newcomer meets them. */
const struct command *const commands[] = {
    &command_serve,  &command_check, &command_explain, &command_keys,
    &command_report, &command_bench, &command_doctor,  NULL,
};
