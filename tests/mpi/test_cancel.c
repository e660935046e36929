/* Futures that are not computed to their end, bare and on ranks: canceled, freed, or left when the pool closes or is
 * terminated. Rank 0 runs the claims; the others serve. */
#include "mpi/number_tasks.h"

static const rp_kernel square_kernel = {.name = "square", .item = square},
                       sleeper_kernel = {.name = "sleeper", .item = sleeper};
static const rp_kernel *const kernels[] = {&square_kernel, &sleeper_kernel, NULL};

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* As many long tasks as there are workers, of `us` each. */
static rp_future *occupy(uint64_t us) {
    uint32_t workers = rp_pool_workers(the.pool);
    uint64_t *time = malloc(workers * sizeof *time);
    for (uint32_t i = 0; i < workers; i++) time[i] = us;
    rp_future *future = NULL;
    rp_call call = {.kernel = "sleeper", .chunksize = 1};
    CU_ASSERT_EQUAL_FATAL(
        rp_pool_map_async(the.pool, &call, &(rp_items){time, workers, sizeof *time, NULL}, &future, NULL), 0);
    free(time);
    CU_ASSERT_EQUAL(rp_future_wait(future, 0.1), RP_ETIMEDOUT); /* they have begun then */
    return future;
}

static void what_is_queued_never_runs_once_it_is_canceled(void) {
    const rp_results *results = NULL;
    rp_error error = {0};
    rp_future *busy = occupy(400000), *future[30];
    for (uint64_t n = 0; n < 30; n++) future[n] = apply("square", n);
    for (uint64_t n = 29; n < 30; n -= 2) CU_ASSERT_EQUAL(rp_future_cancel(future[n], n % 3 == 0), 0);
    CU_ASSERT_FALSE(rp_future_ready(busy));
    for (uint64_t n = 0; n < 30; n++) {
        CU_ASSERT_EQUAL(rp_future_get(future[n], n % 2 ? 0 : 60, &results, &error), n % 2 ? RP_ECANCELED : 0);
        CU_ASSERT(n % 2 ? results->result->status == RP_ECANCELED : value(results->result) == n * n);
        CU_ASSERT_EQUAL(rp_future_cancel(future[n], true), n % 2 ? 0 : RP_ECLOSED);
        rp_future_free(future[n]);
    }
    CU_ASSERT_EQUAL(rp_future_get(busy, 60, NULL, NULL), 0);
    rp_future_free(busy);
}

static void what_runs_is_killed_only_if_asked(void) {
    rp_future *busy = occupy(60000000);
    double before_s = now_s();
    CU_ASSERT_EQUAL(rp_future_cancel(busy, false), RP_EBUSY);
    CU_ASSERT_FALSE(rp_future_ready(busy));
    CU_ASSERT_EQUAL(rp_future_cancel(busy, true), 0);
    CU_ASSERT(now_s() - before_s < 30);
    const rp_results *results = NULL;
    CU_ASSERT_EQUAL(rp_future_get(busy, 0, &results, NULL), RP_ECANCELED);
    CU_ASSERT_EQUAL(results->failed, results->count);
    rp_future_free(busy);
    rp_future *next = apply("square", 5);
    CU_ASSERT_EQUAL(rp_future_get(next, 60, &results, NULL), 0);
    rp_future_free(next);
}

static void a_canceled_map_keeps_what_was_computed(void) {
    enum { TASKS = 200 };
    uint64_t us[TASKS];
    for (int i = 0; i < TASKS; i++) us[i] = i < 8 ? 1000 : 100000;
    rp_call call = {.kernel = "sleeper", .chunksize = 1};
    rp_future *future = NULL;
    CU_ASSERT_EQUAL_FATAL(rp_pool_map_async(the.pool, &call, &(rp_items){us, TASKS, sizeof *us, NULL}, &future, NULL),
                          0);
    CU_ASSERT_EQUAL(rp_future_wait(future, 0.3), RP_ETIMEDOUT);
    CU_ASSERT_EQUAL(rp_future_cancel(future, true), 0);
    const rp_results *results = NULL;
    CU_ASSERT_EQUAL(rp_future_get(future, 0, &results, NULL), RP_ECANCELED);
    CU_ASSERT(results->failed > 0 && results->failed <= TASKS - 8);
    for (int i = 0; i < 8; i++) CU_ASSERT_EQUAL(value(&results->result[i]), 1000);
    rp_future_free(future);
}

static void freeing_what_is_not_done_cancels_it(void) {
    rp_future *busy = occupy(200000);
    for (int i = 0; i < 20; i++) rp_future_free(apply("sleeper", 60000000));
    CU_ASSERT_EQUAL(rp_future_get(busy, 60, NULL, NULL), 0);
    rp_future_free(busy);
    rp_future *next = apply("square", 5);
    CU_ASSERT_EQUAL(rp_future_wait(next, 30), 0); /* no worker sleeps for the minute */
    rp_future_free(next);
}

static void threads_cannot_be_killed(void) {
    rp_pool_free(the.pool);
    CU_ASSERT_EQUAL_FATAL(
        rp_pool_open(the.world, &(rp_pool_options){.crew = 2, .kind = RP_WORKERS_THREAD}, &the.pool, NULL), 0);
    rp_future *busy = occupy(400000), *queued = apply("square", 5);
    CU_ASSERT_EQUAL(rp_future_cancel(busy, true), RP_EUNSUPPORTED);
    CU_ASSERT_EQUAL(rp_future_cancel(queued, true), 0);
    CU_ASSERT_EQUAL(rp_future_get(busy, 60, NULL, NULL), 0);
    rp_future_free(busy);
    rp_future_free(queued);
    rp_pool_free(the.pool);
    CU_ASSERT_EQUAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
}

static void what_is_not_done_when_the_pool_closes_ends_closed(void) {
    struct heard heard = {0};
    rp_call call = {.kernel = "sleeper", .callback = hear, .error_callback = hear, .context = &heard};
    rp_future *late = NULL, *early = apply("square", 6);
    uint64_t us = 60000000;
    CU_ASSERT_EQUAL(rp_future_wait(early, 60), 0);
    CU_ASSERT_EQUAL_FATAL(rp_pool_apply_async(the.pool, &call, &us, sizeof us, &late, NULL), 0);
    double before_s = now_s();
    rp_pool_free(the.pool);
    const rp_results *results = NULL;
    CU_ASSERT_EQUAL(rp_future_get(late, 60, &results, NULL), RP_ECLOSED);
    CU_ASSERT(now_s() - before_s < 30); /* the kernel was not waited for */
    CU_ASSERT_EQUAL(heard.called, 1);
    CU_ASSERT_EQUAL(rp_future_get(early, 60, &results, NULL), 0);
    CU_ASSERT_EQUAL(value(results->result), 36);
    rp_future_free(late);
    rp_future_free(early);
    CU_ASSERT_EQUAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
}

static void a_closed_pool_computes_what_its_futures_wait_for(void) {
    enum { FUTURES = 50 };
    rp_future *future[FUTURES], *more = NULL;
    uint64_t n = 1;
    rp_call call = call_of("square");
    for (int i = 0; i < FUTURES; i++) future[i] = apply("sleeper", 2000);
    rp_pool_close(the.pool);
    CU_ASSERT_EQUAL(rp_pool_apply_async(the.pool, &call, &n, sizeof n, &more, NULL), RP_ECLOSED);
    CU_ASSERT_EQUAL(rp_pool_join(the.pool, 60), 0);
    for (int i = 0; i < FUTURES; i++) {
        CU_ASSERT_EQUAL(rp_future_get(future[i], 0, NULL, NULL), 0); /* joined: nothing is to be waited for */
        rp_future_free(future[i]);
    }
    CU_ASSERT_EQUAL(rp_pool_free(the.pool), 0);
    CU_ASSERT_EQUAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
}

static void a_terminated_pool_ends_its_futures_and_its_kernels(void) {
    rp_future *running = occupy(60000000), *queued = apply("sleeper", 60000000);
    rp_pool_terminate(the.pool);
    CU_ASSERT_EQUAL(rp_future_get(running, 10, NULL, NULL), RP_ECLOSED);
    CU_ASSERT_EQUAL(rp_future_get(queued, 10, NULL, NULL), RP_ECLOSED);
    CU_ASSERT_EQUAL(rp_pool_join(the.pool, 10), 0); /* they would sleep for a minute */
    rp_future_free(running);
    rp_future_free(queued);
    CU_ASSERT_EQUAL(rp_pool_free(the.pool), 0);
    CU_ASSERT_EQUAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
}

int main(void) {
    for (uint64_t n = 0; n < MANY; n++) the.number[n] = n;
    static const struct unit_test tests[] = {UNIT(what_is_queued_never_runs_once_it_is_canceled),
                                             UNIT(what_runs_is_killed_only_if_asked),
                                             UNIT(a_canceled_map_keeps_what_was_computed),
                                             UNIT(freeing_what_is_not_done_cancels_it),
                                             UNIT(threads_cannot_be_killed),
                                             UNIT(what_is_not_done_when_the_pool_closes_ends_closed),
                                             UNIT(a_closed_pool_computes_what_its_futures_wait_for),
                                             UNIT(a_terminated_pool_ends_its_futures_and_its_kernels),
                                             {NULL, NULL}};
    return run_on_a_pool("cancel", kernels, tests, &the.world, &the.pool);
}
