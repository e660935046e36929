/* The cases of what tasks share: Queue, Pipe, Lock and the rest. Callers are the one of the case, and one elsewhere. */
#include "cases.h"

/* What another caller gets of it. */
static int ask(struct stand *s, enum errand_what what, uint64_t id, int64_t *item) {
    struct errand_answer answer;
    int code = s->elsewhere(s, &(struct errand){.what = what, .id = id, .item = item ? *item : 0}, &answer);
    if (code == 0 && item) *item = answer.item;
    return code ? code : answer.code;
}

/* ---- Queue --------------------------------------------------------------------------------------------- */

static int put(rp_self *self, rp_queue q, int64_t item, double timeout_s) {
    return rp_queue_put(self, q, &item, sizeof item, timeout_s);
}
static int get(rp_self *self, rp_queue q, int64_t *item, double timeout_s) {
    return rp_queue_get(self, q, timeout_s, item, sizeof *item, NULL);
}

CASE(queue_order) {
    rp_queue q;
    int64_t item[3] = {0};
    DO(rp_queue_new(s->self, 0, &q));
    for (int i = 0; i < 3; i++) DO(put(s->self, q, i + 1, -1));
    for (int i = 0; i < 3; i++) DO(ask(s, GET, q.id, &item[i]));
    snprintf(s->word, sizeof s->word, "%d %d %d", (int)item[0], (int)item[1], (int)item[2]);
    return 0;
}
CASE(queue_get_empty) {
    rp_queue q;
    int64_t item;
    DO(rp_queue_new(s->self, 0, &q));
    return get(s->self, q, &item, 0);
}
CASE(queue_get_too_late) {
    rp_queue q;
    int64_t item;
    DO(rp_queue_new(s->self, 0, &q));
    return get(s->self, q, &item, 0.001);
}
static int put_into_full(struct stand *s, double timeout_s) {
    rp_queue q;
    DO(rp_queue_new(s->self, 1, &q));
    DO(put(s->self, q, 1, -1));
    return put(s->self, q, 2, timeout_s);
}
CASE(queue_put_full) { return put_into_full(s, 0); }
CASE(queue_put_too_late) { return put_into_full(s, 0.001); }
static int full_with_one(struct stand *s, size_t maxsize) {
    rp_queue q;
    bool full;
    DO(rp_queue_new(s->self, maxsize, &q));
    DO(put(s->self, q, 1, -1));
    DO(rp_queue_full(s->self, q, &full));
    say_bool(s, full);
    return 0;
}
CASE(queue_full) { return full_with_one(s, 1); }
CASE(queue_full_unbounded) { return full_with_one(s, 0); }
CASE(queue_empty) {
    rp_queue q;
    bool empty;
    DO(rp_queue_new(s->self, 0, &q));
    DO(rp_queue_empty(s->self, q, &empty));
    say_bool(s, empty);
    return 0;
}
CASE(queue_size) {
    rp_queue q;
    size_t size;
    DO(rp_queue_new(s->self, 0, &q));
    for (int i = 0; i < 2; i++) DO(put(s->self, q, i, -1));
    DO(rp_queue_size(s->self, q, &size));
    say_number(s, (int64_t)size);
    return 0;
}
static int use_closed(struct stand *s, bool by_another, bool with_item, bool take) {
    rp_queue q;
    int64_t item;
    DO(rp_queue_new(s->self, 0, &q));
    if (with_item) DO(put(s->self, q, 1, -1));
    DO(by_another ? ask(s, CLOSE_QUEUE, q.id, NULL) : rp_queue_close(s->self, q));
    if (!take) return put(s->self, q, 1, -1);
    int code = get(s->self, q, &item, -1);
    if (code == 0) say_number(s, item);
    return code;
}
CASE(queue_put_after_close) { return use_closed(s, false, false, false); }
CASE(queue_get_after_close) { return use_closed(s, false, true, true); }
CASE(queue_get_after_close_and_empty) { return use_closed(s, false, false, true); }
CASE(queue_put_after_another_closed) { return use_closed(s, true, false, false); }
CASE(queue_close_twice) {
    rp_queue q;
    DO(rp_queue_new(s->self, 0, &q));
    DO(rp_queue_close(s->self, q));
    return rp_queue_close(s->self, q);
}
CASE(queue_join_of_nothing) {
    rp_queue q;
    DO(rp_queue_new(s->self, 0, &q));
    return rp_queue_join(s->self, q, -1);
}
CASE(queue_join_of_done) {
    rp_queue q;
    int64_t item;
    DO(rp_queue_new(s->self, 0, &q));
    DO(put(s->self, q, 1, -1));
    DO(get(s->self, q, &item, -1));
    DO(rp_queue_task_done(s->self, q));
    return rp_queue_join(s->self, q, -1);
}
CASE(queue_done_too_often) {
    rp_queue q;
    DO(rp_queue_new(s->self, 0, &q));
    return rp_queue_task_done(s->self, q);
}

/* ---- Pipe ---------------------------------------------------------------------------------------------- */

static int put_in(rp_self *self, rp_pipe p, int64_t item) { return rp_pipe_send(self, p, &item, sizeof item, -1); }
static int take_out(rp_self *self, rp_pipe p, int64_t *item) {
    return rp_pipe_recv(self, p, -1, item, sizeof *item, NULL);
}

CASE(pipe_order) {
    rp_pipe p[2];
    int64_t item[2] = {0};
    DO(rp_pipe_new(s->self, true, p));
    for (int i = 0; i < 2; i++) DO(put_in(s->self, p[0], i + 1));
    for (int i = 0; i < 2; i++) DO(ask(s, RECEIVE, p[1].id, &item[i]));
    snprintf(s->word, sizeof s->word, "%d %d", (int)item[0], (int)item[1]);
    return 0;
}
CASE(pipe_back) {
    rp_pipe p[2];
    int64_t item = 3;
    DO(rp_pipe_new(s->self, true, p));
    DO(ask(s, SEND, p[1].id, &item));
    DO(take_out(s->self, p[0], &item));
    say_number(s, item);
    return 0;
}
CASE(pipe_send_by_receiver) {
    rp_pipe p[2];
    DO(rp_pipe_new(s->self, false, p));
    return put_in(s->self, p[0], 1);
}
CASE(pipe_recv_by_sender) {
    rp_pipe p[2];
    int64_t item;
    DO(rp_pipe_new(s->self, false, p));
    return take_out(s->self, p[1], &item);
}
CASE(pipe_end_of_file) {
    rp_pipe p[2];
    int64_t item;
    DO(rp_pipe_new(s->self, false, p));
    DO(put_in(s->self, p[1], 1));
    DO(rp_pipe_close(s->self, p[1]));
    DO(take_out(s->self, p[0], &item));
    return take_out(s->self, p[0], &item);
}
CASE(pipe_send_to_closed) {
    rp_pipe p[2];
    DO(rp_pipe_new(s->self, false, p));
    DO(rp_pipe_close(s->self, p[0]));
    return put_in(s->self, p[1], 1);
}
CASE(pipe_recv_after_close) {
    rp_pipe p[2];
    int64_t item;
    DO(rp_pipe_new(s->self, false, p));
    DO(rp_pipe_close(s->self, p[0]));
    return take_out(s->self, p[0], &item);
}
CASE(pipe_close_twice) {
    rp_pipe p[2];
    DO(rp_pipe_new(s->self, true, p));
    DO(rp_pipe_close(s->self, p[0]));
    return rp_pipe_close(s->self, p[0]);
}
static int poll_pipe(struct stand *s, double timeout_s, bool item, bool closed) {
    rp_pipe p[2];
    DO(rp_pipe_new(s->self, true, p));
    if (item) DO(put_in(s->self, p[1], 1));
    if (closed) DO(rp_pipe_close(s->self, p[1]));
    return rp_pipe_poll(s->self, p[0], timeout_s);
}
CASE(pipe_poll_empty) { return poll_pipe(s, 0, false, false); }
CASE(pipe_poll_too_late) { return poll_pipe(s, 0.001, false, false); }
CASE(pipe_poll_item) { return poll_pipe(s, 0, true, false); }
CASE(pipe_poll_end_of_file) { return poll_pipe(s, 0, false, true); }
CASE(pipe_item_too_long) {
    rp_pipe p[2];
    char at[2];
    DO(rp_pipe_new(s->self, true, p));
    DO(rp_pipe_send(s->self, p[0], "abcdef", 6, -1));
    return rp_pipe_recv(s->self, p[1], -1, at, sizeof at, NULL);
}

/* ---- Locks --------------------------------------------------------------------------------------------- */

static int lock_again(struct stand *s, double timeout_s) {
    rp_lock lock;
    DO(rp_lock_new(s->self, &lock));
    DO(rp_lock_acquire(s->self, lock, -1));
    return rp_lock_acquire(s->self, lock, timeout_s);
}
CASE(lock_held) { return lock_again(s, 0); }
CASE(lock_too_late) { return lock_again(s, 0.001); }
CASE(lock_waits_for_itself) { return lock_again(s, -1); }
CASE(lock_release_unheld) {
    rp_lock lock;
    DO(rp_lock_new(s->self, &lock));
    return rp_lock_release(s->self, lock);
}
CASE(lock_release_twice) {
    rp_lock lock;
    DO(rp_lock_new(s->self, &lock));
    DO(rp_lock_acquire(s->self, lock, -1));
    DO(rp_lock_release(s->self, lock));
    return rp_lock_release(s->self, lock);
}
CASE(lock_release_by_another) {
    rp_lock lock;
    DO(rp_lock_new(s->self, &lock));
    DO(rp_lock_acquire(s->self, lock, -1));
    return ask(s, RELEASE, lock.id, NULL);
}
CASE(lock_of_the_dead) {
    rp_lock lock;
    DO(rp_lock_new(s->self, &lock));
    DO(ask(s, ACQUIRE_AND_DIE, lock.id, NULL));
    return rp_lock_acquire(s->self, lock, 10);
}
CASE(rlock_again) {
    rp_rlock lock;
    DO(rp_rlock_new(s->self, &lock));
    DO(rp_rlock_acquire(s->self, lock, -1));
    return rp_rlock_acquire(s->self, lock, -1);
}
CASE(rlock_held_by_another) {
    rp_rlock lock;
    DO(rp_rlock_new(s->self, &lock));
    DO(rp_rlock_acquire(s->self, lock, -1));
    return ask(s, TRY_RLOCK, lock.id, NULL);
}
CASE(rlock_release_unheld) {
    rp_rlock lock;
    DO(rp_rlock_new(s->self, &lock));
    return rp_rlock_release(s->self, lock);
}
CASE(rlock_release_by_another) {
    rp_rlock lock;
    DO(rp_rlock_new(s->self, &lock));
    DO(rp_rlock_acquire(s->self, lock, -1));
    return ask(s, RELEASE_RLOCK, lock.id, NULL);
}
static int second_permit(struct stand *s, uint64_t permits) {
    rp_semaphore semaphore;
    DO(rp_semaphore_new(s->self, permits, false, &semaphore));
    DO(rp_semaphore_acquire(s->self, semaphore, -1));
    return rp_semaphore_acquire(s->self, semaphore, 0);
}
CASE(semaphore_permits) { return second_permit(s, 2); }
CASE(semaphore_used_up) { return second_permit(s, 1); }
static int one_more(struct stand *s, bool bounded) {
    rp_semaphore semaphore;
    DO(rp_semaphore_new(s->self, 1, bounded, &semaphore));
    return rp_semaphore_release(s->self, semaphore);
}
CASE(semaphore_more_than_at_first) { return one_more(s, false); }
CASE(semaphore_bounded_more_than_at_first) { return one_more(s, true); }
CASE(semaphore_of_less_than_none) {
    rp_semaphore semaphore;
    return rp_semaphore_new(s->self, (uint64_t)-1, false, &semaphore);
}

/* ---- Event, Condition, Barrier ------------------------------------------------------------------------- */

static int wait_for_event(struct stand *s, bool set, double timeout_s) {
    rp_event event;
    DO(rp_event_new(s->self, &event));
    if (set) DO(rp_event_set(s->self, event));
    return rp_event_wait(s->self, event, timeout_s);
}
CASE(event_not_set) { return wait_for_event(s, false, 0); }
CASE(event_too_late) { return wait_for_event(s, false, 0.001); }
CASE(event_set) { return wait_for_event(s, true, -1); }
CASE(event_cleared) {
    rp_event event;
    bool set;
    DO(rp_event_new(s->self, &event));
    DO(rp_event_set(s->self, event));
    DO(rp_event_clear(s->self, event));
    DO(rp_event_is_set(s->self, event, &set));
    say_bool(s, set);
    return 0;
}
static bool always(void *context) { return true; }
static bool never(void *context) { return false; }
CASE(condition_wait_unheld) {
    rp_condition condition;
    DO(rp_condition_new(s->self, &condition));
    return rp_condition_wait(s->self, condition, 0);
}
CASE(condition_notify_unheld) {
    rp_condition condition;
    DO(rp_condition_new(s->self, &condition));
    return rp_condition_notify(s->self, condition, 1);
}
CASE(condition_release_unheld) {
    rp_condition condition;
    DO(rp_condition_new(s->self, &condition));
    return rp_condition_release(s->self, condition);
}
CASE(condition_again) {
    rp_condition condition;
    DO(rp_condition_new(s->self, &condition));
    DO(rp_condition_acquire(s->self, condition, -1));
    return rp_condition_acquire(s->self, condition, -1);
}
CASE(condition_too_late) {
    rp_condition condition;
    DO(rp_condition_new(s->self, &condition));
    DO(rp_condition_acquire(s->self, condition, -1));
    return rp_condition_wait(s->self, condition, 0.001);
}
CASE(condition_notify_nobody) {
    rp_condition condition;
    DO(rp_condition_new(s->self, &condition));
    DO(rp_condition_acquire(s->self, condition, -1));
    DO(rp_condition_notify(s->self, condition, 1));
    return rp_condition_wait(s->self, condition, 0.001);
}
CASE(condition_on_a_lock) {
    rp_lock lock;
    rp_condition condition;
    DO(rp_lock_new(s->self, &lock));
    DO(rp_condition_new_on(s->self, lock, &condition));
    DO(rp_condition_acquire(s->self, condition, -1));
    return rp_lock_acquire(s->self, lock, 0);
}
CASE(condition_wait_for_true) {
    rp_condition condition;
    DO(rp_condition_new(s->self, &condition));
    DO(rp_condition_acquire(s->self, condition, -1));
    return rp_condition_wait_for(s->self, condition, always, NULL, 0);
}
CASE(condition_wait_for_too_late) {
    rp_condition condition;
    DO(rp_condition_new(s->self, &condition));
    DO(rp_condition_acquire(s->self, condition, -1));
    return rp_condition_wait_for(s->self, condition, never, NULL, 0.001);
}
CASE(condition_wait_for_true_unheld) {
    rp_condition condition;
    DO(rp_condition_new(s->self, &condition));
    return rp_condition_wait_for(s->self, condition, always, NULL, 0);
}
static int pass(struct stand *s, rp_barrier barrier, double timeout_s) {
    uint32_t index;
    int code = rp_barrier_wait(s->self, barrier, timeout_s, &index);
    if (code == 0) say_number(s, index);
    return code;
}
CASE(barrier_of_one) {
    rp_barrier barrier;
    DO(rp_barrier_new(s->self, 1, &barrier));
    return pass(s, barrier, -1);
}
CASE(barrier_too_late) {
    rp_barrier barrier;
    DO(rp_barrier_new(s->self, 2, &barrier));
    return pass(s, barrier, 0.001);
}
CASE(barrier_after_too_late) {
    rp_barrier barrier;
    DO(rp_barrier_new(s->self, 2, &barrier));
    pass(s, barrier, 0.001);
    return pass(s, barrier, -1);
}
CASE(barrier_after_abort) {
    rp_barrier barrier;
    DO(rp_barrier_new(s->self, 1, &barrier));
    DO(rp_barrier_abort(s->self, barrier));
    return pass(s, barrier, -1);
}
CASE(barrier_after_reset) {
    rp_barrier barrier;
    DO(rp_barrier_new(s->self, 1, &barrier));
    DO(rp_barrier_abort(s->self, barrier));
    DO(rp_barrier_reset(s->self, barrier));
    return pass(s, barrier, -1);
}
CASE(barrier_waiting) {
    rp_barrier barrier;
    uint32_t waiting;
    DO(rp_barrier_new(s->self, 2, &barrier));
    DO(rp_barrier_waiting(s->self, barrier, &waiting));
    say_number(s, waiting);
    return 0;
}
CASE(barrier_of_none) {
    rp_barrier barrier;
    return rp_barrier_new(s->self, 0, &barrier);
}

/* ---- Value and Array ----------------------------------------------------------------------------------- */

static int sum(struct stand *s, int64_t first, int64_t addend) {
    rp_value value;
    int64_t now;
    DO(rp_value_new(s->self, &value));
    if (first) DO(rp_value_store(s->self, value, first));
    if (addend) DO(rp_value_add(s->self, value, addend, NULL));
    DO(rp_value_load(s->self, value, &now));
    say_number(s, now);
    return 0;
}
CASE(value_at_first) { return sum(s, 0, 0); }
CASE(value_added) { return sum(s, 2, 3); }
CASE(value_too_large) { return sum(s, INT64_MAX, 1); }
CASE(value_double) {
    rp_value value;
    double now;
    DO(rp_value_new(s->self, &value));
    DO(rp_value_store_double(s->self, value, 0.5));
    DO(rp_value_add_double(s->self, value, 0.25, NULL));
    DO(rp_value_load_double(s->self, value, &now));
    snprintf(s->word, sizeof s->word, "%g", now);
    return 0;
}
CASE(array_double) {
    rp_array array;
    double now;
    DO(rp_array_new(s->self, 2, &array));
    DO(rp_array_store_double(s->self, array, 0, 0.5));
    DO(rp_array_store_double(s->self, array, 1, 0.25));
    DO(rp_array_load_double(s->self, array, 0, &now));
    DO(rp_array_add_double(s->self, array, 1, now, NULL));
    DO(rp_array_load_double(s->self, array, 1, &now));
    snprintf(s->word, sizeof s->word, "%g", now);
    return 0;
}
static int read_array(struct stand *s, size_t count, size_t first, size_t words) {
    const int64_t in[] = {1, 2, 3, 4};
    int64_t out[8];
    rp_array array;
    DO(rp_array_new(s->self, count, &array));
    DO(rp_array_write(s->self, array, 0, count, in));
    int code = rp_array_read(s->self, array, first, words, out);
    if (code == 0) snprintf(s->word, sizeof s->word, "%d %d", (int)out[0], (int)out[1]);
    return code;
}
CASE(array_slice) { return read_array(s, 4, 1, 2); }
CASE(array_slice_too_long) { return read_array(s, 3, 2, 7); }
static int load_of_three(struct stand *s, size_t index) {
    rp_array array;
    int64_t now;
    DO(rp_array_new(s->self, 3, &array));
    return rp_array_load(s->self, array, index, &now);
}
CASE(array_index_too_large) { return load_of_three(s, 3); }
CASE(array_index_from_the_end) { return load_of_three(s, (size_t)-1); }
CASE(array_of_none) {
    rp_array array;
    return rp_array_new(s->self, 0, &array);
}

const struct python_case sync_cases[] = {
    LISTED(queue_order),
    LISTED(queue_get_empty),
    LISTED(queue_get_too_late),
    LISTED(queue_put_full),
    LISTED(queue_put_too_late),
    LISTED(queue_full),
    LISTED(queue_full_unbounded),
    LISTED(queue_empty),
    LISTED(queue_size),
    LISTED(queue_put_after_close),
    LISTED(queue_get_after_close),
    LISTED(queue_get_after_close_and_empty),
    LISTED(queue_put_after_another_closed),
    LISTED(queue_close_twice),
    LISTED(queue_join_of_nothing),
    LISTED(queue_join_of_done),
    LISTED(queue_done_too_often),
    LISTED(pipe_order),
    LISTED(pipe_back),
    LISTED(pipe_send_by_receiver),
    LISTED(pipe_recv_by_sender),
    LISTED(pipe_end_of_file),
    LISTED(pipe_send_to_closed),
    LISTED(pipe_recv_after_close),
    LISTED(pipe_close_twice),
    LISTED(pipe_poll_empty),
    LISTED(pipe_poll_too_late),
    LISTED(pipe_poll_item),
    LISTED(pipe_poll_end_of_file),
    LISTED(pipe_item_too_long),
    LISTED(lock_held),
    LISTED(lock_too_late),
    LISTED(lock_waits_for_itself),
    LISTED(lock_release_unheld),
    LISTED(lock_release_twice),
    LISTED(lock_release_by_another),
    LISTED(lock_of_the_dead),
    LISTED(rlock_again),
    LISTED(rlock_held_by_another),
    LISTED(rlock_release_unheld),
    LISTED(rlock_release_by_another),
    LISTED(semaphore_permits),
    LISTED(semaphore_used_up),
    LISTED(semaphore_more_than_at_first),
    LISTED(semaphore_bounded_more_than_at_first),
    LISTED(semaphore_of_less_than_none),
    LISTED(event_not_set),
    LISTED(event_too_late),
    LISTED(event_set),
    LISTED(event_cleared),
    LISTED(condition_wait_unheld),
    LISTED(condition_notify_unheld),
    LISTED(condition_release_unheld),
    LISTED(condition_again),
    LISTED(condition_too_late),
    LISTED(condition_notify_nobody),
    LISTED(condition_on_a_lock),
    LISTED(condition_wait_for_true),
    LISTED(condition_wait_for_too_late),
    LISTED(condition_wait_for_true_unheld),
    LISTED(barrier_of_one),
    LISTED(barrier_too_late),
    LISTED(barrier_after_too_late),
    LISTED(barrier_after_abort),
    LISTED(barrier_after_reset),
    LISTED(barrier_waiting),
    LISTED(barrier_of_none),
    LISTED(value_at_first),
    LISTED(value_added),
    LISTED(value_too_large),
    LISTED(value_double),
    LISTED(array_double),
    LISTED(array_slice),
    LISTED(array_slice_too_long),
    LISTED(array_index_too_large),
    LISTED(array_index_from_the_end),
    LISTED(array_of_none),
    {NULL, NULL},
};
