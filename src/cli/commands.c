#include "cli/commands.h"

#include <string.h>

/* In the order in which a newcomer meets them. */
const struct command *const commands[] = {
    &command_serve,  &command_check,     &command_apply,      &command_explain,    &command_keys,
    &command_report, &command_eval,      &command_lab,        &command_recordings, &command_bench,
    &command_doctor, &command_protocols, &command_completion, &command_man,        NULL,
};

const char program_about[] = "sluice: a gateway between applications and language models.\n";
const char program_notes[] =
    "`sluice help COMMAND` or `sluice COMMAND --help` says more, `sluice --version` which this "
    "is.\n"
    "To begin: set OPENAI_API_KEY, run `sluice serve`, and let your application's base URL be\n"
    "http://127.0.0.1:8080/v1.\n";

const struct command *command_find(const char *name)
{
    for (unsigned i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

const struct command *command_nth(unsigned i)
{
    for (unsigned k = 0; commands[k]; k++) {
        if (i-- == 0)
            return commands[k];
        for (const struct command *const *sub = commands[k]->subs; sub && *sub; sub++)
            if (i-- == 0)
                return *sub;
    }
    return NULL;
}
