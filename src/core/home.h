/* The one machine behind everything that tasks share: queues, pipes, locks, semaphores, events, conditions, barriers
 * and cells. An object lives at one rank, its home. A call comes there as a request and is answered by one reply, at
 * once or later, first come first served.
 *
 * There is no clock here. A time limit is its caller's: when the time is over a cancel comes for the open request,
 * and what is answered is the grant that was faster, or that it came too late. So nothing hangs and nothing is lost.
 *
 * Items of a queue or pipe are granted in batches while one caller alone takes them. The first of a batch is taken;
 * the others are lent: they stay here until the caller's next take says that it had them all. When somebody else asks
 * in between, the caller gets a recall and says how far it came; what it had not taken is in front again. */
#ifndef RP_CORE_HOME_H
#define RP_CORE_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One thread of control: one life of a worker, or one thread of main. Never used again after rp__home_gone. `rank` has
 * at most 24 bits, `local` 40. */
struct rp__caller {
    uint32_t rank;
    uint64_t local;
};

/* Bits 40-63 of an object's id are its home's rank, 36-39 the type, 35 the end of a pipe, 34 says that a queue is
 * bounded, the others count. */
enum rp__home_type {
    RP__QUEUE = 1, /* a: the most items, 0: any number */
    RP__PIPE,      /* a: 1: both ways, 0: end 0 only receives and end 1 only sends */
    RP__LOCK,
    RP__RLOCK,
    RP__SEMAPHORE, /* a: permits, b: 1: bounded, never more than at first */
    RP__EVENT,
    RP__CONDITION, /* a: the id of a lock or rlock of the same home, 0: an rlock of its own */
    RP__BARRIER,   /* a: parties */
    RP__CELLS      /* a: words of 8 bytes, all 0 */
};
#define RP__PIPE_END      (UINT64_C(1) << 35) /* end 0 has the id that was made, end 1 this bit too */
#define RP__QUEUE_BOUNDED (UINT64_C(1) << 34) /* a put may have to wait, and cannot be silent */

static inline uint32_t rp__home_rank_of(uint64_t id) { return (uint32_t)(id >> 40); }
static inline uint64_t rp__home_type_of(uint64_t id) { return id >> 36 & 0xf; }

/* Codes besides RP_EINVAL (not an operation of this object), RP_ECLOSED (freed) and RP_ENOMEM. In brackets the answer
 * to a call that would have to wait and may not, or whose time is over. */
enum rp__op {
    RP__OP_NEW,   /* `object` is the type; value: the id */
    RP__OP_FREE,  /* who waits gets RP_ECLOSED */
    RP__OP_FLUSH, /* the code of the caller's first silent request that failed and was not told of yet, or 0 */

    RP__OP_PUT,       /* data: an item [RP_EFULL] */
    RP__OP_GET,       /* a: the most items; value: how many, data: records (core/record.h) [RP_EEMPTY] */
    RP__OP_SIZE,      /* a: 0: how many items; 1: how many more have room, UINT64_MAX: any number; value */
    RP__OP_TASK_DONE, /* RP_ERANGE: more often than items were put */
    RP__OP_JOIN,      /* until every item that was put is done [RP_ETIMEDOUT] */
    RP__OP_CLOSE,     /* of a queue: no more puts, gets drain it; of a pipe: of this end */

    RP__OP_SEND, /* answered when at most 1 MiB is unread; canceled it is still sent: 0. If it may not wait [RP_EFULL] */
    RP__OP_RECV, /* as GET; RP_ECLOSED when the other end is closed and all was read */
    RP__OP_POLL, /* until there is an item, or the other end is closed [RP_ETIMEDOUT] */

    RP__OP_ACQUIRE, /* b: 1: without a time limit; RP_EDEADLK, RP_EBROKEN [RP_ETIMEDOUT] */
    RP__OP_RELEASE, /* a: permits, of a semaphore; RP_EPERM, RP_ERANGE */
    RP__OP_REPAIR,  /* a broken one is free again; value: 1, or 0 if it was not broken */

    RP__OP_SET,
    RP__OP_CLEAR,
    RP__OP_IS_SET, /* value */
    RP__OP_WAIT,   /* event [RP_ETIMEDOUT], condition (answered holding the lock; RP_EPERM) [RP_ETIMEDOUT],
                    * barrier (value: who came as which, from 0; RP_EBROKEN) [RP_EBROKEN] */
    RP__OP_NOTIFY, /* a: how many; UINT64_MAX: all; RP_EPERM */
    RP__OP_ABORT,
    RP__OP_RESET,
    RP__OP_STATE, /* of a barrier; value: how many wait; RP_EBROKEN */

    /* a: the word, RP_ERANGE; value: what was there before. */
    RP__OP_LOAD,
    RP__OP_STORE,            /* b */
    RP__OP_ADD,              /* b, int64_t */
    RP__OP_ADD_DOUBLE,       /* b: the bits of a double */
    RP__OP_EXCHANGE,         /* b */
    RP__OP_COMPARE_EXCHANGE, /* b: what to store, if data (8 bytes) is what is there */
    RP__OP_READ,             /* b: how many words; data */
    RP__OP_WRITE             /* data: whole words */
};

struct rp__request {
    struct rp__caller from;
    uint64_t object;
    enum rp__op op;
    bool try_only; /* answer at once rather than wait (for who holds a loan, if need be) */
    bool silent;   /* no reply: only for what never waits. A failure is told instead of what the caller's next PUT or
                      SEND on the object would do, or by FLUSH */
    uint64_t a, b;
    const uint8_t *data; /* lent for the call */
    size_t size;
};

enum rp__answer_kind {
    RP__REPLY,   /* the request has ended */
    RP__WAITING, /* it waits: a reply will follow. At most one comes before it */
    RP__RECALL /* also while its own request waits: answer with rp__home_returned(object, grant); a grant that is over by then does no harm */
};

struct rp__answer {
    enum rp__answer_kind kind;
    struct rp__caller to;
    int code;
    bool held; /* WAITING: what it waits for is held by a caller that lives */
    uint64_t object;
    uint64_t grant; /* REPLY: the batch's number if all items but the first are lent, else 0; RECALL: which */
    uint64_t value;
    const uint8_t *data; /* lent until the next call on the machine */
    size_t size;
};

/* Where the words of cells come from, so that they may be memory that other processes share. */
struct rp__cell_memory {
    void *(*make)(void *context, uint64_t object, size_t words); /* zeroed; NULL: out of memory */
    void (*drop)(void *context, void *at, size_t words);
    void *context;
};

struct rp__home;

/* `memory` is copied; NULL: the heap. NULL when out of memory. */
struct rp__home *rp__home_new(uint32_t rank, const struct rp__cell_memory *memory);
void rp__home_free(struct rp__home *home);

/* 0, and a reply will follow unless `silent`. RP_EBUSY: the caller has an open request or a reply not fetched yet;
 * RP_ENOMEM: not even a reply can be made; RP_EINVAL: this cannot be silent. A silent request gives its own code. */
int rp__home_request(struct rp__home *home, const struct rp__request *request);
/* The caller's open request, if any, ends with `code`; 0: with its own code for too late. */
void rp__home_cancel(struct rp__home *home, struct rp__caller caller, int code);
/* Of the items of that grant the caller has taken `taken` (at least 1): the rest are in front again. */
void rp__home_returned(struct rp__home *home, struct rp__caller caller, uint64_t object, uint64_t grant,
                       uint64_t taken);
/* The caller died or ended. What it was lent counts as taken; what it held is broken; it gets no more answers. */
void rp__home_gone(struct rp__home *home, struct rp__caller caller);
/* The same of every caller of this rank. */
void rp__home_lose(struct rp__home *home, uint32_t rank);
/* The next answer; false: there is none. */
bool rp__home_answer(struct rp__home *home, struct rp__answer *answer);

#endif
