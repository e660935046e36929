/* Two processes talk through a pipe: one sends the cube of 19, the other receives and prints it. An end of a pipe is a
 * handle of 8 bytes, which a process gets as its input, be it on another node. */
#include "example.h"

#include <rankpool_sync.h>

typedef struct sender_input {
    rp_pipe end;
    int64_t number;
} sender_input;

static int cube_sender(rp_task *task, const void *input, size_t size) {
    sender_input given;
    memcpy(&given, input, sizeof given);
    const int64_t cube = given.number * given.number * given.number;
    int code = rp_pipe_send(rp_task_self(task), given.end, &cube, sizeof cube, -1);
    return code ? code : rp_pipe_close(rp_task_self(task), given.end);
}

static int cube_receiver(rp_task *task, const void *input, size_t size) {
    rp_pipe end;
    int64_t cube;
    memcpy(&end, input, sizeof end);
    int code = rp_pipe_recv(rp_task_self(task), end, -1, &cube, sizeof cube, NULL);
    return code ? code : rp_task_print(task, "Received: %" PRId64, cube);
}

static const rp_kernel sender_kernel = {.name = "cube_sender", .item = cube_sender},
                       receiver_kernel = {.name = "cube_receiver", .item = cube_receiver};
static const rp_kernel *const kernels[] = {&sender_kernel, &receiver_kernel, NULL};

int main(void) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    rp_error error;
    rp_pipe end[2];
    int code = rp_pipe_new(rp_world_self(self.world), true, end);
    if (code) return example_fail(&self, "a pipe", code);

    const sender_input given = {.end = end[0], .number = 19};
    const rp_process_options options[] = {
        {.kernel = "cube_sender", .input = &given, .input_size = sizeof given},
        {.kernel = "cube_receiver", .input = &end[1], .input_size = sizeof end[1]},
    };
    rp_process *process[2];
    for (int i = 0; i < 2; i++)
        if (rp_process_new(self.world, &options[i], &process[i], &error) < 0 ||
            rp_process_start(process[i], &error) < 0)
            return example_end(&self, &error);
    for (int i = 0; i < 2; i++) {
        if (!example_join(process[i], &error)) return example_end(&self, &error);
        rp_process_free(process[i]);
    }
    return example_end(&self, NULL);
}
