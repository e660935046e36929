/* What the router says to single calls; test_router_random.c plays any run of them. */
#include "router_stage.h"

#include "rankpool.h"

/* A worker's answered call, from its first to its last message. */
static int answer_to(struct stage *stage, uint32_t rank, uint32_t worker, struct rp__call_head head) {
    CU_ASSERT_EQUAL(call(stage, rank, worker, head, NULL, 0, 1), 0);
    settle(stage);
    CU_ASSERT_FATAL(read_piece(stage, rank, worker));
    return stage->crew[rank].worker[worker].head.code;
}

static uint64_t make(struct stage *stage, uint32_t rank, enum rp__home_type type, uint64_t a) {
    const struct rp__call_head head = {.type = RP__CALL_REQUEST, .op = RP__OP_NEW, .object = type, .a = a};
    CU_ASSERT_EQUAL(answer_to(stage, rank, 0, head), 0);
    return stage->crew[rank].worker[0].head.value;
}

static int64_t sleep_of(struct stage *stage, uint32_t rank, uint64_t now_ns) {
    int64_t next_ns = 0;
    rp__router_step(stage->router[rank], now_ns, &next_ns);
    post(stage, rank);
    return next_ns;
}

static void a_new_object_lives_at_its_makers_rank(void) {
    struct stage *stage = open_stage(NULL);
    for (uint32_t rank = 0; rank < RANKS; rank++) CU_ASSERT_EQUAL(make(stage, rank, RP__QUEUE, 0) >> 40, rank);
    close_stage(stage);
}

static void an_object_of_a_rank_that_never_was_is_closed(void) {
    struct stage *stage = open_stage(NULL);
    struct rp__call_head head = {
        .type = RP__CALL_REQUEST, .op = RP__OP_SIZE, .object = UINT64_C(77) << 40 | (uint64_t)RP__QUEUE << 36 | 1};
    CU_ASSERT_EQUAL(answer_to(stage, 1, 0, head), RP_ECLOSED);
    head.type = RP__CALL_CELLS;
    CU_ASSERT_EQUAL(answer_to(stage, 1, 0, head), RP_ECLOSED);
    head = (struct rp__call_head){
        .type = RP__CALL_REQUEST, .op = RP__OP_TASK_DONE, .flags = RP__CALL_SILENT, .object = head.object};
    CU_ASSERT_EQUAL(call(stage, 1, 0, head, NULL, 0, 1), 0);
    CU_ASSERT_EQUAL(make(stage, 1, RP__QUEUE, 0) >> 40, 1); /* it goes on */
    close_stage(stage);
}

static void *make_words(void *context, uint64_t object, size_t words) { return calloc(words, sizeof(uint64_t)); }
static void drop_words(void *context, void *at, size_t words) { free(at); }
static bool find_words(void *context, uint64_t object, struct rp__cells_at *at) {
    const uint64_t *known = context;
    *at = (struct rp__cells_at){.pid = 5, .fd = 6, .words = 7};
    return object == *known;
}

static void words_are_shared_within_a_host_only(void) {
    uint64_t known = 0;
    const struct rp__router_cells cells = {
        .memory = {.make = make_words, .drop = drop_words}, .find = find_words, .context = &known};
    struct stage *stage = open_stage(&cells);
    const uint64_t array = known = make(stage, 1, RP__CELLS, 7), queue = make(stage, 1, RP__QUEUE, 0);
    struct rp__call_head head = {.type = RP__CALL_CELLS, .object = array};
    for (uint32_t rank = 0; rank < 2; rank++) {
        struct rp__cells_at at = {0};
        CU_ASSERT_EQUAL(answer_to(stage, rank, 2, head), 0);
        CU_ASSERT_EQUAL_FATAL(stage->crew[rank].worker[2].reply.size, sizeof at);
        memcpy(&at, stage->crew[rank].worker[2].reply.data, sizeof at);
        CU_ASSERT(at.pid == 5 && at.fd == 6 && at.words == 7);
    }
    CU_ASSERT_EQUAL(answer_to(stage, 2, 2, head), RP_EUNSUPPORTED);
    head.object = queue;
    CU_ASSERT_EQUAL(answer_to(stage, 0, 2, head), RP_EINVAL);
    head.object = array + 1;
    CU_ASSERT_EQUAL(answer_to(stage, 0, 2, head), RP_ECLOSED);
    close_stage(stage);
}

static void a_deadlocked_call_ends_wherever_it_waits(void) {
    for (uint32_t home = 0; home < 2; home++) {
        struct stage *stage = open_stage(NULL);
        const struct rp__call_head head = {
            .type = RP__CALL_REQUEST, .op = RP__OP_WAIT, .object = make(stage, home, RP__EVENT, 0)};
        CU_ASSERT_EQUAL(call(stage, 0, 1, head, NULL, 0, 1), 0);
        settle(stage);
        CU_ASSERT_TRUE(stage->crew[0].worker[1].blocked);
        CU_ASSERT_EQUAL(stage->calls[0].deadlocked(stage->calls[0].context, 1), 0);
        post(stage, 0);
        settle(stage);
        CU_ASSERT_TRUE(read_piece(stage, 0, 1));
        CU_ASSERT_EQUAL(stage->crew[0].worker[1].head.code, RP_EDEADLK);
        CU_ASSERT_FALSE(stage->crew[0].worker[1].blocked);
        close_stage(stage);
    }
}

static void frames_that_make_no_sense_are_refused(void) {
    struct stage *stage = open_stage(NULL);
    struct rp__router *router = stage->router[0];
    struct rp__call_head head = {.type = RP__CALL_REQUEST, .op = RP__OP_NEW, .object = RP__QUEUE};
    struct rp__frame frame = {.type = RP__FRAME_CALL, .chunk = 1, .data = (const uint8_t *)&head, .size = sizeof head};
    CU_ASSERT_EQUAL(rp__router_receive(router, 1, &frame), 0);
    CU_ASSERT_EQUAL(rp__router_receive(router, 0, &frame), RP_EPROTOCOL); /* from itself */
    CU_ASSERT_EQUAL(rp__router_receive(router, RANKS, &frame), RP_EPROTOCOL);
    frame.chunk = UINT64_C(1) << 40;
    CU_ASSERT_EQUAL(rp__router_receive(router, 1, &frame), RP_EPROTOCOL);
    frame.chunk = 1;
    frame.size = sizeof head - 1;
    CU_ASSERT_EQUAL(rp__router_receive(router, 1, &frame), RP_EPROTOCOL);
    frame.size = sizeof head;
    head.size = 1; /* and no byte follows */
    CU_ASSERT_EQUAL(rp__router_receive(router, 1, &frame), RP_EPROTOCOL);
    head.size = 0;
    head.type = RP__CALL_CELLS + 1;
    CU_ASSERT_EQUAL(rp__router_receive(router, 1, &frame), RP_EPROTOCOL);
    frame.type = RP__FRAME_QUIT;
    CU_ASSERT_EQUAL(rp__router_receive(router, 1, &frame), RP_EPROTOCOL);
    frame.type = RP__FRAME_CALL;
    frame.flags = RP__MORE;
    CU_ASSERT_EQUAL(rp__router_receive(router, 1, &frame), 0);
    frame.chunk = 2; /* another one before the rest of it */
    CU_ASSERT_EQUAL(rp__router_receive(router, 1, &frame), RP_EPROTOCOL);
    close_stage(stage);
}

static void the_service_sleeps_shortly_while_other_hosts_call(void) {
    enum { MS = 1000 * 1000, SECOND = 1000 * MS };
    struct stage *stage = open_stage(NULL);
    struct rp__call_head head = {.type = RP__CALL_REQUEST, .op = RP__OP_WAIT, .object = make(stage, 1, RP__EVENT, 0)};
    CU_ASSERT_EQUAL(sleep_of(stage, 0, SECOND), INT64_MAX);
    CU_ASSERT_EQUAL(call(stage, 0, 0, head, NULL, 0, 1), 0); /* of the same host, which rings */
    settle(stage);
    CU_ASSERT_EQUAL(sleep_of(stage, 0, SECOND), INT64_MAX);
    CU_ASSERT_EQUAL(call(stage, 2, 0, head, NULL, 0, 1), 0);
    CU_ASSERT(sleep_of(stage, 2, SECOND) <= 200 * 1000);
    CU_ASSERT(sleep_of(stage, 2, 2 * (uint64_t)SECOND - 1) <= 200 * 1000);
    CU_ASSERT_EQUAL(sleep_of(stage, 2, 2 * (uint64_t)SECOND), INT64_MAX); /* nobody waits so long for a fast answer */
    deliver(stage, 2, 1);
    CU_ASSERT(sleep_of(stage, 1, SECOND) <= 200 * 1000);
    CU_ASSERT_EQUAL(sleep_of(stage, 1, SECOND + 100 * MS), INT64_MAX);
    close_stage(stage);
}

static int main_code(struct stage *stage, struct rp__call_head head, struct rp__main_call **made) {
    struct rp__router *router = stage->router[0];
    pthread_mutex_lock(rp__router_lock(router));
    const int rc = rp__router_call(router, RP__MAIN_CALLER | 3, &head, NULL, made);
    pthread_mutex_unlock(rp__router_lock(router));
    post(stage, 0);
    return rc;
}

static void calls_of_main_end_when_the_world_fails(void) {
    struct stage *stage = open_stage(NULL);
    const struct rp__call_head head = {
        .type = RP__CALL_REQUEST, .op = RP__OP_WAIT, .object = make(stage, 1, RP__EVENT, 0)};
    struct rp__main_call *made = NULL;
    CU_ASSERT_EQUAL(main_code(stage, head, &made), 0);
    CU_ASSERT_FATAL(made && made->open);
    CU_ASSERT_EQUAL(main_code(stage, head, &made), RP_EBUSY);
    rp__router_fail(stage->router[0], RP_ELOST);
    rp__router_fail(stage->router[0], RP_EINVAL);
    CU_ASSERT(!made->open && made->code == RP_ELOST);
    CU_ASSERT_EQUAL(main_code(stage, head, &made), RP_ELOST);
    close_stage(stage);
}

static void lose(struct stage *stage, uint32_t lost) {
    for (uint32_t rank = 0; rank < RANKS; rank++) {
        if (rank != lost) CU_ASSERT_EQUAL(rp__router_lose(stage->router[rank], lost), 0);
        post(stage, rank);
    }
}

static void calls_at_a_lost_rank_end_and_new_ones_do_not_begin(void) {
    struct stage *stage = open_stage(NULL);
    struct rp__call_head head = {.type = RP__CALL_REQUEST, .op = RP__OP_WAIT, .object = make(stage, 2, RP__EVENT, 0)};
    struct rp__main_call *made = NULL;
    CU_ASSERT_EQUAL(main_code(stage, head, &made), 0);
    CU_ASSERT_EQUAL(call(stage, 1, 1, head, NULL, 0, 1), 0);
    CU_ASSERT_EQUAL(call(stage, 1, 2, head, NULL, 0, 1), 0);
    settle(stage);
    CU_ASSERT_FATAL(made && made->open);
    CU_ASSERT_EQUAL(stage->calls[1].gone(stage->calls[1].context, 2, 0), 0); /* it dies, and waits there as a ghost */
    lose(stage, 2);
    step(stage, 1, 1);
    CU_ASSERT(!made->open && made->code == RP_ELOST);
    CU_ASSERT_TRUE(read_piece(stage, 1, 1));
    CU_ASSERT_EQUAL(stage->crew[1].worker[1].head.code, RP_ELOST);
    CU_ASSERT_FALSE(stage->crew[1].worker[1].blocked);
    CU_ASSERT_EQUAL(answer_to(stage, 0, 0, head), RP_ELOST);
    head.op = RP__OP_SET;
    head.flags = RP__CALL_SILENT;
    CU_ASSERT_EQUAL(call(stage, 0, 0, head, NULL, 0, 1), 0);
    CU_ASSERT_PTR_NULL(stage->first[0][2]); /* nothing is sent to nobody */
    CU_ASSERT_EQUAL(make(stage, 0, RP__QUEUE, 0) >> 40, 0);
    close_stage(stage);
}

static void what_a_lost_rank_held_is_broken_and_who_waits_is_told(void) {
    struct stage *stage = open_stage(NULL);
    struct rp__call_head head = {
        .type = RP__CALL_REQUEST, .op = RP__OP_ACQUIRE, .b = 1, .object = make(stage, 0, RP__LOCK, 0)};
    CU_ASSERT_EQUAL(answer_to(stage, 2, 1, head), 0);
    CU_ASSERT_EQUAL(call(stage, 2, 2, head, NULL, 0, 1), 0);
    settle(stage);
    CU_ASSERT_EQUAL(call(stage, 1, 1, head, NULL, 0, 1), 0);
    CU_ASSERT_EQUAL(call(stage, 2, 0, head, NULL, 0, 1), 0);
    CU_ASSERT_TRUE(deliver(stage, 1, 0));
    lose(stage, 2);
    CU_ASSERT_TRUE(deliver(stage, 2, 0)); /* it was under way, and takes nothing from anybody */
    settle(stage);
    CU_ASSERT_TRUE(read_piece(stage, 1, 1));
    CU_ASSERT_EQUAL(stage->crew[1].worker[1].head.code, RP_EBROKEN);
    head.op = RP__OP_REPAIR;
    CU_ASSERT_EQUAL(answer_to(stage, 1, 1, head), 0);
    head.op = RP__OP_ACQUIRE;
    CU_ASSERT_EQUAL(answer_to(stage, 1, 1, head), 0);
    close_stage(stage);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(a_new_object_lives_at_its_makers_rank),
                                             UNIT(an_object_of_a_rank_that_never_was_is_closed),
                                             UNIT(words_are_shared_within_a_host_only),
                                             UNIT(a_deadlocked_call_ends_wherever_it_waits),
                                             UNIT(frames_that_make_no_sense_are_refused),
                                             UNIT(the_service_sleeps_shortly_while_other_hosts_call),
                                             UNIT(calls_of_main_end_when_the_world_fails),
                                             UNIT(calls_at_a_lost_rank_end_and_new_ones_do_not_begin),
                                             UNIT(what_a_lost_rank_held_is_broken_and_who_waits_is_told),
                                             {NULL, NULL}};
    return unit_run("router", tests);
}
