/* record.c: one record as a line and back, and the file of them. */
#include "eval/brake/record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/sha256.h"
#include "eval/suite/jsonl.h"

#define LINE_BYTES_MAX (64u * 1024)
#define FILE_BYTES_MAX (16u * 1024 * 1024)
#define HOW_TO_GO_ON                                                                               \
    "take the file as it was from version control, or remove the line and run the suite again"

/* ---------------------------------------------------------------- one as a line */

static void text_add(struct buf *out, const char *name, struct str text)
{
    buf_printf(out, ",\"%s\":", name);
    json_quote(out, text);
}

static void decimal_add(struct buf *out, const char *name, int64_t value, unsigned places)
{
    buf_printf(out, ",\"%s\":", name);
    if (value < 0)
        buf_str(out, STR("null"));
    else
        buf_decimal(out, value, places, 0);
}

/* All but the checksum and the end, always the same for the same record. */
static void record_write(struct buf *out, const struct record *r)
{
    char date[25];
    buf_printf(out, "{\"record\":%d,\"date\":\"%s\"", RECORD_VERSION,
               clock_iso(r->at_wall_us, date));
    text_add(out, "sluice", r->sluice);
    text_add(out, "answers", r->answers);
    if (r->forced) {
        text_add(out, "forced", r->why);
        text_add(out, "by", r->by);
        return;
    }
    text_add(out, "suite", r->suite);
    text_add(out, "suite_hash", r->suite_hash);
    text_add(out, "suite_file", r->suite_file);
    text_add(out, "run", r->run);
    decimal_add(out, "cases", r->cases, 0);
    decimal_add(out, "quality", r->quality, 6);
    decimal_add(out, "quality_low", r->quality_low, 6);
    decimal_add(out, "quality_high", r->quality_high, 6);
    decimal_add(out, "p95_ms", r->p95_us, 3);
    decimal_add(out, "cost_per_success_usd", r->cost_per_success_nanos, 9);
    text_add(out, "bar", r->bar);
    text_add(out, "verdict", r->passed ? STR("pass") : STR("fail"));
}

static int line_write(struct arena *a, struct buf *out, const struct record *r)
{
    struct buf line;
    struct str hash = STR_NONE;
    buf_init(&line, LINE_BYTES_MAX);
    record_write(&line, r);
    int err = line.failed ? line.failed : sha256_hex(buf_view(&line), a, &hash);
    if (!err) {
        buf_str(out, buf_view(&line));
        text_add(out, "checksum", hash);
        err = buf_str(out, STR("}\n"));
    }
    buf_fini(&line);
    return err;
}

/* ---------------------------------------------------------------- and back */

static const struct str members[] = {
    STR("record"),      STR("date"),         STR("sluice"),   STR("answers"),
    STR("forced"),      STR("by"),           STR("suite"),    STR("suite_hash"),
    STR("suite_file"),  STR("run"),          STR("cases"),    STR("quality"),
    STR("quality_low"), STR("quality_high"), STR("p95_ms"),   STR("cost_per_success_usd"),
    STR("bar"),         STR("verdict"),      STR("checksum"),
};

static bool is_member(struct str name)
{
    for (unsigned i = 0; i < ARRAY_LEN(members); i++)
        if (str_eq(name, members[i]))
            return true;
    return false;
}

static int64_t scaled(yyjson_val *object, const char *name, double scale)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    double n = yyjson_is_num(value) ? yyjson_get_num(value) * scale : -1;
    return n >= 0 && n < 9e18 ? llround(n) : -1;
}

static bool part_read(struct str text, size_t from, size_t digits, int *ret_n)
{
    uint64_t n = 0;
    bool good = str_to_u64(str_head(str_tail(text, from), digits), 9999, &n);
    *ret_n = (int)n;
    return good;
}

/* As clock_iso writes it: "2026-11-28T02:41:56.123Z". */
static bool date_read(struct str s, int64_t *ret_wall_us)
{
    struct tm t = {0};
    int ms;
    if (s.n != 24 || !part_read(s, 0, 4, &t.tm_year) || !part_read(s, 5, 2, &t.tm_mon) ||
        !part_read(s, 8, 2, &t.tm_mday) || !part_read(s, 11, 2, &t.tm_hour) ||
        !part_read(s, 14, 2, &t.tm_min) || !part_read(s, 17, 2, &t.tm_sec) ||
        !part_read(s, 20, 3, &ms))
        return false;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    *ret_wall_us = ((int64_t)timegm(&t) * 1000 + ms) * 1000;
    return true;
}

static void fields_read(yyjson_val *object, struct record *r)
{
    *r = (struct record){.answers = json_get_str(object, "answers"),
                         .sluice = json_get_str(object, "sluice"),
                         .forced = yyjson_obj_get(object, "forced") != NULL,
                         .why = json_get_str(object, "forced"),
                         .by = json_get_str(object, "by"),
                         .suite = json_get_str(object, "suite"),
                         .suite_hash = json_get_str(object, "suite_hash"),
                         .suite_file = json_get_str(object, "suite_file"),
                         .run = json_get_str(object, "run"),
                         .cases = scaled(object, "cases", 1),
                         .quality = scaled(object, "quality", 1e6),
                         .quality_low = scaled(object, "quality_low", 1e6),
                         .quality_high = scaled(object, "quality_high", 1e6),
                         .p95_us = scaled(object, "p95_ms", 1e3),
                         .cost_per_success_nanos = scaled(object, "cost_per_success_usd", 1e9),
                         .bar = json_get_str(object, "bar"),
                         .passed = str_eq(json_get_str(object, "verdict"), STR("pass"))};
}

/* What is not as we would write it was written by somebody else. */
static int line_check(struct arena *a, yyjson_val *object, const struct record *r, bool *ret_same)
{
    struct buf line;
    struct str hash = STR_NONE;
    size_t i, n;
    yyjson_val *key, *value;
    buf_init(&line, LINE_BYTES_MAX);
    record_write(&line, r);
    int err = line.failed ? line.failed : sha256_hex(buf_view(&line), a, &hash);
    *ret_same = !err && str_eq(hash, json_get_str(object, "checksum"));
    yyjson_obj_foreach(object, i, n, key, value)
    {
        *ret_same = *ret_same && is_member(json_str(key));
    }
    buf_fini(&line);
    return err == E_TOO_LARGE ? 0 : err;
}

/* Each is to be shown on one line. */
static bool is_shown_well(const struct record *r)
{
    const struct str texts[] = {r->sluice, r->suite, r->suite_file, r->run, r->bar, r->why, r->by};
    bool well = true;
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
        well = well && str_is_text(texts[i]);
    return well;
}

static int record_parse(struct arena *a, const char *path, unsigned line, yyjson_val *object,
                        struct record *ret_record, struct fault *f)
{
    yyjson_val *version = yyjson_obj_get(object, "record");
    bool same = false;
    if (!yyjson_is_int(version))
        return fault_set(
            f, E_CONFIG,
            "%.80s:%u: this is no record of evals; expected \"record\":%d; " HOW_TO_GO_ON, path,
            line, RECORD_VERSION);
    if (yyjson_get_sint(version) != RECORD_VERSION)
        return fault_set(f, E_CONFIG,
                         "%.80s:%u: a record of version %lld; this sluice knows version %d: use "
                         "the sluice that wrote it, or a newer one",
                         path, line, (long long)yyjson_get_sint(version), RECORD_VERSION);
    fields_read(object, ret_record);
    if (date_read(json_get_str(object, "date"), &ret_record->at_wall_us)) {
        int err = line_check(a, object, ret_record, &same);
        if (err)
            return err;
    }
    return same && is_shown_well(ret_record)
               ? 0
               : fault_set(
                     f, E_CONFIG,
                     "%.80s:%u: this record was edited (its checksum is another); " HOW_TO_GO_ON,
                     path, line);
}

/* Of a file that does not read as lines of JSON, git's marks of a conflict for one. */
static int line_fault(int err, struct fault *f)
{
    char text[sizeof(f->text)];
    if (err != E_BAD_JSON && err != E_TOO_LARGE)
        return err;
    snprintf(text, sizeof(text), "%s", fault_text(f));
    fault_clear(f);
    return fault_set(f, E_CONFIG, "%.200s; %s", text, "expected a record of evals in each line");
}

struct record_list {
    struct record *at;
    unsigned n, room;
};

static int room_make(struct arena *a, struct record_list *l)
{
    unsigned room = l->room ? l->room * 2 : 16;
    struct record *more = l->n < l->room ? l->at : ARENA_ARRAY(a, struct record, room);
    if (!more)
        return E_MEMORY;
    if (more == l->at)
        return 0;
    if (l->n > 0)
        memcpy(more, l->at, l->n * sizeof(*more));
    l->at = more;
    l->room = room;
    return 0;
}

static int lines_read(struct arena *a, const char *path, struct jsonl *lines, struct record_list *l,
                      struct fault *f)
{
    for (;;) {
        yyjson_val *object = NULL;
        int err = jsonl_next_object(lines, a, &object, f);
        if (err)
            return err == E_EOF ? 0 : line_fault(err, f);
        if (l->n == RECORDS_MAX)
            return fault_set(f, E_CONFIG, "%.120s:%u: more than %d records", path,
                             jsonl_line(lines), RECORDS_MAX);
        err = room_make(a, l);
        if (!err)
            err = record_parse(a, path, jsonl_line(lines), object, &l->at[l->n], f);
        if (err)
            return err;
        l->n++;
    }
}

/* Merged branches may have mixed them; of the same age the later line counts. */
static void sort_by_age(struct record_list *l)
{
    for (unsigned i = 1; i < l->n; i++)
        for (unsigned k = i; k > 0 && l->at[k - 1].at_wall_us > l->at[k].at_wall_us; k--) {
            struct record later = l->at[k - 1];
            l->at[k - 1] = l->at[k];
            l->at[k] = later;
        }
}

int record_read(struct arena *a, const char *path, struct records *ret_records, struct fault *f)
{
    struct jsonl *lines = NULL;
    struct record_list l = {.n = 0};
    struct fault own = {0};
    if (!f)
        f = &own;
    *ret_records = (struct records){.n = 0};
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return 0;
    int err = jsonl_open(path, &lines, f);
    if (!err)
        err = lines_read(a, path, lines, &l, f);
    jsonl_close(lines);
    if (err)
        return err;
    sort_by_age(&l);
    *ret_records = (struct records){.n = l.n, .at = l.at};
    return 0;
}

/* ---------------------------------------------------------------- the file */

static bool is_alike(const struct record *a, const struct record *b)
{
    if (a->forced || b->forced)
        return a->forced && b->forced;
    return str_eq(a->suite_file, b->suite_file) && str_eq(a->suite, b->suite);
}

/* Those that are counted together. Attempts that failed must not push out what may be in force on
 * another machine. */
static bool is_counted_with(const struct record *a, const struct record *b)
{
    return is_alike(a, b) && (a->forced || a->passed == b->passed);
}

static bool stays(const struct records *all, unsigned i, const struct record *added,
                  const struct record_keep *keep)
{
    const struct record *r = &all->at[i];
    int64_t alike = 1 + is_counted_with(r, added); /* with those that are newer */
    if (keep->in_force.n > 0 && str_eq(r->answers, keep->in_force))
        return true;
    for (unsigned k = i + 1; k < all->n; k++)
        alike += is_counted_with(r, &all->at[k]);
    return alike <= keep->of_suite;
}

/* The oldest go where the file would pass its bound. */
static int lines_write(struct arena *a, struct buf *out, const struct records *all,
                       const struct record *r, const struct record_keep *keep)
{
    bool *stay = ARENA_ARRAY(a, bool, RECORDS_MAX + 1);
    unsigned n = 1;
    int err = stay ? 0 : E_MEMORY;
    for (unsigned i = all->n; i-- > 0 && !err;) {
        stay[i] = n < RECORDS_MAX && stays(all, i, r, keep);
        n += stay[i];
    }
    for (unsigned i = 0; i < all->n && !err; i++)
        err = stay[i] ? line_write(a, out, &all->at[i]) : 0;
    return err ? err : line_write(a, out, r);
}

static int all_write(int fd, struct str text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0)
            text = str_tail(text, (size_t)n);
    }
    return 0;
}

/* Names in `folder`, which is held by us. 0 or an errno. */
static int file_replace(int folder, const char *name, struct str text)
{
    char fresh[NAME_MAX + 1];
    struct stat was;
    mode_t mode = fstatat(folder, name, &was, 0) == 0 ? was.st_mode & 0777 : 0644;
    int n = snprintf(fresh, sizeof(fresh), ".%.200s.%ld", name, (long)getpid());
    int fd = n < 0 ? -1
                   : openat(folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                            mode);
    if (fd < 0)
        return errno;
    int error = all_write(fd, text);
    if (!error && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
        error = errno;
    if (close(fd) != 0 && !error)
        error = errno;
    if (!error && renameat(folder, fresh, folder, name) != 0)
        error = errno;
    if (!error && fsync(folder) != 0)
        error = errno;
    if (error)
        (void)unlinkat(folder, fresh, 0);
    return error;
}

/* Now, but later than what is there of the same: a clock that was wrong once, or is, must not make
 * an older verdict the newest. */
static int64_t now_of(const struct records *all, const struct record *r)
{
    int64_t now_us = clock_wall_us();
    for (unsigned i = 0; i < all->n; i++)
        if (is_alike(&all->at[i], r) && str_eq(all->at[i].answers, r->answers) &&
            all->at[i].at_wall_us >= now_us)
            now_us = all->at[i].at_wall_us + 1000;
    return now_us;
}

static int add_held(struct arena *a, int folder, const char *path, const char *name,
                    const struct record *r, const struct record_keep *keep, struct fault *f)
{
    struct records all;
    struct buf out;
    struct record dated = *r;
    int err = record_read(a, path, &all, f);
    if (err)
        return err;
    if (dated.at_wall_us == 0)
        dated.at_wall_us = now_of(&all, r);
    buf_init(&out, FILE_BYTES_MAX);
    err = lines_write(a, &out, &all, &dated, keep);
    int error = err ? 0 : file_replace(folder, name, buf_view(&out));
    buf_fini(&out);
    return error ? fault_set(f, E_IO, "%.150s cannot be written: %s", path, strerror(error)) : err;
}

int record_why_check(struct str why, struct fault *f)
{
    unsigned letters = 0;
    for (size_t i = 0; i < why.n; i++)
        letters += why.p[i] != ' ';
    if (letters < RECORD_WHY_BYTES_MIN || why.n > RECORD_WHY_BYTES_MAX || !str_is_text(why))
        return fault_set(f, E_BAD_REQUEST,
                         "expected a reason of %d to %d characters on one line, which others will "
                         "read, such as \"the old model was switched off\"",
                         RECORD_WHY_BYTES_MIN, RECORD_WHY_BYTES_MAX);
    return 0;
}

static int record_check(const struct record *r, struct fault *f)
{
    int err = r->forced ? record_why_check(r->why, f) : 0;
    if (err)
        return err;
    if (r->answers.n != SHA256_HEX_CHARS || (!r->forced && r->suite_hash.n != SHA256_HEX_CHARS))
        return fault_set(f, E_BAD_REQUEST, "a record needs the hashes of answers and suite");
    if (!is_shown_well(r))
        return fault_set(f, E_BAD_REQUEST,
                         "a record's texts, such as the suite's name and path, have to be on one "
                         "line, without control characters");
    return 0;
}

int record_add(const char *path, const struct record *r, const struct record_keep *keep,
               struct fault *f)
{
    struct arena a;
    int err = record_check(r, f);
    if (err)
        return err;
    char *real = realpath(path, NULL); /* what a link leads to is replaced, not the link */
    const char *to = real ? real : path;
    const char *slash = strrchr(to, '/'), *name = slash ? slash + 1 : to;
    char *place = slash ? strndup(to, (size_t)(slash - to) + 1) : strdup(".");
    int folder = place ? open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    arena_init_private(&a, 4 * FILE_BYTES_MAX);
    if (!place)
        err = E_MEMORY;
    else if (folder < 0 || flock(folder, LOCK_EX) != 0)
        err = fault_set(f, E_IO, "%.150s cannot be written: %s: %s", path, place, strerror(errno));
    else
        err = add_held(&a, folder, to, name, r, keep, f);
    if (folder >= 0)
        (void)close(folder);
    arena_fini(&a);
    free(place);
    free(real);
    return err;
}
