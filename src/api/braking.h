/*
 * braking.h: the brake (eval/brake/brake.h) of a running sluice.
 */
#ifndef API_BRAKING_H
#define API_BRAKING_H

#include "api/gateway.h"
#include "eval/brake/brake.h"

/* What is asked of the brake about a configuration that is to take the place of the gateway's; all
 * of it is borrowed. `ledger` is the running one's, since another needs a restart. */
struct brake_ask braking_ask(const struct conf_doc *doc, const char *file, struct str ledger,
                             const struct brake *running);

/*
 * At the start, before anything is open: may `first` serve? E_CONFIG where it is held back; then
 * g->brake has what is to be said of it. Blocks.
 */
MUSTCHECK int braking_start(struct gateway *g, const struct snapshot *first, struct fault *f);

/* Writes warnings into the log, for people to find. */
void braking_log(const struct brake *b);

/* Once it serves: the first configuration is in force. Blocks. */
void braking_started(struct gateway *g);

/* `fresh` is in force from now on, on behalf of a reload; takes a reference of it. */
YIELDS void braking_reloaded(struct gateway *g, struct brake *fresh, enum reload_from from);

/* For who looks at the configuration: the hash of what shapes answers and what the brake has to
 * say, as comments of YAML. */
void braking_write(const struct brake *b, struct buf *out);

#endif
