/* Ranks that are lost while a pool opens, and what a pool is worth without them. */
#include "core/master.h"
#include "unit.h"

enum { RANKS = 3 };

static struct rp__master *open_pool(void) {
    struct rp__master *master = rp__master_new(RANKS);
    CU_ASSERT_PTR_NOT_NULL_FATAL(master);
    CU_ASSERT_EQUAL(rp__master_pool_open(master, "options", 7), 0);
    return master;
}

/* How many frames of this type are sent; none of them may go to rank `lost`. */
static uint32_t sent(struct rp__master *master, enum rp__frame_type type, uint32_t lost) {
    struct rp__frame frame;
    uint32_t rank, count = 0;
    while (rp__master_action(master, &rank, &frame)) {
        CU_ASSERT_NOT_EQUAL(rank, lost);
        count += frame.type == type;
    }
    return count;
}

static void crew_of(struct rp__master *master, uint32_t rank, uint32_t workers) {
    CU_ASSERT_EQUAL(rp__master_receive(master, rank, &(struct rp__frame){.type = RP__FRAME_CREW, .worker = workers}),
                    0);
}

static void start_workers(struct rp__master *master, uint32_t rank, uint32_t workers) {
    for (uint32_t i = 0; i < workers; i++)
        CU_ASSERT_EQUAL(rp__master_receive(master, rank, &(struct rp__frame){.type = RP__FRAME_WORKER, .worker = i}),
                        0);
}

static void a_rank_lost_before_it_has_a_crew_keeps_nobody_waiting(void) {
    struct rp__master *master = open_pool();
    CU_ASSERT_EQUAL(sent(master, RP__FRAME_POOL, RANKS), RANKS);
    crew_of(master, 0, 2);
    crew_of(master, 2, 1);
    CU_ASSERT_EQUAL(rp__master_lose(master, 1), 0);
    CU_ASSERT_EQUAL(sent(master, RP__FRAME_START, 1), 2);
    CU_ASSERT_EQUAL(rp__master_workers(master), 3);
    start_workers(master, 0, 2);
    CU_ASSERT_FALSE(rp__master_pool_ready(master));
    start_workers(master, 2, 1);
    CU_ASSERT_TRUE(rp__master_pool_ready(master));
    rp__master_free(master);
}

static void a_rank_lost_while_others_make_their_crews_is_not_counted(void) {
    struct rp__master *master = open_pool();
    (void)sent(master, RP__FRAME_POOL, RANKS);
    crew_of(master, 1, 5);
    CU_ASSERT_EQUAL(rp__master_lose(master, 1), 0);
    crew_of(master, 0, 1);
    crew_of(master, 2, 1);
    CU_ASSERT_EQUAL(sent(master, RP__FRAME_START, 1), 2);
    CU_ASSERT_EQUAL(rp__master_workers(master), 2);
    rp__master_free(master);
}

static void a_rank_lost_before_the_pool_opens_is_not_asked(void) {
    struct rp__master *master = rp__master_new(RANKS);
    CU_ASSERT_PTR_NOT_NULL_FATAL(master);
    CU_ASSERT_EQUAL(rp__master_lose(master, 2), 0);
    CU_ASSERT_EQUAL(rp__master_pool_open(master, "options", 7), 0);
    CU_ASSERT_EQUAL(sent(master, RP__FRAME_POOL, 2), RANKS - 1);
    crew_of(master, 0, 1);
    crew_of(master, 1, 1);
    CU_ASSERT_EQUAL(sent(master, RP__FRAME_START, 2), RANKS - 1);
    rp__master_free(master);
}

static void without_the_rank_that_had_all_the_workers_there_is_no_pool(void) {
    struct rp__master *master = open_pool();
    for (uint32_t rank = 0; rank < RANKS; rank++) crew_of(master, rank, rank == 1 ? 4 : 0);
    CU_ASSERT_EQUAL(sent(master, RP__FRAME_START, RANKS), RANKS);
    start_workers(master, 1, 4);
    CU_ASSERT_EQUAL(rp__master_lose(master, 2), 0);
    CU_ASSERT_EQUAL(rp__master_lose(master, 1), RP_ENOWORKERS);
    rp__master_free(master);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(a_rank_lost_before_it_has_a_crew_keeps_nobody_waiting),
                                             UNIT(a_rank_lost_while_others_make_their_crews_is_not_counted),
                                             UNIT(a_rank_lost_before_the_pool_opens_is_not_asked),
                                             UNIT(without_the_rank_that_had_all_the_workers_there_is_no_pool),
                                             {NULL, NULL}};
    return unit_run("lost", tests);
}
