/* Questions about one place on the machine: the core of a PU, what a binding lies inside of, and its siblings.
 * "Inside" is meant as a set: a binding over two packages is in neither of them. An empty binding is nowhere. */
#include "topo/topo_private.h"

hwloc_obj_t rp__topo_next_pu(const struct rp__topo *topo, hwloc_obj_t pu) {
    do {
        pu = hwloc_get_next_obj_by_type(topo->hwloc, HWLOC_OBJ_PU, pu);
    } while (pu && pu->os_index >= RP__CPU_MAX);
    return pu;
}

hwloc_obj_t rp__topo_core_of(const struct rp__topo *topo, hwloc_obj_t pu) {
    hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topo->hwloc, HWLOC_OBJ_CORE, pu);
    return core ? core : pu;
}

static bool lies_inside(const struct rp__cpuset *set, hwloc_const_bitmap_t outer) {
    unsigned cpu = rp__cpuset_next(set, 0);
    if (cpu == RP__CPU_MAX) return false;
    for (; cpu < RP__CPU_MAX; cpu = rp__cpuset_next(set, cpu + 1)) {
        if (!hwloc_bitmap_isset(outer, cpu)) return false;
    }
    return true;
}

/* The object of a type in which `set` lies, or NULL. Of several (memory that belongs to a core's own group and
 * memory that belongs to the whole machine) the smallest, which is the nearest. */
static hwloc_obj_t holder(const struct rp__topo *topo, hwloc_obj_type_t type, const struct rp__cpuset *set) {
    hwloc_obj_t best = NULL;
    for (hwloc_obj_t object = NULL; (object = hwloc_get_next_obj_by_type(topo->hwloc, type, object));) {
        if (!lies_inside(set, object->cpuset)) continue;
        if (!best || hwloc_bitmap_weight(object->cpuset) < hwloc_bitmap_weight(best->cpuset)) best = object;
    }
    return best;
}

static int logical_index(hwloc_obj_t object) { return object ? (int)object->logical_index : -1; }

void rp__topo_where(const struct rp__topo *topo, const struct rp__cpuset *binding, rp_where *where) {
    hwloc_obj_t core = holder(topo, HWLOC_OBJ_CORE, binding);
    hwloc_obj_t pu = holder(topo, HWLOC_OBJ_PU, binding);
    where->package = logical_index(holder(topo, HWLOC_OBJ_PACKAGE, binding));
    where->numa = logical_index(holder(topo, HWLOC_OBJ_NUMANODE, binding));
    where->core = logical_index(core);
    where->pu = pu ? (int)pu->os_index : -1;
    where->bound = core || pu;
}

size_t rp__topo_pus(const struct rp__topo *topo, const struct rp__cpuset *allowed, rp_pu *pus, size_t capacity) {
    size_t count = 0;
    for (hwloc_obj_t pu = NULL; count < capacity && (pu = rp__topo_next_pu(topo, pu)); count++) {
        struct rp__cpuset self = {0};
        rp__cpuset_add(&self, pu->os_index);
        pus[count] =
            (rp_pu){.cpu = (int)pu->os_index,
                    .package = logical_index(hwloc_get_ancestor_obj_by_type(topo->hwloc, HWLOC_OBJ_PACKAGE, pu)),
                    .numa = logical_index(
                        holder(topo, HWLOC_OBJ_NUMANODE, &self)), /* which is no ancestor, and few to look at */
                    .core = logical_index(hwloc_get_ancestor_obj_by_type(topo->hwloc, HWLOC_OBJ_CORE, pu)),
                    .allowed = rp__cpuset_has(allowed, pu->os_index)};
    }
    return count;
}

void rp__topo_siblings(const struct rp__topo *topo, const struct rp__cpuset *set, struct rp__cpuset *siblings) {
    *siblings = (struct rp__cpuset){0};
    hwloc_obj_t core = holder(topo, HWLOC_OBJ_CORE, set);
    if (!core) return;
    struct rp__cpuset allowed;
    rp__topo_allowed(topo, &allowed);
    for (unsigned cpu = rp__cpuset_next(&allowed, 0); cpu < RP__CPU_MAX; cpu = rp__cpuset_next(&allowed, cpu + 1)) {
        if (hwloc_bitmap_isset(core->cpuset, cpu) && !rp__cpuset_has(set, cpu)) rp__cpuset_add(siblings, cpu);
    }
}
