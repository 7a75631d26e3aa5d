/* answer.h: the writing half of a client's connection. Internal to http/. */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "http/conn.h"

/* of exchange_ops */
YIELDS int answer_begin(struct exchange *x, int status, const struct http_headers *headers,
                        int64_t body_bytes);
YIELDS int answer_write(struct exchange *x, struct str bytes);
YIELDS int answer_end(struct exchange *x, const struct http_headers *trailers);

/* "100 Continue", where it is owed. */
YIELDS MUSTCHECK int answer_continue(struct server_conn *c);

#endif
