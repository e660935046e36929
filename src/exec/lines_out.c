/* Whole lines go out as they come; of a line that is longer than LINE_MAX_SIZE, its parts are lines. */
#include "exec/lines_out.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 256 << 10, READ_SIZE = 64 << 10 };

int exec_lines_out_open(struct exec_lines_out *lines, rp_task *task) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return RP_ESYSTEM;
    fcntl(ends[0], F_SETFL, O_NONBLOCK); /* of the reader alone */
    *lines = (struct exec_lines_out){.task = task, .from = ends[0], .to = ends[1]};
    return 0;
}

void exec_lines_out_started(struct exec_lines_out *lines) {
    close(lines->to);
    lines->to = -1;
}

/* A text ends at its first 0, which a line of text has none of. */
static void print(struct exec_lines_out *lines, const char *line, size_t size) {
    struct exec_bytes text = {0};
    exec_bytes_add(&text, lines->tag.data, lines->tag.size);
    exec_bytes_add(&text, line, size);
    exec_bytes_add(&text, "", 1);
    if (!text.failed) rp_task_print(lines->task, "%s", text.data);
    exec_bytes_free(&text);
}

void exec_lines_out_say(struct exec_lines_out *lines, const char *line) {
    struct exec_bytes text = {0};
    exec_bytes_text(&text, line);
    exec_bytes_text(&text, "\n");
    if (!text.failed) print(lines, text.data, text.size);
    exec_bytes_free(&text);
}

static void print_lines(struct exec_lines_out *lines, bool all) {
    struct exec_bytes *waiting = &lines->waiting;
    size_t begin = 0;
    for (char *end; begin < waiting->size; begin = (size_t)(end - waiting->data)) {
        end = memchr(waiting->data + begin, '\n', waiting->size - begin);
        if (end)
            end++;
        else if (all || waiting->size - begin >= LINE_MAX_SIZE)
            end = waiting->data + waiting->size;
        else
            break;
        print(lines, waiting->data + begin, (size_t)(end - waiting->data) - begin);
    }
    if (begin == 0) return;
    waiting->size -= begin;
    memmove(waiting->data, waiting->data + begin, waiting->size);
}

bool exec_lines_out_ready(void *self) {
    struct exec_lines_out *lines = self;
    char data[READ_SIZE];
    const ssize_t got = read(lines->from, data, sizeof data);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    lines->received += (uint64_t)got;
    exec_bytes_add(&lines->waiting, data, (size_t)got);
    if (lines->waiting.failed) return false;
    print_lines(lines, false);
    return true;
}

uint64_t exec_lines_out_close(struct exec_lines_out *lines) {
    uint64_t before;
    do {
        before = lines->received;
        exec_lines_out_ready(lines);
    } while (lines->received > before);
    if (!lines->waiting.failed) print_lines(lines, true);
    exec_bytes_free(&lines->waiting);
    exec_bytes_free(&lines->tag);
    close(lines->from);
    if (lines->to >= 0) close(lines->to);
    return lines->received;
}
