#include "cli/eval/failures.h"

#include "base/json.h"
#include "cli/eval/figures.h"
#include "eval/run/failures.h"

#define REASONS_SHOWN 3
#define CASES_SHOWN   10
#define TEXT_SHOWN    160 /* bytes of what an answer or a provider says */

/* The head of a text, on one line. */
static void line_put(struct buf *out, struct str s)
{
    struct str shown = str_head_utf8(s, TEXT_SHOWN);
    for (size_t i = 0; i < shown.n; i++)
        buf_char(out, (unsigned char)shown.p[i] < 0x20 || shown.p[i] == 0x7f ? ' ' : shown.p[i]);
    if (shown.n < s.n)
        buf_str(out, STR("..."));
}

/* "q7", "q7 (2)" for its second sample */
static void case_name_put(struct buf *out, const struct result *r)
{
    line_put(out, r->id);
    if (r->sample > 1)
        buf_printf(out, " (%u)", r->sample);
}

/* ---- what several graders said ---- */

static void graders_put(struct buf *out, const struct results *r)
{
    if (r->graders_n < 2)
        return;
    buf_str(out, STR("graders\n"));
    for (unsigned i = 0; i < r->graders_n; i++) {
        struct grader_sum s = failures_grader(r, i);
        buf_printf(out, "  %-17.*s ", STR_ARGS(r->graders[i]));
        if (s.graded) {
            buf_str(out, STR("score "));
            figure_put(out, FIGURE_SHARE, s.score);
            buf_printf(out, ", %u of %u passed", s.passed, s.graded);
        } else if (s.ungraded == 0) {
            buf_str(out, STR("it was for no answer"));
        }
        if (s.ungraded)
            buf_printf(out, "%s%u without a grade", s.graded ? ", " : "", s.ungraded);
        buf_char(out, '\n');
    }
}

/* ---- why there is no grade ---- */

static void reason_put(struct buf *out, const struct reason *why)
{
    const struct result *r = why->first;
    buf_printf(out, "  %u: ", why->n);
    line_put(out, r->error.n ? r->error : STR("no grade"));
    if (r->why.n)
        buf_str(out, STR(": "));
    line_put(out, r->why);
    buf_str(out, STR(" (case "));
    case_name_put(out, r);
    buf_str(out, STR(")\n"));
}

static void reasons_put(struct buf *out, const struct results *r)
{
    struct reasons all;
    failures_reasons(r, &all);
    unsigned more = all.others;
    if (all.n)
        buf_str(out, STR("no answer, or no grade\n"));
    for (unsigned i = 0; i < all.n; i++) {
        if (i < REASONS_SHOWN)
            reason_put(out, &all.at[i]);
        else
            more += all.at[i].n;
    }
    if (more)
        buf_printf(out, "  %u for other reasons\n", more);
}

/* ---- the cases ---- */

/* What the first grader that did not pass it took, and says. */
static void grade_put(struct buf *out, const struct results *all, const struct result *r)
{
    for (unsigned i = 0; r->grades && i < all->graders_n; i++) {
        const struct result_grade *g = &r->grades[i];
        if (g->skipped || g->pass)
            continue;
        if (all->graders_n > 1)
            buf_printf(out, "%.*s: ", STR_ARGS(all->graders[i]));
        if (g->got.n) {
            buf_str(out, STR("took "));
            line_put(out, g->got);
        }
        if (g->got.n && g->why.n)
            buf_str(out, STR("; "));
        line_put(out, g->why.n || g->got.n ? g->why : g->verdict);
        return;
    }
}

static void cases_put(struct buf *out, const struct judged *j)
{
    const struct results *all = j->results;
    unsigned n = 0, shown = 0;
    for (unsigned i = 0; i < all->n; i++)
        n += all->at[i].state == RESULT_GRADED && !all->at[i].pass;
    if (n)
        buf_str(out, STR("failed\n"));
    for (unsigned i = 0; i < all->n && shown < CASES_SHOWN; i++) {
        const struct result *r = &all->at[i];
        if (r->state != RESULT_GRADED || r->pass)
            continue;
        shown++;
        buf_str(out, STR("  "));
        case_name_put(out, r);
        buf_str(out, STR(": "));
        grade_put(out, all, r);
        buf_char(out, '\n');
    }
    if (n > shown)
        buf_printf(out, "  %u more; --html shows them with their answers\n", n - shown);
}

void failures_put(struct buf *out, const struct judged *j)
{
    graders_put(out, j->results);
    reasons_put(out, j->results);
    cases_put(out, j);
}

/* ---- for programs ---- */

static void text_put(struct buf *out, const char *name, struct str text)
{
    buf_printf(out, ",\"%s\":", name);
    json_quote_or_null(out, text);
}

void failures_json(struct buf *out, const struct judged *j)
{
    const struct results *r = j->results;
    struct reasons all;
    buf_str(out, STR(",\"by_grader\":["));
    for (unsigned i = 0; i < r->graders_n; i++) {
        struct grader_sum s = failures_grader(r, i);
        buf_printf(out, "%s{\"score\":", i ? "," : "");
        if (s.graded)
            buf_printf(out, "%.10g", s.score);
        else
            buf_str(out, STR("null"));
        buf_printf(out, ",\"graded\":%u,\"passed\":%u,\"ungraded\":%u", s.graded, s.passed,
                   s.ungraded);
        text_put(out, "grader", r->graders[i]);
        buf_char(out, '}');
    }
    failures_reasons(r, &all);
    buf_str(out, STR("],\"reasons\":["));
    for (unsigned i = 0; i < all.n; i++) {
        const struct result *first = all.at[i].first;
        buf_printf(out, "%s{\"count\":%u", i ? "," : "", all.at[i].n);
        text_put(out, "error", first->error);
        text_put(out, "why", first->why);
        text_put(out, "case", first->id);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}
