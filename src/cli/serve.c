/*
 * serve.c: `sluice serve`: everything is opened, then the loop runs until it is told to end.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/braking.h"
#include "api/gateway.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/supervisor.h"
#include "cli/takeover.h"
#include "llm/kinds.h"
#include "llm/upstream.h"
#include "net/listener.h"
#include "rt/io.h"
#include "rt/loop.h"
#include "rt/task.h"

#define FILES_LOOK_MS     2000
#define UPSTREAMS_END_MS  1000 /* for farewells to providers */
#define TELEMETRY_STOP_MS 2000 /* for the last batch */

struct wish {
    const char *config, *listen, *io;
    bool takeover;
};

static const char *const io_names[] = {"epoll", "uring", NULL};

static const struct command_option options[] = {
    {"--config", "FILE", offsetof(struct wish, config),
     "the configuration (sluice check FILE tells what is wrong with it)", VALUE_FILE, NULL},
    {"--listen", "ADDRESS", offsetof(struct wish, listen),
     "in place of the file's: HOST:PORT, :PORT, unix:/PATH", VALUE_ANY, NULL},
    {"--takeover", NULL, offsetof(struct wish, takeover),
     "take the place of the sluice that runs (takeover: PATH), if one does", VALUE_ANY, NULL},
    {"--io", "NAME", offsetof(struct wish, io), "epoll (default) or uring", VALUE_ANY, io_names},
    {0},
};

struct server {
    struct gateway gateway;
    struct door door, admin_door;
    struct conf_doc *doc;
    struct supervisor_sockets inherited;
    struct takeover takeover;
    struct task *background;
    unsigned stops; /* signals that asked for the end */
    bool ending;    /* it has begun */
    bool reload;
    struct loop_hook flush;
};

static void log_flush_hook(void *arg UNUSED)
{
    log_flush();
}

/*
 * Large pieces come from the system and go back to it at once. By itself glibc stops doing so after
 * the first huge answer was freed, and then the heap keeps what a burst of them took. And one heap
 * is enough: a second one for each thread costs a megabyte and gains nothing, since only the loop's
 * thread allocates all the time.
 */
static void heap_settle(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

/* Every connection is two descriptors, so what the system allows is taken. */
static void descriptors_raise(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

/* systemd takes READY=1 for the end of a reload only when it comes after this. */
static void reloading_tell(void)
{
    char state[64];
    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());
    supervisor_tell(state);
}

static void reload(struct server *s, const struct reload *r)
{
    struct buf out;
    reloading_tell();
    buf_init(&out, 4u << 20);
    int err = gateway_reload(&s->gateway, r, &out);
    (void)err; /* it is in the log */
    buf_fini(&out);
    supervisor_tell("READY=1");
}

/* What has to be done now and then, and what signals ask for. */
static void background(void *arg)
{
    struct server *s = arg;
    int64_t keys_at = 0, files_at = 0;
    while (!s->ending) {
        if (s->reload) {
            s->reload = false;
            reload(s, &(struct reload){.from = RELOAD_FILE, .by = STR("SIGHUP")});
        }
        turn_house_tick(&s->gateway.house);
        if (clock_cached_ms() >= keys_at) {
            keys_refresh(s->gateway.keys);
            keys_at = clock_cached_ms() + KEYS_REFRESH_MS;
        }
        if (clock_cached_ms() >= files_at) {
            if (gateway_files_changed(&s->gateway))
                reload(s,
                       &(struct reload){.from = RELOAD_NAMED, .by = STR("a file that it names")});
            files_at = clock_cached_ms() + FILES_LOOK_MS;
        }
        int err = task_sleep(250);
        if (err && !s->ending)
            break;
    }
}

/*
 * Is there somebody to wait for? Also for who has not sent all of a request yet. After a takeover
 * also who asks nothing at the moment: the next answer on a kept connection is its last, so that no
 * request meets a connection that is just being closed.
 */
static bool is_busy(const struct gateway *g)
{
    unsigned kept = 0;
    if (g->handed_over)
        kept = listener_connections(g->listener) +
               (g->admin_listener ? listener_connections(g->admin_listener) : 0);
    return g->house.running_n > 0 || g->under_way > 0 || g->streams.open > 0 || kept > 0;
}

static void doors_stop(struct gateway *g)
{
    if (g->listener)
        listener_stop(g->listener);
    if (g->admin_listener)
        listener_stop(g->admin_listener);
}

YIELDS static void doors_close(struct gateway *g)
{
    struct listener **doors[] = {&g->listener, &g->admin_listener};
    for (unsigned i = 0; i < ARRAY_LEN(doors); i++) {
        if (!*doors[i])
            continue;
        listener_cancel_all(*doors[i], E_DRAINING);
        listener_join(*doors[i]);
        *doors[i] = NULL; /* metrics may still be made */
    }
    transport_http_settle();
}

static void drain(void *arg)
{
    struct server *s = arg;
    struct gateway *g = &s->gateway;
    int64_t until = clock_cached_ms() + g->now->config->drain_ms;
    g->draining = true;
    if (!g->handed_over) /* else the service goes on, and only this process ends */
        supervisor_tell("STOPPING=1\nSTATUS=open requests may end");
    handover_stop(s->takeover.next);
    s->takeover.next = NULL;
    doors_stop(g);
    LOG(LOG_INFO, "draining", log_i("connections", listener_connections(g->listener)),
        log_i("turns", g->house.running_n));
    while (is_busy(g) && clock_cached_ms() < until && s->stops < 2)
        if (task_sleep(20) != 0)
            break;
    doors_close(g);
    telemetry_stop(g->telemetry, s->stops < 2 ? TELEMETRY_STOP_MS : 0);
    upstreams_settle(g->upstreams, UPSTREAMS_END_MS);
    loop_stop();
}

/* Once: what asks for it again changes nothing. */
static void end(struct server *s)
{
    if (s->ending)
        return;
    s->ending = true;
    task_cancel(s->background, E_CANCELED);
    if (task_spawn("drain", drain, s, NULL) != 0)
        loop_stop();
}

/* Where the service was handed over, its supervisor sends SIGTERM to all of it when it stops, and
 * once more to those who are left when the successor has ended: neither means that streams shall be
 * cut. */
static void on_signal(int signum, void *arg)
{
    struct server *s = arg;
    if (signum != SIGHUP) {
        s->stops += !(s->gateway.handed_over && signum == SIGTERM);
        end(s);
    } else if (!s->ending) {
        s->reload = true;
        task_wake(s->background);
    }
}

/* ---- takeover ---- */

static bool is_given(const struct supervisor_socket *socket)
{
    return socket->fd && !socket->ours;
}

static void offer(void *arg, struct handover_offer *ret_offer)
{
    struct server *s = arg;
    struct gateway *g = &s->gateway;
    handover_add(ret_offer, TAKEOVER_CLIENTS, listener_address(g->listener),
                 is_given(&s->inherited.clients), listener_fd(g->listener));
    if (g->admin_listener)
        handover_add(ret_offer, TAKEOVER_ADMIN, listener_address(g->admin_listener),
                     is_given(&s->inherited.admin), listener_fd(g->admin_listener));
}

/* The supervisor hears whom it looks after from now on while it still believes us. */
static void handed(void *arg, const struct handover_offer *offered, pid_t successor)
{
    struct server *s = arg;
    struct gateway *g = &s->gateway;
    char state[64];
    for (unsigned i = 0; i < offered->n; i++) /* in the order of `offer` */
        if (offered->at[i].taken)
            listener_leave_path(i == 0 ? g->listener : g->admin_listener);
    s->takeover.next = NULL; /* it ends by itself */
    g->handed_over = true;
    if (successor > 0) {
        snprintf(state, sizeof(state), "MAINPID=%d", (int)successor);
        supervisor_tell(state);
    }
    end(s);
}

static int signals_take(struct server *s)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    int err = 0;
    for (unsigned i = 0; i < ARRAY_LEN(signals) && !err; i++)
        err = loop_on_signal(signals[i], on_signal, s);
    return err;
}

/* Takes over what was inherited, also on failure; else binds `address`. */
static int listen_on(struct gateway *g, struct door *door, bool admin, const char *address,
                     const struct supervisor_socket *inherited, struct listener **ret_listener,
                     struct fault *f)
{
    door_init(door, g, admin, address);
    return listener_start(
        &(struct listener_settings){
            .address = address,
            .connections_max = (unsigned)g->now->config->http.connections_max,
            .inherited = inherited->fd,
            .path_is_ours = inherited->ours},
        door_serve, door, ret_listener, f);
}

/* Which of the two doors it was, ahead of why it cannot be. */
static int listen_fault(const char *setting, int err, struct fault *f)
{
    char text[sizeof(f->text)];
    snprintf(text, sizeof(text), "%s", why_text(f, err));
    fault_clear(f);
    return fault_set(f, err, "%s: %s", setting, text);
}

static int listen_all(struct server *s, const char *address, struct fault *f)
{
    struct gateway *g = &s->gateway;
    const struct supervisor_socket *admin = &s->inherited.admin;
    const char *admin_address = admin->fd ? admin->address : g->now->config->admin_listen.p;
    int err = listen_on(g, &s->door, false, address, &s->inherited.clients, &g->listener, f);
    if (err)
        return listen_fault("listen", err, f);
    if (admin_address && *admin_address)
        err = listen_on(g, &s->admin_door, true, admin_address, admin, &g->admin_listener, f);
    return err ? listen_fault("admin_listen", err, f) : 0;
}

/* The log is not open yet: a refusal is for who starts it. */
static int brake_ask(struct server *s, const struct snapshot *first, struct fault *f)
{
    struct gateway *g = &s->gateway;
    int err = braking_start(g, first, f);
    if (!g->brake || !brake_holds(g->brake))
        return err;
    fprintf(stderr, "%.*s", STR_ARGS(g->brake->told));
    return fault_set(f, err, "the evals' brake holds %.120s back", conf_path(s->doc));
}

static int open_all(struct server *s, const char *listen, struct fault *f)
{
    struct gateway *g = &s->gateway;
    int err = upstreams_new(&g->upstreams);
    struct snapshot *first = NULL;
    if (!err)
        err = snapshot_make(g->upstreams, s->doc, listen, &first);
    if (conf_problem_count(s->doc) > 0) /* warnings too */
        load_problems_show(s->doc);
    if (err)
        return fault_set(f, err, "%s", err_text(err));
    const struct config *c = first->config;
    const char *address = listen ? listen : c->listen.p;
    err = listener_check(address, f);
    if (!err && !c->keys.require && !address_is_loopback(address))
        err = fault_set(f, E_CONFIG,
                        "%s is open to others, but no keys are required; set "
                        "keys: {require: true} or listen on 127.0.0.1",
                        address);
    if (!err)
        err = brake_ask(s, first, f);
    if (err) {
        snapshot_unref(first);
        return err;
    }
    err = gateway_open(g, first, f);
    if (!err)
        braking_log(g->brake);
    if (!err) /* before the doors open: who sees them open may send one */
        err = signals_take(s);
    if (!err)
        err = listen_all(s, address, f);
    if (!err)
        err = task_spawn("background", background, s, &s->background);
    return err;
}

/* What a person wants to read first; which addresses these are, the log's line says. */
static void greet(const struct server *s)
{
    const struct gateway *g = &s->gateway;
    const struct config *c = g->now->config;
    const char *path = conf_path(s->doc);
    bool has_file = path[0] != '(';
    const char *address = listener_address(g->listener);
    if (isatty(STDERR_FILENO) || !has_file) {
        const char *scheme = g->now->tls ? "https" : "http";
        if (str_starts(str_from(address), STR("unix:")))
            fprintf(stderr, "sluice: applications ask for %s://localhost/v1 by way of a socket\n",
                    scheme);
        else
            fprintf(stderr, "sluice: the base URL for applications is %s://%s/v1\n", scheme,
                    address);
        if (!has_file)
            fputs("  no configuration file: provider and key are OPENAI_BASE_URL (else OpenAI)\n"
                  "  and OPENAI_API_KEY of the environment; requests are passed on as they\n"
                  "  come, and tried again where the provider fails\n",
                  stderr);
        fprintf(stderr, "  ledger: %.*s; keys: %s\n", STR_ARGS(c->state.ledger),
                c->keys.require ? "required" : "not required (this machine only)");
    }
    const char *admin = g->admin_listener ? listener_address(g->admin_listener) : "-";
    LOG(LOG_INFO, "listening", log_z("address", address), log_z("admin", admin),
        log_z("file", path), log_z("io", io_backend_name()),
        log_i("providers", models_provider_count(g->now->models)));
}

static void undo_task(void *arg)
{
    struct gateway *g = arg;
    doors_close(g);
    if (g->telemetry)
        telemetry_stop(g->telemetry, 0);
    loop_stop();
}

/* A start that failed, whatever was open by then. Nobody was served. */
static void undo(struct server *s)
{
    struct gateway *g = &s->gateway;
    s->ending = true;
    doors_stop(g);
    if (s->background)
        task_cancel(s->background, E_CANCELED);
    if (task_spawn("undo", undo_task, g, NULL) == 0 && loop_run() == 0)
        gateway_close(g);
    log_flush_last();
}

static int serve(struct server *s, const char *listen)
{
    struct fault f = {0};
    int err = open_all(s, listen, &f);
    if (!err)
        err = takeover_complete(
            &s->takeover, &(struct handover_giver){.offer = offer, .handed = handed, .arg = s}, &f);
    if (err) {
        fprintf(stderr, "sluice serve: %s\n", why_text(&f, err));
        undo(s);
        return err == E_CONFIG ? EXIT_BAR : EXIT_COULD_NOT;
    }
    braking_started(&s->gateway);
    s->flush.fn = log_flush_hook;
    loop_hook_add(&s->flush);
    greet(s);
    supervisor_tell("READY=1\nSTATUS=serving");
    err = loop_run();
    loop_hook_remove(&s->flush);
    gateway_close(&s->gateway);
    LOG(LOG_INFO, "ended",
        log_z("why", err                      ? err_code(err)
                     : s->gateway.handed_over ? "another process took over"
                                              : "asked to"));
    log_flush_last();
    return err ? EXIT_COULD_NOT : EXIT_DONE;
}

/* Who runs may have sockets for us. What is wrong with the file is told when it is compiled. */
static int meet(struct server *s, const struct wish *w)
{
    struct fault f = {0};
    s->takeover.conn = -1;
    if (conf_error_count(s->doc) > 0)
        return 0;
    int err = takeover_begin(&s->takeover, conf_root(s->doc), w->takeover, w->listen, &s->inherited,
                             &f);
    if (err == E_USAGE)
        return options_wrong(&command_serve, "%s", fault_text(&f));
    if (err)
        fprintf(stderr, "sluice serve: %s\n", why_text(&f, err));
    return err ? EXIT_COULD_NOT : 0;
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    int words = 0;
    int code = options_read(&command_serve, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words > 0)
        return options_too_much(&command_serve, argv[1]);
    const char *io = w.io ? w.io : getenv("SLUICE_IO");
    if (io && io_backend_select(io) != 0)
        return options_wrong(&command_serve, "there is no '%s' here; expected epoll or uring", io);
    struct server *s = calloc(1, sizeof(*s));
    if (!s || loop_init() != 0) {
        fputs("sluice serve: the loop could not be made\n", stderr);
        free(s);
        return EXIT_COULD_NOT;
    }
    descriptors_raise();
    heap_settle();
    struct fault f = {0};
    if (supervisor_sockets_take(&s->inherited, &f) != 0)
        code = options_wrong(&command_serve, "%s", fault_text(&f));
    else if (s->inherited.clients.fd && w.listen)
        code = options_wrong(&command_serve, "--listen %s, but a socket was inherited (LISTEN_FDS)",
                             w.listen);
    else
        code = load_config(w.config, &s->doc);
    if (code == 0)
        code = meet(s, &w);
    if (code == 0)
        code = serve(s, s->inherited.clients.fd ? s->inherited.clients.address : w.listen);
    conf_unref(s->doc);
    free(s);
    return code;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "serve requests",
    .usage = "serve [--config FILE] [--listen ADDRESS] [--takeover] [--io NAME]",
    .about =
        "Serves OpenAI's API under /v1 and passes it on to the providers of the configuration.\n"
        "Without --config it reads sluice.yaml where there is one; without that it needs nothing\n"
        "but OPENAI_API_KEY in the environment (and OPENAI_BASE_URL for another server).\n",
    .options = options,
    .notes =
        "Signals: SIGHUP reads the file again, SIGTERM and SIGINT end after open requests are "
        "done\n"
        "(a second one ends at once).\n\n"
        "Sockets: those that a supervisor passes on (LISTEN_FDS) under the names sluice and admin "
        "are\n"
        "taken in place of listen and admin_listen.\n\n"
        "Upgrades: with takeover: PATH in the file, `sluice serve --takeover` gets the sockets of\n"
        "the one that runs and serves; that one lets its requests end, and ends. Where the new "
        "one\n"
        "cannot start, the old one goes on.\n\n"
        "Exit codes: 0 it was asked to end, 1 the configuration has mistakes, 2 wrong use, 3 it "
        "cannot serve:\n"
        "an address that is in use, a ledger that cannot be opened.\n\n"
        "Example:\n"
        "  OPENAI_API_KEY=sk-... sluice serve\n"
        "  curl http://127.0.0.1:8080/v1/chat/completions -d '{\"model\": \"gpt-5-nano\",\n"
        "    \"messages\": [{\"role\": \"user\", \"content\": \"Say hello.\"}]}'\n",
    .run = run,
};
