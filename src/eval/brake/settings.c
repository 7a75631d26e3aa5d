#include "eval/brake/settings.h"

#include <stddef.h>
#include <string.h>

#define DAY_MS         (24 * 60 * 60 * 1000LL)
#define USUAL_RECORDS  "sluice.evals.jsonl" /* of a configuration that is no file */
#define RECORDS_ENDING ".evals.jsonl"

/* clang-format off */
#define THIS struct evals_settings
#define AT(field) .offset = offsetof(THIS, field)
static const struct conf_row evals_rows[] = {
    {.name = "suites", .type = CONF_STRS, AT(suites),
     .help = "Suites, by the paths of their files. A configuration that would answer otherwise "
             "than the one before comes into force once all of them have passed for it. Without "
             "any, such a change is let through with a warning. Paths of this section are "
             "relative to the folder of the configuration's file."},
    {.name = "records", .type = CONF_STR, AT(records),
     .help = "The file in which runs of the suites write down what they found; it belongs beside "
             "the configuration, in version control and on every machine. Without it: the "
             "configuration's file with the ending `.evals.jsonl`."},
    {.name = "old_after", .type = CONF_DURATION, AT(old_after_ms), .fallback = "30d",
     .max = 3650 * DAY_MS,
     .help = "The age from which on a record is old, which is a warning (`off`: it never is). "
             "Models change behind their names."},
    {.name = "keep", .type = CONF_INT, AT(keep), .fallback = "20", .min = 1, .max = 1000,
     .help = "How many passes of each suite are kept, and how many failures; those of the "
             "configuration in force always are."},
    {0},
};
/* clang-format on */
#undef AT
#undef THIS

const struct conf_table evals_table = {
    .name = "evals",
    .help = "The brake: what shapes answers (models, parameters, routing) changes only with "
            "evidence. Keys, limits, replicas, listeners and prices change freely.",
    .size = sizeof(struct evals_settings),
    .rows = evals_rows,
    .example = "evals: {suites: [evals/support.yaml, evals/safety.yaml]}",
};

static struct str folder_of(struct str path)
{
    while (path.n > 0 && path.p[path.n - 1] != '/')
        path.n--;
    return path;
}

struct str evals_path(struct arena *a, const char *file, struct str path)
{
    struct str folder = str_starts(path, STR("/")) ? STR_NONE : folder_of(str_from(file));
    return arena_printf(a, "%.*s%.*s", STR_ARGS(folder), STR_ARGS(path));
}

struct str evals_records_path(struct arena *a, const struct evals_settings *s, const char *file)
{
    if (s->records.n > 0)
        return evals_path(a, file, s->records);
    if (!file)
        return arena_printf(a, "%s", USUAL_RECORDS);
    struct str name = str_from(file), folder = folder_of(name);
    size_t n = name.n;
    while (n > folder.n + 1 && name.p[n - 1] != '.')
        n--;
    if (n > folder.n + 1)
        name.n = n - 1; /* a name that begins with a dot has no extension */
    return arena_printf(a, "%.*s%s", STR_ARGS(name), RECORDS_ENDING);
}
