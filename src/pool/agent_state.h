/* What the agent's files share: agent.c follows the master, agent_held.c keeps chunks and moves them in and out of rings,
 * agent_events.c takes what the crew reports, agent_places.c lets one life take over from another.
 *
 * What the master knows as a worker is a place. In it one life of a crew worker after another takes chunks, and while
 * one waits for a shared object another has its place: the first goes on beside it when it is answered, and is kept for
 * the next time. So at most one life of a place is current, and only that one is given chunks. */
#ifndef RP_POOL_AGENT_STATE_H
#define RP_POOL_AGENT_STATE_H

#include "pool/agent.h"

struct rp__agent_map {
    struct rp__agent_map *next;
    uint32_t number, kernel;
    uint64_t reduce;   /* tasks a block that is folded, or 0 */
    uint32_t active;   /* of the crew, the first so many compute it */
    uint32_t chunks;   /* held here */
    uint64_t limit_ns; /* that a task may compute; 0: any time */
    bool grows;        /* its tasks may add tasks */
    bool once;         /* what may have begun must not begin again */
    bool whole, ended; /* all of its arguments came; MAP_END came */
    struct rp__buffer args;
    bool *known; /* [lives] has it been given */
};

struct rp__held {
    struct rp__held *next;
    struct rp__agent_map *map;
    struct rp__work work;
    struct rp__buffer inputs;
    bool targeted;
    bool unwanted;      /* canceled: to be killed, since it runs */
    bool spared;        /* it cannot be: it runs in a thread */
    bool seen;          /* in hand at a look before this one */
    double progress;    /* as the master knows it */
    bool watched;       /* at least once, for tasks that overrun */
    uint64_t item;      /* that it was at then */
    uint64_t item_ns;   /* and for how long, as far as was seen */
    bool half_answered; /* a first part of its result has gone to the master */
    bool synced;        /* its last task has effects: it must not be computed again */
    bool blocked;       /* the master knows that its worker waits */
};

struct rp__queue {
    struct rp__held *first, **last;
    uint32_t count;
};

enum rp__life_state {
    RP__LIFE_CURRENT, /* has its place */
    RP__LIFE_BLOCKED, /* waits, and has given it up */
    RP__LIFE_RESUMED, /* was answered, and runs on beside the current one */
    RP__LIFE_PARKED,  /* has nothing to do: the next one to take over */
    RP__LIFE_ENDED    /* may be started again for the same */
};

/* A worker of the crew, of the same index. */
struct rp__agent_life {
    uint32_t place;
    enum rp__life_state state;
    struct rp__queue given;
    struct rp__work map_work; /* a MAP on its way into the ring */
    bool map_started;
    struct rp__work init_work; /* INIT, before any other */
    bool init_pending;
    bool ready;   /* for tasks: it has started, and its initializer has run */
    bool killed;  /* by us, and not ENDED yet */
    bool overran; /* killed for the item `late_item` of `late_chunk`, and not ENDED yet */
    uint64_t late_chunk, late_item;
    bool retiring;          /* asked to leave, and not ENDED yet */
    uint64_t tasks;         /* given to this one */
    uint32_t deaths;        /* since it last answered */
    struct rp__buffer line; /* the beginning of one that is being printed */
    bool waits, held;       /* for a shared object, which a living caller holds */
    bool deadlocked;        /* this wait is to end with an error */
    uint64_t since_ns;      /* it waits; RP__NOT_SEEN: no tick has come by */
};
#define RP__NOT_SEEN UINT64_MAX

#define RP__NO_LIFE UINT32_MAX
struct rp__agent_place {
    struct rp__queue waiting; /* in no ring, or in the current life's in part */
    uint32_t current;         /* or RP__NO_LIFE */
    uint32_t aside;           /* lives that are blocked or resumed */
    bool idle;
    bool starved;      /* it has something to do, and there is no life to be had */
    bool ever_started; /* the master knows */
    uint32_t alone;    /* so many chunks are given one by one, since one of them wrote over its worker's rings */
};

struct rp__agent {
    const struct rp__agent_crew *ops;
    struct rp__crew *crew;
    struct rp__outbox *out;
    struct rp__agent_calls calls;
    uint32_t workers, turn, idle;  /* workers: places */
    struct rp__agent_place *place; /* [workers] */
    struct rp__agent_life *life;   /* [lives], those of before the first poll have the place of their index */
    uint32_t lives, lives_capacity;
    struct rp__agent_map *maps;
    struct rp__held *incoming; /* a chunk of which more bytes are to come */
    size_t room;               /* bytes that a poll takes from workers */
    double chunk_ns;
    uint64_t held;        /* chunks here */
    struct rp__work init; /* what each new worker does first, if `initializes` */
    bool initializes;
    uint64_t tasks_max;     /* of one worker's life; 0: no limit */
    struct rp__held *spare; /* used and kept, since most chunks are small and many */
    uint32_t spares;
    /* Its only worker's, which nobody replaces; NULL: a crew like others. */
    const rp_where *process;
    uint64_t looked_ns;  /* how far chunks are */
    uint64_t watched_ns; /* for tasks that overrun */
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

static inline struct rp__agent_life *rp__agent_current(const struct rp__agent *agent, uint32_t at) {
    uint32_t current = agent->place[at].current;
    return current == RP__NO_LIFE ? NULL : &agent->life[current];
}

/* agent_held.c: chunks and maps that the agent holds, and how they get into and out of rings. `at` is a place. */
struct rp__agent_map *rp__agent_find_map(const struct rp__agent *agent, uint32_t number);
void rp__agent_free_map(struct rp__agent_map *map);
/* Is a chunk half in the current life's ring? Then nothing else may go in before the rest of it. */
bool rp__agent_is_half_given(const struct rp__agent_place *place);
/* An ended map goes when its last chunk has gone and the workers that know it have been told. */
void rp__agent_let_go(struct rp__agent *agent, struct rp__agent_map *map);
struct rp__held *rp__agent_new_held(struct rp__agent *agent, struct rp__agent_map *map);
void rp__agent_drop(struct rp__held *held);
void rp__agent_free_held(struct rp__agent *agent, struct rp__held *held);
int rp__agent_give_back(struct rp__agent *agent, struct rp__held *held);
/* Chunks that wait in a place or are the current life's; a starved place counts as if it had one more. */
uint32_t rp__agent_load(const struct rp__agent *agent, uint32_t at);
void rp__agent_enqueue(struct rp__agent *agent, uint32_t at, struct rp__held *held);
/* After every change of a place's load. */
void rp__agent_count_idle(struct rp__agent *agent, uint32_t at);
bool rp__agent_has_had_enough(struct rp__agent *agent, struct rp__agent_life *life, const struct rp__held *next);
/* Give the place's current life what waits; first find one, if there is none. 0, or why this rank cannot go on. */
int rp__agent_pump(struct rp__agent *agent, uint32_t at, rp_error *error);
struct rp__held *rp__agent_take_unstarted(struct rp__agent *agent, uint32_t at, struct rp__wish wish);
struct rp__held *rp__agent_recall_youngest(struct rp__agent *agent, uint32_t at);
/* Does the worker itself show that it is at this chunk? Then how many of its tasks are done, and which item it is at. */
bool rp__agent_is_at(const struct rp__agent *agent, uint32_t worker, const struct rp__held *held, double *tasks,
                     uint64_t *item);
/* What a worker has behind its oldest chunk waits again, so that it begins no other: before it is killed for that one, or
 * has its place taken. False: it has begun another, and the answer is on its way. */
bool rp__agent_recall_behind(struct rp__agent *agent, uint32_t worker);
uint32_t rp__agent_most_loaded(const struct rp__agent *agent);
/* A life begins. */
void rp__agent_start_over(struct rp__agent *agent, struct rp__agent_life *life);

/* agent_overrun.c: kill workers whose task has computed for longer than its map allows. */
void rp__agent_watch(struct rp__agent *agent, uint64_t now_ns);
/* Was the worker killed for a task that it had answered by then, and did it die of what it had in hand for no fault of
 * that? */
bool rp__agent_missed(const struct rp__agent_life *life, const struct rp__crew_event *event);

/* agent_places.c */
/* A life has answered all that it had: it has its place, or is parked. */
void rp__agent_at_rest(struct rp__agent *agent, struct rp__agent_life *life);
/* It has ended: true, if it is to be started again at once. */
bool rp__agent_leaves(struct rp__agent *agent, struct rp__agent_life *life);
/* Find a life for a place that has something to do. */
int rp__agent_substitute(struct rp__agent *agent, uint32_t at, rp_error *error);

#endif
