#include "eval/traffic/suite_prompts.h"

#include <stdlib.h>

#include "base/json.h"
#include "llm/prompt.h"
#include "llm/wire.h"

#define CASE_BYTES_MAX (256u << 20)

void suite_prompts_fini(struct suite_prompts *p)
{
    free(p->at);
    *p = (struct suite_prompts){.at = NULL};
}

/* Cases of a suite mostly have the same one, so the last is looked at first. */
static int add(struct suite_prompts *p, uint64_t prompt)
{
    if (!prompt || (p->n > 0 && p->at[p->n - 1] == prompt))
        return 0;
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 64;
        uint64_t *more = reallocarray(p->at, cap, sizeof(*more));
        if (!more)
            return E_MEMORY;
        p->at = more;
        p->cap = cap;
    }
    p->at[p->n++] = prompt;
    return 0;
}

static int case_look(struct suite_prompts *p, const struct suite *suite, const struct suite_case *c,
                     struct fault *f)
{
    struct arena arena;
    struct str body;
    yyjson_doc *doc = NULL;
    arena_init_private(&arena, CASE_BYTES_MAX);
    int err = suite_request(suite, c, STR_NONE, &arena, &body, f);
    if (!err)
        err = json_parse(&arena, body, &doc, f);
    if (!err)
        err = add(p, prompt_of(&wire_openai_chat, yyjson_doc_get_root(doc)));
    if (!err)
        err = add(p, prompt_from_text(json_get_str(c->fields, "fingerprint")));
    arena_fini(&arena);
    return err;
}

int suite_prompts_add(struct suite_prompts *p, const struct suite *suite, struct fault *f)
{
    int err = 0;
    for (unsigned i = 0; i < suite->cases_n && !err; i++)
        err = case_look(p, suite, &suite->cases[i], f);
    return err;
}

int suite_prompts_load(struct suite_prompts *p, const char *path, struct fault *f)
{
    struct suite *suite = NULL;
    int err = suite_load(path, &suite, f);
    if (err == E_CONFIG)
        err = fault_set(f, err, "%s is no suite; `sluice eval check %s` says what is wrong", path,
                        path);
    const struct conf_doc *doc = suite ? suite->doc : NULL;
    if (err == E_IO && doc && conf_problem_count(doc) > 0)
        err = fault_set(f, err, "%s: %.*s", path, STR_ARGS(conf_problem(doc, 0)->text));
    if (!err)
        err = suite_prompts_add(p, suite, f);
    suite_free(suite);
    return err;
}
