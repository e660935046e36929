/* Inputs held until done, see items.h. */
#include "core/items.h"

#include "core/record.h"
#include "rankpool.h"

#include <stdlib.h>

struct rp__items_block {
    uint64_t begin, tasks, left; /* left: not done yet */
    bool grown;
    struct rp__buffer records;
    size_t *offset; /* [tasks + 1] */
};

static void free_block(struct rp__items_block *block) {
    if (!block) return;
    rp__buffer_free(&block->records);
    free(block->offset);
    free(block);
}

static bool index_records(struct rp__items_block *block) {
    size_t at = 0;
    for (uint64_t task = 0; task < block->tasks; task++) {
        const uint8_t *data;
        size_t size;
        bool failed;
        size_t length = rp__record_read(block->records.data + at, block->records.size - at, &data, &size, &failed);
        if (!length) return false;
        block->offset[task] = at;
        at += length;
    }
    block->offset[block->tasks] = at;
    return at == block->records.size;
}

static bool room_for_block(struct rp__items *items) {
    if (items->first + items->count < items->capacity) return true;
    if (items->first > items->capacity / 2) {
        for (size_t i = 0; i < items->count; i++) items->block[i] = items->block[items->first + i];
        items->first = 0;
        return true;
    }
    size_t capacity = items->capacity ? 2 * items->capacity : 16;
    struct rp__items_block **block = realloc(items->block, capacity * sizeof *block);
    if (!block) return false;
    items->block = block;
    items->capacity = capacity;
    return true;
}

int rp__items_add(struct rp__items *items, uint64_t begin, uint64_t tasks, struct rp__buffer *records) {
    struct rp__items_block *block = calloc(1, sizeof *block);
    if (!block || !room_for_block(items) || !(block->offset = malloc((tasks + 1) * sizeof *block->offset))) {
        free_block(block);
        return RP_ENOMEM;
    }
    block->begin = begin;
    block->tasks = block->left = tasks;
    block->records = *records;
    if (!index_records(block)) {
        block->records = (struct rp__buffer){0}; /* still the caller's */
        free_block(block);
        return RP_EPROTOCOL;
    }
    *records = (struct rp__buffer){0};
    items->block[items->first + items->count++] = block;
    items->bytes += block->records.size;
    return 0;
}

void rp__items_mark_grown(struct rp__items *items) {
    struct rp__items_block *block = items->block[items->first + items->count - 1];
    block->grown = true;
    items->grown += block->records.size;
}

/* The block that holds `task`, as an index from `first`. */
static size_t find(const struct rp__items *items, uint64_t task) {
    size_t low = 0, high = items->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (items->block[items->first + middle]->begin <= task)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int rp__items_get(const struct rp__items *items, uint64_t begin, uint64_t end, struct rp__buffer *scratch,
                  const uint8_t **data, size_t *size) {
    scratch->size = 0;
    for (size_t i = find(items, begin); begin < end; i++) {
        const struct rp__items_block *block = items->block[items->first + i];
        uint64_t low = begin - block->begin;
        uint64_t high = end - block->begin < block->tasks ? end - block->begin : block->tasks;
        const uint8_t *from = block->records.data ? block->records.data + block->offset[low] : NULL;
        size_t length = block->offset[high] - block->offset[low];
        begin = block->begin + high;
        if (begin == end && scratch->size == 0) {
            *data = from;
            *size = length;
            return 0;
        }
        if (rp__buffer_append(scratch, from, length)) return RP_ENOMEM;
    }
    *data = scratch->data;
    *size = scratch->size;
    return 0;
}

void rp__items_done(struct rp__items *items, uint64_t begin, uint64_t end) {
    for (size_t i = find(items, begin); begin < end && i < items->count; i++) {
        struct rp__items_block *block = items->block[items->first + i];
        uint64_t high = end < block->begin + block->tasks ? end : block->begin + block->tasks;
        block->left -= high - begin;
        begin = high;
        if (block->left || !block->records.data) continue;
        items->bytes -= block->records.size;
        if (block->grown) items->grown -= block->records.size;
        rp__buffer_free(&block->records);
        free(block->offset); /* the block itself stays while one before it does */
        block->offset = NULL;
    }
    while (items->count && !items->block[items->first]->left) {
        free_block(items->block[items->first]);
        items->first++;
        items->count--;
    }
}

uint64_t rp__items_fit(const struct rp__items *items, uint64_t begin, uint64_t end, size_t bytes) {
    uint64_t at = begin;
    for (size_t i = find(items, begin); at < end; i++) {
        const struct rp__items_block *block = items->block[items->first + i];
        uint64_t low = at - block->begin;
        uint64_t high = end - block->begin < block->tasks ? end - block->begin : block->tasks;
        if (block->offset[high] - block->offset[low] <= bytes) {
            bytes -= block->offset[high] - block->offset[low];
            at = block->begin + high;
            continue;
        }
        uint64_t fits = low; /* the most tasks of this block that fit, by halving */
        while (high - fits > 1) {
            uint64_t middle = fits + (high - fits) / 2;
            if (block->offset[middle] - block->offset[low] <= bytes)
                fits = middle;
            else
                high = middle;
        }
        at = block->begin + fits;
        break;
    }
    return at > begin ? at : begin + 1;
}

void rp__items_free(struct rp__items *items) {
    for (size_t i = 0; i < items->count; i++) free_block(items->block[items->first + i]);
    free(items->block);
    *items = (struct rp__items){0};
}
