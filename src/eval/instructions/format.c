/*
 * format.c: instructions on an answer's form: bullets, highlights, sections, JSON and so on.
 *
 * The original's regular expressions are said above each function; here they are followed by hand,
 * in one pass over the text.
 */
#include "base/json.h"
#include "eval/instructions/kinds.h"

/* Where the line that byte `at` stands in ends. */
static size_t line_end(struct str s, size_t at)
{
    const char *end = at < s.n ? memchr(s.p + at, '\n', s.n - at) : NULL;
    return end ? (size_t)(end - s.p) : s.n;
}

/* Both of them match a line and the empty ones before it. */
enum bullet {
    BULLET_STAR, /* ^\s*\*[^\*].*$ */
    BULLET_DASH, /* ^\s*-.*$ */
};

static size_t bullets(struct str s, enum bullet kind)
{
    size_t count = 0;
    for (size_t at = 0; at < s.n;) {
        for (size_t n; (n = text_space(str_tail(s, at))) > 0;)
            at += n;
        bool is = at < s.n && s.p[at] == (kind == BULLET_STAR ? '*' : '-');
        if (is && kind == BULLET_STAR) {
            is = at + 1 < s.n && s.p[at + 1] != '*';
            at +=
                is; /* what follows the star may be the line's end, and then the next counts too */
            at += is;
        }
        count += is;
        at = line_end(s, at) + 1;
    }
    return count;
}

int check_bullets(struct instruction_check *c)
{
    size_t got = bullets(c->answer, BULLET_STAR) + bullets(c->answer, BULLET_DASH);
    return instruction_counts_to(c, c->args[0].count, got, "bullet point was",
                                 "bullet points were");
}

/* \*[^\n\*]*\* and \*\*[^\n\*]*\*\*, each on its own; those that hold but stars and spaces do not
 * count. */
static size_t highlights(struct str s, size_t stars)
{
    size_t count = 0;
    for (size_t at = 0; at + stars <= s.n;) {
        if (memcmp(s.p + at, "**", stars) != 0) {
            at++;
            continue;
        }
        size_t to = at + stars;
        while (to < s.n && s.p[to] != '*' && s.p[to] != '\n')
            to++;
        bool closed = to + stars <= s.n && memcmp(s.p + to, "**", stars) == 0;
        if (closed)
            count += text_strip(str_of(s.p + at + stars, to - at - stars)).n > 0;
        at = closed ? to + stars : at + 1;
    }
    return count;
}

int check_highlights(struct instruction_check *c)
{
    return instruction_counts(c, c->args[0].count, false,
                              highlights(c->answer, 1) + highlights(c->answer, 2),
                              "*highlighted* part was", "*highlighted* parts were");
}

/* \s?SECTION\s?\d+\s? */
int check_sections(struct instruction_check *c)
{
    struct str mark = c->args[0].text;
    size_t count = 0;
    for (struct str rest = c->answer; rest.n;) {
        ptrdiff_t at = str_find(rest, mark);
        if (at < 0)
            break;
        struct str behind = str_tail(rest, (size_t)at + mark.n);
        size_t space = text_space(behind);
        bool numbered = text_digit(c->reader, str_tail(behind, space)) > 0;
        count += numbered;
        rest = numbered ? str_tail(behind, space) : str_tail(rest, (size_t)at + 1);
    }
    size_t wanted = c->args[1].count;
    return instruction_says(
        c, count >= wanted,
        "at least %zu section%s, \"%.*s 1\" and so on, %s asked for, there %s %zu", wanted,
        wanted == 1 ? "" : "s", STR_ARGS(mark), wanted == 1 ? "was" : "were",
        count == 1 ? "is" : "are", count);
}

static struct str without_fence(struct str s)
{
    static const char *const fences[] = {"```json", "```Json", "```JSON", "```"};
    for (size_t i = 0; i < ARRAY_LEN(fences); i++)
        if (str_starts(s, str_from(fences[i])))
            s = str_tail(s, strlen(fences[i]));
    if (str_ends(s, STR("```")))
        s = str_head(s, s.n - 3);
    return text_strip(s);
}

int check_json(struct instruction_check *c)
{
    yyjson_doc *doc;
    struct fault fault = {0};
    int err = json_parse(c->arena, without_fence(text_strip(c->answer)), &doc, &fault);
    if (err == E_MEMORY)
        return err;
    return instruction_says(c, !err, "it is no JSON: %s", fault_text(&fault));
}

/* <<[^\n]+>>, and something else than < and > and spaces within */
int check_title(struct instruction_check *c)
{
    struct str s = c->answer;
    for (size_t at = 0; at < s.n; at = line_end(s, at) + 1) {
        struct str line = str_of(s.p + at, line_end(s, at) - at);
        ptrdiff_t from = str_find(line, STR("<<"));
        size_t to = line.n;
        while (from >= 0 && to >= 2 && memcmp(line.p + to - 2, ">>", 2) != 0)
            to--;
        if (from < 0 || to < (size_t)from + 5)
            continue;
        struct str title = str_of(line.p + from, to - (size_t)from);
        while (str_starts(title, STR("<")))
            title = str_tail(title, 1);
        while (str_ends(title, STR(">")))
            title = str_head(title, title.n - 1);
        if (text_strip(title).n > 0)
            return instruction_says(c, true, "it has a title");
    }
    return instruction_says(c, false, "a title in double angular brackets, <<title>>, is missing");
}

int check_constrained_response(struct instruction_check *c)
{
    bool one = str_find(c->answer, STR("My answer is yes.")) >= 0 ||
               str_find(c->answer, STR("My answer is no.")) >= 0 ||
               str_find(c->answer, STR("My answer is maybe.")) >= 0;
    return instruction_says(c, one,
                            "none of \"My answer is yes.\", \"My answer is no.\" and "
                            "\"My answer is maybe.\" is there");
}

/* \[.*?\] */
int check_placeholders(struct instruction_check *c)
{
    struct str s = c->answer;
    size_t count = 0;
    for (size_t at = 0; at < s.n; at++) {
        if (s.p[at] != '[')
            continue;
        size_t end = line_end(s, at);
        const char *close = memchr(s.p + at, ']', end - at);
        count += close != NULL;
        at = close ? (size_t)(close - s.p) : end;
    }
    return instruction_counts(c, c->args[0].count, false, count, "[placeholder] was",
                              "[placeholders] were");
}

/* Does `s` begin with the pattern, capital or small? A space in it may be one or none there. */
static bool fits(struct str s, const char *pattern)
{
    for (; *pattern; pattern++) {
        if (*pattern == ' ') {
            s = str_tail(s, text_space(s));
            continue;
        }
        if (s.n == 0 || (s.p[0] | (s.p[0] >= 'A' && s.p[0] <= 'Z' ? 32 : 0)) != *pattern)
            return false;
        s = str_tail(s, 1);
    }
    return true;
}

/* p\.\s?s\. or p\.\s?p\.\s?s or another mark; as there, anywhere */
int check_postscript(struct instruction_check *c)
{
    struct str mark = c->args[0].text;
    const char *pattern = str_eq(mark, STR("P.S."))    ? "p. s."
                          : str_eq(mark, STR("P.P.S")) ? "p. p. s"
                                                       : NULL;
    size_t found = 0;
    for (size_t at = 0; pattern && at < c->answer.n && !found; at++)
        found = fits(str_tail(c->answer, at), pattern);
    int err = pattern ? 0 : text_count(c->reader, c->answer, mark, TEXT_ANYWHERE, &found);
    return err ? err
               : instruction_says(c, found > 0, "a postscript that begins with \"%.*s\" is missing",
                                  STR_ARGS(mark));
}
