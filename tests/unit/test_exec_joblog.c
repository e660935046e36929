/* The job log of `rankpool exec`: what is written is read back, what is not a log is refused by its line, and a line that
 * a crash cut off does not count. */
#include "exec/joblog.h"
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *const file_name = (char[]){"test_exec_joblog.XXXXXX"};

static void write_text(const char *text) {
    int fd = open(file_name, O_WRONLY | O_TRUNC);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int parse(const char *line, struct exec_joblog_entry *entry) {
    return exec_joblog_parse(line, strlen(line), entry);
}

static const struct exec_report report = {.seq = 12,
                                          .exit_code = 0,
                                          .host = "node1",
                                          .start_s = 1700000000.1234,
                                          .runtime_s = 1.5,
                                          .received = 34,
                                          .slot = 1};

static void a_line_has_the_columns_of_gnu_parallel(void) {
    struct exec_bytes line = {0};
    exec_joblog_line(&line, &report, "echo 'a\tb'");
    exec_bytes_add(&line, "", 1);
    CU_ASSERT_STRING_EQUAL(line.data, "12\tnode1\t1700000000.123\t     1.500\t0\t34\t0\t0\techo 'a\tb'\n");
    exec_bytes_free(&line);
}

static void a_command_of_several_lines_is_one_line_and_known_again(void) {
    struct exec_bytes line = {0};
    struct exec_joblog_entry entry;
    const char *command = "echo a\necho b\n";
    exec_joblog_line(&line, &report, command);
    CU_ASSERT_PTR_EQUAL(memchr(line.data, '\n', line.size), line.data + line.size - 1);
    CU_ASSERT_EQUAL_FATAL(exec_joblog_parse(line.data, line.size - 1, &entry), 0);
    CU_ASSERT_EQUAL(entry.seq, 12);
    CU_ASSERT(entry.good);
    CU_ASSERT_EQUAL(entry.command, exec_joblog_digest(command));
    CU_ASSERT_NOT_EQUAL(entry.command, exec_joblog_digest("echo a\necho c\n"));
    exec_bytes_free(&line);
}

static void exit_codes_signals_and_time_outs_are_failures(void) {
    struct exec_joblog_entry entry;
    CU_ASSERT_EQUAL(parse("1\th\t1.0\t 2.0\t0\t0\t0\t0\tx", &entry), 0);
    CU_ASSERT(entry.good);
    CU_ASSERT_EQUAL(parse("1\th\t1.0\t 2.0\t0\t0\t1\t0\tx", &entry), 0);
    CU_ASSERT(!entry.good);
    CU_ASSERT_EQUAL(parse("1\th\t1.0\t 2.0\t0\t0\t0\t9\tx", &entry), 0);
    CU_ASSERT(!entry.good);
    CU_ASSERT_EQUAL(parse("1\th\t1.0\t 2.0\t0\t0\t-1\t15\tx", &entry), 0);
    CU_ASSERT(!entry.good);
}

static void lines_of_another_form_are_refused(void) {
    static const char *const wrong[] = {"",
                                        "1",
                                        "0\th\t1.0\t2.0\t0\t0\t0\t0\tx",
                                        "-1\th\t1.0\t2.0\t0\t0\t0\t0\tx",
                                        "x\th\t1.0\t2.0\t0\t0\t0\t0\tx",
                                        "1\t\t1.0\t2.0\t0\t0\t0\t0\tx",
                                        "1\th\t1.\t2.0\t0\t0\t0\t0\tx",
                                        "1\th\t1.0\t\t0\t0\t0\t0\tx",
                                        "1\th\t1.0\t2.0\t0\t0\t-\t0\tx",
                                        "1\th\t1.0\t2.0\t0\t0\t0\t0",
                                        "99999999999999999999\th\t1.0\t2.0\t0\t0\t0\t0\tx"};
    struct exec_joblog_entry entry;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) CU_ASSERT_EQUAL(parse(wrong[i], &entry), RP_EUSAGE);
}

static void the_last_line_of_a_number_counts(void) {
    struct exec_joblog log;
    rp_error error;
    write_text(EXEC_JOBLOG_HEADER "3\th\t1.0\t2.0\t0\t0\t1\t0\tx\n1\th\t1.0\t2.0\t0\t0\t0\t0\tx\n"
                                  "3\th\t1.0\t2.0\t0\t0\t0\t0\tx\n");
    CU_ASSERT_EQUAL_FATAL(exec_joblog_read(&log, file_name, &error), 0);
    CU_ASSERT_EQUAL(log.count, 2);
    CU_ASSERT_PTR_NULL(exec_joblog_find(&log, 2));
    CU_ASSERT_PTR_NOT_NULL_FATAL(exec_joblog_find(&log, 3));
    CU_ASSERT(exec_joblog_find(&log, 3)->good);
    CU_ASSERT_EQUAL(exec_joblog_find(&log, 3)->line, 4);
    exec_joblog_free(&log);
}

static void half_a_last_line_does_not_count(void) {
    struct exec_joblog log;
    rp_error error;
    write_text(EXEC_JOBLOG_HEADER "1\th\t1.0\t2.0\t0\t0\t0\t0\tx\n2\th\t1.0\t2.0\t0\t0\t0\t0\tx");
    CU_ASSERT_EQUAL_FATAL(exec_joblog_read(&log, file_name, &error), 0);
    CU_ASSERT_EQUAL(log.count, 1);
    CU_ASSERT_EQUAL(log.end, strlen(EXEC_JOBLOG_HEADER "1\th\t1.0\t2.0\t0\t0\t0\t0\tx\n"));
    exec_joblog_free(&log);
}

static void what_is_no_log_is_refused_by_its_line(void) {
    struct exec_joblog log;
    rp_error error;
    write_text("Seq\tCommand\n");
    CU_ASSERT_EQUAL(exec_joblog_read(&log, file_name, &error), RP_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "line 1 of "));
    write_text(EXEC_JOBLOG_HEADER "1\th\t1.0\t2.0\t0\t0\t0\t0\tx\nnonsense\n");
    CU_ASSERT_EQUAL(exec_joblog_read(&log, file_name, &error), RP_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "line 3 of "));
}

static void a_log_that_is_not_there_is_empty(void) {
    struct exec_joblog log;
    rp_error error;
    CU_ASSERT_EQUAL_FATAL(exec_joblog_read(&log, "no/such/log", &error), 0);
    CU_ASSERT_EQUAL(log.count + log.end, 0);
    CU_ASSERT_PTR_NULL(exec_joblog_find(&log, 1));
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(a_line_has_the_columns_of_gnu_parallel),
        UNIT(a_command_of_several_lines_is_one_line_and_known_again),
        UNIT(exit_codes_signals_and_time_outs_are_failures),
        UNIT(lines_of_another_form_are_refused),
        UNIT(the_last_line_of_a_number_counts),
        UNIT(half_a_last_line_does_not_count),
        UNIT(what_is_no_log_is_refused_by_its_line),
        UNIT(a_log_that_is_not_there_is_empty),
        {NULL, NULL},
    };
    int fd = chdir(unit_folder()) ? -1 : mkstemp(file_name);
    if (fd < 0) return 1;
    close(fd);
    int code = unit_run("exec_joblog", tests);
    unlink(file_name);
    return code;
}
