/* What the files of this folder share: a loaded topology, and what counts as a core. */
#ifndef RP_TOPO_PRIVATE_H
#define RP_TOPO_PRIVATE_H

#include "topo/topo.h"

#include <hwloc.h>

/* Holds every PU of the machine that is online, also those that this process may not use: so the logical indices
 * mean the same core in every cgroup of the node. What may be used is hwloc's allowed set. */
struct rp__topo {
    hwloc_topology_t hwloc;
};

/* The PU after `pu` in logical order (all PUs of a core, then the next core, packages in order) whose number
 * fits a cpuset; the first after NULL; NULL at the end. */
hwloc_obj_t rp__topo_next_pu(const struct rp__topo *topo, hwloc_obj_t pu);
/* The core of a PU: on a machine that knows no cores, the PU itself. */
hwloc_obj_t rp__topo_core_of(const struct rp__topo *topo, hwloc_obj_t pu);

#endif
