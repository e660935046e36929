/* The agent against a played crew, a claim at a time: chunks reach workers behind their map, come back when they may,
 * and are given again when a worker dies. What becomes of them when their map ends is in test_agent_end.c. */
#include "agent_stage.h"

static void take_back(struct stage *stage, uint64_t count) {
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &(struct rp__frame){.type = RP__FRAME_TAKE_BACK, .count = count}),
                    0);
    listen_to(stage);
}

/* ---- Dealing to workers -------------------------------------------------------------------------------- */

static void chunks_go_to_the_least_loaded_worker(void) {
    struct stage *stage = open_stage_with_map(3, ROOMY);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 3);
    send_chunks(stage, 10, 9, RP__ANY_WORKER);
    for (uint32_t i = 0; i < 3; i++) CU_ASSERT_EQUAL(chunks_of(&stage->crew, i), 3);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 0);
    start_next(&stage->crew, 1);
    answer(&stage->crew, 1, false);
    start_next(&stage->crew, 1);
    answer(&stage->crew, 1, false);
    poll_and_listen(stage);
    send_chunks(stage, 1000, 2, RP__ANY_WORKER);
    for (uint32_t i = 0; i < 3; i++) CU_ASSERT_EQUAL(chunks_of(&stage->crew, i), 3);
    close_stage(stage);
}

static void results_pass_through_with_their_bytes(void) {
    struct stage *stage = open_stage_with_map(1, ROOMY);
    send_chunks(stage, 70, 1, RP__ANY_WORKER);
    start_next(&stage->crew, 0);
    answer(&stage->crew, 0, true);
    answer(&stage->crew, 0, false);
    poll_and_listen(stage);
    CU_ASSERT_EQUAL_FATAL(stage->count, 2);
    const struct rp__frame *first = &stage->heard[0].frame, *last = &stage->heard[1].frame;
    CU_ASSERT_TRUE(first->type == RP__FRAME_RESULT && first->chunk == 70 && first->flags == RP__MORE);
    CU_ASSERT_TRUE(last->type == RP__FRAME_RESULT && last->chunk == 70 && last->flags == 0 && last->count == 1000);
    CU_ASSERT_TRUE(first->size == 4 && last->size == 4 && stage->heard[0].bytes[0] == 70);
    CU_ASSERT_EQUAL(rp__agent_chunk_ns(stage->agent), 1000);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 1);
    close_stage(stage);
}

static void without_room_answers_wait_in_their_rings(void) {
    struct stage *stage = open_stage_with_map(1, ROOMY);
    send_chunks(stage, 70, 2, RP__ANY_WORKER);
    for (int i = 0; i < 4; i++) {
        if (i % 2 == 0) start_next(&stage->crew, 0);
        answer(&stage->crew, 0, i % 2 == 0);
    }
    rp__agent_set_room(stage->agent, 0);
    CU_ASSERT_EQUAL(poll_once(stage), 0);
    rp__agent_set_room(stage->agent, 5); /* of answers of four bytes */
    CU_ASSERT_EQUAL(poll_once(stage), 2);
    rp__agent_set_room(stage->agent, SIZE_MAX);
    CU_ASSERT_EQUAL(poll_once(stage), 2);
    listen_to(stage);
    CU_ASSERT_EQUAL_FATAL(stage->count, 4);
    for (uint32_t i = 0; i < 4; i++) CU_ASSERT_EQUAL(stage->heard[i].frame.flags, i % 2 ? 0 : RP__MORE);
    close_stage(stage);
}

static void without_room_workers_get_chunks_all_the_same(void) {
    struct stage *stage = open_stage_with_map(1, ROOMY);
    rp__agent_set_room(stage->agent, 0);
    send_chunks(stage, 70, 2, RP__ANY_WORKER);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 2);
    close_stage(stage);
}

static void answer_of_a_worker_that_migrated_says_so(void) {
    struct stage *stage = open_stage_with_map(2, ROOMY);
    send_chunks(stage, 70, 2, RP__ANY_WORKER);
    stage->crew.worker[1].migrates = true;
    for (uint32_t at = 0; at < 2; at++) {
        start_next(&stage->crew, at);
        answer(&stage->crew, at, true);
        answer(&stage->crew, at, false);
    }
    poll_and_listen(stage);
    uint32_t migrated = 0;
    for (uint32_t i = 0; i < stage->count; i++) {
        const struct rp__frame *frame = &stage->heard[i].frame;
        migrated += frame->flags == RP__MIGRATED;
        CU_ASSERT_TRUE(frame->flags == 0 || frame->flags == RP__MORE || frame->flags == RP__MIGRATED);
    }
    CU_ASSERT_EQUAL(stage->count, 4);
    CU_ASSERT_EQUAL(migrated, 1);
    close_stage(stage);
}

/* Worker `at` prints some of a text. */
static void say(struct stage *stage, uint32_t at, const char *text) {
    struct played_event *event =
        post(&stage->crew, &(struct rp__crew_event){.type = RP__CREW_PRINT, .worker = at, .size = strlen(text)});
    memcpy(event->result, text, strlen(text));
}

static void line_that_a_dead_worker_had_begun_is_dropped(void) {
    struct stage *stage = open_stage(2, ROOMY);
    say(stage, 0, "3\nfo");
    die(&stage->crew, 0, "killed", UINT64_MAX);
    poll_and_listen(stage);
    say(stage, 0, "five\n");
    poll_and_listen(stage);
    CU_ASSERT_EQUAL(stage->count, 1);
    CU_ASSERT_STRING_EQUAL(stage->heard[0].bytes, "five\n"); /* nothing of what the dead one had begun */
    close_stage(stage);
}

static void lines_of_workers_do_not_break_into_each_other(void) {
    struct stage *stage = open_stage(2, ROOMY);
    say(stage, 0, "one\ntw");
    say(stage, 1, "eins\n");
    say(stage, 0, "o, ");
    say(stage, 0, "3\n");
    poll_and_listen(stage);
    static const char *const expected[] = {"one\n", "eins\n", "two, 3\n"};
    CU_ASSERT_EQUAL_FATAL(stage->count, 3);
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(stage->heard[i].frame.type, RP__FRAME_PRINT);
        CU_ASSERT_STRING_EQUAL(stage->heard[i].bytes, expected[i]);
    }
    close_stage(stage);
}

static void full_ring_is_filled_as_it_empties(void) {
    struct stage *stage = open_stage(1, 4);
    CU_ASSERT_EQUAL(send_map(stage, 19, 0), 0); /* 15 pieces of arguments, and 15 for each chunk's inputs */
    for (uint64_t chunk = 9; chunk < 99; chunk += 10) CU_ASSERT_EQUAL(send_chunk(stage, 19, chunk, RP__ANY_WORKER), 0);
    uint64_t due = 9;
    for (int i = 0; i < 1000 && due < 99; i++) {
        poll_and_listen(stage);
        if (find(stage, RP__FRAME_RESULT, due)) due += 10;
        start_next(&stage->crew, 0);
        answer(&stage->crew, 0, false);
    }
    CU_ASSERT_EQUAL(due, 99);
    close_stage(stage);
}

static void inactive_workers_get_nothing(void) {
    struct stage *stage = open_stage(4, ROOMY);
    CU_ASSERT_EQUAL(send_map(stage, 10, 2), 0);
    send_chunks(stage, 10, 8, RP__ANY_WORKER);
    for (uint32_t i = 0; i < 4; i++) CU_ASSERT_EQUAL(chunks_of(&stage->crew, i), i < 2 ? 4 : 0);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 2);
    close_stage(stage);
}

static void work_that_idle_workers_may_not_have_is_left_in_peace(void) {
    struct stage *stage = open_stage(2, ROOMY);
    CU_ASSERT_EQUAL(send_map(stage, 10, 1), 0);
    send_chunks(stage, 10, 4, RP__ANY_WORKER);
    unsigned wakes = stage->crew.worker[0].wakes;
    for (int i = 0; i < 10; i++) poll_once(stage);
    CU_ASSERT_EQUAL(stage->crew.worker[0].wakes, wakes);
    for (const struct played_work *work = stage->crew.worker[0].first; work; work = work->next)
        CU_ASSERT_FALSE(work->taken_back);
    close_stage(stage);
}

static void work_moves_to_a_worker_that_runs_dry(void) {
    struct stage *stage = open_stage_with_map(2, ROOMY);
    send_chunks(stage, 10, 8, RP__ANY_WORKER);
    start_next(&stage->crew, 0);
    answer_all(stage, 1);
    poll_once(stage);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 3);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 1), 1);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 0);
    close_stage(stage);
}

static void targeted_chunks_stay_with_their_worker(void) {
    struct stage *stage = open_stage_with_map(3, ROOMY);
    send_chunks(stage, 10, 5, 2);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 2), 5);
    for (int i = 0; i < 5; i++) poll_once(stage); /* two idle workers get none of them */
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 2), 5);
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 2);
    take_back(stage, 5);
    CU_ASSERT_EQUAL(stage->count, 1);
    CU_ASSERT_EQUAL(stage->heard[0].frame.flags, RP__LAST);
    close_stage(stage);
}

static void take_back_returns_only_what_has_not_started(void) {
    struct stage *stage = open_stage_with_map(2, ROOMY);
    send_chunks(stage, 10, 6, RP__ANY_WORKER);
    start_next(&stage->crew, 0);
    start_next(&stage->crew, 1);
    uint64_t in_hand[] = {stage->crew.worker[0].hand->head.chunk, stage->crew.worker[1].hand->head.chunk};
    take_back(stage, 1);
    CU_ASSERT_EQUAL(stage->count, 2);
    take_back(stage, 100);
    CU_ASSERT_EQUAL(stage->count, 4); /* three, and the end of the answer */
    CU_ASSERT_TRUE(stage->heard[3].frame.flags == RP__LAST && stage->heard[3].frame.chunk == 0);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_PTR_NULL(find(stage, RP__FRAME_RETURNED, in_hand[i]));
        CU_ASSERT_EQUAL(chunks_of(&stage->crew, (uint32_t)i), 1);
    }
    answer_all(stage, 0);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RESULT, in_hand[0]));
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 1);
    close_stage(stage);
}

/* ---- Death --------------------------------------------------------------------------------------------- */

static void started_workers_are_reported_once(void) {
    struct stage *stage = open_stage(2, ROOMY);
    CU_ASSERT_EQUAL(stage->count, 2);
    die(&stage->crew, 0, "killed by signal 9", UINT64_MAX);
    poll_and_listen(stage);
    CU_ASSERT_EQUAL(stage->crew.worker[0].starts, 2);
    CU_ASSERT_EQUAL(stage->count, 1); /* DIED, and no second WORKER */
    CU_ASSERT_TRUE(stage->heard[0].frame.type == RP__FRAME_DIED && stage->heard[0].frame.flags == 0);
    close_stage(stage);
}

static void chunk_in_hand_is_reported_with_the_guilty_task(void) {
    struct stage *stage = open_stage_with_map(2, ROOMY);
    send_chunks(stage, 10, 1, 1);
    start_next(&stage->crew, 1);
    die(&stage->crew, 1, "killed by signal 11 (Segmentation fault)", 107);
    poll_and_listen(stage);
    const struct rp__frame *died = find(stage, RP__FRAME_DIED, 10);
    CU_ASSERT_PTR_NOT_NULL_FATAL(died);
    CU_ASSERT_TRUE(died->flags == RP__IN_HAND && died->worker == 1 && died->begin == 107 && died->end == 108);
    CU_ASSERT_STRING_EQUAL(stage->heard[0].bytes, "killed by signal 11 (Segmentation fault)");
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 1), 0); /* the master decides what becomes of it */
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 2);

    send_chunks(stage, 20, 1, 1);
    start_next(&stage->crew, 1);
    die(&stage->crew, 1, "killed by signal 9", UINT64_MAX); /* and where the task is not known, the whole chunk */
    poll_and_listen(stage);
    died = find(stage, RP__FRAME_DIED, 20);
    CU_ASSERT_TRUE(died && died->flags == RP__IN_HAND && died->begin == 200 && died->end == 210);
    close_stage(stage);
}

static void what_a_dead_worker_had_not_answered_is_given_again_after_its_map(void) {
    struct stage *stage = open_stage(1, ROOMY);
    CU_ASSERT_EQUAL(send_map(stage, 19, 0), 0);
    for (uint64_t chunk = 1; chunk <= 5; chunk++) CU_ASSERT_EQUAL(send_chunk(stage, 19, chunk, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    start_next(&stage->crew, 0);
    answer(&stage->crew, 0, false);
    start_next(&stage->crew, 0);
    die(&stage->crew, 0, "killed by signal 9", UINT64_MAX);
    poll_and_listen(stage);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RESULT, 1));
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_DIED, 2));
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 3);
    answer_all(stage, 0); /* a fault, if the map or the inputs were not given first */
    for (uint64_t chunk = 3; chunk <= 5; chunk++) CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RESULT, chunk));
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 1);
    close_stage(stage);
}

/* Any of them may have done it, in a chunk whose answer went with the rings. */
static void chunks_of_a_worker_that_wrote_over_its_rings_are_given_one_by_one(void) {
    struct stage *stage = open_stage(1, ROOMY);
    CU_ASSERT_EQUAL(send_map(stage, 19, 0), 0);
    for (uint64_t chunk = 1; chunk <= 3; chunk++) CU_ASSERT_EQUAL(send_chunk(stage, 19, chunk, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    start_next(&stage->crew, 0);
    die(&stage->crew, 0, "wrote over its ring", UINT64_MAX);
    stage->crew.event[stage->crew.to - 1].event.ruined = true;
    poll_and_listen(stage);
    CU_ASSERT_TRUE(stage->count == 1 && stage->heard[0].frame.type == RP__FRAME_DIED);
    CU_ASSERT_EQUAL(stage->heard[0].frame.flags, 0); /* nobody is blamed */
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 1);
    start_next(&stage->crew, 0);
    answer(&stage->crew, 0, false);
    poll_and_listen(stage);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RESULT, 1));
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 1);
    start_next(&stage->crew, 0);
    die(&stage->crew, 0, "wrote over its ring", UINT64_MAX);
    stage->crew.event[stage->crew.to - 1].event.ruined = true;
    poll_and_listen(stage);
    const struct rp__frame *died = find(stage, RP__FRAME_DIED, 2);
    CU_ASSERT_TRUE(died && died->flags == RP__IN_HAND); /* it was alone */
    answer_all(stage, 0);
    CU_ASSERT_PTR_NOT_NULL(find(stage, RP__FRAME_RESULT, 3));
    CU_ASSERT_EQUAL(rp__agent_idle(stage->agent), 1);
    close_stage(stage);
}

static void order_is_kept_over_a_death(void) {
    struct stage *stage = open_stage_with_map(1, 4); /* the map and three chunks are in the ring, the others wait */
    send_chunks(stage, 10, 9, RP__ANY_WORKER);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 3);
    die(&stage->crew, 0, "killed by signal 9", UINT64_MAX);
    uint64_t due = 10;
    for (int i = 0; i < 9; i++) {
        answer_all(stage, 0);
        for (size_t k = 0; k < stage->count; k++) {
            if (stage->heard[k].frame.type != RP__FRAME_RESULT) continue;
            CU_ASSERT_EQUAL(stage->heard[k].frame.chunk, due);
            due += 10;
        }
    }
    CU_ASSERT_EQUAL(due, 100);
    close_stage(stage);
}

static void half_answered_chunk_counts_as_in_hand_whatever_the_worker_says(void) {
    struct stage *stage = open_stage_with_map(1, ROOMY);
    send_chunks(stage, 10, 1, RP__ANY_WORKER);
    start_next(&stage->crew, 0);
    answer(&stage->crew, 0, true);
    stage->crew.forgets_hand = true;
    die(&stage->crew, 0, "wrote over its ring", UINT64_MAX);
    poll_and_listen(stage);
    /* Given again under its number, its second answer would be glued to the half of the first. */
    const struct rp__frame *died = find(stage, RP__FRAME_DIED, 10);
    CU_ASSERT_TRUE(died && died->flags == RP__IN_HAND);
    CU_ASSERT_EQUAL(chunks_of(&stage->crew, 0), 0);
    close_stage(stage);
}

static void worker_that_only_dies_ends_its_rank(void) {
    struct stage *stage = open_stage(1, ROOMY);
    uint32_t events;
    int rc = 0, deaths = 0;
    for (; rc == 0 && deaths < 1000; deaths++) {
        die(&stage->crew, 0, "exited with code 127", UINT64_MAX);
        rc = rp__agent_poll(stage->agent, &events, &stage->error);
    }
    CU_ASSERT_EQUAL(rc, RP_ESYSTEM);
    CU_ASSERT_TRUE(deaths > 10 && deaths < 100);
    CU_ASSERT_PTR_NOT_NULL(strstr(stage->error.text, "exited with code 127"));
    close_stage(stage);
}

static void process_tells_where_it_lives_and_how_it_ended_and_is_not_replaced(void) {
    struct stage *stage = calloc(1, sizeof *stage);
    const rp_where where = {.rank = 3, .host = "there"};
    open_crew(&stage->crew, 1, ROOMY);
    const unsigned starts = stage->crew.worker[0].starts;
    stage->crew.event[0].event.pid = 4711;
    stage->agent = rp__agent_new(&played_crew, &stage->crew, 1, &stage->out);
    CU_ASSERT_PTR_NOT_NULL_FATAL(stage->agent);
    rp__agent_is_process(stage->agent, &where);
    poll_and_listen(stage);
    CU_ASSERT_EQUAL_FATAL(stage->count, 1);
    CU_ASSERT_EQUAL(stage->heard[0].frame.type, RP__FRAME_WORKER);
    CU_ASSERT_EQUAL(stage->heard[0].frame.count, 4711);
    CU_ASSERT_EQUAL(stage->heard[0].frame.size, sizeof where);
    CU_ASSERT_EQUAL(send_map(stage, 10, 0), 0);
    send_chunks(stage, 10, 1, RP__ANY_WORKER);
    start_next(&stage->crew, 0);
    die(&stage->crew, 0, "exited with code 7", UINT64_MAX);
    stage->crew.event[stage->crew.to - 1].event.how = 7;
    poll_and_listen(stage);
    const struct rp__frame *died = find(stage, RP__FRAME_DIED, 10);
    CU_ASSERT_PTR_NOT_NULL_FATAL(died);
    CU_ASSERT_EQUAL(died->count, 7);
    CU_ASSERT_EQUAL(died->flags, RP__IN_HAND);
    CU_ASSERT_EQUAL(stage->crew.worker[0].starts, starts);
    close_stage(stage);
}

static void initializer_comes_first_in_every_life_of_a_worker(void) {
    struct stage *stage = calloc(1, sizeof *stage);
    open_crew(&stage->crew, 1, ROOMY);
    stage->agent = rp__agent_new(&played_crew, &stage->crew, 1, &stage->out);
    rp__agent_initialize(stage->agent, 3, "abc", 3);
    poll_and_listen(stage);
    CU_ASSERT_EQUAL(stage->count, 0); /* it has started, and is not ready */
    CU_ASSERT_EQUAL(send_map(stage, 10, 0), 0);
    send_chunks(stage, 10, 1, RP__ANY_WORKER);
    for (int life = 0; life < 2; life++) {
        const struct played_work *first = stage->crew.worker[0].first;
        CU_ASSERT_PTR_NOT_NULL_FATAL(first);
        CU_ASSERT_TRUE(first->head.type == RP__WORK_INIT && first->head.kernel == 3 && first->bytes.size == 3);
        post(&stage->crew, &(struct rp__crew_event){.type = RP__CREW_INITIALIZED, .worker = 0});
        poll_and_listen(stage);
        CU_ASSERT_EQUAL(stage->count, life == 0); /* ready for the first time */
        if (life == 0) die(&stage->crew, 0, "killed", UINT64_MAX);
        poll_and_listen(stage);
    }
    struct played_event *failed = post(
        &stage->crew, &(struct rp__crew_event){.type = RP__CREW_INITIALIZED, .worker = 0, .failed = true, .size = 0});
    failed->event.data = (const uint8_t *)"no such file";
    failed->event.size = 12;
    uint32_t events;
    CU_ASSERT_EQUAL(rp__agent_poll(stage->agent, &events, &stage->error), RP_ETASK);
    CU_ASSERT_PTR_NOT_NULL(strstr(stage->error.text, "no such file"));
    close_stage(stage);
}

static void messages_that_make_no_sense_are_refused(void) {
    struct stage *stage = open_stage_with_map(2, ROOMY);
    const struct rp__frame half_map = {.type = RP__FRAME_MAP, .map = 30, .flags = RP__MORE};
    const struct rp__frame half_chunk = {.type = RP__FRAME_WORK, .map = 10, .chunk = 7, .flags = RP__MORE};
    CU_ASSERT_EQUAL(send_map(stage, 10, 0), RP_EPROTOCOL);
    CU_ASSERT_EQUAL(send_chunk(stage, 20, 1, RP__ANY_WORKER), RP_EPROTOCOL);
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 1, 2), RP_EPROTOCOL);
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &half_map), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 30, 1, RP__ANY_WORKER), RP_EPROTOCOL);
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &(struct rp__frame){.type = RP__FRAME_MAP_END, .map = 40}),
                    RP_EPROTOCOL);
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &(struct rp__frame){.type = RP__FRAME_RESULT}), RP_EPROTOCOL);
    CU_ASSERT_EQUAL(rp__agent_receive(stage->agent, &half_chunk), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 8, RP__ANY_WORKER), RP_EPROTOCOL);
    close_stage(stage); /* with half a map and half a chunk: nothing is lost */
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(chunks_go_to_the_least_loaded_worker),
                                             UNIT(results_pass_through_with_their_bytes),
                                             UNIT(without_room_answers_wait_in_their_rings),
                                             UNIT(without_room_workers_get_chunks_all_the_same),
                                             UNIT(answer_of_a_worker_that_migrated_says_so),
                                             UNIT(line_that_a_dead_worker_had_begun_is_dropped),
                                             UNIT(lines_of_workers_do_not_break_into_each_other),
                                             UNIT(full_ring_is_filled_as_it_empties),
                                             UNIT(inactive_workers_get_nothing),
                                             UNIT(work_that_idle_workers_may_not_have_is_left_in_peace),
                                             UNIT(work_moves_to_a_worker_that_runs_dry),
                                             UNIT(targeted_chunks_stay_with_their_worker),
                                             UNIT(take_back_returns_only_what_has_not_started),
                                             UNIT(started_workers_are_reported_once),
                                             UNIT(chunk_in_hand_is_reported_with_the_guilty_task),
                                             UNIT(what_a_dead_worker_had_not_answered_is_given_again_after_its_map),
                                             UNIT(chunks_of_a_worker_that_wrote_over_its_rings_are_given_one_by_one),
                                             UNIT(order_is_kept_over_a_death),
                                             UNIT(half_answered_chunk_counts_as_in_hand_whatever_the_worker_says),
                                             UNIT(worker_that_only_dies_ends_its_rank),
                                             UNIT(process_tells_where_it_lives_and_how_it_ended_and_is_not_replaced),
                                             UNIT(initializer_comes_first_in_every_life_of_a_worker),
                                             UNIT(messages_that_make_no_sense_are_refused),
                                             {NULL, NULL}};
    return unit_run("agent", tests);
}
