#include "api/visit.h"

#include "base/buf.h"
#include "base/log.h"
#include "guard/doors.h"
#include "turn/outcomes.h"

#define ERROR_BYTES_MAX 4096

static struct str arena_error(const struct wire *wire, struct arena *arena, int status,
                              const char *code, struct str text, struct str param)
{
    struct buf out;
    buf_init(&out, ERROR_BYTES_MAX);
    (void)wire->error_write(&out, status, code, text, param);
    struct str json = out.failed ? STR_NONE : arena_str(arena, buf_view(&out));
    buf_fini(&out);
    return json.p ? json : STR("{\"error\":{\"message\":\"out of memory\"}}");
}

/* `more`: further headers, or NULL. */
static void respond(struct exchange *x, int status, const struct http_headers *more,
                    struct str json)
{
    struct http_headers headers;
    http_headers_init(&headers, x->arena);
    int err = 0;
    for (unsigned i = 0; more && !err && i < more->n; i++)
        err = http_headers_append(&headers, more->at[i]);
    if (!err)
        err = http_headers_add(&headers, STR("Content-Type"), STR("application/json"));
    if (!err && status == 401)
        err = http_headers_add(&headers, STR("WWW-Authenticate"), STR("Bearer"));
    if (!err)
        err = exchange_respond(x, status, &headers, json);
    (void)err; /* the client is gone, and http_serve sees that too */
}

void visit_json(struct visit *v, int status, struct str json)
{
    respond(v->x, status, NULL, json);
}

void visit_error(struct visit *v, int err)
{
    visit_error_with(v, err, NULL);
}

void visit_error_with(struct visit *v, int err, const struct http_headers *more)
{
    int status = err_status(err);
    arena_widen(v->x->arena, ERROR_ARENA_BYTES);
    struct str text = str_from(v->fault.err == err ? fault_text(&v->fault) : err_text(err));
    struct str param = str_from(v->fault.err == err ? v->fault.param : "");
    respond(v->x, status, more,
            arena_error(v->wire, v->x->arena, status, err_code(err), text, param));
}

static void refusal_log(struct gateway *g, const struct exchange *x, int err)
{
    g->refused++;
    LOG(LOG_INFO, "refused", log_z("error", err_code(err)), log_i("status", err_status(err)),
        log_s("client", x->client), log_s("method", str_head(x->method_text, 16)),
        log_s("path", str_head(x->path, 128)));
}

static const struct wire *wire_of_path(struct str path);

void visit_refuse(void *arg, struct exchange *x, int err, const char *text)
{
    struct door *door = arg;
    refusal_log(door->gateway, x, err);
    int status = err_status(err);
    respond(x, status, NULL,
            arena_error(wire_of_path(x->path), x->arena, status, err_code(err), str_from(text),
                        STR_NONE));
}

/* ---- who is it ---- */

struct str visit_tenant(const struct visit *v)
{
    return v->key ? v->key->tenant : STR_NONE;
}

bool visit_is_alone(const struct visit *v)
{
    return !v->snapshot->config->keys.require;
}

void visit_turn(const struct visit *v, struct turn *t)
{
    const struct http_headers *h = &v->x->headers;
    t->tenant = visit_tenant(v);
    t->key = v->key ? v->key->public_part : STR_NONE;
    for (unsigned i = 0; i < h->n; i++) {
        const struct http_header *f = &h->at[i];
        if (f->field != FIELD_X_SLUICE)
            continue;
        struct str *mark = str_eq_nocase(f->name, STR("x-sluice-task"))      ? &t->task
                           : str_eq_nocase(f->name, STR("x-sluice-session")) ? &t->session
                           : str_eq_nocase(f->name, STR("x-sluice-tags"))    ? &t->tags
                                                                             : NULL;
        if (mark && !mark->p)
            *mark = str_head_utf8(f->value, TASK_BYTES_MAX);
    }
    outcomes_learn(v->gateway->outcomes, t->tenant, t->task);
}

/* The first of these headers that is there, and once: of two keys, who is to say which one counts?
 */
static int key_presented(struct visit *v)
{
    static const struct {
        enum http_field field;
        const char *name;
    } places[] = {{FIELD_AUTHORIZATION, "Authorization"},
                  {FIELD_API_KEY, "api-key"},
                  {FIELD_X_API_KEY, "x-api-key"}};
    const struct http_headers *h = &v->x->headers;
    v->key_text = STR_NONE;
    for (unsigned i = 0; i < ARRAY_LEN(places) && v->key_text.n == 0; i++) {
        if (http_headers_times(h, places[i].field) > 1)
            return fault_set(&v->fault, E_BAD_REQUEST, "'%s' stands twice", places[i].name);
        v->key_text = http_headers_value(h, places[i].field);
    }
    return 0;
}

static bool speaks_anthropic(const struct wire *wire)
{
    return wire == &wire_anthropic || wire == &wire_anthropic_count;
}

static int key_take(struct visit *v)
{
    const struct key *key = NULL;
    int err = key_presented(v);
    if (!err)
        err = keys_check(v->gateway->keys, v->key_text, &key, &v->fault);
    if (err == E_NO_KEY && speaks_anthropic(v->wire)) {
        fault_clear(&v->fault); /* its clients have another place for it */
        fault_set(&v->fault, err, "an API key is needed: send it as 'x-api-key: KEY'");
    }
    return err ? err : key_copy(v->x->arena, key, &v->key);
}

static int local_door(struct visit *v)
{
    const struct config *c = v->snapshot->config;
    return door_check_local(http_headers_get(&v->x->headers, STR("Host")),
                            http_headers_get(&v->x->headers, STR("Origin")), c->hosts.at,
                            c->hosts.n, &v->fault);
}

#define ADMIN_KEY_MAKE "`sluice keys make NAME --admin` makes one"

static int admin_check(struct visit *v)
{
    if (v->door->admin && v->door->local)
        return local_door(v);
    int err = key_take(v);
    if (err == E_NO_KEY) {
        fault_clear(&v->fault); /* these are the better words */
        fault_set(&v->fault, err,
                  "an admin key is needed, sent as 'Authorization: Bearer KEY'; " ADMIN_KEY_MAKE
                  "%s",
                  v->door->admin ? "" : ", and an admin_listen on loopback needs none");
    }
    if (!err && !v->key->admin)
        err = fault_set(&v->fault, E_FORBIDDEN, "key %.*s is no admin key; " ADMIN_KEY_MAKE,
                        STR_ARGS(v->key->public_part));
    return err;
}

static int needs_check(struct visit *v, enum route_needs needs)
{
    switch (needs) {
    case NEEDS_NOTHING:
        return 0;
    case NEEDS_ADMIN:
        return admin_check(v);
    case NEEDS_KEY:
        break;
    }
    if (v->door->admin)
        return fault_set(&v->fault, E_NOT_FOUND, "this listener serves /admin and /metrics only");
    if (v->snapshot->config->keys.require)
        return key_take(v);
    int err = local_door(v);
    if (!err)
        err = key_presented(v);
    if (err)
        return err;
    /* A key that is given is looked at, so that its name stands in the ledger; one that is not
     * ours belongs to the provider. */
    struct fault ignored = {0};
    const struct key *key = NULL;
    int known = keys_check(v->gateway->keys, v->key_text, &key, &ignored);
    if (known == 0)
        return key_copy(v->x->arena, key, &v->key);
    if (str_find(v->key_text, STR("sk-sluice-")) >= 0) /* ours, and no good: not theirs */
        return fault_set(&v->fault, known, "%s", fault_text(&ignored));
    return 0;
}

/* ---- where does it go ---- */

static bool path_matches(const struct route_row *r, struct str path, struct str *ret_rest)
{
    struct str pattern = r->path;
    if (pattern.p[pattern.n - 1] != '*')
        return str_eq(path, pattern);
    pattern.n--;
    if (!str_starts(path, pattern))
        return false;
    *ret_rest = str_tail(path, pattern.n);
    /* "/v1/files*" is /v1/files and /v1/files/..., not /v1/filesystem */
    return pattern.p[pattern.n - 1] == '/' ? ret_rest->n > 0
                                           : ret_rest->n == 0 || ret_rest->p[0] == '/';
}

static bool method_matches(const struct route_row *r, enum http_method m)
{
    return r->method == m || r->method == HTTP_OTHER || (r->method == HTTP_GET && m == HTTP_HEAD);
}

/* The paths that clients' base URLs may have in front of "/v1/". */
static struct str path_without_alias(struct str path)
{
    static const struct str aliases[] = {{"/openai/v1/", 11}, {"/anthropic/v1/", 14}};
    for (unsigned i = 0; i < ARRAY_LEN(aliases); i++)
        if (str_starts(path, aliases[i]))
            return str_tail(path, aliases[i].n - 4);
    return path;
}

static const struct route_row *route_find(struct str path, enum http_method method,
                                          struct str *ret_rest, bool *ret_other_method)
{
    for (const struct route_row *r = routes; r->path.p; r++) {
        if (!path_matches(r, path, ret_rest))
            continue;
        if (method_matches(r, method))
            return r;
        *ret_other_method = true;
    }
    return NULL;
}

/* Errors are told in the protocol of the path, also where its route is not taken; and where there
 * is none, in the one of the clients that most likely ask for it. */
static const struct wire *wire_of_path(struct str path)
{
    struct str rest, plain = path_without_alias(path);
    bool known = false;
    for (const struct route_row *r = routes; r->path.p; r++) {
        if (!path_matches(r, plain, &rest))
            continue;
        if (r->wire)
            return r->wire;
        known = true; /* OpenAI's threads have messages, too */
    }
    bool theirs = str_starts(path, STR("/anthropic/")) || str_eq(path, STR("/anthropic")) ||
                  (!known && str_find(path, STR("/messages")) >= 0);
    return theirs ? &wire_anthropic : &wire_openai_chat;
}

/* The methods that the path takes, for `Allow`. */
static struct str methods_of(struct str path, struct arena *arena)
{
    struct str rest;
    bool get = false, post = false, remove = false;
    for (const struct route_row *r = routes; r->path.p; r++) {
        if (!path_matches(r, path, &rest))
            continue;
        get = get || r->method == HTTP_GET;
        post = post || r->method == HTTP_POST;
        remove = remove || r->method == HTTP_DELETE;
    }
    struct str all = arena_printf(arena, "%s%s%s", get ? ", GET, HEAD" : "", post ? ", POST" : "",
                                  remove ? ", DELETE" : "");
    return all.n ? str_tail(all, 2) : all;
}

static int route_missing(struct visit *v)
{
    struct str words[64];
    unsigned n = 0;
    for (const struct route_row *r = routes; r->path.p && n < ARRAY_LEN(words); r++)
        words[n++] = r->path;
    if (str_starts(v->path, STR("/v1/v1/")))
        return fault_set(&v->fault, E_NOT_FOUND,
                         "there is no %.*s here: the client adds /v1 itself (Anthropic's packages "
                         "do), so leave it out of the base URL",
                         STR_ARGS(str_head(v->path, 80)));
    struct str near = str_nearest(v->path, words, n);
    return fault_set(&v->fault, E_NOT_FOUND, "there is no %.*s here%s%.*s%s",
                     STR_ARGS(str_head(v->path, 80)), near.n ? "; did you mean " : "",
                     STR_ARGS(near), near.n ? "?" : "");
}

static void refuse_method(struct visit *v)
{
    struct str allowed = methods_of(v->path, v->x->arena);
    struct http_headers more;
    http_headers_init(&more, v->x->arena);
    int err = fault_set(&v->fault, E_BAD_METHOD, "%.*s does not take %.*s; expected %.*s",
                        STR_ARGS(str_head(v->path, 80)), STR_ARGS(str_head(v->x->method_text, 16)),
                        STR_ARGS(allowed));
    refusal_log(v->gateway, v->x, err);
    if (!allowed.p || http_headers_add(&more, STR("Allow"), allowed) != 0)
        err = E_MEMORY;
    visit_error_with(v, err, &more);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct str visit_rest(const struct visit *v)
{
    return escapes_undo(v->x->arena, v->rest);
}

struct str escapes_undo(struct arena *arena, struct str s)
{
    char *out = arena_alloc(arena, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < s.n; i++) {
        bool escape = s.p[i] == '%' && i + 2 < s.n;
        int high = escape ? hex_digit(s.p[i + 1]) : -1, low = escape ? hex_digit(s.p[i + 2]) : -1;
        bool good = high >= 0 && low >= 0 && (high | low) != 0;
        out[n++] = good ? (char)(high << 4 | low) : s.p[i];
        i += good ? 2 : 0;
    }
    return out ? str_of(out, n) : STR_NONE;
}

/* Bytes of what some server takes for the end of a path's part; 0 where none begins. */
static size_t separator_bytes(const char *p, size_t left)
{
    if (left > 0 && (*p == '/' || *p == ';'))
        return 1;
    return left >= 3 && *p == '%' && p[1] == '2' && (p[2] | 0x20) == 'f' ? 3 : 0;
}

/*
 * "/v1/audio/../files" would be one path to us and another to a server that tidies paths up, past
 * the keys' and routes' rules: nothing that can be tidied is let in, nor what may become so when
 * its escapes are undone.
 */
bool path_is_plain(struct str path)
{
    for (size_t i = 0; i < path.n; i++) {
        const char *p = path.p + i;
        size_t left = path.n - i; /* with this byte */
        if (LIKELY(*p > '\\'))
            continue; /* a small letter, or a byte that no path has */
        if (*p == '\\')
            return false;
        if (*p == '%' && left >= 3 &&
            ((p[1] == '2' && ((p[2] | 0x20) == 'e' || p[2] == '5')) ||
             (p[1] == '5' && (p[2] | 0x20) == 'c')))
            return false;
        size_t from = separator_bytes(p, left);
        if (from == 0)
            continue;
        size_t dots = 0;
        while (dots < 2 && from + dots < left && p[from + dots] == '.')
            dots++;
        size_t behind = left - from - dots;
        if (behind == 0 ? dots > 0 : separator_bytes(p + from + dots, behind) > 0)
            return false;
    }
    return true;
}

void visit_handle(void *arg, struct exchange *x)
{
    struct door *door = arg;
    struct visit *v = ARENA_NEW(x->arena, struct visit);
    if (!v)
        return;
    v->gateway = door->gateway;
    v->snapshot = snapshot_ref(door->gateway->now);
    v->x = x;
    v->door = door;
    v->path = path_without_alias(x->path);
    bool other_method = false;
    const struct route_row *route = route_find(v->path, x->method, &v->rest, &other_method);
    v->route = route;
    v->wire = route && route->wire ? route->wire : wire_of_path(x->path);
    int err = route ? needs_check(v, route->needs) : other_method ? 0 : route_missing(v);
    if (!err && !path_is_plain(x->path))
        err = fault_set(&v->fault, E_BAD_REQUEST,
                        "the path has '.', '..', '//' or a backslash as a part; send it plain");
    if (err) {
        refusal_log(v->gateway, x, err);
        visit_error(v, err);
    } else if (!route) {
        refuse_method(v);
    } else {
        route->handle(v);
    }
    snapshot_unref(v->snapshot);
}
