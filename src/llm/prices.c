#include "llm/prices.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "prices_data.h"

#define USER_FILE_BYTES_MAX (16u * 1024 * 1024)

/*
 * The list is a megabyte of numbers of which a process needs a handful, so only its names are
 * indexed: each model stands in a line of its own, and the line is parsed when it is asked for.
 */
struct entry {
    struct str name;
    struct str object; /* {"input":..., ...} */
};

struct list_of_prices {
    unsigned n;
    struct entry *at; /* sorted by name */
    struct str title; /* "litellm 1.2.3, 2026-11-24" */
};

_Static_assert(PRICE_UNKNOWN == CONF_NOT_GIVEN, "a price that is not given is not known");

struct prices {
    const struct conf_map *own;
    struct list_of_prices user;
    struct list_of_prices shipped;
    struct str date;
};

/* clang-format off */
#define THIS struct price_settings
static const struct conf_row price_rows[] = {
    {.name = "input", .type = CONF_USD, .offset = offsetof(THIS, input), .flags = CONF_REQUIRED,
     .help = "Dollars a million tokens of the prompt."},
    {.name = "output", .type = CONF_USD, .offset = offsetof(THIS, output), .flags = CONF_REQUIRED,
     .help = "Dollars a million tokens of the answer."},
    {.name = "cached", .type = CONF_USD, .offset = offsetof(THIS, cached), .flags = CONF_OPTIONAL,
     .help = "Of the prompt's part that the provider had in its cache. Without it: as input."},
    {.name = "cache_write", .type = CONF_USD, .offset = offsetof(THIS, cache_write),
     .flags = CONF_OPTIONAL,
     .help = "Of the prompt's part that it wrote into its cache. Without it: as input."},
    {.name = "cache_write_1h", .type = CONF_USD, .offset = offsetof(THIS, cache_write_1h),
     .flags = CONF_OPTIONAL,
     .help = "Of what it wrote there for an hour (Anthropic, Bedrock; cache_write is for five "
             "minutes). Without it the cost of a call with such tokens is unknown."},
    {.name = "reasoning", .type = CONF_USD, .offset = offsetof(THIS, reasoning),
     .flags = CONF_OPTIONAL, .help = "Of thinking. Without it: as output."},
    {0},
};
/* clang-format on */
#undef THIS

const struct conf_table price_table = {
    .name = "price",
    .help = "What a model costs, in dollars a million tokens. It comes before the list that ships "
            "with sluice. The name is provider/model, or a model of any provider.",
    .size = sizeof(struct price_settings),
    .rows = price_rows,
    .example = "home/llama: {input: 0.05, cached: 0.01, output: 0.20}",
};

static int entry_compare(const void *a, const void *b)
{
    return str_cmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* The object that `text` begins with, inner ones included; STR_NONE when it does not end. */
static struct str object_of(struct str text)
{
    unsigned depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && c == '{')
            depth++;
        else if (!quoted && c == '}' && --depth == 0)
            return str_head(text, i + 1);
    }
    return STR_NONE;
}

/* The names of a list in the form of prices/prices.json: a line a model. */
static int list_index(struct arena *arena, struct str text, struct list_of_prices *list)
{
    ptrdiff_t at = str_find(text, STR("\"models\":{"));
    if (at < 0)
        return E_CONFIG;
    struct str rest = str_tail(text, (size_t)at + 10);
    size_t lines = 1;
    for (size_t i = 0; i < rest.n; i++)
        lines += rest.p[i] == '\n';
    list->at = ARENA_ARRAY(arena, struct entry, lines);
    if (!list->at)
        return E_MEMORY;
    while (rest.p) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        ptrdiff_t end = line.n > 1 ? str_find(str_tail(line, 1), STR("\":{")) : -1;
        if (end < 0 || line.p[0] != '"')
            continue;
        struct str object = object_of(str_tail(line, (size_t)end + 3));
        if (object.p)
            list->at[list->n++] = (struct entry){.name = str_of(line.p + 1, (size_t)end),
                                                 .object = object};
    }
    qsort(list->at, list->n, sizeof(*list->at), entry_compare);
    return 0;
}

/* A file that a person wrote may have any layout: it is put into the form of ours first. */
static int list_normalise(struct arena *arena, struct str text, struct str *ret_text,
                          struct fault *f)
{
    yyjson_doc *doc = NULL;
    int err = json_parse(arena, text, &doc, f);
    yyjson_val *models = err ? NULL : yyjson_obj_get(yyjson_doc_get_root(doc), "models");
    if (err)
        return err;
    if (!yyjson_is_obj(models))
        return fault_set(f, E_CONFIG, "a price file is {\"models\": {NAME: {\"input\": ...}}}");
    struct buf out;
    buf_init(&out, USER_FILE_BYTES_MAX);
    buf_str(&out, STR("\"models\":{\n"));
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(models, i, n, key, value)
    {
        buf_printf(&out, "\"%s\":", yyjson_get_str(key));
        json_value(&out, value);
        buf_char(&out, '\n');
    }
    *ret_text = out.failed ? STR_NONE : arena_str(arena, buf_view(&out));
    buf_fini(&out);
    return ret_text->p ? 0 : E_MEMORY;
}

static int user_file_load(struct arena *arena, struct str path, struct list_of_prices *list,
                          struct fault *f)
{
    FILE *file = fopen(path.p, "re");
    if (!file)
        return fault_set(f, E_CONFIG, "the price file %s cannot be read: %s", path.p,
                         strerror(errno));
    struct buf text;
    buf_init(&text, USER_FILE_BYTES_MAX);
    char piece[4096];
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(&text, piece, n);
    (void)fclose(file);
    struct str normal = STR_NONE;
    int err = text.failed ? text.failed : list_normalise(arena, buf_view(&text), &normal, f);
    buf_fini(&text);
    if (!err)
        err = list_index(arena, normal, list);
    list->title = path;
    return err;
}

/* "date":"2026-11-24" and the like from a list's head. */
static struct str head_word(struct str text, struct str key)
{
    ptrdiff_t at = str_find(str_head(text, 1024), key);
    if (at < 0)
        return STR_NONE;
    struct str rest = str_tail(text, (size_t)at + key.n);
    return str_cut(&rest, '"');
}

int prices_load(struct arena *arena, const struct conf_map *own, struct str user_file,
                struct prices **ret_prices, struct fault *f)
{
    struct prices *p = ARENA_NEW(arena, struct prices);
    if (!p)
        return E_MEMORY;
    p->own = own;
    struct str text = str_of((const char *)prices_json, prices_json_len);
    int err = list_index(arena, text, &p->shipped);
    p->date = head_word(text, STR("\"date\":\""));
    struct str from = head_word(text, STR("\"from\":\""));
    p->shipped.title = arena_printf(arena, "%.*s of %.*s, unconfirmed", STR_ARGS(from),
                                    STR_ARGS(p->date));
    if (!err && user_file.n)
        err = user_file_load(arena, user_file, &p->user, f);
    if (!err)
        *ret_prices = p;
    return err;
}

static struct price *own_find(const struct prices *p, struct arena *arena, struct str name)
{
    for (unsigned i = 0; p->own && i < p->own->n; i++) {
        const struct price_settings *s = &((const struct price_settings *)p->own->at)[i];
        if (!str_eq(p->own->name[i], name))
            continue;
        struct price *price = ARENA_NEW(arena, struct price);
        if (price)
            *price = (struct price){.name = name,
                                    .input = s->input,
                                    .cached = s->cached,
                                    .cache_write = s->cache_write,
                                    .cache_write_1h = s->cache_write_1h,
                                    .long_cache_write_1h = PRICE_UNKNOWN,
                                    .output = s->output,
                                    .reasoning = s->reasoning,
                                    .batch_input = PRICE_UNKNOWN,
                                    .batch_output = PRICE_UNKNOWN,
                                    .any_tier = true,
                                    .source = STR("the configuration")};
        return price;
    }
    return NULL;
}

static struct tier_price tier_read(yyjson_val *v, const char *input, const char *cached,
                                   const char *output)
{
    return (struct tier_price){.input = json_get_i64(v, input, PRICE_UNKNOWN),
                               .cached = json_get_i64(v, cached, PRICE_UNKNOWN),
                               .output = json_get_i64(v, output, PRICE_UNKNOWN)};
}

static void over_read(yyjson_val *over, struct price *price)
{
    price->long_tokens = json_get_i64(over, "tokens", 0);
    price->long_input = json_get_i64(over, "input", PRICE_UNKNOWN);
    price->long_cached = json_get_i64(over, "cached_input", PRICE_UNKNOWN);
    price->long_cache_write = json_get_i64(over, "cache_write", PRICE_UNKNOWN);
    price->long_cache_write_1h = json_get_i64(over, "cache_write_1h", PRICE_UNKNOWN);
    price->long_output = json_get_i64(over, "output", PRICE_UNKNOWN);
}

/* NULL where there is no room: better no price than a wrong one. */
static struct price *overs_read(yyjson_val *overs, struct arena *arena, struct price *price)
{
    size_t i, n;
    yyjson_val *over;
    over_read(yyjson_arr_get_first(overs), price);
    yyjson_arr_foreach(overs, i, n, over)
    {
        if (i == 0)
            continue;
        struct price *longer = ARENA_NEW(arena, struct price);
        if (!longer)
            return NULL;
        *longer = *price; /* with those before it */
        over_read(over, longer);
        price->longer = longer;
    }
    return price;
}

static struct price *list_find(const struct list_of_prices *list, struct arena *arena,
                               struct str name)
{
    if (list->n == 0)
        return NULL;
    const struct entry *e = bsearch(&(struct entry){.name = name}, list->at, list->n,
                                    sizeof(*list->at), entry_compare);
    yyjson_val *v = e ? json_peek(e->object) : NULL;
    struct price *price = v ? ARENA_NEW(arena, struct price) : NULL;
    if (!price)
        return NULL;
    *price = (struct price){
        .name = e->name,
        .input = json_get_i64(v, "input", PRICE_UNKNOWN),
        .cached = json_get_i64(v, "cached_input", PRICE_UNKNOWN),
        .cache_write = json_get_i64(v, "cache_write", PRICE_UNKNOWN),
        .cache_write_1h = json_get_i64(v, "cache_write_1h", PRICE_UNKNOWN),
        .output = json_get_i64(v, "output", PRICE_UNKNOWN),
        .reasoning = json_get_i64(v, "reasoning", PRICE_UNKNOWN),
        .batch_input = json_get_i64(v, "batch_input", PRICE_UNKNOWN),
        .batch_output = json_get_i64(v, "batch_output", PRICE_UNKNOWN),
        .context_tokens = json_get_i64(v, "context", 0),
        .output_tokens_max = json_get_i64(v, "max_output", 0),
        .flex = tier_read(v, "flex_input", "flex_cached_input", "flex_output"),
        .priority = tier_read(v, "priority_input", "priority_cached_input", "priority_output"),
        .source = list->title,
    };
    return overs_read(yyjson_obj_get(v, "over"), arena, price);
}

enum price_place { PRICE_OWN, PRICE_USER, PRICE_SHIPPED, PRICE_PLACES };

static const struct price *name_find(const struct prices *p, enum price_place place,
                                     struct arena *arena, struct str name)
{
    if (place == PRICE_OWN)
        return own_find(p, arena, name);
    return list_find(place == PRICE_USER ? &p->user : &p->shipped, arena, name);
}

/* "gpt-5-mini-2025-08-07" -> "gpt-5-mini"; STR_NONE when it does not end in a date. */
static struct str without_date(struct str model)
{
    static const char form[] = "-dddd-dd-dd";
    size_t n = sizeof(form) - 1;
    if (model.n <= n)
        return STR_NONE;
    const char *end = model.p + model.n - n;
    for (size_t i = 0; i < n; i++)
        if (form[i] == '-' ? end[i] != '-' : end[i] < '0' || end[i] > '9')
            return STR_NONE;
    return str_head(model, model.n - n);
}

static const struct price *pair_find(const struct prices *p, enum price_place place,
                                     struct arena *arena, struct str provider, struct str model)
{
    if (provider.n == 0)
        return NULL;
    struct str full = arena_printf(arena, "%.*s/%.*s", STR_ARGS(provider), STR_ARGS(model));
    return full.p ? name_find(p, place, arena, full) : NULL;
}

const struct price *prices_find(const struct prices *p, struct arena *arena, struct str provider,
                                struct str listed, struct str model)
{
    for (unsigned place = 0; place < PRICE_PLACES; place++) {
        bool users = place != PRICE_SHIPPED; /* whoever writes a row names his providers himself */
        for (struct str name = model; name.n > 0; name = without_date(name)) {
            const struct price *price = NULL;
            if (users)
                price = pair_find(p, place, arena, provider, name);
            if (!price)
                price = pair_find(p, place, arena, listed, name);
            if (!price && users)
                price = name_find(p, place, arena, name);
            if (price)
                return price;
        }
    }
    return NULL;
}

/*
 * Public hosts whose price for a model is the list's. Not here, so that their cost is null until
 * the configuration says more: who sells others' models (OpenRouter), who asks more in some regions
 * (Bedrock, api.moonshot.cn), and Azure, where a model is called what its owner likes.
 */
struct str prices_listed(struct str host)
{
#define LISTED(host, name)                                                                         \
    {                                                                                              \
        {host, sizeof(host) - 1},                                                                  \
        {                                                                                          \
            name, sizeof(name) - 1                                                                 \
        }                                                                                          \
    }
    static const struct {
        struct str host, name;
    } hosts[] = {
        LISTED("api.openai.com", "openai"),
        LISTED("api.anthropic.com", "anthropic"),
        LISTED("generativelanguage.googleapis.com", "gemini"),
        LISTED("api.mistral.ai", "mistral"),
        LISTED("api.x.ai", "xai"),
        LISTED("api.deepseek.com", "deepseek"),
        LISTED("api.groq.com", "groq"),
        LISTED("api.together.xyz", "together"),
        LISTED("api.together.ai", "together"),
        LISTED("api.fireworks.ai", "fireworks"),
        LISTED("api.deepinfra.com", "deepinfra"),
        LISTED("api.perplexity.ai", "perplexity"),
        LISTED("api.cohere.ai", "cohere"),
        LISTED("api.cohere.com", "cohere"),
        LISTED("api.cerebras.ai", "cerebras"),
        LISTED("api.sambanova.ai", "sambanova"),
        LISTED("api.moonshot.ai", "moonshot"),
        LISTED("api.z.ai", "zai"),
        LISTED("api.novita.ai", "novita"),
        LISTED("api.studio.nebius.ai", "nebius"),
        LISTED("api.studio.nebius.com", "nebius"),
        LISTED("api.hyperbolic.xyz", "hyperbolic"),
        LISTED("inference.api.nscale.com", "nscale"),
        LISTED("api.inference.wandb.ai", "wandb"),
        LISTED("api.voyageai.com", "voyage"),
    };
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (str_eq_nocase(host, hosts[i].host))
            return hosts[i].name;
    return STR_NONE;
#undef LISTED
}

static int64_t known(int64_t price, int64_t otherwise)
{
    return price == PRICE_UNKNOWN ? otherwise : price;
}

/* The price of a call whose prompt is over the limit for long ones. */
static struct price long_price(const struct price *p)
{
    struct price l = *p;
    l.input = known(p->long_input, p->input);
    l.cached = known(p->long_cached, p->cached);
    l.cache_write = known(p->long_cache_write, p->cache_write);
    /* Where long prompts cost more, so do these, and nobody says how much. */
    bool dearer = l.input != p->input || l.cache_write != p->cache_write;
    l.cache_write_1h = known(p->long_cache_write_1h, dearer ? PRICE_UNKNOWN : p->cache_write_1h);
    l.output = known(p->long_output, p->output);
    /* Thinking without a long price of its own is never cheaper than speaking. */
    if (l.reasoning != PRICE_UNKNOWN && l.reasoning < l.output)
        l.reasoning = l.output;
    return l;
}

/* What holds for a prompt of so many tokens: of the limits that it is over the last. NULL: none. */
static const struct price *long_find(const struct price *p, int64_t prompt)
{
    const struct price *found = NULL;
    for (; p; p = p->longer)
        if (p->long_tokens > 0 && prompt > p->long_tokens &&
            (!found || p->long_tokens > found->long_tokens))
            found = p;
    return found;
}

int64_t price_cost(const struct price *p, const struct tokens *t)
{
    struct price longer;
    if (!tokens_any(t))
        return p ? 0 : COST_UNKNOWN;
    if (!p || t->other_media)
        return COST_UNKNOWN;
    const struct price *over = long_find(p, tokens_prompt(t));
    if (over) {
        longer = long_price(over);
        p = &longer;
    }
    const struct {
        int64_t tokens, price;
    } classes[] = {
        {t->input, p->input},
        {t->cached, known(p->cached, p->input)},
        {t->cache_write - t->cache_write_1h, known(p->cache_write, p->input)},
        {t->cache_write_1h, p->cache_write_1h},
        {t->output, p->output},
        {t->reasoning, known(p->reasoning, p->output)},
    };
    __int128 sum = 0; /* nano-dollars times a million */
    for (unsigned i = 0; i < ARRAY_LEN(classes); i++) {
        if (classes[i].tokens > 0 && classes[i].price == PRICE_UNKNOWN)
            return COST_UNKNOWN;
        sum += (__int128)classes[i].tokens * classes[i].price;
    }
    sum = (sum + 500000) / 1000000;
    return sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}

int64_t price_cost_tier(const struct price *p, enum service_tier tier, const struct tokens *t)
{
    static const struct tier_price unknown = {PRICE_UNKNOWN, PRICE_UNKNOWN, PRICE_UNKNOWN};
    if (!p || p->any_tier || tier == TIER_UNSAID || tier == TIER_STANDARD)
        return price_cost(p, t);
    const struct tier_price *of = tier == TIER_FLEX       ? &p->flex
                                  : tier == TIER_PRIORITY ? &p->priority
                                                          : &unknown;
    if (tier == TIER_FLEX && of->input == PRICE_UNKNOWN)
        return price_cost(p, t);
    bool guessed = long_find(p, tokens_prompt(t)) ||
                   (t->cached > 0 && of->cached != p->cached && of->cached == PRICE_UNKNOWN) ||
                   (t->cache_write > 0 && p->cache_write != PRICE_UNKNOWN);
    if (guessed)
        return COST_UNKNOWN;
    const struct price own = {.input = of->input,
                              .cached = of->cached,
                              .cache_write = PRICE_UNKNOWN,
                              .cache_write_1h = PRICE_UNKNOWN,
                              .output = of->output,
                              .reasoning = PRICE_UNKNOWN};
    return price_cost(&own, t);
}

unsigned prices_count(const struct prices *p)
{
    return p->shipped.n + p->user.n + (p->own ? p->own->n : 0);
}

struct str prices_date(const struct prices *p)
{
    return p->date;
}

int cost_json_write(struct buf *out, int64_t nanos)
{
    return nanos == COST_UNKNOWN ? buf_str(out, STR("null")) : json_usd(out, nanos);
}

int64_t cost_json_read(yyjson_val *v)
{
    double nanos = yyjson_is_num(v) ? yyjson_get_num(v) * 1e9 : -1;
    return nanos >= 0 && nanos < (double)INT64_MAX / 2 ? llround(nanos) : COST_UNKNOWN;
}
