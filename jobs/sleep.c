/* sleep SECONDS...: each task sleeps and says that it is done. Nothing is computed, so the run shows the pool alone:
 * tasks at once, results in the order of the input. */
#include "jobs.h"
#include "words.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* A word that is not ended by 0, read by the rules for seconds. */
static int read_word(const char *word, size_t size, double *seconds, rp_error *error) {
    char text[64];
    size_t length = size < sizeof text ? size : sizeof text - 1;
    memcpy(text, word, length);
    text[length] = 0;
    if (length == size && !memchr(word, 0, size)) return rp_read_seconds(text, seconds, error);
    *error = (rp_error){.code = RP_ENUMBER};
    snprintf(error->text, sizeof error->text, "\"%s...\" is not a time; expected seconds such as 5 or 0.25", text);
    return RP_ENUMBER;
}

static int check(const char *word, size_t size, rp_error *error) {
    double seconds;
    return read_word(word, size, &seconds, error);
}

static void sleep_for(double seconds) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    time_t whole = (time_t)seconds; /* rp_read_seconds gives at most 1e9 */
    until.tv_sec += whole;
    until.tv_nsec += (long)((seconds - (double)whole) * 1e9);
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) continue;
}

static int sleep_task(rp_task *task, const void *input, size_t size) {
    rp_error error;
    double seconds;
    if (read_word(input, size, &seconds, &error)) return rp_task_fail(task, "%s", error.text);
    sleep_for(seconds);
    return rp_task_printf(task, "Done %.*s\n", (int)size, (const char *)input);
}

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    return rp__words_plan(run, argc, argv, NULL, "SECONDS", check);
}

static const rp_kernel kernel = {.name = "sleep", .item = sleep_task};

const rp_job rp__job_sleep = {
    .name = "sleep",
    .arguments = "SECONDS... | -",
    .summary = "sleep each of the times given",
    .details = "Prints Done SECONDS for each, in input order. Times may be 0.25, 250ms, 2m or 1h.\n"
               "- reads words from standard input.\n",
    .kernel = &kernel,
    .plan = plan,
    .feed = rp__words_feed,
    .release = rp__words_release,
    .size = RP_SIZE_TASKS,
};
