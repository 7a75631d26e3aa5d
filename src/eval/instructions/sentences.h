/*
 * sentences.h: how many sentences a text has.
 *
 * The method is Punkt's (Kiss and Strunk, "Unsupervised Multilingual Sentence Boundary Detection",
 * 2006) as NLTK applies it to English, on which IFEval's check rests: "?" and "!" end a sentence;
 * "." does, unless it belongs to an abbreviation, an initial, an ellipsis or an ordinal number and
 * what follows does not look like a beginning; closing quotes and brackets belong to the sentence
 * before them. A heading or list item without such a mark runs on into what follows it, and "1." at
 * the start of an item is a sentence of its own, as it is there.
 *
 * Where it may differ: Punkt learned its abbreviations, and which words begin sentences, from
 * newspapers; here they are short lists of our own, with "e.g.", "i.e.", "etc." among them, which
 * Punkt does not know. Sentences are ended by ASCII's marks only, as in the original.
 */
#ifndef EVAL_INSTRUCTIONS_SENTENCES_H
#define EVAL_INSTRUCTIONS_SENTENCES_H

#include <stddef.h>

#include "base/str.h"

size_t sentences_count(struct str text);

#endif
