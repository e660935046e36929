/* What the files of the pool layer share: one world, and on rank 0 the program's side of pools and maps.
 *
 * Threads of rank 0: the service thread runs service.c's loop and is the only one to touch net, agent and crew.
 * The program's threads call rp_*. `lock` guards the master, the list of maps, the pool and the state of both; a
 * map's own lock guards what passes between the program and the service on its way in and out. Order: world, map.
 * On other ranks there is one thread, and no master. */
#ifndef RP_POOL_WORLD_STATE_H
#define RP_POOL_WORLD_STATE_H

#include "core/master.h"
#include "crew/crew.h"
#include "net/net.h"
#include "pool/agent.h"
#include "pool/launch.h"
#include "pool/print.h"
#include "topo/topo.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* What each rank of this host brings to its plan. */
struct rp__node_rank {
    struct rp__cpuset binding; /* as it was started */
    struct rp__cpuset reach;   /* what it may bind to where all cores are asked for */
    double quota;
};

/* What rank 0 wants of every crew. The cores given to each rank are what it was told: where mpirun starts daemons by
 * srun, the ranks of other hosts see the daemons' step. */
struct rp__pool_wish {
    rp_pool_options options;
    uint32_t given;
    bool initializes;     /* pointers mean nothing to other ranks: the initializer's input follows in the frame, */
    uint32_t initializer; /* and this is its kernel */
};

struct rp_pool {
    rp_world *world;
    uint32_t maps_open;
};

struct rp_map {
    rp_world *world;
    rp_pool *pool;
    struct rp_map *next;
    struct rp__master_map *state; /* world lock */
    bool range;
    double opened_s;
    struct rp__spill *aside;

    pthread_mutex_t lock; /* guards from here on */
    pthread_cond_t readable, writable;
    struct rp__buffer feed; /* records put, not yet with the master */
    uint64_t feed_tasks, fed_tasks;
    size_t held; /* bytes of inputs that the master holds */
    bool fed, ended;
    struct rp__part *ready, **ready_tail;
    struct rp__part *spent; /* read; the service frees what it has made, which malloc likes better */
    size_t consumed_parts, consumed_bytes;
    size_t readers; /* waiting for a part */
    bool complete, closing;
    int error;
    rp_map_stats stats;

    /* the reader's own */
    struct rp__part *reading, *read;
    size_t read_parts, read_bytes;
    size_t at;
    uint64_t task;
};

struct rp_world {
    rp_world_options options;
    struct rp__launch launch;
    struct rp__bell *bell;
    int bell_fd;
    bool drain_stdin;
    struct rp__arena *arena;
    struct rp__nursery *nursery;

    /* the service's own */
    struct rp__net *net;
    struct rp__topo *topo;
    struct rp__node_rank *node; /* [net->local_size] */
    char host[64];
    struct rp__pool_wish wish;
    struct rp__buffer wish_bytes; /* as they came, with the initializer's input behind the wish */
    struct rp__topo_plan plan;
    struct rp__crew *crew; /* on rank 0 set under the lock */
    struct rp__agent *agent;
    struct rp__outbox out; /* the agent's, for the master */
    struct rp__outbox *to; /* [ranks] the master's */
    uint32_t ranks;
    uint32_t *dirty, dirty_count; /* ranks with something in `to` */
    bool failed;                  /* this rank's crew cannot go on; it only serves messages now */
    bool quit;
    int exit_code;
    bool told_signal; /* rank 0 was told of it */
    uint64_t hash;
    struct rp__printer *printer; /* rank 0, from the first line on; the program's at its end */

    pthread_t watcher; /* signals.c */
    bool watching;
    sigset_t mask_before;
    _Atomic int signalled; /* the first signal that came; 0: none */
    bool abandoned;        /* threads still compute: what they use must stay until the process ends */

    pthread_t thread;
    pthread_mutex_t lock; /* rank 0; guards from here on */
    pthread_cond_t changed;
    _Atomic uint32_t callers; /* threads of the program that want the lock */
    struct rp__master *master;
    bool open; /* start-up is over */
    uint32_t hellos;
    rp_pool *pool;
    rp_map *maps;
    char **note;
    size_t notes;
    rp_error error; /* code != 0: the world cannot compute any more */
};

/* map.c: 0, or RP_EINVAL: no kernel has this name. */
int rp__find_kernel(const rp_world *world, const char *name, uint32_t *index);

/* node.c: this host. */
int rp__node_open(rp_world *world, rp_error *error);
void rp__node_close(rp_world *world);
/* Plan the crews of this host; keeps the wish and the plan. */
int rp__node_plan(rp_world *world, const struct rp__pool_wish *wish, rp_error *error);
/* Start this rank's crew as planned; its first worker has this number in the pool. */
int rp__node_start(rp_world *world, uint32_t first, rp_error *error);
void rp__node_stop(rp_world *world);

/* service.c: the loop, until the world ends. */
void rp__service_run(rp_world *world);
/* Any thread of rank 0: something is to be done. */
static inline void rp__service_ring(rp_world *world) { rp__bell_ring(world->bell); }
/* The program's way to the world's lock: announced, so that a busy service lets go of it. */
void rp__world_lock(rp_world *world);
void rp__world_unlock(rp_world *world);
uint64_t rp__now_ns(void);
/* Any thread: a signal came. */
void rp__service_stop(rp_world *world);

/* signals.c: take INT, TERM and USR1 from the program, and give them back. */
int rp__signals_take(rp_world *world, rp_error *error);
void rp__signals_release(rp_world *world);

/* map.c, for the service under the world's lock: move what the program put to the master and what is due to it. */
int rp__map_exchange(rp_map *map);
/* The map cannot go on: whoever waits for it learns why. */
void rp__map_fail(rp_map *map, int code);

/* spill.c: where results wait that are too far ahead. NULL: out of memory. The file is made when first needed. */
struct rp__spill *rp__spill_new(void);
void rp__spill_free(struct rp__spill *spill);
struct rp__window_aside rp__spill_aside(struct rp__spill *spill);

#endif
