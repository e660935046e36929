/* The ring's arithmetic. Records begin at words, so the word with the size never wraps, and the bytes do at most
 * once. Every position and size of the other side is read exactly once, atomically, and checked before it is used:
 * what was checked cannot change behind the check. */
#include "crew/ring.h"

#include <string.h>

enum { WORD = sizeof(uint64_t) };

_Static_assert((RP__RING_SIZE & (RP__RING_SIZE - 1)) == 0, "positions are cut to offsets by a mask");
_Static_assert(RP__RING_RECORD + WORD <= RP__RING_SIZE / 4, "a writer without room must leave half the ring to read");

static uint64_t to_words(uint64_t size) { return (size + (WORD - 1)) & ~(uint64_t)(WORD - 1); }

/* A check sum of words and of where each stands, all independent of each other, which suits the processor. Each step is
 * one to one, so a change of any one word changes the sum. */
#define ODD UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t word, uint64_t index) {
    word = (word ^ index * ODD) * ODD;
    return word ^ word >> 32;
}

/* Of some words of a record, of which the first is number `index`. */
static uint64_t sum_words(uint64_t index, const void *from, size_t words) {
    uint64_t sum = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, (const uint8_t *)from + i * WORD, WORD);
        sum += mix(word, index + i);
    }
    return sum;
}

/* The word before a record: its size, and the sum of its size, its words and its place in the stream. */
static uint64_t seal(uint64_t position, uint64_t size, uint64_t sum) { return mix(sum ^ size, position) << 32 | size; }

void rp__ring_reset(struct rp__ring *ring) {
    atomic_store(&ring->head, 0);
    atomic_store(&ring->tail, 0);
    atomic_store(&ring->wanted, 0);
}

void rp__ring_attach(struct rp__ring_side *side, struct rp__ring *ring) {
    *side = (struct rp__ring_side){.ring = ring};
}

static void copy_in(struct rp__ring *ring, uint64_t position, const void *from, size_t size) {
    if (size == 0) return;
    uint8_t *bytes = (uint8_t *)ring->word;
    const size_t offset = position & (RP__RING_SIZE - 1);
    const size_t to_end = RP__RING_SIZE - offset, first = size < to_end ? size : to_end;
    memcpy(bytes + offset, from, first);
    if (first < size) memcpy(bytes, (const uint8_t *)from + first, size - first);
}

static void copy_out(const struct rp__ring *ring, uint64_t position, void *to, size_t size) {
    if (size == 0) return;
    const uint8_t *bytes = (const uint8_t *)ring->word;
    const size_t offset = position & (RP__RING_SIZE - 1);
    const size_t to_end = RP__RING_SIZE - offset, first = size < to_end ? size : to_end;
    memcpy(to, bytes + offset, first);
    if (first < size) memcpy((uint8_t *)to + first, bytes, size - first);
}

enum rp__ring_state rp__ring_write(struct rp__ring_side *writer, const void *head, size_t head_size, const void *data,
                                   size_t data_size) {
    const uint64_t size = (uint64_t)head_size + data_size, needed = WORD + to_words(size);
    struct rp__ring *ring = writer->ring;
    if (writer->own + needed - writer->peer > RP__RING_SIZE) {
        const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        const uint64_t used = writer->own - tail;
        if (used > RP__RING_SIZE) return RP__RING_BROKEN;
        writer->peer = tail;
        if (used + needed > RP__RING_SIZE) return RP__RING_WAIT;
    }
    const size_t at = ((writer->own + WORD) & (RP__RING_SIZE - 1)) / WORD, words = to_words(size) / WORD;
    const size_t to_end = RP__RING_SIZE / WORD - at, first = words < to_end ? words : to_end;
    if (words) ring->word[(at + words - 1) % (RP__RING_SIZE / WORD)] = 0; /* it may be written in part only */
    copy_in(ring, writer->own + WORD, head, head_size);
    copy_in(ring, writer->own + WORD + head_size, data, data_size);
    const uint64_t sum = sum_words(0, ring->word + at, first) + sum_words(first, ring->word, words - first);
    __atomic_store_n(&ring->word[(writer->own & (RP__RING_SIZE - 1)) / WORD], seal(writer->own, size, sum),
                     __ATOMIC_RELAXED);
    writer->own += needed;
    atomic_store_explicit(&ring->head, writer->own, memory_order_release);
    return RP__RING_DONE;
}

enum rp__ring_state rp__ring_read(struct rp__ring_side *reader, void *record, size_t capacity, size_t *size) {
    struct rp__ring *ring = reader->ring;
    if (reader->peer == reader->own) {
        reader->peer = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (reader->peer == reader->own) return RP__RING_WAIT;
    }
    const uint64_t there = reader->peer - reader->own; /* a broken head stays here, and stays broken */
    if (there > RP__RING_SIZE || there < WORD) return RP__RING_BROKEN;
    const uint64_t word = __atomic_load_n(&ring->word[(reader->own & (RP__RING_SIZE - 1)) / WORD], __ATOMIC_RELAXED);
    const uint64_t bytes = (uint32_t)word;
    if (to_words(bytes) > capacity || WORD + to_words(bytes) > there) return RP__RING_BROKEN;

    copy_out(ring, reader->own + WORD, record, to_words(bytes)); /* and then it cannot change any more */
    if (seal(reader->own, bytes, sum_words(0, record, to_words(bytes) / WORD)) != word) return RP__RING_BROKEN;
    *size = bytes;
    reader->own += WORD + to_words(bytes);
    /* In sequentially consistent order with rp__ring_wakes, which looks whether the writer wants this room. */
    atomic_store(&ring->tail, reader->own);
    return RP__RING_DONE;
}

bool rp__ring_waiting(const struct rp__ring_side *reader) {
    return reader->peer != reader->own ||
           atomic_load_explicit(&reader->ring->head, memory_order_acquire) != reader->own;
}

bool rp__ring_half_full(struct rp__ring_side *writer) {
    if (writer->own - writer->peer < RP__RING_SIZE / 2) return false;
    const uint64_t tail = atomic_load_explicit(&writer->ring->tail, memory_order_acquire);
    const uint64_t used = writer->own - tail;
    if (used <= RP__RING_SIZE) writer->peer = tail; /* else it is broken, which the next write finds out */
    return used >= RP__RING_SIZE / 2;
}

void rp__ring_want(struct rp__ring_side *writer, bool wanted) { atomic_store(&writer->ring->wanted, wanted); }

bool rp__ring_has_room(const struct rp__ring_side *writer) {
    const uint64_t used = writer->own - atomic_load(&writer->ring->tail);
    return used > RP__RING_SIZE || used + WORD + to_words(RP__RING_RECORD) <= RP__RING_SIZE;
}

bool rp__ring_wakes(const struct rp__ring_side *reader) {
    if (!atomic_load(&reader->ring->wanted)) return false;
    return atomic_load(&reader->ring->head) - reader->own <= RP__RING_SIZE / 2;
}
