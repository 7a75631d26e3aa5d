/*
 * main.c: `sluice COMMAND ...`
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/command.h"
#include "cli/options.h"
#include "version.h"

static void help_print(FILE *to)
{
    fprintf(to, "%s\nUsage: sluice COMMAND [OPTIONS]\n\n", program_about);
    for (unsigned i = 0; commands[i]; i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(to, "\n%s", program_notes);
}

static int unknown(const char *word)
{
    struct str words[64];
    unsigned n = 0;
    for (; commands[n] && n < ARRAY_LEN(words); n++)
        words[n] = str_from(commands[n]->name);
    struct str near = str_nearest(str_from(word), words, n);
    fprintf(stderr, "sluice: there is no command '%s'%s%.*s%s\nTry: sluice --help\n", word,
            near.n ? "; did you mean '" : "", STR_ARGS(near), near.n ? "'?" : "");
    return EXIT_WRONG_USE;
}

/* `sluice help`, `sluice help serve`. */
static int help(int argc, char **argv)
{
    const struct command *command = argc > 2 ? command_find(argv[2]) : NULL;
    if (argc > 2 && !command && strcmp(argv[2], "help") != 0)
        return unknown(argv[2]);
    if (command)
        options_help(command, stdout);
    else
        help_print(stdout);
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help_print(stderr);
        return EXIT_WRONG_USE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
        return help(argc, argv);
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 || strcmp(word, "version") == 0) {
        printf("sluice %s (%s)\n", SLUICE_VERSION, SLUICE_COMMIT);
        return EXIT_DONE;
    }
    const struct command *command = command_find(word);
    return command ? command->run(argc - 1, argv + 1) : unknown(word);
}
