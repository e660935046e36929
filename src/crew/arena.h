/* The memory that an agent shares with its nursery and workers: a page for all of them, and a slot a worker.
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
    RP__SHARED_MAX = 64,     /* pieces of data that a world may share */
    RP__DEPTH = 1024,        /* chunks that one worker may have unanswered; a power of two */
    RP__CLOSED = 16,         /* closed maps that a worker is told of at a time */
    RP__FRAGMENT = 32 * 1024 /* bytes of work or of results in one record of a ring, at most */
};

/* Who may have chunk number n of a slot is decided in claim[n % RP__DEPTH] by compare-and-swap. The word holds the
 * number too, so a swap that comes late fails on the claim of a later chunk instead of deciding it. */
enum rp__claim { RP__CLAIM_OFFERED, RP__CLAIM_STARTED, RP__CLAIM_TAKEN_BACK };
static inline uint64_t rp__claim(uint64_t number, enum rp__claim claim) { return number << 2 | claim; }

/* Why a worker left by itself. */
enum rp__left { RP__LEFT_NOT, RP__LEFT_ASKED, RP__LEFT_BROKEN_RING, RP__LEFT_NO_MEMORY, RP__LEFT_SHORT };

#define RP__NO_TASK UINT64_MAX

struct rp__slot {
    /* Settings. */
    struct rp__cpuset binding; /* empty: stay where you are */
    rp_where where;
    uint32_t
        cores; /* threads that OpenMP and the like start in the worker's process; 0: what its environment says, or 1 */
    uint64_t memory; /* bytes that the worker's process may allocate; 0: any */
    bool spin;       /* look for work for a few microseconds before sleeping */

    /* Orders. */
    struct rp__bell wake;                /* the worker sleeps on it */
    _Atomic uint32_t leave;              /* threads: end after the task in hand */
    _Atomic uint32_t low;                /* ring the agent when no more chunks than these wait */
    _Atomic uint64_t offered;            /* chunks given and not taken back, of this life */
    _Atomic uint32_t closed[RP__CLOSED]; /* map n, at n % RP__CLOSED: nobody wants its results any more */

    /* The worker of itself. */
    _Alignas(64) _Atomic uint64_t hand; /* number of the chunk that it computes, plus 1; 0: none */
    _Atomic uint64_t task;              /* and the item of it, or RP__NO_TASK */
    _Atomic uint64_t progress;          /* and how far that is, or the chunk of a range: the bits of a double */
    _Atomic uint32_t left;              /* enum rp__left; its last word */

    _Alignas(64) _Atomic uint64_t claim[RP__DEPTH];
    struct rp__ring work;   /* agent to worker: struct rp__work_head, then bytes */
    struct rp__ring result; /* worker to agent: struct rp__result_head, then bytes */
    struct rp__ring reply;  /* agent to worker: struct rp__answer_head, then bytes */

    /* How many of the items that it was lent the worker has taken: both swap it, see rp__crew_recall. */
    _Alignas(64) _Atomic uint64_t stream;
};

/* The word `stream`: the number of the answer that lent the items (counted in the worker's life from 1, those with a
 * grant only), how many of them it has taken, and whether it may take more. */
#define RP__STREAM_RECALLED (UINT64_C(1) << 32)
static inline uint64_t rp__stream(uint32_t lending, uint32_t taken) { return (uint64_t)lending << 33 | taken; }

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

/* A piece of an answer. STARTED carries the binding as its bytes, PRINT some of what is printed. */
enum rp__result_type {
    RP__RESULT_STARTED = 1,
    RP__RESULT_PIECE,
    RP__RESULT_LAST,
    RP__RESULT_CHILD,
    RP__RESULT_PRINT,
    RP__RESULT_INIT,
    RP__RESULT_CUT, /* number: of the chunk, busy_ns: where it ends now */
    RP__RESULT_CALL /* struct rp__call_head, then bytes; its later pieces bytes only */
};
struct rp__result_head {
    uint16_t type;
    uint16_t migrated; /* LAST: not all of the chunk was computed on the core where the one before it ended */
    int32_t pid;       /* STARTED */
    uint64_t number;   /* of the chunk. INIT: did it fail, with a message */
    uint64_t busy_ns;  /* LAST */
};

/* What the agent shares with all of its family: workers may only read it. */
struct rp__family_page {
    _Atomic uint32_t posted; /* messages that the nursery has sent */
    int agent;               /* its process */
    struct rp__shared {
        _Atomic uint64_t size; /* 0: there is none */
        int fd;                /* of the agent's */
    } shared[RP__SHARED_MAX];  /* rp_world_share's data */

    /* Where the agent is pinned, if that is beside its workers; and the machine, written before any worker starts. */
    _Atomic uint64_t agent_cpus[RP__CPU_WORDS];
    _Atomic uint32_t pus;  /* 0: not known */
    rp_pu pu[RP__CPU_MAX]; /* the first so many */
};

struct rp__arena {
    uint32_t slots;
    size_t slot_size, size; /* whole pages */
    uint8_t *memory;
    bool *taken;                  /* [slots], by a crew; the agent's own list */
    _Atomic uintptr_t *thread;    /* [slots] the thread that is the worker, or 0 */
    _Atomic uint32_t threads_end; /* no slot from here on ever had one */
    struct rp__bell *bell;
    const rp_kernel *const *kernels;
    uint32_t kernel_count;
};

struct rp__slot *rp__arena_slot(const struct rp__arena *arena, uint32_t index);
struct rp__family_page *rp__arena_family_page(const struct rp__arena *arena);
uint32_t rp__arena_free_slots(const struct rp__arena *arena);
/* A slot for a worker; false: none is free. */
bool rp__arena_take(struct rp__arena *arena, uint32_t *index);
/* It is free again. */
void rp__arena_give_back(struct rp__arena *arena, uint32_t index);
/* The calling thread is the slot's worker from now on, and until it leaves. */
void rp__arena_enter_thread(struct rp__arena *arena, uint32_t index);
void rp__arena_leave_thread(struct rp__arena *arena, uint32_t index);
/* Is the calling thread a worker? */
bool rp__arena_is_in_worker(const struct rp__arena *arena);
/* Make a slot as new while no worker is attached to it, but for the settings, the low water mark and what concerns
 * calls: whoever answers them may be in the middle of it when the worker ends. */
void rp__arena_reset(const struct rp__arena *arena, uint32_t index);
/* And what concerns calls, before the next worker. */
void rp__arena_reset_calls(const struct rp__arena *arena, uint32_t index);
/* Give the slot's memory back to the system, so that the next worker's node provides it. */
void rp__arena_release(const struct rp__arena *arena, uint32_t index);
/* Let the slot's memory, up to the result ring, be provided on the calling thread's node. The result ring follows
 * by being written there first. */
void rp__arena_settle(const struct rp__arena *arena, uint32_t index);
/* In a worker process: nothing but this slot can be touched from now on, and the family's page only be read. */
void rp__arena_keep_only(const struct rp__arena *arena, uint32_t index);

#endif
