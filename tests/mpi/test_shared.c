/* What workers share, as a program sees it, bare and on ranks: what goes through queues and pipes, what locks guard, and
 * what becomes of it when a task dies. With worker processes and with threads. */
#include "mpi/orders.h"

#include <pthread.h>

enum { ITEMS = 3000, TURNS = 300, LARGE = 5 * 1000 * 1000, MANY = 20000 };

/* ---- What tasks do -------------------------------------------------------------------------------------- */

/* Even ones put ITEMS numbers each, odd ones get as many as one put and answer their sum. */
static int trade(rp_task *task, const struct order *order) {
    rp_self *self = rp_task_self(task);
    int64_t sum = 0, number;
    size_t size;
    int code = 0;
    for (int64_t i = 1; i <= ITEMS && code == 0; i++) {
        if (rp_task_index(task) % 2 == 0) {
            code = rp_queue_put(self, order->queue, &i, sizeof i, -1);
        } else {
            code = rp_queue_get(self, order->queue, -1, &number, sizeof number, &size);
            if (code == 0 && size != sizeof number) return rp_task_fail(task, "an item of %zu bytes", size);
            sum += number;
        }
    }
    return code ? code : answer(task, sum);
}

/* Counts in shared memory, in two steps that only the lock makes one. */
static int count(rp_task *task, const struct order *order) {
    rp_self *self = rp_task_self(task);
    int64_t now;
    int code = 0;
    for (int i = 0; i < TURNS && code == 0; i++) {
        code = rp_lock_acquire(self, order->lock, -1);
        if (code == 0) code = rp_array_load(self, order->array, 1, &now);
        if (code == 0) code = rp_array_store(self, order->array, 1, now + 1);
        if (code == 0) code = rp_lock_release(self, order->lock);
        if (code == 0) code = rp_value_add(self, order->value, 1, NULL);
        if (code == 0) code = rp_array_add_double(self, order->array, 0, 0.5, NULL);
    }
    return code;
}

/* At most two at once; the array's word tells how many there are. */
static int be_one_of_two(rp_task *task, const struct order *order) {
    rp_self *self = rp_task_self(task);
    int64_t before = 0;
    int code = rp_semaphore_acquire(self, order->semaphore, -1);
    if (code == 0) code = rp_array_add(self, order->array, 0, 1, &before);
    if (code == 0) code = usleep(2000);
    if (code == 0) code = rp_array_add(self, order->array, 0, -1, NULL);
    if (code == 0) code = rp_semaphore_release(self, order->semaphore);
    return code ? code : answer(task, before);
}

static int die_with_lock(rp_task *task, const struct order *order) {
    rp_self *self = rp_task_self(task);
    int code = rp_lock_acquire(self, order->lock, -1);
    if (code == 0 && rp_task_index(task) == 0) raise(SIGKILL);
    if (code == RP_EBROKEN) return answer(task, code);
    return code ? code : rp_lock_release(self, order->lock);
}

/* Gets some and dies; what it answers it has put. */
static int die_after_some(rp_task *task, const struct order *order) {
    rp_self *self = rp_task_self(task);
    int64_t number;
    int code = 0;
    for (int i = 0; i < 5 && code == 0; i++) code = rp_queue_get(self, order->queue, -1, &number, sizeof number, NULL);
    if (code == 0) code = rp_value_add(self, order->value, 1, NULL);
    if (code == 0) raise(SIGKILL);
    return code;
}

static int make_queue(rp_task *task, const struct order *order) {
    rp_queue queue;
    int64_t own = (int64_t)rp_task_index(task);
    int code = rp_queue_new(rp_task_self(task), 0, &queue);
    if (code == 0) code = rp_queue_put(rp_task_self(task), queue, &own, sizeof own, -1);
    if (code == 0) code = rp_barrier_wait(rp_task_self(task), order->barrier, -1, NULL); /* one rank could make all */
    return code ? code : rp_task_write(task, &queue, sizeof queue);
}

static int send_large(rp_task *task, const struct order *order) {
    uint8_t *item = malloc(LARGE);
    if (!item) return RP_ENOMEM;
    for (size_t i = 0; i < LARGE; i++) item[i] = (uint8_t)(i * 7 + rp_task_index(task));
    int code = rp_queue_put(rp_task_self(task), order->queue, item, LARGE, -1);
    free(item);
    return code;
}

static int echo(rp_task *task, const struct order *order) {
    rp_self *self = rp_task_self(task);
    void *item;
    size_t size;
    int code = rp_queue_get_alloc(self, order->queue, -1, &item, &size);
    if (code) return code;
    code = rp_queue_put(self, order->answers, item, size, -1);
    free(item);
    return code ? code : rp_queue_task_done(self, order->queue);
}

/* The first closes the queue between two puts of the second, which does not look at what the later ones return. */
static int put_too_late(rp_task *task, const struct order *order) {
    rp_self *self = rp_task_self(task);
    int number = 0, code = 0;
    if (rp_task_index(task) == 0) {
        code = rp_queue_get(self, order->queue, -1, &number, sizeof number, NULL);
        if (code == 0) code = rp_queue_close(self, order->queue);
        return code ? code : rp_queue_put(self, order->answers, &number, sizeof number, -1);
    }
    code = rp_queue_put(self, order->queue, &number, sizeof number, -1);
    if (code == 0) code = rp_queue_get(self, order->answers, -1, &number, sizeof number, NULL);
    for (int i = 0; i < 3; i++) (void)rp_queue_put(self, order->queue, &i, sizeof i, -1);
    return code;
}

/* Puts that nobody waits for, into a queue at another rank maybe; what comes behind the task finds them there. */
static int put_many(rp_task *task, const struct order *order) {
    int code = 0;
    for (int i = 0; i < 50 && code == 0; i++) code = rp_queue_put(rp_task_self(task), order->queue, &i, sizeof i, -1);
    return code;
}

/* Makes, uses and frees more values than can be mapped at once, and holds on to one of them meanwhile. */
static int use_many(rp_self *self) {
    rp_array kept;
    void *words;
    int64_t now = 0;
    int code = rp_array_new(self, 1, &kept);
    if (code == 0) code = rp_array_words(self, kept, &words, NULL);
    for (int64_t i = 0; i < MANY && code == 0; i++) {
        rp_value value;
        code = rp_value_new(self, &value);
        if (code == 0) code = rp_value_add(self, value, i, NULL);
        if (code == 0) code = rp_value_load(self, value, &now);
        if (code == 0 && now != i) code = RP_EPROTOCOL;
        if (code == 0) code = rp_value_free(self, value);
        if (code == 0 && rp_value_load(self, value, &now) != RP_ECLOSED) code = RP_EPROTOCOL;
        if (code == 0) ++*(int64_t *)words;
    }
    if (code == 0) code = rp_array_load(self, kept, 0, &now);
    if (code == 0) code = rp_array_free(self, kept);
    return code ? code : now == MANY ? 0 : RP_EPROTOCOL;
}

static int bad_use(rp_task *task, const struct order *order) {
    rp_self *self = rp_task_self(task);
    int64_t number;
    bool set;
    if (rp_queue_get(self, order->queue, 0, &number, sizeof number, NULL) != RP_EEMPTY) return answer(task, 1);
    if (rp_queue_get(self, order->queue, 0.01, &number, sizeof number, NULL) != RP_EEMPTY) return answer(task, 2);
    if (rp_lock_release(self, order->lock) != RP_EPERM) return answer(task, 3);
    if (rp_lock_acquire(self, order->lock, -1) != 0) return answer(task, 4);
    if (rp_lock_acquire(self, order->lock, -1) != RP_EDEADLK) return answer(task, 5);
    if (rp_lock_acquire(self, order->lock, 0.01) != RP_ETIMEDOUT) return answer(task, 6);
    if (rp_lock_release(self, order->lock) != 0) return answer(task, 7);
    if (rp_event_is_set(self, (rp_event){order->lock.id}, &set) != RP_EINVAL) return answer(task, 8);
    if (rp_event_is_set(self, (rp_event){order->event.id + 1000}, &set) != RP_ECLOSED) return answer(task, 9);
    if (rp_queue_put(self, order->queue, NULL, 1, -1) != RP_EINVAL) return answer(task, 10);
    if (rp_event_wait(self, order->event, 0.01) != RP_ETIMEDOUT) return answer(task, 11);
    if (rp_array_load(self, order->array, 1000, &number) != RP_ERANGE) return answer(task, 12);
    return answer(task, 0);
}

static int act(rp_task *task, const void *input, size_t size) {
    const struct order *order = rp_task_args(task, NULL);
    rp_self *self = rp_task_self(task);
    int64_t number = 0;
    int code = 0;
    switch (order->what) {
    case 'q':
        return trade(task, order);
    case 'l':
        return count(task, order);
    case 's':
        return be_one_of_two(task, order);
    case 'k':
        return die_with_lock(task, order);
    case 'd':
        return die_after_some(task, order);
    case 'm':
        return make_queue(task, order);
    case 'L':
        return send_large(task, order);
    case 'e':
        return echo(task, order);
    case 'v':
        return use_many(self);
    case 'P':
        return put_many(task, order);
    case 'z':
        return put_too_late(task, order);
    case 'o': /* an effect, then death, the first time */
        code = rp_value_add(self, order->value, 1, &number);
        if (code == 0 && number == 0) raise(SIGKILL);
        return code ? code : answer(task, number);
    default:
        return bad_use(task, order);
    }
}

/* ---- The claims ------------------------------------------------------------------------------------------ */

static void many_put_and_many_get_each_item_once(void) {
    for (int k = 0; k < 2; k++) {
        struct order order = made('q', 8);
        int64_t sum[8] = {0}, all = 0;
        size_t left = 1;
        run(&order, 3, both[k], sum);
        for (int i = 0; i < 8; i++) all += sum[i];
        CU_ASSERT_EQUAL(all, 4 * (int64_t)ITEMS * (ITEMS + 1) / 2);
        CU_ASSERT_EQUAL(rp_queue_size(program, order.queue, &left), 0);
        CU_ASSERT_EQUAL(left, 0);
        dispose(&order);
    }
}

static void a_count_under_a_lock_is_right(void) {
    for (int k = 0; k < 2; k++) {
        struct order order = made('l', 6);
        int64_t now = 0;
        double halves = 0;
        run(&order, 4, both[k], NULL);
        CU_ASSERT_EQUAL(rp_array_load(program, order.array, 1, &now), 0);
        CU_ASSERT_EQUAL(now, 6 * TURNS);
        CU_ASSERT_EQUAL(rp_value_load(program, order.value, &now), 0);
        CU_ASSERT_EQUAL(now, 6 * TURNS);
        CU_ASSERT_EQUAL(rp_array_load_double(program, order.array, 0, &halves), 0);
        CU_ASSERT_EQUAL(halves, 6 * TURNS * 0.5);
        dispose(&order);
    }
}

static void a_semaphore_lets_two_in(void) {
    for (int k = 0; k < 2; k++) {
        struct order order = made('s', 12);
        int64_t before[12] = {0};
        run(&order, 4, both[k], before);
        for (int i = 0; i < 12; i++) CU_ASSERT(before[i] == 0 || before[i] == 1);
        dispose(&order);
    }
}

static void a_lock_whose_holder_died_is_broken(void) {
    struct order order = made('k', 3);
    int64_t code[3] = {0};
    int status[3] = {0};
    rp_pool *own = opened(1, RP_WORKERS_PROCESS);
    read_numbers(begun(own, &order, sizeof order, 3, 0), 3, code, status);
    CU_ASSERT_EQUAL(status[0], RP_EDIED);
    for (int i = 1; i < 3; i++) {
        CU_ASSERT_EQUAL(status[i], 0);
        CU_ASSERT_EQUAL(code[i], RP_EBROKEN);
    }
    CU_ASSERT_EQUAL(rp_lock_acquire(program, order.lock, 1), RP_EBROKEN);
    CU_ASSERT_EQUAL(rp_lock_repair(program, order.lock), 0);
    CU_ASSERT_EQUAL(rp_lock_acquire(program, order.lock, 1), 0);
    CU_ASSERT_EQUAL(rp_lock_release(program, order.lock), 0);
    rp_pool_free(own);
    dispose(&order);
}

static void a_consumer_that_dies_loses_only_what_it_took(void) {
    struct order order = made('d', 3);
    int status[3] = {0};
    int64_t deaths = 0, sum = 0, number;
    for (int64_t i = 1; i <= 1000; i++) CU_ASSERT_EQUAL(rp_queue_put(program, order.queue, &i, sizeof i, -1), 0);
    rp_pool *own = opened(1, RP_WORKERS_PROCESS);
    read_numbers(begun(own, &order, sizeof order, 3, 0), 3, NULL, status);
    for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(status[i], RP_EDIED);
    CU_ASSERT_EQUAL(rp_value_load(program, order.value, &deaths), 0);
    CU_ASSERT_EQUAL(deaths, 3);
    int left = 0;
    while (rp_queue_get(program, order.queue, 0, &number, sizeof number, NULL) == 0) {
        left++;
        sum += number;
    }
    CU_ASSERT_EQUAL(left, 1000 - 15);
    CU_ASSERT_EQUAL(sum, 1000 * 1001 / 2 - 15 * 16 / 2);
    rp_pool_free(own);
    dispose(&order);
}

static void a_task_with_effects_runs_once_unless_retries_are_asked_for(void) {
    for (uint32_t retries = 0; retries < 2; retries++) {
        struct order order = made('o', 1);
        int status = 0;
        int64_t before = 0, runs = 0;
        rp_pool *own = opened(1, RP_WORKERS_PROCESS);
        read_numbers(begun(own, &order, sizeof order, 1, retries), 1, &before, &status);
        CU_ASSERT_EQUAL(rp_value_load(program, order.value, &runs), 0);
        CU_ASSERT_EQUAL(status, retries ? 0 : RP_EDIED);
        CU_ASSERT_EQUAL(runs, retries ? 2 : 1);
        rp_pool_free(own);
        dispose(&order);
    }
}

static void what_a_worker_made_is_used_by_all(void) {
    for (int k = 0; k < 2; k++) {
        struct order order = made('m', 4);
        rp_pool *own = opened(2, both[k]);
        int64_t handle[4] = {0}, number = -1;
        read_numbers(begun(own, &order, sizeof order, 4, 0), 4, handle, NULL);
        for (int i = 0; i < 4; i++) {
            rp_queue queue = {(uint64_t)handle[i]};
            CU_ASSERT_EQUAL(rp_queue_get(program, queue, 5, &number, sizeof number, NULL), 0);
            CU_ASSERT_EQUAL(number, i);
            CU_ASSERT_EQUAL(rp_queue_free(program, queue), 0);
            CU_ASSERT_EQUAL(rp_queue_get(program, queue, 5, &number, sizeof number, NULL), RP_ECLOSED);
        }
        rp_pool_free(own);
        dispose(&order);
    }
}

static void a_task_that_is_done_has_put_what_it_put(void) {
    for (int k = 0; k < 2; k++) {
        struct order order = made('m', 4);
        rp_pool *own = opened(4, both[k]);
        int64_t handle[4] = {0}, number;
        int got = 0;
        read_numbers(begun(own, &order, sizeof order, 4, 0), 4, handle, NULL);
        for (int i = 0; i < 4; i++) { /* queues of all ranks, be they nobody's own */
            const rp_queue own_queue = order.queue;
            order.what = 'P';
            order.queue = (rp_queue){(uint64_t)handle[i]};
            read_numbers(begun(own, &order, sizeof order, 4, 0), 4, NULL, NULL);
            while (rp_queue_get(program, order.queue, 0, &number, sizeof number, NULL) == 0) got++;
            CU_ASSERT_EQUAL(rp_queue_free(program, order.queue), 0);
            order.queue = own_queue;
        }
        CU_ASSERT_EQUAL(got, 4 * (4 * 50 + 1));
        rp_pool_free(own);
        dispose(&order);
    }
}

static void a_task_whose_puts_are_refused_fails(void) {
    struct order order = made('z', 2);
    int status[2] = {0};
    rp_pool *own = opened(2, RP_WORKERS_PROCESS);
    read_numbers(begun(own, &order, sizeof order, 2, 0), 2, NULL, status);
    CU_ASSERT_EQUAL(status[0], 0);
    CU_ASSERT_EQUAL(status[1], RP_ETASK);
    rp_pool_free(own);
    dispose(&order);
}

static void values_by_the_ten_thousand_come_and_go(void) {
    struct order order = made('v', 2);
    run(&order, 2, RP_WORKERS_PROCESS, NULL);
    CU_ASSERT_EQUAL(use_many(program), 0);
    dispose(&order);
}

static void items_of_5_megabytes_go_through(void) {
    struct order order = made('L', 3);
    rp_pool *own = opened(2, RP_WORKERS_PROCESS);
    rp_map *map = begun(own, &order, sizeof order, 3, 0);
    int seen = 0;
    for (int i = 0; i < 3; i++) {
        uint8_t *item = NULL;
        size_t size = 0;
        CU_ASSERT_EQUAL_FATAL(rp_queue_get_alloc(program, order.queue, 60, (void **)&item, &size), 0);
        CU_ASSERT_EQUAL_FATAL(size, LARGE);
        bool whole = true;
        for (size_t at = 0; at < LARGE; at++) whole &= item[at] == (uint8_t)(at * 7 + item[0]);
        CU_ASSERT(whole);
        seen |= 1 << item[0];
        free(item);
    }
    CU_ASSERT_EQUAL(seen, 7);
    read_numbers(map, 3, NULL, NULL);
    rp_pool_free(own);
    dispose(&order);
}

static void *put_hundred(void *context) {
    const struct order *order = context;
    for (int i = 0; i < 100; i++)
        if (rp_queue_put(program, order->queue, &i, sizeof i, -1)) return context;
    return NULL;
}

static void threads_of_the_program_put_join_and_get(void) {
    struct order order = made('e', 200);
    rp_pool *own = opened(2, RP_WORKERS_PROCESS);
    rp_map *map = begun(own, &order, sizeof order, 200, 0);
    pthread_t putter[2];
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL(pthread_create(&putter[i], NULL, put_hundred, &order), 0);
    int sum = 0, number = 0;
    for (int i = 0; i < 200; i++) {
        CU_ASSERT_EQUAL(rp_queue_get(program, order.answers, 60, &number, sizeof number, NULL), 0);
        sum += number;
    }
    for (int i = 0; i < 2; i++) {
        void *failed = NULL;
        pthread_join(putter[i], &failed);
        CU_ASSERT_PTR_NULL(failed);
    }
    CU_ASSERT_EQUAL(sum, 2 * 4950);
    CU_ASSERT_EQUAL(rp_queue_join(program, order.queue, 60), 0);
    read_numbers(map, 200, NULL, NULL);
    rp_pool_free(own);
    dispose(&order);
}

static void wrong_calls_and_time_limits_are_told(void) {
    for (int k = 0; k < 2; k++) {
        struct order order = made('x', 1);
        int64_t wrong = -1;
        run(&order, 1, both[k], &wrong);
        CU_ASSERT_EQUAL(wrong, 0);
        dispose(&order);
    }
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(many_put_and_many_get_each_item_once),
        UNIT(a_count_under_a_lock_is_right),
        UNIT(a_semaphore_lets_two_in),
        UNIT(a_lock_whose_holder_died_is_broken),
        UNIT(a_consumer_that_dies_loses_only_what_it_took),
        UNIT(a_task_with_effects_runs_once_unless_retries_are_asked_for),
        UNIT(what_a_worker_made_is_used_by_all),
        UNIT(a_task_that_is_done_has_put_what_it_put),
        UNIT(a_task_whose_puts_are_refused_fails),
        UNIT(values_by_the_ten_thousand_come_and_go),
        UNIT(items_of_5_megabytes_go_through),
        UNIT(threads_of_the_program_put_join_and_get),
        UNIT(wrong_calls_and_time_limits_are_told),
        {NULL, NULL},
    };
    return run_orders("shared", tests);
}
