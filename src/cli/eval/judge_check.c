/* judge_check.c: `sluice eval judge-check`: a suite's judge beside people's labels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/eval/eval.h"
#include "cli/eval/figures.h"
#include "cli/options.h"
#include "conf/scalar.h"
#include "eval/judge/judge_check.h"
#include "eval/run/each.h"
#include "eval/suite/jsonl.h"

#define COMMAND         "eval judge-check"
#define ARENA_BYTES_MAX (2048ull * 1024 * 1024)
#define ROW_BYTES_MAX   (256u * 1024 * 1024)
#define ROWS_MAX        1000000

struct wish {
    const char *config, *grader, *keep, *least;
    bool json;
};

static const struct command_option options[] = {
    {"SUITE.yaml", NULL, 0, "the suite whose rubric grader is checked", VALUE_FILE, NULL},
    {"LABELS.jsonl", NULL, 0,
     "rows that people labelled: {prompt, answer, label} with true, false or a\n"
     "number from 0 to 1, and `reference` where there is one; or {prompt, first,\n"
     "second, label} with \"first\", \"second\" or \"tie\"",
     VALUE_FILE, NULL},
    {"--grader", "NAME", offsetof(struct wish, grader),
     "which of the suite's rubric graders; without it: the first", VALUE_ANY, NULL},
    {"--config", "FILE", offsetof(struct wish, config),
     "the configuration by which the judge is asked (default: as for sluice serve)", VALUE_FILE,
     NULL},
    {"--keep", "FILE", offsetof(struct wish, keep),
     "where the judge's replies are kept, and looked for; without it: beside the\n"
     "labels, as LABELS.jsonl.judged",
     VALUE_FILE, NULL},
    {"--least", "SHARE", offsetof(struct wish, least),
     "the least agreement, 80% or 0.8: under it the exit code is 1", VALUE_ANY, NULL},
    {"--json", NULL, offsetof(struct wish, json), "as JSON", VALUE_ANY, NULL},
    {0},
};

/* A row as it is in the file; texts are the arena's. */
struct labelled {
    struct judge_case c;
    struct str first, second;
};

struct checking {
    struct arena arena;
    struct eval_home home;
    struct suite *suite;
    const struct suite_grader *grader;
    struct answers *answers;
    struct eval_asker asker;
    int64_t cost_nanos;
    unsigned n, cap;
    struct labelled *texts;
    struct check_row *rows;
    struct fault fault;
};

/* ---- the labels ---- */

static int row_fault(struct checking *c, const struct jsonl *lines, const char *what)
{
    return fault_set(&c->fault, E_BAD_REQUEST, "%s:%u: %s", jsonl_path(lines), jsonl_line(lines),
                     what);
}

static enum judge_choice choice_word(struct str word)
{
    return str_eq_nocase(word, STR("first"))    ? CHOICE_FIRST
           : str_eq_nocase(word, STR("second")) ? CHOICE_SECOND
           : str_eq_nocase(word, STR("tie"))    ? CHOICE_TIE
                                                : CHOICE_NONE;
}

static int label_take(struct checking *c, const struct jsonl *lines, yyjson_val *row,
                      struct check_row *r)
{
    yyjson_val *label = yyjson_obj_get(row, "label");
    if (r->pair) {
        r->human_choice = choice_word(json_str(label));
        return r->human_choice != CHOICE_NONE
                   ? 0
                   : row_fault(c, lines, "the label has to be \"first\", \"second\" or \"tie\"");
    }
    r->human = yyjson_is_bool(label) ? yyjson_get_bool(label) : yyjson_get_num(label);
    bool good = yyjson_is_bool(label) || (yyjson_is_num(label) && r->human >= 0 && r->human <= 1);
    return good ? 0
                : row_fault(c, lines, "the label has to be true, false or a number from 0 to 1");
}

static int row_take(struct checking *c, const struct jsonl *lines, yyjson_val *row)
{
    struct labelled *t = &c->texts[c->n];
    struct check_row *r = &c->rows[c->n];
    *t = (struct labelled){.first = json_get_str(row, "first"),
                           .second = json_get_str(row, "second")};
    t->c.prompt = json_get_str(row, "prompt");
    t->c.reference = json_get_str(row, "reference");
    t->c.answer = json_get_str(row, "answer");
    t->c.key = arena_printf(&c->arena, "row/%u", jsonl_line(lines));
    *r = (struct check_row){.pair = t->first.p != NULL,
                            .length = t->c.answer.n,
                            .first_length = t->first.n,
                            .second_length = t->second.n};
    if (!t->c.prompt.p)
        return row_fault(c, lines, "the field \"prompt\" is missing, or no text");
    if (r->pair ? !t->second.p : !t->c.answer.p)
        return row_fault(c, lines,
                         "expected the field \"answer\", or \"first\" and \"second\", as texts");
    if (r->pair != c->rows[0].pair)
        return row_fault(c, lines, "rows with one answer and rows with two do not go together");
    int err = t->c.key.p ? label_take(c, lines, row, r) : E_MEMORY;
    c->n += !err;
    return err;
}

static int rows_grow(struct checking *c)
{
    unsigned cap = c->cap ? c->cap * 2 : 256;
    struct labelled *texts = realloc(c->texts, cap * sizeof(*texts));
    if (!texts)
        return E_MEMORY;
    c->texts = texts;
    struct check_row *rows = realloc(c->rows, cap * sizeof(*rows));
    if (!rows || cap > ROWS_MAX)
        return E_MEMORY;
    c->rows = rows;
    c->cap = cap;
    return 0;
}

static int labels_read(struct checking *c, const char *path)
{
    struct jsonl *lines = NULL;
    yyjson_val *row;
    int err = jsonl_open(path, &lines, &c->fault);
    while (!err && (err = jsonl_next_object(lines, &c->arena, &row, &c->fault)) == 0) {
        err = c->n == c->cap ? rows_grow(c) : 0;
        if (!err)
            err = row_take(c, lines, row);
    }
    jsonl_close(lines);
    if (err == E_EOF && c->n == 0)
        return fault_set(&c->fault, E_BAD_REQUEST, "%s has no row", path);
    return err == E_EOF ? 0 : err;
}

/* ---- asking ---- */

static int row_judge(void *arg, unsigned i, struct arena *arena, struct fault *f)
{
    struct checking *c = arg;
    const struct grader_settings *s = c->grader->self;
    const struct labelled *t = &c->texts[i];
    struct check_row *r = &c->rows[i];
    const struct judge j = {.asker = &c->asker,
                            .model = s->judge,
                            .about = s->about,
                            .criteria_n = s->criteria.n,
                            .criteria = s->criteria.at,
                            .votes = s->votes,
                            .cost_nanos = &c->cost_nanos};
    if (r->pair) {
        struct judge_case one = t->c;
        one.answer = t->first;
        int err = judge_pair(&j, &one, t->second, arena, &r->verdict, f);
        r->judged = !err && r->verdict.asked > 0;
        return err;
    }
    struct judge_scores scores;
    int err = judge_score(&j, &t->c, arena, &scores, f);
    r->judged = !err && scores.votes > 0;
    r->judge = r->judged ? scores.score : 0;
    return err;
}

static int rows_judge(struct eval_home *home UNUSED, void *arg)
{
    struct checking *c = arg;
    const struct each each = {.n = c->n,
                              .at_once = (unsigned)c->suite->settings->concurrency,
                              .bytes_max = ROW_BYTES_MAX,
                              .fn = row_judge,
                              .arg = c};
    return each_run(&each, &c->fault);
}

static int grader_find_in(struct checking *c, const char *name)
{
    for (unsigned i = 0; i < c->suite->graders_n && !c->grader; i++) {
        const struct suite_grader *g = &c->suite->graders[i];
        bool is_rubric = str_eq(str_from(g->kind->name), STR("rubric"));
        if (is_rubric && (!name || str_eq(g->name, str_from(name))))
            c->grader = g;
    }
    if (c->grader)
        return 0;
    fprintf(stderr, "sluice " COMMAND ": the suite has no rubric grader%s%s\n",
            name ? " called " : "", name ? name : "");
    return EXIT_WRONG_USE;
}

/* ---- what is told ---- */

/* "of 3 disagreements with people, 2 are for the longer answer: no bias is shown (p = 1)" */
static void bias_put(struct buf *out, const char *of, const char *one, const struct check_bias *b)
{
    if (b->one + b->other == 0)
        return;
    buf_printf(out, "of %lld %s, %lld %s %s: %s (p = %.3g)\n", (long long)(b->one + b->other), of,
               (long long)b->one, b->one == 1 ? "is" : "are", one,
               !b->found           ? "no bias is shown"
               : b->one > b->other ? "a bias"
                                   : "a bias the other way",
               b->p);
}

static void estimate_put(struct buf *out, const char *name, const struct estimate *e)
{
    buf_printf(out, "%s: ", name);
    if (!e->has_value) {
        buf_str(out, STR("not known\n"));
        return;
    }
    buf_printf(out, "%.3f", e->value);
    if (e->has_low && e->has_high)
        buf_printf(out, " (95 %%: %.3f to %.3f)", e->low, e->high);
    buf_char(out, '\n');
}

static void counts_put(struct buf *out, const struct check_figures *k)
{
    static const char *const two[] = {"failed", "passed"}, *const three[] = {"first", "second",
                                                                             "tie"};
    const char *const *names = k->pairs ? three : two;
    buf_printf(out, "%-16s", "people \\ judge");
    for (unsigned i = 0; i < k->labels; i++)
        buf_printf(out, "%10s", names[i]);
    buf_char(out, '\n');
    for (unsigned i = 0; i < k->labels; i++) {
        buf_printf(out, "%-16s", names[i]);
        for (unsigned m = 0; m < k->labels; m++)
            buf_printf(out, "%10lld", (long long)k->counts[i * k->labels + m]);
        buf_char(out, '\n');
    }
}

static void people_put(struct buf *out, const struct checking *c, const struct check_figures *k)
{
    buf_printf(out, "%u of %u rows judged by %.*s\n", k->judged, k->rows,
               STR_ARGS(((const struct grader_settings *)c->grader->self)->judge));
    counts_put(out, k);
    estimate_put(out, "agreement", &k->agreement.share);
    estimate_put(out, "kappa", &k->agreement.kappa);
    if (k->graded)
        estimate_put(out, "Spearman's correlation of the scores", &k->spearman);
    if (k->pairs)
        bias_put(out, "verdicts that the order decided", "for the first place", &k->position);
    bias_put(out, "disagreements with people", "for the longer answer", &k->length);
    if (c->cost_nanos == COST_UNKNOWN)
        buf_str(out, STR("what it cost is not known: the judge has no price\n"));
    else
        buf_printf(out, "cost: %.6f dollars", (double)c->cost_nanos / 1e9);
    if (c->cost_nanos > c->asker.spent_nanos)
        buf_printf(out, ", of which %.6f were spent now: the other replies were kept",
                   (double)c->asker.spent_nanos / 1e9);
    if (c->cost_nanos != COST_UNKNOWN)
        buf_char(out, '\n');
}

static void json_estimate(struct buf *out, const char *name, const struct estimate *e)
{
    buf_printf(out, ",\"%s\":", name);
    if (e->has_value)
        buf_printf(out, "{\"value\":%.9g", e->value);
    else
        buf_str(out, STR("{\"value\":null"));
    buf_printf(out, e->has_low ? ",\"low\":%.9g" : ",\"low\":null", e->low);
    buf_printf(out, e->has_high ? ",\"high\":%.9g}" : ",\"high\":null}", e->high);
}

static void json_bias(struct buf *out, const char *name, const struct check_bias *b,
                      const char *one, const char *other)
{
    buf_printf(out, ",\"%s\":{\"%s\":%lld,\"%s\":%lld,\"p\":%.9g,\"found\":%s}", name, one,
               (long long)b->one, other, (long long)b->other, b->p, b->found ? "true" : "false");
}

static void programs_put(struct buf *out, const struct checking *c, const struct check_figures *k)
{
    buf_printf(out, "{\"rows\":%u,\"judged\":%u,\"counts\":[", k->rows, k->judged);
    for (unsigned i = 0; i < k->labels * k->labels; i++)
        buf_printf(out, "%s%lld", i ? "," : "", (long long)k->counts[i]);
    buf_char(out, ']');
    json_estimate(out, "agreement", &k->agreement.share);
    json_estimate(out, "kappa", &k->agreement.kappa);
    if (k->graded)
        json_estimate(out, "spearman", &k->spearman);
    if (k->pairs)
        json_bias(out, "position", &k->position, "first", "second");
    json_bias(out, "length", &k->length, "longer", "shorter");
    buf_str(out, STR(",\"cost_usd\":"));
    cost_json_write(out, c->cost_nanos);
    buf_str(out, STR(",\"spent_usd\":"));
    cost_json_write(out, c->asker.spent_nanos);
    buf_str(out, STR("}\n"));
}

static int tell(struct checking *c, const struct wish *w, int64_t least)
{
    struct check_figures k;
    struct buf out;
    int err = judge_check(c->rows, c->n, c->grader->pass, &c->arena, &k, &c->fault);
    if (err) {
        fprintf(stderr, "sluice " COMMAND ": %s\n", why_text(&c->fault, err));
        return err == E_BAD_REQUEST ? EXIT_BAR : EXIT_COULD_NOT;
    }
    buf_init(&out, 1u << 20);
    if (w->json)
        programs_put(&out, c, &k);
    else
        people_put(&out, c, &k);
    printf("%.*s", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
    if (k.agreement.share.value * 1e6 >= (double)least)
        return EXIT_DONE;
    fflush(stdout);
    fprintf(stderr, "sluice " COMMAND ": the agreement of %.1f %% is under --least %s\n",
            k.agreement.share.value * 100, w->least);
    return EXIT_BAR;
}

/* ---- the command ---- */

static int ask_all(struct checking *c, const struct wish *w, const char *labels)
{
    char beside[4096];
    snprintf(beside, sizeof(beside), "%s.judged", labels);
    int err = labels_read(c, labels);
    if (!err)
        err = answers_open(w->keep ? w->keep : beside, true, &c->answers, &c->fault);
    if (err)
        return err;
    home_asker(&c->home, &c->asker);
    c->asker.answers = c->answers;
    c->asker.tries = c->suite->settings->tries;
    c->asker.tags = STR("eval:judge-check");
    if (c->suite->settings->spend_nanos != CONF_NOT_GIVEN)
        c->asker.spend_nanos = c->suite->settings->spend_nanos;
    return home_run(&c->home, rows_judge, c);
}

static int check(struct checking *c, const struct wish *w, char **argv, int64_t least)
{
    int code = home_open(&c->home, w->config, COMMAND);
    if (!code)
        code = suite_take(COMMAND, argv[1], &c->suite);
    if (!code)
        code = grader_find_in(c, w->grader);
    int err = code ? 0 : ask_all(c, w, argv[2]);
    if (err) {
        fprintf(stderr, "sluice " COMMAND ": %s\n", why_text(&c->fault, err));
        code = err == E_BAD_REQUEST || err == E_BAD_JSON ? EXIT_WRONG_USE
               : err == E_BUDGET                         ? EXIT_BAR
                                                         : EXIT_COULD_NOT;
    }
    return code ? code : tell(c, w, least);
}

static int run(int argc, char **argv)
{
    static const struct conf_row row = {.name = "least", .type = CONF_SHARE, .max = 1000000};
    struct wish w = {0};
    struct scalar_why why;
    int64_t least = 0;
    int words = 0;
    int code = options_read(&eval_judge_check, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words != 2)
        return options_wrong(&eval_judge_check, "expected a suite and a file of labels");
    if (w.least && !scalar_parse(&row, str_from(w.least), &least, &why))
        return options_wrong(&eval_judge_check, "--least '%s' %s", w.least, why.text);
    struct checking *c = calloc(1, sizeof(*c));
    if (!c)
        return EXIT_COULD_NOT;
    arena_init_private(&c->arena, ARENA_BYTES_MAX);
    code = check(c, &w, argv, least);
    (void)!answers_close(c->answers);
    suite_free(c->suite);
    home_close(&c->home);
    free(c->texts);
    free(c->rows);
    arena_fini(&c->arena);
    free(c);
    return code;
}

const struct command eval_judge_check = {
    .name = COMMAND,
    .summary = "compare a judge with people's labels",
    .usage = "eval judge-check [OPTIONS] SUITE.yaml LABELS.jsonl",
    .about =
        "Has a suite's rubric grader judge answers that people have labelled, and says how far it\n"
        "agrees with them, and whether it leans towards the first of two answers or towards the\n"
        "longer one. A bias is called one where chance would show it in less than one of a "
        "hundred\nchecks.\n",
    .options = options,
    .notes =
        "Exit codes: 0 done, 1 the agreement is under --least, no row could be judged, or the "
        "suite's\nlimit of dollars was reached, 2 wrong use, or a row has a mistake, 3 it could "
        "not run.\n",
    .run = run,
};
