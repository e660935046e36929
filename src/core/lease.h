/* Who of the others is still there. A rank owes each of its peers a sign of life every second: any message is one, and
 * where none has gone out for a while it sends an empty one, a beat. A peer that has given none for as long as its lease
 * is lost.
 *
 * What counts is the judge's own time. It passes as the clock does, but by no more than RP__LEASE_STEP_NS from one look
 * to the next: a judge that was stopped, or swapped out, has not listened meanwhile, and accuses nobody for it.
 *
 * A round a second goes over the peers, so a beat costs the same however many there are. */
#ifndef RP_CORE_LEASE_H
#define RP_CORE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#define RP__LEASE_BEAT_NS UINT64_C(1000000000)
#define RP__LEASE_STEP_NS UINT64_C(2000000000)

struct rp__lease_peer;

struct rp__lease {
    uint64_t lease_ns;
    uint64_t looked_ns;    /* the clock at the last look */
    uint64_t own_ns;       /* own time since the lease began */
    uint64_t round_ns;     /* when the next round is, in own time */
    uint32_t first, peers; /* ranks [first, first + peers); no peers: nobody owes anything */
    uint32_t at;           /* of the round: the next to be looked at; peers: the round is over */
    struct rp__lease_peer *peer;
};

enum rp__lease_call {
    RP__LEASE_NONE, /* the round is over */
    RP__LEASE_BEAT, /* this rank is to get a beat: it counts as sent */
    RP__LEASE_LOST  /* this rank is lost, which is said once */
};

/* The leases of these peers begin. 0, RP_ENOMEM. All zero is a lease without peers. */
int rp__lease_begin(struct rp__lease *lease, uint32_t first, uint32_t peers, uint64_t lease_ns, uint64_t now_ns);
void rp__lease_end(struct rp__lease *lease);
/* The time now, of any clock that goes on; before what has come since the last look is told. */
void rp__lease_look(struct rp__lease *lease, uint64_t now_ns);
/* Something came from this rank, or went to it. Those that are no peers do not matter. */
void rp__lease_heard(struct rp__lease *lease, uint32_t rank);
void rp__lease_sent(struct rp__lease *lease, uint32_t rank);
/* What is to be done next, after all that has come was told. */
enum rp__lease_call rp__lease_next(struct rp__lease *lease, uint32_t *rank);

#endif
