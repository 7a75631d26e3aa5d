#include "llm/wire/parts.h"
#include "llm/wire.h"

#include <limits.h>
#include <openssl/evp.h>
#include <xxhash.h>

#define COUNT_MAX 1000000000000

int string_make(struct arena *a, struct str plain, struct str *ret_string)
{
    struct buf quoted;
    buf_init(&quoted, plain.n * 6 + 2);
    int err = json_quote(&quoted, plain);
    struct str s = err ? STR_NONE : arena_str(a, buf_view(&quoted));
    buf_fini(&quoted);
    if (!s.p)
        return E_MEMORY;
    *ret_string = s;
    return 0;
}

int64_t string_chars(struct str string)
{
    struct str raw = string.n > 2 ? json_string_raw(string) : STR_NONE;
    int64_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        if (c == '\\' && i + 1 < raw.n && raw.p[++i] == 'u') {
            /* The second half of a pair is none of its own. */
            bool low = i + 2 < raw.n && (raw.p[i + 1] | 0x20) == 'd' &&
                       (raw.p[i + 2] | 0x20) >= 'c';
            n += !low;
            i += 4;
        } else {
            n += (c & 0xc0) != 0x80;
        }
    }
    return n;
}

void left_out_put(struct buf *out, struct str left_out)
{
    if (left_out.n == 0)
        return;
    member_put(out, STR(LEFT_OUT_MEMBER));
    json_quote(out, left_out);
}

int input_from_string(struct arena *a, struct str string, struct str *ret_json)
{
    struct str plain;
    int err = json_unquote(a, string, &plain);
    if (err)
        return err == E_MEMORY ? err : E_BAD_REQUEST;
    plain = str_trim(plain);
    struct json_reader r;
    if (plain.n == 0) {
        *ret_json = STR("{}");
        return 0;
    }
    if (!json_reader_init(&r, plain))
        return E_BAD_REQUEST;
    if (json_enter(&r, '{'))
        do {
            (void)json_take_key(&r);
            (void)json_take(&r);
        } while (json_more(&r, '{'));
    if (!json_reader_good(&r))
        return E_BAD_REQUEST;
    *ret_json = plain;
    return 0;
}

/* ---- media ---- */

bool is_plain_type(struct str type)
{
    for (size_t i = 0; i < type.n; i++) {
        char c = type.p[i];
        bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!letter && c != '/' && c != '+' && c != '-' && c != '.')
            return false;
    }
    return type.n > 0;
}

int media_from_url(struct arena *a, struct str string, struct chat_media *m)
{
    struct str raw = json_string_raw(string), plain = raw;
    if (memchr(raw.p, '\\', raw.n)) {
        int err = json_unquote(a, string, &plain);
        if (err)
            return err == E_MEMORY ? err : E_BAD_REQUEST;
    }
    if (!str_starts_nocase(plain, STR("data:"))) {
        m->form = MEDIA_URL;
        m->data = string;
        return 0;
    }
    ptrdiff_t comma = str_find(plain, STR(","));
    struct str head = comma < 0 ? STR_NONE : str_of(plain.p + 5, (size_t)comma - 5);
    struct str digits = comma < 0 ? STR_NONE : str_tail(plain, (size_t)comma + 1);
    if (!str_ends(head, STR(";base64")) || digits.n == 0)
        return E_BAD_REQUEST;
    head.n -= 7;
    m->form = MEDIA_BASE64;
    m->type = str_cut(&head, ';'); /* without parameters */
    if (plain.p != raw.p)          /* there were escapes */
        return string_make(a, digits, &m->data);
    m->data = arena_printf(a, "\"%.*s\"", STR_ARGS(digits));
    return m->data.p ? 0 : E_MEMORY;
}

int media_put_url(struct buf *out, const struct chat_media *m)
{
    if (m->form == MEDIA_URL)
        return buf_str(out, m->data);
    buf_str(out, STR("\"data:"));
    json_escape(out, m->type.n ? m->type : STR("application/octet-stream")); /* the client's word */
    buf_str(out, STR(";base64,"));
    buf_str(out, json_string_raw(m->data));
    buf_char(out, '"');
    return out->failed;
}

/* In pieces, so that no memory of the whole's size is needed; each but the last is threes of bytes.
 */
int base64_put(struct buf *out, struct str bytes)
{
    unsigned char digits[4 * 256 + 1];
    while (bytes.n > 0 && !out->failed) {
        size_t n = bytes.n < 3 * 256 ? bytes.n : 3 * 256;
        int made = EVP_EncodeBlock(digits, (const unsigned char *)bytes.p, (int)n);
        buf_add(out, digits, (size_t)made);
        bytes = str_tail(bytes, n);
    }
    return out->failed;
}

/* OpenSSL passes over white space around the digits, and takes '=' among them for a digit, and asks
 * for padding; what comes out too short, or has one within, is no base64 here. */
int base64_read(struct arena *a, struct str digits, struct str *ret_bytes)
{
    while (digits.n > 0 && digits.p[digits.n - 1] == '=')
        digits.n--;
    size_t padding = (4 - digits.n % 4) % 4, n = digits.n + padding;
    if (padding == 3 || n > INT_MAX || (digits.n && memchr(digits.p, '=', digits.n)))
        return E_BAD_REQUEST;
    char *padded = arena_alloc(a, n + 1), *to = arena_alloc(a, n / 4 * 3 + 1);
    if (!padded || !to)
        return E_MEMORY;
    memcpy(padded, digits.n ? digits.p : "", digits.n);
    memset(padded + digits.n, '=', padding);
    int made = EVP_DecodeBlock((unsigned char *)to, (const unsigned char *)padded, (int)n);
    if (made < 0 || (size_t)made != n / 4 * 3)
        return E_BAD_REQUEST;
    *ret_bytes = str_of(to, (size_t)made - padding);
    return 0;
}

/* ---- lists ---- */

void member_put_strings(struct buf *out, struct str name, const struct chat_string *list)
{
    if (!list)
        return;
    member_put(out, name);
    buf_char(out, '[');
    for (; list; list = list->next) {
        element_put(out);
        buf_str(out, list->text);
    }
    buf_char(out, ']');
}

void members_put(struct buf *out, const struct chat_member *members)
{
    for (; members; members = members->next)
        member_put_json(out, json_string_raw(members->name), members->value);
}

bool members_have(const struct chat_member *m, struct str name)
{
    while (m && !string_is(m->name, name))
        m = m->next;
    return m != NULL;
}

bool blocks_have(const struct chat_block *b, enum chat_block_kind kind)
{
    while (b && b->kind != kind)
        b = b->next;
    return b != NULL;
}

/* ---- calls, and messages that say nothing ---- */

static bool is_id(struct str raw, struct id_rule rule)
{
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-';
        if (!word && (rule.words || c == '\\'))
            return false;
    }
    return raw.n > 0 && raw.n <= rule.bytes_max;
}

int call_id_put(struct buf *out, struct str string, struct id_rule rule)
{
    struct str raw = string.n ? json_string_raw(string) : STR_NONE;
    if (is_id(raw, rule))
        return buf_str(out, string);
    XXH128_hash_t hash = XXH3_128bits(raw.p ? raw.p : "", raw.n);
    return buf_printf(out, "\"call_%016llx%016llx\"", (unsigned long long)hash.high64,
                      (unsigned long long)hash.low64);
}

const struct chat_message *results_end(const struct chat_message *m)
{
    do
        m = m->next;
    while (m && m->role == ROLE_USER && blocks_have(m->blocks, BLOCK_RESULT));
    return m;
}

bool string_is_blank(struct str string)
{
    struct str raw = string.n ? json_string_raw(string) : STR_NONE;
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '\\' && i + 1 < raw.n && strchr("nrtf", raw.p[i + 1]))
            i++;
        else if (raw.p[i] != ' ')
            return false;
    }
    return true;
}

int message_leave_out(const struct chat_message *m, bool user_before, const char *provider,
                      struct fault *f)
{
    if (m->next || m->role != ROLE_USER || user_before)
        return 0;
    return fault_set(f, E_UNSUPPORTED,
                     "%s takes no message without content, and the last one, which it has to "
                     "answer, has none",
                     provider);
}

/* ---- thinking ---- */

static struct str maker_of(struct str seal)
{
    size_t n = 0;
    while (n < seal.n && seal.p[n] >= 'a' && seal.p[n] <= 'z')
        n++;
    return n > 0 && n < seal.n && seal.p[n] == ':' ? str_head(seal, n + 1) : STR("");
}

/* OpenAI's own in an answer that went to its client as it came. It is a Fernet token, whose first
 * bytes are its version and the time; Anthropic's begin otherwise. */
static bool is_openai_bare(struct str seal)
{
    return str_starts(seal, STR("gAAAA"));
}

enum seal thinking_seal(const struct chat_block *b, struct str maker, struct str *ret_seal)
{
    struct str string = b->kind == BLOCK_HIDDEN ? b->text : b->signature;
    *ret_seal = STR_NONE;
    if (string.n <= 2)
        return SEAL_NONE;
    struct str seal = json_string_raw(string), of = maker_of(seal);
    if (!str_eq(of.n == 0 && is_openai_bare(seal) ? STR(MAKER_OPENAI) : of, maker))
        return SEAL_FOREIGN;
    *ret_seal = str_tail(seal, of.n);
    return SEAL_OWN;
}

/* ---- what OpenAI's two protocols have in common ---- */

static int64_t part_of(int64_t whole, struct str details, struct str name)
{
    int64_t n = count_of(member_peek(details, name, VALUE_COUNT), 0);
    return n < whole ? n : whole;
}

void tokens_of_parts(int64_t prompt, struct str prompt_details, int64_t completion,
                     struct str completion_details, int64_t total, struct tokens *ret_tokens)
{
    int64_t thought = part_of(INT64_MAX, completion_details, STR("reasoning_tokens"));
    completion = tokens_with_reasoning(prompt, completion, thought, total);
    int64_t cached = part_of(prompt, prompt_details, STR("cached_tokens"));
    int64_t written = part_of(prompt - cached, prompt_details, STR("cache_write_tokens"));
    int64_t reasoning = thought < completion ? thought : completion;
    *ret_tokens = (struct tokens){.input = prompt - cached - written,
                                  .cached = cached,
                                  .cache_write = written,
                                  .output = completion - reasoning,
                                  .reasoning = reasoning,
                                  .source = TOKENS_PROVIDER};
}

struct str effort_of_thinking(const struct chat_request *r)
{
    if (r->thinking == THINK_OFF)
        return STR("\"none\"");
    if (r->thinking != THINK_BUDGET)
        return STR_NONE;
    return r->thinking_budget < 4096    ? STR("\"low\"")
           : r->thinking_budget < 16384 ? STR("\"medium\"")
                                        : STR("\"high\"");
}

/* ---- small things ---- */

int64_t count_of(struct str json, int64_t absent)
{
    uint64_t n = 0;
    return json_to_u64(json, COUNT_MAX, &n) ? (int64_t)n : absent;
}

void frame_begin(struct buf *out, struct str name)
{
    if (name.p) {
        buf_str(out, STR("event: "));
        buf_str(out, name);
        buf_char(out, '\n');
    }
    buf_str(out, STR("data: "));
}

void frame_end(struct buf *out)
{
    buf_str(out, STR("\n\n"));
}
