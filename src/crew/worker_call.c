/* The calls of a worker's tasks on shared objects. A call goes into the result ring, its answer comes back through
 * the reply ring. The rules:
 *
 * - A task's first call cuts its chunk: the task has effects from here on and must not run again.
 * - A call that may be silent is, after one on the same object that went well; one in SILENT_MAX + 1 is answered, so
 *   that no more than these are under way. The agent is rung for each: it may sleep, and the task compute for hours.
 *   They are settled by an answer when the task goes to another object or ends: it is not done before they are.
 * - The caller has one open call. When its time is over it is canceled, and its answer still comes.
 * - When nobody wants the task any more it is canceled as well: a thread, which nobody can kill, comes to its end so.
 * - A worker that is to leave waits no longer. The answer that it did not wait for comes before the next one.
 * - Items that were lent are taken one by one in the slot's word `stream`. Who swaps first decides: the worker has
 *   the item, or the router has stopped the batch and its rest is at home again. */
#include "core/now.h"
#include "core/record.h"
#include "crew/cells.h"
#include "crew/worker_state.h"

#include <stdlib.h>
#include <string.h>

enum { SILENT_MAX = 63, SILENT_BYTES = 64 * 1024, BATCH_ASKED = 256, RECALLED = 1 };

static struct rp__self *self_of(rp_self *face) { return (struct rp__self *)face; }

/* ---- Out ----------------------------------------------------------------------------------------------- */

static bool tear(struct rp__self *self) {
    self->torn = true;
    return false;
}

/* false: the worker is to leave, maybe with half of it sent; then nothing more may be sent. */
static bool send_call(struct rp__self *self, const struct rp__call_head *head, const void *data) {
    const struct {
        struct rp__result_head result;
        struct rp__call_head call;
    } first = {.result = {.type = RP__RESULT_CALL}, .call = *head};
    const size_t room = RP__FRAGMENT - sizeof *head;
    size_t size = head->size < room ? head->size : room;
    if (self->torn || !rp__worker_put(self->worker, &first, sizeof first, data, size)) return tear(self);
    for (uint64_t sent = size; sent < head->size; sent += size) {
        size = head->size - sent < RP__FRAGMENT ? head->size - sent : RP__FRAGMENT;
        const uint8_t *at = (const uint8_t *)data + sent;
        if (!rp__worker_put(self->worker, &first.result, sizeof first.result, at, size)) return tear(self);
    }
    rp__worker_ring(self->worker);
    return true;
}

/* Once a chunk. Folded and range chunks stay as long as they are: they are one result. */
static bool cut_chunk(struct rp__self *self) {
    struct rp__worker *worker = self->worker;
    if (!worker->in_task || worker->cut) return true;
    worker->cut = true;
    if (worker->can_be_cut) worker->end = worker->task.index + 1;
    const struct rp__result_head head = {.type = RP__RESULT_CUT, .number = worker->number, .busy_ns = worker->end};
    return rp__worker_put(worker, &head, sizeof head, NULL, 0);
}

/* ---- Answers ------------------------------------------------------------------------------------------- */

/* What is there of the answer; DONE: it is whole. */
static enum rp__ring_state read_answer(struct rp__self *self, struct rp__answer_head *head, struct rp__buffer *data) {
    size_t size;
    enum rp__ring_state state;
    while ((state = rp__ring_read(&self->reply, self->record, sizeof self->record, &size)) == RP__RING_DONE) {
        if (size < sizeof *head) return RP__RING_BROKEN;
        memcpy(head, self->record, sizeof *head);
        size -= sizeof *head;
        if (head->kind != RP__REPLY || self->received > head->size || size > head->size - self->received)
            return RP__RING_BROKEN;
        if (data && rp__buffer_append(data, self->record + sizeof *head, size)) self->lost = true;
        self->received += size;
        if (self->received == head->size) break;
        rp__worker_ring(self->worker); /* there is room for the next piece */
    }
    if (state != RP__RING_DONE) return state;
    self->received = 0;
    self->answer_due = false;
    if (head->grant) self->lendings++;
    return RP__RING_DONE;
}

/* It ends: with `code`, negated, or 0: for being too late. */
static void cancel(struct rp__self *self, uint64_t object, int code) {
    const struct rp__call_head head = {.type = RP__CALL_CANCEL, .object = object, .a = (uint64_t)-code};
    (void)send_call(self, &head, NULL);
}

static uint64_t deadline_of(double timeout_s) {
    return timeout_s > 0 && timeout_s < 1e9 ? rp__now_ns() + (uint64_t)(timeout_s * 1e9) : UINT64_MAX;
}

static void sleep_until(struct rp__worker *worker, uint32_t seen, uint64_t until_ns) {
    const uint64_t begin_ns = rp__now_ns();
    if (until_ns <= begin_ns) return;
    const int64_t left_ns = until_ns == UINT64_MAX ? -1 : (int64_t)(until_ns - begin_ns);
    rp__bell_wait(&worker->slot->wake, seen, left_ns);
    worker->slept_ns += rp__now_ns() - begin_ns;
}

/* The answer's code. */
static int await_answer(struct rp__self *self, const struct rp__call *call, struct rp__answer_head *answer,
                        struct rp__buffer *data) {
    struct rp__worker *worker = self->worker;
    uint64_t until_ns = deadline_of(call->timeout_s);
    int spins = worker->spin ? RP__SPINS : 0;
    bool canceled = false;
    for (;;) {
        const uint32_t seen = rp__bell_read(&worker->slot->wake);
        const enum rp__ring_state state = read_answer(self, answer, data);
        if (state == RP__RING_DONE) return self->lost ? RP_ENOMEM : answer->code;
        if (state == RP__RING_BROKEN) rp__worker_leave(worker, RP__LEFT_BROKEN_RING);
        if (rp__worker_is_asked_to_leave(worker)) {
            cancel(self, call->object, RP_ECLOSED);
            *answer = (struct rp__answer_head){0};
            return RP_ECLOSED;
        }
        if (spins > 0) {
            spins--;
            rp__worker_pause();
        } else if (until_ns <= rp__now_ns()) {
            cancel(self, call->object, 0);
            until_ns = UINT64_MAX;
        } else if (!canceled && rp__worker_is_canceled(worker)) {
            cancel(self, call->object, RP_ECANCELED);
            canceled = true;
        } else {
            sleep_until(worker, seen, until_ns);
        }
    }
}

/* Send a call and wait for its answer, whose code it is. */
static int exchange(struct rp__self *self, enum rp__call_type type, const struct rp__call *call,
                    struct rp__answer_head *answer, struct rp__buffer *data) {
    if (self->answer_due && read_answer(self, answer, NULL) != RP__RING_DONE) {
        *answer = (struct rp__answer_head){0};
        return RP_ECLOSED;
    }
    const struct rp__call_head head = {.type = type,
                                       .op = call->op,
                                       .flags = call->timeout_s == 0 ? RP__CALL_TRY : 0,
                                       .object = call->object,
                                       .a = call->a,
                                       .b = call->b,
                                       .size = call->size};
    if (!send_call(self, &head, call->data)) return RP_ECLOSED;
    self->answer_due = true;
    self->lost = false;
    return await_answer(self, call, answer, data);
}

/* ---- Items that were lent ------------------------------------------------------------------------------ */

static bool has_untaken(const struct rp__batch *batch) { return batch->taken < batch->count; }

static void end_batch(struct rp__batch *batch) {
    batch->taken = batch->count = 0;
    batch->bytes.size = batch->at = 0;
    if (batch->bytes.capacity > RP__KEEP) rp__buffer_free(&batch->bytes);
}

/* The items of an answer, the first of which is taken. The router may have recalled the others already. */
static void begin_batch(struct rp__self *self, const struct rp__answer_head *answer, uint64_t object) {
    struct rp__batch *batch = &self->batch;
    batch->object = object;
    batch->grant = answer->grant;
    batch->taken = batch->count = 1;
    if (!answer->grant) return;
    batch->lending = self->lendings;
    _Atomic uint64_t *stream = &self->worker->slot->stream;
    const uint64_t first = rp__stream(batch->lending, 1);
    uint64_t before = atomic_load(stream);
    if (before != (first | RP__STREAM_RECALLED) && atomic_compare_exchange_strong(stream, &before, first))
        batch->count = (uint32_t)answer->value;
}

/* Swap the stream's word to the next item, or to recalled. false: the router was faster. */
static bool swap_stream(struct rp__self *self, uint64_t more) {
    uint64_t now = rp__stream(self->batch.lending, self->batch.taken);
    return atomic_compare_exchange_strong(&self->worker->slot->stream, &now, now + more);
}

static bool may_take_another(struct rp__self *self) {
    const uint64_t now = rp__stream(self->batch.lending, self->batch.taken);
    return has_untaken(&self->batch) && atomic_load(&self->worker->slot->stream) == now;
}

/* What is left of the batch is in front again where it came from. */
static bool give_back(struct rp__self *self) {
    struct rp__batch *batch = &self->batch;
    bool sent = true;
    if (has_untaken(batch) && swap_stream(self, RP__STREAM_RECALLED)) {
        const struct rp__call_head head = {
            .type = RP__CALL_RETURNED, .object = batch->object, .a = batch->grant, .b = batch->taken};
        sent = send_call(self, &head, NULL);
    }
    end_batch(batch);
    return sent;
}

/* The batch's next item, which is `ours` or to be taken first. 0, RECALLED, RP_ENOMEM, RP_EPROTOCOL. */
static int deliver(struct rp__self *self, struct rp__item *item, bool ours) {
    struct rp__batch *batch = &self->batch;
    const uint8_t *data;
    size_t size;
    bool marked;
    const size_t length =
        rp__record_read(batch->bytes.data + batch->at, batch->bytes.size - batch->at, &data, &size, &marked);
    if (length == 0) return RP_EPROTOCOL;
    void *copy = item->given ? malloc(size ? size : 1) : NULL;
    if (item->given && !copy) return RP_ENOMEM;
    if (!ours && !swap_stream(self, 1)) {
        free(copy);
        return RECALLED;
    }
    if (!ours) batch->taken++;
    const size_t kept = item->given || size < item->capacity ? size : item->capacity;
    if (kept) memcpy(item->given ? copy : item->at, data, kept);
    if (item->given) *item->given = copy;
    item->size = size;
    batch->at += length;
    if (!has_untaken(batch)) end_batch(batch);
    return 0;
}

static int worker_take(rp_self *face, uint64_t object, enum rp__op op, double timeout_s, struct rp__item *item) {
    struct rp__self *self = self_of(face);
    struct rp__batch *batch = &self->batch;
    if (!self->worker->own_thread) return RP_EUNSUPPORTED;
    if (!cut_chunk(self)) return RP_ECLOSED;
    if (has_untaken(batch) && batch->object == object) {
        const int code = deliver(self, item, false);
        if (code != RECALLED) return code;
        end_batch(batch);
    }
    if (!give_back(self)) return RP_ECLOSED;

    const struct rp__call call = {.object = object, .op = op, .a = BATCH_ASKED, .timeout_s = timeout_s};
    struct rp__answer_head answer;
    int code = exchange(self, RP__CALL_REQUEST, &call, &answer, &batch->bytes);
    if (code == 0 || answer.grant) begin_batch(self, &answer, object);
    if (code == 0) code = deliver(self, item, true);
    if (code) (void)give_back(self);
    return code;
}

/* ---- Other calls --------------------------------------------------------------------------------------- */

/* What is asked about the object that items are lent of must count those that were not taken. */
static bool concerns_batch(const struct rp__self *self, const struct rp__call *call) {
    return has_untaken(&self->batch) && self->batch.object == call->object && call->op != RP__OP_PUT &&
           call->op != RP__OP_SEND && call->op != RP__OP_TASK_DONE;
}

static bool is_silent(const struct rp__self *self, const struct rp__call *call) {
    return call->may_be_silent && self->spoken_to == call->object && self->silent < SILENT_MAX &&
           call->size <= SILENT_BYTES - self->silent_size;
}

static int call_silently(struct rp__self *self, const struct rp__call *call) {
    const struct rp__call_head head = {.type = RP__CALL_REQUEST,
                                       .op = call->op,
                                       .flags = RP__CALL_SILENT,
                                       .object = call->object,
                                       .a = call->a,
                                       .b = call->b,
                                       .size = call->size};
    self->silent++;
    self->silent_size += call->size;
    return send_call(self, &head, call->data) ? 0 : RP_ECLOSED;
}

/* Silent calls have all been served; the first that failed is the task's failure, unless the task knows. */
static bool settle(struct rp__self *self) {
    if (!self->silent) return true;
    const struct rp__call flush = {.object = self->spoken_to, .op = RP__OP_FLUSH, .timeout_s = -1};
    struct rp__answer_head answer;
    self->silent = 0;
    self->silent_size = 0;
    const int code = exchange(self, RP__CALL_REQUEST, &flush, &answer, NULL);
    if (code && !self->refused) self->refused = code;
    return !self->worker->left;
}

static int worker_call(rp_self *face, const struct rp__call *call, uint64_t *value, struct rp__buffer *data) {
    struct rp__self *self = self_of(face);
    if (!self->worker->own_thread) return RP_EUNSUPPORTED;
    if (!cut_chunk(self)) return RP_ECLOSED;
    if (concerns_batch(self, call)) {
        if (call->op == RP__OP_POLL && may_take_another(self)) {
            if (value) *value = 1;
            return 0;
        }
        if (!give_back(self)) return RP_ECLOSED;
    }
    if (is_silent(self, call)) return call_silently(self, call);
    if (call->object != self->spoken_to && !settle(self)) return RP_ECLOSED;

    struct rp__answer_head answer;
    const int code = exchange(self, RP__CALL_REQUEST, call, &answer, data);
    /* After a failure, or its own close, the next one is answered too. */
    self->spoken_to = code == 0 && call->op != RP__OP_CLOSE ? call->object : 0;
    self->silent = 0;
    self->silent_size = 0;
    if (value && code == 0) *value = answer.value;
    return code;
}

/* ---- Words --------------------------------------------------------------------------------------------- */

/* Where they are, by asking. NULL: *code says why. */
static struct rp__cells_known *ask_for_cells(struct rp__self *self, uint64_t object, int *code) {
    const struct rp__call call = {.object = object, .timeout_s = -1};
    struct rp__answer_head answer;
    struct rp__buffer data = {0};
    struct rp__cells_known *known = NULL;
    struct rp__cells_at at;
    *code = exchange(self, RP__CALL_CELLS, &call, &answer, &data);
    if (*code == 0 && data.size != sizeof at) *code = RP_EPROTOCOL;
    if (*code == 0) memcpy(&at, data.data, sizeof at);
    if (*code == 0 || *code == RP_EUNSUPPORTED) {
        if (!rp__cells_has_room(&self->cells)) rp__cells_forget(&self->cells, false);
        known = rp__cells_learn(&self->cells, object, *code ? NULL : &at);
        *code = known ? 0 : RP_ENOMEM;
    }
    rp__buffer_free(&data);
    return known;
}

static _Atomic uint64_t *worker_cells(rp_self *face, uint64_t object, bool keep, size_t *words, int *code) {
    struct rp__self *self = self_of(face);
    *code = self->worker->own_thread ? 0 : RP_EUNSUPPORTED;
    if (*code == 0 && !cut_chunk(self)) *code = RP_ECLOSED;
    if (*code) return NULL;
    struct rp__cells_known *known = rp__cells_known(&self->cells, object);
    if (!known) known = ask_for_cells(self, object, code);
    if (!known || !known->words) return NULL;
    if (keep) rp__cells_keep(&self->cells, known);
    *words = (size_t)known->at.words;
    return known->words;
}

/* ---- Beginning and end --------------------------------------------------------------------------------- */

void rp__self_begin(struct rp__worker *worker) {
    struct rp__self *self = &worker->self;
    self->face = (struct rp_self){.call = worker_call, .take = worker_take, .cells = worker_cells};
    self->worker = worker;
    rp__ring_attach(&self->reply, &worker->slot->reply);
}

int rp__self_settle(struct rp__worker *worker, int code) {
    struct rp__self *self = &worker->self;
    (void)settle(self);
    const int refused = self->refused;
    self->refused = 0;
    if (code || worker->task.failed || !refused) return code;
    return rp_task_fail(&worker->task, "an item that it put or sent was refused: %s", rp_strerror(refused));
}

void rp__self_end(struct rp__worker *worker) {
    struct rp__self *self = &worker->self;
    rp__buffer_free(&self->batch.bytes);
    rp__cells_forget(&self->cells, true);
}
