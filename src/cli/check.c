/*
 * check.c: `sluice check`: is this configuration right, and what does it come to?
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/braking.h"
#include "api/gateway.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/load.h"
#include "cli/options.h"

struct wish {
    const char *config;
    bool json, print, schema, reference;
};

static const struct command_option options[] = {
    {"FILE", NULL, 0, "the configuration (default: sluice.yaml); - is standard input", VALUE_FILE,
     NULL},
    {"--config", "FILE", offsetof(struct wish, config), "the same", VALUE_FILE, NULL},
    {"--json", NULL, offsetof(struct wish, json), "the findings as JSON", VALUE_ANY, NULL},
    {"--print", NULL, offsetof(struct wish, print),
     "the whole configuration in force, defaults included", VALUE_ANY, NULL},
    {"--schema", NULL, offsetof(struct wish, schema), "a JSON Schema of the file, for editors",
     VALUE_ANY, NULL},
    {"--reference", NULL, offsetof(struct wish, reference),
     "the reference page of all settings, as Markdown", VALUE_ANY, NULL},
    {0},
};

#define OUTPUT_BYTES_MAX (16u * 1024 * 1024)

static int show(struct buf *out, int err)
{
    if (!err)
        err = out->failed;
    if (!err)
        printf("%.*s", STR_ARGS(buf_view(out)));
    buf_fini(out);
    return err ? EXIT_COULD_NOT : EXIT_DONE;
}

/* The lines that belong together as one, from `*rest`, without the word in front. */
static struct str told_take(struct arena *a, struct str *rest, bool all)
{
    struct str line = str_cut(rest, '\n');
    ptrdiff_t word = str_find(line, STR(": "));
    struct str text = str_tail(line, (size_t)(word < 0 ? 0 : word + 2));
    while (rest->n > 0 && text.p && (all || str_starts(*rest, STR("  ")))) {
        line = str_trim(str_cut(rest, '\n'));
        text = arena_printf(a, "%.*s; %.*s", STR_ARGS(text), STR_ARGS(line));
    }
    return text;
}

/*
 * What the brake would say where the file came into force on this machine. A warning in any case:
 * the file is right, and evals are run after it was written. NULL where it cannot tell.
 */
static struct brake *brake_of(struct conf_doc *doc)
{
    const struct config *c = conf_root(doc);
    struct brake *b = NULL;
    struct fault f = {0};
    const struct brake_ask ask = braking_ask(doc, conf_file(doc), load_database(c), NULL);
    int err = brake_look(&ask, &b, &f);
    if (err)
        conf_warn(doc, &c->evals.suites, "the evals' brake cannot tell: %s", why_text(&f, err));
    return err ? NULL : b;
}

/* For programs: what it says as warnings of the file. */
static void brake_warn(struct conf_doc *doc, const struct brake *b)
{
    const struct config *c = conf_root(doc);
    for (struct str rest = b->told; rest.n > 0;) {
        bool held = brake_holds(b);
        struct str text = told_take(conf_arena(doc), &rest, held);
        conf_warn(doc, &c->evals.suites, "%s%.*s", held ? "it would not come into force yet: " : "",
                  STR_ARGS(text));
    }
}

/* For people: its lines as `sluice apply` shows them. */
static void brake_show(const struct brake *b)
{
    if (brake_holds(b))
        fputs("it would not come into force yet:\n", stderr);
    fprintf(stderr, "%.*s", STR_ARGS(b->told));
}

static void summary(const struct conf_doc *doc, bool held)
{
    const struct config *c = conf_root(doc);
    printf("%s %s: %u provider%s, %u name%s, %u lane%s, listening on %.*s, keys %s\n",
           conf_path(doc), held ? "has no mistakes" : "is fine", c->models.providers.n,
           c->models.providers.n == 1 ? "" : "s", c->models.models.n,
           c->models.models.n == 1 ? "" : "s", c->models.lanes.n, c->models.lanes.n == 1 ? "" : "s",
           STR_ARGS(c->listen), c->keys.require ? "required" : "not required");
}

static int check(const char *file, bool json, bool print)
{
    struct conf_doc *doc = NULL;
    int err = conf_load(&config_table, file, &doc);
    if (!err)
        err = load_compile(doc);
    struct brake *brake = err ? NULL : brake_of(doc);
    if (brake && json)
        brake_warn(doc, brake);
    int code = err == 0 ? EXIT_DONE : err == E_CONFIG ? EXIT_BAR : EXIT_COULD_NOT;
    if (!doc)
        return EXIT_COULD_NOT;
    if (json)
        load_problems_json(doc, err == 0);
    else
        load_problems_show(doc);
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MAX);
    if (!err && print)
        code = show(&out, conf_print(&config_table, doc, &out));
    else if (!err && !json)
        summary(doc, brake && brake_holds(brake));
    fflush(stdout); /* where both go to one place, this comes first */
    if (brake && !json)
        brake_show(brake);
    brake_unref(brake);
    conf_unref(doc);
    return code;
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    int words = 0;
    int code = options_read(&command_check, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (w.json + w.print + w.schema + w.reference > 1)
        return options_wrong(&command_check,
                             "--json, --print, --schema and --reference: one at a time");
    if (words + (w.config != NULL) > 1)
        return options_wrong(&command_check, "one file at a time; '%s' is too much",
                             argv[w.config ? 1 : 2]);
    const char *file = words ? argv[1] : w.config ? w.config : "sluice.yaml";
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MAX);
    if (w.schema)
        return show(&out, conf_schema(&config_table, &out));
    if (w.reference)
        return show(&out, conf_reference(&config_table, &out));
    bool named = words || w.config;
    if (!named && !w.json && !load_has_file(NULL)) {
        fputs("sluice check: no file was named, and there is no sluice.yaml in this folder; say "
              "`sluice check FILE`.\nWithout any file `sluice serve` needs OPENAI_API_KEY alone, "
              "and `sluice doctor` looks whether it works.\n",
              stderr);
        return EXIT_COULD_NOT;
    }
    return check(file, w.json, w.print);
}

const struct command command_check = {
    .name = "check",
    .summary = "tell what is wrong with a configuration",
    .usage = "check [FILE | --config FILE] [--json | --print | --schema | --reference]",
    .about = "Tells what is wrong with a configuration: file, line, what stands there, what was "
             "expected.\n"
             "Nothing is connected to and nothing is written.\n",
    .options = options,
    .notes = "Exit codes: 0 fine, 1 mistakes, 2 wrong use, 3 the file cannot be read.\n",
    .run = run,
};
