/* wire/gemini_answer.c: what Gemini's answers and events say. */
#include "llm/wire/gemini.h"
#include "llm/wire/parts.h"

/* ---- a piece ---- */

static void usage_read(struct str usage, struct gemini_piece *piece)
{
    enum { PROMPT, CACHED, TOOLS, OUTPUT, THOUGHTS };
    static const struct member of[] = {
        MEMBER("promptTokenCount", COUNT), MEMBER("cachedContentTokenCount", COUNT),
        MEMBER("toolUsePromptTokenCount", COUNT), MEMBER("candidatesTokenCount", COUNT),
        MEMBER("thoughtsTokenCount", COUNT)};
    struct str v[ARRAY_LEN(of)];
    if (!members_peek(usage, of, ARRAY_LEN(of), v) || !v[PROMPT].n)
        return;
    /* What was cached is a part of the prompt; what was thought is none of the candidates'. */
    int64_t prompt = count_of(v[PROMPT], 0), cached = count_of(v[CACHED], 0);
    cached = cached > prompt ? prompt : cached;
    piece->has_usage = true;
    piece->usage = (struct tokens){.input = prompt - cached + count_of(v[TOOLS], 0),
                                   .cached = cached,
                                   .output = count_of(v[OUTPUT], 0),
                                   .reasoning = count_of(v[THOUGHTS], 0),
                                   .source = TOKENS_PROVIDER};
}

static void candidates_read(struct str candidates, struct gemini_piece *piece)
{
    enum { CONTENT, FINISH, FINISHED, GROUNDED, CITED, FETCHED };
    static const struct member of[] = {
        MEMBER("content", OBJECT),          MEMBER("finishReason", STRING),
        MEMBER("finishMessage", STRING),    MEMBER("groundingMetadata", OBJECT),
        MEMBER("citationMetadata", OBJECT), MEMBER("urlContextMetadata", OBJECT)};
    struct str v[ARRAY_LEN(of)];
    struct json_reader r;
    piece->has_candidate = list_enter(&r, candidates);
    if (!piece->has_candidate)
        return;
    members_take(&r, of, ARRAY_LEN(of), v);
    piece->content = v[CONTENT];
    piece->finish = v[FINISH];
    piece->finished = v[FINISHED];
    for (unsigned i = GROUNDED; i <= FETCHED; i++)
        piece->cites = piece->cites || (v[i].n > 0 && !json_is_empty(v[i]));
}

int gemini_piece_read(struct str body, struct gemini_piece *ret_piece)
{
    enum { CANDIDATES, FEEDBACK, USAGE, ID, MODEL, ERROR };
    static const struct member of[] = {
        MEMBER("candidates", LIST),      MEMBER("promptFeedback", OBJECT),
        MEMBER("usageMetadata", OBJECT), MEMBER("responseId", STRING),
        MEMBER("modelVersion", STRING),  MEMBER("error", OBJECT)};
    struct str v[ARRAY_LEN(of)];
    body = str_trim(body);
    if (json_is_array(body) && body.n >= 2 && body.p[body.n - 1] == ']')
        body = str_of(body.p + 1, body.n - 2);
    bool good = members_peek(body, of, ARRAY_LEN(of), v);
    *ret_piece = (struct gemini_piece){
        .id = v[ID],
        .model = v[MODEL],
        .error = v[ERROR],
        .blocked = member_peek(v[FEEDBACK], STR("blockReason"), VALUE_STRING),
    };
    candidates_read(v[CANDIDATES], ret_piece);
    usage_read(v[USAGE], ret_piece);
    return good ? 0 : E_UPSTREAM_BODY;
}

/* ---- its parts ---- */

void gemini_parts_init(struct gemini_parts *p, struct str content)
{
    p->more = list_enter(&p->reader, member_peek(content, STR("parts"), VALUE_LIST));
}

static void call_read(struct str call, struct gemini_part *part)
{
    enum { ID, NAMED, ARGS };
    static const struct member of[] = {MEMBER("id", STRING), MEMBER("name", STRING),
                                       MEMBER("args", ANY)};
    struct str v[ARRAY_LEN(of)];
    (void)members_peek(call, of, ARRAY_LEN(of), v);
    part->kind = PART_CALL;
    part->id = v[ID].n > 2 ? v[ID] : STR_NONE;
    part->name = v[NAMED].n ? v[NAMED] : STR("\"\"");
    part->args = v[ARGS].n ? v[ARGS] : STR("{}");
}

/* A thought's picture is no part of the answer. */
static void media_read(struct str media, bool thought, struct gemini_part *part)
{
    enum { MIME, DATA };
    static const struct member of[] = {MEMBER("mimeType", STRING), MEMBER("data", STRING)};
    struct str v[ARRAY_LEN(of)];
    (void)members_peek(media, of, ARRAY_LEN(of), v);
    struct str mime = v[MIME].n > 2 ? json_string_raw(v[MIME]) : STR("");
    bool image = is_plain_type(mime) && str_starts(mime, STR("image/"));
    part->kind = image && !thought && v[DATA].n > 2 ? PART_IMAGE : PART_OTHER;
    part->mime = mime;
    part->data = v[DATA];
    part->other = image                             ? ANSWER_IMAGE
                  : str_starts(mime, STR("audio/")) ? ANSWER_AUDIO
                                                    : ANSWER_FILE;
}

bool gemini_part_next(struct gemini_parts *p, struct gemini_part *ret_part)
{
    enum { CALL, TEXT, THOUGHT, SIGNATURE, MEDIA, FILE, CODE, RAN, RESULT, TOOL, TOOL_SAID };
    static const struct member of[] = {MEMBER("functionCall", OBJECT),
                                       MEMBER("text", STRING),
                                       MEMBER("thought", BOOL),
                                       MEMBER("thoughtSignature", STRING),
                                       MEMBER("inlineData", OBJECT),
                                       MEMBER("fileData", OBJECT),
                                       MEMBER("executableCode", OBJECT),
                                       MEMBER("codeExecutionResult", OBJECT),
                                       MEMBER("functionResponse", OBJECT),
                                       MEMBER("toolCall", OBJECT),
                                       MEMBER("toolResponse", OBJECT)};
    struct str v[ARRAY_LEN(of)];
    if (!p->more)
        return false;
    const char *from = p->reader.at;
    members_take(&p->reader, of, ARRAY_LEN(of), v);
    struct str whole = str_of(from, (size_t)(p->reader.at - from));
    p->more = json_more(&p->reader, '[');
    bool thought = json_is_true(v[THOUGHT]), signs = v[SIGNATURE].n > 2;
    struct gemini_part part = {.kind = PART_NONE, .other = ANSWER_OTHER};
    part.signature = signs ? v[SIGNATURE] : STR_NONE;
    part.text = v[TEXT].n > 2 ? v[TEXT] : STR_NONE;
    if (v[CALL].n)
        call_read(v[CALL], &part);
    else if (v[TEXT].n)
        part.kind = thought ? PART_THOUGHT : PART_TEXT;
    else if (v[MEDIA].n)
        media_read(v[MEDIA], thought, &part);
    else if (!signs && !json_is_empty(whole))
        part.kind = PART_OTHER;
    if (v[FILE].n && part.kind == PART_OTHER)
        part.other = ANSWER_FILE;
    else if (v[CODE].n || v[RAN].n)
        part.other = ANSWER_CODE;
    else if (v[RESULT].n || v[TOOL].n || v[TOOL_SAID].n)
        part.other = ANSWER_TOOL;
    *ret_part = part;
    return true;
}

/* ---- why it ended ---- */

/* The client's enum FinishReason. One that is not here, or says nothing, is an end like any other;
 * of OTHER and its like Google says that the answer was broken off, and not why. */
static const struct finish {
    struct str word;
    enum chat_stop stop;
    bool broken;
} finishes[] = {
#define FINISH(word, stop, broken)                                                                 \
    {                                                                                              \
        NAME(#word), stop, broken                                                                  \
    }
    FINISH(FINISH_REASON_UNSPECIFIED, STOP_UNSAID, false),
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
    FINISH(NO_IMAGE, STOP_UNSAID, true),
    FINISH(IMAGE_OTHER, STOP_UNSAID, true),
    FINISH(OTHER, STOP_UNSAID, true),
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
    } escapes[] = {{NAME("\\/"), '/'},     {NAME("\\u003d"), '='}, {NAME("\\u003D"), '='},
                   {NAME("\\u002b"), '+'}, {NAME("\\u002B"), '+'}, {NAME("\\u002f"), '/'},
                   {NAME("\\u002F"), '/'}};
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
    buf_str(out, STR("\"" MAKER_GEMINI));
    buf_str(out, json_string_raw(signature));
    buf_char(out, '"');
    return out->failed;
}

/* ---- a whole answer ---- */

/* An answer that is being put together. */
struct making {
    struct arena *arena;
    struct chat_answer *answer;
    unsigned calls;
};

static struct chat_block *block_add(struct making *m, enum chat_block_kind kind)
{
    return chat_block_new(m->arena, &m->answer->blocks, kind);
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
    b->input = json_is_object(part->args) ? part->args : STR_NONE; /* as of chat_answer */
    return keep(m->arena, &out, &b->id);
}

static int image_add(struct making *m, const struct gemini_part *part)
{
    struct chat_block *b = block_add(m, BLOCK_IMAGE);
    if (!b)
        return E_MEMORY;
    b->media.form = MEDIA_BASE64;
    b->media.type = part->mime;
    b->media.data = part->data;
    return 0;
}

static int part_add(struct making *m, const struct gemini_part *part)
{
    struct chat_block *b = NULL;
    int err = 0;
    if (part->kind == PART_CALL)
        return call_add(m, part);
    if (part->kind == PART_OTHER)
        chat_answer_notes(m->answer, part->other);
    if (part->kind == PART_IMAGE)
        err = image_add(m, part);
    if (err)
        return err;
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
    struct making m = {.arena = arena, .answer = &answer};
    struct gemini_parts parts;
    struct gemini_part part;
    gemini_parts_init(&parts, piece.content);
    while (!err && gemini_part_next(&parts, &part))
        err = part_add(&m, &part);
    if (piece.cites)
        chat_answer_notes(&answer, ANSWER_CITATION);
    answer.stop = piece.blocked.n ? STOP_REFUSED : gemini_stop(piece.finish, m.calls > 0);
    *ret_answer = answer;
    return err;
}
