/* One job from plan to exit code, on rank 0. Inputs are read on a thread of their own, so that a slow source never
 * holds up results that are there; results are written by this thread, so that a slow sink never holds up the pool. */
#include "stored.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OUTPUT_BUFFER = 1 << 20 };
static const double LOOK_S = 0.1;     /* between looks at how far it is */
static const double COMMIT_S = 0.001; /* the same while a commit is under way for which somebody may wait */

static const double SETTLE_S = 5; /* without a worker that has settled: the others will not */

/* A job on its way through a map. */
struct course {
    const struct options *options;
    rp_job_run *run;
    rp_world *world;
    rp_map *map;
    struct stored *stored; /* NULL: what comes is used as it comes, else as the store says */
    struct progress progress;
    double opened_s, look_s; /* when the map was, and when the next look is due */
    int rc;                  /* RP_END, or why it ended early */
    bool enough;             /* the job wants no more: RP_END came from itself */
    uint64_t failed;
    uint64_t results, kept; /* with a store: that came, of earlier runs too; that the job knows to be on the disk */
    pthread_t feeder;
    bool feeds;
    int fed_rc;
    atomic_bool fed; /* nothing more will be put */
};

/* A plug-in may give no reason; and a map whose tasks nobody puts would wait for them for ever. */
int plan_job(rp_job_run *run, int argc, const char *const argv[]) {
    const rp_job *job = run->job;
    const int rc = job->plan(run, argc, argv);
    if (rc && !*run->message)
        rp_job_fail(run, "the plan of %.80s returned %d (%s) and gave no reason: it is to call rp_job_fail", job->name,
                    rc, rp_strerror(rc));
    if (rc || run->map.count != RP_FED || run->each_worker || job->feed || run->map.source) return rc;
    if (job->release) job->release(run);
    return rp_job_fail(run, "the plan of %.80s wants tasks to be fed, and there is no feed: set feed, or map.count",
                       job->name);
}

static void *feed(void *self) {
    struct course *course = self;
    course->fed_rc = course->run->job->feed(course->run, course->map);
    rp_map_end(course->map);
    course->fed = true;
    return NULL;
}

static void set_seconds(struct course *course, double seconds) {
    if (course->options->untimed) return;
    course->run->seconds = seconds + (course->stored ? course->stored->seconds : 0);
}

static int collect(struct course *course, const rp_result *result) {
    rp_job_run *run = course->run;
    if (!run->job->collect) return fwrite(result->data, 1, result->size, run->out) == result->size ? 0 : RP_EOUTPUT;
    set_seconds(course, clock_s(CLOCK_MONOTONIC) - course->opened_s);
    int rc = run->job->collect(run, result);
    course->enough = rc == RP_END;
    return rc;
}

/* What the store has for the job now; `last`: all of it. */
static int collect_due(struct course *course, bool last) {
    rp_result due;
    int rc;
    while ((rc = rp_store_next(course->stored->store, last, &due)) == 0) {
        rc = due.status && !course->run->job->failures ? 0
                                                       : collect(course, &due); /* a failure was shown when it came */
        if (rc) break;
    }
    return rc == RP_EEMPTY ? 0 : rc;
}

static int take(struct course *course, const rp_result *result) {
    if (result->status)
        failure_show(stderr, &course->failed,
                     &(struct failed_tasks){.begin = result->begin,
                                            .end = result->end,
                                            .message = result->data,
                                            .size = result->size,
                                            .how = result->failure,
                                            .ranks = rp_world_ranks(course->world)});
    if (!course->stored) return result->status && !course->run->job->failures ? 0 : collect(course, result);
    course->results += result->end - result->begin;
    int rc = rp_store_put(course->stored->store, result);
    return rc ? rc : collect_due(course, false);
}

/* Inputs of earlier runs have to come again before a result may be used. They may never: the map ends then, and what came
 * of it by then is not used either. */
static int await_inputs(struct course *course) {
    rp_result unused;
    int rc = course->stored ? stored_inputs(course->stored, course->map) : 0;
    if (rc != RP_ETIMEDOUT) return rc;
    if (!course->fed && !*rp_world_error(course->world)) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        return RP_ETIMEDOUT;
    }
    while ((rc = rp_map_next(course->map, 1, &unused)) == 0) continue;
    return rc;
}

/* The next record. Where none is due now, what has been written so far may be seen before the wait for more. */
static int next(struct course *course, double wait_s, rp_result *result) {
    int rc = await_inputs(course);
    if (rc) return rc;
    rc = rp_map_next(course->map, 0, result);
    if (rc != RP_ETIMEDOUT) return rc;
    return fflush(course->run->out) ? RP_EOUTPUT : rp_map_next(course->map, wait_s, result);
}

static void tell_kept(struct course *course) {
    const uint64_t kept = rp_store_committed(course->stored->store);
    if (kept == course->kept) return;
    course->kept = kept;
    if (course->run->job->kept) course->run->job->kept(course->run, kept);
}

/* Now and then: what the user sees of it, and what the store has of it. */
static int look(struct course *course) {
    rp_map_stats stats;
    course->look_s = clock_s(CLOCK_MONOTONIC) + LOOK_S;
    rp_map_stats_get(course->map, &stats);
    progress_show(&course->progress, &stats);
    int rc = course->stored ? stored_tick(course->stored, course->map, &stats) : 0;
    if (course->stored && !rc) tell_kept(course);
    return rc;
}

static void collect_all(struct course *course) {
    struct progress *progress = &course->progress;
    const bool eager = course->stored && course->stored->eager;
    const double long_s = progress->kind == PROGRESS_BAR ? 0.2 : 1;
    const uint64_t enough = course->options->max_failures ? course->options->max_failures : UINT64_MAX;
    rp_result result;
    if (course->stored) course->rc = collect_due(course, false);
    while (!course->rc) {
        const double wait_s = eager && course->kept < course->results ? COMMIT_S : long_s;
        int rc = course->failed < enough ? next(course, wait_s, &result) : RP_ETASK;
        if (rc == RP_ETIMEDOUT || clock_s(CLOCK_MONOTONIC) >= course->look_s) course->rc = look(course);
        if (rc == RP_ETIMEDOUT || course->rc) continue;
        if (progress->in_the_way || (rc == 0 && result.status)) progress_clear(progress);
        course->rc = rc ? rc : take(course, &result);
        if (eager && !course->rc) course->rc = look(course);
    }
    int rc = course->stored && course->rc == RP_END ? collect_due(course, true) : 0;
    if (rc) course->rc = rc;
}

static void set_map(const struct options *options, rp_job_run *run, const rp_pool *pool) {
    rp_map_options *map = &run->map;
    if (!map->kernel) map->kernel = run->job->kernel->name;
    if (options->schedule_given || options->chunk_given) map->schedule = options->schedule;
    if (options->chunk_given && !options->schedule_given) map->schedule.kind = RP_DYNAMIC;
    map->unordered =
        options->store || ((options->unordered || run->unordered) && !run->ordered); /* a store puts them in order */
    map->active = options->active;
    map->timeout = options->timeout;
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

/* What is left to do at the end of the map, of which RP_END becomes 0; else why the run has no whole result. */
static int finish(struct course *course, const rp_map_stats *stats) {
    rp_job_run *run = course->run;
    bool is_fed_wrong = course->rc == RP_EMISMATCH && course->fed_rc; /* it ended short of its inputs, and knows why */
    int rc = course->rc == RP_END || is_fed_wrong ? course->fed_rc : course->rc;
    set_seconds(course, stats->seconds);
    if (run->job->end && rc != RP_EOUTPUT) {
        int ended = run->job->end(run);
        if (rc == 0) rc = ended;
    }
    if (rc == 0 && !course->failed && run->job->finish) rc = run->job->finish(run);
    return rc == 0 && fflush(run->out) ? RP_EOUTPUT : rc;
}

/* The run ended early, and a store goes on from here. */
static int judge_stopped(struct course *course, const char *why, const rp_map_stats *stats, int exit_code) {
    char text[512];
    progress_clear(&course->progress);
    if (course->stored) {
        stored_say_left(course->stored, why);
        return exit_code;
    }
    snprintf(text, sizeof text, "%s: %llu of %llu%s tasks were done", why, (unsigned long long)stats->tasks_done,
             (unsigned long long)stats->tasks_known, stats->tasks_final ? "" : " or more");
    return say(&course->progress, exit_code, text);
}

/* Where it is not its output that a job cannot write, it has said which file it is, and why. */
static int judge_unwritten(struct course *course, const rp_map_stats *stats) {
    const int reason = errno;
    const char *said = course->run->message;
    const bool closed = reason == EPIPE && !*said;
    char text[512];
    const bool once = course->run->job->kernel->flags & RP_ONCE; /* it has effects, which are still wanted */
    if (closed && !course->stored && !once) return EXIT_DONE;    /* whoever read the results has enough */
    if (closed && !course->stored) return judge_stopped(course, OUTPUT_CLOSED, stats, EXIT_TASKS_FAILED);
    if (closed) return judge_stopped(course, OUTPUT_CLOSED, stats, EXIT_STOPPED);
    snprintf(text, sizeof text, "%s%s", *said ? said : "cannot write the results: ", *said ? "" : strerror(reason));
    return course->stored ? judge_stopped(course, text, stats, EXIT_ENVIRONMENT)
                          : say(&course->progress, EXIT_ENVIRONMENT, text);
}

/* The job's own words, or what can be said where it has none. */
static const char *reason_of(const struct course *course, int rc, char text[static 160]) {
    const rp_job_run *run = course->run;
    const char *name = rp_error_name(rc);
    if (*run->message) return run->message;
    if (rc == RP_EUSAGE)
        snprintf(text, 160, "%.60s failed and gave no reason: it is to call rp_job_fail", run->job->name);
    else if (!strcmp(name, rp_error_name(INT_MIN)))
        snprintf(text, 160, "%.60s returned %d, which is no code of rankpool.h", run->job->name, rc);
    else
        return rp_strerror(rc);
    return text;
}

/* How the run ended, in words and as an exit code. */
static int judge(struct course *course, int rc, const rp_map_stats *stats) {
    char text[512];
    const char *why = rp_world_error(course->world);
    switch (rc) {
    case 0:
        progress_clear(&course->progress);
        if (course->failed) failures_sum_up(course->failed, stats->tasks_known);
        return course->failed ? EXIT_TASKS_FAILED : EXIT_DONE;
    case RP_EOUTPUT:
        return judge_unwritten(course, stats);
    case RP_EUSAGE:
        return say(&course->progress, course->fed_rc ? EXIT_USAGE : EXIT_TASKS_FAILED, reason_of(course, rc, text));
    case RP_ETASK:
        snprintf(text, sizeof text, "stopped after %llu failures", (unsigned long long)course->failed);
        return judge_stopped(course, text, stats, EXIT_TASKS_FAILED);
    case RP_ESTOPPED:
        snprintf(text, sizeof text, "stopped by %s after %.1f s",
                 strcmp(why, rp_strerror(rc)) ? "the time limit" : "a signal", stats->seconds);
        return judge_stopped(course, text, stats, EXIT_STOPPED);
    case RP_EMISMATCH:
        if (!course->stored || *why) break;
        snprintf(text, sizeof text, "the input is not the one that %.200s is of: give another --store, or that input",
                 course->options->store);
        return say(&course->progress, EXIT_USAGE, text);
    }
    bool may_go_on = course->stored && (*why || rc == RP_ENOWORKERS); /* the next time its reasons may be gone */
    if (!*why) why = reason_of(course, rc, text);
    return may_go_on ? judge_stopped(course, why, stats, EXIT_STOPPED) : say(&course->progress, EXIT_ENVIRONMENT, why);
}

/* The map's end, and the store's. A run that is done is so too where nobody was there to read all of its output. */
static int conclude(struct course *course, const rp_map_stats *stats) {
    int rc = finish(course, stats);
    if (course->stored) {
        /* A job that keeps no state and only judges at its end, such as exec, does so again each time. */
        const bool judged = rc == RP_EUSAGE && course->rc == RP_END && !course->fed_rc && !course->run->job->save;
        const enum rp_store_end end = rc && !judged ? RP_STORE_STOPPED : RP_STORE_DONE;
        if (rc == 0) rc = collect_due(course, true);
        const int reason = errno;
        progress_clear(&course->progress);
        int exit_code = stored_close(course->stored, course->run, end, stats);
        if (exit_code) return exit_code;
        errno = reason;
    }
    return judge(course, rc, stats);
}

static void run_course(struct course *course) {
    course->opened_s = clock_s(CLOCK_MONOTONIC);
    if (course->run->job->feed) course->feeds = pthread_create(&course->feeder, NULL, feed, course) == 0;
    if (course->run->job->feed && !course->feeds)
        course->rc = RP_ESYSTEM;
    else
        collect_all(course);
    if (!course->feeds) return;
    if (course->rc != RP_END || course->enough) pthread_cancel(course->feeder); /* it may hang on its source */
    pthread_join(course->feeder, NULL);
}

static int settled(rp_task *task, const void *input, size_t size) { return 0; }

const rp_kernel settle_kernel = {.name = "settle", .item = settled};

/* A map that each worker has answered, since it tears down what was closed before it computes for the next. NULL: the
 * world is over, and so are its workers. */
static rp_map *ask_each(rp_pool *pool) {
    const rp_map_options wanted = {
        .kernel = settle_kernel.name, .count = rp_pool_workers(pool), .each_worker = true, .unordered = true};
    rp_map *map;
    rp_result result;
    rp_error error = {0};
    if (rp_map_open(pool, &wanted, &map, &error)) return NULL;
    while (rp_map_next(map, SETTLE_S, &result) == 0) continue;
    return map;
}

/* Closes the map and waits for its teardown. A worker that dies of it had something to say against its results: a map
 * that was open all the time has counted it. */
static int close_settled(struct course *course, rp_pool *pool, int exit_code) {
    rp_map_stats stats = {0};
    rp_map *counts = exit_code == EXIT_DONE && !course->enough ? ask_each(pool) : NULL;
    rp_map_close(course->map);
    rp_map *settles = ask_each(pool);
    if (settles) rp_map_close(settles);
    if (!counts) return exit_code;
    rp_map_stats_get(counts, &stats);
    rp_map_close(counts);
    if (!stats.deaths) return exit_code;
    fprintf(stderr, "rankpool: %llu of %u workers died when all was computed: results may be wrong\n",
            (unsigned long long)stats.deaths, rp_pool_workers(pool));
    return EXIT_TASKS_FAILED;
}

int run_map(const struct options *options, rp_job_run *run, rp_world *world, rp_pool *pool, struct stored *stored,
            rp_map_stats *stats) {
    rp_error error = {0};
    struct course course = {.options = options, .run = run, .world = world, .stored = stored};
    progress_begin(&course.progress, options);
    set_map(options, run, pool);
    int rc = rp_map_open(pool, &run->map, &course.map, &error);
    if (rc)
        return say(&course.progress,
                   rc == RP_EINVAL || rc == RP_EUNSUPPORTED ? EXIT_USAGE
                   : rc == RP_ESTOPPED                      ? EXIT_STOPPED
                                                            : EXIT_ENVIRONMENT,
                   error.text);
    if (stored) {
        course.failed = stored->failed;
        course.results = course.kept = stored->before;
        if (run->job->kept) run->job->kept(run, stored->before);
        course.progress.before = stored->before;
    }
    run_course(&course);
    rp_map_stats_get(course.map, stats);
    int exit_code = conclude(&course, stats);
    if (course.rc == RP_END && !course.fed_rc && !options->quiet)
        summary_print(stats, stored ? stored->before : 0, pool, rp_world_ranks(world));
    if (run->settles) return close_settled(&course, pool, exit_code);
    rp_map_close(course.map);
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

static int open_and_run(const struct options *options, rp_job_run *run, rp_world *world, struct stored *stored) {
    rp_pool *pool;
    rp_error error = {0};
    rp_map_stats stats;
    rp_pool_options wanted = options->pool;
    if (run->crew) wanted.crew = run->crew;
    wanted.siblings = run->siblings;
    int rc = rp_pool_open(world, &wanted, &pool, &error);
    if (rc) return run_failed(rc, &error);
    run->workers = rp_pool_workers(pool);
    run->hosts = rp_pool_hosts(pool);
    const size_t notes = options->quiet ? 0 : print_notes(pool, 0);
    int exit_code = run_map(options, run, world, pool, stored, &stats);
    if (!options->quiet) print_notes(pool, notes); /* of what happened meanwhile */
    rp_pool_free(pool);
    return exit_code;
}

/* An earlier run has done it all, and the store has printed it again. */
static int repeat_end(const struct stored *stored) {
    if (stored->failed) failures_sum_up(stored->failed, stored->tasks);
    return stored->failed ? EXIT_TASKS_FAILED : EXIT_DONE;
}

static int run_once(const struct options *options, rp_job_run *run, rp_world *world) {
    struct stored stored;
    if (!options->store) return open_and_run(options, run, world, NULL);
    int exit_code = stored_open(&stored, options, run, rp_world_ranks(world));
    bool computes = !exit_code && !stored.done;
    if (computes) exit_code = open_and_run(options, run, world, &stored);
    /* Where it did not come to that, the store is as it was. */
    int closed = stored.store ? stored_close(&stored, run, stored.done ? RP_STORE_DONE : RP_STORE_STOPPED, NULL) : 0;
    if (exit_code || closed) return exit_code ? exit_code : closed;
    return computes ? EXIT_DONE : repeat_end(&stored);
}

/* Where a plug-in is missing on some hosts they have said so themselves, this one too. */
static int world_failed(const rp_job_run *run, int rc, const rp_error *error) {
    if (rc != RP_EMISMATCH || (run->job && !plugin_is(run->job->name))) return run_failed(rc, error);
    if (run->job)
        fprintf(stderr,
                "rankpool: the ranks do not all have the same %.200s: put the same file there on every host, and the "
                "same rankpool\n",
                run->job->name);
    return exit_code_of(rc);
}

int run_job(const struct options *options, rp_job_run *run, run_body *body) {
    rp_world *world = NULL;
    rp_error error = {0};
    struct deadline deadline;
    deadline_find(&deadline, options);
    const rp_kernel **kernels = all_kernels(run->job ? run->job->kernel : NULL);
    int exit_code = 0;
    rp_world_options world_options = {
        .kernels = kernels, .mpi = options->mpi, .catch_signals = true, .lease = options->lease_s};
    int rc = kernels ? rp_world_open(&world_options, &world, &exit_code, &error) : RP_ENOMEM;
    if (rc == RP_SERVED) {
        free(kernels);
        return exit_code;
    }
    if (rc == 0) {
        deadline_set(&deadline, options, world);
        exit_code = options->store ? 0 : open_output(options, run);
        if (!exit_code) exit_code = body(options, run, world);
    } else {
        exit_code = world_failed(run, rc, &error);
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

int run_on_pool(const struct options *options, rp_job_run *run) {
    if (options->store && stored_check(run)) return complain(EXIT_USAGE, run->message);
    return run_job(options, run, run_once);
}

static int leave(const struct options *options, rp_job_run *run, rp_world *world) { return EXIT_USAGE; }

int run_nothing(const struct options *options) {
    struct options quiet = *options;
    rp_job_run run = {0};
    quiet.output = NULL; /* what another run has written there stays */
    return run_job(&quiet, &run, leave);
}
