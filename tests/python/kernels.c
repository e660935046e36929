/* What the workers of python_cases compute: an int64_t in, an int64_t out. Those that are held at a gate keep their
 * place while they are: they ask for the event instead of waiting for it. */
#include "kernels.h"
#include "cases.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int64_t number_of(const void *input) {
    int64_t number = 0;
    if (input) memcpy(&number, input, sizeof number);
    return number;
}
static int write_number(rp_task *task, int64_t number) { return rp_task_write(task, &number, sizeof number); }

static int do_errand(rp_task *task, const void *input, size_t size) {
    rp_self *self = rp_task_self(task);
    struct errand errand;
    memcpy(&errand, input, sizeof errand);
    struct errand_answer answer = {0};
    switch (errand.what) {
    case GET:
        answer.code = rp_queue_get(self, (rp_queue){errand.id}, 10, &answer.item, sizeof answer.item, NULL);
        break;
    case CLOSE_QUEUE:
        answer.code = rp_queue_close(self, (rp_queue){errand.id});
        break;
    case SEND:
        answer.code = rp_pipe_send(self, (rp_pipe){errand.id}, &errand.item, sizeof errand.item, -1);
        break;
    case RECEIVE:
        answer.code = rp_pipe_recv(self, (rp_pipe){errand.id}, 10, &answer.item, sizeof answer.item, NULL);
        break;
    case RELEASE:
        answer.code = rp_lock_release(self, (rp_lock){errand.id});
        break;
    case ACQUIRE_AND_DIE:
        answer.code = rp_lock_acquire(self, (rp_lock){errand.id}, -1);
        if (answer.code == 0) raise(SIGKILL);
        break;
    case TRY_RLOCK:
        answer.code = rp_rlock_acquire(self, (rp_rlock){errand.id}, 0);
        break;
    case RELEASE_RLOCK:
        answer.code = rp_rlock_release(self, (rp_rlock){errand.id});
        break;
    case NONE:
        answer.code = RP_EINVAL;
    }
    return rp_task_write(task, &answer, sizeof answer);
}
const rp_kernel errand_kernel = {.name = "errand", .item = do_errand};

static int square(rp_task *task, const void *input, size_t size) {
    const int64_t x = number_of(input);
    return write_number(task, x * x);
}
const rp_kernel square_kernel = {.name = "square", .item = square};

static int inverse(rp_task *task, const void *input, size_t size) {
    const int64_t x = number_of(input);
    return x == 0 ? rp_task_fail(task, "1 cannot be divided by 0") : write_number(task, 1 / x);
}
const rp_kernel inverse_kernel = {.name = "inverse", .item = inverse};

static int power(rp_task *task, const void *input, size_t size) {
    const int64_t base = number_of(rp_task_argument(task, 0, NULL));
    int64_t product = 1;
    for (int64_t i = number_of(rp_task_argument(task, 1, NULL)); i > 0; i--) product *= base;
    return write_number(task, product);
}
const rp_kernel power_kernel = {.name = "power", .item = power};

static int pass_gate(rp_task *task, const void *input, size_t size) {
    rp_self *self = rp_task_self(task);
    struct gate gate;
    memcpy(&gate, rp_task_args(task, NULL), sizeof gate);
    bool open = false;
    int code = rp_event_set(self, gate.started);
    while (code == 0 && !open && !rp_task_canceled(task)) {
        code = rp_event_is_set(self, gate.open, &open);
        if (code == 0 && !open) usleep(500);
    }
    return code ? code : write_number(task, number_of(input));
}
const rp_kernel pass_gate_kernel = {.name = "pass_gate", .item = pass_gate};

/* Counts those that do not fail; as an initializer, the value is its input. */
static int count(rp_task *task, const void *input, size_t size) {
    struct gate gate = {.count = {0}};
    size_t given = 0;
    const void *args = rp_task_args(task, &given);
    if (given == sizeof gate)
        memcpy(&gate, args, sizeof gate);
    else
        memcpy(&gate.count, input, sizeof gate.count);
    if (given == sizeof gate && number_of(input) == 0) return rp_task_fail(task, "0 is not counted");
    return rp_value_add(rp_task_self(task), gate.count, 1, NULL);
}
const rp_kernel count_kernel = {.name = "count", .item = count};

static int fail(rp_task *task, const void *input, size_t size) { return rp_task_fail(task, "it always fails"); }
const rp_kernel fail_kernel = {.name = "fail", .item = fail};

static int tell_pid(rp_task *task, const void *input, size_t size) { return write_number(task, getpid()); }
const rp_kernel pid_kernel = {.name = "pid", .item = tell_pid};

/* Dies where the number is 0. */
static int die(rp_task *task, const void *input, size_t size) {
    if (number_of(input) == 0) raise(SIGKILL);
    return write_number(task, number_of(input));
}
const rp_kernel die_kernel = {.name = "die", .item = die};

/* What the program's `world` is in a worker: workers never returned from rp_world_open. */
static int nest(rp_task *task, const void *input, size_t size) {
    rp_pool *pool = NULL;
    return write_number(task, rp_pool_open(NULL, NULL, &pool, NULL));
}
const rp_kernel nest_kernel = {.name = "nest", .item = nest};

/* Exits with the number, or ends by the signal where it is negative. */
static int end_with(rp_task *task, const void *input, size_t size) {
    if (number_of(input) < 0) raise((int)-number_of(input));
    exit((int)number_of(input));
}
const rp_kernel exit_kernel = {.name = "exit", .item = end_with};

static int sleep_long(rp_task *task, const void *input, size_t size) {
    sleep((unsigned)number_of(input));
    return 0;
}
const rp_kernel sleep_kernel = {.name = "sleep", .item = sleep_long};
