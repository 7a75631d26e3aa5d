/*
 * The time from a program's start to its first answer: fork and exec, then knock every 200
 * microseconds until a whole, right answer has come. The program is this one's child and is ended
 * by it.
 */
#include "load.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void pause_us(long microseconds)
{
    struct timespec t = {.tv_sec = microseconds / 1000000,
                         .tv_nsec = microseconds % 1000000 * 1000};

    nanosleep(&t, NULL);
}

static pid_t child_start(const struct options *o)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0);
    if (o->core >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)o->core, &set);
        sched_setaffinity(0, sizeof(set), &set);
    }
    execvp(o->command[0], o->command);
    _exit(127);
}

static void child_end(pid_t pid)
{
    kill(pid, SIGTERM);
    for (int i = 0; i < 5000; i++) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        pause_us(1000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* One connection, one request, one answer; true if it is a 200. */
static bool knock(struct load *l)
{
    struct timeval timeout = {.tv_sec = 2};
    struct reply reply = {0};
    bool good = false;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, (struct sockaddr *)&l->options.target, sizeof(l->options.target)) == 0 &&
        send(fd, l->plain.p, l->plain.n, MSG_NOSIGNAL) == (ssize_t)l->plain.n) {
        ssize_t n;
        while (reply.state != REPLY_DONE && reply.state != REPLY_BAD &&
               (n = recv(fd, l->in, 65536, 0)) > 0)
            reply_feed(&reply, l->in, (size_t)n, false, clock_ns());
        good = reply.state == REPLY_DONE && reply.status == 200;
    }
    l->statuses[reply.status > 0 && reply.status < 600 ? reply.status : 0]++;
    reply_free(&reply);
    close(fd);
    return good;
}

static bool cold_once(struct load *l)
{
    uint64_t start = clock_ns(), limit = start + (uint64_t)(l->options.timeout_s * 1e9);
    pid_t pid = child_start(&l->options);
    bool good = false;

    if (pid < 0)
        return false;
    while (!good && clock_ns() < limit && waitpid(pid, NULL, WNOHANG) == 0) {
        good = knock(l);
        if (!good)
            pause_us(200);
    }
    if (good)
        hist_add(&l->latency, clock_ns() - start);
    child_end(pid);
    return good;
}

int cold_run(struct load *l)
{
    uint64_t rounds = l->options.count != 0 ? l->options.count : 1;

    for (uint64_t i = 0; i < rounds; i++) {
        if (knock(l)) {
            fprintf(stderr, "load: somebody answers on %s before the program is started\n",
                    l->options.target_text);
            return 3;
        }
        l->finished_n++;
        l->outcomes[cold_once(l) ? OUTCOME_OK : OUTCOME_TIMEOUT]++;
    }
    return 0;
}
