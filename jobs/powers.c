/* squares, cubes and powers: FIRST^E to LAST^E, exact at any size, listed in order or summed. Three jobs that differ
 * only in where the exponent comes from.
 *
 * Task i is the base FIRST + i. A listing's record is text, as it will be printed; a sum's record is the chunk's sum
 * in digits, and rank 0 adds those up. */
#include "jobs.h"

#if RANKPOOL_HAVE_FLINT

#include "integer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The map's argument bytes: this, then FIRST as a word. */
struct powers_args {
    uint64_t exponent;
    uint64_t sum;
};

/* ---- Kernel -------------------------------------------------------------------------------------------- */

struct worker {
    struct powers_args args;
    fmpz_t first;
};

static void teardown(void *state) {
    struct worker *worker = state;
    fmpz_clear(worker->first);
    free(worker);
    flint_cleanup();
}

static int setup(rp_task *task, void **state) {
    size_t size;
    const char *bytes = rp_task_args(task, &size);
    if (size <= sizeof(struct powers_args)) return RP_EPROTOCOL;
    struct worker *worker = malloc(sizeof *worker);
    if (!worker) return RP_ENOMEM;
    rp_error error;
    memcpy(&worker->args, bytes, sizeof worker->args);
    fmpz_init(worker->first);
    if (rp__integer_read(bytes + sizeof worker->args, size - sizeof worker->args, worker->first, &error)) {
        teardown(worker);
        return rp_task_fail(task, "%s", error.text);
    }
    *state = worker;
    return 0;
}

static int compute(rp_task *task, uint64_t begin, uint64_t end) {
    const struct worker *worker = rp_task_state(task);
    int code = 0;
    fmpz_t base, power, sum;
    fmpz_init(base);
    fmpz_init(power);
    fmpz_init(sum);
    fmpz_add_ui(base, worker->first, begin);
    for (uint64_t i = begin; i < end && !code; i++) {
        fmpz_pow_ui(power, base, worker->args.exponent);
        if (worker->args.sum)
            fmpz_add(sum, sum, power);
        else
            code = rp__integer_write(task, power);
        fmpz_add_ui(base, base, 1);
    }
    if (!code && worker->args.sum) code = rp__integer_write(task, sum);
    fmpz_clear(base);
    fmpz_clear(power);
    fmpz_clear(sum);
    return code;
}

/* ---- The jobs ------------------------------------------------------------------------------------------ */

struct powers {
    struct powers_args *args; /* with FIRST behind it */
    fmpz_t total;
};

/* The count of bases from first to last, which must be fewer than RP_FED. */
static int count_bases(rp_job_run *run, const fmpz_t first, const fmpz_t last) {
    fmpz_t count;
    fmpz_init(count);
    fmpz_sub(count, last, first);
    fmpz_add_ui(count, count, 1);
    bool fits = fmpz_cmp_ui(count, RP_FED) < 0;
    if (fits) run->map.count = fmpz_get_ui(count);
    fmpz_clear(count);
    return fits ? 0 : rp_job_fail(run, "FIRST to LAST are too many numbers; they must be fewer than 2^64-1");
}

/* Refuse powers beyond what the pool carries as an integer, and bound a chunk so that its text is some 4 MB. */
static int bound_sizes(rp_job_run *run, const fmpz_t first, const fmpz_t last, uint64_t *exponent) {
    enum { RECORD = 4 << 20 };
    uint64_t bits = fmpz_bits(first) > fmpz_bits(last) ? fmpz_bits(first) : fmpz_bits(last), power_bits;
    if (bits <= 1 && *exponent > 2) *exponent = 2 - *exponent % 2; /* for -1, 0 and 1 odd or even is all */
    if (__builtin_mul_overflow(bits, *exponent, &power_bits) || power_bits / 3 > RP__INTEGER_DIGITS)
        return rp_job_fail(run, "the powers would have more than %d digits; take a smaller exponent or base",
                           RP__INTEGER_DIGITS);
    run->map.chunk_max = RECORD / (power_bits / 3 + 4) + 1;
    return 0;
}

static int read_range(rp_job_run *run, const char *const argv[], uint64_t *exponent) {
    rp_error error;
    fmpz_t first, last;
    fmpz_init(first);
    fmpz_init(last);
    int code = 0;
    if (rp__integer_read(argv[0], strlen(argv[0]), first, &error))
        code = rp_job_fail(run, "FIRST %s", error.text);
    else if (rp__integer_read(argv[1], strlen(argv[1]), last, &error))
        code = rp_job_fail(run, "LAST %s", error.text);
    else if (fmpz_cmp(last, first) < 0)
        code = rp_job_fail(run, "LAST %.60s is less than FIRST %.60s; give the smaller one first", argv[1], argv[0]);
    if (!code) code = count_bases(run, first, last);
    if (!code) code = bound_sizes(run, first, last, exponent);
    fmpz_clear(first);
    fmpz_clear(last);
    return code;
}

static int plan(rp_job_run *run, int argc, const char *const argv[], uint64_t exponent) {
    if (argc != 2) return rp_job_fail(run, "%s takes FIRST and LAST; %d numbers were given", run->job->name, argc);
    int code = read_range(run, argv, &exponent);
    if (code) return code;
    size_t word = strlen(argv[0]);
    struct powers *powers = malloc(sizeof *powers);
    struct powers_args *args = malloc(sizeof *args + word);
    if (!powers || !args) {
        free(powers);
        free(args);
        return rp_job_fail(run, "out of memory");
    }
    *args = (struct powers_args){.exponent = exponent, .sum = rp_job_option_value(run, "sum") != NULL};
    memcpy(args + 1, argv[0], word);
    powers->args = args;
    fmpz_init(powers->total);
    if (args->sum) run->map.chunk_max = 0; /* a sum is short, whatever the chunk */
    run->state = powers;
    run->map.args = args;
    run->map.args_size = sizeof *args + word;
    return 0;
}

static int plan_squares(rp_job_run *run, int argc, const char *const argv[]) { return plan(run, argc, argv, 2); }
static int plan_cubes(rp_job_run *run, int argc, const char *const argv[]) { return plan(run, argc, argv, 3); }

static int plan_powers(rp_job_run *run, int argc, const char *const argv[]) {
    rp_error error;
    uint64_t exponent;
    const char *word = rp_job_option_value(run, "exponent");
    if (!word) return rp_job_fail(run, "no exponent was given; expected --exponent E, such as --exponent 4");
    if (rp_read_uint64(word, &exponent, &error)) return rp_job_fail(run, "--exponent %s", error.text);
    return plan(run, argc, argv, exponent);
}

/* A record of a listing, which is text. */
static int print(rp_job_run *run, const rp_result *result) {
    if (result->size == 0) return 0; /* its data may be NULL then */
    return fwrite(result->data, 1, result->size, run->out) == result->size ? 0 : RP_EOUTPUT;
}

static int collect(rp_job_run *run, const rp_result *result) {
    struct powers *powers = run->state;
    if (!powers->args->sum) return print(run, result);
    rp_error error;
    fmpz_t sum;
    fmpz_init(sum);
    bool good = result->size > 0 && rp__integer_read(result->data, result->size - 1, sum, &error) == 0;
    if (good) fmpz_add(powers->total, powers->total, sum);
    fmpz_clear(sum);
    return good ? 0 : RP_EPROTOCOL;
}

static int finish(rp_job_run *run) {
    struct powers *powers = run->state;
    if (!powers->args->sum) return 0;
    char *text = fmpz_get_str(NULL, 10, powers->total);
    int length = fprintf(run->out, "%s\n", text);
    flint_free(text);
    return length < 0 ? RP_EOUTPUT : 0;
}

/* The sum so far, which a listing leaves at 0. */
static int save(const rp_job_run *run, FILE *to) {
    const struct powers *powers = run->state;
    return fmpz_out_raw(to, powers->total) > 0 ? 0 : RP_EOUTPUT;
}

static int load(rp_job_run *run, const void *data, size_t size) {
    struct powers *powers = run->state;
    FILE *from = size ? fmemopen((void *)data, size, "r") : NULL; /* which only reads */
    if (!from) return size ? RP_ENOMEM : RP_EPROTOCOL;
    bool good = fmpz_inp_raw(powers->total, from) == size;
    fclose(from);
    return good ? 0 : RP_EPROTOCOL;
}

static void release(rp_job_run *run) {
    struct powers *powers = run->state;
    fmpz_clear(powers->total);
    free(powers->args);
    free(powers);
}

#define POWERS_KERNEL(job)                                                                                             \
    { .name = job, .range = compute, .setup = setup, .teardown = teardown, .flags = RP_PURE }
static const rp_kernel squares_kernel = POWERS_KERNEL("squares");
static const rp_kernel cubes_kernel = POWERS_KERNEL("cubes");
static const rp_kernel powers_kernel = POWERS_KERNEL("powers");

#define POWERS_BUILT(job)                                                                                              \
    .kernel = &job##_kernel, .plan = plan_##job, .collect = collect, .finish = finish, .release = release,             \
    .save = save, .load = load, .size = RP_SIZE_INCLUSIVE_RANGE

#else

#define POWERS_BUILT(job) .needs = "libflint-dev"

#endif

static const rp_job_option options[] = {
    {"sum", NULL, "print their sum instead"},
    {NULL, NULL, NULL},
};

static const rp_job_option powers_options[] = {
    {"exponent", "E", "the exponent, a whole number"},
    {"sum", NULL, "print their sum instead"},
    {NULL, NULL, NULL},
};

static const char details[] = "Both ends belong to the range; they may be negative and of any size.\n";

const rp_job rp__job_squares = {
    .name = "squares",
    .arguments = "FIRST LAST",
    .summary = "the squares of FIRST to LAST, exact at any size",
    .details = details,
    .options = options,
    POWERS_BUILT(squares),
};

const rp_job rp__job_cubes = {
    .name = "cubes",
    .arguments = "FIRST LAST",
    .summary = "the cubes of FIRST to LAST, exact at any size",
    .details = details,
    .options = options,
    POWERS_BUILT(cubes),
};

const rp_job rp__job_powers = {
    .name = "powers",
    .arguments = "--exponent E FIRST LAST",
    .summary = "the powers of FIRST to LAST, exact at any size",
    .details = details,
    .options = powers_options,
    POWERS_BUILT(powers),
};
