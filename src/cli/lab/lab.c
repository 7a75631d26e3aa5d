/* lab.c: the commands of the lab, and what they share. */
#include "cli/lab/lab.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "eval/stats/share.h"

#define ROW_BYTES_MAX    ((size_t)512 * 1024 * 1024)
#define SHOW_PROGRESS_US 500000
#define SHORT_US         1000000 /* what ends within it shows no progress */

/* In the order in which they were made possible. */
static const struct command *const subs[] = {&command_lab_grade, NULL};

/* ---- reading ---- */

int lab_open(struct lab_rows *rows, const char *path, struct fault *f)
{
    *rows = (struct lab_rows){.progress = isatty(STDERR_FILENO) == 1,
                              .shown_us = clock_mono_us() + SHORT_US};
    arena_init_private(&rows->arena, ROW_BYTES_MAX);
    return jsonl_open(path, &rows->lines, f);
}

void lab_close(struct lab_rows *rows)
{
    if (rows->progress && rows->shown_us < 0)
        fprintf(stderr, "\r%40s\r", "");
    jsonl_close(rows->lines);
    arena_fini(&rows->arena);
}

static void progress_show(struct lab_rows *rows)
{
    int64_t now = clock_mono_us();
    /* Once shown, the next time is kept negative, so that the line is wiped at the end. */
    int64_t due = rows->shown_us < 0 ? -rows->shown_us : rows->shown_us;
    if (now < due)
        return;
    fprintf(stderr, "\r%llu rows ...", rows->rows);
    rows->shown_us = -(now + SHOW_PROGRESS_US);
}

int lab_next(struct lab_rows *rows, yyjson_val **ret_row, struct fault *f)
{
    for (;;) {
        arena_fini(&rows->arena);
        arena_init_private(&rows->arena, ROW_BYTES_MAX);
        int err = jsonl_next_object(rows->lines, &rows->arena, ret_row, f);
        if (err)
            return err;
        if (!yyjson_is_true(yyjson_obj_get(*ret_row, "contaminated")))
            break;
        rows->contaminated++;
    }
    rows->rows++;
    if (rows->progress)
        progress_show(rows);
    return 0;
}

yyjson_val *lab_field(yyjson_val *row, const char *name)
{
    return name[0] == '/' ? yyjson_ptr_get(row, name) : yyjson_obj_get(row, name);
}

int lab_bad_row(const struct lab_rows *rows, struct fault *f, const char *field, const char *what)
{
    return fault_set(f, E_BAD_REQUEST, "%s:%u: field '%s' %s", jsonl_path(rows->lines),
                     jsonl_line(rows->lines), field, what);
}

/* ---- telling ---- */

int lab_out_open(const char *path, FILE **ret_file, struct fault *f)
{
    *ret_file = path ? fopen(path, "we") : NULL;
    if (path && !*ret_file)
        return fault_set(f, E_IO, "%s cannot be written: %s", path, strerror(errno));
    return 0;
}

int lab_out_end(const char *path, FILE *file, struct fault *f)
{
    if (!file)
        return 0;
    bool wrong = ferror(file) != 0;
    wrong = fclose(file) != 0 || wrong;
    return wrong ? fault_set(f, E_IO, "%s could not be written to its end", path) : 0;
}

void lab_put_share(struct buf *out, const char *name, unsigned long long yes, unsigned long long n)
{
    if (n == 0) {
        buf_printf(out, ",\"%s\":null", name);
        return;
    }
    struct estimate e = share_wilson_of((double)yes, (double)n, STATS_LEVEL);
    buf_printf(out, ",\"%s\":%.6g,\"%s_interval\":[%.6g,%.6g]", name, e.value, name, e.low, e.high);
}

void lab_say_share(const char *name, unsigned long long yes, unsigned long long n)
{
    if (n == 0) {
        printf("%-16s -\n", name);
        return;
    }
    struct estimate e = share_wilson_of((double)yes, (double)n, STATS_LEVEL);
    printf("%-16s %.1f %%  (95 %%: %.1f to %.1f; %llu of %llu)\n", name, 100 * e.value, 100 * e.low,
           100 * e.high, yes, n);
}

int lab_fail(const struct command *command, const struct fault *f, int err)
{
    fprintf(stderr, "sluice %s: %s\n", command->name, why_text(f, err));
    return err == E_BAD_REQUEST || err == E_BAD_JSON || err == E_TOO_LARGE || err == E_CONFIG
               ? EXIT_WRONG_USE
               : EXIT_COULD_NOT;
}

static int run(int argc, char **argv)
{
    return options_sub(&command_lab, argc, argv);
}

const struct command command_lab = {
    .name = "lab",
    .summary = "try graders and levers on files of data, without a server",
    .usage = "lab COMMAND [OPTIONS] FILE",
    .about =
        "Runs one grader or lever over a file and says how well it does, without a server and "
        "without\n"
        "money. Files are JSON Lines, compressed by gzip or not; - is standard input. Rows with\n"
        "`\"contaminated\": true` are left out.\n",
    .notes = "`sluice lab COMMAND --help` says more.\n\n"
             "Exit codes: 0 done, 2 wrong use, or a bad row (file, line and field are named), 3 it "
             "could not\n"
             "run.\n",
    .subs = subs,
    .run = run,
};
