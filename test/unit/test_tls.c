/* test_tls.c: who is trusted, how handshakes fail, and sessions that are resumed. */
#include "net/tls_trust.h"
#include "rt_test.h"
#include "tls_world.h"

static struct {
    struct identity ca, other_ca;
    struct identity good, expired, early, foreign, self_signed;
    char ca_path[32], good_path[32];
    SSL_CTX *good_ctx;
    struct tls_context *client;
} all;

static int group_up(void **state)
{
    (void)state;
    const char *names = "DNS:api.example.com,DNS:*.wild.example.com,IP:127.0.0.1,IP:::1";
    all.ca = identity_new(NULL, "test authority", NULL, -DAY_S, DAY_S);
    all.other_ca = identity_new(NULL, "another authority", NULL, -DAY_S, DAY_S);
    all.good = identity_new(&all.ca, "good", names, -DAY_S, DAY_S);
    all.expired = identity_new(&all.ca, "expired", names, -2 * DAY_S, -DAY_S);
    all.early = identity_new(&all.ca, "early", names, DAY_S, 2 * DAY_S);
    all.foreign = identity_new(&all.other_ca, "foreign", names, -DAY_S, DAY_S);
    all.self_signed = identity_new(NULL, "self", names, -DAY_S, DAY_S);
    write_pem(&all.ca, false, all.ca_path);
    write_pem(&all.good, true, all.good_path);
    all.good_ctx = server_context(&all.good);
    return tls_context_new(&(struct tls_settings){.ca_file = all.ca_path}, &all.client, NULL);
}

static int group_down(void **state)
{
    (void)state;
    struct identity *ids[] = {&all.ca,    &all.other_ca, &all.good,       &all.expired,
                              &all.early, &all.foreign,  &all.self_signed};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        identity_free(ids[i]);
    SSL_CTX_free(all.good_ctx);
    tls_context_free(all.client);
    unlink(all.ca_path);
    unlink(all.good_path);
    return 0;
}

static void greet(struct tls_world *w, struct tls_server *s)
{
    char bytes[16];

    (void)w;
    assert_int_equal(server_do(s, SERVER_WRITE, (void *)"hello", 5), 5);
    assert_int_equal(server_do(s, SERVER_READ, bytes, sizeof(bytes)), 6);
    assert_memory_equal(bytes, "thanks", 6);
    server_do(s, SERVER_SHUTDOWN, NULL, 0);
}

static void expect_greeting(struct stream *s)
{
    char bytes[16];
    size_t n;

    assert_int_equal(stream_read(s, bytes, sizeof(bytes), &n), 0);
    assert_int_equal(n, 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(stream_write(s, STR("thanks")), 0);
    assert_int_equal(stream_read(s, bytes, sizeof(bytes), &n), E_EOF);
}

/* ---- trust */

static void trusted(void *arg)
{
    static const struct {
        const char *host, *server_name;
    } rows[] = {
        {"api.example.com", "api.example.com"},
        {"api.example.com.", "api.example.com"},
        {"API.Example.com", "API.Example.com"},
        {"x.wild.example.com", "x.wild.example.com"},
        {"127.0.0.1", ""},
        {"::1", ""},
    };
    struct tls_world w;

    (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stream *s;
        struct fault f = {0};
        world_init(&w, all.good_ctx);
        w.serve = greet;
        assert_int_equal(world_connect(&w, all.client, rows[i].host, &s, &f), 0);
        assert_string_equal(s->ops->kind, "tls");
        expect_greeting(s);
        stream_close(s);
        world_join(&w);
        assert_string_equal(w.server_name, rows[i].server_name);
        assert_string_equal(w.protocol, "http/1.1");
    }
}

static void test_trusted(void **state)
{
    (void)state;
    rt_run(trusted, NULL);
}

/* The handshake with a server of this identity fails with exactly this text. */
static void expect_refused(const struct identity *id, struct tls_context *client, const char *host,
                           const char *text)
{
    SSL_CTX *ctx = server_context(id);
    struct tls_world w;
    struct stream *s;
    struct fault f = {0};

    world_init(&w, ctx);
    assert_int_equal(world_connect(&w, client, host, &s, &f), E_TLS);
    assert_int_equal(f.err, E_TLS);
    assert_string_equal(f.text, text);
    world_join(&w);
    SSL_CTX_free(ctx);
}

static void not_trusted(void *arg)
{
    struct tls_context *insecure, *system;

    (void)arg;
    expect_refused(&all.good, all.client, "other.example.com",
                   "certificate of other.example.com: host name mismatch, it is for "
                   "api.example.com, *.wild.example.com");
    expect_refused(&all.good, all.client, "a.b.wild.example.com",
                   "certificate of a.b.wild.example.com: host name mismatch, it is for "
                   "api.example.com, *.wild.example.com");
    expect_refused(&all.good, all.client, "127.0.0.2",
                   "certificate of 127.0.0.2: IP address mismatch, it is for "
                   "api.example.com, *.wild.example.com");
    expect_refused(&all.expired, all.client, "api.example.com",
                   "certificate of api.example.com: certificate has expired");
    expect_refused(&all.early, all.client, "api.example.com",
                   "certificate of api.example.com: certificate is not yet valid");
    expect_refused(&all.foreign, all.client, "api.example.com",
                   "certificate of api.example.com: unable to get local issuer certificate");
    expect_refused(&all.self_signed, all.client, "api.example.com",
                   "certificate of api.example.com: self-signed certificate");

    /* The system's authorities know nothing of ours. */
    assert_int_equal(tls_context_new(&(struct tls_settings){0}, &system, NULL), 0);
    expect_refused(&all.good, system, "api.example.com",
                   "certificate of api.example.com: unable to get local issuer certificate");
    tls_context_free(system);

    assert_int_equal(tls_context_new(&(struct tls_settings){.insecure = true}, &insecure, NULL), 0);
    SSL_CTX *ctx = server_context(&all.expired);
    struct tls_world w;
    struct stream *s;
    world_init(&w, ctx);
    w.serve = greet;
    assert_int_equal(world_connect(&w, insecure, "other.example.com", &s, NULL), 0);
    expect_greeting(s);
    stream_close(s);
    world_join(&w);
    tls_context_free(insecure);
    SSL_CTX_free(ctx);
}

static void test_not_trusted(void **state)
{
    (void)state;
    rt_run(not_trusted, NULL);
}

/* ---- the system's trust, read anew for contexts made an hour later */

static void expect_system(bool trusted)
{
    struct tls_context *client;
    struct tls_world w;
    struct stream *s;

    clock_advance_us(TLS_TRUST_TTL_MS * INT64_C(1000));
    assert_int_equal(tls_context_new(&(struct tls_settings){0}, &client, NULL), 0);
    world_init(&w, all.good_ctx);
    if (!trusted) {
        assert_int_equal(world_connect(&w, client, "api.example.com", &s, NULL), E_TLS);
    } else {
        for (int i = 0; i < 2; i++) {
            w.serve = greet;
            assert_int_equal(world_connect(&w, client, "api.example.com", &s, NULL), 0);
            expect_greeting(s);
            stream_close(s);
        }
    }
    world_join(&w);
    tls_context_free(client);
}

static void system_trust(void *arg)
{
    char dir[] = "/tmp/sluice-test-XXXXXX", link_path[64];

    (void)arg;
    expect_system(false);
    setenv("SSL_CERT_FILE", all.ca_path, 1);
    expect_system(true);

    /* A directory, first of one file with an arbitrary name, then by hash. */
    unsetenv("SSL_CERT_FILE");
    assert_non_null(mkdtemp(dir));
    setenv("SSL_CERT_DIR", dir, 1);
    snprintf(link_path, sizeof(link_path), "%s/authority.pem", dir);
    assert_int_equal(symlink(all.ca_path, link_path), 0);
    expect_system(false);
    unlink(link_path);
    snprintf(link_path, sizeof(link_path), "%s/%08lx.0", dir,
             X509_NAME_hash_ex(X509_get_subject_name(all.ca.cert), NULL, NULL, NULL));
    assert_int_equal(symlink(all.ca_path, link_path), 0);
    expect_system(true);
    unlink(link_path);
    rmdir(dir);
    setenv("SSL_CERT_DIR", "/nowhere", 1);
    setenv("SSL_CERT_FILE", "/nowhere", 1);
    expect_system(false);
}

static void test_system_trust(void **state)
{
    char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");

    (void)state;
    file = file != NULL ? strdup(file) : NULL;
    dir = dir != NULL ? strdup(dir) : NULL;
    unsetenv("SSL_CERT_FILE");
    rt_run(system_trust, NULL);
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
    if (file != NULL)
        setenv("SSL_CERT_FILE", file, 1);
    if (dir != NULL)
        setenv("SSL_CERT_DIR", dir, 1);
    free(file);
    free(dir);
}

static void old_protocol(void *arg)
{
    SSL_CTX *ctx = server_context(&all.good);
    struct tls_world w;
    struct stream *s;
    struct fault f = {0};

    (void)arg;
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
    world_init(&w, ctx);
    assert_int_equal(world_connect(&w, all.client, "api.example.com", &s, &f), E_TLS);
    assert_non_null(strstr(f.text, "TLS with api.example.com: "));
    assert_non_null(strstr(f.text, "protocol version"));
    world_join(&w);
    assert_int_equal(w.accepted, E_TLS);
    SSL_CTX_free(ctx);
}

static void test_old_protocol(void **state)
{
    (void)state;
    rt_run(old_protocol, NULL);
}

static void client_certificate(void *arg)
{
    SSL_CTX *ctx = server_context(&all.good);
    struct tls_context *client;
    struct tls_world w;
    struct stream *s;
    char byte;
    size_t n;

    (void)arg;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    assert_int_equal(SSL_CTX_load_verify_file(ctx, all.ca_path), 1);
    const struct tls_settings settings = {.ca_file = all.ca_path, .cert_file = all.good_path};
    assert_int_equal(tls_context_new(&settings, &client, NULL), 0);
    world_init(&w, ctx);
    w.serve = greet;
    assert_int_equal(world_connect(&w, client, "api.example.com", &s, NULL), 0);
    expect_greeting(s);
    stream_close(s);
    world_join(&w);
    tls_context_free(client);

    /* Without one the server says no; in TLS 1.3 that arrives after the client is done. */
    assert_int_equal(world_connect(&w, all.client, "api.example.com", &s, NULL), 0);
    assert_int_equal(stream_read(s, &byte, 1, &n), E_TLS);
    assert_int_equal(stream_read(s, &byte, 1, &n), E_TLS);
    stream_close(s);
    world_join(&w);
    SSL_CTX_free(ctx);
}

static void test_client_certificate(void **state)
{
    (void)state;
    rt_run(client_certificate, NULL);
}

static void test_bad_settings(void **state)
{
    (void)state;
    struct tls_context *ctx;
    struct fault f = {0};

    struct tls_settings settings = {.ca_file = "/nowhere/ca.pem"};
    assert_int_equal(tls_context_new(&settings, &ctx, &f), E_TLS);
    assert_string_equal(f.text,
                        "trusted certificates in /nowhere/ca.pem: No such file or directory");
    fault_clear(&f);
    settings = (struct tls_settings){.ca_file = all.ca_path, .cert_file = "/nowhere/cert.pem"};
    assert_int_equal(tls_context_new(&settings, &ctx, &f), E_TLS);
    assert_non_null(strstr(f.text, "client certificate in /nowhere/cert.pem: "));
    fault_clear(&f);
    settings = (struct tls_settings){.ca_file = all.ca_path, .cert_file = all.ca_path};
    assert_int_equal(tls_context_new(&settings, &ctx, &f), E_TLS);
    assert_non_null(strstr(f.text, "client key in /tmp/"));
    tls_context_free(NULL);
}

/* ---- servers that are none */

static void not_tls(void *arg)
{
    struct stream *lower, *server, *s;
    struct fault f = {0};

    (void)arg;
    assert_int_equal(stream_pair_new(4096, &lower, &server), 0);
    assert_int_equal(stream_write(server, STR("HTTP/1.1 400 Bad Request\r\n\r\n")), 0);
    assert_int_equal(tls_connect(all.client, lower, "api.example.com", &s, &f), E_TLS);
    assert_string_equal(f.text, "TLS with api.example.com: the answer is not TLS");
    stream_close(server);
}

static void test_not_tls(void **state)
{
    (void)state;
    rt_run(not_tls, NULL);
}

static void closed_in_handshake(void *arg)
{
    struct stream *lower, *server, *s;
    struct fault f = {0};
    void (*const ways[])(struct stream *) = {stream_close, stream_pair_reset, stream_shut_write};

    (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        assert_int_equal(stream_pair_new(4096, &lower, &server), 0);
        ways[i](server);
        fault_clear(&f);
        assert_int_equal(tls_connect(all.client, lower, "api.example.com", &s, &f), E_RESET);
        assert_string_equal(f.text,
                            "api.example.com closed the connection during the TLS handshake");
    }
    stream_close(server); /* the last was only shut */
}

static void test_closed_in_handshake(void **state)
{
    (void)state;
    rt_run(closed_in_handshake, NULL);
}

static void silent_server(void *arg)
{
    struct stream *lower, *server, *s;

    (void)arg;
    assert_int_equal(stream_pair_new(4096, &lower, &server), 0);
    int64_t outer = task_deadline(clock_cached_ms() + 700);
    assert_int_equal(tls_connect(all.client, lower, "api.example.com", &s, NULL), E_TIMEOUT);
    task_deadline_restore(outer);
    assert_int_equal(rt_now_ms(), 700);
    stream_close(server);
    /* The server does not even take in the greeting. */
    assert_int_equal(stream_pair_new(16, &lower, &server), 0);
    task_deadline(clock_cached_ms() + 300);
    assert_int_equal(tls_connect(all.client, lower, "api.example.com", &s, NULL), E_TIMEOUT);
    assert_int_equal(rt_now_ms(), 1000);
    stream_close(server);
}

static void test_silent_server(void **state)
{
    (void)state;
    rt_run(silent_server, NULL);
}

static void connect_canceled(void *arg)
{
    struct stream *s;

    assert_int_equal(tls_connect(all.client, arg, "api.example.com", &s, NULL), E_CLIENT_GONE);
}

static void cancel(void *arg)
{
    struct stream *lower, *server;
    struct task *task;
    char bytes[4096];
    size_t n;

    (void)arg;
    assert_int_equal(stream_pair_new(4096, &lower, &server), 0);
    assert_int_equal(task_spawn("client", connect_canceled, lower, &task), 0);
    assert_int_equal(stream_read(server, bytes, sizeof(bytes), &n), 0);
    assert_int_equal(bytes[0], 22); /* a handshake record: it has begun */
    task_cancel(task, E_CLIENT_GONE);
    assert_int_equal(stream_read(server, bytes, sizeof(bytes), &n), E_EOF);
    stream_close(server);
}

static void test_cancel(void **state)
{
    (void)state;
    rt_run(cancel, NULL);
}

/* ---- sessions */

static void hang_up_without_farewell(struct tls_world *w, struct tls_server *s)
{
    (void)w;
    /* A client that does not read may be gone. */
    int done = server_do(s, SERVER_WRITE, (void *)"hello", 5);
    assert_true(done == 5 || done == E_CLOSED);
}

/* Connects, reads the greeting (and the tickets before it) or not, and says if it was resumed. */
static bool visit(struct tls_world *w, struct tls_context *ctx, const char *host, bool reads)
{
    struct stream *s;
    char bytes[16];
    size_t n;

    assert_int_equal(world_connect(w, ctx, host, &s, NULL), 0);
    bool resumed = tls_was_resumed(s);
    if (reads) {
        assert_int_equal(stream_read(s, bytes, sizeof(bytes), &n), 0);
        assert_int_equal(stream_read(s, bytes, sizeof(bytes), &n), E_RESET);
    }
    stream_close(s);
    world_join(w);
    return resumed;
}

static struct tls_context *new_client(void)
{
    struct tls_context *ctx;
    const struct tls_settings settings = {.ca_file = all.ca_path};

    assert_int_equal(tls_context_new(&settings, &ctx, NULL), 0);
    return ctx;
}

static void resumption(void *arg)
{
    int version = *(int *)arg;
    SSL_CTX *ctx = server_context(&all.good);
    struct tls_context *client = new_client(), *other_client = new_client();
    struct tls_world w;

    SSL_CTX_set_max_proto_version(ctx, version);
    SSL_CTX_set_num_tickets(ctx, 1);
    world_init(&w, ctx);
    w.serve = hang_up_without_farewell;
    assert_false(visit(&w, client, "api.example.com", true));
    assert_true(visit(&w, client, "api.example.com", true));
    assert_true(visit(&w, client, "api.example.com", true));
    /* Neither another host nor another context has it. */
    assert_false(visit(&w, client, "x.wild.example.com", false));
    assert_false(visit(&w, other_client, "api.example.com", false));
    /* A TLS 1.3 ticket serves once, a TLS 1.2 session again and again. */
    assert_true(visit(&w, client, "api.example.com", false));
    assert_int_equal(visit(&w, client, "api.example.com", false), version == TLS1_2_VERSION);
    tls_context_free(client);
    tls_context_free(other_client);
    SSL_CTX_free(ctx);
}

static void test_resumption(void **state)
{
    int version = TLS1_3_VERSION;
    (void)state;
    rt_run(resumption, &version);
}

static void test_resumption_of_tls_1_2(void **state)
{
    int version = TLS1_2_VERSION;
    (void)state;
    rt_run(resumption, &version);
}

/* A server that has forgotten the session, as after its restart: a full handshake, no error. */
static void forgotten(void *arg)
{
    struct tls_context *client = new_client();
    SSL_CTX *second = server_context(&all.good);
    struct tls_world w;

    (void)arg;
    world_init(&w, all.good_ctx);
    w.serve = hang_up_without_farewell;
    assert_false(visit(&w, client, "api.example.com", true));
    w.server_ctx = second;
    assert_false(visit(&w, client, "api.example.com", true));
    assert_true(visit(&w, client, "api.example.com", true));
    tls_context_free(client);
    SSL_CTX_free(second);
}

static void test_forgotten(void **state)
{
    (void)state;
    rt_run(forgotten, NULL);
}

/* The context goes first; its connection goes on. */
static void context_goes_first(void *arg)
{
    struct tls_context *client = new_client();
    struct tls_world w;
    struct stream *s;

    (void)arg;
    world_init(&w, all.good_ctx);
    w.serve = greet;
    assert_int_equal(world_connect(&w, client, "api.example.com", &s, NULL), 0);
    tls_context_free(client);
    expect_greeting(s);
    stream_close(s);
    world_join(&w);
}

static void test_context_goes_first(void **state)
{
    (void)state;
    rt_run(context_goes_first, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RT_TEST(test_trusted),
        RT_TEST(test_not_trusted),
        RT_TEST(test_system_trust),
        RT_TEST(test_old_protocol),
        RT_TEST(test_client_certificate),
        RT_TEST(test_bad_settings),
        RT_TEST(test_not_tls),
        RT_TEST(test_closed_in_handshake),
        RT_TEST(test_silent_server),
        RT_TEST(test_cancel),
        RT_TEST(test_resumption),
        RT_TEST(test_resumption_of_tls_1_2),
        RT_TEST(test_forgotten),
        RT_TEST(test_context_goes_first),
    };
    return cmocka_run_group_tests(tests, group_up, group_down);
}
