/* How large the next chunk is. OpenMP's rules, factoring [Hummel, Schonberg, Flynn: Factoring, CACM 35 (8), 1992],
 * and `auto`: chunks of an agreed length in time, from the measured speed of the rank that asks, shrinking at the
 * end as in factoring, so that all workers finish together. A job whose chunks have a cost of their own, which it knows,
 * names the size instead.
 * Pure functions of their arguments; edges and walls (where a chunk may end) are applied by rp__schedule_end. */
#ifndef RP_CORE_SCHEDULE_H
#define RP_CORE_SCHEDULE_H

#include "rankpool.h"

struct rp__schedule_ask {
    uint64_t remaining;  /* tasks not dealt yet, as far as known */
    uint64_t workers;    /* of the whole pool */
    uint64_t batch_left; /* factoring: chunks left of the batch, and their size */
    uint64_t batch_size;
    uint64_t grown;        /* auto: no more than this (it starts at 1 and doubles while chunks prove short) */
    double ns_per_task;    /* auto: of the rank that asks; 0: not known yet */
    double bytes_per_task; /* auto: input and output; 0: not known yet */
};

enum {
    RP__AUTO_TARGET_NS = 40 * 1000 * 1000, /* a chunk's length: long against dealing it, short against the run */
    RP__AUTO_WORKER_NS = 2000,             /* and no less than this for each worker: all chunks pass one master */
    RP__AUTO_LEAST_NS = 200 * 1000,        /* and in the tail: still long against dealing it */
    RP__AUTO_BYTES = 128 * 1024            /* and its bytes: a message carries it whole */
};

/* Tasks of the next chunk, at least 1. */
uint64_t rp__schedule_size(const rp_schedule *schedule, const rp_map_options *map, const struct rp__schedule_ask *ask);

/* Where a chunk that begins at `begin` and should hold `size` tasks ends: moved up to the next edge, never beyond
 * a wall or `limit` (the end of the map, or of what was fed). */
uint64_t rp__schedule_end(const rp_map_options *map, uint64_t begin, uint64_t size, uint64_t limit);

/* static: the lowest part that may hold tasks from `task` on. */
uint64_t rp__schedule_part_of(const rp_schedule *schedule, const rp_map_options *map, uint64_t count, uint64_t workers,
                              uint64_t task);
/* static: the bounds of part `index` (part i belongs to worker i mod workers). begin == end: an empty part;
 * begin >= count: there are no more. count is the whole map's. */
void rp__schedule_part(const rp_schedule *schedule, const rp_map_options *map, uint64_t count, uint64_t workers,
                       uint64_t index, uint64_t *begin, uint64_t *end);

#endif
