/* One process that is given a range, and adds up the squares of it. It gets the range's ends: a range is two numbers. */
#include "example.h"

typedef struct range {
    int64_t begin, end;
} range;

static int add_squares(rp_task *task, const void *input, size_t size) {
    range given;
    int64_t sum = 0;
    memcpy(&given, input, sizeof given);
    for (int64_t i = given.begin; i < given.end; i++) sum += i * i;
    return rp_task_print(task, "the squares from %" PRId64 " to %" PRId64 " add up to %" PRId64, given.begin,
                         given.end - 1, sum);
}

static const rp_kernel add_kernel = {.name = "add_squares", .item = add_squares};
static const rp_kernel *const kernels[] = {&add_kernel, NULL};

int main(void) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    const range given = {0, 1000};
    const rp_process_options options = {.kernel = "add_squares", .input = &given, .input_size = sizeof given};
    rp_process *process;
    rp_error error;
    double start = example_now_s();
    if (rp_process_new(self.world, &options, &process, &error) < 0 || rp_process_start(process, &error) < 0 ||
        !example_join(process, &error))
        return example_end(&self, &error);
    int exit_code = -1;
    rp_process_exitcode(process, &exit_code);
    printf("%s has ended with exit code %d\n", rp_process_name(process), exit_code);
    rp_process_free(process);
    fprintf(stderr, "Finished in %0.4f seconds.\n", example_now_s() - start);
    return example_end(&self, NULL);
}
