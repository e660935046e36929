/* The monotonic clock, for the layers above: nothing in core looks at it, there the time is an argument. It is inline
 * so that files that are compiled for the simulator see the simulated time. */
#ifndef RP_CORE_NOW_H
#define RP_CORE_NOW_H

#include <stdint.h>
#include <time.h>

static inline uint64_t rp__now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline double rp__now_s(void) { return (double)rp__now_ns() * 1e-9; }

#endif
