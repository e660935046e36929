/* The in-process transport: all ranks in one process and one thread, on a clock that the test moves.
 *
 * A message is under way for a random time within the script's bounds, so messages of different senders overtake
 * each other while those of one pair keep their order. The same script and the same calls give the same run.
 * A rank's messages to itself are there at once. `pending` counts what a rank sent and is still under way. */
#ifndef RP_NET_NET_LOCAL_H
#define RP_NET_NET_LOCAL_H

#include "net/net.h"

struct rp__net_local;

/* What becomes of messages that a lost rank had under way. */
enum rp__net_local_loss {
    RP__NET_LOSS_DELIVER, /* all arrive */
    RP__NET_LOSS_DROP,    /* none arrives */
    RP__NET_LOSS_RANDOM   /* for each receiver, the earlier ones up to a random moment */
};

struct rp__net_local_script {
    uint64_t seed;
    uint64_t delay_min_ns, delay_max_ns; /* both included */
    enum rp__net_local_loss loss;
    int ranks_per_host; /* 0: all on one host */
};

/* `size` ranks at time 0. NULL: out of memory. */
struct rp__net_local *rp__net_local_new(int size, const struct rp__net_local_script *script);
void rp__net_local_free(struct rp__net_local *hub);

/* The end of `rank`, owned by the hub; its close only makes it deaf: messages that it sent still arrive. */
struct rp__net *rp__net_local_end(struct rp__net_local *hub, int rank);
/* Moves the clock to `now_ns` (never back): what has arrived by then can be polled. 0 or RP_ENOMEM. */
int rp__net_local_advance(struct rp__net_local *hub, uint64_t now_ns);
/* When the next message arrives, or UINT64_MAX when none is under way. */
uint64_t rp__net_local_next(const struct rp__net_local *hub);
/* The rank is gone: it hears nothing, what it sends from now on and what is sent to it vanishes. */
void rp__net_local_lose(struct rp__net_local *hub, int rank);
/* Did a rank abort? Then nothing moves any more, and `*exit_code` is what it asked for. */
bool rp__net_local_aborted(const struct rp__net_local *hub, int *exit_code);

#endif
