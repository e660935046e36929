/* The clocks of `rankpool exec`. */
#ifndef RP_EXEC_TIMING_H
#define RP_EXEC_TIMING_H

#include <stdint.h>
#include <time.h>

static inline double exec_now_s(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Of the monotonic clock. */
static inline int64_t exec_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
