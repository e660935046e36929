/* pi SAMPLES, a plug-in: pi by throwing points at a square and counting those in the circle.
 *
 * Each task throws a stream of points of its own. The generator is a function of a counter, Philox4x32-10 [Salmon,
 * Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, SC 2011]: point k of stream i is what it makes of
 * (k, i), whoever asks for it and when. Hits are counted, and whole numbers add up to the same in every order, so the
 * digits are the same for every number of ranks and every way to cut the tasks. */
#include <inttypes.h>
#include <math.h>
#include <rankpool_job.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM = 1 << 16 /* points of a task */ };

struct block {
    uint32_t word[4];
};

/* Ten rounds of the counter, under the key. */
static struct block philox(struct block counter, uint32_t key0, uint32_t key1) {
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)counter.word[0] * 0xD2511F53u, b = (uint64_t)counter.word[2] * 0xCD9E8D57u;
        counter = (struct block){{(uint32_t)(b >> 32) ^ counter.word[1] ^ key0, (uint32_t)b,
                                  (uint32_t)(a >> 32) ^ counter.word[3] ^ key1, (uint32_t)a}};
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

/* x^2 + y^2 < 1, in units of 2^-32: the sum does not overflow. */
static bool is_hit(uint32_t x, uint32_t y) {
    const uint64_t xx = (uint64_t)x * x, yy = (uint64_t)y * y;
    return xx + yy >= xx;
}

static uint64_t hits_of(uint64_t stream, uint64_t seed) {
    uint64_t hits = 0;
    for (uint32_t k = 0; k < STREAM / 2; k++) { /* a block makes two points */
        const struct block counter = {{k, 0, (uint32_t)stream, (uint32_t)(stream >> 32)}};
        const struct block random = philox(counter, (uint32_t)seed, (uint32_t)(seed >> 32));
        hits += is_hit(random.word[0], random.word[1]) + is_hit(random.word[2], random.word[3]);
    }
    return hits;
}

static int throw_points(rp_task *task, uint64_t begin, uint64_t end) {
    uint64_t hits = 0, seed;
    memcpy(&seed, rp_task_args(task, NULL), sizeof seed);
    for (uint64_t stream = begin; stream < end; stream++) hits += hits_of(stream, seed);
    return rp_task_write(task, &hits, sizeof hits);
}

static const rp_kernel kernel = {.name = "pi", .range = throw_points, .flags = RP_PURE};

struct pi {
    uint64_t seed, streams, hits;
};

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    const char *seed_word = rp_job_option_value(run, "seed");
    uint64_t samples, seed = 1;
    rp_error error;
    if (argc != 1) return rp_job_fail(run, "%d words were given: expected one number, SAMPLES", argc);
    if (rp_read_uint64(argv[0], &samples, &error) || (seed_word && rp_read_uint64(seed_word, &seed, &error)))
        return rp_job_fail(run, "%s", error.text);
    if (samples < 1 || samples > UINT64_C(1000000000000000))
        return rp_job_fail(run, "%" PRIu64 " samples were asked for: expected from 1 to 1e15", samples);
    struct pi *pi = calloc(1, sizeof *pi);
    if (!pi) return rp_job_fail(run, "out of memory");
    pi->seed = seed;
    pi->streams = (samples + STREAM - 1) / STREAM;
    run->state = pi;
    run->map.count = pi->streams;
    run->map.args = &pi->seed;
    run->map.args_size = sizeof pi->seed;
    return 0;
}

static int collect(rp_job_run *run, const rp_result *result) {
    struct pi *pi = run->state;
    uint64_t hits;
    if (result->size != sizeof hits) return RP_EPROTOCOL;
    memcpy(&hits, result->data, sizeof hits);
    pi->hits += hits;
    return 0;
}

static int finish(rp_job_run *run) {
    const struct pi *pi = run->state;
    const double samples = (double)pi->streams * STREAM, share = (double)pi->hits / samples;
    const double error = 4 * sqrt(share * (1 - share) / samples);
    return fprintf(run->out, "%.12f +- %.12f\n", 4 * share, error) < 0 ? RP_EOUTPUT : 0;
}

static void release(rp_job_run *run) { free(run->state); }

static const rp_job_option options[] = {
    {"seed", "N", "other points (default 1)"},
    {NULL, NULL, NULL},
};

static const rp_job job = {
    .name = "pi",
    .arguments = "SAMPLES",
    .summary = "pi, by random points",
    .details = "Prints pi and its standard error. SAMPLES is rounded up to a multiple of 65536.\n"
               "The same SAMPLES and --seed give the same digits on any number of ranks.\n",
    .options = options,
    .kernel = &kernel,
    .plan = plan,
    .collect = collect,
    .finish = finish,
    .release = release,
    .size = RP_SIZE_FIXED,
};

RP_PLUGIN(job);
