/* rankpool scale JOB ARGS: runs a job on growing parts of what the program was given, in one launch, and tells how much
 * faster it gets and where it stops paying.
 *
 * In a round every layout runs the job once, and rounds go forth and back through the layouts in turn, so that a machine
 * that gets slower or faster meanwhile does so for all alike. A layout has a pool of its own, which is opened before the
 * clock starts and freed after: whoever has no worker in it sleeps. What the job prints is thrown away, but for a sum
 * that must be the same on every layout. */
#include "scale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REPEAT_LEAST = 3, REPEAT_TIMES = 5, ROUNDS_MAX = 1000 };
static const double MIN_TIME_S = 0.5, SETTLED = 0.02;

/* ---- Arguments ---- */

int scale_join(rp_job *joined, int argc, const char *const *argv, int from) {
    const int at = options_find_job(tool_scale.job, argc, argv, from);
    const rp_job *job = at < argc ? find_job(argv[at]) : NULL;
    size_t own = 0, others = 0;
    while (tool_scale.job->options[own].name) own++;
    while (job && job != tool_scale.job && job->options && job->options[others].name) others++;
    rp_job_option *options = calloc(own + others + 1, sizeof *options);
    if (!options) return RP_ENOMEM;
    memcpy(options, tool_scale.job->options, own * sizeof *options);
    if (others) memcpy(options + own, job->options, others * sizeof *options);
    *joined = *tool_scale.job;
    joined->options = options;
    joined->kernel = job ? job->kernel : NULL; /* of a plug-in: the world needs to know it */
    return 0;
}

static int read_repeat(rp_job_run *run, struct scale *scale) {
    const char *value = rp_job_option_value(run, "repeat");
    scale->repeat_least = REPEAT_LEAST;
    scale->repeat_most = REPEAT_LEAST * REPEAT_TIMES;
    if (!value) return 0;
    char least[32];
    const char *colon = strchr(value, ':');
    snprintf(least, sizeof least, "%.*s", colon ? (int)(colon - value) : (int)strlen(value), value);
    if (rp_read_uint64(least, &scale->repeat_least, NULL) || scale->repeat_least < 1 ||
        scale->repeat_least > ROUNDS_MAX || (colon && rp_read_uint64(colon + 1, &scale->repeat_most, NULL)))
        return rp_job_fail(run, "--repeat \"%.60s\" is not valid: expected LEAST or LEAST:MOST, from 1 to %d rounds",
                           value, ROUNDS_MAX);
    if (!colon) scale->repeat_most = scale->repeat_least * REPEAT_TIMES;
    if (scale->repeat_most > ROUNDS_MAX) scale->repeat_most = ROUNDS_MAX;
    if (scale->repeat_most >= scale->repeat_least) return 0;
    return rp_job_fail(run, "--repeat \"%.60s\" is not valid: the second number must not be less than the first",
                       value);
}

static int read_options(rp_job_run *run, struct scale *scale) {
    const char *min_time = rp_job_option_value(run, "min-time"), *workers = rp_job_option_value(run, "node-workers");
    rp_error error = {0};
    scale->weak = rp_job_option_value(run, "weak");
    scale->csv = rp_job_option_value(run, "csv");
    scale->json = rp_job_option_value(run, "json");
    scale->plot = rp_job_option_value(run, "plot");
    scale->min_time_s = MIN_TIME_S;
    if (read_repeat(run, scale)) return RP_EUSAGE;
    if (min_time && rp_read_seconds(min_time, &scale->min_time_s, &error))
        return rp_job_fail(run, "--min-time %s", error.text);
    if (workers &&
        (rp_read_uint64(workers, &scale->node_workers, NULL) || !scale->node_workers || scale->node_workers > 1024))
        return rp_job_fail(run, "--node-workers \"%.60s\" is not valid: expected a number from 1 to 1024", workers);
    if (scale->csv && scale->json) return rp_job_fail(run, "--csv and --json were given: choose one of the two");
    if (scale->plot && !scale_plot_knows(scale->plot))
        return rp_job_fail(run,
                           "--plot \"%.120s\" is not valid: expected the name of a file that ends in .svg, .png or "
                           ".pdf",
                           scale->plot);
    return 0;
}

/* Can it be measured at all? */
static int check_job(rp_job_run *run, const struct scale *scale) {
    const rp_job *job = scale->job;
    if (!job->kernel) return rp_job_fail(run, "%s has no tasks: there is nothing to scale", job->name);
    if (job->needs) return rp_job_fail(run, "%s: not built: needs %s", job->name, job->needs);
    for (int i = 0; i < scale->argc; i++)
        if (!strcmp(scale->argv[i], "-"))
            return rp_job_fail(run,
                               "scale runs %s many times, and standard input can be read once: give it words or a "
                               "file",
                               job->name);
    rp_job_run own = {.job = job, .given = run->given};
    if (plan_job(&own, scale->argc, scale->argv)) return rp_job_fail(run, "%s", own.message);
    if (job->release) job->release(&own);
    if (own.each_worker)
        return rp_job_fail(run, "%s has a task for each worker, however many: there is nothing to scale", job->name);
    return scale->weak ? scale_weak_check(run, scale) : 0;
}

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    struct scale read = {0};
    if (!argc) return rp_job_fail(run, "scale needs the job to measure: rankpool scale primes 1e10, for instance");
    read.job = find_job(argv[0]);
    read.argc = argc - 1;
    read.argv = argv + 1;
    read.given = run->given;
    if (!read.job) return rp_job_fail(run, "there is no job \"%.60s\" to measure: rankpool --help lists them", argv[0]);
    if (read.job == tool_scale.job)
        return rp_job_fail(run, "scale cannot measure scale: name a job, as in rankpool scale primes 1e10");
    if (read_options(run, &read) || check_job(run, &read)) return RP_EUSAGE;
    struct scale *scale = malloc(sizeof *scale);
    if (!scale) return rp_job_fail(run, "out of memory");
    *scale = read;
    run->state = scale;
    return 0;
}

static void release(rp_job_run *run) {
    struct scale *scale = run->state;
    for (size_t i = 0; i < scale->layouts; i++) free(scale->layout[i].seconds);
    free(scale->layout);
    scale_site_close(&scale->site);
    free(scale);
}

/* ---- The job once ---- */

struct output {
    uint64_t hash, size;
};

/* FNV-1a, a byte at a time. */
static ssize_t take_output(void *self, const char *data, size_t size) {
    struct output *output = self;
    for (size_t i = 0; i < size; i++) output->hash = (output->hash ^ (uint8_t)data[i]) * UINT64_C(0x100000001b3);
    output->size += size;
    return (ssize_t)size;
}

static int run_planned(const struct options *options, rp_job_run *run, rp_world *world, rp_pool *pool,
                       struct output *output, rp_map_stats *stats) {
    *output = (struct output){.hash = UINT64_C(0xcbf29ce484222325)};
    run->out = fopencookie(output, "w", (cookie_io_functions_t){.write = take_output});
    if (!run->out) return run_failed(RP_ENOMEM, &(rp_error){0});
    setvbuf(run->out, NULL, _IOFBF, 1 << 16);
    int exit_code = run_map(options, run, world, pool, NULL, stats);
    fclose(run->out);
    return exit_code;
}

static int run_on(const struct options *options, const struct scale *scale, const rp_job_given *given, uint32_t times,
                  rp_world *world, rp_pool *pool, struct output *output, rp_map_stats *stats) {
    int argc, exit_code;
    const char **argv = scale_arguments(scale, times, &argc);
    rp_job_run run = {.job = scale->job, .given = given};
    if (!argv) return run_failed(RP_ENOMEM, &(rp_error){0});
    if (plan_job(&run, argc, argv)) {
        fprintf(stderr, "rankpool: %s\n", run.message);
        exit_code = EXIT_USAGE;
    } else {
        exit_code = run_planned(options, &run, world, pool, output, stats);
        if (scale->job->release) scale->job->release(&run);
    }
    free(argv);
    return exit_code;
}

/* ---- Layouts and rounds ---- */

static rp_pool_options pool_options(const struct options *options, const struct scale_layout *layout) {
    rp_pool_options pool = {.bind = options->pool.bind,
                            .bind_asked = options->pool.bind_asked || layout->fits,
                            .kind = RP_WORKERS_PROCESS,
                            .crew = layout->crew,
                            .workers = layout->crew ? 0 : layout->workers,
                            .ranks = layout->ranks,
                            .rank_count = layout->rank_count};
    if (layout->series == SCALE_SEQUENTIAL) pool.kind = RP_WORKERS_INLINE;
    if (layout->series == SCALE_THREADS) pool.kind = RP_WORKERS_THREAD;
    return pool;
}

static int keep(struct scale_layout *layout, const rp_map_stats *stats) {
    double *seconds = realloc(layout->seconds, (layout->rounds + 1) * sizeof *seconds);
    if (!seconds) return run_failed(RP_ENOMEM, &(rp_error){0});
    layout->seconds = seconds;
    seconds[layout->rounds++] = stats->seconds;
    layout->total_s += stats->seconds;
    layout->busy_s += stats->busy_seconds;
    layout->idle_s += stats->idle_seconds;
    layout->workers_s += stats->seconds * layout->workers;
    return 0;
}

/* The same work must have the same output. */
static int compare(const struct scale *scale, struct scale_layout *layout, const struct output *output) {
    if (!layout->has_output) {
        layout->has_output = true;
        layout->output_hash = output->hash;
        layout->output_size = output->size;
    }
    for (size_t i = 0; i < scale->layouts; i++) {
        const struct scale_layout *other = &scale->layout[i];
        if (!other->has_output || (scale->weak && other->workers != layout->workers)) continue;
        if (other->output_hash == output->hash && other->output_size == output->size) continue;
        fprintf(stderr,
                "rankpool: %s printed other results on %u workers (%s) than on %u (%s): what differs from run to run "
                "cannot be compared\n",
                scale->job->name, layout->workers, scale_series_name(layout->series), other->workers,
                scale_series_name(other->series));
        return EXIT_TASKS_FAILED;
    }
    return 0;
}

static int measure(const struct options *options, const struct scale *scale, const rp_job_given *given,
                   struct scale_layout *layout, rp_world *world) {
    const rp_pool_options wanted = pool_options(options, layout);
    rp_pool *pool;
    rp_error error = {0};
    if (layout->left_out[0]) return 0;
    int rc = rp_pool_open(world, &wanted, &pool, &error);
    if (rc == RP_EINVAL || rc == RP_EUNSUPPORTED) {
        snprintf(layout->left_out, sizeof layout->left_out, "%.150s", error.text);
        return layout->series == SCALE_SEQUENTIAL ? run_failed(rc, &error) : 0;
    }
    if (rc) return run_failed(rc, &error);
    int exit_code = 0;
    if (rp_pool_workers(pool) != layout->workers) {
        snprintf(layout->left_out, sizeof layout->left_out, "its ranks have room for %u workers",
                 rp_pool_workers(pool));
    } else {
        struct output output;
        rp_map_stats stats;
        exit_code = run_on(options, scale, given, scale->weak ? layout->workers : 1, world, pool, &output, &stats);
        if (!exit_code) exit_code = keep(layout, &stats);
        if (!exit_code) exit_code = compare(scale, layout, &output);
    }
    rp_pool_free(pool);
    return exit_code;
}

/* Is every layout measured for long enough, and no median moved much by the last round? */
static bool is_settled(const struct scale *scale, uint64_t rounds) {
    bool settled = true;
    for (size_t i = 0; i < scale->layouts; i++) {
        const struct scale_layout *layout = &scale->layout[i];
        if (layout->left_out[0]) continue;
        if (layout->total_s < scale->min_time_s) return false;
        const double now = scale_median(layout->seconds, layout->rounds);
        const double before = scale_median(layout->seconds, layout->rounds - 1);
        settled &= rounds > 1 && fabs(now - before) <= SETTLED * now;
    }
    return settled || rounds >= scale->repeat_most;
}

static int run_rounds(const struct options *options, const struct scale *scale, const rp_job_given *given,
                      rp_world *world, bool tell) {
    uint64_t round = 0;
    do {
        double seconds = 0;
        for (size_t i = 0; i < scale->layouts; i++) {
            struct scale_layout *layout = &scale->layout[round % 2 ? scale->layouts - 1 - i : i];
            int exit_code = measure(options, scale, given, layout, world);
            if (exit_code) return exit_code;
            if (!layout->left_out[0]) seconds += layout->seconds[layout->rounds - 1];
        }
        round++;
        char text[32];
        if (tell)
            fprintf(stderr, "rankpool: round %llu, %zu layouts: %s\n", (unsigned long long)round, scale->layouts,
                    time_text(seconds, text));
    } while (round < ROUNDS_MAX && (round < scale->repeat_least || !is_settled(scale, round)));
    return 0;
}

/* How many cores each node has, by a crew of all of them on its first rank. Every worker says its rank: topo's answers
 * begin with that. */
static int count_cores(struct scale *scale, rp_world *world, rp_error *error) {
    struct scale_site *site = &scale->site;
    const rp_pool_options options = {.crew = RP_CREW_CORES, .ranks = site->first, .rank_count = site->nodes};
    rp_pool *pool;
    rp_map *map;
    rp_result result;
    int rc = rp_pool_open(world, &options, &pool, error);
    if (rc) return rc;
    const rp_map_options ask = {
        .kernel = tool_topo.job->kernel->name, .count = rp_pool_workers(pool), .each_worker = true};
    rc = rp_map_open(pool, &ask, &map, error);
    if (rc == 0) {
        while ((rc = rp_map_next(map, -1, &result)) == 0) {
            rp_where where;
            if (result.status || result.size < sizeof where) continue;
            memcpy(&where, result.data, sizeof where);
            site->cores[rp_world_host(world, where.rank)]++;
        }
        rp_map_close(map);
    }
    rp_pool_free(pool);
    for (uint32_t node = 0; node < site->nodes; node++)
        site->limit[node] = scale->node_workers ? (uint32_t)scale->node_workers : site->cores[node];
    return rc == RP_END ? 0 : rc;
}

static int look_around(struct scale *scale, rp_world *world) {
    const int ranks = rp_world_ranks(world);
    rp_error error = {0};
    int *host_of = malloc((size_t)ranks * sizeof *host_of);
    for (int rank = 0; host_of && rank < ranks; rank++) host_of[rank] = rp_world_host(world, rank);
    int rc = host_of && scale_site_open(&scale->site, (uint32_t)rp_world_hosts(world), host_of, (uint32_t)ranks)
                 ? count_cores(scale, world, &error)
                 : RP_ENOMEM;
    free(host_of);
    if (rc == 0 && !(scale->layout = scale_layouts(&scale->site, &scale->layouts))) rc = RP_ENOMEM;
    if (rc) return run_failed(rc, &error);
    const uint32_t beyond = scale->weak ? scale_weak_beyond(scale) : 0;
    if (!beyond) return 0;
    fprintf(stderr, "rankpool: --weak: for %u workers the range of %s would end beyond 2^64: give a shorter one\n",
            beyond, scale->job->name);
    return EXIT_USAGE;
}

static int check_options(const struct options *options, rp_job_run *run) {
    if (options->store)
        return rp_job_fail(run, "scale computes the same again and again, which no store can keep: leave out --store");
    const char *limit = options->timeout > 0 ? "timeout" : options->pool.memory ? "memory" : NULL;
    if (!limit) return 0;
    return rp_job_fail(run, "scale measures inline and thread workers too, which no --%s can limit: leave it out",
                       limit);
}

static int measure_all(const struct options *options, rp_job_run *run, rp_world *world) {
    struct scale *scale = run->state;
    struct options each = *options;
    each.quiet = each.untimed = true;
    each.unordered = false;
    each.active = 0;
    int exit_code = look_around(scale, world);
    if (!exit_code) exit_code = run_rounds(&each, scale, run->given, world, !options->quiet);
    if (exit_code) return exit_code;
    if (scale_report(run->out, scale)) {
        fputs("rankpool: cannot write the results\n", stderr);
        return EXIT_ENVIRONMENT;
    }
    return scale->plot ? scale_plot(scale) : EXIT_DONE;
}

static int run_scale(const struct options *options, rp_job_run *run) {
    if (check_options(options, run)) return complain(EXIT_USAGE, run->message);
    return run_job(options, run, measure_all);
}

static const rp_job_option options[] = {
    {"repeat", "N[:M]", "at least N rounds (default 3), and at most M (default 5 N) until the medians settle"},
    {"min-time", "SECONDS", "measure each layout for so long in all, however many rounds it takes (default 0.5)"},
    {"weak", NULL, "weak scaling: the work grows with the workers, by a longer range or by the tasks given again"},
    {"node-workers", "N", "go up to N workers a node (default: one for every core)"},
    {"csv", NULL, "print the table as comma-separated values, with all rounds"},
    {"json", NULL, "print everything as JSON, with all rounds"},
    {"plot", "FILE", "draw FILE.svg, .png or .pdf by gnuplot; its script and data stay beside it"},
    {NULL, NULL, NULL},
};

static const rp_job job = {
    .name = "scale",
    .arguments = "JOB [ARGUMENTS OF JOB]",
    .summary = "a job on growing parts of the machine: how much faster, and where it stops paying",
    .details =
        "Layouts, all in one launch: sequential, one worker in rank 0 itself; threads and processes, on one core, "
        "two,\n"
        "... all cores of the first node; packed, all cores of one node, two, ... all; spread, as many workers over "
        "all\n"
        "nodes; where there are several ranks a node, packed-ranks and spread-ranks with one worker a rank.\n"
        "Every round runs each layout once. Rounds go on until each layout was measured for --min-time and the last\n"
        "round moved no median by more than 2 %. The time is that of the job on a pool that is open.\n"
        "seconds is the median and +- half of the range; speed-up is against sequential, efficiency that by worker\n"
        "(with --weak: of the work that has grown); serial is Karp and Flatt's fraction. Of the workers' time,\n"
        "computing is spent in the kernel, waiting without a chunk to compute (no task was left, or none had come),\n"
        "and dealing is the rest: chunks and results on their way. Then come single node against several, the fits of\n"
        "Amdahl's law and the Universal Scalability Law, and the step from which more nodes do not pay: each worker\n"
        "that it adds gives less than half of a worker's speed-up.\n",
    .options = options,
    .plan = plan,
    .release = release,
};

const struct tool tool_scale = {&job, run_scale};
