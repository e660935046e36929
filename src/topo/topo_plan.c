/* Who computes where: the cores of a node dealt out to the workers of its ranks.
 *
 * A plan is made in two steps. First the crews' sizes; then the places, which are *units*: a core with all of its
 * usable PUs, or a single PU. No two workers ever get the same unit: when there are not enough of them nobody is
 * bound, because the scheduler shares cores better than a plan that doubles some of them.
 *
 * A rank's own binding, as the kernel gave it, is what the launcher and the cgroups left to it; so crews stay
 * inside their own as long as that leaves every worker a unit of its own. */
#include "topo/topo_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is known while a plan is made. */
struct table {
    const struct rp__topo *topo;
    const struct rp__topo_rank *ranks;
    const struct rp__topo_wish *wish;
    uint32_t count;
    uint32_t each;             /* cores of a worker */
    uint32_t most;             /* workers that the CPU quota leaves room for */
    struct rp__cpuset allowed; /* to the loader */
    struct rp__cpuset united;  /* what the ranks may use together */
    struct rp__cpuset *own;    /* [count] what each may use, never empty */
    uint32_t *cores;           /* [count] cores in it */
    uint32_t *order;           /* [count] ranks, those with the fewest PUs first */
    struct rp__cpuset *unit;   /* [PUs of the machine] */
    struct rp__cpuset *core;   /* [PUs of the machine] while units are made of several */
    bool *taken;               /* [PUs of the machine] */
};

static struct rp__cpuset both(const struct rp__cpuset *a, const struct rp__cpuset *b) {
    struct rp__cpuset set = *a;
    for (size_t i = 0; i < RP__CPU_WORDS; i++) set.word[i] &= b->word[i];
    return set;
}

static void unite(struct rp__cpuset *set, const struct rp__cpuset *more) {
    for (size_t i = 0; i < RP__CPU_WORDS; i++) set->word[i] |= more->word[i];
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* How many workers the quota feeds; a part of a CPU counts as one. */
static uint32_t most_by_quota(double quota) {
    if (quota <= 0 || quota >= RP__CPU_MAX) return UINT32_MAX;
    const uint32_t whole = (uint32_t)quota;
    return quota > whole ? whole + 1 : whole;
}

/* A rank outside of the loader's allowed set lives in another cgroup, and its own binding is the truth. One whose
 * binding is not known, or not of this machine, may use what the loader may. */
static struct rp__cpuset usable_by(const struct table *table, const struct rp__topo_rank *rank) {
    struct rp__cpuset set = both(&rank->binding, &table->allowed);
    if (!rp__cpuset_is_empty(&set)) return set;
    for (hwloc_obj_t pu = NULL; (pu = rp__topo_next_pu(table->topo, pu));) {
        if (rp__cpuset_has(&rank->binding, pu->os_index)) rp__cpuset_add(&set, pu->os_index);
    }
    return rp__cpuset_is_empty(&set) ? table->allowed : set;
}

static void table_free(struct table *table) {
    free(table->own);
    free(table->cores);
    free(table->order);
    free(table->unit);
    free(table->core);
    free(table->taken);
}

static void put_in_order(struct table *table, uint32_t rank) {
    const unsigned width = rp__cpuset_count(&table->own[rank]);
    uint32_t at = rank;
    for (; at > 0 && rp__cpuset_count(&table->own[table->order[at - 1]]) > width; at--) {
        table->order[at] = table->order[at - 1];
    }
    table->order[at] = rank;
}

static int table_init(struct table *table) {
    const size_t pus = (size_t)hwloc_get_nbobjs_by_type(table->topo->hwloc, HWLOC_OBJ_PU);
    table->own = calloc(table->count, sizeof *table->own);
    table->cores = calloc(table->count, sizeof *table->cores);
    table->order = calloc(table->count, sizeof *table->order);
    table->unit = calloc(pus, sizeof *table->unit);
    table->core = calloc(pus, sizeof *table->core);
    table->taken = calloc(pus, sizeof *table->taken);
    if (!table->own || !table->cores || !table->order || !table->unit || !table->core || !table->taken)
        return RP_ENOMEM;
    table->most = most_by_quota(table->wish->quota) / table->each;
    if (!table->most) table->most = 1;
    rp__topo_allowed(table->topo, &table->allowed);
    for (uint32_t rank = 0; rank < table->count; rank++) {
        table->own[rank] = usable_by(table, &table->ranks[rank]);
        table->cores[rank] = rp__topo_cores(table->topo, &table->own[rank]);
        unite(&table->united, &table->own[rank]);
        put_in_order(table, rank);
        if (table->cores[rank] < table->each) return RP_ERANGE;
    }
    return 0;
}

static bool is_exclusive(const struct table *table, uint32_t rank) {
    for (uint32_t other = 0; other < table->count; other++) {
        if (other != rank && rp__cpuset_overlap(&table->own[rank], &table->own[other])) return false;
    }
    return true;
}

static bool all_exclusive(const struct table *table) {
    for (uint32_t rank = 0; rank < table->count; rank++) {
        if (!is_exclusive(table, rank)) return false;
    }
    return true;
}

/* ---- The crews' sizes ---- */

static bool takes_all_cores(const struct table *table, uint32_t rank) {
    const uint32_t workers = table->ranks[rank].workers;
    return workers == RP_CREW_CORES || (workers == 0 && !table->wish->launched);
}

/* One worker, or as many as the launcher was told to give cores. Slurm counts those in hardware threads on many
 * clusters, so it is the rank's own cores that bound it. */
static uint32_t default_crew(const struct table *table, uint32_t rank) {
    const uint32_t given = table->ranks[rank].given / table->each;
    return given ? least(given, least(table->cores[rank] / table->each, table->most)) : 1;
}

/* Cores go round, one a rank, as long as there are some and a rank has one of its own that it does not use yet. */
static void share_cores(const struct table *table, uint32_t *workers) {
    uint32_t left = least(rp__topo_cores(table->topo, &table->united) / table->each, table->most);
    for (bool dealt = true; dealt;) {
        dealt = false;
        for (uint32_t rank = 0; rank < table->count && left > 0; rank++) {
            if (!takes_all_cores(table, rank) || workers[rank] >= table->cores[rank] / table->each) continue;
            workers[rank]++;
            left--;
            dealt = true;
        }
    }
    for (uint32_t rank = 0; rank < table->count; rank++) {
        if (workers[rank] == 0) workers[rank] = 1;
    }
}

/* Sets workers and first; the sum, or RP_EINVAL when it is no number of workers. */
static int64_t size_crews(const struct table *table, struct rp__topo_plan *plan) {
    for (uint32_t rank = 0; rank < table->count; rank++) {
        if (takes_all_cores(table, rank)) continue;
        const uint32_t wanted = table->ranks[rank].workers;
        plan->workers[rank] = wanted ? wanted : default_crew(table, rank);
    }
    share_cores(table, plan->workers);
    int64_t total = 0;
    for (uint32_t rank = 0; rank < table->count; rank++) {
        plan->first[rank] = (uint32_t)total;
        total += plan->workers[rank];
        if (total > UINT32_MAX) return RP_EINVAL;
    }
    return total;
}

/* ---- The places ---- */

static uint32_t count_units(const struct table *table, const struct rp__cpuset *set) {
    return table->wish->bind == RP_BIND_PU ? rp__cpuset_count(set) : rp__topo_cores(table->topo, set) / table->each;
}

/* The cores of `set`, each with its PUs in the set. */
static void list_cores(struct table *table, const struct rp__cpuset *set) {
    struct rp__cpuset *unit = table->unit;
    hwloc_obj_t last = NULL;
    for (hwloc_obj_t pu = NULL; (pu = rp__topo_next_pu(table->topo, pu));) {
        if (!rp__cpuset_has(set, pu->os_index)) continue;
        hwloc_obj_t core = rp__topo_core_of(table->topo, pu);
        if (core != last) *unit++ = (struct rp__cpuset){0};
        rp__cpuset_add(unit - 1, pu->os_index);
        last = core;
    }
}

/* The PUs of `set`: the first one of every core, then the second ones, and so on. */
static void list_pus(struct table *table, const struct rp__cpuset *set) {
    const uint32_t units = rp__cpuset_count(set);
    for (uint32_t listed = 0, thread = 0; listed < units; thread++) {
        hwloc_obj_t last = NULL;
        uint32_t seen = 0; /* PUs of the set that came before in this core */
        for (hwloc_obj_t pu = NULL; (pu = rp__topo_next_pu(table->topo, pu));) {
            if (!rp__cpuset_has(set, pu->os_index)) continue;
            hwloc_obj_t core = rp__topo_core_of(table->topo, pu);
            seen = core == last ? seen + 1 : 0;
            last = core;
            if (seen != thread) continue;
            table->unit[listed] = (struct rp__cpuset){0};
            rp__cpuset_add(&table->unit[listed++], pu->os_index);
        }
    }
}

/* What two cores have in common, from the nearest to the widest. */
enum nearness { SAME_NUMA, SAME_PACKAGE, SAME_MACHINE, NEARNESSES };

static bool are_near(const rp_where *a, const rp_where *b, enum nearness how) {
    if (how == SAME_MACHINE) return true;
    return a->package == b->package && (how == SAME_PACKAGE || a->numa == b->numa);
}

/* The listed cores become units of several: as many as there can be inside of a NUMA node each, then of what is left
 * inside of a package, then of any. A unit takes the place of cores that are in it or in one before it. */
static void join_cores(struct table *table, uint32_t cores) {
    uint32_t left = cores, made = 0;
    struct rp__cpuset *core = table->core;
    memcpy(core, table->unit, cores * sizeof *core);
    for (enum nearness how = SAME_NUMA; how < NEARNESSES; how++) {
        uint32_t kept = 0, begin = 0;
        for (uint32_t at = 0; at < left; at++) {
            rp_where first, here;
            rp__topo_where(table->topo, &core[begin], &first);
            rp__topo_where(table->topo, &core[at], &here);
            if (!are_near(&first, &here, how)) { /* what was begun stays for the next round */
                while (begin < at) core[kept++] = core[begin++];
            }
            if (at - begin + 1 < table->each) continue;
            table->unit[made] = (struct rp__cpuset){0};
            for (; begin <= at; begin++) unite(&table->unit[made], &core[begin]);
            made++;
        }
        while (begin < left) core[kept++] = core[begin++];
        left = kept;
    }
}

static void list_units(struct table *table, const struct rp__cpuset *set) {
    if (table->wish->bind == RP_BIND_PU) {
        list_pus(table, set);
    } else {
        list_cores(table, set);
        if (table->each > 1) join_cores(table, rp__topo_cores(table->topo, set));
    }
}

/* Does every crew fit into what belongs to its rank alone? */
static bool each_has_its_own(const struct table *table, const struct rp__topo_plan *plan) {
    for (uint32_t rank = 0; rank < table->count; rank++) {
        if (plan->workers[rank] > count_units(table, &table->own[rank])) return false;
    }
    return all_exclusive(table);
}

static void deal_own(struct table *table, struct rp__topo_plan *plan) {
    for (uint32_t rank = 0; rank < table->count; rank++) {
        list_units(table, &table->own[rank]);
        for (uint32_t worker = 0; worker < plan->workers[rank]; worker++) {
            plan->binding[plan->first[rank] + worker] = table->unit[worker];
        }
    }
}

/* Give the rank's unbound workers the units that are left, if `inside` only those in its own binding. */
static void take_units(struct table *table, struct rp__topo_plan *plan, uint32_t rank, uint32_t units, bool inside) {
    uint32_t next = 0;
    for (uint32_t worker = 0; worker < plan->workers[rank]; worker++) {
        struct rp__cpuset *binding = &plan->binding[plan->first[rank] + worker];
        if (!rp__cpuset_is_empty(binding)) continue;
        while (next < units &&
               (table->taken[next] || (inside && !rp__cpuset_overlap(&table->unit[next], &table->own[rank])))) {
            next++;
        }
        if (next == units) return;
        *binding = table->unit[next];
        table->taken[next] = true;
    }
}

/* Whose own binding is narrowest chooses first, so that a rank on one core finds it free and the ranks that were
 * spread over the packages stay spread; who then lacks a unit gets one of those that nobody chose. */
static void deal_united(struct table *table, struct rp__topo_plan *plan, uint32_t units) {
    list_units(table, &table->united);
    for (uint32_t i = 0; i < table->count; i++) take_units(table, plan, table->order[i], units, true);
    for (uint32_t i = 0; i < table->count; i++) take_units(table, plan, table->order[i], units, false);
}

/* ---- What to tell the user. No rank or host is named: the same line from many hosts can be said once ---- */

static int RP_PRINTF(2, 3) note(struct rp__topo_plan *plan, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *line;
    const int length = vasprintf(&line, format, arguments);
    va_end(arguments);
    if (length < 0) return RP_ENOMEM;
    plan->note[plan->notes++] = line;
    return 0;
}

static const char *plural(uint32_t count) { return count == 1 ? "" : "s"; }

enum { SIZE_TEXT = 32 };

/* Of a worker, where it is not a core: what comes after "workers". */
static const char *size_of(const struct table *table, char text[SIZE_TEXT]) {
    *text = 0;
    if (table->each > 1) snprintf(text, SIZE_TEXT, " of %u cores", table->each);
    return text;
}

static int note_too_many(const struct table *table, struct rp__topo_plan *plan, uint32_t workers, uint32_t units) {
    const char *const what = table->wish->bind == RP_BIND_PU ? "hardware thread" : "core";
    const uint32_t allowed = count_units(table, &table->allowed) * table->each;
    char size[SIZE_TEXT];
    size_of(table, size);
    units *= table->each;
    if (allowed <= units) {
        return note(plan, "%u workers%s share %u %s%s, so none is pinned", workers, size, units, what, plural(units));
    }
    return note(plan, "%u workers%s share the %u %s%s that they were started on, of %u allowed, so none is pinned%s",
                workers, size, units, what, plural(units), allowed,
                table->wish->launched ? ": mpirun --bind-to none, or srun --cpus-per-task, gives them more" : "");
}

/* An mpirun that was told nothing binds one rank a host to one core, where --crew=cores then finds no other. */
static int note_narrow_crew(const struct table *table, struct rp__topo_plan *plan) {
    const uint32_t cores = rp__topo_cores(table->topo, &table->united);
    const uint32_t allowed = rp__topo_cores(table->topo, &table->allowed);
    bool asked = false;
    for (uint32_t rank = 0; rank < table->count; rank++) asked |= table->ranks[rank].workers == RP_CREW_CORES;
    if (!asked || !table->wish->launched || cores >= allowed) return 0;
    return note(plan,
                "--crew=cores takes the %u core%s that the launcher bound the ranks to, of %u allowed: "
                "mpirun --bind-to none, or srun --cpus-per-task, gives it more",
                cores, plural(cores), allowed);
}

static int note_idle_cores(const struct table *table, struct rp__topo_plan *plan) {
    uint32_t ranks = 0, given = 0, used = 0;
    for (uint32_t rank = 0; rank < table->count; rank++) {
        const bool by_default = table->wish->launched && table->ranks[rank].workers == 0;
        const uint32_t useful = least(table->cores[rank] / table->each, table->most);
        if (!by_default || useful <= plan->workers[rank] || !is_exclusive(table, rank)) continue;
        ranks++;
        given += table->cores[rank];
        used += plan->workers[rank] * table->each;
    }
    if (ranks == 0) return 0;
    return note(plan, "%u rank%s given %u cores and use%s %u: --crew=cores uses all", ranks,
                ranks == 1 ? " was" : "s were", given, ranks == 1 ? "s" : "", used);
}

/* Two ranks that may use the same core only, or a crew larger than its rank's binding. */
static bool stays_crowded(const struct table *table, const struct rp__topo_plan *plan) {
    for (uint32_t rank = 0; rank < table->count; rank++) {
        if (plan->workers[rank] > table->cores[rank] / table->each) return true;
        for (uint32_t other = 0; other < rank; other++) {
            struct rp__cpuset set = table->own[rank];
            unite(&set, &table->own[other]);
            const uint64_t workers = (uint64_t)plan->workers[rank] + plan->workers[other];
            if (workers > rp__topo_cores(table->topo, &set) / table->each) return true;
        }
    }
    return false;
}

static int note_crowded(const struct table *table, struct rp__topo_plan *plan) {
    if (!table->wish->launched || !stays_crowded(table, plan)) return 0;
    return note(plan, "ranks were started on fewer cores than they have workers, and --bind none leaves them there: "
                      "srun --cpu-bind=cores, or mpirun --bind-to core, gives each rank its own");
}

/* Cores granted, where a host with hardware threads may count those: rather too few than a false alarm. */
static uint32_t cores_granted(const struct table *table) {
    const uint32_t cores = rp__topo_cores(table->topo, &table->allowed);
    const uint32_t threads = (rp__cpuset_count(&table->allowed) + cores - 1) / cores; /* a core */
    return least(least((table->wish->granted + threads - 1) / threads, cores), table->most * table->each);
}

/* Against what the batch system gave, whether or not it confines the ranks to that. */
static int note_granted(const struct table *table, struct rp__topo_plan *plan, uint32_t workers) {
    const uint32_t granted = table->wish->granted;
    char size[SIZE_TEXT];
    if (granted == 0 || plan->notes > 0) return 0;
    if (workers > granted / table->each)
        return note(plan,
                    "%u workers%s on a host where Slurm gave %u CPU%s: --cpus-per-task or --ntasks-per-node asks it "
                    "for more",
                    workers, size_of(table, size), granted, plural(granted));
    const uint32_t cores = cores_granted(table);
    if (workers >= cores / table->each) return 0;
    const bool reachable = rp__topo_cores(table->topo, &table->united) >= cores;
    return note(plan, "Slurm gave %u cores on a host, and %u %s used: %s", cores, workers * table->each,
                workers * table->each == 1 ? "is" : "are",
                reachable ? "--crew=cores uses all" : "srun --cpus-per-task, or more ranks, use more");
}

/* ---- Both steps ---- */

static int place_workers(struct table *table, struct rp__topo_plan *plan, uint32_t workers) {
    const struct rp__topo_wish *wish = table->wish;
    if (wish->bind == RP_BIND_NONE) return note_crowded(table, plan);
    /* A second bare pool may run beside this one, and would choose the same cores. */
    const bool leaves_some = workers < rp__topo_cores(table->topo, &table->united);
    if (!wish->launched && !wish->bind_asked && !wish->cores && leaves_some) return 0;
    const uint32_t units = count_units(table, &table->united);
    if (each_has_its_own(table, plan)) {
        deal_own(table, plan);
    } else if (workers <= units) {
        deal_united(table, plan, units);
    } else {
        return note_too_many(table, plan, workers, units);
    }
    return 0;
}

/* Each worker becomes `count` of them in its place. */
static int add_siblings(struct rp__topo_plan *plan, uint32_t places, uint32_t count) {
    if ((uint64_t)places * count > UINT32_MAX) return RP_EINVAL;
    struct rp__cpuset *binding = calloc((size_t)places * count, sizeof *binding);
    if (!binding) return RP_ENOMEM;
    for (size_t worker = 0; worker < (size_t)places * count; worker++) binding[worker] = plan->binding[worker / count];
    free(plan->binding);
    plan->binding = binding;
    for (uint32_t rank = 0; rank < plan->ranks; rank++) {
        plan->workers[rank] *= count;
        plan->first[rank] *= count;
    }
    return 0;
}

static int make_plan(struct table *table, struct rp__topo_plan *plan) {
    plan->ranks = table->count;
    plan->workers = calloc(table->count, sizeof *plan->workers);
    plan->first = calloc(table->count, sizeof *plan->first);
    if (!plan->workers || !plan->first) return RP_ENOMEM;
    const int rc = table_init(table);
    if (rc) return rc;
    const int64_t workers = size_crews(table, plan);
    if (workers < 0) return (int)workers;
    plan->binding = calloc((size_t)workers, sizeof *plan->binding);
    if (!plan->binding) return RP_ENOMEM;
    int code = place_workers(table, plan, (uint32_t)workers);
    if (code == 0) code = note_narrow_crew(table, plan);
    if (code == 0) code = note_idle_cores(table, plan);
    if (code == 0) code = note_granted(table, plan, (uint32_t)workers);
    return code || table->wish->siblings < 2 ? code : add_siblings(plan, (uint32_t)workers, table->wish->siblings);
}

int rp__topo_plan(const struct rp__topo *topo, const struct rp__topo_rank *ranks, uint32_t count,
                  const struct rp__topo_wish *wish, struct rp__topo_plan *plan) {
    if (count == 0) return RP_EINVAL;
    struct table table = {
        .topo = topo, .ranks = ranks, .wish = wish, .count = count, .each = wish->cores ? wish->cores : 1};
    struct rp__topo_plan made = {0};
    const int code = make_plan(&table, &made);
    table_free(&table);
    if (code == 0) {
        *plan = made;
    } else {
        rp__topo_plan_free(&made);
    }
    return code;
}

void rp__topo_plan_free(struct rp__topo_plan *plan) {
    for (size_t i = 0; i < plan->notes; i++) free(plan->note[i]);
    free(plan->workers);
    free(plan->first);
    free(plan->binding);
    *plan = (struct rp__topo_plan){0};
}
