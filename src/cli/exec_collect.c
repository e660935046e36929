/* Prints what commands wrote, and counts those that failed. */
#include "exec.h"

#include <stdlib.h>
#include <string.h>

struct exec_output {
    uint64_t failed;
};

int exec_collect_begin(rp_job_run *run, struct exec *exec) {
    exec->output = calloc(1, sizeof *exec->output);
    return exec->output ? 0 : rp_job_fail(run, "out of memory");
}

int exec_collect(rp_job_run *run, const rp_result *result) {
    struct exec *exec = run->state;
    int status;
    memcpy(&status, result->data, sizeof status);
    exec->output->failed += status != 0;
    size_t size = result->size - sizeof status;
    return fwrite((const char *)result->data + sizeof status, 1, size, run->out) == size ? 0 : RP_EOUTPUT;
}

int exec_collect_finish(rp_job_run *run) {
    const struct exec *exec = run->state;
    if (!exec->output->failed) return 0;
    return rp_job_fail(run, "%llu commands failed", (unsigned long long)exec->output->failed);
}

void exec_collect_free(struct exec_output *output) { free(output); }
