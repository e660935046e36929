/* The monotonic clock, by which everything in the pool layer is timed. */
#ifndef RP_POOL_CLOCK_H
#define RP_POOL_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

uint64_t rp__now_ns(void);
/* When `seconds` from now will be; a condition that understands it. */
struct timespec rp__time_after(double seconds);
void rp__condition_init(pthread_cond_t *condition);

#endif
