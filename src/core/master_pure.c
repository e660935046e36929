/* Late chunks of pure maps. When nothing else can be dealt to a place that idles, a chunk that is out for much longer
 * than its like is dealt once more, to another rank if one idles; the first answer counts, and the other is killed.
 *
 * Invariants: a chunk has at most one twin, of the same tasks, and knows it by its slot until one of them is answered
 * (the other is surplus then) or gone. Tasks come back to the ledger only when both are gone. Twins that die are not
 * counted as attempts, so a chunk has no more of them than its map has retries, and one. */
#include "core/master_state.h"

static const uint64_t LOOK_NS = 5000000;            /* between looks at all chunks that were in vain */
static const double LATE_NS = 20e6, LATE_TIMES = 3; /* later than its like by */

void rp__master_tick(struct rp__master *master, uint64_t now_ns) {
    master->now_ns = now_ns;
    if (now_ns >= master->late_ns) master->restless = true;
}

static bool may_be_twice(const struct rp__chunk *chunk) {
    const struct rp__master_map *map = chunk->map;
    return chunk->id && chunk->counted && !chunk->synced && map->pure && !map->closing && !map->ledger.fixed &&
           !map->ledger.map.grows && !chunk->twin && !chunk->surplus && !chunk->cancels &&
           chunk->twins_lost <= map->retries;
}

/* How long a task of this map takes where the chunk is; or, where none was answered there, elsewhere. 0: not known. */
static double ns_per_task(const struct rp__master *master, const struct rp__chunk *chunk) {
    const struct rp__master_map *map = chunk->map;
    double most = map->rank[chunk->rank].ns_per_task;
    for (uint32_t i = 0; i < master->ranks && map->rank[chunk->rank].ns_per_task <= 0; i++)
        if (map->rank[i].ns_per_task > most) most = map->rank[i].ns_per_task;
    return most;
}

/* From when on the chunk is late. */
static uint64_t late_from(const struct rp__master *master, const struct rp__chunk *chunk) {
    double tasks = (double)(chunk->range.end - chunk->range.begin), ns = ns_per_task(master, chunk) * tasks;
    return ns > 0 && ns < 1e18 ? chunk->dealt_ns + (uint64_t)(LATE_TIMES * ns + LATE_NS) : UINT64_MAX;
}

static bool is_idle(const struct rp__master *master, const struct rp__master_map *map, uint32_t at) {
    const struct rp__master_rank *rank = &master->rank[at];
    return rank->up && rank->held < rp__map_workers(master, map, at);
}

/* A rank that can begin it now: another one, or its own, whose agent gives it to a worker that has nothing. */
static bool find_place(const struct rp__master *master, const struct rp__chunk *chunk, uint32_t *to) {
    for (uint32_t turn = 1; turn <= master->ranks; turn++) {
        uint32_t at = (chunk->rank + turn) % master->ranks;
        if (!is_idle(master, chunk->map, at)) continue;
        *to = at;
        return true;
    }
    return false;
}

static bool is_a_tail(const struct rp__master *master) {
    bool pure = false;
    for (const struct rp__master_map *map = master->maps; map && master->idle && !pure; map = map->next)
        pure = map->pure && map->out && !map->closing;
    return pure;
}

/* Of the chunks that are late and for which there is a place, the one that is out for longest; NULL: there is none, and
 * late_ns says when there will be. */
static struct rp__chunk *find_late(struct rp__master *master, uint32_t *to) {
    struct rp__chunk *latest = NULL;
    for (uint32_t i = 0; i < master->chunks; i++) {
        struct rp__chunk *chunk = &master->chunk[i];
        if (!may_be_twice(chunk)) continue;
        uint64_t from = late_from(master, chunk);
        if (from > master->now_ns && from < master->late_ns) master->late_ns = from;
        if (from > master->now_ns || (latest && latest->dealt_ns <= chunk->dealt_ns)) continue;
        if (find_place(master, chunk, to)) latest = chunk;
    }
    return latest;
}

bool rp__deal_twice(struct rp__master *master, uint32_t *to, struct rp__frame *frame) {
    master->late_ns = UINT64_MAX;
    if (!is_a_tail(master)) return false;
    if (master->now_ns < master->looked_ns + LOOK_NS) {
        master->late_ns = master->looked_ns + LOOK_NS;
        return false;
    }
    uint32_t at = 0;
    struct rp__chunk *late = find_late(master, &at);
    if (!late) {
        master->looked_ns = master->now_ns;
        return false;
    }
    struct rp__master_map *map = late->map;
    const struct rp__range range = late->range;
    const uint32_t slot = (uint32_t)(late - master->chunk), lost = late->twins_lost;
    if (rp__end_room(master, map, at) < range.end - range.begin) return false;
    *to = at;
    if (!map->rank[at].told) {
        rp__tell(master, map, at, frame);
        return true;
    }
    *frame = (struct rp__frame){.type = RP__FRAME_WORK};
    if (map->items.count &&
        rp__items_get(&map->items, range.begin, range.end, &master->scratch, &frame->data, &frame->size))
        return false;
    struct rp__chunk *twin = rp__deal_work(master, map, &range, at, frame);
    if (!twin) return false; /* out of memory: the one that is out has to do */
    twin->copy = true;
    twin->twin = slot + 1;
    twin->twins_lost = lost;
    master->chunk[slot].twin = (uint32_t)(twin - master->chunk) + 1;
    map->stats.chunks_twice++;
    return true;
}

int rp__chunk_won(struct rp__master *master, struct rp__chunk *chunk) {
    if (!chunk->twin) return 0;
    struct rp__chunk *loser = &master->chunk[chunk->twin - 1];
    chunk->twin = loser->twin = 0;
    loser->surplus = true;
    loser->map->partial -= loser->progress;
    loser->progress = 0;
    rp__gathered_free(&loser->bytes);
    return rp__master_control(master, loser->rank,
                              &(struct rp__frame){.type = RP__FRAME_CANCEL, .flags = RP__KILL, .chunk = loser->id});
}

bool rp__chunk_covered(struct rp__master *master, const struct rp__chunk *chunk, bool died) {
    if (chunk->surplus) return true;
    if (!chunk->twin) return false;
    if (died) master->chunk[chunk->twin - 1].twins_lost++;
    return true;
}
