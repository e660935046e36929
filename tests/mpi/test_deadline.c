/* A world with a deadline: what is computed before it is read, then maps end with RP_ESTOPPED, and the world says why. It
 * is over for the rest of the program, so the claims build on each other. */
#include "rankpool.h"
#include "unit/unit.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { SOON = 20, NEVER_DONE = 1000000 };

static struct {
    rp_world *world;
    rp_pool *pool;
} the;

static int item(rp_task *task, const void *input, size_t size) {
    const uint64_t index = rp_task_index(task);
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    return rp_task_write(task, &index, sizeof index);
}

static const rp_kernel kernel = {.name = "nap", .item = item};
static const rp_kernel *const kernels[] = {&kernel, NULL};

static rp_map *open_map(uint64_t count, bool unordered) {
    rp_map *map = NULL;
    const rp_map_options options = {.kernel = "nap", .count = count, .unordered = unordered};
    CU_ASSERT_EQUAL_FATAL(rp_map_open(the.pool, &options, &map, NULL), 0);
    return map;
}

/* Until the map's end, which is *end. How many tasks were read. */
static uint64_t read_all(rp_map *map, int *end) {
    rp_result result;
    uint64_t count = 0;
    while ((*end = rp_map_next(map, -1, &result)) == 0) {
        CU_ASSERT_EQUAL(result.status, 0);
        CU_ASSERT_EQUAL(memcmp(result.data, &result.begin, sizeof result.begin), 0);
        count++;
    }
    return count;
}

static void no_deadline_is_set_by_mistake(void) {
    CU_ASSERT_EQUAL(rp_world_set_deadline(NULL, 1), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_world_set_deadline(the.world, NAN), RP_EINVAL);
    CU_ASSERT_STRING_EQUAL(rp_world_error(the.world), "");
}

static void a_map_that_ends_in_time_does_not_notice(void) {
    int end;
    CU_ASSERT_EQUAL(rp_world_set_deadline(the.world, 1e6), 0);
    rp_map *map = open_map(SOON, false);
    CU_ASSERT_EQUAL(read_all(map, &end), SOON);
    CU_ASSERT_EQUAL(end, RP_END);
    rp_map_close(map);
    CU_ASSERT_EQUAL(rp_world_set_deadline(the.world, 1), 0); /* and then for ever */
    CU_ASSERT_EQUAL(rp_world_set_deadline(the.world, -1), 0);
    CU_ASSERT_STRING_EQUAL(rp_world_error(the.world), "");
}

/* Side by side: one in order, one as they come, and one that was done before but is read after. */
static void at_the_deadline_what_was_computed_is_read_first(void) {
    int end;
    rp_map_stats stats;
    rp_map *done = open_map(SOON, false);
    do rp_map_stats_get(done, &stats);
    while (stats.tasks_done < SOON);
    CU_ASSERT_EQUAL(rp_world_set_deadline(the.world, 1), 0);
    rp_map *ordered = open_map(NEVER_DONE, false), *unordered = open_map(NEVER_DONE, true);
    const uint64_t in_order = read_all(ordered, &end);
    CU_ASSERT_EQUAL(end, RP_ESTOPPED);
    rp_map_stats_get(ordered, &stats);
    CU_ASSERT_TRUE(in_order > 0);
    CU_ASSERT_TRUE(in_order <= stats.tasks_done);
    const uint64_t as_they_came = read_all(unordered, &end);
    CU_ASSERT_EQUAL(end, RP_ESTOPPED);
    rp_map_stats_get(unordered, &stats);
    CU_ASSERT_EQUAL(as_they_came, stats.tasks_done);
    CU_ASSERT_EQUAL(read_all(done, &end), SOON);
    CU_ASSERT_EQUAL(end, RP_END);
    rp_map_close(done);
    rp_map_close(ordered);
    rp_map_close(unordered);
}

static void after_it_the_world_says_why_it_stopped(void) {
    rp_map *map = NULL;
    rp_error error = {0};
    const char *why = rp_world_error(the.world);
    CU_ASSERT_STRING_EQUAL(why, "the time limit is near: nothing more can end in time");
    CU_ASSERT_EQUAL(rp_map_open(the.pool, &(rp_map_options){.kernel = "nap", .count = 1}, &map, &error), RP_ESTOPPED);
    CU_ASSERT_STRING_EQUAL(error.text, why);
    CU_ASSERT_EQUAL(rp_world_set_deadline(the.world, -1), 0); /* too late */
    CU_ASSERT_EQUAL(rp_map_open(the.pool, &(rp_map_options){.kernel = "nap", .count = 1}, &map, &error), RP_ESTOPPED);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(no_deadline_is_set_by_mistake),
                                             UNIT(a_map_that_ends_in_time_does_not_notice),
                                             UNIT(at_the_deadline_what_was_computed_is_read_first),
                                             UNIT(after_it_the_world_says_why_it_stopped),
                                             {NULL, NULL}};
    int exit_code = 0;
    rp_error error = {0};
    int rc = rp_world_open(&(rp_world_options){.kernels = kernels}, &the.world, &exit_code, &error);
    if (rc == RP_SERVED) return exit_code;
    if (rc == 0) rc = rp_pool_open(the.world, NULL, &the.pool, &error);
    if (rc) {
        fprintf(stderr, "test_deadline: %s\n", error.text);
        return 1;
    }
    exit_code = unit_run("deadline", tests);
    rp_pool_free(the.pool);
    rp_world_close(the.world, exit_code);
    return exit_code;
}
