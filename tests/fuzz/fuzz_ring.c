/* A writer gone wild: the input says what it puts into the ring's header and body, in turn with true writes, and
 * when the reader looks. The reader must stay inside its memory and come to an end, whatever it finds; what it
 * takes for records must be readable as such, or refused.
 *
 * The input is a list of commands, a byte each with their arguments after it. */
#include "core/record.h"
#include "crew/ring.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at;
    size_t left;
};

static uint64_t take(struct input *input, size_t bytes) {
    uint64_t value = 0;
    if (bytes > input->left) bytes = input->left;
    memcpy(&value, input->at, bytes);
    input->at += bytes;
    input->left -= bytes;
    return value;
}

static void check(bool holds) {
    if (!holds) abort();
}

static void read_records(const uint8_t *bytes, size_t size) {
    const uint8_t *data;
    size_t length, used;
    bool failed;
    for (; (used = rp__record_read(bytes, size, &data, &length, &failed)); bytes += used, size -= used) {
        check(used <= size && data >= bytes && data + length == bytes + used);
        static volatile uint8_t seen; /* touch both ends under the sanitizer's eyes */
        if (length) seen = data[0] ^ data[length - 1];
        (void)seen;
    }
}

/* A ring that is not written to while it is read can hold only so many records. */
static void read_all(struct rp__ring_side *reader, uint8_t *record, size_t capacity) {
    size_t size;
    unsigned records = 0;
    while (rp__ring_read(reader, record, capacity, &size) == RP__RING_DONE) {
        check(size <= capacity && ++records <= RP__RING_SIZE / 8);
        (void)rp__ring_wakes(reader);
        read_records(record, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    struct rp__ring *ring = aligned_alloc(64, sizeof *ring); /* with red zones at both ends */
    memset(ring, 0, sizeof *ring);
    struct rp__ring_side reader, writer;
    rp__ring_attach(&reader, ring);
    rp__ring_attach(&writer, ring);
    /* Begin near the end of the ring at times: it is there that records wrap. */
    const uint64_t start = take(&input, 3) & ~UINT64_C(7);
    ring->head = ring->tail = reader.own = reader.peer = writer.own = writer.peer = start;
    const size_t capacity = take(&input, 1) & 1 ? RP__RING_RECORD : 64;
    uint8_t *record = malloc(capacity);

    while (input.left) {
        switch (take(&input, 1) % 7) {
        case 0:
            ring->head = take(&input, 8);
            break;
        case 1:
            ring->head += take(&input, 2);
            break;
        case 2:
            ring->tail = take(&input, 8);
            break;
        case 3:
            ring->wanted = (uint32_t)take(&input, 1);
            break;
        case 4:
            ring->word[(reader.own / 8 + take(&input, 1)) % (RP__RING_SIZE / 8)] = take(&input, 8);
            break;
        case 5: {
            const size_t bytes = take(&input, 2) % (input.left + 1);
            (void)rp__ring_write(&writer, input.at, bytes / 2, input.at + bytes / 2, bytes - bytes / 2);
            (void)rp__ring_half_full(&writer);
            (void)rp__ring_has_room(&writer);
            input.at += bytes;
            input.left -= bytes;
            break;
        }
        case 6:
            read_all(&reader, record, capacity);
            break;
        }
    }
    read_all(&reader, record, capacity);
    free(record);
    free(ring);
    return 0;
}
