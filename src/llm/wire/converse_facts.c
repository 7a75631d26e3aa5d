/*
 * converse_facts.c: frames of Converse's streams as events, and what answers and events say.
 */
#include "llm/bedrock.h"
#include "llm/wire/converse.h"

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
    bool other = block->kind == BLOCK_OTHER && block->other < ANSWER_PART_COUNT;
    facts->speaks = facts->speaks || call || other || block->text.n > 2;
    if (block->kind != BLOCK_HIDDEN && block->kind != BLOCK_IMAGE)
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
