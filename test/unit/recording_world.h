/* recording_world.h: what the tests of recordings share: a folder, a recorder, turns for it. */
#ifndef TEST_UNIT_RECORDING_WORLD_H
#define TEST_UNIT_RECORDING_WORLD_H

#include "base_test.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/config.h"
#include "base/json.h"
#include "turn/recording/files.h"
#include "turn/recording/recording.h"

#define DAY_US  (24 * 3600 * 1000000LL)
#define NOON_US (1764244800 * 1000000LL) /* 2025-11-27 12:00 */

struct stage {
    char folder[64], inner[96];
    struct conf_doc *doc;
    struct recording_rules *rules;
    struct recorder *recorder;
    struct arena arena;
    struct turn turn;
    struct llm_request request;
    struct http_headers headers;
};

static inline int stage_setup(void **state)
{
    struct stage *s = calloc(1, sizeof(*s));
    snprintf(s->folder, sizeof(s->folder), "/tmp/test_recording.XXXXXX");
    if (!s || !mkdtemp(s->folder))
        return -1;
    snprintf(s->inner, sizeof(s->inner), "%s/in", s->folder);
    arena_init_private(&s->arena, 1u << 20);
    http_headers_init(&s->headers, &s->arena);
    s->request.model = STR("asked-for");
    s->turn = (struct turn){.api = "openai.chat",
                            .began_us = 1000,
                            .first_us = 3000,
                            .total_us = 7000,
                            .began_wall_us = NOON_US,
                            .request = &s->request,
                            .state = TURN_DONE,
                            .status = 200,
                            .calls_n = 1,
                            .tenant = STR("shop"),
                            .key = STR("app"),
                            .cost_usd_nanos = 1500};
    id_new_at(&s->turn.id, NOON_US);
    *state = s;
    return 0;
}

static inline void folder_empty(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    (void)rmdir(path);
}

static inline int stage_teardown(void **state)
{
    struct stage *s = *state;
    recorder_close(s->recorder);
    recording_rules_unref(s->rules);
    conf_unref(s->doc);
    arena_fini(&s->arena);
    folder_empty(s->inner);
    folder_empty(s->folder);
    free(s);
    return 0;
}

/* The rules of `recording: {folder: ..., MORE}`. */
static inline void rules_make(struct stage *s, const char *more)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "recording: {folder: %s%s%s}\n", s->inner,
                     *more ? ", " : "", more);
    assert_int_equal(conf_load_text(&config_table, "test", str_of(text, (size_t)n), &s->doc), 0);
    const struct config *c = conf_root(s->doc);
    assert_int_equal(recording_rules_make(&c->recording, s->doc, &s->rules), 0);
    assert_non_null(s->rules);
}

static inline void recorder_make(struct stage *s, const char *more)
{
    struct fault f = {0};
    rules_make(s, more);
    assert_int_equal(recorder_new(&s->recorder, &f), 0);
    recorder_use(s->recorder, s->rules);
}

static inline bool record(struct stage *s, const char *request, const char *answer)
{
    struct recording *rec = recording_begin(s->recorder, s->rules, &s->turn, &s->headers);
    if (!rec)
        return false;
    recording_request(rec, str_from(request));
    recording_answer(rec, str_from(answer));
    recording_end(rec, &s->turn);
    return true;
}

static inline struct recording_stats ended(struct stage *s, uint64_t turns)
{
    struct recording_stats stats;
    uint64_t sum;
    do { /* in real time: it is another thread's work */
        (void)sched_yield();
        stats = recorder_stats(s->recorder);
        sum = 0;
        for (unsigned i = 0; i < RECORDING_FATES; i++)
            sum += stats.fates[i];
    } while (sum < turns);
    return stats;
}

/* The files in the folder, and the bytes of all of them in `all`, in order of names. */
static inline unsigned files_read(const char *path, struct buf *all)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, alphasort);
    unsigned files = 0;
    for (int i = 0; i < n; i++) {
        char whole[512];
        int wrote = snprintf(whole, sizeof(whole), "%s/%s", path, names[i]->d_name);
        FILE *file = names[i]->d_name[0] != '.' && wrote > 0 ? fopen(whole, "re") : NULL;
        for (int c; file && (c = fgetc(file)) != EOF;)
            buf_char(all, (char)c);
        if (file)
            (void)fclose(file);
        files += file != NULL;
        free(names[i]);
    }
    free(names);
    return files;
}

#endif
