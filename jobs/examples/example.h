/* What the examples share: how one starts, and how it ends.
 *
 * Only rank 0 goes on after example_start; started bare it is the only rank. Each program then reads as in Python: open
 * a pool, give it work, print what comes back. An error is printed in its one line, and the exit code is 1. */
#ifndef RANKPOOL_EXAMPLE_H
#define RANKPOOL_EXAMPLE_H

#include <rankpool.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct example {
    rp_world *world;
    rp_pool *pool;
    int exit_code; /* for ranks on which example_start returned false */
} example;

/* True: go on. False: return exit_code from main, because this rank has served until the end, or nothing started. */
static inline bool example_start(example *self, const rp_kernel *const *kernels) {
    rp_error error;
    *self = (example){.exit_code = 1};
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* lines of main and of rp_task_print then come in the order of printing */
    int code = rp_world_open(&(rp_world_options){.kernels = kernels}, &self->world, &self->exit_code, &error);
    if (code < 0) fprintf(stderr, "%s\n", error.text);
    return code == 0;
}

/* Returns what main returns: with `error`, which may be NULL, 1. Also 1 where the results could not be written. */
static inline int example_end(example *self, const rp_error *error) {
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (error) fprintf(stderr, "%s\n", error->text);
    if (!written) fprintf(stderr, "the results cannot be written to standard output: is its disk full?\n");
    int exit_code = error || !written;
    rp_pool_free(self->pool);
    rp_world_close(self->world, exit_code);
    return exit_code;
}

/* The same where a call without an rp_error has failed. */
static inline int example_fail(example *self, const char *what, int code) {
    rp_error error;
    snprintf(error.text, sizeof error.text, "%s: %s", what, rp_strerror(code));
    return example_end(self, &error);
}

/* The first argument of the program, a number above 0, or `otherwise` without one. */
static inline bool example_argument(int argc, char **argv, double otherwise, double *number, rp_error *error) {
    char none;
    *number = otherwise;
    if (argc < 2) return true;
    if (argc == 2 && sscanf(argv[1], "%lf%c", number, &none) == 1 && *number > 0 && *number <= 1e15) return true;
    snprintf(error->text, sizeof error->text, "\"%.60s\" was given: give one number from above 0 to 1e15, or none",
             argv[argc == 2 ? 1 : 2]);
    return false;
}

/* Inputs and results are bytes at any address, so a number is copied out of them. */
static inline int64_t example_number(const void *data) {
    int64_t number;
    memcpy(&number, data, sizeof number);
    return number;
}

/* Waits for a process, however long that takes. True: its kernel returned 0. */
static inline bool example_join(rp_process *process, rp_error *error) {
    int exit_code = 0, code = rp_process_join(process, -1);
    if (code == 0) code = rp_process_exitcode(process, &exit_code);
    if (code < 0)
        snprintf(error->text, sizeof error->text, "%s: %s", rp_process_name(process), rp_strerror(code));
    else if (exit_code)
        snprintf(error->text, sizeof error->text, "%s ended with exit code %d: %.100s", rp_process_name(process),
                 exit_code, rp_process_message(process));
    return code == 0 && exit_code == 0;
}

static inline double example_now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline void example_sleep(double seconds) {
    struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

#endif
