/*
 * facts.h: what the house has to know of an answer, or of one event of a stream, in whatever
 * protocol: what it took, whether it is one at all, and where it ends.
 */
#ifndef LLM_FACTS_H
#define LLM_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"
#include "llm/tokens.h"

struct llm_facts {
    bool has_usage;
    struct tokens usage;    /* all that is known so far, for an event */
    enum service_tier tier; /* how it was served, where it says so */
    int64_t content_bytes;  /* of text and tool arguments, for estimates */
    bool speaks;            /* there is content of any kind; a role alone is none */
    bool has_error;         /* an error object in place of an answer */
    int error_status;       /* as its code says; 0 when it says none */
    struct str error_text;  /* valid until the next read */
    bool unread;            /* an event that is not this protocol's: it goes on as it came */
    int64_t next_number;    /* of the event behind this one, where a stream's have numbers; or 0 */
    bool finished;          /* the answer is whole */
    bool done;              /* and nothing comes behind: "[DONE]", message_stop */
    /* Has ids in it that the provider may know again later, for wire.kept_each; valid until the
     * next read. NULL: it has none. */
    yyjson_val *kept;
    bool keeps;    /* while it is read: `kept` will be wanted */
    bool not_kept; /* it says that the answer is not stored; the ids of a stream's later events too
                    */
    /* OpenAI's alone, for usage that is to be cut out. */
    bool only_usage; /* an event without choices: it is there for the usage alone */
    bool has_usage_member, has_choices, any_choice;
    struct json_span
        usage_cut; /* the usage member with one comma; to == 0: there is none, or two */
};

/* OpenAI's words. "fast" is what it calls priority by now; "auto" is a wish, and nothing that an
 * answer could have got. */
static inline enum service_tier facts_tier(struct str word)
{
    return str_eq(word, STR("default"))                                 ? TIER_STANDARD
           : str_eq(word, STR("flex"))                                  ? TIER_FLEX
           : str_eq(word, STR("priority")) || str_eq(word, STR("fast")) ? TIER_PRIORITY
           : str_eq(word, STR("ultrafast"))                             ? TIER_FASTEST
                                                                        : TIER_UNSAID;
}
/* Anthropic's. */
static inline enum service_tier facts_speed(struct str word)
{
    return str_eq(word, STR("standard")) ? TIER_STANDARD
           : str_eq(word, STR("fast"))   ? TIER_FASTEST
                                         : TIER_UNSAID;
}

/* The status that an error's code is, where it is a number, as llama.cpp's are in every protocol;
 * else 0. */
static inline int facts_status_of_code(yyjson_val *error)
{
    int64_t code = json_get_i64(error, "code", 0);
    return code >= 400 && code <= 599 ? (int)code : 0;
}

#endif
