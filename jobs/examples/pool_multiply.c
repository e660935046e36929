/* Multiply a list by a number, by Pool and map. The list is cut up among the workers; the factor is the same for every
 * task, so it is the map's argument. */
#include "example.h"

static int multiply(rp_task *task, const void *input, size_t size) {
    size_t args_size;
    int64_t product = example_number(input) * example_number(rp_task_args(task, &args_size));
    return rp_task_write(task, &product, sizeof product);
}

static const rp_kernel multiply_kernel = {.name = "multiply", .item = multiply, .flags = RP_PURE};
static const rp_kernel *const kernels[] = {&multiply_kernel, NULL};

int main(void) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    static const int64_t numbers[] = {1, 2, 3, 5, 8, 13, 21, 34};
    static const int64_t factor = 7;
    const rp_items items = {.data = numbers, .count = sizeof numbers / sizeof *numbers, .size = sizeof *numbers};
    const rp_call call = {.kernel = "multiply", .args = &factor, .args_size = sizeof factor};
    rp_results results;
    rp_error error;
    if (rp_pool_open(self.world, &(rp_pool_options){0}, &self.pool, &error) < 0 ||
        rp_pool_map(self.pool, &call, &items, &results, &error) < 0)
        return example_end(&self, &error);

    for (size_t i = 0; i < results.count; i++)
        printf("%" PRId64 " * %" PRId64 " = %" PRId64 "\n", numbers[i], factor, example_number(results.result[i].data));
    rp_results_free(&results);
    return example_end(&self, NULL);
}
