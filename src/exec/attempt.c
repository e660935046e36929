/* An attempt at a command of `rankpool exec`: where its program is, why it did not start, and what is told of its end. */
#include "exec/runner.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As a shell ends: 127 where there is no such program, 126 where it cannot be run. */
static void cannot_start(struct exec_attempt *attempt, const char *what, int error) {
    attempt->report->exit_code = error == ENOENT ? 127 : 126;
    snprintf(attempt->message, sizeof attempt->message, "rankpool: cannot run %.200s on %s: %s\n",
             *what ? what : "\"\"", attempt->report->host,
             error == ENOENT && !access(what, F_OK) && strchr(what, '/')
                 ? "the interpreter that it asks for is not there"
             : !*what           ? "the command is empty"
             : error == ENOENT  ? "there is no such program"
             : error == EISDIR  ? "it is a folder"
             : error == ENOEXEC ? "it is for another kind of machine, or not whole"
             : error == EACCES  ? "it is not executable"
                                : strerror(error));
}

static void no_folder(struct exec_attempt *attempt, const char *folder, int error) {
    attempt->report->exit_code = 126;
    snprintf(attempt->message, sizeof attempt->message, "rankpool: cannot run in the folder %.200s on %s: %s\n", folder,
             attempt->report->host, strerror(error));
}

void exec_attempt_not_started(struct exec_attempt *attempt, const char *folder, const char *program, int error) {
    if (folder)
        no_folder(attempt, folder, error);
    else
        cannot_start(attempt, program, error);
}

const char *exec_attempt_find(struct exec_runner *runner, const char *name, char *path, struct exec_attempt *attempt) {
    if (runner->program[0]) return runner->program;
    if (runner->folder && strchr(name, '/')) return name; /* as seen from there */
    const int error = exec_find_program(name, path, PATH_MAX);
    if (error) cannot_start(attempt, name, error);
    return error ? NULL : path;
}

/* ---- Its record ---------------------------------------------------------------------------------------- */

static size_t size_of(int fd) {
    struct stat what;
    return fstat(fd, &what) || what.st_size < 0 ? 0 : (size_t)what.st_size;
}

/* To the end of the record, by pieces: a large output is never in memory as a whole. */
static int send_file(rp_task *task, int fd, size_t size) {
    const size_t most = 64 << 10;
    for (size_t at = 0; at < size;) {
        char *to = rp_task_reserve(task, most);
        if (!to) return RP_ENOMEM;
        const ssize_t got = pread(fd, to, size - at < most ? size - at : most, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return RP_ESYSTEM;
        rp_task_commit(task, (size_t)got);
        at += (size_t)got;
    }
    return 0;
}

int exec_attempt_write(struct exec_runner *runner, rp_task *task, struct exec_attempt *attempt) {
    struct exec_report *report = attempt->report;
    const size_t err_size = attempt->answer ? 0 : size_of(runner->station.err);
    const size_t message_size = strlen(attempt->message);
    if (!attempt->answer) report->out_size = size_of(runner->station.out);
    report->err_size = err_size + message_size;
    report->received += report->out_size;
    int rc = exec_report_write(task, report);
    if (!rc && attempt->answer) rc = rp_task_write(task, attempt->answer, report->out_size);
    if (!rc && !attempt->answer) rc = send_file(task, runner->station.out, report->out_size);
    if (!rc && !attempt->answer) rc = send_file(task, runner->station.err, err_size);
    if (!rc) rc = rp_task_write(task, attempt->message, message_size);
    if (rc == RP_ESYSTEM)
        return rp_task_fail(task, "the output of command %llu cannot be read back on %s: %s",
                            (unsigned long long)report->seq, report->host, strerror(errno));
    if (rc)
        return rp_task_fail(task, "out of memory for the output of command %llu, %zu bytes",
                            (unsigned long long)report->seq, report->out_size + report->err_size);
    return 0;
}
