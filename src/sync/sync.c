/* The arguments of calls on shared objects, see sync.h. */
#include "sync/sync.h"

#include <math.h>

static bool is_call(const rp_self *self, enum rp__home_type type, uint64_t object, double timeout_s) {
    return self && rp__sync_is(object, type) && !isnan(timeout_s);
}

static int make_call(rp_self *self, enum rp__home_type type, const struct rp__call *call, uint64_t *value,
                     struct rp__buffer *data) {
    if (!is_call(self, type, call->object, call->timeout_s)) return RP_EINVAL;
    struct rp__call made = *call;
    made.timeout_s = rp__sync_limit(call->timeout_s);
    return self->call(self, &made, value, data);
}

int rp__sync_call(rp_self *self, enum rp__home_type type, const struct rp__call *call, uint64_t *value) {
    return make_call(self, type, call, value, NULL);
}

int rp__sync_fetch(rp_self *self, enum rp__home_type type, const struct rp__call *call, struct rp__buffer *data) {
    return make_call(self, type, call, NULL, data);
}

int rp__sync_take(rp_self *self, enum rp__home_type type, uint64_t object, double timeout_s, struct rp__item *item) {
    if (!is_call(self, type, object, timeout_s)) return RP_EINVAL;
    return self->take(self, object, type == RP__QUEUE ? RP__OP_GET : RP__OP_RECV, rp__sync_limit(timeout_s), item);
}

int rp__sync_new(rp_self *self, enum rp__home_type type, uint64_t a, uint64_t b, uint64_t *id) {
    if (!self) return RP_EINVAL;
    return self->call(self, &(struct rp__call){.object = type, .op = RP__OP_NEW, .a = a, .b = b}, id, NULL);
}
