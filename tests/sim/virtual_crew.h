/* A crew whose tasks take time on a clock that somebody else moves: nothing is computed, and a chunk is answered when
 * its time has come. It keeps the contracts of crew/crew.h; the agent above it is the real one. Nobody dies in it. */
#ifndef RP_TESTS_VIRTUAL_CREW_H
#define RP_TESTS_VIRTUAL_CREW_H

#include "pool/agent.h"

struct virtual_options {
    uint32_t workers;
    const double *slowness;        /* [workers] a task takes so many times task_ns; copied */
    double task_ns;                /* what is computed */
    double chunk_cost_ns, cost_ns; /* what a worker needs besides: for a chunk, and for each of its records */
    uint64_t edge_ns[2];           /* when the middle of the run begins and ends */
    bool range;                    /* a record a chunk, else one a task */
};

/* NULL: out of memory. */
struct rp__crew *virtual_crew_new(const struct virtual_options *options);
void virtual_crew_free(struct rp__crew *crew);
/* Time goes on: what is answered by now is there for the agent's next poll. */
void virtual_crew_advance(struct rp__crew *crew, uint64_t now_ns);
/* When a worker rings next, as rp__crew_low_water says; UINT64_MAX: none will, as things are. */
uint64_t virtual_crew_rings_at(const struct rp__crew *crew);
/* The agent has used a core for so long, on which a worker computes: one of them, in turn, is so much later. */
void virtual_crew_delay(struct rp__crew *crew, uint64_t ns);

/* Tasks that were computed before the middle of the run, and in it; of chunks that were answered. */
void virtual_crew_computed(const struct rp__crew *crew, double tasks[2]);

extern const struct rp__agent_crew virtual_agent_crew;

#endif
