/* html_cases.c: single cases: what changed, and what failed, with what was asked and answered. */
#include "base/json.h"
#include "cli/eval/html.h"

#define SHOWN_MAX           200
#define TEXT_BYTES_SHOWN    20000
#define SUMMARY_BYTES_SHOWN 80
#define SCRATCH_BYTES       (256u * 1024 * 1024)

/* ---- texts of a kept answer ---- */

static yyjson_val *json_of(struct str text, struct arena *a)
{
    yyjson_doc *doc = NULL;
    struct fault ignored = {0};
    return text.n && json_parse(a, text, &doc, &ignored) == 0 ? yyjson_doc_get_root(doc) : NULL;
}

/* A message's content; what is no text is shown as JSON. */
static void content_put(struct buf *out, yyjson_val *content)
{
    struct buf json;
    if (yyjson_is_str(content)) {
        html_text(out, str_head_utf8(json_str(content), TEXT_BYTES_SHOWN));
        return;
    }
    buf_init(&json, 16u << 20);
    if (content && !yyjson_is_null(content) && json_value(&json, content) == 0)
        html_text(out, str_head_utf8(buf_view(&json), TEXT_BYTES_SHOWN));
    buf_fini(&json);
}

static void request_put(struct buf *out, struct str body, struct arena *a)
{
    yyjson_val *messages = yyjson_obj_get(json_of(body, a), "messages"), *m;
    size_t i, n;
    yyjson_arr_foreach(messages, i, n, m)
    {
        buf_str(out, STR("<pre><span class=\"soft\">"));
        html_text(out, json_get_str(m, "role"));
        buf_str(out, STR("</span>\n"));
        content_put(out, yyjson_obj_get(m, "content"));
        buf_str(out, STR("</pre>\n"));
    }
}

static void answer_put(struct buf *out, struct str body, struct arena *a)
{
    yyjson_val *choices = yyjson_obj_get(json_of(body, a), "choices");
    yyjson_val *message = yyjson_obj_get(yyjson_arr_get_first(choices), "message");
    buf_str(out, STR("<pre>"));
    content_put(out, yyjson_obj_get(message, "content"));
    content_put(out, yyjson_obj_get(message, "refusal"));
    content_put(out, yyjson_obj_get(message, "tool_calls"));
    buf_str(out, STR("</pre>\n"));
}

/* ---- one side of a case ---- */

struct side {
    const char *title;
    const struct results *results;
    const struct result *result;
    struct answers *answers; /* NULL: they are not at hand */
};

static void grades_put(struct buf *out, const struct side *s)
{
    for (unsigned i = 0; s->result->grades && i < s->results->graders_n; i++) {
        const struct result_grade *g = &s->result->grades[i];
        if (g->skipped)
            continue;
        buf_printf(out, "<div><span class=\"%s\">", g->pass ? "good" : "bad");
        html_text(out, s->results->graders[i]);
        buf_str(out, STR(": "));
        html_text(out, g->verdict);
        buf_str(out, STR("</span>"));
        if (g->got.n)
            buf_str(out, STR(", took "));
        html_text(out, str_head_utf8(g->got, 200));
        if (g->why.n)
            buf_str(out, STR("; "));
        html_text(out, g->why);
        buf_str(out, STR("</div>\n"));
    }
}

static int side_put(struct buf *out, const struct side *s, bool with_request)
{
    struct arena a;
    struct answer answer = {0};
    struct fault ignored = {0};
    arena_init_private(&a, SCRATCH_BYTES);
    struct str key = result_key(&a, s->result->id, s->result->sample);
    bool kept = key.p && s->answers && answers_find(s->answers, key, &a, &answer, &ignored) == 0;
    buf_printf(out, "<div><h3>%s</h3>\n", s->title);
    if (kept && with_request)
        request_put(out, answer.request, &a);
    if (kept)
        answer_put(out, answer.body, &a);
    if (s->result->error.n) {
        buf_str(out, STR("<div class=\"bad\">"));
        html_text(out, s->result->error);
        buf_str(out, STR(": "));
        html_text(out, s->result->why);
        buf_str(out, STR("</div>\n"));
    }
    grades_put(out, s);
    buf_str(out, STR("</div>\n"));
    arena_fini(&a);
    return out->failed;
}

static int request_side(struct buf *out, const struct side *s)
{
    struct arena a;
    struct answer answer = {0};
    struct fault ignored = {0};
    arena_init_private(&a, SCRATCH_BYTES);
    struct str key = result_key(&a, s->result->id, s->result->sample);
    buf_str(out, STR("<div><h3>Request</h3>\n"));
    if (key.p && s->answers && answers_find(s->answers, key, &a, &answer, &ignored) == 0)
        request_put(out, answer.request, &a);
    buf_str(out, STR("</div>\n"));
    arena_fini(&a);
    return out->failed;
}

/* What the first grader that did not pass it took, and says; or why there is no answer. */
static void summary_put(struct buf *out, const struct results *all, const struct result *r)
{
    struct str got = STR_NONE, why = r->why.n ? r->why : r->error;
    for (unsigned i = 0; r->grades && i < all->graders_n; i++) {
        const struct result_grade *g = &r->grades[i];
        if (g->skipped || g->pass || r->state == RESULT_ERROR)
            continue;
        got = g->got;
        why = g->why;
        break;
    }
    if (got.n)
        buf_str(out, STR(" took "));
    html_text(out, str_head_utf8(got, SUMMARY_BYTES_SHOWN));
    if (got.n && why.n)
        buf_str(out, STR(";"));
    buf_char(out, ' ');
    html_text(out, str_head_utf8(why, SUMMARY_BYTES_SHOWN));
}

static void case_head(struct buf *out, const struct results *all, const struct result *r,
                      const char *class, const char *word)
{
    buf_printf(out, "<details class=\"case\"><summary><span class=\"%s\">%s</span> <b>", class,
               word);
    html_text(out, r->id);
    buf_str(out, STR("</b> <span class=\"soft\">"));
    for (unsigned i = 0; i < r->tags_n; i++) {
        buf_str(out, i ? STR(", ") : STR(""));
        html_text(out, r->tags[i]);
    }
    buf_str(out, STR("</span>"));
    if (!r->pass)
        summary_put(out, all, r);
    buf_str(out, STR("</summary>\n<div class=\"both\">\n"));
}

/* ---- lists ---- */

static struct answers *answers_of(const struct judged *j, const struct run_folder *r)
{
    struct answers *answers = NULL;
    struct fault ignored = {0};
    struct str path = r ? folder_file(j->arena, r, "answers.jsonl") : STR_NONE;
    return path.p && answers_open(path.p, false, &answers, &ignored) == 0 ? answers : NULL;
}

static void more_put(struct buf *out, unsigned n)
{
    if (n > SHOWN_MAX)
        buf_printf(out, "<p class=\"soft\">%u more are not shown.</p>\n", n - SHOWN_MAX);
}

static int changed_put(const struct judged *j, struct answers *now, struct answers *before,
                       struct buf *out)
{
    struct changed_case *cases;
    unsigned n;
    int err = verdict_changed(j->arena, j->results, j->baseline_results, &cases, &n);
    if (err)
        return err;
    buf_printf(out, "<h2>Changed cases (%u)</h2>\n", n);
    for (unsigned i = 0; i < n && i < SHOWN_MAX && !err; i++) {
        const struct side sides[] = {
            {"Baseline", j->baseline_results, &j->baseline_results->at[cases[i].baseline], before},
            {"This run", j->results, &j->results->at[cases[i].run], now}};
        case_head(out, sides[1].results, sides[1].result, cases[i].gained ? "good" : "bad",
                  cases[i].gained ? "gained" : "lost");
        for (unsigned k = 0; k < ARRAY_LEN(sides) && !err; k++)
            err = side_put(out, &sides[k], true);
        buf_str(out, STR("</div></details>\n"));
    }
    more_put(out, n);
    return err;
}

static int failed_put(const struct judged *j, struct answers *answers, struct buf *out)
{
    unsigned n = 0, shown = 0;
    int err = 0;
    for (unsigned i = 0; i < j->results->n; i++)
        n += !j->results->at[i].pass;
    buf_printf(out, "<h2>Failed cases (%u)</h2>\n", n);
    for (unsigned i = 0; i < j->results->n && shown < SHOWN_MAX && !err; i++) {
        const struct side side = {"Answer", j->results, &j->results->at[i], answers};
        if (side.result->pass)
            continue;
        shown++;
        bool graded = side.result->state == RESULT_GRADED;
        case_head(out, side.results, side.result, "bad",
                  graded ? "failed" : result_state_names[side.result->state]);
        err = request_side(out, &side);
        if (!err)
            err = side_put(out, &side, false);
        buf_str(out, STR("</div></details>\n"));
    }
    more_put(out, n);
    return err;
}

int html_cases(const struct judged *j, struct buf *out)
{
    struct answers *now = answers_of(j, j->run), *before = answers_of(j, j->baseline);
    int err = j->baseline_results ? changed_put(j, now, before, out) : 0;
    if (!err)
        err = failed_put(j, now, out);
    (void)!answers_close(now);
    (void)!answers_close(before);
    return err ? err : out->failed;
}
