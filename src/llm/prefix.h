/*
 * prefix.h: messages that the configuration puts in front of a request's own.
 *
 * A name of `models`, or an item of a lane, may carry a system prompt and worked examples (few-shot
 * prompts, Brown et al. 2020, arXiv:2005.14165). They are compiled once, into the JSON that goes
 * out, and reach a request as edits of the client's body: all of its bytes stay as they came. Each
 * wire knows where they belong (wire.h: prefix_edit); what wires have in common is here.
 *
 * The system text stands in front of everything. The examples stand in front of the conversation,
 * but behind the system messages that lead it: many models' templates refuse a system message
 * further down. Nothing here yields.
 */
#ifndef LLM_PREFIX_H
#define LLM_PREFIX_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "conf/conf.h"
#include "llm/request.h"

#define PREFIX_BYTES_MAX (256u * 1024) /* as JSON */

/* Compiled; it lives in the configuration's arena. */
struct prefix {
    struct str name;    /* where it stands: "models.helper", "lanes.cheap" */
    struct str system;  /* its system texts, a blank line between, escaped; n == 0: none */
    struct str items;   /* `,{...},{...},`: a system message, then the examples */
    size_t examples_at; /* the comma in front of the first example; the last one: there is none */
};

/* From a list of struct message_settings; *ret_prefix is NULL where it is empty. E_CONFIG, with the
 * complaint at its line in `doc`. */
MUSTCHECK int prefix_compile(struct conf_doc *doc, const struct conf_list *messages,
                             struct str name, const struct prefix **ret_prefix);

static inline bool prefix_has_examples(const struct prefix *p)
{
    return p->examples_at + 1 < p->items.n;
}

/* What it adds to a request, about; NULL adds nothing. */
static inline int64_t prefix_bytes(const struct prefix *p)
{
    return p ? (int64_t)p->items.n : 0;
}

/*
 * For wires. The edits that put the examples (and, `system`, the system text as a message) into the
 * list of messages at `at`. E_BAD_REQUEST where `member` is no list.
 */
MUSTCHECK int prefix_edit_list(const struct prefix *p, bool system, const struct llm_request *r,
                               const char *member, struct llm_edits *edits, struct fault *f);
/*
 * The edit that puts the system text in front of `member`, a text at r->system_at, or makes that
 * member. `blocks`: it may be a list of Anthropic's text blocks, too. E_BAD_REQUEST where it is
 * something else.
 */
MUSTCHECK int prefix_edit_text(const struct prefix *p, bool blocks, const struct llm_request *r,
                               const char *member, struct arena *arena, struct llm_edits *edits,
                               struct fault *f);
/* The same edits as prefix_edit_list for a list that is not there, or is one text: such a text
 * becomes the message behind them. */
MUSTCHECK int prefix_edit_input(const struct prefix *p, const struct llm_request *r,
                                const char *member, struct arena *arena, struct llm_edits *edits,
                                struct fault *f);

/* The request's body with its prefix, as a text in the arena; a body that has none as it is.
 * E_UNSUPPORTED where the request's protocol has no place for messages. */
MUSTCHECK int prefix_body(const struct prefix *p, const struct llm_request *r, struct arena *arena,
                          struct str *ret_body, struct fault *f);
/* The edits alone, which borrow from the prefix and the arena; `p` may be NULL. Errors as above. */
MUSTCHECK int prefix_edits(const struct prefix *p, const struct llm_request *r, struct arena *arena,
                           struct llm_edits *edits, struct fault *f);

#endif
