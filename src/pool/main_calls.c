/* Calls on shared objects by the program on rank 0. Each of its threads is a caller of its own, which asks the router
 * under its lock and sleeps until the answer is there.
 *
 * A time limit that is over cancels the call; the answer to that always comes, and says what has really happened. */
#include "core/record.h"
#include "crew/cells.h"
#include "pool/world_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static rp_world *world_of(rp_self *self) { return (rp_world *)((char *)self - offsetof(rp_world, main_self)); }

/* Lock held. The call is `local`'s; in an attached world the lock is let go of while it waits. */
static int await(rp_world *world, uint64_t local, struct rp__main_call *call, double timeout_s) {
    pthread_mutex_t *lock = rp__router_lock(world->router);
    struct timespec until = {0};
    bool limited = timeout_s > 0;
    if (limited) until = rp__time_after(timeout_s);
    while (call->open) {
        if (rp__world_wait(world, &call->answered, lock, limited ? &until : NULL) != ETIMEDOUT) continue;
        limited = false;
        const int rc = call->open ? rp__router_cancel(world->router, local) : 0;
        if (rc) return rc;
        rp__service_ring(world);
    }
    return call->code;
}

/* What came with the answer is lent in *call until the thread's next call. */
static int make(rp_world *world, const struct rp__call_head *head, const void *data, double timeout_s,
                struct rp__main_call **call) {
    if (rp__world_is_in_task(world)) return RP_EINVAL;
    const uint64_t local = RP__MAIN_CALLER | (uint64_t)gettid();
    pthread_mutex_lock(rp__router_lock(world->router));
    int code = rp__router_call(world->router, local, head, data, call);
    if (rp__router_has_news(world->router)) rp__service_ring(world);
    if (code == 0) code = await(world, local, *call, timeout_s);
    pthread_mutex_unlock(rp__router_lock(world->router));
    rp__world_nudge(world);
    return code;
}

static int main_call(rp_self *self, const struct rp__call *wish, uint64_t *value, struct rp__buffer *data) {
    const struct rp__call_head head = {.type = RP__CALL_REQUEST,
                                       .op = (uint8_t)wish->op,
                                       .flags = wish->timeout_s == 0 ? RP__CALL_TRY : 0,
                                       .object = wish->object,
                                       .a = wish->a,
                                       .b = wish->b,
                                       .size = wish->size};
    struct rp__main_call *call = NULL;
    int code = make(world_of(self), &head, wish->data, wish->timeout_s, &call);
    if (code) return code;
    if (data && rp__buffer_append(data, call->data.data, call->data.size)) return RP_ENOMEM;
    if (value) *value = call->value;
    return 0;
}

static int hand_out(const struct rp__buffer *record, struct rp__item *item) {
    const uint8_t *data;
    size_t size;
    bool failed;
    if (!rp__record_read(record->data, record->size, &data, &size, &failed)) return RP_EPROTOCOL;
    if (item->given) {
        void *copy = malloc(size ? size : 1);
        if (!copy) return RP_ENOMEM;
        if (size) memcpy(copy, data, size);
        *item->given = copy;
    } else {
        const size_t most = size < item->capacity ? size : item->capacity;
        if (most) memcpy(item->at, data, most);
    }
    item->size = size;
    return 0;
}

static int main_take(rp_self *self, uint64_t object, enum rp__op op, double timeout_s, struct rp__item *item) {
    const struct rp__call_head head = {.type = RP__CALL_REQUEST,
                                       .op = (uint8_t)op,
                                       .flags = timeout_s == 0 ? RP__CALL_TRY : 0,
                                       .object = object,
                                       .a = 1};
    struct rp__main_call *call = NULL;
    const int code = make(world_of(self), &head, NULL, timeout_s, &call);
    return code ? code : hand_out(&call->data, item);
}

static struct rp__cells_known *ask_for_cells(rp_world *world, uint64_t object, bool keep, int *code) {
    const struct rp__call_head head = {.type = RP__CALL_CELLS, .object = object};
    struct rp__main_call *call = NULL;
    struct rp__cells_at at;
    *code = make(world, &head, NULL, -1, &call);
    if (*code && *code != RP_EUNSUPPORTED) return NULL;
    const bool here = *code == 0 && call->data.size == sizeof at;
    if (here) memcpy(&at, call->data.data, sizeof at);
    pthread_mutex_lock(rp__router_lock(world->router));
    struct rp__cells_known *known = rp__cells_known(&world->main_cells, object); /* by another thread, meanwhile */
    if (!known) known = rp__cells_learn(&world->main_cells, object, here ? &at : NULL);
    if (known && keep) rp__cells_keep(&world->main_cells, known);
    pthread_mutex_unlock(rp__router_lock(world->router));
    *code = known ? 0 : RP_ENOMEM;
    return known;
}

/* Any thread may be using what another one has mapped, so nothing is forgotten before the world closes. When there is
 * no room for more, the others are used by calls; what the program asks for to keep is mapped all the same. */
static _Atomic uint64_t *main_cells(rp_self *self, uint64_t object, bool keep, size_t *words, int *code) {
    rp_world *world = world_of(self);
    *code = 0;
    pthread_mutex_lock(rp__router_lock(world->router));
    struct rp__cells_known *known = rp__cells_known(&world->main_cells, object);
    const bool room = rp__cells_has_room(&world->main_cells);
    if (known && keep) rp__cells_keep(&world->main_cells, known);
    pthread_mutex_unlock(rp__router_lock(world->router));
    if (!known && !room && !keep) return NULL;
    if (!known) known = ask_for_cells(world, object, keep, code);
    if (!known || !known->words) return NULL;
    *words = (size_t)known->at.words;
    return known->words;
}

void rp__main_calls_open(rp_world *world) {
    world->main_self = (struct rp_self){.call = main_call, .take = main_take, .cells = main_cells};
}

void rp__main_calls_close(rp_world *world) { rp__cells_forget(&world->main_cells, true); }

rp_self *rp_world_self(rp_world *world) { return world ? &world->main_self : NULL; }
