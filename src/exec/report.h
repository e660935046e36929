/* What a worker says of a command that has ended: the record of a task of `rankpool exec`. */
#ifndef RP_EXEC_REPORT_H
#define RP_EXEC_REPORT_H

#include "rankpool.h"

/* All pointers are lent from the record, or for the writing. */
struct exec_report {
    uint64_t seq;   /* from 1 */
    uint64_t place; /* of exec_task */
    int exit_code, signal;
    bool timed_out;
    uint32_t slot;
    double start_s, runtime_s; /* since 1970; of the last attempt */
    uint64_t received;         /* bytes that it wrote to its standard output */
    const char *host;
    const char *values; /* each ended by 0 */
    size_t values_size;
    const char *out, *err;
    size_t out_size, err_size;
};

/* Writes it as the begin of the task's record; the caller writes the bytes of out and err behind it, all of them, or the
 * task fails. report->out and err are not looked at. 0 or an error. */
int exec_report_write(rp_task *task, const struct exec_report *report);
/* 0 or RP_EPROTOCOL. */
int exec_report_read(struct exec_report *report, const void *data, size_t size);
/* Was it what a command should do? */
bool exec_report_good(const struct exec_report *report);

#endif
