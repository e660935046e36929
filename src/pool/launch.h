/* Who started this process: a launcher with ranks beside it, or nobody.
 *
 *     environment                                    --mpi auto       yes              no
 *     mpirun, srun --mpi=pmix, mpiexec: 1 rank       MPI              MPI              bare
 *     the same, several ranks, or unknown how many   MPI              MPI              RP_ELAUNCH
 *     srun --mpi=none, several tasks                 RP_ELAUNCH       RP_ELAUNCH       RP_ELAUNCH
 *     srun --mpi=none, one task                      bare             MPI, one rank    bare
 *     a batch script or salloc shell, no step        bare; a note where cores are left unused
 *     none of these                                  bare             MPI, one rank    bare
 *
 * Several ranks without MPI would be as many copies of the run, each with all the work and the same output files.
 * So that is refused even when asked for: RANKPOOL_MPI=no in a profile must not do it. */
#ifndef RP_POOL_LAUNCH_H
#define RP_POOL_LAUNCH_H

#include "rankpool.h"

struct rp__launch {
    bool launched;            /* a launcher was recognised */
    bool use_mpi;             /* what to do: start MPI, or run bare */
    const char *launcher;     /* "mpirun", "srun", "PMIx", "PMI"; "" when not launched. Static storage */
    int rank_hint, size_hint; /* what the launcher says; -1: unknown */
    uint32_t cores;           /* explicitly given to this rank (srun -c, mpirun's PE=); 0: nothing was said */
    uint32_t host_cpus;       /* that Slurm gave to the job on this host: cores or hardware threads; 0: not known */
    uint32_t nodes;           /* of the Slurm job; 0: not known, or not inside of one */
    char allocation[100];     /* a line on what Slurm gave: "Slurm job 7: 3 nodes, 12 CPUs"; "": nothing */
    char note[200];           /* a line that the user should know; "": none */
};

/* Reads the environment by `get`, which is getenv() outside tests. 0, or RP_ELAUNCH with the line that works. */
int rp__launch_detect(char *(*get)(const char *name), enum rp_mpi mpi, struct rp__launch *launch, rp_error *error);
/* Once MPI is up: does it see as many ranks as the launcher said? Fewer means that launcher and MPI library do not
 * belong together, and every rank believes that it is alone: RP_ELAUNCH. */
int rp__launch_check(const struct rp__launch *launch, int size, rp_error *error);
/* And once it is known on how many hosts the ranks are: a note where the Slurm job has more. */
void rp__launch_note_hosts(struct rp__launch *launch, uint32_t hosts);

#endif
