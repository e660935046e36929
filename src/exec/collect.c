/* What becomes of a command that has ended: its files, its line in the job log, its output, in this order, so that what
 * was shown is in the log, and what is in the log was kept. Output is written whole, stdout before stderr; on a terminal
 * both go to the same place. With -k it is only the output that waits for its turn: the log, --halt and the count of
 * failures go by the ends of commands. */
#include "exec/file.h"
#include "exec/output.h"
#include "exec/timing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FAILURES_SHOWN = 10,
    COMMAND_SHOWN = 200,
    HALT_LEAST = 3,     /* done, before per cent mean anything */
    RUNTIMES_LEAST = 3, /* the same for the median */
    NOT_KEPT = -1,      /* in the job log: the command was good, but its output is not in --results */
    LOST = -1           /* the same: nobody knows how it ended */
};

int exec_collect_begin(rp_job_run *run, struct exec *exec) {
    exec->output = calloc(1, sizeof *exec->output);
    if (!exec->output) return rp_job_fail(run, "out of memory");
    pthread_mutex_init(&exec->output->lock, NULL);
    pthread_mutex_init(&exec->output->turn_lock, NULL);
    pthread_cond_init(&exec->output->turn, NULL);
    exec->output->log = exec->output->results = -1;
    if (exec->options.keep_order && !(exec->output->order = exec_order_new())) return rp_job_fail(run, "out of memory");
    return 0;
}

void exec_collect_free(struct exec_output *output) {
    if (!output) return;
    if (output->log >= 0) close(output->log);
    if (output->results >= 0) close(output->results);
    pthread_cond_destroy(&output->turn);
    pthread_mutex_destroy(&output->turn_lock);
    pthread_mutex_destroy(&output->lock);
    exec_order_free(output->order);
    exec_joblog_free(&output->before);
    exec_bytes_free(&output->input);
    exec_bytes_free(&output->tag);
    exec_bytes_free(&output->line);
    free(output);
}

/* ---- Files --------------------------------------------------------------------------------------------- */

/* One write, so that lines of several runs do not mix. Where the disk is full, half a line is cut off again. */
static int log_it(rp_job_run *run, struct exec_output *output, const struct exec_options *options,
                  const struct exec_report *report, const char *command) {
    struct stat before;
    if (output->log < 0) return 0;
    output->line.size = 0;
    exec_joblog_line(&output->line, report, command);
    if (output->line.failed) return RP_ENOMEM;
    const bool is_file = fstat(output->log, &before) == 0 && S_ISREG(before.st_mode);
    if (exec_file_write(output->log, output->line.data, output->line.size)) return 0;
    int rc = exec_log_failed(run, options->joblog);
    if (is_file && ftruncate(output->log, before.st_size)) return rc; /* a reader takes half a line for what it is */
    return rc;
}

/* Complete, or not there. */
static bool write_file(int folder, const char *name, const char *data, size_t size) {
    char making[32];
    snprintf(making, sizeof making, ".%s.part", name);
    const int fd = openat(folder, making, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return false;
    const bool written = exec_file_write(fd, data, size);
    const int error = written ? 0 : errno;
    if (close(fd) == 0 && written && renameat(folder, making, folder, name) == 0) return true;
    const int other = errno;
    unlinkat(folder, making, 0);
    errno = error ? error : other;
    return false;
}

/* Nothing of a command is there, where not all of it can be. */
static void remove_files(int results, const char *name, int folder) {
    static const char *const names[] = {"stdout", "stderr", "exit"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlinkat(folder, names[i], 0);
    unlinkat(results, name, AT_REMOVEDIR); /* unless somebody has put something else there */
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
    if (!kept) remove_files(output->results, name, folder);
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

/* ---- Failures ------------------------------------------------------------------------------------------ */

/* What became of a command, and then the command itself. */
static void say_failed(rp_job_run *run, const struct exec_report *report, const char *how, const char *command) {
    fflush(run->out);
    fprintf(stderr, "rankpool: command %llu %s on %s: ", (unsigned long long)report->seq, how, report->host);
    for (size_t i = 0; i < COMMAND_SHOWN && command[i]; i++)
        fputc((unsigned char)command[i] < ' ' || command[i] == 0x7f ? '?' : command[i], stderr);
    fputc('\n', stderr);
}

static const char *how_it_failed(const struct exec_report *report, char text[64]) {
    if (report->timed_out)
        snprintf(text, 64, "took longer than --timeout allows");
    else if (report->signal)
        snprintf(text, 64, "was killed by signal %d (%s)", report->signal, strsignal(report->signal));
    else
        snprintf(text, 64, "ended with exit code %d", report->exit_code);
    return text;
}

bool exec_judge(const rp_job_run *run, const rp_result *result, char *text, size_t size) {
    struct exec_report report;
    struct exec_command command;
    char how[64];
    if (exec_report_read(&report, result->data, result->size) || exec_report_good(&report)) return true;
    if (exec_fill(run->state, report.seq, report.slot, report.values, report.values_size, NULL, &command)) return false;
    snprintf(text, size, "command %llu %s on %.60s: %.100s", (unsigned long long)report.seq,
             how_it_failed(&report, how), report.host, command.text);
    exec_command_free(&command);
    return false;
}

bool exec_show_command(FILE *out, const struct exec_bytes *tag, const char *command) {
    return print(out, tag, command, strlen(command)) && fputc('\n', out) != EOF;
}

/* The command, if it is wanted, its output, and how it failed. */
static int print_it(rp_job_run *run, const struct exec *exec, const struct exec_report *report, const char *command) {
    const struct exec_bytes *tag = exec->tag ? &exec->output->tag : NULL;
    if (exec->options.show_err) exec_show_command(stderr, tag, command);
    if (exec->options.show_out && !exec->options.line_buffer && !exec_show_command(run->out, tag, command))
        return RP_EOUTPUT;
    if (!print(run->out, tag, report->out, report->out_size)) return RP_EOUTPUT;
    if (report->err_size && fflush(run->out)) return RP_EOUTPUT;
    print(stderr, tag, report->err, report->err_size); /* a program without stderr goes on */
    char how[64];
    if (!exec_report_good(report) && exec->output->shown++ < FAILURES_SHOWN)
        say_failed(run, report, how_it_failed(report, how), command);
    return 0;
}

/* ---- Order --------------------------------------------------------------------------------------------- */

static int print_record(rp_job_run *run, const void *data, size_t size) {
    const struct exec *exec = run->state;
    struct exec_report report;
    struct exec_command command;
    int rc = exec_report_read(&report, data, size);
    if (!rc)
        rc = exec_fill(exec, report.seq, report.slot, report.values, report.values_size, &exec->output->tag, &command);
    if (rc) return rc;
    rc = print_it(run, exec, &report, command.text);
    exec_command_free(&command);
    return rc;
}

static int cannot_wait(rp_job_run *run, int rc) {
    if (rc == RP_ESYSTEM)
        rp_job_fail(
            run, "output that waits for its turn (-k) cannot be kept in %.120s: %s; set TMPDIR to a folder with room",
            exec_file_folder(), strerror(errno));
    return rc;
}

/* Those whose turn it is; `gaps`: all. */
static int print_due(rp_job_run *run, bool gaps) {
    const struct exec *exec = run->state;
    const void *data;
    size_t size;
    int rc;
    while ((rc = exec_order_take(exec->output->order, gaps, &data, &size)) == 0) {
        rc = size ? print_record(run, data, size) : 0;
        if (rc) return rc;
    }
    return rc == RP_EEMPTY ? 0 : cannot_wait(run, rc);
}

/* Now, or when its turn has come. */
static int show(rp_job_run *run, const rp_result *result, const struct exec_report *report, const char *command) {
    const struct exec *exec = run->state;
    struct exec_order *order = exec->output->order;
    if (!order) return print_it(run, exec, report, command);
    if (!exec_order_due(order, report->place))
        return cannot_wait(run, exec_order_put(order, report->place, result->data, result->size));
    exec_order_pass(order);
    int rc = print_it(run, exec, report, command);
    return rc ? rc : print_due(run, false);
}

/* ---- --halt and --timeout N% --------------------------------------------------------------------------- */

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

/* As GNU parallel does, of what succeeded, and from the third on. */
static void note_runtime(struct exec_output *output, const struct exec_options *options, double runtime_s) {
    exec_median_add(&output->median, runtime_s);
    if (options->timeout_percent <= 0 || output->median.count < RUNTIMES_LEAST) return;
    const double limit_ns = exec_median_get(&output->median) * options->timeout_percent / 100 * 1e9;
    const double least_ns = 1e6, most_ns = 1e18; /* 0 would mean that there is no limit */
    atomic_store(&output->limit_ns, (uint64_t)(limit_ns < least_ns  ? least_ns
                                               : limit_ns < most_ns ? limit_ns
                                                                    : most_ns));
}

/* ---- A record ------------------------------------------------------------------------------------------ */

static int take(rp_job_run *run, struct exec *exec, const rp_result *result, struct exec_report *report,
                const char *command) {
    struct exec_output *output = exec->output;
    const bool good = exec_report_good(report), kept = output->results < 0 || keep_it(output, report);
    const int error = kept ? 0 : errno;
    struct exec_report logged = *report;
    if (good && !kept) logged.exit_code = NOT_KEPT;
    int rc = log_it(run, output, &exec->options, &logged, command);
    if (rc) return rc;
    output->done++;
    output->failed += !good || !kept;
    if (good) note_runtime(output, &exec->options, report->runtime_s);
    if (!kept && output->shown++ < FAILURES_SHOWN)
        fprintf(stderr, "rankpool: the output of command %llu cannot be kept in %.160s: %s\n",
                (unsigned long long)report->seq, exec->options.results, strerror(error));
    return show(run, result, report, command);
}

/* What is known of a command that was lost: its task's input, and where that was. RP_EPROTOCOL: nothing. */
static int read_lost(struct exec_report *report, const rp_failure *how) {
    struct exec_task task;
    if (!how || !how->input || how->input_size < sizeof task) return RP_EPROTOCOL;
    memcpy(&task, how->input, sizeof task);
    *report = (struct exec_report){.seq = task.seq,
                                   .place = task.place,
                                   .exit_code = LOST,
                                   .signal = how->signal,
                                   .slot = 1,
                                   .start_s = exec_now_s(CLOCK_REALTIME),
                                   .host = how->host[0] ? how->host : "-",
                                   .values = (const char *)how->input + sizeof task,
                                   .values_size = how->input_size - sizeof task};
    return 0;
}

/* Of a wait, see kernel.c, nobody needs to know. */
static bool is_a_wait(const rp_failure *how) {
    struct exec_report report;
    return read_lost(&report, how) == 0 && report.seq == 0;
}

/* A task without a record, as when its worker was killed; the caller has said why. Its command is named, logged, and
 * nothing waits for its output. */
static int take_lost(rp_job_run *run, struct exec *exec, const rp_result *result) {
    struct exec_output *output = exec->output;
    struct exec_report report;
    struct exec_command command;
    output->done++;
    output->failed++;
    if (read_lost(&report, result->failure)) return 0;
    int rc = exec_fill(exec, report.seq, report.slot, report.values, report.values_size, NULL, &command);
    if (rc) return rc;
    rc = log_it(run, output, &exec->options, &report, command.text);
    if (!rc && output->shown++ < FAILURES_SHOWN)
        say_failed(run, &report, result->status == RP_EDIED ? "was lost with its worker" : "could not be run",
                   command.text);
    exec_command_free(&command);
    if (rc || !output->order) return rc;
    rc = exec_order_put(output->order, report.place, NULL, 0);
    return rc ? cannot_wait(run, rc) : print_due(run, false);
}

static int take_record(rp_job_run *run, struct exec *exec, const rp_result *result) {
    struct exec_report report;
    struct exec_command command;
    int rc = exec_output_open(run, exec);
    if (!rc) rc = exec_report_read(&report, result->data, result->size);
    if (!rc)
        rc = exec_fill(exec, report.seq, report.slot, report.values, report.values_size, &exec->output->tag, &command);
    if (rc) return rc;
    rc = take(run, exec, result, &report, command.text);
    exec_command_free(&command);
    return rc;
}

int exec_collect(rp_job_run *run, const rp_result *result) {
    struct exec *exec = run->state;
    int rc = exec_output_open(run, exec);
    if (rc) return rc;
    if (!result->status && !result->size) return 0; /* it is tried again, or elsewhere */
    if (result->status && is_a_wait(result->failure)) return 0;
    rc = result->status ? take_lost(run, exec, result) : take_record(run, exec, result);
    if (!rc) rc = halt(&exec->options.halt, exec->output);
    atomic_fetch_add(&exec->output->answered, 1); /* and no command starts for it that --halt does not want */
    exec_output_changed(exec->output);
    return rc;
}

void exec_kept(rp_job_run *run, uint64_t results) {
    const struct exec *exec = run->state;
    if (!exec->output->stored) exec->output->stored = true; /* before feed; the feeder only reads it */
    atomic_store(&exec->output->kept, results);
    exec_output_changed(exec->output);
}

/* What has ended is in the job log, so its output is shown, too, wherever the run has stopped. */
int exec_collect_end(rp_job_run *run) {
    const struct exec *exec = run->state;
    return exec->output->order ? print_due(run, true) : 0;
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
