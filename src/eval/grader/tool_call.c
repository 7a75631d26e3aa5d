/* tool_call.c: the answer calls the functions that were expected, in any order. */
#include "base/json.h"
#include "eval/calls/calls.h"
#include "eval/grader/kinds.h"

#define STEPS_MOST  20000000 /* a fraction of a second */
#define NAMES_SHOWN 8

/* Which call is which expected one's: the largest number of pairs, by augmenting paths. */
struct pairing {
    unsigned n;          /* calls, and expected ones */
    const bool *matches; /* [expected * n + call] */
    int *expected_of;    /* of each call; -1: none's */
    bool *seen;          /* calls of this search */
};

static bool pair_find(struct pairing *p, unsigned expected)
{
    for (unsigned call = 0; call < p->n; call++) {
        if (!p->matches[expected * p->n + call] || p->seen[call])
            continue;
        p->seen[call] = true;
        if (p->expected_of[call] < 0 || pair_find(p, (unsigned)p->expected_of[call])) {
            p->expected_of[call] = (int)expected;
            return true;
        }
    }
    return false;
}

/* The first expected call that has none left, or n. */
static unsigned pair_all(struct pairing *p)
{
    for (unsigned expected = 0; expected < p->n; expected++) {
        memset(p->seen, 0, p->n * sizeof(*p->seen));
        if (!pair_find(p, expected))
            return expected;
    }
    return p->n;
}

static struct str names_show(struct arena *a, const struct tool_calls *calls)
{
    struct str names = STR("");
    for (unsigned i = 0; names.p && i < calls->n && i < NAMES_SHOWN; i++)
        names = arena_printf(a, "%.*s%s%.*s", STR_ARGS(names), i ? ", " : "",
                             STR_ARGS(calls->at[i].shown));
    if (names.p && calls->n > NAMES_SHOWN)
        names = arena_printf(a, "%.*s ...", STR_ARGS(names));
    return names;
}

static int count_differs(struct arena *a, const struct tool_calls *calls,
                         const struct expected_calls *expected, struct grade *ret_grade)
{
    struct str got = names_show(a, calls), why;
    if (expected->n == 0)
        why = arena_printf(a, "no call was expected; got: %.*s", STR_ARGS(got));
    else
        why = arena_printf(a, "expected %u call%s, got %u%s%.*s", expected->n,
                           expected->n == 1 ? "" : "s", calls->n, calls->n ? ": " : "",
                           STR_ARGS(got));
    return got.p && why.p ? grade_yes_no(ret_grade, false, got, why) : E_MEMORY;
}

/* The reason that says most: of a free call of the same function before one of another. */
static struct str why_unpaired(const struct calls_match *m, const struct pairing *p,
                               const struct tool_calls *calls, const struct expected_call *expected,
                               const struct str *why)
{
    const struct str *best = NULL;
    for (unsigned call = 0; call < p->n; call++) {
        if (p->expected_of[call] >= 0)
            continue;
        bool same = call_is_of(m, &calls->at[call], expected);
        if (!best || same)
            best = &why[call];
        if (same)
            break;
    }
    return best ? *best : STR_NONE;
}

static int pairs_grade(struct calls_match *m, const struct tool_calls *calls,
                       const struct expected_calls *expected, struct grade *ret_grade)
{
    unsigned n = expected->n;
    bool *matches = ARENA_ARRAY(m->arena, bool, (size_t)n *n + 1);
    struct str *why = ARENA_ARRAY(m->arena, struct str, (size_t)n * n + 1);
    struct pairing p = {.n = n,
                        .matches = matches,
                        .expected_of = ARENA_ARRAY(m->arena, int, n + 1),
                        .seen = ARENA_ARRAY(m->arena, bool, n + 1)};
    struct str got = names_show(m->arena, calls);
    if (!matches || !why || !p.expected_of || !p.seen || !got.p)
        return E_MEMORY;
    for (unsigned i = 0; i < n; i++)
        p.expected_of[i] = -1;
    for (unsigned e = 0; e < n; e++)
        for (unsigned c = 0; c < n; c++) {
            int err = call_matches(m, &calls->at[c], &expected->at[e], &matches[e * n + c],
                                   &why[e * n + c]);
            if (err)
                return err;
        }
    if (m->steps.left == 0)
        return grade_none(ret_grade, STR("the calls are too large to be compared"));
    unsigned alone = pair_all(&p);
    if (alone == n)
        return grade_yes_no(ret_grade, true, got, STR_NONE);
    return grade_yes_no(ret_grade, false, got,
                        why_unpaired(m, &p, calls, &expected->at[alone], &why[alone * n]));
}

static int tool_call_grade(const void *self, const struct grading *g, struct grade *ret_grade,
                           struct fault *f)
{
    const struct grader_settings *s = self;
    struct calls_match m = {
        .arena = g->arena, .tools = g->tools, .lenient = s->normalise, .steps = {STEPS_MOST}};
    struct expected_calls expected;
    struct tool_calls calls;
    int err = calls_expected(g->arena, g->expected, &expected, f);
    if (!err)
        err = calls_read(g->arena, g->calls, &calls);
    if (err)
        return err;
    if (calls.wrong.p)
        return grade_yes_no(ret_grade, false, STR_NONE, calls.wrong);
    if (calls.n != expected.n)
        return count_differs(g->arena, &calls, &expected, ret_grade);
    return pairs_grade(&m, &calls, &expected, ret_grade);
}

static const char *const uses[] = {"expected", "normalise", NULL};
static const char *const needs[] = {"expected", NULL};

const struct grader_kind grader_tool_call = {
    .name = "tool-call",
    .summary = "the answer calls the functions that were expected, with such arguments",
    .uses = uses,
    .needs = needs,
    .grade = tool_call_grade,
};
