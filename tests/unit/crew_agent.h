/* A small agent for the tests of the crew: opens one, gives chunks, takes events, and never waits for ever. */
#ifndef RP_TESTS_CREW_AGENT_H
#define RP_TESTS_CREW_AGENT_H

#include "core/buffer.h"
#include "core/record.h"
#include "crew/arena.h"
#include "crew/crew.h"
#include "unit.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { AGENT_WORKERS = 4 };

/* Shared with the kernels, mapped before any fork. */
struct gate {
    _Atomic uint64_t entered, open; /* the gate kernel counts up one and waits for the other to exceed its task */
    _Atomic uint64_t torn_down;
    struct rp__arena *arena;
};

struct agent {
    struct rp__bell *bell;
    int bell_fd;
    struct rp__arena *arena;
    struct rp__nursery *nursery;
    struct rp__crew *crew;
    uint32_t workers;
    int pid[AGENT_WORKERS];
    struct rp__cpuset binding[AGENT_WORKERS];
    struct rp__buffer bytes[AGENT_WORKERS]; /* of the chunk that each is answering */
    struct rp__buffer *answered;            /* the one of them that is whole, emptied at the next look */
    rp_error error;
};

static inline double agent_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline void agent_prepare(struct agent *agent, const rp_kernel *const *kernels, bool nursery) {
    *agent = (struct agent){0};
    agent->bell = rp__bell_new(&agent->bell_fd);
    agent->arena = rp__arena_new(AGENT_WORKERS, agent->bell, kernels);
    CU_ASSERT_PTR_NOT_NULL_FATAL(agent->arena);
    if (nursery) CU_ASSERT_EQUAL_FATAL(rp__nursery_start(agent->arena, 0, &agent->nursery, &agent->error), 0);
}

/* The next event. false: none came in 20 s, which fails the test, or the crew failed. */
static inline bool agent_event(struct agent *agent, struct rp__crew_event *event) {
    const double until = agent_now() + 20;
    do {
        const uint32_t seen = rp__bell_read(agent->bell);
        bool got;
        if (rp__crew_poll(agent->crew, event, &got, &agent->error)) return false;
        if (got) return true;
        rp__bell_wait(agent->bell, seen, 2000000);
    } while (agent_now() < until);
    CU_FAIL("an event comes in time");
    return false;
}

static inline void agent_wait_started(struct agent *agent, uint32_t count) {
    for (struct rp__crew_event event; count > 0 && agent_event(agent, &event); count--) {
        CU_ASSERT_EQUAL_FATAL(event.type, RP__CREW_STARTED);
        agent->pid[event.worker] = event.pid;
        agent->binding[event.worker] = event.binding;
    }
}

static inline void agent_open(struct agent *agent, enum rp_workers kind, uint32_t workers) {
    static const struct rp__cpuset binding[AGENT_WORKERS];
    rp_where where[AGENT_WORKERS] = {0};
    for (uint32_t i = 0; i < workers; i++) where[i].worker = 100 + i;
    const struct rp__crew_options options = {.kind = kind, .workers = workers, .binding = binding, .where = where};
    agent->workers = workers;
    CU_ASSERT_EQUAL_FATAL(rp__crew_open(agent->arena, agent->nursery, &options, &agent->crew, &agent->error), 0);
    agent_wait_started(agent, workers);
    /* The nursery rings for each fork as the worker does when it starts, maybe later. Then the bell is still. */
    while (rp__bell_read(agent->bell) < workers * (agent->nursery ? 2 : 1)) usleep(50);
}

static inline void agent_close(struct agent *agent) {
    rp__crew_close(agent->crew);
    rp__nursery_stop(agent->nursery);
    rp__arena_free(agent->arena);
    rp__bell_free(agent->bell);
    close(agent->bell_fd);
    for (uint32_t i = 0; i < AGENT_WORKERS; i++) rp__buffer_free(&agent->bytes[i]);
}

static inline void agent_give_map(struct agent *agent, uint32_t worker, uint32_t map, uint32_t kernel, const void *args,
                                  size_t size) {
    struct rp__work work = {.type = RP__WORK_MAP, .map = map, .kernel = kernel, .data = args, .size = size};
    const double until = agent_now() + 20;
    while (!rp__crew_give(agent->crew, worker, &work) && agent_now() < until) rp__crew_wake(agent->crew, worker);
    CU_ASSERT_TRUE(work.started && work.given == size);
}

static inline struct rp__work agent_chunk(uint32_t map, uint64_t chunk, uint64_t begin, uint64_t end) {
    return (struct rp__work){.type = RP__WORK_CHUNK, .map = map, .chunk = chunk, .begin = begin, .end = end};
}

static inline bool agent_give_chunk(struct agent *agent, uint32_t worker, uint32_t map, uint64_t chunk, uint64_t begin,
                                    uint64_t end) {
    struct rp__work work = agent_chunk(map, chunk, begin, end);
    const bool all = rp__crew_give(agent->crew, worker, &work);
    rp__crew_wake(agent->crew, worker);
    return all;
}

/* Collect results until a chunk is answered (its records are in agent->bytes[event->worker] until the next call), or
 * a worker starts or ends. */
static inline bool agent_answer(struct agent *agent, struct rp__crew_event *event) {
    if (agent->answered) agent->answered->size = 0;
    agent->answered = NULL;
    while (agent_event(agent, event)) {
        if (event->type != RP__CREW_RESULT) return true;
        struct rp__buffer *bytes = &agent->bytes[event->worker];
        CU_ASSERT_EQUAL(rp__buffer_append(bytes, event->data, event->size), 0);
        if (!event->last) continue;
        agent->answered = bytes;
        return true;
    }
    return false;
}

/* Is the record at *at what is expected? Moves *at on. */
static inline bool agent_record_is(const struct rp__buffer *bytes, size_t *at, bool failed, const void *expected,
                                   size_t expected_size) {
    const uint8_t *data;
    size_t size;
    bool marked;
    const size_t length = rp__record_read(bytes->data + *at, bytes->size - *at, &data, &size, &marked);
    *at += length;
    return length && marked == failed && size == expected_size && (size == 0 || memcmp(data, expected, size) == 0);
}

static inline bool agent_message_is(const struct rp__buffer *bytes, size_t *at, const char *message) {
    return agent_record_is(bytes, at, true, message, strlen(message));
}

#endif
