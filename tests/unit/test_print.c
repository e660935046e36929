/* The writer of printed lines: whole lines in order, and nobody is held up by who reads them slowly or not at all. */
#include "pool/print.h"
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENT_MS = 20000, IMPATIENT_MS = 20 };

static void add(struct rp__printer *printer, uint32_t rank, const char *text, uint8_t flags) {
    const struct rp__frame frame = {
        .type = RP__FRAME_PRINT, .flags = flags, .data = (const uint8_t *)text, .size = strlen(text)};
    rp__printer_add(printer, rank, &frame);
}

/* All that comes out of the pipe until its writer closes it; to be freed. */
static char *read_all(int fd) {
    struct rp__buffer bytes = {0};
    ssize_t n = 1;
    while (n > 0) {
        uint8_t *at = rp__buffer_reserve(&bytes, 65537);
        n = read(fd, at, 65536);
        if (n > 0) bytes.size += (size_t)n;
    }
    bytes.data[bytes.size] = 0;
    return (char *)bytes.data;
}

static void open_pipe(int ends[2]) { CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0); }

static void texts_of_ranks_do_not_break_into_each_other(void) {
    int ends[2];
    open_pipe(ends);
    struct rp__printer *printer = rp__printer_new(ends[1], 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(printer);
    add(printer, 0, "one\ntw", RP__MORE);
    add(printer, 1, "eins\n", 0);
    add(printer, 0, "o\n", 0);
    add(printer, 1, "zwei\n", 0);
    CU_ASSERT_TRUE(rp__printer_finish(printer, PATIENT_MS));
    rp__printer_free(printer);
    close(ends[1]);
    char *text = read_all(ends[0]);
    CU_ASSERT_STRING_EQUAL(text, "eins\none\ntwo\nzwei\n");
    free(text);
    close(ends[0]);
}

static void what_waits_is_bounded_and_the_rest_is_counted(void) {
    enum { LINE = 64 * 1024, LINES = 1100 }; /* 69 MiB into a pipe that nobody reads yet */
    char *line = malloc(LINE + 1);
    memset(line, 'x', LINE);
    line[LINE - 1] = '\n';
    line[LINE] = 0;
    int ends[2];
    open_pipe(ends);
    struct rp__printer *printer = rp__printer_new(ends[1], 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(printer);
    for (int i = 0; i < LINES; i++) add(printer, 0, line, 0);
    pid_t reader = fork(); /* which must not wait for its own end of the pipe */
    if (reader == 0) {
        close(ends[1]);
        char *text = read_all(ends[0]);
        unsigned long whole = 0, dropped = 0, told;
        char *at = text;
        while (*at) { /* lines, and how many were dropped between them: once or more often */
            if (!strncmp(at, line, LINE))
                whole++;
            else if (sscanf(at, "rankpool: %lu printed lines were dropped", &told) == 1)
                dropped += told;
            else
                _exit(1);
            at = strchr(at, '\n') + 1;
        }
        _exit(whole >= 1000 && dropped && whole + dropped == LINES ? 0 : 1);
    }
    CU_ASSERT_TRUE(rp__printer_finish(printer, PATIENT_MS));
    rp__printer_free(printer);
    close(ends[1]);
    close(ends[0]);
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(reader, &status, 0), reader);
    CU_ASSERT_EQUAL(status, 0);
    free(line);
}

static void output_that_is_stuck_is_given_up(void) {
    int ends[2];
    open_pipe(ends);
    struct rp__printer *printer = rp__printer_new(ends[1], 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(printer);
    char *text = malloc(200001); /* more than a pipe holds */
    memset(text, '\n', 200000);
    text[200000] = 0;
    add(printer, 0, text, 0);
    free(text);
    CU_ASSERT_FALSE(rp__printer_finish(printer, IMPATIENT_MS));
    CU_ASSERT_EQUAL(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
    rp__printer_free(printer); /* leaves it to its thread, which hangs until the program ends */
}

static void output_that_nobody_reads_ends_nothing(void) {
    int ends[2];
    open_pipe(ends);
    close(ends[0]);
    struct rp__printer *printer = rp__printer_new(ends[1], 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(printer);
    add(printer, 0, "lost\n", 0);
    add(printer, 0, "lost, too\n", 0);
    CU_ASSERT_TRUE(rp__printer_finish(printer, PATIENT_MS));
    rp__printer_free(printer);
    close(ends[1]);
}

static void descriptors_that_do_not_block_are_waited_for(void) {
    int ends[2];
    open_pipe(ends);
    CU_ASSERT_EQUAL(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    struct rp__printer *printer = rp__printer_new(ends[1], 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(printer);
    char *text = malloc(1000001);
    memset(text, '\n', 1000000);
    text[1000000] = 0;
    add(printer, 0, text, 0);
    size_t read_bytes = 0;
    for (ssize_t n; read_bytes < 1000000 && (n = read(ends[0], text, 1000000)) > 0;) read_bytes += (size_t)n;
    CU_ASSERT_EQUAL(read_bytes, 1000000);
    CU_ASSERT_TRUE(rp__printer_finish(printer, PATIENT_MS));
    rp__printer_free(printer);
    free(text);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(texts_of_ranks_do_not_break_into_each_other),
                                             UNIT(what_waits_is_bounded_and_the_rest_is_counted),
                                             UNIT(output_that_is_stuck_is_given_up),
                                             UNIT(output_that_nobody_reads_ends_nothing),
                                             UNIT(descriptors_that_do_not_block_are_waited_for),
                                             {NULL, NULL}};
    return unit_run("print", tests);
}
