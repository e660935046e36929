/* A set of CPUs (PUs, by the system's number) as plain words, so that it travels in messages and shared memory
 * without hwloc on the other side. */
#ifndef RP_CORE_CPUSET_H
#define RP_CORE_CPUSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RP__CPU_WORDS = 32, RP__CPU_MAX = 64 * RP__CPU_WORDS };

struct rp__cpuset {
    uint64_t word[RP__CPU_WORDS];
};

void rp__cpuset_add(struct rp__cpuset *set, unsigned cpu);
bool rp__cpuset_has(const struct rp__cpuset *set, unsigned cpu);
bool rp__cpuset_is_empty(const struct rp__cpuset *set);
bool rp__cpuset_equal(const struct rp__cpuset *a, const struct rp__cpuset *b);
bool rp__cpuset_overlap(const struct rp__cpuset *a, const struct rp__cpuset *b);
unsigned rp__cpuset_count(const struct rp__cpuset *set);
/* The lowest CPU not below `from`, or RP__CPU_MAX. */
unsigned rp__cpuset_next(const struct rp__cpuset *set, unsigned from);
/* "0-3,8" into text (always ended by 0, cut with "..." when it does not fit). Returns text. */
char *rp__cpuset_format(const struct rp__cpuset *set, char *text, size_t size);

#endif
