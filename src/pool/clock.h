/* The monotonic clock, by which everything in the pool layer is timed. */
#ifndef RP_POOL_CLOCK_H
#define RP_POOL_CLOCK_H

#include "core/now.h"

#include <pthread.h>

/* When `seconds` from now will be; a condition that understands it. */
struct timespec rp__time_after(double seconds);
void rp__condition_init(pthread_cond_t *condition);

#endif
