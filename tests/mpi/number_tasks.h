/* Tasks of a number each, and the futures of them: what test_future.c and test_cancel.c have in common. */
#ifndef NUMBER_TASKS_H
#define NUMBER_TASKS_H

#include "mpi/on_a_pool.h"

#include <string.h>
#include <time.h>

enum { MANY = 5000 };

static inline void nap(double seconds) {
    struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

static inline uint64_t number_in(const void *input, size_t size) {
    uint64_t n = 0;
    if (size == sizeof n) memcpy(&n, input, sizeof n);
    return n;
}

/* args: a number that is added, or nothing */
static inline int square(rp_task *task, const void *input, size_t size) {
    size_t args_size;
    const void *args = rp_task_args(task, &args_size);
    uint64_t n = number_in(input, size);
    n = n * n + number_in(args, args_size);
    return rp_task_write(task, &n, sizeof n);
}

/* input: microseconds */
static inline int sleeper(rp_task *task, const void *input, size_t size) {
    nap((double)number_in(input, size) * 1e-6);
    return rp_task_write(task, input, size);
}

/* The program's one world and pool; claims are functions without arguments. */
static struct {
    rp_world *world;
    rp_pool *pool;
    uint64_t number[MANY];
} the;

static inline rp_items numbers(size_t count) {
    return (rp_items){.data = the.number, .count = count, .size = sizeof *the.number};
}

static inline rp_call call_of(const char *kernel) { return (rp_call){.kernel = kernel}; }

static inline uint64_t value(const rp_result *result) { return number_in(result->data, result->size); }

static inline rp_future *apply(const char *kernel, uint64_t n) {
    rp_future *future = NULL;
    rp_call call = call_of(kernel);
    CU_ASSERT_EQUAL_FATAL(rp_pool_apply_async(the.pool, &call, &n, sizeof n, &future, NULL), 0);
    return future;
}

struct heard {
    uint64_t called, failed, sum, again;
};

static inline void hear(rp_future *future, const rp_results *results, void *context) {
    struct heard *heard = context;
    heard->called++;
    heard->failed += results->failed;
    for (size_t i = 0; i < results->count; i++)
        if (!results->result[i].status) heard->sum += value(&results->result[i]);
    CU_ASSERT_TRUE(rp_future_ready(future));
    if (!heard->again) return;
    heard->again--;
    rp_results more = {0};
    rp_call call = call_of("square");
    CU_ASSERT_EQUAL(rp_pool_apply(the.pool, &call, &the.number[2], sizeof(uint64_t), &more, NULL), 0);
    rp_results_free(&more);
}

#endif
