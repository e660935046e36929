/* The loop of a rank: messages in, the crew's events, the master's decisions (rank 0), messages out, and when nothing
 * is to be done, sleep. It never blocks but in one place, wait_for_work.
 *
 * How long to sleep: whoever has something for this rank rings its bell, if it can: workers, the program's threads,
 * ranks of this host. Messages of other hosts cannot, so with them the sleep bounds the latency. While a worker idles
 * the sleep is a part of the time since something last happened, so a wait costs at most that part more; the loop
 * spins for a moment first, which is what a round trip of a small task takes. */
#include "core/error.h"
#include "pool/world_state.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    SPIN_NS = 20 * 1000,
    YIELD_NS = 60 * 1000,
    SLEEP_REMOTE_NS = 1000 * 1000,     /* other hosts may have work for us, or need us */
    SLEEP_QUIET_NS = 5 * 1000 * 1000,  /* other hosts may have something, but nobody waits for it */
    SLEEP_LOCAL_NS = 20 * 1000 * 1000, /* whoever has something rings, but a dead nursery cannot */
    SLEEP_SENDING_NS = 100 * 1000,     /* messages need our polls to leave */
    FEW = 4,
    MESSAGES_MAX = 64,
    ACTIONS_MAX = 4096
};

uint64_t rp__now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The world cannot compute any more: whoever waits for it learns why. World lock held. */
static void fail_world(rp_world *world, int code, const char *text) {
    if (world->error.code) return;
    rp__fail(&world->error, code, "%s", text);
    if (world->master) rp__master_stop(world->master);
    for (rp_map *map = world->maps; map; map = map->next) rp__map_fail(map, code);
    pthread_cond_broadcast(&world->changed);
}

/* This rank cannot go on: rank 0 is told, and ends the world in good order. */
static void fail_rank(rp_world *world, const rp_error *error) {
    if (world->failed) return;
    world->failed = true;
    struct rp__frame frame = {.type = RP__FRAME_FAILED,
                              .count = (uint64_t)-error->code,
                              .data = (const uint8_t *)error->text,
                              .size = strlen(error->text)};
    if (rp__outbox_put(&world->out, &frame)) world->net->ops->abort(world->net, 3);
}

/* ---- Messages ---- */

static void crew_notes(rp_world *world) {
    struct rp__buffer notes = {0};
    for (size_t i = 0; world->net->local_rank == 0 && i < world->plan.notes; i++) { /* a host speaks once */
        if (notes.size) rp__buffer_append(&notes, "\n", 1);
        rp__buffer_append(&notes, world->plan.note[i], strlen(world->plan.note[i]));
    }
    uint32_t workers = world->plan.workers[world->net->local_rank];
    struct rp__frame frame = {.type = RP__FRAME_CREW, .worker = workers, .data = notes.data, .size = notes.size};
    if (rp__outbox_put(&world->out, &frame)) world->net->ops->abort(world->net, 3);
    rp__buffer_free(&notes);
}

static int to_agent(rp_world *world, const struct rp__frame *frame, rp_error *error) {
    struct rp__pool_wish wish;
    int rc = 0;
    switch (frame->type) {
    case RP__FRAME_POOL:
        if (frame->size != sizeof wish) return rp__fail(error, RP_EPROTOCOL, "rank 0 runs another version");
        memcpy(&wish, frame->data, sizeof wish);
        rc = rp__node_plan(world, &wish, error);
        if (rc == 0) crew_notes(world);
        return rc;
    case RP__FRAME_START:
        return rp__node_start(world, frame->worker, error);
    case RP__FRAME_POOL_END:
        rp__node_stop(world);
        return 0;
    case RP__FRAME_QUIT:
        world->quit = true;
        world->exit_code = (int)frame->count;
        return 0;
    default:
        if (world->agent && (rc = rp__agent_receive(world->agent, frame)))
            rp__fail(error, rc, "a message from rank 0 cannot be followed: %s", rp_strerror(rc));
        return rc;
    }
}

/* Hosts say the same in the same words: once is enough. Out of memory, a note is lost and nothing else. */
static void keep_note(rp_world *world, const char *text, size_t length) {
    for (size_t i = 0; i < world->notes; i++)
        if (strlen(world->note[i]) == length && !memcmp(world->note[i], text, length)) return;
    char **note = realloc(world->note, (world->notes + 1) * sizeof *note);
    if (!note) return;
    world->note = note;
    note[world->notes] = strndup(text, length);
    if (note[world->notes]) world->notes++;
}

static void keep_notes(rp_world *world, const struct rp__frame *frame) {
    const char *at = (const char *)frame->data, *end = at + frame->size;
    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        if (!line) line = end;
        keep_note(world, at, (size_t)(line - at));
        at = line + 1;
    }
}

static void stop_by_signal(rp_world *world) { fail_world(world, RP_ESTOPPED, "stopped by a signal"); }

void rp__service_stop(rp_world *world) {
    if (world->launch.rank_hint <= 0) {
        rp__world_lock(world);
        if (world->open) stop_by_signal(world);
        rp__world_unlock(world);
    }
    rp__service_ring(world);
}

/* A signal came before there was anything to stop, or to a rank that does not decide. */
static void pass_signal_on(rp_world *world) {
    if (world->told_signal || !atomic_load(&world->signalled)) return;
    world->told_signal = true;
    struct rp__frame frame = {.type = RP__FRAME_SIGNAL, .count = (uint64_t)atomic_load(&world->signalled)};
    if (rp__outbox_put(&world->out, &frame)) world->net->ops->abort(world->net, 3);
}

/* World lock held. */
static void to_master(rp_world *world, int source, const struct rp__frame *frame) {
    char text[sizeof world->error.text];
    int rc = 0;
    switch (frame->type) {
    case RP__FRAME_HELLO:
        world->hellos++;
        if (frame->begin != world->hash)
            fail_world(world, RP_EMISMATCH,
                       "ranks run different programs or kernel tables: start the same one everywhere");
        pthread_cond_broadcast(&world->changed);
        return;
    case RP__FRAME_FAILED:
        snprintf(text, sizeof text, "rank %d: %.*s", source, (int)frame->size, (const char *)frame->data);
        fail_world(world, -(int)frame->count, text);
        return;
    case RP__FRAME_SIGNAL:
        stop_by_signal(world);
        return;
    case RP__FRAME_CREW:
        keep_notes(world, frame);
        break;
    default:
        break;
    }
    rc = rp__master_receive(world->master, (uint32_t)source, frame);
    if (rc) {
        snprintf(text, sizeof text, "rank %d sent what cannot be taken: %s", source, rp_strerror(rc));
        fail_world(world, rc, text);
    }
    if (frame->type == RP__FRAME_WORKER) pthread_cond_broadcast(&world->changed);
}

static bool take_messages(rp_world *world) {
    rp_error error = {0};
    bool got = true;
    int count = 0, rc = 0;
    while (count < MESSAGES_MAX && rc == 0) {
        struct rp__net_message message;
        rc = world->net->ops->poll(world->net, &message, &got, &error);
        if (rc || !got) break;
        count++;
        struct rp__frame frame;
        const uint8_t *at = message.data, *end = at + message.size;
        int more;
        while ((more = rp__frame_read(&at, end, &frame)) == 1) {
            if (frame.type >= RP__FRAME_HELLO) {
                if (world->master) to_master(world, message.source, &frame);
            } else if (!world->failed || frame.type == RP__FRAME_QUIT || frame.type == RP__FRAME_POOL_END) {
                if (to_agent(world, &frame, &error)) fail_rank(world, &error);
            }
        }
        if (more < 0) rc = rp__fail(&error, more, "rank %d sent bytes that make no sense", message.source);
    }
    if (rc) {
        fail_rank(world, &error);
        if (world->master) fail_world(world, error.code, error.text);
    }
    return count > 0;
}

static void send_all(rp_world *world, int rank, struct rp__outbox *outbox) {
    rp_error error = {0};
    for (size_t i = 0; i < outbox->count; i++)
        if (world->net->ops->send(world->net, rank, &outbox->message[i], &error)) {
            if (world->master)
                fail_world(world, error.code, error.text);
            else
                world->net->ops->abort(world->net, 3);
        }
    outbox->count = 0;
}

/* ---- Rank 0 ---- */

static bool master_acts(rp_world *world) {
    struct rp__frame frame;
    uint32_t rank;
    int count = 0;
    while (count < ACTIONS_MAX && rp__master_action(world->master, &rank, &frame)) {
        count++;
        struct rp__outbox *outbox = &world->to[rank];
        if (!outbox->count) world->dirty[world->dirty_count++] = rank;
        if (rp__outbox_put(outbox, &frame)) fail_world(world, RP_ENOMEM, "out of memory for messages");
    }
    for (uint32_t i = 0; i < world->dirty_count; i++)
        send_all(world, (int)world->dirty[i], &world->to[world->dirty[i]]);
    world->dirty_count = 0;
    return count > 0;
}

static void exchange_maps(rp_world *world) {
    for (rp_map *map = world->maps; map; map = map->next) {
        int rc = rp__map_exchange(map);
        if (rc) fail_world(world, rc, "results cannot be kept: out of memory, or the spill file cannot be read");
        uint64_t refused;
        bool closed = map->closing && rp__master_map_idle(map->state);
        bool canceled = map->canceling && !rp__master_map_canceling(map->state, &refused);
        if (closed || canceled) pthread_cond_broadcast(&world->changed);
    }
}

void rp__world_lock(rp_world *world) {
    atomic_fetch_add(&world->callers, 1);
    pthread_mutex_lock(&world->lock);
    atomic_fetch_sub(&world->callers, 1);
}

void rp__world_unlock(rp_world *world) { pthread_mutex_unlock(&world->lock); }

/* ---- Waiting ---- */

/* srun copies stdin to every rank, and a rank that does not read it stalls rank 0. true: something was there. */
static bool drain_stdin(rp_world *world) {
    char bytes[65536];
    struct pollfd in = {.fd = 0, .events = POLLIN};
    if (!world->drain_stdin || poll(&in, 1, 0) <= 0) return false;
    ssize_t n = read(0, bytes, sizeof bytes);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) world->drain_stdin = false;
    return n > 0;
}

static int64_t sleep_for(const rp_world *world, uint64_t quiet_ns) {
    bool remote = world->net->hosts > 1, busy = world->agent && !rp__agent_idle(world->agent);
    int64_t most = SLEEP_LOCAL_NS;
    if (remote) most = world->agent && (world->master ? world->maps != NULL : !busy) ? SLEEP_REMOTE_NS : SLEEP_QUIET_NS;
    if (world->net->ops->pending(world->net) && most > SLEEP_SENDING_NS) most = SLEEP_SENDING_NS;
    /* While every worker computes, one of them will ring. */
    int64_t now = busy ? most : (int64_t)(quiet_ns / 4);
    return now < most ? now : most;
}

/* A few short chunks and no more: their answers come sooner than a sleep would end. Where many stream, the workers ring
 * when it is worth while. */
static bool answers_soon(const struct rp__agent *agent) {
    uint64_t chunk_ns = rp__agent_chunk_ns(agent);
    return chunk_ns && chunk_ns < SPIN_NS && rp__agent_held(agent) < FEW;
}

static void wait_for_work(rp_world *world, uint32_t seen, uint64_t *since) {
    uint64_t now = rp__now_ns();
    if (!*since) *since = now;
    uint64_t quiet = now - *since;
    bool idle = !world->agent || rp__agent_idle(world->agent);
    if (quiet < SPIN_NS && (idle || answers_soon(world->agent))) return;
    if (quiet < YIELD_NS && idle) {
        sched_yield();
        return;
    }
    if (world->out.count || drain_stdin(world)) return;
    rp__bell_wait(world->bell, seen, sleep_for(world, quiet));
}

/* The lock is held for the master's part only: an inline crew computes in rp__agent_poll. */
static void lock_master(rp_world *world) {
    if (!world->master) return;
    while (atomic_load(&world->callers)) sched_yield();
    pthread_mutex_lock(&world->lock);
}

static void unlock_master(rp_world *world) {
    if (world->master) pthread_mutex_unlock(&world->lock);
}

void rp__service_run(rp_world *world) {
    uint64_t since = 0;
    uint32_t seen = rp__bell_read(world->bell);
    while (!world->quit) {
        uint32_t events = 0, before = seen;
        rp_error error = {0};
        seen = rp__bell_read(world->bell);
        lock_master(world);
        bool busy = take_messages(world);
        unlock_master(world);
        if (world->agent && !world->failed && rp__agent_poll(world->agent, &events, &error)) fail_rank(world, &error);
        pass_signal_on(world);
        lock_master(world);
        if (world->out.count) send_all(world, 0, &world->out);
        if (world->master) {
            exchange_maps(world);
            busy |= master_acts(world);
        }
        unlock_master(world);
        /* A ring counts, too: the message that it tells of may need more than one look to be there. */
        if (busy || events || seen != before)
            since = 0;
        else
            wait_for_work(world, seen, &since);
    }
    rp__node_stop(world);
}
