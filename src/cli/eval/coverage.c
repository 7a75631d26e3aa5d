/* coverage.c: `sluice eval coverage`: how much of recent traffic the suites stand for. */
#include "eval/traffic/coverage.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/eval/eval.h"
#include "cli/eval/source.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/when.h"
#include "llm/prompt.h"

#define USUAL_MISSING   10
#define MISSING_MAX     1000
#define PROMPTS_SHOWN   20
#define TURNS_MAX       200000
#define COVERAGE_BYTES  (768u << 20)
#define CASE_BYTES_MAX  (64u << 20)
#define JSON_BYTES_MAX  (64u << 20)
#define PATHS_BYTES_MAX (1u << 20)

struct wish {
    struct source_wish source;
    const char *near, *by, *missing, *least;
    bool json;
};

static const char *const by_words[] = {"day", "week", NULL};

static const struct command_option options[] = {
    {"SUITE", NULL, 0, "suites, by their files; without any, those that the configuration names",
     VALUE_FILE, NULL},
    {"--near", "SHARE", offsetof(struct wish, near),
     "how alike a case has to be to count as a near neighbour; without it: 50%\n"
     "(Jaccard, of words and pairs of words)",
     VALUE_ANY, NULL},
    {"--by", "WORD", offsetof(struct wish, by), "a line for each day, or week; without it: day",
     VALUE_ANY, by_words},
    {"--missing", "N", offsetof(struct wish, missing),
     "how many kinds of questions that are missing to show; without it: 10", VALUE_ANY, NULL},
    {"--least", "SHARE", offsetof(struct wish, least),
     "exit with 1 where less than that is covered", VALUE_ANY, NULL},
    SOURCE_OPTIONS(struct wish, source),
    {"--json", NULL, offsetof(struct wish, json), "all of it, as JSON", VALUE_ANY, NULL},
    {0},
};

struct survey {
    const struct wish *wish;
    struct source source;
    struct coverage_settings set;
    int64_t least; /* millionths; < 0: none */
    unsigned missing_max;
    struct coverage *coverage;
    struct coverage_report report;
    struct arena arena;
    unsigned paths_n; /* of suites; each ends with NUL */
    struct str *paths;
    double scale; /* turns for each that was looked at */
    struct fault fault;
};

/* ---- the suites' cases ---- */

/* What a prompt says, the first time that it is met. */
static int words_tell(struct survey *s, uint64_t prompt, const struct chat_request *request,
                      struct arena *arena)
{
    struct str text;
    struct near_mark mark;
    if (!coverage_lacks_words(s->coverage, prompt))
        return 0;
    int err = traffic_prompt_text(request, arena, &text);
    if (!err)
        err = near_mark(NULL, text, &mark);
    if (!err)
        coverage_words(s->coverage, prompt, &mark.sketch);
    return err;
}

static int case_take(struct survey *s, const struct suite *suite, const struct suite_case *c)
{
    struct arena arena;
    struct str body, text;
    struct chat_request request;
    struct near_mark mark;
    uint64_t prompt = 0;
    arena_init_private(&arena, 2 * CASE_BYTES_MAX);
    int err = suite_request(suite, c, STR_NONE, &arena, &body, &s->fault);
    if (!err)
        err = traffic_of_request(&arena, body, &request, &text, &prompt, &s->fault);
    if (err && err != E_MEMORY && !strstr(fault_text(&s->fault), c->file)) {
        struct fault why = s->fault;
        fault_clear(&s->fault);
        err = fault_set(&s->fault, err, "%s:%u: its request is no chat: %s", c->file, c->line,
                        fault_text(&why));
    }
    /* A drawn case says which prompt its turn had, before anything was taken out of it. */
    uint64_t recorded = prompt_from_text(json_get_str(c->fields, "fingerprint"));
    if (!err)
        err = near_mark(s->source.common, text, &mark);
    prompt = recorded ? recorded : prompt;
    if (!err)
        err = coverage_case(s->coverage, prompt, &mark);
    if (!err)
        err = words_tell(s, prompt, &request, &arena);
    arena_fini(&arena);
    return err;
}

/* Those that are named, or else those of the configuration. An exit code. */
static int paths_find(struct survey *s, char **named, unsigned n)
{
    struct arena *a = &s->arena;
    struct conf_doc *doc = NULL;
    int code = EXIT_DONE;
    if (n == 0 && !load_has_file(s->wish->source.config))
        return options_wrong(&eval_coverage, "name suites by their files, or with --config FILE "
                                             "the configuration that does (evals.suites)");
    if (n == 0)
        code = load_config(s->wish->source.config, &doc);
    const struct config *c = code || n ? NULL : conf_root(doc);
    s->paths_n = c ? c->evals.suites.n : n;
    s->paths = ARENA_ARRAY(a, struct str, s->paths_n + 1);
    for (unsigned i = 0; i < s->paths_n && s->paths; i++)
        s->paths[i] = c ? evals_path(a, conf_file(doc), c->evals.suites.at[i]) : str_from(named[i]);
    conf_unref(doc);
    if (!code && s->paths_n == 0) {
        fputs("sluice eval coverage: this configuration names no suites (evals.suites); name them "
              "by their files\n",
              stderr);
        code = EXIT_WRONG_USE;
    }
    return code ? code : s->paths ? EXIT_DONE : EXIT_COULD_NOT;
}

/* An exit code. */
static int suites_add(struct survey *s)
{
    for (unsigned i = 0; i < s->paths_n; i++) {
        struct suite *suite = NULL;
        int code = suite_take("eval coverage", s->paths[i].p, &suite);
        int err = 0;
        for (unsigned k = 0; !code && !err && k < suite->cases_n; k++)
            err = case_take(s, suite, &suite->cases[k]);
        suite_free(suite);
        if (code)
            return code;
        if (err) {
            fprintf(stderr, "sluice eval coverage: %s\n", why_text(&s->fault, err));
            return err == E_MEMORY || err == E_TOO_LARGE ? EXIT_COULD_NOT : EXIT_WRONG_USE;
        }
    }
    return EXIT_DONE;
}

/* ---- the turns ---- */

static int turn_take(void *arg, const struct traffic_turn *t, struct arena *arena)
{
    struct survey *s = arg;
    const struct recorded_turn *r = t->recorded;
    struct near_mark mark;
    int err = source_mark(&s->source, t, &mark);
    if (err)
        return err;
    const struct coverage_turn turn = {.id = r->turn,
                                       .day = str_head(r->time, 10),
                                       .session = r->session,
                                       .tenant = r->tenant,
                                       .model = r->asked,
                                       .prompt = t->prompt,
                                       .text = near_own(s->source.common, t->text),
                                       .mark = &mark};
    err = coverage_turn(s->coverage, &turn);
    return err ? err : words_tell(s, t->prompt, &t->request, arena);
}

/* ---- what is told ---- */

static double turns_of(const struct survey *s, uint64_t looked_at)
{
    return s->scale * (double)looked_at;
}

static void estimate_json(struct buf *out, const char *name, const struct estimate *e)
{
    buf_printf(out, "\"%s\":", name);
    if (e->has_value)
        buf_printf(out, "{\"value\":%.6g,\"low\":%.6g,\"high\":%.6g}", e->value, e->low, e->high);
    else
        buf_str(out, STR("null"));
}

static void count_json(const struct survey *s, const struct coverage_count *n, struct buf *out)
{
    struct estimate covered = coverage_share(&s->report, n->covered, n->turns);
    struct estimate moved = coverage_share(&s->report, n->moved, n->turns);
    struct estimate unseen = coverage_share(&s->report, n->unseen, n->turns);
    buf_printf(out, "\"turns\":%.0f,", turns_of(s, n->turns));
    estimate_json(out, "covered", &covered);
    buf_char(out, ',');
    estimate_json(out, "other_prompt", &moved);
    buf_char(out, ',');
    estimate_json(out, "unseen_prompt", &unseen);
}

static void string_json(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, ",\"%s\":", name);
    (void)json_quote(out, str_from(text));
}

static void missing_json(const struct survey *s, struct buf *out)
{
    char prompt[PROMPT_CHARS + 1];
    const struct coverage_report *r = &s->report;
    buf_str(out, STR("],\"missing\":["));
    for (unsigned i = 0; i < r->missing_n && i < s->missing_max; i++) {
        const struct coverage_missing *m = &r->missing[i];
        buf_printf(out, "%s{\"turns\":%.0f", i ? "," : "", turns_of(s, m->turns));
        string_json(out, "prompt", prompt_text(m->prompt, prompt));
        string_json(out, "turn", m->id);
        string_json(out, "text", m->text);
        buf_char(out, '}');
    }
}

static void prompts_json(const struct survey *s, struct buf *out)
{
    char prompt[PROMPT_CHARS + 1];
    const struct coverage_report *r = &s->report;
    buf_str(out, STR("],\"prompts\":["));
    for (unsigned i = 0; i < r->prompts_n; i++) {
        const struct coverage_prompt *p = &r->prompts[i];
        buf_printf(out, "%s{\"seen\":%s,\"turns\":%.0f", i ? "," : "", p->seen ? "true" : "false",
                   turns_of(s, p->turns));
        string_json(out, "prompt", prompt_text(p->prompt, prompt));
        string_json(out, "tenant", p->tenant);
        string_json(out, "model", p->model);
        string_json(out, "first_day", p->first_day);
        string_json(out, "last_day", p->last_day);
        string_json(out, "turn", p->id);
        if (p->like)
            buf_printf(out, ",\"most_like\":{\"prompt\":\"%s\",\"share\":%.3g}",
                       prompt_text(p->like, prompt), p->alike);
        buf_char(out, '}');
    }
}

static void tell_json(const struct survey *s)
{
    const struct coverage_report *r = &s->report;
    struct buf out;
    buf_init(&out, JSON_BYTES_MAX);
    buf_printf(&out,
               "{\"near\":%g,\"cases\":%llu,\"sessions\":%llu,\"looked_at\":%llu,"
               "\"design_effect\":%.4g,",
               s->set.near, (unsigned long long)r->cases, (unsigned long long)r->sessions,
               (unsigned long long)r->all.turns, r->design_effect);
    count_json(s, &r->all, &out);
    buf_printf(&out, ",\"by\":\"%s\",\"days\":[", s->set.by_week ? "week" : "day");
    for (unsigned i = 0; i < r->days_n; i++) {
        buf_printf(&out, "%s{\"day\":\"%s\",", i ? "," : "", r->days[i].day);
        count_json(s, &r->days[i].count, &out);
        buf_char(&out, '}');
    }
    missing_json(s, &out);
    prompts_json(s, &out);
    buf_printf(&out, "],\"missing_untold\":%.0f,\"prompts_untold\":%.0f}\n",
               turns_of(s, r->missing_untold), turns_of(s, r->prompts_untold));
    (void)fwrite(out.p, 1, out.n, stdout);
    buf_fini(&out);
}

static struct sheet_cell share_cell(const struct estimate *e)
{
    return e->has_value ? sheet_number((int64_t)(e->value * 1e6 + 0.5))
                        : (struct sheet_cell){.known = false};
}

static struct sheet_cell interval_cell(struct arena *a, const struct estimate *e)
{
    return e->has_value
               ? sheet_text(arena_printf(a, "%.1f to %.1f %%", e->low * 100, e->high * 100))
               : (struct sheet_cell){.known = false};
}

static int days_tell(const struct survey *s, struct arena *a)
{
    const struct coverage_report *r = &s->report;
    struct sheet sheet;
    int err = 0;
    sheet_init(&sheet, a);
    sheet_column(&sheet, "", s->set.by_week ? "week from" : "day", SHEET_TEXT, 0);
    sheet_column(&sheet, "", "turns", SHEET_COUNT, 0);
    sheet_column(&sheet, "", "covered", SHEET_SHARE, 0);
    sheet_column(&sheet, "", "95 % interval", SHEET_TEXT, 0);
    sheet_column(&sheet, "", "other prompt", SHEET_SHARE, 0);
    sheet_column(&sheet, "", "nothing near", SHEET_SHARE, 0);
    sheet_column(&sheet, "", "unseen prompt", SHEET_SHARE, 0);
    for (unsigned i = 0; i <= r->days_n && !err; i++) {
        bool all = i == r->days_n;
        const struct coverage_count *n = all ? &r->all : &r->days[i].count;
        struct estimate covered = coverage_share(r, n->covered, n->turns),
                        moved = coverage_share(r, n->moved, n->turns),
                        none = coverage_share(r, n->turns - n->covered - n->moved, n->turns),
                        unseen = coverage_share(r, n->unseen, n->turns);
        struct sheet_cell *row = sheet_row(&sheet);
        if (!row) {
            err = E_MEMORY;
            break;
        }
        row[0] = sheet_text(all ? STR("all") : str_from(r->days[i].day));
        row[1] = sheet_number((int64_t)(turns_of(s, n->turns) + 0.5));
        row[2] = share_cell(&covered);
        row[3] = interval_cell(a, &covered);
        row[4] = share_cell(&moved);
        row[5] = share_cell(&none);
        row[6] = share_cell(&unseen);
    }
    sheet.total = true;
    err = err ? err : sheet_print_table(&sheet, stdout);
    sheet_fini(&sheet);
    return err;
}

/* Texts of people, so quoted: safe on a terminal. */
static void missing_tell(const struct survey *s)
{
    const struct coverage_report *r = &s->report;
    unsigned shown = r->missing_n < s->missing_max ? r->missing_n : s->missing_max;
    if (r->missing_n == 0)
        return;
    printf("\nMissing: %u kinds of questions, each near nothing in the suites.%s\n\n", r->missing_n,
           shown ? " The largest, with a turn of each, its prompt and what is its own:" : "");
    for (unsigned i = 0; i < shown; i++) {
        const struct coverage_missing *m = &r->missing[i];
        char prompt[PROMPT_CHARS + 1];
        struct buf text;
        buf_init(&text, 8 * COVERAGE_TEXT_BYTES);
        (void)json_quote(&text, str_head_utf8(str_from(m->text), 72));
        printf("%8.0f  %s  %-16s  %.*s\n", turns_of(s, m->turns), m->id,
               prompt_text(m->prompt, prompt), STR_ARGS(buf_view(&text)));
        buf_fini(&text);
    }
    if (r->missing_untold)
        printf("... and %.0f turns of more kinds than are told apart\n",
               turns_of(s, r->missing_untold));
}

static unsigned unseen_count(const struct coverage_report *r)
{
    unsigned n = 0;
    while (n < r->prompts_n && !r->prompts[n].seen)
        n++;
    return n;
}

static int prompts_tell(const struct survey *s, struct arena *a)
{
    const struct coverage_report *r = &s->report;
    struct sheet sheet;
    unsigned unseen = unseen_count(r), shown = unseen < PROMPTS_SHOWN ? unseen : PROMPTS_SHOWN;
    int err = 0;
    if (unseen == 0 && r->prompts_untold == 0)
        return 0;
    printf("\nPrompts (system prompt and tools) that no suite has: %u%s\n\n", unseen,
           r->prompts_untold ? " and more; they vary by turn, so see what is put into them" : "");
    sheet_init(&sheet, a);
    sheet_column(&sheet, "", "prompt", SHEET_TEXT, 0);
    sheet_column(&sheet, "", "turns", SHEET_COUNT, 0);
    sheet_column(&sheet, "", "from", SHEET_TEXT, 0);
    sheet_column(&sheet, "", "to", SHEET_TEXT, 0);
    sheet_column(&sheet, "", "tenant", SHEET_TEXT, 0);
    sheet_column(&sheet, "", "model", SHEET_TEXT, 0);
    sheet_column(&sheet, "", "such as turn", SHEET_TEXT, 0);
    sheet_column(&sheet, "", "most like", SHEET_TEXT, 0);
    for (unsigned i = 0; i < shown && !err; i++) {
        const struct coverage_prompt *p = &r->prompts[i];
        char prompt[PROMPT_CHARS + 1];
        struct sheet_cell *row = sheet_row(&sheet);
        if (row) {
            row[0] = sheet_text(arena_str(a, str_from(prompt_text(p->prompt, prompt))));
            row[1] = sheet_number((int64_t)(turns_of(s, p->turns) + 0.5));
            row[2] = sheet_text(str_from(p->first_day));
            row[3] = sheet_text(str_from(p->last_day));
            row[4] = sheet_text(str_from(p->tenant));
            row[5] = sheet_text(str_from(p->model));
            row[6] = sheet_text(str_from(p->id));
            if (p->like)
                row[7] = sheet_text(arena_printf(a, "%s, by %.0f %%", prompt_text(p->like, prompt),
                                                 p->alike * 100));
        }
        err = row ? 0 : E_MEMORY;
    }
    err = err ? err : sheet_print_table(&sheet, stdout);
    sheet_fini(&sheet);
    return err;
}

static int tell(const struct survey *s)
{
    const struct coverage_report *r = &s->report;
    struct estimate covered = coverage_share(r, r->all.covered, r->all.turns);
    struct arena arena;
    if (s->wish->json) {
        tell_json(s);
        return 0;
    }
    printf(
        "%.1f %% of the turns have a near neighbour among the suites' %llu cases (95 %%: %.1f to "
        "%.1f %%):\na case with the same prompt that is alike by %.0f %% or more (Jaccard, of "
        "words and pairs of words).\n%.0f turns of %llu session%s",
        covered.value * 100, (unsigned long long)r->cases, covered.low * 100, covered.high * 100,
        s->set.near * 100, turns_of(s, r->all.turns), (unsigned long long)r->sessions,
        r->sessions == 1 ? "" : "s");
    if (r->design_effect > 1.05)
        printf("; as those of a session are alike, %.1f count as one in the interval",
               r->design_effect);
    fputs(".\n\n", stdout);
    arena_init_private(&arena, JSON_BYTES_MAX);
    int err = days_tell(s, &arena);
    if (!err) {
        missing_tell(s);
        err = prompts_tell(s, &arena);
    }
    arena_fini(&arena);
    fputs("\n", stdout);
    source_tell_skipped(&s->source, stdout);
    if (s->scale > 1)
        printf("A random %llu of the turns were looked at.\n", (unsigned long long)r->all.turns);
    return err;
}

/* ---- the command ---- */

static int wish_read(struct survey *s)
{
    const struct wish *w = s->wish;
    int64_t near = SOURCE_NEAR_COVERED;
    s->least = -1;
    s->missing_max = USUAL_MISSING;
    if (w->near && !options_share(&eval_coverage, "--near", w->near, 0.3, &near))
        return EXIT_WRONG_USE;
    if (w->least && !options_share(&eval_coverage, "--least", w->least, 0, &s->least))
        return EXIT_WRONG_USE;
    if (w->missing && !when_digits(str_from(w->missing), 0, MISSING_MAX, &s->missing_max))
        return options_wrong(&eval_coverage, "--missing '%s' is no number from 0 to %d", w->missing,
                             MISSING_MAX);
    s->set = (struct coverage_settings){.near = (double)near / 1e6,
                                        .by_week = w->by && strcmp(w->by, "week") == 0,
                                        .bytes_max = COVERAGE_BYTES};
    return EXIT_DONE;
}

static int failed(const struct survey *s, int err)
{
    fprintf(stderr, "sluice eval coverage: %s\n",
            why_text(s->fault.err ? &s->fault : &s->source.recordings.fault, err));
    return EXIT_COULD_NOT;
}

static int act(struct survey *s)
{
    int err = source_look(&s->source, TURNS_MAX);
    uint64_t all = s->source.whys[TRAFFIC_FINE];
    struct str filter = source_filter_text(&s->source);
    if (!err && all == 0)
        err = fault_set(
            &s->fault, E_NOT_FOUND,
            "no turn there can be compared%.*s (of %llu): it takes chats that were answered "
            "with status 200; `sluice recordings` shows what there is",
            STR_ARGS(filter), (unsigned long long)s->source.recordings.seen.turns);
    if (!err)
        err = coverage_new(&s->set, &s->coverage);
    if (err)
        return failed(s, err);
    int code = suites_add(s);
    if (code)
        return code;
    err = source_each(&s->source, turn_take, s);
    if (err)
        return failed(s, err);
    coverage_report(s->coverage, &s->report);
    s->scale = s->report.all.turns ? (double)all / (double)s->report.all.turns : 1;
    err = tell(s);
    if (err)
        return failed(s, err);
    double covered = (double)s->report.all.covered / (double)s->report.all.turns;
    if (s->least < 0 || covered >= (double)s->least / 1e6)
        return EXIT_DONE;
    fflush(stdout);
    fprintf(stderr, "sluice eval coverage: %.1f %% is under --least %s\n", covered * 100,
            s->wish->least);
    return EXIT_BAR;
}

static int run(int argc, char **argv)
{
    struct wish w = {.near = NULL};
    struct survey s = {.wish = &w};
    int words = 0;
    int code = options_read(&eval_coverage, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    code = wish_read(&s);
    if (code)
        return code;
    arena_init_private(&s.arena, PATHS_BYTES_MAX);
    code = paths_find(&s, argv + 1, (unsigned)words);
    if (!code)
        code = source_open(&eval_coverage, &w.source, 1, &s.source);
    if (!code)
        code = act(&s);
    coverage_free(s.coverage);
    source_close(&s.source);
    arena_fini(&s.arena);
    return code;
}

const struct command eval_coverage = {
    .name = "eval coverage",
    .summary = "say how much of recent traffic the suites stand for, and what they lack",
    .usage = "eval coverage [SUITE...] [--since WHEN] [--by day|week] [OPTIONS]",
    .about =
        "Holds recorded turns against the cases of suites: the share that has a near neighbour "
        "there, by\nday or week, what is missing, and prompts of applications (system prompt and "
        "tools) that no suite\nhas.\n",
    .options = options,
    .notes = "Near means near in words, under the same prompt; --near says how near. A turn that "
             "is covered so\nmay still ask something else, and one that is not may be a "
             "paraphrase.\n\n"
             "Exit codes: 0 done, 1 under --least, 2 wrong use, 3 it could not run.\n",
    .run = run,
};
