/* test_near.c: sketches and the index of near texts against sets compared one by one. */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "eval/suite/jsonl.h"
#include "eval/traffic/near.h"

#define INDEX_BYTES (256u << 20)

/* ---- the plain way: sets of texts, each shingle a string ---- */

#define SHINGLES_MAX 4096

struct set {
    unsigned n;
    char *at[SHINGLES_MAX];
};

static int text_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void set_make(const char *text, struct set *s)
{
    char *words[SHINGLES_MAX / 2], *copy = strdup(text), *save = NULL;
    unsigned n = 0, kept = 0;
    s->n = 0;
    for (char *c = copy; *c; c++)
        *c = (char)((*c >= 'A' && *c <= 'Z')                               ? *c + 32
                    : (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ? *c
                    : (unsigned char)*c >= 0x80                            ? *c
                                                                           : ' ');
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        words[n++] = w;
    for (unsigned i = 0; i < n; i++) {
        char pair[512];
        s->at[s->n++] = strdup(words[i]);
        snprintf(pair, sizeof(pair), "%s %s", i ? words[i - 1] : "", words[i]);
        if (i > 0)
            s->at[s->n++] = strdup(pair);
    }
    qsort(s->at, s->n, sizeof(char *), text_order);
    for (unsigned i = 0; i < s->n; i++)
        if (kept == 0 || strcmp(s->at[kept - 1], s->at[i]) != 0)
            s->at[kept++] = s->at[i];
        else
            free(s->at[i]);
    s->n = kept;
    free(copy);
}

static void set_free(struct set *s)
{
    for (unsigned i = 0; i < s->n; i++)
        free(s->at[i]);
    s->n = 0;
}

static double jaccard(const struct set *a, const struct set *b)
{
    unsigned i = 0, k = 0, both = 0;
    while (i < a->n && k < b->n) {
        int order = strcmp(a->at[i], b->at[k]);
        both += order == 0;
        i += order <= 0;
        k += order >= 0;
    }
    return a->n + b->n ? (double)both / (a->n + b->n - both) : 0;
}

static double exactly(const char *a, const char *b)
{
    static struct set x, y;
    set_make(a, &x);
    set_make(b, &y);
    double j = jaccard(&x, &y);
    set_free(&x);
    set_free(&y);
    return j;
}

static struct near_mark mark_of(const struct near_common *common, const char *text)
{
    struct near_mark m;
    assert_int_equal(near_mark(common, str_from(text), &m), 0);
    return m;
}

static double alike(const char *a, const char *b)
{
    struct near_mark x = mark_of(NULL, a), y = mark_of(NULL, b);
    return near_alike(&x.sketch, &y.sketch);
}

#define TEXT_BYTES 65536

/* Words of a made-up language, so often each as in any (by Zipf). */
static void text_make(struct chance *c, unsigned words, char text[TEXT_BYTES])
{
    size_t at = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < words; i++) {
        unsigned rank = 1 + chance_below(c, 3000);
        at += (size_t)snprintf(text + at, TEXT_BYTES - at, "%sw%u", i ? " " : "",
                               3000 / rank + chance_below(c, 40));
    }
}

/* The same with some words put in place of others. */
static void text_change(struct chance *c, const char *from, unsigned of_100, char to[TEXT_BYTES])
{
    char *copy = strdup(from), *save = NULL;
    size_t at = 0;
    to[0] = '\0';
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        bool other = chance_below(c, 100) < of_100;
        at += (size_t)(other ? snprintf(to + at, TEXT_BYTES - at, "x%u ", chance_below(c, 100000))
                             : snprintf(to + at, TEXT_BYTES - at, "%s ", w));
    }
    free(copy);
}

/* ---- likeness ---- */

static void what_does_not_say_anything_does_not_count(void **state)
{
    (void)state;
    assert_true(alike("How do I reset it?", "how do i  RESET it") == 1);
    assert_true(alike("a b", "b a") == 2.0 / 4); /* a, b, "a b" against a, b, "b a" */
    assert_true(alike("one two three", "four five six") == 0);
    assert_true(alike("", "") == 0);
    assert_true(alike("???", "word") == 0);
    /* characters that are words: two of four, and no pair of them of two */
    assert_true(alike("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", "\xe6\x97\xa5\xe6\x9c\xac") ==
                3.0 / 5);
    assert_true(alike("caf\xc3\xa9 au lait", "caf\xc3\xa9, au lait!") == 1);
    assert_true(alike("\xff\xfe\xe6 x", "\xff\xfe\xe6 x") == 1); /* no UTF-8 */
}

static void short_texts_are_compared_exactly(void **state)
{
    (void)state;
    struct chance c = {11};
    static char a[TEXT_BYTES], b[TEXT_BYTES];
    for (unsigned i = 0; i < 2000; i++) {
        text_make(&c, 1 + chance_below(&c, 60), a);
        text_change(&c, a, chance_below(&c, 60), b);
        double got = alike(a, b), want = exactly(a, b);
        if (got < want - 1e-12 || got > want + 1e-12)
            fail_msg("'%s' and '%s': %f, not %f", a, b, got, want);
    }
}

/* Over 500 pairs the error is what theory says: its square's mean no more than J(1-J)/128. */
static void long_texts_are_estimated(void **state)
{
    (void)state;
    struct chance c = {12};
    static char a[TEXT_BYTES], b[TEXT_BYTES];
    double sum = 0, squares = 0, expected = 0;
    for (unsigned i = 0; i < 500; i++) {
        text_make(&c, 300 + chance_below(&c, 1500), a);
        text_change(&c, a, chance_below(&c, 40), b);
        double want = exactly(a, b), error = alike(a, b) - want;
        sum += error;
        squares += error * error;
        expected += want * (1 - want) / NEAR_LEAST;
    }
    printf("long texts: mean error %.4f, mean square %.4f\n", sum / 500, squares / 500);
    assert_true(sum / 500 < 0.01 && sum / 500 > -0.01);
    assert_true(squares < expected * 1.3);
}

static void of_a_very_long_text_the_ends_count(void **state)
{
    (void)state;
    size_t n = 1u << 20;
    char *a = malloc(n + 64), *b = malloc(n + 64);
    for (size_t i = 0; i < n; i++)
        a[i] = b[i] = i % 8 ? 'a' : ' ';
    snprintf(a + n, 64, " what is the sum of it");
    snprintf(b + n, 64, " who wrote all of this");
    double end = alike(a, b);
    assert_true(end < 0.5);
    snprintf(b + n, 64, " what is the sum of it");
    memcpy(b + n / 2, " the middle ", 12);
    assert_true(alike(a, b) == 1);
    free(a);
    free(b);
}

/* ---- the index ---- */

struct found {
    uint64_t pairs, near, got, wrong, looked;
    double us;
};

/* Each text is looked for among those before it; what is found is held against all of them. A text
 * counts once: is there one near, and was a near one found? */
static struct found index_try(double threshold, char *const *texts, unsigned n)
{
    struct found f = {.pairs = 0};
    struct near_index *x = NULL;
    struct set *sets = calloc(n, sizeof(*sets));
    assert_int_equal(near_index_new(threshold, INDEX_BYTES, &x), 0);
    for (unsigned i = 0; i < n; i++) {
        struct set *s = malloc(sizeof(*s));
        set_make(texts[i], s);
        sets[i] = *s;
        free(s);
        int64_t began = clock_mono_us();
        struct near_mark m = mark_of(NULL, texts[i]);
        double a = 0;
        uint32_t got = near_index_find(x, 0, &m, &a);
        assert_int_equal(near_index_add(x, 0, &m), 0);
        f.us += (double)(clock_mono_us() - began);
        bool near = false;
        for (unsigned k = 0; k < i && !near; k++)
            near = jaccard(&sets[i], &sets[k]) >= threshold;
        f.looked++;
        f.near += near;
        f.got += got != NEAR_NONE && near;
        if (got != NEAR_NONE)
            f.wrong += jaccard(&sets[i], &sets[got]) < threshold;
    }
    for (unsigned i = 0; i < n; i++)
        set_free(&sets[i]);
    free(sets);
    near_index_free(x);
    return f;
}

static void index_judge(const char *of, double threshold, char *const *texts, unsigned n)
{
    struct found f = index_try(threshold, texts, n);
    double recall = f.near ? (double)f.got / (double)f.near : 1;
    double precision = f.got + f.wrong ? (double)f.got / (double)(f.got + f.wrong) : 1;
    printf("%s, threshold %.1f: %u texts, %llu have a near one before them; recall %.4f, precision "
           "%.4f, %.1f us a text\n",
           of, threshold, n, (unsigned long long)f.near, recall, precision, f.us / n);
    assert_true(f.near > 0);
    assert_true(recall >= 0.98);
    assert_true(precision >= 0.98);
}

static void near_ones_are_found_and_others_are_not(void **state)
{
    (void)state;
    struct chance c = {13};
    enum { N = 1500 };
    char *texts[N];
    static char text[TEXT_BYTES];
    for (unsigned i = 0; i < N; i++) {
        if (i > 0 && chance_below(&c, 2))
            text_change(&c, texts[chance_below(&c, i)], chance_below(&c, 30), text);
        else
            text_make(&c, 3 + chance_below(&c, 50), text);
        texts[i] = strdup(text);
    }
    index_judge("generated", 0.5, texts, N);
    index_judge("generated", 0.7, texts, N);
    index_judge("generated", 0.9, texts, N);
    for (unsigned i = 0; i < N; i++)
        free(texts[i]);
}

static void the_best_of_its_group_is_found(void **state)
{
    (void)state;
    struct near_index *x = NULL;
    assert_int_equal(near_index_new(0.5, INDEX_BYTES, &x), 0);
    const char *const texts[] = {"where is my parcel number five", "where is my parcel",
                                 "where is my parcel please", "where is my parcel"};
    double a = 0;
    for (unsigned i = 0; i < 4; i++) {
        struct near_mark m = mark_of(NULL, texts[i]);
        assert_int_equal(near_index_add(x, 1, &m), 0);
    }
    struct near_mark m = mark_of(NULL, "Where is my parcel?"), none = mark_of(NULL, " ... ");
    assert_int_equal(near_index_find(x, 1, &m, &a), 1);
    assert_true(a == 1);
    assert_int_equal(near_index_find(x, 2, &m, &a), NEAR_NONE);
    assert_true(a == 0);
    assert_int_equal(near_index_add(x, 1, &none), 0);
    assert_int_equal(near_index_find(x, 1, &none, NULL), NEAR_NONE);
    assert_int_equal(near_index_count(x), 5);
    near_index_free(x);
}

static void the_ceiling_holds(void **state)
{
    (void)state;
    struct near_index *x = NULL;
    struct chance c = {14};
    static char text[TEXT_BYTES];
    int err = 0;
    assert_int_equal(near_index_new(0.9, 1u << 20, &x), 0);
    for (unsigned i = 0; i < 100000 && !err; i++) {
        text_make(&c, 40, text);
        struct near_mark m = mark_of(NULL, text);
        err = near_index_add(x, 0, &m);
    }
    assert_int_equal(err, E_TOO_LARGE);
    assert_true(near_index_bytes(x) <= 1u << 20);
    assert_true(near_index_count(x) > 500);
    near_index_free(x);
}

/* ---- what is common ---- */

static void what_stands_around_every_text_does_not_count(void **state)
{
    (void)state;
    struct near_common *c = NULL;
    assert_int_equal(near_common_new(&c), 0);
    char text[512];
    static const char *const around =
        "Classify the following message of a customer as one of refund, delivery, other. Answer "
        "with the word alone, and nothing else. The message is: %s";
    for (unsigned i = 0; i < 40; i++) {
        char own[64];
        snprintf(own, sizeof(own), "a%u b%u c%u d%u", i, i, i, i);
        snprintf(text, sizeof(text), around, own);
        assert_int_equal(near_common_see(c, 1, str_from(text)), 0);
        /* of another application, which asks one thing again and again: that is its own text */
        assert_int_equal(near_common_see(c, 2, STR("what are your opening hours")), 0);
    }
    assert_int_equal(near_common_settle(c), 0);
    assert_true(near_common_count(c) > 30);
    char a[512], b[512];
    snprintf(a, sizeof(a), around, "my parcel came broken today");
    snprintf(b, sizeof(b), around, "who is your manager then");
    struct near_mark x = mark_of(c, a), y = mark_of(c, b);
    assert_true(alike(a, b) > 0.6);
    assert_true(near_alike(&x.sketch, &y.sketch) == 0);
    assert_str(near_own(c, str_from(a)), STR("my parcel came broken today"));
    assert_str(near_own(c, STR("classify the following")), STR("classify the following"));
    struct near_mark hours = mark_of(c, "what are your opening hours");
    assert_int_equal(hours.sketch.n, 9);
    snprintf(a, sizeof(a), around, "");
    struct near_mark all = mark_of(c, a); /* nothing else in it: then it is what it is */
    assert_true(all.sketch.n > 30);
    near_common_free(c);
}

/* ---- data ---- */

static unsigned texts_load(const char *name, unsigned most, char **texts)
{
    char path[512];
    struct jsonl *lines = NULL;
    struct arena arena;
    struct fault f = {0};
    yyjson_val *row;
    unsigned n = 0;
    snprintf(path, sizeof(path), "%s/%s", getenv("SLUICE_DATA"), name);
    assert_int_equal(jsonl_open(path, &lines, &f), 0);
    arena_init_private(&arena, 1u << 30);
    while (n < most && jsonl_next_object(lines, &arena, &row, &f) == 0)
        texts[n++] = strdup(yyjson_get_str(yyjson_obj_get(row, "text")));
    jsonl_close(lines);
    arena_fini(&arena);
    return n;
}

static void questions_of_people(void **state)
{
    (void)state;
    if (!getenv("SLUICE_DATA")) {
        print_message("SLUICE_DATA is not set: the index was not measured on questions\n");
        skip();
    }
    enum { N = 5000 };
    static char *texts[N];
    static const char *const sets[] = {"banking77_train.jsonl.gz", "sem_qqp_stream.dev.jsonl.gz"};
    for (unsigned i = 0; i < 2; i++) {
        unsigned n = texts_load(sets[i], N, texts);
        assert_int_equal(n, N);
        index_judge(sets[i], 0.5, texts, n);
        index_judge(sets[i], 0.9, texts, n);
        for (unsigned k = 0; k < n; k++)
            free(texts[k]);
    }
}

/* A template of words that no question has. */
static int template_write(char *to, size_t room, unsigned which)
{
    int n = 0;
    for (unsigned k = 0; k < 60; k++)
        n += snprintf(to + n, room - (size_t)n, "t%uw%u ", which, k * k % 61 * 7);
    return n;
}

static void question_write(char *to, size_t room, unsigned which, unsigned question)
{
    int n = template_write(to, room, which);
    snprintf(to + n, room - (size_t)n, "what of q%u and r%u?", question, question);
}

/* Of several templates none is in most texts, and one may come later than the others. */
static void an_application_may_have_several_templates(void **state)
{
    (void)state;
    static const unsigned share_of[][4] = {{0, 1, 0, 1}, {0, 1, 2, 3}, {0, 0, 0, 0}};
    char text[2048];
    for (size_t round = 0; round < ARRAY_LEN(share_of); round++) {
        struct near_common *c = NULL;
        struct near_mark a, b, again;
        assert_int_equal(near_common_new(&c), 0);
        for (unsigned i = 0; i < 400; i++) {
            unsigned which = share_of[round][i % 4];
            question_write(text, sizeof(text), round == 2 && i >= 100 ? 9 : which, i);
            assert_int_equal(near_common_see(c, 1, str_from(text)), 0);
        }
        assert_int_equal(near_common_settle(c), 0);
        unsigned last = round == 2 ? 9 : share_of[round][3];
        question_write(text, sizeof(text), last, 395);
        assert_int_equal(near_mark(c, str_from(text), &a), 0);
        assert_int_equal(near_mark(c, str_from(text), &again), 0);
        question_write(text, sizeof(text), last, 399);
        assert_int_equal(near_mark(c, str_from(text), &b), 0);
        assert_true(near_alike(&a.sketch, &again.sketch) == 1);
        assert_true(near_alike(&a.sketch, &b.sketch) < 0.6);
        (void)template_write(text, sizeof(text), last); /* nothing else: then that counts */
        assert_int_equal(near_mark(c, str_from(text), &a), 0);
        assert_true(a.sketch.n > 30);
        near_common_free(c);
    }
}

/* What many people ask in the same words but for a number is no template. */
static void a_sentence_of_people_is_no_template(void **state)
{
    (void)state;
    static const char sentence[] = "my parcel with the number %u should have been here on monday "
                                   "and nobody could tell me where it is now";
    char text[256];
    struct near_common *c = NULL;
    struct near_mark a, b;
    assert_int_equal(near_common_new(&c), 0);
    for (unsigned i = 0; i < 400; i++) {
        if (i % 4 == 0)
            snprintf(text, sizeof(text), sentence, i);
        else
            snprintf(text, sizeof(text), "q%u w%u e%u r%u", i, i, i, i);
        assert_int_equal(near_common_see(c, 1, str_from(text)), 0);
    }
    assert_int_equal(near_common_settle(c), 0);
    snprintf(text, sizeof(text), sentence, 7);
    assert_int_equal(near_mark(c, str_from(text), &a), 0);
    snprintf(text, sizeof(text), sentence, 8);
    assert_int_equal(near_mark(c, str_from(text), &b), 0);
    assert_true(near_alike(&a.sketch, &b.sketch) > 0.8);
    near_common_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_say_anything_does_not_count),
        cmocka_unit_test(short_texts_are_compared_exactly),
        cmocka_unit_test(long_texts_are_estimated),
        cmocka_unit_test(of_a_very_long_text_the_ends_count),
        cmocka_unit_test(near_ones_are_found_and_others_are_not),
        cmocka_unit_test(the_best_of_its_group_is_found),
        cmocka_unit_test(the_ceiling_holds),
        cmocka_unit_test(what_stands_around_every_text_does_not_count),
        cmocka_unit_test(questions_of_people),
        cmocka_unit_test(an_application_may_have_several_templates),
        cmocka_unit_test(a_sentence_of_people_is_no_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
