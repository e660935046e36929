/* See virtual_crew.h. A worker answers its chunks in the order in which it got them, so when each of them begins and
 * ends is known as soon as it is given. It changes later only where the agent takes the core, or the chunk back. */
#include "virtual_crew.h"

#include <stdlib.h>
#include <string.h>

enum {
    UNANSWERED_MAX = 1024, /* as in the real crew */
    PIECE_MAX = 32 * 1024, /* of a result, as in the real crew */
    RECORD = 9             /* 8 bytes and their head */
};

struct virtual_chunk {
    uint64_t chunk, begin, end;
    uint64_t from_ns, to_ns;
};

struct virtual_worker {
    struct virtual_chunk *queue; /* [capacity], a power of two; those of [first, last) are not answered */
    uint32_t first, last, capacity, low;
    uint64_t told; /* records of the first one that the agent has */
    double slowness;
    bool announced;
};

struct rp__crew {
    struct virtual_options options;
    struct virtual_worker *worker;
    uint64_t *answers_ns;   /* [workers] when its first chunk ends; UINT64_MAX: it has none; 0: it is not announced */
    uint32_t turn, delayed; /* whose answer is looked at next; who is delayed next */
    uint64_t now_ns;
    double computed[2];
    uint8_t records[PIECE_MAX];
};

static uint32_t waiting(const struct virtual_worker *worker) { return worker->last - worker->first; }

static struct virtual_chunk *at(const struct virtual_worker *worker, uint32_t index) {
    return &worker->queue[(worker->first + index) & (worker->capacity - 1)];
}

struct rp__crew *virtual_crew_new(const struct virtual_options *options) {
    struct rp__crew *crew = calloc(1, sizeof *crew);
    struct virtual_worker *worker = calloc(options->workers, sizeof *worker);
    uint64_t *answers_ns = calloc(options->workers, sizeof *answers_ns);
    if (!crew || !worker || !answers_ns) {
        free(crew);
        free(worker);
        free(answers_ns);
        return NULL;
    }
    crew->options = *options;
    crew->options.slowness = NULL;
    crew->worker = worker;
    crew->answers_ns = answers_ns;
    for (uint32_t i = 0; i < options->workers; i++) worker[i].slowness = options->slowness[i];
    for (size_t i = 0; i + RECORD <= PIECE_MAX; i += RECORD) crew->records[i] = 8 << 1;
    return crew;
}

void virtual_crew_free(struct rp__crew *crew) {
    if (!crew) return;
    for (uint32_t i = 0; i < crew->options.workers; i++) free(crew->worker[i].queue);
    free(crew->worker);
    free(crew->answers_ns);
    free(crew);
}

/* After the worker's first chunk has become another one, or ends at another time. */
static void note_first(struct rp__crew *crew, uint32_t index) {
    const struct virtual_worker *worker = &crew->worker[index];
    if (worker->announced) crew->answers_ns[index] = waiting(worker) ? at(worker, 0)->to_ns : UINT64_MAX;
}

void virtual_crew_advance(struct rp__crew *crew, uint64_t now_ns) { crew->now_ns = now_ns; }

uint64_t virtual_crew_rings_at(const struct rp__crew *crew) {
    uint64_t earliest = UINT64_MAX;
    for (uint32_t i = 0; i < crew->options.workers; i++) {
        const struct virtual_worker *worker = &crew->worker[i];
        const uint32_t count = waiting(worker);
        if (!worker->announced) return crew->now_ns;
        if (!count) continue;
        const uint32_t answers = count > worker->low ? count - worker->low : 1;
        const uint64_t rings = at(worker, answers - 1)->to_ns;
        if (rings < earliest) earliest = rings;
    }
    return earliest;
}

void virtual_crew_delay(struct rp__crew *crew, uint64_t ns) {
    const uint32_t index = crew->delayed;
    struct virtual_worker *worker = &crew->worker[index];
    crew->delayed = (index + 1) % crew->options.workers;
    for (uint32_t i = 0; i < waiting(worker); i++) {
        struct virtual_chunk *chunk = at(worker, i);
        if (chunk->from_ns > crew->now_ns) chunk->from_ns += ns;
        if (chunk->to_ns > crew->now_ns) chunk->to_ns += ns;
    }
    note_first(crew, index);
}

/* ---- What the agent calls ------------------------------------------------------------------------------ */

static bool make_room(struct virtual_worker *worker) {
    const uint32_t count = waiting(worker), capacity = worker->capacity ? 2 * worker->capacity : 4;
    if (count < worker->capacity) return true;
    struct virtual_chunk *queue = count < UNANSWERED_MAX ? malloc(capacity * sizeof *queue) : NULL;
    if (!queue) return false;
    for (uint32_t i = 0; i < count; i++) queue[i] = *at(worker, i);
    free(worker->queue);
    *worker = (struct virtual_worker){.queue = queue,
                                      .last = count,
                                      .capacity = capacity,
                                      .low = worker->low,
                                      .told = worker->told,
                                      .slowness = worker->slowness,
                                      .announced = worker->announced};
    return true;
}

static uint64_t records_of(const struct rp__crew *crew, const struct virtual_chunk *chunk) {
    return crew->options.range ? 1 : chunk->end - chunk->begin;
}

static bool virtual_give(struct rp__crew *crew, uint32_t index, struct rp__work *work) {
    struct virtual_worker *worker = &crew->worker[index];
    if (work->type == RP__WORK_CHUNK) {
        if (!make_room(worker)) return false;
        struct virtual_chunk chunk = {
            .chunk = work->chunk, .begin = work->begin, .end = work->end, .from_ns = crew->now_ns};
        const uint32_t count = waiting(worker);
        if (count && at(worker, count - 1)->to_ns > chunk.from_ns) chunk.from_ns = at(worker, count - 1)->to_ns;
        const double ns = crew->options.chunk_cost_ns + crew->options.cost_ns * (double)records_of(crew, &chunk) +
                          crew->options.task_ns * worker->slowness * (double)(chunk.end - chunk.begin);
        chunk.to_ns = chunk.from_ns + (uint64_t)ns;
        worker->last++;
        *at(worker, count) = chunk;
        note_first(crew, index);
    }
    work->started = true;
    work->given = work->size;
    return true;
}

static bool virtual_take_back(struct rp__crew *crew, uint32_t index, uint64_t chunk) {
    struct virtual_worker *worker = &crew->worker[index];
    const uint32_t count = waiting(worker);
    const struct virtual_chunk *youngest = count ? at(worker, count - 1) : NULL;
    if (!youngest || youngest->chunk != chunk || youngest->from_ns <= crew->now_ns) return false;
    worker->last--;
    note_first(crew, index);
    return true;
}

/* The part of a chunk, 0 to 1, that was computed by then. */
static double part_by(const struct virtual_chunk *chunk, uint64_t then_ns) {
    if (then_ns <= chunk->from_ns) return 0;
    if (then_ns >= chunk->to_ns) return 1;
    return (double)(then_ns - chunk->from_ns) / (double)(chunk->to_ns - chunk->from_ns);
}

static void count(struct rp__crew *crew, const struct virtual_chunk *chunk) {
    const double tasks = (double)(chunk->end - chunk->begin), before = part_by(chunk, crew->options.edge_ns[0]);
    crew->computed[0] += tasks * before;
    crew->computed[1] += tasks * (part_by(chunk, crew->options.edge_ns[1]) - before);
}

void virtual_crew_computed(const struct rp__crew *crew, double tasks[2]) {
    memcpy(tasks, crew->computed, sizeof crew->computed);
}

/* The next piece of the worker's oldest chunk, which has ended. */
static void answer(struct rp__crew *crew, struct virtual_worker *worker, struct rp__crew_event *event) {
    const struct virtual_chunk *chunk = at(worker, 0);
    uint64_t records = records_of(crew, chunk) - worker->told;
    if (records > PIECE_MAX / RECORD) records = PIECE_MAX / RECORD;
    worker->told += records;
    event->type = RP__CREW_RESULT;
    event->chunk = chunk->chunk;
    event->data = crew->records;
    event->size = (size_t)records * RECORD;
    event->last = worker->told == records_of(crew, chunk);
    event->busy_ns = chunk->to_ns - chunk->from_ns;
    if (!event->last) return;
    count(crew, chunk);
    worker->told = 0;
    worker->first++;
}

static int virtual_poll(struct rp__crew *crew, struct rp__crew_event *event, bool *got, rp_error *error) {
    *got = false;
    for (uint32_t seen = 0; seen < crew->options.workers && !*got; seen++) {
        if (crew->answers_ns[crew->turn] > crew->now_ns) {
            crew->turn = crew->turn + 1 < crew->options.workers ? crew->turn + 1 : 0;
            continue;
        }
        struct virtual_worker *worker = &crew->worker[crew->turn];
        *event = (struct rp__crew_event){.type = RP__CREW_STARTED, .worker = crew->turn, .pid = 1};
        if (worker->announced) answer(crew, worker, event);
        worker->announced = true;
        note_first(crew, crew->turn);
        *got = true;
    }
    return 0;
}

static bool virtual_progress(struct rp__crew *crew, uint32_t index, uint64_t *chunk, double *tasks, uint64_t *item) {
    const struct virtual_worker *worker = &crew->worker[index];
    const struct virtual_chunk *hand = waiting(worker) ? at(worker, 0) : NULL;
    if (!hand || hand->from_ns > crew->now_ns || hand->to_ns <= crew->now_ns) return false;
    *chunk = hand->chunk;
    *tasks = (double)(uint64_t)(part_by(hand, crew->now_ns) * (double)(hand->end - hand->begin));
    *item = hand->begin + (uint64_t)*tasks;
    return true;
}

static void virtual_low_water(struct rp__crew *crew, uint32_t index, uint32_t low) { crew->worker[index].low = low; }

/* Nobody sleeps, and nobody ends before his time. */
static void virtual_wake(struct rp__crew *crew, uint32_t index) {}
static void virtual_retire(struct rp__crew *crew, uint32_t index) {}
static void virtual_cancel(const struct rp__crew *crew, uint32_t map) {}
static int virtual_kill(struct rp__crew *crew, uint32_t index, const char *cause) { return RP_EUNSUPPORTED; }
static int virtual_restart(struct rp__crew *crew, uint32_t index, rp_error *error) { return RP_EBUSY; }
static int virtual_add(struct rp__crew *crew, uint32_t like, uint32_t *index, rp_error *error) { return RP_EINVAL; }

const struct rp__agent_crew virtual_agent_crew = {
    .give = virtual_give,
    .wake = virtual_wake,
    .retire = virtual_retire,
    .cancel = virtual_cancel,
    .take_back = virtual_take_back,
    .low_water = virtual_low_water,
    .poll = virtual_poll,
    .progress = virtual_progress,
    .kill = virtual_kill,
    .restart = virtual_restart,
    .add = virtual_add,
};
