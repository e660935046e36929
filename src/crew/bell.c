/* The doorbell's two halves. Both work on `count` and `sleeping` in sequentially consistent order: the ringer
 * counts and then looks whether someone sleeps, the owner says that it sleeps and then lets the kernel compare the
 * count. So either the ringer sees the sleeper or the sleeper sees the count, and no ring is lost. */
#include "crew/bell.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct rp__bell *rp__bell_map(int fd) {
    void *page = mmap(NULL, sizeof(struct rp__bell), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return page == MAP_FAILED ? NULL : page;
}

struct rp__bell *rp__bell_new(int *fd) {
    const int memory = memfd_create("rankpool-bell", MFD_CLOEXEC);
    if (memory < 0) return NULL;
    struct rp__bell *bell = NULL;
    if (ftruncate(memory, (off_t)sysconf(_SC_PAGESIZE)) == 0) bell = rp__bell_map(memory);
    if (!bell) {
        close(memory);
        return NULL;
    }
    *fd = memory;
    return bell;
}

void rp__bell_free(struct rp__bell *bell) {
    if (bell) munmap(bell, sizeof *bell);
}

/* Not the private kind of futex: the word is shared between processes. */
static long futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *timeout) {
    return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

void rp__bell_ring(struct rp__bell *bell) {
    atomic_fetch_add(&bell->count, 1);
    if (atomic_load(&bell->sleeping)) futex(&bell->count, FUTEX_WAKE, 1, NULL);
}

void rp__bell_wait(struct rp__bell *bell, uint32_t seen, int64_t timeout_ns) {
    const struct timespec timeout = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    atomic_store(&bell->sleeping, 1);
    if (atomic_load(&bell->count) == seen) futex(&bell->count, FUTEX_WAIT, seen, timeout_ns < 0 ? NULL : &timeout);
    atomic_store_explicit(&bell->sleeping, 0, memory_order_relaxed);
}
