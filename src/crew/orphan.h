/* What becomes of an agent that is stopped (SIGSTOP) when its launcher ends. One that runs sees the end itself; nobody
 * ever continues one that does not, and not every launcher kills it (that of Open MPI 5.0.7 leaves it): so the nursery
 * does. */
#ifndef RP_CREW_ORPHAN_H
#define RP_CREW_ORPHAN_H

#include <sys/types.h>

/* A descriptor that can be read once what has started this process is gone; -1: no launcher did, or the system has none
 * (Linux before 5.3). */
int rp__orphan_open(pid_t agent);
/* Its launcher is gone: kill it if it is stopped. */
void rp__orphan_end(pid_t agent);

#endif
