/* The same work done in sequence, by two threads and by two processes: twice the sum of the squares below 500 million
 * (or the argument), modulo 2^64. C has no global lock, so threads are as fast as processes; processes are what the
 * pool takes unless told otherwise, because a crash in one of them does not end the program. The times, on standard
 * error, include starting the workers. */
#include "example.h"

static uint64_t sum_of_squares(int64_t limit) {
    volatile uint64_t sum = 0; /* else a compiler may put the formula in place of the work */
    for (uint64_t x = 0; x < (uint64_t)limit; x++) sum = sum + x * x;
    return sum;
}

static int work(rp_task *task, const void *input, size_t size) {
    uint64_t sum = sum_of_squares(example_number(input));
    return rp_task_write(task, &sum, sizeof sum);
}

static const rp_kernel work_kernel = {.name = "work", .item = work, .flags = RP_PURE};
static const rp_kernel *const kernels[] = {&work_kernel, NULL};

static uint64_t in_sequence(int64_t limit) { return sum_of_squares(limit) + sum_of_squares(limit); }

static int by_workers(example *self, enum rp_workers kind, int64_t limit, uint64_t *sum, rp_error *error) {
    const int64_t limits[] = {limit, limit};
    const rp_items items = {.data = limits, .count = 2, .size = sizeof *limits};
    const rp_call call = {.kernel = "work", .chunksize = 1};
    rp_results results;
    int code = rp_pool_open(self->world, &(rp_pool_options){.workers = 2, .kind = kind}, &self->pool, error);
    if (code == 0) code = rp_pool_map(self->pool, &call, &items, &results, error);
    if (code < 0) return code;
    *sum = (uint64_t)example_number(results.result[0].data) + (uint64_t)example_number(results.result[1].data);
    rp_results_free(&results);
    rp_pool_free(self->pool);
    self->pool = NULL;
    return 0;
}

static void report(const char *how, uint64_t sum, double start) {
    printf("%s: %" PRIu64 "\n", how, sum);
    fprintf(stderr, "%s: %.4f seconds\n", how, example_now_s() - start);
}

int main(int argc, char **argv) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    double limit;
    rp_error error;
    if (!example_argument(argc, argv, 500e6, &limit, &error)) return example_end(&self, &error);
    double start = example_now_s();
    uint64_t expected = in_sequence((int64_t)limit);
    report("in sequence", expected, start);

    static const enum rp_workers kinds[] = {RP_WORKERS_THREAD, RP_WORKERS_PROCESS};
    static const char *const names[] = {"by threads", "by processes"};
    for (size_t i = 0; i < 2; i++) {
        uint64_t sum;
        start = example_now_s();
        if (by_workers(&self, kinds[i], (int64_t)limit, &sum, &error) < 0) return example_end(&self, &error);
        report(names[i], sum, start);
        if (sum == expected) continue;
        snprintf(error.text, sizeof error.text, "%s, the sum is another than in sequence", names[i]);
        return example_end(&self, &error);
    }
    return example_end(&self, NULL);
}
