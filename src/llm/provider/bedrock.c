/*
 * bedrock.c: Amazon Bedrock: where a request goes, and its signature.
 */
#include "llm/bedrock.h"

#include "base/clock.h"
#include "base/sha256.h"
#include "llm/kinds.h"
#include "llm/provider.h"
#include "llm/sigv4.h"
#include "llm/wire.h"

/* ---- the path ---- */

int bedrock_path(struct str model, bool stream, struct arena *arena, struct str *ret_path)
{
    struct buf out;
    buf_init(&out, model.n * 3 + 64);
    buf_str(&out, STR("/model/"));
    path_put(&out, model, STR(""));
    buf_str(&out, stream ? STR("/converse-stream") : STR("/converse"));
    struct str path = out.failed ? STR_NONE : arena_str(arena, buf_view(&out));
    buf_fini(&out);
    *ret_path = path;
    return path.p ? 0 : E_MEMORY;
}

/* ---- the row ---- */

static int path_make(const struct target *t, const struct wire *wire, bool stream,
                     struct arena *arena, struct str *ret_path)
{
    (void)wire;
    return bedrock_path(t->model, stream, arena, ret_path);
}

/* Each region has a host of its own; without a Bedrock API key, requests are signed. */
static int bedrock_open(struct provider *p, struct conf_doc *doc)
{
    const struct aws_settings *s = &p->settings->aws;
    bool half = (s->access_key.n > 0) != (s->secret_key.n > 0);
    if (s->region.n == 0 || half ||
        (p->settings->key.n == 0 && p->settings->api_keys.n == 0 && s->access_key.n == 0)) {
        conf_complain(doc, p->settings,
                      "kind bedrock needs aws.region, and a key (a Bedrock API key) or both "
                      "aws.access_key and aws.secret_key");
        return E_CONFIG;
    }
    p->base_url = arena_printf(p->arena, "https://bedrock-runtime.%.*s.amazonaws.com",
                               STR_ARGS(s->region));
    return p->base_url.p ? 0 : E_MEMORY;
}

static int header_add(struct http_headers *h, const char *name, struct str value)
{
    return value.p ? http_headers_add(h, str_from(name), value) : 0;
}

static int bedrock_sign(const struct provider *p, const struct provider_signing *s)
{
    const struct aws_settings *aws = &p->settings->aws;
    /* A tenant's own key, or the client's, goes alone: not with a signature of the house's. */
    if (aws->access_key.n == 0 || http_headers_times(s->headers, FIELD_AUTHORIZATION) > 0)
        return 0;
    const struct sigv4_credentials credentials = {.access_key = aws->access_key,
                                                  .secret = aws->secret_key,
                                                  .session_token = aws->session_token};
    const struct sigv4_header signed_headers[] = {
        {STR("host"), http_headers_value(s->headers, FIELD_HOST)},
        {STR("content-type"), http_headers_value(s->headers, FIELD_CONTENT_TYPE)},
    };
    struct str query = s->path, path = str_cut(&query, '?');
    struct sigv4_request request = {.method = STR("POST"),
                                    .path = path,
                                    .query = query.p ? query : STR(""),
                                    .headers = signed_headers,
                                    .headers_n = ARRAY_LEN(signed_headers),
                                    .time_s = clock_wall_us() / 1000000,
                                    .region = aws->region,
                                    .service = STR(BEDROCK_SERVICE)};
    struct sigv4_headers made;
    int err = sha256_hex(s->body, s->arena, &request.payload_hash);
    if (!err)
        err = sigv4_sign(&request, &credentials, s->arena, &made);
    if (!err)
        err = header_add(s->headers, "x-amz-date", made.date);
    if (!err)
        err = header_add(s->headers, "Authorization", made.authorization);
    return err ? err : header_add(s->headers, "x-amz-security-token", made.security_token);
}

static const struct wire *const bedrock_wires[] = {&wire_converse, NULL};

const struct provider_kind provider_bedrock = {
    .name = "bedrock",
    .summary = "Amazon Bedrock's Converse",
    .over_http = true,
    .no_list = true,
    .transport = &transport_http,
    .wires = bedrock_wires,
    .open = bedrock_open,
    .path_make = path_make,
    .sign = bedrock_sign,
};
