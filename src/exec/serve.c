/* A task of `rankpool exec --serve`: a line for the server, which is started when there is none, and its answer. */
#include "exec/runner.h"

#include <errno.h>
#include <string.h>

enum { ANSWER_TRIES = 3 /* of a server that dies, unless --retries was given */ };

/* The template without values: they come as lines. */
static bool start_server(struct exec_runner *runner, struct exec_attempt *attempt) {
    struct exec_command command;
    char path[PATH_MAX];
    bool in_folder = false;
    if (exec_template_fill(runner->template, &(struct exec_values){0}, &command)) {
        exec_attempt_not_started(attempt, NULL, "the command", ENOMEM);
        return false;
    }
    const char *program = exec_attempt_find(runner, command.argv[0], path, attempt);
    const struct exec_start start = {.program = program,
                                     .argv = command.argv,
                                     .environment = runner->station.environment,
                                     .folder = runner->folder,
                                     .err = STDERR_FILENO,
                                     .changed = &runner->station.changed};
    const int error = program ? exec_server_start(&runner->server, start, &in_folder) : 0;
    if (error) exec_attempt_not_started(attempt, in_folder ? runner->folder : NULL, program, error);
    exec_command_free(&command);
    return program && !error;
}

/* A server that is of no use any more ends, and the attempt says why. */
static void give_up_server(struct exec_runner *runner, enum exec_answer how, struct exec_attempt *attempt) {
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

static void ask(struct exec_runner *runner, rp_task *task, struct exec_attempt *attempt) {
    struct exec_report *report = attempt->report;
    report->start_s = exec_now_s(CLOCK_REALTIME);
    report->exit_code = report->signal = 0;
    if (!runner->server.pid && !start_server(runner, attempt)) return;
    const double begin_s = exec_now_s(CLOCK_MONOTONIC);
    const enum exec_answer how =
        exec_server_ask(&runner->server, &runner->question, attempt->limit_s, task, &report->out_size);
    report->runtime_s = exec_now_s(CLOCK_MONOTONIC) - begin_s;
    if (how == EXEC_ANSWERED) {
        attempt->answer = runner->server.heard.data;
    } else {
        report->out_size = 0;
        give_up_server(runner, how, attempt);
    }
}

/* The values with tabs between them, as one line. False: a value has more than one, and the attempt says so. */
static bool write_question(struct exec_bytes *question, struct exec_attempt *attempt) {
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

int exec_serve(struct exec_runner *runner, rp_task *task, const struct exec_task *head, struct exec_report *report) {
    struct exec_attempt attempt = {.report = report,
                                   .answer = "",
                                   .limit_s = head->limit_ns ? (double)head->limit_ns * 1e-9 : runner->told.timeout_s};
    uint32_t tried = 0, tries = 1;
    if (!write_question(&runner->question, &attempt))
        return runner->question.failed ? RP_ENOMEM : exec_attempt_write(runner, task, &attempt);
    do {
        attempt.message[0] = 0;
        attempt.died = report->timed_out = false;
        ask(runner, task, &attempt);
        tried++;
        tries = runner->told.retries ? runner->told.retries : attempt.died ? ANSWER_TRIES : 1;
    } while (!exec_report_good(report) && tried < tries && !rp_task_canceled(task));
    return exec_attempt_write(runner, task, &attempt);
}
