/* hello: each worker presents itself, one line a worker. The first thing to run on a new machine: it shows which
 * processes a launch line really gave and which core each of them sits on. */
#include "jobs.h"
#include "where.h"

static int present(rp_task *task, const void *input, size_t size) {
    int code = rp_task_printf(task, "worker %u ", rp_task_where(task)->worker);
    return code ? code : rp__write_where(task);
}

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    if (argc > 0) return rp_job_fail(run, "hello takes no arguments; \"%.60s\" was given", argv[0]);
    run->each_worker = true;
    return 0;
}

static const rp_kernel kernel = {.name = "hello", .item = present};

const rp_job rp__job_hello = {
    .name = "hello",
    .arguments = "",
    .summary = "every worker presents itself: number, rank, host, core, pid",
    .details = "One line a worker, such as: worker 3 rank 1 host node2 core 5 pid 4711\n"
               "core is - where a worker is not bound to a single core.\n",
    .kernel = &kernel,
    .plan = plan,
};
