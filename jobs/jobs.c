/* The table of jobs. A new job is a file that ends in one const rp_job, its name in jobs.h, and a line here. */
#include "jobs.h"

const rp_job *const rp_jobs[] = {
    &rp__job_count,  &rp__job_primes,   &rp__job_isprime, &rp__job_squares, &rp__job_cubes,
    &rp__job_powers, &rp__job_multiply, &rp__job_sleep,   &rp__job_hello,   NULL,
};
