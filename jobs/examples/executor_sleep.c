/* An executor's map: four workers sleep for 5, 4, 3, 2 and 1 seconds (times the argument, 1 without one), and the
 * results are printed in the order of the inputs, each as soon as it is there. rp_pool_imap is lazy: it asks `source`
 * for inputs as it needs them, as Python asks an iterator. What a worker prints comes to standard output at once. */
#include "example.h"

static int some_task(rp_task *task, const void *input, size_t size) {
    double seconds;
    memcpy(&seconds, input, sizeof seconds);
    rp_task_print(task, "Sleeping for %g seconds.", seconds);
    example_sleep(seconds);
    return rp_task_printf(task, "Done %g", seconds);
}

static const rp_kernel some_kernel = {.name = "some_task", .item = some_task};
static const rp_kernel *const kernels[] = {&some_kernel, NULL};

typedef struct countdown {
    int left;
    double scale, seconds; /* seconds: the input that is lent */
} countdown;

static int next_seconds(void *context, const void **input, size_t *size) {
    countdown *self = context;
    if (self->left == 0) return 0;
    self->seconds = self->left-- * self->scale;
    *input = &self->seconds;
    *size = sizeof self->seconds;
    return 1;
}

static int print_results(rp_map *map, rp_error *error) {
    rp_result result;
    int code;
    while ((code = rp_map_next(map, -1, &result)) == 0 && (code = result.status) == 0)
        printf("%.*s\n", (int)result.size, (const char *)result.data);
    if (code == RP_END) return 0;
    snprintf(error->text, sizeof error->text, "the sleeps ended early: %s", rp_strerror(code));
    return code;
}

int main(int argc, char **argv) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    rp_error error;
    rp_map *map;
    countdown seconds = {.left = 5};
    if (!example_argument(argc, argv, 1, &seconds.scale, &error) ||
        rp_pool_open(self.world, &(rp_pool_options){.workers = 4}, &self.pool, &error) < 0 ||
        rp_pool_imap(self.pool, &(rp_call){.kernel = "some_task"}, next_seconds, &seconds, &map, &error) < 0)
        return example_end(&self, &error);

    double start = example_now_s();
    int code = print_results(map, &error);
    rp_map_close(map);
    fprintf(stderr, "Finished in %.4f seconds.\n", example_now_s() - start);
    return example_end(&self, code < 0 ? &error : NULL);
}
