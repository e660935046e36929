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
};

struct rp__collector; /* pool/collector.h */

struct rp_pool {
    rp_world *world;
    uint32_t maps_open;
};

struct rp_map {
    rp_world *world;
    rp_pool *pool;
    struct rp_map *next;
    struct rp__master_map *state; /* world lock */
    bool canceling;               /* the same: somebody waits for the answers */
    bool range;
    double opened_s;
    struct rp__spill *aside;
    struct rp__collector *collector; /* takes the results, for futures; NULL: the program reads them */
    rp_source *source;               /* the reader takes inputs from it */
    void *source_context;

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
    uint64_t pulled, pulled_read;  /* inputs taken from the source; tasks of them whose results were read */
    uint64_t window, window_at_ns; /* how far ahead it may be; when it was filled last */
    int source_code;               /* RP_END: it has ended; negative: by an error */
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
    struct rp__topo_plan plan;
    struct rp__crew *crew;
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
    struct rp__collector *collector;
};

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

/* map.c: a map whose results the collector takes. It is never held up by what nobody has read or computed. */
int rp__map_open(rp_pool *pool, const rp_map_options *options, struct rp__collector *collector, rp_map **map,
                 rp_error *error);
/* What is ready, given; *complete: nothing will come after it. Returns why the map cannot go on, or 0. */
int rp__map_take(rp_map *map, struct rp__part **parts, bool *complete);
/* Why it cannot go on, or 0. */
int rp__map_error(rp_map *map);
/* Cancel tasks [begin, end), see rp__master_map_cancel; waits for the answers if *refused is wanted. 0, RP_ENOMEM, why
 * the map cannot go on. */
int rp__map_cancel(rp_map *map, uint64_t begin, uint64_t end, bool kill, bool *refused);
/* The next record of a part: 1; 0: it has none left; RP_EPROTOCOL. *at and *task begin as 0 and the part's begin. */
int rp__part_read(const struct rp__part *part, bool range, size_t *at, uint64_t *task, rp_result *result);
/* When `seconds` from now will be, by the monotonic clock; a condition that understands it. */
struct timespec rp__time_after(double seconds);
void rp__condition_init(pthread_cond_t *condition);

/* map.c, for the service under the world's lock: move what the program put to the master and what is due to it. */
int rp__map_exchange(rp_map *map);
/* The map cannot go on: whoever waits for it learns why. */
void rp__map_fail(rp_map *map, int code);

/* spill.c: where results wait that are too far ahead. NULL: out of memory. The file is made when first needed. */
struct rp__spill *rp__spill_new(void);
void rp__spill_free(struct rp__spill *spill);
struct rp__window_aside rp__spill_aside(struct rp__spill *spill);

#endif
