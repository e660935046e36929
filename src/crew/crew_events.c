/* What comes out of the workers' rings, as events.
 *
 * The agent keeps its own list of what it gave and believes a worker only as far as that list goes: an answer is
 * for the oldest unanswered chunk or the worker has written over its ring, and then it is killed and its ring left
 * alone. What a worker had finished when it ended is handed out before its end is. */
#include "crew/crew.h"

#include "core/call.h"
#include "crew/crew_kind.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { STREAK = 64 };                /* events of one worker before the others are looked at */
#define CALL_MAX (UINT64_C(1) << 40) /* bytes; a size beyond it is no worker's of ours */

/* The oldest chunk that can be answered; NULL: there is none. */
static const struct rp__given *answerable(struct rp__crew_worker *worker) {
    const uint64_t whole = worker->next - (worker->half_given ? 1 : 0);
    return worker->oldest < whole ? rp__crew_given(worker, worker->oldest) : NULL;
}

static bool accept_start(struct rp__crew_worker *worker, const struct rp__result_head *head, const uint8_t *data,
                         size_t size, struct rp__crew_event *event) {
    if (worker->reported || size != sizeof event->binding) return false;
    worker->reported = true;
    event->type = RP__CREW_STARTED;
    event->worker = worker->index;
    event->pid = head->pid;
    event->core = worker->where.core;
    memcpy(&event->binding, data, size);
    return true;
}

/* The task in hand made its first call: the oldest chunk ends behind it, or stays as long as it is. */
static bool accept_cut(struct rp__crew_worker *worker, const struct rp__result_head *head, size_t size,
                       struct rp__crew_event *event) {
    const uint64_t whole = worker->next - (worker->half_given ? 1 : 0), end = head->busy_ns;
    struct rp__given *given = rp__crew_given(worker, worker->oldest);
    if (worker->oldest >= whole || head->number != worker->oldest || size != 0 || given->cut) return false;
    if (end <= given->begin || end > given->end) return false;
    given->end = end;
    given->cut = true;
    *event = (struct rp__crew_event){
        .type = RP__CREW_CUT, .worker = worker->index, .chunk = given->chunk, .task = given->end};
    return true;
}

static bool accept_call(struct rp__crew_worker *worker, const uint8_t *data, size_t size,
                        struct rp__crew_event *event) {
    struct rp__call_head head;
    if (worker->call_left == 0) {
        if (size < sizeof head) return false;
        memcpy(&head, data, sizeof head);
        if (head.size > CALL_MAX || size - sizeof head > head.size) return false;
        worker->call_left = head.size - (size - sizeof head);
    } else {
        if (size == 0 || size > worker->call_left) return false;
        worker->call_left -= size;
    }
    *event = (struct rp__crew_event){.type = RP__CREW_CALL, .worker = worker->index, .data = data, .size = size};
    event->last = worker->call_left == 0;
    return true;
}

/* The record just read, as an event. false: no worker of ours wrote that. */
static bool accept(struct rp__crew *crew, struct rp__crew_worker *worker, size_t size, struct rp__crew_event *event) {
    struct rp__result_head head;
    if (size < sizeof head) return false;
    memcpy(&head, crew->record, sizeof head);
    const uint8_t *data = crew->record + sizeof head;
    size -= sizeof head;
    if (head.type == RP__RESULT_STARTED) return accept_start(worker, &head, data, size, event);
    if (!worker->reported || size > RP__FRAGMENT) return false;
    if (head.type == RP__RESULT_PRINT) {
        event->type = RP__CREW_PRINT;
        event->worker = worker->index;
        event->data = data;
        event->size = size;
        return true;
    }
    if (head.type == RP__RESULT_INIT) {
        event->type = RP__CREW_INITIALIZED;
        event->worker = worker->index;
        event->core = worker->where.core;
        event->failed = head.number != 0;
        event->data = data;
        event->size = size;
        return true;
    }
    if (head.type == RP__RESULT_CUT) return accept_cut(worker, &head, size, event);
    if (head.type == RP__RESULT_CALL) return accept_call(worker, data, size, event);
    if (head.type != RP__RESULT_PIECE && head.type != RP__RESULT_LAST && head.type != RP__RESULT_CHILD) return false;

    const struct rp__given *given = answerable(worker);
    if (!given || head.number != worker->oldest) return false;
    event->type = head.type == RP__RESULT_CHILD ? RP__CREW_CHILDREN : RP__CREW_RESULT;
    event->worker = worker->index;
    event->chunk = given->chunk;
    event->data = data;
    event->size = size;
    event->last = head.type == RP__RESULT_LAST;
    event->busy_ns = head.busy_ns;
    event->migrated = event->last && head.migrated;
    if (event->last) {
        worker->oldest++;
        rp__crew_pass_taken_back(worker);
    }
    return true;
}

bool rp__crew_progress(struct rp__crew *crew, uint32_t index, uint64_t *chunk, double *tasks, uint64_t *at) {
    assert(index < crew->workers);
    struct rp__crew_worker *worker = &crew->worker[index];
    struct rp__slot *slot = rp__crew_slot(crew, index);
    const struct rp__given *given = worker->live ? answerable(worker) : NULL;
    if (!given || atomic_load_explicit(&slot->hand, memory_order_relaxed) != worker->oldest + 1) return false;
    const uint64_t task = atomic_load_explicit(&slot->task, memory_order_relaxed);
    const uint64_t bits = atomic_load_explicit(&slot->progress, memory_order_relaxed);
    double part;
    memcpy(&part, &bits, sizeof part);
    if (!(part >= 0 && part <= 1)) part = 0;
    const bool item = task >= given->begin && task < given->end;
    *tasks = item ? (double)(task - given->begin) + part : part * (double)(given->end - given->begin);
    *chunk = given->chunk;
    *at = item ? task : UINT64_MAX;
    return true;
}

static void end(struct rp__crew *crew, struct rp__crew_worker *worker, struct rp__crew_event *event) {
    struct rp__slot *slot = rp__crew_slot(crew, worker->index);
    struct rp__crew_end how = {.why = RP_CAUSE_OTHER};
    crew->kind->describe(crew, worker->index, &how);
    *event = (struct rp__crew_event){.type = RP__CREW_ENDED, .worker = worker->index, .pid = how.pid, .how = how.how};
    event->why = how.by_us ? RP_CAUSE_OTHER : how.why;
    event->stream = atomic_load(&slot->stream);
    const bool our_reason = how.by_us && worker->cause[0];
    snprintf(event->cause, sizeof event->cause, "%s", our_reason ? worker->cause : how.cause);

    /* It may have died between its last answer and saying so: then this is not the oldest unanswered chunk. Of one that
     * wrote over its slot nothing else is known than that this chunk is not answered. */
    const struct rp__given *given = answerable(worker);
    const uint64_t hand = atomic_load(&slot->hand);
    event->ruined =
        worker->condemned || how.ruined || (hand != 0 && hand != worker->oldest && hand != worker->oldest + 1);
    if (given && (hand == worker->oldest + 1 || event->ruined)) {
        event->in_hand = true;
        event->chunk = given->chunk;
        event->task = atomic_load(&slot->task);
        event->task_known = !event->ruined && event->task >= given->begin && event->task < given->end;
    }
    worker->live = false;
    rp__arena_reset(crew->arena, worker->slot);
}

static bool worker_event(struct rp__crew *crew, struct rp__crew_worker *worker, struct rp__crew_event *event) {
    if (!worker->live) return false;
    const bool ended = crew->kind->ended(crew, worker->index); /* first: then all that it wrote is in the ring */
    if (!worker->condemned && atomic_load_explicit(&worker->reply_broken, memory_order_relaxed))
        rp__crew_condemn(crew, worker);
    if (!worker->condemned) {
        size_t size;
        const enum rp__ring_state state = rp__ring_read(&worker->result, crew->record, sizeof crew->record, &size);
        if (state == RP__RING_DONE) {
            if (rp__ring_wakes(&worker->result)) rp__crew_wake(crew, worker->index);
            if (accept(crew, worker, size, event)) return true;
        }
        if (state != RP__RING_WAIT) rp__crew_condemn(crew, worker);
    }
    if (!ended) return false;
    end(crew, worker, event);
    return true;
}

static bool next_event(struct rp__crew *crew, struct rp__crew_event *event) {
    if (crew->streak >= STREAK) {
        crew->at = (crew->at + 1) % crew->workers;
        crew->streak = 0;
    }
    for (uint32_t looked = 0; looked < crew->workers; looked++) {
        if (worker_event(crew, &crew->worker[crew->at], event)) {
            crew->streak++;
            return true;
        }
        crew->at = crew->at + 1 < crew->workers ? crew->at + 1 : 0;
        crew->streak = 0;
    }
    return false;
}

int rp__crew_poll(struct rp__crew *crew, struct rp__crew_event *event, bool *got, rp_error *error) {
    *got = false;
    for (bool again = true; again;) {
        again = false;
        int code = crew->kind->look ? crew->kind->look(crew, error) : 0;
        if (code) return code;
        *got = next_event(crew, event);
        if (*got) return 0;
        code = crew->kind->idle ? crew->kind->idle(crew, &again, error) : 0;
        if (code) return code;
    }
    return 0;
}
