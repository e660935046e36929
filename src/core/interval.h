/* A set of task numbers as sorted, merged intervals [begin, end). Its size follows the number of holes, not of
 * tasks. All zero is an empty set. */
#ifndef RP_CORE_INTERVAL_H
#define RP_CORE_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rp__interval {
    uint64_t begin, end;
};

struct rp__intervals {
    struct rp__interval *at; /* sorted, no two touch */
    size_t count, capacity;
};

/* Add [begin, end); what is in the set already is no error. 0 or RP_ENOMEM (the set is unchanged). */
int rp__intervals_add(struct rp__intervals *set, uint64_t begin, uint64_t end);
/* Is all of [begin, end) in the set? True for an empty range. */
bool rp__intervals_cover(const struct rp__intervals *set, uint64_t begin, uint64_t end);
/* Does any of [begin, end) belong to the set? */
bool rp__intervals_touch(const struct rp__intervals *set, uint64_t begin, uint64_t end);
/* Numbers in the set. */
uint64_t rp__intervals_total(const struct rp__intervals *set);
/* The first gap not below `from`: [gap->begin, gap->end), whose end is UINT64_MAX when nothing follows. */
void rp__intervals_gap(const struct rp__intervals *set, uint64_t from, struct rp__interval *gap);
void rp__intervals_free(struct rp__intervals *set);

#endif
