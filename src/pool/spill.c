/* Results that are too far ahead of the next one due wait in an unlinked file, in TMPDIR or /tmp, appended one
 * after the other; when none is left in it the file starts anew. A large answer has an unlinked file of its own from the
 * moment that it proves large until its reader is done with it, who finds it mapped: its pages are the system's to drop. */
#include "core/window.h"
#include "pool/world_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct rp__spill {
    int fd;
    uint64_t end;
};

struct rp__spill *rp__spill_new(void) {
    struct rp__spill *spill = malloc(sizeof *spill);
    if (spill) *spill = (struct rp__spill){.fd = -1};
    return spill;
}

void rp__spill_free(struct rp__spill *spill) {
    if (spill && spill->fd >= 0) close(spill->fd);
    free(spill);
}

static int open_file(void) {
    const char *folder = getenv("TMPDIR");
    int fd = open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    char path[] = "/tmp/rankpool-XXXXXX"; /* file systems without O_TMPFILE */
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) unlink(path);
    return fd;
}

static int write_at(int fd, uint64_t offset, const uint8_t *data, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, data + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return RP_ESYSTEM;
        done += (size_t)n;
    }
    return 0;
}

static int spill_write(void *self, const uint8_t *data, size_t size, uint64_t *offset) {
    struct rp__spill *spill = self;
    if (spill->fd < 0 && (spill->fd = open_file()) < 0) return RP_ESYSTEM;
    int rc = write_at(spill->fd, spill->end, data, size);
    if (rc) return rc;
    *offset = spill->end;
    spill->end += size;
    return 0;
}

static int spill_read(void *self, uint64_t offset, uint8_t *data, size_t size) {
    const struct rp__spill *spill = self;
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(spill->fd, data + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return RP_ESYSTEM;
        done += (size_t)n;
    }
    return 0;
}

static void spill_reset(void *self) {
    struct rp__spill *spill = self;
    spill->end = 0;
    if (ftruncate(spill->fd, 0)) return; /* only gives space back early; the file is overwritten in any case */
}

/* ---- Large answers ------------------------------------------------------------------------------------- */

struct rp__answer_file {
    int fd;
    uint64_t end;
};

static struct rp__answer_file *answer_open(void) {
    struct rp__answer_file *file = malloc(sizeof *file);
    if (!file) return NULL;
    *file = (struct rp__answer_file){.fd = open_file()};
    if (file->fd >= 0) return file;
    free(file);
    return NULL;
}

static int answer_add(struct rp__answer_file *file, const uint8_t *data, size_t size) {
    int rc = write_at(file->fd, file->end, data, size);
    if (rc == 0) file->end += size;
    return rc;
}

static uint8_t *answer_map(const struct rp__answer_file *file, size_t size) {
    void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, file->fd, 0);
    return data == MAP_FAILED ? NULL : data;
}

static void answer_unmap(uint8_t *data, size_t size) { munmap(data, size); }

static void answer_close(struct rp__answer_file *file) {
    close(file->fd);
    free(file);
}

struct rp__window_aside rp__spill_aside(struct rp__spill *spill) {
    static const struct rp__answer_files files = {
        .open = answer_open, .add = answer_add, .map = answer_map, .unmap = answer_unmap, .close = answer_close};
    return (struct rp__window_aside){
        .self = spill, .write = spill_write, .read = spill_read, .reset = spill_reset, .files = &files};
}
