/* Semaphores. Anyone may release, so who holds a permit is not known; what is known of each party is how many more
 * it acquired than it released. Those are lost when it dies, and come back with the repair. */
#include "core/home_object.h"
#include "rankpool.h"

enum { BOUNDED = 1 };

static int make_semaphore(struct rp__home *home, struct rp__object *object, const struct rp__request *request) {
    if (request->a > INT64_MAX || request->b > BOUNDED) return RP_EINVAL;
    object->semaphore.value = object->semaphore.limit = request->a;
    object->semaphore.bounded = request->b == BOUNDED;
    return 0;
}

static uint64_t positive(int64_t balance) { return balance > 0 ? (uint64_t)balance : 0; }

static void change(struct rp__object *object, struct rp__stake *stake, int64_t by) {
    object->semaphore.taken -= positive(stake->balance);
    stake->balance += by;
    object->semaphore.taken += positive(stake->balance);
}

static void hand_out(struct rp__home *home, struct rp__object *object) {
    while (object->semaphore.value && object->semaphore.waits.first) {
        struct rp__party *party = object->semaphore.waits.first;
        object->semaphore.value--;
        change(object, rp__home_stake(home, party, object), 1); /* made when the request came */
        rp__home_reply(home, party, 0, 0);
    }
}

static int acquire(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                   const struct rp__request *request) {
    if (object->semaphore.broken) return RP_EBROKEN;
    if (!object->semaphore.value && request->try_only) return RP_ETIMEDOUT;
    if (!rp__home_stake(home, party, object)) return RP_ENOMEM;
    rp__waits_add(&object->semaphore.waits, object, party);
    hand_out(home, object);
    return RP__LATER;
}

static int release(struct rp__home *home, struct rp__object *object, struct rp__party *party, uint64_t permits) {
    const uint64_t most = object->semaphore.bounded ? object->semaphore.limit : INT64_MAX;
    if (permits == 0) return RP_EINVAL;
    if (object->semaphore.value > most || permits > most - object->semaphore.value) return RP_ERANGE;
    struct rp__stake *stake = rp__home_stake(home, party, object);
    if (stake && stake->balance < (int64_t)permits - INT64_MAX) return RP_ERANGE;
    if (stake) change(object, stake, -(int64_t)permits); /* without memory for one: better that than a lost permit */
    object->semaphore.value += permits;
    hand_out(home, object);
    return 0;
}

/* Others may have released for the dead one meanwhile: never more than there is room for. */
static uint64_t repair(struct rp__object *object) {
    if (!object->semaphore.broken) return 0;
    const uint64_t most = object->semaphore.bounded ? object->semaphore.limit : INT64_MAX;
    const uint64_t room = most - object->semaphore.value;
    object->semaphore.value += object->semaphore.lost < room ? object->semaphore.lost : room;
    object->semaphore.lost = 0;
    object->semaphore.broken = false;
    return 1;
}

static int request_semaphore(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                             const struct rp__request *request, uint64_t *value) {
    switch (request->op) {
    case RP__OP_ACQUIRE:
        return acquire(home, object, party, request);
    case RP__OP_RELEASE:
        return release(home, object, party, request->a);
    case RP__OP_REPAIR:
        *value = repair(object);
        return 0;
    default:
        return RP_EINVAL;
    }
}

static void user_gone(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                      struct rp__stake *stake) {
    if (stake->balance <= 0) return;
    object->semaphore.lost += positive(stake->balance);
    object->semaphore.taken -= positive(stake->balance);
    object->semaphore.broken = true;
    rp__home_reply_all(home, &object->semaphore.waits, RP_EBROKEN, 0);
}

static bool semaphore_concerns(const struct rp__object *object, const struct rp__party *party,
                               const struct rp__stake *stake) {
    return stake->balance != 0;
}

static bool semaphore_is_held(const struct rp__object *object) { return object->semaphore.taken > 0; }

static void drop_semaphore(struct rp__home *home, struct rp__object *object) {
    rp__home_reply_all(home, &object->semaphore.waits, RP_ECLOSED, 0);
}

const struct rp__kind rp__semaphore_kind = {
    .make = make_semaphore,
    .request = request_semaphore,
    .gone = user_gone,
    .concerns = semaphore_concerns,
    .held = semaphore_is_held,
    .drop = drop_semaphore,
};
