/* test_turn_levers.c: turn_next leads through the levers, and notes what each did and took. */
#include <stdlib.h>

#include "base/clock.h"
#include "base_test.h"
#include "turn/turn.h"

/* A lever that takes its time, goes on as often as it is told, and says so. */
struct fake {
    struct lever_switch lever;
    int64_t before_us, after_us; /* around each turn_next */
    unsigned times;
    int answer; /* when it does not go on */
    const char *says;
    int64_t tokens, usd_nanos;
    unsigned runs;
    char trace;
};

static char trace[64];

static void trace_add(char c)
{
    size_t n = strlen(trace);
    assert_true(n + 1 < sizeof(trace));
    trace[n] = c;
    trace[n + 1] = '\0';
}

static int fake_run(void *self, struct turn *t)
{
    struct fake *f = self;
    int err = f->answer;
    f->runs++;
    trace_add(f->trace);
    for (unsigned i = 0; i < f->times; i++) {
        clock_advance_us(f->before_us);
        err = turn_next(t);
        clock_advance_us(f->after_us);
    }
    if (f->times == 0)
        clock_advance_us(f->before_us);
    if (f->says)
        turn_note(t, f->says, f->tokens, f->usd_nanos);
    return err;
}

static const struct lever lever_outer = {.name = "outer", .run = fake_run};
static const struct lever lever_inner = {.name = "inner", .run = fake_run};
static const struct lever lever_last = {.name = "last", .run = fake_run};

/* Three levers, of which the last answers in place of a provider. */
struct way {
    struct arena arena;
    struct fake outer, inner, last;
    struct lever_chain chain;
    struct turn turn;
};

static int way_setup(void **state)
{
    struct way *w = calloc(1, sizeof(*w));
    if (!w)
        return -1;
    clock_fake(1000000, 0);
    trace[0] = '\0';
    arena_init_private(&w->arena, 1u << 20);
    w->outer = (struct fake){.lever = {.on = true}, .times = 1, .trace = 'o'};
    w->inner = (struct fake){.lever = {.on = true}, .times = 1, .trace = 'i'};
    w->last = (struct fake){.lever = {.on = true}, .before_us = 100, .trace = 'l'};
    w->chain.n = 3;
    w->chain.at[0].lever = &lever_outer;
    w->chain.at[0].on = &w->outer.lever;
    w->chain.at[0].self = &w->outer;
    w->chain.at[1].lever = &lever_inner;
    w->chain.at[1].on = &w->inner.lever;
    w->chain.at[1].self = &w->inner;
    w->chain.at[2].lever = &lever_last;
    w->chain.at[2].on = &w->last.lever;
    w->chain.at[2].self = &w->last;
    w->turn.arena = &w->arena;
    w->turn.chain = &w->chain;
    *state = w;
    return 0;
}

static int way_teardown(void **state)
{
    struct way *w = *state;
    clock_real();
    arena_fini(&w->arena);
    free(w);
    return 0;
}

static void again(struct way *w)
{
    arena_fini(&w->arena); /* the notes, too */
    arena_init_private(&w->arena, 1u << 20);
    w->turn.notes = NULL;
    w->turn.inner_us = 0;
    w->outer.runs = w->inner.runs = w->last.runs = 0;
    trace[0] = '\0';
}

static void leads_from_the_outermost_in(void **state)
{
    struct way *w = *state;
    w->last.answer = E_UPSTREAM_BUSY;
    assert_int_equal(turn_next(&w->turn), E_UPSTREAM_BUSY);
    assert_string_equal(trace, "oil");
    assert_int_equal(w->turn.at, 0); /* as it was */
}

static void each_lever_has_its_own_time(void **state)
{
    struct way *w = *state;
    w->outer.before_us = 7;
    w->outer.after_us = 5;
    w->inner.before_us = 30;
    w->inner.after_us = 1;
    w->inner.times = 2;
    assert_int_equal(turn_next(&w->turn), 0);
    assert_string_equal(trace, "oill");
    assert_int_equal(w->turn.notes[0].own_us, 12);
    assert_int_equal(w->turn.notes[1].own_us, 62);
    assert_int_equal(w->turn.notes[2].own_us, 200);
    assert_int_equal(w->turn.inner_us, 12 + 62 + 200);
    again(w);
    w->outer.times = 2; /* times of several passes are summed */
    assert_int_equal(turn_next(&w->turn), 0);
    assert_string_equal(trace, "oillill");
    assert_int_equal(w->turn.notes[0].own_us, 24);
    assert_int_equal(w->turn.notes[1].own_us, 124);
    assert_int_equal(w->turn.notes[2].own_us, 400);
}

static void a_lever_may_answer_itself(void **state)
{
    struct way *w = *state;
    w->outer.times = 0;
    w->outer.before_us = 9;
    w->outer.answer = E_FORBIDDEN;
    assert_int_equal(turn_next(&w->turn), E_FORBIDDEN);
    assert_string_equal(trace, "o");
    assert_int_equal(w->turn.notes[0].own_us, 9);
    assert_int_equal(w->turn.notes[1].own_us, 0);
    assert_false(w->turn.notes[1].met);
}

static void notes_go_to_who_wrote_them(void **state)
{
    struct way *w = *state;
    w->inner.times = 2;
    w->outer.says = "outer did";
    w->outer.tokens = 3;
    w->outer.usd_nanos = 40;
    w->last.says = "last did";
    w->last.tokens = 10;
    w->last.usd_nanos = 500;
    assert_int_equal(turn_next(&w->turn), 0);
    assert_string_equal(w->turn.notes[0].verdict, "outer did");
    assert_int_equal(w->turn.notes[0].saved_tokens, 3);
    assert_int_equal(w->turn.notes[0].saved_usd_nanos, 40);
    assert_null(w->turn.notes[1].verdict);
    assert_int_equal(w->turn.notes[1].saved_tokens, 0);
    assert_string_equal(w->turn.notes[2].verdict, "last did");
    assert_int_equal(w->turn.notes[2].saved_tokens, 20);
    assert_int_equal(w->turn.saved_usd_nanos, 1040);
}

static void a_lever_that_is_off_is_passed_by(void **state)
{
    struct way *w = *state;
    w->outer.lever.on = false;
    w->outer.lever.holdout = 1000000; /* nothing is held out of what is off */
    w->inner.says = "did";
    assert_int_equal(turn_next(&w->turn), 0);
    assert_string_equal(trace, "il");
    assert_false(w->turn.notes[0].held_out);
    assert_null(w->turn.notes[0].verdict);
    assert_string_equal(w->turn.notes[1].verdict, "did");
    again(w);
    w->outer.lever = (struct lever_switch){.on = true};
    w->inner.lever.on = false; /* one in the middle: notes still go to the right one */
    w->outer.says = "outer did";
    w->last.says = "last did";
    assert_int_equal(turn_next(&w->turn), 0);
    assert_string_equal(trace, "ol");
    assert_string_equal(w->turn.notes[0].verdict, "outer did");
    assert_null(w->turn.notes[1].verdict);
    assert_string_equal(w->turn.notes[2].verdict, "last did");
}

static void all_are_held_out_where_the_share_is_all(void **state)
{
    struct way *w = *state;
    w->inner.lever.holdout = 1000000;
    assert_int_equal(turn_next(&w->turn), 0);
    assert_string_equal(trace, "ol");
    assert_true(w->turn.notes[1].held_out);
    assert_false(w->turn.notes[0].held_out || w->turn.notes[2].held_out);
}

static void the_share_is_kept_and_one_turn_is_one_or_the_other(void **state)
{
    struct way *w = *state;
    unsigned held_out = 0;
    w->outer.times = 4;
    w->inner.lever.holdout = 250000;
    for (int i = 0; i < 4000; i++) {
        again(w);
        assert_int_equal(turn_next(&w->turn), 0);
        assert_true(w->inner.runs == 0 || w->inner.runs == 4);
        assert_int_equal(w->turn.notes[1].held_out, w->inner.runs == 0);
        held_out += w->turn.notes[1].held_out;
    }
    /* 1000 are expected; ten standard deviations are 274. */
    assert_in_range(held_out, 726, 1274);
}

#define WAY(fn) cmocka_unit_test_setup_teardown(fn, way_setup, way_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WAY(leads_from_the_outermost_in),
        WAY(each_lever_has_its_own_time),
        WAY(a_lever_may_answer_itself),
        WAY(notes_go_to_who_wrote_them),
        WAY(a_lever_that_is_off_is_passed_by),
        WAY(all_are_held_out_where_the_share_is_all),
        WAY(the_share_is_kept_and_one_turn_is_one_or_the_other),
    };
    return cmocka_run_group_tests_name("turn_levers", tests, NULL, NULL);
}
