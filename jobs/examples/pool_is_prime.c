/* Five workers find out which numbers are prime. Each answers with a struct: who it is, the number, and what it found.
 * A result is bytes, so a struct without pointers goes through as it is. */
#include "example.h"

typedef struct verdict {
    int64_t number;
    int pid;
    bool is_prime;
} verdict;

static int check_prime(rp_task *task, const void *input, size_t size) {
    verdict answer = {.number = example_number(input), .pid = rp_task_where(task)->pid, .is_prime = true};
    example_sleep(0.1); /* so that every worker gets a share of so little work */
    for (int64_t i = 2; i < answer.number && answer.is_prime; i++) answer.is_prime = answer.number % i != 0;
    return rp_task_write(task, &answer, sizeof answer);
}

static const rp_kernel check_kernel = {.name = "check_prime", .item = check_prime, .flags = RP_PURE};
static const rp_kernel *const kernels[] = {&check_kernel, NULL};

int main(void) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    static const int64_t numbers[] = {222377, 3334, 2212, 3345, 23441, 454577, 341737, 565633};
    const rp_items items = {.data = numbers, .count = sizeof numbers / sizeof *numbers, .size = sizeof *numbers};
    const rp_call call = {.kernel = "check_prime", .chunksize = 1};
    rp_results results;
    rp_error error;
    double start = example_now_s();
    if (rp_pool_open(self.world, &(rp_pool_options){.workers = 5}, &self.pool, &error) < 0 ||
        rp_pool_map(self.pool, &call, &items, &results, &error) < 0)
        return example_end(&self, &error);

    for (size_t i = 0; i < results.count; i++) {
        verdict answer;
        memcpy(&answer, results.result[i].data, sizeof answer);
        printf("Worker with process id %d says %" PRId64 " is %s\n", answer.pid, answer.number,
               answer.is_prime ? "prime" : "not prime");
    }
    rp_results_free(&results);
    printf("All workers have finished working\n");
    fprintf(stderr, "Total time taken: %.4f seconds\n", example_now_s() - start);
    return example_end(&self, NULL);
}
