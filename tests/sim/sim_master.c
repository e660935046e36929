/* See sim_master.h. */
#include "sim_master.h"

bool sim_master_open(struct sim_master *master, uint32_t ranks, const struct sim_case *simulated) {
    *master = (struct sim_master){.master = rp__master_new(ranks), .simulated = simulated};
    return master->master && rp__master_pool_open(master->master, "", 0) == 0;
}

static bool open_map(struct sim_master *master, uint64_t now_ns) {
    const struct sim_case *simulated = master->simulated;
    master->tasks = (uint64_t)simulated->tasks * rp__master_workers(master->master);
    struct rp__map_spec spec = {.options = {.count = master->tasks, .unordered = true},
                                .range = simulated->range > 0,
                                .pure = simulated->pure > 0};
    if (simulated->chunk > 0)
        spec.options.schedule = (rp_schedule){.kind = RP_DYNAMIC, .chunk = (uint64_t)simulated->chunk};
    master->opened_ns = now_ns;
    return rp__master_map_open(master->master, &spec, &master->map) == 0;
}

static void read_results(struct sim_master *master) {
    for (struct rp__part *part; (part = rp__master_map_take(master->map));) {
        master->read += part->end - part->begin;
        rp__master_map_consumed(master->master, master->map, 1, part->size);
        rp__part_free(part);
    }
}

static bool end_map(struct sim_master *master) {
    rp__master_map_free(master->master, master->map);
    master->map = NULL;
    master->over = true;
    return rp__master_pool_close(master->master) == 0;
}

bool sim_master_step(struct sim_master *master, uint64_t now_ns) {
    if (master->over) return true;
    if (!master->map) return !rp__master_pool_ready(master->master) || open_map(master, now_ns);
    read_results(master);
    if (!rp__master_map_complete(master->map)) return true;
    if (!master->closing) {
        rp_map_stats stats;
        rp__master_map_stats(master->master, master->map, &stats);
        master->chunks = stats.chunks;
        master->done_ns = now_ns;
        master->closing = true;
        rp__master_map_close(master->master, master->map);
    }
    return !rp__master_map_idle(master->map) || end_map(master);
}

void sim_master_free(struct sim_master *master) {
    if (master) rp__master_free(master->master);
}
