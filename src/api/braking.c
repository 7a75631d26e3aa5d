/* braking.c: heap: a note of what is in force goes to the pool of threads and back. */
#include "api/braking.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "rt/pool.h"

struct brake_ask braking_ask(const struct conf_doc *doc, const char *file, struct str ledger,
                             const struct brake *running)
{
    const struct config *c = conf_root(doc);
    return (struct brake_ask){.root = &config_table,
                              .doc = doc,
                              .evals = &c->evals,
                              .file = file,
                              .ledger = ledger,
                              .running = running};
}

static struct str ledger_of(const struct config *c)
{
    return config_has_ledger(c) ? c->state.ledger : STR_NONE;
}

int braking_start(struct gateway *g, const struct snapshot *first, struct fault *f)
{
    const struct brake_ask ask = braking_ask(first->doc, conf_file(first->doc),
                                             ledger_of(first->config), NULL);
    int err = brake_look(&ask, &g->brake, f);
    if (!err && brake_holds(g->brake))
        err = E_CONFIG;
    return err;
}

void braking_log(const struct brake *b)
{
    struct str lines = b->told;
    while (lines.n > 0) {
        struct str line = str_cut(&lines, '\n');
        if (line.n > 0)
            LOG(LOG_WARN, "brake", log_s("line", line));
    }
}

static void failure_log(int err, const struct fault *f)
{
    LOG(LOG_WARN, "brake: the next start will not know what was in force",
        log_z("why", why_text(f, err)));
}

void braking_started(struct gateway *g)
{
    struct fault f = {0};
    struct str ledger = ledger_of(g->now->config);
    int err = ledger.n ? brake_keep(g->brake, ledger, g->file, LAST_GOOD_FILE, &f) : 0;
    if (err)
        failure_log(err, &f);
}

struct keep_job {
    struct pool_job job;
    struct brake *brake;
    char *ledger, *file;
    enum last_good_of of;
    struct fault fault;
    int err;
};

static void keep_run(struct pool_job *job)
{
    struct keep_job *k = CONTAINER_OF(job, struct keep_job, job);
    k->err = brake_keep(k->brake, str_from(k->ledger), k->file, k->of, &k->fault);
}

static void keep_drop(struct pool_job *job)
{
    struct keep_job *k = CONTAINER_OF(job, struct keep_job, job);
    brake_unref(k->brake);
    free(k->ledger);
    free(k->file);
    free(k);
}

static int keep(struct gateway *g, struct str ledger, enum last_good_of of)
{
    struct keep_job *k = calloc(1, sizeof(*k));
    if (!k)
        return E_MEMORY;
    k->job = (struct pool_job){.run = keep_run, .drop = keep_drop};
    k->brake = brake_ref(g->brake);
    k->ledger = strndup(ledger.p, ledger.n);
    k->file = g->file ? strdup(g->file) : NULL;
    k->of = of;
    int err = k->ledger && (k->file || !g->file) ? pool_call(&k->job) : E_MEMORY;
    if (err && err != E_MEMORY)
        return 0; /* at the end of the process: the pool drops it when it has run */
    if (!err && k->err)
        failure_log(k->err, &k->fault);
    keep_drop(&k->job);
    return err;
}

void braking_reloaded(struct gateway *g, struct brake *fresh, enum reload_from from)
{
    struct brake *old = g->brake;
    bool was_sent = g->was_sent;
    struct str ledger = ledger_of(g->now->config);
    if (from != RELOAD_NAMED)
        g->was_sent = from == RELOAD_TEXT;
    g->brake = brake_ref(fresh);
    bool same = was_sent == g->was_sent && strcmp(old->answers, fresh->answers) == 0 &&
                strcmp(old->unforced, fresh->unforced) == 0 && str_eq(old->suites, fresh->suites);
    brake_unref(old);
    int err = same || ledger.n == 0
                  ? 0
                  : keep(g, ledger, g->was_sent ? LAST_GOOD_SENT : LAST_GOOD_FILE);
    if (err)
        failure_log(err, &(struct fault){0});
}

void braking_write(const struct brake *b, struct buf *out)
{
    struct str lines = b->told;
    buf_printf(out, "# answers: %s\n", b->answers);
    while (lines.n > 0) {
        struct str line = str_cut(&lines, '\n');
        if (line.n == 0)
            continue;
        buf_str(out, STR("# "));
        if (str_is_text(line))
            buf_str(out, line);
        else
            json_escape(out, line); /* there are more ends of a line in YAML than one */
        buf_char(out, '\n');
    }
}
