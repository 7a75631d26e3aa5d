/* import.c: `sluice eval import`: suites of other programs as suites of ours. */
#include "eval/import/import.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/eval/eval.h"
#include "cli/options.h"

#define COMMAND "eval import"

struct wish {
    const char *out, *name, *model, *judge, *class, *config;
};

static const char *const verbs[] = {"promptfoo", "openai-evals", NULL};
static const char *const verb_options[] = {"--out --name --model --judge --config",
                                           "--out --name --model --class --config", NULL};
static const char *const class_names[] = {"match", "includes", "fuzzy_match", "json_match", NULL};

static const struct command_option options[] = {
    {"FORMAT", NULL, 0, "promptfoo, or openai-evals", VALUE_ANY, NULL},
    {"FILE", NULL, 0,
     "promptfooconfig.yaml; or a file of samples (.jsonl), or the YAML of a registry", VALUE_FILE,
     NULL},
    {"--out", "FOLDER", offsetof(struct wish, out),
     "where the suites are written; without it: evals", VALUE_FILE, NULL},
    {"--name", "NAME", offsetof(struct wish, name),
     "what the suite is called; without it: as its file, or its eval", VALUE_ANY, NULL},
    {"--model", "NAME", offsetof(struct wish, model),
     "the model that is asked; without it: the configuration's first alias", VALUE_ANY, NULL},
    {"--judge", "NAME", offsetof(struct wish, judge),
     "the model that judges by rubrics; without it: the one that is asked", VALUE_ANY, NULL},
    {"--class", "CLASS", offsetof(struct wish, class),
     "openai-evals: what a file of samples is graded by", VALUE_ANY, class_names},
    {"--config", "FILE", offsetof(struct wish, config),
     "the configuration whose first alias is taken (default: as for sluice serve)", VALUE_FILE,
     NULL},
    {0},
};

static void done_show(const struct import_done *done)
{
    fprintf(stderr, "%.*s", STR_ARGS(buf_view(&done->notes)));
    for (unsigned i = 0; i < done->suites_n; i++)
        printf("wrote %s: %u cases\n", done->suites[i].path.p, done->suites[i].cases);
    if (done->left_out == 0)
        puts("nothing was left out");
    else if (done->left_out == 1)
        puts("1 piece was left out; it is named above");
    else
        printf("%u pieces were left out; they are named above\n", done->left_out);
    printf("next: sluice eval run %s\n", done->suites[0].path.p);
}

static int import(const struct wish *w, int verb, const char *file, const char *model)
{
    struct import_done *done = calloc(1, sizeof(*done));
    struct fault f = {0};
    const struct import_wish wish = {.file = str_from(file),
                                     .out = str_from(w->out ? w->out : "evals"),
                                     .name = str_from(w->name),
                                     .model = str_from(model),
                                     .judge = str_from(w->judge ? w->judge : model),
                                     .class = str_from(w->class)};
    if (!done)
        return EXIT_COULD_NOT;
    import_init(done);
    int err = verb == 0 ? import_promptfoo(&wish, done, &f) : import_openai_evals(&wish, done, &f);
    if (!err && done->suites_n == 0)
        err = fault_set(&f, E_BAD_REQUEST, "%s: nothing in it could be converted", file);
    if (!err) {
        done_show(done);
    } else {
        fprintf(stderr, "%.*s", STR_ARGS(buf_view(&done->notes)));
        fprintf(stderr, "sluice %s: %s\n", COMMAND, why_text(&f, err));
    }
    import_fini(done);
    free(done);
    return !err                                                           ? EXIT_DONE
           : err == E_BAD_REQUEST || err == E_CONFIG || err == E_BAD_JSON ? EXIT_WRONG_USE
                                                                          : EXIT_COULD_NOT;
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    struct arena arena;
    const char *model = NULL;
    int words = 0;
    int code = options_read(&eval_import, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    int verb = options_verb(&eval_import, words, argv, -1);
    if (verb < 0)
        return EXIT_WRONG_USE;
    if (words != 2)
        return options_wrong(&eval_import, "expected a format and one file");
    arena_init_private(&arena, 65536);
    code = model_choose(&eval_import, &arena, w.config, w.model, &model);
    if (!code)
        code = import(&w, verb, argv[2], model);
    arena_fini(&arena);
    return code;
}

const struct command eval_import = {
    .name = COMMAND,
    .summary = "make suites of promptfoo's or OpenAI evals' files",
    .usage = "eval import promptfoo FILE [OPTIONS]\neval import openai-evals FILE [OPTIONS]",
    .about =
        "Writes suites and their cases: one suite for each prompt of promptfoo's configuration, "
        "or\n"
        "for each eval of a registry. Assertions become graders, each for the cases that have\n"
        "it. What cannot be converted (code, similarity by embeddings, ...) is named with its\n"
        "file and line and counted; files are never written over.\n",
    .options = options,
    .notes = "Exit codes: 0 done, 2 wrong use, or nothing that could be converted, 3 a file cannot "
             "be read\nor written.\n\n"
             "Examples:\n\n"
             "  sluice eval import promptfoo promptfooconfig.yaml\n"
             "  sluice eval import openai-evals --class match samples.jsonl --name capitals\n",
    .verbs = verbs,
    .verb_options = verb_options,
    .run = run,
};
