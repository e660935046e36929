/* What workers share, on the installed library: a process, which may be on any node, puts the squares of 1 to 10 into a
 * queue and closes it; main takes them until there are no more. */
#include <inttypes.h>
#include <rankpool.h>
#include <rankpool_sync.h>
#include <stdio.h>
#include <string.h>

static int square(rp_task *task, const void *input, size_t size) {
    rp_queue queue;
    int code = 0;
    memcpy(&queue, input, sizeof queue);
    for (int64_t i = 1; i <= 10 && !code; i++)
        code = rp_queue_put(rp_task_self(task), queue, &(int64_t){i * i}, sizeof i, -1);
    return code ? code : rp_queue_close(rp_task_self(task), queue);
}

static const rp_kernel square_kernel = {.name = "square", .item = square};
static const rp_kernel *const kernels[] = {&square_kernel, NULL};

int main(void) {
    rp_world *world;
    rp_queue queue;
    rp_process *process;
    rp_error error = {0};
    int64_t number;
    int exit_code, code = rp_world_open(&(rp_world_options){.kernels = kernels}, &world, &exit_code, &error);
    if (code == RP_SERVED) return exit_code; /* a rank above 0, whose work is done */
    if (code) return fprintf(stderr, "consumer: %s\n", error.text), 1;

    rp_self *self = rp_world_self(world);
    code = rp_queue_new(self, 0, &queue);
    const rp_process_options options = {.kernel = "square", .input = &queue, .input_size = sizeof queue};
    if (!code) code = rp_process_new(world, &options, &process, &error);
    if (!code) code = rp_process_start(process, &error);
    while (!code && !(code = rp_queue_get(self, queue, -1, &number, sizeof number, NULL)))
        printf("%" PRId64 "\n", number);
    if (code == RP_ECLOSED) code = rp_process_join(process, -1); /* all have been taken */
    if (code) fprintf(stderr, "consumer: %s\n", error.text[0] ? error.text : rp_strerror(code));
    rp_world_close(world, code ? 1 : 0);
    return code ? 1 : 0;
}
