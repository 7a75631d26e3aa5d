/* answers.c: heap: it lives as long as a run. */
#include "eval/run/answers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/json.h"
#include "eval/suite/jsonl.h"
#include "turn/ledger/ledger.h"

#define LINE_BYTES_MAX JSONL_LINE_BYTES_MAX
#define SCRATCH_BYTES  (512u * 1024 * 1024)
#define SLOTS_LEAST    1024

/* Where the answer of a key stands: the last one that is done, else the last. A key is known by its
 * 64-bit hash, and looked at again when its line is read. */
struct slot {
    uint64_t hash; /* 0: free */
    int64_t at, n;
    int64_t cost_usd_nanos; /* of all lines of the key */
    bool done;
};

struct answers {
    int fd;
    char *path;
    int64_t end; /* of the file */
    size_t slots_n, used;
    struct slot *slots;
    struct answers_sums sums;
};

/* ---- the index ---- */

static uint64_t key_hash(struct str key)
{
    uint64_t hash = XXH3_64bits(key.p, key.n);
    return hash ? hash : 1;
}

static struct slot *slot_find(struct slot *slots, size_t n, uint64_t hash)
{
    size_t i = hash & (n - 1);
    while (slots[i].hash && slots[i].hash != hash)
        i = (i + 1) & (n - 1);
    return &slots[i];
}

static int slots_grow(struct answers *a)
{
    size_t n = a->slots_n ? a->slots_n * 2 : SLOTS_LEAST;
    struct slot *more = calloc(n, sizeof(*more));
    if (!more)
        return E_MEMORY;
    for (size_t i = 0; i < a->slots_n; i++)
        if (a->slots[i].hash)
            *slot_find(more, n, a->slots[i].hash) = a->slots[i];
    free(a->slots);
    a->slots = more;
    a->slots_n = n;
    return 0;
}

static void sums_add(struct answers_sums *s, const struct answer *answer)
{
    s->lines++;
    s->done += answer->done;
    if (answer->cost_usd_nanos == COST_UNKNOWN)
        s->unpriced++;
    else
        s->cost_usd_nanos = cost_add(s->cost_usd_nanos, answer->cost_usd_nanos);
}

/* The line from `at` on, of n bytes, has become one of the file's. */
static int index_add(struct answers *a, const struct answer *answer, int64_t at, int64_t n)
{
    int err = a->used * 2 >= a->slots_n ? slots_grow(a) : 0;
    if (err)
        return err;
    uint64_t hash = key_hash(answer->key);
    struct slot *slot = slot_find(a->slots, a->slots_n, hash);
    if (slot->hash == 0) {
        a->used++;
        *slot = (struct slot){.hash = hash};
    }
    if (answer->done || !slot->done) {
        slot->at = at;
        slot->n = n;
        slot->done = answer->done;
    }
    slot->cost_usd_nanos = cost_add(slot->cost_usd_nanos, answer->cost_usd_nanos);
    sums_add(&a->sums, answer);
    return 0;
}

/* ---- a line ---- */

static int line_write(const struct answer *a, struct buf *out)
{
    const struct tokens *t = &a->tokens;
    buf_str(out, STR("{\"turn\":"));
    json_quote(out, a->turn);
    jsonl_member(out, "time", a->time);
    jsonl_member(out, "key", a->key);
    jsonl_member(out, "purpose", a->purpose);
    buf_str(out, STR(",\"api\":\"openai.chat\""));
    jsonl_member(out, "asked", a->asked);
    jsonl_member(out, "provider", a->provider);
    jsonl_member(out, "model", a->model);
    buf_printf(out, ",\"state\":\"%s\",\"status\":%lld,\"live\":%s", a->done ? "done" : "failed",
               (long long)a->status, a->live ? "true" : "false");
    jsonl_member(out, "error", a->error);
    jsonl_member(out, "why", a->why);
    buf_printf(out,
               ",\"tokens\":{\"input\":%lld,\"cached\":%lld,\"cache_write\":%lld,\"output\":%lld,"
               "\"reasoning\":%lld,\"cache_write_1h\":%lld,\"counted\":\"%s\"},\"cost_usd\":",
               (long long)t->input, (long long)t->cached, (long long)t->cache_write,
               (long long)t->output, (long long)t->reasoning, (long long)t->cache_write_1h,
               token_source_name(t->source));
    cost_json_write(out, a->cost_usd_nanos);
    buf_printf(out, ",\"calls\":%lld,\"total_us\":%lld", (long long)a->calls,
               (long long)a->total_us);
    jsonl_member(out, "request", a->request);
    jsonl_member(out, "sent", a->sent);
    jsonl_member(out, "body", a->body);
    return buf_str(out, STR("}\n"));
}

static void line_read(yyjson_val *line, struct answer *ret)
{
    yyjson_val *tokens = yyjson_obj_get(line, "tokens");
    *ret = (struct answer){.key = json_get_str(line, "key"),
                           .purpose = json_get_str(line, "purpose"),
                           .turn = json_get_str(line, "turn"),
                           .time = json_get_str(line, "time"),
                           .asked = json_get_str(line, "asked"),
                           .provider = json_get_str(line, "provider"),
                           .model = json_get_str(line, "model"),
                           .done = str_eq(json_get_str(line, "state"), STR("done")),
                           .live = yyjson_get_bool(yyjson_obj_get(line, "live")),
                           .status = json_get_i64(line, "status", 0),
                           .error = json_get_str(line, "error"),
                           .why = json_get_str(line, "why"),
                           .tokens = {.input = json_get_i64(tokens, "input", 0),
                                      .cached = json_get_i64(tokens, "cached", 0),
                                      .cache_write = json_get_i64(tokens, "cache_write", 0),
                                      .cache_write_1h = json_get_i64(tokens, "cache_write_1h", 0),
                                      .output = json_get_i64(tokens, "output", 0),
                                      .reasoning = json_get_i64(tokens, "reasoning", 0)},
                           .cost_usd_nanos = cost_json_read(yyjson_obj_get(line, "cost_usd")),
                           .calls = json_get_i64(line, "calls", 0),
                           .total_us = json_get_i64(line, "total_us", -1),
                           .request = json_get_str(line, "request"),
                           .sent = json_get_str(line, "sent"),
                           .body = json_get_str(line, "body")};
}

/* ---- the file ---- */

static int io_fault(const struct answers *a, const char *what, struct fault *f)
{
    return fault_set(f, E_IO, "%s cannot be %s: %s", a->path, what, strerror(errno));
}

/* Puts what the file holds into the index; *ret_good is where its last whole line ends. */
static int file_index(struct answers *a, int64_t *ret_good, struct fault *f)
{
    struct jsonl *lines = NULL;
    struct arena arena;
    yyjson_val *line;
    int64_t at = 0;
    int err = jsonl_open(a->path, &lines, f);
    while (!err) {
        struct answer answer;
        arena_init_private(&arena, SCRATCH_BYTES);
        err = jsonl_next_object(lines, &arena, &line, f);
        bool torn = !err || err == E_BAD_JSON ? jsonl_is_torn(lines) : false;
        if (torn) {
            fault_clear(f);
            err = E_EOF;
        }
        if (!err) {
            int64_t end = jsonl_offset(lines);
            line_read(line, &answer);
            err = index_add(a, &answer, at, end - at);
            at = end;
        }
        arena_fini(&arena);
    }
    jsonl_close(lines);
    *ret_good = at;
    return err == E_EOF ? 0 : err;
}

int answers_open(const char *path, bool writing, struct answers **ret_answers, struct fault *f)
{
    struct answers *a = calloc(1, sizeof(*a));
    if (!a)
        return E_MEMORY;
    a->path = strdup(path);
    a->fd = open(path, writing ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0600);
    int err = !a->path    ? E_MEMORY
              : a->fd < 0 ? fault_set(f, E_IO, "%s cannot be opened: %s", path, strerror(errno))
                          : slots_grow(a);
    if (!err && writing && flock(a->fd, LOCK_EX | LOCK_NB) != 0)
        err = errno == EWOULDBLOCK
                  ? fault_set(f, E_IO, "another run writes %s; wait until it has ended", path)
                  : io_fault(a, "locked", f);
    if (!err)
        err = file_index(a, &a->end, f);
    if (!err && writing && ftruncate(a->fd, a->end) != 0)
        err = io_fault(a, "cut", f);
    if (!err) {
        *ret_answers = a;
        return 0;
    }
    (void)!answers_close(a);
    return err;
}

int answers_close(struct answers *a)
{
    if (!a)
        return 0;
    int err = a->fd >= 0 && fsync(a->fd) != 0 && errno != EINVAL ? E_IO : 0;
    if (a->fd >= 0)
        (void)close(a->fd);
    free(a->slots);
    free(a->path);
    free(a);
    return err;
}

static int line_load(struct answers *a, const struct slot *slot, struct arena *arena,
                     yyjson_val **ret_line, struct fault *f)
{
    char *text = arena_alloc(arena, (size_t)slot->n + 1);
    if (!text)
        return E_MEMORY;
    for (int64_t got = 0; got < slot->n;) {
        ssize_t n = pread(a->fd, text + got, (size_t)(slot->n - got), slot->at + got);
        if (n <= 0)
            return io_fault(a, "read", f);
        got += n;
    }
    yyjson_doc *doc = NULL;
    int err = json_parse(arena, str_of(text, (size_t)slot->n), &doc, f);
    *ret_line = err ? NULL : yyjson_doc_get_root(doc);
    return err;
}

int answers_last(struct answers *a, struct str key, struct arena *arena, struct answer *ret_answer,
                 struct fault *f)
{
    const struct slot *slot = slot_find(a->slots, a->slots_n, key_hash(key));
    yyjson_val *line = NULL;
    if (!slot->hash)
        return E_NOT_FOUND;
    int err = line_load(a, slot, arena, &line, f);
    if (err)
        return err;
    line_read(line, ret_answer);
    ret_answer->cost_usd_nanos = slot->cost_usd_nanos;
    return str_eq(ret_answer->key, key) ? 0 : E_NOT_FOUND;
}

int answers_find(struct answers *a, struct str key, struct arena *arena, struct answer *ret_answer,
                 struct fault *f)
{
    const struct slot *slot = slot_find(a->slots, a->slots_n, key_hash(key));
    return slot->done ? answers_last(a, key, arena, ret_answer, f) : E_NOT_FOUND;
}

int64_t answers_cost(const struct answers *a, struct str key)
{
    return slot_find(a->slots, a->slots_n, key_hash(key))->cost_usd_nanos;
}

int answers_add(struct answers *a, const struct answer *answer, struct fault *f)
{
    struct buf line;
    buf_init(&line, LINE_BYTES_MAX);
    int err = line_write(answer, &line);
    size_t done = 0;
    while (!err && done < line.n) {
        ssize_t n = pwrite(a->fd, line.p + done, line.n - done, a->end + (int64_t)done);
        if (n < 0)
            err = io_fault(a, "written", f);
        else
            done += (size_t)n;
    }
    if (!err)
        err = index_add(a, answer, a->end, (int64_t)line.n);
    if (!err)
        a->end += (int64_t)line.n;
    buf_fini(&line);
    return err;
}

struct answers_sums answers_sums(const struct answers *a)
{
    return a->sums;
}
