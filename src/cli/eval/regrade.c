/* regrade.c: `sluice eval grade`: the graders of a suite as it is now, over answers that are kept.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/eval/eval.h"
#include "cli/options.h"
#include "eval/run/run.h"

#define ARENA_BYTES_MAX (4096ull * 1024 * 1024)
#define COMMAND         "eval grade"

struct wish {
    const char *config, *runs, *suite, *baseline;
    bool keep_going, json;
    struct judged_files files;
};

static const struct command_option options[] = {
    {"RUN", NULL, 0, "a run's id, its folder, or `last`", VALUE_FILE, NULL},
    {"--suite", "FILE", offsetof(struct wish, suite),
     "the suite whose graders judge; without it: the one that was run", VALUE_FILE, NULL},
    {"--config", "FILE", offsetof(struct wish, config),
     "the configuration by which judges are asked, and that has the records of\n"
     "the brake (default: as for sluice serve; without a judge none is needed)",
     VALUE_FILE, NULL},
    {"--keep-going", NULL, offsetof(struct wish, keep_going),
     "go on where the first answers all get no grade, in the same way", VALUE_ANY, NULL},
    {"--baseline", "RUN", offsetof(struct wish, baseline), "compare with this run", VALUE_ANY,
     NULL},
    {"--runs", "FOLDER", offsetof(struct wish, runs), RUNS_USUAL_HELP, VALUE_FILE, NULL},
    {"--json", NULL, offsetof(struct wish, json), "the verdict as JSON", VALUE_ANY, NULL},
    JUDGED_FILE_OPTIONS(struct wish, files),
    {0},
};

struct regrading {
    struct arena arena;
    struct eval_home home;
    struct run_folder folder;
    struct loaded_run baseline;
    bool has_baseline;
    struct suite *suite;
    struct answers *answers;
    struct eval_asker asker;
    struct eval_run run;
    struct fault fault;
};

static int work(struct eval_home *home UNUSED, void *arg)
{
    struct regrading *r = arg;
    return eval_run(&r->run, &r->fault);
}

/* Pure graders, over what is kept, cost nothing. */
static bool asks_judges(const struct suite *s)
{
    for (unsigned i = 0; i < s->graders_n; i++)
        if (s->graders[i].settings->judge.n)
            return true;
    return false;
}

/* So many answers to a case as the run has, whatever the suite says by now. */
static int samples_take(struct regrading *r)
{
    struct suite_settings *own = ARENA_NEW(&r->suite->arena, struct suite_settings);
    if (!own)
        return E_MEMORY;
    *own = *r->suite->settings;
    own->samples = r->folder.facts.samples;
    r->suite->settings = own;
    return 0;
}

static int regrade(struct regrading *r, bool keep_going)
{
    struct str answers = folder_file(&r->arena, &r->folder, "answers.jsonl");
    struct str results = folder_file(&r->arena, &r->folder, "results.jsonl");
    int err = answers.p && results.p ? answers_open(answers.p, true, &r->answers, &r->fault)
                                     : E_MEMORY;
    if (!err)
        err = samples_take(r);
    if (err)
        return err;
    home_asker(&r->home, &r->asker);
    r->asker.answers = r->answers;
    r->asker.tries = r->suite->settings->tries;
    r->asker.tags = arena_printf(&r->arena, "eval:%.*s", STR_ARGS(r->suite->name));
    if (r->suite->settings->spend_nanos != CONF_NOT_GIVEN) /* what judges cost anew */
        r->asker.spend_nanos = r->suite->settings->spend_nanos;
    r->run = (struct eval_run){.suite = r->suite,
                               .asker = &r->asker,
                               .model = r->folder.facts.model,
                               .alike_most = keep_going || !asks_judges(r->suite) ? 0 : ALIKE_MOST,
                               .only_kept = true};
    err = eval_run_check(&r->run, &r->fault);
    if (!err)
        err = home_run(&r->home, work, r);
    if (!err)
        err = results_write(&r->run.results, results.p, &r->fault);
    return err;
}

static int open_all(struct regrading *r, const struct wish *w, const char *what)
{
    struct str runs = runs_usual(w->runs);
    int code = 0;
    int err = folder_find(&r->arena, runs, str_from(what), &r->folder, &r->fault);
    if (err) {
        fprintf(stderr, "sluice eval grade: %s\n", why_text(&r->fault, err));
        return EXIT_COULD_NOT;
    }
    if (w->baseline) {
        code = run_take(COMMAND, &r->arena, runs, w->baseline, &r->baseline);
        if (code)
            return code;
        r->has_baseline = true;
    }
    struct str suite = w->suite ? str_from(w->suite)
                                : arena_str(&r->arena, r->folder.facts.suite_file);
    code = suite_take(COMMAND, suite.p, &r->suite);
    if (code)
        return code;
    return asks_judges(r->suite) ? home_open(&r->home, w->config, COMMAND)
                                 : home_open_alone(&r->home, w->config, COMMAND);
}

static int judge_and_show(struct regrading *r, const struct wish *w)
{
    struct judged judged = {.arena = &r->arena,
                            .run = &r->folder,
                            .results = &r->run.results,
                            .suite = r->suite,
                            .baseline = r->has_baseline ? &r->baseline.folder : NULL,
                            .baseline_results = r->has_baseline ? &r->baseline.results : NULL};
    struct judged *all[] = {&judged};
    int code = EXIT_COULD_NOT, err = judged_make(&judged, &r->fault);
    if (!err) {
        code = judged_show(COMMAND, all, 1, w->json, &w->files);
        err = judged_keep(&judged, &r->folder, &r->fault);
        if (!err)
            err = judged_remember(COMMAND, &judged, r->home.doc, &r->fault);
    }
    if (!err)
        return code;
    fprintf(stderr, "sluice eval grade: %s\n", why_text(&r->fault, err));
    return EXIT_COULD_NOT;
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    int words = 0;
    int code = options_read(&eval_regrade, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words != 1)
        return options_wrong(&eval_regrade, "expected one run; `sluice eval list` shows them");
    struct regrading *r = calloc(1, sizeof(*r));
    if (!r)
        return EXIT_COULD_NOT;
    arena_init_private(&r->arena, ARENA_BYTES_MAX);
    code = open_all(r, &w, argv[1]);
    int err = code ? 0 : regrade(r, w.keep_going);
    if (err) {
        fprintf(stderr, "sluice eval grade: %s\n", why_text(&r->fault, err));
        code = err == E_BAD_REQUEST       ? EXIT_WRONG_USE
               : err == E_UPSTREAM_STATUS ? EXIT_BAR
                                          : EXIT_COULD_NOT;
    }
    if (!code)
        code = judge_and_show(r, &w);
    (void)!answers_close(r->answers);
    results_fini(&r->run.results);
    results_fini(&r->baseline.results);
    suite_free(r->suite);
    home_close(&r->home);
    arena_fini(&r->arena);
    free(r);
    return code;
}

const struct command eval_regrade = {
    .name = COMMAND,
    .summary = "grade the kept answers of a run again",
    .usage = "eval grade [OPTIONS] RUN",
    .about =
        "Gives the answers that a run has kept to the graders of the suite as it is now. Nothing\n"
        "is asked again but judges, and those only what they were not asked before.\n",
    .options = options,
    .notes =
        "Exit codes: 0 it passes the bar, 1 it does not, 2 wrong use, or a mistake in the suite\n"
        "or the configuration, 3 it cannot be read.\n",
    .run = run,
};
