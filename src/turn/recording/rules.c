/* rules.c: what the configuration says about recording. */
#include <stddef.h>
#include <stdlib.h>
#include <xxhash.h>

#include "turn/recording/writer.h"

#define YEAR_MS         (366 * 24 * 3600 * 1000LL)
#define TEXT_BYTES_MAX  (1u << 20)
#define SHARE_ALL       1000000
#define FILE_PART_LEAST (1024 * 1024)

/* clang-format off */
#define AT(field) .offset = offsetof(THIS, field)
#define THIS struct redact_item_settings
static const struct conf_row redact_rows[] = {
    {.name = "name", .type = CONF_STR, AT(name), .flags = CONF_REQUIRED,
     .help = "What stands in the place of what was found, in brackets. Without a pattern: one of "
             "`email`, `phone`, `card`, `iban`, `ipv4`, `ipv6`, `api_key`, `bearer`; or `none` "
             "alone."},
    {.name = "pattern", .type = CONF_STR, AT(pattern),
     .help = "A regular expression (PCRE2, Unicode)."},
    {0},
};
#undef THIS
static const struct conf_table redact_table = {
    .name = "redact_pattern",
    .help = "What is taken out of recordings.",
    .size = sizeof(struct redact_item_settings),
    .rows = redact_rows,
    .shorthand = "name",
    .example = "recording:\n"
               "  folder: /var/lib/sluice/recordings\n"
               "  redact:\n"
               "    - email\n"
               "    - {name: ticket, pattern: 'TICKET-\\d+'}"};

#define THIS struct recording_except_settings
static const struct conf_row except_rows[] = {
    {.name = "tenants", .type = CONF_STRS, AT(tenants), .help = "By name."},
    {.name = "keys", .type = CONF_STRS, AT(keys),
     .help = "By their name in this file, or the public part of a key that was made."},
    {.name = "apis", .type = CONF_STRS, AT(apis),
     .help = "By protocol: `openai.chat`, `openai.responses`, `anthropic`, `openai.embedding` ..., "
             "as the log names them."},
    {0},
};
#undef THIS
static const struct conf_table except_table = {.name = "recording_except",
                                               .help = "Whose turns are never recorded.",
                                               .size = sizeof(struct recording_except_settings),
                                               .rows = except_rows};

#define THIS struct recording_settings
static const struct conf_row recording_rows[] = {
    {.name = "folder", .type = CONF_STR, AT(folder),
     .help = "Where the files are written (0600, in a folder 0700 that is made). Without it "
             "nothing is recorded."},
    {.name = "share", .type = CONF_SHARE, AT(share), .fallback = "1", .max = 1000000,
     .help = "How much of the turns: by a hash of x-sluice-session, so that sessions are whole, "
             "or, without one, of the turn's id."},
    {.name = "redact", .type = CONF_LIST, AT(redact), .child = &redact_table,
     .help = "What is taken out before anything is written. Without it: all that is built in; "
             "`none`: nothing."},
    {.name = "except", .type = CONF_TABLE, AT(except), .child = &except_table,
     .help = "Who is left out. A client leaves itself out with `x-sluice-record: no`."},
    {.name = "keep", .type = CONF_DURATION, AT(keep_ms), .fallback = "30d", .max = 100 * YEAR_MS,
     .help = "Files whose last line is older are removed (`off`: never)."},
    {.name = "max_bytes", .type = CONF_BYTES, AT(bytes_max), .fallback = "10GiB",
     .help = "The size of all files past which the oldest are removed; 0 is no limit."},
    {.name = "turn_bytes", .type = CONF_BYTES, AT(turn_bytes_max), .fallback = "8MiB",
     .min = 1024, .max = 64LL << 20,
     .help = "The largest turn, request and answer together; a larger one is not recorded."},
    {.name = "memory_bytes", .type = CONF_BYTES, AT(memory_bytes_max), .fallback = "64MiB",
     .min = 65536, .max = 1LL << 40,
     .help = "What turns under way and those that wait for the disk may hold. A turn past it is "
             "not recorded."},
    {0},
};
/* clang-format on */
#undef AT
#undef THIS
const struct conf_table recording_table = {
    .name = "recording",
    .help = "Requests and answers written down for evals. Off without a folder.",
    .size = sizeof(struct recording_settings),
    .rows = recording_rows,
    .example = "recording: {folder: recordings, share: 5%, keep: 14d}"};

/* ---- compiled ---- */

static int texts_copy(struct recording_rules *r, const struct conf_strs *from, struct str **ret_at,
                      unsigned *ret_n)
{
    *ret_at = ARENA_ARRAY(&r->arena, struct str, from->n + 1);
    for (unsigned i = 0; i < from->n && *ret_at; i++) {
        (*ret_at)[i] = arena_str(&r->arena, from->at[i]);
        if (!(*ret_at)[i].p)
            return E_MEMORY;
    }
    *ret_n = from->n;
    return *ret_at ? 0 : E_MEMORY;
}

static bool takes_nothing_out(const struct recording_settings *s)
{
    const struct redact_item_settings *items = s->redact.at;
    return s->redact.n == 1 && !items[0].pattern.n && str_eq(items[0].name, STR("none"));
}

static int redactor_make(const struct recording_settings *s, struct conf_doc *doc,
                         struct redactor **ret_redactor)
{
    struct redact_rule rules[REDACT_RULES_MAX];
    const struct redact_item_settings *items = s->redact.at;
    unsigned n = 0, bad = 0;
    struct fault f = {0};
    for (const struct redact_builtin *b = redact_builtins; b->name && s->redact.n == 0; b++)
        rules[n++] = (struct redact_rule){.name = str_from(b->name)};
    for (; n < s->redact.n && n < REDACT_RULES_MAX; n++)
        rules[n] = (struct redact_rule){items[n].name, items[n].pattern};
    if (takes_nothing_out(s))
        n = 0;
    int err = s->redact.n > REDACT_RULES_MAX
                  ? fault_set(&f, E_CONFIG, "%u patterns; expected at most %d", s->redact.n,
                              REDACT_RULES_MAX)
                  : redactor_new(rules, n, ret_redactor, &bad, &f);
    if (err == E_CONFIG) {
        bool one = bad < s->redact.n && s->redact.n <= REDACT_RULES_MAX;
        const struct redact_item_settings *item = one ? &items[bad] : NULL;
        conf_complain(doc,
                      !item             ? (const void *)&s->redact
                      : item->pattern.n ? (const void *)&item->pattern
                                        : (const void *)&item->name,
                      "%s", fault_text(&f));
    }
    return err;
}

int recording_rules_make(const struct recording_settings *s, struct conf_doc *doc,
                         struct recording_rules **ret_rules)
{
    *ret_rules = NULL;
    if (s->bytes_max > 0 && s->bytes_max < FILE_PART_LEAST) {
        conf_complain(doc, &s->bytes_max, "less than a file may be; expected 1MiB or more, or 0");
        return E_CONFIG;
    }
    struct recording_rules *r = calloc(1, sizeof(*r));
    if (!r)
        return E_MEMORY;
    atomic_init(&r->refs, 1);
    arena_init_private(&r->arena, TEXT_BYTES_MAX);
    r->share = s->share;
    r->keep_ms = s->keep_ms;
    r->bytes_max = s->bytes_max;
    r->turn_bytes_max = s->turn_bytes_max;
    r->memory_bytes_max = s->memory_bytes_max;
    r->folder = arena_str(&r->arena, s->folder);
    int err = redactor_make(s, doc, &r->redactor);
    if (!err)
        err = texts_copy(r, &s->except.tenants, &r->tenants, &r->tenants_n);
    if (!err)
        err = texts_copy(r, &s->except.keys, &r->keys, &r->keys_n);
    if (!err)
        err = texts_copy(r, &s->except.apis, &r->apis, &r->apis_n);
    if (err || s->folder.n == 0) { /* it is looked at also where nothing is recorded */
        recording_rules_unref(r);
        return err;
    }
    *ret_rules = r;
    return 0;
}

struct recording_rules *recording_rules_ref(struct recording_rules *r)
{
    if (r)
        atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void recording_rules_unref(struct recording_rules *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1)
        return;
    redactor_free(r->redactor);
    arena_fini(&r->arena);
    free(r);
}

bool recording_in_share(struct str name, int64_t share)
{
    return (int64_t)(XXH3_64bits(name.p, name.n) % SHARE_ALL) < share;
}
