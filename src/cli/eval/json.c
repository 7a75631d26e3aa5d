/* json.c: a verdict for programs. Figures that are not known are null. */
#include <math.h>

#include "base/json.h"
#include "cli/eval/failures.h"

static void number_put(struct buf *out, bool has, double value)
{
    if (has && isfinite(value))
        buf_printf(out, "%.10g", value);
    else
        buf_str(out, STR("null"));
}

static void estimate_put(struct buf *out, const char *name, const struct estimate *e, double unit)
{
    buf_printf(out, ",\"%s\":{\"value\":", name);
    number_put(out, e->has_value, e->value / unit);
    buf_str(out, STR(",\"low\":"));
    number_put(out, e->has_low, e->low / unit);
    buf_str(out, STR(",\"high\":"));
    number_put(out, e->has_high, e->high / unit);
    buf_char(out, '}');
}

static void usd_put(struct buf *out, const char *name, int64_t nanos)
{
    buf_printf(out, ",\"%s\":", name);
    cost_json_write(out, nanos);
}

static void text_put(struct buf *out, const char *name, struct str text)
{
    buf_printf(out, ",\"%s\":", name);
    json_quote_or_null(out, text);
}

static const char *word(bool b)
{
    return b ? "true" : "false";
}

static void paired_put(struct buf *out, const struct verdict *v, const struct verdict_paired *p)
{
    buf_printf(out,
               ",\"against\":{\"common\":%u,\"only_run\":%u,\"only_baseline\":%u,\"both\":%lld,"
               "\"neither\":%lld,\"gained\":%lld,\"lost\":%lld",
               p->common, p->only_run, p->only_baseline, (long long)p->pairs.both,
               (long long)p->pairs.neither, (long long)p->pairs.gained, (long long)p->pairs.lost);
    buf_printf(out, ",\"method\":\"%s\"", p->yes_or_no ? "tango" : "bootstrap");
    estimate_put(out, "difference", &p->difference, 1);
    estimate_put(out, "newcombe", &p->newcombe, 1);
    buf_str(out, STR(",\"mcnemar_p\":"));
    number_put(out, p->common > 0, p->mcnemar_p);
    buf_str(out, STR(",\"holm_p\":"));
    number_put(out, p->common > 0, p->holm_p);
    buf_printf(out, ",\"margin\":%.6g,\"not_worse\":%s,\"not_worse_p\":", v->margin,
               word(p->not_worse.holds));
    number_put(out, p->common > 0 && p->yes_or_no, p->not_worse.p);
    buf_char(out, '}');
}

static void part_put(struct buf *out, const struct verdict *v, const struct verdict_part *p)
{
    buf_str(out, STR("{\"tag\":"));
    json_quote_or_null(out, p->tag);
    buf_printf(out,
               ",\"cases\":%u,\"answers\":%u,\"errors\":%u,\"ungraded\":%u,\"missing\":%u,"
               "\"live\":%u,\"input_tokens\":%lld,\"output_tokens\":%lld,\"unpriced\":%u",
               p->cases, p->answers, p->errors, p->ungraded, p->missing, p->live,
               (long long)p->input_tokens, (long long)p->output_tokens, p->unpriced);
    estimate_put(out, "quality", &p->quality, 1);
    estimate_put(out, "passed", &p->passed, 1);
    estimate_put(out, "p50_ms", &p->p50_us, 1000);
    estimate_put(out, "p95_ms", &p->p95_us, 1000);
    usd_put(out, "spent_usd", p->spent_usd_nanos);
    usd_put(out, "judge_usd", p->judge_usd_nanos);
    buf_printf(out, ",\"successes\":%lld", (long long)p->success.successes);
    estimate_put(out, "usd_per_success", &p->success.usd_nanos, 1e9);
    buf_printf(out, ",\"harmless\":%u,\"harmful\":%u", p->harmless, p->harmful);
    estimate_put(out, "wrong_refusals", &p->wrong_refusals, 1);
    estimate_put(out, "unsafe_answers", &p->unsafe_answers, 1);
    buf_printf(out, ",\"repeated\":%zu,\"flaky\":%zu", p->flaky.repeated, p->flaky.flaky);
    if (p->has_baseline)
        paired_put(out, v, &p->paired);
    buf_char(out, '}');
}

static double unit_of(const struct verdict_bar *b)
{
    return str_eq(str_from(b->name), STR("p95"))                ? 1000
           : str_eq(str_from(b->name), STR("cost_per_success")) ? 1e9
                                                                : 1;
}

static void bars_put(struct buf *out, const struct verdict *v)
{
    buf_str(out, STR(",\"bar\":["));
    for (unsigned i = 0; i < v->bars_n; i++) {
        const struct verdict_bar *b = &v->bars[i];
        buf_printf(out, "%s{\"name\":\"%s\",\"%s\":%.10g,\"state\":\"%s\"", i ? "," : "", b->name,
                   b->at_least ? "at_least" : "at_most", b->bound / unit_of(b),
                   bar_state_names[b->state]);
        estimate_put(out, "seen", &b->seen, unit_of(b));
        text_put(out, "why", b->why);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

static void run_put(struct buf *out, const char *name, const struct run_folder *r)
{
    buf_printf(out, "\"%s\":{\"id\":", name);
    json_quote(out, r->facts.id);
    text_put(out, "folder", r->path);
    text_put(out, "suite_hash", r->facts.suite_hash);
    text_put(out, "answers_hash", r->facts.answers);
    text_put(out, "model", r->facts.model);
    text_put(out, "began", r->facts.began);
    text_put(out, "ended", r->facts.ended);
    buf_char(out, '}');
}

int judged_json(const struct judged *j, struct buf *out)
{
    const struct verdict *v = &j->verdict;
    buf_str(out, STR("{\"suite\":"));
    json_quote(out, j->run->facts.suite);
    buf_printf(out, ",\"pass\":%s,\"complete\":%s,", word(v->pass), word(v->complete));
    run_put(out, "run", j->run);
    if (j->baseline) {
        buf_char(out, ',');
        run_put(out, "baseline", j->baseline);
    }
    bars_put(out, v);
    buf_str(out, STR(",\"parts\":["));
    for (unsigned i = 0; i < v->parts_n; i++) {
        buf_str(out, i ? STR(",\n") : STR("\n"));
        part_put(out, v, &v->parts[i]);
    }
    buf_str(out, STR("],\n\"graders\":["));
    for (unsigned i = 0; i < j->results->graders_n; i++) {
        if (i)
            buf_char(out, ',');
        json_quote(out, j->results->graders[i]);
    }
    buf_char(out, ']');
    failures_json(out, j);
    buf_printf(out, ",\"recommended_cases\":%lld", (long long)v->recommended_cases);
    text_put(out, "sentences", v->sentences);
    return buf_str(out, STR("}"));
}
