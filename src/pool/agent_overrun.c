/* Tasks that compute for longer than their map allows: their worker is killed, as if it had crashed. The agent looks again
 * and again at which task each worker is at, so that a limit costs the workers nothing.
 *
 * - A task is never killed early: its time begins when it was first seen. It may be late by two looks.
 * - Of the time between two looks no more than a moment counts. Where there was more, the agent itself was held up, and
 *   what it has not taken in since may be the answer.
 * - A chunk that its worker does not begin counts as a task of its own: a stopped worker is found there, too. */
#include "pool/agent_state.h"

#include <stdio.h>

/* Between looks; what counts of that at most; and what a worker may take beside the limit to begin a chunk. */
static const uint64_t WATCH_NS = 5000000, MOMENT_NS = 200000000, BEGIN_NS = 1000000000;

#define NOT_BEGUN (UINT64_MAX - 1) /* beside items, and UINT64_MAX for none */

static void kill_late(struct rp__agent *agent, uint32_t at, const struct rp__held *held) {
    struct rp__agent_life *life = &agent->life[at];
    char cause[64];
    snprintf(cause, sizeof cause, "took longer than %g s", (double)held->map->limit_ns * 1e-9);
    life->overran = true;
    life->late_chunk = held->work.chunk;
    life->late_item = held->item;
    (void)agent->ops->kill(agent->crew, at, cause); /* a dead nursery shows at the next look */
}

static void watch_life(struct rp__agent *agent, uint32_t at, uint64_t passed_ns) {
    const struct rp__agent_life *life = &agent->life[at];
    struct rp__held *held = life->given.first;
    if (!held || !held->map->limit_ns || !life->ready || life->killed || life->overran) return;
    uint64_t item;
    double tasks;
    if (!rp__agent_is_at(agent, at, held, &tasks, &item)) item = NOT_BEGUN;
    held->item_ns = held->watched && item == held->item ? held->item_ns + passed_ns : 0;
    held->item = item;
    held->watched = true;
    if (held->item_ns <= held->map->limit_ns + (item == NOT_BEGUN ? BEGIN_NS : 0)) return;
    if (rp__agent_recall_behind(agent, at)) kill_late(agent, at, held);
}

void rp__agent_watch(struct rp__agent *agent, uint64_t now_ns) {
    const struct rp__agent_map *map = agent->maps;
    const uint64_t passed_ns = now_ns - agent->watched_ns;
    if (passed_ns < WATCH_NS) return;
    agent->watched_ns = now_ns;
    while (map && !map->limit_ns) map = map->next;
    for (uint32_t at = 0; map && at < agent->lives; at++)
        watch_life(agent, at, passed_ns < MOMENT_NS ? passed_ns : MOMENT_NS);
}

bool rp__agent_missed(const struct rp__agent_life *life, const struct rp__crew_event *event) {
    if (!life->overran || !event->in_hand) return false;
    const uint64_t item = event->task_known ? event->task : UINT64_MAX;
    return event->chunk != life->late_chunk || item != life->late_item;
}
