/* Workers that are processes, forked and reaped by the nursery. What it reported of a worker's life is the truth
 * about its end; what the worker left in its slot only adds to it. */
#include "core/now.h"
#include "crew/crew_kind.h"
#include "crew/nursery.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { STOP_MS = 2000 }; /* a killed process ends at once, unless the system holds it, on a dead file server say */

static int process_start(struct rp__crew *crew, uint32_t index, rp_error *error) {
    return rp__nursery_spawn(crew->nursery, crew->worker[index].slot, error);
}

static int process_look(struct rp__crew *crew, rp_error *error) {
    return rp__nursery_look(crew->nursery, false, error);
}

static int process_idle(struct rp__crew *crew, bool *again, rp_error *error) {
    return rp__nursery_look(crew->nursery, true, error);
}

static bool process_ended(struct rp__crew *crew, uint32_t index) {
    return rp__nursery_life(crew->nursery, crew->worker[index].slot)->state == RP__LIFE_ENDED;
}

/* One that left for want of memory, or of a ring, says so in its slot, and leaves with code 0. */
static uint32_t how_it_ended(const struct rp__crew *crew, uint32_t index, const struct rp__life *life) {
    if (life->refused) return 1;
    if (WIFSIGNALED(life->status)) return 256 + (uint32_t)WTERMSIG(life->status);
    const uint32_t left = atomic_load(&rp__crew_slot(crew, index)->left);
    const bool in_need = left == RP__LEFT_BROKEN_RING || left == RP__LEFT_NO_MEMORY || left == RP__LEFT_SHORT;
    return WEXITSTATUS(life->status) == 0 && in_need ? 1 : (uint32_t)WEXITSTATUS(life->status);
}

static void process_describe(struct rp__crew *crew, uint32_t index, struct rp__crew_end *end) {
    const struct rp__life *life = rp__nursery_life(crew->nursery, crew->worker[index].slot);
    const int status = life->status;
    end->pid = life->pid;
    end->by_us = false;
    if (life->refused) {
        snprintf(end->cause, sizeof end->cause, "could not be forked: %s", strerror(life->refused));
    } else if (life->oom) {
        end->why = RP_CAUSE_MEMORY;
        snprintf(end->cause, sizeof end->cause, "killed by the OOM killer: it used too much memory");
    } else if (WIFSIGNALED(status)) {
        end->by_us = WTERMSIG(status) == SIGKILL && crew->worker[index].cause[0];
        end->why = RP_CAUSE_SIGNAL;
        snprintf(end->cause, sizeof end->cause, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != 0 ||
               !rp__crew_describe_left(atomic_load(&rp__crew_slot(crew, index)->left), end)) {
        end->why = RP_CAUSE_EXIT;
        snprintf(end->cause, sizeof end->cause, "exited with code %d", WEXITSTATUS(status));
    }
    end->how = how_it_ended(crew, index, life);
}

static int process_kill(struct rp__crew *crew, uint32_t index, rp_error *error) {
    return rp__nursery_kill(crew->nursery, crew->worker[index].slot, error);
}

static bool is_held(const struct rp__crew *crew, uint32_t index) {
    const enum rp__life_state state = rp__nursery_life(crew->nursery, crew->worker[index].slot)->state;
    return state == RP__LIFE_ASKED || state == RP__LIFE_RUNNING;
}

/* One that the system holds has memory of its own. */
static bool process_stop(struct rp__crew *crew) {
    for (uint32_t i = 0; i < crew->workers; i++)
        if (is_held(crew, i) && process_kill(crew, i, NULL)) return true; /* dead, and its workers with it */
    const uint64_t until_ns = rp__now_ns() + STOP_MS * UINT64_C(1000000);
    for (uint32_t i = 0; i < crew->workers; i++) {
        while (is_held(crew, i)) {
            const uint64_t now_ns = rp__now_ns();
            if (now_ns >= until_ns) return true;
            if (rp__nursery_wait(crew->nursery, (int)((until_ns - now_ns) / 1000000) + 1, NULL)) return true;
        }
    }
    return true;
}

const struct rp__crew_kind rp__crew_process = {.start = process_start,
                                               .look = process_look,
                                               .idle = process_idle,
                                               .ended = process_ended,
                                               .describe = process_describe,
                                               .kill = process_kill,
                                               .stop = process_stop};
