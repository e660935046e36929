/* A run begins in a store: is it the run's, where does it go on, and what is there already. */
#include "core/error.h"
#include "store/db_state.h"

#include <stdlib.h>
#include <string.h>

enum { KINDS = 3 }; /* words before those of the run */

/* Word `at` of the identity: its kind first, then its own words. */
static rp_store_word word_of(const struct rp__identity *identity, size_t at) {
    switch (at) {
    case 0:
        return (rp_store_word){"output", identity->output};
    case 1:
        return (rp_store_word){"order", identity->order};
    case 2:
        return (rp_store_word){"state", identity->state};
    }
    return identity->words[at - KINDS];
}

static int differ(const struct rp__db *db, const char *name, const char *there, const char *here, rp_error *error) {
    return rp__fail(error, RP_EMISMATCH,
                    "%.100s is the store of another run: %.30s is %.50s there and %.50s here; name another store",
                    db->path, name, there, here);
}

int rp__db_compare(struct rp__db *db, const struct rp__identity *identity, rp_error *error) {
    const size_t count = identity->count + KINDS;
    size_t at = 0;
    int code = 0;
    rp__db_clear(db);
    sqlite3_stmt *words = rp__db_prepare(db, "SELECT name, value FROM word ORDER BY at");
    for (; !code && rp__db_row(db, words); at++) {
        const char *name = (const char *)sqlite3_column_text(words, 0);
        const char *value = (const char *)sqlite3_column_text(words, 1);
        if (!name || !value) {
            rp__db_damaged(db);
        } else if (at >= count) {
            code = differ(db, name, value, "not given", error);
        } else {
            const rp_store_word here = word_of(identity, at);
            if (strcmp(name, here.name) != 0)
                code = differ(db, name, value, "not given", error);
            else if (strcmp(value, here.value) != 0)
                code = differ(db, name, value, here.value, error);
        }
    }
    rp__db_finish(words);
    if (!code && !db->code && at < count) {
        const rp_store_word here = word_of(identity, at);
        code = differ(db, here.name, "not given", here.value, error);
    }
    return code ? code : rp__db_end(db, error);
}

static void add_words(struct rp__db *db, const struct rp__identity *identity) {
    sqlite3_stmt *add = rp__db_prepare(db, "INSERT INTO word VALUES (?, ?, ?)");
    for (size_t at = 0; add && at < identity->count + KINDS; at++) {
        const rp_store_word word = word_of(identity, at);
        rp__db_bind(add, 1, at);
        sqlite3_bind_text(add, 2, word.name, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(add, 3, word.value, -1, SQLITE_TRANSIENT);
        rp__db_step(db, add);
    }
    rp__db_finish(add);
}

/* *left gets what of `all` is not in `away`. */
static int subtract(const struct rp__intervals *all, const struct rp__intervals *away, struct rp__intervals *left) {
    int code = 0;
    for (size_t i = 0; !code && i < all->count; i++) {
        struct rp__interval gap = {0};
        for (uint64_t from = all->at[i].begin; !code && from < all->at[i].end; from = gap.end) {
            rp__intervals_gap(away, from, &gap);
            if (gap.begin >= all->at[i].end) break;
            code = rp__intervals_add(left, gap.begin, gap.end < all->at[i].end ? gap.end : all->at[i].end);
        }
    }
    return code;
}

static void forget_failures(struct rp__db *db) {
    struct rp__intervals done = {0}, failed = {0}, left = {0};
    rp__db_read_spans(db, "SELECT begin, end FROM done", &done, NULL);
    rp__db_read_spans(db, "SELECT begin, end FROM failure", &failed, NULL);
    if (!db->code && subtract(&done, &failed, &left)) rp__db_no_memory(db);
    if (failed.count) {
        rp__db_run(db, "DELETE FROM done; DELETE FROM result WHERE begin IN (SELECT begin FROM failure);"
                       "DELETE FROM failure;"
                       "DELETE FROM point WHERE name = 'now' AND EXISTS (SELECT 1 FROM point WHERE name = 'retry');"
                       "UPDATE point SET name = 'now' WHERE name = 'retry'");
        rp__db_add_done(db, &left);
        rp__db_set_number(db, "done", 0);
    }
    rp__intervals_free(&done);
    rp__intervals_free(&failed);
    rp__intervals_free(&left);
}

/* What was printed behind the point is printed again, and kept again. */
static void cut_output(struct rp__db *db) {
    rp__db_run(db, "DELETE FROM output WHERE at >= ifnull((SELECT length FROM point WHERE name = 'now'), 0);"
                   "UPDATE output SET bytes = substr(bytes, 1, (SELECT length FROM point WHERE name = 'now') - at)"
                   " WHERE at = (SELECT max(at) FROM output)");
}

int rp__db_begin(struct rp__db *db, const struct rp__lock *lock, const struct rp__identity *identity, bool retry,
                 bool anew, rp_error *error) {
    char owner[256];
    rp__lock_owner(lock, owner);
    rp__db_clear(db);
    rp__db_begin_writing(db);
    if (db->is_new) {
        rp__db_make(db);
        add_words(db, identity);
    }
    if (retry) forget_failures(db);
    if (anew) {
        rp__db_run(db, "DELETE FROM point");
        rp__db_set_number(db, "done", 0);
    }
    cut_output(db);
    rp__db_set_text(db, "nonce", lock->nonce);
    rp__db_set_text(db, "owner", owner);
    rp__db_set_number(db, "runs", rp__db_number(db, "runs") + 1);
    rp__db_end_writing(db);
    if (!db->code) db->is_new = false;
    return rp__db_end(db, error);
}

int rp__db_length(struct rp__db *db, bool retry, uint64_t *length, rp_error *error) {
    *length = 0;
    if (db->is_new) return 0;
    rp__db_clear(db);
    sqlite3_stmt *point =
        rp__db_prepare(db, "SELECT length FROM point WHERE name = 'now' OR (name = 'retry' AND ?) ORDER BY name DESC");
    rp__db_bind(point, 1, retry);
    if (rp__db_row(db, point)) *length = rp__db_column(point, 0);
    rp__db_finish(point);
    return rp__db_end(db, error);
}

/* ---- What is there -------------------------------------------------------------------------------------- */

static void load_point(struct rp__db *db, const char *name, struct rp__point *point) {
    sqlite3_stmt *get = rp__db_prepare(db, "SELECT cursor, length, state FROM point WHERE name = ?");
    if (get) sqlite3_bind_text(get, 1, name, -1, SQLITE_STATIC);
    if (rp__db_row(db, get)) {
        const void *state = sqlite3_column_blob(get, 2);
        const size_t size = (size_t)sqlite3_column_bytes(get, 2);
        *point = (struct rp__point){.there = true,
                                    .cursor = rp__db_column(get, 0),
                                    .length = rp__db_column(get, 1),
                                    .state = malloc(size + 1),
                                    .size = size};
        if (!point->state)
            rp__db_no_memory(db);
        else if (size)
            memcpy(point->state, state, size);
        if (point->cursor > INT64_MAX || point->length > INT64_MAX) rp__db_damaged(db);
    }
    rp__db_finish(get);
}

static void load_words(struct rp__db *db, rp_store_summary *summary) {
    sqlite3_stmt *words = rp__db_prepare(db, "SELECT name, value FROM word WHERE at >= ? ORDER BY at");
    rp__db_bind(words, 1, KINDS);
    size_t used = 0;
    while (rp__db_row(db, words)) {
        const char *name = (const char *)sqlite3_column_text(words, 0);
        const char *value = (const char *)sqlite3_column_text(words, 1);
        if (!name || !value) continue;
        if (strcmp(name, "job") == 0) snprintf(summary->job, sizeof summary->job, "%s", value);
        if (used < sizeof summary->words)
            used += (size_t)snprintf(summary->words + used, sizeof summary->words - used, "%s%s=%s", used ? " " : "",
                                     name, value);
    }
    rp__db_finish(words);
}

static void load_summary(struct rp__db *db, struct rp__loaded *loaded) {
    rp_store_summary *summary = &loaded->summary;
    load_words(db, summary);
    rp__db_text(db, "owner", summary->owner, sizeof summary->owner);
    struct rp__intervals failed = {0};
    rp__db_read_spans(db, "SELECT begin, end FROM failure", &failed, NULL);
    summary->tasks_failed = rp__intervals_total(&failed);
    rp__intervals_free(&failed);
    failed = (struct rp__intervals){0};
    rp__db_read_spans(db, "SELECT begin, end FROM failure WHERE status = 0", &failed, NULL);
    loaded->bad_results = rp__intervals_total(&failed);
    rp__intervals_free(&failed);
    summary->tasks_done = rp__intervals_total(&loaded->done);
    summary->tasks_known = rp__db_number(db, "tasks_known");
    summary->tasks_final = rp__db_number(db, "tasks_final") != 0;
    summary->seconds = rp__db_real(db, "seconds");
    summary->busy_seconds = rp__db_real(db, "busy_seconds");
    summary->rate = rp__db_real(db, "rate");
    summary->updated = rp__db_real(db, "updated");
    summary->runs = (uint32_t)rp__db_number(db, "runs");
    summary->workers = (uint32_t)rp__db_number(db, "workers");
    summary->done = loaded->finished;
}

int rp__db_load(struct rp__db *db, struct rp__loaded *loaded, rp_error *error) {
    *loaded = (struct rp__loaded){0};
    rp__db_clear(db);
    rp__db_read_spans(db, "SELECT begin, end FROM done", &loaded->done, &loaded->done_rows);
    load_point(db, "now", &loaded->now);
    load_point(db, "retry", &loaded->retry);
    loaded->inputs = rp__db_number(db, "inputs");
    loaded->digest = rp__db_number(db, "digest");
    loaded->finished = rp__db_number(db, "done") != 0;
    load_summary(db, loaded);
    const int code = rp__db_end(db, error);
    if (code) rp__loaded_free(loaded);
    return code;
}

void rp__loaded_free(struct rp__loaded *loaded) {
    rp__intervals_free(&loaded->done);
    free(loaded->now.state);
    free(loaded->retry.state);
    *loaded = (struct rp__loaded){0};
}
