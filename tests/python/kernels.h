/* What the workers of python_cases compute. */
#ifndef RP_TESTS_PYTHON_KERNELS_H
#define RP_TESTS_PYTHON_KERNELS_H

#include "rankpool.h"

extern const rp_kernel errand_kernel, square_kernel, inverse_kernel, power_kernel, pass_gate_kernel, count_kernel,
    fail_kernel, pid_kernel, die_kernel, nest_kernel, exit_kernel, sleep_kernel;
#define WORKERS_KERNELS                                                                                                \
    &errand_kernel, &square_kernel, &inverse_kernel, &power_kernel, &pass_gate_kernel, &count_kernel, &fail_kernel,    \
        &pid_kernel, &die_kernel, &nest_kernel, &exit_kernel, &sleep_kernel

#endif
