/*
 * names.h: the objects that a request names and a provider keeps, other than stored responses:
 * files, vector stores, containers, skills, prompts, caches, spoken answers (rule 5: tenants never
 * meet).
 *
 * To the provider all who use one key are one user, so a name reaches whoever's object it is. Names
 * stand anywhere in a body, also where an API of tomorrow puts them; so each member counts that is
 * called like one (names.c has the list), at any depth, in any spelling that some reader may take
 * for it, but for where the client's own data stands: schemas of tools and answers, arguments of
 * calls.
 *
 * The scan that every request takes looks out for such members (names_watch); only where it has
 * seen one is the body read for them. Pure functions; loop thread only.
 */
#ifndef LLM_NAMES_H
#define LLM_NAMES_H

#include "base/json.h"
#include "llm/chat.h"
#include "llm/request.h"

#define NAMES_MAX 4096 /* in one request */

extern const struct json_watch names_watch;

/*
 * Adds the names in `body`, an object that was scanned, to what `r` keeps. E_BAD_REQUEST for more
 * than NAMES_MAX, E_BAD_JSON, E_MEMORY.
 */
MUSTCHECK int names_read(struct str body, struct arena *arena, struct llm_request *r,
                         struct fault *f);

/* The same question of a body that nobody else reads: JSON, or (`form`) something else in which a
 * name would stand as it is. *ret_what is the first one's member; NULL: there is none. E_BAD_JSON
 * for what is none and shall be: who reads it otherwise (UTF-16, a mark at its beginning) would
 * find names that were not found here. */
MUSTCHECK int names_find(struct str body, bool form, struct arena *arena, const char **ret_what,
                         struct fault *f);

/* E_STATEFUL_PATH for a URL in a chat that a provider would open with its account's rights (s3://,
 * gs://, its files) and not as part of the web. */
MUSTCHECK int names_urls_check(const struct chat_request *asked, struct str provider,
                               struct fault *f);

#endif
