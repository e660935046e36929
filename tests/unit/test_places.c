/* Places against a played crew, a claim at a time: a worker that waits gives up its place, another computes what it had
 * not started, and whoever has nothing to do is kept for the next time. */
#include "agent_stage.h"

enum { MS = 1000000, ASIDE = 64 /* lives of a place that may wait, or run on, beside the current one */ };

/* What the agent tells of calls. */
struct told {
    unsigned started, called, gone, deadlocked;
    uint32_t worker; /* the last one that is deadlocked */
    uint64_t stream; /* of the last one that is gone */
};

static void its_life_starts(void *context, uint32_t worker) { ((struct told *)context)->started++; }

static int it_calls(void *context, uint32_t worker, const struct rp__crew_event *event) {
    ((struct told *)context)->called++;
    return 0;
}

static int it_is_gone(void *context, uint32_t worker, uint64_t stream) {
    ((struct told *)context)->gone++;
    ((struct told *)context)->stream = stream;
    return 0;
}

static int it_is_deadlocked(void *context, uint32_t worker) {
    ((struct told *)context)->deadlocked++;
    ((struct told *)context)->worker = worker;
    return 0;
}

static void listen_to_calls(struct stage *stage, struct told *told) {
    rp__agent_set_calls(stage->agent, &(struct rp__agent_calls){.context = told,
                                                                .started = its_life_starts,
                                                                .called = it_calls,
                                                                .gone = it_is_gone,
                                                                .deadlocked = it_is_deadlocked});
}

/* A stage of so many places with map 10, and so many chunks 10, 20, ... of it. */
static struct stage *open_places(uint32_t places, struct told *told, int chunks) {
    struct stage *stage = open_stage(places, ROOMY);
    listen_to_calls(stage, told);
    CU_ASSERT_EQUAL(send_map(stage, 10, 0), 0);
    for (int i = 1; i <= chunks; i++) CU_ASSERT_EQUAL(send_chunk(stage, 10, 10 * (uint64_t)i, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    return stage;
}

/* When the agent wants to look again. */
static int64_t tick(struct stage *stage, uint64_t now_ns) {
    int64_t next = -1;
    CU_ASSERT_EQUAL(rp__agent_tick(stage->agent, now_ns, &next, &stage->error), 0);
    return next;
}

/* The worker starts its next chunk, and that waits for longer than a worker keeps its place. */
static void start_and_wait(struct stage *stage, uint32_t worker, uint64_t *now_ns, bool held) {
    start_next(&stage->crew, worker);
    stage->crew.worker[worker].waits = true;
    rp__agent_blocked(stage->agent, worker, held);
    tick(stage, *now_ns += MS);
    tick(stage, *now_ns += 10 * MS);
    poll_and_listen(stage);
}

static void goes_on(struct stage *stage, uint32_t worker) {
    stage->crew.worker[worker].waits = false;
    rp__agent_unblocked(stage->agent, worker);
}

/* The worker finishes what it has in hand. */
static void finish(struct stage *stage, uint32_t worker) {
    CU_ASSERT_TRUE(answer(&stage->crew, worker, false));
    poll_and_listen(stage);
}

static uint64_t in_hand(const struct stage *stage, uint32_t worker) {
    const struct played_work *hand = stage->crew.worker[worker].hand;
    return hand ? hand->head.chunk : 0;
}

static void close_places(struct stage *stage) {
    CU_ASSERT_EQUAL(rp__agent_held(stage->agent), 0);
    close_stage(stage);
}

/* ---- Taking over --------------------------------------------------------------------------------------- */

static void three_tasks_that_meet_on_two_places_are_all_computed_at_once(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_places(2, &told, 3);
    start_and_wait(stage, 0, &now, false);
    start_and_wait(stage, 1, &now, false);
    CU_ASSERT_EQUAL_FATAL(stage->crew.workers, 3);
    start_next(&stage->crew, 2);
    for (uint32_t i = 0; i < 3; i++) CU_ASSERT_NOT_EQUAL(in_hand(stage, i), 0);
    goes_on(stage, 0);
    goes_on(stage, 1);
    for (uint32_t i = 0; i < 3; i++) finish(stage, i);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 2);
    CU_ASSERT_EQUAL(told.deadlocked, 0);
    CU_ASSERT_EQUAL(told.started, 1); /* of those that started since the calls were set */
    close_places(stage);
}

static void master_is_told_of_the_chunk_that_waits_and_of_no_new_worker(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_places(1, &told, 2);
    start_and_wait(stage, 0, &now, false);
    CU_ASSERT_EQUAL(stage->count, 1);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_BLOCKED, 10));
    goes_on(stage, 0);
    finish(stage, 0);
    start_next(&stage->crew, 1);
    finish(stage, 1);
    close_places(stage);
}

static void place_without_work_gets_no_life(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_places(1, &told, 1);
    start_and_wait(stage, 0, &now, false);
    CU_ASSERT_EQUAL(stage->crew.workers, 1);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 1); /* it can do something else */
    goes_on(stage, 0);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 0);
    finish(stage, 0);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 1);
    close_places(stage);
}

static void ten_tasks_that_each_wait_for_the_next_end_on_one_place(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_places(1, &told, 10);
    for (int round = 0; round < 2; round++) {
        uint32_t life[10];
        for (int i = 0; i < 10; i++) {
            for (life[i] = 0; in_hand(stage, life[i]) || !chunks_of(&stage->crew, life[i]);) life[i]++;
            if (i < 9) start_and_wait(stage, life[i], &now, false);
        }
        start_next(&stage->crew, life[9]);
        for (int i = 10; i--;) {
            CU_ASSERT_EQUAL(in_hand(stage, life[i]), 100 * (uint64_t)round + 10 * ((uint64_t)i + 1));
            if (i < 9) goes_on(stage, life[i]);
            finish(stage, life[i]);
        }
        CU_ASSERT_EQUAL(stage->crew.workers, 10); /* the second time they are there already */
        for (uint64_t i = 1; i <= 10 && !round; i++)
            CU_ASSERT_EQUAL(send_chunk(stage, 10, 100 + 10 * i, RP__ANY_WORKER), 0);
        poll_and_listen(stage);
    }
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 1);
    close_places(stage);
}

static void short_wait_gives_up_nothing_and_a_held_one_is_given_longer(void) {
    struct told told = {0};
    struct stage *stage = open_places(1, &told, 2);
    start_next(&stage->crew, 0);
    CU_ASSERT_EQUAL(tick(stage, 5 * MS), INT64_MAX);
    rp__agent_blocked(stage->agent, 0, false);
    CU_ASSERT_EQUAL(tick(stage, 10 * MS), MS);
    CU_ASSERT_EQUAL(tick(stage, 11 * MS - 10), 10);
    rp__agent_unblocked(stage->agent, 0);
    rp__agent_blocked(stage->agent, 0, true); /* a wait of its own */
    CU_ASSERT_EQUAL(tick(stage, 20 * MS), 10 * MS);
    CU_ASSERT_EQUAL(tick(stage, 29 * MS), MS);
    CU_ASSERT_EQUAL(stage->crew.workers, 1);
    CU_ASSERT_EQUAL(tick(stage, 30 * MS), INT64_MAX);
    CU_ASSERT_EQUAL(stage->crew.workers, 2);
    rp__agent_unblocked(stage->agent, 0);
    finish(stage, 0);
    start_next(&stage->crew, 1);
    finish(stage, 1);
    close_places(stage);
}

static void what_was_half_in_the_ring_goes_to_the_next_life_from_its_beginning(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_stage(1, 4);
    listen_to_calls(stage, &told);
    CU_ASSERT_EQUAL(send_map(stage, 10, 0), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 10, RP__ANY_WORKER), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 9, RP__ANY_WORKER), 0); /* of 15 pieces */
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 20, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    start_and_wait(stage, 0, &now, false);
    CU_ASSERT_EQUAL_FATAL(stage->crew.workers, 2);
    for (int i = 0; i < 20 && in_hand(stage, 1) != 9; i++) {
        start_next(&stage->crew, 1);
        poll_and_listen(stage);
    }
    CU_ASSERT_EQUAL_FATAL(in_hand(stage, 1), 9);
    finish(stage, 1);
    start_next(&stage->crew, 1);
    CU_ASSERT_EQUAL(in_hand(stage, 1), 20); /* and in their order */
    finish(stage, 1);
    goes_on(stage, 0);
    finish(stage, 0);
    close_places(stage);
}

static void targeted_chunks_stay_in_their_place(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_places(2, &told, 0);
    for (uint64_t chunk = 10; chunk <= 30; chunk += 10) CU_ASSERT_EQUAL(send_chunk(stage, 10, chunk, 1), 0);
    poll_and_listen(stage);
    start_and_wait(stage, 1, &now, false);
    CU_ASSERT_EQUAL_FATAL(stage->crew.workers, 3);
    CU_ASSERT_TRUE(stage->crew.worker[2].like == 1 && chunks_of(&stage->crew, 2) == 2);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 0);
    goes_on(stage, 1);
    finish(stage, 1);
    for (int i = 0; i < 2; i++) {
        start_next(&stage->crew, 2);
        finish(stage, 2);
    }
    close_places(stage);
}

static void life_that_runs_on_takes_the_place_before_a_new_one_does(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_places(1, &told, 3);
    start_and_wait(stage, 0, &now, false);
    goes_on(stage, 0); /* beside 1 */
    start_and_wait(stage, 1, &now, false);
    CU_ASSERT_EQUAL(stage->crew.workers, 2);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 2); /* its own, and what 1 had not started */
    start_and_wait(stage, 0, &now, false);
    CU_ASSERT_EQUAL(stage->crew.workers, 3);
    CU_ASSERT_PTR_NULL(find(stage, RP__FRAME_BLOCKED, 10)); /* the master knows */
    goes_on(stage, 0);
    goes_on(stage, 1);
    start_next(&stage->crew, 2);
    for (uint32_t i = 0; i < 3; i++) finish(stage, i);
    close_places(stage);
}

static void initializer_comes_first_in_a_substitute_too(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = calloc(1, sizeof *stage);
    open_crew(&stage->crew, 1, ROOMY);
    stage->agent = rp__agent_new(&played_crew, &stage->crew, 1, &stage->out);
    listen_to_calls(stage, &told);
    rp__agent_initialize(stage->agent, 3, "abc", 3);
    CU_ASSERT_EQUAL(send_map(stage, 10, 0), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 10, RP__ANY_WORKER), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 20, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    start_and_wait(stage, 0, &now, false);
    CU_ASSERT_EQUAL(stage->crew.workers, 1); /* the initializer may wait: what it starts with is not given up */
    post(&stage->crew, &(struct rp__crew_event){.type = RP__CREW_INITIALIZED, .worker = 0});
    poll_and_listen(stage);
    tick(stage, now += MS);
    tick(stage, now += MS);
    poll_and_listen(stage);
    CU_ASSERT_EQUAL_FATAL(stage->crew.workers, 2);
    CU_ASSERT_EQUAL(stage->crew.worker[1].first->head.type, RP__WORK_INIT);
    post(&stage->crew, &(struct rp__crew_event){.type = RP__CREW_INITIALIZED, .worker = 1});
    poll_and_listen(stage);
    CU_ASSERT_EQUAL(stage->count, 0);
    start_next(&stage->crew, 1);
    CU_ASSERT_EQUAL(stage->crew.worker[1].initialized, 1);
    finish(stage, 1);
    goes_on(stage, 0);
    finish(stage, 0);
    close_places(stage);
}

/* ---- No more lives ------------------------------------------------------------------------------------- */

/* So many lives of one place wait, one behind the other; the last one has its place. */
static struct stage *open_crowd(struct told *told, uint64_t *now_ns, uint32_t lives) {
    struct stage *stage = open_places(1, told, (int)lives + 1);
    for (uint32_t i = 0; i + 1 < lives; i++) start_and_wait(stage, i, now_ns, false);
    CU_ASSERT_EQUAL_FATAL(stage->crew.workers, lives);
    start_next(&stage->crew, lives - 1);
    return stage;
}

static void close_crowd(struct stage *stage, uint32_t lives) {
    for (uint32_t i = lives; i--;) {
        goes_on(stage, i);
        start_next(&stage->crew, i);
        while (answer(&stage->crew, i, false)) start_next(&stage->crew, i);
        poll_and_listen(stage);
    }
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 1);
    close_places(stage);
}

static void sixty_fifth_that_waits_is_told_once_that_it_waits_for_ever(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_crowd(&told, &now, ASIDE + 1);
    CU_ASSERT_EQUAL(told.deadlocked, 0);
    start_and_wait(stage, ASIDE, &now, false);
    CU_ASSERT_EQUAL(tick(stage, now += 100 * MS), INT64_MAX);
    CU_ASSERT_EQUAL(told.deadlocked, 1);
    CU_ASSERT_EQUAL(told.worker, ASIDE);
    CU_ASSERT_EQUAL(stage->crew.workers, ASIDE + 1);
    CU_ASSERT_EQUAL(stage->count, 0); /* it keeps its place */
    close_crowd(stage, ASIDE + 1);
}

static void sixty_fifth_that_waits_for_what_is_held_waits_on(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_crowd(&told, &now, ASIDE + 1);
    start_and_wait(stage, ASIDE, &now, true);
    CU_ASSERT_EQUAL(tick(stage, now += MS), 10 * MS);
    CU_ASSERT_EQUAL(told.deadlocked, 0);
    goes_on(stage, 5);
    finish(stage, 5); /* now there is one to take over */
    tick(stage, now += MS);
    poll_and_listen(stage);
    CU_ASSERT_EQUAL(stage->crew.workers, ASIDE + 1);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 5), 1);
    close_crowd(stage, ASIDE + 1);
}

static void nobody_is_deadlocked_beside_one_that_runs_on(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_crowd(&told, &now, ASIDE + 1);
    goes_on(stage, 7);
    start_and_wait(stage, ASIDE, &now, false);
    CU_ASSERT_EQUAL(told.deadlocked, 0);
    stage->crew.worker[7].waits = true;
    rp__agent_blocked(stage->agent, 7, false);
    tick(stage, now += 10 * MS);
    CU_ASSERT_EQUAL(told.deadlocked, 1);
    close_crowd(stage, ASIDE + 1);
}

static void without_a_slot_the_last_that_gave_up_is_told(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_places(1, &told, 3);
    stage->crew.slots = 2;
    start_and_wait(stage, 0, &now, false);
    start_and_wait(stage, 1, &now, false);
    CU_ASSERT_TRUE(tick(stage, now += MS) <= 10 * MS);
    CU_ASSERT_EQUAL(told.deadlocked, 1);
    CU_ASSERT_EQUAL(told.worker, 1);
    goes_on(stage, 1);
    poll_and_listen(stage);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 1), 2); /* it has its place again */
    finish(stage, 1);
    start_next(&stage->crew, 1);
    finish(stage, 1);
    goes_on(stage, 0);
    finish(stage, 0);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 1);
    close_places(stage);
}

static void without_a_slot_other_places_take_what_waits(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_places(2, &told, 4); /* two in each */
    stage->crew.slots = 2;
    start_and_wait(stage, 0, &now, false);
    start_next(&stage->crew, 1);
    finish(stage, 1);
    start_next(&stage->crew, 1);
    finish(stage, 1);
    for (int i = 0; i < 3; i++) poll_once(stage);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 1), 1);
    tick(stage, now += 100 * MS);
    CU_ASSERT_EQUAL(told.deadlocked, 0);
    start_next(&stage->crew, 1);
    finish(stage, 1);
    goes_on(stage, 0);
    finish(stage, 0);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 2);
    close_places(stage);
}

/* ---- Ends ---------------------------------------------------------------------------------------------- */

static void life_that_dies_aside_is_not_replaced_until_it_is_needed(void) {
    enum { BLOCKED, RESUMED, PARKED };
    for (int how = BLOCKED; how <= PARKED; how++) {
        struct told told = {0};
        uint64_t now = 0;
        struct stage *stage = open_places(1, &told, 3);
        start_and_wait(stage, 0, &now, false);
        if (how != BLOCKED) goes_on(stage, 0);
        if (how == PARKED) finish(stage, 0);
        die(&stage->crew, 0, "killed by signal 9", 105);
        poll_and_listen(stage);
        const struct rp__frame *died = find(stage, RP__FRAME_DIED, how == PARKED ? 0 : 10);
        CU_ASSERT_PTR_NOT_NULL_FATAL(died);
        CU_ASSERT_EQUAL(died->flags, how == PARKED ? 0 : RP__IN_HAND);
        CU_ASSERT_TRUE(how == PARKED || (died->worker == 0 && died->begin == 105));
        CU_ASSERT_EQUAL(told.gone, 1);
        CU_ASSERT_EQUAL(stage->crew.worker[0].starts, 1);
        start_and_wait(stage, 1, &now, false);
        CU_ASSERT_EQUAL(stage->crew.worker[0].starts, 2);
        CU_ASSERT_EQUAL(stage->crew.workers, 2);
        start_next(&stage->crew, 0);
        CU_ASSERT_EQUAL(in_hand(stage, 0), 30);
        finish(stage, 0);
        goes_on(stage, 1);
        finish(stage, 1);
        CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 1);
        close_places(stage);
    }
}

static void end_of_a_map_kills_those_that_wait_in_it(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_places(1, &told, 4);
    start_and_wait(stage, 0, &now, false);
    start_and_wait(stage, 1, &now, false);
    start_next(&stage->crew, 2);
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &(struct rp__frame){.type = RP__FRAME_MAP_END, .map = 10}), 0);
    listen_to(stage);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RETURNED, 40));
    poll_and_listen(stage);
    for (uint64_t chunk = 10; chunk <= 30; chunk += 10) {
        const struct rp__frame *died = find(stage, RP__FRAME_DIED, chunk);
        CU_ASSERT_TRUE(died && died->flags & RP__KILLED);
    }
    CU_ASSERT_EQUAL(stage->crew.kills, 3);
    CU_ASSERT_EQUAL(stage->crew.worker[0].starts, 1);
    CU_ASSERT_EQUAL(stage->crew.worker[2].starts, 2); /* it had the place */
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 1);
    close_places(stage);
}

static void map_is_forgotten_by_lives_that_are_aside(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_places(1, &told, 2);
    start_and_wait(stage, 0, &now, false);
    start_next(&stage->crew, 1);
    finish(stage, 1);
    goes_on(stage, 0);
    finish(stage, 0); /* parked */
    CU_ASSERT_TRUE(stage->crew.worker[0].knows[10] && stage->crew.worker[1].knows[10]);
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &(struct rp__frame){.type = RP__FRAME_MAP_END, .map = 10}), 0);
    poll_and_listen(stage);
    start_next(&stage->crew, 0);
    start_next(&stage->crew, 1);
    CU_ASSERT_FALSE(stage->crew.worker[0].knows[10] || stage->crew.worker[1].knows[10]);
    close_places(stage);
}

static void chunk_that_waits_is_canceled_only_by_a_kill(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_places(1, &told, 2);
    start_and_wait(stage, 0, &now, false);
    struct rp__frame cancel = {.type = RP__FRAME_CANCEL, .chunk = 10};
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &cancel), 0);
    poll_and_listen(stage);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RUNS, 10));
    cancel.flags = RP__KILL;
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &cancel), 0);
    poll_and_listen(stage);
    const struct rp__frame *died = find(stage, RP__FRAME_DIED, 10);
    CU_ASSERT_TRUE(died && died->flags & RP__KILLED);
    start_next(&stage->crew, 1);
    finish(stage, 1);
    close_places(stage);
}

static void each_life_has_its_own_share_of_tasks(void) {
    struct told told = {0};
    uint64_t now = 0;
    struct stage *stage = open_places(1, &told, 0);
    rp__agent_limit_tasks(stage->agent, 10); /* a chunk */
    for (uint64_t chunk = 10; chunk <= 40; chunk += 10)
        CU_ASSERT_EQUAL(send_chunk(stage, 10, chunk, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    start_and_wait(stage, 0, &now, false);
    start_next(&stage->crew, 1);
    CU_ASSERT_EQUAL(in_hand(stage, 1), 20);
    finish(stage, 1);
    CU_ASSERT_EQUAL(stage->crew.worker[1].starts, 2);
    goes_on(stage, 0);
    finish(stage, 0); /* parked, and has had its share: it leaves */
    CU_ASSERT_FALSE(stage->crew.worker[0].live);
    start_and_wait(stage, 1, &now, false); /* in its second life, chunk 30 */
    CU_ASSERT_EQUAL(stage->crew.worker[0].starts, 2);
    start_next(&stage->crew, 0);
    CU_ASSERT_EQUAL(in_hand(stage, 0), 40);
    finish(stage, 0);
    goes_on(stage, 1);
    finish(stage, 1);
    CU_ASSERT_EQUAL(stage->crew.workers, 2);
    close_places(stage);
}

/* ---- Calls --------------------------------------------------------------------------------------------- */

static void call(struct stage *stage, uint32_t worker, uint64_t task) {
    post(&stage->crew, &(struct rp__crew_event){.type = RP__CREW_CUT, .worker = worker, .task = task});
    post(&stage->crew, &(struct rp__crew_event){.type = RP__CREW_CALL, .worker = worker, .last = true});
    poll_and_listen(stage);
}

static void first_call_cuts_its_chunk_and_makes_it_known_as_in_hand(void) {
    struct told told = {0};
    struct stage *stage = open_places(1, &told, 2);
    start_next(&stage->crew, 0);
    call(stage, 0, 104);
    const struct rp__frame *cut = find(stage, RP__FRAME_CUT, 10);
    CU_ASSERT_TRUE(cut && cut->begin == 100 && cut->end == 104);
    CU_ASSERT_EQUAL(told.called, 1);
    stage->crew.forgets_hand = true;
    die(&stage->crew, 0, "wrote over its ring", UINT64_MAX);
    poll_and_listen(stage);
    const struct rp__frame *died = find(stage, RP__FRAME_DIED, 10);
    CU_ASSERT_TRUE(died && died->flags == RP__IN_HAND && died->begin == 100 && died->end == 104);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 1); /* the other one */
    start_next(&stage->crew, 0);
    finish(stage, 0);
    close_places(stage);
}

static void master_hears_of_effects_where_nothing_is_cut_off(void) {
    struct told told = {0};
    struct stage *stage = open_places(1, &told, 1);
    start_next(&stage->crew, 0);
    call(stage, 0, 110);
    const struct rp__frame *cut = find(stage, RP__FRAME_CUT, 10);
    CU_ASSERT_TRUE(cut && cut->begin == 100 && cut->end == 110);
    finish(stage, 0);
    close_places(stage);
}

static void call_where_nobody_serves_it_ends_its_worker(void) {
    struct stage *stage = open_stage(1, ROOMY);
    CU_ASSERT_EQUAL(send_map(stage, 10, 0), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 10, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    start_next(&stage->crew, 0);
    call(stage, 0, 104);
    const struct rp__frame *died = find(stage, RP__FRAME_DIED, 10);
    CU_ASSERT_TRUE(died && died->flags == RP__IN_HAND && died->end == 110);
    close_places(stage);
}

static void end_of_a_life_is_told_with_what_it_had_taken(void) {
    struct told told = {0};
    struct stage *stage = open_places(1, &told, 0);
    die(&stage->crew, 0, "killed by signal 9", UINT64_MAX);
    stage->crew.event[stage->crew.to - 1].event.stream = 77;
    poll_and_listen(stage);
    CU_ASSERT_TRUE(told.gone == 1 && told.stream == 77 && told.started == 1);
    close_places(stage);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(three_tasks_that_meet_on_two_places_are_all_computed_at_once),
        UNIT(master_is_told_of_the_chunk_that_waits_and_of_no_new_worker),
        UNIT(place_without_work_gets_no_life),
        UNIT(ten_tasks_that_each_wait_for_the_next_end_on_one_place),
        UNIT(short_wait_gives_up_nothing_and_a_held_one_is_given_longer),
        UNIT(what_was_half_in_the_ring_goes_to_the_next_life_from_its_beginning),
        UNIT(targeted_chunks_stay_in_their_place),
        UNIT(life_that_runs_on_takes_the_place_before_a_new_one_does),
        UNIT(initializer_comes_first_in_a_substitute_too),
        UNIT(sixty_fifth_that_waits_is_told_once_that_it_waits_for_ever),
        UNIT(sixty_fifth_that_waits_for_what_is_held_waits_on),
        UNIT(nobody_is_deadlocked_beside_one_that_runs_on),
        UNIT(without_a_slot_the_last_that_gave_up_is_told),
        UNIT(without_a_slot_other_places_take_what_waits),
        UNIT(life_that_dies_aside_is_not_replaced_until_it_is_needed),
        UNIT(end_of_a_map_kills_those_that_wait_in_it),
        UNIT(map_is_forgotten_by_lives_that_are_aside),
        UNIT(chunk_that_waits_is_canceled_only_by_a_kill),
        UNIT(each_life_has_its_own_share_of_tasks),
        UNIT(first_call_cuts_its_chunk_and_makes_it_known_as_in_hand),
        UNIT(master_hears_of_effects_where_nothing_is_cut_off),
        UNIT(call_where_nobody_serves_it_ends_its_worker),
        UNIT(end_of_a_life_is_told_with_what_it_had_taken),
        {NULL, NULL},
    };
    return unit_run("places", tests);
}
