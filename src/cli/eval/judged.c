/* judged.c: a verdict made, shown and written to files. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/eval/eval.h"

#define DOCUMENT_BYTES_MAX (1024u * 1024 * 1024)
#define MARGIN_USUAL       0.02

int judged_make(struct judged *j, struct fault *f)
{
    const struct suite_settings *s = j->suite ? j->suite->settings : NULL;
    const struct verdict_settings settings = {.bar = s ? &s->bar : NULL,
                                              .margin = s ? (double)s->margin / 1e6 : MARGIN_USUAL,
                                              .seed = s ? (uint64_t)s->seed : 1,
                                              .baseline = j->baseline_results};
    return verdict_make(j->arena, j->results, &settings, &j->verdict, f);
}

int judged_keep(const struct judged *j, struct run_folder *run, struct fault *f)
{
    const struct estimate *score = &j->verdict.parts[0].quality;
    run->facts.verdict = j->verdict.pass ? STR("pass") : STR("fail");
    run->facts.score = score->has_value ? llround(score->value * 1e6) : -1;
    return folder_write(run, f);
}

static int json_print(struct judged *const *all, unsigned n)
{
    struct buf out;
    int err = 0;
    bool pass = true;
    buf_init(&out, DOCUMENT_BYTES_MAX);
    for (unsigned i = 0; i < n; i++)
        pass = pass && all[i]->verdict.pass;
    buf_printf(&out, "{\"pass\":%s,\"suites\":[", pass ? "true" : "false");
    for (unsigned i = 0; i < n && !err; i++) {
        buf_str(&out, i ? STR(",\n") : STR("\n"));
        err = judged_json(all[i], &out);
    }
    buf_str(&out, STR("\n]}\n"));
    err = err ? err : out.failed;
    if (!err && fwrite(out.p, 1, out.n, stdout) != out.n)
        err = E_IO;
    buf_fini(&out);
    return err;
}

static int tables_print(struct judged *const *all, unsigned n)
{
    bool colors = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    int err = 0;
    for (unsigned i = 0; i < n && !err; i++) {
        if (i)
            putchar('\n');
        err = judged_table(all[i], colors);
    }
    return err;
}

/* An exit code. */
static int file_write(const char *command, const char *path, struct judged *const *all, unsigned n,
                      int (*make)(struct judged *const *all, unsigned n, struct buf *out))
{
    struct buf out;
    if (!path)
        return 0;
    buf_init(&out, DOCUMENT_BYTES_MAX);
    int err = make(all, n, &out);
    FILE *file = err ? NULL : fopen(path, "we");
    bool good = file && fwrite(out.p, 1, out.n, file) == out.n;
    if (file)
        good = fclose(file) == 0 && good;
    if (!good)
        fprintf(stderr, "sluice %s: %s cannot be written: %s\n", command, path,
                err ? err_text(err) : strerror(errno));
    buf_fini(&out);
    return good ? 0 : EXIT_COULD_NOT;
}

int judged_show(const char *command, struct judged *const *all, unsigned n, bool json,
                const struct judged_files *files)
{
    int err = json ? json_print(all, n) : tables_print(all, n);
    if (err) {
        fprintf(stderr, "sluice %s: %s\n", command, err_text(err));
        return EXIT_COULD_NOT;
    }
    int code = file_write(command, files->junit, all, n, judged_junit);
    int painted = file_write(command, files->html, all, n, judged_html);
    code = code ? code : painted;
    for (unsigned i = 0; i < n && !code; i++)
        code = all[i]->verdict.pass ? 0 : EXIT_BAR;
    return code;
}
