/*
 * settings.h: what the configuration says about providers, models and lanes.
 *
 * These structs are filled by conf/ from the tables in settings.c and never change. models.c
 * compiles them into what a request needs.
 */
#ifndef LLM_SETTINGS_H
#define LLM_SETTINGS_H

#include "base/str.h"
#include "conf/conf.h"

/* Milliseconds; 0 means that the next wider place (provider, then default) decides. */
struct timeouts {
    int64_t connect_ms;
    int64_t first_token_ms;    /* from the connection to the first content (call.h: first_us) */
    int64_t between_tokens_ms; /* the longest pause in an answer */
    int64_t total_ms;
    int64_t idle_ms; /* how long an unused connection is kept */
};

extern const struct timeouts timeouts_default;

/* `inner` where it says something, else `outer`. */
struct timeouts timeouts_over(const struct timeouts *inner, const struct timeouts *outer);

struct base_url_settings {
    struct str url;
    int64_t weight;
};

struct tls_table {
    struct str ca_file, cert_file, key_file;
    bool insecure;
};

/* How a stream's usage is had: asked for and cut out again, asked for by nobody and estimated. */
enum stream_usage { STREAM_USAGE_ASK, STREAM_USAGE_ESTIMATE };

/* HTTP/2 to a provider: where both agree on it by ALPN, never, or always. */
enum http2_mode { HTTP2_AUTO, HTTP2_OFF, HTTP2_ON };

/* How Amazon is asked. */
struct aws_settings {
    struct str region;
    struct str access_key, secret_key, session_token;
};

/* Does a provider of kind openai answer /responses itself? */
enum responses_has { RESPONSES_AUTO, RESPONSES_ON, RESPONSES_OFF, RESPONSES_ALWAYS };

/* What a limit of an answer's tokens is called in chat completions. */
enum limit_name { LIMIT_AUTO, LIMIT_OLD, LIMIT_NEW };

struct upstream_key_settings {
    struct str secret;
    int64_t weight;
};

struct tenant_key_settings {
    struct str secret;
};

struct provider_settings {
    struct str kind;
    struct conf_list base_url; /* struct base_url_settings */
    struct str key;
    struct conf_list api_keys;   /* struct upstream_key_settings */
    struct conf_map tenant_keys; /* struct tenant_key_settings */
    struct str key_header;
    struct str key_prefix;
    struct str path;        /* "/{operation}"; {model} is the model's name */
    struct str api_version; /* sent as ?api-version= where given */
    struct conf_str_map headers;
    int stream_usage;
    int responses;
    int limit_name;
    struct aws_settings aws;
    bool pass_key;
    bool stateful;     /* may tenants use its files, batches, stored responses? */
    struct str file;   /* recorded: the answers */
    struct str prices; /* the name under which prices/ knows it; default: by its hosts */
    int64_t connections_max;
    int64_t answer_bytes_max;
    struct timeouts timeouts;
    struct tls_table tls;
    int http2;
};

enum message_role { MESSAGE_SYSTEM, MESSAGE_USER, MESSAGE_ASSISTANT };
extern const char *const message_roles[]; /* by enum message_role; ends with NULL */

/* A message that is put in front of a request's own. */
struct message_settings {
    int role;
    struct str content;
};

struct model_settings {
    struct str is;
    struct conf_strs fallback;
    struct str params;       /* JSON object */
    struct conf_list prefix; /* struct message_settings */
    struct timeouts timeouts;
};

struct lane_item_settings {
    struct str is;
    struct str params;
    struct str reasoning_effort;
    struct conf_list prefix; /* struct message_settings */
    struct timeouts timeouts;
};

extern const struct conf_table provider_table;
extern const struct conf_table model_table;
extern const struct conf_table lane_item_table;
extern const struct conf_table tls_conf_table; /* of struct tls_table */

#endif
