/* What a program does with futures: get, wait, cancel, free, and waiting for several at once. */
#include "core/error.h"
#include "pool/collector.h"

#include <math.h>
#include <stdlib.h>

static bool is_in_task(const rp_future *future) {
    const rp_world *world = future->collector->world; /* NULL: it was closed */
    return world && rp__world_is_in_task(world);
}

static bool is_done(void *self) { return ((rp_future *)self)->done; }

/* Collector entered. 0, RP_ETIMEDOUT. */
static int wait_done(rp_future *future, double timeout_s) {
    return rp__collector_wait(future->collector, is_done, future, timeout_s);
}

int rp_future_get(rp_future *future, double timeout_s, const rp_results **results, rp_error *error) {
    if (!future || isnan(timeout_s))
        return rp__fail(error, RP_EINVAL, "rp_future_get needs a future and a number of seconds");
    if (is_in_task(future)) return rp__world_check_caller(future->collector->world, error);
    rp__collector_enter(future->collector);
    int rc = wait_done(future, timeout_s);
    if (rc) {
        rp__fail(error, rc, "the future was not done within %g s: wait longer or cancel it", timeout_s);
    } else if (future->code) {
        rc = rp__fail(error, future->code, "the pool cannot go on: %s", rp_strerror(future->code));
    } else {
        if (results) *results = &future->results;
        rc = rp__results_judge(&future->results, error);
    }
    rp__collector_leave(future->collector);
    return rc;
}

int rp_future_wait(rp_future *future, double timeout_s) {
    if (!future || isnan(timeout_s) || is_in_task(future)) return RP_EINVAL;
    rp__collector_enter(future->collector);
    int rc = wait_done(future, timeout_s);
    rp__collector_leave(future->collector);
    return rc;
}

bool rp_future_ready(rp_future *future) { return rp_future_wait(future, 0) == 0; }

int rp_future_successful(rp_future *future, bool *successful) {
    if (!future || !successful || is_in_task(future)) return RP_EINVAL;
    rp__collector_enter(future->collector);
    int rc = wait_done(future, 0) ? RP_EBUSY : 0;
    if (rc == 0) *successful = !future->code && !future->results.failed;
    rp__collector_leave(future->collector);
    return rc;
}

void rp_future_free(rp_future *future) {
    if (!future || is_in_task(future)) return;
    struct rp__collector *collector = future->collector;
    rp__collector_enter(collector);
    future->abandoned = true;
    if (!future->done && future->results.count)
        (void)rp__map_cancel(future->stream->map, future->first, future->first + future->results.count, false, NULL);
    rp__future_release(future);
    rp__collector_leave(collector);
}

static bool was_canceled(const rp_future *future) {
    for (size_t i = 0; !future->code && i < future->results.count; i++)
        if (future->results.result[i].status == RP_ECANCELED) return true;
    return false;
}

/* Again while something came back between being asked for and being given up. Collector entered. */
static int cancel(rp_future *future, bool kill) {
    bool refused = false;
    int rc = 0;
    size_t count = future->results.count;
    while (rc == 0 && !future->done && !refused) {
        rc = rp__map_cancel(future->stream->map, future->first, future->first + count, kill, &refused);
        rp__collector_collect(future->collector);
    }
    if (!future->done) return rc ? rc : kill ? RP_EUNSUPPORTED : RP_EBUSY;
    if (future->code) return future->code;
    return was_canceled(future) ? 0 : RP_ECLOSED;
}

int rp_future_cancel(rp_future *future, bool kill) {
    if (!future || is_in_task(future)) return RP_EINVAL;
    rp__collector_enter(future->collector);
    rp__collector_collect(future->collector);
    int rc = !future->done ? cancel(future, kill) : was_canceled(future) ? 0 : RP_ECLOSED;
    rp__collector_leave(future->collector);
    return rc;
}

/* ---- Several at once ------------------------------------------------------------------------------------ */

struct several {
    rp_future *const *future;
    size_t count;
    enum rp_wait until;
    size_t at; /* all before it are done; for rp_futures_next, the one that it found */
    bool none_left;
};

static bool has_failed(const rp_future *future) { return future->done && (future->code || future->results.failed); }

static bool is_enough(void *self) {
    struct several *all = self;
    while (all->at < all->count && all->future[all->at]->done) all->at++;
    if (all->at == all->count) return true;
    for (size_t i = 0; all->until != RP_ALL_COMPLETED && i < all->count; i++)
        if (all->until == RP_FIRST_COMPLETED ? all->future[i]->done : has_failed(all->future[i])) return true;
    return false;
}

/* Begins behind the one that was found last, since futures mostly end in the order in which they were made. */
static bool is_found(void *self) {
    struct several *all = self;
    size_t from = all->future[0]->looked_at < all->count ? all->future[0]->looked_at : 0;
    all->none_left = true;
    for (size_t i = 0; i < all->count; i++) {
        all->at = from + i < all->count ? from + i : from + i - all->count;
        const rp_future *future = all->future[all->at];
        all->none_left &= future->reported;
        if (future->done && !future->reported) return true;
    }
    return all->none_left;
}

static bool is_valid(rp_future *const *futures, size_t count, double timeout_s) {
    if ((count && !futures) || isnan(timeout_s)) return false;
    for (size_t i = 0; i < count; i++)
        if (!futures[i] || futures[i]->collector != futures[0]->collector) return false;
    return !count || !is_in_task(futures[0]);
}

int rp_futures_wait(rp_future *const *futures, size_t count, enum rp_wait until, double timeout_s) {
    if (!is_valid(futures, count, timeout_s) || until < RP_FIRST_COMPLETED || until > RP_ALL_COMPLETED)
        return RP_EINVAL;
    if (!count) return 0;
    struct several all = {.future = futures, .count = count, .until = until};
    rp__collector_enter(futures[0]->collector);
    int rc = rp__collector_wait(futures[0]->collector, is_enough, &all, timeout_s);
    rp__collector_leave(futures[0]->collector);
    return rc;
}

int rp_futures_next(rp_future *const *futures, size_t count, double timeout_s, size_t *index) {
    if (!is_valid(futures, count, timeout_s) || !index) return RP_EINVAL;
    if (!count) return RP_END;
    struct several all = {.future = futures, .count = count};
    rp__collector_enter(futures[0]->collector);
    int rc = rp__collector_wait(futures[0]->collector, is_found, &all, timeout_s);
    if (rc == 0 && all.none_left) rc = RP_END;
    if (rc == 0) {
        futures[all.at]->reported = true;
        futures[0]->looked_at = all.at + 1;
        *index = all.at;
    }
    rp__collector_leave(futures[0]->collector);
    return rc;
}
