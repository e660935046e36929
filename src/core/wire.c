/* Frames to bytes and back. One table says which fields a type has, so that writing and reading cannot differ. */
#include "core/wire.h"

#include "rankpool.h"

#include <stdlib.h>
#include <string.h>

enum {
    HAS_MAP = 1,
    HAS_KERNEL = 2,
    HAS_WORKER = 4,
    HAS_CHUNK = 8,
    HAS_RANGE = 16, /* begin, end - begin */
    HAS_COUNT = 32,
    HAS_DATA = 64,
    HEAD_MAX = 2 + 4 * 5 + 5 * 10 /* type, flags, four 32-bit and five 64-bit numbers */
};

static const uint8_t fields[RP__FRAME_TYPES] = {
    [RP__FRAME_POOL] = HAS_DATA,
    [RP__FRAME_START] = HAS_WORKER,
    [RP__FRAME_POOL_END] = HAS_COUNT,
    [RP__FRAME_MAP] = HAS_MAP | HAS_KERNEL | HAS_WORKER | HAS_CHUNK | HAS_COUNT | HAS_DATA,
    [RP__FRAME_MAP_END] = HAS_MAP,
    [RP__FRAME_WORK] = HAS_MAP | HAS_CHUNK | HAS_RANGE | HAS_WORKER | HAS_DATA,
    [RP__FRAME_TAKE_BACK] = HAS_COUNT,
    [RP__FRAME_CANCEL] = HAS_CHUNK,
    [RP__FRAME_QUIT] = HAS_COUNT,
    [RP__FRAME_SHARE] = HAS_WORKER | HAS_COUNT | HAS_DATA,
    [RP__FRAME_HELLO] = HAS_RANGE | HAS_DATA,
    [RP__FRAME_CREW] = HAS_WORKER | HAS_DATA,
    [RP__FRAME_WORKER] = HAS_WORKER | HAS_CHUNK | HAS_COUNT | HAS_DATA,
    [RP__FRAME_RESULT] = HAS_WORKER | HAS_CHUNK | HAS_COUNT | HAS_DATA,
    [RP__FRAME_CHILDREN] = HAS_CHUNK | HAS_DATA,
    [RP__FRAME_RETURNED] = HAS_CHUNK,
    [RP__FRAME_RUNS] = HAS_CHUNK,
    [RP__FRAME_DIED] = HAS_KERNEL | HAS_WORKER | HAS_CHUNK | HAS_RANGE | HAS_COUNT | HAS_DATA,
    [RP__FRAME_FAILED] = HAS_COUNT | HAS_DATA,
    [RP__FRAME_SHARED] = HAS_WORKER,
    [RP__FRAME_SIGNAL] = HAS_COUNT,
    [RP__FRAME_CUT] = HAS_CHUNK | HAS_RANGE,
    [RP__FRAME_BLOCKED] = HAS_CHUNK,
    [RP__FRAME_PROGRESS] = HAS_CHUNK | HAS_COUNT,
    [RP__FRAME_PRINT] = HAS_DATA,
    [RP__FRAME_CALL] = HAS_CHUNK | HAS_DATA,
    [RP__FRAME_ANSWER] = HAS_CHUNK | HAS_DATA,
    [RP__FRAME_LOST] = HAS_WORKER,
    [RP__FRAME_BEAT] = 0,
};

static uint8_t *put(uint8_t *at, uint64_t n) {
    for (; n >= 0x80; n >>= 7) *at++ = (uint8_t)(n | 0x80);
    *at++ = (uint8_t)n;
    return at;
}

/* Read a number of at most `max`; NULL when it is cut, too long or too large. */
static const uint8_t *get(const uint8_t *at, const uint8_t *end, uint64_t max, uint64_t *n) {
    uint64_t value = 0;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1) return NULL;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        if (value > max) return NULL;
        *n = value;
        return at;
    }
    return NULL;
}

static const uint8_t *get32(const uint8_t *at, const uint8_t *end, uint32_t *n) {
    uint64_t wide = 0;
    at = get(at, end, UINT32_MAX, &wide);
    if (at) *n = (uint32_t)wide;
    return at;
}

static uint8_t *put_head(uint8_t *at, const struct rp__frame *frame, uint32_t pool, size_t size, bool more) {
    unsigned has = fields[frame->type];
    *at++ = (uint8_t)frame->type;
    *at++ = (uint8_t)(frame->flags | (more ? RP__MORE : 0));
    at = put(at, pool);
    if (has & HAS_MAP) at = put(at, frame->map);
    if (has & HAS_KERNEL) at = put(at, frame->kernel);
    if (has & HAS_WORKER) at = put(at, frame->worker);
    if (has & HAS_CHUNK) at = put(at, frame->chunk);
    if (has & HAS_RANGE) at = put(put(at, frame->begin), frame->end - frame->begin);
    if (has & HAS_COUNT) at = put(at, frame->count);
    if (has & HAS_DATA) at = put(at, size);
    return at;
}

int rp__frame_read(const uint8_t **at, const uint8_t *end, struct rp__frame *frame) {
    const uint8_t *p = *at;
    if (p == end) return 0;
    if (end - p < 2 || p[0] == 0 || p[0] >= RP__FRAME_TYPES) return RP_EPROTOCOL;
    struct rp__frame got = {.type = (enum rp__frame_type)p[0], .flags = p[1]};
    unsigned has = fields[got.type];
    uint64_t length = 0, size = 0;
    p += 2;
    p = get32(p, end, &got.pool);
    if (p && has & HAS_MAP) p = get32(p, end, &got.map);
    if (p && has & HAS_KERNEL) p = get32(p, end, &got.kernel);
    if (p && has & HAS_WORKER) p = get32(p, end, &got.worker);
    if (p && has & HAS_CHUNK) p = get(p, end, UINT64_MAX, &got.chunk);
    if (p && has & HAS_RANGE) p = get(p, end, UINT64_MAX, &got.begin);
    if (p && has & HAS_RANGE) p = get(p, end, UINT64_MAX - got.begin, &length);
    if (p && has & HAS_COUNT) p = get(p, end, UINT64_MAX, &got.count);
    if (p && has & HAS_DATA) p = get(p, end, UINT64_MAX, &size);
    if (!p || size > (uint64_t)(end - p)) return RP_EPROTOCOL;
    got.end = got.begin + length;
    got.data = p;
    got.size = (size_t)size;
    *frame = got;
    *at = p + size;
    return 1;
}

/* The message being filled, with room for `need` bytes; a new one when the last is too full for them. */
static struct rp__buffer *open_message(struct rp__outbox *outbox, size_t need) {
    if (outbox->count && outbox->message[outbox->count - 1].size + need <= RP__MESSAGE_MAX)
        return &outbox->message[outbox->count - 1];
    if (outbox->count == outbox->capacity) {
        size_t capacity = outbox->capacity ? 2 * outbox->capacity : 4;
        struct rp__buffer *message = realloc(outbox->message, capacity * sizeof *message);
        if (!message) return NULL;
        outbox->message = message;
        outbox->capacity = capacity;
    }
    outbox->message[outbox->count] = (struct rp__buffer){0};
    return &outbox->message[outbox->count++];
}

int rp__outbox_put(struct rp__outbox *outbox, const struct rp__frame *frame) {
    size_t done = 0;
    do {
        /* A long frame first fills what is left of the open message, if that is worth it. */
        size_t left = frame->size - done;
        size_t least = left < RP__MESSAGE_MAX / 4 ? left : RP__MESSAGE_MAX / 4;
        struct rp__buffer *message = open_message(outbox, HEAD_MAX + least);
        if (!message) return RP_ENOMEM;
        size_t room = RP__MESSAGE_MAX - HEAD_MAX - message->size;
        size_t size = left < room ? left : room;
        uint8_t *at = rp__buffer_reserve(message, HEAD_MAX + size);
        if (!at) return RP_ENOMEM;
        uint8_t *body = put_head(at, frame, outbox->pool, size, done + size < frame->size);
        if (size) memcpy(body, frame->data + done, size);
        message->size += (size_t)(body - at) + size;
        done += size;
    } while (done < frame->size);
    return 0;
}

void rp__outbox_free(struct rp__outbox *outbox) {
    for (size_t i = 0; i < outbox->count; i++) rp__buffer_free(&outbox->message[i]);
    free(outbox->message);
    *outbox = (struct rp__outbox){.pool = outbox->pool};
}
