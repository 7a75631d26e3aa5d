/*
 * test_eventstream.c: frames, however the stream that carries them is cut, and what is wrong with
 * others.
 *
 * The frames in hexadecimal digits were read by botocore 1.44.8 (EventStreamBuffer) to what the
 * tests say; the empty one and that with a number in its header are of botocore's own tests, too.
 */
#include "base_test.h"

#include <stdlib.h>

#include "eventstream_frames.h"
#include "http/eventstream.h"

#define FRAME_EMPTY "000000100000000005c248eb7d98c8ff"
#define FRAME_NUMBER                                                                               \
    "0000002b0000000e348bec7b086576656e742d6964040000a00c7b27666f6f273a27626172277dd3890285"
#define FRAME_EVENT                                                                                \
    "0000009e00000057fe1b824f0b3a6576656e742d74797065070011636f6e74656e74426c6f636b44656c74610d3a" \
    "636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d7479706507" \
    "00056576656e747b22636f6e74656e74426c6f636b496e646578223a302c2264656c7461223a7b2274657874223a" \
    "224869227d2c2270223a22616263227d9343f010"
#define FRAME_EXCEPTION                                                                            \
    "00000087000000615c51e2250f3a657863657074696f6e2d747970650700137468726f74746c696e674578636570" \
    "74696f6e0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d657373616765" \
    "2d74797065070009657863657074696f6e7b226d657373616765223a22546f6f206d616e79227db9fdf604"
#define FRAME_TYPES                                                                                \
    "00000070000000536e923fe80174000166010162028001730301020169040000a00c016c053132333435363738"   \
    "017906000562797465730177070005776f72647301640838373635343332310175093031323334353637383961"   \
    "62636465667b27666f6f273a27626172277dcd997fb4"

static void put_hex(struct buf *out, const char *hex)
{
    for (; hex[0]; hex += 2) {
        char two[3] = {hex[0], hex[1], '\0'};
        buf_char(out, (char)strtol(two, NULL, 16));
    }
    assert_int_equal(out->failed, 0);
}

static void see(struct buf *seen, const struct eventstream_frame *frame)
{
    static const char *const kinds[] = {"event", "exception", "error", "other"};
    buf_printf(seen, "<%s %.*s|%.*s|%.*s>", kinds[frame->kind], STR_ARGS(frame->name),
               STR_ARGS(frame->text), STR_ARGS(frame->payload));
    assert_int_equal(seen->failed, 0);
}

/* Each piece in memory of its own, so that a sanitizer sees a read beyond it. */
static int feed(struct eventstream *s, struct str piece, struct buf *seen, struct fault *f)
{
    char *bytes = test_malloc(piece.n + 1);
    struct eventstream_frame frame;
    int err;
    memcpy(bytes, piece.p, piece.n);
    eventstream_feed(s, str_of(bytes, piece.n));
    while ((err = eventstream_next(s, &frame, f)) == 0 && frame.raw.n > 0)
        see(seen, &frame);
    test_free(bytes);
    return err;
}

/* In pieces of `step` bytes; what was seen, and the error behind it. */
static int run(struct str in, size_t step, size_t bytes_max, struct buf *seen, struct fault *f)
{
    struct eventstream s;
    int err = 0;
    buf_clear(seen);
    fault_clear(f);
    eventstream_init(&s, bytes_max);
    for (struct str rest = in; rest.n > 0 && !err; rest = str_tail(rest, step))
        err = feed(&s, str_head(rest, step), seen, f);
    if (!err)
        err = eventstream_end(&s, f);
    eventstream_fini(&s);
    return err;
}

static void frames_however_cut(void **state)
{
    (void)state;
    struct buf in, seen;
    struct fault f = {0};
    buf_init(&in, 4096);
    buf_init(&seen, 4096);
    put_hex(&in, FRAME_EMPTY FRAME_EVENT FRAME_EXCEPTION FRAME_NUMBER FRAME_EVENT);
    for (size_t step = 1; step <= in.n; step++) {
        assert_int_equal(run(buf_view(&in), step, 1024, &seen, &f), 0);
        assert_str(buf_view(&seen),
                   STR("<other ||>"
                       "<event contentBlockDelta||"
                       "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hi\"},\"p\":\"abc\"}>"
                       "<exception throttlingException||{\"message\":\"Too many\"}>"
                       "<other ||{'foo':'bar'}>"
                       "<event contentBlockDelta||"
                       "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hi\"},\"p\":\"abc\"}>"));
    }
    buf_fini(&seen);
    buf_fini(&in);
}

static void headers_of_all_types(void **state)
{
    (void)state;
    struct buf in;
    struct eventstream s;
    struct eventstream_frame frame;
    buf_init(&in, 4096);
    put_hex(&in, FRAME_TYPES);
    eventstream_init(&s, 1024);
    eventstream_feed(&s, buf_view(&in));
    assert_int_equal(eventstream_next(&s, &frame, NULL), 0);
    assert_str(frame.payload, STR("{'foo':'bar'}"));
    assert_str(eventstream_header(&frame, STR("w")), STR("words"));
    assert_null(eventstream_header(&frame, STR("y")).p); /* bytes are no string */
    assert_null(eventstream_header(&frame, STR("i")).p);
    assert_null(eventstream_header(&frame, STR("words")).p);
    eventstream_fini(&s);
    buf_fini(&in);
}

static void an_error_in_headers(void **state)
{
    (void)state;
    struct buf in, headers, seen;
    struct fault f = {0};
    buf_init(&in, 4096);
    buf_init(&headers, 4096);
    buf_init(&seen, 4096);
    frame_header(&headers, STR(":error-code"), STR("InternalFailure"));
    frame_header(&headers, STR(":error-message"), STR("An internal failure"));
    frame_header(&headers, STR(":message-type"), STR("error"));
    frame_put(&in, buf_view(&headers), STR_NONE);
    assert_int_equal(run(buf_view(&in), 7, 1024, &seen, &f), 0);
    assert_str(buf_view(&seen), STR("<error InternalFailure|An internal failure|>"));
    buf_fini(&seen);
    buf_fini(&headers);
    buf_fini(&in);
}

/* Whichever bit is wrong, it is seen, and nothing of the frame is believed. */
static void every_wrong_bit_is_seen(void **state)
{
    (void)state;
    struct buf in, seen;
    struct fault f = {0};
    buf_init(&in, 4096);
    buf_init(&seen, 4096);
    put_hex(&in, FRAME_EVENT);
    for (size_t i = 0; i < in.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            in.p[i] ^= (char)(1 << bit);
            assert_int_equal(run(buf_view(&in), in.n, 1024, &seen, &f), E_UPSTREAM_BODY);
            assert_str(str_from(f.text),
                       i < 12 ? STR("its stream of events is broken: the checksum of a frame's "
                                    "lengths is wrong")
                              : STR("its stream of events is broken: a frame's checksum is "
                                    "wrong"));
            assert_int_equal(seen.n, 0);
            in.p[i] ^= (char)(1 << bit);
        }
    }
    buf_fini(&seen);
    buf_fini(&in);
}

/* Lengths with a checksum that is right. */
static void put_prelude(struct buf *out, size_t bytes, size_t headers)
{
    buf_clear(out);
    frame_number(out, bytes);
    frame_number(out, headers);
    frame_number(out, crc32_add(0, buf_view(out)));
}

static void wrong_lengths(void **state)
{
    (void)state;
    static const struct {
        size_t bytes, headers;
        int err;
        const char *words;
    } cases[] = {
        {15, 0, E_UPSTREAM_BODY, "a frame's length is shorter than what it has to hold"},
        {0, 0, E_UPSTREAM_BODY, "a frame's length is shorter than what it has to hold"},
        {100, 85, E_UPSTREAM_BODY, "a frame's length is shorter than what it has to hold"},
        {16, 0xffffffff, E_UPSTREAM_BODY, "a frame's length is shorter than what it has to hold"},
        {0xffffffff, 128 * 1024 + 1, E_UPSTREAM_BODY, "a frame's headers are longer than 128 KiB"},
        {1025, 0, E_UPSTREAM_LARGE, "a frame of 1025 bytes in its stream, of 1024 allowed"},
        {1024, 0, E_UPSTREAM_CUT, "its stream of events ended within a frame, 12 bytes in"},
    };
    struct buf in, seen;
    struct fault f = {0};
    buf_init(&in, 4096);
    buf_init(&seen, 4096);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put_prelude(&in, cases[i].bytes, cases[i].headers);
        for (size_t step = 1; step <= in.n; step += 11) {
            assert_int_equal(run(buf_view(&in), step, 1024, &seen, &f), cases[i].err);
            assert_true(str_ends(str_from(f.text), str_from(cases[i].words)));
        }
    }
    buf_fini(&seen);
    buf_fini(&in);
}

static void headers_that_are_none(void **state)
{
    (void)state;
    static const struct str headers[] = {
        {"\0", 1},          /* a name without letters */
        {"\1", 1},          /* none at all */
        {"\1a", 2},         /* without a type */
        {"\1a\12", 3},      /* of a type that there is not */
        {"\1a\4\0\0\0", 6}, /* a value cut off */
        {"\1a\7\0", 4},     /* its length cut off */
        {"\1a\7\0\2b", 6},  /* a string cut off */
        {"\1a\0\1", 4},     /* a second one that is none */
        {"\377a", 2},       /* a name cut off */
    };
    struct buf in, seen;
    struct fault f = {0};
    buf_init(&in, 4096);
    buf_init(&seen, 4096);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        buf_clear(&in);
        frame_put(&in, headers[i], STR("{}"));
        assert_int_equal(run(buf_view(&in), in.n, 1024, &seen, &f), E_UPSTREAM_BODY);
        assert_str(str_from(f.text),
                   STR("its stream of events is broken: a frame's headers cannot be read"));
    }
    buf_fini(&seen);
    buf_fini(&in);
}

static void a_cut_frame(void **state)
{
    (void)state;
    struct buf in, seen;
    struct fault f = {0};
    buf_init(&in, 4096);
    buf_init(&seen, 4096);
    put_hex(&in, FRAME_EMPTY FRAME_EVENT);
    for (size_t n = 17; n < in.n; n++) {
        assert_int_equal(run(str_head(buf_view(&in), n), 5, 1024, &seen, &f), E_UPSTREAM_CUT);
        assert_str(buf_view(&seen), STR("<other ||>"));
    }
    buf_fini(&seen);
    buf_fini(&in);
}

/* Behind a fault nothing is found, and the fault stays. */
static void a_fault_stays(void **state)
{
    (void)state;
    struct buf in;
    struct eventstream s;
    struct eventstream_frame frame;
    buf_init(&in, 4096);
    put_hex(&in, FRAME_EMPTY FRAME_EMPTY);
    in.p[15] ^= 1;
    eventstream_init(&s, 1024);
    eventstream_feed(&s, buf_view(&in));
    assert_int_equal(eventstream_next(&s, &frame, NULL), E_UPSTREAM_BODY);
    eventstream_feed(&s, str_tail(buf_view(&in), 16));
    assert_int_equal(eventstream_next(&s, &frame, NULL), E_UPSTREAM_BODY);
    assert_int_equal(eventstream_end(&s, NULL), E_UPSTREAM_BODY);
    eventstream_fini(&s);
    buf_fini(&in);
}

/* The memory of a large frame is given back with the next one. */
static void memory_is_given_back(void **state)
{
    (void)state;
    static char large[100000];
    struct buf in, seen;
    struct eventstream s;
    buf_init(&in, 1u << 20);
    buf_init(&seen, 1u << 20);
    memset(large, 'x', sizeof(large));
    frame_put_event(&in, STR("event"), STR("metadata"), str_of(large, sizeof(large)));
    put_hex(&in, FRAME_EMPTY);
    eventstream_init(&s, 1u << 20);
    struct str head = str_head(buf_view(&in), 50000);
    assert_int_equal(feed(&s, head, &seen, NULL), 0);
    assert_true(s.rest.cap >= 50000);
    assert_int_equal(feed(&s, str_tail(buf_view(&in), 50000), &seen, NULL), 0);
    assert_true(s.rest.cap <= 4096);
    assert_int_equal(eventstream_end(&s, NULL), 0);
    eventstream_fini(&s);
    buf_fini(&seen);
    buf_fini(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_however_cut),   cmocka_unit_test(headers_of_all_types),
        cmocka_unit_test(an_error_in_headers),  cmocka_unit_test(every_wrong_bit_is_seen),
        cmocka_unit_test(wrong_lengths),        cmocka_unit_test(headers_that_are_none),
        cmocka_unit_test(a_cut_frame),          cmocka_unit_test(a_fault_stays),
        cmocka_unit_test(memory_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
