/* The job log of `rankpool exec`, in GNU parallel's columns: written line by line, and read to resume a run. */
#ifndef RP_EXEC_JOBLOG_H
#define RP_EXEC_JOBLOG_H

#include "exec/report.h"
#include "exec/template.h"

#define EXEC_JOBLOG_HEADER "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"

/* The line of a command, with its newline. In it a newline of the command's is \n, so that a line stays one. */
void exec_joblog_line(struct exec_bytes *to, const struct exec_report *report, const char *command);

/* What a line says. */
struct exec_joblog_entry {
    uint64_t seq; /* from 1 */
    bool good;
    uint64_t command; /* its digest */
    uint64_t line;    /* of the file; of exec_joblog_read */
};
/* Reads a line, without its newline. 0 or RP_EUSAGE: it is none of a job log. */
int exec_joblog_parse(const char *line, size_t size, struct exec_joblog_entry *entry);
/* Of a command as it is run. */
uint64_t exec_joblog_digest(const char *command);

/* A whole log: of each number its last line, sorted. All zero: empty. */
struct exec_joblog {
    struct exec_joblog_entry *entry;
    size_t count, capacity;
    uint64_t end; /* bytes up to the last whole line */
};
/* Of a file; one that is not there is empty, and a last line that was not written to its end does not count. `error` names
 * the file and the line. RP_EUSAGE, RP_ENOMEM: nothing is left to free. */
int exec_joblog_read(struct exec_joblog *log, const char *file, rp_error *error);
/* NULL: it has no such number. */
const struct exec_joblog_entry *exec_joblog_find(const struct exec_joblog *log, uint64_t seq);
void exec_joblog_free(struct exec_joblog *log);

#endif
