/*
 * responses.h: stored responses reach whose they are (rule 5), and nobody else.
 */
#ifndef API_RESPONSES_H
#define API_RESPONSES_H

#include "api/visit.h"
#include "base/macros.h"
#include "llm/request.h"
#include "turn/turn.h"

/*
 * A request that goes on from what a provider keeps can go nowhere else: leaves in the turn's route
 * only those who may be asked for it. E_UNKNOWN_RESPONSE where it names what nobody was told, or
 * another tenant was: the same words; E_STATEFUL_PATH for a conversation; E_OVERLOADED, E_MEMORY.
 */
YIELDS MUSTCHECK int responses_route(struct visit *v, const struct llm_request *r, struct turn *t);

/* The provider has told the turn's tenant this id. */
void responses_learn(struct visit *v, const struct turn *t, struct str id);

#endif
