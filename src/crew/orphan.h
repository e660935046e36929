/* What becomes of an agent that is stopped (SIGSTOP) and that nobody continues. It cannot say so, and others learn of it
 * only once they wait for it: not while MPI starts, nor when it has taken its leave of them. Nor do launchers always kill
 * one that is stopped when they end (that of Open MPI 5.0.7 leaves it), and the kernel continues it only if its process
 * group becomes an orphan, which it does not in a container whose first process shares the session. So its nursery
 * kills it: after a lease, or when the launcher is gone. One that no launcher has started may well be stopped, and outlive
 * its shell: somebody will continue it. */
#ifndef RP_CREW_ORPHAN_H
#define RP_CREW_ORPHAN_H

#include <stdint.h>
#include <sys/types.h>

struct rp__orphan {
    pid_t agent;
    int launcher;        /* can be read once what has started the agent is gone; -1: never */
    uint64_t lease_ns;   /* 0: none */
    uint64_t looked_ns;  /* when it was last looked at */
    uint64_t stopped_ns; /* for how long it has been stopped since, as far as was seen */
};

/* Of the nursery's parent. No launcher: nothing is watched. Linux before 5.3 does not tell of a launcher's end. */
void rp__orphan_open(struct rp__orphan *orphan, pid_t agent, uint64_t lease_ns);
/* After how many ms it is to be looked at, for poll(); -1: never. */
int rp__orphan_patience(const struct rp__orphan *orphan);
/* Has it been stopped for some seconds longer than the lease? Time in which the nursery itself was held up counts little. */
void rp__orphan_look(struct rp__orphan *orphan);
/* Its launcher is gone: kill it if it is stopped. */
void rp__orphan_end(struct rp__orphan *orphan);

#endif
