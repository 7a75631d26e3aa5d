/*
 * openai_answer.c: what an answer, or an event of one, says; and the errors that are written here.
 */
#include "base/json.h"
#include "llm/openai.h"

/* A count beyond this is no count: sums over many calls have to fit, too. */
#define USAGE_TOKENS_MAX 1000000000000

static int64_t count_take(struct json_reader *r, int64_t absent)
{
    uint64_t n = 0;
    return json_to_u64(json_take(r), INT64_MAX, &n) ? (int64_t)n : absent;
}

/* What an object of details says of the counts that are priced apart. */
struct details {
    int64_t cached, cache_write, reasoning;
    int64_t audio, image;
};

static void details_take(struct json_reader *r, struct details *d)
{
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r);
            if (str_eq(key, STR("cached_tokens")))
                d->cached = count_take(r, 0);
            else if (str_eq(key, STR("cache_write_tokens")))
                d->cache_write = count_take(r, 0);
            else if (str_eq(key, STR("reasoning_tokens")))
                d->reasoning = count_take(r, 0);
            else if (str_eq(key, STR("audio_tokens")))
                d->audio = count_take(r, 0);
            else if (str_eq(key, STR("image_tokens")))
                d->image = count_take(r, 0);
            else
                (void)json_take(r);
        } while (json_more(r, '{'));
}

static int64_t at_most(int64_t n, int64_t max)
{
    return n < max ? n : max;
}

static void usage_read(struct json_reader *r, struct llm_facts *facts)
{
    int64_t prompt = -1, completion = 0, total = 0;
    struct details in = {0}, out = {0};
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r);
            if (str_eq(key, STR("prompt_tokens")))
                prompt = count_take(r, -1);
            else if (str_eq(key, STR("completion_tokens")))
                completion = count_take(r, 0);
            else if (str_eq(key, STR("total_tokens")))
                total = count_take(r, 0);
            else if (str_eq(key, STR("prompt_tokens_details")))
                details_take(r, &in);
            else if (str_eq(key, STR("completion_tokens_details")))
                details_take(r, &out);
            else
                (void)json_take(r);
        } while (json_more(r, '{'));
    if (prompt < 0 || prompt > USAGE_TOKENS_MAX || completion > USAGE_TOKENS_MAX)
        return;
    completion = tokens_with_reasoning(prompt, completion, out.reasoning, total);
    /* Some servers report more of a part than of the whole; the whole is what is billed. */
    int64_t cached = at_most(in.cached, prompt);
    int64_t written = at_most(in.cache_write, prompt - cached);
    int64_t reasoning = at_most(out.reasoning, completion);
    facts->has_usage = true;
    facts->usage = (struct tokens){.input = prompt - cached - written,
                                   .cached = cached,
                                   .cache_write = written,
                                   .output = completion - reasoning,
                                   .reasoning = reasoning,
                                   .source = TOKENS_PROVIDER,
                                   /* images in a prompt cost what its text does */
                                   .other_media = in.audio > 0 || out.audio > 0 || out.image > 0};
}

static int64_t function_bytes(struct json_reader *r)
{
    int64_t bytes = 0;
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r), value = json_take(r);
            if (str_eq(key, STR("name")) || str_eq(key, STR("arguments")))
                bytes += (int64_t)json_string_bytes(value);
        } while (json_more(r, '{'));
    return bytes;
}

static void tool_call_read(struct json_reader *r, struct llm_facts *facts)
{
    if (json_enter(r, '{'))
        do {
            if (str_eq(json_take_key(r), STR("function")))
                facts->content_bytes += function_bytes(r);
            else
                (void)json_take(r);
        } while (json_more(r, '{'));
}

/* Is there anything in it? Servers begin with a role, an empty text and null for the rest, long
 * before the model speaks. */
static bool says_something(struct str value)
{
    if (json_is_object(value) || json_is_array(value))
        return str_trim(str_of(value.p + 1, value.n - 2)).n > 0;
    return json_is_string(value) && value.n > 2;
}

/* A message, or what an event adds to one. Content that is not counted as text speaks, too:
 * reasoning by another name, sound, a tool call's id. */
static void message_read(struct json_reader *r, struct llm_facts *facts)
{
    if (!json_enter(r, '{'))
        return;
    do {
        struct str key = json_take_key(r);
        if (str_eq(key, STR("tool_calls")) && json_enter(r, '[')) {
            facts->speaks = true;
            do
                tool_call_read(r, facts);
            while (json_more(r, '['));
        } else if (!str_eq(key, STR("tool_calls"))) {
            struct str value = json_take(r);
            facts->keeps |= str_eq(key, STR("audio")) && json_is_object(value);
            if (str_eq(key, STR("content")) || str_eq(key, STR("reasoning_content")) ||
                str_eq(key, STR("refusal")))
                facts->content_bytes += (int64_t)json_string_bytes(value);
            if (!str_eq(key, STR("role")))
                facts->speaks = facts->speaks || says_something(value);
        }
    } while (json_more(r, '{'));
}

static void choice_read(struct json_reader *r, struct llm_facts *facts)
{
    int64_t before = facts->content_bytes, delta = 0, message = 0;
    if (!json_enter(r, '{'))
        return;
    do {
        struct str key = json_take_key(r);
        if (str_eq(key, STR("delta"))) {
            message_read(r, facts);
            delta += facts->content_bytes - before;
            facts->content_bytes = before;
        } else if (str_eq(key, STR("message"))) {
            message_read(r, facts);
            message += facts->content_bytes - before;
            facts->content_bytes = before;
        } else if (str_eq(key, STR("text"))) {
            struct str text = json_take(r);
            message += (int64_t)json_string_bytes(text);
            facts->speaks = facts->speaks || says_something(text);
        } else if (str_eq(key, STR("finish_reason"))) { /* LocalAI's is "" until there is one */
            facts->finished = says_something(json_take(r)) || facts->finished;
        } else {
            (void)json_take(r);
        }
    } while (json_more(r, '{'));
    facts->content_bytes += delta > 0 ? delta : message; /* with both, the same is said twice */
}

/* The status that a code, type or status stands for: a number, its digits, or a word; else 0. */
static int error_status_of(yyjson_val *said)
{
    static const struct {
        struct str word;
        int status;
    } words[] = {
        {{"invalid_api_key", 15}, 401},     {{"authentication_error", 20}, 401},
        {{"unauthenticated", 15}, 401},     {{"unauthorized", 12}, 401},
        {{"permission_error", 16}, 403},    {{"permission_denied", 17}, 403},
        {{"rate_limit_exceeded", 19}, 429}, {{"rate_limit_error", 16}, 429},
    };
    struct str text = json_str(said);
    uint64_t number = yyjson_is_uint(said) ? yyjson_get_uint(said) : 0;
    if (number == 0 && !str_to_u64(text, 599, &number))
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (str_eq_nocase(text, words[i].word))
                return words[i].status;
    return number >= 400 && number <= 599 ? (int)number : 0;
}

/* What it calls itself stands in one place or another. A refused key counts wherever it stands,
 * since such an error's text may quote the key. Its words are wanted without escapes. */
static void error_read(struct str text, struct llm_facts *facts)
{
    static const char *const places[] = {"code", "status", "type"};
    yyjson_val *error = json_peek(text);
    facts->has_error = true;
    facts->error_text = json_str(yyjson_is_str(error) ? error : yyjson_obj_get(error, "message"));
    facts->error_status = error_status_of(error);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int status = error_status_of(yyjson_obj_get(error, places[i]));
        if (status == 401 || status == 403 || facts->error_status == 0)
            facts->error_status = status;
    }
}

/* One top-level member, whose key was just taken. */
static void member_read(struct json_reader *r, struct str key, struct llm_facts *facts)
{
    if (str_eq(key, STR("choices"))) {
        facts->has_choices = true;
        facts->any_choice = json_enter(r, '[');
        if (facts->any_choice)
            do
                choice_read(r, facts);
            while (json_more(r, '['));
    } else if (str_eq(key, STR("usage"))) {
        usage_read(r, facts);
    } else if (str_eq(key, STR("service_tier"))) {
        struct str tier = json_take(r);
        facts->tier = facts_tier(json_is_string(tier) ? json_string_raw(tier) : STR_NONE);
    } else if (str_eq(key, STR("error"))) {
        struct str error = json_take(r);
        if (error.n > 0 && !json_is_null(error))
            error_read(error, facts);
    } else {
        (void)json_take(r);
    }
}

/*
 * The usage member is cut out with one comma: the one behind it, or where it is the last member the
 * one in front.
 */
int openai_answer_read(struct str body, struct llm_facts *ret_facts)
{
    struct llm_facts facts = {0};
    struct json_reader r;
    const char *before = NULL, *before_usage = NULL; /* ends of members */
    bool usage_last = false;
    if (json_reader_init(&r, body) && json_enter(&r, '{'))
        do {
            size_t from = (size_t)(r.at - body.p);
            struct str key = json_take_key(&r);
            bool usage = str_eq(key, STR("usage"));
            if (usage_last)
                facts.usage_cut.to = from;
            member_read(&r, key, &facts);
            usage_last = usage && !facts.has_usage_member;
            if (usage_last)
                facts.usage_cut = (struct json_span){from, (size_t)(r.at - body.p)};
            else if (usage)
                facts.usage_cut = (struct json_span){0, 0};
            if (usage_last)
                before_usage = before;
            facts.has_usage_member = facts.has_usage_member || usage;
            before = r.at;
        } while (json_more(&r, '{'));
    if (usage_last && before_usage)
        facts.usage_cut.from = (size_t)(before_usage - body.p);
    facts.only_usage = facts.has_usage && !facts.any_choice;
    if (UNLIKELY(facts.keeps) && !facts.has_error)
        facts.kept = json_peek(body);
    *ret_facts = facts;
    return json_reader_good(&r) ? 0 : E_UPSTREAM_BODY;
}

void openai_kept_each(yyjson_val *kept, bool stored, void (*fn)(void *arg, struct str id),
                      void *arg)
{
    size_t i, n;
    yyjson_val *choice;
    (void)stored; /* what was spoken can be named for a while in any case */
    yyjson_arr_foreach(yyjson_obj_get(kept, "choices"), i, n, choice)
    {
        yyjson_val *message = yyjson_obj_get(choice, "message");
        message = message ? message : yyjson_obj_get(choice, "delta");
        struct str id = json_get_str(yyjson_obj_get(message, "audio"), "id");
        if (id.n > 0)
            fn(arg, id);
    }
}

int openai_event_read(struct str data, struct llm_facts *ret_facts)
{
    if (!str_eq(str_trim(data), STR("[DONE]")))
        return openai_answer_read(data, ret_facts);
    *ret_facts = (struct llm_facts){.done = true};
    return 0;
}

int openai_stream_event_read(struct str name, struct str data, struct llm_facts *facts)
{
    int err = openai_event_read(data, facts);
    if (str_eq(name, STR("error"))) {
        if (!facts->has_error)
            error_read(data, facts);
        return 0;
    }
    bool ours = name.n == 0 || str_eq(name, STR("message"));
    bool chunk = !err && (facts->has_choices || facts->has_usage_member || facts->done);
    if (str_trim(data).n > 0 && (ours || chunk))
        return err;
    *facts = (struct llm_facts){.unread = true};
    return 0;
}

int openai_event_without_usage(struct str raw, struct str data, const struct llm_facts *facts,
                               struct buf *out)
{
    struct str before = str_head(data, facts->usage_cut.from);
    struct str behind = str_tail(data, facts->usage_cut.to);
    if (data.p >= raw.p && data.p < raw.p + raw.n) {
        buf_str(out, str_of(raw.p, (size_t)(before.p + before.n - raw.p)));
        buf_str(out, str_of(behind.p, (size_t)(raw.p + raw.n - behind.p)));
        return out->failed;
    }
    struct str parts[] = {before, behind};
    buf_str(out, STR("data: "));
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++)
        for (struct str line = str_cut(&parts[i], '\n');; line = str_cut(&parts[i], '\n')) {
            buf_str(out, line);
            if (!parts[i].p)
                break;
            buf_str(out, STR("\ndata: "));
        }
    buf_str(out, STR("\n\n"));
    return out->failed;
}

const char *openai_error_type(int status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 429:
        return "rate_limit_error";
    default:
        return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

int openai_error_write(struct buf *out, int status, const char *code, struct str message,
                       struct str param)
{
    buf_str(out, STR("{\"error\":{\"message\":"));
    json_quote(out, message);
    buf_printf(out, ",\"type\":\"%s\",\"param\":", openai_error_type(status));
    if (param.n)
        json_quote(out, param);
    else
        buf_str(out, STR("null"));
    buf_str(out, STR(",\"code\":"));
    json_quote(out, str_from(code));
    return buf_str(out, STR("}}"));
}

int openai_error_event_write(struct buf *out, int64_t number, int status, const char *code,
                             struct str message)
{
    (void)number;
    buf_str(out, STR("data: "));
    openai_error_write(out, status, code, message, STR_NONE);
    return buf_str(out, STR("\n\n"));
}
