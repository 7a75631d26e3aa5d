/* refusal_model.c: reading rows, Newton's method, folds. */
#include "refusal_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "eval/suite/jsonl.h"

#define ARENA_BYTES  (64u << 20)
#define INNER_FOLDS  5
#define NEWTON_STEPS 40

static const double penalties[] = {10, 5, 3, 2, 1};

const char *const refusal_apart_names[] = {"prompts", "models", "prompts and models"};

static NORETURN void give_up(const char *path, unsigned line, const char *why)
{
    fprintf(stderr, "%s:%u: %s\n", path, line, why);
    exit(3);
}

/* ---------------------------------------------------------------- rows */

static unsigned hash(struct str s)
{
    unsigned h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619u;
    return h;
}

static struct refusal_row *row_add(struct refusal_set *set, enum refusal_source source,
                                   struct str prompt, struct str answer)
{
    struct arena a;
    struct refusal_words asked, said;
    struct refusal_verdict v = {0};
    if (set->count == set->cap) {
        set->cap = set->cap ? 2 * set->cap : 1024;
        set->rows = realloc(set->rows, set->cap * sizeof *set->rows);
        if (!set->rows)
            give_up("memory", 0, "out of it");
    }
    struct refusal_row *row = &set->rows[set->count++];
    unsigned h = hash(prompt);
    *row = (struct refusal_row){
        .source = source, .fold = h % PROMPT_FOLDS, .inner = (h >> 12) % INNER_FOLDS};
    arena_init_private(&a, ARENA_BYTES);
    if (refusal_words(&a, prompt, &asked) || refusal_words(&a, answer, &said) ||
        (set->ask_shipped && refusal_judge(&a, prompt, answer, &v)))
        give_up("memory", 0, "out of it");
    refusal_features(&asked, &said, &row->features);
    row->shipped = v.refusal;
    arena_fini(&a);
    return row;
}

static unsigned model_index(struct refusal_set *set, struct str name)
{
    for (unsigned i = 0; i < set->model_count; i++)
        if (str_eq(str_from(set->models[i]), name))
            return i;
    if (set->model_count == MODELS_MAX)
        give_up("models", MODELS_MAX, "more models than expected");
    snprintf(set->models[set->model_count], sizeof set->models[0], "%.*s", STR_ARGS(name));
    return set->model_count++;
}

/* Calls `each` for every line. */
static void each_line(const char *path, struct refusal_set *set,
                      bool (*each)(struct refusal_set *set, yyjson_val *o))
{
    struct fault f = {0};
    struct jsonl *lines;
    if (jsonl_open(path, &lines, &f))
        give_up(path, 0, f.text);
    for (int err = 0;;) {
        struct arena a;
        yyjson_val *o = NULL;
        arena_init_private(&a, ARENA_BYTES);
        err = jsonl_next_object(lines, &a, &o, &f);
        if (err && err != E_EOF)
            give_up(path, jsonl_line(lines), f.text);
        if (!err && !each(set, o))
            give_up(path, jsonl_line(lines), "a field is missing, or a label is not known");
        arena_fini(&a);
        if (err)
            break;
    }
    jsonl_close(lines);
}

static bool is_refused(struct str label)
{
    return !str_eq(label, STR("1_full_compliance"));
}

static bool add_labelled(struct refusal_set *set, yyjson_val *o)
{
    struct str label = json_get_str(o, "human_label");
    struct str answer = json_get_str(o, "completion");
    if (label.n == 0 || answer.n == 0)
        return false;
    unsigned model = model_index(set, json_get_str(o, "model"));
    struct refusal_row *row = row_add(set, XSTEST, json_get_str(o, "prompt"), answer);
    row->model = model;
    row->matched_as_refused = is_refused(json_get_str(o, "strmatch_label"));
    row->label = !is_refused(label)                        ? REFUSAL_NONE
                 : str_eq(label, STR("3_partial_refusal")) ? REFUSAL_PARTIAL
                                                           : REFUSAL_FULL;
    return true;
}

static bool add_facts(struct refusal_set *set, yyjson_val *o)
{
    size_t i, n;
    yyjson_val *right;
    yyjson_arr_foreach(yyjson_obj_get(o, "correct"), i, n, right)
    {
        /* "I have no comment" stands among the right answers. It is no fact. */
        if (str_find(json_str(right), STR("no comment")) < 0)
            row_add(set, FACTS, json_get_str(o, "question"), json_str(right));
    }
    return n > 0;
}

static bool add_ours(struct refusal_set *set, yyjson_val *o)
{
    struct str label = json_get_str(o, "label");
    struct refusal_row *row = row_add(set, OURS, json_get_str(o, "prompt"),
                                      json_get_str(o, "answer"));
    for (row->label = REFUSAL_NONE; row->label <= REFUSAL_FULL; row->label++)
        if (str_eq(label, str_from(refusal_name(row->label))))
            return true;
    return false;
}

void refusal_set_add_data(struct refusal_set *set, const char *folder)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/eval_refusal_labels.dev.jsonl.gz", folder);
    each_line(path, set, add_labelled);
    snprintf(path, sizeof path, "%s/eval_truthfulqa.dev.jsonl.gz", folder);
    each_line(path, set, add_facts);
}

void refusal_set_add_ours(struct refusal_set *set, const char *path)
{
    each_line(path, set, add_ours);
}

void refusal_set_fini(struct refusal_set *set)
{
    free(set->rows);
    *set = (struct refusal_set){0};
}

/* ---------------------------------------------------------------- the fit */

/* One binary problem: which rows, what is asked of them. */
struct problem {
    const struct refusal_set *set;
    const bool *in;
    bool partial; /* among the refused: is it in part? */
    double penalty;
};

/* A row's share in the problem, 0 for none; *ret_yes is what is to be learned. */
static double share(const struct problem *p, unsigned i, bool *ret_yes)
{
    const struct refusal_row *row = &p->set->rows[i];
    if (!p->in[i] || (p->partial && row->label == REFUSAL_NONE))
        return 0;
    *ret_yes = p->partial ? row->label == REFUSAL_PARTIAL : row->label != REFUSAL_NONE;
    return row->source == FACTS ? FACTS_WEIGHT : 1;
}

static double sum_of(const double *w, const struct refusal_features *f)
{
    double sum = w[0];
    for (unsigned i = 0; i < refusal_features_count(); i++)
        sum += w[i + 1] * (double)f->x[i];
    return sum;
}

/* Solves h x = g by Cholesky's decomposition, in place: x is left in g. */
static void solve(double h[WEIGHTS_MAX][WEIGHTS_MAX], double *g, unsigned n)
{
    for (unsigned j = 0; j < n; j++)
        for (unsigned i = j; i < n; i++) {
            double s = h[i][j];
            for (unsigned k = 0; k < j; k++)
                s -= h[i][k] * h[j][k];
            h[i][j] = i == j ? sqrt(s) : s / h[j][j];
        }
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < i; k++)
            g[i] -= h[i][k] * g[k];
        g[i] /= h[i][i];
    }
    for (unsigned i = n; i-- > 0;) {
        for (unsigned k = i + 1; k < n; k++)
            g[i] -= h[k][i] * g[k];
        g[i] /= h[i][i];
    }
}

/* Adds a row's part to the gradient and to the lower half of the curvature. */
static void add_row(double h[WEIGHTS_MAX][WEIGHTS_MAX], double *g, const double *w,
                    const struct refusal_features *f, double weight, bool yes)
{
    unsigned at[WEIGHTS_MAX], n = 0;
    double x[WEIGHTS_MAX];
    at[n] = 0;
    x[n++] = 1;
    for (unsigned i = 0; i < refusal_features_count(); i++)
        if (f->x[i] != 0) {
            at[n] = i + 1;
            x[n++] = (double)f->x[i];
        }
    double p = 1 / (1 + exp(-sum_of(w, f)));
    for (unsigned i = 0; i < n; i++) {
        g[at[i]] += weight * (p - yes) * x[i];
        for (unsigned k = 0; k <= i; k++)
            h[at[i]][at[k]] += weight * p * (1 - p) * x[i] * x[k];
    }
}

/* Newton's method; the penalty keeps the problem convex and the steps short. */
static void newton(const struct problem *p, double *w)
{
    static double h[WEIGHTS_MAX][WEIGHTS_MAX];
    unsigned n = refusal_features_count() + 1;
    memset(w, 0, WEIGHTS_MAX * sizeof *w);
    for (unsigned step = 0; step < NEWTON_STEPS; step++) {
        double g[WEIGHTS_MAX] = {0}, largest = 0;
        memset(h, 0, sizeof h);
        for (unsigned i = 0; i < n; i++) {
            h[i][i] = i ? p->penalty : 1e-6; /* the constant is free */
            g[i] = h[i][i] * w[i];
        }
        for (unsigned i = 0; i < p->set->count; i++) {
            bool yes = false;
            double weight = share(p, i, &yes);
            if (weight > 0)
                add_row(h, g, w, &p->set->rows[i].features, weight, yes);
        }
        solve(h, g, n);
        for (unsigned i = 0; i < n; i++) {
            w[i] -= g[i];
            largest = fmax(largest, fabs(g[i]));
        }
        if (largest < 1e-7)
            return;
    }
}

void refusal_fit(const struct refusal_set *set, const bool *in, double penalty,
                 struct refusal_fit *ret_fit)
{
    newton(&(struct problem){set, in, false, penalty}, ret_fit->refused);
    newton(&(struct problem){set, in, true, PENALTY_PARTIAL}, ret_fit->partial);
}

enum refusal refusal_fit_says(const struct refusal_fit *fit, const struct refusal_row *row)
{
    if (sum_of(fit->refused, &row->features) <= 0)
        return REFUSAL_NONE;
    return sum_of(fit->partial, &row->features) > 0 ? REFUSAL_PARTIAL : REFUSAL_FULL;
}

/* ---------------------------------------------------------------- folds */

double refusal_choose_penalty(const struct refusal_set *set, const bool *in)
{
    bool *learn = calloc(set->count, sizeof *learn);
    double best = penalties[0], least = INFINITY;
    for (size_t k = 0; learn && k < ARRAY_LEN(penalties); k++) {
        double loss = 0;
        for (unsigned inner = 0; inner < INNER_FOLDS; inner++) {
            double w[WEIGHTS_MAX];
            for (unsigned i = 0; i < set->count; i++)
                learn[i] = in[i] && (set->rows[i].source != XSTEST || set->rows[i].inner != inner);
            newton(&(struct problem){set, learn, false, penalties[k]}, w);
            for (unsigned i = 0; i < set->count; i++)
                if (in[i] && !learn[i]) {
                    double sum = sum_of(w, &set->rows[i].features);
                    loss += log1p(exp(set->rows[i].label != REFUSAL_NONE ? -sum : sum));
                }
        }
        if (loss < least) {
            least = loss;
            best = penalties[k];
        }
    }
    free(learn);
    return best;
}

void refusal_cross_validate(const struct refusal_set *set, enum refusal_apart apart, double penalty,
                            enum refusal *ret_says)
{
    bool *in = calloc(set->count, sizeof *in);
    unsigned models = apart == APART_PROMPTS ? 1 : set->model_count;
    unsigned folds = apart == APART_MODELS ? 1 : PROMPT_FOLDS;
    for (unsigned m = 0; in && m < models; m++)
        for (unsigned k = 0; k < folds; k++) {
            struct refusal_fit fit;
            /* Out goes whatever shares the model or the prompts of the rows that are asked about.
             */
            for (unsigned i = 0; i < set->count; i++) {
                const struct refusal_row *row = &set->rows[i];
                in[i] = row->source != XSTEST || ((apart == APART_PROMPTS || row->model != m) &&
                                                  (apart == APART_MODELS || row->fold != k));
            }
            refusal_fit(set, in, penalty > 0 ? penalty : refusal_choose_penalty(set, in), &fit);
            for (unsigned i = 0; i < set->count; i++) {
                const struct refusal_row *row = &set->rows[i];
                if (row->source == XSTEST && (apart == APART_PROMPTS || row->model == m) &&
                    (apart == APART_MODELS || row->fold == k))
                    ret_says[i] = refusal_fit_says(&fit, row);
            }
        }
    free(in);
}

struct refusal_agreement refusal_agree(const struct refusal_set *set, const enum refusal *says,
                                       int model, int fold)
{
    struct refusal_agreement r = {0};
    for (unsigned i = 0; i < set->count; i++) {
        const struct refusal_row *row = &set->rows[i];
        if (row->source != XSTEST || (model >= 0 && row->model != (unsigned)model) ||
            (fold >= 0 && row->fold != (unsigned)fold))
            continue;
        r.rows++;
        r.refused += (says[i] != REFUSAL_NONE) == (row->label != REFUSAL_NONE);
        r.three_way += says[i] == row->label;
    }
    if (r.rows) {
        r.refused /= r.rows;
        r.three_way /= r.rows;
    }
    return r;
}
