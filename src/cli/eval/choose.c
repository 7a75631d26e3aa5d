/* choose.c: the model that a new suite asks. */
#include <stdio.h>

#include "cli/eval/eval.h"
#include "cli/load.h"
#include "cli/options.h"

/* A name of its own first: what stands behind it can change, and the suite stays. */
static struct str first_name(const struct config *c)
{
    if (c->models.models.n > 0)
        return c->models.models.name[0];
    return STR_NONE;
}

int model_choose(const struct command *command, struct arena *arena, const char *config,
                 const char *model, const char **ret_model)
{
    struct conf_doc *doc = NULL;
    *ret_model = model;
    if (model)
        return 0;
    if (load_has_file(config)) {
        int err = load_quietly(config, &doc);
        struct str name = err ? STR_NONE : first_name(conf_root(doc));
        *ret_model = name.n ? arena_str(arena, name).p : NULL;
        if (err && doc)
            load_problems_show(doc);
        conf_unref(doc);
        if (err)
            return err == E_CONFIG ? EXIT_WRONG_USE : EXIT_COULD_NOT;
    }
    if (*ret_model)
        return 0;
    return options_wrong(command, "%s; say which model is to be asked with --model NAME",
                         doc ? "the configuration has no alias under `models`"
                             : "there is no configuration here to take a model's name from");
}
