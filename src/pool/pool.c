/* Pools: the crews of all ranks, asked for by rank 0. One at a time on a world. */
#include "core/error.h"
#include "pool/collector.h"
#include "pool/world_state.h"

#include <stdlib.h>

int rp_pool_open(rp_world *world, const rp_pool_options *options, rp_pool **out, rp_error *error) {
    if (!world || !out) return rp__fail(error, RP_EINVAL, "rp_pool_open needs a world and a result");
    struct rp__pool_wish wish = {.options = options ? *options : (rp_pool_options){0}, .given = world->launch.cores};
    rp_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return rp__fail(error, RP_ENOMEM, "out of memory for a pool");
    pool->world = world;
    rp__world_lock(world);
    int rc = 0;
    if (world->pool) rc = rp__fail(error, RP_EBUSY, "this world has a pool already: close it first");
    if (rc == 0 && !world->error.code && rp__master_pool_open(world->master, &wish, sizeof wish))
        rc = rp__fail(error, RP_ENOMEM, "out of memory for a pool");
    if (rc == 0) {
        rp__service_ring(world);
        while (!world->error.code && !rp__master_pool_ready(world->master))
            pthread_cond_wait(&world->changed, &world->lock);
        if (world->error.code) rc = rp__fail(error, world->error.code, "%s", world->error.text);
    }
    if (rc == 0) world->pool = pool;
    rp__world_unlock(world);
    if (rc)
        free(pool);
    else
        *out = pool;
    return rc;
}

void rp_pool_close(rp_pool *pool) {
    if (!pool) return;
    rp_world *world = pool->world;
    rp__collector_close(world->collector, pool);
    rp__world_lock(world);
    rp__master_pool_close(world->master);
    world->pool = NULL;
    for (size_t i = 0; i < world->notes; i++) free(world->note[i]);
    free(world->note);
    world->note = NULL;
    world->notes = 0;
    rp__world_unlock(world);
    rp__service_ring(world);
    free(pool);
}

uint32_t rp_pool_workers(const rp_pool *pool) { return rp__master_workers(pool->world->master); }

uint32_t rp_pool_hosts(const rp_pool *pool) { return (uint32_t)pool->world->net->hosts; }

const char *rp_pool_note(const rp_pool *pool, size_t index) {
    const rp_world *world = pool->world;
    if (world->launch.note[0] && index-- == 0) return world->launch.note;
    return index < world->notes ? world->note[index] : NULL;
}
