/* What a played worker makes of a chunk of boards: a record a board, 1 where it is full, and the boards that follow. */
#ifndef PLAYED_QUEENS_H
#define PLAYED_QUEENS_H

#include "core/buffer.h"
#include "core/record.h"
#include "queens.h"

#include <string.h>

static inline size_t put_record(uint8_t *at, const void *data, size_t size) {
    size_t head = rp__record_head(at, size, false);
    memcpy(at + head, data, size);
    return head + size;
}

static inline void put_board(struct rp__buffer *records, const struct board *board) {
    uint8_t *at = rp__buffer_reserve(records, RP__RECORD_HEAD_MAX + sizeof *board);
    records->size += put_record(at, board, sizeof *board);
}

/* Bytes of `result` that were used; 0: `inputs` are not `tasks` boards. */
static inline size_t compute_boards(const uint8_t *inputs, size_t inputs_size, uint64_t tasks, uint32_t n,
                                    uint8_t *result, struct rp__buffer *children) {
    size_t used = 0, at = 0;
    children->size = 0;
    for (; tasks; tasks--) {
        struct board board;
        const uint8_t *data;
        size_t size, whole;
        bool failed;
        if (!(whole = rp__record_read(inputs + at, inputs_size - at, &data, &size, &failed))) return 0;
        if (size != sizeof board) return 0;
        at += whole;
        memcpy(&board, data, sizeof board);
        uint64_t full = is_full(&board, n);
        used += put_record(result + used, &full, sizeof full);
        for (uint32_t places = free_places(&board, n); places; places &= places - 1) {
            const struct board next = with_queen(&board, places);
            put_board(children, &next);
        }
    }
    return at == inputs_size ? used : 0;
}

#endif
