/* wires.c: the protocols there are, and whether one can carry a request. */
#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "llm/names.h"
#include "llm/wire.h"

const struct wire *const wires[] = {
    &wire_openai_chat, &wire_gemini, &wire_converse, &wire_anthropic, &wire_responses, NULL,
};

const struct wire *wire_find(struct str name)
{
    for (const struct wire *const *w = wires; *w; w++)
        if (str_eq(str_from((*w)->name), name))
            return *w;
    return NULL;
}

int wire_ask(const struct wire *wire, struct str body, struct arena *arena,
             struct llm_request *ret_request, struct fault *f)
{
    int err = wire->ask_read(body, arena, ret_request, f);
    ret_request->wire = wire;
    if (UNLIKELY(!err && ret_request->may_name))
        err = names_read(body, arena, ret_request, f);
    return err;
}

/* A member that sluice does not know is named: who asks has to find it. */
static int member_refused(const struct wire *to, const struct chat_request *r, struct fault *f)
{
    struct str name;
    int err = json_unquote(r->arena, r->other, &name);
    if (err)
        return err == E_MEMORY ? err : E_BAD_REQUEST;
    if (f && !f->err && name.n < sizeof(f->param))
        (void)snprintf(f->param, sizeof(f->param), "%.*s", STR_ARGS(name));
    return fault_set(f, E_UNSUPPORTED,
                     "%s has nothing for the member '%.*s', which sluice does not know; leave it "
                     "out, or ask a model of a provider that has it (docs/providers.md)",
                     to->name, STR_ARGS(str_head_utf8(name, FAULT_PARAM_BYTES)));
}

static int refused(const struct wire *to, const struct chat_request *r, enum chat_feature feature,
                   struct fault *f)
{
    if (feature == CHAT_OTHER_MEMBER && r->other.n > 2)
        return member_refused(to, r, f);
    const char *note = to->carries[feature].note;
    return fault_set(f, E_UNSUPPORTED,
                     "%s has nothing for %s%s%s; leave it out, or ask a model of "
                     "a provider that has it (docs/providers.md)",
                     to->name, chat_feature_text(feature), note ? ": " : "", note ? note : "");
}

int wire_check(const struct wire *to, const struct chat_request *r, struct str *ret_left_out,
               struct fault *f)
{
    *ret_left_out = STR_NONE;
    struct buf names;
    buf_init(&names, 4096);
    int err = 0;
    for (unsigned i = 0; i < CHAT_FEATURE_COUNT && !err; i++) {
        if (!chat_has(r, i))
            continue;
        if (to->carries[i].how == WIRE_REFUSES)
            err = refused(to, r, i, f);
        else if (to->carries[i].how == WIRE_LEAVES)
            buf_printf(&names, "%s%s", names.n ? ", " : "", chat_feature_text(i));
    }
    if (!err && names.n) {
        *ret_left_out = arena_str(r->arena, buf_view(&names));
        err = names.failed || !ret_left_out->p ? E_MEMORY : 0;
    }
    buf_fini(&names);
    return err;
}
