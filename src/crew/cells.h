/* The memory of values and arrays at their home, and how the other processes of the node come to it: a file without a
 * name (memfd) that they open through /proc.
 *
 * Words that change hands are marked. The word before an array's is rp__cells_mark(object) while it lives: who has it
 * mapped looks there first, and finds another mark, or none, once it was freed. */
#ifndef RP_CREW_CELLS_H
#define RP_CREW_CELLS_H

#include "core/call.h"

struct rp__cells;

/* NULL when out of memory. Freed when no home has words of it any more; who has them mapped keeps what it mapped. */
struct rp__cells *rp__cells_new(void);
void rp__cells_free(struct rp__cells *cells);
/* For rp__home_new; lent until it is freed. */
struct rp__cell_memory rp__cells_memory(struct rp__cells *cells);
/* Where the words of the object are; false: there is none of this id. */
bool rp__cells_find(const struct rp__cells *cells, uint64_t object, struct rp__cells_at *at);

/* Map the words of an array of this node, whoever is its home; NULL: they cannot be, or they are no longer there. */
_Atomic uint64_t *rp__cells_map(const struct rp__cells_at *at);
void rp__cells_unmap(_Atomic uint64_t *words, const struct rp__cells_at *at);

/* What a process has found out about arrays that it uses. All zero is empty. */
enum { RP__CELLS_BUCKETS = 512 };
struct rp__cells_known {
    struct rp__cells_known *next;
    struct rp__cells_at at;
    _Atomic uint64_t *words; /* NULL: they are not on this node */
    bool kept;               /* lent for as long as the array lives; else loose */
};
struct rp__cells_table {
    struct rp__cells_known *bucket[RP__CELLS_BUCKETS];
    uint32_t loose;
};

/* NULL: nothing is known. */
struct rp__cells_known *rp__cells_known(struct rp__cells_table *table, uint64_t object);
/* Is there room for one more that is loose? If not, forget some, or do without. */
bool rp__cells_has_room(const struct rp__cells_table *table);
/* The words are there, or where `at` is NULL on another node. NULL: out of memory. */
struct rp__cells_known *rp__cells_learn(struct rp__cells_table *table, uint64_t object, const struct rp__cells_at *at);
void rp__cells_keep(struct rp__cells_table *table, struct rp__cells_known *known);
/* Those that are loose, or all. */
void rp__cells_forget(struct rp__cells_table *table, bool kept_too);

#endif
