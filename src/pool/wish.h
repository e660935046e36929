/* What rank 0 wants of every crew of a pool, as it travels: the struct, then what it points to. */
#ifndef RP_POOL_WISH_H
#define RP_POOL_WISH_H

#include "rankpool.h"

/* The cores given to each rank are what rank 0 was told: where mpirun starts daemons by srun, the ranks of other hosts see
 * the daemons' step. */
struct rp__pool_wish {
    rp_pool_options options;
    uint32_t given;
    uint32_t first_rank, ranks; /* where its crews are: in ranks [first_rank, first_rank + ranks) */
    bool process;               /* its one worker is a Process */
    bool initializes;     /* pointers mean nothing to other ranks: options.rank_count numbers of type int follow in the
                             frame, in ascending order, and the initializer's input, */
    uint32_t initializer; /* whose kernel this is */
};

/* Reads one from `size` bytes at `data`, aligned as malloc's are, which the wish then points into: its ranks, and the
 * initializer's input, which it gives. RP_EPROTOCOL: they are none, and nothing is set. */
int rp__wish_read(const uint8_t *data, size_t size, uint32_t world_ranks, struct rp__pool_wish *wish, rp_error *error);

#endif
