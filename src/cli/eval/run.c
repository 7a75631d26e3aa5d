/* run.c: `sluice eval run`: suites run through the configuration, and judged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/eval/eval.h"
#include "cli/load.h"
#include "cli/options.h"
#include "conf/scalar.h"
#include "eval/run/run.h"
#include "version.h"

#define ARENA_BYTES_MAX (4096ull * 1024 * 1024)
#define JSON_BYTES_MAX  (64u * 1024 * 1024)
#define SUITES_MAX      32
#define PROGRESS_MS     200
#define COMMAND         "eval run"

struct wish {
    const char *config, *model, *baseline, *concurrency, *samples, *spend, *runs;
    bool fresh, keep_going, json;
    struct judged_files files;
};

static const struct command_option options[] = {
    {"SUITE.yaml", NULL, 0, "suites; without one: those of the configuration (evals.suites)",
     VALUE_FILE, NULL},
    {"--config", "FILE", offsetof(struct wish, config),
     "the configuration (default: as for sluice serve)", VALUE_FILE, NULL},
    {"--model", "NAME", offsetof(struct wish, model),
     "ask this model in place of the one that the suite names; such a run is no\n"
     "pass for the brake",
     VALUE_ANY, NULL},
    {"--baseline", "RUN", offsetof(struct wish, baseline),
     "compare with this run: its id, its folder, or `last`, the suite's last\n"
     "before this one",
     VALUE_ANY, NULL},
    {"--fresh", NULL, offsetof(struct wish, fresh), "begin anew where the same run was broken off",
     VALUE_ANY, NULL},
    {"--keep-going", NULL, offsetof(struct wish, keep_going),
     "go on where the first answers all come to nothing in the same way", VALUE_ANY, NULL},
    {"--concurrency", "N", offsetof(struct wish, concurrency),
     "how many are under way at once, in place of the suite's", VALUE_ANY, NULL},
    {"--samples", "N", offsetof(struct wish, samples),
     "how many times each case is asked, in place of the suite's", VALUE_ANY, NULL},
    {"--spend", "USD", offsetof(struct wish, spend),
     "dollars that each suite may cost, in place of the suite's", VALUE_ANY, NULL},
    {"--runs", "FOLDER", offsetof(struct wish, runs),
     "where runs are kept; without it: runs/ beside the suite", VALUE_FILE, NULL},
    {"--json", NULL, offsetof(struct wish, json), "the verdict as JSON", VALUE_ANY, NULL},
    JUDGED_FILE_OPTIONS(struct wish, files),
    {0},
};

/* One suite of the sitting. */
struct job {
    const char *path;
    struct suite *suite;
    struct run_folder folder;
    struct answers *answers;
    struct eval_asker asker;
    struct eval_run run;
    bool taken_up;
    struct loaded_run baseline;
    bool has_baseline;
    struct judged judged;
};

struct sitting {
    const struct wish *wish;
    struct arena arena;
    struct eval_home home;
    unsigned n;
    struct job jobs[SUITES_MAX];
    struct job *now;
    int64_t shown_ms, began_ms;
    struct fault fault;
};

/* ---- numbers of the command line ---- */

static int number_take(const char *name, const char *text, enum conf_type type, int64_t min,
                       int64_t max, int64_t *ret)
{
    const struct conf_row row = {.name = name, .type = type, .min = min, .max = max};
    struct scalar_why why;
    if (!text || scalar_parse(&row, str_from(text), ret, &why))
        return 0;
    return options_wrong(&eval_run_command, "%s '%s' %s", name, text, why.text);
}

static int suite_override(const struct wish *w, struct suite *s)
{
    struct suite_settings *own = ARENA_NEW(&s->arena, struct suite_settings);
    if (!own)
        return EXIT_COULD_NOT;
    *own = *s->settings;
    int code = number_take("--concurrency", w->concurrency, CONF_INT, 1, 1000, &own->concurrency);
    if (!code)
        code = number_take("--samples", w->samples, CONF_INT, 1, 100, &own->samples);
    if (!code)
        code = number_take("--spend", w->spend, CONF_USD, 0, 0, &own->spend_nanos);
    s->settings = own;
    return code;
}

/* ---- progress ---- */

static void progress_show(void *arg, const struct eval_progress *p)
{
    struct sitting *s = arg;
    int64_t now = clock_mono_us() / 1000;
    if (now - s->shown_ms < PROGRESS_MS && p->done < p->of)
        return;
    s->shown_ms = now;
    double seconds = (double)(now - s->began_ms) / 1000;
    uint64_t fresh = s->now->asker.asked;
    double left = fresh > 0 ? seconds / (double)fresh * (p->of - p->done) : 0;
    fprintf(stderr, "\r\033[K%.*s: %u of %u, %u passed", STR_ARGS(s->now->suite->name), p->done,
            p->of, p->passed);
    if (p->errors)
        fprintf(stderr, ", %u errors", p->errors);
    if (p->spent_nanos)
        fprintf(stderr, ", %.4f dollars", (double)p->spent_nanos / 1e9);
    if (left >= 1)
        fprintf(stderr, ", about %.0f s left", left);
    if (p->done == p->of)
        fputs("\r\033[K", stderr);
    fflush(stderr);
}

/* ---- one suite ---- */

static int folder_open(struct sitting *s, struct job *j, struct fault *f)
{
    struct arena *a = &s->arena;
    struct str runs = runs_folder(a, s->wish->runs, str_from(j->path));
    const struct run_facts facts = {
        .suite = j->suite->name,
        .suite_file = str_from(j->path),
        .suite_hash = str_from(j->suite->hash),
        .config_file = str_from(conf_file(s->home.doc)),
        .answers = home_answers_hash(&s->home, a),
        .model = str_from(s->wish->model),
        .sluice = STR(SLUICE_VERSION " (" SLUICE_COMMIT ")"),
        .cases = j->suite->cases_n,
        .samples = j->suite->settings->samples,
    };
    if (!runs.p || !facts.answers.p)
        return E_MEMORY;
    int err = s->wish->fresh ? E_NOT_FOUND : folder_unfinished(a, runs, &facts, &j->folder, f);
    j->taken_up = !err;
    if (err != E_NOT_FOUND)
        return err;
    fault_clear(f);
    return folder_make(a, runs, &facts, &j->folder, f);
}

/* It may be meant; but a misspelt name passes as well where a provider does not complain. */
static void as_is_warn(const struct sitting *s, const struct job *j)
{
    const char *near = j->run.as_is_near;
    const struct provider *p = models_default_provider(s->home.snapshot->models);
    fprintf(stderr,
            "sluice eval run: warning: %.*s: `%s` is no name of the configuration%s%s%s; the "
            "provider %.*s gets it as it is\n",
            STR_ARGS(j->suite->name), j->run.as_is, near[0] ? " (did you mean `" : "", near,
            near[0] ? "`?)" : "", STR_ARGS(p->name));
}

static int job_open(struct sitting *s, struct job *j, struct fault *f)
{
    int err = folder_open(s, j, f);
    struct str path = err ? STR_NONE : folder_file(&s->arena, &j->folder, "answers.jsonl");
    if (!err)
        err = path.p ? answers_open(path.p, true, &j->answers, f) : E_MEMORY;
    if (err)
        return err;
    home_asker(&s->home, &j->asker);
    j->asker.answers = j->answers;
    j->asker.tries = j->suite->settings->tries;
    j->asker.test_caches = j->suite->settings->test_caches;
    j->asker.tags = arena_printf(&s->arena, "eval:%.*s", STR_ARGS(j->suite->name));
    j->asker.spend_nanos = j->suite->settings->spend_nanos == CONF_NOT_GIVEN
                               ? -1
                               : j->suite->settings->spend_nanos;
    j->asker.spent_nanos = answers_sums(j->answers).cost_usd_nanos;
    j->run = (struct eval_run){.suite = j->suite,
                               .asker = &j->asker,
                               .model = str_from(s->wish->model),
                               .alike_most = s->wish->keep_going ? 0 : ALIKE_MOST,
                               .progress = isatty(STDERR_FILENO) ? progress_show : NULL,
                               .arg = s};
    if (j->taken_up)
        fprintf(stderr, "sluice eval run: going on with run %.*s: %llu answers are kept\n",
                STR_ARGS(j->folder.facts.id), (unsigned long long)answers_sums(j->answers).done);
    err = eval_run_check(&j->run, f);
    if (!err && j->run.as_is[0])
        as_is_warn(s, j);
    return err;
}

static int jobs_work(struct eval_home *home UNUSED, void *arg)
{
    struct sitting *s = arg;
    int err = 0;
    for (unsigned i = 0; i < s->n && !err; i++) {
        s->now = &s->jobs[i];
        s->began_ms = clock_mono_us() / 1000;
        err = eval_run(&s->now->run, &s->fault);
    }
    return err;
}

/* Writes what there is; a run that was broken off stays one that can be gone on with. */
static int job_keep(struct sitting *s, struct job *j, struct fault *f)
{
    const struct results *r = &j->run.results;
    char iso[25];
    bool complete = r->n > 0;
    for (unsigned i = 0; i < r->n; i++)
        complete = complete && r->at[i].state != RESULT_MISSING;
    int err = answers_close(j->answers);
    j->answers = NULL;
    if (err)
        return fault_set(f, err, "the answers of run %.*s may not have been written to the disk",
                         STR_ARGS(j->folder.facts.id));
    struct str path = folder_file(&s->arena, &j->folder, "results.jsonl");
    err = !path.p ? E_MEMORY : r->n ? results_write(r, path.p, f) : 0;
    if (!err && complete) {
        j->folder.facts.complete = true;
        j->folder.facts.ended = arena_str(&s->arena, str_from(clock_iso(clock_wall_us(), iso)));
        err = folder_write(&j->folder, f);
    }
    return err;
}

/* ---- the verdict ---- */

static int job_judge(struct sitting *s, struct job *j, struct fault *f)
{
    j->judged = (struct judged){.arena = &s->arena,
                                .run = &j->folder,
                                .results = &j->run.results,
                                .suite = j->suite,
                                .baseline = j->has_baseline ? &j->baseline.folder : NULL,
                                .baseline_results = j->has_baseline ? &j->baseline.results : NULL};
    return judged_make(&j->judged, f);
}

static int baseline_take(struct sitting *s, struct job *j)
{
    if (!s->wish->baseline)
        return 0;
    struct str runs = runs_folder(&s->arena, s->wish->runs, str_from(j->path));
    int code = runs.p ? run_take_before(COMMAND, &s->arena, runs, j->suite->name, s->wish->baseline,
                                        &j->baseline)
                      : EXIT_COULD_NOT;
    j->has_baseline = code == 0;
    return code;
}

static int show(struct sitting *s)
{
    struct judged *all[SUITES_MAX];
    for (unsigned i = 0; i < s->n; i++)
        all[i] = &s->jobs[i].judged;
    return judged_show(COMMAND, all, s->n, s->wish->json, &s->wish->files);
}

static int judge(struct sitting *s)
{
    struct verdict *verdicts[SUITES_MAX];
    int err = 0;
    for (unsigned i = 0; i < s->n && !err; i++) {
        err = job_judge(s, &s->jobs[i], &s->fault);
        verdicts[i] = &s->jobs[i].judged.verdict;
    }
    return err ? err : verdict_adjust(&s->arena, verdicts, s->n, &s->fault);
}

/* ---- the command ---- */

static int code_of(int err)
{
    return err == E_CONFIG || err == E_BAD_REQUEST || err == E_UNKNOWN_MODEL ||
                   err == E_UNKNOWN_LANE
               ? EXIT_WRONG_USE
           : err == E_BUDGET || err == E_UNPRICED || err == E_UPSTREAM_STATUS ? EXIT_BAR
                                                                              : EXIT_COULD_NOT;
}

static void error_tell(const struct sitting *s, int err)
{
    if (err == E_CANCELED && s->home.interrupted)
        fputs("sluice eval run: interrupted; the same command goes on from here\n", stderr);
    else
        fprintf(stderr, "sluice eval run: %s\n", why_text(&s->fault, err));
    for (unsigned i = 0; i < s->n; i++)
        if (s->jobs[i].run.state.done > 0)
            fprintf(stderr, "sluice eval run: %.*s: %u of %u answers are kept in %.*s\n",
                    STR_ARGS(s->jobs[i].suite->name), s->jobs[i].run.state.done,
                    s->jobs[i].run.state.of, STR_ARGS(s->jobs[i].folder.path));
}

/* Everything from the first request on; what was answered is kept whatever comes. */
static int sit(struct sitting *s)
{
    int err = 0;
    for (unsigned i = 0; i < s->n && !err && !s->wish->model; i++)
        err = records_check(&s->arena, s->home.doc, str_from(s->jobs[i].path), &s->fault);
    for (unsigned i = 0; i < s->n && !err; i++)
        err = job_open(s, &s->jobs[i], &s->fault);
    bool begun = !err;
    if (begun)
        err = home_run(&s->home, jobs_work, s);
    for (unsigned i = 0; begun && i < s->n; i++) {
        struct fault f = {0};
        int kept = job_keep(s, &s->jobs[i], &f);
        if (kept && !err)
            err = fault_set(&s->fault, kept, "%s", why_text(&f, kept));
    }
    if (err) {
        error_tell(s, err);
        if (err == E_BUDGET && s->n == 1 && s->jobs[0].run.state.done > 0 && judge(s) == 0)
            (void)show(s); /* what it came to so far, for what was paid */
        return code_of(err);
    }
    err = judge(s);
    if (err) {
        error_tell(s, err);
        return code_of(err);
    }
    int code = show(s);
    for (unsigned i = 0; i < s->n && !err; i++)
        err = judged_keep(&s->jobs[i].judged, &s->jobs[i].folder, &s->fault);
    for (unsigned i = 0; i < s->n && !err; i++)
        err = judged_remember(COMMAND, &s->jobs[i].judged, s->home.doc, &s->fault);
    if (!err)
        return code;
    error_tell(s, err);
    return EXIT_COULD_NOT;
}

static int suites_load(struct sitting *s, int words, char **argv)
{
    const struct conf_strs *named = &s->home.snapshot->config->evals.suites;
    unsigned n = words > 0 ? (unsigned)words : named->n;
    if (n == 0)
        return options_wrong(&eval_run_command,
                             "expected a suite, or a configuration that names some (evals: "
                             "{suites: [...]})");
    if (n > SUITES_MAX)
        return options_wrong(&eval_run_command, "at most %d suites at once", SUITES_MAX);
    int code = 0;
    for (unsigned i = 0; i < n && !code; i++) {
        struct job *j = &s->jobs[s->n++];
        j->path = words > 0 ? argv[1 + i]
                            : evals_path(&s->arena, conf_file(s->home.doc), named->at[i]).p;
        if (!j->path)
            return EXIT_COULD_NOT;
        for (unsigned k = 0; k < i; k++)
            if (strcmp(s->jobs[k].path, j->path) == 0)
                return options_wrong(&eval_run_command, "%s is named twice", j->path);
        code = suite_take(COMMAND, j->path, &j->suite);
        if (!code)
            code = suite_override(s->wish, j->suite);
        if (!code)
            code = baseline_take(s, j);
    }
    return code;
}

static void sitting_fini(struct sitting *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        struct job *j = &s->jobs[i];
        (void)!answers_close(j->answers);
        results_fini(&j->run.results);
        results_fini(&j->baseline.results);
        suite_free(j->suite);
    }
    home_close(&s->home);
    arena_fini(&s->arena);
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    int words = 0;
    int code = options_read(&eval_run_command, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    struct sitting *s = calloc(1, sizeof(*s));
    if (!s)
        return EXIT_COULD_NOT;
    s->wish = &w;
    arena_init_private(&s->arena, ARENA_BYTES_MAX);
    code = home_open(&s->home, w.config, COMMAND);
    if (!code)
        code = suites_load(s, words, argv);
    if (!code)
        code = sit(s);
    sitting_fini(s);
    free(s);
    return code;
}

const struct command eval_run_command = {
    .name = COMMAND,
    .summary = "run suites through the configuration, and judge the answers",
    .usage = "eval run [--config FILE] [--baseline RUN] [OPTIONS] [SUITE.yaml ...]",
    .about =
        "Asks each case of a suite through the configuration's own names, levers and providers,\n"
        "in this process, keeps every answer, and has the suite's graders judge them.\n\n"
        "A run that was broken off, by Ctrl-C, a crash or its limit of dollars, is gone on with "
        "by\n"
        "the same command: what was answered is not asked again.\n\n"
        "What a suite that the configuration names comes to is written into its file of records\n"
        "(evals.records), by which the brake lets a changed configuration come into force.\n",
    .options = options,
    .notes =
        "Exit codes: 0 every suite passed its bar, 1 one is under it, has no answer at all, or\n"
        "ended early, at its limit of dollars or as its first ten answers all came to nothing in\n"
        "the same way, 2 wrong use, or a mistake in a suite, a case or\n"
        "the configuration, 3 it could not run, or was interrupted.\n\n"
        "Examples:\n"
        "  sluice eval run evals/support.yaml\n"
        "  sluice eval run --config candidate.yaml --baseline last --html report.html "
        "evals/support.yaml\n",
    .run = run,
};
