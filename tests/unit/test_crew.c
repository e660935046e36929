/* The crew with workers of every kind: what goes in comes out, once and in order. What only processes do, dying
 * above all, is in test_family.c. */
#include "crew/crew_kind.h"
#include "crew_agent.h"
#include "topo/topo.h"

#include <stdlib.h>

enum kernel { SQUARE, SUM, ECHO, BLOB, FUSSY, WITNESS, UNWILLING, GATE, SLOW_TO_GO, TALKER, PATIENT, MOVER, HERALD };

static struct gate *gate;

static int square(rp_task *task, const void *input, size_t size) {
    const uint64_t index = rp_task_index(task), result = index * index;
    return rp_task_write(task, &result, sizeof result);
}

static int sum(rp_task *task, uint64_t begin, uint64_t end) {
    uint64_t result = 0;
    for (uint64_t i = begin; i < end; i++) result += i;
    return begin == 13 ? rp_task_fail(task, "no run may begin at %d", 13) : rp_task_printf(task, "%d", (int)result);
}

static int echo(rp_task *task, const void *input, size_t size) { return rp_task_write(task, input, size); }

/* As many bytes as its argument says, in two steps. */
static int blob(rp_task *task, const void *input, size_t size) {
    uint64_t bytes;
    memcpy(&bytes, rp_task_args(task, &size), sizeof bytes);
    char *at = rp_task_reserve(task, bytes);
    if (!at) return RP_ENOMEM;
    memset(at, 'a' + (int)(rp_task_index(task) % 26), bytes);
    rp_task_commit(task, bytes - 1);
    return rp_task_write(task, "!", 1);
}

/* Announces as many bytes as its argument says; its odd tasks write all of them, the others one more. */
static int herald(rp_task *task, const void *input, size_t size) {
    uint64_t bytes;
    memcpy(&bytes, rp_task_args(task, &size), sizeof bytes);
    const uint64_t index = rp_task_index(task);
    if (rp_task_write(task, "<", 1) || !rp_task_announce(task, 0) || rp_task_announce(task, bytes)) return RP_EINVAL;
    if (!rp_task_announce(task, bytes)) return RP_EINVAL;
    for (uint64_t at = 2; at < bytes; at++)
        if (rp_task_write(task, at % 2 ? "a" : "b", 1)) return RP_EINVAL;
    if (index % 2) return rp_task_printf(task, "%s", ">");
    return rp_task_printf(task, "%s", ">>") == RP_ERANGE ? rp_task_write(task, ">", 1) : RP_EINVAL;
}

static int fussy(rp_task *task, const void *input, size_t size) {
    rp_task_printf(task, "begun %d", 1);
    switch (rp_task_index(task)) {
    case 0:
        return 0;
    case 1:
        return rp_task_fail(task, "task %d is refused", 1);
    case 2:
        return RP_ERANGE;
    case 3:
        return rp_task_fail(task, "%05000d", 7);
    case 4:
        rp_task_fail(task, "failed and returned 0");
        return 0;
    case 5:
        return rp_task_commit(task, 1000), 0; /* more than was reserved */
    }
    return rp_task_write(task, ", ended", 7);
}

static int witness_setup(rp_task *task, void **state) {
    size_t size;
    const char *args = rp_task_args(task, &size);
    char *copy = calloc(1, size + 1);
    if (size) memcpy(copy, args, size);
    *state = copy;
    return rp_task_printf(task, "dropped");
}
static int witness(rp_task *task, const void *input, size_t size) {
    return rp_task_printf(task, "%s by %u", (const char *)rp_task_state(task), rp_task_where(task)->worker);
}
static void witness_teardown(void *state) {
    free(state);
    atomic_fetch_add(&gate->torn_down, 1);
}

static int unwilling_setup(rp_task *task, void **state) { return rp_task_fail(task, "nothing to work with"); }
static int unwilling(rp_task *task, const void *input, size_t size) { return 0; }

static int wait_at_gate(rp_task *task, const void *input, size_t size) {
    const uint64_t index = rp_task_index(task);
    atomic_store(&gate->entered, index + 1);
    while (atomic_load(&gate->open) <= index) usleep(50);
    return 0;
}

static void slow_teardown(void *state) {
    atomic_store(&gate->torn_down, 1);
    while (atomic_load(&gate->open) < 10) usleep(50);
}

/* What it prints, in so many bytes: one more a line, from one letter on. */
enum { TALKED = 1000 * 1000 };
static char *talk(void) {
    char *text = malloc(TALKED + 1);
    for (size_t i = 0, line = 0, at = 0; i < TALKED; i++) {
        text[i] = at == line ? '\n' : (char)('a' + line % 26);
        at = at == line ? (line++, 0) : at + 1;
    }
    text[TALKED - 1] = '\n';
    text[TALKED] = 0;
    return text;
}

/* Says so, then waits at the gate, then prints more than a ring holds. */
static int talker(rp_task *task, const void *input, size_t size) {
    if (rp_task_print(task, "task %d", (int)rp_task_index(task))) return RP_EINVAL;
    wait_at_gate(task, input, size);
    char *text = talk();
    int code = rp_task_print(task, "%s", text);
    free(text);
    if (rp_task_print(task, "%*d", 2000000, 1) != RP_ERANGE) code = RP_EINVAL;
    return code ? code : rp_task_printf(task, "done");
}

/* Counts itself in and goes on until nobody wants it any more. */
static int patient(rp_task *task, const void *input, size_t size) {
    atomic_fetch_add(&gate->entered, 1);
    while (!rp_task_canceled(task)) usleep(50);
    return 0;
}

/* Goes to the CPU that its task is numbered after, and stays there. */
static int mover(rp_task *task, const void *input, size_t size) {
    struct rp__cpuset cpu = {0};
    rp__cpuset_add(&cpu, (unsigned)rp_task_index(task));
    return rp__cpuset_bind_self(&cpu);
}

static const rp_kernel
    square_kernel = {.name = "square", .item = square},
    sum_kernel = {.name = "sum", .range = sum}, echo_kernel = {.name = "echo", .item = echo},
    blob_kernel = {.name = "blob", .item = blob}, fussy_kernel = {.name = "fussy", .item = fussy},
    witness_kernel = {.name = "witness", .item = witness, .setup = witness_setup, .teardown = witness_teardown},
    unwilling_kernel = {.name = "unwilling", .item = unwilling, .setup = unwilling_setup, .teardown = witness_teardown},
    gate_kernel = {.name = "gate", .item = wait_at_gate},
    slow_to_go_kernel = {.name = "slow to go", .item = square, .teardown = slow_teardown},
    talker_kernel = {.name = "talker", .item = talker}, patient_kernel = {.name = "patient", .item = patient},
    mover_kernel = {.name = "mover", .item = mover}, herald_kernel = {.name = "herald", .item = herald};
static const rp_kernel *const kernels[] = {
    &square_kernel,    &sum_kernel,  &echo_kernel,       &blob_kernel,   &fussy_kernel,   &witness_kernel,
    &unwilling_kernel, &gate_kernel, &slow_to_go_kernel, &talker_kernel, &patient_kernel, &mover_kernel,
    &herald_kernel,    NULL};

static void with_crew(enum rp_workers kind, uint32_t workers, void (*claim)(struct agent *)) {
    struct agent agent;
    agent_prepare(&agent, kernels, kind == RP_WORKERS_PROCESS);
    agent_open(&agent, kind, workers);
    atomic_store(&gate->entered, 0);
    atomic_store(&gate->open, 0);
    atomic_store(&gate->torn_down, 0);
    claim(&agent);
    agent_close(&agent);
}

static void for_every_kind(uint32_t workers, void (*claim)(struct agent *)) {
    with_crew(RP_WORKERS_PROCESS, workers, claim);
    with_crew(RP_WORKERS_THREAD, workers, claim);
    with_crew(RP_WORKERS_INLINE, workers, claim);
}

/* ---- Every kind ---------------------------------------------------------------------------------------- */

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

/* Give as it fits, and take whatever comes meanwhile. */
static bool give_slowly(struct agent *agent, struct rp__work *work) {
    const double until = agent_now() + 20;
    while (!rp__crew_give(agent->crew, 0, work)) {
        struct rp__crew_event event;
        bool got;
        rp__crew_wake(agent->crew, 0);
        if (agent_now() > until || rp__crew_poll(agent->crew, &event, &got, &agent->error) || got) return false;
    }
    rp__crew_wake(agent->crew, 0);
    return true;
}

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

/* ---- Kinds that run beside the agent -------------------------------------------------------------------- */

static void for_both_kinds(uint32_t workers, void (*claim)(struct agent *)) {
    with_crew(RP_WORKERS_PROCESS, workers, claim);
    with_crew(RP_WORKERS_THREAD, workers, claim);
}

static void wait_until_entered(uint64_t tasks) {
    const double until = agent_now() + 20;
    while (atomic_load(&gate->entered) < tasks && agent_now() < until) usleep(50);
    CU_ASSERT_EQUAL(atomic_load(&gate->entered), tasks);
}

static void taking_back(struct agent *agent) {
    struct rp__crew_event event;
    agent_give_map(agent, 0, 7, GATE, NULL, 0);
    for (uint64_t i = 0; i < 4; i++) agent_give_chunk(agent, 0, 7, 50 + i, i, i + 1);
    wait_until_entered(1);
    CU_ASSERT_FALSE(rp__crew_take_back(agent->crew, 0, 52)); /* not the youngest */
    CU_ASSERT_FALSE(rp__crew_take_back(agent->crew, 0, 99)); /* not given */
    CU_ASSERT_TRUE(rp__crew_take_back(agent->crew, 0, 53));
    CU_ASSERT_TRUE(rp__crew_take_back(agent->crew, 0, 52));
    CU_ASSERT_TRUE(rp__crew_take_back(agent->crew, 0, 51));
    CU_ASSERT_FALSE(rp__crew_take_back(agent->crew, 0, 50)); /* it has started */
    agent_give_chunk(agent, 0, 7, 54, 1, 2);
    atomic_store(&gate->open, 10);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(event.chunk, 50);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(event.chunk, 54);
    CU_ASSERT_FALSE(rp__crew_take_back(agent->crew, 0, 54)); /* it is answered */
    CU_ASSERT_EQUAL(atomic_load(&gate->entered), 2);
}
static void chunk_taken_back_is_never_computed(void) { for_both_kinds(1, taking_back); }

static void taking_back_a_half(struct agent *agent) {
    enum { LARGE = 1000 * 1000 };
    struct rp__crew_event event;
    uint8_t *in = calloc(1, LARGE + RP__RECORD_HEAD_MAX);
    const size_t head = rp__record_head(in, LARGE, false);
    agent_give_map(agent, 0, 7, GATE, NULL, 0);
    agent_give_chunk(agent, 0, 7, 50, 0, 1);
    wait_until_entered(1);
    struct rp__work work = agent_chunk(7, 51, 1, 2);
    work.data = in;
    work.size = head + LARGE;
    CU_ASSERT_FALSE(rp__crew_give(agent->crew, 0, &work));
    CU_ASSERT_TRUE(work.started && work.given > 0);
    CU_ASSERT_TRUE(rp__crew_take_back(agent->crew, 0, 51));
    atomic_store(&gate->open, 10);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(event.chunk, 50);
    CU_ASSERT_TRUE(agent_give_chunk(agent, 0, 7, 52, 2, 3));
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(event.chunk, 52);
    free(in);
}
static void chunk_given_in_part_can_be_taken_back(void) { for_both_kinds(1, taking_back_a_half); }

static void forgetting_between_pieces(struct agent *agent) {
    enum { LARGE = 3 * 1000 * 1000 };
    struct rp__crew_event event;
    uint8_t *in = calloc(1, LARGE + RP__RECORD_HEAD_MAX);
    const size_t head = rp__record_head(in, LARGE, false);
    agent_give_map(agent, 0, 6, WITNESS, "x", 1);
    agent_give_chunk(agent, 0, 6, 49, 0, 1);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    agent_give_map(agent, 0, 7, ECHO, NULL, 0);
    struct rp__work work = agent_chunk(7, 51, 1, 2), forget = {.type = RP__WORK_FORGET, .map = 6};
    work.data = in;
    work.size = head + LARGE;
    CU_ASSERT_FALSE(rp__crew_give(agent->crew, 0, &work));
    CU_ASSERT_TRUE(work.given > 0);
    while (!rp__crew_give(agent->crew, 0, &forget)) rp__crew_wake(agent->crew, 0);
    CU_ASSERT_TRUE_FATAL(give_slowly(agent, &work));
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(event.chunk, 51);
    CU_ASSERT_EQUAL(agent->bytes[0].size, head + LARGE);
    CU_ASSERT_EQUAL(atomic_load(&gate->torn_down), 1);
    free(in);
}
static void map_can_be_forgotten_between_pieces_of_work(void) { for_both_kinds(1, forgetting_between_pieces); }

static void claims_wrap(struct agent *agent) {
    struct rp__crew_event event;
    agent_give_map(agent, 0, 7, GATE, NULL, 0);
    agent_give_map(agent, 0, 8, SQUARE, NULL, 0);
    agent_give_chunk(agent, 0, 7, 0, 0, 1);
    wait_until_entered(1);
    /* Far more than there are claims goes in and out again while the worker looks at none of it. */
    for (uint64_t i = 1; i < 3 * RP__DEPTH; i++) {
        if (!agent_give_chunk(agent, 0, 8, i, i, i + 1)) break; /* the ring is full of what was taken back */
        CU_ASSERT_TRUE_FATAL(rp__crew_take_back(agent->crew, 0, i));
    }
    atomic_store(&gate->open, 10);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(event.chunk, 0);
    while (!agent_give_chunk(agent, 0, 8, 99999, 3, 4)) usleep(50);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(event.chunk, 99999);
}
static void late_claim_of_an_old_chunk_hits_no_other(void) { for_both_kinds(1, claims_wrap); }

static void low_water(struct agent *agent) {
    struct rp__crew_event event;
    rp__crew_low_water(agent->crew, 0, 2);
    agent_give_map(agent, 0, 7, GATE, NULL, 0);
    for (uint64_t i = 0; i < 5; i++) agent_give_chunk(agent, 0, 7, i, i, i + 1);
    for (uint64_t i = 0; i < 4; i++) { /* when task i + 1 is at the gate, the bell has been rung for task i, or not */
        wait_until_entered(i + 1);
        const uint32_t before = rp__bell_read(agent->bell);
        atomic_store(&gate->open, i + 1);
        wait_until_entered(i + 2);
        const uint64_t waiting = 4 - i;
        CU_ASSERT_EQUAL(rp__bell_read(agent->bell) != before, waiting <= 2);
    }
    atomic_store(&gate->open, 10);
    for (uint64_t i = 0; i < 5; i++) CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
}
static void worker_rings_at_its_low_water_mark(void) { for_both_kinds(1, low_water); }

/* It answers while a chunk waits and so does not ring; then that chunk is taken back and the agent goes to sleep. */
static void running_dry(struct agent *agent) {
    struct rp__crew_event event;
    agent_give_map(agent, 0, 7, GATE, NULL, 0);
    agent_give_map(agent, 0, 8, SLOW_TO_GO, NULL, 0);
    agent_give_chunk(agent, 0, 8, 1, 0, 1);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    agent_give_chunk(agent, 0, 7, 2, 0, 1);
    wait_until_entered(1);
    struct rp__work forget = {.type = RP__WORK_FORGET, .map = 8};
    CU_ASSERT_TRUE(rp__crew_give(agent->crew, 0, &forget));
    agent_give_chunk(agent, 0, 7, 3, 1, 2);
    const uint32_t before = rp__bell_read(agent->bell);
    atomic_store(&gate->open, 1);
    const double until = agent_now() + 20;
    while (atomic_load(&gate->torn_down) == 0 && agent_now() < until) usleep(50);
    CU_ASSERT_TRUE(rp__crew_take_back(agent->crew, 0, 3));
    CU_ASSERT_EQUAL(rp__bell_read(agent->bell), before);
    atomic_store(&gate->open, 10);
    while (rp__bell_read(agent->bell) == before && agent_now() < until) rp__bell_wait(agent->bell, before, 1000000000);
    CU_ASSERT_NOT_EQUAL(rp__bell_read(agent->bell), before);
}
static void worker_that_runs_dry_rings_though_it_had_no_reason_before(void) { for_both_kinds(1, running_dry); }

static void thread_ends_after_the_task_in_hand(void) {
    struct agent agent;
    agent_prepare(&agent, kernels, false);
    agent_open(&agent, RP_WORKERS_THREAD, 2);
    atomic_store(&gate->entered, 0);
    atomic_store(&gate->open, 1000000);
    agent_give_map(&agent, 0, 7, WITNESS, "x", 1);
    agent_give_map(&agent, 0, 8, GATE, NULL, 0);
    atomic_store(&gate->torn_down, 0);
    struct rp__crew_event event;
    agent_give_chunk(&agent, 0, 7, 1, 0, 1);
    CU_ASSERT_TRUE(agent_answer(&agent, &event));
    agent_give_chunk(&agent, 0, 8, 2, 0, 1000000);
    while (atomic_load(&gate->entered) == 0) usleep(50);
    agent_close(&agent); /* does not wait for the other 999999 */
    CU_ASSERT_EQUAL(atomic_load(&gate->torn_down), 1);
    CU_ASSERT_TRUE(atomic_load(&gate->entered) < 1000000);
}

static void kinds_refuse_what_they_cannot_do(void) {
    struct agent agent;
    agent_prepare(&agent, kernels, false);
    agent_open(&agent, RP_WORKERS_THREAD, 1);
    CU_ASSERT_EQUAL(rp__crew_kill(agent.crew, 0, "no"), RP_EUNSUPPORTED);
    CU_ASSERT_EQUAL(rp__crew_restart(agent.crew, 0, &agent.error), RP_EBUSY);
    struct rp__crew *crew = NULL;
    static const struct rp__cpuset binding[AGENT_WORKERS + 1];
    static const rp_where where[AGENT_WORKERS + 1];
    struct rp__crew_options options = {
        .kind = RP_WORKERS_THREAD, .workers = AGENT_WORKERS + 1, .binding = binding, .where = where};
    CU_ASSERT_EQUAL(rp__crew_open(agent.arena, NULL, &options, &crew, &agent.error), RP_EINVAL);
    options = (struct rp__crew_options){.kind = RP_WORKERS_PROCESS, .workers = 1, .binding = binding, .where = where};
    CU_ASSERT_EQUAL(rp__crew_open(agent.arena, NULL, &options, &crew, &agent.error), RP_EINVAL);
    CU_ASSERT_PTR_NULL(crew);
    agent_close(&agent);
}

/* ---- Migrations ---------------------------------------------------------------------------------------- */

/* Has its first worker go to this CPU, in a chunk of its own. Was that a migration? */
static bool move(struct agent *agent, unsigned cpu) {
    static uint64_t chunk;
    struct rp__crew_event event = {0};
    CU_ASSERT_TRUE(agent_give_chunk(agent, 0, 1, ++chunk, cpu, cpu + 1));
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL(event.chunk, chunk);
    return event.migrated;
}

/* Two CPUs that the test may use; inline workers move the test itself, so it is put back where it was. */
static unsigned here, there;

static void moves(struct agent *agent) {
    struct rp__cpuset before;
    CU_ASSERT_EQUAL(rp__cpuset_of_process(0, &before), 0);
    agent_give_map(agent, 0, 1, MOVER, NULL, 0);
    move(agent, here);
    CU_ASSERT_FALSE(move(agent, here));
    CU_ASSERT_TRUE(move(agent, there));
    CU_ASSERT_FALSE(move(agent, there));
    CU_ASSERT_FALSE(move(agent, there));
    CU_ASSERT_TRUE(move(agent, here));
    CU_ASSERT_EQUAL(rp__cpuset_bind_self(&before), 0);
}

static void moves_inside_a_core(struct agent *agent) {
    struct rp__family_page *page = rp__arena_family_page(agent->arena);
    struct rp__cpuset before;
    CU_ASSERT_EQUAL(rp__cpuset_of_process(0, &before), 0);
    page->pu[0] = (rp_pu){.cpu = (int)here, .core = 3};
    page->pu[1] = (rp_pu){.cpu = (int)there, .core = 3};
    atomic_store(&page->pus, 2);
    agent_give_map(agent, 0, 1, MOVER, NULL, 0);
    move(agent, here);
    CU_ASSERT_FALSE(move(agent, there));
    CU_ASSERT_FALSE(move(agent, here));
    page->pu[1].core = 4;
    CU_ASSERT_TRUE(move(agent, there));
    CU_ASSERT_EQUAL(rp__cpuset_bind_self(&before), 0);
}

static bool two_cpus(void) {
    struct rp__cpuset cpus = {0};
    if (rp__cpuset_of_process(0, &cpus)) return false;
    here = rp__cpuset_next(&cpus, 0);
    there = rp__cpuset_next(&cpus, here + 1);
    return there < RP__CPU_MAX;
}

static void chunk_tells_that_its_worker_moved_to_another_core(void) {
    if (two_cpus()) for_every_kind(1, moves);
}

static void moving_between_hardware_threads_of_a_core_is_no_migration(void) {
    if (two_cpus()) for_every_kind(1, moves_inside_a_core);
}

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
                                             UNIT(chunk_taken_back_is_never_computed),
                                             UNIT(chunk_given_in_part_can_be_taken_back),
                                             UNIT(map_can_be_forgotten_between_pieces_of_work),
                                             UNIT(late_claim_of_an_old_chunk_hits_no_other),
                                             UNIT(worker_rings_at_its_low_water_mark),
                                             UNIT(worker_that_runs_dry_rings_though_it_had_no_reason_before),
                                             UNIT(thread_ends_after_the_task_in_hand),
                                             UNIT(kinds_refuse_what_they_cannot_do),
                                             UNIT(chunk_tells_that_its_worker_moved_to_another_core),
                                             UNIT(moving_between_hardware_threads_of_a_core_is_no_migration),
                                             {NULL, NULL}};
    return unit_run("crew", tests);
}
