/* What the public calls on shared objects have in common: their arguments are looked at here, and then they are calls
 * of a self (core/call.h). So these functions know neither who waits nor where the home is. */
#ifndef RP_SYNC_SYNC_H
#define RP_SYNC_SYNC_H

#include "core/call.h"

enum { RP__SILENT_MAX = 64 * 1024 }; /* bytes of an item whose sender need not wait for the answer */

/* RP_EINVAL: no self, an object of another type, or a time limit that is not a number; else what the call gives.
 * `value` may be NULL. */
int rp__sync_call(rp_self *self, enum rp__home_type type, const struct rp__call *call, uint64_t *value);
/* The same with an answer that brings bytes. */
int rp__sync_fetch(rp_self *self, enum rp__home_type type, const struct rp__call *call, struct rp__buffer *data);
/* The next item of a queue or pipe. */
int rp__sync_take(rp_self *self, enum rp__home_type type, uint64_t object, double timeout_s, struct rp__item *item);
/* A new object; `a` and `b` as its type has them (core/home.h). */
int rp__sync_new(rp_self *self, enum rp__home_type type, uint64_t a, uint64_t b, uint64_t *id);
/* lock.c: of locks, semaphores, and conditions for their lock. */
int rp__sync_acquire(rp_self *self, enum rp__home_type type, uint64_t object, double timeout_s);
int rp__sync_release(rp_self *self, enum rp__home_type type, uint64_t object);

static inline bool rp__sync_is(uint64_t object, enum rp__home_type type) { return rp__home_type_of(object) == type; }

/* A limit that no clock reaches is none. */
static inline double rp__sync_limit(double timeout_s) { return timeout_s < 0 || timeout_s > 1e9 ? -1 : timeout_s; }

/* A call without arguments that does not wait. */
static inline int rp__sync_do(rp_self *self, enum rp__home_type type, uint64_t object, enum rp__op op) {
    return rp__sync_call(self, type, &(struct rp__call){.object = object, .op = op}, NULL);
}

/* A call without arguments that may wait. */
static inline int rp__sync_wait(rp_self *self, enum rp__home_type type, uint64_t object, enum rp__op op,
                                double timeout_s) {
    return rp__sync_call(self, type, &(struct rp__call){.object = object, .op = op, .timeout_s = timeout_s}, NULL);
}

#endif
