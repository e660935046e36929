/* A program whose tasks share objects: it gives a map an order, which says what its tasks are to do and with what, and
 * reads the numbers that they answer. Each program says in `act` what a task does. */
#ifndef ORDERS_H
#define ORDERS_H

#include "rankpool.h"
#include "rankpool_sync.h"
#include "unit/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Workers crash on purpose here: the address sanitizer is to let them die as they would without it. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "handle_segv=0:handle_abort=0:detect_leaks=0"; }

/* What the tasks of a map are to do, and with what. */
struct order {
    char what;
    uint32_t tasks;
    rp_queue queue, answers;
    rp_pipe end[2];
    rp_lock lock;
    rp_semaphore semaphore;
    rp_event event, started;
    rp_condition condition;
    rp_barrier barrier;
    rp_array array;
    rp_value value;
    uint64_t first; /* of a chain's pipes */
};

static rp_world *world;
static rp_self *program;

static int act(rp_task *task, const void *input, size_t size);
static const rp_kernel act_kernel = {.name = "act", .item = act};
static const rp_kernel *const kernels[] = {&act_kernel, NULL};

static inline int answer(rp_task *task, int64_t number) { return rp_task_write(task, &number, sizeof number); }

static inline struct order made(char what, uint32_t tasks) {
    struct order order = {.what = what, .tasks = tasks};
    CU_ASSERT_EQUAL_FATAL(rp_queue_new(program, 0, &order.queue), 0);
    CU_ASSERT_EQUAL_FATAL(rp_queue_new(program, 0, &order.answers), 0);
    CU_ASSERT_EQUAL_FATAL(rp_pipe_new(program, false, order.end), 0);
    CU_ASSERT_EQUAL_FATAL(rp_lock_new(program, &order.lock), 0);
    CU_ASSERT_EQUAL_FATAL(rp_semaphore_new(program, 2, true, &order.semaphore), 0);
    CU_ASSERT_EQUAL_FATAL(rp_event_new(program, &order.event), 0);
    CU_ASSERT_EQUAL_FATAL(rp_condition_new(program, &order.condition), 0);
    CU_ASSERT_EQUAL_FATAL(rp_barrier_new(program, tasks ? tasks : 1, &order.barrier), 0);
    CU_ASSERT_EQUAL_FATAL(rp_array_new(program, 4, &order.array), 0);
    CU_ASSERT_EQUAL_FATAL(rp_value_new(program, &order.value), 0);
    return order;
}

static inline void dispose(const struct order *order) {
    CU_ASSERT_EQUAL(rp_queue_free(program, order->queue), 0);
    CU_ASSERT_EQUAL(rp_queue_free(program, order->answers), 0);
    CU_ASSERT_EQUAL(rp_pipe_free(program, order->end[0]), 0);
    CU_ASSERT_EQUAL(rp_lock_free(program, order->lock), 0);
    CU_ASSERT_EQUAL(rp_semaphore_free(program, order->semaphore), 0);
    CU_ASSERT_EQUAL(rp_event_free(program, order->event), 0);
    CU_ASSERT_EQUAL(rp_condition_free(program, order->condition), 0);
    CU_ASSERT_EQUAL(rp_barrier_free(program, order->barrier), 0);
    CU_ASSERT_EQUAL(rp_array_free(program, order->array), 0);
    CU_ASSERT_EQUAL(rp_value_free(program, order->value), 0);
}

static inline rp_pool *opened(uint32_t workers, enum rp_workers kind) {
    rp_pool *own = NULL;
    rp_error error = {0};
    int code =
        rp_pool_open(world, &(rp_pool_options){.workers = workers, .kind = kind, .bind = RP_BIND_NONE}, &own, &error);
    if (code) fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(code, 0);
    return own;
}

static inline rp_map *begun(rp_pool *own, const void *order, size_t size, uint32_t tasks, uint32_t retries) {
    rp_map *map = NULL;
    const rp_map_options options = {
        .kernel = "act", .count = tasks, .args = order, .args_size = size, .retries = retries};
    CU_ASSERT_EQUAL_FATAL(rp_map_open(own, &options, &map, NULL), 0);
    return map;
}

/* The numbers that the tasks answered; each must have succeeded, unless `status` takes what they ended with. */
static inline void read_numbers(rp_map *map, uint32_t tasks, int64_t *number, int *status) {
    for (uint32_t i = 0; i < tasks; i++) {
        rp_result result;
        CU_ASSERT_EQUAL_FATAL(rp_map_next(map, 60, &result), 0);
        CU_ASSERT_EQUAL(result.begin, i);
        if (status) status[i] = result.status;
        if (result.status && !status) {
            fprintf(stderr, "task %u: %.*s\n", i, (int)result.size, (const char *)result.data);
            CU_FAIL("a task failed");
        }
        if (number) number[i] = 0;
        if (number && !result.status && result.size == sizeof *number) memcpy(&number[i], result.data, sizeof *number);
    }
    rp_result result;
    CU_ASSERT_EQUAL(rp_map_next(map, 60, &result), RP_END);
    rp_map_close(map);
}

/* A pool of its own, a map of so many tasks, their answers. */
static inline void run(const struct order *order, uint32_t workers, enum rp_workers kind, int64_t *number) {
    rp_pool *own = opened(workers, kind);
    read_numbers(begun(own, order, sizeof *order, order->tasks, 0), order->tasks, number, NULL);
    CU_ASSERT_EQUAL(rp_pool_free(own), 0);
}

static const enum rp_workers both[] = {RP_WORKERS_PROCESS, RP_WORKERS_THREAD};

/* What main returns. */
static inline int run_orders(const char *name, const struct unit_test *tests) {
    int exit_code = 0;
    rp_error error = {0};
    int rc = rp_world_open(&(rp_world_options){.kernels = kernels}, &world, &exit_code, &error);
    if (rc == RP_SERVED) return exit_code;
    if (rc) return fprintf(stderr, "test_%s: %s\n", name, error.text), 1;
    program = rp_world_self(world);
    exit_code = unit_run(name, tests);
    rp_world_close(world, exit_code);
    return exit_code;
}

#endif
