/* The lock of a store, in text, a "name value" a line.
 *
 * It is stale, and taken without a word, when its process is surely gone: same host and no process of that pid and start
 * time, same host started again, or the same Slurm job before it was requeued. Of another host nothing is known: such a
 * lock holds until somebody says that the run is over. Two who replace one lock at a time both rename theirs into place;
 * the nonce tells the first of them, before it commits anything, that it has lost. */
#include "store/store_lock.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 1024 };

/* All of a small file, ended by 0; false: it cannot be read. */
static bool read_text(const char *path, char text[TEXT_MAX]) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    size_t size = 0;
    ssize_t n;
    while (size < TEXT_MAX - 1 && (n = read(fd, text + size, TEXT_MAX - 1 - size)) > 0) size += (size_t)n;
    close(fd);
    text[size] = 0;
    return true;
}

/* The value behind `name` at the start of a line, cut to what fits; "" where there is none. */
static void read_value(const char *text, const char *name, char *value, size_t size) {
    const size_t length = strlen(name);
    value[0] = 0;
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, name, length) != 0 || line[length] != ' ') continue;
        size_t n = strcspn(line + length + 1, "\n");
        if (n >= size) n = size - 1;
        memcpy(value, line + length + 1, n);
        value[n] = 0;
        return;
    }
}

static uint64_t read_count(const char *text, const char *name) {
    char value[32];
    read_value(text, name, value, sizeof value);
    return strtoull(value, NULL, 10);
}

static bool read_lock(const char *path, struct rp__lock *lock) {
    char text[TEXT_MAX];
    if (!read_text(path, text)) return false;
    *lock = (struct rp__lock){
        .restart = read_count(text, "restart"), .pid = read_count(text, "pid"), .started = read_count(text, "started")};
    read_value(text, "host", lock->host, sizeof lock->host);
    read_value(text, "boot", lock->boot, sizeof lock->boot);
    read_value(text, "job", lock->job, sizeof lock->job);
    read_value(text, "nonce", lock->nonce, sizeof lock->nonce);
    lock->looks = read_count(text, "looks") != 0;
    return true;
}

static bool write_lock(int fd, const struct rp__lock *lock) {
    char text[TEXT_MAX];
    const int size =
        snprintf(text, sizeof text,
                 "rankpool lock 1\nhost %s\nboot %s\npid %" PRIu64 "\nstarted %" PRIu64 "\njob %s\nrestart %" PRIu64
                 "\nnonce %s\nlooks %d\n",
                 lock->host, lock->boot, lock->pid, lock->started, lock->job, lock->restart, lock->nonce, lock->looks);
    const bool written = write(fd, text, (size_t)size) == size;
    const int reason = errno;
    const bool closed = close(fd) == 0; /* where a network file system says that the disk is full */
    if (!written) errno = reason;
    return written && closed;
}

/* When the process began, in ticks since the host did; 0: there is no such process, or one that only waits to be reaped.
 * The name of its program, which comes before, may hold blanks and brackets. */
static uint64_t process_started(uint64_t pid) {
    char path[64], text[TEXT_MAX];
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/stat", pid);
    if (!read_text(path, text)) return 0;
    const char *at = strrchr(text, ')');
    if (at && strncmp(at, ") Z", 3) == 0) return 0;
    for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

static void describe_self(struct rp__lock *lock) {
    char text[TEXT_MAX];
    gethostname(lock->host, sizeof lock->host - 1);
    if (read_text("/proc/sys/kernel/random/boot_id", text))
        snprintf(lock->boot, sizeof lock->boot, "%.*s", (int)strcspn(text, "\n"), text);
    lock->pid = (uint64_t)getpid();
    lock->started = process_started(lock->pid);
    const char *job = getenv("SLURM_JOB_ID"), *restart = getenv("SLURM_RESTART_COUNT");
    snprintf(lock->job, sizeof lock->job, "%.*s", job ? (int)strcspn(job, "\n") : 0, job ? job : "");
    lock->restart = restart ? strtoull(restart, NULL, 10) : 0;
    uint64_t random[2] = {(uint64_t)getpid(), lock->started};
    if (getrandom(random, sizeof random, 0) != sizeof random) random[1] ^= (uint64_t)(uintptr_t)lock;
    snprintf(lock->nonce, sizeof lock->nonce, "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
}

static bool is_stale(const struct rp__lock *held, const struct rp__lock *own) {
    if (!held->nonce[0]) return false; /* just being written, or nothing of ours */
    if (own->job[0] && strcmp(held->job, own->job) == 0 && held->restart < own->restart) return true;
    if (strcmp(held->host, own->host) != 0) return false;
    if (strcmp(held->boot, own->boot) != 0) return true;
    return process_started(held->pid) != held->started;
}

/* Whoever had it finds a nonce that is not its own. */
static int replace(const struct rp__lock *lock) {
    char mine[PATH_MAX + 40];
    snprintf(mine, sizeof mine, "%s.%s", lock->path, lock->nonce);
    const int fd = open(mine, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 && write_lock(fd, lock) && rename(mine, lock->path) == 0) return 0;
    const int reason = errno;
    if (fd >= 0) unlink(mine);
    errno = reason;
    return RP_ESYSTEM;
}

static int refuse(const char *path, const struct rp__lock *lock, rp_error *error) {
    const int reason = errno;
    rp__fail(error, RP_ESYSTEM, "%s: %s; the store's lock has to be made there", lock->path, strerror(reason));
    errno = reason;
    return RP_ESYSTEM;
}

int rp__lock_take(const char *path, bool steal, bool looks, struct rp__lock *lock, struct rp__lock *held,
                  rp_error *error) {
    *lock = (struct rp__lock){0};
    if (snprintf(lock->path, sizeof lock->path, "%s.lock", path) >= (int)sizeof lock->path) {
        errno = ENAMETOOLONG;
        return refuse(path, lock, error);
    }
    describe_self(lock);
    lock->looks = looks;
    struct rp__lock found;
    if (!held) held = &found;
    for (int tries = 0; tries < 3; tries++) {
        const int fd = open(lock->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 && write_lock(fd, lock)) return 0;
        if (fd >= 0) unlink(lock->path);
        if (fd >= 0 || errno != EEXIST) return refuse(path, lock, error);
        if (!read_lock(lock->path, held)) continue; /* its run has just ended */
        if (steal || is_stale(held, lock)) return replace(lock) ? refuse(path, lock, error) : 0;
        char owner[256];
        rp__lock_owner(held, owner);
        return rp__fail(error, RP_EBUSY, "%s: in use by %s; wait for it, or give --steal if that run is over", path,
                        owner);
    }
    return refuse(path, lock, error);
}

int rp__lock_check(const struct rp__lock *lock, rp_error *error) {
    struct rp__lock now;
    if (!read_lock(lock->path, &now))
        return rp__fail(error, errno == ENOENT ? RP_EBUSY : RP_ESYSTEM,
                        "%s: %s; without its lock the store is not written", lock->path, strerror(errno));
    if (strcmp(now.nonce, lock->nonce) == 0) return 0;
    char owner[256];
    rp__lock_owner(&now, owner);
    return rp__fail(error, RP_EBUSY, "the store was taken over by %s", owner);
}

/* Between the look and the removal somebody may replace it after all: one who had found a stale lock there before ours,
 * or has --steal. It is theirs that goes then, since no call removes a file only while it is the same one. They find
 * that out at their next check, before they commit anything, and stop: they have to be started again, but the store is
 * whole. */
void rp__lock_release(const struct rp__lock *lock) {
    if (rp__lock_check(lock, NULL) == 0) unlink(lock->path);
}

void rp__lock_owner(const struct rp__lock *lock, char text[256]) {
    if (!lock->nonce[0])
        snprintf(text, 256, "somebody who does not say who");
    else
        snprintf(text, 256, "%s (pid %" PRIu64 ")%s%s", lock->host, lock->pid, lock->job[0] ? ", Slurm job " : "",
                 lock->job);
}
