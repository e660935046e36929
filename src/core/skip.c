/* What is skipped of a map, see skip.h. Each span knows how many tasks are skipped before it, so that counts of any part
 * of the map are a search too. */
#include "core/skip.h"

#include <stdlib.h>

struct rp__skipped {
    uint64_t begin, end, before;
};

bool rp__skip_is_valid(const rp_span *spans, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (spans[i].begin >= spans[i].end || (i && spans[i].begin <= spans[i - 1].end)) return false;
    return true;
}

int rp__skip_init(struct rp__skip *skip, const rp_span *spans, size_t count) {
    *skip = (struct rp__skip){0};
    if (!count) return 0;
    if (count > SIZE_MAX / sizeof *skip->at || !(skip->at = malloc(count * sizeof *skip->at))) return RP_ENOMEM;
    skip->count = count;
    uint64_t before = 0;
    for (size_t i = 0; i < count; i++) {
        skip->at[i] = (struct rp__skipped){.begin = spans[i].begin, .end = spans[i].end, .before = before};
        before += spans[i].end - spans[i].begin;
    }
    return 0;
}

void rp__skip_free(struct rp__skip *skip) {
    free(skip->at);
    *skip = (struct rp__skip){0};
}

/* The first span whose end is above `task`, or count. */
static size_t first_above(const struct rp__skip *skip, uint64_t task) {
    size_t low = 0, high = skip->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (skip->at[middle].end > task)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

uint64_t rp__skip_below(const struct rp__skip *skip, uint64_t task) {
    const size_t i = first_above(skip, task);
    if (i < skip->count) {
        const struct rp__skipped *span = &skip->at[i];
        return span->before + (task > span->begin ? task - span->begin : 0);
    }
    return i ? skip->at[i - 1].before + (skip->at[i - 1].end - skip->at[i - 1].begin) : 0;
}

struct rp__interval rp__skip_gap(const struct rp__skip *skip, uint64_t from) {
    size_t i = first_above(skip, from);
    if (i < skip->count && skip->at[i].begin <= from) from = skip->at[i++].end;
    return (struct rp__interval){from, i < skip->count ? skip->at[i].begin : UINT64_MAX};
}

struct rp__interval rp__skip_next(const struct rp__skip *skip, uint64_t from) {
    const size_t i = first_above(skip, from);
    if (i == skip->count) return (struct rp__interval){0};
    return (struct rp__interval){skip->at[i].begin, skip->at[i].end};
}

struct rp__interval rp__skip_join(const struct rp__skip *skip, uint64_t begin, uint64_t end) {
    size_t i = begin ? first_above(skip, begin - 1) : 0;
    if (i < skip->count && skip->at[i].end == begin) begin = skip->at[i].begin;
    i = first_above(skip, end);
    if (i < skip->count && skip->at[i].begin == end) end = skip->at[i].end;
    return (struct rp__interval){begin, end};
}
