/* In place of src/net/net_wake.c: the ranks of a simulated host are in one process, so a neighbour's doorbell is its
 * address. */
#include "net/net_mpi.h"
#include "sim_clock.h"

#include <stdlib.h>

int rp__net_wake_open(struct rp__net_wake *wake, const struct rp__net_bell *bell, int rank, MPI_Comm host,
                      rp_error *error) {
    struct card {
        int rank;
        const struct rp__net_bell *bell;
    } own = {rank, bell}, *cards;
    int count;
    MPI_Comm_size(host, &count);
    if (!(cards = malloc((size_t)count * sizeof *cards))) return RP_ENOMEM;
    int status = MPI_Allgather(&own, sizeof own, MPI_BYTE, cards, sizeof own, MPI_BYTE, host);
    wake->bell = *bell;
    for (int i = 0; status == MPI_SUCCESS && i < count; i++)
        if (cards[i].rank != rank) wake->page[cards[i].rank] = (void *)(uintptr_t)cards[i].bell;
    free(cards);
    return status == MPI_SUCCESS ? 0 : rp__net_mpi_fail(error, "MPI_Allgather", status);
}

void rp__net_wake_close(struct rp__net_wake *wake) {
    free(wake->page);
    *wake = (struct rp__net_wake){0};
}
