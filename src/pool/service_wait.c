/* How a rank sleeps when nothing is to be done: whoever has something for it rings its bell, if it can: workers, the
 * program's threads, ranks of this host. Messages of other hosts cannot, so with them the sleep bounds the latency. While
 * a worker idles the sleep is a part of the time since something last happened, so a wait costs at most that part more;
 * the loop spins for a moment first, which is what a round trip of a small task takes. */
#include "pool/world_state.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

enum {
    SPIN_NS = 20 * 1000,
    YIELD_NS = 60 * 1000,
    SLEEP_REMOTE_NS = 1000 * 1000,     /* other hosts may have work for us, or need us */
    SLEEP_QUIET_NS = 5 * 1000 * 1000,  /* other hosts may have something, but nobody waits for it */
    SLEEP_LOCAL_NS = 20 * 1000 * 1000, /* whoever has something rings, but a dead nursery cannot */
    SLEEP_SENDING_NS = 100 * 1000,     /* messages need our polls to leave */
    FEW = 4
};

/* srun copies stdin to every rank, and a rank that does not read it stalls rank 0. true: something was there. */
static bool drain_stdin(rp_world *world) {
    char bytes[65536];
    struct pollfd in = {.fd = 0, .events = POLLIN};
    if (!world->drain_stdin || poll(&in, 1, 0) <= 0) return false;
    ssize_t n = read(0, bytes, sizeof bytes);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) world->drain_stdin = false;
    return n > 0;
}

/* What this rank's crews are at. */
struct crews_state {
    bool any, idle; /* there are agents; one of them has a worker without work, or there are none */
    bool soon;      /* an answer comes sooner than a sleep would end */
};

/* A few short chunks and no more: their answers come sooner than a sleep would end. Where many stream, the workers ring
 * when it is worth while. */
static bool answers_soon(const struct rp__agent *agent) {
    uint64_t chunk_ns = rp__agent_chunk_ns(agent);
    return chunk_ns && chunk_ns < SPIN_NS && rp__agent_held(agent) && rp__agent_held(agent) < FEW;
}

static struct crews_state look_at_crews(const rp_world *world) {
    struct crews_state state = {0};
    for (const struct rp__rank_crew *crew = world->crews; crew; crew = crew->next) {
        if (!crew->agent) continue;
        state.any = true;
        state.idle |= rp__agent_idle(crew->agent) > 0;
        state.soon |= answers_soon(crew->agent);
    }
    state.idle |= !state.any;
    return state;
}

static int64_t sleep_for(const rp_world *world, const struct crews_state *crews, uint64_t quiet_ns) {
    bool busy = crews->any && !crews->idle;
    int64_t most = SLEEP_LOCAL_NS;
    if (world->net->hosts > 1)
        most = crews->any && (world->net->rank == 0 ? world->maps != NULL : !busy) ? SLEEP_REMOTE_NS : SLEEP_QUIET_NS;
    if (world->net->ops->pending(world->net) && most > SLEEP_SENDING_NS) most = SLEEP_SENDING_NS;
    /* While every worker computes, one of them will ring. */
    int64_t now = busy ? most : (int64_t)(quiet_ns / 4);
    if (most > world->calls_ns) most = world->calls_ns;
    return now < most ? now : most;
}

void rp__service_wait(rp_world *world, int64_t most_ns) {
    uint64_t now = rp__now_ns();
    if (!world->quiet_since) world->quiet_since = now;
    uint64_t quiet = now - world->quiet_since;
    struct crews_state crews = look_at_crews(world);
    if (quiet < SPIN_NS && (crews.idle || crews.soon)) return;
    if (quiet < YIELD_NS && crews.idle) {
        sched_yield();
        return;
    }
    if (world->out.count || drain_stdin(world)) return;
    int64_t sleep_ns = sleep_for(world, &crews, quiet);
    rp__bell_wait(world->bell, world->rung, sleep_ns < most_ns ? sleep_ns : most_ns);
}
