/* Who gets the next chunk.
 *
 * Ranks take turns, a chunk a turn; ranks with an idle worker come before those that only fill up their credit, so
 * the last chunks go to who can start them. When nothing is left to deal and workers idle, the rank that holds most
 * is asked to give back what it has not started; after that, what is late may be dealt twice (master_pure.c). */
#include "core/master_state.h"

/* Chunks shorter than this are not worth moving from one rank to another. */
static const double worth_moving_ns = 300e3;

static bool fed_up(const struct rp__master_map *map) { return !map->keep_all && map->unread > RP__UNREAD_MAX; }

static bool take_for_rank(struct rp__master *master, struct rp__master_map *map, uint32_t at, uint64_t credit,
                          struct rp__range *range) {
    const struct rp__master_rank *rank = &master->rank[at];
    struct rp__schedule_ask ask = {
        .grown = map->rank[at].grown, .ns_per_task = map->rank[at].ns_per_task, .bytes_per_task = map->bytes_per_task};
    uint32_t workers = rp__map_workers(master, map, at);
    if (!workers) return false;
    if (!map->ledger.fixed)
        return rank->held < credit * workers && rp__ledger_take(&map->ledger, RP__ANY_WORKER, &ask, range);
    for (uint32_t i = 0; i < workers; i++) {
        uint32_t worker = rank->first + i;
        if (master->held[worker] < credit && rp__ledger_take(&map->ledger, worker, &ask, range)) return true;
    }
    return false;
}

/* The chunk's inputs; an auto chunk that would hold too many bytes of them is cut, but not inside a block. */
static int fetch_inputs(struct rp__master *master, struct rp__master_map *map, struct rp__range *range,
                        struct rp__frame *frame) {
    if (!map->items.count) return 0;
    if (map->ledger.map.schedule.kind == RP_AUTO) {
        uint64_t fit = rp__items_fit(&map->items, range->begin, range->end, RP__AUTO_BYTES);
        uint64_t over = map->ledger.map.reduce ? fit % map->ledger.map.reduce : 0;
        if (over) fit = fit - over > range->begin ? fit - over : fit - over + map->ledger.map.reduce;
        if (fit < range->end) {
            struct rp__range rest = *range;
            rest.begin = fit;
            if (rp__ledger_again(&map->ledger, &rest)) return RP_ENOMEM;
            range->end = fit;
        }
    }
    return rp__items_get(&map->items, range->begin, range->end, &master->scratch, &frame->data, &frame->size);
}

struct rp__chunk *rp__deal_work(struct rp__master *master, struct rp__master_map *map, const struct rp__range *range,
                                uint32_t at, struct rp__frame *frame) {
    struct rp__chunk *chunk = rp__chunk_new(master, map, range, at);
    if (!chunk) return NULL;
    frame->map = map->number;
    frame->chunk = chunk->id;
    frame->begin = range->begin;
    frame->end = range->end;
    frame->worker = range->worker == RP__ANY_WORKER ? RP__ANY_WORKER : range->worker - master->rank[at].first;
    return chunk;
}

/* A frame that gives `rank` a chunk, if it may hold `credit` of them a worker and there is one for it. */
static bool deal_to(struct rp__master *master, uint32_t at, uint64_t credit, struct rp__frame *frame) {
    for (struct rp__master_map *map = master->maps; map; map = map->next) {
        struct rp__range range;
        if (map->closing || fed_up(map)) continue;
        if (!map->rank[at].told) { /* before its first chunk, a rank hears of the map */
            if (!rp__ledger_undealt(&map->ledger) || !rp__map_workers(master, map, at)) continue;
            map->rank[at].told = true;
            *frame = (struct rp__frame){.type = RP__FRAME_MAP,
                                        .flags = map->ledger.map.grows ? RP__GROWS : 0,
                                        .map = map->number,
                                        .kernel = map->kernel,
                                        .worker = rp__map_workers(master, map, at),
                                        .count = map->ledger.map.reduce,
                                        .data = map->args,
                                        .size = map->args_size};
            return true;
        }
        if (!take_for_rank(master, map, at, credit, &range)) continue;
        struct rp__frame work = {.type = RP__FRAME_WORK};
        if (fetch_inputs(master, map, &range, &work) || !rp__deal_work(master, map, &range, at, &work)) {
            /* Out of memory: the tasks go back, and dealing rests until something is answered. */
            rp__ledger_again(&map->ledger, &range);
            return false;
        }
        *frame = work;
        return true;
    }
    return false;
}

static bool ask_back(struct rp__master *master, uint32_t *to, struct rp__frame *frame) {
    uint64_t idle = 0, most = 0;
    uint32_t from = 0;
    for (struct rp__master_map *map = master->maps; map; map = map->next)
        if (map->closing || fed_up(map) || rp__ledger_undealt(&map->ledger)) return false;
    for (uint32_t i = 0; i < master->ranks; i++) {
        const struct rp__master_rank *rank = &master->rank[i];
        if (!rank->up || rank->asked_back) continue;
        if (rank->held < rank->workers)
            idle += rank->workers - rank->held;
        else if (rank->held - rank->workers > most && rank->chunk_ns > worth_moving_ns) {
            most = rank->held - rank->workers;
            from = i;
        }
    }
    if (!idle || !most) return false;
    master->rank[from].asked_back = true;
    *to = from;
    *frame = (struct rp__frame){.type = RP__FRAME_TAKE_BACK, .count = idle < most ? idle : most};
    return true;
}

bool rp__deal(struct rp__master *master, uint32_t *to, struct rp__frame *frame) {
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t turn = 0; turn < master->ranks; turn++) {
            uint32_t at = master->cursor;
            master->cursor = at + 1 < master->ranks ? at + 1 : 0;
            const struct rp__master_rank *rank = &master->rank[at];
            if (!rank->up || !deal_to(master, at, pass ? rank->depth : 1, frame)) continue;
            *to = at;
            return true;
        }
    if (ask_back(master, to, frame) || rp__deal_twice(master, to, frame)) return true;
    master->restless = false;
    return false;
}
