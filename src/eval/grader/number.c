/*
 * number.c: the answer is a number, or the last one of a worked answer.
 *
 * Where an answer says which number is meant it is taken: behind GSM8K's "####" (Cobbe et al. 2021,
 * "Training Verifiers to Solve Math Word Problems"), in LaTeX's \boxed{}, behind "the answer is".
 * Else it is the last number; but in "5 + 7 = 12 apples in 3 baskets" the result, in "**$12** for
 * 3" what is emphasised; and no time, date, exponent, source and the like where there is another
 * one.
 */
#include "eval/number/number.h"

#include "eval/grader/kinds.h"
#include "eval/text/expected.h"

#define GOT_BYTES              80
#define MARK_WORDS_MAX         48  /* bytes between "answer" and "is" */
#define SAID_BYTES_MAX         400 /* of what is looked at behind "the answer is" */
#define CIRCUMSTANCE_BYTES_MAX 60  /* between a result and "3 baskets" */

struct self {
    struct tolerance tolerance;
};

/* ---- which ---- */

/* The first or last number of the text; one that stands aside only where there is no other. */
static int pick(struct arena *arena, struct str plain, bool first, bool *ret_is,
                struct number_found *ret_found, unsigned *ret_count)
{
    struct number_found found;
    bool is = true;
    size_t at = 0;
    *ret_is = false;
    *ret_count = 0;
    for (;;) {
        int err = number_next(arena, plain, &at, &is, &found);
        if (err || !is)
            return err;
        bool better = !*ret_is || (ret_found->aside && !found.aside) ||
                      (!first && ret_found->aside == found.aside);
        if (better)
            *ret_found = found;
        *ret_count += !found.aside;
        *ret_is = true;
    }
}

static bool is_one_of(struct str word, const char *const *list, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (str_eq(word, str_from(list[i])))
            return true;
    return false;
}

static bool has_letter(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z'))
            return true;
    return false;
}

/* The earliest place of any of the marks, or the text's end. */
static size_t find_any(struct str text, const char *const *marks, unsigned n)
{
    size_t end = text.n;
    for (unsigned i = 0; i < n; i++) {
        ptrdiff_t at = str_find(str_head(text, end), str_from(marks[i]));
        end = at >= 0 ? (size_t)at : end;
    }
    return end;
}

/* Behind the last "=" of `said`; 0: there is none. */
static size_t behind_equals(struct str said)
{
    size_t i = said.n;
    while (i > 0 && said.p[i - 1] != '=')
        i--;
    return i;
}

/* What is said behind a mark: "57 apples, or 5 dozen" is 57, "5 + 7 = 12" is 12, in "each of the 3
 * gets 5" it is the last; what is remarked behind it, "not 8", "because 3 * 19 = 57", is not
 * looked at. */
static int pick_stated(struct arena *arena, struct str said, bool *ret_is,
                       struct number_found *ret_found)
{
    static const char *const remarks[] = {", not ",  " because ", ", because",
                                          " since ", ", since",   ", which"};
    static const char *const clauses[] = {", ", " ("};
    unsigned count;
    int err = pick(arena, said, true, ret_is, ret_found, &count);
    if (err || !*ret_is)
        return err;
    bool prose = has_letter(str_head(said, ret_found->from));
    struct str rest = str_tail(said, ret_found->to);
    rest = str_head(rest, find_any(rest, remarks, ARRAY_LEN(remarks)));
    if (prose)
        return pick(arena, str_head(said, ret_found->to + rest.n), false, ret_is, ret_found,
                    &count);
    rest = str_head(rest, find_any(rest, clauses, ARRAY_LEN(clauses)));
    struct number_found other;
    bool is = false;
    size_t behind = behind_equals(rest), from = ret_found->to + behind;
    if (behind > 0)
        err = pick(arena, str_tail(rest, behind), true, &is, &other, &count);
    if (err || !is)
        return err;
    other.from += from;
    other.to += from;
    *ret_found = other;
    return 0;
}

/* ---- the last one ---- */

/* Is it " apples in 3 baskets.", what may follow a result within its sentence? No second number, no
 * further clause, and the number there belongs to a preposition. */
static int is_circumstance(struct arena *arena, struct str rest, bool *ret_is)
{
    static const char *const before[] = {"in",     "for",   "over",    "per",    "after",
                                         "from",   "on",    "at",      "by",     "with",
                                         "across", "among", "between", "during", "within"};
    static const char *const articles[] = {"the",  "all", "these", "those",
                                           "each", "his", "her",   "their"};
    struct number_found found, other;
    bool more;
    size_t at = 0;
    int err = number_next(arena, rest, &at, ret_is, &found);
    if (!err && *ret_is)
        err = number_next(arena, rest, &at, &more, &other);
    if (err || !*ret_is)
        return err;
    struct str words = str_trim(str_head(rest, found.from)), behind = str_tail(rest, found.to);
    bool plain = !more && words.n < CIRCUMSTANCE_BYTES_MAX;
    for (size_t i = 0; i < words.n && plain; i++)
        plain = words.p[i] == ' ' || has_letter(str_of(words.p + i, 1));
    for (size_t i = 0; i < behind.n && plain; i++)
        plain = strchr(" .!*", behind.p[i]) || has_letter(str_of(behind.p + i, 1));
    struct str last[2] = {STR_NONE, STR_NONE};
    while (plain && words.n > 0) {
        last[0] = last[1];
        last[1] = str_cut(&words, ' ');
    }
    bool article = is_one_of(last[1], articles, ARRAY_LEN(articles));
    *ret_is = plain && is_one_of(article ? last[0] : last[1], before, ARRAY_LEN(before));
    return 0;
}

/* Where the line begins that `at` is in. */
static size_t line_begin(struct str text, size_t at)
{
    while (at > 0 && text.p[at - 1] != '\n')
        at--;
    return at;
}

/* Takes "(3 a basket)" off the text's end, which begins at or behind `from` and has the last
 * number, where a number stands before it in its line; "5 * (2 + 7)" and LaTeX's "\(" are no
 * remarks. */
static int remark_cut(struct arena *arena, size_t from, struct str *text)
{
    size_t begin = line_begin(*text, from), open = from;
    bool is = false;
    struct number_found found;
    unsigned count;
    while (open > begin && text->p[open - 1] != '(' && text->p[open - 1] != ')')
        open--;
    if (open < begin + 3 || text->p[open - 1] != '(' || text->p[open - 2] != ' ' ||
        !memchr(text->p + open, ')', text->n - open))
        return 0;
    struct str before = str_of(text->p + begin, open - 1 - begin);
    char last = before.p[before.n - 2];
    if (!has_letter(str_of(&last, 1)) && !strchr("0123456789%$.}", last))
        return 0;
    int err = pick(arena, before, false, &is, &found, &count);
    if (!err && is && !found.aside)
        *text = str_head(*text, open - 1);
    return err;
}

/* The last number; but in "5 + 7 = 12 apples in 3 baskets" the result. */
static int pick_last(struct arena *arena, struct str plain, bool *ret_is,
                     struct number_found *ret_found)
{
    unsigned count;
    bool is = false, result = false;
    struct number_found other;
    int err = pick(arena, plain, false, ret_is, ret_found, &count);
    size_t whole = plain.n;
    if (!err && *ret_is)
        err = remark_cut(arena, ret_found->from, &plain);
    if (!err && plain.n < whole)
        err = pick(arena, plain, false, ret_is, ret_found, &count);
    if (err || !*ret_is)
        return err;
    size_t from = line_begin(plain, ret_found->from), to = ret_found->to;
    while (to < plain.n && plain.p[to] != '\n')
        to++;
    from += behind_equals(str_of(plain.p + from, ret_found->from - from));
    struct str line = str_of(plain.p + from, to - from);
    if (from == 0 || plain.p[from - 1] != '=' || line.n > SAID_BYTES_MAX)
        return 0;
    err = pick(arena, line, true, &is, &other, &count);
    if (!err && is && from + other.from < ret_found->from &&
        !has_letter(str_head(line, other.from)))
        err = is_circumstance(arena, str_tail(line, other.to), &result);
    if (err || !result)
        return err;
    other.from += from;
    other.to += from;
    *ret_found = other;
    return 0;
}

/* The last place of `mark`; -1: none. */
static ptrdiff_t find_last(struct str text, struct str mark)
{
    ptrdiff_t last = -1;
    for (size_t at = 0;;) {
        ptrdiff_t found = str_find(str_tail(text, at), mark);
        if (found < 0)
            return last;
        last = (ptrdiff_t)at + found;
        at = (size_t)last + mark.n;
    }
}

static struct str line_of(struct str text)
{
    while (text.n > 0 && (text.p[0] == '\n' || text.p[0] == ' '))
        text = str_tail(text, 1);
    return str_cut(&text, '\n');
}

/* What stands between the braces that begin `text`. */
static struct str braces_of(struct str text)
{
    unsigned depth = 1;
    size_t i = 0;
    for (; i < text.n && depth > 0; i++)
        depth += text.p[i] == '{' ? 1u : text.p[i] == '}' ? -1u : 0;
    return str_head(text, depth == 0 ? i - 1 : i);
}

/* Up to a full stop that no digit follows, or the line's end. */
static struct str sentence_of(struct str text)
{
    struct str line = line_of(str_head(text, SAID_BYTES_MAX));
    for (size_t i = 0; i < line.n; i++)
        if (strchr(".!?;", line.p[i]) && (i + 1 == line.n || line.p[i + 1] == ' '))
            return str_head(line, i);
    return line;
}

/* Behind "answer", what follows "is", ":" or "="; STR_NONE where it is no such statement. */
static struct str stated_behind(struct str rest)
{
    static const char *const verbs[] = {" is ", " is:", " is\n", " are ", " be ", ":", "="};
    size_t end = rest.n < MARK_WORDS_MAX ? rest.n : MARK_WORDS_MAX;
    for (size_t i = 0; i < end && !strchr(".!?\n;", rest.p[i]); i++)
        for (unsigned k = 0; k < ARRAY_LEN(verbs); k++)
            if (str_starts(str_tail(rest, i), str_from(verbs[k])))
                return sentence_of(str_tail(rest, i + strlen(verbs[k])));
    return STR_NONE;
}

/* What follows "answer" or "Ans", which ends there; 0: there is neither. */
static size_t answer_end(struct str plain, size_t at)
{
    static const char *const marks[] = {"answer", "ans"};
    struct str text = str_tail(plain, at);
    bool begins = at == 0 || !has_letter(str_of(plain.p + at - 1, 1));
    for (unsigned i = 0; i < ARRAY_LEN(marks) && begins; i++) {
        size_t n = strlen(marks[i]);
        if (str_starts_nocase(text, str_from(marks[i])) &&
            (n == text.n || !has_letter(str_of(text.p + n, 1))))
            return at + n;
    }
    return 0;
}

/* The last "the answer is ..." that has a number. */
static int pick_answer(struct arena *arena, struct str plain, bool *ret_is,
                       struct number_found *ret_found)
{
    *ret_is = false;
    for (size_t at = plain.n; at-- > 0 && !*ret_is;) {
        size_t end = plain.p[at] == 'a' || plain.p[at] == 'A' ? answer_end(plain, at) : 0;
        if (end == 0)
            continue;
        struct str said = stated_behind(str_tail(plain, end));
        int err = said.n ? pick_stated(arena, said, ret_is, ret_found) : 0;
        if (err)
            return err;
        if (*ret_is) {
            size_t base = (size_t)(said.p - plain.p);
            ret_found->from += base;
            ret_found->to += base;
        }
    }
    return 0;
}

/* A number with its text. */
struct pick {
    bool is;
    struct number_found found;
    struct str text;
};

/* "#### 57"; a heading of Markdown, "#### Step 2: add 5", is no mark. */
static int pick_marked(struct arena *arena, struct str line, bool *ret_is,
                       struct number_found *ret_found)
{
    unsigned count;
    int err = pick(arena, line, true, ret_is, ret_found, &count);
    if (err || !*ret_is)
        return err;
    struct str rest = str_tail(line, ret_found->to);
    bool listed = ret_found->aside && rest.n > 0 && (rest.p[0] == '.' || rest.p[0] == ')');
    *ret_is = !listed && !has_letter(str_head(line, ret_found->from));
    return *ret_is ? pick(arena, line, false, ret_is, ret_found, &count) : 0;
}

/* The last line that has a digit. */
static struct str last_line(struct str text)
{
    size_t to = text.n;
    while (to > 0 && (text.p[to - 1] < '0' || text.p[to - 1] > '9'))
        to--;
    size_t from = line_begin(text, to);
    while (to < text.n && text.p[to] != '\n')
        to++;
    return str_of(text.p + from, to - from);
}

/* "She pays **$12** for 3 of them." Markdown's emphasis says which of the last line's is meant. */
static int pick_bold(struct arena *arena, struct str text, struct pick *p)
{
    static const char mark[] = "**";
    struct str line = last_line(text), rest;
    ptrdiff_t close = line.n > SAID_BYTES_MAX ? -1 : find_last(line, STR(mark));
    ptrdiff_t open = close > 0 ? find_last(str_head(line, (size_t)close), STR(mark)) : -1;
    if (open < 0)
        return 0;
    size_t from = (size_t)open + strlen(mark);
    int err = number_plain(arena, str_tail(line, (size_t)close + strlen(mark)), &rest);
    if (!err)
        err = is_circumstance(arena, rest, &p->is);
    if (!err && p->is)
        err = number_plain(arena, str_of(line.p + from, (size_t)close - from), &p->text);
    if (!err && p->is)
        err = pick_stated(arena, p->text, &p->is, &p->found);
    if (!err && p->is)
        p->is = !has_letter(str_head(p->text, p->found.from));
    return err;
}

/* `plain` is the text's. */
static int pick_number(struct arena *arena, struct str text, struct str plain, struct pick *p)
{
    static const char hash[] = "####", boxed[] = "\\boxed{";
    ptrdiff_t mark = find_last(plain, STR(hash)), box = find_last(plain, STR(boxed));
    p->is = false;
    int err = 0;
    if (mark >= 0) {
        p->text = line_of(str_tail(plain, (size_t)mark + strlen(hash)));
        err = pick_marked(arena, p->text, &p->is, &p->found);
    }
    if (!err && !p->is && box >= 0) {
        p->text = braces_of(str_tail(plain, (size_t)box + strlen(boxed)));
        err = pick_stated(arena, p->text, &p->is, &p->found);
    }
    if (err || p->is)
        return err;
    p->text = plain;
    err = pick_answer(arena, plain, &p->is, &p->found);
    if (err || p->is)
        return err;
    err = pick_bold(arena, text, p);
    if (err || p->is)
        return err;
    p->text = plain;
    return pick_last(arena, plain, &p->is, &p->found);
}

/* As it stands there, without currencies. */
static int pick_show(struct arena *arena, const struct pick *p, struct str *ret_got)
{
    struct str s = str_of(p->text.p + p->found.from, p->found.to - p->found.from);
    s = arena_str(arena, str_head(s, GOT_BYTES));
    if (!s.p)
        return E_MEMORY;
    char *out = (char *)s.p;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '$')
            out[n++] = s.p[i];
    *ret_got = str_trim(str_of(out, n));
    return 0;
}

/* ---- what is expected ---- */

static int wanted_read(struct arena *arena, struct str text, struct number_found *ret_wanted,
                       struct fault *f)
{
    struct str plain;
    struct pick p = {.is = false};
    unsigned count = 1;
    int err = number_plain(arena, text, &plain);
    if (!err && str_find(plain, STR("####")) >= 0)
        err = pick_number(arena, text, plain, &p);
    else if (!err)
        err = pick(arena, plain, false, &p.is, &p.found, &count);
    if (err)
        return err;
    count += p.is && p.found.to < plain.n && plain.p[p.found.to] == '^'; /* "2^5" */
    if (!p.is || count > 1)
        return fault_set(f, E_BAD_REQUEST,
                         "number: expected is '%.*s', which holds %s; expected one number, \"57\" "
                         "or 57",
                         STR_ARGS(str_head_utf8(text, 60)), p.is ? "several numbers" : "no number");
    *ret_wanted = p.found;
    /* What is expected is meant in full; but 40% may be answered by 40 and by 0.4. */
    ret_wanted->readings = p.found.percent ? 2 : 1;
    return 0;
}

static bool is_right(const struct self *self, const struct number_found *got,
                     const struct number_found *wanted)
{
    if (got->percent && wanted->percent)
        return number_near(&got->reading[0], &wanted->reading[0], &self->tolerance);
    for (unsigned i = 0; i < got->readings; i++)
        for (unsigned k = 0; k < wanted->readings; k++)
            if (number_near(&got->reading[i], &wanted->reading[k], &self->tolerance))
                return true;
    return false;
}

/* `expected` is any of several. */
static int wanted_look(const struct self *self, const struct grading *g, const struct pick *p,
                       struct str got, struct grade *ret_grade, struct fault *f)
{
    struct expected e;
    struct number_found wanted;
    bool right = false;
    int err = expected_read(g->arena, "number", "expected", g->expected, &e, f);
    for (unsigned i = 0; !err && i < e.n; i++) {
        err = wanted_read(g->arena, e.at[i], &wanted, f);
        right = right || (!err && p->is && is_right(self, &p->found, &wanted));
    }
    if (err)
        return err;
    if (!p->is)
        return grade_yes_no(ret_grade, false, STR_NONE, STR("there is no number in the answer"));
    struct str why = right ? STR_NONE : expected_show(g->arena, &e);
    if (why.p)
        why = arena_printf(g->arena, "%.*s is not %.*s", STR_ARGS(got), STR_ARGS(why));
    return right || why.p ? grade_yes_no(ret_grade, right, got, why) : E_MEMORY;
}

static int number_grade(const void *self, const struct grading *g, struct grade *ret_grade,
                        struct fault *f)
{
    struct pick p = {.is = false};
    struct str plain, got = STR_NONE;
    int err = number_plain(g->arena, g->text, &plain);
    if (!err)
        err = pick_number(g->arena, g->text, plain, &p);
    if (!err && p.is)
        err = pick_show(g->arena, &p, &got);
    if (err)
        return err;
    if (g->expected)
        return wanted_look(self, g, &p, got, ret_grade, f);
    err = grade_none(ret_grade, STR("nothing is expected"));
    ret_grade->got = got;
    return err;
}

/* ---- settings ---- */

static int number_open(const struct grader_settings *s, struct conf_doc *doc, struct arena *arena,
                       void **ret_self)
{
    struct self *self = ARENA_NEW(arena, struct self);
    struct number_found found = {.readings = 0};
    bool is = false;
    size_t at = 0;
    if (!self)
        return E_MEMORY;
    *ret_self = self;
    struct str text = str_trim(s->tolerance);
    int err = number_next(arena, text, &at, &is, &found);
    if (err)
        return err;
    self->tolerance = (struct tolerance){.by = found.reading[0], .percent = found.percent};
    if (is && found.from == 0 && found.to == text.n && !found.aside &&
        !self->tolerance.by.negative && (found.readings == 1 || found.percent))
        return 0;
    conf_complain(doc, &s->tolerance,
                  "'%.*s' is no tolerance; expected a number from 0 on, 0.01, "
                  "or a share of what is expected, 1%%",
                  STR_ARGS(str_head_utf8(text, 40)));
    return E_CONFIG;
}

static const char *const uses[] = {"expected", "tolerance", NULL};
static const char *const needs[] = {"expected", NULL};

const struct grader_kind grader_number = {
    .name = "number",
    .summary = "the number that the answer comes to is the expected one, or near it",
    .uses = uses,
    .needs = needs,
    .open = number_open,
    .grade = number_grade,
};
