/* Ends that come early. With an end ahead, no chunk is dealt that would not be over by it, as far as the measured times
 * tell; where the run is drained, none is dealt at all, and what has not started is asked back.
 *
 * Invariants: a chunk that does not fit is cut, or goes back to the ledger whole, so no task is lost on the way; and
 * where dealing came to rest because something did not fit, `refused` says so until it begins again. */
#include "core/master_state.h"

/* A chunk may take longer than its like by so much. */
static const double RESERVE = 1.5;

/* How long a task takes at this rank; or, where none was answered there, on the mean of the others. 0: not known. */
static double ns_per_task(const struct rp__master *master, const struct rp__master_map *map, uint32_t at) {
    double sum = 0;
    uint32_t known = 0;
    if (map->rank[at].ns_per_task > 0) return map->rank[at].ns_per_task;
    for (uint32_t i = 0; i < master->ranks; i++) {
        if (map->rank[i].ns_per_task <= 0) continue;
        sum += map->rank[i].ns_per_task;
        known++;
    }
    return known ? sum / known : 0;
}

uint64_t rp__end_room(const struct rp__master *master, const struct rp__master_map *map, uint32_t at) {
    const struct rp__master_rank *rank = &master->rank[at];
    const double ns = ns_per_task(master, map, at);
    if (!master->end_ns) return UINT64_MAX;
    if (master->draining || master->now_ns >= master->end_ns) return 0;
    if (ns <= 0) return 1;
    const double queued_ns = rank->held < rank->workers ? 0 : rank->expected_ns / rank->workers;
    const double tasks = ((double)(master->end_ns - master->now_ns) / RESERVE - queued_ns) / ns;
    return tasks < 1 ? 0 : tasks >= 1e18 ? UINT64_MAX : (uint64_t)tasks;
}

/* Half of what would fit, where there can be so little: so chunks get shorter towards the end, and what they show of their
 * length counts for the next. Where nothing is known yet, the least. */
bool rp__end_fit(struct rp__master *master, struct rp__master_map *map, uint32_t at, struct rp__range *range) {
    if (!master->end_ns) return true;
    const uint64_t room = rp__end_room(master, map, at);
    const bool least = room == 1 && ns_per_task(master, map, at) <= 0;
    if ((!least && rp__ledger_cut(&map->ledger, range, room / 2, false)) ||
        rp__ledger_cut(&map->ledger, range, room, least))
        return true;
    master->refused = true;
    rp__ledger_again(&map->ledger, range);
    return false;
}

void rp__master_set_end(struct rp__master *master, uint64_t end_ns) {
    master->end_ns = end_ns;
    master->restless = true;
}

int rp__master_drain(struct rp__master *master, uint64_t end_ns) {
    int rc = 0;
    if (!master->end_ns || end_ns < master->end_ns) master->end_ns = end_ns;
    for (uint32_t at = 0; at < master->ranks && rc == 0 && !master->draining; at++) {
        const struct rp__master_rank *rank = &master->rank[at];
        if (!rank->up || rank->asked_back || !rank->held) continue;
        rc = rp__master_control(master, at, &(struct rp__frame){.type = RP__FRAME_TAKE_BACK, .count = rank->held});
        if (rc == 0) master->rank[at].asked_back = true;
    }
    master->draining = true;
    return rc;
}

/* May it be over by the end? It had better begun when it was dealt; how far it is tells more, where it shows that. What is
 * known of neither may. */
static bool ends_in_time(const struct rp__master *master, const struct rp__chunk *chunk) {
    const double tasks = (double)(chunk->range.end - chunk->range.begin);
    const double room_ns = (double)master->end_ns - (double)chunk->dealt_ns;
    const double ns = ns_per_task(master, chunk->map, chunk->rank) * tasks;
    if (ns > 0 && ns <= room_ns) return true;
    if (chunk->progress <= 0) return ns <= 0;
    return (double)(master->now_ns - chunk->dealt_ns) * tasks / chunk->progress <= room_ns;
}

static bool is_waited_for(const struct rp__master *master) {
    for (uint32_t i = 0; i < master->chunks; i++) {
        const struct rp__chunk *chunk = &master->chunk[i];
        if (!chunk->id || chunk->surplus || chunk->map->closing) continue;
        if (!master->draining || ends_in_time(master, chunk)) return true;
    }
    return false;
}

/* Nothing of it is out, and it goes on with what does not fit any more, or is done. */
static bool is_refused(const struct rp__master_map *map) {
    return map->closing || rp__ledger_complete(&map->ledger) || rp__ledger_undealt(&map->ledger) > 0;
}

bool rp__master_is_over(const struct rp__master *master) {
    if (!master->end_ns) return false;
    if (master->now_ns >= master->end_ns) return true;
    if (!master->draining && (!master->refused || master->restless)) return false;
    for (const struct rp__master_map *map = master->maps; map && !master->draining; map = map->next)
        if (!is_refused(map)) return false;
    return master->control_from == master->control_to && !is_waited_for(master);
}
