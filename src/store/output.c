/* See output.h. Of standard output the stream writes to descriptor 1 itself, so that what stdio has of its own for it is
 * not mixed in, and counts on nothing but write(2): a pipe may be slow, or not block. */
#include "store/output.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(const char *at, size_t size) {
    while (size) {
        const ssize_t n = write(STDOUT_FILENO, at, size);
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, -1);
        } else if (n == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

static ssize_t write_and_keep(void *self, const char *data, size_t size) {
    struct rp__output *output = self;
    if (output->keeps && rp__buffer_append(&output->fresh, data, size)) {
        errno = ENOMEM;
        return 0; /* fopencookie's word for an error */
    }
    if (!output->gone && !write_all(data, size)) output->gone = errno;
    return (ssize_t)size;
}

static const char *name_of(const struct rp__output *output) { return output->path ? output->path : "standard output"; }

static int refuse(const struct rp__output *output, rp_error *error) {
    return rp__fail(error, RP_EOUTPUT, "%s: %s", name_of(output), strerror(errno));
}

static int open_file(struct rp__output *output, const char *path, uint64_t length, rp_error *error) {
    struct stat file;
    const bool there = stat(path, &file) == 0;
    if (there && !S_ISREG(file.st_mode))
        return rp__fail(error, RP_EOUTPUT, "%s: not a regular file; a run with a store cuts its output and goes on",
                        path);
    if (length > (there ? (uint64_t)file.st_size : 0))
        return rp__fail(
            error, RP_EMISMATCH,
            "%s has %llu bytes where the store has committed %llu; put the output back, or begin a new store", path,
            there ? (unsigned long long)file.st_size : 0, (unsigned long long)length);
    output->path = strdup(path);
    if (!output->path) return rp__fail(error, RP_ENOMEM, "out of memory");
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    output->stream = fd < 0 ? NULL : fdopen(fd, "r+");
    if (output->stream) return 0;
    const int code = refuse(output, error);
    if (fd >= 0) close(fd);
    return code;
}

int rp__output_open(struct rp__output *output, const char *path, uint64_t length, rp_error *error) {
    *output = (struct rp__output){0};
    int code = 0;
    if (path) {
        code = open_file(output, path, length, error);
    } else {
        output->stream = fopencookie(output, "w", (cookie_io_functions_t){.write = write_and_keep});
        if (!output->stream) code = rp__fail(error, RP_ENOMEM, "out of memory");
    }
    if (!code) return 0;
    free(output->path);
    *output = (struct rp__output){0};
    return code;
}

int rp__output_start(struct rp__output *output, uint64_t length, rp_error *error) {
    if (!output->path) return 0;
    if (ftruncate(fileno(output->stream), (off_t)length) || fseeko(output->stream, (off_t)length, SEEK_SET))
        return refuse(output, error);
    return 0;
}

int rp__output_repeat(struct rp__output *output, const void *data, size_t size, rp_error *error) {
    if (write_all(data, size)) return 0;
    output->gone = errno;
    return refuse(output, error);
}

int rp__output_flush(struct rp__output *output, uint64_t *length, rp_error *error) {
    if (fflush(output->stream) || ferror(output->stream)) return refuse(output, error);
    if (!output->path) return 0;
    const off_t at = ftello(output->stream);
    if (at < 0) return refuse(output, error);
    *length = (uint64_t)at;
    return 0;
}

int rp__output_close(struct rp__output *output, rp_error *error) {
    int code = 0;
    if (output->stream && fclose(output->stream)) code = refuse(output, error);
    free(output->path);
    rp__buffer_free(&output->fresh);
    *output = (struct rp__output){0};
    return code;
}
