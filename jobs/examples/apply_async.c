/* Futures: three tasks are sent off without waiting, and dealt with in the order in which they are done. One of them
 * fails; the others do not notice. Callbacks run inside the calls that wait, on the thread that waits, so they need no
 * lock to print or to add up. */
#include "example.h"

static int cube(rp_task *task, const void *input, size_t size) {
    int64_t x = example_number(input), answer = x * x * x;
    return rp_task_write(task, &answer, sizeof answer);
}

static int square(rp_task *task, const void *input, size_t size) {
    int64_t x = example_number(input), answer = x * x;
    return rp_task_write(task, &answer, sizeof answer);
}

static int divide(rp_task *task, const void *input, size_t size) {
    int64_t x = example_number(input);
    if (x == 0) return rp_task_fail(task, "division by zero");
    int64_t answer = 100 / x;
    return rp_task_write(task, &answer, sizeof answer);
}

static const rp_kernel cube_kernel = {.name = "cube", .item = cube, .flags = RP_PURE};
static const rp_kernel square_kernel = {.name = "square", .item = square, .flags = RP_PURE};
static const rp_kernel divide_kernel = {.name = "divide", .item = divide, .flags = RP_PURE};
static const rp_kernel *const kernels[] = {&cube_kernel, &square_kernel, &divide_kernel, NULL};

static void on_result(rp_future *future, const rp_results *results, void *context) {
    printf("callback of %s: %" PRId64 "\n", (const char *)context, example_number(results->result[0].data));
}

static void on_error(rp_future *future, const rp_results *results, void *context) {
    const rp_result *first = results->count ? &results->result[0] : NULL; /* none: the pool cannot go on */
    printf("error callback of %s: %.*s\n", (const char *)context, first ? (int)first->size : 0,
           first ? (const char *)first->data : "");
}

enum { TASKS = 3 };
static const struct {
    const char *kernel;
    int64_t input;
} task[TASKS] = {{"cube", 5}, {"square", 5}, {"divide", 0}};

int main(void) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    rp_error error;
    rp_future *future[TASKS];
    if (rp_pool_open(self.world, &(rp_pool_options){.workers = 2}, &self.pool, &error) < 0)
        return example_end(&self, &error);
    for (size_t i = 0; i < TASKS; i++) {
        const rp_call call = {task[i].kernel, .callback = on_result, .error_callback = on_error,
                              .context = (void *)task[i].kernel};
        if (rp_pool_apply_async(self.pool, &call, &task[i].input, sizeof task[i].input, &future[i], &error) < 0)
            return example_end(&self, &error);
    }

    size_t i;
    while (rp_futures_next(future, TASKS, -1, &i) == 0) { /* Python's as_completed */
        const rp_results *results;
        if (rp_future_get(future[i], 0, &results, &error) == 0)
            printf("%s(%" PRId64 ") answered %" PRId64 "\n", task[i].kernel, task[i].input,
                   example_number(results->result[0].data));
        else
            printf("%s(%" PRId64 ") failed: %s\n", task[i].kernel, task[i].input, error.text);
    }
    for (i = 0; i < TASKS; i++) rp_future_free(future[i]);
    return example_end(&self, NULL);
}
