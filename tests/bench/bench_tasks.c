/* Many trivial tasks, each with a result of its own, read in order and checked one by one.
 *
 *     bench_tasks counted COUNT CHUNK     tasks of a plain range (CHUNK 0: auto)
 *     bench_tasks fed COUNT CHUNK         tasks with an input each, put by a thread while main reads
 *
 * Prints the nanoseconds from opening the map to its last result. */
#include "bench.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

/* The square of the input, or of the task's number where there is none. */
static int square(rp_task *task, const void *input, size_t size) {
    uint64_t number = rp_task_index(task);
    if (size == sizeof number) memcpy(&number, input, sizeof number);
    number *= number;
    return rp_task_write(task, &number, sizeof number);
}

static const rp_kernel kernel = {.name = "square", .item = square, .flags = RP_PURE};
static const rp_kernel *const kernels[] = {&kernel, NULL};

struct feed {
    rp_map *map;
    uint64_t count;
};

/* Inputs are not the tasks' numbers, so a result shows which of the two it comes from. */
static void *put_all(void *argument) {
    const struct feed *feed = argument;
    for (uint64_t i = 0; i < feed->count; i++) {
        uint64_t input = i + 1;
        if (rp_map_put(feed->map, &input, sizeof input)) break;
    }
    rp_map_end(feed->map);
    return NULL;
}

static int read_all(rp_map *map, uint64_t count, uint64_t offset) {
    rp_result result;
    int code;
    uint64_t at = 0;
    for (; (code = rp_map_next(map, -1, &result)) == 0; at++) {
        uint64_t value = 0, number = at + offset;
        if (result.size == sizeof value) memcpy(&value, result.data, sizeof value);
        if (result.status || result.begin != at || value != number * number) {
            fprintf(stderr, "task %" PRIu64 " came as %" PRIu64 " with %" PRIu64 "\n", at, result.begin, value);
            return 1;
        }
    }
    if (code != RP_END) return bench_fail("the map", code, NULL);
    if (at != count) fprintf(stderr, "%" PRIu64 " results of %" PRIu64 "\n", at, count);
    return at != count;
}

static int map_all(rp_pool *pool, bool fed, uint64_t count, uint64_t chunk) {
    const rp_map_options options = {
        .kernel = kernel.name,
        .count = fed ? RP_FED : count,
        .schedule = {.kind = chunk ? RP_DYNAMIC : RP_AUTO, .chunk = chunk},
    };
    rp_map *map;
    rp_error error = {0};
    uint64_t begin_ns = bench_now_ns();
    int code = rp_map_open(pool, &options, &map, &error);
    if (code) return bench_fail("the map", code, &error);
    struct feed feed = {.map = map, .count = count};
    pthread_t thread;
    bool feeding = fed && pthread_create(&thread, NULL, put_all, &feed) == 0;
    int exit_code = fed && !feeding ? bench_fail("the feeding thread", RP_ESYSTEM, NULL) : read_all(map, count, fed);
    uint64_t ns = bench_now_ns() - begin_ns;
    if (exit_code) rp_map_end(map); /* a feeding thread that waits for room is let go */
    if (feeding) pthread_join(thread, NULL);
    rp_map_close(map);
    if (exit_code == 0) printf("%" PRIu64 "\n", ns);
    return exit_code;
}

int main(int argc, char *argv[]) {
    bool fed = argc == 4 && !strcmp(argv[1], "fed");
    uint64_t count, chunk;
    if (!fed && !(argc == 4 && !strcmp(argv[1], "counted"))) {
        fputs("bench_tasks counted|fed COUNT CHUNK\n", stderr);
        return 2;
    }
    if (!bench_read(argv[2], &count) || !bench_read(argv[3], &chunk)) return 1;
    rp_world *world;
    rp_pool *pool;
    int exit_code;
    if (!bench_open(kernels, &world, &pool, &exit_code)) return exit_code;
    return bench_close(world, pool, map_all(pool, fed, count, chunk));
}
