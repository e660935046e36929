/* What workers share, between two workers of a pool.
 *
 *     bench_sync queue COUNT    one worker puts COUNT numbers into a queue, another gets them: items a second
 *     bench_sync pipe COUNT     the same through a pipe
 *     bench_sync lock COUNT     one worker acquires and releases a lock that nobody else wants, COUNT times: the median and
 *                               the ninth decile of a pair of calls, in nanoseconds
 *     bench_sync lock-busy COUNT    the same, while the other workers compute
 *
 * The queue's and the pipe's home is rank 0, and so is the lock's; under mpirun with one worker a rank the last worker
 * is the one that locks, so that its home is another rank. */
#include "bench.h"

#include <rankpool_sync.h>

#include <inttypes.h>
#include <string.h>

enum { WARM_UP = 50 };

struct order {
    uint64_t count;
    rp_queue queue;
    rp_pipe end[2];
    rp_lock lock;
    rp_event done;
    bool piped, busy;
};

static struct order order_of(const rp_task *task) {
    struct order order;
    memcpy(&order, rp_task_args(task, NULL), sizeof order);
    return order;
}

static int wrong(rp_task *task, const char *what, int code) {
    return rp_task_fail(task, "%s: %s", what, code ? rp_strerror(code) : "not the number that was put");
}

static int give(rp_self *self, const struct order *order, const uint64_t *number) {
    return order->piped ? rp_pipe_send(self, order->end[1], number, sizeof *number, -1)
                        : rp_queue_put(self, order->queue, number, sizeof *number, -1);
}

static int take(rp_self *self, const struct order *order, uint64_t *number) {
    return order->piped ? rp_pipe_recv(self, order->end[0], -1, number, sizeof *number, NULL)
                        : rp_queue_get(self, order->queue, -1, number, sizeof *number, NULL);
}

/* Task 0 gives, task 1 takes and answers how fast. */
static int pass(rp_task *task, const void *input, size_t size) {
    rp_self *self = rp_task_self(task);
    const struct order order = order_of(task);
    uint64_t number, begin_ns = 0;
    int code = 0;
    for (uint64_t i = 0; i < order.count && code == 0; i++) {
        code = rp_task_index(task) ? take(self, &order, &number) : give(self, &order, &i);
        if (i == 0) begin_ns = bench_now_ns();
        if (rp_task_index(task) && code == 0 && number != i) return wrong(task, "an item", 0);
    }
    if (code) return wrong(task, "an item", code);
    const uint64_t ns = bench_now_ns() - begin_ns;
    return rp_task_write(task, &ns, sizeof ns);
}

static int by_value(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static int lock(rp_task *task, struct order order, uint64_t *ns) {
    rp_self *self = rp_task_self(task);
    int code = 0;
    for (uint64_t i = 0; i < order.count + WARM_UP && code == 0; i++) {
        const uint64_t begin_ns = bench_now_ns();
        code = rp_lock_acquire(self, order.lock, -1);
        if (code == 0) code = rp_lock_release(self, order.lock);
        if (i >= WARM_UP) ns[i - WARM_UP] = bench_now_ns() - begin_ns;
    }
    if (code == 0) code = rp_event_set(self, order.done);
    if (code) return wrong(task, "a lock", code);
    qsort(ns, order.count, sizeof *ns, by_value);
    const uint64_t answer[] = {ns[order.count / 2], ns[order.count * 9 / 10]};
    return rp_task_write(task, answer, sizeof answer);
}

/* The last worker locks; the others compute meanwhile, or end at once. */
static int around_lock(rp_task *task, const void *input, size_t size) {
    const struct order order = order_of(task);
    uint64_t last;
    memcpy(&last, input, sizeof last);
    if (rp_task_index(task) == last) {
        uint64_t *ns = calloc(order.count, sizeof *ns);
        int code = ns ? lock(task, order, ns) : RP_ENOMEM;
        free(ns);
        return code;
    }
    const uint64_t begin_ns = bench_now_ns();
    volatile uint64_t work = 0;
    for (bool done = !order.busy; !done && bench_now_ns() - begin_ns < 20 * UINT64_C(1000000000);) {
        for (int i = 0; i < 100000000; i++) work = work + 1;
        int code = rp_event_is_set(rp_task_self(task), order.done, &done);
        if (code) return wrong(task, "an event", code);
    }
    return 0;
}

static const rp_kernel pass_kernel = {.name = "pass", .item = pass};
static const rp_kernel lock_kernel = {.name = "lock", .item = around_lock};
static const rp_kernel *const kernels[] = {&pass_kernel, &lock_kernel, NULL};

static int make_objects(rp_self *self, struct order *order) {
    int code = rp_queue_new(self, 0, &order->queue);
    if (code == 0) code = rp_pipe_new(self, false, order->end);
    if (code == 0) code = rp_lock_new(self, &order->lock);
    return code ? code : rp_event_new(self, &order->done);
}

/* One task a worker, and what the last one answered. */
static int run(rp_pool *pool, const char *kernel, const struct order *order, uint64_t *answer, rp_error *error) {
    uint64_t tasks = rp_pool_workers(pool);
    rp_map *map;
    int code = rp_map_open(pool,
                           &(rp_map_options){.kernel = kernel,
                                             .count = RP_FED,
                                             .args = order,
                                             .args_size = sizeof *order,
                                             .schedule = {.kind = RP_DYNAMIC, .chunk = 1}},
                           &map, error);
    if (code) return code;
    if (strcmp(kernel, "lock")) tasks = 2;
    const uint64_t last = tasks - 1;
    for (uint64_t i = 0; i < tasks && code == 0; i++) code = rp_map_put(map, &last, sizeof last);
    rp_map_end(map);
    rp_result result = {0};
    for (uint64_t i = 0; i < tasks && code == 0; i++) {
        if ((code = rp_map_next(map, -1, &result))) break;
        if ((code = result.status))
            snprintf(error->text, sizeof error->text, "%.*s", (int)result.size, (const char *)result.data);
    }
    if (code == 0) memcpy(answer, result.data, result.size);
    rp_map_close(map);
    return code;
}

int main(int argc, char *argv[]) {
    const char *modes[] = {"queue", "pipe", "lock", "lock-busy"};
    struct order order = {0};
    size_t mode = 0;
    while (argc == 3 && mode < 4 && strcmp(argv[1], modes[mode])) mode++;
    if (argc != 3 || mode == 4) return fputs("bench_sync queue|pipe|lock|lock-busy COUNT\n", stderr), 2;
    if (!bench_read(argv[2], &order.count)) return 1;
    if (order.count < 2) return fputs("bench_sync: COUNT must be at least 2\n", stderr), 2;
    order.piped = mode == 1;
    order.busy = mode == 3;
    rp_world *world;
    rp_pool *pool;
    int exit_code;
    if (!bench_open(kernels, &world, &pool, &exit_code)) return exit_code;
    uint64_t answer[2] = {0};
    rp_error error = {0};
    int code = make_objects(rp_world_self(world), &order);
    if (code == 0) code = run(pool, mode < 2 ? "pass" : "lock", &order, answer, &error);
    if (code)
        bench_fail(modes[mode], code, &error);
    else if (mode < 2)
        printf("%.0f\n", (double)(order.count - 1) * 1e9 / (double)answer[0]);
    else
        printf("%" PRIu64 " %" PRIu64 "\n", answer[0], answer[1]);
    return bench_close(world, pool, code != 0);
}
