/*
 * words.h: texts made alike, so that what does not matter does not count.
 *
 * Normalised as SQuAD's evaluation does (Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for
 * Machine Comprehension of Text"; the official evaluate-v1.1.py): small letters, punctuation taken
 * out, the articles a, an and the taken out, white space as single spaces. Letters, punctuation
 * and spaces are Unicode's, so beyond ASCII more is alike than in that program: a letter becomes
 * its one other case where that is the small one.
 */
#ifndef EVAL_WORDS_H
#define EVAL_WORDS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

/* Compiled patterns, heap memory; one thread at a time. */
struct normaliser;

MUSTCHECK int normaliser_new(struct normaliser **ret_normaliser, struct fault *f);
void normaliser_free(struct normaliser *n); /* NULL is harmless */

/* In the arena. E_TOO_LARGE for more than PATTERN_TEXT_BYTES_MAX (pattern.h), E_MEMORY. */
MUSTCHECK int words_normalise(const struct normaliser *n, struct arena *arena, struct str text,
                              struct str *ret_text);

#endif
