/* What the crew reports: answers, lines, deaths; and what the agent does of its own accord when it looks. */
#include "core/error.h"
#include "pool/agent_state.h"

#include <stdlib.h>
#include <string.h>

enum {
    EVENTS_MAX = 512,    /* of one poll, so that messages are not starved */
    DEATHS_IN_A_ROW = 32 /* of a worker that never answered anything: it will not get better */
};

static int result(struct rp__agent *agent, const struct rp__crew_event *event) {
    struct rp__agent_life *life = &agent->life[event->worker];
    struct rp__frame frame = {.type = RP__FRAME_RESULT,
                              .flags = event->last ? (event->migrated ? RP__MIGRATED : 0) : RP__MORE,
                              .worker = life->place,
                              .chunk = event->chunk,
                              .count = event->busy_ns,
                              .data = event->data,
                              .size = event->size};
    int rc = rp__outbox_put(agent->out, &frame);
    if (life->given.first) life->given.first->half_answered = true;
    if (!event->last || rc) return rc;
    double ns = (double)event->busy_ns;
    life->deaths = 0;
    struct rp__held *held = rp__queue_pop(&life->given);
    if (agent->place[life->place].alone) agent->place[life->place].alone--;
    if (!held || !held->blocked) agent->chunk_ns += agent->chunk_ns > 0 ? 0.2 * (ns - agent->chunk_ns) : ns;
    if (held) rp__agent_free_held(agent, held);
    if (!life->given.count) rp__agent_at_rest(agent, life);
    rp__agent_count_idle(agent, life->place);
    if (life->state == RP__LIFE_PARKED || !agent->place[life->place].waiting.first)
        rp__agent_has_had_enough(agent, life, NULL);
    return 0;
}

/* What a chunk's tasks add: the master keeps it until the chunk is answered. */
static int children(struct rp__agent *agent, const struct rp__crew_event *event) {
    struct rp__held *held = agent->life[event->worker].given.first;
    if (held) held->half_answered = true;
    struct rp__frame frame = {
        .type = RP__FRAME_CHILDREN, .chunk = event->chunk, .data = event->data, .size = event->size};
    return rp__outbox_put(agent->out, &frame);
}

/* It does what no worker of ours does. One that cannot be killed goes on, and is not heard in this. */
static int runs_wild(struct rp__agent *agent, uint32_t worker) {
    agent->ops->kill(agent->crew, worker, "called a shared object where there is none");
    return 0;
}

/* The task in hand has effects from now on; what is behind it in its chunk is computed elsewhere. */
static int cut(struct rp__agent *agent, const struct rp__crew_event *event) {
    struct rp__held *held = agent->life[event->worker].given.first;
    if (!agent->calls.called || !held || event->task <= held->work.begin || event->task > held->work.end)
        return runs_wild(agent, event->worker);
    held->synced = true;
    held->work.end = event->task;
    return rp__outbox_put(agent->out, &(struct rp__frame){.type = RP__FRAME_CUT,
                                                          .chunk = held->work.chunk,
                                                          .begin = held->work.begin,
                                                          .end = held->work.end});
}

static int called(struct rp__agent *agent, const struct rp__crew_event *event) {
    const struct rp__agent_calls *calls = &agent->calls;
    return calls->called ? calls->called(calls->context, event->worker, event) : runs_wild(agent, event->worker);
}

/* Lines go on whole; the rest of the last one is still to come. */
static int print(struct rp__agent *agent, const struct rp__crew_event *event) {
    struct rp__buffer *line = &agent->life[event->worker].line;
    struct rp__frame frame = {.type = RP__FRAME_PRINT, .data = event->data, .size = event->size};
    const uint8_t *newline = event->size ? memrchr(event->data, '\n', event->size) : NULL;
    const size_t whole = newline ? (size_t)(newline + 1 - event->data) : 0;
    if (line->size) {
        if (rp__buffer_append(line, event->data, whole)) return RP_ENOMEM;
        frame.data = line->data;
        frame.size = line->size;
    } else {
        frame.size = whole;
    }
    if (whole) {
        const int rc = rp__outbox_put(agent->out, &frame);
        rp__buffer_free(line);
        if (rc) return rc;
    }
    if (line->size > RP__PRINT_MAX) return 0; /* no task prints such lines, so the worker runs wild */
    return rp__buffer_append(line, event->data + whole, event->size - whole);
}

/* The chunk that a worker died of, unlinked; or NULL. What is half answered or has had effects was in hand, whatever the
 * worker's slot says of it: its answer cannot begin again under the same number. */
static struct rp__held *take_guilty(struct rp__agent_life *life, const struct rp__crew_event *event) {
    const struct rp__held *oldest = life->given.first;
    if (!oldest) return NULL;
    bool in_hand = event->in_hand && oldest->work.chunk == event->chunk;
    return in_hand || oldest->half_answered || oldest->synced ? rp__queue_pop(&life->given) : NULL;
}

/* A worker that wrote over its rings may have done so in any chunk that it was given, and with the rings went the answers of
 * those before. So that the guilty one is found, and no other blamed, all of them are computed again, one by one. */
static bool is_unclear(const struct rp__agent_life *life, const struct rp__crew_event *event) {
    const struct rp__held *oldest = life->given.first;
    if (!event->ruined || life->given.count < 2 || oldest->half_answered || oldest->synced) return false;
    for (const struct rp__held *held = oldest; held; held = held->next)
        if (held->map->once) return false;
    return true;
}

/* Nothing of these is in a ring any more. What its map no longer wants goes back to the master. */
static int begin_again(struct rp__agent *agent, struct rp__queue *queue) {
    int rc = 0;
    for (struct rp__held **at = &queue->first, *held; (held = *at) && rc == 0;) {
        held->work.given = 0;
        held->work.started = false;
        if (!held->map->ended && !held->unwanted) {
            at = &held->next;
            continue;
        }
        rp__queue_unlink(queue, at);
        rc = rp__agent_give_back(agent, held);
    }
    return rc;
}

/* All that a worker was given waits again, for the one that takes its place. */
static int wait_again(struct rp__agent *agent, struct rp__agent_life *life) {
    struct rp__agent_place *place = &agent->place[life->place];
    struct rp__queue half = {.last = &half.first}; /* in the ring of another life, and first for that reason */
    int rc = begin_again(agent, &life->given);
    if (rc == 0 && life->state == RP__LIFE_CURRENT) rc = begin_again(agent, &place->waiting);
    if (rp__agent_is_half_given(place)) rp__queue_push(&half, rp__queue_pop(&place->waiting));
    rp__queue_prepend(&place->waiting, &life->given);
    rp__queue_prepend(&place->waiting, &half);
    return rc;
}

/* What is to be told of the end of a worker, and of the chunk that it had in hand. */
static struct rp__frame tell_death(const struct rp__agent_life *life, const struct rp__crew_event *event,
                                   const struct rp__held *guilty) {
    const bool timed_out = life->overran && event->why == RP_CAUSE_OTHER;
    struct rp__frame died = {.type = RP__FRAME_DIED,
                             .flags = life->killed || rp__agent_missed(life, event) ? RP__KILLED : 0,
                             .kernel = (uint32_t)(timed_out ? RP_CAUSE_TIMEOUT : event->why),
                             .worker = life->place,
                             .count = event->how,
                             .data = (const uint8_t *)event->cause,
                             .size = strlen(event->cause)};
    if (!guilty) return died;
    bool known = event->in_hand && event->task_known && event->task < guilty->work.end;
    died.flags |= RP__IN_HAND;
    died.chunk = guilty->work.chunk;
    died.begin = known ? event->task : guilty->work.begin;
    died.end = known ? event->task + 1 : guilty->work.end;
    return died;
}

/* A worker is gone: tell what it had in hand, keep the rest for the next one. */
static int ended(struct rp__agent *agent, const struct rp__crew_event *event, rp_error *error) {
    struct rp__agent_life *life = &agent->life[event->worker];
    struct rp__agent_place *place = &agent->place[life->place];
    const bool unclear = is_unclear(life, event);
    struct rp__held *guilty = unclear ? NULL : take_guilty(life, event);
    if (unclear)
        place->alone = life->given.count;
    else if (guilty && place->alone)
        place->alone--;
    const struct rp__frame died = tell_death(life, event, guilty);
    for (struct rp__agent_map *map = agent->maps; map; map = map->next) map->known[event->worker] = false;
    bool expected = life->retiring && !guilty;
    life->map_started = life->killed = life->overran = life->retiring = life->ready = false;
    life->tasks = 0;
    rp__buffer_free(&life->line);
    rp__agent_start_over(agent, life);
    int rc = expected ? 0 : rp__outbox_put(agent->out, &died);
    if (rc == 0) rc = wait_again(agent, life);
    if (guilty) rp__agent_free_held(agent, guilty);
    bool again = rp__agent_leaves(agent, life);
    rp__agent_count_idle(agent, life->place);
    if (rc == 0 && agent->calls.gone) rc = agent->calls.gone(agent->calls.context, event->worker, event->stream);
    if (rc || !again || agent->process) return rc;
    if (!expected && ++life->deaths > DEATHS_IN_A_ROW && !guilty)
        return rp__fail(error, RP_ESYSTEM, "worker %u of this rank dies as soon as it starts: %s", event->worker,
                        event->cause);
    return agent->ops->restart(agent->crew, event->worker, error);
}

/* Ready for tasks: where there is an initializer, it has run. */
static int ready(struct rp__agent *agent, const struct rp__crew_event *event) {
    struct rp__agent_life *life = &agent->life[event->worker];
    struct rp__agent_place *place = &agent->place[life->place];
    life->ready = true;
    if (place->ever_started) return 0;
    place->ever_started = true;
    struct rp__frame frame = {.type = RP__FRAME_WORKER,
                              .worker = life->place,
                              .chunk = event->core < 0 ? 0 : 1 + (uint64_t)event->core,
                              .count = event->pid > 0 ? (uint64_t)event->pid : 0};
    if (agent->process) {
        frame.data = (const uint8_t *)agent->process;
        frame.size = sizeof *agent->process;
    }
    return rp__outbox_put(agent->out, &frame);
}

static int started(struct rp__agent *agent, const struct rp__crew_event *event) {
    if (agent->calls.started) agent->calls.started(agent->calls.context, event->worker);
    return agent->initializes ? 0 : ready(agent, event);
}

/* A worker has run dry while another holds chunks that it has not started: move one. */
static void even_out(struct rp__agent *agent) {
    for (uint32_t at = 0; at < agent->workers; at++) {
        if (rp__agent_load(agent, at)) continue;
        uint32_t from = rp__agent_most_loaded(agent);
        if (rp__agent_load(agent, from) < 2) return;
        struct rp__held *held = rp__agent_take_unstarted(agent, from, (struct rp__wish){.to = at});
        if (!held) return;
        rp__agent_count_idle(agent, from);
        rp__agent_enqueue(agent, at, held);
    }
}

/* What a worker computes of an ended map is no longer wanted. Where answers were left in the rings, for want of room, it
 * has to say itself that it is at that chunk. Threads cannot be killed: they finish the chunk. */
static int kill_unwanted(struct rp__agent *agent, uint32_t worker, bool all_taken) {
    struct rp__agent_life *life = &agent->life[worker];
    struct rp__held *held = life->given.first;
    uint64_t item;
    double tasks;
    if (life->killed || !held || held->spared || !(held->map->ended || held->unwanted)) return 0;
    if (!all_taken && !rp__agent_is_at(agent, worker, held, &tasks, &item)) return 0;
    if (!rp__agent_recall_behind(agent, worker)) return 0;
    bool canceled = !held->map->ended;
    life->killed = true;
    int rc = agent->ops->kill(agent->crew, worker, canceled ? "its task was canceled" : "its map was closed");
    if (rc != RP_EUNSUPPORTED) return 0;
    life->killed = false;
    held->spared = true;
    return canceled ? rp__outbox_put(agent->out, &(struct rp__frame){.type = RP__FRAME_RUNS, .chunk = held->work.chunk})
                    : 0;
}

int rp__agent_poll(struct rp__agent *agent, uint32_t *events, rp_error *error) {
    struct rp__crew_event event;
    bool got = true;
    uint32_t count = 0;
    size_t taken = 0;
    int rc = 0;
    while (rc == 0 && count < EVENTS_MAX && taken < agent->room) {
        event.size = 0; /* not all of them have it */
        rc = agent->ops->poll(agent->crew, &event, &got, error);
        if (rc || !got) break;
        count++;
        taken += event.size;
        switch (event.type) {
        case RP__CREW_STARTED:
            rc = started(agent, &event);
            break;
        case RP__CREW_INITIALIZED:
            rc = event.failed ? rp__fail(error, RP_ETASK, "the initializer failed in worker %u of this rank: %.*s",
                                         event.worker, (int)event.size, (const char *)event.data)
                              : ready(agent, &event);
            break;
        case RP__CREW_RESULT:
            rc = result(agent, &event);
            break;
        case RP__CREW_CHILDREN:
            rc = children(agent, &event);
            break;
        case RP__CREW_CUT:
            rc = cut(agent, &event);
            break;
        case RP__CREW_CALL:
            rc = called(agent, &event);
            break;
        case RP__CREW_PRINT:
            rc = print(agent, &event);
            break;
        case RP__CREW_ENDED:
            rc = ended(agent, &event, error);
            break;
        }
        if (rc == RP_ENOMEM) rp__fail(error, rc, "the agent is out of memory");
    }
    for (uint32_t i = 0; i < agent->lives && rc == 0; i++) rc = kill_unwanted(agent, i, !got);
    if (agent->idle && !count) even_out(agent);
    for (uint32_t i = 0; i < agent->workers && rc == 0; i++) rc = rp__agent_pump(agent, i, error);
    for (struct rp__agent_map *map = agent->maps, *next; map; map = next) {
        next = map->next;
        if (map->ended && map->chunks) agent->ops->cancel(agent->crew, map->number);
        rp__agent_let_go(agent, map);
    }
    *events = count;
    return rc;
}
