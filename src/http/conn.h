/*
 * conn.h: one connection of a client, as request.c, answer.c and server.c share it. Internal to
 * http/.
 */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "http/body.h"
#include "http/parser.h"
#include "http/rbuf.h"
#include "http/server.h"

struct server_conn {
    struct stream *stream;
    const struct http_server_settings *settings;
    struct str client;
    struct rbuf in;
    bool broken;  /* nothing more can be sent, or what was sent is not whole */
    bool refused; /* the last request was not read to its end */

    /* the request under way */
    struct http_parser parser;
    struct body body;
    struct arena arena;
    struct exchange x;
    const char *fault_text; /* what is wrong with it; a literal */
    int minor;              /* of its version: HTTP/1.`minor` */
    bool expects_continue;  /* "100 Continue" is still owed */
    bool watching;          /* for a hangup */
    bool counted;           /* in settings->under_way */

    /* its answer */
    struct str head; /* made and not yet sent */
    bool keep;       /* the connection may go on after it */
    bool chunked;
    bool swallow;     /* its body is not sent (HEAD, 204, 304) */
    int64_t out_left; /* bytes that Content-Length still promises */
};

static inline struct server_conn *conn_of(struct exchange *x)
{
    return CONTAINER_OF(x, struct server_conn, x);
}

#endif
