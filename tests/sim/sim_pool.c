/* The cluster in a simulator: every rank is an actor of SimGrid that runs the real agent, rank 0 the real master, and they
 * talk through the real transport on the simulator's MPI. This file plays the loop of src/pool/service.c and the
 * waiting of service_wait.c, whose figures it repeats. Where the real code would use time, the simulated rank computes for as
 * long as `costs` has measured, and a worker of its crew is late by as much, since agents have no core of their own.
 *
 * Rank 0 prints one line, of words name=value; it is the sign that the simulation came to its end. */
#include "pool/agent.h"
#include "sim_case.h"
#include "sim_clock.h"
#include "sim_master.h"
#include "virtual_crew.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MESSAGES_MAX = 64,
    ACTIONS_MAX = 4096,
    POOL = 1,
    RECORD = 9,      /* bytes, as the virtual crew makes them */
    LOOK_NS = 1000,  /* between two looks of a rank that spins */
    PROBE_NS = 1600, /* MPI is asked, and has no message: 16 requests are tested */
    AHEAD_MAX = 256, /* messages that a rank has not got; what comes then may go round the simulator */
    SPIN_NS = 20 * 1000,
    SLEEP_REMOTE_NS = 1000 * 1000,
    SLEEP_QUIET_NS = 5 * 1000 * 1000,
    SLEEP_LOCAL_NS = 20 * 1000 * 1000,
    SLEEP_SENDING_NS = 100 * 1000
};

/* A message that goes round the simulator, which moves all that wait for a rank when it gets one of them: that takes for
 * ever where ten thousand wait. It is taken after those that were sent before, and not before it would be there; the
 * links do not see it, so it is for cases whose network is never the limit. */
struct bypassing {
    struct bypassing *next;
    struct rp__buffer message;
    int source;
    uint64_t there_ns;
};

struct sim_rank {
    struct sim_case simulated;
    struct rp__net *net;
    struct sim_rank **peer;         /* [ranks]: all of them are in one process */
    uint64_t coming;                /* messages that were sent to this rank, and that it has not got from MPI */
    struct bypassing *first, **end; /* those for this rank */
    struct sim_bell bell;
    struct rp__crew *crew;
    struct rp__agent *agent;
    struct rp__outbox out;
    struct sim_master *master;                   /* of rank 0 */
    struct rp__outbox *to;                       /* [ranks], of rank 0 */
    double owed_ns, used_ns;                     /* computed and not passed yet; in all */
    double receiving_ns, dealing_ns, sending_ns; /* of rank 0, in all */
    uint64_t quiet_since_ns;
    bool rung, quit, failed;
};

static bool fail(struct sim_rank *rank, const char *what) {
    if (!rank->failed) fprintf(stderr, "sim_pool: rank %d: %s\n", rank->net->rank, what);
    rank->failed = rank->quit = true;
    return false;
}

static void use(struct sim_rank *rank, double ns, double *account) {
    rank->owed_ns += ns;
    *account += ns;
}

static void pay(struct sim_rank *rank) {
    sim_compute(rank->owed_ns);
    rank->used_ns += rank->owed_ns;
    virtual_crew_delay(rank->crew, (uint64_t)rank->owed_ns);
    rank->owed_ns = 0;
}

/* ---- Messages ------------------------------------------------------------------------------------------ */

static void answer_pool(struct sim_rank *rank) {
    const struct rp__frame crew = {.type = RP__FRAME_CREW, .worker = (uint32_t)rank->simulated.workers};
    if (rp__outbox_put(&rank->out, &crew)) fail(rank, "out of memory");
}

static void start_agent(struct sim_rank *rank) {
    rank->agent = rp__agent_new(&virtual_agent_crew, rank->crew, (uint32_t)rank->simulated.workers, &rank->out);
    if (!rank->agent) fail(rank, "out of memory");
}

static void frame_came(struct sim_rank *rank, int source, const struct rp__frame *frame) {
    const struct sim_case *costs = &rank->simulated;
    int rc = 0;
    double any = 0;
    if (frame->type == RP__FRAME_QUIT) {
        rank->quit = true;
    } else if (frame->type == RP__FRAME_POOL) {
        answer_pool(rank);
    } else if (frame->type == RP__FRAME_START) {
        start_agent(rank);
    } else if (frame->type == RP__FRAME_POOL_END) {
        rp__agent_free(rank->agent);
        rank->agent = NULL;
    } else if (frame->type < RP__FRAME_HELLO) {
        use(rank, costs->agent_work, &any);
        rc = rp__agent_receive(rank->agent, frame);
    } else {
        const double records = (double)(frame->size / RECORD);
        use(rank, costs->master_result + records * costs->master_record, &rank->receiving_ns);
        rc = rp__master_receive(rank->master->master, (uint32_t)source, frame);
    }
    if (rc) fail(rank, "a frame was refused");
}

static void take_message(struct sim_rank *rank, int source, const uint8_t *at, size_t size) {
    const uint8_t *end = at + size;
    struct rp__frame frame;
    int more;
    if (source != rank->net->rank) use(rank, rank->simulated.message, &rank->sending_ns);
    while ((more = rp__frame_read(&at, end, &frame)) == 1) frame_came(rank, source, &frame);
    if (more < 0) fail(rank, "a message makes no sense");
}

static bool take_bypassing(struct sim_rank *rank) {
    struct bypassing *first = rank->first;
    if (!first || rank->coming || first->there_ns > sim_now_ns()) return false;
    rank->first = first->next;
    take_message(rank, first->source, first->message.data, first->message.size);
    rp__buffer_free(&first->message);
    free(first);
    return true;
}

/* false: it goes the usual way. */
static bool bypass(struct sim_rank *rank, struct sim_rank *to, struct rp__buffer *message) {
    if (!rank->simulated.bypass || (!to->first && to->coming < AHEAD_MAX)) return false;
    struct bypassing *last = malloc(sizeof *last);
    if (!last) return false;
    *last = (struct bypassing){
        .message = *message, .source = rank->net->rank, .there_ns = sim_now_ns() + (uint64_t)rank->simulated.bypass};
    *message = (struct rp__buffer){0};
    if (!to->first) to->end = &to->first;
    *to->end = last;
    to->end = &last->next;
    return true;
}

static bool take_messages(struct sim_rank *rank) {
    int count = 0;
    for (; count < MESSAGES_MAX; count++) {
        struct rp__net_message message;
        bool got = false;
        /* To test requests is what the simulator needs most of its time for: not where none can be done. */
        const bool needless = !rank->coming && !rank->net->ops->pending(rank->net) && (count == 0 || rank->first);
        if (!needless && rank->net->ops->poll(rank->net, &message, &got, NULL)) return fail(rank, "MPI failed");
        if (!got && !take_bypassing(rank)) break;
        if (!got) continue;
        rank->coming--;
        take_message(rank, message.source, message.data, message.size);
    }
    double any = 0;
    if (count < MESSAGES_MAX && rank->net->size > 1) use(rank, PROBE_NS, &any);
    return count > 0;
}

static void send_all(struct sim_rank *rank, int to, struct rp__outbox *outbox) {
    for (size_t i = 0; i < outbox->count; i++) {
        if (to != rank->net->rank) use(rank, rank->simulated.message, &rank->sending_ns);
        pay(rank);
        if (bypass(rank, rank->peer[to], &outbox->message[i])) continue;
        rank->peer[to]->coming++;
        if (rank->net->ops->send(rank->net, to, &outbox->message[i], NULL)) fail(rank, "a message cannot be sent");
    }
    outbox->count = 0;
}

/* ---- The crew, and rank 0 ------------------------------------------------------------------------------ */

static double bytes_in(const struct rp__outbox *outbox) {
    double bytes = 0;
    for (size_t i = 0; i < outbox->count; i++) bytes += (double)outbox->message[i].size;
    return bytes;
}

static bool poll_crew(struct sim_rank *rank) {
    const struct sim_case *costs = &rank->simulated;
    uint32_t events = 0;
    double any = 0;
    rp_error error;
    if (!rank->agent) return false;
    const double before = bytes_in(&rank->out);
    virtual_crew_advance(rank->crew, sim_now_ns());
    if (rp__agent_poll(rank->agent, &events, &error) || rp__agent_look(rank->agent, sim_now_ns()))
        fail(rank, "its agent cannot go on");
    use(rank,
        costs->agent_poll + costs->agent_worker * costs->workers + costs->agent_result * events +
            costs->agent_record * (bytes_in(&rank->out) - before) / RECORD,
        &any);
    return events > 0;
}

static bool master_acts(struct sim_rank *rank) {
    struct rp__master *master = rank->master->master;
    struct rp__frame frame;
    uint32_t to;
    int count = 0;
    if (!sim_master_step(rank->master, sim_now_ns())) fail(rank, "the master cannot go on");
    rp__master_tick(master, sim_now_ns());
    for (; count < ACTIONS_MAX && rp__master_action(master, &to, &frame); count++) {
        use(rank, rank->simulated.master_deal, &rank->dealing_ns);
        if (rp__outbox_put(&rank->to[to], &frame)) fail(rank, "out of memory");
    }
    const bool ends = rank->master->over && !count && !rank->quit;
    for (int i = 0; i < rank->net->size; i++) {
        if (ends && rp__outbox_put(&rank->to[i], &(struct rp__frame){.type = RP__FRAME_QUIT}))
            fail(rank, "out of memory");
        send_all(rank, i, &rank->to[i]);
    }
    return count > 0;
}

/* ---- Waiting ------------------------------------------------------------------------------------------- */

static uint64_t sleep_for(const struct sim_rank *rank, uint64_t quiet_ns) {
    const bool busy = rank->agent && !rp__agent_idle(rank->agent);
    uint64_t most = SLEEP_LOCAL_NS;
    if (rank->net->hosts > 1)
        most = rank->agent && (rank->net->rank == 0 ? rank->master->map != NULL : !busy) ? SLEEP_REMOTE_NS
                                                                                         : SLEEP_QUIET_NS;
    if (rank->net->ops->pending(rank->net) && most > SLEEP_SENDING_NS) most = SLEEP_SENDING_NS;
    if (!busy && quiet_ns / 4 < most) most = quiet_ns / 4;
    return most > LOOK_NS ? most : LOOK_NS;
}

static void wait(struct sim_rank *rank) {
    const uint64_t now = sim_now_ns();
    if (!rank->quiet_since_ns) rank->quiet_since_ns = now;
    const uint64_t quiet = now - rank->quiet_since_ns;
    const bool idle = !rank->agent || rp__agent_idle(rank->agent);
    uint64_t sleep_ns = quiet < SPIN_NS && idle ? LOOK_NS : sleep_for(rank, quiet);
    const uint64_t rings = rank->agent ? virtual_crew_rings_at(rank->crew) : UINT64_MAX;
    const bool own = rings < UINT64_MAX && rings <= now + sleep_ns;
    if (own) sleep_ns = rings > now ? rings - now : 0;
    rank->rung = (sleep_ns && sim_bell_wait(&rank->bell, sleep_ns)) || own;
}

static void step(struct sim_rank *rank) {
    bool busy = take_messages(rank) || rank->rung;
    if (rank->rung) sim_compute(LOOK_NS); /* the bell may be heard before the message that it tells of is there */
    rank->rung = false;
    busy |= poll_crew(rank);
    pay(rank);
    send_all(rank, 0, &rank->out);
    if (rank->master) busy |= master_acts(rank);
    pay(rank);
    if (busy)
        rank->quiet_since_ns = 0;
    else if (!rank->quit)
        wait(rank);
}

/* ---- Opening and the end ------------------------------------------------------------------------------- */

static double node_slowness(const struct sim_rank *rank) { return rank->net->host % 2 ? rank->simulated.slow_half : 1; }

/* The middle of a run in which no worker ever waited. */
static void find_middle(const struct sim_case *simulated, uint64_t edge_ns[2]) {
    const double ns = simulated->task_us * 1000 * simulated->tasks;
    edge_ns[0] = (uint64_t)(0.3 * ns);
    edge_ns[1] = (uint64_t)(0.7 * ns);
}

static bool open_crew(struct sim_rank *rank) {
    const struct sim_case *simulated = &rank->simulated;
    const uint32_t workers = (uint32_t)simulated->workers;
    double *slowness = malloc(workers * sizeof *slowness);
    if (!slowness) return false;
    for (uint32_t i = 0; i < workers; i++) slowness[i] = node_slowness(rank);
    if (rank->net->rank == rank->net->size - 1) slowness[workers - 1] *= simulated->straggler;
    struct virtual_options options = {.workers = workers,
                                      .slowness = slowness,
                                      .task_ns = simulated->task_us * 1000,
                                      .chunk_cost_ns = simulated->worker_chunk,
                                      .cost_ns = simulated->worker_record,
                                      .range = simulated->range > 0};
    find_middle(simulated, options.edge_ns);
    rank->crew = virtual_crew_new(&options);
    free(slowness);
    return rank->crew != NULL;
}

static bool find_peers(struct sim_rank *rank) {
    const uint64_t own = (uint64_t)(uintptr_t)rank;
    const size_t size = (size_t)rank->net->size;
    uint64_t *all = malloc(size * sizeof *all);
    rank->peer = malloc(size * sizeof *rank->peer);
    bool good = all && rank->peer;
    good = good && MPI_Allgather(&own, 1, MPI_UINT64_T, all, 1, MPI_UINT64_T, MPI_COMM_WORLD) == MPI_SUCCESS;
    for (size_t i = 0; good && i < size; i++) rank->peer[i] = (struct sim_rank *)(uintptr_t)all[i];
    free(all);
    return good;
}

static bool open_master(struct sim_rank *rank, struct sim_master *master) {
    if (rank->net->rank != 0) return true;
    rank->to = calloc((size_t)rank->net->size, sizeof *rank->to);
    if (!rank->to || !sim_master_open(master, (uint32_t)rank->net->size, &rank->simulated)) return false;
    for (int i = 0; i < rank->net->size; i++) rank->to[i].pool = POOL;
    rank->master = master;
    return true;
}

/* Workers of speed 1 that would compute as much. */
static double whole_workers(const struct sim_rank *rank) {
    const double workers = rank->simulated.workers, slow_hosts = floor(rank->net->hosts / 2.0);
    const double slow_part = slow_hosts / rank->net->hosts;
    const double all = workers * rank->net->size * (1 - slow_part + slow_part / rank->simulated.slow_half);
    return all - 1 + 1 / rank->simulated.straggler;
}

/* `computed`: tasks before the middle of the run and in it. What is lost is in seconds of all workers. */
static void report(const struct sim_rank *rank, const double computed[2]) {
    const struct sim_master *master = rank->master;
    const double tasks_a_second = whole_workers(rank) / (rank->simulated.task_us * 1e-6), tasks = (double)master->tasks;
    const double seconds = (double)(master->done_ns - master->opened_ns) * 1e-9;
    uint64_t edge_ns[2];
    find_middle(&rank->simulated, edge_ns);
    const double first = ((double)edge_ns[0] - (double)master->opened_ns) * 1e-9;
    const double middle = (double)(edge_ns[1] - edge_ns[0]) * 1e-9, last = seconds - first - middle;
    printf("ranks=%d hosts=%d workers=%.0f tasks=%.0f chunks=%llu seconds=%.6f steady=%.4f all=%.4f ramp_lost=%.6f "
           "tail_lost=%.6f master=%.4f receiving=%.4f dealing=%.4f messages=%.4f\n",
           rank->net->size, rank->net->hosts, rank->simulated.workers, tasks, (unsigned long long)master->chunks,
           seconds, computed[1] / tasks_a_second / middle, tasks / tasks_a_second / seconds,
           first - computed[0] / tasks_a_second, last - (tasks - computed[0] - computed[1]) / tasks_a_second,
           rank->used_ns * 1e-9 / seconds, rank->receiving_ns * 1e-9 / seconds, rank->dealing_ns * 1e-9 / seconds,
           rank->sending_ns * 1e-9 / seconds);
}

int main(int argc, char **argv) {
    struct sim_rank rank = {0};
    struct sim_master master = {0};
    rp_error error = {0};
    const char *wrong = "";
    if (!sim_case_read(&rank.simulated, argc - 1, argv + 1, &wrong)) {
        fprintf(stderr, "sim_pool: \"%s\" is no name=number that is known; sim_case.h has them\n", wrong);
        return 2;
    }
    sim_bell_open(&rank.bell);
    MPI_Init(&argc, &argv); /* SMPI gives no threads, which a world of its own would ask for */
    if (rp__net_mpi_attach(&rank.net, MPI_Comm_c2f(MPI_COMM_WORLD), &rank.bell.net, &error)) {
        fprintf(stderr, "sim_pool: %s\n", error.text);
        return 3;
    }
    rank.out.pool = POOL;
    if (!find_peers(&rank) || !open_crew(&rank) || !open_master(&rank, &master)) fail(&rank, "out of memory");
    while (!rank.quit) step(&rank);
    if (rank.failed) rank.net->ops->abort(rank.net, 1);
    double own[2], computed[2];
    virtual_crew_computed(rank.crew, own);
    MPI_Reduce(own, computed, 2, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank.master) report(&rank, computed);
    for (int i = 0; rank.master && i < rank.net->size; i++) rp__outbox_free(&rank.to[i]);
    free(rank.to);
    free(rank.peer);
    rank.net->ops->close(rank.net);
    MPI_Finalize();
    sim_bell_close(&rank.bell);
    sim_master_free(rank.master);
    virtual_crew_free(rank.crew);
    rp__outbox_free(&rank.out);
    return 0;
}
