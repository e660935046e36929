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
                                             {NULL, NULL}};
    return unit_run("launch", tests);
}
