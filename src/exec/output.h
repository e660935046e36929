/* What rank 0 knows of a run of `rankpool exec`: feed.c, on the thread that feeds, starts commands by it, and
 * collect.c, on the thread that prints, notes how they ended. */
#ifndef RP_EXEC_OUTPUT_H
#define RP_EXEC_OUTPUT_H

#include "exec/exec.h"
#include "exec/joblog.h"
#include "exec/median.h"
#include "exec/order.h"
#include "exec/report.h"

#include <pthread.h>
#include <stdatomic.h>

struct exec_output {
    /* The feeder's. */
    struct exec_bytes input;   /* of the task that is put now */
    struct exec_joblog before; /* of the run that is resumed */
    double next_s;             /* --delay: the next start */
    uint64_t places;           /* given out */
    /* Set once, by whichever thread comes first, under the lock: with a store, results of an earlier run come before any
     * command is fed. */
    pthread_mutex_t lock;
    bool opened;
    int open_rc;
    int log, results; /* descriptors; -1: none */
    /* Both threads'. */
    atomic_uint_least64_t put;      /* tasks */
    atomic_uint_least64_t answered; /* tasks whose command has ended for good */
    atomic_uint_least64_t limit_ns; /* --timeout N%, as soon as it is known; else 0 */
    atomic_bool halted;             /* no more of them */
    atomic_uint_least64_t kept;     /* `stored`: tasks whose results are on the store's disk */
    bool stored;                    /* there is a store; set before there are two threads */
    pthread_mutex_t turn_lock;
    pthread_cond_t turn; /* one of those above has changed */
    /* The collector's. */
    uint64_t done, failed, shown; /* commands; failures that were shown */
    struct exec_order *order;     /* -k; else NULL */
    struct exec_median median;
    struct exec_bytes tag, line;
};

/* Makes files and folders, and reads the job log, when it is called first. The feeder begins with it, and so does the
 * collector, which may come first where a store has what an earlier run did. 0, or what rp_job_fail() has the reason of. */
int exec_output_open(rp_job_run *run, struct exec *exec);
/* The collector has changed what the feeder may wait for. */
void exec_output_changed(struct exec_output *output);
/* The job log took no more, and errno says why. RP_ESYSTEM, which ends the run. */
int exec_log_failed(rp_job_run *run, const char *file);

#endif
