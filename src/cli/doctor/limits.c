/* limits.c: does the system allow what the configuration promises? */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "net/listener.h"

#define OWN_DESCRIPTORS 100  /* files, the ledger, the loop's */
#define OWN_MAPPINGS    2000 /* libraries, heap, threads */

/* A client takes one, and each request another to its provider. */
void doctor_descriptors(struct doctor *d)
{
    struct rlimit r = {0};
    const struct http_settings *http = &d->snapshot->config->http;
    int64_t clients = http->connections_max, streams = config_streams_max(http);
    int64_t theirs = 2 * clients + streams, need = theirs + OWN_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_max == RLIM_INFINITY ||
        r.rlim_max > INT64_MAX / 2)
        r.rlim_max = INT64_MAX / 2;
    int64_t has = (int64_t)r.rlim_max;
    if (has >= need) {
        doctor_find(d, DOCTOR_OK, STR_NONE,
                    "%lld clients with %lld further streams need %lld descriptors, %lld are "
                    "allowed",
                    (long long)clients, (long long)streams, (long long)need, (long long)has);
        return;
    }
    int64_t left = has > OWN_DESCRIPTORS ? has - OWN_DESCRIPTORS : 0;
    int64_t carries = left * clients / theirs, beside = left * streams / theirs;
    doctor_find(d, carries > 0 ? DOCTOR_WARNING : DOCTOR_PROBLEM, STR_NONE,
                "http.connections is %lld and http.streams %lld, but %lld descriptors carry only "
                "%lld clients",
                (long long)clients, (long long)streams, (long long)has, (long long)carries);
    doctor_advise(d,
                  "LimitNOFILE=%lld in the unit (or ulimit -Hn), or http: {connections: %lld, "
                  "streams: %lld}",
                  (long long)need, (long long)(carries > 0 ? carries : 1),
                  (long long)(beside > 0 ? beside : 1));
}

/* A number below /proc/sys; false where it cannot be read. */
static bool number_read(const struct doctor *d, const char *name, uint64_t *ret_n)
{
    char path[256], text[32];
    snprintf(path, sizeof(path), "%s/sys/%s", d->proc, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (fd >= 0)
        close(fd);
    return n > 0 && str_to_u64(str_trim(str_of(text, (size_t)n)), INT64_MAX, ret_n);
}

void doctor_mappings(struct doctor *d)
{
    const struct http_settings *http = &d->snapshot->config->http;
    uint64_t has, clients = (uint64_t)(http->connections_max + config_streams_max(http));
    unsigned each = task_mappings();
    uint64_t need = each * clients + OWN_MAPPINGS;
    if (!number_read(d, "vm/max_map_count", &has)) {
        doctor_find(d, DOCTOR_SKIPPED, STR_NONE, "vm.max_map_count cannot be read");
    } else if (has >= need) {
        doctor_find(d, DOCTOR_OK, STR_NONE,
                    "vm.max_map_count is %llu, %llu clients and streams with %u each need %llu",
                    (unsigned long long)has, (unsigned long long)clients, each,
                    (unsigned long long)need);
    } else {
        doctor_find(d, DOCTOR_WARNING, STR_NONE,
                    "vm.max_map_count is %llu, which is enough for %llu of %llu clients and "
                    "streams (%u each)",
                    (unsigned long long)has,
                    (unsigned long long)(has > OWN_MAPPINGS ? (has - OWN_MAPPINGS) / each : 0),
                    (unsigned long long)clients, each);
        doctor_advise(
            d, "vm.max_map_count = %llu in /etc/sysctl.d, or lower http: {connections, streams}",
            (unsigned long long)need);
    }
}

void doctor_backlog(struct doctor *d)
{
    uint64_t has;
    if (!number_read(d, "net/core/somaxconn", &has)) {
        doctor_find(d, DOCTOR_SKIPPED, STR_NONE, "net.core.somaxconn cannot be read");
    } else if (has >= LISTENER_BACKLOG) {
        doctor_find(d, DOCTOR_OK, STR_NONE, "net.core.somaxconn is %llu", (unsigned long long)has);
    } else {
        doctor_find(d, DOCTOR_WARNING, STR_NONE,
                    "net.core.somaxconn is %llu: when more connect at once, some are refused",
                    (unsigned long long)has);
        doctor_advise(d, "net.core.somaxconn = %d in /etc/sysctl.d", LISTENER_BACKLOG);
    }
}
