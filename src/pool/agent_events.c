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
    struct rp__agent_worker *worker = &agent->worker[event->worker];
    struct rp__frame frame = {.type = RP__FRAME_RESULT,
                              .flags = event->last ? 0 : RP__MORE,
                              .chunk = event->chunk,
                              .count = event->busy_ns,
                              .data = event->data,
                              .size = event->size};
    int rc = rp__outbox_put(agent->out, &frame);
    if (worker->given.first) worker->given.first->half_answered = true;
    if (!event->last || rc) return rc;
    double ns = (double)event->busy_ns;
    agent->chunk_ns += agent->chunk_ns > 0 ? 0.2 * (ns - agent->chunk_ns) : ns;
    worker->deaths = 0;
    struct rp__held *held = rp__queue_pop(&worker->given);
    if (held) rp__agent_free_held(agent, held);
    rp__agent_count_idle(agent, event->worker);
    if (!worker->waiting.first) rp__agent_has_had_enough(agent, event->worker, NULL);
    return 0;
}

/* What a chunk's tasks add: the master keeps it until the chunk is answered. */
static int children(struct rp__agent *agent, const struct rp__crew_event *event) {
    struct rp__held *held = agent->worker[event->worker].given.first;
    if (held) held->half_answered = true;
    struct rp__frame frame = {
        .type = RP__FRAME_CHILDREN, .chunk = event->chunk, .data = event->data, .size = event->size};
    return rp__outbox_put(agent->out, &frame);
}

/* Lines go on whole; the rest of the last one is still to come. */
static int print(struct rp__agent *agent, const struct rp__crew_event *event) {
    struct rp__buffer *line = &agent->worker[event->worker].line;
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

/* The chunk that a worker died of, unlinked; or NULL. What is half answered was in hand, whatever the worker's slot
 * says of it: its answer cannot begin again under the same number. */
static struct rp__held *take_guilty(struct rp__agent_worker *worker, const struct rp__crew_event *event) {
    const struct rp__held *oldest = worker->given.first;
    if (!oldest) return NULL;
    bool in_hand = event->in_hand && oldest->work.chunk == event->chunk;
    return in_hand || oldest->half_answered ? rp__queue_pop(&worker->given) : NULL;
}

/* All that a worker was given waits again, for the one that takes its place; what its map no longer wants goes back. */
static int wait_again(struct rp__agent *agent, struct rp__agent_worker *worker) {
    int rc = 0;
    rp__queue_prepend(&worker->waiting, &worker->given);
    for (struct rp__held **at = &worker->waiting.first, *held; (held = *at) && rc == 0;) {
        held->work.given = 0;
        held->work.started = false;
        if (!held->map->ended && !held->unwanted) {
            at = &held->next;
            continue;
        }
        rp__queue_unlink(&worker->waiting, at);
        rc = rp__agent_give_back(agent, held);
    }
    return rc;
}

/* A worker is gone: tell what it had in hand, keep the rest for the next one. */
static int ended(struct rp__agent *agent, const struct rp__crew_event *event, rp_error *error) {
    struct rp__agent_worker *worker = &agent->worker[event->worker];
    struct rp__frame died = {.type = RP__FRAME_DIED,
                             .worker = event->worker,
                             .count = event->how,
                             .data = (const uint8_t *)event->cause,
                             .size = strlen(event->cause)};
    bool had = rp__agent_load(worker) != 0;
    struct rp__held *guilty = take_guilty(worker, event);
    if (guilty) {
        bool known = event->in_hand && event->task_known;
        died.flags = RP__IN_HAND | (worker->killed ? RP__KILLED : 0);
        died.chunk = guilty->work.chunk;
        died.begin = known ? event->task : guilty->work.begin;
        died.end = known ? event->task + 1 : guilty->work.end;
    }
    for (struct rp__agent_map *map = agent->maps; map; map = map->next) map->known[event->worker] = false;
    bool expected = worker->retiring && !guilty;
    worker->map_started = worker->killed = worker->retiring = false;
    worker->tasks = 0;
    rp__buffer_free(&worker->line);
    rp__agent_start_over(agent, worker);
    int rc = expected ? 0 : rp__outbox_put(agent->out, &died);
    if (rc == 0) rc = wait_again(agent, worker);
    if (guilty) rp__agent_free_held(agent, guilty);
    if (had) rp__agent_count_idle(agent, event->worker);
    if (rc || agent->process) return rc;
    if (!expected && ++worker->deaths > DEATHS_IN_A_ROW && !guilty)
        return rp__fail(error, RP_ESYSTEM, "worker %u of this rank dies as soon as it starts: %s", event->worker,
                        event->cause);
    return agent->ops->restart(agent->crew, event->worker, error);
}

/* Ready for tasks: where there is an initializer, it has run. */
static int started(struct rp__agent *agent, const struct rp__crew_event *event) {
    if (agent->worker[event->worker].ever_started) return 0;
    agent->worker[event->worker].ever_started = true;
    struct rp__frame frame = {
        .type = RP__FRAME_WORKER, .worker = event->worker, .count = event->pid > 0 ? (uint64_t)event->pid : 0};
    if (agent->process) {
        frame.data = (const uint8_t *)agent->process;
        frame.size = sizeof *agent->process;
    }
    return rp__outbox_put(agent->out, &frame);
}

/* A worker has run dry while another holds chunks that it has not started: move one. */
static void even_out(struct rp__agent *agent) {
    for (uint32_t at = 0; at < agent->workers; at++) {
        if (rp__agent_load(&agent->worker[at])) continue;
        uint32_t from = rp__agent_most_loaded(agent);
        if (rp__agent_load(&agent->worker[from]) < 2) return;
        struct rp__held *held = rp__agent_take_unstarted(agent, from, (struct rp__wish){.to = at});
        if (!held) return;
        rp__agent_enqueue(agent, at, held);
    }
}

/* What a worker computes of an ended map is no longer wanted. To be called when all answers were taken, so that it is
 * that chunk that it computes, and not one behind it. Threads cannot be killed: they finish the chunk. */
static int kill_unwanted(struct rp__agent *agent, uint32_t at) {
    struct rp__agent_worker *worker = &agent->worker[at];
    struct rp__held *held = worker->given.first;
    if (worker->killed || !held || !(held->map->ended || held->unwanted)) return 0;
    bool canceled = !held->map->ended;
    worker->killed = true;
    int rc = agent->ops->kill(agent->crew, at, canceled ? "its task was canceled" : "its map was closed");
    if (!canceled || rc != RP_EUNSUPPORTED) return 0;
    worker->killed = held->unwanted = false;
    return rp__outbox_put(agent->out, &(struct rp__frame){.type = RP__FRAME_RUNS, .chunk = held->work.chunk});
}

int rp__agent_poll(struct rp__agent *agent, uint32_t *events, rp_error *error) {
    struct rp__crew_event event;
    bool got = true;
    uint32_t count = 0;
    int rc = 0;
    while (rc == 0 && count < EVENTS_MAX) {
        rc = agent->ops->poll(agent->crew, &event, &got, error);
        if (rc || !got) break;
        count++;
        switch (event.type) {
        case RP__CREW_STARTED:
            rc = agent->initializes ? 0 : started(agent, &event);
            break;
        case RP__CREW_INITIALIZED:
            rc = event.failed ? rp__fail(error, RP_ETASK, "the initializer failed in worker %u of this rank: %.*s",
                                         event.worker, (int)event.size, (const char *)event.data)
                              : started(agent, &event);
            break;
        case RP__CREW_RESULT:
            rc = result(agent, &event);
            break;
        case RP__CREW_CHILDREN:
            rc = children(agent, &event);
            break;
        case RP__CREW_CUT:
        case RP__CREW_CALL:
            rc = RP_EPROTOCOL;
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
    for (uint32_t i = 0; i < agent->workers && !got && rc == 0; i++) rc = kill_unwanted(agent, i);
    if (agent->idle && !count) even_out(agent);
    for (uint32_t i = 0; i < agent->workers && rc == 0; i++)
        if (agent->worker[i].waiting.first || agent->worker[i].init_pending) rp__agent_pump(agent, i);
    for (struct rp__agent_map *map = agent->maps, *next; map; map = next) {
        next = map->next;
        if (map->ended && map->chunks) agent->ops->cancel(agent->crew, map->number);
        rp__agent_let_go(agent, map);
    }
    *events = count;
    return rc;
}
