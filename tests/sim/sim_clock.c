/* See sim_clock.h. Actors change only inside SimGrid's calls, so a bell's flag needs no lock. */
#include "sim_clock.h"

#include <math.h>
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/semaphore.h>

static void ring(void *page) {
    struct sim_bell *bell = page;
    if (bell->rung) return;
    bell->rung = true;
    sg_sem_release(bell->semaphore);
}

void sim_bell_open(struct sim_bell *bell) {
    *bell = (struct sim_bell){.net = {.fd = -1, .ring = ring}, .semaphore = sg_sem_init(0)};
}

void sim_bell_close(struct sim_bell *bell) { sg_sem_destroy(bell->semaphore); }

bool sim_bell_wait(struct sim_bell *bell, uint64_t most_ns) {
    if (!bell->rung && sg_sem_acquire_timeout(bell->semaphore, (double)most_ns * 1e-9) && !bell->rung) return false;
    /* It was rung: while it was waited for, before, or at the very moment at which the time was over. */
    while (!sg_sem_would_block(bell->semaphore)) sg_sem_acquire(bell->semaphore);
    bell->rung = false;
    return true;
}

uint64_t sim_now_ns(void) { return (uint64_t)llround(simgrid_get_clock() * 1e9); }

void sim_compute(double ns) {
    if (ns > 0) sg_actor_sleep_for(ns * 1e-9);
}
