/* case.c: instructions on capital and small letters, and on the language. */
#include "eval/instructions/kinds.h"
#include "eval/instructions/language.h"

static int not_in(struct instruction_check *c, struct language_guess guess, const char *wanted)
{
    return guess.language ? instruction_says(c, false, "%s was asked for, this is %s", wanted,
                                             guess.language->name)
                          : instruction_says(
                                c, false, "%s was asked for, this language cannot be told", wanted);
}

/* A few words in plain letters that tell nothing are taken for English. */
static bool fits(struct language_guess guess, const struct language *wanted)
{
    return guess.language == wanted || (guess.plain && str_eq(str_from(wanted->code), STR("en")));
}

int check_language(struct instruction_check *c)
{
    const struct language *wanted = language_find(c->args[0].text);
    struct language_guess guess = language_guess(c->answer);
    if (!wanted || !guess.letters || fits(guess, wanted))
        return instruction_says(c, true, "it is that language");
    return not_in(c, guess, wanted->name);
}

static int english(struct instruction_check *c)
{
    struct language_guess guess = language_guess(c->answer);
    const struct language *wanted = language_find(STR("en"));
    return !wanted || fits(guess, wanted) ? instruction_says(c, true, "it is English")
                                          : not_in(c, guess, "English");
}

int check_english_capital(struct instruction_check *c)
{
    struct text_cases cases = text_cases(c->reader, c->answer);
    if (cases.small || !cases.capital)
        return instruction_says(c, false, "%s",
                                cases.small ? "there are small letters"
                                            : "there are no capital letters");
    return english(c);
}

int check_english_lowercase(struct instruction_check *c)
{
    struct text_cases cases = text_cases(c->reader, c->answer);
    if (cases.capital || !cases.small)
        return instruction_says(c, false, "%s",
                                cases.capital ? "there are capital letters"
                                              : "there are no small letters");
    return english(c);
}

/*
 * Words in capital letters are those of NLTK's word_tokenize, as far as it matters to their
 * letters: spaces part them, and quotes, brackets, dashes and most marks, but neither a hyphen, a
 * slash nor a single "."; IT'S, DON'T and CANNOT are two words each.
 */

/* Bytes of the mark at `at` that parts words; 0: none does. */
static size_t parting(struct str s, size_t at)
{
    const unsigned char *p = (const unsigned char *)s.p + at;
    size_t n = s.n - at;
    if (n > 0 && p[0] && strchr("\"`;@#$%&?![](){}<>*", p[0]))
        return 1;
    if (n > 0 && (p[0] == ':' || p[0] == ','))
        return n == 1 || p[1] < '0' || p[1] > '9';
    if (n > 1 && p[0] == p[1] && (p[0] == '-' || p[0] == '.' || p[0] == '\''))
        return 2;
    if (n > 1 && p[0] == 0xC2 && (p[1] == 0xAB || p[1] == 0xBB)) /* U+00AB, 00BB */
        return 2;
    static const char ends[] = "\x92\x93\x94\x95\x98\x99\x9C\x9D\x9E";
    if (n > 2 && p[0] == 0xE2 && p[1] == 0x80 && p[2] && strchr(ends, p[2]))
        return 3; /* dashes U+2012 to 2015, quotes 2018, 2019, 201C to 201E */
    return 0;
}

static bool all_capital(struct instruction_check *c, struct str word)
{
    struct text_cases cases = text_cases(c->reader, word);
    return cases.capital && !cases.small;
}

/* Bytes of the end of `word` that is a word of its own: 'S, 'LL, N'T. */
static size_t clitic(struct str word)
{
    static const char *const same[] = {"'ll", "'LL", "'re", "'RE", "'ve", "'VE", "n't",
                                       "N'T", "'s",  "'S",  "'m",  "'M",  "'d",  "'D"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        if (word.n > strlen(same[i]) && str_ends(word, str_from(same[i])))
            return strlen(same[i]);
    return 0;
}

/* Two words written as one. */
static bool is_double(struct str word)
{
    static const char *const doubles[] = {"CANNOT", "GIMME", "GONNA",  "GOTTA", "LEMME",
                                          "WANNA",  "D'YE",  "MORE'N", "'TIS",  "'TWAS"};
    for (size_t i = 0; i < ARRAY_LEN(doubles); i++)
        if (str_eq(word, str_from(doubles[i])))
            return true;
    return false;
}

static size_t capitals_in(struct instruction_check *c, struct str word)
{
    while (str_ends(word, STR(".")) || str_ends(word, STR("'")))
        word = str_head(word, word.n - 1);
    size_t end = clitic(word), body = word.n - end;
    if (is_double(word))
        return 2;
    return (size_t)all_capital(c, str_head(word, body)) +
           (size_t)(end > 0 && all_capital(c, str_tail(word, body)));
}

int check_capital_words(struct instruction_check *c)
{
    struct str s = c->answer;
    size_t count = 0, from = 0;
    for (size_t at = 0; at <= s.n;) {
        size_t space = text_space(str_tail(s, at));
        size_t mark = at < s.n && !space ? parting(s, at) : 0;
        if (at < s.n && !space && !mark) {
            at++;
            continue;
        }
        count += capitals_in(c, str_of(s.p + from, at - from));
        from = at += at < s.n ? space + mark : 1;
    }
    return instruction_counts(c, c->args[0].count, c->args[1].less_than, count,
                              "word in capital letters was", "words in capital letters were");
}
