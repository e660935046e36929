/* Tasks that wait for each other, as a program sees them, bare and on ranks: who waits gives up its place, so that the
 * task that it waits for can begin. With worker processes and with threads. */
#include "mpi/orders.h"

enum { CHAIN = 60, CROWD = 80 };

/* ---- What tasks do -------------------------------------------------------------------------------------- */

/* Task i waits for a number from task i + 1, which comes to its place only when this one has given it up. */
static int pass_down(rp_task *task, const struct order *order) {
    rp_self *self = rp_task_self(task);
    const rp_pipe *pipes = (const rp_pipe *)(order + 1);
    const uint64_t index = rp_task_index(task);
    int64_t number = 0;
    int code = 0;
    if (index + 1 < order->tasks) code = rp_pipe_recv(self, pipes[2 * index], -1, &number, sizeof number, NULL);
    number++;
    if (code == 0 && index > 0) code = rp_pipe_send(self, pipes[2 * (index - 1) + 1], &number, sizeof number, -1);
    return code ? code : answer(task, number);
}

/* Takes turns: task i waits until the value is i. */
static int in_turn(rp_task *task, const struct order *order) {
    rp_self *self = rp_task_self(task);
    const int64_t own = order->tasks - 1 - (int64_t)rp_task_index(task);
    int64_t now = -1;
    int code = rp_condition_acquire(self, order->condition, -1);
    while (code == 0 && (code = rp_value_load(self, order->value, &now)) == 0 && now != own)
        code = rp_condition_wait(self, order->condition, -1);
    if (code == 0) code = rp_value_store(self, order->value, own + 1);
    if (code == 0) code = rp_condition_notify_all(self, order->condition);
    if (code == 0) code = rp_condition_release(self, order->condition);
    return code;
}

static int act(rp_task *task, const void *input, size_t size) {
    const struct order *order = rp_task_args(task, NULL);
    rp_self *self = rp_task_self(task);
    int64_t number = 0;
    uint32_t index = 0;
    int code = 0;
    switch (order->what) {
    case 'b': /* meet at the barrier */
        code = rp_barrier_wait(self, order->barrier, -1, &index);
        return code ? code : answer(task, index);
    case 'p': /* the first receives what the second sends */
        if (rp_task_index(task)) return rp_pipe_send(self, order->end[1], &(int64_t){19 * 19 * 19}, sizeof number, -1);
        code = rp_pipe_recv(self, order->end[0], -1, &number, sizeof number, NULL);
        return code ? code : answer(task, number);
    case 'c':
        return pass_down(task, order);
    case 't':
        return in_turn(task, order);
    case 'w': /* wait for the event */
        code = rp_value_add(self, order->value, 1, NULL);
        code = code ? code : rp_event_wait(self, order->event, -1);
        return answer(task, code);
    default:
        return rp_task_fail(task, "there is no order %c", order->what);
    }
}

/* ---- The claims ------------------------------------------------------------------------------------------ */

static void three_tasks_meet_at_a_barrier_on_two_workers(void) {
    for (int k = 0; k < 2; k++) {
        struct order order = made('b', 3);
        int64_t came[3] = {0}, seen = 0;
        run(&order, 2, both[k], came);
        for (int i = 0; i < 3; i++) seen |= 1 << came[i];
        CU_ASSERT_EQUAL(seen, 7);
        dispose(&order);
    }
}

static void one_worker_receives_what_a_later_task_sends(void) {
    for (int k = 0; k < 2; k++) {
        struct order order = made('p', 2);
        int64_t number[2] = {0};
        run(&order, 1, both[k], number);
        CU_ASSERT_EQUAL(number[0], 6859);
        dispose(&order);
    }
}

static void a_pipeline_is_deeper_than_the_credit(void) {
    const size_t size = sizeof(struct order) + sizeof(rp_pipe[CHAIN][2]);
    for (int k = 0; k < 2; k++) {
        struct order *order = calloc(1, size);
        rp_pipe(*pipes)[2] = (void *)(order + 1);
        int64_t number[CHAIN] = {0};
        order->what = 'c';
        order->tasks = CHAIN;
        for (int i = 0; i < CHAIN; i++) CU_ASSERT_EQUAL(rp_pipe_new(program, false, pipes[i]), 0);
        rp_pool *own = opened(1, both[k]);
        read_numbers(begun(own, order, size, CHAIN, 0), CHAIN, number, NULL);
        for (int i = 0; i < CHAIN; i++) CU_ASSERT_EQUAL(number[i], CHAIN - i);
        for (int i = 0; i < CHAIN; i++) CU_ASSERT_EQUAL(rp_pipe_free(program, pipes[i][0]), 0);
        rp_pool_free(own);
        free(order);
    }
}

static void a_condition_lets_tasks_take_turns(void) {
    for (int k = 0; k < 2; k++) {
        struct order order = made('t', 10);
        int64_t turns = 0;
        run(&order, 2, both[k], NULL);
        CU_ASSERT_EQUAL(rp_value_load(program, order.value, &turns), 0);
        CU_ASSERT_EQUAL(turns, 10);
        dispose(&order);
    }
}

/* More wait in one place than it has room for: those beyond learn that it would be for ever. */
static void a_crowd_that_waits_for_nobody_is_told(void) {
    struct order order = made('w', CROWD);
    int64_t code[CROWD] = {0}, waiting = 0;
    rp_pool *own = opened(1, RP_WORKERS_PROCESS);
    rp_map *map = begun(own, &order, sizeof order, CROWD, 0);
    while (waiting < CROWD) {
        CU_ASSERT_EQUAL_FATAL(rp_value_load(program, order.value, &waiting), 0);
        usleep(1000);
    }
    CU_ASSERT_EQUAL(rp_event_set(program, order.event), 0);
    read_numbers(map, CROWD, code, NULL);
    int told = 0, woken = 0;
    for (int i = 0; i < CROWD; i++) {
        told += code[i] == RP_EDEADLK;
        woken += code[i] == 0;
    }
    CU_ASSERT_EQUAL(told + woken, CROWD);
    CU_ASSERT(woken >= 64);
    CU_ASSERT(told >= 1);
    rp_pool_free(own);
    dispose(&order);
}

static void close_a_map_with_waiting_tasks(enum rp_workers kind) {
    struct order order = made('w', 5);
    int64_t waiting = 0;
    rp_pool *own = opened(2, kind);
    rp_map *map = begun(own, &order, sizeof order, 5, 0);
    while (waiting < 5) {
        CU_ASSERT_EQUAL_FATAL(rp_value_load(program, order.value, &waiting), 0);
        usleep(1000);
    }
    rp_map_close(map);
    order.what = 'b';
    order.tasks = 5;
    int64_t came[5] = {0};
    read_numbers(begun(own, &order, sizeof order, 5, 0), 5, came, NULL);
    rp_pool_free(own);
    dispose(&order);
}

static void a_map_with_waiting_tasks_can_be_closed(void) {
    for (int k = 0; k < 2; k++) close_a_map_with_waiting_tasks(both[k]);
}

/* Threads cannot be killed: their waits end. */
static void a_pool_with_waiting_tasks_can_be_terminated(void) {
    for (int k = 0; k < 2; k++) {
        struct order order = made('w', 5);
        int64_t waiting = 0;
        rp_pool *own = opened(2, both[k]);
        rp_map *map = begun(own, &order, sizeof order, 5, 0);
        while (waiting < 5) {
            CU_ASSERT_EQUAL_FATAL(rp_value_load(program, order.value, &waiting), 0);
            usleep(1000);
        }
        rp_pool_terminate(own);
        CU_ASSERT_EQUAL(rp_pool_join(own, 30), 0);
        rp_map_close(map);
        CU_ASSERT_EQUAL(rp_pool_free(own), 0);
        dispose(&order);
    }
}

static void inline_workers_refuse(void) {
    struct order order = made('b', 1);
    int status = 0;
    rp_pool *own = opened(1, RP_WORKERS_INLINE);
    read_numbers(begun(own, &order, sizeof order, 1, 0), 1, NULL, &status);
    CU_ASSERT_EQUAL(status, RP_ETASK);
    rp_pool_free(own);
    dispose(&order);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(three_tasks_meet_at_a_barrier_on_two_workers),
        UNIT(one_worker_receives_what_a_later_task_sends),
        UNIT(a_pipeline_is_deeper_than_the_credit),
        UNIT(a_condition_lets_tasks_take_turns),
        UNIT(a_crowd_that_waits_for_nobody_is_told),
        UNIT(a_map_with_waiting_tasks_can_be_closed),
        UNIT(a_pool_with_waiting_tasks_can_be_terminated),
        UNIT(inline_workers_refuse),
        {NULL, NULL},
    };
    return run_orders("waiting", tests);
}
