/* anthropic_block_write.c: writing content: blocks of requests and of answers. */
#include "llm/wire/anthropic.h"

static bool is_empty(struct str string)
{
    return string.n <= 2;
}

static bool counts(const struct anthropic_writer *w, const struct chat_block *b)
{
    bool request = w->arena != NULL;
    struct str seal;
    switch (b->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        return request ? !string_is_blank(b->text) : !is_empty(b->text);
    case BLOCK_THINKING:
        return request ? thinking_seal(b, STR(MAKER_ANTHROPIC), &seal) == SEAL_OWN
                       : !is_empty(b->signature) || !is_empty(b->text);
    case BLOCK_HIDDEN:
        return !request || thinking_seal(b, STR(MAKER_ANTHROPIC), &seal) != SEAL_FOREIGN;
    case BLOCK_AUDIO:
        return false;
    default:
        return true;
    }
}

/* ---- media ---- */

/* A document's bytes of plain text, which the protocol has as a text. */
static int text_source_write(const struct anthropic_writer *w, const struct chat_media *m)
{
    struct str digits, bytes;
    int err = json_unquote(w->arena, m->data, &digits);
    if (!err)
        err = base64_read(w->arena, digits, &bytes);
    if (err == E_MEMORY)
        return err;
    for (struct str rest = err ? STR_NONE : bytes; !err && rest.n > 0;) {
        size_t n = str_utf8_len(rest);
        err = n ? 0 : E_UNSUPPORTED;
        rest = str_tail(rest, n);
    }
    if (err)
        return fault_set(w->fault, E_UNSUPPORTED,
                         "messages.%u: a document of plain text has to be UTF-8 in base64",
                         w->message);
    buf_str(w->out, STR("{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":"));
    json_quote(w->out, bytes);
    return buf_char(w->out, '}');
}

static int base64_source_write(const struct anthropic_writer *w, const struct chat_block *b)
{
    const struct chat_media *m = &b->media;
    bool document = b->kind == BLOCK_DOCUMENT;
    if (document && w->arena && str_eq_nocase(m->type, STR("text/plain")))
        return text_source_write(w, m);
    if (m->type.n == 0 || (document && !str_eq_nocase(m->type, STR("application/pdf"))))
        return fault_set(w->fault, E_UNSUPPORTED,
                         "messages.%u: Anthropic takes documents as PDF or as plain text, and "
                         "images with their type; this is %s%.*s",
                         w->message, m->type.n ? "" : "of no type that is said",
                         STR_ARGS(str_head(m->type, 60)));
    buf_str(w->out, STR("{\"type\":\"base64\",\"media_type\":"));
    json_quote(w->out, m->type);
    member_put_json(w->out, STR("data"), m->data);
    return buf_char(w->out, '}');
}

static int source_write(const struct anthropic_writer *w, const struct chat_block *b)
{
    const struct chat_media *m = &b->media;
    switch (m->form) {
    case MEDIA_BASE64:
        return base64_source_write(w, b);
    case MEDIA_URL:
        buf_str(w->out, STR("{\"type\":\"url\",\"url\":"));
        break;
    case MEDIA_FILE_ID:
        buf_str(w->out, STR("{\"type\":\"file\",\"file_id\":"));
        break;
    case MEDIA_TEXT:
        buf_str(w->out, STR("{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":"));
        break;
    case MEDIA_NONE:
        return fault_set(w->fault, E_UNSUPPORTED, "messages.%u: media without data", w->message);
    }
    buf_str(w->out, m->data);
    return buf_char(w->out, '}');
}

static int media_write(const struct anthropic_writer *w, const struct chat_block *b)
{
    member_put(w->out, STR("source"));
    int err = source_write(w, b);
    if (b->kind == BLOCK_DOCUMENT) {
        member_put_json(w->out, STR("title"), b->media.name);
        member_put_json(w->out, STR("citations"), b->citations);
    }
    return err;
}

/* ---- blocks ---- */

static int result_write(const struct anthropic_writer *w, const struct chat_block *b)
{
    const struct chat_block *first = b->result;
    while (first && !counts(w, first))
        first = first->next;
    int err = 0;
    unsigned count;
    member_put(w->out, STR("tool_use_id"));
    call_id_put(w->out, b->id, anthropic_ids);
    if (first) {
        member_put(w->out, STR("content"));
        if (b->result_is_string && first->kind == BLOCK_TEXT)
            buf_str(w->out, first->text);
        else
            err = anthropic_blocks_write(w, first, &count);
    }
    if (b->is_error)
        member_put_json(w->out, STR("is_error"), STR("true"));
    return err;
}

static int call_write(const struct anthropic_writer *w, const struct chat_block *b)
{
    member_put(w->out, STR("id"));
    if (w->arena)
        call_id_put(w->out, b->id, anthropic_ids);
    else
        string_put(w->out, b->id);
    member_put_string(w->out, STR("name"), b->name);
    member_put_json(w->out, STR("input"), b->input.n ? b->input : STR("{}"));
    return 0;
}

static int inside_write(const struct anthropic_writer *w, const struct chat_block *b)
{
    switch (b->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        member_put_json(w->out, STR("text"), b->text);
        member_put_json(w->out, STR("citations"), b->citations);
        break;
    case BLOCK_THINKING:
        member_put_string(w->out, STR("thinking"), b->text);
        member_put_string(w->out, STR("signature"), b->signature);
        break;
    case BLOCK_HIDDEN:
        member_put_json(w->out, STR("data"), b->text);
        break;
    case BLOCK_CALL:
        return call_write(w, b);
    case BLOCK_RESULT:
        return result_write(w, b);
    case BLOCK_IMAGE:
    case BLOCK_DOCUMENT:
        return media_write(w, b);
    case BLOCK_AUDIO:
    case BLOCK_OTHER:
        break;
    }
    return 0;
}

static int block_write(const struct anthropic_writer *w, const struct chat_block *b)
{
    if (b->kind == BLOCK_OTHER)
        return buf_str(w->out, b->input);
    const char *type = anthropic_block_name(b->kind == BLOCK_REFUSAL ? BLOCK_TEXT : b->kind);
    buf_printf(w->out, "{\"type\":\"%s\"", type);
    int err = inside_write(w, b);
    member_put_json(w->out, STR("cache_control"), b->cache_control);
    members_put(w->out, b->others);
    buf_char(w->out, '}');
    return err;
}

int anthropic_blocks_put(const struct anthropic_writer *w, const struct chat_block *b,
                         unsigned *count)
{
    int err = 0;
    for (; b && !err; b = b->next) {
        if (!counts(w, b))
            continue;
        element_put(w->out);
        err = block_write(w, b);
        ++*count;
    }
    return err;
}

int anthropic_blocks_write(const struct anthropic_writer *w, const struct chat_block *b,
                           unsigned *ret_count)
{
    *ret_count = 0;
    buf_char(w->out, '[');
    int err = anthropic_blocks_put(w, b, ret_count);
    buf_char(w->out, ']');
    return err;
}
