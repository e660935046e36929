/* The inputs of a fed map, from when they are put until their tasks are done, so that a chunk can be dealt again.
 * Bytes lie as records (core/record.h) in blocks, one a batch that was put; a chunk's inputs are cut out of them. */
#ifndef RP_CORE_ITEMS_H
#define RP_CORE_ITEMS_H

#include "core/buffer.h"

#include <stdbool.h>

struct rp__items_block;

struct rp__items {
    struct rp__items_block **block; /* [count], from `first` on, sorted by task */
    size_t first, count, capacity;
    size_t bytes; /* held */
    size_t grown; /* of these, what tasks have added */
};

/* Add `tasks` records, numbered from `begin` = the end of the last block. Takes the bytes of `records` (it is empty
 * afterwards if this succeeds). 0, RP_ENOMEM, RP_EPROTOCOL (not that many whole records). */
int rp__items_add(struct rp__items *items, uint64_t begin, uint64_t tasks, struct rp__buffer *records);
/* The batch that was added last came from tasks, not from the program. */
void rp__items_mark_grown(struct rp__items *items);
/* The records of [begin, end): pointer and size if they lie in one block, else copied into `scratch`. Lent until
 * the next call that changes items or scratch. 0, RP_ENOMEM. The tasks must be held. */
int rp__items_get(const struct rp__items *items, uint64_t begin, uint64_t end, struct rp__buffer *scratch,
                  const uint8_t **data, size_t *size);
/* The tasks are done: a block whose tasks all are is freed. */
void rp__items_done(struct rp__items *items, uint64_t begin, uint64_t end);
/* Where a chunk from `begin` of at most `end` must end to hold no more than `bytes` of input; at least one task. */
uint64_t rp__items_fit(const struct rp__items *items, uint64_t begin, uint64_t end, size_t bytes);
void rp__items_free(struct rp__items *items);

#endif
