/* words.c: three replacements, one behind the other. */
#include "eval/text/words.h"

#include <stdlib.h>

#include "eval/text/pattern.h"

/* In the order of SQuAD's program: it matters, "A.N." becomes "an" and goes. */
static const struct {
    const char *what, *with;
} steps[] = {
    {"[\\p{Lu}\\p{Lt}]+", "\\L$0"},
    {"[\\p{P}$+<=>^`|~]+", ""},
    {"\\b(?:a|an|the)\\b", " "},
    {"[\\s\\p{Z}]+", " "},
};

struct normaliser {
    struct pattern *step[ARRAY_LEN(steps)];
};

int normaliser_new(struct normaliser **ret_normaliser, struct fault *f)
{
    struct normaliser *n = calloc(1, sizeof(*n));
    if (!n)
        return E_MEMORY;
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
        int err = pattern_new(str_from(steps[i].what), PATTERN_PERL, &n->step[i], f);
        if (err) {
            normaliser_free(n);
            return err;
        }
    }
    *ret_normaliser = n;
    return 0;
}

void normaliser_free(struct normaliser *n)
{
    for (unsigned i = 0; n && i < ARRAY_LEN(steps); i++)
        pattern_free(n->step[i]);
    free(n);
}

int words_normalise(const struct normaliser *n, struct arena *arena, struct str text,
                    struct str *ret_text)
{
    int err = 0;
    for (unsigned i = 0; i < ARRAY_LEN(steps) && !err; i++)
        err = pattern_replace(n->step[i], arena, text, str_from(steps[i].with), &text);
    if (!err)
        *ret_text = str_trim(text);
    return err;
}
