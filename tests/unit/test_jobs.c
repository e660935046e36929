/* The jobs' kernels, plans and sums, without a pool: the rp_task_ and rp_map_ calls below stand in for it, and the
 * range of a job is cut at random wherever its plan allows a cut, and now and then the run ends there and another goes on
 * from its state. What a job prints must depend on neither. */
#include "jobs.h"
#include "unit.h"
#include "words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- A stand-in for the pool --------------------------------------------------------------------------- */

struct bytes {
    char *data;
    size_t size;
};

struct rp_task {
    struct bytes record, args;
    size_t reserved;
    void *state;
    char failure[256];
    rp_where where;
};

struct rp_map {
    struct bytes input[64];
    size_t count;
};

void *rp_task_reserve(rp_task *task, size_t size) {
    task->record.data = realloc(task->record.data, task->record.size + size);
    task->reserved = size;
    return task->record.data + task->record.size;
}

void rp_task_commit(rp_task *task, size_t size) {
    CU_ASSERT_FATAL(size <= task->reserved);
    task->record.size += size;
    task->reserved = 0;
}

int rp_task_write(rp_task *task, const void *data, size_t size) {
    memcpy(rp_task_reserve(task, size), data, size);
    rp_task_commit(task, size);
    return 0;
}

int rp_task_printf(rp_task *task, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    CU_ASSERT_FATAL(length >= 0 && (size_t)length < sizeof text);
    return rp_task_write(task, text, (size_t)length);
}

int rp_task_fail(rp_task *task, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(task->failure, sizeof task->failure, format, arguments);
    va_end(arguments);
    return RP_ETASK;
}

const void *rp_task_args(const rp_task *task, size_t *size) {
    *size = task->args.size;
    return task->args.data;
}

void *rp_task_state(const rp_task *task) { return task->state; }
const rp_where *rp_task_where(const rp_task *task) { return &task->where; }

int rp_map_put(rp_map *map, const void *input, size_t size) {
    CU_ASSERT_FATAL(map->count < sizeof map->input / sizeof *map->input);
    struct bytes *copy = &map->input[map->count++];
    *copy = (struct bytes){malloc(size), size}; /* of its very size, so that a read past the end is seen */
    memcpy(copy->data, input, size);
    return 0;
}

const char *rp_job_option_value(const rp_job_run *run, const char *name) {
    for (const rp_job_given *given = run->given; given && given->name; given++)
        if (strcmp(given->name, name) == 0) return given->value;
    return NULL;
}

int rp_job_fail(rp_job_run *run, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->message, sizeof run->message, format, arguments);
    va_end(arguments);
    return RP_EUSAGE;
}

/* ---- Running a job ------------------------------------------------------------------------------------- */

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define GIVEN(...) ((const rp_job_given[]){__VA_ARGS__, {NULL, NULL}})
#define ONE_CHUNK  UINT64_MAX

struct outcome {
    char *out;         /* what it printed */
    char message[256]; /* why it did not plan, or the last failure of a task */
    int code;
    uint64_t failed;
};

static uint64_t random_state = 1;
static uint64_t random_below(uint64_t bound) { /* xorshift64 */
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % bound;
}

/* The end of a chunk that starts at `begin` and has about `most` tasks at the most, where the plan allows one. */
static uint64_t cut(const rp_map_options *map, uint64_t begin, uint64_t most) {
    uint64_t left = map->count - begin;
    if (most >= left && !map->wall) return map->count;
    uint64_t end = most >= left ? map->count : begin + 1 + random_below(most);
    if (map->edge) {
        uint64_t past = (end + map->edge - map->edge_phase) % map->edge;
        if (past) end += map->edge - past;
    }
    if (map->wall && end > (begin / map->wall + 1) * map->wall) end = (begin / map->wall + 1) * map->wall;
    return end < map->count ? end : map->count;
}

static void take_record(rp_job_run *run, rp_task *task, int code, uint64_t begin, uint64_t end,
                        struct outcome *outcome) {
    rp_result result = {.begin = begin, .end = end, .data = task->record.data, .size = task->record.size};
    run->seconds += 0.5;
    if (code) {
        outcome->failed++;
        snprintf(outcome->message, sizeof outcome->message, "%s", task->failure);
    } else if (run->job->collect) {
        CU_ASSERT_EQUAL(run->job->collect(run, &result), 0);
    } else {
        fwrite(result.data, 1, result.size, run->out);
    }
    task->record.size = 0;
}

/* The run ends here, with its state saved, and goes on as another one. */
static void resume(rp_job_run *run, int argc, const char *const argv[]) {
    char *state = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&state, &size);
    CU_ASSERT_EQUAL(run->job->save(run, to), 0);
    fclose(to);
    run->job->release(run);
    CU_ASSERT_EQUAL_FATAL(run->job->plan(run, argc, argv), 0);
    CU_ASSERT_NOT_EQUAL(run->job->load(run, state, size - 1), 0);
    CU_ASSERT_EQUAL(run->job->load(run, state, size), 0);
    free(state);
}

static void compute(rp_job_run *run, int argc, const char *const argv[], rp_map *map, uint64_t most,
                    struct outcome *outcome) {
    const rp_kernel *kernel = run->job->kernel;
    rp_task task = {.where = {.worker = 3, .rank = 1, .core = 5, .pid = 4711, .host = "node2"}};
    task.args.data = malloc(run->map.args_size + 1); /* a copy, as in a worker */
    task.args.size = run->map.args_size;
    if (run->map.args_size) memcpy(task.args.data, run->map.args, run->map.args_size);
    if (kernel->setup) CU_ASSERT_EQUAL_FATAL(kernel->setup(&task, &task.state), 0);
    for (uint64_t begin = 0, end; begin < run->map.count; begin = end) {
        int code;
        if (kernel->range) {
            end = cut(&run->map, begin, most);
            code = kernel->range(&task, begin, end);
        } else {
            end = begin + 1;
            const struct bytes *input = map->count ? &map->input[begin] : &(struct bytes){NULL, 0};
            code = kernel->item(&task, input->data, input->size);
        }
        take_record(run, &task, code, begin, end, outcome);
        if (run->job->save && random_below(8) == 0) resume(run, argc, argv);
    }
    if (kernel->teardown) kernel->teardown(task.state);
    free(task.args.data);
    free(task.record.data);
}

static struct outcome run_job(const rp_job *job, const char *const argv[], const rp_job_given *given, uint64_t most) {
    struct outcome outcome = {0};
    rp_job_run run = {.job = job, .given = given};
    rp_map map = {.count = 0};
    size_t size;
    int argc = 0;
    while (argv[argc]) argc++;
    run.out = open_memstream(&outcome.out, &size);
    outcome.code = job->plan(&run, argc, argv);
    if (!outcome.code) {
        if (run.map.count == RP_FED) outcome.code = job->feed(&run, &map);
        if (run.map.count == RP_FED) run.map.count = map.count;
        if (run.each_worker) run.map.count = 1;
        compute(&run, argc, argv, &map, most, &outcome);
        if (job->finish && !outcome.failed) CU_ASSERT_EQUAL(job->finish(&run), 0);
        if (job->release) job->release(&run);
    }
    if (outcome.code) snprintf(outcome.message, sizeof outcome.message, "%s", run.message);
    for (size_t i = 0; i < map.count; i++) free(map.input[i].data);
    fclose(run.out);
    return outcome;
}

static void check_out(const rp_job *job, const char *const argv[], const rp_job_given *given, uint64_t most,
                      const char *expected) {
    struct outcome outcome = run_job(job, argv, given, most);
    CU_ASSERT_EQUAL(outcome.code, 0);
    CU_ASSERT_EQUAL(outcome.failed, 0);
    CU_ASSERT_STRING_EQUAL(outcome.out, expected);
    if (strcmp(outcome.out, expected) != 0)
        printf("\n    %s %s: got %.200s, expected %.200s\n    %s\n", job->name, argv[0], outcome.out, expected,
               outcome.message);
    free(outcome.out);
}

static void check_refused(const rp_job *job, const char *const argv[], const rp_job_given *given, const char *says) {
    struct outcome outcome = run_job(job, argv, given, ONE_CHUNK);
    CU_ASSERT_NOT_EQUAL(outcome.code, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.message, says));
    if (!strstr(outcome.message, says)) printf("\n    %s: \"%s\" lacks \"%s\"\n", job->name, outcome.message, says);
    CU_ASSERT_STRING_EQUAL(outcome.out, "");
    free(outcome.out);
}

/* ---- primes -------------------------------------------------------------------------------------------- */

enum { SMALL = 1000000 };
static bool *small_primes(void) {
    bool *prime = malloc(SMALL + 32);
    memset(prime, true, SMALL + 32);
    prime[0] = prime[1] = false;
    for (int i = 2; i < SMALL + 32; i++)
        for (int64_t k = (int64_t)i * i; prime[i] && k < SMALL + 32; k += i) prime[k] = false;
    return prime;
}

static const struct {
    const char *option;
    int shapes[2][7]; /* distances from the first prime, ended by 0 */
} tuples[] = {
    {"twins", {{2}}},
    {"triplets", {{2, 6}, {4, 6}}},
    {"quadruplets", {{2, 6, 8}}},
    {"quintuplets", {{2, 6, 8, 12}, {4, 6, 10, 12}}},
    {"sextuplets", {{4, 6, 10, 12, 16}}},
};
enum { TUPLES = sizeof tuples / sizeof *tuples };

/* Count tuples that lie in [start, stop] by looking at every number. */
static int count_tuples(const bool *prime, int kind, int start, int stop) {
    int found = 0;
    for (int s = 0; s < 2; s++) {
        const int *shape = tuples[kind].shapes[s];
        for (int p = start; shape[0] && p <= stop; p++) {
            bool all = prime[p];
            for (int i = 0; all && shape[i]; i++) all = p + shape[i] <= stop && prime[p + shape[i]];
            found += all;
        }
    }
    return found;
}

static void primes_are_counted_right_however_cut(void) {
    check_out(&rp__job_primes, WORDS("1e7"), NULL, ONE_CHUNK, "664579\n");
    for (int i = 0; i < 5; i++) check_out(&rp__job_primes, WORDS("1e7"), NULL, 100000, "664579\n");
    check_out(&rp__job_primes, WORDS("1e12", "1e12+1e6"), NULL, 300000, "36249\n");
    check_out(&rp__job_primes, WORDS("0"), NULL, ONE_CHUNK, "0\n");
    check_out(&rp__job_primes, WORDS("1"), NULL, ONE_CHUNK, "0\n");
    check_out(&rp__job_primes, WORDS("2"), NULL, ONE_CHUNK, "1\n");
    check_out(&rp__job_primes, WORDS("3", "3"), NULL, ONE_CHUNK, "1\n");
    check_out(&rp__job_primes, WORDS("4", "4"), NULL, ONE_CHUNK, "0\n");
}

static void no_tuple_is_lost_at_an_edge(void) {
    bool *prime = small_primes();
    char expected[32], start[32], stop[32];
    check_out(&rp__job_primes, WORDS("1e6"), GIVEN({"twins", ""}), 1000, "8169\n");
    for (int kind = 0; kind < TUPLES; kind++) {
        snprintf(expected, sizeof expected, "%d\n", count_tuples(prime, kind, 0, SMALL));
        for (uint64_t most = 1; most < 1000000; most = most * 7 + 90)
            check_out(&rp__job_primes, WORDS("1e6"), GIVEN({tuples[kind].option, ""}), most, expected);
        for (int first = 0; first < 65; first++) { /* every way in which a start can lie to the edges */
            int last = first + 200 + (int)random_below(2000);
            snprintf(start, sizeof start, "%d", first);
            snprintf(stop, sizeof stop, "%d", last);
            snprintf(expected, sizeof expected, "%d\n", count_tuples(prime, kind, first, last));
            check_out(&rp__job_primes, WORDS(start, stop), GIVEN({tuples[kind].option, ""}), 1, expected);
        }
    }
    free(prime);
}

static void the_largest_gap_spans_chunks_without_primes(void) {
    const rp_job_given *gap = GIVEN({"largest-gap", ""});
    check_out(&rp__job_primes, WORDS("1e7"), gap, ONE_CHUNK, "154 4652353 4652507\n");
    for (int i = 0; i < 3; i++) check_out(&rp__job_primes, WORDS("1e7"), gap, 1000000, "154 4652353 4652507\n");
    check_out(&rp__job_primes, WORDS("1e6"), gap, 1, "114 492113 492227\n"); /* chunks of 30 numbers */
    check_out(&rp__job_primes, WORDS("1e5"), gap, 100, "72 31397 31469\n");
    check_out(&rp__job_primes, WORDS("1693182318746300", "1693182318747600"), gap, 20,
              "1132 1693182318746371 1693182318747503\n");
    check_out(&rp__job_primes, WORDS("100"), gap, 1, "8 89 97\n");
    check_out(&rp__job_primes, WORDS("50"), gap, 1, "6 23 29\n"); /* 31 to 37 and 47 to 53 are later or outside */
    check_out(&rp__job_primes, WORDS("2", "3"), gap, 1, "1 2 3\n");
    check_out(&rp__job_primes, WORDS("23", "28"), gap, 1, "none\n");
    check_out(&rp__job_primes, WORDS("24", "28"), gap, 1, "none\n");
}

static void primes_are_listed_in_order(void) {
    const rp_job_given *print = GIVEN({"print", ""});
    check_out(&rp__job_primes, WORDS("30"), print, 1, "2\n3\n5\n7\n11\n13\n17\n19\n23\n29\n");
    check_out(&rp__job_primes, WORDS("29", "31"), print, ONE_CHUNK, "29\n31\n");
    check_out(&rp__job_primes, WORDS("99999", "100002"), print, ONE_CHUNK, "");
    struct outcome whole = run_job(&rp__job_primes, WORDS("999e3", "1.2e6"), print, ONE_CHUNK);
    CU_ASSERT_EQUAL(strncmp(whole.out, "999007\n999023\n", 14), 0);
    for (uint64_t most = 1; most < 100000; most *= 50)
        check_out(&rp__job_primes, WORDS("999e3", "1.2e6"), print, most, whole.out);
    free(whole.out);
}

/* Sieving there costs seconds a call, so one call does. */
static void the_last_primes_below_2_to_the_64_are_found(void) {
    char expected[256] = "";
    static const unsigned below[] = {363, 353, 323, 279, 257, 189, 179, 95, 83, 59};
    for (size_t i = 0; i < sizeof below / sizeof *below; i++)
        sprintf(expected + strlen(expected), "%" PRIu64 "\n", UINT64_MAX - below[i] + 1);
    check_out(&rp__job_primes, WORDS("2^64-363", "2^64-1"), GIVEN({"print", ""}), ONE_CHUNK, expected);
    check_out(&rp__job_primes, WORDS("2^64-58", "2^64-1"), GIVEN({"print", ""}), 1, "");
    check_out(&rp__job_primes, WORDS("2^64-58", "2^64-1"), GIVEN({"largest-gap", ""}), 1, "none\n");
}

static void a_plan_for_the_largest_range_is_not_a_fed_map(void) {
    rp_job_run run = {.job = &rp__job_primes};
    CU_ASSERT_EQUAL_FATAL(rp__job_primes.plan(&run, 2, WORDS("0", "2^64-1")), 0);
    CU_ASSERT_EQUAL(run.map.count, UINT64_MAX - 1);
    CU_ASSERT_EQUAL(run.map.edge_phase, 0); /* its first number is 2, and edges lie before 2 modulo 30 */
    CU_ASSERT_TRUE(run.map.chunk_min <= run.map.chunk_best);
    rp__job_primes.release(&run);
}

/* ---- The other jobs ------------------------------------------------------------------------------------ */

static void count_counts_every_repetition(void) {
    const rp_job_given *times = GIVEN({"times", "3"});
    check_out(&rp__job_count, WORDS("1e6"), NULL, ONE_CHUNK, "1000000 0.500 s\ntotal 1000000 0.500 s\n");
    check_out(&rp__job_count, WORDS("10"), times, ONE_CHUNK, "10 0.500 s\n10 0.500 s\n10 0.500 s\ntotal 30 1.500 s\n");
    check_out(&rp__job_count, WORDS("3"), GIVEN({"times", "2"}), 1, "3 1.500 s\n3 1.500 s\ntotal 6 3.000 s\n");
    check_out(&rp__job_count, WORDS("0"), GIVEN({"times", "2"}), 1, "0 0.000 s\n0 0.000 s\ntotal 0 0.000 s\n");
    check_out(&rp__job_count, WORDS("5"), GIVEN({"times", "0"}), 1, "total 0 0.000 s\n");
}

/* Sets of chunks of which some are missing, because they failed. */
static void a_repetition_with_a_hole_prints_no_line(void) {
    char *out = NULL;
    size_t size;
    rp_job_run run = {.job = &rp__job_count, .given = GIVEN({"times", "3"})};
    run.out = open_memstream(&out, &size);
    CU_ASSERT_EQUAL_FATAL(rp__job_count.plan(&run, 1, WORDS("10")), 0);
    const uint64_t chunks[][2] = {{0, 4}, {14, 20}, {20, 25}, {25, 30}}; /* 4-10 and 10-14 failed */
    for (size_t i = 0; i < 4; i++) {
        uint64_t counted = chunks[i][1] - chunks[i][0];
        rp_result result = {.begin = chunks[i][0], .end = chunks[i][1], .data = &counted, .size = sizeof counted};
        CU_ASSERT_EQUAL(rp__job_count.collect(&run, &result), 0);
    }
    rp__job_count.release(&run);
    fclose(run.out);
    CU_ASSERT_STRING_EQUAL(out, "10 0.000 s\n");
    free(out);
}

static void powers_are_exact_at_any_size(void) {
    check_out(&rp__job_squares, WORDS("-3", "3"), NULL, ONE_CHUNK, "9\n4\n1\n0\n1\n4\n9\n");
    check_out(&rp__job_cubes, WORDS("-2", "3"), NULL, 2, "-8\n-1\n0\n1\n8\n27\n");
    check_out(&rp__job_cubes, WORDS("1e20", "1e20"), NULL, 1,
              "1000000000000000000000000000000000000000000000000000000000000\n");
    check_out(&rp__job_squares, WORDS("2^64-1", "2^64"), NULL, 1,
              "340282366920938463426481119284349108225\n340282366920938463463374607431768211456\n");
    check_out(&rp__job_powers, WORDS("0", "3"), GIVEN({"exponent", "0"}), 1, "1\n1\n1\n1\n");
    check_out(&rp__job_powers, WORDS("2", "3"), GIVEN({"exponent", "40"}), 1, "1099511627776\n12157665459056928801\n");
    check_out(&rp__job_powers, WORDS("-1", "1"), GIVEN({"exponent", "2^64-1"}), 1, "-1\n0\n1\n");
    check_out(&rp__job_powers, WORDS("-1", "1"), GIVEN({"exponent", "2^63"}), 1, "1\n0\n1\n");
}

static void sums_equal_their_closed_forms(void) {
    const rp_job_given *sum = GIVEN({"sum", ""});
    for (int i = 0; i < 3; i++) {
        check_out(&rp__job_cubes, WORDS("1", "1e5"), sum, 10000, "25000500002500000000\n"); /* (n (n+1) / 2)^2 */
        check_out(&rp__job_cubes, WORDS("-1e5", "1e5"), sum, 10000, "0\n");
        check_out(&rp__job_squares, WORDS("1", "1e5"), sum, 10000, "333338333350000\n"); /* n (n+1) (2n+1) / 6 */
        check_out(&rp__job_powers, WORDS("2^64", "2^64+9"), GIVEN({"sum", ""}, {"exponent", "1"}), 3,
                  "184467440737095516205\n");
    }
}

static void isprime_proves_and_disproves(void) {
    check_out(&rp__job_isprime, WORDS("222377", "454577"), NULL, 1, "222377 composite\n454577 prime\n");
    check_out(&rp__job_isprime, WORDS("-7", "-0", "0", "1", "2", "3", "4", "007"), NULL, 1,
              "-7 neither\n-0 neither\n0 neither\n1 neither\n2 prime\n3 prime\n4 composite\n007 prime\n");
    /* Carmichael numbers and strong pseudoprimes, the last to the first 13 prime bases. */
    check_out(
        &rp__job_isprime,
        WORDS("561", "3215031751", "3825123056546413051", "318665857834031151167461", "3317044064679887385961981"),
        NULL, 1,
        "561 composite\n3215031751 composite\n3825123056546413051 composite\n"
        "318665857834031151167461 composite\n3317044064679887385961981 composite\n");
    check_out(&rp__job_isprime,
              WORDS("18446744073709551557", "18446744073709551615", "18446744073709551629", "9223372036854775783"),
              NULL, 1,
              "18446744073709551557 prime\n18446744073709551615 composite\n18446744073709551629 prime\n"
              "9223372036854775783 prime\n");
    check_out(&rp__job_isprime, WORDS("2^521-1", "2^127-1", "2^67-1", "1e9+7", "10^40+121"), NULL, 1,
              "2^521-1 prime\n2^127-1 prime\n2^67-1 composite\n1e9+7 prime\n10^40+121 prime\n");
    check_out(&rp__job_isprime, WORDS("7", "2^61-1"), GIVEN({"where", ""}), 1,
              "7 prime rank 1 host node2 core 5 pid 4711\n2^61-1 prime rank 1 host node2 core 5 pid 4711\n");
}

static void products_are_exact(void) {
    check_out(&rp__job_multiply, WORDS("-12", "3", "-5", "0", "1e30"), NULL, 1,
              "-36\n60\n0\n-12000000000000000000000000000000\n");
    check_out(&rp__job_multiply, WORDS("2^64-1", "2^64+1"), NULL, 1, "340282366920938463463374607431768211455\n");
}

static void sleep_repeats_what_was_typed(void) {
    check_out(&rp__job_sleep, WORDS("0", "0.001", "2ms", "1e-3"), NULL, 1, "Done 0\nDone 0.001\nDone 2ms\nDone 1e-3\n");
}

static void hello_says_who_it_is(void) {
    check_out(&rp__job_hello, WORDS(NULL), NULL, 1, "worker 3 rank 1 host node2 core 5 pid 4711\n");
}

/* ---- Words from streams -------------------------------------------------------------------------------- */

struct stream {
    char path[32];
    FILE *file;
};

static struct stream stream_open(void) {
    struct stream stream = {.path = "/tmp/test_jobs_XXXXXX"};
    stream.file = fdopen(mkstemp(stream.path), "w");
    return stream;
}

/* Run over the stream as --file, then as standard input; both must print the same. */
static struct outcome stream_run(struct stream *stream, const rp_job *job) {
    fclose(stream->file);
    struct outcome from_file = run_job(job, WORDS(NULL), GIVEN({"file", stream->path}), 1);
    int saved = dup(STDIN_FILENO);
    FILE *input = fopen(stream->path, "r");
    dup2(fileno(input), STDIN_FILENO);
    struct outcome from_stdin = run_job(job, WORDS("-"), NULL, 1);
    dup2(saved, STDIN_FILENO);
    close(saved);
    fclose(input);
    unlink(stream->path);
    CU_ASSERT_STRING_EQUAL(from_file.out, from_stdin.out);
    CU_ASSERT_EQUAL(from_file.failed, from_stdin.failed);
    free(from_stdin.out);
    return from_file;
}

static void words_are_split_at_any_white_space(void) {
    struct stream stream = stream_open();
    fputs("\n\n 2\t3\r\n4\v5\f\n   6 7", stream.file);
    struct outcome outcome = stream_run(&stream, &rp__job_isprime);
    CU_ASSERT_STRING_EQUAL(outcome.out, "2 prime\n3 prime\n4 composite\n5 prime\n6 composite\n7 prime\n");
    free(outcome.out);
    stream = stream_open();
    outcome = stream_run(&stream, &rp__job_isprime);
    CU_ASSERT_STRING_EQUAL(outcome.out, "");
    free(outcome.out);
}

static void a_bad_word_fails_alone(void) {
    struct stream stream = stream_open();
    fputs("11 12x 13 \x01 17", stream.file);
    struct outcome outcome = stream_run(&stream, &rp__job_isprime);
    CU_ASSERT_STRING_EQUAL(outcome.out, "11 prime\n13 prime\n17 prime\n");
    CU_ASSERT_EQUAL(outcome.failed, 2);
    CU_ASSERT_EQUAL(strncmp(outcome.message, "\"?\" is not a whole number", 25), 0);
    free(outcome.out);
}

/* Long words straddle every border of the reader's buffer; one is beyond its limit. */
static void long_words_come_whole_or_fail_alone(void) {
    struct stream stream = stream_open();
    char *expected = NULL;
    size_t size;
    FILE *out = open_memstream(&expected, &size);
    for (int i = 0; i < 20; i++) {
        int zeros = (int)random_below(100000) + (i == 7 ? 300000 : 0) + (i == 13 ? 600000 : 0);
        fprintf(stream.file, "%0*d%*s", zeros, i, 1 + i % 5, "");
        fprintf(out, "%0*d %s\n", zeros, i,
                i < 2                               ? "neither"
                : strchr("\2\3\5\7\13\15\21\23", i) ? "prime"
                                                    : "composite");
    }
    fprintf(stream.file, "%0*d 23", RP__WORD_MAX + 1, 29);      /* refused whole */
    fprintf(stream.file, " %0*d 31", 2 * RP__WORD_MAX + 5, 29); /* cut, and its rest skipped */
    fputs("31 prime\n", out);
    fclose(out);
    struct outcome outcome = stream_run(&stream, &rp__job_isprime);
    char *last = strstr(expected, "31 prime");
    CU_ASSERT_EQUAL(outcome.failed, 2);
    CU_ASSERT_EQUAL(strncmp(outcome.out, expected, (size_t)(last - expected)), 0);
    CU_ASSERT_STRING_EQUAL(outcome.out + (last - expected), "23 prime\n31 prime\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.message, "too large"));
    free(outcome.out);
    free(expected);
}

/* ---- What is refused ----------------------------------------------------------------------------------- */

static void wrong_arguments_are_named(void) {
    check_refused(&rp__job_primes, WORDS(NULL), NULL, "0 numbers were given");
    check_refused(&rp__job_primes, WORDS("1", "2", "3"), NULL, "3 numbers were given");
    check_refused(&rp__job_primes, WORDS("10", "5"), NULL, "STOP 5 is less than START 10");
    check_refused(&rp__job_primes, WORDS("2^64"), NULL, "STOP \"2^64\" does not fit");
    check_refused(&rp__job_primes, WORDS("x", "5"), NULL, "START \"x\" is not a whole number");
    check_refused(&rp__job_primes, WORDS("9"), GIVEN({"twins", ""}, {"print", ""}), "--twins and --print");
    check_refused(&rp__job_count, WORDS(NULL), NULL, "0 were given");
    check_refused(&rp__job_count, WORDS("-1"), NULL, "LIMIT \"-1\"");
    check_refused(&rp__job_count, WORDS("2^63"), GIVEN({"times", "2"}), "too many");
    check_refused(&rp__job_count, WORDS("2^64-1"), NULL, "too many");
    check_refused(&rp__job_count, WORDS("5"), GIVEN({"times", "x"}), "--times \"x\"");
    check_refused(&rp__job_cubes, WORDS("3"), NULL, "cubes takes FIRST and LAST; 1 numbers");
    check_refused(&rp__job_cubes, WORDS("3", "-3"), NULL, "LAST -3 is less than FIRST 3");
    check_refused(&rp__job_cubes, WORDS("3", "4.5"), NULL, "LAST \"4.5\" is not a whole number");
    check_refused(&rp__job_cubes, WORDS("0", "2^64"), NULL, "too many");
    check_refused(&rp__job_powers, WORDS("1", "3"), NULL, "--exponent E");
    check_refused(&rp__job_powers, WORDS("1", "3"), GIVEN({"exponent", "-1"}), "--exponent \"-1\"");
    check_refused(&rp__job_powers, WORDS("1", "3"), GIVEN({"exponent", "1e18"}), "smaller exponent");
    check_refused(&rp__job_isprime, WORDS(NULL), NULL, "no NUMBER was given");
    check_refused(&rp__job_isprime, WORDS("7", "seven"), NULL, "NUMBER \"seven\" is not a whole number");
    check_refused(&rp__job_isprime, WORDS("7", "-"), NULL, "cannot be mixed");
    check_refused(&rp__job_isprime, WORDS("7"), GIVEN({"file", "f"}), "--file f and \"7\"");
    check_refused(&rp__job_isprime, WORDS(NULL), GIVEN({"file", "/no/such"}), "cannot open \"/no/such\": No such file");
    check_refused(&rp__job_isprime, WORDS(NULL), GIVEN({"file", "/"}), "cannot read /: Is a directory");
    check_refused(&rp__job_multiply, WORDS(NULL), NULL, "no FACTOR");
    check_refused(&rp__job_multiply, WORDS("5"), NULL, "no NUMBER was given");
    check_refused(&rp__job_multiply, WORDS("f", "5"), NULL, "FACTOR \"f\"");
    check_refused(&rp__job_sleep, WORDS("soon"), NULL, "SECONDS \"soon\" is not a time");
    check_refused(&rp__job_hello, WORDS("you"), NULL, "hello takes no arguments; \"you\" was given");
}

static void the_table_of_jobs_is_complete(void) {
    size_t count = 0;
    for (; rp_jobs[count]; count++) {
        const rp_job *job = rp_jobs[count];
        CU_ASSERT_TRUE(job->name && job->arguments && job->summary && job->plan && job->kernel && !job->needs);
        CU_ASSERT_TRUE(!job->kernel->item != !job->kernel->range);
        CU_ASSERT_STRING_EQUAL(job->kernel->name, job->name);
        for (size_t i = 0; i < count; i++) CU_ASSERT_STRING_NOT_EQUAL(job->name, rp_jobs[i]->name);
    }
    CU_ASSERT_EQUAL(count, 9);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(primes_are_counted_right_however_cut),
        UNIT(no_tuple_is_lost_at_an_edge),
        UNIT(the_largest_gap_spans_chunks_without_primes),
        UNIT(primes_are_listed_in_order),
        UNIT(the_last_primes_below_2_to_the_64_are_found),
        UNIT(a_plan_for_the_largest_range_is_not_a_fed_map),
        UNIT(count_counts_every_repetition),
        UNIT(a_repetition_with_a_hole_prints_no_line),
        UNIT(powers_are_exact_at_any_size),
        UNIT(sums_equal_their_closed_forms),
        UNIT(isprime_proves_and_disproves),
        UNIT(products_are_exact),
        UNIT(sleep_repeats_what_was_typed),
        UNIT(hello_says_who_it_is),
        UNIT(words_are_split_at_any_white_space),
        UNIT(a_bad_word_fails_alone),
        UNIT(long_words_come_whole_or_fail_alone),
        UNIT(wrong_arguments_are_named),
        UNIT(the_table_of_jobs_is_complete),
        {NULL, NULL},
    };
    return unit_run("jobs", tests);
}
