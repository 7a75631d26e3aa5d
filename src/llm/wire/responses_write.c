/* wire/responses_write.c: a chat as a request's body, for a provider that speaks Responses. */
#include "llm/wire/responses.h"

/* ---- content ---- */

/* A document's data, which has to have a name and a type: without, it is what most are. */
static int document_put(const struct chat_request *r, const struct chat_block *b, struct buf *out)
{
    struct chat_media m = b->media;
    if (m.form == MEDIA_URL) {
        member_put_json(out, STR("file_url"), m.data);
        return 0;
    }
    if (m.type.n == 0)
        m.type = m.form == MEDIA_TEXT ? STR("text/plain") : STR("application/pdf");
    member_put_json(out, STR("filename"),
                    m.name.n > 2                                    ? m.name
                    : str_eq_nocase(m.type, STR("application/pdf")) ? STR("\"document.pdf\"")
                                                                    : STR("\"document.txt\""));
    member_put(out, STR("file_data"));
    if (m.form != MEDIA_TEXT)
        return media_put_url(out, &m);
    struct str plain;
    int err = json_unquote(r->arena, m.data, &plain);
    if (err)
        return err == E_MEMORY ? err : E_BAD_REQUEST;
    buf_str(out, STR("\"data:text/plain;base64,"));
    base64_put(out, plain);
    return buf_char(out, '"');
}

static int part_put(const struct chat_request *r, const struct chat_block *b, bool assistant,
                    struct buf *out)
{
    int err = 0;
    element_put(out);
    buf_char(out, '{');
    switch (b->kind) {
    case BLOCK_IMAGE:
        member_put_json(out, STR("type"), STR("\"input_image\""));
        member_put(out, STR("image_url"));
        err = media_put_url(out, &b->media);
        member_put_json(out, STR("detail"), b->media.detail.n ? b->media.detail : STR("\"auto\""));
        break;
    case BLOCK_DOCUMENT:
        member_put_json(out, STR("type"), STR("\"input_file\""));
        err = document_put(r, b, out);
        break;
    case BLOCK_REFUSAL:
        member_put_json(out, STR("type"), STR("\"refusal\""));
        member_put_json(out, STR("refusal"), b->text);
        break;
    default:
        member_put_json(out, STR("type"),
                        assistant ? STR("\"output_text\"") : STR("\"input_text\""));
        member_put_json(out, STR("text"), b->text);
        member_put_json(out, STR("annotations"), assistant ? STR("[]") : STR_NONE);
    }
    buf_char(out, '}');
    return err;
}

static bool is_part(const struct chat_block *b)
{
    return b->kind == BLOCK_TEXT || b->kind == BLOCK_IMAGE || b->kind == BLOCK_DOCUMENT ||
           b->kind == BLOCK_REFUSAL;
}

/* ---- items ---- */

static const struct id_rule ids = {64, false};

static void call_id_member(struct buf *out, struct str id)
{
    member_put(out, STR("call_id"));
    call_id_put(out, id, ids);
}

static void item_begin(struct buf *out, struct str type)
{
    element_put(out);
    buf_char(out, '{');
    member_put_json(out, STR("type"), type);
}

static void call_put(const struct chat_block *b, struct buf *out)
{
    item_begin(out, STR("\"function_call\""));
    call_id_member(out, b->id);
    member_put_json(out, STR("name"), b->name);
    member_put(out, STR("arguments"));
    input_put_string(out, b->input.n ? b->input : STR("{}"));
    buf_char(out, '}');
}

static int result_put(const struct chat_request *r, const struct chat_block *b, struct buf *out)
{
    int err = 0;
    item_begin(out, STR("\"function_call_output\""));
    call_id_member(out, b->id);
    member_put(out, STR("output"));
    if (b->result_is_string || !b->result) {
        buf_str(out, b->result ? b->result->text : STR("\"\""));
    } else {
        buf_char(out, '[');
        for (const struct chat_block *in = b->result; in && !err; in = in->next)
            err = part_put(r, in, false, out);
        buf_char(out, ']');
    }
    buf_char(out, '}');
    return err;
}

/* Only the provider's own reasoning: another's is nothing to it. */
static void reasoning_put(const struct chat_block *b, struct buf *out)
{
    struct str seal;
    if (thinking_seal(b, STR(MAKER_OPENAI), &seal) != SEAL_OWN)
        return;
    item_begin(out, STR("\"reasoning\""));
    member_put(out, STR("summary"));
    buf_char(out, '[');
    if (b->kind == BLOCK_THINKING && b->text.n > 2) {
        buf_str(out, STR("{\"type\":\"summary_text\",\"text\":"));
        buf_str(out, b->text);
        buf_char(out, '}');
    }
    buf_char(out, ']');
    member_put(out, STR("encrypted_content"));
    buf_char(out, '"');
    buf_str(out, seal);
    buf_str(out, STR("\"}"));
}

static void message_begin(const struct chat_message *m, struct buf *out)
{
    item_begin(out, STR("\"message\""));
    member_put_json(out, STR("role"), responses_roles[m->role]);
    member_put(out, STR("content"));
}

/* A message that is one string and nothing besides: an assistant's with a string may have calls,
 * thinking or a refusal beside it, and with an empty one these alone. */
static bool is_plain(const struct chat_message *m)
{
    return !m->blocks || (m->is_string && !m->blocks->next && m->blocks->kind == BLOCK_TEXT);
}

static struct str string_of(const struct chat_message *m)
{
    return m->blocks ? m->blocks->text : STR("\"\"");
}

static int results_put(const struct chat_request *r, const struct chat_message *m, struct buf *out)
{
    int err = 0;
    for (const struct chat_block *b = m->blocks; b && !err; b = b->next)
        if (b->kind == BLOCK_RESULT)
            err = result_put(r, b, out);
    return err;
}

/* Parts in a row are a message; each other block is an item of its own. Results are first, since
 * some servers look for them right behind their calls. */
static int message_put(const struct chat_request *r, const struct chat_message *m, struct buf *out)
{
    bool open = false;
    int err = results_put(r, m, out);
    if (is_plain(m)) {
        message_begin(m, out);
        buf_str(out, string_of(m));
        return buf_char(out, '}');
    }
    for (const struct chat_block *b = m->blocks; b && !err; b = b->next) {
        if (is_part(b) && !open) {
            message_begin(m, out);
            buf_char(out, '[');
        } else if (!is_part(b) && open) {
            buf_str(out, STR("]}"));
        }
        open = is_part(b);
        if (open)
            err = part_put(r, b, m->role == ROLE_ASSISTANT, out);
        else if (b->kind == BLOCK_CALL)
            call_put(b, out);
        else if (b->kind == BLOCK_THINKING || b->kind == BLOCK_HIDDEN)
            reasoning_put(b, out);
    }
    if (open)
        buf_str(out, STR("]}"));
    return err;
}

/* A system message in front that is one text, as instructions are. */
static bool is_instructions(const struct chat_message *m)
{
    return m && m->role == ROLE_SYSTEM && m->blocks && !m->blocks->next &&
           m->blocks->kind == BLOCK_TEXT;
}

static int input_put(const struct chat_request *r, struct buf *out)
{
    const struct chat_message *m = r->messages;
    int err = 0;
    if (is_instructions(m)) {
        member_put_json(out, STR("instructions"), m->blocks->text);
        m = m->next;
    }
    member_put(out, STR("input"));
    if (m && !m->next && m->role == ROLE_USER && is_plain(m))
        return buf_str(out, string_of(m));
    buf_char(out, '[');
    for (; m && !err; m = m->next)
        err = message_put(r, m, out);
    buf_char(out, ']');
    return err;
}

/* ---- tools ---- */

/* A schema that is not said to be strict is not to be held to what strict ones must obey, as the
 * protocol would do without a word. */
void responses_put_tool(struct buf *out, const struct chat_tool *t)
{
    if (t->whole.n) {
        buf_str(out, t->whole);
        return;
    }
    buf_char(out, '{');
    member_put_json(out, STR("type"), STR("\"function\""));
    member_put_json(out, STR("name"), t->name);
    member_put_json(out, STR("description"), t->description);
    member_put_json(out, STR("parameters"),
                    t->schema.n ? t->schema : STR("{\"type\":\"object\",\"properties\":{}}"));
    member_put_json(out, STR("strict"), t->strict.n ? t->strict : STR("false"));
    buf_char(out, '}');
}

void responses_put_choice(struct buf *out, const struct chat_request *r)
{
    if (r->tool_choice == CHOOSE_UNSAID)
        return;
    member_put(out, STR("tool_choice"));
    if (r->tool_choice != CHOOSE_NAMED) {
        buf_str(out, responses_choices[r->tool_choice]);
        return;
    }
    buf_str(out, STR("{\"type\":\"function\",\"name\":"));
    buf_str(out, r->tool_named);
    buf_char(out, '}');
}

static void tools_put(const struct chat_request *r, struct buf *out)
{
    if (r->tools) {
        member_put(out, STR("tools"));
        buf_char(out, '[');
        for (const struct chat_tool *t = r->tools; t; t = t->next) {
            element_put(out);
            responses_put_tool(out, t);
        }
        buf_char(out, ']');
    }
    responses_put_choice(out, r);
    member_put_json(out, STR("parallel_tool_calls"),
                    r->tools_parallel.n ? r->tools_parallel
                    : r->tools_serial   ? STR("false")
                                        : STR_NONE);
}

/* ---- the answer's form, and reasoning ---- */

static void format_put(const struct chat_request *r, struct buf *out)
{
    if (r->format == FORMAT_UNSAID)
        return;
    member_put(out, STR("format"));
    buf_char(out, '{');
    member_put_json(out, STR("type"), responses_forms[r->format]);
    if (r->format == FORMAT_SCHEMA) {
        member_put_json(out, STR("name"), r->schema_name.n ? r->schema_name : STR("\"answer\""));
        member_put_json(out, STR("description"), r->schema_description);
        member_put_json(out, STR("schema"), r->schema);
        member_put_json(out, STR("strict"), r->schema_strict);
    }
    buf_char(out, '}');
}

void responses_put_text(struct buf *out, const struct chat_request *r)
{
    struct str given = r->params[CHAT_EFFORT], effort = given.n ? given : effort_of_thinking(r),
               summary = r->params[CHAT_REASONING_SUMMARY];
    if (effort.n || summary.n) {
        member_put(out, STR("reasoning"));
        buf_char(out, '{');
        member_put_json(out, STR("effort"), effort);
        member_put_json(out, STR("summary"), summary);
        buf_char(out, '}');
    }
    if (r->format != FORMAT_UNSAID || r->params[CHAT_VERBOSITY].n) {
        member_put(out, STR("text"));
        buf_char(out, '{');
        format_put(r, out);
        member_put_json(out, STR("verbosity"), r->params[CHAT_VERBOSITY]);
        buf_char(out, '}');
    }
}

/* ---- the whole ---- */

static bool is_tier(struct str tier)
{
    static const struct str words[] = {WORD("auto"),     WORD("default"),  WORD("flex"),
                                       WORD("scale"),    WORD("priority"), WORD("fast"),
                                       WORD("ultrafast")};
    return word_find(words, ARRAY_LEN(words), tier) < ARRAY_LEN(words);
}

static void members_write(const struct chat_request *r, struct buf *out)
{
    params_put(out, r, responses_params, RESPONSES_READ);
    if (is_tier(r->params[CHAT_SERVICE_TIER]))
        member_put_json(out, STR("service_tier"), r->params[CHAT_SERVICE_TIER]);
    if (r->max_tokens > 0)
        member_put_i64(out, STR("max_output_tokens"), r->max_tokens);
}

/*
 * Unsaid, this protocol keeps an answer at the provider, which the others do not. Nobody can point
 * to kept reasoning from another protocol, so it is asked for in the answer where there is some.
 */
static void keeping_put(const struct chat_request *r, struct buf *out)
{
    struct str store = r->params[CHAT_STORE], include = r->params[CHAT_INCLUDE];
    bool reasons = r->thinking == THINK_BUDGET || r->thinking == THINK_ADAPTIVE ||
                   r->params[CHAT_EFFORT].n > 0;
    member_put_json(out, STR("store"), store.n ? store : STR("false"));
    member_put_json(out, STR("include"),
                    include.n ? include
                    : reasons ? STR("[\"reasoning.encrypted_content\"]")
                              : STR_NONE);
}

int responses_request_write(const struct chat_request *r, struct buf *out, struct fault *f)
{
    buf_char(out, '{');
    member_put(out, STR("model"));
    json_quote(out, r->model);
    int err = input_put(r, out);
    tools_put(r, out);
    responses_put_text(out, r);
    members_write(r, out);
    keeping_put(r, out);
    member_put_json(out, STR("stream"), r->stream ? STR("true") : STR_NONE);
    buf_char(out, '}');
    if (err == E_BAD_REQUEST)
        return fault_set(f, err, "a document's text is no text");
    return err ? err : out->failed;
}
