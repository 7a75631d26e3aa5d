/* anthropic_block.c: reading content: blocks of requests and of answers. */
#include <stddef.h>

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

static const struct anthropic_member fields[FIELDS] = {
    [FIELD_TYPE] = {{"type", 4}, VALUE_STRING},
    [FIELD_TEXT] = {{"text", 4}, VALUE_STRING},
    [FIELD_THINKING] = {{"thinking", 8}, VALUE_STRING},
    [FIELD_SIGNATURE] = {{"signature", 9}, VALUE_STRING},
    [FIELD_DATA] = {{"data", 4}, VALUE_STRING},
    [FIELD_ID] = {{"id", 2}, VALUE_STRING},
    [FIELD_TOOL_USE_ID] = {{"tool_use_id", 11}, VALUE_STRING},
    [FIELD_NAME] = {{"name", 4}, VALUE_STRING},
    [FIELD_INPUT] = {{"input", 5}, VALUE_OBJECT},
    [FIELD_TITLE] = {{"title", 5}, VALUE_STRING},
    [FIELD_CACHE_CONTROL] = {{"cache_control", 13}, VALUE_OBJECT},
    [FIELD_CITATIONS] = {{"citations", 9}, VALUE_ANY},
    [FIELD_IS_ERROR] = {{"is_error", 8}, VALUE_BOOL},
    [FIELD_SOURCE] = {{"source", 6}, VALUE_ANY},
    [FIELD_CONTENT] = {{"content", 7}, VALUE_ANY},
    [FIELD_CALLER] = {{"caller", 6}, VALUE_ANY},
};

/* Where a value is kept as it stands. */
static const size_t kept_at[FIELDS] = {
    [FIELD_TEXT] = offsetof(struct chat_block, text),
    [FIELD_THINKING] = offsetof(struct chat_block, text),
    [FIELD_SIGNATURE] = offsetof(struct chat_block, signature),
    [FIELD_DATA] = offsetof(struct chat_block, text),
    [FIELD_ID] = offsetof(struct chat_block, id),
    [FIELD_TOOL_USE_ID] = offsetof(struct chat_block, id),
    [FIELD_NAME] = offsetof(struct chat_block, name),
    [FIELD_INPUT] = offsetof(struct chat_block, input),
    [FIELD_TITLE] = offsetof(struct chat_block, media.name),
    [FIELD_CACHE_CONTROL] = offsetof(struct chat_block, cache_control),
    [FIELD_CITATIONS] = offsetof(struct chat_block, citations),
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
    {{"text", 4}, BLOCK_TEXT, ANYONE, BIT(TEXT), BIT(CACHE_CONTROL) | BIT(CITATIONS)},
    {{"tool_use", 8},
     BLOCK_CALL,
     ROLE(ASSISTANT),
     BIT(ID) | BIT(NAME) | BIT(INPUT),
     BIT(CACHE_CONTROL) | BIT(CALLER)},
    {{"tool_result", 11},
     BLOCK_RESULT,
     ROLE(USER),
     BIT(TOOL_USE_ID),
     BIT(CONTENT) | BIT(IS_ERROR) | BIT(CACHE_CONTROL)},
    {{"thinking", 8}, BLOCK_THINKING, ROLE(ASSISTANT), BIT(THINKING), BIT(SIGNATURE)},
    {{"redacted_thinking", 17}, BLOCK_HIDDEN, ROLE(ASSISTANT), BIT(DATA), 0},
    {{"image", 5}, BLOCK_IMAGE, ROLE(USER), BIT(SOURCE), BIT(CACHE_CONTROL)},
    {{"document", 8},
     BLOCK_DOCUMENT,
     ROLE(USER),
     BIT(SOURCE),
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

/* ---- what stands inside ---- */

enum source_member {
    SOURCE_TYPE,
    SOURCE_MEDIA_TYPE,
    SOURCE_DATA,
    SOURCE_URL,
    SOURCE_FILE,
    SOURCES
};

static const struct anthropic_member source_members[SOURCES] = {
    [SOURCE_TYPE] = {{"type", 4}, VALUE_STRING},
    [SOURCE_MEDIA_TYPE] = {{"media_type", 10}, VALUE_STRING},
    [SOURCE_DATA] = {{"data", 4}, VALUE_STRING},
    [SOURCE_URL] = {{"url", 3}, VALUE_STRING},
    [SOURCE_FILE] = {{"file_id", 7}, VALUE_STRING},
};

/* Leaves the form MEDIA_NONE where the source is of a kind that is not known. */
static int source_read(struct anthropic_reader *r, struct chat_block *b)
{
    static const struct {
        struct str type;
        enum chat_media_form form;
        enum source_member data;
        bool typed;
    } rows[] = {{{"base64", 6}, MEDIA_BASE64, SOURCE_DATA, true},
                {{"url", 3}, MEDIA_URL, SOURCE_URL, false},
                {{"file", 4}, MEDIA_FILE_ID, SOURCE_FILE, false},
                {{"text", 4}, MEDIA_TEXT, SOURCE_DATA, true}};
    struct str v[SOURCES], whole;
    bool known;
    int err = anthropic_object_take(r, source_members, SOURCES, v, &whole, &known);
    if (err)
        return err;
    if (v[SOURCE_TYPE].n == 0)
        return anthropic_wrong(r, "'source' needs a 'type'");
    for (size_t i = 0; known && i < ARRAY_LEN(rows); i++) {
        if (!string_is(v[SOURCE_TYPE], rows[i].type) ||
            (rows[i].form == MEDIA_TEXT && b->kind != BLOCK_DOCUMENT))
            continue;
        struct str data = v[rows[i].data];
        if (data.n == 0 || (rows[i].typed && v[SOURCE_MEDIA_TYPE].n == 0))
            return anthropic_wrong(r, "'source' of type '%s' needs '%s'%s", rows[i].type.p,
                                   source_members[rows[i].data].name.p,
                                   rows[i].typed ? " and 'media_type'" : "");
        b->media.form = rows[i].form;
        b->media.data = data;
        if (rows[i].typed)
            err = json_unquote(r->arena, v[SOURCE_MEDIA_TYPE], &b->media.type);
        return err == E_BAD_JSON ? anthropic_wrong(r, "'media_type' is no text") : err;
    }
    return 0;
}

/* Who called a tool: the model itself is what a call without a caller says, too. */
static int caller_read(struct anthropic_reader *r, struct chat_member ***others, struct str name)
{
    static const struct anthropic_member members[] = {{{"type", 4}, VALUE_STRING}};
    struct json_reader before = r->json;
    struct str type, whole;
    bool known;
    int err = anthropic_object_take(r, members, 1, &type, &whole, &known);
    if (err || whole.n == 0 || (known && string_is(type, STR("direct"))))
        return err;
    r->json = before;
    return anthropic_other_take(r, others, name);
}

static int text_only(struct anthropic_reader *r, struct chat_block **blocks)
{
    struct str text = json_take(&r->json);
    if (r->json.failed)
        return E_BAD_JSON;
    if (text.n == 2)
        return 0;
    struct chat_block *b = chat_block_new(r->arena, blocks, BLOCK_TEXT);
    if (!b)
        return E_MEMORY;
    b->text = text;
    return 0;
}

/* Keeps a value, of which one byte string is as good as none: an empty signature. */
static void value_keep(struct chat_block *b, unsigned which, struct str value)
{
    if (which == FIELD_IS_ERROR)
        b->is_error = json_is_true(value);
    else if (kept_at[which] && !(which == FIELD_SIGNATURE && value.n == 2))
        *(struct str *)((char *)b + kept_at[which]) = value;
}

static int content_read(struct anthropic_reader *r, bool in_result, struct chat_block **blocks,
                        bool *is_string);

/* The value of a field that this type of block has; *ret_given where it is not null. */
static int field_read(struct anthropic_reader *r, struct chat_block *b, unsigned which,
                      struct chat_member ***others, struct str name, bool *ret_given)
{
    struct str value = STR_NONE;
    int err = 0;
    *ret_given = !anthropic_null_ahead(r);
    if (which == FIELD_CONTENT && *ret_given)
        err = content_read(r, true, &b->result, &b->result_is_string);
    else if (which == FIELD_SOURCE)
        err = source_read(r, b);
    else if (which == FIELD_CALLER)
        err = caller_read(r, others, name);
    else
        err = anthropic_value_take(r, &fields[which], &value);
    if (!err && value.n > 0)
        value_keep(b, which, value);
    return err;
}

static int block_known_read(struct anthropic_reader *r, const struct block_row *row,
                            struct chat_block *b)
{
    const char *from = r->json.at;
    uint32_t seen = 0, given = 0, has = row->needs | row->may_have | BIT(TYPE);
    struct chat_member **others = &b->others;
    int err = 0;
    if (json_enter(&r->json, '{'))
        do {
            unsigned which;
            struct str name;
            bool is_given = false;
            err = anthropic_key_take(r, fields, FIELDS, &seen, &which, &name);
            if (!err && which != ANTHROPIC_OTHER_MEMBER && (has >> which & 1))
                err = field_read(r, b, which, &others, name, &is_given);
            else if (!err)
                err = anthropic_other_take(r, &others, name);
            if (is_given)
                given |= (uint32_t)1 << which;
        } while (!err && json_more(&r->json, '{'));
    for (unsigned i = 0; !err && i < FIELDS; i++)
        if (row->needs & ~given & (uint32_t)1 << i)
            err = anthropic_wrong(r, "a block of type '%s' needs '%s'", row->type.p,
                                  fields[i].name.p);
    bool unknown_source = (row->needs & BIT(SOURCE)) && b->media.form == MEDIA_NONE;
    if (!err && unknown_source)
        *b = (struct chat_block){.kind = BLOCK_OTHER,
                                 .input = str_of(from, (size_t)(r->json.at - from))};
    return err;
}

static bool may_be_in_result(enum chat_block_kind kind)
{
    return kind == BLOCK_TEXT || kind == BLOCK_IMAGE || kind == BLOCK_DOCUMENT;
}

static int block_read(struct anthropic_reader *r, bool in_result, struct chat_block **at)
{
    struct str type = anthropic_type_ahead(r);
    if (!json_is_string(type))
        return anthropic_wrong(r, "a block has to be an object with a 'type'");
    const struct block_row *row = row_of_type(type);
    if (row && in_result && !may_be_in_result(row->kind))
        return anthropic_wrong(r, "a tool result cannot have a block of type '%s'", row->type.p);
    struct chat_block *b = chat_block_new(r->arena, at, row ? row->kind : BLOCK_OTHER);
    if (!b)
        return E_MEMORY;
    if (row)
        return block_known_read(r, row, b);
    b->input = json_take(&r->json);
    return r->json.failed ? E_BAD_JSON : 0;
}

static int content_read(struct anthropic_reader *r, bool in_result, struct chat_block **blocks,
                        bool *is_string)
{
    int err = 0;
    char first = r->json.failed ? 0 : *r->json.at;
    *is_string = first == '"';
    if (*is_string)
        return text_only(r, blocks);
    if (first != '[')
        return anthropic_wrong(r, "content has to be a string or a list of blocks");
    unsigned i = 0;
    if (json_enter(&r->json, '['))
        do {
            struct anthropic_place before = anthropic_place_enter(r, "content", i++);
            err = block_read(r, in_result, blocks);
            r->place = before;
            if (!err)
                blocks = &(*blocks)->next;
        } while (!err && json_more(&r->json, '['));
    return err;
}

int anthropic_content_read(struct anthropic_reader *r, struct chat_block **ret_blocks,
                           bool *ret_is_string)
{
    return content_read(r, false, ret_blocks, ret_is_string);
}
