/* What is simulated: the map, the workers' speeds, and what each step of the real code costs on a real machine. Read from
 * words such as "workers=64"; `costs` prints the last of them. */
#ifndef RP_TESTS_SIM_CASE_H
#define RP_TESTS_SIM_CASE_H

#include <stdbool.h>
#include <stdint.h>

struct sim_case {
    double workers;   /* of each rank */
    double task_us;   /* what a task computes */
    double tasks;     /* a worker */
    double chunk;     /* tasks a chunk; 0: auto */
    double range;     /* 1: a record a chunk, else one a task */
    double pure;      /* 1: its tasks may run twice */
    double slow_half; /* every other node takes so many times as long; 1: it does not */
    double bypass;    /* ns on the way for a message that goes round the simulator, sim_pool.c; 0: none does */
    double straggler; /* the last worker of the last rank does; 1: it does not */

    /* ns: a message sent or received; at rank 0 a chunk answered, each record in it, and a chunk dealt; at an agent a chunk
     * given, answered, each record in it, a look at its crew and at each worker in it; at a worker a chunk and a record. */
    double message, master_result, master_record, master_deal;
    double agent_work, agent_result, agent_record, agent_poll, agent_worker;
    double worker_chunk, worker_record;
};

/* false: a word that makes no sense, in *wrong. */
bool sim_case_read(struct sim_case *simulated, int count, char **words, const char **wrong);

#endif
