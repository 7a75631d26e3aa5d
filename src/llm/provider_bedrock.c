/*
 * provider_bedrock.c: Amazon Bedrock: where a request goes, and what its answers say.
 */
#include "llm/bedrock.h"

#include "base/clock.h"
#include "llm/kinds.h"
#include "llm/provider.h"
#include "llm/sigv4.h"
#include "llm/wire/converse.h"

/* ---- the path ---- */

int bedrock_path(struct str model, bool stream, struct arena *arena, struct str *ret_path)
{
    struct buf out;
    buf_init(&out, model.n * 3 + 64);
    buf_str(&out, STR("/model/"));
    path_put(&out, model, STR(""));
    buf_str(&out, stream ? STR("/converse-stream") : STR("/converse"));
    struct str path = out.failed ? STR_NONE : arena_str(arena, buf_view(&out));
    buf_fini(&out);
    *ret_path = path;
    return path.p ? 0 : E_MEMORY;
}

/* ---- frames ---- */

int bedrock_frame_event(const struct eventstream_frame *frame, struct buf *scratch,
                        struct str *ret_name, struct str *ret_data)
{
    bool exception = frame->kind == EVENTSTREAM_EXCEPTION;
    *ret_name = frame->kind == EVENTSTREAM_OTHER ? STR_NONE : frame->name;
    *ret_data = frame->payload;
    if (exception && !str_ends(frame->name, STR("Exception")))
        *ret_name = STR("error");
    if (frame->kind != EVENTSTREAM_ERROR)
        return 0;
    buf_clear(scratch);
    buf_str(scratch, STR("{\"message\":"));
    json_quote(scratch, frame->text.n ? frame->text : frame->name);
    buf_char(scratch, '}');
    *ret_name = STR("error");
    *ret_data = buf_view(scratch);
    return scratch->failed;
}

/* ---- answers ---- */

static void error_read(struct str message, struct llm_facts *facts)
{
    facts->has_error = true;
    facts->error_text = message.n ? json_str(json_peek(message)) : STR_NONE;
}

static void usage_take(bool has_usage, const struct tokens *usage, struct llm_facts *facts)
{
    facts->has_usage = facts->has_usage_member = has_usage;
    facts->usage = *usage;
}

/* Whatever its kind, a block speaks; but a signature says nothing to anybody. */
static void block_count(const struct converse_block *block, struct llm_facts *facts)
{
    bool call = block->kind == BLOCK_CALL;
    facts->speaks = facts->speaks || call || block->text.n > 2;
    if (block->kind != BLOCK_HIDDEN)
        facts->content_bytes += (int64_t)json_string_bytes(block->text);
    if (call)
        facts->content_bytes += (int64_t)(json_string_bytes(block->name) + block->input.n);
}

int bedrock_answer_facts(struct str body, struct llm_facts *ret_facts)
{
    struct converse_answer answer;
    struct converse_blocks blocks;
    struct converse_block block;
    struct llm_facts facts = {0};
    int err = converse_answer_parse(body, &answer);
    if (!err && !answer.message.p && !answer.error.p)
        err = E_UPSTREAM_BODY;
    if (!err) {
        usage_take(answer.has_usage, &answer.usage, &facts);
        facts.has_choices = facts.any_choice = answer.message.p != NULL;
        facts.finished = answer.stop.n > 0;
    }
    converse_blocks_init(&blocks, err ? STR_NONE : answer.message);
    while (converse_block_next(&blocks, &block))
        block_count(&block, &facts);
    if (!err && !answer.message.p)
        error_read(answer.error, &facts);
    else if (!err && converse_is_broken(answer.stop))
        error_read(answer.stop, &facts);
    *ret_facts = facts;
    return err;
}

/* ---- events ---- */

/* The status that an exception has where it is an answer of its own; 0 for those that ask for
 * another try. */
static int status_of(struct str name)
{
    static const struct {
        struct str name;
        int status;
    } statuses[] = {
        {{"throttlingException", 19}, 429},         {{"serviceQuotaExceededException", 29}, 429},
        {{"validationException", 19}, 400},         {{"accessDeniedException", 21}, 403},
        {{"internalServerException", 23}, 500},     {{"modelTimeoutException", 21}, 408},
        {{"serviceUnavailableException", 27}, 503},
    };
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (str_eq(statuses[i].name, name))
            return statuses[i].status;
    return 0;
}

static void delta_count(const struct converse_event *e, struct llm_facts *facts)
{
    facts->has_choices = facts->any_choice = true;
    if (e->is_signature || e->block == BLOCK_OTHER)
        return;
    facts->speaks = e->text.n > 0;
    if (e->block != BLOCK_HIDDEN)
        facts->content_bytes = (int64_t)json_string_bytes(e->text);
}

int bedrock_event_facts(struct str name, struct str data, struct llm_facts *ret_facts)
{
    struct converse_event e;
    struct llm_facts facts = {0};
    int err = converse_event_parse(name, data, &e);
    switch (err ? CONVERSE_UNKNOWN : e.kind) {
    case CONVERSE_UNKNOWN:
        facts.unread = !err;
        break;
    case CONVERSE_BLOCK_START:
        facts.has_choices = facts.any_choice = true;
        facts.speaks = e.block == BLOCK_CALL;
        if (facts.speaks)
            facts.content_bytes = (int64_t)json_string_bytes(e.name);
        break;
    case CONVERSE_DELTA:
        delta_count(&e, &facts);
        break;
    case CONVERSE_MESSAGE_STOP:
        facts.has_choices = facts.any_choice = facts.finished = true;
        if (converse_is_broken(e.stop))
            error_read(e.stop, &facts);
        break;
    case CONVERSE_METADATA:
        usage_take(e.has_usage, &e.usage, &facts);
        facts.only_usage = e.has_usage;
        facts.done = true;
        break;
    case CONVERSE_FAILED:
        error_read(e.text, &facts);
        facts.error_status = status_of(name);
        break;
    case CONVERSE_MESSAGE_START:
    case CONVERSE_BLOCK_STOP:
        facts.has_choices = true;
        break;
    }
    *ret_facts = facts;
    return err;
}

/* ---- the row ---- */

static int path_make(const struct target *t, const struct wire *wire, bool stream,
                     struct arena *arena, struct str *ret_path)
{
    (void)wire;
    return bedrock_path(t->model, stream, arena, ret_path);
}

/* Each region has a host of its own; without a Bedrock API key, requests are signed. */
static int bedrock_open(struct provider *p, struct conf_doc *doc)
{
    const struct aws_settings *s = &p->settings->aws;
    bool half = (s->access_key.n > 0) != (s->secret_key.n > 0);
    if (s->region.n == 0 || half ||
        (p->settings->key.n == 0 && p->settings->api_keys.n == 0 && s->access_key.n == 0)) {
        conf_complain(doc, p->settings,
                      "kind bedrock needs aws.region, and a key (a Bedrock API key) or both "
                      "aws.access_key and aws.secret_key");
        return E_CONFIG;
    }
    p->base_url = arena_printf(p->arena, "https://bedrock-runtime.%.*s.amazonaws.com",
                               STR_ARGS(s->region));
    return p->base_url.p ? 0 : E_MEMORY;
}

static int header_add(struct http_headers *h, const char *name, struct str value)
{
    return value.p ? http_headers_add(h, str_from(name), value) : 0;
}

static int bedrock_sign(const struct provider *p, const struct provider_signing *s)
{
    const struct aws_settings *aws = &p->settings->aws;
    if (aws->access_key.n == 0)
        return 0;
    const struct sigv4_credentials credentials = {.access_key = aws->access_key,
                                                  .secret = aws->secret_key,
                                                  .session_token = aws->session_token};
    const struct sigv4_header signed_headers[] = {
        {STR("host"), http_headers_value(s->headers, FIELD_HOST)},
        {STR("content-type"), http_headers_value(s->headers, FIELD_CONTENT_TYPE)},
    };
    struct str query = s->path, path = str_cut(&query, '?');
    struct sigv4_request request = {.method = STR("POST"),
                                    .path = path,
                                    .query = query.p ? query : STR(""),
                                    .headers = signed_headers,
                                    .headers_n = ARRAY_LEN(signed_headers),
                                    .time_s = clock_wall_us() / 1000000,
                                    .region = aws->region,
                                    .service = STR(BEDROCK_SERVICE)};
    struct sigv4_headers made;
    int err = sigv4_hash(s->body, s->arena, &request.payload_hash);
    if (!err)
        err = sigv4_sign(&request, &credentials, s->arena, &made);
    if (!err)
        err = header_add(s->headers, "x-amz-date", made.date);
    if (!err)
        err = header_add(s->headers, "Authorization", made.authorization);
    return err ? err : header_add(s->headers, "x-amz-security-token", made.security_token);
}

static const struct wire *const bedrock_wires[] = {&wire_converse, NULL};

const struct provider_kind provider_bedrock = {
    .name = "bedrock",
    .summary = "Amazon Bedrock's Converse",
    .over_http = true,
    .transport = &transport_http,
    .wires = bedrock_wires,
    .open = bedrock_open,
    .path_make = path_make,
    .sign = bedrock_sign,
};
