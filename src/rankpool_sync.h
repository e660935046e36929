/* rankpool: what workers share. Python's Queue, Pipe, Lock, Value and the rest, between any two workers on any two nodes
 * and the program on rank 0.
 *
 * An object lives at the rank of whoever made it, its home, until it is freed or the world closes. What a program holds
 * of it is a handle: 8 bytes by value, to be put into the inputs or arguments of tasks, or into items of a queue. The
 * first argument of every call says who makes it: rp_task_self in a task, rp_world_self in the program on rank 0.
 *
 *     queue       items, first in first out, from many to many; each to one of them
 *     pipe        the same between two ends
 *     lock, rlock, semaphore, condition, event, barrier       who waits is served first come first served
 *     value, array    64-bit integers or doubles, changed atomically; where home and caller are on the same node in shared
 *                     memory, else by messages
 *
 * Time limits are seconds; 0 does not wait, negative waits for ever. A task that waits gives up its place: another
 * worker takes over on its core, so tasks may wait for tasks that have not begun. When 64 workers wait in one place and
 * what is waited for is not held by one that lives, the call ends with RP_EDEADLK. A task that has made its first call
 * here has effects that cannot be undone: it is not computed again after its worker died, unless the map's retries ask
 * for it. When the caller dies, what it held is broken (RP_EBROKEN) and what it waited for goes to the next.
 *
 * Errors of all calls: RP_EINVAL (a handle of another type, a NULL), RP_ECLOSED (the object was freed, or never was),
 * RP_ENOMEM, RP_EUNSUPPORTED (of an inline worker), and why the world cannot go on. */
#ifndef RANKPOOL_SYNC_H
#define RANKPOOL_SYNC_H

#include "rankpool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Who makes a call. */
typedef struct rp_self rp_self;
/* Inside a task. Lent until the kernel returns. */
RP_API rp_self *rp_task_self(rp_task *task);
/* Rank 0, any thread. For the program: each of its threads is a caller of its own. Lent until the world closes. */
RP_API rp_self *rp_world_self(rp_world *world);

/* ---- Queue (Python's Queue and JoinableQueue) ----------------------------------------------------------- */

typedef struct rp_queue {
    uint64_t id;
} rp_queue;

RP_API int rp_queue_new(rp_self *self, size_t maxsize, rp_queue *queue);
RP_API int rp_queue_free(rp_self *self, rp_queue queue);
RP_API int rp_queue_put(rp_self *self, rp_queue queue, const void *item, size_t size, double timeout_s);
RP_API int rp_queue_get(rp_self *self, rp_queue queue, double timeout_s, void *item, size_t capacity, size_t *size);
RP_API int rp_queue_get_alloc(rp_self *self, rp_queue queue, double timeout_s, void **item, size_t *size);
RP_API int rp_queue_size(rp_self *self, rp_queue queue, size_t *size);
RP_API int rp_queue_empty(rp_self *self, rp_queue queue, bool *empty);
RP_API int rp_queue_full(rp_self *self, rp_queue queue, bool *full);
RP_API int rp_queue_task_done(rp_self *self, rp_queue queue);
RP_API int rp_queue_join(rp_self *self, rp_queue queue, double timeout_s);
RP_API int rp_queue_close(rp_self *self, rp_queue queue);

/* ---- Pipe ----------------------------------------------------------------------------------------------- */

typedef struct rp_pipe {
    uint64_t id;
} rp_pipe; /* one end */

RP_API int rp_pipe_new(rp_self *self, bool duplex, rp_pipe end[2]);
RP_API int rp_pipe_free(rp_self *self, rp_pipe end); /* both ends */
RP_API int rp_pipe_send(rp_self *self, rp_pipe end, const void *item, size_t size, double timeout_s);
RP_API int rp_pipe_recv(rp_self *self, rp_pipe end, double timeout_s, void *item, size_t capacity, size_t *size);
RP_API int rp_pipe_recv_alloc(rp_self *self, rp_pipe end, double timeout_s, void **item, size_t *size);
RP_API int rp_pipe_poll(rp_self *self, rp_pipe end, double timeout_s);
RP_API int rp_pipe_close(rp_self *self, rp_pipe end);

/* ---- Lock, RLock, Semaphore, BoundedSemaphore ------------------------------------------------------------ */

typedef struct rp_lock {
    uint64_t id;
} rp_lock;
typedef struct rp_rlock {
    uint64_t id;
} rp_rlock;
typedef struct rp_semaphore {
    uint64_t id;
} rp_semaphore;

RP_API int rp_lock_new(rp_self *self, rp_lock *lock);
RP_API int rp_lock_free(rp_self *self, rp_lock lock);
RP_API int rp_lock_acquire(rp_self *self, rp_lock lock, double timeout_s);
RP_API int rp_lock_release(rp_self *self, rp_lock lock);
RP_API int rp_lock_repair(rp_self *self, rp_lock lock);
RP_API int rp_rlock_new(rp_self *self, rp_rlock *lock);
RP_API int rp_rlock_free(rp_self *self, rp_rlock lock);
RP_API int rp_rlock_acquire(rp_self *self, rp_rlock lock, double timeout_s);
RP_API int rp_rlock_release(rp_self *self, rp_rlock lock);
RP_API int rp_rlock_repair(rp_self *self, rp_rlock lock);
RP_API int rp_semaphore_new(rp_self *self, uint64_t value, bool bounded, rp_semaphore *semaphore);
RP_API int rp_semaphore_free(rp_self *self, rp_semaphore semaphore);
RP_API int rp_semaphore_acquire(rp_self *self, rp_semaphore semaphore, double timeout_s);
RP_API int rp_semaphore_release(rp_self *self, rp_semaphore semaphore);
RP_API int rp_semaphore_repair(rp_self *self, rp_semaphore semaphore);

/* ---- Event, Condition, Barrier --------------------------------------------------------------------------- */

typedef struct rp_event {
    uint64_t id;
} rp_event;
typedef struct rp_condition {
    uint64_t id;
} rp_condition;
typedef struct rp_barrier {
    uint64_t id;
} rp_barrier;

RP_API int rp_event_new(rp_self *self, rp_event *event);
RP_API int rp_event_free(rp_self *self, rp_event event);
RP_API int rp_event_set(rp_self *self, rp_event event);
RP_API int rp_event_clear(rp_self *self, rp_event event);
RP_API int rp_event_is_set(rp_self *self, rp_event event, bool *set);
RP_API int rp_event_wait(rp_self *self, rp_event event, double timeout_s);

RP_API int rp_condition_new(rp_self *self, rp_condition *condition); /* with a recursive lock of its own */
RP_API int rp_condition_new_on(rp_self *self, rp_lock lock, rp_condition *condition);
RP_API int rp_condition_free(rp_self *self, rp_condition condition);
RP_API int rp_condition_acquire(rp_self *self, rp_condition condition, double timeout_s);
RP_API int rp_condition_release(rp_self *self, rp_condition condition);
RP_API int rp_condition_wait(rp_self *self, rp_condition condition, double timeout_s);
RP_API int rp_condition_notify(rp_self *self, rp_condition condition, size_t count);
RP_API int rp_condition_notify_all(rp_self *self, rp_condition condition);

RP_API int rp_barrier_new(rp_self *self, uint32_t parties, rp_barrier *barrier);
RP_API int rp_barrier_free(rp_self *self, rp_barrier barrier);
RP_API int rp_barrier_wait(rp_self *self, rp_barrier barrier, double timeout_s, uint32_t *index);
RP_API int rp_barrier_abort(rp_self *self, rp_barrier barrier);
RP_API int rp_barrier_reset(rp_self *self, rp_barrier barrier);
RP_API int rp_barrier_waiting(rp_self *self, rp_barrier barrier, uint32_t *waiting); /* RP_EBROKEN */

/* ---- Value and Array ------------------------------------------------------------------------------------- */

typedef struct rp_value {
    uint64_t id;
} rp_value;
typedef struct rp_array {
    uint64_t id;
} rp_array;

RP_API int rp_value_new(rp_self *self, rp_value *value); /* 0 at first */
RP_API int rp_value_free(rp_self *self, rp_value value);
RP_API int rp_value_load(rp_self *self, rp_value value, int64_t *now);
RP_API int rp_value_store(rp_self *self, rp_value value, int64_t now);
RP_API int rp_value_add(rp_self *self, rp_value value, int64_t addend, int64_t *before);
RP_API int rp_value_exchange(rp_self *self, rp_value value, int64_t now, int64_t *before);
RP_API int rp_value_compare_exchange(rp_self *self, rp_value value, int64_t *expected, int64_t desired, bool *swapped);
RP_API int rp_value_load_double(rp_self *self, rp_value value, double *now);
RP_API int rp_value_store_double(rp_self *self, rp_value value, double now);
RP_API int rp_value_add_double(rp_self *self, rp_value value, double addend, double *before);

RP_API int rp_array_new(rp_self *self, size_t count, rp_array *array); /* zeros */
RP_API int rp_array_free(rp_self *self, rp_array array);
RP_API int rp_array_load(rp_self *self, rp_array array, size_t index, int64_t *now);
RP_API int rp_array_store(rp_self *self, rp_array array, size_t index, int64_t now);
RP_API int rp_array_add(rp_self *self, rp_array array, size_t index, int64_t addend, int64_t *before);
RP_API int rp_array_exchange(rp_self *self, rp_array array, size_t index, int64_t now, int64_t *before);
RP_API int rp_array_compare_exchange(rp_self *self, rp_array array, size_t index, int64_t *expected, int64_t desired,
                                     bool *swapped);
RP_API int rp_array_load_double(rp_self *self, rp_array array, size_t index, double *now);
RP_API int rp_array_store_double(rp_self *self, rp_array array, size_t index, double now);
RP_API int rp_array_add_double(rp_self *self, rp_array array, size_t index, double addend, double *before);
RP_API int rp_array_read(rp_self *self, rp_array array, size_t first, size_t count, void *words);
RP_API int rp_array_write(rp_self *self, rp_array array, size_t first, size_t count, const void *words);
/* The words themselves, RP_EUNSUPPORTED where home and caller are on different nodes. */
RP_API int rp_array_words(rp_self *self, rp_array array, void **words, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
