/* The worker loop. Its rules:
 *
 * - A chunk is claimed when all of it is here and just before it is computed; from then on it is answered, once.
 * - Finished records leave in pieces of at most RP__FRAGMENT bytes, cut anywhere; a record in the making does only once
 *   its size is announced.
 * - What tasks print leaves before the records behind it, at once: the agent is rung for it.
 * - The agent is rung when work runs low or out and when the result ring fills, not for each answer. It may have
 *   gone to sleep on an earlier look, so a worker that has not rung since its last answer rings before it sleeps.
 * - `hand` and `task` are stored before the kernel is called, so whatever kills it, they name the guilty task. */
#include "crew/worker.h"

#include "core/now.h"
#include "core/record.h"
#include "crew/worker_state.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rp__worker_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

bool rp__worker_leave(struct rp__worker *worker, enum rp__left why) {
    if (!worker->left) worker->left = why;
    return false;
}

bool rp__worker_is_asked_to_leave(struct rp__worker *worker) {
    const uint32_t leave = atomic_load_explicit(&worker->slot->leave, memory_order_relaxed);
    if (leave) rp__worker_leave(worker, leave == 1 ? RP__LEFT_ASKED : RP__LEFT_BROKEN_RING); /* a kernel's, not ours */
    return worker->left != RP__LEFT_NOT;
}

bool rp__worker_is_canceled(const struct rp__worker *worker) {
    const _Atomic uint32_t *closed = &worker->slot->closed[worker->map % RP__CLOSED];
    return (worker->map && atomic_load_explicit(closed, memory_order_relaxed) == worker->map) ||
           atomic_load_explicit(&worker->slot->leave, memory_order_relaxed);
}

static bool is_canceled(const void *self) { return rp__worker_is_canceled(self); }

void rp__worker_ring(struct rp__worker *worker) {
    worker->quiet = false;
    rp__bell_ring(worker->arena->bell);
}

/* ---- Answers ------------------------------------------------------------------------------------------- */

/* Sleep until the agent has read some of the result ring. false: there will be none, or sleeping is not allowed. */
static bool wait_for_room(struct rp__worker *worker) {
    if (!worker->own_thread || rp__worker_is_asked_to_leave(worker)) return false;
    struct rp__slot *slot = worker->slot;
    const uint64_t begin_ns = rp__now_ns();
    rp__worker_ring(worker);
    const uint32_t seen = rp__bell_read(&slot->wake);
    rp__ring_want(&worker->result, true);
    if (!rp__ring_has_room(&worker->result) && !rp__worker_is_asked_to_leave(worker))
        rp__bell_wait(&slot->wake, seen, -1);
    rp__ring_want(&worker->result, false);
    worker->slept_ns += rp__now_ns() - begin_ns;
    return true;
}

bool rp__worker_put(struct rp__worker *worker, const void *head, size_t head_size, const void *data, size_t size) {
    enum rp__ring_state state;
    while ((state = rp__ring_write(&worker->result, head, head_size, data, size)) == RP__RING_WAIT)
        if (!wait_for_room(worker)) return false;
    if (state == RP__RING_BROKEN) return rp__worker_leave(worker, RP__LEFT_BROKEN_RING);
    const bool half_full = rp__ring_half_full(&worker->result);
    if (half_full && !worker->half_rung) rp__worker_ring(worker);
    worker->half_rung = half_full;
    return true;
}

static bool put(struct rp__worker *worker, const struct rp__result_head *head, const void *data, size_t size) {
    return rp__worker_put(worker, head, sizeof *head, data, size);
}

/* Send what waits to be printed. false: not all went. */
static bool send_prints(struct rp__worker *worker) {
    struct rp__buffer *print = &worker->print;
    const struct rp__result_head head = {.type = RP__RESULT_PRINT};
    while (worker->printed < print->size) {
        const size_t left = print->size - worker->printed, size = left < RP__FRAGMENT ? left : RP__FRAGMENT;
        if (!put(worker, &head, print->data + worker->printed, size)) return false;
        worker->printed += size;
    }
    worker->printed = print->size = 0;
    if (print->capacity > RP__KEEP) rp__buffer_free(print);
    return true;
}

/* Of a task, as it prints. */
static int print_text(void *self, const char *text, size_t size) {
    struct rp__worker *worker = self;
    if (rp__buffer_append(&worker->print, text, size)) return RP_ENOMEM;
    send_prints(worker);
    rp__worker_ring(worker);
    return 0;
}

/* Send the finished records, and with the last of them (answer) that the chunk is done. false: not all went. */
static bool send_records(struct rp__worker *worker, bool answer) {
    struct rp__buffer *out = &worker->task.out;
    bool more = answer || worker->sent < out->size;
    if (!send_prints(worker)) return false;
    while (more) {
        const size_t left = out->size - worker->sent, size = left < RP__FRAGMENT ? left : RP__FRAGMENT;
        more = size < left;
        const bool last = answer && !more;
        const struct rp__result_head head = {.type = last ? worker->answer : RP__RESULT_PIECE,
                                             .number = worker->number,
                                             .migrated = last && worker->migrated,
                                             .busy_ns = last ? worker->busy_ns : 0};
        if (!put(worker, &head, size ? out->data + worker->sent : NULL, size)) return false;
        worker->sent += size;
    }
    worker->sent = out->size = 0;
    if (out->capacity > RP__KEEP) rp__buffer_free(out);
    return true;
}

/* Send what the chunk's tasks have added. false: not all went. */
static bool send_children(struct rp__worker *worker) {
    struct rp__buffer *children = &worker->task.children;
    while (worker->children_sent < children->size) {
        const size_t left = children->size - worker->children_sent, size = left < RP__FRAGMENT ? left : RP__FRAGMENT;
        const struct rp__result_head head = {.type = RP__RESULT_CHILD, .number = worker->number};
        if (!put(worker, &head, children->data + worker->children_sent, size)) return false;
        worker->children_sent += size;
    }
    worker->children_sent = children->size = 0;
    if (children->capacity > RP__KEEP) rp__buffer_free(children);
    return true;
}

static void send_answer(struct rp__worker *worker) {
    if (!send_children(worker) || !send_records(worker, true)) return;
    worker->unanswered = false;
    struct rp__slot *slot = worker->slot;
    atomic_store_explicit(&slot->hand, 0, memory_order_relaxed);
    const int64_t waiting = (int64_t)(atomic_load_explicit(&slot->offered, memory_order_relaxed) - worker->started);
    const int64_t low = atomic_load_explicit(&slot->low, memory_order_relaxed);
    worker->quiet = true;
    if (waiting <= low) rp__worker_ring(worker);
}

/* ---- Chunks -------------------------------------------------------------------------------------------- */

/* The kernel's setup, whose failure is that of each task. What it writes is dropped. */
static void set_up(struct rp__worker *worker, struct rp__map *map, uint64_t index) {
    map->set_up = true;
    if (!map->kernel->setup || map->failed) return;
    rp_task *task = &worker->task;
    if (!rp__task_begin(task, index)) {
        rp__worker_leave(worker, RP__LEFT_NO_MEMORY);
        return;
    }
    const int code = rp__self_settle(worker, map->kernel->setup(task, &map->state));
    map->failed = task->failed || code != 0;
    if (map->failed) snprintf(map->message, sizeof map->message, "%s", rp__task_message(task, code));
    rp__task_drop(task);
}

/* Of a task whose record is announced. What does not go now does later. */
static void send_so_far(void *self) {
    struct rp__worker *worker = self;
    if (worker->task.out.size - worker->sent >= RP__FRAGMENT) send_records(worker, false);
}

static void end_record(struct rp__worker *worker, int code) {
    if (rp__task_is_short(&worker->task)) {
        rp__worker_leave(worker, RP__LEFT_SHORT);
        return;
    }
    rp__task_end(&worker->task, code);
    if (worker->task.out.size - worker->sent >= RP__FRAGMENT) send_records(worker, false);
}

static void compute_range(struct rp__worker *worker, const struct rp__map *map, uint64_t begin, uint64_t end) {
    rp_task *task = &worker->task;
    if (!rp__task_begin(task, begin)) {
        rp__worker_leave(worker, RP__LEFT_NO_MEMORY);
        return;
    }
    worker->in_task = true;
    const int code = map->failed ? rp_task_fail(task, "%s", map->message)
                                 : rp__self_settle(worker, map->kernel->range(task, begin, end));
    worker->in_task = false;
    end_record(worker, code);
}

/* A task of a reduced map is computed: with the last one of a block, the block's record is done. */
static void fold_record(struct rp__worker *worker, const struct rp__map *map, uint64_t index, uint64_t end, int code) {
    rp_task *task = &worker->task;
    rp__fold_add(&worker->fold, task, map->kernel->combine, code);
    if ((index + 1) % map->reduce && index + 1 < end) return;
    if (rp__task_begin(task, index))
        end_record(worker, rp__fold_end(&worker->fold, task));
    else
        rp__worker_leave(worker, RP__LEFT_NO_MEMORY);
}

/* `inputs` is a record a task, or NULL in a map of a plain range. A chunk whose inputs did not fit in memory comes
 * with `code`, which is then every task's. */
static void compute_items(struct rp__worker *worker, const struct rp__map *map, const struct rp__work_head *head,
                          const uint8_t *inputs, int code) {
    rp_task *task = &worker->task;
    size_t left = head->size;
    for (uint64_t index = head->begin; index < worker->end && !rp__worker_is_asked_to_leave(worker); index++) {
        if (!rp__task_begin(task, index)) {
            rp__worker_leave(worker, RP__LEFT_NO_MEMORY);
            return;
        }
        const uint8_t *input = NULL;
        size_t size = 0;
        bool marked;
        if (!code && is_canceled(worker)) code = RP_ECANCELED; /* and so for all that follow */
        if (inputs && !code) {
            const size_t length = rp__record_read(inputs, left, &input, &size, &marked);
            if (length == 0) code = RP_EPROTOCOL; /* and so for all that follow */
            inputs += length;
            left -= length;
        }
        int done = map->failed ? rp_task_fail(task, "%s", map->message) : code;
        if (!done && !worker->fold.failed) { /* the rest of a block that has failed is not computed */
            atomic_store_explicit(&worker->slot->progress, 0, memory_order_relaxed);
            atomic_store_explicit(&worker->slot->task, index, memory_order_relaxed);
            task->input = input;
            task->input_size = size;
            worker->in_task = true;
            done = rp__self_settle(worker, map->kernel->item(task, input, size));
            worker->in_task = false;
        }
        if (map->reduce)
            fold_record(worker, map, index, worker->end, done);
        else
            end_record(worker, done);
    }
}

/* The core of a CPU, by hwloc's number; where that is not known every CPU is one, by a number of its own. */
static int core_of(const struct rp__family_page *family, int cpu) {
    const uint32_t pus = atomic_load_explicit(&family->pus, memory_order_relaxed);
    for (uint32_t at = 0; at < pus; at++)
        if (family->pu[at].cpu == cpu && family->pu[at].core >= 0) return family->pu[at].core;
    return -1 - cpu;
}

/* At both edges of a chunk: is this the core where the worker was at the edge before? Reading the CPU is no system call,
 * and which core it belongs to is only looked up when it has changed. */
static void look_where(struct rp__worker *worker) {
    const int cpu = sched_getcpu(), before = worker->cpu;
    if (cpu == before) return;
    const struct rp__family_page *family = worker->task.family;
    worker->cpu = cpu;
    if (cpu >= 0 && before >= 0 && core_of(family, cpu) != core_of(family, before)) worker->migrated = true;
}

/* false: the agent has taken it back, or a task before wrote over the claim, and the worker is to leave. */
static bool claim(struct rp__worker *worker, uint64_t number) {
    uint64_t expected = rp__claim(number, RP__CLAIM_OFFERED);
    if (atomic_compare_exchange_strong(&worker->slot->claim[number % RP__DEPTH], &expected,
                                       rp__claim(number, RP__CLAIM_STARTED)))
        return true;
    if (expected != rp__claim(number, RP__CLAIM_TAKEN_BACK)) rp__worker_leave(worker, RP__LEFT_BROKEN_RING);
    return false;
}

static void do_chunk(struct rp__worker *worker, const struct rp__work_head *head, const uint8_t *data, int code) {
    struct rp__map *map = worker->maps;
    while (map && map->number != head->map) map = map->next;
    if (!map) { /* the agent gives maps first: this is not what it wrote */
        rp__worker_leave(worker, RP__LEFT_BROKEN_RING);
        return;
    }
    if (!claim(worker, head->number)) return;
    worker->started++;
    atomic_store_explicit(&worker->slot->task, RP__NO_TASK, memory_order_relaxed);
    atomic_store_explicit(&worker->slot->progress, 0, memory_order_relaxed);
    atomic_store_explicit(&worker->slot->hand, head->number + 1, memory_order_relaxed);
    worker->number = head->number;
    worker->map = head->map;
    worker->end = head->end;
    worker->can_be_cut = map->kernel->item && !map->reduce;
    worker->cut = false;
    worker->answer = RP__RESULT_LAST;
    worker->slept_ns = 0;
    worker->migrated = false;
    look_where(worker);
    rp_task *task = &worker->task;
    task->args = map->args.data;
    task->args_size = map->args.size;
    task->state = map->state;
    task->grows = task->may_announce = false; /* not in setup */
    task->progress = NULL;

    const uint64_t begin_ns = rp__now_ns();
    if (!map->set_up) {
        set_up(worker, map, head->begin);
        task->state = map->state;
    }
    task->grows = map->grows;
    task->may_announce = map->kernel->item && !map->reduce;
    task->progress = &worker->slot->progress;
    if (map->kernel->range)
        compute_range(worker, map, head->begin, head->end);
    else
        compute_items(worker, map, head, head->size ? data : NULL, code);
    if (worker->left) return;
    look_where(worker);
    worker->busy_ns = rp__now_ns() - begin_ns - worker->slept_ns;
    worker->unanswered = true;
    send_answer(worker);
}

/* What the initializer writes is dropped; why it failed is not. */
static void initialize(struct rp__worker *worker, const struct rp__work_head *head, const uint8_t *input, int code) {
    rp_task *task = &worker->task;
    if (head->kernel >= worker->arena->kernel_count || !worker->arena->kernels[head->kernel]->item) {
        rp__worker_leave(worker, RP__LEFT_BROKEN_RING);
        return;
    }
    if (!rp__task_begin(task, worker->where.worker)) {
        rp__worker_leave(worker, RP__LEFT_NO_MEMORY);
        return;
    }
    if (!code) {
        const rp_kernel *kernel = worker->arena->kernels[head->kernel];
        code = rp__self_settle(worker, kernel->item(task, head->size ? input : NULL, head->size));
    }
    rp__task_drop(task);
    worker->number = task->failed || code != 0;
    worker->answer = RP__RESULT_INIT;
    worker->migrated = false;
    worker->busy_ns = 0;
    worker->unanswered = true;
    const char *message = worker->number ? rp__task_message(task, code) : "";
    if (rp__buffer_append(&task->out, message, strlen(message)))
        rp__worker_leave(worker, RP__LEFT_NO_MEMORY);
    else
        send_answer(worker);
}

/* ---- Maps ---------------------------------------------------------------------------------------------- */

static void learn_map(struct rp__worker *worker, const struct rp__work_head *head, const uint8_t *args, int code) {
    struct rp__map *map = head->kernel < worker->arena->kernel_count ? calloc(1, sizeof *map) : NULL;
    if (!map) {
        rp__worker_leave(worker,
                         head->kernel < worker->arena->kernel_count ? RP__LEFT_NO_MEMORY : RP__LEFT_BROKEN_RING);
        return;
    }
    map->number = head->map;
    map->kernel = worker->arena->kernels[head->kernel];
    map->reduce = map->kernel->item && map->kernel->combine ? head->reduce : 0;
    map->grows = map->kernel->item && head->grows;
    if (!code) code = rp__buffer_append(&map->args, args, head->size);
    map->failed = code != 0;
    if (map->failed) snprintf(map->message, sizeof map->message, "%s", rp_strerror(code));
    map->next = worker->maps;
    worker->maps = map;
}

static void free_map(struct rp__map *map) {
    if (map->set_up && !map->failed && map->kernel->teardown) map->kernel->teardown(map->state);
    rp__buffer_free(&map->args);
    free(map);
}

static void forget_map(struct rp__worker *worker, uint32_t number) {
    struct rp__map **at = &worker->maps;
    while (*at && (*at)->number != number) at = &(*at)->next;
    struct rp__map *map = *at;
    if (!map) return;
    *at = map->next;
    free_map(map);
}

/* ---- Work ---------------------------------------------------------------------------------------------- */

static void do_work(struct rp__worker *worker, const struct rp__work_head *head, const uint8_t *data, int code) {
    switch ((enum rp__work_type)head->type) {
    case RP__WORK_MAP:
        learn_map(worker, head, data, code);
        return;
    case RP__WORK_CHUNK:
        do_chunk(worker, head, data, code);
        return;
    case RP__WORK_FORGET:
        forget_map(worker, head->map);
        return;
    case RP__WORK_INIT:
        initialize(worker, head, data, code);
        return;
    }
    rp__worker_leave(worker, RP__LEFT_BROKEN_RING);
}

/* A piece of larger work. The first one ends what came in pieces before: the agent has given that up half way. */
static void collect_piece(struct rp__worker *worker, const struct rp__work_head *head, const uint8_t *data,
                          size_t size) {
    struct rp__buffer *pieces = &worker->pieces;
    if (head->pieces & RP__PIECE_FIRST) {
        pieces->size = 0;
        worker->lost = !rp__buffer_reserve(pieces, head->size);
    }
    if (!worker->lost) worker->lost = rp__buffer_append(pieces, data, size) != 0;
    if (!(head->pieces & RP__PIECE_LAST)) {
        worker->quiet = true; /* the agent has more of it, and may sleep until it hears that there is room */
        return;
    }
    if (worker->lost)
        do_work(worker, head, NULL, RP_ENOMEM);
    else if (pieces->size == head->size)
        do_work(worker, head, pieces->data, 0);
    else
        rp__worker_leave(worker, RP__LEFT_BROKEN_RING);
    if (pieces->capacity > RP__KEEP) rp__buffer_free(pieces);
}

/* One record of the work ring. Most work is in one and is done where it stands, be it between pieces of other work. */
static void take_record(struct rp__worker *worker, size_t size) {
    struct rp__work_head head;
    if (size < sizeof head) {
        rp__worker_leave(worker, RP__LEFT_BROKEN_RING);
        return;
    }
    memcpy(&head, worker->record, sizeof head);
    const uint8_t *data = worker->record + sizeof head;
    size -= sizeof head;
    if (head.pieces != (RP__PIECE_FIRST | RP__PIECE_LAST))
        collect_piece(worker, &head, data, size);
    else if (size == head.size)
        do_work(worker, &head, data, 0);
    else
        rp__worker_leave(worker, RP__LEFT_BROKEN_RING);
}

enum rp__worker_did rp__worker_step(struct rp__worker *worker) {
    if (rp__worker_is_asked_to_leave(worker)) return RP__WORKER_LEFT;
    if (worker->unanswered) send_answer(worker);
    if (worker->left) return RP__WORKER_LEFT;
    if (worker->unanswered) return RP__WORKER_IDLE;

    size_t size;
    switch (rp__ring_read(&worker->work, worker->record, sizeof worker->record, &size)) {
    case RP__RING_WAIT:
        return RP__WORKER_IDLE;
    case RP__RING_BROKEN:
        rp__worker_leave(worker, RP__LEFT_BROKEN_RING);
        break;
    case RP__RING_DONE:
        take_record(worker, size);
        break;
    }
    return worker->left ? RP__WORKER_LEFT : RP__WORKER_WORKED;
}

static void wait_for_work(struct rp__worker *worker) {
    if (worker->quiet) rp__worker_ring(worker);
    struct rp__slot *slot = worker->slot;
    for (int spin = worker->spin ? RP__SPINS : 0; spin > 0; spin--) {
        if (rp__ring_waiting(&worker->work)) return;
        rp__worker_pause();
    }
    const uint32_t seen = rp__bell_read(&slot->wake);
    if (!rp__ring_waiting(&worker->work) && !rp__worker_is_asked_to_leave(worker)) rp__bell_wait(&slot->wake, seen, -1);
}

void rp__worker_run(struct rp__worker *worker) {
    enum rp__worker_did did;
    while ((did = rp__worker_step(worker)) != RP__WORKER_LEFT)
        if (did == RP__WORKER_IDLE) wait_for_work(worker);
}

/* ---- Beginning and end --------------------------------------------------------------------------------- */

_Static_assert(sizeof(unsigned long) == sizeof(uint64_t), "the system's CPU masks are words of the same size as ours");

/* A mask that a cgroup refuses leaves the worker where it is: it reports where that is. */
static void bind_self(const struct rp__cpuset *binding) {
    if (!rp__cpuset_is_empty(binding)) (void)sched_setaffinity(0, sizeof *binding, (const cpu_set_t *)binding);
}

/* The binding as the system has it, not as it was asked for. */
static void report_start(struct rp__worker *worker) {
    const struct rp__cpuset *asked = &worker->slot->binding;
    struct rp__cpuset binding = {0};
    if (sched_getaffinity(0, sizeof binding, (cpu_set_t *)&binding) != 0) binding = (struct rp__cpuset){0};
    if (worker->own_thread && !rp__cpuset_is_empty(asked) && !rp__cpuset_equal(asked, &binding))
        worker->where.bound = false;
    const struct rp__result_head head = {.type = RP__RESULT_STARTED, .pid = worker->where.pid};
    put(worker, &head, &binding, sizeof binding);
    rp__worker_ring(worker);
}

struct rp__worker *rp__worker_new(const struct rp__arena *arena, uint32_t index, bool own_thread) {
    struct rp__slot *slot = rp__arena_slot(arena, index);
    if (own_thread) { /* before the first memory is touched, so that it lies near */
        bind_self(&slot->binding);
        rp__arena_settle(arena, index);
    }
    struct rp__worker *worker = calloc(1, sizeof *worker);
    if (!worker) return NULL;
    worker->arena = arena;
    worker->slot = slot;
    worker->own_thread = own_thread;
    worker->spin = slot->spin;
    worker->cpu = -1;
    worker->where = slot->where;
    worker->where.pid = getpid();
    worker->task.where = &worker->where;
    worker->task.family = rp__arena_family_page(arena);
    worker->task.print = print_text;
    worker->task.canceled = is_canceled;
    worker->task.leave = send_so_far;
    worker->task.worker = worker;
    worker->task.self = &worker->self.face;
    rp__ring_attach(&worker->work, &slot->work);
    rp__ring_attach(&worker->result, &slot->result);
    rp__self_begin(worker);
    report_start(worker);
    return worker;
}

void rp__worker_free(struct rp__worker *worker) {
    while (worker->maps) forget_map(worker, worker->maps->number);
    struct rp__slot *slot = worker->slot;
    struct rp__bell *bell = worker->arena->bell;
    const enum rp__left left = worker->left ? worker->left : RP__LEFT_ASKED;
    rp__buffer_free(&worker->pieces);
    rp__buffer_free(&worker->task.out);
    rp__task_unmap(&worker->task);
    rp__buffer_free(&worker->task.children);
    rp__buffer_free(&worker->fold.bytes);
    rp__buffer_free(&worker->print);
    rp__self_end(worker);
    free(worker);
    atomic_store_explicit(&slot->left, left, memory_order_release);
    rp__bell_ring(bell);
}
