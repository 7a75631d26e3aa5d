/*
 * models.h: from the name that a client asks for to who answers.
 *
 * A name is an alias of the configuration; else `provider/model` where that provider is configured;
 * else it goes to the default provider as it is. `lane/NAME` is a lane. The result is a list of
 * targets in the order in which they are asked.
 */
#ifndef LLM_MODELS_H
#define LLM_MODELS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "conf/conf.h"
#include "llm/provider.h"

struct models;

struct route {
    struct str lane; /* STR_NONE when no lane was asked for */
    unsigned n;
    const struct target *at; /* the configuration's, or in the arena of models_resolve */
};

/* The parts of the configuration that models.c compiles; the root table embeds it. */
struct models_settings {
    struct conf_map providers; /* struct provider_settings */
    struct conf_map models;    /* struct model_settings */
    struct conf_map lanes;     /* lists of struct lane_item_settings */
    struct str default_provider;
};

/*
 * Compiles; what is wrong is complained of in `doc` (E_CONFIG). Endpoints are taken from
 * `upstreams`; models_close gives them back.
 */
MUSTCHECK int models_compile(const struct models_settings *settings, struct conf_doc *doc,
                             struct upstreams *upstreams, const struct prices *prices,
                             struct models **ret_models);
void models_close(struct models *m);

/*
 * E_UNKNOWN_MODEL, E_UNKNOWN_LANE with the nearest names, E_NO_PROVIDER. What is not of the
 * configuration is made in `arena`.
 */
MUSTCHECK int models_resolve(const struct models *m, struct str asked, struct arena *arena,
                             struct route *ret_route, struct fault *f);

const struct provider *models_default_provider(const struct models *m);
const struct provider *models_provider(const struct models *m, struct str name);
unsigned models_provider_count(const struct models *m);
const struct provider *models_provider_at(const struct models *m, unsigned i);

/* All names that the configuration makes: aliases and "lane/NAME". */
unsigned models_name_count(const struct models *m);
struct str models_name_at(const struct models *m, unsigned i);

#endif
