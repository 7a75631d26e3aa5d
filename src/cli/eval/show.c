/* show.c: `sluice eval show` and `list`: runs that were, looked at again. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/eval/eval.h"
#include "cli/options.h"
#include "cli/sheet.h"

#define ARENA_BYTES_MAX (4096ull * 1024 * 1024)

/* ---- show ---- */

struct show_wish {
    const char *baseline, *runs, *suite;
    bool json;
    struct judged_files files;
};

static const struct command_option show_options[] = {
    {"RUN", NULL, 0, "a run's id, its folder, or `last`", VALUE_FILE, NULL},
    {"--baseline", "RUN", offsetof(struct show_wish, baseline), "compare it with this one",
     VALUE_ANY, NULL},
    {"--suite", "FILE", offsetof(struct show_wish, suite),
     "the suite whose bar holds; without it: the one that was run, if it is\n"
     "still there",
     VALUE_FILE, NULL},
    {"--runs", "FOLDER", offsetof(struct show_wish, runs), RUNS_USUAL_HELP, VALUE_FILE, NULL},
    {"--json", NULL, offsetof(struct show_wish, json), "the verdict as JSON", VALUE_ANY, NULL},
    JUDGED_FILE_OPTIONS(struct show_wish, files),
    {0},
};

struct showing {
    struct arena arena;
    struct loaded_run run, baseline;
    struct suite *suite;
};

/* The suite that was run is shown with its bar where its file is at hand. */
static int show_suite(struct showing *s, const struct show_wish *w)
{
    if (w->suite)
        return suite_take("eval show", w->suite, &s->suite);
    struct str path = arena_str(&s->arena, s->run.folder.facts.suite_file);
    return path.n && access(path.p, R_OK) == 0 ? suite_take("eval show", path.p, &s->suite) : 0;
}

static int show(struct showing *s, const struct show_wish *w, const char *what)
{
    struct str runs = runs_usual(w->runs);
    struct fault f = {0};
    int code = run_take("eval show", &s->arena, runs, what, &s->run);
    if (!code && w->baseline)
        code = run_take("eval show", &s->arena, runs, w->baseline, &s->baseline);
    if (!code)
        code = show_suite(s, w);
    if (code)
        return code;
    struct judged judged = {.arena = &s->arena,
                            .run = &s->run.folder,
                            .results = &s->run.results,
                            .suite = s->suite,
                            .baseline = w->baseline ? &s->baseline.folder : NULL,
                            .baseline_results = w->baseline ? &s->baseline.results : NULL};
    struct judged *all[] = {&judged};
    int err = judged_make(&judged, &f);
    if (!err)
        return judged_show("eval show", all, 1, w->json, &w->files);
    fprintf(stderr, "sluice eval show: %s\n", why_text(&f, err));
    return err == E_BAD_REQUEST ? EXIT_BAR : EXIT_COULD_NOT;
}

static int show_run(int argc, char **argv)
{
    struct show_wish w = {0};
    int words = 0;
    int code = options_read(&eval_show, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words != 1)
        return options_wrong(&eval_show, "expected one run; `sluice eval list` shows them");
    struct showing s = {0};
    arena_init_private(&s.arena, ARENA_BYTES_MAX);
    code = show(&s, &w, argv[1]);
    results_fini(&s.run.results);
    results_fini(&s.baseline.results);
    suite_free(s.suite);
    arena_fini(&s.arena);
    return code;
}

const struct command eval_show = {
    .name = "eval show",
    .summary = "show a run again, also beside another one",
    .usage = "eval show [--baseline RUN] [OPTIONS] RUN",
    .about =
        "Shows the verdict of a run that was, from what it kept. With --baseline the cases that\n"
        "both have, with the same content, are compared in pairs.\n",
    .options = show_options,
    .notes =
        "Exit codes: 0 it passes the bar, 1 it does not, 2 wrong use, or a file of the run was\n"
        "edited, 3 it cannot be read.\n",
    .run = show_run,
};

/* ---- list ---- */

struct list_wish {
    const char *runs, *suite;
    bool json;
};

static const struct command_option list_options[] = {
    {"--suite", "NAME", offsetof(struct list_wish, suite), "only runs of this suite", VALUE_ANY,
     NULL},
    {"--runs", "FOLDER", offsetof(struct list_wish, runs), RUNS_USUAL_HELP, VALUE_FILE, NULL},
    {"--json", NULL, offsetof(struct list_wish, json), "as JSON", VALUE_ANY, NULL},
    {0},
};

static int list_print(struct arena *a, const struct run_list *list, bool json)
{
    struct sheet s;
    int err = 0;
    sheet_init(&s, a);
    sheet_column(&s, "id", "run", SHEET_TEXT, 0);
    sheet_column(&s, "suite", "suite", SHEET_TEXT, 0);
    sheet_column(&s, "cases", "cases", SHEET_COUNT, 0);
    sheet_column(&s, "complete", "complete", SHEET_BOOL, 0);
    sheet_column(&s, "verdict", "verdict", SHEET_TEXT, 0);
    sheet_column(&s, "score", "score", SHEET_SHARE, 0);
    sheet_column(&s, "model", "model", SHEET_TEXT, 0);
    sheet_column(&s, "began", "began", SHEET_TEXT, 0);
    sheet_column(&s, "folder", "folder", SHEET_TEXT, SHEET_NOT_TABLE);
    for (unsigned i = 0; i < list->n && !err; i++) {
        const struct run_facts *r = &list->at[i].facts;
        struct sheet_cell *row = sheet_row(&s);
        if (!row) {
            err = E_MEMORY;
            break;
        }
        row[0] = sheet_text(r->id);
        row[1] = sheet_text(r->suite);
        row[2] = sheet_number(r->cases);
        row[3] = sheet_number(r->complete);
        row[4] = sheet_text(r->verdict);
        if (r->score >= 0)
            row[5] = sheet_number(r->score);
        row[6] = sheet_text(r->model);
        row[7] = sheet_text(r->began);
        row[8] = sheet_text(list->at[i].path);
    }
    if (!err && !json)
        err = sheet_print_table(&s, stdout);
    else if (!err) {
        struct buf out;
        buf_init(&out, 64u * 1024 * 1024);
        buf_str(&out, STR("{\"runs\":["));
        for (unsigned i = 0; i < s.rows_n && !err; i++) {
            buf_str(&out, i ? STR(",\n") : STR("\n"));
            err = sheet_json_row(&s, i, &out);
        }
        buf_str(&out, STR("]}\n"));
        err = err ? err : out.failed;
        if (!err)
            printf("%.*s", STR_ARGS(buf_view(&out)));
        buf_fini(&out);
    }
    sheet_fini(&s);
    return err;
}

static int list_run(int argc, char **argv)
{
    struct list_wish w = {0};
    int words = 0;
    int code = options_read(&eval_list, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words)
        return options_too_much(&eval_list, argv[1]);
    struct arena a;
    struct run_list list;
    struct fault f = {0};
    struct str runs = runs_usual(w.runs);
    arena_init_private(&a, ARENA_BYTES_MAX);
    int err = folder_list(&a, runs, str_from(w.suite), &list, &f);
    if (!err && list.n == 0 && !w.json)
        fprintf(stderr, "sluice eval list: there is no run below %.*s\n", STR_ARGS(runs));
    else if (!err)
        err = list_print(&a, &list, w.json);
    if (!err && list.unreadable)
        fprintf(stderr, "sluice eval list: %u more cannot be read: %s\n", list.unreadable,
                fault_text(&list.first_why));
    if (err)
        fprintf(stderr, "sluice eval list: %s\n", why_text(&f, err));
    arena_fini(&a);
    return err ? EXIT_COULD_NOT : EXIT_DONE;
}

const struct command eval_list = {
    .name = "eval list",
    .summary = "list the runs that there are",
    .usage = "eval list [--suite NAME] [--runs FOLDER] [--json]",
    .about = "Lists the runs that are kept, the oldest first, with what each was judged as last: "
             "by the\n"
             "suite's bar as it was then.\n",
    .options = list_options,
    .notes = "Exit codes: 0 done, 2 wrong use, 3 the folder cannot be read.\n",
    .run = list_run,
};
