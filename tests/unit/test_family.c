/* Workers that are processes: how they die and are replaced, what they inherit, and that nothing outlives the
 * agent. */
#include "crew_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

/* Under a sanitizer too, workers shall die of what kills them, and those that exit not be searched for leaks. */
const char *__asan_default_options(void);
int __lsan_is_turned_off(void);
static pid_t test_pid;
const char *__asan_default_options(void) { return "handle_segv=0"; }
int __lsan_is_turned_off(void) { return getpid() != test_pid; }

enum kernel { SQUARE, FAULT, LEAVE, SCRIBBLE, HANG, SURROUNDINGS, GATE, RANGE_FAULT, BOUND, PROGRAM };

static struct gate *gate;

static int square(rp_task *task, const void *input, size_t size) {
    const uint64_t index = rp_task_index(task), result = index * index;
    return rp_task_write(task, &result, sizeof result);
}

/* The 37th task writes where nothing is; the others write so much that results leave before it. */
static int fault(rp_task *task, const void *input, size_t size) {
    if (rp_task_index(task) == 37) raise(SIGSEGV);
    void *at = rp_task_reserve(task, 2000);
    memset(at, 'x', 2000);
    rp_task_commit(task, 2000);
    return 0;
}
static int fault_range(rp_task *task, uint64_t begin, uint64_t end) { return raise(SIGSEGV); }

static int leave(rp_task *task, const void *input, size_t size) { exit(7); }

enum scribble { OVER_BODY, OVER_HEADER, OVER_ALL, A_FALSE_ANSWER, A_FALSE_START, A_NEIGHBOUR };

static void write_false(struct rp__slot *slot, struct rp__result_head head, const void *data, size_t size) {
    struct rp__ring_side writer;
    rp__ring_attach(&writer, &slot->result);
    writer.own = atomic_load(&slot->result.head);
    writer.peer = atomic_load(&slot->result.tail);
    rp__ring_write(&writer, &head, sizeof head, data, size);
}

/* A kernel out of control; then it hangs, so that only the agent can end it. */
static int scribble(rp_task *task, const void *input, size_t size) {
    struct rp__slot *slot = rp__arena_slot(gate->arena, 0);
    switch ((enum scribble)rp_task_index(task)) {
    case OVER_BODY:
        memset(slot->result.word, 0xa5, sizeof slot->result.word);
        atomic_fetch_add(&slot->result.head, 64);
        break;
    case OVER_HEADER:
        memset(&slot->result, 0xa5, offsetof(struct rp__ring, word));
        break;
    case OVER_ALL:
        memset(slot, 0xa5, sizeof *slot);
        break;
    case A_FALSE_ANSWER:
        write_false(slot, (struct rp__result_head){.type = RP__RESULT_LAST, .number = 2}, NULL, 0);
        break;
    case A_FALSE_START:
        write_false(slot, (struct rp__result_head){.type = RP__RESULT_STARTED}, &slot->binding, sizeof slot->binding);
        break;
    case A_NEIGHBOUR:
        memset(rp__arena_slot(gate->arena, 1), 0xa5, sizeof *slot);
        break;
    }
    while (pause() < 0) {
    }
    return 0;
}

static int hang(rp_task *task, const void *input, size_t size) {
    atomic_fetch_add(&gate->entered, 1);
    while (pause() < 0) {
    }
    return 0;
}

static int wait_at_gate(rp_task *task, const void *input, size_t size) {
    const uint64_t index = rp_task_index(task);
    atomic_store(&gate->entered, index + 1);
    while (atomic_load(&gate->open) <= index) usleep(50);
    return 0;
}

static int count_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static const int family_ignores[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGPIPE};

static int surroundings(rp_task *task, const void *input, size_t size) {
    char byte;
    printf("printed by a kernel\n");
    int ignored = 0;
    for (size_t i = 0; i < sizeof family_ignores / sizeof *family_ignores; i++) {
        struct sigaction action;
        sigaction(family_ignores[i], NULL, &action);
        ignored += action.sa_handler == SIG_IGN;
    }
    struct sigaction child;
    sigset_t mask;
    sigaction(SIGCHLD, NULL, &child);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    int blocked = 0;
    for (int number = 1; number < 32; number++) blocked += sigismember(&mask, number) == 1;
    const char *threads = getenv("OMP_NUM_THREADS"), *blas = getenv("OPENBLAS_NUM_THREADS");
    return rp_task_printf(task, "stdin %d, descriptors %d, ignored %d, blocked %d, child %d, omp %s, blas %s, left %d",
                          (int)read(0, &byte, 1), count_descriptors(), ignored, blocked, child.sa_handler == SIG_DFL,
                          threads, blas,
                          getenv("OMPI_TEST") || getenv("PMIX_TEST") || getenv("PMI_TEST") || getenv("PRTE_TEST"));
}

static const rp_kernel square_kernel = {.name = "square", .item = square},
                       fault_kernel = {.name = "fault", .item = fault}, leave_kernel = {.name = "leave", .item = leave},
                       scribble_kernel = {.name = "scribble", .item = scribble},
                       hang_kernel = {.name = "hang", .item = hang},
                       surroundings_kernel = {.name = "surroundings", .item = surroundings},
                       gate_kernel = {.name = "gate", .item = wait_at_gate},
                       range_fault_kernel = {.name = "range fault", .range = fault_range};
static int bound_task(rp_task *task, const void *input, size_t size) {
    return rp_task_write(task, &rp_task_where(task)->bound, sizeof(bool));
}
static const rp_kernel bound_kernel = {.name = "bound", .item = bound_task};

/* Starts a program that starts another one, both in sessions of their own. */
static int start_program(rp_task *task, const void *input, size_t size) {
    char number[32] = "";
    FILE *pipe = popen("setsid sh -c 'setsid sleep 600 >/dev/null & echo $!'", "r");
    if (!pipe || !fgets(number, sizeof number, pipe)) return RP_ESYSTEM;
    atomic_store(&gate->entered, (uint64_t)atoi(number));
    return pclose(pipe);
}
static const rp_kernel program_kernel = {.name = "program", .item = start_program};

static const rp_kernel *const kernels[] = {&square_kernel, &fault_kernel,        &leave_kernel, &scribble_kernel,
                                           &hang_kernel,   &surroundings_kernel, &gate_kernel,  &range_fault_kernel,
                                           &bound_kernel,  &program_kernel,      NULL};

static void open_family(struct agent *agent, uint32_t workers) {
    agent_prepare(agent, kernels, true);
    gate->arena = agent->arena; /* the same address in every process */
    atomic_store(&gate->entered, 0);
    atomic_store(&gate->open, 0);
    agent_open(agent, RP_WORKERS_PROCESS, workers);
}

/* The next event is the end of the worker. */
static struct rp__crew_event wait_end(struct agent *agent, uint32_t worker) {
    struct rp__crew_event event = {0};
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL_FATAL(event.type, RP__CREW_ENDED);
    CU_ASSERT_EQUAL(event.worker, worker);
    CU_ASSERT_EQUAL(event.pid, agent->pid[worker]);
    return event;
}

static void assert_works(struct agent *agent, uint32_t worker) {
    struct rp__crew_event event;
    agent_give_map(agent, worker, 77, SQUARE, NULL, 0);
    CU_ASSERT_TRUE(agent_give_chunk(agent, worker, 77, 5, 9, 10));
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL_FATAL(event.type, RP__CREW_RESULT);
    size_t at = 0;
    const uint64_t expected = 81;
    CU_ASSERT_TRUE(agent_record_is(&agent->bytes[worker], &at, false, &expected, sizeof expected));
}

static void assert_restarts(struct agent *agent, uint32_t worker) {
    CU_ASSERT_EQUAL_FATAL(rp__crew_restart(agent->crew, worker, &agent->error), 0);
    agent_wait_started(agent, 1);
    assert_works(agent, worker);
}

/* Gone, or dead and only waiting to be reaped by whoever that falls to. */
static bool is_gone(int pid) {
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *stat = fopen(path, "re");
    if (!stat) return true;
    if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1) state = 'Z';
    fclose(stat);
    return state == 'Z' || state == 'X';
}

static int parent_of(int pid) {
    char path[64];
    int parent = -1;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *stat = fopen(path, "re");
    if (stat && fscanf(stat, "%*d (%*[^)]) %*c %d", &parent) != 1) parent = -1;
    if (stat) fclose(stat);
    return parent;
}

static bool are_gone_in_time(const int *pids, size_t count) {
    const double until = agent_now() + 5;
    for (;;) {
        size_t gone = 0;
        for (size_t i = 0; i < count; i++) gone += is_gone(pids[i]);
        if (gone == count) return true;
        if (agent_now() > until) return false;
        usleep(1000);
    }
}

/* ---- Death of a worker ---------------------------------------------------------------------------------- */

static void killed_worker_is_replaced_and_every_chunk_answered_once(void) {
    enum { CHUNKS = 20000, WORKERS = 2 };
    struct agent agent;
    open_family(&agent, WORKERS);
    static uint8_t answers[CHUNKS], holder[CHUNKS];
    memset(answers, 0, sizeof answers);
    uint64_t given = 0, done = 0, deaths = 0, wrong = 0;
    for (uint32_t w = 0; w < WORKERS; w++) agent_give_map(&agent, w, 1, SQUARE, NULL, 0);
    while (done < CHUNKS) {
        for (; given < CHUNKS && given < done + 400; given++) {
            holder[given] = given % WORKERS;
            if (!agent_give_chunk(&agent, given % WORKERS, 1, given, given, given + 1)) break;
        }
        struct rp__crew_event event;
        CU_ASSERT_TRUE_FATAL(agent_answer(&agent, &event));
        if (event.type == RP__CREW_RESULT) {
            const uint64_t expected = event.chunk * event.chunk;
            size_t at = 0;
            wrong += !agent_record_is(&agent.bytes[event.worker], &at, false, &expected, sizeof expected);
            answers[event.chunk]++;
            if (++done % 5000 == 2500) CU_ASSERT_EQUAL(kill(agent.pid[event.worker], SIGKILL), 0);
        } else if (event.type == RP__CREW_ENDED) {
            deaths++;
            CU_ASSERT_STRING_EQUAL(event.cause, "killed by signal 9 (Killed)");
            CU_ASSERT_EQUAL_FATAL(rp__crew_restart(agent.crew, event.worker, &agent.error), 0);
            agent_give_map(&agent, event.worker, 1, SQUARE, NULL, 0);
            for (uint64_t chunk = 0; chunk < given; chunk++)
                if (holder[chunk] == event.worker && !answers[chunk])
                    CU_ASSERT_TRUE(agent_give_chunk(&agent, event.worker, 1, chunk, chunk, chunk + 1));
        } else {
            agent.pid[event.worker] = event.pid;
        }
    }
    for (uint64_t chunk = 0; chunk < CHUNKS; chunk++) wrong += answers[chunk] != 1;
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_TRUE(deaths >= 3); /* the fourth may not have been seen before the last answer */
    agent_close(&agent);
}

static void crash_names_the_task_after_the_results_before_it(void) {
    struct agent agent;
    open_family(&agent, 1);
    struct rp__crew_event event;
    agent_give_map(&agent, 0, 7, FAULT, NULL, 0);
    agent_give_chunk(&agent, 0, 7, 3, 0, 20);
    agent_give_chunk(&agent, 0, 7, 4, 20, 60);
    agent_give_chunk(&agent, 0, 7, 5, 60, 70);
    CU_ASSERT_TRUE_FATAL(agent_answer(&agent, &event));
    CU_ASSERT_EQUAL(event.chunk, 3);
    event = wait_end(&agent, 0);
    CU_ASSERT_STRING_EQUAL(event.cause, "killed by signal 11 (Segmentation fault)");
    CU_ASSERT_TRUE(event.in_hand);
    CU_ASSERT_EQUAL(event.chunk, 4);
    CU_ASSERT_TRUE(event.task_known);
    CU_ASSERT_EQUAL(event.task, 37);
    /* 17 tasks made 34 kB, of which one piece of whole records had left. */
    size_t at = 0, records = 0;
    char expected[2000];
    memset(expected, 'x', sizeof expected);
    while (at < agent.bytes[0].size && agent_record_is(&agent.bytes[0], &at, false, expected, sizeof expected))
        records++;
    CU_ASSERT_EQUAL(records, 17);
    CU_ASSERT_EQUAL(at, agent.bytes[0].size);
    agent.bytes[0].size = 0;
    assert_restarts(&agent, 0);
    agent_close(&agent);
}

static void crash_in_a_range_names_the_chunk_only(void) {
    struct agent agent;
    open_family(&agent, 1);
    agent_give_map(&agent, 0, 7, RANGE_FAULT, NULL, 0);
    agent_give_chunk(&agent, 0, 7, 3, 0, 20);
    const struct rp__crew_event event = wait_end(&agent, 0);
    CU_ASSERT_TRUE(event.in_hand);
    CU_ASSERT_EQUAL(event.chunk, 3);
    CU_ASSERT_FALSE(event.task_known);
    agent_close(&agent);
}

static void kernel_that_exits_ends_its_worker(void) {
    struct agent agent;
    open_family(&agent, 1);
    agent_give_map(&agent, 0, 7, LEAVE, NULL, 0);
    agent_give_chunk(&agent, 0, 7, 3, 5, 6);
    const struct rp__crew_event event = wait_end(&agent, 0);
    CU_ASSERT_STRING_EQUAL(event.cause, "exited with code 7");
    CU_ASSERT_TRUE(event.in_hand && event.task_known);
    CU_ASSERT_EQUAL(event.task, 5);
    assert_restarts(&agent, 0);
    agent_close(&agent);
}

static void worker_killed_between_chunks_has_none_in_hand(void) {
    struct agent agent;
    open_family(&agent, 1);
    assert_works(&agent, 0);
    agent.bytes[0].size = 0;
    /* Its answer may be out before it has laid the chunk down: at rest it has. */
    struct rp__slot *slot = rp__arena_slot(agent.arena, 0);
    while (atomic_load(&slot->wake.sleeping) == 0) usleep(50);
    CU_ASSERT_EQUAL(kill(agent.pid[0], SIGTERM), 0); /* which it ignores */
    CU_ASSERT_EQUAL(rp__crew_kill(agent.crew, 0, "took longer than 5 s"), 0);
    const struct rp__crew_event event = wait_end(&agent, 0);
    CU_ASSERT_STRING_EQUAL(event.cause, "took longer than 5 s");
    CU_ASSERT_FALSE(event.in_hand);
    CU_ASSERT_FALSE(event.task_known);
    struct rp__work work = agent_chunk(7, 9, 0, 1);
    CU_ASSERT_FALSE(rp__crew_give(agent.crew, 0, &work)); /* nobody is there */
    CU_ASSERT_EQUAL(rp__crew_kill(agent.crew, 0, "again"), 0);
    assert_restarts(&agent, 0);
    agent_close(&agent);
}

static void worker_that_hangs_is_killed_with_its_task_named(void) {
    struct agent agent;
    open_family(&agent, 1);
    agent_give_map(&agent, 0, 7, HANG, NULL, 0);
    agent_give_chunk(&agent, 0, 7, 3, 5, 8);
    while (atomic_load(&gate->entered) == 0) usleep(50);
    CU_ASSERT_EQUAL(rp__crew_kill(agent.crew, 0, "took longer than 5 s"), 0);
    const struct rp__crew_event event = wait_end(&agent, 0);
    CU_ASSERT_TRUE(event.in_hand && event.task_known);
    CU_ASSERT_EQUAL(event.task, 5);
    agent_close(&agent);
}

static void worker_that_writes_over_its_ring_is_ended(void) {
    struct agent agent;
    open_family(&agent, 2);
    for (enum scribble where = OVER_BODY; where <= A_FALSE_START; where++) {
        agent_give_map(&agent, 0, 7, SCRIBBLE, NULL, 0);
        agent_give_chunk(&agent, 0, 7, 3, where, where + 1);
        const struct rp__crew_event event = wait_end(&agent, 0);
        CU_ASSERT_STRING_EQUAL(event.cause, "wrote over its ring");
        CU_ASSERT_TRUE(event.in_hand);
        agent.bytes[0].size = 0;
        CU_ASSERT_EQUAL_FATAL(rp__crew_restart(agent.crew, 0, &agent.error), 0);
        agent_wait_started(&agent, 1);
        assert_works(&agent, 0);
        agent.bytes[0].size = 0;
    }
    assert_works(&agent, 1);
    agent_close(&agent);
}

static void worker_cannot_touch_its_neighbour(void) {
    struct agent agent;
    open_family(&agent, 2);
    agent_give_map(&agent, 0, 7, SCRIBBLE, NULL, 0);
    agent_give_chunk(&agent, 0, 7, 3, A_NEIGHBOUR, A_NEIGHBOUR + 1);
    const struct rp__crew_event event = wait_end(&agent, 0);
    CU_ASSERT_STRING_EQUAL(event.cause, "killed by signal 11 (Segmentation fault)");
    CU_ASSERT_TRUE(event.task_known);
    assert_works(&agent, 1);
    agent_close(&agent);
}

/* ---- What workers inherit -------------------------------------------------------------------------------- */

static void worker_keeps_nothing_of_the_agent_but_stderr(void) {
    struct agent agent;
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fflush(NULL);
    const int own_stderr = dup(2);
    dup2(ends[1], 2);
    setenv("OMPI_TEST", "1", 1);
    setenv("PMIX_TEST", "2", 1);
    setenv("PMI_TEST", "3", 1);
    setenv("PRTE_TEST", "4", 1);
    setenv("OPENBLAS_NUM_THREADS", "3", 1);
    unsetenv("OMP_NUM_THREADS");
    open_family(&agent, 1);
    dup2(own_stderr, 2);
    close(own_stderr);
    close(ends[1]);

    struct rp__crew_event event;
    agent_give_map(&agent, 0, 7, SURROUNDINGS, NULL, 0);
    agent_give_chunk(&agent, 0, 7, 3, 0, 1);
    CU_ASSERT_TRUE_FATAL(agent_answer(&agent, &event));
    static const char expected[] = "stdin 0, descriptors 3, ignored 8, blocked 0, child 1, omp 1, blas 3, left 0";
    size_t at = 0;
    CU_ASSERT_TRUE(agent_record_is(&agent.bytes[0], &at, false, expected, sizeof expected - 1));
    char printed[64] = {0};
    CU_ASSERT_EQUAL(read(ends[0], printed, sizeof printed), 20);
    CU_ASSERT_STRING_EQUAL(printed, "printed by a kernel\n");
    agent_close(&agent);
    CU_ASSERT_EQUAL(read(ends[0], printed, sizeof printed), 0); /* nobody holds it any more */
    close(ends[0]);
    unsetenv("OMPI_TEST");
    unsetenv("PMIX_TEST");
    unsetenv("PMI_TEST");
    unsetenv("PRTE_TEST");
    unsetenv("OPENBLAS_NUM_THREADS");
}

static void worker_is_pinned_and_proves_it(void) {
    struct rp__cpuset allowed = {0};
    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof allowed, (cpu_set_t *)&allowed), 0);
    struct rp__cpuset binding[2] = {{{0}}, {{0}}};
    unsigned cpu = 0;
    for (unsigned at = 0; at < RP__CPU_MAX; at++)
        if (rp__cpuset_has(&allowed, at)) cpu = at; /* the last one */
    rp__cpuset_add(&binding[0], cpu);

    struct agent agent;
    agent_prepare(&agent, kernels, true);
    static const rp_where where[2];
    const struct rp__crew_options options = {
        .kind = RP_WORKERS_PROCESS, .workers = 2, .binding = binding, .where = where};
    CU_ASSERT_EQUAL_FATAL(rp__crew_open(agent.arena, agent.nursery, &options, &agent.crew, &agent.error), 0);
    agent_wait_started(&agent, 2);
    CU_ASSERT_TRUE(rp__cpuset_equal(&agent.binding[0], &binding[0]));
    CU_ASSERT_TRUE(rp__cpuset_equal(&agent.binding[1], &allowed));
    agent_close(&agent);
}

/* The system refuses a CPU that the machine does not have: then the worker must not claim that it is pinned. */
static void worker_that_could_not_be_pinned_says_so(void) {
    struct rp__cpuset binding[2] = {{{0}}, {{0}}};
    unsigned cpu = 0;
    struct rp__cpuset allowed = {0};
    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof allowed, (cpu_set_t *)&allowed), 0);
    while (!rp__cpuset_has(&allowed, cpu)) cpu++;
    rp__cpuset_add(&binding[0], cpu);
    rp__cpuset_add(&binding[1], RP__CPU_MAX - 1);
    const rp_where where[2] = {{.bound = true}, {.bound = true}};

    struct agent agent;
    agent_prepare(&agent, kernels, true);
    const struct rp__crew_options options = {
        .kind = RP_WORKERS_PROCESS, .workers = 2, .binding = binding, .where = where};
    CU_ASSERT_EQUAL_FATAL(rp__crew_open(agent.arena, agent.nursery, &options, &agent.crew, &agent.error), 0);
    agent_wait_started(&agent, 2);
    for (uint32_t worker = 0; worker < 2; worker++) {
        struct rp__crew_event event;
        size_t at = 0;
        const bool bound = worker == 0;
        agent_give_map(&agent, worker, 1, BOUND, NULL, 0);
        CU_ASSERT_TRUE(agent_give_chunk(&agent, worker, 1, 1, 0, 1));
        CU_ASSERT_TRUE_FATAL(agent_answer(&agent, &event));
        CU_ASSERT_TRUE(agent_record_is(agent.answered, &at, false, &bound, sizeof bound));
    }
    agent_close(&agent);
}

/* ---- Nothing outlives its agent -------------------------------------------------------------------------- */

static void nothing_is_left_after_the_nursery_stops(void) {
    struct agent agent;
    open_family(&agent, 3);
    int pids[AGENT_WORKERS];
    memcpy(pids, agent.pid, sizeof pids);
    pids[3] = parent_of(pids[0]);
    CU_ASSERT_NOT_EQUAL(pids[3], getpid());
    agent_give_map(&agent, 1, 7, HANG, NULL, 0);
    agent_give_chunk(&agent, 1, 7, 3, 5, 8);
    while (atomic_load(&gate->entered) == 0) usleep(50);
    agent_close(&agent);
    for (size_t i = 0; i < 4; i++) CU_ASSERT_TRUE(kill(pids[i], 0) < 0 && errno == ESRCH);
    CU_ASSERT_TRUE(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void nursery_takes_a_crew_along_that_nobody_closed(void) {
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) { /* leaves without freeing the crew */
        struct agent agent;
        open_family(&agent, 2);
        rp__nursery_stop(agent.nursery);
        int left = 0;
        for (size_t i = 0; i < 2; i++) left += kill(agent.pid[i], 0) == 0;
        _exit(left);
    }
    int status;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
}

static void nothing_is_left_when_the_agent_is_killed(void) {
    int ends[2], pids[3];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fflush(NULL);
    const pid_t agent_pid = fork();
    if (agent_pid == 0) {
        struct agent agent;
        open_family(&agent, 2);
        agent_give_map(&agent, 1, 7, HANG, NULL, 0);
        agent_give_chunk(&agent, 1, 7, 3, 5, 8);
        while (atomic_load(&gate->entered) == 0) usleep(50);
        const int told[3] = {agent.pid[0], agent.pid[1], parent_of(agent.pid[0])};
        if (write(ends[1], told, sizeof told) != sizeof told) _exit(1);
        for (;;) pause();
    }
    CU_ASSERT_EQUAL_FATAL(read(ends[0], pids, sizeof pids), sizeof pids);
    close(ends[0]);
    close(ends[1]);
    for (size_t i = 0; i < 3; i++) CU_ASSERT_FALSE(is_gone(pids[i]));
    kill(agent_pid, SIGKILL);
    waitpid(agent_pid, NULL, 0);
    CU_ASSERT_TRUE(are_gone_in_time(pids, 3));
}

static void dead_nursery_is_an_error_and_takes_its_workers_along(void) {
    struct agent agent;
    open_family(&agent, 2);
    const int nursery = parent_of(agent.pid[0]);
    CU_ASSERT_EQUAL_FATAL(kill(nursery, SIGKILL), 0);
    struct rp__crew_event event;
    bool got = true;
    int code = 0;
    for (const double until = agent_now() + 5; code == 0 && agent_now() < until; usleep(1000))
        code = rp__crew_poll(agent.crew, &event, &got, &agent.error);
    CU_ASSERT_EQUAL(code, RP_ESYSTEM);
    CU_ASSERT_FALSE(got);
    CU_ASSERT_PTR_NOT_NULL(strstr(agent.error.text, "the nursery"));
    CU_ASSERT_TRUE(are_gone_in_time(agent.pid, 2));
    CU_ASSERT_EQUAL(rp__crew_kill(agent.crew, 0, "late"), RP_ESYSTEM);
    agent_close(&agent);
}

/* The number of the program that outlives the one that the worker has started. */
static int start_far_program(struct agent *agent, uint32_t worker) {
    struct rp__crew_event event;
    agent_give_map(agent, worker, 7, PROGRAM, NULL, 0);
    agent_give_chunk(agent, worker, 7, 3, 0, 1);
    CU_ASSERT_TRUE_FATAL(agent_answer(agent, &event));
    CU_ASSERT_EQUAL_FATAL(event.type, RP__CREW_RESULT);
    const int started = (int)atomic_load(&gate->entered);
    CU_ASSERT_FALSE_FATAL(started <= 0 || is_gone(started));
    return started;
}

static void what_programs_have_started_does_not_outlive_a_dead_nursery(void) {
    struct agent agent;
    open_family(&agent, 1);
    const int started = start_far_program(&agent, 0);
    CU_ASSERT_EQUAL_FATAL(kill(parent_of(agent.pid[0]), SIGKILL), 0);
    agent_close(&agent);
    CU_ASSERT_TRUE(are_gone_in_time(&started, 1));
}

static void what_a_dead_worker_has_started_ends_and_that_of_others_lives(void) {
    struct agent agent;
    open_family(&agent, 2);
    int dead = start_far_program(&agent, 0), alive = start_far_program(&agent, 1);
    CU_ASSERT_EQUAL_FATAL(kill(agent.pid[0], SIGKILL), 0);
    wait_end(&agent, 0);
    CU_ASSERT_TRUE(are_gone_in_time(&dead, 1));
    CU_ASSERT_FALSE(is_gone(alive));
    agent_close(&agent);
    CU_ASSERT_TRUE(are_gone_in_time(&alive, 1));
}

static void crew_opens_again_on_the_same_nursery(void) {
    struct agent agent;
    open_family(&agent, 4);
    for (int round = 0; round < 3; round++) {
        for (uint32_t w = 0; w < agent.workers; w++) {
            assert_works(&agent, w);
            agent.bytes[w].size = 0;
        }
        rp__crew_close(agent.crew);
        for (uint32_t w = 0; w < agent.workers; w++) CU_ASSERT_TRUE(kill(agent.pid[w], 0) < 0 && errno == ESRCH);
        agent_open(&agent, RP_WORKERS_PROCESS, 3 - (uint32_t)round);
    }
    agent_close(&agent);
}

int main(void) {
    test_pid = getpid();
    gate = mmap(NULL, sizeof *gate, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static const struct unit_test tests[] = {UNIT(killed_worker_is_replaced_and_every_chunk_answered_once),
                                             UNIT(crash_names_the_task_after_the_results_before_it),
                                             UNIT(crash_in_a_range_names_the_chunk_only),
                                             UNIT(kernel_that_exits_ends_its_worker),
                                             UNIT(worker_killed_between_chunks_has_none_in_hand),
                                             UNIT(worker_that_hangs_is_killed_with_its_task_named),
                                             UNIT(worker_that_writes_over_its_ring_is_ended),
                                             UNIT(worker_cannot_touch_its_neighbour),
                                             UNIT(worker_keeps_nothing_of_the_agent_but_stderr),
                                             UNIT(worker_is_pinned_and_proves_it),
                                             UNIT(worker_that_could_not_be_pinned_says_so),
                                             UNIT(nothing_is_left_after_the_nursery_stops),
                                             UNIT(nursery_takes_a_crew_along_that_nobody_closed),
                                             UNIT(nothing_is_left_when_the_agent_is_killed),
                                             UNIT(dead_nursery_is_an_error_and_takes_its_workers_along),
                                             UNIT(what_programs_have_started_does_not_outlive_a_dead_nursery),
                                             UNIT(what_a_dead_worker_has_started_ends_and_that_of_others_lives),
                                             UNIT(crew_opens_again_on_the_same_nursery),
                                             {NULL, NULL}};
    return unit_run("family", tests);
}
