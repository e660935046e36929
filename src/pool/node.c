/* This host: its topology, loaded by one of its ranks and handed to the others; where each rank of it was bound when
 * it was started; and from these, the same plan on every rank of who computes where. */
#include "core/error.h"
#include "pool/world_state.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

int rp__node_open(rp_world *world, rp_error *error) {
    struct rp__net *net = world->net;
    if (gethostname(world->host, sizeof world->host - 1)) strcpy(world->host, "?");
    int rc = load_topology(world, error);
    struct rp__node_rank own = {.quota = rp__cpu_quota("")};
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
    return rc;
}

void rp__node_close(rp_world *world) {
    rp__topo_free(world->topo);
    free(world->node);
    world->topo = NULL;
    world->node = NULL;
}

int rp__node_plan(rp_world *world, const struct rp__pool_wish *wish, rp_error *error) {
    const rp_pool_options *options = &wish->options;
    uint32_t ranks = (uint32_t)world->net->local_size, slots = rp__arena_slots(world->arena);
    if (options->crew != RP_CREW_CORES && options->crew > slots)
        return rp__fail(error, RP_EINVAL, "a crew of %u workers was asked for and a rank can have %u: start more ranks",
                        options->crew, slots);
    struct rp__topo_rank *rank = calloc(ranks, sizeof *rank);
    if (!rank) return rp__fail(error, RP_ENOMEM, "out of memory for a plan");
    struct rp__topo_wish limits = {
        .bind = options->bind, .bind_asked = options->bind_asked, .launched = world->launch.use_mpi};
    for (uint32_t i = 0; i < ranks; i++) {
        double quota = world->node[i].quota;
        const struct rp__cpuset *own = &world->node[i].binding, *reach = &world->node[i].reach;
        rank[i] = (struct rp__topo_rank){
            .binding = options->crew == RP_CREW_CORES ? *reach : *own, .workers = options->crew, .given = wish->given};
        if (quota > 0 && (limits.quota <= 0 || quota < limits.quota)) limits.quota = quota;
    }
    rp__topo_plan_free(&world->plan);
    world->plan = (struct rp__topo_plan){0};
    int rc = rp__topo_plan(world->topo, rank, ranks, &limits, &world->plan);
    free(rank);
    if (rc) return rp__fail(error, rc, "cannot plan the crews of host %s: %s", world->host, rp_strerror(rc));
    if (world->plan.workers[world->net->local_rank] > slots)
        return rp__fail(error, RP_EINVAL, "this host has more cores than a rank can have workers, %u: start more ranks",
                        slots);
    world->wish = *wish;
    return 0;
}

/* The agent lives on a hardware thread that the first worker's core has to spare, or floats inside its crew's cores. */
static void settle_agent(const rp_world *world, const struct rp__cpuset *binding, uint32_t workers) {
    struct rp__cpuset crew = {0}, spare = {0}, beside;
    rp__topo_siblings(world->topo, &binding[0], &beside);
    for (uint32_t i = 0; i < workers; i++)
        for (unsigned word = 0; word < RP__CPU_WORDS; word++) crew.word[word] |= binding[i].word[word];
    for (unsigned word = 0; word < RP__CPU_WORDS; word++) spare.word[word] = beside.word[word] & ~crew.word[word];
    /* Where the system refuses it stays where it is, which is no harm. */
    (void)rp__cpuset_bind_self(rp__cpuset_is_empty(&spare) ? &crew : &spare);
}

int rp__node_start(rp_world *world, uint32_t first, rp_error *error) {
    uint32_t own = (uint32_t)world->net->local_rank, workers = world->plan.workers[own];
    const struct rp__cpuset *binding = world->plan.binding + world->plan.first[own];
    rp_where *where = calloc(workers, sizeof *where);
    if (!where) return rp__fail(error, RP_ENOMEM, "out of memory for a crew");
    for (uint32_t i = 0; i < workers; i++) {
        /* A worker that the pool does not bind, or that computes in the rank's own thread, runs where its rank may. */
        bool bound = !rp__cpuset_is_empty(&binding[i]) && world->wish.options.workers != RP_WORKERS_INLINE;
        const struct rp__cpuset *lives = bound ? &binding[i] : &world->node[own].binding;
        rp__topo_where(world->topo, lives, &where[i]);
        where[i].worker = first + i;
        where[i].rank = world->net->rank;
        where[i].local = (int)i;
        memcpy(where[i].host, world->host, sizeof where[i].host);
    }
    struct rp__crew_options options = {
        .kind = world->wish.options.workers, .workers = workers, .binding = binding, .where = where};
    int rc = rp__crew_open(world->arena, world->nursery, &options, &world->crew, error);
    free(where);
    if (rc) return rc;
    if (world->wish.options.workers != RP_WORKERS_INLINE) settle_agent(world, binding, workers);
    world->agent = rp__agent_new(&rp__agent_real_crew, world->crew, workers, &world->out);
    if (!world->agent) return rp__fail(error, RP_ENOMEM, "out of memory for an agent");
    const size_t head = sizeof world->wish;
    if (world->wish.initializes)
        rp__agent_initialize(world->agent, world->wish.initializer, world->wish_bytes.data + head,
                             world->wish_bytes.size - head);
    return 0;
}

void rp__node_stop(rp_world *world) {
    rp__agent_free(world->agent);
    rp__buffer_free(&world->wish_bytes);
    if (!world->crew) return;
    if (!rp__crew_close(world->crew)) world->abandoned = true;
    (void)rp__cpuset_bind_self(&world->node[world->net->local_rank].binding);
    world->agent = NULL;
    world->crew = NULL;
}
