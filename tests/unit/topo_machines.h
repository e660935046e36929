/* Machines that hwloc makes up, and sets of their CPUs as the system writes them ("0-3,8"). */
#ifndef RP_TESTS_TOPO_MACHINES_H
#define RP_TESTS_TOPO_MACHINES_H

#include "topo/topo.h"
#include "unit.h"

#include <stdlib.h>

static inline struct rp__cpuset cpus(const char *text) {
    struct rp__cpuset set = {0};
    while (*text) {
        char *end;
        const unsigned long first = strtoul(text, &end, 10);
        const unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
        for (unsigned long cpu = first; cpu <= last; cpu++) rp__cpuset_add(&set, (unsigned)cpu);
        text = *end == ',' ? end + 1 : end;
    }
    return set;
}

static inline struct rp__topo *machine(const char *description, const char *allowed) {
    struct rp__topo *topo = NULL;
    const struct rp__cpuset set = cpus(allowed ? allowed : "");
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp__topo_synthetic(&topo, description, allowed ? &set : NULL, &error), 0);
    CU_ASSERT_STRING_EQUAL(error.text, "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(topo);
    return topo;
}

static inline bool is_part_of(const struct rp__cpuset *set, const struct rp__cpuset *whole) {
    for (unsigned cpu = rp__cpuset_next(set, 0); cpu < RP__CPU_MAX; cpu = rp__cpuset_next(set, cpu + 1)) {
        if (!rp__cpuset_has(whole, cpu)) return false;
    }
    return true;
}

#endif
