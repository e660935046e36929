/* Results of 100 megabytes, bare and on ranks: they come whole, no rank has much of them in its memory on their way, and
 * what is asked meanwhile does not wait for them. */
#include "bench/bench_peak.h"
#include "rankpool.h"
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LARGE = 100 * 1000 * 1000,
    COUNT = 3,
    FLOOD = 300 * 1000 * 1000,
    PEAK_KIB_MAX = 64 * 1024 /* of a rank: about 16 MiB that it has in any case, and the windows */
};

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

/* Larger still, as fast as it can be written. */
static int flood(rp_task *task, const void *input, size_t size) {
    enum { PIECE = 100 * 1000 };
    if (rp_task_announce(task, FLOOD)) return RP_EINVAL;
    for (size_t at = 0; at < FLOOD; at += PIECE) {
        uint8_t *piece = rp_task_reserve(task, PIECE);
        if (!piece) return RP_ENOMEM;
        memset(piece, 1 + (int)rp_task_index(task), PIECE);
        rp_task_commit(task, PIECE);
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
                       flood_kernel = {.name = "flood", .item = flood},
                       endless_kernel = {.name = "endless", .item = endless};
static const rp_kernel *const kernels[] = {&large_kernel, &herald_kernel, &flood_kernel, &endless_kernel, NULL};

static bool is_whole(const rp_result *result) {
    const uint8_t *bytes = result->data;
    bool whole = result->status == 0 && result->size == LARGE;
    for (size_t i = 0; whole && i < LARGE; i++) whole = bytes[i] == byte_at(i, result->begin);
    return whole;
}

static void open_two(void) {
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(world, &(rp_pool_options){.workers = 2, .bind = RP_BIND_NONE}, &pool, NULL), 0);
}

/* Sanitizers have memory of their own, and keep for long what was given back. */
static bool is_peak_small(void) { return SANITIZED || bench_peak_kib() <= PEAK_KIB_MAX; }

/* First of all, since rank 0 has in its memory what the program has read of the mapped results. The other ranks look at
 * themselves when all is over. */
static void results_on_their_way_need_little_memory(void) {
    static const char inputs[2];
    const rp_items items = {.data = inputs, .count = 2, .size = 1};
    rp_results results = {0};
    open_two();
    CU_ASSERT_EQUAL(rp_pool_map(pool, &(rp_call){.kernel = "flood", .chunksize = 1}, &items, &results, NULL), 0);
    CU_ASSERT(is_peak_small());
    for (size_t i = 0; i < results.count; i++) {
        const uint8_t *bytes = results.result[i].data;
        CU_ASSERT_EQUAL_FATAL(results.result[i].size, FLOOD);
        CU_ASSERT(bytes[0] == 1 + i && bytes[FLOOD / 2] == 1 + i && bytes[FLOOD - 1] == 1 + i);
    }
    rp_results_free(&results);
    CU_ASSERT_EQUAL(rp_pool_free(pool), 0);
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

static const struct unit_test tests[] = {UNIT(results_on_their_way_need_little_memory),
                                         UNIT(results_of_100_megabytes_come_whole),
                                         UNIT(one_that_is_shorter_than_announced_fails_alone),
                                         UNIT(a_cancel_does_not_wait_for_them),
                                         {NULL, NULL}};

int main(void) {
    int exit_code = 0;
    rp_error error = {0};
    int rc = rp_world_open(&(rp_world_options){.kernels = kernels}, &world, &exit_code, &error);
    if (rc == RP_SERVED && !is_peak_small())
        return fprintf(stderr, "test_large: a rank took %ld KiB for results on their way\n", bench_peak_kib()), 1;
    if (rc == RP_SERVED) return exit_code;
    if (rc) return fprintf(stderr, "test_large: %s\n", error.text), 1;
    exit_code = unit_run("large", tests);
    rp_world_close(world, exit_code);
    return exit_code;
}
