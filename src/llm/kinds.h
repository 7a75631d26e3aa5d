/* kinds.h: the kinds of provider that providers.c lists; one line a file. */
#ifndef LLM_KINDS_H
#define LLM_KINDS_H

#include "base/macros.h"

struct provider_kind;
struct transport;

extern const struct provider_kind provider_openai, provider_azure; /* provider/openai.c */
extern const struct provider_kind provider_anthropic;              /* provider/anthropic.c */
extern const struct provider_kind provider_gemini;                 /* provider/gemini.c */
extern const struct provider_kind provider_bedrock;                /* provider/bedrock.c */
extern const struct provider_kind provider_recorded;               /* provider/recorded.c */

extern const struct transport transport_http;     /* transport_http.c */
extern const struct transport transport_recorded; /* provider/recorded.c */

/* Until no connection waits for the end of an answer whose client has all of it: before the end. */
YIELDS void transport_http_settle(void);

#endif
