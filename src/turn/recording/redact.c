/* redact.c: rules, and what they find in a text. */
#include "turn/recording/redact.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

/* What one match may cost; past it the turn is not kept. */
#define MATCH_LIMIT     2000000
#define HEAP_LIMIT_KIB  8192
#define JIT_STACK_LEAST (32 * 1024)
#define JIT_STACK_MOST  (1024 * 1024)

/* Possessive (++) and with a look back, so that each run of characters is gone through once. */
#define ATOM "[\\p{L}\\p{M}\\p{N}.!#$%&'*+/=?^_`{|}~-]"
#define PART "[\\p{L}\\p{M}\\p{N}_-]"

const struct redact_builtin redact_builtins[] = {
    {"email", "e-mail addresses",
     "(?:(?<!" ATOM ")" ATOM "++|\"[^\"\\n]{1,64}+\")@" PART "++(?:\\." PART "++)++", NULL, '@'},
    {"phone", "telephone numbers, with a country's code or set in groups",
     "(?<![\\p{L}\\p{N}+_-])(?:(?:\\+|(?<![0-9]\\.)00)[1-9](?:[ ./()-]{0,2}[0-9]){6,13}"
     "|\\(?0[0-9]{1,5}\\)?[ /-](?:[ /-]?[0-9]){4,10}"
     "|\\(?[2-9][0-9]{2}\\)?[ .-]{1,2}[0-9]{3}[ .-][0-9]{4})(?![\\p{L}\\p{N}])",
     NULL, 0},
    {"card", "numbers of payment cards (13 to 19 digits that fit Luhn's check)", NULL,
     redact_find_card, 0},
    {"iban", "bank accounts (IBAN, by its check digits)", NULL, redact_find_iban, 0},
    {"ipv4", "addresses of IPv4",
     "(?<![0-9.])(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\\.){3}"
     "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?![0-9]|\\.[0-9])",
     NULL, 0},
    {"ipv6", "addresses of IPv6", NULL, redact_find_ipv6, ':'},
    {"api_key", "keys of services (sk-..., ghp_..., AKIA..., AIza... and their like), and JWTs",
     "(?<![A-Za-z0-9])(?:(?:g?sk|pk|rk)[-_][A-Za-z0-9_-]{8,}+|AKIA[0-9A-Z]{16}"
     "|(?:xai|pplx|nvapi)-[A-Za-z0-9_-]{20,}+"
     "|gh[pousr]_[A-Za-z0-9]{20,}+|github_pat_[A-Za-z0-9_]{20,}+|glpat-[A-Za-z0-9_-]{16,}+"
     "|xox[abeprs]-[A-Za-z0-9-]{10,}+|AIza[A-Za-z0-9_-]{30,}+|hf_[A-Za-z0-9]{20,}+"
     "|eyJ[A-Za-z0-9_-]{8,}+\\.eyJ[A-Za-z0-9_-]{4,}+(?:\\.[A-Za-z0-9_-]*+)?)",
     NULL, 0},
    {"bearer", "bearer tokens",
     "(?i)(?<![a-z0-9])bearer[ \\t]++(?=[a-z._~+/-]*+[0-9]|[a-z._~+/-]{20})[a-z0-9._~+/-]{8,}+=*+",
     NULL, 0},
    {NULL, NULL, NULL, NULL, 0},
};

const struct redact_builtin *redact_builtin_find(struct str name)
{
    for (const struct redact_builtin *b = redact_builtins; b->name; b++)
        if (str_eq(name, str_from(b->name)))
            return b;
    return NULL;
}

struct rule {
    char mark[REDACT_NAME_BYTES + 3]; /* "[email]" */
    unsigned mark_n;
    bool (*find)(struct str text, size_t at, size_t *ret_from, size_t *ret_to);
    pcre2_code *code; /* NULL where there is `find` */
    char needs;
};

struct redactor {
    unsigned n;
    struct rule rules[];
};

struct redact_matcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

/* ---- rules ---- */

static bool name_is_good(struct str name)
{
    bool good = name.n > 0 && name.n <= REDACT_NAME_BYTES;
    for (size_t i = 0; i < name.n && good; i++) {
        char c = name.p[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    }
    return good;
}

static int pattern_compile(struct str pattern, pcre2_code **ret_code, struct fault *f)
{
    int number = 0;
    size_t at = 0;
    PCRE2_UCHAR text[120];
    *ret_code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n,
                              PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF |
                                  PCRE2_NEVER_BACKSLASH_C,
                              &number, &at, NULL);
    if (!*ret_code) {
        if (pcre2_get_error_message(number, text, sizeof(text)) < 0)
            text[0] = 0;
        return fault_set(f, E_CONFIG, "at character %zu: %s", at + 1, (const char *)text);
    }
    /* Where no code may be made at run time, it is interpreted. */
    (void)pcre2_jit_compile(*ret_code, PCRE2_JIT_COMPLETE);
    return 0;
}

static int rule_make(const struct redact_rule *from, struct rule *rule, struct fault *f)
{
    if (!name_is_good(from->name))
        return fault_set(f, E_CONFIG,
                         "'%.*s' is no name for what is found; expected up to %d of a-z, 0-9, _, -",
                         STR_ARGS(str_head(from->name, 40)), REDACT_NAME_BYTES);
    const struct redact_builtin *b = from->pattern.n ? NULL : redact_builtin_find(from->name);
    if (!b && !from->pattern.n)
        return fault_set(f, E_CONFIG,
                         "'%.*s' has no pattern, and is none of those built in: email, phone, "
                         "card, iban, ipv4, ipv6, api_key, bearer",
                         STR_ARGS(from->name));
    rule->mark[0] = '[';
    memcpy(rule->mark + 1, from->name.p, from->name.n);
    rule->mark[from->name.n + 1] = ']';
    rule->mark_n = (unsigned)from->name.n + 2;
    rule->find = b ? b->find : NULL;
    rule->needs = b ? b->needs : 0;
    if (rule->find)
        return 0;
    return pattern_compile(b ? str_from(b->pattern) : from->pattern, &rule->code, f);
}

int redactor_new(const struct redact_rule *rules, unsigned n, struct redactor **ret_redactor,
                 unsigned *ret_bad, struct fault *f)
{
    *ret_bad = n;
    if (n > REDACT_RULES_MAX)
        return fault_set(f, E_CONFIG, "%u patterns; expected at most %d", n, REDACT_RULES_MAX);
    struct redactor *r = calloc(1, sizeof(*r) + n * sizeof(r->rules[0]));
    if (!r)
        return E_MEMORY;
    for (; r->n < n; r->n++) {
        int err = rule_make(&rules[r->n], &r->rules[r->n], f);
        if (err) {
            *ret_bad = r->n;
            redactor_free(r);
            return err;
        }
    }
    *ret_redactor = r;
    return 0;
}

void redactor_free(struct redactor *r)
{
    for (unsigned i = 0; r && i < r->n; i++)
        pcre2_code_free(r->rules[i].code);
    free(r);
}

/* ---- a run ---- */

static void matcher_free(struct redact_matcher *m)
{
    if (!m)
        return;
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    pcre2_jit_stack_free(m->stack);
    free(m);
}

static struct redact_matcher *matcher_new(void)
{
    struct redact_matcher *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->data = pcre2_match_data_create(1, NULL);
    m->context = pcre2_match_context_create(NULL);
    m->stack = pcre2_jit_stack_create(JIT_STACK_LEAST, JIT_STACK_MOST, NULL);
    if (!m->data || !m->context) {
        matcher_free(m);
        return NULL;
    }
    (void)pcre2_set_match_limit(m->context, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(m->context, HEAP_LIMIT_KIB);
    if (m->stack)
        pcre2_jit_stack_assign(m->context, NULL, m->stack);
    return m;
}

int redact_run_init(struct redact_run *run, const struct redactor *r, size_t bytes_max)
{
    *run = (struct redact_run){.redactor = r, .matcher = matcher_new()};
    arena_init_private(&run->arena, bytes_max);
    return run->matcher ? 0 : E_MEMORY;
}

void redact_run_fini(struct redact_run *run)
{
    matcher_free(run->matcher);
    arena_fini(&run->arena);
}

void redact_run_again(struct redact_run *run)
{
    size_t bytes_max = run->arena.bytes_max;
    arena_fini(&run->arena);
    arena_init_private(&run->arena, bytes_max);
    run->hits = 0;
}

/* ---- finding ---- */

/* A text with escapes taken off; `from` has where in the first text each byte, and the end, came
 * from (NULL: it is the first text), and `inside` which bytes follow another in an escape (NULL: it
 * has none). */
struct layer {
    struct str text;
    uint32_t *from;
    const bool *inside;
};

static int edit_add(struct redact_run *run, struct redact_edits *edits, const struct layer *layer,
                    struct redact_edit e)
{
    /* Half an escape is none: \nann@b.example begins with its a. The layer below sees the rest. */
    while (layer->inside && e.from < e.to && layer->inside[e.from])
        e.from++;
    while (layer->inside && e.to < layer->text.n && layer->inside[e.to])
        e.to++;
    if (e.from == e.to)
        return 0;
    if (layer->from) {
        e.from = layer->from[e.from];
        e.to = layer->from[e.to];
    }
    if (edits->n == edits->cap) {
        unsigned cap = edits->cap ? edits->cap * 2 : 8;
        struct redact_edit *more = ARENA_ARRAY(&run->arena, struct redact_edit, cap);
        if (!more)
            return E_TOO_LARGE;
        if (edits->n)
            memcpy(more, edits->at, edits->n * sizeof(*more));
        edits->at = more;
        edits->cap = cap;
    }
    edits->at[edits->n++] = e;
    return 0;
}

/* 0 with *ret_found, or E_TIMEOUT. */
static int rule_next(const struct redact_run *run, const struct rule *rule, struct str text,
                     size_t at, struct redact_edit *ret_edit, bool *ret_found)
{
    if (rule->find) {
        *ret_found = rule->find(text, at, &ret_edit->from, &ret_edit->to);
        return 0;
    }
    int n = pcre2_match(rule->code, (PCRE2_SPTR)text.p, text.n, at, PCRE2_NOTEMPTY,
                        run->matcher->data, run->matcher->context);
    *ret_found = n >= 0;
    if (n < 0)
        return n == PCRE2_ERROR_NOMATCH || n == PCRE2_ERROR_PARTIAL ? 0 : E_TIMEOUT;
    const size_t *found = pcre2_get_ovector_pointer(run->matcher->data);
    ret_edit->from = found[0];
    ret_edit->to = found[1];
    return 0;
}

static int layer_find(struct redact_run *run, const struct layer *layer, struct redact_edits *edits)
{
    for (unsigned i = 0; i < run->redactor->n; i++) {
        struct redact_edit e = {.rule = i};
        char needs = run->redactor->rules[i].needs;
        bool found = !needs || (layer->text.n && memchr(layer->text.p, needs, layer->text.n));
        size_t at = 0;
        while (found && at < layer->text.n) {
            int err = rule_next(run, &run->redactor->rules[i], layer->text, at, &e, &found);
            if (!err && found && e.from < e.to) /* \K may turn them round */
                err = edit_add(run, edits, layer, e);
            if (err)
                return err;
            at = e.to > at ? e.to : at + 1;
        }
    }
    return 0;
}

static unsigned hex(const char *p, unsigned n)
{
    unsigned value = 0;
    for (unsigned i = 0; i < n; i++) {
        char c = p[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit > 15)
            return UINT32_MAX;
        value = value * 16 + digit;
    }
    return value;
}

static unsigned utf8_put(char *out, unsigned c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* The escape of JSON, or of URLs, that `s` begins with: its bytes in the text, and what it stands
 * for (at most 4 bytes, never more than it takes itself). 0: it is none. */
static size_t escape_read(struct str s, char out[4], unsigned *ret_n)
{
    static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    *ret_n = 1;
    if (s.p[0] == '%') {
        unsigned byte = s.n > 2 ? hex(s.p + 1, 2) : UINT32_MAX;
        out[0] = (char)byte;
        return byte == UINT32_MAX ? 0 : 3;
    }
    const char *name = s.n > 1 ? memchr(names, s.p[1], sizeof(names) - 1) : NULL;
    if (name) {
        out[0] = means[name - names];
        return 2;
    }
    unsigned c = s.n >= 6 && s.p[1] == 'u' ? hex(s.p + 2, 4) : UINT32_MAX;
    if (c == UINT32_MAX)
        return 0;
    size_t took = 6;
    if (c >= 0xD800 && c < 0xDC00 && s.n >= 12 && s.p[6] == '\\' && s.p[7] == 'u') {
        unsigned low = hex(s.p + 8, 4);
        if (low >= 0xDC00 && low < 0xE000) {
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
            took = 12;
        }
    }
    *ret_n = utf8_put(out, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
    return took;
}

/* The text without one layer of escapes; text.n == 0 where it has none. */
static int layer_peel(struct redact_run *run, struct layer *outer, struct layer *ret_inner)
{
    struct str s = outer->text;
    *ret_inner = (struct layer){.from = NULL};
    if (s.n == 0 || (!memchr(s.p, '\\', s.n) && !memchr(s.p, '%', s.n)))
        return 0;
    if (s.n >= UINT32_MAX)
        return E_TOO_LARGE;
    char *out = arena_alloc(&run->arena, s.n);
    uint32_t *from = ARENA_ARRAY(&run->arena, uint32_t, s.n + 1);
    bool *inside = ARENA_ARRAY(&run->arena, bool, s.n + 1);
    if (!out || !from || !inside)
        return E_TOO_LARGE;
    size_t n = 0;
    bool any = false;
    for (size_t i = 0; i < s.n;) {
        unsigned wrote = 0;
        bool may = s.p[i] == '\\' || s.p[i] == '%';
        size_t took = may ? escape_read(str_tail(s, i), out + n, &wrote) : 0;
        any = any || took;
        if (!took) {
            out[n] = s.p[i];
            took = wrote = 1;
        }
        for (unsigned j = 0; j < wrote; j++)
            from[n + j] = outer->from ? outer->from[i] : (uint32_t)i;
        memset(inside + i + 1, true, took - 1);
        n += wrote;
        i += took;
    }
    outer->inside = inside;
    from[n] = outer->from ? outer->from[s.n] : (uint32_t)s.n;
    if (any)
        *ret_inner = (struct layer){.text = str_of(out, n), .from = from};
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct redact_edit *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->to > y->to ? -1 : x->to < y->to;
}

/* What overlaps becomes one, under the name of the first. */
static void edits_merge(struct redact_edits *edits)
{
    if (edits->n < 2)
        return;
    qsort(edits->at, edits->n, sizeof(edits->at[0]), by_place);
    unsigned n = 1;
    for (unsigned i = 1; i < edits->n; i++) {
        struct redact_edit *last = &edits->at[n - 1], *e = &edits->at[i];
        if (e->from >= last->to)
            edits->at[n++] = *e;
        else if (e->to > last->to)
            last->to = e->to;
    }
    edits->n = n;
}

int redact_find(struct redact_run *run, struct str text, struct redact_edits *ret_edits)
{
    *ret_edits = (struct redact_edits){.n = 0};
    struct layer layer = {.text = text};
    for (unsigned i = 0; i < REDACT_LAYERS && layer.text.n > 0; i++) {
        struct layer inner;
        int err = layer_peel(run, &layer, &inner);
        if (!err)
            err = layer_find(run, &layer, ret_edits);
        if (err)
            return err;
        layer = inner;
    }
    edits_merge(ret_edits);
    run->hits += ret_edits->n;
    return 0;
}

struct str redact_mark(const struct redact_run *run, const struct redact_edit *edit)
{
    const struct rule *rule = &run->redactor->rules[edit->rule];
    return str_of(rule->mark, rule->mark_n);
}

static int edits_apply(struct redact_run *run, const struct redact_edits *edits, struct str *text)
{
    char *out = arena_alloc(&run->arena, text->n + edits->n * sizeof(((struct rule *)0)->mark));
    if (!out)
        return E_TOO_LARGE;
    size_t n = 0, at = 0;
    for (unsigned i = 0; i < edits->n; i++) {
        const struct redact_edit *e = &edits->at[i];
        struct str mark = redact_mark(run, e);
        memcpy(out + n, text->p + at, e->from - at);
        n += e->from - at;
        memcpy(out + n, mark.p, mark.n);
        n += mark.n;
        at = e->to;
    }
    memcpy(out + n, text->p + at, text->n - at);
    *text = str_of(out, n + text->n - at);
    return 0;
}

int redact_text(struct redact_run *run, struct str text, struct str *ret_text)
{
    struct redact_edits edits;
    *ret_text = text;
    for (unsigned i = 0; i < REDACT_PASSES; i++) {
        int err = redact_find(run, *ret_text, &edits);
        if (!err && edits.n == 0)
            return 0;
        if (!err)
            err = edits_apply(run, &edits, ret_text);
        if (err)
            return err;
    }
    return 0;
}
