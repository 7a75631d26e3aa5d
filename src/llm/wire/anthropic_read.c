/* anthropic_read.c: members of objects, and what is wrong with them. */
#include <stdio.h>

#include "llm/wire/anthropic.h"

int anthropic_wrong(struct anthropic_reader *r, const char *fmt, ...)
{
    if (r->json.failed)
        return E_BAD_JSON;
    if (!r->request)
        return E_UPSTREAM_BODY;
    char text[FAULT_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return fault_set(r->fault, E_BAD_REQUEST, "%s%s%s", r->place.text, r->place.text[0] ? ": " : "",
                     text);
}

struct anthropic_place anthropic_place_enter(struct anthropic_reader *r, const char *name,
                                             unsigned index)
{
    struct anthropic_place before = r->place;
    snprintf(r->place.text, sizeof(r->place.text), "%.*s%s%s.%u", (int)sizeof(before.text) - 20,
             before.text, before.text[0] ? "." : "", name, index);
    return before;
}

int anthropic_key_take(struct anthropic_reader *r, const struct anthropic_member *members,
                       unsigned n, uint32_t *seen, unsigned *ret_which, struct str *ret_name)
{
    struct str key = json_take_key(&r->json);
    if (r->json.failed)
        return E_BAD_JSON;
    *ret_name = r->json.key;
    unsigned i = 0;
    while (i < n && !str_eq(members[i].name, key))
        i++;
    *ret_which = i < n ? i : ANTHROPIC_OTHER_MEMBER;
    if (i == n)
        return 0;
    if (*seen >> i & 1)
        return r->request
                   ? fault_set(r->fault, E_DUPLICATE_KEY, "%s%s'%s' stands twice", r->place.text,
                               r->place.text[0] ? ": " : "", members[i].name.p)
                   : E_UPSTREAM_BODY;
    *seen |= (uint32_t)1 << i;
    return 0;
}

static bool value_fits(struct str v, enum anthropic_value value)
{
    switch (value) {
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
        break;
    }
    return true;
}

int anthropic_value_take(struct anthropic_reader *r, const struct anthropic_member *member,
                         struct str *ret_value)
{
    static const char *const expected[] = {
        [VALUE_ANY] = "",
        [VALUE_STRING] = "a string",
        [VALUE_OBJECT] = "an object",
        [VALUE_LIST] = "a list",
        [VALUE_BOOL] = "true or false",
        [VALUE_COUNT] = "a whole number",
        [VALUE_NUMBER] = "a number",
    };
    struct str v = json_take(&r->json);
    *ret_value = STR_NONE;
    if (r->json.failed)
        return E_BAD_JSON;
    if (json_is_null(v))
        return 0;
    if (!value_fits(v, member->value))
        return anthropic_wrong(r, "'%s' has to be %s", member->name.p, expected[member->value]);
    *ret_value = v;
    return 0;
}

int anthropic_other_take(struct anthropic_reader *r, struct chat_member ***list, struct str name)
{
    struct str v = json_take(&r->json);
    if (r->json.failed)
        return E_BAD_JSON;
    if (json_is_null(v) || !r->request)
        return 0;
    int err = chat_member_add(r->request, *list, name, v);
    if (!err)
        *list = &(**list)->next;
    return err;
}

int anthropic_object_take(struct anthropic_reader *r, const struct anthropic_member *members,
                          unsigned n, struct str *ret_values, struct str *ret_whole,
                          bool *ret_known)
{
    const char *from = r->json.at;
    bool object = !r->json.failed && *from == '{', null = anthropic_null_ahead(r);
    uint32_t seen = 0;
    int err = 0;
    for (unsigned i = 0; i < n; i++)
        ret_values[i] = STR_NONE;
    *ret_known = true;
    if (json_enter(&r->json, '{'))
        do {
            unsigned which;
            struct str name;
            err = anthropic_key_take(r, members, n, &seen, &which, &name);
            if (!err && which != ANTHROPIC_OTHER_MEMBER)
                err = anthropic_value_take(r, &members[which], &ret_values[which]);
            else if (!err && !json_is_null(json_take(&r->json)))
                *ret_known = false;
        } while (!err && json_more(&r->json, '{'));
    if (!err && (r->json.failed || !(object || null)))
        err = anthropic_wrong(r, "an object is expected");
    *ret_whole = err || null ? STR_NONE : str_of(from, (size_t)(r->json.at - from));
    return err;
}

bool anthropic_null_ahead(const struct anthropic_reader *r)
{
    return !r->json.failed && *r->json.at == 'n';
}

struct str anthropic_type_ahead(const struct anthropic_reader *r)
{
    struct json_reader ahead = r->json;
    if (!ahead.failed && *ahead.at == '{' && json_enter(&ahead, '{'))
        do {
            if (str_eq(json_take_key(&ahead), STR("type")))
                return json_take(&ahead);
            (void)json_take(&ahead);
        } while (json_more(&ahead, '{'));
    return STR_NONE;
}
