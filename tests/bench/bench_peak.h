/* The most memory that this process ever held, as the kernel kept it: what it shares with its workers counts too. */
#ifndef RP_BENCH_PEAK_H
#define RP_BENCH_PEAK_H

#include <stdio.h>

/* In KiB; -1: the kernel does not say. */
static inline long bench_peak_kib(void) {
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    long kib = -1;
    while (status && kib < 0 && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %ld kB", &kib) != 1) kib = -1;
    if (status) fclose(status);
    return kib;
}

#endif
