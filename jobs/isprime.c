/* isprime NUMBER...: proves for each number, of any size, whether it is prime, by FLINT. The answer is a proof in
 * either case, not a likelihood. The word is printed as it was given, so that a line can be found again by its input. */
#include "jobs.h"

#if RANKPOOL_HAVE_FLINT

#include "integer.h"
#include "where.h"
#include "words.h"

#include <flint/ulong_extras.h>

/* At most 19 plain digits: the common case, which needs no fmpz. */
static bool read_short(const char *word, size_t size, uint64_t *number) {
    if (size == 0 || size > 19) return false;
    *number = 0;
    for (size_t i = 0; i < size; i++) {
        if (word[i] < '0' || word[i] > '9') return false;
        *number = 10 * *number + (uint64_t)(word[i] - '0');
    }
    return true;
}

static const char *verdict_short(uint64_t number) {
    if (number < 2) return "neither";
    return n_is_prime(number) ? "prime" : "composite";
}

/* NULL: FLINT could not tell. */
static const char *verdict_long(const fmpz_t number) {
    if (fmpz_sgn(number) < 0) return "neither";
    if (fmpz_abs_fits_ui(number)) return verdict_short(fmpz_get_ui(number));
    if (!fmpz_is_probabprime(number)) return "composite"; /* certain, and much sooner than a proof that fails */
    int prime = fmpz_is_prime(number);
    return prime > 0 ? "prime" : prime == 0 ? "composite" : NULL;
}

static int print_verdict(rp_task *task, const char *word, size_t size, const char *verdict) {
    size_t args_size;
    rp_task_args(task, &args_size);
    int code = rp_task_write(task, word, size);
    if (code) return code;
    if (args_size == 0) return rp_task_printf(task, " %s\n", verdict);
    code = rp_task_printf(task, " %s ", verdict);
    return code ? code : rp__write_where(task);
}

static int prove(rp_task *task, const void *input, size_t size) {
    uint64_t number;
    if (read_short(input, size, &number)) return print_verdict(task, input, size, verdict_short(number));
    fmpz_t value;
    rp_error error;
    fmpz_init(value);
    bool good = rp__integer_read(input, size, value, &error) == 0;
    const char *verdict = good ? verdict_long(value) : NULL;
    fmpz_clear(value);
    if (!good) return rp_task_fail(task, "%s", error.text);
    if (!verdict)
        return rp_task_fail(task, "\"%.*s\": no proof was found", size < 60 ? (int)size : 60, (const char *)input);
    return print_verdict(task, input, size, verdict);
}

static void teardown(void *state) { flint_cleanup(); }

static const rp_kernel kernel = {.name = "isprime", .item = prove, .teardown = teardown, .flags = RP_PURE};

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    int code = rp__words_plan(run, argc, argv, rp_job_option_value(run, "file"), "NUMBER", rp__integer_check);
    if (code) return code;
    if (rp_job_option_value(run, "where")) { /* that there are argument bytes says it all */
        run->map.args = "where";
        run->map.args_size = 5;
    }
    return 0;
}

#endif

static const rp_job_option options[] = {
    {"file", "F", "read the numbers from the file F, separated by white space"},
    {"where", NULL, "add rank, host, core and pid of the worker to each line"},
    {NULL, NULL, NULL},
};

const rp_job rp__job_isprime = {
    .name = "isprime",
    .arguments = "NUMBER... | -",
    .summary = "prove for each number, of any size, whether it is prime",
    .details = "Prints NUMBER prime, NUMBER composite, or NUMBER neither (0, 1 and negative numbers), in input order.\n"
               "Numbers may be 2^521-1 or 1e30. - reads them from standard input; a stream may have any length.\n",
    .options = options,
#if RANKPOOL_HAVE_FLINT
    .kernel = &kernel,
    .plan = plan,
    .feed = rp__words_feed,
    .release = rp__words_release,
#else
    .needs = "libflint-dev",
#endif
    .size = RP_SIZE_TASKS,
};
