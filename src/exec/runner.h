/* What a worker of `rankpool exec` is told and has, and its attempt at a command: kernel.c starts a program for each,
 * serve.c asks one that runs already, attempt.c is what both need. */
#ifndef RP_EXEC_RUNNER_H
#define RP_EXEC_RUNNER_H

#include "exec/exec.h"
#include "exec/report.h"
#include "exec/server.h"
#include "exec/station.h"
#include "exec/timing.h"

#include <limits.h>

/* The argument bytes of the map. Followed by the folder, the line that ends an answer and the variables, each ended by
 * 0, the template, and that of the tag. */
struct exec_told {
    uint64_t run;
    double timeout_s;
    uint32_t retries, env_count;
    uint8_t in_folder, line_buffer, tag, show_out, serve, serve_end;
};

/* A worker. */
struct exec_runner {
    struct exec_told told;
    const char *folder, **env;            /* into the map's arguments */
    struct exec_template *template, *tag; /* NULL: lines have none */
    struct exec_station station;
    char host[256];
    uint32_t waits;            /* in a row, for another place to take commands that failed here */
    char program[PATH_MAX];    /* of every command; "": it is looked up each time */
    struct exec_server server; /* --serve: it, and the line that it is told now */
    struct exec_bytes question;
};

/* told.c: the map's arguments, which are this program's own, from rank 0, are lent to the runner. 0 or RP_ENOMEM. */
int exec_told_unpack(struct exec_runner *runner, const char *args, size_t size);

/* One run of a command. */
struct exec_attempt {
    struct exec_report *report;
    double limit_s;     /* 0: it may take any time */
    char message[512];  /* why it could not be started, or what was wrong with its answer; "" */
    const char *answer; /* of a server, report->out_size bytes; NULL: what was written is in the station's files */
    bool died;          /* a server did, which is no fault of the task as far as is known */
};

/* attempt.c */
/* The program's path; `path` is of PATH_MAX bytes. NULL: there is none, and the attempt says why. */
const char *exec_attempt_find(struct exec_runner *runner, const char *name, char *path, struct exec_attempt *attempt);
/* Why it was not started: for the folder, where that is not NULL. */
void exec_attempt_not_started(struct exec_attempt *attempt, const char *folder, const char *program, int error);
/* The record of the command's last attempt. 0, RP_ENOMEM or rp_task_fail(). */
int exec_attempt_write(struct exec_runner *runner, rp_task *task, struct exec_attempt *attempt);

/* serve.c: a task of --serve, to its record. As a kernel's item. */
int exec_serve(struct exec_runner *runner, rp_task *task, const struct exec_task *head, struct exec_report *report);

#endif
