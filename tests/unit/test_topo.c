/* What is known of a machine, on machines that hwloc makes up: its cores and CPUs, where a binding lies, and the same
 * machine on another rank. The plans on it are in test_topo_plan.c. */
#include "topo_machines.h"

#include <string.h>

static bool set_is(const struct rp__cpuset *set, const char *expected) {
    const struct rp__cpuset other = cpus(expected);
    return rp__cpuset_equal(set, &other);
}

static bool allowed_is(const struct rp__topo *topo, const char *expected) {
    struct rp__cpuset allowed;
    rp__topo_allowed(topo, &allowed);
    return set_is(&allowed, expected);
}

static unsigned cores_in(const struct rp__topo *topo, const char *text) {
    const struct rp__cpuset set = cpus(text);
    return rp__topo_cores(topo, &set);
}

static void cores_are_counted_once_for_all_their_pus(void) {
    struct rp__topo *topo = machine("package:2 core:4 pu:2", NULL);
    CU_ASSERT(allowed_is(topo, "0-15"));
    CU_ASSERT_EQUAL(cores_in(topo, "0-15"), 8);
    CU_ASSERT_EQUAL(cores_in(topo, "0,1"), 1);
    CU_ASSERT_EQUAL(cores_in(topo, "1,2"), 2);
    CU_ASSERT_EQUAL(cores_in(topo, "15,99"), 1);
    CU_ASSERT_EQUAL(cores_in(topo, ""), 0);
    rp__topo_free(topo);
}

/* Enough of a rp_where to compare in one line. */
static bool where_is(const struct rp__topo *topo, const char *text, int package, int numa, int core, int pu) {
    const struct rp__cpuset binding = cpus(text);
    rp_where where = {.worker = 7, .rank = 3, .package = 99, .numa = 99, .core = 99, .pu = 99, .bound = core < 0};
    rp__topo_where(topo, &binding, &where);
    CU_ASSERT(where.worker == 7 && where.rank == 3);
    CU_ASSERT_EQUAL(where.bound, core >= 0);
    return where.package == package && where.numa == numa && where.core == core && where.pu == pu;
}

/* "cpu:package/numa/core", and - if it is not allowed. */
static bool pus_are(const struct rp__topo *topo, const char *allowed, const char *expected) {
    const struct rp__cpuset set = cpus(allowed);
    rp_pu pus[8];
    char text[256] = "";
    const size_t count = rp__topo_pus(topo, &set, pus, 8);
    for (size_t i = 0, at = 0; i < count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%d:%d/%d/%d%s", i ? " " : "", pus[i].cpu, pus[i].package,
                               pus[i].numa, pus[i].core, pus[i].allowed ? "" : "-");
    return !strcmp(text, expected);
}

static void pus_come_core_by_core_with_all_that_they_are_in(void) {
    struct rp__topo *topo = machine("package:2 numa:1 core:1 pu:2", NULL);
    CU_ASSERT(pus_are(topo, "0-2", "0:0/0/0 1:0/0/0 2:1/1/1 3:1/1/1-"));
    rp__topo_free(topo);
    topo = machine("pu:2", NULL);
    CU_ASSERT(pus_are(topo, "", "0:-1/0/-1- 1:-1/0/-1-"));
    rp__topo_free(topo);
    topo = machine("core:16 pu:1", NULL);
    const struct rp__cpuset none = {0};
    rp_pu few[3];
    CU_ASSERT_EQUAL(rp__topo_pus(topo, &none, few, 3), 3);
    CU_ASSERT_EQUAL(few[2].core, 2);
    rp__topo_free(topo);
}

static void where_names_what_a_binding_lies_inside_of(void) {
    struct rp__topo *topo = machine("package:2 numa:2 core:2 pu:2", NULL);
    CU_ASSERT(where_is(topo, "5", 0, 1, 2, 5));
    CU_ASSERT(where_is(topo, "4-5", 0, 1, 2, -1));
    CU_ASSERT(where_is(topo, "8-11", 1, 2, -1, -1));
    CU_ASSERT(where_is(topo, "3-4", 0, -1, -1, -1));
    CU_ASSERT(where_is(topo, "7-8", -1, -1, -1, -1));
    CU_ASSERT(where_is(topo, "", -1, -1, -1, -1));
    CU_ASSERT(where_is(topo, "15,16", -1, -1, -1, -1));
    rp__topo_free(topo);
}

static void a_machine_without_cores_counts_its_pus(void) {
    struct rp__topo *topo = machine("pu:4", NULL);
    CU_ASSERT_EQUAL(cores_in(topo, "0-3"), 4);
    const struct rp__cpuset one = cpus("2");
    rp_where where = {0};
    rp__topo_where(topo, &one, &where);
    CU_ASSERT(where.package == -1 && where.core == -1 && where.pu == 2 && where.bound);
    rp__topo_free(topo);
}

static void indices_do_not_depend_on_what_is_allowed(void) {
    struct rp__topo *whole = machine("package:2 core:4 pu:2", NULL);
    struct rp__topo *part = machine("package:2 core:4 pu:2", "6-7,10,14-15,99");
    CU_ASSERT(allowed_is(part, "6-7,10,14-15"));
    CU_ASSERT(where_is(whole, "10", 1, 0, 5, 10));
    CU_ASSERT(where_is(part, "10", 1, 0, 5, 10));
    CU_ASSERT(where_is(part, "0", 0, 0, 0, 0));
    rp__topo_free(whole);
    rp__topo_free(part);
}

static bool siblings_are(const struct rp__topo *topo, const char *text, const char *expected) {
    const struct rp__cpuset set = cpus(text);
    struct rp__cpuset siblings = cpus("77");
    rp__topo_siblings(topo, &set, &siblings);
    return set_is(&siblings, expected);
}

static void siblings_are_the_allowed_rest_of_one_core(void) {
    struct rp__topo *topo = machine("package:1 core:3 pu:4", "0-8");
    CU_ASSERT(siblings_are(topo, "1", "0,2-3"));
    CU_ASSERT(siblings_are(topo, "0-1", "2-3"));
    CU_ASSERT(siblings_are(topo, "0-3", ""));
    CU_ASSERT(siblings_are(topo, "8", ""));
    CU_ASSERT(siblings_are(topo, "9", "8"));
    CU_ASSERT(siblings_are(topo, "3-4", ""));
    CU_ASSERT(siblings_are(topo, "", ""));
    rp__topo_free(topo);
}

static void an_import_equals_what_was_exported(void) {
    struct rp__topo *topo = machine("package:2 core:3 pu:2", "2-4,9");
    struct rp__topo *copy = NULL;
    char *xml = NULL;
    size_t size = 0;
    rp_error error = {0};
    CU_ASSERT_EQUAL_FATAL(rp__topo_export(topo, &xml, &size, &error), 0);
    CU_ASSERT_EQUAL(size, strlen(xml) + 1);
    rp__topo_free(topo);
    CU_ASSERT_EQUAL_FATAL(rp__topo_import(&copy, xml, size, &error), 0);
    free(xml);
    CU_ASSERT(allowed_is(copy, "2-4,9"));
    CU_ASSERT_EQUAL(cores_in(copy, "0-11"), 6);
    CU_ASSERT(where_is(copy, "11", 1, 0, 5, 11));
    CU_ASSERT(siblings_are(copy, "3", "2"));
    CU_ASSERT(siblings_are(copy, "9", ""));
    rp__topo_free(copy);
}

static void bytes_that_are_no_topology_are_refused(void) {
    static const char *const bad[] = {"", "no xml", "<?xml version=\"1.0\"?>\n<topology version=\"2.0\">\n<object"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rp__topo *topo = NULL;
        rp_error error = {0};
        CU_ASSERT_EQUAL(rp__topo_import(&topo, bad[i], strlen(bad[i]) + 1, &error), RP_EPROTOCOL);
        CU_ASSERT_EQUAL(error.code, RP_EPROTOCOL);
        CU_ASSERT_PTR_NULL(topo);
    }
    struct rp__topo *topo = NULL;
    CU_ASSERT_EQUAL(rp__topo_import(&topo, "<topology>", 10, NULL), RP_EPROTOCOL); /* its 0 is missing */
    CU_ASSERT_EQUAL(rp__topo_import(&topo, "", 0, NULL), RP_EPROTOCOL);
    CU_ASSERT_PTR_NULL(topo);
}

static void a_description_that_makes_no_sense_is_shown(void) {
    struct rp__topo *topo = NULL;
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp__topo_synthetic(&topo, "two cores", NULL, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "\"two cores\""));
    const struct rp__cpuset nowhere = cpus("8-9");
    CU_ASSERT_EQUAL(rp__topo_synthetic(&topo, "core:4 pu:1", &nowhere, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "\"8-9\""));
    CU_ASSERT_PTR_NULL(topo);
}

static void this_machine_allows_what_this_thread_is_bound_to(void) {
    struct rp__topo *topo = NULL;
    rp_error error = {0};
    struct rp__cpuset own, allowed, later;
    CU_ASSERT_EQUAL_FATAL(rp__cpuset_of_process(0, &own), 0);
    CU_ASSERT_EQUAL_FATAL(rp__topo_load(&topo, &error), 0);
    CU_ASSERT_EQUAL_FATAL(rp__cpuset_of_process(0, &later), 0);
    CU_ASSERT(rp__cpuset_equal(&own, &later));
    rp__topo_allowed(topo, &allowed);
    CU_ASSERT(is_part_of(&own, &allowed));
    CU_ASSERT(rp__topo_cores(topo, &own) >= 1);
    rp__topo_free(topo);
    rp__topo_free(NULL);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(cores_are_counted_once_for_all_their_pus),
                                             UNIT(pus_come_core_by_core_with_all_that_they_are_in),
                                             UNIT(where_names_what_a_binding_lies_inside_of),
                                             UNIT(a_machine_without_cores_counts_its_pus),
                                             UNIT(indices_do_not_depend_on_what_is_allowed),
                                             UNIT(siblings_are_the_allowed_rest_of_one_core),
                                             UNIT(an_import_equals_what_was_exported),
                                             UNIT(bytes_that_are_no_topology_are_refused),
                                             UNIT(a_description_that_makes_no_sense_is_shown),
                                             UNIT(this_machine_allows_what_this_thread_is_bound_to),
                                             {NULL, NULL}};
    return unit_run("topo", tests);
}
