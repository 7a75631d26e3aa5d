/* test_dns.c: names through a resolver of our own, with a clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/dns.h"
#include "rt/loop.h"
#include "rt/task.h"

/* What the resolver does; it runs on a thread of the pool. */
static struct {
    atomic_int count;  /* look-ups so far */
    atomic_int answer; /* the last byte of the address to give; 0: the look-up fails */
    atomic_bool waits; /* until `go` is posted */
    sem_t go;
} resolver;

static int resolver_lookup(const char *host, struct dns_addrs *ret_addrs, struct fault *f)
{
    resolver.count++;
    if (resolver.waits)
        sem_wait(&resolver.go);
    if (resolver.answer == 0)
        return fault_set(f, E_DNS, "the name %s could not be resolved: as told", host);
    struct sockaddr_in in = {
        .sin_family = AF_INET,
        .sin_addr = {htonl(0x0a000000u + (unsigned)resolver.answer)},
    };
    memcpy(&ret_addrs->at[0], &in, sizeof(in));
    ret_addrs->len[0] = sizeof(in);
    ret_addrs->count = 1;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    clock_fake(1000000, 0);
    if (loop_init() != 0)
        return -1;
    loop_jump_time(true);
    dns_lookup_set(resolver_lookup);
    resolver.count = 0;
    resolver.answer = 1;
    resolver.waits = false;
    return sem_init(&resolver.go, 0, 0);
}

static int tear_down(void **state)
{
    (void)state;
    dns_cache_clear();
    for (int i = 0; i < 9; i++)
        sem_post(&resolver.go); /* a test that failed may have left a thread waiting */
    loop_jump_time(false);
    loop_fini();
    dns_lookup_set(NULL);
    clock_real();
    return sem_destroy(&resolver.go);
}

static void run(void (*fn)(void *arg))
{
    assert_int_equal(task_spawn("test", fn, NULL, NULL), 0);
    assert_int_equal(loop_run(), 0);
}

static void advance(int64_t ms)
{
    clock_advance_us(ms * 1000);
    assert_int_equal(task_sleep(0), 0);
    assert_int_equal(task_sleep(0), 0);
}

/* The last byte of the first address of `host`, or the error. */
static int resolve(const char *host)
{
    struct dns_addrs addrs;
    struct sockaddr_in in;
    int err = dns_resolve(host, 443, &addrs, NULL);

    if (err != 0)
        return err;
    assert_int_equal(addrs.count, 1);
    memcpy(&in, &addrs.at[0], sizeof(in));
    assert_int_equal(ntohs(in.sin_port), 443);
    return (int)(ntohl(in.sin_addr.s_addr) & 0xff);
}

static void numeric(void *arg)
{
    struct dns_addrs addrs;
    struct sockaddr_in6 in6;
    struct fault f = {0};

    (void)arg;
    assert_int_equal(resolve("192.0.2.7"), 7);
    assert_int_equal(dns_resolve("2001:db8::9", 8080, &addrs, &f), 0);
    assert_int_equal(addrs.count, 1);
    assert_int_equal(addrs.len[0], sizeof(in6));
    memcpy(&in6, &addrs.at[0], sizeof(in6));
    assert_int_equal(in6.sin6_family, AF_INET6);
    assert_int_equal(ntohs(in6.sin6_port), 8080);
    assert_int_equal(in6.sin6_addr.s6_addr[15], 9);
    assert_int_equal(resolver.count, 0);

    assert_int_equal(dns_resolve("127.0.0.1", 70000, &addrs, &f), E_DNS);
    assert_non_null(strstr(f.text, "70000"));
    assert_int_equal(resolve(""), E_DNS);
    char long_name[400];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_int_equal(resolve(long_name), E_DNS);
    assert_int_equal(resolver.count, 0);
}

static void test_numeric(void **state)
{
    (void)state;
    run(numeric);
}

static void remembered(void *arg)
{
    (void)arg;
    assert_int_equal(resolve("a.example"), 1);
    resolver.answer = 2;
    advance(DNS_TTL_MS - 1);
    assert_int_equal(resolve("a.example"), 1);
    assert_int_equal(resolver.count, 1);
    assert_int_equal(resolve("b.example"), 2);
    assert_int_equal(resolver.count, 2);
    advance(1);
    assert_int_equal(resolve("a.example"), 2);
    assert_int_equal(resolver.count, 3);
    dns_cache_clear();
    assert_int_equal(resolve("a.example"), 2);
    assert_int_equal(resolver.count, 4);
}

static void test_remembered(void **state)
{
    (void)state;
    run(remembered);
}

static void failures(void *arg)
{
    struct dns_addrs addrs;
    struct fault f = {0};

    (void)arg;
    resolver.answer = 0;
    assert_int_equal(dns_resolve("a.example", 1, &addrs, &f), E_DNS);
    assert_int_equal(f.err, E_DNS);
    assert_string_equal(f.text, "the name a.example could not be resolved: as told");
    assert_int_equal(resolver.count, 1);
    /* For a second nobody asks again, but everybody is told why. */
    resolver.answer = 3;
    advance(999);
    fault_clear(&f);
    assert_int_equal(dns_resolve("a.example", 1, &addrs, &f), E_DNS);
    assert_string_equal(f.text, "the name a.example could not be resolved: as told");
    assert_int_equal(resolver.count, 1);
    advance(1);
    assert_int_equal(resolve("a.example"), 3);
    assert_int_equal(resolver.count, 2);
}

static void test_failures(void **state)
{
    (void)state;
    run(failures);
}

static void stale(void *arg)
{
    (void)arg;
    assert_int_equal(resolve("a.example"), 1);
    resolver.answer = 0;
    advance(DNS_TTL_MS);
    assert_int_equal(resolve("a.example"), 1);
    assert_int_equal(resolver.count, 2);
    assert_int_equal(resolve("a.example"), 1);
    assert_int_equal(resolver.count, 2);
    advance(DNS_STALE_MS - DNS_TTL_MS - 1);
    assert_int_equal(resolve("a.example"), 1);
    assert_int_equal(resolver.count, 3);
    advance(1);
    assert_int_equal(resolve("a.example"), E_DNS);
}

static void test_stale(void **state)
{
    (void)state;
    run(stale);
}

struct asker {
    const char *host;
    int64_t timeout_ms;
    int result;
    bool ended;
};

static void ask(void *arg)
{
    struct asker *a = arg;

    if (a->timeout_ms > 0)
        task_deadline(clock_cached_ms() + a->timeout_ms);
    a->result = resolve(a->host);
    a->ended = true;
}

static void spawn_asker(struct asker *a, const char *host, int64_t timeout_ms)
{
    *a = (struct asker){.host = host, .timeout_ms = timeout_ms};
    assert_int_equal(task_spawn("asker", ask, a, NULL), 0);
    assert_int_equal(task_sleep(0), 0);
    assert_int_equal(task_sleep(0), 0);
}

/* Waits in real time for a thread of the pool. */
static void wait_for(bool *flag)
{
    while (!*flag)
        assert_int_equal(task_sleep(0), 0);
}

static void shared(void *arg)
{
    struct asker first, second, third;

    (void)arg;
    resolver.waits = true;
    spawn_asker(&first, "a.example", 500);
    spawn_asker(&second, "a.example", 0);
    spawn_asker(&third, "a.example", 0);
    /* Who began the look-up gives up; the others still get its answer. */
    advance(500);
    wait_for(&first.ended);
    assert_int_equal(first.result, E_TIMEOUT);
    assert_false(second.ended);
    sem_post(&resolver.go);
    wait_for(&second.ended);
    wait_for(&third.ended);
    assert_int_equal(second.result, 1);
    assert_int_equal(third.result, 1);
    assert_int_equal(resolve("a.example"), 1);
    assert_int_equal(resolver.count, 1);
}

static void test_shared(void **state)
{
    (void)state;
    run(shared);
}

static void slow_refresh(void *arg)
{
    struct asker asker;

    (void)arg;
    assert_int_equal(resolve("a.example"), 1);
    resolver.answer = 2;
    resolver.waits = true;
    advance(DNS_TTL_MS);
    spawn_asker(&asker, "a.example", 0);
    advance(999);
    assert_false(asker.ended);
    advance(1);
    wait_for(&asker.ended);
    assert_int_equal(asker.result, 1);
    /* Its caller's own deadline comes first: that is an error even with an old answer in hand. */
    spawn_asker(&asker, "a.example", 500);
    advance(500);
    wait_for(&asker.ended);
    assert_int_equal(asker.result, E_TIMEOUT);
    resolver.waits = false;
    sem_post(&resolver.go);
    spawn_asker(&asker, "a.example", 0);
    wait_for(&asker.ended);
    assert_int_equal(asker.result, 2);
    assert_int_equal(resolver.count, 2);
}

static void test_slow_refresh(void **state)
{
    (void)state;
    run(slow_refresh);
}

static void cleared_meanwhile(void *arg)
{
    struct asker first, second;

    (void)arg;
    resolver.waits = true;
    spawn_asker(&first, "a.example", 0);
    spawn_asker(&second, "a.example", 0);
    dns_cache_clear();
    sem_post(&resolver.go);
    wait_for(&first.ended);
    wait_for(&second.ended);
    assert_int_equal(first.result, 1);
    assert_int_equal(second.result, 1);
    assert_int_equal(resolver.count, 1);
    sem_post(&resolver.go);
    assert_int_equal(resolve("a.example"), 1);
    assert_int_equal(resolver.count, 2);
}

static void test_cleared_meanwhile(void **state)
{
    (void)state;
    run(cleared_meanwhile);
}

static void given_up_at_the_end(void *arg)
{
    struct asker asker;

    (void)arg;
    resolver.waits = true;
    spawn_asker(&asker, "a.example", 10);
    advance(10);
    wait_for(&asker.ended);
    assert_int_equal(asker.result, E_TIMEOUT);
    sem_post(&resolver.go); /* loop_fini waits for it and drops it */
}

static void test_given_up_at_the_end(void **state)
{
    (void)state;
    run(given_up_at_the_end);
}

static void least_recently_used(void *arg)
{
    char host[40];

    (void)arg;
    assert_int_equal(resolve("used.example"), 1);
    assert_int_equal(resolve("unused.example"), 1);
    for (int i = 0; i < DNS_ENTRIES_MAX - 1; i++) {
        snprintf(host, sizeof(host), "host-%d.example", i);
        assert_int_equal(resolve("used.example"), 1);
        assert_int_equal(resolve(host), 1);
    }
    int before = resolver.count;
    assert_int_equal(before, DNS_ENTRIES_MAX + 1);
    assert_int_equal(resolve("used.example"), 1);
    assert_int_equal(resolver.count, before);
    assert_int_equal(resolve("unused.example"), 1);
    assert_int_equal(resolver.count, before + 1);
}

static void test_least_recently_used(void **state)
{
    (void)state;
    run(least_recently_used);
}

static void by_the_system(void *arg)
{
    struct dns_addrs addrs;
    struct fault f = {0};

    (void)arg;
    dns_lookup_set(NULL);
    assert_int_equal(dns_resolve("localhost", 80, &addrs, &f), 0);
    assert_true(addrs.count >= 1);
    for (unsigned i = 0; i < addrs.count; i++) {
        struct sockaddr_storage *at = &addrs.at[i];
        assert_true(at->ss_family == AF_INET || at->ss_family == AF_INET6);
        assert_int_equal(ntohs(((struct sockaddr_in *)at)->sin_port), 80);
    }
    /* A label of 70 letters is refused without asking anybody. */
    assert_int_equal(
        dns_resolve("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 80,
                    &addrs, &f),
        E_DNS);
    assert_non_null(strstr(f.text, "could not be resolved: "));
}

static void test_by_the_system(void **state)
{
    (void)state;
    run(by_the_system);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_numeric),
        TEST(test_remembered),
        TEST(test_failures),
        TEST(test_stale),
        TEST(test_shared),
        TEST(test_slow_refresh),
        TEST(test_cleared_meanwhile),
        TEST(test_given_up_at_the_end),
        TEST(test_least_recently_used),
        TEST(test_by_the_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
