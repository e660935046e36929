/* The SQLite file of a store. Every call is all or nothing: it reads, or it is one transaction. Calls on one file are made
 * by one thread at a time. */
#ifndef RP_STORE_DB_H
#define RP_STORE_DB_H

#include "store/batch.h"
#include "store/store_lock.h"

struct rp__db;

/* What a run is. The first two are its kind, the others are its words; the store keeps both alike. */
struct rp__identity {
    const char *output; /* "a file", "standard output" */
    const char *order;  /* "by tasks", "as they come" */
    const char *state;  /* "saved", "none": results are kept */
    const rp_store_word *words;
    size_t count;
};

/* What a store holds besides results and output. */
struct rp__loaded {
    struct rp__intervals done;
    uint64_t done_rows; /* of the table */
    struct rp__point now, retry;
    uint64_t inputs, digest;
    bool finished;
    uint64_t bad_results; /* of summary.tasks_failed, those that have a result */
    rp_store_summary summary;
};

/* Opens the file, or, with `create`, makes it; a journal that a killed run left is rolled back, so its lock must be held.
 * RP_EINVAL: some other file, or damaged; RP_EUNSUPPORTED: newer; RP_ESYSTEM, RP_ENOMEM. */
int rp__db_open(const char *path, bool create, struct rp__db **db, rp_error *error);
void rp__db_close(struct rp__db *db);
/* Is a run in it? Not after it was made. */
bool rp__db_is_new(const struct rp__db *db);
/* RP_EMISMATCH: it is the store of something else. */
int rp__db_compare(struct rp__db *db, const struct rp__identity *identity, rp_error *error);
/* Begins a run in it, a first one or one more, under the lock. `retry`: without what has failed, from the point before the
 * first failure. `anew`: from no point at all, so that every result is due again. */
int rp__db_begin(struct rp__db *db, const struct rp__lock *lock, const struct rp__identity *identity, bool retry,
                 bool anew, rp_error *error);
/* The length of the output with which it would. */
int rp__db_length(struct rp__db *db, bool retry, uint64_t *length, rp_error *error);
int rp__db_load(struct rp__db *db, struct rp__loaded *loaded, rp_error *error);
void rp__loaded_free(struct rp__loaded *loaded);
/* Hands the kept output to `print`, which may refuse. */
int rp__db_output(struct rp__db *db, int (*print)(void *context, const void *data, size_t size, rp_error *error),
                  void *context, rp_error *error);
/* Adds the results from task `from` on, up to about `size` bytes of them, and their bytes to *memory; *next is the begin of the first that was not
 * read, UINT64_MAX: none is left. */
int rp__db_read(struct rp__db *db, uint64_t from, size_t size, struct rp__waiting *waiting, size_t *memory,
                uint64_t *next, rp_error *error);
/* The failures, the lowest task first, at most `count` of them. */
int rp__db_failures(struct rp__db *db, uint64_t count, void (*failure)(void *context, const rp_store_failure *failure),
                    void *context, rp_error *error);
/* Commits. RP_EBUSY: another run took the store over. */
int rp__db_commit(struct rp__db *db, const struct rp__lock *lock, const struct rp__batch *batch, rp_error *error);

#endif
