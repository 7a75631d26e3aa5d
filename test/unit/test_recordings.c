/* test_recordings.c: recordings read back and taken away, also beside one who writes them. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "api/visit.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "command_world.h"
#include "recording_world.h"
#include "turn/recording/read.h"

#define recordings(...) command_says(&command_recordings, __VA_ARGS__)

static const char chat[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"I am ann@a.example\"}]}";
static const char said[] = "{\"choices\":[{\"message\":{\"content\":\"\\u001b[31mhi\"}}]}";

/* One more turn, `days` ago; its id is then in s->turn.id. */
static void turn_add(struct stage *s, const char *tenant, int64_t days, int64_t cost)
{
    uint64_t before = recorder_stats(s->recorder).fates[RECORDING_WRITTEN];
    s->turn.tenant = str_from(tenant);
    s->turn.began_wall_us = NOON_US - days * DAY_US;
    s->turn.cost_usd_nanos = cost;
    id_new_at(&s->turn.id, s->turn.began_wall_us);
    assert_true(record(s, chat, said));
    (void)ended(s, before + 1);
    assert_int_equal(recorder_stats(s->recorder).fates[RECORDING_WRITTEN], before + 1);
}

static unsigned lines_of(const char *folder, struct buf *all)
{
    unsigned n = 0;
    buf_clear(all);
    (void)files_read(folder, all);
    for (size_t i = 0; i < all->n; i++)
        n += all->p[i] == '\n';
    buf_char(all, '\0'); /* behind the text, not of it */
    all->n--;
    return n;
}

/* A file by hand, of another process. */
static void file_write(const struct stage *s, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", s->inner, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* ---- read ---- */

static int one_take(void *arg, const struct recorded_turn *t, struct str line)
{
    struct stage *s = arg;
    assert_str(t->turn, str_of(s->turn.id.text, ID_CHARS));
    assert_str(t->time, STR("2025-11-27T12:00:00.000Z"));
    assert_str(t->tenant, STR("shop"));
    assert_str(t->key, STR("app"));
    assert_str(t->task, STR("sums"));
    assert_str(t->session, STR("[email]"));
    assert_str(t->tags, STR("a,b"));
    assert_str(t->api, STR("openai.chat"));
    assert_str(t->fingerprint, STR("0000000000000abc"));
    assert_str(t->asked, STR("asked-for"));
    assert_str(t->state, STR("failed"));
    assert_str(t->error, STR("upstream_cut"));
    assert_str(t->counted, STR("estimate"));
    assert_str(t->request,
               STR("{\"messages\":[{\"role\":\"user\",\"content\":\"I am [email]\"}]}"));
    assert_int_equal(t->body.n, 0);
    assert_int_equal(yyjson_arr_size(t->stream), 1);
    assert_str(json_str(yyjson_arr_get_first(t->stream)), STR("data: {\"x\":1}\n\n"));
    assert_int_equal(t->tokens.input, 11);
    assert_int_equal(t->tokens.cached, 12);
    assert_int_equal(t->tokens.cache_write, 13);
    assert_int_equal(t->tokens.cache_write_1h, 6);
    assert_int_equal(t->tokens.output, 14);
    assert_int_equal(t->tokens.reasoning, 15);
    assert_int_equal(t->cost_usd_nanos, 123456789012345);
    assert_int_equal(t->status, 502);
    assert_int_equal(t->calls, 3);
    assert_int_equal(t->redacted, 2);
    assert_int_equal(t->total_us, 7000);
    assert_int_equal(t->first_us, 2000);
    assert_int_equal(line.p[line.n - 1], '\n');
    s->turn.calls_n = 99; /* it was here */
    return 0;
}

/* Whatever the writer puts into a line is read out of it. */
static void a_line_comes_back_as_it_was_written(void **state)
{
    struct stage *s = *state;
    struct recordings_seen seen;
    struct fault f = {0};
    recorder_make(s, "");
    s->turn.task = STR("sums");
    s->turn.session = STR("ann@a.example");
    s->turn.tags = STR("a,b");
    s->turn.prompt = 0xabc;
    s->turn.state = TURN_FAILED;
    s->turn.err = E_UPSTREAM_CUT;
    s->turn.status = 502;
    s->turn.streamed = true;
    s->turn.calls_n = 3;
    s->turn.tokens = (struct tokens){11, 12, 13, 14, 15, 6, TOKENS_ESTIMATE, false};
    s->turn.cost_usd_nanos = 123456789012345;
    assert_true(record(s, chat, "data: {\"x\":1}\n\n"));
    (void)ended(s, 1);
    assert_int_equal(recordings_read(str_from(s->inner), STR(""), one_take, s, &seen, &f), 0);
    assert_int_equal(s->turn.calls_n, 99);
    assert_int_equal(seen.turns, 1);
    assert_int_equal(seen.files, 1);
    assert_int_equal(seen.torn + seen.unreadable, 0);
}

static void what_is_not_known_stays_so(void **state)
{
    struct stage *s = *state;
    struct recorded_turn t;
    recorder_make(s, "");
    s->turn.first_us = 0;
    turn_add(s, "shop", 0, COST_UNKNOWN);
    struct buf all;
    buf_init(&all, 1u << 20);
    assert_int_equal(lines_of(s->inner, &all), 1);
    assert_int_equal(recording_line_read(&s->arena, buf_view(&all), &t), 0);
    assert_int_equal(t.cost_usd_nanos, COST_UNKNOWN);
    assert_true(t.first_us < 0);
    assert_null(t.stream);
    s->turn.calls_n = 0; /* refused at the door: nobody was asked, so it cost nothing */
    turn_add(s, "shop", 0, 0);
    assert_int_equal(lines_of(s->inner, &all), 2);
    struct str both = buf_view(&all);
    (void)str_cut(&both, '\n');
    assert_int_equal(recording_line_read(&s->arena, both, &t), 0);
    assert_int_equal(t.calls, 0);
    assert_int_equal(t.cost_usd_nanos, 0);
    assert_int_equal(recording_line_read(&s->arena, STR("{\"answer\":\"by hand\"}"), &t),
                     E_BAD_JSON);
    assert_int_equal(recording_line_read(&s->arena, STR("[1]"), &t), E_BAD_JSON);
    assert_int_equal(recording_line_read(&s->arena, STR("{\"turn\":"), &t), E_BAD_JSON);
    buf_fini(&all);
}

/* ---- the command ---- */

static void the_newest_come_first(void **state)
{
    struct stage *s = *state;
    char first[ID_CHARS + 1];
    recorder_make(s, "");
    turn_add(s, "shop", 0, 1);
    memcpy(first, s->turn.id.text, sizeof(first));
    for (unsigned i = 1; i < 9; i++)
        turn_add(s, "shop", i, 1);
    assert_int_equal(recordings("--folder", s->inner, "--last", "2", NULL), EXIT_DONE);
    char *newest = strstr(out, first);
    assert_non_null(newest);
    assert_true(strstr(out, "2025-11-26T") > newest);
    out_has_not("2025-11-25T");
    out_has("These are the newest 2 of 9;");
    assert_int_equal(recordings("list", "--folder", s->inner, "--json", NULL), EXIT_DONE);
    yyjson_doc *doc = NULL;
    struct fault f = {0};
    assert_int_equal(json_parse(&s->arena, str_from(out), &doc, &f), 0);
    yyjson_val *rows = yyjson_obj_get(yyjson_doc_get_root(doc), "recordings");
    assert_int_equal(yyjson_arr_size(rows), 9);
    assert_str(json_get_str(yyjson_arr_get_first(rows), "turn"), str_from(first));
    assert_int_equal(
        recordings("--folder", s->inner, "--since", "2025-11-25", "--until", "2025-11-26", NULL),
        EXIT_DONE);
    out_has("2025-11-25T");
    out_has("2025-11-26T");
    out_has_not("2025-11-27T");
    out_has_not("2025-11-24T");
    assert_int_equal(recordings("--folder", s->inner, "--tenant", "sho", NULL), EXIT_DONE);
    out_has("No such turn is in");
}

static void one_is_shown_and_harms_no_terminal(void **state)
{
    struct stage *s = *state;
    char id[ID_CHARS + 1];
    recorder_make(s, "");
    turn_add(s, "other", 0, 1);
    turn_add(s, "shop", 0, 1500);
    for (unsigned i = 0; i <= ID_CHARS; i++) /* typed by hand */
        id[i] = (char)(s->turn.id.text[i] >= 'A' ? s->turn.id.text[i] + 32 : s->turn.id.text[i]);
    assert_int_equal(recordings("show", id, "--folder", s->inner, NULL), EXIT_DONE);
    out_has(s->turn.id.text);
    out_has("tenant     shop\n");
    out_has("cost       0.0000015 USD\n");
    out_has("\"content\": \"I am [email]\"");
    out_has("\\u001B[31mhi");
    out_has_not("\x1b");
    out_has_not("other");
    s->turn.streamed = true;
    assert_true(record(s, chat, "data: {\"a\":1}\n\ndata: [DONE]\x07\xc2\x9b!\n\n"));
    (void)ended(s, 3);
    assert_int_equal(recordings("show", id, "--folder", s->inner, NULL), EXIT_DONE);
    out_has("answer, streamed, 2 events\ndata: {\"a\":1}\n\ndata: [DONE]\\u0007\\u009b!\n\n");
    struct buf all;
    buf_init(&all, 1u << 20);
    assert_int_equal(lines_of(s->inner, &all), 3);
    assert_int_equal(recordings("show", id, "--json", "--folder", s->inner, NULL), EXIT_DONE);
    buf_char(&all, '\0');
    assert_string_equal(out, strstr(all.p, "\n") + 1); /* both lines of that id, byte for byte */
    assert_int_equal(recordings("show", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "--folder", s->inner, NULL),
                     EXIT_COULD_NOT);
    assert_non_null(strstr(err_out, "no turn 01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    buf_fini(&all);
}

static void sums_add_up(void **state)
{
    struct stage *s = *state;
    recorder_make(s, "");
    s->turn.tokens = (struct tokens){10, 2, 3, 4, 5, 1, TOKENS_PROVIDER, false};
    turn_add(s, "shop", 0, 1000000000);
    turn_add(s, "shop", 0, 500000000);
    turn_add(s, "home", 1, COST_UNKNOWN);
    assert_int_equal(recordings("sums", "--folder", s->inner, "--by", "tenant", "--csv", NULL),
                     EXIT_DONE);
    struct buf all;
    char want[1024];
    buf_init(&all, 1u << 20);
    (void)lines_of(s->inner, &all);
    const char *second = strchr(strchr(all.p, '\n') + 1, '\n') + 1;
    snprintf(want, sizeof(want),
             "tenant,turns,errors,partial,input_tokens,cached_tokens,cache_write_tokens,"
             "cache_write_1h_tokens,output_tokens,reasoning_tokens,cost_usd,priced_cost_usd,"
             "unpriced_turns,redacted,"
             "bytes\n"
             "home,1,0,0,10,2,3,1,4,5,,0,1,1,%zu\n"
             "shop,2,0,0,20,4,6,2,8,10,1.5,1.5,0,2,%zu\n",
             all.n - (size_t)(second - all.p), (size_t)(second - all.p));
    buf_fini(&all);
    assert_string_equal(out, want);
    assert_int_equal(recordings("sums", "--folder", s->inner, NULL), EXIT_DONE);
    char *day = strstr(out, "2025-11-26");
    assert_true(day && strstr(out, "2025-11-27") > day);
    out_has("unknown"); /* the home's; no 0 */
    out_has("1.50 +?");
    out_has("all");
    complains(recordings("sums", "--by", "tenants", "--folder", s->inner, NULL),
              "did you mean 'tenant'");
}

/* The share of sessions, byte for byte, the same as who records a share has. */
static void a_share_is_exported_whole(void **state)
{
    struct stage *s = *state;
    char names[40][8];
    unsigned share = 0;
    recorder_make(s, "");
    for (unsigned i = 0; i < 40; i++) {
        snprintf(names[i], sizeof(names[i]), "s%u", i);
        s->turn.session = str_from(names[i]);
        share += recording_in_share(s->turn.session, 250000) ? 2 : 0;
        turn_add(s, "shop", 0, 1);
        turn_add(s, "shop", 0, 1);
    }
    assert_true(share > 2 && share < 78);
    assert_int_equal(recordings("export", "--folder", s->inner, "--share", "25%", NULL), EXIT_DONE);
    unsigned lines = 0;
    for (const char *p = out; *p; p = strchr(p, '\n') + 1) {
        struct recorded_turn t;
        struct str line = str_of(p, (size_t)(strchr(p, '\n') - p));
        assert_int_equal(recording_line_read(&s->arena, line, &t), 0);
        assert_true(recording_in_share(t.session, 250000));
        lines++;
    }
    assert_int_equal(lines, share);
    struct buf all;
    buf_init(&all, 1u << 20);
    (void)lines_of(s->inner, &all);
    buf_char(&all, '\0');
    assert_int_equal(recordings("export", "--folder", s->inner, NULL), EXIT_DONE);
    assert_string_equal(out, all.p);
    complains(recordings("export", "--folder", s->inner, "--share", "200%", NULL),
              "'200%' is too large");
    buf_fini(&all);
}

/* ---- taken away ---- */

static void a_tenant_is_taken_out_of_the_open_file(void **state)
{
    struct stage *s = *state;
    struct buf all;
    recorder_make(s, "");
    buf_init(&all, 1u << 20);
    turn_add(s, "gone", 0, 1);
    turn_add(s, "shop", 0, 1);
    turn_add(s, "gone", 1, 1);
    assert_int_equal(
        recordings("delete", "--tenant", "gone", "--dry-run", "--folder", s->inner, NULL),
        EXIT_DONE);
    out_has("2 turns (");
    out_has("would be taken out of 1 file.");
    assert_int_equal(lines_of(s->inner, &all), 3);
    assert_int_equal(recordings("delete", "--tenant", "gone", "--folder", s->inner, "--json", NULL),
                     EXIT_DONE);
    out_has("{\"turns\":2,");
    out_has("\"files\":1,\"torn\":0,\"unreadable\":0,\"dry_run\":false}");
    assert_int_equal(lines_of(s->inner, &all), 1);
    assert_true(str_find(buf_view(&all), STR("\"gone\"")) < 0);
    turn_add(s, "gone", 0, 1); /* the recorder still has the file that was taken away open */
    turn_add(s, "shop", 0, 1);
    assert_int_equal(lines_of(s->inner, &all), 3);
    /* What stays is as private and as old as it was: retention goes by its age. */
    struct recording_list list;
    struct fault f = {0};
    assert_int_equal(recording_files_list(str_from(s->inner), &list, &f), 0);
    assert_int_equal(list.n, 2);
    const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    uid_t owner = geteuid() == 0 ? 65534 : geteuid(); /* root may do it for who serves */
    for (int i = 0; i < list.n; i++) {
        assert_int_equal(fchownat(list.fd, list.name[i]->d_name, owner, getegid(), 0), 0);
        assert_int_equal(utimensat(list.fd, list.name[i]->d_name, old, 0), 0);
    }
    assert_int_equal(recordings("delete", "--tenant", "gone", "--folder", s->inner, NULL),
                     EXIT_DONE);
    for (int i = 0; i < list.n; i++) {
        struct stat st;
        assert_int_equal(fstatat(list.fd, list.name[i]->d_name, &st, 0), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(st.st_uid, owner);
        assert_int_equal(st.st_mtim.tv_sec, 1000000000);
    }
    recording_list_free(&list);
    assert_int_equal(lines_of(s->inner, &all), 2);
    buf_fini(&all);
}

static void the_old_ones_go_and_their_files(void **state)
{
    struct stage *s = *state;
    struct buf all;
    recorder_make(s, "");
    buf_init(&all, 1u << 20);
    clock_fake(1, NOON_US);
    turn_add(s, "shop", 20, 1);
    turn_add(s, "shop", 13, 1);
    turn_add(s, "shop", 14, 1);
    turn_add(s, "shop", 0, 1);
    assert_int_equal(recordings("delete", "--older", "14d", "--folder", s->inner, NULL), EXIT_DONE);
    out_has("2 turns (");
    assert_int_equal(lines_of(s->inner, &all), 2);
    assert_true(str_find(buf_view(&all), STR("2025-11-14T")) > 0); /* the fourteenth, with today */
    assert_int_equal(recordings("delete", "--older", "2025-11-28", "--tenant", "shop", "--folder",
                                s->inner, NULL),
                     EXIT_DONE);
    assert_int_equal(files_read(s->inner, &all), 0);
    turn_add(s, "shop", 0, 1);
    assert_int_equal(lines_of(s->inner, &all), 1);
    clock_real();
    buf_fini(&all);
}

#define LINE(turn, tenant)                                                                         \
    "{\"turn\":\"" turn "\",\"time\":\"2025-11-27T12:00:00.000Z\",\"tenant\":\"" tenant "\"}\n"

static void a_torn_line_goes_with_any_deletion(void **state)
{
    struct stage *s = *state;
    struct buf all;
    recorder_make(s, "");
    turn_add(s, "shop", 0, 1);
    buf_init(&all, 1u << 20);
    file_write(s, "sluice-20251127-000000-1-0.jsonl",
               LINE("A", "shop") "by hand\n" LINE("B", "gone") "{\"turn\":\"C\",\"tenant\":\"go");
    assert_int_equal(recordings("--folder", s->inner, NULL), EXIT_DONE);
    assert_non_null(
        strstr(err_out, "1 torn last line and 1 line that is no recording were passed"));
    assert_int_equal(recordings("delete", "--tenant", "gone", "--folder", s->inner, NULL),
                     EXIT_DONE);
    out_has("1 turn (");
    out_has("1 last line that is torn, so that nobody can say whose it is, went, too.");
    out_has("1 other line that is no recording stayed as it was.");
    assert_int_equal(lines_of(s->inner, &all), 3);
    assert_true(str_find(buf_view(&all), STR("go")) < 0);
    assert_true(str_starts(buf_view(&all), STR(LINE("A", "shop") "by hand\n")));
    buf_fini(&all);
}

/* Nothing is taken away by a slip of the pen. */
static void wrong_words_delete_nothing(void **state)
{
    struct stage *s = *state;
    struct buf all;
    recorder_make(s, "");
    turn_add(s, "shop", 3, 1);
    const char *dir = s->inner;
    complains(recordings("delete", "--folder", dir, NULL), "delete needs to be told which");
    complains(recordings("delete", "--tenant", "", "--folder", dir, NULL), "--tenant is empty");
    complains(recordings("delete", "--older", "", "--folder", dir, NULL), "is no day");
    complains(recordings("delete", "--older", "2025-02-30", "--folder", dir, NULL), "is no day");
    complains(recordings("delete", "--until", "7d", "--folder", dir, NULL), "is no day");
    complains(recordings("delete", "--state", "don", "--folder", dir, NULL),
              "expected done, failed or partial");
    complains(recordings("delete", "--share", "5%", "--tenant", "shop", "--folder", dir, NULL),
              "--share has no meaning for delete");
    complains(recordings("delete", "shop", "--tenant", "shop", "--folder", dir, NULL),
              "'shop' is too much");
    complains(recordings("list", "--older", "1d", "--folder", dir, NULL),
              "--older has no meaning for list");
    complains(recordings("show", "--folder", dir, NULL), "show takes one turn's id");
    complains(recordings("exprot", NULL), "did you mean 'export'?");
    assert_int_equal(recordings("--folder", "/nowhere/at/all", NULL), EXIT_COULD_NOT);
    assert_non_null(strstr(err_out, "there is no folder /nowhere/at/all"));
    buf_init(&all, 1u << 20);
    assert_int_equal(lines_of(s->inner, &all), 1);
    buf_fini(&all);
}

/* Each protocol that turns are of, and no other word. */
static void a_protocol_is_one_that_there_is(void **state)
{
    struct stage *s = *state;
    recorder_make(s, "");
    turn_add(s, "shop", 3, 1);
    for (const struct route_row *row = routes; row->path.n > 0; row++)
        if (row->wire)
            assert_int_equal(recordings("--api", row->wire->name, "--folder", s->inner, NULL),
                             EXIT_DONE);
    complains(recordings("--api", "opnai.chat", "--folder", s->inner, NULL),
              "did you mean 'openai.chat'?");
    complains(recordings("--api", "chat", "--folder", s->inner, NULL),
              "expected openai.chat, openai.responses");
    complains(recordings("--api", "", "--folder", s->inner, NULL), "--api '' is none");
}

static void the_configuration_names_the_folder(void **state)
{
    struct stage *s = *state;
    char path[128], text[256];
    recorder_make(s, "");
    turn_add(s, "shop", 0, 1);
    snprintf(path, sizeof(path), "%s/sluice.yaml", s->folder);
    snprintf(text, sizeof(text), "recording: {folder: %s}\n", s->inner);
    for (unsigned i = 0; i < 2; i++) {
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        int code = recordings("--config", path, NULL);
        if (i == 0) {
            assert_int_equal(code, EXIT_DONE);
            out_has(s->turn.id.text);
        } else {
            assert_int_equal(code, EXIT_COULD_NOT);
            assert_non_null(strstr(err_out, "this configuration records nothing"));
        }
        snprintf(text, sizeof(text), "models: {}\n");
    }
}

/* ---- beside one who writes ---- */

/* While a file is written anew, lines go to another: into this one they would be lost. */
static void who_writes_leaves_a_held_file_alone(void **state)
{
    struct stage *s = *state;
    struct recording_files files;
    struct recording_list list;
    struct fault f = {0};
    recording_files_init(&files);
    const struct str line = STR("{\"turn\":\"A\"}\n");
    assert_int_equal(recording_files_append(&files, str_from(s->inner), line, NOON_US, &f), 0);
    assert_int_equal(recording_files_append(&files, str_from(s->inner), line, NOON_US, &f), 0);
    assert_int_equal(recording_files_list(str_from(s->inner), &list, &f), 0);
    assert_int_equal(list.n, 1);
    int fd = openat(list.fd, list.name[0]->d_name, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0); /* nobody holds it between lines */
    assert_int_equal(recording_files_append(&files, str_from(s->inner), line, NOON_US, &f), 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), (off_t)line.n * 2);
    assert_int_equal(close(fd), 0);
    recording_list_free(&list);
    assert_int_equal(recording_files_list(str_from(s->inner), &list, &f), 0);
    assert_int_equal(list.n, 2);
    recording_list_free(&list);
    recording_files_close(&files);
}

static bool is_even(void *arg UNUSED, const struct recorded_turn *t)
{
    return (t->turn.p[t->turn.n - 1] - '0') % 2 == 0;
}

#define RACE_LINES 3000

static void writer_race(const struct stage *s)
{
    struct recording_files files;
    struct fault f = {0};
    int err = 0;
    recording_files_init(&files);
    for (unsigned i = 0; i < RACE_LINES && !err; i++) {
        char line[64];
        int n = snprintf(line, sizeof(line), "{\"turn\":\"%05u\"}\n", i);
        err = recording_files_append(&files, str_from(s->inner), str_of(line, (size_t)n), NOON_US,
                                     &f);
    }
    recording_files_close(&files);
    _exit(err ? 1 : 0);
}

/* Of what is written while others take away, nothing else gets lost, and nothing stands twice. */
static void nothing_is_lost_beside_a_deletion(void **state)
{
    struct stage *s = *state;
    struct recordings_seen gone;
    struct fault f = {0};
    uint64_t sum = 0;
    unsigned rounds = 0;
    int status = -1;
    assert_int_equal(mkdir(s->inner, 0700), 0);
    pid_t pid = fork();
    if (pid == 0)
        writer_race(s);
    for (bool running = true; running; rounds++) {
        running = waitpid(pid, &status, WNOHANG) == 0;
        assert_int_equal(recordings_delete(str_from(s->inner), false, is_even, NULL, &gone, &f), 0);
        assert_int_equal(gone.torn + gone.unreadable, 0);
        sum += gone.turns;
    }
    assert_int_equal(status, 0);
    assert_int_equal(sum, RACE_LINES / 2);
    struct buf all;
    buf_init(&all, 1u << 20);
    assert_int_equal(lines_of(s->inner, &all), RACE_LINES / 2);
    buf_char(&all, '\0');
    for (unsigned i = 1; i < RACE_LINES; i += 2) {
        char name[16];
        snprintf(name, sizeof(name), "\"%05u\"", i);
        const char *at = strstr(all.p, name);
        assert_non_null(at);
        assert_null(strstr(at + 1, name));
    }
    buf_fini(&all);
}

/* What a deletion left that was killed goes with retention, once nobody can be at it any more. */
static void what_a_killed_deletion_left_is_cleared(void **state)
{
    struct stage *s = *state;
    struct recording_files files;
    struct fault f = {0};
    struct buf all;
    buf_init(&all, 1u << 20);
    recording_files_init(&files);
    assert_int_equal(mkdir(s->inner, 0700), 0);
    file_write(s, ".sluice-99-sluice-20251127-000000-1-0.jsonl", LINE("A", "shop"));
    for (int64_t hours = 0; hours < 3; hours += 2) {
        int64_t now = clock_wall_us() + hours * 3600 * 1000000;
        assert_int_equal(recording_files_trim(&files, str_from(s->inner), 0, 0, now, &f), 0);
        char path[256];
        snprintf(path, sizeof(path), "%s/.sluice-99-sluice-20251127-000000-1-0.jsonl", s->inner);
        assert_int_equal(access(path, F_OK), hours == 0 ? 0 : -1);
    }
    buf_fini(&all);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, stage_setup, stage_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_line_comes_back_as_it_was_written),
        CASE(what_is_not_known_stays_so),
        CASE(the_newest_come_first),
        CASE(one_is_shown_and_harms_no_terminal),
        CASE(sums_add_up),
        CASE(a_share_is_exported_whole),
        CASE(a_tenant_is_taken_out_of_the_open_file),
        CASE(the_old_ones_go_and_their_files),
        CASE(a_torn_line_goes_with_any_deletion),
        CASE(wrong_words_delete_nothing),
        CASE(a_protocol_is_one_that_there_is),
        CASE(the_configuration_names_the_folder),
        CASE(who_writes_leaves_a_held_file_alone),
        CASE(nothing_is_lost_beside_a_deletion),
        CASE(what_a_killed_deletion_left_is_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
