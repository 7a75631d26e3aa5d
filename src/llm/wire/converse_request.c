/*
 * wire/converse_request.c: a chat as the body of Converse, and the wire's row.
 *
 * The model's name and whether it is to stream stand in the path (llm/bedrock.h), not in the body.
 * What Converse has no member for goes to the model itself, in additionalModelRequestFields, as
 * the model's own protocol has it.
 */
#include "llm/bedrock.h"
#include "llm/wire/converse.h"
#include "llm/wire/parts.h"

/* ---- models ---- */

enum family {
    FAMILY_CLAUDE,
    FAMILY_NOVA,
    FAMILY_MISTRAL,
    FAMILY_OTHER,
    FAMILY_HIDDEN, /* behind the name of a profile, an import or a throughput */
};

static bool has(struct str s, struct str word)
{
    return str_find(s, word) >= 0;
}

/* "anthropic.claude-...", "eu.anthropic.claude-..." or an ARN, of which only those of foundation
 * models and of AWS's own inference profiles name the model. */
static enum family family_of(struct str model)
{
    bool arn = str_starts(model, STR("arn:"));
    if (has(model, STR("anthropic.")))
        return FAMILY_CLAUDE;
    if (has(model, STR("amazon.nova")))
        return FAMILY_NOVA;
    if (has(model, STR("mistral.")))
        return FAMILY_MISTRAL;
    bool named = arn ? has(model, STR("foundation-model/")) ||
                           has(model, STR(":inference-profile/"))
                     : has(model, STR("."));
    return named ? FAMILY_OTHER : FAMILY_HIDDEN;
}

bool converse_may_be_claude(const struct chat_request *r)
{
    enum family family = family_of(r->model);
    return family == FAMILY_CLAUDE || family == FAMILY_HIDDEN;
}

static int not_for_model(const struct chat_request *r, enum chat_feature feature, struct fault *f)
{
    return fault_set(f, E_UNSUPPORTED, "converse has nothing for %s with the model %.*s",
                     chat_feature_text(feature), STR_ARGS(str_head(r->model, 80)));
}

/* ---- inferenceConfig ---- */

static void inference_put(const struct chat_request *r, struct buf *out)
{
    static const struct param params[] = {PARAM(TEMPERATURE, "temperature", NUMBER),
                                          PARAM(TOP_P, "topP", NUMBER)};
    size_t before = out->n;
    member_put(out, STR("inferenceConfig"));
    buf_char(out, '{');
    size_t empty = out->n;
    if (r->max_tokens > 0)
        member_put_i64(out, STR("maxTokens"), r->max_tokens);
    params_put(out, r, params, ARRAY_LEN(params));
    member_put_strings(out, STR("stopSequences"), r->stop);
    if (out->n == empty)
        out->n = before;
    else
        buf_char(out, '}');
}

/* ---- additionalModelRequestFields ---- */

static int top_k_put(const struct chat_request *r, struct buf *out, struct fault *f)
{
    struct str top_k = r->params[CHAT_TOP_K];
    if (!top_k.n)
        return 0;
    switch (family_of(r->model)) {
    case FAMILY_CLAUDE:
    case FAMILY_MISTRAL:
    case FAMILY_HIDDEN:
        member_put_json(out, STR("top_k"), top_k);
        return 0;
    case FAMILY_NOVA:
        member_put(out, STR("inferenceConfig"));
        buf_str(out, STR("{\"topK\":"));
        buf_str(out, top_k);
        buf_char(out, '}');
        return 0;
    case FAMILY_OTHER:
        break;
    }
    return not_for_model(r, CHAT_TOP_K, f);
}

static int thinking_put(const struct chat_request *r, struct buf *out, struct fault *f)
{
    static const enum chat_feature features[] = {[THINK_OFF] = CHAT_THINKING_OFF,
                                                 [THINK_BUDGET] = CHAT_THINKING_BUDGET,
                                                 [THINK_ADAPTIVE] = CHAT_THINKING_ADAPTIVE};
    if (r->thinking == THINK_UNSAID)
        return 0;
    if (!converse_may_be_claude(r))
        return not_for_model(r, features[r->thinking], f);
    member_put(out, STR("thinking"));
    if (r->thinking == THINK_BUDGET) {
        buf_str(out, STR("{\"type\":\"enabled\",\"budget_tokens\":"));
        buf_i64(out, r->thinking_budget);
        buf_char(out, '}');
    } else {
        buf_str(out, r->thinking == THINK_ADAPTIVE ? STR("{\"type\":\"adaptive\"}")
                                                   : STR("{\"type\":\"disabled\"}"));
    }
    return 0;
}

/* Claude's own tool_choice may not stand beside Converse's, so only the automatic one can be
 * serial. */
static int serial_put(const struct chat_request *r, struct buf *out, struct fault *f)
{
    if (!r->tools_serial || !r->tools || r->tool_choice == CHOOSE_NONE)
        return 0;
    if (!converse_may_be_claude(r))
        return not_for_model(r, CHAT_TOOLS_SERIAL, f);
    if (r->tool_choice == CHOOSE_ANY || r->tool_choice == CHOOSE_NAMED)
        return fault_set(f, E_UNSUPPORTED,
                         "converse cannot both force a tool and switch parallel tool calls off");
    member_put_json(out, STR("tool_choice"),
                    STR("{\"type\":\"auto\",\"disable_parallel_tool_use\":true}"));
    return 0;
}

static int additional_put(const struct chat_request *r, struct buf *out, struct fault *f)
{
    size_t before = out->n;
    member_put(out, STR("additionalModelRequestFields"));
    buf_char(out, '{');
    size_t empty = out->n;
    int err = top_k_put(r, out, f);
    if (!err)
        err = thinking_put(r, out, f);
    if (!err)
        err = serial_put(r, out, f);
    if (out->n == empty)
        out->n = before;
    else
        buf_char(out, '}');
    return err;
}

/* ---- outputConfig ---- */

static bool is_effort(struct str string)
{
    static const struct str words[] = {WORD("low"), WORD("medium"), WORD("high"), WORD("xhigh"),
                                       WORD("max")};
    return word_find(words, ARRAY_LEN(words), string) < ARRAY_LEN(words);
}

/* The schema is a string of JSON there. */
static void schema_put(const struct chat_request *r, struct buf *out)
{
    member_put(out, STR("textFormat"));
    buf_str(out, STR("{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{\"schema\":"));
    json_quote(out, r->schema.n ? r->schema : STR("{}"));
    member_put_json(out, STR("name"), r->schema_name);
    member_put_json(out, STR("description"), r->schema_description);
    buf_str(out, STR("}}}"));
}

static int output_put(const struct chat_request *r, struct buf *out, struct fault *f)
{
    struct str effort = r->params[CHAT_EFFORT];
    if (!effort.n && r->format != FORMAT_SCHEMA)
        return 0;
    if (effort.n && !is_effort(effort))
        return fault_set(f, E_UNSUPPORTED, "converse knows no reasoning effort %.*s",
                         STR_ARGS(str_head(effort, 40)));
    member_put(out, STR("outputConfig"));
    buf_char(out, '{');
    member_put_json(out, STR("effort"), effort);
    if (r->format == FORMAT_SCHEMA)
        schema_put(r, out);
    buf_char(out, '}');
    return 0;
}

/* ---- toolConfig ---- */

static void tool_put(struct buf *out, const struct chat_tool *t)
{
    element_put(out);
    buf_str(out, STR("{\"toolSpec\":{"));
    member_put_json(out, STR("name"), t->name);
    if (t->description.n > 2) /* an empty one is refused */
        member_put_json(out, STR("description"), t->description);
    member_put(out, STR("inputSchema"));
    buf_str(out, STR("{\"json\":"));
    buf_str(out, t->schema.n ? t->schema : STR("{\"type\":\"object\",\"properties\":{}}"));
    buf_char(out, '}');
    if (json_is_bool(t->strict))
        member_put_json(out, STR("strict"), t->strict);
    buf_str(out, STR("}}"));
    converse_put_cache_point(out, t->cache_control);
}

static void choice_put(const struct chat_request *r, struct buf *out)
{
    switch (r->tool_choice) {
    case CHOOSE_AUTO:
        if (!r->tools_serial) /* else it stands with the model's own fields */
            member_put_json(out, STR("toolChoice"), STR("{\"auto\":{}}"));
        break;
    case CHOOSE_ANY:
        member_put_json(out, STR("toolChoice"), STR("{\"any\":{}}"));
        break;
    case CHOOSE_NAMED:
        member_put(out, STR("toolChoice"));
        buf_str(out, STR("{\"tool\":{"));
        member_put_json(out, STR("name"), r->tool_named);
        buf_str(out, STR("}}"));
        break;
    case CHOOSE_NONE:
    case CHOOSE_UNSAID:
        break;
    }
}

/* Without tools none can be called; but where calls stand in the messages, Bedrock asks for them.
 */
static int tools_put(const struct chat_request *r, struct buf *out, struct fault *f)
{
    if (!r->tools)
        return 0;
    if (r->tool_choice == CHOOSE_NONE)
        return chat_has(r, CHAT_CALLS)
                   ? fault_set(f, E_UNSUPPORTED,
                               "converse cannot forbid tools in a conversation that has tool calls")
                   : 0;
    member_put(out, STR("toolConfig"));
    buf_str(out, STR("{\"tools\":["));
    for (const struct chat_tool *t = r->tools; t; t = t->next)
        tool_put(out, t);
    buf_char(out, ']');
    choice_put(r, out);
    buf_char(out, '}');
    return 0;
}

int converse_request_write(const struct chat_request *request, struct buf *out, struct fault *f)
{
    buf_char(out, '{');
    int err = converse_put_messages(request, out, f);
    inference_put(request, out);
    if (!err)
        err = tools_put(request, out, f);
    if (!err)
        err = additional_put(request, out, f);
    if (!err)
        err = output_put(request, out, f);
    if (request->stop) /* which of them it was; models that do not say it are not asked */
        member_put_json(out, STR("additionalModelResponseFieldPaths"), STR("[\"/stop_sequence\"]"));
    buf_char(out, '}');
    return err ? err : out->failed;
}

/* ---- the row ---- */

#define OWN_FIELDS "additionalModelRequestFields."

static const struct wire_carriage carries[CHAT_FEATURE_COUNT] = {
    CARRIES(TEMPERATURE),
    REFUSES(TEMPERATURE_HIGH, "its temperatures go up to 1"),
    CARRIES(TOP_P),
    CHANGES(TOP_K, OWN_FIELDS "top_k for Claude and Mistral, " OWN_FIELDS
                              "inferenceConfig.topK for Nova; other models' is refused"),
    CARRIES_AS(EFFORT, "outputConfig.effort; low, medium, high, xhigh and max, "
                       "others are refused"),
    WITHOUT_HOUSEKEEPING,
    LEAVES(CACHE_KEY, "Bedrock caches what cachePoint marks"),
    LEAVES(CACHE_RETENTION, "Bedrock caches what cachePoint marks"),
    CHANGES(CACHE_CONTROL, "a cachePoint behind it, with its ttl; one within a tool "
                           "result stands behind the result"),
    CARRIES(MAX_TOKENS),
    CARRIES(STOP),
    REFUSES(JSON_OBJECT, "it has no JSON without a schema"),
    CHANGES(JSON_SCHEMA, "outputConfig.textFormat: always kept to"),
    CHANGES(THINKING_BUDGET, OWN_FIELDS "thinking, for Claude only"),
    CHANGES(THINKING_ADAPTIVE, OWN_FIELDS "thinking, for Claude only"),
    CHANGES(THINKING_OFF, OWN_FIELDS "thinking, for Claude only"),
    CARRIES(TOOLS),
    CARRIES(TOOL_STRICT),
    CHANGES(TOOL_CHOICE, "none: the tools are left out; it is refused where the "
                         "conversation has tool calls, since Bedrock asks for the tools "
                         "then"),
    CHANGES(TOOLS_SERIAL, OWN_FIELDS "tool_choice, for Claude only (4.5 and later); "
                                     "refused together with a forced tool"),
    CARRIES(SYSTEM),
    CARRIES_AS(SYSTEM_LATER, "as messages of role system, which only some models take"),
    CHANGES(DEVELOPER, "as a system message"),
    CARRIES_AS(PREFILL, "which only some models take"),
    CHANGES(CALLS, "messages of one role that follow each other become one; an id that "
                   "is not 1 to 64 letters, digits, _ and - is replaced by its hash"),
    CARRIES(RESULT_ERROR),
    CARRIES(RESULT_MEDIA),
    CARRIES_AS(IMAGE, "png, jpeg, gif and webp; others are refused"),
    CARRIES_AS(IMAGE_URL, "s3:// only; others are refused"),
    CHANGES(DOCUMENT, "its name with the characters that Bedrock takes, and a number where "
                      "it stands twice"),
    CHANGES(DOCUMENT_TEXT, "as a file of format txt, its name as with other documents"),
    CHANGES(DOCUMENT_URL, "s3:// only, others are refused; its name as with other "
                          "documents"),
    REFUSES(FILE_ID, "another provider's files are not there"),
    CARRIES_AS(AUDIO, "mp3, wav, flac, ogg, aac and m4a; others are refused"),
    CHANGES(THINKING, "what Claude signed, and to other models what nobody signed; other "
                      "providers' is left out"),
    CHANGES(THINKING_HIDDEN, "Claude's own; other providers' is left out"),
    CHANGES(REFUSAL, "as text"),
    WITHOUT_ANTHROPIC,
    WITHOUT_RESPONSES,
    WITHOUT_RESULT_NAME,
    WITHOUT_BESIDE,
    WITHOUT_IMAGES_MADE,
};

static const struct wire_part parts[ANSWER_PART_COUNT] = {
    PART_SAID(TEXT, "`text`, `citationsContent`"),
    PART_SAID(CALL, "`toolUse`"),
    PART_SAID(CALL_CUT,
              "`toolUse`, in a stream, that is no JSON, beside `stopReason` `max_tokens`"),
    PART_SAID(THINKING, "`reasoningText`"),
    PART_SAID(HIDDEN, "`redactedContent`"),
    PART_SAID(IMAGE, "`image` (of a stream, where it comes in pieces, it is left out)"),
    PART_SAID(CITATION, "`citations`"),
    PART_SAID(AUDIO, "`audio`"),
    PART_SAID(FILE, "`document`, `video`"),
    PART_SAID(TOOL, "`toolUse` of type `server_tool_use`, `toolResult`"),
    PART_SAID(OTHER, "a block with none of these"),
};

const struct wire wire_converse = {
    .name = "converse",
    .cut = FRAMES_AWS,
    .fetches = true,
    .answer_facts = bedrock_answer_facts,
    .event_facts = bedrock_event_facts,
    .carries = carries,
    .parts = parts,
    .request_write = converse_request_write,
    .answer_read = converse_answer_read,
    .event_read = converse_event_read,
};
