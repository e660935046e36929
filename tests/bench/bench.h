/* What the bench programs share: a pool with its defaults, the clock, and numbers from the command line.
 *
 * They print one line of numbers on stdout for the script `bench`, or an error on stderr and exit code 1. */
#ifndef RP_BENCH_H
#define RP_BENCH_H

#include "rankpool_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t bench_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline int bench_fail(const char *what, int code, const rp_error *error) {
    fprintf(stderr, "%s: %s\n", what, error && error->text[0] ? error->text : rp_strerror(code));
    return 1;
}

/* false: `word` is no number, which is said on stderr. */
static inline bool bench_read(const char *word, uint64_t *number) {
    rp_error error;
    int code = rp_read_uint64(word, number, &error);
    if (code) bench_fail("the command line", code, &error);
    return code == 0;
}

/* A world and a pool with all defaults: a worker a rank under mpirun, else a worker for each allowed core.
 * false: return `*exit_code` from main; this is a rank above 0 that has served, or the error was printed. */
static inline bool bench_open(const rp_kernel *const *kernels, rp_world **world, rp_pool **pool, int *exit_code) {
    rp_error error = {0};
    int code = rp_world_open(&(rp_world_options){.kernels = kernels}, world, exit_code, &error);
    if (code == RP_SERVED) return false;
    if (code) {
        *exit_code = bench_fail("the world", code, &error);
        return false;
    }
    code = rp_pool_open(*world, &(rp_pool_options){0}, pool, &error);
    if (code == 0) return true;
    *exit_code = bench_fail("the pool", code, &error);
    rp_world_close(*world, *exit_code);
    return false;
}

static inline int bench_close(rp_world *world, rp_pool *pool, int exit_code) {
    rp_pool_free(pool);
    rp_world_close(world, exit_code);
    return exit_code;
}

#endif
