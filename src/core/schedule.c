/* Chunk sizes, see schedule.h. */
#include "core/schedule.h"

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t most(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t divide_up(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }
static uint64_t add_capped(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

static uint64_t tasks_in(double amount, double per_task) {
    double tasks = per_task > 0 ? amount / per_task : 0;
    return tasks >= 1e18 ? (uint64_t)1e18 : (uint64_t)tasks;
}

static uint64_t auto_size(const struct rp__schedule_ask *ask) {
    uint64_t size = most(ask->grown, 1);
    if (ask->ns_per_task > 0) {
        const uint64_t target_ns = most(RP__AUTO_TARGET_NS, ask->workers * RP__AUTO_WORKER_NS);
        size = least(size, most(tasks_in((double)target_ns, ask->ns_per_task), 1));
        /* The tail: half of what is left is dealt in one round, so what stays out shrinks with what remains. */
        uint64_t tail = divide_up(ask->remaining, 2 * ask->workers);
        size = least(size, most(tail, tasks_in(RP__AUTO_LEAST_NS, ask->ns_per_task)));
    }
    if (ask->bytes_per_task > 0) size = least(size, most(tasks_in(RP__AUTO_BYTES, ask->bytes_per_task), 1));
    return size;
}

uint64_t rp__schedule_size(const rp_schedule *schedule, const rp_map_options *map, const struct rp__schedule_ask *ask) {
    uint64_t size = most(schedule->chunk, 1);
    switch (schedule->kind) {
    case RP_STATIC: /* only reached for a fed map, and for tasks that come back: parts are cut by rp__schedule_part */
    case RP_DYNAMIC:
        return schedule->chunk ? size : most(map->chunk_min, 1); /* who names a chunk gets that one */
    case RP_GUIDED:
        size = most(size, divide_up(ask->remaining, ask->workers));
        break;
    case RP_FACTORING:
        size = ask->batch_left ? ask->batch_size : most(size, divide_up(ask->remaining, 2 * ask->workers));
        break;
    case RP_AUTO:
        size = map->chunk_best ? least(map->chunk_best, ask->remaining / (4 * ask->workers)) : auto_size(ask);
        break;
    }
    if (map->chunk_max) size = least(size, map->chunk_max);
    return most(most(size, map->chunk_min), 1);
}

uint64_t rp__schedule_end(const rp_map_options *map, uint64_t begin, uint64_t size, uint64_t limit) {
    uint64_t end = add_capped(begin, most(size, 1));
    if (map->edge > 1) {
        uint64_t phase = map->edge_phase % map->edge, at = end % map->edge;
        end = add_capped(end, phase >= at ? phase - at : map->edge - (at - phase));
    }
    if (map->wall) end = least(end, add_capped(begin, map->wall - begin % map->wall));
    return least(end, limit);
}

/* A chunk is made up to whole edges: parts between two edges are empty, and since edges and workers may go in step,
 * some workers would get nothing else. */
static uint64_t part_size(const rp_schedule *schedule, const rp_map_options *map, uint64_t count, uint64_t workers) {
    if (!schedule->chunk) return most(divide_up(count, workers), 1);
    uint64_t over = map->edge > 1 ? schedule->chunk % map->edge : 0;
    return over ? add_capped(schedule->chunk, map->edge - over) : schedule->chunk;
}

uint64_t rp__schedule_part_of(const rp_schedule *schedule, const rp_map_options *map, uint64_t count, uint64_t workers,
                              uint64_t task) {
    /* Edges move bounds up by less than a part, or by so much that the parts between are empty. */
    const uint64_t size = part_size(schedule, map, count, workers), moved = map->edge > 1 ? map->edge : 0;
    return task > moved ? (task - moved) / size : 0;
}

void rp__schedule_part(const rp_schedule *schedule, const rp_map_options *map, uint64_t count, uint64_t workers,
                       uint64_t index, uint64_t *begin, uint64_t *end) {
    uint64_t size = part_size(schedule, map, count, workers);
    uint64_t low = index > count / size ? count : least(index * size, count);
    uint64_t high = least(add_capped(low, size), count);
    /* Bounds move up to edges alike on both sides, so parts still meet. A wall inside a part is cut by the ledger. */
    *begin =
        low ? rp__schedule_end(&(rp_map_options){.edge = map->edge, .edge_phase = map->edge_phase}, low - 1, 1, count)
            : 0;
    *end = high < count ? rp__schedule_end(&(rp_map_options){.edge = map->edge, .edge_phase = map->edge_phase},
                                           high - 1, 1, count)
                        : count;
    if (low >= count) *begin = *end = count;
}
