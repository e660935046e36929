/* Chunks to workers, results to the master. See agent.h.
 *
 * Each worker has two queues: chunks that wait for room in its ring, and chunks that are in its ring and not yet
 * answered, in the order in which it will answer them. A chunk goes to the worker that holds fewest; when one runs
 * dry while another still has some that it has not started, they are moved. */
#include "pool/agent.h"

#include "core/error.h"

#include <stdlib.h>
#include <string.h>

enum {
    EVENTS_MAX = 512, /* of one poll, so that messages are not starved */
    DEATHS_IN_A_ROW = 32 /* of a worker that never answered anything: it will not get better */,
    SPARES_MAX = 1024,
    SPARE_BYTES = 1024 /* used chunks that are kept, and the largest of them */
};

const struct rp__agent_crew rp__agent_real_crew = {
    .give = rp__crew_give,
    .wake = rp__crew_wake,
    .cancel = rp__crew_cancel,
    .retire = rp__crew_retire,
    .take_back = rp__crew_take_back,
    .low_water = rp__crew_low_water,
    .poll = rp__crew_poll,
    .kill = rp__crew_kill,
    .restart = rp__crew_restart,
};

struct agent_map {
    struct agent_map *next;
    uint32_t number, kernel;
    uint64_t reduce;   /* tasks a block that is folded, or 0 */
    uint32_t active;   /* of the crew, the first so many compute it */
    uint32_t chunks;   /* held here */
    bool grows;        /* its tasks may add tasks */
    bool whole, ended; /* all of its arguments came; MAP_END came */
    struct rp__buffer args;
    bool *known; /* [workers] has it been given */
};

struct held {
    struct held *next;
    struct agent_map *map;
    struct rp__work work;
    struct rp__buffer inputs;
    bool targeted;
    bool unwanted;      /* canceled: to be killed, since it runs */
    bool half_answered; /* a first part of its result has gone to the master */
};

struct queue {
    struct held *first, **last;
    uint32_t count;
};

struct agent_worker {
    struct queue waiting, given;
    struct rp__work map_work; /* a MAP on its way into the ring */
    bool map_started;
    struct rp__work init_work; /* INIT, before any other */
    bool init_pending;
    bool ever_started;
    bool killed;            /* by us, and not ENDED yet */
    bool retiring;          /* asked to leave, and not ENDED yet */
    uint64_t tasks;         /* given to this one */
    uint32_t deaths;        /* since it last answered */
    struct rp__buffer line; /* the beginning of one that is being printed */
};

struct rp__agent {
    const struct rp__agent_crew *ops;
    struct rp__crew *crew;
    struct rp__outbox *out;
    uint32_t workers, turn, idle;
    struct agent_worker *worker; /* [workers] */
    struct agent_map *maps;
    struct held *incoming; /* a chunk of which more bytes are to come */
    double chunk_ns;
    uint64_t held;        /* chunks here */
    struct rp__work init; /* what each new worker does first, if `initializes` */
    bool initializes;
    uint64_t tasks_max; /* of one worker's life; 0: no limit */
    struct held *spare; /* used and kept, since most chunks are small and many */
    uint32_t spares;
};

static void push(struct queue *queue, struct held *held) {
    held->next = NULL;
    *queue->last = held;
    queue->last = &held->next;
    queue->count++;
}

/* Everything in `front` goes before what is in `queue`; front is empty then. */
static void prepend(struct queue *queue, struct queue *front) {
    if (!front->first) return;
    *front->last = queue->first;
    if (!queue->first) queue->last = front->last;
    queue->first = front->first;
    queue->count += front->count;
    *front = (struct queue){.last = &front->first};
}

static void unlink_at(struct queue *queue, struct held **at) {
    struct held *held = *at;
    *at = held->next;
    if (queue->last == &held->next) queue->last = at;
    queue->count--;
}

static struct held *pop(struct queue *queue) {
    struct held *held = queue->first;
    if (held) unlink_at(queue, &queue->first);
    return held;
}

struct rp__agent *rp__agent_new(const struct rp__agent_crew *ops, struct rp__crew *crew, uint32_t workers,
                                struct rp__outbox *out) {
    struct rp__agent *agent = calloc(1, sizeof *agent);
    if (!agent || !(agent->worker = calloc(workers, sizeof *agent->worker))) {
        free(agent);
        return NULL;
    }
    agent->ops = ops;
    agent->crew = crew;
    agent->out = out;
    agent->workers = agent->idle = workers;
    for (uint32_t i = 0; i < workers; i++) {
        agent->worker[i].waiting.last = &agent->worker[i].waiting.first;
        agent->worker[i].given.last = &agent->worker[i].given.first;
    }
    return agent;
}

static void start_over(struct rp__agent *agent, struct agent_worker *worker) {
    worker->init_work = agent->init;
    worker->init_pending = agent->initializes;
}

void rp__agent_initialize(struct rp__agent *agent, uint32_t kernel, const void *input, size_t size) {
    agent->init = (struct rp__work){.type = RP__WORK_INIT, .kernel = kernel, .data = input, .size = size};
    agent->initializes = true;
    for (uint32_t i = 0; i < agent->workers; i++) start_over(agent, &agent->worker[i]);
}

void rp__agent_limit_tasks(struct rp__agent *agent, uint64_t tasks) { agent->tasks_max = tasks; }

/* ---- Maps ---- */

static struct agent_map *find_map(const struct rp__agent *agent, uint32_t number) {
    struct agent_map *map = agent->maps;
    while (map && map->number != number) map = map->next;
    return map;
}

static void free_map(struct agent_map *map) {
    rp__buffer_free(&map->args);
    free(map->known);
    free(map);
}

/* Is a chunk half in this worker's ring? Then nothing else may go in before the rest of it. */
static bool is_half_given(const struct agent_worker *worker) {
    return worker->waiting.first && worker->waiting.first->work.started;
}

static bool forget(struct rp__agent *agent, uint32_t at, const struct agent_map *map) {
    struct rp__work work = {.type = RP__WORK_FORGET, .map = map->number};
    if (is_half_given(&agent->worker[at]) || !agent->ops->give(agent->crew, at, &work)) return false;
    agent->worker[at].map_started = false; /* a map of which half had gone in is begun again */
    agent->ops->wake(agent->crew, at);
    return true;
}

/* An ended map goes when its last chunk has gone and the workers that know it have been told, which may have to wait
 * for room in their rings. */
static void let_go(struct rp__agent *agent, struct agent_map *map) {
    bool known = false;
    if (!map->ended || map->chunks) return;
    for (uint32_t i = 0; i < agent->workers; i++) {
        if (map->known[i]) map->known[i] = !forget(agent, i, map);
        known |= map->known[i];
    }
    if (known) return;
    struct agent_map **at = &agent->maps;
    while (*at != map) at = &(*at)->next;
    *at = map->next;
    free_map(map);
}

static int map_came(struct rp__agent *agent, const struct rp__frame *frame) {
    struct agent_map *map = find_map(agent, frame->map);
    if (!map) {
        map = calloc(1, sizeof *map);
        if (!map || !(map->known = calloc(agent->workers, sizeof *map->known))) {
            free(map);
            return RP_ENOMEM;
        }
        map->number = frame->map;
        map->kernel = frame->kernel;
        map->reduce = frame->count;
        map->grows = frame->flags & RP__GROWS;
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

/* Chunks are many and mostly small: a used one is kept with its memory for the next. */
static struct held *new_held(struct rp__agent *agent, struct agent_map *map) {
    struct held *held = agent->spare;
    if (held) {
        agent->spare = held->next;
        agent->spares--;
        held->inputs.size = 0;
        *held = (struct held){.inputs = held->inputs};
    } else if (!(held = calloc(1, sizeof *held))) {
        return NULL;
    }
    held->map = map;
    map->chunks++;
    agent->held++;
    return held;
}

static void drop(struct held *held) {
    rp__buffer_free(&held->inputs);
    free(held);
}

static void free_held(struct rp__agent *agent, struct held *held) {
    struct agent_map *map = held->map;
    agent->held--;
    if (agent->spares < SPARES_MAX && held->inputs.capacity <= SPARE_BYTES) {
        held->next = agent->spare;
        agent->spare = held;
        agent->spares++;
    } else {
        drop(held);
    }
    map->chunks--;
    let_go(agent, map);
}

static int give_back(struct rp__agent *agent, struct held *held) {
    int rc = rp__outbox_put(agent->out, &(struct rp__frame){.type = RP__FRAME_RETURNED, .chunk = held->work.chunk});
    free_held(agent, held);
    return rc;
}

static uint32_t load(const struct agent_worker *worker) { return worker->waiting.count + worker->given.count; }

static void enqueue(struct rp__agent *agent, uint32_t at, struct held *held) {
    if (!load(&agent->worker[at])) agent->idle--;
    push(&agent->worker[at].waiting, held);
}

static void count_idle(struct rp__agent *agent, uint32_t at) {
    if (!load(&agent->worker[at])) agent->idle++;
}

/* Has the worker had its share of tasks, or would this chunk be more? Then it is to leave, once nothing of it is out. */
static bool has_had_enough(struct rp__agent *agent, uint32_t at, const struct held *next) {
    struct agent_worker *worker = &agent->worker[at];
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
static void pump(struct rp__agent *agent, uint32_t at) {
    struct agent_worker *worker = &agent->worker[at];
    bool any = false;
    if (worker->init_pending) {
        worker->init_pending = !agent->ops->give(agent->crew, at, &worker->init_work);
        agent->ops->wake(agent->crew, at);
        if (worker->init_pending) return;
    }
    for (struct held *held; (held = worker->waiting.first);) {
        struct agent_map *map = held->map;
        if (has_had_enough(agent, at, held)) break;
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
        pop(&worker->waiting);
        push(&worker->given, held);
    }
    if (!any) return;
    agent->ops->low_water(agent->crew, at, worker->given.count / 2);
    agent->ops->wake(agent->crew, at);
}

static uint32_t least_loaded(struct rp__agent *agent, uint32_t active) {
    uint32_t best = 0, least = UINT32_MAX;
    agent->turn++;
    for (uint32_t i = 0; i < active && least; i++) {
        uint32_t at = (agent->turn + i) % active;
        if (load(&agent->worker[at]) >= least) continue;
        best = at;
        least = load(&agent->worker[at]);
    }
    return best;
}

static int work_came(struct rp__agent *agent, const struct rp__frame *frame) {
    struct held *held = agent->incoming;
    if (!held) {
        struct agent_map *map = find_map(agent, frame->map);
        if (!map || !map->whole || (frame->worker != RP__ANY_WORKER && frame->worker >= agent->workers))
            return RP_EPROTOCOL;
        if (!(held = new_held(agent, map))) return RP_ENOMEM;
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
    if (held->map->ended) return give_back(agent, held);
    held->targeted = frame->worker != RP__ANY_WORKER;
    enqueue(agent, held->targeted ? frame->worker : least_loaded(agent, held->map->active), held);
    return 0;
}

/* Which chunks are to leave a worker: those of one map, or those that need not stay and that worker `to` may have. */
struct wish {
    const struct agent_map *only;
    uint32_t to;
};

static bool fits(const struct held *held, struct wish wish) {
    return wish.only ? held->map == wish.only : !held->targeted && wish.to < held->map->active;
}

/* The youngest such chunk that this worker has not started, unlinked; or NULL. */
static struct held *take_unstarted(struct rp__agent *agent, uint32_t at, struct wish wish) {
    struct agent_worker *worker = &agent->worker[at];
    struct held **waiting = NULL, **given = NULL, *held = NULL;
    for (struct held **i = &worker->waiting.first; *i; i = &(*i)->next)
        if (!(*i)->work.started && fits(*i, wish)) waiting = i;
    if (waiting) {
        held = *waiting;
        unlink_at(&worker->waiting, waiting);
        return held;
    }
    if (is_half_given(worker)) return NULL; /* leave it be */
    for (struct held **i = &worker->given.first; *i; i = &(*i)->next)
        if (fits(*i, wish)) given = i;
    if (!given || !agent->ops->take_back(agent->crew, at, (*given)->work.chunk)) return NULL;
    held = *given;
    unlink_at(&worker->given, given);
    held->work.given = 0;
    held->work.started = false;
    return held;
}

static uint32_t most_loaded(const struct rp__agent *agent) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < agent->workers; i++)
        if (load(&agent->worker[i]) > load(&agent->worker[best])) best = i;
    return best;
}

static int take_back(struct rp__agent *agent, uint64_t count) {
    int rc = 0;
    while (count-- && rc == 0) {
        uint32_t at = most_loaded(agent);
        struct held *held = load(&agent->worker[at]) > 1 ? take_unstarted(agent, at, (struct wish){0}) : NULL;
        if (!held) break;
        rc = give_back(agent, held);
    }
    if (rc) return rc;
    return rp__outbox_put(agent->out, &(struct rp__frame){.type = RP__FRAME_RETURNED, .flags = RP__LAST});
}

static int map_ended(struct rp__agent *agent, uint32_t number) {
    struct agent_map *map = find_map(agent, number);
    if (!map) return RP_EPROTOCOL;
    int rc = 0;
    map->chunks++; /* keeps it while its chunks go */
    map->ended = true;
    for (uint32_t at = 0; at < agent->workers && rc == 0; at++) {
        struct agent_worker *worker = &agent->worker[at];
        bool had = load(worker) != 0;
        for (struct held *held; rc == 0 && (held = take_unstarted(agent, at, (struct wish){.only = map}));)
            rc = give_back(agent, held);
        if (had) count_idle(agent, at);
    }
    map->chunks--;
    let_go(agent, map);
    return rc;
}

/* ---- Cancel ---- */

/* The worker's youngest chunk, or NULL if it has started; it stays where it waits, or moves there. */
static struct held *recall_youngest(struct rp__agent *agent, uint32_t at) {
    struct agent_worker *worker = &agent->worker[at];
    bool half = is_half_given(worker);
    struct held **last = half ? &worker->waiting.first : &worker->given.first;
    while (!half && *last && (*last)->next) last = &(*last)->next;
    struct held *held = *last;
    if (!held || !agent->ops->take_back(agent->crew, at, held->work.chunk)) return NULL;
    held->work.given = 0;
    if (!half) {
        unlink_at(&worker->given, last);
        struct queue front = {.last = &front.first};
        push(&front, held);
        prepend(&worker->waiting, &front);
    }
    held->work.started = false;
    return held;
}

static struct held **find_held(struct queue *queue, uint64_t chunk) {
    for (struct held **at = &queue->first; *at; at = &(*at)->next)
        if ((*at)->work.chunk == chunk) return at;
    return NULL;
}

/* Those behind it in the ring are taken out first, and go in again. */
static int cancel_at(struct rp__agent *agent, uint32_t at, uint64_t chunk, bool kill) {
    struct agent_worker *worker = &agent->worker[at];
    struct held **waiting = find_held(&worker->waiting, chunk), **given = find_held(&worker->given, chunk);
    struct held *held = waiting ? *waiting : *given;
    bool recalled = waiting && !held->work.started;
    while (!recalled) {
        const struct held *youngest = recall_youngest(agent, at);
        if (!youngest) break;
        recalled = youngest == held;
    }
    if (recalled) {
        unlink_at(&worker->waiting, find_held(&worker->waiting, chunk));
        count_idle(agent, at);
        return give_back(agent, held);
    }
    held->unwanted |= kill;
    if (kill) return 0; /* answered by its end */
    return rp__outbox_put(agent->out, &(struct rp__frame){.type = RP__FRAME_RUNS, .chunk = chunk});
}

static int cancel_came(struct rp__agent *agent, const struct rp__frame *frame) {
    for (uint32_t at = 0; at < agent->workers; at++)
        if (find_held(&agent->worker[at].waiting, frame->chunk) || find_held(&agent->worker[at].given, frame->chunk))
            return cancel_at(agent, at, frame->chunk, frame->flags & RP__KILL);
    return 0; /* its answer is on its way */
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

/* ---- What the crew reports ---- */

static int result(struct rp__agent *agent, const struct rp__crew_event *event) {
    struct agent_worker *worker = &agent->worker[event->worker];
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
    struct held *held = pop(&worker->given);
    if (held) free_held(agent, held);
    count_idle(agent, event->worker);
    if (!worker->waiting.first) has_had_enough(agent, event->worker, NULL);
    return 0;
}

/* What a chunk's tasks add: the master keeps it until the chunk is answered. */
static int children(struct rp__agent *agent, const struct rp__crew_event *event) {
    struct held *held = agent->worker[event->worker].given.first;
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
static struct held *take_guilty(struct agent_worker *worker, const struct rp__crew_event *event) {
    const struct held *oldest = worker->given.first;
    if (!oldest) return NULL;
    bool in_hand = event->in_hand && oldest->work.chunk == event->chunk;
    return in_hand || oldest->half_answered ? pop(&worker->given) : NULL;
}

/* All that a worker was given waits again, for the one that takes its place; what its map no longer wants goes back. */
static int wait_again(struct rp__agent *agent, struct agent_worker *worker) {
    int rc = 0;
    prepend(&worker->waiting, &worker->given);
    for (struct held **at = &worker->waiting.first, *held; (held = *at) && rc == 0;) {
        held->work.given = 0;
        held->work.started = false;
        if (!held->map->ended && !held->unwanted) {
            at = &held->next;
            continue;
        }
        unlink_at(&worker->waiting, at);
        rc = give_back(agent, held);
    }
    return rc;
}

/* A worker is gone: tell what it had in hand, keep the rest for the next one. */
static int ended(struct rp__agent *agent, const struct rp__crew_event *event, rp_error *error) {
    struct agent_worker *worker = &agent->worker[event->worker];
    struct rp__frame died = {.type = RP__FRAME_DIED,
                             .worker = event->worker,
                             .data = (const uint8_t *)event->cause,
                             .size = strlen(event->cause)};
    bool had = load(worker) != 0;
    struct held *guilty = take_guilty(worker, event);
    if (guilty) {
        bool known = event->in_hand && event->task_known;
        died.flags = RP__IN_HAND | (worker->killed ? RP__KILLED : 0);
        died.chunk = guilty->work.chunk;
        died.begin = known ? event->task : guilty->work.begin;
        died.end = known ? event->task + 1 : guilty->work.end;
    }
    for (struct agent_map *map = agent->maps; map; map = map->next) map->known[event->worker] = false;
    bool expected = worker->retiring && !guilty;
    worker->map_started = worker->killed = worker->retiring = false;
    worker->tasks = 0;
    rp__buffer_free(&worker->line);
    start_over(agent, worker);
    int rc = expected ? 0 : rp__outbox_put(agent->out, &died);
    if (rc == 0) rc = wait_again(agent, worker);
    if (guilty) free_held(agent, guilty);
    if (had) count_idle(agent, event->worker);
    if (rc) return rc;
    if (!expected && ++worker->deaths > DEATHS_IN_A_ROW && !guilty)
        return rp__fail(error, RP_ESYSTEM, "worker %u of this rank dies as soon as it starts: %s", event->worker,
                        event->cause);
    return agent->ops->restart(agent->crew, event->worker, error);
}

/* Ready for tasks: where there is an initializer, it has run. */
static int started(struct rp__agent *agent, uint32_t at) {
    if (agent->worker[at].ever_started) return 0;
    agent->worker[at].ever_started = true;
    return rp__outbox_put(agent->out, &(struct rp__frame){.type = RP__FRAME_WORKER, .worker = at});
}

/* A worker has run dry while another holds chunks that it has not started: move one. */
static void even_out(struct rp__agent *agent) {
    for (uint32_t at = 0; at < agent->workers; at++) {
        if (load(&agent->worker[at])) continue;
        uint32_t from = most_loaded(agent);
        if (load(&agent->worker[from]) < 2) return;
        struct held *held = take_unstarted(agent, from, (struct wish){.to = at});
        if (!held) return;
        enqueue(agent, at, held);
    }
}

/* What a worker computes of an ended map is no longer wanted. To be called when all answers were taken, so that it is
 * that chunk that it computes, and not one behind it. Threads cannot be killed: they finish the chunk. */
static int kill_unwanted(struct rp__agent *agent, uint32_t at) {
    struct agent_worker *worker = &agent->worker[at];
    struct held *held = worker->given.first;
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
            rc = agent->initializes ? 0 : started(agent, event.worker);
            break;
        case RP__CREW_INITIALIZED:
            rc = event.failed ? rp__fail(error, RP_ETASK, "the initializer failed in worker %u of this rank: %.*s",
                                         event.worker, (int)event.size, (const char *)event.data)
                              : started(agent, event.worker);
            break;
        case RP__CREW_RESULT:
            rc = result(agent, &event);
            break;
        case RP__CREW_CHILDREN:
            rc = children(agent, &event);
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
        if (agent->worker[i].waiting.first || agent->worker[i].init_pending) pump(agent, i);
    for (struct agent_map *map = agent->maps, *next; map; map = next) {
        next = map->next;
        if (map->ended && map->chunks) agent->ops->cancel(agent->crew, map->number);
        let_go(agent, map);
    }
    *events = count;
    return rc;
}

uint32_t rp__agent_idle(const struct rp__agent *agent) { return agent->idle; }

uint64_t rp__agent_chunk_ns(const struct rp__agent *agent) { return (uint64_t)agent->chunk_ns; }

uint64_t rp__agent_held(const struct rp__agent *agent) { return agent->held; }

void rp__agent_free(struct rp__agent *agent) {
    if (!agent) return;
    for (uint32_t i = 0; i < agent->workers; i++) {
        struct queue *queues[] = {&agent->worker[i].waiting, &agent->worker[i].given};
        for (int q = 0; q < 2; q++)
            for (struct held *held; (held = pop(queues[q]));) drop(held);
        rp__buffer_free(&agent->worker[i].line);
    }
    if (agent->incoming) drop(agent->incoming);
    for (struct held *held; (held = agent->spare);) {
        agent->spare = held->next;
        drop(held);
    }
    for (struct agent_map *map; (map = agent->maps);) {
        agent->maps = map->next;
        free_map(map);
    }
    free(agent->worker);
    free(agent);
}
