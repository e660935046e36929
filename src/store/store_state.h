/* An open store, as the files of the store see it. */
#ifndef RP_STORE_STORE_STATE_H
#define RP_STORE_STORE_STATE_H

#include "store/output.h"
#include "store/writer.h"

struct rp_store {
    char *path;
    bool unordered, eager;
    int (*save)(void *context, FILE *to);
    bool (*judge)(void *context, const rp_result *result, char *text, size_t size);
    void *context;

    struct rp__lock lock;
    struct rp__db *db;
    struct rp__writer writer;
    struct rp__output output;
    uint64_t output_at; /* bytes of standard output that batches took */

    rp_span *spans; /* done when it was opened */
    size_t span_count;
    uint64_t before;                  /* tasks of them */
    struct rp__intervals done, fresh; /* all; since the last batch */
    uint64_t done_rows;               /* of the file's table, which is rewritten when it has many more than it needs */
    uint64_t failed, bad_results;     /* tasks: without a good result; with one that counts as a failure */
    bool finished;                    /* was, and nothing came since */

    uint64_t cursor;            /* the next task due */
    struct rp__waiting waiting; /* put and not taken, but for those that are in the file only: */
    uint64_t away_from;         /* results in the file from this task on are not in memory; UINT64_MAX: all are */
    struct rp__item *lent;      /* taken last */
    struct rp__waiting kept;    /* taken, and to be written all the same */
    uint64_t keep_from;         /* results from this task on stay in the file when they are taken */
    struct rp__buffer remove;   /* begins of rows that need not stay */
    size_t memory;              /* bytes of all items */

    struct rp__point now, retry; /* from which it goes on (`now`: its state only); before the first failure */
    bool retry_new;              /* `retry` is not in the file yet */
    struct rp__batch batch;      /* the writer's, where `batch_out` */
    bool batch_out;
    uint64_t every_ns, last_ns; /* between commits; when the last began */

    uint64_t inputs, digest;
    rp_store_summary earlier; /* of the runs before */
    rp_map_stats stats;       /* of this one, as told last */
    uint64_t put;             /* tasks in this one */
    uint64_t batch_put;       /* of them, those that the last batch and those before it have */
    uint64_t committed;       /* of them, those on the disk */
    int code;                 /* why it cannot go on */
    rp_error error;
};

/* Keeps the first reason why it cannot go on; returns `code`. */
int rp__store_stop(rp_store *store, int code, const rp_error *error);
/* What was taken last was used. */
void rp__store_release(rp_store *store);
/* Takes back the batch that the writer has done, or waits for that. */
int rp__store_collect(rp_store *store);
/* Gives the writer a batch of all that is new; it must have none. */
int rp__store_commit(rp_store *store, bool running, bool done);
/* Where the run would go on now. */
int rp__store_point(rp_store *store, struct rp__point *point);
/* Frees a batch, and what of its items was only kept for it. */
void rp__store_drop_batch(rp_store *store);
void rp__store_summarize(const rp_store *store, bool running, bool done, rp_store_summary *summary);

#endif
