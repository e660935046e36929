/* rankpool: what workers share. Python's Queue, Pipe, Lock, Value and the rest, between any two workers on any two
 * nodes and the program on rank 0.
 *
 * An object lives at the rank of whoever made it, its home, until it is freed or the world closes. What a program holds
 * of it is a handle: 8 bytes by value, to be put into the inputs or arguments of tasks, or into items of a queue. The
 * first argument of every call says who makes it: rp_task_self in a task, rp_world_self in the program on rank 0.
 *
 *     queue       items, first in first out, from many to many; each to one of them
 *     pipe        the same between two ends
 *     lock, rlock, semaphore, condition, event, barrier       who waits is served first come first served
 *     value, array    64-bit integers or doubles, changed atomically; where home and caller are on the same node in
 *                     shared memory, else by messages
 *
 * Time limits are seconds; 0 does not wait, negative waits for ever. A task that waits gives up its place: another
 * worker takes over on its core, so tasks may wait for tasks that have not begun. When 64 workers wait in one place and
 * what is waited for is not held by one that lives, the call ends with RP_EDEADLK. A task that has made its first call
 * here has effects that cannot be undone: it is not computed again after its worker died, unless the map's retries ask
 * for it. When the caller dies, what it held is broken (RP_EBROKEN) and what it waited for goes to the next.
 *
 * Errors of all calls: RP_EINVAL (a handle of another type, a NULL, a time limit that is not a number), RP_ECLOSED (the
 * object was freed, or never was), RP_ENOMEM, RP_EUNSUPPORTED (of an inline worker), RP_ECANCELED (it would
 * have had to wait in a thread whose task nobody wants any more, as rp_task_canceled says), and why the world cannot go
 * on; these are not named again below. A call that fails has done nothing, unless its comment says otherwise. Only calls
 * with a time limit wait for others; all of them wait for the home's answer: about 10 us on the home's node. */
#ifndef RANKPOOL_SYNC_H
#define RANKPOOL_SYNC_H

#include "rankpool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Who makes a call. */
typedef struct rp_self rp_self;
/* Inside a task. Lent until the kernel returns, to the thread that it runs in: what another thread, or anybody later,
 * does with it is undefined. */
RP_API rp_self *rp_task_self(rp_task *task);
/* Rank 0, any thread. For the program: each of its threads is a caller of its own. Lent until the world closes. Not
 * inside a task, of a worker thread for instance, where calls that ask the home give RP_EINVAL: rp_task_self is right. */
RP_API rp_self *rp_world_self(rp_world *world);

/* ---- Queue (Python's Queue and JoinableQueue) ----------------------------------------------------------- */

/* Items of any size, first in first out, each for one getter. */
typedef struct rp_queue {
    uint64_t id; /* 0 is no queue */
} rp_queue;

/* Any with a self, all of these. */
/* A queue that holds at most `maxsize` items, 0: any number. */
RP_API int rp_queue_new(rp_self *self, size_t maxsize, rp_queue *queue);
/* Its items are gone. Who waits in it gets RP_ECLOSED, and so does every later call on it. */
RP_API int rp_queue_free(rp_self *self, rp_queue queue);
/* Copies the item (NULL if size is 0) to the end; waits while the queue is full. RP_EFULL: it still was when the time
 * was over. RP_ECLOSED: the queue was closed. A queue without `maxsize` may take it before its home has it: an error is
 * told then by a later put of the task, or else fails the task when it ends. When a task is done, what it put is there. */
RP_API int rp_queue_put(rp_self *self, rp_queue queue, const void *item, size_t size, double timeout_s);
/* Takes the first item; waits while there is none, and is served in the order of asking. Its bytes go to `item`,
 * which has room for `capacity`, or into memory that is given: free() it. `size` (which may be NULL) is the item's.
 * RP_EEMPTY: there was none when the time was over. RP_ECLOSED: the queue was closed and is empty. RP_ERANGE: the
 * item is longer than `capacity`; it has been taken, its first bytes are in `item` and its size is in `size`. */
RP_API int rp_queue_get(rp_self *self, rp_queue queue, double timeout_s, void *item, size_t capacity, size_t *size);
RP_API int rp_queue_get_alloc(rp_self *self, rp_queue queue, double timeout_s, void **item, size_t *size);
/* How many items are in it, whether none is, and whether a put would wait: as it was a moment ago. */
RP_API int rp_queue_size(rp_self *self, rp_queue queue, size_t *size);
RP_API int rp_queue_empty(rp_self *self, rp_queue queue, bool *empty);
RP_API int rp_queue_full(rp_self *self, rp_queue queue, bool *full);
/* One item that was taken is done, whoever took it. RP_ERANGE: more often than items were put. */
RP_API int rp_queue_task_done(rp_self *self, rp_queue queue);
/* Waits until every item that was put is done. RP_ETIMEDOUT. */
RP_API int rp_queue_join(rp_self *self, rp_queue queue, double timeout_s);
/* No more puts, by nobody (RP_ECLOSED, also for who waits to put); what is in it can still be taken. Again is no
 * error. */
RP_API int rp_queue_close(rp_self *self, rp_queue queue);

/* ---- Pipe ----------------------------------------------------------------------------------------------- */

/* One end of a pipe. */
typedef struct rp_pipe {
    uint64_t id; /* 0 is no pipe */
} rp_pipe;

/* Any with a self, all of these. */
/* A pipe with two ends. Not duplex: end[0] only receives and end[1] only sends (else RP_EINVAL), as in Python. */
RP_API int rp_pipe_new(rp_self *self, bool duplex, rp_pipe end[2]);
/* Both ends: what is unread is gone, and who waits gets RP_ECLOSED. Not needed when both were closed. */
RP_API int rp_pipe_free(rp_self *self, rp_pipe end);
/* Copies the item (NULL if size is 0) to the other end; waits while more than 1 MiB is unread there, but the item is
 * sent when the time is over, too: 0. RP_EFULL, of a time limit of 0 only: nothing was sent. RP_ECLOSED: one of the
 * ends is closed. The call may return before the home has the item: an error is told then by a later send of the
 * task, or else fails the task when it ends. When a task is done, what it sent is there. */
RP_API int rp_pipe_send(rp_self *self, rp_pipe end, const void *item, size_t size, double timeout_s);
/* Takes the next item that came to this end; waits while there is none. As rp_queue_get and rp_queue_get_alloc;
 * RP_ECLOSED is the end of the file: the other end is closed and all was read, or this end is closed. */
RP_API int rp_pipe_recv(rp_self *self, rp_pipe end, double timeout_s, void *item, size_t capacity, size_t *size);
RP_API int rp_pipe_recv_alloc(rp_self *self, rp_pipe end, double timeout_s, void **item, size_t *size);
/* Waits until a receive would not: there is an item, or the other end is closed. RP_ETIMEDOUT. */
RP_API int rp_pipe_poll(rp_self *self, rp_pipe end, double timeout_s);
/* This end: the other reads what is there and then gets RP_ECLOSED; what came to this end is gone. */
RP_API int rp_pipe_close(rp_self *self, rp_pipe end);

/* ---- Lock, RLock, Semaphore, BoundedSemaphore ------------------------------------------------------------ */

/* A lock: one caller holds it. */
typedef struct rp_lock {
    uint64_t id; /* 0 is no lock */
} rp_lock;
/* A recursive lock: who holds it may acquire it again, and releases it as often. */
typedef struct rp_rlock {
    uint64_t id; /* 0 is no lock */
} rp_rlock;
/* A number of permits. */
typedef struct rp_semaphore {
    uint64_t id; /* 0 is no semaphore */
} rp_semaphore;

/* Any with a self, all of these. */
/* A lock that nobody holds. */
RP_API int rp_lock_new(rp_self *self, rp_lock *lock);
RP_API int rp_rlock_new(rp_self *self, rp_rlock *lock);
/* A semaphore of `value` permits; bounded: it never has more of them. */
RP_API int rp_semaphore_new(rp_self *self, uint64_t value, bool bounded, rp_semaphore *semaphore);
/* Who waits gets RP_ECLOSED, also who waits for a condition on the lock; so does every later call on it. */
RP_API int rp_lock_free(rp_self *self, rp_lock lock);
RP_API int rp_rlock_free(rp_self *self, rp_rlock lock);
RP_API int rp_semaphore_free(rp_self *self, rp_semaphore semaphore);
/* Waits until the caller holds it, or has one of the permits. RP_ETIMEDOUT. RP_EDEADLK: the caller holds the lock
 * itself, and set no time limit. RP_EBROKEN: one that held it died; so for all until it is repaired. */
RP_API int rp_lock_acquire(rp_self *self, rp_lock lock, double timeout_s);
RP_API int rp_rlock_acquire(rp_self *self, rp_rlock lock, double timeout_s);
RP_API int rp_semaphore_acquire(rp_self *self, rp_semaphore semaphore, double timeout_s);
/* The next that waits has it. RP_EPERM: nobody holds the lock, or, of an rlock, not the caller; a lock may be
 * released by anyone. RP_ERANGE: the bounded semaphore has all its permits. */
RP_API int rp_lock_release(rp_self *self, rp_lock lock);
RP_API int rp_rlock_release(rp_self *self, rp_rlock lock);
RP_API int rp_semaphore_release(rp_self *self, rp_semaphore semaphore);
/* What it protects is in order again: a broken one is free, with the permits of those that died. Does nothing to one
 * that is not broken. */
RP_API int rp_lock_repair(rp_self *self, rp_lock lock);
RP_API int rp_rlock_repair(rp_self *self, rp_rlock lock);
RP_API int rp_semaphore_repair(rp_self *self, rp_semaphore semaphore);

/* ---- Event, Condition, Barrier --------------------------------------------------------------------------- */

/* A flag that can be waited for. */
typedef struct rp_event {
    uint64_t id; /* 0 is no event */
} rp_event;
/* A place to wait, with a lock in hand, until another says that something has changed. */
typedef struct rp_condition {
    uint64_t id; /* 0 is no condition */
} rp_condition;
/* A place where a number of callers wait for each other. */
typedef struct rp_barrier {
    uint64_t id; /* 0 is no barrier */
} rp_barrier;
/* What rp_condition_wait_for waits for. Called by the caller's thread while it holds the lock; it may make calls. */
typedef bool rp_predicate(void *context);

/* Any with a self, all of these. */
/* An event that is not set. */
RP_API int rp_event_new(rp_self *self, rp_event *event);
/* Who waits gets RP_ECLOSED. */
RP_API int rp_event_free(rp_self *self, rp_event event);
/* Sets it, so that all who wait go on and nobody waits; clears it; asks whether it is set. */
RP_API int rp_event_set(rp_self *self, rp_event event);
RP_API int rp_event_clear(rp_self *self, rp_event event);
RP_API int rp_event_is_set(rp_self *self, rp_event event, bool *set);
/* Waits until it is set. RP_ETIMEDOUT. */
RP_API int rp_event_wait(rp_self *self, rp_event event, double timeout_s);

/* A condition with a recursive lock of its own, or on a lock that is there. */
RP_API int rp_condition_new(rp_self *self, rp_condition *condition);
RP_API int rp_condition_new_on(rp_self *self, rp_lock lock, rp_condition *condition);
RP_API int rp_condition_new_on_rlock(rp_self *self, rp_rlock lock, rp_condition *condition);
/* Who waits gets RP_ECLOSED, without the lock; the condition's own lock goes with it. */
RP_API int rp_condition_free(rp_self *self, rp_condition condition);
/* Its lock: as the lock's own calls. */
RP_API int rp_condition_acquire(rp_self *self, rp_condition condition, double timeout_s);
RP_API int rp_condition_release(rp_self *self, rp_condition condition);
RP_API int rp_condition_repair(rp_self *self, rp_condition condition);
/* Gives up the lock, waits for a notification, and returns with the lock in hand (as deep as it was), also with
 * RP_ETIMEDOUT, which may then take longer than the time limit, RP_EDEADLK and RP_ECANCELED. RP_EPERM: the caller does not hold it. RP_EBROKEN,
 * RP_ECLOSED: the lock is broken or was freed, nobody holds it. */
RP_API int rp_condition_wait(rp_self *self, rp_condition condition, double timeout_s);
/* Waits again and again until `until` says true; it is asked first without waiting. Else as rp_condition_wait. */
RP_API int rp_condition_wait_for(rp_self *self, rp_condition condition, rp_predicate *until, void *context,
                                 double timeout_s);
/* Wakes the `count` that have waited longest, or all. RP_EPERM: the caller does not hold the lock. */
RP_API int rp_condition_notify(rp_self *self, rp_condition condition, size_t count);
RP_API int rp_condition_notify_all(rp_self *self, rp_condition condition);

/* A barrier for so many callers, at least 1. */
RP_API int rp_barrier_new(rp_self *self, uint32_t parties, rp_barrier *barrier);
/* Who waits gets RP_ECLOSED. */
RP_API int rp_barrier_free(rp_self *self, rp_barrier barrier);
/* Waits until all its parties do. `index` (which may be NULL): who came as which, from 0. RP_EBROKEN: one of them was
 * too late, died or called rp_barrier_abort, or the barrier was reset meanwhile; who is too late itself gets it as
 * well. But for the reset it is then broken for all until one comes. */
RP_API int rp_barrier_wait(rp_self *self, rp_barrier barrier, double timeout_s, uint32_t *index);
/* Breaks it: who waits or comes gets RP_EBROKEN. */
RP_API int rp_barrier_abort(rp_self *self, rp_barrier barrier);
/* Who waits gets RP_EBROKEN; who comes finds it as new. */
RP_API int rp_barrier_reset(rp_self *self, rp_barrier barrier);
/* How many wait. RP_EBROKEN: it is broken. */
RP_API int rp_barrier_waiting(rp_self *self, rp_barrier barrier, uint32_t *waiting);

/* ---- Value and Array ------------------------------------------------------------------------------------- */

/* A 64-bit integer or a double, which of them its calls say. */
typedef struct rp_value {
    uint64_t id; /* 0 is no value */
} rp_value;
/* A number of them. */
typedef struct rp_array {
    uint64_t id; /* 0 is no array */
} rp_array;

/* Any with a self, all of these. */
/* A value, or `count` of them: 0 at first, as integer or double. RP_EINVAL: count is 0. The calls on them are atomic,
 * and who sees what a caller wrote sees what it wrote before; integers wrap around. On the home's node they take
 * nanoseconds. */
RP_API int rp_value_new(rp_self *self, rp_value *value);
RP_API int rp_array_new(rp_self *self, size_t count, rp_array *array);
/* Every later call on it gets RP_ECLOSED. */
RP_API int rp_value_free(rp_self *self, rp_value value);
RP_API int rp_array_free(rp_self *self, rp_array array);

/* What it is now; make it `now`; add to it; put `now` in its place. `before` (which may be NULL) is what it was.
 * RP_ERANGE: the array has no such index. */
RP_API int rp_value_load(rp_self *self, rp_value value, int64_t *now);
RP_API int rp_value_store(rp_self *self, rp_value value, int64_t now);
RP_API int rp_value_add(rp_self *self, rp_value value, int64_t addend, int64_t *before);
RP_API int rp_value_exchange(rp_self *self, rp_value value, int64_t now, int64_t *before);
RP_API int rp_value_load_double(rp_self *self, rp_value value, double *now);
RP_API int rp_value_store_double(rp_self *self, rp_value value, double now);
RP_API int rp_value_add_double(rp_self *self, rp_value value, double addend, double *before);
RP_API int rp_array_load(rp_self *self, rp_array array, size_t index, int64_t *now);
RP_API int rp_array_store(rp_self *self, rp_array array, size_t index, int64_t now);
RP_API int rp_array_add(rp_self *self, rp_array array, size_t index, int64_t addend, int64_t *before);
RP_API int rp_array_exchange(rp_self *self, rp_array array, size_t index, int64_t now, int64_t *before);
RP_API int rp_array_load_double(rp_self *self, rp_array array, size_t index, double *now);
RP_API int rp_array_store_double(rp_self *self, rp_array array, size_t index, double now);
RP_API int rp_array_add_double(rp_self *self, rp_array array, size_t index, double addend, double *before);

/* If it is `*expected`, make it `desired`: `swapped` (which may be NULL) says whether it was; if not, `*expected`
 * becomes what it is. RP_ERANGE: the array has no such index. */
RP_API int rp_value_compare_exchange(rp_self *self, rp_value value, int64_t *expected, int64_t desired, bool *swapped);
RP_API int rp_array_compare_exchange(rp_self *self, rp_array array, size_t index, int64_t *expected, int64_t desired,
                                     bool *swapped);

/* Copies `count` of them out or in, each 8 bytes and each by itself atomic. RP_ERANGE: the array is not that long. */
RP_API int rp_array_read(rp_self *self, rp_array array, size_t first, size_t count, void *words);
RP_API int rp_array_write(rp_self *self, rp_array array, size_t first, size_t count, const void *words);

/* The array's own memory, `count` (which may be NULL) times 8 bytes, to be read and changed like any other that threads
 * share. Lent until the array is freed, to a task no longer than its worker lives. RP_EUNSUPPORTED: home and caller are on different nodes. */
RP_API int rp_array_words(rp_self *self, rp_array array, void **words, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
