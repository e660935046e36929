/* primes [START] STOP: counts primes and prime tuples, finds the largest gap, or lists the primes, by libprimesieve
 * with one thread a worker.
 *
 * Task i is the number start + i, so a chunk is an interval of numbers. Chunks end where the next number is 2 modulo
 * 30: no prime constellation of these kinds lies across such an edge (an edge at 30k would split the twins 29 and 31).
 * Each call costs O(sqrt(stop)) before it sieves anything, hence the least size of a chunk; past 200 sqrt(stop) a
 * larger one gains nothing. */
#include "jobs.h"

#if RANKPOOL_HAVE_PRIMESIEVE

#include <inttypes.h>
#include <math.h>
#include <primesieve.h>
#include <stdlib.h>
#include <string.h>

/* A prime iterator asked for more than this fails, loudly. */
static const uint64_t last_prime_64 = UINT64_C(18446744073709551557);

enum what { PRIMES, TWINS, TRIPLETS, QUADRUPLETS, QUINTUPLETS, SEXTUPLETS, LARGEST_GAP, PRINT, WHATS };

/* The map's argument bytes. */
struct primes_args {
    uint64_t start;
    uint64_t what;
};

/* What a chunk knows about gaps; a prime of 0 stands for none. Chunks are joined in order. */
struct gap {
    uint64_t first, last; /* the chunk's outermost primes */
    uint64_t low, high;   /* the first of its largest gaps */
};

struct primes {
    struct primes_args args;
    uint64_t total;
    struct gap gap;
};

/* ---- Kernels ------------------------------------------------------------------------------------------- */

static int fail_sieving(rp_task *task, uint64_t start, uint64_t stop) {
    return rp_task_fail(task, "primesieve could not sieve from %" PRIu64 " to %" PRIu64, start, stop);
}

static int count_kind(rp_task *task, enum what what, uint64_t start, uint64_t stop) {
    static uint64_t (*const count[])(uint64_t, uint64_t) = {
        [PRIMES] = primesieve_count_primes,           [TWINS] = primesieve_count_twins,
        [TRIPLETS] = primesieve_count_triplets,       [QUADRUPLETS] = primesieve_count_quadruplets,
        [QUINTUPLETS] = primesieve_count_quintuplets, [SEXTUPLETS] = primesieve_count_sextuplets,
    };
    uint64_t found = count[what](start, stop);
    if (found == PRIMESIEVE_ERROR) return fail_sieving(task, start, stop);
    return rp_task_write(task, &found, sizeof found);
}

/* The primes of an interval, one after the other. */
struct walk {
    primesieve_iterator primes;
    uint64_t stop;
    bool over;
};

/* The next prime, or 0 behind the last. */
static uint64_t next_prime(struct walk *walk) {
    if (walk->over) return 0;
    uint64_t prime = primesieve_next_prime(&walk->primes);
    walk->over = walk->primes.is_error || prime >= walk->stop || prime == last_prime_64;
    return walk->primes.is_error || prime > walk->stop ? 0 : prime;
}

static void widen(struct gap *gap, uint64_t low, uint64_t high) {
    if (low == 0 || high - low <= gap->high - gap->low) return;
    gap->low = low;
    gap->high = high;
}

static int find_gap(rp_task *task, struct walk *walk) {
    struct gap gap = {0};
    for (uint64_t prime; (prime = next_prime(walk)) != 0; gap.last = prime) {
        if (gap.first == 0) gap.first = prime;
        widen(&gap, gap.last, prime);
    }
    return rp_task_write(task, &gap, sizeof gap);
}

/* Decimal digits from the right, two at a time. Returns what follows them. */
static char *put_decimal(char *at, uint64_t number) {
    char digits[20];
    size_t first = sizeof digits;
    for (; number >= 100; number /= 100) {
        unsigned pair = (unsigned)(number % 100);
        digits[--first] = (char)('0' + pair % 10);
        digits[--first] = (char)('0' + pair / 10);
    }
    if (number >= 10) {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    }
    digits[--first] = (char)('0' + number);
    memcpy(at, digits + first, sizeof digits - first);
    return at + (sizeof digits - first);
}

static int list_primes(rp_task *task, struct walk *walk) {
    enum { LINE = 21, BLOCK = 4096 * LINE }; /* 20 digits and a newline */
    uint64_t prime = next_prime(walk);
    while (prime) {
        char *block = rp_task_reserve(task, BLOCK), *at = block;
        if (!block) return RP_ENOMEM;
        for (; prime && at - block <= BLOCK - LINE; prime = next_prime(walk)) {
            at = put_decimal(at, prime);
            *at++ = '\n';
        }
        rp_task_commit(task, (size_t)(at - block));
    }
    return 0;
}

static int walk_primes(rp_task *task, enum what what, uint64_t start, uint64_t stop) {
    struct walk walk = {.stop = stop, .over = start > last_prime_64};
    primesieve_init(&walk.primes);
    primesieve_jump_to(&walk.primes, start, stop);
    int code = what == LARGEST_GAP ? find_gap(task, &walk) : list_primes(task, &walk);
    if (walk.primes.is_error) code = fail_sieving(task, start, stop);
    primesieve_free_iterator(&walk.primes);
    return code;
}

static int sieve(rp_task *task, uint64_t begin, uint64_t end) {
    struct primes_args args;
    size_t size;
    const void *bytes = rp_task_args(task, &size);
    if (size != sizeof args) return RP_EPROTOCOL;
    memcpy(&args, bytes, sizeof args);
    if (args.what >= WHATS) return RP_EPROTOCOL;
    uint64_t start = args.start + begin, stop = args.start + end - 1;
    if (args.what >= LARGEST_GAP) return walk_primes(task, (enum what)args.what, start, stop);
    return count_kind(task, (enum what)args.what, start, stop);
}

static int setup(rp_task *task, void **state) {
    primesieve_set_num_threads(1); /* a worker has one core; the pool does the rest */
    return 0;
}

static const rp_kernel kernel = {.name = "primes", .range = sieve, .setup = setup, .flags = RP_PURE};

/* ---- The job ------------------------------------------------------------------------------------------- */

static int read_what(rp_job_run *run, uint64_t *what) {
    static const char *const names[WHATS] = {
        [TWINS] = "twins",
        [TRIPLETS] = "triplets",
        [QUADRUPLETS] = "quadruplets",
        [QUINTUPLETS] = "quintuplets",
        [SEXTUPLETS] = "sextuplets",
        [LARGEST_GAP] = "largest-gap",
        [PRINT] = "print",
    };
    *what = PRIMES;
    for (uint64_t i = PRIMES + 1; i < WHATS; i++) {
        if (!rp_job_option_value(run, names[i])) continue;
        if (*what != PRIMES) return rp_job_fail(run, "--%s and --%s were both given; give one", names[*what], names[i]);
        *what = i;
    }
    return 0;
}

static int read_range(rp_job_run *run, int argc, const char *const argv[], uint64_t *start, uint64_t *stop) {
    rp_error error;
    if (argc < 1 || argc > 2) return rp_job_fail(run, "primes takes [START] STOP; %d numbers were given", argc);
    *start = 0;
    if (argc == 2 && rp_read_uint64(argv[0], start, &error)) return rp_job_fail(run, "START %s", error.text);
    if (rp_read_uint64(argv[argc - 1], stop, &error)) return rp_job_fail(run, "STOP %s", error.text);
    if (*stop < *start)
        return rp_job_fail(run, "STOP %.60s is less than START %.60s; give the smaller one first", argv[1], argv[0]);
    return 0;
}

static uint64_t at_least(uint64_t value, uint64_t least) { return value > least ? value : least; }
static uint64_t at_most(uint64_t value, uint64_t most) { return value < most ? value : most; }

/* What a chunk costs besides its numbers: sqrt(stop) once, and below 1.3e8 numbers libprimesieve 11 leaves out its larger
 * pre-sieve, which alone is worth a fifth. */
static void set_chunks(rp_map_options *map, enum what what, uint64_t start, uint64_t stop) {
    const uint64_t root = (uint64_t)sqrt((double)stop);
    map->edge = 30;
    map->edge_phase = (32 - start % 30) % 30;
    map->chunk_min = at_least(10000000, 30 * root);
    map->chunk_best = at_least(400 * root, 300000000);
    if (what == PRINT) { /* a record is text: at most some 10 MB, at the cost of more sieving high up */
        map->chunk_min = at_most(at_least(root, 100000), 10000000);
        map->chunk_max = at_most(at_least(2 * root, 1000000), 20000000);
        map->chunk_best = 0;
    }
}

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    uint64_t start, stop, what;
    int code = read_what(run, &what);
    if (!code) code = read_range(run, argc, argv, &start, &stop);
    if (code) return code;
    /* 0 and 1 are no primes. Without them the largest range, too, has fewer tasks than RP_FED. */
    start = at_least(start, 2);
    struct primes *primes = malloc(sizeof *primes);
    if (!primes) return rp_job_fail(run, "out of memory");
    *primes = (struct primes){.args = {.start = start, .what = what}};
    run->state = primes;
    run->ordered = what == LARGEST_GAP; /* --print follows --unordered, counts do not care */
    run->map.count = stop >= start ? stop - start + 1 : 0;
    run->map.args = &primes->args;
    run->map.args_size = sizeof primes->args;
    set_chunks(&run->map, (enum what)what, start, stop);
    return 0;
}

/* A record of a listing, which is text. */
static int print(rp_job_run *run, const rp_result *result) {
    if (result->size == 0) return 0; /* its data may be NULL then */
    return fwrite(result->data, 1, result->size, run->out) == result->size ? 0 : RP_EOUTPUT;
}

static int collect(rp_job_run *run, const rp_result *result) {
    struct primes *primes = run->state;
    if (primes->args.what == PRINT) return print(run, result);
    if (primes->args.what == LARGEST_GAP) {
        struct gap next, *gap = &primes->gap;
        if (result->size != sizeof next) return RP_EPROTOCOL;
        memcpy(&next, result->data, sizeof next);
        if (next.first == 0) return 0; /* no prime in it: the gap goes on */
        widen(gap, gap->last, next.first);
        widen(gap, next.low, next.high);
        gap->last = next.last;
        return 0;
    }
    uint64_t found;
    if (result->size != sizeof found) return RP_EPROTOCOL;
    memcpy(&found, result->data, sizeof found);
    primes->total += found;
    return 0;
}

static int finish(rp_job_run *run) {
    const struct primes *primes = run->state;
    const struct gap *gap = &primes->gap;
    int length = 0;
    if (primes->args.what < LARGEST_GAP) length = fprintf(run->out, "%" PRIu64 "\n", primes->total);
    if (primes->args.what == LARGEST_GAP && gap->low == 0) length = fputs("none\n", run->out);
    if (primes->args.what == LARGEST_GAP && gap->low > 0)
        length = fprintf(run->out, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", gap->high - gap->low, gap->low, gap->high);
    return length < 0 ? RP_EOUTPUT : 0;
}

static int save(const rp_job_run *run, FILE *to) {
    return fwrite(run->state, sizeof(struct primes), 1, to) == 1 ? 0 : RP_EOUTPUT;
}

static int load(rp_job_run *run, const void *data, size_t size) {
    if (size != sizeof(struct primes)) return RP_EPROTOCOL;
    memcpy(run->state, data, size);
    return 0;
}

static void release(rp_job_run *run) { free(run->state); }

#endif

static const rp_job_option options[] = {
    {"twins", NULL, "count prime pairs (p, p+2)"},
    {"triplets", NULL, "count prime triplets"},
    {"quadruplets", NULL, "count prime quadruplets"},
    {"quintuplets", NULL, "count prime quintuplets"},
    {"sextuplets", NULL, "count prime sextuplets"},
    {"largest-gap", NULL, "print the largest gap between neighbouring primes and the two primes"},
    {"print", NULL, "print the primes, one a line"},
    {NULL, NULL, NULL},
};

const rp_job rp__job_primes = {
    .name = "primes",
    .arguments = "[START] STOP",
    .summary = "count the primes from START (0) to STOP, at most 2^64-1",
    .details = "Both ends belong to the range. A tuple or a gap counts when it lies in it as a whole.\n"
               "--largest-gap prints GAP PRIME NEXTPRIME, of equal gaps the first, or none.\n",
    .options = options,
#if RANKPOOL_HAVE_PRIMESIEVE
    .kernel = &kernel,
    .plan = plan,
    .collect = collect,
    .finish = finish,
    .release = release,
    .save = save,
    .load = load,
#else
    .needs = "libprimesieve-dev",
#endif
    .size = RP_SIZE_RANGE,
};
