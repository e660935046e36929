/* The agent against a played crew, when a map ends or a chunk is canceled: what has not begun comes back, what runs is
 * killed or finished, and nothing of it is given to anybody any more. */
#include "agent_stage.h"

static void end_map(struct stage *stage, uint32_t map) {
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &(struct rp__frame){.type = RP__FRAME_MAP_END, .map = map}), 0);
    listen_to(stage);
}

static void end_of_a_map_returns_what_is_unstarted_and_kills_what_runs(void) {
    struct stage *stage = open_stage_with_map(2, ROOMY);
    send_chunks(stage, 10, 6, RP__ANY_WORKER);
    start_next(&stage->crew, 0);
    uint64_t in_hand = stage->crew.worker[0].hand->head.chunk;
    end_map(stage, 10);
    CU_ASSERT_EQUAL(stage->count, 5);
    CU_ASSERT_PTR_NULL(find(stage, RP__FRAME_RETURNED, in_hand));
    poll_and_listen(stage);
    CU_ASSERT_EQUAL(stage->crew.kills, 1);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_DIED, in_hand));
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 2);
    start_next(&stage->crew, 0);
    start_next(&stage->crew, 1);
    for (int i = 0; i < 2; i++) CU_ASSERT_FALSE(stage->crew.worker[i].knows[10]);
    close_stage(stage);
}

static void worker_that_has_answered_already_is_not_killed(void) {
    enum { MANY = 900 }; /* answers, more than are taken in one poll */
    struct stage *stage = open_stage_with_map(1, ROOMY);
    CU_ASSERT_EQUAL(send_map(stage, 20, 0), 0);
    send_chunks(stage, 10, MANY, RP__ANY_WORKER);
    CU_ASSERT_EQUAL(send_chunk(stage, 20, 500000, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    for (int i = 0; i < MANY; i++) {
        start_next(&stage->crew, 0);
        CU_ASSERT_TRUE(answer(&stage->crew, 0, false));
    }
    start_next(&stage->crew, 0); /* another map's chunk is in hand, and the agent has not heard of it yet */
    end_map(stage, 10);
    poll_and_listen(stage);
    CU_ASSERT_EQUAL(stage->crew.kills, 0);
    CU_ASSERT_EQUAL(stage->count, MANY);
    close_stage(stage);
}

static void worker_that_is_killed_begins_nothing_else(void) {
    struct stage *stage = open_stage_with_map(1, ROOMY);
    CU_ASSERT_EQUAL(send_map(stage, 20, 0), 0);
    send_chunks(stage, 10, 1, RP__ANY_WORKER);
    start_next(&stage->crew, 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 20, 500000, RP__ANY_WORKER), 0);
    poll_once(stage);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 2);
    end_map(stage, 10);
    poll_once(stage);
    CU_ASSERT_EQUAL(stage->crew.kills, 1);
    CU_ASSERT_EQUAL(send_chunk(stage, 20, 500001, RP__ANY_WORKER), 0); /* and is not given anything while it dies */
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 1);
    poll_and_listen(stage);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 2);
    const struct rp__frame *died = find(stage, RP__FRAME_DIED, 10);
    CU_ASSERT_TRUE(died && died->flags & RP__KILLED);
    close_stage(stage);
}

static void workers_that_cannot_be_killed_finish_their_chunk(void) {
    struct stage *stage = open_stage_with_map(1, ROOMY);
    stage->crew.cannot_kill = true;
    send_chunks(stage, 10, 2, RP__ANY_WORKER);
    start_next(&stage->crew, 0);
    end_map(stage, 10);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RETURNED, 20));
    for (int i = 0; i < 5; i++) poll_once(stage);
    CU_ASSERT_EQUAL(stage->crew.kills, 1); /* asked once */
    CU_ASSERT_EQUAL(stage->crew.canceled, 10);
    answer_all(stage, 0);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RESULT, 10));
    start_next(&stage->crew, 0);
    CU_ASSERT_FALSE(stage->crew.worker[0].knows[10]);
    close_stage(stage);
}

static void chunk_that_is_still_coming_when_its_map_ends_goes_back(void) {
    struct stage *stage = open_stage_with_map(1, ROOMY);
    struct rp__frame part = {.type = RP__FRAME_WORK, .map = 10, .chunk = 7, .worker = RP__ANY_WORKER};
    part.flags = RP__MORE;
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &part), 0);
    end_map(stage, 10);
    CU_ASSERT_EQUAL(stage->count, 0);
    part.flags = 0;
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &part), 0);
    poll_and_listen(stage);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RETURNED, 7));
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 0);
    close_stage(stage);
}

static void chunks_of_a_closed_map_are_not_given_to_the_next_worker(void) {
    struct stage *stage = open_stage_with_map(1, ROOMY);
    CU_ASSERT_EQUAL(send_map(stage, 20, 0), 0);
    send_chunks(stage, 10, 2, RP__ANY_WORKER);
    CU_ASSERT_EQUAL(send_chunk(stage, 20, 500, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    start_next(&stage->crew, 0);
    end_map(stage, 10); /* 20 lies below 500 in the ring: it cannot be had back */
    CU_ASSERT_EQUAL(stage->count, 0);
    poll_and_listen(stage);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_DIED, 10));
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RETURNED, 20));
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 1);
    answer_all(stage, 0);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RESULT, 500));
    close_stage(stage);
}

static void chunk_of_a_closed_map_is_not_computed_behind_another_ones(void) {
    struct stage *stage = open_stage_with_map(1, ROOMY);
    CU_ASSERT_EQUAL(send_map(stage, 20, 0), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 20, 500, RP__ANY_WORKER), 0);
    send_chunks(stage, 10, 1, RP__ANY_WORKER);
    CU_ASSERT_EQUAL(send_chunk(stage, 20, 510, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    start_next(&stage->crew, 0);
    end_map(stage, 10); /* its chunk lies between the two of map 20 */
    poll_and_listen(stage);
    CU_ASSERT_EQUAL(stage->crew.kills, 0);
    answer(&stage->crew, 0, false);
    start_next(&stage->crew, 0);
    CU_ASSERT_EQUAL(stage->crew.worker[0].hand->head.chunk, 10);
    poll_and_listen(stage);
    CU_ASSERT_EQUAL(stage->crew.kills, 1);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_DIED, 10));
    answer_all(stage, 0);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RESULT, 510));
    close_stage(stage);
}

static void half_told_map_is_begun_again_after_its_chunk_went(void) {
    struct stage *stage = open_stage(1, 4);
    CU_ASSERT_EQUAL(send_map(stage, 19, 0), 0); /* more than the ring holds */
    CU_ASSERT_EQUAL(send_map(stage, 29, 0), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 19, 9, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    end_map(stage, 19);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RETURNED, 9));
    CU_ASSERT_EQUAL(send_chunk(stage, 29, 19, RP__ANY_WORKER), 0);
    for (int i = 0; i < 100 && !find(stage, RP__FRAME_RESULT, 19); i++) answer_all(stage, 0);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RESULT, 19));
    close_stage(stage);
}

static void nothing_is_said_of_a_closed_map_in_the_middle_of_a_chunk(void) {
    struct stage *stage = open_stage_with_map(1, 4);
    CU_ASSERT_EQUAL(send_map(stage, 20, 0), 0);
    send_chunks(stage, 10, 1, RP__ANY_WORKER);
    answer_all(stage, 0); /* the worker knows map 10 */
    CU_ASSERT_EQUAL(send_chunk(stage, 20, 9, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    start_next(&stage->crew, 0); /* the ring has room, and chunk 9 has more bytes */
    end_map(stage, 10);
    for (int i = 0; i < 100 && !find(stage, RP__FRAME_RESULT, 9); i++) answer_all(stage, 0);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RESULT, 9));
    answer_all(stage, 0);
    CU_ASSERT_FALSE(stage->crew.worker[0].knows[10]); /* and it was said afterwards */
    CU_ASSERT_TRUE(stage->crew.worker[0].knows[20]);
    close_stage(stage);
}

static void worker_with_a_full_ring_forgets_a_closed_map_later(void) {
    struct stage *stage = open_stage_with_map(1, 3);
    CU_ASSERT_EQUAL(send_map(stage, 20, 0), 0);
    send_chunks(stage, 10, 1, RP__ANY_WORKER);
    answer_all(stage, 0);
    for (uint64_t chunk = 500; chunk < 550; chunk += 10)
        CU_ASSERT_EQUAL(send_chunk(stage, 20, chunk, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    end_map(stage, 10);
    for (int i = 0; i < 10; i++) answer_all(stage, 0);
    CU_ASSERT_FALSE(stage->crew.worker[0].knows[10]);
    close_stage(stage);
}

static void cancel(struct stage *stage, uint64_t chunk, uint8_t flags) {
    const struct rp__frame frame = {.type = RP__FRAME_CANCEL, .chunk = chunk, .flags = flags};
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &frame), 0);
    poll_and_listen(stage);
}

static void canceled_chunk_comes_back_and_those_behind_it_stay(void) {
    struct stage *stage = open_stage_with_map(1, 3);
    send_chunks(stage, 10, 5, RP__ANY_WORKER);
    start_next(&stage->crew, 0);
    cancel(stage, 20, 0);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RETURNED, 20));
    cancel(stage, 50, RP__KILL);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RETURNED, 50));
    CU_ASSERT_EQUAL(stage->crew.kills, 0);
    for (uint64_t chunk = 10; chunk <= 40; chunk += chunk == 10 ? 20 : 10) {
        start_next(&stage->crew, 0);
        answer(&stage->crew, 0, false);
        poll_and_listen(stage);
        CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RESULT, chunk));
    }
    CU_ASSERT_EQUAL(rp__agent_held(stage->agent), 0);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 1);
    cancel(stage, 30, RP__KILL); /* answered before */
    CU_ASSERT_EQUAL(stage->count, 0);
    close_stage(stage);
}

static void running_chunk_is_killed_only_if_asked(void) {
    struct stage *stage = open_stage_with_map(1, ROOMY);
    send_chunks(stage, 10, 1, RP__ANY_WORKER);
    start_next(&stage->crew, 0);
    cancel(stage, 10, 0);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RUNS, 10));
    CU_ASSERT_EQUAL(stage->crew.kills, 0);
    cancel(stage, 10, RP__KILL);
    CU_ASSERT_EQUAL(stage->crew.kills, 1);
    const struct rp__frame *died = find(stage, RP__FRAME_DIED, 10);
    CU_ASSERT_TRUE(died && died->flags & RP__KILLED);
    CU_ASSERT_EQUAL(rp__agent_held(stage->agent), 0);
    close_stage(stage);
}

/* Its answers are not all taken: only what it shows tells whether it is at that chunk or at the one behind it. */
static void without_room_a_worker_is_killed_once_it_shows_the_canceled_chunk(void) {
    struct stage *stage = open_stage_with_map(1, ROOMY);
    const struct rp__frame kill = {.type = RP__FRAME_CANCEL, .chunk = 10, .flags = RP__KILL};
    for (int round = 0; round < 2; round++) {
        send_chunks(stage, 10, 2, RP__ANY_WORKER);
        start_next(&stage->crew, 0);
        if (round == 0) answer(&stage->crew, 0, false);
        if (round == 0) start_next(&stage->crew, 0);
        rp__agent_set_room(stage->agent, 0);
        CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &kill), 0);
        poll_once(stage);
        CU_ASSERT_EQUAL(stage->crew.kills, (unsigned)round);
        rp__agent_set_room(stage->agent, SIZE_MAX);
        poll_and_listen(stage);
        answer_all(stage, 0);
    }
    CU_ASSERT_EQUAL(stage->crew.kills, 1);
    close_stage(stage);
}

static void canceled_chunk_of_a_worker_that_cannot_be_killed_runs(void) {
    struct stage *stage = open_stage_with_map(1, ROOMY);
    stage->crew.cannot_kill = true;
    send_chunks(stage, 10, 1, RP__ANY_WORKER);
    start_next(&stage->crew, 0);
    cancel(stage, 10, RP__KILL);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RUNS, 10));
    answer_all(stage, 0);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RESULT, 10));
    close_stage(stage);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(end_of_a_map_returns_what_is_unstarted_and_kills_what_runs),
                                             UNIT(worker_that_has_answered_already_is_not_killed),
                                             UNIT(worker_that_is_killed_begins_nothing_else),
                                             UNIT(workers_that_cannot_be_killed_finish_their_chunk),
                                             UNIT(chunk_that_is_still_coming_when_its_map_ends_goes_back),
                                             UNIT(chunks_of_a_closed_map_are_not_given_to_the_next_worker),
                                             UNIT(chunk_of_a_closed_map_is_not_computed_behind_another_ones),
                                             UNIT(half_told_map_is_begun_again_after_its_chunk_went),
                                             UNIT(nothing_is_said_of_a_closed_map_in_the_middle_of_a_chunk),
                                             UNIT(worker_with_a_full_ring_forgets_a_closed_map_later),
                                             UNIT(canceled_chunk_comes_back_and_those_behind_it_stay),
                                             UNIT(running_chunk_is_killed_only_if_asked),
                                             UNIT(without_room_a_worker_is_killed_once_it_shows_the_canceled_chunk),
                                             UNIT(canceled_chunk_of_a_worker_that_cannot_be_killed_runs),
                                             {NULL, NULL}};
    return unit_run("agent end", tests);
}
