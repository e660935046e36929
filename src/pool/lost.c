/* Ranks that are lost: how that is noticed where nobody says so, and what becomes of the rest.
 *
 * Rank 0 and every other rank give each other signs of life (core/lease.h). The one that hears nothing from the other for
 * as long as the lease gives it up: rank 0 ends the world, another rank ends itself and its family. So whatever stops,
 * whatever is cut off, all of it ends within the lease and some seconds, on both sides of the cut.
 * A rank that computes in its service thread, in an inline crew, cannot send meanwhile, nor can one of an attached world
 * outside of calls: there is no lease for these.
 *
 * Where the transport survives a loss, only what was at the lost rank is lost. Elsewhere MPI_Finalize would wait for it
 * for ever, so a world that has lost a rank ends by MPI_Abort, once the program has closed it; and so does any world that
 * has given up a rank which for MPI still lives. */
#include "core/error.h"
#include "pool/world_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LEASE_LEAST_S = 3, LEASE_DEFAULT_S = 30, LEAVE_MS = 1000, PRINT_STUCK_MS = 2000 };

/* Shorter than three beats it would give up who is only slow. */
static double lease_s(const rp_world_options *options) {
    const double asked = options->lease;
    if (asked == 0) return LEASE_DEFAULT_S;
    return asked < LEASE_LEAST_S ? LEASE_LEAST_S : asked > 1e9 ? 1e9 : asked;
}

uint64_t rp__lost_lease_ns(const rp_world_options *options) {
    return options->lease < 0 ? 0 : (uint64_t)(lease_s(options) * 1e9);
}

int rp__lost_begin(rp_world *world, rp_error *error) {
    if (world->net->rank == 0) {
        world->rank = calloc(world->ranks, sizeof *world->rank);
        if (!world->rank) return rp__fail(error, RP_ENOMEM, "out of memory for the list of ranks");
    }
    if (world->attached || world->ranks == 1 || world->options.lease < 0) return 0;
    const uint64_t lease_ns = rp__lost_lease_ns(&world->options);
    const uint32_t first = world->net->rank == 0, peers = first ? world->ranks - 1 : 1;
    if (rp__lease_begin(&world->lease, first, peers, lease_ns, rp__now_ns()))
        return rp__fail(error, RP_ENOMEM, "out of memory for the leases of ranks");
    world->net->close_ns = lease_ns;
    return 0;
}

void rp__lost_suspend(rp_world *world) {
    rp__lease_end(&world->lease);
    world->net->close_ns = 0;
}

void rp__lost_free(rp_world *world) {
    rp__lease_end(&world->lease);
    free(world->rank);
}

/* Nobody is woken for it: who sleeps looks by itself many times in a lease. */
static void send_beat(rp_world *world, uint32_t rank) {
    struct rp__outbox outbox = {0};
    const struct rp__frame beat = {.type = RP__FRAME_BEAT};
    if (rp__outbox_put(&outbox, &beat) == 0) { /* without memory it is the next round's */
        world->net->hush = true;
        rp__service_send(world, (int)rank, &outbox);
        world->net->hush = false;
    }
    rp__outbox_free(&outbox);
}

/* This rank is cut off: its family ends with it, and with an error, by which its launcher knows. */
static void end_alone(rp_world *world, const char *why) {
    if (world->quit) return;
    atomic_store(&world->ending, true);
    world->lost = true;
    world->quit = true;
    rp__fail(&world->error, RP_ELOST, "rank %d on %s %s", world->net->rank, world->host, why);
}

static void end_unheard(rp_world *world) {
    char why[160];
    snprintf(why, sizeof why,
             "has heard nothing from rank 0 for %g s and ends: rank 0 was stopped, or its host or the network is down; "
             "look there, and start again",
             lease_s(&world->options));
    end_alone(world, why);
}

static void give_up(rp_world *world, uint32_t rank) {
    char why[160];
    world->rank[rank].silent = true;
    snprintf(why, sizeof why,
             "it has not been heard of for %g s: it was stopped, or its host or the network is down; look there%s",
             lease_s(&world->options), world->net->survives ? "" : ", and start again");
    rp__rank_lost(world, (int)rank, why);
}

void rp__lost_look(rp_world *world) {
    uint32_t rank;
    for (enum rp__lease_call call; (call = rp__lease_next(&world->lease, &rank));) {
        if (call == RP__LEASE_BEAT)
            send_beat(world, rank);
        else if (world->net->rank == 0)
            give_up(world, rank);
        else
            end_unheard(world);
    }
    /* A transport that survives a death knows of it at once. The others learn from rank 0 what it means for them. */
    for (int gone; world->net->ops->lost && world->net->ops->lost(world->net, &gone);) {
        if (world->net->rank == 0) {
            world->rank[gone].silent = false;
            rp__rank_lost(world, gone, "its process died, or its host");
        } else if (gone == 0) {
            end_alone(world, "ends, since the process of rank 0 died, or its host; start again");
        }
    }
}

/* ---- Rank 0: what becomes of the rest. World lock held ---- */

/* Its worker is gone with the rank, and so is its pool. */
static void end_process(rp_process *process, const char *text) {
    struct rp__frame died = {
        .type = RP__FRAME_DIED, .count = 256 + SIGKILL, .data = (const uint8_t *)text, .size = strlen(text)};
    rp__process_told(process, &died);
    died.flags = RP__LAST;
    rp__process_told(process, &died);
}

static void lose_in_pool(rp_pool *pool, uint32_t rank, const char *text) {
    if (rank < pool->first_rank || rank - pool->first_rank >= pool->ranks) return;
    rp__pool_keep_note(pool, text, strlen(text));
    if (pool->process) {
        rp__master_stop(pool->master);
        end_process(pool->process, text);
        return;
    }
    const int rc = rp__master_lose(pool->master, rank - pool->first_rank);
    if (rc) rp__service_fail_pool(pool, rc, text);
}

/* All of them, this one too: calls on objects that lived there end. */
static void tell_ranks(rp_world *world, uint32_t lost) {
    const struct rp__frame frame = {.type = RP__FRAME_LOST, .worker = lost};
    for (uint32_t rank = 0; rank < world->ranks; rank++) {
        struct rp__outbox outbox = {0};
        if (rp__outbox_put(&outbox, &frame)) rp__service_fail(world, RP_ENOMEM, "out of memory for messages");
        rp__service_send(world, (int)rank, &outbox);
        rp__outbox_free(&outbox);
    }
}

void rp__rank_lost(rp_world *world, int rank, const char *why) {
    char text[sizeof world->error.text];
    struct rp__world_rank *lost = &world->rank[rank];
    if (lost->lost || world->closed) return;
    lost->lost = true;
    /* Before all ranks are there nothing can be computed without it, and what is being shared goes through it. */
    const bool survives = world->net->survives && world->hellos >= world->ranks && !world->sharing;
    snprintf(text, sizeof text, "rank %d on %s was lost%s: %s", rank, lost->host[0] ? lost->host : "a host unknown yet",
             survives ? ", its tasks went to others" : "", why);
    if (!survives) {
        world->lost = true;
        rp__service_fail(world, RP_ELOST, text);
        return;
    }
    for (rp_pool *pool = world->pools; pool; pool = pool->next) lose_in_pool(pool, (uint32_t)rank, text);
    world->ranks_lost++;
    tell_ranks(world, (uint32_t)rank);
    pthread_cond_broadcast(&world->changed);
}

/* ---- Rank 0: the end ---- */

bool rp__lost_is_stuck(const rp_world *world) {
    bool silent = false;
    for (uint32_t rank = 0; rank < world->ranks; rank++) silent |= world->rank[rank].silent;
    return world->lost || silent;
}

/* The other ranks have a moment to hear that they are to quit. What main and its tasks have printed must be out: the
 * process ends in here. */
void rp__lost_leave(rp_world *world) {
    const uint64_t until_ns = rp__now_ns() + LEAVE_MS * UINT64_C(1000000);
    struct rp__net_message dropped;
    bool got = true;
    int rc = 0;
    while (rc == 0 && rp__now_ns() < until_ns) {
        rc = world->net->ops->poll(world->net, &dropped, &got, NULL);
        if (!got) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    rp__printer_finish(world->printer, PRINT_STUCK_MS);
    fflush(NULL);
    world->net->ops->abort(world->net, world->exit_code);
}
