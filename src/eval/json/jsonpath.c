#include "eval/json/jsonpath.h"

#include <stdlib.h>

#include "base/json.h"

#define INDEX_MOST  9007199254740991 /* RFC 9535: what a double holds exactly */
#define CHOICES_MAX 64               /* in one pair of brackets */

struct choice {
    enum { BY_NAME, BY_INDEX, BY_SLICE, ALL } kind;
    struct str name;
    int64_t from, to, step; /* an index is `from` */
    bool has_from, has_to;
};

struct step {
    bool deep; /* of the value and of all that is below it */
    unsigned n;
    struct choice *choices;
};

struct jsonpath {
    unsigned n;
    struct step steps[JSONPATH_STEPS_MAX];
};

/* ---- reading ---- */

struct reader {
    struct arena *arena;
    struct str text;
    size_t at;
    struct fault *fault;
};

static int unexpected(struct reader *r, const char *expected)
{
    return fault_set(r->fault, E_CONFIG, "the path '%.*s', at character %zu: expected %s",
                     STR_ARGS(str_head_utf8(r->text, 80)), r->at + 1, expected);
}

static char peek(const struct reader *r)
{
    return r->at < r->text.n ? r->text.p[r->at] : 0;
}

static bool take(struct reader *r, char c)
{
    bool there = r->at < r->text.n && peek(r) == c;
    r->at += there;
    return there;
}

static void skip_spaces(struct reader *r)
{
    while (r->at < r->text.n && memchr(" \t\r\n", peek(r), 4))
        r->at++;
}

static bool is_name_byte(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 128 || (!first && c >= '0' && c <= '9');
}

/* .name or .* */
static int short_choice(struct reader *r, struct choice *c)
{
    size_t from = r->at;
    if (take(r, '*')) {
        c->kind = ALL;
        return 0;
    }
    while (r->at < r->text.n && is_name_byte(peek(r), r->at == from))
        r->at++;
    if (r->at == from)
        return unexpected(r, "a name, which stands as ['...'] if it has other characters than "
                             "letters, digits and _");
    c->kind = BY_NAME;
    c->name = str_of(r->text.p + from, r->at - from);
    return 0;
}

/* 'name' or "name", with JSON's escapes. */
static int quoted_choice(struct reader *r, struct choice *c)
{
    char quote = peek(r);
    struct buf out;
    buf_init(&out, SIZE_MAX);
    buf_char(&out, '"');
    for (r->at++; r->at < r->text.n && peek(r) != quote; r->at++) {
        bool escape = peek(r) == '\\' && r->at + 1 < r->text.n;
        r->at += escape;
        /* In JSON only the double quote is escaped. */
        if (peek(r) == '"' || (escape && peek(r) != '\''))
            buf_char(&out, '\\');
        buf_char(&out, peek(r));
    }
    buf_char(&out, '"');
    int err = out.failed;
    if (!err && !take(r, quote))
        err = unexpected(r, "the name's closing quote");
    if (!err && json_unquote(r->arena, buf_view(&out), &c->name) != 0)
        err = unexpected(r, "a name with escapes as in JSON before this");
    buf_fini(&out);
    c->kind = BY_NAME;
    return err;
}

/* False: there is no number. */
static bool take_number(struct reader *r, int64_t *ret_number, int *ret_err)
{
    char digits[24] = {0};
    size_t n = 0, from = r->at;
    if (peek(r) == '-')
        digits[n++] = r->text.p[r->at++];
    while (r->at < r->text.n && peek(r) >= '0' && peek(r) <= '9') {
        if (n < sizeof(digits) - 1)
            digits[n++] = peek(r);
        r->at++;
    }
    *ret_number = strtoll(digits, NULL, 10);
    bool sign = digits[0] == '-', zero = digits[sign] == '0';
    bool odd = (zero && (sign || n > 1)) || (sign && n == 1);
    if (odd || *ret_number > INDEX_MOST || *ret_number < -INDEX_MOST) {
        r->at = from;
        *ret_err = unexpected(r, "a whole number without zeros in front");
    }
    return n > 0;
}

/* 3, 1:3, ::2 */
static int number_choice(struct reader *r, struct choice *c)
{
    int err = 0;
    int64_t number;
    c->kind = BY_INDEX;
    c->step = 1;
    c->has_from = take_number(r, &c->from, &err);
    skip_spaces(r);
    if (err || !take(r, ':'))
        return err || c->has_from
                   ? err
                   : unexpected(r, "a name in quotes, an index, a slice such as 1:3, or *");
    c->kind = BY_SLICE;
    skip_spaces(r);
    c->has_to = take_number(r, &c->to, &err);
    skip_spaces(r);
    if (!err && take(r, ':')) {
        skip_spaces(r);
        if (take_number(r, &number, &err))
            c->step = number;
    }
    return err;
}

static int bracket_choice(struct reader *r, struct choice *c)
{
    if (peek(r) == '\'' || peek(r) == '"')
        return quoted_choice(r, c);
    if (peek(r) == '?')
        return unexpected(r, "a name, an index or a slice: filters are not supported");
    if (!take(r, '*'))
        return number_choice(r, c);
    c->kind = ALL;
    return 0;
}

/* What stands between brackets; the opening one is taken. */
static int bracket_read(struct reader *r, struct step *step)
{
    do {
        if (step->n == CHOICES_MAX)
            return unexpected(r, "at most 64 names or indexes in brackets");
        skip_spaces(r);
        int err = bracket_choice(r, &step->choices[step->n]);
        if (err)
            return err;
        step->n++;
        skip_spaces(r);
    } while (take(r, ','));
    return take(r, ']') ? 0 : unexpected(r, "] or a comma");
}

static int step_read(struct reader *r, struct step *step)
{
    bool dot = take(r, '.');
    step->deep = dot && take(r, '.');
    step->choices = ARENA_ARRAY(r->arena, struct choice, CHOICES_MAX);
    if (!step->choices)
        return E_MEMORY;
    if ((!dot || step->deep) && take(r, '['))
        return bracket_read(r, step);
    if (!dot)
        return unexpected(r, "a dot or [");
    step->n = 1;
    return short_choice(r, &step->choices[0]);
}

int jsonpath_read(struct arena *a, struct str text, struct jsonpath **ret_path, struct fault *f)
{
    struct reader r = {.arena = a, .text = text, .fault = f};
    struct jsonpath *path = ARENA_NEW(a, struct jsonpath);
    if (!path)
        return E_MEMORY;
    if (!take(&r, '$'))
        return unexpected(&r, "$, the whole answer");
    int err = 0;
    while (!err && r.at < text.n) {
        skip_spaces(&r);
        if (path->n == JSONPATH_STEPS_MAX)
            return unexpected(&r, "the path's end: it has too many steps");
        err = step_read(&r, &path->steps[path->n++]);
    }
    if (!err)
        *ret_path = path;
    return err;
}

bool jsonpath_is_single(const struct jsonpath *path)
{
    bool single = true;
    for (unsigned i = 0; i < path->n && single; i++)
        single = !path->steps[i].deep && path->steps[i].n == 1 &&
                 path->steps[i].choices[0].kind <= BY_INDEX;
    return single;
}

/* ---- finding ---- */

struct finder {
    struct arena *arena;
    struct values_steps *steps;
    struct jsonpath_found *into;
};

static int add(struct finder *s, yyjson_val *v)
{
    struct jsonpath_found *found = s->into;
    if (!v)
        return 0;
    if (found->n == JSONPATH_FOUND_MAX || !values_step(s->steps, 1)) {
        found->too_many = true;
        return 0;
    }
    if (found->n == found->room) {
        size_t room = found->room ? found->room * 2 : 8;
        yyjson_val **more = ARENA_ARRAY(s->arena, yyjson_val *, room);
        if (!more)
            return E_MEMORY;
        if (found->n)
            memcpy(more, found->at, found->n * sizeof(*more));
        found->at = more;
        found->room = room;
    }
    found->at[found->n++] = v;
    return 0;
}

static int add_all(struct finder *s, yyjson_val *v)
{
    int err = 0;
    yyjson_arr_iter items = yyjson_arr_iter_with(v);
    yyjson_obj_iter members = yyjson_obj_iter_with(v);
    for (yyjson_val *one; !err && !s->into->too_many && (one = yyjson_arr_iter_next(&items));)
        err = add(s, one);
    for (yyjson_val *key; !err && !s->into->too_many && (key = yyjson_obj_iter_next(&members));)
        err = add(s, yyjson_obj_iter_get_val(key));
    return err;
}

/* An array's item; finding one costs as many steps as stand before it. */
static yyjson_val *item(struct finder *s, yyjson_val *v, int64_t index)
{
    int64_t n = (int64_t)yyjson_arr_size(v);
    index += index < 0 ? n : 0;
    if (index < 0 || index >= n || !values_step(s->steps, 1 + (uint64_t)index / 16))
        return NULL;
    return yyjson_arr_get(v, (size_t)index);
}

static int64_t within(int64_t x, int64_t least, int64_t most)
{
    return x < least ? least : x > most ? most : x;
}

/* RFC 9535, 2.3.4.2.2. */
static int add_slice(struct finder *s, yyjson_val *v, const struct choice *c)
{
    int64_t n = (int64_t)yyjson_arr_size(v);
    bool back = c->step < 0;
    int64_t from = c->has_from ? c->from : back ? n - 1 : 0;
    int64_t to = c->has_to ? c->to : back ? -n - 1 : n;
    int err = 0;
    if (c->step == 0)
        return 0;
    from = within(from < 0 ? from + n : from, back ? -1 : 0, back ? n - 1 : n);
    to = within(to < 0 ? to + n : to, back ? -1 : 0, back ? n - 1 : n);
    for (int64_t i = from; !err && !s->into->too_many && (back ? i > to : i < to); i += c->step)
        err = add(s, item(s, v, i));
    return err;
}

static int choose(struct finder *s, yyjson_val *v, const struct step *step)
{
    int err = 0;
    for (unsigned i = 0; i < step->n && !err; i++) {
        const struct choice *c = &step->choices[i];
        if (c->kind == ALL)
            err = add_all(s, v);
        else if (c->kind == BY_NAME && yyjson_is_obj(v))
            err = add(s, values_member(v, c->name, s->steps));
        else if (c->kind == BY_INDEX && yyjson_is_arr(v))
            err = add(s, item(s, v, c->from));
        else if (c->kind == BY_SLICE && yyjson_is_arr(v))
            err = add_slice(s, v, c);
    }
    return err;
}

/* The value first, then what is below it. */
static int choose_deep(struct finder *s, yyjson_val *v, const struct step *step)
{
    int err = choose(s, v, step);
    yyjson_arr_iter items = yyjson_arr_iter_with(v);
    yyjson_obj_iter members = yyjson_obj_iter_with(v);
    for (yyjson_val *one; !err && !s->into->too_many && (one = yyjson_arr_iter_next(&items));)
        err = choose_deep(s, one, step);
    for (yyjson_val *key; !err && !s->into->too_many && (key = yyjson_obj_iter_next(&members));)
        err = choose_deep(s, yyjson_obj_iter_get_val(key), step);
    return err;
}

int jsonpath_find(const struct jsonpath *path, struct arena *a, yyjson_val *root,
                  struct values_steps *steps, struct jsonpath_found *ret_found)
{
    struct jsonpath_found here = {.n = 0};
    struct finder first = {.arena = a, .steps = steps, .into = &here};
    int err = add(&first, root);
    for (unsigned i = 0; i < path->n && !err && !here.too_many; i++) {
        struct jsonpath_found next = {.n = 0};
        struct finder s = {.arena = a, .steps = steps, .into = &next};
        for (size_t k = 0; k < here.n && !err; k++)
            err = path->steps[i].deep ? choose_deep(&s, here.at[k], &path->steps[i])
                                      : choose(&s, here.at[k], &path->steps[i]);
        here = next;
    }
    here.too_many = here.too_many || steps->left == 0;
    *ret_found = here;
    return err;
}
