/* The machine at an object's home: requests and answers, and all that waits but queues and pipes. */
#include "home_stage.h"

#define IS(is, should) CU_ASSERT_EQUAL(is, should)

static void ids_tell_what_is_wrong_with_them(void) {
    struct stage s = open_stage();
    uint64_t lock = make(&s, RP__LOCK, 0, 0), queue = make(&s, RP__QUEUE, 0, 0);
    IS(lock >> 40, 5);
    CU_ASSERT_NOT_EQUAL(lock, queue);
    IS(call(&s, 1, lock, RP__OP_GET, 1, 0), RP_EINVAL);
    IS(call(&s, 1, queue, RP__OP_ACQUIRE, 1, 0), RP_EINVAL);
    IS(call(&s, 1, lock | RP__PIPE_END, RP__OP_ACQUIRE, 1, 0), RP_EINVAL);
    IS(call(&s, 1, lock + 99, RP__OP_ACQUIRE, 0, 0), RP_ECLOSED);
    IS(call(&s, 1, lock + (UINT64_C(1) << 40), RP__OP_ACQUIRE, 0, 0), RP_EINVAL); /* homed elsewhere */
    IS(call(&s, 1, 0, RP__OP_NEW, 0, 0), RP_EINVAL);
    IS(call(&s, 1, RP__CELLS + 1, RP__OP_NEW, 1, 0), RP_EINVAL);
    IS(call(&s, 1, RP__BARRIER, RP__OP_NEW, 0, 0), RP_EINVAL);
    IS(call(&s, 1, RP__CONDITION, RP__OP_NEW, queue, 0), RP_EINVAL);
    close_stage(&s);
}

static void a_caller_has_one_request_open(void) {
    struct stage s = open_stage();
    uint64_t event = make(&s, RP__EVENT, 0, 0);
    IS(call(&s, 1, event, RP__OP_WAIT, 0, 0), WAITS);
    IS(call(&s, 1, event, RP__OP_IS_SET, 0, 0), RP_EBUSY);
    const struct rp__request silent = {.from = caller(1), .object = event, .op = RP__OP_SET, .silent = true};
    IS(ask(&s, &silent), 0);
    IS(s.heard[1].code, 0); /* the wait's */
    struct rp__request wait = silent;
    wait.op = RP__OP_WAIT;
    IS(ask(&s, &wait), RP_EINVAL);
    close_stage(&s);
}

static void free_sends_all_away(void) {
    static const struct {
        enum rp__home_type type;
        uint64_t a;
        enum rp__op op;
    } waits[] = {{RP__QUEUE, 0, RP__OP_GET},    {RP__PIPE, 1, RP__OP_RECV},         {RP__PIPE, 1, RP__OP_POLL},
                 {RP__EVENT, 0, RP__OP_WAIT},   {RP__SEMAPHORE, 0, RP__OP_ACQUIRE}, {RP__BARRIER, 2, RP__OP_WAIT},
                 {RP__LOCK, 0, RP__OP_ACQUIRE}, {RP__RLOCK, 0, RP__OP_ACQUIRE}};
    struct stage s = open_stage();
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        uint64_t id = make(&s, waits[i].type, waits[i].a, 0);
        if (waits[i].op == RP__OP_ACQUIRE) call(&s, 2, id, RP__OP_ACQUIRE, 0, 0);
        CU_ASSERT(s.heard[2].code != WAITS || waits[i].type == RP__SEMAPHORE);
        IS(call(&s, 1, id, waits[i].op, 1, 0), WAITS);
        IS(call(&s, 0, id, RP__OP_FREE, 0, 0), 0);
        IS(s.heard[1].code, RP_ECLOSED);
        IS(call(&s, 0, id, RP__OP_FREE, 0, 0), RP_ECLOSED);
    }
    close_stage(&s);
}

static void lock_goes_to_who_waited_longest(void) {
    struct stage s = open_stage();
    uint64_t lock = make(&s, RP__LOCK, 0, 0);
    IS(call(&s, 1, lock, RP__OP_ACQUIRE, 0, 0), 0);
    IS(call(&s, 2, lock, RP__OP_ACQUIRE, 0, 0), WAITS);
    CU_ASSERT(s.heard[2].held);
    IS(call(&s, 3, lock, RP__OP_ACQUIRE, 0, 0), WAITS);
    IS(call(&s, 4, lock, RP__OP_ACQUIRE, 0, 0), WAITS);
    IS(try_to(&s, 5, lock, RP__OP_ACQUIRE), RP_ETIMEDOUT);
    cancel(&s, 2, 0);
    IS(s.heard[2].code, RP_ETIMEDOUT);
    cancel(&s, 4, RP_ECANCELED);
    IS(s.heard[4].code, RP_ECANCELED);
    IS(call(&s, 5, lock, RP__OP_RELEASE, 0, 0), 0); /* a lock may be released by anyone */
    IS(s.heard[3].code, 0);
    cancel(&s, 3, 0);
    IS(s.heard[3].code, 0); /* the grant was faster */
    IS(call(&s, 3, lock, RP__OP_RELEASE, 0, 0), 0);
    IS(call(&s, 3, lock, RP__OP_RELEASE, 0, 0), RP_EPERM);
    close_stage(&s);
}

static void lock_is_not_recursive_and_says_so(void) {
    struct stage s = open_stage();
    uint64_t lock = make(&s, RP__LOCK, 0, 0);
    IS(call(&s, 1, lock, RP__OP_ACQUIRE, 0, 1), 0);
    IS(call(&s, 1, lock, RP__OP_ACQUIRE, 0, 1), RP_EDEADLK);
    IS(try_to(&s, 1, lock, RP__OP_ACQUIRE), RP_ETIMEDOUT);
    IS(call(&s, 1, lock, RP__OP_ACQUIRE, 0, 0), WAITS);
    cancel(&s, 1, 0);
    IS(s.heard[1].code, RP_ETIMEDOUT);
    close_stage(&s);
}

static void rlock_is_released_as_often_as_acquired_by_its_holder(void) {
    struct stage s = open_stage();
    uint64_t lock = make(&s, RP__RLOCK, 0, 0);
    IS(call(&s, 1, lock, RP__OP_ACQUIRE, 0, 1), 0);
    IS(call(&s, 1, lock, RP__OP_ACQUIRE, 0, 1), 0);
    IS(call(&s, 2, lock, RP__OP_ACQUIRE, 0, 0), WAITS);
    IS(call(&s, 3, lock, RP__OP_RELEASE, 0, 0), RP_EPERM);
    IS(call(&s, 1, lock, RP__OP_RELEASE, 0, 0), 0);
    IS(s.heard[2].code, WAITS);
    IS(call(&s, 1, lock, RP__OP_RELEASE, 0, 0), 0);
    IS(s.heard[2].code, 0);
    IS(call(&s, 1, lock, RP__OP_RELEASE, 0, 0), RP_EPERM);
    close_stage(&s);
}

static void semaphore_counts_and_a_bounded_one_refuses_too_many(void) {
    struct stage s = open_stage();
    uint64_t free_one = make(&s, RP__SEMAPHORE, 1, 0), bounded = make(&s, RP__SEMAPHORE, 2, 1);
    IS(call(&s, 1, free_one, RP__OP_ACQUIRE, 0, 0), 0);
    IS(try_to(&s, 1, free_one, RP__OP_ACQUIRE), RP_ETIMEDOUT);
    IS(call(&s, 1, free_one, RP__OP_ACQUIRE, 0, 0), WAITS);
    CU_ASSERT(s.heard[1].held);
    IS(call(&s, 2, free_one, RP__OP_ACQUIRE, 0, 0), WAITS);
    IS(call(&s, 3, free_one, RP__OP_RELEASE, 0, 0), RP_EINVAL);
    IS(call(&s, 3, free_one, RP__OP_RELEASE, 3, 0), 0);
    IS(s.heard[1].code, 0);
    IS(s.heard[2].code, 0);
    IS(try_to(&s, 1, free_one, RP__OP_ACQUIRE), 0);
    IS(try_to(&s, 1, free_one, RP__OP_ACQUIRE), RP_ETIMEDOUT);
    IS(call(&s, 1, bounded, RP__OP_RELEASE, 1, 0), RP_ERANGE);
    IS(call(&s, 1, bounded, RP__OP_ACQUIRE, 0, 0), 0);
    IS(call(&s, 1, bounded, RP__OP_RELEASE, 2, 0), RP_ERANGE);
    IS(call(&s, 1, bounded, RP__OP_RELEASE, 1, 0), 0);
    close_stage(&s);
}

static void what_a_dead_holder_held_is_broken_until_repaired(void) {
    static const enum rp__home_type types[] = {RP__LOCK, RP__RLOCK, RP__SEMAPHORE};
    for (int i = 0; i < 3; i++) {
        struct stage s = open_stage();
        uint64_t id = make(&s, types[i], 2, 1), other = make(&s, types[i], 1, 1);
        IS(call(&s, 1, id, RP__OP_ACQUIRE, 0, 0), 0);
        if (types[i] == RP__SEMAPHORE) IS(call(&s, 1, id, RP__OP_ACQUIRE, 0, 0), 0);
        IS(call(&s, 1, other, RP__OP_ACQUIRE, 0, 0), 0);
        IS(call(&s, 1, other, RP__OP_RELEASE, 1, 0), 0);
        IS(call(&s, 2, id, RP__OP_ACQUIRE, 0, 0), WAITS);
        gone(&s, 1);
        IS(s.heard[2].code, RP_EBROKEN);
        IS(call(&s, 3, id, RP__OP_ACQUIRE, 0, 0), RP_EBROKEN);
        IS(call(&s, 3, id, RP__OP_REPAIR, 0, 0), 0);
        IS(s.heard[3].value, 1);
        IS(call(&s, 4, id, RP__OP_REPAIR, 0, 0), 0);
        IS(s.heard[4].value, 0);
        IS(try_to(&s, 3, id, RP__OP_ACQUIRE), 0);
        IS(try_to(&s, 4, id, RP__OP_ACQUIRE), types[i] == RP__SEMAPHORE ? 0 : RP_ETIMEDOUT); /* both came back */
        IS(try_to(&s, 5, id, RP__OP_ACQUIRE), RP_ETIMEDOUT);
        IS(try_to(&s, 5, other, RP__OP_ACQUIRE), 0); /* it had let go of this one */
        close_stage(&s);
    }
}

static void a_dead_waiter_is_passed_over(void) {
    struct stage s = open_stage();
    uint64_t lock = make(&s, RP__LOCK, 0, 0);
    IS(call(&s, 1, lock, RP__OP_ACQUIRE, 0, 0), 0);
    IS(call(&s, 2, lock, RP__OP_ACQUIRE, 0, 0), WAITS);
    IS(call(&s, 3, lock, RP__OP_ACQUIRE, 0, 0), WAITS);
    gone(&s, 2);
    IS(call(&s, 1, lock, RP__OP_RELEASE, 0, 0), 0);
    IS(s.heard[2].code, WAITS);
    IS(s.heard[3].code, 0);
    close_stage(&s);
}

static void death_is_noticed_after_many_other_objects(void) {
    struct stage s = open_stage();
    uint64_t held = make(&s, RP__LOCK, 0, 0);
    IS(call(&s, 1, held, RP__OP_ACQUIRE, 0, 0), 0);
    for (int i = 0; i < 100; i++) {
        uint64_t lock = make(&s, RP__LOCK, 0, 0);
        IS(call(&s, 1, lock, RP__OP_ACQUIRE, 0, 0), 0);
        if (i % 3) IS(call(&s, 1, lock, RP__OP_RELEASE, 0, 0), 0);
        if (i % 5 == 0) IS(call(&s, 0, lock, RP__OP_FREE, 0, 0), 0);
    }
    gone(&s, 1);
    IS(call(&s, 2, held, RP__OP_ACQUIRE, 0, 0), RP_EBROKEN);
    close_stage(&s);
}

static void death_is_noticed_after_silent_calls_while_it_waited(void) {
    struct stage s = open_stage();
    uint64_t lock = make(&s, RP__LOCK, 0, 0);
    IS(call(&s, 2, lock, RP__OP_ACQUIRE, 0, 0), 0);
    IS(call(&s, 1, lock, RP__OP_ACQUIRE, 0, 0), WAITS);
    for (int i = 0; i < 40; i++) {
        struct rp__request release = {.from = caller(1), .op = RP__OP_RELEASE, .a = 1, .silent = true};
        release.object = make(&s, RP__SEMAPHORE, 0, 0);
        IS(ask(&s, &release), 0);
    }
    IS(call(&s, 2, lock, RP__OP_RELEASE, 0, 0), 0);
    IS(s.heard[1].code, 0);
    gone(&s, 1);
    IS(call(&s, 2, lock, RP__OP_ACQUIRE, 0, 0), RP_EBROKEN);
    close_stage(&s);
}

static void the_dead_get_no_answer(void) {
    struct stage s = open_stage();
    uint64_t event = make(&s, RP__EVENT, 0, 0);
    const struct rp__request wait = {.from = caller(1), .object = event, .op = RP__OP_WAIT};
    struct rp__answer answer;
    IS(rp__home_request(s.home, &wait), 0);
    rp__home_gone(s.home, caller(1));
    CU_ASSERT_FALSE(rp__home_answer(s.home, &answer));
    IS(call(&s, 0, event, RP__OP_SET, 0, 0), 0);
    close_stage(&s);
}

static void event_frees_all_who_wait(void) {
    struct stage s = open_stage();
    uint64_t event = make(&s, RP__EVENT, 0, 0);
    IS(try_to(&s, 1, event, RP__OP_WAIT), RP_ETIMEDOUT);
    for (uint32_t who = 1; who < 4; who++) IS(call(&s, who, event, RP__OP_WAIT, 0, 0), WAITS);
    CU_ASSERT_FALSE(s.heard[1].held);
    cancel(&s, 3, 0);
    IS(s.heard[3].code, RP_ETIMEDOUT);
    IS(call(&s, 0, event, RP__OP_SET, 0, 0), 0);
    IS(s.heard[1].code, 0);
    IS(s.heard[2].code, 0);
    IS(call(&s, 1, event, RP__OP_WAIT, 0, 0), 0);
    IS(call(&s, 1, event, RP__OP_IS_SET, 0, 0), 0);
    IS(s.heard[1].value, 1);
    IS(call(&s, 1, event, RP__OP_CLEAR, 0, 0), 0);
    IS(call(&s, 1, event, RP__OP_IS_SET, 0, 0), 0);
    IS(s.heard[1].value, 0);
    close_stage(&s);
}

static void condition_wakes_in_order_and_each_holds_the_lock(void) {
    struct stage s = open_stage();
    uint64_t lock = make(&s, RP__RLOCK, 0, 0), condition = make(&s, RP__CONDITION, lock, 0);
    IS(call(&s, 1, condition, RP__OP_WAIT, 0, 0), RP_EPERM);
    IS(call(&s, 1, condition, RP__OP_NOTIFY, 1, 0), RP_EPERM);
    for (uint32_t who = 1; who < 4; who++) {
        IS(call(&s, who, lock, RP__OP_ACQUIRE, 0, 0), 0);
        IS(call(&s, who, condition, RP__OP_ACQUIRE, 0, 0), 0); /* the same lock, twice */
        IS(call(&s, who, condition, RP__OP_WAIT, 0, 0), WAITS);
    }
    IS(call(&s, 4, lock, RP__OP_ACQUIRE, 0, 0), 0);
    IS(call(&s, 4, condition, RP__OP_NOTIFY, 2, 0), 0);
    IS(s.heard[1].code, WAITS); /* the lock is not free yet */
    IS(call(&s, 4, lock, RP__OP_RELEASE, 0, 0), 0);
    IS(s.heard[1].code, 0);
    IS(s.heard[2].code, WAITS);
    IS(call(&s, 1, lock, RP__OP_RELEASE, 0, 0), 0);
    IS(s.heard[2].code, WAITS); /* it is held as deep as before */
    IS(call(&s, 1, lock, RP__OP_RELEASE, 0, 0), 0);
    IS(s.heard[2].code, 0);
    IS(s.heard[3].code, WAITS);
    IS(call(&s, 2, condition, RP__OP_NOTIFY, UINT64_MAX, 0), 0);
    IS(call(&s, 2, lock, RP__OP_RELEASE, 0, 0), 0);
    IS(call(&s, 2, lock, RP__OP_RELEASE, 0, 0), 0);
    IS(s.heard[3].code, 0);
    close_stage(&s);
}

static void condition_that_is_late_still_answers_with_the_lock(void) {
    struct stage s = open_stage();
    uint64_t condition = make(&s, RP__CONDITION, 0, 0); /* with an rlock of its own */
    IS(call(&s, 1, condition, RP__OP_ACQUIRE, 0, 0), 0);
    IS(call(&s, 1, condition, RP__OP_WAIT, 0, 0), WAITS);
    IS(call(&s, 2, condition, RP__OP_ACQUIRE, 0, 0), 0);
    cancel(&s, 1, 0);
    IS(s.heard[1].code, WAITS);
    cancel(&s, 1, 0);
    IS(call(&s, 2, condition, RP__OP_NOTIFY, 1, 0), 0); /* comes too late for it */
    IS(call(&s, 2, condition, RP__OP_RELEASE, 0, 0), 0);
    IS(s.heard[1].code, RP_ETIMEDOUT);
    IS(call(&s, 1, condition, RP__OP_RELEASE, 0, 0), 0);
    IS(call(&s, 1, condition, RP__OP_ACQUIRE, 0, 0), 0);
    IS(try_to(&s, 1, condition, RP__OP_WAIT), RP_ETIMEDOUT);
    IS(call(&s, 1, condition, RP__OP_RELEASE, 0, 0), 0);
    close_stage(&s);
}

static void condition_is_broken_or_freed_with_its_lock(void) {
    struct stage s = open_stage();
    uint64_t lock = make(&s, RP__LOCK, 0, 0), condition = make(&s, RP__CONDITION, lock, 0);
    IS(call(&s, 1, lock, RP__OP_ACQUIRE, 0, 0), 0);
    IS(call(&s, 1, condition, RP__OP_WAIT, 0, 0), WAITS);
    IS(call(&s, 2, lock, RP__OP_ACQUIRE, 0, 0), 0);
    gone(&s, 2);
    IS(s.heard[1].code, RP_EBROKEN); /* who should have notified it is dead */
    IS(call(&s, 1, condition, RP__OP_REPAIR, 0, 0), 0);
    IS(call(&s, 1, lock, RP__OP_ACQUIRE, 0, 0), 0);
    IS(call(&s, 1, condition, RP__OP_WAIT, 0, 0), WAITS);
    IS(call(&s, 3, lock, RP__OP_FREE, 0, 0), 0);
    IS(s.heard[1].code, RP_ECLOSED);
    IS(call(&s, 3, condition, RP__OP_ACQUIRE, 0, 0), RP_ECLOSED);
    IS(call(&s, 3, condition, RP__OP_FREE, 0, 0), 0);
    close_stage(&s);
}

static void freed_condition_leaves_who_was_notified_to_the_lock(void) {
    struct stage s = open_stage();
    uint64_t lock = make(&s, RP__LOCK, 0, 0), condition = make(&s, RP__CONDITION, lock, 0);
    for (uint32_t who = 1; who < 3; who++) {
        IS(call(&s, who, lock, RP__OP_ACQUIRE, 0, 0), 0);
        IS(call(&s, who, condition, RP__OP_WAIT, 0, 0), WAITS);
    }
    IS(call(&s, 3, lock, RP__OP_ACQUIRE, 0, 0), 0);
    IS(call(&s, 3, condition, RP__OP_NOTIFY, 1, 0), 0);
    IS(call(&s, 3, condition, RP__OP_FREE, 0, 0), 0);
    IS(s.heard[1].code, WAITS);
    IS(s.heard[2].code, RP_ECLOSED);
    IS(call(&s, 3, lock, RP__OP_RELEASE, 0, 0), 0);
    IS(s.heard[1].code, 0);
    close_stage(&s);
}

static void barrier_frees_all_with_the_last_and_numbers_them(void) {
    struct stage s = open_stage();
    uint64_t barrier = make(&s, RP__BARRIER, 3, 0);
    for (int round = 0; round < 2; round++) {
        IS(call(&s, 1, barrier, RP__OP_WAIT, 0, 0), WAITS);
        IS(call(&s, 2, barrier, RP__OP_WAIT, 0, 0), WAITS);
        IS(call(&s, 4, barrier, RP__OP_STATE, 0, 0), 0);
        IS(s.heard[4].value, 2);
        IS(try_to(&s, 3, barrier, RP__OP_WAIT), 0);
        for (uint32_t who = 1; who < 4; who++) {
            IS(s.heard[who].code, 0);
            IS(s.heard[who].value, who - 1);
        }
    }
    close_stage(&s);
}

static void barrier_that_one_leaves_is_broken_until_reset(void) {
    for (int how = 0; how < 5; how++) {
        struct stage s = open_stage();
        uint64_t barrier = make(&s, RP__BARRIER, 3, 0);
        IS(call(&s, 1, barrier, RP__OP_WAIT, 0, 0), WAITS);
        if (how < 3) IS(call(&s, 2, barrier, RP__OP_WAIT, 0, 0), WAITS);
        if (how == 0) cancel(&s, 2, 0);
        if (how == 1) cancel(&s, 2, RP_ECANCELED);
        if (how == 2) gone(&s, 2);
        if (how == 3) IS(call(&s, 2, barrier, RP__OP_ABORT, 0, 0), 0);
        if (how == 4) IS(try_to(&s, 2, barrier, RP__OP_WAIT), RP_EBROKEN);
        if (how < 2) IS(s.heard[2].code, how ? RP_ECANCELED : RP_EBROKEN);
        IS(s.heard[1].code, RP_EBROKEN);
        IS(call(&s, 3, barrier, RP__OP_WAIT, 0, 0), RP_EBROKEN);
        IS(call(&s, 3, barrier, RP__OP_STATE, 0, 0), RP_EBROKEN);
        IS(call(&s, 3, barrier, RP__OP_RESET, 0, 0), 0);
        IS(call(&s, 3, barrier, RP__OP_WAIT, 0, 0), WAITS);
        IS(call(&s, 4, barrier, RP__OP_RESET, 0, 0), 0);
        IS(s.heard[3].code, RP_EBROKEN);
        IS(call(&s, 4, barrier, RP__OP_STATE, 0, 0), 0);
        close_stage(&s);
    }
}

static uint64_t bits_of(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static void cells_answer_with_what_was_there_before(void) {
    struct stage s = open_stage();
    uint64_t cells = make(&s, RP__CELLS, 3, 0);
    const uint64_t *value = &s.heard[1].value, expected = 7;
    struct rp__request exchange = {.from = caller(1), .object = cells, .op = RP__OP_COMPARE_EXCHANGE, .a = 1, .b = 9};
    exchange.data = (const uint8_t *)&expected;
    exchange.size = sizeof expected;
    IS(call(&s, 1, cells, RP__OP_STORE, 1, 5), 0);
    IS(call(&s, 1, cells, RP__OP_ADD, 1, (uint64_t)-2), 0);
    IS(*value, 5);
    IS(ask(&s, &exchange), 0);
    IS(*value, 3);
    IS(call(&s, 1, cells, RP__OP_EXCHANGE, 1, 7), 0);
    IS(*value, 3);
    IS(ask(&s, &exchange), 0);
    IS(*value, 7);
    IS(call(&s, 1, cells, RP__OP_LOAD, 1, 0), 0);
    IS(*value, 9);
    IS(call(&s, 1, cells, RP__OP_ADD_DOUBLE, 0, bits_of(1.5)), 0);
    IS(call(&s, 1, cells, RP__OP_ADD_DOUBLE, 0, bits_of(-0.25)), 0);
    IS(call(&s, 1, cells, RP__OP_LOAD, 0, 0), 0);
    IS(*value, bits_of(1.25));
    IS(call(&s, 1, cells, RP__OP_LOAD, 3, 0), RP_ERANGE);
    exchange.size = 4;
    IS(ask(&s, &exchange), RP_EINVAL);
    close_stage(&s);
}

struct lent_words {
    uint64_t words[4];
    size_t dropped;
};

static void *make_words(void *context, uint64_t object, size_t words) {
    return words <= 4 ? ((struct lent_words *)context)->words : NULL;
}
static void drop_words(void *context, void *at, size_t words) { ((struct lent_words *)context)->dropped += words; }

static void cells_lie_in_the_memory_that_was_given(void) {
    struct lent_words lent = {{0}, 0};
    const struct rp__cell_memory memory = {make_words, drop_words, &lent};
    struct stage s = {.home = rp__home_new(5, &memory)};
    uint64_t cells = make(&s, RP__CELLS, 4, 0);
    const uint64_t words[] = {11, 12};
    struct rp__request write = {
        .object = cells, .op = RP__OP_WRITE, .a = 2, .data = (const uint8_t *)words, .size = 16};
    IS(ask(&s, &write), 0);
    IS(lent.words[2] + lent.words[3], 23);
    write.a = 3;
    IS(ask(&s, &write), RP_ERANGE);
    lent.words[1] = 10; /* as another process would */
    IS(rp__home_request(s.home, &(struct rp__request){.object = cells, .op = RP__OP_READ, .a = 1, .b = 3}), 0);
    struct rp__answer answer;
    CU_ASSERT_FATAL(rp__home_answer(s.home, &answer));
    IS(answer.size, 24);
    CU_ASSERT_EQUAL(memcmp(answer.data, lent.words + 1, 24), 0);
    IS(call(&s, 0, cells, RP__OP_READ, 1, 4), RP_ERANGE);
    IS(call(&s, 0, RP__CELLS, RP__OP_NEW, 5, 0), RP_ENOMEM);
    close_stage(&s);
    IS(lent.dropped, 4);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(ids_tell_what_is_wrong_with_them),
        UNIT(a_caller_has_one_request_open),
        UNIT(free_sends_all_away),
        UNIT(lock_goes_to_who_waited_longest),
        UNIT(lock_is_not_recursive_and_says_so),
        UNIT(rlock_is_released_as_often_as_acquired_by_its_holder),
        UNIT(semaphore_counts_and_a_bounded_one_refuses_too_many),
        UNIT(what_a_dead_holder_held_is_broken_until_repaired),
        UNIT(a_dead_waiter_is_passed_over),
        UNIT(death_is_noticed_after_many_other_objects),
        UNIT(death_is_noticed_after_silent_calls_while_it_waited),
        UNIT(the_dead_get_no_answer),
        UNIT(event_frees_all_who_wait),
        UNIT(condition_wakes_in_order_and_each_holds_the_lock),
        UNIT(condition_that_is_late_still_answers_with_the_lock),
        UNIT(condition_is_broken_or_freed_with_its_lock),
        UNIT(freed_condition_leaves_who_was_notified_to_the_lock),
        UNIT(barrier_frees_all_with_the_last_and_numbers_them),
        UNIT(barrier_that_one_leaves_is_broken_until_reset),
        UNIT(cells_answer_with_what_was_there_before),
        UNIT(cells_lie_in_the_memory_that_was_given),
        {NULL, NULL},
    };
    return unit_run("home", tests);
}
