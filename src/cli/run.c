/* One job from plan to exit code, on rank 0. Inputs are read on a thread of their own, so that a slow source never
 * holds up results that are there; results are written by this thread, so that a slow sink never holds up the pool. */
#include "cli.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FAILURES_SHOWN = 10, OUTPUT_BUFFER = 1 << 20, RECORDS_A_LOOK = 256 /* between looks at the progress */ };

struct feeder {
    rp_job_run *run;
    rp_map *map;
    pthread_t thread;
    bool started;
    int rc;
};

static void *feed(void *self) {
    struct feeder *feeder = self;
    feeder->rc = feeder->run->job->feed(feeder->run, feeder->map);
    rp_map_end(feeder->map);
    return NULL;
}

/* What the map says at its end, and what became of the output. */
struct outcome {
    int rc; /* RP_END, or why it ended early */
    uint64_t failed;
};

static void show_failure(struct progress *progress, struct outcome *outcome, const rp_result *result) {
    progress_clear(progress);
    outcome->failed += result->end - result->begin;
    if (outcome->failed > FAILURES_SHOWN) return;
    char tasks[64];
    if (result->end - result->begin == 1)
        snprintf(tasks, sizeof tasks, "task %llu", (unsigned long long)result->begin);
    else
        snprintf(tasks, sizeof tasks, "tasks %llu to %llu", (unsigned long long)result->begin,
                 (unsigned long long)result->end - 1);
    fprintf(stderr, "rankpool: %s failed: %.*s\n", tasks, (int)result->size, (const char *)result->data);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int collect(const struct options *options, rp_job_run *run, double opened_s, const rp_result *result) {
    if (!run->job->collect) return fwrite(result->data, 1, result->size, run->out) == result->size ? 0 : RP_EOUTPUT;
    run->seconds = options->untimed ? 0 : now_s() - opened_s;
    return run->job->collect(run, result);
}

/* The next record. Where none is due now, what has been written so far may be seen before the wait for more. */
static int next(rp_job_run *run, rp_map *map, double wait_s, rp_result *result) {
    int rc = rp_map_next(map, 0, result);
    if (rc != RP_ETIMEDOUT) return rc;
    return fflush(run->out) ? RP_EOUTPUT : rp_map_next(map, wait_s, result);
}

static void collect_all(const struct options *options, rp_job_run *run, rp_map *map, struct progress *progress,
                        struct outcome *outcome) {
    double opened_s = now_s();
    rp_result result;
    for (unsigned count = 0; !outcome->rc; count++) {
        int rc = next(run, map, progress->kind == PROGRESS_BAR ? 0.2 : 1, &result);
        if (rc == RP_ETIMEDOUT || count % RECORDS_A_LOOK == 0) {
            rp_map_stats stats;
            rp_map_stats_get(map, &stats);
            progress_show(progress, &stats);
        }
        if (rc == RP_ETIMEDOUT) continue;
        if (progress->in_the_way) progress_clear(progress);
        if (rc)
            outcome->rc = rc;
        else if (result.status)
            show_failure(progress, outcome, &result);
        else
            outcome->rc = collect(options, run, opened_s, &result);
    }
}

static void set_map(const struct options *options, rp_job_run *run, const rp_pool *pool) {
    rp_map_options *map = &run->map;
    if (!map->kernel) map->kernel = run->job->kernel->name;
    if (options->schedule_given || options->chunk_given) map->schedule = options->schedule;
    if (options->chunk_given && !options->schedule_given) map->schedule.kind = RP_DYNAMIC;
    map->unordered = options->unordered && !run->ordered;
    map->active = options->active;
    if (options->retries) map->retries = options->retries;
    if (!run->each_worker) return;
    map->each_worker = true;
    map->count = rp_pool_workers(pool);
}

static int say(struct progress *progress, int exit_code, const char *text) {
    progress_clear(progress);
    fprintf(stderr, "rankpool: %s\n", text);
    return exit_code;
}

/* How the run ended, in words and as an exit code. */
static int judge(const struct options *options, rp_job_run *run, rp_world *world, rp_map *map,
                 struct progress *progress, struct outcome *outcome, int feed_rc) {
    char text[512];
    rp_map_stats stats;
    rp_map_stats_get(map, &stats);
    run->seconds = options->untimed ? 0 : stats.seconds;
    int rc = outcome->rc;
    if (rc == RP_END && feed_rc) return say(progress, EXIT_USAGE, run->message);
    if (rc == RP_END && !outcome->failed && run->job->finish) rc = run->job->finish(run);
    if (rc == RP_END) rc = 0;
    if (rc == 0 && fflush(run->out)) rc = RP_EOUTPUT;
    switch (rc) {
    case 0:
        break;
    case RP_EOUTPUT:
        if (errno == EPIPE) return EXIT_DONE; /* whoever read the results has enough */
        snprintf(text, sizeof text, "cannot write the results: %s", strerror(errno));
        return say(progress, EXIT_ENVIRONMENT, text);
    case RP_EUSAGE:
        return say(progress, EXIT_TASKS_FAILED, run->message);
    case RP_ESTOPPED:
        snprintf(text, sizeof text, "stopped by a signal after %.1f s: %llu of %llu%s tasks were done", stats.seconds,
                 (unsigned long long)stats.tasks_done, (unsigned long long)stats.tasks_known,
                 stats.tasks_final ? "" : " or more");
        return say(progress, EXIT_STOPPED, text);
    default:
        return say(progress, EXIT_ENVIRONMENT, *rp_world_error(world) ? rp_world_error(world) : rp_strerror(rc));
    }
    progress_clear(progress);
    if (!outcome->failed) return EXIT_DONE;
    fprintf(stderr, "rankpool: %llu of %llu tasks failed%s\n", (unsigned long long)outcome->failed,
            (unsigned long long)stats.tasks_known, outcome->failed > FAILURES_SHOWN ? ", the first of them above" : "");
    return EXIT_TASKS_FAILED;
}

int run_map(const struct options *options, rp_job_run *run, rp_world *world, rp_pool *pool, rp_map_stats *stats) {
    rp_error error = {0};
    rp_map *map;
    struct progress progress;
    struct outcome outcome = {0};
    progress_begin(&progress, options);
    set_map(options, run, pool);
    int rc = rp_map_open(pool, &run->map, &map, &error);
    if (rc)
        return say(&progress,
                   rc == RP_EINVAL     ? EXIT_USAGE
                   : rc == RP_ESTOPPED ? EXIT_STOPPED
                                       : EXIT_ENVIRONMENT,
                   error.text);
    struct feeder feeder = {.run = run, .map = map};
    if (run->job->feed) feeder.started = pthread_create(&feeder.thread, NULL, feed, &feeder) == 0;
    if (run->job->feed && !feeder.started)
        outcome.rc = RP_ESYSTEM;
    else
        collect_all(options, run, map, &progress, &outcome);
    rp_map_stats_get(map, stats);
    if (feeder.started) { /* where the map ended early, the feeder may hang on its source */
        if (outcome.rc != RP_END) pthread_cancel(feeder.thread);
        pthread_join(feeder.thread, NULL);
    }
    int exit_code = judge(options, run, world, map, &progress, &outcome, feeder.rc);
    if (outcome.rc == RP_END && !feeder.rc && !options->quiet) summary_print(stats, pool, rp_world_ranks(world));
    rp_map_close(map);
    return exit_code;
}

static int open_output(const struct options *options, rp_job_run *run) {
    run->out = stdout;
    if (options->output) run->out = fopen(options->output, "w");
    if (!run->out) {
        fprintf(stderr, "rankpool: cannot write %s: %s\n", options->output, strerror(errno));
        return EXIT_ENVIRONMENT;
    }
    setvbuf(run->out, NULL, _IOFBF, OUTPUT_BUFFER);
    return 0;
}

/* Those from number `from` on; returns how many there are. */
static size_t print_notes(const rp_pool *pool, size_t from) {
    const char *note;
    for (; (note = rp_pool_note(pool, from)); from++) fprintf(stderr, "rankpool: %s\n", note);
    return from;
}

static int exit_code_of(int rc) {
    if (rc == RP_EINVAL || rc == RP_EUNSUPPORTED || rc == RP_ELAUNCH || rc == RP_EUSAGE) return EXIT_USAGE;
    return rc == RP_ESTOPPED ? EXIT_STOPPED : EXIT_ENVIRONMENT;
}

int run_failed(int rc, const rp_error *error) {
    fprintf(stderr, "rankpool: %s\n", error->text[0] ? error->text : rp_strerror(rc));
    return exit_code_of(rc);
}

int run_once(const struct options *options, rp_job_run *run, rp_world *world) {
    rp_pool *pool;
    rp_error error = {0};
    rp_map_stats stats;
    int rc = rp_pool_open(world, &options->pool, &pool, &error);
    if (rc) return run_failed(rc, &error);
    const size_t notes = options->quiet ? 0 : print_notes(pool, 0);
    int exit_code = run_map(options, run, world, pool, &stats);
    if (!options->quiet) print_notes(pool, notes); /* of what happened meanwhile */
    rp_pool_free(pool);
    return exit_code;
}

int run_job(const struct options *options, rp_job_run *run, run_body *body) {
    rp_world *world = NULL;
    rp_error error = {0};
    const rp_kernel **kernels = all_kernels();
    int exit_code = 0;
    rp_world_options world_options = {
        .kernels = kernels, .mpi = options->mpi, .catch_signals = true, .lease = options->lease_s};
    int rc = kernels ? rp_world_open(&world_options, &world, &exit_code, &error) : RP_ENOMEM;
    if (rc == RP_SERVED) {
        free(kernels);
        return exit_code;
    }
    if (rc == 0) {
        exit_code = open_output(options, run);
        if (!exit_code) exit_code = body(options, run, world);
    } else {
        exit_code = run_failed(rc, &error);
    }
    if (run->out && run->out != stdout && fclose(run->out) && !exit_code) {
        fprintf(stderr, "rankpool: cannot write %s: %s\n", options->output, strerror(errno));
        exit_code = EXIT_ENVIRONMENT;
    }
    signal(SIGTERM, SIG_IGN); /* srun -K1 sends it when another rank leaves first: the exit code is ours by now */
    if (world) rp_world_close(world, exit_code);
    free(kernels);
    return exit_code;
}
