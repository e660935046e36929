/* Maps whose tasks may run twice at once: one worker stops for ever, and they end all the same. And how far tasks are,
 * as the program sees it. */
#include "mpi/on_a_pool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 4, TASKS = 60, BAD = 17, PATIENCE = 12000 /* naps */ };

static struct {
    rp_world *world;
    rp_pool *pool;
    char flag[64];
} the;

static void nap(void) { nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL); }

/* Who comes first? The flag is a file, since the others are elsewhere. */
static bool is_first(const rp_task *task) {
    const char *flag = rp_task_args(task, NULL);
    const int fd = open(flag, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static int item(rp_task *task, const void *input, size_t size) {
    const uint64_t index = rp_task_index(task), square = index * index;
    if (index == BAD && is_first(task)) kill(rp_task_where(task)->pid, SIGSTOP);
    nap();
    return rp_task_write(task, &square, sizeof square);
}

static void add(void *into, const void *from, size_t size) { *(uint64_t *)into += *(const uint64_t *)from; }

static int range(rp_task *task, uint64_t begin, uint64_t end) {
    uint64_t sum = 0;
    if (begin <= BAD && BAD < end && is_first(task)) kill(rp_task_where(task)->pid, SIGSTOP);
    for (; begin < end; begin++) {
        nap();
        sum += begin * begin;
    }
    return rp_task_write(task, &sum, sizeof sum);
}

/* The first to come stays until nobody wants the map any more. */
static int stay(rp_task *task, const void *input, size_t size) {
    const uint64_t index = rp_task_index(task), square = index * index;
    if (index == BAD && is_first(task))
        while (!rp_task_canceled(task)) nap();
    nap();
    return rp_task_write(task, &square, sizeof square);
}

/* Task 0 is half done until the flag is there, and the others are at once. */
static int half(rp_task *task, const void *input, size_t size) {
    if (rp_task_index(task) == 0) {
        const char *flag = rp_task_args(task, &size);
        rp_task_progress(task, 0.5);
        while (access(flag, F_OK)) nap();
    }
    return 0;
}

static int half_a_range(rp_task *task, uint64_t begin, uint64_t end) {
    size_t size;
    const char *flag = rp_task_args(task, &size);
    rp_task_progress(task, 0.5);
    while (access(flag, F_OK)) nap();
    return 0;
}

static const rp_kernel item_kernel = {.name = "item", .item = item, .combine = add, .flags = RP_PURE},
                       range_kernel = {.name = "range", .range = range, .flags = RP_PURE},
                       stay_kernel = {.name = "stay", .item = stay, .flags = RP_PURE},
                       half_kernel = {.name = "half", .item = half},
                       half_a_range_kernel = {.name = "half a range", .range = half_a_range},
                       both_kernel = {.name = "both", .item = item, .flags = RP_PURE | RP_ONCE};
static const rp_kernel *const kernels[] = {&item_kernel, &range_kernel,        &stay_kernel,
                                           &half_kernel, &half_a_range_kernel, NULL};

static rp_map *open_map(rp_map_options options) {
    rp_map *map = NULL;
    unlink(the.flag);
    options.args = the.flag;
    options.args_size = sizeof the.flag;
    CU_ASSERT_EQUAL_FATAL(rp_map_open(the.pool, &options, &map, NULL), 0);
    return map;
}

/* The sum of the squares comes, each task once, though a worker has stopped. */
static void ends_though_one_stopped(rp_map_options options) {
    uint64_t sum = 0, expected = 0, tasks = 0;
    rp_result result;
    rp_map_stats stats;
    options.count = TASKS;
    rp_map *map = open_map(options);
    while (rp_map_next(map, -1, &result) == 0) {
        uint64_t part = 0;
        CU_ASSERT_EQUAL(result.status, 0);
        if (result.size == sizeof part) memcpy(&part, result.data, sizeof part);
        sum += part;
        tasks += result.end - result.begin;
    }
    rp_map_stats_get(map, &stats);
    rp_map_close(map);
    CU_ASSERT_EQUAL(access(the.flag, F_OK), 0);
    for (uint64_t i = 0; i < TASKS; i++) expected += i * i;
    CU_ASSERT_EQUAL(sum, expected);
    CU_ASSERT_EQUAL(tasks, TASKS);
    CU_ASSERT_EQUAL(stats.tasks_done, TASKS);
    CU_ASSERT_TRUE(stats.chunks_twice >= 1);
    CU_ASSERT_EQUAL(stats.deaths, 0);
}

static void a_stopped_worker_does_not_hold_up_a_pure_map(void) {
    ends_though_one_stopped((rp_map_options){.kernel = "item", .schedule = {.kind = RP_DYNAMIC, .chunk = 1}});
    ends_though_one_stopped((rp_map_options){.kernel = "item", .unordered = true});
    ends_though_one_stopped((rp_map_options){.kernel = "range", .schedule = {.kind = RP_DYNAMIC, .chunk = 3}});
    ends_though_one_stopped(
        (rp_map_options){.kernel = "item", .reduce = 4, .schedule = {.kind = RP_DYNAMIC, .chunk = 4}});
}

static void a_thread_that_is_late_runs_on_and_is_not_heard(void) {
    rp_error error = {0};
    rp_pool_free(the.pool);
    CU_ASSERT_EQUAL_FATAL(
        rp_pool_open(the.world, &(rp_pool_options){.workers = WORKERS, .kind = RP_WORKERS_THREAD}, &the.pool, &error),
        0);
    ends_though_one_stopped((rp_map_options){.kernel = "stay", .schedule = {.kind = RP_DYNAMIC, .chunk = 1}});
    rp_pool_free(the.pool);
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, &(rp_pool_options){.workers = WORKERS}, &the.pool, &error), 0);
}

/* Until the map says that so many tasks are done in part; then they may end. */
static void is_partly_done(rp_map_options options, double tasks) {
    rp_map *map = open_map(options);
    rp_map_stats stats = {0};
    rp_result result;
    for (int i = 0; i < PATIENCE && stats.tasks_partial < tasks; i++) {
        nap();
        rp_map_stats_get(map, &stats);
    }
    CU_ASSERT_EQUAL(stats.tasks_partial, tasks);
    fclose(fopen(the.flag, "w"));
    while (rp_map_next(map, -1, &result) == 0) CU_ASSERT_EQUAL(result.status, 0);
    rp_map_stats_get(map, &stats);
    CU_ASSERT_EQUAL(stats.tasks_partial, 0);
    CU_ASSERT_EQUAL(stats.tasks_done, options.count);
    rp_map_close(map);
}

static void a_map_shows_how_far_its_running_tasks_are(void) {
    is_partly_done((rp_map_options){.kernel = "half", .count = 8, .schedule = {.kind = RP_DYNAMIC, .chunk = 1}}, 0.5);
    is_partly_done(
        (rp_map_options){.kernel = "half a range", .count = 10, .schedule = {.kind = RP_DYNAMIC, .chunk = 10}}, 5);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(a_stopped_worker_does_not_hold_up_a_pure_map),
                                             UNIT(a_thread_that_is_late_runs_on_and_is_not_heard),
                                             UNIT(a_map_shows_how_far_its_running_tasks_are),
                                             {NULL, NULL}};
    static const rp_kernel *const wrong[] = {&both_kernel, NULL};
    rp_error error = {0};
    int exit_code = 0;
    int rc = rp_world_open(&(rp_world_options){.kernels = wrong}, &the.world, &exit_code, &error);
    if (rc != RP_EINVAL || !strstr(error.text, "RP_PURE")) {
        fprintf(stderr, "test_pure: a kernel that may run twice and must run once opened a world: %d\n", rc);
        return 1;
    }
    rc = rp_world_open(&(rp_world_options){.kernels = kernels}, &the.world, &exit_code, &error);
    if (rc == RP_SERVED) return exit_code;
    if (rc == 0) rc = rp_pool_open(the.world, &(rp_pool_options){.workers = WORKERS}, &the.pool, &error);
    if (rc) {
        fprintf(stderr, "test_pure: %s\n", error.text);
        return 1;
    }
    snprintf(the.flag, sizeof the.flag, "%s/rankpool-test-pure-%ld", unit_folder(), (long)getpid());
    exit_code = unit_run("pure", tests);
    unlink(the.flag);
    rp_pool_free(the.pool);
    rp_world_close(the.world, exit_code);
    return exit_code;
}
