/* Results of 100 megabytes, bare and on ranks: they come whole, and what is asked meanwhile does not wait for them. */
#include "rankpool.h"
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGE = 100 * 1000 * 1000, COUNT = 3 };

static rp_world *world;
static rp_pool *pool;

static uint8_t byte_at(size_t at, uint64_t index) { return (uint8_t)(at * 31 + (at >> 16) + index); }

static int large(rp_task *task, const void *input, size_t size) {
    uint8_t *bytes = rp_task_reserve(task, LARGE);
    if (!bytes) return RP_ENOMEM;
    for (size_t i = 0; i < LARGE; i++) bytes[i] = byte_at(i, rp_task_index(task));
    rp_task_commit(task, LARGE);
    return 0;
}

/* As large, by pieces, with its size announced; the task of number 1 writes a piece less. */
static int herald(rp_task *task, const void *input, size_t size) {
    enum { PIECE = 50 * 1000 };
    static uint8_t piece[PIECE];
    const uint64_t index = rp_task_index(task);
    if (rp_task_announce(task, LARGE)) return RP_EINVAL;
    for (size_t at = 0; at < LARGE - (index == 1 ? PIECE : 0); at += PIECE) {
        for (size_t i = 0; i < PIECE; i++) piece[i] = byte_at(at + i, index);
        if (rp_task_write(task, piece, PIECE)) return RP_EINVAL;
    }
    return 0;
}

static int endless(rp_task *task, const void *input, size_t size) {
    while (pause()) {
    }
    return 0;
}

static const rp_kernel large_kernel = {.name = "large", .item = large},
                       herald_kernel = {.name = "herald", .item = herald, .flags = RP_ONCE},
                       endless_kernel = {.name = "endless", .item = endless};
static const rp_kernel *const kernels[] = {&large_kernel, &herald_kernel, &endless_kernel, NULL};

static bool is_whole(const rp_result *result) {
    const uint8_t *bytes = result->data;
    bool whole = result->status == 0 && result->size == LARGE;
    for (size_t i = 0; whole && i < LARGE; i++) whole = bytes[i] == byte_at(i, result->begin);
    return whole;
}

static void open_two(void) {
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(world, &(rp_pool_options){.workers = 2, .bind = RP_BIND_NONE}, &pool, NULL), 0);
}

static void results_of_100_megabytes_come_whole(void) {
    static const char inputs[COUNT];
    const rp_items items = {.data = inputs, .count = COUNT, .size = 1};
    rp_results results = {0};
    open_two();
    CU_ASSERT_EQUAL(rp_pool_map(pool, &(rp_call){.kernel = "large", .chunksize = 1}, &items, &results, NULL), 0);
    CU_ASSERT_EQUAL(results.count, COUNT);
    for (size_t i = 0; i < results.count; i++) CU_ASSERT(is_whole(&results.result[i]));
    rp_results_free(&results);
    CU_ASSERT_EQUAL(rp_pool_free(pool), 0);
}

static void one_that_is_shorter_than_announced_fails_alone(void) {
    static const char inputs[COUNT];
    const rp_items items = {.data = inputs, .count = COUNT, .size = 1};
    rp_results results = {0};
    open_two();
    CU_ASSERT_EQUAL(rp_pool_map(pool, &(rp_call){.kernel = "herald", .chunksize = 1}, &items, &results, NULL),
                    RP_EDIED);
    CU_ASSERT_EQUAL_FATAL(results.count, COUNT);
    CU_ASSERT_EQUAL(results.failed, 1);
    CU_ASSERT(is_whole(&results.result[0]) && is_whole(&results.result[2]));
    CU_ASSERT_EQUAL(results.result[1].status, RP_EDIED);
    CU_ASSERT(results.result[1].size > 0 && memmem(results.result[1].data, results.result[1].size, "announced", 9));
    rp_results_free(&results);
    CU_ASSERT_EQUAL(rp_pool_free(pool), 0);
}

static void a_cancel_does_not_wait_for_them(void) {
    static const char inputs[COUNT];
    const rp_items items = {.data = inputs, .count = COUNT, .size = 1};
    const rp_results *results = NULL;
    rp_future *running = NULL, *coming = NULL;
    open_two();
    CU_ASSERT_EQUAL_FATAL(rp_pool_apply_async(pool, &(rp_call){.kernel = "endless"}, NULL, 0, &running, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(rp_pool_map_async(pool, &(rp_call){.kernel = "large", .chunksize = 1}, &items, &coming, NULL),
                          0);
    CU_ASSERT_EQUAL(rp_future_cancel(running, true), 0);
    CU_ASSERT(!rp_future_ready(coming)); /* 300 MB take a hundred times as long */
    CU_ASSERT_EQUAL(rp_future_get(running, 0, NULL, NULL), RP_ECANCELED);
    CU_ASSERT_EQUAL(rp_future_get(coming, -1, &results, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(results->count, COUNT);
    for (size_t i = 0; i < COUNT; i++) CU_ASSERT(is_whole(&results->result[i]));
    rp_future_free(running);
    rp_future_free(coming);
    CU_ASSERT_EQUAL(rp_pool_free(pool), 0);
}

static const struct unit_test tests[] = {UNIT(results_of_100_megabytes_come_whole),
                                         UNIT(one_that_is_shorter_than_announced_fails_alone),
                                         UNIT(a_cancel_does_not_wait_for_them),
                                         {NULL, NULL}};

int main(void) {
    int exit_code = 0;
    rp_error error = {0};
    int rc = rp_world_open(&(rp_world_options){.kernels = kernels}, &world, &exit_code, &error);
    if (rc == RP_SERVED) return exit_code;
    if (rc) return fprintf(stderr, "test_large: %s\n", error.text), 1;
    exit_code = unit_run("large", tests);
    rp_world_close(world, exit_code);
    return exit_code;
}
