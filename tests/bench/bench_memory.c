/* How much memory agents take: each rank prints the most it ever held, in KiB, after its world has closed.
 *
 *     bench_memory range COUNT CHUNK     a range kernel that does nothing, CHUNK tasks at a time
 *     bench_memory item COUNT SECONDS    an item kernel that writes 8 bytes; given up after SECONDS if not done */
#include "bench.h"
#include "bench_peak.h"

#include <string.h>

static int nothing(rp_task *task, uint64_t begin, uint64_t end) { return 0; }

static int number(rp_task *task, const void *input, size_t size) {
    uint64_t index = rp_task_index(task);
    return rp_task_write(task, &index, sizeof index);
}

static const rp_kernel range_kernel = {.name = "range", .range = nothing, .flags = RP_PURE};
static const rp_kernel item_kernel = {.name = "item", .item = number, .flags = RP_PURE};
static const rp_kernel *const kernels[] = {&range_kernel, &item_kernel, NULL};

static int map_all(rp_pool *pool, bool range, uint64_t count, uint64_t chunk, uint64_t seconds) {
    const rp_map_options options = {
        .kernel = range ? range_kernel.name : item_kernel.name,
        .count = count,
        .schedule = {.kind = range ? RP_DYNAMIC : RP_AUTO, .chunk = chunk},
    };
    rp_map *map;
    rp_error error = {0};
    int code = rp_map_open(pool, &options, &map, &error);
    if (code) return bench_fail("the map", code, &error);
    uint64_t until_ns = seconds ? bench_now_ns() + seconds * 1000000000u : UINT64_MAX, at = 0;
    for (rp_result result; (code = rp_map_next(map, -1, &result)) == 0; at = result.end) {
        if (result.status || result.begin != at) code = RP_EPROTOCOL;
        if (code || (result.begin % 1024 == 0 && bench_now_ns() > until_ns)) break;
    }
    rp_map_close(map);
    return code && code != RP_END ? bench_fail("the map", code, NULL) : 0;
}

static int run(bool range, uint64_t count, uint64_t chunk, uint64_t seconds) {
    rp_world *world;
    rp_pool *pool;
    int exit_code;
    if (!bench_open(kernels, &world, &pool, &exit_code)) return exit_code;
    return bench_close(world, pool, map_all(pool, range, count, chunk, seconds));
}

int main(int argc, char *argv[]) {
    bool range = argc == 4 && !strcmp(argv[1], "range");
    uint64_t count, last;
    if (!range && !(argc == 4 && !strcmp(argv[1], "item"))) {
        fputs("bench_memory range COUNT CHUNK | item COUNT SECONDS\n", stderr);
        return 2;
    }
    if (!bench_read(argv[2], &count) || !bench_read(argv[3], &last)) return 1;
    int exit_code = run(range, count, range ? last : 0, range ? 0 : last);
    if (exit_code == 0) printf("%ld\n", bench_peak_kib());
    return exit_code;
}
