/* What the files of rankpool topo share: topo.c asks the workers, topo_map.c draws what they said. */
#ifndef RP_CLI_TOPO_MAP_H
#define RP_CLI_TOPO_MAP_H

#include "rankpool.h"

#include <sched.h>
#include <stdio.h>

/* What a worker says of itself. CPUs beyond the mask's end cannot be told, which no machine of today has. */
struct topo_worker {
    rp_where where;
    cpu_set_t mask;
    size_t host; /* index */
};

/* A host, as its workers see it. */
struct topo_host {
    char name[64];
    rp_pu *pu; /* [pus], in hwloc's order */
    size_t pus;
};

/* All that was answered, workers and hosts in the order of the workers' numbers. */
struct topo {
    struct topo_worker *worker;
    struct topo_host *host;
    size_t workers, hosts, capacity;
};

/* "0-3,8", ended by ",..." where it does not fit. Returns text. */
const char *topo_mask_text(const cpu_set_t *mask, char *text, size_t size);
/* Every host with the worker on each of its cores, hosts that are alike once, in at most 120 columns. 0 or RP_ENOMEM. */
int topo_map_print(FILE *out, const struct topo *topo);

#endif
