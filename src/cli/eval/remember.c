/* remember.c: a verdict becomes a record, by which the brake lets the configuration through. */
#include <math.h>
#include <stdio.h>

#include "api/braking.h"
#include "base/clock.h"
#include "cli/eval/eval.h"
#include "cli/eval/figures.h"

#define BAR_BYTES_MAX 4096
#define NOT_KNOWN     (-1)

static int64_t whole(bool has, double value, double scale)
{
    return has && value >= 0 && value * scale < 9e18 ? llround(value * scale) : NOT_KNOWN;
}

/* "quality >= 90.0 %, p95 <= 2.0 s" */
static int bar_write(const struct verdict *v, struct arena *a, struct str *ret_bar)
{
    struct buf out;
    buf_init(&out, BAR_BYTES_MAX);
    for (unsigned i = 0; i < v->bars_n; i++) {
        const struct verdict_bar *bar = &v->bars[i];
        buf_printf(&out, "%s%s %s ", i ? ", " : "", bar->name, bar->at_least ? ">=" : "<=");
        figure_put(&out, figure_of_bar(bar), bar->bound);
    }
    int err = out.failed;
    *ret_bar = err || out.n == 0 ? STR_NONE : arena_str(a, buf_view(&out));
    buf_fini(&out);
    return err ? err : v->bars_n && !ret_bar->p ? E_MEMORY : 0;
}

static int record_make(const struct judged *j, struct record *ret_record)
{
    const struct run_facts *facts = &j->run->facts;
    const struct verdict_part *all = &j->verdict.parts[0];
    const struct estimate *q = &all->quality, *cost = &all->success.usd_nanos;
    *ret_record = (struct record){.answers = facts->answers,
                                  .suite = j->suite->name,
                                  .suite_hash = str_from(j->suite->hash),
                                  .suite_file = facts->suite_file,
                                  .run = facts->id,
                                  .cases = all->cases,
                                  .quality = whole(q->has_value, q->value, 1e6),
                                  .quality_low = whole(q->has_low, q->low, 1e6),
                                  .quality_high = whole(q->has_high, q->high, 1e6),
                                  .p95_us = whole(all->p95_us.has_value, all->p95_us.value, 1),
                                  .cost_per_success_nanos = whole(cost->has_value, cost->value, 1),
                                  .passed = j->verdict.pass && j->verdict.bars_n > 0};
    return bar_write(&j->verdict, j->arena, &ret_record->bar);
}

/* What was asked has to be what the suite's file asks, whatever the command line said. */
static const char *no_evidence(const struct judged *j)
{
    const struct suite_settings *said = conf_root(j->suite->doc);
    return j->run->facts.model.n > 0               ? "another model was asked than the suite names"
           : j->run->facts.samples < said->samples ? "it took fewer samples than the suite asks for"
                                                   : NULL;
}

int records_check(struct arena *a, const struct conf_doc *doc, struct str suite_file,
                  struct fault *f)
{
    const struct config *c = conf_root(doc);
    const struct brake_ask ask = braking_ask(doc, conf_file(doc), STR_NONE, NULL);
    struct records ignored;
    if (!brake_suite_named(a, &ask, suite_file).p)
        return 0;
    struct str path = evals_records_path(a, &c->evals, ask.file);
    return path.p ? record_read(a, path.p, &ignored, f) : E_MEMORY;
}

int judged_remember(const char *command, const struct judged *j, const struct conf_doc *doc,
                    struct fault *f)
{
    const struct config *c = conf_root(doc);
    struct str ledger = config_has_ledger(c) ? c->state.ledger : STR_NONE;
    const struct brake_ask ask = braking_ask(doc, conf_file(doc), ledger, NULL);
    struct record r;
    if (!j->verdict.complete || !brake_suite_named(j->arena, &ask, j->run->facts.suite_file).p)
        return 0;
    const char *why_not = no_evidence(j);
    if (why_not) {
        fprintf(stderr, "sluice %s: %.*s: no record for the brake: %s\n", command,
                STR_ARGS(j->suite->name), why_not);
        return 0;
    }
    struct str path = evals_records_path(j->arena, &c->evals, ask.file);
    int err = path.p ? record_make(j, &r) : E_MEMORY;
    if (!err)
        err = brake_record_add(&ask, &r, f);
    if (err)
        fprintf(stderr,
                "sluice %s: %.*s is not recorded for the brake; once what is wrong is mended, "
                "`sluice eval grade %.*s` records it without asking again\n",
                command, STR_ARGS(j->suite->name), STR_ARGS(j->run->path));
    if (!err)
        fprintf(stderr, "sluice %s: %.*s: %s, recorded in %s\n", command, STR_ARGS(j->suite->name),
                r.passed                 ? "passed"
                : j->verdict.bars_n == 0 ? "without a bar it is no pass for the brake"
                                         : "not passed",
                path.p);
    return err;
}
