/* wire/responses_output.c: the object "response" and its items, as clients get them. */
#include "llm/wire/responses.h"

/* ---- around the items ---- */

struct str responses_id(struct str string)
{
    struct str raw = string.n > 2 ? json_string_raw(string) : STR("0");
    return str_starts(raw, STR("resp_")) && raw.n > 5 ? str_tail(raw, 5) : raw;
}

void responses_end_set(struct responses_end *end, enum chat_stop stop, bool refusal_said)
{
    bool length = stop == STOP_LENGTH || stop == STOP_CONTEXT;
    bool filter = stop == STOP_REFUSED && !refusal_said;
    end->status = length || filter ? "incomplete" : "completed";
    end->reason = length ? "max_output_tokens" : filter ? "content_filter" : NULL;
}

static void or_null(struct buf *out, struct str name, struct str json)
{
    member_put_json(out, name, json.n ? json : STR("null"));
}

/* What was asked, which the clients' models want to see again. */
static void echo_put(struct buf *out, const struct chat_request *r)
{
    static const struct chat_request nothing;
    const struct chat_request *q = r ? r : &nothing;
    const struct chat_message *m = q->messages;
    bool instructions = m && m->role == ROLE_SYSTEM && m->is_string && m->blocks;
    or_null(out, STR("instructions"), instructions ? m->blocks->text : STR_NONE);
    or_null(out, STR("metadata"), q->params[CHAT_METADATA]);
    member_put_json(out, STR("parallel_tool_calls"),
                    q->tools_parallel.n ? q->tools_parallel : STR("true"));
    or_null(out, STR("temperature"), q->params[CHAT_TEMPERATURE]);
    or_null(out, STR("top_p"), q->params[CHAT_TOP_P]);
    member_put(out, STR("max_output_tokens"));
    if (q->max_tokens > 0)
        buf_i64(out, q->max_tokens);
    else
        buf_str(out, STR("null"));
    responses_put_text(out, q);
    responses_put_choice(out, q);
    if (q->tool_choice == CHOOSE_UNSAID)
        member_put_json(out, STR("tool_choice"), STR("\"auto\""));
    member_put(out, STR("tools"));
    buf_char(out, '[');
    for (const struct chat_tool *t = q->tools; t; t = t->next) {
        element_put(out);
        responses_put_tool(out, t);
    }
    buf_char(out, ']');
    /* Nothing is kept here under the answer's id. */
    buf_str(out, STR(",\"previous_response_id\":null,\"store\":false,\"background\":false,"
                     "\"truncation\":\"disabled\""));
}

void responses_put_head(struct buf *out, const struct responses_who *who, const char *status)
{
    buf_str(out, STR("{\"id\":\"resp_"));
    buf_str(out, who->id);
    buf_str(out, STR("\",\"object\":\"response\",\"created_at\":"));
    buf_i64(out, who->created_s);
    buf_printf(out, ",\"status\":\"%s\"", status);
    member_put(out, STR("model"));
    if (who->model.n)
        buf_str(out, who->model);
    else
        json_quote(out, who->model_plain);
    echo_put(out, who->request);
    member_put(out, STR("output"));
    buf_char(out, '[');
}

static void usage_put(struct buf *out, const struct tokens *t)
{
    int64_t in = tokens_prompt(t), answer = tokens_completion(t);
    buf_printf(out,
               "{\"input_tokens\":%lld,\"input_tokens_details\":{\"cached_tokens\":%lld,"
               "\"cache_write_tokens\":%lld},\"output_tokens\":%lld,\"output_tokens_details\":"
               "{\"reasoning_tokens\":%lld},\"total_tokens\":%lld}",
               (long long)in, (long long)t->cached, (long long)t->cache_write, (long long)answer,
               (long long)t->reasoning, (long long)(in + answer));
}

void responses_put_rest(struct buf *out, const struct responses_end *end)
{
    buf_str(out, STR("],\"error\":"));
    if (end->error_code.n) {
        buf_str(out, STR("{\"code\":"));
        buf_str(out, end->error_code);
        member_put_json(out, STR("message"), end->error_text.n ? end->error_text : STR("\"\""));
        buf_char(out, '}');
    } else {
        buf_str(out, STR("null"));
    }
    if (end->reason)
        buf_printf(out, ",\"incomplete_details\":{\"reason\":\"%s\"}", end->reason);
    else
        buf_str(out, STR(",\"incomplete_details\":null"));
    buf_str(out, STR(",\"usage\":"));
    if (end->has_usage)
        usage_put(out, &end->usage);
    else
        buf_str(out, STR("null"));
    left_out_put(out, end->left_out);
    buf_char(out, '}');
}

/* ---- items ---- */

enum responses_item responses_item_of(enum chat_block_kind kind)
{
    switch (kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        return ITEM_MESSAGE;
    case BLOCK_CALL:
        return ITEM_CALL;
    case BLOCK_THINKING:
    case BLOCK_HIDDEN:
        return ITEM_REASONING;
    case BLOCK_IMAGE:
        return ITEM_IMAGE;
    default:
        return ITEM_NONE;
    }
}

void responses_put_item_id(struct buf *out, const struct responses_output *o)
{
    static const char *const prefixes[] = {[ITEM_NONE] = "",
                                           [ITEM_MESSAGE] = "msg",
                                           [ITEM_CALL] = "fc",
                                           [ITEM_REASONING] = "rs",
                                           [ITEM_IMAGE] = "ig"};
    buf_printf(out, "\"%s_", prefixes[o->open]);
    buf_str(out, o->id);
    buf_printf(out, "_%u\"", o->item);
}

void responses_item_begin(struct responses_output *o, enum chat_block_kind kind, struct str id,
                          struct str name)
{
    struct buf *out = o->buf;
    o->open = responses_item_of(kind);
    o->hidden = kind == BLOCK_HIDDEN;
    o->encrypted = o->image = STR_NONE;
    o->parts = 0;
    element_put(out);
    o->item_at = out->n;
    buf_str(out, STR("{\"id\":"));
    responses_put_item_id(out, o);
    if (o->open == ITEM_MESSAGE) {
        buf_str(out, STR(",\"type\":\"message\",\"role\":\"assistant\",\"content\":["));
    } else if (o->open == ITEM_REASONING) {
        buf_str(out, STR(",\"type\":\"reasoning\",\"summary\":["));
    } else if (o->open == ITEM_IMAGE) {
        buf_str(out, STR(",\"type\":\"image_generation_call\",\"result\":"));
    } else {
        buf_str(out, STR(",\"type\":\"function_call\""));
        member_put_json(out, STR("call_id"), id.n ? id : STR("\"\""));
        member_put_json(out, STR("name"), name.n ? name : STR("\"\""));
        member_put(out, STR("arguments"));
        o->text_at = out->n;
        buf_char(out, '"');
    }
}

void responses_put_item_rest(struct buf *out, const struct responses_output *o, const char *status)
{
    if (o->open == ITEM_IMAGE) {
        buf_str(out, o->image.n ? o->image : STR("null"));
        if (o->image.n)
            buf_printf(out, ",\"output_format\":\"%.*s\"", STR_ARGS(o->format));
    } else
        buf_char(out, o->open == ITEM_CALL ? '"' : ']');
    if (o->encrypted.n) {
        member_put(out, STR("encrypted_content"));
        buf_char(out, '"');
        buf_str(out, o->hidden ? STR(RESPONSES_HIDDEN) : STR_NONE);
        buf_str(out, o->encrypted);
        buf_char(out, '"');
    }
    buf_printf(out, ",\"status\":\"%s\"}", status);
}

void responses_item_image(struct responses_output *o, struct str digits, struct str type)
{
    o->image = digits;
    o->format = str_starts(type, STR("image/")) ? str_tail(type, 6) : STR("png");
}

void responses_item_end(struct responses_output *o, const char *status)
{
    responses_put_item_rest(o->buf, o, status);
    o->open = ITEM_NONE;
    o->item++;
}

void responses_part_begin(struct responses_output *o, enum chat_block_kind kind)
{
    element_put(o->buf);
    o->parts++;
    o->part_at = o->buf->n;
    if (kind == BLOCK_REFUSAL)
        buf_str(o->buf, STR("{\"type\":\"refusal\",\"refusal\":"));
    else if (kind == BLOCK_THINKING)
        buf_str(o->buf, STR("{\"type\":\"summary_text\",\"text\":"));
    else
        buf_str(o->buf, STR("{\"type\":\"output_text\",\"logprobs\":[],\"text\":"));
    o->text_at = o->buf->n;
    buf_char(o->buf, '"');
}

void responses_put_part_rest(struct buf *out, enum chat_block_kind kind, struct str cited)
{
    buf_char(out, '"');
    if (kind == BLOCK_TEXT) {
        buf_str(out, STR(",\"annotations\":["));
        buf_str(out, cited);
        buf_char(out, ']');
    }
    buf_char(out, '}');
}

void responses_part_end(struct responses_output *o, enum chat_block_kind kind)
{
    responses_put_part_rest(o->buf, kind, o->cited);
}

void responses_put_cited(struct buf *out, const struct chat_citation *c)
{
    buf_str(out, STR("{\"type\":\"url_citation\""));
    member_put_i64(out, STR("start_index"), c->from);
    member_put_i64(out, STR("end_index"), c->to);
    member_put_string(out, STR("url"), c->url);
    member_put_string(out, STR("title"), c->title);
    buf_char(out, '}');
}

/* ---- whole answers ---- */

static struct str raw_of(struct str string)
{
    return string.n > 2 ? json_string_raw(string) : STR_NONE;
}

/* Between the quotes that the item has for it. */
static void input_put(struct buf *out, struct str input)
{
    if (out->failed)
        return;
    out->n--;
    if (input_put_string(out, input.n ? input : STR("{}")) == 0)
        out->n--;
}

/* A text, a refusal or a piece of reasoning. */
static void part_put(struct responses_output *o, const struct chat_block *b)
{
    struct buf cited;
    buf_init(&cited, CITED_BYTES_MAX);
    for (const struct chat_citation *c = b->cited; c; c = c->next) {
        if (cited.n)
            buf_char(&cited, ',');
        responses_put_cited(&cited, c);
    }
    responses_part_begin(o, b->kind);
    buf_str(o->buf, raw_of(b->text));
    o->cited = buf_view(&cited);
    responses_part_end(o, b->kind);
    o->cited = STR_NONE;
    if (cited.failed && !o->buf->failed)
        o->buf->failed = cited.failed;
    buf_fini(&cited);
}

static void block_put(struct responses_output *o, const struct chat_block *b)
{
    enum responses_item item = responses_item_of(b->kind);
    if (item == ITEM_NONE)
        return;
    bool goes_on = item == ITEM_MESSAGE && o->open == ITEM_MESSAGE;
    if (o->open != ITEM_NONE && !goes_on)
        responses_item_end(o, "completed");
    if (!goes_on)
        responses_item_begin(o, b->kind, b->id, b->name);
    if (item == ITEM_CALL)
        input_put(o->buf, b->input);
    else if (b->kind == BLOCK_HIDDEN)
        o->encrypted = raw_of(b->text);
    else if (item == ITEM_IMAGE)
        responses_item_image(o, b->media.data, b->media.type);
    else if (item == ITEM_MESSAGE || raw_of(b->text).n > 0)
        part_put(o, b);
    if (b->kind == BLOCK_THINKING)
        o->encrypted = raw_of(b->signature);
}

int responses_answer_write(const struct chat_answer *answer, struct buf *out)
{
    const struct chat_request *r = answer->request;
    struct responses_who who = {.id = responses_id(answer->id),
                                .model = answer->model,
                                .model_plain = r ? r->model : STR_NONE,
                                .created_s = answer->created_s,
                                .request = r};
    struct responses_end end = {.has_usage = answer->has_usage, .usage = answer->usage};
    struct responses_output items = {.buf = out, .id = who.id};
    bool refusal = false;
    for (const struct chat_block *b = answer->blocks; b; b = b->next)
        refusal = refusal || b->kind == BLOCK_REFUSAL;
    responses_end_set(&end, answer->stop, refusal);
    responses_put_head(out, &who, end.status);
    for (const struct chat_block *b = answer->blocks; b; b = b->next)
        block_put(&items, b);
    if (items.open != ITEM_NONE)
        responses_item_end(&items, end.status);
    responses_put_rest(out, &end);
    return out->failed;
}
