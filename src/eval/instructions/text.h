/*
 * text.h: what the kinds of instructions ask of a text: its spaces, words, letters' case, and where
 * another text stands in it.
 *
 * IFEval's own checks are written in Python; here its words have the meaning that they have there,
 * for letters of all scripts: a word character is a letter, a number or "_" (marks, as the vowel
 * signs of Hindi, are none, so they part words), a space is any of Unicode's. Invalid UTF-8 is
 * neither, and stops nothing. All of it takes time in proportion to the text.
 *
 * A reader may be used for one text after the other, by one thread. Nothing here yields.
 */
#ifndef EVAL_INSTRUCTIONS_TEXT_H
#define EVAL_INSTRUCTIONS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "base/str.h"

struct text_reader;

/* 0 or E_MEMORY. Freed by text_reader_free; NULL is fine there. */
MUSTCHECK int text_reader_new(struct text_reader **ret_reader);
void text_reader_free(struct text_reader *r);

/* Bytes of the space that `s` begins with; 0: it begins with none. */
size_t text_space(struct str s);
/* Without spaces at both ends; without any bytes of `chars` there. */
struct str text_strip(struct str s);
struct str text_strip_chars(struct str s, const char *chars);

/* Bytes of the digit that `s` begins with; 0: it begins with none. */
size_t text_digit(struct text_reader *r, struct str s);
/* How many words, each as long as it can be. */
size_t text_words(struct text_reader *r, struct str s);

/* Letters that have cases: are there capital ones, are there small ones? A letter such as U+01C5,
 * which is half of each, counts as both. */
struct text_cases {
    bool capital, small;
};
struct text_cases text_cases(struct text_reader *r, struct str s);

enum text_place {
    TEXT_ANYWHERE,
    TEXT_AS_WORD, /* anywhere, with no word character right before or behind */
    TEXT_AT_START,
    TEXT_AT_END,
    TEXT_WHOLE,
};
/*
 * How often `what` stands in `s`, capital or small, without overlap; no more than once but
 * for TEXT_ANYWHERE and TEXT_AS_WORD. An empty `what` stands nowhere. 0 or E_MEMORY.
 */
MUSTCHECK int text_count(struct text_reader *r, struct str s, struct str what,
                         enum text_place place, size_t *ret_count);

#endif
