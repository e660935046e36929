/* Queues and pipes. A put or send that cannot have to wait does not wait for its answer either, while the item is small:
 * that is what lets small items pass by the hundred thousand. */
#include "sync/sync.h"

/* One who takes an item into `capacity` bytes. What did not fit is lost with the item, so it must not look like success. */
static int take(rp_self *self, enum rp__home_type type, uint64_t object, double timeout_s, void *at, size_t capacity,
                size_t *size) {
    if (!at && capacity) return RP_EINVAL;
    struct rp__item item = {.at = at, .capacity = capacity};
    int code = rp__sync_take(self, type, object, timeout_s, &item);
    if (code) return code;
    if (size) *size = item.size;
    return item.size > capacity ? RP_ERANGE : 0;
}

static int take_alloc(rp_self *self, enum rp__home_type type, uint64_t object, double timeout_s, void **at,
                      size_t *size) {
    if (!at) return RP_EINVAL;
    void *given = NULL;
    struct rp__item item = {.given = &given};
    int code = rp__sync_take(self, type, object, timeout_s, &item);
    if (code) return code;
    *at = given;
    if (size) *size = item.size;
    return 0;
}

/* ---- Queue --------------------------------------------------------------------------------------------- */

int rp_queue_new(rp_self *self, size_t maxsize, rp_queue *queue) {
    return queue ? rp__sync_new(self, RP__QUEUE, maxsize, 0, &queue->id) : RP_EINVAL;
}

int rp_queue_free(rp_self *self, rp_queue queue) { return rp__sync_do(self, RP__QUEUE, queue.id, RP__OP_FREE); }

int rp_queue_put(rp_self *self, rp_queue queue, const void *item, size_t size, double timeout_s) {
    if (!item && size) return RP_EINVAL;
    const struct rp__call call = {.object = queue.id,
                                  .op = RP__OP_PUT,
                                  .data = item,
                                  .size = size,
                                  .timeout_s = timeout_s,
                                  .may_be_silent = !(queue.id & RP__QUEUE_BOUNDED) && size <= RP__SILENT_MAX};
    return rp__sync_call(self, RP__QUEUE, &call, NULL);
}

int rp_queue_get(rp_self *self, rp_queue queue, double timeout_s, void *item, size_t capacity, size_t *size) {
    return take(self, RP__QUEUE, queue.id, timeout_s, item, capacity, size);
}

int rp_queue_get_alloc(rp_self *self, rp_queue queue, double timeout_s, void **item, size_t *size) {
    return take_alloc(self, RP__QUEUE, queue.id, timeout_s, item, size);
}

static int count(rp_self *self, rp_queue queue, bool room, uint64_t *value) {
    return rp__sync_call(self, RP__QUEUE, &(struct rp__call){.object = queue.id, .op = RP__OP_SIZE, .a = room}, value);
}

int rp_queue_size(rp_self *self, rp_queue queue, size_t *size) {
    uint64_t items;
    int code = size ? count(self, queue, false, &items) : RP_EINVAL;
    if (code == 0) *size = (size_t)items;
    return code;
}

int rp_queue_empty(rp_self *self, rp_queue queue, bool *empty) {
    uint64_t items;
    int code = empty ? count(self, queue, false, &items) : RP_EINVAL;
    if (code == 0) *empty = items == 0;
    return code;
}

int rp_queue_full(rp_self *self, rp_queue queue, bool *full) {
    uint64_t room;
    int code = full ? count(self, queue, true, &room) : RP_EINVAL;
    if (code == 0) *full = room == 0;
    return code;
}

int rp_queue_task_done(rp_self *self, rp_queue queue) {
    return rp__sync_do(self, RP__QUEUE, queue.id, RP__OP_TASK_DONE);
}

int rp_queue_join(rp_self *self, rp_queue queue, double timeout_s) {
    return rp__sync_wait(self, RP__QUEUE, queue.id, RP__OP_JOIN, timeout_s);
}

int rp_queue_close(rp_self *self, rp_queue queue) { return rp__sync_do(self, RP__QUEUE, queue.id, RP__OP_CLOSE); }

/* ---- Pipe ---------------------------------------------------------------------------------------------- */

int rp_pipe_new(rp_self *self, bool duplex, rp_pipe end[2]) {
    if (!end) return RP_EINVAL;
    uint64_t id;
    int code = rp__sync_new(self, RP__PIPE, duplex, 0, &id);
    if (code) return code;
    end[0].id = id;
    end[1].id = id | RP__PIPE_END;
    return 0;
}

int rp_pipe_free(rp_self *self, rp_pipe end) { return rp__sync_do(self, RP__PIPE, end.id, RP__OP_FREE); }

/* With a time limit of 0 it must hear whether there is room. */
int rp_pipe_send(rp_self *self, rp_pipe end, const void *item, size_t size, double timeout_s) {
    if (!item && size) return RP_EINVAL;
    const struct rp__call call = {.object = end.id,
                                  .op = RP__OP_SEND,
                                  .data = item,
                                  .size = size,
                                  .timeout_s = timeout_s,
                                  .may_be_silent = timeout_s != 0 && size <= RP__SILENT_MAX};
    return rp__sync_call(self, RP__PIPE, &call, NULL);
}

int rp_pipe_recv(rp_self *self, rp_pipe end, double timeout_s, void *item, size_t capacity, size_t *size) {
    return take(self, RP__PIPE, end.id, timeout_s, item, capacity, size);
}

int rp_pipe_recv_alloc(rp_self *self, rp_pipe end, double timeout_s, void **item, size_t *size) {
    return take_alloc(self, RP__PIPE, end.id, timeout_s, item, size);
}

int rp_pipe_poll(rp_self *self, rp_pipe end, double timeout_s) {
    return rp__sync_wait(self, RP__PIPE, end.id, RP__OP_POLL, timeout_s);
}

int rp_pipe_close(rp_self *self, rp_pipe end) { return rp__sync_do(self, RP__PIPE, end.id, RP__OP_CLOSE); }
