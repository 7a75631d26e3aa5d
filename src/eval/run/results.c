/* results.c: heap: as many as a suite has cases. */
#include "eval/run/results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "eval/suite/jsonl.h"

#define LINE_BYTES_MAX  (4u * 1024 * 1024)
#define ARENA_BYTES_MAX (4096ull * 1024 * 1024)

const char *const result_state_names[RESULT_STATES] = {"missing", "error", "ungraded", "graded"};
const char *const grade_safety_names[] = {"",        "answered", "wrongly refused",
                                          "refused", "unsafe",   NULL};

struct str result_key(struct arena *arena, struct str id, unsigned sample)
{
    return arena_printf(arena, "case/%u/%.*s", sample, STR_ARGS(id));
}

/* ---- writing ---- */

static void grades_write(const struct results *all, const struct result *r, struct buf *out)
{
    static const struct result_grade none = {0}; /* of a case that was not come to */
    buf_str(out, STR(",\"grades\":["));
    for (unsigned i = 0; i < all->graders_n; i++) {
        const struct result_grade *g = r->grades ? &r->grades[i] : &none;
        buf_str(out, i ? STR(",{\"grader\":") : STR("{\"grader\":"));
        json_quote(out, all->graders[i]);
        if (g->skipped) {
            buf_str(out, STR(",\"skipped\":true}"));
            continue;
        }
        buf_printf(out, ",\"graded\":%s,\"score\":%.9g,\"pass\":%s", g->graded ? "true" : "false",
                   g->score, g->pass ? "true" : "false");
        jsonl_member(out, "verdict", g->verdict);
        jsonl_member(out, "got", g->got);
        jsonl_member(out, "why", g->why);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

static int result_write(const struct results *all, const struct result *r, struct buf *out)
{
    buf_str(out, STR("{\"case\":"));
    json_quote(out, r->id);
    buf_printf(out, ",\"hash\":\"%s\",\"sample\":%u,\"state\":\"%s\",\"score\":%.9g,\"pass\":%s",
               r->hash, r->sample, result_state_names[r->state], r->score,
               r->pass ? "true" : "false");
    buf_printf(out, ",\"weight\":%.9g,\"tags\":[", r->weight);
    for (unsigned i = 0; i < r->tags_n; i++) {
        if (i)
            buf_char(out, ',');
        json_quote(out, r->tags[i]);
    }
    buf_char(out, ']');
    jsonl_member(out, "safety", str_from(grade_safety_names[r->safety]));
    buf_str(out, STR(",\"cost_usd\":"));
    cost_json_write(out, r->cost_usd_nanos);
    buf_str(out, STR(",\"judge_cost_usd\":"));
    cost_json_write(out, r->judge_cost_usd_nanos);
    buf_printf(out, ",\"total_us\":%lld,\"input_tokens\":%lld,\"output_tokens\":%lld",
               (long long)r->total_us, (long long)r->input_tokens, (long long)r->output_tokens);
    jsonl_member(out, "error", r->error);
    jsonl_member(out, "why", r->why);
    grades_write(all, r, out);
    return buf_str(out, STR("}\n"));
}

int results_write(const struct results *r, const char *path, struct fault *f)
{
    char fresh[4096];
    if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
        return fault_set(f, E_IO, "the path is too long: %s", path);
    /* Its owner's only, as the answers are, of which it holds pieces. */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file)
        return fault_set(f, E_IO, "%s cannot be written: %s", fresh, strerror(errno));
    struct buf line;
    buf_init(&line, LINE_BYTES_MAX);
    int err = 0;
    for (unsigned i = 0; i < r->n && !err; i++) {
        buf_clear(&line);
        err = result_write(r, &r->at[i], &line);
        if (!err && fwrite(line.p, 1, line.n, file) != line.n)
            err = E_IO;
    }
    if ((fflush(file) != 0 || fsync(fileno(file)) != 0) && !err)
        err = E_IO;
    if (fclose(file) != 0 && !err)
        err = E_IO;
    if (!err && rename(fresh, path) != 0)
        err = E_IO;
    if (err == E_IO)
        fault_set(f, err, "%s cannot be written: %s", path, strerror(errno));
    buf_fini(&line);
    return err;
}

/* ---- reading ---- */

static unsigned word_index(struct str word, const char *const *words, unsigned n)
{
    unsigned i = 0;
    while (i < n && !str_eq(word, str_from(words[i])))
        i++;
    return i;
}

static int graders_read(struct results *all, yyjson_val *grades)
{
    unsigned n = (unsigned)yyjson_arr_size(grades);
    all->graders = ARENA_ARRAY(&all->arena, struct str, n + 1);
    if (!all->graders)
        return E_MEMORY;
    for (unsigned i = 0; i < n; i++)
        all->graders[i] = json_get_str(yyjson_arr_get(grades, i), "grader");
    all->graders_n = n;
    return 0;
}

static int grades_read(struct results *all, yyjson_val *grades, struct result *r)
{
    int err = all->n == 0 ? graders_read(all, grades) : 0;
    r->grades = err ? NULL : ARENA_ARRAY(&all->arena, struct result_grade, all->graders_n + 1);
    if (!r->grades)
        return err ? err : E_MEMORY;
    if (yyjson_arr_size(grades) != all->graders_n)
        return E_BAD_REQUEST;
    for (unsigned i = 0; i < all->graders_n; i++) {
        yyjson_val *g = yyjson_arr_get(grades, i);
        r->grades[i] =
            (struct result_grade){.skipped = yyjson_get_bool(yyjson_obj_get(g, "skipped")),
                                  .graded = yyjson_get_bool(yyjson_obj_get(g, "graded")),
                                  .pass = yyjson_get_bool(yyjson_obj_get(g, "pass")),
                                  .score = yyjson_get_num(yyjson_obj_get(g, "score")),
                                  .verdict = json_get_str(g, "verdict"),
                                  .got = json_get_str(g, "got"),
                                  .why = json_get_str(g, "why")};
    }
    return 0;
}

static int tags_read(struct results *all, yyjson_val *tags, struct result *r)
{
    r->tags_n = (unsigned)yyjson_arr_size(tags);
    r->tags = ARENA_ARRAY(&all->arena, struct str, r->tags_n + 1);
    for (unsigned i = 0; r->tags && i < r->tags_n; i++)
        r->tags[i] = json_str(yyjson_arr_get(tags, i));
    return r->tags ? 0 : E_MEMORY;
}

static int result_read(struct results *all, yyjson_val *line, struct result *r)
{
    struct str hash = json_get_str(line, "hash");
    unsigned state = word_index(json_get_str(line, "state"), result_state_names, RESULT_STATES);
    unsigned safety = word_index(json_get_str(line, "safety"), grade_safety_names,
                                 SAFETY_UNSAFE + 1);
    *r = (struct result){
        .id = json_get_str(line, "case"),
        .weight = yyjson_get_num(yyjson_obj_get(line, "weight")),
        .sample = (unsigned)json_get_i64(line, "sample", 0),
        .state = (enum result_state)state,
        .score = yyjson_get_num(yyjson_obj_get(line, "score")),
        .pass = yyjson_get_bool(yyjson_obj_get(line, "pass")),
        .safety = safety > SAFETY_UNSAFE ? SAFETY_NOT_ASKED : (enum grade_safety)safety,
        .cost_usd_nanos = cost_json_read(yyjson_obj_get(line, "cost_usd")),
        .judge_cost_usd_nanos = cost_json_read(yyjson_obj_get(line, "judge_cost_usd")),
        .total_us = json_get_i64(line, "total_us", -1),
        .input_tokens = json_get_i64(line, "input_tokens", 0),
        .output_tokens = json_get_i64(line, "output_tokens", 0),
        .error = json_get_str(line, "error"),
        .why = json_get_str(line, "why")};
    if (!r->id.n || hash.n >= sizeof(r->hash) || state == RESULT_STATES || r->sample == 0)
        return E_BAD_REQUEST;
    memcpy(r->hash, hash.p ? hash.p : "", hash.n);
    int err = tags_read(all, yyjson_obj_get(line, "tags"), r);
    return err ? err : grades_read(all, yyjson_obj_get(line, "grades"), r);
}

static int result_add(struct results *all, unsigned *cap, yyjson_val *line)
{
    if (all->n == *cap) {
        *cap = *cap ? *cap * 2 : 256;
        struct result *more = realloc(all->at, *cap * sizeof(*more));
        if (!more)
            return E_MEMORY;
        all->at = more;
    }
    int err = result_read(all, line, &all->at[all->n]);
    all->n += !err;
    return err;
}

int results_read(const char *path, struct results *ret_results, struct fault *f)
{
    struct jsonl *lines = NULL;
    yyjson_val *line;
    unsigned cap = 0;
    *ret_results = (struct results){0};
    arena_init_private(&ret_results->arena, ARENA_BYTES_MAX);
    int err = jsonl_open(path, &lines, f);
    while (!err && (err = jsonl_next_object(lines, &ret_results->arena, &line, f)) == 0) {
        err = result_add(ret_results, &cap, line);
        if (err == E_BAD_REQUEST)
            fault_set(f, err,
                      "%s:%u: this is no result of a run; it was edited, or is another version's",
                      path, jsonl_line(lines));
    }
    jsonl_close(lines);
    return err == E_EOF ? 0 : err;
}

void results_fini(struct results *r)
{
    free(r->at);
    arena_fini(&r->arena);
    *r = (struct results){0};
}
