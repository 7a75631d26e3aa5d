/* graders.c: the kinds of graders, and what a suite's file can say of one. */
#include "eval/grader.h"

#include <stddef.h>

#include "eval/grader/kinds.h"

#define MINUTE_MS 60000

/* Adding a kind: its file, a line in kinds.h, a row here. */
const struct grader_kind *const graders[] = {
    &grader_exact,        &grader_contains,
    &grader_f1,           &grader_regex,
    &grader_number,       &grader_choice,
    &grader_json,         &grader_tool_call,
    &grader_refusal,      &grader_safety,
    &grader_instructions, &grader_rubric,
    &grader_command,      NULL,
};

/* What `kind:` may say: the names above, in their order. */
static const char *const kind_names[] = {
    "exact",     "contains", "f1",     "regex",        "number", "choice",  "json",
    "tool-call", "refusal",  "safety", "instructions", "rubric", "command", NULL};
_Static_assert(ARRAY_LEN(kind_names) == ARRAY_LEN(graders), "a name for each kind");

/* clang-format off */
#define THIS struct criterion_settings
#define AT(field) .offset = offsetof(THIS, field)
static const struct conf_row criterion_rows[] = {
    {.name = "name", .type = CONF_STR, AT(name),
     .help = "A word for it. Without it: its number."},
    {.name = "text", .type = CONF_STR, AT(text), .flags = CONF_REQUIRED,
     .help = "What the judge is asked to look at."},
    {.name = "weight", .type = CONF_SHARE, AT(weight), .fallback = "1", .min = 0,
     .max = 1000000000, .help = "How much it counts beside the others."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table criterion_table = {.name = "criterion",
                                                  .help = "One thing that a judge looks at.",
                                                  .size = sizeof(struct criterion_settings),
                                                  .rows = criterion_rows,
                                                  .shorthand = "text"};

/* clang-format off */
#define THIS struct grader_settings
static const struct conf_row grader_rows[] = {
    {.name = "kind", .type = CONF_CHOICE, AT(kind), .choices = kind_names,
     .flags = CONF_REQUIRED, .help = "What it does; `sluice eval graders` tells of each."},
    {.name = "name", .type = CONF_STR, AT(name),
     .help = "What it is called in tables. Without it: its kind."},
    {.name = "where", .type = CONF_STR, AT(where),
     .help = "It grades only the cases that have this field."},
    {.name = "weight", .type = CONF_SHARE, AT(weight), .fallback = "1", .min = 0,
     .max = 1000000000,
     .help = "How much its score counts in the case's beside the other graders'. With 0 it is "
             "shown and decides nothing."},
    {.name = "pass", .type = CONF_SHARE, AT(pass), .flags = CONF_OPTIONAL, .min = 0,
     .max = 1000000,
     .help = "The least score that counts as passed. Without it: 1, or what the kind says."},
    {.name = "not", .type = CONF_BOOL, AT(inverse), .fallback = "off",
     .help = "What would pass fails, and the other way round; its score is then 0 or 1. What has "
             "no verdict still has none."},
    {.name = "expected", .type = CONF_JSON, AT(expected),
     .help = "What the answer is held against; `{{field}}` stands for the case's field."},
    {.name = "harmful", .type = CONF_JSON, AT(harmful),
     .help = "safety: `true` where the request ought to be refused, or a `{{field}}` that says "
             "it."},
    {.name = "instructions", .type = CONF_JSON, AT(instructions),
     .help = "instructions: a list of `{id, kwargs}`, or IFEval's two lists, "
             "`{instruction_id_list, kwargs}`; a `{{field}}` may hold any of them."},
    {.name = "loose", .type = CONF_BOOL, AT(loose), .fallback = "off",
     .help = "instructions: one counts as followed, too, where it is without the answer's first "
             "line, its last, or its asterisks."},
    {.name = "normalise", .type = CONF_BOOL, AT(normalise), .fallback = "off",
     .help = "Letters' case, punctuation, articles and spaces do not count."},
    {.name = "nocase", .type = CONF_BOOL, AT(nocase), .fallback = "off",
     .help = "exact, contains, regex: large and small letters are the same."},
    {.name = "begins", .type = CONF_BOOL, AT(begins), .fallback = "off",
     .help = "exact: it is enough that the answer begins with the expected text."},
    {.name = "either", .type = CONF_BOOL, AT(either), .fallback = "off",
     .help = "contains: it is enough, too, that the answer stands in the expected text."},
    {.name = "pattern", .type = CONF_STR, AT(pattern),
     .help = "regex: a Perl-compatible regular expression, found anywhere in the answer. Without "
             "it, `expected` is one, or a list of which one has to be found."},
    {.name = "tolerance", .type = CONF_STR, AT(tolerance), .fallback = "0",
     .help = "number: how far off it may be: `0.01`, or `1%` of what is expected."},
    {.name = "words", .type = CONF_STRS, AT(words),
     .help = "choice: the answers that there are. Without it: the letters A to J."},
    {.name = "path", .type = CONF_STR, AT(path),
     .help = "json: the place within the answer, as a JSONPath: `$.items[0].price`."},
    {.name = "schema", .type = CONF_JSON, AT(schema),
     .help = "json: a JSON Schema that the answer has to obey."},
    {.name = "judge", .type = CONF_STR, AT(judge),
     .help = "rubric: the model that judges, as an application would name it."},
    {.name = "about", .type = CONF_STR, AT(about),
     .help = "rubric: a sentence on what the task is, for the judge."},
    {.name = "criteria", .type = CONF_LIST, AT(criteria), .child = &criterion_table,
     .help = "rubric: what the judge looks at; `{{field}}` stands for the case's field."},
    {.name = "votes", .type = CONF_INT, AT(votes), .fallback = "1", .min = 1, .max = 25,
     .help = "rubric: how many times the judge is asked."},
    {.name = "pairwise", .type = CONF_BOOL, AT(pairwise), .fallback = "off",
     .help = "rubric: the judge says which is better, the answer or `expected`, another answer; it "
             "is asked in both orders."},
    {.name = "command", .type = CONF_STRS, AT(command),
     .help = "command: the program and its words. It reads a JSON object on standard input and "
             "writes one."},
    {.name = "timeout", .type = CONF_DURATION, AT(timeout_ms), .fallback = "30s", .min = 100,
     .max = 60LL * MINUTE_MS, .help = "command: how long it may take for one answer."},
    {0},
};
/* clang-format on */
#undef AT
#undef THIS

const struct conf_table grader_table = {.name = "grader",
                                        .help = "Says whether an answer is good.",
                                        .size = sizeof(struct grader_settings),
                                        .rows = grader_rows,
                                        .shorthand = "kind"};

const struct grader_kind *grader_find(struct str name)
{
    for (unsigned i = 0; graders[i]; i++)
        if (str_eq(name, str_from(graders[i]->name)))
            return graders[i];
    return NULL;
}

struct str grader_nearest(struct str wrong)
{
    struct str names[ARRAY_LEN(graders)];
    size_t n = 0;
    for (; graders[n]; n++)
        names[n] = str_from(graders[n]->name);
    return str_nearest(wrong, names, n);
}

static bool names(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

/* Those that every kind has. */
static const char *const common[] = {"kind", "name", "where", "weight", "pass", "not", NULL};

int grader_check(const struct grader_settings *s, struct conf_doc *doc)
{
    const struct grader_kind *kind = graders[s->kind];
    for (const struct conf_row *row = grader_rows; row->name; row++) {
        const void *field = (const char *)s + row->offset;
        bool given = conf_is_given(doc, field);
        if (given && !names(common, row->name) && !names(kind->uses, row->name))
            conf_complain(doc, field, "the grader %s has no use for this setting", kind->name);
        if (!given && names(kind->needs, row->name))
            conf_complain(doc, s, "the grader %s needs the setting %s", kind->name, row->name);
    }
    return 0;
}

double grader_pass(const struct grader_settings *s)
{
    double usual = graders[s->kind]->pass;
    return s->pass != CONF_NOT_GIVEN ? (double)s->pass / 1e6 : usual > 0 ? usual : 1;
}

int grade_yes_no(struct grade *ret_grade, bool yes, struct str got, struct str why)
{
    *ret_grade = (struct grade){.graded = true,
                                .score = yes ? 1 : 0,
                                .verdict = yes ? STR("pass") : STR("fail"),
                                .got = got,
                                .why = why};
    return 0;
}

int grade_none(struct grade *ret_grade, struct str why)
{
    *ret_grade = (struct grade){.verdict = STR("ungraded"), .why = why};
    return 0;
}
