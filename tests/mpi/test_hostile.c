/* Kernels that do what no kernel should. However they end, the guilty task fails alone and says why, or nothing happens
 * at all: every other task has the right answer, and no process is left. All ranks of a test are on one host. */
#include "rankpool.h"
#include "unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Workers crash and leave on purpose here: the sanitizers are to let them die as they would without. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:detect_leaks=0:"
           "detect_stack_use_after_return=0:allocator_may_return_null=1";
}

enum { TASKS = 3000, GUILTY = 1234 };
static char mark[16]; /* what children of kernels are called, by who started the ranks */

/* ---- Deeds --------------------------------------------------------------------------------------------- */

static volatile int depth;

__attribute__((noinline)) static int dig(volatile char *above) {
    volatile char here[4096];
    here[0] = above ? above[0] : 1;
    return depth++ < 0 ? 0 : dig(here) + here[0]; /* it never is below 0 */
}

static void raise_by(int number) {
    signal(number, SIG_DFL);
    raise(number);
}

static void close_all(void) {
    for (int fd = 0; fd < 1024; fd++) close(fd);
}

static void reopen_others(void) {
    close_all();
    for (int i = 0; i < 16; i++) (void)!open("/dev/null", O_RDWR);
}

/* What is mapped for others to see, too, and can be written, is the worker's own part of the crew's memory, and the bell. */
static void scribble(int with, bool all) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    while (maps && fgets(line, sizeof line, maps)) {
        uintptr_t begin, end;
        char mode[5];
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &begin, &end, mode) != 3 || strcmp(mode, "rw-s")) continue;
        if (all || end - begin > 512 * 1024) memset((void *)begin, with, end - begin);
    }
    if (maps) fclose(maps);
}

_Noreturn static void live_on(void) {
    prctl(PR_SET_NAME, mark);
    for (;;) pause();
}

static void leave_a_child(void) {
    if (fork() == 0) live_on();
}

static void leave_a_session(void) {
    if (fork()) return;
    setsid();
    if (fork()) _exit(0);
    live_on();
}

static void block_all_signals(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
}

static void forget_affinity(void) {
    cpu_set_t all;
    memset(&all, 255, sizeof all);
    sched_setaffinity(0, sizeof all, &all);
}

static void limit_all(void) {
    const struct rlimit none = {0};
    setrlimit(RLIMIT_NOFILE, &none);
    setrlimit(RLIMIT_NPROC, &none);
    setrlimit(RLIMIT_FSIZE, &none);
}

static void eat_input(void) {
    char bytes[4096];
    while (read(0, bytes, sizeof bytes) > 0) continue;
}

static void eat_memory(void) {
    const size_t piece = 1 << 24, beside = 64; /* not at NULL itself, which the sanitizers would report */
    for (int i = 0; i < 64; i++) memset((char *)((uintptr_t)malloc(piece) + beside), 1, piece - beside);
}

static void for_ever(void) {
    for (volatile int i = 0;; i++) continue;
}

static int *volatile nowhere = (int *)64;
static void crash_by_segv(void) { *nowhere = 1; }
static void abort_itself(void) {
    signal(SIGABRT, SIG_DFL);
    abort();
}
static void raise_fpe(void) { raise_by(SIGFPE); }
static void raise_bus(void) { raise_by(SIGBUS); }
static void raise_ill(void) { raise_by(SIGILL); }
static void raise_kill(void) { raise(SIGKILL); }
static void raise_stop(void) { raise(SIGSTOP); }
static void overflow_the_stack(void) { depth = dig(NULL); }
static void exit_0(void) { exit(0); }
static void exit_7(void) { exit(7); }
static void exit_at_once(void) { _exit(3); }
static void scribble_zeros(void) { scribble(0, false); }
static void scribble_ones(void) { scribble(255, false); }
static void scribble_all(void) { scribble(0xa5, true); }
static void fork_and_both_return(void) { (void)!fork(); }
static void lead_a_group(void) { setpgid(0, 0); }
static void lead_a_session(void) { setsid(); }
static void forget_the_death_signal(void) { prctl(PR_SET_PDEATHSIG, 0); }
static void go_to_the_root(void) { (void)!chdir("/"); }
static void print_to_stdout(void) {
    printf("a kernel prints this\n");
    fflush(stdout);
}

/* Deeds with a cause end their worker, the others are harmless; those that write over its memory end it or not. */
static const struct deed {
    const char *name, *cause;
    void (*act)(void);
    double timeout;
    uint64_t memory;
    bool maybe;
} deeds[] = {
    {"SEGV", "signal 11", crash_by_segv, 0, 0, false},
    {"ABRT", "signal 6", abort_itself, 0, 0, false},
    {"FPE", "signal 8", raise_fpe, 0, 0, false},
    {"BUS", "signal 7", raise_bus, 0, 0, false},
    {"ILL", "signal 4", raise_ill, 0, 0, false},
    {"KILL", "signal 9", raise_kill, 0, 0, false},
    {"stack", "signal 11", overflow_the_stack, 0, 0, false},
    {"exit(0)", "exited with code 0", exit_0, 0, 0, false},
    {"exit(7)", "exited with code 7", exit_7, 0, 0, false},
    {"_exit(3)", "exited with code 3", exit_at_once, 0, 0, false},
    {"endless", "took longer than 0.2 s", for_ever, 0.2, 0, false},
    {"STOP", "took longer than 0.2 s", raise_stop, 0.2, 0, false},
    {"memory", "signal 11", eat_memory, 0, 64 << 20, false},
    {"zeros", "wrote over its ring", scribble_zeros, 2, 0, true},
    {"ones", "wrote over its ring", scribble_ones, 2, 0, true},
    {"all", "wrote over its ring", scribble_all, 2, 0, true},
    {"OOM", "OOM killer", eat_memory, 0, 0, false},
    {"close all", NULL, close_all, 0, 0, false},
    {"reopen", NULL, reopen_others, 0, 0, false},
    {"child", NULL, leave_a_child, 0, 0, false},
    {"session child", NULL, leave_a_session, 0, 0, false},
    {"fork", NULL, fork_and_both_return, 0, 0, false},
    {"signals", NULL, block_all_signals, 0, 0, false},
    {"group", NULL, lead_a_group, 0, 0, false},
    {"session", NULL, lead_a_session, 0, 0, false},
    {"death signal", NULL, forget_the_death_signal, 0, 0, false},
    {"affinity", NULL, forget_affinity, 0, 0, false},
    {"limits", NULL, limit_all, 0, 0, false},
    {"chdir", NULL, go_to_the_root, 0, 0, false},
    {"stdin", NULL, eat_input, 0, 0, false},
    {"stdout", NULL, print_to_stdout, 0, 0, false},
};
enum { DEEDS = sizeof deeds / sizeof *deeds };

/* Where no cgroup limits memory this would take all of the machine's: the script that makes one asks for it. */
static bool is_for_cgroups(const struct deed *deed) { return deed->act == eat_memory && !deed->memory; }

/* ---- Kernels ------------------------------------------------------------------------------------------- */

/* The map's argument is the deed. */
static void act_if(rp_task *task, uint64_t begin, uint64_t end) {
    const struct deed *deed = &deeds[*(const uint8_t *)rp_task_args(task, NULL)];
    if (begin <= GUILTY && end > GUILTY) deed->act();
}

static int item(rp_task *task, const void *input, size_t size) {
    const uint64_t index = rp_task_index(task), square = index * index;
    act_if(task, index, index + 1);
    return rp_task_write(task, &square, sizeof square);
}

static int range(rp_task *task, uint64_t begin, uint64_t end) {
    uint64_t sum = 0;
    act_if(task, begin, end);
    for (uint64_t i = begin; i < end; i++) sum += i * i;
    return rp_task_write(task, &sum, sizeof sum);
}

static const rp_kernel item_kernel = {.name = "item", .item = item}, range_kernel = {.name = "range", .range = range};
static const rp_kernel *const kernels[] = {&item_kernel, &range_kernel, NULL};

/* ---- Claims -------------------------------------------------------------------------------------------- */

static rp_world *world;

static uint64_t squares(uint64_t begin, uint64_t end) {
    uint64_t sum = 0;
    for (uint64_t i = begin; i < end; i++) sum += i * i;
    return sum;
}

/* One record; returns how many tasks it says failed. */
static uint64_t check(const struct deed *deed, const rp_result *result) {
    uint64_t sum = 0;
    if (result->status == 0) {
        if (result->size == sizeof sum) memcpy(&sum, result->data, sizeof sum);
        CU_ASSERT_EQUAL(sum, squares(result->begin, result->end));
        return 0;
    }
    char message[128];
    snprintf(message, sizeof message, "%.*s", (int)result->size, (const char *)result->data);
    const bool right = deed->cause && strstr(message, deed->cause) && result->begin == GUILTY &&
                       result->end == GUILTY + 1 && result->status == RP_EDIED;
    CU_ASSERT_TRUE(right);
    if (!right)
        printf("\n    %s: tasks %" PRIu64 " to %" PRIu64 ": %s\n", deed->name, result->begin, result->end, message);
    return result->end - result->begin;
}

static void does(uint8_t number, const char *kernel) {
    const struct deed *deed = &deeds[number];
    rp_pool *pool = NULL;
    rp_map *map = NULL;
    rp_error error = {0};
    rp_result result;
    uint64_t tasks = 0, failed = 0;
    int rc;
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(world, &(rp_pool_options){.memory = deed->memory}, &pool, &error), 0);
    const rp_map_options options = {.kernel = kernel,
                                    .count = TASKS,
                                    .args = &number,
                                    .args_size = 1,
                                    .retries = 1,
                                    .timeout = deed->timeout,
                                    .schedule = {.kind = RP_DYNAMIC, .chunk = 100}};
    CU_ASSERT_EQUAL_FATAL(rp_map_open(pool, &options, &map, &error), 0);
    while ((rc = rp_map_next(map, 60, &result)) == 0) {
        tasks += result.end - result.begin;
        failed += check(deed, &result);
    }
    CU_ASSERT_EQUAL(rc, RP_END);
    CU_ASSERT_EQUAL(tasks, TASKS);
    const bool right = failed == (deed->cause != NULL) || (failed == 0 && deed->maybe);
    CU_ASSERT_TRUE(right);
    if (rc != RP_END || !right)
        printf("\n    %s, %s: %s, %" PRIu64 " failed %s\n", deed->name, kernel, rp_error_name(rc), failed,
               rp_world_error(world));
    rp_map_close(map);
    rp_pool_free(pool);
}

static void whatever_an_item_does_it_fails_alone_or_not_at_all(void) {
    for (uint8_t i = 0; i < DEEDS; i++)
        if (!is_for_cgroups(&deeds[i])) does(i, "item");
}

static void whatever_a_range_does_one_task_fails_or_none(void) {
    for (uint8_t i = 0; i < DEEDS; i++)
        if (!is_for_cgroups(&deeds[i])) does(i, "range");
}

static void a_task_that_the_oom_killer_takes_fails_alone(void) {
    for (uint8_t i = 0; i < DEEDS; i++)
        if (is_for_cgroups(&deeds[i])) does(i, "item");
}

static void limits_are_for_processes(void) {
    rp_pool *pool = NULL;
    rp_map *map = NULL;
    for (enum rp_workers kind = RP_WORKERS_THREAD; kind <= RP_WORKERS_INLINE; kind++) {
        CU_ASSERT_EQUAL(rp_pool_open(world, &(rp_pool_options){.kind = kind, .memory = 1}, &pool, NULL),
                        RP_EUNSUPPORTED);
        CU_ASSERT_EQUAL_FATAL(rp_pool_open(world, &(rp_pool_options){.kind = kind}, &pool, NULL), 0);
        const rp_map_options options = {.kernel = "item", .count = 1, .timeout = 1};
        CU_ASSERT_EQUAL(rp_map_open(pool, &options, &map, NULL), RP_EUNSUPPORTED);
        CU_ASSERT_EQUAL(rp_pool_free(pool), 0);
    }
}

static void a_time_limit_is_a_number_of_seconds(void) {
    static const double bad[] = {-1, 1e10, __builtin_nan(""), __builtin_inf()};
    rp_pool *pool = NULL;
    rp_map *map = NULL;
    CU_ASSERT_EQUAL_FATAL(rp_pool_open(world, NULL, &pool, NULL), 0);
    for (int i = 0; i < 4; i++) {
        const rp_map_options options = {.kernel = "item", .count = 1, .timeout = bad[i]};
        CU_ASSERT_EQUAL(rp_map_open(pool, &options, &map, NULL), RP_EINVAL);
    }
    rp_pool_free(pool);
}

/* ---- After the run ------------------------------------------------------------------------------------- */

/* The first process of this name; 0: there is none. */
static int find_process(const char *name) {
    DIR *processes = opendir("/proc");
    int found = 0;
    for (struct dirent *entry; processes && !found && (entry = readdir(processes));) {
        char path[300], comm[32] = "";
        snprintf(path, sizeof path, "/proc/%s/comm", entry->d_name);
        FILE *file = atoi(entry->d_name) ? fopen(path, "r") : NULL;
        if (file && fscanf(file, "%31s", comm) == 1 && strcmp(comm, name) == 0) found = atoi(entry->d_name);
        if (file) fclose(file);
    }
    if (processes) closedir(processes);
    return found;
}

int main(int argc, char **argv) {
    static const struct unit_test in_cgroup[] = {UNIT(a_task_that_the_oom_killer_takes_fails_alone), {NULL, NULL}};
    static const struct unit_test tests[] = {UNIT(whatever_an_item_does_it_fails_alone_or_not_at_all),
                                             UNIT(whatever_a_range_does_one_task_fails_or_none),
                                             UNIT(limits_are_for_processes),
                                             UNIT(a_time_limit_is_a_number_of_seconds),
                                             {NULL, NULL}};
    int exit_code = 0;
    rp_error error = {0};
    snprintf(mark, sizeof mark, "hostile%d", (int)getppid());
    int rc = rp_world_open(&(rp_world_options){.kernels = kernels}, &world, &exit_code, &error);
    if (rc == RP_SERVED) return exit_code;
    if (rc) {
        fprintf(stderr, "test_hostile: %s\n", error.text);
        return 1;
    }
    exit_code = unit_run("hostile", argc > 1 && strcmp(argv[1], "oom") == 0 ? in_cgroup : tests);
    rp_world_close(world, exit_code);
    int left, looks = 0;
    while ((left = find_process(mark)) && looks++ < 100) usleep(100000); /* other ranks may still be at it */
    if (left) fprintf(stderr, "test_hostile: process %d was left behind by a kernel\n", left);
    return left ? 1 : exit_code;
}
