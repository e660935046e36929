/* What a job is asked to do for so many times the work. */
#include "scale.h"
#include "unit.h"

#include <string.h>

/* A job of this kind, with these arguments, for `times` the work: what is expected. */
static void grows(enum rp_job_size size, const char *const *given, uint32_t times, const char *const *expected) {
    const rp_job job = {.name = "job", .arguments = "", .size = size};
    struct scale scale = {.job = &job, .argv = given};
    while (given[scale.argc]) scale.argc++;
    int argc = 0, count = 0;
    const char **argv = scale_arguments(&scale, times, &argc);
    CU_ASSERT_PTR_NOT_NULL_FATAL(argv);
    for (; expected[count]; count++) CU_ASSERT_TRUE(count < argc && !strcmp(argv[count], expected[count]));
    CU_ASSERT_EQUAL(argc, count);
    free(argv);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void a_range_moves_its_end_and_keeps_its_beginning(void) {
    grows(RP_SIZE_RANGE, LIST("1e3"), 4, LIST("4000"));
    grows(RP_SIZE_RANGE, LIST("100", "200"), 3, LIST("100", "400"));
    grows(RP_SIZE_RANGE, LIST("2^63", "2^63"), 1, LIST("2^63", "2^63"));
}

static void a_range_whose_last_number_counts_has_so_many_times_its_numbers(void) {
    grows(RP_SIZE_INCLUSIVE_RANGE, LIST("1", "100"), 4, LIST("1", "400"));
    grows(RP_SIZE_INCLUSIVE_RANGE, LIST("5", "5"), 3, LIST("5", "7"));
    grows(RP_SIZE_INCLUSIVE_RANGE, LIST("-3", "3"), 1, LIST("-3", "3"));
}

static void tasks_are_given_again(void) {
    grows(RP_SIZE_TASKS, LIST("7", "11"), 3, LIST("7", "11", "7", "11", "7", "11"));
    grows(RP_SIZE_TASKS, LIST("7", "11"), 1, LIST("7", "11"));
}

static void a_first_argument_that_is_no_task_is_given_once(void) {
    grows(RP_SIZE_LATER_TASKS, LIST("3", "7", "11"), 2, LIST("3", "7", "11", "7", "11"));
    grows(RP_SIZE_LATER_TASKS, LIST("3", "7"), 4, LIST("3", "7", "7", "7", "7"));
}

/* Is it refused, in words with this in them? */
static bool is_refused(enum rp_job_size size, const char *const *given, const char *words) {
    const rp_job job = {.name = "job", .arguments = "FIRST LAST", .size = size};
    struct scale scale = {.job = &job, .argv = given};
    rp_job_run run = {.job = &job};
    while (given[scale.argc]) scale.argc++;
    return scale_weak_check(&run, &scale) == RP_EUSAGE && strstr(run.message, words);
}

static void what_cannot_grow_is_refused(void) {
    CU_ASSERT_TRUE(is_refused(RP_SIZE_FIXED, LIST("1"), "leave it out"));
    CU_ASSERT_TRUE(is_refused(RP_SIZE_RANGE, LIST("7", "7"), "empty range"));
    CU_ASSERT_TRUE(is_refused(RP_SIZE_INCLUSIVE_RANGE, LIST("-3", "3"), "plain numbers"));
    CU_ASSERT_TRUE(is_refused(RP_SIZE_INCLUSIVE_RANGE, LIST("8", "7"), "FIRST LAST"));
    CU_ASSERT_TRUE(is_refused(RP_SIZE_TASKS, (const char *const[]){NULL}, "in a file"));
    CU_ASSERT_TRUE(is_refused(RP_SIZE_LATER_TASKS, LIST("3"), "as arguments"));
    CU_ASSERT_FALSE(is_refused(RP_SIZE_INCLUSIVE_RANGE, LIST("7", "7"), ""));
    CU_ASSERT_FALSE(is_refused(RP_SIZE_LATER_TASKS, LIST("3", "7"), ""));
}

static void a_range_that_would_pass_2_to_the_64_names_the_workers(void) {
    const rp_job job = {.name = "job", .arguments = "FIRST LAST", .size = RP_SIZE_RANGE};
    struct scale_layout layout[] = {{.workers = 1}, {.workers = 2}, {.workers = 4}};
    struct scale scale = {.job = &job, .argv = LIST("2^62"), .argc = 1, .layout = layout, .layouts = 2};
    CU_ASSERT_EQUAL(scale_weak_beyond(&scale), 0);
    scale.layouts = 3;
    CU_ASSERT_EQUAL(scale_weak_beyond(&scale), 4);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(a_range_moves_its_end_and_keeps_its_beginning),
                                             UNIT(a_range_whose_last_number_counts_has_so_many_times_its_numbers),
                                             UNIT(tasks_are_given_again),
                                             UNIT(a_first_argument_that_is_no_task_is_given_once),
                                             UNIT(what_cannot_grow_is_refused),
                                             UNIT(a_range_that_would_pass_2_to_the_64_names_the_workers),
                                             {NULL, NULL}};
    return unit_run("scale_weak", tests);
}
