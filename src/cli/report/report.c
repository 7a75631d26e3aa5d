/*
 * report.c: `sluice report`: where tokens and money went, read from the ledger.
 */
#include <ctype.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/report/report.h"
#include "cli/when.h"
#include "conf/scalar.h"

#define ARENA_BYTES_MAX (1024u * 1024 * 1024)
#define TURNS_MAX       1000000
#define USUAL_DB        "sqlite:sluice.db"
#define USUAL_DAYS      30
#define SUCCESS_USUAL   500000 /* of a score, in millionths */

struct words {
    const char *by, *since, *until, *turns, *turn, *reconcile, *provider, *tolerance, *db, *config,
        *success;
    bool csv, json, tasks;
};

static const struct command_option options[] = {
    {"--by", "WORDS", offsetof(struct words, by),
     "one or several of day, key, model, provider, lane, tag, api, tenant,\n"
     "with commas between; without it: model",
     VALUE_LIST, report_by_words},
    {"--since", "WHEN", offsetof(struct words, since),
     "a day (2026-11-01), or how many days back, today included (7d, 4w);\n"
     "without it: 30d",
     VALUE_ANY, NULL},
    {"--until", "DAY", offsetof(struct words, until),
     "the last day; without it: today. Days are UTC.", VALUE_ANY, NULL},
    {"--turns", "N", offsetof(struct words, turns), "the last N turns, the newest first", VALUE_ANY,
     NULL},
    {"--turn", "ID", offsetof(struct words, turn),
     "all about one turn (the id is in the answer's header x-sluice-id)", VALUE_ANY, NULL},
    {"--tasks", NULL, offsetof(struct words, tasks),
     "tasks (x-sluice-task) instead of turns: how many succeeded, and what a\n"
     "successful one cost",
     VALUE_ANY, NULL},
    {"--success", "SCORE", offsetof(struct words, success),
     "with --tasks: the least score, from 0 to 1, that is a success; without\n"
     "it: 0.5",
     VALUE_ANY, NULL},
    {"--reconcile", "FILE", offsetof(struct words, reconcile),
     "compare with a provider's usage export: the JSON of OpenAI's\n"
     "/v1/organization/usage/completions or Anthropic's\n"
     "/v1/organizations/usage_report/messages, by day and model, or the\n"
     "CSV of usage or costs that their pages offer; - is standard input",
     VALUE_FILE, NULL},
    {"--provider", "NAME", offsetof(struct words, provider),
     "with --reconcile: only what this provider of the configuration answered", VALUE_ANY, NULL},
    {"--tolerance", "PERCENT", offsetof(struct words, tolerance),
     "with --reconcile: how far the two may be apart, 5 or 0.5%; without it: 1", VALUE_ANY, NULL},
    {"--csv", NULL, offsetof(struct words, csv),
     "for programs: all columns, dollars exact, times in milliseconds", VALUE_ANY, NULL},
    {"--json", NULL, offsetof(struct words, json), "the same as JSON", VALUE_ANY, NULL},
    {"--db", "URL", offsetof(struct words, db), "the ledger: sqlite:PATH", VALUE_ANY, NULL},
    {"--config", "FILE", offsetof(struct words, config),
     "or the configuration that names it; without either: sluice.yaml here,\n"
     "else " USUAL_DB,
     VALUE_FILE, NULL},
    {0},
};

/* ---- the database ---- */

static int providers_copy(struct report *r, const struct conf_map *from)
{
    r->providers.at = ARENA_ARRAY(&r->arena, struct str, from->n + 1);
    for (unsigned i = 0; r->providers.at && i < from->n; i++)
        r->providers.at[r->providers.n++] = arena_str(&r->arena, from->name[i]);
    return r->providers.at ? EXIT_DONE : EXIT_COULD_NOT;
}

/* Where the ledger is: --db, else the configuration's, else the usual place. */
static int where_find(const struct words *w, struct report *r)
{
    r->where = str_from(w->db ? w->db : USUAL_DB);
    if (w->db || !load_has_file(w->config))
        return EXIT_DONE;
    struct conf_doc *doc = NULL;
    int code = load_config(w->config, &doc);
    if (code == EXIT_DONE) {
        const struct config *c = conf_root(doc);
        r->where = arena_str(&r->arena, c->state.ledger);
        code = providers_copy(r, &c->models.providers);
        if (!config_has_ledger(c)) {
            fputs("sluice report: this configuration keeps no ledger (state.ledger: off)\n",
                  stderr);
            code = EXIT_COULD_NOT;
        }
    } else {
        fputs("sluice report: --db sqlite:PATH needs no configuration\n", stderr);
    }
    if (doc)
        conf_unref(doc);
    return code;
}

static int failed(const struct report *r, int err)
{
    const char *text = why_text(&r->fault, err);
    fprintf(stderr, "sluice report: %s\n", text);
    return err == E_CONFIG || err == E_USAGE ? EXIT_WRONG_USE : EXIT_COULD_NOT;
}

static int opened(struct report *r)
{
    int err = ledger_reader_open(r->where, &r->reader, &r->fault);
    if (err == E_NOT_FOUND) {
        fprintf(stderr, "sluice report: %s. There will be one as soon as `sluice serve` has run.\n",
                fault_text(&r->fault));
        return EXIT_COULD_NOT;
    }
    return err ? failed(r, err) : EXIT_DONE;
}

/* ---- the command ---- */

/* A share, "0.5" or "50%"; `is_percent`: also without its sign. In millionths. */
static bool share_read(const char *word, bool is_percent, struct arena *a, int64_t *ret_share)
{
    static const struct conf_row row = {.name = "share", .type = CONF_SHARE, .max = 1000000};
    struct scalar_why why;
    bool add_sign = is_percent && !str_ends(str_from(word), STR("%"));
    struct str text = arena_printf(a, "%s%s", word, add_sign ? "%" : "");
    return text.p && scalar_parse(&row, text, ret_share, &why);
}

/* Of turns, or of tasks. */
static int sums_run(struct report *r, const struct words *w)
{
    struct report_by by;
    int64_t success = SUCCESS_USUAL;
    struct str from = STR_NONE;
    struct str to = w->until ? str_from(w->until) : when_day_back(&r->arena, 0);
    if (!report_by_read(w->by ? w->by : "model", &by))
        return EXIT_WRONG_USE;
    if (!w->since)
        from = when_day_back(&r->arena, USUAL_DAYS - 1);
    else if (!when_read(&r->arena, w->since, &from))
        return options_wrong(&command_report,
                             "--since '%s' is no day (2026-11-01) and no number of days (7d, 4w)",
                             w->since);
    if (!when_is_day(to))
        return options_wrong(&command_report, "--until '%s' is no day (2026-11-30)", w->until);
    if (w->until && !w->since && str_cmp(from, to) > 0)
        from = to;
    if (str_cmp(from, to) > 0)
        return options_wrong(&command_report, "--since %.*s is after %s%.*s%s", STR_ARGS(from),
                             w->until ? "--until " : "today (", STR_ARGS(to),
                             w->until ? "" : ", UTC)");
    if (w->success && !(share_read(w->success, false, &r->arena, &success) && success > 0))
        return options_wrong(&command_report,
                             "--success '%s' is no score above 0 and up to 1 (0.5, 80%%)",
                             w->success);
    int code = opened(r);
    if (code)
        return code;
    int err = w->tasks ? report_tasks(r, &by, from, to, success) : report_sums(r, &by, from, to);
    return err ? failed(r, err) : EXIT_DONE;
}

static int turns_run(struct report *r, const struct words *w)
{
    unsigned n = 0;
    if (w->turns && !when_digits(str_from(w->turns), 1, TURNS_MAX, &n))
        return options_wrong(&command_report, "--turns '%s' is no number from 1 to %d", w->turns,
                             TURNS_MAX);
    if (w->turn && r->form == REPORT_CSV)
        return options_wrong(&command_report, "--turn is shown as text or with --json");
    char id[64] = "";
    for (unsigned i = 0; w->turn && w->turn[i] && i < sizeof(id) - 1; i++)
        id[i] = (char)toupper((unsigned char)w->turn[i]);
    int code = opened(r);
    if (code)
        return code;
    int err = w->turn ? report_turn(r, str_from(id)) : report_turns(r, n);
    if (w->turn && err == E_NOT_FOUND) { /* as it was written here, not as ids are */
        fault_clear(&r->fault);
        fault_set(&r->fault, err, "there is no turn %.*s",
                  STR_ARGS(str_head(str_from(w->turn), 64)));
    }
    return err ? failed(r, err) : EXIT_DONE;
}

static int reconcile_run(struct report *r, const struct words *w)
{
    struct report_reconciled what = {
        .file = w->reconcile, .provider = w->provider, .tolerance = 10000};
    bool within = true;
    if (w->tolerance && !share_read(w->tolerance, true, &r->arena, &what.tolerance))
        return options_wrong(&command_report,
                             "--tolerance '%s' is no per cent from 0 to 100 (5, 5%%, 0.5)",
                             w->tolerance);
    int code = opened(r);
    if (code)
        return code;
    int err = report_reconcile(r, &what, &within);
    return err ? failed(r, err) : within ? EXIT_DONE : EXIT_BAR;
}

static int report_run(int argc, char **argv)
{
    struct words w = {.by = NULL};
    int words_n = 0;
    int code = options_read(&command_report, &w, argc, argv, &words_n);
    if (code >= 0)
        return code;
    if (words_n > 0)
        return options_too_much(&command_report, argv[1]);
    if (w.csv && w.json)
        return options_wrong(&command_report, "--csv or --json, not both");
    if ((w.turns || w.turn) && (w.by || w.since || w.until || (w.turns && w.turn)))
        return options_wrong(&command_report,
                             "--turns and --turn stand alone, without --by, --since and --until");
    if (w.tasks && (w.turns || w.turn || w.reconcile))
        return options_wrong(&command_report,
                             "--tasks goes with --by, --since and --until, not with --turns, "
                             "--turn or --reconcile");
    if (w.success && !w.tasks)
        return options_wrong(&command_report, "--success goes with --tasks");
    if (w.reconcile && (w.turns || w.turn || w.by || w.since || w.until))
        return options_wrong(&command_report,
                             "--reconcile goes by the export's days and models alone");
    if (!w.reconcile && (w.provider || w.tolerance))
        return options_wrong(&command_report, "--provider and --tolerance go with --reconcile");
    struct report r = {.form = w.json ? REPORT_JSON : w.csv ? REPORT_CSV : REPORT_TABLE};
    arena_init_private(&r.arena, ARENA_BYTES_MAX);
    code = where_find(&w, &r);
    if (code == EXIT_DONE)
        code = w.reconcile         ? reconcile_run(&r, &w)
               : w.turns || w.turn ? turns_run(&r, &w)
                                   : sums_run(&r, &w);
    ledger_reader_close(r.reader);
    arena_fini(&r.arena);
    if (fflush(stdout) != 0 && code == EXIT_DONE)
        code = EXIT_COULD_NOT;
    return code;
}

const struct command command_report = {
    .name = "report",
    .summary = "show where tokens and money went, by day, key, model, tag ...",
    .usage = "report [--by WORDS] [--since WHEN] [--until DAY] [--csv | --json] [OPTIONS]\n"
             "report --tasks [--success SCORE] [--by WORDS] [--csv | --json] [OPTIONS]\n"
             "report --turns N [--csv | --json] [OPTIONS]\n"
             "report --turn ID [--json] [OPTIONS]\n"
             "report --reconcile FILE [--provider NAME] [--tolerance PERCENT] [OPTIONS]",
    .about = "Shows where tokens and money went, with errors and latency, from the ledger. It may "
             "be run\n"
             "while sluice serves.\n",
    .options = options,
    .notes =
        "A cost that is not known (a model without a price) is shown as such and never as 0. The\n"
        "percentiles p50, p95 and p99 are those of turns without an error, to within an eighth.\n\n"
        "In the table, tokens in are the whole prompt, cached ones included, and tokens out the "
        "whole\n"
        "completion with its reasoning. CSV and JSON have classes that add up: input, cached and\n"
        "cache_write are the prompt, output and reasoning the completion. Of cache_write,\n"
        "cache_write_1h was written to be kept for an hour.\n\n"
        "With --tasks, a task's cost is that of all its turns, failed ones and retries too, and it "
        "stands\n"
        "where the last of them stands that a model answered (day: where the first began). Days "
        "choose the\n"
        "tasks that began on them. The outcome is what POST /v1/feedback told. In brackets stand "
        "95 %\n"
        "intervals. A cost that is not known is in no sum, and in no cost of a success.\n\n"
        "With --reconcile, names of models count without the date at their end, since they are "
        "asked\n"
        "for with and without.\n\n"
        "Exit codes: 0 done, 1 with --reconcile a row's tokens are too far apart, or its dollars "
        "where\n"
        "FILE says what was paid, 2 wrong use, or a FILE that is no export, 3 the ledger cannot be "
        "read.\n\n"
        "Examples:\n"
        "  sluice report --by day,model --since 7d\n"
        "  sluice report --tasks --by lane --since 7d\n"
        "  sluice report --by key --since 2026-11-01 --until 2026-11-30 --csv > november.csv\n",
    .run = report_run,
};
