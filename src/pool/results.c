/* Results of many tasks, each at its number. Their bytes stay in the parts in which they came: nothing is copied. */
#include "core/error.h"
#include "pool/collector.h"

#include <stdlib.h>

/* What rp_results.result points into. */
struct block {
    struct rp__part *parts;
    rp_result result[];
};

static struct block *block_of(const rp_results *results) {
    return (struct block *)((uint8_t *)results->result - offsetof(struct block, result));
}

int rp__results_init(rp_results *results, size_t count) {
    if (count > (PTRDIFF_MAX - sizeof(struct block)) / sizeof(rp_result)) return RP_ENOMEM;
    struct block *block = calloc(1, sizeof *block + count * sizeof(rp_result));
    if (!block) return RP_ENOMEM;
    *results = (rp_results){.count = count, .first_failed = count, .result = block->result};
    return 0;
}

void rp_results_free(rp_results *results) {
    if (!results || !results->result) return;
    struct block *block = block_of(results);
    for (struct rp__part *part = block->parts, *next; part; part = next) {
        next = part->next;
        rp__part_free(part);
    }
    free(block);
    *results = (rp_results){0};
}

static void set(rp_results *results, size_t at, const rp_result *result) {
    results->result[at] = *result;
    results->result[at].begin = at;
    results->result[at].end = at + 1;
    if (!result->status) return;
    results->failed++;
    if (at < results->first_failed) results->first_failed = at;
}

size_t rp__results_add(rp_results *results, uint64_t first, struct rp__part *part) {
    struct block *block = block_of(results);
    size_t at = 0, tasks = (size_t)(part->end - part->begin);
    uint64_t task = part->begin;
    rp_result result;
    part->next = block->parts;
    block->parts = part;
    /* The master has seen that there is a record for every task. */
    while (rp__part_read(part, 1, &at, &task, &result) == 1)
        for (uint64_t i = result.begin; i < result.end && i - first < results->count; i++)
            set(results, (size_t)(i - first), &result);
    return tasks;
}

int rp__results_judge(const rp_results *results, rp_error *error) {
    if (!results->failed) return 0;
    const rp_result *result = &results->result[results->first_failed];
    int size = result->size < 200 ? (int)result->size : 200;
    return rp__fail(error, result->status, "task %zu: %.*s (%zu of %zu failed)", results->first_failed, size,
                    (const char *)result->data, results->failed, results->count);
}
