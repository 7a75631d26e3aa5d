/*
 * recordings.c: `sluice recordings`: what was recorded for evals, looked at, handed on and taken
 * away. The lines' form is line.c's.
 */
#include "cli/recordings/recordings.h"

#include <stdlib.h>

#include "cli/commands.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/when.h"
#include "turn/recording/recording.h"

#define ARENA_BYTES_MAX (1024u * 1024 * 1024)
#define JSON_BYTES_MAX  (512u * 1024 * 1024)
#define USUAL_FOLDER    "recordings"
#define LAST_USUAL      20
#define LAST_MAX        100000

struct words {
    const char *folder, *config, *tenant, *key, *session, *api, *state, *since, *until, *share;
    const char *last, *by, *older;
    bool only_look, csv, json;
};

/* Of a count's noun: "1 turn", "2 turns". */
#define S(n) ((n) == 1 ? "" : "s")

/* As the ledger and the log name them, too: what routes.c has turns of. */
static const char *const apis[] = {"openai.chat",
                                   "openai.responses",
                                   "openai.completion",
                                   "openai.embedding",
                                   "anthropic",
                                   "anthropic.count_tokens",
                                   NULL};
static const char *const states[] = {"done", "failed", "partial", NULL};

static const struct command_option options[] = {
    {"--tenant", "NAME", offsetof(struct words, tenant), "only the turns of this tenant", VALUE_ANY,
     NULL},
    {"--key", "NAME", offsetof(struct words, key),
     "... of this key: its name in the file, or its public part", VALUE_ANY, NULL},
    {"--session", "NAME", offsetof(struct words, session),
     "... of this session (the client's x-sluice-session)", VALUE_ANY, NULL},
    {"--api", "NAME", offsetof(struct words, api),
     "... of this protocol: openai.chat, openai.responses, openai.completion,\n"
     "openai.embedding, anthropic or anthropic.count_tokens",
     VALUE_ANY, apis},
    {"--state", "STATE", offsetof(struct words, state),
     "... that came to this end: done, failed, partial (cut short)", VALUE_ANY, states},
    {"--since", "WHEN", offsetof(struct words, since),
     "... that began on this day or later (2026-11-01), or so many days back,\n"
     "today included (7d, 4w). Days are UTC.",
     VALUE_ANY, NULL},
    {"--until", "DAY", offsetof(struct words, until), "... that began on this day or earlier",
     VALUE_ANY, NULL},
    {"--older", "WHEN", offsetof(struct words, older),
     "delete: only turns from before that day, or before so many days (14d\n"
     "keeps the last fourteen, today included)",
     VALUE_ANY, NULL},
    {"--dry-run", NULL, offsetof(struct words, only_look),
     "delete: say what would go, and change nothing", VALUE_ANY, NULL},
    {"--share", "SHARE", offsetof(struct words, share),
     "export: only a part, 5% or 0.05; whole sessions, the same ones each time", VALUE_ANY, NULL},
    {"--by", "WORDS", offsetof(struct words, by),
     "sums: one or several of day, tenant, key, api, provider, model, task,\n"
     "state, with commas between; without it: day,tenant,api",
     VALUE_LIST, recordings_by_words},
    {"--last", "N", offsetof(struct words, last), "list: how many, the newest; without it: 20",
     VALUE_ANY, NULL},
    {"--csv", NULL, offsetof(struct words, csv), "list and sums for programs", VALUE_ANY, NULL},
    {"--json", NULL, offsetof(struct words, json),
     "the same as JSON; of show, the line as it stands in its file", VALUE_ANY, NULL},
    {"--folder", "FOLDER", offsetof(struct words, folder), "where the recordings are", VALUE_FILE,
     NULL},
    {"--config", "FILE", offsetof(struct words, config),
     "or the configuration that says so (recording.folder); without either:\n"
     "sluice.yaml here, else the folder " USUAL_FOLDER,
     VALUE_FILE, NULL},
    {0},
};

/* ---- which ---- */

static bool is(struct str wanted, struct str given)
{
    return wanted.n == 0 || str_eq(wanted, given);
}

bool recordings_meant(const struct recordings_filter *f, const struct recorded_turn *t)
{
    struct str day = str_head(t->time, 10);
    struct str name = t->session.n ? t->session : t->turn;
    return is(f->tenant, t->tenant) && is(f->key, t->key) && is(f->session, t->session) &&
           is(f->api, t->api) && is(f->state, t->state) &&
           (f->since.n == 0 || str_cmp(day, f->since) >= 0) &&
           (f->until.n == 0 || str_cmp(day, f->until) <= 0) &&
           (f->before.n == 0 || str_cmp(day, f->before) < 0) && recording_in_share(name, f->share);
}

struct each {
    struct recordings *r;
    recording_take take;
    void *arg;
};

static int each_take(void *arg, const struct recorded_turn *t, struct str line)
{
    struct each *e = arg;
    return recordings_meant(&e->r->filter, t) ? e->take(e->arg, t, line) : 0;
}

int recordings_each(struct recordings *r, recording_take take, void *arg)
{
    struct each e = {r, take, arg};
    return recordings_read(r->folder, r->filter.since, each_take, &e, &r->seen, &r->fault);
}

/* An exit code where something is wrong. */
static int filter_read(const struct words *w, struct arena *a, struct recordings_filter *f)
{
    *f = (struct recordings_filter){.tenant = str_from(w->tenant),
                                    .key = str_from(w->key),
                                    .session = str_from(w->session),
                                    .api = str_from(w->api),
                                    .state = str_from(w->state),
                                    .until = str_from(w->until),
                                    .share = 1000000};
    const struct {
        const char *name, *text;
        struct str *ret_day;
    } days[] = {{"--since", w->since, &f->since}, {"--older", w->older, &f->before}};
    for (unsigned i = 0; i < ARRAY_LEN(days); i++)
        if (days[i].text && !when_read(a, days[i].text, days[i].ret_day))
            return options_wrong(&command_recordings,
                                 "%s '%s' is no day (2026-11-01) and no number of days (7d, 4w)",
                                 days[i].name, days[i].text);
    if (w->until && !when_is_day(f->until))
        return options_wrong(&command_recordings, "--until '%s' is no day (2026-11-30)", w->until);
    /* in the order of the options */
    const struct str given[] = {f->tenant, f->key, f->session, f->api, f->state};
    for (unsigned i = 0; i < ARRAY_LEN(given); i++)
        if (given[i].p && given[i].n == 0) /* an unset variable shall not mean all turns */
            return options_wrong(&command_recordings, "%s is empty; expected a name",
                                 options[i].name);
    return w->share && !options_share(&command_recordings, "--share", w->share, 0.000001, &f->share)
               ? EXIT_WRONG_USE
               : EXIT_DONE;
}

/* ---- printing ---- */

static int rows_json(const struct sheet *s, const char *name, struct buf *out)
{
    unsigned n = s->rows_n - s->total;
    buf_printf(out, "{\"%s\":[", name);
    int err = 0;
    for (unsigned row = 0; row < n && !err; row++) {
        buf_str(out, row ? STR(",\n") : STR("\n"));
        err = sheet_json_row(s, row, out);
    }
    buf_str(out, STR("]"));
    if (s->total && !err) {
        buf_str(out, STR(",\n\"total\":"));
        err = sheet_json_row(s, n, out);
    }
    buf_str(out, STR("}\n"));
    return err ? err : out->failed;
}

int recordings_print(const struct recordings *r, const struct sheet *s, const char *name)
{
    if (r->form == RECORDINGS_CSV)
        return sheet_print_csv(s, stdout);
    if (r->form == RECORDINGS_TABLE)
        return sheet_print_table(s, stdout);
    struct buf out;
    buf_init(&out, JSON_BYTES_MAX);
    int err = rows_json(s, name, &out);
    if (!err && fwrite(out.p, 1, out.n, stdout) != out.n)
        err = E_IO;
    buf_fini(&out);
    return err;
}

/* ---- export ---- */

static int export_take(void *arg, const struct recorded_turn *t UNUSED, struct str line)
{
    uint64_t *turns = arg;
    ++*turns;
    return fwrite(line.p, 1, line.n, stdout) == line.n ? 0 : E_IO;
}

static int export_run(struct recordings *r)
{
    uint64_t turns = 0;
    int err = recordings_each(r, export_take, &turns);
    if (!err && fflush(stdout) != 0) /* where both go to one place, the lines stand first */
        err = E_IO;
    if (!err)
        fprintf(stderr, "sluice recordings: %llu of %llu turn%s\n", (unsigned long long)turns,
                (unsigned long long)r->seen.turns, S(r->seen.turns));
    return err;
}

/* ---- delete ---- */

static bool delete_meant(void *arg, const struct recorded_turn *t)
{
    return recordings_meant(arg, t);
}

static int delete_run(struct recordings *r, bool only_look)
{
    struct recordings_seen gone;
    int err = recordings_delete(r->folder, only_look, delete_meant, &r->filter, &gone, &r->fault);
    const unsigned long long turns = gone.turns, bytes = gone.bytes, files = gone.files,
                             torn = gone.torn, unreadable = gone.unreadable;
    if (r->form == RECORDINGS_JSON) {
        printf("{\"turns\":%llu,\"bytes\":%llu,\"files\":%llu,\"torn\":%llu,\"unreadable\":%llu,"
               "\"dry_run\":%s}\n",
               turns, bytes, files, torn, unreadable, only_look ? "true" : "false");
        return err;
    }
    printf("%llu turn%s (%llu byte%s) %s taken out of %llu file%s%s.\n", turns, S(turns), bytes,
           S(bytes),
           only_look    ? "would be"
           : turns == 1 ? "was"
                        : "were",
           files, S(files), err ? ", until the fault below" : "");
    if (torn)
        printf("%llu last line%s torn, so that nobody can say whose %s, %s.\n", torn,
               torn == 1 ? " that is" : "s that are", torn == 1 ? "it is" : "they are",
               only_look ? "would go, too" : "went, too");
    if (unreadable)
        printf("%llu other line%s %s as %s.\n", unreadable,
               unreadable == 1 ? " that is no recording" : "s that are no recordings",
               only_look ? "would stay" : "stayed", unreadable == 1 ? "it was" : "they were");
    r->seen = (struct recordings_seen){.files = 0}; /* all has been said */
    return err;
}

/* ---- the command ---- */

enum verb { LIST, SHOW, SUMS, EXPORT, DELETE, VERBS };
static const char *const verbs[VERBS + 1] = {"list", "show", "sums", "export", "delete", NULL};

/* What fit_check lets each of them have. */
#define FILTER "--tenant --key --session --api --state --since --until "
#define WHERE  " --folder --config"
static const char *const verb_options[VERBS] = {
    FILTER "--last --csv --json" WHERE, "--json" WHERE, FILTER "--by --csv --json" WHERE,
    FILTER "--share" WHERE, FILTER "--older --dry-run --json" WHERE};

static int verb_read(int words, char **argv, enum verb *ret_verb)
{
    int verb = options_verb(&command_recordings, words, argv, LIST);
    if (verb < 0)
        return EXIT_WRONG_USE;
    if (verb == SHOW && words != 2)
        return options_wrong(&command_recordings,
                             "show takes one turn's id, which `sluice recordings list` shows");
    if (verb != SHOW && words > 1)
        return options_too_much(&command_recordings, argv[2]);
    *ret_verb = (enum verb)verb;
    return EXIT_DONE;
}

/* Options that would do nothing are refused: whoever gives one expects something of it. */
static int fit_check(const struct words *w, enum verb verb)
{
    const struct {
        const char *name;
        bool given;
        unsigned verbs;
    } bound[] = {
        {"--older", w->older, 1u << DELETE},  {"--dry-run", w->only_look, 1u << DELETE},
        {"--share", w->share, 1u << EXPORT},  {"--by", w->by, 1u << SUMS},
        {"--last", w->last, 1u << LIST},      {"--csv", w->csv, 1u << LIST | 1u << SUMS},
        {"--json", w->json, ~(1u << EXPORT)}, /* which is JSON already */
    };
    bool filtered = w->tenant || w->key || w->session || w->api || w->state || w->since || w->until;
    for (unsigned i = 0; i < ARRAY_LEN(bound); i++)
        if (bound[i].given && !(bound[i].verbs & 1u << verb))
            return options_wrong(&command_recordings, "%s has no meaning for %s", bound[i].name,
                                 verbs[verb]);
    if (w->csv && w->json)
        return options_wrong(&command_recordings, "--csv or --json, not both");
    if (w->folder && w->config)
        return options_wrong(&command_recordings, "--folder or --config, not both");
    if (verb == SHOW && filtered)
        return options_wrong(&command_recordings, "show goes by the turn's id alone");
    if (verb == DELETE && !filtered && !w->older)
        return options_wrong(&command_recordings,
                             "delete needs to be told which: --older 14d, --tenant NAME ...");
    return EXIT_DONE;
}

int recordings_folder(const char *command, const char *folder, const char *config, struct arena *a,
                      struct str *ret_folder)
{
    *ret_folder = str_from(folder ? folder : USUAL_FOLDER);
    if (folder || !load_has_file(config))
        return EXIT_DONE;
    struct conf_doc *doc = NULL;
    int code = load_config(config, &doc);
    if (code == EXIT_DONE) {
        const struct config *c = conf_root(doc);
        *ret_folder = arena_str(a, c->recording.folder);
        if (c->recording.folder.n == 0) {
            fprintf(stderr,
                    "sluice %s: this configuration records nothing (recording.folder is not "
                    "set);\n--folder FOLDER names one\n",
                    command);
            code = EXIT_COULD_NOT;
        }
    } else {
        fprintf(stderr, "sluice %s: --folder FOLDER needs no configuration\n", command);
    }
    conf_unref(doc);
    return code;
}

static int failed(const struct recordings *r, int err)
{
    if (err == E_USAGE)
        return EXIT_WRONG_USE; /* the complaint is made */
    fprintf(stderr, "sluice recordings: %s\n", why_text(&r->fault, err));
    return EXIT_COULD_NOT;
}

static int act(struct recordings *r, const struct words *w, enum verb verb, const char *id)
{
    unsigned last = LAST_USUAL;
    int err = E_INTERNAL;
    if (w->last && !when_digits(str_from(w->last), 1, LAST_MAX, &last))
        return options_wrong(&command_recordings, "--last '%s' is no number from 1 to %d", w->last,
                             LAST_MAX);
    switch (verb) {
    case LIST:
        err = recordings_list(r, last);
        break;
    case SHOW:
        err = recordings_show(r, str_from(id));
        break;
    case SUMS:
        err = recordings_sums(r, w->by ? w->by : "day,tenant,api");
        break;
    case EXPORT:
        err = export_run(r);
        break;
    case DELETE:
        err = delete_run(r, w->only_look);
        break;
    case VERBS:
        break;
    }
    if (fflush(stdout) != 0 && !err)
        err = E_IO;
    if (r->seen.torn + r->seen.unreadable > 0)
        fprintf(stderr,
                "sluice recordings: %llu torn last line%s and %llu line%s that %s no recording%s "
                "were passed over\n",
                (unsigned long long)r->seen.torn, S(r->seen.torn),
                (unsigned long long)r->seen.unreadable, S(r->seen.unreadable),
                r->seen.unreadable == 1 ? "is" : "are", S(r->seen.unreadable));
    return err ? failed(r, err) : EXIT_DONE;
}

static int run(int argc, char **argv)
{
    struct words w = {0};
    struct recordings r = {.form = RECORDINGS_TABLE};
    enum verb verb = LIST;
    int words = 0;
    int code = options_read(&command_recordings, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    code = verb_read(words, argv, &verb);
    if (!code)
        code = fit_check(&w, verb);
    if (code)
        return code;
    r.form = w.json ? RECORDINGS_JSON : w.csv ? RECORDINGS_CSV : RECORDINGS_TABLE;
    arena_init_private(&r.arena, ARENA_BYTES_MAX);
    code = filter_read(&w, &r.arena, &r.filter);
    if (!code)
        code = recordings_folder("recordings", w.folder, w.config, &r.arena, &r.folder);
    if (!code)
        code = act(&r, &w, verb, words == 2 ? argv[2] : NULL);
    arena_fini(&r.arena);
    return code;
}

const struct command command_recordings = {
    .name = "recordings",
    .summary = "list, show, sum up, export and delete recorded turns",
    .usage = "recordings [list] [--last N] [--csv | --json] [OPTIONS]\n"
             "recordings show TURN [--json] [--folder FOLDER | --config FILE]\n"
             "recordings sums [--by WORDS] [--csv | --json] [OPTIONS]\n"
             "recordings export [--share SHARE] [OPTIONS]\n"
             "recordings delete [--older WHEN] [--dry-run] [--json] [OPTIONS]",
    .about = "What sluice has recorded (recording.folder): whole turns, as they were asked and "
             "answered,\n"
             "without what was redacted. All may be used while sluice serves and records.\n",
    .options = options,
    .notes =
        "export writes the lines as they stand in their files, one turn each, which is JSONL for "
        "evals;\n"
        "a provider of kind `recorded` plays them. --share goes by the session, or else the turn, "
        "as\n"
        "recording.share does: a session is whole or not there, and 10% have all of 5% in them.\n\n"
        "delete takes single turns out of their files, at once and for good, and needs to be told "
        "which;\n"
        "with several options, what fits them all. A turn that is under way or not written yet is "
        "not\n"
        "seen: of a tenant who shall be recorded no longer, name it under recording.except first. "
        "What\n"
        "recording.keep takes away by itself goes by whole files.\n\n"
        "A cost that is not known is shown as such and never as 0.\n\n"
        "Exit codes: 0 done, 2 wrong use, 3 a file cannot be read or written, or the turn is not "
        "there.\n\n"
        "Examples:\n"
        "  sluice recordings --since 1d --state failed\n"
        "  sluice recordings show 01KB2M4E9D3V7Q0Z5T8R6W1XYC\n"
        "  sluice recordings sums --by tenant,model --since 4w\n"
        "  sluice recordings export --state done --share 10% > evals.jsonl\n"
        "  sluice recordings delete --tenant shop --older 30d --dry-run\n",
    .verbs = verbs,
    .verb_options = verb_options,
    .run = run,
};
