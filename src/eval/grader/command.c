/*
 * command.c: a grader of one's own: a program that reads a JSON object on standard input,
 *
 *     {"case": {...}, "prompt": "...", "answer": "...", "calls": [...], "expected": ...}
 *
 * and writes one, {"score": 0.5, "why": "..."} or {"pass": true}. Whatever else it does, an exit
 * code other than 0, other text, taking too long, leaves the answer ungraded, with the reason.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "eval/grader/kinds.h"
#include "eval/grader/process.h"
#include "rt/pool.h"
#include "rt/task.h"

#define IN_BYTES_MAX    (64u * 1024 * 1024)
#define OUT_BYTES_MAX   (1024u * 1024)
#define NOISE_BYTES_MAX (64u * 1024)
#define WHY_BYTES       2000

/* heap: the pool may have it when who asked has given up. */
struct job {
    struct pool_job pool;
    char **argv; /* one piece with its texts */
    struct buf in, out, noise;
    int64_t timeout_ms;
    struct process_end end;
    struct fault fault;
    int err;
};

static void job_free(struct job *job)
{
    buf_fini(&job->in);
    buf_fini(&job->out);
    buf_fini(&job->noise);
    free(job->argv);
    free(job);
}

static void job_drop(struct pool_job *pool)
{
    job_free(CONTAINER_OF(pool, struct job, pool));
}

static void job_run(struct pool_job *pool)
{
    struct job *job = CONTAINER_OF(pool, struct job, pool);
    job->err = process_run(job->argv, buf_view(&job->in), job->timeout_ms, &job->out, &job->noise,
                           &job->end, &job->fault);
}

static char **argv_copy(const struct conf_strs *words)
{
    size_t bytes = (words->n + 1) * sizeof(char *);
    size_t at = bytes;
    for (unsigned i = 0; i < words->n; i++)
        bytes += words->at[i].n + 1;
    char **argv = calloc(1, bytes);
    for (unsigned i = 0; argv && i < words->n; i++) {
        argv[i] = (char *)argv + at;
        memcpy(argv[i], words->at[i].p, words->at[i].n);
        at += words->at[i].n + 1;
    }
    return argv;
}

static void member_put(struct buf *out, const char *name, yyjson_val *value)
{
    buf_printf(out, "%s\"%s\":", out->n > 1 ? "," : "", name);
    if (!value)
        buf_str(out, STR("null"));
    else if (json_value(out, value) != 0 && !out->failed)
        out->failed = E_MEMORY;
}

static int input_put(const struct grading *g, struct buf *out)
{
    buf_char(out, '{');
    member_put(out, "case", g->fields);
    buf_str(out, STR(",\"prompt\":"));
    json_quote(out, g->prompt);
    buf_str(out, STR(",\"answer\":"));
    json_quote(out, g->text);
    member_put(out, "calls", g->calls);
    member_put(out, "expected", g->expected);
    buf_str(out, STR("}\n"));
    return out->failed;
}

/* ---- what it said ---- */

/* The last line that says something, for people. */
static struct str last_line(struct str text)
{
    text = str_trim(text);
    for (size_t i = text.n; i > 0; i--)
        if (text.p[i - 1] == '\n')
            return str_tail(text, i);
    return text;
}

static int ungraded(struct arena *arena, const struct job *job, const char *what,
                    struct grade *ret_grade)
{
    struct str noise = str_head_utf8(last_line(buf_view(&job->noise)), WHY_BYTES);
    struct str why = arena_printf(arena, "%s %s%s%.*s", job->argv[0], what, noise.n ? ": " : "",
                                  STR_ARGS(noise));
    return why.p ? grade_none(ret_grade, why) : E_MEMORY;
}

/* {"score": 0..1} or {"pass": true}, with a "why" or without. */
static bool verdict_read(yyjson_val *said, double *ret_score, struct str *ret_why)
{
    yyjson_val *score = yyjson_obj_get(said, "score"), *pass = yyjson_obj_get(said, "pass");
    *ret_why = json_get_str(said, "why");
    *ret_score = yyjson_is_num(score) ? yyjson_get_num(score) : yyjson_is_true(pass) ? 1 : 0;
    if (score)
        return yyjson_is_num(score) && *ret_score >= 0 && *ret_score <= 1;
    return yyjson_is_bool(pass);
}

static int said_read(struct arena *arena, const struct job *job, struct grade *ret_grade)
{
    yyjson_doc *doc = NULL;
    struct str why, said = str_trim(buf_view(&job->out));
    double score;
    int err = said.n ? json_parse(arena, said, &doc, NULL) : E_BAD_JSON;
    if (err && err != E_BAD_JSON)
        return err;
    if (err || !verdict_read(yyjson_doc_get_root(doc), &score, &why)) {
        struct str what =
            arena_printf(arena,
                         "wrote '%.*s'; expected {\"score\": 0 to 1, \"why\": \"...\"} or "
                         "{\"pass\": true}",
                         STR_ARGS(str_head_utf8(said, 120)));
        return what.p ? ungraded(arena, job, what.p, ret_grade) : E_MEMORY;
    }
    why = arena_str(arena, str_head_utf8(why, WHY_BYTES));
    if (!why.p)
        return E_MEMORY;
    (void)grade_yes_no(ret_grade, score >= 1, STR_NONE, why);
    ret_grade->score = score;
    return 0;
}

static int job_read(struct arena *arena, const struct job *job, struct grade *ret_grade)
{
    char what[80];
    if (job->err == E_IO) {
        struct str why = arena_printf(arena, "%s", fault_text(&job->fault));
        return why.p ? grade_none(ret_grade, why) : E_MEMORY;
    }
    if (job->err)
        return job->err;
    const struct process_end *end = &job->end;
    if (end->late)
        snprintf(what, sizeof(what), "took longer than %lld ms", (long long)job->timeout_ms);
    else if (end->flooded)
        snprintf(what, sizeof(what), "wrote more than %u bytes", OUT_BYTES_MAX);
    else if (end->signal)
        snprintf(what, sizeof(what), "was ended by signal %d", end->signal);
    else if (end->code)
        snprintf(what, sizeof(what), "ended with exit code %d", end->code);
    else
        return said_read(arena, job, ret_grade);
    return ungraded(arena, job, what, ret_grade);
}

static int command_grade(const void *self, const struct grading *g, struct grade *ret_grade,
                         struct fault *f UNUSED)
{
    const struct grader_settings *s = self;
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        return E_MEMORY;
    job->pool = (struct pool_job){.run = job_run, .drop = job_drop};
    job->timeout_ms = s->timeout_ms;
    buf_init(&job->in, IN_BYTES_MAX);
    buf_init(&job->out, OUT_BYTES_MAX);
    buf_init(&job->noise, NOISE_BYTES_MAX);
    job->argv = argv_copy(&s->command);
    int err = job->argv ? input_put(g, &job->in) : E_MEMORY;
    if (!err && task_self()) {
        err = pool_call(&job->pool);
        if (err && err != E_MEMORY)
            return err; /* the pool drops it */
    } else if (!err) {
        job_run(&job->pool);
    }
    if (!err)
        err = job_read(g->arena, job, ret_grade);
    job_free(job);
    return err;
}

/* ---- settings ---- */

/* Is it a program: by its path, or in PATH? 0 or E_MEMORY. */
static int program_find(struct arena *arena, struct str word, bool *ret_is)
{
    const char *path = getenv("PATH");
    bool is_path = memchr(word.p, '/', word.n) != NULL;
    struct str rest = str_from(is_path ? "." : path ? path : "/bin:/usr/bin");
    for (*ret_is = false; rest.n > 0 && !*ret_is;) {
        struct str folder = str_cut(&rest, ':');
        struct str file = is_path ? arena_str(arena, word)
                                  : arena_printf(arena, "%.*s/%.*s",
                                                 STR_ARGS(folder.n ? folder : STR(".")),
                                                 STR_ARGS(word));
        if (!file.p)
            return E_MEMORY;
        *ret_is = access(file.p, X_OK) == 0;
    }
    return 0;
}

/* A word that looks like a script's name, where there is no such file. */
static bool is_lost_script(struct arena *arena, struct str word)
{
    static const char *const ends[] = {".py", ".sh", ".js", ".mjs", ".ts", ".rb", ".pl"};
    struct str file = arena_printf(arena, "%.*s", STR_ARGS(word));
    for (unsigned i = 0; i < ARRAY_LEN(ends) && file.p; i++)
        if (str_ends(word, str_from(ends[i])))
            return access(file.p, F_OK) != 0;
    return false;
}

static int command_look(const struct grader_settings *s, struct conf_doc *doc, struct arena *arena)
{
    bool is = false;
    int err = program_find(arena, s->command.at[0], &is);
    if (err)
        return err;
    if (!is) {
        conf_complain(doc, &s->command, "there is no program '%.*s' here or in PATH",
                      STR_ARGS(str_head_utf8(s->command.at[0], 200)));
        return E_CONFIG;
    }
    for (unsigned i = 1; i < s->command.n; i++)
        if (is_lost_script(arena, s->command.at[i]))
            conf_warn(doc, &s->command,
                      "there is no file '%.*s'; it is looked for in the folder that sluice runs in",
                      STR_ARGS(str_head_utf8(s->command.at[i], 200)));
    return 0;
}

static int command_open(const struct grader_settings *s, struct conf_doc *doc, struct arena *arena,
                        void **ret_self)
{
    *ret_self = (void *)s;
    for (unsigned i = 0; i < s->command.n; i++)
        if (s->command.at[i].n && memchr(s->command.at[i].p, 0, s->command.at[i].n)) {
            conf_complain(doc, &s->command.at[i], "a word has a zero byte in it");
            return E_CONFIG;
        }
    if (s->command.n > 0 && s->command.at[0].n > 0)
        return command_look(s, doc, arena);
    conf_complain(doc, &s->command, "no program is named; expected [PROGRAM, WORD ...]");
    return E_CONFIG;
}

static const char *const uses[] = {"command", "expected", "timeout", NULL};
static const char *const needs[] = {"command", NULL};

const struct grader_kind grader_command = {
    .name = "command",
    .summary = "a program of your own says the score",
    .uses = uses,
    .needs = needs,
    .waits = true,
    .open = command_open,
    .grade = command_grade,
};
