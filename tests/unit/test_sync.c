/* The public calls on shared objects: locks, semaphores, events, conditions, barriers, and what bad use of
 * them and of values and arrays gives. Callers are threads that wait at one home. */
#include "sync_stage.h"
#include "unit.h"

#include <math.h>

#define IS(is, should) CU_ASSERT_EQUAL(is, should)

/* ---- Locks --------------------------------------------------------------------------------------------- */

static void lock_is_held_by_one_until_it_is_released(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_lock lock;
    IS(rp_lock_new(self, &lock), 0);
    IS(rp_lock_acquire(self, lock, -1), 0);
    IS(rp_lock_acquire(self_of(s, 1), lock, 0), RP_ETIMEDOUT);
    IS(rp_lock_acquire(self_of(s, 1), lock, 0.001), RP_ETIMEDOUT);
    struct aside other = {.run = lock_aside, .id = lock.id, .timeout_s = -1};
    begin_to_wait(&other, s, 1);
    IS(rp_lock_release(self, lock), 0);
    IS(end(&other), 0);
    IS(rp_lock_acquire(self, lock, 0), RP_ETIMEDOUT);
    IS(rp_lock_release(self, lock), 0); /* anybody may */
    IS(rp_lock_release(self, lock), RP_EPERM);
    IS(rp_lock_repair(self, lock), 0);
    close_sync_stage(s);
}

static void lock_that_its_holder_waits_for_without_limit_is_a_deadlock(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_lock lock;
    IS(rp_lock_new(self, &lock), 0);
    IS(rp_lock_acquire(self, lock, 0), 0);
    IS(rp_lock_acquire(self, lock, -1), RP_EDEADLK);
    IS(rp_lock_acquire(self, lock, INFINITY), RP_EDEADLK);
    IS(rp_lock_acquire(self, lock, 0.001), RP_ETIMEDOUT);
    IS(rp_lock_release(self, lock), 0);
    close_sync_stage(s);
}

static void rlock_is_acquired_again_by_its_holder_alone(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_rlock lock;
    IS(rp_rlock_new(self, &lock), 0);
    IS(rp_rlock_acquire(self, lock, -1), 0);
    IS(rp_rlock_acquire(self, lock, 0), 0);
    IS(rp_rlock_release(self_of(s, 1), lock), RP_EPERM);
    struct aside other = {.run = rlock_aside, .id = lock.id, .timeout_s = 20};
    begin_to_wait(&other, s, 1);
    IS(rp_rlock_release(self, lock), 0);
    CU_ASSERT_TRUE(s->caller[1].waits);
    IS(rp_rlock_release(self, lock), 0);
    IS(end(&other), 0);
    IS(rp_rlock_release(self, lock), RP_EPERM);
    close_sync_stage(s);
}

static void lock_of_a_dead_holder_is_broken_until_it_is_repaired(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_lock lock;
    rp_rlock rlock;
    rp_semaphore semaphore;
    IS(rp_lock_new(self, &lock), 0);
    IS(rp_rlock_new(self, &rlock), 0);
    IS(rp_semaphore_new(self, 1, true, &semaphore), 0);
    IS(rp_lock_acquire(self_of(s, 1), lock, -1), 0);
    IS(rp_rlock_acquire(self_of(s, 1), rlock, -1), 0);
    IS(rp_semaphore_acquire(self_of(s, 1), semaphore, -1), 0);
    struct aside other = {.run = lock_aside, .id = lock.id, .timeout_s = -1};
    begin_to_wait(&other, s, 2);
    die(s, 1);
    IS(end(&other), RP_EBROKEN);
    IS(rp_lock_acquire(self, lock, -1), RP_EBROKEN);
    IS(rp_lock_repair(self, lock), 0);
    IS(rp_lock_acquire(self, lock, -1), 0);
    IS(rp_rlock_acquire(self, rlock, -1), RP_EBROKEN);
    IS(rp_rlock_repair(self, rlock), 0);
    IS(rp_rlock_acquire(self, rlock, -1), 0);
    IS(rp_semaphore_acquire(self, semaphore, -1), RP_EBROKEN);
    IS(rp_semaphore_repair(self, semaphore), 0);
    IS(rp_semaphore_acquire(self, semaphore, 0), 0);
    close_sync_stage(s);
}

static void semaphore_hands_out_its_permits(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_semaphore semaphore, bounded;
    IS(rp_semaphore_new(self, 2, false, &semaphore), 0);
    IS(rp_semaphore_acquire(self, semaphore, -1), 0);
    IS(rp_semaphore_acquire(self, semaphore, -1), 0);
    IS(rp_semaphore_acquire(self, semaphore, 0), RP_ETIMEDOUT);
    IS(rp_semaphore_acquire(self, semaphore, 0.001), RP_ETIMEDOUT);
    struct aside other = {.run = semaphore_aside, .id = semaphore.id, .timeout_s = -1};
    begin_to_wait(&other, s, 1);
    IS(rp_semaphore_release(self_of(s, 2), semaphore), 0);
    IS(end(&other), 0);
    IS(rp_semaphore_new(self, 1, true, &bounded), 0);
    IS(rp_semaphore_release(self, bounded), RP_ERANGE);
    IS(rp_semaphore_acquire(self, bounded, 0), 0);
    IS(rp_semaphore_release(self, bounded), 0);
    close_sync_stage(s);
}

/* ---- Events, conditions, barriers ---------------------------------------------------------------------- */

static void event_lets_all_go_on_while_it_is_set(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_event event;
    bool set = true;
    IS(rp_event_new(self, &event), 0);
    IS(rp_event_is_set(self, event, &set), 0);
    CU_ASSERT_FALSE(set);
    IS(rp_event_wait(self, event, 0), RP_ETIMEDOUT);
    IS(rp_event_wait(self, event, 0.001), RP_ETIMEDOUT);
    struct aside other[2] = {{.run = event_aside, .id = event.id, .timeout_s = -1},
                             {.run = event_aside, .id = event.id, .timeout_s = 20}};
    begin_to_wait(&other[0], s, 1);
    begin_to_wait(&other[1], s, 2);
    IS(rp_event_set(self, event), 0);
    IS(end(&other[0]), 0);
    IS(end(&other[1]), 0);
    IS(rp_event_wait(self, event, -1), 0);
    IS(rp_event_is_set(self, event, &set), 0);
    CU_ASSERT_TRUE(set);
    IS(rp_event_clear(self, event), 0);
    IS(rp_event_wait(self, event, 0), RP_ETIMEDOUT);
    close_sync_stage(s);
}

static void condition_wakes_as_many_as_are_notified(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_condition condition;
    IS(rp_condition_new(self, &condition), 0);
    struct aside other[3];
    for (size_t i = 0; i < 3; i++) {
        other[i] = (struct aside){.run = condition_aside, .id = condition.id, .timeout_s = -1};
        begin_to_wait(&other[i], s, i + 1);
    }
    IS(rp_condition_acquire(self, condition, -1), 0);
    IS(rp_condition_acquire(self, condition, -1), 0); /* recursive */
    IS(rp_condition_release(self, condition), 0);
    IS(rp_condition_notify(self, condition, 1), 0);
    CU_ASSERT_TRUE(s->caller[1].waits); /* for the lock, now */
    IS(rp_condition_release(self, condition), 0);
    IS(end(&other[0]), 0);
    IS(other[0].out, 1);
    CU_ASSERT_TRUE(s->caller[2].waits && s->caller[3].waits);
    IS(rp_condition_acquire(self, condition, -1), 0);
    IS(rp_condition_notify_all(self, condition), 0);
    IS(rp_condition_release(self, condition), 0);
    IS(end(&other[1]), 0);
    IS(end(&other[2]), 0);
    close_sync_stage(s);
}

static void condition_is_for_who_holds_its_lock(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_lock lock;
    rp_rlock rlock;
    rp_condition condition, on_rlock;
    IS(rp_lock_new(self, &lock), 0);
    IS(rp_rlock_new(self, &rlock), 0);
    IS(rp_condition_new_on(self, lock, &condition), 0);
    IS(rp_condition_new_on_rlock(self, rlock, &on_rlock), 0);
    IS(rp_condition_wait(self, condition, -1), RP_EPERM);
    IS(rp_condition_notify(self, condition, 1), RP_EPERM);
    IS(rp_condition_notify_all(self, condition), RP_EPERM);
    IS(rp_lock_acquire(self, lock, -1), 0);
    IS(rp_condition_notify(self, condition, 1), 0); /* nobody: it is not remembered */
    IS(rp_condition_wait(self, condition, 0), RP_ETIMEDOUT);
    IS(rp_condition_wait(self, condition, 0.001), RP_ETIMEDOUT);
    IS(rp_lock_acquire(self_of(s, 1), lock, 0), RP_ETIMEDOUT); /* in hand again */
    IS(rp_condition_release(self, condition), 0);
    IS(rp_rlock_acquire(self, rlock, -1), 0);
    IS(rp_condition_acquire(self, on_rlock, -1), 0);
    IS(rp_condition_wait(self, on_rlock, 0), RP_ETIMEDOUT);
    IS(rp_rlock_release(self, rlock), 0);
    IS(rp_rlock_release(self, rlock), 0);
    close_sync_stage(s);
}

static void condition_whose_lock_broke_is_repaired_by_it(void) {
    struct sync_stage *s = open_sync_stage();
    rp_condition condition;
    IS(rp_condition_new(self_of(s, 0), &condition), 0);
    struct aside other = {.run = condition_aside, .id = condition.id, .timeout_s = -1};
    begin_to_wait(&other, s, 1);
    IS(rp_condition_acquire(self_of(s, 2), condition, -1), 0);
    die(s, 2);
    IS(end(&other), RP_EBROKEN);
    IS(rp_condition_acquire(self_of(s, 0), condition, -1), RP_EBROKEN);
    IS(rp_condition_repair(self_of(s, 0), condition), 0);
    IS(rp_condition_acquire(self_of(s, 0), condition, -1), 0);
    close_sync_stage(s);
}

struct turns {
    rp_self *self;
    rp_condition condition;
    int asked, until;
};

static bool has_come(void *context) {
    struct turns *turns = context;
    return ++turns->asked > turns->until;
}

static int turns_aside(struct aside *aside) {
    struct turns turns = {.self = aside->self, .condition = {aside->id}, .until = 2};
    int code = rp_condition_acquire(aside->self, turns.condition, -1);
    if (code == 0) code = rp_condition_wait_for(aside->self, turns.condition, has_come, &turns, aside->timeout_s);
    aside->out = (uint64_t)turns.asked;
    return code;
}

static void wait_for_asks_after_each_notification(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_condition condition;
    IS(rp_condition_new(self, &condition), 0);
    struct aside other = {.run = turns_aside, .id = condition.id, .timeout_s = 20};
    begin_to_wait(&other, s, 1);
    IS(rp_condition_acquire(self, condition, -1), 0);
    IS(rp_condition_notify(self, condition, 1), 0);
    IS(rp_condition_wait(self, condition, 0), RP_ETIMEDOUT); /* the other has the lock meanwhile, and waits again */
    IS(rp_condition_notify(self, condition, 1), 0);
    IS(rp_condition_release(self, condition), 0);
    IS(end(&other), 0);
    IS(other.out, 3);
    close_sync_stage(s);
}

static void wait_for_has_a_time_limit(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_condition condition;
    struct turns never = {.until = 1000000}, at_once = {.until = 0};
    IS(rp_condition_new(self, &condition), 0);
    IS(rp_condition_acquire(self, condition, -1), 0);
    IS(rp_condition_wait_for(self, condition, has_come, &at_once, 0), 0);
    IS(rp_condition_wait_for(self, condition, has_come, &never, 0), RP_ETIMEDOUT);
    IS(never.asked, 1);
    IS(rp_condition_wait_for(self, condition, has_come, &never, 0.001), RP_ETIMEDOUT);
    IS(rp_condition_wait_for(self, condition, NULL, NULL, 0), RP_EINVAL);
    IS(rp_condition_wait_for(NULL, condition, has_come, &never, 0), RP_EINVAL);
    IS(rp_condition_wait_for(self, condition, has_come, &never, NAN), RP_EINVAL);
    IS(rp_condition_release(self, condition), 0);
    IS(rp_condition_wait_for(self, condition, has_come, &never, 1), RP_EPERM);
    close_sync_stage(s);
}

static void barrier_lets_go_when_all_are_there(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_barrier barrier;
    uint32_t index = 9, waiting = 9;
    IS(rp_barrier_new(self, 3, &barrier), 0);
    for (int round = 0; round < 3; round++) {
        struct aside other[2];
        for (size_t i = 0; i < 2; i++) {
            other[i] = (struct aside){.run = barrier_aside, .id = barrier.id, .timeout_s = -1};
            begin_to_wait(&other[i], s, i + 1);
        }
        IS(rp_barrier_waiting(self, barrier, &waiting), 0);
        IS(waiting, 2);
        IS(rp_barrier_wait(self, barrier, 0, &index), 0);
        IS(index, 2);
        IS(end(&other[0]), 0);
        IS(other[0].out, 0);
        IS(end(&other[1]), 0);
        IS(other[1].out, 1);
    }
    close_sync_stage(s);
}

static void barrier_breaks_by_time_abort_and_death(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_barrier barrier;
    uint32_t waiting = 7;
    IS(rp_barrier_new(self, 2, &barrier), 0);
    IS(rp_barrier_wait(self, barrier, 0, NULL), RP_EBROKEN);
    IS(rp_barrier_wait(self, barrier, -1, NULL), RP_EBROKEN);
    IS(rp_barrier_reset(self, barrier), 0);
    IS(rp_barrier_wait(self, barrier, 0.001, NULL), RP_EBROKEN);
    IS(rp_barrier_waiting(self, barrier, &waiting), RP_EBROKEN);
    IS(waiting, 7);
    int (*const breaks[])(rp_self *, rp_barrier) = {rp_barrier_abort, rp_barrier_reset};
    for (size_t i = 0; i < 2; i++) {
        IS(rp_barrier_reset(self, barrier), 0);
        struct aside other = {.run = barrier_aside, .id = barrier.id, .timeout_s = -1};
        begin_to_wait(&other, s, 1);
        IS(breaks[i](self, barrier), 0);
        IS(end(&other), RP_EBROKEN);
    }
    IS(rp_barrier_waiting(self, barrier, &waiting), 0); /* the reset does not break it */
    struct aside first = {.run = barrier_aside, .id = barrier.id, .timeout_s = -1};
    begin_to_wait(&first, s, 1);
    die(s, 1);
    IS(rp_barrier_waiting(self, barrier, &waiting), RP_EBROKEN);
    pthread_mutex_lock(&s->lock); /* the dead one gets no answer: let its thread go */
    s->caller[1].answered = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    end(&first);
    close_sync_stage(s);
}

/* ---- Bad use ------------------------------------------------------------------------------------------- */

static unsigned bit(enum rp__home_type type) { return 1u << type; }

/* Every call on an object with this id, of these types. */
static void all_give(rp_self *self, uint64_t id, int code, unsigned types) {
    const rp_lock lock = {id};
    const rp_rlock rlock = {id};
    const rp_semaphore semaphore = {id};
    const rp_event event = {id};
    const rp_condition condition = {id};
    const rp_barrier barrier = {id};
    const rp_value value = {id};
    const rp_array array = {id};
    bool flag;
    uint32_t number;
    int64_t is = 0;
    double real;
    void *words;
    rp_condition made;
#define ALL(type, ...)                                                                                                 \
    if (types & bit(type)) {                                                                                           \
        const int codes[] = {__VA_ARGS__};                                                                             \
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) IS(codes[i], code);                                  \
    }
    ALL(RP__LOCK, rp_lock_acquire(self, lock, 0), rp_lock_release(self, lock), rp_lock_repair(self, lock),
        rp_condition_new_on(self, lock, &made), rp_lock_free(self, lock))
    ALL(RP__RLOCK, rp_rlock_acquire(self, rlock, 0), rp_rlock_release(self, rlock), rp_rlock_repair(self, rlock),
        rp_condition_new_on_rlock(self, rlock, &made), rp_rlock_free(self, rlock))
    ALL(RP__SEMAPHORE, rp_semaphore_acquire(self, semaphore, 0), rp_semaphore_release(self, semaphore),
        rp_semaphore_repair(self, semaphore), rp_semaphore_free(self, semaphore))
    ALL(RP__EVENT, rp_event_wait(self, event, 0), rp_event_set(self, event), rp_event_clear(self, event),
        rp_event_is_set(self, event, &flag), rp_event_free(self, event))
    ALL(RP__CONDITION, rp_condition_acquire(self, condition, 0), rp_condition_release(self, condition),
        rp_condition_repair(self, condition), rp_condition_wait(self, condition, 0),
        rp_condition_notify(self, condition, 1), rp_condition_notify_all(self, condition),
        rp_condition_free(self, condition))
    ALL(RP__BARRIER, rp_barrier_wait(self, barrier, 0, NULL), rp_barrier_abort(self, barrier),
        rp_barrier_reset(self, barrier), rp_barrier_waiting(self, barrier, &number), rp_barrier_free(self, barrier))
    ALL(RP__CELLS, rp_value_load(self, value, &is), rp_value_store(self, value, 1), rp_value_add(self, value, 1, &is),
        rp_value_exchange(self, value, 1, &is), rp_value_compare_exchange(self, value, &is, 1, &flag),
        rp_value_load_double(self, value, &real), rp_value_store_double(self, value, 1),
        rp_value_add_double(self, value, 1, &real), rp_array_load(self, array, 0, &is),
        rp_array_store(self, array, 0, 1), rp_array_add(self, array, 0, 1, &is),
        rp_array_exchange(self, array, 0, 1, &is), rp_array_compare_exchange(self, array, 0, &is, 1, &flag),
        rp_array_load_double(self, array, 0, &real), rp_array_store_double(self, array, 0, 1),
        rp_array_add_double(self, array, 0, 1, &real), rp_array_read(self, array, 0, 1, &is),
        rp_array_write(self, array, 0, 1, &is), rp_array_words(self, array, &words, NULL), rp_value_free(self, value),
        rp_array_free(self, array))
#undef ALL
}

/* One of each type. */
static void make_all(rp_self *self, uint64_t id[7]) {
    IS(rp_lock_new(self, (rp_lock *)&id[0]), 0);
    IS(rp_rlock_new(self, (rp_rlock *)&id[1]), 0);
    IS(rp_semaphore_new(self, 1, false, (rp_semaphore *)&id[2]), 0);
    IS(rp_event_new(self, (rp_event *)&id[3]), 0);
    IS(rp_condition_new(self, (rp_condition *)&id[4]), 0);
    IS(rp_barrier_new(self, 1, (rp_barrier *)&id[5]), 0);
    IS(rp_value_new(self, (rp_value *)&id[6]), 0);
}

static const enum rp__home_type types_made[7] = {RP__LOCK,      RP__RLOCK,   RP__SEMAPHORE, RP__EVENT,
                                                 RP__CONDITION, RP__BARRIER, RP__CELLS};

static void handle_of_another_type_is_refused(void) {
    struct sync_stage *s = open_sync_stage();
    uint64_t id[7];
    make_all(self_of(s, 0), id);
    for (size_t i = 0; i < 7; i++) all_give(self_of(s, 0), id[i], RP_EINVAL, ~bit(types_made[i]));
    all_give(self_of(s, 0), 0, RP_EINVAL, ~0u);
    close_sync_stage(s);
}

static void a_call_needs_a_self(void) {
    struct sync_stage *s = open_sync_stage();
    uint64_t id[7], none;
    make_all(self_of(s, 0), id);
    for (size_t i = 0; i < 7; i++) all_give(NULL, id[i], RP_EINVAL, ~0u);
    IS(rp_lock_new(NULL, (rp_lock *)&none), RP_EINVAL);
    IS(rp_rlock_new(NULL, (rp_rlock *)&none), RP_EINVAL);
    IS(rp_semaphore_new(NULL, 1, false, (rp_semaphore *)&none), RP_EINVAL);
    IS(rp_event_new(NULL, (rp_event *)&none), RP_EINVAL);
    IS(rp_condition_new(NULL, (rp_condition *)&none), RP_EINVAL);
    IS(rp_barrier_new(NULL, 1, (rp_barrier *)&none), RP_EINVAL);
    IS(rp_value_new(NULL, (rp_value *)&none), RP_EINVAL);
    IS(rp_array_new(NULL, 1, (rp_array *)&none), RP_EINVAL);
    close_sync_stage(s);
}

static void an_answer_needs_a_place(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    uint64_t id[7];
    make_all(self, id);
    const rp_value value = {id[6]};
    const rp_array array = {id[6]};
    const int codes[] = {rp_lock_new(self, NULL),
                         rp_rlock_new(self, NULL),
                         rp_semaphore_new(self, 1, false, NULL),
                         rp_event_new(self, NULL),
                         rp_event_is_set(self, (rp_event){id[3]}, NULL),
                         rp_condition_new(self, NULL),
                         rp_condition_new_on(self, (rp_lock){id[0]}, NULL),
                         rp_condition_new_on_rlock(self, (rp_rlock){id[1]}, NULL),
                         rp_barrier_new(self, 1, NULL),
                         rp_barrier_waiting(self, (rp_barrier){id[5]}, NULL),
                         rp_value_new(self, NULL),
                         rp_value_load(self, value, NULL),
                         rp_value_load_double(self, value, NULL),
                         rp_value_compare_exchange(self, value, NULL, 1, NULL),
                         rp_array_new(self, 1, NULL),
                         rp_array_load(self, array, 0, NULL),
                         rp_array_load_double(self, array, 0, NULL),
                         rp_array_compare_exchange(self, array, 0, NULL, 1, NULL),
                         rp_array_read(self, array, 0, 1, NULL),
                         rp_array_write(self, array, 0, 1, NULL),
                         rp_array_words(self, array, NULL, NULL)};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) IS(codes[i], RP_EINVAL);
    close_sync_stage(s);
}

static void numbers_that_make_no_sense_are_refused(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    uint64_t id[7];
    make_all(self, id);
    rp_barrier barrier;
    rp_semaphore semaphore;
    IS(rp_barrier_new(self, 0, &barrier), RP_EINVAL);
    IS(rp_semaphore_new(self, UINT64_MAX, false, &semaphore), RP_EINVAL);
    IS(rp_lock_acquire(self, (rp_lock){id[0]}, NAN), RP_EINVAL);
    IS(rp_rlock_acquire(self, (rp_rlock){id[1]}, NAN), RP_EINVAL);
    IS(rp_semaphore_acquire(self, (rp_semaphore){id[2]}, NAN), RP_EINVAL);
    IS(rp_event_wait(self, (rp_event){id[3]}, NAN), RP_EINVAL);
    IS(rp_condition_acquire(self, (rp_condition){id[4]}, NAN), RP_EINVAL);
    IS(rp_condition_wait(self, (rp_condition){id[4]}, NAN), RP_EINVAL);
    IS(rp_barrier_wait(self, (rp_barrier){id[5]}, NAN, NULL), RP_EINVAL);
    IS(rp_lock_acquire(self, (rp_lock){id[0]}, 0), 0); /* none of them did anything */
    close_sync_stage(s);
}

static void what_was_freed_is_closed(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    uint64_t id[7];
    make_all(self, id);
    IS(rp_lock_free(self, (rp_lock){id[0]}), 0);
    IS(rp_rlock_free(self, (rp_rlock){id[1]}), 0);
    IS(rp_semaphore_free(self, (rp_semaphore){id[2]}), 0);
    IS(rp_event_free(self, (rp_event){id[3]}), 0);
    IS(rp_condition_free(self, (rp_condition){id[4]}), 0);
    IS(rp_barrier_free(self, (rp_barrier){id[5]}), 0);
    IS(rp_value_free(self, (rp_value){id[6]}), 0);
    for (size_t i = 0; i < 7; i++) all_give(self, id[i], RP_ECLOSED, bit(types_made[i]));
    close_sync_stage(s);
}

static void free_sends_away_who_waits(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_lock lock;
    rp_event event;
    rp_condition condition;
    rp_barrier barrier;
    IS(rp_lock_new(self, &lock), 0);
    IS(rp_event_new(self, &event), 0);
    IS(rp_condition_new_on(self, lock, &condition), 0);
    IS(rp_barrier_new(self, 2, &barrier), 0);
    struct aside other[] = {{.run = event_aside, .id = event.id, .timeout_s = -1},
                            {.run = condition_aside, .id = condition.id, .timeout_s = -1},
                            {.run = barrier_aside, .id = barrier.id, .timeout_s = -1}};
    for (size_t i = 0; i < 3; i++) begin_to_wait(&other[i], s, i + 1);
    IS(rp_event_free(self, event), 0);
    IS(rp_lock_free(self, lock), 0); /* the condition's */
    IS(rp_barrier_free(self, barrier), 0);
    for (size_t i = 0; i < 3; i++) IS(end(&other[i]), RP_ECLOSED);
    IS(rp_condition_notify(self, condition, 1), RP_ECLOSED);
    close_sync_stage(s);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(lock_is_held_by_one_until_it_is_released),
        UNIT(lock_that_its_holder_waits_for_without_limit_is_a_deadlock),
        UNIT(rlock_is_acquired_again_by_its_holder_alone),
        UNIT(lock_of_a_dead_holder_is_broken_until_it_is_repaired),
        UNIT(semaphore_hands_out_its_permits),
        UNIT(event_lets_all_go_on_while_it_is_set),
        UNIT(condition_wakes_as_many_as_are_notified),
        UNIT(condition_is_for_who_holds_its_lock),
        UNIT(condition_whose_lock_broke_is_repaired_by_it),
        UNIT(wait_for_asks_after_each_notification),
        UNIT(wait_for_has_a_time_limit),
        UNIT(barrier_lets_go_when_all_are_there),
        UNIT(barrier_breaks_by_time_abort_and_death),
        UNIT(handle_of_another_type_is_refused),
        UNIT(a_call_needs_a_self),
        UNIT(an_answer_needs_a_place),
        UNIT(numbers_that_make_no_sense_are_refused),
        UNIT(what_was_freed_is_closed),
        UNIT(free_sends_away_who_waits),
        {NULL, NULL},
    };
    return unit_run("sync", tests);
}
