/* Queues and pipes at their home: order, waiting, closing, and items that are lent in batches. */
#include "home_stage.h"

#include <stdlib.h>

#define IS(is, should) CU_ASSERT_EQUAL(is, should)

static void queue_gives_items_in_order_to_getters_in_order(void) {
    struct stage s = open_stage();
    uint64_t q = make(&s, RP__QUEUE, 0, 0);
    IS(call(&s, 1, q, RP__OP_GET, 1, 0), WAITS);
    IS(call(&s, 2, q, RP__OP_GET, 1, 0), WAITS);
    IS(give(&s, 0, q, RP__OP_PUT, "a"), 0);
    CU_ASSERT_STRING_EQUAL(s.heard[1].text, "a");
    IS(s.heard[1].value, 1);
    IS(s.heard[2].code, WAITS);
    IS(give(&s, 0, q, RP__OP_PUT, "b"), 0);
    CU_ASSERT_STRING_EQUAL(s.heard[2].text, "b");
    IS(try_to(&s, 1, q, RP__OP_GET), RP_EEMPTY);
    IS(call(&s, 1, q, RP__OP_GET, 1, 0), WAITS);
    cancel(&s, 1, 0);
    IS(s.heard[1].code, RP_EEMPTY);
    IS(give(&s, 0, q, RP__OP_PUT, "c"), 0);
    IS(s.heard[1].code, RP_EEMPTY); /* who was answered gets nothing more */
    IS(call(&s, 3, q, RP__OP_SIZE, 0, 0), 0);
    IS(s.heard[3].value, 1);
    close_stage(&s);
}

static void full_queue_makes_putters_wait_in_order(void) {
    struct stage s = open_stage();
    uint64_t q = make(&s, RP__QUEUE, 1, 0);
    IS(give(&s, 0, q, RP__OP_PUT, "a"), 0);
    IS(give(&s, 1, q, RP__OP_PUT, "b"), WAITS);
    IS(give(&s, 2, q, RP__OP_PUT, "c"), WAITS);
    IS(give(&s, 3, q, RP__OP_PUT, "d"), WAITS);
    IS(try_to(&s, 4, q, RP__OP_PUT), RP_EFULL);
    cancel(&s, 2, 0);
    IS(s.heard[2].code, RP_EFULL);
    IS(call(&s, 4, q, RP__OP_GET, 9, 0), 0);
    CU_ASSERT_STRING_EQUAL(s.heard[4].text, "a"); /* one at a time, however many it would take */
    IS(s.heard[1].code, 0);
    IS(s.heard[3].code, WAITS);
    IS(call(&s, 4, q, RP__OP_GET, 9, 0), 0);
    CU_ASSERT_STRING_EQUAL(s.heard[4].text, "b");
    IS(s.heard[3].code, 0);
    IS(ask(&s, &(struct rp__request){.from = caller(5), .object = q, .op = RP__OP_PUT, .silent = true}), RP_EINVAL);
    close_stage(&s);
}

static void id_of_a_bounded_queue_says_so(void) {
    struct stage s = open_stage();
    uint64_t bounded = make(&s, RP__QUEUE, 3, 0), endless = make(&s, RP__QUEUE, 0, 0);
    IS(bounded & RP__QUEUE_BOUNDED, RP__QUEUE_BOUNDED);
    IS(endless & RP__QUEUE_BOUNDED, 0);
    IS(give(&s, 0, bounded, RP__OP_PUT, "a"), 0);
    IS(give(&s, 0, bounded & ~RP__QUEUE_BOUNDED, RP__OP_PUT, "a"), RP_ECLOSED);
    IS(give(&s, 0, endless | RP__QUEUE_BOUNDED, RP__OP_PUT, "a"), RP_ECLOSED);
    IS(rp__home_type_of(bounded), RP__QUEUE);
    IS(rp__home_rank_of(bounded), 5);
    close_stage(&s);
}

static void queue_tells_its_room(void) {
    struct stage s = open_stage();
    uint64_t bounded = make(&s, RP__QUEUE, 2, 0), endless = make(&s, RP__QUEUE, 0, 0);
    for (uint64_t room = 2; room; room--) {
        IS(call(&s, 1, bounded, RP__OP_SIZE, 1, 0), 0);
        IS(s.heard[1].value, room);
        IS(give(&s, 0, bounded, RP__OP_PUT, "a"), 0);
    }
    IS(call(&s, 1, bounded, RP__OP_SIZE, 1, 0), 0);
    IS(s.heard[1].value, 0);
    IS(call(&s, 1, endless, RP__OP_SIZE, 1, 0), 0);
    IS(s.heard[1].value, UINT64_MAX);
    IS(call(&s, 1, endless, RP__OP_SIZE, 2, 0), RP_EINVAL);
    close_stage(&s);
}

static void closed_queue_is_drained_first(void) {
    struct stage s = open_stage();
    uint64_t q = make(&s, RP__QUEUE, 1, 0);
    IS(give(&s, 0, q, RP__OP_PUT, "a"), 0);
    IS(give(&s, 1, q, RP__OP_PUT, "b"), WAITS);
    IS(call(&s, 2, q, RP__OP_CLOSE, 0, 0), 0);
    IS(s.heard[1].code, RP_ECLOSED);
    IS(give(&s, 0, q, RP__OP_PUT, "c"), RP_ECLOSED);
    IS(call(&s, 3, q, RP__OP_GET, 1, 0), 0);
    CU_ASSERT_STRING_EQUAL(s.heard[3].text, "a");
    IS(call(&s, 3, q, RP__OP_GET, 1, 0), RP_ECLOSED);
    q = make(&s, RP__QUEUE, 0, 0);
    IS(call(&s, 1, q, RP__OP_GET, 1, 0), WAITS);
    IS(call(&s, 2, q, RP__OP_CLOSE, 0, 0), 0);
    IS(s.heard[1].code, RP_ECLOSED);
    close_stage(&s);
}

static void join_waits_until_every_item_is_done(void) {
    struct stage s = open_stage();
    uint64_t q = make(&s, RP__QUEUE, 0, 0);
    IS(call(&s, 1, q, RP__OP_JOIN, 0, 0), 0);
    give(&s, 0, q, RP__OP_PUT, "a");
    give(&s, 0, q, RP__OP_PUT, "b");
    IS(call(&s, 1, q, RP__OP_JOIN, 0, 0), WAITS);
    IS(try_to(&s, 2, q, RP__OP_JOIN), RP_ETIMEDOUT);
    IS(call(&s, 0, q, RP__OP_TASK_DONE, 0, 0), 0);
    IS(s.heard[1].code, WAITS);
    IS(call(&s, 0, q, RP__OP_TASK_DONE, 0, 0), 0);
    IS(s.heard[1].code, 0);
    IS(call(&s, 0, q, RP__OP_TASK_DONE, 0, 0), RP_ERANGE);
    close_stage(&s);
}

/* Caller 1 takes from a queue or pipe of `abcdefghi`: a, then bc, then defg of which efg are lent. */
static void lend(struct stage *s, uint64_t from, uint64_t to, bool queue) {
    for (const char *item = "a\0b\0c\0d\0e\0f\0g\0h\0i\0"; *item; item += 2)
        IS(give(s, 0, to, queue ? RP__OP_PUT : RP__OP_SEND, item), 0);
    const char *const batch[] = {"a", "bc", "defg"};
    for (int i = 0; i < 3; i++) {
        IS(call(s, 1, from, queue ? RP__OP_GET : RP__OP_RECV, 100, 0), 0);
        CU_ASSERT_STRING_EQUAL(s->heard[1].text, batch[i]);
        IS(s->heard[1].grant != 0, i > 0);
    }
}

static void batches_grow_while_one_getter_comes_back(void) {
    struct stage s = open_stage();
    uint64_t q = make(&s, RP__QUEUE, 0, 0);
    lend(&s, q, q, true);
    IS(s.heard[1].recalls, 0);
    IS(call(&s, 1, q, RP__OP_GET, 100, 0), 0);
    CU_ASSERT_STRING_EQUAL(s.heard[1].text, "hi");
    for (int i = 0; i < 2000; i++) give(&s, 0, q, RP__OP_PUT, "x");
    uint64_t most = 0;
    for (uint64_t had = 0; had < 2000; had += s.heard[1].value) {
        IS(call(&s, 1, q, RP__OP_GET, 1000, 0), 0);
        if (s.heard[1].value > most) most = s.heard[1].value;
    }
    IS(most, 256);
    IS(s.heard[1].recalls, 0);
    close_stage(&s);
}

static void batch_holds_at_most_64_KiB(void) {
    struct stage s = open_stage();
    uint64_t q = make(&s, RP__QUEUE, 0, 0);
    const size_t sizes[] = {1, 30000, 30000, 30000, 200000, 200000};
    uint8_t *data = calloc(1, 200000);
    for (int i = 0; i < 6; i++)
        ask(&s, &(struct rp__request){.object = q, .op = RP__OP_PUT, .data = data, .size = sizes[i]});
    const uint64_t batch[] = {1, 2, 1, 1, 1};
    for (int i = 0; i < 5; i++) {
        IS(call(&s, 1, q, RP__OP_GET, 100, 0), 0);
        IS(s.heard[1].value, batch[i]);
    }
    CU_ASSERT(s.heard[1].size > 200000);
    free(data);
    close_stage(&s);
}

static void lent_items_come_back_in_order_for_another_getter(void) {
    struct stage s = open_stage();
    uint64_t q = make(&s, RP__QUEUE, 0, 0);
    lend(&s, q, q, true);
    IS(call(&s, 2, q, RP__OP_GET, 100, 0), WAITS); /* h and i are there, but e, f, g may come back before them */
    IS(s.heard[1].recalls, 1);
    IS(s.heard[1].recalled_object, q);
    IS(s.heard[1].recalled_grant, s.heard[1].grant);
    returned(&s, 1, 2);
    CU_ASSERT_STRING_EQUAL(s.heard[2].text, "f");
    IS(call(&s, 1, q, RP__OP_GET, 100, 0), 0);
    CU_ASSERT_STRING_EQUAL(s.heard[1].text, "g");
    returned(&s, 1, 1); /* a second time: that grant is over */
    IS(call(&s, 2, q, RP__OP_SIZE, 0, 0), 0);
    IS(s.heard[2].value, 2);
    close_stage(&s);
}

static void size_and_a_try_ask_for_what_is_lent(void) {
    struct stage s = open_stage();
    uint64_t q = make(&s, RP__QUEUE, 0, 0);
    lend(&s, q, q, true);
    IS(call(&s, 2, q, RP__OP_SIZE, 0, 0), WAITS);
    IS(try_to(&s, 3, q, RP__OP_GET), WAITS);
    IS(s.heard[1].recalls, 1);
    returned(&s, 1, 4);
    CU_ASSERT_STRING_EQUAL(s.heard[3].text, "h");
    IS(s.heard[2].value, 1);
    IS(call(&s, 3, q, RP__OP_GET, 1, 0), 0);
    IS(try_to(&s, 3, q, RP__OP_GET), RP_EEMPTY);
    close_stage(&s);
}

static void the_next_get_and_a_death_say_that_all_was_taken(void) {
    for (int dies = 0; dies < 2; dies++) {
        struct stage s = open_stage();
        uint64_t q = make(&s, RP__QUEUE, 0, 0);
        lend(&s, q, q, true);
        IS(call(&s, 2, q, RP__OP_GET, 1, 0), WAITS);
        if (dies)
            gone(&s, 1);
        else
            IS(call(&s, 1, q, RP__OP_GET, 1, 0), 0);
        CU_ASSERT_STRING_EQUAL(s.heard[2].text, "h");
        if (!dies) CU_ASSERT_STRING_EQUAL(s.heard[1].text, "i");
        close_stage(&s);
    }
}

static void recall_that_is_needless_by_now_does_not_come(void) {
    struct stage s = open_stage();
    uint64_t q = make(&s, RP__QUEUE, 0, 0);
    lend(&s, q, q, true);
    const struct rp__request get = {.from = caller(2), .object = q, .op = RP__OP_GET, .a = 1};
    IS(rp__home_request(s.home, &get), 0); /* nobody fetches the recall */
    IS(call(&s, 1, q, RP__OP_GET, 1, 0), 0);
    IS(s.heard[1].recalls, 0);
    CU_ASSERT_STRING_EQUAL(s.heard[2].text, "h");
    close_stage(&s);
}

static void answer_to_an_old_recall_takes_nothing_back(void) {
    struct stage s = open_stage();
    uint64_t q = make(&s, RP__QUEUE, 0, 0);
    lend(&s, q, q, true);
    IS(call(&s, 2, q, RP__OP_SIZE, 0, 0), WAITS);
    returned(&s, 1, 1);
    IS(call(&s, 1, q, RP__OP_GET, 9, 0), 0);
    IS(call(&s, 1, q, RP__OP_GET, 9, 0), 0);
    CU_ASSERT_STRING_EQUAL(s.heard[1].text, "fg");
    returned(&s, 1, 1);
    IS(call(&s, 1, q, RP__OP_GET, 9, 0), 0);
    CU_ASSERT_STRING_EQUAL(s.heard[1].text, "hi");
    close_stage(&s);
}

static void pipe_carries_both_ways_or_one(void) {
    struct stage s = open_stage();
    uint64_t one = make(&s, RP__PIPE, 0, 0), two = make(&s, RP__PIPE, 1, 0);
    IS(give(&s, 1, one | RP__PIPE_END, RP__OP_SEND, "a"), 0);
    IS(give(&s, 1, one, RP__OP_SEND, "a"), RP_EINVAL);
    IS(call(&s, 2, one | RP__PIPE_END, RP__OP_RECV, 1, 0), RP_EINVAL);
    IS(call(&s, 2, one, RP__OP_RECV, 1, 0), 0);
    CU_ASSERT_STRING_EQUAL(s.heard[2].text, "a");
    IS(try_to(&s, 2, one, RP__OP_RECV), RP_EEMPTY);
    IS(give(&s, 1, two, RP__OP_SEND, "x"), 0);
    IS(give(&s, 2, two | RP__PIPE_END, RP__OP_SEND, "y"), 0);
    IS(call(&s, 1, two, RP__OP_RECV, 1, 0), 0);
    CU_ASSERT_STRING_EQUAL(s.heard[1].text, "y");
    IS(call(&s, 2, two | RP__PIPE_END, RP__OP_RECV, 1, 0), 0);
    CU_ASSERT_STRING_EQUAL(s.heard[2].text, "x");
    close_stage(&s);
}

static void closing_an_end_ends_the_other_after_what_was_sent(void) {
    struct stage s = open_stage();
    uint64_t p = make(&s, RP__PIPE, 1, 0), other = p | RP__PIPE_END;
    IS(call(&s, 3, p, RP__OP_POLL, 0, 0), WAITS);
    give(&s, 1, other, RP__OP_SEND, "a");
    IS(s.heard[3].code, 0);
    IS(call(&s, 1, other, RP__OP_CLOSE, 0, 0), 0);
    IS(call(&s, 1, other, RP__OP_POLL, 0, 0), RP_ECLOSED);
    IS(give(&s, 2, p, RP__OP_SEND, "b"), RP_ECLOSED);
    IS(call(&s, 2, p, RP__OP_RECV, 1, 0), 0);
    IS(call(&s, 2, p, RP__OP_POLL, 0, 0), 0);
    IS(call(&s, 2, p, RP__OP_RECV, 1, 0), RP_ECLOSED);
    IS(call(&s, 2, p, RP__OP_CLOSE, 0, 0), 0);
    IS(call(&s, 2, p, RP__OP_CLOSE, 0, 0), RP_ECLOSED);
    p = make(&s, RP__PIPE, 0, 0);
    IS(call(&s, 2, p, RP__OP_RECV, 1, 0), WAITS);
    IS(call(&s, 1, p | RP__PIPE_END, RP__OP_CLOSE, 0, 0), 0);
    IS(s.heard[2].code, RP_ECLOSED);
    close_stage(&s);
}

static void poll_waits_for_an_item_and_asks_for_what_is_lent(void) {
    struct stage s = open_stage();
    uint64_t p = make(&s, RP__PIPE, 0, 0);
    IS(try_to(&s, 1, p, RP__OP_POLL), RP_ETIMEDOUT);
    lend(&s, p, p | RP__PIPE_END, false);
    IS(call(&s, 2, p, RP__OP_POLL, 0, 0), WAITS);
    IS(s.heard[1].recalled_object, p);
    returned(&s, 1, 1);
    IS(s.heard[2].code, 0);
    IS(s.heard[2].value, 1);
    close_stage(&s);
}

static void sender_waits_while_more_than_1_MiB_is_unread(void) {
    struct stage s = open_stage();
    uint64_t p = make(&s, RP__PIPE, 0, 0);
    uint8_t *data = calloc(1, 1 << 20);
    struct rp__request send = {.object = p | RP__PIPE_END, .op = RP__OP_SEND, .data = data, .size = 700000};
    IS(ask(&s, &send), 0);
    IS(ask(&s, &send), WAITS);
    send.from = caller(1);
    send.try_only = true;
    IS(ask(&s, &send), RP_EFULL);
    send.silent = true;
    send.try_only = false;
    IS(ask(&s, &send), 0);
    IS(call(&s, 2, p, RP__OP_RECV, 1, 0), 0);
    IS(s.heard[0].code, WAITS);
    IS(call(&s, 2, p, RP__OP_RECV, 1, 0), 0);
    IS(s.heard[0].code, 0);
    IS(call(&s, 2, p, RP__OP_RECV, 1, 0), 0);
    IS(try_to(&s, 2, p, RP__OP_RECV), RP_EEMPTY);
    free(data);
    close_stage(&s);
}

static int put_silently(struct stage *s, uint32_t who, uint64_t object) {
    return ask(s, &(struct rp__request){.from = caller(who), .object = object, .op = RP__OP_PUT, .silent = true});
}

static void what_failed_silently_is_told_once(void) {
    struct stage s = open_stage();
    uint64_t q = make(&s, RP__QUEUE, 0, 0), other = make(&s, RP__QUEUE, 0, 0);
    IS(put_silently(&s, 1, q), 0);
    IS(call(&s, 1, q, RP__OP_FLUSH, 0, 0), 0);
    IS(call(&s, 0, q, RP__OP_CLOSE, 0, 0), 0);
    for (int i = 0; i < 2; i++) IS(put_silently(&s, 1, q), RP_ECLOSED);
    IS(call(&s, 2, q, RP__OP_FLUSH, 0, 0), 0); /* another caller's are none of its business */
    IS(call(&s, 1, other, RP__OP_FLUSH, 0, 0), RP_ECLOSED);
    IS(call(&s, 1, q, RP__OP_FLUSH, 0, 0), 0);

    q = make(&s, RP__QUEUE, 0, 0);
    IS(put_silently(&s, 1, q + 1000), RP_ECLOSED); /* that never was */
    IS(give(&s, 1, q, RP__OP_PUT, "a"), 0);
    IS(give(&s, 1, q + 1000, RP__OP_PUT, "b"), RP_ECLOSED);
    IS(call(&s, 1, q, RP__OP_FLUSH, 0, 0), 0);
    IS(call(&s, 1, q, RP__OP_SIZE, 0, 0), 0);
    IS(s.heard[1].value, 1);
    close_stage(&s);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(queue_gives_items_in_order_to_getters_in_order),
        UNIT(full_queue_makes_putters_wait_in_order),
        UNIT(id_of_a_bounded_queue_says_so),
        UNIT(queue_tells_its_room),
        UNIT(closed_queue_is_drained_first),
        UNIT(join_waits_until_every_item_is_done),
        UNIT(batches_grow_while_one_getter_comes_back),
        UNIT(batch_holds_at_most_64_KiB),
        UNIT(lent_items_come_back_in_order_for_another_getter),
        UNIT(size_and_a_try_ask_for_what_is_lent),
        UNIT(the_next_get_and_a_death_say_that_all_was_taken),
        UNIT(recall_that_is_needless_by_now_does_not_come),
        UNIT(answer_to_an_old_recall_takes_nothing_back),
        UNIT(pipe_carries_both_ways_or_one),
        UNIT(closing_an_end_ends_the_other_after_what_was_sent),
        UNIT(poll_waits_for_an_item_and_asks_for_what_is_lent),
        UNIT(sender_waits_while_more_than_1_MiB_is_unread),
        UNIT(what_failed_silently_is_told_once),
        {NULL, NULL},
    };
    return unit_run("home: queues and pipes", tests);
}
