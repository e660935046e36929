/* The jobs that come with rankpool, one file each. */
#ifndef RP_JOBS_JOBS_H
#define RP_JOBS_JOBS_H

#include "rankpool_job.h"

/* Every job in the order of the help, ended by NULL. A job whose library was not there at build time is in the
 * table too and says what it needs. */
extern const rp_job *const rp_jobs[];

extern const rp_job rp__job_count, rp__job_primes, rp__job_isprime, rp__job_squares, rp__job_cubes, rp__job_powers,
    rp__job_multiply, rp__job_sleep, rp__job_hello;

#endif
