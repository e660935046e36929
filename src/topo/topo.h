/* The machine: which cores there are, which may be used, and which worker goes where.
 *
 * Loaded once a node (the lowest local rank loads, the others import its export). Planning is a plain function
 * of the topology, the ranks' own bindings and the wishes, so every rank of a node computes the same plan and
 * tests run it on synthetic machines. */
#ifndef RP_TOPO_TOPO_H
#define RP_TOPO_TOPO_H

#include "core/cpuset.h"
#include "rankpool.h"

struct rp__topo;

/* This machine, without I/O devices and caches. Every PU that is online is in it, also those that this process may
 * not use, so that logical indices mean the same core to all ranks of the node, whatever their cgroups.
 * 0, RP_ESYSTEM or RP_ENOMEM. */
int rp__topo_load(struct rp__topo **topo, rp_error *error);
/* hwloc's synthetic description ("package:2 core:4 pu:2"), `allowed` = the PUs that may be used, NULL: all.
 * 0, RP_ENOMEM, or RP_EINVAL: hwloc does not understand the description, or no allowed PU is on that machine. */
int rp__topo_synthetic(struct rp__topo **topo, const char *description, const struct rp__cpuset *allowed,
                       rp_error *error);
/* As bytes for the other ranks of the node; *xml is given (free()), *size includes its 0. 0 or RP_ENOMEM. */
int rp__topo_export(const struct rp__topo *topo, char **xml, size_t *size, rp_error *error);
/* The topology that another rank exported, its allowed set with it. 0, RP_ENOMEM or RP_EPROTOCOL. */
int rp__topo_import(struct rp__topo **topo, const char *xml, size_t size, rp_error *error);
/* NULL is fine. */
void rp__topo_free(struct rp__topo *topo);

/* The PUs that this topology's loader may use (online, and allowed by its cgroup; not narrowed by its binding). */
void rp__topo_allowed(const struct rp__topo *topo, struct rp__cpuset *allowed);
/* Cores with at least one PU in `set`. On a machine that knows no cores every PU counts as one, here and in plans. */
unsigned rp__topo_cores(const struct rp__topo *topo, const struct rp__cpuset *set);
/* Fill package, numa, core (logical indices, -1 where the machine has none), pu and bound of `where` from a binding:
 * each only if the binding lies inside one such object; pu only if it is one PU (else -1). bound is set when the
 * binding lies inside one core. An empty binding, or one with a PU that the machine has not, is nowhere: all -1. */
void rp__topo_where(const struct rp__topo *topo, const struct rp__cpuset *binding, rp_where *where);
/* The PUs in logical order, each allowed if it is in `allowed`: at most `capacity` of them. Returns how many. */
size_t rp__topo_pus(const struct rp__topo *topo, const struct rp__cpuset *allowed, rp_pu *pus, size_t capacity);
/* Other allowed PUs of the core in which `set` lies: where the agent of a worker pinned to one PU may live. Empty if
 * there are none, or if `set` lies in no single core. */
void rp__topo_siblings(const struct rp__topo *topo, const struct rp__cpuset *set, struct rp__cpuset *siblings);

/* The binding of the calling thread (pid 0) or of another process, from the system (not from hwloc). 0 or
 * RP_ESYSTEM. */
int rp__cpuset_of_process(int pid, struct rp__cpuset *set);
/* Bind the calling thread; an empty set leaves it alone. 0 or RP_ESYSTEM (a cgroup may refuse). */
int rp__cpuset_bind_self(const struct rp__cpuset *set);
/* CPUs' worth of time a second that the cgroups of this process allow (v2 cpu.max, v1 cpu.cfs_quota_us, the
 * least on the way up to the mount, as far as it is seen from here), or 0 when unlimited. `root` is "" or a directory
 * that stands for / in tests. */
double rp__cpu_quota(const char *root);

/* What one rank of the node brings, and wants. */
struct rp__topo_rank {
    struct rp__cpuset binding; /* as it was started; empty: not known, then all that the loader may use */
    uint32_t workers;          /* wanted: a number, RP_CREW_CORES, or 0 for the default (see given) */
    uint32_t given; /* cores, or hardware threads, that the launcher was asked to give each rank; 0: not said */
};

struct rp__topo_wish {
    enum rp_bind bind;
    bool bind_asked;   /* pin even where the pool would leave cores to others */
    bool launched;     /* under a launcher: a default crew is 1 worker (or given); bare: one an allowed core */
    uint32_t cores;    /* of each worker, which is pinned then also where bare pools would not; 0: 1, as bind says */
    uint32_t siblings; /* workers in each place; 0: 1 */
    double quota;      /* of rp__cpu_quota: caps a default or CORES crew at its ceiling, at least 1; 0: none */
    uint32_t granted;  /* CPUs of the host (cores, or hardware threads) that the batch system gave; 0: not known */
};

struct rp__topo_plan {
    uint32_t ranks;
    uint32_t *workers;          /* [ranks] */
    uint32_t *first;            /* [ranks] index of each rank's first worker in binding */
    struct rp__cpuset *binding; /* [sum of workers]; empty: not bound */
    char *note[8];              /* lines for the user, given with the plan */
    size_t notes;
};

/* Deal the node's cores out to the workers of its ranks. A rank may use its own binding, within what is allowed to
 * the loader (a binding wholly outside of that belongs to another cgroup and is taken as it is); "the cores" below
 * are those that all ranks may use together.
 *
 * Crews:
 * - a number: as wanted.
 * - CORES, and the default of a bare pool: the cores go round among the ranks that ask, to each at most those of its
 *   own binding; a quota ends the round early; at least 1 each. So 2 ranks that share 7 cores get 4 and 3, and 2
 *   ranks bound to 6 and 2 get those.
 * - the default under a launcher: 1, or `given`, capped by the cores of the rank's own binding and by the quota.
 *
 * Places, the first rule that fits:
 * - bind none: nobody is bound.
 * - bare, bind not asked, and the crew leaves cores over: nobody is bound (another pool may run beside it).
 * - disjoint bindings in which each rank has cores for its crew: workers inside their own rank's binding. So ranks
 *   that the launcher bound to a core (or hardware thread) each keep it.
 * - as many cores as workers: one core a worker, ranks in order, packages filled in order, but the narrowest binding
 *   chooses first and a rank takes cores of its own binding as long as there are any: ranks that share a package with
 *   others stay on it.
 * - more workers than cores: nobody is bound, and a note says so, with both numbers.
 * cores N: where cores are counted above, whole N of them are: a quota of 7 CPUs and 7 cores both have room for 3 workers
 * of 2. A worker's cores are neighbours, inside a NUMA node as long as one has so many left, then inside a package, then
 * anywhere. Not with bind pu. RP_ERANGE: a rank may not use so many.
 * siblings N: planned as if for one of them, which then stands for N workers with numbers that follow each other.
 * bind core: a worker gets all PUs of its core that may be used. bind pu: read PUs for cores (but crews stay as they
 * are); the first PU of every core goes before the second ones, so up to as many workers as PUs are bound.
 *
 * Notes besides, one line each for all ranks: launched ranks with a default crew whose own exclusive binding has more
 * cores than the crew uses ("1 rank was given 4 cores and uses 1: --crew=cores uses all"); a launched CORES crew
 * whose launcher bound it to fewer cores than are allowed (mpirun binds one rank a host to one core unless told);
 * launched ranks that bind none leaves on fewer cores than they have workers, two ranks on one core for instance; and
 * where none of these says it, more workers than CPUs granted, or fewer than cores granted.
 * 0, RP_ENOMEM, RP_ERANGE, or RP_EINVAL (no ranks; more than UINT32_MAX workers); then *plan is as it was. */
int rp__topo_plan(const struct rp__topo *topo, const struct rp__topo_rank *ranks, uint32_t count,
                  const struct rp__topo_wish *wish, struct rp__topo_plan *plan);
void rp__topo_plan_free(struct rp__topo_plan *plan);

#endif
