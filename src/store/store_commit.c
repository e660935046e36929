/* What goes into a commit, and what becomes of it afterwards.
 *
 * An item belongs to the run's thread. While the writer has it in hand it is not freed; one that is taken meanwhile is dealt
 * with when the batch is back. Results in the file from `away_from` on are never in memory, which keeps the run small and
 * tells what to read back: so those that a commit has brought there go, and when memory is short `away_from` comes down.
 * Not where results are due as they come: there it only rises, since what was taken may lie behind what waits. */
#include "core/error.h"
#include "core/now.h"
#include "store/store_state.h"

#include <stdlib.h>
#include <time.h>

enum { MEMORY_MAX = 64 << 20, MEMORY_LOW = 32 << 20, SPARE_ROWS = 1000 };

int rp__store_stop(rp_store *store, int code, const rp_error *error) {
    if (code && !store->code) {
        store->code = code;
        store->error = *error;
    }
    return code;
}

static int no_memory(rp_store *store) {
    rp_error error;
    return rp__store_stop(store, rp__fail(&error, RP_ENOMEM, "%s: out of memory", store->path), &error);
}

/* ---- Items ---------------------------------------------------------------------------------------------- */

static void drop(rp_store *store, struct rp__item *item) {
    store->memory -= rp__item_cost(item);
    rp__item_free(item);
}

/* A taken item that nobody has in hand: its row goes unless it is to stay; what is not written yet and has to be waits for
 * the next batch. */
static void settle(rp_store *store, struct rp__item *item) {
    const bool stays = item->begin >= store->keep_from;
    if (item->in_batch) return;
    if (!item->in_file && (stays || item->mishap)) {
        if (rp__waiting_append(&store->kept, item) == 0) return;
        no_memory(store);
    } else if (item->in_file && !stays && rp__buffer_append(&store->remove, &item->begin, sizeof item->begin)) {
        no_memory(store);
    }
    drop(store, item);
}

void rp__store_release(rp_store *store) {
    struct rp__item *item = store->lent;
    store->lent = NULL;
    if (item) settle(store, item);
}

/* Takes those that are in the file from `away_from` on out of memory. Of a sorted heap what is left is one. */
static void drop_away(rp_store *store) {
    struct rp__waiting *waiting = &store->waiting;
    rp__waiting_sort(waiting);
    size_t used = 0, left = 0;
    for (size_t i = 0; i < waiting->count; i++) {
        struct rp__item *item = waiting->at[i];
        used += rp__item_cost(item);
        if (!store->unordered && used > MEMORY_LOW && item->in_file && item->begin < store->away_from)
            store->away_from = item->begin;
        if (item->in_file && item->begin >= store->away_from)
            drop(store, item);
        else
            waiting->at[left++] = item;
    }
    waiting->count = left;
}

/* ---- Batches -------------------------------------------------------------------------------------------- */

void rp__store_drop_batch(rp_store *store) {
    struct rp__batch *batch = &store->batch;
    for (size_t i = 0; i < batch->add.count; i++) {
        struct rp__item *item = batch->add.at[i];
        item->in_batch = false;
        if (item->taken && item != store->lent) drop(store, item);
    }
    free(batch->add.at);
    rp__intervals_free(&batch->fresh);
    rp__intervals_free(&batch->whole);
    rp__buffer_free(&batch->remove);
    rp__buffer_free(&batch->output);
    free(batch->now.state);
    *batch = (struct rp__batch){0};
    store->batch_out = false;
}

int rp__store_collect(rp_store *store) {
    if (!store->batch_out) return 0;
    rp_error error;
    const int code = rp__writer_wait(&store->writer, &error);
    if (code) return rp__store_stop(store, code, &error); /* the batch stays, to be tried again at the end */
    struct rp__batch *batch = &store->batch;
    store->committed = store->batch_put;
    bool away = store->memory > MEMORY_MAX;
    for (size_t i = 0; i < batch->add.count; i++) {
        struct rp__item *item = batch->add.at[i];
        item->in_batch = false;
        item->in_file = item->row;
        if (!item->taken)
            away = away || item->begin >= store->away_from;
        else if (item != store->lent && item->in_file)
            settle(store, item);
        else if (item != store->lent)
            drop(store, item);
    }
    batch->add.count = 0;
    rp__store_drop_batch(store);
    if (away) drop_away(store);
    return store->code;
}

int rp__store_point(rp_store *store, struct rp__point *point) {
    rp_error error;
    uint64_t length = store->output_at;
    int code = rp__output_flush(&store->output, &length, &error);
    if (code) return rp__store_stop(store, code, &error);
    if (!store->output.path) length += store->output.fresh.size;
    *point = (struct rp__point){.there = store->save != NULL, .cursor = store->cursor, .length = length};
    if (!store->save) return 0;
    FILE *to = open_memstream(&point->state, &point->size);
    if (!to) return no_memory(store);
    code = store->save(store->context, to);
    if (fclose(to) && !code) code = RP_ENOMEM;
    if (!code) return 0;
    free(point->state);
    *point = (struct rp__point){0};
    return rp__store_stop(store, rp__fail(&error, code, "%s: the state of the run cannot be saved", store->path),
                          &error);
}

static int add_item(rp_store *store, struct rp__item *item) {
    if (rp__waiting_append(&store->batch.add, item)) return no_memory(store);
    item->in_batch = true;
    item->row = !item->taken || item->begin >= store->keep_from;
    return 0;
}

static int add_items(rp_store *store) {
    while (store->kept.count) {
        const int code = add_item(store, store->kept.at[store->kept.count - 1]);
        if (code) return code;
        store->kept.count--;
    }
    for (size_t i = 0; i < store->waiting.count; i++) {
        const int code = store->waiting.at[i]->in_file ? 0 : add_item(store, store->waiting.at[i]);
        if (code) return code;
    }
    return 0;
}

static int add_done(rp_store *store) {
    struct rp__batch *batch = &store->batch;
    batch->fresh = store->fresh;
    store->fresh = (struct rp__intervals){0};
    store->done_rows += batch->fresh.count;
    if (store->done_rows <= 2 * store->done.count + SPARE_ROWS) return 0;
    batch->rewrite = true;
    store->done_rows = store->done.count;
    for (size_t i = 0; i < store->done.count; i++)
        if (rp__intervals_add(&batch->whole, store->done.at[i].begin, store->done.at[i].end)) return no_memory(store);
    return 0;
}

static void add_output(rp_store *store) {
    struct rp__batch *batch = &store->batch;
    batch->output = store->output.fresh;
    batch->output_at = store->output_at;
    store->output.fresh = (struct rp__buffer){0};
    store->output_at += batch->output.size;
    batch->sync_fd = store->output.path ? fileno(store->output.stream) : -1;
}

int rp__store_commit(rp_store *store, bool running, bool done) {
    struct rp__batch *batch = &store->batch;
    *batch = (struct rp__batch){.inputs = store->inputs, .digest = store->digest};
    int code = rp__store_point(store, &batch->now);
    if (!code) code = add_items(store);
    if (!code) code = add_done(store);
    if (code) {
        rp__store_drop_batch(store);
        return code;
    }
    add_output(store);
    batch->remove = store->remove;
    store->remove = (struct rp__buffer){0};
    if (store->retry_new) batch->retry = store->retry;
    store->retry_new = false;
    rp__store_summarize(store, running, done, &batch->summary);
    store->last_ns = rp__now_ns();
    store->batch_put = store->put;
    store->batch_out = true;
    rp__writer_give(&store->writer, batch);
    return 0;
}

void rp__store_summarize(const rp_store *store, bool running, bool done, rp_store_summary *summary) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *summary = store->earlier;
    summary->running = running;
    summary->done = done || store->finished;
    summary->tasks_done = rp__intervals_total(&store->done);
    summary->tasks_failed = store->failed + store->bad_results;
    if (store->stats.tasks_known) summary->tasks_known = store->stats.tasks_known;
    summary->tasks_final = summary->tasks_final || store->stats.tasks_final;
    summary->seconds += store->stats.seconds;
    summary->busy_seconds += store->stats.busy_seconds;
    if (store->stats.seconds > 0) summary->rate = (double)store->put / store->stats.seconds;
    if (store->stats.workers) summary->workers = store->stats.workers;
    summary->updated = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
