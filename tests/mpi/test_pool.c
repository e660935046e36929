/* The library as a program sees it, on however many ranks it was started: bare, and under mpirun. Rank 0 runs the
 * claims; the others serve and return the code that rank 0 sends. Who the workers are is in test_workers.c. */
#include "mpi/on_a_pool.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Workers crash and leave on purpose here: the address sanitizer is to let them die as they would without it. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "handle_segv=0:handle_abort=0:detect_leaks=0"; }

enum { BIG = 5 * 1000 * 1000 };

struct how {
    uint64_t bad, slow; /* a task */
    uint64_t bytes;     /* of each result */
    char what;          /* of the bad one: e error, s SEGV, a abort, x exit, k killed once */
    char flag[64];      /* file that tells that it was killed already */
};

static void nap(double seconds) {
    struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

static int misbehave(rp_task *task, const struct how *how) {
    switch (how->what) {
    case 'e':
        return rp_task_fail(task, "task %" PRIu64 " does not like it", rp_task_index(task));
    case 's':
        raise(SIGSEGV);
        break;
    case 'a':
        abort();
    case 'x':
        exit(7);
    case 'k':
        if (access(how->flag, F_OK) == 0) return 0;
        fclose(fopen(how->flag, "w"));
        raise(SIGKILL);
        break;
    default:
        break;
    }
    return 0;
}

static int item(rp_task *task, const void *input, size_t size) {
    size_t args_size;
    const struct how *how = rp_task_args(task, &args_size);
    uint64_t index = rp_task_index(task);
    if (index == how->bad) {
        int code = misbehave(task, how);
        if (code) return code;
    }
    if (index == how->slow) nap(0.3);
    if (input) return rp_task_write(task, input, size);
    if (!how->bytes) return rp_task_printf(task, "%" PRIu64, index * index);
    uint8_t *bytes = rp_task_reserve(task, how->bytes);
    if (!bytes) return RP_ENOMEM;
    memset(bytes, (int)(index % 251), how->bytes);
    rp_task_commit(task, how->bytes);
    return 0;
}

static int range(rp_task *task, uint64_t begin, uint64_t end) {
    size_t args_size;
    const struct how *how = rp_task_args(task, &args_size);
    if (how->bad >= begin && how->bad < end) {
        int code = misbehave(task, how);
        if (code) return code;
    }
    uint64_t sum = 0;
    for (uint64_t i = begin; i < end; i++) sum += i;
    return rp_task_write(task, &sum, sizeof sum);
}

static int who(rp_task *task, const void *input, size_t size) {
    return rp_task_write(task, rp_task_where(task), sizeof(rp_where));
}

static int sleeper(rp_task *task, const void *input, size_t size) {
    nap(60);
    return 0;
}

/* Lines that others would break into if they could, one of them longer than a message. */
static int talk(rp_task *task, const void *input, size_t size) {
    const int index = (int)rp_task_index(task);
    for (int i = 0; i < 10; i++)
        rp_task_print(task, "%d.%d: %0*d%s", index, i, i == 5 ? 300000 : 10, 7, i % 2 ? "\n" : "");
    return 0;
}

/* Tells by a file that it has begun, and ends when nobody wants it any more. */
static int endless(rp_task *task, const void *input, size_t size) {
    const struct how *how = rp_task_args(task, &size);
    fclose(fopen(how->flag, "w"));
    while (!rp_task_canceled(task)) nap(0.001);
    return 0;
}

static const rp_kernel item_kernel = {.name = "item", .item = item}, range_kernel = {.name = "range", .range = range},
                       who_kernel = {.name = "who", .item = who}, talk_kernel = {.name = "talk", .item = talk},
                       sleeper_kernel = {.name = "sleeper", .item = sleeper},
                       endless_kernel = {.name = "endless", .item = endless};
static const rp_kernel *const kernels[] = {&item_kernel,    &range_kernel,   &who_kernel, &talk_kernel,
                                           &endless_kernel, &sleeper_kernel, NULL};

/* The program's one world and pool; claims are functions without arguments. */
static struct {
    rp_world *world;
    rp_pool *pool;
} the;

static const struct how well = {.bad = UINT64_MAX, .slow = UINT64_MAX};

static rp_map *open_map(const char *kernel, uint64_t count, const struct how *how, rp_map_options options) {
    rp_map *map = NULL;
    rp_error error = {0};
    options.kernel = kernel;
    options.count = count;
    options.args = how;
    options.args_size = sizeof *how;
    if (rp_map_open(the.pool, &options, &map, &error)) printf("rp_map_open: %s\n", error.text);
    return map;
}

/* Reads a map of squares to its end; the tasks that failed are counted, and the last one's message kept. */
static uint64_t read_squares(rp_map *map, uint64_t count, uint64_t *failed, int *status, char *message, size_t size) {
    rp_result result;
    uint64_t next = 0, good = 0;
    int rc;
    *failed = 0;
    while ((rc = rp_map_next(map, 60, &result)) == 0) {
        char expected[32];
        CU_ASSERT_EQUAL(result.begin, next);
        next = result.end;
        if (result.status) {
            *failed += result.end - result.begin;
            *status = result.status;
            snprintf(message, size, "%.*s", (int)result.size, (const char *)result.data);
            continue;
        }
        snprintf(expected, sizeof expected, "%" PRIu64, result.begin * result.begin);
        if (strlen(expected) == result.size && !memcmp(expected, result.data, result.size)) good++;
    }
    CU_ASSERT_EQUAL(rc, RP_END);
    CU_ASSERT_EQUAL(next, count);
    return good;
}

static void results_come_in_order_whatever_the_schedule(void) {
    static const enum rp_schedule_kind kinds[] = {RP_AUTO, RP_STATIC, RP_DYNAMIC, RP_GUIDED, RP_FACTORING};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint64_t failed;
        int status;
        char message[256];
        rp_map *map = open_map("item", 20000, &well, (rp_map_options){.schedule = {.kind = kinds[i]}});
        CU_ASSERT_EQUAL(read_squares(map, 20000, &failed, &status, message, sizeof message), 20000);
        CU_ASSERT_EQUAL(failed, 0);
        rp_map_close(map);
    }
}

/* One task misbehaves: it alone fails, with this status and message; workers die of it or not. */
static void one_fails(const char *kernel, char what, int expected_status, const char *expected, bool dies) {
    uint64_t failed = 0, good = 0;
    int status = 0, rc;
    char message[256] = "";
    struct how how = well;
    how.bad = 777;
    how.what = what;
    rp_map *map = open_map(kernel, 2000, &how, (rp_map_options){.retries = 1});
    if (!strcmp(kernel, "item")) {
        good = read_squares(map, 2000, &failed, &status, message, sizeof message);
    } else {
        rp_result result;
        while ((rc = rp_map_next(map, 60, &result)) == 0) {
            if (result.status) {
                failed += result.end - result.begin;
                status = result.status;
                CU_ASSERT_EQUAL(result.begin, 777);
                snprintf(message, sizeof message, "%.*s", (int)result.size, (const char *)result.data);
            } else {
                good += result.end - result.begin;
            }
        }
        CU_ASSERT_EQUAL(rc, RP_END);
    }
    rp_map_stats stats;
    rp_map_stats_get(map, &stats);
    rp_map_close(map);
    CU_ASSERT_EQUAL(good, 1999);
    CU_ASSERT_EQUAL(failed, 1);
    CU_ASSERT_EQUAL(status, expected_status);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, expected));
    CU_ASSERT_EQUAL(stats.tasks_failed, 1);
    CU_ASSERT_EQUAL(stats.deaths > 1, dies); /* once, and once more for the retry */
}

static void an_error_fails_its_own_task_with_its_message(void) {
    one_fails("item", 'e', RP_ETASK, "does not like it", false);
}
static void a_crash_fails_its_own_task_after_its_retries(void) {
    one_fails("item", 's', RP_EDIED, "signal 11", true);
    one_fails("item", 'a', RP_EDIED, "signal 6", true);
}
static void an_exit_from_a_kernel_fails_its_own_task(void) {
    one_fails("item", 'x', RP_EDIED, "exited with code 7", true);
}
static void a_crash_in_a_range_is_found(void) { one_fails("range", 's', RP_EDIED, "signal 11", true); }
static void an_error_in_a_range_is_found(void) { one_fails("range", 'e', RP_ETASK, "does not like it", false); }

static void a_worker_killed_once_changes_no_result(void) {
    uint64_t failed;
    int status;
    char message[256];
    struct how how = well;
    how.bad = 5000;
    how.what = 'k';
    snprintf(how.flag, sizeof how.flag, "/tmp/rankpool-test-%ld", (long)getpid());
    rp_map *map = open_map("item", 20000, &how, (rp_map_options){0});
    CU_ASSERT_EQUAL(read_squares(map, 20000, &failed, &status, message, sizeof message), 20000);
    rp_map_stats stats;
    rp_map_stats_get(map, &stats);
    CU_ASSERT_EQUAL(stats.deaths, 1);
    CU_ASSERT_EQUAL(stats.chunks_again, 1);
    rp_map_close(map);
    unlink(how.flag);
}

static void inputs_and_results_of_many_megabytes_come_whole(void) {
    rp_map *map = open_map("item", RP_FED, &well, (rp_map_options){0});
    uint8_t *input = malloc(BIG);
    for (uint64_t i = 0; i < 6; i++) {
        memset(input, (int)(i + 1), BIG);
        CU_ASSERT_EQUAL(rp_map_put(map, input, BIG - i), 0);
    }
    rp_map_end(map);
    CU_ASSERT_EQUAL(rp_map_put(map, input, 1), RP_ECLOSED);
    rp_result result;
    uint64_t i = 0;
    for (; rp_map_next(map, 60, &result) == 0; i++) {
        memset(input, (int)(i + 1), BIG);
        CU_ASSERT_EQUAL(result.size, BIG - i);
        CU_ASSERT_EQUAL(memcmp(result.data, input, BIG - i), 0);
    }
    CU_ASSERT_EQUAL(i, 6);
    free(input);
    rp_map_close(map);
}

static void results_far_ahead_of_a_slow_one_wait_in_a_file(void) {
    struct how how = well;
    how.slow = 0;
    how.bytes = 100000;
    rp_map *map = open_map("item", 300, &how, (rp_map_options){.schedule = {.kind = RP_DYNAMIC}, .window = 1000000});
    rp_result result;
    uint64_t i = 0, wrong = 0;
    for (; rp_map_next(map, 60, &result) == 0; i++) {
        const uint8_t *bytes = result.data;
        wrong +=
            result.begin != i || result.size != how.bytes || bytes[0] != i % 251 || bytes[how.bytes - 1] != i % 251;
    }
    CU_ASSERT_EQUAL(i, 300);
    CU_ASSERT_EQUAL(wrong, 0);
    rp_map_close(map);
}

static void a_sum_is_the_same_for_every_cut(void) {
    for (uint64_t chunk = 1; chunk < 2000; chunk = 3 * chunk + 1) {
        rp_map *map = open_map("range", 5000, &well, (rp_map_options){.schedule = {RP_DYNAMIC, chunk}, .edge = 10});
        rp_result result;
        uint64_t sum = 0, part;
        while (rp_map_next(map, 60, &result) == 0) {
            CU_ASSERT(result.end % 10 == 0);
            memcpy(&part, result.data, sizeof part);
            sum += part;
        }
        CU_ASSERT_EQUAL(sum, (uint64_t)5000 * 4999 / 2);
        rp_map_close(map);
    }
}

static void unordered_results_are_all_there(void) {
    rp_map *map = open_map("item", 5000, &well, (rp_map_options){.unordered = true, .schedule = {RP_DYNAMIC, 7}});
    uint8_t *seen = calloc(5000, 1);
    rp_result result;
    while (rp_map_next(map, 60, &result) == 0) seen[result.begin]++;
    uint64_t once = 0;
    for (int i = 0; i < 5000; i++) once += seen[i] == 1;
    CU_ASSERT_EQUAL(once, 5000);
    free(seen);
    rp_map_close(map);
}

static void each_worker_answers_once_and_says_who_it_is(void) {
    uint32_t workers = rp_pool_workers(the.pool), next = 0;
    rp_map *map = open_map("who", workers, &well, (rp_map_options){.each_worker = true});
    rp_result result;
    for (; rp_map_next(map, 60, &result) == 0; next++) {
        rp_where where;
        memcpy(&where, result.data, sizeof where);
        CU_ASSERT_EQUAL(where.worker, next);
        CU_ASSERT(where.rank >= 0 && where.rank < rp_world_ranks(the.world));
    }
    CU_ASSERT_EQUAL(next, workers);
    rp_map_close(map);
}

static void only_active_workers_compute(void) {
    rp_map *map = open_map("who", 200, &well, (rp_map_options){.active = 1, .schedule = {RP_DYNAMIC, 1}});
    rp_result result;
    uint64_t others = 0;
    while (rp_map_next(map, 60, &result) == 0) {
        rp_where where;
        memcpy(&where, result.data, sizeof where);
        others += where.worker != 0;
    }
    CU_ASSERT_EQUAL(others, 0);
    rp_map_close(map);
}

static void maps_side_by_side_do_not_mix(void) {
    rp_map *a = open_map("item", 3000, &well, (rp_map_options){0}),
           *b = open_map("range", 3000, &well, (rp_map_options){0});
    uint64_t failed, sum = 0, part;
    int status;
    char message[64];
    rp_result result;
    while (rp_map_next(b, 60, &result) == 0) {
        memcpy(&part, result.data, sizeof part);
        sum += part;
    }
    CU_ASSERT_EQUAL(sum, (uint64_t)3000 * 2999 / 2);
    CU_ASSERT_EQUAL(read_squares(a, 3000, &failed, &status, message, sizeof message), 3000);
    rp_map_close(b);
    rp_map_close(a);
}

static void a_map_closed_early_lets_the_next_one_run(void) {
    struct how how = well;
    how.slow = 3;
    for (int i = 0; i < 20; i++) {
        rp_map *map = open_map("item", 1000000000, &how, (rp_map_options){0});
        rp_result result;
        CU_ASSERT_EQUAL(rp_map_next(map, 60, &result), 0);
        rp_map_close(map);
    }
    a_sum_is_the_same_for_every_cut();
}

static void an_endless_task_learns_that_its_map_is_closed(void) {
    struct how how = well;
    snprintf(how.flag, sizeof how.flag, "/tmp/rankpool-test-%ld", (long)getpid());
    rp_map *map = open_map("endless", 10, &how, (rp_map_options){.active = 1, .schedule = {RP_DYNAMIC, 5}});
    while (access(how.flag, F_OK)) nap(0.001);
    rp_map_close(map);
    unlink(how.flag);
    a_sum_is_the_same_for_every_cut();
}

static void an_empty_map_ends_at_once(void) {
    rp_result result;
    rp_map *map = open_map("item", 0, &well, (rp_map_options){0});
    CU_ASSERT_EQUAL(rp_map_next(map, 60, &result), RP_END);
    rp_map_close(map);
    map = open_map("item", RP_FED, &well, (rp_map_options){0});
    CU_ASSERT_EQUAL(rp_map_next(map, 0.01, &result), RP_ETIMEDOUT);
    rp_map_end(map);
    CU_ASSERT_EQUAL(rp_map_next(map, 60, &result), RP_END);
    rp_map_close(map);
}

/* Reads the file anew until so many lines are in it: they come on their own time. Counts those that are as they should
 * be and in their task's order. */
static int good_lines(const char *path, int tasks) {
    char *line = NULL;
    size_t capacity = 0;
    int all = 0, good = 0, index, i, number, *next = calloc((size_t)tasks, sizeof *next);
    for (int tries = 0; tries < 6000 && all < 10 * tasks; tries++) {
        FILE *file = fopen(path, "r");
        all = good = 0;
        memset(next, 0, (size_t)tasks * sizeof *next);
        for (ssize_t size; (size = getline(&line, &capacity, file)) > 0 && line[size - 1] == '\n'; all++)
            if (sscanf(line, "%d.%d: %d\n", &index, &i, &number) == 3 && index >= 0 && index < tasks && number == 7 &&
                size - strcspn(line, ":") == 3 + (i == 5 ? 300000 : 10) && i == next[index]++)
                good++;
        fclose(file);
        if (all < 10 * tasks) nap(0.01);
    }
    free(line);
    free(next);
    return all == good ? good : -1;
}

static void lines_that_tasks_print_come_whole_and_in_order(void) {
    char path[] = "/tmp/rankpool-lines-XXXXXX";
    fflush(stdout);
    const int file = mkstemp(path), before = dup(STDOUT_FILENO);
    dup2(file, STDOUT_FILENO);
    rp_map *map = open_map("talk", 100, &well, (rp_map_options){.schedule = {RP_DYNAMIC, 1}});
    rp_result result;
    while (rp_map_next(map, 60, &result) == 0) {
    }
    rp_map_close(map);
    const int good = good_lines(path, 100);
    dup2(before, STDOUT_FILENO);
    close(before);
    close(file);
    unlink(path);
    CU_ASSERT_EQUAL(good, 1000);
}

static void wrong_use_is_an_error_with_words(void) {
    rp_map *map = NULL;
    rp_pool *pool = NULL;
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp_map_open(the.pool, &(rp_map_options){.kernel = "nosuch", .count = 1}, &map, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "nosuch"));
    CU_ASSERT_EQUAL(rp_map_open(the.pool, &(rp_map_options){.kernel = "range", .count = RP_FED}, &map, &error),
                    RP_EINVAL);
    CU_ASSERT_EQUAL(
        rp_map_open(the.pool, &(rp_map_options){.kernel = "item", .count = 1, .active = 100000}, &map, &error),
        RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_open(NULL, NULL, &map, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_open(the.world, &(rp_pool_options){.workers = 2, .crew = 2}, &pool, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_open(NULL, NULL, &pool, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_join(the.pool, 0), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_pool_join(NULL, 0), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_put(NULL, "", 0), RP_EINVAL);
}

static void pools_come_one_after_the_other(void) {
    rp_pool_free(the.pool);
    for (enum rp_workers kind = RP_WORKERS_PROCESS; kind <= RP_WORKERS_INLINE; kind++) {
        rp_error error = {0};
        int rc = rp_pool_open(the.world, &(rp_pool_options){.crew = 2, .kind = kind}, &the.pool, &error);
        if (rc) fprintf(stderr, "%s\n", error.text);
        CU_ASSERT_EQUAL_FATAL(rc, 0);
        CU_ASSERT_EQUAL(rp_pool_workers(the.pool), 2 * (uint32_t)rp_world_ranks(the.world));
        results_come_in_order_whatever_the_schedule();
        an_error_fails_its_own_task_with_its_message();
        lines_that_tasks_print_come_whole_and_in_order();
        an_endless_task_learns_that_its_map_is_closed();
        rp_pool_free(the.pool);
    }
    CU_ASSERT_EQUAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
}

static void pools_side_by_side_have_workers_of_their_own(void) {
    rp_pool *mine = the.pool, *other = NULL, *threads = NULL;
    rp_error error = {0};
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, &(rp_pool_options){.workers = 5}, &other, &error), 0);
    CU_ASSERT_EQUAL_FATAL(
        rp_pool_open(the.world, &(rp_pool_options){.workers = 1, .kind = RP_WORKERS_THREAD}, &threads, &error), 0);
    CU_ASSERT_EQUAL(rp_pool_workers(other), 5);
    CU_ASSERT_EQUAL(rp_pool_workers(threads), 1);
    struct how how = well;
    how.slow = 5;
    rp_map *slow = open_map("item", 3000, &how, (rp_map_options){0});
    for (int round = 0; round < 3; round++) {
        the.pool = round % 2 ? other : threads;
        a_sum_is_the_same_for_every_cut();
        maps_side_by_side_do_not_mix();
    }
    the.pool = other;
    each_worker_answers_once_and_says_who_it_is();
    a_worker_killed_once_changes_no_result();
    the.pool = mine;
    CU_ASSERT_EQUAL(rp_pool_free(mine), RP_EBUSY);
    CU_ASSERT_EQUAL(rp_pool_free(other), 0);
    CU_ASSERT_EQUAL(rp_pool_free(threads), 0);
    uint64_t failed;
    int status;
    char message[64];
    CU_ASSERT_EQUAL(read_squares(slow, 3000, &failed, &status, message, sizeof message), 3000);
    CU_ASSERT_EQUAL(failed, 0);
    rp_map_close(slow);
}

static void a_closed_pool_finishes_and_takes_no_more(void) {
    rp_pool *mine = the.pool;
    rp_map *map, *more;
    rp_error error = {0};
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
    map = open_map("item", 3000, &well, (rp_map_options){0});
    rp_pool_close(the.pool);
    CU_ASSERT_EQUAL(rp_map_open(the.pool, &(rp_map_options){.kernel = "item", .count = 1}, &more, &error), RP_ECLOSED);
    CU_ASSERT_EQUAL(rp_pool_join(the.pool, 60), 0);
    uint64_t failed;
    int status;
    char message[64];
    CU_ASSERT_EQUAL(read_squares(map, 3000, &failed, &status, message, sizeof message), 3000);
    rp_map_close(map);
    CU_ASSERT_EQUAL(rp_pool_free(the.pool), 0);
    the.pool = mine;
}

static void a_terminated_pool_stops_running_kernels(void) {
    rp_pool *mine = the.pool;
    rp_result result;
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
    rp_map *map = open_map("sleeper", 100, &well, (rp_map_options){0});
    CU_ASSERT_EQUAL(rp_map_next(map, 0.1, &result), RP_ETIMEDOUT);
    rp_pool_close(the.pool);
    CU_ASSERT_EQUAL(rp_pool_join(the.pool, 0.1), RP_ETIMEDOUT);
    rp_pool_terminate(the.pool);
    CU_ASSERT_EQUAL(rp_pool_join(the.pool, 30), 0); /* its tasks would take 100 minutes */
    CU_ASSERT_EQUAL(rp_map_next(map, 60, &result), RP_ECLOSED);
    rp_map_close(map);
    CU_ASSERT_EQUAL(rp_pool_free(the.pool), 0);
    the.pool = mine;
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(results_come_in_order_whatever_the_schedule),
                                             UNIT(an_error_fails_its_own_task_with_its_message),
                                             UNIT(a_crash_fails_its_own_task_after_its_retries),
                                             UNIT(an_exit_from_a_kernel_fails_its_own_task),
                                             UNIT(a_crash_in_a_range_is_found),
                                             UNIT(an_error_in_a_range_is_found),
                                             UNIT(a_worker_killed_once_changes_no_result),
                                             UNIT(inputs_and_results_of_many_megabytes_come_whole),
                                             UNIT(results_far_ahead_of_a_slow_one_wait_in_a_file),
                                             UNIT(a_sum_is_the_same_for_every_cut),
                                             UNIT(unordered_results_are_all_there),
                                             UNIT(each_worker_answers_once_and_says_who_it_is),
                                             UNIT(only_active_workers_compute),
                                             UNIT(maps_side_by_side_do_not_mix),
                                             UNIT(a_map_closed_early_lets_the_next_one_run),
                                             UNIT(an_endless_task_learns_that_its_map_is_closed),
                                             UNIT(an_empty_map_ends_at_once),
                                             UNIT(lines_that_tasks_print_come_whole_and_in_order),
                                             UNIT(wrong_use_is_an_error_with_words),
                                             UNIT(pools_come_one_after_the_other),
                                             UNIT(pools_side_by_side_have_workers_of_their_own),
                                             UNIT(a_closed_pool_finishes_and_takes_no_more),
                                             UNIT(a_terminated_pool_stops_running_kernels),
                                             {NULL, NULL}};
    return run_on_a_pool("pool", kernels, tests, &the.world, &the.pool);
}
