/* The fork server, as the agent sees it. It is forked before MPI starts, so it may fork at any time: safely on every
 * interconnect, and from a small, single-threaded process. (rp__nursery_start and _stop are in crew/crew.h.) */
#ifndef RP_CREW_NURSERY_H
#define RP_CREW_NURSERY_H

#include "crew/arena.h"

enum rp__life_state { RP__LIFE_NONE, RP__LIFE_ASKED, RP__LIFE_RUNNING, RP__LIFE_ENDED };

/* What the nursery said of the latest worker in a slot. */
struct rp__life {
    enum rp__life_state state;
    int pid;     /* 0: it could not be forked */
    int refused; /* errno of the fork, or 0 */
    int status;  /* of waitpid */
    bool oom;    /* taken by the OOM killer */
};

/* Requests, answered by the slot's life. 0 or RP_ESYSTEM: the nursery is dead. */
int rp__nursery_spawn(struct rp__nursery *nursery, uint32_t slot, rp_error *error);
int rp__nursery_kill(struct rp__nursery *nursery, uint32_t slot, rp_error *error);
/* Take in what it has said. Costs a look at one word; `idle`: there is time to make sure, some times a second, that
 * it is alive. 0 or RP_ESYSTEM. */
int rp__nursery_look(struct rp__nursery *nursery, bool idle, rp_error *error);
/* Sleep until it says something, at most so long. 0 or RP_ESYSTEM. */
int rp__nursery_wait(struct rp__nursery *nursery, int timeout_ms, rp_error *error);
/* Lent until the nursery stops. */
const struct rp__life *rp__nursery_life(const struct rp__nursery *nursery, uint32_t slot);

#endif
