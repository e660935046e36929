/* Does a pool still compute, and what does one task of it answer? What test_bad_use.c and test_null_use.c have in
 * common. */
#ifndef ASK_H
#define ASK_H

#include "rankpool.h"

#include <stdio.h>
#include <string.h>

/* The kernel "one". */
static inline int one(rp_task *task, const void *input, size_t size) { return rp_task_write(task, "1", 1); }

/* What one task of the kernel answers, in static memory; its code goes to *code. */
static inline const char *ask(rp_pool *pool, const char *kernel, const void *input, size_t size, int *code) {
    static char text[512];
    rp_results results = {0};
    rp_error error = {0};
    text[0] = 0;
    *code = rp_pool_apply(pool, &(rp_call){.kernel = kernel}, input, size, &results, &error);
    if (results.count)
        snprintf(text, sizeof text, "%.*s", (int)results.result[0].size, (const char *)results.result[0].data);
    rp_results_free(&results);
    return text;
}

static inline bool computes(rp_pool *pool) {
    int code;
    return strcmp(ask(pool, "one", NULL, 0, &code), "1") == 0 && code == 0;
}

#endif
