/*
 * wire/gemini_request.c: a chat as the body of generateContent, and the wire's row.
 *
 * The model's name and whether it is to stream stand in the path (llm/gemini.h), not in the body.
 */
#include "llm/gemini.h"
#include "llm/wire/gemini.h"
#include "llm/wire/parts.h"

bool gemini_is_old(struct str model)
{
    static const struct str heads[] = {NAME("models/"), NAME("gemini-")};
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        if (str_starts(model, heads[i]))
            model = str_tail(model, heads[i].n);
    return str_starts(model, STR("1")) || str_starts(model, STR("2"));
}

/* ---- thinking ---- */

/*
 * Efforts of OpenAI and Anthropic as budgets of tokens and as levels. The budgets are those of
 * Google's own endpoint for OpenAI's protocol; what goes beyond "high" has no level that all
 * models know.
 */
static const struct effort {
    struct str word;
    int budget;
    struct str level;
} efforts[] = {
#define EFFORT(word, budget, level)                                                                \
    {                                                                                              \
        NAME(word), budget, NAME(level)                                                            \
    }
    EFFORT("none", 0, "low"),      EFFORT("minimal", 1024, "minimal"),
    EFFORT("low", 1024, "low"),    EFFORT("medium", 8192, "medium"),
    EFFORT("high", 24576, "high"), EFFORT("xhigh", 24576, "high"),
    EFFORT("max", 24576, "high"),
#undef EFFORT
};

static const struct effort *effort_find(struct str string)
{
    for (size_t i = 0; i < ARRAY_LEN(efforts); i++)
        if (string_is(string, efforts[i].word))
            return &efforts[i];
    return NULL;
}

static void budget_put(struct buf *out, int64_t tokens)
{
    member_put(out, STR("thinkingBudget"));
    buf_i64(out, tokens);
}

static void effort_put(struct buf *out, const struct effort *effort, bool old)
{
    if (old) {
        budget_put(out, effort->budget);
        return;
    }
    member_put(out, STR("thinkingLevel"));
    json_quote(out, effort->level);
}

/*
 * A budget says more than an effort, and both at once are refused. Thoughts are asked for where the
 * client asks for thinking at all: they cost no more, and protocols without a place leave them out.
 */
static int thinking_put(const struct chat_request *r, struct buf *out, struct fault *f)
{
    struct str said = r->params[CHAT_EFFORT];
    bool old = gemini_is_old(r->model), off = r->thinking == THINK_OFF;
    const struct effort *effort = off ? &efforts[0] : effort_find(said);
    if (said.n && !effort)
        return fault_set(f, E_UNSUPPORTED, "gemini knows no reasoning effort %.*s",
                         STR_ARGS(str_head(said, 40)));
    if (r->thinking == THINK_UNSAID && !effort)
        return 0;
    member_put(out, STR("thinkingConfig"));
    buf_char(out, '{');
    if (r->thinking == THINK_BUDGET)
        budget_put(out, r->thinking_budget);
    else if (effort)
        effort_put(out, effort, old);
    else if (old)
        budget_put(out, -1); /* as the model sees fit, which later ones do anyway */
    if (effort != &efforts[0] || r->thinking == THINK_BUDGET)
        member_put_json(out, STR("includeThoughts"), STR("true"));
    buf_char(out, '}');
    return 0;
}

/* ---- generationConfig ---- */

static void format_put(const struct chat_request *r, struct buf *out)
{
    if (r->format == FORMAT_JSON || r->format == FORMAT_SCHEMA)
        member_put_json(out, STR("responseMimeType"), STR("\"application/json\""));
    if (r->format == FORMAT_SCHEMA)
        member_put_json(out, STR("responseJsonSchema"), r->schema);
}

/* What a request's images and documents say of the detail that they are to be looked at in. */
struct details {
    unsigned all, low, high;
};

static void details_count(const struct chat_block *list, struct details *d)
{
    for (const struct chat_block *b = list; b; b = b->next) {
        d->all += b->kind == BLOCK_IMAGE || b->kind == BLOCK_DOCUMENT;
        d->low += string_is(b->media.detail, STR("low"));
        d->high += string_is(b->media.detail, STR("high"));
        details_count(b->result, d);
    }
}

/* Gemini has one resolution for a whole request: a high one where one image asks for it, a low one
 * where all do. */
static void detail_put(const struct chat_request *r, struct buf *out)
{
    struct details d = {0};
    for (const struct chat_message *m = r->messages; m && chat_has(r, CHAT_IMAGE_DETAIL);
         m = m->next)
        details_count(m->blocks, &d);
    if (d.high > 0)
        member_put_json(out, STR("mediaResolution"), STR("\"MEDIA_RESOLUTION_HIGH\""));
    else if (d.low > 0 && d.low == d.all)
        member_put_json(out, STR("mediaResolution"), STR("\"MEDIA_RESOLUTION_LOW\""));
}

static int config_put(const struct chat_request *r, struct buf *out, struct fault *f)
{
    static const struct param params[] = {
        PARAM(TEMPERATURE, "temperature", NUMBER),
        PARAM(TOP_P, "topP", NUMBER),
        PARAM(TOP_K, "topK", NUMBER),
        PARAM(SEED, "seed", NUMBER),
        PARAM(FREQUENCY_PENALTY, "frequencyPenalty", NUMBER),
        PARAM(PRESENCE_PENALTY, "presencePenalty", NUMBER),
    };
    size_t before = out->n;
    member_put(out, STR("generationConfig"));
    buf_char(out, '{');
    size_t empty = out->n;
    params_put(out, r, params, ARRAY_LEN(params));
    if (r->max_tokens > 0)
        member_put_i64(out, STR("maxOutputTokens"), r->max_tokens);
    member_put_strings(out, STR("stopSequences"), r->stop);
    format_put(r, out);
    detail_put(r, out);
    int err = thinking_put(r, out, f);
    if (out->n == empty)
        out->n = before;
    else
        buf_char(out, '}');
    return err;
}

/* ---- tools ---- */

static void tools_put(const struct chat_request *r, struct buf *out)
{
    if (!r->tools)
        return;
    member_put(out, STR("tools"));
    buf_str(out, STR("[{\"functionDeclarations\":["));
    for (const struct chat_tool *t = r->tools; t; t = t->next) {
        element_put(out);
        buf_char(out, '{');
        member_put_json(out, STR("name"), t->name);
        member_put_json(out, STR("description"), t->description);
        member_put_json(out, STR("parametersJsonSchema"), t->schema);
        buf_char(out, '}');
    }
    buf_str(out, STR("]}]"));
}

static bool any_strict(const struct chat_request *r)
{
    for (const struct chat_tool *t = r->tools; t; t = t->next)
        if (json_is_true(t->strict))
            return true;
    return false;
}

/* VALIDATED is AUTO with inputs that keep to the schemas, which ANY's do anyway. */
static void choice_put(const struct chat_request *r, struct buf *out)
{
    static const struct str modes[] = {[CHOOSE_UNSAID] = NAME("AUTO"),
                                       [CHOOSE_AUTO] = NAME("AUTO"),
                                       [CHOOSE_NONE] = NAME("NONE"),
                                       [CHOOSE_ANY] = NAME("ANY"),
                                       [CHOOSE_NAMED] = NAME("ANY")};
    enum chat_tool_choice choice = r->tool_choice;
    bool strict = any_strict(r) && (choice == CHOOSE_UNSAID || choice == CHOOSE_AUTO);
    if (choice == CHOOSE_UNSAID && !strict)
        return;
    member_put(out, STR("toolConfig"));
    buf_str(out, STR("{\"functionCallingConfig\":{\"mode\":\""));
    buf_str(out, strict ? STR("VALIDATED") : modes[choice]);
    buf_char(out, '"');
    if (choice == CHOOSE_NAMED) {
        member_put(out, STR("allowedFunctionNames"));
        buf_char(out, '[');
        buf_str(out, r->tool_named);
        buf_char(out, ']');
    }
    buf_str(out, STR("}}"));
}

int gemini_request_write(const struct chat_request *request, struct buf *out, struct fault *f)
{
    buf_char(out, '{');
    int err = gemini_put_contents(request, out, f);
    tools_put(request, out);
    choice_put(request, out);
    if (!err)
        err = config_put(request, out, f);
    buf_char(out, '}');
    return err ? err : out->failed;
}

/* ---- the row ---- */

static const struct wire_carriage carries[CHAT_FEATURE_COUNT] = {
    CARRIES(TEMPERATURE),
    CARRIES(TEMPERATURE_HIGH),
    CARRIES(TOP_P),
    CARRIES(TOP_K),
    CARRIES(SEED),
    CARRIES(FREQUENCY_PENALTY),
    CARRIES(PRESENCE_PENALTY),
    CHANGES(EFFORT, "thinkingLevel: xhigh and max are high, none is low, since it cannot be "
                    "switched off; Gemini 2.5: thinkingBudget of 0 (none), 1024 (minimal, "
                    "low), 8192 (medium), 24576 (high and over); a budget given beside it "
                    "goes first"),
    WITHOUT_HOUSEKEEPING,
    LEAVES(CACHE_KEY, "Gemini finds repeated prefixes by itself"),
    LEAVES(CACHE_RETENTION, "Gemini finds repeated prefixes by itself"),
    LEAVES(CACHE_CONTROL, "Gemini finds repeated prefixes by itself"),
    CARRIES(MAX_TOKENS),
    CARRIES(STOP),
    CARRIES(JSON_OBJECT),
    CHANGES(JSON_SCHEMA, "responseJsonSchema: without the schema's name and description, "
                         "and always kept to"),
    CARRIES(THINKING_BUDGET),
    CARRIES(THINKING_ADAPTIVE),
    CHANGES(THINKING_OFF, "thinkingBudget 0 up to Gemini 2.5; later models cannot switch it "
                          "off and get thinkingLevel low"),
    CARRIES(TOOLS),
    CHANGES(TOOL_STRICT, "mode VALIDATED, which holds for all tools of the request"),
    CARRIES(TOOL_CHOICE),
    REFUSES(TOOLS_SERIAL, "it cannot be told to make one call at a time"),
    CARRIES(SYSTEM),
    REFUSES(SYSTEM_LATER, "its systemInstruction stands in front of all messages"),
    CHANGES(DEVELOPER, "as a system message"),
    CHANGES(CALLS, "a call's thought signature travels in its id, behind __thought__; "
                   "messages of one role that follow each other become one, but for results, "
                   "which stand in one of their own; calls that another provider's model made "
                   "go to Gemini 3 and later with the signature that Google's documentation "
                   "has for them"),
    CARRIES(RESULT_ERROR),
    CHANGES(RESULT_MEDIA, "within the result; up to Gemini 2.5 behind it"),
    CARRIES(IMAGE),
    CHANGES(IMAGE_URL, "fileData, with the media type that the URL's ending says"),
    CHANGES(IMAGE_DETAIL, "mediaResolution, one for the whole request: high where one image "
                          "asks for it, low where all do"),
    CHANGES(DOCUMENT, "without its name"),
    CHANGES(DOCUMENT_TEXT, "as a file of type text/plain, without its name"),
    CHANGES(DOCUMENT_URL, "fileData, with the media type that the URL's ending says"),
    REFUSES(FILE_ID, "another provider's files are not there"),
    CARRIES(AUDIO),
    CHANGES(THINKING, "as parts marked as thoughts; Gemini's own signatures, which begin "
                      "with gemini: for clients, go back, other providers' are left out"),
    LEAVES(THINKING_HIDDEN, "only the provider that encrypted it can read it"),
    CHANGES(REFUSAL, "as text"),
    WITHOUT_ANTHROPIC,
    WITHOUT_RESPONSES,
    WITHOUT_RESULT_NAME,
    WITHOUT_BESIDE,
    CARRIES(IMAGE_MADE),
};

static const struct wire_part parts[ANSWER_PART_COUNT] = {
    PART_SAID(TEXT, "`text`"),
    PART_SAID(CALL, "`functionCall`"),
    PART_SAID(THINKING, "`text` of a `thought`"),
    PART_SAID(IMAGE, "`inlineData` of type `image/*`, but for a thought's"),
    PART_SAID(CITATION, "`groundingMetadata`, `citationMetadata`, `urlContextMetadata`"),
    PART_SAID(AUDIO, "`inlineData` of type `audio/*`"),
    PART_SAID(FILE, "`fileData`, other `inlineData`"),
    PART_SAID(CODE, "`executableCode`, `codeExecutionResult`"),
    PART_SAID(TOOL, "`toolCall`, `toolResponse`, `functionResponse`"),
    PART_SAID(OTHER, "a part with none of these"),
};

const struct wire wire_gemini = {
    .name = "gemini",
    .fetches = true,
    .answer_facts = gemini_answer_facts,
    .event_facts = gemini_event_facts,
    .carries = carries,
    .parts = parts,
    .request_write = gemini_request_write,
    .answer_read = gemini_answer_read,
    .event_read = gemini_event_read,
    .end_read = gemini_end_read,
};
