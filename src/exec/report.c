/* The record of a task: a head, the host's name, the task's values, stdout, stderr. The values come back because nobody
 * on rank 0 has kept them. */
#include "exec/report.h"

#include <string.h>

struct head {
    uint64_t seq, place, received, values_size, out_size, err_size;
    double start_s, runtime_s;
    int32_t exit_code, signal;
    uint32_t slot, timed_out, host_size; /* the host's with its 0 */
};

enum { LARGE = 256 << 10 /* a larger record leaves while it is written */ };

int exec_report_write(rp_task *task, const struct exec_report *report) {
    const struct head head = {.seq = report->seq,
                              .place = report->place,
                              .received = report->received,
                              .values_size = report->values_size,
                              .out_size = report->out_size,
                              .err_size = report->err_size,
                              .start_s = report->start_s,
                              .runtime_s = report->runtime_s,
                              .exit_code = report->exit_code,
                              .signal = report->signal,
                              .slot = report->slot,
                              .timed_out = report->timed_out,
                              .host_size = (uint32_t)strlen(report->host) + 1};
    const size_t size = sizeof head + head.host_size + report->values_size + report->out_size + report->err_size;
    int rc = size > LARGE ? rp_task_announce(task, size) : 0;
    if (!rc) rc = rp_task_write(task, &head, sizeof head);
    if (!rc) rc = rp_task_write(task, report->host, head.host_size);
    if (!rc) rc = rp_task_write(task, report->values, report->values_size);
    return rc;
}

int exec_report_read(struct exec_report *report, const void *data, size_t size) {
    struct head head;
    const char *at = data;
    if (size < sizeof head) return RP_EPROTOCOL;
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    size_t left = size - sizeof head;
    const uint64_t parts[] = {head.host_size, head.values_size, head.out_size, head.err_size};
    for (size_t i = 0; i < 4; i++) {
        if (parts[i] > left) return RP_EPROTOCOL;
        left -= parts[i];
    }
    const char *values = at + head.host_size, *out = values + head.values_size;
    if (left || !head.host_size || values[-1] || (head.values_size && out[-1])) return RP_EPROTOCOL;
    *report = (struct exec_report){.seq = head.seq,
                                   .place = head.place,
                                   .exit_code = head.exit_code,
                                   .signal = head.signal,
                                   .timed_out = head.timed_out != 0,
                                   .slot = head.slot,
                                   .start_s = head.start_s,
                                   .runtime_s = head.runtime_s,
                                   .received = head.received,
                                   .host = at,
                                   .values = values,
                                   .values_size = head.values_size,
                                   .out = out,
                                   .out_size = head.out_size,
                                   .err = out + head.out_size,
                                   .err_size = head.err_size};
    return 0;
}

bool exec_report_good(const struct exec_report *report) {
    return report->exit_code == 0 && report->signal == 0 && !report->timed_out;
}
