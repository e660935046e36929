/* What the steps cost that the simulation charges, on this machine: the real master deals to a cluster that is played
 * here, in one process, and a real agent moves the chunks of a virtual crew. Prints words for sim_pool, in ns, and the
 * most that the master held in memory; the median of a few rounds, since the machine may do other things, too.
 *
 *     costs RANKS WORKERS CHUNK-MS */
#include "pool/agent.h"
#include "sim_master.h"
#include "virtual_crew.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RECORD = 9, MANY = 401, BATCH = 64, BATCHES = 400, ROUNDS = 3 };

struct wanted {
    uint32_t ranks, workers;
    uint64_t chunk_ns;
};

struct master_costs {
    double deal, result;
    size_t held; /* bytes */
};

struct agent_costs {
    double work, result, look;
};

/* Of this thread's own time, so that what else the machine does counts for little. */
static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Since then, but for what it takes to ask for the time, which is as much as some of what is timed. */
static double since(double from_ns) {
    const double until = now_ns();
    const double asking = now_ns() - until, ns = until - from_ns - asking;
    return ns > 0 ? ns : 0;
}

static void must(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "costs: %s\n", what);
    exit(1);
}

static uint8_t *make_records(void) {
    uint8_t *records = calloc(MANY, RECORD);
    must(records, "out of memory");
    for (int i = 0; i < MANY; i++) records[(size_t)i * RECORD] = 8 << 1;
    return records;
}

/* ---- The master ---------------------------------------------------------------------------------------- */

struct dealt {
    uint32_t rank;
    uint64_t chunk;
};

struct played {
    struct sim_master master;
    struct rp__outbox *to; /* [ranks] */
    struct dealt *dealt;   /* a ring of what is out */
    uint64_t first, last, capacity;
};

static size_t allocated(void) {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void open_played(struct played *played, const struct wanted *wanted, struct sim_case *simulated) {
    struct rp__frame frame;
    uint32_t rank;
    must(sim_master_open(&played->master, wanted->ranks, simulated), "out of memory");
    for (rank = 0; rank < wanted->ranks; rank++) {
        frame = (struct rp__frame){.type = RP__FRAME_CREW, .worker = wanted->workers};
        must(rp__master_receive(played->master.master, rank, &frame) == 0, "a crew was refused");
        frame = (struct rp__frame){.type = RP__FRAME_WORKER};
        for (uint32_t i = 0; i < wanted->workers; i++) rp__master_receive(played->master.master, rank, &frame);
    }
    while (rp__master_action(played->master.master, &rank, &frame)) must(frame.type != RP__FRAME_WORK, "it deals");
    must(sim_master_step(&played->master, 1), "a map cannot be opened");
}

/* At most so many chunks go out, in messages as in the pool: the number that did. */
static uint64_t deal(struct played *played, uint64_t most, double *ns) {
    struct rp__frame frame;
    uint32_t rank;
    uint64_t count = 0;
    const double from = now_ns();
    while (count < most && rp__master_action(played->master.master, &rank, &frame)) {
        must(rp__outbox_put(&played->to[rank], &frame) == 0, "out of memory");
        count++;
        if (frame.type != RP__FRAME_WORK) continue;
        must(played->last - played->first < played->capacity, "more is out than workers may hold");
        played->dealt[played->last++ % played->capacity] = (struct dealt){.rank = rank, .chunk = frame.chunk};
        if (played->to[rank].count > 1) rp__outbox_free(&played->to[rank]);
    }
    *ns += since(from);
    return count;
}

/* A batch of the oldest chunks is answered: how many. */
static uint64_t answer(struct played *played, const struct rp__buffer *records, uint64_t chunk_ns, double *ns) {
    struct rp__outbox results = {.pool = 1};
    uint32_t rank[BATCH];
    uint64_t count = 0;
    for (; count < BATCH && played->first < played->last; count++) {
        const struct dealt *dealt = &played->dealt[played->first++ % played->capacity];
        const struct rp__frame result = {.type = RP__FRAME_RESULT,
                                         .chunk = dealt->chunk,
                                         .count = chunk_ns,
                                         .data = records->data,
                                         .size = records->size};
        rank[count] = dealt->rank;
        must(rp__outbox_put(&results, &result) == 0, "out of memory");
    }
    const double from = now_ns();
    struct rp__frame frame;
    for (size_t m = 0, i = 0; m < results.count; m++) {
        const uint8_t *at = results.message[m].data, *end = at + results.message[m].size;
        while (rp__frame_read(&at, end, &frame) == 1)
            must(rp__master_receive(played->master.master, rank[i++], &frame) == 0, "a result was refused");
    }
    must(sim_master_step(&played->master, 1), "the master cannot go on");
    *ns += since(from);
    rp__outbox_free(&results);
    return count;
}

static struct master_costs measure_master(const struct wanted *wanted, uint64_t tasks) {
    const uint64_t workers = (uint64_t)wanted->ranks * wanted->workers;
    struct sim_case simulated = {.chunk = (double)tasks,
                                 .tasks = (double)tasks * (1100 + (double)(BATCH * BATCHES / workers))};
    struct played played = {.capacity = 513 * workers};
    struct rp__buffer records = {.data = make_records(), .size = tasks * RECORD};
    played.to = calloc(wanted->ranks, sizeof *played.to);
    played.dealt = malloc(played.capacity * sizeof *played.dealt);
    must(played.to && played.dealt, "out of memory");
    const size_t before = allocated();
    double deal_ns = 0, result_ns = 0, warm_ns = 0;
    uint64_t dealt = 0, answered = 0;
    open_played(&played, wanted, &simulated);
    for (uint64_t i = 0; i < 2 * workers / BATCH + 20; i++) { /* credit grows until nothing more is dealt */
        while (deal(&played, UINT64_MAX, &warm_ns)) {
        }
        answer(&played, &records, wanted->chunk_ns, &warm_ns);
    }
    for (int i = 0; i < BATCHES; i++) {
        dealt += deal(&played, BATCH, &deal_ns);
        answered += answer(&played, &records, wanted->chunk_ns, &result_ns);
    }
    const struct master_costs costs = {deal_ns / (double)dealt, result_ns / (double)answered, allocated() - before};
    for (uint32_t i = 0; i < wanted->ranks; i++) rp__outbox_free(&played.to[i]);
    sim_master_free(&played.master);
    free(played.to);
    free(played.dealt);
    free(records.data);
    return costs;
}

/* ---- An agent ------------------------------------------------------------------------------------------ */

static double look(struct rp__agent *agent, uint32_t *events) {
    rp_error error;
    *events = 0;
    const double from = now_ns();
    must(rp__agent_poll(agent, events, &error) == 0, "the agent cannot go on");
    return since(from);
}

static struct agent_costs measure_agent(uint32_t workers, uint64_t tasks) {
    struct agent_costs costs = {0};
    struct rp__outbox out = {.pool = 1};
    double *slowness = malloc(workers * sizeof *slowness);
    must(slowness, "out of memory");
    for (uint32_t i = 0; i < workers; i++) slowness[i] = 1;
    struct rp__crew *crew =
        virtual_crew_new(&(struct virtual_options){.workers = workers, .slowness = slowness, .task_ns = 1000});
    struct rp__agent *agent = crew ? rp__agent_new(&virtual_agent_crew, crew, workers, &out) : NULL;
    must(agent, "out of memory");
    struct rp__frame frame = {.type = RP__FRAME_MAP, .map = 1};
    must(rp__agent_receive(agent, &frame) == 0, "a map was refused");
    uint64_t number = 0, answered = 0;
    uint32_t events;
    look(agent, &events);
    for (int round = 1; round <= BATCHES; round++) {
        const double from = now_ns();
        for (uint32_t i = 0; i < workers; i++) {
            frame = (struct rp__frame){
                .type = RP__FRAME_WORK, .map = 1, .chunk = ++number, .end = tasks, .worker = RP__ANY_WORKER};
            must(rp__agent_receive(agent, &frame) == 0, "a chunk was refused");
        }
        double ns = since(from);
        costs.work += ns + look(agent, &events); /* into the rings */
        costs.look += look(agent, &events);
        virtual_crew_advance(crew, (uint64_t)round * 1000000000);
        costs.result += look(agent, &events);
        answered += events;
        rp__outbox_free(&out);
    }
    must(answered == number, "answers are missing");
    rp__agent_free(agent);
    virtual_crew_free(crew);
    free(slowness);
    costs.look /= BATCHES;
    costs.work = (costs.work - costs.look * BATCHES) / (double)number;
    costs.result = (costs.result - costs.look * BATCHES) / (double)number;
    return costs;
}

/* ---- All ----------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double value[ROUNDS]) {
    qsort(value, ROUNDS, sizeof *value, compare);
    return value[ROUNDS / 2] > 0 ? value[ROUNDS / 2] : 0;
}

int main(int argc, char **argv) {
    must(argc == 4, "usage: costs RANKS WORKERS CHUNK-MS");
    const struct wanted wanted = {(uint32_t)strtoul(argv[1], NULL, 10), (uint32_t)strtoul(argv[2], NULL, 10),
                                  (uint64_t)(strtod(argv[3], NULL) * 1e6)};
    must(wanted.ranks && wanted.workers, "there must be ranks and workers");
    double value[9][ROUNDS];
    size_t held = 0;
    for (int i = 0; i < ROUNDS; i++) {
        const struct master_costs one = measure_master(&wanted, 1), many = measure_master(&wanted, MANY);
        const struct agent_costs agent = measure_agent(wanted.workers, 1),
                                 long_ones = measure_agent(wanted.workers, MANY);
        const struct agent_costs alone = measure_agent(1, 1);
        value[0][i] = one.result;
        value[1][i] = (many.result - one.result) / (MANY - 1);
        value[2][i] = one.deal;
        value[3][i] = agent.work;
        value[4][i] = agent.result;
        value[5][i] = (long_ones.result - agent.result) / (MANY - 1);
        value[6][i] = alone.look;
        value[7][i] = wanted.workers > 1 ? (agent.look - alone.look) / (wanted.workers - 1) : 0;
        held = one.held > held ? one.held : held;
    }
    printf("master_result=%.1f master_record=%.2f master_deal=%.1f agent_work=%.1f agent_result=%.1f "
           "agent_record=%.2f agent_poll=%.1f agent_worker=%.2f\n",
           median(value[0]), median(value[1]), median(value[2]), median(value[3]), median(value[4]), median(value[5]),
           median(value[6]), median(value[7]));
    printf("held %zu\n", held);
    return 0;
}
