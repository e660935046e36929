/* The store: results in as they come, out as they are due, and what that makes committed every second.
 *
 * Everything is the calling thread's but the batch that the writer has in hand. What is wrong is kept: from then on every
 * call returns it, and rp_store_close tries once more. */
#include "rankpool_store.h"

#include "core/error.h"
#include "core/now.h"
#include "store/store_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HELD_MAX = 64 << 20, READ_BACK = 16 << 20, LOOK_TRIES = 40 };

/* ---- Opening -------------------------------------------------------------------------------------------- */

/* Whoever only looks is gone in a moment. */
static int take_lock(rp_store *store, bool steal, rp_error *error) {
    int code = RP_EBUSY;
    for (int tries = 0; code == RP_EBUSY && tries < LOOK_TRIES; tries++) {
        struct rp__lock held = {0};
        if (tries) nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        code = rp__lock_take(store->path, steal, false, &store->lock, &held, error);
        if (!held.looks) break;
    }
    return code;
}

static int print_kept(void *output, const void *data, size_t size, rp_error *error) {
    return rp__output_repeat(output, data, size, error);
}

/* What the file holds becomes the run's. */
static int take_loaded(rp_store *store, struct rp__loaded *loaded, rp_error *error) {
    store->spans = calloc(loaded->done.count + 1, sizeof *store->spans);
    if (!store->spans) return rp__fail(error, RP_ENOMEM, "%s: out of memory", store->path);
    store->span_count = loaded->done.count;
    for (size_t i = 0; i < loaded->done.count; i++)
        store->spans[i] = (rp_span){loaded->done.at[i].begin, loaded->done.at[i].end};
    store->before = rp__intervals_total(&loaded->done);
    store->done = loaded->done;
    store->done_rows = loaded->done_rows;
    store->now = loaded->now;
    store->retry = loaded->retry;
    store->inputs = loaded->inputs;
    store->digest = loaded->digest;
    store->finished = loaded->finished;
    store->earlier = loaded->summary;
    store->bad_results = loaded->bad_results;
    store->failed = loaded->summary.tasks_failed - loaded->bad_results;
    store->cursor = store->now.cursor;
    store->away_from = store->unordered ? 0 : store->cursor;
    store->keep_from = !store->save ? 0 : store->retry.there ? store->retry.cursor : UINT64_MAX;
    if (!store->output.path) store->output_at = store->now.length;
    *loaded = (struct rp__loaded){0};
    return 0;
}

static int begin_run(rp_store *store, const rp_store_options *options, rp_error *error) {
    const struct rp__identity identity = {.output = options->output ? "a file" : "standard output",
                                          .order = options->unordered ? "as they come" : "by tasks",
                                          .state = options->save ? "saved" : "none",
                                          .words = options->words,
                                          .count = options->word_count};
    struct rp__loaded loaded = {0};
    uint64_t length = 0;
    int code = rp__db_is_new(store->db) ? 0 : rp__db_compare(store->db, &identity, error);
    if (!code && options->save) code = rp__db_length(store->db, options->retry_failed, &length, error);
    if (!code) code = rp__output_open(&store->output, options->output, length, error);
    if (!code) code = rp__db_begin(store->db, &store->lock, &identity, options->retry_failed, !options->save, error);
    if (!code) code = rp__db_load(store->db, &loaded, error);
    if (!code) code = take_loaded(store, &loaded, error);
    rp__loaded_free(&loaded);
    if (!code) code = rp__output_start(&store->output, length, error);
    if (!code && !options->output) code = rp__db_output(store->db, print_kept, &store->output, error);
    store->output.keeps = options->save != NULL;
    return code;
}

/* Ends what there is of it; the file stays. */
static void discard(rp_store *store, rp_error *error) {
    rp__writer_stop(&store->writer);
    rp__store_release(store);
    rp__store_drop_batch(store);
    if (rp__output_close(&store->output, error) && !store->code) store->code = RP_EOUTPUT;
    rp__db_close(store->db);
    rp__lock_release(&store->lock);
    rp__waiting_free(&store->waiting);
    rp__waiting_free(&store->kept);
    rp__buffer_free(&store->remove);
    rp__intervals_free(&store->done);
    rp__intervals_free(&store->fresh);
    free(store->now.state);
    free(store->retry.state);
    free(store->spans);
    free(store->path);
    free(store);
}

int rp_store_open(const rp_store_options *options, rp_store **store, rp_error *error) {
    if (!options || !store || !options->path || !options->path[0] || (options->word_count && !options->words))
        return rp__fail(error, RP_EINVAL, "a store needs a path, and words where it counts some");
    rp_store *opened = calloc(1, sizeof *opened);
    if (opened) opened->path = strdup(options->path);
    if (!opened || !opened->path) {
        free(opened);
        return rp__fail(error, RP_ENOMEM, "out of memory");
    }
    opened->unordered = options->unordered;
    opened->eager = options->eager;
    opened->save = options->save;
    opened->judge = options->judge;
    opened->context = options->context;
    opened->every_ns = 1000000000;
    opened->last_ns = rp__now_ns();
    const bool there = access(options->path, F_OK) == 0;
    int code = take_lock(opened, options->steal, error);
    if (code) {
        free(opened->path);
        free(opened);
        return code;
    }
    code = rp__db_open(options->path, true, &opened->db, error);
    if (!code) code = begin_run(opened, options, error);
    if (!code) code = rp__writer_start(&opened->writer, opened->db, &opened->lock, opened->path, error);
    if (code) {
        const int gone = opened->output.gone;
        if (!there && opened->db && rp__db_is_new(opened->db)) unlink(options->path);
        discard(opened, NULL);
        if (gone) errno = gone;
        return code;
    }
    rp_store_summary summary;
    rp__store_summarize(opened, true, false, &summary);
    rp__write_status(opened->path, opened->db, &summary);
    *store = opened;
    return 0;
}

const rp_span *rp_store_done(const rp_store *store, size_t *count) {
    *count = store->span_count;
    return store->spans;
}

const void *rp_store_state(const rp_store *store, size_t *size) {
    *size = store->now.size;
    return store->now.there ? store->now.state : NULL;
}

FILE *rp_store_output(rp_store *store) { return store->output.stream; }

uint64_t rp_store_inputs(const rp_store *store, uint64_t *digest) {
    *digest = store->digest;
    return store->inputs;
}

uint64_t rp_store_committed(const rp_store *store) { return store->before + store->committed; }

bool rp_store_finished(const rp_store *store) { return store->finished; }

uint64_t rp_store_failed(const rp_store *store) { return store->failed; }

const char *rp_store_error(const rp_store *store) { return store->code ? store->error.text : ""; }

/* ---- Results -------------------------------------------------------------------------------------------- */

static int no_memory(rp_store *store) {
    rp_error error;
    return rp__store_stop(store, rp__fail(&error, RP_ENOMEM, "%s: out of memory", store->path), &error);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int describe(struct rp__item *item, const rp_result *result) {
    struct rp__mishap *mishap = item->mishap;
    mishap->time = now_s();
    if (result->failure)
        mishap->how = *result->failure;
    else
        mishap->how = (rp_failure){.cause = result->status == RP_ETASK ? RP_CAUSE_ERROR : RP_CAUSE_OTHER, .core = -1};
    return rp__item_input(item, mishap->how.input, mishap->how.input_size);
}

/* A good result may count as a failure all the same. */
static int judge(rp_store *store, struct rp__item *item, const rp_result *result) {
    char text[256] = "";
    if (result->status || !store->judge || store->judge(store->context, result, text, sizeof text)) return 0;
    item->mishap = calloc(1, sizeof *item->mishap);
    if (!item->mishap || !(item->mishap->words = strdup(text))) return RP_ENOMEM;
    store->bad_results += result->end - result->begin;
    const rp_failure how = {.cause = RP_CAUSE_RESULT, .rank = -1, .worker = UINT32_MAX, .core = -1, .attempts = 1};
    item->mishap->how = how;
    item->mishap->time = now_s();
    return 0;
}

int rp_store_put(rp_store *store, const rp_result *result) {
    if (store->code) return store->code;
    const uint64_t begin = result->begin, end = result->end;
    if (begin >= end || end > INT64_MAX || rp__intervals_touch(&store->done, begin, end)) {
        rp_error error;
        rp__fail(&error, RP_EINVAL, "%s: tasks %llu to %llu have a result already, or are none", store->path,
                 (unsigned long long)begin, (unsigned long long)end);
        return rp__store_stop(store, RP_EINVAL, &error);
    }
    struct rp__item *item = rp__item_new(begin, end, result->status, result->data, result->size);
    if (!item || rp__waiting_add(&store->waiting, item)) {
        rp__item_free(item);
        return no_memory(store);
    }
    if (judge(store, item, result)) return no_memory(store);
    if (item->status) {
        if (describe(item, result)) return no_memory(store);
        store->failed += end - begin;
    }
    store->memory += rp__item_cost(item);
    store->put += end - begin;
    store->finished = false;
    if (rp__intervals_add(&store->done, begin, end) || rp__intervals_add(&store->fresh, begin, end))
        return no_memory(store);
    return 0;
}

/* Reads results back where the next one may be among those that are only in the file. */
static int read_back(rp_store *store, bool any) {
    const struct rp__item *first = rp__waiting_first(&store->waiting);
    if (store->away_from == UINT64_MAX || (first && first->begin < store->away_from)) return 0;
    if (!any && store->cursor < store->away_from) return 0;
    rp_error error;
    int code = rp__store_collect(store);
    if (code) return code;
    code =
        rp__db_read(store->db, store->away_from, READ_BACK, &store->waiting, &store->memory, &store->away_from, &error);
    return rp__store_stop(store, code, &error);
}

/* Before the first failure is handed out, the point from which it can all be done again. */
static int note_retry(rp_store *store, const struct rp__item *item) {
    if (!item->mishap || store->unordered || !store->save || store->retry.there) return 0;
    const int code = rp__store_point(store, &store->retry);
    if (code) return code;
    store->keep_from = store->retry.cursor;
    store->retry_new = true;
    return 0;
}

int rp_store_next(rp_store *store, bool last, rp_result *result) {
    rp__store_release(store);
    const bool any = store->unordered || last;
    if (!store->code) (void)read_back(store, any);
    if (store->code) return store->code;
    if (store->output.gone) {
        errno = store->output.gone;
        return RP_EOUTPUT;
    }
    struct rp__item *item = rp__waiting_first(&store->waiting);
    if (!item || (!any && item->begin > store->cursor)) return RP_EEMPTY;
    if (note_retry(store, item)) return store->code;
    rp__waiting_remove_first(&store->waiting);
    item->taken = true;
    store->lent = item;
    store->cursor = item->end;
    *result = (rp_result){.begin = item->begin,
                          .end = item->end,
                          .status = item->status,
                          .data = item->data,
                          .size = item->size,
                          .failure = item->status ? &item->mishap->how : NULL};
    return 0;
}

/* ---- Commits -------------------------------------------------------------------------------------------- */

int rp_store_tick(rp_store *store, const rp_map_stats *stats, uint64_t inputs, uint64_t digest) {
    if (stats) store->stats = *stats;
    store->inputs = inputs;
    store->digest = digest;
    rp__store_release(store);
    if (store->code) return store->code;
    const bool full = store->memory + store->output.fresh.size > HELD_MAX;
    if (store->batch_out && (full || !rp__writer_busy(&store->writer)) && rp__store_collect(store)) return store->code;
    const bool due = full || (store->eager && store->fresh.count);
    if (store->batch_out || (!due && rp__now_ns() - store->last_ns < store->every_ns)) return 0;
    return rp__store_commit(store, true, false);
}

/* The batch that failed once more, then what came after it. */
static int commit_all(rp_store *store, bool done) {
    int code = rp__store_collect(store);
    if (code && store->batch_out && code != RP_EBUSY) {
        store->code = 0;
        rp__writer_give(&store->writer, &store->batch);
        code = rp__store_collect(store);
    }
    if (!code) code = store->code;
    if (!code) code = rp__store_commit(store, false, done);
    return code ? code : rp__store_collect(store);
}

int rp_store_close(rp_store *store, enum rp_store_end end, const rp_map_stats *stats, rp_error *error) {
    if (!store) return 0;
    if (stats) store->stats = *stats;
    rp__store_release(store);
    rp_error first = {0}, closing = {0};
    const int code = commit_all(store, end == RP_STORE_DONE);
    if (code) first = store->error;
    discard(store, &closing);
    if (code && error) *error = first;
    if (!code && closing.code && error) *error = closing;
    return code ? code : closing.code;
}
