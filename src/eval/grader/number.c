/*
 * number.c: the answer is a number, or the last one of a worked answer.
 *
 * Where an answer says which number is meant it is taken: behind GSM8K's "####" (Cobbe et al. 2021,
 * "Training Verifiers to Solve Math Word Problems"), in LaTeX's \boxed{}, behind "the answer is".
 * Else it is the last number, but for times, dates and the like where there is another one.
 */
#include "eval/number.h"

#include "eval/expected.h"
#include "eval/grader/kinds.h"

#define GOT_BYTES      80
#define MARK_WORDS_MAX 48  /* bytes between "answer" and "is" */
#define SAID_BYTES_MAX 400 /* of what is looked at behind "the answer is" */

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

static bool has_letter(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z'))
            return true;
    return false;
}

/* What is said behind a mark: "57 apples, or 5 dozen" is 57, "5 + 7 = 12" is 12, and in "each of
 * the 3 gets 5" it is the last. */
static int pick_stated(struct arena *arena, struct str said, bool *ret_is,
                       struct number_found *ret_found)
{
    unsigned count;
    int err = pick(arena, said, true, ret_is, ret_found, &count);
    if (err || !*ret_is)
        return err;
    bool prose = has_letter(str_head(said, ret_found->from));
    struct str rest = str_tail(said, ret_found->to);
    size_t equals = rest.n;
    while (equals > 0 && rest.p[equals - 1] != '=')
        equals--;
    struct number_found other;
    bool is = false;
    if (prose)
        return pick(arena, said, false, ret_is, ret_found, &count);
    if (equals > 0) {
        size_t from = ret_found->to + equals;
        err = pick(arena, str_tail(said, from), true, &is, &other, &count);
        other.from += from;
        other.to += from;
    }
    if (!err && is)
        *ret_found = other;
    return err;
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

/* The last "the answer is ..." that has a number. */
static int pick_answer(struct arena *arena, struct str plain, bool *ret_is,
                       struct number_found *ret_found)
{
    static const char mark[] = "nswer";
    *ret_is = false;
    for (size_t at = plain.n; at-- > 0 && !*ret_is;) {
        if (plain.p[at] != mark[0] || !str_starts(str_tail(plain, at), STR(mark)))
            continue;
        struct str said = stated_behind(str_tail(plain, at + sizeof(mark) - 1));
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

static int pick_number(struct arena *arena, struct str plain, struct pick *p)
{
    static const char hash[] = "####", boxed[] = "\\boxed{";
    ptrdiff_t mark = find_last(plain, STR(hash)), box = find_last(plain, STR(boxed));
    unsigned count;
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
    if (!err && !p->is)
        err = pick(arena, plain, false, &p->is, &p->found, &count);
    return err;
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
        err = pick_number(arena, plain, &p);
    else if (!err)
        err = pick(arena, plain, false, &p.is, &p.found, &count);
    if (err)
        return err;
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

static int number_grade(const void *self, const struct grading *g, struct grade *ret_grade,
                        struct fault *f)
{
    struct expected e;
    struct number_found wanted;
    struct pick p = {.is = false};
    struct str plain, got = STR_NONE;
    bool right = false;
    int err = expected_read(g->arena, "number", "expected", g->expected, &e, f);
    if (!err)
        err = number_plain(g->arena, g->text, &plain);
    if (!err)
        err = pick_number(g->arena, plain, &p);
    for (unsigned i = 0; i < e.n && !err; i++) {
        err = wanted_read(g->arena, e.at[i], &wanted, f);
        right = right || (!err && p.is && is_right(self, &p.found, &wanted));
    }
    if (!err && p.is)
        err = pick_show(g->arena, &p, &got);
    if (err)
        return err;
    if (!p.is)
        return grade_yes_no(ret_grade, false, STR_NONE, STR("there is no number in the answer"));
    struct str why = right ? STR_NONE : expected_show(g->arena, &e);
    if (why.p)
        why = arena_printf(g->arena, "%.*s is not %.*s", STR_ARGS(got), STR_ARGS(why));
    return right || why.p ? grade_yes_no(ret_grade, right, got, why) : E_MEMORY;
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
