/* rankpool topo: where every worker is, and the proof: each reads its own binding back from the system, and two
 * workers that were pinned to the same CPU are named as a fault. The first worker of each rank brings along the machine
 * that it sees. */
#include "cli.h"
#include "topo_map.h"

#include <stdlib.h>
#include <string.h>

/* The record of a worker: itself, and of the first of each rank the machine, an rp_pu a hardware thread. */
static int answer_task(rp_task *task, const void *input, size_t size) {
    (void)input, (void)size;
    struct topo_worker self;
    memset(&self, 0, sizeof self);
    self.where = *rp_task_where(task);
    if (sched_getaffinity(0, sizeof self.mask, &self.mask)) return rp_task_fail(task, "cannot read its own binding");
    const int rc = rp_task_write(task, &self, sizeof self);
    const size_t pus = self.where.local == 0 ? rp_task_machine(task, NULL, 0) : 0;
    if (rc || !pus) return rc;
    rp_pu *machine = malloc(pus * sizeof *machine);
    if (!machine) return RP_ENOMEM;
    rp_task_machine(task, machine, pus);
    const int written = rp_task_write(task, machine, pus * sizeof *machine);
    free(machine);
    return written;
}

static const rp_kernel kernel = {.name = "topo", .item = answer_task};

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    if (argc) return rp_job_fail(run, "topo takes no arguments, and \"%.60s\" was given", argv[0]);
    run->each_worker = run->ordered = true;
    run->state = calloc(1, sizeof(struct topo));
    return run->state ? 0 : rp_job_fail(run, "out of memory");
}

static int add_worker(struct topo *topo, const struct topo_worker *worker) {
    if (topo->workers == topo->capacity) {
        const size_t capacity = topo->capacity ? 2 * topo->capacity : 16;
        struct topo_worker *at = realloc(topo->worker, capacity * sizeof *at);
        if (!at) return RP_ENOMEM;
        topo->worker = at;
        topo->capacity = capacity;
    }
    topo->worker[topo->workers++] = *worker;
    return 0;
}

/* The host of this name, from the last one back, since workers of a host mostly come one after the other; or a new one. */
static int find_host(struct topo *topo, const char *name, size_t *host) {
    for (size_t i = topo->hosts; i > 0; i--) {
        *host = i - 1;
        if (!strcmp(topo->host[i - 1].name, name)) return 0;
    }
    struct topo_host *at = realloc(topo->host, (topo->hosts + 1) * sizeof *at);
    if (!at) return RP_ENOMEM;
    topo->host = at;
    *host = topo->hosts++;
    at[*host] = (struct topo_host){.pus = 0};
    snprintf(at[*host].name, sizeof at[*host].name, "%s", name);
    return 0;
}

/* Its ranks see the same machine, and each its own agent. */
static int add_machine(struct topo_host *host, const void *data, size_t size) {
    const size_t pus = size / sizeof(rp_pu);
    if (!host->pu) {
        host->pu = malloc(size);
        if (!host->pu) return RP_ENOMEM;
        host->pus = pus;
        memcpy(host->pu, data, size);
    }
    for (size_t i = 0; i < pus && i < host->pus; i++) {
        rp_pu pu;
        memcpy(&pu, (const char *)data + i * sizeof pu, sizeof pu);
        host->pu[i].agent |= pu.agent;
    }
    return 0;
}

static int collect(rp_job_run *run, const rp_result *result) {
    struct topo *topo = run->state;
    struct topo_worker worker;
    if (result->size < sizeof worker || (result->size - sizeof worker) % sizeof(rp_pu)) return RP_EPROTOCOL;
    memcpy(&worker, result->data, sizeof worker);
    const size_t rest = result->size - sizeof worker;
    int rc = find_host(topo, worker.where.host, &worker.host);
    if (rc == 0) rc = add_worker(topo, &worker);
    if (rc || !rest) return rc;
    return add_machine(&topo->host[worker.host], (const char *)result->data + sizeof worker, rest);
}

static const char *or_dash(int n, char text[16]) {
    snprintf(text, 16, n < 0 ? "-" : "%d", n);
    return text;
}

static int faults(rp_job_run *run, const struct topo *topo) {
    char cpus[256];
    int count = 0;
    for (size_t i = 0; i < topo->workers; i++) {
        const rp_where *where = &topo->worker[i].where;
        if (where->core >= 0 && !where->bound) { /* it was to be there, and reads back something else */
            fprintf(stderr, "rankpool: fault: worker %u was to be pinned to core %d of %s, and may use CPUs %s\n",
                    where->worker, where->core, where->host, topo_mask_text(&topo->worker[i].mask, cpus, sizeof cpus));
            count++;
        }
        for (size_t k = 0; k < i; k++) {
            const struct topo_worker *a = &topo->worker[k], *b = &topo->worker[i];
            cpu_set_t both;
            if (a->host != b->host || !a->where.bound || !b->where.bound) continue;
            CPU_AND(&both, &a->mask, &b->mask);
            if (!CPU_COUNT(&both)) continue;
            fflush(run->out);
            fprintf(stderr, "rankpool: fault: workers %u and %u are both pinned to CPU %s of %s\n", a->where.worker,
                    b->where.worker, topo_mask_text(&both, cpus, sizeof cpus), a->where.host);
            count++;
        }
    }
    return count ? rp_job_fail(run, "%d fault%s in the placement: look at how the ranks were bound by their launcher",
                               count, count == 1 ? "" : "s")
                 : 0;
}

static void print_list(FILE *out, const struct topo *topo) {
    fprintf(out, "worker rank host             package numa core   pu  bound cpus\n");
    for (size_t i = 0; i < topo->workers; i++) {
        const struct topo_worker *a = &topo->worker[i];
        char package[16], numa[16], core[16], pu[16], cpus[256];
        fprintf(out, "%6u %4d %-16s %7s %4s %4s %4s  %-5s %s\n", a->where.worker, a->where.rank, a->where.host,
                or_dash(a->where.package, package), or_dash(a->where.numa, numa), or_dash(a->where.core, core),
                or_dash(a->where.pu, pu), a->where.bound ? "yes" : "no", topo_mask_text(&a->mask, cpus, sizeof cpus));
    }
}

static int finish(rp_job_run *run) {
    const struct topo *topo = run->state;
    int rc = 0;
    if (rp_job_option_value(run, "list"))
        print_list(run->out, topo);
    else
        rc = topo_map_print(run->out, topo);
    return rc ? rc : faults(run, topo);
}

static void release(rp_job_run *run) {
    struct topo *topo = run->state;
    for (size_t i = 0; i < topo->hosts; i++) free(topo->host[i].pu);
    free(topo->host);
    free(topo->worker);
    free(topo);
}

static const rp_job_option options[] = {
    {.name = "list", .help = "one line a worker, for scripts"},
    {0},
};

static const rp_job job = {
    .name = "topo",
    .arguments = "",
    .summary = "where every worker is, as each of them reads it back",
    .details =
        "A map of every host: its packages, NUMA nodes and cores, and on each core the worker that is pinned to it, "
        "as\n"
        "it reads that back from the system. Cores that nobody uses, or that were not given to this run, have a sign,\n"
        "which the last line explains. Hosts that are alike are drawn once.\n"
        "An agent has a hardware thread of its own where its first worker's core has one to spare; else agents float\n"
        "over their workers' cores.\n"
        "With --list one line a worker: its number, rank and host; package, NUMA node, core and PU (- where it may "
        "use\n"
        "several); whether it is pinned; the CPUs that it may use.\n"
        "Two workers pinned to one CPU are a fault, and so is one that is not where it was to be: the exit code is "
        "1.\n",
    .options = options,
    .kernel = &kernel,
    .plan = plan,
    .collect = collect,
    .finish = finish,
    .release = release,
};

const struct tool tool_topo = {&job, run_on_pool};
