/*
 * wire/gemini_contents.c: a chat's messages as Gemini's contents.
 *
 * Gemini knows two roles that take turns, so messages of one role that follow each other become one
 * content with the parts of all. Results of tools are the user's, but in a content of their own,
 * and before what else their message says: with other parts beside them, Gemini does not find them
 * behind their calls. A content is opened by the first part that it gets, so what has nothing to
 * say leaves no trace.
 */
#include "llm/wire/gemini.h"
#include "llm/wire/parts.h"

/* What a conversation from elsewhere may give in place of a call's signature: Google's page on
 * thought signatures. Only Gemini 3 and later ask for one, of the first call of a message. */
#define NO_SIGNATURE "skip_thought_signature_validator"

enum content { CONTENT_NONE, CONTENT_MODEL, CONTENT_USER, CONTENT_RESULTS };

struct contents {
    const struct chat_request *request;
    struct buf *out;
    struct fault *f;
    enum content open;
    bool old; /* gemini_is_old */
};

static int unsupported(struct contents *c, const char *what)
{
    return fault_set(c->f, E_UNSUPPORTED, "gemini has nothing for %s", what);
}

static void content_close(struct contents *c)
{
    if (c->open != CONTENT_NONE)
        buf_str(c->out, STR("]}"));
    c->open = CONTENT_NONE;
}

/* Where the next part of such a content goes. */
static void part_begin(struct contents *c, enum content content)
{
    if (c->open != content) {
        content_close(c);
        element_put(c->out);
        buf_str(c->out, content == CONTENT_MODEL ? STR("{\"role\":\"model\",\"parts\":[")
                                                 : STR("{\"role\":\"user\",\"parts\":["));
        c->open = content;
    }
}

static void text_put(struct buf *out, struct str text)
{
    element_put(out);
    buf_str(out, STR("{\"text\":"));
    buf_str(out, text.n ? text : STR("\"\""));
    buf_char(out, '}');
}

/* ---- media ---- */

/* What a URL's ending says of its type; STR_NONE where it says nothing. */
static struct str type_of_url(struct str string)
{
    static const struct {
        struct str ending, type;
    } types[] = {
#define TYPE(ending, type) {NAME(ending), NAME(type)}
        TYPE(".png", "image/png"),   TYPE(".jpg", "image/jpeg"),      TYPE(".jpeg", "image/jpeg"),
        TYPE(".webp", "image/webp"), TYPE(".heic", "image/heic"),     TYPE(".heif", "image/heif"),
        TYPE(".gif", "image/gif"),   TYPE(".pdf", "application/pdf"), TYPE(".txt", "text/plain"),
#undef TYPE
    };
    struct str path = json_string_raw(string);
    path = str_cut(&path, '#');
    path = str_cut(&path, '?');
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (path.n > types[i].ending.n &&
            str_eq_nocase(str_tail(path, path.n - types[i].ending.n), types[i].ending))
            return types[i].type;
    return STR_NONE;
}

static void url_put(struct buf *out, const struct chat_media *m)
{
    struct str type = m->type.n ? m->type : type_of_url(m->data);
    buf_str(out, STR("{\"fileData\":{"));
    if (type.n) {
        member_put(out, STR("mimeType"));
        json_quote(out, type);
    }
    member_put_json(out, STR("fileUri"), m->data);
    buf_str(out, STR("}}"));
}

static int plain_text_put(struct contents *c, const struct chat_media *m)
{
    struct str plain;
    int err = json_unquote(c->request->arena, m->data, &plain);
    if (err == E_BAD_JSON)
        return fault_set(c->f, E_BAD_REQUEST, "a document's text is not valid Unicode");
    if (err)
        return err;
    buf_str(c->out, STR("{\"inlineData\":{\"mimeType\":\"text/plain\",\"data\":\""));
    base64_put(c->out, plain);
    buf_str(c->out, STR("\"}}"));
    return 0;
}

/* A sound's type may be a format's bare name. */
static int data_put(struct contents *c, const struct chat_block *b)
{
    struct str type = b->media.type;
    if (type.n == 0 && b->kind == BLOCK_DOCUMENT)
        type = STR("application/pdf");
    if (type.n == 0)
        return fault_set(c->f, E_BAD_REQUEST, "an image or sound does not say its media type");
    if (str_find(type, STR("/")) < 0 && b->kind == BLOCK_AUDIO)
        type = arena_join(c->request->arena, STR("audio/"), type);
    if (!type.p)
        return E_MEMORY;
    buf_str(c->out, STR("{\"inlineData\":{\"mimeType\":"));
    json_quote(c->out, type);
    member_put_json(c->out, STR("data"), b->media.data);
    buf_str(c->out, STR("}}"));
    return 0;
}

static int media_put(struct contents *c, const struct chat_block *b)
{
    element_put(c->out);
    switch (b->media.form) {
    case MEDIA_BASE64:
        return data_put(c, b);
    case MEDIA_TEXT:
        return plain_text_put(c, &b->media);
    case MEDIA_URL:
        url_put(c->out, &b->media);
        return 0;
    case MEDIA_FILE_ID:
    case MEDIA_NONE:
        break;
    }
    return unsupported(c, "files of another provider by id");
}

static bool is_media(const struct chat_block *b)
{
    return b->kind == BLOCK_IMAGE || b->kind == BLOCK_DOCUMENT || b->kind == BLOCK_AUDIO;
}

/* ---- calls ---- */

/* An id's own part, and the signature behind it, both without quotes. */
static void id_split(struct str string, struct str *ret_id, struct str *ret_signature)
{
    struct str raw = string.n ? json_string_raw(string) : STR_NONE;
    ptrdiff_t at = str_find(raw, STR("__thought__"));
    *ret_id = at < 0 ? raw : str_head(raw, (size_t)at);
    *ret_signature = at < 0 ? STR_NONE : str_tail(raw, (size_t)at + 11);
}

/* Base64's letters for URLs become the common ones again, with padding. */
static void signature_put(struct buf *out, struct str digits)
{
    buf_str(out, STR(",\"thoughtSignature\":\""));
    while (digits.n > 0 && digits.p[digits.n - 1] == '=')
        digits.n--;
    for (size_t i = 0; i < digits.n; i++) {
        char c = digits.p[i];
        buf_char(out, c == '-' ? '+' : c == '_' ? '/' : c);
    }
    for (size_t n = digits.n; n % 4 != 0; n++)
        buf_char(out, '=');
    buf_char(out, '"');
}

static void id_put(struct buf *out, struct str id)
{
    if (id.n == 0)
        return;
    member_put(out, STR("id"));
    buf_char(out, '"');
    buf_str(out, id);
    buf_char(out, '"');
}

/* `unsigned_first`: no call of its message has a signature, and it is the first. */
static void call_put(struct contents *c, const struct chat_block *b, bool unsigned_first)
{
    struct buf *out = c->out;
    struct str id, signature;
    id_split(b->id, &id, &signature);
    element_put(out);
    buf_str(out, STR("{\"functionCall\":{"));
    id_put(out, id);
    member_put_string(out, STR("name"), b->name);
    member_put_json(out, STR("args"), b->input.n ? b->input : STR("{}"));
    buf_char(out, '}');
    if (signature.n)
        signature_put(out, signature);
    else if (unsigned_first && !c->old)
        buf_str(out, STR(",\"thoughtSignature\":\"" NO_SIGNATURE "\""));
    buf_char(out, '}');
}

static bool any_signature(const struct chat_message *m)
{
    for (const struct chat_block *b = m->blocks; b; b = b->next) {
        struct str id, signature;
        id_split(b->id, &id, &signature);
        if (b->kind == BLOCK_CALL && signature.n)
            return true;
    }
    return false;
}

/* ---- results ---- */

/* One text is a string, several are a list of them. */
static void result_texts_put(struct buf *out, const struct chat_block *result)
{
    unsigned texts = 0;
    for (const struct chat_block *b = result; b; b = b->next)
        texts += b->kind == BLOCK_TEXT;
    if (texts == 0)
        buf_str(out, STR("\"\""));
    if (texts > 1)
        buf_char(out, '[');
    for (const struct chat_block *b = result; b; b = b->next) {
        if (b->kind != BLOCK_TEXT)
            continue;
        if (texts > 1)
            element_put(out);
        buf_str(out, b->text.n ? b->text : STR("\"\""));
    }
    if (texts > 1)
        buf_char(out, ']');
}

static bool any_media(const struct chat_block *b)
{
    while (b && b->kind == BLOCK_TEXT)
        b = b->next;
    return b != NULL;
}

static int result_media_put(struct contents *c, const struct chat_block *result)
{
    int err = 0;
    for (const struct chat_block *b = result; b && !err; b = b->next)
        if (is_media(b))
            err = media_put(c, b);
        else if (b->kind != BLOCK_TEXT)
            err = unsupported(c, "content of this type in a tool's result");
    return err;
}

/* Media stand within the result; for models that know none there, as parts behind all results. */
static int result_put(struct contents *c, const struct chat_block *r)
{
    struct buf *out = c->out;
    struct str id, signature;
    id_split(r->id, &id, &signature);
    element_put(out);
    buf_str(out, STR("{\"functionResponse\":{"));
    id_put(out, id);
    member_put_string(out, STR("name"), r->call ? r->call->name : STR_NONE);
    member_put(out, STR("response"));
    buf_str(out, r->is_error ? STR("{\"error\":") : STR("{\"output\":"));
    result_texts_put(out, r->result);
    buf_char(out, '}');
    int err = 0;
    if (!c->old && any_media(r->result)) {
        buf_str(out, STR(",\"parts\":["));
        err = result_media_put(c, r->result);
        buf_char(out, ']');
    }
    buf_str(out, STR("}}"));
    return err;
}

/* ---- messages ---- */

static void thinking_put(struct buf *out, const struct chat_block *b)
{
    struct str seal;
    bool own = thinking_seal(b, STR(MAKER_GEMINI), &seal) == SEAL_OWN;
    text_put(out, b->text);
    out->n -= !out->failed; /* its bracket */
    if (b->text.n > 2)
        buf_str(out, STR(",\"thought\":true"));
    if (own) {
        buf_str(out, STR(",\"thoughtSignature\":\""));
        buf_str(out, seal);
        buf_char(out, '"');
    }
    buf_char(out, '}');
}

/* Another provider's seal is left out; without anything of its own there is nothing to put. Texts
 * that are empty are refused. */
static bool says_something(const struct chat_block *b)
{
    struct str seal;
    switch (b->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        return b->text.n > 2;
    case BLOCK_THINKING:
        return b->text.n > 2 || thinking_seal(b, STR(MAKER_GEMINI), &seal) == SEAL_OWN;
    case BLOCK_HIDDEN: /* another provider's: nobody else can read it */
        return false;
    default:
        return true;
    }
}

static int block_put(struct contents *c, const struct chat_block *b, bool unsigned_first)
{
    switch (b->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        text_put(c->out, b->text);
        return 0;
    case BLOCK_IMAGE:
    case BLOCK_DOCUMENT:
    case BLOCK_AUDIO:
        return media_put(c, b);
    case BLOCK_CALL:
        call_put(c, b, unsigned_first);
        return 0;
    case BLOCK_THINKING:
        thinking_put(c->out, b);
        return 0;
    default:
        return unsupported(c, chat_feature_text(CHAT_OTHER_BLOCK));
    }
}

static int model_put(struct contents *c, const struct chat_message *m)
{
    bool unsigned_first = !any_signature(m);
    int err = 0;
    for (const struct chat_block *b = m->blocks; b && !err; b = b->next) {
        if (!says_something(b))
            continue;
        part_begin(c, CONTENT_MODEL);
        err = block_put(c, b, unsigned_first);
        unsigned_first = unsigned_first && b->kind != BLOCK_CALL;
    }
    return err;
}

static int results_put(struct contents *c, const struct chat_message *m)
{
    int err = 0;
    for (const struct chat_block *b = m->blocks; b && !err; b = b->next)
        if (b->kind == BLOCK_RESULT) {
            part_begin(c, CONTENT_RESULTS);
            err = result_put(c, b);
        }
    return err;
}

static int results_media_put(struct contents *c, const struct chat_message *m)
{
    int err = 0;
    for (const struct chat_block *b = m->blocks; b && !err && c->old; b = b->next)
        if (b->kind == BLOCK_RESULT && any_media(b->result)) {
            part_begin(c, CONTENT_USER);
            err = result_media_put(c, b->result);
        }
    return err;
}

static int user_put(struct contents *c, const struct chat_message *m)
{
    int err = 0;
    for (const struct chat_block *b = m->blocks; b && !err; b = b->next)
        if (b->kind != BLOCK_RESULT && says_something(b)) {
            part_begin(c, CONTENT_USER);
            err = block_put(c, b, false);
        }
    return err;
}

/* One message, or those with the results of one turn; moves *m to the last of them. */
static int message_put(struct contents *c, const struct chat_message **m)
{
    static int (*const steps[])(struct contents * c, const struct chat_message *m) = {
        results_put, results_media_put, user_put};
    const struct chat_message *first = *m, *end = first->next;
    size_t before = c->out->n;
    int err = first->role == ROLE_ASSISTANT ? model_put(c, first) : 0;
    if (blocks_have(first->blocks, BLOCK_RESULT))
        end = results_end(first);
    for (size_t i = 0; i < ARRAY_LEN(steps) && first->role == ROLE_USER; i++)
        for (const struct chat_message *at = first; at != end && !err; *m = at, at = at->next)
            err = steps[i](c, at);
    if (err || c->out->n > before)
        return err;
    return message_leave_out(*m, c->open > CONTENT_MODEL, "Gemini", c->f);
}

/* The system messages in front, a part each; *ret_rest is what follows them. */
static int system_put(struct contents *c, const struct chat_message **ret_rest)
{
    const struct chat_message *m = c->request->messages;
    size_t before = c->out->n;
    int err = 0;
    member_put(c->out, STR("systemInstruction"));
    buf_str(c->out, STR("{\"parts\":["));
    size_t empty = c->out->n;
    for (; m && message_is_system(m) && !err; m = m->next)
        for (const struct chat_block *b = m->blocks; b && !err; b = b->next)
            if (b->kind != BLOCK_TEXT)
                err = unsupported(c, "anything but text in a system message");
            else if (says_something(b))
                text_put(c->out, b->text);
    if (c->out->n == empty)
        c->out->n = before;
    else
        buf_str(c->out, STR("]}"));
    *ret_rest = m;
    return err;
}

int gemini_put_contents(const struct chat_request *request, struct buf *out, struct fault *f)
{
    struct contents c = {.request = request, .out = out, .f = f};
    c.old = gemini_is_old(request->model);
    const struct chat_message *m;
    int err = system_put(&c, &m);
    member_put(out, STR("contents"));
    buf_char(out, '[');
    for (; m && !err && !message_is_system(m); m = m->next)
        err = message_put(&c, &m);
    content_close(&c);
    buf_char(out, ']');
    if (!err && m)
        err = unsupported(&c, chat_feature_text(CHAT_SYSTEM_LATER));
    return err ? err : out->failed;
}
