/* Square the numbers from 0 to 99 with two workers: the smallest whole program with a pool. */
#include "example.h"

static int square(rp_task *task, const void *input, size_t size) {
    int64_t x = example_number(input), answer = x * x;
    return rp_task_write(task, &answer, sizeof answer);
}

static const rp_kernel square_kernel = {.name = "square", .item = square, .flags = RP_PURE};
static const rp_kernel *const kernels[] = {&square_kernel, NULL};

int main(void) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    int64_t numbers[100];
    for (int64_t x = 0; x < 100; x++) numbers[x] = x;
    const rp_items items = {.data = numbers, .count = 100, .size = sizeof *numbers};
    rp_results results;
    rp_error error;
    if (rp_pool_open(self.world, &(rp_pool_options){.workers = 2}, &self.pool, &error) < 0 ||
        rp_pool_map(self.pool, &(rp_call){.kernel = "square"}, &items, &results, &error) < 0)
        return example_end(&self, &error);

    for (size_t i = 0; i < results.count; i++) printf("%" PRId64 "\n", example_number(results.result[i].data));
    rp_results_free(&results);
    return example_end(&self, NULL);
}
