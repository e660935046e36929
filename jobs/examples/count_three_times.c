/* Count to 200 million (or to the argument) three times, one after the other and then all three at once. What was
 * counted goes to standard output, how long it took to standard error: with three free cores, a third. */
#include "example.h"

static int64_t count_to(int64_t limit) {
    volatile int64_t count = 0; /* else a compiler answers without counting */
    while (count < limit) count = count + 1;
    return count;
}

static int count(rp_task *task, const void *input, size_t size) {
    int64_t counted = count_to(example_number(input));
    return rp_task_write(task, &counted, sizeof counted);
}

static const rp_kernel count_kernel = {.name = "count", .item = count, .flags = RP_PURE};
static const rp_kernel *const kernels[] = {&count_kernel, NULL};

static void in_sequence(int64_t limit) {
    double start = example_now_s();
    for (int i = 0; i < 3; i++) printf("in sequence: %" PRId64 "\n", count_to(limit));
    fprintf(stderr, "in sequence: %.3f seconds\n", example_now_s() - start);
}

static int at_once(rp_pool *pool, int64_t limit, rp_error *error) {
    const int64_t limits[] = {limit, limit, limit};
    const rp_items items = {.data = limits, .count = 3, .size = sizeof *limits};
    const rp_call call = {.kernel = "count", .chunksize = 1}; /* a task for each worker */
    rp_results results;
    double start = example_now_s();
    int code = rp_pool_map(pool, &call, &items, &results, error);
    if (code < 0) return code;
    for (size_t i = 0; i < results.count; i++) printf("at once: %" PRId64 "\n", example_number(results.result[i].data));
    fprintf(stderr, "at once: %.3f seconds\n", example_now_s() - start);
    rp_results_free(&results);
    return 0;
}

int main(int argc, char **argv) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    double limit;
    rp_error error;
    if (!example_argument(argc, argv, 200e6, &limit, &error)) return example_end(&self, &error);
    in_sequence((int64_t)limit);
    if (rp_pool_open(self.world, &(rp_pool_options){.workers = 3}, &self.pool, &error) < 0 ||
        at_once(self.pool, (int64_t)limit, &error) < 0)
        return example_end(&self, &error);
    return example_end(&self, NULL);
}
