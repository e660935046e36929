/* What the files of the MPI transport share: net_mpi.c moves bytes, net_start.c starts MPI, net_wake.c rings,
 * net_ulfm.c knows of ranks that died. */
#ifndef RP_NET_NET_MPI_H
#define RP_NET_NET_MPI_H

#include "net/net.h"

#include <mpi.h>

/* RP_EMPI with the name of the MPI call and what MPI says about its return value `status`. */
int rp__net_mpi_fail(rp_error *error, const char *call, int status);

/* MPI_Init_thread(FUNNELED), once in a process. */
int rp__net_start(rp_error *error);
/* The value of Open MPI's parameter `mtl` that also leaves the psm components out, given what the two parameter
 * files say. false: the user, the site or a device wants otherwise, or nothing is to be left out. */
bool rp__net_start_mtl(const char *user_file, const char *site_file, char *value, size_t size);

/* MPI tells of ranks that died, and goes on without them: it has ULFM, and was started with it. */
bool rp__net_ulfm_is_on(void);
/* What an MPI call returned says that a rank died, and nothing worse. */
bool rp__net_ulfm_is_death(int status);
/* Marks the ranks of `comm` that are known to have died, and has MPI take up its receives from the others again. Returns
 * what MPI did. */
int rp__net_ulfm_learn(MPI_Comm comm, bool died[]);
/* Like MPI_Ibarrier, of those alive: done, perhaps with an error that is a death, when each of them has called it or died.
 * `*flag` stays until then. */
int rp__net_ulfm_barrier(MPI_Comm comm, int *flag, MPI_Request *request);

/* The doorbell pages of the other ranks of this host. */
struct rp__net_wake {
    struct rp__net_bell bell;
    void **page; /* [ranks], NULL: a rank of another host, or one whose page cannot be mapped */
    int ranks;
};

/* Collective over `host`, the ranks of this host, of which this one has number `rank` in the whole net. A page that cannot be mapped is no error. `page` has been
 * allocated by the caller, all NULL; `bell` may be NULL on any rank. */
int rp__net_wake_open(struct rp__net_wake *wake, const struct rp__net_bell *bell, int rank, MPI_Comm host,
                      rp_error *error);
void rp__net_wake_close(struct rp__net_wake *wake);
static inline void rp__net_wake_ring(const struct rp__net_wake *wake, int rank) {
    if (wake->page[rank]) wake->bell.ring(wake->page[rank]);
}

#endif
