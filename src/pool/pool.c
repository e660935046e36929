/* Pools: the crews of all ranks, asked for by rank 0. One at a time on a world. */
#include "core/error.h"
#include "pool/world_state.h"

#include <stdlib.h>

/* The wish and the initializer's input, for ranks that have other addresses. */
static int pack(const rp_world *world, const rp_pool_options *options, struct rp__buffer *bytes, rp_error *error) {
    struct rp__pool_wish wish = {.options = *options, .given = world->launch.cores};
    wish.options.initializer = wish.options.init_args = NULL;
    if (options->initializer) {
        wish.initializes = true;
        if (rp__find_kernel(world, options->initializer, &wish.initializer) ||
            !world->options.kernels[wish.initializer]->item)
            return rp__fail(error, RP_EINVAL, "no kernel with an item is called %s: name one as initializer",
                            options->initializer);
        if (options->init_args_size && !options->init_args)
            return rp__fail(error, RP_EINVAL, "init_args_size is %zu and init_args is NULL", options->init_args_size);
    }
    int rc = rp__buffer_append(bytes, &wish, sizeof wish);
    if (rc == 0 && options->initializer) rc = rp__buffer_append(bytes, options->init_args, options->init_args_size);
    return rc ? rp__fail(error, rc, "out of memory for a pool") : 0;
}

int rp_pool_open(rp_world *world, const rp_pool_options *options, rp_pool **out, rp_error *error) {
    if (!world || !out) return rp__fail(error, RP_EINVAL, "rp_pool_open needs a world and a result");
    const rp_pool_options defaults = {0};
    struct rp__buffer wish = {0};
    int rc = pack(world, options ? options : &defaults, &wish, error);
    rp_pool *pool = rc == 0 ? calloc(1, sizeof *pool) : NULL;
    if (!pool) {
        rp__buffer_free(&wish);
        return rc ? rc : rp__fail(error, RP_ENOMEM, "out of memory for a pool");
    }
    pool->world = world;
    rp__world_lock(world);
    if (world->pool) rc = rp__fail(error, RP_EBUSY, "this world has a pool already: close it first");
    if (rc == 0 && !world->error.code && rp__master_pool_open(world->master, wish.data, wish.size))
        rc = rp__fail(error, RP_ENOMEM, "out of memory for a pool");
    if (rc == 0) {
        rp__service_ring(world);
        while (!world->error.code && !rp__master_pool_ready(world->master))
            pthread_cond_wait(&world->changed, &world->lock);
        if (world->error.code) rc = rp__fail(error, world->error.code, "%s", world->error.text);
    }
    if (rc == 0) world->pool = pool;
    rp__world_unlock(world);
    rp__buffer_free(&wish);
    if (rc)
        free(pool);
    else
        *out = pool;
    return rc;
}

void rp_pool_close(rp_pool *pool) {
    if (!pool) return;
    rp_world *world = pool->world;
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
