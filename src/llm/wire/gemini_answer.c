/* wire/gemini_answer.c: what Gemini's answers and events say. */
#include "llm/wire/gemini.h"
#include "llm/wire/parts.h"

/* ---- a piece ---- */

static void usage_read(struct json_reader *r, struct gemini_piece *piece)
{
    int64_t prompt = -1, cached = 0, tools = 0, output = 0, thoughts = 0;
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r), value = json_take(r);
            if (str_eq(key, STR("promptTokenCount")))
                prompt = count_of(value, -1);
            else if (str_eq(key, STR("cachedContentTokenCount")))
                cached = count_of(value, 0);
            else if (str_eq(key, STR("toolUsePromptTokenCount")))
                tools = count_of(value, 0);
            else if (str_eq(key, STR("candidatesTokenCount")))
                output = count_of(value, 0);
            else if (str_eq(key, STR("thoughtsTokenCount")))
                thoughts = count_of(value, 0);
        } while (json_more(r, '{'));
    if (prompt < 0)
        return;
    /* What was cached is a part of the prompt; what was thought is none of the candidates'. */
    cached = cached > prompt ? prompt : cached;
    piece->has_usage = true;
    piece->usage = (struct tokens){.input = prompt - cached + tools,
                                   .cached = cached,
                                   .output = output,
                                   .reasoning = thoughts,
                                   .source = TOKENS_PROVIDER};
}

static struct str take_if(struct json_reader *r, char first)
{
    struct str value = json_take(r);
    return json_is(value, first) ? value : STR_NONE;
}

static void candidate_read(struct json_reader *r, struct gemini_piece *piece)
{
    piece->has_candidate = true;
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r);
            if (str_eq(key, STR("content")))
                piece->content = take_if(r, '{');
            else if (str_eq(key, STR("finishReason")))
                piece->finish = take_if(r, '"');
            else if (str_eq(key, STR("finishMessage")))
                piece->finished = take_if(r, '"');
            else
                (void)json_take(r);
        } while (json_more(r, '{'));
}

static void candidates_read(struct json_reader *r, struct gemini_piece *piece)
{
    if (!json_enter(r, '['))
        return;
    candidate_read(r, piece);
    while (json_more(r, '['))
        (void)json_take(r);
}

static void feedback_read(struct json_reader *r, struct gemini_piece *piece)
{
    if (json_enter(r, '{'))
        do {
            if (str_eq(json_take_key(r), STR("blockReason")))
                piece->blocked = take_if(r, '"');
            else
                (void)json_take(r);
        } while (json_more(r, '{'));
}

static void member_read(struct json_reader *r, struct str key, struct gemini_piece *piece)
{
    if (str_eq(key, STR("candidates")))
        candidates_read(r, piece);
    else if (str_eq(key, STR("promptFeedback")))
        feedback_read(r, piece);
    else if (str_eq(key, STR("usageMetadata")))
        usage_read(r, piece);
    else if (str_eq(key, STR("responseId")))
        piece->id = take_if(r, '"');
    else if (str_eq(key, STR("modelVersion")))
        piece->model = take_if(r, '"');
    else if (str_eq(key, STR("error")))
        piece->error = take_if(r, '{');
    else
        (void)json_take(r);
}

int gemini_piece_read(struct str body, struct gemini_piece *ret_piece)
{
    struct gemini_piece piece = {0};
    struct json_reader r;
    body = str_trim(body);
    if (json_is_array(body) && body.n >= 2 && body.p[body.n - 1] == ']')
        body = str_of(body.p + 1, body.n - 2);
    if (json_reader_init(&r, body) && json_enter(&r, '{'))
        do
            member_read(&r, json_take_key(&r), &piece);
        while (json_more(&r, '{'));
    *ret_piece = piece;
    return json_reader_good(&r) ? 0 : E_UPSTREAM_BODY;
}

/* ---- its parts ---- */

void gemini_parts_init(struct gemini_parts *p, struct str content)
{
    *p = (struct gemini_parts){.more = false};
    if (!content.p || !json_reader_init(&p->reader, content) || !json_enter(&p->reader, '{'))
        return;
    do {
        if (str_eq(json_take_key(&p->reader), STR("parts"))) {
            p->more = json_enter(&p->reader, '[');
            return;
        }
        (void)json_take(&p->reader);
    } while (json_more(&p->reader, '{'));
}

static void call_read(struct str call, struct gemini_part *part)
{
    struct json_reader r;
    part->kind = PART_CALL;
    part->name = STR("\"\"");
    part->args = STR("{}");
    if (json_reader_init(&r, call) && json_enter(&r, '{'))
        do {
            struct str key = json_take_key(&r), value = json_take(&r);
            if (str_eq(key, STR("id")) && json_is_string(value) && value.n > 2)
                part->id = value;
            else if (str_eq(key, STR("name")) && json_is_string(value))
                part->name = value;
            else if (str_eq(key, STR("args")) && json_is_object(value))
                part->args = value;
        } while (json_more(&r, '{'));
}

bool gemini_part_next(struct gemini_parts *p, struct gemini_part *ret_part)
{
    struct json_reader *r = &p->reader;
    struct gemini_part part = {.kind = PART_OTHER};
    bool thought = false;
    if (!p->more)
        return false;
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r), value = json_take(r);
            if (str_eq(key, STR("functionCall")) && json_is_object(value)) {
                call_read(value, &part);
            } else if (str_eq(key, STR("text")) && json_is_string(value)) {
                part.kind = part.kind == PART_OTHER ? PART_TEXT : part.kind;
                part.text = value.n > 2 ? value : STR_NONE;
            } else if (str_eq(key, STR("thought"))) {
                thought = json_is_true(value);
            } else if (str_eq(key, STR("thoughtSignature")) && json_is_string(value)) {
                part.signature = value.n > 2 ? value : STR_NONE;
            }
        } while (json_more(r, '{'));
    if (thought && part.kind == PART_TEXT)
        part.kind = PART_THOUGHT;
    p->more = json_more(r, '[');
    *ret_part = part;
    return true;
}

/* ---- why it ended ---- */

/* The client's enum FinishReason, but for what says nothing (OTHER and the like). */
static const struct finish {
    struct str word;
    enum chat_stop stop;
    bool broken;
} finishes[] = {
#define FINISH(word, stop, broken)                                                                 \
    {                                                                                              \
        {#word, sizeof(#word) - 1}, stop, broken                                                   \
    }
    FINISH(STOP, STOP_END, false),
    FINISH(MAX_TOKENS, STOP_LENGTH, false),
    FINISH(CONTINUATION, STOP_LENGTH, false),
    FINISH(SAFETY, STOP_REFUSED, false),
    FINISH(RECITATION, STOP_REFUSED, false),
    FINISH(LANGUAGE, STOP_REFUSED, false),
    FINISH(BLOCKLIST, STOP_REFUSED, false),
    FINISH(PROHIBITED_CONTENT, STOP_REFUSED, false),
    FINISH(SPII, STOP_REFUSED, false),
    FINISH(IMAGE_SAFETY, STOP_REFUSED, false),
    FINISH(IMAGE_PROHIBITED_CONTENT, STOP_REFUSED, false),
    FINISH(IMAGE_RECITATION, STOP_REFUSED, false),
    FINISH(MODEL_ARMOR, STOP_REFUSED, false),
    FINISH(ESCALATION, STOP_REFUSED, false),
    FINISH(PUP_LIMITED_DISABLED, STOP_REFUSED, false),
    FINISH(MALFORMED_FUNCTION_CALL, STOP_UNSAID, true),
    FINISH(UNEXPECTED_TOOL_CALL, STOP_UNSAID, true),
    FINISH(TOO_MANY_TOOL_CALLS, STOP_UNSAID, true),
    FINISH(MALFORMED_RESPONSE, STOP_UNSAID, true),
    FINISH(MISSING_THOUGHT_SIGNATURE, STOP_UNSAID, true),
#undef FINISH
};

static const struct finish *finish_find(struct str string)
{
    for (size_t i = 0; i < ARRAY_LEN(finishes); i++)
        if (string_is(string, finishes[i].word))
            return &finishes[i];
    return NULL;
}

enum chat_stop gemini_stop(struct str finish, bool has_calls)
{
    const struct finish *row = finish_find(finish);
    if (!row)
        return STOP_UNSAID;
    return row->stop == STOP_END && has_calls ? STOP_CALL : row->stop;
}

bool gemini_is_broken(struct str finish)
{
    const struct finish *row = finish_find(finish);
    return row && row->broken;
}

/* ---- ids and signatures ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* An answer's id as a part of others: of plain letters, and not too long. */
static bool is_plain_id(struct str raw)
{
    for (size_t i = 0; i < raw.n; i++)
        if (!is_letter(raw.p[i]) && raw.p[i] != '_' && raw.p[i] != '-')
            return false;
    return raw.n > 0 && raw.n <= 64;
}

/* The character of base64 at the head of `raw`, which may be escaped; 0 where it is none. */
static char digit_take(struct str *raw)
{
    static const struct {
        struct str escape;
        char is;
    } escapes[] = {{{"\\/", 2}, '/'},     {{"\\u003d", 6}, '='}, {{"\\u003D", 6}, '='},
                   {{"\\u002b", 6}, '+'}, {{"\\u002B", 6}, '+'}, {{"\\u002f", 6}, '/'},
                   {{"\\u002F", 6}, '/'}};
    for (size_t i = 0; raw->p[0] == '\\' && i < ARRAY_LEN(escapes); i++)
        if (str_starts(*raw, escapes[i].escape)) {
            *raw = str_tail(*raw, escapes[i].escape.n);
            return escapes[i].is;
        }
    char c = raw->p[0];
    *raw = str_tail(*raw, 1);
    return is_letter(c) || c == '+' || c == '/' || c == '-' || c == '_' || c == '=' ? c : '\0';
}

int gemini_put_id(struct buf *out, const struct gemini_part *call, struct str answer_id,
                  unsigned number)
{
    struct str own = answer_id.n > 2 ? json_string_raw(answer_id) : STR_NONE;
    buf_char(out, '"');
    if (call->id.n)
        buf_str(out, json_string_raw(call->id));
    else if (is_plain_id(own))
        buf_printf(out, "call_%.*s_%u", STR_ARGS(own), number);
    else
        buf_printf(out, "call_%u", number);
    size_t without = out->n;
    struct str raw = call->signature.n ? json_string_raw(call->signature) : STR_NONE;
    if (raw.n)
        buf_str(out, STR("__thought__"));
    while (raw.n > 0) {
        char c = digit_take(&raw);
        if (!c) { /* not what bytes are in JSON: none is better than another one */
            out->n = without;
            break;
        }
        if (c != '=')
            buf_char(out, c == '+' ? '-' : c == '/' ? '_' : c);
    }
    buf_char(out, '"');
    return out->failed;
}

int gemini_put_signature(struct buf *out, struct str signature)
{
    buf_str(out, STR("\"gemini:"));
    buf_str(out, json_string_raw(signature));
    buf_char(out, '"');
    return out->failed;
}

/* ---- a whole answer ---- */

/* An answer that is being put together; `end` is where the next block goes. */
struct making {
    struct arena *arena;
    struct chat_answer *answer;
    struct chat_block **end;
    unsigned calls;
};

static struct chat_block *block_add(struct making *m, enum chat_block_kind kind)
{
    struct chat_block *b = chat_block_new(m->arena, m->end, kind);
    if (b)
        m->end = &b->next;
    return b;
}

/* What was written, in the arena. */
static int keep(struct arena *a, struct buf *out, struct str *ret_string)
{
    struct str s = out->failed ? STR_NONE : arena_str(a, buf_view(out));
    buf_fini(out);
    *ret_string = s;
    return s.p ? 0 : E_MEMORY;
}

static int signature_add(struct making *m, const struct gemini_part *part, struct chat_block *b)
{
    struct buf out;
    buf_init(&out, part->signature.n + 16);
    (void)gemini_put_signature(&out, part->signature);
    return keep(m->arena, &out, &b->signature);
}

static int call_add(struct making *m, const struct gemini_part *part)
{
    struct buf out;
    struct chat_block *b = block_add(m, BLOCK_CALL);
    if (!b)
        return E_MEMORY;
    buf_init(&out, part->id.n + part->signature.n + 128);
    (void)gemini_put_id(&out, part, m->answer->id, m->calls++);
    b->name = part->name;
    b->input = part->args;
    return keep(m->arena, &out, &b->id);
}

static int part_add(struct making *m, const struct gemini_part *part)
{
    struct chat_block *b = NULL;
    if (part->kind == PART_CALL)
        return call_add(m, part);
    if (part->text.n) {
        b = block_add(m, part->kind == PART_THOUGHT ? BLOCK_THINKING : BLOCK_TEXT);
        if (!b)
            return E_MEMORY;
        b->text = part->text;
    }
    if (!part->signature.n)
        return 0;
    if (!b || b->kind != BLOCK_THINKING)
        b = block_add(m, BLOCK_THINKING);
    return b ? signature_add(m, part, b) : E_MEMORY;
}

int gemini_answer_read(struct str body, struct arena *arena, struct chat_answer *ret_answer)
{
    struct gemini_piece piece;
    int err = gemini_piece_read(body, &piece);
    if (!err && (piece.error.n || (!piece.has_candidate && !piece.blocked.n)))
        err = E_UPSTREAM_BODY;
    if (!err && gemini_is_broken(piece.finish))
        err = E_UPSTREAM_BODY;
    if (err)
        return err;
    struct chat_answer answer = {
        .id = piece.id, .model = piece.model, .has_usage = piece.has_usage, .usage = piece.usage};
    struct making m = {.arena = arena, .answer = &answer, .end = &answer.blocks};
    struct gemini_parts parts;
    struct gemini_part part;
    gemini_parts_init(&parts, piece.content);
    while (!err && gemini_part_next(&parts, &part))
        err = part_add(&m, &part);
    answer.stop = piece.blocked.n ? STOP_REFUSED : gemini_stop(piece.finish, m.calls > 0);
    *ret_answer = answer;
    return err;
}
