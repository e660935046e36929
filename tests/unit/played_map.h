/* A map of the played cluster (test_master.c): what its tasks are, what they must answer, and what came. */
#ifndef PLAYED_MAP_H
#define PLAYED_MAP_H

#include "core/master.h"
#include "played_queens.h"

enum { POISON_MAX = 3, SPANS_MAX = 8 };

/* xorshift64* [Vigna 2016] */
static inline uint64_t draw(uint64_t *state, uint64_t below) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dU % below;
}

static inline uint64_t answer_of(uint32_t map, uint64_t task) { return (task + 1) * 0x9e3779b97f4a7c15u ^ map; }

/* The record of tasks [begin, end): of one, or of a reduced map's block, whose order shows in it. */
static inline uint64_t record_of(uint32_t map, uint64_t begin, uint64_t end) {
    uint64_t record = 0;
    for (; begin < end; begin++) record = (record ^ answer_of(map, begin)) * 0x100000001b3u;
    return record;
}

struct played_map {
    struct rp__master_map *map;
    uint32_t number;
    bool range, fed, unordered, close_early, closed;
    bool sticky;               /* pure, and workers get stuck in it for ever */
    uint64_t count, put, next; /* next: the task whose result is due */
    uint64_t reduce;           /* tasks a record */
    rp_span skip[SPANS_MAX];
    size_t skips;
    uint64_t skipped; /* tasks */
    uint32_t queens;  /* tasks are boards of so many rows and add tasks; 0: they are not */
    uint64_t solutions, found;
    uint64_t poison[POISON_MAX];
    uint32_t poisons;
    uint8_t *seen;     /* [count] times answered */
    uint8_t *canceled; /* [count] may be */
    uint8_t *stuck;    /* [count] a worker was, in a chunk that began here */
    uint32_t cancels_left;
    uint64_t answered, failed;
};

static inline bool is_poison(const struct played_map *map, uint64_t task) {
    for (uint32_t i = 0; i < map->poisons; i++)
        if (map->poison[i] == task) return true;
    return false;
}

static inline bool is_skipped(const struct played_map *map, uint64_t task) {
    for (size_t i = 0; i < map->skips; i++)
        if (task >= map->skip[i].begin && task < map->skip[i].end) return true;
    return false;
}

/* As an earlier run may have left them: whole records. */
static inline void skip_some(struct played_map *map, rp_map_options *options, uint64_t *random) {
    const uint64_t blocks = map->count / map->reduce;
    for (uint64_t at = draw(random, 3) * draw(random, 50); at < blocks && map->skips < SPANS_MAX;) {
        const uint64_t left = blocks - at, most = left < 400 ? left : 400, end = at + 1 + draw(random, most);
        map->skip[map->skips++] = (rp_span){at * map->reduce, end * map->reduce};
        map->skipped += (end - at) * map->reduce;
        at = end + 1 + draw(random, 400);
    }
    options->skip = map->skip;
    options->skip_count = map->skips;
}

/* Instead of what was drawn: a map that begins with an empty board and grows. */
static inline void grow_from_a_board(struct played_map *map, rp_map_options *options, uint32_t queens) {
    map->queens = queens;
    map->count = map->solutions = map->poisons = 0;
    count_boards(&(struct board){0}, queens, &map->count, &map->solutions);
    map->fed = options->grows = true;
    map->range = options->each_worker = false;
    map->reduce = 1;
    options->count = RP_FED;
    options->reduce = options->edge = 0;
}

#endif
