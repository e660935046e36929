/* openmp [PLANNED], a plug-in: each of four tasks adds up 1 to 1000 in a parallel region, and says how many threads took
 * part. With a word, so does plan, before the workers are forked. */
#include <omp.h>
#include <rankpool_job.h>

static int sum(int *threads) {
    int total = 0;
#pragma omp parallel for reduction(+ : total)
    for (int i = 1; i <= 1000; i++) {
        total += i;
        if (i == 1) *threads = omp_get_num_threads();
    }
    return total;
}

static int item(rp_task *task, const void *input, size_t size) {
    int threads = 0;
    const int total = sum(&threads);
    return rp_task_printf(task, "%d by %d\n", total, threads);
}

static const rp_kernel kernel = {.name = "openmp", .item = item};

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    int threads = 0;
    if (argc && sum(&threads) != 500500) return rp_job_fail(run, "%s: the sum is wrong", argv[0]);
    run->map.count = 4;
    return 0;
}

static const rp_job job = {.name = "openmp", .summary = "sums by threads", .kernel = &kernel, .plan = plan};

RP_PLUGIN(job);
