/* Launchers are known by what they put into the environment, see launch.h; as seen with Open MPI 4.1 and 5.0, MPICH
 * 4.0 and Slurm 22.05:
 *
 *     mpirun              OMPI_COMM_WORLD_SIZE, OMPI_COMM_WORLD_RANK, PMIX_RANK
 *     srun --mpi=pmix     PMIX_RANK, SLURM_STEP_ID, SLURM_STEP_NUM_TASKS
 *     srun --mpi=pmi2     PMI_RANK, PMI_SIZE, SLURM_STEP_ID, SLURM_STEP_NUM_TASKS
 *     srun --mpi=none     SLURM_STEP_ID, SLURM_STEP_NUM_TASKS
 *     mpiexec (hydra)     PMI_RANK, PMI_SIZE
 *     batch script        SLURM_JOB_ID, SLURMD_NODENAME, SLURM_PROCID
 *     salloc's shell      SLURM_JOB_ID; as an interactive step also SLURMD_NODENAME, SLURM_STEP_ID of Slurm's own range
 *
 * On other nodes than its own, mpirun starts its daemons by srun: ranks there see the daemon's step of one task a node.
 * So the first that matches in the order above counts, and Slurm's numbers count only if Slurm itself started the
 * ranks. */
#include "pool/launch.h"
#include "core/error.h"
#include "crew/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

typedef char *(*getter)(const char *name);

/* A variable as a number from 0 to `most`; -1: not set, or no such number. */
static int64_t number(getter get, const char *name, int64_t most) {
    const char *text = get(name);
    if (!text || *text < '0' || *text > '9') return -1;
    char *end;
    long long value = strtoll(text, &end, 10);
    return *end == 0 && value <= most ? value : -1;
}

static int count(getter get, const char *name) { return (int)number(get, name, INT32_MAX); }

/* A step that a user's srun made. Slurm numbers its own (batch, extern, interactive) from 0xfffffff0. */
static bool in_step(getter get) {
    int64_t step = number(get, "SLURM_STEP_ID", UINT32_MAX);
    return step >= 0 && step < 0xfffffff0;
}

static int step_tasks(getter get) {
    int tasks = count(get, "SLURM_STEP_NUM_TASKS");
    return tasks >= 0 ? tasks : count(get, "SLURM_NTASKS");
}

static void recognise(getter get, struct rp__launch *launch) {
    bool slurm = in_step(get);
    if (get("OMPI_COMM_WORLD_SIZE")) {
        launch->launcher = "mpirun";
        launch->rank_hint = count(get, "OMPI_COMM_WORLD_RANK");
        launch->size_hint = count(get, "OMPI_COMM_WORLD_SIZE");
    } else if (get("PMIX_RANK")) {
        launch->launcher = slurm ? "srun" : "PMIx";
        launch->rank_hint = count(get, "PMIX_RANK");
        launch->size_hint = slurm ? step_tasks(get) : -1;
    } else if (get("PMI_RANK")) {
        launch->launcher = slurm ? "srun" : "PMI";
        launch->rank_hint = count(get, "PMI_RANK");
        launch->size_hint = count(get, "PMI_SIZE");
        if (launch->size_hint < 0 && slurm) launch->size_hint = step_tasks(get);
    }
    launch->launched = *launch->launcher != 0;
}

/* The number after "PE=" in a mapping policy such as "ppr:2:socket:PE=4,SPAN"; 0: there is none. */
static uint32_t cores_in_policy(const char *policy) {
    for (const char *at = policy; at && *at; at++) {
        bool starts = at > policy && (at[-1] == ':' || at[-1] == ',');
        if (!starts || strncasecmp(at, "PE=", 3) != 0) continue;
        char *end;
        unsigned long cores = strtoul(at + 3, &end, 10);
        bool good = end > at + 3 && (*end == 0 || *end == ',' || *end == ':') && cores <= INT32_MAX;
        return good ? (uint32_t)cores : 0;
    }
    return 0;
}

static uint32_t positive(int value) { return value > 0 ? (uint32_t)value : 0; }

static uint32_t cores_by_mpirun(getter get) {
    uint32_t cores = cores_in_policy(get("OMPI_MCA_rmaps_base_mapping_policy"));
    if (!cores) cores = cores_in_policy(get("PRTE_MCA_rmaps_default_mapping_policy")); /* Open MPI 5 */
    if (!cores) cores = positive(count(get, "OMPI_MCA_rmaps_base_cpus_per_rank"));     /* --cpus-per-rank */
    return cores;
}

/* Slurm's cores a task also hold for mpirun in a batch script, unless it was told to start more ranks than that
 * script has tasks: then it shares the cores out in its own way. On other nodes the number of tasks is not known. */
static uint32_t cores_given(getter get, const struct rp__launch *launch) {
    uint32_t per_task = positive(count(get, "SLURM_CPUS_PER_TASK"));
    if (strcmp(launch->launcher, "mpirun") != 0) return per_task;
    uint32_t cores = cores_by_mpirun(get);
    if (cores) return cores;
    bool more_ranks = !in_step(get) && launch->size_hint > count(get, "SLURM_NTASKS");
    return more_ranks ? 0 : per_task;
}

static int job_nodes(getter get) {
    int nodes = count(get, "SLURM_JOB_NUM_NODES");
    return nodes >= 0 ? nodes : count(get, "SLURM_NNODES");
}

/* The sum of what Slurm lists as "4(x2),2"; 0: it is no such list. */
static uint64_t sum_of_list(const char *list) {
    uint64_t sum = 0;
    for (const char *at = list; at && *at;) {
        unsigned value, times = 1;
        int length = 0;
        if (sscanf(at, "%9u%n", &value, &length) != 1) return 0;
        at += length;
        length = 0;
        if (sscanf(at, "(x%9u)%n", &times, &length) == 1 && length) at += length;
        if (*at && *at++ != ',') return 0;
        sum += (uint64_t)value * times;
    }
    return sum;
}

static const char *plural(uint64_t n) { return n == 1 ? "" : "s"; }

/* What the job has, for a process on one of its nodes. A CPU of Slurm's is a core or a hardware thread, as the site has
 * it, and the environment does not tell which. */
static void read_allocation(getter get, struct rp__launch *launch) {
    const char *job = get("SLURM_JOB_ID"), *array = get("SLURM_ARRAY_JOB_ID"), *part = get("SLURM_ARRAY_TASK_ID");
    if (!job || !get("SLURMD_NODENAME")) return;
    launch->host_cpus = positive(count(get, "SLURM_CPUS_ON_NODE"));
    launch->nodes = positive(job_nodes(get));
    uint64_t cpus = sum_of_list(get("SLURM_JOB_CPUS_PER_NODE"));
    if (!launch->nodes || !cpus) return;
    bool in_array = array && part;
    snprintf(launch->allocation, sizeof launch->allocation, "Slurm job %.20s%s%.20s: %u node%s, %llu CPU%s",
             in_array ? array : job, in_array ? "_" : "", in_array ? part : "", launch->nodes, plural(launch->nodes),
             (unsigned long long)cpus, plural(cpus));
}

/* Bare inside an allocation: say what is left unused. */
static void note_allocation(getter get, struct rp__launch *launch) {
    int nodes = job_nodes(get);
    if (!get("SLURM_JOB_ID") || in_step(get)) return;
    if (!get("SLURMD_NODENAME"))
        snprintf(launch->note, sizeof launch->note,
                 "this shell holds a Slurm allocation but runs outside of it, on this machine: "
                 "srun --mpi=pmix rankpool ... runs inside");
    else if (nodes > 1)
        snprintf(launch->note, sizeof launch->note,
                 "this Slurm job has %d nodes, but started like this only this one computes: "
                 "srun --mpi=pmix rankpool ... uses all of them",
                 nodes);
}

int rp__launch_detect(getter get, enum rp_mpi mpi, struct rp__launch *launch, rp_error *error) {
    struct rp__launch found = {.launcher = "", .rank_hint = -1, .size_hint = -1};
    if (number(get, RP__WORKER_PID, INT32_MAX) == getpid())
        return rp__fail(error, RP_EINVAL, "a world cannot be opened inside a task: open it first thing in main");
    recognise(get, &found);
    int tasks = in_step(get) ? step_tasks(get) : 1;
    if (!found.launched && tasks > 1)
        return rp__fail(error, RP_ELAUNCH,
                        "srun started %d tasks that do not know of each other (--mpi=none): each would do all the "
                        "work; start them with srun --mpi=pmix -n %d ...",
                        tasks, tasks);
    if (found.launched && mpi == RP_MPI_NO && found.size_hint != 1)
        return rp__fail(error, RP_ELAUNCH,
                        "--mpi no, but %s started several ranks: each would do all the work; leave --mpi no out, or "
                        "start without %s",
                        found.launcher, found.launcher);
    read_allocation(get, &found);
    found.use_mpi = mpi == RP_MPI_YES || (found.launched && mpi == RP_MPI_AUTO);
    if (found.launched)
        found.cores = cores_given(get, &found);
    else
        note_allocation(get, &found);
    *launch = found;
    return 0;
}

int rp__launch_check(const struct rp__launch *launch, int size, rp_error *error) {
    if (!launch->launched || (launch->size_hint <= size && launch->rank_hint < size)) return 0;
    return rp__fail(error, RP_ELAUNCH,
                    "%s started more ranks than the %d that MPI sees: it does not belong to the MPI library that "
                    "rankpool was built with; use the mpirun of that library",
                    launch->launcher, size);
}

void rp__launch_note_hosts(struct rp__launch *launch, uint32_t hosts) {
    if (!launch->launched || launch->note[0] || launch->nodes <= hosts) return;
    snprintf(launch->note, sizeof launch->note,
             "this Slurm job has %u nodes, and the ranks are on %u of them: srun with as many --nodes uses all",
             launch->nodes, hosts);
}
