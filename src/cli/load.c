#include "cli/load.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/gateway.h"
#include "base/json.h"
#include "cli/command.h"
#include "llm/upstream.h"
#include "rt/loop.h"
#include "store/rows.h"

#define USUAL_FILE "sluice.yaml"

void load_problems_show(const struct conf_doc *doc)
{
    struct buf out;
    buf_init(&out, 4u << 20);
    int err = conf_problems_print(doc, &out, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
    fprintf(stderr, "%.*s", STR_ARGS(buf_view(&out)));
    if (err)
        fputs("(more problems than can be shown)\n", stderr);
    buf_fini(&out);
}

void load_problems_json(const struct conf_doc *doc, bool fine)
{
    struct buf out;
    buf_init(&out, 16u << 20);
    buf_printf(&out, "{\"ok\":%s,\"file\":", fine ? "true" : "false");
    json_quote(&out, str_from(conf_path(doc)));
    buf_str(&out, STR(",\"problems\":["));
    for (unsigned i = 0; i < conf_problem_count(doc); i++) {
        const struct conf_problem *p = conf_problem(doc, i);
        buf_printf(&out, "%s{\"line\":%u,\"column\":%u,\"severity\":\"%s\",\"path\":", i ? "," : "",
                   p->line, p->column, p->warning ? "warning" : "error");
        json_quote(&out, p->path);
        buf_str(&out, STR(",\"text\":"));
        json_quote(&out, p->text);
        buf_char(&out, '}');
    }
    buf_str(&out, STR("]}\n"));
    if (!out.failed)
        printf("%.*s", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
}

bool load_has_file(const char *path)
{
    return path || access(USUAL_FILE, F_OK) == 0; /* one that cannot be read is an error later */
}

/* An empty key is one for a server that wants none, so not for OpenAI itself. */
bool load_has_nothing(const char *path)
{
    const char *key = getenv("OPENAI_API_KEY"), *url = getenv("OPENAI_BASE_URL");
    return !load_has_file(path) && (!key || (!*key && (!url || !*url)));
}

int load_quietly(const char *path, struct conf_doc **ret_doc)
{
    if (load_has_file(path))
        return conf_load(&config_table, path ? path : USUAL_FILE, ret_doc);
    return conf_load_text(&config_table, "(no file)", str_from(config_without_file), ret_doc);
}

void load_nothing_tell(void)
{
    char folder[PATH_MAX];
    fprintf(stderr,
            "sluice: there is no configuration: no file was named, there is no " USUAL_FILE
            " in %s,\nand OPENAI_API_KEY is %s.\nTo go on, " LOAD_ADVICE ".\n",
            getcwd(folder, sizeof(folder)) ? folder : "this folder",
            getenv("OPENAI_API_KEY") ? "empty" : "not set");
}

int load_config(const char *path, struct conf_doc **ret_doc)
{
    if (load_has_nothing(path)) {
        load_nothing_tell();
        return EXIT_COULD_NOT;
    }
    int err = load_quietly(path, ret_doc);
    if (*ret_doc && conf_problem_count(*ret_doc) > 0)
        load_problems_show(*ret_doc);
    if (err == E_CONFIG)
        return EXIT_BAR;
    return err ? EXIT_COULD_NOT : 0;
}

int load_compile(struct conf_doc *doc)
{
    struct upstreams *upstreams = NULL;
    struct snapshot *s = NULL;
    int err = loop_init();
    if (!err)
        err = upstreams_new(&upstreams);
    if (!err)
        err = snapshot_make(upstreams, doc, NULL, &s);
    snapshot_unref(s);
    upstreams_free(upstreams);
    return err;
}

struct str load_database(const struct config *c)
{
    struct rows_store *store = NULL;
    if (!config_has_ledger(c))
        return STR_NONE;
    int err = rows_open(c->state.ledger, true, &store, NULL);
    rows_close(store);
    return err == E_NOT_FOUND ? STR_NONE : c->state.ledger;
}
