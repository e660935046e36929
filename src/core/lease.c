/* Signs of life, see lease.h. */
#include "core/lease.h"

#include "rankpool.h"

#include <stdlib.h>

/* Of own time. */
struct rp__lease_peer {
    uint64_t heard_ns, sent_ns;
    bool lost;
};

int rp__lease_begin(struct rp__lease *lease, uint32_t first, uint32_t peers, uint64_t lease_ns, uint64_t now_ns) {
    struct rp__lease_peer *peer = calloc(peers ? peers : 1, sizeof *peer);
    if (!peer) return RP_ENOMEM;
    *lease = (struct rp__lease){.lease_ns = lease_ns,
                                .looked_ns = now_ns,
                                .round_ns = RP__LEASE_BEAT_NS,
                                .first = first,
                                .peers = peers,
                                .at = peers,
                                .peer = peer};
    return 0;
}

void rp__lease_end(struct rp__lease *lease) {
    free(lease->peer);
    *lease = (struct rp__lease){0};
}

void rp__lease_look(struct rp__lease *lease, uint64_t now_ns) {
    const uint64_t passed_ns = now_ns > lease->looked_ns ? now_ns - lease->looked_ns : 0;
    lease->looked_ns += passed_ns;
    lease->own_ns += passed_ns < RP__LEASE_STEP_NS ? passed_ns : RP__LEASE_STEP_NS;
    if (lease->own_ns < lease->round_ns) return;
    lease->round_ns = lease->own_ns + RP__LEASE_BEAT_NS;
    lease->at = 0;
}

static struct rp__lease_peer *peer_of(const struct rp__lease *lease, uint32_t rank) {
    return rank >= lease->first && rank - lease->first < lease->peers ? &lease->peer[rank - lease->first] : NULL;
}

void rp__lease_heard(struct rp__lease *lease, uint32_t rank) {
    struct rp__lease_peer *peer = peer_of(lease, rank);
    if (peer) peer->heard_ns = lease->own_ns;
}

void rp__lease_sent(struct rp__lease *lease, uint32_t rank) {
    struct rp__lease_peer *peer = peer_of(lease, rank);
    if (peer) peer->sent_ns = lease->own_ns;
}

/* What was sent in the later half of the time since the last round serves as this round's beat, so no peer waits
 * for longer than a beat and a half. */
enum rp__lease_call rp__lease_next(struct rp__lease *lease, uint32_t *rank) {
    while (lease->at < lease->peers) {
        struct rp__lease_peer *peer = &lease->peer[lease->at];
        *rank = lease->first + lease->at++;
        if (peer->lost) continue;
        if (lease->own_ns - peer->heard_ns >= lease->lease_ns) {
            peer->lost = true;
            return RP__LEASE_LOST;
        }
        if (lease->own_ns - peer->sent_ns < RP__LEASE_BEAT_NS / 2) continue;
        peer->sent_ns = lease->own_ns;
        return RP__LEASE_BEAT;
    }
    return RP__LEASE_NONE;
}
