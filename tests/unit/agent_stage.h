/* An agent between a played crew and a master that is the test: frames go in, and what it puts out is heard. */
#ifndef RP_TESTS_AGENT_STAGE_H
#define RP_TESTS_AGENT_STAGE_H

#include "played_crew.h"
#include "random.h"
#include "rankpool.h"

enum { HEARD_MAX = 4096, ROOMY = 1000 };

/* A frame for the master, with its first bytes. */
struct heard {
    struct rp__frame frame;
    char bytes[64];
};

struct stage {
    struct rp__crew crew;
    struct rp__outbox out;
    struct rp__agent *agent;
    rp_error error;
    struct heard heard[HEARD_MAX];
    size_t count;
};

static inline bool keep_frames(struct stage *stage, const struct rp__buffer *message) {
    const uint8_t *at = message->data;
    int rc = 1;
    while (stage->count < HEARD_MAX) {
        struct heard *heard = &stage->heard[stage->count];
        *heard = (struct heard){0};
        rc = rp__frame_read(&at, message->data + message->size, &heard->frame);
        if (rc != 1) break;
        size_t size = heard->frame.size < sizeof heard->bytes ? heard->frame.size : sizeof heard->bytes - 1;
        memcpy(heard->bytes, heard->frame.data, size);
        stage->count++;
    }
    return rc == 0;
}

/* What the agent has put out since it was listened to before. */
static inline void listen_to(struct stage *stage) {
    stage->count = 0;
    for (size_t i = 0; i < stage->out.count; i++) CU_ASSERT_TRUE(keep_frames(stage, &stage->out.message[i]));
    rp__outbox_free(&stage->out);
}

static inline const struct rp__frame *find(const struct stage *stage, enum rp__frame_type type, uint64_t chunk) {
    for (size_t i = 0; i < stage->count; i++)
        if (stage->heard[i].frame.type == type && stage->heard[i].frame.chunk == chunk) return &stage->heard[i].frame;
    return NULL;
}

static inline uint32_t poll_once(struct stage *stage) {
    uint32_t events = 0;
    CU_ASSERT_EQUAL(rp__agent_poll(stage->agent, &events, &stage->error), 0);
    return events;
}

static inline void poll_and_listen(struct stage *stage) {
    do poll_once(stage);
    while (stage->crew.from < stage->crew.to);
    listen_to(stage);
}

static inline struct stage *open_stage(uint32_t workers, size_t room) {
    struct stage *stage = calloc(1, sizeof *stage);
    open_crew(&stage->crew, workers, room);
    stage->agent = rp__agent_new(&played_crew, &stage->crew, workers, &stage->out);
    CU_ASSERT_PTR_NOT_NULL_FATAL(stage->agent);
    poll_and_listen(stage);
    return stage;
}

static inline void close_stage(struct stage *stage) {
    CU_ASSERT_STRING_EQUAL(stage->crew.fault, "");
    rp__agent_free(stage->agent);
    rp__outbox_free(&stage->out);
    close_crew(&stage->crew);
    free(stage);
}

/* ---- What the master sends ----------------------------------------------------------------------------- */

/* Bytes that follow from the number, sent in frames of `piece` bytes. */
static inline int send_bytes(struct stage *stage, struct rp__frame frame, uint64_t number, size_t size, size_t piece) {
    uint8_t bytes[1000];
    for (size_t i = 0; i < size; i++) bytes[i] = byte_of(number, i);
    size_t at = 0;
    int rc;
    do {
        size_t left = size - at;
        frame.size = left < piece ? left : piece;
        frame.data = bytes + at;
        frame.flags = frame.size < left ? RP__MORE : 0;
        rc = rp__agent_receive(stage->agent, &frame);
        at += frame.size;
    } while (rc == 0 && at < size);
    return rc;
}

static inline int send_map(struct stage *stage, uint32_t map, uint32_t active) {
    const struct rp__frame frame = {.type = RP__FRAME_MAP, .map = map, .kernel = 1, .worker = active};
    return send_bytes(stage, frame, map, args_size(map), 300);
}

static inline int send_chunk(struct stage *stage, uint32_t map, uint64_t chunk, uint32_t worker) {
    const struct rp__frame frame = {.type = RP__FRAME_WORK,
                                    .map = map,
                                    .chunk = chunk,
                                    .begin = 10 * chunk,
                                    .end = 10 * chunk + 10,
                                    .worker = worker};
    return send_bytes(stage, frame, chunk, inputs_size(chunk), 300);
}

/* Chunks first, first + 10, ... of map 10, none of which carry bytes; to the workers. */
static inline void send_chunks(struct stage *stage, uint64_t first, int count, uint32_t worker) {
    for (int i = 0; i < count; i++) CU_ASSERT_EQUAL(send_chunk(stage, 10, first + 10 * (uint64_t)i, worker), 0);
    poll_and_listen(stage);
}

/* A stage with map 10 open on all workers. */
static inline struct stage *open_stage_with_map(uint32_t workers, size_t room) {
    struct stage *stage = open_stage(workers, room);
    CU_ASSERT_EQUAL(send_map(stage, 10, 0), 0);
    return stage;
}

/* The worker answers all it has been given. */
static inline void answer_all(struct stage *stage, uint32_t worker) {
    do start_next(&stage->crew, worker);
    while (answer(&stage->crew, worker, false));
    poll_and_listen(stage);
}

#endif
