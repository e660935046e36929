/* Callers of the public calls on shared objects, each a thread if need be, and one home for all of them behind a mutex:
 * what worker, router and network are in a world. A caller may be near, with the words of arrays mapped, or far. */
#ifndef RP_TESTS_SYNC_STAGE_H
#define RP_TESTS_SYNC_STAGE_H

#include "core/record.h"
#include "crew/cells.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CALLERS = 4, MAPS = 16 };

struct map {
    struct rp__cells_at at;
    _Atomic uint64_t *words;
};

struct caller {
    rp_self self; /* first */
    struct sync_stage *stage;
    struct rp__caller name;
    bool far, waits, answered;
    int code;
    uint64_t value;
    struct rp__buffer data;
    struct map map[MAPS];
    size_t maps;
};

struct sync_stage {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct rp__cells *cells;
    struct rp__home *home;
    struct caller caller[CALLERS];
};

static inline void deliver(struct sync_stage *stage) {
    struct rp__answer answer;
    while (rp__home_answer(stage->home, &answer)) {
        struct caller *to = &stage->caller[answer.to.local];
        to->waits = answer.kind == RP__WAITING;
        to->answered = answer.kind == RP__REPLY;
        to->code = answer.code;
        to->value = answer.value;
        to->data.size = 0;
        if (answer.size && rp__buffer_append(&to->data, answer.data, answer.size)) to->code = RP_ENOMEM;
    }
    pthread_cond_broadcast(&stage->changed);
}

static inline struct timespec in(double seconds) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    const int64_t ns = at.tv_nsec + (int64_t)(seconds * 1e9);
    return (struct timespec){.tv_sec = at.tv_sec + ns / 1000000000, .tv_nsec = ns % 1000000000};
}

/* Until the open request is answered; it is canceled when the time is over, and then answered soon. */
static inline int await(struct caller *caller, double timeout_s) {
    struct sync_stage *stage = caller->stage;
    const struct timespec end = in(timeout_s < 0 ? 0 : timeout_s);
    bool limited = timeout_s > 0;
    while (!caller->answered) {
        if (!limited) {
            pthread_cond_wait(&stage->changed, &stage->lock);
        } else if (pthread_cond_timedwait(&stage->changed, &stage->lock, &end) == ETIMEDOUT && !caller->answered) {
            limited = false;
            rp__home_cancel(stage->home, caller->name, 0);
            deliver(stage);
        }
    }
    return caller->code;
}

static inline int make_request(rp_self *self, const struct rp__call *call) {
    struct caller *caller = (struct caller *)self;
    const struct rp__request request = {.from = caller->name,
                                        .object = call->object,
                                        .op = call->op,
                                        .try_only = call->timeout_s == 0,
                                        .silent = call->may_be_silent,
                                        .a = call->a,
                                        .b = call->b,
                                        .data = call->data,
                                        .size = call->size};
    caller->answered = false;
    int code = rp__home_request(caller->stage->home, &request);
    deliver(caller->stage);
    return code || request.silent ? code : await(caller, call->timeout_s);
}

static inline int stage_call(rp_self *self, const struct rp__call *call, uint64_t *value, struct rp__buffer *data) {
    struct caller *caller = (struct caller *)self;
    pthread_mutex_lock(&caller->stage->lock);
    int code = make_request(self, call);
    if (code == 0 && value) *value = caller->value;
    if (code == 0 && data) code = rp__buffer_append(data, caller->data.data, caller->data.size);
    pthread_mutex_unlock(&caller->stage->lock);
    return code;
}

static inline int stage_take(rp_self *self, uint64_t object, enum rp__op op, double timeout_s, struct rp__item *item) {
    struct caller *caller = (struct caller *)self;
    const uint8_t *bytes;
    bool failed;
    pthread_mutex_lock(&caller->stage->lock);
    int code = make_request(self, &(struct rp__call){.object = object, .op = op, .a = 1, .timeout_s = timeout_s});
    if (code == 0 && !rp__record_read(caller->data.data, caller->data.size, &bytes, &item->size, &failed))
        code = RP_EPROTOCOL;
    if (code == 0 && item->given) {
        *item->given = malloc(item->size ? item->size : 1);
        item->at = *item->given;
        item->capacity = item->size;
    }
    const size_t size = item->size < item->capacity ? item->size : item->capacity;
    if (code == 0 && size) memcpy(item->at, bytes, size);
    pthread_mutex_unlock(&caller->stage->lock);
    return code;
}

static inline _Atomic uint64_t *stage_cells(rp_self *self, uint64_t object, bool keep, size_t *words, int *code) {
    struct caller *caller = (struct caller *)self;
    *code = 0;
    if (caller->far) return NULL;
    for (size_t i = 0; i < caller->maps; i++) {
        if (caller->map[i].at.object != object) continue;
        *words = (size_t)caller->map[i].at.words;
        return caller->map[i].words;
    }
    struct map map;
    pthread_mutex_lock(&caller->stage->lock);
    const bool found = caller->maps < MAPS && rp__cells_find(caller->stage->cells, object, &map.at);
    pthread_mutex_unlock(&caller->stage->lock);
    map.words = found ? rp__cells_map(&map.at) : NULL;
    if (!map.words) {
        *code = RP_ECLOSED;
        return NULL;
    }
    caller->map[caller->maps++] = map;
    *words = (size_t)map.at.words;
    return map.words;
}

static inline struct sync_stage *open_sync_stage(void) {
    struct sync_stage *stage = calloc(1, sizeof *stage);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&stage->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&stage->lock, NULL);
    stage->cells = rp__cells_new();
    const struct rp__cell_memory memory = rp__cells_memory(stage->cells);
    stage->home = rp__home_new(3, &memory);
    for (uint64_t i = 0; i < CALLERS; i++)
        stage->caller[i] = (struct caller){.self = {.call = stage_call, .take = stage_take, .cells = stage_cells},
                                           .stage = stage,
                                           .name = {.rank = 3, .local = i}};
    return stage;
}

static inline void close_sync_stage(struct sync_stage *stage) {
    for (size_t i = 0; i < CALLERS; i++) {
        struct caller *caller = &stage->caller[i];
        for (size_t k = 0; k < caller->maps; k++) rp__cells_unmap(caller->map[k].words, &caller->map[k].at);
        rp__buffer_free(&caller->data);
    }
    rp__home_free(stage->home);
    rp__cells_free(stage->cells);
    pthread_cond_destroy(&stage->changed);
    pthread_mutex_destroy(&stage->lock);
    free(stage);
}

static inline rp_self *self_of(struct sync_stage *stage, size_t who) { return &stage->caller[who].self; }

/* The caller dies. */
static inline void die(struct sync_stage *stage, size_t who) {
    pthread_mutex_lock(&stage->lock);
    rp__home_gone(stage->home, stage->caller[who].name);
    deliver(stage);
    pthread_mutex_unlock(&stage->lock);
}

/* ---- A call on a thread of its own --------------------------------------------------------------------- */

struct aside {
    int (*run)(struct aside *aside);
    uint64_t id;
    double timeout_s;
    rp_self *self;
    pthread_t thread;
    int code;
    uint64_t out;
};

static inline void *run_aside(void *context) {
    struct aside *aside = context;
    aside->code = aside->run(aside);
    return NULL;
}

static inline void begin(struct aside *aside, struct sync_stage *stage, size_t who) {
    aside->self = self_of(stage, who);
    pthread_create(&aside->thread, NULL, run_aside, aside);
}

static inline void until_waits(struct sync_stage *stage, size_t who) {
    pthread_mutex_lock(&stage->lock);
    while (!stage->caller[who].waits) pthread_cond_wait(&stage->changed, &stage->lock);
    pthread_mutex_unlock(&stage->lock);
}

/* Returns when the call waits at the home. */
static inline void begin_to_wait(struct aside *aside, struct sync_stage *stage, size_t who) {
    begin(aside, stage, who);
    until_waits(stage, who);
}

static inline int end(struct aside *aside) {
    pthread_join(aside->thread, NULL);
    return aside->code;
}

/* What may be called aside; `id` is the object's. */
static inline int get_aside(struct aside *a) {
    return rp_queue_get(a->self, (rp_queue){a->id}, a->timeout_s, &a->out, sizeof a->out, NULL);
}
static inline int put_aside(struct aside *a) {
    return rp_queue_put(a->self, (rp_queue){a->id}, &a->out, sizeof a->out, a->timeout_s);
}
static inline int join_aside(struct aside *a) { return rp_queue_join(a->self, (rp_queue){a->id}, a->timeout_s); }
static inline int recv_aside(struct aside *a) {
    return rp_pipe_recv(a->self, (rp_pipe){a->id}, a->timeout_s, &a->out, sizeof a->out, NULL);
}
static inline int poll_aside(struct aside *a) { return rp_pipe_poll(a->self, (rp_pipe){a->id}, a->timeout_s); }
static inline int lock_aside(struct aside *a) { return rp_lock_acquire(a->self, (rp_lock){a->id}, a->timeout_s); }
static inline int rlock_aside(struct aside *a) { return rp_rlock_acquire(a->self, (rp_rlock){a->id}, a->timeout_s); }
static inline int semaphore_aside(struct aside *a) {
    return rp_semaphore_acquire(a->self, (rp_semaphore){a->id}, a->timeout_s);
}
static inline int event_aside(struct aside *a) { return rp_event_wait(a->self, (rp_event){a->id}, a->timeout_s); }
static inline int barrier_aside(struct aside *a) {
    uint32_t index = 0;
    int code = rp_barrier_wait(a->self, (rp_barrier){a->id}, a->timeout_s, &index);
    a->out = index;
    return code;
}
/* Acquires, waits, releases; `out`: 1 if it held the lock then. */
static inline int condition_aside(struct aside *a) {
    const rp_condition condition = {a->id};
    int code = rp_condition_acquire(a->self, condition, -1);
    if (code) return code;
    code = rp_condition_wait(a->self, condition, a->timeout_s);
    if (code == 0 || code == RP_ETIMEDOUT) a->out = rp_condition_release(a->self, condition) == 0;
    return code;
}

#endif
