/* What becomes of a command that has ended: its line in the job log, its files, its output, in this order, so that what
 * was shown is in the log. Output is written whole, stdout before stderr; on a terminal both go to the same place. */
#include "exec_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FAILURES_SHOWN = 10, COMMAND_SHOWN = 200, HALT_LEAST = 3 /* done, before per cent mean anything */ };

int exec_collect_begin(rp_job_run *run, struct exec *exec) {
    exec->output = calloc(1, sizeof *exec->output);
    if (!exec->output) return rp_job_fail(run, "out of memory");
    exec->output->log = exec->output->results = -1;
    pthread_mutex_init(&exec->output->opening, NULL);
    return 0;
}

void exec_collect_free(struct exec_output *output) {
    if (!output) return;
    if (output->log >= 0) close(output->log);
    if (output->results >= 0) close(output->results);
    pthread_mutex_destroy(&output->opening);
    exec_joblog_free(&output->before);
    exec_bytes_free(&output->input);
    exec_bytes_free(&output->tag);
    exec_bytes_free(&output->line);
    free(output);
}

/* ---- Files --------------------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        const ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

/* One write, so that lines of several runs do not mix. */
static int log_it(rp_job_run *run, struct exec_output *output, const struct exec_options *options,
                  const struct exec_report *report, const char *command) {
    if (output->log < 0) return 0;
    output->line.size = 0;
    exec_joblog_line(&output->line, report, command);
    if (output->line.failed) return RP_ENOMEM;
    if (write_all(output->log, output->line.data, output->line.size)) return 0;
    rp_job_fail(run, "cannot write the job log %.160s: %s", options->joblog, strerror(errno));
    return RP_EOUTPUT;
}

/* Complete, or not there. */
static bool write_file(int folder, const char *name, const char *data, size_t size) {
    char making[32];
    snprintf(making, sizeof making, ".%s.part", name);
    const int fd = openat(folder, making, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return false;
    const bool written = write_all(fd, data, size);
    const int error = written ? 0 : errno;
    if (close(fd) == 0 && written && renameat(folder, making, folder, name) == 0) return true;
    const int other = errno;
    unlinkat(folder, making, 0);
    errno = error ? error : other;
    return false;
}

/* DIR/SEQ/stdout, stderr, and at last exit: where that is, the others are complete. */
static bool keep_it(const struct exec_output *output, const struct exec_report *report) {
    char name[24], ended[24];
    snprintf(name, sizeof name, "%llu", (unsigned long long)report->seq);
    snprintf(ended, sizeof ended, "%d\n", report->signal ? 128 + report->signal : report->exit_code);
    if (mkdirat(output->results, name, 0777) && errno != EEXIST) return false;
    const int folder = openat(output->results, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return false;
    unlinkat(folder, "exit", 0); /* of an earlier run */
    const bool kept = write_file(folder, "stdout", report->out, report->out_size) &&
                      write_file(folder, "stderr", report->err, report->err_size) &&
                      write_file(folder, "exit", ended, strlen(ended));
    const int error = errno;
    close(folder);
    errno = error;
    return kept;
}

/* ---- Output -------------------------------------------------------------------------------------------- */

/* `tag` NULL: lines are not tagged. A last line without its newline stays so. */
static bool print(FILE *out, const struct exec_bytes *tag, const char *data, size_t size) {
    if (!tag) return fwrite(data, 1, size, out) == size;
    for (const char *end = data + size; data < end;) {
        const char *newline = memchr(data, '\n', (size_t)(end - data));
        const size_t length = (size_t)((newline ? newline + 1 : end) - data);
        if (fwrite(tag->data, 1, tag->size, out) != tag->size || fwrite(data, 1, length, out) != length) return false;
        data += length;
    }
    return true;
}

static int print_it(rp_job_run *run, const struct exec *exec, const struct exec_report *report) {
    const struct exec_bytes *tag = exec->options.tag ? &exec->output->tag : NULL;
    if (!print(run->out, tag, report->out, report->out_size)) return RP_EOUTPUT;
    if (!report->err_size) return 0;
    if (fflush(run->out)) return RP_EOUTPUT;
    print(stderr, tag, report->err, report->err_size); /* a program without stderr goes on */
    return 0;
}

/* ---- Failures ------------------------------------------------------------------------------------------ */

static void show_failure(rp_job_run *run, const struct exec_report *report, const char *command) {
    char how[64];
    if (report->timed_out)
        snprintf(how, sizeof how, "took longer than --timeout allows");
    else if (report->signal)
        snprintf(how, sizeof how, "was killed by signal %d (%s)", report->signal, strsignal(report->signal));
    else
        snprintf(how, sizeof how, "ended with exit code %d", report->exit_code);
    fflush(run->out);
    fprintf(stderr, "rankpool: command %llu %s on %s: ", (unsigned long long)report->seq, how, report->host);
    print_on_line(stderr, command, strnlen(command, COMMAND_SHOWN));
    fputc('\n', stderr);
}

static bool is_reached(const struct exec_halt *halt, const struct exec_output *output) {
    const uint64_t counted[] = {[EXEC_HALT_FAIL] = output->failed,
                                [EXEC_HALT_SUCCESS] = output->done - output->failed,
                                [EXEC_HALT_DONE] = output->done};
    const uint64_t count = counted[halt->what];
    if (halt->count) return count >= halt->count;
    return output->done >= HALT_LEAST && 100 * (double)count >= halt->percent * (double)output->done;
}

/* RP_END: nobody waits for more. */
static int halt(const struct exec_halt *halt, struct exec_output *output) {
    if (halt->when == EXEC_HALT_NEVER) return 0;
    if (!atomic_load(&output->halted) && !is_reached(halt, output)) return 0;
    atomic_store(&output->halted, true);
    return halt->when == EXEC_HALT_NOW || output->done == atomic_load(&output->put) ? RP_END : 0;
}

/* ---- A record ------------------------------------------------------------------------------------------ */

static int take(rp_job_run *run, struct exec *exec, const struct exec_report *report, const char *command) {
    struct exec_output *output = exec->output;
    bool good = exec_report_good(report);
    int rc = log_it(run, output, &exec->options, report, command);
    if (rc) return rc;
    const bool kept = output->results < 0 || keep_it(output, report);
    const int error = kept ? 0 : errno;
    rc = print_it(run, exec, report);
    if (rc) return rc;
    output->done++;
    if (good && kept) return 0;
    if (output->failed++ >= FAILURES_SHOWN) return 0;
    if (!good) show_failure(run, report, command);
    if (!kept)
        fprintf(stderr, "rankpool: the output of command %llu cannot be kept in %.160s: %s\n",
                (unsigned long long)report->seq, exec->options.results, strerror(error));
    return 0;
}

int exec_collect(rp_job_run *run, const rp_result *result) {
    struct exec *exec = run->state;
    struct exec_report report;
    struct exec_command command;
    int rc = exec_output_open(run, exec);
    if (!rc) rc = exec_report_read(&report, result->data, result->size);
    if (!rc)
        rc = exec_fill(exec, report.seq, report.slot, report.values, report.values_size, &exec->output->tag, &command);
    if (rc) return rc;
    rc = take(run, exec, &report, command.text);
    exec_command_free(&command);
    return rc ? rc : halt(&exec->options.halt, exec->output);
}

int exec_collect_finish(rp_job_run *run) {
    const struct exec *exec = run->state;
    const struct exec_output *output = exec->output;
    const bool halted = atomic_load(&output->halted);
    if (halted && exec->options.halt.what == EXEC_HALT_SUCCESS) return 0;
    if (!output->failed) return 0;
    return rp_job_fail(
        run, "%llu of %llu commands failed%s%s", (unsigned long long)output->failed, (unsigned long long)output->done,
        output->failed > FAILURES_SHOWN ? ", the first of them above" : "", halted ? "; --halt ended the run" : "");
}
