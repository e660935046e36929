/* Opening and closing a world: who started us, the nursery before anything else, then MPI, then this host. */
#include "core/error.h"
#include "pool/collector.h"
#include "pool/world_state.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    SLOTS = 1024,         /* workers a rank, at most: address space only until they are used */
    PRINT_STUCK_MS = 2000 /* standard output takes nothing for so long: what is left is not printed */
};

/* What every rank must have alike: the options, the kernels, their kinds and flags, and the layout of what is sent as it lies in
 * memory. FNV-1a [Fowler, Noll, Vo]. */
static uint64_t hash_of(const rp_world_options *options, bool attached) {
    const rp_kernel *const *kernels = options->kernels;
    uint64_t hash = 0xcbf29ce484222325u;
    const uint32_t mpi = attached ? 0 : options->mpi; /* which is not used then */
    uint32_t layout[] = {3 /* the wire's version */, sizeof(struct rp__pool_wish), sizeof(void *), mpi,
                         options->catch_signals};
    const uint8_t *bytes = (const uint8_t *)layout;
    for (size_t i = 0; i < sizeof layout; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    bytes = (const uint8_t *)&options->lease;
    for (size_t i = 0; i < sizeof options->lease; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    for (; *kernels; kernels++) {
        for (const char *c = (*kernels)->name; *c; c++) hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
        hash = (hash ^ ((*kernels)->flags << 1 | ((*kernels)->range != NULL))) * 0x100000001b3u;
        hash = (hash ^ ((*kernels)->combine != NULL)) * 0x100000001b3u;
    }
    return hash;
}

static int check_kernels(const rp_kernel *const *kernels, rp_error *error) {
    if (!kernels || !*kernels) return rp__fail(error, RP_EINVAL, "a world needs at least one kernel");
    for (size_t i = 0; kernels[i]; i++) {
        if (!kernels[i]->name || !kernels[i]->name[0]) return rp__fail(error, RP_EINVAL, "kernel %zu has no name", i);
        if (!kernels[i]->item == !kernels[i]->range)
            return rp__fail(error, RP_EINVAL, "kernel %s must have exactly one of item and range", kernels[i]->name);
        if (kernels[i]->flags & RP_PURE && kernels[i]->flags & RP_ONCE)
            return rp__fail(error, RP_EINVAL, "kernel %s is RP_PURE, may run twice, and RP_ONCE, may not: choose one",
                            kernels[i]->name);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(kernels[k]->name, kernels[i]->name))
                return rp__fail(error, RP_EINVAL, "two kernels are called %s", kernels[i]->name);
    }
    return 0;
}

static void *map_bell(int fd) { return rp__bell_map(fd); }
static void ring_bell(void *page) { rp__bell_ring(page); }
static void unmap_bell(void *page) { rp__bell_free(page); }

static int open_net(rp_world *world, rp_error *error) {
    if (!world->launch.use_mpi) {
        world->net = rp__net_solo();
        return world->net ? 0 : rp__fail(error, RP_ENOMEM, "out of memory");
    }
    struct rp__net_bell bell = {.fd = world->bell_fd, .map = map_bell, .ring = ring_bell, .unmap = unmap_bell};
    if (world->attached) return rp__net_mpi_attach(&world->net, world->fortran_comm, &bell, error);
    int rc = rp__net_mpi_open(&world->net, &bell, error);
    if (rc == 0) rc = rp__launch_check(&world->launch, world->net->size, error);
    if (rc == 0) rp__launch_note_hosts(&world->launch, (uint32_t)world->net->hosts);
    return rc;
}

/* MPI, this host, and rank 0's hello. Run by the thread that will serve. */
static int start(rp_world *world, rp_error *error) {
    int rc = open_net(world, error);
    if (rc) return rc;
    struct rp__frame hello = {.type = RP__FRAME_HELLO, .begin = world->hash, .end = world->hash};
    rc = rp__node_open(world, error);
    hello.data = (const uint8_t *)world->host;
    hello.size = strlen(world->host);
    if (rc == 0 && rp__outbox_put(&world->out, &hello)) rc = rp__fail(error, RP_ENOMEM, "out of memory");
    world->ranks = (uint32_t)world->net->size;
    if (rc == 0) rc = rp__node_open_router(world, error);
    if (rc == 0) rc = rp__lost_begin(world, error);
    rp__main_calls_open(world);
    return rc;
}

bool rp__world_is_in_task(const rp_world *world) {
    if (rp__arena_is_in_worker(world->arena)) return true;
    return world->attached ? world->computing : pthread_equal(pthread_self(), world->thread) != 0;
}

int rp__world_check_caller(const rp_world *world, rp_error *error) {
    /* Where another world is opened later, its workers are copies of a process that had this one. */
    const bool is_copy = getpid() != rp__arena_family_page(world->arena)->agent;
    if (!is_copy && !rp__world_is_in_task(world)) return 0;
    return rp__fail(error, RP_EINVAL,
                    "a task cannot use worlds, pools, maps, futures and processes, which are the program's: let the "
                    "task return, and make the call in main");
}

/* What the program has left open, when nothing runs any more. */
static void free_rest(rp_world *world) {
    for (rp_pool *pool; (pool = world->pools);) {
        world->pools = pool->next;
        rp__pool_free(pool);
    }
    for (rp_map *map; (map = world->maps);) {
        world->maps = map->next;
        rp__map_free(map);
    }
}

static void free_world(rp_world *world) {
    if (!world) return;
    rp__signals_release(world);
    rp__collector_leave_world(world->collector);
    world->collector = NULL;
    free_rest(world);
    rp__processes_free(world);
    rp__outbox_free(&world->out);
    rp__printer_free(world->printer);
    if (world->net && !world->lost) world->net->ops->close(world->net);
    rp__node_close_router(world);
    rp__node_close(world);
    if (world->nursery) rp__nursery_stop(world->nursery);
    rp__share_free(world);
    rp__lost_free(world);
    if (world->abandoned) return; /* the process is about to end, with the threads that still compute */
    rp__arena_free(world->arena);
    rp__bell_free(world->bell);
    if (world->bell_fd >= 0) close(world->bell_fd);
    free(world);
}

/* Everything that must be there before a thread or MPI is. */
static int prepare(rp_world *world, rp_error *error) {
    int rc = check_kernels(world->options.kernels, error);
    if (rc) return rc;
    world->hash = hash_of(&world->options, world->attached);
    world->bell = rp__bell_new(&world->bell_fd);
    if (world->bell) world->arena = rp__arena_new(SLOTS, world->bell, world->options.kernels);
    if (!world->arena)
        return rp__fail(error, RP_ESYSTEM, "no shared memory for the workers' rings: %s", strerror(errno));
    return 0;
}

/* The fork comes first of all. */
static int fork_nursery(rp_world *world, rp_error *error) {
    fflush(NULL); /* workers are copies: nothing may be in stdio's buffers twice */
    int rc = rp__nursery_start(world->arena, rp__lost_lease_ns(&world->options), &world->nursery, error);
    if (rc == 0 && world->options.catch_signals) rc = rp__signals_take(world, error);
    return rc;
}

static void *serve(void *self) {
    rp_world *world = self;
    rp_error error = {0};
    int rc = start(world, &error);
    if (rc == 0 && world->net->rank != 0)
        rc = rp__fail(&error, RP_ELAUNCH, "the launcher called this process rank 0, and MPI calls it rank %d",
                      world->net->rank);
    pthread_mutex_lock(&world->lock);
    world->open = true;
    world->serving = rc == 0;
    if (rc) world->error = error;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
    if (rc) return NULL;
    rp__service_run(world);
    if (rp__lost_is_stuck(world)) rp__lost_leave(world);
    /* MPI must be ended by the thread that began it. */
    world->net->ops->close(world->net);
    world->net = NULL;
    return NULL;
}

static int init_rank_0(rp_world *world, rp_error *error) {
    pthread_mutexattr_t kind; /* the lock is held for microseconds: look again before sleeping */
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&world->lock, &kind);
    pthread_mutexattr_destroy(&kind);
    rp__condition_init(&world->changed);
    world->collector = rp__collector_new(world);
    return world->collector ? 0 : rp__fail(error, RP_ENOMEM, "out of memory for a world");
}

/* Until every rank has said hello. 0, or why there is no world. */
static int await_ranks(rp_world *world, rp_error *error) {
    pthread_mutex_lock(&world->lock);
    while (!world->error.code && (!world->open || world->hellos < world->ranks))
        rp__world_wait(world, &world->changed, &world->lock, NULL);
    int code = world->error.code;
    if (code) *error = world->error;
    pthread_mutex_unlock(&world->lock);
    return code;
}

static int open_rank_0(rp_world *world, rp_error *error) {
    if (init_rank_0(world, error)) return RP_ENOMEM;
    if (pthread_create(&world->thread, NULL, serve, world))
        return rp__fail(error, RP_ESYSTEM, "cannot start the service thread: %s", strerror(errno));
    int code = await_ranks(world, error);
    if (!code) return 0;
    if (world->serving) {
        rp_world_close(world, 3);
    } else {
        /* A rank that could not start cannot end MPI in good order either: the program leaves, the launcher follows. */
        pthread_join(world->thread, NULL);
        world->net = NULL;
        free_world(world);
    }
    return code;
}

static rp_world *new_world(const rp_world_options *options) {
    rp_world *world = calloc(1, sizeof *world);
    if (!world) return NULL;
    world->options = *options;
    world->bell_fd = -1;
    return world;
}

int rp_world_open(const rp_world_options *options, rp_world **out, int *exit_code, rp_error *error) {
    rp_error own = {0};
    if (!error) error = &own;
    if (!options || !out) return rp__fail(error, RP_EINVAL, "rp_world_open needs options and a result");
    if ((unsigned)options->mpi > RP_MPI_NO)
        return rp__fail(error, RP_EINVAL, "mpi is %d: give RP_MPI_AUTO, RP_MPI_YES or RP_MPI_NO", (int)options->mpi);
    if (isnan(options->lease)) return rp__fail(error, RP_EINVAL, "the lease is no number: give seconds, or 0 for 30");
    rp_world *world = new_world(options);
    if (!world) return rp__fail(error, RP_ENOMEM, "out of memory for a world");
    int rc = prepare(world, error);
    if (rc == 0) rc = rp__launch_detect(getenv, options->mpi, &world->launch, error);
    if (rc == 0) rc = fork_nursery(world, error);
    if (rc) {
        free_world(world);
        return rc;
    }
    if (!world->launch.use_mpi || world->launch.rank_hint <= 0) {
        rc = open_rank_0(world, error);
        if (rc == 0) *out = world;
        return rc;
    }
    world->drain_stdin = true;
    rc = start(world, error);
    if (rc == 0) {
        rp__service_run(world);
        if (exit_code) *exit_code = world->exit_code;
        rc = world->lost ? rp__fail(error, world->error.code, "%s", world->error.text) : RP_SERVED;
    } else {
        world->net = NULL;
    }
    free_world(world);
    return rc;
}

/* Rank 0 is told by await_ranks; the others serve here, in the thread that they called with. */
static int open_attached(rp_world *world, rp_error *error) {
    int rc = start(world, error);
    if (rc) return rc;
    world->launch.rank_hint = world->net->rank;
    if (world->net->rank != 0) {
        rp__service_run(world);
        return RP_SERVED;
    }
    world->open = world->serving = true;
    return await_ranks(world, error);
}

int rp_world_attach_fortran(int comm, const rp_world_options *options, rp_world **out, int *exit_code,
                            rp_error *error) {
    rp_error own = {0};
    if (!error) error = &own;
    if (!options || !out) return rp__fail(error, RP_EINVAL, "rp_world_attach needs options and a result");
    if (options->catch_signals)
        return rp__fail(error, RP_EINVAL, "signals belong to the program that a world is attached to");
    rp_world *world = new_world(options);
    if (!world) return rp__fail(error, RP_ENOMEM, "out of memory for a world");
    world->attached = true;
    world->fortran_comm = comm;
    world->launch = (struct rp__launch){.launched = true, .use_mpi = true, .launcher = "", .rank_hint = -1};
    int rc = init_rank_0(world, error);
    if (rc == 0) rc = prepare(world, error);
    if (rc == 0) rc = open_attached(world, error);
    if (rc == 0) {
        *out = world;
        return 0;
    }
    if (rc == RP_SERVED && exit_code) *exit_code = world->exit_code;
    if (rc == RP_EMISMATCH) {
        rp_world_close(world, 3); /* the others serve: end them in good order */
        return rc;
    }
    free_world(world);
    return rc;
}

/* A stopped world does not wait for a task that the service computes in line: it ends with the process. */
static bool join_service(rp_world *world) {
    if (world->attached) {
        rp__service_run(world);
        return true;
    }
    if (world->error.code != RP_ESTOPPED || !world->inline_crews) return pthread_join(world->thread, NULL) == 0;
    const struct timespec until = rp__crew_join_limit();
    return pthread_timedjoin_np(world->thread, NULL, &until) == 0;
}

void rp_world_close(rp_world *world, int exit_code) {
    if (!world || rp__world_is_in_task(world)) return;
    atomic_store(&world->ending, true);
    rp__router_fail(world->router, RP_EINVAL);
    rp__world_lock(world);
    world->closing = true;
    world->exit_code = exit_code;
    rp__world_unlock(world);
    rp__service_ring(world);
    const bool served = join_service(world);
    rp__printer_finish(world->printer, PRINT_STUCK_MS);
    if (!served) return;
    pthread_cond_destroy(&world->changed);
    pthread_mutex_destroy(&world->lock);
    free_world(world);
}

int rp_world_ranks(const rp_world *world) { return world ? (int)world->ranks : 0; }

int rp_world_hosts(const rp_world *world) { return world ? world->net->hosts : 0; }

int rp_world_host(const rp_world *world, int rank) {
    if (!world || rank < 0 || (uint32_t)rank >= world->ranks) return -1;
    const int *host_of = world->net->host_of;
    int before = 0; /* hosts whose lowest rank is lower */
    for (int other = 0; host_of && other < host_of[rank]; other++) before += host_of[other] == other;
    return before;
}

const char *rp_world_error(rp_world *world) {
    if (!world) return "";
    rp__world_lock(world); /* what it says is said once and stays */
    const char *text = world->error.text;
    rp__world_unlock(world);
    return text;
}
