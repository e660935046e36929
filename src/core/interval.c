/* The set of task numbers that are done: sorted intervals that do not even touch, so that every set of numbers has
 * one form. Tasks mostly finish near the front, so the list stays short and an add is a binary search and a short
 * move. */
#include "core/interval.h"
#include "rankpool.h"

#include <stdlib.h>
#include <string.h>

/* The first interval whose end is above `number`, or count. */
static size_t first_above(const struct rp__intervals *set, uint64_t number) {
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->at[middle].end > number)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int make_room(struct rp__intervals *set) {
    if (set->count < set->capacity) return 0;
    size_t capacity = set->capacity ? 2 * set->capacity : 8;
    if (capacity > SIZE_MAX / sizeof *set->at) return RP_ENOMEM;
    struct rp__interval *at = realloc(set->at, capacity * sizeof *at);
    if (!at) return RP_ENOMEM;
    set->at = at;
    set->capacity = capacity;
    return 0;
}

int rp__intervals_add(struct rp__intervals *set, uint64_t begin, uint64_t end) {
    if (begin >= end) return 0;
    /* [first, last) are the intervals that the new one overlaps or touches: all of them become one. */
    size_t first = first_above(set, begin);
    if (first > 0 && set->at[first - 1].end == begin) first--;
    size_t last = first;
    while (last < set->count && set->at[last].begin <= end) last++;
    if (first == last) {
        int code = make_room(set);
        if (code) return code;
        memmove(set->at + first + 1, set->at + first, (set->count - first) * sizeof *set->at);
        set->at[first] = (struct rp__interval){begin, end};
        set->count++;
        return 0;
    }
    struct rp__interval *merged = &set->at[first];
    if (begin < merged->begin) merged->begin = begin;
    merged->end = end > set->at[last - 1].end ? end : set->at[last - 1].end;
    memmove(merged + 1, set->at + last, (set->count - last) * sizeof *set->at);
    set->count -= last - first - 1;
    return 0;
}

bool rp__intervals_cover(const struct rp__intervals *set, uint64_t begin, uint64_t end) {
    if (begin >= end) return true;
    size_t i = first_above(set, begin);
    return i < set->count && set->at[i].begin <= begin && set->at[i].end >= end;
}

bool rp__intervals_touch(const struct rp__intervals *set, uint64_t begin, uint64_t end) {
    if (begin >= end) return false;
    size_t i = first_above(set, begin);
    return i < set->count && set->at[i].begin < end;
}

uint64_t rp__intervals_total(const struct rp__intervals *set) {
    uint64_t total = 0;
    for (size_t i = 0; i < set->count; i++) total += set->at[i].end - set->at[i].begin;
    return total;
}

void rp__intervals_gap(const struct rp__intervals *set, uint64_t from, struct rp__interval *gap) {
    size_t i = first_above(set, from);
    if (i < set->count && set->at[i].begin <= from) from = set->at[i++].end;
    gap->begin = from;
    gap->end = i < set->count ? set->at[i].begin : UINT64_MAX;
}

void rp__intervals_free(struct rp__intervals *set) {
    free(set->at);
    *set = (struct rp__intervals){0};
}
