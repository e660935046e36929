/* Frames and messages: what is put comes out again, in pieces that fit, and what was cut or forged is refused. */
#include "core/wire.h"
#include "random.h"
#include "rankpool.h"

#include <stdlib.h>
#include <string.h>

enum { KINDS = RP__FRAME_TYPES - 1 };

enum has { MAP = 1, KERNEL = 2, WORKER = 4, CHUNK = 8, RANGE = 16, COUNT = 32, DATA = 64 };

/* What wire.h says that each type carries. */
static unsigned carries(enum rp__frame_type type) {
    switch (type) {
    case RP__FRAME_POOL:
        return DATA;
    case RP__FRAME_START:
        return WORKER;
    case RP__FRAME_POOL_END:
        return 0;
    case RP__FRAME_MAP:
        return MAP | KERNEL | WORKER | CHUNK | COUNT | DATA;
    case RP__FRAME_MAP_END:
        return MAP;
    case RP__FRAME_WORK:
        return MAP | CHUNK | RANGE | WORKER | DATA;
    case RP__FRAME_TAKE_BACK:
        return COUNT;
    case RP__FRAME_SHARE:
        return WORKER | COUNT | DATA;
    case RP__FRAME_SHARED:
        return WORKER;
    case RP__FRAME_CANCEL:
        return CHUNK;
    case RP__FRAME_QUIT:
        return COUNT;
    case RP__FRAME_HELLO:
        return RANGE | DATA;
    case RP__FRAME_CREW:
        return WORKER | DATA;
    case RP__FRAME_WORKER:
        return WORKER | CHUNK | COUNT | DATA;
    case RP__FRAME_RESULT:
        return WORKER | CHUNK | COUNT | DATA;
    case RP__FRAME_CHILDREN:
        return CHUNK | DATA;
    case RP__FRAME_RETURNED:
        return CHUNK;
    case RP__FRAME_RUNS:
        return CHUNK;
    case RP__FRAME_DIED:
        return KERNEL | WORKER | CHUNK | RANGE | COUNT | DATA;
    case RP__FRAME_CUT:
        return CHUNK | RANGE;
    case RP__FRAME_BLOCKED:
        return CHUNK;
    case RP__FRAME_CALL:
    case RP__FRAME_ANSWER:
        return CHUNK | DATA;
    case RP__FRAME_FAILED:
        return COUNT | DATA;
    case RP__FRAME_SIGNAL:
        return COUNT;
    case RP__FRAME_PROGRESS:
        return CHUNK | COUNT;
    case RP__FRAME_PRINT:
        return DATA;
    case RP__FRAME_LOST:
        return WORKER;
    case RP__FRAME_BEAT:
    case RP__FRAME_TYPES:
        break;
    }
    return 0;
}

/* A frame of a random type with fields of every size; its data lies in `bytes`. */
static struct rp__frame random_frame(uint64_t *random, const uint8_t *bytes, size_t most) {
    struct rp__frame frame = {.type = (enum rp__frame_type)(1 + random_below(random, KINDS))};
    unsigned has = carries(frame.type);
    frame.flags = one_in(random, 4) ? RP__LAST : one_in(random, 4) ? RP__IN_HAND : 0;
    if (has & MAP) frame.map = (uint32_t)random_size(random, UINT32_MAX);
    if (has & KERNEL) frame.kernel = (uint32_t)random_size(random, UINT32_MAX);
    if (has & WORKER) frame.worker = one_in(random, 3) ? RP__ANY_WORKER : (uint32_t)random_size(random, UINT32_MAX);
    if (has & CHUNK) frame.chunk = random_size(random, UINT64_MAX);
    if (has & RANGE) frame.begin = random_size(random, UINT64_MAX);
    if (has & RANGE) frame.end = random_between(random, frame.begin, UINT64_MAX);
    if (has & COUNT) frame.count = random_size(random, UINT64_MAX);
    if (has & DATA) frame.data = bytes;
    if (has & DATA) frame.size = (size_t)random_size(random, most);
    return frame;
}

static bool same_head(const struct rp__frame *a, const struct rp__frame *b) {
    return a->type == b->type && a->map == b->map && a->kernel == b->kernel && a->worker == b->worker &&
           a->chunk == b->chunk && a->begin == b->begin && a->end == b->end && a->count == b->count;
}

/* Where a reader of an outbox stands. */
struct reading {
    const struct rp__outbox *outbox;
    size_t message;
    const uint8_t *at;
};

/* The next frame over all messages; its pieces are put together in `whole`. False: none, or not as it should be. */
static bool read_whole(struct reading *reading, struct rp__frame *frame, struct rp__buffer *whole) {
    whole->size = 0;
    for (bool first = true;; first = false) {
        struct rp__frame piece;
        if (reading->message == reading->outbox->count) return false;
        const struct rp__buffer *message = &reading->outbox->message[reading->message];
        if (!reading->at) reading->at = message->data;
        REQUIRE(rp__frame_read(&reading->at, message->data + message->size, &piece) == 1);
        if (reading->at == message->data + message->size) {
            reading->message++;
            reading->at = NULL;
        }
        REQUIRE(first || same_head(frame, &piece));
        REQUIRE(rp__buffer_append(whole, piece.data, piece.size) == 0);
        *frame = piece;
        if (!(piece.flags & RP__MORE)) return true;
    }
}

static bool frames_read_back(uint64_t seed) {
    enum { FRAMES = 200, MOST = 3 * RP__MESSAGE_MAX };
    static uint8_t bytes[MOST];
    uint64_t random = seed;
    for (size_t i = 0; i < MOST; i += 8) memcpy(bytes + i, &(uint64_t){random_next(&random)}, 8);
    struct rp__frame put[FRAMES];
    struct rp__outbox outbox = {.pool = (uint32_t)random_size(&random, UINT32_MAX)};
    for (size_t i = 0; i < FRAMES; i++) {
        put[i] = random_frame(&random, bytes, MOST);
        REQUIRE(rp__outbox_put(&outbox, &put[i]) == 0);
    }
    for (size_t i = 0; i < outbox.count; i++)
        REQUIRE(outbox.message[i].size > 0 && outbox.message[i].size <= RP__MESSAGE_MAX);

    struct reading reading = {&outbox, 0, NULL};
    struct rp__frame got;
    struct rp__buffer whole = {0};
    for (size_t i = 0; i < FRAMES; i++) {
        REQUIRE(read_whole(&reading, &got, &whole));
        REQUIRE(same_head(&got, &put[i]) && got.flags == put[i].flags && got.pool == outbox.pool);
        REQUIRE(whole.size == put[i].size && (whole.size == 0 || memcmp(whole.data, bytes, whole.size) == 0));
    }
    REQUIRE(reading.message == outbox.count);
    rp__buffer_free(&whole);
    rp__outbox_free(&outbox);
    REQUIRE(outbox.message == NULL && outbox.count == 0);
    return true;
}

static void every_frame_reads_back_as_it_was_put(void) { run_seeds(25, frames_read_back); }

static void small_frames_share_a_message(void) {
    struct rp__outbox outbox = {0};
    for (uint64_t i = 0; i < 1000; i++)
        CU_ASSERT_EQUAL(rp__outbox_put(&outbox, &(struct rp__frame){.type = RP__FRAME_RETURNED, .chunk = i}), 0);
    CU_ASSERT_EQUAL(outbox.count, 1);
    rp__outbox_free(&outbox);
}

static void long_result_fills_its_messages(void) {
    enum { SIZE = 10 * 1024 * 1024 };
    uint8_t *bytes = calloc(1, SIZE);
    struct rp__outbox outbox = {0};
    CU_ASSERT_EQUAL(rp__outbox_put(&outbox, &(struct rp__frame){.type = RP__FRAME_SIGNAL, .count = 2}), 0);
    CU_ASSERT_EQUAL(rp__outbox_put(&outbox, &(struct rp__frame){.type = RP__FRAME_RESULT, .data = bytes, .size = SIZE}),
                    0);
    CU_ASSERT_EQUAL(outbox.count, SIZE / RP__MESSAGE_MAX + 1);
    for (size_t i = 0; i + 1 < outbox.count; i++) CU_ASSERT_TRUE(outbox.message[i].size > RP__MESSAGE_MAX - 100);
    rp__outbox_free(&outbox);
    free(bytes);
}

static void long_result_does_not_begin_with_a_crumb(void) {
    enum { LONG = RP__MESSAGE_MAX / 2 };
    static const uint8_t bytes[LONG];
    for (size_t used = RP__MESSAGE_MAX - 1000; used < RP__MESSAGE_MAX - 60; used += 7) {
        struct rp__outbox outbox = {0};
        for (size_t done = 0, size; done < used; done += size) {
            size = used - done < LONG / 4 ? used - done : LONG / 4;
            CU_ASSERT_EQUAL(
                rp__outbox_put(&outbox, &(struct rp__frame){.type = RP__FRAME_POOL, .data = bytes, .size = size}), 0);
        }
        const size_t before = outbox.message[0].size;
        CU_ASSERT_EQUAL(
            rp__outbox_put(&outbox, &(struct rp__frame){.type = RP__FRAME_RESULT, .data = bytes, .size = LONG}), 0);
        CU_ASSERT_EQUAL(outbox.count, 2);
        CU_ASSERT_EQUAL(outbox.message[0].size, before);
        rp__outbox_free(&outbox);
    }
}

static void more_of_the_callers_own_stays(void) {
    struct rp__outbox outbox = {0};
    struct rp__frame got;
    const struct rp__frame part = {
        .type = RP__FRAME_RESULT, .flags = RP__MORE, .chunk = 7, .data = (const uint8_t *)"ab", .size = 2};
    CU_ASSERT_EQUAL(rp__outbox_put(&outbox, &part), 0);
    const uint8_t *at = outbox.message[0].data;
    CU_ASSERT_EQUAL(rp__frame_read(&at, at + outbox.message[0].size, &got), 1);
    CU_ASSERT_EQUAL(got.flags, RP__MORE);
    CU_ASSERT_EQUAL(got.chunk, 7);
    rp__outbox_free(&outbox);
}

/* Cut anywhere but between two frames, a message is refused; what stands before the cut is read all the same. */
static bool cuts_are_refused(uint64_t seed) {
    static const uint8_t bytes[40] = {1, 2, 3};
    uint64_t random = seed;
    struct rp__outbox outbox = {0};
    size_t end_of[8];
    for (size_t i = 0; i < 8; i++) {
        struct rp__frame frame = random_frame(&random, bytes, sizeof bytes);
        REQUIRE(rp__outbox_put(&outbox, &frame) == 0);
        end_of[i] = outbox.message[0].size;
    }
    for (size_t cut = 0; cut <= end_of[7]; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1); /* of its very size, so that a read beyond it is seen */
        memcpy(copy, outbox.message[0].data, cut);
        const uint8_t *at = copy;
        size_t whole = 0;
        int rc;
        struct rp__frame frame, before;
        memset(&frame, 0x55, sizeof frame);
        for (;; whole++) {
            before = frame;
            const uint8_t *from = at;
            rc = rp__frame_read(&at, copy + cut, &frame);
            if (rc == 1) continue;
            REQUIRE(at == from && memcmp(&before, &frame, sizeof frame) == 0);
            break;
        }
        size_t expected = 0;
        while (expected < 8 && end_of[expected] <= cut) expected++;
        bool between = cut == (expected ? end_of[expected - 1] : 0);
        REQUIRE(whole == expected && rc == (between ? 0 : RP_EPROTOCOL));
        free(copy);
    }
    rp__outbox_free(&outbox);
    return true;
}

static void cut_message_is_refused_where_it_is_cut(void) { run_seeds(200, cuts_are_refused); }

static int read_one(const uint8_t *bytes, size_t size) {
    struct rp__frame frame;
    return rp__frame_read(&bytes, bytes + size, &frame);
}

static void forged_heads_are_refused(void) {
    static const uint8_t type_0[] = {0, 0}, type_beyond[] = {RP__FRAME_TYPES, 0}, type_high[] = {0xff, 0};
    CU_ASSERT_EQUAL(read_one(type_0, 2), RP_EPROTOCOL);
    CU_ASSERT_EQUAL(read_one(type_beyond, 2), RP_EPROTOCOL);
    CU_ASSERT_EQUAL(read_one(type_high, 2), RP_EPROTOCOL);
    /* A worker is a number of 32 bits, a chunk of 64, and neither may be longer than that takes. */
    static const uint8_t worker_32[] = {RP__FRAME_START, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f};
    static const uint8_t worker_33[] = {RP__FRAME_START, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x10};
    static const uint8_t chunk_64[] = {
        RP__FRAME_RETURNED, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    static const uint8_t chunk_65[] = {
        RP__FRAME_RETURNED, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
    static const uint8_t endless[] = {
        RP__FRAME_RETURNED, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0};
    CU_ASSERT_EQUAL(read_one(worker_32, sizeof worker_32), 1);
    CU_ASSERT_EQUAL(read_one(worker_33, sizeof worker_33), RP_EPROTOCOL);
    CU_ASSERT_EQUAL(read_one(chunk_64, sizeof chunk_64), 1);
    CU_ASSERT_EQUAL(read_one(chunk_65, sizeof chunk_65), RP_EPROTOCOL);
    CU_ASSERT_EQUAL(read_one(endless, sizeof endless), RP_EPROTOCOL);
    /* HELLO: begin 3, and a length that ends behind 2^64; then one whose data would be longer than the message. */
    static const uint8_t beyond[] = {
        RP__FRAME_HELLO, 0, 1, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0};
    static const uint8_t longer[] = {RP__FRAME_POOL, 0,    1,    0xff, 0xff, 0xff, 0xff,
                                     0xff,           0xff, 0xff, 0xff, 0xff, 1,    'x'};
    CU_ASSERT_EQUAL(read_one(beyond, sizeof beyond), RP_EPROTOCOL);
    CU_ASSERT_EQUAL(read_one(longer, sizeof longer), RP_EPROTOCOL);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(every_frame_reads_back_as_it_was_put),
        UNIT(small_frames_share_a_message),
        UNIT(long_result_fills_its_messages),
        UNIT(long_result_does_not_begin_with_a_crumb),
        UNIT(more_of_the_callers_own_stays),
        UNIT(cut_message_is_refused_where_it_is_cut),
        UNIT(forged_heads_are_refused),
        {NULL, NULL},
    };
    return unit_run("wire", tests);
}
