/* The thread that writes a store, a batch at a time. While it has none, the run's thread may use the database itself. */
#ifndef RP_STORE_WRITER_H
#define RP_STORE_WRITER_H

#include "store/db.h"

#include <pthread.h>

struct rp__writer {
    struct rp__db *db; /* lent, all three */
    const struct rp__lock *lock;
    const char *path;
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex; /* guards from here on */
    pthread_cond_t changed;
    struct rp__batch *batch; /* in hand */
    bool ending;
    int code; /* of the batch that it had last */
    rp_error error;
};

/* 0 or RP_ESYSTEM: no thread. */
int rp__writer_start(struct rp__writer *writer, struct rp__db *db, const struct rp__lock *lock, const char *path,
                     rp_error *error);
/* Takes a batch, lent until it is not busy any more. It must not be busy. */
void rp__writer_give(struct rp__writer *writer, struct rp__batch *batch);
bool rp__writer_busy(struct rp__writer *writer);
/* Waits until it is not busy. What became of its last batch: 0, RP_EBUSY (taken over), RP_EOUTPUT, RP_ESYSTEM ... */
int rp__writer_wait(struct rp__writer *writer, rp_error *error);
void rp__writer_stop(struct rp__writer *writer);

/* Replaces the status file: the summary, and the failures in the database. */
void rp__write_status(const char *path, struct rp__db *db, const rp_store_summary *summary);

#endif
