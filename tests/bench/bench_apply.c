/* One task there and back, on a pool that has nothing else to do.
 *
 *     bench_apply map COUNT PAUSE_US     a map of its own for each: open, put, end, next, close
 *     bench_apply fed COUNT PAUSE_US     one map that stays open: put, next
 *     bench_apply apply COUNT PAUSE_US   rp_pool_apply
 *     bench_apply async COUNT            COUNT times rp_pool_apply_async, then all are waited for: calls a second,
 *                                        and tasks a second from the first call to the last result
 *
 * Before each of the COUNT round trips the program sleeps for PAUSE_US; with 0 they follow one another, and the pool
 * has not gone to sleep yet. Prints the median and the ninth decile in nanoseconds. */
#include "bench.h"

#include <inttypes.h>
#include <string.h>

enum { WARM_UP = 50 };

static int echo(rp_task *task, const void *input, size_t size) { return rp_task_write(task, input, size); }

static const rp_kernel kernel = {.name = "echo", .item = echo, .flags = RP_PURE};
static const rp_kernel *const kernels[] = {&kernel, NULL};

static int open_map(rp_pool *pool, rp_map **map) {
    return rp_map_open(pool, &(rp_map_options){.kernel = kernel.name, .count = RP_FED}, map, NULL);
}

static int put_and_next(rp_map *map, uint64_t number, bool last) {
    rp_result result;
    int code = rp_map_put(map, &number, sizeof number);
    if (code) return code;
    if (last) rp_map_end(map);
    if ((code = rp_map_next(map, -1, &result))) return code;
    if (result.status || result.size != sizeof number || memcmp(result.data, &number, sizeof number))
        return RP_EPROTOCOL;
    return 0;
}

static int apply(rp_pool *pool, uint64_t number) {
    rp_results results;
    int code = rp_pool_apply(pool, &(rp_call){.kernel = kernel.name}, &number, sizeof number, &results, NULL);
    if (code) return code;
    bool same = results.result->size == sizeof number && !memcmp(results.result->data, &number, sizeof number);
    rp_results_free(&results);
    return same ? 0 : RP_EPROTOCOL;
}

static int async(rp_pool *pool, uint64_t count) {
    rp_future **future = calloc(count, sizeof *future);
    int code = future ? 0 : RP_ENOMEM;
    uint64_t begin_ns = bench_now_ns();
    for (uint64_t i = 0; i < count && code == 0; i++)
        code = rp_pool_apply_async(pool, &(rp_call){.kernel = kernel.name}, &i, sizeof i, &future[i], NULL);
    uint64_t called_ns = bench_now_ns() - begin_ns;
    if (code == 0) code = rp_futures_wait(future, count, RP_ALL_COMPLETED, -1);
    uint64_t all_ns = bench_now_ns() - begin_ns;
    for (uint64_t i = 0; future && i < count; i++) rp_future_free(future[i]);
    free(future);
    if (code) return bench_fail("apply_async", code, NULL);
    printf("%.0f %.0f\n", (double)count * 1e9 / (double)called_ns, (double)count * 1e9 / (double)all_ns);
    return 0;
}

/* `map` NULL: one of its own. */
static int round_trip(rp_pool *pool, rp_map *map, bool applied, uint64_t number) {
    if (applied) return apply(pool, number);
    if (map) return put_and_next(map, number, false);
    int code = open_map(pool, &map);
    if (code) return code;
    code = put_and_next(map, number, true);
    rp_map_close(map);
    return code;
}

static int by_value(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static int measure(rp_pool *pool, rp_map *map, bool applied, uint64_t *ns, uint64_t count, uint64_t pause_us) {
    const struct timespec pause = {.tv_sec = (time_t)(pause_us / 1000000),
                                   .tv_nsec = (long)(pause_us % 1000000) * 1000};
    for (uint64_t i = 0; i < count + WARM_UP; i++) {
        if (pause_us) nanosleep(&pause, NULL);
        uint64_t begin_ns = bench_now_ns();
        int code = round_trip(pool, map, applied, i);
        if (code) return bench_fail("a round trip", code, NULL);
        if (i >= WARM_UP) ns[i - WARM_UP] = bench_now_ns() - begin_ns;
    }
    qsort(ns, count, sizeof *ns, by_value);
    printf("%" PRIu64 " %" PRIu64 "\n", ns[count / 2], ns[count * 9 / 10]);
    return 0;
}

static int run(rp_pool *pool, bool fed, bool applied, uint64_t count, uint64_t pause_us) {
    rp_map *map = NULL;
    uint64_t *ns = calloc(count, sizeof *ns);
    int code = ns ? 0 : RP_ENOMEM;
    if (fed && code == 0) code = open_map(pool, &map);
    int exit_code = code ? bench_fail("the map", code, NULL) : measure(pool, map, applied, ns, count, pause_us);
    rp_map_close(map);
    free(ns);
    return exit_code;
}

int main(int argc, char *argv[]) {
    bool fed = argc == 4 && !strcmp(argv[1], "fed"), applied = argc == 4 && !strcmp(argv[1], "apply"),
         asynchronous = argc == 3 && !strcmp(argv[1], "async");
    uint64_t count, pause_us = 0;
    if (!fed && !applied && !asynchronous && !(argc == 4 && !strcmp(argv[1], "map"))) {
        fputs("bench_apply map|fed|apply COUNT PAUSE_US, or bench_apply async COUNT\n", stderr);
        return 2;
    }
    if (!bench_read(argv[2], &count) || (argc == 4 && !bench_read(argv[3], &pause_us))) return 1;
    if (count == 0) return fputs("bench_apply: COUNT 0 has no median; give at least 1\n", stderr), 2;
    rp_world *world;
    rp_pool *pool;
    int exit_code;
    if (!bench_open(kernels, &world, &pool, &exit_code)) return exit_code;
    return bench_close(world, pool, asynchronous ? async(pool, count) : run(pool, fed, applied, count, pause_us));
}
