/* sentences.c: where sentences end, one candidate a word. */
#include "eval/instructions/sentences.h"

#include <stdbool.h>

/* A list is one text with a space before and behind each word. */
static const char abbreviations[] =
    " a.d a.k.a a.m adj adm al ala anon approx apr apt ariz assn asst aug ave b.a b.c b.s bd "
    "bldg blvd bros calif capt cf cmdr co col colo conn corp cpl d.c dec dept det dr e.g e.u "
    "est etc feb figs fla fri ft gen gov hon i.e inc inst j.d jan jr kan ky l.a lt ltd m.a "
    "m.b.a m.d m.s maj messrs mfg mg mgr mich minn mr mrs ms mt mts n.b n.c n.j n.y nat nev "
    "nov oct okla ore oz p.a p.m p.s pa ph.d pp prof pvt r.i rep reps rev s.a s.c sec sen "
    "sens sep sept sgt sp sr st ste supt tel tenn thu thurs tue tues u.k u.n u.s u.s.a "
    "u.s.s.r univ va vol vols vs vt w.va wis yr yrs ";

/* Words that sentences begin with, and that are written small elsewhere. */
static const char starters[] =
    " a about above according after again all along also although always among an and another "
    "any anyone are as at be because before below besides both but by can consequently could "
    "despite do does don't each either even every everyone everything finally first for from "
    "furthermore given had has have having he hence her here here's his how however i i'm if "
    "in indeed instead is it it's its last later let let's like many maybe meanwhile more "
    "moreover most much my never nevertheless next no nobody none nor not nothing now of "
    "often on once one only or other otherwise our out over overall perhaps please rather "
    "remember second several she should similarly since so some someone sometimes soon still "
    "such take than thank that that's the their then there there's therefore these they "
    "they're this those though three through throughout thus to today together too two "
    "ultimately under unfortunately unless unlike until upon use we we're what whatever when "
    "whenever where whether which while who whoever why will with within without would yes "
    "yet you you're your ";

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Bytes of the mark that `s` begins with if it is one that parts words: brackets, quotes and so on;
 * of those beyond ASCII, U+2018, 2019, 201C, 201D, U+00AB and 00BB. */
static size_t parting(struct str s)
{
    if (s.n == 0 || s.p[0] == 0)
        return 0;
    if (strchr(")\";}]*:@'({[!?", s.p[0]))
        return 1;
    const unsigned char *p = (const unsigned char *)s.p;
    if (s.n > 1 && p[0] == 0xC2 && (p[1] == 0xAB || p[1] == 0xBB))
        return 2;
    bool quote = s.n > 2 && p[0] == 0xE2 && p[1] == 0x80 &&
                 (p[2] == 0x98 || p[2] == 0x99 || p[2] == 0x9C || p[2] == 0x9D);
    return quote ? 3 : 0;
}

static bool listed(const char *list, struct str word)
{
    char low[32] = " ";
    if (word.n == 0 || word.n > sizeof(low) - 3)
        return false;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        if (is_space(c) || c == 0)
            return false;
        low[i + 1] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    low[word.n + 1] = ' ';
    low[word.n + 2] = 0;
    return strstr(list, low) != NULL;
}

/* The word that `s` begins with, without the "." behind it. */
static struct str first_word(struct str s)
{
    size_t n = 0;
    while (n < s.n && !is_space(s.p[n]) && s.p[n] != ',' &&
           (parting(str_tail(s, n)) == 0 || (s.p[n] == '\'' && n > 0)))
        n++;
    while (n > 0 && s.p[n - 1] == '.')
        n--;
    return str_head(s, n);
}

/* Does what follows look as if it began a sentence? */
static bool begins(struct str next)
{
    return next.n > 0 && next.p[0] >= 'A' && next.p[0] <= 'Z' && listed(starters, first_word(next));
}

static bool is_number(struct str word)
{
    bool digit = false;
    for (size_t i = 0; i < word.n; i++) {
        if (!is_digit(word.p[i]) && !strchr(",.-", word.p[i]))
            return false;
        digit = digit || is_digit(word.p[i]);
    }
    return digit;
}

/* Does it begin with a letter, of any script? */
static bool is_letter(struct str s)
{
    unsigned char c = s.n ? (unsigned char)s.p[0] : 0;
    return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* One letter. */
static bool is_initial(struct str word)
{
    return is_letter(word) && str_utf8_len(word) == word.n;
}

/* The last word of `s`, which ends before a ".". */
static struct str last_word(struct str s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        size_t mark = parting(str_tail(s, i));
        bool dots = i + 1 < s.n && (s.p[i] == '-' || s.p[i] == '.') && s.p[i + 1] == s.p[i];
        if (mark || dots)
            from = i + (dots ? 2 : mark);
    }
    while (from < s.n && strchr("`&#-,", s.p[from]))
        from++;
    return str_tail(s, from);
}

/*
 * `word` is what stands from the last space to the mark at its end; `behind` what follows that,
 * spaces too.
 */
static bool ends_here(struct str word, struct str behind)
{
    struct str body = str_head(word, word.n - 1);
    if (word.p[body.n] != '.')
        return true;
    for (size_t i = 1; i < body.n; i++)
        if (body.p[i] == '?' || body.p[i] == '!')
            return true;
    struct str next = behind;
    while (next.n && is_space(next.p[0]))
        next = str_tail(next, 1);
    bool apart = next.n < behind.n; /* a space, not a bracket or a quote */
    bool ellipsis = body.n > 0 && body.p[body.n - 1] == '.';
    struct str last = last_word(body);
    if (is_initial(last) && apart && !is_letter(next) && last.p[0] >= 'A' && last.p[0] <= 'Z')
        return true; /* no name follows: "District B. 193 of them ..." */
    if (ellipsis || is_initial(last))
        return apart && begins(next);
    struct str after_dash = last;
    for (struct str rest = last; rest.p;)
        after_dash = str_cut(&rest, '-');
    if (listed(abbreviations, last) || listed(abbreviations, after_dash))
        return apart && begins(next);
    if (is_number(last)) /* an ordinal, where no beginning follows */
        return next.n == 0 ||
               !((next.p[0] >= 'a' && next.p[0] <= 'z') || strchr(";:,.!?", next.p[0]));
    return true;
}

/* Quotes and brackets that close what stood before, with the spaces behind them. */
static size_t closing(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] && strchr("\"')]}", s.p[n]))
        n++;
    bool closes = n == s.n || is_space(s.p[n]) || str_starts(str_tail(s, n), STR("--"));
    if (n == 0 || !closes)
        return 0;
    while (n < s.n && is_space(s.p[n]))
        n++;
    return n;
}

/* Within the word `from` .. `to` of the text: the byte behind the last mark that may end a
 * sentence, or 0. */
static size_t candidate(struct str text, size_t from, size_t to)
{
    bool more = false; /* is there a further word? */
    for (size_t i = to; i < text.n && !more; i++)
        more = !is_space(text.p[i]);
    for (size_t i = to; i > from; i--) {
        char c = text.p[i - 1];
        bool mark = c == '.' || c == '?' || c == '!';
        if (mark && (i == to ? more : parting(str_tail(text, i)) > 0))
            return i;
    }
    return 0;
}

size_t sentences_count(struct str text)
{
    while (text.n && is_space(text.p[text.n - 1]))
        text = str_head(text, text.n - 1);
    size_t count = 0, start = 0;
    for (size_t at = 0; at < text.n;) {
        size_t to = at;
        while (to < text.n && !is_space(text.p[to]))
            to++;
        size_t end = candidate(text, at, to);
        if (end && ends_here(str_of(text.p + at, end - at), str_tail(text, end))) {
            count += end > start;
            start = end;
            while (start < text.n && is_space(text.p[start]))
                start++;
            start += closing(str_tail(text, start));
        }
        at = to;
        while (at < text.n && is_space(text.p[at]))
            at++;
    }
    return count + (text.n > start);
}
