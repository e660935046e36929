/* Pools: crews of all ranks, asked for by rank 0. Any number on a world, one after the other and side by side: each has
 * workers of its own, and a master on rank 0. */
#include "core/error.h"
#include "pool/collector.h"
#include "pool/world_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

rp_pool *rp__pool_new(rp_world *world, const rp_pool_options *options, uint32_t first_rank, uint32_t ranks) {
    rp_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->world = world;
    pool->options = *options;
    pool->first_rank = first_rank;
    pool->ranks = ranks;
    pool->master = rp__master_new(ranks);
    pool->to = calloc(ranks, sizeof *pool->to);
    pool->dirty = calloc(ranks, sizeof *pool->dirty);
    if (pool->master && pool->to && pool->dirty) return pool;
    rp__pool_free(pool);
    return NULL;
}

void rp__pool_free(rp_pool *pool) {
    rp__master_free(pool->master);
    for (uint32_t i = 0; pool->to && i < pool->ranks; i++) rp__outbox_free(&pool->to[i]);
    for (size_t i = 0; i < pool->notes; i++) free(pool->note[i]);
    free(pool->note);
    free(pool->to);
    free(pool->dirty);
    free(pool);
}

void rp__pool_keep_note(rp_pool *pool, const char *text, size_t length) {
    for (size_t i = 0; i < pool->notes; i++)
        if (strlen(pool->note[i]) == length && !memcmp(pool->note[i], text, length)) return;
    char **note = realloc(pool->note, (pool->notes + 1) * sizeof *note);
    if (!note) return;
    pool->note = note;
    note[pool->notes] = strndup(text, length);
    if (note[pool->notes]) pool->notes++;
}

static int check(const rp_world *world, const rp_pool_options *options, rp_error *error) {
    const uint32_t slots = rp__arena_slots(world->arena);
    if (rp__world_check_caller(world, error)) return RP_EINVAL;
    if ((unsigned)options->kind > RP_WORKERS_INLINE)
        return rp__fail(error, RP_EINVAL,
                        "there are no workers of kind %d: give RP_WORKERS_PROCESS, RP_WORKERS_THREAD or "
                        "RP_WORKERS_INLINE",
                        (int)options->kind);
    if ((unsigned)options->bind > RP_BIND_NONE)
        return rp__fail(error, RP_EINVAL, "bind is %d: give RP_BIND_CORE, RP_BIND_PU or RP_BIND_NONE",
                        (int)options->bind);
    if (world->attached && options->kind == RP_WORKERS_PROCESS)
        return rp__fail(error, RP_EUNSUPPORTED,
                        "an attached world has no worker processes, which must be forked before MPI starts: "
                        "ask for threads or inline workers, or open the world by rp_world_open");
    if (options->maxtasksperchild && options->kind != RP_WORKERS_PROCESS)
        return rp__fail(error, RP_EUNSUPPORTED,
                        "maxtasksperchild replaces worker processes: threads and inline workers stay");
    if (options->memory && options->kind != RP_WORKERS_PROCESS)
        return rp__fail(error, RP_EUNSUPPORTED,
                        "threads and inline workers have no memory of their own: use processes, or no memory limit");
    if (options->cores && options->bind == RP_BIND_PU)
        return rp__fail(error, RP_EINVAL,
                        "workers of %u cores were asked for, pinned to hardware threads: give cores, or bind pu",
                        options->cores);
    const uint32_t most = options->crew == RP_CREW_CORES ? 0 : options->crew;
    if (most > slots || options->workers / world->ranks > slots)
        return rp__fail(error, RP_EINVAL, "%u workers were asked for on a rank, which can have %u: start more ranks",
                        most > slots ? most : options->workers / world->ranks, slots);
    if (options->workers && options->crew)
        return rp__fail(error, RP_EINVAL, "a pool of %u workers with crews of %u was asked for: give one of the two",
                        options->workers, options->crew);
    return 0;
}

static int compare_ranks(const void *a, const void *b) {
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* The ranks that have workers, sorted. */
static int pack_ranks(const rp_world *world, const rp_pool_options *options, struct rp__buffer *bytes,
                      rp_error *error) {
    const size_t at = bytes->size;
    if (!options->rank_count != !options->ranks)
        return rp__fail(error, RP_EINVAL, "ranks and rank_count must be given together: give both or neither");
    if (!options->ranks) return 0;
    if (rp__buffer_append(bytes, options->ranks, options->rank_count * sizeof *options->ranks))
        return rp__fail(error, RP_ENOMEM, "out of memory for a pool");
    int *rank = (int *)(bytes->data + at);
    qsort(rank, options->rank_count, sizeof *rank, compare_ranks);
    for (size_t i = 0; i < options->rank_count; i++) {
        if (rank[i] < 0 || (uint32_t)rank[i] >= world->ranks)
            return rp__fail(error, RP_EINVAL, "a pool was asked for on rank %d, and the world has ranks 0 to %u",
                            rank[i], world->ranks - 1);
        if (i && rank[i] == rank[i - 1])
            return rp__fail(error, RP_EINVAL, "a pool was asked for on rank %d twice: name each rank once", rank[i]);
    }
    return 0;
}

/* The wish with what it points to, for ranks that have other addresses. */
static int pack(const rp_world *world, const rp_pool_options *options, struct rp__buffer *bytes, rp_error *error) {
    struct rp__pool_wish wish = {.options = *options, .given = world->launch.cores, .ranks = world->ranks};
    wish.options.initializer = wish.options.init_args = NULL;
    wish.options.ranks = NULL;
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
    if (rc == 0 && (rc = pack_ranks(world, options, bytes, error))) return rc;
    if (rc == 0 && options->initializer) rc = rp__buffer_append(bytes, options->init_args, options->init_args_size);
    return rc ? rp__fail(error, rc, "out of memory for a pool") : 0;
}

int rp__pool_start(rp_pool *pool, const struct rp__buffer *wish, rp_error *error) {
    rp_world *world = pool->world;
    pool->number = ++world->next_pool;
    for (uint32_t i = 0; i < pool->ranks; i++) pool->to[i].pool = pool->number;
    for (uint32_t i = 0; i < pool->ranks; i++)
        if (world->rank[pool->first_rank + i].lost && rp__master_lose(pool->master, i))
            return rp__fail(error, RP_ELOST, "a pool was asked for on rank %u, which was lost", pool->first_rank + i);
    if (!world->error.code &&
        (rp__world_tell_end(world, pool->master) || rp__master_pool_open(pool->master, wish->data, wish->size)))
        return rp__fail(error, RP_ENOMEM, "out of memory for a pool");
    pool->next = world->pools;
    world->pools = pool;
    world->inline_crews |= pool->options.kind == RP_WORKERS_INLINE;
    rp__service_ring(world);
    while (!world->error.code && !pool->error.code && !rp__master_pool_ready(pool->master))
        rp__world_wait(world, &world->changed, &world->lock, NULL);
    const rp_error *why = world->error.code ? &world->error : &pool->error;
    if (!why->code) return 0;
    rp__fail(error, why->code, "%s", why->text);
    int rc = why->code;
    rp__master_pool_close(pool->master);
    pool->ended = true; /* the service frees it */
    rp__service_ring(world);
    return rc;
}

/* The hosts of the ranks that are listed. */
static uint32_t count_hosts(const rp_world *world, const rp_pool_options *options) {
    const int *host_of = world->net->host_of;
    if (!options->ranks || !host_of) return (uint32_t)world->net->hosts;
    uint32_t hosts = 0;
    bool *seen = calloc(world->ranks, sizeof *seen);
    for (size_t i = 0; seen && i < options->rank_count; i++) {
        hosts += !seen[host_of[options->ranks[i]]];
        seen[host_of[options->ranks[i]]] = true;
    }
    free(seen);
    return hosts;
}

int rp_pool_open(rp_world *world, const rp_pool_options *options, rp_pool **out, rp_error *error) {
    static const rp_pool_options defaults = {0};
    if (!world || !out) return rp__fail(error, RP_EINVAL, "rp_pool_open needs a world and a result");
    if (!options) options = &defaults;
    int rc = check(world, options, error);
    if (rc) return rc;
    struct rp__buffer wish = {0};
    rc = pack(world, options, &wish, error);
    rp_pool *pool = rc == 0 ? rp__pool_new(world, options, 0, world->ranks) : NULL;
    if (!pool) {
        rp__buffer_free(&wish);
        return rc ? rc : rp__fail(error, RP_ENOMEM, "out of memory for a pool");
    }
    pool->hosts = count_hosts(world, options);
    pool->options.ranks = NULL; /* lent */
    rp__world_lock(world);
    rc = rp__pool_start(pool, &wish, error);
    if (rc && !pool->ended) rp__pool_free(pool);
    rp__world_unlock(world);
    rp__buffer_free(&wish);
    if (rc == 0) *out = pool;
    return rc;
}

void rp_pool_close(rp_pool *pool) {
    if (!pool || rp__world_is_in_task(pool->world)) return;
    rp_world *world = pool->world;
    rp__world_lock(world);
    pool->closed = true;
    for (rp_map *map = world->maps; map; map = map->next) /* those of futures are nobody else's to end */
        if (map->pool == pool && map->collector) rp_map_end(map);
    rp__world_unlock(world);
    rp__service_ring(world);
}

void rp_pool_terminate(rp_pool *pool) {
    if (!pool || rp__world_is_in_task(pool->world)) return;
    rp_world *world = pool->world;
    rp__world_lock(world);
    pool->closed = true;
    for (rp_map *map = world->maps; map; map = map->next) {
        if (map->pool != pool) continue;
        rp__map_fail(map, RP_ECLOSED);
        rp__master_map_close(pool->master, map->state);
    }
    rp__world_unlock(world);
    rp__service_ring(world);
}

/* World lock held. */
static bool is_at_rest(const rp_pool *pool) {
    for (const rp_map *map = pool->world->maps; map; map = map->next)
        if (map->pool == pool && !rp__master_map_at_rest(map->state)) return false;
    return true;
}

int rp_pool_join(rp_pool *pool, double timeout_s) {
    if (!pool || isnan(timeout_s) || rp__world_is_in_task(pool->world)) return RP_EINVAL;
    rp_world *world = pool->world;
    struct timespec until = rp__time_after(timeout_s < 0 ? 0 : timeout_s);
    bool late = false;
    rp__world_lock(world);
    int rc = pool->closed ? 0 : RP_EINVAL;
    while (rc == 0 && !is_at_rest(pool)) {
        if (world->error.code)
            rc = world->error.code;
        else if (pool->error.code)
            rc = pool->error.code;
        else if (late)
            rc = RP_ETIMEDOUT;
        else
            late = rp__world_wait(world, &world->changed, &world->lock, timeout_s < 0 ? NULL : &until) == ETIMEDOUT;
    }
    rp__world_unlock(world);
    return rc;
}

/* World lock held: one that the program has opened, not a future's. */
static bool has_map(const rp_pool *pool) {
    for (const rp_map *map = pool->world->maps; map; map = map->next)
        if (map->pool == pool && !map->collector) return true;
    return false;
}

/* Futures that end call back, and what is called may want to try again: the pool is closed before. */
int rp_pool_free(rp_pool *pool) {
    if (!pool) return 0;
    rp_world *world = pool->world;
    if (rp__world_is_in_task(world)) return RP_EINVAL;
    rp__world_lock(world);
    const bool busy = has_map(pool);
    if (!busy) pool->closed = true;
    rp__world_unlock(world);
    if (busy) return RP_EBUSY;
    rp__collector_close(world->collector, pool);
    rp__world_lock(world);
    const int rc = pool->maps_open ? RP_EBUSY : 0;
    if (rc == 0) {
        rp__master_pool_close(pool->master);
        pool->ended = true;
    }
    rp__world_unlock(world);
    rp__service_ring(world);
    return rc;
}

uint32_t rp_pool_workers(const rp_pool *pool) { return pool ? rp__master_workers(pool->master) : 0; }

uint32_t rp_pool_hosts(const rp_pool *pool) { return pool ? pool->hosts : 0; }

const char *rp_pool_note(const rp_pool *pool, size_t index) {
    if (!pool) return NULL;
    rp_world *world = pool->world;
    if (world->launch.allocation[0] && index-- == 0) return world->launch.allocation;
    if (world->launch.note[0] && index-- == 0) return world->launch.note;
    rp__world_lock(world); /* more of them may come */
    const char *note = index < pool->notes ? pool->note[index] : NULL;
    rp__world_unlock(world);
    return note;
}
