/* What MPI says about ranks that died, where it has ULFM (User-Level Failure Mitigation: Open MPI 5, when started by
 * mpirun --with-ft ulfm). An operation that needs a dead rank ends with an error then, and so does a receive from any
 * rank, once, until the death has been acknowledged: the receive stays posted. Any other MPI is as if nobody ever died,
 * since it ends the job itself. */
#include "net/net_mpi.h"

#include <stdlib.h>

#if defined OPEN_MPI && __has_include(<mpi-ext.h>)
#include <mpi-ext.h>
#endif

#ifdef OMPI_HAVE_MPI_EXT_FTMPI

bool rp__net_ulfm_is_on(void) {
    int *on = NULL, known = 0;
    return MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_FT, &on, &known) == MPI_SUCCESS && known && on && *on;
}

bool rp__net_ulfm_is_death(int status) {
    int class = MPI_SUCCESS;
    MPI_Error_class(status, &class);
    return class == MPIX_ERR_PROC_FAILED || class == MPIX_ERR_PROC_FAILED_PENDING;
}

static int mark(MPI_Comm comm, MPI_Group dead, int count, bool died[]) {
    int *in_dead = malloc((size_t)count * sizeof *in_dead), *rank = malloc((size_t)count * sizeof *rank);
    int status = in_dead && rank ? MPI_SUCCESS : MPI_ERR_NO_MEM;
    MPI_Group all = MPI_GROUP_NULL;
    for (int i = 0; status == MPI_SUCCESS && i < count; i++) in_dead[i] = i;
    if (status == MPI_SUCCESS) status = MPI_Comm_group(comm, &all);
    if (status == MPI_SUCCESS) status = MPI_Group_translate_ranks(dead, count, in_dead, all, rank);
    for (int i = 0; status == MPI_SUCCESS && i < count; i++) died[rank[i]] = true;
    if (all != MPI_GROUP_NULL) MPI_Group_free(&all);
    free(in_dead);
    free(rank);
    return status;
}

int rp__net_ulfm_learn(MPI_Comm comm, bool died[]) {
    MPI_Group dead;
    int count = 0, acknowledged;
    int status = MPIX_Comm_get_failed(comm, &dead);
    if (status != MPI_SUCCESS) return status;
    MPI_Group_size(dead, &count);
    if (count) status = mark(comm, dead, count, died);
    MPI_Group_free(&dead);
    /* Those marked, and none that died since. */
    return status == MPI_SUCCESS ? MPIX_Comm_ack_failed(comm, count, &acknowledged) : status;
}

/* An agreement is the only collective call that ends among those alive. */
int rp__net_ulfm_barrier(MPI_Comm comm, int *flag, MPI_Request *request) {
    *flag = 1;
    return MPIX_Comm_iagree(comm, flag, request);
}

#else

bool rp__net_ulfm_is_on(void) { return false; }

bool rp__net_ulfm_is_death(int status) { return false; }

int rp__net_ulfm_learn(MPI_Comm comm, bool died[]) { return MPI_SUCCESS; }

int rp__net_ulfm_barrier(MPI_Comm comm, int *flag, MPI_Request *request) { return MPI_ERR_OTHER; }

#endif
