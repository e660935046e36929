/* libFuzzer: whatever calls and answers come from another rank, whole or in pieces, the objects of this rank stand it. What
 * makes no sense is refused; what does is answered.
 *
 * The input is a run of frames of 16 bytes: who sends it and of which kind, its caller, operation and object, two numbers,
 * and how many bytes of an item follow, more or fewer than it says. */
#include "pool/router.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RANKS = 3, FRAME = 16, OBJECTS = 4, ITEM_MAX = 64 };

static void require(bool true_claim) {
    if (!true_claim) abort();
}

/* Numbers that are small, large, or an object's that was made. */
static uint64_t number(uint8_t what, uint8_t value, const uint64_t *object) {
    if (what & 4) return object[value % OBJECTS];
    return what & 1 ? UINT64_MAX - value : what & 2 ? (uint64_t)value << 40 : value;
}

/* What the ranks that call are told: numbers of objects, of which some are kept for later calls. */
static void take_answers(struct rp__router *router, uint64_t *object) {
    struct rp__outbox outbox = {0};
    uint32_t rank;
    static unsigned turn;
    while (rp__router_send(router, &rank, &outbox)) {
        require(rank > 0 && rank < RANKS);
        for (size_t i = 0; i < outbox.count; i++) {
            const uint8_t *at = outbox.message[i].data, *end = at + outbox.message[i].size;
            for (struct rp__frame frame; rp__frame_read(&at, end, &frame) == 1;) {
                struct rp__answer_head head;
                if (frame.type != RP__FRAME_ANSWER || frame.size < sizeof head) continue;
                memcpy(&head, frame.data, sizeof head);
                if (head.kind == RP__REPLY && head.code == 0 && head.value >> 40) object[turn++ % OBJECTS] = head.value;
            }
        }
        rp__outbox_free(&outbox);
    }
}

static int receive(struct rp__router *router, const uint8_t *at, const uint64_t *object) {
    const struct rp__call_head call = {.type = at[2] % 7,
                                       .op = at[3],
                                       .flags = at[4],
                                       .object = number(at[5], at[6], object),
                                       .a = number(at[7], at[8], object),
                                       .b = number(at[9], at[10], object),
                                       .size = at[11] % ITEM_MAX};
    const struct rp__answer_head answer = {
        .kind = at[2] % 5, .held = at[3], .code = -at[4], .object = call.object, .grant = call.a, .size = call.size};
    const bool calls = !(at[0] & 4);
    const size_t head = calls ? sizeof call : sizeof answer;
    const size_t size = at[12] & 1 ? (size_t)at[13] : head + (size_t)call.size;
    uint8_t *bytes = calloc(1, size ? size : 1), both[sizeof call + sizeof answer];
    require(bytes != NULL);
    memcpy(both, calls ? (const void *)&call : &answer, head);
    memcpy(bytes, both, head < size ? head : size);
    const struct rp__frame frame = {.type = calls ? RP__FRAME_CALL : RP__FRAME_ANSWER,
                                    .flags = at[12] & 2 ? RP__MORE : 0,
                                    .chunk = at[12] & 4 ? UINT64_C(1) << (at[14] % 64) : at[14] % 8,
                                    .data = bytes,
                                    .size = size};
    const int code = rp__router_receive(router, at[0] & 3, &frame);
    free(bytes);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct rp__router_ops ops = {0}; /* no crew is here to be told */
    struct rp__router *router = rp__router_new(&(struct rp__router_options){.rank = 0, .ranks = RANKS, .ops = &ops});
    uint64_t object[OBJECTS] = {0};
    int64_t next_ns;
    if (!router) return 0;
    for (size_t at = 0; at + FRAME <= size; at += FRAME) {
        const int code = receive(router, data + at, object);
        require(code == 0 || code == RP_EPROTOCOL || code == RP_ENOMEM);
        rp__router_step(router, at, &next_ns);
        take_answers(router, object);
        if (data[at + 15] == 255) require(rp__router_lose(router, 2) == 0);
    }
    rp__router_free(router);
    return 0;
}
