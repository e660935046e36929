/* libFuzzer: whatever a message holds, the reader stays inside it and moves on by whole frames, and what it has read
 * and is put again reads the same. */
#include "core/wire.h"
#include "rankpool.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_claim) {
    if (!true_claim) abort();
}

static void require_same(const struct rp__frame *a, const struct rp__frame *b) {
    require(a->type == b->type && a->map == b->map && a->kernel == b->kernel && a->worker == b->worker);
    require(a->chunk == b->chunk && a->begin == b->begin && a->end == b->end && a->count == b->count);
}

/* Read the outbox, which holds this one frame in one piece or in several. */
static void check_again(const struct rp__outbox *outbox, const struct rp__frame *frame) {
    size_t done = 0;
    for (size_t i = 0; i < outbox->count; i++) {
        const struct rp__buffer *message = &outbox->message[i];
        require(message->size <= RP__MESSAGE_MAX);
        const uint8_t *at = message->data, *end = at + message->size;
        for (struct rp__frame piece; at < end;) {
            require(rp__frame_read(&at, end, &piece) == 1);
            require_same(&piece, frame);
            require(piece.size <= frame->size - done);
            require(piece.size == 0 || memcmp(piece.data, frame->data + done, piece.size) == 0);
            done += piece.size;
            require(piece.flags == (frame->flags | (done < frame->size ? RP__MORE : 0)));
        }
    }
    require(done == frame->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *message = malloc(size ? size : 1); /* of its very size, so that a read past the end is seen */
    if (!message) return 0;
    if (size) memcpy(message, data, size);
    const uint8_t *at = message, *end = message + size;
    for (;;) {
        const uint8_t *before = at;
        struct rp__frame frame;
        int rc = rp__frame_read(&at, end, &frame);
        require(rc == 0 || rc == 1 || rc == RP_EPROTOCOL);
        if (rc != 1) {
            require(at == before && (rc != 0 || at == end));
            break;
        }
        require(at >= before + 2 && at <= end && frame.end >= frame.begin);
        require(frame.data > before && frame.data + frame.size == at);
        struct rp__outbox outbox = {0};
        require(rp__outbox_put(&outbox, &frame) == 0);
        check_again(&outbox, &frame);
        rp__outbox_free(&outbox);
    }
    free(message);
    return 0;
}
