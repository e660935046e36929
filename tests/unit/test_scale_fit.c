/* The fits return the parameters of the laws that made a table, and of tables that no law made what is true of them. */
#include "random.h"
#include "scale_fit.h"

#include <math.h>

enum { POINTS = 9 }; /* 1, 2, 4, ... 256 workers */

static bool is_near(double a, double b, double most) { return fabs(a - b) <= most; }

/* Evenly in [-1, 1]. */
static double noise(uint64_t *state) { return (double)(random_next(state) >> 11) / (double)(1ull << 52) - 1; }

static void amdahl_table(struct scale_point *point, double serial) {
    for (int i = 0; i < POINTS; i++) {
        const double workers = ldexp(1, i);
        point[i] =
            (struct scale_point){workers, scale_amdahl_speedup(&(struct scale_amdahl){.serial = serial}, workers)};
    }
}

static void usl_table(struct scale_point *point, double contention, double coherency) {
    const struct scale_usl law = {.contention = contention, .coherency = coherency};
    for (int i = 0; i < POINTS; i++) {
        const double workers = ldexp(1, i);
        point[i] = (struct scale_point){workers, scale_usl_speedup(&law, workers)};
    }
}

static void the_laws_are_what_their_authors_wrote(void) {
    CU_ASSERT_TRUE(is_near(scale_amdahl_speedup(&(struct scale_amdahl){.serial = 0.05}, 20), 20 / 1.95, 1e-12));
    CU_ASSERT_TRUE(is_near(scale_usl_speedup(&(struct scale_usl){.contention = 0.1, .coherency = 0.01}, 10),
                           10 / (1 + 0.9 + 0.9), 1e-12));
    CU_ASSERT_TRUE(is_near(scale_usl_peak(&(struct scale_usl){.contention = 0.19, .coherency = 0.0001}), 90, 1e-9));
    CU_ASSERT_TRUE(isinf(scale_usl_peak(&(struct scale_usl){.contention = 0.1})));
    CU_ASSERT_EQUAL(scale_usl_peak(&(struct scale_usl){.contention = 1.5, .coherency = 0.1}), 1);
}

static void exact_tables_of_amdahls_law_give_its_fraction(void) {
    static const double serial[] = {0, 1e-6, 0.001, 0.02, 0.1, 0.5, 0.9, 1};
    for (size_t i = 0; i < sizeof serial / sizeof *serial; i++) {
        struct scale_point point[POINTS];
        struct scale_amdahl law;
        amdahl_table(point, serial[i]);
        CU_ASSERT_TRUE_FATAL(scale_fit_amdahl(point, POINTS, &law));
        CU_ASSERT_TRUE(is_near(law.serial, serial[i], 1e-9 + 1e-7 * serial[i]));
        CU_ASSERT_TRUE(law.residual < 1e-4);
    }
}

static void exact_tables_of_the_universal_law_give_its_parameters(void) {
    static const double contention[] = {0, 0.001, 0.02, 0.3}, coherency[] = {0, 1e-6, 1e-4, 0.01};
    for (size_t i = 0; i < sizeof contention / sizeof *contention; i++) {
        for (size_t k = 0; k < sizeof coherency / sizeof *coherency; k++) {
            struct scale_point point[POINTS];
            struct scale_usl law;
            usl_table(point, contention[i], coherency[k]);
            CU_ASSERT_TRUE_FATAL(scale_fit_usl(point, POINTS, &law));
            CU_ASSERT_TRUE(is_near(law.contention, contention[i], 1e-9));
            CU_ASSERT_TRUE(is_near(law.coherency, coherency[k], 1e-9));
            CU_ASSERT_TRUE(law.residual < 1e-6);
        }
    }
}

/* 3 % of noise either way. */
static bool noise_moves_the_parameters_little_once(uint64_t seed) {
    uint64_t state = seed;
    struct scale_point point[POINTS];
    struct scale_amdahl amdahl;
    struct scale_usl usl;
    amdahl_table(point, 0.02);
    for (int i = 1; i < POINTS; i++) point[i].speedup *= 1 + 0.03 * noise(&state);
    REQUIRE(scale_fit_amdahl(point, POINTS, &amdahl));
    REQUIRE(is_near(amdahl.serial, 0.02, 0.002));
    usl_table(point, 0.02, 1e-4);
    for (int i = 1; i < POINTS; i++) point[i].speedup *= 1 + 0.03 * noise(&state);
    REQUIRE(scale_fit_usl(point, POINTS, &usl));
    REQUIRE(is_near(usl.contention, 0.02, 0.01));
    REQUIRE(is_near(usl.coherency, 1e-4, 0.3e-4));
    REQUIRE(is_near(scale_usl_peak(&usl), 99, 15));
    return true;
}
static void noise_moves_the_parameters_little(void) { run_seeds(500, noise_moves_the_parameters_little_once); }

/* No parameters near those that were found, and allowed, are better. */
static bool no_neighbour_fits_better_once(uint64_t seed) {
    uint64_t state = seed;
    struct scale_point point[POINTS];
    struct scale_usl law;
    usl_table(point, 0.05 * fabs(noise(&state)), 3e-4 * fabs(noise(&state)));
    for (int i = 0; i < POINTS; i++) point[i].speedup *= 1 + 0.3 * noise(&state);
    REQUIRE(scale_fit_usl(point, POINTS, &law));
    REQUIRE(law.contention >= 0 && law.coherency >= 0);
    for (int i = 0; i < 100; i++) {
        const struct scale_usl near = {.contention = fmax(0, law.contention + 1e-3 * noise(&state)),
                                       .coherency = fmax(0, law.coherency + 1e-5 * noise(&state))};
        double sum = 0;
        for (int k = 0; k < POINTS; k++) sum += pow(scale_usl_speedup(&near, point[k].workers) - point[k].speedup, 2);
        REQUIRE(sqrt(sum / POINTS) >= law.residual * (1 - 1e-6));
    }
    return true;
}
static void no_neighbour_fits_better(void) { run_seeds(200, no_neighbour_fits_better_once); }

static void too_few_points_are_not_fitted(void) {
    struct scale_point point[POINTS];
    struct scale_amdahl amdahl;
    struct scale_usl usl;
    usl_table(point, 0.1, 0.001);
    CU_ASSERT_FALSE(scale_fit_amdahl(point, SCALE_AMDAHL_LEAST - 1, &amdahl));
    CU_ASSERT_TRUE(scale_fit_amdahl(point, SCALE_AMDAHL_LEAST, &amdahl));
    CU_ASSERT_FALSE(scale_fit_usl(point, SCALE_USL_LEAST - 1, &usl));
    CU_ASSERT_TRUE(scale_fit_usl(point, SCALE_USL_LEAST, &usl));
    for (int i = 0; i < POINTS; i++) point[i] = point[i % 2]; /* many points, of two numbers of workers */
    CU_ASSERT_FALSE(scale_fit_amdahl(point, POINTS, &amdahl));
    CU_ASSERT_FALSE(scale_fit_usl(point, POINTS, &usl));
}

static void more_than_linear_speed_up_is_fitted_by_no_losses(void) {
    struct scale_point point[POINTS];
    struct scale_amdahl amdahl;
    struct scale_usl usl;
    for (int i = 0; i < POINTS; i++) point[i] = (struct scale_point){ldexp(1, i), i ? 1.1 * ldexp(1, i) : 1};
    CU_ASSERT_TRUE_FATAL(scale_fit_amdahl(point, POINTS, &amdahl));
    CU_ASSERT_TRUE_FATAL(scale_fit_usl(point, POINTS, &usl));
    CU_ASSERT_EQUAL(amdahl.serial, 0);
    CU_ASSERT_EQUAL(usl.contention, 0);
    CU_ASSERT_EQUAL(usl.coherency, 0);
}

static void karp_and_flatts_fraction_is_amdahls_of_one_point(void) {
    struct scale_point point[POINTS];
    amdahl_table(point, 0.07);
    CU_ASSERT_TRUE(isnan(scale_karp_flatt(&point[0])));
    for (int i = 1; i < POINTS; i++) CU_ASSERT_TRUE(is_near(scale_karp_flatt(&point[i]), 0.07, 1e-12));
}

static void steps_stop_paying_where_they_add_less_than_was_asked(void) {
    static const struct scale_point point[] = {{1, 1}, {2, 1.9}, {4, 3.4}, {8, 5.2}, {16, 4.9}};
    CU_ASSERT_EQUAL(scale_stops_paying(point, 5, 0.5), 3);
    CU_ASSERT_EQUAL(scale_stops_paying(point, 3, 0.5), 3);
    CU_ASSERT_EQUAL(scale_stops_paying(point, 5, 0.8), 2);
    CU_ASSERT_EQUAL(scale_stops_paying(point, 5, 0), 4);
    CU_ASSERT_EQUAL(scale_stops_paying(point, 0, 0.5), 0);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(the_laws_are_what_their_authors_wrote),
                                             UNIT(exact_tables_of_amdahls_law_give_its_fraction),
                                             UNIT(exact_tables_of_the_universal_law_give_its_parameters),
                                             UNIT(noise_moves_the_parameters_little),
                                             UNIT(no_neighbour_fits_better),
                                             UNIT(too_few_points_are_not_fitted),
                                             UNIT(more_than_linear_speed_up_is_fitted_by_no_losses),
                                             UNIT(karp_and_flatts_fraction_is_amdahls_of_one_point),
                                             UNIT(steps_stop_paying_where_they_add_less_than_was_asked),
                                             {NULL, NULL}};
    return unit_run("scale_fit", tests);
}
