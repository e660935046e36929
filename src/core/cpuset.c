/* Sets of CPUs. Numbers from RP__CPU_MAX on are never in a set: adding one does nothing. */
#include "core/cpuset.h"

#include <stdio.h>
#include <string.h>

void rp__cpuset_add(struct rp__cpuset *set, unsigned cpu) {
    if (cpu < RP__CPU_MAX) set->word[cpu / 64] |= UINT64_C(1) << cpu % 64;
}

bool rp__cpuset_has(const struct rp__cpuset *set, unsigned cpu) {
    return cpu < RP__CPU_MAX && (set->word[cpu / 64] >> cpu % 64 & 1);
}

bool rp__cpuset_is_empty(const struct rp__cpuset *set) { return rp__cpuset_next(set, 0) == RP__CPU_MAX; }

bool rp__cpuset_equal(const struct rp__cpuset *a, const struct rp__cpuset *b) {
    return memcmp(a->word, b->word, sizeof a->word) == 0;
}

bool rp__cpuset_overlap(const struct rp__cpuset *a, const struct rp__cpuset *b) {
    for (size_t i = 0; i < RP__CPU_WORDS; i++) {
        if (a->word[i] & b->word[i]) return true;
    }
    return false;
}

unsigned rp__cpuset_count(const struct rp__cpuset *set) {
    unsigned count = 0;
    for (size_t i = 0; i < RP__CPU_WORDS; i++) count += (unsigned)__builtin_popcountll(set->word[i]);
    return count;
}

unsigned rp__cpuset_next(const struct rp__cpuset *set, unsigned from) {
    if (from >= RP__CPU_MAX) return RP__CPU_MAX;
    uint64_t rest = set->word[from / 64] & UINT64_MAX << from % 64;
    for (unsigned i = from / 64;;) {
        if (rest) return 64 * i + (unsigned)__builtin_ctzll(rest);
        if (++i == RP__CPU_WORDS) return RP__CPU_MAX;
        rest = set->word[i];
    }
}

char *rp__cpuset_format(const struct rp__cpuset *set, char *text, size_t size) {
    if (size == 0) return text;
    size_t used = 0;
    size_t keep = 0; /* so much of the text leaves room for ",..." behind it */
    unsigned end;
    text[0] = '\0';
    for (unsigned begin = rp__cpuset_next(set, 0); begin < RP__CPU_MAX; begin = rp__cpuset_next(set, end)) {
        for (end = begin + 1; rp__cpuset_has(set, end);) end++;
        char run[32];
        const char *comma = used ? "," : "";
        const int length = end - begin > 1 ? snprintf(run, sizeof run, "%s%u-%u", comma, begin, end - 1)
                                           : snprintf(run, sizeof run, "%s%u", comma, begin);
        if (used + (size_t)length >= size) {
            /* Cut between two runs, since half a number would read as another one. */
            snprintf(text + keep, size - keep, "%s", keep ? ",..." : "...");
            return text;
        }
        memcpy(text + used, run, (size_t)length + 1);
        used += (size_t)length;
        if (used + sizeof ",..." <= size) keep = used;
    }
    return text;
}
