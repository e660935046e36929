/* What the files of the pool layer share: one world, this rank's crew of each pool, and on rank 0 the program's side
 * of pools and maps.
 *
 * Threads of rank 0: the service thread runs service.c's loop and is the only one to touch net, agent and crew.
 * The program's threads call rp_*. `lock` guards the pools with their masters and the list of maps; a map's own lock guards what passes between the program and the service on its way in and out. Order: world, map.
 * On other ranks there is one thread, and no master. The router's lock comes after both, on any rank. */
#ifndef RP_POOL_WORLD_STATE_H
#define RP_POOL_WORLD_STATE_H

#include "core/lease.h"
#include "core/master.h"
#include "crew/arena.h"
#include "crew/cells.h"
#include "crew/crew.h"
#include "net/net.h"
#include "pool/agent.h"
#include "pool/clock.h"
#include "pool/launch.h"
#include "pool/print.h"
#include "pool/router.h"
#include "pool/wish.h"
#include "topo/topo.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* What each rank of this host brings to its plan. */
struct rp__node_rank {
    int rank;
    struct rp__cpuset binding; /* as it was started */
    struct rp__cpuset reach;   /* what it may bind to where all cores are asked for */
    double quota;
    uint32_t granted; /* CPUs of this host that are the Slurm job's; 0: not known */
};

struct rp__collector; /* pool/collector.h */

/* What rank 0 knows of a rank. */
struct rp__world_rank {
    char host[64]; /* "": it has not said hello */
    bool lost;
    bool silent; /* it is given up, but MPI takes it for alive and would wait for it at the end */
};

/* One pool, as rank 0 has it. */
struct rp_pool {
    rp_world *world;
    struct rp_pool *next;
    uint32_t number; /* 1.. */
    rp_pool_options options;
    uint32_t first_rank, ranks; /* where its crews are; the master's rank 0 is the world's `first_rank` */
    uint32_t hosts;             /* that its ranks are on */
    rp_process *process;        /* whose pool it is, until it is over; NULL: the program's */
    struct rp__master *master;
    struct rp__outbox *to;        /* [ranks] the master's */
    uint32_t *dirty, dirty_count; /* ranks with something in `to` */
    uint32_t maps_open;
    rp_error error; /* code != 0: the pool cannot compute any more: an initializer failed */
    bool closed;    /* no more maps */
    bool ended;     /* freed by the program: the service frees it when the ranks were told */
    char **note;
    size_t notes;
};

/* The crew of one pool on this rank. */
struct rp__rank_crew {
    struct rp__rank_crew *next;
    uint32_t pool;
    struct rp__buffer wish_bytes; /* as they came, with ranks and the initializer's input behind the wish */
    struct rp__pool_wish wish;    /* points into wish_bytes */
    struct rp__topo_plan plan;
    uint32_t first, workers; /* its own part of the plan; none: the pool has no worker here, nor crew and agent */
    struct rp__crew *crew;
    struct rp__agent *agent;
    /* Of a Process. */
    rp_where where;
    bool failed;           /* and rank 0 was told */
    struct rp__outbox out; /* the agent's, for the master */
};

struct rp_map {
    rp_world *world;
    rp_pool *pool;
    struct rp_map *next;
    struct rp__master_map *state; /* world lock */
    bool canceling;               /* the same: somebody waits for the answers */
    bool range;
    uint64_t reduce;                                            /* tasks a block whose record is one, or 0 */
    void (*combine)(void *into, const void *from, size_t size); /* NULL: the map cannot be reduced */
    double opened_s;
    struct rp__spill *aside;
    struct rp__collector *collector; /* takes the results, for futures; NULL: the program reads them */
    rp_source *source;               /* the reader takes inputs from it */
    void *source_context;

    pthread_mutex_t lock; /* guards from here on */
    pthread_cond_t readable, writable;
    struct rp__buffer feed; /* records put, not yet with the master */
    uint64_t feed_tasks, fed_tasks;
    size_t grain; /* the master gets so many tasks or a multiple, so that it cuts no shorter chunk; 0: any number */
    uint64_t whole_tasks; /* of those in `feed`, in whole grains, */
    size_t whole_size;    /* and their bytes */
    size_t held;          /* bytes of inputs that the master holds */
    bool fed, ended;
    const struct rp__skip *skip;    /* the master's, which never changes */
    uint64_t digest;                /* of the inputs put so far, */
    uint64_t wanted, wanted_digest; /* and what it must be after so many; 0: anything */
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
    size_t at, last_at; /* of the next record and of the one handed out last, in the part */
    uint64_t task;
    struct rp__buffer reduced;     /* by rp_map_reduce so far */
    bool reducing;                 /* there is something in it */
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
    struct rp__rank_crew *crews;
    struct rp__outbox out; /* of the rank itself, for rank 0 */
    uint32_t ranks;
    bool attached; /* to a communicator of the program: no nursery, no service thread, MPI is not ours to end */
    int fortran_comm;
    bool computing;       /* attached: inside rp__service_step, which may run a kernel */
    uint32_t rung;        /* the bell, as last read */
    uint64_t quiet_since; /* when something last happened; 0: just now */
    bool failed;          /* this rank's crews cannot go on; it only serves messages now */
    bool quit;
    int exit_code;
    int shared_fd[RP__SHARED_MAX]; /* share.c; as far as they came */
    size_t shared_size[RP__SHARED_MAX];
    uint32_t shares;
    int told_signal; /* rank 0 was told of this one */
    bool lost;       /* a rank, and with it the world: MPI cannot be ended in good order */
    struct rp__lease lease;
    uint64_t hash;
    struct rp__router *router;   /* any thread: it has a lock of its own */
    struct rp__cells *cells;     /* the memory of its arrays */
    int64_t calls_ns;            /* how long the service may sleep for the sake of calls */
    struct rp__printer *printer; /* rank 0, from the first line on; the program's at its end */

    pthread_t watcher; /* signals.c */
    bool watching;
    sigset_t mask_before;
    _Atomic int signalled; /* the last signal that came; 0: none */
    atomic_bool ending;    /* all ranks were told to quit, or are about to be */
    bool abandoned;        /* threads still compute: what they use must stay until the process ends */

    pthread_t thread;
    pthread_mutex_t lock; /* rank 0; guards from here on */
    pthread_cond_t changed;
    _Atomic uint32_t callers; /* threads of the program that want the lock */
    bool open;                /* start-up is over */
    bool serving;             /* and went well: the service runs */
    bool closing;             /* the ranks are to be told to quit */
    bool closed;              /* and were */
    uint32_t hellos;
    struct rp__world_rank *rank;      /* [ranks] on rank 0 */
    uint32_t ranks_lost;              /* and survived */
    const struct rp__frame *to_share; /* asked of the service */
    uint32_t shared_ranks;            /* that have what was shared last */
    bool sharing;
    rp_pool *pools;
    uint32_t next_pool;
    uint64_t end_ns;   /* nothing is dealt that would not be over by then; 0: there is no end */
    bool draining;     /* and nothing at all any more */
    bool inline_crews; /* some pool had or has them: a kernel may hold the service up */
    rp_map *maps;
    /* Those not freed; how many were made in all, and whose turn it is to have the next one. */
    rp_process *processes;
    uint32_t processes_made, process_rank;
    rp_error error; /* code != 0: the world cannot compute any more */
    struct rp__collector *collector;
    struct rp_self main_self;          /* who main's threads are, to the calls on shared objects */
    struct rp__cells_table main_cells; /* the router's lock: arrays that main has mapped */
};

/* world.c: is the calling thread inside a task? It would wait there for what must go on meanwhile, itself above all: an
 * inline worker computes in the thread that makes the world's progress. */
bool rp__world_is_in_task(const rp_world *world);
/* 0, or RP_EINVAL with words for it: the call is the program's, not a task's. */
int rp__world_check_caller(const rp_world *world, rp_error *error);

/* map.c: 0, or RP_EINVAL: no kernel has this name. */
int rp__find_kernel(const rp_world *world, const char *name, uint32_t *index);

/* node.c: this host. */
int rp__node_open(rp_world *world, rp_error *error);
void rp__node_close(rp_world *world);
/* Plan a pool's crews on this host: fills in the plan and this rank's part of it. */
int rp__node_plan(rp_world *world, struct rp__rank_crew *crew, rp_error *error);
/* Start this rank's crew as planned; its first worker has this number in the pool. */
int rp__node_start(rp_world *world, struct rp__rank_crew *crew, uint32_t first, rp_error *error);
void rp__node_stop(rp_world *world, struct rp__rank_crew *crew);

/* What the tasks of this rank and main share with others, before there are crews and after. The net is open. */
int rp__node_open_router(rp_world *world, rp_error *error);
void rp__node_close_router(rp_world *world);

/* service.c: the loop, until the world ends. */
void rp__service_run(rp_world *world);
/* One round of it; if there is nothing to be done, with a sleep of at most `most_ns`. */
void rp__service_step(rp_world *world, int64_t most_ns);
/* service_wait.c: nothing was to be done: sleep, if it is worth while, for at most `most_ns`. */
void rp__service_wait(rp_world *world, int64_t most_ns);
/* A thread of the program waits until `changed` is signalled, `until` (NULL: without limit): 0 or ETIMEDOUT. `lock` is
 * held before and after. In a world without a service thread it makes the world's progress in the meantime. */
int rp__world_wait(rp_world *world, pthread_cond_t *changed, pthread_mutex_t *lock, const struct timespec *until);
/* A call that does not wait: in a world without a service thread, some progress. No lock is held. */
void rp__world_nudge(rp_world *world);
/* Any thread of rank 0: something is to be done. */
static inline void rp__service_ring(rp_world *world) { rp__bell_ring(world->bell); }
/* The program's way to the world's lock: announced, so that a busy service lets go of it. */
void rp__world_lock(rp_world *world);
void rp__world_unlock(rp_world *world);
/* World lock held: the world stops, for this reason. */
void rp__service_end(rp_world *world, const char *why);
/* Any thread: a signal came, perhaps to a world that drains already, which ends at once then. Does it drain now? */
bool rp__service_signal(rp_world *world, int number, bool again);

/* world_end.c, all of it under the world's lock: what ends it early. Does this signal let it drain? */
bool rp__world_drains_at(const rp_world *world, int number);
void rp__world_heed(rp_world *world, int number);
/* A pool is new. 0, RP_ENOMEM. */
int rp__world_tell_end(const rp_world *world, struct rp__master *master);
/* Is it time to stop? */
void rp__world_look_at_end(rp_world *world);

/* main_calls.c: main's calls on shared objects. Closed while the router is still there. */
void rp__main_calls_open(rp_world *world);
void rp__main_calls_close(rp_world *world);

/* signals.c: take INT, TERM and USR1 from the program, and give them back. */
int rp__signals_take(rp_world *world, rp_error *error);
void rp__signals_release(rp_world *world);

/* lost.c: the leases begin, with the service; they are suspended for good: a crew computes in the service thread. */
int rp__lost_begin(rp_world *world, rp_error *error);
/* 0: never. */
uint64_t rp__lost_lease_ns(const rp_world_options *options);
void rp__lost_suspend(rp_world *world);
void rp__lost_free(rp_world *world);
/* After messages were taken: send the beats that are due, and give up who was not heard of. On rank 0, world lock held. */
void rp__lost_look(rp_world *world);
/* Rank 0, world lock held: this rank is gone, and why in words. The world ends with RP_ELOST, or goes on without it where
 * the transport survives that. */
void rp__rank_lost(rp_world *world, int rank, const char *why);
/* Rank 0, when the service has ended: MPI cannot be ended in good order any more. */
bool rp__lost_is_stuck(const rp_world *world);
/* Then: ends every rank. Does not return under MPI. */
void rp__lost_leave(rp_world *world);

/* share.c: a piece of shared data came, to keep and to pass on. */
int rp__share_came(rp_world *world, const struct rp__frame *frame, rp_error *error);
void rp__share_free(rp_world *world);
/* World lock held: a map of the pool was closed, which this rank's own workers learn at once. */
void rp__service_cancel(rp_world *world, uint32_t pool, uint32_t map);
/* World lock held: the world cannot compute any more: whoever waits for it learns why. */
void rp__service_fail(rp_world *world, int code, const char *text);
/* The same of one pool. */
void rp__service_fail_pool(rp_pool *pool, int code, const char *text);
/* service.c: to a rank, now. */
void rp__service_send(rp_world *world, int rank, struct rp__outbox *outbox);

/* pool.c: a pool on some of the ranks. NULL: out of memory. */
rp_pool *rp__pool_new(rp_world *world, const rp_pool_options *options, uint32_t first_rank, uint32_t ranks);
/* World lock held: ask its ranks for their crews, and wait until all are there. Where that fails, and `ended` is set,
 * the service frees the pool. */
int rp__pool_start(rp_pool *pool, const struct rp__buffer *wish, rp_error *error);
/* pool.c, for the service under the world's lock. */
void rp__pool_free(rp_pool *pool);
/* A line for the user. Hosts say the same in the same words: once is enough. Out of memory, it is lost. */
void rp__pool_keep_note(rp_pool *pool, const char *text, size_t length);
/* inputs.c: what the options tell of an earlier run makes sense, or RP_EINVAL with words for it. */
int rp__check_resume(const rp_map_options *options, rp_error *error);
/* Map lock held: count one more input. 0, or RP_EMISMATCH: it is not what it should be. */
int rp__count_input(rp_map *map, const void *input, size_t size);
/* Map lock held: would the next input be of a task that is skipped? */
bool rp__is_input_skipped(const rp_map *map);

/* map.c: a map whose results the collector takes. It is never held up by what nobody has read or computed. */
int rp__map_open(rp_pool *pool, const rp_map_options *options, struct rp__collector *collector, rp_map **map,
                 rp_error *error);
/* What is ready, given; *complete: nothing will come after it. Returns why the map cannot go on, or 0. */
int rp__map_take(rp_map *map, struct rp__part **parts, bool *complete);
/* Why it cannot go on, or 0. */
int rp__map_error(rp_map *map);
/* The service has ended, and nothing uses the map any more. */
void rp__map_free(rp_map *map);
/* Cancel tasks [begin, end), see rp__master_map_cancel; waits for the answers if *refused is wanted. 0, RP_ENOMEM, why
 * the map cannot go on. */
int rp__map_cancel(rp_map *map, uint64_t begin, uint64_t end, bool kill, bool *refused);
/* The next record of a part, whose records are of so many tasks each (0: its one record is of all): 1; 0: it has none left; RP_EPROTOCOL. *at and *task begin as 0 and the part's begin. */
int rp__part_read(const struct rp__part *part, uint64_t tasks, size_t *at, uint64_t *task, rp_result *result);

/* map.c, for the service under the world's lock: move what the program put to the master and what is due to it. */
int rp__map_exchange(rp_map *map);
/* The map cannot go on: whoever waits for it learns why. */
void rp__map_fail(rp_map *map, int code);

/* map.c, for the map's reader: what rp_map_next handed out last comes again. */
void rp__map_unread(rp_map *map, const rp_result *result);

/* process.c, for the service under the world's lock: a frame of its pool came. true: it is not for the master. */
bool rp__process_told(rp_process *process, const struct rp__frame *frame);
/* End its pool if its task is over, or it is to be killed. */
void rp__process_look(rp_process *process);
void rp__processes_free(rp_world *world);

/* spill.c: where results wait that are too far ahead. NULL: out of memory. The file is made when first needed. */
struct rp__spill *rp__spill_new(void);
void rp__spill_free(struct rp__spill *spill);
struct rp__window_aside rp__spill_aside(struct rp__spill *spill);

#endif
