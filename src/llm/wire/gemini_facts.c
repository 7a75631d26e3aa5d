/*
 * gemini_facts.c: what answers and events of Gemini's say.
 */
#include "llm/gemini.h"
#include "llm/wire/gemini.h"
#include "llm/wire/parts.h"

/* ---- errors ---- */

/* Gemini says 400 to a key that it does not know, and why in a detail. */
static bool is_key_refused(yyjson_val *error)
{
    size_t i, n;
    yyjson_val *detail;
    yyjson_arr_foreach(yyjson_obj_get(error, "details"), i, n, detail)
    {
        if (str_eq(json_get_str(detail, "reason"), STR("API_KEY_INVALID")))
            return true;
    }
    return false;
}

static void error_read(struct str text, struct llm_facts *facts)
{
    yyjson_val *error = json_peek(text);
    int64_t code = json_get_i64(error, "code", 0);
    facts->has_error = true;
    facts->error_text = json_get_str(error, "message");
    facts->error_status = is_key_refused(error) ? 401 : code >= 400 && code <= 599 ? (int)code : 0;
}

/* Why it could not be finished, in words where there are some. */
static void broken_read(const struct gemini_piece *piece, struct llm_facts *facts)
{
    facts->has_error = true;
    facts->error_text = json_str(json_peek(piece->finished.n ? piece->finished : piece->finish));
    if (!piece->finished.n && string_is(piece->finish, STR("OTHER")))
        facts->error_text = STR("the answer was broken off, for a reason that Google does not "
                                "tell (finishReason OTHER)");
}

/* ---- answers ---- */

static void part_count(const struct gemini_part *part, struct llm_facts *facts)
{
    facts->content_bytes += (int64_t)json_string_bytes(part->text);
    if (part->kind == PART_CALL)
        facts->content_bytes += (int64_t)(json_string_bytes(part->name) + part->args.n);
    /* A signature alone says nothing to anybody. */
    bool other = part->kind == PART_CALL || part->kind == PART_IMAGE || part->kind == PART_OTHER;
    facts->speaks = facts->speaks || other || part->text.n > 0;
}

static int facts_read(struct str body, struct llm_facts *ret_facts)
{
    struct gemini_piece piece;
    int err = gemini_piece_read(body, &piece);
    struct llm_facts facts = {.has_usage = piece.has_usage,
                              .has_usage_member = piece.has_usage,
                              .usage = piece.usage,
                              .has_choices = piece.has_candidate || piece.blocked.n > 0,
                              .any_choice = piece.has_candidate,
                              .only_usage = piece.has_usage && !piece.has_candidate,
                              .finished = piece.finish.n > 0 || piece.blocked.n > 0};
    struct gemini_parts parts;
    struct gemini_part part;
    gemini_parts_init(&parts, err ? STR_NONE : piece.content);
    while (gemini_part_next(&parts, &part))
        part_count(&part, &facts);
    if (!err && piece.error.n)
        error_read(piece.error, &facts);
    else if (!err && gemini_is_broken(piece.finish))
        broken_read(&piece, &facts);
    *ret_facts = facts;
    return err;
}

int gemini_answer_facts(struct str body, struct llm_facts *ret_facts)
{
    int err = facts_read(body, ret_facts);
    bool empty = !ret_facts->has_error && !ret_facts->has_choices;
    return !err && empty ? E_UPSTREAM_BODY : err;
}

int gemini_event_facts(struct str name, struct str data, struct llm_facts *ret_facts)
{
    bool ours = name.n == 0 || str_eq(name, STR("message")) || str_eq(name, STR("error"));
    if (ours && str_trim(data).n > 0)
        return facts_read(data, ret_facts);
    *ret_facts = (struct llm_facts){.unread = true};
    return 0;
}
