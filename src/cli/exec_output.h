/* What rank 0 knows of a run of `rankpool exec`: exec_feed.c, on the thread that feeds, starts commands by it, and
 * exec_collect.c, on the thread that prints, notes how they ended. */
#ifndef RP_CLI_EXEC_OUTPUT_H
#define RP_CLI_EXEC_OUTPUT_H

#include "exec.h"
#include "exec_joblog.h"
#include "exec_report.h"

#include <pthread.h>
#include <stdatomic.h>

struct exec_output {
    /* The feeder's. */
    struct exec_bytes input;   /* of the task that is put now */
    struct exec_joblog before; /* of the run that is resumed */
    double next_s;             /* --delay: the next start */
    /* Set by whichever thread opens them first: with a store, results of an earlier run come before any is fed. */
    pthread_mutex_t opening;
    bool opened;
    int open_rc;
    int log, results; /* descriptors; -1: none */
    /* Both threads'. */
    atomic_uint_least64_t put; /* tasks */
    atomic_bool halted;        /* no more of them */
    /* The collector's. */
    uint64_t done, failed;
    struct exec_bytes tag, line;
};

/* Makes files and folders, and reads the job log, once; the first thing that either thread does. 0, rp_job_fail(),
 * or RP_EOUTPUT after it. */
int exec_output_open(rp_job_run *run, struct exec *exec);

#endif
