/* junit.c: a verdict as continuous integration shows it: a test a case, and one a line of the bar.
 */
#include "cli/eval/eval.h"

/* What XML 1.0 has no place for: control characters, and U+FFFE and U+FFFF. */
static bool is_no_xml(struct str character)
{
    unsigned char c = (unsigned char)character.p[0];
    return c < 0x20 || c == 0x7f || str_eq(character, STR("\xef\xbf\xbe")) ||
           str_eq(character, STR("\xef\xbf\xbf"));
}

/* Text within XML; what has no place there becomes a question mark. */
static void xml_put(struct buf *out, struct str s)
{
    while (s.n > 0) {
        size_t n = str_utf8_len(s);
        struct str character = str_head(s, n ? n : 1);
        char c = s.p[0];
        s = str_tail(s, character.n);
        if (c == '&')
            buf_str(out, STR("&amp;"));
        else if (c == '<')
            buf_str(out, STR("&lt;"));
        else if (c == '>')
            buf_str(out, STR("&gt;"));
        else if (c == '"')
            buf_str(out, STR("&quot;"));
        else if (c == '\n' || c == '\t' || c == '\r')
            buf_printf(out, "&#%u;", (unsigned)c);
        else if (n == 0 || is_no_xml(character))
            buf_char(out, '?');
        else
            buf_str(out, character);
    }
}

/* A run is judged by its bar: a case that fails under one that is met is no reason to go red, and
 * where one is missed its own line does. Without a bar, and where the run fails although each line
 * is met, it is the cases that fail. */
static bool bar_decides(const struct verdict *v)
{
    bool met = true;
    for (unsigned i = 0; i < v->bars_n; i++)
        met = met && v->bars[i].state == BAR_MET;
    return v->bars_n > 0 && (v->pass || !met);
}

static void case_put(struct buf *out, const struct judged *j, const struct result *r, bool decides)
{
    buf_str(out, STR("  <testcase classname=\""));
    xml_put(out, j->run->facts.suite);
    buf_str(out, STR("\" name=\""));
    xml_put(out, r->id);
    if (r->sample > 1)
        buf_printf(out, " (%u)", r->sample);
    buf_printf(out, "\" time=\"%.3f\"", r->total_us >= 0 ? (double)r->total_us / 1e6 : 0);
    if (r->pass) {
        buf_str(out, STR("/>\n"));
        return;
    }
    const char *element = r->state == RESULT_MISSING || !decides ? "skipped"
                          : r->state == RESULT_ERROR             ? "error"
                                                                 : "failure";
    buf_printf(out, ">\n    <%s message=\"%s", element,
               decides || r->state == RESULT_MISSING ? "" : "it failed, and the bar decides: ");
    if (r->error.n) {
        xml_put(out, r->error);
        buf_str(out, STR(": "));
    }
    xml_put(out, r->why.n                    ? r->why
                 : r->state == RESULT_GRADED ? STR("failed")
                                             : str_from(result_state_names[r->state]));
    buf_str(out, STR("\"/>\n  </testcase>\n"));
}

static void bar_put(struct buf *out, const struct judged *j, const struct verdict_bar *b)
{
    buf_str(out, STR("  <testcase classname=\""));
    xml_put(out, j->run->facts.suite);
    buf_printf(out, "\" name=\"bar: %s\"", b->name);
    if (b->state == BAR_MET) {
        buf_str(out, STR("/>\n"));
        return;
    }
    buf_printf(out, ">\n    <failure message=\"%s", bar_state_names[b->state]);
    if (b->seen.has_value)
        buf_printf(out, ", with %.6g where %s %.6g is asked for", b->seen.value,
                   b->at_least ? "at least" : "at most", b->bound);
    if (b->why.n)
        buf_str(out, STR(": "));
    xml_put(out, b->why);
    buf_str(out, STR("\"/>\n  </testcase>\n"));
}

static void suite_put(struct buf *out, const struct judged *j)
{
    const struct results *r = j->results;
    const struct verdict *v = &j->verdict;
    bool decides = !bar_decides(v);
    unsigned failures = 0, errors = 0, skipped = 0;
    for (unsigned i = 0; i < r->n; i++) {
        const struct result *one = &r->at[i];
        bool skips = one->state == RESULT_MISSING || (!one->pass && !decides);
        skipped += skips;
        errors += !skips && one->state == RESULT_ERROR;
        failures += !skips && !one->pass && one->state != RESULT_ERROR;
    }
    for (unsigned i = 0; i < v->bars_n; i++)
        failures += v->bars[i].state != BAR_MET;
    buf_str(out, STR(" <testsuite name=\""));
    xml_put(out, j->run->facts.suite);
    buf_printf(
        out, "\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" timestamp=\"%.*s\">\n",
        r->n + v->bars_n, failures, errors, skipped, STR_ARGS(str_head(j->run->facts.began, 19)));
    for (unsigned i = 0; i < v->bars_n; i++)
        bar_put(out, j, &v->bars[i]);
    for (unsigned i = 0; i < r->n; i++)
        case_put(out, j, &r->at[i], decides);
    buf_str(out, STR(" </testsuite>\n"));
}

int judged_junit(struct judged *const *all, unsigned n, struct buf *out)
{
    buf_str(out, STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"));
    for (unsigned i = 0; i < n; i++)
        suite_put(out, all[i]);
    return buf_str(out, STR("</testsuites>\n"));
}
