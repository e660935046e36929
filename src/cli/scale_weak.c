/* Weak scaling: the arguments of a job for so many times the work, by what its `size` says. A range grows at its end, and
 * tasks that are arguments are given again. Work of which that cannot be said is refused before anything runs. */
#include "scale.h"

#include <stdlib.h>

static bool has_range(const rp_job *job) { return job->size == RP_SIZE_RANGE || job->size == RP_SIZE_INCLUSIVE_RANGE; }

/* Arguments in front that are no tasks. */
static int kept(const rp_job *job) { return job->size == RP_SIZE_LATER_TASKS ? 1 : 0; }

/* The range that the job's last arguments are, of `length` numbers, which is not 0. */
static int read_range(const struct scale *scale, uint64_t *last, uint64_t *length) {
    uint64_t first = 0;
    if (scale->argc < 1 || rp_read_uint64(scale->argv[scale->argc - 1], last, NULL)) return RP_ENUMBER;
    if (scale->argc > 1 && rp_read_uint64(scale->argv[scale->argc - 2], &first, NULL)) return RP_ENUMBER;
    if (first > *last) return RP_ENUMBER;
    *length = *last - first + (scale->job->size == RP_SIZE_INCLUSIVE_RANGE ? 1 : 0);
    return *length ? 0 : RP_ENUMBER;
}

/* The range's last number when it is `times` as long. */
static int grow(const struct scale *scale, uint32_t times, uint64_t *last) {
    uint64_t length, more;
    if (read_range(scale, last, &length)) return RP_ENUMBER;
    return __builtin_mul_overflow(length, times - 1, &more) || __builtin_add_overflow(*last, more, last) ? RP_ERANGE
                                                                                                         : 0;
}

int scale_weak_check(rp_job_run *run, const struct scale *scale) {
    const rp_job *job = scale->job;
    uint64_t last, length;
    if (job->size == RP_SIZE_FIXED)
        return rp_job_fail(run,
                           "--weak needs a job whose work grows with its arguments, and %s does not say how: leave it "
                           "out, or measure another job, such as primes",
                           job->name);
    if (has_range(job) && read_range(scale, &last, &length))
        return rp_job_fail(run, "--weak lengthens the range: give %s %s as plain numbers, and not an empty range",
                           job->name, job->arguments);
    if (!has_range(job) && scale->argc <= kept(job))
        return rp_job_fail(
            run, "--weak gives the job's words several times: give them to %s as arguments, not in a file", job->name);
    return 0;
}

uint32_t scale_weak_beyond(const struct scale *scale) {
    uint64_t last;
    for (size_t i = 0; has_range(scale->job) && i < scale->layouts; i++)
        if (grow(scale, scale->layout[i].workers, &last)) return scale->layout[i].workers;
    return 0;
}

const char **scale_arguments(const struct scale *scale, uint32_t times, int *argc) {
    enum { NUMBER = 32 };
    const bool grows = times > 1 && has_range(scale->job);
    const size_t given = (size_t)scale->argc, stay = (size_t)kept(scale->job);
    const size_t tasks = given > stay ? given - stay : 0;
    const size_t count = has_range(scale->job) || !tasks ? given : stay + tasks * times;
    const char **argv = count < INT32_MAX ? malloc((count + 1) * sizeof *argv + NUMBER) : NULL;
    if (!argv) return NULL;
    for (size_t i = 0; i < count; i++) argv[i] = scale->argv[i < given ? i : stay + (i - stay) % tasks];
    *argc = (int)count;
    uint64_t last;
    if (!grows || grow(scale, times, &last)) return argv;
    char *text = (char *)(argv + count + 1);
    snprintf(text, NUMBER, "%llu", (unsigned long long)last);
    argv[count - 1] = text;
    return argv;
}
