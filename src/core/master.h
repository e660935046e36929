/* The master of one pool: which rank computes what. A state machine without clock, MPI or threads: frames, requests
 * and the time go in, frames for ranks and parts of results come out. Whoever drives it (pool/service.c, or a test that
 * plays the cluster) does the moving.
 *
 * Invariants: a task is undealt, in exactly one chunk (of a pure map, in two at times: core/master_pure.c), or done
 * (core/ledger.h). A chunk is out at one rank until
 * that rank answers it, returns it, reports a death in it, or is lost. An answer to a chunk that is not out at that
 * rank is ignored. */
#ifndef RP_CORE_MASTER_H
#define RP_CORE_MASTER_H

#include "core/items.h"
#include "core/ledger.h"
#include "core/window.h"
#include "core/wire.h"

struct rp__master;
struct rp__master_map;

struct rp__map_spec {
    rp_map_options options; /* args copied; kernel not used */
    uint32_t kernel;        /* index in the world's table */
    bool range;             /* it makes one record a chunk; else one a task, or a block where options.reduce is set
                               (options.edge is the same then, so no chunk is cut inside a block) */
    bool once;              /* a task that may have begun is never computed again: its worker's death is its answer */
    bool pure;              /* its tasks may run twice at once; not of maps that grow or give tasks to workers */
    bool keep_all;          /* results that nobody has read never hold up dealing: all of them are asked for */
    struct rp__window_aside aside;
};

struct rp__master *rp__master_new(uint32_t ranks);
void rp__master_free(struct rp__master *master);

/* Ask every rank for a crew, which may be empty; `options` is passed on as it is. 0 or RP_ENOMEM. */
int rp__master_pool_open(struct rp__master *master, const void *options, size_t size);
/* Every rank's crew is there and every worker of it has started. */
bool rp__master_pool_ready(const struct rp__master *master);
/* End the crews. Every map must be freed. */
int rp__master_pool_close(struct rp__master *master);
uint32_t rp__master_workers(const struct rp__master *master);

/* 0, RP_ENOMEM. The map ends when it is closed, and is freed when it is idle after that. */
int rp__master_map_open(struct rp__master *master, const struct rp__map_spec *spec, struct rp__master_map **map);
/* Tasks for a fed map: so many records; takes the bytes. 0, RP_ENOMEM, RP_EPROTOCOL. */
int rp__master_map_feed(struct rp__master *master, struct rp__master_map *map, uint64_t tasks,
                        struct rp__buffer *records);
/* What is skipped of it, which never changes; lent while the map is. Any thread. */
const struct rp__skip *rp__master_map_skip(const struct rp__master_map *map);
void rp__master_map_final(struct rp__master *master, struct rp__master_map *map);
/* The next part of the results, given; NULL: none is due. What the caller holds unread is counted until it says
 * that it was consumed, and past 64 MiB of it no more is dealt, unless the map keeps all. */
struct rp__part *rp__master_map_take(struct rp__master_map *map);
void rp__master_map_consumed(struct rp__master *master, struct rp__master_map *map, size_t parts, size_t bytes);
/* Its number, as agents know it. */
uint32_t rp__master_map_number(const struct rp__master_map *map);
/* Every task is done (and its part was taken). */
bool rp__master_map_complete(const struct rp__master_map *map);
/* Deal no more of it, and have ranks drop what is out. Then, once idle, nothing is out and it may be freed. */
void rp__master_map_close(struct rp__master *master, struct rp__master_map *map);
/* Drop tasks [begin, end): what is undealt is answered as canceled, and what is out, in chunks that lie within, is asked
 * back, killed if it runs and `kill` is set. Then, once no cancel is pending, each of these tasks has its answer, or is
 * in a chunk that runs on (counted in *refused, since the map began), or came back for another reason and may be
 * canceled again. 0, RP_ENOMEM. */
int rp__master_map_cancel(struct rp__master *master, struct rp__master_map *map, uint64_t begin, uint64_t end,
                          bool kill);
bool rp__master_map_canceling(const struct rp__master_map *map, uint64_t *refused);
bool rp__master_map_idle(const struct rp__master_map *map);
/* Idle, and all done or closed: nothing of it will be computed any more. */
bool rp__master_map_at_rest(const struct rp__master_map *map);
void rp__master_map_free(struct rp__master *master, struct rp__master_map *map);
/* Bytes of inputs held that were fed; not what tasks have added. */
size_t rp__master_map_held(const struct rp__master_map *map);
/* Counts only; seconds and tasks_known's caller-side parts are the caller's. */
void rp__master_map_stats(const struct rp__master *master, struct rp__master_map *map, rp_map_stats *stats);

/* A frame came from `rank`. 0, RP_ENOMEM, RP_EPROTOCOL: the frame makes no sense and was ignored. */
int rp__master_receive(struct rp__master *master, uint32_t rank, const struct rp__frame *frame);
/* The rank is gone: what was out at it is dealt to others. 0, RP_ENOMEM, RP_ENOWORKERS: it was the last. */
int rp__master_lose(struct rp__master *master, uint32_t rank);
/* Deal no more, of any map. */
void rp__master_stop(struct rp__master *master);
/* Deal nothing that would not be over by `end_ns`, of the clock of rp__master_tick; 0: whatever comes. */
void rp__master_set_end(struct rp__master *master, uint64_t end_ns);
/* Deal no more, ask back what has not started, and let what runs end, if it may be over by `end_ns`. 0, RP_ENOMEM. */
int rp__master_drain(struct rp__master *master, uint64_t end_ns);
/* The end has come, or nothing that is left can be over by it. */
bool rp__master_is_over(const struct rp__master *master);

/* The time now, of any clock that goes on. It is how the master learns that a chunk is late; without it none is. */
void rp__master_tick(struct rp__master *master, uint64_t now_ns);
/* The time now, of the same clock, before anything that has happened since the last call is told: meanwhile, idle workers
 * have stayed so. It is how the master learns for how long they were. */
void rp__master_pass(struct rp__master *master, uint64_t now_ns);
/* The next frame to send, and to whom; false: nothing to do until the next event. The frame's bytes are lent until
 * the next call on the master. */
bool rp__master_action(struct rp__master *master, uint32_t *rank, struct rp__frame *frame);

#endif
