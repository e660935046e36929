/* The interval set: small cases by hand, then random adds against a plain bitmap. */
#include "core/interval.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static void check_intervals(const struct rp__intervals *set, const struct rp__interval *expected, size_t count) {
    CU_ASSERT_EQUAL(set->count, count);
    if (set->count == count) CU_ASSERT_EQUAL(memcmp(set->at, expected, count * sizeof *expected), 0);
}

static void an_empty_set_has_nothing(void) {
    struct rp__intervals set = {0};
    struct rp__interval gap;
    CU_ASSERT_EQUAL(rp__intervals_total(&set), 0);
    CU_ASSERT_FALSE(rp__intervals_cover(&set, 0, 1));
    CU_ASSERT_TRUE(rp__intervals_cover(&set, 5, 5));
    CU_ASSERT_FALSE(rp__intervals_touch(&set, 0, UINT64_MAX));
    rp__intervals_gap(&set, 7, &gap);
    CU_ASSERT_EQUAL(gap.begin, 7);
    CU_ASSERT_EQUAL(gap.end, UINT64_MAX);
    rp__intervals_free(&set);
}

static void add_merges_neighbours(void) {
    struct rp__intervals set = {0};
    rp__intervals_add(&set, 10, 20);
    rp__intervals_add(&set, 30, 40);
    rp__intervals_add(&set, 50, 60);
    check_intervals(&set, (struct rp__interval[]){{10, 20}, {30, 40}, {50, 60}}, 3);
    rp__intervals_add(&set, 20, 30); /* touches both sides */
    check_intervals(&set, (struct rp__interval[]){{10, 40}, {50, 60}}, 2);
    rp__intervals_add(&set, 12, 15); /* is there already */
    check_intervals(&set, (struct rp__interval[]){{10, 40}, {50, 60}}, 2);
    rp__intervals_add(&set, 0, 5);
    rp__intervals_add(&set, 3, 55); /* overlaps all */
    check_intervals(&set, (struct rp__interval[]){{0, 60}}, 1);
    rp__intervals_add(&set, 100, 100); /* nothing */
    check_intervals(&set, (struct rp__interval[]){{0, 60}}, 1);
    rp__intervals_free(&set);
}

static void the_ends_of_the_range_belong_to_it(void) {
    struct rp__intervals set = {0};
    struct rp__interval gap;
    CU_ASSERT_EQUAL(rp__intervals_add(&set, UINT64_MAX - 1, UINT64_MAX), 0);
    CU_ASSERT_EQUAL(rp__intervals_add(&set, 0, 1), 0);
    CU_ASSERT_EQUAL(rp__intervals_total(&set), 2);
    rp__intervals_gap(&set, 0, &gap);
    CU_ASSERT_EQUAL(gap.begin, 1);
    CU_ASSERT_EQUAL(gap.end, UINT64_MAX - 1);
    rp__intervals_gap(&set, UINT64_MAX - 1, &gap);
    CU_ASSERT_EQUAL(gap.begin, UINT64_MAX);
    CU_ASSERT_EQUAL(gap.end, UINT64_MAX);
    rp__intervals_add(&set, 0, UINT64_MAX);
    CU_ASSERT_EQUAL(rp__intervals_total(&set), UINT64_MAX);
    CU_ASSERT_EQUAL(set.count, 1);
    rp__intervals_free(&set);
    CU_ASSERT_PTR_NULL(set.at);
}

enum { MODEL = 300 };

static void check_against_model(const struct rp__intervals *set, const bool *has) {
    uint64_t total = 0, runs = 0;
    for (int i = 0; i < MODEL; i++) {
        total += has[i];
        runs += has[i] && (i == 0 || !has[i - 1]);
    }
    CU_ASSERT_EQUAL(rp__intervals_total(set), total);
    CU_ASSERT_EQUAL(set->count, runs); /* merged as far as can be */
    for (int from = 0; from < MODEL; from++) {
        int begin = from;
        while (begin < MODEL && has[begin]) begin++;
        int end = begin;
        while (end < MODEL && !has[end]) end++;
        struct rp__interval gap;
        rp__intervals_gap(set, (uint64_t)from, &gap);
        if (gap.begin != (uint64_t)begin || gap.end != (end == MODEL ? UINT64_MAX : (uint64_t)end))
            CU_FAIL("the gap is not where the bitmap has it");
    }
}

static void check_queries(const struct rp__intervals *set, const bool *has) {
    for (int i = 0; i < 50; i++) {
        int begin = rand() % MODEL, end = begin + rand() % (MODEL - begin);
        bool all = true, any = false;
        for (int k = begin; k < end; k++) {
            all = all && has[k];
            any = any || has[k];
        }
        if (rp__intervals_cover(set, (uint64_t)begin, (uint64_t)end) != all) CU_FAIL("cover differs from the bitmap");
        if (rp__intervals_touch(set, (uint64_t)begin, (uint64_t)end) != any) CU_FAIL("touch differs from the bitmap");
    }
}

static void random_adds_agree_with_a_bitmap(void) {
    for (unsigned seed = 1; seed <= 60; seed++) {
        srand(seed);
        int longest = 1 + rand() % 20; /* short adds leave many holes, long ones few */
        struct rp__intervals set = {0};
        bool has[MODEL] = {false};
        for (int step = 0; step < 120; step++) {
            int begin = rand() % MODEL, end = begin + rand() % (longest + 1);
            if (end > MODEL) end = MODEL;
            CU_ASSERT_EQUAL_FATAL(rp__intervals_add(&set, (uint64_t)begin, (uint64_t)end), 0);
            for (int k = begin; k < end; k++) has[k] = true;
            check_against_model(&set, has);
            check_queries(&set, has);
        }
        rp__intervals_free(&set);
    }
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(an_empty_set_has_nothing),
        UNIT(add_merges_neighbours),
        UNIT(the_ends_of_the_range_belong_to_it),
        UNIT(random_adds_agree_with_a_bitmap),
        {NULL, NULL},
    };
    return unit_run("interval", tests);
}
