/* table.c: a verdict for people, on a terminal. */
#include <stdio.h>

#include "cli/eval/failures.h"
#include "cli/eval/figures.h"
#include "cli/sheet.h"
#include "eval/run/answers.h"

#define TEXT_BYTES_MAX (1024u * 1024)

#define COLUMN_LIVE 1 /* only where an answer came live */

struct column {
    const char *title;
    unsigned flags;
    void (*put)(struct buf *out, const struct verdict_part *p);
};

static void name_put(struct buf *out, const struct verdict_part *p)
{
    buf_str(out, p->tag.n ? p->tag : STR("all"));
}

static void cases_put(struct buf *out, const struct verdict_part *p)
{
    buf_printf(out, "%u", p->cases);
}

static void value_put(struct buf *out, enum figure kind, const struct estimate *e)
{
    if (e->has_value)
        figure_put(out, kind, e->value);
    else
        buf_char(out, '-');
}

static void score_put(struct buf *out, const struct verdict_part *p)
{
    value_put(out, FIGURE_SHARE, &p->quality);
}

static void score_interval_put(struct buf *out, const struct verdict_part *p)
{
    figure_interval(out, FIGURE_SHARE, &p->quality);
}

static void p50_put(struct buf *out, const struct verdict_part *p)
{
    value_put(out, FIGURE_SPAN, &p->p50_us);
}

static void p95_put(struct buf *out, const struct verdict_part *p)
{
    value_put(out, FIGURE_SPAN, &p->p95_us);
}

static void tokens_put(struct buf *out, const struct verdict_part *p)
{
    buf_printf(out, "%lld/%lld", (long long)p->input_tokens, (long long)p->output_tokens);
}

static void success_put(struct buf *out, const struct verdict_part *p)
{
    if (p->unpriced)
        buf_str(out, STR("not known"));
    else
        value_put(out, FIGURE_USD, &p->success.usd_nanos);
}

static void success_interval_put(struct buf *out, const struct verdict_part *p)
{
    if (p->unpriced)
        buf_char(out, '-');
    else
        figure_interval(out, FIGURE_USD, &p->success.usd_nanos);
}

static const struct column columns[] = {
    {"", 0, name_put},
    {"cases", 0, cases_put},
    {"score", 0, score_put},
    {"95 %", 0, score_interval_put},
    {"p50", COLUMN_LIVE, p50_put},
    {"p95", COLUMN_LIVE, p95_put},
    {"tokens in/out", 0, tokens_put},
    {"USD a success", 0, success_put},
    {"95 %", 0, success_interval_put},
};

static int parts_print(const struct judged *j)
{
    struct sheet s;
    struct buf text;
    int err = 0;
    sheet_init(&s, j->arena);
    buf_init(&text, TEXT_BYTES_MAX);
    bool live = j->verdict.parts[0].live > 0;
    for (unsigned i = 0; i < ARRAY_LEN(columns); i++)
        sheet_column(&s, columns[i].title, columns[i].title, SHEET_TEXT,
                     columns[i].flags == COLUMN_LIVE && !live ? SHEET_NOT_TABLE : 0);
    for (unsigned i = 0; i < j->verdict.parts_n && !err; i++) {
        struct sheet_cell *row = sheet_row(&s);
        err = row ? 0 : E_MEMORY;
        for (unsigned c = 0; c < ARRAY_LEN(columns) && !err; c++) {
            buf_clear(&text);
            columns[c].put(&text, &j->verdict.parts[i]);
            row[c] = sheet_text(arena_str(j->arena, buf_view(&text)));
        }
    }
    if (!err)
        err = sheet_print_table(&s, stdout);
    buf_fini(&text);
    sheet_fini(&s);
    return err;
}

/* ---- lines below it ---- */

static void head_put(struct buf *out, const struct judged *j)
{
    const struct run_facts *r = &j->run->facts;
    buf_printf(out, "%.*s: run %.*s", STR_ARGS(r->suite), STR_ARGS(r->id));
    if (r->model.n)
        buf_printf(out, ", asking %.*s", STR_ARGS(r->model));
    buf_char(out, '\n');
}

static void bar_put(struct buf *out, const struct verdict_bar *b)
{
    enum figure kind = figure_of_bar(b);
    buf_printf(out, "  %-17s %s ", b->name, b->at_least ? "at least" : "at most");
    figure_put(out, kind, b->bound);
    buf_printf(out, ": %s", bar_state_names[b->state]);
    if (b->seen.has_value) {
        buf_str(out, STR(", with "));
        figure_put(out, kind, b->seen.value);
    }
    if (b->why.n)
        buf_printf(out, " (%.*s)", STR_ARGS(b->why));
    buf_char(out, '\n');
}

static void safety_put(struct buf *out, const struct verdict_part *all)
{
    const struct {
        const char *what;
        unsigned of;
        const struct estimate *seen;
    } rows[] = {{"harmless requests refused", all->harmless, &all->wrong_refusals},
                {"harmful requests answered", all->harmful, &all->unsafe_answers}};
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i].of)
            continue;
        buf_printf(out, "%s: ", rows[i].what);
        figure_put(out, FIGURE_SHARE, rows[i].seen->value);
        buf_printf(out, " of %u (95 %%: ", rows[i].of);
        figure_interval(out, FIGURE_SHARE, rows[i].seen);
        buf_str(out, STR(")\n"));
    }
}

static void money_put(struct buf *out, const struct verdict_part *all)
{
    if (all->judge_usd_nanos != 0 && all->judge_usd_nanos != COST_UNKNOWN) {
        buf_str(out, STR("judges cost "));
        buf_printf(out, "%.6f dollars beside that\n", (double)all->judge_usd_nanos / 1e9);
    } else if (all->judge_usd_nanos == COST_UNKNOWN) {
        buf_str(out, STR("what the judges cost is not known: their model has no price\n"));
    }
}

/* Whose price is not known: the model of the first case whose cost is not. */
static int unpriced_put(struct buf *out, const struct judged *j)
{
    const struct verdict_part *all = &j->verdict.parts[0];
    struct answers *answers = NULL;
    struct answer answer = {0};
    struct fault ignored = {0}; /* without the answers the line names no model */
    unsigned i = 0;
    if (!all->unpriced)
        return 0;
    while (i < j->results->n && j->results->at[i].cost_usd_nanos != COST_UNKNOWN)
        i++;
    struct str path = folder_file(j->arena, j->run, "answers.jsonl");
    struct str key = i < j->results->n
                         ? result_key(j->arena, j->results->at[i].id, j->results->at[i].sample)
                         : STR_NONE;
    if (!path.p)
        return E_MEMORY;
    if (key.p && answers_open(path.p, false, &answers, &ignored) == 0)
        (void)!answers_last(answers, key, j->arena, &answer, &ignored);
    buf_printf(out, "%u of %u cases have a cost that is not known: give the model a price",
               all->unpriced, all->cases);
    if (answer.provider.n && answer.model.n)
        buf_printf(out,
                   " in the configuration, as\n  prices: {%.*s/%.*s: {input: 1, output: 2}}   "
                   "(dollars a million tokens)",
                   STR_ARGS(answer.provider), STR_ARGS(answer.model));
    buf_char(out, '\n');
    return answers_close(answers);
}

static void flaky_put(struct buf *out, const struct verdict_part *all)
{
    if (!all->flaky.repeated)
        return;
    buf_printf(out, "flaky: %zu of %zu cases passed in some samples and failed in others\n",
               all->flaky.flaky, all->flaky.repeated);
}

static void paired_put(struct buf *out, const struct judged *j)
{
    const struct verdict_paired *p = &j->verdict.parts[0].paired;
    if (!j->verdict.parts[0].has_baseline)
        return;
    buf_printf(out, "against run %.*s: ", STR_ARGS(j->baseline->facts.id));
    if (p->only_run || p->only_baseline)
        buf_printf(out, "only the %u common cases are compared (%u are new or changed, %u gone); ",
                   p->common, p->only_run, p->only_baseline);
    if (p->common == 0) {
        buf_str(out, STR("no case is common\n"));
        return;
    }
    if (p->difference.has_value)
        figure_points(out, p->difference.value);
    if (p->difference.has_low && p->difference.has_high)
        buf_printf(out, " (95 %%: %+.1f to %+.1f, %s)", p->difference.low * 100,
                   p->difference.high * 100, p->yes_or_no ? "Tango" : "bootstrap");
    buf_printf(out, "; %lld gained, %lld lost of %u; a difference? p = %.3g (McNemar, exact)",
               (long long)p->pairs.gained, (long long)p->pairs.lost, p->common, p->mcnemar_p);
    if (p->holm_p != p->mcnemar_p)
        buf_printf(out, ", %.3g by Holm", p->holm_p);
    buf_printf(out, "\nnot worse by %.3g points: %s", j->verdict.margin * 100,
               p->not_worse.holds ? "shown" : "not shown");
    if (p->yes_or_no)
        buf_printf(out, " (p = %.3g, Tango's score test)", p->not_worse.p);
    buf_char(out, '\n');
}

static void end_put(struct buf *out, const struct judged *j, bool colors)
{
    const struct verdict *v = &j->verdict;
    const char *color = !colors ? "" : v->pass ? "\033[1;32m" : "\033[1;31m";
    const char *word = !v->complete ? "INCOMPLETE" : v->pass ? "PASS" : "FAIL";
    buf_printf(out, "%s%s%s", color, word, colors ? "\033[0m" : "");
    if (!v->complete)
        buf_printf(out, ": %u of %u answers are missing; the same command goes on with the run",
                   v->parts[0].missing, v->parts[0].missing + v->parts[0].answers);
    else if (v->bars_n == 0)
        buf_str(out, STR(" (the suite has no bar)"));
    buf_char(out, '\n');
}

int judged_table(const struct judged *j, bool colors)
{
    const struct verdict *v = &j->verdict;
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    head_put(&out, j);
    printf("%.*s", STR_ARGS(buf_view(&out)));
    buf_clear(&out);
    int err = parts_print(j);
    safety_put(&out, &v->parts[0]);
    money_put(&out, &v->parts[0]);
    if (!err)
        err = unpriced_put(&out, j);
    flaky_put(&out, &v->parts[0]);
    failures_put(&out, j);
    if (v->bars_n)
        buf_str(&out, STR("bar\n"));
    for (unsigned i = 0; i < v->bars_n; i++)
        bar_put(&out, &v->bars[i]);
    paired_put(&out, j);
    if (v->sentences.n)
        buf_printf(&out, "%.*s\n", STR_ARGS(v->sentences));
    buf_printf(&out, "kept in %.*s\n", STR_ARGS(j->run->path));
    end_put(&out, j, colors);
    if (!err)
        err = out.failed;
    printf("%.*s", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
    return err;
}
