#include "eval/grader/texts.h"

#include "eval/text/pattern.h"

#define GOT_BYTES 200

int texts_open_normalised(const struct grader_settings *s UNUSED, struct conf_doc *doc UNUSED,
                          struct arena *arena, void **ret_self)
{
    struct texts *t = ARENA_NEW(arena, struct texts);
    if (!t)
        return E_MEMORY;
    *ret_self = t;
    return normaliser_new(&t->normaliser, NULL);
}

int texts_open(const struct grader_settings *s, struct conf_doc *doc, struct arena *arena,
               void **ret_self)
{
    int err = 0;
    if (s->normalise)
        err = texts_open_normalised(s, doc, arena, ret_self);
    else
        *ret_self = ARENA_NEW(arena, struct texts);
    struct texts *t = *ret_self;
    if (err || !t)
        return err ? err : E_MEMORY;
    t->begins = s->begins;
    t->either = s->either;
    if (s->nocase && !s->normalise) /* which has it already */
        err = pattern_new(STR("[\\p{Lu}\\p{Lt}]+"), PATTERN_PERL, &t->capitals, NULL);
    return err;
}

void texts_close(void *self)
{
    struct texts *t = self;
    normaliser_free(t->normaliser);
    pattern_free(t->capitals);
}

int texts_take(const struct texts *t, struct arena *arena, struct str text, struct str *ret_text)
{
    if (t->normaliser)
        return words_normalise(t->normaliser, arena, text, ret_text);
    *ret_text = str_trim(text);
    if (t->capitals)
        return pattern_replace(t->capitals, arena, *ret_text, STR("\\L$0"), ret_text);
    return 0;
}

int texts_end(int err, struct grade *ret_grade)
{
    return err == E_TOO_LARGE ? grade_none(ret_grade, STR("the answer is longer than 4 MiB")) : err;
}

struct str texts_got(struct str text)
{
    return str_head_utf8(str_trim(text), GOT_BYTES);
}
