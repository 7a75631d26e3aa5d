/*
 * objects.h: what providers keep (stored responses, files, containers ...) reaches whose it is, and
 * nobody else (rule 5).
 *
 * A provider is open to a tenant that has a key of its own there, where the configuration says that
 * all share all (`stateful`), and where sluice asks for no keys, so that all are one. Elsewhere a
 * request may name only what its tenant was told the id of (turn/stored.h). What was uploaded by
 * others never was: sluice has no path for uploads but to who is open.
 */
#ifndef API_OBJECTS_H
#define API_OBJECTS_H

#include "api/visit.h"
#include "base/macros.h"
#include "llm/request.h"
#include "turn/turn.h"

/* Is this provider open to who asks? */
bool object_is_open(const struct visit *v, const struct provider *p);

/*
 * A request that names what a provider keeps can go nowhere else: leaves in the turn's route only
 * those who may be asked for it. E_UNKNOWN_RESPONSE where it names a response or an item that
 * nobody was told, or another tenant was, and E_STATEFUL_PATH for another object: the same words
 * for both; E_STATEFUL_PATH for a conversation; E_OVERLOADED, E_MEMORY.
 */
YIELDS MUSTCHECK int objects_route(struct visit *v, const struct llm_request *r, struct turn *t);

/* The provider has told the turn's tenant this id. */
void objects_learn(struct visit *v, const struct turn *t, struct str id);

/* The faults, with the visit's words. */
MUSTCHECK int object_unknown(struct visit *v, struct str id);
MUSTCHECK int object_fault(struct visit *v, const char *what, struct str id,
                           const struct provider *p);

#endif
