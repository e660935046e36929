/* Signs of life: who is given up, when, and who is not. */
#include "core/lease.h"
#include "core/wire.h"
#include "net/net_local.h"
#include "unit.h"

#define SECOND UINT64_C(1000000000)

enum { RANKS = 4, LEASE_S = 30 };

/* What a round of calls said: how many beats were due, and who was lost (the last of them; -1: nobody). */
static uint32_t beats(struct rp__lease *lease, int *lost) {
    uint32_t rank, count = 0;
    *lost = -1;
    for (enum rp__lease_call call; (call = rp__lease_next(lease, &rank));) {
        if (call == RP__LEASE_BEAT)
            count++;
        else
            *lost = (int)rank;
    }
    return count;
}

/* Rank 0's, of ranks 1 to 3, at time 0. */
static struct rp__lease lease_of(uint64_t lease_ns) {
    struct rp__lease lease;
    CU_ASSERT_EQUAL_FATAL(rp__lease_begin(&lease, 1, RANKS - 1, lease_ns, 0), 0);
    return lease;
}

static void hear_all(struct rp__lease *lease) {
    for (uint32_t rank = 1; rank < RANKS; rank++) rp__lease_heard(lease, rank);
}

static void a_peer_gets_a_beat_a_second(void) {
    struct rp__lease lease = lease_of(LEASE_S * SECOND);
    uint32_t sum = 0;
    int lost;
    for (uint64_t ms = 0; ms <= 20 * 1000; ms += 10) {
        rp__lease_look(&lease, ms * (SECOND / 1000));
        const uint32_t now = beats(&lease, &lost);
        CU_ASSERT(now == 0 || now == RANKS - 1);
        CU_ASSERT_EQUAL(lost, -1);
        sum += now;
    }
    CU_ASSERT_EQUAL(sum, 20 * (RANKS - 1));
    rp__lease_end(&lease);
}

static void who_was_sent_something_just_now_gets_no_beat(void) {
    struct rp__lease lease = lease_of(LEASE_S * SECOND);
    int lost;
    rp__lease_look(&lease, SECOND * 8 / 10);
    rp__lease_sent(&lease, 2);
    rp__lease_look(&lease, SECOND);
    CU_ASSERT_EQUAL(beats(&lease, &lost), RANKS - 2);
    rp__lease_look(&lease, 2 * SECOND);
    CU_ASSERT_EQUAL(beats(&lease, &lost), RANKS - 1);
    rp__lease_end(&lease);
}

static void who_is_silent_for_the_lease_is_lost_once(void) {
    struct rp__lease lease = lease_of(LEASE_S * SECOND);
    int lost, losses = 0;
    for (uint64_t s = 1; s <= 2 * LEASE_S; s++) {
        rp__lease_look(&lease, s * SECOND);
        rp__lease_heard(&lease, 1);
        rp__lease_heard(&lease, 3);
        const uint32_t now = beats(&lease, &lost);
        if (s < LEASE_S) CU_ASSERT_EQUAL(lost, -1);
        if (s == LEASE_S) CU_ASSERT_EQUAL(lost, 2);
        if (s > LEASE_S) CU_ASSERT_EQUAL(now, RANKS - 2); /* the dead need no beats */
        losses += lost >= 0;
    }
    CU_ASSERT_EQUAL(losses, 1);
    rp__lease_end(&lease);
}

static void one_sign_of_life_is_good_for_a_whole_lease(void) {
    struct rp__lease lease = lease_of(LEASE_S * SECOND);
    int lost;
    for (uint64_t s = 1; s < 2 * LEASE_S; s++) {
        rp__lease_look(&lease, s * SECOND);
        if (s == LEASE_S - 1) hear_all(&lease);
        beats(&lease, &lost);
        CU_ASSERT_EQUAL(lost, s == 2 * LEASE_S - 1 ? RANKS - 1 : -1);
    }
    rp__lease_end(&lease);
}

static void a_judge_that_was_stopped_accuses_nobody(void) {
    struct rp__lease lease = lease_of(LEASE_S * SECOND);
    int lost;
    rp__lease_look(&lease, SECOND);
    hear_all(&lease);
    for (uint64_t hour = 1; hour <= 10;
         hour++) { /* it looks once an hour, and its peers have been heard of meanwhile */
        rp__lease_look(&lease, hour * 3600 * SECOND);
        beats(&lease, &lost);
        CU_ASSERT_EQUAL(lost, -1);
    }
    /* Ten looks counted for two seconds each: the rest of the lease passes as the clock does. */
    for (uint64_t s = 1; s <= 10; s++) {
        CU_ASSERT_EQUAL(lost, -1);
        rp__lease_look(&lease, (36000 + s) * SECOND);
        beats(&lease, &lost);
    }
    CU_ASSERT_NOT_EQUAL(lost, -1);
    rp__lease_end(&lease);
}

static void a_clock_that_goes_back_takes_no_time_away(void) {
    struct rp__lease lease = lease_of(3 * SECOND);
    int lost;
    rp__lease_look(&lease, 10 * SECOND); /* 2 s of its own */
    rp__lease_look(&lease, 5 * SECOND);
    rp__lease_look(&lease, 10 * SECOND);
    beats(&lease, &lost);
    CU_ASSERT_EQUAL(lost, -1);
    CU_ASSERT_EQUAL(lease.own_ns, 2 * SECOND);
    rp__lease_look(&lease, 11 * SECOND);
    beats(&lease, &lost);
    CU_ASSERT_EQUAL(lost, RANKS - 1);
    rp__lease_end(&lease);
}

static void without_peers_there_is_nothing_to_do(void) {
    struct rp__lease lease = {0};
    uint32_t rank;
    rp__lease_look(&lease, 1000 * SECOND);
    rp__lease_heard(&lease, 0);
    rp__lease_sent(&lease, 1);
    CU_ASSERT_EQUAL(rp__lease_next(&lease, &rank), RP__LEASE_NONE);
    rp__lease_end(&lease);
}

/* ---- A world of four ranks over the in-process transport, which does nothing but give signs of life ---- */

struct world {
    struct rp__net_local *hub;
    struct rp__lease lease[RANKS];
    uint64_t lost_ns[RANKS];      /* when rank 0 gave this one up */
    uint64_t abandoned_ns[RANKS]; /* when this one gave rank 0 up */
    uint64_t stopped_until_ns[RANKS];
};

static void open_world(struct world *world, const struct rp__net_local_script *script) {
    *world = (struct world){.hub = rp__net_local_new(RANKS, script)};
    for (uint32_t rank = 0; rank < RANKS; rank++)
        CU_ASSERT_EQUAL_FATAL(
            rp__lease_begin(&world->lease[rank], rank == 0, rank ? 1 : RANKS - 1, LEASE_S * SECOND, 0), 0);
}

static void close_world(struct world *world) {
    for (int rank = 0; rank < RANKS; rank++) rp__lease_end(&world->lease[rank]);
    rp__net_local_free(world->hub);
}

static void send_beat(struct rp__net *net, uint32_t rank) {
    struct rp__outbox outbox = {0};
    CU_ASSERT_EQUAL(rp__outbox_put(&outbox, &(struct rp__frame){.type = RP__FRAME_BEAT}), 0);
    CU_ASSERT_EQUAL(net->ops->send(net, (int)rank, &outbox.message[0], NULL), 0);
    rp__outbox_free(&outbox);
}

/* A round of a rank's service. */
static void serve(struct world *world, uint32_t self, uint64_t now_ns) {
    struct rp__net *net = rp__net_local_end(world->hub, (int)self);
    struct rp__lease *lease = &world->lease[self];
    struct rp__net_message message;
    uint32_t rank;
    rp__lease_look(lease, now_ns);
    for (bool got = true; net->ops->poll(net, &message, &got, NULL) == 0 && got;)
        rp__lease_heard(lease, (uint32_t)message.source);
    for (enum rp__lease_call call; (call = rp__lease_next(lease, &rank));) {
        if (call == RP__LEASE_BEAT)
            send_beat(net, rank);
        else if (self == 0)
            world->lost_ns[rank] = now_ns;
        else
            world->abandoned_ns[self] = now_ns;
    }
}

/* From one time to another, a look every 20 ms of who is not stopped. */
static void run(struct world *world, uint64_t from_ns, uint64_t to_ns) {
    for (uint64_t now_ns = from_ns; now_ns < to_ns; now_ns += SECOND / 50) {
        CU_ASSERT_EQUAL(rp__net_local_advance(world->hub, now_ns), 0);
        for (uint32_t rank = 0; rank < RANKS; rank++)
            if (world->stopped_until_ns[rank] <= now_ns) serve(world, rank, now_ns);
    }
}

static void count_losses(const struct world *world, int *lost, int *abandoned) {
    *lost = *abandoned = 0;
    for (int rank = 0; rank < RANKS; rank++) {
        *lost += world->lost_ns[rank] != 0;
        *abandoned += world->abandoned_ns[rank] != 0;
    }
}

static void nobody_is_given_up_on_a_network_that_is_slow_by_less_than_a_lease(void) {
    const struct rp__net_local_script script = {
        .seed = 1, .delay_max_ns = (LEASE_S - 3) * SECOND, .loss = RP__NET_LOSS_DROP};
    struct world world;
    int lost, abandoned;
    open_world(&world, &script);
    run(&world, 0, 600 * SECOND);
    count_losses(&world, &lost, &abandoned);
    CU_ASSERT_EQUAL(lost, 0);
    CU_ASSERT_EQUAL(abandoned, 0);
    close_world(&world);
}

static void a_rank_that_dies_is_lost_after_the_lease_and_no_other(void) {
    const struct rp__net_local_script script = {.seed = 2, .delay_max_ns = SECOND / 2, .loss = RP__NET_LOSS_DROP};
    struct world world;
    int lost, abandoned;
    open_world(&world, &script);
    run(&world, 0, 100 * SECOND);
    rp__net_local_lose(world.hub, 2);
    world.stopped_until_ns[2] = UINT64_MAX;
    run(&world, 100 * SECOND, 200 * SECOND);
    count_losses(&world, &lost, &abandoned);
    CU_ASSERT_EQUAL(lost, 1);
    CU_ASSERT_EQUAL(abandoned, 0);
    CU_ASSERT(world.lost_ns[2] >= (100 + LEASE_S - 3) * SECOND);
    CU_ASSERT(world.lost_ns[2] <= (100 + LEASE_S + 2) * SECOND);
    close_world(&world);
}

/* It was silent for longer than the lease, so the others have left; but it has not listened either. */
static void a_rank_0_that_was_stopped_is_abandoned_and_accuses_nobody(void) {
    const struct rp__net_local_script script = {.seed = 3, .delay_max_ns = SECOND / 100, .loss = RP__NET_LOSS_DROP};
    struct world world;
    int lost, abandoned;
    open_world(&world, &script);
    run(&world, 0, 100 * SECOND);
    world.stopped_until_ns[0] = 160 * SECOND;
    run(&world, 100 * SECOND, 175 * SECOND);
    count_losses(&world, &lost, &abandoned);
    CU_ASSERT_EQUAL(lost, 0);
    CU_ASSERT_EQUAL(abandoned, RANKS - 1);
    close_world(&world);
}

static void a_box_that_was_suspended_goes_on(void) {
    const struct rp__net_local_script script = {.seed = 4, .delay_max_ns = SECOND / 100, .loss = RP__NET_LOSS_DROP};
    struct world world;
    int lost, abandoned;
    open_world(&world, &script);
    for (uint64_t nap = 0; nap < 20; nap++) /* all of its ranks sleep for an hour, twenty times */
        run(&world, (nap * 3600 + 1) * SECOND, (nap * 3600 + 10) * SECOND);
    count_losses(&world, &lost, &abandoned);
    CU_ASSERT_EQUAL(lost, 0);
    CU_ASSERT_EQUAL(abandoned, 0);
    close_world(&world);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(a_peer_gets_a_beat_a_second),
                                             UNIT(who_was_sent_something_just_now_gets_no_beat),
                                             UNIT(who_is_silent_for_the_lease_is_lost_once),
                                             UNIT(one_sign_of_life_is_good_for_a_whole_lease),
                                             UNIT(a_judge_that_was_stopped_accuses_nobody),
                                             UNIT(a_clock_that_goes_back_takes_no_time_away),
                                             UNIT(without_peers_there_is_nothing_to_do),
                                             UNIT(nobody_is_given_up_on_a_network_that_is_slow_by_less_than_a_lease),
                                             UNIT(a_rank_that_dies_is_lost_after_the_lease_and_no_other),
                                             UNIT(a_rank_0_that_was_stopped_is_abandoned_and_accuses_nobody),
                                             UNIT(a_box_that_was_suspended_goes_on),
                                             {NULL, NULL}};
    return unit_run("lease", tests);
}
