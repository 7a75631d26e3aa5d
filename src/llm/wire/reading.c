/* reading.c: objects of which some members are known, and what is wrong with them. */
#include "llm/wire/reading.h"

#include <stdio.h>

#include "base/buf.h"
#include "llm/wire/parts.h"

/* ---- faults and their places ---- */

static void place_text(const struct place *p, char *text, size_t n)
{
    size_t at = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < p->n && at < n; i++) {
        const char *dot = i ? "." : "";
        at += (size_t)(p->step[i].at < 0 ? snprintf(text + at, n - at, "%s%s", dot, p->step[i].name)
                                         : snprintf(text + at, n - at, "%s%s.%d", dot,
                                                    p->step[i].name, p->step[i].at));
    }
}

static int wrong(struct reading *r, int err, const char *words)
{
    char place[96];
    if (r->json.failed)
        return E_BAD_JSON;
    if (!r->request)
        return E_UPSTREAM_BODY;
    place_text(&r->place, place, sizeof(place));
    return fault_set(r->fault, err, "%s%s%s", place, place[0] ? ": " : "", words);
}

int reading_wrong(struct reading *r, const char *fmt, ...)
{
    char words[FAULT_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    return wrong(r, E_BAD_REQUEST, words);
}

static int twice(struct reading *r, const struct member *m)
{
    char words[128], quote = r->quote ? r->quote : '\'';
    snprintf(words, sizeof(words), "%c%s%c stands twice%s", quote, m->name.p, quote,
             r->place.n ? "" : " in the request");
    return wrong(r, E_DUPLICATE_KEY, words);
}

int reading_end(struct reading *r, int err, struct str body)
{
    const struct json_scan *scan;
    if (!r->json.failed && err != E_BAD_JSON && (err || json_reader_good(&r->json)))
        return err;
    err = json_scan(body, &scan, r->fault);
    return err ? err : fault_set(r->fault, E_BAD_JSON, "the body is not valid JSON");
}

void reading_enter(struct reading *r, const char *name, int at)
{
    if (r->place.n == PLACE_STEPS_MAX)
        r->place.n--;
    r->place.step[r->place.n].name = name;
    r->place.step[r->place.n++].at = at;
}

void reading_leave(struct reading *r)
{
    r->place.n--;
}

bool reading_inside(const struct reading *r, struct str value, struct reading *ret_inside)
{
    *ret_inside = *r;
    return json_is_object(value) && json_reader_init(&ret_inside->json, value);
}

/* Of a list's own bytes, in front of its bracket. */
static struct json_reader json_list_reader(struct str list)
{
    return (struct json_reader){.at = list.p, .end = list.p + list.n - 1};
}

struct reading reading_of_list(const struct reading *r, struct str list)
{
    struct reading in = *r;
    in.json = json_list_reader(list);
    return in;
}

/* ---- values ---- */

static const char *const expected[] = {
    [VALUE_ANY] = "given",       [VALUE_STRING] = "a string",    [VALUE_OBJECT] = "an object",
    [VALUE_LIST] = "a list",     [VALUE_BOOL] = "true or false", [VALUE_COUNT] = "a whole number",
    [VALUE_NUMBER] = "a number", [VALUE_TAKEN] = "given",
};

static bool fits(struct str v, enum value_kind kind)
{
    switch (kind) {
    case VALUE_STRING:
        return json_is_string(v);
    case VALUE_OBJECT:
        return json_is_object(v);
    case VALUE_LIST:
        return json_is_array(v);
    case VALUE_BOOL:
        return json_is_bool(v);
    case VALUE_COUNT:
        return count_of(v, -1) >= 0;
    case VALUE_NUMBER:
        return v.n > 0 && (v.p[0] == '-' || (v.p[0] >= '0' && v.p[0] <= '9'));
    case VALUE_ANY:
    case VALUE_TAKEN:
        break;
    }
    return v.n > 0;
}

int reading_take(struct reading *r, struct str *ret_value)
{
    struct str v = json_take(&r->json);
    *ret_value = json_is_null(v) ? STR_NONE : v;
    return r->json.failed ? E_BAD_JSON : 0;
}

struct str reading_ahead(const struct reading *r, struct str name)
{
    struct json_reader ahead = r->json;
    if (reading_next_is(r, '{') && json_enter(&ahead, '{'))
        do {
            bool found = str_eq(json_take_key(&ahead), name);
            struct str value = json_take(&ahead);
            if (found)
                return value;
        } while (json_more(&ahead, '{'));
    return STR_NONE;
}

int reading_wants(struct reading *r, struct str value, const char *name, enum value_kind kind)
{
    return fits(value, kind) ? 0 : reading_wrong(r, "'%s' has to be %s", name, expected[kind]);
}

int reading_keep(struct reading *r, struct chat_member **list, struct str name, struct str value)
{
    if (value.n == 0 || json_is_null(value) || !r->request)
        return 0;
    return chat_member_add(r->request, list, name, value);
}

/* ---- objects ---- */

static unsigned member_find(const struct member *members, unsigned n, struct str key)
{
    unsigned i = 0;
    while (i < n && !str_eq(members[i].name, key))
        i++;
    return i;
}

static unsigned param_find(const struct object *o, struct str key)
{
    unsigned i = 0;
    while (i < o->params_n && !str_eq(o->params[i].member.name, key))
        i++;
    return i;
}

static int known_take(struct reading *r, struct object *o, unsigned i)
{
    const struct param *param = i < o->n ? NULL : &o->params[i - o->n];
    const struct member *m = param ? &param->member : &o->members[i];
    struct str value;
    if (o->seen >> i & 1 && !r->lenient)
        return twice(r, m);
    o->seen |= (uint64_t)1 << i;
    if (m->kind == VALUE_TAKEN)
        return o->take(r, i, o->to);
    int err = reading_take(r, &value);
    if (!err && value.p)
        err = reading_wants(r, value, m->name.p, m->kind);
    if (!err && !param)
        o->values[i] = value;
    else if (!err && !(o->silent && value.p && o->silent(param->feature, value)))
        chat_param(r->request, param->feature, value);
    return err;
}

static int member_next(struct reading *r, struct object *o)
{
    struct str key = json_take_key(&r->json), name = r->json.key, value;
    if (r->json.failed)
        return E_BAD_JSON;
    unsigned i = member_find(o->members, o->n, key);
    if (i == o->n)
        i += param_find(o, key);
    if (i < o->n + o->params_n && !(o->foreign >> i & 1))
        return known_take(r, o, i);
    int err = reading_take(r, &value);
    o->more = o->more || value.p;
    return err || !o->others ? err : reading_keep(r, o->others, name, value);
}

int reading_object(struct reading *r, struct object *o)
{
    const char *from = r->json.at;
    bool null = reading_next_is(r, 'n');
    int err = 0;
    for (unsigned i = 0; i < o->n && o->values; i++)
        o->values[i] = STR_NONE;
    if (!null && !reading_next_is(r, '{') && o->name && !o->wrong)
        return reading_wants(r, STR_NONE, o->name, VALUE_OBJECT);
    if (o->name)
        reading_enter(r, o->name, -1);
    if (!null && !reading_next_is(r, '{'))
        return reading_wrong(r, "%s", o->wrong ? o->wrong : "an object is expected");
    if (json_enter(&r->json, '{'))
        do
            err = member_next(r, o);
        while (!err && json_more(&r->json, '{'));
    if (!err && r->json.failed)
        err = E_BAD_JSON;
    if (o->name)
        reading_leave(r);
    o->whole = err || null ? STR_NONE : str_of(from, (size_t)(r->json.at - from));
    return err;
}

int reading_list(struct reading *r, const char *name, int (*each)(struct reading *r, void *to),
                 void *to)
{
    int err = 0, at = 0;
    if (!reading_next_is(r, '[') && !reading_next_is(r, 'n'))
        return reading_wrong(r, "'%s' has to be a list", name);
    if (json_enter(&r->json, '['))
        do {
            reading_enter(r, name, at++);
            err = each(r, to);
            reading_leave(r);
        } while (!err && json_more(&r->json, '['));
    return err ? err : r->json.failed ? E_BAD_JSON : 0;
}

/* ---- small things ---- */

void params_put(struct buf *out, const struct chat_request *r, const struct param *params, size_t n)
{
    for (size_t i = 0; i < n; i++)
        member_put_json(out, params[i].member.name, r->params[params[i].feature]);
}

int reading_model(struct reading *r, struct str model)
{
    if (model.n == 0)
        return reading_wrong(r, "'model' is missing; expected the name of a model");
    if (!json_is_string(model) || model.n == 2)
        return reading_wrong(r, "'model' has to be a string that is not empty");
    int err = json_unquote(r->arena, model, &r->request->model);
    return err == E_BAD_JSON ? reading_wrong(r, "'model' has half a surrogate pair in it") : err;
}

size_t word_find(const struct str *words, size_t n, struct str string)
{
    size_t i = 0;
    while (i < n && !str_eq(words[i], string))
        i++;
    return i;
}

bool members_each(struct json_reader *r, const struct member *members, unsigned n,
                  struct str *ret_values,
                  void (*take)(struct json_reader *r, unsigned which, void *to), void *to)
{
    for (unsigned i = 0; i < n; i++)
        ret_values[i] = STR_NONE;
    uint64_t seen = 0;
    bool once = true;
    if (!json_enter(r, '{'))
        return once;
    do {
        unsigned i = member_find(members, n, json_take_key(r));
        once = once && !(i < n && (seen >> i & 1));
        seen |= i < n ? (uint64_t)1 << i : 0;
        if (i < n && members[i].kind == VALUE_TAKEN) {
            take(r, i, to);
            continue;
        }
        struct str value = json_take(r);
        bool given = i < n && !json_is_null(value) && fits(value, members[i].kind);
        if (i < n)
            ret_values[i] = given ? value : STR_NONE;
    } while (json_more(r, '{'));
    return once;
}

void members_take(struct json_reader *r, const struct member *members, unsigned n,
                  struct str *ret_values)
{
    (void)members_each(r, members, n, ret_values, NULL, NULL);
}

/* An object's own text. */
static bool text_peek(struct str object, const struct member *members, unsigned n,
                      struct str *ret_values, bool *ret_once)
{
    struct json_reader r;
    for (unsigned i = 0; i < n; i++)
        ret_values[i] = STR_NONE;
    if (!json_reader_init(&r, object))
        return false;
    *ret_once = members_each(&r, members, n, ret_values, NULL, NULL);
    return json_reader_good(&r);
}

bool members_peek(struct str object, const struct member *members, unsigned n,
                  struct str *ret_values)
{
    bool once;
    return text_peek(object, members, n, ret_values, &once);
}

bool members_peek_once(struct str object, const struct member *members, unsigned n,
                       struct str *ret_values)
{
    bool once;
    return text_peek(object, members, n, ret_values, &once) && once;
}

struct str member_peek(struct str object, struct str name, enum value_kind kind)
{
    const struct member m = {name, kind};
    struct str value;
    (void)members_peek(object, &m, 1, &value);
    return value;
}

struct str member_take(struct json_reader *r, struct str name, enum value_kind kind)
{
    const struct member m = {name, kind};
    struct str value;
    members_take(r, &m, 1, &value);
    return value;
}

bool list_enter(struct json_reader *r, struct str list)
{
    if (!json_is_array(list))
        return false;
    *r = json_list_reader(list);
    return json_enter(r, '[');
}
