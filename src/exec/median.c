/* Run times are counted in bins, 64 for each power of two: the number of a bin is the exponent of a double and the six bits
 * that follow it, so neighbours differ by a sixty-fourth at most, and the middle of a bin is right to half of that. */
#include "exec/median.h"

#include <stddef.h>
#include <string.h>

enum { SHIFT = 46 /* the bits of a double that a bin does not look at */ };
static const double least_s = 0x1p-20;

static uint64_t number_of(double seconds) {
    uint64_t bits;
    memcpy(&bits, &seconds, sizeof bits);
    return bits >> SHIFT;
}

void exec_median_add(struct exec_median *median, double seconds) {
    uint64_t bin = seconds > least_s ? number_of(seconds) - number_of(least_s) : 0;
    if (bin >= EXEC_MEDIAN_BINS) bin = EXEC_MEDIAN_BINS - 1;
    median->bin[bin]++;
    median->count++;
}

double exec_median_get(const struct exec_median *median) {
    uint64_t before = 0;
    size_t bin = 0;
    if (!median->count) return 0;
    while ((before += median->bin[bin]) <= median->count / 2) bin++;
    const uint64_t bits = ((number_of(least_s) + bin) << SHIFT) | UINT64_C(1) << (SHIFT - 1);
    double seconds;
    memcpy(&seconds, &bits, sizeof seconds);
    return seconds;
}
