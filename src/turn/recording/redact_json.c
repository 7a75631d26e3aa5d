/*
 * redact_json.c: what is to be taken out of JSON, and of a stream of events.
 *
 * yyjson says what stands in a document; its strings and numbers come in the order of the text, so
 * a finger that walks along in the bytes knows where each of them stands. What is found is spliced
 * in there. Each is a slot; the slots of one text that a stream brings in pieces are a group.
 */
#include <stdlib.h>
#include <xxhash.h>
#include <yyjson.h>

#include "base/json.h"
#include "http/sse.h"
#include "turn/recording/redact.h"

#define DEPTH_MAX          JSON_DEPTH_MAX
#define NUMBER_BYTES_LEAST 8 /* shorter ones are nobody's */
#define EVENT_BYTES_MAX    (64u * 1024 * 1024)
#define GROUPS_MAX         4096
#define CLEAN_KEPT         1024

enum slot_kind { SLOT_STRING, SLOT_NUMBER, SLOT_PLAIN, SLOT_DROPPED };

struct slot {
    struct slot *next; /* of the same group */
    size_t from, to;   /* in its document; a string's quotes are inside */
    struct str text;   /* what it says */
    uint64_t group;    /* 0: it stands alone */
    uint8_t kind;
    bool changed;
};

struct slots {
    unsigned n, cap;
    struct slot **at; /* they stay where they are */
};

/* A walk through one document. */
struct walk {
    struct redact_run *run;
    struct slots *slots;
    struct str text;
    size_t at;   /* the finger */
    bool pieces; /* it is an event: its texts may go on in the next */
    bool only_delta;
    int err;
};

/* ---- the finger ---- */

static size_t string_end(struct str text, size_t from)
{
    size_t i = from + 1;
    while (text.p[i] != '"')
        i += text.p[i] == '\\' ? 2 : 1;
    return i + 1;
}

/* The next string or number; the document is known to be good. */
static void finger_to(struct walk *w)
{
    while (w->text.p[w->at] != '"' && w->text.p[w->at] != '-' &&
           (w->text.p[w->at] < '0' || w->text.p[w->at] > '9'))
        w->at++;
}

static size_t number_end(struct str text, size_t from)
{
    size_t i = from;
    while (i < text.n && text.p[i] && strchr("+-.eE0123456789", text.p[i]))
        i++;
    return i;
}

/* Behind a key: where its value begins and ends. */
static void value_span(const struct walk *w, size_t *ret_from, size_t *ret_to)
{
    size_t i = w->at;
    unsigned depth = 0;
    while (strchr(" \t\r\n:", w->text.p[i]))
        i++;
    *ret_from = i;
    do {
        char c = w->text.p[i];
        if (c == '"') {
            i = string_end(w->text, i);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            break;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        i++;
    } while (depth > 0 || (w->text.p[i] != ',' && w->text.p[i] != '}' && w->text.p[i] != ']'));
    *ret_to = i;
}

/* ---- slots ---- */

static struct slot *slot_add(struct redact_run *run, struct slots *slots, struct slot from)
{
    if (slots->n == slots->cap) {
        unsigned cap = slots->cap ? slots->cap * 2 : 64;
        struct slot **more = ARENA_ARRAY(&run->arena, struct slot *, cap);
        if (!more)
            return NULL;
        if (slots->n)
            memcpy(more, slots->at, slots->n * sizeof(*more));
        slots->at = more;
        slots->cap = cap;
    }
    struct slot *s = arena_alloc(&run->arena, sizeof(*s));
    if (!s)
        return NULL;
    *s = from;
    return slots->at[slots->n++] = s;
}

/* Fractions are measures (embeddings, probabilities, times), of whatever digits. */
static bool is_whole(struct str number)
{
    size_t digits = 0;
    while (digits < number.n && number.p[digits] >= '0' && number.p[digits] <= '9')
        digits++;
    return digits == number.n && digits >= NUMBER_BYTES_LEAST;
}

static void slot_of(struct walk *w, yyjson_val *v, uint64_t group)
{
    finger_to(w);
    bool string = yyjson_is_str(v);
    size_t from = w->at;
    w->at = string ? string_end(w->text, from) : number_end(w->text, from);
    struct str text = str_of(w->text.p + from + string, w->at - from - 2 * string);
    if (!string && !is_whole(text))
        return;
    /* The document goes, the text stays: only what had escapes has to be kept apart. */
    if (string && text.n != yyjson_get_len(v))
        text = arena_str(&w->run->arena, json_str(v));
    struct slot s = {.from = from,
                     .to = w->at,
                     .text = text,
                     .group = string ? group : 0,
                     .kind = string ? SLOT_STRING : SLOT_NUMBER};
    if (!text.p || !slot_add(w->run, w->slots, s))
        w->err = E_TOO_LARGE;
}

/* ---- what belongs together in a stream ---- */

/* The same in each event, so that put together they would say what nobody said. */
static bool is_constant(struct str name)
{
    static const char *const names[] = {"id",
                                        "object",
                                        "model",
                                        "type",
                                        "role",
                                        "finish_reason",
                                        "status",
                                        "stop_reason",
                                        "service_tier",
                                        "obfuscation",
                                        "item_id",
                                        "name",
                                        "system_fingerprint"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(name, str_from(names[i])))
            return true;
    return false;
}

/* Texts are told apart by the numbers that the protocols give them: which choice, which part. */
static uint64_t place_within(yyjson_val *object, uint64_t outer)
{
    static const char *const names[] = {"index", "output_index", "content_index", "summary_index"};
    uint64_t place = outer;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        yyjson_val *v = yyjson_obj_get(object, names[i]);
        if (!yyjson_is_int(v))
            continue;
        uint64_t mix[3] = {place, i + 1, yyjson_get_uint(v)};
        place = XXH3_64bits(mix, sizeof(mix));
    }
    return place;
}

static uint64_t group_of(const struct walk *w, struct str name, uint64_t place)
{
    bool alone = !w->pieces || is_constant(name) || (w->only_delta && !str_eq(name, STR("delta")));
    return alone ? 0 : XXH3_64bits_withSeed(name.p, name.n, place) | 1;
}

static void value_walk(struct walk *w, yyjson_val *v, struct str name, uint64_t place,
                       unsigned depth)
{
    size_t i, n;
    yyjson_val *key, *inner;
    if (depth > DEPTH_MAX)
        w->err = E_BAD_JSON;
    if (w->err)
        return;
    if (yyjson_is_str(v) || yyjson_is_num(v)) {
        slot_of(w, v, group_of(w, name, place));
    } else if (yyjson_is_arr(v)) {
        yyjson_arr_foreach(v, i, n, inner) value_walk(w, inner, name, place, depth + 1);
    } else if (yyjson_is_obj(v)) {
        place = place_within(v, place);
        yyjson_obj_foreach(v, i, n, key, inner)
        {
            slot_of(w, key, 0);
            struct str member = json_str(key);
            /* Each token of the text, once more: nothing could be found in those. */
            if (str_eq(member, STR("logprobs")) && yyjson_is_ctn(inner)) {
                struct slot s = {.kind = SLOT_DROPPED, .text = STR("null")};
                value_span(w, &s.from, &s.to);
                if (!slot_add(w->run, w->slots, s))
                    w->err = E_TOO_LARGE;
            }
            value_walk(w, inner, member, place, depth + 1);
        }
    }
}

/* Adds a document's slots. E_BAD_JSON where it is none. */
static int document_walk(struct redact_run *run, struct str text, bool pieces, struct slots *slots)
{
    yyjson_doc *doc = yyjson_read(text.p, text.n, 0);
    if (!doc)
        return E_BAD_JSON;
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct walk w = {.run = run, .slots = slots, .text = text, .pieces = pieces};
    w.only_delta = pieces && str_starts(json_get_str(root, "type"), STR("response."));
    value_walk(&w, root, STR(""), 0, 0);
    yyjson_doc_free(doc);
    return w.err;
}

/* ---- what is found ---- */

/* Texts that were looked at and had nothing: a stream says the same ids and names in each event. */
struct clean {
    uint64_t at[CLEAN_KEPT];
};

static int slot_redact(struct redact_run *run, struct slot *s, struct clean *clean)
{
    if (s->kind == SLOT_DROPPED || s->text.n == 0)
        return 0;
    uint64_t hash = XXH3_64bits(s->text.p, s->text.n) | 1;
    uint64_t *known = &clean->at[hash % CLEAN_KEPT];
    if (*known == hash)
        return 0;
    struct str fresh;
    int err = redact_text(run, s->text, &fresh);
    if (!err && fresh.p != s->text.p)
        s->changed = true;
    else if (!err)
        *known = hash;
    s->text = fresh;
    return err;
}

static int slots_redact(struct redact_run *run, struct slots *slots)
{
    struct clean *clean = ARENA_NEW(&run->arena, struct clean);
    int err = clean ? 0 : E_TOO_LARGE;
    for (unsigned i = 0; i < slots->n && !err; i++)
        err = slot_redact(run, slots->at[i], clean);
    return err;
}

/* One piece that goes from byte `begin` on in the whole text, of which `edits` are taken out. */
static int piece_cut(struct redact_run *run, struct slot *s, size_t begin,
                     const struct redact_edits *edits, unsigned *first)
{
    size_t end = begin + s->text.n, at = begin;
    unsigned i = *first;
    struct buf out;
    while (i < edits->n && edits->at[i].to <= begin)
        i++;
    *first = i;
    if (i == edits->n || edits->at[i].from >= end)
        return 0;
    buf_init(&out, s->text.n + 64 * (size_t)(edits->n - i + 1));
    for (; i < edits->n && edits->at[i].from < end; i++) {
        const struct redact_edit *e = &edits->at[i];
        if (e->from >= begin) { /* its mark stands where it began */
            buf_add(&out, s->text.p + (at - begin), e->from - at);
            buf_str(&out, redact_mark(run, e));
        }
        at = e->to < end ? e->to : end;
    }
    buf_add(&out, s->text.p + (at - begin), end - at);
    s->text = out.n ? arena_str(&run->arena, buf_view(&out)) : STR("");
    s->changed = true;
    int err = out.failed ? out.failed : s->text.p ? 0 : E_TOO_LARGE;
    buf_fini(&out);
    return err;
}

/* Takes out of all pieces what is found in them together; *ret_found: how much that was. */
static int group_cut(struct redact_run *run, struct slot *first, unsigned *ret_found)
{
    size_t bytes = 0, at = 0;
    struct redact_edits edits = {.n = 0};
    unsigned edit = 0;
    for (struct slot *s = first; s; s = s->next)
        bytes += s->text.n;
    char *whole = arena_alloc(&run->arena, bytes + 1);
    if (!whole)
        return E_TOO_LARGE;
    for (struct slot *s = first; s; s = s->next) {
        memcpy(whole + at, s->text.p, s->text.n);
        at += s->text.n;
    }
    int err = redact_find(run, str_of(whole, bytes), &edits);
    at = 0;
    for (struct slot *s = first; s && !err && edits.n; s = s->next) {
        size_t n = s->text.n;
        err = piece_cut(run, s, at, &edits, &edit);
        at += n;
    }
    *ret_found = edits.n;
    return err;
}

/* As often as redact_text does with a text that is whole. */
static int group_redact(struct redact_run *run, struct slot *first)
{
    unsigned found = 1;
    int err = 0;
    for (unsigned i = 0; i < REDACT_PASSES && found && !err; i++)
        err = group_cut(run, first, &found);
    return err;
}

struct group {
    uint64_t hash; /* 0: free */
    struct slot *first, **last;
};

static struct group *group_at(struct group *groups, uint64_t hash)
{
    size_t i = hash % (2 * GROUPS_MAX);
    while (groups[i].hash && groups[i].hash != hash)
        i = (i + 1) % (2 * GROUPS_MAX);
    return &groups[i];
}

static int groups_redact(struct redact_run *run, struct slots *slots)
{
    struct group *groups = ARENA_ARRAY(&run->arena, struct group, 2 * GROUPS_MAX);
    unsigned n = 0;
    int err = groups ? 0 : E_TOO_LARGE;
    for (unsigned i = 0; i < slots->n && !err; i++) {
        struct slot *s = slots->at[i];
        if (!s->group || s->text.n == 0)
            continue;
        struct group *g = group_at(groups, s->group);
        if (!g->hash && ++n > GROUPS_MAX)
            return E_TOO_LARGE;
        if (!g->hash)
            g->last = &g->first;
        g->hash = s->group;
        *g->last = s;
        g->last = &s->next;
    }
    for (unsigned i = 0; i < 2 * GROUPS_MAX && !err; i++)
        if (groups[i].first && groups[i].first->next)
            err = group_redact(run, groups[i].first);
    return err;
}

/* ---- written anew ---- */

/* `slots` from `begin` to `end` are those of `text`; nothing was changed: the text itself. */
static int document_write(struct redact_run *run, struct str text, const struct slots *slots,
                          unsigned begin, unsigned end, struct str *ret_text)
{
    struct buf out;
    size_t at = 0;
    bool any = false;
    *ret_text = text;
    buf_init(&out, run->arena.bytes_max);
    for (unsigned i = begin; i < end; i++) {
        const struct slot *s = slots->at[i];
        bool drop = s->kind == SLOT_DROPPED && run->hits > 0;
        if (s->from < at || (!s->changed && !drop))
            continue;
        any = true;
        buf_add(&out, text.p + at, s->from - at);
        if (drop || s->kind == SLOT_PLAIN)
            buf_str(&out, s->text);
        else
            json_quote(&out, s->text);
        at = s->to;
    }
    buf_add(&out, text.p + at, text.n - at);
    int err = any ? out.failed : 0;
    if (any && !err)
        *ret_text = arena_str(&run->arena, buf_view(&out));
    buf_fini(&out);
    return err ? err : ret_text->p ? 0 : E_TOO_LARGE;
}

int redact_json(struct redact_run *run, struct str text, struct str *ret_text)
{
    struct slots slots = {.n = 0};
    int err = document_walk(run, text, false, &slots);
    if (!err)
        err = slots_redact(run, &slots);
    return err ? err : document_write(run, text, &slots, 0, slots.n, ret_text);
}

/* ---- streams ---- */

/* An event and its slots. */
struct event {
    struct str raw, data, name;
    bool split; /* the data stood on several lines */
    unsigned begin, end;
};

struct events {
    unsigned n, cap;
    struct event *at;
};

static int event_add(struct redact_run *run, struct events *all, const struct sse_event *e,
                     struct slots *slots)
{
    struct arena *arena = &run->arena;
    if (all->n == all->cap) {
        unsigned cap = all->cap ? all->cap * 2 : 64;
        struct event *more = ARENA_ARRAY(arena, struct event, cap);
        if (!more)
            return E_TOO_LARGE;
        if (all->n)
            memcpy(more, all->at, all->n * sizeof(*more));
        all->at = more;
        all->cap = cap;
    }
    struct event *mine = &all->at[all->n++];
    struct str raw = arena_str(arena, e->raw);
    bool inside = e->data.p >= e->raw.p && e->data.p + e->data.n <= e->raw.p + e->raw.n;
    *mine = (struct event){.raw = raw, .begin = slots->n, .split = !inside};
    if (!raw.p)
        return E_TOO_LARGE;
    mine->data = inside ? str_of(raw.p + (e->data.p - e->raw.p), e->data.n)
                        : arena_str(arena, e->data);
    mine->name = e->name.n ? arena_str(arena, e->name) : STR_NONE;
    if (e->is_comment)
        mine->data = str_of(raw.p, 0);
    int err = mine->data.n ? document_walk(run, mine->data, true, slots) : 0;
    if (err == E_BAD_JSON) {
        slots->n = mine->begin;
        struct slot s = {.to = mine->data.n, .text = mine->data, .group = 1, .kind = SLOT_PLAIN};
        err = slot_add(run, slots, s) ? 0 : E_TOO_LARGE;
    }
    mine->end = slots->n;
    return err;
}

/* Fields of ours: nothing else stands before the data. */
static bool is_usual(struct str head)
{
    if (str_starts(head, STR("event:"))) {
        struct str name = str_trim(str_tail(str_cut(&head, '\n'), 6));
        for (size_t i = 0; i < name.n; i++)
            if ((name.p[i] < 'a' || name.p[i] > 'z') && name.p[i] != '_' && name.p[i] != '.')
                return false;
    }
    return str_eq(head, STR("data: ")) || str_eq(head, STR("data:"));
}

static int split_write(struct redact_run *run, const struct event *e, struct str data,
                       struct buf *out)
{
    struct str name;
    int err = redact_text(run, e->name, &name);
    if (e->name.n)
        buf_printf(out, "event: %.*s\n", STR_ARGS(name));
    while (data.p) {
        struct str line = str_cut(&data, '\n');
        buf_printf(out, "data: %.*s\n", STR_ARGS(line));
    }
    buf_char(out, '\n');
    return err;
}

static int event_write(struct redact_run *run, const struct event *e, const struct slots *slots,
                       struct str *ret_raw)
{
    struct str data, head = e->raw, tail = STR("");
    struct buf out;
    int err = document_write(run, e->data, slots, e->begin, e->end, &data);
    if (e->data.n && !e->split) {
        head = str_of(e->raw.p, (size_t)(e->data.p - e->raw.p));
        tail = str_tail(e->raw, head.n + e->data.n);
    }
    const char *was[2] = {head.p, tail.p};
    if (!err && !is_usual(head))
        err = redact_text(run, head, &head);
    if (!err && str_trim(tail).n)
        err = redact_text(run, tail, &tail);
    *ret_raw = e->raw;
    if (err || (data.p == e->data.p && head.p == was[0] && tail.p == was[1]))
        return err;
    buf_init(&out, run->arena.bytes_max);
    if (e->split && data.p != e->data.p) { /* comments and other fields are left out */
        err = split_write(run, e, data, &out);
    } else {
        buf_str(&out, head);
        if (e->data.n && !e->split)
            buf_str(&out, data);
        buf_str(&out, tail);
    }
    *ret_raw = out.failed ? STR_NONE : arena_str(&run->arena, buf_view(&out));
    buf_fini(&out);
    return err ? err : ret_raw->p ? 0 : E_TOO_LARGE;
}

static int events_cut(struct redact_run *run, struct str text, struct events *all,
                      struct slots *slots)
{
    struct sse sse;
    struct sse_event e;
    sse_init(&sse, EVENT_BYTES_MAX);
    sse_feed(&sse, text);
    int err = sse_next(&sse, &e);
    while (!err && e.raw.n > 0) {
        err = event_add(run, all, &e, slots);
        if (!err)
            err = sse_next(&sse, &e);
    }
    sse_fini(&sse);
    return err;
}

int redact_stream(struct redact_run *run, struct str text, struct redact_events *ret_events)
{
    struct events all = {.n = 0};
    struct slots slots = {.n = 0};
    *ret_events = (struct redact_events){.n = 0};
    int err = events_cut(run, text, &all, &slots);
    if (!err)
        err = groups_redact(run, &slots);
    if (!err)
        err = slots_redact(run, &slots);
    if (err)
        return err;
    ret_events->at = ARENA_ARRAY(&run->arena, struct str, all.n + 1);
    if (!ret_events->at)
        return E_TOO_LARGE;
    for (; ret_events->n < all.n && !err; ret_events->n++)
        err = event_write(run, &all.at[ret_events->n], &slots, &ret_events->at[ret_events->n]);
    return err;
}
