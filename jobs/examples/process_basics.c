/* A cube and a square at the same time, each in a process of its own: who computes it, and who is alive when. What they
 * print goes out at once, so it may come before or after what main prints. */
#include "example.h"

enum { BOTH = 2 };

static int print_cube(rp_task *task, const void *input, size_t size) {
    const int64_t number = example_number(input);
    return rp_task_print(task, "PID::print_cube::id -> %d\nCube: %" PRId64, rp_task_where(task)->pid,
                         number * number * number);
}

static int print_square(rp_task *task, const void *input, size_t size) {
    const int64_t number = example_number(input);
    return rp_task_print(task, "PID::print_square::id -> %d\nSquare: %" PRId64, rp_task_where(task)->pid,
                         number * number);
}

static const rp_kernel cube_kernel = {.name = "print_cube", .item = print_cube},
                       square_kernel = {.name = "print_square", .item = print_square};
static const rp_kernel *const kernels[] = {&cube_kernel, &square_kernel, NULL};

static const char *alive(rp_process *process) { return rp_process_is_alive(process) ? "alive" : "not alive"; }

int main(void) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    static const int64_t number = 5;
    static const char *const kernel[BOTH] = {"print_cube", "print_square"};
    rp_process *process[BOTH];
    rp_error error;
    printf("CPUs that this program may use: %" PRIu32 "\n", rp_cpu_count());
    for (int i = 0; i < BOTH; i++) {
        const rp_process_options options = {.kernel = kernel[i], .input = &number, .input_size = sizeof number};
        if (rp_process_new(self.world, &options, &process[i], &error) < 0) return example_end(&self, &error);
        printf("%s is %s before it starts\n", rp_process_name(process[i]), alive(process[i]));
    }
    for (int i = 0; i < BOTH; i++) {
        if (rp_process_start(process[i], &error) < 0) return example_end(&self, &error);
        printf("%s runs %s as process %d\n", rp_process_name(process[i]), kernel[i], rp_process_pid(process[i]));
    }
    for (int i = 0; i < BOTH; i++) {
        if (!example_join(process[i], &error)) return example_end(&self, &error);
        printf("%s is %s after it was joined\n", rp_process_name(process[i]), alive(process[i]));
        rp_process_free(process[i]);
    }
    printf("DONE\n");
    return example_end(&self, NULL);
}
