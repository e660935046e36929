/* What -k keeps back: records come out by their places, whatever the order they came in and wherever they waited. And the
 * median that --timeout N% goes by. */
#include "exec/median.h"
#include "exec/order.h"
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* A record of so many bytes, each of them told by its place. */
static char *record(uint64_t place, size_t size) {
    char *data = malloc(size + 1);
    if (data) memset(data, (int)('a' + place % 26), size);
    return data;
}

static int put(struct exec_order *order, uint64_t place, size_t size) {
    char *data = record(place, size);
    int rc = exec_order_put(order, place, data, size);
    free(data);
    return rc;
}

static bool takes(struct exec_order *order, uint64_t place, size_t size) {
    const void *data;
    size_t got;
    char *expected = record(place, size);
    bool same =
        exec_order_take(order, false, &data, &got) == 0 && got == size && (!size || !memcmp(data, expected, size));
    free(expected);
    return same;
}

static int take_any(struct exec_order *order, bool gaps) {
    const void *data;
    size_t size;
    return exec_order_take(order, gaps, &data, &size);
}

static void records_come_out_by_their_places(void) {
    enum { COUNT = 1000 };
    struct exec_order *order = exec_order_new();
    for (uint64_t i = 0; i < COUNT; i++) CU_ASSERT_EQUAL(put(order, 1 + i * 7 % COUNT, 1 + i * 7 % COUNT), 0);
    CU_ASSERT_EQUAL(take_any(order, false), RP_EEMPTY); /* the first is missing */
    CU_ASSERT_TRUE(exec_order_due(order, 0));
    exec_order_pass(order);
    for (uint64_t place = 1; place <= COUNT; place++) CU_ASSERT_TRUE(takes(order, place, place));
    CU_ASSERT_EQUAL(take_any(order, true), RP_EEMPTY);
    exec_order_free(order);
}

static void what_exceeds_the_memory_waits_in_a_file_and_comes_back_whole(void) {
    enum { COUNT = 20, SIZE = EXEC_ORDER_MEMORY / 4 };
    struct exec_order *order = exec_order_new();
    for (int round = 0; round < 3; round++) {
        const uint64_t first = (uint64_t)round * COUNT;
        for (uint64_t i = COUNT; i-- > 0;) CU_ASSERT_EQUAL(put(order, first + i, SIZE + i), 0);
        for (uint64_t i = 0; i < COUNT; i++) CU_ASSERT_TRUE(takes(order, first + i, SIZE + i));
    }
    exec_order_free(order);
}

static void gaps_are_passed_over_when_asked_for(void) {
    struct exec_order *order = exec_order_new();
    CU_ASSERT_EQUAL(put(order, 5, 3), 0);
    CU_ASSERT_EQUAL(put(order, 2, 3), 0);
    CU_ASSERT_EQUAL(take_any(order, false), RP_EEMPTY);
    CU_ASSERT_EQUAL(take_any(order, true), 0);
    CU_ASSERT_TRUE(exec_order_due(order, 3));
    CU_ASSERT_EQUAL(take_any(order, true), 0);
    CU_ASSERT_TRUE(exec_order_due(order, 6));
    exec_order_free(order);
}

static void a_place_without_a_record_holds_nobody_up(void) {
    struct exec_order *order = exec_order_new();
    CU_ASSERT_EQUAL(put(order, 1, 2), 0);
    CU_ASSERT_EQUAL(exec_order_put(order, 0, NULL, 0), 0);
    CU_ASSERT_TRUE(takes(order, 0, 0));
    CU_ASSERT_TRUE(takes(order, 1, 2));
    exec_order_free(order);
}

static void a_full_disk_is_an_error_and_what_waited_is_still_there(void) {
    struct rlimit before, limit;
    struct exec_order *order = exec_order_new();
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 3 << 20;
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CU_ASSERT_EQUAL(put(order, 0, EXEC_ORDER_MEMORY), 0);
    CU_ASSERT_EQUAL(put(order, 1, 2 << 20), 0);
    CU_ASSERT_EQUAL(put(order, 2, 2 << 20), RP_ESYSTEM);
    CU_ASSERT_EQUAL(errno, EFBIG);
    CU_ASSERT_EQUAL(put(order, 2, 1 << 20), 0); /* half a record was cut off again */
    setrlimit(RLIMIT_FSIZE, &before);
    CU_ASSERT_TRUE(takes(order, 0, EXEC_ORDER_MEMORY));
    CU_ASSERT_TRUE(takes(order, 1, 2 << 20));
    CU_ASSERT_TRUE(takes(order, 2, 1 << 20));
    exec_order_free(order);
}

static bool near(double seconds, double expected) { return seconds > 0.99 * expected && seconds < 1.01 * expected; }

static void the_median_is_right_to_a_hundredth(void) {
    static struct exec_median median;
    CU_ASSERT_EQUAL(exec_median_get(&median), 0);
    exec_median_add(&median, 0.3);
    CU_ASSERT_TRUE(near(exec_median_get(&median), 0.3));
    for (int i = 1; i <= 10001; i++) exec_median_add(&median, i * 0.001);
    CU_ASSERT_TRUE(near(exec_median_get(&median), 5));
    for (int i = 0; i < 20000; i++) exec_median_add(&median, 1e5);
    CU_ASSERT_TRUE(near(exec_median_get(&median), 1e5));
}

static void times_out_of_range_count_as_the_nearest(void) {
    static struct exec_median none, ages;
    exec_median_add(&none, 0);
    CU_ASSERT_TRUE(exec_median_get(&none) > 0 && exec_median_get(&none) < 2e-6);
    exec_median_add(&ages, 1e300);
    CU_ASSERT_TRUE(exec_median_get(&ages) > 1e9);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(records_come_out_by_their_places),
        UNIT(what_exceeds_the_memory_waits_in_a_file_and_comes_back_whole),
        UNIT(gaps_are_passed_over_when_asked_for),
        UNIT(a_place_without_a_record_holds_nobody_up),
        UNIT(a_full_disk_is_an_error_and_what_waited_is_still_there),
        UNIT(the_median_is_right_to_a_hundredth),
        UNIT(times_out_of_range_count_as_the_nearest),
        {NULL, NULL},
    };
    return unit_run("exec_order", tests);
}
