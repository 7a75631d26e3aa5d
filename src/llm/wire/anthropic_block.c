/* anthropic_block.c: reading content: blocks of requests and of answers. */
#include "llm/wire/anthropic.h"

enum field {
    FIELD_TYPE,
    FIELD_TEXT,
    FIELD_THINKING,
    FIELD_SIGNATURE,
    FIELD_DATA,
    FIELD_ID,
    FIELD_TOOL_USE_ID,
    FIELD_NAME,
    FIELD_INPUT,
    FIELD_TITLE,
    FIELD_CACHE_CONTROL,
    FIELD_CITATIONS,
    FIELD_IS_ERROR,
    FIELD_SOURCE,
    FIELD_CONTENT,
    FIELD_CALLER,
    FIELDS
};

static const struct member fields[FIELDS] = {
    [FIELD_TYPE] = MEMBER("type", STRING),
    [FIELD_TEXT] = MEMBER("text", STRING),
    [FIELD_THINKING] = MEMBER("thinking", STRING),
    [FIELD_SIGNATURE] = MEMBER("signature", STRING),
    [FIELD_DATA] = MEMBER("data", STRING),
    [FIELD_ID] = MEMBER("id", STRING),
    [FIELD_TOOL_USE_ID] = MEMBER("tool_use_id", STRING),
    [FIELD_NAME] = MEMBER("name", STRING),
    [FIELD_INPUT] = MEMBER("input", OBJECT),
    [FIELD_TITLE] = MEMBER("title", STRING),
    [FIELD_CACHE_CONTROL] = MEMBER("cache_control", OBJECT),
    [FIELD_CITATIONS] = MEMBER("citations", ANY),
    [FIELD_IS_ERROR] = MEMBER("is_error", BOOL),
    [FIELD_SOURCE] = MEMBER("source", TAKEN),
    [FIELD_CONTENT] = MEMBER("content", TAKEN),
    [FIELD_CALLER] = MEMBER("caller", ANY),
};

#define BIT(field) ((uint32_t)1 << FIELD_##field)
#define ROLE(role) (1u << ROLE_##role)
#define ANYONE     (ROLE(SYSTEM) | ROLE(DEVELOPER) | ROLE(USER) | ROLE(ASSISTANT))

/* The types that are understood: who may say them, what they need, and what they may have. */
static const struct block_row {
    struct str type;
    enum chat_block_kind kind;
    unsigned roles;
    uint32_t needs, may_have;
} block_rows[] = {
    {NAME("text"), BLOCK_TEXT, ANYONE, BIT(TEXT), BIT(CACHE_CONTROL) | BIT(CITATIONS)},
    {NAME("tool_use"), BLOCK_CALL, ROLE(ASSISTANT), BIT(ID) | BIT(NAME) | BIT(INPUT),
     BIT(CACHE_CONTROL) | BIT(CALLER)},
    {NAME("tool_result"), BLOCK_RESULT, ROLE(USER), BIT(TOOL_USE_ID),
     BIT(CONTENT) | BIT(IS_ERROR) | BIT(CACHE_CONTROL)},
    {NAME("thinking"), BLOCK_THINKING, ROLE(ASSISTANT), BIT(THINKING), BIT(SIGNATURE)},
    {NAME("redacted_thinking"), BLOCK_HIDDEN, ROLE(ASSISTANT), BIT(DATA), 0},
    {NAME("image"), BLOCK_IMAGE, ROLE(USER), BIT(SOURCE), BIT(CACHE_CONTROL)},
    {NAME("document"), BLOCK_DOCUMENT, ROLE(USER), BIT(SOURCE),
     BIT(TITLE) | BIT(CACHE_CONTROL) | BIT(CITATIONS)},
};

static const struct block_row *row_of_kind(enum chat_block_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(block_rows); i++)
        if (block_rows[i].kind == kind)
            return &block_rows[i];
    return NULL;
}

static const struct block_row *row_of_type(struct str type)
{
    for (size_t i = 0; i < ARRAY_LEN(block_rows); i++)
        if (string_is(type, block_rows[i].type))
            return &block_rows[i];
    return NULL;
}

const char *anthropic_block_name(enum chat_block_kind kind)
{
    const struct block_row *row = row_of_kind(kind);
    return row ? row->type.p : "other";
}

bool anthropic_block_fits(enum chat_block_kind kind, enum chat_role role)
{
    const struct block_row *row = row_of_kind(kind);
    return !row || (row->roles >> role & 1);
}

enum chat_answer_part anthropic_other(struct str type, struct str name)
{
    static const struct {
        struct str in; /* in the type, or for one that calls, in the tool's name */
        enum chat_answer_part part;
    } rows[] = {{NAME("mcp_tool"), ANSWER_TOOL},         {NAME("web_"), ANSWER_SEARCH},
                {NAME("search_result"), ANSWER_SEARCH},  {NAME("code_execution"), ANSWER_CODE},
                {NAME("container_upload"), ANSWER_FILE}, {NAME("tool"), ANSWER_TOOL}};
    bool calls = string_is(type, STR("server_tool_use")) && name.n > 2;
    struct str word = calls ? name : type;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (word.n > 2 && str_find(json_string_raw(word), rows[i].in) >= 0)
            return rows[i].part;
    return calls ? ANSWER_TOOL : ANSWER_OTHER;
}

/* ---- what stands inside ---- */

enum source_member {
    SOURCE_TYPE,
    SOURCE_MEDIA_TYPE,
    SOURCE_DATA,
    SOURCE_URL,
    SOURCE_FILE,
    SOURCES
};

static const struct member source_members[SOURCES] = {
    [SOURCE_TYPE] = MEMBER("type", STRING),    [SOURCE_MEDIA_TYPE] = MEMBER("media_type", STRING),
    [SOURCE_DATA] = MEMBER("data", STRING),    [SOURCE_URL] = MEMBER("url", STRING),
    [SOURCE_FILE] = MEMBER("file_id", STRING),
};

/* Leaves the form MEDIA_NONE where the source is of a kind that is not known. */
static int source_read(struct reading *r, struct chat_block *b)
{
    static const struct {
        struct str type;
        enum chat_media_form form;
        enum source_member data;
        bool typed;
    } rows[] = {{NAME("base64"), MEDIA_BASE64, SOURCE_DATA, true},
                {NAME("url"), MEDIA_URL, SOURCE_URL, false},
                {NAME("file"), MEDIA_FILE_ID, SOURCE_FILE, false},
                {NAME("text"), MEDIA_TEXT, SOURCE_DATA, true}};
    struct str v[SOURCES];
    struct object o = OBJECT(source_members, v);
    int err = reading_object(r, &o);
    if (err)
        return err;
    if (v[SOURCE_TYPE].n == 0)
        return reading_wrong(r, "'source' needs a 'type'");
    for (size_t i = 0; !o.more && i < ARRAY_LEN(rows); i++) {
        if (!string_is(v[SOURCE_TYPE], rows[i].type) ||
            (rows[i].form == MEDIA_TEXT && b->kind != BLOCK_DOCUMENT))
            continue;
        struct str data = v[rows[i].data];
        if (data.n == 0 || (rows[i].typed && v[SOURCE_MEDIA_TYPE].n == 0))
            return reading_wrong(r, "'source' of type '%s' needs '%s'%s", rows[i].type.p,
                                 source_members[rows[i].data].name.p,
                                 rows[i].typed ? " and 'media_type'" : "");
        b->media.form = rows[i].form;
        b->media.data = data;
        if (rows[i].typed)
            err = json_unquote(r->arena, v[SOURCE_MEDIA_TYPE], &b->media.type);
        return err == E_BAD_JSON ? reading_wrong(r, "'media_type' is no text") : err;
    }
    return 0;
}

/* Who called a tool: the model itself is what a call without a caller says, too. */
static int caller_keep(struct reading *r, struct str caller, struct chat_block *b)
{
    static const struct member members[] = {MEMBER("type", STRING)};
    struct str type;
    struct object o = OBJECT(members, &type);
    struct reading in;
    int err = reading_inside(r, caller, &in) ? reading_object(&in, &o) : 0;
    if (err || (o.whole.n && !o.more && string_is(type, STR("direct"))))
        return err;
    return reading_keep(r, &b->others, STR("\"caller\""), caller);
}

/* What the members of this type of block say. An empty signature is as good as none. */
static int fields_keep(struct reading *r, struct chat_block *b, const struct str *v)
{
    b->text = v[FIELD_TEXT].n       ? v[FIELD_TEXT]
              : v[FIELD_THINKING].n ? v[FIELD_THINKING]
                                    : v[FIELD_DATA];
    b->signature = v[FIELD_SIGNATURE].n > 2 ? v[FIELD_SIGNATURE] : STR_NONE;
    b->id = v[FIELD_ID].n ? v[FIELD_ID] : v[FIELD_TOOL_USE_ID];
    b->name = v[FIELD_NAME];
    b->input = v[FIELD_INPUT];
    b->media.name = v[FIELD_TITLE];
    b->cache_control = v[FIELD_CACHE_CONTROL];
    b->citations = v[FIELD_CITATIONS];
    b->is_error = json_is_true(v[FIELD_IS_ERROR]);
    return caller_keep(r, v[FIELD_CALLER], b);
}

static int content_read(struct reading *r, bool in_result, struct chat_block **blocks,
                        bool *is_string);

struct known {
    struct chat_block *block;
    struct str *value;
};

static int field_take(struct reading *r, unsigned which, void *to)
{
    struct known *k = to;
    const char *from = r->json.at;
    if (reading_next_is(r, 'n'))
        return reading_take(r, &k->value[which]);
    int err = which == FIELD_SOURCE
                  ? source_read(r, k->block)
                  : content_read(r, true, &k->block->result, &k->block->result_is_string);
    k->value[which] = str_of(from, (size_t)(r->json.at - from));
    return err;
}

static int block_known_read(struct reading *r, const struct block_row *row, struct chat_block *b)
{
    struct str value[FIELDS];
    struct known known = {b, value};
    struct object o = OBJECT(fields, value);
    o.take = field_take;
    o.to = &known;
    o.others = &b->others;
    o.foreign = (uint64_t) ~(row->needs | row->may_have | BIT(TYPE));
    int err = reading_object(r, &o);
    for (unsigned i = 0; !err && i < FIELDS; i++)
        if ((row->needs >> i & 1) && value[i].n == 0)
            err = reading_wrong(r, "a block of type '%s' needs '%s'", row->type.p,
                                fields[i].name.p);
    if (err)
        return err;
    if ((row->needs & BIT(SOURCE)) && b->media.form == MEDIA_NONE) { /* of a kind not known */
        b->kind = BLOCK_OTHER;
        b->input = o.whole;
        b->others = NULL;
        return 0;
    }
    return fields_keep(r, b, value);
}

static bool may_be_in_result(enum chat_block_kind kind)
{
    return kind == BLOCK_TEXT || kind == BLOCK_IMAGE || kind == BLOCK_DOCUMENT;
}

/* A list of blocks in the reading. */
struct content {
    struct chat_block **blocks;
    bool in_result;
};

static int block_take(struct reading *r, void *to)
{
    struct content *c = to;
    struct str type = reading_ahead(r, STR("type"));
    if (!json_is_string(type))
        return reading_wrong(r, "a block has to be an object with a 'type'");
    const struct block_row *row = row_of_type(type);
    if (row && c->in_result && !may_be_in_result(row->kind))
        return reading_wrong(r, "a tool result cannot have a block of type '%s'", row->type.p);
    struct chat_block *b = chat_block_new(r->arena, c->blocks, row ? row->kind : BLOCK_OTHER);
    if (!b)
        return E_MEMORY;
    return row ? block_known_read(r, row, b) : reading_take(r, &b->input);
}

static int content_read(struct reading *r, bool in_result, struct chat_block **blocks,
                        bool *is_string)
{
    struct content content = {blocks, in_result};
    struct str text;
    *is_string = reading_next_is(r, '"');
    if (reading_next_is(r, '['))
        return reading_list(r, "content", block_take, &content);
    if (!*is_string)
        return reading_wrong(r, "content has to be a string or a list of blocks");
    int err = reading_take(r, &text);
    if (err || text.n == 2)
        return err;
    struct chat_block *b = chat_block_new(r->arena, blocks, BLOCK_TEXT);
    if (!b)
        return E_MEMORY;
    b->text = text;
    return 0;
}

int anthropic_content_read(struct reading *r, struct chat_block **ret_blocks, bool *ret_is_string)
{
    return content_read(r, false, ret_blocks, ret_is_string);
}
