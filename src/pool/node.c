/* This host: its topology, loaded by one of its ranks and handed to the others; where each rank of it was bound when
 * it was started; and from these, the same plan on every rank of who computes where. */
#include "core/error.h"
#include "crew/cells.h"
#include "pool/world_state.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct rp__agent_crew real_crew = {
    .give = rp__crew_give,
    .wake = rp__crew_wake,
    .cancel = rp__crew_cancel,
    .retire = rp__crew_retire,
    .take_back = rp__crew_take_back,
    .low_water = rp__crew_low_water,
    .poll = rp__crew_poll,
    .progress = rp__crew_progress,
    .kill = rp__crew_kill,
    .restart = rp__crew_restart,
    .add = rp__crew_add,
};

static int load_topology(rp_world *world, rp_error *error) {
    if (!world->launch.use_mpi || world->net->local_size == 1) return rp__topo_load(&world->topo, error);
    char *xml = NULL;
    size_t size = 0;
    int rc = 0;
    if (world->net->local_rank == 0) {
        rc = rp__topo_load(&world->topo, error);
        if (rc == 0) rc = rp__topo_export(world->topo, &xml, &size, error);
        if (rc) size = 0; /* the others learn of it by empty bytes; the exchange itself must take place */
    }
    int shared = rp__net_mpi_share(world->net, &xml, &size, rc ? NULL : error);
    if (rc == 0) rc = shared;
    if (rc == 0 && world->net->local_rank != 0)
        rc = size ? rp__topo_import(&world->topo, xml, size, error)
                  : rp__fail(error, RP_ESYSTEM, "the first rank of this host could not read its topology");
    free(xml);
    return rc;
}

uint32_t rp_cpu_count(void) {
    struct rp__cpuset cpus = {0};
    double quota = rp__cpu_quota("");
    uint32_t most = quota > 0 ? (uint32_t)(quota + 0.999) : UINT32_MAX;
    uint32_t count = rp__cpuset_of_process(0, &cpus) ? 1 : rp__cpuset_count(&cpus);
    return count < most ? count : most;
}

/* What workers are told of the machine. Allowed is what a rank of this host may bind to, as plans have it. */
static void show_machine(const rp_world *world) {
    struct rp__family_page *page = rp__arena_family_page(world->arena);
    struct rp__cpuset usable, allowed = {0};
    rp__topo_allowed(world->topo, &usable);
    for (int i = 0; i < world->net->local_size; i++) {
        const struct rp__cpuset *reach = &world->node[i].reach;
        const bool elsewhere = !rp__cpuset_overlap(reach, &usable); /* in a cgroup that the loader is not in */
        for (unsigned word = 0; word < RP__CPU_WORDS; word++)
            allowed.word[word] |= reach->word[word] & (elsewhere ? UINT64_MAX : usable.word[word]);
    }
    atomic_store(&page->pus, (uint32_t)rp__topo_pus(world->topo, &allowed, page->pu, RP__CPU_MAX));
}

int rp__node_open(rp_world *world, rp_error *error) {
    struct rp__net *net = world->net;
    if (gethostname(world->host, sizeof world->host - 1)) strcpy(world->host, "?");
    int rc = load_topology(world, error);
    struct rp__node_rank own = {.rank = net->rank, .quota = rp__cpu_quota(""), .granted = world->launch.host_cpus};
    if (rc == 0) rc = rp__cpuset_of_process(0, &own.binding);
    /* mpirun binds each rank of its own accord. What a crew of all cores may take is what mpirun itself, or its daemon
     * on this host, may use. srun's binding is the user's, and its daemon is not bound: there the rank's own counts. */
    own.reach = own.binding;
    if (!strcmp(world->launch.launcher, "mpirun")) (void)rp__cpuset_of_process(getppid(), &own.reach);
    if (rc == RP_ESYSTEM && !error->text[0]) rp__fail(error, rc, "cannot read the CPU affinity of this process");
    world->node = calloc((size_t)net->local_size, sizeof *world->node);
    if (!world->node && rc == 0) rc = rp__fail(error, RP_ENOMEM, "out of memory for the ranks of a host");
    if (!world->node) return rc;
    if (!world->launch.use_mpi)
        world->node[0] = own;
    else if (rc == 0)
        rc = rp__net_mpi_gather(net, &own, sizeof own, world->node, error);
    if (rc == 0) show_machine(world);
    return rc;
}

void rp__node_close(rp_world *world) {
    rp__topo_free(world->topo);
    free(world->node);
    world->topo = NULL;
    world->node = NULL;
}

/* How many of the ranks that have workers are before `rank`; false: it has none. */
static bool find_place(const struct rp__pool_wish *wish, int rank, uint32_t *place) {
    const rp_pool_options *options = &wish->options;
    *place = (uint32_t)rank - wish->first_rank;
    if (!options->ranks) return *place < wish->ranks;
    for (*place = 0; *place < options->rank_count && options->ranks[*place] < rank; ++*place) continue;
    return *place < options->rank_count && options->ranks[*place] == rank;
}

/* Workers that rank `rank` was asked for, as the options have it; false: none. */
static bool wanted(const struct rp__pool_wish *wish, int rank, uint32_t *workers) {
    const rp_pool_options *options = &wish->options;
    const uint32_t ranks = options->ranks ? (uint32_t)options->rank_count : wish->ranks;
    uint32_t place;
    *workers = options->crew;
    if (!find_place(wish, rank, &place)) return false;
    if (!options->workers) return true;
    *workers = options->workers / ranks + (place < options->workers % ranks);
    return *workers > 0;
}

/* The host's plan, of the ranks that have workers. */
static int plan_host(rp_world *world, struct rp__rank_crew *crew, struct rp__topo_rank *rank, uint32_t *own) {
    const rp_pool_options *options = &crew->wish.options;
    struct rp__topo_wish limits = {.bind = options->bind,
                                   .bind_asked = options->bind_asked,
                                   .launched = world->launch.use_mpi,
                                   .cores = options->cores,
                                   .siblings = options->siblings};
    /* A pool on a part of the ranks, or a process of its own, is not meant to use all that the job has. */
    const bool whole = crew->wish.ranks == (uint32_t)world->net->size && !crew->wish.process;
    uint32_t ranks = 0;
    *own = UINT32_MAX;
    for (int i = 0; i < world->net->local_size; i++) {
        const struct rp__node_rank *node = &world->node[i];
        uint32_t workers;
        if (!wanted(&crew->wish, node->rank, &workers)) continue;
        if (i == world->net->local_rank) *own = ranks;
        const bool reaches = workers == RP_CREW_CORES || options->ranks;
        rank[ranks++] = (struct rp__topo_rank){
            .binding = reaches ? node->reach : node->binding, .workers = workers, .given = crew->wish.given};
        if (node->quota > 0 && (limits.quota <= 0 || node->quota < limits.quota)) limits.quota = node->quota;
        if (whole && node->granted > limits.granted) limits.granted = node->granted;
    }
    return ranks ? rp__topo_plan(world->topo, rank, ranks, &limits, &crew->plan) : 0;
}

/* Cores of the rank that may use the fewest; those that have no workers are all 0. */
static uint32_t narrowest(const rp_world *world, const struct rp__topo_rank *rank) {
    uint32_t fewest = UINT32_MAX;
    for (int i = 0; i < world->net->local_size; i++) {
        const uint32_t cores = rp__topo_cores(world->topo, &rank[i].binding);
        if (cores && cores < fewest) fewest = cores;
    }
    return fewest;
}

int rp__node_plan(rp_world *world, struct rp__rank_crew *crew, rp_error *error) {
    uint32_t slots = rp__arena_slots(world->arena), asked = 0, own;
    bool any = wanted(&crew->wish, world->net->rank, &asked);
    if (any && asked != RP_CREW_CORES && asked > slots)
        return rp__fail(error, RP_EINVAL, "a crew of %u workers was asked for and a rank can have %u: start more ranks",
                        asked, slots);
    struct rp__topo_rank *rank = calloc((size_t)world->net->local_size, sizeof *rank);
    if (!rank) return rp__fail(error, RP_ENOMEM, "out of memory for a plan");
    int rc = plan_host(world, crew, rank, &own);
    const uint32_t cores = rc == RP_ERANGE ? narrowest(world, rank) : 0;
    free(rank);
    if (rc == RP_ERANGE)
        return rp__fail(error, RP_EINVAL,
                        "workers of %u cores were asked for and a rank on host %s may use %u: ask for fewer, or give "
                        "ranks more by mpirun --map-by slot:PE=%u, or srun --cpus-per-task=%u",
                        crew->wish.options.cores, world->host, cores, crew->wish.options.cores,
                        crew->wish.options.cores);
    if (rc) return rp__fail(error, rc, "cannot plan the crews of host %s: %s", world->host, rp_strerror(rc));
    crew->first = any ? crew->plan.first[own] : 0;
    crew->workers = any ? crew->plan.workers[own] : 0;
    if (crew->workers > slots && crew->wish.options.siblings > 1)
        return rp__fail(error, RP_EINVAL,
                        "%u workers in each place were asked for, %u on a rank, which can have %u: ask for fewer",
                        crew->wish.options.siblings, crew->workers, slots);
    if (crew->workers > slots)
        return rp__fail(error, RP_EINVAL, "this host has more cores than a rank can have workers, %u: start more ranks",
                        slots);
    return 0;
}

static void show_agent(const rp_world *world, const struct rp__cpuset *spare) {
    struct rp__family_page *page = rp__arena_family_page(world->arena);
    for (unsigned word = 0; word < RP__CPU_WORDS; word++) atomic_store(&page->agent_cpus[word], spare->word[word]);
}

/* The agent lives on a hardware thread that the first worker's core has to spare, or floats inside its crew's cores. */
static void settle_agent(const rp_world *world, const struct rp__cpuset *binding, uint32_t workers) {
    struct rp__cpuset crew = {0}, spare = {0}, beside;
    rp__topo_siblings(world->topo, &binding[0], &beside);
    for (uint32_t i = 0; i < workers; i++)
        for (unsigned word = 0; word < RP__CPU_WORDS; word++) crew.word[word] |= binding[i].word[word];
    for (unsigned word = 0; word < RP__CPU_WORDS; word++) spare.word[word] = beside.word[word] & ~crew.word[word];
    /* Where the system refuses it stays where it is, which is no harm. */
    if (rp__cpuset_bind_self(rp__cpuset_is_empty(&spare) ? &crew : &spare)) spare = (struct rp__cpuset){0};
    show_agent(world, &spare);
}

/* ---- Calls of this host's workers on shared objects ---- */

static const struct rp__router_ops crew_ops = {.reply = rp__crew_reply,
                                               .recall = rp__crew_recall,
                                               .taken = rp__crew_taken,
                                               .wake = rp__crew_wake,
                                               .blocked = rp__agent_blocked,
                                               .unblocked = rp__agent_unblocked};

static bool find_cells(void *context, uint64_t object, struct rp__cells_at *at) {
    return rp__cells_find(context, object, at);
}

int rp__node_open_router(rp_world *world, rp_error *error) {
    world->cells = rp__cells_new();
    if (!world->cells) return rp__fail(error, RP_ENOMEM, "out of memory for what tasks share");
    const struct rp__router_cells cells = {
        .memory = rp__cells_memory(world->cells), .find = find_cells, .context = world->cells};
    world->router = rp__router_new(&(struct rp__router_options){.rank = (uint32_t)world->net->rank,
                                                                .ranks = (uint32_t)world->net->size,
                                                                .host_of = world->net->host_of,
                                                                .ops = &crew_ops,
                                                                .cells = &cells});
    return world->router ? 0 : rp__fail(error, RP_ENOMEM, "out of memory for what tasks share");
}

void rp__node_close_router(rp_world *world) {
    rp__main_calls_close(world);
    rp__router_free(world->router);
    rp__cells_free(world->cells);
}

static int let_call(rp_world *world, const struct rp__rank_crew *crew, rp_error *error) {
    struct rp__agent_calls calls;
    if (rp__router_add(world->router, crew->crew, crew->agent, &calls))
        return rp__fail(error, RP_ENOMEM, "out of memory for the calls of a crew");
    rp__agent_set_calls(crew->agent, &calls);
    return 0;
}

int rp__node_start(rp_world *world, struct rp__rank_crew *crew, uint32_t first, rp_error *error) {
    uint32_t workers = crew->workers;
    if (!workers) return 0;
    bool computes_in_agent = crew->wish.options.kind == RP_WORKERS_INLINE;
    const struct rp__cpuset *binding = crew->plan.binding + crew->first;
    rp_where *where = calloc(workers, sizeof *where);
    if (!where) return rp__fail(error, RP_ENOMEM, "out of memory for a crew");
    for (uint32_t i = 0; i < workers; i++) {
        /* A worker that the pool does not bind, or that computes in the rank's own thread, runs where its rank may. */
        bool bound = !rp__cpuset_is_empty(&binding[i]) && !computes_in_agent;
        const struct rp__cpuset *lives = bound ? &binding[i] : &world->node[world->net->local_rank].binding;
        rp__topo_where(world->topo, lives, &where[i]);
        where[i].bound |= bound && crew->wish.options.cores > 1; /* to no single core, but pinned */
        where[i].worker = first + i;
        where[i].rank = world->net->rank;
        where[i].local = (int)i;
        memcpy(where[i].host, world->host, sizeof where[i].host);
    }
    struct rp__crew_options options = {.kind = crew->wish.options.kind,
                                       .workers = workers,
                                       .binding = binding,
                                       .where = where,
                                       .cores = crew->wish.options.cores,
                                       .memory = crew->wish.options.memory};
    crew->where = where[0];
    int rc = rp__crew_open(world->arena, world->nursery, &options, &crew->crew, error);
    free(where);
    if (rc) return rc;
    if (!computes_in_agent && !world->attached && !crew->wish.process) settle_agent(world, binding, workers);
    crew->agent = rp__agent_new(&real_crew, crew->crew, workers, &crew->out);
    if (!crew->agent) return rp__fail(error, RP_ENOMEM, "out of memory for an agent");
    rp__agent_limit_tasks(crew->agent, crew->wish.options.maxtasksperchild);
    if (crew->wish.process) rp__agent_is_process(crew->agent, &crew->where);
    if (crew->wish.initializes)
        rp__agent_initialize(crew->agent, crew->wish.initializer, crew->wish.options.init_args,
                             crew->wish.options.init_args_size);
    return let_call(world, crew, error);
}

void rp__node_stop(rp_world *world, struct rp__rank_crew *crew) {
    struct rp__rank_crew **at = &world->crews;
    while (*at != crew) at = &(*at)->next;
    *at = crew->next;
    /* What they hold elsewhere must be told of, or others wait for ever. */
    if (crew->crew && rp__router_remove(world->router, crew->crew)) world->net->ops->abort(world->net, 3);
    rp__agent_free(crew->agent);
    if (!rp__crew_close(crew->crew)) world->abandoned = true;
    if (!world->crews && !world->attached) {
        (void)rp__cpuset_bind_self(&world->node[world->net->local_rank].binding);
        show_agent(world, &(struct rp__cpuset){0});
    }
    rp__topo_plan_free(&crew->plan);
    rp__outbox_free(&crew->out);
    rp__buffer_free(&crew->wish_bytes);
    free(crew);
}
