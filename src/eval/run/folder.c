#include "eval/run/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "eval/suite/newfile.h"

#define FILE_BYTES_MAX (1u * 1024 * 1024)
#define RUNS_MAX       100000

/* ---- run.json ---- */

static void text_member(struct buf *out, const char *name, struct str text)
{
    buf_printf(out, ",\n \"%s\": ", name);
    json_quote_or_null(out, text);
}

static int facts_write(const struct run_facts *r, struct buf *out)
{
    buf_printf(out, "{\"version\": %d", FOLDER_VERSION);
    text_member(out, "id", r->id);
    text_member(out, "suite", r->suite);
    text_member(out, "suite_file", r->suite_file);
    text_member(out, "suite_hash", r->suite_hash);
    text_member(out, "config_file", r->config_file);
    text_member(out, "answers_hash", r->answers);
    text_member(out, "model", r->model);
    text_member(out, "sluice", r->sluice);
    text_member(out, "began", r->began);
    text_member(out, "ended", r->ended);
    text_member(out, "verdict", r->verdict);
    if (r->score >= 0)
        buf_printf(out, ",\n \"score_millionths\": %lld", (long long)r->score);
    buf_printf(out, ",\n \"cases\": %lld,\n \"samples\": %lld,\n \"complete\": %s}\n",
               (long long)r->cases, (long long)r->samples, r->complete ? "true" : "false");
    return out->failed;
}

static void facts_read(yyjson_val *o, struct run_facts *ret)
{
    *ret = (struct run_facts){.id = json_get_str(o, "id"),
                              .suite = json_get_str(o, "suite"),
                              .suite_file = json_get_str(o, "suite_file"),
                              .suite_hash = json_get_str(o, "suite_hash"),
                              .config_file = json_get_str(o, "config_file"),
                              .answers = json_get_str(o, "answers_hash"),
                              .model = json_get_str(o, "model"),
                              .sluice = json_get_str(o, "sluice"),
                              .began = json_get_str(o, "began"),
                              .ended = json_get_str(o, "ended"),
                              .cases = json_get_i64(o, "cases", 0),
                              .samples = json_get_i64(o, "samples", 0),
                              .verdict = json_get_str(o, "verdict"),
                              .score = json_get_i64(o, "score_millionths", -1),
                              .complete = yyjson_get_bool(yyjson_obj_get(o, "complete"))};
}

struct str folder_file(struct arena *a, const struct run_folder *r, const char *name)
{
    return arena_printf(a, "%.*s/%s", STR_ARGS(r->path), name);
}

static int write_fault(const char *path, struct fault *f)
{
    return fault_set(f, E_IO, "%s cannot be written: %s", path, strerror(errno));
}

int folder_write(const struct run_folder *r, struct fault *f)
{
    struct arena a;
    struct buf text;
    arena_init_private(&a, FILE_BYTES_MAX);
    buf_init(&text, FILE_BYTES_MAX);
    struct str path = folder_file(&a, r, "run.json"), fresh = folder_file(&a, r, "run.json.new");
    int err = path.p && fresh.p ? facts_write(&r->facts, &text) : E_MEMORY;
    FILE *file = err ? NULL : fopen(fresh.p, "we");
    if (!err && !file)
        err = write_fault(fresh.p, f);
    if (file) {
        bool good = fwrite(text.p, 1, text.n, file) == text.n && fflush(file) == 0 &&
                    fsync(fileno(file)) == 0;
        good = fclose(file) == 0 && good;
        if (!good || rename(fresh.p, path.p) != 0)
            err = write_fault(path.p, f);
    }
    buf_fini(&text);
    arena_fini(&a);
    return err;
}

int folder_read(struct arena *a, struct str path, struct run_folder *ret_folder, struct fault *f)
{
    *ret_folder = (struct run_folder){.path = arena_str(a, path)};
    struct str name = arena_printf(a, "%.*s/run.json", STR_ARGS(path));
    if (!name.p || !ret_folder->path.p)
        return E_MEMORY;
    FILE *file = fopen(name.p, "re");
    if (!file)
        return fault_set(f, errno == ENOENT || errno == ENOTDIR ? E_NOT_FOUND : E_IO,
                         "%s cannot be read: %s", name.p, strerror(errno));
    /* So much as there is: thousands of runs are listed in one arena. */
    struct stat about = {0};
    size_t size = fstat(fileno(file), &about) == 0 && about.st_size < FILE_BYTES_MAX
                      ? (size_t)about.st_size
                      : FILE_BYTES_MAX;
    char *text = arena_alloc(a, size + 1);
    size_t n = text ? fread(text, 1, size, file) : 0;
    (void)fclose(file);
    yyjson_doc *doc = NULL;
    struct fault why = {0};
    int err = text ? json_parse(a, str_of(text, n), &doc, &why) : E_MEMORY;
    if (err)
        return fault_set(f, err, "%s: %s", name.p, why_text(&why, err));
    yyjson_val *root = yyjson_doc_get_root(doc);
    int64_t version = json_get_i64(root, "version", -1);
    if (version != FOLDER_VERSION)
        return fault_set(f, E_BAD_REQUEST, "%s:1: it is of version %lld, and this program reads %d",
                         name.p, (long long)version, FOLDER_VERSION);
    facts_read(root, &ret_folder->facts);
    if (!ret_folder->facts.id.n || !ret_folder->facts.suite.n)
        return fault_set(f, E_BAD_REQUEST, "%s:1: it names no run and no suite; it was edited",
                         name.p);
    return 0;
}

/* ---- a new one ---- */

/* A suite's name as a folder's: what a path could make something of becomes a dash. */
static struct str folder_name(struct arena *a, struct str suite)
{
    struct str copy = arena_str(a, suite);
    for (size_t i = 0; copy.p && i < copy.n; i++) {
        char c = copy.p[i];
        bool odd = c == '/' || (unsigned char)c < 0x20 || (i == 0 && c == '.');
        if (odd)
            ((char *)(uintptr_t)copy.p)[i] = '-';
    }
    return copy;
}

int folder_make(struct arena *a, struct str runs, const struct run_facts *facts,
                struct run_folder *ret_folder, struct fault *f)
{
    struct id id;
    char iso[25], day[9], time[7];
    int64_t now = clock_wall_us();
    id_new_at(&id, now);
    clock_iso(now, iso);
    snprintf(day, sizeof(day), "%.4s%.2s%.2s", iso, iso + 5, iso + 8);
    snprintf(time, sizeof(time), "%.2s%.2s%.2s", iso + 11, iso + 14, iso + 17);
    *ret_folder = (struct run_folder){.facts = *facts};
    ret_folder->facts.score = -1;
    ret_folder->facts.id = arena_printf(a, "%s-%s-%.3s%c", day, time, iso + 20,
                                        id.text[ID_CHARS - 1]);
    ret_folder->facts.began = arena_str(a, str_from(iso));
    struct str suite = folder_name(a, facts->suite);
    ret_folder->path = arena_printf(a, "%.*s/%.*s/%.*s", STR_ARGS(runs), STR_ARGS(suite),
                                    STR_ARGS(ret_folder->facts.id));
    if (!suite.p || !ret_folder->facts.id.p || !ret_folder->facts.began.p || !ret_folder->path.p)
        return E_MEMORY;
    int err = newfile_folders(ret_folder->path, f);
    return err ? err : folder_write(ret_folder, f);
}

/* ---- those that there are ---- */

static int by_id(const void *a, const void *b)
{
    return str_cmp(((const struct run_folder *)a)->facts.id,
                   ((const struct run_folder *)b)->facts.id);
}

struct listing {
    struct arena *arena;
    struct run_list *list;
    unsigned cap;
};

static int list_add(struct listing *l, const struct run_folder *r)
{
    struct run_list *list = l->list;
    if (list->n == l->cap) {
        unsigned cap = l->cap ? l->cap * 2 : 64;
        struct run_folder *more = ARENA_ARRAY(l->arena, struct run_folder, cap);
        if (!more || cap > RUNS_MAX)
            return E_MEMORY;
        if (list->n)
            memcpy(more, list->at, list->n * sizeof(*more));
        list->at = more;
        l->cap = cap;
    }
    list->at[list->n++] = *r;
    return 0;
}

/* Every run below the folder of one suite; what is none is passed over, what cannot be read
 * counted: one bad run does not take the others away. */
static int suite_list(struct listing *l, struct str folder)
{
    DIR *dir = opendir(folder.p);
    int err = 0;
    for (struct dirent *entry; dir && !err && (entry = readdir(dir)) != NULL;) {
        struct run_folder r;
        struct fault why = {0};
        struct str path;
        if (entry->d_name[0] == '.')
            continue;
        path = arena_printf(l->arena, "%.*s/%s", STR_ARGS(folder), entry->d_name);
        err = path.p ? folder_read(l->arena, path, &r, &why) : E_MEMORY;
        if (err == E_MEMORY)
            break;
        if (!err)
            err = list_add(l, &r);
        else if (err != E_NOT_FOUND && l->list->unreadable++ == 0)
            fault_set(&l->list->first_why, err, "%s", why_text(&why, err));
        err = err == E_MEMORY ? err : 0;
    }
    if (dir)
        (void)closedir(dir);
    return err;
}

int folder_list(struct arena *a, struct str runs, struct str suite, struct run_list *ret_list,
                struct fault *f)
{
    struct listing l = {.arena = a, .list = ret_list};
    *ret_list = (struct run_list){0};
    struct str top = arena_str(a, runs), wanted = folder_name(a, suite);
    if (!top.p || !wanted.p)
        return E_MEMORY;
    DIR *dir = opendir(top.p);
    if (!dir && errno != ENOENT)
        return fault_set(f, E_IO, "the folder %s cannot be read: %s", top.p, strerror(errno));
    int err = 0;
    for (struct dirent *entry; dir && !err && (entry = readdir(dir)) != NULL;) {
        struct str name = str_from(entry->d_name);
        if (name.p[0] == '.' || (suite.n && !str_eq(name, wanted)))
            continue;
        struct str path = arena_printf(a, "%.*s/%.*s", STR_ARGS(runs), STR_ARGS(name));
        err = path.p ? suite_list(&l, path) : E_MEMORY;
    }
    if (dir)
        (void)closedir(dir);
    if (ret_list->n)
        qsort(ret_list->at, ret_list->n, sizeof(*ret_list->at), by_id);
    return err;
}

static bool is_same(const struct run_facts *a, const struct run_facts *b)
{
    return str_eq(a->suite_hash, b->suite_hash) && str_eq(a->answers, b->answers) &&
           str_eq(a->model, b->model) && a->samples == b->samples;
}

int folder_unfinished(struct arena *a, struct str runs, const struct run_facts *facts,
                      struct run_folder *ret_folder, struct fault *f)
{
    struct run_list list;
    int err = folder_list(a, runs, facts->suite, &list, f);
    for (unsigned i = list.n; !err && i-- > 0;) {
        if (list.at[i].facts.complete || !is_same(&list.at[i].facts, facts))
            continue;
        *ret_folder = list.at[i];
        return 0;
    }
    return err ? err : E_NOT_FOUND;
}

int folder_find(struct arena *a, struct str runs, struct str what, struct run_folder *ret_folder,
                struct fault *f)
{
    struct run_list list;
    const struct run_folder *found = NULL;
    struct fault why = {0};
    int err = folder_read(a, what, ret_folder, &why);
    if (err != E_NOT_FOUND)
        return err ? fault_set(f, err, "%s", why_text(&why, err)) : 0;
    err = folder_list(a, runs, STR_NONE, &list, f);
    if (err)
        return err;
    if (list.n == 0)
        return fault_set(f, E_NOT_FOUND, "there is no run below %.*s; `sluice eval run` makes one",
                         STR_ARGS(runs));
    if (str_eq(what, STR("last")))
        found = &list.at[list.n - 1];
    for (unsigned i = 0; i < list.n && what.n && !str_eq(what, STR("last")); i++) {
        if (!str_starts(list.at[i].facts.id, what))
            continue;
        if (found && !str_eq(list.at[i].facts.id, what))
            return fault_set(f, E_BAD_REQUEST, "more than one run begins with \"%.*s\"",
                             STR_ARGS(what));
        found = &list.at[i];
    }
    if (!found)
        return fault_set(f, E_NOT_FOUND,
                         "no run below %.*s is called \"%.*s\"; `sluice eval list` shows them",
                         STR_ARGS(runs), STR_ARGS(str_head_utf8(what, 60)));
    *ret_folder = *found;
    return 0;
}
