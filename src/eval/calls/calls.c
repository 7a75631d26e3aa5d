#include "eval/calls/calls.h"

#include "base/json.h"

/* ---- the answer's ---- */

static int arguments_read(struct arena *a, yyjson_val *arguments, struct tool_call *call)
{
    yyjson_doc *doc;
    struct fault f = {0};
    if (yyjson_is_str(arguments)) {
        struct str text = str_trim(json_str(arguments));
        /* Some models write nothing where they give no arguments. */
        int err = json_parse(a, text.n ? text : STR("{}"), &doc, &f);
        if (err == E_MEMORY)
            return err;
        if (err) {
            call->wrong = arena_printf(a, "the arguments are no JSON: %s", fault_text(&f));
            return call->wrong.p ? 0 : E_MEMORY;
        }
        arguments = yyjson_doc_get_root(doc);
    }
    if (yyjson_is_obj(arguments)) {
        call->arguments = arguments;
        return 0;
    }
    call->wrong = arguments
                      ? arena_printf(a, "the arguments are %s, no object", values_kind(arguments))
                      : STR("the call has no arguments");
    return call->wrong.p ? 0 : E_MEMORY;
}

static int call_read(struct arena *a, yyjson_val *item, struct tool_call *call)
{
    yyjson_val *function = yyjson_obj_get(item, "function");
    yyjson_val *named = yyjson_is_obj(function) ? function : item;
    call->name = json_get_str(named, "name");
    if (call->name.n == 0) {
        call->shown = STR("(a call)");
        call->wrong = STR("it names no function");
        return 0;
    }
    call->shown = values_name(a, yyjson_obj_get(named, "name"), CALLS_NAME_BYTES);
    if (!call->shown.p)
        return E_MEMORY;
    return arguments_read(a, yyjson_obj_get(named, "arguments"), call);
}

int calls_read(struct arena *a, yyjson_val *calls, struct tool_calls *ret_calls)
{
    *ret_calls = (struct tool_calls){.n = 0};
    if (yyjson_is_obj(calls)) {
        yyjson_val *of_message = yyjson_obj_get(calls, "tool_calls");
        bool message = of_message || yyjson_obj_get(calls, "role");
        calls = message ? of_message : calls;
    }
    if (!calls || yyjson_is_null(calls))
        return 0;
    if (!yyjson_is_arr(calls)) {
        ret_calls->wrong = arena_printf(a, "the calls are %s, no list", values_kind(calls));
        return ret_calls->wrong.p ? 0 : E_MEMORY;
    }
    ret_calls->at = ARENA_ARRAY(a, struct tool_call, yyjson_arr_size(calls) + 1);
    if (!ret_calls->at)
        return E_MEMORY;
    yyjson_arr_iter each = yyjson_arr_iter_with(calls);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&each));) {
        int err = call_read(a, item, &ret_calls->at[ret_calls->n++]);
        if (err)
            return err;
    }
    return 0;
}

/* ---- the expected ones ---- */

#define FORMS                                                                                      \
    "expected {\"name\": ..., \"arguments\": {...}}, or {NAME: {ARGUMENT: [allowed values]}}"

/* BFCL's form: one member, whose name is the function's. */
static int allowed_read(yyjson_val *item, unsigned number, struct expected_call *call,
                        struct fault *f)
{
    yyjson_obj_iter each = yyjson_obj_iter_with(item);
    yyjson_val *key = yyjson_obj_iter_next(&each);
    call->name = json_str(key);
    call->arguments = yyjson_obj_iter_get_val(key);
    if (yyjson_obj_size(item) != 1 || !yyjson_is_obj(call->arguments))
        return fault_set(f, E_BAD_REQUEST, "call %u of `expected`: " FORMS, number);
    yyjson_obj_iter arguments = yyjson_obj_iter_with(call->arguments);
    while ((key = yyjson_obj_iter_next(&arguments)))
        if (!yyjson_is_arr(yyjson_obj_iter_get_val(key)))
            return fault_set(f, E_BAD_REQUEST,
                             "call %u of `expected`: %.*s's argument %.*s is %s; expected a list "
                             "of the values that are allowed",
                             number, STR_ARGS(str_head(call->name, 40)),
                             STR_ARGS(str_head(json_str(key), 40)),
                             values_kind(yyjson_obj_iter_get_val(key)));
    return 0;
}

/* {"name", "arguments"}, bare or as OpenAI's answers have it: {"function": {...}}, the arguments as
 * JSON in a text. */
static int expected_read(struct arena *a, yyjson_val *item, unsigned number,
                         yyjson_val *no_arguments, struct expected_call *call, struct fault *f)
{
    yyjson_val *function = yyjson_obj_get(item, "function");
    yyjson_val *named = json_get_str(function, "name").p ? function : item;
    call->name = json_get_str(named, "name");
    if (!call->name.p)
        return allowed_read(item, number, call, f);
    struct tool_call written = {.arguments = no_arguments};
    yyjson_val *arguments = yyjson_obj_get(named, "arguments");
    int err = arguments ? arguments_read(a, arguments, &written) : 0;
    if (!err && written.wrong.p)
        err = fault_set(f, E_BAD_REQUEST, "call %u of `expected`: %.*s", number,
                        STR_ARGS(written.wrong));
    call->exact = true;
    call->arguments = written.arguments;
    return err;
}

int calls_expected(struct arena *a, yyjson_val *expected, struct expected_calls *ret_expected,
                   struct fault *f)
{
    yyjson_doc *empty;
    *ret_expected = (struct expected_calls){.n = 0};
    if (!yyjson_is_arr(expected))
        return fault_set(f, E_BAD_REQUEST,
                         "`expected` is %s; expected a list of calls ([]: none is to be made)",
                         values_kind(expected));
    if (yyjson_arr_size(expected) > CALLS_MAX)
        return fault_set(f, E_BAD_REQUEST, "`expected` has %zu calls; at most %d",
                         yyjson_arr_size(expected), CALLS_MAX);
    ret_expected->at = ARENA_ARRAY(a, struct expected_call, yyjson_arr_size(expected) + 1);
    if (!ret_expected->at)
        return E_MEMORY;
    int err = json_parse(a, STR("{}"), &empty, f);
    yyjson_arr_iter each = yyjson_arr_iter_with(expected);
    for (yyjson_val *item; !err && (item = yyjson_arr_iter_next(&each));) {
        unsigned i = ret_expected->n++;
        err = expected_read(a, item, i + 1, yyjson_doc_get_root(empty), &ret_expected->at[i], f);
    }
    return err;
}
