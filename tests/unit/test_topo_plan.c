/* Who computes where, on machines that hwloc makes up.
 *
 * A plan is written as its workers' bindings: blanks between the workers of a rank, " / " between ranks, "-" for a
 * worker that is not bound. */
#include "topo_machines.h"

#include <string.h>

enum { RANKS = 8 };

struct example {
    const char *machine;
    const char *allowed;         /* NULL: all */
    const char *bindings[RANKS]; /* of the ranks, up to one that is NULL */
    uint32_t workers[RANKS];
    uint32_t given;
    struct rp__topo_wish wish;
    const char *places;
    const char *note; /* NULL: there must be none */
};

static size_t write_places(const struct rp__topo_plan *plan, char *text, size_t size) {
    size_t used = 0;
    uint32_t worker = 0;
    for (uint32_t rank = 0; rank < plan->ranks; rank++) {
        CU_ASSERT_EQUAL(plan->first[rank], worker);
        for (uint32_t i = 0; i < plan->workers[rank]; i++, worker++) {
            char set[64];
            rp__cpuset_format(&plan->binding[worker], set, sizeof set);
            const char *before = i > 0 ? " " : rank > 0 ? " / " : "";
            used += (size_t)snprintf(text + used, size - used, "%s%s", before, *set ? set : "-");
        }
    }
    return used;
}

static void plan_is(const struct example *example) {
    struct rp__topo *topo = machine(example->machine, example->allowed);
    struct rp__topo_rank ranks[RANKS];
    uint32_t count = 0;
    for (; count < RANKS && example->bindings[count]; count++) {
        ranks[count] = (struct rp__topo_rank){
            .binding = cpus(example->bindings[count]), .workers = example->workers[count], .given = example->given};
    }
    struct rp__topo_plan plan = {0};
    CU_ASSERT_EQUAL_FATAL(rp__topo_plan(topo, ranks, count, &example->wish, &plan), 0);
    CU_ASSERT_EQUAL(plan.ranks, count);
    char places[512] = "";
    CU_ASSERT(write_places(&plan, places, sizeof places) < sizeof places);
    const char *note = plan.notes > 0 ? plan.note[0] : "";
    const char *expected_note = example->note ? example->note : "";
    const bool same = strcmp(places, example->places) == 0 && strcmp(note, expected_note) == 0 && plan.notes <= 1;
    if (!same) {
        fprintf(stderr, "\n    %s\n    expected %s   \"%s\"\n    but got  %s   \"%s\" (%zu notes)\n", example->machine,
                example->places, expected_note, places, note, plan.notes);
    }
    CU_ASSERT(same);
    rp__topo_plan_free(&plan);
    rp__topo_free(topo);
}

#define PLAN(...) plan_is(&(const struct example){__VA_ARGS__})

#define TWO_PACKAGES "package:2 core:4 pu:1"
#define SMT          "package:2 core:2 pu:2"
#define SEVEN        "package:1 core:7 pu:1"
#define ALL          RP_CREW_CORES

static void a_bare_pool_takes_every_core_of_its_binding(void) {
    PLAN(.machine = SMT, .bindings = {"0-7"}, .places = "0-1 2-3 4-5 6-7");
    PLAN(.machine = SMT, .bindings = {""}, .places = "0-1 2-3 4-5 6-7");
    PLAN(.machine = SMT, .bindings = {"2-5"}, .places = "2-3 4-5");
    PLAN(.machine = SMT, .bindings = {"1,4"}, .places = "1 4");
    PLAN(.machine = SEVEN, .bindings = {"0-6"}, .places = "0 1 2 3 4 5 6");
    PLAN(.machine = "pu:3", .bindings = {"0-2"}, .places = "0 1 2");
}

static void a_bare_pool_that_leaves_cores_over_is_not_pinned_unless_asked(void) {
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .workers = {3}, .places = "- - -");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .workers = {3}, .wish = {.bind_asked = true}, .places = "0 1 2");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .wish = {.quota = 2}, .places = "- -");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-2"}, .workers = {3}, .places = "0 1 2");
}

static void holes_in_the_allowed_set_are_left_out(void) {
    PLAN(.machine = SMT, .allowed = "0,3-4,7", .bindings = {"0-7"}, .places = "0 3 4 7");
    PLAN(.machine = SMT, .allowed = "0-1,6-7", .bindings = {"0-7"}, .places = "0-1 6-7");
    PLAN(.machine = SMT, .allowed = "0-1,6-7", .bindings = {"0-7", "0-7"}, .wish = {.launched = true},
         .places = "0-1 / 6-7");
}

static void a_rank_of_another_cgroup_keeps_its_own_binding(void) {
    PLAN(.machine = SMT, .allowed = "0-3", .bindings = {"0-1", "6-7"}, .wish = {.launched = true},
         .places = "0-1 / 6-7");
    PLAN(.machine = SMT, .allowed = "0-3", .bindings = {"0-1", "100-101"}, .wish = {.launched = true},
         .places = "0-1 / 2-3");
}

static void a_launched_rank_has_one_worker(void) {
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7", "0-7", "0-7"}, .wish = {.launched = true}, .places = "0 / 1 / 2");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7", "0-7", "0-7", "0-7", "0-7"}, .wish = {.launched = true},
         .places = "0 / 1 / 2 / 3 / 4");
}

static void disjoint_single_cores_are_kept(void) {
    PLAN(.machine = TWO_PACKAGES, .bindings = {"5", "0", "3"}, .wish = {.launched = true}, .places = "5 / 0 / 3");
    PLAN(.machine = SMT, .bindings = {"4-5", "0-1"}, .wish = {.launched = true}, .places = "4-5 / 0-1");
}

static void disjoint_hardware_threads_of_one_core_are_kept(void) {
    PLAN(.machine = "core:1 pu:2", .bindings = {"1", "0"}, .wish = {.launched = true}, .places = "1 / 0");
}

static void overlapping_bindings_are_dealt_out(void) {
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0", "0", "0-1", "0-2"}, .wish = {.launched = true},
         .places = "- / - / - / -",
         .note = "4 workers share the 3 cores that they were started on, of 8 allowed, so "
                 "none is pinned: mpirun --bind-to none, or srun --cpus-per-task, gives "
                 "them more");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0", "0", "0-2"}, .wish = {.launched = true}, .places = "0 / 2 / 1");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-3", "2-5"}, .workers = {3, 3}, .wish = {.launched = true},
         .places = "0 1 2 / 3 4 5");
}

static void ranks_that_share_a_package_stay_on_it(void) {
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-3", "4-7", "0-3", "4-7"}, .wish = {.launched = true},
         .places = "0 / 4 / 1 / 5");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7", "0"}, .wish = {.launched = true}, .places = "1 / 0");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7", "0-3", "0-1"}, .workers = {4, 2, 2}, .wish = {.launched = true},
         .places = "4 5 6 7 / 2 3 / 0 1");
}

static void crews_larger_than_their_own_binding_take_what_is_left(void) {
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0", "1-3"}, .workers = {2, 2}, .wish = {.launched = true},
         .places = "0 3 / 1 2");
}

static void a_rank_that_was_given_cores_makes_a_crew_of_them(void) {
    PLAN(.machine = SMT, .bindings = {"0-3", "4-7"}, .given = 2, .wish = {.launched = true},
         .places = "0-1 2-3 / 4-5 6-7");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7", "0-7"}, .given = 2, .wish = {.launched = true},
         .places = "0 1 / 2 3");
}

static void cores_given_in_hardware_threads_make_a_worker_a_core(void) {
    PLAN(.machine = SMT, .bindings = {"0-3", "4-7"}, .given = 4, .wish = {.launched = true},
         .places = "0-1 2-3 / 4-5 6-7");
}

static void a_rank_that_leaves_its_own_cores_idle_is_noted(void) {
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-3"}, .wish = {.launched = true}, .places = "0",
         .note = "1 rank was given 4 cores and uses 1: --crew=cores uses all");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-2", "3-6", "7"}, .wish = {.launched = true}, .places = "0 / 3 / 7",
         .note = "2 ranks were given 7 cores and use 2: --crew=cores uses all");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-3"}, .workers = {1}, .wish = {.launched = true}, .places = "0");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-3"}, .wish = {.launched = true, .quota = 1}, .places = "0");
}

static void crews_of_all_cores_share_them_unevenly_when_they_must(void) {
    PLAN(.machine = SEVEN, .bindings = {"0-6", "0-6"}, .workers = {ALL, ALL}, .wish = {.launched = true},
         .places = "0 1 2 3 / 4 5 6");
    PLAN(.machine = SEVEN, .bindings = {"0-6", "0-6", "0-6"}, .workers = {ALL, ALL, ALL}, .wish = {.launched = true},
         .places = "0 1 2 / 3 4 / 5 6");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-5", "6-7"}, .workers = {ALL, ALL}, .wish = {.launched = true},
         .places = "0 1 2 3 4 5 / 6 7");
    PLAN(.machine = SMT, .bindings = {"0-7"}, .workers = {ALL}, .wish = {.launched = true},
         .places = "0-1 2-3 4-5 6-7");
}

static void a_crew_of_all_cores_that_the_launcher_kept_narrow_is_noted(void) {
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0"}, .workers = {ALL}, .wish = {.launched = true}, .places = "0",
         .note = "--crew=cores takes the 1 core that the launcher bound the ranks to, of 8 allowed: mpirun --bind-to "
                 "none, or srun --cpus-per-task, gives it more");
}

static void more_workers_than_cores_are_not_bound_and_noted_once(void) {
    PLAN(.machine = "core:2 pu:1", .bindings = {"0-1", "0-1", "0-1"}, .wish = {.launched = true}, .places = "- / - / -",
         .note = "3 workers share 2 cores, so none is pinned");
    PLAN(.machine = "core:2 pu:1", .bindings = {"0-1", "0-1", "0-1"}, .workers = {ALL, ALL, ALL},
         .wish = {.launched = true}, .places = "- / - / -", .note = "3 workers share 2 cores, so none is pinned");
    PLAN(.machine = "core:1 pu:2", .bindings = {"0-1"}, .workers = {2}, .places = "- -",
         .note = "2 workers share 1 core, so none is pinned");
    PLAN(.machine = "core:2 pu:1", .bindings = {"1"}, .workers = {2}, .wish = {.bind_asked = true}, .places = "- -",
         .note = "2 workers share the 1 core that they were started on, of 2 allowed, so none is pinned");
}

static void a_quota_caps_crews_that_were_not_given_as_a_number(void) {
    const struct rp__topo_wish bare = {.bind_asked = true, .quota = 2.5}, launched = {.launched = true, .quota = 3};
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .wish = bare, .places = "0 1 2");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .workers = {ALL}, .wish = bare, .places = "0 1 2");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .workers = {4}, .wish = bare, .places = "0 1 2 3");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .wish = {.bind_asked = true, .quota = 0.1}, .places = "0");
    PLAN(.machine = "core:2 pu:1", .bindings = {"0-1"}, .wish = {.quota = 64}, .places = "0 1");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-3", "4-7"}, .workers = {ALL, ALL}, .wish = launched,
         .places = "0 1 / 4");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-3", "4-7"}, .given = 4, .wish = launched, .places = "0 1 2 / 4 5 6");
}

static void bind_none_binds_nobody(void) {
    PLAN(.machine = SMT, .bindings = {"0-7"}, .wish = {.bind = RP_BIND_NONE, .bind_asked = true}, .places = "- - - -");
    PLAN(.machine = SMT, .bindings = {"0-1", "2-3"}, .wish = {.bind = RP_BIND_NONE, .launched = true},
         .places = "- / -");
    PLAN(.machine = "core:1 pu:1", .bindings = {"0"}, .workers = {3}, .wish = {.bind = RP_BIND_NONE},
         .places = "- - -");
}

static void ranks_on_one_core_that_bind_none_leaves_there_are_noted(void) {
    const struct rp__topo_wish none = {.bind = RP_BIND_NONE, .launched = true};
    const char *const note = "ranks were started on fewer cores than they have workers, and --bind none leaves them "
                             "there: srun --cpu-bind=cores, or mpirun --bind-to core, gives each rank its own";
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0", "0"}, .wish = none, .places = "- / -", .note = note);
    PLAN(.machine = TWO_PACKAGES, .bindings = {"3-7", "0", "0"}, .workers = {5, 1, 1}, .wish = none,
         .places = "- - - - - / - / -", .note = note);
    PLAN(.machine = SMT, .bindings = {"0", "1"}, .wish = none, .places = "- / -", .note = note);
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0", "1-3"}, .workers = {2, 1}, .wish = none, .places = "- - / -",
         .note = note);
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-1", "0-1"}, .wish = none, .places = "- / -");
}

static void cores_that_slurm_gave_and_nobody_uses_are_noted(void) {
    const struct rp__topo_wish four = {.launched = true, .granted = 4}, bare = {.granted = 4};
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .workers = {1}, .wish = four, .places = "0",
         .note = "Slurm gave 4 cores on a host, and 1 is used: --crew=cores uses all");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7", "0-7"}, .wish = four, .places = "0 / 1",
         .note = "Slurm gave 4 cores on a host, and 2 are used: --crew=cores uses all");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .workers = {3}, .wish = bare, .places = "- - -",
         .note = "Slurm gave 4 cores on a host, and 3 are used: --crew=cores uses all");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0", "1"}, .wish = four, .places = "0 / 1",
         .note = "Slurm gave 4 cores on a host, and 2 are used: srun --cpus-per-task, or more ranks, use more");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .workers = {4}, .wish = four, .places = "0 1 2 3");
}

static void what_slurm_gave_may_be_hardware_threads_or_more_than_there_is(void) {
    const struct rp__topo_wish four = {.launched = true, .granted = 4}, all = {.launched = true, .granted = 64};
    PLAN(.machine = SMT, .bindings = {"0-7"}, .workers = {2}, .wish = four, .places = "0-1 2-3");
    PLAN(.machine = SMT, .bindings = {"0-7"}, .workers = {1}, .wish = four, .places = "0-1",
         .note = "Slurm gave 2 cores on a host, and 1 is used: --crew=cores uses all");
    PLAN(.machine = "core:2 pu:1", .bindings = {"0-1"}, .workers = {2}, .wish = all, .places = "0 1");
    PLAN(.machine = TWO_PACKAGES, .allowed = "0-1", .bindings = {"0-1"}, .workers = {2}, .wish = all, .places = "0 1");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .workers = {2}, .places = "0 1",
         .wish = {.launched = true, .granted = 8, .quota = 2});
}

static void more_workers_than_slurm_gave_cpus_are_noted(void) {
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .wish = {.granted = 2}, .places = "0 1 2 3 4 5 6 7",
         .note = "8 workers on a host where Slurm gave 2 CPUs: --cpus-per-task or --ntasks-per-node asks it for more");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7", "0-7"}, .wish = {.launched = true, .granted = 1},
         .places = "0 / 1",
         .note = "2 workers on a host where Slurm gave 1 CPU: --cpus-per-task or --ntasks-per-node asks it for more");
}

static void bind_pu_uses_every_core_before_a_second_thread_of_one(void) {
    const struct rp__topo_wish pu = {.bind = RP_BIND_PU, .bind_asked = true};
    const struct rp__topo_wish launched = {.bind = RP_BIND_PU, .launched = true};
    PLAN(.machine = SMT, .bindings = {"0-7"}, .wish = pu, .places = "0 2 4 6");
    PLAN(.machine = SMT, .bindings = {"0-7"}, .workers = {8}, .wish = pu, .places = "0 2 4 6 1 3 5 7");
    PLAN(.machine = SMT, .allowed = "1-3,6", .bindings = {"0-7"}, .workers = {4}, .wish = pu, .places = "1 2 6 3");
    PLAN(.machine = SMT, .bindings = {"0-3", "4-7"}, .workers = {3, 1}, .wish = launched, .places = "0 2 1 / 4");
    PLAN(.machine = SMT, .bindings = {"0-7", "0-7"}, .workers = {2, 4}, .wish = launched, .places = "0 2 / 4 6 1 3");
    PLAN(.machine = "core:2 pu:2", .bindings = {"0-3"}, .workers = {5}, .wish = pu, .places = "- - - - -",
         .note = "5 workers share 4 hardware threads, so none is pinned");
}

static void the_narrowest_binding_chooses_first_among_threads_too(void) {
    PLAN(.machine = "core:2 pu:2", .bindings = {"0-1", "0"}, .wish = {.bind = RP_BIND_PU, .launched = true},
         .places = "1 / 0");
}

static void workers_of_several_cores_get_neighbours(void) {
    const struct rp__topo_wish two = {.cores = 2}, three = {.cores = 3}, launched = {.cores = 2, .launched = true};
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .wish = two, .places = "0-1 2-3 4-5 6-7");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .workers = {2}, .wish = two, .places = "0-1 2-3");
    PLAN(.machine = SMT, .bindings = {"0-7"}, .wish = two, .places = "0-3 4-7");
    PLAN(.machine = SEVEN, .bindings = {"0-6"}, .wish = two, .places = "0-1 2-3 4-5");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-3", "4-7"}, .workers = {ALL, ALL}, .wish = launched,
         .places = "0-1 2-3 / 4-5 6-7");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7", "0-7"}, .wish = launched, .places = "0-1 / 2-3");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-3"}, .given = 4, .wish = launched, .places = "0-1 2-3");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .wish = {.cores = 2, .quota = 5}, .places = "0-1 2-3");
    PLAN(.machine = SEVEN, .bindings = {"0-6"}, .wish = three, .places = "0-2 3-5");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .workers = {1}, .wish = {.cores = 1}, .places = "0");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .wish = {.cores = 2, .bind = RP_BIND_NONE}, .places = "- - - -");
}

static void the_cores_of_a_worker_are_in_one_package_as_long_as_there_are_such(void) {
    const struct rp__topo_wish three = {.cores = 3};
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .wish = three, .places = "0-2 4-6");
    PLAN(.machine = "package:2 core:5 pu:1", .bindings = {"0-9"}, .wish = three, .places = "0-2 5-7 3-4,8");
    PLAN(.machine = "package:2 numa:2 core:3 pu:1", .bindings = {"0-11"}, .wish = {.cores = 2},
         .places = "0-1 3-4 6-7 9-10 2,5 8,11");
    PLAN(.machine = TWO_PACKAGES, .allowed = "0-1,5,7", .bindings = {"0-7"}, .wish = {.cores = 4}, .places = "0-1,5,7");
}

static void too_many_workers_of_several_cores_are_noted_with_their_size(void) {
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .workers = {5}, .wish = {.cores = 2}, .places = "- - - - -",
         .note = "5 workers of 2 cores share 8 cores, so none is pinned");
}

static void a_rank_with_fewer_cores_than_a_worker_is_refused(void) {
    struct rp__topo *topo = machine(TWO_PACKAGES, NULL);
    const struct rp__topo_rank ranks[2] = {{.binding = cpus("0-3")}, {.binding = cpus("4-5")}};
    struct rp__topo_plan plan = {.ranks = 77};
    CU_ASSERT_EQUAL(rp__topo_plan(topo, ranks, 2, &(struct rp__topo_wish){.cores = 3}, &plan), RP_ERANGE);
    CU_ASSERT_EQUAL(plan.ranks, 77);
    rp__topo_free(topo);
}

static void siblings_share_their_place(void) {
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-2"}, .wish = {.siblings = 2}, .places = "0 0 1 1 2 2");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-1", "2"}, .wish = {.siblings = 3, .launched = true},
         .note = "1 rank was given 2 cores and uses 1: --crew=cores uses all", .places = "0 0 0 / 2 2 2");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-3"}, .wish = {.cores = 2, .siblings = 2},
         .places = "0-1 0-1 2-3 2-3");
    PLAN(.machine = TWO_PACKAGES, .bindings = {"0-7"}, .workers = {2}, .wish = {.siblings = 2}, .places = "- - - -");
}

static void a_plan_without_ranks_or_with_too_many_workers_is_refused(void) {
    struct rp__topo *topo = machine("core:2 pu:1", NULL);
    const struct rp__topo_rank ranks[2] = {{.workers = UINT32_MAX - 1}, {.workers = 2}};
    const struct rp__topo_wish wish = {0};
    struct rp__topo_plan plan = {.ranks = 77};
    CU_ASSERT_EQUAL(rp__topo_plan(topo, ranks, 0, &wish, &plan), RP_EINVAL);
    CU_ASSERT_EQUAL(rp__topo_plan(topo, ranks, 2, &wish, &plan), RP_EINVAL);
    CU_ASSERT_EQUAL(plan.ranks, 77);
    rp__topo_free(topo);
}

/* Deal many crews on many machines: no two bound workers on one core, nobody bound outside of what may be used. */
static void no_plan_puts_two_workers_on_one_core(void) {
    struct rp__topo *topo = machine("package:2 core:5 pu:2", "0-7,9-10,12-19");
    struct rp__cpuset allowed;
    rp__topo_allowed(topo, &allowed);
    uint32_t random = 12345, bound = 0;
    for (int round = 0; round < 2000; round++) {
        struct rp__topo_rank ranks[RANKS] = {0};
        random = random * 1664525 + 1013904223;
        const uint32_t count = 1 + (random >> 24) % 4;
        for (uint32_t i = 0; i < count; i++) {
            random = random * 1664525 + 1013904223;
            const unsigned first = (random >> 20) % 10 * 2, pus = 2 + (random >> 12) % 4 * 4;
            for (unsigned cpu = first; cpu < first + pus; cpu++) rp__cpuset_add(&ranks[i].binding, cpu % 20);
            ranks[i].workers = (random >> 28) % 4 ? (random >> 28) % 4 : ALL;
        }
        const struct rp__topo_wish wish = {.launched = true};
        struct rp__topo_plan plan = {0};
        CU_ASSERT_EQUAL_FATAL(rp__topo_plan(topo, ranks, count, &wish, &plan), 0);
        const uint32_t workers = plan.first[count - 1] + plan.workers[count - 1];
        bool used[10] = {false}, twice = false, outside = false;
        for (uint32_t i = 0; i < workers; i++) {
            if (rp__cpuset_is_empty(&plan.binding[i])) continue;
            rp_where where;
            rp__topo_where(topo, &plan.binding[i], &where);
            bound++;
            outside |= !where.bound || !is_part_of(&plan.binding[i], &allowed);
            if (!where.bound) continue;
            twice |= used[where.core];
            used[where.core] = true;
        }
        CU_ASSERT_FALSE(twice);
        CU_ASSERT_FALSE(outside);
        rp__topo_plan_free(&plan);
    }
    CU_ASSERT(bound > 2000);
    rp__topo_free(topo);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(a_bare_pool_takes_every_core_of_its_binding),
                                             UNIT(a_bare_pool_that_leaves_cores_over_is_not_pinned_unless_asked),
                                             UNIT(holes_in_the_allowed_set_are_left_out),
                                             UNIT(a_rank_of_another_cgroup_keeps_its_own_binding),
                                             UNIT(a_launched_rank_has_one_worker),
                                             UNIT(disjoint_single_cores_are_kept),
                                             UNIT(disjoint_hardware_threads_of_one_core_are_kept),
                                             UNIT(overlapping_bindings_are_dealt_out),
                                             UNIT(ranks_that_share_a_package_stay_on_it),
                                             UNIT(crews_larger_than_their_own_binding_take_what_is_left),
                                             UNIT(a_rank_that_was_given_cores_makes_a_crew_of_them),
                                             UNIT(cores_given_in_hardware_threads_make_a_worker_a_core),
                                             UNIT(a_rank_that_leaves_its_own_cores_idle_is_noted),
                                             UNIT(crews_of_all_cores_share_them_unevenly_when_they_must),
                                             UNIT(a_crew_of_all_cores_that_the_launcher_kept_narrow_is_noted),
                                             UNIT(more_workers_than_cores_are_not_bound_and_noted_once),
                                             UNIT(a_quota_caps_crews_that_were_not_given_as_a_number),
                                             UNIT(bind_none_binds_nobody),
                                             UNIT(ranks_on_one_core_that_bind_none_leaves_there_are_noted),
                                             UNIT(cores_that_slurm_gave_and_nobody_uses_are_noted),
                                             UNIT(what_slurm_gave_may_be_hardware_threads_or_more_than_there_is),
                                             UNIT(more_workers_than_slurm_gave_cpus_are_noted),
                                             UNIT(bind_pu_uses_every_core_before_a_second_thread_of_one),
                                             UNIT(the_narrowest_binding_chooses_first_among_threads_too),
                                             UNIT(workers_of_several_cores_get_neighbours),
                                             UNIT(the_cores_of_a_worker_are_in_one_package_as_long_as_there_are_such),
                                             UNIT(too_many_workers_of_several_cores_are_noted_with_their_size),
                                             UNIT(a_rank_with_fewer_cores_than_a_worker_is_refused),
                                             UNIT(siblings_share_their_place),
                                             UNIT(a_plan_without_ranks_or_with_too_many_workers_is_refused),
                                             UNIT(no_plan_puts_two_workers_on_one_core),
                                             {NULL, NULL}};
    return unit_run("topo plan", tests);
}
