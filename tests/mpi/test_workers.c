/* Who computes, bare and on ranks: which ranks and CPUs workers are on, what they are told and given before their first
 * task, and when they are replaced. Rank 0 runs the claims; the others serve. */
#include "mpi/on_a_pool.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

static int who(rp_task *task, const void *input, size_t size) {
    return rp_task_write(task, rp_task_where(task), sizeof(rp_where));
}

/* Is the CPU that computes this on the machine that the task is told of, and allowed? */
static int look_around(rp_task *task, const void *input, size_t size) {
    enum { MOST = 2048 };
    rp_pu *pus = calloc(MOST + 1, sizeof *pus);
    if (!pus) return RP_ENOMEM;
    const int cpu = sched_getcpu();
    const size_t count = rp_task_machine(task, pus, MOST);
    bool found = false;
    for (size_t i = 0; i < count && i < MOST; i++) found |= pus[i].cpu == cpu && pus[i].allowed;
    pus[0].cpu = pus[1].cpu = -1;
    const bool bounded = rp_task_machine(task, pus, 1) == count && pus[0].cpu >= 0 && pus[1].cpu == -1;
    free(pus);
    return found && bounded ? 0 : rp_task_fail(task, "CPU %d is not one of the %zu that are allowed", cpu, count);
}

/* The sum of what is shared under the number that is the map's argument. */
static int sum_shared(rp_task *task, const void *input, size_t size) {
    uint32_t share;
    memcpy(&share, rp_task_args(task, NULL), sizeof share);
    size_t bytes = 0;
    const uint64_t *number = rp_task_shared(task, share, &bytes);
    if (!number) return rp_task_fail(task, "nothing is shared as %u", share);
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes / sizeof *number; i++) sum += number[i];
    return rp_task_write(task, &sum, sizeof sum);
}

/* The initializer leaves its input, and which worker it ran in, where `recall` finds it. Threads share that. */
static _Atomic uint64_t initialized;
static int initialize(rp_task *task, const void *input, size_t size) {
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i++) sum += ((const uint8_t *)input)[i];
    initialized = sum;
    return rp_task_index(task) == rp_task_where(task)->worker ? 0 : rp_task_fail(task, "not my number");
}
static int refuse(rp_task *task, const void *input, size_t size) { return rp_task_fail(task, "no such file: data"); }
static int recall(rp_task *task, const void *input, size_t size) {
    const uint64_t seen = initialized;
    return rp_task_write(task, &seen, sizeof seen);
}

/* What no initializer can be. */
static int range(rp_task *task, uint64_t begin, uint64_t end) { return 0; }

static const rp_kernel who_kernel = {.name = "who", .item = who}, range_kernel = {.name = "range", .range = range},
                       look_around_kernel = {.name = "look around", .item = look_around},
                       shared_kernel = {.name = "shared", .item = sum_shared},
                       initialize_kernel = {.name = "initialize", .item = initialize},
                       refuse_kernel = {.name = "refuse", .item = refuse},
                       recall_kernel = {.name = "recall", .item = recall};
static const rp_kernel *const kernels[] = {&who_kernel,        &range_kernel,  &look_around_kernel, &shared_kernel,
                                           &initialize_kernel, &refuse_kernel, &recall_kernel,      NULL};

/* The program's one world and pool; claims are functions without arguments. */
static struct {
    rp_world *world;
    rp_pool *pool;
} the;

/* A map in which every worker tells what its initializer left. */
static rp_map *open_recall(void) {
    const rp_map_options options = {.kernel = "recall", .count = rp_pool_workers(the.pool), .each_worker = true};
    rp_map *map = NULL;
    CU_ASSERT_EQUAL_FATAL(rp_map_open(the.pool, &options, &map, NULL), 0);
    return map;
}

/* Every worker gives the sum that is expected, or fails if none is. */
static void sums(uint32_t share, const uint64_t *expected) {
    rp_map *map = NULL;
    rp_result result;
    uint64_t workers = rp_pool_workers(the.pool), count = 0, sum;
    const rp_map_options options = {
        .kernel = "shared", .count = workers, .each_worker = true, .args = &share, .args_size = sizeof share};
    CU_ASSERT_EQUAL_FATAL(rp_map_open(the.pool, &options, &map, NULL), 0);
    for (; rp_map_next(map, 60, &result) == 0; count++) {
        CU_ASSERT_EQUAL(result.status, expected ? 0 : RP_ETASK);
        if (!expected || result.size != sizeof sum) continue;
        memcpy(&sum, result.data, sizeof sum);
        CU_ASSERT_EQUAL(sum, *expected);
    }
    CU_ASSERT_EQUAL(count, workers);
    rp_map_close(map);
}

static void shared_data_reaches_every_worker_old_and_new(void) {
    enum { NUMBERS = 1000 * 1000 + 7 };
    static uint64_t number[NUMBERS];
    uint64_t sum = 0, one = 1;
    uint32_t large = 99, small = 99;
    for (uint64_t i = 0; i < NUMBERS; i++) sum += number[i] = i * i;
    CU_ASSERT_EQUAL_FATAL(rp_world_share(the.world, number, sizeof number, &large, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(rp_world_share(the.world, &one, sizeof one, &small, NULL), 0);
    memset(number, 0, sizeof number); /* what was shared is a copy */
    rp_pool *mine = the.pool;
    for (enum rp_workers kind = RP_WORKERS_PROCESS; kind <= RP_WORKERS_INLINE; kind++) {
        if (kind != RP_WORKERS_PROCESS)
            CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, &(rp_pool_options){.crew = 2, .kind = kind}, &the.pool, NULL),
                                  0);
        sums(large, &sum);
        sums(small, &one);
        sums(small + 1, NULL);
        if (kind != RP_WORKERS_PROCESS) CU_ASSERT_EQUAL(rp_pool_free(the.pool), 0);
        the.pool = mine;
    }
    CU_ASSERT_EQUAL(rp_world_share(the.world, &one, 0, &small, NULL), RP_EINVAL);
    while (small < 63) CU_ASSERT_EQUAL_FATAL(rp_world_share(the.world, &one, sizeof one, &small, NULL), 0);
    CU_ASSERT_EQUAL(rp_world_share(the.world, &one, sizeof one, &small, NULL), RP_ERANGE);
}

static void cpus_are_those_that_may_be_used(void) {
    CU_ASSERT_TRUE(rp_cpu_count() >= 1);
    CU_ASSERT_TRUE(rp_cpu_count() <= (uint32_t)sysconf(_SC_NPROCESSORS_ONLN));
}

static void every_worker_is_initialized_before_its_first_task(void) {
    enum { SIZE = 600 * 1000 }; /* in several messages, and in more pieces than a ring holds */
    uint8_t *args = malloc(SIZE);
    memset(args, 3, SIZE);
    rp_pool_free(the.pool);
    for (enum rp_workers kind = RP_WORKERS_PROCESS; kind <= RP_WORKERS_INLINE; kind++) {
        const rp_pool_options options = {
            .crew = 2, .kind = kind, .initializer = "initialize", .init_args = args, .init_args_size = SIZE};
        rp_error error = {0};
        CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, &options, &the.pool, &error), 0);
        uint32_t workers = rp_pool_workers(the.pool), good = 0;
        rp_map *map = open_recall();
        rp_result result;
        while (rp_map_next(map, 60, &result) == 0)
            good += result.size == 8 && !memcmp(result.data, &(uint64_t){3 * SIZE}, 8);
        CU_ASSERT_EQUAL(good, workers);
        rp_map_close(map);
        rp_pool_free(the.pool);
    }
    free(args);
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp_pool_open(the.world, &(rp_pool_options){.initializer = "range"}, &the.pool, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_open(the.world, &(rp_pool_options){.initializer = "refuse"}, &the.pool, &error), RP_ETASK);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no such file: data"));
    CU_ASSERT_EQUAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
}

/* Tasks that each process has computed: none more than it may. */
static void few_tasks_a_process(const rp_map_options *options, uint64_t most) {
    enum { TASKS = 200 };
    static rp_where where[TASKS];
    rp_map *map = NULL;
    rp_result result;
    uint64_t came = 0;
    rp_map_options own = *options;
    own.kernel = "who";
    own.count = TASKS;
    CU_ASSERT_EQUAL_FATAL(rp_map_open(the.pool, &own, &map, NULL), 0);
    for (; rp_map_next(map, 60, &result) == 0 && came < TASKS; came++) {
        CU_ASSERT_EQUAL_FATAL(result.size, sizeof where[0]);
        memcpy(&where[came], result.data, sizeof where[0]);
    }
    rp_map_stats stats;
    rp_map_stats_get(map, &stats);
    CU_ASSERT_EQUAL(stats.deaths, 0);
    rp_map_close(map);
    CU_ASSERT_EQUAL(came, TASKS);
    for (uint64_t i = 0; i < came; i++) {
        uint64_t same = 0;
        for (uint64_t k = 0; k < came; k++) same += where[k].pid == where[i].pid && where[k].rank == where[i].rank;
        CU_ASSERT_TRUE(same <= most);
    }
}

static void a_worker_that_had_its_share_of_tasks_is_replaced(void) {
    rp_error error = {0};
    rp_map *map;
    rp_pool_free(the.pool);
    CU_ASSERT_EQUAL(rp_pool_open(the.world, &(rp_pool_options){.maxtasksperchild = 3, .kind = RP_WORKERS_THREAD},
                                 &the.pool, &error),
                    RP_EUNSUPPORTED);
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, &(rp_pool_options){.maxtasksperchild = 7}, &the.pool, &error), 0);
    for (enum rp_schedule_kind kind = RP_AUTO; kind <= RP_FACTORING; kind++) {
        few_tasks_a_process(&(rp_map_options){.schedule = {.kind = kind}}, 7);
        few_tasks_a_process(&(rp_map_options){.schedule = {.kind = kind, .chunk = 5}, .unordered = true}, 7);
        few_tasks_a_process(&(rp_map_options){.schedule = {.kind = kind, .chunk = 50}}, 7);
    }
    CU_ASSERT_EQUAL(
        rp_map_open(the.pool, &(rp_map_options){.kernel = "who", .count = 99, .chunk_min = 8}, &map, &error),
        RP_EINVAL);
    rp_pool_free(the.pool);
    CU_ASSERT_EQUAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
}

static void a_task_is_told_the_machine_that_it_runs_on(void) {
    for (enum rp_workers kind = RP_WORKERS_PROCESS; kind <= RP_WORKERS_INLINE; kind++) {
        rp_map *map = NULL;
        rp_result result;
        uint64_t good = 0;
        rp_pool_free(the.pool);
        CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, &(rp_pool_options){.kind = kind}, &the.pool, NULL), 0);
        CU_ASSERT_EQUAL_FATAL(
            rp_map_open(the.pool, &(rp_map_options){.kernel = "look around", .count = 20}, &map, NULL), 0);
        while (rp_map_next(map, 60, &result) == 0) good += result.status == 0;
        rp_map_close(map);
        CU_ASSERT_EQUAL(good, 20);
    }
    rp_pool_free(the.pool);
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
}

/* Each chunk is one task, whose worker says whether it is bound. Where more ranks than cores leave workers unbound, only
 * those may have moved. */
static void pinned_workers_never_migrate(void) {
    rp_map *map = NULL;
    rp_result result;
    rp_map_stats stats;
    uint64_t unbound = 0, came = 0;
    CU_ASSERT_EQUAL_FATAL(
        rp_map_open(the.pool, &(rp_map_options){.kernel = "who", .count = 5000, .schedule = {.kind = RP_DYNAMIC}}, &map,
                    NULL),
        0);
    for (; rp_map_next(map, 60, &result) == 0; came++) {
        rp_where where;
        CU_ASSERT_EQUAL_FATAL(result.size, sizeof where);
        memcpy(&where, result.data, sizeof where);
        unbound += !where.bound;
    }
    rp_map_stats_get(map, &stats);
    rp_map_close(map);
    CU_ASSERT_EQUAL(came, 5000);
    CU_ASSERT_EQUAL(stats.chunks, 5000);
    CU_ASSERT_TRUE(stats.migrations <= unbound);
}

/* Every worker of the pool answers from one of these ranks, which are in ascending order, and numbered in that. */
static void workers_are_on(const int *rank, size_t count, uint32_t each) {
    rp_map *map = NULL;
    rp_result result;
    uint64_t came = 0;
    const rp_map_options options = {.kernel = "who", .count = rp_pool_workers(the.pool), .each_worker = true};
    CU_ASSERT_EQUAL(rp_pool_workers(the.pool), count * each);
    CU_ASSERT_EQUAL_FATAL(rp_map_open(the.pool, &options, &map, NULL), 0);
    for (; rp_map_next(map, 60, &result) == 0 && came < count * each; came++) {
        rp_where where;
        CU_ASSERT_EQUAL_FATAL(result.size, sizeof where);
        memcpy(&where, result.data, sizeof where);
        CU_ASSERT_EQUAL(where.rank, rank[came / each]);
        CU_ASSERT_EQUAL(where.worker, came);
    }
    rp_map_close(map);
    CU_ASSERT_EQUAL(came, count * each);
}

static void only_the_ranks_that_are_named_have_workers(void) {
    const int ranks = rp_world_ranks(the.world), last = ranks - 1, some[] = {0, 2}, mixed[] = {2, 0},
              beyond[] = {ranks}, twice[] = {0, 0};
    rp_pool_free(the.pool);
    for (enum rp_workers kind = RP_WORKERS_PROCESS; kind <= RP_WORKERS_INLINE; kind++) {
        rp_pool_options options = {.kind = kind, .crew = 2, .ranks = &last, .rank_count = 1};
        CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, &options, &the.pool, NULL), 0);
        CU_ASSERT_EQUAL(rp_pool_hosts(the.pool), 1);
        workers_are_on(&last, 1, 2);
        rp_pool_free(the.pool);
        if (ranks < 3) continue;
        options = (rp_pool_options){.kind = kind, .workers = 6, .ranks = mixed, .rank_count = 2};
        CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, &options, &the.pool, NULL), 0);
        workers_are_on(some, 2, 3);
        rp_pool_free(the.pool);
    }
    rp_pool_options options = {
        .initializer = "initialize", .init_args = "abc", .init_args_size = 3, .ranks = some, .rank_count = 1};
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, &options, &the.pool, NULL), 0);
    rp_map *map = open_recall();
    rp_result result;
    CU_ASSERT_EQUAL_FATAL(rp_map_next(map, 60, &result), 0);
    CU_ASSERT_TRUE(result.size == 8 && !memcmp(result.data, &(uint64_t){'a' + 'b' + 'c'}, 8));
    rp_map_close(map);
    rp_pool_free(the.pool);

    const struct {
        const int *ranks;
        size_t count;
    } wrong[] = {{beyond, 1}, {twice, 2}, {some, 0}, {NULL, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        rp_error error = {0};
        options = (rp_pool_options){.ranks = wrong[i].ranks, .rank_count = wrong[i].count};
        CU_ASSERT_EQUAL(rp_pool_open(the.world, &options, &the.pool, &error), RP_EINVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "rank"));
    }
    CU_ASSERT_EQUAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
}

static void ranks_are_on_hosts(void) {
    const int ranks = rp_world_ranks(the.world);
    CU_ASSERT_EQUAL(rp_world_hosts(the.world), 1);
    CU_ASSERT_EQUAL(rp_world_host(the.world, 0), 0);
    CU_ASSERT_EQUAL(rp_world_host(the.world, ranks - 1), 0);
    CU_ASSERT_EQUAL(rp_world_host(the.world, ranks), -1);
    CU_ASSERT_EQUAL(rp_world_host(the.world, -1), -1);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(shared_data_reaches_every_worker_old_and_new),
                                             UNIT(cpus_are_those_that_may_be_used),
                                             UNIT(every_worker_is_initialized_before_its_first_task),
                                             UNIT(a_worker_that_had_its_share_of_tasks_is_replaced),
                                             UNIT(a_task_is_told_the_machine_that_it_runs_on),
                                             UNIT(pinned_workers_never_migrate),
                                             UNIT(only_the_ranks_that_are_named_have_workers),
                                             UNIT(ranks_are_on_hosts),
                                             {NULL, NULL}};
    return run_on_a_pool("workers", kernels, tests, &the.world, &the.pool);
}
