#include "llm/prefix.h"

#include "base/buf.h"
#include "base/json.h"
#include "llm/settings.h"
#include "llm/wire.h"

/* ---- from the configuration ---- */

/* Where each message of the configuration is looked at. */
static bool messages_check(struct conf_doc *doc, const struct conf_list *list)
{
    bool good = true, talks = false;
    for (unsigned i = 0; i < list->n; i++) {
        const struct message_settings *m = &((const struct message_settings *)list->at)[i];
        bool system = m->role == MESSAGE_SYSTEM;
        if (str_trim(m->content).n == 0) {
            conf_complain(doc, &m->content, "an empty message; expected a text, or no message");
            good = false;
        } else if (system && talks) {
            conf_complain(doc, &m->role,
                          "a system message behind worked examples; expected it in front of them, "
                          "where every model takes it");
            good = false;
        }
        talks = talks || !system;
    }
    return good;
}

static void system_write(const struct conf_list *list, struct buf *out)
{
    for (unsigned i = 0; i < list->n; i++) {
        const struct message_settings *m = &((const struct message_settings *)list->at)[i];
        if (m->role != MESSAGE_SYSTEM)
            continue;
        buf_str(out, out->n ? STR("\\n\\n") : STR(""));
        json_escape(out, m->content);
    }
}

static void examples_write(const struct conf_list *list, struct buf *out)
{
    for (unsigned i = 0; i < list->n; i++) {
        const struct message_settings *m = &((const struct message_settings *)list->at)[i];
        if (m->role == MESSAGE_SYSTEM)
            continue;
        buf_printf(out, "{\"role\":\"%s\",\"content\":", message_roles[m->role]);
        json_quote(out, m->content);
        buf_str(out, STR("},"));
    }
}

int prefix_compile(struct conf_doc *doc, const struct conf_list *list, struct str name,
                   const struct prefix **ret_prefix)
{
    *ret_prefix = NULL;
    if (list->n == 0)
        return 0;
    if (!messages_check(doc, list))
        return E_CONFIG;
    struct arena *arena = conf_arena(doc);
    struct prefix *p = ARENA_NEW(arena, struct prefix);
    struct buf system, items;
    buf_init(&system, PREFIX_BYTES_MAX);
    buf_init(&items, PREFIX_BYTES_MAX);
    system_write(list, &system);
    buf_char(&items, ',');
    if (system.n) {
        buf_str(&items, STR("{\"role\":\"system\",\"content\":\""));
        buf_str(&items, buf_view(&system));
        buf_str(&items, STR("\"},"));
    }
    size_t examples_at = items.n ? items.n - 1 : 0;
    examples_write(list, &items);
    int err = system.failed ? system.failed : items.failed;
    if (!err && p)
        *p = (struct prefix){.name = name,
                             .system = arena_str(arena, buf_view(&system)),
                             .items = arena_str(arena, buf_view(&items)),
                             .examples_at = examples_at};
    if (!err && (!p || !p->items.p || (system.n && !p->system.p)))
        err = E_MEMORY;
    buf_fini(&system);
    buf_fini(&items);
    if (err == E_TOO_LARGE) {
        conf_complain(doc, list, "a prefix of more than %u KiB; every request would carry it",
                      PREFIX_BYTES_MAX / 1024);
        return E_CONFIG;
    }
    if (!err)
        *ret_prefix = p;
    return err;
}

/* ---- edits ---- */

/* Items of it with a comma in front, or behind, or both, as they are to be. */
static struct str items(const struct prefix *p, size_t from, size_t to, bool before, bool after)
{
    from += !before;
    to -= !after;
    return from < to ? str_of(p->items.p + from, to - from) : STR_NONE;
}

static int edit(struct llm_edits *edits, size_t from, size_t to, struct str with)
{
    return with.n ? llm_edit_add(edits, (struct json_span){from, to}, with) : 0;
}

static struct str span_of(const struct llm_request *r, struct json_span at)
{
    return str_of(r->body.p + at.from, at.to - at.from);
}

static bool is_system(struct str message)
{
    struct json_reader r;
    bool system = false;
    if (!json_reader_init(&r, message) || !json_enter(&r, '{'))
        return false;
    do {
        bool is_role = str_eq(json_take_key(&r), STR("role"));
        struct str value = json_take(&r);
        if (is_role)
            system = str_eq(value, STR("\"system\"")) || str_eq(value, STR("\"developer\""));
    } while (json_more(&r, '{'));
    return system;
}

/* A list's system messages in front. */
struct lead {
    bool any;        /* there is something in the list */
    unsigned n;      /* of them */
    const char *end; /* of the last one */
    bool is_all;     /* nothing stands behind them */
};

static struct lead lead_of(struct str list)
{
    struct lead lead = {.is_all = true};
    struct json_reader r;
    if (!json_reader_init_list(&r, list) || !json_enter(&r, '['))
        return lead;
    lead.any = true;
    do {
        struct str message = json_take(&r);
        lead.is_all = message.n > 0 && is_system(message);
        if (!lead.is_all)
            break;
        lead.n++;
        lead.end = message.p + message.n;
    } while (json_more(&r, '['));
    return lead;
}

int prefix_edit_list(const struct prefix *p, bool system, const struct llm_request *r,
                     const char *member, struct llm_edits *edits, struct fault *f)
{
    struct str list = span_of(r, r->messages_at);
    if (!json_is_array(list))
        return fault_set(f, E_BAD_REQUEST, "'%s' has to be a list of messages", member);
    size_t inside = r->messages_at.from + 1;
    struct lead lead = lead_of(list);
    size_t from = system ? 0 : p->examples_at;
    if (lead.n == 0)
        return edit(edits, inside, inside, items(p, from, p->items.n, false, lead.any));
    int err = edit(edits, inside, inside, items(p, from, p->examples_at + 1, false, true));
    /* Behind a message there is either the end of the list or a comma, which stays in its place. */
    size_t behind = (size_t)(lead.end - r->body.p);
    return err ? err
               : edit(edits, behind, behind, items(p, p->examples_at, p->items.n, true, false));
}

/* A text in front of another, which is empty, or null, or not there at all. */
static int text_edit(const struct prefix *p, bool blocks, const struct llm_request *r,
                     const char *member, struct arena *arena, struct json_span *ret_at,
                     struct str *ret_with, struct fault *f)
{
    struct json_span at = r->system_at;
    struct str was = span_of(r, at), with;
    if (was.n == 0) {
        at = (struct json_span){r->inside_at, r->inside_at};
        with = arena_printf(arena, "\"%s\":\"%.*s\",", member, STR_ARGS(p->system));
    } else if (json_is_null(was) || str_eq(was, STR("\"\""))) {
        with = arena_printf(arena, "\"%.*s\"", STR_ARGS(p->system));
    } else if (json_is_string(was)) {
        at = (struct json_span){at.from + 1, at.from + 1};
        with = arena_printf(arena, "%.*s\\n\\n", STR_ARGS(p->system));
    } else if (blocks && json_is_array(was)) {
        at = (struct json_span){at.from + 1, at.from + 1};
        with = arena_printf(arena, "{\"type\":\"text\",\"text\":\"%.*s\"}%s", STR_ARGS(p->system),
                            json_is_empty(was) ? "" : ",");
    } else {
        return fault_set(f, E_BAD_REQUEST, "'%s' has to be a text%s", member,
                         blocks ? ", or a list of text blocks" : "");
    }
    *ret_at = at;
    *ret_with = with;
    return with.p ? 0 : E_MEMORY;
}

int prefix_edit_text(const struct prefix *p, bool blocks, const struct llm_request *r,
                     const char *member, struct arena *arena, struct llm_edits *edits,
                     struct fault *f)
{
    struct json_span at;
    struct str with;
    if (p->system.n == 0)
        return 0;
    int err = text_edit(p, blocks, r, member, arena, &at, &with, f);
    return err ? err : llm_edit_add(edits, at, with);
}

int prefix_edit_input(const struct prefix *p, const struct llm_request *r, const char *member,
                      struct arena *arena, struct llm_edits *edits, struct fault *f)
{
    struct str was = span_of(r, r->messages_at);
    struct str all = items(p, p->examples_at, p->items.n, false, false);
    if (!prefix_has_examples(p))
        return 0;
    if (was.n > 0 && !json_is_null(was) && !json_is_string(was))
        return prefix_edit_list(p, false, r, member, edits, f);
    struct str with;
    struct json_span at = r->messages_at;
    if (json_is_string(was)) {
        with = arena_printf(arena, "[%.*s,{\"role\":\"user\",\"content\":", STR_ARGS(all));
        int err = llm_edit_add(edits, (struct json_span){at.to, at.to}, STR("}]"));
        if (err)
            return err;
        at.to = at.from;
    } else if (was.n > 0) {
        with = arena_printf(arena, "[%.*s]", STR_ARGS(all));
    } else {
        with = arena_printf(arena, "\"%s\":[%.*s],", member, STR_ARGS(all));
        at = (struct json_span){r->inside_at, r->inside_at};
    }
    return with.p ? llm_edit_add(edits, at, with) : E_MEMORY;
}

/* ---- a request ---- */

int prefix_edits(const struct prefix *p, const struct llm_request *r, struct arena *arena,
                 struct llm_edits *edits, struct fault *f)
{
    if (LIKELY(!p))
        return 0;
    if (!r->wire->prefix_edit)
        return fault_set(f, E_UNSUPPORTED,
                         "%.*s has a prefix of messages, for which %s has no place; ask the model "
                         "by its own name (provider/model)",
                         STR_ARGS(p->name), r->wire->name);
    arena_widen(arena, 2 * p->items.n); /* for what is written of it */
    return r->wire->prefix_edit(p, r, arena, edits, f);
}

int prefix_body(const struct prefix *p, const struct llm_request *r, struct arena *arena,
                struct str *ret_body, struct fault *f)
{
    struct llm_edits edits = {.n = 0};
    struct iovec pieces[2 * LLM_EDITS_MAX + 1];
    size_t bytes, at = 0;
    int err = prefix_edits(p, r, arena, &edits, f);
    if (err)
        return err;
    *ret_body = r->body;
    if (edits.n == 0)
        return 0;
    unsigned n = llm_edits_apply(&edits, r->body, pieces, &bytes);
    arena_widen(arena, bytes + 1);
    char *text = arena_alloc(arena, bytes + 1);
    for (unsigned i = 0; i < n && text; i++) {
        memcpy(text + at, pieces[i].iov_base, pieces[i].iov_len);
        at += pieces[i].iov_len;
    }
    *ret_body = str_of(text, bytes);
    return text ? 0 : E_MEMORY;
}
