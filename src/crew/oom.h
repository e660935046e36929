/* Has the OOM killer struck in this cgroup? Its victims die of a plain SIGKILL; only the cgroup's counter tells
 * them apart. It counts for the whole cgroup: two deaths at once can be confused. */
#ifndef RP_CREW_OOM_H
#define RP_CREW_OOM_H

#include <stdbool.h>
#include <stdint.h>

struct rp__oom {
    int fd; /* of memory.events (v2) or memory.oom_control (v1), or -1 */
    int64_t count;
};

/* `root` is "" or a directory that stands for / in tests. */
void rp__oom_open(struct rp__oom *oom, const char *root);
/* Has the count grown since the last look? */
bool rp__oom_struck(struct rp__oom *oom);

#endif
