/* What a table of speed-ups says of a job: two laws of scaling, fitted to it, and where more workers stop paying. Plain
 * functions of numbers. */
#ifndef RP_CLI_SCALE_FIT_H
#define RP_CLI_SCALE_FIT_H

#include <stdbool.h>
#include <stddef.h>

/* One layout: its workers, and how many times faster it is than one sequential process. */
struct scale_point {
    double workers, speedup;
};

enum { SCALE_AMDAHL_LEAST = 3, SCALE_USL_LEAST = 4 /* points with which a fit is more than a line through them */ };

/* Amdahl's law: speedup(p) = 1 / (serial + (1 - serial) / p). */
struct scale_amdahl {
    double serial;   /* 0..1: the part that does not get faster */
    double residual; /* root of the mean square of what the law is off, in speed-ups */
};

/* The Universal Scalability Law: speedup(p) = p / (1 + contention (p - 1) + coherency p (p - 1)). */
struct scale_usl {
    double contention, coherency; /* sigma and kappa, both at least 0 */
    double residual;
};

double scale_amdahl_speedup(const struct scale_amdahl *law, double workers);
double scale_usl_speedup(const struct scale_usl *law, double workers);

/* Least squares on the speed-ups. false: fewer than the least number of points with different numbers of workers. */
bool scale_fit_amdahl(const struct scale_point *point, size_t count, struct scale_amdahl *law);
bool scale_fit_usl(const struct scale_point *point, size_t count, struct scale_usl *law);

/* The workers beyond which the law has it that more make the job slower. Infinite where there is no such number. */
double scale_usl_peak(const struct scale_usl *law);

/* Karp and Flatt's experimentally determined serial fraction. Of one worker there is none: not a number. */
double scale_karp_flatt(const struct scale_point *point);

/* The first step, from point i - 1 to i, that gives less than `least` of a speed-up for each worker that it adds; count:
 * every step pays. Points are in the order of their workers. */
size_t scale_stops_paying(const struct scale_point *point, size_t count, double least);

#endif
