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
        return rank->held < credit * workers && rp__ledger_take(&map->ledger, RP__ANY_WORKER, &ask, range) &&
               rp__end_fit(master, map, at, range);
    for (uint32_t i = 0; i < workers; i++) {
        uint32_t worker = rank->first + i;
        if (master->held[worker] < credit && rp__ledger_take(&map->ledger, worker, &ask, range))
            return rp__end_fit(master, map, at, range);
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

void rp__tell(struct rp__master *master, struct rp__master_map *map, uint32_t at, struct rp__frame *frame) {
    map->rank[at].told = true;
    *frame = (struct rp__frame){.type = RP__FRAME_MAP,
                                .flags = (map->ledger.map.grows ? RP__GROWS : 0) |
                                         (map->once && !map->may_repeat ? RP__ONCE : 0),
                                .map = map->number,
                                .kernel = map->kernel,
                                .worker = rp__map_workers(master, map, at),
                                .chunk = map->limit_ns,
                                .count = map->ledger.map.reduce,
                                .data = map->args,
                                .size = map->args_size};
}

/* A frame that gives `rank` a chunk, if it may hold `credit` of them a worker and there is one for it. */
static bool deal_to(struct rp__master *master, uint32_t at, uint64_t credit, struct rp__frame *frame) {
    for (struct rp__master_map *map = master->maps; map; map = map->next) {
        struct rp__range range;
        if (map->closing || fed_up(map)) continue;
        if (!map->rank[at].told) { /* before its first chunk, a rank hears of the map */
            if (!rp__ledger_undealt(&map->ledger) || !rp__map_workers(master, map, at)) continue;
            rp__tell(master, map, at, frame);
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
    if (!master->idle) return false;
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

/* ---- Whose turn it is ---------------------------------------------------------------------------------- */

static void put_in_set(uint64_t *set, uint32_t rank, bool is_in) {
    const uint64_t bit = UINT64_C(1) << rank % 64;
    set[rank / 64] = is_in ? set[rank / 64] | bit : set[rank / 64] & ~bit;
}

void rp__rank_changed(struct rp__master *master, uint32_t at) {
    const struct rp__master_rank *rank = &master->rank[at];
    put_in_set(master->set[RP__UP], at, rank->up);
    put_in_set(master->set[RP__IDLE], at, rank->up && rank->held < rank->workers);
    put_in_set(master->set[RP__ROOMY], at, rank->up && rank->held < (uint64_t)rank->depth * rank->workers);
}

/* The first of the set in [begin, end), or end. */
static uint32_t next_in_set(const uint64_t *set, uint32_t begin, uint32_t end) {
    for (uint32_t at = begin; at < end; at = (at / 64 + 1) * 64) {
        const uint64_t left = set[at / 64] >> at % 64;
        if (!left) continue;
        const uint32_t found = at + (uint32_t)__builtin_ctzll(left);
        return found < end ? found : end;
    }
    return end;
}

/* A chunk for one of [begin, end), up to its credit or, where `idle`, only if it has a place without work. */
static bool deal_among(struct rp__master *master, uint32_t begin, uint32_t end, const uint64_t *set, bool idle,
                       uint32_t *to, struct rp__frame *frame) {
    for (uint32_t at = next_in_set(set, begin, end); at < end; at = next_in_set(set, at + 1, end)) {
        master->cursor = at + 1 < master->ranks ? at + 1 : 0;
        if (!deal_to(master, at, idle ? 1 : master->rank[at].depth, frame)) continue;
        *to = at;
        return true;
    }
    return false;
}

/* Is there something to deal? *fixed: some of it belongs to workers, whose own credit counts and not their rank's. */
static bool is_any_undealt(const struct rp__master *master, bool *fixed) {
    bool any = false;
    *fixed = false;
    for (const struct rp__master_map *map = master->maps; map; map = map->next) {
        if (map->closing || fed_up(map) || !rp__ledger_undealt(&map->ledger)) continue;
        any = true;
        *fixed |= map->ledger.fixed;
    }
    return any;
}

bool rp__deal(struct rp__master *master, uint32_t *to, struct rp__frame *frame) {
    bool fixed;
    master->refused = false;
    if (is_any_undealt(master, &fixed))
        for (int pass = 0; pass < 2; pass++) {
            const uint64_t *set = master->set[fixed ? RP__UP : pass ? RP__ROOMY : RP__IDLE];
            const uint32_t turn = master->cursor;
            if (deal_among(master, turn, master->ranks, set, pass == 0, to, frame) ||
                deal_among(master, 0, turn, set, pass == 0, to, frame))
                return true;
        }
    if (ask_back(master, to, frame) || rp__deal_twice(master, to, frame)) return true;
    master->restless = false;
    return false;
}
