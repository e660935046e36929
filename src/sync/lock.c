/* Locks and semaphores. What the home must know of an acquire besides its object is whether it has a time limit: one
 * without would wait for ever for a lock that its caller holds. */
#include "sync/sync.h"

int rp__sync_acquire(rp_self *self, enum rp__home_type type, uint64_t object, double timeout_s) {
    const struct rp__call call = {
        .object = object, .op = RP__OP_ACQUIRE, .b = rp__sync_limit(timeout_s) < 0, .timeout_s = timeout_s};
    return rp__sync_call(self, type, &call, NULL);
}

int rp__sync_release(rp_self *self, enum rp__home_type type, uint64_t object) {
    return rp__sync_call(self, type, &(struct rp__call){.object = object, .op = RP__OP_RELEASE, .a = 1}, NULL);
}

/* ---- Lock ---------------------------------------------------------------------------------------------- */

int rp_lock_new(rp_self *self, rp_lock *lock) {
    return lock ? rp__sync_new(self, RP__LOCK, 0, 0, &lock->id) : RP_EINVAL;
}

int rp_lock_free(rp_self *self, rp_lock lock) { return rp__sync_do(self, RP__LOCK, lock.id, RP__OP_FREE); }

int rp_lock_acquire(rp_self *self, rp_lock lock, double timeout_s) {
    return rp__sync_acquire(self, RP__LOCK, lock.id, timeout_s);
}

int rp_lock_release(rp_self *self, rp_lock lock) { return rp__sync_release(self, RP__LOCK, lock.id); }

int rp_lock_repair(rp_self *self, rp_lock lock) { return rp__sync_do(self, RP__LOCK, lock.id, RP__OP_REPAIR); }

/* ---- RLock --------------------------------------------------------------------------------------------- */

int rp_rlock_new(rp_self *self, rp_rlock *lock) {
    return lock ? rp__sync_new(self, RP__RLOCK, 0, 0, &lock->id) : RP_EINVAL;
}

int rp_rlock_free(rp_self *self, rp_rlock lock) { return rp__sync_do(self, RP__RLOCK, lock.id, RP__OP_FREE); }

int rp_rlock_acquire(rp_self *self, rp_rlock lock, double timeout_s) {
    return rp__sync_acquire(self, RP__RLOCK, lock.id, timeout_s);
}

int rp_rlock_release(rp_self *self, rp_rlock lock) { return rp__sync_release(self, RP__RLOCK, lock.id); }

int rp_rlock_repair(rp_self *self, rp_rlock lock) { return rp__sync_do(self, RP__RLOCK, lock.id, RP__OP_REPAIR); }

/* ---- Semaphore ----------------------------------------------------------------------------------------- */

int rp_semaphore_new(rp_self *self, uint64_t value, bool bounded, rp_semaphore *semaphore) {
    return semaphore ? rp__sync_new(self, RP__SEMAPHORE, value, bounded, &semaphore->id) : RP_EINVAL;
}

int rp_semaphore_free(rp_self *self, rp_semaphore semaphore) {
    return rp__sync_do(self, RP__SEMAPHORE, semaphore.id, RP__OP_FREE);
}

int rp_semaphore_acquire(rp_self *self, rp_semaphore semaphore, double timeout_s) {
    return rp__sync_acquire(self, RP__SEMAPHORE, semaphore.id, timeout_s);
}

int rp_semaphore_release(rp_self *self, rp_semaphore semaphore) {
    return rp__sync_release(self, RP__SEMAPHORE, semaphore.id);
}

int rp_semaphore_repair(rp_self *self, rp_semaphore semaphore) {
    return rp__sync_do(self, RP__SEMAPHORE, semaphore.id, RP__OP_REPAIR);
}
