/* Five processes take numbers from one queue until it is empty, and put what they found into another. All numbers are in
 * the queue before the first process starts, so that an empty queue means that nothing is left. */
#include "example.h"

#include <rankpool_sync.h>

enum { WORKERS = 5 };

typedef struct queues {
    rp_queue in, out;
} queues;

typedef struct verdict {
    int64_t number;
    int pid;
    bool is_prime;
} verdict;

static int check_prime(rp_task *task, const void *input, size_t size) {
    rp_self *self = rp_task_self(task);
    verdict found = {.pid = rp_task_where(task)->pid};
    queues shared;
    int code;
    memcpy(&shared, input, sizeof shared);
    while ((code = rp_queue_get(self, shared.in, 0, &found.number, sizeof found.number, NULL)) == 0) {
        example_sleep(0.1);
        found.is_prime = true;
        for (int64_t i = 2; i < found.number && found.is_prime; i++) found.is_prime = found.number % i != 0;
        code = rp_queue_put(self, shared.out, &found, sizeof found, -1);
        if (code) return code;
    }
    return code == RP_EEMPTY ? 0 : code;
}

static const rp_kernel check_kernel = {.name = "check_prime", .item = check_prime};
static const rp_kernel *const kernels[] = {&check_kernel, NULL};

int main(void) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    static const int64_t numbers[] = {222377, 3334, 2212, 3345, 23441, 454577, 341737, 565633};
    enum { NUMBERS = sizeof numbers / sizeof *numbers };
    rp_self *main_thread = rp_world_self(self.world);
    rp_process *process[WORKERS];
    rp_error error;
    queues shared;
    double start = example_now_s();
    int code = rp_queue_new(main_thread, 0, &shared.in);
    if (code == 0) code = rp_queue_new(main_thread, 0, &shared.out);
    for (int i = 0; i < NUMBERS && code == 0; i++)
        code = rp_queue_put(main_thread, shared.in, &numbers[i], sizeof numbers[i], -1);
    if (code) return example_fail(&self, "a queue", code);

    const rp_process_options options = {.kernel = "check_prime", .input = &shared, .input_size = sizeof shared};
    for (int i = 0; i < WORKERS; i++)
        if (rp_process_new(self.world, &options, &process[i], &error) < 0 || rp_process_start(process[i], &error) < 0)
            return example_end(&self, &error);
    for (int i = 0; i < WORKERS; i++) {
        if (!example_join(process[i], &error)) return example_end(&self, &error);
        rp_process_free(process[i]);
    }
    printf("All workers have finished working\n");
    verdict found;
    while ((code = rp_queue_get(main_thread, shared.out, 0, &found, sizeof found, NULL)) == 0)
        printf("Worker with process id %d says %" PRId64 " is %s\n", found.pid, found.number,
               found.is_prime ? "prime" : "not prime");
    if (code != RP_EEMPTY) return example_fail(&self, "the queue of answers", code);
    fprintf(stderr, "Total time taken: %.4f seconds\n", example_now_s() - start);
    return example_end(&self, NULL);
}
