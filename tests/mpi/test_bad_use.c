/* Calls in the wrong place or order, bare and on ranks: every one gives an error with words, none hangs, and the world
 * goes on afterwards. NULL and handles of nothing are in test_null_use.c. */
#include "mpi/ask.h"
#include "rankpool_sync.h"
#include "unit/unit.h"

#include <math.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Workers end in the middle of a task here, with what they had allocated. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "handle_segv=0:handle_abort=0:detect_leaks=0"; }

/* What a task tries that only the program may do. Threads and inline workers of rank 0 see it all. */
struct handles {
    rp_pool *pool;
    rp_map *map;
    rp_future *future;
    rp_process *process;
};

static rp_world *world;
static rp_self *program;
static struct handles handles;

/* ---- Kernels -------------------------------------------------------------------------------------------- */

static int slow(rp_task *task, const void *input, size_t size) {
    while (!rp_task_canceled(task)) usleep(1000);
    return 0;
}

/* How many of the program's calls a task was not refused: -1 if it is not on rank 0, where they make sense. */
static int trespass(rp_task *task, const void *input, size_t size) {
    const rp_items items = {.data = "x", .count = 1, .size = 1};
    const rp_call call = {.kernel = "one"};
    rp_pool *pool = NULL;
    rp_map *map = NULL;
    rp_process *process = NULL;
    rp_future *future = NULL;
    rp_results results = {0};
    rp_result result;
    rp_lock lock;
    uint32_t share;
    bool successful;
    size_t index;
    int64_t sum;
    if (rp_task_where(task)->rank) return rp_task_printf(task, "-1");
    const int codes[] = {
        rp_pool_open(world, NULL, &pool, NULL),
        rp_pool_join(handles.pool, 0),
        handles.pool ? rp_pool_free(handles.pool) : RP_EINVAL,
        rp_map_open(handles.pool, &(rp_map_options){.kernel = "one", .count = 1}, &map, NULL),
        rp_map_put(handles.map, "x", 1),
        rp_map_next(handles.map, -1, &result),
        rp_map_reduce(handles.map, -1, &sum, sizeof sum),
        rp_pool_map(handles.pool, &call, &items, &results, NULL),
        rp_pool_map_async(handles.pool, &call, &items, &future, NULL),
        rp_pool_starmap(handles.pool, &call, &items, 1, &results, NULL),
        rp_pool_apply(handles.pool, &call, "x", 1, &results, NULL),
        rp_pool_apply_async(handles.pool, &call, "x", 1, &future, NULL),
        rp_future_get(handles.future, -1, NULL, NULL),
        rp_future_wait(handles.future, -1),
        rp_future_successful(handles.future, &successful),
        rp_future_cancel(handles.future, true),
        rp_futures_wait(&handles.future, 1, RP_ALL_COMPLETED, -1),
        rp_futures_next(&handles.future, 1, -1, &index),
        rp_process_new(world, &(rp_process_options){.kernel = "one"}, &process, NULL),
        rp_process_start(handles.process, NULL),
        rp_process_join(handles.process, -1),
        rp_process_kill(handles.process),
        rp_world_share(world, "x", 1, &share, NULL),
        rp_lock_new(program, &lock),
    };
    int allowed = 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i] != RP_EINVAL) fprintf(stderr, "call %zu in a task gave %d\n", i, codes[i]);
        allowed += codes[i] != RP_EINVAL;
    }
    /* These answer nothing: that they did nothing is seen by what comes after. */
    rp_map_end(handles.map);
    rp_map_close(handles.map);
    rp_pool_close(handles.pool);
    rp_pool_terminate(handles.pool);
    rp_future_free(handles.future);
    rp_process_free(handles.process);
    rp_world_close(world, 7);
    return rp_task_printf(task, "%d", allowed);
}

/* The words of the error, in a worker process. */
static int open_world(rp_task *task, const void *input, size_t size) {
    static const rp_kernel kernel = {.name = "one", .item = one};
    static const rp_kernel *const kernels[] = {&kernel, NULL};
    rp_world *inner;
    int exit_code;
    rp_error error = {0};
    const int code = rp_world_open(&(rp_world_options){.kernels = kernels}, &inner, &exit_code, &error);
    return rp_task_printf(task, "%d %s", code, error.text);
}

static int call_mpi(rp_task *task, const void *input, size_t size) {
    int number = 0;
    char what = size ? *(const char *)input : 0;
    if (what == 'r') MPI_Comm_rank(MPI_COMM_WORLD, &number);
    if (what == 's') MPI_Send(&number, 1, MPI_INT, 0, 0, MPI_COMM_WORLD);
    if (what == 'b') MPI_Barrier(MPI_COMM_WORLD);
    if (what == 'i' && MPI_Init(NULL, NULL) == 0) MPI_Comm_size(MPI_COMM_WORLD, &number);
    return rp_task_printf(task, "%d", number);
}

static int leave(rp_task *task, const void *input, size_t size) { exit(input ? *(const char *)input : 0); }

/* ---- What claims use ------------------------------------------------------------------------------------ */

static rp_pool *open_pool(enum rp_workers kind) {
    rp_pool *pool = NULL;
    rp_error error = {0};
    if (rp_pool_open(world, &(rp_pool_options){.kind = kind, .crew = 2}, &pool, &error)) {
        fprintf(stderr, "test_bad_use: no pool: %s\n", error.text);
        rp_world_close(world, 1);
        exit(1);
    }
    return pool;
}

static rp_future *begin(rp_pool *pool, const char *kernel, rp_callback *error_callback) {
    rp_future *future = NULL;
    const rp_call call = {.kernel = kernel, .error_callback = error_callback, .context = pool};
    (void)rp_pool_apply_async(pool, &call, NULL, 0, &future, NULL); /* NULL: no call on it succeeds */
    return future;
}

/* ---- Inside a task ---------------------------------------------------------------------------------------- */

static void refuses_all(enum rp_workers kind) {
    handles.pool = open_pool(kind);
    rp_results results = {0};
    rp_map *map = NULL;
    CU_ASSERT_EQUAL(rp_map_open(handles.pool, &(rp_map_options){.kernel = "one", .count = RP_FED}, &map, NULL), 0);
    handles.map = map;
    handles.future = begin(handles.pool, "one", NULL);
    CU_ASSERT_EQUAL(rp_future_wait(handles.future, -1), 0);
    CU_ASSERT_EQUAL(rp_process_new(world, &(rp_process_options){.kernel = "one"}, &handles.process, NULL), 0);
    const rp_items items = {.count = 8};
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp_pool_map(handles.pool, &(rp_call){.kernel = "trespass"}, &items, &results, &error), 0);
    size_t seen = 0;
    for (size_t i = 0; i < results.count; i++) {
        const rp_result *result = &results.result[i];
        if (result->size == 2 && !memcmp(result->data, "-1", 2)) continue;
        CU_ASSERT(result->size == 1 && *(const char *)result->data == '0');
        seen++;
    }
    CU_ASSERT(seen > 0 || rp_world_ranks(world) > 1);
    rp_results_free(&results);
    /* All is as it was. */
    rp_result result;
    CU_ASSERT_EQUAL(rp_map_put(map, "x", 1), 0);
    rp_map_end(map);
    CU_ASSERT_EQUAL(rp_map_next(map, -1, &result), 0);
    rp_map_close(map);
    CU_ASSERT(computes(handles.pool));
    CU_ASSERT_EQUAL(rp_process_start(handles.process, &error), 0);
    CU_ASSERT_EQUAL(rp_process_join(handles.process, -1), 0);
    rp_process_free(handles.process);
    rp_future_free(handles.future);
    CU_ASSERT_EQUAL(rp_pool_free(handles.pool), 0);
    handles = (struct handles){0};
}

static void the_programs_calls_are_refused_in_worker_processes(void) { refuses_all(RP_WORKERS_PROCESS); }
static void the_programs_calls_are_refused_in_worker_threads(void) { refuses_all(RP_WORKERS_THREAD); }
static void the_programs_calls_are_refused_in_inline_workers(void) { refuses_all(RP_WORKERS_INLINE); }

static void a_world_opened_in_a_worker_process_is_refused(void) {
    rp_pool *pool = open_pool(RP_WORKERS_PROCESS);
    int code;
    const char *text = ask(pool, "open_world", NULL, 0, &code);
    CU_ASSERT_EQUAL(code, 0);
    CU_ASSERT_EQUAL(atoi(text), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "inside a task"));
    CU_ASSERT_EQUAL(rp_pool_free(pool), 0);
}

/* MPI_Init is no error in a process that was forked before MPI began: such a worker is then a world of its own. */
static void mpi_called_in_a_worker_process_fails_its_task_and_nothing_else(void) {
    rp_pool *pool = open_pool(RP_WORKERS_PROCESS);
    int code;
    for (const char *what = "rsb"; *what; what++) {
        ask(pool, "call_mpi", what, 1, &code);
        CU_ASSERT_EQUAL(code, RP_EDIED);
        CU_ASSERT(computes(pool));
    }
    const char *text = ask(pool, "call_mpi", "i", 1, &code);
    CU_ASSERT(code == RP_EDIED || (code == 0 && strcmp(text, "1") == 0));
    CU_ASSERT(computes(pool));
    CU_ASSERT_EQUAL(rp_pool_free(pool), 0);
    CU_ASSERT(computes(handles.pool));
}

static void exit_in_a_kernel_fails_its_task_and_nothing_else(void) {
    int code;
    for (char exit_code = 0; exit_code < 2; exit_code++) {
        const char *text = ask(handles.pool, "leave", &exit_code, 1, &code);
        CU_ASSERT_EQUAL(code, RP_EDIED);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, "exited"));
        CU_ASSERT(computes(handles.pool));
    }
}

static void a_task_of_a_thread_cannot_be_killed(void) {
    rp_pool *pool = open_pool(RP_WORKERS_THREAD);
    rp_future *future = begin(pool, "slow", NULL);
    int rc;
    while ((rc = rp_future_cancel(future, false)) == 0) { /* it had not started */
        rp_future_free(future);
        future = begin(pool, "slow", NULL);
        usleep(1000);
    }
    CU_ASSERT_EQUAL(rc, RP_EBUSY);
    CU_ASSERT_EQUAL(rp_future_cancel(future, true), RP_EUNSUPPORTED);
    CU_ASSERT_EQUAL(rp_pool_free(pool), 0);
    CU_ASSERT_EQUAL(rp_future_get(future, -1, NULL, NULL), RP_ECLOSED);
    rp_future_free(future);
}

/* ---- In the wrong order ------------------------------------------------------------------------------------ */

static void a_process_starts_once_and_is_joined_after(void) {
    rp_process *process = NULL;
    rp_error error = {0};
    int code;
    CU_ASSERT_EQUAL(rp_process_new(world, &(rp_process_options){.kernel = "slow"}, &process, NULL), 0);
    CU_ASSERT_EQUAL(rp_process_join(process, -1), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_kill(process), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_terminate(process), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_exitcode(process, &code), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_exitcode(process, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_start(process, &error), 0);
    CU_ASSERT_EQUAL(rp_process_start(process, &error), RP_EBUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, rp_process_name(process)));
    CU_ASSERT_EQUAL(rp_process_exitcode(process, &code), RP_EBUSY);
    CU_ASSERT_EQUAL(rp_process_join(process, NAN), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_join(process, 0), RP_ETIMEDOUT);
    CU_ASSERT(rp_process_is_alive(process));
    rp_process_free(process); /* and kills it */
    CU_ASSERT(computes(handles.pool));
}

static void a_closed_pool_takes_nothing_and_is_closed_again(void) {
    rp_pool *pool = open_pool(RP_WORKERS_PROCESS);
    rp_map *map = NULL, *late = NULL;
    rp_future *future = NULL;
    rp_result result;
    int code;
    CU_ASSERT_EQUAL(rp_map_open(pool, &(rp_map_options){.kernel = "one", .count = RP_FED}, &map, NULL), 0);
    CU_ASSERT_EQUAL(rp_pool_join(pool, -1), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_free(pool), RP_EBUSY);
    rp_map_end(map);
    CU_ASSERT_EQUAL(rp_map_put(map, "x", 1), RP_ECLOSED);
    CU_ASSERT_EQUAL(rp_map_next(map, -1, &result), RP_END);
    CU_ASSERT(computes(pool));
    rp_pool_close(pool);
    rp_pool_close(pool);
    CU_ASSERT_EQUAL(rp_map_open(pool, &(rp_map_options){.kernel = "one", .count = 1}, &late, NULL), RP_ECLOSED);
    CU_ASSERT_EQUAL(rp_pool_apply_async(pool, &(rp_call){.kernel = "slow"}, NULL, 0, &future, NULL), RP_ECLOSED);
    rp_pool_terminate(pool);
    rp_pool_terminate(pool);
    rp_pool_close(pool);
    CU_ASSERT_EQUAL(rp_pool_join(pool, -1), 0);
    ask(pool, "one", NULL, 0, &code);
    CU_ASSERT_EQUAL(code, RP_ECLOSED);
    rp_map_close(map);
    CU_ASSERT_EQUAL(rp_pool_free(pool), 0);
}

static void a_busy_pool_that_cannot_be_freed_keeps_its_futures(void) {
    rp_pool *pool = open_pool(RP_WORKERS_PROCESS);
    rp_map *map = NULL;
    rp_future *future = begin(pool, "one", NULL);
    CU_ASSERT_EQUAL(rp_map_open(pool, &(rp_map_options){.kernel = "one", .count = RP_FED}, &map, NULL), 0);
    CU_ASSERT_EQUAL(rp_pool_free(pool), RP_EBUSY);
    CU_ASSERT_EQUAL(rp_future_get(future, -1, NULL, NULL), 0);
    CU_ASSERT(computes(pool));
    rp_future_free(future);
    rp_map_close(map);
    CU_ASSERT_EQUAL(rp_pool_free(pool), 0);
}

static int tried_again;

static void try_again(rp_future *future, const rp_results *results, void *context) {
    rp_future *next = NULL;
    tried_again = rp_pool_apply_async(context, &(rp_call){.kernel = "slow"}, NULL, 0, &next, NULL);
    rp_future_free(next);
}

static void a_callback_that_tries_again_on_a_pool_being_freed_is_refused(void) {
    rp_pool *pool = open_pool(RP_WORKERS_PROCESS);
    rp_future *future = begin(pool, "slow", try_again);
    tried_again = 1;
    CU_ASSERT_EQUAL(rp_pool_free(pool), 0);
    CU_ASSERT_EQUAL(tried_again, RP_ECLOSED);
    bool successful = true;
    CU_ASSERT(rp_future_ready(future));
    CU_ASSERT_EQUAL(rp_future_get(future, -1, NULL, NULL), RP_ECLOSED);
    CU_ASSERT_EQUAL(rp_future_successful(future, &successful), 0);
    CU_ASSERT_FALSE(successful);
    CU_ASSERT_EQUAL(rp_future_cancel(future, true), RP_ECLOSED);
    CU_ASSERT_EQUAL(rp_futures_wait(&future, 1, RP_FIRST_COMPLETED, -1), 0);
    rp_future_free(future);
}

static void a_second_world_is_refused_where_mpi_runs(void) {
    static const rp_kernel kernel = {.name = "one", .item = one};
    static const rp_kernel *const kernels[] = {&kernel, NULL};
    const rp_world_options options = {.kernels = kernels, .mpi = RP_MPI_YES};
    rp_world *second = NULL;
    rp_error error = {0};
    if (rp_world_ranks(world) == 1) return; /* it may be bare: then it starts MPI */
    CU_ASSERT_EQUAL(rp_world_open(&options, &second, NULL, &error), RP_EMPI);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "already started"));
    CU_ASSERT_PTR_NULL(second);
    CU_ASSERT(computes(handles.pool));
}

/* ---- Whole programs ---------------------------------------------------------------------------------------- */

static const rp_kernel kernels[] = {
    {.name = "one", .item = one},           {.name = "slow", .item = slow},
    {.name = "trespass", .item = trespass}, {.name = "open_world", .item = open_world},
    {.name = "call_mpi", .item = call_mpi}, {.name = "leave", .item = leave},
};
static const rp_kernel *const table[] = {&kernels[0], &kernels[1], &kernels[2], &kernels[3],
                                         &kernels[4], &kernels[5], NULL};

/* The last rank has another table, or other options. All ends by itself, and rank 0 is told why. */
static int disagree(const char *about) {
    const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *ranks = getenv("OMPI_COMM_WORLD_SIZE");
    if (!rank || !ranks) return 77;
    const bool last = atoi(rank) + 1 == atoi(ranks);
    const bool other_table = last && strcmp(about, "kernels") == 0, other_options = last && !other_table;
    const rp_world_options options = {.kernels = other_table ? table + 1 : table, .catch_signals = other_options};
    int exit_code = 0;
    rp_error error = {0};
    const int code = rp_world_open(&options, &world, &exit_code, &error);
    if (atoi(rank)) return code == RP_SERVED && exit_code ? 0 : 1;
    if (code == RP_EMISMATCH && strstr(error.text, "options") && strstr(error.text, "kernels")) return 0;
    fprintf(stderr, "the ranks disagree about %s, and rank 0 got %d: %s\n", about, code, error.text);
    return 1;
}

/* Close the world with all that can be open on it. What is left is the futures, which are done. */
static bool closes_with_all_open(void) {
    rp_pool *pool = open_pool(RP_WORKERS_PROCESS), *idle = open_pool(RP_WORKERS_THREAD);
    rp_map *map = NULL, *fed = NULL;
    rp_process *process = NULL, *fresh = NULL;
    rp_future *future = begin(pool, "slow", NULL), *many = NULL;
    const rp_items items = {.count = 100};
    bool good = idle && rp_pool_map_async(pool, &(rp_call){.kernel = "slow"}, &items, &many, NULL) == 0;
    good = good && rp_map_open(pool, &(rp_map_options){.kernel = "slow", .count = 100}, &map, NULL) == 0;
    good = good && rp_map_open(idle, &(rp_map_options){.kernel = "one", .count = RP_FED}, &fed, NULL) == 0;
    good = good && rp_map_put(fed, "x", 1) == 0;
    good = good && rp_process_new(world, &(rp_process_options){.kernel = "slow"}, &process, NULL) == 0;
    good = good && rp_process_new(world, &(rp_process_options){.kernel = "slow"}, &fresh, NULL) == 0;
    good = good && rp_process_start(process, NULL) == 0;
    rp_world_close(world, good ? 0 : 1);
    good = good && rp_future_get(future, -1, NULL, NULL) == RP_ECLOSED && rp_future_cancel(future, true) == RP_ECLOSED;
    good = good && rp_future_get(many, -1, NULL, NULL) == RP_ECLOSED;
    rp_future_free(future);
    rp_future_free(many);
    if (!good) fprintf(stderr, "a world that was closed with all open left something behind\n");
    return good;
}

int main(int argc, char **argv) {
    static const struct unit_test tests[] = {
        UNIT(a_world_opened_in_a_worker_process_is_refused),
        UNIT(mpi_called_in_a_worker_process_fails_its_task_and_nothing_else),
        UNIT(exit_in_a_kernel_fails_its_task_and_nothing_else),
        UNIT(a_task_of_a_thread_cannot_be_killed),
        UNIT(a_process_starts_once_and_is_joined_after),
        UNIT(a_closed_pool_takes_nothing_and_is_closed_again),
        UNIT(a_busy_pool_that_cannot_be_freed_keeps_its_futures),
        UNIT(a_callback_that_tries_again_on_a_pool_being_freed_is_refused),
        UNIT(a_second_world_is_refused_where_mpi_runs),
        {NULL, NULL},
    };
    static const struct unit_test inside[] = {
        UNIT(the_programs_calls_are_refused_in_worker_processes),
        UNIT(the_programs_calls_are_refused_in_worker_threads),
        UNIT(the_programs_calls_are_refused_in_inline_workers),
        {NULL, NULL},
    };
    if (argc > 1) return disagree(argv[1]);
    int exit_code = 0;
    rp_error error = {0};
    const int code = rp_world_open(&(rp_world_options){.kernels = table}, &world, &exit_code, &error);
    if (code == RP_SERVED) return exit_code;
    if (code) {
        fprintf(stderr, "test_bad_use: %s\n", error.text);
        return 1;
    }
    program = rp_world_self(world);
    handles.pool = open_pool(RP_WORKERS_PROCESS);
    exit_code = unit_run("bad use", tests);
    (void)rp_pool_free(handles.pool);
    if (!exit_code) exit_code = unit_run("bad use in tasks", inside);
    if (exit_code)
        rp_world_close(world, exit_code);
    else
        exit_code = !closes_with_all_open();
    return exit_code;
}
