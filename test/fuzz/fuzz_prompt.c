/*
 * fuzz_prompt.c: whatever bytes come as a request: the fingerprint of its prompt is the same by its
 * bytes, from memory and by its parsed form.
 */
#include "base/json.h"
#include "fuzz.h"
#include "llm/prompt.h"
#include "llm/wire.h"

static struct prompt_memo memo;

static void check(const struct wire *wire, struct str body)
{
    struct arena a;
    struct llm_request r;
    yyjson_doc *doc = NULL;
    char text[PROMPT_CHARS + 1];
    arena_init(&a, 64u << 20);
    if (wire_ask(wire, body, &a, &r, NULL) == 0) {
        uint64_t first = prompt_of_request(&r, &memo);
        MUST(prompt_of_request(&r, &memo) == first);
        MUST(prompt_from_text(str_from(prompt_text(first, text))) == first);
        if (json_parse(&a, body, &doc, NULL) == 0) /* half a surrogate pair is not parsed */
            MUST(prompt_of(wire, yyjson_doc_get_root(doc)) == first);
    }
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    check(&wire_openai_chat, text);
    check(&wire_anthropic, text);
    check(&wire_responses, text);
    return 0;
}
