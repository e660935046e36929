/* What rankpool topo draws: workers are planned on machines that hwloc makes up, as the pool plans them, and the text is
 * compared with what it should be. */
#include "cli/topo_map.h"
#include "topo/topo.h"
#include "unit.h"

#include <string.h>

enum { WORKERS_MAX = 16384, HOSTS_MAX = 128 };

static struct topo_worker worker[WORKERS_MAX];
static struct topo_host host[HOSTS_MAX];
static struct topo topo;
static char *drawn;

static struct rp__cpuset from_to(unsigned first, unsigned last) {
    struct rp__cpuset set = {0};
    for (unsigned cpu = first; cpu <= last; cpu++) rp__cpuset_add(&set, cpu);
    return set;
}

static void add_worker(const struct rp__topo *machine, const struct rp__cpuset *binding, int rank, int local) {
    struct topo_worker *self = &worker[topo.workers];
    *self = (struct topo_worker){.host = topo.hosts - 1};
    rp__topo_where(machine, binding, &self->where);
    self->where.worker = (uint32_t)topo.workers++;
    self->where.rank = rank;
    self->where.local = local;
    memcpy(&self->mask, binding, sizeof self->mask < sizeof *binding ? sizeof self->mask : sizeof *binding);
}

/* One more host, of ranks that may use all of `allowed` and have a crew of `workers` each. */
static void add_host(const char *name, const char *description, const struct rp__cpuset *allowed, uint32_t ranks,
                     uint32_t workers, enum rp_bind bind) {
    static int first_rank;
    struct rp__topo *machine = NULL;
    struct rp__topo_rank rank[256];
    struct rp__topo_plan plan;
    if (!topo.hosts) first_rank = 0;
    CU_ASSERT_EQUAL_FATAL(rp__topo_synthetic(&machine, description, NULL, NULL), 0);
    for (uint32_t i = 0; i < ranks; i++) rank[i] = (struct rp__topo_rank){.binding = *allowed, .workers = workers};
    const struct rp__topo_wish wish = {.bind = bind, .bind_asked = true, .launched = true};
    CU_ASSERT_EQUAL_FATAL(rp__topo_plan(machine, rank, ranks, &wish, &plan), 0);
    struct topo_host *self = &host[topo.hosts++];
    self->pu = calloc(1024, sizeof *self->pu);
    self->pus = rp__topo_pus(machine, allowed, self->pu, 1024);
    snprintf(self->name, sizeof self->name, "%s", name);
    for (uint32_t r = 0; r < ranks; r++, first_rank++)
        for (uint32_t i = 0; i < plan.workers[r]; i++) {
            const struct rp__cpuset *binding = &plan.binding[plan.first[r] + i];
            add_worker(machine, rp__cpuset_is_empty(binding) ? allowed : binding, first_rank, (int)i);
        }
    rp__topo_plan_free(&plan);
    rp__topo_free(machine);
}

static void begin(void) { topo = (struct topo){.worker = worker, .host = host}; }

/* Draws it, and is it this? No line is ever longer than 120 columns. */
static bool draws(const char *expected) {
    size_t size;
    free(drawn);
    FILE *out = open_memstream(&drawn, &size);
    CU_ASSERT_EQUAL(topo_map_print(out, &topo), 0);
    fclose(out);
    for (size_t i = 0; i < topo.hosts; i++) free(host[i].pu);
    for (const char *line = drawn; *line; line += strcspn(line, "\n") + 1) CU_ASSERT_TRUE(strcspn(line, "\n") <= 120);
    if (expected && strcmp(drawn, expected)) fprintf(stderr, "\n%s", drawn);
    return !expected || !strcmp(drawn, expected);
}

static void small_host_takes_four_lines(void) {
    const struct rp__cpuset all = from_to(0, 3);
    begin();
    add_host("a", "package:1 core:4 pu:1", &all, 4, 1, RP_BIND_CORE);
    CU_ASSERT_TRUE(draws("a: 1 package, 1 NUMA node, 4 cores\n"
                         "  workers 0-3 of ranks 0-3\n"
                         "  package 0  NUMA 0   0: 0 1 2 3\n"
                         "N: worker N pinned  agents float\n"));
}

static void hosts_that_are_alike_are_drawn_once(void) {
    const struct rp__cpuset all = from_to(0, 3), fewer = from_to(1, 3);
    begin();
    for (int i = 8; i <= 12; i++) {
        char name[32];
        snprintf(name, sizeof name, "node%02d", i);
        add_host(name, "package:2 core:2 pu:1", i == 10 ? &fewer : &all, 1, 3, RP_BIND_CORE);
    }
    CU_ASSERT_TRUE(draws("node08: 2 packages, 1 NUMA node, 4 cores\n"
                         "  workers 0-2 of rank 0\n"
                         "  package 0  NUMA 0   0: 0 1\n"
                         "  package 1  NUMA 0   2: 2 .\n"
                         "node09,node11-node12: the same\n"
                         "  workers 3-5,9-14 of ranks 1,3-4, 3 each\n"
                         "node10: 2 packages, 1 NUMA node, 4 cores\n"
                         "  workers 6-8 of rank 2\n"
                         "  package 0  NUMA 0   0: x 6\n"
                         "  package 1  NUMA 0   2: 7 8\n"
                         "N: worker N pinned  .: unused  x: not allowed  agents float\n"));
}

static void hardware_threads_are_told_apart_where_they_differ(void) {
    const struct rp__cpuset all = from_to(0, 7);
    begin();
    add_host("core", "package:2 core:2 pu:2", &all, 1, 3, RP_BIND_CORE);
    add_host("pu", "package:2 core:2 pu:2", &all, 2, 3, RP_BIND_PU);
    host[1].pu[5].agent = true;
    CU_ASSERT_TRUE(draws("core: 2 packages, 1 NUMA node, 4 cores, 8 hardware threads\n"
                         "  workers 0-2 of rank 0\n"
                         "  package 0  NUMA 0   0: 0 1\n"
                         "  package 1  NUMA 0   2: 2 .\n"
                         "pu: 2 packages, 1 NUMA node, 4 cores, 8 hardware threads\n"
                         "  workers 3-8 of ranks 1-2, 3 each\n"
                         "  package 0  NUMA 0   0: 3+7 4+8\n"
                         "  package 1  NUMA 0   2: 5+a 6+.\n"
                         "N: worker N pinned  .: unused  a: agent  +: threads of a core\n"));
}

static void workers_that_are_not_pinned_have_a_line(void) {
    const struct rp__cpuset all = from_to(0, 3);
    begin();
    add_host("free", "package:1 core:4 pu:1", &all, 2, 4, RP_BIND_CORE);
    CU_ASSERT_TRUE(draws("free: 1 package, 1 NUMA node, 4 cores\n"
                         "  workers 0-7 of ranks 0-1, 4 each\n"
                         "  package 0  NUMA 0   0: ~ ~ ~ ~\n"
                         "  not pinned, on CPUs 0-3: workers 0-7 of ranks 0-1, 4 each\n"
                         "N: worker N pinned  ~: not pinned  agents float\n"));
}

static void a_cpu_of_two_workers_is_marked(void) {
    const struct rp__cpuset all = from_to(0, 3);
    begin();
    add_host("twice", "package:1 core:4 pu:1", &all, 2, 2, RP_BIND_CORE);
    worker[3].mask = worker[1].mask;
    CU_ASSERT_TRUE(draws("twice: 1 package, 1 NUMA node, 4 cores\n"
                         "  workers 0-3 of ranks 0-1, 2 each\n"
                         "  package 0  NUMA 0   0: 0 ! 2 .\n"
                         "N: worker N pinned  .: unused  !: several workers  agents float\n"));
}

static void host_of_128_cores_is_readable(void) {
    const struct rp__cpuset all = from_to(0, 255);
    begin();
    add_host("big", "package:2 numa:2 core:32 pu:2", &all, 4, 31, RP_BIND_CORE);
    CU_ASSERT_TRUE(draws("big: 2 packages, 4 NUMA nodes, 128 cores, 256 hardware threads\n"
                         "  workers 0-123 of ranks 0-3, 31 each\n"
                         "  package 0  NUMA 0   0:   0   1   2   3   4   5   6   7   8   9  10  11  12  13  14  15\n"
                         "                     16:  16  17  18  19  20  21  22  23  24  25  26  27  28  29  30  31\n"
                         "             NUMA 1  32:  32  33  34  35  36  37  38  39  40  41  42  43  44  45  46  47\n"
                         "                     48:  48  49  50  51  52  53  54  55  56  57  58  59  60  61  62  63\n"
                         "  package 1  NUMA 2  64:  64  65  66  67  68  69  70  71  72  73  74  75  76  77  78  79\n"
                         "                     80:  80  81  82  83  84  85  86  87  88  89  90  91  92  93  94  95\n"
                         "             NUMA 3  96:  96  97  98  99 100 101 102 103 104 105 106 107 108 109 110 111\n"
                         "                    112: 112 113 114 115 116 117 118 119 120 121 122 123   .   .   .   .\n"
                         "N: worker N pinned  .: unused  agents float\n"));
}

/* Wide cells, every sign, the longest names, and many sets of unpinned workers. */
static void add_everything(bool agent) {
    static const char name[] = "a-host-with-the-longest-name-that-a-host-can-have.of-some.cluster";
    const struct rp__cpuset all = from_to(0, 253);
    begin();
    add_host(name, "package:2 numa:2 core:32 pu:2", &all, 4, 50, RP_BIND_PU);
    for (size_t i = 0; i < topo.workers; i++) worker[i].where.worker += 100000;
    for (size_t i = 0; i < 40; i++) {
        worker[i].where.bound = false;
        worker[i].mask = (cpu_set_t){0};
        for (size_t cpu = i % 10; cpu < 250; cpu += 3) CPU_SET(cpu, &worker[i].mask);
    }
    worker[41].mask = worker[42].mask;
    host[0].pu[251].agent = agent;
}

static void no_line_is_longer_than_120_columns(void) {
    add_everything(true);
    CU_ASSERT_TRUE(draws(NULL));
    CU_ASSERT_PTR_NOT_NULL(strstr(drawn, "N: worker N pinned  .: unused  x: not allowed  a: agent  ~: not pinned  "
                                         "!: several workers  +: threads of a core\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(drawn, "and others that are not pinned"));
    add_everything(false);
    CU_ASSERT_TRUE(draws(NULL));
    CU_ASSERT_PTR_NOT_NULL(strstr(drawn, "!: several workers  +: threads of a core  agents float\n"));
}

static void hundred_hosts_of_128_cores_take_few_lines(void) {
    const struct rp__cpuset all = from_to(0, 127);
    begin();
    for (int i = 1; i <= 100; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%d.cluster", i);
        add_host(name, "package:2 numa:2 core:32 pu:1", &all, 128, 1, RP_BIND_CORE);
    }
    CU_ASSERT_EQUAL(topo.workers, 12800);
    CU_ASSERT_TRUE(draws("n1.cluster: 2 packages, 4 NUMA nodes, 128 cores\n"
                         "  workers 0-127 of ranks 0-127\n"
                         "  package 0  NUMA 0   0:   0   1   2   3   4   5   6   7   8   9  10  11  12  13  14  15\n"
                         "                     16:  16  17  18  19  20  21  22  23  24  25  26  27  28  29  30  31\n"
                         "             NUMA 1  32:  32  33  34  35  36  37  38  39  40  41  42  43  44  45  46  47\n"
                         "                     48:  48  49  50  51  52  53  54  55  56  57  58  59  60  61  62  63\n"
                         "  package 1  NUMA 2  64:  64  65  66  67  68  69  70  71  72  73  74  75  76  77  78  79\n"
                         "                     80:  80  81  82  83  84  85  86  87  88  89  90  91  92  93  94  95\n"
                         "             NUMA 3  96:  96  97  98  99 100 101 102 103 104 105 106 107 108 109 110 111\n"
                         "                    112: 112 113 114 115 116 117 118 119 120 121 122 123 124 125 126 127\n"
                         "n2.cluster-n100.cluster: the same\n"
                         "  workers 128-12799 of ranks 128-12799\n"
                         "N: worker N pinned  agents float\n"));
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(small_host_takes_four_lines),
                                             UNIT(hosts_that_are_alike_are_drawn_once),
                                             UNIT(hardware_threads_are_told_apart_where_they_differ),
                                             UNIT(workers_that_are_not_pinned_have_a_line),
                                             UNIT(a_cpu_of_two_workers_is_marked),
                                             UNIT(host_of_128_cores_is_readable),
                                             UNIT(no_line_is_longer_than_120_columns),
                                             UNIT(hundred_hosts_of_128_cores_take_few_lines),
                                             {NULL, NULL}};
    const int exit_code = unit_run("topo_map", tests);
    free(drawn);
    return exit_code;
}
