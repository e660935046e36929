/* Chunks to workers, results to the master. See agent.h.
 *
 * Each place has a queue of chunks that wait for room in a ring, and each life in it one of those that are in its ring
 * and not yet answered, in the order in which it will answer them. A chunk goes to the place that holds fewest; when one runs
 * dry while another still has some that it has not started, they are moved. This file follows the master's orders. */
#include "core/error.h"
#include "pool/agent_state.h"

#include <stdlib.h>
#include <string.h>

struct rp__agent *rp__agent_new(const struct rp__agent_crew *ops, struct rp__crew *crew, uint32_t workers,
                                struct rp__outbox *out) {
    struct rp__agent *agent = calloc(1, sizeof *agent);
    struct rp__agent_place *place = calloc(workers, sizeof *place);
    struct rp__agent_life *life = calloc(workers, sizeof *life);
    if (!agent || !place || !life) {
        free(agent);
        free(place);
        free(life);
        return NULL;
    }
    *agent = (struct rp__agent){.ops = ops, .crew = crew, .out = out, .place = place, .life = life, .room = SIZE_MAX};
    agent->workers = agent->idle = agent->lives = agent->lives_capacity = workers;
    for (uint32_t i = 0; i < workers; i++) {
        place[i] = (struct rp__agent_place){.waiting.last = &place[i].waiting.first, .current = i, .idle = true};
        life[i] = (struct rp__agent_life){.given.last = &life[i].given.first, .place = i};
    }
    return agent;
}

void rp__agent_start_over(struct rp__agent *agent, struct rp__agent_life *life) {
    life->init_work = agent->init;
    life->init_pending = agent->initializes;
}

void rp__agent_initialize(struct rp__agent *agent, uint32_t kernel, const void *input, size_t size) {
    agent->init = (struct rp__work){.type = RP__WORK_INIT, .kernel = kernel, .data = input, .size = size};
    agent->initializes = true;
    for (uint32_t i = 0; i < agent->lives; i++) rp__agent_start_over(agent, &agent->life[i]);
}

void rp__agent_set_calls(struct rp__agent *agent, const struct rp__agent_calls *calls) { agent->calls = *calls; }

void rp__agent_set_room(struct rp__agent *agent, size_t bytes) { agent->room = bytes; }

void rp__agent_limit_tasks(struct rp__agent *agent, uint64_t tasks) { agent->tasks_max = tasks; }

void rp__agent_is_process(struct rp__agent *agent, const rp_where *where) { agent->process = where; }

/* ---- Maps ---- */

static int map_came(struct rp__agent *agent, const struct rp__frame *frame) {
    struct rp__agent_map *map = rp__agent_find_map(agent, frame->map);
    if (!map) {
        map = calloc(1, sizeof *map);
        if (!map || !(map->known = calloc(agent->lives_capacity, sizeof *map->known))) {
            free(map);
            return RP_ENOMEM;
        }
        map->number = frame->map;
        map->kernel = frame->kernel;
        map->reduce = frame->count;
        map->limit_ns = frame->chunk;
        map->grows = frame->flags & RP__GROWS;
        map->once = frame->flags & RP__ONCE;
        map->active = frame->worker && frame->worker < agent->workers ? frame->worker : agent->workers;
        map->next = agent->maps;
        agent->maps = map;
    }
    if (map->whole) return RP_EPROTOCOL;
    if (rp__buffer_append(&map->args, frame->data, frame->size)) return RP_ENOMEM;
    map->whole = !(frame->flags & RP__MORE);
    return 0;
}

/* ---- Chunks ---- */

static uint32_t least_loaded(struct rp__agent *agent, uint32_t active) {
    uint32_t best = 0, least = UINT32_MAX;
    agent->turn++;
    for (uint32_t i = 0; i < active && least; i++) {
        uint32_t at = (agent->turn + i) % active;
        if (rp__agent_load(agent, at) >= least) continue;
        best = at;
        least = rp__agent_load(agent, at);
    }
    return best;
}

static int work_came(struct rp__agent *agent, const struct rp__frame *frame) {
    struct rp__held *held = agent->incoming;
    if (!held) {
        struct rp__agent_map *map = rp__agent_find_map(agent, frame->map);
        if (!map || !map->whole || (frame->worker != RP__ANY_WORKER && frame->worker >= agent->workers))
            return RP_EPROTOCOL;
        if (!(held = rp__agent_new_held(agent, map))) return RP_ENOMEM;
        held->work = (struct rp__work){
            .type = RP__WORK_CHUNK, .map = frame->map, .chunk = frame->chunk, .begin = frame->begin, .end = frame->end};
        agent->incoming = held;
    } else if (held->work.chunk != frame->chunk) {
        return RP_EPROTOCOL;
    }
    if (rp__buffer_append(&held->inputs, frame->data, frame->size)) return RP_ENOMEM;
    if (frame->flags & RP__MORE) return 0;
    agent->incoming = NULL;
    held->work.data = held->inputs.data;
    held->work.size = held->inputs.size;
    if (held->map->ended) return rp__agent_give_back(agent, held);
    held->targeted = frame->worker != RP__ANY_WORKER;
    rp__agent_enqueue(agent, held->targeted ? frame->worker : least_loaded(agent, held->map->active), held);
    return 0;
}

static int take_back(struct rp__agent *agent, uint64_t count) {
    int rc = 0;
    while (count-- && rc == 0) {
        uint32_t at = rp__agent_most_loaded(agent);
        struct rp__held *held =
            rp__agent_load(agent, at) > 1 ? rp__agent_take_unstarted(agent, at, (struct rp__wish){0}) : NULL;
        if (!held) break;
        rc = rp__agent_give_back(agent, held);
        rp__agent_count_idle(agent, at);
    }
    if (rc) return rc;
    return rp__outbox_put(agent->out, &(struct rp__frame){.type = RP__FRAME_RETURNED, .flags = RP__LAST});
}

static int map_ended(struct rp__agent *agent, uint32_t number) {
    struct rp__agent_map *map = rp__agent_find_map(agent, number);
    if (!map) return RP_EPROTOCOL;
    int rc = 0;
    map->chunks++; /* keeps it while its chunks go */
    map->ended = true;
    for (uint32_t at = 0; at < agent->workers && rc == 0; at++) {
        for (struct rp__held *held;
             rc == 0 && (held = rp__agent_take_unstarted(agent, at, (struct rp__wish){.only = map}));)
            rc = rp__agent_give_back(agent, held);
        rp__agent_count_idle(agent, at);
    }
    map->chunks--;
    rp__agent_let_go(agent, map);
    return rc;
}

/* ---- Cancel ---- */

static struct rp__held **find_held(struct rp__queue *queue, uint64_t chunk) {
    for (struct rp__held **at = &queue->first; *at; at = &(*at)->next)
        if ((*at)->work.chunk == chunk) return at;
    return NULL;
}

/* Is in the ring of a life that has given up its place, and stays there. */
static struct rp__held *find_aside(struct rp__agent *agent, uint64_t chunk) {
    for (uint32_t i = 0; i < agent->lives; i++) {
        struct rp__held **given = find_held(&agent->life[i].given, chunk);
        if (given) return *given;
    }
    return NULL;
}

static int cancel_running(struct rp__agent *agent, struct rp__held *held, bool kill) {
    held->unwanted |= kill;
    if (kill) return 0; /* answered by its end */
    return rp__outbox_put(agent->out, &(struct rp__frame){.type = RP__FRAME_RUNS, .chunk = held->work.chunk});
}

/* Those behind it in the ring are taken out first, and go in again. */
static int cancel_at(struct rp__agent *agent, uint32_t at, uint64_t chunk, bool kill) {
    struct rp__agent_place *place = &agent->place[at];
    struct rp__agent_life *life = rp__agent_current(agent, at);
    struct rp__held **waiting = find_held(&place->waiting, chunk);
    struct rp__held *held = waiting ? *waiting : *find_held(&life->given, chunk);
    bool recalled = waiting && !held->work.started;
    while (!recalled) {
        const struct rp__held *youngest = rp__agent_recall_youngest(agent, at);
        if (!youngest) break;
        recalled = youngest == held;
    }
    if (!recalled) return cancel_running(agent, held, kill);
    rp__queue_unlink(&place->waiting, find_held(&place->waiting, chunk));
    rp__agent_count_idle(agent, at);
    return rp__agent_give_back(agent, held);
}

static int cancel_came(struct rp__agent *agent, const struct rp__frame *frame) {
    bool kill = frame->flags & RP__KILL;
    for (uint32_t at = 0; at < agent->workers; at++) {
        struct rp__agent_life *life = rp__agent_current(agent, at);
        if (find_held(&agent->place[at].waiting, frame->chunk) || (life && find_held(&life->given, frame->chunk)))
            return cancel_at(agent, at, frame->chunk, kill);
    }
    struct rp__held *aside = find_aside(agent, frame->chunk);
    return aside ? cancel_running(agent, aside, kill) : 0; /* 0: its answer is on its way */
}

int rp__agent_receive(struct rp__agent *agent, const struct rp__frame *frame) {
    switch (frame->type) {
    case RP__FRAME_MAP:
        return map_came(agent, frame);
    case RP__FRAME_MAP_END:
        return map_ended(agent, frame->map);
    case RP__FRAME_WORK:
        return work_came(agent, frame);
    case RP__FRAME_TAKE_BACK:
        return take_back(agent, frame->count);
    case RP__FRAME_CANCEL:
        return cancel_came(agent, frame);
    default:
        return RP_EPROTOCOL;
    }
}

uint32_t rp__agent_idle(const struct rp__agent *agent) { return agent->idle; }

uint64_t rp__agent_chunk_ns(const struct rp__agent *agent) { return (uint64_t)agent->chunk_ns; }

uint64_t rp__agent_held(const struct rp__agent *agent) { return agent->held; }

static void drop_all(struct rp__queue *queue) {
    for (struct rp__held *held; (held = rp__queue_pop(queue));) rp__agent_drop(held);
}

void rp__agent_free(struct rp__agent *agent) {
    if (!agent) return;
    for (uint32_t i = 0; i < agent->workers; i++) drop_all(&agent->place[i].waiting);
    for (uint32_t i = 0; i < agent->lives; i++) {
        drop_all(&agent->life[i].given);
        rp__buffer_free(&agent->life[i].line);
    }
    if (agent->incoming) rp__agent_drop(agent->incoming);
    for (struct rp__held *held; (held = agent->spare);) {
        agent->spare = held->next;
        rp__agent_drop(held);
    }
    for (struct rp__agent_map *map; (map = agent->maps);) {
        agent->maps = map->next;
        rp__agent_free_map(map);
    }
    free(agent->place);
    free(agent->life);
    free(agent);
}
