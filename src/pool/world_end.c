/* Ends that come early: a signal, a deadline. The masters deal what can still be over in time, or nothing any more, and
 * the world stops when none of them waits for anything that can. All but the first call here are made with the world's
 * lock held.
 *
 * Launchers do not wait: mpirun kills a second after it has asked ranks to end. So there, and where a kernel holds up
 * the service that would have to see the end, INT and TERM end at once what USR1, and without a launcher all of them,
 * let end in good order. */
#include "core/error.h"
#include "pool/world_state.h"

#include <math.h>
#include <signal.h>

static const double DRAIN_S = 10, DEADLINE_MAX_S = 1e9;

static uint64_t ns_from_now(double seconds) {
    return rp__now_ns() + (uint64_t)((seconds < DEADLINE_MAX_S ? seconds : DEADLINE_MAX_S) * 1e9);
}

int rp_world_set_deadline(rp_world *world, double seconds) {
    if (!world || isnan(seconds) || rp__world_is_in_task(world)) return RP_EINVAL;
    rp__world_lock(world);
    if (!world->draining) {
        world->end_ns = seconds < 0 ? 0 : ns_from_now(seconds);
        for (rp_pool *pool = world->pools; pool; pool = pool->next) rp__master_set_end(pool->master, world->end_ns);
    }
    rp__world_unlock(world);
    rp__service_ring(world);
    return 0;
}

int rp__world_tell_end(const rp_world *world, struct rp__master *master) {
    if (world->draining) return rp__master_drain(master, world->end_ns);
    if (world->end_ns) rp__master_set_end(master, world->end_ns);
    return 0;
}

bool rp__world_drains_at(const rp_world *world, int number) {
    const bool in_slurm =
        world->launch.allocation[0] != '\0'; /* whose TERM comes before a KILL, nobody knows how long */
    const bool waits = number == SIGUSR1 || !(world->launch.launched || (in_slurm && number == SIGTERM));
    return waits && !world->inline_crews && world->options.drain >= 0;
}

static int drain(rp_world *world) {
    const uint64_t end_ns = ns_from_now(world->options.drain > 0 ? world->options.drain : DRAIN_S);
    int rc = 0;
    if (world->draining) return 0;
    world->draining = true;
    if (!world->end_ns || end_ns < world->end_ns) world->end_ns = end_ns;
    for (rp_pool *pool = world->pools; pool && rc == 0; pool = pool->next)
        rc = rp__master_drain(pool->master, world->end_ns);
    return rc;
}

void rp__world_heed(rp_world *world, int number) {
    if (!rp__world_drains_at(world, number) || drain(world)) rp__service_end(world, rp_strerror(RP_ESTOPPED));
}

/* Pools that have nothing to do wait for nothing, and a deadline is nothing to a world of only such pools until it is
 * there. */
static bool is_over(const rp_world *world) {
    bool any = world->draining || rp__now_ns() >= world->end_ns;
    for (const rp_pool *pool = world->pools; pool; pool = pool->next) {
        if (!pool->maps_open && !pool->process) continue;
        if (!rp__master_is_over(pool->master)) return false;
        any = true;
    }
    return any;
}

void rp__world_look_at_end(rp_world *world) {
    if (!world->end_ns || world->error.code || !is_over(world)) return;
    rp__service_end(world, world->draining ? rp_strerror(RP_ESTOPPED)
                                           : "the time limit is near: nothing more can end in time");
}
