/* request.h: the reading half of a client's connection. Internal to http/. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "http/conn.h"

/*
 * The next request's header, checked, into c->x. A refusal is E_BAD_HTTP, E_BAD_METHOD,
 * E_EXPECTATION, E_HEADERS_TOO_LARGE or E_TOO_SLOW; anything else means that there is nobody to
 * answer.
 */
YIELDS MUSTCHECK int request_read_header(struct server_conn *c);

/* Waits for a connection's first bytes; E_CLIENT_GONE where none come in time. */
YIELDS MUSTCHECK int request_await(struct server_conn *c);

/* Reads over what the handler left of the body; false when that is too much. */
YIELDS MUSTCHECK bool request_drain(struct server_conn *c);

/* Is the body that is still to come small enough to be drained, as far as one can tell? */
bool request_is_drainable(const struct server_conn *c);

/* of exchange_ops */
YIELDS int request_read_body(struct exchange *x, struct str *ret_piece);
void request_watch_hangup(struct exchange *x, void (*fn)(void *arg), void *arg);
YIELDS int request_read_known(struct exchange *x, struct str *ret_body);
void request_drop_body(struct exchange *x);

#endif
