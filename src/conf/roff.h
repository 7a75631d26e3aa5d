/*
 * roff.h: text for man pages, in the little of roff's man macros that every formatter knows.
 *
 * Texts come as in the tables: words, `code` in backticks, [links](#like-this) of which only the
 * word is shown. What roff would take for its own is escaped.
 */
#ifndef CONF_ROFF_H
#define CONF_ROFF_H

#include "base/buf.h"
#include "base/str.h"

/* Running text; line ends stay. */
void roff_text(struct buf *out, struct str s);
/* The same where backticks and brackets are themselves: synopses, examples. */
void roff_plain(struct buf *out, struct str s);

#endif
