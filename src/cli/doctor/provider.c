/* provider.c: do the providers answer, and do they take the keys? */
#include <stdlib.h>

#include "cli/doctor/doctor.h"

/* Who has no provider has nothing to look at. False: said so. */
static bool any(struct doctor *d)
{
    doctor_probe(d);
    if (d->probes_n == 0 && !d->err)
        doctor_find(d, DOCTOR_OK, STR_NONE, "no provider is asked over the network");
    return d->probes_n > 0 && !d->err;
}

/* People who need a proxy have it in their environment. */
static const char *proxy_note(void)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "http_proxy",
                                        "HTTP_PROXY",  "all_proxy",   "ALL_PROXY"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return " (a proxy is set in the environment, but sluice asks providers without one)";
    }
    return "";
}

void doctor_name(struct doctor *d)
{
    for (unsigned i = 0; any(d) && i < d->probes_n; i++) {
        const struct doctor_probe *p = &d->probes[i];
        if (!p->name_err) {
            doctor_find(d, DOCTOR_OK, p->about, "%u address%s", p->addresses,
                        p->addresses == 1 ? "" : "es");
            continue;
        }
        doctor_find(d, DOCTOR_PROBLEM, p->about, "%s", fault_text(&p->fault));
        doctor_advise(d,
                      "is the host in base_url spelled right, and does /etc/resolv.conf name a "
                      "server that answers?%s",
                      proxy_note());
    }
}

/* ---- connection ---- */

/* What the reasons of net/tls.c come to. */
static const struct {
    const char *says, *advice;
} reasons[] = {
    {"not yet valid", "is this machine's clock right?"},
    {"expired", "the server's certificate has to be renewed; or is this machine's clock wrong?"},
    {"mismatch", "base_url names another host than the certificate, or another server (a proxy, a "
                 "login page) answers in its place"},
    {"self-signed", "who signed it is not known here: a proxy that opens TLS, or a server of your "
                    "own; name its certificate in the provider's tls: {ca_file: ...}"},
    {"self signed", "who signed it is not known here: a proxy that opens TLS, or a server of your "
                    "own; name its certificate in the provider's tls: {ca_file: ...}"},
    {"local issuer", "who signed it is not known here: install ca-certificates; where a proxy "
                     "opens TLS, or for an authority of your own, name its certificate in the "
                     "provider's tls: {ca_file: ...}"},
    {"unable to verify", "the server does not send the certificates between its own and a known "
                         "authority; name them in the provider's tls: {ca_file: ...}"},
    {"not TLS",
     "base_url says https, but plain HTTP answers there: write http://, or another port"},
    {"closed the connection during", "something on the way (a firewall, a proxy) may not let this "
                                     "name pass"},
};

static void connection_advise(struct doctor *d, const struct doctor_probe *p)
{
    struct str text = str_from(fault_text(&p->fault));
    for (unsigned i = 0; i < ARRAY_LEN(reasons); i++)
        if (str_find(text, str_from(reasons[i].says)) >= 0) {
            doctor_advise(d, "%s", reasons[i].advice);
            return;
        }
    doctor_advise(d, "does the server run there, and does a firewall let this machine through?%s",
                  proxy_note());
}

void doctor_connection(struct doctor *d)
{
    for (unsigned i = 0; any(d) && i < d->probes_n; i++) {
        const struct doctor_probe *p = &d->probes[i];
        if (p->name_err) {
            doctor_find(d, DOCTOR_SKIPPED, p->about, "its name leads nowhere");
        } else if (p->connection_err) {
            doctor_find(d, DOCTOR_PROBLEM, p->about, "%s", fault_text(&p->fault));
            connection_advise(d, p);
        } else if (p->url.tls && p->provider->settings->tls.insecure) {
            doctor_find(d, DOCTOR_WARNING, p->about, "its certificate is not looked at");
            doctor_advise(d, "tls: {ca_file: ...} instead of insecure: on");
        } else {
            doctor_find(d, DOCTOR_OK, p->about, "%s, %s",
                        p->url.tls ? "its certificate is good" : "connected, without TLS",
                        p->http2 ? "HTTP/2" : "HTTP/1.1");
        }
    }
}

/* ---- key ---- */

static void answer_odd(struct doctor *d, const struct doctor_probe *p)
{
    if (p->status == 407 || p->status == 511)
        doctor_find(d, DOCTOR_PROBLEM, p->about,
                    "status %d: a proxy on the way wants to know who you are", p->status);
    else if (p->status >= 300 && p->status < 400)
        doctor_find(d, DOCTOR_PROBLEM, p->about,
                    "status %d, a redirect: base_url is not the API's own address, or a login page "
                    "answers in its place",
                    p->status);
    else
        doctor_find(d, DOCTOR_PROBLEM, p->about,
                    "status %d with %.*s where JSON was due: no such API is there, or a proxy's "
                    "page answers in its place",
                    p->status, STR_ARGS(p->type.n ? p->type : STR("no type")));
    doctor_advise(d, "look at it: curl -i %s://%.*s:%u%.*s/models", p->url.tls ? "https" : "http",
                  STR_ARGS(p->url.host), p->url.port, STR_ARGS(p->url.path));
}

static void key_look(struct doctor *d, const struct doctor_probe *p)
{
    bool has_key = p->provider->key_value.n > 0 || p->provider->keys_n > 0;
    bool refused = p->status == 401 || p->status == 403;
    if (p->provider->kind->no_list) {
        doctor_find(d, DOCTOR_SKIPPED, p->about,
                    "it has no list of models, so the key was not "
                    "tried");
    } else if (p->answer_err) {
        doctor_find(d, DOCTOR_PROBLEM, p->about, "%s", fault_text(&p->fault));
        doctor_advise(d, "is it a server of this API?");
    } else if (refused && has_key) {
        doctor_find(d, DOCTOR_PROBLEM, p->about, "status %d: the key is refused", p->status);
        doctor_advise(d, "look at providers.%.*s.key, and at the variable that it comes from",
                      STR_ARGS(p->provider->name));
    } else if (refused && p->provider->settings->pass_key) {
        doctor_find(d, DOCTOR_OK, p->about, "asks for a key, which clients bring (pass_key)");
    } else if (refused) {
        doctor_find(d, DOCTOR_PROBLEM, p->about, "status %d: it asks for a key, and has none",
                    p->status);
        doctor_advise(d, "set providers.%.*s.key: \"${NAME}\"", STR_ARGS(p->provider->name));
    } else if (p->status == 404 || p->status == 405) {
        doctor_find(d, DOCTOR_SKIPPED, p->about,
                    "it has no list of models (status %d), so the key was not tried", p->status);
    } else if (p->status == 429 || (p->status >= 500 && p->status != 511)) {
        doctor_find(d, DOCTOR_WARNING, p->about, "status %d: it cannot answer now", p->status);
        doctor_advise(d, "try again later, or look at the provider's own page about its state");
    } else if (p->status != 200 || !p->is_json) {
        answer_odd(d, p);
    } else {
        doctor_find(d, DOCTOR_OK, p->about, has_key ? "the key is accepted" : "it asks for no key");
    }
}

void doctor_key(struct doctor *d)
{
    for (unsigned i = 0; any(d) && i < d->probes_n; i++) {
        const struct doctor_probe *p = &d->probes[i];
        if (p->name_err || p->connection_err)
            doctor_find(d, DOCTOR_SKIPPED, p->about, "it cannot be reached");
        else
            key_look(d, p);
    }
}

/* ---- clock ---- */

/* If one provider agrees with this clock, it is right and the others are wrong. */
void doctor_clock(struct doctor *d)
{
    const struct doctor_probe *best = NULL;
    for (unsigned i = 0; any(d) && i < d->probes_n; i++) {
        const struct doctor_probe *p = &d->probes[i];
        if (p->has_date && (!best || llabs(p->behind_s) < llabs(best->behind_s)))
            best = p;
    }
    if (d->probes_n == 0 || d->err)
        return;
    if (!best) {
        doctor_find(d, DOCTOR_SKIPPED, STR_NONE, "no provider says what time it is");
        return;
    }
    long long off = best->behind_s;
    bool bad = llabs(off) > DOCTOR_CLOCK_S_MAX;
    doctor_find(d, bad ? DOCTOR_WARNING : DOCTOR_OK, best->about,
                "this machine's clock is %lld s %s", llabs(off),
                off >= 0 ? "behind its own" : "ahead of its own");
    if (bad)
        doctor_advise(d, "switch time synchronisation on (timedatectl set-ntp true): days in the "
                         "ledger and the validity of certificates depend on it");
}
