/* Maps, the program's side: tasks are put in, records are taken out, by any thread of rank 0.
 *
 * What is put gathers in `feed` until the service fetches it; parts of results gather in `ready` until the reader
 * takes them all at once. So the program and the service meet once a batch, not once a task. */
#include "core/error.h"
#include "core/record.h"
#include "pool/collector.h"
#include "pool/world_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HELD_MAX = 16 * 1024 * 1024, HELD_LOW = 12 * 1024 * 1024, HAND_OVER = 1024 * 1024 };
/* How many inputs a lazy map takes ahead of what was read, at first for each worker, and at most. */
enum { WINDOW_MIN = 4, WINDOW_MAX = 64 * 1024, WINDOW_NS = 20 * 1000 * 1000 };
static const double SOURCE_PATIENCE_S = 1e-3, SECONDS_MOST = 1e9;

int rp__find_kernel(const rp_world *world, const char *name, uint32_t *index) {
    for (uint32_t i = 0; name && world->options.kernels[i]; i++)
        if (!strcmp(world->options.kernels[i]->name, name)) {
            *index = i;
            return 0;
        }
    return RP_EINVAL;
}

/* No chunk of more than `most` tasks, whatever the schedule. */
static int limit_chunks(rp_map_options *options, uint64_t most) {
    if (options->chunk_min > most || options->reduce > most || options->edge > most) return RP_EINVAL;
    if (!options->chunk_max || options->chunk_max > most) options->chunk_max = most;
    if (options->chunk_best > most) options->chunk_best = most;
    if (options->schedule.chunk > most) options->schedule.chunk = most;
    if (!options->schedule.chunk && options->schedule.kind == RP_STATIC) options->schedule.chunk = most;
    return 0;
}

static int check(const rp_pool *pool, const rp_map_options *options, struct rp__map_spec *spec, rp_error *error) {
    const rp_world *world = pool->world;
    uint32_t workers = rp_pool_workers(pool);
    if (rp__world_check_caller(world, error)) return RP_EINVAL;
    if ((unsigned)options->schedule.kind > RP_FACTORING)
        return rp__fail(error, RP_EINVAL, "there is no schedule %d: give one from RP_AUTO to RP_FACTORING",
                        (int)options->schedule.kind);
    if (rp__find_kernel(world, options->kernel, &spec->kernel))
        return rp__fail(error, RP_EINVAL, "no kernel is called %s: name one of the world's table",
                        options->kernel ? options->kernel : "NULL");
    if (options->chunk_max && options->chunk_min > options->chunk_max)
        return rp__fail(error, RP_EINVAL, "chunk_min is above chunk_max");
    if (options->chunk_best &&
        (options->chunk_best < options->chunk_min || (options->chunk_max && options->chunk_best > options->chunk_max)))
        return rp__fail(error, RP_EINVAL, "chunk_best is not between chunk_min and chunk_max");
    if (options->each_worker && options->count != workers)
        return rp__fail(error, RP_EINVAL, "a task for each worker needs as many tasks as workers, %u", workers);
    if (options->active > workers)
        return rp__fail(error, RP_EINVAL, "%u active workers were asked for and the pool has %u", options->active,
                        workers);
    if (options->source && options->count != RP_FED)
        return rp__fail(error, RP_EINVAL, "a map with a source needs the count RP_FED");
    if (options->args_size && !options->args)
        return rp__fail(error, RP_EINVAL, "%zu bytes of arguments were promised, and args is NULL", options->args_size);
    if (!(options->timeout >= 0 && options->timeout <= SECONDS_MOST))
        return rp__fail(error, RP_EINVAL, "timeout is %g: give seconds up to %g, or 0 for any time", options->timeout,
                        SECONDS_MOST);
    if (options->timeout > 0 && pool->options.kind != RP_WORKERS_PROCESS)
        return rp__fail(error, RP_EUNSUPPORTED,
                        "a task cannot be ended in threads and inline workers: use processes, or no timeout");
    spec->options = *options;
    spec->range = world->options.kernels[spec->kernel]->range != NULL;
    if (spec->range && options->count == RP_FED)
        return rp__fail(error, RP_EINVAL, "kernel %s computes ranges, and tasks that are put have none",
                        options->kernel);
    if (options->grows && (options->count != RP_FED || options->reduce))
        return rp__fail(error, RP_EINVAL, "a map grows from tasks that are put: count must be RP_FED, and reduce 0");
    if (options->reduce) {
        if (spec->range || !world->options.kernels[spec->kernel]->combine)
            return rp__fail(error, RP_EINVAL, "kernel %s cannot be reduced: it needs item and combine",
                            options->kernel);
        if (options->edge || options->wall || options->each_worker)
            return rp__fail(error, RP_EINVAL, "reduce cuts the map into its own blocks: no edge, wall or each_worker");
        spec->options.edge = options->reduce;
        spec->options.edge_phase = 0;
    }
    if (rp__check_resume(options, error)) return RP_EINVAL;
    if (pool->options.maxtasksperchild && limit_chunks(&spec->options, pool->options.maxtasksperchild))
        return rp__fail(error, RP_EINVAL, "its chunks are of more tasks than maxtasksperchild, %llu",
                        (unsigned long long)pool->options.maxtasksperchild);
    spec->once = !options->retries && world->options.kernels[spec->kernel]->flags & RP_ONCE;
    if (spec->once) spec->options.retries = UINT32_MAX;
    spec->pure = world->options.kernels[spec->kernel]->flags & RP_PURE;
    return 0;
}

static rp_map *new_map(rp_pool *pool) {
    rp_map *map = calloc(1, sizeof *map);
    if (!map) return NULL;
    map->aside = rp__spill_new();
    if (!map->aside) {
        free(map);
        return NULL;
    }
    map->world = pool->world;
    map->pool = pool;
    map->ready_tail = &map->ready;
    map->opened_s = rp__now_s();
    pthread_mutex_init(&map->lock, NULL);
    rp__condition_init(&map->readable);
    rp__condition_init(&map->writable);
    return map;
}

static void free_parts(struct rp__part *part) {
    for (struct rp__part *next; part; part = next) {
        next = part->next;
        rp__part_free(part);
    }
}

static void free_map(rp_map *map) {
    free_parts(map->ready);
    free_parts(map->reading);
    free_parts(map->read);
    free_parts(map->spent);
    rp__buffer_free(&map->feed);
    rp__buffer_free(&map->reduced);
    rp__spill_free(map->aside);
    pthread_cond_destroy(&map->readable);
    pthread_cond_destroy(&map->writable);
    pthread_mutex_destroy(&map->lock);
    free(map);
}

int rp_map_open(rp_pool *pool, const rp_map_options *options, rp_map **out, rp_error *error) {
    if (!pool || !options || !out) return rp__fail(error, RP_EINVAL, "rp_map_open needs a pool, options and a result");
    return rp__map_open(pool, options, NULL, out, error);
}

int rp__map_open(rp_pool *pool, const rp_map_options *options, struct rp__collector *collector, rp_map **out,
                 rp_error *error) {
    rp_world *world = pool->world;
    struct rp__map_spec spec = {0};
    int rc = check(pool, options, &spec, error);
    if (rc) return rc;
    rp_map *map = new_map(pool);
    if (!map) return rp__fail(error, RP_ENOMEM, "out of memory for a map");
    spec.aside = rp__spill_aside(map->aside);
    spec.keep_all = collector != NULL;
    map->collector = collector;
    map->source = options->source;
    map->source_context = options->source_context;
    map->window = WINDOW_MIN * (uint64_t)rp_pool_workers(pool);
    map->range = spec.range;
    map->reduce = options->reduce;
    if (!spec.range && !options->unordered) map->combine = world->options.kernels[spec.kernel]->combine;
    map->fed = options->count == RP_FED;
    map->wanted = options->inputs;
    map->wanted_digest = options->inputs_digest;
    rp__world_lock(world);
    const rp_error *why = world->error.code ? &world->error : &pool->error;
    rc = why->code ? why->code : pool->closed ? RP_ECLOSED : rp__master_map_open(pool->master, &spec, &map->state);
    if (rc == 0) {
        rp_map **last = &world->maps;
        while (*last) last = &(*last)->next;
        *last = map;
        map->skip = rp__master_map_skip(map->state);
        pool->maps_open++;
    } else if (why->code) {
        rp__fail(error, rc, "%s", why->text);
    } else if (rc == RP_ECLOSED) {
        rp__fail(error, rc, "the pool is closed: no more maps can be opened on it");
    } else {
        rp__fail(error, rc, "out of memory for a map");
    }
    rp__world_unlock(world);
    if (rc) {
        free_map(map);
        return rc;
    }
    rp__service_ring(world);
    *out = map;
    return 0;
}

/* Whoever takes the results of a map itself must not wait for them to make room. */
static bool is_full(const rp_map *map) {
    /* Inside a block nobody waits: before it is whole it is not dealt, so nothing might ever make room. */
    bool inside = map->reduce && map->fed_tasks % map->reduce;
    return !map->collector && !map->source && !inside && !rp__is_input_skipped(map) &&
           map->held + map->feed.size > HELD_MAX;
}

/* The next record of `feed`: of a task that is skipped an empty one, which keeps its number. Map lock held. */
static int put_record(rp_map *map, const void *input, size_t size) {
    const size_t kept = rp__is_input_skipped(map) ? 0 : size;
    uint8_t *at = rp__buffer_reserve(&map->feed, RP__RECORD_HEAD_MAX + kept);
    if (!at) return RP_ENOMEM;
    size_t head = rp__record_head(at, kept, false);
    if (kept) memcpy(at + head, input, kept);
    map->feed.size += head + kept;
    map->feed_tasks++;
    map->fed_tasks++;
    if (!map->grain || map->fed_tasks % map->grain == 0) {
        map->whole_tasks = map->feed_tasks;
        map->whole_size = map->feed.size;
    }
    return rp__count_input(map, input, size);
}

static void unlock(void *mutex) { pthread_mutex_unlock(mutex); }

/* Map lock held. A thread may be canceled in here, if it had that allowed: there may be no room any more. Not where the
 * wait makes the world's progress. */
static void wait_for_room(rp_map *map, int cancelable) {
    int before;
    pthread_cleanup_push(unlock, &map->lock);
    pthread_setcancelstate(map->world->attached ? PTHREAD_CANCEL_DISABLE : cancelable, &before);
    rp__world_wait(map->world, &map->writable, &map->lock, NULL);
    pthread_setcancelstate(before, NULL);
    pthread_cleanup_pop(0);
}

static int put(rp_map *map, const void *input, size_t size, int cancelable) {
    pthread_mutex_lock(&map->lock);
    while (is_full(map) && !map->error && !map->ended && !map->closing) wait_for_room(map, cancelable);
    int rc = map->error == RP_EMISMATCH ? RP_EMISMATCH : map->error || map->ended || map->closing ? RP_ECLOSED : 0;
    bool first = map->feed_tasks == 0;
    if (rc == 0) rc = put_record(map, input, size);
    pthread_mutex_unlock(&map->lock);
    if (rc == RP_EMISMATCH) rp__map_fail(map, rc);
    if (first && rc == 0) rp__service_ring(map->world);
    return rc;
}

int rp_map_put(rp_map *map, const void *input, size_t size) {
    if (!map || !map->fed || map->source || (size && !input) || size > PTRDIFF_MAX) return RP_EINVAL;
    if (rp__world_is_in_task(map->world)) return RP_EINVAL;
    int before; /* a thread that is canceled with the map's lock would keep it for ever */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    int rc = put(map, input, size, before);
    pthread_setcancelstate(before, NULL);
    return rc;
}

void rp_map_end(rp_map *map) {
    if (!map || rp__world_is_in_task(map->world)) return;
    pthread_mutex_lock(&map->lock);
    const bool short_of = map->fed_tasks < map->wanted;
    map->ended = true;
    pthread_mutex_unlock(&map->lock);
    if (short_of) rp__map_fail(map, RP_EMISMATCH);
    rp__service_ring(map->world);
}

/* What was put, to the master: but for the last grain, if there may be more of it. Map lock held. */
static int feed_master(rp_map *map) {
    const uint64_t tasks = map->ended ? map->feed_tasks : map->whole_tasks;
    const size_t size = map->ended ? map->feed.size : map->whole_size;
    struct rp__buffer rest = {0};
    if (!tasks) return 0;
    if (size < map->feed.size && rp__buffer_append(&rest, map->feed.data + size, map->feed.size - size))
        return RP_ENOMEM;
    map->feed.size = size;
    int rc = rp__master_map_feed(map->pool->master, map->state, tasks, &map->feed);
    if (rest.size) {
        rp__buffer_free(&map->feed);
        map->feed = rest;
    }
    map->feed_tasks -= tasks;
    map->whole_tasks = 0;
    map->whole_size = 0;
    return rc;
}

/* The master numbers the pool's ranks, and knows no hosts. */
static void say_where(const rp_pool *pool, rp_failure *how) {
    if (how->rank < 0) return;
    how->rank += (int)pool->first_rank;
    if (pool->world->rank) memcpy(how->host, pool->world->rank[how->rank].host, sizeof how->host);
}

int rp__map_exchange(rp_map *map) {
    struct rp__master *master = map->pool->master;
    int rc = 0;
    pthread_mutex_lock(&map->lock);
    if (!map->closing) rc = feed_master(map);
    if (map->fed && map->ended && rc == 0) rp__master_map_final(master, map->state);
    if (map->consumed_parts) rp__master_map_consumed(master, map->state, map->consumed_parts, map->consumed_bytes);
    map->consumed_parts = map->consumed_bytes = 0;
    struct rp__part *spent = map->spent;
    map->spent = NULL;
    bool was_complete = map->complete, news = false;
    for (struct rp__part *part; (part = rp__master_map_take(map->state));) {
        for (size_t i = 0; i < part->failed_count; i++) say_where(map->pool, &part->failed[i].how);
        *map->ready_tail = part;
        map->ready_tail = &part->next;
        news = true;
    }
    size_t held = rp__master_map_held(map->state);
    if (map->held > HELD_LOW && held <= HELD_LOW) pthread_cond_broadcast(&map->writable);
    map->held = held;
    map->complete = rp__master_map_complete(map->state);
    rp__master_map_stats(master, map->state, &map->stats);
    if (map->readers && (map->ready || map->complete)) pthread_cond_broadcast(&map->readable);
    news |= map->complete && !was_complete;
    pthread_mutex_unlock(&map->lock);
    if (news && map->collector) rp__collector_ring(map->collector);
    free_parts(spent);
    return rc;
}

void rp__map_fail(rp_map *map, int code) {
    pthread_mutex_lock(&map->lock);
    if (!map->error) map->error = code;
    pthread_cond_broadcast(&map->readable);
    pthread_cond_broadcast(&map->writable);
    pthread_mutex_unlock(&map->lock);
    if (map->collector) rp__collector_ring(map->collector);
}

int rp__map_take(rp_map *map, struct rp__part **parts, bool *complete) {
    pthread_mutex_lock(&map->lock);
    *parts = map->ready;
    map->ready = NULL;
    map->ready_tail = &map->ready;
    *complete = map->complete;
    int rc = map->error;
    pthread_mutex_unlock(&map->lock);
    return rc;
}

int rp__map_error(rp_map *map) {
    pthread_mutex_lock(&map->lock);
    int rc = map->error;
    pthread_mutex_unlock(&map->lock);
    return rc;
}

int rp__part_read(const struct rp__part *part, uint64_t tasks, size_t *at, uint64_t *task, rp_result *result) {
    const uint8_t *data;
    size_t size;
    bool failed;
    if (*at == part->size) return 0;
    size_t length = rp__record_read(part->data + *at, part->size - *at, &data, &size, &failed);
    if (!length) return RP_EPROTOCOL;
    bool whole = !tasks || part->failure || part->end - *task < tasks;
    *result = (rp_result){.begin = *task,
                          .end = whole ? part->end : *task + tasks,
                          .status = !failed         ? 0
                                    : part->failure ? part->failure
                                                    : RP_ETASK,
                          .data = data,
                          .size = size,
                          .failure = failed ? rp__part_failure(part, *task) : NULL};
    *task = result->end;
    *at += length;
    return 1;
}

void rp__map_unread(rp_map *map, const rp_result *result) {
    map->task = result->begin;
    map->at = map->last_at;
}

static void begin_part(rp_map *map) {
    map->at = 0;
    map->task = map->reading ? map->reading->begin : 0;
}

/* Wait until parts are ready and take them all: for ever if timeout_s < 0, else until `until`. Map lock held. */
static int wait_ready(rp_map *map, double timeout_s, const struct timespec *until) {
    map->readers++;
    int rc = 0;
    bool late = timeout_s == 0;
    while (!map->ready && rc == 0) {
        if (map->complete) /* whatever became of the pool after that */
            rc = RP_END;
        else if (map->error)
            rc = map->error;
        else if (map->closing)
            rc = RP_ECLOSED;
        else if (late)
            rc = RP_ETIMEDOUT;
        else
            late = rp__world_wait(map->world, &map->readable, &map->lock, timeout_s < 0 ? NULL : until) == ETIMEDOUT;
    }
    map->readers--;
    if (rc) return rc;
    map->reading = map->ready;
    map->ready = NULL;
    map->ready_tail = &map->ready;
    return 0;
}

/* The part being read is done with: on to the next. What was read is handed over a batch at a time. */
static void end_part(rp_map *map) {
    struct rp__part *done = map->reading;
    map->reading = done->next;
    done->next = map->read;
    map->read = done;
    map->read_parts++;
    map->read_bytes += done->size + done->failed_size;
    begin_part(map);
}

static void hand_over(rp_map *map) {
    struct rp__part **last = &map->spent;
    if (map->read) {
        while (*last) last = &(*last)->next;
        *last = map->read;
    }
    map->consumed_parts += map->read_parts;
    map->consumed_bytes += map->read_bytes;
    map->read = NULL;
    map->read_parts = map->read_bytes = 0;
}

int rp__map_cancel(rp_map *map, uint64_t begin, uint64_t end, bool kill, bool *refused) {
    rp_world *world = map->world;
    uint64_t before, after;
    rp__world_lock(world);
    int rc = rp__map_exchange(map); /* what was put is to be there */
    if (rc == 0) rc = rp__master_map_cancel(map->pool->master, map->state, begin, end, kill);
    rp__service_ring(world);
    (void)rp__master_map_canceling(map->state, &before);
    after = before;
    map->canceling = refused != NULL;
    while (refused && rc == 0 && rp__master_map_canceling(map->state, &after) && !(rc = world->error.code))
        rp__world_wait(world, &world->changed, &world->lock, NULL);
    map->canceling = false;
    if (refused) *refused = after != before;
    if (rc == 0) rc = rp__map_exchange(map); /* and what was canceled is to be ready */
    rp__world_unlock(world);
    return rc;
}

/* ---- Lazy inputs ---- */

/* May another input be taken? Called with what is ready known as of now. */
static bool wants_input(rp_map *map, double timeout_s, uint64_t began_ns) {
    uint64_t ahead = map->pulled - map->pulled_read;
    if (ahead >= map->window) return false;
    pthread_mutex_lock(&map->lock);
    bool full = map->held + map->feed.size > HELD_MAX, ready = map->ready || map->reading, stopped = map->error != 0;
    pthread_mutex_unlock(&map->lock);
    if (stopped || (full && ahead)) return false;
    double took_s = (double)(rp__now_ns() - began_ns) * 1e-9;
    /* A source that takes its time does not keep back what is ready, and hardly what is late. */
    if (ready && took_s > SOURCE_PATIENCE_S) return false;
    return timeout_s < 0 || took_s <= timeout_s;
}

/* Take inputs as far as they may be ahead: further, while results come so fast that the last ones did not last. */
static int pull(rp_map *map, double timeout_s) {
    if (!map->source || map->source_code || map->pulled - map->pulled_read > map->window / 2) return 0;
    uint64_t began_ns = rp__now_ns();
    if (map->window < WINDOW_MAX && began_ns - map->window_at_ns < WINDOW_NS) map->window *= 2;
    map->window_at_ns = began_ns;
    int rc = 0;
    while (rc == 0 && !map->source_code && wants_input(map, timeout_s, began_ns)) {
        const void *input = NULL;
        size_t size = 0;
        int got = map->source(map->source_context, &input, &size);
        if (got > 0 && ((size && !input) || size > PTRDIFF_MAX)) got = RP_EINVAL;
        if (got > 0) {
            const bool read_before = rp__is_input_skipped(map); /* this thread alone puts */
            rc = put(map, input, size, PTHREAD_CANCEL_DISABLE);
            map->pulled += rc == 0 && !read_before;
        } else {
            map->source_code = got ? got : RP_END;
            rp_map_end(map);
        }
    }
    return rc == RP_ECLOSED ? 0 : rc; /* why it is closed is found when it is waited for */
}

int rp_map_next(rp_map *map, double timeout_s, rp_result *result) {
    if (!map || !result || isnan(timeout_s) || rp__world_is_in_task(map->world)) return RP_EINVAL;
    for (;;) {
        uint64_t tasks = map->range ? 0 : map->reduce ? map->reduce : 1;
        map->last_at = map->at;
        int rc = map->reading ? rp__part_read(map->reading, tasks, &map->at, &map->task, result) : 0;
        if (rc < 0) return rc;
        if (rc) {
            map->pulled_read += result->end - result->begin;
            return 0;
        }
        if ((rc = pull(map, timeout_s))) return rc;
        if (map->reading) end_part(map);
        if (map->reading && map->read_bytes < HAND_OVER) continue;
        struct timespec until;
        if (!map->reading && timeout_s > 0) until = rp__time_after(timeout_s);
        pthread_mutex_lock(&map->lock);
        hand_over(map);
        if (!map->reading) {
            rc = wait_ready(map, timeout_s, &until);
            if (rc == 0) begin_part(map);
        }
        bool low = map->consumed_bytes > HELD_LOW; /* dealing may wait for this: tell */
        pthread_mutex_unlock(&map->lock);
        if (low) rp__service_ring(map->world);
        if (rc) return rc == RP_END && map->source_code < 0 ? map->source_code : rc;
    }
}

void rp_map_stats_get(rp_map *map, rp_map_stats *stats) {
    if (!map || !stats) return;
    rp__world_nudge(map->world);
    pthread_mutex_lock(&map->lock);
    *stats = map->stats;
    if (map->fed && map->fed_tasks > stats->tasks_known) stats->tasks_known = map->fed_tasks;
    pthread_mutex_unlock(&map->lock);
    stats->seconds = rp__now_s() - map->opened_s;
}

void rp__map_free(rp_map *map) { free_map(map); }

void rp_map_close(rp_map *map) {
    if (!map || rp__world_is_in_task(map->world)) return;
    rp_world *world = map->world;
    rp__world_lock(world);
    pthread_mutex_lock(&map->lock);
    map->closing = true;
    pthread_cond_broadcast(&map->writable);
    pthread_mutex_unlock(&map->lock);
    rp__master_map_close(map->pool->master, map->state);
    /* An inline crew computes in the service's own thread, which hears of nothing meanwhile. */
    rp__service_cancel(world, map->pool->number, rp__master_map_number(map->state));
    rp__service_ring(world);
    /* A stopped world still answers; one that lost a rank or its memory may not. */
    while (!rp__master_map_idle(map->state) && (!world->error.code || world->error.code == RP_ESTOPPED) &&
           !(world->error.code && map->pool->options.kind != RP_WORKERS_PROCESS))
        rp__world_wait(world, &world->changed, &world->lock, NULL);
    rp_map **at = &world->maps;
    while (*at != map) at = &(*at)->next;
    *at = map->next;
    map->pool->maps_open--;
    bool idle = rp__master_map_idle(map->state);
    if (idle) rp__master_map_free(map->pool->master, map->state);
    rp__world_unlock(world);
    free_map(map);
}
