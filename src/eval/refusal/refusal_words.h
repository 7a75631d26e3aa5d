/*
 * refusal_words.h: a text as plain words, so that one phrase finds its many spellings.
 *
 * Letters are made small, typographic quotes plain, markup is dropped, contractions are written out
 * ("I'm not able to", "I can't" and "I am unable to" all become "i cannot"), and words that only
 * colour a sentence go. What is left stands between single spaces with a " . " where a sentence, a
 * heading or an item of a list ends, so " i cannot help . " is found by memcmp.
 *
 * It reads English and nothing else; `foreign` says that a text is very likely in another language.
 * Pure; the words are the arena's. Nothing yields.
 */
#ifndef EVAL_REFUSAL_WORDS_H
#define EVAL_REFUSAL_WORDS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/macros.h"
#include "base/str.h"

/* More of a text is not looked at: a refusal says so long before. */
#define REFUSAL_BYTES_MAX 8192

/* Words that begin alike are a chain, so that a phrase is held only against a few places. */
#define REFUSAL_CHAINS 1024

struct refusal_words {
    struct str text; /* " word word . word " */
    unsigned words, sentences;
    unsigned items; /* of lists */
    unsigned code;  /* fences */
    unsigned numbers;
    bool asks;      /* it ends with a question */
    bool foreign;   /* very likely not English */
    unsigned *at;   /* where each word begins; `words` of them */
    int *next;      /* the next word that begins alike, or -1 */
    int *chain;     /* REFUSAL_CHAINS of them: the first word of each chain, or -1 */
    unsigned lead;  /* where the first sentence ends; one of a word or two is taken with the next */
    unsigned early; /* where two more sentences end */
};

/* 0 or E_MEMORY. */
MUSTCHECK int refusal_words(struct arena *a, struct str text, struct refusal_words *ret_words);

/* How often the phrase stands within bytes [from, to) of the words' text, at most `most` times.
 * A '*' at its end stands for any end of the last word. */
unsigned refusal_words_count(const struct refusal_words *w, struct str phrase, unsigned from,
                             unsigned to, unsigned most);

#endif
