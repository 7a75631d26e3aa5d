/*
 * reading.h: objects of which some members are known, for the wires' readers.
 *
 * A table of members says what each is called and what kind of value it has to have; reading an
 * object by it gives the values by their place in the table, keeps or counts what is not known, and
 * says what is wrong with its place ("messages.3.content.0: 'text' has to be a string"). null is
 * "not given" everywhere. "string" and "json" as in llm/chat.h.
 */
#ifndef LLM_WIRE_READING_H
#define LLM_WIRE_READING_H

#include "base/buf.h"
#include "base/json.h"
#include "llm/chat.h"

/* A text of a table's, measured; and one with quotes, as strings are. */
#define NAME(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }
#define WORD(text)                                                                                 \
    {                                                                                              \
        "\"" text "\"", sizeof(text) + 1                                                           \
    }

enum value_kind {
    VALUE_ANY,
    VALUE_STRING,
    VALUE_OBJECT,
    VALUE_LIST,
    VALUE_BOOL,
    VALUE_COUNT, /* 0 to 10^12 */
    VALUE_NUMBER,
    VALUE_TAKEN, /* not taken with the object: by object.take */
};

struct member {
    struct str name;
    enum value_kind kind;
};
#define MEMBER(text, kind)                                                                         \
    {                                                                                              \
        NAME(text), VALUE_##kind                                                                   \
    }

/* What a wire calls a parameter of a chat's; those that it has no name for, it does not have. */
struct param {
    enum chat_feature feature;
    struct member member;
};
#define PARAM(feature, text, kind)                                                                 \
    {                                                                                              \
        CHAT_##feature, MEMBER(text, kind)                                                         \
    }
/* Writes those that are given. */
void params_put(struct buf *out, const struct chat_request *r, const struct param *params,
                size_t n);

/* Where a reading is: "messages.3.content.0"; "" at the top. */
#define PLACE_STEPS_MAX 4
struct place {
    unsigned n;
    struct {
        const char *name;
        int at; /* -1: a member, not an element */
    } step[PLACE_STEPS_MAX];
};

/* One text in the reading: a request's, or (request == NULL) an answer's. */
struct reading {
    struct json_reader json;
    struct arena *arena;
    struct chat_request *request;
    struct fault *fault;
    bool lenient; /* of two members with one name the last counts; else that is E_DUPLICATE_KEY */
    char quote;   /* around the name that stands twice; ' where it is 0 */
    struct place place;
};

/*
 * Says what is wrong at the reading's place: E_BAD_REQUEST, or E_UPSTREAM_BODY for an answer.
 * E_BAD_JSON without words where the text is no JSON: those are found at the end.
 */
int reading_wrong(struct reading *r, const char *fmt, ...) PRINTF(2, 3);
/* The end of a request's reading: finds the words for a text that is no JSON. */
MUSTCHECK int reading_end(struct reading *r, int err, struct str body);

/* One step further in, and back out. */
void reading_enter(struct reading *r, const char *name, int at);
void reading_leave(struct reading *r);
/* The reading of a value that was taken; false where it is no object. */
MUSTCHECK bool reading_inside(const struct reading *r, struct str value,
                              struct reading *ret_inside);
/* The same for a list, which it has to be; take it with reading_list. */
struct reading reading_of_list(const struct reading *r, struct str list);

/* The value that comes next begins with this byte. */
static inline bool reading_next_is(const struct reading *r, char first)
{
    return !r->json.failed && *r->json.at == first;
}
/* The member `name` of the object that comes next; the reading stays where it is. */
struct str reading_ahead(const struct reading *r, struct str name);
/* The value that comes next; E_BAD_JSON. null is STR_NONE. */
MUSTCHECK int reading_take(struct reading *r, struct str *ret_value);
/* Has the value this kind? For what has to be there: STR_NONE is wrong, too. */
MUSTCHECK int reading_wants(struct reading *r, struct str value, const char *name,
                            enum value_kind kind);

/* An object in the reading. The first part is the caller's, the last the reader's. */
struct object {
    const struct member *members;
    unsigned n;
    struct str *values; /* [n], by the place of their members; may be NULL where all are taken */
    /* Takes the value of a member of kind VALUE_TAKEN. */
    int (*take)(struct reading *r, unsigned which, void *to);
    void *to;
    struct chat_member **others; /* a request's members that are not known; NULL: are not kept */
    const struct param *params;  /* a request's, which are kept in it; NULL: none */
    unsigned params_n;
    bool (*silent)(enum chat_feature param, struct str value); /* as good as not given; or NULL */
    uint64_t foreign;  /* 1 << place, of members that this one does not have: as if not known */
    const char *name;  /* the member that it is the value of, for the place; or NULL */
    const char *wrong; /* what to say of what is no object; or NULL */

    struct str whole; /* as it stood; STR_NONE for null */
    bool more;        /* it has members that are not known */
    uint64_t seen;    /* 1 << place, the parameters behind the members; 64 at most */
};
#define OBJECT(table, vals)                                                                        \
    {                                                                                              \
        .members = (table), .n = ARRAY_LEN(table), .values = (vals)                                \
    }

/* Takes the object that comes next. */
MUSTCHECK int reading_object(struct reading *r, struct object *o);
/* Keeps a member at the end of *list, unless it is null, or an answer's. */
MUSTCHECK int reading_keep(struct reading *r, struct chat_member **list, struct str name,
                           struct str value);

/*
 * Takes the list that comes next: each of its elements is taken by `each`, at the place NAME.i.
 * null is an empty one; anything else is wrong.
 */
MUSTCHECK int reading_list(struct reading *r, const char *name,
                           int (*each)(struct reading *r, void *to), void *to);

/* `model` as it stands in a request, taken; STR_NONE where it is missing. */
MUSTCHECK int reading_model(struct reading *r, struct str model);
/* The number of the word that the string is, or `n`. */
size_t word_find(const struct str *words, size_t n, struct str string);

/*
 * The known members of an object, quietly: of two the last counts, and what has not the kind that
 * its member has to have is not given. From what comes next, or from a text of its own; then it is
 * false where that is no object.
 */
void members_take(struct json_reader *r, const struct member *members, unsigned n,
                  struct str *ret_values);
bool members_peek(struct str object, const struct member *members, unsigned n,
                  struct str *ret_values);
/* False also where a known one stands twice. */
bool members_peek_once(struct str object, const struct member *members, unsigned n,
                       struct str *ret_values);
/* members_take with `take` for members of kind VALUE_TAKEN; false where a known one stands twice.
 */
bool members_each(struct json_reader *r, const struct member *members, unsigned n,
                  struct str *ret_values,
                  void (*take)(struct json_reader *r, unsigned which, void *to), void *to);
/* Into a list that was taken, to take its elements while json_more; false where it is empty, or
 * STR_NONE. */
bool list_enter(struct json_reader *r, struct str list);
/* One of them. */
struct str member_peek(struct str object, struct str name, enum value_kind kind);
struct str member_take(struct json_reader *r, struct str name, enum value_kind kind);

#endif
