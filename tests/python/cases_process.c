/* The cases of Process. */
#include "cases.h"

#include <signal.h>

static int make(struct stand *s, const char *kernel, int64_t number) {
    const rp_process_options options = {.kernel = kernel, .input = &number, .input_size = sizeof number};
    return rp_process_new(s->world, &options, &s->process, NULL);
}
static int started(struct stand *s, const char *kernel, int64_t number) {
    int code = make(s, kernel, number);
    return code ? code : rp_process_start(s->process, NULL);
}
/* One that does not end by itself for a long time. */
static int started_long(struct stand *s) { return started(s, "sleep", 60); }
static int exitcode_of(struct stand *s, const char *kernel, int64_t number) {
    int exitcode;
    DO(started(s, kernel, number));
    DO(rp_process_join(s->process, 10));
    DO(rp_process_exitcode(s->process, &exitcode));
    say_number(s, exitcode);
    return 0;
}
CASE(process_exitcode_of_success) { return exitcode_of(s, "inverse", 1); }
CASE(process_exitcode_of_exception) { return exitcode_of(s, "inverse", 0); }
CASE(process_exitcode_of_exit_3) { return exitcode_of(s, "exit", 3); }
CASE(process_exitcode_of_abort) { return exitcode_of(s, "exit", -SIGABRT); }
CASE(process_exitcode_before_start) {
    int exitcode;
    DO(make(s, "square", 1));
    return rp_process_exitcode(s->process, &exitcode);
}
CASE(process_exitcode_while_it_runs) {
    int exitcode;
    DO(started_long(s));
    return rp_process_exitcode(s->process, &exitcode);
}
static int ended_by(struct stand *s, int (*end)(rp_process *process)) {
    int exitcode;
    DO(started_long(s));
    DO(end(s->process));
    DO(rp_process_join(s->process, 10));
    DO(rp_process_exitcode(s->process, &exitcode));
    say_number(s, exitcode);
    return 0;
}
CASE(process_terminate) { return ended_by(s, rp_process_terminate); }
CASE(process_kill) { return ended_by(s, rp_process_kill); }
CASE(process_terminate_before_start) {
    DO(make(s, "square", 1));
    return rp_process_terminate(s->process);
}
CASE(process_terminate_after_end) {
    DO(started(s, "square", 1));
    DO(rp_process_join(s->process, 10));
    return rp_process_terminate(s->process);
}
CASE(process_start_twice) {
    DO(started(s, "square", 1));
    return rp_process_start(s->process, NULL);
}
CASE(process_start_after_end) {
    DO(started(s, "square", 1));
    DO(rp_process_join(s->process, 10));
    return rp_process_start(s->process, NULL);
}
CASE(process_join_before_start) {
    DO(make(s, "square", 1));
    return rp_process_join(s->process, 10);
}
CASE(process_join_twice) {
    DO(started(s, "square", 1));
    DO(rp_process_join(s->process, 10));
    return rp_process_join(s->process, 10);
}
CASE(process_join_too_late) {
    DO(started_long(s));
    return rp_process_join(s->process, 0.001);
}
CASE(process_alive_before_start) {
    DO(make(s, "square", 1));
    say_bool(s, rp_process_is_alive(s->process));
    return 0;
}
CASE(process_alive_while_it_runs) {
    DO(started_long(s));
    say_bool(s, rp_process_is_alive(s->process));
    return 0;
}
CASE(process_alive_after_end) {
    DO(started(s, "square", 1));
    DO(rp_process_join(s->process, 10));
    say_bool(s, rp_process_is_alive(s->process));
    return 0;
}
CASE(process_pid_before_start) {
    DO(make(s, "square", 1));
    say_number(s, rp_process_pid(s->process));
    return 0;
}
CASE(process_pid_after_end) {
    DO(started(s, "square", 1));
    const int pid = rp_process_pid(s->process);
    DO(rp_process_join(s->process, 10));
    say_bool(s, pid > 0 && rp_process_pid(s->process) == pid);
    return 0;
}
CASE(process_name_at_first) {
    DO(make(s, "square", 1));
    snprintf(s->word, sizeof s->word, "%s", rp_process_name(s->process));
    return 0;
}
CASE(process_name_given) {
    DO(rp_process_new(s->world, &(rp_process_options){.kernel = "square", .name = "Anna"}, &s->process, NULL));
    snprintf(s->word, sizeof s->word, "%s", rp_process_name(s->process));
    return 0;
}
CASE(process_close_while_it_runs) {
    DO(started_long(s));
    rp_process_free(s->process);
    s->process = NULL;
    snprintf(s->word, sizeof s->word, "killed");
    return 0;
}

const struct python_case process_cases[] = {
    LISTED(process_name_at_first), /* the first, or it would have another number */
    LISTED(process_exitcode_of_success),
    LISTED(process_exitcode_of_exception),
    LISTED(process_exitcode_of_exit_3),
    LISTED(process_exitcode_of_abort),
    LISTED(process_exitcode_before_start),
    LISTED(process_exitcode_while_it_runs),
    LISTED(process_terminate),
    LISTED(process_kill),
    LISTED(process_terminate_before_start),
    LISTED(process_terminate_after_end),
    LISTED(process_start_twice),
    LISTED(process_start_after_end),
    LISTED(process_join_before_start),
    LISTED(process_join_twice),
    LISTED(process_join_too_late),
    LISTED(process_alive_before_start),
    LISTED(process_alive_while_it_runs),
    LISTED(process_alive_after_end),
    LISTED(process_pid_before_start),
    LISTED(process_pid_after_end),
    LISTED(process_name_given),
    LISTED(process_close_while_it_runs),
    {NULL, NULL},
};
