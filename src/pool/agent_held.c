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

bool rp__agent_is_half_given(const struct rp__agent_place *place) {
    return place->waiting.first && place->waiting.first->work.started;
}

static bool forget(struct rp__agent *agent, uint32_t worker, const struct rp__agent_map *map) {
    struct rp__work work = {.type = RP__WORK_FORGET, .map = map->number};
    const struct rp__agent_place *place = &agent->place[agent->life[worker].place];
    if (place->current == worker && rp__agent_is_half_given(place)) return false;
    if (!agent->ops->give(agent->crew, worker, &work)) return false;
    agent->life[worker].map_started = false; /* a map of which half had gone in is begun again */
    agent->ops->wake(agent->crew, worker);
    return true;
}

/* An ended map goes when its last chunk has gone and the workers that know it have been told, which may have to wait
 * for room in their rings. */
void rp__agent_let_go(struct rp__agent *agent, struct rp__agent_map *map) {
    bool known = false;
    if (!map->ended || map->chunks) return;
    for (uint32_t i = 0; i < agent->lives; i++) {
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

uint32_t rp__agent_load(const struct rp__agent *agent, uint32_t at) {
    const struct rp__agent_place *place = &agent->place[at];
    const struct rp__agent_life *life = rp__agent_current(agent, at);
    return place->waiting.count + (life ? life->given.count : 0) + place->starved;
}

void rp__agent_enqueue(struct rp__agent *agent, uint32_t at, struct rp__held *held) {
    rp__queue_push(&agent->place[at].waiting, held);
    rp__agent_count_idle(agent, at);
}

void rp__agent_count_idle(struct rp__agent *agent, uint32_t at) {
    struct rp__agent_place *place = &agent->place[at];
    bool idle = !rp__agent_load(agent, at);
    agent->idle = agent->idle - place->idle + idle;
    place->idle = idle;
}

/* Has the worker had its share of tasks, or would this chunk be more? Then it is to leave, once nothing of it is out. */
bool rp__agent_has_had_enough(struct rp__agent *agent, struct rp__agent_life *life, const struct rp__held *next) {
    uint64_t more = next ? next->work.end - next->work.begin : 0;
    if (life->retiring) return true;
    if (!agent->tasks_max || !life->tasks) return false;
    if (life->tasks < agent->tasks_max && life->tasks + more <= agent->tasks_max) return false;
    if (next && next->work.started) return false; /* half of it is given */
    if (!life->given.count) {
        life->retiring = true;
        agent->ops->retire(agent->crew, (uint32_t)(life - agent->life));
    }
    return true;
}

/* All of the map in the worker's ring, or as much of it as there is room for. */
static bool tell_map(struct rp__agent *agent, uint32_t worker, struct rp__agent_map *map) {
    struct rp__agent_life *life = &agent->life[worker];
    if (!life->map_started)
        life->map_work = (struct rp__work){.type = RP__WORK_MAP,
                                           .map = map->number,
                                           .kernel = map->kernel,
                                           .reduce = map->reduce,
                                           .grows = map->grows};
    life->map_started = true;
    life->map_work.data = map->args.data;
    life->map_work.size = map->args.size;
    if (!agent->ops->give(agent->crew, worker, &life->map_work)) return false;
    life->map_started = false;
    return map->known[worker] = true;
}

/* Put what waits into the current life's ring, as far as there is room. */
static void fill_ring(struct rp__agent *agent, struct rp__agent_place *place) {
    uint32_t worker = place->current;
    struct rp__agent_life *life = &agent->life[worker];
    bool any = false;
    if (life->killed || life->overran) return; /* it would die of what is not its fault */
    if (life->init_pending) {
        life->init_pending = !agent->ops->give(agent->crew, worker, &life->init_work);
        agent->ops->wake(agent->crew, worker);
        if (life->init_pending) return;
    }
    for (struct rp__held *held; (held = place->waiting.first);) {
        struct rp__agent_map *map = held->map;
        if (rp__agent_has_had_enough(agent, life, held)) break;
        if (place->alone && life->given.count) break;
        /* Half of another map is in the ring, whose chunk was moved away: the worker drops that half at what is next. */
        if (life->map_work.map != map->number) life->map_started = false;
        if (!map->known[worker]) {
            any = true;
            if (!tell_map(agent, worker, map)) break;
        }
        bool whole = agent->ops->give(agent->crew, worker, &held->work);
        any |= whole || held->work.started;
        if (!whole) break;
        life->tasks += held->work.end - held->work.begin;
        rp__queue_pop(&place->waiting);
        held->watched = false;
        rp__queue_push(&life->given, held);
    }
    if (!any) return;
    agent->ops->low_water(agent->crew, worker, life->given.count / 2);
    agent->ops->wake(agent->crew, worker);
}

int rp__agent_pump(struct rp__agent *agent, uint32_t at, rp_error *error) {
    struct rp__agent_place *place = &agent->place[at];
    int rc = 0;
    if (place->current == RP__NO_LIFE && place->waiting.first && !place->starved)
        rc = rp__agent_substitute(agent, at, error);
    if (rc || place->current == RP__NO_LIFE) return rc;
    if (place->waiting.first || agent->life[place->current].init_pending) fill_ring(agent, place);
    return 0;
}

static bool fits(const struct rp__held *held, struct rp__wish wish) {
    return wish.only ? held->map == wish.only : !held->targeted && wish.to < held->map->active;
}

/* The youngest such chunk in this place that was not started, unlinked; or NULL. */
struct rp__held *rp__agent_take_unstarted(struct rp__agent *agent, uint32_t at, struct rp__wish wish) {
    struct rp__agent_place *place = &agent->place[at];
    struct rp__agent_life *life = rp__agent_current(agent, at);
    struct rp__held **waiting = NULL, **given = NULL, *held = NULL;
    for (struct rp__held **i = &place->waiting.first; *i; i = &(*i)->next)
        if (!(*i)->work.started && fits(*i, wish)) waiting = i;
    if (waiting) {
        held = *waiting;
        rp__queue_unlink(&place->waiting, waiting);
        return held;
    }
    if (!life || rp__agent_is_half_given(place)) return NULL; /* leave it be */
    for (struct rp__held **i = &life->given.first; *i; i = &(*i)->next)
        if (fits(*i, wish)) given = i;
    if (!given || !agent->ops->take_back(agent->crew, place->current, (*given)->work.chunk)) return NULL;
    held = *given;
    rp__queue_unlink(&life->given, given);
    held->work.given = 0;
    held->work.started = false;
    return held;
}

/* The current life's youngest chunk, or NULL if it has started; it stays where it waits, or moves there. */
struct rp__held *rp__agent_recall_youngest(struct rp__agent *agent, uint32_t at) {
    struct rp__agent_place *place = &agent->place[at];
    struct rp__agent_life *life = rp__agent_current(agent, at);
    bool half = rp__agent_is_half_given(place);
    if (!life) return NULL;
    struct rp__held **last = half ? &place->waiting.first : &life->given.first;
    while (!half && *last && (*last)->next) last = &(*last)->next;
    struct rp__held *held = *last;
    if (!held || !agent->ops->take_back(agent->crew, place->current, held->work.chunk)) return NULL;
    held->work.given = 0;
    if (!half) {
        rp__queue_unlink(&life->given, last);
        struct rp__queue front = {.last = &front.first};
        rp__queue_push(&front, held);
        rp__queue_prepend(&place->waiting, &front);
    }
    held->work.started = false;
    return held;
}

bool rp__agent_is_at(const struct rp__agent *agent, uint32_t worker, const struct rp__held *held, double *tasks,
                     uint64_t *item) {
    uint64_t chunk;
    return agent->ops->progress(agent->crew, worker, &chunk, tasks, item) && chunk == held->work.chunk;
}

bool rp__agent_recall_behind(struct rp__agent *agent, uint32_t worker) {
    const struct rp__agent_life *life = &agent->life[worker];
    const struct rp__agent_place *place = &agent->place[life->place];
    while (place->current == worker && (life->given.count > 1 || rp__agent_is_half_given(place)))
        if (!rp__agent_recall_youngest(agent, life->place)) return false;
    return true;
}

uint32_t rp__agent_most_loaded(const struct rp__agent *agent) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < agent->workers; i++)
        if (rp__agent_load(agent, i) > rp__agent_load(agent, best)) best = i;
    return best;
}
