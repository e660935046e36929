/* The simulator's clock, and bells that ranks of one host wait at. What the real loop does by threads, futexes and
 * sleeping is done here by letting simulated time go by. All ranks live in one process, each an actor of its own. */
#ifndef RP_TESTS_SIM_CLOCK_H
#define RP_TESTS_SIM_CLOCK_H

#include "net/net.h"

/* What the ranks of a host ring, its own net's doorbell first: sim_wake.c knows a bell by it. */
struct sim_bell {
    struct rp__net_bell net;
    void *semaphore;
    bool rung; /* and nobody has waited since */
};

void sim_bell_open(struct sim_bell *bell);
void sim_bell_close(struct sim_bell *bell);
/* For at most so long; true: it was rung. */
bool sim_bell_wait(struct sim_bell *bell, uint64_t most_ns);

uint64_t sim_now_ns(void);
/* The calling rank computes for so long. */
void sim_compute(double ns);

#endif
