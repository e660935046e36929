/* Workers that are threads of the agent's process, on the same rings as processes. A thread cannot be killed: it is
 * asked to end, and does so after the task in hand. Signals are the program's other threads' business. */
#include "core/error.h"
#include "crew/crew_kind.h"
#include "crew/worker.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STOP_NS = 500 * 1000 * 1000 };

static void *be_worker(void *argument) {
    const struct rp__crew_worker *self = argument;
    const struct rp__crew *crew = self->crew;
    rp__arena_enter_thread(crew->arena, self->slot);
    struct rp__worker *worker = rp__worker_new(crew->arena, self->slot, true);
    if (worker) {
        rp__worker_run(worker);
        rp__worker_free(worker);
    } else {
        atomic_store(&rp__crew_slot(crew, self->index)->left, RP__LEFT_NO_MEMORY);
        rp__bell_ring(crew->arena->bell);
    }
    rp__arena_leave_thread(crew->arena, self->slot); /* whoever gives the slot to another joins this thread first */
    return NULL;
}

static int thread_start(struct rp__crew *crew, uint32_t index, rp_error *error) {
    struct rp__crew_worker *worker = &crew->worker[index];
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* which the thread inherits */
    const int why = pthread_create(&worker->thread, NULL, be_worker, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why) return rp__fail(error, RP_ESYSTEM, "worker %u cannot start as a thread: %s", index, strerror(why));
    worker->joinable = true;
    return 0;
}

static bool thread_ended(struct rp__crew *crew, uint32_t index) {
    return atomic_load_explicit(&rp__crew_slot(crew, index)->left, memory_order_acquire) != RP__LEFT_NOT;
}

static void join(struct rp__crew_worker *worker) {
    if (worker->joinable) pthread_join(worker->thread, NULL);
    worker->joinable = false;
}

static void thread_describe(struct rp__crew *crew, uint32_t index, struct rp__crew_end *end) {
    join(&crew->worker[index]);
    const uint32_t left = atomic_load(&rp__crew_slot(crew, index)->left);
    end->pid = (int)getpid();
    end->by_us = left == RP__LEFT_ASKED;
    if (!rp__crew_describe_left(left, end)) snprintf(end->cause, sizeof end->cause, "ended");
}

struct timespec rp__crew_join_limit(void) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until); /* the clock of pthread_timedjoin_np */
    until.tv_nsec += STOP_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return until;
}

static bool thread_stop(struct rp__crew *crew) {
    for (uint32_t i = 0; i < crew->workers; i++) {
        struct rp__slot *slot = rp__crew_slot(crew, i);
        atomic_store(&slot->leave, 1);
        rp__bell_ring(&slot->wake);
    }
    const struct timespec until = rp__crew_join_limit();
    bool all = true;
    for (uint32_t i = 0; i < crew->workers; i++) {
        struct rp__crew_worker *worker = &crew->worker[i];
        if (worker->joinable && pthread_timedjoin_np(worker->thread, NULL, &until) == 0) worker->joinable = false;
        all = all && !worker->joinable;
    }
    return all;
}

const struct rp__crew_kind rp__crew_thread = {
    .start = thread_start, .ended = thread_ended, .describe = thread_describe, .stop = thread_stop};
