/* What becomes of an agent that is stopped (SIGSTOP) when its launcher ends. One that runs sees that itself. Launchers
 * do not always kill one that is stopped (that of Open MPI 5.0.7 leaves it), and the kernel continues it only if its
 * process group becomes an orphan, which it does not in a container whose first process shares the session. So the
 * nursery kills it. */
#ifndef RP_CREW_ORPHAN_H
#define RP_CREW_ORPHAN_H

#include <sys/types.h>

/* A descriptor that can be read once what has started this process is gone; -1: no launcher did, or the system has none
 * (Linux before 5.3). */
int rp__orphan_open(pid_t agent);
/* Its launcher is gone: kill it if it is stopped. */
void rp__orphan_end(pid_t agent);

#endif
