/* The program of rank 0 in a simulation: it opens a pool and one map, reads every result, and ends. The master that deals is the
 * real one. */
#ifndef RP_TESTS_SIM_MASTER_H
#define RP_TESTS_SIM_MASTER_H

#include "core/master.h"
#include "sim_case.h"

struct sim_master {
    struct rp__master *master;
    const struct sim_case *simulated;
    uint64_t tasks, read; /* of the map; read: results */
    struct rp__master_map *map;
    uint64_t opened_ns, done_ns; /* the map, when */
    bool closing, over;          /* over: the pool is closed */
    uint64_t chunks;
};

/* Out of memory is out of reach: these return false for any failure, which is a bug. */
bool sim_master_open(struct sim_master *master, uint32_t ranks, const struct sim_case *simulated);
/* After messages came, and before actions are asked for. */
bool sim_master_step(struct sim_master *master, uint64_t now_ns);
void sim_master_free(struct sim_master *master);

#endif
