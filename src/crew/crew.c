/* The crew as the agent sees it, for every kind of worker: it begins and ends, and what is given goes into rings. What
 * comes out of them is in crew_events.c. */
#include "crew/crew.h"

#include "core/call.h"
#include "core/error.h"
#include "crew/crew_kind.h"
#include "crew/nursery.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    rp__arena_reset(crew->arena, worker->slot);
    rp__arena_reset_calls(crew->arena, worker->slot);
    slot->binding = worker->binding; /* whatever the worker before it made of them */
    slot->where = worker->where;
    slot->spin = crew->spin;
    slot->cores = crew->cores;
    slot->memory = crew->memory;
    atomic_store(&slot->low, worker->low);
    rp__ring_attach(&worker->work, &slot->work);
    rp__ring_attach(&worker->result, &slot->result);
    rp__ring_attach(&worker->reply, &slot->reply);
    atomic_store(&worker->reply_broken, false);
    worker->call_left = 0;
    worker->reported = worker->condemned = worker->half_given = false;
    worker->cause[0] = 0;
    worker->oldest = worker->next = 0;
    const int code = crew->kind->start(crew, index, error);
    worker->live = code == 0;
    return code;
}

/* Take a slot for the next worker. false: none is free, or out of memory. */
static bool make_room(struct rp__crew *crew, const struct rp__cpuset *binding, const rp_where *where) {
    struct rp__crew_worker *worker = &crew->worker[crew->workers];
    *worker = (struct rp__crew_worker){.crew = crew, .index = crew->workers, .binding = *binding, .where = *where};
    worker->given = calloc(RP__DEPTH, sizeof *worker->given);
    if (worker->given && rp__arena_take(crew->arena, &worker->slot)) return true;
    free(worker->given);
    return false;
}

static void leave_room(struct rp__crew *crew, uint32_t index) {
    rp__arena_release(crew->arena, crew->worker[index].slot);
    rp__arena_give_back(crew->arena, crew->worker[index].slot);
    free(crew->worker[index].given);
}

static void free_crew(struct rp__crew *crew) {
    for (uint32_t i = 0; i < crew->workers; i++) leave_room(crew, i);
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
    crew->worker = calloc(arena->slots, sizeof *crew->worker);
    crew->cores = options->cores;
    crew->memory = options->memory;
    crew->spin = options->workers <= sysconf(_SC_NPROCESSORS_ONLN);
    if (crew->worker) return crew;
    free(crew);
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
    if (rp__arena_free_slots(arena) < options->workers) {
        free_crew(made);
        return rp__fail(error, RP_EINVAL, "no room for %u workers more: the crews of one rank have at most %u in all",
                        options->workers, arena->slots);
    }
    for (uint32_t i = 0; i < options->workers; i++, made->workers++) {
        if (make_room(made, &options->binding[i], &options->where[i])) continue;
        free_crew(made);
        return rp__fail(error, RP_ENOMEM, "no memory for a crew of %u workers", options->workers);
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
    free_crew(crew);
    return true;
}

int rp__crew_restart(struct rp__crew *crew, uint32_t index, rp_error *error) {
    assert(index < crew->workers);
    if (crew->worker[index].live) return rp__fail(error, RP_EBUSY, "worker %u has not ended", index);
    return start(crew, index, error);
}

int rp__crew_add(struct rp__crew *crew, uint32_t like, uint32_t *index, rp_error *error) {
    assert(like < crew->workers);
    const uint32_t added = crew->workers;
    if (rp__arena_free_slots(crew->arena) == 0)
        return rp__fail(error, RP_EINVAL, "no room for one worker more: the crews of one rank have at most %u in all",
                        crew->arena->slots);
    if (!make_room(crew, &crew->worker[like].binding, &crew->worker[like].where))
        return rp__fail(error, RP_ENOMEM, "no memory for one worker more");
    const int code = start(crew, added, error);
    if (code) {
        leave_room(crew, added);
        return code;
    }
    crew->workers = added + 1;
    *index = added;
    return 0;
}

/* ---- Ending a worker ----------------------------------------------------------------------------------- */

void rp__crew_condemn(struct rp__crew *crew, struct rp__crew_worker *worker) {
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
        end->ruined = true;
        snprintf(end->cause, sizeof end->cause, "wrote over its ring");
        return true;
    case RP__LEFT_SHORT:
        snprintf(end->cause, sizeof end->cause, "wrote fewer bytes than its task had announced");
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

/* The chunk's claim stands before its head can be seen. */
static void offer(struct rp__crew_worker *worker, struct rp__slot *slot, const struct rp__work *work) {
    const uint64_t number = worker->next;
    *rp__crew_given(worker, number) = (struct rp__given){.chunk = work->chunk, .begin = work->begin, .end = work->end};
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
    if (state == RP__RING_BROKEN) rp__crew_condemn(crew, worker);
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
    for (uint32_t i = 0; i < crew->workers; i++) {
        struct rp__slot *slot = rp__crew_slot(crew, i);
        if (atomic_exchange(&slot->closed[map % RP__CLOSED], map) != map) rp__bell_ring(&slot->wake);
    }
}

bool rp__crew_take_back(struct rp__crew *crew, uint32_t index, uint64_t chunk) {
    assert(index < crew->workers);
    struct rp__crew_worker *worker = &crew->worker[index];
    if (!worker->live || worker->condemned) return false;
    uint64_t number = worker->next;
    while (number > worker->oldest && rp__crew_given(worker, number - 1)->taken_back) number--;
    if (number == worker->oldest) return false;
    struct rp__given *given = rp__crew_given(worker, --number);
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
    rp__crew_pass_taken_back(worker);
    return true;
}

/* ---- Answers to calls --------------------------------------------------------------------------------- */

/* These touch the slot's reply ring and stream word, and of the worker's own only what is set apart for them. */

/* A ring that its worker has ruined takes everything: the worker is condemned at the next poll. */
bool rp__crew_reply(struct rp__crew *crew, uint32_t index, const struct rp__answer_head *head, const void *piece,
                    size_t size) {
    assert(size <= RP__FRAGMENT);
    struct rp__crew_worker *worker = &crew->worker[index];
    const enum rp__ring_state state = rp__ring_write(&worker->reply, head, sizeof *head, piece, size);
    if (state == RP__RING_BROKEN) atomic_store_explicit(&worker->reply_broken, true, memory_order_relaxed);
    return state != RP__RING_WAIT;
}

/* Below 0: the word is of an earlier lending. Their numbers begin again after 2^31. */
static int32_t lending_after(uint64_t stream, uint32_t lending) {
    return (int32_t)(((uint32_t)(stream >> 33) - lending) << 1);
}

uint32_t rp__crew_taken(uint64_t stream, uint32_t lending) {
    const int32_t after = lending_after(stream, lending);
    if (after > 0) return UINT32_MAX;
    const uint32_t taken = after == 0 ? (uint32_t)stream : 1;
    return taken ? taken : 1;
}

uint32_t rp__crew_recall(struct rp__crew *crew, uint32_t index, uint32_t lending) {
    _Atomic uint64_t *stream = &rp__crew_slot(crew, index)->stream;
    uint64_t now = atomic_load(stream), then;
    do {
        const int32_t after = lending_after(now, lending);
        if (after > 0) break;
        then = (after == 0 ? now : rp__stream(lending, 1)) | RP__STREAM_RECALLED;
    } while (!atomic_compare_exchange_weak(stream, &now, then));
    return rp__crew_taken(now, lending);
}
