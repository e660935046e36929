/* The played cluster of test_master.c, and a crew in it: workers take chunks from their rings, compute for as long as
 * is drawn, and answer, die or get stuck. */
#ifndef PLAYED_MODEL_H
#define PLAYED_MODEL_H

#include "core/master.h"
#include "core/record.h"
#include "net/net_local.h"
#include "played_map.h"
#include "pool/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANKS_MAX = 8, WORKERS_MAX = 4, MAPS_MAX = 3, RING = 8 };

struct played_chunk {
    uint64_t chunk, begin, end;
    uint32_t map;
    uint8_t *inputs;
    size_t size;
};

struct played_worker {
    struct played_chunk ring[RING]; /* [0] is in hand once it has started */
    uint32_t count;
    bool computing, started, announced, dead, told; /* told: of the children of the chunk in hand */
    uint64_t done_ns;                               /* when the one in hand ends, or when its worker dies */
    bool dies;
    uint64_t guilty;
    char cause[32];
};

struct model;

struct rp__crew {
    struct model *model;
    uint32_t rank, workers;
    struct played_worker worker[WORKERS_MAX];
    uint8_t result[1 << 19];
    struct rp__buffer children;
};

struct model {
    uint64_t random, now, slow_ns;
    struct rp__net_local *hub;
    struct rp__master *master;
    struct rp__agent *agent[RANKS_MAX];
    struct rp__crew crew[RANKS_MAX];
    struct rp__outbox out[RANKS_MAX], to[RANKS_MAX];
    uint32_t ranks;
    bool lost[RANKS_MAX];
    struct played_map map[MAPS_MAX];
    uint32_t maps, kills_left, losses_left;
    uint32_t queens; /* of every map; 0: as they are drawn */
    uint64_t events, pauses;
    bool fixed;        /* one of the maps gives tasks to workers */
    bool sent;         /* at this moment: a message to oneself has arrived already */
    const char *wrong; /* what went wrong first */
    uint8_t aside[1 << 20];
    uint64_t aside_end;
};

static inline void blame(struct model *model, const char *what) {
    if (!model->wrong) model->wrong = what;
}

static inline struct played_map *map_of(struct model *model, uint32_t number) {
    for (uint32_t i = 0; i < model->maps; i++)
        if (model->map[i].number == number) return &model->map[i];
    return NULL;
}

static inline bool played_give(struct rp__crew *crew, uint32_t at, struct rp__work *work) {
    struct played_worker *worker = &crew->worker[at];
    if (worker->dead || !worker->started) return false;
    if (work->type != RP__WORK_CHUNK) return true;
    if (worker->count == RING) return false;
    struct played_chunk *chunk = &worker->ring[worker->count++];
    *chunk = (struct played_chunk){.chunk = work->chunk, .begin = work->begin, .end = work->end, .map = work->map};
    chunk->inputs = malloc(work->size ? work->size : 1);
    if (work->size) memcpy(chunk->inputs, work->data, work->size);
    chunk->size = work->size;
    return true;
}

static inline void played_wake(struct rp__crew *crew, uint32_t at) {}
static inline void played_low_water(struct rp__crew *crew, uint32_t at, uint32_t low) {}

static inline bool played_take_back(struct rp__crew *crew, uint32_t at, uint64_t chunk) {
    struct played_worker *worker = &crew->worker[at];
    if (!worker->count || worker->ring[worker->count - 1].chunk != chunk) return false;
    if (worker->count == 1 && worker->computing) return false;
    free(worker->ring[--worker->count].inputs);
    return true;
}

static inline int played_kill(struct rp__crew *crew, uint32_t at, const char *cause) {
    struct played_worker *worker = &crew->worker[at];
    if (worker->computing) {
        worker->dies = true;
        worker->done_ns = crew->model->now;
        snprintf(worker->cause, sizeof worker->cause, "%s", cause);
    }
    return 0;
}

static inline int played_restart(struct rp__crew *crew, uint32_t at, rp_error *error) {
    struct played_worker *worker = &crew->worker[at];
    worker->dead = false;
    worker->started = true;
    worker->announced = false;
    return 0;
}

static inline bool is_to_be_killed(struct model *model) {
    if (!model->kills_left || draw(&model->random, 40)) return false;
    model->kills_left--;
    return true;
}

/* In a chunk of others' like, of which no worker dies: once. One worker of rank 0, which is never lost, goes on. Where
 * workers have tasks of their own nobody gets stuck, since these must wait for them. */
static inline bool gets_stuck(struct rp__crew *crew, uint32_t at, struct played_map *map) {
    const struct played_chunk *chunk = &crew->worker[at].ring[0];
    if (!map->sticky || crew->model->fixed || map->answered == map->failed || (crew->rank == 0 && at == 0))
        return false;
    if (map->stuck[chunk->begin] || draw(&crew->model->random, 20)) return false;
    for (uint64_t task = chunk->begin; task < chunk->end; task++)
        if (is_poison(map, task)) return false;
    map->stuck[chunk->begin] = 1;
    return true;
}

/* Begin the chunk in hand: how long it takes, and whether its worker dies of it, and of which task. */
static inline void begin(struct rp__crew *crew, uint32_t at) {
    struct model *model = crew->model;
    struct played_worker *worker = &crew->worker[at];
    struct played_chunk *chunk = &worker->ring[0];
    struct played_map *map = map_of(model, chunk->map);
    uint64_t tasks = chunk->end - chunk->begin;
    worker->computing = true;
    worker->dies = worker->told = false;
    worker->done_ns = model->now + 1 + tasks * (1 + draw(&model->random, model->slow_ns));
    worker->guilty = chunk->begin;
    if (gets_stuck(crew, at, map)) {
        worker->done_ns = UINT64_MAX;
        snprintf(worker->cause, sizeof worker->cause, "played stop");
        return;
    }
    for (uint64_t task = chunk->begin; task < chunk->end && !worker->dies; task++)
        if (is_poison(map, task)) {
            worker->dies = true;
            worker->guilty = task;
        }
    if (!worker->dies && is_to_be_killed(model)) {
        worker->dies = true;
        worker->guilty = chunk->begin + draw(&model->random, tasks);
    }
    snprintf(worker->cause, sizeof worker->cause, "played death");
}

static inline void drop_ring(struct played_worker *worker) {
    for (uint32_t i = 0; i < worker->count; i++) free(worker->ring[i].inputs);
    worker->count = 0;
}

static inline void played_death(struct rp__crew *crew, uint32_t at, struct rp__crew_event *event) {
    struct played_worker *worker = &crew->worker[at];
    *event = (struct rp__crew_event){.type = RP__CREW_ENDED,
                                     .worker = at,
                                     .in_hand = true,
                                     .chunk = worker->ring[0].chunk,
                                     .task_known = !map_of(crew->model, worker->ring[0].map)->range,
                                     .task = worker->guilty};
    memcpy(event->cause, worker->cause, sizeof worker->cause);
    worker->dead = true;
    worker->computing = false;
    drop_ring(worker);
}

static inline size_t put_answer(struct rp__crew *crew, const struct played_chunk *chunk) {
    struct played_map *map = map_of(crew->model, chunk->map);
    size_t size = 0, at = 0;
    crew->children.size = 0;
    if (map->queens) {
        size = compute_boards(chunk->inputs, chunk->size, chunk->end - chunk->begin, map->queens, crew->result,
                              &crew->children);
        if (!size) blame(crew->model, "inputs that are no boards");
        return size;
    }
    if (map->range) {
        uint64_t range[2] = {chunk->begin, chunk->end};
        size = rp__record_head(crew->result, sizeof range, false);
        memcpy(crew->result + size, range, sizeof range);
        return size + sizeof range;
    }
    for (uint64_t task = chunk->begin; task < chunk->end; task++) {
        uint64_t answer = answer_of(chunk->map, task);
        if (map->fed) {
            const uint8_t *data;
            size_t length;
            bool failed;
            size_t whole = rp__record_read(chunk->inputs + at, chunk->size - at, &data, &length, &failed);
            if (!whole || length != sizeof answer || memcmp(data, &answer, length)) blame(crew->model, "a wrong input");
            at += whole;
        }
        if ((task + 1) % map->reduce && task + 1 < chunk->end) continue;
        answer = record_of(chunk->map, task - task % map->reduce, task + 1);
        size += rp__record_head(crew->result + size, sizeof answer, false);
        memcpy(crew->result + size, &answer, sizeof answer);
        size += sizeof answer;
    }
    if (at != chunk->size) blame(crew->model, "inputs of other tasks");
    return size;
}

static inline int played_poll(struct rp__crew *crew, struct rp__crew_event *event, bool *got, rp_error *error) {
    *got = true;
    for (uint32_t at = 0; at < crew->workers; at++) {
        struct played_worker *worker = &crew->worker[at];
        if (worker->started && !worker->announced) {
            worker->announced = true;
            *event = (struct rp__crew_event){.type = RP__CREW_STARTED, .worker = at};
            return 0;
        }
        if (worker->count && !worker->computing && !worker->dead) begin(crew, at);
        if (!worker->computing || worker->done_ns > crew->model->now) continue;
        if (worker->dies) {
            played_death(crew, at, event);
            return 0;
        }
        *event = (struct rp__crew_event){.type = RP__CREW_RESULT, .worker = at, .chunk = worker->ring[0].chunk};
        event->data = crew->result;
        event->size = put_answer(crew, &worker->ring[0]);
        if (crew->children.size && !worker->told) {
            event->type = RP__CREW_CHILDREN;
            event->data = crew->children.data;
            event->size = crew->children.size;
            worker->told = true;
            worker->dies = is_to_be_killed(crew->model); /* between this and the answer */
            return 0;
        }
        event->last = true;
        event->busy_ns = 1 + worker->ring[0].end - worker->ring[0].begin;
        free(worker->ring[0].inputs);
        memmove(&worker->ring[0], &worker->ring[1], --worker->count * sizeof worker->ring[0]);
        worker->computing = false;
        return 0;
    }
    *got = false;
    return 0;
}

/* Its kernels do not ask whether they are wanted. */
static inline void played_cancel(const struct rp__crew *crew, uint32_t map) {}

static const struct rp__agent_crew played_crew = {.give = played_give,
                                                  .wake = played_wake,
                                                  .take_back = played_take_back,
                                                  .low_water = played_low_water,
                                                  .poll = played_poll,
                                                  .kill = played_kill,
                                                  .cancel = played_cancel,
                                                  .restart = played_restart};

#endif
