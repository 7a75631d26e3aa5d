/*
 * calls.h: the tool calls of an answer, held against those that were expected.
 *
 * What is expected is a list, each item in one of two forms:
 *   {"name": "f", "arguments": {"city": "Paris"}}   exactly these arguments; also as OpenAI's
 *       answers have it, {"function": {"name": "f", "arguments": "{\"city\": \"Paris\"}"}}
 *   {"f": {"city": ["Paris", "Paris, France"], "unit": ["celsius", ""]}}
 * The second is the ground truth of the Berkeley function-calling leaderboard (BFCL): for each
 * argument the values that are allowed; "" among them means that it may be left out. So it goes on
 * within objects: an allowed object has a list of allowed values for each of its members.
 *
 * The rules are those of BFCL's checker (Apache-2.0; Patil et al., "The Berkeley Function Calling
 * Leaderboard", 2025): an argument that the tool's schema requires may not be left out; one that is
 * not expected may not be given; an integer passes for a number with a point but not the other way
 * round, unless the schema says float or number; texts are compared without letters' case, spaces
 * and the characters , . / - _ * ^ and with ' for ". Beyond it: lists and objects are compared by
 * the same rules at any depth; an argument for which nothing is allowed ([]) has to be an empty
 * list; what the ground truth does not mention is not required, whatever the schema says.
 *
 * Names of functions may have "_" for what OpenAI does not allow in them ("math.gcd"), where only
 * one function can be meant.
 *
 * Pure functions that do not yield.
 */
#ifndef EVAL_CALLS_H
#define EVAL_CALLS_H

#include <stdbool.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "eval/json/values.h"

#define CALLS_MAX        256 /* expected at most */
#define CALLS_NAME_BYTES 80  /* of a name that is shown */

struct tool_call {
    struct str name;
    struct str shown;      /* the name, for people: it may be anything */
    yyjson_val *arguments; /* an object; NULL: see `wrong` */
    struct str wrong;      /* what is wrong with the call itself */
};

struct tool_calls {
    unsigned n;
    struct tool_call *at;
    struct str wrong; /* these are no calls at all */
};

/*
 * Reads calls as OpenAI's chat has them: a list of {"function": {"name", "arguments"}} or of
 * {"name", "arguments"}, the arguments as JSON in a text or as an object; or a message with
 * "tool_calls". NULL and null are no calls. Whatever else a model wrote is said in `wrong`.
 * 0 or E_MEMORY.
 */
MUSTCHECK int calls_read(struct arena *a, yyjson_val *calls, struct tool_calls *ret_calls);

struct expected_call {
    struct str name;
    yyjson_val *arguments; /* name -> list of allowed values; if `exact`: name -> value */
    bool exact;
};

struct expected_calls {
    unsigned n;
    struct expected_call *at;
};

/* E_BAD_REQUEST says which item is wrong; or E_MEMORY. */
MUSTCHECK int calls_expected(struct arena *a, yyjson_val *expected,
                             struct expected_calls *ret_expected, struct fault *f);

struct calls_match {
    struct arena *arena;
    yyjson_val *tools; /* as OpenAI's chat has them, or {"name", "parameters"}; may be NULL */
    bool lenient;      /* texts of exact calls too are compared as BFCL does */
    struct values_steps steps;
};

/*
 * Is the call what was expected? If not, *ret_why says the first reason: "get_weather: argument
 * city: 'Pariss' is none of: 'Paris'". 0 or E_MEMORY. Where m->steps.left is 0 behind it, nothing
 * is known.
 */
MUSTCHECK int call_matches(struct calls_match *m, const struct tool_call *call,
                           const struct expected_call *expected, bool *ret_matches,
                           struct str *ret_why);
/* Do both name the same function? */
bool call_is_of(const struct calls_match *m, const struct tool_call *call,
                const struct expected_call *expected);

#endif
