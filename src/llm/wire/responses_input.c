/* wire/responses_input.c: the list of items that a request brings, as messages of a chat. */
#include <stdio.h>

#include "llm/wire/parts.h"
#include "llm/wire/responses.h"

struct input {
    struct chat_request *request;
    struct chat_message *last; /* the newest message; NULL before the first */
    bool results;              /* it is made of results in a row */
    unsigned item;             /* the place, for faults */
    int part;                  /* -1: none */
    struct fault *f;
};

static int fault_at(const struct input *in, int err, const char *fmt, ...) PRINTF(3, 4);
static int fault_at(const struct input *in, int err, const char *fmt, ...)
{
    char words[160], part[24] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    if (in->part >= 0)
        snprintf(part, sizeof(part), ".content.%d", in->part);
    return fault_set(in->f, err, "input.%u%s: %s", in->item, part, words);
}

/* What responses_take found wrong. */
static int take_fault(const struct input *in, int err, struct str twice)
{
    if (err == E_DUPLICATE_KEY)
        return fault_at(in, err, "%.*s stands twice", STR_ARGS(twice));
    return err == E_BAD_REQUEST ? fault_at(in, err, "expected an object") : err;
}

static int string_wanted(const struct input *in, struct str value, const char *name)
{
    return json_is_string(value) ? 0 : fault_at(in, E_BAD_REQUEST, "'%s' has to be a string", name);
}

/* Members that this object has, and its kind does not know: bits of `known` by their place. */
static int leftover_add(const struct input *in, const struct str *names, size_t n,
                        const struct str *value, unsigned known, struct chat_member **others)
{
    int err = 0;
    for (size_t i = 0; i < n && !err; i++)
        if (value[i].p && !(known >> i & 1))
            err = chat_member_add(in->request, others, names[i], value[i]);
    return err;
}

/* ---- parts ---- */

enum part_member {
    PART_TYPE,
    PART_CACHE_CONTROL,
    PART_TEXT,
    PART_ANNOTATIONS,
    PART_LOGPROBS,
    PART_REFUSAL,
    PART_IMAGE_URL,
    PART_FILE_ID,
    PART_DETAIL,
    PART_FILE_DATA,
    PART_FILE_URL,
    PART_FILENAME,
    PART_MEMBERS
};
static const struct str part_names[PART_MEMBERS] = {
    [PART_TYPE] = RESPONSES_NAME("type"),
    [PART_CACHE_CONTROL] = RESPONSES_NAME("cache_control"),
    [PART_TEXT] = RESPONSES_NAME("text"),
    [PART_ANNOTATIONS] = RESPONSES_NAME("annotations"),
    [PART_LOGPROBS] = RESPONSES_NAME("logprobs"),
    [PART_REFUSAL] = RESPONSES_NAME("refusal"),
    [PART_IMAGE_URL] = RESPONSES_NAME("image_url"),
    [PART_FILE_ID] = RESPONSES_NAME("file_id"),
    [PART_DETAIL] = RESPONSES_NAME("detail"),
    [PART_FILE_DATA] = RESPONSES_NAME("file_data"),
    [PART_FILE_URL] = RESPONSES_NAME("file_url"),
    [PART_FILENAME] = RESPONSES_NAME("filename"),
};

static bool is_empty_list(struct str json)
{
    return json_is_array(json) && str_trim(json_string_raw(json)).n == 0;
}

/* Logprobs of what was said before say nothing to a model. */
static int text_read(const struct input *in, const struct str *value, struct chat_block *b)
{
    b->text = value[PART_TEXT];
    if (value[PART_ANNOTATIONS].p && !is_empty_list(value[PART_ANNOTATIONS]))
        b->citations = value[PART_ANNOTATIONS];
    return string_wanted(in, b->text, "text");
}

static int refusal_read(const struct input *in, const struct str *value, struct chat_block *b)
{
    b->text = value[PART_REFUSAL];
    return string_wanted(in, b->text, "refusal");
}

static int url_read(const struct input *in, struct str url, const char *name,
                    struct chat_media *media)
{
    int err = string_wanted(in, url, name);
    if (!err)
        err = media_from_url(in->request->arena, url, media);
    return err == E_BAD_REQUEST
               ? fault_at(in, err, "'%s' has to be a URL, or a data: URL in base64", name)
               : err;
}

static int id_read(const struct input *in, struct str id, struct chat_media *media)
{
    media->form = MEDIA_FILE_ID;
    media->data = id;
    return string_wanted(in, id, "file_id");
}

/* "auto" is what it is without. */
static struct str detail_of(const struct str *value)
{
    return string_is(value[PART_DETAIL], STR("auto")) ? STR_NONE : value[PART_DETAIL];
}

static int image_read(const struct input *in, const struct str *value, struct chat_block *b)
{
    b->media.detail = detail_of(value);
    int err = b->media.detail.p ? string_wanted(in, b->media.detail, "detail") : 0;
    if (err)
        return err;
    if (value[PART_FILE_ID].p)
        return id_read(in, value[PART_FILE_ID], &b->media);
    return url_read(in, value[PART_IMAGE_URL], "image_url", &b->media);
}

/* Data may come without "data:...;base64," in front: then nobody says what it is. */
static int file_read(const struct input *in, const struct str *value, struct chat_block *b)
{
    struct str data = value[PART_FILE_DATA];
    struct chat_media *m = &b->media;
    m->name = value[PART_FILENAME];
    int err = m->name.p ? string_wanted(in, m->name, "filename") : 0;
    if (!err && detail_of(value).p)
        err = chat_member_add(in->request, &b->others, part_names[PART_DETAIL], detail_of(value));
    if (err)
        return err;
    if (value[PART_FILE_ID].p)
        return id_read(in, value[PART_FILE_ID], m);
    if (value[PART_FILE_URL].p)
        return url_read(in, value[PART_FILE_URL], "file_url", m);
    err = url_read(in, data, "file_data", m);
    if (!err && m->form == MEDIA_URL)
        m->form = MEDIA_BASE64;
    return err;
}

#define BIT(member) (1u << (member))
static const struct part_kind {
    struct str type;
    enum chat_block_kind kind;
    int (*read)(const struct input *in, const struct str *value, struct chat_block *b);
    unsigned known;
} part_kinds[] = {
    {RESPONSES_NAME("input_text"), BLOCK_TEXT, text_read, BIT(PART_TEXT)},
    {RESPONSES_NAME("output_text"), BLOCK_TEXT, text_read,
     BIT(PART_TEXT) | BIT(PART_ANNOTATIONS) | BIT(PART_LOGPROBS)},
    {RESPONSES_NAME("refusal"), BLOCK_REFUSAL, refusal_read, BIT(PART_REFUSAL)},
    {RESPONSES_NAME("input_image"), BLOCK_IMAGE, image_read,
     BIT(PART_IMAGE_URL) | BIT(PART_FILE_ID) | BIT(PART_DETAIL)},
    {RESPONSES_NAME("input_file"), BLOCK_DOCUMENT, file_read,
     BIT(PART_FILE_ID) | BIT(PART_DETAIL) | BIT(PART_FILE_DATA) | BIT(PART_FILE_URL) |
         BIT(PART_FILENAME)},
};

static const struct part_kind *part_kind_find(struct str type)
{
    for (size_t i = 0; i < ARRAY_LEN(part_kinds); i++)
        if (str_eq(type, part_kinds[i].type))
            return &part_kinds[i];
    return NULL;
}

static int part_read(const struct input *in, struct json_reader *r, struct chat_block **list,
                     bool *ret_unknown)
{
    struct str value[PART_MEMBERS];
    struct chat_member *others = NULL;
    int err = responses_take(r, part_names, PART_MEMBERS, value, in->request, &others);
    if (err)
        return take_fault(in, err, value[0]);
    const struct part_kind *kind = part_kind_find(value[PART_TYPE]);
    if (!kind) {
        *ret_unknown = true;
        return string_wanted(in, value[PART_TYPE], "type");
    }
    struct chat_block *b = chat_block_new(in->request->arena, list, kind->kind);
    if (!b)
        return E_MEMORY;
    b->others = others;
    b->cache_control = value[PART_CACHE_CONTROL];
    err = kind->read(in, value, b);
    if (err)
        return err;
    return leftover_add(in, part_names, PART_MEMBERS, value,
                        kind->known | BIT(PART_TYPE) | BIT(PART_CACHE_CONTROL), &b->others);
}

/* A string or a list of parts. *ret_unknown: a part is of a type that sluice does not know. */
static int content_read(struct input *in, struct str content, struct chat_block **list,
                        bool *ret_string, bool *ret_unknown)
{
    *ret_unknown = false;
    *ret_string = json_is_string(content);
    if (*ret_string) {
        struct chat_block *b = NULL;
        if (content.n > 2 && !(b = chat_block_new(in->request->arena, list, BLOCK_TEXT)))
            return E_MEMORY;
        if (b)
            b->text = content;
        return 0;
    }
    if (!json_is_array(content))
        return fault_at(in, E_BAD_REQUEST, "the content has to be a string or a list of parts");
    struct json_reader r = responses_list(content);
    int err = 0;
    in->part = 0;
    if (json_enter(&r, '['))
        do {
            err = part_read(in, &r, list, ret_unknown);
            in->part++;
        } while (!err && !*ret_unknown && json_more(&r, '['));
    in->part = -1;
    return err;
}

/* ---- items ---- */

enum item_member {
    IN_TYPE,
    IN_ID,
    IN_STATUS,
    IN_ROLE,
    IN_CONTENT,
    IN_PHASE,
    IN_CALL_ID,
    IN_NAME,
    IN_ARGUMENTS,
    IN_OUTPUT,
    IN_SUMMARY,
    IN_ENCRYPTED,
    IN_MEMBERS
};
static const struct str item_names[IN_MEMBERS] = {
    [IN_TYPE] = RESPONSES_NAME("type"),
    [IN_ID] = RESPONSES_NAME("id"),
    [IN_STATUS] = RESPONSES_NAME("status"),
    [IN_ROLE] = RESPONSES_NAME("role"),
    [IN_CONTENT] = RESPONSES_NAME("content"),
    [IN_PHASE] = RESPONSES_NAME("phase"),
    [IN_CALL_ID] = RESPONSES_NAME("call_id"),
    [IN_NAME] = RESPONSES_NAME("name"),
    [IN_ARGUMENTS] = RESPONSES_NAME("arguments"),
    [IN_OUTPUT] = RESPONSES_NAME("output"),
    [IN_SUMMARY] = RESPONSES_NAME("summary"),
    [IN_ENCRYPTED] = RESPONSES_NAME("encrypted_content"),
};

struct item {
    struct str whole;
    struct str value[IN_MEMBERS];
    struct chat_member *others; /* not yet anybody's */
};

static int message_new(struct input *in, enum chat_role role)
{
    struct chat_message *m = chat_message_new(in->request, in->last, role);
    if (!m)
        return E_MEMORY;
    in->last = m;
    in->results = false;
    return 0;
}

/* The assistant's turn that is going on, or a new one. */
static int turn_enter(struct input *in)
{
    if (!in->last || in->last->role != ROLE_ASSISTANT)
        return message_new(in, ROLE_ASSISTANT);
    in->last->is_string = false;
    return 0;
}

static void blocks_append(struct chat_message *m, struct chat_block *blocks)
{
    struct chat_block **at = &m->blocks;
    while (*at)
        at = &(*at)->next;
    *at = blocks;
}

/* An item that is kept as it stands joins the message before it, whosever that is, so that results
 * behind it are still of the calls before. */
static int other_read(struct input *in, const struct item *item)
{
    int err = in->last ? 0 : message_new(in, ROLE_USER);
    if (err)
        return err;
    struct chat_block *b = chat_block_new(in->request->arena, &in->last->blocks, BLOCK_OTHER);
    if (!b)
        return E_MEMORY;
    in->last->is_string = false;
    b->input = item->whole;
    b->others = item->others;
    return 0;
}

static int role_read(const struct input *in, struct str string, enum chat_role *ret_role)
{
    static const struct str names[] = {[ROLE_SYSTEM] = RESPONSES_NAME("system"),
                                       [ROLE_DEVELOPER] = RESPONSES_NAME("developer"),
                                       [ROLE_USER] = RESPONSES_NAME("user"),
                                       [ROLE_ASSISTANT] = RESPONSES_NAME("assistant")};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(string, names[i])) {
            *ret_role = i;
            return 0;
        }
    return fault_at(in, E_BAD_REQUEST,
                    "'role' has to be user, assistant, system or developer, not %.*s",
                    STR_ARGS(str_head(string, 40)));
}

static int message_read(struct input *in, struct item *item)
{
    enum chat_role role = ROLE_USER;
    struct chat_block *blocks = NULL;
    bool is_string, unknown;
    int err = role_read(in, item->value[IN_ROLE], &role);
    if (!err)
        err = content_read(in, item->value[IN_CONTENT], &blocks, &is_string, &unknown);
    if (err || unknown)
        return err ? err : other_read(in, item);
    bool goes_on = role == ROLE_ASSISTANT && in->last && in->last->role == ROLE_ASSISTANT;
    err = goes_on ? turn_enter(in) : message_new(in, role);
    if (err)
        return err;
    if (item->value[IN_PHASE].p)
        chat_uses(in->request, CHAT_PHASE);
    in->last->is_string = is_string && !goes_on;
    blocks_append(in->last, blocks);
    struct chat_member **others = &in->last->others;
    while (*others)
        others = &(*others)->next;
    *others = item->others;
    return leftover_add(in, item_names, IN_MEMBERS, item->value,
                        BIT(IN_TYPE) | BIT(IN_ID) | BIT(IN_STATUS) | BIT(IN_ROLE) |
                            BIT(IN_CONTENT) | BIT(IN_PHASE),
                        &in->last->others);
}

static int call_read(struct input *in, struct item *item)
{
    int err = turn_enter(in);
    struct chat_block *b = NULL;
    if (!err && !(b = chat_block_new(in->request->arena, &in->last->blocks, BLOCK_CALL)))
        err = E_MEMORY;
    if (err)
        return err;
    b->id = item->value[IN_CALL_ID];
    b->name = item->value[IN_NAME];
    b->others = item->others;
    err = string_wanted(in, b->id, "call_id");
    if (!err)
        err = string_wanted(in, b->name, "name");
    if (!err)
        err = string_wanted(in, item->value[IN_ARGUMENTS], "arguments");
    if (!err)
        err = input_from_string(in->request->arena, item->value[IN_ARGUMENTS], &b->input);
    if (err == E_BAD_REQUEST)
        return fault_at(in, err, "'arguments' have to be a JSON object, in a string");
    return err ? err
               : leftover_add(in, item_names, IN_MEMBERS, item->value,
                              BIT(IN_TYPE) | BIT(IN_ID) | BIT(IN_STATUS) | BIT(IN_CALL_ID) |
                                  BIT(IN_NAME) | BIT(IN_ARGUMENTS),
                              &b->others);
}

static int result_read(struct input *in, struct item *item)
{
    struct chat_block *content = NULL;
    bool is_string, unknown;
    int err = string_wanted(in, item->value[IN_CALL_ID], "call_id");
    if (!err)
        err = content_read(in, item->value[IN_OUTPUT], &content, &is_string, &unknown);
    if (err || unknown)
        return err ? err : other_read(in, item);
    if (!in->results)
        err = message_new(in, ROLE_USER);
    in->results = !err;
    struct chat_block *b = NULL;
    if (!err && !(b = chat_block_new(in->request->arena, &in->last->blocks, BLOCK_RESULT)))
        err = E_MEMORY;
    if (err)
        return err;
    b->id = item->value[IN_CALL_ID];
    b->result = content;
    b->result_is_string = is_string;
    b->others = item->others;
    return leftover_add(
        in, item_names, IN_MEMBERS, item->value,
        BIT(IN_TYPE) | BIT(IN_ID) | BIT(IN_STATUS) | BIT(IN_CALL_ID) | BIT(IN_OUTPUT), &b->others);
}

/* Reasoning itself goes before its summary. */
static int reasoning_texts(const struct input *in, const struct item *item, struct str *ret_text)
{
    struct arena *a = in->request->arena;
    int err = responses_texts(a, item->value[IN_CONTENT], ret_text);
    if (!err && !ret_text->p)
        err = responses_texts(a, item->value[IN_SUMMARY], ret_text);
    if (err == E_MEMORY)
        return err;
    return err ? fault_at(in, E_BAD_REQUEST, "'summary' and 'content' have to be lists of texts")
               : 0;
}

static int reasoning_read(struct input *in, struct item *item)
{
    struct str encrypted = item->value[IN_ENCRYPTED], text, hidden;
    int err = reasoning_texts(in, item, &text);
    if (!err && encrypted.p)
        err = string_wanted(in, encrypted, "encrypted_content");
    if (!err)
        err = string_behind(in->request->arena, STR(RESPONSES_HIDDEN), encrypted, &hidden);
    if (err || (!text.p && encrypted.n <= 2)) /* nothing in it */
        return err;
    err = turn_enter(in);
    struct chat_block *b = NULL;
    enum chat_block_kind kind = hidden.p && !text.p ? BLOCK_HIDDEN : BLOCK_THINKING;
    if (!err && !(b = chat_block_new(in->request->arena, &in->last->blocks, kind)))
        err = E_MEMORY;
    if (err)
        return err;
    b->text = kind == BLOCK_HIDDEN ? hidden : text;
    b->signature = kind == BLOCK_HIDDEN ? STR_NONE : encrypted;
    b->others = item->others;
    return leftover_add(in, item_names, IN_MEMBERS, item->value,
                        BIT(IN_TYPE) | BIT(IN_ID) | BIT(IN_STATUS) | BIT(IN_CONTENT) |
                            BIT(IN_SUMMARY) | BIT(IN_ENCRYPTED),
                        &b->others);
}

/* What stands at the provider, and is only named here; its type may be left out. */
static int reference_read(struct input *in, struct item *item)
{
    chat_uses(in->request, CHAT_CONVERSATION);
    return other_read(in, item);
}

static int item_read(struct input *in, struct json_reader *r)
{
    static const struct {
        struct str type;
        int (*read)(struct input *in, struct item *item);
    } kinds[] = {
        {RESPONSES_NAME("message"), message_read},
        {RESPONSES_NAME("function_call"), call_read},
        {RESPONSES_NAME("function_call_output"), result_read},
        {RESPONSES_NAME("reasoning"), reasoning_read},
        {RESPONSES_NAME("item_reference"), reference_read},
    };
    struct item item = {.whole = {r->at, 0}};
    int err = responses_take(r, item_names, IN_MEMBERS, item.value, in->request, &item.others);
    if (err)
        return take_fault(in, err, item.value[0]);
    item.whole.n = (size_t)(r->at - item.whole.p);
    struct str type = item.value[IN_TYPE];
    if (!type.p)
        return item.value[IN_ROLE].p ? message_read(in, &item) : reference_read(in, &item);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(type, kinds[i].type))
            return kinds[i].read(in, &item);
    return other_read(in, &item);
}

int responses_input_read(struct chat_request *request, struct chat_message *after, struct str input,
                         struct fault *f)
{
    struct input in = {.request = request, .last = after, .part = -1, .f = f};
    bool is_string = false, unknown;
    int err = 0;
    if (json_is_string(input)) {
        err = message_new(&in, ROLE_USER);
        if (!err)
            err = content_read(&in, input, &in.last->blocks, &is_string, &unknown);
        if (!err)
            in.last->is_string = is_string;
        return err;
    }
    if (!json_is_array(input))
        return fault_set(f, E_BAD_REQUEST, "'input' has to be a string or a list of items");
    struct json_reader r = responses_list(input);
    if (json_enter(&r, '['))
        do {
            err = item_read(&in, &r);
            in.item++;
        } while (!err && json_more(&r, '['));
    return err;
}
