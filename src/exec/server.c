/* A question and its answer. The line is written and the answer read in one loop, without waiting for either alone: a
 * server that begins to answer before it has read all of a long line would otherwise wait for us, and we for it.
 *
 * Answers have no numbers, so they are only told apart by their order. What comes when nothing was asked is therefore
 * the end of that server: the next task would get the answer to another question. What comes later than the next question
 * is taken for its answer, and as from then on there is always one too many, the last is still there at the end. */
#include "exec/server.h"

#include "exec/timing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LOOK_MS = 200 /* between looks at whether the answer is wanted */, READ_SIZE = 64 << 10 };

static bool has_more(const struct exec_server *server) {
    int waiting = 0;
    return ioctl(server->out, FIONREAD, &waiting) == 0 && waiting > 0;
}

/* ---- Start and end ------------------------------------------------------------------------------------- */

static void close_both(const int ends[2]) {
    close(ends[0]);
    close(ends[1]);
}

int exec_server_start(struct exec_server *server, struct exec_start start, bool *in_folder) {
    int in[2], out[2];
    *in_folder = false;
    if (pipe2(in, O_CLOEXEC)) return errno;
    if (pipe2(out, O_CLOEXEC)) {
        const int error = errno;
        close_both(in);
        return error;
    }
    start.in = in[0];
    start.out = out[1];
    const int error = exec_start(&start, &server->pid, in_folder);
    close(in[0]);
    close(out[1]);
    server->in = in[1];
    server->out = out[0];
    if (!error) {
        fcntl(server->in, F_SETFL, O_NONBLOCK); /* of our ends alone: the others are other open files */
        fcntl(server->out, F_SETFL, O_NONBLOCK);
        return 0;
    }
    close(server->in);
    close(server->out);
    server->pid = 0;
    return error;
}

void exec_server_stop(struct exec_server *server, double patience_s, struct exec_end *end) {
    *end = (struct exec_end){0};
    server->unread = false;
    if (!server->pid) return;
    close(server->in);
    exec_wait(server->pid, &(struct exec_watch){.timeout_s = patience_s, .fd = -1}, NULL, end);
    server->unread = has_more(server);
    close(server->out);
    exec_bytes_free(&server->heard);
    server->pid = 0;
}

/* ---- An answer ----------------------------------------------------------------------------------------- */

/* How many bytes are the answer, once all of it has been heard. */
static bool is_whole(struct exec_server *server, size_t *size) {
    const char *data = server->heard.data;
    for (const char *newline; (newline = memchr(data + server->seen, '\n', server->heard.size - server->seen));) {
        const size_t begin = server->line, length = (size_t)(newline - data) - begin;
        server->line = server->seen = begin + length + 1;
        *size = server->end ? begin : server->line;
        if (!server->end || (strlen(server->end) == length && !memcmp(data + begin, server->end, length))) return true;
    }
    server->seen = server->heard.size;
    return false;
}

/* Returns whether it goes on; else *how it ended. `asked`: all of the line was written. What is an answer before that would
 * leave the rest of the line to be read as the next question. */
static bool hear(struct exec_server *server, bool asked, size_t *size, enum exec_answer *how) {
    char data[READ_SIZE];
    const ssize_t got = read(server->out, data, sizeof data);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    *how = EXEC_NO_ANSWER;
    if (got <= 0) return false;
    exec_bytes_add(&server->heard, data, (size_t)got);
    *how = EXEC_TOO_LARGE;
    if (server->heard.failed) return false;
    if (!is_whole(server, size)) return true;
    *how = server->line < server->heard.size || !asked ? EXEC_TOO_MUCH : EXEC_ANSWERED;
    return false;
}

/* False: it does not read any more. */
static bool tell(const struct exec_server *server, const struct exec_bytes *line, size_t *told) {
    const ssize_t written = write(server->in, line->data + *told, line->size - *told);
    if (written > 0) *told += (size_t)written;
    return written >= 0 || errno == EAGAIN || errno == EINTR;
}

static int wait_ms(int64_t due_ms) {
    const int64_t left = due_ms == INT64_MAX ? LOOK_MS : due_ms - exec_now_ms();
    return left < 0 ? 0 : left < LOOK_MS ? (int)left : LOOK_MS;
}

/* A server that has ended makes the write an error: workers ignore SIGPIPE. */
static enum exec_answer converse(struct exec_server *server, const struct exec_bytes *line, int64_t due_ms,
                                 const rp_task *task, size_t *size) {
    enum exec_answer how;
    size_t told = 0;
    for (;;) {
        if (told < line->size && !tell(server, line, &told)) return EXEC_NO_ANSWER;
        struct pollfd polled[] = {{.fd = server->out, .events = POLLIN},
                                  {.fd = told < line->size ? server->in : -1, .events = POLLOUT}};
        const int ready = poll(polled, 2, wait_ms(due_ms));
        if (polled[0].revents && !hear(server, told == line->size, size, &how)) return how;
        if (due_ms < INT64_MAX && exec_now_ms() >= due_ms) return EXEC_LATE;
        if (ready <= 0 && rp_task_canceled(task)) return EXEC_LATE;
    }
}

enum exec_answer exec_server_ask(struct exec_server *server, const struct exec_bytes *line, double timeout_s,
                                 const rp_task *task, size_t *size) {
    server->heard.size = server->line = server->seen = 0;
    if (has_more(server)) return EXEC_TOO_MUCH;
    return converse(server, line, timeout_s > 0 ? exec_now_ms() + (int64_t)(timeout_s * 1000) : INT64_MAX, task, size);
}
