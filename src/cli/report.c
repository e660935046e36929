/* Progress and summary, on standard error: a bar on a terminal, a line now and then anywhere else. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 28, FAILURES_SHOWN = 10 };

/* Is this descriptor a terminal to the user? Under mpirun stderr is never one and stdout always looks like one: where
 * the launcher's own go is what counts. */
static bool is_terminal(int fd) {
    char link[64], target[256];
    if (!getenv("OMPI_COMM_WORLD_SIZE") && !getenv("PMIX_RANK")) return isatty(fd);
    snprintf(link, sizeof link, "/proc/%ld/fd/%d", (long)getppid(), fd);
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length < 0) return false;
    target[length] = 0;
    return !strncmp(target, "/dev/pts/", 9) || !strncmp(target, "/dev/tty", 8);
}

void progress_begin(struct progress *progress, const struct options *options) {
    *progress = (struct progress){.kind = options->quiet ? PROGRESS_NONE : options->progress};
    if (progress->kind == PROGRESS_AUTO) progress->kind = is_terminal(2) ? PROGRESS_BAR : PROGRESS_LINES;
    progress->in_the_way = !options->output && is_terminal(1);
    /* A run of a second needs no bar, one of ten seconds no line; long ones get a line every few minutes at last. */
    progress->next_s = progress->kind == PROGRESS_BAR ? 0.5 : 10;
    progress->step_s = progress->kind == PROGRESS_BAR ? 0.2 : 10;
}

const char *time_text(double seconds, char text[32]) {
    unsigned long long whole = seconds < 1e15 ? (unsigned long long)(seconds + 0.5) : 0;
    if (seconds < 100)
        snprintf(text, 32, seconds < 0.0995 ? "%.3f s" : seconds < 9.995 ? "%.2f s" : "%.1f s", seconds);
    else if (whole < 3600)
        snprintf(text, 32, "%llu min %02llu s", whole / 60, whole % 60);
    else if (whole < 48 * 3600)
        snprintf(text, 32, "%llu h %02llu min", whole / 3600, whole / 60 % 60);
    else
        snprintf(text, 32, "%llu days %02llu h", whole / 86400, whole / 3600 % 24);
    return text;
}

const char *number_text(double n, char text[32]) {
    if (n < 1e6)
        snprintf(text, 32, n < 10 ? "%.2g" : "%.0f", n);
    else
        snprintf(text, 32, "%.3g", n);
    return text;
}

/* Parts of tasks included. */
static double tasks_done(const rp_map_stats *stats) { return (double)stats->tasks_done + stats->tasks_partial; }

static double share_done(const rp_map_stats *stats) {
    return stats->tasks_known ? tasks_done(stats) / (double)stats->tasks_known : 0;
}

void progress_show(struct progress *progress, const rp_map_stats *stats) {
    if (progress->kind == PROGRESS_NONE || stats->seconds < progress->next_s) return;
    char done[32], known[32], rate[32], left[32];
    double now_done = tasks_done(stats) - (double)progress->before;
    double per_second = stats->seconds > 0 && now_done > 0 ? now_done / stats->seconds : 0;
    number_text(tasks_done(stats), done);
    number_text((double)stats->tasks_known, known);
    number_text(per_second, rate);
    progress->next_s = stats->seconds + progress->step_s;
    if (progress->kind == PROGRESS_LINES && progress->step_s < 300) progress->step_s *= 1.5;
    const char *ahead = "";
    char text[48] = "";
    if (stats->tasks_final && per_second > 0) {
        double seconds = ((double)stats->tasks_known - tasks_done(stats)) / per_second;
        snprintf(text, sizeof text, ", %s left", time_text(seconds, left));
        ahead = text;
    }
    if (progress->kind == PROGRESS_LINES) {
        fprintf(stderr, "rankpool: %s of %s tasks (%.1f %%), %s/s, %u workers%s\n", done, known,
                100 * share_done(stats), rate, stats->workers, ahead);
        return;
    }
    char bar[BAR_WIDTH + 1];
    int filled = (int)(share_done(stats) * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++) bar[i] = i < filled ? '#' : '.';
    bar[BAR_WIDTH] = 0;
    fprintf(stderr, "\r%5.1f %% %s %s of %s, %s/s, %u workers%s\033[K", 100 * share_done(stats), bar, done, known, rate,
            stats->workers, ahead);
    fflush(stderr);
    progress->drawn = true;
}

void progress_clear(struct progress *progress) {
    if (progress->drawn) fputs("\r\033[K", stderr);
    progress->drawn = false;
}

static const char *plural(uint64_t n) { return n == 1 ? "" : "s"; }

void summary_print(const rp_map_stats *stats, uint64_t before, const rp_pool *pool, int ranks) {
    char seconds[32], rate[32];
    uint32_t workers = rp_pool_workers(pool), hosts = rp_pool_hosts(pool);
    double share = stats->seconds > 0 ? 100 * stats->busy_seconds / (stats->seconds * workers) : 0;
    uint64_t tasks = stats->tasks_done - before;
    fprintf(stderr,
            "rankpool: %llu task%s in %llu chunk%s, %u worker%s, %d rank%s, %u host%s: %s, %.1f %% computing, %s/s\n",
            (unsigned long long)tasks, plural(tasks), (unsigned long long)stats->chunks, plural(stats->chunks), workers,
            plural(workers), ranks, plural((uint64_t)ranks), hosts, plural(hosts), time_text(stats->seconds, seconds),
            share, number_text(stats->seconds > 0 ? (double)tasks / stats->seconds : 0, rate));
    if (before)
        fprintf(stderr, "rankpool: %llu task%s %s done before\n", (unsigned long long)before, plural(before),
                before == 1 ? "was" : "were");
    if (stats->deaths || stats->chunks_again)
        fprintf(stderr, "rankpool: %llu worker%s died and %s replaced, %llu chunk%s dealt again\n",
                (unsigned long long)stats->deaths, plural(stats->deaths), stats->deaths == 1 ? "was" : "were",
                (unsigned long long)stats->chunks_again, stats->chunks_again == 1 ? " was" : "s were");
    if (stats->migrations)
        fprintf(stderr, "rankpool: %llu migration%s of workers to another core, one a chunk at most\n",
                (unsigned long long)stats->migrations, plural(stats->migrations));
}

/* " (rank 3, worker 5 on host n2, 3 attempts)": the place where there are several, and attempts where there were. */
static void describe(char *text, size_t size, const rp_failure *failure, int ranks) {
    const bool place = ranks > 1 && failure->rank >= 0, again = failure->attempts > 1;
    char worker[32] = "", where[128] = "", attempts[32] = "";
    if (failure->worker != UINT32_MAX) snprintf(worker, sizeof worker, ", worker %u", failure->worker);
    if (place) snprintf(where, sizeof where, "rank %d%s on host %s", failure->rank, worker, failure->host);
    if (again) snprintf(attempts, sizeof attempts, "%s%u attempts", place ? ", " : "", failure->attempts);
    *text = 0;
    if (place || again) snprintf(text, size, " (%s%s)", where, attempts);
}

void failure_show(FILE *out, uint64_t *failed, const struct failed_tasks *what) {
    *failed += what->end - what->begin;
    if (*failed > FAILURES_SHOWN) return;
    char tasks[64], where[192];
    if (what->end - what->begin == 1)
        snprintf(tasks, sizeof tasks, "task %llu", (unsigned long long)what->begin);
    else
        snprintf(tasks, sizeof tasks, "tasks %llu to %llu", (unsigned long long)what->begin,
                 (unsigned long long)what->end - 1);
    describe(where, sizeof where, what->how, what->ranks);
    fprintf(out, "rankpool: %s failed: ", tasks);
    print_on_line(out, what->message, what->size);
    fprintf(out, "%s\n", where);
}

void failures_sum_up(uint64_t failed, uint64_t tasks) {
    fprintf(stderr, "rankpool: %llu of %llu tasks failed%s\n", (unsigned long long)failed, (unsigned long long)tasks,
            failed > FAILURES_SHOWN ? ", the first of them above" : "");
}
