/* check.c: `sluice eval check`: is a suite right, and what could it show? */
#include <stdio.h>

#include "base/json.h"
#include "cli/eval/eval.h"
#include "cli/options.h"
#include "eval/run/run.h"
#include "eval/stats/power.h"

#define COMMAND        "eval check"
#define TEXT_BYTES_MAX (4u * 1024 * 1024)
#define SHARE_ASSUMED  0.8 /* of passes, where no run has shown it */
#define NEAR_IDS_MAX   500 /* among which a misspelt one is looked for */

#define ARENA_BYTES_MAX (256u * 1024 * 1024)

struct wish {
    const char *show;
    bool json, schema, reference;
};

static const struct command_option options[] = {
    {"SUITE.yaml", NULL, 0, "the suite", VALUE_FILE, NULL},
    {"--json", NULL, offsetof(struct wish, json), "as JSON", VALUE_ANY, NULL},
    {"--show", "CASE", offsetof(struct wish, show),
     "the request of this case (its id, or its line: cases.jsonl:3), filled in", VALUE_ANY, NULL},
    {"--schema", NULL, offsetof(struct wish, schema), "a JSON Schema of suites, for editors",
     VALUE_ANY, NULL},
    {"--reference", NULL, offsetof(struct wish, reference),
     "the reference page of all that a suite can say, as Markdown", VALUE_ANY, NULL},
    {0},
};

static const char intro[] =
    "A suite is a YAML file, and files of cases beside it, one JSON object a line. `sluice eval\n"
    "check FILE` says what is wrong with one, and in which line; [evals.md](evals.md) how they "
    "are\n"
    "used, and `sluice eval graders` which settings each kind of grader takes.\n"
    "\n"
    "Values are written as in the [configuration](configuration.md): shares as `0.85` or `85%`,\n"
    "times as `250ms`, `3s`, dollars as `0.002`; `${NAME}` is that environment variable, and `$$` "
    "a\n"
    "dollar sign. `{{field}}` in `request`, `expected`, `harmful` and `instructions` is the "
    "case's\n"
    "field, `{{field.inner.0}}` what is within it; a text that is nothing else becomes its value,\n"
    "whatever that is. In YAML it needs quotes.\n";

static int table_print(const struct wish *w)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    int err = w->schema ? conf_schema(&suite_table, &out)
                        : conf_reference_of(&suite_table, "Suites", intro, &out);
    err = err ? err : out.failed;
    if (!err)
        printf("%.*s", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
    return err ? EXIT_COULD_NOT : EXIT_DONE;
}

/* How many cases it takes to show what the suite's margin asks for. */
static int64_t cases_needed(const struct suite *s)
{
    struct fault ignored = {0};
    int64_t n = 0;
    double margin = (double)s->settings->margin / 1e6;
    int err = power_cases_for_margin(power_discordant_most(SHARE_ASSUMED), margin, STATS_LEVEL,
                                     POWER_PLANNED, &n, &ignored);
    return err ? 0 : n;
}

static const char *plural(unsigned n)
{
    return n == 1 ? "" : "s";
}

static void people_tell(const struct suite *s, int64_t needed)
{
    printf("%.*s: %u case%s, %u grader%s, %u tag%s: no mistakes found\n", STR_ARGS(s->name),
           s->cases_n, plural(s->cases_n), s->graders_n, plural(s->graders_n), s->tags_n,
           plural(s->tags_n));
    if (needed > 0)
        printf("to show that an equal candidate is not worse by more than %.3g points, up to %lld "
               "cases are needed\n",
               (double)s->settings->margin / 1e4, (long long)needed);
}

static int programs_tell(const struct suite *s, int64_t needed)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    buf_str(&out, STR("{\"suite\":"));
    json_quote(&out, s->name);
    buf_printf(&out, ",\"hash\":\"%s\",\"cases\":%u,\"recommended_cases\":%lld,\"graders\":[",
               s->hash, s->cases_n, (long long)needed);
    for (unsigned i = 0; i < s->graders_n; i++) {
        buf_str(&out, i ? STR(",") : STR(""));
        json_quote(&out, s->graders[i].name);
    }
    buf_str(&out, STR("],\"tags\":["));
    for (unsigned i = 0; i < s->tags_n; i++) {
        buf_str(&out, i ? STR(",") : STR(""));
        json_quote(&out, s->tags[i]);
    }
    buf_str(&out, STR("]}\n"));
    int err = out.failed;
    if (!err)
        printf("%.*s", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
    return err;
}

/* ---- one request ---- */

static bool is_named(const struct suite_case *c, struct str name)
{
    char line[16];
    int n = snprintf(line, sizeof(line), ":%u", c->line);
    struct str end = str_of(line, (size_t)n);
    struct str file = str_ends(name, end) ? str_head(name, name.n - end.n) : STR_NONE;
    return str_eq(c->id, name) || (file.n > 0 && str_ends(str_from(c->file), file));
}

static int no_case(const struct suite *s, const char *name)
{
    struct str ids[NEAR_IDS_MAX];
    unsigned n = 0;
    for (; n < s->cases_n && n < NEAR_IDS_MAX; n++)
        ids[n] = s->cases[n].id;
    struct str near = str_nearest(str_from(name), ids, n);
    fprintf(stderr, "sluice " COMMAND ": there is no case '%s'; %s '%.*s'%s\n", name,
            near.n ? "did you mean" : "the first is", STR_ARGS(near.n ? near : ids[0]),
            near.n ? "?" : "");
    return EXIT_WRONG_USE;
}

/* As it would be sent, on a line of its own. */
static int request_show(const struct suite *s, const char *name)
{
    const struct suite_case *c = NULL;
    for (unsigned i = 0; i < s->cases_n && !c; i++)
        if (is_named(&s->cases[i], str_from(name)))
            c = &s->cases[i];
    if (!c)
        return no_case(s, name);
    struct arena arena;
    struct str body;
    struct fault f = {0};
    arena_init_private(&arena, ARENA_BYTES_MAX);
    int err = suite_request(s, c, STR_NONE, &arena, &body, &f);
    if (err)
        fprintf(stderr, "sluice " COMMAND ": %s\n", why_text(&f, err));
    else
        printf("%.*s\n", STR_ARGS(body));
    arena_fini(&arena);
    return err == E_BAD_REQUEST ? EXIT_WRONG_USE : err ? EXIT_COULD_NOT : EXIT_DONE;
}

static int check(const char *path, const struct wish *w)
{
    struct suite *suite = NULL;
    struct fault f = {0};
    int code = suite_take(COMMAND, path, &suite);
    if (!code && w->show) {
        code = request_show(suite, w->show);
        suite_free(suite);
        return code;
    }
    struct eval_run run = {.suite = suite};
    int err = code ? 0 : eval_run_check(&run, &f);
    if (err) {
        fprintf(stderr, "sluice " COMMAND ": %s\n", why_text(&f, err));
        code = err == E_BAD_REQUEST ? EXIT_WRONG_USE : EXIT_COULD_NOT;
    }
    if (!code && !w->json)
        people_tell(suite, cases_needed(suite));
    else if (!code && programs_tell(suite, cases_needed(suite)) != 0)
        code = EXIT_COULD_NOT;
    suite_free(suite);
    return code;
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    int words = 0;
    int code = options_read(&eval_check, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (w.schema || w.reference)
        return words ? options_too_much(&eval_check, argv[1]) : table_print(&w);
    if (words != 1)
        return options_wrong(&eval_check, "expected one suite");
    if (w.show && w.json)
        return options_wrong(&eval_check, "--show and --json: one at a time");
    return check(argv[1], &w);
}

const struct command eval_check = {
    .name = COMMAND,
    .summary = "tell what is wrong with a suite, and what it could show",
    .usage = "eval check [--json | --show CASE] SUITE.yaml\n"
             "eval check --schema | --reference",
    .about =
        "Reads a suite with all its cases, fills in every request and tries every grader, and\n"
        "asks nobody anything.\n",
    .options = options,
    .notes = "Exit codes: 0 no mistakes, 2 wrong use, or a mistake, 3 a file cannot be read.\n",
    .run = run,
};
