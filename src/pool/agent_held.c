/* The agent's chunks and maps, and the way into and out of the workers' rings. See agent_state.h. */
#include "pool/agent_state.h"

#include <stdlib.h>
#include <string.h>

enum { SPARES_MAX = 1024, SPARE_BYTES = 1024 /* used chunks that are kept, and the largest of them */ };

/* ---- Maps ---- */

struct rp__agent_map *rp__agent_find_map(const struct rp__agent *agent, uint32_t number) {
    struct rp__agent_map *map = agent->maps;
    while (map && map->number != number) map = map->next;
    return map;
}

void rp__agent_free_map(struct rp__agent_map *map) {
    rp__buffer_free(&map->args);
    free(map->known);
    free(map);
}

/* Is a chunk half in this worker's ring? Then nothing else may go in before the rest of it. */
bool rp__agent_is_half_given(const struct rp__agent_worker *worker) {
    return worker->waiting.first && worker->waiting.first->work.started;
}

static bool forget(struct rp__agent *agent, uint32_t at, const struct rp__agent_map *map) {
    struct rp__work work = {.type = RP__WORK_FORGET, .map = map->number};
    if (rp__agent_is_half_given(&agent->worker[at]) || !agent->ops->give(agent->crew, at, &work)) return false;
    agent->worker[at].map_started = false; /* a map of which half had gone in is begun again */
    agent->ops->wake(agent->crew, at);
    return true;
}

/* An ended map goes when its last chunk has gone and the workers that know it have been told, which may have to wait
 * for room in their rings. */
void rp__agent_let_go(struct rp__agent *agent, struct rp__agent_map *map) {
    bool known = false;
    if (!map->ended || map->chunks) return;
    for (uint32_t i = 0; i < agent->workers; i++) {
        if (map->known[i]) map->known[i] = !forget(agent, i, map);
        known |= map->known[i];
    }
    if (known) return;
    struct rp__agent_map **at = &agent->maps;
    while (*at != map) at = &(*at)->next;
    *at = map->next;
    rp__agent_free_map(map);
}

/* ---- Chunks ---- */

/* Chunks are many and mostly small: a used one is kept with its memory for the next. */
struct rp__held *rp__agent_new_held(struct rp__agent *agent, struct rp__agent_map *map) {
    struct rp__held *held = agent->spare;
    if (held) {
        agent->spare = held->next;
        agent->spares--;
        held->inputs.size = 0;
        *held = (struct rp__held){.inputs = held->inputs};
    } else if (!(held = calloc(1, sizeof *held))) {
        return NULL;
    }
    held->map = map;
    map->chunks++;
    agent->held++;
    return held;
}

void rp__agent_drop(struct rp__held *held) {
    rp__buffer_free(&held->inputs);
    free(held);
}

void rp__agent_free_held(struct rp__agent *agent, struct rp__held *held) {
    struct rp__agent_map *map = held->map;
    agent->held--;
    if (agent->spares < SPARES_MAX && held->inputs.capacity <= SPARE_BYTES) {
        held->next = agent->spare;
        agent->spare = held;
        agent->spares++;
    } else {
        rp__agent_drop(held);
    }
    map->chunks--;
    rp__agent_let_go(agent, map);
}

int rp__agent_give_back(struct rp__agent *agent, struct rp__held *held) {
    int rc = rp__outbox_put(agent->out, &(struct rp__frame){.type = RP__FRAME_RETURNED, .chunk = held->work.chunk});
    rp__agent_free_held(agent, held);
    return rc;
}

uint32_t rp__agent_load(const struct rp__agent_worker *worker) { return worker->waiting.count + worker->given.count; }

void rp__agent_enqueue(struct rp__agent *agent, uint32_t at, struct rp__held *held) {
    if (!rp__agent_load(&agent->worker[at])) agent->idle--;
    rp__queue_push(&agent->worker[at].waiting, held);
}

void rp__agent_count_idle(struct rp__agent *agent, uint32_t at) {
    if (!rp__agent_load(&agent->worker[at])) agent->idle++;
}

/* Has the worker had its share of tasks, or would this chunk be more? Then it is to leave, once nothing of it is out. */
bool rp__agent_has_had_enough(struct rp__agent *agent, uint32_t at, const struct rp__held *next) {
    struct rp__agent_worker *worker = &agent->worker[at];
    uint64_t more = next ? next->work.end - next->work.begin : 0;
    if (worker->retiring) return true;
    if (!agent->tasks_max || !worker->tasks) return false;
    if (worker->tasks < agent->tasks_max && worker->tasks + more <= agent->tasks_max) return false;
    if (next && next->work.started) return false; /* half of it is given */
    if (!worker->given.count) {
        worker->retiring = true;
        agent->ops->retire(agent->crew, at);
    }
    return true;
}

/* Put what waits into the worker's ring, as far as there is room. */
void rp__agent_pump(struct rp__agent *agent, uint32_t at) {
    struct rp__agent_worker *worker = &agent->worker[at];
    bool any = false;
    if (worker->init_pending) {
        worker->init_pending = !agent->ops->give(agent->crew, at, &worker->init_work);
        agent->ops->wake(agent->crew, at);
        if (worker->init_pending) return;
    }
    for (struct rp__held *held; (held = worker->waiting.first);) {
        struct rp__agent_map *map = held->map;
        if (rp__agent_has_had_enough(agent, at, held)) break;
        /* Half of another map is in the ring, whose chunk was moved away: the worker drops that half at what is next. */
        if (worker->map_work.map != map->number) worker->map_started = false;
        if (!map->known[at]) {
            if (!worker->map_started)
                worker->map_work = (struct rp__work){.type = RP__WORK_MAP,
                                                     .map = map->number,
                                                     .kernel = map->kernel,
                                                     .reduce = map->reduce,
                                                     .grows = map->grows};
            worker->map_started = any = true;
            worker->map_work.data = map->args.data;
            worker->map_work.size = map->args.size;
            if (!agent->ops->give(agent->crew, at, &worker->map_work)) break;
            worker->map_started = false;
            map->known[at] = true;
        }
        bool whole = agent->ops->give(agent->crew, at, &held->work);
        any |= whole || held->work.started;
        if (!whole) break;
        worker->tasks += held->work.end - held->work.begin;
        rp__queue_pop(&worker->waiting);
        rp__queue_push(&worker->given, held);
    }
    if (!any) return;
    agent->ops->low_water(agent->crew, at, worker->given.count / 2);
    agent->ops->wake(agent->crew, at);
}

static bool fits(const struct rp__held *held, struct rp__wish wish) {
    return wish.only ? held->map == wish.only : !held->targeted && wish.to < held->map->active;
}

/* The youngest such chunk that this worker has not started, unlinked; or NULL. */
struct rp__held *rp__agent_take_unstarted(struct rp__agent *agent, uint32_t at, struct rp__wish wish) {
    struct rp__agent_worker *worker = &agent->worker[at];
    struct rp__held **waiting = NULL, **given = NULL, *held = NULL;
    for (struct rp__held **i = &worker->waiting.first; *i; i = &(*i)->next)
        if (!(*i)->work.started && fits(*i, wish)) waiting = i;
    if (waiting) {
        held = *waiting;
        rp__queue_unlink(&worker->waiting, waiting);
        return held;
    }
    if (rp__agent_is_half_given(worker)) return NULL; /* leave it be */
    for (struct rp__held **i = &worker->given.first; *i; i = &(*i)->next)
        if (fits(*i, wish)) given = i;
    if (!given || !agent->ops->take_back(agent->crew, at, (*given)->work.chunk)) return NULL;
    held = *given;
    rp__queue_unlink(&worker->given, given);
    held->work.given = 0;
    held->work.started = false;
    return held;
}

uint32_t rp__agent_most_loaded(const struct rp__agent *agent) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < agent->workers; i++)
        if (rp__agent_load(&agent->worker[i]) > rp__agent_load(&agent->worker[best])) best = i;
    return best;
}
