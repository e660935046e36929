/* What a worker of `rankpool exec` has for all of its commands: a slot on its host, files for their output, and the
 * environment that they see. */
#ifndef RP_EXEC_STATION_H
#define RP_EXEC_STATION_H

#include "rankpool.h"

#include <signal.h>

struct exec_station {
    uint32_t slot; /* 0.. among the workers of this run on this host */
    int slot_fd;   /* holds it; -1: nothing does */
    int null, out, err;
    char **environment; /* ended by NULL */
    sigset_t changed;   /* see struct exec_start */
    char task[40];      /* RANKPOOL_TASK=..., one of them */
    char fixed[4][96];  /* the other RANKPOOL_... */
};

/* `run` is the same in all workers of a run, and in no others; `env` holds NAME=VALUE. Both are lent until it is closed.
 * 0, or rp_task_fail(); exec_station_close after either. */
int exec_station_open(struct exec_station *station, rp_task *task, uint64_t run, const char *const *env,
                      size_t env_count);
void exec_station_close(struct exec_station *station);
/* Makes a file of output empty again. */
int exec_station_empty(int fd);

#endif
