/* openai_chat_stream_calls.c: the blocks of a stream of chunks, and calls that overlap. */
#include <string.h>

#include "llm/wire/openai_chat_stream.h"

/* ---- blocks ---- */

/* What a call that was kept back comes to. */
#define EVENTS_OF_LATER 3

/* Behind the finish_reason there is nothing more to be said. */
bool chunk_may_add_some(const struct chunk *x, unsigned additions)
{
    const struct reader *r = x->reader;
    unsigned room = additions * ROOM + r->later_n * EVENTS_OF_LATER;
    return !r->stopped && x->events->n + room <= CHAT_EVENTS_MAX;
}

bool chunk_may_add(const struct chunk *x)
{
    return chunk_may_add_some(x, 1);
}

static void later_open(struct chunk *x);

static void one_end(struct chunk *x)
{
    struct reader *r = x->reader;
    if (r->open)
        chat_event_add(x->events, EVENT_BLOCK_END)->block = r->block;
    r->open = r->call_waits = false;
    r->call = -1;
}

/* The block, and all calls that waited for it. */
void chunk_block_end(struct chunk *x)
{
    struct reader *r = x->reader;
    one_end(x);
    while (r->later_n > 0) {
        later_open(x);
        r->lost = r->lost || r->call_waits;
        one_end(x);
    }
}

struct chat_event *chunk_block_begin(struct chunk *x, enum chat_block_kind kind)
{
    struct chat_event *e = chat_event_add(x->events, EVENT_BLOCK_BEGIN);
    e->block = kind;
    x->reader->open = true;
    x->reader->block = kind;
    x->reader->block_chars = x->reader->chars;
    return e;
}

void chunk_delta_add(struct chunk *x, struct str text)
{
    struct chat_event *e = chat_event_add(x->events, EVENT_DELTA);
    e->block = x->reader->block;
    e->text = text;
}

/* ---- calls ---- */

/* What a delta of a call says: id and name are STR_NONE where they are empty. */
struct call_said {
    int64_t index; /* -1: not said */
    struct str id, name, arguments;
};

static bool call_find(struct str call, struct call_said *ret_said)
{
    static const struct member members[] = {MEMBER("index", COUNT), MEMBER("id", STRING),
                                            MEMBER("function", OBJECT)};
    static const struct member of_function[] = {MEMBER("name", STRING), MEMBER("arguments", ANY)};
    struct str value[3], function[2];
    bool good = members_peek(call, members, 3, value);
    (void)members_peek(value[2], of_function, 2, function);
    *ret_said = (struct call_said){.index = count_of(value[0], -1), .arguments = function[1]};
    if (value[1].n > 2)
        ret_said->id = value[1];
    if (function[0].n > 2)
        ret_said->name = function[0];
    return good && (function[1].n == 0 || json_is_string(function[1]));
}

static void input_follow(struct input *in, struct str piece)
{
    struct str raw = json_string_raw(piece);
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (in->skip > 0) {
            in->skip--;
            continue;
        }
        if (!in->outer && c == '\\') {
            in->outer = true;
            continue;
        }
        if (in->outer && c == 'u')
            in->skip = 4;
        bool letter = in->outer && c != '"' && c != '\\';
        in->outer = false;
        if (in->inner || letter) {
            in->inner = false;
        } else if (in->string) {
            in->inner = c == '\\';
            in->string = c != '"';
        } else if (c == '"') {
            in->string = true;
        } else if (c == '{' || c == '[') {
            in->depth++;
            in->begun = true;
        } else if ((c == '}' || c == ']') && in->depth > 0) {
            in->depth--;
        }
    }
}

static bool is_whole(const struct input *in)
{
    return in->begun && in->depth == 0 && !in->string;
}

static void input_add(struct chunk *x, struct str arguments)
{
    input_follow(&x->reader->input, arguments);
    chunk_delta_add(x, arguments);
}

static void call_begin(struct chunk *x, struct str name)
{
    struct reader *r = x->reader;
    struct chat_event *e = chunk_block_begin(x, BLOCK_CALL);
    e->id = r->call_id;
    e->name = name;
    r->call_waits = false;
    r->input = (struct input){0};
}

/* ---- calls that wait ---- */

/* The first of them, with what came of it so far. */
static void later_open(struct chunk *x)
{
    struct reader *r = x->reader;
    struct later l = r->later[0];
    r->later_n--;
    r->later_bytes -= l.cap;
    memmove(r->later, r->later + 1, r->later_n * sizeof(l));
    r->call = l.index;
    r->call_id = l.id;
    r->call_waits = l.name.n == 0;
    if (l.name.n)
        call_begin(x, l.name);
    if (l.n > 1) {
        l.text[l.n] = '"';
        input_add(x, str_of(l.text, l.n + 1));
    }
}

/* Those that are whole make room for the next. */
static void later_advance(struct chunk *x)
{
    struct reader *r = x->reader;
    while (r->later_n > 0 && !r->call_waits && is_whole(&r->input)) {
        one_end(x);
        later_open(x);
    }
}

/* There are too many, or too much of them: they follow one another now, and the last goes on. */
static void later_give_up(struct chunk *x)
{
    while (x->reader->later_n > 0) {
        one_end(x);
        later_open(x);
    }
}

static int later_add(struct chunk *x, struct later *l, const struct call_said *said)
{
    struct str raw = said->arguments.n > 2 ? json_string_raw(said->arguments) : STR_NONE;
    struct reader *r = x->reader;
    if (!l->name.n && said->name.n && !(l->name = arena_str(x->arena, said->name)).p)
        return E_MEMORY;
    if (raw.n == 0)
        return 0;
    if (!l->name.n)
        return E_UPSTREAM_BODY;
    size_t need = l->n + raw.n + 2;
    if (need > l->cap) {
        size_t cap = l->cap * 2 > need ? l->cap * 2 : need + 256;
        char *text = arena_alloc(x->arena, cap);
        if (!text)
            return E_MEMORY;
        if (l->n > 0)
            memcpy(text, l->text, l->n);
        r->later_bytes += cap - l->cap;
        l->text = text;
        l->cap = cap;
    }
    if (l->n == 0)
        l->text[l->n++] = '"';
    memcpy(l->text + l->n, raw.p, raw.n);
    l->n += raw.n;
    return 0;
}

/* The one that waits and this is said of; NULL: none. Without a number it is the last. */
static struct later *later_find(struct reader *r, const struct call_said *said)
{
    if (said->id.n && str_eq(said->id, r->call_id))
        return NULL;
    for (unsigned i = r->later_n; i > 0; i--) {
        struct later *l = &r->later[i - 1];
        bool number = said->index < 0 || said->index == l->index;
        if (number && (!said->id.n || str_eq(said->id, l->id)))
            return l;
    }
    return NULL;
}

/* ---- calls, one after the other ---- */

/* Some servers number no call, or each of them 0, but give each an id and a name. */
static bool is_new_call(const struct reader *r, const struct call_said *said)
{
    if (said->index > r->call_max || (said->index < 0 && r->call < 0 && said->name.n))
        return true;
    return said->id.n && said->name.n && !str_eq(said->id, r->call_id);
}

static int call_id_make(struct chunk *x, const struct call_said *said, int64_t *ret_index,
                        struct str *ret_id)
{
    struct reader *r = x->reader;
    int64_t index = said->index >= 0 ? said->index : r->call_max + 1;
    r->call_max = index > r->call_max ? index : r->call_max;
    r->any_call = true;
    *ret_index = index;
    *ret_id = said->id.n ? arena_str(x->arena, said->id)
                         : arena_printf(x->arena, "\"call_%lld\"", (long long)index);
    return ret_id->p ? 0 : E_MEMORY;
}

static int call_start(struct chunk *x, const struct call_said *said)
{
    chunk_block_end(x);
    x->reader->call_waits = true;
    return call_id_make(x, said, &x->reader->call, &x->reader->call_id);
}

/* Behind one that is not whole yet. */
static int call_start_later(struct chunk *x, const struct call_said *said)
{
    struct reader *r = x->reader;
    struct later *l = &r->later[r->later_n];
    *l = (struct later){.index = -1};
    int err = call_id_make(x, said, &l->index, &l->id);
    if (err)
        return err;
    r->later_n++;
    return later_add(x, l, said);
}

static int call_open_read(struct chunk *x, const struct call_said *said)
{
    struct reader *r = x->reader;
    bool speaks = said->arguments.n > 2;
    if (r->call < 0 || (said->index >= 0 && said->index != r->call))
        return speaks ? E_UPSTREAM_BODY : 0; /* of one that has ended */
    if (r->call_waits && said->name.n)
        call_begin(x, said->name);
    if (speaks && r->call_waits)
        return E_UPSTREAM_BODY;
    if (speaks)
        input_add(x, said->arguments);
    return 0;
}

int chunk_call_read(struct chunk *x, struct str call)
{
    struct reader *r = x->reader;
    struct call_said said;
    if (!call_find(call, &said) || !chunk_may_add(x))
        return E_UPSTREAM_BODY;
    struct later *later = later_find(r, &said);
    int err = 0;
    if (later) {
        err = later_add(x, later, &said);
    } else if (!is_new_call(r, &said)) {
        err = call_open_read(x, &said);
    } else if (r->call_waits) {
        return E_UPSTREAM_BODY; /* one that was never named would be lost */
    } else if (r->open && r->block == BLOCK_CALL && !is_whole(&r->input) &&
               r->later_n < LATER_MAX) {
        err = call_start_later(x, &said);
    } else {
        err = call_start(x, &said);
        if (!err)
            err = call_open_read(x, &said);
    }
    if (err)
        return err;
    later_advance(x);
    if (r->later_bytes > LATER_BYTES_MAX)
        later_give_up(x);
    return 0;
}
