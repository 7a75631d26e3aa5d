/* graders.c: `sluice eval graders`: the kinds that a suite can name. */
#include <stdio.h>

#include "cli/eval/eval.h"
#include "cli/options.h"

struct wish {
    bool json;
};

static const struct command_option options[] = {
    {"--json", NULL, offsetof(struct wish, json), "as JSON", VALUE_ANY, NULL},
    {0},
};

static void settings_print(const char *const *names, const char *before, const char *between)
{
    for (unsigned i = 0; names && names[i]; i++)
        printf("%s%s", i ? between : before, names[i]);
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    int words = 0;
    int code = options_read(&eval_graders, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words)
        return options_too_much(&eval_graders, argv[1]);
    fputs(w.json ? "{\"graders\":[" : "", stdout);
    for (unsigned i = 0; graders[i]; i++) {
        const struct grader_kind *g = graders[i];
        if (w.json) {
            printf("%s\n{\"kind\":\"%s\",\"summary\":\"%s\",\"waits\":%s,\"settings\":[",
                   i ? "," : "", g->name, g->summary, g->waits ? "true" : "false");
            settings_print(g->uses, "\"", "\",\"");
            fputs(g->uses && g->uses[0] ? "\"]}" : "]}", stdout);
            continue;
        }
        printf("%-13s %s\n", g->name, g->summary);
        settings_print(g->uses, "              settings: ", ", ");
        fputs(g->uses && g->uses[0] ? "\n" : "", stdout);
    }
    fputs(w.json ? "]}\n" : "", stdout);
    return EXIT_DONE;
}

const struct command eval_graders = {
    .name = "eval graders",
    .summary = "list the kinds of graders",
    .usage = "eval graders [--json]",
    .about =
        "Lists the kinds of graders that a suite can name, with the settings of each. Every one "
        "has\n`name`, `weight` and `pass` beside them.\n",
    .options = options,
    .notes = "Exit codes: 0 done, 2 wrong use.\n",
    .run = run,
};
