/* How ranks exchange messages: a table of functions with two makers, MPI and an in-process one for tests.
 *
 * A message is a run of bytes of at most RP__MESSAGE_MAX. Messages from one rank to another arrive in the
 * order sent; of different senders in any order. Nothing blocks. Not thread-safe: one thread owns a net. */
#ifndef RP_NET_NET_H
#define RP_NET_NET_H

#include "core/wire.h"
#include "rankpool.h"

struct rp__net;

struct rp__net_message {
    int source;
    const uint8_t *data; /* lent until the next poll */
    size_t size;
};

struct rp__net_ops {
    /* Takes the bytes of `buffer` (it is empty afterwards, whatever happens) and sends them. */
    int (*send)(struct rp__net *net, int rank, struct rp__buffer *buffer, rp_error *error);
    /* The next message, and progress for what is on its way. */
    int (*poll)(struct rp__net *net, struct rp__net_message *message, bool *got, rp_error *error);
    /* Messages sent that still need this rank's polls to get away. */
    size_t (*pending)(const struct rp__net *net);
    /* Bytes of messages sent to `rank`, which may be this one, that are in this rank's memory still. */
    size_t (*unsent)(const struct rp__net *net, int rank);
    /* 1: another rank is gone, and `*rank` is told once; what is sent to it from now on is dropped. 0: none is, that was
     * not told before. NULL: that is never known. */
    int (*lost)(struct rp__net *net, int *rank);
    /* Ends the net; after it every message sent has left or never will. Blocks for the other ranks (MPI_Finalize), but
     * where `close_ns` is set gives those up that have not come by then. */
    void (*close)(struct rp__net *net);
    /* The world cannot go on: ends every rank, now. Does not return under MPI. */
    void (*abort)(struct rp__net *net, int exit_code);
};

struct rp__net {
    const struct rp__net_ops *ops;
    int rank, size;
    int local_rank, local_size; /* among the ranks of this host */
    int hosts;
    int host;          /* 0..: which of them this rank is on, in order of their lowest rank */
    int *host_of;      /* [size] the lowest rank of each rank's host; the net's own. NULL: all are on one */
    bool survives;     /* the others go on when a rank is lost */
    bool hush;         /* set by the owner: what it sends now is urgent to nobody, so no neighbour is woken for it */
    uint64_t close_ns; /* set by the owner: how long close waits for the other ranks; 0: for ever */
};

/* What the net needs of the agent's doorbell (crew/bell.h), so that ranks of one host wake each other. */
struct rp__net_bell {
    int fd;               /* of this rank's own bell page */
    void *(*map)(int fd); /* another rank's page; NULL: it cannot be mapped */
    void (*ring)(void *page);
    void (*unmap)(void *page);
};

/* A world of this process alone, without MPI. NULL: out of memory. */
struct rp__net *rp__net_solo(void);

/* MPI_Init_thread(FUNNELED) by the calling thread, which owns the net from then on. Collective. */
int rp__net_mpi_open(struct rp__net **net, const struct rp__net_bell *bell, rp_error *error);
/* The same on a communicator of the program, by its Fortran handle: it is duplicated, MPI has been started and is
 * ended by the program. */
int rp__net_mpi_attach(struct rp__net **net, int fortran_comm, const struct rp__net_bell *bell, rp_error *error);
/* Collective over the ranks of this host, right after the open: rank `local` 0's bytes reach all of them.
 * `*data` is NULL on the receivers and becomes theirs (free()). */
int rp__net_mpi_share(struct rp__net *net, char **data, size_t *size, rp_error *error);
/* Collective over the ranks of this host, right after the open: all = the `size` bytes of each, in local order. */
int rp__net_mpi_gather(struct rp__net *net, const void *own, size_t size, void *all, rp_error *error);

#endif
