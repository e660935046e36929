/* Sets of CPUs, and the binding of the calling thread. */
#include "core/cpuset.h"

#include "topo/topo.h"
#include "unit.h"

#include <string.h>

static struct rp__cpuset set_of(const unsigned *cpus, size_t count) {
    struct rp__cpuset set = {0};
    for (size_t i = 0; i < count; i++) rp__cpuset_add(&set, cpus[i]);
    return set;
}

#define SET(...) set_of((const unsigned[]){__VA_ARGS__}, sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))
/* The same, as a pointer that lives as long as its block. */
#define AT(...) ((const struct rp__cpuset[]){SET(__VA_ARGS__)})

static void a_new_set_is_empty(void) {
    const struct rp__cpuset set = {0};
    CU_ASSERT(rp__cpuset_is_empty(&set));
    CU_ASSERT_EQUAL(rp__cpuset_count(&set), 0);
    CU_ASSERT_EQUAL(rp__cpuset_next(&set, 0), RP__CPU_MAX);
    CU_ASSERT_FALSE(rp__cpuset_has(&set, 0));
}

static void a_set_has_what_was_added_and_nothing_else(void) {
    const struct rp__cpuset set = SET(0, 63, 64, RP__CPU_MAX - 1, 64);
    CU_ASSERT_FALSE(rp__cpuset_is_empty(&set));
    CU_ASSERT_EQUAL(rp__cpuset_count(&set), 4);
    unsigned found = 0;
    for (unsigned cpu = 0; cpu < RP__CPU_MAX; cpu++) found += rp__cpuset_has(&set, cpu);
    CU_ASSERT_EQUAL(found, 4);
    CU_ASSERT(rp__cpuset_has(&set, 63) && rp__cpuset_has(&set, 64) && rp__cpuset_has(&set, RP__CPU_MAX - 1));
}

static void cpus_beyond_the_end_are_never_in_a_set(void) {
    const struct rp__cpuset set = SET(RP__CPU_MAX, RP__CPU_MAX + 1, UINT32_MAX);
    CU_ASSERT(rp__cpuset_is_empty(&set));
    CU_ASSERT_FALSE(rp__cpuset_has(&set, RP__CPU_MAX));
    CU_ASSERT_FALSE(rp__cpuset_has(&set, UINT32_MAX));
}

static void next_visits_every_cpu_once_in_order(void) {
    const struct rp__cpuset set = SET(5, 63, 64, 128, RP__CPU_MAX - 1);
    CU_ASSERT_EQUAL(rp__cpuset_next(&set, 0), 5);
    CU_ASSERT_EQUAL(rp__cpuset_next(&set, 5), 5);
    CU_ASSERT_EQUAL(rp__cpuset_next(&set, 6), 63);
    CU_ASSERT_EQUAL(rp__cpuset_next(&set, 64), 64);
    CU_ASSERT_EQUAL(rp__cpuset_next(&set, 65), 128);
    CU_ASSERT_EQUAL(rp__cpuset_next(&set, 129), RP__CPU_MAX - 1);
    CU_ASSERT_EQUAL(rp__cpuset_next(&set, RP__CPU_MAX), RP__CPU_MAX);
    CU_ASSERT_EQUAL(rp__cpuset_next(&set, UINT32_MAX), RP__CPU_MAX);
}

static void sets_are_equal_or_overlap_by_what_they_hold(void) {
    const struct rp__cpuset low = SET(0, 1), high = SET(1, 100), far = SET(100), none = {0};
    CU_ASSERT(rp__cpuset_equal(&low, AT(1, 0)));
    CU_ASSERT_FALSE(rp__cpuset_equal(&low, &high));
    CU_ASSERT(rp__cpuset_overlap(&low, &high));
    CU_ASSERT(rp__cpuset_overlap(&far, &high));
    CU_ASSERT_FALSE(rp__cpuset_overlap(&low, &far));
    CU_ASSERT_FALSE(rp__cpuset_overlap(&none, &none));
    CU_ASSERT(rp__cpuset_equal(&none, &none));
}

static void text_shows_runs_and_single_cpus(void) {
    char text[64];
    CU_ASSERT_STRING_EQUAL(rp__cpuset_format(AT(0, 1, 2, 3, 8), text, sizeof text), "0-3,8");
    CU_ASSERT_STRING_EQUAL(rp__cpuset_format(AT(7), text, sizeof text), "7");
    CU_ASSERT_STRING_EQUAL(rp__cpuset_format(AT(63, 64, 2046, 2047), text, sizeof text), "63-64,2046-2047");
    CU_ASSERT_STRING_EQUAL(rp__cpuset_format(&(struct rp__cpuset){0}, text, sizeof text), "");
}

static void text_that_does_not_fit_is_cut_between_runs(void) {
    const struct rp__cpuset set = SET(0, 1, 2, 3, 8, 10, 100);
    const char *const whole = "0-3,8,10,100";
    char text[32];
    CU_ASSERT_STRING_EQUAL(rp__cpuset_format(&set, text, strlen(whole) + 1), whole);
    CU_ASSERT_STRING_EQUAL(rp__cpuset_format(&set, text, strlen(whole)), "0-3,8,...");
    CU_ASSERT_STRING_EQUAL(rp__cpuset_format(&set, text, 8), "0-3,...");
    CU_ASSERT_STRING_EQUAL(rp__cpuset_format(&set, text, 7), "...");
    CU_ASSERT_STRING_EQUAL(rp__cpuset_format(&set, text, 5), "...");
    CU_ASSERT_STRING_EQUAL(rp__cpuset_format(&set, text, 3), "..");
    CU_ASSERT_STRING_EQUAL(rp__cpuset_format(&set, text, 1), "");
    text[0] = 'x';
    CU_ASSERT_PTR_EQUAL(rp__cpuset_format(&set, text, 0), text);
    CU_ASSERT_EQUAL(text[0], 'x');
}

static void text_stays_inside_every_size(void) {
    const struct rp__cpuset set = SET(0, 2, 4, 6, 8, 10, 12, 2000, 2001);
    for (size_t size = 0; size <= 40; size++) {
        char text[48];
        memset(text, '#', sizeof text);
        rp__cpuset_format(&set, text, size);
        CU_ASSERT(size == 0 || strlen(text) < size);
        CU_ASSERT_EQUAL(text[size], '#');
    }
}

static void a_thread_reads_back_the_binding_it_was_given(void) {
    struct rp__cpuset before, one = {0}, now;
    CU_ASSERT_EQUAL_FATAL(rp__cpuset_of_process(0, &before), 0);
    CU_ASSERT_FALSE(rp__cpuset_is_empty(&before));
    rp__cpuset_add(&one, rp__cpuset_next(&before, 0));
    CU_ASSERT_EQUAL(rp__cpuset_bind_self(&one), 0);
    CU_ASSERT_EQUAL(rp__cpuset_of_process(0, &now), 0);
    CU_ASSERT(rp__cpuset_equal(&now, &one));
    CU_ASSERT_EQUAL(rp__cpuset_bind_self(&before), 0);
    CU_ASSERT_EQUAL(rp__cpuset_of_process(0, &now), 0);
    CU_ASSERT(rp__cpuset_equal(&now, &before));
}

static void an_empty_set_leaves_the_binding_alone(void) {
    struct rp__cpuset before, now;
    CU_ASSERT_EQUAL_FATAL(rp__cpuset_of_process(0, &before), 0);
    CU_ASSERT_EQUAL(rp__cpuset_bind_self(&(struct rp__cpuset){0}), 0);
    CU_ASSERT_EQUAL(rp__cpuset_of_process(0, &now), 0);
    CU_ASSERT(rp__cpuset_equal(&now, &before));
}

static void a_cpu_that_the_machine_has_not_is_refused(void) {
    struct rp__cpuset before, now;
    CU_ASSERT_EQUAL_FATAL(rp__cpuset_of_process(0, &before), 0);
    if (rp__cpuset_has(&before, RP__CPU_MAX - 1)) return; /* 2048 CPUs: none is missing */
    CU_ASSERT_EQUAL(rp__cpuset_bind_self(AT(RP__CPU_MAX - 1)), RP_ESYSTEM);
    CU_ASSERT_EQUAL(rp__cpuset_of_process(0, &now), 0);
    CU_ASSERT(rp__cpuset_equal(&now, &before));
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(a_new_set_is_empty),
        UNIT(a_set_has_what_was_added_and_nothing_else),
        UNIT(cpus_beyond_the_end_are_never_in_a_set),
        UNIT(next_visits_every_cpu_once_in_order),
        UNIT(sets_are_equal_or_overlap_by_what_they_hold),
        UNIT(text_shows_runs_and_single_cpus),
        UNIT(text_that_does_not_fit_is_cut_between_runs),
        UNIT(text_stays_inside_every_size),
        UNIT(a_thread_reads_back_the_binding_it_was_given),
        UNIT(an_empty_set_leaves_the_binding_alone),
        UNIT(a_cpu_that_the_machine_has_not_is_refused),
        {NULL, NULL},
    };
    return unit_run("cpuset", tests);
}
