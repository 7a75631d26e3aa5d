/* chat.c: putting chats together, and what shows only in the whole of one. */
#include "llm/chat.h"

#include <stdlib.h>

#include "base/json.h"

static const char *const feature_texts[CHAT_FEATURE_COUNT] = {
#define X(name, text) [CHAT_##name] = text,
    CHAT_PARAMS(X) CHAT_STRUCTURE(X)
#undef X
};

const char *chat_feature_text(enum chat_feature f)
{
    return feature_texts[f];
}

static const char *const answer_texts[ANSWER_PART_COUNT] = {
#define X(name, text) [ANSWER_##name] = text,
    CHAT_ANSWERS(X)
#undef X
};

const char *chat_answer_text(enum chat_answer_part part)
{
    return answer_texts[part];
}

enum chat_answer_part chat_answer_of(enum chat_block_kind kind, enum chat_media_form form)
{
    switch (kind) {
    case BLOCK_TEXT:
        return ANSWER_TEXT;
    case BLOCK_CALL:
        return ANSWER_CALL;
    case BLOCK_THINKING:
        return ANSWER_THINKING;
    case BLOCK_HIDDEN:
        return ANSWER_HIDDEN;
    case BLOCK_REFUSAL:
        return ANSWER_REFUSAL;
    case BLOCK_IMAGE:
        return form == MEDIA_URL ? ANSWER_IMAGE_URL : ANSWER_IMAGE;
    case BLOCK_AUDIO:
        return ANSWER_AUDIO;
    case BLOCK_DOCUMENT:
        return ANSWER_FILE;
    case BLOCK_RESULT:
    case BLOCK_OTHER:
        break;
    }
    return ANSWER_OTHER;
}

void chat_param(struct chat_request *r, enum chat_feature param, struct str json)
{
    if (json.n == 0 || json_is_null(json))
        return;
    r->params[param] = json;
    chat_uses(r, param);
}

/* What the first remembers may have got more behind it by a join, so the rest of the way is walked.
 */
#define LIST_ADD(list, more)                                                                       \
    do {                                                                                           \
        if (!*(list)) {                                                                            \
            *(list) = (more);                                                                      \
            break;                                                                                 \
        }                                                                                          \
        if (!(*(list))->last)                                                                      \
            (*(list))->last = *(list);                                                             \
        while ((*(list))->last->next)                                                              \
            (*(list))->last = (*(list))->last->next;                                               \
        (*(list))->last->next = (more);                                                            \
        if (more)                                                                                  \
            (*(list))->last = (more);                                                              \
    } while (0)

struct chat_message *chat_message_new(struct chat_request *r, struct chat_message *after,
                                      enum chat_role role)
{
    struct chat_message *m = ARENA_NEW(r->arena, struct chat_message);
    if (!m)
        return NULL;
    m->role = role;
    *(after ? &after->next : &r->messages) = m;
    return m;
}

struct chat_block *chat_block_new(struct arena *a, struct chat_block **list,
                                  enum chat_block_kind kind)
{
    struct chat_block *b = ARENA_NEW(a, struct chat_block);
    if (!b)
        return NULL;
    b->kind = kind;
    LIST_ADD(list, b);
    return b;
}

void chat_blocks_join(struct chat_block **list, struct chat_block *more)
{
    LIST_ADD(list, more);
}

void chat_members_join(struct chat_member **list, struct chat_member *more)
{
    LIST_ADD(list, more);
}

struct chat_tool *chat_tool_new(struct chat_request *r)
{
    struct chat_tool *t = ARENA_NEW(r->arena, struct chat_tool);
    if (t)
        LIST_ADD(&r->tools, t);
    return t;
}

int chat_stop_add(struct chat_request *r, struct str string)
{
    struct chat_string *s = ARENA_NEW(r->arena, struct chat_string);
    if (!s)
        return E_MEMORY;
    s->text = string;
    LIST_ADD(&r->stop, s);
    chat_uses(r, CHAT_STOP);
    return 0;
}

int chat_citation_add(struct arena *a, struct chat_citation **list,
                      const struct chat_citation *said)
{
    struct chat_citation *c = ARENA_NEW(a, struct chat_citation);
    if (!c)
        return E_MEMORY;
    *c = *said;
    c->next = c->last = NULL;
    LIST_ADD(list, c);
    return 0;
}

int chat_member_add(struct chat_request *r, struct chat_member **list, struct str name,
                    struct str json)
{
    struct chat_member *m = ARENA_NEW(r->arena, struct chat_member);
    if (!m)
        return E_MEMORY;
    *m = (struct chat_member){.name = name, .value = json};
    LIST_ADD(list, m);
    r->other = r->other.p ? r->other : name;
    chat_uses(r, CHAT_OTHER_MEMBER);
    return 0;
}

/* ---- the whole ---- */

static void media_note(struct chat_request *r, const struct chat_block *b)
{
    static const enum chat_feature of[][2] = {
        [MEDIA_BASE64] = {CHAT_IMAGE, CHAT_DOCUMENT},
        [MEDIA_URL] = {CHAT_IMAGE_URL, CHAT_DOCUMENT_URL},
        [MEDIA_FILE_ID] = {CHAT_FILE_ID, CHAT_FILE_ID},
        [MEDIA_TEXT] = {CHAT_DOCUMENT_TEXT, CHAT_DOCUMENT_TEXT},
    };
    if (b->media.form != MEDIA_NONE)
        chat_uses(r, of[b->media.form][b->kind == BLOCK_DOCUMENT]);
    if (b->media.detail.n)
        chat_uses(r, CHAT_IMAGE_DETAIL);
}

static void result_note(struct chat_request *r, const struct chat_block *b);

/* An assistant's image was made by a model: protocols that take images of people may not take it.
 */
static void block_note(struct chat_request *r, const struct chat_block *b, enum chat_role role)
{
    if (b->cache_control.n)
        chat_uses(r, CHAT_CACHE_CONTROL);
    if (b->citations.n)
        chat_uses(r, CHAT_CITATIONS);
    switch (b->kind) {
    case BLOCK_TEXT:
        break;
    case BLOCK_IMAGE:
        if (role == ROLE_ASSISTANT) {
            chat_uses(r, CHAT_IMAGE_MADE);
            break;
        }
        media_note(r, b);
        break;
    case BLOCK_DOCUMENT:
        media_note(r, b);
        break;
    case BLOCK_AUDIO:
        chat_uses(r, CHAT_AUDIO);
        break;
    case BLOCK_CALL:
        chat_uses(r, CHAT_CALLS);
        break;
    case BLOCK_RESULT:
        result_note(r, b);
        break;
    case BLOCK_THINKING:
        chat_uses(r, CHAT_THINKING);
        break;
    case BLOCK_HIDDEN:
        chat_uses(r, CHAT_THINKING_HIDDEN);
        break;
    case BLOCK_REFUSAL:
        chat_uses(r, CHAT_REFUSAL);
        break;
    case BLOCK_OTHER:
        chat_uses(r, CHAT_OTHER_BLOCK);
        break;
    }
}

static void result_note(struct chat_request *r, const struct chat_block *b)
{
    chat_uses(r, CHAT_CALLS);
    if (b->is_error)
        chat_uses(r, CHAT_RESULT_ERROR);
    for (const struct chat_block *in = b->result; in; in = in->next) {
        if (in->kind != BLOCK_TEXT)
            chat_uses(r, CHAT_RESULT_MEDIA);
        block_note(r, in, ROLE_USER);
    }
}

static void tools_note(struct chat_request *r)
{
    for (const struct chat_tool *t = r->tools; t; t = t->next) {
        chat_uses(r, t->whole.n ? CHAT_TOOL_OF_PROVIDER : CHAT_TOOLS);
        if (t->strict.n)
            chat_uses(r, CHAT_TOOL_STRICT);
        if (t->cache_control.n)
            chat_uses(r, CHAT_CACHE_CONTROL);
    }
    if (r->tool_choice != CHOOSE_UNSAID)
        chat_uses(r, CHAT_TOOL_CHOICE);
    if (r->tools_serial)
        chat_uses(r, CHAT_TOOLS_SERIAL);
}

/* A number as it stands may say the same in many ways: 1.0, 10e-1. */
static bool is_over_1(struct str number)
{
    char text[32];
    size_t n = number.n < sizeof(text) ? number.n : sizeof(text) - 1;
    if (n == 0)
        return false;
    memcpy(text, number.p, n);
    text[n] = '\0';
    return strtod(text, NULL) > 1;
}

static void form_note(struct chat_request *r)
{
    if (r->max_tokens > 0)
        chat_uses(r, CHAT_MAX_TOKENS);
    if (r->format == FORMAT_JSON)
        chat_uses(r, CHAT_JSON_OBJECT);
    if (r->format == FORMAT_SCHEMA)
        chat_uses(r, CHAT_JSON_SCHEMA);
    if (r->thinking == THINK_BUDGET)
        chat_uses(r, CHAT_THINKING_BUDGET);
    if (r->thinking == THINK_ADAPTIVE)
        chat_uses(r, CHAT_THINKING_ADAPTIVE);
    if (r->thinking == THINK_OFF)
        chat_uses(r, CHAT_THINKING_OFF);
    if (is_over_1(r->params[CHAT_TEMPERATURE]))
        chat_uses(r, CHAT_TEMPERATURE_HIGH);
}

/* ---- calls and their results ---- */

/* A message's calls by their ids, so that none is looked for among all of them. */
struct calls {
    struct call {
        struct str id;
        struct chat_block *block;
        unsigned at; /* number of its message, from the first that was looked at */
    } * all;
    size_t n;
};

static int id_order(const void *a, const void *b)
{
    const struct call *x = a, *y = b;
    if (x->id.n != y->id.n)
        return x->id.n < y->id.n ? -1 : 1;
    return x->id.n ? memcmp(x->id.p, y->id.p, x->id.n) : 0;
}

static int id_and_place_order(const void *a, const void *b)
{
    const struct call *x = a, *y = b;
    int order = id_order(a, b);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Those of the messages from the one to the other, in the order that they have there. */
static int calls_collect(struct arena *a, const struct chat_message *from,
                         const struct chat_message *to, struct calls *ret_calls)
{
    size_t n = 0;
    for (const struct chat_message *m = from; m != to; m = m->next)
        for (const struct chat_block *b = m->blocks; b; b = b->next)
            n += b->kind == BLOCK_CALL;
    *ret_calls = (struct calls){NULL, n};
    if (n == 0)
        return 0;
    struct call *call = ret_calls->all = arena_alloc(a, n * sizeof(*call));
    if (!call)
        return E_MEMORY;
    unsigned at = 0;
    for (const struct chat_message *m = from; m != to; m = m->next, at++)
        for (struct chat_block *b = m->blocks; b; b = b->next)
            if (b->kind == BLOCK_CALL)
                *call++ = (struct call){b->id, b, at};
    return 0;
}

static int calls_find(struct arena *a, const struct chat_message *m, struct calls *ret_calls)
{
    int err = calls_collect(a, m, m->next, ret_calls);
    if (!err && ret_calls->n)
        qsort(ret_calls->all, ret_calls->n, sizeof(*ret_calls->all), id_order);
    return err;
}

static int twice_check(const struct calls *calls, unsigned at, struct fault *f)
{
    for (size_t i = 1; i < calls->n; i++)
        if (id_order(&calls->all[i - 1], &calls->all[i]) == 0)
            return fault_set(f, E_BAD_REQUEST, "messages.%u: two tool calls have the same id, %.*s",
                             at, STR_ARGS(str_head(calls->all[i].id, 80)));
    return 0;
}

/* `calls` are those of the nearest message before that has any; none when a person spoke since. A
 * result's name says something only where it is not that of the tool that was called. */
static void results_find(struct chat_request *r, const struct chat_message *m,
                         const struct calls *calls)
{
    for (struct chat_block *b = m->blocks; b; b = b->next) {
        struct call key = {.id = b->id}, *found = NULL;
        if (b->kind != BLOCK_RESULT)
            continue;
        if (calls->n)
            found = bsearch(&key, calls->all, calls->n, sizeof(key), id_order);
        b->call = found ? found->block : NULL;
        if (b->name.n && !(b->call && str_eq(b->name, b->call->name)))
            chat_uses(r, CHAT_RESULT_NAME);
    }
}

static int results_check(const struct chat_message *m, unsigned at, struct fault *f)
{
    for (const struct chat_block *b = m->blocks; b; b = b->next)
        if (b->kind == BLOCK_RESULT && !b->call)
            return fault_set(f, E_BAD_REQUEST,
                             "messages.%u: a tool result for the call %.*s, which the assistant's "
                             "message before it does not make",
                             at, STR_ARGS(str_head(b->id, 80)));
    return 0;
}

/* Of calls with one id the later ones get their message's number in front. */
static int again_rename(struct arena *a, struct calls *calls, bool *ret_any)
{
    *ret_any = false;
    qsort(calls->all, calls->n, sizeof(*calls->all), id_and_place_order);
    for (size_t i = calls->n; i-- > 1;) {
        struct call *c = &calls->all[i];
        if (id_order(c - 1, c) != 0)
            continue;
        struct str rest = c->id.n ? str_tail(c->id, 1) : STR("\""); /* a call may have none */
        c->id = arena_printf(a, "\"m%u_%.*s", c->at, STR_ARGS(rest));
        if (!c->id.p)
            return E_MEMORY;
        c->block->id = c->id;
        *ret_any = true;
    }
    return 0;
}

#define RENAMES_MAX 8 /* each sorts all calls; honest ones need one or two */

/*
 * Some servers begin anew with call_0 in every answer; Anthropic and Bedrock refuse an id that
 * stands twice in a request. What it is called here is the same in every turn of the conversation.
 */
static int ids_tell_apart(struct chat_request *r, struct fault *f)
{
    struct calls calls;
    bool again = false, any = false;
    unsigned rounds = 0;
    int err = calls_collect(r->arena, r->messages, NULL, &calls);
    if (err || calls.n < 2)
        return err;
    do { /* a new one may stand there already; one that is made up to do so every time may not */
        err = again_rename(r->arena, &calls, &again);
        any = any || again;
        if (!err && again && ++rounds > RENAMES_MAX)
            err = fault_set(f, E_BAD_REQUEST,
                            "the ids of tool calls come again in too many ways; give each call an "
                            "id of its own");
    } while (!err && again);
    for (const struct chat_message *m = r->messages; m && any && !err; m = m->next)
        for (struct chat_block *b = m->blocks; b; b = b->next)
            if (b->kind == BLOCK_RESULT && b->call)
                b->id = b->call->id;
    return err;
}

static void role_note(struct chat_request *r, const struct chat_message *m, bool others_before)
{
    if (m->name.n)
        chat_uses(r, CHAT_MESSAGE_NAME);
    if (m->role == ROLE_DEVELOPER)
        chat_uses(r, CHAT_DEVELOPER);
    if (m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER)
        chat_uses(r, others_before ? CHAT_SYSTEM_LATER : CHAT_SYSTEM);
    if (m->role == ROLE_ASSISTANT && !m->next)
        chat_uses(r, CHAT_PREFILL);
}

static bool only_results(const struct chat_message *m)
{
    for (const struct chat_block *b = m->blocks; b; b = b->next)
        if (b->kind != BLOCK_RESULT)
            return false;
    return m->blocks != NULL;
}

int chat_settle(struct chat_request *r, struct fault *f)
{
    struct calls calls = {NULL, 0};
    bool others = false, all_here = !chat_has(r, CHAT_PREVIOUS) && !chat_has(r, CHAT_CONVERSATION);
    unsigned at = r->system_apart ? -1u : 0;
    int err = 0;
    for (const struct chat_message *m = r->messages; m && !err; m = m->next, at++) {
        struct calls own;
        role_note(r, m, others);
        others = others || m->role == ROLE_USER || m->role == ROLE_ASSISTANT;
        for (const struct chat_block *b = m->blocks; b; b = b->next)
            block_note(r, b, m->role);
        err = calls_find(r->arena, m, &own);
        if (!err)
            err = twice_check(&own, at, f);
        results_find(r, m, &calls);
        if (!err && all_here)
            err = results_check(m, at, f);
        if (m->role == ROLE_ASSISTANT)
            calls = own;
        else if (!only_results(m))
            calls.n = 0;
    }
    tools_note(r);
    form_note(r);
    return err ? err : ids_tell_apart(r, f);
}

struct chat_event *chat_event_add(struct chat_events *events, enum chat_event_kind kind)
{
    unsigned at = events->n < CHAT_EVENTS_MAX ? events->n++ : CHAT_EVENTS_MAX - 1;
    struct chat_event *e = &events->at[at];
    *e = (struct chat_event){.kind = kind};
    return e;
}

void chat_event_cited(struct chat_events *events, const struct chat_citation *said)
{
    struct chat_event *e = chat_event_add(events, EVENT_CITED);
    e->block = BLOCK_TEXT;
    e->text = said->url;
    e->name = said->title;
    e->from = said->from;
    e->to = said->to;
}

struct chat_citation chat_citation_of(const struct chat_event *e)
{
    return (struct chat_citation){.url = e->text, .title = e->name, .from = e->from, .to = e->to};
}

void chat_event_beside(struct chat_events *events, enum chat_answer_part part)
{
    chat_event_add(events, EVENT_BESIDE)->part = part;
}
