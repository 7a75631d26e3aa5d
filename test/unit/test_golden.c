/*
 * test_golden.c: what clients get for what providers send, byte for byte.
 *
 * Walks test/fixture/wire/WIRE/EXCHANGE (see the README there): crosses each answer, stream and
 * error to the protocol of each client, as src/llm/call.c does, and compares with golden.openai and
 * golden.anthropic. What bad requests come to stands in test/fixture/bad. With GOLDENS=write in the
 * environment the goldens are written anew; then read what git says has changed.
 */
#include <dirent.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "eventstream_frames.h"
#include "llm/call.h"
#include "llm/crossing.h"
#include "llm/frames.h"
#include "wire_world.h"

#define FIXTURES  "test/fixture/wire"
#define BAD       "test/fixture/bad"
#define WALL_US   1764000000000000
#define EXCHANGES 12 /* at least, of every provider */
#define NAMES_MAX 128

struct client {
    const struct wire *wire;
    const char *golden;
};

static const struct client clients[] = {
    {&wire_openai_chat, "golden.openai"},
    {&wire_anthropic, "golden.anthropic"},
};

struct provider_folder {
    const char *name;
    const struct wire *wire;
};

static const struct provider_folder folders[] = {
    {"openai_chat", &wire_openai_chat}, {"responses", &wire_responses},
    {"anthropic", &wire_anthropic},     {"gemini", &wire_gemini},
    {"converse", &wire_converse},       {"azure", &wire_openai_chat},
};

/* What every provider has to show; a line in test/fixture/covers names the exchange that does. */
static const char *const kinds[] = {
    "text",    "one-tool",         "parallel-tools",   "tool-error",
    "image",   "thinking",         "length",           "refusal",
    "empty",   "usage-with-cache", "error-mid-stream", "unknown-events",
    "not-json"};

struct world {
    struct arena arena;
    struct buf out, frames;
    bool begun; /* the client has something of the stream */
};

static int world_make(void **state)
{
    struct world *w = test_calloc(1, sizeof(*w));
    arena_init(&w->arena, 64u << 20); /* of all exchanges */
    buf_init(&w->out, 1u << 20);
    buf_init(&w->frames, 1u << 20);
    clock_fake(1000000, WALL_US);
    *state = w;
    return 0;
}

static int world_end(void **state)
{
    struct world *w = *state;
    clock_real();
    buf_fini(&w->frames);
    buf_fini(&w->out);
    arena_fini(&w->arena);
    test_free(w);
    return 0;
}

/* ---- folders ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The folders within one, sorted. */
static unsigned folder_names(struct arena *a, const char *path, const char *names[NAMES_MAX])
{
    DIR *dir = opendir(path);
    unsigned n = 0;
    if (!dir)
        fail_msg("there is no %s", path);
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.')
            continue;
        assert_in_range(n, 0, NAMES_MAX - 1);
        names[n++] = arena_printf(a, "%s%c", e->d_name, 0).p;
    }
    closedir(dir);
    qsort(names, n, sizeof(names[0]), by_name);
    return n;
}

/* Ids that are made of the time and of chance have the time's characters in front. */
static void ids_made_same(struct buf *out)
{
    static const char same[] = "0000000000000000";
    struct id id;
    id_new_at(&id, WALL_US);
    for (size_t i = 0; i + ID_CHARS <= out->n; i++)
        if (memcmp(out->p + i, id.text, 10) == 0)
            memcpy(out->p + i + 10, same, ID_CHARS - 10);
}

static void golden_check(struct world *w, const char *folder, const char *name, const char *golden)
{
    const char *mode = getenv("GOLDENS");
    ids_made_same(&w->out);
    if (mode && strcmp(mode, "write") == 0) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s/%s", folder, name, golden);
        FILE *file = fopen(path, "we");
        assert_true(file && fwrite(w->out.p, 1, w->out.n, file) == w->out.n);
        assert_int_equal(fclose(file), 0);
        return;
    }
    struct str want = fixture_read(&w->arena, folder, name, golden);
    if (!str_eq(buf_view(&w->out), want))
        fail_msg("%s/%s/%s\ngot  %.*s\nwant %.*s", folder, name, golden,
                 STR_ARGS(buf_view(&w->out)), STR_ARGS(want));
}

/* ---- a crossing, as a call has it ---- */

static int crossing_make(struct world *w, const struct wire *from, const struct wire *to,
                         struct str body, struct crossing **ret_crossing, struct fault *f)
{
    static const struct provider_settings settings = {.stream_usage = STREAM_USAGE_ASK};
    static const struct provider provider = {.settings = &settings};
    const struct target target = {.provider = &provider, .model = STR("provider-model")};
    const struct llm_request request = {.wire = from, .body = body};
    return crossing_new(&request, &target, to, &w->arena, ret_crossing, f);
}

static struct str plain_ask(const struct wire *client)
{
    return client == &wire_anthropic
               ? STR("{\"model\":\"m\",\"max_tokens\":99,\"stream\":true,"
                     "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}")
               : STR("{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                     "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}");
}

/* What llm_call and the API make of a provider's fault: the status, and words in the client's
 * shape. */
static void fault_put(struct world *w, const struct wire *client, const struct llm_facts *facts,
                      const struct fault *f, int err)
{
    int status = facts ? facts->error_status : 0;
    if (status)
        err = llm_error_of_status(status);
    bool words = facts && facts->error_text.n && err != E_UPSTREAM_AUTH; /* may quote the key */
    struct str text = words             ? facts->error_text
                      : f && f->text[0] ? str_from(f->text)
                                        : str_from(err_text(err));
    if (w->begun) {
        assert_int_equal(
            client->error_event_write(&w->out, 0, err_status(err), err_code(err), text), 0);
        return;
    }
    if (!status || err == E_UPSTREAM_AUTH)
        status = err_status(err);
    buf_printf(&w->out, "%d ", status);
    assert_int_equal(client->error_write(&w->out, status, err_code(err), text, STR_NONE), 0);
    buf_char(&w->out, '\n');
}

/*
 * error.json comes with a status that is none of 2xx. It is the body, or {"status": N, "body":
 * ...}; the status may stand in status.txt, too. Where nothing says which, it is 400.
 */
static void error_put(struct world *w, const struct wire *client, const struct wire *provider,
                      struct str error, struct str status)
{
    struct llm_facts facts = {0};
    yyjson_val *whole = parsed(&w->arena, error), *body = yyjson_obj_get(whole, "body");
    size_t n = 0;
    char *text = yyjson_val_write(body ? body : whole, 0, &n);
    assert_non_null(text);
    int err = provider->answer_facts(str_of(text, n), &facts);
    w->begun = false;
    if (err || !facts.has_error)
        fail_msg("no error: %.*s", STR_ARGS(error));
    if (status.n)
        facts.error_status = (int)strtol(status.p, NULL, 10);
    else if (body)
        facts.error_status = (int)yyjson_get_int(yyjson_obj_get(whole, "status"));
    else if (!facts.error_status)
        facts.error_status = 400;
    fault_put(w, client, &facts, NULL, E_UPSTREAM_STATUS);
    free(text);
}

static void whole_put(struct world *w, const struct wire *client, const struct wire *provider,
                      struct str body)
{
    struct crossing *c = NULL;
    struct llm_facts facts = {0};
    struct fault f = {0};
    assert_int_equal(crossing_make(w, client, provider, plain_ask(client), &c, &f), 0);
    w->begun = false;
    int err = provider->answer_facts(body, &facts);
    if (!err && facts.has_error)
        err = E_UPSTREAM_BUSY;
    else if (!err)
        err = crossing_answer(c, body, false, &w->out, &f);
    if (err)
        fault_put(w, client, &facts, &f, err);
    else
        buf_char(&w->out, '\n');
    if (!err && crossing_left_out(c).n)
        buf_printf(&w->out, "x-sluice-left-out: %.*s\n", STR_ARGS(crossing_left_out(c)));
    crossing_fini(c);
}

static int event_put(struct world *w, struct crossing *c, const struct wire *client,
                     const struct wire *provider, const struct sse_event *e, bool *ret_whole)
{
    struct llm_facts facts = {.unread = e->is_comment};
    int err = e->is_comment ? 0 : provider->event_facts(e->name, e->data, &facts);
    if (!err && facts.unread) {
        if (e->is_comment && w->begun) /* goes on as it came */
            buf_str(&w->out, e->raw);
        return 0;
    }
    if (!err && facts.has_error)
        err = E_UPSTREAM_BUSY;
    struct fault f = {0};
    if (!err) {
        w->begun = true;
        *ret_whole |= facts.done || facts.finished;
        err = crossing_event(c, e->name, e->data, &w->out, &f);
    }
    if (err)
        fault_put(w, client, &facts, &f, err);
    return err;
}

/* The stream in pieces of `step` bytes. */
static void stream_put(struct world *w, const struct wire *client, const struct wire *provider,
                       struct str bytes, size_t step)
{
    struct crossing *c = NULL;
    struct frames frames;
    struct fault f = {0};
    int err = crossing_make(w, client, provider, plain_ask(client), &c, &f);
    bool whole = false;
    assert_int_equal(err, 0);
    w->begun = false;
    frames_init(&frames, provider->cut, 1u << 20);
    for (size_t at = 0; at < bytes.n && !err; at += step) {
        frames_feed(&frames, str_head(str_tail(bytes, at), step));
        for (;;) {
            struct sse_event e;
            int cut = frames_next(&frames, &e);
            if (cut)
                fault_put(w, client, NULL, NULL, cut);
            err = cut;
            if (err || e.raw.n == 0)
                break;
            err = event_put(w, c, client, provider, &e, &whole);
            if (err)
                break;
        }
    }
    if (!err && !whole)
        fault_put(w, client, NULL, NULL, E_UPSTREAM_CUT);
    int at_end = !err && whole ? crossing_end(c, &w->out, &f) : 0;
    if (at_end)
        fault_put(w, client, NULL, &f, at_end);
    frames_fini(&frames);
    crossing_fini(c);
    assert_int_equal(w->out.failed, 0);
}

/* stream.txt as its provider sends it: as it is, or each event in a frame; the one behind a comment
 * "damaged" has a wrong checksum. */
static struct str stream_bytes(struct world *w, const struct wire *provider, struct str events)
{
    struct sse sse;
    struct sse_event e;
    bool damage = false;
    if (provider->cut == FRAMES_SSE)
        return events;
    buf_clear(&w->frames);
    sse_init(&sse, 1u << 20);
    sse_feed(&sse, events);
    while (sse_next(&sse, &e) == 0 && e.raw.n > 0) {
        if (e.is_comment) {
            damage = true;
            continue;
        }
        frame_put_event(&w->frames,
                        str_ends(e.name, STR("Exception")) ? STR("exception") : STR("event"),
                        e.name, e.data);
        if (damage)
            w->frames.p[w->frames.n - 1] ^= 1;
        damage = false;
    }
    sse_fini(&sse);
    return buf_view(&w->frames);
}

static void streams_put(struct world *w, const struct wire *client, const struct wire *provider,
                        struct str events)
{
    struct str bytes = stream_bytes(w, provider, events);
    size_t from = w->out.n;
    stream_put(w, client, provider, bytes, bytes.n);
    size_t n = w->out.n - from;
    static const size_t steps[] = {1, 2, 7};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) { /* however its bytes are cut */
        stream_put(w, client, provider, bytes, steps[i]);
        ids_made_same(&w->out);
        struct str whole = str_of(w->out.p + from, n);
        struct str pieces = str_tail(buf_view(&w->out), from + n);
        if (!str_eq(whole, pieces))
            fail_msg("in pieces of %zu: %.*s\nwhole: %.*s", steps[i], STR_ARGS(pieces),
                     STR_ARGS(whole));
        w->out.n = from + n;
    }
}

static void exchange_check(struct world *w, const struct provider_folder *p, const char *folder,
                           const char *name)
{
    struct str about = fixture_read(&w->arena, folder, name, "about.txt");
    struct str answer = fixture_read(&w->arena, folder, name, "answer.json");
    struct str page = fixture_read(&w->arena, folder, name, "page.html");
    struct str error = fixture_read(&w->arena, folder, name, "error.json");
    struct str stream = fixture_read(&w->arena, folder, name, "stream.txt");
    if (page.n)
        answer = page;
    if (about.n == 0)
        fail_msg("%s/%s does not say where its form comes from", folder, name);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        const struct client *c = &clients[i];
        if (c->wire == p->wire || (!answer.n && !error.n && !stream.n))
            continue; /* bytes of the client's own protocol go on as they came */
        buf_clear(&w->out);
        if (answer.n) {
            buf_str(&w->out, STR("---- whole\n"));
            whole_put(w, c->wire, p->wire, answer);
        }
        if (error.n) {
            buf_str(&w->out, STR("---- error\n"));
            error_put(w, c->wire, p->wire, error,
                      fixture_read(&w->arena, folder, name, "status.txt"));
        }
        if (stream.n) {
            buf_str(&w->out, STR("---- stream\n"));
            streams_put(w, c->wire, p->wire, stream);
        }
        golden_check(w, folder, name, c->golden);
    }
}

static void each_exchange_has_its_goldens(void **state)
{
    struct world *w = *state;
    unsigned sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        const char *names[NAMES_MAX];
        char folder[256];
        snprintf(folder, sizeof(folder), "%s/%s", FIXTURES, folders[i].name);
        unsigned n = folder_names(&w->arena, folder, names);
        if (n < EXCHANGES)
            fail_msg("%s has %u exchanges of %d", folder, n, EXCHANGES);
        for (unsigned j = 0; j < n; j++)
            exchange_check(w, &folders[i], folder, names[j]);
        print_message("%s: %u exchanges\n", folder, n);
        sum += n;
    }
    print_message("%u exchanges\n", sum);
}

/* ---- nothing is missing ---- */

/* The exchange that a provider's covers has for a kind: "KIND EXCHANGE", a line each. */
static struct str covering(struct str covers, const char *kind)
{
    size_t n = strlen(kind);
    while (covers.n > 0) {
        const char *end = memchr(covers.p, '\n', covers.n);
        struct str line = str_head(covers, end ? (size_t)(end - covers.p) : covers.n);
        if (line.n > n && memcmp(line.p, kind, n) == 0 && line.p[n] == ' ')
            return str_tail(line, n + 1);
        covers = str_tail(covers, end ? line.n + 1 : line.n);
    }
    return STR_NONE;
}

/* A tool's error and an image stand in the request, the others in answers. */
static bool covered(struct arena *a, const char *folder, const char *name, const char *kind)
{
    bool answer = fixture_read(a, folder, name, "answer.json").n > 0;
    bool stream = fixture_read(a, folder, name, "stream.txt").n > 0;
    if (strcmp(kind, "tool-error") == 0 || strcmp(kind, "image") == 0)
        return fixture_read(a, folder, name, "request.json").n > 0;
    if (strcmp(kind, "error-mid-stream") == 0 || strcmp(kind, "unknown-events") == 0)
        return stream;
    if (strcmp(kind, "not-json") == 0)
        return fixture_read(a, folder, name, "page.html").n > 0;
    return answer && stream;
}

static void each_provider_shows_every_kind(void **state)
{
    struct world *w = *state;
    unsigned missing = 0;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char folder[256];
        snprintf(folder, sizeof(folder), "%s/%s", FIXTURES, folders[i].name);
        struct str file = arena_printf(&w->arena, "%s.txt%c", folders[i].name, 0);
        struct str covers = fixture_read(&w->arena, "test/fixture", "covers", file.p);
        for (size_t j = 0; j < ARRAY_LEN(kinds); j++) {
            struct str name = covering(covers, kinds[j]);
            struct str path = arena_printf(&w->arena, "%.*s%c", STR_ARGS(name), 0);
            if (name.n > 0 && covered(&w->arena, folder, path.p, kinds[j]))
                continue;
            print_error("%s lacks %s (%s)\n", folder, kinds[j], path.p);
            missing++;
        }
    }
    assert_int_equal(missing, 0);
}

/* ---- requests that are wrong, or that another protocol cannot have ---- */

static void bad_put(struct world *w, const struct wire *client, const struct wire *provider,
                    struct str body)
{
    struct crossing *c = NULL;
    struct fault f = {0};
    buf_printf(&w->out, "---- %s\n", provider->name);
    size_t from = w->out.n;
    int err = crossing_make(w, client, provider, body, &c, &f);
    if (!err)
        err = crossing_request(c, &w->out, &f);
    if (err) {
        w->out.n = from;
        buf_printf(&w->out, "%d ", err_status(err));
        assert_int_equal(client->error_write(&w->out, err_status(err), err_code(err),
                                             str_from(fault_text(&f)), str_from(f.param)),
                         0);
    } else if (crossing_left_out(c).n > 0) {
        buf_printf(&w->out, "\nx-sluice-left-out: %.*s", STR_ARGS(crossing_left_out(c)));
    }
    buf_char(&w->out, '\n');
    crossing_fini(c);
}

static void each_bad_request_has_its_golden(void **state)
{
    static const struct provider_folder from[] = {{"openai_chat", &wire_openai_chat},
                                                  {"anthropic", &wire_anthropic},
                                                  {"responses", &wire_responses}};
    struct world *w = *state;
    unsigned sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(from); i++) {
        const char *names[NAMES_MAX];
        char folder[256];
        snprintf(folder, sizeof(folder), "%s/%s", BAD, from[i].name);
        unsigned n = folder_names(&w->arena, folder, names);
        for (unsigned j = 0; j < n; j++) {
            struct str body = fixture_read(&w->arena, folder, names[j], "request.json");
            if (body.n == 0 || fixture_read(&w->arena, folder, names[j], "about.txt").n == 0)
                fail_msg("%s/%s lacks about.txt or request.json", folder, names[j]);
            buf_clear(&w->out);
            for (size_t k = 0; k + 1 < ARRAY_LEN(folders); k++) /* Azure's is OpenAI's */
                if (folders[k].wire != from[i].wire)
                    bad_put(w, from[i].wire, folders[k].wire, body);
            golden_check(w, folder, names[j], "golden.requests");
        }
        sum += n;
    }
    print_message("%u bad requests\n", sum);
    assert_in_range(sum, 12, 1000);
}

/* ---- one limit with two names ---- */

/* OpenAI's reasoning models refuse max_tokens, which Anthropic's clients always have. */
static void openai_itself_gets_the_newer_limit(void **state)
{
    struct world *w = *state;
    static const struct provider_settings settings = {.stream_usage = STREAM_USAGE_ASK};
    for (unsigned newer = 0; newer < 2; newer++) {
        const struct provider provider = {.settings = &settings, .limit_is_new = newer};
        const struct target target = {.provider = &provider, .model = STR("gpt-5")};
        const struct llm_request request = {.wire = &wire_anthropic,
                                            .body = plain_ask(&wire_anthropic)};
        struct crossing *c = NULL;
        struct fault f = {0};
        buf_clear(&w->out);
        assert_int_equal(crossing_new(&request, &target, &wire_openai_chat, &w->arena, &c, &f), 0);
        assert_int_equal(crossing_request(c, &w->out, &f), 0);
        const char *want = newer ? "\"max_completion_tokens\":99" : "\"max_tokens\":99";
        assert_true(str_find(buf_view(&w->out), str_from(want)) >= 0);
        crossing_fini(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_exchange_has_its_goldens, world_make, world_end),
        cmocka_unit_test_setup_teardown(each_provider_shows_every_kind, world_make, world_end),
        cmocka_unit_test_setup_teardown(each_bad_request_has_its_golden, world_make, world_end),
        cmocka_unit_test_setup_teardown(openai_itself_gets_the_newer_limit, world_make, world_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
