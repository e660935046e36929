/* The crew with workers of every kind: what goes in comes out, once and in order. What waits for a worker meanwhile is
 * in test_crew_beside.c; what only processes do, dying above all, is in test_family.c. */
#include "crew/crew_kind.h"
#include "crew_kernels.h"

#include <pthread.h>

/* As many chunks as fit stand in the rings at any time. */
static void stream(struct agent *agent, uint64_t chunks) {
    uint64_t given = 0, answered = 0, wrong = 0, latest[AGENT_WORKERS] = {0};
    for (uint32_t w = 0; w < agent->workers; w++) agent_give_map(agent, w, 1, SQUARE, NULL, 0);
    while (answered < chunks) {
        for (uint32_t w = 0; w < agent->workers; w++) {
            while (given < chunks) {
                struct rp__work work = agent_chunk(1, given + 1, given, given + 1);
                if (!rp__crew_give(agent->crew, w, &work)) break;
                given++;
            }
            rp__crew_wake(agent->crew, w);
        }
        struct rp__crew_event event;
        for (int batch = 0; batch < 512 && answered < chunks; batch++, answered++) {
            if (!agent_answer(agent, &event)) return;
            const uint64_t task = event.chunk - 1, square_of_it = task * task;
            size_t at = 0;
            wrong += event.type != RP__CREW_RESULT || event.chunk <= latest[event.worker];
            wrong += !agent_record_is(&agent->bytes[event.worker], &at, false, &square_of_it, sizeof square_of_it);
            wrong += at != agent->bytes[event.worker].size;
            latest[event.worker] = event.chunk;
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(given, chunks);
}

static void stream_100k(struct agent *agent) { stream(agent, 100000); }
static void stream_3k(struct agent *agent) { stream(agent, 3000); }

static void process_workers_stream_100k_chunks_in_order(void) {
    with_crew(RP_WORKERS_PROCESS, 2, stream_100k);
    with_crew(RP_WORKERS_THREAD, 2, stream_100k);
}

static void every_kind_streams_in_order(void) { for_every_kind(3, stream_3k); }

static void many_tasks(struct agent *agent) {
    enum { TASKS = 100000 };
    struct rp__crew_event event;
    agent_give_map(agent, 0, 7, SQUARE, NULL, 0);
    CU_ASSERT_TRUE(agent_give_chunk(agent, 0, 7, 42, 5, 5 + TASKS));
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(event.chunk, 42);
    size_t at = 0, wrong = 0;
    for (uint64_t i = 5; i < 5 + TASKS; i++) {
        const uint64_t result = i * i;
        wrong += !agent_record_is(&agent->bytes[0], &at, false, &result, sizeof result);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(at, agent->bytes[0].size);
    CU_ASSERT_TRUE(event.busy_ns > 0);
}
static void chunk_of_100k_items_makes_as_many_records(void) { for_every_kind(1, many_tasks); }

static void ranges(struct agent *agent) {
    struct rp__crew_event event;
    agent_give_map(agent, 0, 7, SUM, NULL, 0);
    agent_give_chunk(agent, 0, 7, 1, 10, 20);
    agent_give_chunk(agent, 0, 7, 2, 13, 20);
    size_t at = 0;
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_TRUE(agent_record_is(&agent->bytes[0], &at, false, "145", 3));
    CU_ASSERT_EQUAL(at, agent->bytes[0].size);
    at = 0;
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_TRUE(agent_message_is(&agent->bytes[0], &at, "no run may begin at 13"));
    CU_ASSERT_EQUAL(at, agent->bytes[0].size);
}
static void range_kernel_makes_one_record_a_chunk(void) { for_every_kind(1, ranges); }

static void inputs(struct agent *agent) {
    struct rp__crew_event event;
    struct rp__buffer in = {0};
    static const char *const words[] = {"one", "", "three"};
    for (size_t i = 0; i < 3; i++) {
        uint8_t head[RP__RECORD_HEAD_MAX];
        rp__buffer_append(&in, head, rp__record_head(head, strlen(words[i]), false));
        rp__buffer_append(&in, words[i], strlen(words[i]));
    }
    agent_give_map(agent, 0, 7, ECHO, NULL, 0);
    struct rp__work work = agent_chunk(7, 1, 0, 3);
    work.data = in.data;
    work.size = in.size;
    CU_ASSERT_TRUE(rp__crew_give(agent->crew, 0, &work));
    rp__crew_wake(agent->crew, 0);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(agent->bytes[0].size, in.size);
    CU_ASSERT_EQUAL(memcmp(agent->bytes[0].data, in.data, in.size), 0);

    work = agent_chunk(7, 2, 0, 4); /* one input too few: its task fails, the others do not */
    work.data = in.data;
    work.size = in.size;
    CU_ASSERT_TRUE(rp__crew_give(agent->crew, 0, &work));
    rp__crew_wake(agent->crew, 0);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    size_t at = in.size;
    CU_ASSERT_EQUAL(memcmp(agent->bytes[0].data, in.data, in.size), 0);
    CU_ASSERT_TRUE(agent_message_is(&agent->bytes[0], &at, rp_strerror(RP_EPROTOCOL)));
    rp__buffer_free(&in);
}
static void each_item_gets_its_own_input(void) { for_every_kind(1, inputs); }

static void large(struct agent *agent) {
    enum { LARGE = 5 * 1000 * 1000 };
    uint8_t head[RP__RECORD_HEAD_MAX];
    struct rp__buffer in = {0};
    rp__buffer_append(&in, head, rp__record_head(head, LARGE, false));
    uint8_t *bytes = rp__buffer_reserve(&in, LARGE);
    for (size_t i = 0; i < LARGE; i++) bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    in.size += LARGE;

    agent_give_map(agent, 0, 7, ECHO, NULL, 0);
    struct rp__work work = agent_chunk(7, 1, 0, 1);
    work.data = in.data;
    work.size = in.size;
    CU_ASSERT_TRUE_FATAL(give_slowly(agent, &work));
    struct rp__crew_event event;
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_TRUE_FATAL(agent->bytes[0].size == in.size);
    CU_ASSERT_EQUAL(memcmp(agent->bytes[0].data, in.data, in.size), 0);
    rp__buffer_free(&in);
}
static void input_and_output_of_5_mb_pass_whole(void) { for_every_kind(1, large); }

static void outputs(struct agent *agent) {
    const uint64_t size = 40000; /* larger than a piece, and more of them than the ring holds */
    struct rp__crew_event event;
    agent_give_map(agent, 0, 7, BLOB, &size, sizeof size);
    agent_give_chunk(agent, 0, 7, 1, 0, 100);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    char *expected = malloc(size);
    size_t at = 0, wrong = 0;
    for (int i = 0; i < 100; i++) {
        memset(expected, 'a' + i % 26, size - 1);
        expected[size - 1] = '!';
        wrong += !agent_record_is(&agent->bytes[0], &at, false, expected, size);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(at, agent->bytes[0].size);
    free(expected);
}
static void outputs_larger_than_the_ring_wait_for_the_agent(void) { for_every_kind(1, outputs); }

static void announced(struct agent *agent) {
    const uint64_t size = 100000;
    struct rp__crew_event event;
    agent_give_map(agent, 0, 7, HERALD, &size, sizeof size);
    agent_give_chunk(agent, 0, 7, 1, 0, 20);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    char *expected = malloc(size);
    for (size_t i = 0; i < size; i++) expected[i] = "ba"[i % 2];
    expected[0] = '<';
    memmove(expected + 1, expected + 2, size - 2);
    expected[size - 1] = '>';
    size_t at = 0, wrong = 0;
    for (int i = 0; i < 20; i++) wrong += !agent_record_is(&agent->bytes[0], &at, false, expected, size);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(at, agent->bytes[0].size);
    free(expected);
}
static void announced_record_has_that_many_bytes_and_no_more(void) { for_every_kind(1, announced); }

static void failures(struct agent *agent) {
    struct rp__crew_event event;
    agent_give_map(agent, 0, 7, FUSSY, NULL, 0);
    agent_give_chunk(agent, 0, 7, 1, 0, 7);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    const struct rp__buffer *bytes = &agent->bytes[0];
    char zeros[1024];
    memset(zeros, '0', sizeof zeros);
    size_t at = 0;
    CU_ASSERT_TRUE(agent_record_is(bytes, &at, false, "begun 1", 7));
    CU_ASSERT_TRUE(agent_message_is(bytes, &at, "task 1 is refused"));
    CU_ASSERT_TRUE(agent_message_is(bytes, &at, rp_strerror(RP_ERANGE)));
    CU_ASSERT_TRUE(agent_record_is(bytes, &at, true, zeros, sizeof zeros));
    CU_ASSERT_TRUE(agent_message_is(bytes, &at, "failed and returned 0"));
    CU_ASSERT_TRUE(agent_record_is(bytes, &at, false, "begun 1", 7));
    CU_ASSERT_TRUE(agent_record_is(bytes, &at, false, "begun 1, ended", 14));
    CU_ASSERT_EQUAL(at, bytes->size);
}
static void failed_task_leaves_its_message_and_nothing_else(void) { for_every_kind(1, failures); }

static void setups(struct agent *agent) {
    struct rp__crew_event event;
    char *args = malloc(100000); /* in several pieces */
    memset(args, 'x', 100000);
    agent_give_map(agent, 0, 7, WITNESS, "small", 5);
    agent_give_map(agent, 0, 8, WITNESS, args, 100000);
    for (uint64_t i = 0; i < 4; i++) agent_give_chunk(agent, 0, i % 2 ? 8 : 7, i, i, i + 1);
    for (uint64_t i = 0; i < 4; i++) {
        CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
        CU_ASSERT_EQUAL(event.chunk, i);
        size_t at = 0;
        if (i % 2) CU_ASSERT_EQUAL(agent->bytes[0].size, 3 + 100000 + 7);
        if (i % 2 == 0) CU_ASSERT_TRUE(agent_record_is(&agent->bytes[0], &at, false, "small by 100", 12));
    }
    struct rp__work forget = {.type = RP__WORK_FORGET, .map = 7};
    CU_ASSERT_TRUE(rp__crew_give(agent->crew, 0, &forget));
    agent_give_chunk(agent, 0, 8, 9, 9, 10);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(event.chunk, 9);
    CU_ASSERT_EQUAL(atomic_load(&gate->torn_down), 1);
    forget = (struct rp__work){.type = RP__WORK_FORGET, .map = 8};
    CU_ASSERT_TRUE(rp__crew_give(agent->crew, 0, &forget));
    agent_give_map(agent, 0, 9, SQUARE, NULL, 0);
    agent_give_chunk(agent, 0, 9, 10, 10, 11);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(atomic_load(&gate->torn_down), 2);
    free(args);
}
static void setup_and_teardown_run_once_a_map(void) { for_every_kind(1, setups); }

static void prints(struct agent *agent) {
    struct rp__crew_event event;
    struct rp__buffer printed = {0};
    char *text = talk();
    agent_give_map(agent, 0, 7, TALKER, NULL, 0);
    /* An inline worker cannot be heard while it computes: it finds the gate open. */
    atomic_store(&gate->open, agent->crew->kind == &rp__crew_inline ? 6 : 5);
    agent_give_chunk(agent, 0, 7, 1, 5, 6);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event)); /* while it waits at the gate */
    CU_ASSERT_EQUAL(event.type, RP__CREW_PRINT);
    CU_ASSERT_TRUE(event.size >= 7 && !memcmp(event.data, "task 5\n", 7));
    rp__buffer_append(&printed, event.data, event.size);
    atomic_store(&gate->open, 6);
    while (agent_answer(agent, &event) && event.type == RP__CREW_PRINT)
        rp__buffer_append(&printed, event.data, event.size);
    CU_ASSERT_EQUAL(event.type, RP__CREW_RESULT);
    CU_ASSERT_EQUAL_FATAL(printed.size, 7 + TALKED);
    CU_ASSERT_EQUAL(memcmp(printed.data + 7, text, TALKED), 0);
    size_t at = 0;
    CU_ASSERT_TRUE(agent_record_is(&agent->bytes[0], &at, false, "done", 4));
    rp__buffer_free(&printed);
    free(text);
}
static void what_a_task_prints_comes_in_order_and_before_its_result(void) { for_every_kind(1, prints); }

static void *cancel_when_entered(void *self) {
    const struct agent *agent = self;
    while (!atomic_load(&gate->entered)) usleep(50);
    rp__crew_cancel(agent->crew, 6); /* which it does not compute */
    rp__crew_cancel(agent->crew, 7);
    return NULL;
}

static void cancels(struct agent *agent) {
    struct rp__crew_event event;
    pthread_t other; /* the caller's own thread computes where the crew is inline */
    agent_give_map(agent, 0, 7, PATIENT, NULL, 0);
    agent_give_map(agent, 0, 8, SQUARE, NULL, 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&other, NULL, cancel_when_entered, agent), 0);
    agent_give_chunk(agent, 0, 7, 1, 0, 3);
    agent_give_chunk(agent, 0, 7, 3, 3, 4);
    agent_give_chunk(agent, 0, 8, 2, 0, 1);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    pthread_join(other, NULL);
    CU_ASSERT_EQUAL(atomic_load(&gate->entered), 1); /* the tasks behind it are not begun */
    size_t at = 0;
    CU_ASSERT_TRUE(agent_record_is(&agent->bytes[0], &at, false, "", 0));
    for (int i = 0; i < 2; i++) CU_ASSERT_TRUE(agent_message_is(&agent->bytes[0], &at, rp_strerror(RP_ECANCELED)));
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    at = 0;
    CU_ASSERT_EQUAL(event.chunk, 3); /* nor those of the next chunk of the map */
    CU_ASSERT_TRUE(agent_message_is(&agent->bytes[0], &at, rp_strerror(RP_ECANCELED)));
    CU_ASSERT_EQUAL(atomic_load(&gate->entered), 1);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    at = 0;
    CU_ASSERT_EQUAL(event.chunk, 2); /* another map is not concerned */
    CU_ASSERT_TRUE(agent_record_is(&agent->bytes[0], &at, false, &(uint64_t){0}, 8));
}
static void canceled_map_lets_its_task_leave_early_and_no_other(void) { for_every_kind(1, cancels); }

static void task_of_a_crew_that_closes_is_canceled(void) {
    struct agent agent;
    agent_prepare(&agent, kernels, false);
    agent_open(&agent, RP_WORKERS_THREAD, 1);
    atomic_store(&gate->entered, 0);
    agent_give_map(&agent, 0, 7, PATIENT, NULL, 0);
    agent_give_chunk(&agent, 0, 7, 1, 0, 1);
    while (!atomic_load(&gate->entered)) usleep(50);
    CU_ASSERT_TRUE(rp__crew_close(agent.crew));
    agent.crew = NULL;
    agent_close(&agent);
}

static void refusals(struct agent *agent) {
    struct rp__crew_event event;
    agent_give_map(agent, 0, 7, UNWILLING, NULL, 0);
    for (uint64_t chunk = 0; chunk < 2; chunk++) {
        agent_give_chunk(agent, 0, 7, chunk, 0, 2);
        CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
        size_t at = 0;
        CU_ASSERT_TRUE(agent_message_is(&agent->bytes[0], &at, "nothing to work with"));
        CU_ASSERT_TRUE(agent_message_is(&agent->bytes[0], &at, "nothing to work with"));
        CU_ASSERT_EQUAL(at, agent->bytes[0].size);
    }
    struct rp__work forget = {.type = RP__WORK_FORGET, .map = 7};
    CU_ASSERT_TRUE(rp__crew_give(agent->crew, 0, &forget));
    agent_give_map(agent, 0, 9, SQUARE, NULL, 0);
    agent_give_chunk(agent, 0, 9, 10, 10, 11);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(atomic_load(&gate->torn_down), 0);
}
static void failed_setup_fails_every_task_of_the_map(void) { for_every_kind(1, refusals); }

static void depth(struct agent *agent) {
    struct rp__crew_event event;
    agent_give_map(agent, 0, 7, SQUARE, NULL, 0);
    uint64_t given = 0;
    for (struct rp__work work; work = agent_chunk(7, given, given, given + 1), rp__crew_give(agent->crew, 0, &work);)
        given++;
    CU_ASSERT_EQUAL(given, RP__DEPTH);
    for (uint64_t i = 0; i < given; i++) CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event) && event.chunk == i);
    CU_ASSERT_TRUE(agent_give_chunk(agent, 0, 7, given, 0, 1));
    CU_ASSERT_TRUE(agent_answer(agent, &event) && event.chunk == given);
}
static void worker_holds_as_many_chunks_as_there_are_claims(void) { with_crew(RP_WORKERS_INLINE, 1, depth); }

int main(void) {
    gate = mmap(NULL, sizeof *gate, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static const struct unit_test tests[] = {UNIT(process_workers_stream_100k_chunks_in_order),
                                             UNIT(every_kind_streams_in_order),
                                             UNIT(chunk_of_100k_items_makes_as_many_records),
                                             UNIT(range_kernel_makes_one_record_a_chunk),
                                             UNIT(each_item_gets_its_own_input),
                                             UNIT(input_and_output_of_5_mb_pass_whole),
                                             UNIT(outputs_larger_than_the_ring_wait_for_the_agent),
                                             UNIT(announced_record_has_that_many_bytes_and_no_more),
                                             UNIT(failed_task_leaves_its_message_and_nothing_else),
                                             UNIT(setup_and_teardown_run_once_a_map),
                                             UNIT(what_a_task_prints_comes_in_order_and_before_its_result),
                                             UNIT(canceled_map_lets_its_task_leave_early_and_no_other),
                                             UNIT(task_of_a_crew_that_closes_is_canceled),
                                             UNIT(failed_setup_fails_every_task_of_the_map),
                                             UNIT(worker_holds_as_many_chunks_as_there_are_claims),
                                             {NULL, NULL}};
    return unit_run("crew", tests);
}
