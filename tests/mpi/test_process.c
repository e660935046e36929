/* Processes of the library as a program sees them, on however many ranks it was started. What a process does it tells
 * by lines that it appends to a file, since all ranks of a test are on one host. */
#include "rankpool.h"
#include "unit/unit.h"

#include <dirent.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Workers crash and leave on purpose here: the address sanitizer is to let them die as they would without it. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "handle_segv=0:handle_abort=0:detect_leaks=0"; }

/* What a process is to do: append a line to a file, unless none is named, and then end by itself, or not. */
struct deed {
    char what; /* r return, e error, x exit, s a signal, f for ever, p print */
    int number;
    char file[64];
};

static void nap(double seconds) {
    struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

static int act(rp_task *task, const void *input, size_t size) {
    struct deed deed;
    if (size < sizeof deed) return rp_task_fail(task, "an input of %zu bytes came", size);
    memcpy(&deed, input, sizeof deed);
    if (deed.file[0]) {
        FILE *file = fopen(deed.file, "a");
        if (!file) return rp_task_fail(task, "the file cannot be written");
        fprintf(file, "%s %d %d %zu\n", (const char *)rp_task_args(task, NULL), (int)getpid(),
                rp_task_where(task)->rank, size);
        fclose(file);
    }
    switch (deed.what) {
    case 'e':
        return rp_task_fail(task, "it does not like %d", deed.number);
    case 'x':
        exit(deed.number);
    case 's':
        signal(deed.number, SIG_DFL);
        raise(deed.number);
        break;
    case 'f':
        for (;;) pause();
    case 'p':
        return rp_task_print(task, "process %d speaks\n", deed.number);
    default:
        break;
    }
    return 0;
}

static int square(rp_task *task, const void *input, size_t size) {
    const uint64_t index = rp_task_index(task), answer = index * index;
    return rp_task_write(task, &answer, sizeof answer);
}

static int range(rp_task *task, uint64_t begin, uint64_t end) { return 0; }

static const rp_kernel act_kernel = {.name = "act", .item = act},
                       square_kernel = {.name = "square", .item = square, .flags = RP_PURE},
                       range_kernel = {.name = "range", .range = range};
static const rp_kernel *const kernels[] = {&act_kernel, &square_kernel, &range_kernel, NULL};

static rp_world *world;

static rp_process *make(const struct deed *deed, int rank) {
    rp_process *process = NULL;
    rp_error error = {0};
    const rp_process_options options = {
        .kernel = "act", .input = deed, .input_size = sizeof *deed, .on_rank = rank >= 0, .rank = rank};
    CU_ASSERT_EQUAL_FATAL(rp_process_new(world, &options, &process, &error), 0);
    return process;
}

static rp_process *begin(const struct deed *deed, int rank) {
    rp_process *process = make(deed, rank);
    rp_error error = {0};
    CU_ASSERT_EQUAL_FATAL(rp_process_start(process, &error), 0);
    return process;
}

static bool is_gone(int pid) { return kill(pid, 0) != 0; }

/* A pid is a process of its host, and main can ask for those of its own. */
static bool is_here(rp_process *process) {
    char own[sizeof rp_process_where(process)->host];
    return gethostname(own, sizeof own) == 0 && strcmp(rp_process_where(process)->host, own) == 0;
}

/* It ends within a minute, with this code and a message that holds `words`, and nothing is left of it. */
static void ends(rp_process *process, int wanted, const char *words) {
    int code = 4711;
    CU_ASSERT_EQUAL(rp_process_join(process, 60), 0);
    CU_ASSERT_EQUAL(rp_process_exitcode(process, &code), 0);
    CU_ASSERT_EQUAL(code, wanted);
    CU_ASSERT_PTR_NOT_NULL(strstr(rp_process_message(process), words));
    if (!*words) CU_ASSERT_STRING_EQUAL(rp_process_message(process), "");
    CU_ASSERT_FALSE(rp_process_is_alive(process));
    CU_ASSERT(rp_process_pid(process) > 0);
    CU_ASSERT(!is_here(process) || is_gone(rp_process_pid(process)));
}

static void new_file(struct deed *deed) {
    snprintf(deed->file, sizeof deed->file, "%s/rankpool-process-XXXXXX", unit_folder());
    close(mkstemp(deed->file));
}

static size_t lines_of(const char *path) {
    FILE *file = fopen(path, "r");
    size_t lines = 0;
    for (int c; file && (c = fgetc(file)) != EOF;) lines += c == '\n';
    if (file) fclose(file);
    return lines;
}

/* ---- Claims ---- */

static void a_process_is_alive_from_its_start_to_its_end(void) {
    rp_process *process = make(&(struct deed){.what = 'f'}, 0);
    int code = 4711;
    CU_ASSERT_FALSE(rp_process_is_alive(process));
    CU_ASSERT_EQUAL(rp_process_pid(process), 0);
    CU_ASSERT_PTR_NULL(rp_process_where(process));
    CU_ASSERT_EQUAL(rp_process_exitcode(process, &code), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_start(process, NULL), 0);
    CU_ASSERT_TRUE(rp_process_is_alive(process));
    CU_ASSERT(!is_here(process) || !is_gone(rp_process_pid(process)));
    CU_ASSERT_EQUAL(rp_process_exitcode(process, &code), RP_EBUSY);
    CU_ASSERT_EQUAL(rp_process_join(process, 0), RP_ETIMEDOUT);
    CU_ASSERT_EQUAL(rp_process_join(process, 0.05), RP_ETIMEDOUT);
    CU_ASSERT_TRUE(rp_process_is_alive(process));
    CU_ASSERT_EQUAL(code, 4711);
    CU_ASSERT_EQUAL(rp_process_terminate(process), 0);
    ends(process, -SIGTERM, "terminated");
    rp_process_free(process);
}

static void a_process_has_its_own_pid_its_input_its_name_and_its_rank(void) {
    const int last = rp_world_ranks(world) - 1;
    struct deed deed = {.what = 'r'};
    new_file(&deed);
    rp_process *process = NULL;
    const rp_process_options options = {
        .kernel = "act", .name = "my own", .input = &deed, .input_size = sizeof deed, .on_rank = true, .rank = last};
    CU_ASSERT_EQUAL_FATAL(rp_process_new(world, &options, &process, NULL), 0);
    CU_ASSERT_STRING_EQUAL(rp_process_name(process), "my own");
    CU_ASSERT_EQUAL(rp_process_start(process, NULL), 0);
    ends(process, 0, "");
    CU_ASSERT_EQUAL(rp_process_where(process)->rank, last);
    CU_ASSERT_EQUAL(rp_process_where(process)->pid, rp_process_pid(process));
    CU_ASSERT_NOT_EQUAL(rp_process_pid(process), getpid());
    char line[128] = "", expected[128];
    FILE *file = fopen(deed.file, "r");
    CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof line, file));
    fclose(file);
    snprintf(expected, sizeof expected, "my own %d %d %zu\n", rp_process_pid(process), last, sizeof deed);
    CU_ASSERT_STRING_EQUAL(line, expected);
    rp_process_free(process);
    unlink(deed.file);
}

static void the_exit_code_says_how_it_ended(void) {
    static const struct {
        struct deed deed;
        int code;
        const char *words;
    } cases[] = {{{.what = 'r'}, 0, ""},
                 {{.what = 'e', .number = 9}, 1, "it does not like 9"},
                 {{.what = 'x', .number = 0}, 0, ""},
                 {{.what = 'x', .number = 3}, 3, "exited with code 3"},
                 {{.what = 'x', .number = 255}, 255, "exited with code 255"},
                 {{.what = 's', .number = SIGSEGV}, -SIGSEGV, "Segmentation fault"},
                 {{.what = 's', .number = SIGABRT}, -SIGABRT, "Aborted"},
                 {{.what = 's', .number = SIGKILL}, -SIGKILL, "killed"},
                 {{.what = 's', .number = SIGTERM}, -SIGTERM, "Terminated"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rp_process *process = begin(&cases[i].deed, -1);
        ends(process, cases[i].code, cases[i].words);
        CU_ASSERT_EQUAL(rp_process_terminate(process), 0);
        ends(process, cases[i].code, cases[i].words);
        rp_process_free(process);
    }
}

static void a_process_that_crashes_is_not_run_again(void) {
    struct deed deed = {.what = 's', .number = SIGSEGV};
    new_file(&deed);
    rp_process *process = begin(&deed, -1);
    ends(process, -SIGSEGV, "signal 11");
    CU_ASSERT_EQUAL(lines_of(deed.file), 1);
    rp_process_free(process);
    unlink(deed.file);
}

static void one_that_runs_for_ever_can_be_killed(void) {
    for (int rank = 0; rank < rp_world_ranks(world); rank++) {
        rp_process *process = begin(&(struct deed){.what = 'f'}, rank);
        CU_ASSERT_EQUAL(rp_process_kill(process), 0);
        CU_ASSERT_EQUAL(rp_process_terminate(process), 0);
        ends(process, -SIGKILL, "killed");
        rp_process_free(process);
    }
}

static void more_processes_than_cores_run_at_once_on_ranks_in_turn(void) {
    enum { COUNT = 10 };
    const int ranks = rp_world_ranks(world);
    rp_process *process[COUNT];
    int on_rank[COUNT] = {0};
    struct deed deed = {.what = 'f'};
    new_file(&deed);
    for (int i = 0; i < COUNT; i++) process[i] = begin(&deed, -1);
    for (int i = 0; i < COUNT; i++) {
        CU_ASSERT_TRUE(rp_process_is_alive(process[i]));
        on_rank[rp_process_where(process[i])->rank]++;
        for (int k = 0; k < i; k++)
            CU_ASSERT(rp_process_pid(process[k]) != rp_process_pid(process[i]) ||
                      strcmp(rp_process_where(process[k])->host, rp_process_where(process[i])->host));
    }
    for (int i = 0; i < ranks; i++) CU_ASSERT_TRUE(on_rank[i] >= COUNT / ranks);
    for (int tries = 0; lines_of(deed.file) < COUNT && tries < 6000; tries++) nap(0.01);
    CU_ASSERT_EQUAL(lines_of(deed.file), COUNT);
    for (int i = 0; i < COUNT; i++) CU_ASSERT_EQUAL(rp_process_terminate(process[i]), 0);
    for (int i = 0; i < COUNT; i++) ends(process[i], -SIGTERM, "terminated");
    for (int i = 0; i < COUNT; i++) rp_process_free(process[i]);
    unlink(deed.file);
}

static size_t open_descriptors(void) {
    size_t count = 0;
    DIR *all = opendir("/proc/self/fd");
    while (all && readdir(all)) count++;
    if (all) closedir(all);
    return count;
}

static void run_processes(int count) {
    for (int i = 0; i < count; i++) {
        rp_process *process = begin(&(struct deed){.what = i % 4 ? 'r' : 's', .number = SIGSEGV}, -1);
        CU_ASSERT_EQUAL(rp_process_join(process, 60), 0);
        CU_ASSERT(!is_here(process) || is_gone(rp_process_pid(process)));
        rp_process_free(process);
    }
}

static void a_hundred_in_a_row_leave_nothing_behind(void) {
    run_processes(20); /* what is kept for the next ones is there then */
    const size_t descriptors = open_descriptors();
    const size_t before = mallinfo2().uordblks;
    run_processes(100);
    CU_ASSERT_EQUAL(open_descriptors(), descriptors);
    /* A few hundred bytes a process would be a leak. The service frees the last one's pool a moment after it has ended,
     * and what MPI keeps of its messages comes and goes. */
    size_t after = mallinfo2().uordblks;
    for (int tries = 0; after >= before + 10000 && tries < 500; tries++) {
        nap(0.01);
        after = mallinfo2().uordblks;
    }
    CU_ASSERT_TRUE(after < before + 10000);
}

static void one_that_is_freed_while_it_runs_is_killed(void) {
    rp_process *process = begin(&(struct deed){.what = 'f'}, -1);
    const int pid = rp_process_pid(process);
    const bool here = is_here(process);
    CU_ASSERT(!here || !is_gone(pid));
    rp_process_free(process);
    CU_ASSERT(!here || is_gone(pid));
    rp_process_free(NULL);
    rp_process_free(make(&(struct deed){.what = 'r'}, 0));
}

static void a_pool_computes_beside_processes(void) {
    rp_process *process = begin(&(struct deed){.what = 'f'}, -1);
    rp_pool *pool = NULL;
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(world, NULL, &pool, NULL), 0);
    rp_process *other = begin(&(struct deed){.what = 'f'}, -1);
    rp_map *map = NULL;
    CU_ASSERT_EQUAL_FATAL(rp_map_open(pool, &(rp_map_options){.kernel = "square", .count = 1000}, &map, NULL), 0);
    uint64_t seen = 0, answer;
    for (rp_result result; rp_map_next(map, 60, &result) == 0; seen++) {
        memcpy(&answer, result.data, sizeof answer);
        CU_ASSERT_EQUAL(answer, seen * seen);
    }
    CU_ASSERT_EQUAL(seen, 1000);
    rp_map_close(map);
    CU_ASSERT_TRUE(rp_process_is_alive(process) && rp_process_is_alive(other));
    rp_process_free(other);
    rp_pool_free(pool);
    CU_ASSERT_TRUE(rp_process_is_alive(process));
    rp_process_free(process);
}

static void names_count_the_processes_that_were_made(void) {
    unsigned first = 0, second = 0;
    rp_process *one = make(&(struct deed){.what = 'r'}, 0), *two = NULL;
    CU_ASSERT_EQUAL_FATAL(rp_process_new(world, &(rp_process_options){.kernel = "act", .name = "x"}, &two, NULL), 0);
    rp_process *three = make(&(struct deed){.what = 'r'}, 0);
    CU_ASSERT_EQUAL(sscanf(rp_process_name(one), "Process-%u", &first), 1);
    CU_ASSERT_EQUAL(sscanf(rp_process_name(three), "Process-%u", &second), 1);
    CU_ASSERT_TRUE(first > 0 && second == first + 2);
    rp_process_free(two);
    rp_process_free(one);
    rp_process_free(three);
}

static void what_a_process_prints_is_printed(void) {
    char path[] = "/tmp/rankpool-lines-XXXXXX";
    fflush(stdout);
    const int file = mkstemp(path), before = dup(STDOUT_FILENO);
    dup2(file, STDOUT_FILENO);
    rp_process *process[4];
    for (int i = 0; i < 4; i++) process[i] = begin(&(struct deed){.what = 'p', .number = i}, -1);
    for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(rp_process_join(process[i], 60), 0);
    for (int tries = 0; lines_of(path) < 4 && tries < 6000; tries++) nap(0.01);
    dup2(before, STDOUT_FILENO);
    for (int i = 0; i < 4; i++) rp_process_free(process[i]);
    CU_ASSERT_EQUAL(lines_of(path), 4);
    close(before);
    close(file);
    unlink(path);
}

static void a_process_that_cannot_start_harms_nothing_else(void) {
    if (rp_world_ranks(world) > 1) return; /* one rank is full sooner than all of them */
    rp_pool *pool = NULL;
    rp_error error = {0};
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(world, &(rp_pool_options){.crew = 1024}, &pool, &error), 0);
    rp_process *process = make(&(struct deed){.what = 'r'}, 0);
    CU_ASSERT_EQUAL(rp_process_start(process, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no room for 1 workers more"));
    CU_ASSERT_EQUAL(rp_process_join(process, 0), RP_EINVAL);
    rp_pool_free(pool);
    CU_ASSERT_EQUAL(rp_process_start(process, &error), 0);
    ends(process, 0, "");
    rp_process_free(process);
}

static void wrong_use_is_an_error_with_words(void) {
    rp_error error = {0};
    rp_process *process = NULL;
    CU_ASSERT_EQUAL(rp_process_new(world, &(rp_process_options){.kernel = "nosuch"}, &process, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "nosuch"));
    CU_ASSERT_EQUAL(rp_process_new(world, &(rp_process_options){.kernel = "range"}, &process, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(
        rp_process_new(world, &(rp_process_options){.kernel = "act", .on_rank = true, .rank = 1000}, &process, &error),
        RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "1000"));
    CU_ASSERT_EQUAL(
        rp_process_new(world, &(rp_process_options){.kernel = "act", .on_rank = true, .rank = -2}, &process, &error),
        RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_new(world, &(rp_process_options){.kernel = "act", .input_size = 3}, &process, &error),
                    RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_new(NULL, &(rp_process_options){.kernel = "act"}, &process, &error), RP_EINVAL);
    CU_ASSERT_PTR_NULL(process);
    CU_ASSERT_EQUAL(rp_process_start(NULL, &error), RP_EINVAL);

    process = make(&(struct deed){.what = 'r'}, 0);
    CU_ASSERT_EQUAL(rp_process_join(process, 0), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_terminate(process), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_kill(process), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_process_start(process, &error), 0);
    CU_ASSERT_EQUAL(rp_process_start(process, &error), RP_EBUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, rp_process_name(process)));
    ends(process, 0, "");
    CU_ASSERT_EQUAL(rp_process_start(process, &error), RP_EBUSY);
    CU_ASSERT_EQUAL(rp_process_exitcode(process, NULL), RP_EINVAL);
    rp_process_free(process);
}

/* The last claim, when the others are counted: the world closes while a process runs on each rank, and nothing is left
 * of them. The ranks end after rank 0 has told them, so it may take a moment. */
static bool close_world_over_running_processes(int exit_code) {
    enum { MOST = 8 };
    int pid[MOST], count = rp_world_ranks(world) < MOST ? rp_world_ranks(world) : MOST;
    const struct deed deed = {.what = 'f'};
    for (int i = 0; i < count; i++) {
        const rp_process_options options = {
            .kernel = "act", .input = &deed, .input_size = sizeof deed, .on_rank = true, .rank = i};
        rp_process *process = NULL, *never_started = NULL;
        const bool good = rp_process_new(world, &options, &process, NULL) == 0 &&
                          rp_process_new(world, &options, &never_started, NULL) == 0 &&
                          rp_process_start(process, NULL) == 0;
        pid[i] = !good ? getpid() : is_here(process) ? rp_process_pid(process) : 0;
    }
    rp_world_close(world, exit_code);
    bool gone = false;
    for (int tries = 0; !gone && tries < 1000; tries++) {
        if (tries) nap(0.01);
        gone = true;
        for (int i = 0; i < count; i++) gone = gone && (!pid[i] || is_gone(pid[i]));
    }
    if (!gone) fprintf(stderr, "test_process: a process outlived its world\n");
    return gone;
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(a_process_is_alive_from_its_start_to_its_end),
                                             UNIT(a_process_has_its_own_pid_its_input_its_name_and_its_rank),
                                             UNIT(the_exit_code_says_how_it_ended),
                                             UNIT(a_process_that_crashes_is_not_run_again),
                                             UNIT(one_that_runs_for_ever_can_be_killed),
                                             UNIT(more_processes_than_cores_run_at_once_on_ranks_in_turn),
                                             UNIT(a_hundred_in_a_row_leave_nothing_behind),
                                             UNIT(one_that_is_freed_while_it_runs_is_killed),
                                             UNIT(a_pool_computes_beside_processes),
                                             UNIT(names_count_the_processes_that_were_made),
                                             UNIT(what_a_process_prints_is_printed),
                                             UNIT(a_process_that_cannot_start_harms_nothing_else),
                                             UNIT(wrong_use_is_an_error_with_words),
                                             {NULL, NULL}};
    int exit_code = 0;
    rp_error error = {0};
    const int rc = rp_world_open(&(rp_world_options){.kernels = kernels}, &world, &exit_code, &error);
    if (rc == RP_SERVED) return exit_code;
    if (rc) {
        fprintf(stderr, "test_process: %s\n", error.text);
        return 1;
    }
    exit_code = unit_run("process", tests);
    return close_world_over_running_processes(exit_code) ? exit_code : 1;
}
