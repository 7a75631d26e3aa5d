/*
 * apply.c: `sluice apply`: what a configuration would change, whether the brake lets it through,
 * and, where a running sluice is named, there it comes into force.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/braking.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/load.h"
#include "cli/options.h"

#define OUTPUT_BYTES_MAX (16u * 1024 * 1024)
#define ARENA_BYTES_MAX  (64u * 1024 * 1024)

struct wish {
    const char *config, *force, *to;
    bool dry_run, json;
};

static const struct command_option options[] = {
    {"FILE", NULL, 0, "the configuration (default: sluice.yaml)", VALUE_FILE, NULL},
    {"--config", "FILE", offsetof(struct wish, config), "the same", VALUE_FILE, NULL},
    {"--force", "WHY", offsetof(struct wish, force),
     "let it through without evals that passed, for this reason, which is kept and shown",
     VALUE_ANY, NULL},
    {"--to", "URL", offsetof(struct wish, to),
     "the running sluice that shall take it, by its admin_listen or listen:\n"
     "http://127.0.0.1:8081",
     VALUE_ANY, NULL},
    {"--dry-run", NULL, offsetof(struct wish, dry_run), "only tell; nothing is written or changed",
     VALUE_ANY, NULL},
    {"--json", NULL, offsetof(struct wish, json), "the outcome as JSON", VALUE_ANY, NULL},
    {0},
};

/* What came of it. */
struct outcome {
    struct arena arena;
    struct conf_doc *doc;
    struct brake *brake;
    struct str records; /* their file */
    bool recorded;      /* the reason was written down */
    bool asked;         /* the running one, which said: */
    int status;
    bool applied;
    struct str said; /* its changes or problems, as lines */
};

static const char *const reasons[] = {
    [GATE_PASSED] = "passed",       [GATE_SAME] = "same",           [GATE_FORCED] = "forced",
    [GATE_ELSEWHERE] = "elsewhere", [GATE_NO_SUITES] = "no_suites", [GATE_HELD] = "held",
};

/* ---- the brake ---- */

static int look(struct outcome *o, struct fault *f)
{
    const struct config *c = conf_root(o->doc);
    const struct brake_ask ask = braking_ask(o->doc, conf_file(o->doc), load_database(c), NULL);
    brake_unref(o->brake);
    o->brake = NULL;
    return brake_look(&ask, &o->brake, f);
}

/* Who says so, as far as the system knows. */
static struct str who(void)
{
    const char *name = getenv("SUDO_USER");
    const struct passwd *user = getpwuid(getuid());
    if (!name || !*name)
        name = user ? user->pw_name : getenv("USER");
    return str_from(name && *name ? name : "unknown");
}

/* Would a reason say anything that is not known already? */
static bool is_in_want(const struct brake *b)
{
    enum gate_reason reason = b->decision.reason;
    return reason == GATE_HELD ||
           ((reason == GATE_SAME || reason == GATE_ELSEWHERE) && !b->decision.forced);
}

static int force(struct outcome *o, const char *why, struct fault *f)
{
    const struct config *c = conf_root(o->doc);
    const struct brake_ask ask = braking_ask(o->doc, conf_file(o->doc), load_database(c), NULL);
    const struct record r = {.forced = true, .why = str_trim(str_from(why)), .by = who()};
    int err = brake_record_add(&ask, &r, f);
    if (err)
        return err;
    o->recorded = true;
    return look(o, f);
}

/* ---- the running sluice ---- */

static int hand_over(struct outcome *o, const struct wish *w, struct fault *f)
{
    struct door_answer answer;
    yyjson_doc *doc = NULL;
    int err = door_post(&o->arena, w->to, w->dry_run ? "/admin/config?dry_run=1" : "/admin/config",
                        conf_text(o->doc), &answer, f);
    if (!err && json_parse(&o->arena, answer.body, &doc, NULL) != 0)
        err = fault_set(f, E_UPSTREAM_BODY, "%s is no sluice's admin door: it answered with %d",
                        w->to, answer.status);
    if (err)
        return err;
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct str wrong = json_get_str(yyjson_obj_get(root, "error"), "message");
    o->asked = true;
    o->status = answer.status;
    o->applied = yyjson_is_true(yyjson_obj_get(root, "applied"));
    o->said = json_get_str(root, answer.status == 200 ? "changes" : "problems");
    if (wrong.n > 0)
        return fault_set(f, E_FORBIDDEN, "%s refused: %.*s%s", w->to, STR_ARGS(wrong),
                         answer.status == 401 || answer.status == 403
                             ? " (an admin key is taken from " DOOR_KEY_NAME ")"
                             : "");
    return 0;
}

/* ---- what is said ---- */

static void lines_show(struct str lines)
{
    while (lines.n > 0) {
        struct str line = str_cut(&lines, '\n');
        printf("  %.*s\n", STR_ARGS(line));
    }
}

/* Where a running one was asked, it is that one's word that counts. */
static void verdict_show(const struct outcome *o, const struct wish *w)
{
    const struct gate_decision *d = &o->brake->decision;
    const char *file = conf_path(o->doc);
    if (o->recorded)
        printf("the reason was written into %.*s\n", STR_ARGS(o->records));
    if (o->asked)
        return;
    if (d->changed && d->reason != GATE_HELD && d->reason != GATE_NO_SUITES) {
        puts("what shapes answers has changed:");
        lines_show(o->brake->changes);
    }
    printf("%.*s", STR_ARGS(o->brake->told));
    if (d->reason == GATE_HELD && w->force && w->dry_run)
        printf("with this reason %s would be let through\n", file);
    if (d->reason == GATE_HELD)
        return;
    printf("%s may come into force: %s\n", file,
           d->reason == GATE_PASSED      ? "its suites have passed for it"
           : d->reason == GATE_SAME      ? "it answers as what was in force before"
           : d->reason == GATE_FORCED    ? "it was forced"
           : d->reason == GATE_ELSEWHERE ? "its suites have passed, as far as can be told here"
                                         : "no suite holds it back");
    struct buf word;
    buf_init(&word, OUTPUT_BYTES_MAX);
    buf_shell(&word, str_from(file));
    printf("`sluice serve --config %.*s` starts with it, and one that runs takes it at SIGHUP, or "
           "now with --to URL\n",
           STR_ARGS(buf_view(&word)));
    buf_fini(&word);
}

static void said_show(const struct outcome *o, const struct wish *w)
{
    if (!o->asked)
        return;
    printf("%s says:\n", w->to);
    lines_show(o->said);
    if (o->applied)
        puts("it is in force");
    else
        puts(o->status == 200 ? "it would come into force" : "it is not in force");
}

static void json_show(const struct outcome *o, bool fine)
{
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MAX);
    buf_printf(&out, "{\"ok\":%s,\"file\":", fine ? "true" : "false");
    json_quote(&out, str_from(conf_path(o->doc)));
    buf_printf(&out,
               ",\"answers\":\"%s\",\"changed\":%s,\"reason\":\"%s\",\"told\":", o->brake->answers,
               o->brake->decision.changed ? "true" : "false", reasons[o->brake->decision.reason]);
    json_quote(&out, o->brake->told);
    buf_str(&out, STR(",\"changes\":"));
    json_quote(&out, o->brake->changes);
    buf_printf(&out, ",\"recorded\":%s,\"applied\":", o->recorded ? "true" : "false");
    buf_str(&out, !o->asked ? STR("null") : o->applied ? STR("true") : STR("false"));
    buf_str(&out, STR(",\"said\":"));
    if (o->asked)
        json_quote(&out, o->said);
    else
        buf_str(&out, STR("null"));
    printf("%.*s}\n", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
}

/* ---- the command ---- */

static int fault_show(int err, const struct fault *f)
{
    fprintf(stderr, "sluice apply: %s\n", why_text(f, err));
    return err == E_CONFIG ? EXIT_BAR : EXIT_COULD_NOT;
}

static int apply(struct outcome *o, const struct wish *w)
{
    struct fault f = {0};
    const struct config *c = conf_root(o->doc);
    o->records = evals_records_path(&o->arena, &c->evals, conf_file(o->doc));
    int err = o->records.p ? look(o, &f) : E_MEMORY;
    if (!err && w->force && !is_in_want(o->brake))
        fprintf(stderr,
                "sluice apply: --force is not needed, and the reason is not written down: "
                "%s\n",
                o->brake->decision.reason == GATE_PASSED      ? "the suites have passed"
                : o->brake->decision.reason == GATE_NO_SUITES ? "no suite is named"
                                                              : "it was forced before");
    else if (!err && w->force && !w->dry_run)
        err = force(o, w->force, &f);
    /* The running one knows best what was in force. */
    if (!err && w->to)
        err = hand_over(o, w, &f);
    if (err && o->recorded)
        fprintf(stderr, "sluice apply: the reason was written into %.*s\n", STR_ARGS(o->records));
    if (err)
        return fault_show(err, &f);
    bool would_force = w->force && w->dry_run;
    bool fine = o->asked ? o->status == 200 : !brake_holds(o->brake) || would_force;
    if (w->json) {
        json_show(o, fine);
    } else {
        verdict_show(o, w);
        said_show(o, w);
    }
    return fine ? EXIT_DONE : EXIT_BAR;
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    struct fault f = {0};
    int words = 0;
    int code = options_read(&command_apply, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words + (w.config != NULL) > 1)
        return options_wrong(&command_apply, "one file at a time; '%s' is too much",
                             argv[w.config ? 1 : 2]);
    if (w.force && record_why_check(str_trim(str_from(w.force)), &f) != 0)
        return options_wrong(&command_apply, "--force: %s", fault_text(&f));
    struct outcome o = {.doc = NULL};
    const char *file = words ? argv[1] : w.config ? w.config : "sluice.yaml";
    arena_init_private(&o.arena, ARENA_BYTES_MAX);
    int err = conf_load(&config_table, file, &o.doc);
    if (!err)
        err = load_compile(o.doc);
    if (o.doc && err && w.json)
        load_problems_json(o.doc, false);
    else if (o.doc)
        load_problems_show(o.doc);
    code = !err ? apply(&o, &w) : err == E_CONFIG ? EXIT_BAR : EXIT_COULD_NOT;
    brake_unref(o.brake);
    conf_unref(o.doc);
    arena_fini(&o.arena);
    return code;
}

const struct command command_apply = {
    .name = "apply",
    .summary = "let a changed configuration come into force, if its evals have passed",
    .usage = "apply [FILE | --config FILE] [--force WHY] [--to URL] [--dry-run] [--json]",
    .about =
        "Tells what a configuration changes of what shapes answers (models, parameters, routing),\n"
        "and whether that may come into force: the suites that it names (evals: {suites: [...]})\n"
        "must have passed for it (`sluice eval run`), or answers stay as they were. Keys, limits,\n"
        "replicas, listeners and prices change freely, and where no suite is named, all does.\n"
        "With --to a running sluice takes it at once; without, `sluice serve` and SIGHUP decide "
        "by\n"
        "the same rule.\n",
    .options = options,
    .notes =
        "--force writes the reason into the file of records (evals.records, or FILE's name with\n"
        ".evals.jsonl), by which these answers are let through from then on, here and wherever "
        "the\n"
        "file goes. It is shown by `sluice check`, by /admin/config, in the log at each start, "
        "and\n"
        "as sluice_brake_forced on /metrics, until the suites have passed.\n\n"
        "What --to sends holds until the running sluice reads its own file again. Where its\n"
        "listener asks for an admin key, " DOOR_KEY_NAME " has it.\n\n"
        "Exit codes: 0 it may come into force (with --to: it has), 1 it is held back or has\n"
        "mistakes, 2 wrong use, 3 a file cannot be read or written, or nobody answers.\n\n"
        "Examples:\n"
        "  sluice apply sluice.yaml\n"
        "  sluice apply sluice.yaml --to http://127.0.0.1:8081\n"
        "  sluice apply sluice.yaml --force \"the provider switches the old model off today\"\n",
    .run = run,
};
