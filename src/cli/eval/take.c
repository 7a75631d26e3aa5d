/* take.c: suites and runs as commands are given them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/eval/eval.h"
#include "cli/load.h"

int suite_take(const char *command, const char *path, struct suite **ret_suite)
{
    struct fault f = {0};
    int err = suite_load(path, ret_suite, &f);
    if (*ret_suite && (*ret_suite)->doc)
        load_problems_show((*ret_suite)->doc);
    if (!err)
        return 0;
    bool shown = f.err == 0 && (*ret_suite) && (*ret_suite)->doc &&
                 conf_error_count((*ret_suite)->doc) > 0;
    if (!shown)
        fprintf(stderr, "sluice %s: %s\n", command, why_text(&f, err));
    bool mistake = err == E_CONFIG || err == E_BAD_REQUEST || err == E_BAD_JSON ||
                   err == E_TOO_LARGE;
    return mistake ? EXIT_WRONG_USE : EXIT_COULD_NOT;
}

struct str runs_folder(struct arena *a, const char *given, struct str suite_file)
{
    if (given)
        return arena_str(a, str_from(given));
    const char *slash = suite_file.n ? memrchr(suite_file.p, '/', suite_file.n) : NULL;
    if (!slash)
        return arena_str(a, STR("runs"));
    return arena_printf(a, "%.*s/runs", (int)(slash - suite_file.p), suite_file.p);
}

struct str runs_usual(const char *given)
{
    if (given)
        return str_from(given);
    bool beside = access("runs", F_OK) != 0 && access("evals/runs", F_OK) == 0;
    return beside ? STR("evals/runs") : STR("runs");
}

int run_take(const char *command, struct arena *a, struct str runs, const char *what,
             struct loaded_run *ret_run)
{
    struct fault f = {0};
    *ret_run = (struct loaded_run){0};
    int err = folder_find(a, runs, str_from(what), &ret_run->folder, &f);
    struct str path = err ? STR_NONE : folder_file(a, &ret_run->folder, "results.jsonl");
    if (!err && access(path.p, R_OK) != 0)
        err = fault_set(&f, E_NOT_FOUND,
                        "run %.*s did not come to its end, so it has no results; the same `sluice "
                        "eval run` goes on with it",
                        STR_ARGS(ret_run->folder.facts.id));
    if (!err)
        err = results_read(path.p, &ret_run->results, &f);
    if (!err)
        return 0;
    fprintf(stderr, "sluice %s: %s\n", command, why_text(&f, err));
    return err == E_BAD_REQUEST || err == E_BAD_JSON ? EXIT_WRONG_USE : EXIT_COULD_NOT;
}

int run_take_before(const char *command, struct arena *a, struct str runs, struct str suite,
                    const char *what, struct loaded_run *ret_run)
{
    struct run_list list;
    struct fault f = {0};
    if (strcmp(what, "last") != 0)
        return run_take(command, a, runs, what, ret_run);
    int err = folder_list(a, runs, suite, &list, &f);
    for (unsigned i = list.n; !err && i-- > 0;)
        if (list.at[i].facts.complete)
            return run_take(command, a, runs, list.at[i].path.p, ret_run);
    fprintf(stderr, "sluice %s: %s\n", command,
            err ? why_text(&f, err) : "there is no earlier run of this suite to compare with");
    return EXIT_COULD_NOT;
}
