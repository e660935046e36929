/* Calls of tasks on shared objects, from the kernel's side: of workers that are processes and threads, over a real home
 * machine. */
#include "call_stage.h"
#include "crew/crew_kind.h"
#include "rankpool_sync.h"

#include <signal.h>
#include <stdio.h>

enum kernel {
    POLLER,
    PUTTER,
    GETTER,
    LARGE_PUTTER,
    LARGE_GETTER,
    TIMED,
    CONSUMER,
    MORTAL,
    ASKER,
    CALLER,
    RANGE_CALLER,
    FOLDED_CALLER,
    WAITER,
    ADDER
};

enum { HAMMERED = 200000, LARGE = 10 * 1000 * 1000 };

/* Mapped before any fork. */
static struct shared {
    _Atomic uint32_t got[HAMMERED];
    _Atomic int code; /* of a call whose task's result nobody gets */
} * shared;

/* ---- Kernels ------------------------------------------------------------------------------------------- */

static const struct order *order_of(rp_task *task) {
    size_t size;
    return rp_task_args(task, &size);
}

static int say(rp_task *task, const char *what, int64_t value) {
    return rp_task_printf(task, "%s %lld", what, (long long)value);
}

static int put_bytes(rp_task *task, const void *data, size_t size) {
    rp_self *self = rp_task_self(task);
    const struct rp__call call = {.object = order_of(task)->object,
                                  .op = RP__OP_PUT,
                                  .data = data,
                                  .size = size,
                                  .timeout_s = -1,
                                  .may_be_silent = true};
    return self->call(self, &call, NULL, NULL);
}

static int ask(rp_task *task, enum rp__op op, uint64_t *value) {
    rp_self *self = rp_task_self(task);
    const struct rp__call call = {.object = order_of(task)->object, .op = op};
    return self->call(self, &call, value, NULL);
}

static int take_number(rp_task *task, double timeout_s, uint64_t *number) {
    rp_self *self = rp_task_self(task);
    struct rp__item item = {.at = number, .capacity = sizeof *number};
    return self->take(self, order_of(task)->object, RP__OP_GET, timeout_s, &item);
}

/* The numbers from 0, then the end. */
static int putter(rp_task *task, const void *input, size_t size) {
    const struct order *order = order_of(task);
    int64_t wrong = 0;
    for (uint64_t i = 0; i < order->count; i++) wrong += put_bytes(task, &i, sizeof i) != 0;
    for (int ends = 0; ends < 2; ends++) wrong += put_bytes(task, &(uint64_t){UINT64_MAX}, 8) != 0;
    return say(task, "wrong", wrong);
}

/* `count` of them, which come in order from `other` on. */
static int getter(rp_task *task, const void *input, size_t size) {
    const struct order *order = order_of(task);
    int64_t wrong = 0;
    for (uint64_t i = 0, number; i < order->count; i++)
        wrong += take_number(task, -1, &number) != 0 || number != order->other + i;
    return say(task, "wrong", wrong);
}

static int large_putter(rp_task *task, const void *input, size_t size) {
    uint8_t *bytes = malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++) bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    const int code = put_bytes(task, bytes, LARGE);
    free(bytes);
    return say(task, "put", code);
}

static int large_getter(rp_task *task, const void *input, size_t size) {
    rp_self *self = rp_task_self(task);
    void *got = NULL;
    struct rp__item item = {.given = &got};
    const int code = self->take(self, order_of(task)->object, RP__OP_GET, -1, &item);
    if (code) return say(task, "code", code);
    size_t wrong = item.size != LARGE;
    for (size_t i = 0; i < item.size; i++) wrong += ((uint8_t *)got)[i] != (uint8_t)(i * 2654435761u >> 13);
    free(got);
    return say(task, "wrong", (int64_t)wrong);
}

static int timed(rp_task *task, const void *input, size_t size) {
    uint64_t number = 7;
    if (take_number(task, 0, &number) != RP_EEMPTY) return say(task, "try", 0);
    if (take_number(task, 0.02, &number) != RP_EEMPTY) return say(task, "timed", 0);
    if (put_bytes(task, &number, sizeof number)) return say(task, "put", 0);
    number = 0;
    if (take_number(task, 1000, &number) || number != 7) return say(task, "get", (int64_t)number);
    char first;
    rp_self *self = rp_task_self(task);
    struct rp__item item = {.at = &first, .capacity = 1};
    put_bytes(task, "xyz", 3);
    if (self->take(self, order_of(task)->object, RP__OP_GET, -1, &item) || first != 'x') return say(task, "cut", 0);
    return say(task, "size", (int64_t)item.size);
}

/* Counts what it gets until the end. */
static int consumer(rp_task *task, const void *input, size_t size) {
    int64_t count = 0;
    for (uint64_t number;; count++) {
        const int code = take_number(task, -1, &number);
        if (code) return say(task, "code", code);
        if (number == UINT64_MAX) return say(task, "end", 0);
        if (number < HAMMERED) atomic_fetch_add(&shared->got[number], 1);
    }
}

static int mortal(rp_task *task, const void *input, size_t size) {
    getter(task, input, size);
    return raise(SIGKILL);
}

/* Takes some and asks about the rest. */
static int asker(rp_task *task, const void *input, size_t size) {
    uint64_t number, left = 0;
    for (uint64_t i = 0; i < order_of(task)->count; i++)
        if (take_number(task, -1, &number) || number != i) return say(task, "wrong item", (int64_t)number);
    if (put_bytes(task, &(uint64_t){UINT64_MAX}, 8)) return say(task, "put", 0);
    const int code = ask(task, RP__OP_SIZE, &left);
    if (code || take_number(task, -1, &number) || number != order_of(task)->count) return say(task, "code", code);
    return say(task, "left", (int64_t)left);
}

/* Sends, receives half, and polls. */
static int poller(rp_task *task, const void *input, size_t size) {
    rp_self *self = rp_task_self(task);
    const struct order *order = order_of(task);
    struct rp__call call = {.object = order->other, .op = RP__OP_SEND, .data = "x", .size = 1, .timeout_s = -1};
    int64_t wrong = 0;
    for (uint64_t i = 0; i < order->count; i++) wrong += self->call(self, &call, NULL, NULL) != 0;
    call = (struct rp__call){.object = order->object, .op = RP__OP_POLL};
    for (uint64_t i = 0; i < order->count; i++) {
        struct rp__item item = {0};
        if (i == order->count / 2) wrong += self->call(self, &call, NULL, NULL) != 0;
        wrong += self->take(self, order->object, RP__OP_RECV, -1, &item) != 0 || item.size != 1;
    }
    wrong += self->call(self, &call, NULL, NULL) != RP_ETIMEDOUT;
    return say(task, "wrong", wrong);
}

/* Task number `other` makes calls. */
static int caller(rp_task *task, const void *input, size_t size) {
    uint64_t count;
    if (rp_task_index(task) != order_of(task)->other) return say(task, "silent", 0);
    int code = ask(task, RP__OP_SIZE, &count);
    return say(task, "called", code ? code : ask(task, RP__OP_SIZE, &count));
}
static int range_caller(rp_task *task, uint64_t begin, uint64_t end) {
    uint64_t count;
    return say(task, "called", ask(task, RP__OP_SIZE, &count));
}
static void combine(void *into, const void *from, size_t size) { memcpy(into, from, size); }

static int waiter(rp_task *task, const void *input, size_t size) {
    uint64_t number;
    atomic_store(&shared->code, take_number(task, -1, &number));
    return 0;
}

static int adder(rp_task *task, const void *input, size_t size) {
    rp_self *self = rp_task_self(task);
    const struct order *order = order_of(task);
    size_t words = 0;
    int code, sum = 0;
    for (uint64_t i = 0; i < order->count; i++) {
        _Atomic uint64_t *at = self->cells(self, order->object, false, &words, &code);
        if (code) return say(task, "code", code);
        if (!at) return say(task, "elsewhere", 0);
        sum += (int)atomic_fetch_add(&at[words - 1], 1);
    }
    return say(task, "sum", sum);
}

static const rp_kernel poller_kernel = {.name = "poller", .item = poller},
                       putter_kernel = {.name = "putter", .item = putter},
                       getter_kernel = {.name = "getter", .item = getter},
                       large_putter_kernel = {.name = "large putter", .item = large_putter},
                       large_getter_kernel = {.name = "large getter", .item = large_getter},
                       timed_kernel = {.name = "timed", .item = timed},
                       consumer_kernel = {.name = "consumer", .item = consumer},
                       mortal_kernel = {.name = "mortal", .item = mortal},
                       asker_kernel = {.name = "asker", .item = asker},
                       caller_kernel = {.name = "caller", .item = caller},
                       range_kernel = {.name = "range", .range = range_caller},
                       folded_kernel = {.name = "folded", .item = caller, .combine = combine},
                       waiter_kernel = {.name = "waiter", .item = waiter},
                       adder_kernel = {.name = "adder", .item = adder};
static const rp_kernel *const kernels[] = {
    &poller_kernel, &putter_kernel,   &getter_kernel, &large_putter_kernel, &large_getter_kernel,
    &timed_kernel,  &consumer_kernel, &mortal_kernel, &asker_kernel,        &caller_kernel,
    &range_kernel,  &folded_kernel,   &waiter_kernel, &adder_kernel,        NULL};

static void with_stage(enum rp_workers kind, uint32_t workers, void (*claim)(struct stage *)) {
    static struct stage stage;
    open_stage(&stage, kernels, kind, workers);
    memset(shared, 0, sizeof *shared);
    claim(&stage);
    close_stage(&stage);
}

static void for_both_kinds(uint32_t workers, void (*claim)(struct stage *)) {
    with_stage(RP_WORKERS_PROCESS, workers, claim);
    with_stage(RP_WORKERS_THREAD, workers, claim);
}

/* ---- Puts and gets ------------------------------------------------------------------------------------- */

static void put_and_get(struct stage *stage) {
    const uint64_t queue = make(stage, RP__QUEUE, 0);
    tell(stage, 1, GETTER, (struct order){.object = queue, .count = 1});
    CU_ASSERT_TRUE(go_on(stage, 1, is_waiting));
    tell(stage, 0, PUTTER, (struct order){.object = queue, .count = 1});
    CU_ASSERT_TRUE(says(stage, 0, "wrong 0"));
    CU_ASSERT_TRUE(says(stage, 1, "wrong 0"));
}
static void what_one_worker_puts_another_gets(void) { for_both_kinds(2, put_and_get); }

static void put_silently(struct stage *stage) {
    const uint64_t queue = make(stage, RP__QUEUE, 0), count = 100000;
    tell(stage, 0, PUTTER, (struct order){.object = queue, .count = count});
    tell(stage, 1, GETTER, (struct order){.object = queue, .count = count});
    CU_ASSERT_TRUE(says(stage, 0, "wrong 0"));
    CU_ASSERT_TRUE(says(stage, 1, "wrong 0"));
    CU_ASSERT_EQUAL(stage->patron[0].calls, count + 3); /* the last ones are settled when the task ends */
    CU_ASSERT_TRUE(stage->patron[1].calls < count);
}
static void silent_puts_arrive_once_and_in_order(void) { for_both_kinds(2, put_silently); }

static void put_in_vain(struct stage *stage) {
    const uint64_t queue = make(stage, RP__QUEUE, 0);
    const struct rp__request close = {.object = queue, .op = RP__OP_CLOSE, .silent = true};
    CU_ASSERT_EQUAL(rp__home_request(stage->home, &close), 0);
    tell(stage, 0, PUTTER, (struct order){.object = queue, .count = 10});
    CU_ASSERT_TRUE(says(stage, 0, "wrong 12"));
}
static void put_behind_a_failed_one_is_not_silent(void) { for_both_kinds(1, put_in_vain); }

static void pass_large(struct stage *stage) {
    const uint64_t queue = make(stage, RP__QUEUE, 0);
    tell(stage, 0, LARGE_PUTTER, (struct order){.object = queue});
    CU_ASSERT_TRUE(says(stage, 0, "put 0"));
    tell(stage, 1, LARGE_GETTER, (struct order){.object = queue});
    CU_ASSERT_TRUE(says(stage, 1, "wrong 0"));
}
static void item_of_10_mb_passes_whole(void) { for_both_kinds(2, pass_large); }

static void run_out_of_time(struct stage *stage) {
    tell(stage, 0, TIMED, (struct order){.object = make(stage, RP__QUEUE, 0)});
    CU_ASSERT_TRUE(says(stage, 0, "size 3"));
}
static void call_out_of_time_ends_with_its_own_code_and_the_next_goes_on(void) { for_both_kinds(1, run_out_of_time); }

/* ---- Batches ------------------------------------------------------------------------------------------- */

static void hammer(struct stage *stage) {
    const struct order order = {.object = make(stage, RP__QUEUE, 0), .count = HAMMERED};
    tell(stage, 0, PUTTER, order);
    tell(stage, 1, CONSUMER, order);
    tell(stage, 2, CONSUMER, order);
    for (uint32_t i = 1; i < 3; i++) CU_ASSERT_TRUE(says(stage, i, "end 0"));
    uint32_t not_once = 0;
    for (uint32_t i = 0; i < HAMMERED; i++) not_once += atomic_load(&shared->got[i]) != 1;
    CU_ASSERT_EQUAL(not_once, 0);
}
static void two_consumers_get_each_item_exactly_once(void) { for_both_kinds(3, hammer); }

static void recall_of_a_rest(struct stage *stage) {
    const uint64_t queue = make(stage, RP__QUEUE, 0);
    tell(stage, 0, PUTTER, (struct order){.object = queue, .count = 100});
    CU_ASSERT_TRUE(says(stage, 0, "wrong 0"));
    tell(stage, 0, GETTER, (struct order){.object = queue, .count = 10}); /* of 1 + 2 + 4 + 8 */
    CU_ASSERT_TRUE(says(stage, 0, "wrong 0"));
    CU_ASSERT_EQUAL(stage->patron[0].recalls, 0);
    tell(stage, 1, GETTER, (struct order){.object = queue, .count = 5, .other = 10});
    CU_ASSERT_TRUE(says(stage, 1, "wrong 0"));
    CU_ASSERT_EQUAL(stage->patron[0].recalls, 1);
    tell(stage, 0, GETTER, (struct order){.object = queue, .count = 85, .other = 15});
    CU_ASSERT_TRUE(says(stage, 0, "wrong 0"));
}
static void rest_of_a_batch_goes_to_who_asks_for_it(void) { for_both_kinds(2, recall_of_a_rest); }

static void batch_of_a_later_task(struct stage *stage) {
    const uint64_t queue = make(stage, RP__QUEUE, 0), other = make(stage, RP__QUEUE, 0);
    tell(stage, 0, PUTTER, (struct order){.object = queue, .count = 100});
    CU_ASSERT_TRUE(says(stage, 0, "wrong 0"));
    tell(stage, 1, GETTER, (struct order){.object = queue, .count = 10});
    CU_ASSERT_TRUE(says(stage, 1, "wrong 0"));
    const uint64_t calls = stage->patron[1].calls;
    tell(stage, 1, GETTER, (struct order){.object = queue, .count = 5, .other = 10});
    CU_ASSERT_TRUE(says(stage, 1, "wrong 0"));
    CU_ASSERT_EQUAL(stage->patron[1].calls, calls); /* the batch of the task before lasted */
    tell(stage, 1, GETTER, (struct order){.object = queue, .count = 1, .other = 15});
    CU_ASSERT_TRUE(says(stage, 1, "wrong 0"));
    tell(stage, 0, PUTTER, (struct order){.object = other, .count = 1});
    tell(stage, 1, GETTER, (struct order){.object = other, .count = 1}); /* which gives the first one's rest back */
    CU_ASSERT_TRUE(says(stage, 1, "wrong 0"));
    tell(stage, 0, GETTER, (struct order){.object = queue, .count = 84, .other = 16});
    CU_ASSERT_TRUE(says(stage, 0, "wrong 0"));
    CU_ASSERT_EQUAL(stage->patron[1].recalls, 0);
}
static void batch_lasts_over_tasks_until_another_object_is_asked(void) { for_both_kinds(2, batch_of_a_later_task); }

static void size_behind_a_batch(struct stage *stage) {
    const uint64_t queue = make(stage, RP__QUEUE, 0);
    tell(stage, 0, PUTTER, (struct order){.object = queue, .count = 20});
    CU_ASSERT_TRUE(says(stage, 0, "wrong 0"));
    tell(stage, 1, ASKER, (struct order){.object = queue, .count = 10});
    CU_ASSERT_TRUE(says(stage, 1, "left 13")); /* 10 numbers, 2 ends, and what it put */
}
static void size_counts_what_was_lent_and_not_taken(void) { for_both_kinds(2, size_behind_a_batch); }

static void poll_in_a_batch(struct stage *stage) {
    const uint64_t pipe = make(stage, RP__PIPE, 0);
    tell(stage, 0, POLLER, (struct order){.object = pipe, .other = pipe | RP__PIPE_END, .count = 20});
    CU_ASSERT_TRUE(says(stage, 0, "wrong 0"));
    CU_ASSERT_EQUAL(stage->patron[0].calls, 20 + 5 + 1); /* batches of 1, 2, 4, 8, 5; the second poll */
}
static void poll_sees_what_is_lent_without_a_call(void) { for_both_kinds(1, poll_in_a_batch); }

static void die_in_a_batch(struct stage *stage) {
    const uint64_t queue = make(stage, RP__QUEUE, 0);
    tell(stage, 0, PUTTER, (struct order){.object = queue, .count = 100});
    CU_ASSERT_TRUE(says(stage, 0, "wrong 0"));
    tell(stage, 0, MORTAL, (struct order){.object = queue, .count = 10});
    CU_ASSERT_TRUE(go_on(stage, 0, has_ended));
    CU_ASSERT_TRUE(stage->patron[0].end.in_hand && stage->patron[0].end.task == 0);
    tell(stage, 1, GETTER, (struct order){.object = queue, .count = 90, .other = 10});
    CU_ASSERT_TRUE(says(stage, 1, "wrong 0"));

    CU_ASSERT_EQUAL(rp__crew_restart(stage->agent.crew, 0, &stage->agent.error), 0); /* its lendings begin again */
    agent_wait_started(&stage->agent, 1);
    const uint64_t other = make(stage, RP__QUEUE, 0);
    tell(stage, 1, PUTTER, (struct order){.object = other, .count = 50});
    CU_ASSERT_TRUE(says(stage, 1, "wrong 0"));
    tell(stage, 0, GETTER, (struct order){.object = other, .count = 10});
    CU_ASSERT_TRUE(says(stage, 0, "wrong 0"));
    tell(stage, 1, GETTER, (struct order){.object = other, .count = 40, .other = 10});
    CU_ASSERT_TRUE(says(stage, 1, "wrong 0"));
}
static void what_a_dead_consumer_had_not_taken_is_still_there(void) {
    with_stage(RP_WORKERS_PROCESS, 2, die_in_a_batch);
}

static void lendings_are_told_apart_beyond_their_31_bits(void) {
    CU_ASSERT_EQUAL(rp__crew_taken(rp__stream(5, 3), 5), 3);
    CU_ASSERT_EQUAL(rp__crew_taken(rp__stream(5, 3) | RP__STREAM_RECALLED, 5), 3);
    CU_ASSERT_EQUAL(rp__crew_taken(rp__stream(4, 3), 5), 1);          /* its answer was not fetched */
    CU_ASSERT_EQUAL(rp__crew_taken(rp__stream(6, 3), 5), UINT32_MAX); /* it is done with these */
    CU_ASSERT_EQUAL(rp__crew_taken(0, 1), 1);
    CU_ASSERT_EQUAL(rp__crew_taken(rp__stream(UINT32_MAX, 3), UINT32_MAX), 3);
    CU_ASSERT_EQUAL(rp__crew_taken(rp__stream(0x7fffffff, 3), 0x80000000), 1);
    CU_ASSERT_EQUAL(rp__crew_taken(rp__stream(0x80000001, 3), 0x80000000), UINT32_MAX);
    CU_ASSERT_EQUAL(rp__crew_taken(rp__stream(5, 0), 5), 1);
}

/* ---- Cuts ---------------------------------------------------------------------------------------------- */

static uint32_t records(const struct rp__buffer *bytes) {
    uint32_t count = 0;
    const uint8_t *data;
    size_t size, at = 0;
    bool failed;
    for (size_t length; (length = rp__record_read(bytes->data + at, bytes->size - at, &data, &size, &failed)); count++)
        at += length;
    return at == bytes->size ? count : UINT32_MAX;
}

static void cut_behind_the_task(struct stage *stage) {
    struct order order = {.object = make(stage, RP__QUEUE, 0), .other = 3};
    struct patron *patron = &stage->patron[0];
    tell_tasks(stage, 0, CALLER, &order, 10);
    CU_ASSERT_TRUE(go_on(stage, 0, has_answered));
    CU_ASSERT_EQUAL(records(&stage->agent.bytes[0]), 4);
    CU_ASSERT_EQUAL(patron->cut_at, 4);
    CU_ASSERT_EQUAL(patron->calls, 2);

    patron->cut_at = 0;
    order.other = 99; /* nobody calls: the next chunk is whole */
    tell_tasks(stage, 0, CALLER, &order, 10);
    CU_ASSERT_TRUE(go_on(stage, 0, has_answered));
    CU_ASSERT_EQUAL(records(&stage->agent.bytes[0]), 10);
    CU_ASSERT_EQUAL(patron->cut_at, 0);
}
static void first_call_cuts_its_chunk_behind_the_task_and_no_other(void) { for_both_kinds(1, cut_behind_the_task); }

static void cut_of_one_result(struct stage *stage) {
    const struct order order = {.object = make(stage, RP__QUEUE, 0), .other = 3};
    tell_tasks(stage, 0, RANGE_CALLER, &order, 10);
    CU_ASSERT_TRUE(says(stage, 0, "called 0"));
    CU_ASSERT_EQUAL(stage->patron[0].cut_at, 10);

    struct rp__work map = {.type = RP__WORK_MAP, .map = 1000, .kernel = FOLDED_CALLER, .reduce = 5};
    stage->patron[0] = (struct patron){.call = stage->patron[0].call, .answer = stage->patron[0].answer};
    stage->agent.bytes[0].size = 0;
    map.data = (const uint8_t *)&order;
    map.size = sizeof order;
    CU_ASSERT_TRUE(rp__crew_give(stage->agent.crew, 0, &map));
    CU_ASSERT_TRUE(agent_give_chunk(&stage->agent, 0, 1000, 2, 0, 10));
    CU_ASSERT_TRUE(go_on(stage, 0, has_answered));
    CU_ASSERT_EQUAL(records(&stage->agent.bytes[0]), 2);
    CU_ASSERT_EQUAL(stage->patron[0].cut_at, 10);
}
static void chunk_of_a_range_or_a_fold_stays_whole(void) { for_both_kinds(1, cut_of_one_result); }

/* ---- Words --------------------------------------------------------------------------------------------- */

static void add_to_words(struct stage *stage) {
    const int fd = memfd_create("words", MFD_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(ftruncate(fd, 3 * sizeof(uint64_t)), 0);
    const uint64_t mark = rp__cells_mark(77);
    CU_ASSERT_EQUAL(pwrite(fd, &mark, sizeof mark, 0), sizeof mark);
    stage->cells_at = (struct rp__cells_at){.pid = getpid(), .fd = fd, .object = 77, .offset = sizeof mark, .words = 2};
    tell(stage, 0, ADDER, (struct order){.object = 77, .count = 10});
    CU_ASSERT_TRUE(says(stage, 0, "sum 45"));
    CU_ASSERT_EQUAL(stage->patron[0].calls, 1);
    uint64_t words[3];
    CU_ASSERT_EQUAL(pread(fd, words, sizeof words, 0), sizeof words);
    CU_ASSERT_EQUAL(words[2], 10);
    close(fd);

    stage->cells_at.words = 0;
    for (int twice = 0; twice < 2; twice++) {
        tell(stage, 0, ADDER, (struct order){.object = 78, .count = 1});
        CU_ASSERT_TRUE(says(stage, 0, "elsewhere 0"));
        CU_ASSERT_EQUAL(stage->patron[0].calls, 2);
    }
}
static void where_words_are_is_asked_once(void) { for_both_kinds(1, add_to_words); }

/* ---- Ends ---------------------------------------------------------------------------------------------- */

static void leave_while_waiting(struct stage *stage) {
    tell(stage, 0, WAITER, (struct order){.object = make(stage, RP__QUEUE, 0)});
    CU_ASSERT_TRUE(go_on(stage, 0, is_waiting));
    rp__crew_retire(stage->agent.crew, 0);
    CU_ASSERT_TRUE(go_on(stage, 0, has_ended));
    CU_ASSERT_EQUAL(atomic_load(&shared->code), RP_ECLOSED);
    CU_ASSERT_FALSE(stage->patron[0].waits); /* its call was canceled, and answered */
}
static void worker_asked_to_leave_waits_no_longer(void) { for_both_kinds(1, leave_while_waiting); }

static void close_while_waiting(struct stage *stage) {
    tell(stage, 0, WAITER, (struct order){.object = make(stage, RP__QUEUE, 0)});
    CU_ASSERT_TRUE(go_on(stage, 0, is_waiting));
    CU_ASSERT_TRUE(rp__crew_close(stage->agent.crew));
    stage->agent.crew = NULL;
}
static void crew_of_threads_that_wait_closes(void) { with_stage(RP_WORKERS_THREAD, 1, close_while_waiting); }

static void refuse(struct stage *stage) {
    tell(stage, 0, TIMED, (struct order){.object = make(stage, RP__QUEUE, 0)});
    CU_ASSERT_TRUE(says(stage, 0, "try 0"));
    tell(stage, 0, WAITER, (struct order){.object = 1});
    CU_ASSERT_TRUE(go_on(stage, 0, has_answered));
    CU_ASSERT_EQUAL(atomic_load(&shared->code), RP_EUNSUPPORTED);
    tell_tasks(stage, 0, CALLER, &(struct order){.object = 1, .other = 0}, 3);
    char expected[32];
    snprintf(expected, sizeof expected, "called %d", RP_EUNSUPPORTED);
    CU_ASSERT_TRUE(says(stage, 0, expected));
    CU_ASSERT_EQUAL(records(&stage->agent.bytes[0]), 3);
    tell(stage, 0, ADDER, (struct order){.object = 1, .count = 1});
    snprintf(expected, sizeof expected, "code %d", RP_EUNSUPPORTED);
    CU_ASSERT_TRUE(says(stage, 0, expected));
}
static void inline_worker_makes_no_calls(void) { with_stage(RP_WORKERS_INLINE, 1, refuse); }

/* ---- More workers -------------------------------------------------------------------------------------- */

static void add_workers(struct stage *stage) {
    struct agent *agent = &stage->agent;
    uint32_t index = 0;
    for (uint32_t i = 1; i < AGENT_WORKERS; i++) {
        CU_ASSERT_EQUAL(rp__crew_add(agent->crew, 0, &index, &agent->error), 0);
        CU_ASSERT_EQUAL(index, i);
        agent_wait_started(agent, 1);
    }
    CU_ASSERT_EQUAL(rp__crew_add(agent->crew, 0, &index, &agent->error), RP_EINVAL);
    CU_ASSERT_EQUAL(index, AGENT_WORKERS - 1);
    const uint64_t queue = make(stage, RP__QUEUE, 0);
    tell(stage, AGENT_WORKERS - 1, GETTER, (struct order){.object = queue, .count = 1000});
    tell(stage, 0, PUTTER, (struct order){.object = queue, .count = 1000});
    CU_ASSERT_TRUE(says(stage, AGENT_WORKERS - 1, "wrong 0"));
    CU_ASSERT_TRUE(says(stage, 0, "wrong 0"));
    rp__crew_retire(agent->crew, AGENT_WORKERS - 1);
    CU_ASSERT_TRUE(go_on(stage, AGENT_WORKERS - 1, has_ended));
    CU_ASSERT_EQUAL(rp__crew_restart(agent->crew, AGENT_WORKERS - 1, &agent->error), 0);
    agent_wait_started(agent, 1);
}
static void workers_can_be_added_up_to_the_last_slot(void) { for_both_kinds(1, add_workers); }

/* Two crews side by side, one of which grows behind the other, and both leave what they had. */
static void crews_of_scattered_slots(struct stage *stage) {
    static const struct rp__cpuset binding[AGENT_WORKERS];
    static const rp_where where[AGENT_WORKERS];
    struct agent *agent = &stage->agent;
    struct rp__crew_options options = {.kind = RP_WORKERS_THREAD, .workers = 1, .binding = binding, .where = where};
    struct rp__crew *second = NULL, *third = NULL;
    uint32_t index = 0;
    CU_ASSERT_EQUAL_FATAL(rp__crew_open(agent->arena, NULL, &options, &second, &agent->error), 0);
    CU_ASSERT_EQUAL(rp__crew_add(agent->crew, 0, &index, &agent->error), 0);
    agent_wait_started(agent, 1);
    options.workers = 2;
    CU_ASSERT_EQUAL(rp__crew_open(agent->arena, NULL, &options, &third, &agent->error), RP_EINVAL);
    CU_ASSERT_TRUE(rp__crew_close(second));
    CU_ASSERT_EQUAL_FATAL(rp__crew_open(agent->arena, NULL, &options, &third, &agent->error), 0);
    const uint64_t queue = make(stage, RP__QUEUE, 0);
    tell(stage, 1, GETTER, (struct order){.object = queue, .count = 10});
    tell(stage, 0, PUTTER, (struct order){.object = queue, .count = 10});
    CU_ASSERT_TRUE(says(stage, 1, "wrong 0"));
    CU_ASSERT_TRUE(rp__crew_close(third));
}
static void crews_need_not_lie_in_one_piece(void) { with_stage(RP_WORKERS_THREAD, 1, crews_of_scattered_slots); }

int main(void) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static const struct unit_test tests[] = {UNIT(what_one_worker_puts_another_gets),
                                             UNIT(silent_puts_arrive_once_and_in_order),
                                             UNIT(put_behind_a_failed_one_is_not_silent),
                                             UNIT(item_of_10_mb_passes_whole),
                                             UNIT(call_out_of_time_ends_with_its_own_code_and_the_next_goes_on),
                                             UNIT(two_consumers_get_each_item_exactly_once),
                                             UNIT(rest_of_a_batch_goes_to_who_asks_for_it),
                                             UNIT(batch_lasts_over_tasks_until_another_object_is_asked),
                                             UNIT(size_counts_what_was_lent_and_not_taken),
                                             UNIT(poll_sees_what_is_lent_without_a_call),
                                             UNIT(what_a_dead_consumer_had_not_taken_is_still_there),
                                             UNIT(lendings_are_told_apart_beyond_their_31_bits),
                                             UNIT(first_call_cuts_its_chunk_behind_the_task_and_no_other),
                                             UNIT(chunk_of_a_range_or_a_fold_stays_whole),
                                             UNIT(where_words_are_is_asked_once),
                                             UNIT(worker_asked_to_leave_waits_no_longer),
                                             UNIT(crew_of_threads_that_wait_closes),
                                             UNIT(inline_worker_makes_no_calls),
                                             UNIT(workers_can_be_added_up_to_the_last_slot),
                                             UNIT(crews_need_not_lie_in_one_piece),
                                             {NULL, NULL}};
    return unit_run("worker_call", tests);
}
