/* The kernel of `rankpool exec`: a task is one command. Its input is its number and its values; its record says how the
 * command ended and holds what it wrote. A command that fails is no failed task of the pool's: rank 0 counts those
 * itself, and only what kept the worker from running a command at all is one. */
#include "exec.h"
#include "exec_file.h"
#include "exec_lines_out.h"
#include "exec_report.h"
#include "exec_server.h"
#include "exec_station.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RETURNS = 6 /* of a command that failed here, before it is tried here again, within 63 ms */ };
enum { ANSWER_TRIES = 3 /* of a server that dies, unless --retries was given */ };

/* ---- What workers are told ----------------------------------------------------------------------------- */

/* Followed by the folder, the line that ends an answer and the variables, each ended by 0, and the template. */
struct told {
    uint64_t run;
    double timeout_s;
    uint32_t retries, env_count;
    uint8_t in_folder, line_buffer, tag, serve, serve_end;
};

static void pack_variable(struct exec_bytes *to, const char *variable) {
    exec_bytes_text(to, variable);
    if (!strchr(variable, '=')) { /* its value is that of here; where it has none it is empty */
        const char *value = getenv(variable);
        exec_bytes_text(to, "=");
        exec_bytes_text(to, value ? value : "");
    }
    exec_bytes_add(to, "", 1);
}

int exec_run_pack(const struct exec *exec, struct exec_bytes *to) {
    const struct exec_options *options = &exec->options;
    struct told told;
    memset(&told, 0, sizeof told); /* with what is between its fields */
    told.timeout_s = options->timeout_s;
    told.retries = options->retries;
    told.env_count = (uint32_t)options->env_count;
    told.in_folder = options->workdir != NULL;
    told.line_buffer = options->line_buffer;
    told.tag = options->tag;
    told.serve = options->serve;
    told.serve_end = options->serve_end != NULL;
    if (getrandom(&told.run, sizeof told.run, 0) != sizeof told.run) told.run = (uint64_t)getpid();
    exec_bytes_add(to, &told, sizeof told);
    if (options->workdir) exec_bytes_add(to, options->workdir, strlen(options->workdir) + 1);
    if (options->serve_end) exec_bytes_add(to, options->serve_end, strlen(options->serve_end) + 1);
    for (size_t i = 0; i < options->env_count; i++) pack_variable(to, options->env[i]);
    return exec_template_pack(exec->template, to);
}

/* ---- A worker ------------------------------------------------------------------------------------------ */

struct runner {
    struct told told;
    const char *folder, **env; /* into the map's arguments */
    struct exec_template *template;
    struct exec_station station;
    char program[PATH_MAX];    /* of every command; "": it is looked up each time */
    struct exec_server server; /* --serve: it, and the line that it is told now */
    struct exec_bytes question;
};

static void free_runner(void *state) {
    struct runner *runner = state;
    struct exec_end end;
    exec_server_stop(&runner->server, EXEC_GRACE_MS / 1000.0, &end);
    exec_bytes_free(&runner->question);
    exec_station_close(&runner->station);
    exec_template_free(runner->template);
    free((void *)runner->env);
    free(runner);
}

/* The map's arguments are this program's own, from rank 0. */
static int unpack(struct runner *runner, const char *args, size_t size) {
    size_t used;
    const char *at = args + sizeof runner->told, *end = args + size;
    memcpy(&runner->told, args, sizeof runner->told);
    runner->env = calloc((size_t)runner->told.env_count + 1, sizeof *runner->env);
    if (!runner->env) return RP_ENOMEM;
    if (runner->told.in_folder) {
        runner->folder = at;
        at += strlen(at) + 1;
    }
    if (runner->told.serve_end) {
        runner->server.end = at;
        at += strlen(at) + 1;
    }
    for (uint32_t i = 0; i < runner->told.env_count; i++, at += strlen(at) + 1) runner->env[i] = at;
    return exec_template_unpack(&runner->template, at, (size_t)(end - at), &used);
}

static int setup(rp_task *task, void **state) {
    size_t size;
    const char *args = rp_task_args(task, &size);
    struct runner *runner = calloc(1, sizeof *runner);
    if (!runner) return RP_ENOMEM;
    runner->station = (struct exec_station){.slot_fd = -1, .null = -1, .out = -1, .err = -1};
    int rc = unpack(runner, args, size);
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

static double now_s(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* One run of a command. */
struct attempt {
    struct exec_report *report;
    double limit_s;     /* 0: it may take any time */
    char message[512];  /* why it could not be started, or what was wrong with its answer; "" */
    const char *answer; /* of a server, report->out_size bytes; NULL: what was written is in the station's files */
    bool died;          /* a server did, which is no fault of the task as far as is known */
};

/* As a shell ends: 127 where there is no such program, 126 where it cannot be run. */
static void cannot_start(struct attempt *attempt, const char *what, int error) {
    attempt->report->exit_code = error == ENOENT ? 127 : 126;
    snprintf(attempt->message, sizeof attempt->message, "rankpool: cannot run %.200s on %s: %s\n", what,
             attempt->report->host,
             error == ENOENT   ? "there is no such program"
             : error == EISDIR ? "it is a folder"
             : error == EACCES ? "it is not executable"
                               : strerror(error));
}

static void no_folder(struct attempt *attempt, const char *folder, int error) {
    attempt->report->exit_code = 126;
    snprintf(attempt->message, sizeof attempt->message, "rankpool: cannot run in the folder %.200s on %s: %s\n", folder,
             attempt->report->host, strerror(error));
}

/* `folder` NULL: it was not for that. */
static void not_started(struct attempt *attempt, const char *folder, const char *program, int error) {
    if (folder)
        no_folder(attempt, folder, error);
    else
        cannot_start(attempt, program, error);
}

/* `path`: of PATH_MAX bytes. NULL: there is none, and the attempt says why. */
static const char *find(struct runner *runner, const char *name, char *path, struct attempt *attempt) {
    if (runner->program[0]) return runner->program;
    if (runner->folder && strchr(name, '/')) return name; /* as seen from there */
    const int error = exec_find_program(name, path, PATH_MAX);
    if (error) cannot_start(attempt, name, error);
    return error ? NULL : path;
}

static void run(struct runner *runner, rp_task *task, const struct exec_command *command, struct exec_lines_out *lines,
                struct attempt *attempt) {
    struct exec_station *station = &runner->station;
    struct exec_report *report = attempt->report;
    char path[PATH_MAX];
    bool in_folder = false;
    pid_t pid;
    report->start_s = now_s(CLOCK_REALTIME);
    report->exit_code = report->signal = 0;
    const char *program = find(runner, command->argv[0], path, attempt);
    if (!program) return;
    const struct exec_start start = {.program = program,
                                     .argv = command->argv,
                                     .environment = station->environment,
                                     .folder = runner->folder,
                                     .in = station->null,
                                     .out = lines ? lines->to : station->out,
                                     .err = station->err,
                                     .changed = &station->changed};
    const double begin_s = now_s(CLOCK_MONOTONIC);
    const int error = exec_start(&start, &pid, &in_folder);
    if (error) {
        not_started(attempt, in_folder ? runner->folder : NULL, program, error);
        return;
    }
    const struct exec_watch watch = {
        .timeout_s = attempt->limit_s, .fd = lines ? lines->from : -1, .ready = exec_lines_out_ready, .self = lines};
    struct exec_end end;
    if (lines) exec_lines_out_started(lines);
    exec_wait(pid, &watch, task, &end);
    report->runtime_s = now_s(CLOCK_MONOTONIC) - begin_s;
    report->exit_code = end.exit_code;
    report->signal = end.signal;
    report->timed_out = end.timed_out;
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

static int write_record(struct runner *runner, rp_task *task, struct attempt *attempt) {
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

/* The command's next task. */
static int add(rp_task *task, const struct exec_task *next, const struct exec_report *report) {
    struct exec_bytes input = {0};
    exec_bytes_add(&input, next, sizeof *next);
    exec_bytes_add(&input, report->values, report->values_size);
    int rc = input.failed ? RP_ENOMEM : rp_task_add(task, input.data, input.size);
    exec_bytes_free(&input);
    return rc;
}

/* May the command run again? Then it is on its way, and this attempt is none of anybody's business. */
static bool is_tried_again(const struct runner *runner, rp_task *task, const struct exec_task *head,
                           const struct exec_report *report) {
    if (exec_report_good(report) || head->attempt >= runner->told.retries || rp_task_canceled(task)) return false;
    struct exec_task next = *head;
    next.attempt++;
    next.failed_on = rp_task_where(task)->worker;
    next.returned = 0;
    return add(task, &next, report) == 0;
}

/* A command that has failed here is left to another worker, if one asks for work before it has come back too often. The
 * wait grows, so that those whose commands are short get their chance. */
static bool is_returned(rp_task *task, const struct exec_task *head, const struct exec_report *report) {
    if (head->attempt == 1 || head->failed_on != rp_task_where(task)->worker || head->returned >= RETURNS) return false;
    struct exec_task next = *head;
    nanosleep(&(struct timespec){.tv_nsec = 1000000L << next.returned++}, NULL);
    return add(task, &next, report) == 0;
}

static int run_it(struct runner *runner, rp_task *task, const struct exec_command *command,
                  const struct exec_task *head, struct exec_report *report, const struct exec_values *values) {
    struct attempt attempt = {.report = report, .limit_s = (double)head->limit_ns * 1e-9};
    struct exec_lines_out lines;
    if (!head->limit_ns) attempt.limit_s = runner->told.timeout_s;
    const int error = exec_station_empty(runner->station.out), other = exec_station_empty(runner->station.err);
    if (error || other)
        return rp_task_fail(task, "no room for output on %s: %s", report->host, strerror(error ? error : other));
    if (runner->told.line_buffer && exec_lines_out_open(&lines, task, runner->told.tag ? values : NULL))
        return rp_task_fail(task, "no pipe for output on %s: %s", report->host, strerror(errno));
    run(runner, task, command, runner->told.line_buffer ? &lines : NULL, &attempt);
    if (runner->told.line_buffer) report->received = exec_lines_out_close(&lines);
    return is_tried_again(runner, task, head, report) ? 0 : write_record(runner, task, &attempt);
}

/* ---- A server ------------------------------------------------------------------------------------------ */

/* The template without values: they come as lines. */
static bool start_server(struct runner *runner, struct attempt *attempt) {
    struct exec_command command;
    char path[PATH_MAX];
    bool in_folder = false;
    if (exec_template_fill(runner->template, &(struct exec_values){0}, &command)) {
        not_started(attempt, NULL, "the command", ENOMEM);
        return false;
    }
    const char *program = find(runner, command.argv[0], path, attempt);
    const struct exec_start start = {.program = program,
                                     .argv = command.argv,
                                     .environment = runner->station.environment,
                                     .folder = runner->folder,
                                     .err = STDERR_FILENO,
                                     .changed = &runner->station.changed};
    const int error = program ? exec_server_start(&runner->server, start, &in_folder) : 0;
    if (error) not_started(attempt, in_folder ? runner->folder : NULL, program, error);
    exec_command_free(&command);
    return program && !error;
}

/* A server that is of no use any more ends, and the attempt says why. */
static void give_up_server(struct runner *runner, enum exec_answer how, struct attempt *attempt) {
    struct exec_end end;
    struct exec_report *report = attempt->report;
    const double at_once_s = 0.001;
    exec_server_stop(&runner->server, how == EXEC_NO_ANSWER ? EXEC_GRACE_MS / 1000.0 : at_once_s, &end);
    attempt->died = how == EXEC_NO_ANSWER;
    report->timed_out = how == EXEC_LATE;
    report->signal = attempt->died ? end.signal : 0;
    report->exit_code = attempt->died && (end.exit_code || end.signal) ? end.exit_code : how == EXEC_LATE ? 0 : 1;
    if (how == EXEC_LATE) return;
    const char *why = "out of memory";
    if (how == EXEC_NO_ANSWER) why = "it left before it had answered";
    if (how == EXEC_TOO_MUCH && runner->server.end) why = "it wrote more than an answer, or before it was asked";
    if (how == EXEC_TOO_MUCH && !runner->server.end)
        why = "it wrote more than one line, or before it was asked; --serve-end LINE is for answers of several";
    snprintf(attempt->message, sizeof attempt->message, "rankpool: no answer: %s\n", why);
}

static void ask(struct runner *runner, rp_task *task, struct attempt *attempt) {
    struct exec_report *report = attempt->report;
    report->start_s = now_s(CLOCK_REALTIME);
    report->exit_code = report->signal = 0;
    if (!runner->server.pid && !start_server(runner, attempt)) return;
    const double begin_s = now_s(CLOCK_MONOTONIC);
    const enum exec_answer how =
        exec_server_ask(&runner->server, &runner->question, attempt->limit_s, task, &report->out_size);
    report->runtime_s = now_s(CLOCK_MONOTONIC) - begin_s;
    if (how == EXEC_ANSWERED) {
        attempt->answer = runner->server.heard.data;
        report->received = report->out_size;
    } else {
        report->out_size = 0;
        give_up_server(runner, how, attempt);
    }
}

/* The values with tabs between them, as one line. False: a value has more than one, and the attempt says so. */
static bool write_question(struct exec_bytes *question, struct attempt *attempt) {
    const struct exec_report *report = attempt->report;
    question->size = 0;
    exec_bytes_add(question, report->values_size ? report->values : "", report->values_size ? report->values_size : 1);
    if (question->failed) return false;
    for (char *at = question->data, *end = at + question->size - 1; (at = memchr(at, 0, (size_t)(end - at))); at++)
        *at = '\t';
    question->data[question->size - 1] = '\n';
    if (memchr(question->data, '\n', question->size) == question->data + question->size - 1) return true;
    attempt->report->exit_code = 1;
    snprintf(attempt->message, sizeof attempt->message,
             "rankpool: not asked: the input has a newline, and with --serve it is one line\n");
    return false;
}

static int ask_often_enough(struct runner *runner, rp_task *task, const struct exec_task *head,
                            struct exec_report *report) {
    struct attempt attempt = {.report = report,
                              .answer = "",
                              .limit_s = head->limit_ns ? (double)head->limit_ns * 1e-9 : runner->told.timeout_s};
    uint32_t tried = 0, tries = 1;
    if (!write_question(&runner->question, &attempt))
        return runner->question.failed ? RP_ENOMEM : write_record(runner, task, &attempt);
    do {
        attempt.message[0] = 0;
        attempt.died = report->timed_out = false;
        ask(runner, task, &attempt);
        tried++;
        tries = runner->told.retries ? runner->told.retries : attempt.died ? ANSWER_TRIES : 1;
    } while (!exec_report_good(report) && tried < tries && !rp_task_canceled(task));
    return write_record(runner, task, &attempt);
}

static int item(rp_task *task, const void *input, size_t size) {
    struct runner *runner = rp_task_state(task);
    struct exec_task head;
    if (size < sizeof head) return RP_EPROTOCOL;
    memcpy(&head, input, sizeof head);
    const char *data = (const char *)input + sizeof head;
    struct exec_report report = {.seq = head.seq,
                                 .place = head.place,
                                 .slot = runner->station.slot + 1,
                                 .host = rp_task_where(task)->host,
                                 .values = data,
                                 .values_size = size - sizeof head};
    if (runner->told.serve) return ask_often_enough(runner, task, &head, &report);
    if (is_returned(task, &head, &report)) return 0;
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

const rp_kernel exec_kernel = {.name = "exec", .item = item, .setup = setup, .teardown = free_runner, .flags = RP_ONCE};
