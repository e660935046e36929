/* A whole program on the installed library: the squares of 1 to 10, in order, by one kernel. */
#include <inttypes.h>
#include <rankpool.h>
#include <stdio.h>

static int square(rp_task *task, const void *input, size_t size) {
    uint64_t number = rp_task_index(task) + 1;
    return rp_task_printf(task, "%" PRIu64 "\n", number * number);
}

static const rp_kernel square_kernel = {.name = "square", .item = square, .flags = RP_PURE};
static const rp_kernel *const kernels[] = {&square_kernel, NULL};

int main(void) {
    rp_world *world;
    rp_pool *pool = NULL;
    rp_map *map = NULL;
    rp_result result;
    rp_error error = {0};
    int exit_code, code = rp_world_open(&(rp_world_options){.kernels = kernels}, &world, &exit_code, &error);
    if (code == RP_SERVED) return exit_code; /* a rank above 0, whose work is done */
    if (code) return fprintf(stderr, "consumer: %s\n", error.text), 1;

    code = rp_pool_open(world, &(rp_pool_options){.crew = 2}, &pool, &error);
    if (!code) code = rp_map_open(pool, &(rp_map_options){.kernel = "square", .count = 10}, &map, &error);
    while (!code && !(code = rp_map_next(map, -1, &result))) fwrite(result.data, 1, result.size, stdout);
    if (code != RP_END) fprintf(stderr, "consumer: %s\n", error.text[0] ? error.text : rp_strerror(code));
    if (map) rp_map_close(map);
    if (pool) rp_pool_free(pool);
    rp_world_close(world, code == RP_END ? 0 : 1);
    return code == RP_END ? 0 : 1;
}
