/* tls_trust.c: see tls_trust.h. */
#include "net/tls_trust.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "rt/pool.h"
#include "rt/task.h"

/* A process has one system, as it has one loop. */
static struct {
    X509_STORE *store;
    int64_t read_ms;
    bool reading;
    struct waitq read; /* those who wait for the reading */
} trust = {.read.tasks = {&trust.read.tasks, &trust.read.tasks}};

struct job {
    struct pool_job pool;
    X509_STORE *store;
};

/* Has it files named as OpenSSL looks for them, "002c0b4f.0"? */
static bool is_hashed(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    bool found = false;

    if (dir == NULL)
        return false;
    while (!found && (entry = readdir(dir)) != NULL)
        found = strspn(entry->d_name, "0123456789abcdef") == 8 &&
                strcmp(entry->d_name + 8, ".0") == 0;
    closedir(dir);
    return found;
}

static void job_run(struct pool_job *pool)
{
    struct job *job = CONTAINER_OF(pool, struct job, pool);
    const char *path = getenv(X509_get_default_cert_dir_env());

    job->store = X509_STORE_new();
    if (job->store == NULL)
        return;
    if (path == NULL)
        path = X509_get_default_cert_dir();
    /* Where there is nothing to read, nobody is trusted; the connection then says so. */
    if (getenv(X509_get_default_cert_file_env()) == NULL && is_hashed(path))
        (void)X509_STORE_load_path(job->store, path);
    else
        (void)X509_STORE_set_default_paths(job->store);
    ERR_clear_error();
}

static void job_finish(struct job *job)
{
    trust.reading = false;
    if (job->store != NULL) {
        X509_STORE_free(trust.store);
        trust.store = job->store;
        trust.read_ms = clock_cached_ms();
    }
    waitq_wake_all(&trust.read);
    free(job);
}

static void job_drop(struct pool_job *pool)
{
    job_finish(CONTAINER_OF(pool, struct job, pool));
}

static int read_system(void)
{
    struct job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return E_MEMORY;
    job->pool = (struct pool_job){.run = job_run, .drop = job_drop};
    trust.reading = true;
    int err = pool_call(&job->pool);
    if (err == 0 && job->store == NULL)
        err = E_MEMORY;
    if (err == 0 || err == E_MEMORY)
        job_finish(job);
    return err;
}

int tls_trust_get(X509_STORE **ret_store)
{
    while (trust.store == NULL || clock_cached_ms() - trust.read_ms >= TLS_TRUST_TTL_MS) {
        int err = trust.reading ? waitq_wait(&trust.read) : read_system();
        if (err != 0)
            return err;
    }
    X509_STORE_up_ref(trust.store);
    *ret_store = trust.store;
    return 0;
}
