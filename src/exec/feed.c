/* What becomes of a set of values on rank 0 before it is a task: commands of an earlier run are left out, and where the
 * user wants to stop early or slowly, a command is only put when a worker is free to start it. */
#include "exec/file.h"
#include "exec/output.h"
#include "exec/spawn.h"
#include "exec/timing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- Files --------------------------------------------------------------------------------------------- */

int exec_log_failed(rp_job_run *run, const char *file) {
    rp_job_fail(run, "cannot write the job log %.160s: %s; --resume goes on from it when there is room", file,
                strerror(errno));
    return RP_ESYSTEM;
}

static int open_log(rp_job_run *run, struct exec_output *output, const struct exec_options *options) {
    const char *file = options->joblog;
    rp_error error;
    if (!file) return 0;
    if (options->resume && exec_joblog_read(&output->before, file, &error)) return rp_job_fail(run, "%s", error.text);
    output->log = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (output->log < 0) return rp_job_fail(run, "cannot open the job log %.160s: %s", file, strerror(errno));
    struct stat what;
    bool whole = !fstat(output->log, &what) && !S_ISREG(what.st_mode);
    if (!whole && ftruncate(output->log, (off_t)output->before.end)) return exec_log_failed(run, file);
    size_t size = output->before.end ? 0 : strlen(EXEC_JOBLOG_HEADER);
    return exec_file_write(output->log, EXEC_JOBLOG_HEADER, size) ? 0 : exec_log_failed(run, file);
}

static int open_results(rp_job_run *run, struct exec_output *output, const char *folder) {
    if (!folder) return 0;
    if (!mkdir(folder, 0777) || errno == EEXIST) output->results = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (output->results >= 0) return 0;
    return rp_job_fail(run, "cannot make the folder %.160s for results: %s", folder, strerror(errno));
}

/* A program that is the same for all commands is looked for once, here, before any of them fails on it. */
static int look_for_program(rp_job_run *run, const struct exec *exec) {
    char path[PATH_MAX];
    const char *program = exec_template_program(exec->template);
    if (!program || (exec->options.workdir && strchr(program, '/') && *program != '/')) return 0;
    const int error = exec_find_program(program, path, sizeof path);
    if (!error) return 0;
    return rp_job_fail(run, "%.160s: %s; expected a program that can be run, by its path or in PATH", program,
                       error == ENOENT   ? "there is no such program"
                       : error == EISDIR ? "it is a folder"
                       : error == EACCES ? "it is not executable"
                                         : strerror(error));
}

static int open_all(rp_job_run *run, struct exec *exec) {
    int rc = look_for_program(run, exec);
    if (!rc) rc = open_log(run, exec->output, &exec->options);
    return rc ? rc : open_results(run, exec->output, exec->options.results);
}

/* A feeder that is canceled in here leaves it locked; nothing was collected by then, and nothing is after that. */
int exec_output_open(rp_job_run *run, struct exec *exec) {
    struct exec_output *output = exec->output;
    pthread_mutex_lock(&output->lock);
    if (!output->opened) output->open_rc = open_all(run, exec);
    output->opened = true;
    pthread_mutex_unlock(&output->lock);
    return output->open_rc;
}

/* ---- Commands of an earlier run ------------------------------------------------------------------------ */

/* Is it the command that the log has at this number? Where commands hold {%} nobody can say. 0 or an error. */
static int compare(rp_job_run *run, const struct exec *exec, const struct exec_joblog_entry *entry,
                   const struct exec_bytes *set) {
    struct exec_command command, other;
    int rc = exec_fill(exec, entry->seq, 1, set->data, set->size, NULL, &command);
    if (rc) return rc;
    rc = exec_fill(exec, entry->seq, 2, set->data, set->size, NULL, &other);
    if (!rc && !strcmp(command.text, other.text) && exec_joblog_digest(command.text) != entry->command)
        rc = rp_job_fail(run,
                         "command %llu is \"%.80s\", but line %llu of the job log %.60s has another one: give the "
                         "inputs of that run, or a new log",
                         (unsigned long long)entry->seq, command.text, (unsigned long long)entry->line,
                         exec->options.joblog);
    exec_command_free(&command);
    if (rc != RP_ENOMEM) exec_command_free(&other);
    return rc;
}

/* 1: it is left out; 0: it is not; or an error. */
static int is_left_out(rp_job_run *run, const struct exec *exec, uint64_t seq, const struct exec_bytes *set) {
    const enum exec_resume resume = exec->options.resume;
    if (!resume) return 0;
    const struct exec_joblog_entry *entry = exec_joblog_find(&exec->output->before, seq);
    if (!entry) return resume == EXEC_RETRY_FAILED;
    int rc = compare(run, exec, entry, set);
    return rc ? rc : resume == EXEC_RESUME || entry->good;
}

/* ---- Tasks --------------------------------------------------------------------------------------------- */

static void sleep_for(double seconds) {
    struct timespec left = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&left, &left) && errno == EINTR) continue;
}

/* A commit takes longer than many a command: while one is on its way, a worker is at the command behind it. */
enum { UNCOMMITTED = 2 /* commands that may be put for each worker and are not in the store */ };

/* Commands that may be put for each worker and have not ended; 0: any number. Where ends decide about what is to come,
 * and where the job log is to have a command before its slot starts another, one; where a command that failed
 * is to go to another worker, two, for what a worker holds besides would have to be taken back from it. */
static uint64_t commands_ahead(const struct exec_options *options) {
    if (options->joblog || options->halt.when || options->delay_s > 0 || options->timeout_percent > 0) return 1;
    return options->retries > 1 ? 2 : 0;
}

void exec_output_changed(struct exec_output *output) {
    pthread_mutex_lock(&output->turn_lock);
    pthread_cond_signal(&output->turn);
    pthread_mutex_unlock(&output->turn_lock);
}

static bool has_turn(const rp_map_stats *stats, struct exec_output *output, uint64_t ahead) {
    const uint64_t put = atomic_load(&output->put), workers = stats->workers;
    if (atomic_load(&output->halted)) return true;
    if (ahead && put >= atomic_load(&output->answered) + ahead * workers) return false;
    return !output->stored || put < atomic_load(&output->kept) + UNCOMMITTED * workers;
}

static void unlock(void *mutex) { pthread_mutex_unlock(mutex); }

/* Nobody tells how many workers there are at first, or when some are lost. */
static void wait_for_news(struct exec_output *output, bool started) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += started;
    until.tv_nsec += started ? 0 : 500000;
    if (until.tv_nsec >= 1000000000) until = (struct timespec){until.tv_sec + 1, until.tv_nsec - 1000000000};
    pthread_cond_timedwait(&output->turn, &output->turn_lock, &until);
}

/* Until a worker has nothing to do, or too little, and --delay has passed. */
static void wait_for_a_worker(struct exec *exec, rp_map *map, uint64_t ahead) {
    struct exec_output *output = exec->output;
    rp_map_stats stats;
    pthread_mutex_lock(&output->turn_lock);
    pthread_cleanup_push(unlock, &output->turn_lock); /* a feeder may be canceled in here */
    while (rp_map_stats_get(map, &stats), !has_turn(&stats, output, ahead)) wait_for_news(output, stats.workers > 0);
    pthread_cleanup_pop(1);
    const double now = exec_now_s(CLOCK_MONOTONIC);
    if (exec->options.delay_s > 0 && now < output->next_s) sleep_for(output->next_s - now);
    output->next_s = exec_now_s(CLOCK_MONOTONIC) + exec->options.delay_s;
}

static enum exec_places places(const rp_job_run *run) {
    return run->hosts > 1 ? EXEC_HOSTS : run->workers > 1 ? EXEC_WORKERS : EXEC_ONE_PLACE;
}

int exec_put(rp_job_run *run, rp_map *map, uint64_t seq, const struct exec_bytes *set) {
    struct exec *exec = run->state;
    struct exec_output *output = exec->output;
    int rc = is_left_out(run, exec, seq, set);
    if (rc) return rc == 1 ? 0 : rc;
    const uint64_t ahead = commands_ahead(&exec->options);
    /* Inputs of an earlier run must all come again before the store lets anything be collected. */
    if ((ahead || output->stored) && atomic_load(&output->put) >= run->map.inputs) wait_for_a_worker(exec, map, ahead);
    atomic_fetch_add(&output->put, 1); /* before the look, as collect.c looks after it has set `halted` */
    if (atomic_load(&output->halted)) return RP_ECLOSED;
    const struct exec_task task = {.seq = seq,
                                   .place = output->places++,
                                   .limit_ns = atomic_load(&output->limit_ns),
                                   .attempt = 1,
                                   .places = exec->options.retries > 1 ? places(run) : EXEC_ONE_PLACE};
    output->input.size = 0;
    exec_bytes_add(&output->input, &task, sizeof task);
    exec_bytes_add(&output->input, set->data, set->size);
    return output->input.failed ? RP_ENOMEM : rp_map_put(map, output->input.data, output->input.size);
}
