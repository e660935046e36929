/* Where parties meet: events and barriers. A barrier that one of its waiters left - too late, canceled or dead - is
 * broken for all until it is reset: they could wait for ever. */
#include "core/home_object.h"
#include "rankpool.h"

static int request_event(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                         const struct rp__request *request, uint64_t *value) {
    switch (request->op) {
    case RP__OP_SET:
        object->event.set = true;
        rp__home_reply_all(home, &object->event.waits, 0, 0);
        return 0;
    case RP__OP_CLEAR:
        object->event.set = false;
        return 0;
    case RP__OP_IS_SET:
        *value = object->event.set;
        return 0;
    case RP__OP_WAIT:
        if (object->event.set) return 0;
        if (request->try_only) return RP_ETIMEDOUT;
        rp__waits_add(&object->event.waits, object, party);
        return RP__LATER;
    default:
        return RP_EINVAL;
    }
}

static void drop_event(struct rp__home *home, struct rp__object *object) {
    rp__home_reply_all(home, &object->event.waits, RP_ECLOSED, 0);
}

const struct rp__kind rp__event_kind = {.request = request_event, .drop = drop_event};

/* ---- Barriers ------------------------------------------------------------------------------------------ */

static int make_barrier(struct rp__home *home, struct rp__object *object, const struct rp__request *request) {
    object->barrier.parties = request->a;
    return request->a ? 0 : RP_EINVAL;
}

static void send_away(struct rp__home *home, struct rp__object *object, int code) {
    object->barrier.waiting = 0;
    rp__home_reply_all(home, &object->barrier.waits, code, 0);
}

static void break_barrier(struct rp__home *home, struct rp__object *object) {
    object->barrier.broken = true;
    send_away(home, object, RP_EBROKEN);
}

static int arrive(struct rp__home *home, struct rp__object *object, struct rp__party *party, bool try_only,
                  uint64_t *value) {
    if (object->barrier.broken) return RP_EBROKEN;
    *value = object->barrier.waiting;
    if (object->barrier.waiting + 1 == object->barrier.parties) {
        object->barrier.waiting = 0;
        for (uint64_t index = 0; object->barrier.waits.first; index++)
            rp__home_reply(home, object->barrier.waits.first, 0, index);
        return 0;
    }
    if (try_only) {
        break_barrier(home, object);
        *value = 0;
        return RP_EBROKEN;
    }
    object->barrier.waiting++;
    rp__waits_add(&object->barrier.waits, object, party);
    return RP__LATER;
}

static int request_barrier(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                           const struct rp__request *request, uint64_t *value) {
    switch (request->op) {
    case RP__OP_WAIT:
        return arrive(home, object, party, request->try_only, value);
    case RP__OP_ABORT:
        break_barrier(home, object);
        return 0;
    case RP__OP_RESET:
        send_away(home, object, RP_EBROKEN);
        object->barrier.broken = false;
        return 0;
    case RP__OP_STATE:
        *value = object->barrier.waiting;
        return object->barrier.broken ? RP_EBROKEN : 0;
    default:
        return RP_EINVAL;
    }
}

static void leave_barrier(struct rp__home *home, struct rp__party *party, int code) {
    struct rp__object *object = party->object;
    rp__home_reply(home, party, code ? code : RP_EBROKEN, 0);
    break_barrier(home, object);
}

static void drop_barrier(struct rp__home *home, struct rp__object *object) { send_away(home, object, RP_ECLOSED); }

const struct rp__kind rp__barrier_kind = {
    .make = make_barrier,
    .request = request_barrier,
    .cancel = leave_barrier,
    .left = break_barrier,
    .drop = drop_barrier,
};
