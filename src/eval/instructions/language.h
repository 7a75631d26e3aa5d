/*
 * language.h: which language a text is in.
 *
 * The script that most of its letters belong to decides first; within a script, the words that each
 * language uses most, the letters that it alone of them writes, and how its words end. Those are
 * lists of our own (language_words.c). It is meant for answers: a sentence is usually enough, a
 * single word often is not, and then it says that it cannot tell. Languages outside the lists are
 * taken for a near relative or not told at all. Only the first 16 KiB are looked at. Letters' case
 * does not count.
 *
 * Pure; never yields.
 */
#ifndef EVAL_INSTRUCTIONS_LANGUAGE_H
#define EVAL_INSTRUCTIONS_LANGUAGE_H

#include <stdbool.h>

#include "base/str.h"

enum script {
    SCRIPT_NONE,
    SCRIPT_LATIN,
    SCRIPT_CYRILLIC,
    SCRIPT_GREEK,
    SCRIPT_HEBREW,
    SCRIPT_ARABIC,
    SCRIPT_DEVANAGARI,
    SCRIPT_BENGALI,
    SCRIPT_GURMUKHI,
    SCRIPT_GUJARATI,
    SCRIPT_TAMIL,
    SCRIPT_TELUGU,
    SCRIPT_KANNADA,
    SCRIPT_MALAYALAM,
    SCRIPT_THAI,
    SCRIPT_HANGUL,
    SCRIPT_KANA,
    SCRIPT_HAN,
    SCRIPTS,
};

/* A language that can be told. */
struct language {
    const char *code; /* ISO 639-1 */
    const char *name;
    enum script script;
    const char *words;   /* with a space before and behind each; NULL: its script suffices */
    const char *letters; /* that others of its script in the list do not write; may be NULL */
    const char *endings; /* of its longer words, as `words`; may be NULL */
};

/* All of them; ends with a code of NULL. In language_words.c. */
extern const struct language languages[];

/* The language of that code, or NULL. "zh-cn" is "zh". */
const struct language *language_find(struct str code);

struct language_guess {
    const struct language *language; /* NULL: cannot be told */
    bool letters;                    /* does it have any? */
    bool plain; /* not told, but all letters are A to Z, so that it may well be English */
};
struct language_guess language_guess(struct str text);

#endif
