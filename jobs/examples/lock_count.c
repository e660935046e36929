/* Four tasks count in shared memory, each ten thousand times (or as the argument says), by reading the number, thinking
 * a little, and writing it back one higher. Without a lock several of them read the same number now and then, and all of
 * these counts but one are lost: how many, nobody knows beforehand. Under the lock none is, and none by the addition
 * that cannot be interrupted. */
#include "example.h"

#include <rankpool_sync.h>

enum { TASKS = 4 };

typedef struct counter {
    rp_value value;
    rp_lock lock;
    int64_t turns;
    bool locked, atomic;
} counter;

static void think(void) {
    for (volatile int i = 0; i < 500; i++) continue; /* about a microsecond */
}

static int count_once(rp_self *self, const counter *shared) {
    int64_t now;
    if (shared->atomic) return rp_value_add(self, shared->value, 1, NULL);
    int code = shared->locked ? rp_lock_acquire(self, shared->lock, -1) : 0;
    if (code == 0) code = rp_value_load(self, shared->value, &now);
    think();
    if (code == 0) code = rp_value_store(self, shared->value, now + 1);
    if (code == 0 && shared->locked) code = rp_lock_release(self, shared->lock);
    return code;
}

static int count(rp_task *task, const void *input, size_t size) {
    counter shared;
    int code = 0;
    memcpy(&shared, rp_task_args(task, NULL), sizeof shared);
    for (int64_t i = 0; i < shared.turns && code == 0; i++) code = count_once(rp_task_self(task), &shared);
    return code;
}

static const rp_kernel count_kernel = {.name = "count", .item = count};
static const rp_kernel *const kernels[] = {&count_kernel, NULL};

/* Returns what the tasks have counted to; negative: an error. */
static int64_t count_in(const example *self, counter *shared, rp_error *error) {
    static const int64_t numbers[TASKS];
    const rp_items items = {.data = numbers, .count = TASKS, .size = sizeof *numbers};
    const rp_call call = {.kernel = "count", .args = shared, .args_size = sizeof *shared, .chunksize = 1};
    rp_self *main_thread = rp_world_self(self->world);
    rp_results results = {0};
    int64_t counted = 0;
    int code = rp_value_store(main_thread, shared->value, 0);
    if (code == 0) code = rp_pool_map(self->pool, &call, &items, &results, error);
    rp_results_free(&results);
    if (code == 0) code = rp_value_load(main_thread, shared->value, &counted);
    return code ? code : counted;
}

int main(int argc, char **argv) {
    example self;
    if (!example_start(&self, kernels)) return self.exit_code;

    static const char *const how[] = {"without a lock", "under the lock", "by rp_value_add"};
    counter shared;
    double turns;
    rp_error error = {0};
    if (!example_argument(argc, argv, 10000, &turns, &error)) return example_end(&self, &error);
    shared.turns = (int64_t)turns;
    int code = rp_value_new(rp_world_self(self.world), &shared.value);
    if (code == 0) code = rp_lock_new(rp_world_self(self.world), &shared.lock);
    if (code) return example_fail(&self, "a value and a lock", code);
    if (rp_pool_open(self.world, &(rp_pool_options){.workers = TASKS}, &self.pool, &error) < 0)
        return example_end(&self, &error);

    for (int i = 0; i < 3; i++) {
        shared.locked = i == 1;
        shared.atomic = i == 2;
        double start = example_now_s();
        int64_t counted = count_in(&self, &shared, &error);
        if (counted < 0) return example_end(&self, &error);
        printf("%s: %" PRId64 " of %" PRId64 "\n", how[i], counted, TASKS * shared.turns);
        fprintf(stderr, "%s: %.4f seconds\n", how[i], example_now_s() - start);
    }
    return example_end(&self, NULL);
}
