/* What a worker is made of: its loop is in worker.c, the calls that its tasks make on shared objects in
 * worker_call.c. */
#ifndef RP_CREW_WORKER_STATE_H
#define RP_CREW_WORKER_STATE_H

#include "core/call.h"
#include "crew/cells.h"
#include "crew/fold.h"
#include "crew/task.h"
#include "crew/worker.h"

enum {
    RP__SPINS = 20, /* looks for work before sleeping: about 1 us. More made round trips slower on a virtual machine */
    RP__KEEP = 1024 * 1024 /* larger buffers are given back after use */
};

struct rp__map {
    struct rp__map *next;
    uint32_t number;
    const rp_kernel *kernel;
    uint64_t reduce; /* tasks a block whose records are folded, or 0 */
    bool grows;
    struct rp__buffer args;
    void *state;
    bool set_up;
    bool failed; /* every task of it fails with the message */
    char message[RP__FAILURE_MAX + 1];
};

/* The items of the last answer with a grant, which lent all but the first of them. */
struct rp__batch {
    uint64_t object, grant;
    uint32_t lending; /* its number in the worker's life, from 1 */
    uint32_t taken, count;
    struct rp__buffer bytes; /* records */
    size_t at;               /* of the next one */
};

struct rp__self {
    struct rp_self face; /* first: rp_self is this */
    struct rp__worker *worker;
    struct rp__ring_side reply;
    bool answer_due;   /* the answer of the last call that has one has not come */
    bool lost;         /* and some of it had no room in memory */
    bool torn;         /* a call was sent in part: nothing can follow it */
    uint64_t received; /* bytes of the answer */

    uint64_t spoken_to; /* the object of the last call */
    uint32_t silent;    /* calls on it since the last one that was answered */
    size_t silent_size; /* and their bytes */
    int refused;        /* why one of them failed that the task was not told of; 0: none did */

    struct rp__batch batch;
    uint32_t lendings;
    struct rp__cells_table cells;
    _Alignas(8) uint8_t record[RP__RING_RECORD]; /* the worker's own may hold the input of the task in hand */
};

struct rp__worker {
    const struct rp__arena *arena;
    struct rp__slot *slot;
    rp_where where;
    bool own_thread, spin;
    enum rp__left left;
    struct rp__ring_side work, result;
    struct rp__map *maps;

    struct rp__buffer pieces; /* of work that comes in several */
    bool lost;                /* and for which memory did not suffice */

    struct rp_task task;
    struct rp__fold fold;        /* of a reduced map's block in the making */
    size_t sent;                 /* of task.out */
    size_t children_sent;        /* of task.children */
    uint64_t number, busy_ns;    /* of the chunk in hand, or to be answered */
    uint64_t end;                /* of the chunk in hand */
    bool in_task;                /* a task of it is computed */
    bool can_be_cut, cut;        /* it may end behind that task, and does since its first call */
    uint32_t map;                /* and its map */
    enum rp__result_type answer; /* what says that it is done */
    bool unanswered;             /* its last piece has not left yet */
    uint64_t slept_ns;           /* for room or for answers to calls, while computing it */
    int cpu;                     /* where it was last seen; -1: nowhere yet */
    bool migrated;               /* to another core, since the chunk before the one in hand ended */
    struct rp__buffer print;     /* texts without room in the ring, of workers that may not sleep for it */
    size_t printed;              /* of print */

    uint64_t started; /* chunks claimed */
    bool quiet;       /* something for the agent to act on since the last ring: an answer, or room for the next piece */
    bool half_rung;   /* rung for the result ring being half full */
    struct rp__self self;
    _Alignas(8) uint8_t record[RP__RING_RECORD];
};

/* Of worker.c. */
void rp__worker_pause(void);
bool rp__worker_leave(struct rp__worker *worker, enum rp__left why); /* false */
bool rp__worker_is_asked_to_leave(struct rp__worker *worker);
/* Nobody wants what it has in hand any more, or it is asked to leave. */
bool rp__worker_is_canceled(const struct rp__worker *worker);
void rp__worker_ring(struct rp__worker *worker);
/* Write a record of the result ring, waiting for room where that is allowed. false: the worker is to leave, or may not
 * wait. */
bool rp__worker_put(struct rp__worker *worker, const void *head, size_t head_size, const void *data, size_t size);

/* Of worker_call.c. */
void rp__self_begin(struct rp__worker *worker);
void rp__self_end(struct rp__worker *worker);
/* The task in hand has returned `code`: what it put silently is at its home now, or the task has failed. */
int rp__self_settle(struct rp__worker *worker, int code);

#endif
