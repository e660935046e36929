/* The ring between one writer and one reader, alone, with two threads, and with rubbish in it. */
#include "crew/ring.h"
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct pair {
    struct rp__ring *ring;
    struct rp__ring_side writer, reader;
    uint8_t record[RP__RING_RECORD];
};

static struct pair *pair_new(void) {
    struct pair *pair = malloc(sizeof *pair);
    pair->ring = aligned_alloc(64, sizeof *pair->ring);
    rp__ring_reset(pair->ring);
    rp__ring_attach(&pair->writer, pair->ring);
    rp__ring_attach(&pair->reader, pair->ring);
    return pair;
}

static void pair_free(struct pair *pair) {
    free(pair->ring);
    free(pair);
}

static enum rp__ring_state pair_read(struct pair *pair, size_t *size) {
    return rp__ring_read(&pair->reader, pair->record, sizeof pair->record, size);
}

static void ring_is_empty_at_first(void) {
    struct pair *pair = pair_new();
    size_t size = 5;
    CU_ASSERT_FALSE(rp__ring_waiting(&pair->reader));
    CU_ASSERT_EQUAL(pair_read(pair, &size), RP__RING_WAIT);
    CU_ASSERT_EQUAL(size, 5);
    pair_free(pair);
}

static void record_comes_out_as_head_then_data(void) {
    struct pair *pair = pair_new();
    size_t size;
    CU_ASSERT_EQUAL(rp__ring_write(&pair->writer, "head", 4, "data!", 5), RP__RING_DONE);
    CU_ASSERT_EQUAL(rp__ring_write(&pair->writer, "x", 1, NULL, 0), RP__RING_DONE);
    CU_ASSERT_EQUAL(rp__ring_write(&pair->writer, NULL, 0, NULL, 0), RP__RING_DONE);
    CU_ASSERT_TRUE(rp__ring_waiting(&pair->reader));
    CU_ASSERT_EQUAL(pair_read(pair, &size), RP__RING_DONE);
    CU_ASSERT_EQUAL(size, 9);
    CU_ASSERT_EQUAL(memcmp(pair->record, "headdata!", 9), 0);
    CU_ASSERT_EQUAL(pair_read(pair, &size), RP__RING_DONE);
    CU_ASSERT_EQUAL(size, 1);
    CU_ASSERT_EQUAL(pair_read(pair, &size), RP__RING_DONE);
    CU_ASSERT_EQUAL(size, 0);
    CU_ASSERT_EQUAL(pair_read(pair, &size), RP__RING_WAIT);
    pair_free(pair);
}

static uint8_t pattern(unsigned record, size_t at) { return (uint8_t)(record * 31 + at * 7 + (at >> 8)); }

static void fill(uint8_t *bytes, unsigned record, size_t size) {
    for (size_t i = 0; i < size; i++) bytes[i] = pattern(record, i);
}

static bool is_filled(const uint8_t *bytes, unsigned record, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != pattern(record, i)) return false;
    return true;
}

static void records_of_all_sizes_cross_the_end_whole(void) {
    struct pair *pair = pair_new();
    uint8_t *bytes = malloc(RP__RING_RECORD);
    for (unsigned i = 0; i < 1000; i++) {
        const size_t size = i * 37u % (RP__RING_RECORD + 1);
        fill(bytes, i, size);
        size_t got;
        const size_t head = size < 48 ? size : 48;
        CU_ASSERT_EQUAL_FATAL(rp__ring_write(&pair->writer, bytes, head, bytes + head, size - head), RP__RING_DONE);
        CU_ASSERT_EQUAL_FATAL(pair_read(pair, &got), RP__RING_DONE);
        CU_ASSERT_EQUAL(got, size);
        CU_ASSERT_TRUE(is_filled(pair->record, i, size));
    }
    free(bytes);
    pair_free(pair);
}

static void full_ring_says_wait_and_loses_nothing(void) {
    struct pair *pair = pair_new();
    uint8_t bytes[1000];
    unsigned in = 0, out = 0;
    for (;; in++) {
        fill(bytes, in, sizeof bytes);
        if (rp__ring_write(&pair->writer, bytes, 0, bytes, sizeof bytes) != RP__RING_DONE) break;
    }
    CU_ASSERT_EQUAL(in, RP__RING_SIZE / 1008);
    CU_ASSERT_FALSE(rp__ring_has_room(&pair->writer));
    CU_ASSERT_TRUE(rp__ring_half_full(&pair->writer));
    size_t size;
    for (; pair_read(pair, &size) == RP__RING_DONE; out++) CU_ASSERT_TRUE(is_filled(pair->record, out, sizeof bytes));
    CU_ASSERT_EQUAL(in, out);
    CU_ASSERT_TRUE(rp__ring_has_room(&pair->writer));
    CU_ASSERT_FALSE(rp__ring_half_full(&pair->writer));
    CU_ASSERT_EQUAL(rp__ring_write(&pair->writer, bytes, 0, bytes, sizeof bytes), RP__RING_DONE);
    pair_free(pair);
}

static void reader_wakes_the_writer_once_half_is_free(void) {
    struct pair *pair = pair_new();
    uint8_t bytes[1000] = {0};
    while (rp__ring_write(&pair->writer, bytes, 0, bytes, sizeof bytes) == RP__RING_DONE) {
    }
    size_t size;
    CU_ASSERT_EQUAL(pair_read(pair, &size), RP__RING_DONE);
    CU_ASSERT_FALSE(rp__ring_wakes(&pair->reader)); /* nobody sleeps */
    rp__ring_want(&pair->writer, true);
    CU_ASSERT_FALSE(rp__ring_has_room(&pair->writer));
    CU_ASSERT_FALSE(rp__ring_wakes(&pair->reader)); /* too early */
    while (pair->writer.own - pair->reader.own > RP__RING_SIZE / 2 + 1008)
        CU_ASSERT_EQUAL_FATAL(pair_read(pair, &size), RP__RING_DONE);
    CU_ASSERT_FALSE(rp__ring_wakes(&pair->reader));
    CU_ASSERT_EQUAL(pair_read(pair, &size), RP__RING_DONE);
    CU_ASSERT_TRUE(rp__ring_wakes(&pair->reader));
    CU_ASSERT_TRUE(rp__ring_has_room(&pair->writer));
    rp__ring_want(&pair->writer, false);
    CU_ASSERT_FALSE(rp__ring_wakes(&pair->reader));
    pair_free(pair);
}

static void reader_refuses_a_head_that_cannot_be(void) {
    /* The last ones are such that with zeros in the ring they look like a run of empty records, nearly endless. */
    static const uint64_t heads[] = {1, 7, 8, RP__RING_SIZE + 8, UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 63};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct pair *pair = pair_new();
        memset(pair->ring->word, i < 3 ? 0xa5 : 0, sizeof pair->ring->word);
        atomic_store(&pair->ring->head, heads[i]);
        size_t size;
        CU_ASSERT_EQUAL(pair_read(pair, &size), RP__RING_BROKEN);
        CU_ASSERT_EQUAL(pair_read(pair, &size), RP__RING_BROKEN);
        pair_free(pair);
    }
}

static void reader_refuses_a_size_that_cannot_be(void) {
    static const uint64_t sizes[] = {17, 1000, RP__RING_RECORD, RP__RING_RECORD + 1, UINT64_MAX, UINT64_MAX - 8};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct pair *pair = pair_new();
        rp__ring_write(&pair->writer, "0123456789abcdef", 16, NULL, 0);
        pair->ring->word[0] = sizes[i];
        size_t size;
        CU_ASSERT_EQUAL(pair_read(pair, &size), RP__RING_BROKEN);
        pair_free(pair);
    }
}

/* Records of all sizes around a word, one of which runs over the end of the ring. */
static void reader_refuses_a_record_of_which_any_bit_has_changed(void) {
    const size_t words = RP__RING_SIZE / 8;
    uint8_t bytes[RP__RING_SIZE / 8 - 8] = {0};
    for (size_t size = 0; size < 20; size++) {
        struct pair *pair = pair_new();
        size_t got;
        for (int i = 0; i < 7; i++) {
            rp__ring_write(&pair->writer, bytes, sizeof bytes, NULL, 0);
            CU_ASSERT_EQUAL(pair_read(pair, &got), RP__RING_DONE);
        }
        rp__ring_write(&pair->writer, bytes, sizeof bytes - 16, NULL, 0); /* two words are left */
        CU_ASSERT_EQUAL(pair_read(pair, &got), RP__RING_DONE);
        const uint64_t at = pair->writer.own / 8;
        const struct rp__ring_side before = pair->reader;
        rp__ring_write(&pair->writer, "0123456789abcdefghij", size, NULL, 0);
        for (uint64_t bit = 0; bit < 64 * (1 + (size + 7) / 8); bit++) {
            pair->ring->word[(at + bit / 64) % words] ^= UINT64_C(1) << bit % 64;
            CU_ASSERT_EQUAL(pair_read(pair, &got), RP__RING_BROKEN);
            pair->ring->word[(at + bit / 64) % words] ^= UINT64_C(1) << bit % 64;
            pair->reader = before;
        }
        CU_ASSERT_EQUAL(pair_read(pair, &got), RP__RING_DONE);
        CU_ASSERT_EQUAL(got, size);
        pair_free(pair);
    }
}

static void reader_refuses_a_record_that_stood_there_before(void) {
    struct pair *pair = pair_new();
    static uint64_t before[RP__RING_SIZE / 8];
    size_t size;
    for (uint64_t i = 0; i < 2 * RP__RING_SIZE / 16; i++) {
        rp__ring_write(&pair->writer, "12345678", 8, NULL, 0);
        if (i == RP__RING_SIZE / 16 - 1) memcpy(before, pair->ring->word, sizeof before);
        if (i + 1 < 2 * RP__RING_SIZE / 16) CU_ASSERT_EQUAL(pair_read(pair, &size), RP__RING_DONE);
    }
    memcpy(pair->ring->word, before, sizeof before);
    CU_ASSERT_EQUAL(pair_read(pair, &size), RP__RING_BROKEN);
    pair_free(pair);
}

static void reader_refuses_a_record_larger_than_its_room(void) {
    struct pair *pair = pair_new();
    rp__ring_write(&pair->writer, "0123456789abcdef", 16, NULL, 0);
    size_t size;
    CU_ASSERT_EQUAL(rp__ring_read(&pair->reader, pair->record, 15, &size), RP__RING_BROKEN);
    pair_free(pair);
}

static void writer_refuses_a_tail_that_cannot_be(void) {
    static const uint64_t tails[] = {RP__RING_SIZE + 1, RP__RING_SIZE * 2, UINT64_C(1) << 63};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        struct pair *pair = pair_new();
        uint8_t bytes[1000] = {0};
        while (rp__ring_write(&pair->writer, bytes, 0, bytes, sizeof bytes) == RP__RING_DONE) {
        }
        atomic_store(&pair->ring->tail, tails[i]);
        CU_ASSERT_EQUAL(rp__ring_write(&pair->writer, bytes, 0, bytes, sizeof bytes), RP__RING_BROKEN);
        CU_ASSERT_TRUE(rp__ring_has_room(&pair->writer)); /* so that nobody sleeps on it */
        pair_free(pair);
    }
}

enum { STREAMED = 50000 };

static size_t streamed_size(unsigned i) { return i % 500 == 0 ? RP__RING_RECORD : i * 7919u % 300; }

static void *write_stream(void *argument) {
    struct pair *pair = argument;
    uint8_t *bytes = malloc(RP__RING_RECORD);
    for (unsigned i = 0; i < STREAMED; i++) {
        const size_t size = streamed_size(i);
        fill(bytes, i, size);
        while (rp__ring_write(&pair->writer, bytes, size, NULL, 0) == RP__RING_WAIT) sched_yield();
    }
    free(bytes);
    return NULL;
}

static void two_threads_stream_in_order(void) {
    struct pair *pair = pair_new();
    pthread_t writer;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&writer, NULL, write_stream, pair), 0);
    unsigned wrong = 0;
    for (unsigned i = 0; i < STREAMED; i++) {
        size_t size;
        enum rp__ring_state state;
        while ((state = pair_read(pair, &size)) == RP__RING_WAIT) sched_yield();
        CU_ASSERT_EQUAL_FATAL(state, RP__RING_DONE);
        wrong += size != streamed_size(i) || !is_filled(pair->record, i, size);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    pthread_join(writer, NULL);
    pair_free(pair);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(ring_is_empty_at_first),
                                             UNIT(record_comes_out_as_head_then_data),
                                             UNIT(records_of_all_sizes_cross_the_end_whole),
                                             UNIT(full_ring_says_wait_and_loses_nothing),
                                             UNIT(reader_wakes_the_writer_once_half_is_free),
                                             UNIT(reader_refuses_a_head_that_cannot_be),
                                             UNIT(reader_refuses_a_size_that_cannot_be),
                                             UNIT(reader_refuses_a_record_of_which_any_bit_has_changed),
                                             UNIT(reader_refuses_a_record_that_stood_there_before),
                                             UNIT(reader_refuses_a_record_larger_than_its_room),
                                             UNIT(writer_refuses_a_tail_that_cannot_be),
                                             UNIT(two_threads_stream_in_order),
                                             {NULL, NULL}};
    return unit_run("ring", tests);
}
