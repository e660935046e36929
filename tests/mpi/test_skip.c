/* Maps that go on where an earlier run was: what is skipped is not computed and has no record, all else has one, and
 * inputs that are not those of the earlier run are found out. */
#include "mpi/on_a_pool.h"

#include <stdlib.h>
#include <string.h>

enum { TASKS = 500, BLOCK = 10, SPANS_MAX = TASKS };

static rp_world *world;
static rp_pool *pool;

static int square(rp_task *task, const void *input, size_t size) {
    uint64_t number = rp_task_index(task);
    if (size == sizeof number) memcpy(&number, input, sizeof number);
    const uint64_t answer = number * number;
    return rp_task_write(task, &answer, sizeof answer);
}

static int squares(rp_task *task, uint64_t begin, uint64_t end) {
    uint64_t sum = 0;
    for (; begin < end; begin++) sum += begin * begin;
    return rp_task_write(task, &sum, sizeof sum);
}

static void add(void *into, const void *from, size_t size) { *(uint64_t *)into += *(const uint64_t *)from; }

static const rp_kernel square_kernel = {.name = "square", .item = square, .combine = add};
static const rp_kernel squares_kernel = {.name = "squares", .range = squares};
static const rp_kernel *const kernels[] = {&square_kernel, &squares_kernel, NULL};

/* Some tasks of many a run, in whole blocks or not. */
static size_t some_spans(rp_span *spans, uint64_t step) {
    size_t count = 0;
    for (uint64_t at = step; at + 2 * step <= TASKS; at += (3 + count % 4) * step, count++)
        spans[count] = (rp_span){at, at + (1 + count % 2) * step};
    return count;
}

static bool is_skipped(const rp_map_options *options, uint64_t task) {
    for (size_t i = 0; i < options->skip_count; i++)
        if (task >= options->skip[i].begin && task < options->skip[i].end) return true;
    return false;
}

static int put_numbers(rp_map *map, uint64_t from, uint64_t count) {
    int rc = 0;
    for (uint64_t number = from; number < from + count && rc == 0; number++)
        rc = rp_map_put(map, &number, sizeof number);
    return rc;
}

/* One source of the same numbers. */
static int next_number(void *context, const void **input, size_t *size) {
    static uint64_t number;
    uint64_t *next = context;
    if (*next == TASKS) return 0;
    number = (*next)++;
    *input = &number;
    *size = sizeof number;
    return 1;
}

static uint64_t sum_of(uint64_t begin, uint64_t end) {
    uint64_t sum = 0;
    for (; begin < end; begin++) sum += begin * begin;
    return sum;
}

/* Reads the map to its end: each task that is not skipped in one record, in order unless it is unordered. */
static void has_all_but_what_is_skipped(const rp_map_options *options, rp_map *map) {
    static uint8_t seen[TASKS];
    uint64_t last = 0, sum;
    rp_result result;
    rp_map_stats stats;
    int rc;
    memset(seen, 0, sizeof seen);
    while ((rc = rp_map_next(map, -1, &result)) == 0) {
        CU_ASSERT_TRUE_FATAL(result.status == 0 && result.size == sizeof sum && result.end <= TASKS);
        CU_ASSERT_PTR_NULL(result.failure);
        CU_ASSERT_TRUE(options->unordered || result.begin >= last);
        last = result.end;
        memcpy(&sum, result.data, sizeof sum);
        CU_ASSERT_EQUAL(sum, sum_of(result.begin, result.end));
        for (uint64_t task = result.begin; task < result.end; task++) seen[task]++;
    }
    CU_ASSERT_EQUAL(rc, RP_END);
    for (uint64_t task = 0; task < TASKS; task++) CU_ASSERT_EQUAL(seen[task], !is_skipped(options, task));
    rp_map_stats_get(map, &stats);
    CU_ASSERT_TRUE(stats.tasks_done == TASKS && stats.tasks_known == TASKS);
}

static void goes_on(rp_map_options options, uint64_t step) {
    rp_span spans[SPANS_MAX];
    rp_error error = {0};
    rp_map *map;
    uint64_t next = 0;
    options.skip = spans;
    options.skip_count = some_spans(spans, step);
    if (options.source) options.source_context = &next;
    CU_ASSERT_TRUE_FATAL(options.skip_count > 5);
    CU_ASSERT_EQUAL_FATAL(rp_map_open(pool, &options, &map, &error), 0);
    memset(spans, 0xff, sizeof spans); /* it has a copy */
    if (options.count == RP_FED && !options.source) {
        CU_ASSERT_EQUAL(put_numbers(map, 0, TASKS), 0);
        rp_map_end(map);
    }
    some_spans(spans, step);
    has_all_but_what_is_skipped(&options, map);
    rp_map_close(map);
}

static void only_what_is_not_skipped_is_computed_under_every_schedule(void) {
    for (int kind = RP_AUTO; kind <= RP_FACTORING; kind++)
        for (int unordered = 0; unordered < 2; unordered++) {
            const rp_schedule schedule = {.kind = (enum rp_schedule_kind)kind, .chunk = kind == RP_STATIC ? 7 : 0};
            goes_on((rp_map_options){"square", .count = TASKS, .unordered = unordered, .schedule = schedule}, 3);
            goes_on((rp_map_options){"squares", .count = TASKS, .unordered = unordered, .schedule = schedule}, 4);
            goes_on((rp_map_options){"square", .count = RP_FED, .unordered = unordered, .schedule = schedule}, 1);
        }
    goes_on((rp_map_options){"square", .count = RP_FED, .source = next_number}, 5);
    goes_on((rp_map_options){"square", .count = TASKS, .reduce = BLOCK}, BLOCK);
    goes_on((rp_map_options){"square", .count = RP_FED, .reduce = BLOCK}, BLOCK);
}

static void a_map_that_is_skipped_whole_is_over_at_once(void) {
    const rp_span all = {0, UINT64_C(1) << 62};
    rp_map_options options = {.kernel = "square", .count = all.end, .skip = &all, .skip_count = 1};
    rp_map *map;
    rp_result result;
    CU_ASSERT_EQUAL_FATAL(rp_map_open(pool, &options, &map, NULL), 0);
    CU_ASSERT_EQUAL(rp_map_next(map, -1, &result), RP_END);
    rp_map_close(map);
    options.count = RP_FED;
    CU_ASSERT_EQUAL_FATAL(rp_map_open(pool, &options, &map, NULL), 0);
    CU_ASSERT_EQUAL(put_numbers(map, 0, TASKS), 0);
    CU_ASSERT_EQUAL(rp_map_next(map, 0, &result), RP_ETIMEDOUT); /* more may come */
    rp_map_end(map);
    CU_ASSERT_EQUAL(rp_map_next(map, -1, &result), RP_END);
    rp_map_close(map);
}

static void inputs_of_skipped_tasks_are_not_held(void) {
    enum { LONG = 1 << 20, COUNT = 64 };
    const rp_span skip = {0, COUNT};
    char *input = calloc(1, LONG);
    rp_map *map;
    CU_ASSERT_EQUAL_FATAL(
        rp_map_open(pool, &(rp_map_options){"square", .count = RP_FED, .skip = &skip, .skip_count = 1}, &map, NULL), 0);
    /* Four times what may be held, and nobody computes them: if they were, this would never end. */
    for (int i = 0; i < COUNT; i++) CU_ASSERT_EQUAL(rp_map_put(map, input, LONG), 0);
    rp_map_close(map);
    free(input);
}

static void is_refused(const char *words, rp_map_options options, const rp_span *skip, size_t count) {
    rp_map *map;
    rp_error error = {0};
    options.skip = skip;
    options.skip_count = count;
    CU_ASSERT_EQUAL(rp_map_open(pool, &options, &map, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, words));
}

static void spans_that_make_no_sense_are_refused(void) {
    const rp_span empty[] = {{5, 5}}, back[] = {{20, 30}, {5, 10}}, touch[] = {{0, 5}, {5, 10}}, over[] = {{0, 11}},
                  part[] = {{0, 15}};
    is_refused("ascend", (rp_map_options){"square", .count = 100}, empty, 1);
    is_refused("ascend", (rp_map_options){"square", .count = 100}, back, 2);
    is_refused("ascend", (rp_map_options){"square", .count = 100}, touch, 2);
    is_refused("up to 11", (rp_map_options){"square", .count = 10}, over, 1);
    is_refused("NULL", (rp_map_options){"square", .count = 10}, NULL, 1);
    is_refused("whole blocks", (rp_map_options){"square", .count = 100, .reduce = BLOCK}, part, 1);
    is_refused("whole blocks", (rp_map_options){"square", .count = RP_FED, .reduce = BLOCK}, part, 1);
    is_refused("each_worker", (rp_map_options){"square", .count = rp_pool_workers(pool), .each_worker = true},
               &(rp_span){0, 1}, 1);
    is_refused("grows", (rp_map_options){"square", .count = RP_FED, .grows = true}, part, 1);
    is_refused("not fed", (rp_map_options){"square", .count = 100, .inputs = 3}, NULL, 0);
}

/* The digest of what another run would put. */
static uint64_t digest_of(uint64_t from, uint64_t count) {
    uint64_t digest = 0;
    rp_map *map;
    CU_ASSERT_EQUAL_FATAL(rp_map_open(pool, &(rp_map_options){"square", .count = RP_FED}, &map, NULL), 0);
    CU_ASSERT_EQUAL(put_numbers(map, from, count), 0);
    CU_ASSERT_EQUAL(rp_map_inputs(map, &digest), count);
    rp_map_close(map);
    return digest;
}

static rp_map *open_again(uint64_t inputs, uint64_t digest) {
    rp_map *map;
    const rp_map_options options = {"square", .count = RP_FED, .inputs = inputs, .inputs_digest = digest};
    CU_ASSERT_EQUAL_FATAL(rp_map_open(pool, &options, &map, NULL), 0);
    return map;
}

static void the_same_inputs_and_more_go_on(void) {
    const uint64_t digest = digest_of(0, 100);
    CU_ASSERT_NOT_EQUAL(digest, digest_of(1, 100));
    rp_map *map = open_again(100, digest);
    CU_ASSERT_EQUAL(put_numbers(map, 0, TASKS), 0);
    rp_map_end(map);
    has_all_but_what_is_skipped(&(rp_map_options){0}, map);
    rp_map_close(map);
}

/* Whatever came before it, the map ends with this. */
static void ends_with_a_mismatch(rp_map *map) {
    rp_result result;
    int rc;
    while ((rc = rp_map_next(map, -1, &result)) == 0) {
    }
    CU_ASSERT_EQUAL(rc, RP_EMISMATCH);
    rp_map_close(map);
}

static void other_inputs_or_too_few_end_the_map(void) {
    const uint64_t digest = digest_of(0, 100), number = 7;
    rp_map *map = open_again(100, digest);
    CU_ASSERT_EQUAL(put_numbers(map, 0, 99), 0);
    CU_ASSERT_EQUAL(rp_map_put(map, &number, sizeof number), RP_EMISMATCH);
    CU_ASSERT_EQUAL(rp_map_put(map, &number, sizeof number), RP_EMISMATCH);
    ends_with_a_mismatch(map);
    map = open_again(100, digest);
    CU_ASSERT_EQUAL(put_numbers(map, 0, 99), 0);
    rp_map_end(map);
    ends_with_a_mismatch(map);
}

static void a_digest_tells_sizes_and_order_apart(void) {
    static const char *const inputs[][3] = {{"ab", "c", ""}, {"a", "bc", ""}, {"abc", "", ""}, {"c", "ab", ""}};
    uint64_t digest[4];
    for (int i = 0; i < 4; i++) {
        rp_map *map = open_again(0, 0);
        for (int k = 0; k < 3; k++) CU_ASSERT_EQUAL(rp_map_put(map, inputs[i][k], strlen(inputs[i][k])), 0);
        CU_ASSERT_EQUAL(rp_map_inputs(map, &digest[i]), 3);
        rp_map_close(map);
        for (int k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(digest[i], digest[k]);
    }
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(only_what_is_not_skipped_is_computed_under_every_schedule),
                                             UNIT(a_map_that_is_skipped_whole_is_over_at_once),
                                             UNIT(inputs_of_skipped_tasks_are_not_held),
                                             UNIT(spans_that_make_no_sense_are_refused),
                                             UNIT(the_same_inputs_and_more_go_on),
                                             UNIT(other_inputs_or_too_few_end_the_map),
                                             UNIT(a_digest_tells_sizes_and_order_apart),
                                             {NULL, NULL}};
    return run_on_a_pool("skip", kernels, tests, &world, &pool);
}
