/* A table by the object's id; see cells.h. */
#include "crew/cells.h"

#include <stdlib.h>

enum { LOOSE_MAX = 4096 }; /* mappings; the system allows a process about 65,000 */

static struct rp__cells_known **bucket_of(struct rp__cells_table *table, uint64_t object) {
    return &table->bucket[object % RP__CELLS_BUCKETS];
}

struct rp__cells_known *rp__cells_known(struct rp__cells_table *table, uint64_t object) {
    struct rp__cells_known *known = *bucket_of(table, object);
    while (known && known->at.object != object) known = known->next;
    return known;
}

bool rp__cells_has_room(const struct rp__cells_table *table) { return table->loose < LOOSE_MAX; }

struct rp__cells_known *rp__cells_learn(struct rp__cells_table *table, uint64_t object, const struct rp__cells_at *at) {
    struct rp__cells_known *known = calloc(1, sizeof *known), **bucket = bucket_of(table, object);
    if (!known) return NULL;
    if (at) known->at = *at;
    known->at.object = object;
    if (at) known->words = rp__cells_map(at);
    known->next = *bucket;
    table->loose++;
    return *bucket = known;
}

void rp__cells_keep(struct rp__cells_table *table, struct rp__cells_known *known) {
    if (known->kept) return;
    known->kept = true;
    table->loose--;
}

void rp__cells_forget(struct rp__cells_table *table, bool kept_too) {
    for (size_t i = 0; i < RP__CELLS_BUCKETS; i++)
        for (struct rp__cells_known **at = &table->bucket[i], *known; (known = *at);) {
            if (known->kept && !kept_too) {
                at = &known->next;
                continue;
            }
            *at = known->next;
            if (known->words) rp__cells_unmap(known->words, &known->at);
            free(known);
        }
    table->loose = 0;
}
