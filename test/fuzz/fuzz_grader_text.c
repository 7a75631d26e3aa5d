/*
 * fuzz_grader_text.c: the first line is what is expected, the rest an answer. Whatever stands
 * there, graders of texts come to a grade or say that the expected text is a mistake, read no byte
 * outside of it, and find an answer right that is the expected one, letter by letter.
 */
#include "eval/grader.h"
#include "fuzz.h"

#define BYTES_MAX 4096

static const char *const suites[] = {"kind: exact\nnormalise: on",
                                     "kind: contains\nnormalise: on",
                                     "kind: f1",
                                     "kind: number\ntolerance: 1%",
                                     "kind: choice",
                                     "kind: choice\nwords: [yes, no, not at all]"};

/* Lives as long as the program. */
struct opened {
    struct conf_doc *doc;
    const struct grader_kind *kind;
    void *self;
};

static void open_all(struct opened opened[ARRAY_LEN(suites)])
{
    for (unsigned i = 0; i < ARRAY_LEN(suites); i++) {
        MUST(conf_load_text(&grader_table, "fuzz", str_from(suites[i]), &opened[i].doc) == 0);
        const struct grader_settings *s = conf_root(opened[i].doc);
        opened[i].kind = graders[s->kind];
        MUST(opened[i].kind->open(s, opened[i].doc, conf_arena(opened[i].doc), &opened[i].self) ==
             0);
    }
}

static void look(const struct grade *g, int err, const struct fault *f)
{
    MUST(err == 0 || (err == E_BAD_REQUEST && f->text[0]));
    MUST(err || (g->score >= 0 && g->score <= 1 && g->verdict.n > 0));
    MUST(err || (g->graded || (g->why.n > 0 && g->score == 0)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct opened opened[ARRAY_LEN(suites)];
    static bool ready;
    struct str rest = {(const char *)data, size};
    struct arena a;
    if (!ready)
        open_all(opened);
    ready = true;
    if (size == 0 || size > BYTES_MAX)
        return 0;
    struct str line = str_cut(&rest, '\n');
    yyjson_mut_doc *mut = yyjson_mut_doc_new(NULL);
    yyjson_mut_doc_set_root(mut, yyjson_mut_strncpy(mut, line.p, line.n));
    yyjson_doc *doc = yyjson_mut_doc_imut_copy(mut, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(suites); i++) {
        arena_init(&a, 64u << 20);
        struct grading g = {.arena = &a, .expected = yyjson_doc_get_root(doc), .text = rest};
        struct grade grade = {.graded = false};
        struct fault f = {0};
        int err = opened[i].kind->grade(opened[i].self, &g, &grade, &f);
        look(&grade, err, &f);
        grade = (struct grade){.graded = false};
        g.text = line;
        err = opened[i].kind->grade(opened[i].self, &g, &grade, &f);
        look(&grade, err, &f);
        MUST(i > 2 || grade.score == 1);
        arena_fini(&a);
    }
    yyjson_doc_free(doc);
    yyjson_mut_doc_free(mut);
    return 0;
}
