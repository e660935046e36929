/* multiply FACTOR NUMBER...: exact products. The factor goes to every worker once, as the map's argument bytes; the
 * numbers are the tasks. */
#include "jobs.h"

#if RANKPOOL_HAVE_FLINT

#include "integer.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

struct factor {
    fmpz_t value;
};

static void teardown(void *state) {
    struct factor *factor = state;
    fmpz_clear(factor->value);
    free(factor);
    flint_cleanup();
}

static int setup(rp_task *task, void **state) {
    size_t size;
    const char *word = rp_task_args(task, &size);
    struct factor *factor = malloc(sizeof *factor);
    if (!factor) return RP_ENOMEM;
    rp_error error;
    fmpz_init(factor->value);
    if (rp__integer_read(word, size, factor->value, &error)) {
        teardown(factor);
        return rp_task_fail(task, "%s", error.text);
    }
    *state = factor;
    return 0;
}

static int multiply(rp_task *task, const void *input, size_t size) {
    const struct factor *factor = rp_task_state(task);
    rp_error error;
    fmpz_t product;
    fmpz_init(product);
    int code = rp__integer_read(input, size, product, &error);
    if (code) {
        code = rp_task_fail(task, "%s", error.text);
    } else {
        fmpz_mul(product, product, factor->value);
        code = rp__integer_write(task, product);
    }
    fmpz_clear(product);
    return code;
}

static const rp_kernel kernel = {
    .name = "multiply", .item = multiply, .setup = setup, .teardown = teardown, .flags = RP_PURE};

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    rp_error error;
    if (argc == 0) return rp_job_fail(run, "no FACTOR was given; expected it and the numbers to multiply");
    if (rp__integer_check(argv[0], strlen(argv[0]), &error)) return rp_job_fail(run, "FACTOR %s", error.text);
    run->map.args = argv[0];
    run->map.args_size = strlen(argv[0]);
    return rp__words_plan(run, argc - 1, argv + 1, NULL, "NUMBER", rp__integer_check);
}

#endif

const rp_job rp__job_multiply = {
    .name = "multiply",
    .arguments = "FACTOR NUMBER... | FACTOR -",
    .summary = "multiply each number by FACTOR, exact at any size",
    .details = "Prints the products, one a line, in input order. - reads the numbers from standard input.\n",
#if RANKPOOL_HAVE_FLINT
    .kernel = &kernel,
    .plan = plan,
    .feed = rp__words_feed,
    .release = rp__words_release,
    .size = RP_SIZE_LATER_TASKS,
#else
    .needs = "libflint-dev",
#endif
};
