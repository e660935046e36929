/* The public calls on queues and pipes: order, bounds, time limits, ends and closing, and bad use. Callers are threads
 * that wait at one home. */
#include "sync_stage.h"
#include "unit.h"

#include <math.h>

#define IS(is, should) CU_ASSERT_EQUAL(is, should)

static int put(rp_self *self, rp_queue queue, uint64_t item) {
    return rp_queue_put(self, queue, &item, sizeof item, 0);
}

/* The next item, or the code as a large number. */
static uint64_t get(rp_self *self, rp_queue queue) {
    uint64_t item;
    size_t size;
    int code = rp_queue_get(self, queue, 0, &item, sizeof item, &size);
    return code == 0 && size == sizeof item ? item : UINT64_MAX + (uint64_t)code;
}

static void queue_gives_items_in_order(void) {
    struct sync_stage *s = open_sync_stage();
    rp_queue queue;
    size_t size;
    bool empty = false;
    IS(rp_queue_new(self_of(s, 0), 0, &queue), 0);
    IS(rp_queue_empty(self_of(s, 1), queue, &empty), 0);
    CU_ASSERT_TRUE(empty);
    for (uint64_t i = 0; i < 100; i++) IS(put(self_of(s, i % 2), queue, i), 0);
    IS(rp_queue_size(self_of(s, 1), queue, &size), 0);
    IS(size, 100);
    for (uint64_t i = 0; i < 100; i++) IS(get(self_of(s, 2 + i % 2), queue), i);
    IS(rp_queue_get(self_of(s, 3), queue, 0, NULL, 0, NULL), RP_EEMPTY);
    IS(rp_queue_get(self_of(s, 3), queue, 0.001, NULL, 0, NULL), RP_EEMPTY);
    close_sync_stage(s);
}

static void get_waits_for_a_put(void) {
    struct sync_stage *s = open_sync_stage();
    rp_queue queue;
    IS(rp_queue_new(self_of(s, 0), 0, &queue), 0);
    struct aside getter[2];
    for (size_t i = 0; i < 2; i++) {
        getter[i] = (struct aside){.run = get_aside, .id = queue.id, .timeout_s = i ? 20 : -1};
        begin_to_wait(&getter[i], s, i + 1);
    }
    IS(put(self_of(s, 0), queue, 11), 0);
    IS(put(self_of(s, 0), queue, 12), 0);
    for (size_t i = 0; i < 2; i++) {
        IS(end(&getter[i]), 0);
        IS(getter[i].out, 11 + i);
    }
    close_sync_stage(s);
}

static void full_queue_makes_puts_wait(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_queue queue, endless;
    bool full = true;
    IS(rp_queue_new(self, 2, &queue), 0);
    IS(put(self, queue, 1), 0);
    IS(rp_queue_full(self, queue, &full), 0);
    CU_ASSERT_FALSE(full);
    IS(put(self, queue, 2), 0);
    IS(rp_queue_full(self, queue, &full), 0);
    CU_ASSERT_TRUE(full);
    IS(put(self, queue, 3), RP_EFULL);
    IS(rp_queue_put(self, queue, NULL, 0, 0.001), RP_EFULL);
    struct aside putter = {.run = put_aside, .id = queue.id, .timeout_s = -1, .out = 3};
    begin_to_wait(&putter, s, 1);
    for (uint64_t i = 1; i < 3; i++) IS(get(self, queue), i);
    IS(end(&putter), 0);
    IS(get(self, queue), 3);
    IS(rp_queue_new(self, 0, &endless), 0);
    IS(put(self, endless, 1), 0);
    IS(rp_queue_full(self, endless, &full), 0);
    CU_ASSERT_FALSE(full);
    close_sync_stage(s);
}

static void items_have_any_size(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_queue queue;
    IS(rp_queue_new(self, 0, &queue), 0);
    static const size_t sizes[] = {0, 1, 65536, 65537, 3000000};
    uint8_t *bytes = malloc(3000000);
    for (size_t i = 0; i < 3000000; i++) bytes[i] = (uint8_t)(i * 7 >> 3);
    for (size_t i = 0; i < 5; i++) IS(rp_queue_put(self, queue, sizes[i] ? bytes : NULL, sizes[i], -1), 0);
    for (size_t i = 0; i < 5; i++) {
        void *item = NULL;
        size_t size = 7;
        IS(rp_queue_get_alloc(self, queue, 0, &item, &size), 0);
        IS(size, sizes[i]);
        CU_ASSERT(item != NULL && memcmp(item, bytes, size) == 0);
        free(item);
    }
    void *item = bytes;
    IS(rp_queue_get_alloc(self, queue, 0, &item, NULL), RP_EEMPTY);
    CU_ASSERT_PTR_EQUAL(item, bytes);
    free(bytes);
    close_sync_stage(s);
}

static void item_that_does_not_fit_is_cut_and_told(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_queue queue;
    char at[4] = "...";
    size_t size;
    IS(rp_queue_new(self, 0, &queue), 0);
    IS(rp_queue_put(self, queue, "abcdef", 6, -1), 0);
    IS(rp_queue_put(self, queue, "x", 1, -1), 0);
    IS(rp_queue_get(self, queue, -1, at, 2, &size), RP_ERANGE);
    IS(size, 6);
    CU_ASSERT_STRING_EQUAL(at, "ab.");
    IS(rp_queue_get(self, queue, -1, at, 2, &size), 0);
    IS(size, 1);
    CU_ASSERT_STRING_EQUAL(at, "xb.");
    close_sync_stage(s);
}

static void join_waits_until_all_is_done(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_queue queue;
    IS(rp_queue_new(self, 0, &queue), 0);
    IS(rp_queue_join(self, queue, -1), 0);
    for (uint64_t i = 0; i < 2; i++) IS(put(self, queue, i), 0);
    for (uint64_t i = 0; i < 2; i++) IS(get(self, queue), i);
    IS(rp_queue_join(self, queue, 0), RP_ETIMEDOUT);
    IS(rp_queue_join(self, queue, 0.001), RP_ETIMEDOUT);
    struct aside joiner = {.run = join_aside, .id = queue.id, .timeout_s = -1};
    begin_to_wait(&joiner, s, 1);
    IS(rp_queue_task_done(self, queue), 0);
    CU_ASSERT_TRUE(s->caller[1].waits);
    IS(rp_queue_task_done(self_of(s, 2), queue), 0);
    IS(end(&joiner), 0);
    IS(rp_queue_task_done(self, queue), RP_ERANGE);
    close_sync_stage(s);
}

static void closed_queue_is_drained_and_takes_no_more(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_queue queue, bounded;
    IS(rp_queue_new(self, 0, &queue), 0);
    IS(put(self, queue, 5), 0);
    IS(rp_queue_close(self, queue), 0);
    IS(rp_queue_close(self, queue), 0);
    IS(put(self, queue, 6), RP_ECLOSED);
    IS(get(self, queue), 5);
    IS(rp_queue_get(self, queue, -1, NULL, 0, NULL), RP_ECLOSED);
    IS(rp_queue_new(self, 1, &bounded), 0);
    IS(put(self, bounded, 1), 0);
    struct aside putter = {.run = put_aside, .id = bounded.id, .timeout_s = -1};
    begin_to_wait(&putter, s, 1);
    IS(rp_queue_close(self, bounded), 0);
    IS(end(&putter), RP_ECLOSED);
    close_sync_stage(s);
}

static void free_and_close_send_away_who_waits(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_queue queue, joined;
    rp_pipe end_of[2];
    IS(rp_queue_new(self, 0, &queue), 0);
    IS(rp_queue_new(self, 0, &joined), 0);
    IS(rp_pipe_new(self, true, end_of), 0);
    IS(put(self, joined, 1), 0);
    struct aside other[] = {{.run = get_aside, .id = queue.id, .timeout_s = -1},
                            {.run = join_aside, .id = joined.id, .timeout_s = -1},
                            {.run = recv_aside, .id = end_of[1].id, .timeout_s = -1}};
    for (size_t i = 0; i < 3; i++) begin_to_wait(&other[i], s, i + 1);
    IS(rp_queue_close(self, queue), 0);
    IS(rp_queue_free(self, joined), 0);
    IS(rp_pipe_free(self, end_of[0]), 0);
    for (size_t i = 0; i < 3; i++) IS(end(&other[i]), RP_ECLOSED);
    IS(rp_queue_free(self, joined), RP_ECLOSED);
    IS(rp_pipe_recv(self, end_of[1], -1, NULL, 0, NULL), RP_ECLOSED);
    close_sync_stage(s);
}

static void what_waited_in_a_queue_and_died_gets_no_item(void) {
    struct sync_stage *s = open_sync_stage();
    rp_queue queue;
    IS(rp_queue_new(self_of(s, 0), 0, &queue), 0);
    struct aside dead = {.run = get_aside, .id = queue.id, .timeout_s = -1};
    begin_to_wait(&dead, s, 1);
    die(s, 1);
    IS(put(self_of(s, 0), queue, 1), 0);
    IS(get(self_of(s, 2), queue), 1);
    pthread_mutex_lock(&s->lock); /* it gets no answer: let its thread go */
    s->caller[1].answered = true;
    s->caller[1].code = RP_EDIED;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    IS(end(&dead), RP_EDIED);
    close_sync_stage(s);
}

/* ---- Pipes --------------------------------------------------------------------------------------------- */

static void pipe_carries_items_from_end_to_end(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_pipe end_of[2];
    char at[8] = "";
    void *item;
    size_t size;
    IS(rp_pipe_new(self, true, end_of), 0);
    IS(rp_pipe_send(self, end_of[0], "there", 5, -1), 0);
    IS(rp_pipe_send(self, end_of[0], NULL, 0, 1), 0);
    IS(rp_pipe_send(self, end_of[1], "back", 4, 0), 0);
    IS(rp_pipe_recv(self, end_of[1], -1, at, sizeof at, &size), 0);
    IS(size, 5);
    CU_ASSERT_STRING_EQUAL(at, "there");
    IS(rp_pipe_recv(self, end_of[1], 0, NULL, 0, &size), 0);
    IS(size, 0);
    IS(rp_pipe_recv_alloc(self, end_of[0], -1, &item, &size), 0);
    CU_ASSERT(size == 4 && memcmp(item, "back", 4) == 0);
    free(item);
    IS(rp_pipe_recv(self, end_of[1], 0, at, sizeof at, &size), RP_EEMPTY);
    IS(rp_pipe_recv_alloc(self, end_of[1], 0.001, &item, &size), RP_EEMPTY);
    struct aside receiver = {.run = recv_aside, .id = end_of[1].id, .timeout_s = -1};
    begin_to_wait(&receiver, s, 1);
    const uint64_t number = 6859;
    IS(rp_pipe_send(self, end_of[0], &number, sizeof number, -1), 0);
    IS(end(&receiver), 0);
    IS(receiver.out, 6859);
    close_sync_stage(s);
}

static void one_way_pipe_goes_one_way(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_pipe end_of[2];
    char at[2] = "";
    IS(rp_pipe_new(self, false, end_of), 0);
    IS(rp_pipe_send(self, end_of[0], "x", 1, -1), RP_EINVAL);
    IS(rp_pipe_recv(self, end_of[1], -1, at, 1, NULL), RP_EINVAL);
    IS(rp_pipe_poll(self, end_of[1], -1), RP_EINVAL);
    IS(rp_pipe_send(self, end_of[1], "x", 1, -1), 0);
    IS(rp_pipe_recv(self, end_of[0], -1, at, 1, NULL), 0);
    CU_ASSERT_STRING_EQUAL(at, "x");
    close_sync_stage(s);
}

static void closed_end_is_the_end_of_the_file(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_pipe end_of[2];
    char at[2] = "";
    IS(rp_pipe_new(self, true, end_of), 0);
    IS(rp_pipe_send(self, end_of[1], "x", 1, -1), 0);
    IS(rp_pipe_close(self, end_of[1]), 0);
    IS(rp_pipe_close(self, end_of[1]), RP_ECLOSED);
    IS(rp_pipe_send(self, end_of[0], "y", 1, -1), RP_ECLOSED);
    IS(rp_pipe_poll(self, end_of[0], 0), 0);
    IS(rp_pipe_recv(self, end_of[0], -1, at, 1, NULL), 0);
    CU_ASSERT_STRING_EQUAL(at, "x");
    IS(rp_pipe_poll(self, end_of[0], 0), 0); /* a receive would not wait */
    IS(rp_pipe_recv(self, end_of[0], -1, at, 1, NULL), RP_ECLOSED);
    IS(rp_pipe_close(self, end_of[0]), 0);
    IS(rp_pipe_recv(self, end_of[0], -1, at, 1, NULL), RP_ECLOSED);
    close_sync_stage(s);
}

static void poll_waits_for_an_item(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_pipe end_of[2];
    IS(rp_pipe_new(self, false, end_of), 0);
    IS(rp_pipe_poll(self, end_of[0], 0), RP_ETIMEDOUT);
    IS(rp_pipe_poll(self, end_of[0], 0.001), RP_ETIMEDOUT);
    struct aside poller = {.run = poll_aside, .id = end_of[0].id, .timeout_s = -1};
    begin_to_wait(&poller, s, 1);
    IS(rp_pipe_send(self, end_of[1], "x", 1, -1), 0);
    IS(end(&poller), 0);
    IS(rp_pipe_poll(self, end_of[0], 0), 0);
    close_sync_stage(s);
}

static int send_aside(struct aside *a) {
    uint8_t *bytes = calloc(1, 700000);
    int code = rp_pipe_send(a->self, (rp_pipe){a->id}, bytes, 700000, a->timeout_s);
    free(bytes);
    return code;
}

static void send_waits_while_much_is_unread(void) {
    struct sync_stage *s = open_sync_stage();
    rp_pipe end_of[2];
    void *item;
    size_t size;
    IS(rp_pipe_new(self_of(s, 0), false, end_of), 0);
    struct aside sender = {.run = send_aside, .id = end_of[1].id, .timeout_s = -1, .self = self_of(s, 1)};
    IS(send_aside(&sender), 0);
    begin_to_wait(&sender, s, 1);
    struct aside other = {.id = end_of[1].id, .self = self_of(s, 2)};
    IS(send_aside(&other), RP_EFULL);
    other.timeout_s = 0.001;
    IS(send_aside(&other), 0); /* sent, only not read */
    for (int i = 0; i < 3; i++) {
        IS(rp_pipe_recv_alloc(self_of(s, 0), end_of[0], 0, &item, &size), 0);
        IS(size, 700000);
        free(item);
    }
    IS(rp_pipe_recv_alloc(self_of(s, 0), end_of[0], 0, &item, &size), RP_EEMPTY);
    IS(end(&sender), 0);
    close_sync_stage(s);
}

/* ---- Bad use ------------------------------------------------------------------------------------------- */

static void queues_give(rp_self *self, uint64_t id, int code) {
    const rp_queue queue = {id};
    size_t size;
    bool flag;
    void *item;
    const int codes[] = {rp_queue_put(self, queue, "x", 1, 0),
                         rp_queue_get(self, queue, 0, NULL, 0, NULL),
                         rp_queue_get_alloc(self, queue, 0, &item, NULL),
                         rp_queue_size(self, queue, &size),
                         rp_queue_empty(self, queue, &flag),
                         rp_queue_full(self, queue, &flag),
                         rp_queue_task_done(self, queue),
                         rp_queue_join(self, queue, 0),
                         rp_queue_close(self, queue),
                         rp_queue_free(self, queue)};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) IS(codes[i], code);
}

static void pipes_give(rp_self *self, uint64_t id, int code) {
    const rp_pipe end_of = {id};
    void *item;
    const int codes[] = {rp_pipe_send(self, end_of, "x", 1, 0),
                         rp_pipe_recv(self, end_of, 0, NULL, 0, NULL),
                         rp_pipe_recv_alloc(self, end_of, 0, &item, NULL),
                         rp_pipe_poll(self, end_of, 0),
                         rp_pipe_close(self, end_of),
                         rp_pipe_free(self, end_of)};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) IS(codes[i], code);
}

static void bad_handles_and_callers_are_refused(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_queue queue;
    rp_pipe end_of[2];
    rp_lock lock;
    IS(rp_queue_new(self, 0, &queue), 0);
    IS(rp_pipe_new(self, true, end_of), 0);
    IS(rp_lock_new(self, &lock), 0);
    for (int i = 0; i < 3; i++) {
        queues_give(self, (const uint64_t[]){end_of[1].id, lock.id, 0}[i], RP_EINVAL);
        pipes_give(self, (const uint64_t[]){queue.id, lock.id, 0}[i], RP_EINVAL);
    }
    queues_give(NULL, queue.id, RP_EINVAL);
    pipes_give(NULL, end_of[0].id, RP_EINVAL);
    IS(rp_queue_new(NULL, 0, &queue), RP_EINVAL);
    IS(rp_pipe_new(NULL, true, end_of), RP_EINVAL);
    IS(rp_queue_free(self, queue), 0);
    IS(rp_pipe_free(self, end_of[1]), 0);
    queues_give(self, queue.id, RP_ECLOSED);
    for (int i = 0; i < 2; i++) pipes_give(self, end_of[i].id, RP_ECLOSED);
    close_sync_stage(s);
}

static void bad_arguments_do_nothing(void) {
    struct sync_stage *s = open_sync_stage();
    rp_self *self = self_of(s, 0);
    rp_queue queue;
    rp_pipe end_of[2];
    uint64_t at;
    void *item;
    IS(rp_queue_new(self, 0, &queue), 0);
    IS(rp_pipe_new(self, true, end_of), 0);
    const int codes[] = {rp_queue_new(self, 0, NULL),
                         rp_queue_put(self, queue, NULL, 1, -1),
                         rp_queue_put(self, queue, "x", 1, NAN),
                         rp_queue_get(self, queue, NAN, &at, sizeof at, NULL),
                         rp_queue_get(self, queue, 0, NULL, 1, NULL),
                         rp_queue_get_alloc(self, queue, 0, NULL, NULL),
                         rp_queue_get_alloc(self, queue, NAN, &item, NULL),
                         rp_queue_size(self, queue, NULL),
                         rp_queue_empty(self, queue, NULL),
                         rp_queue_full(self, queue, NULL),
                         rp_queue_join(self, queue, NAN),
                         rp_pipe_new(self, true, NULL),
                         rp_pipe_send(self, end_of[0], NULL, 1, -1),
                         rp_pipe_send(self, end_of[0], "x", 1, NAN),
                         rp_pipe_recv(self, end_of[1], NAN, &at, sizeof at, NULL),
                         rp_pipe_recv(self, end_of[1], 0, NULL, 1, NULL),
                         rp_pipe_recv_alloc(self, end_of[1], 0, NULL, NULL),
                         rp_pipe_poll(self, end_of[1], NAN)};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) IS(codes[i], RP_EINVAL);
    IS(rp_queue_get(self, queue, 0, &at, sizeof at, NULL), RP_EEMPTY);
    IS(rp_pipe_recv(self, end_of[1], 0, &at, sizeof at, NULL), RP_EEMPTY);
    close_sync_stage(s);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(queue_gives_items_in_order),
        UNIT(get_waits_for_a_put),
        UNIT(full_queue_makes_puts_wait),
        UNIT(items_have_any_size),
        UNIT(item_that_does_not_fit_is_cut_and_told),
        UNIT(join_waits_until_all_is_done),
        UNIT(closed_queue_is_drained_and_takes_no_more),
        UNIT(free_and_close_send_away_who_waits),
        UNIT(what_waited_in_a_queue_and_died_gets_no_item),
        UNIT(pipe_carries_items_from_end_to_end),
        UNIT(one_way_pipe_goes_one_way),
        UNIT(closed_end_is_the_end_of_the_file),
        UNIT(poll_waits_for_an_item),
        UNIT(send_waits_while_much_is_unread),
        UNIT(bad_handles_and_callers_are_refused),
        UNIT(bad_arguments_do_nothing),
        {NULL, NULL},
    };
    return unit_run("sync: queues and pipes", tests);
}
