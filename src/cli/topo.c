/* rankpool topo: where every worker is, and the proof: each reads its own binding back from the system, and two
 * workers that were pinned to the same CPU are named as a fault. */
#include "cli.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* What a worker says of itself. CPUs beyond the mask's end cannot be told, which no machine of today has. */
struct answer {
    rp_where where;
    int cpu; /* where it ran when it was asked */
    cpu_set_t mask;
};

static int answer_task(rp_task *task, const void *input, size_t size) {
    (void)input, (void)size;
    struct answer answer;
    memset(&answer, 0, sizeof answer);
    answer.where = *rp_task_where(task);
    answer.cpu = sched_getcpu();
    if (sched_getaffinity(0, sizeof answer.mask, &answer.mask))
        return rp_task_fail(task, "cannot read its own binding");
    return rp_task_write(task, &answer, sizeof answer);
}

static const rp_kernel kernel = {.name = "topo", .item = answer_task};

struct answers {
    struct answer *at;
    size_t count, capacity;
};

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    if (argc) return rp_job_fail(run, "topo takes no arguments, and \"%.60s\" was given", argv[0]);
    run->each_worker = run->ordered = true;
    run->state = calloc(1, sizeof(struct answers));
    return run->state ? 0 : rp_job_fail(run, "out of memory");
}

static int collect(rp_job_run *run, const rp_result *result) {
    struct answers *answers = run->state;
    if (result->size != sizeof *answers->at) return RP_EPROTOCOL;
    if (answers->count == answers->capacity) {
        size_t capacity = answers->capacity ? 2 * answers->capacity : 16;
        struct answer *at = realloc(answers->at, capacity * sizeof *at);
        if (!at) return RP_ENOMEM;
        answers->at = at;
        answers->capacity = capacity;
    }
    memcpy(&answers->at[answers->count++], result->data, sizeof *answers->at);
    return 0;
}

static const char *mask_text(const cpu_set_t *mask, char *text, size_t size) {
    size_t length = 0;
    text[0] = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && length + 16 < size; cpu++) {
        if (!CPU_ISSET(cpu, mask)) continue;
        int last = cpu;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, mask)) last++;
        length += (size_t)snprintf(text + length, size - length, last > cpu ? "%s%d-%d" : "%s%d", length ? "," : "",
                                   cpu, last);
        cpu = last;
    }
    return text;
}

static const char *or_dash(int n, char text[16]) {
    snprintf(text, 16, n < 0 ? "-" : "%d", n);
    return text;
}

static int faults(rp_job_run *run, const struct answers *answers) {
    char cpus[256];
    int count = 0;
    for (size_t i = 0; i < answers->count; i++) {
        const rp_where *where = &answers->at[i].where;
        if (where->core >= 0 && !where->bound) { /* it was to be there, and reads back something else */
            fprintf(stderr, "rankpool: fault: worker %u was to be pinned to core %d of %s, and may use CPUs %s\n",
                    where->worker, where->core, where->host, mask_text(&answers->at[i].mask, cpus, sizeof cpus));
            count++;
        }
        for (size_t k = 0; k < i; k++) {
            const struct answer *a = &answers->at[k], *b = &answers->at[i];
            cpu_set_t both;
            CPU_AND(&both, &a->mask, &b->mask);
            if (!a->where.bound || !b->where.bound || strcmp(a->where.host, b->where.host) || !CPU_COUNT(&both))
                continue;
            fflush(run->out);
            fprintf(stderr, "rankpool: fault: workers %u and %u are both pinned to CPU %s of %s\n", a->where.worker,
                    b->where.worker, mask_text(&both, cpus, sizeof cpus), a->where.host);
            count++;
        }
    }
    return count ? rp_job_fail(run, "%d fault%s in the placement: look at how the ranks were bound by their launcher",
                               count, count == 1 ? "" : "s")
                 : 0;
}

static int finish(rp_job_run *run) {
    const struct answers *answers = run->state;
    fprintf(run->out, "worker rank host             package numa core   pu  bound cpus\n");
    for (size_t i = 0; i < answers->count; i++) {
        const struct answer *a = &answers->at[i];
        char package[16], numa[16], core[16], pu[16], cpus[256];
        fprintf(run->out, "%6u %4d %-16s %7s %4s %4s %4s  %-5s %s\n", a->where.worker, a->where.rank, a->where.host,
                or_dash(a->where.package, package), or_dash(a->where.numa, numa), or_dash(a->where.core, core),
                or_dash(a->where.pu, pu), a->where.bound ? "yes" : "no", mask_text(&a->mask, cpus, sizeof cpus));
    }
    return faults(run, answers);
}

static void release(rp_job_run *run) {
    struct answers *answers = run->state;
    free(answers->at);
    free(answers);
}

const rp_job tool_topo = {
    .name = "topo",
    .arguments = "",
    .summary = "where every worker is, as each of them reads it back",
    .details =
        "One line a worker: its number, rank and host; package, NUMA node, core and PU (- where it may use several);\n"
        "whether it is pinned; the CPUs that it may use, read back from the system. Two workers pinned to one CPU\n"
        "are a fault, and the exit code is then 1.\n",
    .kernel = &kernel,
    .plan = plan,
    .collect = collect,
    .finish = finish,
    .release = release,
};
