/*
 * watch.h: the files that a configuration refers to (${file:PATH}, TLS with clients, providers and
 * the collector), and whether they have changed.
 *
 * Making and asking block on the disk: they are for the pool of threads, or for before the doors
 * open. heap: a watch is its owner's, on whichever thread that is.
 */
#ifndef API_WATCH_H
#define API_WATCH_H

#include <stdbool.h>

#include "base/err.h"
#include "base/macros.h"
#include "conf/conf.h"

struct watch;

/* Of the files as they are now; NULL where there are none. */
MUSTCHECK int watch_new(const struct conf_doc *doc, struct watch **ret_watch);
void watch_free(struct watch *w);

/* One that has changed since it was last asked, of the watch; NULL: none. One that is gone has not:
 * it may come back, as it does where secrets are put in place by renaming. */
const char *watch_changed(struct watch *w);

#endif
