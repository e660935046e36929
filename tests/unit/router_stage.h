/* Routers of several ranks in one process, for tests: joined by queues of messages, with played crews whose workers
 * have a slot's word and a small ring of replies each. */
#ifndef RP_TESTS_ROUTER_STAGE_H
#define RP_TESTS_ROUTER_STAGE_H

#include "core/record.h"
#include "crew/arena.h"
#include "pool/router_state.h"
#include "random.h"

#include <stdlib.h>
#include <string.h>

enum { RANKS = 3, WORKERS = 3, PIECES = 2 };

/* What a worker is told, and its slot as the router sees it. */
struct played {
    uint64_t stream;
    struct rp__answer_head head; /* of the reply that comes in */
    struct rp__buffer piece[PIECES];
    uint32_t pieces;
    struct rp__buffer reply;
    bool began, blocked;
    uint32_t wakes;
};

struct rp__crew {
    struct played worker[WORKERS];
};

struct rp__agent {
    struct rp__crew *crew;
    bool fault; /* it was told what makes no sense */
};

struct message {
    struct message *next;
    struct rp__buffer bytes;
};

struct stage {
    struct rp__router *router[RANKS];
    struct rp__crew crew[RANKS];
    struct rp__agent agent[RANKS];
    struct rp__agent_calls calls[RANKS];
    struct message *first[RANKS][RANKS]; /* from, to */
    bool fault;
};

/* ---- The played crew ---- */

static inline bool play_reply(struct rp__crew *crew, uint32_t worker, const struct rp__answer_head *head,
                              const void *piece, size_t size) {
    struct played *played = &crew->worker[worker];
    if (played->pieces == PIECES) return false;
    played->head = *head;
    struct rp__buffer *at = &played->piece[played->pieces++];
    at->size = 0;
    return rp__buffer_append(at, piece, size) == 0;
}

static inline uint32_t play_taken(uint64_t stream, uint32_t lending) {
    return stream >> 33 == lending ? (uint32_t)stream : 1;
}

static inline uint32_t play_recall(struct rp__crew *crew, uint32_t worker, uint32_t lending) {
    uint64_t *stream = &crew->worker[worker].stream;
    const uint32_t taken = play_taken(*stream, lending);
    *stream = rp__stream(lending, taken) | RP__STREAM_RECALLED;
    return taken;
}

static inline void play_wake(struct rp__crew *crew, uint32_t worker) { crew->worker[worker].wakes++; }

static inline void play_blocked(struct rp__agent *agent, uint32_t worker, bool held) {
    agent->fault |= agent->crew->worker[worker].blocked;
    agent->crew->worker[worker].blocked = true;
}

static inline void play_unblocked(struct rp__agent *agent, uint32_t worker) {
    agent->fault |= !agent->crew->worker[worker].blocked;
    agent->crew->worker[worker].blocked = false;
}

static const struct rp__router_ops played_ops = {.reply = play_reply,
                                                 .recall = play_recall,
                                                 .taken = play_taken,
                                                 .wake = play_wake,
                                                 .blocked = play_blocked,
                                                 .unblocked = play_unblocked};

static inline void begin_life(struct stage *stage, uint32_t rank, uint32_t worker) {
    struct played *played = &stage->crew[rank].worker[worker];
    played->stream = 0;
    played->pieces = 0;
    played->reply.size = 0;
    played->began = played->blocked = false;
    stage->calls[rank].started(stage->calls[rank].context, worker);
}

/* ---- The stage ---- */

static const int two_hosts[RANKS] = {0, 0, 1};

static inline struct stage *open_stage(const struct rp__router_cells *cells) {
    struct stage *stage = calloc(1, sizeof *stage);
    for (uint32_t rank = 0; rank < RANKS; rank++) {
        const struct rp__router_options options = {
            .rank = rank, .ranks = RANKS, .host_of = two_hosts, .ops = &played_ops, .cells = cells};
        stage->router[rank] = rp__router_new(&options);
        stage->agent[rank].crew = &stage->crew[rank];
        stage->fault |=
            rp__router_add(stage->router[rank], &stage->crew[rank], &stage->agent[rank], &stage->calls[rank]) != 0;
        for (uint32_t worker = 0; worker < WORKERS; worker++) begin_life(stage, rank, worker);
    }
    return stage;
}

static inline void close_stage(struct stage *stage) {
    for (uint32_t rank = 0; rank < RANKS; rank++) {
        rp__router_free(stage->router[rank]);
        for (uint32_t to = 0; to < RANKS; to++)
            for (struct message *message; (message = stage->first[rank][to]);) {
                stage->first[rank][to] = message->next;
                rp__buffer_free(&message->bytes);
                free(message);
            }
        for (uint32_t worker = 0; worker < WORKERS; worker++) {
            rp__buffer_free(&stage->crew[rank].worker[worker].reply);
            for (int i = 0; i < PIECES; i++) rp__buffer_free(&stage->crew[rank].worker[worker].piece[i]);
        }
    }
    free(stage);
}

/* What the router of this rank has for others is under way. */
static inline void post(struct stage *stage, uint32_t rank) {
    struct rp__outbox outbox = {0};
    uint32_t to;
    while (rp__router_send(stage->router[rank], &to, &outbox)) {
        struct message **last = &stage->first[rank][to];
        while (*last) last = &(*last)->next;
        for (size_t i = 0; i < outbox.count; i++) {
            *last = calloc(1, sizeof **last);
            (*last)->bytes = outbox.message[i];
            last = &(*last)->next;
        }
        outbox.count = 0;
    }
    rp__outbox_free(&outbox);
}

/* The next message of this pair arrives; false: there is none. */
static inline bool deliver(struct stage *stage, uint32_t from, uint32_t to) {
    struct message *message = stage->first[from][to];
    if (!message) return false;
    stage->first[from][to] = message->next;
    const uint8_t *at = message->bytes.data, *end = at + message->bytes.size;
    struct rp__frame frame;
    while (rp__frame_read(&at, end, &frame) == 1)
        stage->fault |= rp__router_receive(stage->router[to], from, &frame) != 0;
    stage->fault |= at != end;
    rp__buffer_free(&message->bytes);
    free(message);
    post(stage, to);
    return true;
}

static inline void step(struct stage *stage, uint32_t rank, uint64_t now_ns) {
    int64_t next_ns;
    rp__router_step(stage->router[rank], now_ns, &next_ns);
    stage->fault |= next_ns <= 0 || stage->agent[rank].fault;
    post(stage, rank);
}

/* A worker makes a call, in as many pieces. 0 or the router's code. */
static inline int call(struct stage *stage, uint32_t rank, uint32_t worker, struct rp__call_head head, const void *data,
                       size_t size, size_t pieces) {
    struct rp__buffer bytes = {0};
    head.size = size;
    int rc = rp__buffer_append(&bytes, &head, sizeof head);
    if (rc == 0) rc = rp__buffer_append(&bytes, data, size);
    size_t done = 0;
    for (; rc == 0 && pieces > 0; pieces--) {
        const size_t piece = pieces == 1 ? bytes.size - done : done ? size / pieces : sizeof head;
        const struct rp__crew_event event = {
            .type = RP__CREW_CALL, .worker = worker, .data = bytes.data + done, .size = piece, .last = pieces == 1};
        rc = stage->calls[rank].called(stage->calls[rank].context, worker, &event);
        done += piece;
        if (done == bytes.size && pieces > 1) pieces = 2; /* an empty last one */
    }
    rp__buffer_free(&bytes);
    post(stage, rank);
    return rc;
}

/* The worker reads a piece of its ring: true: its reply is whole, in `head` and `reply`. */
static inline bool read_piece(struct stage *stage, uint32_t rank, uint32_t worker) {
    struct played *played = &stage->crew[rank].worker[worker];
    if (!played->pieces) return false;
    if (!played->began) played->reply.size = 0;
    played->began = true;
    struct rp__buffer first = played->piece[0];
    stage->fault |= rp__buffer_append(&played->reply, first.data, first.size) != 0 || first.size > RP__FRAGMENT;
    played->pieces--;
    memmove(&played->piece[0], &played->piece[1], (PIECES - 1) * sizeof first);
    played->piece[PIECES - 1] = first;
    stage->fault |= played->reply.size > played->head.size;
    if (played->reply.size < played->head.size) return false;
    played->began = false;
    return true;
}

/* Until nothing moves. */
static inline void settle(struct stage *stage) {
    for (bool more = true; more;) {
        more = false;
        for (uint32_t rank = 0; rank < RANKS; rank++) {
            step(stage, rank, 1);
            for (uint32_t to = 0; to < RANKS; to++) more |= deliver(stage, rank, to);
        }
    }
    for (uint32_t rank = 0; rank < RANKS; rank++) step(stage, rank, 1);
}

#endif
