/* NULL where something is needed, numbers that are none, and handles of nothing, in every call, bare and on ranks: each
 * is refused, and the world goes on afterwards. Calls in the wrong place and order are in test_bad_use.c. */
#include "mpi/ask.h"
#include "mpi/on_a_pool.h"
#include "rankpool_sync.h"

#include <math.h>

/* Every call on a NULL task, and NULL where a task's call needs something. */
static int call_on_null(rp_task *task, const void *input, size_t size) {
    const char *volatile no_format = NULL;
    const int codes[] = {
        rp_task_write(NULL, "x", 1),       rp_task_write(task, NULL, 1),       rp_task_printf(NULL, "x"),
        rp_task_add(NULL, "x", 1),         rp_task_printf(task, no_format, 0), rp_task_print(NULL, "x"),
        rp_task_print(task, no_format, 0), rp_task_add(task, NULL, 1),
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i] != RP_EINVAL) return rp_task_fail(task, "call %zu gave %d", i, codes[i]);
    rp_task_commit(NULL, 1);
    rp_task_progress(NULL, 0.5);
    const bool good = rp_task_fail(NULL, "x") == RP_ETASK && !rp_task_reserve(NULL, 1) && !rp_task_canceled(NULL) &&
                      rp_task_index(NULL) == 0 && !rp_task_args(NULL, NULL) && !rp_task_argument(NULL, 0, NULL) &&
                      !rp_task_state(NULL) && !rp_task_where(NULL) && !rp_task_machine(NULL, NULL, 0) &&
                      rp_task_machine(task, NULL, 9) > 0 && !rp_task_shared(NULL, 0, NULL) && !rp_task_self(NULL);
    return good ? 0 : rp_task_fail(task, "something came of no task");
}

static const rp_kernel one_kernel = {.name = "one", .item = one},
                       null_kernel = {.name = "call_on_null", .item = call_on_null};
static const rp_kernel *const kernels[] = {&one_kernel, &null_kernel, NULL};

/* The program's one world and pool; claims are functions without arguments. */
static struct {
    rp_world *world;
    rp_pool *pool;
} the;

/* ---- NULL and numbers that are none ---------------------------------------------------------------------- */

static void null_gives_einval_in_calls_on_worlds_and_pools(void) {
    rp_pool *pool = NULL;
    rp_error error = {0};
    uint32_t share;
    CU_ASSERT_EQUAL(rp_world_open(NULL, &the.world, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_world_open(&(rp_world_options){0}, NULL, NULL, &error), RP_EINVAL);
    CU_ASSERT(error.text[0] != 0);
    CU_ASSERT_EQUAL(rp_world_attach_fortran(0, NULL, &the.world, NULL, NULL), RP_EINVAL);
    rp_world_close(NULL, 0);
    CU_ASSERT_EQUAL(rp_world_ranks(NULL), 0);
    CU_ASSERT_STRING_EQUAL(rp_world_error(NULL), "");
    CU_ASSERT_PTR_NULL(rp_world_self(NULL));
    CU_ASSERT_EQUAL(rp_world_share(NULL, "x", 1, &share, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_world_share(the.world, NULL, 1, &share, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_world_share(the.world, "x", 0, &share, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_world_share(the.world, "x", 1, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_open(NULL, NULL, &pool, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_open(the.world, NULL, NULL, NULL), RP_EINVAL);
    rp_pool_close(NULL);
    rp_pool_terminate(NULL);
    CU_ASSERT_EQUAL(rp_pool_join(NULL, 0), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_join(the.pool, NAN), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_free(NULL), 0);
    CU_ASSERT_EQUAL(rp_pool_workers(NULL), 0);
    CU_ASSERT_EQUAL(rp_pool_hosts(NULL), 0);
    CU_ASSERT_PTR_NULL(rp_pool_note(NULL, 0));
}

static void null_gives_einval_in_calls_on_maps(void) {
    const rp_map_options options = {.kernel = "one", .count = RP_FED};
    rp_map *map = NULL;
    rp_result result;
    rp_map_stats stats;
    CU_ASSERT_EQUAL(rp_map_open(NULL, &options, &map, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_open(the.pool, NULL, &map, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_open(the.pool, &options, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_open(the.pool, &(rp_map_options){.count = 1}, &map, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_put(NULL, "x", 1), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_next(NULL, 0, &result), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_reduce(NULL, 0, &result, 1), RP_EINVAL);
    rp_map_end(NULL);
    rp_map_close(NULL);
    rp_map_stats_get(NULL, &stats);
    CU_ASSERT_EQUAL(rp_map_open(the.pool, &options, &map, NULL), 0);
    CU_ASSERT_EQUAL(rp_map_put(map, NULL, 1), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_next(map, 0, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_next(map, NAN, &result), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_reduce(map, NAN, &result, 1), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_reduce(map, 0, NULL, 1), RP_EINVAL);
    rp_map_stats_get(map, NULL);
    rp_map_close(map);
}

static void null_gives_einval_in_pythons_names(void) {
    rp_pool *pool = the.pool;
    const rp_call call = {.kernel = "one"}, nameless = {0};
    const rp_items items = {.data = "x", .count = 1, .size = 1}, empty = {.count = 1, .size = 1};
    rp_results results = {0};
    rp_future *future = NULL;
    rp_map *map = NULL;
    CU_ASSERT_EQUAL(rp_pool_map(NULL, &call, &items, &results, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map(pool, NULL, &items, &results, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map(pool, &nameless, &items, &results, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map(pool, &call, NULL, &results, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map(pool, &call, &empty, &results, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map(pool, &call, &items, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map_async(NULL, &call, &items, &future, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_map_async(pool, &call, &items, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_starmap(NULL, &call, &items, 1, &results, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_starmap(pool, &call, NULL, 1, &results, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_starmap(pool, &call, &items, 1, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_starmap_async(pool, &call, NULL, 1, &future, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_starmap_async(pool, &call, &items, 1, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_apply(NULL, &call, "x", 1, &results, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_apply(pool, &nameless, "x", 1, &results, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_apply(pool, &call, NULL, 1, &results, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_apply(pool, &call, "x", 1, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_apply_async(NULL, &call, "x", 1, &future, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_apply_async(pool, &call, "x", 1, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_imap(pool, &call, NULL, NULL, &map, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_imap_unordered(pool, &call, NULL, NULL, &map, NULL), RP_EINVAL);
    CU_ASSERT_PTR_NULL(future);
    CU_ASSERT_PTR_NULL(map);
    CU_ASSERT_PTR_NULL(results.result);
}

static void null_gives_einval_in_calls_on_futures_and_results(void) {
    rp_future *future = NULL, *none[] = {NULL};
    bool successful;
    size_t index;
    CU_ASSERT_EQUAL(rp_future_get(NULL, 0, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_future_wait(NULL, 0), RP_EINVAL);
    CU_ASSERT_FALSE(rp_future_ready(NULL));
    CU_ASSERT_EQUAL(rp_future_successful(NULL, &successful), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_future_cancel(NULL, true), RP_EINVAL);
    rp_future_free(NULL);
    CU_ASSERT_EQUAL(rp_futures_wait(NULL, 1, RP_ALL_COMPLETED, 0), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_futures_wait(none, 1, RP_ALL_COMPLETED, 0), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_futures_next(NULL, 1, 0, &index), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_apply_async(the.pool, &(rp_call){.kernel = "one"}, NULL, 0, &future, NULL), 0);
    CU_ASSERT_EQUAL(rp_future_get(future, NAN, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_future_wait(future, NAN), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_future_successful(future, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_futures_wait(&future, 1, (enum rp_wait)9, 0), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_futures_next(&future, 1, 0, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_future_get(future, -1, NULL, NULL), 0);
    rp_future_free(future);

    rp_results results = {0};
    CU_ASSERT_EQUAL(rp_pool_apply(the.pool, &(rp_call){.kernel = "one"}, NULL, 0, &results, NULL), 0);
    rp_results_free(&results);
    CU_ASSERT_EQUAL(results.count, 0);
    CU_ASSERT_PTR_NULL(results.result);
    rp_results_free(&results);
    rp_results_free(NULL);
}

static void null_gives_einval_in_calls_on_processes(void) {
    const rp_process_options options = {.kernel = "one"};
    rp_process *process = NULL;
    int code;
    CU_ASSERT_EQUAL(rp_process_new(NULL, &options, &process, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_new(the.world, NULL, &process, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_new(the.world, &options, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_new(the.world, &(rp_process_options){0}, &process, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_start(NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_join(NULL, 0), RP_EINVAL);
    CU_ASSERT_FALSE(rp_process_is_alive(NULL));
    CU_ASSERT_EQUAL(rp_process_terminate(NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_kill(NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_exitcode(NULL, &code), RP_EINVAL);
    CU_ASSERT_STRING_EQUAL(rp_process_message(NULL), "");
    CU_ASSERT_EQUAL(rp_process_pid(NULL), 0);
    CU_ASSERT_PTR_NULL(rp_process_where(NULL));
    CU_ASSERT_PTR_NULL(rp_process_name(NULL));
    rp_process_free(NULL);
}

static void null_gives_einval_in_calls_of_tasks(void) {
    int code;
    const char *text = ask(the.pool, "call_on_null", NULL, 0, &code);
    if (code) puts(text);
    CU_ASSERT_EQUAL(code, 0);
}

static void options_that_nothing_is_meant_by_are_refused_and_the_world_goes_on(void) {
    rp_pool *pool = NULL;
    rp_map *map = NULL;
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp_pool_open(the.world, &(rp_pool_options){.kind = (enum rp_workers)7}, &pool, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "7"));
    CU_ASSERT_EQUAL(rp_pool_open(the.world, &(rp_pool_options){.bind = (enum rp_bind)7}, &pool, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_open(the.world, &(rp_pool_options){.crew = 5000}, &pool, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "5000"));
    CU_ASSERT_EQUAL(rp_pool_open(the.world, &(rp_pool_options){.workers = 4000000}, &pool, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_open(the.world, &(rp_pool_options){.initializer = "none"}, &pool, &error), RP_EINVAL);
    const rp_pool_options long_lived = {.kind = RP_WORKERS_THREAD, .maxtasksperchild = 1};
    CU_ASSERT_EQUAL(rp_pool_open(the.world, &long_lived, &pool, &error), RP_EUNSUPPORTED);
    const rp_map_options scheduled = {.kernel = "one", .count = 1, .schedule = {.kind = (enum rp_schedule_kind)9}};
    CU_ASSERT_EQUAL(rp_map_open(the.pool, &scheduled, &map, &error), RP_EINVAL);
    CU_ASSERT_PTR_NULL(pool);
    CU_ASSERT_PTR_NULL(map);
    CU_ASSERT(computes(the.pool));
}

static void a_pool_with_no_room_for_its_workers_fails_alone(void) {
    rp_pool *large = NULL, *next = NULL;
    rp_error error = {0};
    const rp_pool_options options = {.crew = 1000, .kind = RP_WORKERS_INLINE};
    CU_ASSERT_EQUAL(rp_pool_open(the.world, &options, &large, &error), 0);
    CU_ASSERT_NOT_EQUAL(rp_pool_open(the.world, &options, &next, &error), 0);
    CU_ASSERT(error.text[0] != 0);
    CU_ASSERT_PTR_NULL(next);
    CU_ASSERT_EQUAL(rp_pool_free(large), 0);
    CU_ASSERT(computes(the.pool));
    CU_ASSERT_STRING_EQUAL(rp_world_error(the.world), "");
}

/* ---- What is shared ------------------------------------------------------------------------------------------ */

static bool is_refusal(int code) { return code == RP_EINVAL || code == RP_ECLOSED; }

/* Every call on an object, as if the id were one of its type. */
static void every_call_refuses(uint64_t id) {
    rp_self *program = rp_world_self(the.world);
    const rp_queue queue = {id};
    const rp_pipe pipe = {id};
    const rp_lock lock = {id};
    const rp_rlock rlock = {id};
    const rp_semaphore semaphore = {id};
    const rp_event event = {id};
    const rp_condition condition = {id};
    const rp_barrier barrier = {id};
    const rp_value value = {id};
    const rp_array array = {id};
    rp_condition on;
    int64_t number = 0;
    double real;
    size_t size;
    uint32_t waiting;
    bool is;
    void *at;
    const int codes[] = {
        rp_queue_free(program, queue),
        rp_queue_get(program, queue, -1, &number, sizeof number, &size),
        rp_queue_get_alloc(program, queue, -1, &at, &size),
        rp_queue_size(program, queue, &size),
        rp_queue_empty(program, queue, &is),
        rp_queue_full(program, queue, &is),
        rp_queue_task_done(program, queue),
        rp_queue_join(program, queue, -1),
        rp_queue_close(program, queue),
        rp_pipe_recv(program, pipe, -1, &number, sizeof number, &size),
        rp_pipe_recv_alloc(program, pipe, -1, &at, &size),
        rp_pipe_poll(program, pipe, -1),
        rp_pipe_close(program, pipe),
        rp_pipe_free(program, pipe),
        rp_lock_acquire(program, lock, -1),
        rp_lock_release(program, lock),
        rp_lock_repair(program, lock),
        rp_lock_free(program, lock),
        rp_rlock_acquire(program, rlock, -1),
        rp_rlock_release(program, rlock),
        rp_rlock_repair(program, rlock),
        rp_rlock_free(program, rlock),
        rp_semaphore_acquire(program, semaphore, -1),
        rp_semaphore_release(program, semaphore),
        rp_semaphore_repair(program, semaphore),
        rp_semaphore_free(program, semaphore),
        rp_event_set(program, event),
        rp_event_clear(program, event),
        rp_event_is_set(program, event, &is),
        rp_event_wait(program, event, -1),
        rp_event_free(program, event),
        rp_condition_new_on(program, lock, &on),
        rp_condition_new_on_rlock(program, rlock, &on),
        rp_condition_acquire(program, condition, -1),
        rp_condition_release(program, condition),
        rp_condition_repair(program, condition),
        rp_condition_wait(program, condition, -1),
        rp_condition_notify(program, condition, 1),
        rp_condition_notify_all(program, condition),
        rp_condition_free(program, condition),
        rp_barrier_wait(program, barrier, -1, NULL),
        rp_barrier_abort(program, barrier),
        rp_barrier_reset(program, barrier),
        rp_barrier_waiting(program, barrier, &waiting),
        rp_barrier_free(program, barrier),
        rp_value_load(program, value, &number),
        rp_value_store(program, value, 1),
        rp_value_add(program, value, 1, NULL),
        rp_value_exchange(program, value, 1, NULL),
        rp_value_compare_exchange(program, value, &number, 1, &is),
        rp_value_load_double(program, value, &real),
        rp_value_store_double(program, value, 1),
        rp_value_add_double(program, value, 1, NULL),
        rp_value_free(program, value),
        rp_array_load(program, array, 0, &number),
        rp_array_store(program, array, 0, 1),
        rp_array_add(program, array, 0, 1, NULL),
        rp_array_exchange(program, array, 0, 1, NULL),
        rp_array_compare_exchange(program, array, 0, &number, 1, &is),
        rp_array_load_double(program, array, 0, &real),
        rp_array_store_double(program, array, 0, 1),
        rp_array_add_double(program, array, 0, 1, NULL),
        rp_array_read(program, array, 0, 1, &number),
        rp_array_write(program, array, 0, 1, &number),
        rp_array_words(program, array, &at, &size),
        rp_array_free(program, array),
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (!is_refusal(codes[i])) printf("\ncall %zu on %#llx gave %d", i, (unsigned long long)id, codes[i]);
        CU_ASSERT(is_refusal(codes[i]));
    }
}

static void handles_of_nothing_are_refused(void) {
    every_call_refuses(0);
    every_call_refuses(1);
    every_call_refuses(UINT64_MAX);
    for (uint64_t type = 0; type < 16; type++) {
        every_call_refuses(type << 36 | 999999);                                           /* never made */
        every_call_refuses((uint64_t)rp_world_ranks(the.world) << 40 | type << 36 | 1);    /* no such rank */
        every_call_refuses(UINT64_C(0xffffff) << 40 | type << 36 | UINT64_C(0xfffffffff)); /* none of all of it */
    }
}

static void a_freed_object_is_refused_by_every_call_of_its_type(void) {
    rp_self *program = rp_world_self(the.world);
    rp_lock lock;
    rp_lock used = {0};
    CU_ASSERT_EQUAL(rp_lock_new(program, &lock), 0);
    CU_ASSERT_EQUAL(rp_lock_free(program, lock), 0);
    every_call_refuses(lock.id);
    CU_ASSERT_EQUAL(rp_lock_free(program, lock), RP_ECLOSED);
    rp_array array;
    CU_ASSERT_EQUAL(rp_array_new(program, 3, &array), 0);
    CU_ASSERT_EQUAL(rp_array_store(program, array, 0, 1), 0);
    CU_ASSERT_EQUAL(rp_array_free(program, array), 0);
    every_call_refuses(array.id);
    CU_ASSERT_EQUAL(rp_lock_new(program, &used), 0);
    rp_condition wrong;
    CU_ASSERT_EQUAL(rp_condition_new_on_rlock(program, (rp_rlock){used.id}, &wrong), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_lock_free(program, used), 0);
}

static bool always(void *context) { return context == NULL; }

static void shared_objects_refuse_null_and_no_number(void) {
    rp_self *program = rp_world_self(the.world);
    rp_queue queue;
    rp_pipe end[2];
    rp_condition condition;
    rp_array array;
    CU_ASSERT_EQUAL(rp_queue_new(NULL, 0, &queue), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_queue_new(program, 0, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pipe_new(program, true, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_lock_new(program, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_rlock_new(program, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_semaphore_new(program, 1, false, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_event_new(program, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_condition_new(program, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_barrier_new(program, 1, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_value_new(program, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_array_new(program, 1, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_array_new(program, 0, &array), RP_EINVAL);
    rp_barrier barrier;
    CU_ASSERT_EQUAL(rp_barrier_new(program, 0, &barrier), RP_EINVAL);

    CU_ASSERT_EQUAL(rp_queue_new(program, 0, &queue), 0);
    CU_ASSERT_EQUAL(rp_queue_put(NULL, queue, "x", 1, 0), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_queue_put(program, queue, NULL, 1, 0), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_queue_put(program, queue, "x", 1, NAN), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_queue_get(program, queue, -1, NULL, 1, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_queue_get_alloc(program, queue, -1, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_queue_size(program, queue, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_queue_empty(program, queue, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_queue_full(program, queue, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_queue_join(program, queue, NAN), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_queue_free(program, queue), 0);
    CU_ASSERT_EQUAL(rp_pipe_new(program, true, end), 0);
    CU_ASSERT_EQUAL(rp_pipe_send(program, end[0], NULL, 1, -1), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pipe_recv(program, end[0], NAN, NULL, 0, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pipe_recv_alloc(program, end[0], -1, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pipe_free(program, end[1]), 0);
    CU_ASSERT_EQUAL(rp_condition_new(program, &condition), 0);
    CU_ASSERT_EQUAL(rp_condition_wait(program, condition, -1), RP_EPERM);
    CU_ASSERT_EQUAL(rp_condition_wait_for(program, condition, NULL, NULL, -1), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_condition_wait_for(program, condition, always, NULL, NAN), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_condition_free(program, condition), 0);
    CU_ASSERT_EQUAL(rp_array_new(program, 1, &array), 0);
    CU_ASSERT_EQUAL(rp_array_load(program, array, 0, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_array_load(program, array, 1, &(int64_t){0}), RP_ERANGE);
    CU_ASSERT_EQUAL(rp_array_read(program, array, 0, 1, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_array_write(program, array, 0, 1, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_array_compare_exchange(program, array, 0, NULL, 1, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_array_words(program, array, NULL, NULL), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_array_free(program, array), 0);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(null_gives_einval_in_calls_on_worlds_and_pools),
                                             UNIT(null_gives_einval_in_calls_on_maps),
                                             UNIT(null_gives_einval_in_pythons_names),
                                             UNIT(null_gives_einval_in_calls_on_futures_and_results),
                                             UNIT(null_gives_einval_in_calls_on_processes),
                                             UNIT(null_gives_einval_in_calls_of_tasks),
                                             UNIT(options_that_nothing_is_meant_by_are_refused_and_the_world_goes_on),
                                             UNIT(a_pool_with_no_room_for_its_workers_fails_alone),
                                             UNIT(handles_of_nothing_are_refused),
                                             UNIT(a_freed_object_is_refused_by_every_call_of_its_type),
                                             UNIT(shared_objects_refuse_null_and_no_number),
                                             {NULL, NULL}};
    return run_on_a_pool("null_use", kernels, tests, &the.world, &the.pool);
}
