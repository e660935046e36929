/* count LIMIT [--times K]: counts from 0 to LIMIT, K times over. The plainest load there is: every step is one real
 * increment, so the time is the cores' own. Task i is step i % LIMIT of repetition i / LIMIT; no chunk crosses from
 * one repetition into the next, so each has an end and a time. */
#include "jobs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct count {
    uint64_t limit, times;
    uint64_t repetition, counted; /* the repetition at hand, and how far it has come */
    uint64_t finished;            /* repetitions */
    double since;                 /* when the last one finished */
};

/* In a function of its own, so that the count stays in a register: in memory a step takes four times as long. */
static uint64_t count_up(uint64_t steps) {
    uint64_t counted = 0;
    while (counted < steps) {
        counted++;
        __asm__ volatile("" : "+r"(counted)); /* the compiler cannot know the new value, so it must count */
    }
    return counted;
}

static int count_steps(rp_task *task, uint64_t begin, uint64_t end) {
    uint64_t counted = count_up(end - begin);
    return rp_task_write(task, &counted, sizeof counted);
}

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    rp_error error;
    struct count read = {.times = 1};
    const char *times = rp_job_option_value(run, "times");
    if (argc != 1) return rp_job_fail(run, "count takes one number, the LIMIT to count to; %d were given", argc);
    if (rp_read_uint64(argv[0], &read.limit, &error)) return rp_job_fail(run, "LIMIT %s", error.text);
    if (times && rp_read_uint64(times, &read.times, &error)) return rp_job_fail(run, "--times %s", error.text);
    uint64_t tasks;
    if (__builtin_mul_overflow(read.limit, read.times, &tasks) || tasks == RP_FED)
        return rp_job_fail(run, "%" PRIu64 " times %" PRIu64 " steps are too many; they must be less than 2^64-1",
                           read.times, read.limit);
    struct count *count = malloc(sizeof *count);
    if (!count) return rp_job_fail(run, "out of memory");
    *count = read;
    run->state = count;
    run->ordered = true; /* a repetition is complete when its last chunk comes */
    run->map.count = tasks;
    run->map.wall = read.limit;
    run->map.chunk_min = 100000; /* some 50 us: below that, dealing would cost more than counting */
    return 0;
}

static int print_repetition(rp_job_run *run, uint64_t counted) {
    struct count *count = run->state;
    int length = fprintf(run->out, "%" PRIu64 " %.3f s\n", counted, run->seconds - count->since);
    count->finished++;
    count->counted = 0;
    count->since = run->seconds;
    return length < 0 ? RP_EOUTPUT : 0;
}

static int collect(rp_job_run *run, const rp_result *result) {
    struct count *count = run->state;
    uint64_t counted;
    if (result->size != sizeof counted) return RP_EPROTOCOL;
    memcpy(&counted, result->data, sizeof counted);
    /* A repetition that lost a chunk to a failure never adds up to LIMIT, and must not lend to the next. */
    uint64_t repetition = result->begin / count->limit;
    if (repetition != count->repetition) count->counted = 0;
    count->repetition = repetition;
    count->counted += counted;
    return count->counted == count->limit ? print_repetition(run, count->counted) : 0;
}

static int finish(rp_job_run *run) {
    struct count *count = run->state;
    int code = 0;
    while (!code && count->limit == 0 && count->finished < count->times) code = print_repetition(run, 0);
    if (code) return code;
    int length = fprintf(run->out, "total %" PRIu64 " %.3f s\n", count->limit * count->finished, run->seconds);
    return length < 0 ? RP_EOUTPUT : 0;
}

/* `since` too: the seconds of a run that goes on are counted from where they were. */
static int save(const rp_job_run *run, FILE *to) {
    return fwrite(run->state, sizeof(struct count), 1, to) == 1 ? 0 : RP_EOUTPUT;
}

static int load(rp_job_run *run, const void *data, size_t size) {
    if (size != sizeof(struct count)) return RP_EPROTOCOL;
    memcpy(run->state, data, size);
    return 0;
}

static void release(rp_job_run *run) { free(run->state); }

static const rp_kernel kernel = {.name = "count", .range = count_steps, .flags = RP_PURE};

static const rp_job_option options[] = {
    {"times", "K", "count K times over, each dealt and timed on its own (default 1)"},
    {NULL, NULL, NULL},
};

const rp_job rp__job_count = {
    .name = "count",
    .arguments = "LIMIT",
    .summary = "count from 0 to LIMIT, a real increment each step",
    .details = "Prints for each repetition how far it counted and its seconds, then the total.\n"
               "Repetitions overlap: when one runs out of steps, free workers begin the next.\n",
    .options = options,
    .kernel = &kernel,
    .plan = plan,
    .collect = collect,
    .finish = finish,
    .release = release,
    .size = RP_SIZE_RANGE,
    .save = save,
    .load = load,
};
