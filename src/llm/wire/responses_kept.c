/*
 * responses_kept.c: the ids by which a provider of the Responses API knows again what it has
 * stored.
 *
 * A request may name an earlier answer (previous_response_id), and in its input the items of one:
 * by a reference, which is nothing but an id, or by an item that has an id beside its content. Of
 * an item whose content all stands in the request, the id adds nothing; of every other kind (a
 * search, an image, reasoning that is not encrypted, what comes new) the provider may fill in what
 * it has under that id.
 */
#include <string.h>

#include "llm/responses.h"

/* More than that in one input, or an id longer than that, is nobody's. */
#define KEPT_MAX     4096u
#define ID_BYTES_MAX 512u

/* Kinds of items that stand wholly in a request which has this member of them. */
static const struct {
    struct str type, member;
    bool may_be_empty;
} whole_kinds[] = {
    {{"message", 7}, {"content", 7}, false},
    {{"reasoning", 9}, {"encrypted_content", 17}, false},
    {{"function_call", 13}, {"arguments", 9}, true},
    {{"function_call_output", 20}, {"output", 6}, true},
    {{"custom_tool_call", 16}, {"input", 5}, true},
    {{"custom_tool_call_output", 23}, {"output", 6}, true},
};

/* The member of this name; NULL too where it stands there twice, or once in another spelling, since
 * the provider may read another one. */
static yyjson_val *only(yyjson_val *item, struct str wanted)
{
    size_t i, n;
    yyjson_val *key, *value, *found = NULL;
    yyjson_obj_foreach(item, i, n, key, value)
    {
        struct str name = json_str(key);
        if (!str_eq_nocase(name, wanted))
            continue;
        if (found || !str_eq(name, wanted))
            return NULL;
        found = value;
    }
    return found;
}

static bool has_member(yyjson_val *item, struct str name, bool may_be_empty)
{
    yyjson_val *v = only(item, name);
    /* The length of a string, the size of a list or object, 0 of anything else. */
    return v && !yyjson_is_null(v) && (may_be_empty || yyjson_get_len(v) > 0);
}

static bool is_carried(yyjson_val *item)
{
    yyjson_val *type = only(item, STR("type"));
    if (!type && !yyjson_obj_get(item, "type")) /* a message in short, or a reference */
        return has_member(item, STR("role"), false) && has_member(item, STR("content"), false);
    for (size_t i = 0; i < ARRAY_LEN(whole_kinds); i++)
        if (str_eq(json_str(type), whole_kinds[i].type))
            return has_member(item, whole_kinds[i].member, whole_kinds[i].may_be_empty);
    return false;
}

/* ---- requests ---- */

static int kept_add(struct llm_request *r, struct arena *arena, struct str id, bool carried)
{
    struct llm_kept *k = &r->kept[r->kept_n++];
    *k = (struct llm_kept){.id = arena_str(arena, str_head(id, ID_BYTES_MAX + 1)),
                           .carried = carried};
    return k->id.p ? 0 : E_MEMORY;
}

static bool is_id(yyjson_val *key, yyjson_val *value)
{
    return yyjson_is_str(value) && str_eq_nocase(json_str(key), STR("id"));
}

/* Every member that a reader might take for the id. What else there is, is looked at once. */
static int item_ids(struct llm_request *r, struct arena *arena, yyjson_val *item)
{
    size_t i, n;
    yyjson_val *key, *value;
    unsigned before = r->kept_n;
    bool carried = false;
    int err = 0;
    yyjson_obj_foreach(item, i, n, key, value)
    {
        if (!is_id(key, value))
            continue;
        if (r->kept_n == before)
            carried = is_carried(item);
        err = kept_add(r, arena, json_str(value), carried);
        if (err)
            break;
    }
    return err;
}

/* May there be an id? Nearly no request of a client without a memory has one, and what has none is
 * not parsed. An escape may hide it. */
static bool may_have_ids(struct str input)
{
    const char *p = input.p, *end = input.p + input.n;
    while ((p = memchr(p, '"', (size_t)(end - p))) != NULL) {
        if (end - p > 3 && (p[1] | 32) == 'i' && (p[2] | 32) == 'd' && p[3] == '"')
            return true;
        p++;
    }
    return str_find(input, STR("\\u")) >= 0;
}

static size_t ids_count(yyjson_val *items)
{
    size_t i, n, k, m, count = 0;
    yyjson_val *item, *key, *value;
    yyjson_arr_foreach(items, i, n, item)
    {
        yyjson_obj_foreach(item, k, m, key, value)
        {
            count += is_id(key, value);
        }
    }
    return count;
}

static int items_read(yyjson_val *items, struct arena *arena, struct llm_request *r)
{
    size_t i, n;
    yyjson_val *item;
    yyjson_arr_foreach(items, i, n, item)
    {
        int err = item_ids(r, arena, item);
        if (err)
            return err;
    }
    return 0;
}

int responses_kept_read(struct str previous, struct str input, struct arena *arena,
                        struct llm_request *r, struct fault *f)
{
    bool look = json_is_array(input) && may_have_ids(input);
    struct str id = STR_NONE;
    if (previous.p && !json_is_string(previous))
        return fault_set(f, E_BAD_REQUEST, "'previous_response_id' has to be a string");
    if (previous.p && json_unquote(arena, previous, &id) != 0)
        return fault_set(f, E_BAD_REQUEST, "'previous_response_id' is not valid text");
    yyjson_val *items = look ? json_peek(input) : NULL;
    if (look && !items)
        return fault_set(f, E_BAD_JSON, "'input' is not valid JSON");
    size_t most = ids_count(items) + (previous.p != NULL);
    if (most > KEPT_MAX)
        return fault_set(f, E_BAD_REQUEST, "'input' has more than %u ids in it", KEPT_MAX);
    if (most == 0)
        return 0;
    r->kept = ARENA_ARRAY(arena, struct llm_kept, most);
    if (!r->kept)
        return E_MEMORY;
    int err = previous.p ? kept_add(r, arena, id, false) : 0;
    return err ? err : items_read(items, arena, r);
}

/* ---- answers ---- */

static void id_tell(yyjson_val *object, const char *key, void (*fn)(void *arg, struct str id),
                    void *arg)
{
    struct str id = json_get_str(object, key);
    if (id.n > 0)
        fn(arg, id);
}

/* Where code was run, and what it made there: kept for a while in any case. */
static void run_tell(yyjson_val *item, void (*fn)(void *arg, struct str id), void *arg)
{
    size_t i, n, k, m;
    yyjson_val *part, *note;
    struct str type = json_get_str(item, "type");
    if (str_eq(type, STR("code_interpreter_call")))
        id_tell(item, "container_id", fn, arg);
    if (str_eq(type, STR("shell_call")))
        id_tell(yyjson_obj_get(item, "environment"), "container_id", fn, arg);
    if (!str_eq(type, STR("message")))
        return;
    yyjson_arr_foreach(yyjson_obj_get(item, "content"), i, n, part)
    {
        yyjson_arr_foreach(yyjson_obj_get(part, "annotations"), k, m, note)
        {
            if (!str_eq(json_get_str(note, "type"), STR("container_file_citation")))
                continue;
            id_tell(note, "container_id", fn, arg);
            id_tell(note, "file_id", fn, arg);
        }
    }
}

static void item_tell(yyjson_val *item, bool stored, void (*fn)(void *arg, struct str id),
                      void *arg)
{
    struct str id = json_get_str(item, "id");
    if (id.n > 0 && (stored || !is_carried(item)))
        fn(arg, id);
    run_tell(item, fn, arg);
}

void responses_kept_each(yyjson_val *kept, bool stored, void (*fn)(void *arg, struct str id),
                         void *arg)
{
    size_t i, n;
    yyjson_val *output = yyjson_obj_get(kept, "output"), *item;
    if (!str_eq(json_get_str(kept, "object"), STR("response"))) {
        item_tell(kept, stored, fn, arg);
        return;
    }
    if (stored && json_get_str(kept, "id").n > 0)
        fn(arg, json_get_str(kept, "id"));
    yyjson_arr_foreach(output, i, n, item)
    {
        item_tell(item, stored, fn, arg);
    }
}
