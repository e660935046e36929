/* Workers that run beside the agent, processes and threads: work is taken back until it has begun and never after, a
 * worker rings when it runs low, and what it cannot do is refused. Of every kind: a chunk tells that its worker moved. */
#include "crew_kernels.h"

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
    static const struct unit_test tests[] = {UNIT(chunk_taken_back_is_never_computed),
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
    return unit_run("crew beside", tests);
}
