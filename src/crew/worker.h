/* The worker: takes work from its ring, computes it, answers. The same for every kind of crew; a kind only decides
 * who calls it, and whether it may sleep. */
#ifndef RP_CREW_WORKER_H
#define RP_CREW_WORKER_H

#include "crew/arena.h"

/* In the environment of a worker process, its own pid: programs that it starts have another. */
#define RP__WORKER_PID "RANKPOOL_WORKER_PID"

struct rp__worker;

enum rp__worker_did {
    RP__WORKER_IDLE,   /* nothing to do, or no room to answer */
    RP__WORKER_WORKED, /* took a piece of work and did it */
    RP__WORKER_LEFT    /* it is over: rp__worker_free */
};

/* Attach to the slot and report STARTED with the binding of the calling thread. NULL: out of memory.
 * `own_thread`: the calling thread is the worker's own, so it is bound as the slot says and may sleep. */
struct rp__worker *rp__worker_new(const struct rp__arena *arena, uint32_t index, bool own_thread);
/* Do one piece of work: a map, a chunk. */
enum rp__worker_did rp__worker_step(struct rp__worker *worker);
/* Work, and sleep where there is none, until it is over. */
void rp__worker_run(struct rp__worker *worker);
/* Tears down the maps that it knew, and says in the slot why it left: after that the agent may reuse the slot. */
void rp__worker_free(struct rp__worker *worker);

#endif
