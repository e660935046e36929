/* The two containers of the machine in home.h: tables by number and lists of who waits. */
#include "core/home_object.h"

#include <stdlib.h>

enum { FIRST_BUCKETS = 64 };

static size_t bucket_of(const struct rp__table *table, uint64_t key) {
    return (size_t)((key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (table->buckets - 1);
}

bool rp__table_open(struct rp__table *table) {
    table->bucket = calloc(FIRST_BUCKETS, sizeof(struct rp__node *));
    table->buckets = FIRST_BUCKETS;
    return table->bucket != NULL;
}

struct rp__node *rp__table_find(const struct rp__table *table, uint64_t key) {
    struct rp__node *node = table->bucket[bucket_of(table, key)];
    while (node && node->key != key) node = node->chain;
    return node;
}

/* Without memory for more buckets the chains only become longer. */
static void grow(struct rp__table *table) {
    struct rp__table grown = {.buckets = 4 * table->buckets};
    grown.bucket = calloc(grown.buckets, sizeof(struct rp__node *));
    if (!grown.bucket) return;
    for (size_t i = 0; i < table->buckets; i++)
        for (struct rp__node *node = table->bucket[i], *next; node; node = next) {
            next = node->chain;
            rp__table_add(&grown, node);
        }
    free(table->bucket);
    *table = grown;
}

void rp__table_add(struct rp__table *table, struct rp__node *node) {
    if (table->count == table->buckets) grow(table);
    struct rp__node **bucket = &table->bucket[bucket_of(table, node->key)];
    node->chain = *bucket;
    *bucket = node;
    table->count++;
}

void rp__table_remove(struct rp__table *table, struct rp__node *node) {
    struct rp__node **at = &table->bucket[bucket_of(table, node->key)];
    while (*at != node) at = &(*at)->chain;
    *at = node->chain;
    table->count--;
}

void rp__waits_add(struct rp__waits *waits, struct rp__object *object, struct rp__party *party) {
    party->object = object;
    party->waits = waits;
    party->before = waits->last;
    party->after = NULL;
    *(waits->last ? &waits->last->after : &waits->first) = party;
    waits->last = party;
}

void rp__waits_remove(struct rp__party *party) {
    struct rp__waits *waits = party->waits;
    *(party->before ? &party->before->after : &waits->first) = party->after;
    *(party->after ? &party->after->before : &waits->last) = party->before;
    party->object = NULL;
    party->waits = NULL;
}
