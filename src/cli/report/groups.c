/*
 * groups.c: the words of --by, and which groups something stands in.
 */
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report/report.h"

#define JSON_BYTES_MAX (512u * 1024 * 1024)

const char *const report_by_words[] = {"day", "key", "model",  "provider", "lane",
                                       "tag", "api", "tenant", NULL};
static const enum ledger_dim dims[] = {DIM_DAY,  DIM_KEY,  DIM_MODEL, DIM_PROVIDER,
                                       DIM_LANE, DIM_TAGS, DIM_API,   DIM_TENANT};
_Static_assert(ARRAY_LEN(report_by_words) == ARRAY_LEN(dims) + 1, "a dimension for each word");

bool report_by_read(const char *text, struct report_by *ret_by)
{
    unsigned at[ARRAY_LEN(dims)];
    int n = options_list(&command_report, "--by", text, at);
    *ret_by = (struct report_by){.n = n > 0 ? (unsigned)n : 0};
    for (unsigned i = 0; i < ret_by->n; i++) {
        ret_by->dim[i] = dims[at[i]];
        ret_by->word[i] = report_by_words[at[i]];
    }
    return n >= 0;
}

bool report_by_has(const struct report_by *by, enum ledger_dim dim)
{
    for (unsigned i = 0; i < by->n; i++)
        if (by->dim[i] == dim)
            return true;
    return false;
}

/* Has `tags` before `end` this tag already? What says it often counts once. */
static bool said_before(struct str tags, const char *end, struct str tag)
{
    struct str rest = str_of(tags.p, (size_t)(end - tags.p));
    while (rest.n > 0)
        if (str_eq(str_trim(str_cut(&rest, ',')), tag))
            return true;
    return false;
}

static int tags_each(struct str dim[DIMS], struct str tags, report_group_fn *fn, void *arg)
{
    int err = 0;
    bool any = false;
    struct str rest = tags;
    while (rest.n > 0 && !err) {
        const char *at = rest.p;
        struct str tag = str_trim(str_cut(&rest, ','));
        if (tag.n == 0 || said_before(tags, at, tag))
            continue;
        any = true;
        dim[DIM_TAGS] = tag;
        err = fn(arg, dim);
    }
    dim[DIM_TAGS] = STR("");
    return any || err ? err : fn(arg, dim);
}

int report_by_each(const struct report_by *by, const struct str dim[DIMS], report_group_fn *fn,
                   void *arg)
{
    struct str kept[DIMS];
    for (unsigned i = 0; i < DIMS; i++)
        kept[i] = STR("");
    for (unsigned i = 0; i < by->n; i++)
        kept[by->dim[i]] = dim[by->dim[i]];
    return report_by_has(by, DIM_TAGS) ? tags_each(kept, dim[DIM_TAGS], fn, arg) : fn(arg, kept);
}

struct ledger_group *report_group(struct report *r, struct ledger_groups *groups,
                                  const struct str dim[DIMS])
{
    unsigned before = groups->n;
    struct ledger_group *g = ledger_groups_get(groups, dim);
    for (unsigned i = 0; g && groups->n > before && i < DIMS; i++) {
        g->dim[i] = arena_str(&r->arena, dim[i]); /* the row that it came from goes */
        if (!g->dim[i].p)
            return NULL;
    }
    return g;
}

int report_groups_json(const struct report_by *by, const struct sheet *s, struct str from,
                       struct str to, struct str more)
{
    struct buf out;
    buf_init(&out, JSON_BYTES_MAX);
    buf_printf(&out, "{\"from\":\"%.*s\",\"to\":\"%.*s\",\"by\":[", STR_ARGS(from), STR_ARGS(to));
    for (unsigned i = 0; i < by->n; i++)
        buf_printf(&out, "%s\"%s\"", i ? "," : "", by->word[i]);
    buf_char(&out, ']');
    buf_str(&out, more);
    buf_str(&out, STR(",\"rows\":["));
    int err = 0;
    for (unsigned row = 0; row + 1 < s->rows_n && !err; row++) {
        buf_str(&out, row ? STR(",\n") : STR("\n"));
        err = sheet_json_row(s, row, &out);
    }
    buf_str(&out, STR("],\n\"total\":"));
    if (!err)
        err = sheet_json_row(s, s->rows_n - 1, &out);
    buf_str(&out, STR("}\n"));
    err = err ? err : out.failed;
    if (!err && fwrite(out.p, 1, out.n, stdout) != out.n)
        err = E_IO;
    buf_fini(&out);
    return err;
}
