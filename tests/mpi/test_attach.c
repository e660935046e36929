/* A world attached to a communicator of an MPI program: on all ranks, on half of them, twice, with threads and inline. */
#include "rankpool_mpi.h"
#include "rankpool_sync.h"
#include "unit/unit.h"

#include <string.h>
#include <unistd.h>

static int square(rp_task *task, const void *input, size_t size) {
    uint64_t n;
    if (size != sizeof n) return rp_task_fail(task, "a number is 8 bytes, not %zu", size);
    memcpy(&n, input, sizeof n);
    n *= n;
    return rp_task_write(task, &n, sizeof n);
}

/* What tasks share with main. */
struct shared {
    rp_queue in, out;
    rp_lock lock;
    rp_barrier barrier;
    rp_array array;
};

/* Meets all others and main, then answers what it takes from one queue in another, and counts under the lock. */
static int share(rp_task *task, const void *input, size_t size) {
    const struct shared *shared = rp_task_args(task, NULL);
    rp_self *self = rp_task_self(task);
    int64_t number, count;
    int code = rp_barrier_wait(self, shared->barrier, -1, NULL);
    while (code == 0 && (code = rp_queue_get(self, shared->in, -1, &number, sizeof number, NULL)) == 0) {
        number *= number;
        code = rp_queue_put(self, shared->out, &number, sizeof number, -1);
        if (code == 0) code = rp_lock_acquire(self, shared->lock, -1);
        if (code == 0) code = rp_array_load(self, shared->array, 0, &count);
        if (code == 0) code = rp_array_store(self, shared->array, 0, count + 1);
        if (code == 0) code = rp_lock_release(self, shared->lock);
    }
    return code == RP_ECLOSED ? 0 : code;
}

static const rp_kernel square_kernel = {.name = "square", .item = square};
static const rp_kernel share_kernel = {.name = "share", .item = share};
static const rp_kernel *const kernels[] = {&square_kernel, &share_kernel, NULL};
static const rp_world_options options = {.kernels = kernels};

static void squares(rp_pool *pool, uint64_t count) {
    rp_map *map = NULL;
    rp_result result;
    CU_ASSERT_EQUAL_FATAL(rp_map_open(pool, &(rp_map_options){.kernel = "square", .count = RP_FED}, &map, NULL), 0);
    for (uint64_t i = 0; i < count; i++) CU_ASSERT_EQUAL(rp_map_put(map, &i, sizeof i), 0);
    CU_ASSERT_EQUAL(rp_map_next(map, 0, &result), RP_ETIMEDOUT);
    rp_map_end(map);
    uint64_t seen = 0, square_of;
    while (rp_map_next(map, 60, &result) == 0) {
        memcpy(&square_of, result.data, sizeof square_of);
        if (result.status || square_of != seen * seen) break;
        seen++;
    }
    CU_ASSERT_EQUAL(seen, count);
    rp_map_close(map);
}

static void futures(rp_pool *pool) {
    uint64_t number[100], square_of;
    rp_future *future[100];
    const rp_results *results = NULL;
    for (uint64_t i = 0; i < 100; i++) {
        number[i] = i;
        const rp_call call = {.kernel = "square"};
        CU_ASSERT_EQUAL_FATAL(rp_pool_apply_async(pool, &call, &number[i], sizeof number[i], &future[i], NULL), 0);
    }
    while (!rp_future_ready(future[99])) continue; /* each look makes progress: there is no service thread */
    for (uint64_t i = 0; i < 100; i++) {
        CU_ASSERT_EQUAL_FATAL(rp_future_get(future[i], 60, &results, NULL), 0);
        memcpy(&square_of, results->result[0].data, sizeof square_of);
        CU_ASSERT_EQUAL(square_of, i * i);
        rp_future_free(future[i]);
    }
    rp_results all = {0};
    const rp_items items = {.data = number, .count = 100, .size = sizeof number[0]};
    CU_ASSERT_EQUAL(rp_pool_map(pool, &(rp_call){.kernel = "square"}, &items, &all, NULL), 0);
    CU_ASSERT_EQUAL(all.count, 100);
    rp_results_free(&all);
}

/* More tasks than workers, which wait for each other and for main. Nobody but main's own calls makes progress here. */
static void sharing(rp_world *world, rp_pool *pool) {
    enum { NUMBERS = 200 };
    const uint32_t tasks = rp_pool_workers(pool) + 3;
    rp_self *self = rp_world_self(world);
    struct shared shared = {.in.id = 0};
    CU_ASSERT_EQUAL_FATAL(rp_queue_new(self, 0, &shared.in), 0);
    CU_ASSERT_EQUAL_FATAL(rp_queue_new(self, 2, &shared.out), 0);
    CU_ASSERT_EQUAL_FATAL(rp_lock_new(self, &shared.lock), 0);
    CU_ASSERT_EQUAL_FATAL(rp_barrier_new(self, tasks + 1, &shared.barrier), 0);
    CU_ASSERT_EQUAL_FATAL(rp_array_new(self, 1, &shared.array), 0);
    const rp_map_options how = {.kernel = "share", .count = tasks, .args = &shared, .args_size = sizeof shared};
    rp_map *map = NULL;
    CU_ASSERT_EQUAL_FATAL(rp_map_open(pool, &how, &map, NULL), 0);
    CU_ASSERT_EQUAL(rp_barrier_wait(self, shared.barrier, 60, NULL), 0);
    int64_t sum = 0, wanted = 0, number = 0;
    for (int64_t i = 0; i < NUMBERS; i++) CU_ASSERT_EQUAL(rp_queue_put(self, shared.in, &i, sizeof i, 60), 0);
    for (int64_t i = 0; i < NUMBERS; i++) {
        CU_ASSERT_EQUAL_FATAL(rp_queue_get(self, shared.out, 60, &number, sizeof number, NULL), 0);
        sum += number;
        wanted += i * i;
    }
    CU_ASSERT_EQUAL(sum, wanted);
    CU_ASSERT_EQUAL(rp_queue_get(self, shared.out, 0.01, &number, sizeof number, NULL), RP_EEMPTY);
    CU_ASSERT_EQUAL(rp_queue_close(self, shared.in), 0);
    rp_result result;
    for (uint32_t i = 0; i < tasks; i++) {
        CU_ASSERT_EQUAL_FATAL(rp_map_next(map, 60, &result), 0);
        CU_ASSERT_EQUAL(result.status, 0);
    }
    rp_map_close(map);
    CU_ASSERT_EQUAL(rp_lock_acquire(self, shared.lock, 60), 0);
    CU_ASSERT_EQUAL(rp_array_load(self, shared.array, 0, &number), 0);
    CU_ASSERT_EQUAL(number, NUMBERS);
    CU_ASSERT_EQUAL(rp_lock_release(self, shared.lock), 0);
    CU_ASSERT_EQUAL(rp_queue_free(self, shared.in), 0);
    CU_ASSERT_EQUAL(rp_queue_free(self, shared.out), 0);
    CU_ASSERT_EQUAL(rp_lock_free(self, shared.lock), 0);
    CU_ASSERT_EQUAL(rp_barrier_free(self, shared.barrier), 0);
    CU_ASSERT_EQUAL(rp_array_free(self, shared.array), 0);
}

/* What rank 0 of the world does; the others serve meanwhile. */
static void use(rp_world *world, int ranks) {
    rp_pool *inside = NULL, *threads = NULL, *processes = NULL;
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp_world_ranks(world), ranks);
    CU_ASSERT_EQUAL(rp_pool_open(world, NULL, &processes, &error), RP_EUNSUPPORTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "threads"));
    rp_process *process = NULL;
    CU_ASSERT_EQUAL(rp_process_new(world, &(rp_process_options){.kernel = options.kernels[0]->name}, &process, &error),
                    RP_EUNSUPPORTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "rp_world_open"));
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(world, &(rp_pool_options){.crew = 2, .kind = RP_WORKERS_INLINE}, &inside, NULL),
                          0);
    squares(inside, 5000);
    futures(inside);
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(world, &(rp_pool_options){.crew = 2, .kind = RP_WORKERS_THREAD}, &threads, NULL),
                          0);
    squares(threads, 5000);
    futures(threads);
    sharing(world, threads);
    squares(inside, 100);
    CU_ASSERT_EQUAL(rp_pool_free(inside), 0);
    squares(threads, 100);
    rp_pool_terminate(threads);
    CU_ASSERT_EQUAL(rp_pool_join(threads, 30), 0);
    CU_ASSERT_EQUAL(rp_pool_free(threads), 0);
}

/* Every rank of `comm`: the world opens, computes on its rank 0 and closes; all go on in step. */
static void attach_to(MPI_Comm comm) {
    int rank, ranks, code = 0, sum = 0, one = 1;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    rp_world *world = NULL;
    rp_error error = {0};
    int rc = rp_world_attach(comm, &options, &world, &code, &error);
    if (rank == 0) {
        CU_ASSERT_EQUAL_FATAL(rc, 0);
        use(world, ranks);
        rp_world_close(world, 5);
    } else {
        CU_ASSERT_EQUAL(rc, RP_SERVED);
        CU_ASSERT_EQUAL(code, 5);
    }
    MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm);
    CU_ASSERT_EQUAL(sum, ranks);
}

static void a_world_attaches_to_all_ranks(void) { attach_to(MPI_COMM_WORLD); }

static void a_second_world_follows_the_first(void) { attach_to(MPI_COMM_WORLD); }

static void halves_of_the_ranks_have_a_world_each(void) {
    int rank;
    MPI_Comm half;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &half);
    attach_to(half);
    MPI_Comm_free(&half);
}

static void wrong_use_is_an_error(void) {
    rp_world *world = NULL;
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp_world_attach(MPI_COMM_NULL, &options, &world, NULL, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_world_attach(MPI_COMM_WORLD, NULL, &world, NULL, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_world_open(&options, &world, NULL, &error), RP_EMPI);
}

int main(int argc, char **argv) {
    static const struct unit_test tests[] = {UNIT(a_world_attaches_to_all_ranks),
                                             UNIT(a_second_world_follows_the_first),
                                             UNIT(halves_of_the_ranks_have_a_world_each),
                                             UNIT(wrong_use_is_an_error),
                                             {NULL, NULL}};
    int provided, failures, all;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    failures = unit_run("attach", tests);
    MPI_Allreduce(&failures, &all, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    MPI_Finalize();
    return all;
}
