/* How far a chunk is: what a worker of each kind shows, and what the agent tells of it. */
#include "agent_stage.h"
#include "crew_agent.h"

/* ---- Workers ------------------------------------------------------------------------------------------- */

enum kernel { STEPS, RUN };
enum { CHUNK = 40, BEGIN = 10, COUNT = 8 };

static struct gate *gate;

/* Says how far it is, and waits until it may go on. */
static void say(rp_task *task, uint64_t step, double fraction) {
    rp_task_progress(task, fraction);
    atomic_store(&gate->entered, step);
    while (atomic_load(&gate->open) < step) usleep(50);
}

static int set_up(rp_task *task, void **state) {
    say(task, 1, 0.5);
    return 0;
}

static int steps(rp_task *task, const void *input, size_t size) {
    if (rp_task_index(task) == BEGIN) {
        say(task, 2, 0.25);
        say(task, 3, 7);
    }
    if (rp_task_index(task) == BEGIN + 5) {
        atomic_store(&gate->entered, 4); /* nothing is said of this one */
        while (atomic_load(&gate->open) < 4) usleep(50);
        say(task, 5, 0.75);
        say(task, 6, -3);
        say(task, 7, __builtin_nan(""));
    }
    return 0;
}

static int run(rp_task *task, uint64_t begin, uint64_t end) {
    say(task, 1, 0);
    say(task, 2, 0.25);
    return 0;
}

static const rp_kernel steps_kernel = {.name = "steps", .item = steps, .setup = set_up},
                       run_kernel = {.name = "run", .range = run};
static const rp_kernel *const kernels[] = {&steps_kernel, &run_kernel, NULL};

/* What the worker shows when it has come to each step; then it may go on. */
static void shows(enum rp_workers kind, enum kernel kernel, const double *expected, uint64_t count) {
    struct agent agent;
    struct rp__crew_event event;
    uint64_t chunk = 0, item = 0;
    double tasks = -1;
    atomic_store(&gate->entered, 0);
    atomic_store(&gate->open, 0);
    agent_prepare(&agent, kernels, kind == RP_WORKERS_PROCESS);
    agent_open(&agent, kind, 1);
    agent_give_map(&agent, 0, 1, kernel, NULL, 0);
    CU_ASSERT_FALSE(rp__crew_progress(agent.crew, 0, &chunk, &tasks, &item));
    CU_ASSERT_TRUE(agent_give_chunk(&agent, 0, 1, CHUNK, BEGIN, BEGIN + COUNT));
    for (uint64_t step = 1; step <= count; step++) {
        while (atomic_load(&gate->entered) < step) usleep(50);
        CU_ASSERT_TRUE(rp__crew_progress(agent.crew, 0, &chunk, &tasks, &item));
        CU_ASSERT_EQUAL(chunk, CHUNK);
        CU_ASSERT_EQUAL(tasks, expected[step - 1]);
        atomic_store(&gate->open, step);
    }
    CU_ASSERT_TRUE(agent_answer(&agent, &event));
    CU_ASSERT_FALSE(rp__crew_progress(agent.crew, 0, &chunk, &tasks, &item));
    agent_close(&agent);
}

static void tasks_before_the_one_in_hand_count_whole_and_it_counts_as_it_says(void) {
    static const double expected[] = {0, 0.25, 1, 5, 5.75, 5, 5};
    shows(RP_WORKERS_PROCESS, STEPS, expected, 7);
    shows(RP_WORKERS_THREAD, STEPS, expected, 7);
}

static void a_range_counts_as_it_says(void) {
    static const double expected[] = {0, 0.25 * COUNT};
    shows(RP_WORKERS_PROCESS, RUN, expected, 2);
    shows(RP_WORKERS_THREAD, RUN, expected, 2);
}

static void a_worker_that_writes_nonsense_shows_no_more_than_its_chunk(void) {
    struct agent agent;
    uint64_t chunk = 0, item = 0;
    double tasks = -1;
    atomic_store(&gate->entered, 0);
    atomic_store(&gate->open, 0);
    agent_prepare(&agent, kernels, false);
    agent_open(&agent, RP_WORKERS_THREAD, 1);
    agent_give_map(&agent, 0, 1, RUN, NULL, 0);
    CU_ASSERT_TRUE(agent_give_chunk(&agent, 0, 1, CHUNK, BEGIN, BEGIN + COUNT));
    while (atomic_load(&gate->entered) < 1) usleep(50);
    struct rp__slot *slot = rp__arena_slot(agent.arena, 0);
    static const uint64_t nonsense[] = {UINT64_MAX, UINT64_C(1) << 63 | UINT64_C(0x3ff) << 52, UINT64_C(0x4ff) << 52};
    for (int i = 0; i < 3; i++) { /* no number, -1, and far too much */
        atomic_store(&slot->progress, nonsense[i]);
        CU_ASSERT_TRUE(rp__crew_progress(agent.crew, 0, &chunk, &tasks, &item));
        CU_ASSERT_EQUAL(tasks, 0);
    }
    atomic_store(&slot->hand, 77);
    CU_ASSERT_FALSE(rp__crew_progress(agent.crew, 0, &chunk, &tasks, &item));
    atomic_store(&gate->open, 2);
    agent_close(&agent);
}

/* ---- The agent ----------------------------------------------------------------------------------------- */

static const uint64_t LOOK_NS = 100000000;

/* Looks, and hears how far the chunk is; -1: nothing was said. */
static double look(struct stage *stage, uint64_t now_ns, uint64_t chunk) {
    double tasks = -1;
    CU_ASSERT_EQUAL(rp__agent_look(stage->agent, now_ns), 0);
    listen_to(stage);
    const struct rp__frame *frame = find(stage, RP__FRAME_PROGRESS, chunk);
    if (frame) memcpy(&tasks, &frame->count, sizeof tasks);
    return tasks;
}

static void only_what_is_in_hand_at_two_looks_and_has_changed_is_told(void) {
    struct stage *stage = open_stage(2, ROOMY);
    CU_ASSERT_EQUAL(send_map(stage, 10, 0), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 70, RP__ANY_WORKER), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 80, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    start_next(&stage->crew, 0);
    struct played_worker *worker = &stage->crew.worker[0];
    const uint64_t chunk = worker->hand->head.chunk, other = chunk == 70 ? 80 : 70;
    uint64_t now_ns = 5 * LOOK_NS;
    worker->progress = 1.5;
    CU_ASSERT_EQUAL(look(stage, now_ns, chunk), -1);
    CU_ASSERT_EQUAL(look(stage, now_ns + LOOK_NS - 1, chunk), -1);
    CU_ASSERT_EQUAL(look(stage, now_ns += LOOK_NS, chunk), 1.5);
    CU_ASSERT_EQUAL(look(stage, now_ns += LOOK_NS, chunk), -1);
    worker->progress = 2;
    CU_ASSERT_EQUAL(look(stage, now_ns += LOOK_NS - 1, chunk), -1);
    CU_ASSERT_EQUAL(look(stage, now_ns += 1, chunk), 2);
    worker->progress = 3;
    CU_ASSERT_EQUAL(look(stage, now_ns += LOOK_NS, other), -1); /* it is not in hand */
    answer(&stage->crew, 0, false);
    worker->progress = 4;
    CU_ASSERT_EQUAL(look(stage, now_ns += LOOK_NS, chunk), -1); /* answered, and not heard of yet */
    close_stage(stage);
}

static void a_chunk_that_begins_again_is_told_of_anew(void) {
    struct stage *stage = open_stage(1, ROOMY);
    CU_ASSERT_EQUAL(send_map(stage, 10, 0), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 70, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    start_next(&stage->crew, 0);
    stage->crew.worker[0].progress = 1.5;
    CU_ASSERT_EQUAL(look(stage, 5 * LOOK_NS, 70), -1);
    CU_ASSERT_EQUAL(look(stage, 6 * LOOK_NS, 70), 1.5);
    stage->crew.forgets_hand = true; /* so nobody is to blame, and the next worker gets it */
    die(&stage->crew, 0, "died of nothing", UINT64_MAX);
    poll_and_listen(stage);
    CU_ASSERT_EQUAL(look(stage, 7 * LOOK_NS, 70), -1);
    start_next(&stage->crew, 0);
    stage->crew.worker[0].progress = 0;
    CU_ASSERT_EQUAL(look(stage, 8 * LOOK_NS, 70), 0);
    close_stage(stage);
}

/* ---- Tasks that overrun -------------------------------------------------------------------------------- */

enum { LIMIT_NS = 1000000000, STEP_NS = 10000000 };

/* A worker is at work on a map of tasks that may take a second. */
static struct stage *open_limited(uint64_t limit_ns) {
    struct stage *stage = open_stage(1, ROOMY);
    const struct rp__frame map = {.type = RP__FRAME_MAP, .map = 10, .kernel = 1, .chunk = limit_ns};
    CU_ASSERT_EQUAL(send_bytes(stage, map, 10, args_size(10), 300), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 70, RP__ANY_WORKER), 0);
    CU_ASSERT_EQUAL(send_chunk(stage, 10, 80, RP__ANY_WORKER), 0);
    poll_and_listen(stage);
    start_next(&stage->crew, 0);
    stage->crew.worker[0].item = 701;
    return stage;
}

/* Looks on for so long; is the worker killed then? */
static bool is_killed_within(struct stage *stage, uint64_t *now_ns, uint64_t ns) {
    const uint64_t until = *now_ns + ns;
    for (; *now_ns < until; *now_ns += STEP_NS) CU_ASSERT_EQUAL(rp__agent_look(stage->agent, *now_ns), 0);
    return stage->crew.kills > 0;
}

static void a_worker_is_killed_when_its_task_takes_too_long_and_not_before(void) {
    struct stage *stage = open_limited(LIMIT_NS);
    uint64_t now_ns = 77;
    CU_ASSERT_FALSE(is_killed_within(stage, &now_ns, LIMIT_NS));
    CU_ASSERT_TRUE(is_killed_within(stage, &now_ns, 3 * STEP_NS));
    close_stage(stage);
}

static void each_task_has_its_own_time(void) {
    struct stage *stage = open_limited(LIMIT_NS);
    uint64_t now_ns = 77;
    for (uint64_t item = 701; item < 709; item++) {
        stage->crew.worker[0].item = item;
        CU_ASSERT_FALSE(is_killed_within(stage, &now_ns, LIMIT_NS - STEP_NS));
    }
    answer(&stage->crew, 0, false);
    start_next(&stage->crew, 0);
    poll_and_listen(stage);
    stage->crew.worker[0].item = 801;
    CU_ASSERT_FALSE(is_killed_within(stage, &now_ns, LIMIT_NS - STEP_NS));
    CU_ASSERT_TRUE(is_killed_within(stage, &now_ns, 3 * STEP_NS));
    close_stage(stage);
}

static void without_a_limit_a_task_may_take_for_ever(void) {
    struct stage *stage = open_limited(0);
    uint64_t now_ns = 77;
    CU_ASSERT_FALSE(is_killed_within(stage, &now_ns, (uint64_t)100 * LIMIT_NS));
    close_stage(stage);
}

static void time_in_which_the_agent_was_held_up_does_not_count(void) {
    struct stage *stage = open_limited(LIMIT_NS);
    uint64_t now_ns = 77;
    CU_ASSERT_FALSE(is_killed_within(stage, &now_ns, 3 * STEP_NS));
    now_ns += (uint64_t)60 * LIMIT_NS;
    CU_ASSERT_FALSE(is_killed_within(stage, &now_ns, LIMIT_NS / 2));
    CU_ASSERT_TRUE(is_killed_within(stage, &now_ns, LIMIT_NS));
    close_stage(stage);
}

/* How the master hears of the end of a worker that had chunk 70 in hand. */
static const struct rp__frame *hear_of_the_death(struct stage *stage) {
    poll_and_listen(stage);
    const struct rp__frame *died = find(stage, RP__FRAME_DIED, 70);
    CU_ASSERT_PTR_NOT_NULL_FATAL(died);
    return died;
}

static void the_task_that_took_too_long_is_to_blame(void) {
    struct stage *stage = open_limited(LIMIT_NS);
    uint64_t now_ns = 77;
    CU_ASSERT_TRUE(is_killed_within(stage, &now_ns, 2 * LIMIT_NS));
    const struct rp__frame *died = hear_of_the_death(stage);
    CU_ASSERT_EQUAL(died->flags, RP__IN_HAND);
    CU_ASSERT_EQUAL(died->begin, 701);
    CU_ASSERT_EQUAL(died->end, 702);
    CU_ASSERT_STRING_EQUAL(stage->heard[0].bytes, "took longer than 1 s");
    close_stage(stage);
}

static void a_task_that_was_begun_since_is_not_to_blame(void) {
    struct stage *stage = open_limited(LIMIT_NS);
    uint64_t now_ns = 77;
    CU_ASSERT_TRUE(is_killed_within(stage, &now_ns, 2 * LIMIT_NS));
    stage->crew.event[stage->crew.from].event.task = 702;
    CU_ASSERT_EQUAL(hear_of_the_death(stage)->flags, RP__IN_HAND | RP__KILLED);
    close_stage(stage);
}

int main(void) {
    gate = mmap(NULL, sizeof *gate, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static const struct unit_test tests[] = {UNIT(tasks_before_the_one_in_hand_count_whole_and_it_counts_as_it_says),
                                             UNIT(a_range_counts_as_it_says),
                                             UNIT(a_worker_that_writes_nonsense_shows_no_more_than_its_chunk),
                                             UNIT(only_what_is_in_hand_at_two_looks_and_has_changed_is_told),
                                             UNIT(a_chunk_that_begins_again_is_told_of_anew),
                                             UNIT(a_worker_is_killed_when_its_task_takes_too_long_and_not_before),
                                             UNIT(each_task_has_its_own_time),
                                             UNIT(without_a_limit_a_task_may_take_for_ever),
                                             UNIT(time_in_which_the_agent_was_held_up_does_not_count),
                                             UNIT(the_task_that_took_too_long_is_to_blame),
                                             UNIT(a_task_that_was_begun_since_is_not_to_blame),
                                             {NULL, NULL}};
    return unit_run("progress", tests);
}
