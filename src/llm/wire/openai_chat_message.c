/*
 * openai_chat_message.c: reading a message, of a request or of an answer, and what is in it.
 *
 * Members come in any order, so an object's are collected first and made into a block at its end.
 * What is more than the model holds stays as it stood: a part as BLOCK_OTHER, a call with `others`.
 */
#include "llm/wire/openai_chat.h"

/* The chat model looks for two calls of one id by looking at each pair. */
#define CALLS_MAX 1024

/* ---- parts ---- */

static const struct str url_names[] = {{"url", 3}, {"detail", 6}};
static const struct str audio_names[] = {{"data", 4}, {"format", 6}};
static const struct str file_names[] = {{"file_data", 9}, {"file_id", 7}, {"filename", 8}};
enum { URL, DETAIL };
enum { DATA, FORMAT };
enum { FILE_DATA, FILE_ID, FILENAME };

static const struct str part_names[] = {{"type", 4},          {"text", 4},         {"refusal", 7},
                                        {"image_url", 9},     {"input_audio", 11}, {"file", 4},
                                        {"cache_control", 13}};
enum { P_TYPE, P_TEXT, P_REFUSAL, P_IMAGE, P_AUDIO, P_FILE, P_CACHE, P_COUNT };

/* A part as its members say. */
struct part {
    struct str whole;
    struct str value[P_COUNT];
    struct str image[ARRAY_LEN(url_names)], audio[ARRAY_LEN(audio_names)],
        file[ARRAY_LEN(file_names)];
    bool more; /* the object within has members that are not known */
    struct chat_member *others;
};

static int part_string(struct chat_reading *x, struct str value, const char *what, struct str *to)
{
    if (!json_is_string(value))
        return reading_fault(x, E_BAD_REQUEST, "'%s' has to be a string", what);
    *to = value;
    return 0;
}

static int part_image(struct chat_reading *x, const struct part *p, struct chat_block *b)
{
    struct str url = p->image[URL];
    int err = part_string(x, url, "image_url.url", &url);
    if (!err && p->image[DETAIL].n)
        err = part_string(x, p->image[DETAIL], "image_url.detail", &b->media.detail);
    if (err)
        return err;
    err = media_from_url(x->request->arena, url, &b->media);
    if (err == E_BAD_REQUEST)
        return reading_fault(x, err, "'image_url.url' is a data URL, but not of base64 digits");
    return err;
}

/* The model has the kind of sound as a media type: "audio/wav". */
static int part_audio(struct chat_reading *x, const struct part *p, struct chat_block *b)
{
    struct str format = STR_NONE;
    b->media.form = MEDIA_BASE64;
    int err = part_string(x, p->audio[DATA], "input_audio.data", &b->media.data);
    if (!err)
        err = part_string(x, p->audio[FORMAT], "input_audio.format", &format);
    if (err)
        return err;
    if (json_unquote(x->request->arena, format, &format) != 0)
        return reading_fault(x, E_BAD_REQUEST, "'input_audio.format' is not good");
    b->media.type = arena_join(x->request->arena, STR("audio/"), format);
    return b->media.type.p ? 0 : E_MEMORY;
}

static int part_file(struct chat_reading *x, const struct part *p, struct chat_block *b)
{
    struct str data = p->file[FILE_DATA], id = p->file[FILE_ID];
    int err = 0;
    if ((data.n == 0) == (id.n == 0))
        return reading_fault(x, E_BAD_REQUEST, "'file' has to have one of file_data and file_id");
    if (p->file[FILENAME].n)
        err = part_string(x, p->file[FILENAME], "file.filename", &b->media.name);
    if (!err && id.n) {
        b->media.form = MEDIA_FILE_ID;
        return part_string(x, id, "file.file_id", &b->media.data);
    }
    if (!err)
        err = part_string(x, data, "file.file_data", &data);
    if (err)
        return err;
    err = media_from_url(x->request->arena, data, &b->media);
    if (err == E_BAD_REQUEST)
        return reading_fault(x, err, "'file.file_data' is a data URL, but not of base64 digits");
    /* Digits without a data URL's head are taken, too. */
    if (!err && b->media.form == MEDIA_URL && str_find(data, STR(":")) < 0)
        b->media.form = MEDIA_BASE64;
    return err;
}

static int part_make(struct chat_reading *x, const struct part *p, struct chat_block **list,
                     struct chat_block **ret_block)
{
    static const struct {
        struct str type;
        enum chat_block_kind kind;
        unsigned member;
    } kinds[] = {{{"text", 4}, BLOCK_TEXT, P_TEXT},
                 {{"refusal", 7}, BLOCK_REFUSAL, P_REFUSAL},
                 {{"image_url", 9}, BLOCK_IMAGE, P_IMAGE},
                 {{"input_audio", 11}, BLOCK_AUDIO, P_AUDIO},
                 {{"file", 4}, BLOCK_DOCUMENT, P_FILE}};
    struct str type = p->value[P_TYPE];
    unsigned k = 0;
    if (!json_is_string(type))
        return reading_fault(x, E_BAD_REQUEST, "a part has to be an object with a 'type'");
    while (k < ARRAY_LEN(kinds) && !string_is(type, kinds[k].type))
        k++;
    bool known = k < ARRAY_LEN(kinds) && !p->more;
    /* A member of another type's is none that this type has. */
    for (unsigned i = P_TEXT; known && i < P_CACHE; i++)
        known = i == kinds[k].member || p->value[i].n == 0;
    struct chat_block *b = chat_block_new(x->request->arena, list,
                                          known ? kinds[k].kind : BLOCK_OTHER);
    if (!b)
        return E_MEMORY;
    *ret_block = b;
    if (!known) {
        b->input = p->whole;
        return 0;
    }
    b->cache_control = p->value[P_CACHE];
    b->others = p->others;
    switch (kinds[k].kind) {
    case BLOCK_IMAGE:
        return part_image(x, p, b);
    case BLOCK_AUDIO:
        return part_audio(x, p, b);
    case BLOCK_DOCUMENT:
        return part_file(x, p, b);
    default:
        return part_string(x, p->value[kinds[k].member], kinds[k].type.p, &b->text);
    }
}

/* The value of a part's member. */
static int part_member_take(struct chat_reading *x, unsigned key, struct str name, struct part *p,
                            struct chat_member ***others)
{
    const char *from = x->json.at;
    int err = 0;
    if (key == P_IMAGE)
        err = reading_object(x, "image_url", url_names, ARRAY_LEN(url_names), p->image, &p->more);
    else if (key == P_AUDIO)
        err = reading_object(x, "input_audio", audio_names, ARRAY_LEN(audio_names), p->audio,
                             &p->more);
    else if (key == P_FILE)
        err = reading_object(x, "file", file_names, ARRAY_LEN(file_names), p->file, &p->more);
    else if (key < P_COUNT)
        p->value[key] = json_take(&x->json);
    else
        return reading_keep(x, others, name, json_take(&x->json));
    if (key < P_COUNT && p->value[key].n == 0)
        p->value[key] = str_of(from, (size_t)(x->json.at - from));
    if (!err && json_is_null(p->value[key]))
        p->value[key] = STR_NONE;
    return err;
}

static int part_take(struct chat_reading *x, struct chat_block **list,
                     struct chat_block **ret_block)
{
    struct part p = {.whole = STR_NONE};
    struct chat_keys keys = {.names = part_names, .n = P_COUNT};
    struct chat_member **others = &p.others;
    const char *from = x->json.at;
    int err = 0;
    if (json_enter(&x->json, '{'))
        do {
            unsigned key;
            err = reading_key(x, &keys, &key);
            if (!err)
                err = part_member_take(x, key, keys.name, &p, &others);
        } while (!err && json_more(&x->json, '{'));
    if (!err && x->json.failed)
        err = E_BAD_JSON;
    p.whole = str_of(from, (size_t)(x->json.at - from));
    return err ? err : part_make(x, &p, list, ret_block);
}

static int parts_take(struct chat_reading *x, struct chat_block **list)
{
    int err = 0;
    if (!json_enter(&x->json, '['))
        return 0;
    x->inner = "content";
    x->inner_at = 0;
    do {
        struct chat_block *b = NULL;
        err = part_take(x, list, &b);
        list = b ? &b->next : list;
        x->inner_at++;
    } while (!err && json_more(&x->json, '['));
    if (!err)
        x->inner = NULL;
    return err;
}

/* ---- calls ---- */

static const struct str call_names[] = {{"id", 2}, {"type", 4}, {"function", 8}, {"index", 5}};
static const struct str function_names[] = {{"name", 4}, {"arguments", 9}};
enum { C_ID, C_TYPE, C_FUNCTION, C_INDEX, C_COUNT };
enum { F_NAME, F_ARGUMENTS, F_COUNT };

/* What a call is that is not a function's, or says more than the model knows: as it stood. */
static int call_keep(struct chat_reading *x, struct chat_member **others, struct str type,
                     struct str function)
{
    int err = reading_keep(x, &others, STR("\"type\""), type);
    return err ? err : reading_keep(x, &others, STR("\"function\""), function);
}

static int call_input(struct chat_reading *x, struct str arguments, struct chat_block *b)
{
    if (arguments.n == 0 || (x->lenient && json_is_object(arguments))) {
        b->input = arguments.n ? arguments : STR("{}");
        return 0;
    }
    int err = json_is_string(arguments) ? input_from_string(x->request->arena, arguments, &b->input)
                                        : E_BAD_REQUEST;
    if (err == E_BAD_REQUEST &&
        x->lenient) { /* models make such, above all when they are cut off */
        b->input = STR_NONE;
        return 0;
    }
    if (err == E_BAD_REQUEST)
        return reading_fault(x, err, "'arguments' has to be a string that holds a JSON object");
    return err;
}

static int call_make(struct chat_reading *x, const struct str *value, struct chat_member *others,
                     const struct str *function, bool more, struct chat_block *b)
{
    b->others = others;
    b->id = value[C_ID];
    if (!json_is_string(b->id) || (b->id.n == 2 && x->lenient)) {
        if (!x->lenient)
            return reading_fault(x, E_BAD_REQUEST, "'id' has to be a string");
        b->id = arena_printf(x->request->arena, "\"call_%u\"", x->inner_at);
        if (!b->id.p)
            return E_MEMORY;
    }
    bool plain = value[C_TYPE].n == 0 || string_is(value[C_TYPE], STR("function"));
    if (!plain || more)
        return call_keep(x, &b->others, value[C_TYPE], value[C_FUNCTION]);
    b->name = function[F_NAME];
    if (!json_is_string(b->name) || b->name.n == 2)
        return reading_fault(x, E_BAD_REQUEST, "'function.name' has to be a string");
    return call_input(x, function[F_ARGUMENTS], b);
}

static int call_take(struct chat_reading *x, struct chat_block **list,
                     struct chat_block **ret_block)
{
    struct str value[C_COUNT + 1] = {STR_NONE}, function[F_COUNT] = {STR_NONE};
    struct chat_keys keys = {.names = call_names, .n = C_COUNT};
    struct chat_member *others = NULL, **end = &others;
    bool more = false;
    int err = 0;
    if (!reading_next_is(x, '{'))
        return reading_fault(x, E_BAD_REQUEST, "a tool call has to be an object");
    if (json_enter(&x->json, '{'))
        do {
            unsigned key;
            err = reading_key(x, &keys, &key);
            const char *from = x->json.at;
            if (!err && key == C_FUNCTION)
                err = reading_object(x, "function", function_names, F_COUNT, function, &more);
            else if (!err)
                value[key] = json_take(&x->json);
            if (!err && key == C_FUNCTION)
                value[key] = str_of(from, (size_t)(x->json.at - from));
            if (!err && key == C_COUNT)
                err = reading_keep(x, &end, keys.name, value[key]);
        } while (!err && json_more(&x->json, '{'));
    for (unsigned i = 0; i < C_COUNT; i++)
        value[i] = json_is_null(value[i]) ? STR_NONE : value[i];
    if (err || x->json.failed)
        return err ? err : E_BAD_JSON;
    *ret_block = chat_block_new(x->request->arena, list, BLOCK_CALL);
    return *ret_block ? call_make(x, value, others, function, more, *ret_block) : E_MEMORY;
}

static int calls_take(struct chat_reading *x, struct chat_block **list)
{
    int err = 0;
    if (!reading_next_is(x, '[') && !reading_next_is(x, 'n'))
        return reading_fault(x, E_BAD_REQUEST, "'tool_calls' has to be a list");
    if (!json_enter(&x->json, '['))
        return 0;
    x->inner = "tool_calls";
    x->inner_at = 0;
    do {
        struct chat_block *b = NULL;
        if (x->inner_at == CALLS_MAX)
            return reading_fault(x, E_BAD_REQUEST, "more than %d tool calls in one message",
                                 CALLS_MAX);
        err = call_take(x, list, &b);
        list = b ? &b->next : list;
        x->inner_at++;
    } while (!err && json_more(&x->json, '['));
    if (!err)
        x->inner = NULL;
    return err;
}

/* ---- thinking ---- */

static const struct str thought_names[] = {
    {"type", 4}, {"thinking", 8}, {"signature", 9}, {"data", 4}};
enum { T_TYPE, T_THINKING, T_SIGNATURE, T_DATA, T_COUNT };

static int thought_take(struct chat_reading *x, struct chat_block **list,
                        struct chat_block **ret_block)
{
    struct str value[T_COUNT];
    int err = reading_object(x, "thinking_blocks", thought_names, T_COUNT, value, NULL);
    if (err || x->json.failed)
        return err ? err : E_BAD_JSON;
    bool hidden = string_is(value[T_TYPE], STR("redacted_thinking"));
    if (!hidden && !string_is(value[T_TYPE], STR("thinking")))
        return reading_fault(x, E_BAD_REQUEST,
                             "its type has to be 'thinking' or 'redacted_thinking'");
    *ret_block = chat_block_new(x->request->arena, list, hidden ? BLOCK_HIDDEN : BLOCK_THINKING);
    if (!*ret_block)
        return E_MEMORY;
    if (hidden)
        return part_string(x, value[T_DATA], "data", &(*ret_block)->text);
    if (value[T_THINKING].n)
        err = part_string(x, value[T_THINKING], "thinking", &(*ret_block)->text);
    if (!err && value[T_SIGNATURE].n)
        err = part_string(x, value[T_SIGNATURE], "signature", &(*ret_block)->signature);
    return err;
}

static int thoughts_take(struct chat_reading *x, struct chat_block **list)
{
    int err = 0;
    if (!json_enter(&x->json, '['))
        return 0;
    x->inner = "thinking_blocks";
    x->inner_at = 0;
    do {
        struct chat_block *b = NULL;
        err = thought_take(x, list, &b);
        list = b ? &b->next : list;
        x->inner_at++;
    } while (!err && json_more(&x->json, '['));
    if (!err)
        x->inner = NULL;
    return err;
}

/* ---- messages ---- */

static const struct str said_names[] = {{"role", 4},
                                        {"content", 7},
                                        {"name", 4},
                                        {"tool_calls", 10},
                                        {"tool_call_id", 12},
                                        {"refusal", 7},
                                        {"reasoning", 9},
                                        {"reasoning_content", 17},
                                        {"thinking_blocks", 15},
                                        {"function_call", 13},
                                        {"annotations", 11}};
enum {
    S_ROLE,
    S_CONTENT,
    S_NAME,
    S_CALLS,
    S_CALL_ID,
    S_REFUSAL,
    S_REASONING,
    S_REASONING_CONTENT,
    S_THOUGHTS,
    S_FUNCTION_CALL,
    S_ANNOTATIONS,
    S_COUNT
};

static int content_take(struct chat_reading *x, struct chat_said *said)
{
    if (reading_next_is(x, '[')) {
        said->has_list = true;
        return parts_take(x, &said->parts);
    }
    struct str value = json_take(&x->json);
    if (json_is_string(value))
        said->content = value;
    else if (!json_is_null(value))
        return reading_fault(x, E_BAD_REQUEST, "'content' has to be a string or a list of parts");
    return 0;
}

static int said_member_take(struct chat_reading *x, unsigned key, struct chat_keys *keys,
                            struct chat_said *said, struct chat_member ***others)
{
    struct str *const strings[S_COUNT] = {
        [S_ROLE] = &said->role,           [S_NAME] = &said->name,
        [S_CALL_ID] = &said->call_id,     [S_REFUSAL] = &said->refusal,
        [S_REASONING] = &said->reasoning, [S_REASONING_CONTENT] = &said->reasoning};
    if (key == S_CONTENT)
        return content_take(x, said);
    if (key == S_CALLS)
        return calls_take(x, &said->calls);
    if (key == S_THOUGHTS)
        return thoughts_take(x, &said->thoughts);
    struct str value = json_take(&x->json);
    if (json_is_null(value) || x->json.failed)
        return 0;
    if (key == S_FUNCTION_CALL && !x->lenient)
        return reading_fault(x, E_BAD_REQUEST,
                             "'function_call' is OpenAI's former way to call functions, which is "
                             "not crossed to other protocols; send 'tool_calls'");
    /* Answers have an empty list of them, and clients send answers back as they came. */
    bool nothing = key == S_ANNOTATIONS && json_is_array(value) &&
                   str_trim(str_of(value.p + 1, value.n - 2)).n == 0;
    if (nothing)
        return 0;
    if (key >= S_COUNT || !strings[key] || (key == S_REASONING && !json_is_string(value)))
        return reading_keep(x, others, keys->name, value);
    /* Servers that send both names of the reasoning send the same text in both. */
    if (key == S_REASONING && said->reasoning.n)
        return 0;
    return part_string(x, value, said_names[key].p, strings[key]);
}

int said_take(struct chat_reading *x, struct chat_said *ret_said)
{
    struct chat_said said = {.role = STR_NONE};
    struct chat_keys keys = {.names = said_names, .n = S_COUNT};
    struct chat_member **others = &said.others;
    int err = 0;
    if (!reading_next_is(x, '{'))
        return reading_fault(x, E_BAD_REQUEST, "a message has to be an object");
    if (json_enter(&x->json, '{'))
        do {
            unsigned key;
            err = reading_key(x, &keys, &key);
            if (!err)
                err = said_member_take(x, key, &keys, &said, &others);
        } while (!err && json_more(&x->json, '{'));
    if (!err && x->json.failed)
        err = E_BAD_JSON;
    if (!err)
        *ret_said = said;
    return err;
}

/* A stream's client may have put together a signature here and the text there. */
static void thoughts_complete(const struct chat_said *said)
{
    struct chat_block *only = NULL;
    unsigned n = 0;
    for (struct chat_block *b = said->thoughts; b; b = b->next)
        if (b->kind == BLOCK_THINKING && ++n == 1)
            only = b;
    if (n == 1 && only->text.n <= 2)
        only->text = said->reasoning;
}

int said_blocks(struct chat_reading *x, const struct chat_said *said, struct chat_block **list)
{
    struct arena *a = x->request->arena;
    struct str texts[] = {said->reasoning, said->content, said->refusal};
    const enum chat_block_kind kinds[] = {BLOCK_THINKING, BLOCK_TEXT, BLOCK_REFUSAL};
    struct chat_block *lists[] = {said->thoughts, said->parts, NULL};
    thoughts_complete(said);
    if (said->thoughts)
        texts[0] = STR_NONE; /* the same once more */
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        struct chat_block *b = NULL;
        if (texts[i].n > 2 && !(b = chat_block_new(a, list, kinds[i])))
            return E_MEMORY;
        if (b)
            b->text = texts[i];
        else
            *list = lists[i];
        while (*list)
            list = &(*list)->next;
    }
    *list = said->calls;
    return 0;
}
