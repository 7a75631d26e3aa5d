/* language.c: counts letters by script, then words by language. */
#include "eval/instructions/language.h"

#include <stddef.h>
#include <stdint.h>

#define LOOK_BYTES_MAX 16384
#define LANGUAGES_MAX  64
#define WORD_BYTES_MAX 32
/* What a word of the text is worth to a language: one of its frequent words, one of a single
 * letter, one with a letter that only it writes, one that ends as its words do. */
#define WORD_WORTH   2
#define SINGLE_WORTH 1
#define LETTER_WORTH 4
#define ENDING_WORTH 1
/* Of 100 words, a language's least worth; below that it is a coincidence. */
#define LEAST_PERCENT   24
#define ENDING_OF_BYTES 5 /* a shorter word has no ending */

const struct language *language_find(struct str code)
{
    if (str_eq_nocase(code, STR("zh-cn")) || str_eq_nocase(code, STR("zh-tw")))
        code = STR("zh");
    for (const struct language *l = languages; l->code; l++)
        if (str_eq_nocase(code, str_from(l->code)))
            return l;
    return NULL;
}

/* The character that `s` begins with, and its bytes; invalid ones are 1 byte of U+FFFD. */
static uint32_t character(struct str s, size_t *ret_n)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n = str_utf8_len(s);
    *ret_n = n ? n : 1;
    switch (n) {
    case 1:
        return p[0];
    case 2:
        return (p[0] & 31u) << 6 | (p[1] & 63u);
    case 3:
        return (p[0] & 15u) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u);
    case 4:
        return (p[0] & 7u) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u);
    default:
        return 0xFFFD;
    }
}

static const struct range {
    uint32_t from, to;
    enum script script;
} ranges[] = {
    {'A', 'Z', SCRIPT_LATIN},          {'a', 'z', SCRIPT_LATIN},
    {0xC0, 0xD6, SCRIPT_LATIN},        {0xD8, 0xF6, SCRIPT_LATIN},
    {0xF8, 0x24F, SCRIPT_LATIN},       {0x370, 0x3FF, SCRIPT_GREEK},
    {0x400, 0x52F, SCRIPT_CYRILLIC},   {0x5D0, 0x5EA, SCRIPT_HEBREW},
    {0x620, 0x6D3, SCRIPT_ARABIC},     {0x900, 0x963, SCRIPT_DEVANAGARI},
    {0x966, 0x97F, SCRIPT_DEVANAGARI}, {0x980, 0x9FF, SCRIPT_BENGALI},
    {0xA00, 0xA7F, SCRIPT_GURMUKHI},   {0xA80, 0xAFF, SCRIPT_GUJARATI},
    {0xB80, 0xBFF, SCRIPT_TAMIL},      {0xC00, 0xC7F, SCRIPT_TELUGU},
    {0xC80, 0xCFF, SCRIPT_KANNADA},    {0xD00, 0xD7F, SCRIPT_MALAYALAM},
    {0xE00, 0xE7F, SCRIPT_THAI},       {0x1100, 0x11FF, SCRIPT_HANGUL},
    {0x1E00, 0x1EFF, SCRIPT_LATIN},    {0x3041, 0x30FF, SCRIPT_KANA},
    {0x3400, 0x4DBF, SCRIPT_HAN},      {0x4E00, 0x9FFF, SCRIPT_HAN},
    {0xAC00, 0xD7AF, SCRIPT_HANGUL},   {0x20000, 0x2FA1F, SCRIPT_HAN},
};

static enum script script_of(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_LEN(ranges) && c >= ranges[i].from; i++)
        if (c <= ranges[i].to)
            return ranges[i].script;
    return SCRIPT_NONE;
}

/* The small letter, of those scripts whose words are looked at. None grows in bytes. */
static uint32_t small(uint32_t c)
{
    bool latin = (c >= 0xC0 && c <= 0xDE && c != 0xD7);
    if ((c >= 'A' && c <= 'Z') || latin || (c >= 0x410 && c <= 0x42F))
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    bool odd_first = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E) || c == 0x1AF;
    bool even_first = (c >= 0x100 && c <= 0x137 && c != 0x130) || (c >= 0x14A && c <= 0x177) ||
                      c == 0x1A0 || (c >= 0x218 && c <= 0x21B) || c == 0x490 ||
                      (c >= 0x1EA0 && c <= 0x1EF9);
    if (odd_first)
        return c + (c & 1);
    return even_first ? c | 1 : c;
}

/* One word of the text in small letters, with a space before and behind it. */
struct word {
    char text[WORD_BYTES_MAX + 8];
    size_t n;
    bool too_long;
};

static void word_begin(struct word *w)
{
    *w = (struct word){.text = " ", .n = 1};
}

static void word_add(struct word *w, uint32_t c)
{
    if (w->n > WORD_BYTES_MAX) {
        w->too_long = true;
        return;
    }
    if (c < 0x80) {
        w->text[w->n++] = (char)c;
    } else if (c < 0x800) {
        w->text[w->n++] = (char)(0xC0 | c >> 6);
        w->text[w->n++] = (char)(0x80 | (c & 63));
    } else {
        w->text[w->n++] = (char)(0xE0 | c >> 12);
        w->text[w->n++] = (char)(0x80 | (c >> 6 & 63));
        w->text[w->n++] = (char)(0x80 | (c & 63));
    }
}

/* Whether one of the word's letters is one of `letters`. */
static bool holds(const struct word *w, const char *letters)
{
    for (struct str rest = str_from(letters); rest.n;) {
        size_t n;
        (void)character(rest, &n);
        if (memmem(w->text, w->n, rest.p, n))
            return true;
        rest = str_tail(rest, n);
    }
    return false;
}

static bool ends_as(const struct word *w, const char *endings)
{
    struct str word = str_of(w->text + 1, w->n - 1);
    for (struct str rest = str_from(endings); rest.p && word.n >= ENDING_OF_BYTES;) {
        struct str ending = str_cut(&rest, ' ');
        if (ending.n > 0 && ending.n + 2 <= word.n && str_ends(word, ending))
            return true;
    }
    return false;
}

/* `w` has its last space, and a NUL behind it. */
static uint32_t worth(const struct word *w, const struct language *l)
{
    uint32_t sum = l->letters && holds(w, l->letters) ? LETTER_WORTH : 0;
    if (w->too_long)
        return sum;
    if (strstr(l->words, w->text))
        return sum + (w->n == 2 ? SINGLE_WORTH : WORD_WORTH);
    return sum + (l->endings && ends_as(w, l->endings) ? ENDING_WORTH : 0);
}

struct tally {
    uint32_t words;
    uint32_t worth[LANGUAGES_MAX];
};

static void word_end(struct word *w, enum script script, struct tally *tally)
{
    if (w->n > 1) {
        tally->words++;
        w->text[w->n] = ' ';
        w->text[w->n + 1] = 0;
        for (unsigned i = 0; languages[i].code && i < LANGUAGES_MAX; i++) {
            const struct language *l = &languages[i];
            if (l->script == script && l->words)
                tally->worth[i] += worth(w, l);
        }
    }
    word_begin(w);
}

/* Words are letters, and apostrophes between them. */
static void words_count(struct str text, enum script script, struct tally *tally)
{
    struct word word;
    word_begin(&word);
    while (text.n) {
        size_t n;
        uint32_t c = character(text, &n);
        text = str_tail(text, n);
        c = c == 0x2019 ? '\'' : c;
        if (script_of(c) == script || (c == '\'' && word.n > 1))
            word_add(&word, small(c));
        else
            word_end(&word, script, tally);
    }
    word_end(&word, script, tally);
}

static const struct language *by_words(struct str text, enum script script)
{
    struct tally tally = {.words = 0};
    words_count(text, script, &tally);
    unsigned best = 0;
    for (unsigned i = 1; languages[i].code && i < LANGUAGES_MAX; i++)
        if (tally.worth[i] > tally.worth[best])
            best = i;
    bool enough = tally.worth[best] * 100 >= tally.words * LEAST_PERCENT && tally.worth[best] > 0;
    return enough ? &languages[best] : NULL;
}

struct language_guess language_guess(struct str text)
{
    uint32_t letters[SCRIPTS] = {0}, foreign = 0;
    text = str_head_utf8(text, LOOK_BYTES_MAX);
    for (struct str rest = text; rest.n;) {
        size_t n;
        uint32_t c = character(rest, &n);
        letters[script_of(c)]++;
        foreign += c >= 0x80 && script_of(c) != SCRIPT_NONE;
        rest = str_tail(rest, n);
    }
    /* Japanese writes both; Chinese no kana. */
    if (letters[SCRIPT_KANA] * 10 >= letters[SCRIPT_HAN]) {
        letters[SCRIPT_KANA] += letters[SCRIPT_HAN];
        letters[SCRIPT_HAN] = 0;
    }
    enum script script = SCRIPT_LATIN;
    for (enum script s = SCRIPT_LATIN; s < SCRIPTS; s++)
        if (letters[s] > letters[script])
            script = s;
    struct language_guess guess = {.letters = letters[script] > 0};
    if (!guess.letters)
        return guess;
    const struct language *first = languages;
    while (first->code && first->script != script)
        first++;
    guess.language = first->words ? by_words(text, script) : first;
    guess.plain = !guess.language && foreign == 0;
    return guess;
}
