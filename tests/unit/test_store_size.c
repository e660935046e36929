/* The store of a long run stays small. Played is `primes 1e15`: its own plan deals all of its chunks to 128 workers, whose
 * results come in random order, now and then one very late, and are committed as they come. */
#include "core/schedule.h"
#include "jobs.h"
#include "store_stage.h"

#include <sys/stat.h>

enum { WORKERS = 128, LATE = 1000, SIZE_MAX_ALLOWED = 1 << 20 };

struct chunk {
    uint64_t begin, end;
    double ready; /* when its worker is done with it */
};

static int save_sum(void *context, FILE *to) { return fwrite(context, 1, sizeof(uint64_t), to) != sizeof(uint64_t); }

/* The next chunk for a worker, about a unit of time long; every LATE-th takes thirty times as long. */
static struct chunk deal(const rp_map_options *map, uint64_t *next, double now, uint64_t *random) {
    const rp_schedule schedule = {.kind = RP_AUTO};
    const struct rp__schedule_ask ask = {
        .remaining = map->count - *next, .workers = WORKERS, .grown = UINT64_MAX, .ns_per_task = 2};
    struct chunk chunk = {.begin = *next};
    if (*next < map->count) *next = rp__schedule_end(map, *next, rp__schedule_size(&schedule, map, &ask), map->count);
    chunk.end = *next;
    const double unit = 0.5 + (double)random_below(random, 1000) / 1000;
    chunk.ready = now + (random_below(random, LATE) ? unit : 30 * unit);
    return chunk;
}

static size_t first_ready(const struct chunk *chunk) {
    size_t first = WORKERS;
    for (size_t i = 0; i < WORKERS; i++)
        if (chunk[i].begin < chunk[i].end && (first == WORKERS || chunk[i].ready < chunk[first].ready)) first = i;
    return first;
}

static off_t size_of(const char *path) {
    struct stat file;
    return stat(path, &file) ? -1 : file.st_size;
}

/* As the program does with a result, and a commit at every sixteenth. */
static void take(rp_store *store, const struct chunk *chunk, uint64_t number, uint64_t *sum) {
    const uint64_t found = chunk->end - chunk->begin;
    rp_result result = {.begin = chunk->begin, .end = chunk->end, .data = &found, .size = sizeof found};
    CU_ASSERT_EQUAL_FATAL(rp_store_put(store, &result), 0);
    while (rp_store_next(store, false, &result) == 0) *sum += result.end - result.begin;
    store->every_ns = number % 16 ? UINT64_MAX : 0;
    CU_ASSERT_EQUAL_FATAL(rp_store_tick(store, NULL, 0, 0), 0);
    if (number % 16 == 0 && store->batch_out) (void)rp__writer_wait(&store->writer, NULL);
}

static void primes_to_1e15_keep_their_store_under_a_megabyte(void) {
    struct stage stage = {0};
    rp_job_run run = {.job = &rp__job_primes};
    const char *const argv[] = {"1e15"};
    struct chunk chunk[WORKERS];
    rp_store *store;
    uint64_t sum = 0, next = 0, random = 15, chunks = 0;
    off_t largest = 0;
    CU_ASSERT_EQUAL_FATAL(run.job->plan(&run, 1, argv), 0);
    stage_open(&stage);
    struct stage_state unused;
    rp_store_options options = stage_options(&stage, &unused);
    options.save = save_sum;
    options.context = &sum;
    CU_ASSERT_EQUAL_FATAL(rp_store_open(&options, &store, NULL), 0);
    for (size_t i = 0; i < WORKERS; i++) chunk[i] = deal(&run.map, &next, 0, &random);
    for (size_t i; (i = first_ready(chunk)) < WORKERS; chunks++) {
        const double now = chunk[i].ready;
        take(store, &chunk[i], chunks, &sum);
        chunk[i] = deal(&run.map, &next, now, &random);
        if (chunks % 64 == 0 && size_of(stage.path) > largest) largest = size_of(stage.path);
    }
    CU_ASSERT_EQUAL(rp_store_close(store, RP_STORE_DONE, NULL, NULL), 0);
    if (size_of(stage.path) > largest) largest = size_of(stage.path);
    CU_ASSERT_EQUAL(sum, run.map.count);
    CU_ASSERT_TRUE(chunks > 50000); /* it is the long run, not a short one */
    CU_ASSERT_TRUE(largest > 0 && largest < SIZE_MAX_ALLOWED);
    printf("%llu chunks, at most %lld bytes ", (unsigned long long)chunks, (long long)largest);
    run.job->release(&run);
    stage_close(&stage);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(primes_to_1e15_keep_their_store_under_a_megabyte), {NULL, NULL}};
    if (rp__job_primes.needs) {
        printf("skipped: primes is not built, it needs %s\n", rp__job_primes.needs);
        return 77;
    }
    return unit_run("store_size", tests);
}
