/* The median of any number of run times, in constant memory. */
#ifndef RP_EXEC_MEDIAN_H
#define RP_EXEC_MEDIAN_H

#include <stdint.h>

enum { EXEC_MEDIAN_BINS = 50 * 64 };

/* All zero: empty. */
struct exec_median {
    uint64_t count, bin[EXEC_MEDIAN_BINS];
};
void exec_median_add(struct exec_median *median, double seconds);
/* Right to a hundredth, from a microsecond to 34 years; 0 of none. */
double exec_median_get(const struct exec_median *median);

#endif
