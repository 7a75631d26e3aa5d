/*
 * html.c: a verdict as one page that needs nothing else: no script, no font, no other file.
 */
#include "cli/eval/html.h"

#include <string.h>

#include "cli/eval/figures.h"

static const char head[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<style>\n"
    ":root { color-scheme: light dark; --ink: #1c2430; --soft: #5c6675; --paper: #fff; --line: "
    "#dbe0e7;"
    " --card: #f5f7fa; --good: #157347; --bad: #b3261e; --this: #1f5fbf; --other: #8b95a3; }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa5b4; --paper: "
    "#12161c;"
    " --line: #2c343f; --card: #1a2029; --good: #4cc38a; --bad: #ff8177; --this: #6ea8ff;"
    " --other: #6b7685; } }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0 auto; max-width: 72rem; padding: 2rem 1.25rem 4rem; font: 16px/1.5 system-ui,"
    " sans-serif; color: var(--ink); background: var(--paper); }\n"
    "h1 { font-size: 1.7rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 "
    ".75rem; }\n"
    ".soft { color: var(--soft); } .mono, pre { font-family: ui-monospace, monospace; font-size: "
    ".86rem; }\n"
    ".badge { display: inline-block; padding: .1rem .7rem; border-radius: 1rem; color: "
    "var(--paper);"
    " font-weight: 600; font-size: 1rem; vertical-align: middle; margin-left: .6rem; }\n"
    ".pass { background: var(--good); } .fail { background: var(--bad); }\n"
    ".good { color: var(--good); } .bad { color: var(--bad); }\n"
    ".wide { overflow-x: auto; }\n"
    "table { border-collapse: collapse; width: 100%; }\n"
    "th, td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid "
    "var(--line);"
    " white-space: nowrap; }\n"
    "th { color: var(--soft); font-weight: 500; }\n"
    "td div { font-size: .8rem; } td { vertical-align: top; }\n"
    "section + section { margin-top: 4rem; padding-top: 2.5rem; border-top: 3px solid var(--line); "
    "}\n"
    "nav { margin-bottom: 2.5rem; } nav .badge { font-size: .8rem; }\n"
    "td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }\n"
    "svg { width: 100%; height: auto; max-width: 46rem; } svg text { fill: var(--soft); font-size: "
    "12px; }\n"
    "details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; }\n"
    "summary { padding: .5rem .9rem; cursor: pointer; } summary::marker { color: var(--soft); }\n"
    ".both { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; padding: 0 .9rem .9rem; }\n"
    "@media (max-width: 44rem) { .both { grid-template-columns: 1fr; } }\n"
    ".both > div { min-width: 0; } .both h3 { font-size: .9rem; margin: .4rem 0; }\n"
    "pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--card); border-radius: "
    ".4rem;"
    " padding: .6rem .8rem; margin: .3rem 0; max-height: 24rem; overflow: auto; }\n"
    "</style>\n";

void html_text(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '&')
            buf_str(out, STR("&amp;"));
        else if (c == '<')
            buf_str(out, STR("&lt;"));
        else if (c == '>')
            buf_str(out, STR("&gt;"));
        else if (c == '"')
            buf_str(out, STR("&quot;"));
        else
            buf_char(out, c);
    }
}

/* ---- the table of parts ---- */

static void value_cell(struct buf *out, enum figure kind, const struct estimate *e)
{
    buf_str(out, STR("<td class=\"n\">"));
    if (e->has_value)
        figure_put(out, kind, e->value);
    else
        buf_char(out, '-');
    buf_str(out, STR("<div class=\"soft\">"));
    figure_interval(out, kind, e);
    buf_str(out, STR("</div></td>"));
}

static void part_row(struct buf *out, const struct verdict_part *p, bool live)
{
    static const struct estimate unknown = {0};
    buf_str(out, STR("<tr><td>"));
    html_text(out, p->tag.n ? p->tag : STR("all"));
    buf_printf(out, "</td><td class=\"n\">%u</td>", p->cases);
    value_cell(out, FIGURE_SHARE, &p->quality);
    if (live) {
        value_cell(out, FIGURE_SPAN, &p->p50_us);
        value_cell(out, FIGURE_SPAN, &p->p95_us);
    }
    buf_printf(out, "<td class=\"n\">%lld / %lld</td>", (long long)p->input_tokens,
               (long long)p->output_tokens);
    value_cell(out, FIGURE_USD, p->unpriced ? &unknown : &p->success.usd_nanos);
    buf_printf(out, "<td class=\"n\">%u</td></tr>\n", p->errors + p->ungraded);
}

static void parts_put(struct buf *out, const struct verdict *v)
{
    bool live = v->parts[0].live > 0; /* else nothing took any time */
    buf_str(out,
            STR("<div class=\"wide\"><table id=\"parts\"><tr><th></th><th class=\"n\">cases</th>"
                "<th class=\"n\">score</th>"));
    if (live)
        buf_str(out, STR("<th class=\"n\">p50</th><th class=\"n\">p95</th>"));
    buf_str(out, STR("<th class=\"n\">tokens in / out</th><th class=\"n\">USD a success</th>"
                     "<th class=\"n\">no verdict</th></tr>\n"));
    for (unsigned i = 0; i < v->parts_n; i++)
        part_row(out, &v->parts[i], live);
    buf_str(out,
            STR("</table></div>\n<p class=\"soft\">Below each figure: its 95 % interval.</p>\n"));
}

/* ---- the verdict ---- */

static void bars_put(struct buf *out, const struct verdict *v)
{
    if (v->bars_n == 0) {
        buf_str(out, STR("<p class=\"soft\">The suite has no bar.</p>\n"));
        return;
    }
    buf_str(out, STR("<div class=\"wide\"><table id=\"bar\"><tr><th>bar</th><th></th><th>seen</th>"
                     "<th>95 %</th><th></th></tr>\n"));
    for (unsigned i = 0; i < v->bars_n; i++) {
        const struct verdict_bar *b = &v->bars[i];
        enum figure kind = figure_of_bar(b);
        buf_printf(out, "<tr><td>%s</td><td>%s ", b->name, b->at_least ? "at least" : "at most");
        figure_put(out, kind, b->bound);
        buf_str(out, STR("</td><td>"));
        if (b->seen.has_value)
            figure_put(out, kind, b->seen.value);
        buf_str(out, STR("</td><td class=\"soft\">"));
        figure_interval(out, kind, &b->seen);
        buf_printf(out, "</td><td class=\"%s\">%s", b->state == BAR_MET ? "good" : "bad",
                   bar_state_names[b->state]);
        if (b->why.n)
            buf_str(out, STR(": "));
        html_text(out, b->why);
        buf_str(out, STR("</td></tr>\n"));
    }
    buf_str(out, STR("</table></div>\n"));
}

static void paired_put(struct buf *out, const struct judged *j)
{
    const struct verdict_paired *p = &j->verdict.parts[0].paired;
    if (!j->verdict.parts[0].has_baseline)
        return;
    buf_str(out, STR("<h2>Against run "));
    html_text(out, j->baseline->facts.id);
    buf_printf(out, "</h2>\n<p id=\"against\">%u common cases", p->common);
    if (p->only_run || p->only_baseline)
        buf_printf(out, " (%u new or changed, %u gone, which are not compared)", p->only_run,
                   p->only_baseline);
    if (p->difference.has_value) {
        buf_str(out, STR(": <b>"));
        figure_points(out, p->difference.value);
        buf_str(out, STR("</b>"));
    }
    if (p->difference.has_low && p->difference.has_high)
        buf_printf(out, " (95 %%: %+.1f to %+.1f, %s)", p->difference.low * 100,
                   p->difference.high * 100, p->yes_or_no ? "Tango" : "bootstrap");
    buf_printf(out,
               "; %lld gained, %lld lost. A difference? p = %.3g (McNemar, exact; %.3g by Holm). "
               "Not worse by %.3g points: <b class=\"%s\">%s</b>.</p>\n",
               (long long)p->pairs.gained, (long long)p->pairs.lost, p->mcnemar_p, p->holm_p,
               j->verdict.margin * 100,
               p->not_worse.holds                                 ? "good"
               : p->difference.has_high && p->difference.high < 0 ? "bad"
                                                                  : "soft",
               p->not_worse.holds ? "shown" : "not shown");
}

static void sentences_put(struct buf *out, struct str lines)
{
    buf_str(out, STR("<ul class=\"soft\">\n"));
    while (lines.n) {
        buf_str(out, STR("<li>"));
        html_text(out, str_cut(&lines, '\n'));
        buf_str(out, STR("</li>\n"));
    }
    buf_str(out, STR("</ul>\n"));
}

static void facts_put(struct buf *out, const struct run_facts *r)
{
    const struct {
        const char *name;
        struct str value;
    } rows[] = {{"run", r->id},
                {"began", r->began},
                {"ended", r->ended},
                {"configuration", r->config_file},
                {"model", r->model},
                {"answers hash", str_head(r->answers, 16)},
                {"suite hash", str_head(r->suite_hash, 16)}};
    buf_str(out, STR("<p class=\"soft mono\">"));
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i].value.n)
            continue;
        buf_printf(out, "%s%s ", i ? " · " : "", rows[i].name);
        html_text(out, rows[i].value);
    }
    buf_str(out, STR("</p>\n"));
}

static void badge_put(struct buf *out, const struct verdict *v)
{
    const char *word = !v->complete ? "incomplete" : v->pass ? "pass" : "fail";
    buf_printf(out, "<span class=\"badge %s\">%s</span>", v->pass ? "pass" : "fail", word);
}

/* Of several suites, what there is. */
static void contents_put(struct buf *out, struct judged *const *all, unsigned n)
{
    buf_str(out, STR("<nav><ul>\n"));
    for (unsigned i = 0; i < n; i++) {
        buf_printf(out, "<li><a href=\"#suite-%u\">", i + 1);
        html_text(out, all[i]->run->facts.suite);
        buf_str(out, STR("</a>"));
        badge_put(out, &all[i]->verdict);
        buf_str(out, STR("</li>\n"));
    }
    buf_str(out, STR("</ul></nav>\n"));
}

static int suite_put(struct buf *out, const struct judged *j, unsigned number)
{
    const struct verdict *v = &j->verdict;
    buf_printf(out, "<section id=\"suite-%u\">\n<h1>", number);
    html_text(out, j->run->facts.suite);
    badge_put(out, v);
    buf_str(out, STR("</h1>\n"));
    facts_put(out, &j->run->facts);
    bars_put(out, v);
    buf_str(out, STR("<h2>Figures</h2>\n"));
    parts_put(out, v);
    sentences_put(out, v->sentences);
    paired_put(out, j);
    buf_str(out, STR("<h2>Cost against quality</h2>\n"));
    int err = html_scatter(j, out);
    if (!err)
        err = html_cases(j, out);
    buf_str(out, STR("</section>\n"));
    return err;
}

int judged_html(struct judged *const *all, unsigned n, struct buf *out)
{
    int err = 0;
    buf_str(out, str_from(head));
    buf_str(out, STR("<title>"));
    for (unsigned i = 0; i < n; i++) {
        buf_str(out, i ? STR(", ") : STR("Evals: "));
        html_text(out, all[i]->run->facts.suite);
    }
    buf_str(out, STR("</title>\n</head>\n<body>\n"));
    if (n > 1)
        contents_put(out, all, n);
    for (unsigned i = 0; i < n && !err; i++)
        err = suite_put(out, all[i], i + 1);
    buf_str(out, STR("</body>\n</html>\n"));
    return err ? err : out->failed;
}
