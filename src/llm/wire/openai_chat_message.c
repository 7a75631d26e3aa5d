/*
 * openai_chat_message.c: reading a message, of a request or of an answer, and what is in it.
 *
 * Members come in any order, so an object's are collected first and made into a block at its end.
 * What is more than the model holds stays as it stood: a part as BLOCK_OTHER, a call with `others`.
 */
#include "llm/wire/openai_chat.h"

/* ---- parts ---- */

enum { URL, DETAIL };
static const struct member url_members[] = {MEMBER("url", STRING), MEMBER("detail", STRING)};
enum { DATA, FORMAT };
static const struct member audio_members[] = {MEMBER("data", STRING), MEMBER("format", STRING)};
enum { FILE_DATA, FILE_ID, FILENAME };
static const struct member file_members[] = {MEMBER("file_data", STRING), MEMBER("file_id", STRING),
                                             MEMBER("filename", STRING)};

enum { P_TYPE, P_TEXT, P_REFUSAL, P_IMAGE, P_AUDIO, P_FILE, P_CACHE, P_COUNT };
static const struct member part_members[P_COUNT] = {
    MEMBER("type", ANY),         MEMBER("text", ANY),          MEMBER("refusal", ANY),
    MEMBER("image_url", TAKEN),  MEMBER("input_audio", TAKEN), MEMBER("file", TAKEN),
    MEMBER("cache_control", ANY)};

/* A part as its members say. */
struct part {
    struct str value[P_COUNT];
    struct str image[ARRAY_LEN(url_members)], audio[ARRAY_LEN(audio_members)],
        file[ARRAY_LEN(file_members)];
    bool more; /* the object within has members that are not known */
    struct chat_member *others;
};

static int part_image(struct reading *r, const struct part *p, struct chat_block *b)
{
    int err = reading_wants(r, p->image[URL], "image_url.url", VALUE_STRING);
    if (!err)
        err = media_from_url(r->arena, p->image[URL], &b->media);
    if (err == E_BAD_REQUEST && json_is_string(p->image[URL]))
        return reading_wrong(r, "'image_url.url' is a data URL, but not of base64 digits");
    /* "auto" is what it is without. */
    b->media.detail = string_is(p->image[DETAIL], STR("auto")) ? STR_NONE : p->image[DETAIL];
    return err;
}

/* The model has the kind of sound as a media type: "audio/wav". */
static int part_audio(struct reading *r, const struct part *p, struct chat_block *b)
{
    struct str format;
    int err = reading_wants(r, p->audio[DATA], "input_audio.data", VALUE_STRING);
    if (!err)
        err = reading_wants(r, p->audio[FORMAT], "input_audio.format", VALUE_STRING);
    if (err)
        return err;
    if (json_unquote(r->arena, p->audio[FORMAT], &format) != 0)
        return reading_wrong(r, "'input_audio.format' is not good");
    b->media.form = MEDIA_BASE64;
    b->media.data = p->audio[DATA];
    b->media.type = arena_join(r->arena, STR("audio/"), format);
    return b->media.type.p ? 0 : E_MEMORY;
}

static int part_file(struct reading *r, const struct part *p, struct chat_block *b)
{
    struct str data = p->file[FILE_DATA], id = p->file[FILE_ID];
    if ((data.n == 0) == (id.n == 0))
        return reading_wrong(r, "'file' has to have one of file_data and file_id");
    b->media.name = p->file[FILENAME];
    if (id.n) {
        b->media.form = MEDIA_FILE_ID;
        b->media.data = id;
        return 0;
    }
    int err = media_from_url(r->arena, data, &b->media);
    if (err == E_BAD_REQUEST)
        return reading_wrong(r, "'file.file_data' is a data URL, but not of base64 digits");
    /* Digits without a data URL's head are taken, too. */
    if (!err && b->media.form == MEDIA_URL && str_find(data, STR(":")) < 0)
        b->media.form = MEDIA_BASE64;
    return err;
}

static int part_make(struct reading *r, const struct part *p, struct str whole,
                     struct chat_block **list)
{
    static const struct {
        struct str type;
        enum chat_block_kind kind;
        unsigned member;
    } kinds[] = {{NAME("text"), BLOCK_TEXT, P_TEXT},
                 {NAME("refusal"), BLOCK_REFUSAL, P_REFUSAL},
                 {NAME("image_url"), BLOCK_IMAGE, P_IMAGE},
                 {NAME("input_audio"), BLOCK_AUDIO, P_AUDIO},
                 {NAME("file"), BLOCK_DOCUMENT, P_FILE}};
    struct str type = p->value[P_TYPE];
    unsigned k = 0;
    if (!json_is_string(type))
        return reading_wrong(r, "a part has to be an object with a 'type'");
    while (k < ARRAY_LEN(kinds) && !string_is(type, kinds[k].type))
        k++;
    bool known = k < ARRAY_LEN(kinds) && !p->more;
    /* A member of another type's is none that this type has. */
    for (unsigned i = P_TEXT; known && i < P_CACHE; i++)
        known = i == kinds[k].member || p->value[i].n == 0;
    struct chat_block *b = chat_block_new(r->arena, list, known ? kinds[k].kind : BLOCK_OTHER);
    if (!b)
        return E_MEMORY;
    if (!known) {
        b->input = whole;
        return 0;
    }
    b->cache_control = p->value[P_CACHE];
    b->others = p->others;
    switch (kinds[k].kind) {
    case BLOCK_IMAGE:
        return part_image(r, p, b);
    case BLOCK_AUDIO:
        return part_audio(r, p, b);
    case BLOCK_DOCUMENT:
        return part_file(r, p, b);
    default:
        b->text = p->value[kinds[k].member];
        return reading_wants(r, b->text, kinds[k].type.p, VALUE_STRING);
    }
}

static int part_inside_take(struct reading *r, unsigned which, void *to)
{
    struct part *p = to;
    struct object o = which == P_IMAGE   ? (struct object)OBJECT(url_members, p->image)
                      : which == P_AUDIO ? (struct object)OBJECT(audio_members, p->audio)
                                         : (struct object)OBJECT(file_members, p->file);
    o.name = part_members[which].name.p;
    int err = reading_object(r, &o);
    p->value[which] = o.whole;
    p->more = p->more || o.more;
    return err;
}

static int part_take(struct reading *r, void *list)
{
    struct part p = {.more = false};
    struct object o = OBJECT(part_members, p.value);
    o.take = part_inside_take;
    o.to = &p;
    o.others = &p.others;
    o.wrong = "a part has to be an object with a 'type'";
    int err = reading_object(r, &o);
    return err ? err : part_make(r, &p, o.whole, list);
}

/* ---- calls ---- */

enum { C_ID, C_TYPE, C_FUNCTION, C_INDEX, C_COUNT };
static const struct member call_members[C_COUNT] = {
    MEMBER("id", ANY), MEMBER("type", ANY), MEMBER("function", TAKEN), MEMBER("index", ANY)};
enum { F_NAME, F_ARGUMENTS, F_COUNT };
static const struct member function_members[F_COUNT] = {MEMBER("name", ANY),
                                                        MEMBER("arguments", ANY)};

struct call {
    struct str value[C_COUNT], function[F_COUNT];
    bool more; /* than the model knows of functions */
};

static int function_take(struct reading *r, unsigned which, void *to)
{
    struct call *c = to;
    struct object o = OBJECT(function_members, c->function);
    o.name = "function";
    int err = reading_object(r, &o);
    c->value[which] = o.whole;
    c->more = c->more || o.more;
    return err;
}

static int call_input(struct reading *r, struct str arguments, struct chat_block *b)
{
    if (arguments.n == 0 || (r->lenient && json_is_object(arguments))) {
        b->input = arguments.n ? arguments : STR("{}");
        return 0;
    }
    int err = json_is_string(arguments) ? input_from_string(r->arena, arguments, &b->input)
                                        : E_BAD_REQUEST;
    if (err != E_BAD_REQUEST)
        return err;
    b->input = STR_NONE; /* models make such, above all when they are cut off */
    return r->lenient ? 0
                      : reading_wrong(r, "'arguments' has to be a string that holds a JSON object");
}

static int call_make(struct reading *r, const struct call *c, struct chat_block *b)
{
    b->id = c->value[C_ID];
    if (r->lenient && (!json_is_string(b->id) || b->id.n == 2)) {
        b->id = arena_printf(r->arena, "\"call_%d\"", r->place.step[r->place.n - 1].at);
        if (!b->id.p)
            return E_MEMORY;
    }
    int err = reading_wants(r, b->id, "id", VALUE_STRING);
    if (err)
        return err;
    struct str type = c->value[C_TYPE];
    bool other = type.n && !string_is(type, STR("function"));
    if (other && r->lenient) { /* an answer's call of another kind: it is noted that it was there */
        b->kind = BLOCK_OTHER;
        return 0;
    }
    if (other || (c->more && !r->lenient)) {
        /* None of a function's, or with more than the model knows: as it stood. */
        err = reading_keep(r, &b->others, STR("\"type\""), type);
        return err ? err : reading_keep(r, &b->others, STR("\"function\""), c->value[C_FUNCTION]);
    }
    b->name = c->function[F_NAME];
    if (!json_is_string(b->name) || b->name.n == 2)
        return reading_wrong(r, "'function.name' has to be a string");
    return call_input(r, c->function[F_ARGUMENTS], b);
}

static int call_take(struct reading *r, void *list)
{
    struct call c = {.more = false};
    struct chat_member *others = NULL;
    struct object o = OBJECT(call_members, c.value);
    o.take = function_take;
    o.to = &c;
    o.others = &others;
    o.wrong = "a tool call has to be an object";
    int err = reading_object(r, &o);
    struct chat_block *b = err ? NULL : chat_block_new(r->arena, list, BLOCK_CALL);
    if (!b)
        return err ? err : E_MEMORY;
    b->others = others;
    return call_make(r, &c, b);
}

/* ---- thinking ---- */

enum { T_TYPE, T_THINKING, T_SIGNATURE, T_DATA, T_COUNT };
const struct member openai_chat_thought[T_COUNT] = {
    MEMBER("type", STRING), MEMBER("thinking", STRING), MEMBER("signature", STRING),
    MEMBER("data", STRING)};

static int thought_take(struct reading *r, void *list)
{
    struct str value[T_COUNT];
    struct object o = OBJECT(openai_chat_thought, value);
    int err = reading_object(r, &o);
    if (err)
        return err;
    bool hidden = string_is(value[T_TYPE], STR("redacted_thinking"));
    if (!hidden && !string_is(value[T_TYPE], STR("thinking")))
        return reading_wrong(r, "its type has to be 'thinking' or 'redacted_thinking'");
    struct chat_block *b = chat_block_new(r->arena, list, hidden ? BLOCK_HIDDEN : BLOCK_THINKING);
    if (!b)
        return E_MEMORY;
    b->text = value[hidden ? T_DATA : T_THINKING];
    b->signature = hidden || value[T_SIGNATURE].n <= 2 ? STR_NONE : value[T_SIGNATURE];
    return hidden ? reading_wants(r, b->text, "data", VALUE_STRING) : 0;
}

/* ---- what stands beside the content ---- */

bool openai_chat_cited(struct str annotation, struct chat_citation *ret_cited)
{
    enum { TYPE, CITATION };
    static const struct member of[] = {MEMBER("type", STRING), MEMBER("url_citation", OBJECT)};
    enum { LINK, TITLE, FROM, TO };
    static const struct member inner[] = {MEMBER("url", STRING), MEMBER("title", STRING),
                                          MEMBER("start_index", COUNT), MEMBER("end_index", COUNT)};
    struct str v[ARRAY_LEN(of)], w[ARRAY_LEN(inner)];
    if (!members_peek(annotation, of, ARRAY_LEN(of), v) ||
        !string_is(v[TYPE], STR("url_citation")) ||
        !members_peek(v[CITATION], inner, ARRAY_LEN(inner), w) || w[LINK].n <= 2)
        return false;
    *ret_cited = (struct chat_citation){
        .url = w[LINK], .title = w[TITLE], .from = count_of(w[FROM], 0), .to = count_of(w[TO], 0)};
    return true;
}

int openai_chat_image(struct arena *a, struct str image, struct chat_media *ret_media)
{
    struct str inner = member_peek(image, STR("image_url"), VALUE_OBJECT);
    struct str url = member_peek(inner, STR("url"), VALUE_STRING);
    *ret_media = (struct chat_media){.form = MEDIA_NONE};
    int err = url.n > 2 ? media_from_url(a, url, ret_media) : E_BAD_REQUEST;
    bool plain = ret_media->form != MEDIA_BASE64 || is_plain_type(ret_media->type);
    return !err && !plain ? E_BAD_REQUEST : err;
}

static int image_take(struct reading *r, void *list)
{
    struct str whole;
    struct chat_media media;
    int err = reading_take(r, &whole);
    if (!err)
        err = openai_chat_image(r->arena, whole, &media);
    bool unread = err == E_BAD_REQUEST;
    if (unread && r->request)
        return reading_wrong(r, "it has to have an 'image_url' with a 'url'");
    if (err && !unread)
        return err;
    struct chat_block *b = chat_block_new(r->arena, list, unread ? BLOCK_OTHER : BLOCK_IMAGE);
    if (!b)
        return E_MEMORY;
    b->input = unread ? whole : STR_NONE;
    b->media = media;
    return 0;
}

/* ---- messages ---- */

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
    S_IMAGES,
    S_AUDIO,
    S_COUNT
};
static const struct member said_members[S_COUNT] = {
    MEMBER("role", STRING),
    MEMBER("content", TAKEN),
    MEMBER("name", STRING),
    MEMBER("tool_calls", TAKEN),
    MEMBER("tool_call_id", STRING),
    MEMBER("refusal", STRING),
    MEMBER("reasoning", ANY),
    MEMBER("reasoning_content", STRING),
    MEMBER("thinking_blocks", TAKEN),
    MEMBER("function_call", ANY),
    MEMBER("annotations", ANY),
    MEMBER("images", TAKEN),
    MEMBER("audio", ANY),
};

static int said_list_take(struct reading *r, unsigned which, void *to)
{
    struct chat_said *said = to;
    if (which == S_CALLS)
        return reading_list(r, "tool_calls", call_take, &said->calls);
    if (which == S_THOUGHTS)
        return reading_list(r, "thinking_blocks", thought_take, &said->thoughts);
    if (which == S_IMAGES)
        return reading_list(r, "images", image_take, &said->images);
    said->has_list = reading_next_is(r, '[');
    if (said->has_list)
        return reading_list(r, "content", part_take, &said->parts);
    int err = reading_take(r, &said->content);
    if (!err && said->content.p && !json_is_string(said->content))
        err = reading_wrong(r, "'content' has to be a string or a list of parts");
    return err;
}

/* What the members say that mean something together. */
static int said_settle(struct reading *r, const struct str *value, struct chat_said *said)
{
    struct str annotations = value[S_ANNOTATIONS], reasoning = value[S_REASONING];
    if (value[S_FUNCTION_CALL].p && !r->lenient)
        return reading_wrong(r, "'function_call' is OpenAI's former way to call functions, which "
                                "is not crossed to other protocols; send 'tool_calls'");
    said->role = value[S_ROLE];
    said->name = value[S_NAME];
    said->call_id = value[S_CALL_ID];
    said->refusal = value[S_REFUSAL];
    /* Servers that send both names of the reasoning send the same text in both. */
    bool is_text = json_is_string(reasoning);
    said->reasoning = value[S_REASONING_CONTENT].n || !is_text ? value[S_REASONING_CONTENT]
                                                               : reasoning;
    int err = is_text ? 0 : reading_keep(r, &said->others, STR("\"reasoning\""), reasoning);
    said->annotations = json_is_array(annotations) ? annotations : STR_NONE;
    said->audio = value[S_AUDIO];
    if (!err && r->request && said->audio.n)
        err = reading_keep(r, &said->others, STR("\"audio\""), said->audio);
    /* Clients send answers back as they came. */
    if (r->request && said->annotations.n && !json_is_empty(annotations))
        chat_uses(r->request, CHAT_ANNOTATIONS);
    else if (!err && !json_is_empty(annotations))
        err = reading_keep(r, &said->others, STR("\"annotations\""), annotations);
    return err;
}

int said_take(struct reading *r, struct chat_said *ret_said)
{
    struct str value[S_COUNT];
    struct object o = OBJECT(said_members, value);
    *ret_said = (struct chat_said){.role = STR_NONE};
    o.take = said_list_take;
    o.to = ret_said;
    o.others = &ret_said->others;
    o.wrong = "a message has to be an object";
    int err = reading_object(r, &o);
    return err ? err : said_settle(r, value, ret_said);
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

static int text_add(struct arena *a, struct chat_block **list, enum chat_block_kind kind,
                    struct str text)
{
    struct chat_block *b = text.n > 2 ? chat_block_new(a, list, kind) : NULL;
    if (b)
        b->text = text;
    return text.n > 2 && !b ? E_MEMORY : 0;
}

int said_blocks(struct reading *r, const struct chat_said *said, struct chat_block **list)
{
    int err = 0;
    thoughts_complete(said);
    if (!said->thoughts) /* else it is the same once more */
        err = text_add(r->arena, list, BLOCK_THINKING, said->reasoning);
    chat_blocks_join(list, said->thoughts);
    if (!err)
        err = text_add(r->arena, list, BLOCK_TEXT, said->content);
    chat_blocks_join(list, said->parts);
    chat_blocks_join(list, said->images);
    if (!err)
        err = text_add(r->arena, list, BLOCK_REFUSAL, said->refusal);
    chat_blocks_join(list, said->calls);
    return err;
}
