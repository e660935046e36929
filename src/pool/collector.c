/* Streams, and how their results find their futures. See collector.h.
 *
 * Waiting: the count of news is read before collecting, so whatever comes after that look ends the wait. Callbacks are
 * run by one thread at a time, in the order in which futures were done; a callback that is itself inside a call never
 * runs another one, or a long queue of them would be a deep stack. */
#include "pool/collector.h"

#include "core/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SHARED_MAX = 16 }; /* shared streams kept open while nothing is on them */

struct rp__collector *rp__collector_new(rp_world *world) {
    struct rp__collector *collector = calloc(1, sizeof *collector);
    if (!collector) return NULL;
    pthread_mutexattr_t kind; /* the lock is held for microseconds: look again before sleeping */
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&collector->lock, &kind);
    pthread_mutexattr_destroy(&kind);
    pthread_mutex_init(&collector->news_lock, NULL);
    rp__condition_init(&collector->news);
    collector->callbacks_tail = &collector->callbacks;
    collector->refs = 1;
    collector->world = world;
    return collector;
}

/* Unlocks. */
static void release(struct rp__collector *collector, size_t refs) {
    bool last = (collector->refs -= refs) == 0;
    pthread_mutex_unlock(&collector->lock);
    if (!last) return;
    pthread_cond_destroy(&collector->news);
    pthread_mutex_destroy(&collector->news_lock);
    pthread_mutex_destroy(&collector->lock);
    free(collector);
}

void rp__collector_ring(struct rp__collector *collector) {
    pthread_mutex_lock(&collector->news_lock);
    atomic_fetch_add(&collector->news_count, 1);
    if (collector->waiting) pthread_cond_broadcast(&collector->news);
    pthread_mutex_unlock(&collector->news_lock);
}

/* ---- Futures -------------------------------------------------------------------------------------------- */

rp_future *rp__future_new(struct rp__collector *collector, const rp_call *call, size_t count) {
    rp_future *future = malloc(sizeof *future);
    if (!future) return NULL;
    *future = (rp_future){.collector = collector,
                          .left = count,
                          .refs = 1,
                          .callback = call->callback,
                          .error_callback = call->error_callback,
                          .context = call->context};
    if (rp__results_init(&future->results, count)) {
        free(future);
        return NULL;
    }
    collector->refs++;
    return future;
}

void rp__future_release(rp_future *future) {
    if (--future->refs) return;
    rp_results_free(&future->results);
    future->collector->refs--; /* whoever has entered holds one */
    free(future);
}

/* Its last result came, or none will come any more (code). */
static void finish(rp_future *future, int code) {
    struct rp__collector *collector = future->collector;
    future->done = true;
    future->code = code;
    future->stream = NULL;
    if (code) rp_results_free(&future->results);
    bool good = !code && !future->results.failed;
    if (!future->abandoned && (good ? future->callback : future->error_callback)) {
        future->refs++;
        future->next = NULL;
        *collector->callbacks_tail = future;
        collector->callbacks_tail = &future->next;
    }
    rp__future_release(future);
}

static void call_back(rp_future *future) {
    bool good = !future->code && !future->results.failed;
    rp_callback *callback = good ? future->callback : future->error_callback;
    pthread_mutex_unlock(&future->collector->lock);
    callback(future, &future->results, future->context);
    pthread_mutex_lock(&future->collector->lock);
}

static void run_callbacks(struct rp__collector *collector) {
    if (!collector->callbacks || collector->calling) return;
    collector->calling = true;
    for (rp_future *future; (future = collector->callbacks);) {
        collector->callbacks = future->next;
        if (!collector->callbacks) collector->callbacks_tail = &collector->callbacks;
        if (!future->abandoned) call_back(future);
        rp__future_release(future);
    }
    collector->calling = false;
}

/* ---- Streams -------------------------------------------------------------------------------------------- */

/* Its map is closed, or not its own to close. */
static void free_stream(struct rp__stream *stream) {
    free(stream->future);
    free(stream->kernel);
    free(stream->args);
    free(stream);
}

static void end_stream(struct rp__stream *stream) {
    rp_map_close(stream->map);
    free_stream(stream);
}

static rp_future **slot(const struct rp__stream *stream, uint64_t task) {
    return &stream->future[stream->shared ? task & (stream->capacity - 1) : 0];
}

static bool make_room(struct rp__stream *stream) {
    if (stream->end - stream->first < stream->capacity) return true;
    size_t capacity = stream->capacity ? 2 * stream->capacity : 64;
    rp_future **future = calloc(capacity, sizeof *future);
    if (!future) return false;
    for (uint64_t task = stream->first; task < stream->end; task++) future[task & (capacity - 1)] = *slot(stream, task);
    free(stream->future);
    stream->future = future;
    stream->capacity = capacity;
    return true;
}

/* Futures leave in any order; the ring's front moves over those that are gone. */
static void leave_stream(struct rp__stream *stream, uint64_t task) {
    *slot(stream, task) = NULL;
    if (!stream->shared) stream->first = stream->end;
    while (stream->first < stream->end && !*slot(stream, stream->first)) stream->first++;
}

static void end_future(struct rp__stream *stream, rp_future *future, int code) {
    leave_stream(stream, future->first);
    finish(future, code);
}

static void add_part(struct rp__stream *stream, struct rp__part *part) {
    rp_future *future = *slot(stream, part->begin);
    if (!future) { /* it ended with an error before */
        rp__part_free(part);
        return;
    }
    future->left -= rp__results_add(&future->results, future->first, part);
    if (!future->left) end_future(stream, future, 0);
}

static void fail_all(struct rp__stream *stream, int code) {
    for (rp_future *future; stream->first < stream->end && (future = *slot(stream, stream->first));)
        end_future(stream, future, code);
}

/* true: something came. */
static bool collect_stream(struct rp__stream *stream) {
    struct rp__part *part, *next;
    bool complete;
    int code = rp__map_take(stream->map, &part, &complete);
    bool came = part || (code && stream->first < stream->end);
    for (; part; part = next) {
        next = part->next;
        add_part(stream, part);
    }
    if (code) fail_all(stream, code);
    return came;
}

static bool is_idle(const struct rp__stream *stream) { return stream->first == stream->end; }

void rp__collector_collect(struct rp__collector *collector) {
    bool came = false;
    if (collector->world) rp__world_nudge(collector->world);
    for (struct rp__stream **at = &collector->streams, *stream; (stream = *at);) {
        if (!is_idle(stream)) came |= collect_stream(stream);
        if (!stream->shared && is_idle(stream)) {
            *at = stream->next;
            end_stream(stream);
        } else {
            at = &stream->next;
        }
    }
    if (came) rp__collector_ring(collector); /* others may wait for what we took */
}

void rp__collector_leave_world(struct rp__collector *collector) {
    if (!collector) return;
    pthread_mutex_lock(&collector->lock);
    collector->world = NULL;
    for (struct rp__stream *stream; (stream = collector->streams);) {
        collector->streams = stream->next;
        fail_all(stream, RP_ECLOSED);
        free_stream(stream);
    }
    rp__collector_ring(collector); /* whoever still waits for one of the futures */
    release(collector, 1);
}

void rp__collector_close(struct rp__collector *collector, rp_pool *pool) {
    if (!collector) return;
    rp__collector_enter(collector);
    for (struct rp__stream **at = &collector->streams, *stream; (stream = *at);) {
        if (stream->pool != pool) {
            at = &stream->next;
            continue;
        }
        *at = stream->next;
        collect_stream(stream);
        fail_all(stream, RP_ECLOSED);
        end_stream(stream);
    }
    rp__collector_ring(collector);
    rp__collector_leave(collector);
}

static struct rp__stream *new_stream(rp_pool *pool, rp_map *map) {
    struct rp__stream *stream = calloc(1, sizeof *stream);
    if (!stream) return NULL;
    stream->pool = pool;
    stream->map = map;
    return stream;
}

static void link_stream(struct rp__stream *stream) {
    struct rp__collector *collector = stream->pool->world->collector;
    stream->next = collector->streams;
    collector->streams = stream;
}

int rp__stream_own(rp_pool *pool, rp_map *map, rp_future *future) {
    struct rp__stream *stream = new_stream(pool, map);
    if (!stream || !make_room(stream)) {
        free(stream);
        return RP_ENOMEM;
    }
    stream->end = future->left;
    stream->future[0] = future;
    future->stream = stream;
    future->refs++;
    link_stream(stream);
    if (!future->left) end_future(stream, future, 0);
    return 0;
}

static struct rp__stream *find_shared(struct rp__collector *collector, const rp_pool *pool, const rp_call *call) {
    for (struct rp__stream *stream = collector->streams; stream; stream = stream->next)
        if (stream->shared && stream->pool == pool && stream->args_size == call->args_size &&
            !strcmp(stream->kernel, call->kernel) &&
            (!call->args_size || !memcmp(stream->args, call->args, call->args_size)))
            return stream;
    return NULL;
}

/* Of the shared streams on which nothing is, the oldest goes when there are many. */
static void close_spare(struct rp__collector *collector) {
    struct rp__stream **oldest = NULL;
    size_t count = 0;
    for (struct rp__stream **at = &collector->streams; *at; at = &(*at)->next) {
        if (!(*at)->shared || !is_idle(*at)) continue;
        oldest = at;
        count++;
    }
    if (count < SHARED_MAX) return;
    struct rp__stream *stream = *oldest;
    *oldest = stream->next;
    end_stream(stream);
}

int rp__stream_shared(rp_pool *pool, const rp_call *call, struct rp__stream **out, rp_error *error) {
    struct rp__collector *collector = pool->world->collector;
    if (call->kernel && (*out = find_shared(collector, pool, call))) return 0;
    close_spare(collector);
    rp_map *map;
    int rc = rp__map_open(pool,
                          &(rp_map_options){.kernel = call->kernel,
                                            .count = RP_FED,
                                            .args = call->args,
                                            .args_size = call->args_size,
                                            .unordered = true,
                                            .schedule = {RP_DYNAMIC, 1}},
                          collector, &map, error);
    if (rc) return rc;
    struct rp__stream *stream = new_stream(pool, map);
    if (!stream) {
        rp_map_close(map);
        return rp__fail(error, RP_ENOMEM, "out of memory for tasks");
    }
    stream->shared = true;
    stream->kernel = strdup(call->kernel);
    stream->args = malloc(call->args_size ? call->args_size : 1);
    if (!stream->kernel || !stream->args) {
        end_stream(stream);
        return rp__fail(error, RP_ENOMEM, "out of memory for tasks");
    }
    if (call->args_size) memcpy(stream->args, call->args, call->args_size);
    stream->args_size = call->args_size;
    link_stream(stream);
    *out = stream;
    return 0;
}

int rp__stream_put(struct rp__stream *stream, rp_future *future, const void *input, size_t size) {
    if (!make_room(stream)) return RP_ENOMEM;
    int rc = rp_map_put(stream->map, input, size);
    int why = rc == RP_ECLOSED ? rp__map_error(stream->map) : 0;
    if (rc) return why ? why : rc;
    *slot(stream, stream->end) = future;
    future->stream = stream;
    future->first = stream->end++;
    future->refs++;
    return 0;
}

/* ---- Inside a call -------------------------------------------------------------------------------------- */

void rp__collector_enter(struct rp__collector *collector) {
    pthread_mutex_lock(&collector->lock);
    collector->refs++;
}

void rp__collector_leave(struct rp__collector *collector) {
    run_callbacks(collector);
    release(collector, 1);
}

/* Until there are news after `seen`; false: the time is over. */
static bool wait_for_news(struct rp__collector *collector, rp_world *world, uint64_t seen, double timeout_s,
                          const struct timespec *until) {
    int rc = 0;
    if (!world) return false; /* there will be none */
    pthread_mutex_lock(&collector->news_lock);
    collector->waiting++;
    while (atomic_load(&collector->news_count) == seen && rc != ETIMEDOUT)
        rc = rp__world_wait(world, &collector->news, &collector->news_lock, timeout_s < 0 ? NULL : until);
    collector->waiting--;
    pthread_mutex_unlock(&collector->news_lock);
    return rc != ETIMEDOUT;
}

int rp__collector_wait(struct rp__collector *collector, bool (*is_met)(void *self), void *self, double timeout_s) {
    struct timespec until = {0};
    if (timeout_s > 0) until = rp__time_after(timeout_s);
    for (bool late = timeout_s == 0;;) {
        if (is_met(self)) return 0;
        rp_world *world = collector->world; /* what is not done when it closes is done then */
        uint64_t seen = atomic_load(&collector->news_count);
        rp__collector_collect(collector);
        run_callbacks(collector);
        if (is_met(self)) return 0;
        if (late) return RP_ETIMEDOUT;
        pthread_mutex_unlock(&collector->lock);
        late = !wait_for_news(collector, world, seen, timeout_s, &until);
        pthread_mutex_lock(&collector->lock);
    }
}
