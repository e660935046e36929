/* Where a topology comes from: this machine, a description, or the bytes of another rank's.
 *
 * All three keep the PUs that may not be used (INCLUDE_DISALLOWED) and mark the others as allowed. hwloc's default,
 * which drops them, would renumber the cores in each cgroup and would not know the PUs of a rank that lives in
 * another cgroup than the loader. I/O devices and caches say nothing about who goes where and cost most of the
 * loading. */
#include "topo/topo_private.h"

#include "core/error.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Newer hwloc can skip more that is not needed here. Not changing the binding also keeps hwloc from hopping over
 * every core to run cpuid, which is slow when the whole node does it and adds nothing to what Linux tells. */
static const unsigned long flags = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED
#if HWLOC_API_VERSION >= 0x00020500
                                   | HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING
#endif
#if HWLOC_API_VERSION >= 0x00020800
                                   | HWLOC_TOPOLOGY_FLAG_NO_DISTANCES | HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS |
                                   HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS
#endif
    ;

static int fail_memory(rp_error *error) {
    return rp__fail(error, RP_ENOMEM, "out of memory while reading the machine's topology");
}

/* An hwloc context that knows what to leave out, but has not loaded yet. */
static struct rp__topo *topo_new(void) {
    struct rp__topo *topo = calloc(1, sizeof *topo);
    if (!topo) return NULL;
    if (hwloc_topology_init(&topo->hwloc) != 0) {
        free(topo);
        return NULL;
    }
    /* These fail only for types that cannot be filtered or after loading; neither is the case. */
    hwloc_topology_set_io_types_filter(topo->hwloc, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_cache_types_filter(topo->hwloc, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_icache_types_filter(topo->hwloc, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_flags(topo->hwloc, flags);
    return topo;
}

void rp__topo_free(struct rp__topo *topo) {
    if (!topo) return;
    hwloc_topology_destroy(topo->hwloc);
    free(topo);
}

int rp__topo_load(struct rp__topo **topo, rp_error *error) {
    struct rp__topo *loaded = topo_new();
    if (!loaded) return fail_memory(error);
    if (hwloc_topology_load(loaded->hwloc) != 0) {
        rp__topo_free(loaded);
        return rp__fail(error, RP_ESYSTEM, "hwloc cannot read this machine's topology: see what hwloc's lstopo says");
    }
    *topo = loaded;
    return 0;
}

static int allow_only(struct rp__topo *topo, const struct rp__cpuset *allowed) {
    hwloc_bitmap_t bitmap = hwloc_bitmap_alloc();
    if (!bitmap) return -1;
    int status = 0;
    for (unsigned cpu = rp__cpuset_next(allowed, 0); cpu < RP__CPU_MAX; cpu = rp__cpuset_next(allowed, cpu + 1)) {
        if (hwloc_bitmap_set(bitmap, cpu) != 0) status = -1;
    }
    if (status == 0) status = hwloc_topology_allow(topo->hwloc, bitmap, NULL, HWLOC_ALLOW_FLAG_CUSTOM);
    hwloc_bitmap_free(bitmap);
    return status;
}

int rp__topo_synthetic(struct rp__topo **topo, const char *description, const struct rp__cpuset *allowed,
                       rp_error *error) {
    struct rp__topo *loaded = topo_new();
    if (!loaded) return fail_memory(error);
    if (hwloc_topology_set_synthetic(loaded->hwloc, description) != 0 || hwloc_topology_load(loaded->hwloc) != 0) {
        rp__topo_free(loaded);
        return rp__fail(
            error, RP_EINVAL,
            "\"%.80s\" does not describe a machine: expected hwloc's form, such as \"package:2 core:4 pu:2\"",
            description);
    }
    if (allowed && allow_only(loaded, allowed) != 0) {
        rp__topo_free(loaded);
        char text[64];
        return rp__fail(error, RP_EINVAL,
                        "none of the allowed PUs \"%s\" is on the machine \"%.80s\": name one that is",
                        rp__cpuset_format(allowed, text, sizeof text), description);
    }
    *topo = loaded;
    return 0;
}

int rp__topo_export(const struct rp__topo *topo, char **xml, size_t *size, rp_error *error) {
    char *buffer;
    int length;
    if (hwloc_topology_export_xmlbuffer(topo->hwloc, &buffer, &length, 0) != 0) {
        return rp__fail(error, RP_ENOMEM, "hwloc cannot write the topology as XML for the other ranks of this host");
    }
    /* A copy, since hwloc's buffers must go back to hwloc and the receiver knows only free(). */
    char *copy = malloc((size_t)length);
    if (copy) memcpy(copy, buffer, (size_t)length);
    hwloc_free_xmlbuffer(topo->hwloc, buffer);
    if (!copy) return fail_memory(error);
    *xml = copy;
    *size = (size_t)length;
    return 0;
}

int rp__topo_import(struct rp__topo **topo, const char *xml, size_t size, rp_error *error) {
    const char *const expected = "expected what the first rank of this host exported";
    if (size == 0 || size > INT_MAX || xml[size - 1] != '\0') {
        return rp__fail(error, RP_EPROTOCOL, "the topology's %zu bytes of XML are cut: %s", size, expected);
    }
    struct rp__topo *loaded = topo_new();
    if (!loaded) return fail_memory(error);
    if (hwloc_topology_set_xmlbuffer(loaded->hwloc, xml, (int)size) != 0 || hwloc_topology_load(loaded->hwloc) != 0) {
        rp__topo_free(loaded);
        return rp__fail(error, RP_EPROTOCOL, "the topology's %zu bytes of XML make no sense: %s", size, expected);
    }
    *topo = loaded;
    return 0;
}

void rp__topo_allowed(const struct rp__topo *topo, struct rp__cpuset *allowed) {
    *allowed = (struct rp__cpuset){0};
    hwloc_const_cpuset_t bitmap = hwloc_topology_get_allowed_cpuset(topo->hwloc);
    for (hwloc_obj_t pu = NULL; (pu = rp__topo_next_pu(topo, pu));) {
        if (hwloc_bitmap_isset(bitmap, pu->os_index)) rp__cpuset_add(allowed, pu->os_index);
    }
}

unsigned rp__topo_cores(const struct rp__topo *topo, const struct rp__cpuset *set) {
    unsigned cores = 0;
    hwloc_obj_t last = NULL;
    for (hwloc_obj_t pu = NULL; (pu = rp__topo_next_pu(topo, pu));) {
        if (!rp__cpuset_has(set, pu->os_index)) continue;
        hwloc_obj_t core = rp__topo_core_of(topo, pu);
        cores += core != last;
        last = core;
    }
    return cores;
}
