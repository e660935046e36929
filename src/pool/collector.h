/* The collector: what stands between hidden maps and futures, one a world.
 *
 * A future is a run of tasks of a stream: a hidden, unordered map whose results the collector takes and puts in their
 * places by task number. map_async has a stream of its own; all apply_async of one kernel and arguments on a pool share
 * one, so that each is no more than a put. There is no thread: whoever is inside a call on a future collects.
 *
 * Invariants: a future that is not done has a stream; `left` of its tasks have no result yet. `lock` guards all of it.
 * Locks are taken in the order collector, world, map; the one of `news` is taken last and nothing is done under it. */
#ifndef RP_POOL_COLLECTOR_H
#define RP_POOL_COLLECTOR_H

#include "pool/world_state.h"

struct rp__stream {
    struct rp__stream *next;
    rp_pool *pool;
    rp_map *map;
    bool shared;   /* by many applies of one kernel and arguments */
    char *kernel;  /* shared: the key */
    uint8_t *args; /* [args_size] */
    size_t args_size;
    uint64_t first, end; /* tasks: the lowest that has no result, and how many there are */
    rp_future **future;  /* [capacity], a ring by task number; of a stream that is not shared, one for all tasks */
    size_t capacity;     /* a power of two */
};

struct rp_future {
    struct rp__collector *collector;
    struct rp__stream *stream;
    uint64_t first; /* the stream's number of its task 0 */
    size_t left;
    bool done, abandoned, reported; /* abandoned: freed by the program; reported: by rp_futures_next */
    int code;                       /* why it ended without all results */
    unsigned refs;                  /* the program; the stream; a callback that is to run */
    size_t looked_at;               /* rp_futures_next begins here */
    rp_results results;
    rp_callback *callback, *error_callback;
    void *context;
    struct rp_future *next; /* in the queue of callbacks */
};

struct rp__collector {
    pthread_mutex_t lock;
    rp_world *world; /* NULL: it was closed */
    struct rp__stream *streams;
    rp_future *callbacks, **callbacks_tail;
    bool calling; /* a thread runs callbacks */
    size_t refs;  /* the world, and every future */

    pthread_mutex_t news_lock;
    pthread_cond_t news;
    _Atomic uint64_t news_count;
    size_t waiting;
};

/* NULL: out of memory. */
struct rp__collector *rp__collector_new(rp_world *world);
/* The world lets go of it; it goes with the last future. NULL is no error. */
void rp__collector_leave_world(struct rp__collector *collector);
/* What is not done of the pool's futures ends with RP_ECLOSED, and its hidden maps are closed. */
void rp__collector_close(struct rp__collector *collector, rp_pool *pool);
/* Any thread: a map has news, or a future is done. */
void rp__collector_ring(struct rp__collector *collector);

/* Enter and leave are around everything else. To leave also runs the callbacks that are due. */
void rp__collector_enter(struct rp__collector *collector);
void rp__collector_leave(struct rp__collector *collector);
/* Put what came into its futures. */
void rp__collector_collect(struct rp__collector *collector);
/* Wait until `is_met`: 0, or RP_ETIMEDOUT. Lets go of the lock in between, and runs callbacks. */
int rp__collector_wait(struct rp__collector *collector, bool (*is_met)(void *self), void *self, double timeout_s);

/* A future of `count` tasks without a stream; NULL: out of memory. */
rp_future *rp__future_new(struct rp__collector *collector, const rp_call *call, size_t count);
/* One user less. Collector entered. */
void rp__future_release(rp_future *future);
/* A stream of its own for the map, all of whose tasks are the future's. 0, RP_ENOMEM: the map is the caller's still. */
int rp__stream_own(rp_pool *pool, rp_map *map, rp_future *future);
/* The shared stream of the kernel and arguments, opened if there is none. */
int rp__stream_shared(rp_pool *pool, const rp_call *call, struct rp__stream **stream, rp_error *error);
/* One task more on a shared stream. 0, RP_ENOMEM, why the pool cannot go on. */
int rp__stream_put(struct rp__stream *stream, rp_future *future, const void *input, size_t size);

/* results.c: results without answers. 0, RP_ENOMEM. */
int rp__results_init(rp_results *results, size_t count);
/* Fill in the part's tasks, of which `first` is the results' 0; takes the part. Returns how many tasks it had. */
size_t rp__results_add(rp_results *results, uint64_t first, struct rp__part *part);
/* 0, or the code of the first that failed, and words for it. */
int rp__results_judge(const rp_results *results, rp_error *error);

#endif
