/* The memory that an agent shares with its nursery and workers: a page for the nursery, and a slot a worker.
 *
 * A slot has four kinds of words, each with one writer: settings (the agent, before the worker starts), orders (the
 * agent), what the worker shows of itself (the worker), and the claims. The agent believes none of the worker's
 * words: it uses them as hints or checks them against its own list. A worker process closes the other slots to
 * itself, so a kernel that runs wild ruins its own slot only. */
#ifndef RP_CREW_ARENA_H
#define RP_CREW_ARENA_H

#include "core/cpuset.h"
#include "crew/bell.h"
#include "crew/crew.h"
#include "crew/ring.h"
#include "rankpool.h"

enum {
    RP__DEPTH = 1024,        /* chunks that one worker may have unanswered; a power of two */
    RP__FRAGMENT = 32 * 1024 /* bytes of work or of results in one record of a ring, at most */
};

/* Who may have chunk number n of a slot is decided in claim[n % RP__DEPTH] by compare-and-swap. The word holds the
 * number too, so a swap that comes late fails on the claim of a later chunk instead of deciding it. */
enum rp__claim { RP__CLAIM_OFFERED, RP__CLAIM_STARTED, RP__CLAIM_TAKEN_BACK };
static inline uint64_t rp__claim(uint64_t number, enum rp__claim claim) { return number << 2 | claim; }

/* Why a worker left by itself. */
enum rp__left { RP__LEFT_NOT, RP__LEFT_ASKED, RP__LEFT_BROKEN_RING, RP__LEFT_NO_MEMORY };

#define RP__NO_TASK UINT64_MAX

struct rp__slot {
    /* Settings. */
    struct rp__cpuset binding; /* empty: stay where you are */
    rp_where where;
    bool spin; /* look for work for a few microseconds before sleeping */

    /* Orders. */
    struct rp__bell wake;     /* the worker sleeps on it */
    _Atomic uint32_t leave;   /* threads: end after the task in hand */
    _Atomic uint32_t low;     /* ring the agent when no more chunks than these wait */
    _Atomic uint64_t offered; /* chunks given and not taken back, of this life */

    /* The worker of itself. */
    _Alignas(64) _Atomic uint64_t hand; /* number of the chunk that it computes, plus 1; 0: none */
    _Atomic uint64_t task;              /* and the item of it, or RP__NO_TASK */
    _Atomic uint32_t left;              /* enum rp__left; its last word */

    _Alignas(64) _Atomic uint64_t claim[RP__DEPTH];
    struct rp__ring work;   /* agent to worker: struct rp__work_head, then bytes */
    struct rp__ring result; /* worker to agent: struct rp__result_head, then bytes */
};

/* A piece of work, as it goes through the ring. */
enum { RP__PIECE_FIRST = 1, RP__PIECE_LAST = 2 };
struct rp__work_head {
    uint32_t type; /* enum rp__work_type */
    uint32_t pieces;
    uint32_t map, kernel;
    uint64_t number; /* of the chunk, counted in this worker's life from 0 */
    uint64_t begin, end;
    uint64_t size;          /* of all pieces */
    uint64_t reduce, grows; /* MAP */
};

/* A piece of an answer. STARTED carries the binding as its bytes. */
enum rp__result_type { RP__RESULT_STARTED = 1, RP__RESULT_PIECE, RP__RESULT_LAST, RP__RESULT_CHILD };
struct rp__result_head {
    uint32_t type;
    int32_t pid;      /* STARTED */
    uint64_t number;  /* of the chunk */
    uint64_t busy_ns; /* LAST */
};

/* What the nursery shares besides its socket. */
struct rp__nursery_page {
    _Atomic uint32_t posted; /* messages that it has sent */
};

struct rp__arena {
    uint32_t slots;
    size_t slot_size, size; /* whole pages */
    uint8_t *memory;
    struct rp__bell *bell;
    const rp_kernel *const *kernels;
    uint32_t kernel_count;
};

struct rp__slot *rp__arena_slot(const struct rp__arena *arena, uint32_t index);
struct rp__nursery_page *rp__arena_nursery_page(const struct rp__arena *arena);
/* Make a slot as new while no worker is attached to it, but for the settings and the low water mark. */
void rp__arena_reset(const struct rp__arena *arena, uint32_t index);
/* Give the slot's memory back to the system, so that the next worker's node provides it. */
void rp__arena_release(const struct rp__arena *arena, uint32_t index);
/* Let the slot's memory, up to the result ring, be provided on the calling thread's node. The result ring follows
 * by being written there first. */
void rp__arena_settle(const struct rp__arena *arena, uint32_t index);
/* In a worker process: nothing but this slot can be touched from now on. */
void rp__arena_keep_only(const struct rp__arena *arena, uint32_t index);

#endif
