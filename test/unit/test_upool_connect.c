/* test_upool_connect.c: how a pool connects: all addresses, limits of time, TLS. */
#include "tls_world.h"
#include "upool_world.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/dns.h"

/* ---- connecting */

/* A port where nobody listens: bound, so that nobody else takes it. */
static int dead_port(unsigned *ret_port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    *ret_port = ntohs(in.sin_port);
    return fd;
}

static void refused(void *arg)
{
    struct upool_conn *conn;
    struct fault f = {0};
    unsigned port;
    char text[100];
    int fd = dead_port(&port);

    (void)arg;
    struct upool *pool = pool_new((struct upool_settings){.port = port});
    assert_int_equal(upool_get(pool, false, &conn, &f), E_REFUSED);
    assert_int_equal(f.err, E_REFUSED);
    snprintf(text, sizeof(text), "127.0.0.1:%u: nobody listens there", port);
    assert_string_equal(f.text, text);
    assert_int_equal(upool_get(pool, false, &conn, NULL), E_REFUSED);
    assert_int_equal(upool_stats(pool).failed, 2);
    expect_stats(pool, 0, 0, 0);
    upool_free(pool);
    close(fd);
}

static void test_refused(void **state)
{
    (void)state;
    rt_run(refused, NULL);
}

/* Three addresses of this machine; on a pool thread. */
static int three_addresses(const char *host, struct dns_addrs *ret_addrs, struct fault *f)
{
    if (strcmp(host, "three.example") != 0)
        return fault_set(f, E_DNS, "the name %s could not be resolved: no such name", host);
    for (unsigned i = 0; i < 3; i++) {
        struct sockaddr_in in = {
            .sin_family = AF_INET, .sin_addr = {htonl(0x7f000003u - i)}, /* 127.0.0.3, .2, .1 */
        };
        memcpy(&ret_addrs->at[i], &in, sizeof(in));
        ret_addrs->len[i] = sizeof(in);
    }
    ret_addrs->count = 3;
    return 0;
}

static void all_addresses(void *arg)
{
    struct server server;
    struct upool_conn *conn;
    struct fault f = {0};
    char text[100];

    (void)arg;
    server_start(&server); /* only on 127.0.0.1, the last */
    dns_lookup_set(three_addresses);
    struct upool *pool =
        pool_new((struct upool_settings){.host = "three.example", .port = server.port});
    conn = get(pool, false);
    ask(conn, "hello");
    upool_put(conn, false);
    unsigned port = server.port;
    server_stop(&server);
    assert_int_equal(upool_get(pool, false, &conn, &f), E_REFUSED);
    snprintf(text, sizeof(text), "three.example:%u: nobody listens there (3 addresses tried)",
             port);
    assert_string_equal(f.text, text);
    upool_free(pool);

    pool = pool_new((struct upool_settings){.host = "no.example", .port = 80});
    fault_clear(&f);
    assert_int_equal(upool_get(pool, false, &conn, &f), E_DNS);
    assert_string_equal(f.text, "the name no.example could not be resolved: no such name");
    upool_free(pool);
    dns_lookup_set(NULL);
    dns_cache_clear();
}

static void test_all_addresses(void **state)
{
    (void)state;
    rt_run(all_addresses, NULL);
}

/* A listener whose queue is full: the kernel ignores whoever comes, as a dead route would. */
struct black_hole {
    unsigned port;
    int door, filler[8];
};

static void black_hole_init(struct black_hole *h, uint32_t address, unsigned port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(address)}};
    socklen_t len = sizeof(in);

    in.sin_port = htons((uint16_t)port);
    h->door = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(h->door, (struct sockaddr *)&in, len), 0);
    assert_int_equal(listen(h->door, 0), 0);
    assert_int_equal(getsockname(h->door, (struct sockaddr *)&in, &len), 0);
    h->port = ntohs(in.sin_port);
    for (size_t i = 0; i < ARRAY_LEN(h->filler); i++) {
        h->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(h->filler[i], (struct sockaddr *)&in, len);
    }
}

static void black_hole_fini(struct black_hole *h)
{
    for (size_t i = 0; i < ARRAY_LEN(h->filler); i++)
        close(h->filler[i]);
    close(h->door);
}

static void times_out(void *arg)
{
    struct upool_conn *conn;
    struct black_hole hole;
    struct fault f = {0};
    char text[100];

    (void)arg;
    black_hole_init(&hole, INADDR_LOOPBACK, 0);
    struct upool *pool = pool_new((struct upool_settings){.port = hole.port, .connect_ms = 700});
    assert_int_equal(upool_get(pool, false, &conn, &f), E_TIMEOUT);
    assert_int_equal(rt_now_ms(), 700);
    snprintf(text, sizeof(text), "127.0.0.1:%u: no connection within the time allowed", hole.port);
    assert_string_equal(f.text, text);
    /* The caller's own deadline comes first. */
    int64_t outer = task_deadline(clock_cached_ms() + 200);
    assert_int_equal(upool_get(pool, false, &conn, NULL), E_TIMEOUT);
    task_deadline_restore(outer);
    assert_int_equal(rt_now_ms(), 900);
    assert_int_equal(upool_stats(pool).failed, 2);
    upool_free(pool);
    black_hole_fini(&hole);
}

static void test_times_out(void **state)
{
    (void)state;
    rt_run(times_out, NULL);
}

static void dead_address_first(void *arg)
{
    struct server server;
    struct black_hole hole;

    (void)arg;
    server_start(&server);
    black_hole_init(&hole, 0x7f000003u, server.port);
    dns_lookup_set(three_addresses);
    struct upool *pool = pool_new(
        (struct upool_settings){.host = "three.example", .port = server.port, .connect_ms = 3000});
    /* The first gets its third of the time; the second refuses; the third answers. */
    struct upool_conn *conn = get(pool, false);
    assert_int_equal(rt_now_ms(), 1000);
    ask(conn, "hello");
    upool_put(conn, true);
    upool_free(pool);
    dns_lookup_set(NULL);
    dns_cache_clear();
    black_hole_fini(&hole);
    server_stop(&server);
}

static void test_dead_address_first(void **state)
{
    (void)state;
    rt_run(dead_address_first, NULL);
}

struct getter {
    struct upool *pool;
    struct fault fault;
    int err;
};

static void get_in_vain(void *arg)
{
    struct getter *g = arg;
    struct upool_conn *conn;

    g->err = upool_get(g->pool, false, &conn, &g->fault);
}

static void canceled(void *arg)
{
    struct black_hole hole;
    struct task *task;

    (void)arg;
    black_hole_init(&hole, INADDR_LOOPBACK, 0);
    struct upool *pool = pool_new((struct upool_settings){.port = hole.port, .connect_ms = 60000});
    struct getter getter = {.pool = pool};
    assert_int_equal(task_spawn("getter", get_in_vain, &getter, &task), 0);
    let_others_run();
    assert_int_equal(upool_stats(pool).in_use, 1);
    upool_free(pool); /* goes when the getter is done with it */
    task_cancel(task, E_CLIENT_GONE);
    let_others_run();
    assert_int_equal(getter.err, E_CLIENT_GONE);
    assert_int_equal(getter.fault.err, 0);
    black_hole_fini(&hole);
}

static void test_canceled(void **state)
{
    (void)state;
    rt_run(canceled, NULL);
}

/* ---- over TLS */

static void serve_tls(void *arg, struct stream *s, const struct sockaddr *peer)
{
    struct tls_world *w = arg;
    struct tls_server server;
    char bytes[64];
    int n;

    (void)peer;
    server_init(&server, w->server_ctx, s);
    if (server_do(&server, SERVER_ACCEPT, NULL, 0) > 0)
        while ((n = server_do(&server, SERVER_READ, bytes, sizeof(bytes))) > 0)
            assert_int_equal(server_do(&server, SERVER_WRITE, bytes, (size_t)n), n);
    SSL_free(server.ssl); /* the stream is the listener's */
}

static void over_tls(void *arg)
{
    struct identity ca = identity_new(NULL, "test authority", NULL, -DAY_S, DAY_S);
    struct identity id = identity_new(&ca, "good", "DNS:api.example.com", -DAY_S, DAY_S);
    const struct listener_settings settings = {.address = "127.0.0.1:0"};
    struct tls_world w;
    struct listener *l;
    struct tls_context *tls;
    struct upool_conn *conn;
    struct fault f = {0};
    char ca_path[32];

    (void)arg;
    world_init(&w, server_context(&id));
    write_pem(&ca, false, ca_path);
    assert_int_equal(tls_context_new(&(struct tls_settings){.ca_file = ca_path}, &tls, NULL), 0);
    assert_int_equal(listener_start(&settings, serve_tls, &w, &l, NULL), 0);
    unsigned port = (unsigned)strtoul(strrchr(listener_address(l), ':') + 1, NULL, 10);
    struct upool *pool =
        pool_new((struct upool_settings){.port = port, .tls = tls, .tls_host = "api.example.com"});
    conn = get(pool, false);
    assert_string_equal(conn->stream->ops->kind, "tls");
    assert_false(tls_was_resumed(conn->stream));
    /* Unread tickets are in the way neither of keeping it nor of using it again. */
    upool_put(conn, true);
    let_others_run();
    expect_stats(pool, 1, 0, 1);
    assert_ptr_equal(get(pool, false), conn);
    ask(conn, "hello");
    upool_put(conn, false);
    conn = get(pool, false);
    assert_true(tls_was_resumed(conn->stream));
    ask(conn, "hello");
    upool_put(conn, true);
    upool_free(pool);

    pool = pool_new((struct upool_settings){.port = port, .tls = tls});
    assert_int_equal(upool_get(pool, false, &conn, &f), E_TLS);
    assert_string_equal(f.text, "certificate of 127.0.0.1: IP address mismatch, it is for "
                                "api.example.com");
    assert_int_equal(upool_stats(pool).failed, 1);
    upool_free(pool);
    listener_stop(l);
    listener_join(l);
    tls_context_free(tls);
    SSL_CTX_free(w.server_ctx);
    identity_free(&ca);
    identity_free(&id);
    unlink(ca_path);
}

static void test_over_tls(void **state)
{
    (void)state;
    rt_run(over_tls, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RT_TEST(test_refused),   RT_TEST(test_all_addresses),
        RT_TEST(test_times_out), RT_TEST(test_dead_address_first),
        RT_TEST(test_canceled),  RT_TEST(test_over_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
