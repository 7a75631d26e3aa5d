/* test_chat.c: what shows only in the whole of a chat, and lists that are long. */
#include "base_test.h"
#include "llm/chat.h"

#define ARENA_BYTES (512u << 20)

static struct str id_make(struct arena *a, unsigned i)
{
    struct str id = arena_printf(a, "\"call_%u\"", i);
    assert_non_null(id.p);
    return id;
}

static struct chat_block *block(struct chat_request *r, struct chat_message *m,
                                enum chat_block_kind kind, unsigned id)
{
    struct chat_block *b = chat_block_new(r->arena, &m->blocks, kind);
    assert_non_null(b);
    b->id = id_make(r->arena, id);
    return b;
}

/* A chat whose model made `n` calls, with their results in the opposite order. */
static struct chat_request calls(struct arena *a, unsigned n)
{
    struct chat_request r = {.arena = a};
    struct chat_message *m = chat_message_new(&r, NULL, ROLE_USER);
    m = chat_message_new(&r, m, ROLE_ASSISTANT);
    for (unsigned i = 0; i < n; i++)
        block(&r, m, BLOCK_CALL, i);
    m = chat_message_new(&r, m, ROLE_USER);
    for (unsigned i = n; i-- > 0;)
        block(&r, m, BLOCK_RESULT, i);
    return r;
}

/* So many that a look at each pair of them would take minutes, and this test its time limit. */
static void many_calls_and_results_are_quick(void **state)
{
    (void)state;
    struct arena a;
    struct fault f = {0};
    arena_init_private(&a, ARENA_BYTES);
    struct chat_request r = calls(&a, 200000);
    assert_int_equal(chat_settle(&r, &f), 0);
    assert_true(chat_has(&r, CHAT_CALLS));
    for (unsigned i = 0; i < 200000; i++) {
        assert_int_equal(chat_stop_add(&r, STR("\"x\"")), 0);
        assert_int_equal(chat_member_add(&r, &r.others, STR("\"x\""), STR("1")), 0);
        assert_non_null(chat_tool_new(&r));
    }
    arena_fini(&a);
}

static void calls_and_results_belong_together(void **state)
{
    (void)state;
    struct arena a;
    struct fault f = {0};
    arena_init_private(&a, ARENA_BYTES);
    struct chat_request r = calls(&a, 100);
    block(&r, r.messages->next, BLOCK_CALL, 57);
    assert_int_equal(chat_settle(&r, &f), E_BAD_REQUEST);
    assert_string_equal(f.text, "messages.1: two tool calls have the same id, \"call_57\"");

    r = calls(&a, 100);
    block(&r, r.messages->next->next, BLOCK_RESULT, 100);
    fault_clear(&f);
    assert_int_equal(chat_settle(&r, &f), E_BAD_REQUEST);
    assert_non_null(strstr(f.text, "messages.2: a tool result for the call \"call_100\""));

    /* A system prompt from outside of the list is none of its places. */
    r.system_apart = true;
    fault_clear(&f);
    assert_int_equal(chat_settle(&r, &f), E_BAD_REQUEST);
    assert_non_null(strstr(f.text, "messages.1: a tool result"));

    /* A provider that keeps what was before may know it. */
    r.system_apart = false;
    chat_param(&r, CHAT_PREVIOUS, STR("\"resp_1\""));
    assert_int_equal(chat_settle(&r, &f), 0);

    /* Behind what a person says, no result is due. */
    r = calls(&a, 1);
    struct chat_message *said = chat_message_new(&r, r.messages->next, ROLE_USER);
    block(&r, said, BLOCK_TEXT, 0);
    said->next = chat_message_new(&r, said, ROLE_USER);
    block(&r, said->next, BLOCK_RESULT, 0);
    assert_int_equal(chat_settle(&r, &f), E_BAD_REQUEST);
    arena_fini(&a);
}

/* Some servers begin anew with call_0 in every answer, and others refuse such a conversation. */
static void ids_that_come_again_are_told_apart(void **state)
{
    (void)state;
    struct arena a;
    struct fault f = {0};
    arena_init_private(&a, ARENA_BYTES);
    struct chat_request r = calls(&a, 2);
    struct chat_message *m = r.messages->next->next;
    for (unsigned turn = 0; turn < 2; turn++) {
        m = chat_message_new(&r, m, ROLE_ASSISTANT);
        block(&r, m, BLOCK_CALL, 7 + turn);
        block(&r, m, BLOCK_CALL, 0);
        m = chat_message_new(&r, m, ROLE_USER);
        block(&r, m, BLOCK_RESULT, 0);
    }
    assert_int_equal(chat_settle(&r, &f), 0);
    static const char *const want[] = {
        "\"call_0\"",    "\"call_1\"",    "\"call_1\"", "\"call_0\"",    "\"call_7\"",
        "\"m3_call_0\"", "\"m3_call_0\"", "\"call_8\"", "\"m5_call_0\"", "\"m5_call_0\""};
    size_t n = 0;
    for (m = r.messages; m; m = m->next)
        for (const struct chat_block *b = m->blocks; b; b = b->next)
            assert_true(str_eq(b->id, str_from(want[n++])));
    assert_int_equal(n, ARRAY_LEN(want));

    /* One that is called so already. */
    r = calls(&a, 1);
    r.messages->next->blocks->id = r.messages->next->next->blocks->id = STR("\"m3_call_0\"");
    m = chat_message_new(&r, r.messages->next->next, ROLE_ASSISTANT);
    block(&r, m, BLOCK_CALL, 0);
    m = chat_message_new(&r, m, ROLE_ASSISTANT);
    block(&r, m, BLOCK_CALL, 0);
    m->blocks->id = STR("\"m3_call_0\"");
    assert_int_equal(chat_settle(&r, &f), 0);
    assert_true(str_eq(m->blocks->id, STR("\"m4_m3_call_0\"")));

    /* Calls that have none. */
    r = calls(&a, 1);
    r.messages->next->blocks->id = r.messages->next->next->blocks->id = STR_NONE;
    m = chat_message_new(&r, r.messages->next->next, ROLE_ASSISTANT);
    block(&r, m, BLOCK_CALL, 0);
    m->blocks->id = STR_NONE;
    assert_int_equal(chat_settle(&r, &f), 0);
    assert_true(str_eq(m->blocks->id, STR("\"m3_\"")));

    /* Ids made up so that each new one stands there already: no more than a few rounds. */
    r = calls(&a, 1);
    m = r.messages->next;
    struct str id = STR("call_0\"");
    for (unsigned i = 0; i < 20; i++) {
        id = arena_printf(&a, "m3_%.*s", STR_ARGS(id));
        chat_block_new(&a, &m->blocks, BLOCK_CALL)->id = arena_printf(&a, "\"%.*s", STR_ARGS(id));
    }
    block(&r, chat_message_new(&r, m->next, ROLE_ASSISTANT), BLOCK_CALL, 0);
    assert_int_equal(chat_settle(&r, &f), E_BAD_REQUEST);
    assert_non_null(strstr(f.text, "id of its own"));
    arena_fini(&a);
}

/* What a result says of its tool's name says something only where the call says another one. */
static void a_results_name_is_that_of_its_call(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool noted;
    } rows[] = {{NULL, false}, {"\"f\"", false}, {"\"g\"", true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a;
        struct fault f = {0};
        arena_init_private(&a, ARENA_BYTES);
        struct chat_request r = calls(&a, 1);
        struct chat_block *call = r.messages->next->blocks,
                          *result = r.messages->next->next->blocks;
        call->name = STR("\"f\"");
        result->name = rows[i].name ? str_from(rows[i].name) : STR_NONE;
        assert_int_equal(chat_settle(&r, &f), 0);
        assert_ptr_equal(result->call, call);
        assert_int_equal(chat_has(&r, CHAT_RESULT_NAME), rows[i].noted);
        arena_fini(&a);
    }
}

static void a_temperature_is_a_number_however_it_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        bool high;
    } rows[] = {{"0", false},     {"1", false},     {"1.0", false}, {"1.00", false},
                {"10e-1", false}, {"0.1e1", false}, {"-1", false},  {"0.99", false},
                {"1.05", true},   {"1.01", true},   {"1e1", true},  {"0.2e1", true},
                {"2", true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a;
        struct fault f = {0};
        arena_init_private(&a, 1u << 16);
        struct chat_request r = {.arena = &a};
        chat_param(&r, CHAT_TEMPERATURE, str_from(rows[i].said));
        assert_int_equal(chat_settle(&r, &f), 0);
        if (chat_has(&r, CHAT_TEMPERATURE_HIGH) != rows[i].high)
            fail_msg("%s", rows[i].said);
        arena_fini(&a);
    }
}

static void lists_keep_their_order(void **state)
{
    (void)state;
    struct arena a;
    arena_init_private(&a, ARENA_BYTES);
    struct chat_request r = {.arena = &a};
    struct chat_message *m = chat_message_new(&r, NULL, ROLE_ASSISTANT);
    struct chat_block *more = NULL;
    for (unsigned i = 0; i < 3; i++)
        block(&r, m, BLOCK_CALL, i);
    for (unsigned i = 3; i < 6; i++)
        chat_block_new(&a, &more, BLOCK_CALL)->id = id_make(&a, i);
    chat_blocks_join(&m->blocks, more);
    chat_blocks_join(&m->blocks, NULL);
    block(&r, m, BLOCK_CALL, 6);
    unsigned i = 0;
    for (const struct chat_block *b = m->blocks; b; b = b->next)
        assert_true(str_eq(b->id, id_make(&a, i++)));
    assert_int_equal(i, 7);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_calls_and_results_are_quick),
        cmocka_unit_test(calls_and_results_belong_together),
        cmocka_unit_test(ids_that_come_again_are_told_apart),
        cmocka_unit_test(a_results_name_is_that_of_its_call),
        cmocka_unit_test(a_temperature_is_a_number_however_it_is_written),
        cmocka_unit_test(lists_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
