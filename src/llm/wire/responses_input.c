/* wire/responses_input.c: the list of items that a request brings, as messages of a chat. */
#include "llm/wire/responses.h"

struct input {
    struct chat_message *last;  /* the newest message; NULL before the first */
    struct chat_message *calls; /* the newest with calls */
};

/* Members that this object has, and its kind does not know: bits of `known` by their place. */
static int leftover_keep(struct reading *r, const struct member *members, unsigned n,
                         const struct str *value, unsigned known, struct chat_member **others)
{
    int err = 0;
    for (unsigned i = 0; i < n && !err; i++) {
        struct str name = STR_NONE;
        if (!value[i].p || (known >> i & 1))
            continue;
        err = string_make(r->arena, members[i].name, &name);
        if (!err)
            err = reading_keep(r, others, name, value[i]);
    }
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
static const struct member part_members[PART_MEMBERS] = {
    [PART_TYPE] = MEMBER("type", ANY),
    [PART_CACHE_CONTROL] = MEMBER("cache_control", ANY),
    [PART_TEXT] = MEMBER("text", ANY),
    [PART_ANNOTATIONS] = MEMBER("annotations", ANY),
    [PART_LOGPROBS] = MEMBER("logprobs", ANY),
    [PART_REFUSAL] = MEMBER("refusal", ANY),
    [PART_IMAGE_URL] = MEMBER("image_url", ANY),
    [PART_FILE_ID] = MEMBER("file_id", ANY),
    [PART_DETAIL] = MEMBER("detail", ANY),
    [PART_FILE_DATA] = MEMBER("file_data", ANY),
    [PART_FILE_URL] = MEMBER("file_url", ANY),
    [PART_FILENAME] = MEMBER("filename", ANY),
};

/* Logprobs of what was said before say nothing to a model, and annotations neither. */
static int text_read(struct reading *r, const struct str *value, struct chat_block *b)
{
    b->text = value[PART_TEXT];
    if (value[PART_ANNOTATIONS].p && !json_is_empty(value[PART_ANNOTATIONS]))
        chat_uses(r->request, CHAT_ANNOTATIONS);
    return reading_wants(r, b->text, "text", VALUE_STRING);
}

static int refusal_read(struct reading *r, const struct str *value, struct chat_block *b)
{
    b->text = value[PART_REFUSAL];
    return reading_wants(r, b->text, "refusal", VALUE_STRING);
}

static int url_read(struct reading *r, struct str url, const char *name, struct chat_media *media)
{
    int err = reading_wants(r, url, name, VALUE_STRING);
    if (!err)
        err = media_from_url(r->arena, url, media);
    return err == E_BAD_REQUEST
               ? reading_wrong(r, "'%s' has to be a URL, or a data: URL in base64", name)
               : err;
}

static int id_read(struct reading *r, struct str id, struct chat_media *media)
{
    media->form = MEDIA_FILE_ID;
    media->data = id;
    return reading_wants(r, id, "file_id", VALUE_STRING);
}

/* "auto" is what it is without. */
static struct str detail_of(const struct str *value)
{
    return string_is(value[PART_DETAIL], STR("auto")) ? STR_NONE : value[PART_DETAIL];
}

static int image_read(struct reading *r, const struct str *value, struct chat_block *b)
{
    b->media.detail = detail_of(value);
    int err = b->media.detail.p ? reading_wants(r, b->media.detail, "detail", VALUE_STRING) : 0;
    if (err)
        return err;
    if (value[PART_FILE_ID].p)
        return id_read(r, value[PART_FILE_ID], &b->media);
    return url_read(r, value[PART_IMAGE_URL], "image_url", &b->media);
}

/* Data may come without "data:...;base64," in front: then nobody says what it is. */
static int file_read(struct reading *r, const struct str *value, struct chat_block *b)
{
    struct str data = value[PART_FILE_DATA];
    struct chat_media *m = &b->media;
    m->name = value[PART_FILENAME];
    int err = m->name.p ? reading_wants(r, m->name, "filename", VALUE_STRING) : 0;
    if (!err && detail_of(value).p)
        err = reading_keep(r, &b->others, STR("\"detail\""), detail_of(value));
    if (err)
        return err;
    if (value[PART_FILE_ID].p)
        return id_read(r, value[PART_FILE_ID], m);
    if (value[PART_FILE_URL].p)
        return url_read(r, value[PART_FILE_URL], "file_url", m);
    err = url_read(r, data, "file_data", m);
    if (!err && m->form == MEDIA_URL)
        m->form = MEDIA_BASE64;
    return err;
}

#define BIT(member) (1u << (member))
static const struct part_kind {
    struct str type;
    enum chat_block_kind kind;
    int (*read)(struct reading *r, const struct str *value, struct chat_block *b);
    unsigned known;
} part_kinds[] = {
    {WORD("input_text"), BLOCK_TEXT, text_read, BIT(PART_TEXT)},
    {WORD("output_text"), BLOCK_TEXT, text_read,
     BIT(PART_TEXT) | BIT(PART_ANNOTATIONS) | BIT(PART_LOGPROBS)},
    {WORD("refusal"), BLOCK_REFUSAL, refusal_read, BIT(PART_REFUSAL)},
    {WORD("input_image"), BLOCK_IMAGE, image_read,
     BIT(PART_IMAGE_URL) | BIT(PART_FILE_ID) | BIT(PART_DETAIL)},
    {WORD("input_file"), BLOCK_DOCUMENT, file_read,
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

/* Content in the reading. `unknown`: a part is of a type that sluice does not know. */
struct content {
    struct chat_block *blocks;
    bool is_string, unknown;
};

static int part_take(struct reading *r, void *to)
{
    struct content *c = to;
    struct str value[PART_MEMBERS];
    struct chat_member *others = NULL;
    struct object o = OBJECT(part_members, value);
    o.others = &others;
    o.wrong = "expected an object";
    int err = reading_object(r, &o);
    if (err || c->unknown)
        return err;
    const struct part_kind *kind = part_kind_find(value[PART_TYPE]);
    c->unknown = !kind;
    if (!kind)
        return reading_wants(r, value[PART_TYPE], "type", VALUE_STRING);
    struct chat_block *b = chat_block_new(r->arena, &c->blocks, kind->kind);
    if (!b)
        return E_MEMORY;
    b->others = others;
    b->cache_control = value[PART_CACHE_CONTROL];
    err = kind->read(r, value, b);
    return err ? err
               : leftover_keep(r, part_members, PART_MEMBERS, value,
                               kind->known | BIT(PART_TYPE) | BIT(PART_CACHE_CONTROL), &b->others);
}

/* A string or a list of parts. */
static int content_read(struct reading *r, struct str content, struct content *ret_content)
{
    struct content *c = ret_content;
    *c = (struct content){.is_string = json_is_string(content)};
    if (json_is_array(content)) {
        struct reading in = reading_of_list(r, content);
        return reading_list(&in, "content", part_take, c);
    }
    if (!c->is_string)
        return reading_wrong(r, "the content has to be a string or a list of parts");
    if (content.n == 2)
        return 0;
    struct chat_block *b = chat_block_new(r->arena, &c->blocks, BLOCK_TEXT);
    if (!b)
        return E_MEMORY;
    b->text = content;
    return 0;
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
    IN_RESULT,
    IN_FORMAT,
    IN_SIZE,
    IN_QUALITY,
    IN_BACKGROUND,
    IN_REVISED,
    IN_ACTION,
    IN_MEMBERS
};
static const struct member item_members[IN_MEMBERS] = {
    [IN_TYPE] = MEMBER("type", ANY),
    [IN_ID] = MEMBER("id", ANY),
    [IN_STATUS] = MEMBER("status", ANY),
    [IN_ROLE] = MEMBER("role", ANY),
    [IN_CONTENT] = MEMBER("content", ANY),
    [IN_PHASE] = MEMBER("phase", ANY),
    [IN_CALL_ID] = MEMBER("call_id", ANY),
    [IN_NAME] = MEMBER("name", ANY),
    [IN_ARGUMENTS] = MEMBER("arguments", ANY),
    [IN_OUTPUT] = MEMBER("output", ANY),
    [IN_SUMMARY] = MEMBER("summary", ANY),
    [IN_ENCRYPTED] = MEMBER("encrypted_content", ANY),
    [IN_RESULT] = MEMBER("result", ANY),
    [IN_FORMAT] = MEMBER("output_format", ANY),
    [IN_SIZE] = MEMBER("size", ANY),
    [IN_QUALITY] = MEMBER("quality", ANY),
    [IN_BACKGROUND] = MEMBER("background", ANY),
    [IN_REVISED] = MEMBER("revised_prompt", ANY),
    [IN_ACTION] = MEMBER("action", ANY),
};

struct item {
    struct str whole;
    struct str value[IN_MEMBERS];
    struct chat_member *others; /* not yet anybody's */
};

static int message_new(struct reading *r, struct input *in, enum chat_role role)
{
    struct chat_message *m = chat_message_new(r->request, in->last, role);
    if (!m)
        return E_MEMORY;
    in->last = m;
    return 0;
}

/* A block at the end of the last message. */
static int block_new(struct reading *r, struct input *in, enum chat_block_kind kind,
                     struct item *item, struct chat_block **ret_block)
{
    struct chat_block *b = chat_block_new(r->arena, &in->last->blocks, kind);
    if (!b)
        return E_MEMORY;
    b->others = item->others;
    *ret_block = b;
    return 0;
}

/* The assistant's turn that is going on, or a new one. */
static int turn_enter(struct reading *r, struct input *in)
{
    if (!in->last || in->last->role != ROLE_ASSISTANT)
        return message_new(r, in, ROLE_ASSISTANT);
    in->last->is_string = false;
    return 0;
}

/* What such an item has besides what its kind knows. */
static int item_leftover(struct reading *r, const struct item *item, unsigned known,
                         struct chat_member **others)
{
    return leftover_keep(r, item_members, IN_MEMBERS, item->value,
                         known | BIT(IN_TYPE) | BIT(IN_ID) | BIT(IN_STATUS), others);
}

/* An item that is kept as it stands joins the message before it, whosever that is, so that results
 * behind it are still of the calls before. */
static int other_read(struct reading *r, struct input *in, struct item *item)
{
    struct chat_block *b;
    int err = in->last ? 0 : message_new(r, in, ROLE_USER);
    if (!err)
        err = block_new(r, in, BLOCK_OTHER, item, &b);
    if (err)
        return err;
    in->last->is_string = false;
    b->input = item->whole;
    return 0;
}

static int message_read(struct reading *r, struct input *in, struct item *item)
{
    struct str word = item->value[IN_ROLE];
    size_t role = word_find(responses_roles, ARRAY_LEN(responses_roles), word);
    struct content content;
    if (role == ARRAY_LEN(responses_roles))
        return reading_wrong(r, "'role' has to be user, assistant, system or developer, not %.*s",
                             STR_ARGS(str_head(word, 40)));
    int err = content_read(r, item->value[IN_CONTENT], &content);
    if (err || content.unknown)
        return err ? err : other_read(r, in, item);
    bool goes_on = role == ROLE_ASSISTANT && in->last && in->last->role == ROLE_ASSISTANT;
    err = goes_on ? turn_enter(r, in) : message_new(r, in, role);
    if (err)
        return err;
    if (item->value[IN_PHASE].p)
        chat_uses(r->request, CHAT_PHASE);
    in->last->is_string = content.is_string && !goes_on;
    chat_blocks_join(&in->last->blocks, content.blocks);
    chat_members_join(&in->last->others, item->others);
    return item_leftover(r, item, BIT(IN_ROLE) | BIT(IN_CONTENT) | BIT(IN_PHASE),
                         &in->last->others);
}

static int call_read(struct reading *r, struct input *in, struct item *item)
{
    const struct str *value = item->value;
    struct chat_block *b;
    int err = reading_wants(r, value[IN_CALL_ID], "call_id", VALUE_STRING);
    if (!err)
        err = reading_wants(r, value[IN_NAME], "name", VALUE_STRING);
    if (!err)
        err = reading_wants(r, value[IN_ARGUMENTS], "arguments", VALUE_STRING);
    if (!err)
        err = turn_enter(r, in);
    if (!err)
        err = block_new(r, in, BLOCK_CALL, item, &b);
    if (err)
        return err;
    in->calls = in->last;
    b->id = value[IN_CALL_ID];
    b->name = value[IN_NAME];
    err = input_from_string(r->arena, value[IN_ARGUMENTS], &b->input);
    if (err == E_BAD_REQUEST)
        return reading_wrong(r, "'arguments' have to be a JSON object, in a string");
    return err ? err
               : item_leftover(r, item, BIT(IN_CALL_ID) | BIT(IN_NAME) | BIT(IN_ARGUMENTS),
                               &b->others);
}

/* Where results go: behind the calls, wherever they stand, since this protocol knows by its id
 * whose a result is, and others by its place. */
static int results_enter(struct reading *r, struct input *in, struct chat_message **ret_results)
{
    struct chat_message *after = in->calls ? in->calls : in->last,
                        *rest = in->calls ? in->calls->next : in->last;
    *ret_results = rest;
    if (rest && rest->blocks && rest->blocks->kind == BLOCK_RESULT)
        return 0;
    rest = after ? after->next : NULL;
    struct chat_message *m = chat_message_new(r->request, after, ROLE_USER);
    if (!m)
        return E_MEMORY;
    m->next = rest;
    if (!rest)
        in->last = m;
    *ret_results = m;
    return 0;
}

static int result_read(struct reading *r, struct input *in, struct item *item)
{
    struct chat_message *results;
    struct content content;
    struct chat_block *b;
    int err = reading_wants(r, item->value[IN_CALL_ID], "call_id", VALUE_STRING);
    if (!err)
        err = content_read(r, item->value[IN_OUTPUT], &content);
    if (err || content.unknown)
        return err ? err : other_read(r, in, item);
    err = results_enter(r, in, &results);
    if (err)
        return err;
    b = chat_block_new(r->arena, &results->blocks, BLOCK_RESULT);
    if (!b)
        return E_MEMORY;
    b->others = item->others;
    b->id = item->value[IN_CALL_ID];
    b->result = content.blocks;
    b->result_is_string = content.is_string;
    return item_leftover(r, item, BIT(IN_CALL_ID) | BIT(IN_OUTPUT), &b->others);
}

/* Reasoning itself goes before its summary. */
static int reasoning_texts(struct reading *r, const struct item *item, struct str *ret_text)
{
    int err = responses_texts(r->arena, item->value[IN_CONTENT], ret_text);
    if (!err && !ret_text->p)
        err = responses_texts(r->arena, item->value[IN_SUMMARY], ret_text);
    return err == E_BAD_REQUEST
               ? reading_wrong(r, "'summary' and 'content' have to be lists of texts")
               : err;
}

static int reasoning_read(struct reading *r, struct input *in, struct item *item)
{
    struct str encrypted = item->value[IN_ENCRYPTED], text, hidden;
    struct chat_block *b;
    int err = reasoning_texts(r, item, &text);
    if (!err && encrypted.p)
        err = reading_wants(r, encrypted, "encrypted_content", VALUE_STRING);
    if (!err)
        err = string_behind(r->arena, STR(RESPONSES_HIDDEN), encrypted, &hidden);
    if (err || (!text.p && encrypted.n <= 2)) /* nothing in it */
        return err;
    bool is_hidden = hidden.p && !text.p;
    err = turn_enter(r, in);
    if (!err)
        err = block_new(r, in, is_hidden ? BLOCK_HIDDEN : BLOCK_THINKING, item, &b);
    if (err)
        return err;
    b->text = is_hidden ? hidden : text;
    b->signature = is_hidden ? STR_NONE : encrypted;
    return item_leftover(r, item, BIT(IN_CONTENT) | BIT(IN_SUMMARY) | BIT(IN_ENCRYPTED),
                         &b->others);
}

/* What stands at the provider, and is only named here; its type may be left out. */
static int reference_read(struct reading *r, struct input *in, struct item *item)
{
    chat_uses(r->request, CHAT_CONVERSATION);
    return other_read(r, in, item);
}

/* An image of an earlier answer; what else is said of it is of no use to a model. */
static int image_made_read(struct reading *r, struct input *in, struct item *item)
{
    struct responses_read said = {.result = item->value[IN_RESULT],
                                  .format = item->value[IN_FORMAT]};
    struct chat_block *b;
    struct str type = responses_image_type(&said);
    if (!type.n) /* it came to nothing */
        return 0;
    int err = turn_enter(r, in);
    if (!err)
        err = block_new(r, in, BLOCK_IMAGE, item, &b);
    if (err)
        return err;
    b->media = (struct chat_media){.form = MEDIA_BASE64, .type = type, .data = said.result};
    return item_leftover(r, item,
                         BIT(IN_RESULT) | BIT(IN_FORMAT) | BIT(IN_SIZE) | BIT(IN_QUALITY) |
                             BIT(IN_BACKGROUND) | BIT(IN_REVISED) | BIT(IN_ACTION),
                         &b->others);
}

static int item_take(struct reading *r, void *to)
{
    static const struct {
        struct str type;
        int (*read)(struct reading *r, struct input *in, struct item *item);
    } kinds[] = {
        {WORD("message"), message_read},
        {WORD("function_call"), call_read},
        {WORD("function_call_output"), result_read},
        {WORD("reasoning"), reasoning_read},
        {WORD("item_reference"), reference_read},
        {WORD("image_generation_call"), image_made_read},
    };
    struct item item = {.others = NULL};
    struct object o = OBJECT(item_members, item.value);
    o.others = &item.others;
    o.wrong = "expected an object";
    int err = reading_object(r, &o);
    if (err)
        return err;
    item.whole = o.whole;
    struct str type = item.value[IN_TYPE];
    if (!type.p)
        return item.value[IN_ROLE].p ? message_read(r, to, &item) : reference_read(r, to, &item);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(type, kinds[i].type))
            return kinds[i].read(r, to, &item);
    return other_read(r, to, &item);
}

int responses_input_read(struct reading *r, struct chat_message *after, struct str input)
{
    struct input in = {.last = after};
    struct content content;
    if (json_is_array(input)) {
        struct reading list = reading_of_list(r, input);
        return reading_list(&list, "input", item_take, &in);
    }
    if (!json_is_string(input))
        return reading_wrong(r, "'input' has to be a string or a list of items");
    int err = message_new(r, &in, ROLE_USER);
    if (!err)
        err = content_read(r, input, &content);
    if (err)
        return err;
    in.last->blocks = content.blocks;
    in.last->is_string = content.is_string;
    return 0;
}
