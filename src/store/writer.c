/* See writer.h. First the output is on the disk, then the commit that counts on it, then the status that tells of it. */
#include "store/writer.h"

#include "core/error.h"
#include "store/status.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

void rp__write_status(const char *path, struct rp__db *db, const rp_store_summary *summary) {
    FILE *file = rp__status_begin(path, summary);
    if (!file) return;
    if (summary->tasks_failed) (void)rp__db_failures(db, RP__STATUS_FAILURES, rp__status_failure, file, NULL);
    rp__status_end(path, file);
}

static int write_batch(struct rp__writer *writer, const struct rp__batch *batch, rp_error *error) {
    int code = rp__lock_check(writer->lock, error);
    if (code) return code;
    if (batch->sync_fd >= 0 && fdatasync(batch->sync_fd))
        return rp__fail(error, RP_EOUTPUT, "the output of %s: %s", writer->path, strerror(errno));
    code = rp__db_commit(writer->db, writer->lock, batch, error);
    if (!code) rp__write_status(writer->path, writer->db, &batch->summary);
    return code;
}

static void *write_batches(void *self) {
    struct rp__writer *writer = self;
    pthread_mutex_lock(&writer->mutex);
    for (;;) {
        while (!writer->batch && !writer->ending) pthread_cond_wait(&writer->changed, &writer->mutex);
        if (!writer->batch) break;
        const struct rp__batch *batch = writer->batch;
        pthread_mutex_unlock(&writer->mutex);
        rp_error error = {0};
        const int code = write_batch(writer, batch, &error);
        pthread_mutex_lock(&writer->mutex);
        writer->code = code;
        writer->error = error;
        writer->batch = NULL;
        pthread_cond_broadcast(&writer->changed);
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

int rp__writer_start(struct rp__writer *writer, struct rp__db *db, const struct rp__lock *lock, const char *path,
                     rp_error *error) {
    *writer = (struct rp__writer){.db = db, .lock = lock, .path = path};
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->changed, NULL);
    sigset_t all, before; /* signals are the program's other threads' business */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int reason = pthread_create(&writer->thread, NULL, write_batches, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    writer->running = reason == 0;
    return reason ? rp__fail(error, RP_ESYSTEM, "no thread to write the store: %s", strerror(reason)) : 0;
}

void rp__writer_give(struct rp__writer *writer, struct rp__batch *batch) {
    pthread_mutex_lock(&writer->mutex);
    writer->batch = batch;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
}

bool rp__writer_busy(struct rp__writer *writer) {
    pthread_mutex_lock(&writer->mutex);
    const bool busy = writer->batch != NULL;
    pthread_mutex_unlock(&writer->mutex);
    return busy;
}

int rp__writer_wait(struct rp__writer *writer, rp_error *error) {
    pthread_mutex_lock(&writer->mutex);
    while (writer->batch) pthread_cond_wait(&writer->changed, &writer->mutex);
    const int code = writer->code;
    if (code && error) *error = writer->error;
    pthread_mutex_unlock(&writer->mutex);
    return code;
}

void rp__writer_stop(struct rp__writer *writer) {
    if (!writer->running) return;
    pthread_mutex_lock(&writer->mutex);
    writer->ending = true;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
    pthread_mutex_destroy(&writer->mutex);
    pthread_cond_destroy(&writer->changed);
    writer->running = false;
}
