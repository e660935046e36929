/* The kernel of `rankpool exec`: a task is one command. Its input is its number and its values; its record says how the
 * command ended and holds what it wrote. A command that fails is no failed task of the pool's: rank 0 counts those
 * itself, and only what kept the worker from running a command at all is one. */
#include "exec/file.h"
#include "exec/lines_out.h"
#include "exec/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Of commands that failed here, before one is tried here again: waits from 1 to 256 ms, of 20 s in all. */
enum { WAITS = 85, LONGEST_WAIT = 8 /* 2^8 ms */ };

/* ---- A worker ------------------------------------------------------------------------------------------ */

static void free_runner(struct exec_runner *runner) {
    exec_bytes_free(&runner->question);
    exec_station_close(&runner->station);
    exec_template_free(runner->template);
    exec_template_free(runner->tag);
    free((void *)runner->env);
    free(runner);
}

/* That a server has written too much may show only now, when all of its answers are on their way. What can still be done
 * is to say so and to die, if this is a process of its own: rank 0 makes exit code 1 of that. */
static void end_runner(void *state) {
    struct exec_runner *runner = state;
    const char *worker = getenv("RANKPOOL_WORKER_PID");
    struct exec_end end;
    exec_server_stop(&runner->server, EXEC_GRACE_MS / 1000.0, &end);
    const bool unread = runner->server.unread;
    if (unread)
        fprintf(stderr,
                "rankpool: a server on %s wrote more than it was asked for: answers may be those to other inputs; "
                "it is to write one line for each, or with --serve-end LINE all up to that one\n",
                runner->host);
    free_runner(runner);
    if (unread && worker && atoi(worker) == (int)getpid()) _exit(1);
}

static int setup(rp_task *task, void **state) {
    size_t size;
    const char *args = rp_task_args(task, &size);
    struct exec_runner *runner = calloc(1, sizeof *runner);
    if (!runner) return RP_ENOMEM;
    runner->station = (struct exec_station){.slot_fd = -1, .null = -1, .out = -1, .err = -1};
    int rc = exec_told_unpack(runner, args, size);
    snprintf(runner->host, sizeof runner->host, "%s", rp_task_where(task)->host);
    if (!rc) rc = exec_station_open(&runner->station, task, runner->told.run, runner->env, runner->told.env_count);
    if (rc) {
        free_runner(runner);
        return rc;
    }
    const char *program = exec_template_program(runner->template);
    const bool elsewhere = runner->folder && program && strchr(program, '/') && program[0] != '/';
    if (!program || elsewhere || exec_find_program(program, runner->program, sizeof runner->program))
        runner->program[0] = 0;
    *state = runner;
    return 0;
}

/* ---- A command ----------------------------------------------------------------------------------------- */

/* A command that finds no room for its output mostly finds none to say so. */
static void note_full_disk(const struct exec_station *station, struct exec_attempt *attempt) {
    struct statvfs disk;
    if (exec_report_good(attempt->report) || fstatvfs(station->out, &disk) || disk.f_bavail > 0) return;
    snprintf(
        attempt->message, sizeof attempt->message,
        "rankpool: %.200s on %s is full, where output waits for its command's end: set TMPDIR to a folder with room\n",
        exec_file_folder(), attempt->report->host);
}

static void run(struct exec_runner *runner, rp_task *task, const struct exec_command *command,
                struct exec_lines_out *lines, struct exec_attempt *attempt) {
    struct exec_station *station = &runner->station;
    struct exec_report *report = attempt->report;
    char path[PATH_MAX];
    bool in_folder = false;
    pid_t pid;
    report->start_s = exec_now_s(CLOCK_REALTIME);
    report->exit_code = report->signal = 0;
    const char *program = exec_attempt_find(runner, command->argv[0], path, attempt);
    if (!program) return;
    const struct exec_start start = {.program = program,
                                     .argv = command->argv,
                                     .environment = station->environment,
                                     .folder = runner->folder,
                                     .in = station->null,
                                     .out = lines ? lines->to : station->out,
                                     .err = station->err,
                                     .changed = &station->changed};
    const double begin_s = exec_now_s(CLOCK_MONOTONIC);
    const int error = exec_start(&start, &pid, &in_folder);
    if (error) {
        exec_attempt_not_started(attempt, in_folder ? runner->folder : NULL, program, error);
        return;
    }
    const struct exec_watch watch = {
        .timeout_s = attempt->limit_s, .fd = lines ? lines->from : -1, .ready = exec_lines_out_ready, .self = lines};
    struct exec_end end;
    if (lines) exec_lines_out_started(lines);
    exec_wait(pid, &watch, task, &end);
    report->runtime_s = exec_now_s(CLOCK_MONOTONIC) - begin_s;
    report->exit_code = end.exit_code;
    report->signal = end.signal;
    report->timed_out = end.timed_out;
    note_full_disk(station, attempt);
}

/* The command's next task. */
static int add(rp_task *task, const struct exec_task *next, const struct exec_report *report) {
    struct exec_bytes input = {0};
    exec_bytes_add(&input, next, sizeof *next);
    exec_bytes_add(&input, report->values, report->values_size);
    int rc = input.failed ? RP_ENOMEM : rp_task_add(task, input.data, input.size);
    exec_bytes_free(&input);
    return rc;
}

/* This place, as a number; a host's is made of its name. */
static uint32_t here(const rp_task *task, const struct exec_task *head) {
    const rp_where *where = rp_task_where(task);
    uint32_t hash = 2166136261u; /* FNV-1a */
    if (head->places != EXEC_HOSTS) return where->worker;
    for (const char *at = where->host; *at; at++) hash = (hash ^ (unsigned char)*at) * 16777619u;
    return hash;
}

/* May the command run again? Then it is on its way, and this attempt is none of anybody's business. */
static bool is_tried_again(const struct exec_runner *runner, rp_task *task, const struct exec_task *head,
                           const struct exec_report *report) {
    if (exec_report_good(report) || head->attempt >= runner->told.retries || rp_task_canceled(task)) return false;
    struct exec_task next = *head;
    next.attempt++;
    next.failed_at = here(task, head);
    return add(task, &next, report) == 0;
}

/* A command that has failed here is left to another place, as long as that may ask for it: one host that lacks something
 * asks for more and more while the others compute. The patience is the worker's: it ends when the worker has waited so
 * many times in a row, and begins anew with a command that has not failed here. The wait is a task of its own, before the
 * command: while it lasts, the command is there for whoever asks, and no two workers hold what the other one wants. */
static bool is_returned(struct exec_runner *runner, rp_task *task, const struct exec_task *head,
                        const struct exec_report *report) {
    if (head->attempt == 1 || head->places == EXEC_ONE_PLACE || head->failed_at != here(task, head)) {
        runner->waits = 0;
        return false;
    }
    const struct exec_task wait = {.failed_at = rp_task_where(task)->worker};
    return runner->waits < WAITS && add(task, &wait, &(struct exec_report){.seq = 0}) == 0 &&
           add(task, head, report) == 0;
}

/* Its own waits only: where another worker asks for one, the command behind it is what that came for. The wait grows, so
 * that commands that are short get their chance at once. */
static void wait_a_while(struct exec_runner *runner, const rp_task *task, const struct exec_task *wait) {
    if (wait->failed_at != rp_task_where(task)->worker) return;
    const uint32_t doublings = runner->waits < LONGEST_WAIT ? runner->waits : LONGEST_WAIT;
    runner->waits++;
    nanosleep(&(struct timespec){.tv_nsec = 1000000L << doublings}, NULL);
}

static int run_it(struct exec_runner *runner, rp_task *task, const struct exec_command *command,
                  const struct exec_task *head, struct exec_report *report, const struct exec_values *values) {
    struct exec_attempt attempt = {.report = report, .limit_s = (double)head->limit_ns * 1e-9};
    struct exec_lines_out lines;
    if (!head->limit_ns) attempt.limit_s = runner->told.timeout_s;
    const int error = exec_station_empty(runner->station.out), other = exec_station_empty(runner->station.err);
    if (error || other)
        return rp_task_fail(task, "no room for output on %s: %s", report->host, strerror(error ? error : other));
    if (runner->told.line_buffer && exec_lines_out_open(&lines, task))
        return rp_task_fail(task, "no pipe for output on %s: %s", report->host, strerror(errno));
    if (runner->told.line_buffer && runner->tag) exec_template_tag(runner->tag, values, &lines.tag);
    if (runner->told.line_buffer && runner->told.show_out) exec_lines_out_say(&lines, command->text);
    run(runner, task, command, runner->told.line_buffer ? &lines : NULL, &attempt);
    if (runner->told.line_buffer) report->received = exec_lines_out_close(&lines);
    return is_tried_again(runner, task, head, report) ? 0 : exec_attempt_write(runner, task, &attempt);
}

static int item(rp_task *task, const void *input, size_t size) {
    struct exec_runner *runner = rp_task_state(task);
    struct exec_task head;
    if (size < sizeof head) return RP_EPROTOCOL;
    memcpy(&head, input, sizeof head);
    if (!head.seq) {
        wait_a_while(runner, task, &head);
        return 0;
    }
    const char *data = (const char *)input + sizeof head;
    struct exec_report report = {.seq = head.seq,
                                 .place = head.place,
                                 .slot = runner->station.slot + 1,
                                 .host = rp_task_where(task)->host,
                                 .values = data,
                                 .values_size = size - sizeof head};
    if (runner->told.serve) return exec_serve(runner, task, &head, &report);
    if (is_returned(runner, task, &head, &report)) return 0;
    size_t count;
    const char **value = exec_values_list(data, size - sizeof head, &count);
    const struct exec_values values = {.seq = head.seq, .slot = report.slot, .count = count, .value = value};
    struct exec_command command = {0};
    int rc = value ? exec_template_fill(runner->template, &values, &command) : RP_ENOMEM;
    snprintf(runner->station.task, sizeof runner->station.task, "RANKPOOL_TASK=%llu", (unsigned long long)head.seq);
    if (!rc) rc = run_it(runner, task, &command, &head, &report, &values);
    exec_command_free(&command);
    free((void *)value);
    return rc;
}

const rp_kernel exec_kernel = {.name = "exec", .item = item, .setup = setup, .teardown = end_runner, .flags = RP_ONCE};
