/* Tasks that keep a core busy with a fixed amount of integer work, on the pool and without it.
 *
 *     bench_busy calibrate                         iterations that a core does in a second
 *     bench_busy bare FIRST END ITERATIONS AT_NS   the tasks FIRST..END-1 in this process, from the time AT_NS of
 *                                                  CLOCK_MONOTONIC on: their sum, and the time of the end
 *     bench_busy pool COUNT ITERATIONS CHUNK       COUNT tasks on the pool (CHUNK 0: auto): "begin", then their sum,
 *                                                  and the nanoseconds from opening the map to its last result
 *
 * The amount of work is fixed, not its time: only then does time that the pool takes from its workers show. */
#include "bench.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { CALIBRATION = 20 * 1000 * 1000, CALIBRATIONS = 9 };

/* Each step needs the one before, so no compiler folds it and no vector unit helps. */
static uint64_t work(uint64_t seed, uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; i++) seed = (seed ^ seed >> 29) * UINT64_C(6364136223846793005) + 1;
    return seed;
}

static int busy(rp_task *task, const void *input, size_t size) {
    uint64_t iterations;
    memcpy(&iterations, rp_task_args(task, &size), sizeof iterations);
    uint64_t result = work(rp_task_index(task), iterations);
    return rp_task_write(task, &result, sizeof result);
}

static const rp_kernel kernel = {.name = "busy", .item = busy, .flags = RP_PURE};
static const rp_kernel *const kernels[] = {&kernel, NULL};

/* The best of several: by CPU time, so that whoever else computes here costs nothing but cache misses. */
static int calibrate(void) {
    uint64_t best_ns = UINT64_MAX, sum = 0;
    for (int i = 0; i < CALIBRATIONS; i++) {
        struct timespec from, to;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        sum += work((uint64_t)i, CALIBRATION);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        int64_t ns = (to.tv_sec - from.tv_sec) * INT64_C(1000000000) + to.tv_nsec - from.tv_nsec;
        if ((uint64_t)ns < best_ns) best_ns = (uint64_t)ns;
    }
    printf("%.0f\n", CALIBRATION * 1e9 / (double)best_ns);
    return sum == 0; /* it never is; but it must be used */
}

static int bare(uint64_t first, uint64_t end, uint64_t iterations, uint64_t at_ns) {
    struct timespec at = {.tv_sec = (time_t)(at_ns / 1000000000u), .tv_nsec = (long)(at_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) continue;
    uint64_t sum = 0;
    for (uint64_t i = first; i < end; i++) sum += work(i, iterations);
    printf("%" PRIu64 " %" PRIu64 "\n", sum, bench_now_ns());
    return 0;
}

static int map_all(rp_pool *pool, uint64_t count, uint64_t iterations, uint64_t chunk) {
    const rp_map_options options = {
        .kernel = kernel.name,
        .count = count,
        .args = &iterations,
        .args_size = sizeof iterations,
        .schedule = {.kind = chunk ? RP_DYNAMIC : RP_AUTO, .chunk = chunk},
    };
    puts("begin");
    fflush(stdout);
    rp_map *map;
    rp_error error = {0};
    uint64_t begin_ns = bench_now_ns(), sum = 0;
    int code = rp_map_open(pool, &options, &map, &error);
    if (code) return bench_fail("the map", code, &error);
    for (rp_result result; (code = rp_map_next(map, -1, &result)) == 0;) {
        uint64_t value = 0;
        if (!result.status && result.size == sizeof value) memcpy(&value, result.data, sizeof value);
        sum += value;
    }
    uint64_t ns = bench_now_ns() - begin_ns;
    rp_map_close(map);
    if (code != RP_END) return bench_fail("the map", code, NULL);
    printf("%" PRIu64 " %" PRIu64 "\n", sum, ns);
    return 0;
}

static int on_pool(uint64_t count, uint64_t iterations, uint64_t chunk) {
    rp_world *world;
    rp_pool *pool;
    int exit_code;
    if (!bench_open(kernels, &world, &pool, &exit_code)) return exit_code;
    return bench_close(world, pool, map_all(pool, count, iterations, chunk));
}

int main(int argc, char *argv[]) {
    const char *mode = argc > 1 ? argv[1] : "";
    uint64_t n[4] = {0};
    for (int i = 2; i < argc && i < 6; i++)
        if (!bench_read(argv[i], &n[i - 2])) return 1;
    if (!strcmp(mode, "calibrate") && argc == 2) return calibrate();
    if (!strcmp(mode, "bare") && argc == 6) return bare(n[0], n[1], n[2], n[3]);
    if (!strcmp(mode, "pool") && argc == 5) return on_pool(n[0], n[1], n[2]);
    fputs("bench_busy calibrate | bare FIRST END ITERATIONS AT_NS | pool COUNT ITERATIONS CHUNK\n", stderr);
    return 2;
}
