#include "eval/brake/gate.h"

#include "base/clock.h"

/* ---------------------------------------------------------------- the decision */

/* "./evals/a.yaml" is evals/a.yaml. */
static struct str bare(struct str path)
{
    while (str_starts(path, STR("./")))
        path = str_tail(path, 2);
    return path;
}

/* The newest run of the suite for these answers; `version`: of its very version only. */
static const struct record *run_find(const struct gate_ask *ask, const struct gate_suite *suite,
                                     bool version)
{
    for (unsigned i = ask->records.n; i-- > 0;) {
        const struct record *r = &ask->records.at[i];
        if (r->forced || !str_eq(r->answers, ask->answers))
            continue;
        if (version ? suite->hash.n > 0 && str_eq(r->suite_hash, suite->hash)
                    : str_eq(bare(r->suite_file), bare(suite->file)))
            return r;
    }
    return NULL;
}

static struct gate_finding finding(const struct gate_ask *ask, const struct gate_suite *suite)
{
    const struct record *own = run_find(ask, suite, true);
    const struct record *r = own ? own : run_find(ask, suite, false);
    enum gate_found found = !r                   ? GATE_RUN_NONE
                            : !r->passed         ? GATE_RUN_FAILED
                            : own                ? GATE_RUN_PASSED
                            : suite->hash.n == 0 ? GATE_RUN_UNSEEN
                                                 : GATE_RUN_OTHER;
    return (struct gate_finding){found, r};
}

static const struct record *forced_find(const struct gate_ask *ask)
{
    for (unsigned i = ask->records.n; i-- > 0;)
        if (ask->records.at[i].forced && str_eq(ask->records.at[i].answers, ask->answers))
            return &ask->records.at[i];
    return NULL;
}

static bool was_good(const struct gate_ask *ask)
{
    for (unsigned i = 0; i < ask->good_n; i++)
        if (str_eq(ask->good[i], ask->answers))
            return true;
    return false;
}

int gate_decide(struct arena *a, const struct gate_ask *ask, struct gate_decision *ret_decision)
{
    struct gate_finding *suites = ARENA_ARRAY(a, struct gate_finding, ask->suites_n + 1);
    bool passed = true, enough = true, anywhere = true, same = was_good(ask);
    struct gate_decision d = {.changed = ask->good_n > 0 && !same, .suites = suites};
    if (!suites)
        return E_MEMORY;
    for (unsigned i = 0; i < ask->suites_n; i++) {
        suites[i] = finding(ask, &ask->suites[i]);
        enum gate_found found = suites[i].found;
        passed = passed && found == GATE_RUN_PASSED;
        enough = enough && (found == GATE_RUN_PASSED || found == GATE_RUN_UNSEEN);
        anywhere = anywhere && found != GATE_RUN_NONE && found != GATE_RUN_FAILED;
        if (found == GATE_RUN_NONE || found == GATE_RUN_FAILED)
            continue;
        int64_t at_us = suites[i].record->at_wall_us;
        if (d.passed_wall_us == 0 || at_us < d.passed_wall_us)
            d.passed_wall_us = at_us;
    }
    bool dropped = d.changed && ask->dropped_n > 0;
    if (dropped || (ask->suites_n > 0 && !enough))
        d.forced = forced_find(ask);
    d.old = d.passed_wall_us > 0 && ask->old_after_ms > 0 &&
            ask->now_wall_us - d.passed_wall_us > ask->old_after_ms * 1000;
    d.reason = dropped                                    ? d.forced ? GATE_FORCED : GATE_HELD
               : ask->suites_n == 0                       ? GATE_NO_SUITES
               : passed                                   ? GATE_PASSED
               : same                                     ? GATE_SAME
               : d.forced                                 ? GATE_FORCED
               : enough || (ask->good_n == 0 && anywhere) ? GATE_ELSEWHERE
                                                          : GATE_HELD;
    *ret_decision = d;
    return 0;
}

/* ---------------------------------------------------------------- in words */

static void day_add(struct buf *out, int64_t wall_us)
{
    char iso[25];
    buf_add(out, clock_iso(wall_us, iso), 10);
}

static void lines_indented(struct buf *out, struct str lines)
{
    while (lines.n > 0) {
        struct str line = str_cut(&lines, '\n');
        buf_printf(out, "  %.*s\n", STR_ARGS(line));
    }
}

static void failed_add(struct buf *out, const struct record *r)
{
    buf_str(out, STR("its run of "));
    day_add(out, r->at_wall_us);
    buf_str(out, STR(" failed: quality "));
    buf_decimal(out, r->quality, 4, 1); /* as bars are written, in percent */
    buf_str(out, STR(" %"));
    if (r->bar.n > 0)
        buf_printf(out, "; the bar is %.*s", STR_ARGS(r->bar));
    else
        buf_str(out, STR("; the suite has no bar to pass (bar: {quality: 90%})"));
}

/* What is wrong with one suite. */
static void finding_add(struct buf *out, const char *indent, const struct gate_suite *suite,
                        const struct gate_finding *found)
{
    buf_printf(out, "%s%.*s: ", indent, STR_ARGS(suite->file));
    switch (found->found) {
    case GATE_RUN_PASSED:
        buf_str(out, STR("it passed"));
        break;
    case GATE_RUN_NONE:
        buf_str(out, STR("no run of it is recorded for this configuration"));
        break;
    case GATE_RUN_FAILED:
        failed_add(out, found->record);
        break;
    case GATE_RUN_OTHER:
        buf_str(out, STR("it passed on "));
        day_add(out, found->record->at_wall_us);
        buf_str(out, STR(", but the suite has changed since"));
        break;
    case GATE_RUN_UNSEEN:
        buf_str(out, STR("it passed on "));
        day_add(out, found->record->at_wall_us);
        buf_str(out, STR("; whether the suite has changed since cannot be told here"));
        break;
    }
    if (suite->why.n > 0)
        buf_printf(out, " (%.*s)", STR_ARGS(suite->why));
    buf_char(out, '\n');
}

/* What comes before the command: the same once more would fail once more. */
static const char *to_do(const struct gate_ask *ask, const struct gate_decision *d)
{
    const char *bar = "";
    if (ask->dropped_n > 0)
        return "name what was let go again (evals.suites), and ";
    for (unsigned i = 0; i < ask->suites_n; i++) {
        if (d->suites[i].found != GATE_RUN_FAILED)
            continue;
        if (d->suites[i].record->bar.n > 0)
            return "mend what failed, or lower its bar, and ";
        bar = "give the suite a bar, and ";
    }
    return bar;
}

static void held_tell(const struct gate_ask *ask, const struct gate_decision *d,
                      const struct gate_words *w, struct buf *out)
{
    const char *file = w->file ? w->file : "FILE";
    if (d->changed)
        buf_str(out, STR("refused: what shapes answers has changed, and the suites have not passed "
                         "for it\n"));
    else
        buf_str(out, STR("refused: no configuration was in force here before, and the suites have "
                         "not passed for this one\n"));
    lines_indented(out, w->changes);
    for (unsigned i = 0; i < ask->suites_n; i++)
        if (d->suites[i].found != GATE_RUN_PASSED)
            finding_add(out, "  ", &ask->suites[i], &d->suites[i]);
    for (unsigned i = 0; i < ask->dropped_n; i++)
        buf_printf(out,
                   "  %.*s: it held the brake until now and is not named any more; let it go in "
                   "a step of its own, while answers stay\n",
                   STR_ARGS(ask->dropped[i]));
    if (ask->records_wrong.n > 0)
        buf_printf(out, "  the records cannot be used: %.*s\n", STR_ARGS(ask->records_wrong));
    else
        buf_printf(out, "  records: %s\n", w->records);
    buf_printf(out, "to get it through: %ssluice eval run --config ", to_do(ask, d));
    buf_shell(out, str_from(file));
    buf_str(out, STR("\nor without evidence, and for a reason that is kept: sluice apply "));
    buf_shell(out, str_from(file));
    buf_str(out, STR(" --force \"why\"\n"));
    if (!w->file)
        buf_printf(out, "where FILE is another than the one that is served, it says "
                        "evals: {records: PATH} with the path above\n");
}

static void forced_tell(const struct record *r, struct buf *out)
{
    buf_str(out, STR("warning: these answers have passed no evals; they were forced on "));
    day_add(out, r->at_wall_us);
    if (r->by.n > 0)
        buf_printf(out, " by %.*s", STR_ARGS(r->by));
    buf_printf(out, ": %.*s\n", STR_ARGS(r->why));
}

static void allowed_tell(const struct gate_ask *ask, const struct gate_decision *d,
                         const struct gate_words *w, struct buf *out)
{
    if (d->reason == GATE_NO_SUITES && d->changed) {
        buf_str(out, STR("warning: what shapes answers has changed, and no suite says whether they "
                         "stay good (evals: {suites: [...]}; `sluice eval init` writes a first "
                         "one)\n"));
        lines_indented(out, w->changes);
    }
    if (ask->suites_n > 0 && ask->records_wrong.n > 0)
        buf_printf(out, "warning: the records of evals cannot be used: %.*s\n",
                   STR_ARGS(ask->records_wrong));
    if (d->forced)
        forced_tell(d->forced, out);
    for (unsigned i = 0; i < ask->dropped_n; i++)
        buf_printf(out, "warning: %.*s holds the brake no longer: it is not named any more\n",
                   STR_ARGS(ask->dropped[i]));
    for (unsigned i = 0; i < ask->suites_n && !d->forced && !ask->records_wrong.n; i++)
        if (d->suites[i].found != GATE_RUN_PASSED)
            finding_add(out, "warning: ", &ask->suites[i], &d->suites[i]);
    if (d->old) {
        buf_str(out, STR("warning: the evals passed on "));
        day_add(out, d->passed_wall_us);
        buf_printf(out, ", %lld days ago (evals.old_after); models change behind their names\n",
                   (long long)((ask->now_wall_us - d->passed_wall_us) / 86400000000));
    }
}

int gate_tell(const struct gate_ask *ask, const struct gate_decision *d,
              const struct gate_words *words, struct buf *out)
{
    if (d->reason == GATE_HELD)
        held_tell(ask, d, words, out);
    else
        allowed_tell(ask, d, words, out);
    return out->failed;
}
