/* What the crews of test_crew.c and test_crew_beside.c compute, and how a claim is tried on workers of every kind. */
#ifndef RP_TESTS_CREW_KERNELS_H
#define RP_TESTS_CREW_KERNELS_H

#include "crew_agent.h"
#include "topo/topo.h"

#include <stdlib.h>

enum kernel { SQUARE, SUM, ECHO, BLOB, FUSSY, WITNESS, UNWILLING, GATE, SLOW_TO_GO, TALKER, PATIENT, MOVER, HERALD };

static struct gate *gate;

static inline int square(rp_task *task, const void *input, size_t size) {
    const uint64_t index = rp_task_index(task), result = index * index;
    return rp_task_write(task, &result, sizeof result);
}

static inline int sum(rp_task *task, uint64_t begin, uint64_t end) {
    uint64_t result = 0;
    for (uint64_t i = begin; i < end; i++) result += i;
    return begin == 13 ? rp_task_fail(task, "no run may begin at %d", 13) : rp_task_printf(task, "%d", (int)result);
}

static inline int echo(rp_task *task, const void *input, size_t size) { return rp_task_write(task, input, size); }

/* As many bytes as its argument says, in two steps. */
static inline int blob(rp_task *task, const void *input, size_t size) {
    uint64_t bytes;
    memcpy(&bytes, rp_task_args(task, &size), sizeof bytes);
    char *at = rp_task_reserve(task, bytes);
    if (!at) return RP_ENOMEM;
    memset(at, 'a' + (int)(rp_task_index(task) % 26), bytes);
    rp_task_commit(task, bytes - 1);
    return rp_task_write(task, "!", 1);
}

/* Announces as many bytes as its argument says; its odd tasks write all of them, the others one more. */
static inline int herald(rp_task *task, const void *input, size_t size) {
    uint64_t bytes;
    memcpy(&bytes, rp_task_args(task, &size), sizeof bytes);
    const uint64_t index = rp_task_index(task);
    if (rp_task_write(task, "<", 1) || !rp_task_announce(task, 0) || rp_task_announce(task, bytes)) return RP_EINVAL;
    if (!rp_task_announce(task, bytes)) return RP_EINVAL;
    for (uint64_t at = 2; at < bytes; at++)
        if (rp_task_write(task, at % 2 ? "a" : "b", 1)) return RP_EINVAL;
    if (index % 2) return rp_task_printf(task, "%s", ">");
    return rp_task_printf(task, "%s", ">>") == RP_ERANGE ? rp_task_write(task, ">", 1) : RP_EINVAL;
}

static inline int fussy(rp_task *task, const void *input, size_t size) {
    rp_task_printf(task, "begun %d", 1);
    switch (rp_task_index(task)) {
    case 0:
        return 0;
    case 1:
        return rp_task_fail(task, "task %d is refused", 1);
    case 2:
        return RP_ERANGE;
    case 3:
        return rp_task_fail(task, "%05000d", 7);
    case 4:
        rp_task_fail(task, "failed and returned 0");
        return 0;
    case 5:
        return rp_task_commit(task, 1000), 0; /* more than was reserved */
    }
    return rp_task_write(task, ", ended", 7);
}

static inline int witness_setup(rp_task *task, void **state) {
    size_t size;
    const char *args = rp_task_args(task, &size);
    char *copy = calloc(1, size + 1);
    if (size) memcpy(copy, args, size);
    *state = copy;
    return rp_task_printf(task, "dropped");
}
static inline int witness(rp_task *task, const void *input, size_t size) {
    return rp_task_printf(task, "%s by %u", (const char *)rp_task_state(task), rp_task_where(task)->worker);
}
static inline void witness_teardown(void *state) {
    free(state);
    atomic_fetch_add(&gate->torn_down, 1);
}

static inline int unwilling_setup(rp_task *task, void **state) { return rp_task_fail(task, "nothing to work with"); }
static inline int unwilling(rp_task *task, const void *input, size_t size) { return 0; }

static inline int wait_at_gate(rp_task *task, const void *input, size_t size) {
    const uint64_t index = rp_task_index(task);
    atomic_store(&gate->entered, index + 1);
    while (atomic_load(&gate->open) <= index) usleep(50);
    return 0;
}

static inline void slow_teardown(void *state) {
    atomic_store(&gate->torn_down, 1);
    while (atomic_load(&gate->open) < 10) usleep(50);
}

/* What it prints, in so many bytes: one more a line, from one letter on. */
enum { TALKED = 1000 * 1000 };
static inline char *talk(void) {
    char *text = malloc(TALKED + 1);
    for (size_t i = 0, line = 0, at = 0; i < TALKED; i++) {
        text[i] = at == line ? '\n' : (char)('a' + line % 26);
        at = at == line ? (line++, 0) : at + 1;
    }
    text[TALKED - 1] = '\n';
    text[TALKED] = 0;
    return text;
}

/* Says so, then waits at the gate, then prints more than a ring holds. */
static inline int talker(rp_task *task, const void *input, size_t size) {
    if (rp_task_print(task, "task %d", (int)rp_task_index(task))) return RP_EINVAL;
    wait_at_gate(task, input, size);
    char *text = talk();
    int code = rp_task_print(task, "%s", text);
    free(text);
    if (rp_task_print(task, "%*d", 2000000, 1) != RP_ERANGE) code = RP_EINVAL;
    return code ? code : rp_task_printf(task, "done");
}

/* Counts itself in and goes on until nobody wants it any more. */
static inline int patient(rp_task *task, const void *input, size_t size) {
    atomic_fetch_add(&gate->entered, 1);
    while (!rp_task_canceled(task)) usleep(50);
    return 0;
}

/* Goes to the CPU that its task is numbered after, and stays there. */
static inline int mover(rp_task *task, const void *input, size_t size) {
    struct rp__cpuset cpu = {0};
    rp__cpuset_add(&cpu, (unsigned)rp_task_index(task));
    return rp__cpuset_bind_self(&cpu);
}

static const rp_kernel
    square_kernel = {.name = "square", .item = square},
    sum_kernel = {.name = "sum", .range = sum}, echo_kernel = {.name = "echo", .item = echo},
    blob_kernel = {.name = "blob", .item = blob}, fussy_kernel = {.name = "fussy", .item = fussy},
    witness_kernel = {.name = "witness", .item = witness, .setup = witness_setup, .teardown = witness_teardown},
    unwilling_kernel = {.name = "unwilling", .item = unwilling, .setup = unwilling_setup, .teardown = witness_teardown},
    gate_kernel = {.name = "gate", .item = wait_at_gate},
    slow_to_go_kernel = {.name = "slow to go", .item = square, .teardown = slow_teardown},
    talker_kernel = {.name = "talker", .item = talker}, patient_kernel = {.name = "patient", .item = patient},
    mover_kernel = {.name = "mover", .item = mover}, herald_kernel = {.name = "herald", .item = herald};
static const rp_kernel *const kernels[] = {
    &square_kernel,    &sum_kernel,  &echo_kernel,       &blob_kernel,   &fussy_kernel,   &witness_kernel,
    &unwilling_kernel, &gate_kernel, &slow_to_go_kernel, &talker_kernel, &patient_kernel, &mover_kernel,
    &herald_kernel,    NULL};

static inline void with_crew(enum rp_workers kind, uint32_t workers, void (*claim)(struct agent *)) {
    struct agent agent;
    agent_prepare(&agent, kernels, kind == RP_WORKERS_PROCESS);
    agent_open(&agent, kind, workers);
    atomic_store(&gate->entered, 0);
    atomic_store(&gate->open, 0);
    atomic_store(&gate->torn_down, 0);
    claim(&agent);
    agent_close(&agent);
}

static inline void for_every_kind(uint32_t workers, void (*claim)(struct agent *)) {
    with_crew(RP_WORKERS_PROCESS, workers, claim);
    with_crew(RP_WORKERS_THREAD, workers, claim);
    with_crew(RP_WORKERS_INLINE, workers, claim);
}

/* Give as it fits, and take whatever comes meanwhile. */
static inline bool give_slowly(struct agent *agent, struct rp__work *work) {
    const double until = agent_now() + 20;
    while (!rp__crew_give(agent->crew, 0, work)) {
        struct rp__crew_event event;
        bool got;
        rp__crew_wake(agent->crew, 0);
        if (agent_now() > until || rp__crew_poll(agent->crew, &event, &got, &agent->error) || got) return false;
    }
    rp__crew_wake(agent->crew, 0);
    return true;
}

#endif
