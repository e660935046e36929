/* Locks, recursive locks, and conditions on them. A release hands the lock to who waited longest, so nobody overtakes.
 * A party that waits for a condition moves, when it is notified or its time is over, to the end of the lock's list:
 * it is answered only when it holds the lock again. One that dies with the lock in its hand breaks it: all who wait
 * for it or for its conditions hear of it, for the notification may be what died. */
#include "core/home_object.h"
#include "rankpool.h"

enum { NO_LIMIT = 1 };

static void hand_on(struct rp__home *home, struct rp__lock *lock) {
    if (lock->holder || !lock->waits.first) return;
    struct rp__party *party = lock->waits.first;
    lock->holder = party;
    lock->depth = party->depth;
    rp__home_reply(home, party, party->code, 0);
}

static int acquire(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                   const struct rp__request *request) {
    struct rp__lock *lock = &object->lock;
    if (lock->broken) return RP_EBROKEN;
    if (lock->holder == party && lock->recursive) {
        lock->depth++;
        return 0;
    }
    if (lock->holder && request->try_only) return RP_ETIMEDOUT;
    if (lock->holder == party && request->b == NO_LIMIT) return RP_EDEADLK;
    if (!rp__home_stake(home, party, object)) return RP_ENOMEM;
    party->depth = 1;
    party->code = 0;
    rp__waits_add(&lock->waits, object, party);
    hand_on(home, lock);
    return RP__LATER;
}

static int release(struct rp__home *home, struct rp__lock *lock, struct rp__party *party) {
    if (!lock->holder || (lock->recursive && lock->holder != party)) return RP_EPERM;
    if (--lock->depth) return 0;
    lock->holder = NULL;
    hand_on(home, lock);
    return 0;
}

static int request_lock(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                        const struct rp__request *request, uint64_t *value) {
    switch (request->op) {
    case RP__OP_ACQUIRE:
        return acquire(home, object, party, request);
    case RP__OP_RELEASE:
        return release(home, &object->lock, party);
    case RP__OP_REPAIR:
        *value = object->lock.broken;
        object->lock.broken = false;
        return 0;
    default:
        return RP_EINVAL;
    }
}

/* What was notified, or is late already, waits for the lock alone and ends with it. */
static void cancel_acquire(struct rp__home *home, struct rp__party *party, int code) {
    if (party->op == RP__OP_ACQUIRE) rp__home_reply(home, party, code ? code : RP_ETIMEDOUT, 0);
}

static void all_hear(struct rp__home *home, struct rp__lock *lock, int code) {
    rp__home_reply_all(home, &lock->waits, code, 0);
    for (struct rp__object *at = lock->conditions; at; at = at->condition.next)
        rp__home_reply_all(home, &at->condition.waits, code, 0);
}

static void holder_gone(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                        struct rp__stake *stake) {
    struct rp__lock *lock = &object->lock;
    if (lock->holder != party) return;
    lock->holder = NULL;
    lock->broken = true;
    all_hear(home, lock, RP_EBROKEN);
}

static bool lock_concerns(const struct rp__object *object, const struct rp__party *party,
                          const struct rp__stake *stake) {
    return object->lock.holder == party;
}

static bool lock_is_held(const struct rp__object *object) { return object->lock.holder != NULL; }

static void drop_lock(struct rp__home *home, struct rp__object *object) {
    all_hear(home, &object->lock, RP_ECLOSED);
    for (struct rp__object *at = object->lock.conditions; at; at = at->condition.next) at->condition.lock = NULL;
}

static int make_rlock(struct rp__home *home, struct rp__object *object, const struct rp__request *request) {
    object->lock.recursive = true;
    return 0;
}

const struct rp__kind rp__lock_kind = {
    .request = request_lock,
    .cancel = cancel_acquire,
    .gone = holder_gone,
    .concerns = lock_concerns,
    .held = lock_is_held,
    .drop = drop_lock,
};

const struct rp__kind rp__rlock_kind = {
    .make = make_rlock,
    .request = request_lock,
    .cancel = cancel_acquire,
    .gone = holder_gone,
    .concerns = lock_concerns,
    .held = lock_is_held,
    .drop = drop_lock,
};

/* ---- Conditions ---------------------------------------------------------------------------------------- */

static int make_condition(struct rp__home *home, struct rp__object *object, const struct rp__request *request) {
    int code = RP_ECLOSED;
    struct rp__object *lock =
        request->a ? rp__home_find(home, request->a) : rp__home_make(home, RP__RLOCK, &(struct rp__request){0}, &code);
    if (!lock) return code;
    if (lock->kind != &rp__lock_kind && lock->kind != &rp__rlock_kind) return RP_EINVAL;
    object->condition.owner = request->a == 0;
    object->condition.lock = lock;
    object->condition.next = lock->lock.conditions;
    lock->lock.conditions = object;
    return 0;
}

/* From the condition to the end of the lock's list; from here on it is the lock's. */
static void wake(struct rp__home *home, struct rp__party *party, int code) {
    struct rp__object *lock = party->object->condition.lock;
    rp__waits_remove(party);
    party->code = code;
    rp__waits_add(&lock->lock.waits, lock, party);
    hand_on(home, &lock->lock);
}

static void cancel_wait(struct rp__home *home, struct rp__party *party, int code) {
    wake(home, party, code ? code : RP_ETIMEDOUT);
}

static int wait_for_condition(struct rp__home *home, struct rp__object *object, struct rp__party *party) {
    struct rp__lock *lock = &object->condition.lock->lock;
    party->depth = lock->depth;
    rp__waits_add(&object->condition.waits, object, party);
    lock->holder = NULL;
    hand_on(home, lock);
    if (party->try_only) wake(home, party, RP_ETIMEDOUT);
    return RP__LATER;
}

static int request_condition(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                             const struct rp__request *request, uint64_t *value) {
    struct rp__object *lock = object->condition.lock;
    if (!lock) return RP_ECLOSED;
    if (request->op != RP__OP_WAIT && request->op != RP__OP_NOTIFY)
        return request_lock(home, lock, party, request, value);
    if (lock->lock.holder != party) return RP_EPERM;
    if (request->op == RP__OP_WAIT) return wait_for_condition(home, object, party);
    for (uint64_t left = request->a; left && object->condition.waits.first; left--)
        wake(home, object->condition.waits.first, 0);
    return 0;
}

static void drop_condition(struct rp__home *home, struct rp__object *object) {
    rp__home_reply_all(home, &object->condition.waits, RP_ECLOSED, 0);
    struct rp__object *lock = object->condition.lock;
    if (!lock) return;
    struct rp__object **at = &lock->lock.conditions;
    while (*at != object) at = &(*at)->condition.next;
    *at = object->condition.next;
    if (object->condition.owner) rp__home_drop(home, lock);
}

const struct rp__kind rp__condition_kind = {
    .make = make_condition,
    .request = request_condition,
    .cancel = cancel_wait,
    .drop = drop_condition,
};
