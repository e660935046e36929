/* A plug-in with one fault, which -DFAULT=... chooses; with none of them it is good, and prints "fine". */
#include <rankpool_job.h>
#include <stdlib.h>

/* For #if, which does not know enums. */
#define NONE      0
#define NO_TABLE  1
#define MAGIC     2
#define VERSION   3
#define SIZES     4
#define NO_JOB    5
#define NO_NAME   6
#define NO_PLAN   7
#define NO_KERNEL 8
#define TWO_KINDS 9
#define CLASH     10
#define UNDEFINED 11
#define NO_LOAD   12
#define EXITS     13
#define NO_FEED   14
#define NO_REASON 15
#ifndef FAULT
#define FAULT NONE
#endif

int not_in_any_library(void);

#if FAULT == EXITS
__attribute__((constructor)) static void begin(void) { exit(0); }
#endif

static int item(rp_task *task, const void *input, size_t size) {
#if FAULT == UNDEFINED
    return not_in_any_library();
#else
    return rp_task_printf(task, "fine\n");
#endif
}

#if FAULT == TWO_KINDS
static int range(rp_task *task, uint64_t begin, uint64_t end) { return begin < end ? 0 : rp_task_fail(task, "none"); }
#endif

static const rp_kernel kernel = {
    .name = FAULT == CLASH ? "sleep" : "refused",
    .item = item,
#if FAULT == TWO_KINDS
    .range = range,
#endif
};

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    if (argc) return rp_job_fail(run, "no argument is taken; \"%.60s\" was given", argv[0]);
    run->map.count = FAULT == NO_FEED ? RP_FED : 1;
    return FAULT == NO_REASON ? RP_ENOMEM : 0;
}

#if FAULT == NO_LOAD
static int save(const rp_job_run *run, FILE *to) { return 0; }
#endif

const rp_job fine = {
    .name = FAULT == NO_NAME ? "" : "refused",
    .summary = "one task",
    .kernel = FAULT == NO_KERNEL ? NULL : &kernel,
    .plan = FAULT == NO_PLAN ? NULL : plan,
#if FAULT == NO_LOAD
    .save = save,
#endif
};

#if FAULT == NONE || FAULT > NO_JOB
RP_PLUGIN(fine);
#elif FAULT != NO_TABLE
RP_API const rp_plugin rp_plugin_job = {
#if FAULT == MAGIC
    .magic = "another program",
#else
    .magic = RP_PLUGIN_MAGIC,
#endif
    .version = RP_JOB_VERSION + (FAULT == VERSION ? 7 : 0),
    .sizes = {FAULT == SIZES ? 1 : sizeof(rp_job), sizeof(rp_kernel), sizeof(rp_map_options), sizeof(rp_result),
              sizeof(rp_job_run)},
    .job = FAULT == NO_JOB ? NULL : &fine,
};
#endif
