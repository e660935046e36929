/* What a crew is made of, and the table that each kind of crew fills in. */
#ifndef RP_CREW_CREW_KIND_H
#define RP_CREW_CREW_KIND_H

#include "crew/arena.h"

#include <pthread.h>

struct rp__worker;

/* How a worker ended. */
struct rp__crew_end {
    int pid;
    /* Its exit code, or 256 + the signal; 0: no process. */
    uint32_t how;
    enum rp_cause why;
    bool by_us;  /* as we asked: then the reason is ours to tell */
    bool ruined; /* it found its rings written over */
    char cause[96];
};

struct rp__crew_kind {
    /* Start a worker in the slot, which is reset. 0 or an error. */
    int (*start)(struct rp__crew *crew, uint32_t index, rp_error *error);
    /* Before each look at the rings; cheap. 0, or the error that ends the crew. May be NULL. */
    int (*look)(struct rp__crew *crew, rp_error *error);
    /* The rings held nothing: make progress. *again: look once more. May be NULL. */
    int (*idle)(struct rp__crew *crew, bool *again, rp_error *error);
    /* Has the worker ended for good? What it wrote before is in its ring. Stays true until the next start. */
    bool (*ended)(struct rp__crew *crew, uint32_t index);
    /* And how; once, after ended. */
    void (*describe)(struct rp__crew *crew, uint32_t index, struct rp__crew_end *end);
    /* End it now. NULL: this kind cannot. */
    int (*kill)(struct rp__crew *crew, uint32_t index, rp_error *error);
    /* End every worker that has not ended, and wait for it; not for ever. false: one still runs, in our memory. */
    bool (*stop)(struct rp__crew *crew);
};

extern const struct rp__crew_kind rp__crew_process, rp__crew_thread, rp__crew_inline;

/* A chunk that was given and not answered. */
struct rp__given {
    uint64_t chunk, begin, end;
    bool taken_back;
    bool cut;
};

/* A worker, as the agent knows it: in the agent's own memory, where no worker can write. */
struct rp__crew_worker {
    struct rp__crew *crew;
    uint32_t index;
    uint32_t slot;             /* in the arena */
    struct rp__cpuset binding; /* of the slot's settings, the true ones */
    rp_where where;
    uint32_t low;
    bool live;      /* started, and not ENDED yet */
    bool reported;  /* STARTED */
    bool condemned; /* wrote over its ring, which is not looked at any more */
    char cause[96]; /* for which we kill it */
    struct rp__ring_side work, result;
    uint64_t call_left; /* bytes of a call that has come in part */

    /* Of who answers calls, maybe another thread than the one that polls. */
    struct rp__ring_side reply;
    _Atomic bool reply_broken;

    /* Chunks are numbered from 0 in a worker's life; [oldest, next) may be unanswered, at most RP__DEPTH. The last
     * may be given in part. */
    struct rp__given *given; /* [RP__DEPTH] */
    uint64_t oldest, next;
    bool half_given;

    /* Of thread and inline workers. */
    pthread_t thread;
    bool joinable;
    struct rp__worker *worker;
};

struct rp__crew {
    const struct rp__crew_kind *kind;
    struct rp__arena *arena;
    struct rp__nursery *nursery;
    _Atomic uint32_t workers; /* any thread may look */
    bool spin;
    uint32_t cores;                 /* threads that OpenMP and the like start in a worker process; 0: as they do */
    uint64_t memory;                /* bytes that a worker process may allocate; 0: any */
    uint32_t at, streak;            /* whose ring is looked at first, and how many events it has had in a row */
    struct rp__crew_worker *worker; /* [slots of the arena]: it never moves */
    _Alignas(8) uint8_t record[RP__RING_RECORD]; /* the record last read */
};

static inline struct rp__slot *rp__crew_slot(const struct rp__crew *crew, uint32_t index) {
    return rp__arena_slot(crew->arena, crew->worker[index].slot);
}
static inline struct rp__given *rp__crew_given(struct rp__crew_worker *worker, uint64_t number) {
    return &worker->given[number % RP__DEPTH];
}

/* Chunks that were taken back count as answered once they are the oldest. */
static inline void rp__crew_pass_taken_back(struct rp__crew_worker *worker) {
    while (worker->oldest < worker->next && rp__crew_given(worker, worker->oldest)->taken_back) worker->oldest++;
}

/* It wrote over its ring: it is killed. A thread cannot be: it is asked to end. */
void rp__crew_condemn(struct rp__crew *crew, struct rp__crew_worker *worker);
/* How a worker that left by itself ended, by its slot's last word; false when that says nothing. */
bool rp__crew_describe_left(uint32_t left, struct rp__crew_end *end);

#endif
