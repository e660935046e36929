/* Python's names on a pool: thin wrappers over maps. The blocking ones are the asynchronous ones, waited for; starmap
 * packs the arguments of a task into one input, a record each. */
#include "core/error.h"
#include "core/record.h"
#include "pool/collector.h"

#include <stdlib.h>
#include <string.h>

static int check_call(const rp_pool *pool, const rp_call *call, bool future, rp_error *error) {
    if (!pool || !call) return rp__fail(error, RP_EINVAL, "a pool and a call are needed, and one of them is NULL");
    if (rp__world_check_caller(pool->world, error)) return RP_EINVAL;
    if (call->args_size && !call->args)
        return rp__fail(error, RP_EINVAL, "%zu bytes of arguments were promised, and args is NULL", call->args_size);
    if (!future && (call->callback || call->error_callback))
        return rp__fail(error, RP_EINVAL, "only calls that make a future have callbacks: leave them NULL");
    return 0;
}

/* The items' bytes are all there, as far as numbers can tell. */
static int check_items(const rp_items *items, rp_error *error) {
    size_t total = 0;
    bool fits = true;
    if (!items) return rp__fail(error, RP_EINVAL, "items are needed, and they are NULL");
    if (!items->sizes) fits = !__builtin_mul_overflow(items->count, items->size, &total);
    for (size_t i = 0; items->sizes && fits && i < items->count; i++)
        fits = !__builtin_add_overflow(total, items->sizes[i], &total);
    if (!fits || total > PTRDIFF_MAX)
        return rp__fail(error, RP_EINVAL, "%zu items of these sizes do not fit into memory", items->count);
    if (total && !items->data) return rp__fail(error, RP_EINVAL, "%zu bytes of items, and data is NULL", total);
    return 0;
}

static size_t size_of(const rp_items *items, size_t at) { return items->sizes ? items->sizes[at] : items->size; }

/* ---- Putting all inputs --------------------------------------------------------------------------------- */

/* The columns of a starmap, and where each of them is read; or the one column of a map. */
struct columns {
    const rp_items *column;
    size_t count, tasks;
    bool packed;
    const uint8_t **at; /* [count] */
    struct rp__buffer input;
};

static int put_one(rp_map *map, struct columns *columns, size_t task) {
    columns->input.size = 0;
    for (size_t i = 0; i < columns->count; i++) {
        size_t size = size_of(&columns->column[i], task);
        const uint8_t *data = columns->at[i];
        if (size) columns->at[i] += size;
        if (!columns->packed) return rp_map_put(map, data, size);
        uint8_t *to = rp__buffer_reserve(&columns->input, RP__RECORD_HEAD_MAX + size);
        if (!to) return RP_ENOMEM;
        size_t head = rp__record_head(to, size, false);
        if (size) memcpy(to + head, data, size);
        columns->input.size += head + size;
    }
    return rp_map_put(map, columns->input.data, columns->input.size);
}

static int put_all(rp_map *map, struct columns *columns) {
    int rc = 0;
    columns->at = malloc(columns->count * sizeof *columns->at);
    if (!columns->at) return RP_ENOMEM;
    for (size_t i = 0; i < columns->count; i++) columns->at[i] = columns->column[i].data;
    for (size_t task = 0; task < columns->tasks && rc == 0; task++) rc = put_one(map, columns, task);
    free(columns->at);
    rp__buffer_free(&columns->input);
    if (rc == RP_ECLOSED) rc = rp__map_error(map);
    rp_map_end(map);
    return rc;
}

static rp_schedule schedule_of(const rp_call *call) {
    return (rp_schedule){.kind = call->chunksize ? RP_DYNAMIC : RP_AUTO, .chunk = call->chunksize};
}

static rp_future *new_future(struct rp__collector *collector, const rp_call *call, size_t tasks) {
    rp__collector_enter(collector);
    rp_future *future = rp__future_new(collector, call, tasks);
    rp__collector_leave(collector);
    return future;
}

/* A hidden map of all tasks, and the future of all its results. The collector is left in between: to put much takes
 * long. */
static int start(rp_pool *pool, const rp_call *call, struct columns *columns, rp_future **out, rp_error *error) {
    struct rp__collector *collector = pool->world->collector;
    rp_map *map;
    rp_map_options options = {.kernel = call->kernel,
                              .count = RP_FED,
                              .args = call->args,
                              .args_size = call->args_size,
                              .unordered = true,
                              .schedule = schedule_of(call)};
    int rc = rp__map_open(pool, &options, collector, &map, error);
    if (rc) return rc;
    map->grain = call->chunksize;
    rp_future *future = new_future(collector, call, columns->tasks);
    rc = future ? put_all(map, columns) : RP_ENOMEM;
    rp__collector_enter(collector);
    if (rc == 0) rc = rp__stream_own(pool, map, future);
    if (rc && future) rp__future_release(future);
    rp__collector_leave(collector);
    if (rc) {
        rp_map_close(map);
        return rp__fail(error, rc, "%zu tasks cannot be started: %s", columns->tasks, rp_strerror(rc));
    }
    *out = future;
    return 0;
}

/* ---- Blocking calls ------------------------------------------------------------------------------------- */

/* The results of a future that nobody else has. */
static int get(rp_future *future, rp_results *results, rp_error *error) {
    const rp_results *all = NULL;
    int rc = rp_future_get(future, -1, &all, error);
    if (all) {
        *results = *all;
        future->results = (rp_results){0};
    }
    rp_future_free(future);
    return rc;
}

static int check_given(const void *given, rp_error *error) {
    return given ? 0 : rp__fail(error, RP_EINVAL, "the pointer to what is given is NULL");
}

/* ---- map and starmap ------------------------------------------------------------------------------------ */

static int start_map(rp_pool *pool, const rp_call *call, const rp_items *items, rp_future **future, rp_error *error) {
    int rc = check_items(items, error);
    if (rc) return rc;
    return start(pool, call, &(struct columns){.column = items, .count = 1, .tasks = items->count}, future, error);
}

int rp_pool_map(rp_pool *pool, const rp_call *call, const rp_items *items, rp_results *results, rp_error *error) {
    rp_future *future;
    int rc = check_call(pool, call, false, error);
    if (rc == 0) rc = check_given(results, error);
    if (rc == 0) rc = start_map(pool, call, items, &future, error);
    return rc ? rc : get(future, results, error);
}

int rp_pool_map_async(rp_pool *pool, const rp_call *call, const rp_items *items, rp_future **future, rp_error *error) {
    int rc = check_call(pool, call, true, error);
    if (rc == 0) rc = check_given(future, error);
    return rc ? rc : start_map(pool, call, items, future, error);
}

static int start_starmap(rp_pool *pool, const rp_call *call, const rp_items *columns, size_t count, rp_future **future,
                         rp_error *error) {
    if (!columns || !count || count > PTRDIFF_MAX / sizeof(void *))
        return rp__fail(error, RP_EINVAL, "a starmap needs at least one column, and %zu were given",
                        columns ? count : 0);
    for (size_t i = 0; i < count; i++) {
        int rc = check_items(&columns[i], error);
        if (rc) return rc;
        if (columns[i].count != columns[0].count)
            return rp__fail(error, RP_EINVAL, "column 0 has %zu items and column %zu has %zu: they must agree",
                            columns[0].count, i, columns[i].count);
    }
    struct columns all = {.column = columns, .count = count, .tasks = columns[0].count, .packed = true};
    return start(pool, call, &all, future, error);
}

int rp_pool_starmap(rp_pool *pool, const rp_call *call, const rp_items *columns, size_t column_count,
                    rp_results *results, rp_error *error) {
    rp_future *future;
    int rc = check_call(pool, call, false, error);
    if (rc == 0) rc = check_given(results, error);
    if (rc == 0) rc = start_starmap(pool, call, columns, column_count, &future, error);
    return rc ? rc : get(future, results, error);
}

int rp_pool_starmap_async(rp_pool *pool, const rp_call *call, const rp_items *columns, size_t column_count,
                          rp_future **future, rp_error *error) {
    int rc = check_call(pool, call, true, error);
    if (rc == 0) rc = check_given(future, error);
    return rc ? rc : start_starmap(pool, call, columns, column_count, future, error);
}

/* ---- apply ---------------------------------------------------------------------------------------------- */

static int start_apply(rp_pool *pool, const rp_call *call, const void *input, size_t size, rp_future **out,
                       rp_error *error) {
    if (size > PTRDIFF_MAX || (size && !input))
        return rp__fail(error, RP_EINVAL, "an input of %zu bytes %s", size, input ? "does not fit" : "is NULL");
    struct rp__collector *collector = pool->world->collector;
    struct rp__stream *stream;
    rp__collector_enter(collector);
    int rc = rp__stream_shared(pool, call, &stream, error);
    if (rc == 0) {
        rp_future *future = rp__future_new(collector, call, 1);
        rc = future ? rp__stream_put(stream, future, input, size) : RP_ENOMEM;
        if (rc == 0)
            *out = future;
        else
            rp__fail(error, rc, "the task cannot be started: %s", rp_strerror(rc));
        if (rc && future) rp__future_release(future);
    }
    rp__collector_leave(collector);
    return rc;
}

int rp_pool_apply(rp_pool *pool, const rp_call *call, const void *input, size_t size, rp_results *results,
                  rp_error *error) {
    rp_future *future;
    int rc = check_call(pool, call, false, error);
    if (rc == 0) rc = check_given(results, error);
    if (rc == 0) rc = start_apply(pool, call, input, size, &future, error);
    return rc ? rc : get(future, results, error);
}

int rp_pool_apply_async(rp_pool *pool, const rp_call *call, const void *input, size_t size, rp_future **future,
                        rp_error *error) {
    int rc = check_call(pool, call, true, error);
    if (rc == 0) rc = check_given(future, error);
    return rc ? rc : start_apply(pool, call, input, size, future, error);
}

/* ---- imap ----------------------------------------------------------------------------------------------- */

static int imap(rp_pool *pool, const rp_call *call, rp_source *source, void *source_context, bool unordered,
                rp_map **map, rp_error *error) {
    int rc = check_call(pool, call, false, error);
    if (rc) return rc;
    if (!source || !map) return rp__fail(error, RP_EINVAL, "an imap needs a source and a result, and one is NULL");
    return rp_map_open(pool,
                       &(rp_map_options){.kernel = call->kernel,
                                         .count = RP_FED,
                                         .args = call->args,
                                         .args_size = call->args_size,
                                         .unordered = unordered,
                                         .schedule = schedule_of(call),
                                         .source = source,
                                         .source_context = source_context},
                       map, error);
}

int rp_pool_imap(rp_pool *pool, const rp_call *call, rp_source *source, void *source_context, rp_map **map,
                 rp_error *error) {
    return imap(pool, call, source, source_context, false, map, error);
}

int rp_pool_imap_unordered(rp_pool *pool, const rp_call *call, rp_source *source, void *source_context, rp_map **map,
                           rp_error *error) {
    return imap(pool, call, source, source_context, true, map, error);
}
