/* What the agent's files share: agent.c follows the master, agent_held.c keeps chunks and moves them in and out of rings,
 * agent_events.c takes what the crew reports. */
#ifndef RP_POOL_AGENT_STATE_H
#define RP_POOL_AGENT_STATE_H

#include "pool/agent.h"

struct rp__agent_map {
    struct rp__agent_map *next;
    uint32_t number, kernel;
    uint64_t reduce;   /* tasks a block that is folded, or 0 */
    uint32_t active;   /* of the crew, the first so many compute it */
    uint32_t chunks;   /* held here */
    bool grows;        /* its tasks may add tasks */
    bool whole, ended; /* all of its arguments came; MAP_END came */
    struct rp__buffer args;
    bool *known; /* [workers] has it been given */
};

struct rp__held {
    struct rp__held *next;
    struct rp__agent_map *map;
    struct rp__work work;
    struct rp__buffer inputs;
    bool targeted;
    bool unwanted;      /* canceled: to be killed, since it runs */
    bool seen;          /* in hand at a look before this one */
    double progress;    /* as the master knows it */
    bool half_answered; /* a first part of its result has gone to the master */
};

struct rp__queue {
    struct rp__held *first, **last;
    uint32_t count;
};

struct rp__agent_worker {
    struct rp__queue waiting, given;
    struct rp__work map_work; /* a MAP on its way into the ring */
    bool map_started;
    struct rp__work init_work; /* INIT, before any other */
    bool init_pending;
    bool ever_started;
    bool killed;            /* by us, and not ENDED yet */
    bool retiring;          /* asked to leave, and not ENDED yet */
    uint64_t tasks;         /* given to this one */
    uint32_t deaths;        /* since it last answered */
    struct rp__buffer line; /* the beginning of one that is being printed */
};

struct rp__agent {
    const struct rp__agent_crew *ops;
    struct rp__crew *crew;
    struct rp__outbox *out;
    uint32_t workers, turn, idle;
    struct rp__agent_worker *worker; /* [workers] */
    struct rp__agent_map *maps;
    struct rp__held *incoming; /* a chunk of which more bytes are to come */
    double chunk_ns;
    uint64_t held;        /* chunks here */
    struct rp__work init; /* what each new worker does first, if `initializes` */
    bool initializes;
    uint64_t tasks_max;     /* of one worker's life; 0: no limit */
    struct rp__held *spare; /* used and kept, since most chunks are small and many */
    uint32_t spares;
    uint64_t looked_ns; /* how far chunks are */
};

/* Which chunks are to leave a worker: those of one map, or those that need not stay and that worker `to` may have. */
struct rp__wish {
    const struct rp__agent_map *only;
    uint32_t to;
};

static inline void rp__queue_push(struct rp__queue *queue, struct rp__held *held) {
    held->next = NULL;
    *queue->last = held;
    queue->last = &held->next;
    queue->count++;
}

/* Everything in `front` goes before what is in `queue`; front is empty then. */
static inline void rp__queue_prepend(struct rp__queue *queue, struct rp__queue *front) {
    if (!front->first) return;
    *front->last = queue->first;
    if (!queue->first) queue->last = front->last;
    queue->first = front->first;
    queue->count += front->count;
    *front = (struct rp__queue){.last = &front->first};
}

static inline void rp__queue_unlink(struct rp__queue *queue, struct rp__held **at) {
    struct rp__held *held = *at;
    *at = held->next;
    if (queue->last == &held->next) queue->last = at;
    queue->count--;
}

static inline struct rp__held *rp__queue_pop(struct rp__queue *queue) {
    struct rp__held *held = queue->first;
    if (held) rp__queue_unlink(queue, &queue->first);
    return held;
}

/* agent_held.c: chunks and maps that the agent holds, and how they get into and out of rings. */
struct rp__agent_map *rp__agent_find_map(const struct rp__agent *agent, uint32_t number);
void rp__agent_free_map(struct rp__agent_map *map);
/* Is a chunk half in this worker's ring? Then nothing else may go in before the rest of it. */
bool rp__agent_is_half_given(const struct rp__agent_worker *worker);
/* An ended map goes when its last chunk has gone and the workers that know it have been told. */
void rp__agent_let_go(struct rp__agent *agent, struct rp__agent_map *map);
struct rp__held *rp__agent_new_held(struct rp__agent *agent, struct rp__agent_map *map);
void rp__agent_drop(struct rp__held *held);
void rp__agent_free_held(struct rp__agent *agent, struct rp__held *held);
int rp__agent_give_back(struct rp__agent *agent, struct rp__held *held);
uint32_t rp__agent_load(const struct rp__agent_worker *worker);
void rp__agent_enqueue(struct rp__agent *agent, uint32_t at, struct rp__held *held);
void rp__agent_count_idle(struct rp__agent *agent, uint32_t at);
bool rp__agent_has_had_enough(struct rp__agent *agent, uint32_t at, const struct rp__held *next);
void rp__agent_pump(struct rp__agent *agent, uint32_t at);
struct rp__held *rp__agent_take_unstarted(struct rp__agent *agent, uint32_t at, struct rp__wish wish);
uint32_t rp__agent_most_loaded(const struct rp__agent *agent);
/* A worker in this place begins its life. */
void rp__agent_start_over(struct rp__agent *agent, struct rp__agent_worker *worker);

#endif
