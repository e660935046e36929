/* Python's names and futures as a program sees them, bare and on ranks: what Python's Pool and its futures promise,
 * claim by claim. How they end before they are done is in test_cancel.c. Rank 0 runs the claims; the others serve. */
#include "mpi/number_tasks.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Workers crash on purpose here: sanitizers are to let them die as they would without. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "handle_segv=0:handle_abort=0:detect_leaks=0"; }
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "handle_segv=0"; }

static int echo(rp_task *task, const void *input, size_t size) { return rp_task_write(task, input, size); }

static int picky(rp_task *task, const void *input, size_t size) {
    uint64_t n = number_in(input, size);
    if (n % 10 == 3) return rp_task_fail(task, "%" PRIu64 " ends with a 3", n);
    return rp_task_write(task, &n, sizeof n);
}

static int crash(rp_task *task, const void *input, size_t size) {
    if (number_in(input, size) == 7) raise(SIGSEGV);
    return rp_task_write(task, input, size);
}

static int blob(rp_task *task, const void *input, size_t size) {
    size_t bytes = (size_t)number_in(input, size);
    void *at = rp_task_reserve(task, bytes);
    if (!at) return RP_ENOMEM;
    memset(at, 'b', bytes);
    rp_task_commit(task, bytes);
    return 0;
}

/* text:number, from a starmap's columns */
static int join(rp_task *task, const void *input, size_t size) {
    size_t text_size, number_size, none_size = 77;
    const char *text = rp_task_argument(task, 0, &text_size);
    const void *number = rp_task_argument(task, 1, &number_size);
    uint64_t n = number_in(number, number_size);
    if (rp_task_argument(task, 2, &none_size) || none_size != 77) return rp_task_fail(task, "a third field");
    return rp_task_printf(task, "%.*s:%" PRIu64, (int)text_size, text, n);
}

static int whole(rp_task *task, uint64_t begin, uint64_t end) { return rp_task_write(task, &begin, sizeof begin); }

#define KERNEL(name) static const rp_kernel name##_kernel = {#name, .item = name}
KERNEL(square);
KERNEL(echo);
KERNEL(picky);
KERNEL(crash);
KERNEL(sleeper);
KERNEL(blob);
KERNEL(join);
static const rp_kernel whole_kernel = {.name = "whole", .range = whole};
static const rp_kernel *const kernels[] = {&square_kernel, &echo_kernel, &picky_kernel, &crash_kernel, &sleeper_kernel,
                                           &blob_kernel,   &join_kernel, &whole_kernel, NULL};

/* ---- map and apply -------------------------------------------------------------------------------------- */

static void map_gives_results_in_task_order_whatever_the_chunksize(void) {
    static const size_t sizes[] = {0, 1, 7, 10000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        rp_results results = {0};
        rp_call call = {.kernel = "square", .chunksize = sizes[i]};
        rp_items items = numbers(MANY);
        CU_ASSERT_EQUAL_FATAL(rp_pool_map(the.pool, &call, &items, &results, NULL), 0);
        CU_ASSERT_EQUAL(results.count, MANY);
        CU_ASSERT_EQUAL(results.failed, 0);
        CU_ASSERT_EQUAL(results.first_failed, MANY);
        uint64_t good = 0;
        for (uint64_t n = 0; n < MANY; n++) good += value(&results.result[n]) == n * n && results.result[n].begin == n;
        CU_ASSERT_EQUAL(good, MANY);
        rp_results_free(&results);
        CU_ASSERT_PTR_NULL(results.result);
    }
}

static void items_of_any_size_come_back_whole(void) {
    enum { ITEMS = 60, LARGE = 3 * 1000 * 1000 };
    static size_t sizes[ITEMS];
    size_t total = 0;
    for (size_t i = 0; i < ITEMS; i++) total += sizes[i] = i % 20 == 7 ? LARGE : i;
    uint8_t *bytes = malloc(total), *at = bytes;
    for (size_t i = 0; i < total; i++) bytes[i] = (uint8_t)(i * 7 >> 3);
    rp_results results = {0};
    rp_call call = call_of("echo");
    CU_ASSERT_EQUAL_FATAL(
        rp_pool_map(the.pool, &call, &(rp_items){.data = bytes, .count = ITEMS, .sizes = sizes}, &results, NULL), 0);
    for (size_t i = 0; i < ITEMS; at += sizes[i++]) {
        CU_ASSERT_EQUAL_FATAL(results.result[i].size, sizes[i]);
        CU_ASSERT(!sizes[i] || !memcmp(results.result[i].data, at, sizes[i]));
    }
    rp_results_free(&results);
    free(bytes);
}

static void a_map_of_nothing_is_done(void) {
    rp_results results = {.count = 5};
    rp_call call = call_of("square");
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, &call, &(rp_items){0}, &results, NULL), 0);
    CU_ASSERT_EQUAL(results.count, 0);
    rp_results_free(&results);
}

static void map_says_which_task_failed_first_and_how_many(void) {
    rp_results results = {0};
    rp_error error = {0};
    rp_call call = {.kernel = "picky", .chunksize = 3};
    rp_items items = numbers(100);
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, &call, &items, &results, &error), RP_ETASK);
    CU_ASSERT_STRING_EQUAL(error.text, "task 3: 3 ends with a 3 (10 of 100 failed)");
    CU_ASSERT_EQUAL_FATAL(results.count, 100);
    CU_ASSERT_EQUAL(results.failed, 10);
    CU_ASSERT_EQUAL(results.first_failed, 3);
    CU_ASSERT_EQUAL(value(&results.result[4]), 4);
    CU_ASSERT_EQUAL(results.result[13].status, RP_ETASK);
    rp_results_free(&results);
}

static void a_crash_fails_its_own_task(void) {
    rp_results results = {0};
    rp_error error = {0};
    rp_call call = call_of("crash");
    rp_items items = numbers(20);
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, &call, &items, &results, &error), RP_EDIED);
    CU_ASSERT_EQUAL_FATAL(results.count, 20);
    CU_ASSERT_EQUAL(results.failed, 1);
    CU_ASSERT_EQUAL(results.first_failed, 7);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "signal 11"));
    rp_results_free(&results);
}

static void apply_computes_one_task(void) {
    rp_results results = {0};
    rp_error error = {0};
    rp_call call = {.kernel = "square", .args = &the.number[5], .args_size = sizeof(uint64_t)};
    CU_ASSERT_EQUAL_FATAL(rp_pool_apply(the.pool, &call, &the.number[9], sizeof(uint64_t), &results, &error), 0);
    CU_ASSERT_EQUAL(results.count, 1);
    CU_ASSERT_EQUAL(value(results.result), 86);
    rp_results_free(&results);
    call.kernel = "picky";
    CU_ASSERT_EQUAL(rp_pool_apply(the.pool, &call, &the.number[13], sizeof(uint64_t), &results, &error), RP_ETASK);
    CU_ASSERT_STRING_EQUAL(error.text, "task 0: 13 ends with a 3 (1 of 1 failed)");
    rp_results_free(&results);
}

static void starmap_gives_each_task_its_fields(void) {
    static const char letters[] = "abbccc";
    static const size_t sizes[] = {1, 2, 3, 0};
    rp_items columns[] = {{.data = letters, .count = 4, .sizes = sizes}, numbers(4)};
    rp_results results = {0};
    rp_call call = call_of("join");
    CU_ASSERT_EQUAL_FATAL(rp_pool_starmap(the.pool, &call, columns, 2, &results, NULL), 0);
    static const char *const expected[] = {"a:0", "bb:1", "ccc:2", ":3"};
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(results.result[i].size, strlen(expected[i]));
        CU_ASSERT(!memcmp(results.result[i].data, expected[i], strlen(expected[i])));
    }
    rp_results_free(&results);
    rp_future *future = NULL;
    CU_ASSERT_EQUAL_FATAL(rp_pool_starmap_async(the.pool, &call, columns, 2, &future, NULL), 0);
    CU_ASSERT_EQUAL(rp_future_get(future, 60, NULL, NULL), 0);
    rp_future_free(future);
    columns[1].count = 3;
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp_pool_starmap(the.pool, &call, columns, 2, &results, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "must agree"));
}

/* ---- Futures -------------------------------------------------------------------------------------------- */

static void a_future_tells_when_it_is_done(void) {
    const rp_results *results = NULL;
    bool successful = false;
    rp_error error = {0};
    rp_future *future = apply("sleeper", 300000);
    CU_ASSERT_FALSE(rp_future_ready(future));
    CU_ASSERT_EQUAL(rp_future_successful(future, &successful), RP_EBUSY);
    CU_ASSERT_EQUAL(rp_future_get(future, 0.01, &results, &error), RP_ETIMEDOUT);
    CU_ASSERT_PTR_NULL(results);
    CU_ASSERT_EQUAL(rp_future_wait(future, 0), RP_ETIMEDOUT);
    CU_ASSERT_EQUAL(rp_future_wait(future, 60), 0);
    CU_ASSERT_TRUE(rp_future_ready(future));
    CU_ASSERT_EQUAL(rp_future_successful(future, &successful), 0);
    CU_ASSERT_TRUE(successful);
    CU_ASSERT_EQUAL(rp_future_get(future, 0, &results, &error), 0);
    CU_ASSERT_EQUAL(value(results->result), 300000);
    rp_future_free(future);
    future = apply("picky", 3);
    CU_ASSERT_EQUAL(rp_future_wait(future, 60), 0);
    CU_ASSERT_EQUAL(rp_future_successful(future, &successful), 0);
    CU_ASSERT_FALSE(successful);
    CU_ASSERT_EQUAL(rp_future_get(future, 0, NULL, &error), RP_ETASK);
    rp_future_free(future);
}

static void many_applies_keep_their_own_results(void) {
    static rp_future *future[MANY];
    uint64_t good = 0;
    for (uint64_t n = 0; n < MANY; n++) future[n] = apply("square", n);
    for (uint64_t n = MANY; n-- > 0;) {
        const rp_results *results = NULL;
        if (rp_future_get(future[n], 60, &results, NULL) == 0) good += value(results->result) == n * n;
        rp_future_free(future[n]);
    }
    CU_ASSERT_EQUAL(good, MANY);
}

static void applies_of_many_arguments_do_not_mix(void) {
    enum { ARGS = 50 };
    rp_future *future[ARGS];
    for (int turn = 0; turn < 3; turn++) {
        for (uint64_t n = 0; n < ARGS; n++) {
            rp_call call = {.kernel = "square", .args = &the.number[n], .args_size = sizeof(uint64_t)};
            CU_ASSERT_EQUAL_FATAL(rp_pool_apply_async(the.pool, &call, &n, sizeof n, &future[n], NULL), 0);
        }
        for (uint64_t n = 0; n < ARGS; n++) {
            const rp_results *results = NULL;
            CU_ASSERT_EQUAL_FATAL(rp_future_get(future[n], 60, &results, NULL), 0);
            CU_ASSERT_EQUAL(value(results->result), n * n + n);
            rp_future_free(future[n]);
        }
    }
}

static void a_map_goes_on_while_nobody_reads(void) {
    enum { BLOBS = 100 };
    uint64_t size = 1000000; /* 100 MB in all, more than a map may have unread */
    uint64_t *sizes = malloc(BLOBS * sizeof *sizes);
    for (int i = 0; i < BLOBS; i++) sizes[i] = size;
    rp_future *future = NULL;
    rp_call call = call_of("blob");
    CU_ASSERT_EQUAL_FATAL(
        rp_pool_map_async(the.pool, &call, &(rp_items){sizes, BLOBS, sizeof *sizes, NULL}, &future, NULL), 0);
    free(sizes); /* its inputs are copied */
    const rp_results *results = NULL;
    CU_ASSERT_EQUAL_FATAL(rp_future_get(future, 60, &results, NULL), 0);
    uint64_t good = 0;
    for (int i = 0; i < BLOBS; i++)
        good += results->result[i].size == size && ((const char *)results->result[i].data)[size - 1] == 'b';
    CU_ASSERT_EQUAL(good, BLOBS);
    rp_future_free(future);
}

/* ---- Callbacks ------------------------------------------------------------------------------------------ */

static void the_right_callback_runs_once_and_may_call_the_pool(void) {
    struct heard good = {.again = 1}, bad = {0};
    rp_call call = {.kernel = "picky", .callback = hear, .context = &good};
    rp_future *first = NULL, *second = NULL;
    rp_items items = numbers(3);
    CU_ASSERT_EQUAL_FATAL(rp_pool_map_async(the.pool, &call, &items, &first, NULL), 0);
    call = (rp_call){.kernel = "picky", .callback = NULL, .error_callback = hear, .context = &bad};
    items.count = 20;
    CU_ASSERT_EQUAL_FATAL(rp_pool_map_async(the.pool, &call, &items, &second, NULL), 0);
    rp_future *both[] = {first, second};
    CU_ASSERT_EQUAL(rp_futures_wait(both, 2, RP_ALL_COMPLETED, 60), 0);
    CU_ASSERT_TRUE(rp_future_ready(first));
    CU_ASSERT(good.called == 1 && good.failed == 0 && good.sum == 3);
    CU_ASSERT(bad.called == 1 && bad.failed == 2);
    rp_future_free(first);
    rp_future_free(second);
}

static void free_in_callback(rp_future *future, const rp_results *results, void *context) {
    uint64_t *sum = context;
    *sum += value(results->result);
    rp_future_free(future);
}

static void a_callback_may_free_its_future(void) {
    uint64_t sum = 0;
    rp_call call = {.kernel = "echo", .callback = free_in_callback, .context = &sum};
    for (uint64_t n = 0; n < 1000; n++) {
        rp_future *future = NULL;
        CU_ASSERT_EQUAL_FATAL(rp_pool_apply_async(the.pool, &call, &n, sizeof n, &future, NULL), 0);
    }
    for (int i = 0; i < 1000 && sum < 499500; i++) {
        rp_future *future = apply("sleeper", 1000);
        rp_future_wait(future, 60);
        rp_future_free(future);
    }
    CU_ASSERT_EQUAL(sum, 499500);
}

static void a_freed_future_calls_nobody(void) {
    struct heard heard = {0};
    rp_call call = {.kernel = "sleeper", .callback = hear, .error_callback = hear, .context = &heard};
    rp_future *future = NULL;
    uint64_t us = 50000;
    CU_ASSERT_EQUAL_FATAL(rp_pool_apply_async(the.pool, &call, &us, sizeof us, &future, NULL), 0);
    rp_future_free(future);
    future = apply("sleeper", 100000);
    CU_ASSERT_EQUAL(rp_future_wait(future, 60), 0);
    rp_future_free(future);
    CU_ASSERT_EQUAL(heard.called, 0);
}

/* ---- Several futures ------------------------------------------------------------------------------------ */

static void waiting_ends_at_the_first_the_first_error_or_all(void) {
    rp_future *future[] = {apply("sleeper", 600000), apply("square", 4), apply("picky", 13)};
    CU_ASSERT_EQUAL(rp_futures_wait(future, 3, RP_FIRST_COMPLETED, 60), 0);
    CU_ASSERT_EQUAL(rp_futures_wait(future, 3, RP_FIRST_EXCEPTION, 60), 0);
    CU_ASSERT(rp_future_ready(future[1]) || rp_future_ready(future[2]));
    CU_ASSERT_EQUAL(rp_futures_wait(future, 1, RP_ALL_COMPLETED, 0), rp_future_ready(future[0]) ? 0 : RP_ETIMEDOUT);
    CU_ASSERT_EQUAL(rp_futures_wait(future, 3, RP_ALL_COMPLETED, 60), 0);
    for (int i = 0; i < 3; i++) CU_ASSERT_TRUE(rp_future_ready(future[i]));
    CU_ASSERT_EQUAL(rp_futures_wait(future, 2, RP_FIRST_EXCEPTION, 0), 0); /* none failed, and all are done */
    for (int i = 0; i < 3; i++) rp_future_free(future[i]);
    CU_ASSERT_EQUAL(rp_futures_wait(NULL, 0, RP_ALL_COMPLETED, 0), 0);
}

static void each_done_future_is_reported_once(void) {
    enum { FUTURES = 200 };
    rp_future *future[FUTURES];
    uint8_t seen[FUTURES] = {0};
    size_t index;
    int rc, once = 0;
    for (uint64_t n = 0; n < FUTURES; n++) future[n] = n == 5 ? apply("sleeper", 200000) : apply("square", n);
    while ((rc = rp_futures_next(future, FUTURES, 60, &index)) == 0) {
        CU_ASSERT_TRUE(rp_future_ready(future[index]));
        seen[index]++;
    }
    CU_ASSERT_EQUAL(rc, RP_END);
    for (int i = 0; i < FUTURES; i++) {
        once += seen[i] == 1;
        rp_future_free(future[i]);
    }
    CU_ASSERT_EQUAL(once, FUTURES);
    CU_ASSERT_EQUAL(rp_futures_next(NULL, 0, 0, &index), RP_END);
}

static void *applies(void *context) {
    uint64_t *good = context;
    for (uint64_t n = 0; n < 500; n++) {
        rp_future *future = apply("square", n);
        const rp_results *results = NULL;
        if (rp_future_get(future, 60, &results, NULL) == 0) *good += value(results->result) == n * n;
        rp_future_free(future);
    }
    return NULL;
}

static void threads_may_all_use_the_pool(void) {
    enum { THREADS = 4 };
    pthread_t thread[THREADS];
    uint64_t good[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, applies, &good[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        CU_ASSERT_EQUAL(good[i], 500);
    }
}

/* ---- imap ----------------------------------------------------------------------------------------------- */

struct counter {
    uint64_t next, end, slow_us;
    int code; /* at the end */
};

static int count_up(void *context, const void **input, size_t *size) {
    struct counter *counter = context;
    if (counter->next == counter->end) return counter->code;
    if (counter->slow_us) nap((double)counter->slow_us * 1e-6);
    static uint64_t lent;
    lent = counter->next++;
    *input = &lent;
    *size = sizeof lent;
    return 1;
}

static void imap_gives_results_in_order_and_takes_inputs_as_it_needs_them(void) {
    struct counter counter = {.end = UINT64_MAX};
    rp_map *map = NULL;
    rp_result result;
    rp_call call = call_of("square");
    uint64_t good = 0, ahead = 0;
    CU_ASSERT_EQUAL_FATAL(rp_pool_imap(the.pool, &call, count_up, &counter, &map, NULL), 0);
    CU_ASSERT_EQUAL(counter.next, 0);
    for (uint64_t n = 0; n < 200000 && rp_map_next(map, 60, &result) == 0; n++) {
        good += result.begin == n && value(&result) == n * n;
        if (counter.next - n > ahead) ahead = counter.next - n;
    }
    CU_ASSERT_EQUAL(good, 200000);
    CU_ASSERT(ahead < 100000); /* a source without an end needs no memory */
    rp_map_close(map);
}

static void imap_unordered_gives_every_result_once(void) {
    struct counter counter = {.end = MANY};
    uint8_t *seen = calloc(MANY, 1);
    rp_map *map = NULL;
    rp_result result;
    rp_call call = {.kernel = "square", .chunksize = 3};
    int rc, once = 0;
    CU_ASSERT_EQUAL_FATAL(rp_pool_imap_unordered(the.pool, &call, count_up, &counter, &map, NULL), 0);
    while ((rc = rp_map_next(map, 60, &result)) == 0) seen[result.begin]++;
    CU_ASSERT_EQUAL(rc, RP_END);
    for (int i = 0; i < MANY; i++) once += seen[i] == 1;
    CU_ASSERT_EQUAL(once, MANY);
    CU_ASSERT_EQUAL(rp_map_put(map, "", 0), RP_EINVAL);
    free(seen);
    rp_map_close(map);
}

static void a_slow_source_does_not_keep_back_what_is_ready(void) {
    struct counter counter = {.end = 40, .slow_us = 20000};
    rp_map *map = NULL;
    rp_result result;
    rp_call call = call_of("square");
    uint64_t read = 0;
    CU_ASSERT_EQUAL_FATAL(rp_pool_imap(the.pool, &call, count_up, &counter, &map, NULL), 0);
    CU_ASSERT_EQUAL(rp_map_next(map, 60, &result), 0);
    CU_ASSERT(counter.next < 40);
    for (read = 1; rp_map_next(map, 60, &result) == 0;) read++;
    CU_ASSERT_EQUAL(read, 40);
    rp_map_close(map);
}

static void an_error_of_the_source_comes_after_its_results(void) {
    struct counter counter = {.end = 100, .code = RP_EOUTPUT};
    rp_map *map = NULL;
    rp_result result;
    rp_call call = call_of("square");
    uint64_t read = 0;
    int rc;
    CU_ASSERT_EQUAL_FATAL(rp_pool_imap(the.pool, &call, count_up, &counter, &map, NULL), 0);
    while ((rc = rp_map_next(map, 60, &result)) == 0) read++;
    CU_ASSERT_EQUAL(read, 100);
    CU_ASSERT_EQUAL(rc, RP_EOUTPUT);
    rp_map_close(map);
    counter = (struct counter){.end = 0};
    CU_ASSERT_EQUAL_FATAL(rp_pool_imap(the.pool, &call, count_up, &counter, &map, NULL), 0);
    CU_ASSERT_EQUAL(rp_map_next(map, 60, &result), RP_END);
    rp_map_close(map);
}

/* ---- Bad use -------------------------------------------------------------------------------------------- */

static void wrong_use_is_an_error(void) {
    rp_future *future = NULL;
    rp_results results = {0};
    rp_map *map = NULL;
    rp_error error = {0};
    bool successful;
    size_t index, huge[] = {SIZE_MAX, 2};
    uint64_t n = 1;
    rp_call call = call_of("square"), nosuch = call_of("nosuch"), range = call_of("whole"), null = call_of(NULL);
    rp_items items = numbers(3);
    CU_ASSERT_EQUAL(rp_pool_map(NULL, &call, &items, &results, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, NULL, &items, &results, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, &call, NULL, &results, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, &call, &items, NULL, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map_async(the.pool, &call, &items, NULL, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, &nosuch, &items, &results, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "nosuch"));
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, &range, &items, &results, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, &null, &items, &results, NULL), RP_EINVAL);
    items = (rp_items){.data = &n, .count = SIZE_MAX / 2, .size = 16};
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, &call, &items, &results, &error), RP_EINVAL);
    items = (rp_items){.data = &n, .count = 2, .sizes = huge};
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, &call, &items, &results, &error), RP_EINVAL);
    items = (rp_items){.count = 2, .size = 8};
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, &call, &items, &results, &error), RP_EINVAL);
    items = (rp_items){.count = SIZE_MAX};
    CU_ASSERT_EQUAL(rp_pool_map(the.pool, &call, &items, &results, &error), RP_ENOMEM);
    CU_ASSERT_EQUAL(rp_pool_starmap(the.pool, &call, NULL, 1, &results, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_starmap(the.pool, &call, &items, 0, &results, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_apply(the.pool, &call, NULL, 8, &results, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_apply(the.pool, &nosuch, &n, sizeof n, &results, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_apply_async(the.pool, &null, &n, sizeof n, &future, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_apply_async(the.pool, &call, &n, SIZE_MAX, &future, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_imap(the.pool, &call, NULL, NULL, &map, &error), RP_EINVAL);
    call.callback = hear;
    CU_ASSERT_EQUAL(rp_pool_apply(the.pool, &call, &n, sizeof n, &results, &error), RP_EINVAL);
    call.callback = NULL;
    call.args_size = 5;
    CU_ASSERT_EQUAL(rp_pool_apply(the.pool, &call, &n, sizeof n, &results, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_future_get(NULL, 0, NULL, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_future_wait(NULL, 0), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_future_successful(NULL, &successful), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_future_cancel(NULL, false), RP_EINVAL);
    CU_ASSERT_FALSE(rp_future_ready(NULL));
    CU_ASSERT_EQUAL(rp_futures_wait(&future, 1, RP_ALL_COMPLETED, 0), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_futures_next(NULL, 1, 0, &index), RP_EINVAL);
    future = apply("square", 3);
    CU_ASSERT_EQUAL(rp_future_get(future, NAN, NULL, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_futures_wait(&future, 1, (enum rp_wait)9, 0), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_futures_next(&future, 1, 0, NULL), RP_EINVAL);
    rp_future_free(future);
    rp_future_free(NULL);
    rp_results_free(NULL);
}

static void every_kind_of_worker_can_do_it(void) {
    rp_pool_free(the.pool);
    for (enum rp_workers kind = RP_WORKERS_THREAD; kind <= RP_WORKERS_INLINE; kind++) {
        CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, &(rp_pool_options){.crew = 2, .kind = kind}, &the.pool, NULL), 0);
        map_gives_results_in_task_order_whatever_the_chunksize();
        starmap_gives_each_task_its_fields();
        many_applies_keep_their_own_results();
        imap_gives_results_in_order_and_takes_inputs_as_it_needs_them();
        rp_pool_free(the.pool);
    }
    CU_ASSERT_EQUAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(map_gives_results_in_task_order_whatever_the_chunksize),
        UNIT(items_of_any_size_come_back_whole),
        UNIT(a_map_of_nothing_is_done),
        UNIT(map_says_which_task_failed_first_and_how_many),
        UNIT(a_crash_fails_its_own_task),
        UNIT(apply_computes_one_task),
        UNIT(starmap_gives_each_task_its_fields),
        UNIT(a_future_tells_when_it_is_done),
        UNIT(many_applies_keep_their_own_results),
        UNIT(applies_of_many_arguments_do_not_mix),
        UNIT(a_map_goes_on_while_nobody_reads),
        UNIT(the_right_callback_runs_once_and_may_call_the_pool),
        UNIT(a_callback_may_free_its_future),
        UNIT(a_freed_future_calls_nobody),
        UNIT(waiting_ends_at_the_first_the_first_error_or_all),
        UNIT(each_done_future_is_reported_once),
        UNIT(threads_may_all_use_the_pool),
        UNIT(imap_gives_results_in_order_and_takes_inputs_as_it_needs_them),
        UNIT(imap_unordered_gives_every_result_once),
        UNIT(a_slow_source_does_not_keep_back_what_is_ready),
        UNIT(an_error_of_the_source_comes_after_its_results),
        UNIT(wrong_use_is_an_error),
        UNIT(every_kind_of_worker_can_do_it),
        {NULL, NULL},
    };
    for (uint64_t n = 0; n < MANY; n++) the.number[n] = n;
    return run_on_a_pool("future", kernels, tests, &the.world, &the.pool);
}
