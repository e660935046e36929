/* A doorbell: one futex word on a page of its own, on which one process sleeps and which any process that maps
 * the page may ring. Ringing costs an atomic increment, and a system call only while the owner sleeps.
 *
 *     owner:   seen = rp__bell_read(bell);  look everywhere for work;  none: rp__bell_wait(bell, seen, ns)
 *     others:  make the work visible;  rp__bell_ring(bell)
 *
 * No ring is lost: one that comes after the read makes the wait return at once. */
#ifndef RP_CREW_BELL_H
#define RP_CREW_BELL_H

#include <stdatomic.h>
#include <stdint.h>

struct rp__bell {
    _Atomic uint32_t count;
    _Atomic uint32_t sleeping;
};

/* A page shared with every child (and, by its descriptor, with other processes); *fd is a memfd to it, close-on-exec,
 * for the caller to close. NULL: errno. */
struct rp__bell *rp__bell_new(int *fd);
/* Another process's bell. NULL: errno. */
struct rp__bell *rp__bell_map(int fd);
void rp__bell_free(struct rp__bell *bell);

static inline uint32_t rp__bell_read(struct rp__bell *bell) {
    return atomic_load_explicit(&bell->count, memory_order_acquire);
}
void rp__bell_ring(struct rp__bell *bell);
/* Sleep until rung (counted from `seen`), a signal, or `timeout_ns` (negative: for ever). One sleeper at a time. */
void rp__bell_wait(struct rp__bell *bell, uint32_t seen, int64_t timeout_ns);

#endif
