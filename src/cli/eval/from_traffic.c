/* from_traffic.c: `sluice eval from-traffic`: a suite drawn from recorded turns. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "cli/eval/eval.h"
#include "cli/eval/source.h"
#include "cli/options.h"
#include "cli/when.h"
#include "eval/traffic/sample.h"
#include "llm/prompt.h"

#define USUAL_OUT      "traffic.yaml"
#define USUAL_CASES    200
#define USUAL_FLOOR    3
#define USUAL_NEAR     900000 /* millionths */
#define TURNS_MAX      100000
#define SAMPLE_BYTES   (768u << 20)
#define CASE_BYTES_MAX (64u << 20)
#define STRATUM_BYTES  1024
#define PATH_BYTES     1024
#define STRATA_SHOWN   12
#define LEFT_OUT_SHOWN 5

struct wish {
    struct source_wish source;
    const char *out, *cases, *floor, *near, *seed;
    bool replace, json;
};

static const struct command_option options[] = {
    {"--out", "FILE", offsetof(struct wish, out),
     "the suite to write; its cases go beside it (.jsonl). Without it: " USUAL_OUT, VALUE_FILE,
     NULL},
    {"--replace", NULL, offsetof(struct wish, replace), "write over files that are there",
     VALUE_ANY, NULL},
    {"--cases", "N", offsetof(struct wish, cases), "how many to draw, at most; without it: 200",
     VALUE_ANY, NULL},
    {"--floor", "N", offsetof(struct wish, floor),
     "how many of each stratum at least, or all that it has; without it: 3", VALUE_ANY, NULL},
    {"--near", "SHARE", offsetof(struct wish, near),
     "from which likeness on two turns count as one question; without it: 90%\n"
     "(Jaccard, of words and pairs of words)",
     VALUE_ANY, NULL},
    {"--seed", "N", offsetof(struct wish, seed), "another draw; without it: 1", VALUE_ANY, NULL},
    SOURCE_OPTIONS(struct wish, source),
    {"--json", NULL, offsetof(struct wish, json), "what was drawn, as JSON", VALUE_ANY, NULL},
    {0},
};

struct drawing {
    const struct wish *wish;
    struct source source;
    struct sample_settings set;
    struct sample *sample;
    double scale; /* turns for each that was looked at */
    char cases_path[PATH_BYTES];
    const char *path;
    char fresh[2][PATH_BYTES + 8]; /* where the suite and the cases are written */
    FILE *cases, *suite;
    unsigned opened; /* the suite, then the cases: so many */
    struct buf line;
    unsigned written, changed;    /* cases; ... that lack something */
    uint64_t unfit[TRAFFIC_WHYS]; /* turns that were read, and yet can be no case */
    uint64_t redacted;
    struct fault fault;
};

/* ---- what is asked for ---- */

static int number_read(const char *name, const char *text, unsigned least, unsigned most,
                       unsigned usual, unsigned *ret_n)
{
    *ret_n = usual;
    if (!text || when_digits(str_from(text), least, most, ret_n))
        return EXIT_DONE;
    return options_wrong(&eval_from_traffic, "%s '%s' is no number from %u to %u", name, text,
                         least, most);
}

static int wish_read(struct drawing *d)
{
    const struct wish *w = d->wish;
    unsigned seed = 1;
    int64_t near = USUAL_NEAR;
    int code = number_read("--cases", w->cases, 1, 100000, USUAL_CASES, &d->set.cases);
    code = code ? code : number_read("--floor", w->floor, 1, 1000, USUAL_FLOOR, &d->set.floor);
    code = code ? code : number_read("--seed", w->seed, 0, 1000000000, 1, &seed);
    if (!code && w->near && !options_share(&eval_from_traffic, "--near", w->near, 0.3, &near))
        code = EXIT_WRONG_USE;
    d->set.seed = seed;
    d->set.near = (double)near / 1e6;
    d->set.bytes_max = SAMPLE_BYTES;
    d->path = w->out ? w->out : USUAL_OUT;
    struct str path = str_from(d->path);
    if (!code && !str_ends(path, STR(".yaml")) && !str_ends(path, STR(".yml")))
        return options_wrong(&eval_from_traffic,
                             "--out '%s' is no suite's name; expected one that ends in .yaml",
                             d->path);
    const char *dot = strrchr(d->path, '.');
    int n = snprintf(d->cases_path, sizeof(d->cases_path), "%.*s.jsonl",
                     (int)(dot ? dot - d->path : 0), d->path);
    if (!code && (n < 0 || (size_t)n >= sizeof(d->cases_path)))
        return options_wrong(&eval_from_traffic, "--out is too long a name");
    return code;
}

/* Requests of people are in them: they are for nobody else to read. What is to be replaced stays
 * until the new one is whole. */
static int file_open(struct drawing *d, const char *path, FILE **ret_file)
{
    char *fresh = d->fresh[d->opened];
    (void)snprintf(fresh, sizeof(d->fresh[0]), "%s%s", path, d->wish->replace ? ".new" : "");
    if (d->wish->replace)
        (void)unlink(fresh); /* of a draw that was killed */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_CLOEXEC | O_EXCL, 0600);
    *ret_file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (*ret_file) {
        d->opened++;
        return 0;
    }
    int failed = errno;
    if (fd >= 0)
        (void)close(fd);
    return fault_set(&d->fault, E_IO, "%s cannot be written: %s%s", path, strerror(failed),
                     failed == EEXIST && !d->wish->replace
                         ? "; --replace writes over it, --out FILE names another"
                         : "");
}

/* ---- the draw ---- */

/* "tenant=shop api=openai.chat model=gpt-4o prompt=3fa2... tokens=under 250" */
static struct str stratum_name(const struct source *s, const struct traffic_turn *t,
                               char text[STRATUM_BYTES], uint64_t *ret_group)
{
    const struct recorded_turn *r = t->recorded;
    char prompt[PROMPT_CHARS + 1];
    struct str tags = source_varies(&s->tags) ? STR_NONE : r->tags;
    int n = snprintf(text, STRATUM_BYTES, "%s%.*s%sapi=%.*s model=%.*s%s%.*s prompt=%s",
                     r->tenant.n ? "tenant=" : "", STR_ARGS(str_head(r->tenant, 128)),
                     r->tenant.n ? " " : "", STR_ARGS(r->api), STR_ARGS(str_head(r->asked, 128)),
                     tags.n ? " tags=" : "", STR_ARGS(str_head(tags, 256)),
                     source_varies(&s->prompts) ? "any" : prompt_text(t->prompt, prompt));
    *ret_group = XXH3_64bits(text, (size_t)n);
    n += snprintf(text + n, STRATUM_BYTES - (size_t)n, " tokens=%s",
                  traffic_length_names[traffic_length(r)]);
    return str_of(text, (size_t)n);
}

/* Writes the case to see whether it can be one: what is drawn stands for others, so it has to. */
static int turn_take(void *arg, const struct traffic_turn *t, struct arena *arena)
{
    struct drawing *d = arg;
    struct near_mark mark;
    char text[STRATUM_BYTES];
    uint64_t group;
    enum traffic_why why;
    struct str left_out;
    buf_clear(&d->line);
    int err = traffic_case_write(t, arena, 1, &d->line, &why, &left_out);
    d->unfit[why]++;
    if (!err && !why)
        err = source_mark(&d->source, t, &mark);
    if (err || why)
        return err;
    struct str stratum = stratum_name(&d->source, t, text, &group);
    return sample_add(d->sample, t->recorded->turn, group, stratum, &mark);
}

static int case_take(void *arg, const struct traffic_turn *t, struct arena *arena)
{
    struct drawing *d = arg;
    enum traffic_why why;
    struct str left_out;
    double weight = sample_take(d->sample, t->recorded->turn) * d->scale;
    if (weight == 0)
        return 0;
    buf_clear(&d->line);
    int err = traffic_case_write(t, arena, weight, &d->line, &why, &left_out);
    if (err || why)
        return err;
    d->written++;
    d->redacted += t->recorded->redacted > 0;
    if (left_out.n && d->changed++ < LEFT_OUT_SHOWN)
        fprintf(stderr,
                "sluice eval from-traffic: %.*s is without what OpenAI's chat form has no "
                "place for: %.*s\n",
                STR_ARGS(t->recorded->turn), STR_ARGS(left_out));
    return fwrite(d->line.p, 1, d->line.n, d->cases) == d->line.n
               ? 0
               : fault_set(&d->fault, E_IO, "%s cannot be written: %s", d->cases_path,
                           strerror(errno));
}

static int draw(struct drawing *d)
{
    int err = source_look(&d->source, TURNS_MAX);
    uint64_t all = d->source.whys[TRAFFIC_FINE];
    if (!err)
        err = sample_new(&d->set, &d->sample);
    if (!err)
        err = source_each(&d->source, turn_take, d);
    struct str filter = source_filter_text(&d->source);
    if (!err && sample_stats(d->sample).turns == 0)
        return fault_set(
            &d->fault, E_NOT_FOUND,
            "no turn there can be a case%.*s (of %llu): it takes chats that were answered "
            "with status 200; `sluice recordings` shows what there is",
            STR_ARGS(filter), (unsigned long long)d->source.recordings.seen.turns);
    if (!err)
        err = sample_draw(d->sample);
    if (err)
        return err;
    uint64_t looked_at = d->source.whys[TRAFFIC_FINE];
    d->scale = looked_at ? (double)all / (double)looked_at : 1;
    err = file_open(d, d->path, &d->suite);
    if (!err)
        err = file_open(d, d->cases_path, &d->cases);
    if (!err)
        err = source_each(&d->source, case_take, d);
    for (unsigned i = TRAFFIC_FINE + 1; i < TRAFFIC_WHYS; i++)
        d->source.whys[i] += d->unfit[i];
    return err;
}

/* ---- the suite's file ---- */

static const char suite_text[] =
    "#\n"
    "# NO GRADER HERE KNOWS YET WHAT A GOOD ANSWER IS. The one below sees only whether a request "
    "was\n"
    "# refused: a run of this suite as it stands says nothing about quality, however well it "
    "scores.\n"
    "# Say what you expect, in one of these ways, and then set a bar:\n"
    "#\n"
    "#   - label the cases: a field `expected` in each line, and {kind: exact, expected: "
    "\"{{expected}}\"}\n"
    "#     or another of `sluice eval graders` (contains, number, json, tool-call ...);\n"
    "#   - have a judge compare with the answer that was recorded, as below, after `sluice eval\n"
    "#     judge-check` has said how far it agrees with people. The recorded answer is a "
    "reference,\n"
    "#     not the truth: it is what the model said then, right or wrong.\n"
    "#\n"
    "# Each case stands for as many turns as its weight says: near-duplicates are one case, and "
    "rare\n"
    "# kinds of turns have more cases than their share. A mean by weight is the traffic's.\n";

static const char graders_text[] =
    "graders:\n"
    "  - {kind: refusal}   # fails where the answer refuses, in whole or in part\n"
    "#  - kind: rubric\n"
    "#    judge: a-strong-model\n"
    "#    about: Answers of an assistant to customers of a shop.\n"
    "#    expected: \"{{answer}}\"\n"
    "#    criteria:\n"
    "#      - {name: right, text: The answer says nothing that the reference contradicts., weight: "
    "2}\n"
    "#      - {name: whole, text: It has all that the reference has and the request needs.}\n"
    "#bar: {quality: 90%}\n";

static int suite_write(struct drawing *d)
{
    struct sample_stats s = sample_stats(d->sample);
    const char *slash = strrchr(d->cases_path, '/');
    const char *days = d->source.first_day;
    fprintf(
        d->suite,
        "# Drawn by `sluice eval from-traffic` from turns of %s to %s: %llu that were answered,\n"
        "# %u questions that are not nearly the same (%.0f %% of words and pairs of words), of "
        "which\n"
        "# %u are here. Requests of people are in the cases: treat the files as what they are.\n",
        days, d->source.last_day, (unsigned long long)(double)(d->scale * (double)s.turns + 0.5),
        s.clusters, d->set.near * 100, d->written);
    fputs(suite_text, d->suite);
    struct buf name; /* JSON's strings are YAML's, too */
    buf_init(&name, 8 * PATH_BYTES);
    (void)json_quote(&name, str_from(slash ? slash + 1 : d->cases_path));
    fprintf(d->suite,
            "about: Recorded turns of %s to %s\ncases: [%.*s]\nrequest: \"{{request}}\"\n", days,
            d->source.last_day, STR_ARGS(buf_view(&name)));
    buf_fini(&name);
    fputs(graders_text, d->suite);
    int failed = fclose(d->suite) | fclose(d->cases);
    d->suite = d->cases = NULL;
    if (!failed && d->wish->replace)
        failed = rename(d->fresh[1], d->cases_path) != 0 || rename(d->fresh[0], d->path) != 0;
    return failed ? fault_set(&d->fault, E_IO, "%s cannot be written: %s", d->path, strerror(errno))
                  : 0;
}

/* ---- what is told ---- */

static void tell_json(const struct drawing *d)
{
    struct sample_stats s = sample_stats(d->sample);
    struct buf out;
    buf_init(&out, CASE_BYTES_MAX);
    buf_str(&out, STR("{\"suite\":"));
    (void)json_quote(&out, str_from(d->path));
    buf_str(&out, STR(",\"cases_file\":"));
    (void)json_quote(&out, str_from(d->cases_path));
    buf_printf(
        &out,
        ",\"first_day\":\"%s\",\"last_day\":\"%s\",\"turns\":%.0f,\"looked_at\":%llu,"
        "\"different\":%u,\"near\":%g,\"cases\":%u,\"turns_like_them\":%.0f,\"redacted\":%llu,"
        "\"unreadable\":%llu,\"not_carried\":%llu,\"strata\":[",
        d->source.first_day, d->source.last_day, d->scale * (double)s.turns,
        (unsigned long long)s.turns, s.clusters, d->set.near, d->written,
        d->scale * (double)s.drawn_turns, (unsigned long long)d->redacted,
        (unsigned long long)d->source.whys[TRAFFIC_UNREADABLE],
        (unsigned long long)d->source.whys[TRAFFIC_NOT_CARRIED]);
    for (unsigned i = 0; i < sample_strata(d->sample); i++) {
        struct sample_stratum x = sample_stratum_at(d->sample, i);
        buf_str(&out, i ? STR(",{\"name\":") : STR("{\"name\":"));
        (void)json_quote(&out, x.name);
        buf_printf(&out, ",\"turns\":%.0f,\"different\":%u,\"cases\":%u}",
                   d->scale * (double)x.turns, x.clusters, x.drawn);
    }
    buf_str(&out, STR("]}\n"));
    (void)fwrite(out.p, 1, out.n, stdout);
    buf_fini(&out);
}

static void strata_tell(const struct drawing *d)
{
    unsigned n = sample_strata(d->sample), shown = n < STRATA_SHOWN ? n : STRATA_SHOWN;
    puts("   turns  different   cases  stratum");
    for (unsigned i = 0; i < shown; i++) {
        struct sample_stratum x = sample_stratum_at(d->sample, i);
        struct buf name; /* of names that clients gave: safe on a terminal, without the quotes */
        buf_init(&name, 8 * STRATUM_BYTES);
        (void)json_escape(&name, x.name);
        printf("%8.0f %10u %7u  %.*s\n", d->scale * (double)x.turns, x.clusters, x.drawn,
               STR_ARGS(buf_view(&name)));
        buf_fini(&name);
    }
    if (n > shown)
        printf("... and %u smaller ones\n", n - shown);
}

static void tell(const struct drawing *d)
{
    struct sample_stats s = sample_stats(d->sample);
    if (d->wish->json) {
        tell_json(d);
        return;
    }
    printf("%.0f turns of %s to %s, %u different questions, %u cases. Turns that ask nearly what a "
           "case asks (alike by %.0f %% or more): %.1f %%; `sluice eval coverage` counts from "
           "%.0f %% on.\n\n",
           d->scale * (double)s.turns, d->source.first_day, d->source.last_day, s.clusters,
           d->written, d->set.near * 100, 100.0 * (double)s.drawn_turns / (double)s.turns,
           SOURCE_NEAR_COVERED / 1e4);
    strata_tell(d);
    fputs("\n", stdout);
    source_tell_skipped(&d->source, stdout);
    const struct {
        const char *what;
        bool varies;
    } dimensions[] = {{"Tags", source_varies(&d->source.tags)},
                      {"Prompts", source_varies(&d->source.prompts)}};
    for (unsigned i = 0; i < ARRAY_LEN(dimensions); i++)
        if (dimensions[i].varies)
            printf("%s make no strata: there are more than %d different ones.\n",
                   dimensions[i].what, SOURCE_VARIETY_MAX);
    if (d->scale > 1)
        printf("A random %llu of the turns were looked at.\n", (unsigned long long)s.turns);
    if (d->redacted)
        printf("%llu case%s something that was taken out when they were recorded.\n",
               (unsigned long long)d->redacted, d->redacted == 1 ? " lacks" : "s lack");
    printf("\nWrote %s and %s.\nIts only grader looks for refusals: what a good answer is has yet "
           "to be said there.\n",
           d->path, d->cases_path);
}

/* ---- the command ---- */

static int act(struct drawing *d)
{
    buf_init(&d->line, CASE_BYTES_MAX);
    int err = draw(d);
    if (!err)
        err = suite_write(d);
    if (!err)
        tell(d);
    if (d->suite)
        (void)fclose(d->suite);
    if (d->cases)
        (void)fclose(d->cases);
    buf_fini(&d->line);
    sample_free(d->sample);
    if (!err)
        return EXIT_DONE;
    for (unsigned i = 0; i < d->opened; i++) /* half a suite is none */
        (void)unlink(d->fresh[i]);
    const struct fault *f = d->fault.err ? &d->fault : &d->source.recordings.fault;
    fprintf(stderr, "sluice eval from-traffic: %s\n", why_text(f, err));
    return EXIT_COULD_NOT;
}

static int run(int argc, char **argv)
{
    struct wish w = {.out = NULL};
    struct drawing d = {.wish = &w};
    int words = 0;
    int code = options_read(&eval_from_traffic, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words)
        return options_too_much(&eval_from_traffic, argv[1]);
    if (w.source.folder && w.source.config)
        return options_wrong(&eval_from_traffic, "--folder or --config, not both");
    code = wish_read(&d);
    if (code)
        return code;
    code = source_open(&eval_from_traffic, &w.source, d.set.seed, &d.source);
    if (!code)
        code = act(&d);
    source_close(&d.source);
    return code;
}

const struct command eval_from_traffic = {
    .name = "eval from-traffic",
    .summary = "draw a suite from recorded turns",
    .usage = "eval from-traffic [--out FILE] [--cases N] [OPTIONS]",
    .about =
        "Writes a suite whose cases stand for the traffic that was recorded: chats that were "
        "answered\n(done, status 200), one of those that ask nearly the same, drawn from strata by "
        "tenant, protocol,\nmodel, tags, prompt and length. Each case has the request as it was "
        "recorded (in OpenAI's chat\nform), the recorded answer as the field `answer`, and as its "
        "weight the turns that it stands for.\n",
    .options = options,
    .notes =
        "The suite has no grader that knows what a good answer is; its file says how to give it "
        "one.\nNear means near in words: questions that differ by one word only may be told apart "
        "or not,\nby how long they are.\n\n"
        "Exit codes: 0 done, 2 wrong use, 3 it could not run.\n",
    .run = run,
};
