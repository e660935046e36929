/* A test program of the library: it opens a world and a pool, rank 0 runs the claims, the others serve and return the
 * code that rank 0 sends. */
#ifndef ON_A_POOL_H
#define ON_A_POOL_H

#include "rankpool.h"
#include "unit/unit.h"

/* What main returns. `world` and `pool` are what the claims use; they may close the pool and open another. */
static inline int run_on_a_pool(const char *name, const rp_kernel *const *kernels, const struct unit_test *tests,
                                rp_world **world, rp_pool **pool) {
    int exit_code = 0;
    rp_error error = {0};
    int rc = rp_world_open(&(rp_world_options){.kernels = kernels}, world, &exit_code, &error);
    if (rc == RP_SERVED) return exit_code;
    if (rc == 0) rc = rp_pool_open(*world, NULL, pool, &error);
    if (rc) {
        fprintf(stderr, "test_%s: %s\n", name, error.text);
        return 1;
    }
    exit_code = unit_run(name, tests);
    rp_pool_free(*pool);
    rp_world_close(*world, exit_code);
    return exit_code;
}

#endif
