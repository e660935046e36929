/* Lines of a file or of standard input, handed out as soon as they are there: read(2) fills a buffer, and what is left
 * of the last line moves to its front. Where lines are read more than once, what cannot be rewound (a pipe) is first
 * copied to an unlinked file. */
#include "exec/lines.h"

#include "exec/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 64 << 10 };

static const char *name_of(const struct exec_lines *lines) { return lines->file ? lines->file : "standard input"; }

static int wrong(rp_error *error, const char *name, const char *what, const char *why) {
    *error = (rp_error){.code = RP_EUSAGE};
    snprintf(error->text, sizeof error->text, "cannot %s %.140s: %s", what, name, why);
    return RP_EUSAGE;
}

static int wrong_line(rp_error *error, const struct exec_lines *lines, const char *what) {
    *error = (rp_error){.code = RP_EUSAGE};
    snprintf(error->text, sizeof error->text, "%.100s: line %llu %s", name_of(lines), (unsigned long long)lines->number,
             what);
    return RP_EUSAGE;
}

/* read(2) that is not put off by signals, nor by whoever made our standard input non-blocking. */
static ssize_t read_some(int fd, void *data, size_t size) {
    for (;;) {
        ssize_t got = read(fd, data, size);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN)) return got;
        if (errno == EAGAIN) poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
    }
}

/* Standard input that is a pipe, as a file. It stays number 0, which is then the copy. */
static int keep_copy(struct exec_lines *lines, rp_error *error) {
    char data[BUFFER];
    FILE *copy = tmpfile();
    if (!copy) return wrong(error, name_of(lines), "keep a copy of", strerror(errno));
    ssize_t got;
    while ((got = read_some(lines->fd, data, sizeof data)) > 0)
        if (fwrite(data, 1, (size_t)got, copy) != (size_t)got) break;
    bool good = got == 0 && !fflush(copy) && dup2(fileno(copy), lines->fd) >= 0;
    int why = errno;
    fclose(copy);
    if (!good) return wrong(error, name_of(lines), "keep a copy of", strerror(why));
    return exec_lines_rewind(lines, error);
}

static int open_lines(struct exec_lines *lines, rp_error *error) {
    struct stat status;
    if (lines->file && !*lines->file) return wrong(error, "\"\"", "open", "expected the name of a file");
    lines->fd = lines->file ? open(lines->file, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (lines->fd < 0) return wrong(error, name_of(lines), "open", strerror(errno));
    lines->open = true;
    if (fstat(lines->fd, &status) == 0 && S_ISDIR(status.st_mode))
        return wrong(error, name_of(lines), "read", "it is a directory; expected a file of lines");
    return lines->again && lseek(lines->fd, 0, SEEK_CUR) < 0 ? keep_copy(lines, error) : 0;
}

/* More bytes behind those that are there, and room for one 0 after them. 1; 0 at the end of the file. */
static int read_more(struct exec_lines *lines, rp_error *error) {
    if (lines->at > 0) {
        lines->used -= lines->at;
        memmove(lines->data, lines->data + lines->at, lines->used);
        lines->at = 0;
    }
    if (lines->capacity - lines->used < BUFFER / 2) {
        size_t capacity = lines->capacity ? 2 * lines->capacity : BUFFER;
        char *data = realloc(lines->data, capacity);
        if (!data) return RP_ENOMEM;
        lines->data = data;
        lines->capacity = capacity;
    }
    ssize_t got = read_some(lines->fd, lines->data + lines->used, lines->capacity - lines->used - 1);
    if (got < 0) return wrong(error, name_of(lines), "read", strerror(errno));
    lines->used += (size_t)got;
    return got > 0;
}

static int check(const struct exec_lines *lines, const char *line, size_t size, rp_error *error) {
    char what[120];
    if (size > EXEC_VALUE_MAX) {
        snprintf(what, sizeof what, "is longer than %d bytes, the most that Linux passes to a program in one argument",
                 EXEC_VALUE_MAX);
        return wrong_line(error, lines, what);
    }
    if (memchr(line, 0, size))
        return wrong_line(error, lines, "has a NUL byte in it; if NUL ends the inputs, give --null");
    if (lines->end == '\n' && size && line[size - 1] == '\r')
        return wrong_line(error, lines, "has a Windows line end (CR LF); convert it with dos2unix, or sed 's/\\r$//'");
    return 0;
}

int exec_lines_next(struct exec_lines *lines, char **line, size_t *size, rp_error *error) {
    int rc = lines->open ? 0 : open_lines(lines, error);
    size_t scanned = 0;
    if (rc) return rc;
    for (;;) {
        size_t have = lines->used - lines->at;
        char *end = NULL;
        if (have > scanned) end = memchr(lines->data + lines->at + scanned, lines->end, have - scanned);
        scanned = have;
        if (!end && have <= EXEC_VALUE_MAX) {
            rc = read_more(lines, error);
            if (rc < 0) return rc;
            if (rc > 0) continue;
            if (have == 0) return 0;
        }
        char *begin = lines->data + lines->at;
        *line = begin;
        *size = end ? (size_t)(end - begin) : have; /* the last line may have no end */
        lines->number++;
        lines->at += *size + (*size < have);
        rc = check(lines, begin, *size, error);
        if (rc) return rc;
        begin[*size] = 0;
        return 1;
    }
}

int exec_lines_rewind(struct exec_lines *lines, rp_error *error) {
    lines->at = lines->used = 0;
    lines->number = 0;
    if (lseek(lines->fd, 0, SEEK_SET) < 0) return wrong(error, name_of(lines), "read again", strerror(errno));
    return 0;
}

void exec_lines_close(struct exec_lines *lines) {
    if (lines->open && lines->file) close(lines->fd);
    free(lines->data);
    lines->data = NULL;
    lines->open = false;
}
