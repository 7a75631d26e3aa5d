/* home.c: a gateway without a door: what is asked in it goes the way of a client's request. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/eval/eval.h"
#include "cli/load.h"
#include "llm/upstream.h"
#include "rt/loop.h"
#include "rt/task.h"

#define TICK_MS   250
#define SETTLE_MS 200

static int ledger_take(struct eval_home *home, struct fault *f)
{
    const struct config *c = home->snapshot->config;
    if (!config_has_ledger(c))
        return 0;
    const struct ledger_settings settings = {.where = c->state.ledger,
                                             .keep_days = (c->state.keep_ms + 86399999) / 86400000,
                                             .keep_bytes = c->state.keep_bytes,
                                             .keep_stored_ms = c->state.keep_responses_ms};
    return ledger_open(&settings, &home->ledger, f);
}

/* Everything that home->doc makes. */
static int home_make(struct eval_home *home, const char *command)
{
    struct fault f = {0};
    int err = loop_init();
    if (!err)
        err = upstreams_new(&home->upstreams);
    if (!err)
        err = snapshot_make(home->upstreams, home->doc, NULL, &home->snapshot);
    if (err == E_CONFIG) {
        load_problems_show(home->doc);
        return EXIT_WRONG_USE;
    }
    if (!err)
        err = ledger_take(home, &f);
    home->metrics = err ? NULL : metric_set_new();
    if (!err && !home->metrics)
        err = E_MEMORY;
    if (!err)
        err = turn_house_init(&home->house, home->ledger, home->metrics);
    if (err)
        fprintf(stderr, "sluice %s: %s\n", command, why_text(&f, err));
    return err ? EXIT_COULD_NOT : 0;
}

int home_open(struct eval_home *home, const char *config, const char *command)
{
    *home = (struct eval_home){0};
    int code = load_config(config, &home->doc);
    if (code) /* 1 says that a bar is missed, and nothing was run */
        return code == EXIT_BAR ? EXIT_WRONG_USE : code;
    return home_make(home, command);
}

int home_open_alone(struct eval_home *home, const char *config, const char *command)
{
    if (!load_has_nothing(config))
        return home_open(home, config, command);
    *home = (struct eval_home){0};
    int err = conf_load_text(&config_table, "(none)", STR("state: {ledger: off}\n"), &home->doc);
    if (!err)
        return home_make(home, command);
    fprintf(stderr, "sluice %s: %s\n", command, err_text(err));
    return EXIT_COULD_NOT;
}

void home_close(struct eval_home *home)
{
    if (home->ledger)
        ledger_close(home->ledger);
    if (home->metrics)
        turn_house_fini(&home->house);
    snapshot_unref(home->snapshot);
    upstreams_free(home->upstreams);
    metric_set_free(home->metrics);
    conf_unref(home->doc);
}

static void on_interrupt(int signum UNUSED, void *arg)
{
    struct eval_home *home = arg;
    home->interrupted = true;
    if (home->worker)
        task_cancel(home->worker, E_CANCELED);
}

static void work_task(void *arg)
{
    struct eval_home *home = arg;
    home->worker = task_self();
    home->err = home->work(home, home->arg);
    home->worker = NULL;
    upstreams_settle(home->upstreams, SETTLE_MS);
    loop_stop();
}

static void tick_task(void *arg)
{
    struct eval_home *home = arg;
    while (task_sleep(TICK_MS) == 0)
        turn_house_tick(&home->house);
}

int home_run(struct eval_home *home, int (*work)(struct eval_home *home, void *arg), void *arg)
{
    struct task *tick = NULL;
    home->work = work;
    home->arg = arg;
    int err = loop_on_signal(SIGINT, on_interrupt, home);
    if (!err)
        err = loop_on_signal(SIGTERM, on_interrupt, home);
    if (!err)
        err = task_spawn("tick", tick_task, home, &tick);
    if (!err)
        err = task_spawn("eval", work_task, home, NULL);
    if (!err)
        err = loop_run();
    return err ? err : home->err;
}

void home_asker(struct eval_home *home, struct eval_asker *ret_asker)
{
    *ret_asker = (struct eval_asker){.house = &home->house,
                                     .models = home->snapshot->models,
                                     .chain = &home->snapshot->chain,
                                     .rules = &home->snapshot->rules,
                                     .tries = 1,
                                     .spend_nanos = -1};
    eval_asker_init(ret_asker);
}

struct str home_answers_hash(const struct eval_home *home, struct arena *arena)
{
    struct str lines;
    char hash[CONF_ANSWERS_HEX_BYTES];
    if (conf_answers(arena, &config_table, home->doc, &lines) != 0 ||
        conf_answers_hash(lines, hash) != 0)
        return STR_NONE;
    return arena_str(arena, str_from(hash));
}
