/* Who started us: every row of the table in pool/launch.h, on environments as the launchers were seen to set them. */
#include "pool/launch.h"
#include "unit.h"

#include <string.h>

/* The environment that the code under test sees: name, value, name, value, ..., NULL. */
static const char *const *environment;

static char *look_up(const char *name) {
    for (const char *const *at = environment; *at; at += 2)
        if (strcmp(at[0], name) == 0) return (char *)at[1];
    return NULL;
}

#define ENVIRONMENT(...)                                                                                               \
    environment = (const char *const[]) { __VA_ARGS__ __VA_OPT__(, ) NULL }

#define MPIRUN      "OMPI_COMM_WORLD_SIZE", "4", "OMPI_COMM_WORLD_RANK", "2", "PMIX_RANK", "2"
#define BATCH       "SLURM_JOB_ID", "7", "SLURMD_NODENAME", "node1", "SLURM_PROCID", "0", "SLURM_LOCALID", "0"
#define BATCH_2X2   BATCH, "SLURM_JOB_NUM_NODES", "2", "SLURM_NNODES", "2", "SLURM_NTASKS", "4"
#define STEP(tasks) BATCH, "SLURM_STEP_ID", "0", "SLURM_STEP_NUM_TASKS", tasks, "SLURM_NTASKS", tasks

static struct rp__launch detected(enum rp_mpi mpi) {
    struct rp__launch launch = {.launcher = "nothing was written"};
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp__launch_detect(look_up, mpi, &launch, &error), 0);
    CU_ASSERT_EQUAL(error.code, 0);
    return launch;
}

static bool refused(enum rp_mpi mpi, const char *advice) {
    struct rp__launch launch = {.launcher = "untouched"};
    rp_error error = {0};
    int code = rp__launch_detect(look_up, mpi, &launch, &error);
    bool good = code == RP_ELAUNCH && error.code == RP_ELAUNCH && strstr(error.text, advice) &&
                !strchr(error.text, '\n') && strcmp(launch.launcher, "untouched") == 0;
    if (!good) printf("\ngot %d, \"%s\"\n", code, error.text);
    return good;
}

static bool is(const struct rp__launch *launch, const char *launcher, bool use_mpi, int rank, int size) {
    return strcmp(launch->launcher, launcher) == 0 && launch->launched == (*launcher != 0) &&
           launch->use_mpi == use_mpi && launch->rank_hint == rank && launch->size_hint == size;
}

static void an_empty_environment_is_bare(void) {
    ENVIRONMENT();
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "", false, -1, -1));
    CU_ASSERT_EQUAL(launch.cores, 0);
    CU_ASSERT_STRING_EQUAL(launch.note, "");
    launch = detected(RP_MPI_NO);
    CU_ASSERT(is(&launch, "", false, -1, -1));
}

static void mpi_yes_without_a_launcher_is_mpi_alone(void) {
    ENVIRONMENT();
    struct rp__launch launch = detected(RP_MPI_YES);
    CU_ASSERT(is(&launch, "", true, -1, -1));
    CU_ASSERT_EQUAL(rp__launch_check(&launch, 1, NULL), 0);
}

static void mpirun_is_recognised(void) {
    ENVIRONMENT(MPIRUN);
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "mpirun", true, 2, 4));
    CU_ASSERT_EQUAL(launch.cores, 0);
    launch = detected(RP_MPI_YES);
    CU_ASSERT(is(&launch, "mpirun", true, 2, 4));
}

static void srun_with_pmix_is_recognised(void) {
    ENVIRONMENT(STEP("6"), "PMIX_RANK", "5");
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "srun", true, 5, 6));
    CU_ASSERT_STRING_EQUAL(launch.note, "");
}

static void srun_with_pmi2_is_recognised(void) {
    ENVIRONMENT(STEP("6"), "PMI_RANK", "5", "PMI_SIZE", "6", "PMI_FD", "11");
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "srun", true, 5, 6));
}

static void hydra_is_recognised(void) {
    ENVIRONMENT("PMI_RANK", "1", "PMI_SIZE", "3", "PMI_FD", "9", "MPI_LOCALNRANKS", "3");
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "PMI", true, 1, 3));
}

static void another_pmix_launcher_is_recognised_without_its_size(void) {
    ENVIRONMENT("PMIX_RANK", "0", "PMIX_NAMESPACE", "x");
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "PMIx", true, 0, -1));
}

static void mpirun_inside_slurm_is_mpirun_on_every_node(void) {
    ENVIRONMENT(BATCH_2X2, MPIRUN);
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "mpirun", true, 2, 4));
    CU_ASSERT_STRING_EQUAL(launch.note, "");
    /* On the other nodes the daemon's own step shows. */
    ENVIRONMENT(STEP("1"), MPIRUN);
    launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "mpirun", true, 2, 4));
}

static void several_tasks_that_do_not_know_each_other_are_refused(void) {
    ENVIRONMENT(STEP("4"));
    CU_ASSERT(refused(RP_MPI_AUTO, "srun --mpi=pmix -n 4"));
    CU_ASSERT(refused(RP_MPI_YES, "srun --mpi=pmix -n 4"));
    CU_ASSERT(refused(RP_MPI_NO, "srun --mpi=pmix -n 4"));
    ENVIRONMENT("SLURM_STEP_ID", "0", "SLURM_NTASKS", "3");
    CU_ASSERT(refused(RP_MPI_AUTO, "srun --mpi=pmix -n 3"));
}

static void the_size_of_the_step_outweighs_that_of_the_job(void) {
    ENVIRONMENT(BATCH, "SLURM_STEP_ID", "2", "SLURM_STEP_NUM_TASKS", "1", "SLURM_NTASKS", "4");
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "", false, -1, -1));
}

static void one_task_without_pmi_is_bare(void) {
    ENVIRONMENT(STEP("1"));
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "", false, -1, -1));
    CU_ASSERT_STRING_EQUAL(launch.note, "");
    launch = detected(RP_MPI_YES);
    CU_ASSERT(is(&launch, "", true, -1, -1));
}

static void a_step_of_slurms_own_is_no_launcher(void) {
    ENVIRONMENT(BATCH_2X2, "SLURM_STEP_ID", "4294967290", "SLURM_STEP_NUM_TASKS", "1"); /* interactive */
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "", false, -1, -1));
    CU_ASSERT_PTR_NOT_NULL(strstr(launch.note, "2 nodes"));
}

static void a_batch_script_on_one_node_is_bare(void) {
    ENVIRONMENT(BATCH, "SLURM_JOB_NUM_NODES", "1", "SLURM_NTASKS", "4", "SLURM_CPUS_PER_TASK", "2");
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "", false, -1, -1));
    CU_ASSERT_EQUAL(launch.cores, 0);
    CU_ASSERT_STRING_EQUAL(launch.note, "");
}

static void a_batch_script_on_several_nodes_gets_a_note(void) {
    ENVIRONMENT(BATCH_2X2);
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "", false, -1, -1));
    CU_ASSERT_PTR_NOT_NULL(strstr(launch.note, "2 nodes"));
    CU_ASSERT_PTR_NOT_NULL(strstr(launch.note, "srun --mpi=pmix"));
}

static void an_allocation_held_from_outside_gets_a_note(void) {
    ENVIRONMENT("SLURM_JOB_ID", "2", "SLURM_JOB_NUM_NODES", "1", "SLURM_NTASKS", "4");
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "", false, -1, -1));
    CU_ASSERT_PTR_NOT_NULL(strstr(launch.note, "outside"));
}

static void mpi_no_under_several_ranks_is_refused(void) {
    ENVIRONMENT(MPIRUN);
    CU_ASSERT(refused(RP_MPI_NO, "without mpirun"));
    ENVIRONMENT(STEP("6"), "PMIX_RANK", "0");
    CU_ASSERT(refused(RP_MPI_NO, "without srun"));
    ENVIRONMENT("PMIX_RANK", "0"); /* how many: unknown */
    CU_ASSERT(refused(RP_MPI_NO, "without PMIx"));
}

static void mpi_no_under_one_rank_is_bare(void) {
    ENVIRONMENT("OMPI_COMM_WORLD_SIZE", "1", "OMPI_COMM_WORLD_RANK", "0");
    struct rp__launch launch = detected(RP_MPI_NO);
    CU_ASSERT(is(&launch, "mpirun", false, 0, 1));
}

static uint32_t cores_of(void) { return detected(RP_MPI_AUTO).cores; }

static void srun_gives_cores(void) {
    ENVIRONMENT(STEP("2"), "PMIX_RANK", "0", "SLURM_CPUS_PER_TASK", "8");
    CU_ASSERT_EQUAL(cores_of(), 8);
}

static void mpirun_gives_cores_by_its_mapping(void) {
    ENVIRONMENT(MPIRUN, "OMPI_MCA_rmaps_base_mapping_policy", "slot:PE=2");
    CU_ASSERT_EQUAL(cores_of(), 2);
    ENVIRONMENT(MPIRUN, "OMPI_MCA_rmaps_base_mapping_policy", "ppr:2:socket:pe=16,SPAN");
    CU_ASSERT_EQUAL(cores_of(), 16);
    ENVIRONMENT(MPIRUN, "OMPI_MCA_rmaps_base_mapping_policy", "slot:SPAN,PE=3:OVERSUBSCRIBE");
    CU_ASSERT_EQUAL(cores_of(), 3);
    ENVIRONMENT(MPIRUN, "PRTE_MCA_rmaps_default_mapping_policy", "core:PE=4");
    CU_ASSERT_EQUAL(cores_of(), 4);
    ENVIRONMENT(MPIRUN, "OMPI_MCA_rmaps_base_cpus_per_rank", "5");
    CU_ASSERT_EQUAL(cores_of(), 5);
}

static void a_mapping_without_cores_gives_none(void) {
    static const char *const policies[] = {"socket", "", "ppr:1:node", "slot:PE=", "slot:PE=x", "slot:PE=2x", "TYPE=2"};
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        ENVIRONMENT(MPIRUN, "OMPI_MCA_rmaps_base_mapping_policy", policies[i]);
        CU_ASSERT_EQUAL(cores_of(), 0);
    }
}

static void slurms_cores_hold_for_mpirun_while_it_starts_slurms_tasks(void) {
    ENVIRONMENT(BATCH_2X2, MPIRUN, "SLURM_CPUS_PER_TASK", "2");
    CU_ASSERT_EQUAL(cores_of(), 2);
    ENVIRONMENT(STEP("1"), MPIRUN, "SLURM_CPUS_PER_TASK", "2");
    CU_ASSERT_EQUAL(cores_of(), 2);
    ENVIRONMENT(BATCH_2X2, "OMPI_COMM_WORLD_SIZE", "8", "OMPI_COMM_WORLD_RANK", "0", "SLURM_CPUS_PER_TASK", "2");
    CU_ASSERT_EQUAL(cores_of(), 0);
    ENVIRONMENT(BATCH_2X2, MPIRUN, "SLURM_CPUS_PER_TASK", "2", "OMPI_MCA_rmaps_base_mapping_policy", "slot:PE=3");
    CU_ASSERT_EQUAL(cores_of(), 3);
}

static void what_is_no_number_is_unknown(void) {
    ENVIRONMENT("OMPI_COMM_WORLD_SIZE", "4x", "OMPI_COMM_WORLD_RANK", "-1", "SLURM_CPUS_PER_TASK",
                "99999999999999999999");
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT(is(&launch, "mpirun", true, -1, -1));
    CU_ASSERT_EQUAL(launch.cores, 0);
}

static void a_launcher_of_another_mpi_is_found_out(void) {
    rp_error error = {0};
    ENVIRONMENT("PMI_RANK", "0", "PMI_SIZE", "3");
    struct rp__launch launch = detected(RP_MPI_AUTO);
    CU_ASSERT_EQUAL(rp__launch_check(&launch, 1, &error), RP_ELAUNCH);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "PMI"));
    CU_ASSERT_EQUAL(rp__launch_check(&launch, 3, NULL), 0);
    /* How many is unknown, but rank 2 of 1 cannot be. */
    ENVIRONMENT("PMIX_RANK", "2");
    launch = detected(RP_MPI_AUTO);
    CU_ASSERT_EQUAL(rp__launch_check(&launch, 1, &error), RP_ELAUNCH);
    CU_ASSERT_EQUAL(rp__launch_check(&launch, 3, NULL), 0);
}

static const char *allocation(void) {
    static struct rp__launch launch;
    launch = detected(RP_MPI_AUTO);
    return launch.allocation;
}

#define JOB(nodes, cpus)                                                                                               \
    "SLURM_JOB_ID", "123", "SLURMD_NODENAME", "n1", "SLURM_JOB_NUM_NODES", nodes, "SLURM_JOB_CPUS_PER_NODE", cpus

static void what_slurm_gave_is_said_in_one_line(void) {
    ENVIRONMENT(JOB("3", "2(x3)"));
    CU_ASSERT_STRING_EQUAL(allocation(), "Slurm job 123: 3 nodes, 6 CPUs");
    ENVIRONMENT(JOB("4", "128(x2),64,1"), "PMIX_RANK", "0", "SLURM_STEP_ID", "0");
    CU_ASSERT_STRING_EQUAL(allocation(), "Slurm job 123: 4 nodes, 321 CPUs");
    ENVIRONMENT(JOB("1", "1"));
    CU_ASSERT_STRING_EQUAL(allocation(), "Slurm job 123: 1 node, 1 CPU");
}

static void a_part_of_a_job_array_is_called_as_squeue_calls_it(void) {
    ENVIRONMENT(JOB("1", "4"), "SLURM_ARRAY_JOB_ID", "120", "SLURM_ARRAY_TASK_ID", "7");
    CU_ASSERT_STRING_EQUAL(allocation(), "Slurm job 120_7: 1 node, 4 CPUs");
}

static void nothing_is_said_of_an_allocation_that_is_elsewhere_or_not_understood(void) {
    ENVIRONMENT();
    CU_ASSERT_STRING_EQUAL(allocation(), "");
    ENVIRONMENT("SLURM_JOB_ID", "2", "SLURM_JOB_NUM_NODES", "1", "SLURM_JOB_CPUS_PER_NODE", "4", "SLURM_CPUS_ON_NODE",
                "4"); /* held by salloc, from a login node */
    CU_ASSERT_STRING_EQUAL(allocation(), "");
    CU_ASSERT_EQUAL(detected(RP_MPI_AUTO).host_cpus, 0);
    static const char *const lists[] = {"", "x", "4(", "4(x", "4(x2", "4(x2)3", "4 2", "-"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        ENVIRONMENT(JOB("2", lists[i]));
        CU_ASSERT_STRING_EQUAL(allocation(), "");
    }
}

static void the_cpus_of_this_host_are_known_on_the_jobs_nodes(void) {
    ENVIRONMENT(BATCH, "SLURM_CPUS_ON_NODE", "8");
    CU_ASSERT_EQUAL(detected(RP_MPI_AUTO).host_cpus, 8);
    ENVIRONMENT(STEP("6"), "PMIX_RANK", "5", "SLURM_CPUS_ON_NODE", "2");
    CU_ASSERT_EQUAL(detected(RP_MPI_AUTO).host_cpus, 2);
    ENVIRONMENT(BATCH);
    CU_ASSERT_EQUAL(detected(RP_MPI_AUTO).host_cpus, 0);
}

static void ranks_on_fewer_hosts_than_the_job_has_get_a_note(void) {
    ENVIRONMENT(JOB("3", "2(x3)"), MPIRUN);
    struct rp__launch launch = detected(RP_MPI_AUTO);
    rp__launch_note_hosts(&launch, 3);
    CU_ASSERT_STRING_EQUAL(launch.note, "");
    rp__launch_note_hosts(&launch, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(launch.note, "3 nodes"));
    CU_ASSERT_PTR_NOT_NULL(strstr(launch.note, "on 1 of them"));
    ENVIRONMENT(MPIRUN); /* no Slurm */
    launch = detected(RP_MPI_AUTO);
    rp__launch_note_hosts(&launch, 1);
    CU_ASSERT_STRING_EQUAL(launch.note, "");
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(an_empty_environment_is_bare),
                                             UNIT(mpi_yes_without_a_launcher_is_mpi_alone),
                                             UNIT(mpirun_is_recognised),
                                             UNIT(srun_with_pmix_is_recognised),
                                             UNIT(srun_with_pmi2_is_recognised),
                                             UNIT(hydra_is_recognised),
                                             UNIT(another_pmix_launcher_is_recognised_without_its_size),
                                             UNIT(mpirun_inside_slurm_is_mpirun_on_every_node),
                                             UNIT(several_tasks_that_do_not_know_each_other_are_refused),
                                             UNIT(the_size_of_the_step_outweighs_that_of_the_job),
                                             UNIT(one_task_without_pmi_is_bare),
                                             UNIT(a_step_of_slurms_own_is_no_launcher),
                                             UNIT(a_batch_script_on_one_node_is_bare),
                                             UNIT(a_batch_script_on_several_nodes_gets_a_note),
                                             UNIT(an_allocation_held_from_outside_gets_a_note),
                                             UNIT(mpi_no_under_several_ranks_is_refused),
                                             UNIT(mpi_no_under_one_rank_is_bare),
                                             UNIT(srun_gives_cores),
                                             UNIT(mpirun_gives_cores_by_its_mapping),
                                             UNIT(a_mapping_without_cores_gives_none),
                                             UNIT(slurms_cores_hold_for_mpirun_while_it_starts_slurms_tasks),
                                             UNIT(what_is_no_number_is_unknown),
                                             UNIT(a_launcher_of_another_mpi_is_found_out),
                                             UNIT(what_slurm_gave_is_said_in_one_line),
                                             UNIT(a_part_of_a_job_array_is_called_as_squeue_calls_it),
                                             UNIT(nothing_is_said_of_an_allocation_that_is_elsewhere_or_not_understood),
                                             UNIT(the_cpus_of_this_host_are_known_on_the_jobs_nodes),
                                             UNIT(ranks_on_fewer_hosts_than_the_job_has_get_a_note),
                                             {NULL, NULL}};
    return unit_run("launch", tests);
}
