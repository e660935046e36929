/* How far chunks are, for whoever watches a map. Most chunks are answered before anybody could care: told are those
 * that were in hand at two looks, and only what has changed. */
#include "pool/agent_state.h"

#include <string.h>

static const uint64_t LOOK_NS = 100000000; /* between looks */

static int tell(struct rp__agent *agent, struct rp__held *held, double tasks) {
    struct rp__frame frame = {.type = RP__FRAME_PROGRESS, .chunk = held->work.chunk};
    memcpy(&frame.count, &tasks, sizeof tasks);
    held->progress = tasks;
    return rp__outbox_put(agent->out, &frame);
}

int rp__agent_look(struct rp__agent *agent, uint64_t now_ns) {
    int rc = 0;
    rp__agent_watch(agent, now_ns);
    if (now_ns - agent->looked_ns < LOOK_NS) return 0;
    agent->looked_ns = now_ns;
    for (uint32_t at = 0; at < agent->lives && rc == 0; at++) {
        struct rp__held *held = agent->life[at].given.first;
        uint64_t item;
        double tasks;
        if (!held || !rp__agent_is_at(agent, at, held, &tasks, &item)) continue;
        if (held->seen && tasks != held->progress) rc = tell(agent, held, tasks);
        held->seen = true;
    }
    return rc;
}
