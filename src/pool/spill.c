/* Results that are too far ahead of the next one due wait in an unlinked file, in TMPDIR or /tmp, appended one
 * after the other; when none is left in it the file starts anew. */
#include "core/window.h"
#include "pool/world_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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

static int spill_write(void *self, const uint8_t *data, size_t size, uint64_t *offset) {
    struct rp__spill *spill = self;
    if (spill->fd < 0 && (spill->fd = open_file()) < 0) return RP_ESYSTEM;
    uint64_t at = spill->end;
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(spill->fd, data + done, size - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return RP_ESYSTEM;
        done += (size_t)n;
    }
    spill->end = at + size;
    *offset = at;
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

struct rp__window_aside rp__spill_aside(struct rp__spill *spill) {
    return (struct rp__window_aside){.self = spill, .write = spill_write, .read = spill_read, .reset = spill_reset};
}
