/* The loop of a rank: messages in, the crew's events, the master's decisions (rank 0), messages out, and when nothing
 * is to be done, sleep. It never blocks but in one place, rp__service_wait. */
#include "core/error.h"
#include "pool/world_state.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGES_MAX = 64,
    ACTIONS_MAX = 4096,
    WINDOW = 4 * 1024 * 1024 /* bytes of answers on their way from this rank to rank 0 */
};

static bool is_rank_0(const rp_world *world) { return world->net->rank == 0; }

/* This pool, or every one if it is NULL. World lock held. */
static void stop_pools(rp_world *world, const rp_pool *only, int code) {
    for (rp_pool *pool = world->pools; pool; pool = pool->next)
        if (!only || pool == only) rp__master_stop(pool->master);
    for (rp_map *map = world->maps; map; map = map->next) {
        if (only && map->pool != only) continue;
        if (code == RP_ESTOPPED) (void)rp__map_exchange(map); /* what is answered is to be read */
        rp__map_fail(map, code);
    }
    pthread_cond_broadcast(&world->changed);
}

/* The world cannot compute any more: whoever waits for it learns why. World lock held. */
static void fail_world(rp_world *world, int code, const char *text) {
    if (world->error.code) return;
    rp__fail(&world->error, code, "%s", text);
    rp__router_fail(world->router, code);
    stop_pools(world, NULL, code);
}

void rp__service_fail(rp_world *world, int code, const char *text) { fail_world(world, code, text); }

/* To rank 0, of what the outbox belongs to. */
static void tell_failure(rp_world *world, struct rp__outbox *outbox, const rp_error *error) {
    struct rp__frame frame = {.type = RP__FRAME_FAILED,
                              .count = (uint64_t)-error->code,
                              .data = (const uint8_t *)error->text,
                              .size = strlen(error->text)};
    if (rp__outbox_put(outbox, &frame)) world->net->ops->abort(world->net, 3);
}

/* This rank cannot go on: rank 0 is told, and ends the world in good order. */
static void fail_rank(rp_world *world, const rp_error *error) {
    if (world->failed) return;
    world->failed = true;
    tell_failure(world, &world->out, error);
}

/* A crew cannot be used, for want of room or of its initializer: that ends its pool, and nothing else. */
static void fail_crew(rp_world *world, struct rp__rank_crew *crew, const rp_error *error) {
    if (crew->failed) return;
    crew->failed = true;
    tell_failure(world, &crew->out, error);
}

/* World lock held. */
static void fail_pool(rp_pool *pool, int code, const char *text) {
    if (pool->error.code) return;
    rp__fail(&pool->error, code, "%s", text);
    stop_pools(pool->world, pool, code);
}

void rp__service_fail_pool(rp_pool *pool, int code, const char *text) { fail_pool(pool, code, text); }

/* ---- Messages ---- */

static struct rp__rank_crew *find_crew(const rp_world *world, uint32_t pool) {
    struct rp__rank_crew *crew = world->crews;
    while (crew && crew->pool != pool) crew = crew->next;
    return crew;
}

void rp__service_cancel(rp_world *world, uint32_t pool, uint32_t map) {
    struct rp__rank_crew *crew = find_crew(world, pool);
    if (crew && crew->crew) rp__crew_cancel(crew->crew, map);
}

static int pool_came(rp_world *world, const struct rp__frame *frame, rp_error *error) {
    struct rp__rank_crew *crew = find_crew(world, frame->pool);
    if (!crew) {
        crew = calloc(1, sizeof *crew);
        if (!crew) return rp__fail(error, RP_ENOMEM, "out of memory for a crew");
        crew->pool = crew->out.pool = frame->pool;
        crew->next = world->crews;
        world->crews = crew;
    }
    if (rp__buffer_append(&crew->wish_bytes, frame->data, frame->size))
        return rp__fail(error, RP_ENOMEM, "out of memory for a pool's options");
    if (frame->flags & RP__MORE) return 0;
    int rc =
        rp__wish_read(crew->wish_bytes.data, crew->wish_bytes.size, (uint32_t)world->net->size, &crew->wish, error);
    if (rc) return rc;
    if (crew->wish.options.kind == RP_WORKERS_INLINE) rp__lost_suspend(world);
    rc = rp__node_plan(world, crew, error);
    if (rc) {
        fail_crew(world, crew, error);
        return 0;
    }
    struct rp__buffer notes = {0};
    for (size_t i = 0; world->net->local_rank == 0 && i < crew->plan.notes; i++) { /* a host speaks once */
        if (notes.size) rp__buffer_append(&notes, "\n", 1);
        rp__buffer_append(&notes, crew->plan.note[i], strlen(crew->plan.note[i]));
    }
    struct rp__frame answer = {.type = RP__FRAME_CREW, .worker = crew->workers, .data = notes.data, .size = notes.size};
    if (rp__outbox_put(&crew->out, &answer)) rc = rp__fail(error, RP_ENOMEM, "out of memory for messages");
    rp__buffer_free(&notes);
    return rc;
}

/* A crew that cannot start is nobody's failure but its pool's. */
static void start_crew(rp_world *world, struct rp__rank_crew *crew, uint32_t first) {
    rp_error error = {0};
    if (rp__node_start(world, crew, first, &error)) fail_crew(world, crew, &error);
}

/* Its crew is closed, so nothing is left of it here. If it had not ended before, it was killed now. */
static void tell_process_gone(rp_world *world, uint32_t pool) {
    struct rp__outbox outbox = {.pool = pool};
    const struct rp__frame gone = {.type = RP__FRAME_DIED, .flags = RP__LAST, .count = 256 + SIGKILL};
    if (rp__outbox_put(&outbox, &gone)) world->net->ops->abort(world->net, 3);
    rp__service_send(world, 0, &outbox);
    rp__outbox_free(&outbox);
}

static int to_agent(rp_world *world, const struct rp__frame *frame, rp_error *error) {
    if (frame->type == RP__FRAME_QUIT) {
        atomic_store(&world->ending, true);
        world->quit = true;
        world->exit_code = (int)frame->count;
        return 0;
    }
    if (frame->type == RP__FRAME_SHARE) return rp__share_came(world, frame, error);
    if (frame->type == RP__FRAME_POOL) return pool_came(world, frame, error);
    struct rp__rank_crew *crew = find_crew(world, frame->pool);
    if (!crew) return 0; /* it could not be planned: rank 0 was told */
    if (frame->type == RP__FRAME_START) {
        start_crew(world, crew, frame->worker);
        return 0;
    }
    if (frame->type == RP__FRAME_POOL_END) {
        const bool process = crew->wish.process;
        rp__node_stop(world, crew);
        if (process) tell_process_gone(world, frame->pool);
        return 0;
    }
    int rc = crew->agent ? rp__agent_receive(crew->agent, frame) : 0;
    if (rc) rp__fail(error, rc, "a message from rank 0 cannot be followed: %s", rp_strerror(rc));
    return rc;
}

static void keep_notes(rp_pool *pool, const struct rp__frame *frame) {
    const char *at = (const char *)frame->data, *end = at + frame->size;
    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        if (!line) line = end;
        rp__pool_keep_note(pool, at, (size_t)(line - at));
        at = line + 1;
    }
}

void rp__service_end(rp_world *world, const char *why) { fail_world(world, RP_ESTOPPED, why); }

bool rp__service_signal(rp_world *world, int number, bool again) {
    bool drains;
    if (world->launch.rank_hint > 0) {
        drains = rp__world_drains_at(world, number);
    } else {
        rp__world_lock(world);
        drains = rp__world_drains_at(world, number);
        if (world->open && again)
            rp__service_end(world, rp_strerror(RP_ESTOPPED));
        else if (world->open)
            rp__world_heed(world, number);
        rp__world_unlock(world);
    }
    rp__service_ring(world);
    return drains;
}

/* A signal came before there was anything to stop, or to a rank that does not decide. */
static void pass_signal_on(rp_world *world) {
    const int number = atomic_load(&world->signalled);
    if (world->told_signal == number) return;
    world->told_signal = number;
    struct rp__frame frame = {.type = RP__FRAME_SIGNAL, .count = (uint64_t)number};
    if (rp__outbox_put(&world->out, &frame)) world->net->ops->abort(world->net, 3);
}

/* World lock held. */
static void to_master(rp_world *world, int source, const struct rp__frame *frame) {
    char text[sizeof world->error.text];
    int rc = 0;
    rp_pool *pool = world->pools;
    while (pool && pool->number != frame->pool) pool = pool->next;
    switch (frame->type) {
    case RP__FRAME_HELLO:
        world->hellos++;
        snprintf(world->rank[source].host, sizeof world->rank[source].host, "%.*s", (int)frame->size,
                 (const char *)frame->data);
        if (frame->begin != world->hash)
            fail_world(world, RP_EMISMATCH,
                       "ranks run different programs, or have different kernels or options for the world: start the "
                       "same one everywhere, and decide nothing by the rank before rp_world_open");
        pthread_cond_broadcast(&world->changed);
        return;
    case RP__FRAME_FAILED:
        snprintf(text, sizeof text, "rank %d: %.*s", source, (int)frame->size, (const char *)frame->data);
        if (!frame->pool)
            fail_world(world, -(int)frame->count, text);
        else if (pool)
            fail_pool(pool, -(int)frame->count, text);
        return;
    case RP__FRAME_SIGNAL:
        rp__world_heed(world, (int)frame->count);
        return;
    case RP__FRAME_SHARED:
        world->shared_ranks++;
        pthread_cond_broadcast(&world->changed);
        return;
    default:
        break;
    }
    if (!pool) return; /* of a pool that was closed */
    if (frame->type == RP__FRAME_CREW) keep_notes(pool, frame);
    if (pool->process && rp__process_told(pool->process, frame)) return;
    rc = rp__master_receive(pool->master, (uint32_t)source - pool->first_rank, frame);
    if (rc) {
        snprintf(text, sizeof text, "rank %d sent what cannot be taken: %s", source, rp_strerror(rc));
        fail_world(world, rc, text);
    }
    if (frame->type == RP__FRAME_WORKER || frame->type == RP__FRAME_CREW) pthread_cond_broadcast(&world->changed);
}

/* What a rank prints. World lock held, which the printer never holds up. */
static void print(rp_world *world, int source, const struct rp__frame *frame) {
    if (!world->printer) world->printer = rp__printer_new(STDOUT_FILENO, world->ranks);
    if (world->printer)
        rp__printer_add(world->printer, (uint32_t)source, frame);
    else
        fail_world(world, RP_ESYSTEM, "no thread can be started that prints the lines of tasks");
}

/* Of another rank, about a shared object. */
static void take_call(rp_world *world, int source, const struct rp__frame *frame) {
    const int rc = rp__router_receive(world->router, (uint32_t)source, frame);
    if (!rc) return;
    rp_error error;
    rp__fail(&error, rc, "a call of rank %d on a shared object cannot be taken: %s", source, rp_strerror(rc));
    fail_rank(world, &error);
}

/* Rank 0 says that this rank is gone. */
static void lose_calls(rp_world *world, uint32_t rank) {
    rp_error error;
    const int rc = rank < world->ranks ? rp__router_lose(world->router, rank) : RP_EPROTOCOL;
    if (rc == 0) return;
    rp__fail(&error, rc, "the calls of rank %u, which was lost, cannot be ended: %s", rank, rp_strerror(rc));
    fail_rank(world, &error);
}

/* true: something came but beats, which are nobody's work. */
static bool take_messages(rp_world *world) {
    rp_error error = {0};
    bool got = true, any = false;
    int count = 0, rc = 0;
    while (count < MESSAGES_MAX && rc == 0) {
        struct rp__net_message message;
        rc = world->net->ops->poll(world->net, &message, &got, &error);
        if (rc || !got) break;
        count++;
        if (world->rank && world->rank[message.source].lost) continue; /* too late: what it had was dealt to others */
        rp__lease_heard(&world->lease, (uint32_t)message.source);
        struct rp__frame frame;
        const uint8_t *at = message.data, *end = at + message.size;
        int more;
        while ((more = rp__frame_read(&at, end, &frame)) == 1) {
            if (frame.type == RP__FRAME_BEAT) continue;
            any = true;
            if (frame.type == RP__FRAME_CALL || frame.type == RP__FRAME_ANSWER) {
                take_call(world, message.source, &frame);
            } else if (frame.type == RP__FRAME_LOST) {
                lose_calls(world, frame.worker);
            } else if (frame.type == RP__FRAME_PRINT) {
                if (is_rank_0(world)) print(world, message.source, &frame);
            } else if (frame.type >= RP__FRAME_HELLO) {
                if (is_rank_0(world)) to_master(world, message.source, &frame);
            } else if (!world->failed || frame.type == RP__FRAME_QUIT || frame.type == RP__FRAME_POOL_END) {
                if (to_agent(world, &frame, &error)) fail_rank(world, &error);
            }
        }
        if (more < 0) rc = rp__fail(&error, more, "rank %d sent bytes that make no sense", message.source);
    }
    if (rc) {
        fail_rank(world, &error);
        if (is_rank_0(world)) fail_world(world, error.code, error.text);
    }
    return any;
}

/* To nobody. */
static void drop_messages(struct rp__outbox *outbox) {
    for (size_t i = 0; i < outbox->count; i++) rp__buffer_free(&outbox->message[i]);
    outbox->count = 0;
}

void rp__service_send(rp_world *world, int rank, struct rp__outbox *outbox) {
    rp_error error = {0};
    if (world->rank && world->rank[rank].lost) drop_messages(outbox);
    for (size_t i = 0; i < outbox->count; i++)
        if (world->net->ops->send(world->net, rank, &outbox->message[i], &error)) {
            if (is_rank_0(world))
                fail_world(world, error.code, error.text);
            else
                world->net->ops->abort(world->net, 3);
        }
    if (outbox->count) rp__lease_sent(&world->lease, (uint32_t)rank);
    outbox->count = 0;
}

/* ---- Rank 0 ---- */

static bool master_acts(rp_world *world, rp_pool *pool) {
    struct rp__frame frame;
    uint32_t rank;
    int count = 0;
    while (count < ACTIONS_MAX && rp__master_action(pool->master, &rank, &frame)) {
        count++;
        struct rp__outbox *outbox = &pool->to[rank];
        if (!outbox->count) pool->dirty[pool->dirty_count++] = rank;
        if (rp__outbox_put(outbox, &frame)) fail_world(world, RP_ENOMEM, "out of memory for messages");
    }
    for (uint32_t i = 0; i < pool->dirty_count; i++)
        rp__service_send(world, (int)(pool->first_rank + pool->dirty[i]), &pool->to[pool->dirty[i]]);
    pool->dirty_count = 0;
    return count > 0;
}

static void pass_time(rp_world *world) {
    const uint64_t now_ns = rp__now_ns();
    for (rp_pool *pool = world->pools; pool; pool = pool->next) rp__master_pass(pool->master, now_ns);
}

static bool masters_act(rp_world *world) {
    bool busy = false;
    const uint64_t now_ns = rp__now_ns(); /* no sleep is long enough to miss by much that a chunk is late */
    for (rp_pool **at = &world->pools, *pool; (pool = *at);) {
        if (pool->process) rp__process_look(pool->process);
        rp__master_tick(pool->master, now_ns);
        bool acted = master_acts(world, pool);
        busy |= acted;
        if (pool->ended && !acted) { /* its ranks were told */
            *at = pool->next;
            rp__pool_free(pool);
        } else {
            at = &pool->next;
        }
    }
    return busy;
}

/* When the pools' last messages are out. */
static void tell_to_quit(rp_world *world) {
    if (!world->closing || world->closed) return;
    world->closed = true;
    for (uint32_t rank = 0; rank < world->ranks; rank++) {
        struct rp__outbox outbox = {0};
        struct rp__frame quit = {.type = RP__FRAME_QUIT, .count = (uint64_t)world->exit_code};
        if (rp__outbox_put(&outbox, &quit)) world->net->ops->abort(world->net, 3);
        rp__service_send(world, (int)rank, &outbox);
        rp__outbox_free(&outbox);
    }
}

static void exchange_maps(rp_world *world) {
    for (rp_map *map = world->maps; map; map = map->next) {
        int rc = rp__map_exchange(map);
        if (rc) fail_world(world, rc, "results cannot be kept: out of memory, or the spill file cannot be read");
        uint64_t refused;
        bool closed = (map->closing || map->pool->closed) && rp__master_map_at_rest(map->state);
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

/* ---- One round ---- */

/* The lock is held for the masters' part only: an inline crew computes in rp__agent_poll. */
static void lock_masters(rp_world *world) {
    if (!is_rank_0(world)) return;
    while (atomic_load(&world->callers)) sched_yield();
    pthread_mutex_lock(&world->lock);
}

static void unlock_masters(rp_world *world) {
    if (is_rank_0(world)) pthread_mutex_unlock(&world->lock);
}

/* What each crew may add to what is on its way, all alike, so that none waits for another's large answers to end. */
static size_t room_of_each(const rp_world *world) {
    const size_t unsent = world->net->ops->unsent(world->net, 0);
    size_t crews = 0;
    for (const struct rp__rank_crew *crew = world->crews; crew; crew = crew->next) crews++;
    return crews && unsent < WINDOW ? (WINDOW - unsent) / crews : 0;
}

static bool poll_crews(rp_world *world) {
    bool busy = false;
    rp_error error = {0};
    const size_t room = room_of_each(world);
    for (struct rp__rank_crew *crew = world->crews; crew && !world->failed; crew = crew->next) {
        uint32_t events = 0;
        if (crew->agent) rp__agent_set_room(crew->agent, room);
        int rc = crew->agent ? rp__agent_poll(crew->agent, &events, &error) : 0;
        if (rc == 0 && crew->agent) rc = rp__agent_look(crew->agent, rp__now_ns());
        if (rc == RP_ETASK)
            fail_crew(world, crew, &error);
        else if (rc)
            fail_rank(world, &error);
        busy |= events > 0;
    }
    return busy;
}

/* Calls on shared objects: answers go on to workers, and who waits for one gives up its place. */
static void step_calls(rp_world *world) {
    const uint64_t now = rp__now_ns();
    rp_error error = {0};
    rp__router_step(world->router, now, &world->calls_ns);
    for (struct rp__rank_crew *crew = world->crews; crew && !world->failed; crew = crew->next) {
        int64_t next_ns = INT64_MAX;
        if (crew->agent && rp__agent_tick(crew->agent, now, &next_ns, &error)) fail_rank(world, &error);
        if (next_ns < world->calls_ns) world->calls_ns = next_ns > 0 ? next_ns : 0; /* negative: for ever */
    }
}

/* World lock held. */
static bool send_calls(rp_world *world) {
    struct rp__outbox outbox = {0};
    uint32_t rank;
    bool any = false;
    for (; rp__router_send(world->router, &rank, &outbox); any = true) rp__service_send(world, (int)rank, &outbox);
    rp__outbox_free(&outbox);
    return any;
}

/* World lock held. */
static void share(rp_world *world) {
    rp_error error = {0};
    if (world->to_share && rp__share_came(world, world->to_share, &error)) fail_rank(world, &error);
    world->to_share = NULL;
}

static void send_own(rp_world *world) {
    if (world->out.count) rp__service_send(world, 0, &world->out);
    for (struct rp__rank_crew *crew = world->crews; crew; crew = crew->next)
        if (crew->out.count) rp__service_send(world, 0, &crew->out);
}

void rp__service_step(rp_world *world, int64_t most_ns) {
    uint32_t before = world->rung;
    world->rung = rp__bell_read(world->bell);
    lock_masters(world);
    if (is_rank_0(world)) pass_time(world);
    rp__lease_look(&world->lease, rp__now_ns());
    bool busy = take_messages(world);
    rp__lost_look(world);
    unlock_masters(world);
    busy |= poll_crews(world);
    step_calls(world);
    pass_signal_on(world);
    lock_masters(world);
    share(world);
    send_own(world);
    busy |= send_calls(world);
    if (is_rank_0(world)) {
        exchange_maps(world);
        busy |= masters_act(world);
        rp__world_look_at_end(world);
        tell_to_quit(world);
    }
    unlock_masters(world);
    /* A ring counts, too: the message that it tells of may need more than one look to be there. */
    if (busy || world->rung != before)
        world->quiet_since = 0;
    else if (most_ns > 0)
        rp__service_wait(world, most_ns);
}

void rp__service_run(rp_world *world) {
    world->rung = rp__bell_read(world->bell);
    while (!world->quit) rp__service_step(world, INT64_MAX);
    while (world->crews) rp__node_stop(world, world->crews);
}

/* ---- Progress by the program's thread ---- */

static int64_t ns_until(const struct timespec *until) {
    return until->tv_sec * 1000000000 + until->tv_nsec - (int64_t)rp__now_ns();
}

static void step_from_call(rp_world *world, int64_t most_ns) {
    world->computing = true;
    rp__service_step(world, most_ns);
    world->computing = false;
}

int rp__world_wait(rp_world *world, pthread_cond_t *changed, pthread_mutex_t *lock, const struct timespec *until) {
    if (!world->attached)
        return until ? pthread_cond_timedwait(changed, lock, until) : pthread_cond_wait(changed, lock);
    int64_t left_ns = until ? ns_until(until) : INT64_MAX;
    if (left_ns <= 0) return ETIMEDOUT;
    pthread_mutex_unlock(lock);
    step_from_call(world, left_ns);
    pthread_mutex_lock(lock);
    return 0;
}

void rp__world_nudge(rp_world *world) {
    if (world->attached && !world->computing) step_from_call(world, 0);
}
