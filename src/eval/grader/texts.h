/* texts.h: what exact, f1 and contains share: a normaliser, which each has from its opening on. */
#ifndef EVAL_GRADER_TEXTS_H
#define EVAL_GRADER_TEXTS_H

#include "eval/grader.h"
#include "eval/text/expected.h"
#include "eval/text/words.h"

struct texts {
    struct normaliser *normaliser; /* NULL: texts count as they are, but for space at their ends */
    struct pattern *capitals;      /* NULL: large and small letters differ */
    bool begins, either;           /* grader_settings has them */
};

/* f1 normalises whatever the settings say. */
int texts_open(const struct grader_settings *s, struct conf_doc *doc, struct arena *arena,
               void **ret_self);
int texts_open_normalised(const struct grader_settings *s, struct conf_doc *doc,
                          struct arena *arena, void **ret_self);
void texts_close(void *self);

/* The text as it counts. */
MUSTCHECK int texts_take(const struct texts *t, struct arena *arena, struct str text,
                         struct str *ret_text);

/* An answer that is too long to be looked at has no verdict; other errors go on. */
int texts_end(int err, struct grade *ret_grade);

/* An answer as `got` shows it. */
struct str texts_got(struct str text);

#endif
