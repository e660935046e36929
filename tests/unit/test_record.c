/* Records and the buffers that hold them. */
#include "core/buffer.h"
#include "core/record.h"
#include "rankpool.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static const size_t sizes[] = {0, 1, 62, 63, 64, 65, 8191, 8192, 1000000};

static void record_reads_back_as_written(void) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int failed = 0; failed < 2; failed++) {
            const size_t size = sizes[i];
            uint8_t *bytes = calloc(1, RP__RECORD_HEAD_MAX + size);
            const size_t head = rp__record_head(bytes, size, failed);
            const uint8_t *data;
            size_t got;
            bool marked;
            CU_ASSERT_EQUAL(rp__record_read(bytes, head + size, &data, &got, &marked), head + size);
            CU_ASSERT_PTR_EQUAL(data, bytes + head);
            CU_ASSERT_EQUAL(got, size);
            CU_ASSERT_EQUAL(marked, failed);
            free(bytes);
        }
    }
}

static void small_record_costs_one_byte_more(void) {
    uint8_t head[RP__RECORD_HEAD_MAX];
    CU_ASSERT_EQUAL(rp__record_head(head, 63, true), 1);
    CU_ASSERT_EQUAL(rp__record_head(head, 64, false), 2);
    CU_ASSERT_EQUAL(rp__record_head(head, SIZE_MAX / 2, true), RP__RECORD_HEAD_MAX);
}

static void cut_record_is_refused_at_every_length(void) {
    uint8_t bytes[RP__RECORD_HEAD_MAX + 300] = {0};
    const size_t whole = rp__record_head(bytes, 300, false) + 300;
    const uint8_t *data = NULL;
    size_t size = 7;
    bool failed = true;
    for (size_t left = 0; left < whole; left++) CU_ASSERT_EQUAL(rp__record_read(bytes, left, &data, &size, &failed), 0);
    CU_ASSERT_PTR_NULL(data);
    CU_ASSERT_EQUAL(size, 7);
    CU_ASSERT_TRUE(failed);
}

static void head_beyond_64_bits_is_refused(void) {
    uint8_t bytes[16];
    memset(bytes, 0xff, sizeof bytes);
    const uint8_t *data;
    size_t size;
    bool failed;
    CU_ASSERT_EQUAL(rp__record_read(bytes, sizeof bytes, &data, &size, &failed), 0);
    bytes[9] = 0x02;
    CU_ASSERT_EQUAL(rp__record_read(bytes, sizeof bytes, &data, &size, &failed), 0);
    bytes[9] = 0x01; /* 64 bits, but not so many bytes */
    CU_ASSERT_EQUAL(rp__record_read(bytes, sizeof bytes, &data, &size, &failed), 0);
}

static void buffer_keeps_bytes_while_it_grows(void) {
    struct rp__buffer buffer = {0};
    for (unsigned i = 0; i < 100000; i++) CU_ASSERT_EQUAL_FATAL(rp__buffer_append(&buffer, &i, sizeof i), 0);
    CU_ASSERT_EQUAL(buffer.size, 100000 * sizeof(unsigned));
    CU_ASSERT_TRUE(buffer.capacity >= buffer.size);
    for (unsigned i = 0; i < 100000; i++) CU_ASSERT_EQUAL(memcmp(buffer.data + i * sizeof i, &i, sizeof i), 0);
    rp__buffer_free(&buffer);
    CU_ASSERT_PTR_NULL(buffer.data);
    CU_ASSERT_EQUAL(buffer.capacity, 0);
}

static void buffer_refuses_what_cannot_be_had(void) {
    struct rp__buffer buffer = {0};
    CU_ASSERT_EQUAL(rp__buffer_append(&buffer, "abc", 3), 0);
    CU_ASSERT_PTR_NULL(rp__buffer_reserve(&buffer, SIZE_MAX));
    CU_ASSERT_PTR_NULL(rp__buffer_reserve(&buffer, SIZE_MAX - 3));
    CU_ASSERT_EQUAL(buffer.size, 3);
    CU_ASSERT_EQUAL(memcmp(buffer.data, "abc", 3), 0);
    CU_ASSERT_PTR_EQUAL(rp__buffer_reserve(&buffer, 0), buffer.data + 3);
    rp__buffer_free(&buffer);
}

static void empty_buffer_takes_nothing(void) {
    struct rp__buffer buffer = {0};
    CU_ASSERT_PTR_NOT_NULL(rp__buffer_reserve(&buffer, 0));
    CU_ASSERT_EQUAL(rp__buffer_append(&buffer, NULL, 0), 0);
    CU_ASSERT_EQUAL(buffer.size, 0);
    rp__buffer_free(&buffer);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(record_reads_back_as_written),
                                             UNIT(small_record_costs_one_byte_more),
                                             UNIT(cut_record_is_refused_at_every_length),
                                             UNIT(head_beyond_64_bits_is_refused),
                                             UNIT(buffer_keeps_bytes_while_it_grows),
                                             UNIT(buffer_refuses_what_cannot_be_had),
                                             UNIT(empty_buffer_takes_nothing),
                                             {NULL, NULL}};
    return unit_run("record", tests);
}
