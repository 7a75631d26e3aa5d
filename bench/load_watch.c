/*
 * CPU and memory of the processes that are measured. schedstat counts nanoseconds a thread; stat
 * counts clock ticks of 10 ms a process and knows user from system. Both are reported, so that each
 * checks the other.
 */
#include "load.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool file_text(const char *path, char *text, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    size_t at = 0;
    ssize_t n;
    while (at < cap - 1 && (n = read(fd, text + at, cap - 1 - at)) > 0)
        at += (size_t)n;
    close(fd);
    text[at] = '\0';
    return at != 0;
}

bool watch_parse(struct watch *w, const char *text)
{
    const char *equals = strchr(text, '=');

    *w = (struct watch){0};
    if (equals == NULL || (size_t)(equals - text) >= sizeof(w->name))
        return false;
    memcpy(w->name, text, (size_t)(equals - text));
    for (const char *p = equals + 1; *p != '\0' && w->pid_n < WATCH_PIDS_MAX;) {
        char *end;
        long pid = strtol(p, &end, 10);
        if (pid <= 0 || end == p || (*end != ',' && *end != '\0'))
            return false;
        w->pids[w->pid_n++] = (int)pid;
        p = *end == ',' ? end + 1 : end;
    }
    return w->pid_n != 0;
}

/* The number that follows `name` in a file of /proc, 0 if there is none. */
static uint64_t field(const char *text, const char *name)
{
    const char *p = strstr(text, name);

    return p != NULL ? strtoull(p + strlen(name), NULL, 10) : 0;
}

static void threads_read(int pid, struct watch_values *values)
{
    char path[96], text[4096];
    struct dirent *entry;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        long tid = strtol(entry->d_name, NULL, 10);
        snprintf(path, sizeof(path), "/proc/%d/task/%ld/schedstat", pid, tid);
        if (file_text(path, text, sizeof(text)))
            values->cpu_ns += strtoull(text, NULL, 10);
        snprintf(path, sizeof(path), "/proc/%d/task/%ld/status", pid, tid);
        if (file_text(path, text, sizeof(text)))
            values->switches += field(text, "\nvoluntary_ctxt_switches:") +
                                field(text, "\nnonvoluntary_ctxt_switches:");
        values->threads++;
    }
    closedir(folder);
}

static void ticks_read(int pid, struct watch_values *values)
{
    char path[64], text[4096];
    unsigned long long user = 0, kernel = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (!file_text(path, text, sizeof(text)))
        return;
    const char *p = strrchr(text, ')'); /* the name may hold anything */
    if (p != NULL && sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                            &kernel) == 2) {
        values->user_ticks += user;
        values->system_ticks += kernel;
    }
}

static void memory_read(int pid, struct watch_values *values)
{
    char path[64], text[8192];

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    if (file_text(path, text, sizeof(text))) {
        values->rss_kb += field(text, "\nVmRSS:");
        values->rss_peak_kb += field(text, "\nVmHWM:");
    }
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    if (file_text(path, text, sizeof(text)))
        values->pss_kb += field(text, "\nPss:");
}

/* The memory is read apart from the CPU, since reading it costs time. */
void watch_read(const struct watch *w, struct watch_values *ret_values, bool with_memory)
{
    if (with_memory) {
        ret_values->rss_kb = ret_values->pss_kb = ret_values->rss_peak_kb = 0;
        for (int i = 0; i < w->pid_n; i++)
            memory_read(w->pids[i], ret_values);
        return;
    }
    *ret_values = (struct watch_values){0};
    for (int i = 0; i < w->pid_n; i++) {
        threads_read(w->pids[i], ret_values);
        ticks_read(w->pids[i], ret_values);
    }
}

void cores_read(struct cores *ret_cores)
{
    static char text[16384];

    *ret_cores = (struct cores){0};
    if (!file_text("/proc/stat", text, sizeof(text)))
        return;
    for (const char *p = text; (p = strstr(p, "\ncpu")) != NULL;) {
        unsigned long long v[8] = {0};
        unsigned core;
        p += 4;
        if (sscanf(p, "%u %llu %llu %llu %llu %llu %llu %llu %llu", &core, &v[0], &v[1], &v[2],
                   &v[3], &v[4], &v[5], &v[6], &v[7]) != 9 ||
            core >= CORES_MAX)
            break;
        for (int i = 0; i < 8; i++)
            ret_cores->all[core] += v[i];
        ret_cores->busy[core] = ret_cores->all[core] - v[3] - v[4]; /* idle, waiting for a disk */
        ret_cores->steal[core] = v[7];
        ret_cores->n = (int)core + 1;
    }
}
