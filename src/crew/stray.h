/* What programs that a kernel has started leave behind: it is found by variables that all of them inherit, also where the
 * nursery, to which it would come, was killed itself. What has cleared its environment, or was only forked, is not. */
#ifndef RP_CREW_STRAY_H
#define RP_CREW_STRAY_H

#include <stddef.h>

#define RP__FAMILY "RANKPOOL_FAMILY"

/* NAME=VALUE, which no other family of this host has; for the environment of what the nursery starts. */
void rp__stray_mark(char *mark, size_t capacity);
/* Kills every process that was started with this in its environment. Blocks until they are gone: milliseconds, and at most
 * a second. */
void rp__stray_end(const char *mark);

/* The number of the worker below which this process was started, or 0: it is of another family, or does not say. */
int rp__stray_worker(int pid, const char *mark);

#endif
