/* The workers of one rank, behind one small table: processes (the default), threads, or inline in the rank itself.
 *
 * The agent gives records (maps, chunks) to a worker through its work ring and takes events (results, starts,
 * ends) from the crew. It never waits for a worker: rp__crew_give returns how much went in. A worker answers
 * its chunks in the order in which it got them. What is in a worker's ring is a copy: when a worker dies, its
 * rings are emptied while nobody is attached to them, a new worker starts in its slot, and the agent gives it
 * again what was not answered. So no ring is ever repaired. */
#ifndef RP_CREW_CREW_H
#define RP_CREW_CREW_H

#include "core/cpuset.h"
#include "crew/bell.h"
#include "rankpool.h"

struct rp__arena;
struct rp__nursery;
struct rp__crew;

/* Shared memory reserved before the fork: a pair of rings a slot, untouched until used. NULL: errno.
 * `kernels` is the world's table, lent; `bell` is the agent's, rung by workers and nursery, lent. */
struct rp__arena *rp__arena_new(uint32_t slots, struct rp__bell *bell, const rp_kernel *const *kernels);
void rp__arena_free(struct rp__arena *arena);
uint32_t rp__arena_slots(const struct rp__arena *arena);

/* The fork server, forked from here and now: single-threaded, before MPI. 0 or RP_ESYSTEM. */
int rp__nursery_start(struct rp__arena *arena, struct rp__nursery **nursery, rp_error *error);
/* Kills what is left of the crew, ends the nursery and reaps it. Blocks, milliseconds. */
void rp__nursery_stop(struct rp__nursery *nursery);

/* Work, as the agent gives it. Bytes are copied into the ring, in as many pieces as needed. */
enum rp__work_type { RP__WORK_MAP = 1, RP__WORK_CHUNK, RP__WORK_FORGET };
struct rp__work {
    enum rp__work_type type;
    uint32_t map;      /* the map's number */
    uint32_t kernel;   /* MAP: index in the table */
    uint64_t chunk;    /* CHUNK: its number, answered with the results */
    uint64_t begin, end;
    const uint8_t *data; /* MAP: argument bytes. CHUNK: inputs, a record a task (see core/record.h); none in a range map */
    size_t size;
    size_t given;      /* in/out: bytes that went in so far; starts at 0 */
    bool started;      /* in/out: whether the head of it went in */
};

enum rp__crew_event_type {
    RP__CREW_STARTED = 1, /* the worker is ready: pid and binding as it read them back */
    RP__CREW_RESULT,      /* bytes of the oldest unanswered chunk's records; last: it is answered */
    RP__CREW_ENDED        /* the worker is gone and reaped; its rings are empty; rp__crew_restart is the agent's to call */
};
struct rp__crew_event {
    enum rp__crew_event_type type;
    uint32_t worker; /* 0.. in this crew */
    int pid;                    /* STARTED, ENDED */
    struct rp__cpuset binding;  /* STARTED */
    uint64_t chunk;             /* RESULT; ENDED: chunk in hand, if in_hand */
    const uint8_t *data;        /* RESULT: lent until the next rp__crew_poll */
    size_t size;
    bool last;                  /* RESULT: the chunk is answered */
    uint64_t busy_ns;           /* RESULT, last: how long the kernel computed */
    bool in_hand;               /* ENDED: it was computing `chunk` */
    bool task_known;            /* ENDED: and within it, the item numbered `task` */
    uint64_t task;
    char cause[96];             /* ENDED: "killed by signal 11 (Segmentation fault)", "wrote over its ring", ... */
};

struct rp__crew_options {
    enum rp_workers kind;
    uint32_t workers;
    const struct rp__cpuset *binding; /* [workers], empty: not bound; copied */
    const rp_where *where;            /* [workers], what rp_task_where shows (pid is filled in); copied */
};

/* Starts every worker; they report by STARTED. `nursery` may be NULL for thread and inline crews.
 * 0, RP_ESYSTEM, RP_ENOMEM, RP_EINVAL (more workers than slots). */
int rp__crew_open(struct rp__arena *arena, struct rp__nursery *nursery, const struct rp__crew_options *options,
                  struct rp__crew **crew, rp_error *error);
/* Ends every worker: processes are killed; threads and inline workers end after the task in hand. Blocks. */
void rp__crew_close(struct rp__crew *crew);

/* Put `work` into the worker's ring as far as it goes. true: all of it went in. */
bool rp__crew_give(struct rp__crew *crew, uint32_t worker, struct rp__work *work);
/* Wake a worker that sleeps on an empty ring: once after a batch of gives. */
void rp__crew_wake(struct rp__crew *crew, uint32_t worker);
/* Take the youngest chunk wholly given to this worker back if it has not started: true, and it will not be
 * computed or answered. */
bool rp__crew_take_back(struct rp__crew *crew, uint32_t worker, uint64_t chunk);
/* The worker rings the bell when no more than `low` chunks are left in its ring (it always does when none is). */
void rp__crew_low_water(struct rp__crew *crew, uint32_t worker, uint32_t low);
/* The next event; false: none now. Inline crews compute a chunk in here. A dead nursery is an error: RP_ESYSTEM. */
int rp__crew_poll(struct rp__crew *crew, struct rp__crew_event *event, bool *got, rp_error *error);
/* Kill the worker (-9); it comes back as ENDED with `cause`. RP_EUNSUPPORTED for thread and inline. */
int rp__crew_kill(struct rp__crew *crew, uint32_t worker, const char *cause);
/* Start a new worker in the slot of one that ENDED. */
int rp__crew_restart(struct rp__crew *crew, uint32_t worker, rp_error *error);

#endif
