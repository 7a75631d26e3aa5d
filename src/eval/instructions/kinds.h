/*
 * kinds.h: instructions whose being followed can be verified, IFEval's 25 kinds.
 *
 * Source: Zhou et al., "Instruction-Following Evaluation for Large Language Models", 2023, and the
 * checks that Google published with it (instruction_following_eval, Apache-2.0), whose ids and
 * arguments these are. Each kind answers as the strict check there does, but that
 *   - keywords and section marks are texts, where there they are regular expressions;
 *   - a letter to be counted may be any character, where there one beyond a to z is replaced by a
 *     letter drawn at random, as is everything else that a case leaves out: here a case that lacks
 *     something is a mistake;
 *   - JSON is RFC 8259's, without Python's NaN and Infinity;
 *   - sentences are counted as sentences.h says;
 *   - the language is told as language.h says, capital letters or not; and an answer whose language
 *     cannot be told, because it has no letters, follows, as there.
 *
 * A kind is a pure function of its arguments and the answer; adding one is a function and a row of
 * `instruction_kinds`. Nothing here yields.
 */
#ifndef EVAL_INSTRUCTIONS_KINDS_H
#define EVAL_INSTRUCTIONS_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "eval/instructions/text.h"

#define INSTRUCTION_ARGS_MAX 3

/* What an argument has to be. */
enum instruction_arg_type {
    ARG_COUNT,    /* a whole number from 0 on */
    ARG_PLACE,    /* a whole number from 1 on */
    ARG_RELATION, /* "at least" or "less than" */
    ARG_TEXT,     /* a text that is not empty */
    ARG_LETTER,   /* one character */
    ARG_TEXTS,    /* a list of such texts, not empty */
    ARG_LANGUAGE, /* a code of language.h */
};

struct instruction_arg {
    size_t count;     /* of ARG_COUNT and ARG_PLACE */
    bool less_than;   /* of ARG_RELATION; otherwise at least */
    struct str text;  /* of ARG_TEXT, ARG_LETTER, ARG_LANGUAGE; without spaces at its ends */
    yyjson_val *list; /* of ARG_TEXTS */
};

/* One look at one answer. */
struct instruction_check {
    struct arena *arena; /* takes `why` */
    struct text_reader *reader;
    const struct instruction_arg *args; /* in the order of the kind's row */
    struct str answer;                  /* has more than spaces */
    bool followed;
    struct str why; /* "at least 300 words were asked for, there are 212"; none where followed */
};

struct instruction_kind {
    const char *id;      /* "length_constraints:number_words" */
    const char *summary; /* for people */
    struct {
        const char *name; /* NULL behind the last */
        enum instruction_arg_type type;
    } args[INSTRUCTION_ARGS_MAX + 1];
    /* Fills followed and why. 0 or E_MEMORY. */
    int (*check)(struct instruction_check *c);
};

/* All of them; ends with an id of NULL. */
extern const struct instruction_kind instruction_kinds[];

/*
 * One instruction of a case: its kind and what it was told. E_BAD_REQUEST for an id that is none
 * (the nearest right one is named), and for arguments that lack what the kind needs, or have it as
 * something else, or have more. Members that are null count as missing; `kwargs` may be NULL.
 * `ret_args` has room for INSTRUCTION_ARGS_MAX.
 */
MUSTCHECK int instruction_read(struct str id, yyjson_val *kwargs,
                               const struct instruction_kind **ret_kind,
                               struct instruction_arg *ret_args, struct fault *f);

/* For kinds: what was found; the text is kept where it was not followed. 0 or E_MEMORY. */
MUSTCHECK int instruction_says(struct instruction_check *c, bool followed, const char *why, ...)
    PRINTF(3, 4);

/* For kinds that count: "at least 300 words were asked for, there are 212". `one` is a word for one
 * of them, `more` for several. 0 or E_MEMORY. */
MUSTCHECK int instruction_counts(struct instruction_check *c, size_t wanted, bool less_than,
                                 size_t got, const char *one, const char *more);
/* The same for a count that has to be met exactly. */
MUSTCHECK int instruction_counts_to(struct instruction_check *c, size_t wanted, size_t got,
                                    const char *one, const char *more);

/* length.c */
MUSTCHECK int check_number_words(struct instruction_check *c);
MUSTCHECK int check_number_sentences(struct instruction_check *c);
MUSTCHECK int check_number_paragraphs(struct instruction_check *c);
MUSTCHECK int check_paragraph_first_word(struct instruction_check *c);
/* keywords.c */
MUSTCHECK int check_keywords(struct instruction_check *c);
MUSTCHECK int check_keyword_frequency(struct instruction_check *c);
MUSTCHECK int check_forbidden_words(struct instruction_check *c);
MUSTCHECK int check_letter_frequency(struct instruction_check *c);
/* format.c */
MUSTCHECK int check_bullets(struct instruction_check *c);
MUSTCHECK int check_highlights(struct instruction_check *c);
MUSTCHECK int check_sections(struct instruction_check *c);
MUSTCHECK int check_json(struct instruction_check *c);
MUSTCHECK int check_title(struct instruction_check *c);
MUSTCHECK int check_constrained_response(struct instruction_check *c);
MUSTCHECK int check_placeholders(struct instruction_check *c);
MUSTCHECK int check_postscript(struct instruction_check *c);
/* case.c */
MUSTCHECK int check_english_capital(struct instruction_check *c);
MUSTCHECK int check_english_lowercase(struct instruction_check *c);
MUSTCHECK int check_capital_words(struct instruction_check *c);
MUSTCHECK int check_language(struct instruction_check *c);
/* whole.c */
MUSTCHECK int check_no_comma(struct instruction_check *c);
MUSTCHECK int check_quotation(struct instruction_check *c);
MUSTCHECK int check_end_phrase(struct instruction_check *c);
MUSTCHECK int check_two_responses(struct instruction_check *c);
MUSTCHECK int check_repeat_prompt(struct instruction_check *c);

#endif
