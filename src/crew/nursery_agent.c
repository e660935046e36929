/* The agent's end of the nursery. What it says is taken in as it comes, into one struct a slot, so nothing queues
 * up here: a request that finds the socket full takes reports in until there is room, and neither side waits for
 * the other for ever. */
#include "core/error.h"
#include "crew/nursery.h"
#include "crew/nursery_messages.h"
#include "crew/stray.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct rp__nursery {
    const struct rp__arena *arena;
    pid_t pid;
    int socket;
    bool dead;
    char family[64];   /* the mark of what it starts */
    uint32_t seen;     /* reports that were there at the last look */
    int64_t looked_ns; /* when it was last made sure that it lives, by the coarse clock */
    struct rp__life life[];
};

int rp__nursery_start(struct rp__arena *arena, uint64_t lease_ns, struct rp__nursery **nursery, rp_error *error) {
    struct rp__nursery *made = calloc(1, sizeof *made + arena->slots * sizeof made->life[0]);
    if (!made) return rp__fail(error, RP_ENOMEM, "no memory for a nursery of %u workers", arena->slots);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        free(made);
        return rp__fail(error, RP_ESYSTEM, "no socket for the nursery: %s; allow more open files (ulimit -n)",
                        strerror(errno));
    }
    rp__stray_mark(made->family, sizeof made->family);
    fflush(NULL); /* or the children would write out once more what is buffered here */
    const pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        rp__nursery_main(arena, ends[1], lease_ns, made->family);
    }
    const int why = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        free(made);
        return rp__fail(error, RP_ESYSTEM,
                        "the nursery could not be forked: %s; allow more processes (ulimit -u) or memory",
                        strerror(why));
    }
    made->arena = arena;
    made->pid = pid;
    made->socket = ends[0];
    *nursery = made;
    return 0;
}

/* Leaving takes the nursery milliseconds. One that is stopped or stuck is killed after two seconds, and its workers
 * with it, by their death signal. */
void rp__nursery_stop(struct rp__nursery *nursery) {
    if (!nursery) return;
    close(nursery->socket);
    const struct timespec nap = {.tv_nsec = 200000};
    int naps = 0, status = 0;
    for (pid_t ended; (ended = waitpid(nursery->pid, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR); naps++) {
        if (naps == 10000) kill(nursery->pid, SIGKILL);
        nanosleep(&nap, NULL);
    }
    if (WIFSIGNALED(status)) rp__stray_end(nursery->family);
    free(nursery);
}

const struct rp__life *rp__nursery_life(const struct rp__nursery *nursery, uint32_t slot) {
    return &nursery->life[slot];
}

static void note(struct rp__nursery *nursery, const struct rp__report *report) {
    if (report->slot >= nursery->arena->slots) return;
    struct rp__life *life = &nursery->life[report->slot];
    switch ((enum rp__report_type)report->type) {
    case RP__REPORT_SPAWNED:
        *life = (struct rp__life){.state = RP__LIFE_RUNNING, .pid = report->pid};
        return;
    case RP__REPORT_REFUSED:
        *life = (struct rp__life){.state = RP__LIFE_ENDED, .refused = report->status};
        return;
    case RP__REPORT_ENDED:
        life->state = RP__LIFE_ENDED;
        life->status = report->status;
        life->oom = report->oom;
        return;
    }
}

/* It was killed, and its workers by that. What their programs have started would go on. One that only cannot be reached,
 * since the system has no memory for a message, is of no more use, and is not waited for as if it were to end by itself. */
static void found_dead(struct rp__nursery *nursery) {
    if (nursery->dead) return;
    nursery->dead = true;
    if (waitpid(nursery->pid, NULL, WNOHANG) == 0) kill(nursery->pid, SIGKILL);
    while (waitpid(nursery->pid, NULL, 0) < 0 && errno == EINTR) continue;
    rp__stray_end(nursery->family);
}

static int take_in(struct rp__nursery *nursery, rp_error *error) {
    while (!nursery->dead) {
        struct rp__report report;
        const ssize_t size = recv(nursery->socket, &report, sizeof report, MSG_DONTWAIT);
        if (size == sizeof report)
            note(nursery, &report);
        else if (size < 0 && errno == EAGAIN)
            return 0;
        else if (!(size < 0 && errno == EINTR))
            found_dead(nursery);
    }
    return rp__fail(error, RP_ESYSTEM,
                    "the nursery (process %d) died, and its workers with it: nothing can start new ones; "
                    "find out what killed it and start again",
                    (int)nursery->pid);
}

static int request(struct rp__nursery *nursery, enum rp__order_type type, uint32_t slot, rp_error *error) {
    const struct rp__order order = {.type = type, .slot = slot};
    while (send(nursery->socket, &order, sizeof order, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (errno == EAGAIN) {
            struct pollfd polled = {.fd = nursery->socket, .events = POLLIN | POLLOUT};
            (void)poll(&polled, 1, -1);
        } else if (errno != EINTR) {
            found_dead(nursery);
        }
        const int code = take_in(nursery, error);
        if (code) return code;
    }
    return 0;
}

int rp__nursery_spawn(struct rp__nursery *nursery, uint32_t slot, rp_error *error) {
    const struct rp__life *old = &nursery->life[slot];
    if (old->state == RP__LIFE_ASKED || old->state == RP__LIFE_RUNNING)
        return rp__fail(error, RP_EBUSY,
                        "worker %u cannot start: process %d before it has been killed but does not end", slot,
                        old->pid);
    nursery->life[slot] = (struct rp__life){.state = RP__LIFE_ASKED};
    return request(nursery, RP__ORDER_SPAWN, slot, error);
}

int rp__nursery_kill(struct rp__nursery *nursery, uint32_t slot, rp_error *error) {
    return request(nursery, RP__ORDER_KILL, slot, error);
}

/* Nobody rings when the nursery dies, so an idle agent looks at the socket whenever the coarse clock has moved on:
 * every few milliseconds at most. */
static bool clock_has_moved(struct rp__nursery *nursery) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    const int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    const bool moved = now_ns != nursery->looked_ns;
    nursery->looked_ns = now_ns;
    return moved;
}

int rp__nursery_look(struct rp__nursery *nursery, bool idle, rp_error *error) {
    const uint32_t posted = atomic_load(&rp__arena_family_page(nursery->arena)->posted);
    if (posted == nursery->seen && !nursery->dead && !(idle && clock_has_moved(nursery))) return 0;
    nursery->seen = posted;
    return take_in(nursery, error);
}

int rp__nursery_wait(struct rp__nursery *nursery, int timeout_ms, rp_error *error) {
    struct pollfd polled = {.fd = nursery->socket, .events = POLLIN};
    (void)poll(&polled, 1, timeout_ms);
    return take_in(nursery, error);
}
