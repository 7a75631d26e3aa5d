/* What is sent: made once, with places for the request's number. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

#define BODY_BYTES_MAX (64u << 20)

static char *file_read(const char *path, size_t *ret_n)
{
    FILE *file = fopen(path, "re");
    char *p = NULL;
    size_t n = 0, cap = 0;

    if (file == NULL)
        return NULL;
    do {
        cap = cap != 0 ? 2 * cap : 65536;
        char *more = realloc(p, cap);
        if (more == NULL)
            break;
        p = more;
        n += fread(p + n, 1, cap - n, file);
    } while (n == cap && cap < BODY_BYTES_MAX);
    fclose(file);
    *ret_n = n;
    return p;
}

/* Each @ID@ becomes digits, written anew for each request. */
static size_t placed(char *to, const char *from, size_t n, struct request *r, size_t base)
{
    static const char mark[] = "@ID@";
    size_t at = 0;

    for (size_t i = 0; i < n;) {
        if (n - i >= 4 && memcmp(from + i, mark, 4) == 0 && r->slot_n < SLOTS_MAX) {
            r->slots[r->slot_n++] = base + at;
            memset(to + at, '0', SLOT_DIGITS);
            at += SLOT_DIGITS;
            i += 4;
        } else {
            to[at++] = from[i++];
        }
    }
    return at;
}

bool request_make(struct request *r, const struct options *o, const char *body_file, bool stream)
{
    char head[8192], *body = NULL;
    size_t body_n = 0, n;

    *r = (struct request){.stream = stream};
    if (body_file != NULL && (body = file_read(body_file, &body_n)) == NULL)
        return false;
    struct request counting = {0};
    char *placed_body = malloc(body_n + SLOTS_MAX * SLOT_DIGITS + 1);
    if (placed_body == NULL)
        return false;
    size_t length = placed(placed_body, body, body_n, &counting, 0);

    n = (size_t)snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s\r\nAccept: */*\r\n",
                         body_file != NULL ? "POST" : "GET", o->path, o->target_text);
    if (body_file != NULL)
        n += (size_t)snprintf(head + n, sizeof(head) - n,
                              "Content-Type: application/json\r\nContent-Length: %zu\r\n", length);
    if (o->key != NULL && n < sizeof(head))
        n += (size_t)snprintf(head + n, sizeof(head) - n, "Authorization: Bearer %s\r\n", o->key);
    for (int i = 0; i < o->header_n && n < sizeof(head); i++)
        n += (size_t)snprintf(head + n, sizeof(head) - n, "%s\r\n", o->headers[i]);
    if (n + 2 >= sizeof(head))
        return false;
    memcpy(head + n, "\r\n", 2);
    n += 2;

    r->p = malloc(n + body_n + 2 * SLOTS_MAX * SLOT_DIGITS);
    if (r->p == NULL)
        return false;
    r->n = placed(r->p, head, n, r, 0);
    r->n += placed(r->p + r->n, body, body_n, r, r->n);
    free(placed_body);
    free(body);
    return true;
}
