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

#include <time.h>

enum { RP__PRINT_MAX = 1024 * 1024 }; /* bytes of a text that a task prints, at most */

struct rp__answer_head; /* core/call.h */
struct rp__arena;
struct rp__nursery;
struct rp__crew;

/* Shared memory reserved before the fork: a pair of rings a slot, untouched until used. NULL: errno.
 * `kernels` is the world's table, lent; `bell` is the agent's, rung by workers and nursery, lent. */
struct rp__arena *rp__arena_new(uint32_t slots, struct rp__bell *bell, const rp_kernel *const *kernels);
void rp__arena_free(struct rp__arena *arena);
uint32_t rp__arena_slots(const struct rp__arena *arena);

/* The fork server, forked from here and now: by the main thread while there is no other, before MPI. From then on
 * any one thread may use it. Where a launcher has started this process and it is stopped for longer than the lease (0: for
 * ever), the nursery kills it (crew/orphan.h). 0, RP_ESYSTEM, RP_ENOMEM. */
int rp__nursery_start(struct rp__arena *arena, uint64_t lease_ns, struct rp__nursery **nursery, rp_error *error);
/* Kills what is left of the crew, ends the nursery and reaps it. The crew is closed before. Blocks, milliseconds;
 * two seconds and a kill if the nursery is stuck. NULL is no error. */
void rp__nursery_stop(struct rp__nursery *nursery);

/* Work, as the agent gives it. Bytes are copied into the ring, in as many pieces as needed. A chunk given in part is
 * given on, or taken back, before other maps and chunks; a MAP given in part is dropped when other work follows it
 * instead. An INIT runs the item of a kernel without a map; it is the first work of a worker, and given whole before
 * others. A FORGET may come at any time. A worker that has just started knows no map. */
enum rp__work_type { RP__WORK_MAP = 1, RP__WORK_CHUNK, RP__WORK_FORGET, RP__WORK_INIT };
struct rp__work {
    enum rp__work_type type;
    uint32_t map;    /* the map's number */
    uint32_t kernel; /* MAP, INIT: index in the table */
    uint64_t reduce; /* MAP: tasks a block whose records are folded into one, or 0 */
    bool grows;      /* MAP: its tasks may add tasks */
    uint64_t chunk;  /* CHUNK: its number, answered with the results */
    uint64_t begin, end;
    const uint8_t
        *data; /* MAP: argument bytes. CHUNK: inputs, a record a task (see core/record.h); none in a range map */
    size_t size;
    size_t given; /* in/out: bytes that went in so far; starts at 0 */
    bool started; /* in/out: whether the head of it went in */
};

enum rp__crew_event_type {
    RP__CREW_STARTED = 1, /* the worker is ready: pid and binding as it read them back */
    RP__CREW_RESULT,      /* bytes of the oldest unanswered chunk's records, cut anywhere, at most 32 KiB (none for a
                             last one at times); last: it is answered */
    RP__CREW_CHILDREN,    /* the same of what its tasks add, before the last RESULT */
    RP__CREW_INITIALIZED, /* INIT was done; where it failed, data is its message */
    RP__CREW_CUT,         /* the task in hand has made its first call on a shared object, so it must not run again; the
                             chunk, if it can be cut, ends at `task` now: what is behind is not computed */
    RP__CREW_CALL,        /* a piece of a call: the first begins with its struct rp__call_head; last: it is whole */
    RP__CREW_PRINT,       /* some of what tasks print, cut anywhere; all of it ends with a newline */
    RP__CREW_ENDED        /* the worker is gone and reaped, all that it had finished was handed out, its rings are
                             empty; rp__crew_restart is the agent's to call. Also when it could not be started */
};
struct rp__crew_event {
    enum rp__crew_event_type type;
    uint32_t worker;           /* 0.. in this crew */
    int pid;                   /* STARTED, ENDED (0: it could not be forked) */
    struct rp__cpuset binding; /* STARTED */
    uint64_t chunk;            /* RESULT, CHILDREN; ENDED: chunk in hand, if in_hand */
    const uint8_t *data;       /* RESULT, CHILDREN, CALL, PRINT: lent until the next rp__crew_poll */
    size_t size;
    bool last;         /* RESULT: the chunk is answered; CALL */
    bool failed;       /* INITIALIZED */
    uint64_t busy_ns;  /* RESULT, last: how long the kernel computed */
    bool migrated;     /* RESULT, last: its worker was not all the time on the core where the chunk before ended */
    bool in_hand;      /* ENDED: it was computing `chunk`, its oldest unanswered one */
    bool task_known;   /* ENDED: and within it, the item numbered `task`; never known of ranges and setup */
    uint64_t task;     /* CUT, too */
    uint64_t stream;   /* ENDED: the slot's word of that name, as the worker left it */
    int core;          /* STARTED, INITIALIZED: as in rp_where */
    enum rp_cause why; /* ENDED */
    bool ruined;       /* ENDED: it wrote over its slot, so what was in hand is not known: in_hand is the oldest one */
    uint32_t how;      /* ENDED: its exit code, or 256 + the signal that killed it; 0 where it is no process */
    char cause[96];    /* ENDED: "killed by signal 11 (Segmentation fault)", "wrote over its ring", ... */
};

struct rp__crew_options {
    enum rp_workers kind;
    uint32_t workers;
    const struct rp__cpuset *binding; /* [workers], empty: not bound; copied. Inline workers are never bound */
    const rp_where *where;            /* [workers], what rp_task_where shows (pid is filled in); copied */
    uint32_t cores;                   /* threads that OpenMP and the like start in a worker process; 0: as they do */
    uint64_t memory;                  /* bytes that a worker process may allocate; 0: any */
};

/* Starts every worker; they report by STARTED. Crews share the arena's slots, and each has its own of them. `nursery` may be NULL for thread and
 * inline crews. 0, RP_ESYSTEM, RP_ENOMEM, RP_EINVAL (no workers, or more than free slots), RP_EBUSY (a killed process of
 * an earlier crew still has not ended). */
int rp__crew_open(struct rp__arena *arena, struct rp__nursery *nursery, const struct rp__crew_options *options,
                  struct rp__crew **crew, rp_error *error);
/* Ends every worker. Processes are killed, and waited for at most two seconds. Threads end after the task in hand, and
 * are waited for at most half a second: where one still computes then, the crew's memory and its arena must stay until
 * the process ends, and false is returned. Maps are torn down in threads and inline workers only. NULL is no error. */
bool rp__crew_close(struct rp__crew *crew);

/* Put `work` into the worker's ring as far as it goes. true: all of it went in. false: call again later with the same
 * work; at most 1024 chunks may be unanswered. Always false between ENDED and restart, and for a worker that wrote
 * over its ring. */
bool rp__crew_give(struct rp__crew *crew, uint32_t worker, struct rp__work *work);
/* Wake a worker that sleeps on an empty ring: once after a batch of gives. */
void rp__crew_wake(struct rp__crew *crew, uint32_t worker);
/* Take the youngest chunk given to this worker (all of it, or a part) back if it has not started: true, and it will
 * not be computed or answered. false: it has started, or is not the youngest. */
bool rp__crew_take_back(struct rp__crew *crew, uint32_t worker, uint64_t chunk);
/* After each answer, the worker rings the bell if no more than `low` chunks wait in its ring. It always rings before it
 * goes to sleep for want of work. Holds for all later lives of the worker, too; 0 at first. */
void rp__crew_low_water(struct rp__crew *crew, uint32_t worker, uint32_t low);
/* Tell workers that nobody wants results of this map any more: rp_task_canceled, of the chunk in hand and of those that
 * they have not started; who waits in a call wakes. Maps are numbered from 1, never alike in a crew's time. Any thread,
 * while the crew is open. */
void rp__crew_cancel(const struct rp__crew *crew, uint32_t map);
/* The next event; false: none now. Inline crews compute a chunk in here. A dead nursery is an error: RP_ESYSTEM. It
 * cannot ring: to learn of it in time, poll at times. */
int rp__crew_poll(struct rp__crew *crew, struct rp__crew_event *event, bool *got, rp_error *error);
/* Kill the worker (-9); it comes back as ENDED with `cause`, after what it had finished. No error if it has ended.
 * RP_EUNSUPPORTED for thread and inline, RP_ESYSTEM: the nursery is dead. */
int rp__crew_kill(struct rp__crew *crew, uint32_t worker, const char *cause);
/* How many tasks of the chunk that the worker has in hand are done, the one that it is at in part, and the number of the
 * item that it is at (UINT64_MAX: in setup, or it is a range); false: it has none. A hint, between 0 and the number of the
 * chunk's tasks whatever the worker wrote. */
bool rp__crew_progress(struct rp__crew *crew, uint32_t worker, uint64_t *chunk, double *tasks, uint64_t *item);
/* Ask a worker to leave after what it has in hand; it comes back as ENDED. */
void rp__crew_retire(struct rp__crew *crew, uint32_t worker);
/* Start one more worker, bound as `like` is and under the same numbers. 0 and its index, the next one; RP_EINVAL (no slot
 * is free), RP_ESYSTEM, RP_ENOMEM, RP_EBUSY as in rp__crew_open. */
int rp__crew_add(struct rp__crew *crew, uint32_t like, uint32_t *index, rp_error *error);
/* Write a piece of an answer for the worker: the whole head each time, at most RP__FRAGMENT of its bytes. false: no room
 * now. To be followed by rp__crew_wake. Any one thread at a time, not while the worker is restarted or closed. */
bool rp__crew_reply(struct rp__crew *crew, uint32_t worker, const struct rp__answer_head *head, const void *piece,
                    size_t size);
/* No more of the items that its answer number `lending` lent (its answers with a grant, counted from 1) may be taken:
 * returns how many were, at least 1, or UINT32_MAX: the worker is done with them. As rp__crew_reply; after ENDED too. */
uint32_t rp__crew_recall(struct rp__crew *crew, uint32_t worker, uint32_t lending);
/* The same from what an ENDED worker left. */
uint32_t rp__crew_taken(uint64_t stream, uint32_t lending);
/* How long a thread that was asked to end is waited for: until then, by the clock of pthread_timedjoin_np. */
struct timespec rp__crew_join_limit(void);
/* Start a new worker in the slot of one that ENDED. RP_EBUSY (it has not), RP_ESYSTEM, RP_ENOMEM: it is still ended. */
int rp__crew_restart(struct rp__crew *crew, uint32_t worker, rp_error *error);

#endif
