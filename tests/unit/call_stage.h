/* A crew whose tasks make calls, a home machine, and the test between them as the router. */
#ifndef RP_TESTS_CALL_STAGE_H
#define RP_TESTS_CALL_STAGE_H

#include "core/call.h"
#include "core/home.h"
#include "crew_agent.h"

#include <stdlib.h>

/* What a task is to do with which object; the kernel's own business. */
struct order {
    uint64_t object, other, count;
    double timeout_s;
};

/* An answer on its way into a reply ring, and how much of it went. */
struct outgoing {
    bool open;
    struct rp__answer_head head;
    struct rp__buffer bytes;
    size_t sent;
};

struct patron {
    uint64_t life;
    struct rp__buffer call; /* the one that has come so far */
    struct outgoing answer;
    uint32_t lendings;
    uint64_t lent_object, grant;
    uint64_t calls, answered, recalls, cut_at; /* requests, chunks, recalls and the last CUT */
    bool waits;
    char result[64]; /* what its last task wrote */
    struct rp__crew_event end;
};

struct stage {
    struct agent agent;
    struct rp__home *home;
    struct patron patron[AGENT_WORKERS];
    struct rp__cells_at cells_at; /* the answer to CELLS, or words 0: not here */
    uint64_t made;                /* by main */
    uint32_t maps;
};

static inline struct rp__caller patron_of(const struct stage *stage, uint32_t worker) {
    return (struct rp__caller){.rank = 1, .local = worker + AGENT_WORKERS * stage->patron[worker].life};
}

static inline bool push_answer(struct stage *stage, uint32_t worker) {
    struct outgoing *out = &stage->patron[worker].answer;
    if (!out->open) return false;
    do {
        const size_t left = out->bytes.size - out->sent, size = left < RP__FRAGMENT ? left : RP__FRAGMENT;
        if (!rp__crew_reply(stage->agent.crew, worker, &out->head, out->bytes.data + out->sent, size)) break;
        out->sent += size;
        out->open = out->sent < out->bytes.size;
    } while (out->open);
    rp__crew_wake(stage->agent.crew, worker);
    return true;
}

static inline void send_answer(struct stage *stage, uint32_t worker, const struct rp__answer *answer) {
    struct patron *patron = &stage->patron[worker];
    struct outgoing *out = &patron->answer;
    CU_ASSERT_FALSE(out->open);
    rp__buffer_free(&out->bytes);
    rp__buffer_append(&out->bytes, answer->data, answer->size);
    *out = (struct outgoing){.open = true, .bytes = out->bytes};
    out->head = (struct rp__answer_head){.kind = RP__REPLY,
                                         .code = answer->code,
                                         .object = answer->object,
                                         .grant = answer->grant,
                                         .value = answer->value,
                                         .size = answer->size};
    if (answer->grant) patron->lendings++;
    if (answer->grant) patron->grant = answer->grant;
    patron->waits = false;
    push_answer(stage, worker);
}

static inline void listen_to_home(struct stage *stage) {
    struct rp__answer answer;
    while (rp__home_answer(stage->home, &answer)) {
        if (answer.to.rank == 0) { /* main: makes things */
            if (answer.kind == RP__REPLY) stage->made = answer.value;
            continue;
        }
        const uint32_t worker = (uint32_t)(answer.to.local % AGENT_WORKERS);
        struct patron *patron = &stage->patron[worker];
        if (answer.kind == RP__WAITING) patron->waits = true;
        if (answer.kind == RP__REPLY) send_answer(stage, worker, &answer);
        if (answer.kind != RP__RECALL) continue;
        patron->recalls++;
        const uint32_t taken =
            answer.grant == patron->grant ? rp__crew_recall(stage->agent.crew, worker, patron->lendings) : UINT32_MAX;
        rp__home_returned(stage->home, answer.to, answer.object, answer.grant, taken);
    }
}

static inline void request(struct stage *stage, uint32_t worker, const struct rp__call_head *head,
                           const uint8_t *data) {
    const struct rp__request request = rp__call_request(patron_of(stage, worker), head, data);
    stage->patron[worker].calls++;
    stage->patron[worker].lent_object = head->object;
    CU_ASSERT_EQUAL(rp__home_request(stage->home, &request), 0);
}

static inline void tell_cells(struct stage *stage, uint32_t worker) {
    const bool here = stage->cells_at.words > 0;
    const struct rp__answer answer = {.kind = RP__REPLY,
                                      .code = here ? 0 : RP_EUNSUPPORTED,
                                      .data = (const uint8_t *)&stage->cells_at,
                                      .size = here ? sizeof stage->cells_at : 0};
    stage->patron[worker].calls++;
    send_answer(stage, worker, &answer);
}

static inline void hear_call(struct stage *stage, const struct rp__crew_event *event) {
    struct patron *patron = &stage->patron[event->worker];
    rp__buffer_append(&patron->call, event->data, event->size);
    if (!event->last) return;
    struct rp__call_head head;
    memcpy(&head, patron->call.data, sizeof head);
    CU_ASSERT_EQUAL(patron->call.size, sizeof head + head.size);
    const struct rp__caller from = patron_of(stage, event->worker);
    switch ((enum rp__call_type)head.type) {
    case RP__CALL_REQUEST:
        request(stage, event->worker, &head, patron->call.data + sizeof head);
        break;
    case RP__CALL_CANCEL:
        rp__home_cancel(stage->home, from, -(int)head.a);
        break;
    case RP__CALL_RETURNED:
        rp__home_returned(stage->home, from, head.object, head.a, head.b);
        break;
    case RP__CALL_CELLS:
        tell_cells(stage, event->worker);
        break;
    default:
        CU_FAIL("a worker says only these");
    }
    patron->call.size = 0;
    listen_to_home(stage);
}

/* As a router does: what it had not taken goes back, then it is gone. */
static inline void hear_end(struct stage *stage, const struct rp__crew_event *event) {
    struct patron *patron = &stage->patron[event->worker];
    const struct rp__caller from = patron_of(stage, event->worker);
    patron->end = *event;
    if (patron->lendings)
        rp__home_returned(stage->home, from, patron->lent_object, patron->grant,
                          rp__crew_taken(event->stream, patron->lendings));
    rp__home_gone(stage->home, from);
    patron->answer.open = false;
    patron->call.size = patron->lendings = 0;
    patron->life++;
    listen_to_home(stage);
}

static inline void hear_result(struct stage *stage, const struct rp__crew_event *event) {
    struct rp__buffer *bytes = &stage->agent.bytes[event->worker];
    rp__buffer_append(bytes, event->data, event->size);
    if (!event->last) return;
    struct patron *patron = &stage->patron[event->worker];
    const uint8_t *data;
    size_t size;
    bool failed;
    patron->answered++;
    patron->result[0] = 0;
    if (rp__record_read(bytes->data, bytes->size, &data, &size, &failed))
        snprintf(patron->result, sizeof patron->result, "%.*s", (int)size, (const char *)data);
}

static inline void hear(struct stage *stage, const struct rp__crew_event *event) {
    if (event->type == RP__CREW_CALL) hear_call(stage, event);
    if (event->type == RP__CREW_ENDED) hear_end(stage, event);
    if (event->type == RP__CREW_RESULT) hear_result(stage, event);
    if (event->type == RP__CREW_CUT) stage->patron[event->worker].cut_at = event->task;
}

/* Go on until a claim about a worker is true; false: it was not in 60 s. */
static inline bool go_on(struct stage *stage, uint32_t worker, bool (*is_true)(const struct patron *patron)) {
    const double until = agent_now() + 60;
    for (uint32_t quiet = 0; !is_true(&stage->patron[worker]);) {
        const uint32_t seen = rp__bell_read(stage->agent.bell);
        struct rp__crew_event event;
        bool got;
        if (rp__crew_poll(stage->agent.crew, &event, &got, &stage->agent.error)) return false;
        if (got) hear(stage, &event);
        for (uint32_t i = 0; i < AGENT_WORKERS; i++) got = push_answer(stage, i) || got;
        if (got) continue;
        if (++quiet % 1000 == 0 && agent_now() > until) break;
        rp__bell_wait(stage->agent.bell, seen, 2000000);
    }
    CU_ASSERT_TRUE_FATAL(is_true(&stage->patron[worker]));
    return true;
}

static inline bool has_answered(const struct patron *patron) { return patron->answered > 0; }
static inline bool has_ended(const struct patron *patron) { return patron->end.type == RP__CREW_ENDED; }
static inline bool is_waiting(const struct patron *patron) { return patron->waits; }

/* One chunk of so many tasks for a worker. */
static inline void tell_tasks(struct stage *stage, uint32_t worker, uint32_t kernel, const struct order *order,
                              uint64_t tasks) {
    stage->patron[worker].answered = 0;
    stage->agent.bytes[worker].size = 0;
    agent_give_map(&stage->agent, worker, ++stage->maps, kernel, order, sizeof *order);
    CU_ASSERT_TRUE(agent_give_chunk(&stage->agent, worker, stage->maps, 1, 0, tasks));
}
static inline void tell(struct stage *stage, uint32_t worker, uint32_t kernel, struct order order) {
    tell_tasks(stage, worker, kernel, &order, 1);
}
/* Wait for it, and whether that is what its task wrote. */
static inline bool says(struct stage *stage, uint32_t worker, const char *result) {
    return go_on(stage, worker, has_answered) && strcmp(stage->patron[worker].result, result) == 0;
}

static inline uint64_t make(struct stage *stage, enum rp__home_type type, uint64_t a) {
    const struct rp__request request = {.object = type, .op = RP__OP_NEW, .a = a};
    CU_ASSERT_EQUAL(rp__home_request(stage->home, &request), 0);
    listen_to_home(stage);
    return stage->made;
}

static inline void open_stage(struct stage *stage, const rp_kernel *const *kernels, enum rp_workers kind,
                              uint32_t workers) {
    *stage = (struct stage){.home = rp__home_new(1, NULL)};
    agent_prepare(&stage->agent, kernels, kind == RP_WORKERS_PROCESS);
    agent_open(&stage->agent, kind, workers);
}

static inline void close_stage(struct stage *stage) {
    agent_close(&stage->agent);
    rp__home_free(stage->home);
    for (uint32_t i = 0; i < AGENT_WORKERS; i++) {
        rp__buffer_free(&stage->patron[i].call);
        rp__buffer_free(&stage->patron[i].answer.bytes);
    }
}

#endif
