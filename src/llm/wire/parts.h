/*
 * parts.h: pieces that the wires' readers and writers share.
 *
 * "string", "json" and "plain" as in llm/chat.h.
 */
#ifndef LLM_WIRE_PARTS_H
#define LLM_WIRE_PARTS_H

#include "base/buf.h"
#include "base/json.h"
#include "llm/chat.h"
#include "llm/wire/reading.h"

/* A plain text as a string, in the arena. */
MUSTCHECK int string_make(struct arena *a, struct str plain, struct str *ret_string);
/* Does the string say exactly this? (`word` has no characters that need escapes.) */
static inline bool string_is(struct str string, struct str word)
{
    return string.n == word.n + 2 && string.p[0] == '"' &&
           str_eq(str_of(string.p + 1, word.n), word);
}

/* Characters (code points) of a string's text. */
int64_t string_chars(struct str string);
/* The member LEFT_OUT_MEMBER, where anything was left out. */
void left_out_put(struct buf *out, struct str left_out);

/*
 * A tool call's input, which some protocols write as an object and others as a string of JSON.
 * From a string: E_BAD_REQUEST where it is no JSON object; an empty string is {}.
 */
MUSTCHECK int input_from_string(struct arena *a, struct str string, struct str *ret_json);
static inline int input_put_string(struct buf *out, struct str json)
{
    return json_quote(out, json);
}

/* A media type of nothing but letters, digits and / + - . so that it may stand in a string. */
bool is_plain_type(struct str type);
/* "data:image/png;base64,AAAA" or a URL, in one string. E_BAD_REQUEST for a data URL that is not
 * base64 or has no digits. */
MUSTCHECK int media_from_url(struct arena *a, struct str string, struct chat_media *ret_media);
/* The other way, as a string; for MEDIA_BASE64 and MEDIA_URL. */
int media_put_url(struct buf *out, const struct chat_media *media);
/* Plain bytes as base64 digits (RFC 4648 with padding), and back; for documents of plain text. */
int base64_put(struct buf *out, struct str bytes);
MUSTCHECK int base64_read(struct arena *a, struct str digits, struct str *ret_bytes);

/* {"a":1 ,"b":2 ...: a comma where something stands before, then the name and a colon. */
static inline void member_put(struct buf *out, struct str name)
{
    char last = out->n ? out->p[out->n - 1] : '{';
    if (last != '{' && last != '[')
        buf_char(out, ',');
    buf_char(out, '"');
    buf_str(out, name);
    buf_str(out, STR("\":"));
}
/* The same with its value; nothing where that is not given. */
static inline void member_put_json(struct buf *out, struct str name, struct str json)
{
    if (json.n == 0)
        return;
    member_put(out, name);
    buf_str(out, json);
}
static inline void member_put_i64(struct buf *out, struct str name, int64_t n)
{
    member_put(out, name);
    buf_i64(out, n);
}
/* A string; "" where it is not given. */
static inline void string_put(struct buf *out, struct str string)
{
    buf_str(out, string.n ? string : STR("\"\""));
}
static inline void member_put_string(struct buf *out, struct str name, struct str string)
{
    member_put(out, name);
    string_put(out, string);
}
/* A list of them; nothing where it is empty. */
void member_put_strings(struct buf *out, struct str name, const struct chat_string *list);
/* Members as they stood. */
void members_put(struct buf *out, const struct chat_member *members);
bool members_have(const struct chat_member *members, struct str name);
/* A comma before an element of a list, but for the first. */
static inline void element_put(struct buf *out)
{
    if (out->n && out->p[out->n - 1] != '[')
        buf_char(out, ',');
}

/*
 * The ids of calls that a provider takes: how long, in bytes, and whether of letters, digits, _ and
 * - alone. Others make other ones: Gemini's have a signature behind them (gemini.h), Kimi's a
 * colon.
 */
struct id_rule {
    size_t bytes_max;
    bool words;
};
/* The id as it is, or where the provider would refuse it, its hash, which is the same in a call and
 * in its result; as a string. */
int call_id_put(struct buf *out, struct str string, struct id_rule rule);

/* A turn's results may come in several messages: the first behind `m` that has none. */
const struct chat_message *results_end(const struct chat_message *m);
/* Nothing but white space, which Anthropic and Bedrock refuse as a text. */
bool string_is_blank(struct str string);
/*
 * For a message of which a provider that takes no empty ones would get nothing: it goes without a
 * trace, since it says nothing. But the user's last one is to be answered: E_UNSUPPORTED, unless
 * there is what the user said before it (`user_before`: the last message that was written).
 */
MUSTCHECK int message_leave_out(const struct chat_message *m, bool user_before,
                                const char *provider, struct fault *f);

/* A count in JSON, 0 to 10^12, else `absent`. */
int64_t count_of(struct str json, int64_t absent);

static inline bool message_is_system(const struct chat_message *m)
{
    return m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER;
}
bool blocks_have(const struct chat_block *blocks, enum chat_block_kind kind);

/*
 * A usage as OpenAI has it, where cached_tokens and cache_write_tokens are parts of the prompt and
 * reasoning_tokens of the completion. Some servers report more of a part than of the whole; the
 * whole is what is billed.
 */
void tokens_of_parts(int64_t prompt, struct str prompt_details, int64_t completion,
                     struct str completion_details, int64_t total, struct tokens *ret_tokens);
/* What OpenAI's efforts make of a budget, and of thinking switched off; STR_NONE for the rest. */
struct str effort_of_thinking(const struct chat_request *r);

/*
 * Thinking that is sealed, by a signature or by being encrypted, can be used by its maker alone.
 * Between clients and providers the seal has its maker's name in front; Anthropic's, which are the
 * same on Bedrock, have none, and are base64, where no colon is. OpenAI's have none either where
 * its answers were passed on, and are known by how they begin. Every writer of requests asks this
 * before it writes thinking, and no seal goes to a provider that it is not of.
 */
#define MAKER_ANTHROPIC ""
#define MAKER_GEMINI    "gemini:"
#define MAKER_OPENAI    "openai:"
enum seal { SEAL_NONE, SEAL_OWN, SEAL_FOREIGN };
/* Of a thinking or hidden block. *ret_seal is what is the maker's own of it, without quotes. */
enum seal thinking_seal(const struct chat_block *b, struct str maker, struct str *ret_seal);

/* "event: NAME\ndata: " ... "\n\n"; name may be STR_NONE. */
void frame_begin(struct buf *out, struct str name);
void frame_end(struct buf *out);

#endif
