/* A queue between two processes: one puts the cubes of the first ten natural numbers, the other gets them and adds one to
 * each. An empty item says that no more will come; asking whether the queue is empty would not, since the next cube may be
 * on its way. */
#include "example.h"

#include <rankpool_sync.h>

static int cube(rp_task *task, const void *input, size_t size) {
    rp_self *self = rp_task_self(task);
    rp_queue queue;
    memcpy(&queue, input, sizeof queue);
    int code = 0;
    for (int64_t i = 1; i <= 10 && code == 0; i++)
        code = rp_queue_put(self, queue, &(int64_t){i * i * i}, sizeof i, -1);
    return code ? code : rp_queue_put(self, queue, NULL, 0, -1);
}

static int add(rp_task *task, const void *input, size_t size) {
    rp_queue queue;
    int64_t number;
    size_t item;
    int code;
    memcpy(&queue, input, sizeof queue);
    while ((code = rp_queue_get(rp_task_self(task), queue, -1, &number, sizeof number, &item)) == 0 && item)
        rp_task_print(task, "%" PRId64 " plus one is %" PRId64, number, number + 1);
    return code;
}

static const rp_kernel cube_kernel = {.name = "cube", .item = cube}, add_kernel = {.name = "add", .item = add};
static const rp_kernel *const kernels[] = {&cube_kernel, &add_kernel, NULL};

int main(void) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    static const char *const kernel[] = {"cube", "add"};
    rp_process *process[2];
    rp_queue queue;
    rp_error error;
    int code = rp_queue_new(rp_world_self(self.world), 0, &queue);
    if (code) return example_fail(&self, "a queue", code);
    for (int i = 0; i < 2; i++) {
        const rp_process_options options = {.kernel = kernel[i], .input = &queue, .input_size = sizeof queue};
        if (rp_process_new(self.world, &options, &process[i], &error) < 0 || rp_process_start(process[i], &error) < 0)
            return example_end(&self, &error);
    }
    for (int i = 0; i < 2; i++) {
        if (!example_join(process[i], &error)) return example_end(&self, &error);
        rp_process_free(process[i]);
    }
    return example_end(&self, NULL);
}
