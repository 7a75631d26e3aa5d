/*
 * choice.c: multiple choice: which of the words the answer names.
 *
 * Where the words are single letters an answer may speak of its choice in many ways, and prose is
 * full of letters, so marks are looked for, the clearest first: \boxed{B}; "the answer is (B)", of
 * which the last counts; "B" that is its first line; "B" as the last line, or as the end of a
 * conclusion, "So B."; "B) Paris" that begins a line; "(B)", "**B**", a line "B."; a capital that
 * stands alone, but not A and I, which are words. Other words (labels of classes) stand in the
 * answer as whole words, the longest first. An answer that names several names none.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "eval/grader/kinds.h"
#include "eval/text/expected.h"
#include "eval/text/pattern.h"

#define WORDS_MAX         200
#define PATTERN_BYTES_MAX (256u * 1024)
#define WAYS              7
#define GOT_BYTES         80

struct self {
    unsigned n;
    struct str *words; /* the longest first */
    bool letters;
    unsigned ways;
    struct pattern *way[WAYS]; /* group k + 1, or a letter as the first group, is what is named */
    bool last[WAYS];           /* of several places the last counts */
};

/* ---- patterns ---- */

/* %s stands for the letters. A small one counts only where nothing goes on behind it. */
#define CAPITAL "([%s])(?![\\w'\u2019])"
#define SMALL   "(?i:([%s]))(?=[\\s*_\"')\\]}.,:;$]*+(?:$|\\n)|[)\\]])"
#define OPENING "[\\s*_\"'(\\[{$\\\\]*+(?:(?:text|mathrm|mathbf|textbf|boxed)\\{[\\s(]*+)?"
/* The capitals A and I may be words: "Answer: A dog", "The answer is I think ...". */
#define NO_WORD "(?![AI] +(?!(?:because|since|as|and|or|for|due|which|is|was)\\b)[a-z])"

static const struct {
    const char *pattern;
    bool last;
} letter_ways[WAYS] = {
    {"\\\\boxed\\{" OPENING "(?|" CAPITAL "|" SMALL ")", true},
    {"(?<!each |every |any |which )(?i:\\b(?:answer|choice|option|select|choose|pick)\\b)"
     "[^.\\n:=]{0,40}?"
     "(?:\\b(?:is|be|was)\\b:?|:|=|(?<=select|choose|pick|Select|Choose|Pick)(?:\\s+option)?)"
     "(?:\\s*\\n)?" OPENING "(?i:(?:option|choice)\\s+)?" OPENING NO_WORD "(?|" CAPITAL "|" SMALL
     ")|\\b([%s])[)*\"']*+ is (?:the )?(?:most |best )?(?:correct|right|best|answer)\\b",
     true},
    {"\\A[\\s*_\"'(\\[{$]*+(?i:([%s]))[\\s*_\"')\\]}.$]*+(?:\\z|(?<=\\n))", false},
    {"(?:\\n\\s*|\\b(?i:so|thus|hence|therefore|must be|should be|is|it's|it\u2019s|left "
     "with|leaves|"
     "go with|going with|goes to|choose|select|pick)[ :,]+(?:option |choice )?)" OPENING
     "([%s])[\\s*_\"')\\]}.$!]*+\\z",
     true},
    {"(?m:^)[ *_\"'(\\[{$]*+(?i:([%s]))[*_\"'\\]}$]*[)\\].:]", false},
    {"[(\\[]([%s])[)\\]]|\\*\\*\\(?([%s])(?:[).:]|\\*\\*)|(?m:^[\\s*_(]*([%s])[)*_]*[.:]?[\\s*_]*$)"
     "|\\b(?i:option|choice)\\s+([%s])\\b",
     false},
    {"(?<![\\w'\u2019.])(?<!\\bnot )(?![AI]\\b(?! (?:and|or) "
     "[%s]\\b|, [%s]\\b))([%s])(?![\\w'\u2019]|\\.\\w)",
     false},
};

/* The pattern with the letters in, as a class holds them. */
static int letters_put(const char *pattern, struct str letters, struct buf *out)
{
    buf_clear(out);
    struct str rest = str_from(pattern);
    for (ptrdiff_t at; (at = str_find(rest, STR("%s"))) >= 0;
         rest = str_tail(rest, (size_t)at + 2)) {
        buf_str(out, str_head(rest, (size_t)at));
        buf_str(out, letters);
    }
    return buf_str(out, rest);
}

static int letters_open(struct self *self, struct fault *f)
{
    char letters[WORDS_MAX];
    for (unsigned i = 0; i < self->n; i++)
        letters[i] = self->words[i].p[0];
    struct buf out;
    buf_init(&out, PATTERN_BYTES_MAX);
    int err = 0;
    for (; self->ways < WAYS && !err; self->ways += !err) {
        self->last[self->ways] = letter_ways[self->ways].last;
        err = letters_put(letter_ways[self->ways].pattern, str_of(letters, self->n), &out);
        if (!err)
            err = pattern_new(buf_view(&out), PATTERN_PERL, &self->way[self->ways], f);
    }
    buf_fini(&out);
    return err;
}

/* "(?<!\w)(?:(first)|(second))(?!\w)" */
static void words_put(const struct self *self, struct buf *out)
{
    buf_str(out, STR("(?<!\\w)(?:"));
    for (unsigned i = 0; i < self->n; i++) {
        buf_str(out, i ? STR("|(") : STR("("));
        for (size_t k = 0; k < self->words[i].n; k++) {
            char c = self->words[i].p[k];
            bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                         (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
            buf_str(out, plain ? STR("") : STR("\\"));
            buf_char(out, c);
        }
        buf_char(out, ')');
    }
    buf_str(out, STR(")(?!\\w)"));
}

static int words_open(struct self *self, struct fault *f)
{
    static const char stated[] = "\\b(?:answer|label|class|category|sentiment|intent|choice)\\b"
                                 "[^.\\n:=]{0,40}?(?:\\bis\\b:?|:|=)[\\s*_\"'`(\\[{\u201c\u2018]*+";
    struct buf out;
    buf_init(&out, PATTERN_BYTES_MAX);
    buf_str(&out, str_from(stated));
    words_put(self, &out);
    int err = out.failed ? out.failed
                         : pattern_new(buf_view(&out), PATTERN_PERL_NOCASE, &self->way[0], f);
    buf_clear(&out);
    words_put(self, &out);
    if (!err)
        err = out.failed ? out.failed
                         : pattern_new(buf_view(&out), PATTERN_PERL_NOCASE, &self->way[1], f);
    buf_fini(&out);
    self->last[0] = true;
    self->ways = 2;
    return err;
}

/* ---- settings ---- */

static const struct str usual[] = {{"A", 1}, {"B", 1}, {"C", 1}, {"D", 1}, {"E", 1},
                                   {"F", 1}, {"G", 1}, {"H", 1}, {"I", 1}, {"J", 1}};

static int longest_first(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    return x->n > y->n ? -1 : x->n < y->n ? 1 : str_cmp(*x, *y);
}

static void choice_close(void *arg)
{
    struct self *self = arg;
    for (unsigned i = 0; i < WAYS; i++)
        pattern_free(self->way[i]);
}

static bool is_letter(struct str word)
{
    return word.n == 1 &&
           ((word.p[0] >= 'a' && word.p[0] <= 'z') || (word.p[0] >= 'A' && word.p[0] <= 'Z'));
}

/* Copies the words, letters as capitals. 0, E_MEMORY or, complained of, E_CONFIG. */
static int words_take(struct self *self, const struct grader_settings *s, struct conf_doc *doc,
                      struct arena *arena)
{
    bool given = s->words.n > 0;
    self->n = given ? s->words.n : ARRAY_LEN(usual);
    self->letters = true;
    if (self->n > WORDS_MAX || (given && self->n < 2)) {
        conf_complain(doc, &s->words, "%u words; expected 2 to %d", self->n, WORDS_MAX);
        return E_CONFIG;
    }
    self->words = ARENA_ARRAY(arena, struct str, self->n);
    if (!self->words)
        return E_MEMORY;
    for (unsigned i = 0; i < self->n; i++) {
        struct str word = given ? str_trim(s->words.at[i]) : usual[i];
        self->words[i] = word;
        self->letters = self->letters && is_letter(word);
        for (unsigned k = 0; k <= i; k++)
            if (word.n == 0 || (k < i && str_eq_nocase(word, self->words[k]))) {
                conf_complain(doc, &s->words.at[i],
                              word.n ? "'%.*s' stands there twice" : "a word is empty%.*s",
                              STR_ARGS(str_head_utf8(word, 40)));
                return E_CONFIG;
            }
    }
    for (unsigned i = 0; i < self->n && self->letters; i++) {
        static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        self->words[i] = str_of(&capitals[(self->words[i].p[0] | 32) - 'a'], 1);
    }
    qsort(self->words, self->n, sizeof(self->words[0]), longest_first);
    return 0;
}

static int choice_open(const struct grader_settings *s, struct conf_doc *doc, struct arena *arena,
                       void **ret_self)
{
    struct fault fault = {0};
    struct self *self = ARENA_NEW(arena, struct self);
    if (!self)
        return E_MEMORY;
    int err = words_take(self, s, doc, arena);
    if (err)
        return err;
    err = self->letters ? letters_open(self, &fault) : words_open(self, &fault);
    if (err == E_CONFIG)
        conf_complain(doc, &s->words, "these words cannot be looked for: %s", fault_text(&fault));
    if (err)
        choice_close(self);
    *ret_self = self;
    return err;
}

/* ---- grading ---- */

static unsigned word_find(const struct self *self, struct str word)
{
    unsigned i = 0;
    while (i < self->n && !str_eq_nocase(self->words[i], word))
        i++;
    return i;
}

struct named {
    unsigned n;     /* different words; 2 stands for more, too */
    unsigned at[2]; /* indexes of words */
};

static void named_add(struct named *named, unsigned word)
{
    for (unsigned i = 0; i < named->n; i++)
        if (named->at[i] == word)
            return;
    if (named->n < ARRAY_LEN(named->at))
        named->at[named->n++] = word;
}

/* "(A) or (B)", "A, B" behind a statement: more of them. */
static bool goes_on(const struct self *self, struct str text, size_t from)
{
    struct str rest = str_tail(text, from);
    bool comma = false;
    for (; rest.n > 0 && rest.p[0] && strchr(" )]*,\"'", rest.p[0]); rest = str_tail(rest, 1))
        comma = comma || rest.p[0] == ',';
    bool letter = comma && rest.n > 0 && rest.p[0] >= 'A' && rest.p[0] <= 'Z' &&
                  word_find(self, str_head(rest, 1)) < self->n;
    return str_starts(rest, STR("or ")) || str_starts(rest, STR("and ")) ||
           str_starts(rest, STR("& ")) || (letter && (rest.n == 1 || strchr(" ).,\n", rest.p[1])));
}

static unsigned word_of(const struct self *self, struct str text, const struct pattern_found *found)
{
    if (!self->letters)
        return found->group - 1;
    return word_find(self, str_of(text.p + found->group_from, found->group_to - found->group_from));
}

/* What the text names in one way. */
static int way_look(const struct self *self, unsigned way, struct str text, struct named *named)
{
    struct pattern_found found;
    bool more = true;
    for (size_t at = 0; more && at <= text.n; at = found.to > at ? found.to : at + 1) {
        int err = pattern_find(self->way[way], text, at, &more, &found);
        if (err || !more)
            return err;
        unsigned word = word_of(self, text, &found);
        if (self->last[way])
            named->n = 0;
        named_add(named, word);
        if (self->letters && self->last[way] && goes_on(self, text, found.group_to)) {
            struct pattern_found other;
            struct str rest = str_head(str_tail(text, found.group_to), 24);
            err = pattern_find(self->way[WAYS - 1], rest, 0, &more, &other);
            if (err)
                return err;
            if (more)
                named_add(named, word_of(self, rest, &other));
            more = true;
        }
    }
    return 0;
}

static int named_find(const struct self *self, struct str text, struct named *ret_named)
{
    int err = 0;
    *ret_named = (struct named){.n = 0};
    /* The whole of it. */
    unsigned whole = word_find(self, str_trim(text));
    if (whole < self->n)
        named_add(ret_named, whole);
    for (unsigned way = 0; way < self->ways && !err && ret_named->n == 0; way++)
        err = way_look(self, way, text, ret_named);
    return err;
}

/* Of the expected texts, those that are words: "(B)" is B. */
static int wanted_read(const struct self *self, const struct grading *g, const struct expected *e,
                       bool *wanted, struct fault *f)
{
    for (unsigned i = 0; i < e->n; i++) {
        struct str word = str_trim(e->at[i]);
        if (self->letters && word.n == 3 && word.p[0] == '(' && word.p[2] == ')')
            word = str_of(word.p + 1, 1);
        unsigned at = word_find(self, word);
        if (at == self->n) {
            struct expected known = {self->n, self->words};
            struct str shown = expected_show(g->arena, &known);
            return fault_set(f, E_BAD_REQUEST,
                             "choice: expected is '%.*s', which is none of the words: %.*s",
                             STR_ARGS(str_head_utf8(word, 60)), STR_ARGS(shown));
        }
        wanted[at] = true;
    }
    return 0;
}

static int choice_grade(const void *arg, const struct grading *g, struct grade *ret_grade,
                        struct fault *f)
{
    const struct self *self = arg;
    struct expected e;
    struct named named;
    bool wanted[WORDS_MAX] = {false};
    int err = expected_read(g->arena, "choice", "expected", g->expected, &e, f);
    if (!err)
        err = wanted_read(self, g, &e, wanted, f);
    if (!err)
        err = named_find(self, g->text, &named);
    if (err == E_TIMEOUT || err == E_TOO_LARGE)
        return grade_none(ret_grade, STR("the answer is too long to be looked at"));
    if (err)
        return err;
    if (named.n == 0)
        return grade_yes_no(ret_grade, false, STR_NONE, STR("the answer names no choice"));
    struct str got = self->words[named.at[0]], why;
    if (named.n == 2) {
        why = arena_printf(g->arena, "the answer names several choices, %.*s and %.*s",
                           STR_ARGS(got), STR_ARGS(self->words[named.at[1]]));
        return why.p ? grade_yes_no(ret_grade, false, STR_NONE, why) : E_MEMORY;
    }
    if (wanted[named.at[0]])
        return grade_yes_no(ret_grade, true, got, STR_NONE);
    why = expected_show(g->arena, &e);
    if (why.p)
        why = arena_printf(g->arena, "%.*s is not %.*s", STR_ARGS(got), STR_ARGS(why));
    return why.p ? grade_yes_no(ret_grade, false, got, why) : E_MEMORY;
}

static const char *const uses[] = {"expected", "words", NULL};
static const char *const needs[] = {"expected", NULL};

const struct grader_kind grader_choice = {
    .name = "choice",
    .summary = "the answer names the right one of several choices, letters or words",
    .uses = uses,
    .needs = needs,
    .open = choice_open,
    .close = choice_close,
    .grade = choice_grade,
};
