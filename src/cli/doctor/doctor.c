/*
 * doctor.c: `sluice doctor`: would it work here, and if not, what is to be done?
 */
#include "cli/doctor/doctor.h"

#include <stdio.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/load.h"
#include "cli/options.h"
#include "rt/loop.h"

#define OUTPUT_BYTES_MAX (4u * 1024 * 1024)
#define ARENA_BYTES_MAX  (16u * 1024 * 1024)
#define FREE_BYTES_LEAST (1024 * 1024 * 1024)

struct wish {
    const char *config;
    bool offline, json;
};

static const struct command_option options[] = {
    {"--config", "FILE", offsetof(struct wish, config),
     "the configuration (default: as for sluice serve)", VALUE_FILE, NULL},
    {"--offline", NULL, offsetof(struct wish, offline), "ask no provider", VALUE_ANY, NULL},
    {"--json", NULL, offsetof(struct wish, json), "the findings as JSON", VALUE_ANY, NULL},
    {0},
};

static const struct doctor_check checks[] = {
    {"configuration", false, false, doctor_configuration},
    {"environment", false, false, doctor_environment},
    {"prices", true, false, doctor_prices},
    {"name", true, true, doctor_name},
    {"connection", true, true, doctor_connection},
    {"key", true, true, doctor_key},
    {"clock", true, true, doctor_clock},
    {"telemetry", true, true, doctor_telemetry},
    {"descriptors", true, false, doctor_descriptors},
    {"mappings", true, false, doctor_mappings},
    {"backlog", true, false, doctor_backlog},
    {"ledger", true, false, doctor_ledger},
    {"port", true, false, doctor_ports},
    {NULL, false, false, NULL},
};

static const char *const words[DOCTOR_VERDICTS] = {"ok", "skipped", "warning", "problem"};

void doctor_find(struct doctor *d, enum doctor_verdict verdict, struct str about, const char *fmt,
                 ...)
{
    if (d->n == DOCTOR_FINDINGS_MAX) {
        d->at[d->n - 1].text = STR("there is more to say than is shown");
        return;
    }
    va_list args;
    va_start(args, fmt);
    struct str text = arena_vprintf(&d->arena, fmt, args);
    va_end(args);
    d->at[d->n++] = (struct doctor_finding){
        .check = d->check, .verdict = verdict, .about = about, .text = text};
}

void doctor_advise(struct doctor *d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    d->at[d->n - 1].advice = arena_vprintf(&d->arena, fmt, args);
    va_end(args);
}

void doctor_init(struct doctor *d)
{
    d->proc = "/proc";
    d->free_bytes_least = FREE_BYTES_LEAST;
    arena_init(&d->arena, ARENA_BYTES_MAX);
    d->err = loop_init();
    if (!d->err)
        d->err = upstreams_new(&d->upstreams);
}

void doctor_run(struct doctor *d, const struct doctor_check *rows)
{
    for (const struct doctor_check *c = rows; c->name && !d->err; c++) {
        d->check = c->name;
        if (c->needs_config && !d->snapshot)
            doctor_find(d, DOCTOR_SKIPPED, STR_NONE, "needs a configuration without mistakes");
        else if (c->needs_network && d->offline)
            doctor_find(d, DOCTOR_SKIPPED, STR_NONE, "needs the network (--offline)");
        else
            c->run(d);
    }
}

void doctor_fini(struct doctor *d)
{
    snapshot_unref(d->snapshot);
    upstreams_free(d->upstreams);
    conf_unref(d->doc);
    arena_fini(&d->arena);
}

/* ---- what is shown ---- */

static void finding_text(const struct doctor_finding *f, struct buf *out)
{
    buf_printf(out, "%-8s %-14s %.*s%s%.*s\n", words[f->verdict], f->check, STR_ARGS(f->about),
               f->about.n ? ": " : "", STR_ARGS(f->text));
    if (f->advice.n)
        buf_printf(out, "%24s%.*s\n", "-> ", STR_ARGS(f->advice));
}

static void member(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, ",\"%s\":", name);
    json_quote(out, value);
}

static void finding_json(const struct doctor_finding *f, struct buf *out)
{
    buf_printf(out, "{\"check\":\"%s\",\"verdict\":\"%s\"", f->check, words[f->verdict]);
    member(out, "about", f->about);
    member(out, "text", f->text);
    member(out, "advice", f->advice);
    buf_char(out, '}');
}

static unsigned count(const struct doctor *d, enum doctor_verdict verdict)
{
    unsigned n = 0;
    for (unsigned i = 0; i < d->n; i++)
        n += d->at[i].verdict == verdict;
    return n;
}

static int show(const struct doctor *d, bool json)
{
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MAX);
    unsigned problems = count(d, DOCTOR_PROBLEM), warnings = count(d, DOCTOR_WARNING);
    if (json)
        buf_printf(&out, "{\"ok\":%s,\"findings\":[", problems ? "false" : "true");
    for (unsigned i = 0; i < d->n; i++) {
        if (json && i)
            buf_str(&out, STR(",\n"));
        if (json)
            finding_json(&d->at[i], &out);
        else
            finding_text(&d->at[i], &out);
    }
    if (json)
        buf_str(&out, STR("]}\n"));
    else
        buf_printf(&out, "%u problem%s, %u warning%s\n", problems, problems == 1 ? "" : "s",
                   warnings, warnings == 1 ? "" : "s");
    int err = out.failed;
    if (!err)
        printf("%.*s", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
    return err ? EXIT_COULD_NOT : problems ? EXIT_BAR : EXIT_DONE;
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    int words_n = 0;
    int code = options_read(&command_doctor, &w, argc, argv, &words_n);
    if (code >= 0)
        return code;
    if (words_n > 0)
        return options_too_much(&command_doctor, argv[1]);
    struct doctor d = {.path = w.config, .offline = w.offline};
    doctor_init(&d);
    doctor_run(&d, checks);
    code = show(&d, w.json);
    if (d.err) {
        fprintf(stderr, "sluice doctor: %s\n", err_text(d.err));
        code = EXIT_COULD_NOT;
    }
    doctor_fini(&d);
    return code;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "look whether it would work here, and say what is to be done",
    .usage = "doctor [--config FILE] [--offline] [--json]",
    .about = "Looks whether sluice would work here: the configuration, its variables of the "
             "environment,\n"
             "the providers (each is asked for its list of models, which costs nothing), the "
             "clock, the\n"
             "system's limits, the ledger's place, the ports. It changes nothing. Run it as the "
             "user that\n"
             "serves, with that user's environment and limits.\n",
    .options = options,
    .notes = "Exit codes: 0 no problem (there may be warnings), 1 a problem, 2 wrong use, 3 could "
             "not look.\n",
    .run = run,
};
