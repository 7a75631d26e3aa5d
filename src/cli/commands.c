#include "cli/commands.h"

/* In the order in which a newcomer meets them. */
const struct command *const commands[] = {
    &command_serve,
    NULL,
};
