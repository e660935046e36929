/* hostile DEED, a plug-in: of eight tasks, task 3 does what no kernel should. The others say that they are there. */
#include <rankpool_job.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int crash(rp_task *task) { return raise(SIGSEGV); }

static int leave(rp_task *task) { _exit(0); }

/* Of the loops that never end, as far as a compiler can tell, they may. */
static volatile int on = 1;

/* All over the stack, until there is no more of it. */
static int scribble(rp_task *task) {
    volatile char *at = (volatile char *)&task;
    while (on) *at++ = 'x';
    return 0;
}

static int recurse(rp_task *task) {
    volatile char room[4096];
    room[0] = 0;
    return on ? recurse(task) + room[0] : 0;
}

static int spin(rp_task *task) {
    while (on) continue;
    return 0;
}

/* What it says it wrote is more than there is room for. */
static int commit_more(rp_task *task) {
    char *at = rp_task_reserve(task, 4);
    if (!at) return RP_ENOMEM;
    memcpy(at, "task", 4);
    rp_task_commit(task, 1 << 30);
    return rp_task_printf(task, " %llu\n", (unsigned long long)rp_task_index(task));
}

/* No RP_E code. */
static int answer_seven(rp_task *task) { return 7; }

static const struct deed {
    const char *name;
    int (*work)(rp_task *task);
} deeds[] = {
    {"crash", crash},
    {"leave", leave},
    {"scribble", scribble},
    {"recurse", recurse},
    {"spin", spin},
    {"commit-more", commit_more},
    {"answer-seven", answer_seven},
};
enum { DEEDS = sizeof deeds / sizeof *deeds };

static int item(rp_task *task, const void *input, size_t size) {
    int deed;
    memcpy(&deed, rp_task_args(task, NULL), sizeof deed);
    if (rp_task_index(task) == 3) return deeds[deed].work(task);
    return rp_task_printf(task, "task %llu\n", (unsigned long long)rp_task_index(task));
}

static const rp_kernel kernel = {.name = "hostile", .item = item};

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    static const int numbers[DEEDS] = {0, 1, 2, 3, 4, 5, 6};
    for (int i = 0; i < DEEDS && argc == 1; i++) {
        if (strcmp(argv[0], deeds[i].name)) continue;
        run->map.count = 8;
        run->map.args = &numbers[i];
        run->map.args_size = sizeof *numbers;
        return 0;
    }
    return rp_job_fail(run, "expected a deed, such as crash");
}

static const rp_job job = {
    .name = "hostile",
    .arguments = "DEED",
    .summary = "does what no kernel should",
    .kernel = &kernel,
    .plan = plan,
};

RP_PLUGIN(job);
