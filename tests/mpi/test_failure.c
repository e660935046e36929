/* What a failed task's record says besides its message: why, where, and after how many attempts. */
#include "mpi/on_a_pool.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static rp_world *world;
static rp_pool *pool;

/* Task 3 fails, as the arguments say. */
enum way { BY_ERROR, BY_EXIT, BY_SIGNAL };
enum { TASKS = 20, BAD = 3 };

static int item(rp_task *task, const void *input, size_t size) {
    const rp_where *where = rp_task_where(task);
    if (rp_task_index(task) != BAD) return 0;
    switch (*(const enum way *)rp_task_args(task, NULL)) {
    case BY_ERROR:
        break;
    case BY_EXIT:
        _exit(7);
    case BY_SIGNAL:
        kill(where->pid, SIGKILL);
        for (;;) nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return rp_task_fail(task, "rank %d, worker %u, core %d, host %s", where->rank, where->worker, where->core,
                        where->host);
}

static int range(rp_task *task, uint64_t begin, uint64_t end) {
    return begin <= BAD && BAD < end ? rp_task_fail(task, "it is in there") : 0;
}

static int sleeps(rp_task *task, const void *input, size_t size) {
    for (;;) nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    return 0;
}

/* A fed task has the name of what it does as its input; "adds" adds a task of its own, which dies. */
static int does(rp_task *task, const void *input, size_t size) {
    if (size == 4 && !memcmp(input, "dies", 4)) _exit(7);
    if (size == 5 && !memcmp(input, "fails", 5)) return rp_task_fail(task, "as it was told");
    if (size == 4 && !memcmp(input, "adds", 4)) return rp_task_add(task, "dies", 4);
    return 0;
}

static const rp_kernel item_kernel = {.name = "item", .item = item}, range_kernel = {.name = "range", .range = range},
                       sleep_kernel = {.name = "sleep", .item = sleeps}, does_kernel = {.name = "does", .item = does};
static const rp_kernel *const kernels[] = {&item_kernel, &range_kernel, &sleep_kernel, &does_kernel, NULL};

/* The record of task 3, the only one that failed; its failure and message are copied. */
static int fail(enum way way, rp_map_options options, rp_failure *failure, char message[256]) {
    rp_map *map;
    rp_result result;
    int rc, status = 0;
    if (!options.kernel) options.kernel = "item";
    options.count = TASKS;
    options.args = &way;
    options.args_size = sizeof way;
    CU_ASSERT_EQUAL_FATAL(rp_map_open(pool, &options, &map, NULL), 0);
    while ((rc = rp_map_next(map, -1, &result)) == 0) {
        CU_ASSERT_EQUAL(result.status == 0, result.failure == NULL);
        if (!result.status) continue;
        CU_ASSERT_TRUE(result.begin == BAD && result.end == BAD + 1 && status == 0);
        status = result.status;
        *failure = *result.failure;
        snprintf(message, 256, "%.*s", (int)result.size, (const char *)result.data);
    }
    CU_ASSERT_EQUAL(rc, RP_END);
    rp_map_close(map);
    return status;
}

static void is_a_worker_of_the_pool(const rp_failure *failure) {
    char host[64];
    CU_ASSERT_EQUAL(gethostname(host, sizeof host), 0); /* all ranks of this test are on one */
    CU_ASSERT_STRING_EQUAL(failure->host, host);
    CU_ASSERT_TRUE(failure->rank >= 0 && failure->rank < rp_world_ranks(world));
    CU_ASSERT_TRUE(failure->worker < rp_pool_workers(pool));
}

static void an_error_names_the_worker_that_returned_it(void) {
    const rp_schedule schedules[] = {{RP_DYNAMIC, 1}, {RP_DYNAMIC, TASKS}, {.kind = RP_AUTO}};
    for (int i = 0; i < 3; i++) {
        rp_failure failure = {.attempts = 0};
        char message[256] = "", where[256];
        CU_ASSERT_EQUAL(fail(BY_ERROR, (rp_map_options){.schedule = schedules[i]}, &failure, message), RP_ETASK);
        CU_ASSERT_TRUE(failure.cause == RP_CAUSE_ERROR && failure.exit_code == 0 && failure.signal == 0);
        CU_ASSERT_EQUAL(failure.attempts, 1);
        is_a_worker_of_the_pool(&failure);
        snprintf(where, sizeof where, "rank %d, worker %u, core %d, host %s", failure.rank, failure.worker,
                 failure.core, failure.host);
        CU_ASSERT_STRING_EQUAL(where, message);
    }
}

static void an_error_of_a_run_is_closed_in_on_and_counts_each_attempt(void) {
    rp_failure failure = {.attempts = 0};
    char message[256];
    const rp_map_options options = {.kernel = "range", .schedule = {RP_DYNAMIC, TASKS}};
    CU_ASSERT_EQUAL(fail(BY_ERROR, options, &failure, message), RP_ETASK);
    CU_ASSERT_EQUAL(failure.cause, RP_CAUSE_ERROR);
    CU_ASSERT_EQUAL(failure.attempts, 3); /* with all, with one more, alone */
    is_a_worker_of_the_pool(&failure);
}

static void an_exit_tells_its_code_and_the_attempts(void) {
    const struct { uint32_t retries, attempts; } cases[] = {{0, 3}, {UINT32_MAX, 1}, {5, 6}};
    for (int i = 0; i < 3; i++) {
        rp_failure failure = {.attempts = 0};
        char message[256];
        const rp_map_options options = {.retries = cases[i].retries, .schedule = {RP_DYNAMIC, 1}};
        CU_ASSERT_EQUAL(fail(BY_EXIT, options, &failure, message), RP_EDIED);
        CU_ASSERT_TRUE(failure.cause == RP_CAUSE_EXIT && failure.exit_code == 7 && failure.signal == 0);
        CU_ASSERT_EQUAL(failure.attempts, cases[i].attempts);
        is_a_worker_of_the_pool(&failure);
    }
}

static void a_signal_is_told_by_its_number(void) {
    rp_failure failure = {.attempts = 0};
    char message[256];
    CU_ASSERT_EQUAL(fail(BY_SIGNAL, (rp_map_options){.schedule = {RP_DYNAMIC, 1}}, &failure, message), RP_EDIED);
    CU_ASSERT_TRUE(failure.cause == RP_CAUSE_SIGNAL && failure.exit_code == 0 && failure.signal == SIGKILL);
    CU_ASSERT_EQUAL(failure.attempts, 3);
    is_a_worker_of_the_pool(&failure);
}

static void results_of_a_call_have_their_failures_too(void) {
    const enum way way = BY_EXIT;
    const char inputs[TASKS] = {0};
    const rp_call call = {.kernel = "item", .args = &way, .args_size = sizeof way, .chunksize = 4};
    rp_results results;
    CU_ASSERT_EQUAL(rp_pool_map(pool, &call, &(rp_items){inputs, TASKS, 1, NULL}, &results, NULL), RP_EDIED);
    for (size_t i = 0; i < TASKS; i++) CU_ASSERT_EQUAL(results.result[i].failure != NULL, i == BAD);
    const rp_failure *failure = results.result[BAD].failure;
    CU_ASSERT_TRUE_FATAL(failure != NULL);
    CU_ASSERT_TRUE(failure->cause == RP_CAUSE_EXIT && failure->exit_code == 7);
    CU_ASSERT_TRUE(failure->attempts >= 3);
    CU_ASSERT_TRUE(failure->input != NULL && failure->input_size == 1 && *(const char *)failure->input == 0);
    is_a_worker_of_the_pool(failure);
    rp_results_free(&results);
}

static void what_was_canceled_before_it_ran_was_nowhere(void) {
    enum { MANY = 2000 };
    static const char inputs[MANY];
    const rp_call call = {.kernel = "sleep", .chunksize = 1};
    const rp_results *results;
    rp_future *future;
    CU_ASSERT_EQUAL_FATAL(rp_pool_map_async(pool, &call, &(rp_items){inputs, MANY, 1, NULL}, &future, NULL), 0);
    CU_ASSERT_EQUAL(rp_future_cancel(future, true), 0);
    CU_ASSERT_EQUAL(rp_future_get(future, -1, &results, NULL), RP_ECANCELED);
    for (size_t i = 0; i < MANY; i++) {
        CU_ASSERT_EQUAL(results->result[i].failure->cause, RP_CAUSE_CANCELED);
        CU_ASSERT_TRUE(results->result[i].failure->attempts <= 1);
    }
    const rp_failure *last = results->result[MANY - 1].failure; /* of 2000, never dealt */
    CU_ASSERT_TRUE(last->attempts == 0 && last->rank == -1 && last->worker == UINT32_MAX && last->core == -1);
    CU_ASSERT_STRING_EQUAL(last->host, "");
    rp_future_free(future);
}

static const char *const deeds[] = {"", "works", "fails", "dies", "works", "adds", "fails", ""};
enum { DEEDS = sizeof deeds / sizeof *deeds };

static void a_fed_task_that_failed_has_its_input(void) {
    const rp_schedule schedules[] = {{RP_DYNAMIC, 1}, {RP_DYNAMIC, DEEDS}, {.kind = RP_AUTO}};
    for (int i = 0; i < 3; i++) {
        rp_map *map;
        rp_result result;
        int failed = 0, rc;
        const rp_map_options options = {
            .kernel = "does", .count = RP_FED, .grows = true, .retries = 1, .schedule = schedules[i]};
        CU_ASSERT_EQUAL_FATAL(rp_map_open(pool, &options, &map, NULL), 0);
        for (int k = 0; k < DEEDS; k++) CU_ASSERT_EQUAL(rp_map_put(map, deeds[k], strlen(deeds[k])), 0);
        rp_map_end(map);
        while ((rc = rp_map_next(map, -1, &result)) == 0) {
            if (!result.status) continue;
            const char *deed = result.begin < DEEDS ? deeds[result.begin] : "dies"; /* that was added */
            const bool known = result.failure->input && result.failure->input_size == strlen(deed);
            CU_ASSERT_TRUE(known && memcmp(result.failure->input, deed, strlen(deed)) == 0);
            CU_ASSERT_EQUAL(result.status, strcmp(deed, "dies") == 0 ? RP_EDIED : RP_ETASK);
            failed++;
        }
        CU_ASSERT_EQUAL(rc, RP_END);
        CU_ASSERT_EQUAL(failed, 4);
        rp_map_close(map);
    }
}

static void a_counted_task_has_no_input(void) {
    rp_failure failure = {.input = &failure};
    char message[256];
    CU_ASSERT_EQUAL(fail(BY_EXIT, (rp_map_options){.schedule = {RP_DYNAMIC, 1}}, &failure, message), RP_EDIED);
    CU_ASSERT_TRUE(failure.input == NULL && failure.input_size == 0);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(an_error_names_the_worker_that_returned_it),
                                             UNIT(an_error_of_a_run_is_closed_in_on_and_counts_each_attempt),
                                             UNIT(an_exit_tells_its_code_and_the_attempts),
                                             UNIT(a_signal_is_told_by_its_number),
                                             UNIT(results_of_a_call_have_their_failures_too),
                                             UNIT(what_was_canceled_before_it_ran_was_nowhere),
                                             UNIT(a_fed_task_that_failed_has_its_input),
                                             UNIT(a_counted_task_has_no_input),
                                             {NULL, NULL}};
    return run_on_a_pool("failure", kernels, tests, &world, &pool);
}
