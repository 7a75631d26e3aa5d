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

static bool is_needed(const struct grader_kind *g, const char *name)
{
    for (const char *const *need = g->needs; need && *need; need++)
        if (strcmp(*need, name) == 0)
            return true;
    return false;
}

static void names_print(const char *member, const char *const *names)
{
    printf(",\"%s\":[", member);
    for (unsigned i = 0; names && names[i]; i++)
        printf("%s\"%s\"", i ? "," : "", names[i]);
    fputs("]", stdout);
}

static void settings_say(const struct grader_kind *g)
{
    for (unsigned i = 0; g->uses && g->uses[i]; i++)
        printf("%s%s%s", i ? ", " : "              settings: ", g->uses[i],
               is_needed(g, g->uses[i]) ? " (needed)" : "");
    fputs(g->uses && g->uses[0] ? "\n" : "", stdout);
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
            printf("%s\n{\"kind\":\"%s\",\"summary\":\"%s\",\"waits\":%s", i ? "," : "", g->name,
                   g->summary, g->waits ? "true" : "false");
            names_print("settings", g->uses);
            names_print("needs", g->needs);
            fputs("}", stdout);
            continue;
        }
        printf("%-13s %s\n", g->name, g->summary);
        settings_say(g);
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
