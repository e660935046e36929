/* rankpool inside an MPI program: a world on a communicator that the program already has.
 *
 * The workers are threads of the ranks, or the ranks themselves (inline): worker processes would have to be forked
 * before MPI starts, which is what rp_world_open is for. There is no service thread: the pool makes progress while the
 * thread that attached is inside an rp_ call, and only that thread may call. The communicator is duplicated; MPI stays
 * the program's to end, and needs no more than MPI_THREAD_SINGLE for inline workers, MPI_THREAD_FUNNELED for threads. */
#ifndef RANKPOOL_MPI_H
#define RANKPOOL_MPI_H

#include "rankpool.h"

#include <mpi.h>

/* Collective over `comm`, between MPI_Init and MPI_Finalize. On rank 0 of it returns 0. The other ranks serve in here,
 * until rank 0 closes the world: they return RP_SERVED then, with the code that rank 0 sent in `*exit_code`, and go on
 * in their program. Any number of worlds one after the other; `options->mpi` is not used, `catch_signals` is refused.
 * Errors: RP_EINVAL, RP_EMPI, RP_EMISMATCH, RP_ESYSTEM, RP_ENOMEM; no world exists then. */
static inline int rp_world_attach(MPI_Comm comm, const rp_world_options *options, rp_world **world, int *exit_code,
                                  rp_error *error) {
    return rp_world_attach_fortran((int)MPI_Comm_c2f(comm), options, world, exit_code, error);
}

#endif
