/* Who writes a store: PATH.lock, made by O_EXCL, since the locks of network file systems cannot be relied on. It holds
 * text, and a nonce by which a writer knows whether the lock is still its own. */
#ifndef RP_STORE_STORE_LOCK_H
#define RP_STORE_STORE_LOCK_H

#include "rankpool.h"

#include <limits.h>

struct rp__lock {
    char path[PATH_MAX]; /* of the lock */
    char host[64];
    char boot[40];    /* of the host: changes when it starts again */
    char job[32];     /* Slurm's; "": none */
    uint64_t restart; /* how often Slurm has requeued the job */
    uint64_t pid;
    uint64_t started; /* the pid's, in the system's ticks: another one of the same pid has another */
    char nonce[33];
    bool looks; /* only looks into the store: gone in a moment */
};

/* Makes the lock of the store at `path`, for a run, or for one who `looks`. What a run has left that is surely over is replaced, with `steal` whatever there
 * is. RP_EBUSY: someone has it, and `held` (may be NULL) says who; RP_ESYSTEM: it cannot be made (errno says why). */
int rp__lock_take(const char *path, bool steal, bool looks, struct rp__lock *lock, struct rp__lock *held,
                  rp_error *error);
/* Is it still ours? RP_EBUSY: it was taken over; RP_ESYSTEM: it cannot be read. */
int rp__lock_check(const struct rp__lock *lock, rp_error *error);
/* Removes it where it is still ours. */
void rp__lock_release(const struct rp__lock *lock);
/* "host (pid 12), Slurm job 7" */
void rp__lock_owner(const struct rp__lock *lock, char text[256]);

#endif
