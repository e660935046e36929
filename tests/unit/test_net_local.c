/* The in-process transport: what the simulations of the master rely on. */
#include "net/net_local.h"
#include "unit.h"

#include <string.h>

static struct rp__net_local *hub_of(int size, uint64_t low, uint64_t high, enum rp__net_local_loss loss,
                                    uint64_t seed) {
    struct rp__net_local_script script = {
        .seed = seed, .delay_min_ns = low, .delay_max_ns = high, .loss = loss, .ranks_per_host = 2};
    return rp__net_local_new(size, &script);
}

static void send_number(struct rp__net_local *hub, int from, int to, uint32_t value) {
    struct rp__buffer buffer = {0};
    rp_error error;
    CU_ASSERT_EQUAL(rp__buffer_append(&buffer, &value, sizeof value), 0);
    struct rp__net *net = rp__net_local_end(hub, from);
    CU_ASSERT_EQUAL(net->ops->send(net, to, &buffer, &error), 0);
    CU_ASSERT(buffer.data == NULL && buffer.size == 0);
}

/* The next number for `rank`, or -1. */
static int64_t hear_number(struct rp__net_local *hub, int rank, int *source) {
    struct rp__net *net = rp__net_local_end(hub, rank);
    struct rp__net_message message;
    bool got = false;
    rp_error error;
    CU_ASSERT_EQUAL(net->ops->poll(net, &message, &got, &error), 0);
    if (!got) return -1;
    uint32_t value = 0;
    CU_ASSERT_EQUAL(message.size, sizeof value);
    memcpy(&value, message.data, sizeof value);
    if (source) *source = message.source;
    return value;
}

static size_t pending(struct rp__net_local *hub, int rank) {
    const struct rp__net *net = rp__net_local_end(hub, rank);
    return net->ops->pending(net);
}

static size_t unsent(struct rp__net_local *hub, int rank, int to) {
    const struct rp__net *net = rp__net_local_end(hub, rank);
    return net->ops->unsent(net, to);
}

static void bytes_are_unsent_until_they_arrive_and_to_oneself_until_they_are_read(void) {
    struct rp__net_local *hub = hub_of(3, 100, 100, RP__NET_LOSS_DELIVER, 1);
    send_number(hub, 1, 0, 7);
    send_number(hub, 1, 0, 8);
    send_number(hub, 1, 2, 9);
    send_number(hub, 0, 0, 10);
    CU_ASSERT(unsent(hub, 1, 0) == 8 && unsent(hub, 1, 2) == 4 && unsent(hub, 0, 0) == 4);
    CU_ASSERT_EQUAL(hear_number(hub, 0, NULL), 10);
    CU_ASSERT_EQUAL(unsent(hub, 0, 0), 0);
    CU_ASSERT_EQUAL(rp__net_local_advance(hub, 100), 0);
    CU_ASSERT(unsent(hub, 1, 0) == 0 && unsent(hub, 1, 2) == 0);
    rp__net_local_free(hub);
}

static void a_message_arrives_in_its_time(void) {
    struct rp__net_local *hub = hub_of(2, 100, 100, RP__NET_LOSS_DELIVER, 1);
    CU_ASSERT_EQUAL(rp__net_local_next(hub), UINT64_MAX);
    send_number(hub, 0, 1, 7);
    CU_ASSERT_EQUAL(rp__net_local_next(hub), 100);
    CU_ASSERT_EQUAL(pending(hub, 0), 1);
    CU_ASSERT_EQUAL(rp__net_local_advance(hub, 99), 0);
    CU_ASSERT_EQUAL(hear_number(hub, 1, NULL), -1);
    CU_ASSERT_EQUAL(rp__net_local_advance(hub, 100), 0);
    CU_ASSERT_EQUAL(pending(hub, 0), 0);
    int source = -1;
    CU_ASSERT_EQUAL(hear_number(hub, 1, &source), 7);
    CU_ASSERT_EQUAL(source, 0);
    CU_ASSERT_EQUAL(hear_number(hub, 1, NULL), -1);
    CU_ASSERT_EQUAL(hear_number(hub, 0, NULL), -1);
    rp__net_local_free(hub);
}

static void a_message_to_itself_is_there_at_once(void) {
    struct rp__net_local *hub = hub_of(2, 100, 200, RP__NET_LOSS_DELIVER, 1);
    send_number(hub, 1, 1, 5);
    send_number(hub, 1, 1, 6);
    CU_ASSERT_EQUAL(hear_number(hub, 1, NULL), 5);
    CU_ASSERT_EQUAL(hear_number(hub, 1, NULL), 6);
    rp__net_local_free(hub);
}

static void without_delay_a_message_is_there_at_once(void) {
    struct rp__net_local *hub = hub_of(2, 0, 0, RP__NET_LOSS_DELIVER, 1);
    send_number(hub, 0, 1, 5);
    CU_ASSERT_EQUAL(hear_number(hub, 1, NULL), 5);
    rp__net_local_free(hub);
}

enum { SENDERS = 3, MESSAGES = 200 };

/* Ranks 1.. send to rank 0, which notes the senders in the order heard. Checks each pair's order. */
static void run(uint64_t seed, int heard[SENDERS * MESSAGES]) {
    struct rp__net_local *hub = hub_of(SENDERS + 1, 10, 1000, RP__NET_LOSS_DELIVER, seed);
    for (uint32_t i = 0; i < MESSAGES; i++)
        for (int sender = 1; sender <= SENDERS; sender++) send_number(hub, sender, 0, i);
    int64_t next[SENDERS + 1] = {0};
    int count = 0;
    for (uint64_t now; (now = rp__net_local_next(hub)) != UINT64_MAX;) {
        CU_ASSERT_EQUAL(rp__net_local_advance(hub, now), 0);
        int source = 0;
        for (int64_t value; (value = hear_number(hub, 0, &source)) >= 0 && count < SENDERS * MESSAGES;) {
            CU_ASSERT_EQUAL(value, next[source]++);
            heard[count++] = source;
        }
    }
    CU_ASSERT_EQUAL(count, SENDERS * MESSAGES);
    rp__net_local_free(hub);
}

static void each_pair_keeps_its_order(void) {
    for (uint64_t seed = 0; seed < 50; seed++) run(seed, (int[SENDERS * MESSAGES]){0});
}

static void senders_overtake_each_other(void) {
    int heard[SENDERS * MESSAGES];
    run(1, heard);
    int out_of_turn = 0;
    for (int i = 0; i < SENDERS * MESSAGES; i++) out_of_turn += heard[i] != 1 + i % SENDERS;
    CU_ASSERT(out_of_turn > 0);
}

static void the_same_seed_gives_the_same_run(void) {
    int a[SENDERS * MESSAGES], b[SENDERS * MESSAGES], c[SENDERS * MESSAGES];
    run(1, a);
    run(1, b);
    run(2, c);
    CU_ASSERT_EQUAL(memcmp(a, b, sizeof a), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(a, c, sizeof a), 0);
}

static void delays_keep_to_their_bounds(void) {
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct rp__net_local *hub = hub_of(2, 10, 13, RP__NET_LOSS_DELIVER, seed);
        CU_ASSERT_EQUAL(rp__net_local_advance(hub, 1000), 0);
        send_number(hub, 0, 1, 1);
        uint64_t arrival = rp__net_local_next(hub);
        CU_ASSERT(arrival >= 1010 && arrival <= 1013);
        rp__net_local_free(hub);
    }
}

/* Rank 1 is lost with ten messages to each other rank under way; how many of them rank 0 hears, in order. */
static int heard_of_the_lost(enum rp__net_local_loss loss, uint64_t seed) {
    struct rp__net_local *hub = hub_of(3, 10, 1000, loss, seed);
    for (uint32_t i = 0; i < 10; i++) {
        send_number(hub, 1, 0, i);
        send_number(hub, 2, 0, 100 + i);
        send_number(hub, 1, 2, i);
        send_number(hub, 0, 1, i);
    }
    rp__net_local_lose(hub, 1);
    CU_ASSERT_EQUAL(rp__net_local_advance(hub, 5000), 0);
    int heard = 0, others = 0, source = 0;
    for (int64_t value; (value = hear_number(hub, 0, &source)) >= 0;) {
        if (source == 1) CU_ASSERT_EQUAL(value, heard++);
        if (source == 2) CU_ASSERT_EQUAL(value, 100 + others++);
    }
    CU_ASSERT_EQUAL(others, 10);
    CU_ASSERT_EQUAL(hear_number(hub, 1, NULL), -1);
    CU_ASSERT_EQUAL(rp__net_local_next(hub), UINT64_MAX);
    CU_ASSERT_EQUAL(pending(hub, 1), 0);
    rp__net_local_free(hub);
    return heard;
}

static void what_a_lost_rank_sent_arrives_or_not_by_script(void) {
    int all = 0, none = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        CU_ASSERT_EQUAL(heard_of_the_lost(RP__NET_LOSS_DELIVER, seed), 10);
        CU_ASSERT_EQUAL(heard_of_the_lost(RP__NET_LOSS_DROP, seed), 0);
        int heard = heard_of_the_lost(RP__NET_LOSS_RANDOM, seed);
        all += heard == 10;
        none += heard == 0;
    }
    CU_ASSERT(all + none < 50); /* random also means some of them */
}

static void what_is_sent_to_or_by_a_lost_rank_vanishes(void) {
    struct rp__net_local *hub = hub_of(2, 0, 0, RP__NET_LOSS_DELIVER, 1);
    rp__net_local_lose(hub, 1);
    send_number(hub, 0, 1, 1);
    send_number(hub, 1, 0, 1);
    CU_ASSERT_EQUAL(hear_number(hub, 0, NULL), -1);
    CU_ASSERT_EQUAL(hear_number(hub, 1, NULL), -1);
    CU_ASSERT_EQUAL(pending(hub, 0), 0);
    rp__net_local_free(hub);
}

static void what_was_sent_before_a_close_still_arrives(void) {
    struct rp__net_local *hub = hub_of(2, 10, 10, RP__NET_LOSS_DROP, 1);
    send_number(hub, 1, 0, 3);
    struct rp__net *net = rp__net_local_end(hub, 1);
    net->ops->close(net);
    CU_ASSERT_EQUAL(rp__net_local_advance(hub, 10), 0);
    CU_ASSERT_EQUAL(hear_number(hub, 0, NULL), 3);
    rp__net_local_free(hub);
}

static void an_abort_stops_everything(void) {
    struct rp__net_local *hub = hub_of(2, 10, 10, RP__NET_LOSS_DELIVER, 1);
    int exit_code = -1;
    send_number(hub, 0, 1, 1);
    CU_ASSERT_FALSE(rp__net_local_aborted(hub, &exit_code));
    struct rp__net *net = rp__net_local_end(hub, 1);
    net->ops->abort(net, 3);
    CU_ASSERT_TRUE(rp__net_local_aborted(hub, &exit_code));
    CU_ASSERT_EQUAL(exit_code, 3);
    CU_ASSERT_EQUAL(rp__net_local_next(hub), UINT64_MAX);
    CU_ASSERT_EQUAL(rp__net_local_advance(hub, 100), 0);
    CU_ASSERT_EQUAL(hear_number(hub, 1, NULL), -1);
    rp__net_local_free(hub);
}

static void a_wrong_rank_or_size_is_refused(void) {
    struct rp__net_local *hub = hub_of(2, 0, 0, RP__NET_LOSS_DELIVER, 1);
    struct rp__net *net = rp__net_local_end(hub, 0);
    rp_error error;
    struct rp__buffer buffer = {0};
    CU_ASSERT_EQUAL(net->ops->send(net, 2, &buffer, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(rp__buffer_reserve(&buffer, RP__MESSAGE_MAX + 1));
    buffer.size = RP__MESSAGE_MAX + 1;
    CU_ASSERT_EQUAL(net->ops->send(net, 1, &buffer, &error), RP_EINVAL);
    CU_ASSERT_PTR_NULL(buffer.data);
    rp__net_local_free(hub);
}

static void hosts_are_numbered_by_their_lowest_rank(void) {
    struct rp__net_local *hub = hub_of(5, 0, 0, RP__NET_LOSS_DELIVER, 1);
    const struct rp__net *third = rp__net_local_end(hub, 3), *last = rp__net_local_end(hub, 4);
    CU_ASSERT(third->rank == 3 && third->size == 5 && third->hosts == 3);
    CU_ASSERT(third->host == 1 && third->local_rank == 1 && third->local_size == 2);
    CU_ASSERT(last->host == 2 && last->local_rank == 0 && last->local_size == 1);
    rp__net_local_free(hub);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(a_message_arrives_in_its_time),
        UNIT(bytes_are_unsent_until_they_arrive_and_to_oneself_until_they_are_read),
        UNIT(a_message_to_itself_is_there_at_once),
        UNIT(without_delay_a_message_is_there_at_once),
        UNIT(each_pair_keeps_its_order),
        UNIT(senders_overtake_each_other),
        UNIT(the_same_seed_gives_the_same_run),
        UNIT(delays_keep_to_their_bounds),
        UNIT(what_a_lost_rank_sent_arrives_or_not_by_script),
        UNIT(what_is_sent_to_or_by_a_lost_rank_vanishes),
        UNIT(what_was_sent_before_a_close_still_arrives),
        UNIT(an_abort_stops_everything),
        UNIT(a_wrong_rank_or_size_is_refused),
        UNIT(hosts_are_numbered_by_their_lowest_rank),
        {NULL, NULL}};
    return unit_run("net_local", tests);
}
