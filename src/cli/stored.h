/* A run with a store (rankpool_store.h), which keeps what is done, so that the same command goes on after whatever ended
 * it. Only rank 0 has one. */
#ifndef RP_CLI_STORED_H
#define RP_CLI_STORED_H

#include "cli.h"
#include "rankpool_store.h"

#define OUTPUT_CLOSED "standard output was closed"

/* From stored_open to stored_close. */
struct stored {
    rp_store *store;
    const char *path;
    bool eager;             /* each result is committed as soon as may be */
    bool done;              /* by an earlier run: nothing is left to compute, and all output is there again */
    uint64_t tasks, failed; /* of earlier runs: known ones, and failed ones, which are listed */
    uint64_t before;        /* tasks that earlier runs have done */
    double seconds;         /* of earlier runs */
    uint64_t inputs;        /* that earlier runs have put, and their digest; 0: nothing is left to compare */
    uint64_t digest;
};

/* Can the run have a store? 0 or rp_job_fail(). Of the plan alone, so the same on every rank. */
int stored_check(rp_job_run *run);
/* Opens it for the run: its job has the state that it had, run->out takes the output, run->map what is left to compute.
 * Failures of earlier runs are listed. 0 or an exit code, with a line on stderr; stored->store may be open then. */
int stored_open(struct stored *stored, const struct options *options, rp_job_run *run, int ranks);
/* Have the inputs of earlier runs been put again? Before that no result may be used. 0; RP_ETIMEDOUT: not all, yet;
 * RP_EMISMATCH: they are others. */
int stored_inputs(struct stored *stored, rp_map *map);
/* Begins a commit now and then. 0, or why the store cannot go on. */
int stored_tick(struct stored *stored, rp_map *map, const rp_map_stats *stats);
/* Commits all that is there and closes it. 0, or an exit code with a line on stderr. */
int stored_close(struct stored *stored, rp_job_run *run, enum rp_store_end end, const rp_map_stats *stats);
/* Of a store that is closed: why the run stopped, how far it has come and the command that goes on, on stderr. */
void stored_say_left(const struct stored *stored, const char *why);

#endif
