/*
 * test_sigv4.c: signatures.
 *
 * The cases of example.amazonaws.com are those of AWS's published test suite for Signature Version
 * 4 (aws-sig-v4-test-suite), with its key, time and values. The others are Bedrock's, whose path
 * has a colon or a whole ARN: their values are what botocore 1.44.8 says (SigV4Auth's
 * canonical_request, string_to_sign and signature, on an AWSRequest of this method, URL, headers
 * and body, with the time as x-amz-date); the same script gave the suite's published values.
 */
#include "base/sha256.h"
#include "base_test.h"
#include "llm/sigv4.h"

#define EXAMPLE_TIME 1440938160 /* 2015-08-30 12:36:00 */
#define BEDROCK_TIME 1772348889 /* 2026-03-01 07:08:09 */
#define LETTERS      "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define HOST         "host:example.amazonaws.com\n"
#define DATE         "x-amz-date:20150830T123600Z\n"
#define EMPTY        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SUITE_TOKEN                                                                                \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfp"   \
    "SPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQ"   \
    "DYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+s"   \
    "cqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

struct test_case {
    const char *name, *method, *path, *query;
    const char *headers[8]; /* names and values */
    const char *body, *token;
    const char *canonical, *names, *signature;
};

static const struct test_case suite[] = {
    {"get-vanilla",
     "GET",
     "/",
     "",
     {0},
     "",
     NULL,
     "GET\n/\n\n" HOST DATE "\nhost;x-amz-date\n" EMPTY,
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "",
     "Param2=value2&Param1=value1",
     {0},
     "",
     NULL,
     "GET\n/\nParam1=value1&Param2=value2\n" HOST DATE "\nhost;x-amz-date\n" EMPTY,
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-order-value",
     "GET",
     "/",
     "Param1=value2&Param1=value1",
     {0},
     "",
     NULL,
     "GET\n/\nParam1=value1&Param1=value2\n" HOST DATE "\nhost;x-amz-date\n" EMPTY,
     "host;x-amz-date",
     "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
    {"get-vanilla-query-unreserved",
     "GET",
     "/",
     LETTERS "=" LETTERS,
     {0},
     "",
     NULL,
     "GET\n/\n" LETTERS "=" LETTERS "\n" HOST DATE "\nhost;x-amz-date\n" EMPTY,
     "host;x-amz-date",
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-unreserved",
     "GET",
     "/" LETTERS,
     "",
     {0},
     "",
     NULL,
     "GET\n/" LETTERS "\n\n" HOST DATE "\nhost;x-amz-date\n" EMPTY,
     "host;x-amz-date",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-header-key-duplicate",
     "GET",
     "/",
     "",
     {"My-Header1", "value2", "My-Header1", "value2", "My-Header1", "value1"},
     "",
     NULL,
     "GET\n/\n\n" HOST "my-header1:value2,value2,value1\n" DATE
     "\nhost;my-header1;x-amz-date\n" EMPTY,
     "host;my-header1;x-amz-date",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-header-value-order",
     "GET",
     "/",
     "",
     {"My-Header1", "value4", "My-Header1", "value1", "My-Header1", "value3", "My-Header1",
      "value2"},
     "",
     NULL,
     "GET\n/\n\n" HOST "my-header1:value4,value1,value3,value2\n" DATE
     "\nhost;my-header1;x-amz-date\n" EMPTY,
     "host;my-header1;x-amz-date",
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    {"get-header-value-trim",
     "GET",
     "/",
     "",
     {"My-Header1", " value1", "My-Header2", " \"a   b   c\""},
     "",
     NULL,
     "GET\n/\n\n" HOST "my-header1:value1\nmy-header2:\"a b c\"\n" DATE
     "\nhost;my-header1;my-header2;x-amz-date\n" EMPTY,
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-vanilla",
     "POST",
     "/",
     "",
     {0},
     "",
     NULL,
     "POST\n/\n\n" HOST DATE "\nhost;x-amz-date\n" EMPTY,
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     "",
     {"Content-Type", "application/x-www-form-urlencoded"},
     "Param1=value1",
     NULL,
     "POST\n/\n\ncontent-type:application/x-www-form-urlencoded\n" HOST DATE
     "\ncontent-type;host;x-amz-date\n"
     "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {"post-sts-header-before",
     "POST",
     "/",
     "",
     {0},
     "",
     SUITE_TOKEN,
     "POST\n/\n\n" HOST DATE "x-amz-security-token:" SUITE_TOKEN
     "\n\nhost;x-amz-date;x-amz-security-token\n" EMPTY,
     "host;x-amz-date;x-amz-security-token",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
};

static const struct test_case bedrock[] = {
    {"eu-central-1",
     "POST",
     "/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse",
     "",
     {"Content-Type", "application/json"},
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}",
     "TOKEN/EXAMPLE==",
     "POST\n/model/anthropic.claude-3-5-sonnet-20241022-v2%253A0/converse\n\n"
     "content-type:application/json\nhost:bedrock-runtime.eu-central-1.amazonaws.com\n"
     "x-amz-date:20260301T070809Z\nx-amz-security-token:TOKEN/EXAMPLE==\n\n"
     "content-type;host;x-amz-date;x-amz-security-token\n"
     "c3335e07d6e89650bf94cb98664be69f8774dbc3198df221f113db0a59ea14f0",
     "content-type;host;x-amz-date;x-amz-security-token",
     "ead330775eb3830ffa724e636e8cb05d22bf9fc32a9a8ff3fcbab19cb892c548"},
    {"us-east-1",
     "POST",
     "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2F"
     "abc123/converse-stream",
     "",
     {"Content-Type", "application/json"},
     "{}",
     NULL,
     "POST\n/model/arn%253Aaws%253Abedrock%253Aus-east-1%253A123456789012%253A"
     "application-inference-profile%252Fabc123/converse-stream\n\n"
     "content-type:application/json\nhost:bedrock-runtime.us-east-1.amazonaws.com\n"
     "x-amz-date:20260301T070809Z\n\ncontent-type;host;x-amz-date\n"
     "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
     "content-type;host;x-amz-date",
     "302babe654ba6df06e8e419b69f13ffa9cab8a3174b7cf872306ffe032e5e869"},
};

struct place {
    struct str host, region, service, day, date;
    int64_t time_s;
};

static void check(struct arena *a, const struct test_case *t, const struct place *place)
{
    struct sigv4_header headers[8] = {{STR("Host"), place->host}};
    struct sigv4_credentials credentials = {
        STR("AKIDEXAMPLE"), STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), str_from(t->token)};
    struct sigv4_request r = {.method = str_from(t->method),
                              .path = str_from(t->path),
                              .query = str_from(t->query),
                              .headers = headers,
                              .headers_n = 1,
                              .time_s = place->time_s,
                              .region = place->region,
                              .service = place->service};
    for (size_t i = 0; i + 1 < ARRAY_LEN(t->headers) && t->headers[i]; i += 2)
        headers[r.headers_n++] = (struct sigv4_header){str_from(t->headers[i]),
                                                       str_from(t->headers[i + 1])};
    struct str canonical, want;
    struct sigv4_headers got;
    assert_int_equal(sha256_hex(str_from(t->body), a, &r.payload_hash), 0);
    assert_int_equal(sigv4_canonical(&r, &credentials, a, &canonical), 0);
    assert_str(canonical, str_from(t->canonical));
    assert_int_equal(sigv4_sign(&r, &credentials, a, &got), 0);
    want = arena_printf(a,
                        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/%.*s/%.*s/%.*s/aws4_request, "
                        "SignedHeaders=%s, Signature=%s",
                        STR_ARGS(place->day), STR_ARGS(place->region), STR_ARGS(place->service),
                        t->names, t->signature);
    assert_str(got.authorization, want);
    assert_str(got.date, place->date);
    assert_str(got.security_token, str_from(t->token));
}

static void the_published_suite(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1u << 20);
    struct place place = {
        STR("example.amazonaws.com"), STR("us-east-1"), STR("service"), STR("20150830"),
        STR("20150830T123600Z"),      EXAMPLE_TIME};
    for (size_t i = 0; i < ARRAY_LEN(suite); i++)
        check(&a, &suite[i], &place);
    arena_fini(&a);
}

static void paths_of_bedrock(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1u << 20);
    for (size_t i = 0; i < ARRAY_LEN(bedrock); i++) {
        struct str region = str_from(bedrock[i].name);
        struct place place = {
            STR_NONE,    region, STR("bedrock"), STR("20260301"), STR("20260301T070809Z"),
            BEDROCK_TIME};
        place.host = arena_printf(&a, "bedrock-runtime.%.*s.amazonaws.com", STR_ARGS(region));
        check(&a, &bedrock[i], &place);
    }
    arena_fini(&a);
}

/* AWS's documentation of the suite has this one written out. */
static void what_is_signed(void **state)
{
    (void)state;
    struct arena a;
    struct str text;
    arena_init(&a, 1u << 20);
    struct sigv4_request r = {
        .time_s = EXAMPLE_TIME, .region = STR("us-east-1"), .service = STR("service")};
    assert_int_equal(sigv4_string_to_sign(&r, str_from(suite[0].canonical), &a, &text), 0);
    assert_str(text,
               STR("AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n"
                   "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63"));
    arena_fini(&a);
}

static void empty_parameters(void **state)
{
    (void)state;
    struct arena a;
    struct str text;
    struct sigv4_header host = {STR("host"), STR("h")};
    struct sigv4_credentials none = {STR("a"), STR("s"), STR_NONE};
    struct sigv4_request r = {.method = STR("GET"),
                              .query = STR("&b&&a=&c=d=e"),
                              .headers = &host,
                              .headers_n = 1,
                              .payload_hash = STR("hash")};
    arena_init(&a, 1u << 20);
    assert_int_equal(sigv4_canonical(&r, &none, &a, &text), 0);
    assert_str(text, STR("GET\n/\na=&b=&c=d=e\nhost:h\nx-amz-date:19700101T000000Z\n\n"
                         "host;x-amz-date\nhash"));
    arena_fini(&a);
}

static void too_many_headers_are_refused(void **state)
{
    (void)state;
    struct arena a;
    struct sigv4_header headers[SIGV4_HEADERS_MAX];
    struct sigv4_headers got = {.date = STR("untouched")};
    struct sigv4_credentials none = {STR("a"), STR("s"), STR_NONE};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        headers[i] = (struct sigv4_header){STR("h"), STR("v")};
    struct sigv4_request r = {.headers = headers, .headers_n = SIGV4_HEADERS_MAX};
    arena_init(&a, 1u << 20);
    assert_int_equal(sigv4_sign(&r, &none, &a, &got), E_TOO_LARGE);
    assert_str(got.date, STR("untouched"));
    r.headers_n = SIGV4_HEADERS_MAX - 1;
    assert_int_equal(sigv4_sign(&r, &none, &a, &got), 0);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_suite),
        cmocka_unit_test(paths_of_bedrock),
        cmocka_unit_test(what_is_signed),
        cmocka_unit_test(empty_parameters),
        cmocka_unit_test(too_many_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
