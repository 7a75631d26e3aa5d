/* prompting.c: which prompts the suites have, and GET /admin/prompts: those that none has. */
#include "api/prompting.h"

#include "api/visit.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "turn/prompts.h"

#define PATHS_BYTES_MAX  (1u << 20)
#define ANSWER_BYTES_MAX (4u << 20)

/* ---- what suites have ---- */

void prompting_read(const struct conf_doc *doc, const char *file, struct prompting *ret_read)
{
    const struct config *c = conf_root(doc);
    const struct conf_strs *suites = &c->evals.suites;
    struct arena arena;
    *ret_read = (struct prompting){.has_suites = suites->n > 0};
    arena_init_private(&arena, PATHS_BYTES_MAX);
    for (unsigned i = 0; i < suites->n && !ret_read->err; i++) {
        struct str path = evals_path(&arena, file, suites->at[i]);
        ret_read->err = path.p ? suite_prompts_load(&ret_read->prompts, path.p, &ret_read->fault)
                               : E_MEMORY;
    }
    arena_fini(&arena);
}

void prompting_fini(struct prompting *read)
{
    suite_prompts_fini(&read->prompts);
}

bool prompting_wanted(const struct snapshot *s)
{
    return s->recording || s->config->evals.suites.n > 0;
}

int prompting_use(struct gateway *g, struct prompting *read)
{
    bool wanted = prompting_wanted(g->now);
    int err = wanted && !g->prompts ? prompts_new(&g->prompts) : 0;
    if (err || !g->prompts)
        return err;
    if (read->err) /* not to know some of them is not to know that none has it */
        LOG(LOG_WARN, "suites_unread", log_z("why", why_text(&read->fault, read->err)),
            log_z("hint", "prompts that no suite has are not told until all suites can be read"));
    if (read->err || !read->has_suites) {
        prompts_forget(g->prompts);
        return 0;
    }
    prompts_know(g->prompts, read->prompts.at, read->prompts.n);
    read->prompts = (struct suite_prompts){.at = NULL};
    return 0;
}

/* ---- what turns have ---- */

void prompting_see(struct gateway *g, struct turn *t)
{
    enum prompt_news news;
    char text[PROMPT_CHARS + 1];
    t->prompt = prompts_see(g->prompts, t->request, t->tenant, t->began_wall_us, &news);
    if (LIKELY(news == PROMPT_NO_NEWS))
        return;
    LOG(LOG_WARN, "prompt_unseen", log_word("prompt", str_from(prompt_text(t->prompt, text))),
        log_word("id", str_of(t->id.text, ID_CHARS)), log_s("tenant", t->tenant),
        log_s("asked", str_head(t->request->model, 128)),
        log_z("hint", news == PROMPT_UNSEEN
                          ? "no suite has this system prompt and tools: sluice eval coverage"
                          : "the last one that is told: it may vary by turn. See /admin/prompts"));
}

/* ---- GET /admin/prompts ---- */

static void member(struct buf *out, const char *name, struct str text)
{
    buf_printf(out, ",\"%s\":", name);
    (void)json_quote(out, text);
}

static void unseen_write(struct buf *out, const struct prompt_unseen *u)
{
    char prompt[PROMPT_CHARS + 1], first[25], last[25];
    buf_printf(out, "{\"prompt\":\"%s\",\"turns\":%llu", prompt_text(u->fingerprint, prompt),
               (unsigned long long)u->turns);
    member(out, "first", str_from(clock_iso(u->first_wall_us, first)));
    member(out, "last", str_from(clock_iso(u->last_wall_us, last)));
    member(out, "tenant", str_from(u->tenant));
    member(out, "model", str_from(u->model));
    member(out, "api", str_from(u->api));
    buf_char(out, '}');
}

void api_prompts(struct visit *v)
{
    struct prompts_stats s = prompts_stats(v->gateway->prompts);
    struct buf out;
    buf_init(&out, ANSWER_BYTES_MAX);
    buf_printf(&out,
               "{\"suites\":%s,\"known\":%zu,\"unseen_turns\":%llu,\"others\":%llu,\"unseen\":[",
               s.known ? "true" : "false", s.known_n, (unsigned long long)s.unseen_turns,
               (unsigned long long)s.others);
    for (unsigned i = 0; i < s.unseen_n; i++) {
        if (i)
            buf_char(&out, ',');
        unseen_write(&out, prompts_unseen_at(v->gateway->prompts, i));
    }
    buf_str(&out, STR("]}"));
    if (out.failed)
        visit_error(v, out.failed);
    else
        visit_json(v, 200, buf_view(&out));
    buf_fini(&out);
}
