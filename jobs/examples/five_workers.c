/* Five workers that say their number and their process id: once as processes that run a function, and once as Python's
 * `class Worker(Process)`, which is a struct with a run function. Ranks take turns at having them. */
#include "example.h"

enum { FIVE = 5 };

static int print_work(rp_task *task, const void *input, size_t size) {
    return rp_task_print(task, "I am worker number %" PRId64 " and my process id is %d", example_number(input),
                         rp_task_where(task)->pid);
}

typedef struct worker {
    int64_t number;
} worker;

static int worker_run(const worker *self, rp_task *task) {
    return rp_task_print(task, "I am the process of worker %" PRId64 " with id number %d", self->number,
                         rp_task_where(task)->pid);
}

/* A process has a copy of its struct: what run changes in it, main does not see. Nor does it in Python. */
static int run_worker(rp_task *task, const void *input, size_t size) {
    worker self;
    memcpy(&self, input, sizeof self);
    return worker_run(&self, task);
}

static const rp_kernel print_kernel = {.name = "print_work", .item = print_work},
                       worker_kernel = {.name = "run_worker", .item = run_worker};
static const rp_kernel *const kernels[] = {&print_kernel, &worker_kernel, NULL};

/* Start five of them, each with its input of `size` bytes, and wait for all. */
static bool run_five(rp_world *world, const char *kernel, const void *input, size_t size, rp_error *error) {
    rp_process *process[FIVE];
    for (int i = 0; i < FIVE; i++) {
        const rp_process_options options = {
            .kernel = kernel, .input = (const char *)input + (size_t)i * size, .input_size = size};
        if (rp_process_new(world, &options, &process[i], error) < 0 || rp_process_start(process[i], error) < 0)
            return false;
    }
    for (int i = 0; i < FIVE; i++) {
        if (!example_join(process[i], error)) return false;
        rp_process_free(process[i]);
    }
    printf("All workers have finished working\n");
    return true;
}

int main(void) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    int64_t numbers[FIVE];
    worker workers[FIVE];
    rp_error error;
    for (int64_t i = 0; i < FIVE; i++) workers[i].number = numbers[i] = i;
    if (!run_five(self.world, "print_work", numbers, sizeof *numbers, &error) ||
        !run_five(self.world, "run_worker", workers, sizeof *workers, &error))
        return example_end(&self, &error);
    return example_end(&self, NULL);
}
