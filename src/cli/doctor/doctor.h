/*
 * doctor.h: what the checks of `sluice doctor` share.
 *
 * A check is a row of the table in doctor.c. It looks at one thing and says what it found, one
 * finding or more, each with a verdict and, where that is not fine, with what to do. Checks change
 * nothing and print nothing. They run one after the other, the configuration's first, since most
 * others read it; what providers answer is asked once, for all checks of providers.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "api/gateway.h"

#define DOCTOR_FINDINGS_MAX 256
#define DOCTOR_CLOCK_S_MAX  60 /* the clock may be off by so much */

enum doctor_verdict { DOCTOR_OK, DOCTOR_SKIPPED, DOCTOR_WARNING, DOCTOR_PROBLEM, DOCTOR_VERDICTS };

struct doctor_finding {
    const char *check;
    enum doctor_verdict verdict;
    struct str about;  /* a provider, a file, an address; may be empty */
    struct str text;   /* what was found */
    struct str advice; /* what to do; empty where nothing is */
};

/* What one replica of a provider said. */
struct doctor_probe {
    struct doctor *doctor;
    const struct provider *provider;
    const struct replica *replica;
    struct url url;
    struct str about; /* "home, http://127.0.0.1:9001" */
    int name_err;     /* its name's look-up */
    unsigned addresses;
    int connection_err; /* TCP and TLS */
    bool http2;         /* agreed on, or as the configuration has it */
    int answer_err;     /* HTTP */
    struct fault fault; /* of the first of the three that failed */
    int status;
    struct str type;  /* the answer's Content-Type */
    bool is_json;     /* an object, as a list of models is */
    bool has_date;    /* the answer says what time it is */
    int64_t behind_s; /* then: how far this machine's clock is behind it */
};

struct doctor {
    const char *path; /* of the configuration; NULL: as load.h finds it */
    bool offline;
    const char *proc;         /* "/proc" */
    int64_t free_bytes_least; /* on the ledger's disk */
    struct conf_doc *doc;
    struct upstreams *upstreams;
    struct snapshot *snapshot; /* NULL: the configuration is not valid */
    bool probed;
    unsigned probes_n;
    struct doctor_probe *probes;
    struct arena arena;
    int err; /* the configuration could not be read, or there is no memory */
    const char *check;
    unsigned n;
    struct doctor_finding at[DOCTOR_FINDINGS_MAX];
};

struct doctor_check {
    const char *name;
    bool needs_config; /* skipped while the configuration is not valid */
    bool needs_network;
    void (*run)(struct doctor *d);
};

/* A finding of the check that runs; then what to do about it. */
void doctor_find(struct doctor *d, enum doctor_verdict verdict, struct str about, const char *fmt,
                 ...) PRINTF(4, 5);
void doctor_advise(struct doctor *d, const char *fmt, ...) PRINTF(2, 3);

/* config.c */
void doctor_configuration(struct doctor *d);
void doctor_environment(struct doctor *d);
void doctor_prices(struct doctor *d);
/* provider.c */
void doctor_name(struct doctor *d);
void doctor_connection(struct doctor *d);
void doctor_key(struct doctor *d);
void doctor_clock(struct doctor *d);
/* telemetry.c */
void doctor_telemetry(struct doctor *d);
/* probe.c: asks every replica for its models, all at once; fills d->probes once. */
void doctor_probe(struct doctor *d);
/* limits.c */
void doctor_descriptors(struct doctor *d);
void doctor_mappings(struct doctor *d);
void doctor_backlog(struct doctor *d);
/* place.c */
void doctor_ledger(struct doctor *d);
void doctor_ports(struct doctor *d);

/* Opens the parts that checks need, runs `checks` (ends with a row without a name). */
void doctor_init(struct doctor *d);
void doctor_run(struct doctor *d, const struct doctor_check *checks);
void doctor_fini(struct doctor *d);

#endif
