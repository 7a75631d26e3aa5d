/* pattern.c: PCRE2, compiled, with ceilings. */
#include "eval/text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/clock.h"

/* PCRE2 counts steps anew at each place where a match might begin, so places are tried in windows,
 * and between two of them the time is looked at. */
#define PLACE_STEPS_MAX 5000000u
#define WINDOW_BYTES    64
#define SEARCH_US_MAX   1000000
#define HEAP_LIMIT_KIB  8192
#define JIT_STACK_LEAST ((size_t)32 * 1024)
#define JIT_STACK_MOST  ((size_t)1024 * 1024)

struct pattern {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack; /* NULL: the machine's */
};

static const uint32_t kind_options[] = {
    [PATTERN_PERL] = PCRE2_UCP,
    [PATTERN_PERL_NOCASE] = PCRE2_UCP | PCRE2_CASELESS,
    [PATTERN_SCRIPT] = PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_ALLOW_EMPTY_CLASS |
                       PCRE2_MATCH_UNSET_BACKREF,
};

static int code_compile(struct str text, enum pattern_kind kind, pcre2_code **ret_code,
                        struct fault *f)
{
    int number = 0;
    size_t at = 0;
    PCRE2_UCHAR why[120];
    *ret_code = pcre2_compile((PCRE2_SPTR)(text.n ? text.p : ""), text.n,
                              PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
                                  PCRE2_USE_OFFSET_LIMIT | kind_options[kind],
                              &number, &at, NULL);
    if (*ret_code) {
        /* Where no code may be made at run time, it is interpreted. */
        (void)pcre2_jit_compile(*ret_code, PCRE2_JIT_COMPLETE);
        return 0;
    }
    if (pcre2_get_error_message(number, why, sizeof(why)) < 0)
        why[0] = 0;
    return fault_set(f, E_CONFIG, "at character %zu: %s", at + 1, (const char *)why);
}

int pattern_new(struct str text, enum pattern_kind kind, struct pattern **ret_pattern,
                struct fault *f)
{
    struct pattern *p = calloc(1, sizeof(*p));
    if (!p)
        return E_MEMORY;
    int err = code_compile(text, kind, &p->code, f);
    if (!err) {
        p->data = pcre2_match_data_create_from_pattern(p->code, NULL);
        p->context = pcre2_match_context_create(NULL);
        p->stack = pcre2_jit_stack_create(JIT_STACK_LEAST, JIT_STACK_MOST, NULL);
        err = p->data && p->context ? 0 : E_MEMORY;
    }
    if (err) {
        pattern_free(p);
        return err;
    }
    (void)pcre2_set_match_limit(p->context, PLACE_STEPS_MAX);
    (void)pcre2_set_heap_limit(p->context, HEAP_LIMIT_KIB);
    if (p->stack)
        pcre2_jit_stack_assign(p->context, NULL, p->stack);
    *ret_pattern = p;
    return 0;
}

void pattern_free(struct pattern *p)
{
    if (!p)
        return;
    pcre2_code_free(p->code);
    pcre2_match_data_free(p->data);
    pcre2_match_context_free(p->context);
    pcre2_jit_stack_free(p->stack);
    free(p);
}

static int match_err(int n)
{
    return n == PCRE2_ERROR_NOMATCH || n == PCRE2_ERROR_PARTIAL ? 0
           : n == PCRE2_ERROR_NOMEMORY                          ? E_MEMORY
                                                                : E_TIMEOUT;
}

/* Where a window that begins at `at` ends; not within a character. */
static size_t window_end(struct str text, size_t at)
{
    size_t end = at + WINDOW_BYTES;
    while (end < text.n && (text.p[end] & 0xC0) == 0x80)
        end++;
    return end < text.n ? end : text.n;
}

int pattern_find(const struct pattern *p, struct str text, size_t at, bool *ret_is,
                 struct pattern_found *ret_found)
{
    int n = PCRE2_ERROR_NOMATCH;
    if (text.n > PATTERN_TEXT_BYTES_MAX)
        return E_TOO_LARGE;
    int64_t deadline_us = 0;
    for (size_t end; n == PCRE2_ERROR_NOMATCH && at <= text.n; at = end) {
        end = window_end(text, at);
        (void)pcre2_set_offset_limit(p->context, end);
        n = pcre2_match(p->code, (PCRE2_SPTR)(text.n ? text.p : ""), text.n, at, 0, p->data,
                        p->context);
        if (end == text.n || n != PCRE2_ERROR_NOMATCH)
            break;
        int64_t now = clock_mono_us();
        deadline_us = deadline_us ? deadline_us : now + SEARCH_US_MAX;
        if (now >= deadline_us)
            return E_TIMEOUT;
    }
    *ret_is = n > 0;
    if (n <= 0)
        return match_err(n);
    const size_t *found = pcre2_get_ovector_pointer(p->data);
    *ret_found = (struct pattern_found){.from = found[0], .to = found[1]};
    for (unsigned i = 1; i < (unsigned)n && !ret_found->group; i++)
        if (found[2 * i] != PCRE2_UNSET) {
            ret_found->group = i;
            ret_found->group_from = found[2 * i];
            ret_found->group_to = found[2 * i + 1];
        }
    return 0;
}

int pattern_replace(const struct pattern *p, struct arena *arena, struct str text, struct str with,
                    struct str *ret_text)
{
    int err = text.n > PATTERN_TEXT_BYTES_MAX ? E_TOO_LARGE : 0;
    (void)pcre2_set_offset_limit(p->context, PCRE2_UNSET);
    size_t room = text.n + text.n / 2 + 64;
    for (unsigned tries = 0; !err && tries < 2; tries++) {
        char *out = arena_alloc(arena, room + 1);
        size_t n = room + 1;
        if (!out)
            return E_MEMORY;
        int done = pcre2_substitute(
            p->code, (PCRE2_SPTR)(text.n ? text.p : ""), text.n, 0,
            PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_EXTENDED | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH,
            p->data, p->context, (PCRE2_SPTR)with.p, with.n, (PCRE2_UCHAR *)out, &n);
        if (done >= 0) {
            *ret_text = str_of(out, n);
            return 0;
        }
        err = done == PCRE2_ERROR_NOMEMORY ? 0 : match_err(done);
        room = n; /* what it takes */
    }
    return err ? err : E_MEMORY;
}
