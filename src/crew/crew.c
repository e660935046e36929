/* The crew as the agent sees it, for every kind of worker: gives go into rings, events come out of them.
 *
 * The agent keeps its own list of what it gave and believes a worker only as far as that list goes: an answer is
 * for the oldest unanswered chunk or the worker has written over its ring, and then it is killed and its ring left
 * alone. What a worker had finished when it ended is handed out before its end is. */
#include "crew/crew.h"

#include "core/error.h"
#include "crew/crew_kind.h"
#include "crew/nursery.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STREAK = 64 }; /* events of one worker before the others are looked at */

static const struct rp__crew_kind *kind_of(enum rp_workers workers) {
    switch (workers) {
    case RP_WORKERS_PROCESS:
        return &rp__crew_process;
    case RP_WORKERS_THREAD:
        return &rp__crew_thread;
    case RP_WORKERS_INLINE:
        return &rp__crew_inline;
    }
    return NULL;
}

/* ---- Beginning and end --------------------------------------------------------------------------------- */

static int start(struct rp__crew *crew, uint32_t index, rp_error *error) {
    struct rp__crew_worker *worker = &crew->worker[index];
    struct rp__slot *slot = rp__crew_slot(crew, index);
    rp__arena_reset(crew->arena, crew->first + index);
    slot->binding = worker->binding; /* whatever the worker before it made of them */
    slot->where = worker->where;
    slot->spin = crew->spin;
    atomic_store(&slot->low, worker->low);
    rp__ring_attach(&worker->work, &slot->work);
    rp__ring_attach(&worker->result, &slot->result);
    worker->reported = worker->condemned = worker->half_given = false;
    worker->cause[0] = 0;
    worker->oldest = worker->next = 0;
    const int code = crew->kind->start(crew, index, error);
    worker->live = code == 0;
    return code;
}

static void free_crew(struct rp__crew *crew) {
    if (!crew) return;
    for (uint32_t i = 0; crew->worker && i < crew->workers; i++) free(crew->worker[i].given);
    free(crew->worker);
    free(crew);
}

static struct rp__crew *new_crew(struct rp__arena *arena, struct rp__nursery *nursery,
                                 const struct rp__crew_options *options) {
    struct rp__crew *crew = calloc(1, sizeof *crew);
    if (!crew) return NULL;
    crew->kind = kind_of(options->kind);
    crew->arena = arena;
    crew->nursery = nursery;
    crew->workers = options->workers;
    crew->worker = calloc(options->workers, sizeof *crew->worker);
    crew->spin = options->workers <= sysconf(_SC_NPROCESSORS_ONLN);
    bool complete = crew->worker != NULL;
    for (uint32_t i = 0; complete && i < options->workers; i++) {
        struct rp__crew_worker *worker = &crew->worker[i];
        worker->crew = crew;
        worker->index = i;
        worker->binding = options->binding[i];
        worker->where = options->where[i];
        worker->given = calloc(RP__DEPTH, sizeof *worker->given);
        complete = worker->given != NULL;
    }
    if (complete) return crew;
    free_crew(crew);
    return NULL;
}

int rp__crew_open(struct rp__arena *arena, struct rp__nursery *nursery, const struct rp__crew_options *options,
                  struct rp__crew **crew, rp_error *error) {
    if (!kind_of(options->kind) || options->workers == 0 || options->workers > arena->slots)
        return rp__fail(error, RP_EINVAL, "a crew of %u workers of kind %d: from 1 to %u workers can be had here",
                        options->workers, (int)options->kind, arena->slots);
    if (options->kind == RP_WORKERS_PROCESS && !nursery)
        return rp__fail(error, RP_EINVAL, "a crew of processes needs a nursery, started before MPI");
    struct rp__crew *made = new_crew(arena, nursery, options);
    if (!made) return rp__fail(error, RP_ENOMEM, "no memory for a crew of %u workers", options->workers);
    if (!rp__arena_take(arena, made->workers, &made->first)) {
        free_crew(made);
        return rp__fail(error, RP_EINVAL, "no room for %u workers more: the crews of one rank have at most %u in all",
                        options->workers, arena->slots);
    }
    for (uint32_t i = 0; i < options->workers; i++) {
        const int code = start(made, i, error);
        if (code) {
            rp__crew_close(made);
            return code;
        }
    }
    *crew = made;
    return 0;
}

bool rp__crew_close(struct rp__crew *crew) {
    if (!crew) return true;
    if (!crew->kind->stop(crew)) return false;
    for (uint32_t i = 0; i < crew->workers; i++) rp__arena_release(crew->arena, crew->first + i);
    rp__arena_give_back(crew->arena, crew->first, crew->workers);
    free_crew(crew);
    return true;
}

int rp__crew_restart(struct rp__crew *crew, uint32_t index, rp_error *error) {
    assert(index < crew->workers);
    if (crew->worker[index].live) return rp__fail(error, RP_EBUSY, "worker %u has not ended", index);
    return start(crew, index, error);
}

/* ---- Ending a worker ----------------------------------------------------------------------------------- */

/* It wrote over its ring. A thread cannot be killed: it is asked to end. */
static void condemn(struct rp__crew *crew, struct rp__crew_worker *worker) {
    worker->condemned = true;
    if (!worker->cause[0]) snprintf(worker->cause, sizeof worker->cause, "wrote over its ring");
    if (crew->kind->kill) {
        (void)crew->kind->kill(crew, worker->index, NULL); /* a dead nursery shows at the next look */
        return;
    }
    rp__crew_retire(crew, worker->index);
}

int rp__crew_kill(struct rp__crew *crew, uint32_t index, const char *cause) {
    assert(index < crew->workers);
    struct rp__crew_worker *worker = &crew->worker[index];
    if (!crew->kind->kill) return RP_EUNSUPPORTED;
    if (!worker->live) return 0;
    if (!worker->cause[0]) snprintf(worker->cause, sizeof worker->cause, "%s", cause);
    return crew->kind->kill(crew, index, NULL);
}

void rp__crew_retire(struct rp__crew *crew, uint32_t index) {
    struct rp__slot *slot = rp__crew_slot(crew, index);
    atomic_store(&slot->leave, 1);
    rp__bell_ring(&slot->wake);
}

bool rp__crew_describe_left(uint32_t left, struct rp__crew_end *end) {
    switch ((enum rp__left)left) {
    case RP__LEFT_BROKEN_RING:
        snprintf(end->cause, sizeof end->cause, "wrote over its ring");
        return true;
    case RP__LEFT_NO_MEMORY:
        snprintf(end->cause, sizeof end->cause, "ran out of memory");
        return true;
    case RP__LEFT_ASKED:
        snprintf(end->cause, sizeof end->cause, "was asked to end");
        return true;
    case RP__LEFT_NOT:
        break;
    }
    return false;
}

/* ---- Work in ------------------------------------------------------------------------------------------- */

static struct rp__given *given_at(struct rp__crew_worker *worker, uint64_t number) {
    return &worker->given[number % RP__DEPTH];
}

/* Chunks that were taken back count as answered once they are the oldest. */
static void pass_taken_back(struct rp__crew_worker *worker) {
    while (worker->oldest < worker->next && given_at(worker, worker->oldest)->taken_back) worker->oldest++;
}

/* The chunk's claim stands before its head can be seen. */
static void offer(struct rp__crew_worker *worker, struct rp__slot *slot, const struct rp__work *work) {
    const uint64_t number = worker->next;
    *given_at(worker, number) = (struct rp__given){.chunk = work->chunk, .begin = work->begin, .end = work->end};
    atomic_store_explicit(&slot->claim[number % RP__DEPTH], rp__claim(number, RP__CLAIM_OFFERED), memory_order_relaxed);
}

/* One piece of it. false: no room. */
static bool give_piece(struct rp__crew *crew, struct rp__crew_worker *worker, struct rp__work *work) {
    struct rp__slot *slot = rp__crew_slot(crew, worker->index);
    const bool chunk = work->type == RP__WORK_CHUNK, first = !work->started;
    const size_t left = work->size - work->given, size = left < RP__FRAGMENT ? left : RP__FRAGMENT;
    const bool last = size == left;
    assert(work->given <= work->size);
    assert(!first || work->type == RP__WORK_FORGET || !worker->half_given); /* what is begun is finished first */
    if (first && chunk) {
        if (worker->next - worker->oldest == RP__DEPTH) return false;
        offer(worker, slot, work);
    }
    const struct rp__work_head head = {.type = work->type,
                                       .pieces = (first ? RP__PIECE_FIRST : 0) | (last ? RP__PIECE_LAST : 0),
                                       .map = work->map,
                                       .kernel = work->kernel,
                                       .number = first ? worker->next : worker->next - 1,
                                       .begin = work->begin,
                                       .end = work->end,
                                       .size = work->size,
                                       .reduce = work->reduce,
                                       .grows = work->grows};
    const uint8_t *data = size ? work->data + work->given : NULL;
    const enum rp__ring_state state = rp__ring_write(&worker->work, &head, sizeof head, data, size);
    if (state == RP__RING_BROKEN) condemn(crew, worker);
    if (state != RP__RING_DONE) return false;
    work->started = true;
    work->given += size;
    if (!chunk) return true;
    if (first) worker->next++;
    worker->half_given = !last;
    if (last) atomic_fetch_add_explicit(&slot->offered, 1, memory_order_relaxed);
    return true;
}

bool rp__crew_give(struct rp__crew *crew, uint32_t index, struct rp__work *work) {
    assert(index < crew->workers);
    struct rp__crew_worker *worker = &crew->worker[index];
    do {
        if (!worker->live || worker->condemned || !give_piece(crew, worker, work)) return false;
    } while (work->given < work->size);
    return true;
}

void rp__crew_wake(struct rp__crew *crew, uint32_t index) { rp__bell_ring(&rp__crew_slot(crew, index)->wake); }

void rp__crew_low_water(struct rp__crew *crew, uint32_t index, uint32_t low) {
    crew->worker[index].low = low;
    atomic_store_explicit(&rp__crew_slot(crew, index)->low, low, memory_order_relaxed);
}

void rp__crew_cancel(const struct rp__crew *crew, uint32_t map) {
    for (uint32_t i = 0; i < crew->workers; i++)
        atomic_store_explicit(&rp__crew_slot(crew, i)->closed[map % RP__CLOSED], map, memory_order_relaxed);
}

bool rp__crew_take_back(struct rp__crew *crew, uint32_t index, uint64_t chunk) {
    assert(index < crew->workers);
    struct rp__crew_worker *worker = &crew->worker[index];
    if (!worker->live || worker->condemned) return false;
    uint64_t number = worker->next;
    while (number > worker->oldest && given_at(worker, number - 1)->taken_back) number--;
    if (number == worker->oldest) return false;
    struct rp__given *given = given_at(worker, --number);
    if (given->chunk != chunk) return false;

    struct rp__slot *slot = rp__crew_slot(crew, index);
    uint64_t expected = rp__claim(number, RP__CLAIM_OFFERED);
    if (!atomic_compare_exchange_strong(&slot->claim[number % RP__DEPTH], &expected,
                                        rp__claim(number, RP__CLAIM_TAKEN_BACK)))
        return false;
    if (number + 1 == worker->next && worker->half_given)
        worker->half_given = false; /* the rest of it is not given any more */
    else
        atomic_fetch_sub_explicit(&slot->offered, 1, memory_order_relaxed);
    given->taken_back = true;
    pass_taken_back(worker);
    return true;
}

/* ---- Events out ---------------------------------------------------------------------------------------- */

/* The oldest chunk that can be answered; NULL: there is none. */
static const struct rp__given *answerable(struct rp__crew_worker *worker) {
    const uint64_t whole = worker->next - (worker->half_given ? 1 : 0);
    return worker->oldest < whole ? given_at(worker, worker->oldest) : NULL;
}

static bool accept_start(struct rp__crew_worker *worker, const struct rp__result_head *head, const uint8_t *data,
                         size_t size, struct rp__crew_event *event) {
    if (worker->reported || size != sizeof event->binding) return false;
    worker->reported = true;
    event->type = RP__CREW_STARTED;
    event->worker = worker->index;
    event->pid = head->pid;
    memcpy(&event->binding, data, size);
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
        event->failed = head.number != 0;
        event->data = data;
        event->size = size;
        return true;
    }
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
    if (event->last) {
        worker->oldest++;
        pass_taken_back(worker);
    }
    return true;
}

bool rp__crew_progress(struct rp__crew *crew, uint32_t index, uint64_t *chunk, double *tasks) {
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
    return true;
}

static void end(struct rp__crew *crew, struct rp__crew_worker *worker, struct rp__crew_event *event) {
    struct rp__slot *slot = rp__crew_slot(crew, worker->index);
    struct rp__crew_end how = {0};
    crew->kind->describe(crew, worker->index, &how);
    *event = (struct rp__crew_event){.type = RP__CREW_ENDED, .worker = worker->index, .pid = how.pid};
    const bool our_reason = how.by_us && worker->cause[0];
    snprintf(event->cause, sizeof event->cause, "%s", our_reason ? worker->cause : how.cause);

    /* It may have died between its last answer and saying so: then this is not the oldest unanswered chunk. */
    const struct rp__given *given = answerable(worker);
    if (given && atomic_load(&slot->hand) == worker->oldest + 1) {
        event->in_hand = true;
        event->chunk = given->chunk;
        event->task = atomic_load(&slot->task);
        event->task_known = event->task >= given->begin && event->task < given->end;
    }
    worker->live = false;
    rp__arena_reset(crew->arena, crew->first + worker->index);
}

static bool worker_event(struct rp__crew *crew, struct rp__crew_worker *worker, struct rp__crew_event *event) {
    if (!worker->live) return false;
    const bool ended = crew->kind->ended(crew, worker->index); /* first: then all that it wrote is in the ring */
    if (!worker->condemned) {
        size_t size;
        const enum rp__ring_state state = rp__ring_read(&worker->result, crew->record, sizeof crew->record, &size);
        if (state == RP__RING_DONE) {
            if (rp__ring_wakes(&worker->result)) rp__crew_wake(crew, worker->index);
            if (accept(crew, worker, size, event)) return true;
        }
        if (state != RP__RING_WAIT) condemn(crew, worker);
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
