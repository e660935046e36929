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

#endif
