/* N queens, a board a row at a time: what a task that adds tasks computes here, and the same by plain recursion. */
#ifndef QUEENS_H
#define QUEENS_H

#include <stdint.h>

/* What the queens of the rows so far forbid in the next one, a bit a column. */
struct board {
    uint32_t columns, left, right;
};

static inline uint32_t free_places(const struct board *board, uint32_t n) {
    return ~(board->columns | board->left | board->right) & ((1u << n) - 1);
}

/* With a queen in the lowest of these places. */
static inline struct board with_queen(const struct board *board, uint32_t places) {
    const uint32_t queen = places & -places;
    return (struct board){board->columns | queen, (board->left | queen) << 1, (board->right | queen) >> 1};
}

static inline uint64_t is_full(const struct board *board, uint32_t n) { return board->columns == (1u << n) - 1; }

static inline void count_boards(const struct board *board, uint32_t n, uint64_t *boards, uint64_t *solutions) {
    ++*boards;
    *solutions += is_full(board, n);
    for (uint32_t places = free_places(board, n); places; places &= places - 1) {
        const struct board next = with_queen(board, places);
        count_boards(&next, n, boards, solutions);
    }
}

#endif
