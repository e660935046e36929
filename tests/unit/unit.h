/* A unit test program is a table of claims, run by CUnit:
 *
 *     static void set_merges_neighbours(void) { CU_ASSERT(...); }
 *
 *     int main(void) {
 *         static const struct unit_test tests[] = {UNIT(set_merges_neighbours), {NULL, NULL}};
 *         return unit_run("interval", tests);
 *     }
 *
 * The exit code follows the failures that CUnit counted: CU_get_error() stays 0 when an assertion fails. */
#ifndef RP_TESTS_UNIT_H
#define RP_TESTS_UNIT_H

#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct unit_test {
    const char *name;
    CU_TestFunc run;
};

#define UNIT(claim)                                                                                                    \
    { #claim, claim }

/* Runs the tests up to the entry without a name. Returns the exit code for main. */
static inline int unit_run(const char *area, const struct unit_test *tests) {
    CU_pSuite suite = CU_initialize_registry() == CUE_SUCCESS ? CU_add_suite(area, NULL, NULL) : NULL;
    bool complete = suite != NULL;
    for (; complete && tests->name; tests++) complete = CU_add_test(suite, tests->name, tests->run) != NULL;
    if (!complete) {
        fprintf(stderr, "%s: CUnit: %s\n", area, CU_get_error_msg());
        return 1;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    bool good = CU_get_number_of_tests_run() > 0 && CU_get_number_of_failures() == 0;
    CU_cleanup_registry();
    return good ? 0 : 1;
}

/* For files that tasks share with main: on several hosts TMPDIR must be one that all of them have. */
static inline const char *unit_folder(void) {
    const char *folder = getenv("TMPDIR");
    return folder && folder[0] ? folder : "/tmp";
}

#endif
