/*
 * gateway.c: opening, reloading, closing.
 *
 * heap: snapshots and load jobs outlast requests.
 */
#include "api/gateway.h"

#include <stdlib.h>

#include "api/braking.h"
#include "api/prompting.h"
#include "api/watch.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"
#include "net/listener.h"
#include "net/tls.h"
#include "rt/pool.h"
#include "rt/task.h"
#include "turn/outcomes.h"
#include "turn/prompts.h"
#include "turn/stored.h"

#define DAY_MS 86400000

struct snapshot *snapshot_ref(struct snapshot *s)
{
    s->refs++;
    return s;
}

void snapshot_unref(struct snapshot *s)
{
    if (!s || --s->refs > 0)
        return;
    models_close(s->models);
    tls_context_free(s->tls);
    recording_rules_unref(s->recording);
    exporter_unref(s->exporter);
    conf_unref(s->doc); /* the arena goes with it, and so does all that was compiled */
    free(s);
}

static struct http_limits limits_of(const struct http_settings *s)
{
    return (struct http_limits){.header_bytes_max = (size_t)s->header_bytes_max,
                                .headers_max = (unsigned)s->headers_max,
                                .header_ms = s->header_ms,
                                .idle_ms = s->idle_ms,
                                .body_ms = s->body_ms,
                                .write_ms = s->write_ms};
}

/* What is wrong with a file of it is wrong with the configuration. */
static int tls_make(const struct client_tls_settings *s, struct conf_doc *doc,
                    struct tls_context **ret_tls)
{
    if (!s->cert_file.n)
        return 0;
    const struct tls_server_settings settings = {
        .cert_file = s->cert_file.p,
        .key_file = s->key_file.n ? s->key_file.p : NULL,
        .client_ca_file = s->client_ca_file.n ? s->client_ca_file.p : NULL};
    struct fault f = {0};
    int err = tls_server_context_new(&settings, ret_tls, &f);
    if (err != E_TLS)
        return err;
    conf_complain(doc, &s->cert_file, "%s", fault_text(&f));
    return E_CONFIG;
}

static int proxies_make(const struct conf_strs *texts, struct conf_doc *doc,
                        struct network **ret_proxies)
{
    struct network *proxies = arena_alloc(conf_arena(doc), texts->n * sizeof(*proxies));
    int err = proxies || texts->n == 0 ? 0 : E_MEMORY;
    for (unsigned i = 0; i < texts->n && err != E_MEMORY; i++) {
        struct fault f = {0};
        int wrong = network_parse(texts->at[i], &proxies[i], &f);
        if (wrong)
            conf_complain(doc, &texts->at[i], "%s", fault_text(&f));
        err = err ? err : wrong;
    }
    *ret_proxies = proxies;
    return err;
}

int snapshot_make(struct upstreams *upstreams, struct conf_doc *doc, const char *listen,
                  struct snapshot **ret_snapshot)
{
    if (conf_error_count(doc) > 0)
        return E_CONFIG;
    struct snapshot *s = calloc(1, sizeof(*s));
    if (!s)
        return E_MEMORY;
    s->refs = 1;
    s->doc = conf_ref(doc);
    s->config = conf_root(doc);
    s->limits = limits_of(&s->config->http);
    s->loaded_wall_us = clock_wall_us();
    struct fault f = {0};
    struct arena *arena = conf_arena(doc);
    int err = prices_load(arena, &s->config->prices, s->config->price_file, &s->prices, &f);
    if (err && err != E_MEMORY) { /* whatever it is: the file is wrong */
        conf_complain(doc, &s->config->price_file, "%s", why_text(&f, err));
        err = E_CONFIG;
    }
    int checked = config_check(s->config, listen, doc);
    err = err ? err : checked;
    int secured = tls_make(&s->config->tls, doc, &s->tls);
    int proxied = proxies_make(&s->config->proxy_protocol, doc, &s->proxies);
    int told = exporter_new(&s->config->telemetry, doc, &s->exporter);
    err = err ? err : secured ? secured : proxied ? proxied : told;
    if (!err)
        err = models_compile(&s->config->models, doc, upstreams, s->prices, &s->models);
    if (!err)
        config_prices_check(s->config, s->models, doc);
    if (!err)
        err = levers_chain(arena, &s->config->levers, s->config->evals.suites.n > 0, &s->chain);
    if (!err)
        err = limits_rules_make(arena, &s->config->limits, &s->config->keys, &s->rules);
    if (!err)
        err = recording_rules_make(&s->config->recording, doc, &s->recording);
    if (!err && conf_error_count(doc) > 0)
        err = E_CONFIG;
    if (err) {
        snapshot_unref(s);
        return err;
    }
    *ret_snapshot = s;
    return 0;
}

static int log_configure(const struct log_settings *s)
{
    return log_open(s->file.n ? s->file.p : NULL, (enum log_format)s->format,
                    (enum log_level)s->level);
}

/* From now on the rules of the snapshot in force hold. `past`: what was used while nothing counted;
 * NULL where that is known, or nobody knows. */
static int limits_begin(struct gateway *g, const struct limits_past *past)
{
    int err = past && !g->house.gate ? limits_past_take(g->limits, past) : 0;
    g->house.gate = limits_use(g->limits, &g->now->rules);
    return err;
}

/* What cannot be told costs no request: it is said, and that is all. */
static void telemetry_begin(struct gateway *g)
{
    int err = telemetry_use(g->telemetry, g->now->exporter, &g->house.telemetry);
    if (err)
        LOG(LOG_ERROR, "telemetry is off", log_z("error", err_code(err)));
}

/* Before the doors open, so it may take its time. */
static int limits_open(struct gateway *g, struct str where, struct fault *f)
{
    struct limits_past *past = NULL;
    int err = limits_new(&g->limits);
    if (!err && where.n && g->now->rules.any)
        err = limits_past_read(where, &past, f);
    if (!err)
        err = limits_begin(g, past);
    limits_past_free(past);
    return err;
}

/* The recorder is there from the first configuration on that asks for it. */
static int recording_use(struct gateway *g, struct recording_rules *rules, struct fault *f)
{
    int err = rules && !g->recorder ? recorder_new(&g->recorder, f) : 0;
    if (!err && g->recorder)
        recorder_use(g->recorder, rules);
    return err;
}

/* Before the doors open, too. */
static int prompting_begin(struct gateway *g)
{
    struct prompting read;
    prompting_read(g->now->doc, g->file, &read);
    int err = prompting_use(g, &read);
    prompting_fini(&read);
    return err;
}

int gateway_open(struct gateway *g, struct snapshot *snapshot, struct fault *f)
{
    const struct config *c = snapshot->config;
    g->now = snapshot;
    g->streams.max = (unsigned)config_streams_max(&c->http);
    g->began_wall_us = clock_wall_us();
    waitq_init(&g->reload_ended);
    g->metrics = metric_set_new();
    const char *file = conf_file(snapshot->doc);
    g->file = file ? strdup(file) : NULL;
    if (!g->metrics || (file && !g->file))
        return E_MEMORY;
    int err = log_configure(&c->log);
    if (err)
        return fault_set(f, err, "the log file %.*s cannot be written", STR_ARGS(c->log.file));
    struct str where = config_has_ledger(c) ? c->state.ledger : STR_NONE;
    if (where.n)
        err = ledger_open(
            &(struct ledger_settings){.where = where,
                                      .keep_days = (c->state.keep_ms + DAY_MS - 1) / DAY_MS,
                                      .keep_bytes = c->state.keep_bytes,
                                      .keep_stored_ms = c->state.keep_responses_ms},
            &g->ledger, f);
    if (!err)
        err = stored_open(&(struct stored_settings){.where = where,
                                                    .ledger = g->ledger,
                                                    .keep_ms = c->state.keep_responses_ms,
                                                    .bytes_max = STORED_BYTES_MAX},
                          &g->stored, f);
    if (!err)
        err = outcomes_new(&(struct outcomes_settings){.where = where,
                                                       .ledger = g->ledger,
                                                       .bytes_max = OUTCOMES_BYTES_MAX},
                           &g->outcomes);
    if (!err)
        err = keys_open(where, &g->keys, f);
    if (!err)
        err = keys_configure(g->keys, &c->keys, snapshot->doc);
    if (!err)
        err = turn_house_init(&g->house, g->ledger, g->metrics);
    if (!err)
        err = limits_open(g, where, f);
    if (!err)
        err = recording_use(g, snapshot->recording, f);
    if (!err)
        err = prompting_begin(g);
    if (!err)
        err = watch_new(snapshot->doc, &g->watch);
    if (!err)
        err = telemetry_new(g->metrics, gateway_gauges, g, &g->telemetry);
    if (!err)
        telemetry_begin(g);
    return err;
}

void gateway_close(struct gateway *g)
{
    outcomes_free(g->outcomes);
    stored_free(g->stored);
    if (g->ledger)
        ledger_close(g->ledger);
    if (g->keys)
        keys_close(g->keys);
    recorder_close(g->recorder);
    prompts_free(g->prompts);
    telemetry_free(g->telemetry);
    turn_house_fini(&g->house);
    limits_free(g->limits);
    snapshot_unref(g->now);
    brake_unref(g->brake);
    watch_free(g->watch);
    upstreams_free(g->upstreams);
    metric_set_free(g->metrics);
    free(g->file);
}

/* ---- reload ---- */

struct load_job {
    struct pool_job job;
    char *path;
    struct buf text;           /* n == 0: read the file */
    struct conf_doc *in_force; /* what hidden secrets in the text stand for */
    struct conf_doc *doc;
    bool sent;         /* the text is not the file's */
    struct str ledger; /* STR_NONE: none */
    char *file;        /* of the configuration, by which suites and records are found */
    struct brake *brake_in_force, *brake;
    struct fault fault; /* of the brake */
    struct prompting prompting;
    struct str past_where; /* the ledger's, where it is to be read if the file has limits */
    struct limits_past *past;
    struct watch *watch;
    int err;
};

static void past_read(struct load_job *l)
{
    const struct config *c = conf_root(l->doc);
    struct fault ignored = {0}; /* a ledger that cannot be read keeps no limit from holding */
    if (l->past_where.n && limits_any(&c->limits, &c->keys) &&
        limits_past_read(l->past_where, &l->past, &ignored) != 0)
        l->past = NULL;
}

static int brake_ask(struct load_job *l)
{
    struct brake_ask ask = braking_ask(l->doc, l->file, l->ledger, l->brake_in_force);
    ask.sent = l->sent;
    return brake_look(&ask, &l->brake, &l->fault);
}

static void load_run(struct pool_job *job)
{
    struct load_job *l = CONTAINER_OF(job, struct load_job, job);
    l->err = l->text.n
                 ? conf_load_over(l->in_force, &config_table, l->path, buf_view(&l->text), &l->doc)
                 : conf_load(&config_table, l->path, &l->doc);
    if (!l->err && conf_error_count(l->doc) == 0) {
        l->err = watch_new(l->doc, &l->watch);
        if (!l->err)
            l->err = brake_ask(l);
        prompting_read(l->doc, l->file, &l->prompting);
        past_read(l);
    }
}

static void load_drop(struct pool_job *job)
{
    struct load_job *l = CONTAINER_OF(job, struct load_job, job);
    limits_past_free(l->past);
    watch_free(l->watch);
    prompting_fini(&l->prompting);
    brake_unref(l->brake);
    brake_unref(l->brake_in_force);
    conf_unref(l->doc);
    conf_unref(l->in_force);
    buf_fini(&l->text);
    free(l->file);
    free(l->path);
    free(l);
}

/* Compares with what is in use, and refuses what only a restart can change. */
static int difference(struct gateway *g, struct conf_doc *doc, struct buf *out)
{
    unsigned changes = 0;
    bool restart = false;
    int err = conf_diff(&config_table, g->now->doc, doc, out, &changes, &restart);
    if (err)
        return err;
    if (changes == 0)
        return buf_str(out, STR("nothing changed\n"));
    if (!restart)
        return 0;
    buf_str(out, STR("refused: listeners and state change with a restart only\n"));
    return E_CONFIG;
}

static bool has_line(struct str lines, struct str line)
{
    while (lines.n > 0)
        if (str_eq(str_cut(&lines, '\n'), line))
            return true;
    return false;
}

/* What the brake says stands behind the difference; of what changed, what is not told there. */
static int let_through(struct gateway *g, const struct brake *brake, bool dry_run, struct buf *out)
{
    size_t difference_bytes = out->n;
    for (struct str told = brake->told; told.n > 0 && !out->failed;) {
        struct str line = str_cut(&told, '\n');
        if (str_starts(line, STR("  ")) &&
            has_line(str_of(out->p, difference_bytes), str_trim(line)))
            continue;
        buf_printf(out, "%.*s\n", STR_ARGS(line));
    }
    if (!brake_holds(brake))
        return out->failed;
    g->held += !dry_run;
    return E_CONFIG;
}

static int swap(struct gateway *g, const struct load_job *l, bool dry_run, struct buf *out)
{
    struct snapshot *fresh = NULL;
    struct conf_doc *doc = l->doc;
    const char *listen = g->listener ? listener_address(g->listener) : NULL;
    int err = snapshot_make(g->upstreams, doc, listen, &fresh);
    if (err) {
        int printed = conf_problems_print(doc, out, false);
        return printed ? printed : err;
    }
    err = difference(g, doc, out);
    bool open_door = listen && !address_is_loopback(listen);
    if (!err && open_door && !fresh->config->keys.require) {
        buf_str(out, STR("refused: the listener is open to others, so keys have to be required\n"));
        err = E_CONFIG;
    }
    struct fault f = {0};
    if (!err)
        err = let_through(g, l->brake, dry_run, out);
    if (!err && !dry_run)
        err = keys_configure(g->keys, &fresh->config->keys, doc);
    if (!err && !dry_run)
        err = recording_use(g, fresh->recording, &f);
    if (err || dry_run) {
        snapshot_unref(fresh);
        return err;
    }
    if (log_configure(&fresh->config->log) != 0)
        buf_str(out, STR("warning: the log file cannot be written; the old one stays\n"));
    struct snapshot *old = g->now;
    g->now = fresh;
    if (limits_begin(g, l->past) != 0)
        buf_str(out, STR("warning: what was used before could not all be counted\n"));
    telemetry_begin(g);
    g->streams.max = (unsigned)config_streams_max(&fresh->config->http);
    snapshot_unref(old);
    return 0;
}

/* Where nothing was counted so far, a file that brings limits has to know what was used before. */
static struct str past_where(struct gateway *g, bool dry_run)
{
    if (dry_run || g->house.gate || !g->ledger)
        return STR_NONE;
    int err = ledger_sync(g->ledger);
    (void)err; /* what cannot be written is not in the ledger yet, and is not counted */
    return g->now->config->state.ledger;
}

/* What is to be read. E_MEMORY: it has no place. */
static int order(struct load_job *l, const struct gateway *g, const struct reload *r)
{
    const struct conf_doc *now = g->now->doc;
    struct str text = r->from == RELOAD_TEXT    ? r->text
                      : r->from == RELOAD_NAMED ? conf_text(now)
                                                : STR_NONE;
    l->path = strdup(r->from == RELOAD_TEXT    ? "(body)"
                     : r->from == RELOAD_NAMED ? conf_path(now)
                                               : g->file);
    buf_init(&l->text, text.n + 1);
    buf_str(&l->text, text);
    l->file = g->file ? strdup(g->file) : NULL;
    return l->path && (l->file || !g->file) && !l->text.failed ? 0 : E_MEMORY;
}

static int reload(struct gateway *g, const struct reload *r, struct buf *out)
{
    if (r->from == RELOAD_FILE && !g->file) {
        buf_str(out, STR("there is no file to read again: this sluice was started without one\n"));
        return E_CONFIG;
    }
    struct str where = past_where(g, r->dry_run);
    struct load_job *l = calloc(1, sizeof(*l));
    if (!l)
        return E_MEMORY;
    l->past_where = where; /* in_force keeps it */
    l->job = (struct pool_job){.run = load_run, .drop = load_drop};
    l->in_force = conf_ref(g->now->doc);
    l->ledger = g->ledger ? g->now->config->state.ledger : STR_NONE; /* and that */
    l->brake_in_force = brake_ref(g->brake);
    l->sent = r->from == RELOAD_TEXT || (r->from == RELOAD_NAMED && g->was_sent);
    int err = order(l, g, r);
    if (!err)
        err = pool_call(&l->job);
    if (err == E_MEMORY)
        load_drop(&l->job);
    if (err)
        return err; /* else the pool drops it */
    err = l->err;
    if (conf_error_count(l->doc) > 0) { /* also one that is too large for its memory */
        int printed = conf_problems_print(l->doc, out, false);
        err = printed ? printed : err == E_IO ? E_IO : E_CONFIG;
    } else if (!err && conf_is_empty(l->doc) && !conf_is_empty(g->now->doc)) {
        /* A file that is being written just now, or a slip: nobody means that. */
        buf_str(out, STR("refused: there is no setting in it; all that is in force would go\n"));
        err = E_CONFIG;
    } else if (err == E_STORE) { /* the brake cannot tell what was in force */
        buf_printf(out, "refused: %s\n", why_text(&l->fault, err));
    } else if (!err) {
        err = swap(g, l, r->dry_run, out);
        if (!err && !r->dry_run) {
            struct watch *old = g->watch;
            g->watch = l->watch;
            l->watch = old; /* which goes with the job */
            braking_reloaded(g, l->brake, r->from);
            if (prompting_use(g, &l->prompting) != 0)
                buf_str(out, STR("warning: prompts that no suite has are not told\n"));
        }
    }
    load_drop(&l->job);
    return err;
}

/* The next begins with what this one has put into force, and cannot be overtaken by it. */
static int reload_in_turn(struct gateway *g, const struct reload *r, struct buf *out)
{
    while (g->reloading) {
        int err = waitq_wait(&g->reload_ended);
        if (err)
            return err;
    }
    g->reloading = true;
    int err = reload(g, r, out);
    g->reloading = false;
    waitq_wake_all(&g->reload_ended);
    return err;
}

static const char *reload_file(const struct gateway *g, const struct reload *r)
{
    if (r->from == RELOAD_NAMED)
        return conf_path(g->now->doc);
    return r->from == RELOAD_TEXT || !g->file ? "(body)" : g->file;
}

static void reload_log(const char *file, const struct reload *r, int err, struct str lines)
{
    enum log_level level = err ? LOG_ERROR : LOG_INFO;
    LOG(level, err ? "reload refused" : "reloaded", log_z("file", file), log_s("by", r->by));
    while (lines.n > 0) {
        struct str line = str_cut(&lines, '\n');
        bool warns = !err && str_starts(line, STR("warning: "));
        if (line.n)
            LOG(warns ? LOG_WARN : level, "reload", log_s("line", line));
    }
}

int gateway_reload(struct gateway *g, const struct reload *r, struct buf *out)
{
    int err = reload_in_turn(g, r, out);
    if (err)
        g->reloads_refused++;
    else if (!r->dry_run)
        g->reloads++;
    /* The log's file may have been moved away, whatever became of the configuration's. */
    if (err && r->from == RELOAD_FILE && !r->dry_run && log_configure(&g->now->config->log) != 0)
        buf_str(out, STR("warning: the log file cannot be written; the old one stays\n"));
    if (!r->dry_run)
        reload_log(reload_file(g, r), r, err, buf_view(out));
    return err;
}

struct look_job {
    struct pool_job job;
    struct watch *watch;
    const char *changed; /* of the watch */
};

static void look_run(struct pool_job *job)
{
    struct look_job *l = CONTAINER_OF(job, struct look_job, job);
    l->changed = watch_changed(l->watch);
}

static void look_drop(struct pool_job *job)
{
    struct look_job *l = CONTAINER_OF(job, struct look_job, job);
    watch_free(l->watch);
    free(l);
}

/* The job has the watch for as long as it looks; a reload puts another in its place. */
bool gateway_files_changed(struct gateway *g)
{
    if (!g->watch)
        return false;
    struct look_job *l = calloc(1, sizeof(*l));
    if (!l)
        return false;
    l->job = (struct pool_job){.run = look_run, .drop = look_drop};
    l->watch = g->watch;
    g->watch = NULL;
    int err = pool_call(&l->job);
    if (err && err != E_MEMORY)
        return false; /* at the end of the process: the pool drops it */
    bool changed = !err && l->changed;
    if (changed)
        LOG(LOG_INFO, "a file has changed", log_z("file", l->changed));
    if (!g->watch) {
        g->watch = l->watch;
        l->watch = NULL;
    }
    look_drop(&l->job);
    return changed;
}
