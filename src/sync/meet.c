/* Events, conditions and barriers. */
#include "core/now.h"
#include "sync/sync.h"

#include <math.h>

/* ---- Event --------------------------------------------------------------------------------------------- */

int rp_event_new(rp_self *self, rp_event *event) {
    return event ? rp__sync_new(self, RP__EVENT, 0, 0, &event->id) : RP_EINVAL;
}

int rp_event_free(rp_self *self, rp_event event) { return rp__sync_do(self, RP__EVENT, event.id, RP__OP_FREE); }

int rp_event_set(rp_self *self, rp_event event) { return rp__sync_do(self, RP__EVENT, event.id, RP__OP_SET); }

int rp_event_clear(rp_self *self, rp_event event) { return rp__sync_do(self, RP__EVENT, event.id, RP__OP_CLEAR); }

int rp_event_is_set(rp_self *self, rp_event event, bool *set) {
    if (!set) return RP_EINVAL;
    uint64_t value;
    int code = rp__sync_call(self, RP__EVENT, &(struct rp__call){.object = event.id, .op = RP__OP_IS_SET}, &value);
    if (code == 0) *set = value != 0;
    return code;
}

int rp_event_wait(rp_self *self, rp_event event, double timeout_s) {
    return rp__sync_wait(self, RP__EVENT, event.id, RP__OP_WAIT, timeout_s);
}

/* ---- Condition ----------------------------------------------------------------------------------------- */

int rp_condition_new(rp_self *self, rp_condition *condition) {
    return condition ? rp__sync_new(self, RP__CONDITION, 0, 0, &condition->id) : RP_EINVAL;
}

int rp_condition_new_on(rp_self *self, rp_lock lock, rp_condition *condition) {
    if (!condition || !rp__sync_is(lock.id, RP__LOCK)) return RP_EINVAL;
    return rp__sync_new(self, RP__CONDITION, lock.id, 0, &condition->id);
}

int rp_condition_new_on_rlock(rp_self *self, rp_rlock lock, rp_condition *condition) {
    if (!condition || !rp__sync_is(lock.id, RP__RLOCK)) return RP_EINVAL;
    return rp__sync_new(self, RP__CONDITION, lock.id, 0, &condition->id);
}

int rp_condition_free(rp_self *self, rp_condition condition) {
    return rp__sync_do(self, RP__CONDITION, condition.id, RP__OP_FREE);
}

int rp_condition_acquire(rp_self *self, rp_condition condition, double timeout_s) {
    return rp__sync_acquire(self, RP__CONDITION, condition.id, timeout_s);
}

int rp_condition_release(rp_self *self, rp_condition condition) {
    return rp__sync_release(self, RP__CONDITION, condition.id);
}

int rp_condition_repair(rp_self *self, rp_condition condition) {
    return rp__sync_do(self, RP__CONDITION, condition.id, RP__OP_REPAIR);
}

int rp_condition_wait(rp_self *self, rp_condition condition, double timeout_s) {
    return rp__sync_wait(self, RP__CONDITION, condition.id, RP__OP_WAIT, timeout_s);
}

int rp_condition_wait_for(rp_self *self, rp_condition condition, rp_predicate *until, void *context, double timeout_s) {
    if (!self || !until || !rp__sync_is(condition.id, RP__CONDITION) || isnan(timeout_s)) return RP_EINVAL;
    const double end_s = rp__now_s() + timeout_s;
    while (!until(context)) {
        const double left_s = timeout_s < 0 ? -1 : end_s - rp__now_s();
        if (timeout_s >= 0 && left_s <= 0) return RP_ETIMEDOUT;
        int code = rp_condition_wait(self, condition, left_s);
        if (code && code != RP_ETIMEDOUT) return code; /* too late: it is asked once more */
    }
    return 0;
}

int rp_condition_notify(rp_self *self, rp_condition condition, size_t count) {
    const struct rp__call call = {.object = condition.id, .op = RP__OP_NOTIFY, .a = count};
    return rp__sync_call(self, RP__CONDITION, &call, NULL);
}

int rp_condition_notify_all(rp_self *self, rp_condition condition) {
    const struct rp__call call = {.object = condition.id, .op = RP__OP_NOTIFY, .a = UINT64_MAX};
    return rp__sync_call(self, RP__CONDITION, &call, NULL);
}

/* ---- Barrier ------------------------------------------------------------------------------------------- */

int rp_barrier_new(rp_self *self, uint32_t parties, rp_barrier *barrier) {
    return barrier ? rp__sync_new(self, RP__BARRIER, parties, 0, &barrier->id) : RP_EINVAL;
}

int rp_barrier_free(rp_self *self, rp_barrier barrier) {
    return rp__sync_do(self, RP__BARRIER, barrier.id, RP__OP_FREE);
}

int rp_barrier_wait(rp_self *self, rp_barrier barrier, double timeout_s, uint32_t *index) {
    uint64_t value;
    const struct rp__call call = {.object = barrier.id, .op = RP__OP_WAIT, .timeout_s = timeout_s};
    int code = rp__sync_call(self, RP__BARRIER, &call, &value);
    if (code == 0 && index) *index = (uint32_t)value;
    return code;
}

int rp_barrier_abort(rp_self *self, rp_barrier barrier) {
    return rp__sync_do(self, RP__BARRIER, barrier.id, RP__OP_ABORT);
}

int rp_barrier_reset(rp_self *self, rp_barrier barrier) {
    return rp__sync_do(self, RP__BARRIER, barrier.id, RP__OP_RESET);
}

int rp_barrier_waiting(rp_self *self, rp_barrier barrier, uint32_t *waiting) {
    if (!waiting) return RP_EINVAL;
    uint64_t value;
    int code = rp__sync_call(self, RP__BARRIER, &(struct rp__call){.object = barrier.id, .op = RP__OP_STATE}, &value);
    if (code == 0) *waiting = (uint32_t)value;
    return code;
}
