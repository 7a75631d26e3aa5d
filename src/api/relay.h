/*
 * relay.h: passing a request on that is not read, or only looked at, to a provider that was found
 * for it.
 */
#ifndef API_RELAY_H
#define API_RELAY_H

#include "api/visit.h"
#include "base/macros.h"
#include "llm/provider.h"

/* Admission, the one call, the answer or what is wrong, the ledger's row. `path` is what stands
 * behind the base URL; the client's query is added. Returns the status that the provider answered
 * with; 0 where it did not. */
YIELDS int relay_to(struct visit *v, const struct provider *provider, struct str path);

#endif
