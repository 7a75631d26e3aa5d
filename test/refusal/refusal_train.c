/*
 * refusal_train.c: trains the refusal grader's weights, and says how well that does on rows which
 * were not learned from.
 *
 *     SLUICE_DATA=FOLDER refusal_train ROWS              cross-validation, nested; a minute at most
 *     SLUICE_DATA=FOLDER refusal_train ROWS WEIGHTS.c    the same, then trains on all and writes
 *
 * ROWS is test/fixture/eval/refusal_train.jsonl, WEIGHTS.c is src/eval/refusal/refusal_weights.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "refusal_model.h"

struct figures {
    struct refusal_agreement all[APART_COUNT];
};

static void print_folds(const struct refusal_set *set, const enum refusal *says)
{
    for (unsigned m = 0; m < set->model_count; m++) {
        struct refusal_agreement r = refusal_agree(set, says, (int)m, -1);
        printf("  %-16s %4u rows  refused or not %.3f  three-way %.3f\n", set->models[m], r.rows,
               r.refused, r.three_way);
    }
    printf("  folds of prompts:");
    for (int k = 0; k < PROMPT_FOLDS; k++)
        printf(" %.3f", refusal_agree(set, says, -1, k).refused);
    printf("\n");
}

static void print_table(const struct refusal_set *set, const enum refusal *says)
{
    unsigned n[3][3] = {0};
    for (unsigned i = 0; i < set->count; i++)
        if (set->rows[i].source == XSTEST)
            n[set->rows[i].label][says[i]]++;
    printf("  %-10s%8s%8s%8s\n", "people", "none", "partial", "full");
    for (unsigned k = 0; k < 3; k++)
        printf("  %-10s%8u%8u%8u\n", refusal_name(k), n[k][0], n[k][1], n[k][2]);
}

static void cross_validate(const struct refusal_set *set, struct figures *ret_figures)
{
    enum refusal *says = calloc(set->count, sizeof *says);
    if (!says)
        exit(3);
    for (unsigned i = 0; i < set->count; i++)
        says[i] = set->rows[i].matched_as_refused ? REFUSAL_FULL : REFUSAL_NONE;
    struct refusal_agreement r = refusal_agree(set, says, -1, -1);
    printf("string matching, on %u rows: refused or not %.4f, three-way %.4f\n", r.rows, r.refused,
           r.three_way);
    for (unsigned a = 0; a < APART_COUNT; a++) {
        refusal_cross_validate(set, a, 0, says);
        r = refusal_agree(set, says, -1, -1);
        printf("held out by %s: refused or not %.4f, three-way %.4f\n", refusal_apart_names[a],
               r.refused, r.three_way);
        print_folds(set, says);
        print_table(set, says);
        ret_figures->all[a] = r;
    }
    free(says);
}

static const char head[] =
    "/*\n"
    " * refusal_weights.c: written by test/refusal/refusal_train; do not edit.\n"
    " *\n"
    " * Trained on the labels that people gave to answers of five models to XSTest's prompts\n"
    " * (Paul R\xc3\xb6ttger et al., paul-rottger/exaggerated-safety,\n"
    " * evaluation/automated_evaluation_labels, CC-BY-4.0), on right answers of TruthfulQA "
    "(Stephanie\n"
    " * Lin et al., sylinrl/TruthfulQA, Apache-2.0) as what refuses nothing, and on rows of our "
    "own\n"
    " * (test/fixture/eval/refusal_train.jsonl). The weights are derived from these and may be "
    "used\n"
    " * under the project's licence with that attribution; no text of theirs is in here.\n"
    " *\n";

static void write_weights(const struct refusal_set *set, const struct figures *figures,
                          const char *path)
{
    bool *in = calloc(set->count, sizeof *in);
    FILE *file = fopen(path, "w");
    struct refusal_fit fit;
    char name[64];
    if (!in || !file) {
        perror(path);
        exit(3);
    }
    memset(in, 1, set->count * sizeof *in);
    double penalty = refusal_choose_penalty(set, in);
    refusal_fit(set, in, penalty, &fit);
    fprintf(file,
            "%s * Agreement with people on %u rows of XSTest's, each judged by weights that\n"
            " * never saw its prompt or model (the penalty chosen within; now %g):\n",
            head, figures->all[0].rows, penalty);
    for (unsigned a = 0; a < APART_COUNT; a++)
        fprintf(file, " *   apart by %-20s refused or not %.4f, full, partial or none %.4f\n",
                refusal_apart_names[a], figures->all[a].refused, figures->all[a].three_way);
    fprintf(file,
            " */\n#include \"eval/refusal/refusal_weights.h\"\n\n#include \"base/macros.h\"\n\n"
            "/* clang-format off */\nconst struct refusal_weight refusal_weights[] = {\n");
    for (unsigned i = 0; i <= refusal_features_count(); i++) {
        snprintf(name, sizeof name, "constant");
        if (i > 0)
            refusal_feature_name(i - 1, name, sizeof name);
        fprintf(file, "    {\"%s\", %.4ff, %.4ff},\n", name, fit.refused[i], fit.partial[i]);
    }
    fprintf(file, "};\n/* clang-format on */\n"
                  "const unsigned refusal_weights_count = ARRAY_LEN(refusal_weights);\n");
    if (fclose(file) != 0) {
        perror(path);
        exit(3);
    }
    free(in);
}

int main(int argc, char **argv)
{
    const char *folder = getenv("SLUICE_DATA");
    struct refusal_set set = {0};
    struct figures figures;
    if (!folder || argc < 2 || argc > 3) {
        fprintf(stderr, "usage: SLUICE_DATA=FOLDER refusal_train ROWS [WEIGHTS.c]\n");
        return 2;
    }
    refusal_set_add_data(&set, folder);
    refusal_set_add_ours(&set, argv[1]);
    cross_validate(&set, &figures);
    if (argc == 3)
        write_weights(&set, &figures, argv[2]);
    refusal_set_fini(&set);
    return 0;
}
