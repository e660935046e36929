/* Where a task is computed, in words that are the same in every job. */
#ifndef RP_JOBS_WHERE_H
#define RP_JOBS_WHERE_H

#include "rankpool.h"

/* Append "rank 1 host node2 core 5 pid 4711" and a newline to the record; "-" stands for what is not known.
 * 0 or RP_ENOMEM. */
int rp__write_where(rp_task *task);

#endif
