/* Ten processes, started one after the other, that run at the same time: each sleeps for its number of tenths of a
 * second, and all of them take hardly longer than the last one. */
#include "example.h"

enum { TEN = 10 };

static int sleep_and_print(rp_task *task, const void *input, size_t size) {
    const int64_t number = example_number(input);
    example_sleep(0.1 * (double)number);
    return rp_task_print(task, "number %" PRId64, number);
}

static const rp_kernel sleep_kernel = {.name = "sleep_and_print", .item = sleep_and_print};
static const rp_kernel *const kernels[] = {&sleep_kernel, NULL};

int main(void) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    rp_process *process[TEN];
    rp_error error;
    double start = example_now_s();
    for (int64_t i = 0; i < TEN; i++) {
        const rp_process_options options = {.kernel = "sleep_and_print", .input = &i, .input_size = sizeof i};
        if (rp_process_new(self.world, &options, &process[i], &error) < 0 || rp_process_start(process[i], &error) < 0)
            return example_end(&self, &error);
    }
    for (int i = 0; i < TEN; i++) {
        if (!example_join(process[i], &error)) return example_end(&self, &error);
        rp_process_free(process[i]);
    }
    printf("all ten have ended\n");
    fprintf(stderr, "Total time taken: %.4f seconds\n", example_now_s() - start);
    return example_end(&self, NULL);
}
