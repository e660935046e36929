/* A call on an object that tasks share, on its way from whoever makes it (a worker, a thread of main) to the object's
 * home and back.
 *
 * A worker writes a call into its result ring, a rank sends one to the home's rank: the same head, then the bytes of
 * the item. The answer comes back through the worker's reply ring, the same head again. A caller has at most one call
 * open whose answer it waits for; calls that are silent have none. */
#ifndef RP_CORE_CALL_H
#define RP_CORE_CALL_H

#include "core/buffer.h"
#include "core/home.h"
#include "rankpool_sync.h"

enum rp__call_type {
    RP__CALL_REQUEST = 1, /* of the home's machine */
    RP__CALL_CANCEL,      /* end the caller's open request; a: the code, negated, or 0: its own for too late */
    RP__CALL_RETURNED,    /* a: the grant, b: how many of its items were taken */
    RP__CALL_GONE,        /* the caller died or ended */
    RP__CALL_CELLS        /* where the object's words are: the answer brings a struct rp__cells_at, or RP_EUNSUPPORTED:
                             on another host */
};
enum rp__call_flags { RP__CALL_TRY = 1, RP__CALL_SILENT = 2 };

struct rp__call_head {
    uint8_t type, op, flags; /* enum rp__call_type, rp__op, rp__call_flags */
    uint64_t object, a, b;
    uint64_t size; /* of the bytes that follow, in as many pieces as it takes */
};

/* The request that a call of type REQUEST makes of the home's machine. */
static inline struct rp__request rp__call_request(struct rp__caller from, const struct rp__call_head *head,
                                                  const uint8_t *data) {
    return (struct rp__request){.from = from,
                                .object = head->object,
                                .op = (enum rp__op)head->op,
                                .try_only = head->flags & RP__CALL_TRY,
                                .silent = head->flags & RP__CALL_SILENT,
                                .a = head->a,
                                .b = head->b,
                                .data = data,
                                .size = head->size};
}

/* What a worker is told: the end of its open call. Ranks tell each other the other kinds of answers too. */
struct rp__answer_head {
    uint8_t kind; /* enum rp__answer_kind */
    uint8_t held; /* WAITING */
    int32_t code;
    uint64_t object, grant, value;
    uint64_t size;
};

/* The words lie in /proc/PID/fd/FD from `offset` on; the word before them is rp__cells_mark(object) until the array is
 * freed. Its room, or the descriptor, may be another array's then: the mark tells. */
struct rp__cells_at {
    int32_t pid, fd;
    uint64_t object, offset, words;
};

/* A call as the functions of src/sync make it. */
struct rp__call {
    uint64_t object;
    enum rp__op op;
    uint64_t a, b;
    const void *data; /* lent for the call */
    size_t size;
    double timeout_s;   /* 0: answer at once; negative: wait for ever */
    bool may_be_silent; /* need not wait for its answer: an error of it may be told by a later call on the object */
};

/* Where an item goes: cut to `capacity` bytes at `at`, or where `given` is not NULL all of it into memory that the
 * caller frees. `size` is set to its own size. */
struct rp__item {
    void *at;
    size_t capacity;
    void **given;
    size_t size;
};

/* Who makes calls: the thread of a worker, or any thread of rank 0's main. */
struct rp_self {
    /* Make the call and wait for its answer, whose code it returns; RP_ETIMEDOUT is never returned, but the code that
     * the operation has for it. `value` and `data` (appended to) may be NULL. */
    int (*call)(rp_self *self, const struct rp__call *call, uint64_t *value, struct rp__buffer *data);
    /* The next item of a queue (GET) or pipe (RECV). */
    int (*take)(rp_self *self, uint64_t object, enum rp__op op, double timeout_s, struct rp__item *item);
    /* The words of an array as they are mapped here; NULL: they are on another host, or *code is an error. Lent until
     * the caller's next call of this, or with `keep` until the array is freed; the word before them is rp__cells_mark(object) until the array is freed. */
    _Atomic uint64_t *(*cells)(rp_self *self, uint64_t object, bool keep, size_t *words, int *code);
};

#define RP__CELLS_ALIVE UINT64_C(0x72616e6b706f6f6c)
static inline uint64_t rp__cells_mark(uint64_t object) { return RP__CELLS_ALIVE ^ object; }

#endif
