/* Tasks of a map that are not to be computed, since an earlier run has: sorted spans that do not touch, which never
 * change. All zero is none. Every question is a binary search, so that a million spans cost as much as one. */
#ifndef RP_CORE_SKIP_H
#define RP_CORE_SKIP_H

#include "core/interval.h"
#include "rankpool.h"

struct rp__skipped; /* skip.c: a span, and how many tasks are skipped before it */

struct rp__skip {
    struct rp__skipped *at; /* [count] */
    size_t count;
};

/* Are these sorted and apart, and none of them empty? */
bool rp__skip_is_valid(const rp_span *spans, size_t count);
/* Copies valid spans. 0 or RP_ENOMEM. */
int rp__skip_init(struct rp__skip *skip, const rp_span *spans, size_t count);
void rp__skip_free(struct rp__skip *skip);
/* How many of the tasks [0, task) are skipped. */
uint64_t rp__skip_below(const struct rp__skip *skip, uint64_t task);
/* The first tasks not below `from` that are not skipped, up to the next span; its end is UINT64_MAX when none follows. */
struct rp__interval rp__skip_gap(const struct rp__skip *skip, uint64_t from);
/* The first span that ends above `from`, which it may begin before; empty when none does. */
struct rp__interval rp__skip_next(const struct rp__skip *skip, uint64_t from);
/* [begin, end) with the spans that it touches on both sides. */
struct rp__interval rp__skip_join(const struct rp__skip *skip, uint64_t begin, uint64_t end);

#endif
