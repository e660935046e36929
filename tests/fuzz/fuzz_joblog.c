/* libFuzzer: no line crashes the reader of job logs, and what a line is read as, is what it says; a line that is written
 * is read back as it was meant, whatever the command is. */
#include "exec/joblog.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_claim) {
    if (!true_claim) abort();
}

static void check_line(const char *line, size_t size) {
    struct exec_joblog_entry entry = {.seq = 77};
    int rc = exec_joblog_parse(line, size, &entry);
    require(rc == 0 || (rc == RP_EUSAGE && entry.seq == 77));
    if (rc) return;
    size_t tabs = 0;
    for (size_t i = 0; i < size; i++) tabs += line[i] == '\t';
    require(tabs >= 8 && entry.seq > 0 && entry.seq == strtoull(line, NULL, 10));
}

static void check_command(const char *command, const uint8_t *data, size_t size) {
    const struct exec_report report = {.seq = size + 1,
                                       .exit_code = size ? data[0] : 0,
                                       .signal = size > 1 ? data[1] & 63 : 0,
                                       .timed_out = size > 2 && data[2] & 1,
                                       .host = "host",
                                       .start_s = 1e9,
                                       .runtime_s = (double)size};
    struct exec_bytes line = {0};
    struct exec_joblog_entry entry;
    exec_joblog_line(&line, &report, command);
    require(!line.failed && memchr(line.data, '\n', line.size) == line.data + line.size - 1);
    require(exec_joblog_parse(line.data, line.size - 1, &entry) == 0);
    require(entry.seq == report.seq && entry.command == exec_joblog_digest(command));
    require(entry.good == (!report.timed_out && !report.exit_code && !report.signal));
    exec_bytes_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    text[size] = 0;
    check_command(text, data, size);
    check_line(text, size);
    free(text);
    return 0;
}
