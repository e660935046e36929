/* Commits, and what was committed: the rows of done tasks, results, failures and output. */
#include "core/error.h"
#include "store/db_state.h"

#include <string.h>

enum { OUTPUT_ROW_MAX = 1 << 20 };

/* ---- Reading -------------------------------------------------------------------------------------------- */

/* Tasks that no run could have stored are those of a damaged file. */
static bool read_span(struct rp__db *db, sqlite3_stmt *row, uint64_t *begin, uint64_t *end) {
    *begin = rp__db_column(row, 0);
    *end = rp__db_column(row, 1);
    if (*begin < *end && *end <= INT64_MAX) return true;
    rp__db_damaged(db);
    return false;
}

void rp__db_read_spans(struct rp__db *db, const char *select, struct rp__intervals *spans, uint64_t *rows) {
    uint64_t count = 0, begin, end;
    sqlite3_stmt *row = rp__db_prepare(db, select);
    for (; rp__db_row(db, row) && read_span(db, row, &begin, &end); count++)
        if (rp__intervals_add(spans, begin, end)) rp__db_no_memory(db);
    rp__db_finish(row);
    if (rows) *rows = count;
}

/* The columns of a failure from `at` on: cause, exit code, signal, rank, worker, core, host, attempts, time. */
static void read_mishap(sqlite3_stmt *row, int at, struct rp__mishap *mishap) {
    const char *host = (const char *)sqlite3_column_text(row, at + 6);
    const int cause = sqlite3_column_int(row, at);
    mishap->how = (rp_failure){.cause = cause >= 0 && cause < RP_CAUSE_OTHER ? (enum rp_cause)cause : RP_CAUSE_OTHER,
                               .exit_code = sqlite3_column_int(row, at + 1),
                               .signal = sqlite3_column_int(row, at + 2),
                               .rank = sqlite3_column_int(row, at + 3),
                               .worker = (uint32_t)sqlite3_column_int64(row, at + 4),
                               .core = sqlite3_column_int(row, at + 5),
                               .attempts = (uint32_t)sqlite3_column_int64(row, at + 7)};
    snprintf(mishap->how.host, sizeof mishap->how.host, "%s", host ? host : "");
    mishap->time = sqlite3_column_double(row, at + 8);
}

/* Of no bytes SQLite has no pointer. */
static int read_input(sqlite3_stmt *row, int at, struct rp__item *item) {
    const void *input = sqlite3_column_blob(row, at);
    if (sqlite3_column_type(row, at) == SQLITE_NULL) return 0;
    return rp__item_input(item, input ? input : "", (size_t)sqlite3_column_bytes(row, at));
}

#define MISHAP "cause, exit_code, signal, rank, worker, core, host, attempts, time"

static void read_result(struct rp__db *db, sqlite3_stmt *row, struct rp__waiting *waiting, size_t *used) {
    uint64_t begin, end;
    if (!read_span(db, row, &begin, &end)) return;
    const void *bytes = sqlite3_column_blob(row, 3);
    struct rp__item *item =
        rp__item_new(begin, end, sqlite3_column_int(row, 2), bytes, (size_t)sqlite3_column_bytes(row, 3));
    if (item && item->mishap) read_mishap(row, 4, item->mishap);
    if (!item || (item->mishap && read_input(row, 13, item)) || rp__waiting_add(waiting, item)) {
        rp__item_free(item);
        rp__db_no_memory(db);
        return;
    }
    item->in_file = true;
    *used += rp__item_cost(item);
}

int rp__db_read(struct rp__db *db, uint64_t from, size_t size, struct rp__waiting *waiting, size_t *memory,
                uint64_t *next, rp_error *error) {
    size_t used = 0;
    uint64_t left = UINT64_MAX;
    rp__db_clear(db);
    sqlite3_stmt *row = rp__db_prepare(db, "SELECT r.begin, r.end, r.status, r.bytes, " MISHAP ", input"
                                           " FROM result r LEFT JOIN failure f ON f.begin = r.begin"
                                           " WHERE r.begin >= ? ORDER BY r.begin");
    rp__db_bind(row, 1, from);
    while (left == UINT64_MAX && rp__db_row(db, row)) {
        if (used < size)
            read_result(db, row, waiting, &used);
        else
            left = rp__db_column(row, 0);
    }
    rp__db_finish(row);
    *memory += used;
    if (!db->code) *next = left;
    return rp__db_end(db, error);
}

int rp__db_failures(struct rp__db *db, uint64_t count, void (*failure)(void *context, const rp_store_failure *failure),
                    void *context, rp_error *error) {
    rp__db_clear(db);
    sqlite3_stmt *row =
        rp__db_prepare(db, "SELECT begin, end, message, " MISHAP " FROM failure ORDER BY begin LIMIT ?");
    rp__db_bind(row, 1, count);
    uint64_t begin, end;
    while (rp__db_row(db, row) && read_span(db, row, &begin, &end)) {
        struct rp__mishap mishap;
        read_mishap(row, 3, &mishap);
        const char *message = (const char *)sqlite3_column_text(row, 2);
        failure(context, &(rp_store_failure){.begin = begin,
                                             .end = end,
                                             .message = message ? message : "",
                                             .how = &mishap.how,
                                             .time = mishap.time});
    }
    rp__db_finish(row);
    return rp__db_end(db, error);
}

int rp__db_output(struct rp__db *db, int (*print)(void *context, const void *data, size_t size, rp_error *error),
                  void *context, rp_error *error) {
    int code = 0;
    rp__db_clear(db);
    sqlite3_stmt *row = rp__db_prepare(db, "SELECT bytes FROM output ORDER BY at");
    while (!code && rp__db_row(db, row)) {
        const void *bytes = sqlite3_column_blob(row, 0);
        const size_t size = (size_t)sqlite3_column_bytes(row, 0);
        if (size) code = print(context, bytes, size, error);
    }
    rp__db_finish(row);
    return code ? code : rp__db_end(db, error);
}

/* ---- Writing -------------------------------------------------------------------------------------------- */

void rp__db_add_done(struct rp__db *db, const struct rp__intervals *spans) {
    sqlite3_stmt *add = rp__db_prepare(db, "INSERT INTO done VALUES (?, ?)");
    for (size_t i = 0; i < spans->count && !db->code; i++) {
        rp__db_bind(add, 1, spans->at[i].begin);
        rp__db_bind(add, 2, spans->at[i].end);
        rp__db_step(db, add);
    }
    rp__db_finish(add);
}

static void remove_rows(struct rp__db *db, const struct rp__buffer *begins) {
    sqlite3_stmt *remove = rp__db_prepare(db, "DELETE FROM result WHERE begin = ?");
    for (size_t at = 0; at < begins->size && !db->code; at += sizeof(uint64_t)) {
        uint64_t begin;
        memcpy(&begin, begins->data + at, sizeof begin);
        rp__db_bind(remove, 1, begin);
        rp__db_step(db, remove);
    }
    rp__db_finish(remove);
}

/* No bytes are a blob of none, not NULL. */
static void bind_bytes(sqlite3_stmt *statement, int at, const void *data, size_t size) {
    sqlite3_bind_blob64(statement, at, size ? data : "", size, SQLITE_STATIC);
}

static void bind_mishap(sqlite3_stmt *add, int at, const struct rp__mishap *mishap) {
    const rp_failure *how = &mishap->how;
    sqlite3_bind_int(add, at, (int)how->cause);
    sqlite3_bind_int(add, at + 1, how->exit_code);
    sqlite3_bind_int(add, at + 2, how->signal);
    sqlite3_bind_int(add, at + 3, how->rank);
    sqlite3_bind_int64(add, at + 4, how->worker);
    sqlite3_bind_int(add, at + 5, how->core);
    sqlite3_bind_text(add, at + 6, how->host, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, at + 7, how->attempts);
    sqlite3_bind_double(add, at + 8, mishap->time);
    if (how->input) bind_bytes(add, at + 9, how->input, how->input_size);
}

static void add_result(struct rp__db *db, sqlite3_stmt *add, const struct rp__item *item) {
    rp__db_bind(add, 1, item->begin);
    rp__db_bind(add, 2, item->end);
    sqlite3_bind_int(add, 3, item->status);
    bind_bytes(add, 4, item->data, item->size);
    rp__db_step(db, add);
}

static void add_failure(struct rp__db *db, sqlite3_stmt *add, const struct rp__item *item) {
    rp__db_bind(add, 1, item->begin);
    rp__db_bind(add, 2, item->end);
    sqlite3_bind_int(add, 3, item->status);
    const char *words = item->mishap->words, *message = words ? words : (const char *)item->data;
    sqlite3_bind_text64(add, 4, message, words ? strlen(words) : item->size, SQLITE_STATIC, SQLITE_UTF8);
    bind_mishap(add, 5, item->mishap);
    rp__db_step(db, add);
}

static void add_items(struct rp__db *db, const struct rp__waiting *items) {
    sqlite3_stmt *result = rp__db_prepare(db, "INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?)");
    sqlite3_stmt *failure =
        rp__db_prepare(db, "INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    for (size_t i = 0; i < items->count && !db->code; i++) {
        if (items->at[i]->row) add_result(db, result, items->at[i]);
        if (items->at[i]->mishap) add_failure(db, failure, items->at[i]);
    }
    rp__db_finish(result);
    rp__db_finish(failure);
}

static void add_output(struct rp__db *db, const struct rp__buffer *output, uint64_t at) {
    sqlite3_stmt *add = rp__db_prepare(db, "INSERT OR REPLACE INTO output VALUES (?, ?)");
    for (size_t done = 0; done < output->size && !db->code;) {
        const size_t left = output->size - done, size = left < OUTPUT_ROW_MAX ? left : OUTPUT_ROW_MAX;
        rp__db_bind(add, 1, at + done);
        bind_bytes(add, 2, output->data + done, size);
        rp__db_step(db, add);
        done += size;
    }
    rp__db_finish(add);
}

static void set_point(struct rp__db *db, const char *name, const struct rp__point *point) {
    if (!point->there) return;
    sqlite3_stmt *set = rp__db_prepare(db, "INSERT OR REPLACE INTO point VALUES (?, ?, ?, ?)");
    if (!set) return;
    sqlite3_bind_text(set, 1, name, -1, SQLITE_STATIC);
    rp__db_bind(set, 2, point->cursor);
    rp__db_bind(set, 3, point->length);
    bind_bytes(set, 4, point->state, point->size);
    rp__db_step(db, set);
    rp__db_finish(set);
}

static void set_summary(struct rp__db *db, const struct rp__batch *batch) {
    const rp_store_summary *summary = &batch->summary;
    rp__db_set_number(db, "inputs", batch->inputs);
    rp__db_set_number(db, "digest", batch->digest);
    rp__db_set_number(db, "done", summary->done);
    rp__db_set_number(db, "tasks_known", summary->tasks_known);
    rp__db_set_number(db, "tasks_final", summary->tasks_final);
    rp__db_set_number(db, "workers", summary->workers);
    rp__db_set_real(db, "seconds", summary->seconds);
    rp__db_set_real(db, "busy_seconds", summary->busy_seconds);
    rp__db_set_real(db, "rate", summary->rate);
    rp__db_set_real(db, "updated", summary->updated);
}

/* The lock may have been replaced, and the other run be done already: then the file says so. */
static void check_owner(struct rp__db *db, const struct rp__lock *lock) {
    char nonce[sizeof lock->nonce], owner[256];
    if (!db->code) db->code = rp__lock_check(lock, &db->error);
    rp__db_text(db, "nonce", nonce, sizeof nonce);
    if (db->code || strcmp(nonce, lock->nonce) == 0) return;
    rp__db_text(db, "owner", owner, sizeof owner);
    if (!db->code) db->code = rp__fail(&db->error, RP_EBUSY, "the store was taken over by %s", owner);
}

int rp__db_commit(struct rp__db *db, const struct rp__lock *lock, const struct rp__batch *batch, rp_error *error) {
    rp__db_clear(db);
    rp__db_begin_writing(db);
    check_owner(db, lock);
    if (batch->rewrite) rp__db_run(db, "DELETE FROM done");
    rp__db_add_done(db, batch->rewrite ? &batch->whole : &batch->fresh);
    remove_rows(db, &batch->remove);
    add_items(db, &batch->add);
    add_output(db, &batch->output, batch->output_at);
    set_point(db, "now", &batch->now);
    set_point(db, "retry", &batch->retry);
    set_summary(db, batch);
    rp__db_end_writing(db);
    return rp__db_end(db, error);
}
