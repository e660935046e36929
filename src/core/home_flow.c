/* Queues and pipes: items in one direction, as records one after the other. A batch that is granted stays where it
 * is until its taker is known to have it; what it gives back is in front again by never having moved.
 *
 * While items are lent nobody else is served, though more may lie behind them: what came back would be older than
 * what he got, and each taker must see the items of one producer in order. */
#include "core/home_object.h"
#include "core/record.h"
#include "rankpool.h"

#include <string.h>

enum { BATCH_MAX = 256, BATCH_BYTES = 64 * 1024, UNREAD_MAX = 1024 * 1024, KEPT_BYTES = 64 * 1024 };

static bool same(struct rp__caller a, struct rp__caller b) { return a.rank == b.rank && a.local == b.local; }

/* The length of the first record at `at`. */
static size_t record_at(const struct rp__flow *flow, size_t at) {
    const uint8_t *data;
    size_t size;
    bool failed;
    return rp__record_read(flow->bytes.data + at, flow->bytes.size - at, &data, &size, &failed);
}

/* The bytes of what was taken go when they are more than what is left: each byte moves once, on average. */
static void take(struct rp__flow *flow, uint64_t items) {
    for (; items; items--, flow->count--) flow->head += record_at(flow, flow->head);
    const size_t left = flow->bytes.size - flow->head;
    if (left >= flow->head) return;
    if (!left && flow->bytes.capacity > KEPT_BYTES)
        rp__buffer_free(&flow->bytes);
    else if (left)
        memmove(flow->bytes.data, flow->bytes.data + flow->head, left);
    flow->bytes.size = left;
    flow->head = 0;
}

static int put(struct rp__flow *flow, const uint8_t *data, size_t size) {
    if (size > PTRDIFF_MAX - RP__RECORD_HEAD_MAX) return RP_ENOMEM;
    uint8_t *at = rp__buffer_reserve(&flow->bytes, size + RP__RECORD_HEAD_MAX);
    if (!at) return RP_ENOMEM;
    const size_t head = rp__record_head(at, size, false);
    if (size) memcpy(at + head, data, size);
    flow->bytes.size += head + size;
    flow->count++;
    return 0;
}

/* The loan is over: `taken` items of the batch are gone, the first of them when it was granted. */
static void settle_loan(struct rp__home *home, struct rp__flow *flow, uint64_t taken) {
    const uint64_t lent = flow->lent;
    flow->lent = 0;
    flow->recalled = false;
    rp__home_withdraw(home, &flow->recall);
    take(flow, taken - 1 < lent ? taken - 1 : lent);
}

static void recall(struct rp__home *home, const struct rp__object *object, struct rp__flow *flow, bool end) {
    if (flow->recalled) return;
    flow->recalled = true;
    flow->batch = 0; /* somebody else is here: begin with one again */
    flow->recall.answer = (struct rp__answer){.kind = RP__RECALL, .to = flow->last, .grant = flow->grant};
    flow->recall.answer.object = object->node.key | (end ? RP__PIPE_END : 0);
    rp__home_emit(home, &flow->recall);
}

/* How many items the first getter gets: as many as its last batches were worth while nobody else comes. */
static uint64_t batch_for(struct rp__flow *flow, const struct rp__party *party) {
    const bool alone = !party->after && same(party->caller, flow->last);
    flow->batch = flow->single || !alone || !flow->batch ? 1 : 2 * flow->batch;
    if (flow->batch > BATCH_MAX) flow->batch = BATCH_MAX;
    const uint64_t most = party->a ? party->a : 1;
    return most < flow->batch ? most : flow->batch;
}

static void grant(struct rp__home *home, struct rp__flow *flow) {
    struct rp__party *party = flow->getters.first;
    const uint64_t most = batch_for(flow, party);
    size_t size = record_at(flow, flow->head), more;
    uint64_t items = 1;
    for (; items < most && items < flow->count; items++, size += more)
        if ((more = record_at(flow, flow->head + size)) + size > BATCH_BYTES) break;
    if (rp__buffer_append(&party->data, flow->bytes.data + flow->head, size)) {
        rp__home_reply(home, party, RP_ENOMEM, 0);
        return;
    }
    flow->last = party->caller;
    flow->lent = items - 1;
    if (flow->lent) party->out.answer.grant = ++flow->grant;
    rp__home_reply(home, party, 0, items);
    take(flow, 1);
}

/* Serve getters and watchers as far as it goes. */
static void serve_getters(struct rp__home *home, const struct rp__object *object, struct rp__flow *flow, bool end) {
    while (!flow->lent && flow->count && flow->getters.first) grant(home, flow);
    if (flow->lent) {
        if (flow->getters.first || flow->watchers.first) recall(home, object, flow, end);
        return;
    }
    if (flow->count) return;
    if (flow->closed) rp__home_reply_all(home, &flow->getters, RP_ECLOSED, 0);
    rp__home_reply_tries(home, &flow->getters, RP_EEMPTY);
}

/* A take by the caller of the last batch says that it had all of it. */
static int get(struct rp__home *home, struct rp__object *object, struct rp__flow *flow, struct rp__party *party) {
    if (!flow->single && party->a > 1 && !rp__home_stake(home, party, object)) return RP_ENOMEM;
    if (flow->lent && same(flow->last, party->caller)) settle_loan(home, flow, flow->lent + 1);
    rp__waits_add(&flow->getters, object, party);
    return RP__LATER;
}

static bool lent_to(const struct rp__flow *flow, struct rp__caller caller) {
    return flow->lent && same(flow->last, caller);
}

static void close_flow(struct rp__home *home, struct rp__flow *flow) {
    rp__home_reply_all(home, &flow->putters, RP_ECLOSED, 0);
    rp__home_reply_all(home, &flow->getters, RP_ECLOSED, 0);
    rp__home_reply_all(home, &flow->watchers, RP_ECLOSED, 0);
    rp__home_withdraw(home, &flow->recall);
    rp__buffer_free(&flow->bytes);
    *flow = (struct rp__flow){.closed = true, .grant = flow->grant};
}

/* ---- Queues -------------------------------------------------------------------------------------------- */

static int make_queue(struct rp__home *home, struct rp__object *object, const struct rp__request *request) {
    object->queue.room = request->a;
    object->queue.flow.single = request->a > 0;
    if (request->a) object->node.key |= RP__QUEUE_BOUNDED;
    return 0;
}

static bool has_room(const struct rp__object *object) {
    return !object->queue.room || object->queue.flow.count < object->queue.room;
}

static int put_in_queue(struct rp__object *object, const uint8_t *data, size_t size) {
    int code = put(&object->queue.flow, data, size);
    if (code == 0) object->queue.unfinished++;
    return code;
}

static void serve_queue(struct rp__home *home, struct rp__object *object) {
    struct rp__flow *flow = &object->queue.flow;
    serve_getters(home, object, flow, false);
    while (flow->putters.first && has_room(object)) {
        struct rp__party *party = flow->putters.first;
        rp__home_reply(home, party, put_in_queue(object, party->data.data, party->data.size), 0);
        serve_getters(home, object, flow, false);
    }
    if (!flow->lent) rp__home_reply_all(home, &flow->watchers, 0, flow->count);
}

static int queue_put(struct rp__object *object, struct rp__party *party, const struct rp__request *request) {
    struct rp__flow *flow = &object->queue.flow;
    if (flow->closed) return RP_ECLOSED;
    if (request->silent && object->queue.room) return RP_EINVAL; /* it might have to wait */
    if (has_room(object)) return put_in_queue(object, request->data, request->size);
    if (request->try_only) return RP_EFULL;
    if (rp__buffer_append(&party->data, request->data, request->size)) return RP_ENOMEM;
    rp__waits_add(&flow->putters, object, party);
    return RP__LATER;
}

/* What a bounded queue holds is never lent, so its room is known at once. */
static uint64_t room_in(const struct rp__object *object) {
    return object->queue.room ? object->queue.room - object->queue.flow.count : UINT64_MAX;
}

static int task_done(struct rp__home *home, struct rp__object *object) {
    if (!object->queue.unfinished) return RP_ERANGE;
    if (--object->queue.unfinished == 0) rp__home_reply_all(home, &object->queue.joiners, 0, 0);
    return 0;
}

static int request_queue(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                         const struct rp__request *request, uint64_t *value) {
    struct rp__flow *flow = &object->queue.flow;
    int code = RP__LATER;
    switch (request->op) {
    case RP__OP_PUT:
        code = queue_put(object, party, request);
        break;
    case RP__OP_GET:
        code = get(home, object, flow, party);
        break;
    case RP__OP_SIZE:
        if (request->a > 1) return RP_EINVAL;
        *value = room_in(object);
        if (request->a == 1) return 0;
        rp__waits_add(&flow->watchers, object, party);
        break;
    case RP__OP_CLOSE:
        flow->closed = true;
        rp__home_reply_all(home, &flow->putters, RP_ECLOSED, 0);
        code = 0;
        break;
    case RP__OP_TASK_DONE:
        return task_done(home, object);
    case RP__OP_JOIN:
        if (!object->queue.unfinished) return 0;
        if (request->try_only) return RP_ETIMEDOUT;
        rp__waits_add(&object->queue.joiners, object, party);
        return RP__LATER;
    default:
        return RP_EINVAL;
    }
    serve_queue(home, object);
    return code;
}

static void taker_of_queue_gone(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                                struct rp__stake *stake) {
    struct rp__flow *flow = &object->queue.flow;
    if (!lent_to(flow, party->caller)) return;
    settle_loan(home, flow, flow->lent + 1);
    serve_queue(home, object);
}

static bool queue_concerns(const struct rp__object *object, const struct rp__party *party,
                           const struct rp__stake *stake) {
    return lent_to(&object->queue.flow, party->caller);
}

static void drop_queue(struct rp__home *home, struct rp__object *object) {
    close_flow(home, &object->queue.flow);
    rp__home_reply_all(home, &object->queue.joiners, RP_ECLOSED, 0);
}

const struct rp__kind rp__queue_kind = {
    .make = make_queue,
    .request = request_queue,
    .gone = taker_of_queue_gone,
    .concerns = queue_concerns,
    .drop = drop_queue,
};

/* ---- Pipes --------------------------------------------------------------------------------------------- */

static int make_pipe(struct rp__home *home, struct rp__object *object, const struct rp__request *request) {
    object->pipe.duplex = request->a == 1;
    return request->a <= 1 ? 0 : RP_EINVAL;
}

static bool is_read(const struct rp__flow *flow) { return flow->bytes.size - flow->head <= UNREAD_MAX; }

static void serve_pipe(struct rp__home *home, struct rp__object *object, bool end) {
    struct rp__flow *flow = &object->pipe.flow[end];
    serve_getters(home, object, flow, end);
    if (is_read(flow)) rp__home_reply_all(home, &flow->putters, 0, 0);
    if (flow->lent) return;
    if (flow->count || flow->closed) rp__home_reply_all(home, &flow->watchers, 0, 1);
    rp__home_reply_tries(home, &flow->watchers, RP_ETIMEDOUT);
}

static int pipe_send(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                     const struct rp__request *request, bool to) {
    struct rp__flow *flow = &object->pipe.flow[to];
    if (to && !object->pipe.duplex) return RP_EINVAL;
    if (object->pipe.closed[to]) return RP_ECLOSED;
    if (request->try_only && !is_read(flow)) return RP_EFULL;
    int code = put(flow, request->data, request->size);
    if (code) return code;
    if (!request->silent && !request->try_only && !is_read(flow)) {
        rp__waits_add(&flow->putters, object, party);
        code = RP__LATER;
    }
    serve_pipe(home, object, to);
    return code;
}

static int pipe_close(struct rp__home *home, struct rp__object *object, bool end) {
    object->pipe.closed[end] = true;
    close_flow(home, &object->pipe.flow[end]); /* what it has not read, nobody will */
    object->pipe.flow[!end].closed = true;
    if (object->pipe.closed[!end])
        rp__home_drop(home, object);
    else
        serve_pipe(home, object, !end);
    return 0;
}

static int request_pipe(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                        const struct rp__request *request, uint64_t *value) {
    const bool end = request->object & RP__PIPE_END;
    struct rp__flow *flow = &object->pipe.flow[end];
    if (object->pipe.closed[end]) return RP_ECLOSED;
    if (request->op == RP__OP_CLOSE) return pipe_close(home, object, end);
    if (request->op == RP__OP_SEND) return pipe_send(home, object, party, request, !end);
    if (end && !object->pipe.duplex) return RP_EINVAL;
    int code = RP__LATER;
    if (request->op == RP__OP_RECV)
        code = get(home, object, flow, party);
    else if (request->op == RP__OP_POLL)
        rp__waits_add(&flow->watchers, object, party);
    else
        return RP_EINVAL;
    serve_pipe(home, object, end);
    return code;
}

static void taker_of_pipe_gone(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                               struct rp__stake *stake) {
    for (int end = 0; end < 2; end++) {
        struct rp__flow *flow = &object->pipe.flow[end];
        if (!lent_to(flow, party->caller)) continue;
        settle_loan(home, flow, flow->lent + 1);
        serve_pipe(home, object, end);
    }
}

static bool pipe_concerns(const struct rp__object *object, const struct rp__party *party,
                          const struct rp__stake *stake) {
    return lent_to(&object->pipe.flow[0], party->caller) || lent_to(&object->pipe.flow[1], party->caller);
}

static void drop_pipe(struct rp__home *home, struct rp__object *object) {
    close_flow(home, &object->pipe.flow[0]);
    close_flow(home, &object->pipe.flow[1]);
}

const struct rp__kind rp__pipe_kind = {
    .make = make_pipe,
    .request = request_pipe,
    .gone = taker_of_pipe_gone,
    .concerns = pipe_concerns,
    .drop = drop_pipe,
};

/* ---- Both ---------------------------------------------------------------------------------------------- */

void rp__home_returned(struct rp__home *home, struct rp__caller caller, uint64_t id, uint64_t grant_number,
                       uint64_t taken) {
    struct rp__object *object = rp__home_find(home, id);
    const bool end = id & RP__PIPE_END, pipe = object && object->kind == &rp__pipe_kind;
    if (!pipe && (!object || end || object->kind != &rp__queue_kind)) return;
    struct rp__flow *flow = pipe ? &object->pipe.flow[end] : &object->queue.flow;
    if (!lent_to(flow, caller) || flow->grant != grant_number) return;
    settle_loan(home, flow, taken ? taken : 1);
    flow->batch = 0;
    if (pipe)
        serve_pipe(home, object, end);
    else
        serve_queue(home, object);
}
