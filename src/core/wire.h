/* What travels between the master and the agents. A message is a run of frames; a frame is its type, its flags, its
 * pool and the fields that its type has (the table is in wire.c), as LEB128 numbers, then its bytes. Bytes longer than a
 * message travel in several frames of the same head, all but the last marked MORE, so that a result of any size
 * never holds up what comes behind it for long. Both sides are little-endian or both are not: HELLO tells. */
#ifndef RP_CORE_WIRE_H
#define RP_CORE_WIRE_H

#include "core/buffer.h"

#include <stdbool.h>

enum { RP__MESSAGE_MAX = 256 * 1024 };
#define RP__ANY_WORKER UINT32_MAX /* no enumerator: those are ints in C11 */

enum rp__frame_type {
    /* to an agent */
    RP__FRAME_POOL = 1,  /* plan a crew and say how many; data = options, packed by the pool layer */
    RP__FRAME_START,     /* start it; worker = the pool's number of its first */
    RP__FRAME_POOL_END,  /* end it */
    RP__FRAME_MAP,       /* map, kernel, worker = how many of the crew may compute it, count = tasks a block that is
                            folded, or 0; chunk = ns that a task may compute, or 0; data = argument bytes. GROWS: its tasks may add tasks.
                            ONCE: what may have begun must not begin again */
    RP__FRAME_MAP_END,   /* map: forget it; chunks in hand are dropped, and answered by RETURNED */
    RP__FRAME_WORK,      /* map, chunk, begin, end, worker or ANY; data = inputs */
    RP__FRAME_TAKE_BACK, /* count = how many chunks that have not started are wanted back */
    RP__FRAME_CANCEL,    /* chunk is wanted back; KILL: also if it runs */
    RP__FRAME_QUIT,      /* count = exit code */
    RP__FRAME_SHARE,     /* worker = number of the shared data, count = its size, data = of it; pass it on */
    /* to the master */
    RP__FRAME_HELLO, /* begin = hash of program and tables; data = host name */
    RP__FRAME_CREW,  /* worker = how many; data = notes for the user, a line each */
    RP__FRAME_WORKER, /* worker: it has started for the first time; chunk = 1 + its core, 0: not known; count = its pid; of
                           the pool of a Process, data = its rp_where */
    RP__FRAME_RESULT,   /* worker, chunk, count = busy ns; data = records. Without MORE the chunk is answered.
                           MIGRATED: not all of it on the core where its worker's chunk before ended */
    RP__FRAME_CHILDREN, /* chunk; data = inputs of tasks that its tasks add, once it is answered */
    RP__FRAME_RETURNED, /* chunk: not computed; with LAST: the end of the answer to TAKE_BACK */
    RP__FRAME_RUNS,     /* chunk: it cannot be taken back, and goes on */
    RP__FRAME_PROGRESS, /* chunk, count = bits of a double: how many of its tasks are done, in part too */
    RP__FRAME_DIED,     /* worker, chunk, begin and end = the tasks it may have died of, data = cause, kernel = why: an
                           rp_cause, count = how: its exit code, or 256 + the signal that killed it; flag IN_HAND.
                           KILLED: by the agent, and not for what it computed.
                           LAST: of the pool of a Process, whose crew is closed: no more comes of it */
    RP__FRAME_FAILED,   /* count = code, data = words: this rank cannot go on */
    RP__FRAME_SHARED,   /* worker = number of the shared data that this rank has now, whole */
    RP__FRAME_SIGNAL,   /* count = its number: someone wants the run to stop */
    RP__FRAME_CUT,      /* chunk, begin and end = what it is now: its last task has effects and must not run again; what
                           was behind it is not computed here */
    RP__FRAME_BLOCKED,  /* chunk: its worker waits, and another may have work in its place */
    RP__FRAME_PRINT,    /* data = whole lines for the program's standard output */
    /* between any two ranks (pool/router.h) */
    RP__FRAME_CALL,   /* chunk = the caller's number; data = struct rp__call_head and bytes */
    RP__FRAME_ANSWER, /* chunk = the caller's number; data = struct rp__answer_head and bytes */
    RP__FRAME_LOST,   /* worker = a rank that is gone, where the others go on; rank 0 says so */
    /* between rank 0 and any other (core/lease.h) */
    RP__FRAME_BEAT, /* its sender is there */
    RP__FRAME_TYPES
};

enum rp__frame_flags {
    RP__MORE = 1,
    RP__LAST = 2,
    RP__IN_HAND = 4,
    RP__KILLED = 8,
    RP__GROWS = 16,
    RP__KILL = 32,
    RP__MIGRATED = 64,
    RP__ONCE = 128
};

struct rp__frame {
    enum rp__frame_type type;
    uint8_t flags;
    uint32_t pool; /* which one it is of; 0: of none, but of the world. From the outbox that it was put in */
    uint32_t map, kernel, worker;
    uint64_t chunk, begin, end, count;
    const uint8_t *data; /* lent by whoever made the frame */
    size_t size;
};

/* Decode the frame at *at, which ends before `end`: *at moves behind it. 1: got one; 0: nothing is left;
 * RP_EPROTOCOL: the bytes make no sense (nothing is set). Data points into the message. */
int rp__frame_read(const uint8_t **at, const uint8_t *end, struct rp__frame *frame);

/* Messages on their way to one rank: those that are full, and the one being filled. All zero is empty. */
struct rp__outbox {
    uint32_t pool;              /* all frames that are put here are of this pool */
    struct rp__buffer *message; /* [count] */
    size_t count, capacity;
};

/* Add a frame, in pieces where it is long. 0 or RP_ENOMEM. */
int rp__outbox_put(struct rp__outbox *outbox, const struct rp__frame *frame);
void rp__outbox_free(struct rp__outbox *outbox);

#endif
