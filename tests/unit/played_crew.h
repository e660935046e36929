/* A crew that is played, for tests of the agent: rings of a few pieces, workers that move when the test says so and
 * die when it says so. It holds the agent to the contracts of crew/crew.h: what breaks them is kept in `fault`.
 * What maps and chunks carry follows from their numbers, so a worker can tell when bytes are not theirs. */
#ifndef RP_TESTS_PLAYED_CREW_H
#define RP_TESTS_PLAYED_CREW_H

#include "core/buffer.h"
#include "pool/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAYED_WORKERS = 4, PLAYED_SLOTS = 100, PLAYED_MAPS = 64, PIECE = 64 };

/* Sizes in bytes: the last digit of the number, in hundreds. */
static inline size_t args_size(uint32_t map) { return map % 10 * 100; }
static inline size_t inputs_size(uint64_t chunk) { return chunk % 10 * 100; }
static inline uint8_t byte_of(uint64_t number, size_t at) { return (uint8_t)(number * 31 + at); }

/* What was given, in the ring or read from it in part. */
struct played_work {
    struct played_work *next;
    struct rp__work head;
    struct rp__buffer bytes;
    size_t unread; /* pieces */
    bool whole, taken_back;
};

struct played_worker {
    bool live, dying, announced;
    struct played_work *first, *last; /* first: what the worker reads next */
    struct played_work *hand;         /* computing */
    bool half_answered;
    bool migrates;   /* before each answer */
    bool synced;     /* the chunk in hand has been cut */
    double progress; /* what it shows of the one in hand */
    uint64_t item;   /* and which task of it it is at */
    bool knows[PLAYED_MAPS];
    unsigned wakes, starts, initialized;
    bool waits;    /* for an answer */
    uint32_t like; /* the one that it was added for, or itself */
};

struct played_event {
    struct rp__crew_event event;
    uint8_t result[8];
};

struct rp__crew {
    uint32_t workers;
    size_t room;                    /* pieces that a ring holds */
    bool cannot_kill, forgets_hand; /* what a worker that runs wild may do to the word that tells its chunk */
    uint32_t slots;                 /* that more workers can be added in */
    struct played_worker worker[PLAYED_SLOTS];
    struct played_event *event;
    size_t from, to, capacity;
    unsigned kills;
    uint32_t canceled; /* the last map that was */
    char fault[128];
};

static inline void fault(struct rp__crew *crew, const char *what, uint64_t number) {
    if (!crew->fault[0]) snprintf(crew->fault, sizeof crew->fault, "%s: %llu", what, (unsigned long long)number);
}

static inline struct played_event *post(struct rp__crew *crew, const struct rp__crew_event *event) {
    if (crew->to == crew->capacity) {
        crew->capacity = crew->capacity ? 2 * crew->capacity : 64;
        crew->event = realloc(crew->event, crew->capacity * sizeof *crew->event);
    }
    crew->event[crew->to] = (struct played_event){.event = *event};
    return &crew->event[crew->to++];
}

static inline void free_work(struct played_work *work) {
    if (!work) return;
    rp__buffer_free(&work->bytes);
    free(work);
}

static inline void empty_ring(struct played_worker *worker) {
    for (struct played_work *work; (work = worker->first);) {
        worker->first = work->next;
        free_work(work);
    }
    worker->last = NULL;
    free_work(worker->hand);
    worker->hand = NULL;
    worker->half_answered = worker->waits = worker->synced = false;
    memset(worker->knows, 0, sizeof worker->knows);
}

static inline size_t unread(const struct played_worker *worker) {
    size_t pieces = 0;
    for (const struct played_work *work = worker->first; work; work = work->next) pieces += work->unread;
    return pieces;
}

/* ---- The agent's side ---------------------------------------------------------------------------------- */

static inline bool is_same(const struct rp__work *a, const struct rp__work *b) {
    return a->type == b->type && a->map == b->map && a->chunk == b->chunk && a->begin == b->begin && a->end == b->end &&
           a->size == b->size;
}

/* The piece goes into what was begun last, or begins something. */
static inline void give_piece(struct rp__crew *crew, struct played_worker *worker, struct rp__work *work) {
    struct played_work *last = worker->last;
    if (!work->started) {
        if (last && !last->whole && last->head.type == RP__WORK_CHUNK && !last->taken_back)
            fault(crew, "something new was given while this chunk was half in the ring", last->head.chunk);
        struct played_work *begun = calloc(1, sizeof *begun);
        begun->head = *work;
        if (last)
            last->next = begun;
        else
            worker->first = begun;
        worker->last = last = begun;
    } else if (!last || last->whole || !is_same(&last->head, work) || last->bytes.size != work->given) {
        fault(crew, "the rest of something was given behind something else", work->chunk);
        return;
    }
    size_t left = work->size - work->given, size = left < PIECE ? left : PIECE;
    rp__buffer_append(&last->bytes, work->data ? work->data + work->given : NULL, size);
    last->unread++;
    work->started = true;
    work->given += size;
    last->whole = work->given == work->size;
}

static bool played_give(struct rp__crew *crew, uint32_t at, struct rp__work *work) {
    struct played_worker *worker = &crew->worker[at];
    do {
        if (!worker->live || unread(worker) >= crew->room) return false;
        give_piece(crew, worker, work);
    } while (work->given < work->size && !crew->fault[0]);
    return true;
}

static void played_wake(struct rp__crew *crew, uint32_t at) { crew->worker[at].wakes++; }

static void played_low_water(struct rp__crew *crew, uint32_t at, uint32_t low) {}

static void played_cancel(const struct rp__crew *crew, uint32_t map) { ((struct rp__crew *)crew)->canceled = map; }

static bool played_take_back(struct rp__crew *crew, uint32_t at, uint64_t chunk) {
    struct played_work *youngest = NULL;
    for (struct played_work *work = crew->worker[at].first; work; work = work->next)
        if (work->head.type == RP__WORK_CHUNK && !work->taken_back) youngest = work;
    if (!crew->worker[at].live || !youngest || youngest->head.chunk != chunk) return false;
    return youngest->taken_back = true;
}

static bool played_progress(struct rp__crew *crew, uint32_t at, uint64_t *chunk, double *tasks, uint64_t *item) {
    const struct played_worker *worker = &crew->worker[at];
    if (!worker->hand) return false;
    *chunk = worker->hand->head.chunk;
    *tasks = worker->progress;
    *item = worker->item;
    return true;
}

static int played_poll(struct rp__crew *crew, struct rp__crew_event *event, bool *got, rp_error *error) {
    *got = crew->from < crew->to;
    if (!*got) return 0;
    struct played_event *next = &crew->event[crew->from++];
    *event = next->event;
    if (event->type == RP__CREW_RESULT || event->type == RP__CREW_PRINT) event->data = next->result;
    if (event->type != RP__CREW_ENDED) return 0;
    struct played_worker *worker = &crew->worker[event->worker];
    empty_ring(worker);
    worker->live = worker->dying = false;
    return 0;
}

/* The worker dies where it stands; `cause` as the nursery would tell it. */
static inline void die(struct rp__crew *crew, uint32_t at, const char *cause, uint64_t task) {
    struct played_worker *worker = &crew->worker[at];
    if (!worker->live || worker->dying) return;
    worker->dying = true;
    struct rp__crew_event event = {.type = RP__CREW_ENDED, .worker = at};
    if (worker->hand && !crew->forgets_hand) {
        event.in_hand = true;
        event.chunk = worker->hand->head.chunk;
        event.task = task;
        event.task_known = task >= worker->hand->head.begin && task < worker->hand->head.end;
    }
    snprintf(event.cause, sizeof event.cause, "%s", cause);
    post(crew, &event);
}

static inline size_t chunks_of(const struct rp__crew *crew, uint32_t at) {
    const struct played_worker *worker = &crew->worker[at];
    size_t count = worker->hand != NULL;
    for (const struct played_work *work = worker->first; work; work = work->next)
        count += work->head.type == RP__WORK_CHUNK && !work->taken_back;
    return count;
}

static int played_kill(struct rp__crew *crew, uint32_t at, const char *cause) {
    crew->kills++;
    if (chunks_of(crew, at) > 1) fault(crew, "a worker was killed that could have begun another chunk", at);
    if (crew->cannot_kill) return RP_EUNSUPPORTED;
    die(crew, at, cause, crew->worker[at].item);
    return 0;
}

static int played_restart(struct rp__crew *crew, uint32_t at, rp_error *error) {
    struct played_worker *worker = &crew->worker[at];
    if (worker->live) fault(crew, "a worker was restarted that lives", at);
    worker->live = true;
    worker->starts++;
    post(crew, &(struct rp__crew_event){.type = RP__CREW_STARTED, .worker = at});
    return 0;
}

static int played_add(struct rp__crew *crew, uint32_t like, uint32_t *index, rp_error *error) {
    if (crew->workers == crew->slots) return RP_EINVAL;
    *index = crew->workers++;
    crew->worker[*index].like = like;
    return played_restart(crew, *index, error);
}

static void played_retire(struct rp__crew *crew, uint32_t at) { die(crew, at, "was asked to end", UINT64_MAX); }

static const struct rp__agent_crew played_crew = {
    .give = played_give,
    .wake = played_wake,
    .cancel = played_cancel,
    .retire = played_retire,
    .take_back = played_take_back,
    .low_water = played_low_water,
    .progress = played_progress,
    .poll = played_poll,
    .kill = played_kill,
    .restart = played_restart,
    .add = played_add,
};

/* ---- The worker's side --------------------------------------------------------------------------------- */

static inline bool carries_its_bytes(const struct played_work *work, uint64_t number, size_t size) {
    if (work->bytes.size != size) return false;
    for (size_t i = 0; i < size; i++)
        if (work->bytes.data[i] != byte_of(number, i)) return false;
    return true;
}

static inline void learn_or_start(struct rp__crew *crew, struct played_worker *worker, struct played_work *work) {
    const struct rp__work *head = &work->head;
    bool *knows = &worker->knows[head->map];
    switch (head->type) {
    case RP__WORK_MAP:
        if (*knows) fault(crew, "a worker was told twice of map", head->map);
        if (!carries_its_bytes(work, head->map, args_size(head->map)))
            fault(crew, "these are not the arguments of map", head->map);
        *knows = true;
        break;
    case RP__WORK_FORGET:
        *knows = false;
        break;
    case RP__WORK_INIT:
        worker->initialized++;
        break;
    case RP__WORK_CHUNK:
        if (!*knows) fault(crew, "a worker does not know the map of chunk", head->chunk);
        if (!carries_its_bytes(work, head->chunk, inputs_size(head->chunk)))
            fault(crew, "these are not the inputs of chunk", head->chunk);
        worker->hand = work;
        return;
    }
    free_work(work);
}

/* Read on to the next chunk and start it. False: nothing to read. */
static inline bool start_next(struct rp__crew *crew, uint32_t at) {
    struct played_worker *worker = &crew->worker[at];
    bool read = false;
    while (worker->live && !worker->dying && !worker->hand && worker->first) {
        struct played_work *work = worker->first;
        read = read || work->unread;
        work->unread = 0;
        if (!work->whole && !work->next) return read;
        worker->first = work->next;
        if (!worker->first) worker->last = NULL;
        /* Something new ends what came in part: that was taken back, or a map that is told again later. */
        if (work->whole && !work->taken_back)
            learn_or_start(crew, worker, work);
        else
            free_work(work);
    }
    return read;
}

/* Answer the chunk in hand, or a first half of it: the result is the chunk's number, 8 bytes. False: none is in hand. */
static inline bool answer(struct rp__crew *crew, uint32_t at, bool half) {
    struct played_worker *worker = &crew->worker[at];
    if (!worker->hand || worker->dying || worker->waits || (half && worker->half_answered)) return false;
    const uint64_t chunk = worker->hand->head.chunk;
    const size_t begin = worker->half_answered ? 4 : 0, end = half ? 4 : 8;
    struct played_event *event = post(crew, &(struct rp__crew_event){.type = RP__CREW_RESULT,
                                                                     .worker = at,
                                                                     .chunk = chunk,
                                                                     .size = end - begin,
                                                                     .last = !half,
                                                                     .migrated = !half && worker->migrates,
                                                                     .busy_ns = 1000});
    memcpy(event->result, (const uint8_t *)&chunk + begin, end - begin);
    worker->half_answered = half;
    if (half) return true;
    worker->synced = false;
    free_work(worker->hand);
    worker->hand = NULL;
    return true;
}

/* Chunks that the worker has in its ring or in hand. */
static inline void open_crew(struct rp__crew *crew, uint32_t workers, size_t room) {
    *crew = (struct rp__crew){.workers = workers, .room = room, .slots = PLAYED_SLOTS};
    for (uint32_t i = 0; i < workers; i++) {
        crew->worker[i].like = i;
        played_restart(crew, i, NULL);
    }
}

static inline void close_crew(struct rp__crew *crew) {
    for (uint32_t i = 0; i < crew->workers; i++) empty_ring(&crew->worker[i]);
    free(crew->event);
}

#endif
