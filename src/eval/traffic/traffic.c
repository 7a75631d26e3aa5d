#include "eval/traffic/traffic.h"

#include <xxhash.h>

#include "base/json.h"
#include "eval/traffic/traffic_answer.h"
#include "llm/prompt.h"
#include "llm/wire.h"

#define CASE_BYTES_MAX (64u << 20)
#define TEXT_BYTES_MAX (1u << 20) /* of what is compared */

const char *const traffic_why_texts[TRAFFIC_WHYS] = {
    [TRAFFIC_FINE] = "fine",
    [TRAFFIC_NOT_DONE] = "failed, or were cut short",
    [TRAFFIC_NO_CHAT] = "are no chats",
    [TRAFFIC_UNREADABLE] = "do not read as what they were recorded as",
    [TRAFFIC_NOT_WHOLE] = "go on from what the provider keeps",
    [TRAFFIC_NOT_CARRIED] = "have parts for which OpenAI's chat form has nothing",
};

/* ---- what it asks ---- */

static unsigned words_in(struct str text, unsigned most)
{
    unsigned n = 0;
    bool inside = false;
    for (size_t i = 0; i < text.n && n < most; i++) {
        bool space = text.p[i] == ' ' || (text.p[i] >= '\t' && text.p[i] <= '\r');
        /* where no spaces are written, a character is a word */
        bool alone = (unsigned char)text.p[i] >= 0xe3;
        n += !space && (!inside || alone);
        inside = !space;
    }
    return n;
}

static int string_add(struct buf *out, struct str string, struct arena *arena)
{
    struct str text;
    if (string.n <= 2)
        return 0;
    int err = json_unquote(arena, string, &text);
    if (err)
        return err == E_BAD_JSON ? 0 : err; /* half a surrogate pair: the rest says enough */
    if (out->n)
        buf_char(out, '\n');
    return buf_str(out, text);
}

static bool is_media(const struct chat_block *b)
{
    return (b->kind == BLOCK_DOCUMENT || b->kind == BLOCK_IMAGE || b->kind == BLOCK_AUDIO) &&
           b->media.data.n > 2;
}

static const char *const media_words[] = {
    [BLOCK_IMAGE] = "image", [BLOCK_DOCUMENT] = "document", [BLOCK_AUDIO] = "audio"};

/* Pictures and the like are what is asked about: each has a word of its own. */
static int media_add(struct buf *out, const char *what, struct str data)
{
    if (out->n)
        buf_char(out, '\n');
    return buf_printf(out, "%s%016llx", what, (unsigned long long)XXH3_64bits(data.p, data.n));
}

static int blocks_add(struct buf *out, const struct chat_block *block, struct arena *arena)
{
    int err = 0;
    for (const struct chat_block *b = block; b && !err; b = b->next) {
        if (b->kind == BLOCK_TEXT || b->kind == BLOCK_REFUSAL)
            err = string_add(out, b->text, arena);
        else if (b->kind == BLOCK_RESULT)
            err = blocks_add(out, b->result, arena);
        else if (b->kind == BLOCK_CALL) {
            err = string_add(out, b->name, arena);
            buf_char(out, ' ');
            buf_str(out, b->input);
        } else if (b->kind == BLOCK_DOCUMENT && b->media.form == MEDIA_TEXT)
            err = string_add(out, b->media.data, arena);
        else if (is_media(b))
            err = media_add(out, media_words[b->kind], b->media.data);
    }
    return err;
}

static bool is_asking(const struct chat_message *m)
{
    if (m->role != ROLE_USER)
        return false;
    for (const struct chat_block *b = m->blocks; b; b = b->next)
        if ((b->kind == BLOCK_TEXT && b->text.n > 2) || is_media(b))
            return true;
    return false;
}

/* The user's messages with a text, in order. */
static unsigned asking_find(const struct chat_request *r, struct arena *arena,
                            const struct chat_message ***ret_all)
{
    unsigned n = 0;
    for (const struct chat_message *m = r->messages; m; m = m->next)
        n += is_asking(m);
    *ret_all = ARENA_ARRAY(arena, const struct chat_message *, n + 1);
    n = 0;
    for (const struct chat_message *m = r->messages; m && *ret_all; m = m->next)
        if (is_asking(m))
            (*ret_all)[n++] = m;
    return n;
}

static int text_write(const struct chat_request *r, struct arena *arena, struct buf *out)
{
    const struct chat_message **asking = NULL;
    unsigned n = asking_find(r, arena, &asking), from = n;
    if (!asking)
        return E_MEMORY;
    unsigned words = 0;
    int err = 0;
    while (from > 0 && words < TRAFFIC_WORDS_LEAST && !err) {
        from--;
        buf_clear(out);
        err = blocks_add(out, asking[from]->blocks, arena);
        words += words_in(buf_view(out), TRAFFIC_WORDS_LEAST);
    }
    buf_clear(out);
    for (unsigned i = from; i + 1 < n && !err; i++)
        err = blocks_add(out, asking[i]->blocks, arena);
    for (const struct chat_message *m = n ? asking[n - 1] : r->messages; m && !err; m = m->next)
        if (m->role == ROLE_USER || m->role == ROLE_ASSISTANT)
            err = blocks_add(out, m->blocks, arena);
    return err ? err : out->failed;
}

static int prompt_write(const struct chat_request *r, struct arena *arena, struct buf *out)
{
    int err = 0;
    for (const struct chat_message *m = r->messages; m && !err; m = m->next) {
        if (m->role != ROLE_SYSTEM && m->role != ROLE_DEVELOPER)
            break;
        err = blocks_add(out, m->blocks, arena);
    }
    for (const struct chat_tool *t = r->tools; t && !err; t = t->next) {
        err = string_add(out, t->name, arena);
        if (!err)
            err = string_add(out, t->description, arena);
    }
    return err ? err : out->failed;
}

static int text_make(int (*write)(const struct chat_request *, struct arena *, struct buf *),
                     const struct chat_request *request, struct arena *arena, struct str *ret_text)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    int err = write(request, arena, &out);
    if (err == E_TOO_LARGE) /* what did fit says enough */
        err = 0;
    if (!err)
        *ret_text = arena_str(arena, buf_view(&out));
    buf_fini(&out);
    return err ? err : ret_text->p ? 0 : E_MEMORY;
}

int traffic_text(const struct chat_request *request, struct arena *arena, struct str *ret_text)
{
    return text_make(text_write, request, arena, ret_text);
}

int traffic_prompt_text(const struct chat_request *request, struct arena *arena,
                        struct str *ret_text)
{
    return text_make(prompt_write, request, arena, ret_text);
}

static int request_prompt(const struct wire *wire, struct arena *arena, struct str body,
                          uint64_t *ret_prompt, struct fault *f)
{
    yyjson_doc *doc = NULL;
    int err = json_parse(arena, body, &doc, f);
    *ret_prompt = err ? 0 : prompt_of(wire, yyjson_doc_get_root(doc));
    return err;
}

int traffic_of_request(struct arena *arena, struct str body, struct chat_request *ret_request,
                       struct str *ret_text, uint64_t *ret_prompt, struct fault *f)
{
    struct chat_request request = {0};
    int err = wire_openai_chat.request_read(body, arena, &request, f);
    if (!err)
        err = request_prompt(&wire_openai_chat, arena, body, ret_prompt, f);
    *ret_request = request;
    return err ? err : traffic_text(&request, arena, ret_text);
}

/* ---- a turn ---- */

/* The recordings' names of protocols are the wires', of which clients speak three for chats. */
static const struct wire *wire_of(struct str api)
{
    static const struct wire *const spoken[] = {&wire_openai_chat, &wire_anthropic,
                                                &wire_responses};
    for (size_t i = 0; i < ARRAY_LEN(spoken); i++)
        if (str_eq(api, str_from(spoken[i]->name)))
            return spoken[i];
    return NULL;
}

int traffic_read(struct arena *arena, const struct recorded_turn *recorded,
                 struct traffic_turn *ret_turn, enum traffic_why *ret_why)
{
    struct fault ignored = {0}; /* why it does not read is nothing that its reader could mend */
    struct traffic_turn t = {.recorded = recorded, .wire = wire_of(recorded->api)};
    *ret_why = !t.wire                                                           ? TRAFFIC_NO_CHAT
               : str_eq(recorded->state, STR("done")) && recorded->status == 200 ? TRAFFIC_FINE
                                                                                 : TRAFFIC_NOT_DONE;
    if (*ret_why)
        return 0;
    arena_widen(arena, recorded->request.n * 2);
    int err = t.wire->request_read(recorded->request, arena, &t.request, &ignored);
    if (err == E_MEMORY)
        return err;
    if (err)
        *ret_why = TRAFFIC_UNREADABLE;
    else if (chat_has(&t.request, CHAT_PREVIOUS) || chat_has(&t.request, CHAT_CONVERSATION))
        *ret_why = TRAFFIC_NOT_WHOLE;
    if (*ret_why)
        return 0;
    t.prompt = prompt_from_text(recorded->fingerprint);
    if (!t.prompt)
        err = request_prompt(t.wire, arena, recorded->request, &t.prompt, &ignored);
    if (err && err != E_MEMORY) { /* half a surrogate pair, say, which a wire passes on */
        *ret_why = TRAFFIC_UNREADABLE;
        return 0;
    }
    if (!err)
        err = traffic_text(&t.request, arena, &t.text);
    if (!err)
        *ret_turn = t;
    return err;
}

const char *const traffic_length_names[TRAFFIC_LENGTHS] = {"under 250", "250 to 1k", "1k to 4k",
                                                           "4k to 16k", "over 16k"};

unsigned traffic_length(const struct recorded_turn *turn)
{
    static const int64_t ends[TRAFFIC_LENGTHS - 1] = {250, 1000, 4000, 16000};
    unsigned at = 0;
    while (at < ARRAY_LEN(ends) && tokens_prompt(&turn->tokens) >= ends[at])
        at++;
    return at;
}

/* ---- a case ---- */

/* Members that shape no answer, or are about people or the provider's own books. */
static bool is_housekeeping(struct str key)
{
    static const struct str keys[] = {{"stream", 6},
                                      {"stream_options", 14},
                                      {"user", 4},
                                      {"safety_identifier", 17},
                                      {"metadata", 8},
                                      {"store", 5},
                                      {"service_tier", 12},
                                      {"prompt_cache_key", 16},
                                      {"prompt_cache_retention", 22}};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (str_eq(key, keys[i]))
            return true;
    return false;
}

static int request_write(yyjson_val *request, struct buf *out)
{
    size_t i, n;
    yyjson_val *key, *value;
    const char *before = "{";
    yyjson_obj_foreach(request, i, n, key, value)
    {
        if (is_housekeeping(json_str(key)))
            continue;
        buf_str(out, str_from(before));
        (void)json_quote(out, json_str(key));
        buf_char(out, ':');
        (void)json_value(out, value);
        before = ",";
    }
    buf_str(out, before[0] == '{' ? STR("{}") : STR("}"));
    return out->failed;
}

/* The request in OpenAI's chat form, also where the client spoke another one. */
static int request_convert(const struct traffic_turn *t, struct arena *arena, struct str *ret_body,
                           enum traffic_why *ret_why, struct str *ret_left_out)
{
    struct fault ignored = {0};
    struct chat_request r = t->request;
    *ret_body = t->recorded->request;
    if (t->wire == &wire_openai_chat)
        return 0;
    r.stream = r.wants_usage = false;
    int err = wire_check(&wire_openai_chat, &r, ret_left_out, &ignored);
    if (err && err != E_MEMORY)
        *ret_why = TRAFFIC_NOT_CARRIED;
    if (err)
        return err == E_MEMORY ? err : 0;
    struct buf out;
    buf_init(&out, CASE_BYTES_MAX);
    err = wire_openai_chat.request_write(&r, &out, &ignored);
    if (err && err != E_MEMORY)
        *ret_why = TRAFFIC_NOT_CARRIED;
    *ret_body = err ? STR_NONE : arena_str(arena, buf_view(&out));
    buf_fini(&out);
    return err == E_MEMORY || (!err && !ret_body->p) ? E_MEMORY : 0;
}

/* Clients choose some of the values; a suite takes no control characters in its tags. */
static void tag_add(struct buf *out, const char *what, struct str value)
{
    if (!value.n)
        return;
    if (out->n && out->p[out->n - 1] != '[')
        buf_char(out, ',');
    buf_char(out, '"');
    buf_str(out, str_from(what));
    buf_char(out, ':');
    struct str left = str_head_utf8(value, 200);
    for (size_t n; left.n > 0; left = str_tail(left, n)) {
        n = str_utf8_len(left);
        n = n ? n : 1;
        (void)json_escape(out, str_is_text(str_head(left, n)) ? str_head(left, n) : STR("?"));
    }
    buf_char(out, '"');
}

static void tags_write(const struct traffic_turn *t, struct buf *out)
{
    const struct recorded_turn *r = t->recorded;
    char prompt[PROMPT_CHARS + 1];
    struct str rest = r->tags;
    buf_str(out, STR(",\"tags\":["));
    tag_add(out, "tenant", r->tenant);
    tag_add(out, "api", r->api);
    tag_add(out, "model", r->asked);
    tag_add(out, "prompt", str_from(prompt_text(t->prompt, prompt)));
    tag_add(out, "tokens", str_from(traffic_length_names[traffic_length(r)]));
    for (unsigned i = 0; rest.n && i < 16; i++)
        tag_add(out, "tag", str_trim(str_cut(&rest, ',')));
    buf_char(out, ']');
}

/* What became of the turn then, for who reads the file. */
static void recorded_write(const struct recorded_turn *r, struct buf *out)
{
    buf_str(out, STR(",\"recorded\":{\"time\":"));
    (void)json_quote(out, r->time);
    buf_str(out, STR(",\"provider\":"));
    (void)json_quote(out, r->provider);
    buf_str(out, STR(",\"model\":"));
    (void)json_quote(out, r->model);
    buf_printf(out, ",\"redacted\":%lld,\"cost_usd\":", (long long)r->redacted);
    if (r->cost_usd_nanos == COST_UNKNOWN)
        buf_str(out, STR("null"));
    else
        (void)json_usd(out, r->cost_usd_nanos);
    buf_char(out, '}');
}

static int case_write(const struct traffic_turn *t, double weight, yyjson_val *request,
                      const struct traffic_answer *answer, struct buf *out)
{
    char prompt[PROMPT_CHARS + 1];
    buf_str(out, STR("{\"id\":"));
    (void)json_quote(out, t->recorded->turn);
    tags_write(t, out);
    buf_printf(out, ",\"weight\":%.10g,\"request\":", weight);
    (void)request_write(request, out);
    buf_str(out, STR(",\"answer\":"));
    buf_str(out, answer->text.p ? answer->text : STR("\"\""));
    if (answer->calls.p) {
        buf_str(out, STR(",\"answer_calls\":"));
        buf_str(out, answer->calls);
    }
    if (t->prompt) {
        buf_str(out, STR(",\"fingerprint\":"));
        (void)json_quote(out, str_from(prompt_text(t->prompt, prompt)));
    }
    recorded_write(t->recorded, out);
    buf_str(out, STR("}\n"));
    return out->failed;
}

int traffic_case_write(const struct traffic_turn *turn, struct arena *arena, double weight,
                       struct buf *out, enum traffic_why *ret_why, struct str *ret_left_out)
{
    struct traffic_answer answer;
    struct str body;
    struct fault ignored = {0};
    yyjson_doc *doc = NULL;
    size_t before = out->n;
    *ret_why = TRAFFIC_FINE;
    *ret_left_out = STR_NONE;
    int err = traffic_answer_read(turn->recorded, turn->wire, arena, &answer);
    if (err == E_UPSTREAM_BODY)
        *ret_why = TRAFFIC_UNREADABLE;
    if (err)
        return *ret_why ? 0 : err;
    err = request_convert(turn, arena, &body, ret_why, ret_left_out);
    if (err || *ret_why)
        return err;
    err = json_parse(arena, body, &doc, &ignored);
    if (!err)
        err = case_write(turn, weight, yyjson_doc_get_root(doc), &answer, out);
    if (!err) /* one line that does not read would be the end of the whole suite */
        err = json_parse(arena, str_tail(buf_view(out), before), &doc, &ignored);
    if (err != E_BAD_JSON)
        return err;
    out->n = before;
    *ret_why = TRAFFIC_UNREADABLE;
    return 0;
}
